/* net/tcp_prr.c - how much is sent in a fast recovery: RFC 6937.
 * SPDX-License-Identifier: ISC
 *
 * While more is in flight than ssthresh, ssthresh / flight bytes are sent for each
 * that is delivered: cwnd comes down over a round trip, and the ACKs that clock it
 * never cease.  When so much was lost that less than ssthresh is in flight, a byte
 * is sent for each that is delivered, and a segment more for each ACK that shows no
 * further loss (the safe ACKs of RFC 9937), until ssthresh is reached.
 *
 * The bytes delivered are what snd_una and the SACKs (or the duplicate ACKs that
 * stand for them) have moved on by; those sent are what followed `recover` and what
 * was sent again.
 */
#include "tcp.h"

static uint32_t progress(const struct tcp_conn *c)
{
  return c->snd_una + c->sent.sacked + c->reno_sacked;
}

void net_tcp_prr_begin(struct tcp_conn *c)
{
  struct tcp_prr *p = &c->prr;

  *p = (struct tcp_prr){ .seen = progress(c), .una = c->snd_una, .begins = 1 };
  p->flight = c->snd_nxt - p->seen;
  if ((int32_t)p->flight < (int32_t)c->mss)
    p->flight = c->mss;
}

/* The ACK that began it counts as well. */
static int32_t first(struct tcp_conn *c, const struct tcp_delivery *d)
{
  uint32_t bytes = !d ? 0 : c->sack_on ? d->bytes : c->mss;

  c->prr.begins = 0;
  c->prr.flight += bytes;
  return (int32_t)bytes;
}

void net_tcp_prr(struct tcp_conn *c, const struct tcp_delivery *d, uint32_t lost)
{
  struct tcp_prr *p = &c->prr;
  uint32_t now = progress(c), pipe = net_tcp_pipe(c), sent, more, least;
  int32_t fresh = p->begins ? first(c, d) : (int32_t)(now - p->seen);
  int safe = c->snd_una != p->una && !lost;

  fresh = fresh > 0 ? fresh : 0; /* the peer may have thrown away what it had */
  p->seen = now;
  p->una = c->snd_una;
  p->delivered += (uint32_t)fresh;
  sent = p->again + (c->snd_nxt - c->recover);
  if (pipe > c->ssthresh) {
    more = (uint32_t)(((uint64_t)p->delivered * c->ssthresh + p->flight - 1) / p->flight);
    more = more > sent ? more - sent : 0;
  } else {
    more = p->delivered > sent ? p->delivered - sent : 0;
    /* What the timer finds lost was no ACK's doing: it stands for one segment. */
    least = lost && !fresh ? c->mss : (uint32_t)fresh;
    more = more > least ? more : least;
    more += safe ? c->mss : 0;
    more = more < c->ssthresh - pipe ? more : c->ssthresh - pipe;
  }
  c->cwnd = pipe + more;
  if (c->cwnd < c->mss)
    c->cwnd = c->mss;
}
