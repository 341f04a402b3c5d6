/* net/tcp_path.c - paths that swallow large segments and say nothing.
 * SPDX-License-Identifier: ISC
 *
 * RFC 4821 7.7: a full segment that times out twice while small ones arrive may
 * be too large for the path, whose ICMP errors do not come.  Then segments become
 * smaller, step by step, without waiting for anybody's word; after ten minutes
 * the full size is tried again.  ICMP errors that do come are in tcp_icmp.c.
 */
#include "tcp.h"

enum { TIMEOUTS = 2 };

#define RETRY LWT_S(600)

int net_tcp_black_hole(struct tcp_conn *c)
{
  /* Payload of common tunnels, the minimum of IPv6, that of IPv4. */
  static const uint16_t steps[] = { 1360, 1220, 536 };
  uint32_t mss = c->mss;
  unsigned i;

  if (c->retransmits != TIMEOUTS || c->stack->config.tcp_without & LWT_NET_TCP_PLPMTUD ||
      c->snd_nxt - c->snd_una < mss)
    return 0;
  for (i = 0; i < sizeof steps / sizeof *steps; i++)
    if (steps[i] < mss)
      break;
  if (i == sizeof steps / sizeof *steps)
    return 0;
  c->stack->stats.tcp_black_holes++;
  c->path_mss = steps[i];
  c->path_time = c->stack->now;
  net_tcp_conn_mss(c);
  net_tcp_sent_lose(c, c->snd_una, c->snd_nxt);
  c->retransmits = 0; /* the next step after as many */
  return 1;
}

void net_tcp_path_retry(struct tcp_conn *c)
{
  if (c->stack->now - c->path_time < RETRY)
    return;
  c->path_mss = 0;
  net_tcp_conn_mss(c);
}
