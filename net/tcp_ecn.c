/* net/tcp_ecn.c - explicit congestion notification (RFC 3168).
 * SPDX-License-Identifier: ISC
 *
 * Both ends must want it: we agree when the peer asks, and ask ourselves if the
 * program says so (tcp_with).  Then new data goes out as ECT(0), and a router
 * that would drop it marks it instead (CE).  Who receives a mark echoes ECE with
 * every ACK until CWR says that the sender has heard; the sender reacts as to a
 * loss, once a window, and loses nothing.
 */
#include "tcp.h"

void net_tcp_ecn_reduced(struct tcp_conn *c)
{
  if (!c->ecn_on)
    return;
  c->ecn_cwr = 1;
  c->ecn_end = c->snd_nxt;
}

void net_tcp_ecn_input(struct tcp_conn *c, const struct tcp_repr *r)
{
  if (r->flags & TCP_CWR)
    c->ecn_echo = 0;
  if (r->ce) {
    c->stack->stats.tcp_ecn_marked++;
    if (r->len) {
      c->ecn_echo = 1;
      c->ack_now = 1;
      net_tcp_work(c);
    }
  }
  if (!(r->flags & TCP_ECE) || c->mode != TCP_OPEN || c->snd_una == c->snd_nxt ||
      seq_lt(c->snd_una, c->ecn_end))
    return;
  c->stack->stats.tcp_ecn_reduced++;
  c->ssthresh = c->cc->ssthresh(c, net_tcp_flight(c));
  c->cwnd = c->ssthresh;
  net_tcp_ecn_reduced(c);
}
