/* net/open.c - a stack by name: the platform's, ours over a device, or ours
 * inside the process (open_gateway.c).
 * SPDX-License-Identifier: ISC
 */
#include "inside.h"
#include "net.h"

#include <string.h>

#define OUR_ADDRESS "10.0.0.2"
#define GATEWAY_ADDRESS "10.0.0.1"
#define PREFIX 24

/* An address of IPv6 is all that the stack has, beside what is its own in any case. */
static int complete6(struct lwt_net_options *o)
{
  struct lwt_net_config *c = &o->net;

  if (o->gateway.family == 4 || o->prefix > 128)
    return LWT_EINVAL;
  o->addr.port = o->gateway.port = 0;
  c->addr6 = o->addr;
  c->prefix6 = o->prefix ? o->prefix : 64;
  c->gateway6 = o->gateway;
  c->addr.family = c->gateway.family = 0;
  if (!c->ipv6)
    c->ipv6 = LWT_NET_IPV6_STATIC;
  return 0;
}

/* The options with the defaults filled in. */
static int complete(struct lwt_net_options *o)
{
  struct lwt_net_config *c = &o->net;
  struct lwt_addr gateway;

  if (o->no_addr)
    return 0;
  if (!o->host.family)
    lwt_addr_parse(&o->host, "127.0.0.1");
  o->host.port = 0;
  if (o->addr.family == 6)
    return complete6(o);
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
  o->addr.port = o->gateway.port = 0;
  c->addr = o->addr;
  c->prefix = o->prefix;
  c->gateway = o->gateway;
  return 0;
}

int net_open_capture(const struct lwt_net_options *o, struct lwt_net_pcap **pcap)
{
  *pcap = NULL;
  return o->capture ? lwt_net_pcap_new(o->capture, 0, 0, pcap) : 0;
}

/* ---- Over a device ----------------------------------------------------- */

void net_open_let_go(lwt_t *p)
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
  error = net_open_capture(o, &pcap);
  if (!error)
    error = platform->stack(netif, &o->net, stack);
  if (error) {
    if (pcap)
      lwt_net_pcap_free(pcap);
    net_open_let_go(netif->ops->close(netif));
    return error;
  }
  ((struct net_stack *)*stack)->own_pcap = pcap;
  lwt_net_stack_tap(*stack, pcap);
  return 0;
}

int lwt_net_open_on(const struct lwt_net_platform *platform, const char *name,
                    const struct lwt_net_options *options, struct lwt_stack **stack)
{
  struct lwt_net_options o = { 0 };
  int error;

  if (options)
    o = *options;
  if (!name || !strcmp(name, "sockets"))
    return o.no_addr ? LWT_ENOTSUP : platform->sockets(stack);
  error = complete(&o);
  if (!error)
    error = platform->random(o.net.secret, sizeof o.net.secret);
  if (error)
    return error;
  if (!strcmp(name, "gateway") && ((o.addr.family == 4 && o.net.ipv6) || o.no_addr))
    return LWT_ENOTSUP;
  if (!strcmp(name, "gateway"))
    return platform->gateway ? platform->gateway(platform, &o, stack) : LWT_ENODEV;
  return open_device(platform, name, &o, stack);
}
