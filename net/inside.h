/* net/inside.h - the stack that is reached through a gateway in the process.
 * SPDX-License-Identifier: ISC
 *
 * What open.c, open_gateway.c, inside.c and inside_udp.c share.
 */
#ifndef NET_INSIDE_H
#define NET_INSIDE_H

#include "../lwt/memory.h"

#include "lwt-net.h"

struct inside_listener;
struct inside_udp;

struct net_inside {
  struct lwt_stack stack;
  struct lwt_stack *outer, *server, *client;
  struct lwt_net_hub *hub;
  struct lwt_net_pcap *pcap;
  struct lwt_addr addr, client_addr; /* port 0 */
  struct lwt_addr host;
  struct lwt_net_port *ports;
  size_t n_ports;
  struct lwt_net_gateway_config config;
  struct inside_listener *listeners;
  struct inside_udp *udps;
  unsigned busy; /* gateways and carried connections: they use the stacks */
  unsigned refs; /* the stack, and whoever uses this struct */
  int closing;
  struct lwt_resolver idle; /* busy is 0 */
};

/* open.c: the file of packets that the options want, or NULL; and the end of a promise
 * that nobody can wait for. */
int net_open_capture(const struct lwt_net_options *o, struct lwt_net_pcap **pcap);
void net_open_let_go(lwt_t *p);

/* Make a zeroed struct a stack, still without anything inside. */
void net_inside_init(struct net_inside *in);

/* Close and free what is there, some of which may be missing. */
lwt_t *net_inside_close(struct net_inside *in) LWT_MUST_USE;
void net_inside_unref(struct net_inside *in);

/* One more, one less that is busy; holds the struct too. */
void net_inside_begin(struct net_inside *in);
void net_inside_end(void *in);

/* Where the host listens for a port of the program. */
struct lwt_addr net_inside_host(const struct net_inside *in, uint16_t port);
int net_inside_has(const struct net_inside *in, const struct lwt_addr *addr);

/* Close the endpoints' insides; the program still holds them. */
void net_inside_udp_detach_all(struct net_inside *in);
int net_inside_udp(struct lwt_stack *stack, const struct lwt_addr *addr,
                   struct lwt_udp **udp);

#endif
