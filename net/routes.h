/* net/routes.h - the routing table, next hops, and what is known of paths.
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_ROUTES_H
#define NET_ROUTES_H

#include "interface.h"

struct net_routes;
struct net_paths;

int net_routes_init(struct net_stack *s);
void net_routes_fini(struct net_stack *s);

/* As lwt_ip_route_add() and _remove(). */
int net_routes_add(struct net_stack *s, const struct lwt_ip_route *route);
int net_routes_remove(struct net_stack *s, const struct lwt_ip_route *route);
/* All that lead through an interface. */
void net_routes_drop_if(struct net_stack *s, uint32_t index);
/* The best route to dst, through the interface (0: any that is not down); NULL. */
const struct lwt_ip_route *net_routes_find(const struct net_stack *s,
                                           const struct lwt_addr *dst, uint32_t index);
/* A neighbour does not answer: if it is a gateway, other routes are preferred for a
 * minute, if there are any. */
void net_routes_dead(struct net_if *nif, const struct lwt_addr *gateway);
/* Whether the interface has a route through this gateway. */
int net_routes_is_gateway(const struct net_stack *s, const struct lwt_addr *addr,
                          uint32_t index);
void net_routes_dump(const struct net_stack *s, FILE *out);
/* Whether the same way to the same place is there. */
int net_routes_has(const struct net_stack *s, const struct lwt_ip_route *route);
size_t net_routes_list(const struct net_stack *s, struct lwt_ip_route *list, size_t max);

/* How many leading bits of the two addresses (of one family) are the same. */
unsigned net_prefix_common(const struct lwt_addr *a, const struct lwt_addr *b);

/* ---- The next hop (hop.c) ----------------------------------------------- */

enum net_hop_kind { NET_HOP_SELF, NET_HOP_BROADCAST, NET_HOP_MULTICAST,
                    NET_HOP_NEIGHBOUR };

struct net_hop {
  enum net_hop_kind kind;
  uint8_t no_loop;     /* MULTICAST: not to ourselves too */
  struct net_if *nif;  /* where it leaves; SELF: the loopback interface */
  uint16_t mtu;        /* of the path */
  uint16_t most;       /* of the route, whoever sends; 0: the interface's */
  struct lwt_addr src; /* to be used if there is none yet; family 0: none */
  struct lwt_addr next; /* NEIGHBOUR */
};

/* The way to dst.  src: what the packets come from; NULL or unspecified if that
 * is still to be chosen.  index: of the interface to leave through, 0: any.
 * Returns 0, LWT_ENETUNREACH, LWT_ENOTSUP (family). */
int net_hop_find(struct net_stack *s, const struct lwt_addr *dst,
                 const struct lwt_addr *src, uint32_t index, struct net_hop *hop);

/* ---- Paths (path.c) ----------------------------------------------------- */

/* What is known of the path's MTU, else 0. */
uint16_t net_path_mtu(const struct net_stack *s, const struct lwt_addr *dst);
/* Set it, if it is less than `link`, the interface's.  At least 552 (IPv4) or
 * 1280; forgotten after ten minutes (RFC 1191 6.3). */
void net_path_set(struct net_stack *s, const struct lwt_addr *dst, uint16_t mtu);
void net_paths_fini(struct net_stack *s);
size_t net_paths_count(const struct net_stack *s);

#endif
