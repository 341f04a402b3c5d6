/* net/open.c - a stack by name: the platform's, ours over a device, or ours
 * inside the process (inside.c).
 * SPDX-License-Identifier: ISC
 */
#include "inside.h"
#include "net.h"

#include <string.h>

#define OUR_ADDRESS "10.0.0.2"
#define GATEWAY_ADDRESS "10.0.0.1"
#define PREFIX 24

/* The options with the defaults filled in. */
static int complete(struct lwt_net_options *o)
{
  struct lwt_net_config *c = &o->net;
  struct lwt_addr gateway;

  if (!o->addr.family) {
    lwt_addr_parse(&o->addr, OUR_ADDRESS);
    o->prefix = PREFIX;
  }
  if (!o->prefix)
    o->prefix = PREFIX;
  if (o->addr.family != 4 || o->prefix > 32)
    return LWT_EINVAL;
  lwt_addr_parse(&gateway, GATEWAY_ADDRESS);
  if (!o->gateway.family &&
      !((net_ip4(&gateway) ^ net_ip4(&o->addr)) & (UINT32_MAX << (32 - o->prefix))))
    o->gateway = gateway;
  if (!o->host.family)
    lwt_addr_parse(&o->host, "127.0.0.1");
  o->addr.port = o->gateway.port = o->host.port = 0;
  c->addr = o->addr;
  c->prefix = o->prefix;
  c->gateway = o->gateway;
  return 0;
}

static int capture(const struct lwt_net_options *o, struct lwt_net_pcap **pcap)
{
  *pcap = NULL;
  return o->capture ? lwt_net_pcap_new(o->capture, 0, 0, pcap) : 0;
}

/* ---- Over a device ----------------------------------------------------- */

/* A promise that nobody can wait for. */
static void let_go(lwt_t *p)
{
  lwt_error(p);
  lwt_drop(p);
}

static int open_device(const struct lwt_net_platform *platform, const char *name,
                       const struct lwt_net_options *o, struct lwt_stack **stack)
{
  struct lwt_net_pcap *pcap;
  struct lwt_netif *netif;
  int error = platform->netif(name, &netif);

  if (error)
    return error;
  error = capture(o, &pcap);
  if (!error)
    error = lwt_net_stack_new(netif, &o->net, stack);
  if (error) {
    if (pcap)
      lwt_net_pcap_free(pcap);
    let_go(netif->ops->close(netif));
    return error;
  }
  ((struct net_stack *)*stack)->own_pcap = pcap;
  lwt_net_stack_tap(*stack, pcap);
  return 0;
}

/* ---- Inside ------------------------------------------------------------ */

static int add_stack(struct net_inside *in, const struct lwt_net_config *config,
                     struct lwt_stack **stack)
{
  struct lwt_netif *port;
  int error = lwt_net_hub_port(in->hub, NULL, &port);

  if (error)
    return error;
  error = lwt_net_stack_new(port, config, stack);
  if (error)
    let_go(port->ops->close(port));
  return error;
}

static int fill(struct net_inside *in, const struct lwt_net_platform *platform,
                const struct lwt_net_options *o)
{
  struct lwt_net_hub_config hub = { 0 };
  struct lwt_net_config config = o->net;
  int error;

  in->addr = o->addr;
  in->client_addr = o->gateway;
  in->host = o->host;
  in->config = o->gateways;
  if (o->n_ports) {
    in->ports = lwt__alloc(o->n_ports * sizeof *in->ports);
    if (!in->ports)
      return LWT_ENOMEM;
    memcpy(in->ports, o->ports, o->n_ports * sizeof *in->ports);
    in->n_ports = o->n_ports;
  }
  error = platform->sockets(&in->outer);
  if (!error)
    error = lwt_net_hub_new(&hub, &in->hub);
  if (!error)
    error = capture(o, &in->pcap);
  if (error)
    return error;
  lwt_net_hub_tap(in->hub, in->pcap);
  error = add_stack(in, &config, &in->server);
  if (error)
    return error;
  config.addr = o->gateway;
  config.gateway.family = 0;
  error = platform->random(config.secret, sizeof config.secret);
  return error ? error : add_stack(in, &config, &in->client);
}

static int open_inside(const struct lwt_net_platform *platform,
                       const struct lwt_net_options *o, struct lwt_stack **stack)
{
  struct net_inside *in;
  int error;

  if (!o->gateway.family)
    return LWT_EINVAL;
  in = lwt__alloc(sizeof *in);
  if (!in)
    return LWT_ENOMEM;
  memset(in, 0, sizeof *in);
  net_inside_init(in);
  error = fill(in, platform, o);
  if (error)
    let_go(net_inside_close(in));
  else
    *stack = &in->stack;
  return error;
}

int lwt_net_open_on(const struct lwt_net_platform *platform, const char *name,
                    const struct lwt_net_options *options, struct lwt_stack **stack)
{
  struct lwt_net_options o = { 0 };
  int error;

  if (!name || !strcmp(name, "sockets"))
    return platform->sockets(stack);
  if (options)
    o = *options;
  error = complete(&o);
  if (!error)
    error = platform->random(o.net.secret, sizeof o.net.secret);
  if (error)
    return error;
  if (!strcmp(name, "gateway"))
    return open_inside(platform, &o, stack);
  return open_device(platform, name, &o, stack);
}
