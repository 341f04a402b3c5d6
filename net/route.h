/* net/route.h - the way of a flow's packets, looked up once; not installed.
 * SPDX-License-Identifier: ISC
 *
 * What a transport sends to one destination differs in length and checksums
 * only: a route keeps the Ethernet and IP headers and what they add to the
 * sums.  It holds as long as nothing changes that it was made of: a neighbour's
 * address or existence, the routing table, our addresses, a path's MTU
 * (net_routes_changed()).
 */
#ifndef NET_ROUTE_H
#define NET_ROUTE_H

#include "net.h"
#include "wire.h"
#include "wire6.h"

enum { NET_ROUTE_HEADERS = NET_ETHER_LEN + NET_IPV4_LEN,
       NET_ROUTE_HEADERS6 = NET_ETHER_LEN + NET_IPV6_LEN };

/* All zero: not known. */
struct net_route {
  uint32_t age;                  /* of s->route_age when it was made */
  uint16_t mtu;                  /* of the path */
  struct net_if *nif;
  struct neighbour *hop;
  uint8_t proto, head_len;       /* bytes of head */
  uint8_t plain;                 /* IPv4, and no sum is left to the device */
  uint8_t head[NET_ROUTE_HEADERS6];
  uint32_t ip_sum, pseudo_sum;   /* without the lengths; not folded */
};

/* How a frame began whose receiver was looked up (next.h).  nif NULL: none. */
struct net_same {
  struct net_if *nif;
  uint32_t age;     /* of s->route_age */
  uint8_t head[38]; /* up to the ports */
};

/* What routes were made of has changed. */
static inline void net_routes_changed(struct net_stack *s)
{
  if (++s->route_age == 0)
    s->route_age = 1;
}

/* Whether packets to dst may take the route: it is made anew if need be.  0:
 * they go through net_ip_send() (to ourselves, a group, a neighbour who is not
 * known). */
int net_route_find(struct net_stack *s, struct net_route *route,
                   const struct lwt_addr *src, const struct lwt_addr *dst,
                   uint8_t proto);

/* The other end has got what went that way: the neighbour is there (RFC 4861 7.3.1). */
void net_route_confirm(struct net_stack *s, const struct net_route *route);

/* Send a segment with room for the headers in its first page, which nobody else
 * sees, as net_csum_finish() and net_ip_send() would: with tos; with df for TCP,
 * else with this identification.  The checksum field at csum_offset is zero.  Takes
 * segment; the same errors. */
int net_route_send(struct net_stack *s, const struct net_route *route,
                   uint16_t csum_offset, uint8_t tos, uint16_t id,
                   struct lwt_buf *segment);

/* The headers in front of a segment of total bytes, route->head_len of them, for many
 * of TCP that are sent now and are alike. */
void net_route_head(struct net_stack *s, const struct net_route *route, uint8_t tos,
                    uint32_t total, uint8_t *head);

/* The same over a plain route for a segment that is not too long, its sum done. */
int net_route_pass(struct net_stack *s, const struct net_route *route, uint8_t tos,
                   uint16_t id, struct lwt_buf *segment);

#endif
