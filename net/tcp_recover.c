/* net/tcp_recover.c - what is lost, what is in flight, what to send again.
 * SPDX-License-Identifier: ISC
 *
 * One picture for RFC 6675 (SACK), RFC 6582 (NewReno) and timeouts.  Everything
 * sent and not acknowledged is one of: with the peer (the scoreboard, or, for a
 * peer without SACK, a segment for each duplicate ACK), lost and not yet sent
 * again, or in flight.  The last is the pipe, and a segment may be sent while
 * pipe < cwnd.  What is lost depends on the mode:
 *
 *   OPEN       nothing
 *   RECOVERY   the holes below board->lost_edge; without SACK the first segment
 *   LOSS       every hole below recover (the sequence number at the timeout)
 *
 * rtx_nxt: what is lost below it was sent again.
 */
#include "tcp.h"

static uint32_t rtx_from(const struct tcp_conn *c)
{
  return seq_max(c->rtx_nxt, c->snd_una);
}

/* Everything that is neither with the peer nor in flight lies in
 * [rtx_from, lost_to). */
static uint32_t lost_to(const struct tcp_conn *c)
{
  uint32_t first;

  switch (c->mode) {
  case TCP_LOSS:
    return c->recover;
  case TCP_RECOVERY:
    first = seq_min(c->snd_una + c->mss, c->snd_nxt);
    return c->board ? seq_max(first, c->board->lost_edge) : first;
  default:
    return c->snd_una;
  }
}

uint32_t net_tcp_pipe(const struct tcp_conn *c)
{
  uint32_t out = c->snd_nxt - c->snd_una, gone, from, to;

  if (c->mode == TCP_OPEN && !c->board)
    return out - (c->reno_sacked < out ? c->reno_sacked : out);
  gone = c->reno_sacked;
  if (c->board)
    gone += c->board->bytes;
  from = rtx_from(c);
  to = lost_to(c);
  /* Without SACK only the first segment is known to be lost, and only if it
   * was not sent again. */
  if (seq_lt(from, to) && (c->mode != TCP_RECOVERY || c->board || from == c->snd_una))
    gone += to - from - net_tcp_sack_count(c, from, to);
  return out - (gone < out ? gone : out);
}

static uint32_t up_to_segment(const struct tcp_conn *c, uint32_t len)
{
  return len < c->mss ? len : c->mss;
}

uint32_t net_tcp_lost_next(const struct tcp_conn *c, uint32_t *seq)
{
  uint32_t from = rtx_from(c), to = lost_to(c);

  if (c->mode == TCP_OPEN || !seq_lt(from, to))
    return 0;
  if (c->mode == TCP_RECOVERY && !c->board && from != c->snd_una)
    return 0;
  return up_to_segment(c, net_tcp_sack_hole(c, from, to, seq));
}

uint32_t net_tcp_spare_next(struct tcp_conn *c, uint32_t *seq)
{
  uint32_t len;

  if (c->mode != TCP_RECOVERY || !c->board)
    return 0;
  len = net_tcp_sack_hole(c, rtx_from(c), c->board->ranges[c->board->n - 1].start, seq);
  if (len)
    return up_to_segment(c, len);
  if (c->rescued)
    return 0;
  /* The end of what was sent may be lost without anybody saying so. */
  len = c->snd_nxt - seq_max(c->board->ranges[c->board->n - 1].end, c->snd_una);
  if (!len)
    return 0;
  c->rescued = 1;
  len = up_to_segment(c, len);
  *seq = c->snd_nxt - len;
  return len;
}

void net_tcp_recovery_enter(struct tcp_conn *c)
{
  c->stack->stats.tcp_fast_recovery++;
  c->mode = TCP_RECOVERY;
  /* Without what limited transmit has sent (RFC 5681 3.2). */
  c->ssthresh = c->cc->ssthresh(c, c->dupacks ? c->dup_flight : c->snd_nxt - c->snd_una);
  c->cwnd = c->ssthresh;
  c->recover = c->snd_nxt;
  c->rtx_nxt = c->snd_una;
  c->force = 1;
  c->rescued = 0;
  c->partial = 0;
  c->timing = 0;
}

void net_tcp_recovery_exit(struct tcp_conn *c)
{
  uint32_t out = c->snd_nxt - c->snd_una;

  /* RFC 6582 3.2 step 3 (1): no burst of what was held back. */
  if (c->mode == TCP_RECOVERY) {
    out = (out > c->mss ? out : c->mss) + c->mss;
    c->cwnd = c->ssthresh < out ? c->ssthresh : out;
  }
  c->mode = TCP_OPEN;
  c->dupacks = 0;
  c->reno_sacked = 0;
  c->force = 0;
}

void net_tcp_loss_enter(struct tcp_conn *c)
{
  /* ssthresh is held while the same segment times out again (RFC 5681 3.1). */
  if (c->retransmits == 0)
    c->ssthresh = c->cc->ssthresh(c, c->snd_nxt - c->snd_una);
  c->mode = TCP_LOSS;
  c->cwnd = c->mss;
  c->recover = c->snd_nxt;
  c->rtx_nxt = c->snd_una;
  c->dupacks = 0;
  c->reno_sacked = 0;
  c->timing = 0;
  c->force = 1;
}

void net_tcp_rewind(struct tcp_conn *c)
{
  net_tcp_sack_clear(c);
  net_tcp_recovery_exit(c);
  c->snd_nxt = c->snd_una;
  net_tcp_sendq_rewind(&c->sq);
  c->timing = 0;
}
