/* net/link.h - what a bad link does to a packet.
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_LINK_H
#define NET_LINK_H

#include "../lwt/memory.h"

#include "lwt-net.h"

/* One direction of a link. */
struct net_link {
  struct lwt_net_link config;
  uint64_t busy; /* until when the transmitter is */
  uint64_t last; /* when the last packet in order arrives */
};

/* What becomes of one packet. */
struct net_fate {
  unsigned copies;  /* 0: lost, 2: duplicated */
  uint64_t when[2]; /* they arrive; `now` or earlier: on the next turn */
  uint8_t corrupt, reordered;
};

/* The next number of the generator. */
uint64_t net_link_random(uint64_t *state);

/* Bytes that wait for the transmitter. */
uint64_t net_link_backlog(const struct net_link *link, uint64_t now);
/* When the backlog will be down to `bytes`. */
uint64_t net_link_drained(const struct net_link *link, uint64_t bytes);

/* Send len bytes at `now`. */
struct net_fate net_link_send(struct net_link *link, uint64_t *random, uint64_t now,
                              uint32_t len);

/* Say that there is congestion, if it is an IPv4 packet of ECN (RFC 3168). */
void net_link_mark(struct lwt_buf *packet);

/* packet with one bit flipped, in memory of its own.  Takes packet; NULL when
 * memory is out. */
struct lwt_buf *net_link_corrupt(struct lwt_buf *packet, uint64_t *random);

#endif
