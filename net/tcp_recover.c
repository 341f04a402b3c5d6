/* net/tcp_recover.c - recovery from loss: begun, ended, undone.
 * SPDX-License-Identifier: ISC
 *
 * A segment may be sent while pipe < cwnd (RFC 6675), and what is lost goes
 * first.  Fast recovery reduces cwnd once for all that was in flight when it
 * began, by and by (tcp_prr.c); a timeout begins anew with one segment.  For a
 * peer without SACK each duplicate ACK stands for a segment that it has
 * (reno_sacked), and a partial ACK says that the next one is lost (RFC 6582).
 *
 * If it turns out that nothing was lost, by the timestamp that the peer echoes
 * (RFC 3522), because it got everything twice (RFC 3708) or by what it
 * acknowledges after a timeout (tcp_frto.c), what was done to cwnd is undone.
 */
#include "tcp.h"

#include <lwt/trace.h>
#include <string.h>

uint32_t net_tcp_pipe(const struct tcp_conn *c)
{
  uint32_t out = c->snd_nxt - c->snd_una;
  uint32_t gone = c->sent.sacked + c->sent.lost + c->reno_sacked;

  return out - (gone < out ? gone : out);
}

/* ---- Begun ------------------------------------------------------------- */

static void remember(struct tcp_conn *c)
{
  c->undo.cwnd = c->cwnd;
  c->undo.ssthresh = c->ssthresh;
  c->undo.again = 0;
  c->undo.stamped = 0;
  /* What was sent again before this would speak for it. */
  c->undo.valid =
    c->sent.n && !(c->sent.at[c->sent.first].flags & TCP_SENT_AGAIN);
  memcpy(c->undo.cc, c->cc_state, sizeof c->cc_state);
}

/* In flight when the loss happened, without what limited transmit has sent
 * (RFC 5681 3.2) and what the peer has: cwnd is what it tried. */
uint32_t net_tcp_flight(const struct tcp_conn *c)
{
  uint32_t out = c->dupacks ? c->dup_flight : c->snd_nxt - c->snd_una;

  return out < c->cwnd ? out : c->cwnd;
}

void net_tcp_recovery_enter(struct tcp_conn *c)
{
  if (c->probe_mss && net_tcp_path_lost(c))
    return;
  c->stack->stats.tcp_fast_recovery++;
  net_tcp_log(c, TCP_LOG_RECOVERY);
  lwt_trace_instant("tcp", "recovery", c->snd_una - c->iss);
  remember(c);
  c->mode = TCP_RECOVERY;
  c->ssthresh = c->cc->ssthresh(c, net_tcp_flight(c));
  c->cwnd = c->ssthresh;
  c->recover = c->snd_nxt;
  net_tcp_ecn_reduced(c);
  if (!c->sack_on)
    net_tcp_sent_lose(c, c->snd_una, c->snd_una + c->mss);
  c->force = 1;
  c->partial = 0;
  c->timing = 0;
  c->rack.tlp = 0;
  net_tcp_prr_begin(c);
}

void net_tcp_loss_enter(struct tcp_conn *c)
{
  enum tcp_mode was = (enum tcp_mode)c->mode;

  if (c->probe_mss)
    net_tcp_path_timeout(c);
  net_tcp_log(c, TCP_LOG_TIMEOUT);
  lwt_trace_instant("tcp", "timeout", c->snd_una - c->iss);
  /* ssthresh is held while the same segment times out again (RFC 5681 3.1). */
  if (c->retransmits == 0) {
    remember(c);
    c->ssthresh = c->cc->ssthresh(c, net_tcp_flight(c));
  }
  c->cc->timeout(c);
  c->mode = TCP_LOSS;
  c->cwnd = c->mss;
  c->recover = c->snd_nxt;
  c->dupacks = 0;
  c->reno_sacked = 0;
  c->timing = 0;
  c->force = 1;
  net_tcp_ecn_reduced(c);
  net_tcp_rack_timeout(c);
  net_tcp_frto_begin(c, was);
}

/* ---- Ended ------------------------------------------------------------- */

void net_tcp_recovery_exit(struct tcp_conn *c)
{
  uint32_t out = c->snd_nxt - c->snd_una;

  if (c->mode == TCP_OPEN)
    return;
  /* Without SACK RFC 6582 3.2 step 3 (1): no burst of what was held back. */
  if (c->mode == TCP_RECOVERY) {
    out = (out > c->mss ? out : c->mss) + c->mss;
    c->cwnd = c->sack_on || c->ssthresh < out ? c->ssthresh : out;
  }
  net_tcp_log(c, TCP_LOG_OPEN);
  lwt_trace_instant("tcp", "open", c->snd_una - c->iss);
  c->mode = TCP_OPEN;
  c->dupacks = 0;
  c->reno_sacked = 0;
  c->force = 0;
  net_tcp_rack_recovered(c);
}

/* ---- Undone ------------------------------------------------------------ */

void net_tcp_undo_note(struct tcp_conn *c)
{
  if (!c->undo.valid)
    return;
  c->undo.again++;
  if (c->undo.stamped)
    return;
  c->undo.stamped = 1;
  c->undo.ts = net_tcp_ts_now(c->stack, c->ts_offset);
}

void net_tcp_undo(struct tcp_conn *c)
{
  int was_loss = c->mode == TCP_LOSS;

  c->stack->stats.tcp_spurious++;
  net_tcp_log(c, TCP_LOG_UNDO);
  lwt_trace_instant("tcp", "undo", c->snd_una - c->iss);
  c->undo.valid = 0;
  c->frto = TCP_FRTO_OFF;
  net_tcp_sent_find(c);
  net_tcp_recovery_exit(c);
  if (c->cwnd < c->undo.cwnd)
    c->cwnd = c->undo.cwnd;
  c->ssthresh = c->undo.ssthresh;
  memcpy(c->cc_state, c->undo.cc, sizeof c->cc_state);
  if (was_loss) {
    c->backoff = 0;
    c->retransmits = 0;
  }
}

int net_tcp_undo_ack(struct tcp_conn *c, const struct tcp_repr *r,
                     const struct tcp_delivery *d)
{
  struct tcp_undo *u = &c->undo;

  if (d->dsack && u->again && --u->again == 0) {
    net_tcp_undo(c);
    return 1;
  }
  if (c->mode == TCP_OPEN || u->stamped != 1 || !d->has_ts ||
      !seq_gt(r->ack, c->snd_una))
    return 0;
  u->stamped = 2; /* only the first ACK can tell */
  if (!seq_lt(r->tsecr, u->ts))
    return 0;
  net_tcp_undo(c);
  return 1;
}

void net_tcp_rewind(struct tcp_conn *c)
{
  net_tcp_sent_clear(&c->sent);
  net_tcp_recovery_exit(c);
  c->undo.valid = 0;
  c->frto = TCP_FRTO_OFF;
  c->rack.tlp = 0;
  c->t_loss = LWT_NEVER;
  c->rack.fack = c->snd_una;
  c->snd_nxt = c->snd_una;
  net_tcp_sendq_rewind(&c->sq);
  c->timing = 0;
}
