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

/* Half of it is for the one, half for the other: nobody outside sees how they hang
 * together.  A connection asks for both, or for one of them twice. */
static uint64_t number(struct net_tcp *tcp, const struct tcp_tuple *t)
{
  if (!net_tcp_tuple_equal(&tcp->numbered, t)) {
    tcp->numbered = *t;
    tcp->number = net_tcp_tuple_hash(t, tcp->isn_key, 2, 4);
  }
  return tcp->number;
}

uint32_t net_tcp_isn(struct net_stack *s, const struct tcp_tuple *t)
{
  return (uint32_t)(s->now / 4000u) + (uint32_t)number(s->tcp, t);
}

uint32_t net_tcp_ts_offset(struct net_stack *s, const struct tcp_tuple *t)
{
  return (uint32_t)(number(s->tcp, t) >> 32);
}
