/* net/neighbour.h - who is on the link: neighbour caches; not installed.
 * SPDX-License-Identifier: ISC
 *
 * One cache an interface, for both families.  Its states are those of RFC 4861
 * 7.3.2, and one more:
 *
 *   INCOMPLETE  not known: packets and waiters queue while it is asked for, once
 *               a retransmission interval, three times;
 *   REACHABLE   for the reachable time after it was last confirmed;
 *   STALE       after that, and when it was heard but never asked; used as it is,
 *               and forgotten when nobody uses it for ten minutes;
 *   DELAY       used while stale: five seconds for a confirmation from above;
 *   PROBE       asked directly, three times; packets still go to it;
 *   FAILED      did not answer: for a second, packets are refused at once; then it
 *               is asked again, and for 20 s an answer that comes late counts.
 *
 * How a neighbour is asked is the protocol's: struct net_neighbour_kind.
 */
#ifndef NET_NEIGHBOUR_H
#define NET_NEIGHBOUR_H

#include "net.h"

enum net_nud { NET_INCOMPLETE, NET_REACHABLE, NET_STALE, NET_DELAY, NET_PROBE,
               NET_FAILED };

struct neighbour {
  struct net_timer timer;
  struct net_if *nif;
  struct neighbour *next;
  struct lwt_addr ip;
  uint8_t mac[6];
  uint8_t state; /* enum net_nud */
  uint8_t tries;
  uint8_t router; /* IPv6 */
  uint64_t last;      /* used, or made */
  uint64_t since; /* when its address was last learnt or confirmed */
  struct lwt_buf *queue, **queue_end;
  struct net_neighbour_waiter *waiters;
  uint32_t waiting; /* packets and waiters */
};

/* ARP or neighbour discovery. */
struct net_neighbour_kind {
  uint16_t type; /* of its packets, Ethernet */
  /* Ask for n; direct: at its address, else everybody. */
  void (*ask)(struct neighbour *n, int direct);
  /* A packet of ours (from its IP header on) found no neighbour.  Borrows. */
  void (*unreachable)(struct net_if *nif, const struct lwt_buf *packet);
  /* It does not answer any more.  NULL: nobody wants to hear that. */
  void (*failed)(struct neighbour *n);
};
extern const struct net_neighbour_kind net_arp_kind, net_nd_kind;

struct net_neighbours {
  struct neighbour *recent;   /* the last one looked up */
  uint32_t count;
  uint64_t reachable, interval; /* ns: base reachable time, retransmissions; a
                                   router's advertisement may set them */
  struct neighbour *bucket[256];
};

int net_neighbours_init(struct net_if *nif);
void net_neighbours_fini(struct net_if *nif);
void net_neighbours_dump(const struct net_if *nif, FILE *out);

struct neighbour *net_neighbour_find(struct net_if *nif, const struct lwt_addr *ip);

/* Whether packets may be sent to it now. */
static inline int net_neighbour_has_mac(const struct neighbour *n)
{
  return n && n->state != NET_INCOMPLETE && n->state != NET_FAILED;
}

/* A packet is sent to it, which has an address. */
void net_neighbour_delay(struct neighbour *n);
static inline void net_neighbour_used(struct neighbour *n, uint64_t now)
{
  n->last = now;
  if (n->state == NET_STALE)
    net_neighbour_delay(n);
}

/* It answered what we asked (solicited), or announced itself.  mac NULL: as
 * before.  override: mac replaces another one (RFC 4861 7.2.5). */
void net_neighbour_answer(struct neighbour *n, const uint8_t mac[6], int solicited,
                          int override);
/* Somebody said, asking us, that this is its address (RFC 4861 7.2.3).  Returns
 * it, NULL when there is no room: who asks pushes nobody out. */
struct neighbour *net_neighbour_heard(struct net_if *nif, const struct lwt_addr *ip,
                                      const uint8_t mac[6]);
/* Ask for it again at once: everybody, and believe the answer only. */
void net_neighbour_doubt(struct neighbour *n);
/* The protocol above hears it. */
void net_neighbour_confirm(struct neighbour *n);
/* Forget it; whoever waits is told. */
void net_neighbour_remove(struct neighbour *n);

#endif
