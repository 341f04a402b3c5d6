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
  config.addr = o->gateway;
  config.gateway.family = 0;
  error = platform->random(config.secret, sizeof config.secret);
  return error ? error : add_stack(in, &config, &in->client);
}

int lwt_net_open_gateway(const struct lwt_net_platform *platform,
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
    net_open_let_go(net_inside_close(in));
  else
    *stack = &in->stack;
  return error;
}
