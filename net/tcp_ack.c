/* net/tcp_ack.c - what an acknowledgment does.
 * SPDX-License-Identifier: ISC
 *
 * Round-trip times (RFC 6298), the send window, and which loss it shows: the
 * duplicate ACKs of RFC 5681 and 6582, the SACK blocks of RFC 6675.
 */
#include "tcp_inline.h"

enum { DUP_THRESH = 3 };

/* ---- Round-trip time --------------------------------------------------- */

void net_tcp_rtt_sample(struct tcp_conn *c, uint64_t rtt)
{
  net_tcp_rtt_add(c, rtt);
}

/* A segment that was sent once (Karn, MUST-18) by our clock, else the echoed
 * timestamp, which is coarse but not ambiguous. */
static void measure(struct tcp_conn *c, const struct tcp_repr *r)
{
  uint32_t ms;

  if (c->timing && seq_ge(r->ack, c->rtt_seq)) {
    c->timing = 0;
    net_tcp_rtt_sample(c, c->stack->now - c->rtt_time);
    net_route_confirm(c->stack, &c->route); /* once a round trip is enough */
  } else if (!c->timing && c->ts_on && r->options & TCP_OPT_TS && r->tsecr) {
    ms = net_tcp_ts_now(c->stack, c->ts_offset) - r->tsecr;
    if (ms < 10u * 60 * 1000)
      net_tcp_rtt_sample(c, LWT_MS(ms + 1));
  }
}

/* ---- New acknowledgments ----------------------------------------------- */

/* Take acknowledged bytes off the queue. */
static void release(struct tcp_conn *c, uint32_t ack)
{
  uint32_t end = net_tcp_sendq_end(&c->sq), data = seq_min(ack, end);

  net_tcp_sendq_ack(&c->sq, data - c->sq.seq);
  c->snd_una = ack;
  if (seq_lt(c->snd_nxt, ack))
    c->snd_nxt = ack;
  if (seq_lt(c->snd_small, ack))
    c->snd_small = ack;
  if (c->urgent_out && seq_ge(ack, c->snd_up))
    c->urgent_out = 0;
  if (seq_gt(ack, end))
    c->fin_acked = 1;
}

/* A partial ACK in fast recovery: the next hole is lost as well. */
static void partial_ack(struct tcp_conn *c, uint32_t bytes)
{
  if (!c->sack_on) {
    bytes = bytes > c->mss ? bytes - c->mss : 0;
    c->reno_sacked -= bytes < c->reno_sacked ? bytes : c->reno_sacked;
    net_tcp_sent_lose(c, c->snd_una, c->snd_una + c->mss);
    c->force = 1;
  }
  /* Without SACK a long recovery had better end in a timeout (RFC 6582 4). */
  if (c->sack_on || !c->partial) {
    c->partial = 1;
    net_tcp_rexmit_start(c);
  }
}

/* All that was in flight was sent once, at the same time, and has arrived. */
static int delivered_whole(struct tcp_conn *c, uint32_t ack, struct tcp_delivery *d)
{
  struct tcp_map *m = &c->sent;
  struct tcp_sent *sent = m->at + m->first;
  uint64_t rtt = c->stack->now - sent->time;

  if (m->n != 1 || sent->flags || sent->end != ack || m->at != m->small)
    return 0;
  d->bytes = ack - c->snd_una;
  c->rack.time = sent->time;
  c->rack.fack = c->rack.end = ack;
  c->rack.rtt = rtt;
  d->rtt = rtt + !rtt;
  if (!c->rack.min_rtt || d->rtt < c->rack.min_rtt)
    c->rack.min_rtt = d->rtt;
  m->n = 0;
  return 1;
}

static void advance(struct tcp_conn *c, const struct tcp_repr *r,
                    struct tcp_delivery *d)
{
  uint32_t bytes = r->ack - c->snd_una;

  measure(c, r);
  if (!delivered_whole(c, r->ack, d))
    net_tcp_sent_acked(c, r->ack, d);
  release(c, r->ack);
  c->retransmits = 0;
  c->progress = c->stack->now;
  c->soft.code = 0;
  c->ack_rtt = d->rtt;
  if (c->mode != TCP_RECOVERY)
    net_tcp_cc_acked(c, bytes);
  if (c->mode == TCP_OPEN) {
    c->dupacks = 0;
    c->reno_sacked = 0;
  } else if (seq_ge(c->snd_una, c->recover)) {
    net_tcp_recovery_exit(c);
  } else if (c->mode == TCP_RECOVERY) {
    partial_ack(c, bytes);
  }
  if (c->snd_una == c->snd_nxt)
    c->t_rexmit = c->t_loss = LWT_NEVER;
  else if (c->mode != TCP_RECOVERY)
    net_tcp_rexmit_start(c);
  if (c->snd_una != c->snd_nxt)
    net_tcp_tlp_start(c);
  if (c->persist) {
    c->persist = 0;
    c->t_rexmit = LWT_NEVER;
    if (c->snd_una != c->snd_nxt)
      net_tcp_rewind(c);
  }
  if (c->buffer < c->stack->config.tcp_send && c->cwnd > c->buffer / 2)
    net_tcp_tune_send(c);
  net_tcp_conn_refill(c);
  net_tcp_wake(c);
  net_tcp_work(c);
}

/* ---- Duplicate acknowledgments ----------------------------------------- */

static void note_duplicate(struct tcp_conn *c)
{
  if (c->dupacks++ == 0)
    c->dup_flight = c->snd_nxt - c->snd_una;
  if (!c->sack_on && (c->mode != TCP_OPEN || c->dupacks <= DUP_THRESH))
    c->reno_sacked += c->mss;
  net_tcp_work(c); /* limited transmit (RFC 3042): the pipe is less full */
  if (c->mode == TCP_OPEN && !c->sack_on && c->dupacks >= DUP_THRESH &&
      seq_gt(c->snd_una, c->recover))
    net_tcp_recovery_enter(c);
}

/* RFC 5681 2: nothing new in it, while something is outstanding. */
static int is_duplicate(const struct tcp_conn *c, const struct tcp_repr *r,
                        int new_window)
{
  return r->ack == c->snd_una && c->snd_nxt != c->snd_una && r->len == 0 &&
         !(r->flags & (TCP_SYN | TCP_FIN)) && !new_window && !c->persist;
}

/* The window opened although nothing was acknowledged: what was sent into the
 * closed window is gone. */
static void window_opened(struct tcp_conn *c)
{
  if (c->persist && c->snd_wnd && c->snd_nxt != c->snd_una) {
    net_tcp_rewind(c);
    c->t_rexmit = LWT_NEVER;
    c->persist = 0;
    c->backoff = 0;
  }
  net_tcp_work(c);
}

/* What is lost by the times (with SACK), and what was lost only seemingly. */
static void detect(struct tcp_conn *c, const struct tcp_repr *r,
                   const struct tcp_delivery *d)
{
  uint32_t lost = 0;

  if (c->frto && net_tcp_frto_ack(c))
    return;
  if (c->sack_on)
    lost = net_tcp_rack_detect(c, d);
  if (c->rack.tlp && net_tcp_tlp_ack(c, r, d) && c->mode == TCP_OPEN) {
    c->ssthresh = c->cc->ssthresh(c, net_tcp_flight(c));
    c->cwnd = c->ssthresh;
  }
  if (lost && c->mode == TCP_OPEN)
    net_tcp_recovery_enter(c);
  if (c->mode == TCP_RECOVERY)
    net_tcp_prr(c, d, lost);
  if (lost)
    net_tcp_work(c);
}

int net_tcp_ack_input(struct tcp_conn *c, const struct tcp_repr *r)
{
  struct tcp_delivery d = { .fack = c->rack.fack, .tsecr = r->tsecr };
  int new_window;

  if (c->log)
    net_tcp_log_input(c, r);
  if (seq_gt(r->ack, c->snd_max) || seq_lt(r->ack, c->snd_una - c->max_wnd)) {
    /* Of what was never sent, or from another age (RFC 5961 5). */
    c->stack->stats.tcp_bad_acks++;
    net_tcp_challenge(c);
    return -1;
  }
  if (c->persist && c->user)
    c->progress = c->stack->now; /* it answers (MUST-37) */
  if (seq_lt(r->ack, c->snd_una))
    return 0;
  new_window = net_tcp_window_input(c, r->last, r->ack, r->window);
  d.has_ts = c->ts_on && r->options & TCP_OPT_TS;
  if (r->n_sacks && c->sack_on)
    net_tcp_sent_sacked(c, r, &d);
  if (c->undo.valid)
    net_tcp_undo_ack(c, r, &d);
  if (seq_gt(r->ack, c->snd_una))
    advance(c, r, &d);
  else if (c->sack_on ? d.sacked > 0 : is_duplicate(c, r, new_window))
    note_duplicate(c);
  else if (new_window)
    window_opened(c);
  c->delivered += d.bytes;
  if (c->sent.sacked | c->mode | c->frto | c->rack.tlp | c->rack.in_dsack_round | d.dsack)
    detect(c, r, &d);
  if (new_window)
    net_tcp_work(c);
  return 0;
}
