/* net/tcp_isn.c - initial sequence numbers and timestamp offsets.
 * SPDX-License-Identifier: ISC
 *
 * RFC 6528: a clock of 4 us plus a keyed hash of the four-tuple, so that
 * nobody who does not see the segments can guess the numbers (MUST-9), and a
 * new connection between the same two ends begins to the right of the old one
 * (MUST-8).  The timestamp clock (1 ms) is shifted in the same way.
 */
#include "tcp.h"

#include <string.h>

static uint64_t tuple_hash(const uint8_t key[16], const struct tcp_tuple *t)
{
  return net_siphash(key, t, sizeof *t);
}

uint32_t net_tcp_isn(struct net_stack *s, const struct tcp_tuple *t)
{
  return (uint32_t)(s->now / 4000u) + (uint32_t)tuple_hash(s->tcp->isn_key, t);
}

uint32_t net_tcp_ts_offset(struct net_stack *s, const struct tcp_tuple *t)
{
  return (uint32_t)tuple_hash(s->tcp->ts_key, t);
}
