/* net/forward.h - what the files of forwarding share; not installed.
 * SPDX-License-Identifier: ISC
 *
 *   forward.c    lwt_ip_forward(); IPv4
 *   forward6.c   IPv6
 *   gso.c        packets of several segments, cut where a device does not do it
 *
 * The rest of the stack knows the table only (s->forwarding, NULL: a host), so that
 * a program that is no router is linked without these.
 */
#ifndef NET_FORWARD_H
#define NET_FORWARD_H

#include "net.h"

struct net_forwarding {
  /* A packet that is not for us, without its header (which ip has).  Take it. */
  void (*ipv4)(const struct net_ip_info *ip, struct lwt_buf *payload);
  void (*ipv6)(const struct net_ip_info *ip, struct lwt_buf *payload);
  /* A packet that is not ours (from its IP header on) found no neighbour on nif.
   * Borrow it. */
  void (*no_neighbour)(struct net_stack *s, const struct lwt_buf *packet);
  void (*no_neighbour6)(struct net_stack *s, const struct lwt_buf *packet);
};

void net_ipv6_forward(const struct net_ip_info *ip, struct lwt_buf *payload);
void net_ipv6_forward_failed(struct net_stack *s, const struct lwt_buf *packet);

/* ---- Size (gso.c) -------------------------------------------------------- */

enum net_fit {
  NET_FIT_WHOLE,   /* may be sent as it is */
  NET_FIT_CUT,     /* segments, to be cut first */
  NET_FIT_LARGE,   /* larger than the interface's packets: it, or its segments */
  NET_FIT_BAD      /* segments that nobody can make */
};

/* Whether a payload fits behind an IP header of so many bytes, to leave through out in
 * packets of mtu bytes. */
enum net_fit net_gso_fit(const struct net_ip_info *ip, const struct lwt_buf *payload,
                         uint32_t header_len, const struct net_if *out, uint16_t mtu);

/* Segments of a packet, one after the other. */
struct net_gso {
  struct net_stack *s;
  struct lwt_addr src, dst;
  struct lwt_buf *packet;
  uint32_t at, offloads;
  uint32_t n;          /* segments made */
  uint8_t tcp[60];     /* the header, as it was */
  uint32_t header_len;
};
/* For NET_FIT_CUT.  Takes payload, which net_gso_end() frees. */
void net_gso_begin(struct net_gso *g, const struct net_ip_info *ip,
                   struct lwt_buf *payload, const struct net_if *out);
/* The next one, from its TCP header on, its checksum made or left to the device; NULL:
 * there are no more, or no memory (counted). */
struct lwt_buf *net_gso_next(struct net_gso *g);
void net_gso_end(struct net_gso *g);

#endif
