/* net/open_gateway.c - a stack of ours inside the process (inside.c).
 * SPDX-License-Identifier: ISC
 *
 * In a file of its own: a program whose platform's table does not name it is
 * linked without hub and gateways.
 */
#include "inside.h"
#include "net.h"

#include <string.h>

static int add_stack(struct net_inside *in, const struct lwt_net_config *config,
                     struct lwt_stack **stack)
{
  struct lwt_netif *port;
  int error = lwt_net_hub_port(in->hub, NULL, &port);

  if (error)
    return error;
  error = lwt_net_stack_new(port, config, stack);
  if (error)
    net_open_let_go(port->ops->close(port));
  return error;
}

/* The first address of the network of an IPv6 address, if that is not ours. */
static void first_of(const struct lwt_addr *ours, unsigned prefix, struct lwt_addr *first)
{
  unsigned i;

  *first = *ours;
  for (i = 0; i < 16; i++)
    if (8 * i >= prefix)
      first->ip[i] = 0;
    else if (8 * i + 8 > prefix)
      first->ip[i] &= (uint8_t)(0xff << (8 * i + 8 - prefix));
  first->ip[15] |= 1;
  if (prefix > 126 || net_addr_same(first, ours))
    first->family = 0;
}

/* Whom the outside comes in as: the stack's gateway, of the same family. */
static int complete(struct lwt_net_options *o)
{
  struct lwt_net_config *c = &o->net;

  if (o->addr.family == 6) {
    if (!o->gateway.family)
      first_of(&o->addr, c->prefix6, &o->gateway);
    c->gateway6 = o->gateway;
    c->unchecked6 = 1; /* nobody else is there */
  }
  return o->gateway.family == o->addr.family && !net_addr_same(&o->gateway, &o->addr)
           ? 0
           : LWT_EINVAL;
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
    error = net_open_capture(o, &in->pcap);
  if (error)
    return error;
  lwt_net_hub_tap(in->hub, in->pcap);
  error = add_stack(in, &config, &in->server);
  if (error)
    return error;
  *(o->addr.family == 6 ? &config.addr6 : &config.addr) = o->gateway;
  config.gateway.family = config.gateway6.family = 0;
  error = platform->random(config.secret, sizeof config.secret);
  return error ? error : add_stack(in, &config, &in->client);
}

int lwt_net_open_gateway(const struct lwt_net_platform *platform,
                         const struct lwt_net_options *options,
                         struct lwt_stack **stack)
{
  struct lwt_net_options o = *options;
  struct net_inside *in;
  int error = complete(&o);

  if (error)
    return error;
  in = lwt__alloc(sizeof *in);
  if (!in)
    return LWT_ENOMEM;
  memset(in, 0, sizeof *in);
  net_inside_init(in);
  error = fill(in, platform, &o);
  if (error)
    net_open_let_go(net_inside_close(in));
  else
    *stack = &in->stack;
  return error;
}
