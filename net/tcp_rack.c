/* net/tcp_rack.c - what is lost by the times, and tail loss probes: RFC 8985.
 * SPDX-License-Identifier: ISC
 *
 * A segment is lost when one that was sent later has been delivered and the
 * reordering window has passed.  The window is 0 until the path reorders (then
 * three segments with the peer are enough, as in RFC 6675), and grows when a
 * D-SACK shows that something was sent again for nothing.
 *
 * Losses at the end of a flight have nothing behind them: a tail loss probe
 * asks for an ACK long before the timeout would.
 */
#include "tcp.h"

#include <lwt/trace.h>

enum { DUP_THRESH = 3, PERSIST = 16, MULT_MAX = 64 };

#define WINDOW_MIN LWT_MS(1)     /* timers and batches come no finer */
#define PROBE_INITIAL LWT_S(1)
#define PROBE_MARGIN LWT_MS(2)
#define PROBE_DELAYED LWT_MS(200) /* the peer may delay the ACK of one segment */

static struct tcp_sent *range(const struct tcp_map *m, uint32_t i)
{
  return &m->at[m->first + i];
}

/* ---- Delivered (6.2 steps 1 to 3) -------------------------------------- */

static int is_later(uint64_t time, uint32_t end, uint64_t than, uint32_t than_end)
{
  return time > than || (time == than && seq_gt(end, than_end));
}

/* Whether it was an earlier transmission that arrived. */
static int is_ambiguous(const struct tcp_conn *c, const struct tcp_sent *sent,
                        uint64_t rtt, const struct tcp_delivery *d)
{
  uint32_t ts = (uint32_t)(sent->time / 1000000u) + c->ts_offset;

  return rtt < c->rack.min_rtt || (d->has_ts && seq_lt(d->tsecr, ts));
}

void net_tcp_rack_note(struct tcp_conn *c, const struct tcp_sent *sent, uint32_t start,
                       struct tcp_delivery *d)
{
  struct tcp_rack *k = &c->rack;
  uint64_t rtt = c->stack->now - sent->time;

  if (!(sent->flags & TCP_SENT_AGAIN)) {
    d->rtt = rtt + !rtt;
    if (!k->min_rtt || d->rtt < k->min_rtt)
      k->min_rtt = d->rtt;
    if (seq_lt(start, d->fack)) {
      d->reordered = 1;
      if (!k->reordering)
        c->stack->stats.tcp_reordering++;
      k->reordering = 1;
    }
  } else if (is_ambiguous(c, sent, rtt, d)) {
    return;
  }
  k->fack = seq_max(k->fack, sent->end);
  if (is_later(sent->time, sent->end, k->time, k->end)) {
    k->time = sent->time;
    k->end = sent->end;
    k->rtt = rtt;
  }
}

/* ---- The reordering window (step 4) ------------------------------------ */

static void adapt(struct tcp_conn *c, const struct tcp_delivery *d)
{
  struct tcp_rack *k = &c->rack;

  if (k->in_dsack_round && seq_ge(c->snd_una, k->dsack_round))
    k->in_dsack_round = 0;
  if (!d || !d->dsack || k->in_dsack_round)
    return;
  k->in_dsack_round = 1;
  k->dsack_round = c->snd_nxt;
  if (k->mult < MULT_MAX)
    k->mult++;
  k->persist = PERSIST;
}

void net_tcp_rack_recovered(struct tcp_conn *c)
{
  if (c->rack.persist && --c->rack.persist == 0)
    c->rack.mult = 1;
}

static uint64_t window(const struct tcp_conn *c)
{
  const struct tcp_rack *k = &c->rack;
  uint64_t wnd = k->mult * (k->min_rtt / 4);

  if (!k->reordering &&
      (c->mode != TCP_OPEN || c->sent.sacked >= DUP_THRESH * c->mss ||
       c->sent.sacked_ranges >= DUP_THRESH))
    return 0;
  wnd = wnd < c->srtt ? wnd : c->srtt;
  return wnd > WINDOW_MIN ? wnd : WINDOW_MIN;
}

/* ---- Lost (step 5) ----------------------------------------------------- */

static void lose(struct tcp_conn *c, struct tcp_sent *sent, uint32_t len)
{
  sent->flags |= TCP_SENT_LOST;
  c->sent.lost += len;
}

/* Whether what was sent later was delivered.  Of what is sent again and of
 * something else sent at the same time nobody knows which was first. */
static int overtaken(const struct tcp_rack *k, const struct tcp_sent *sent)
{
  if (sent->flags & TCP_SENT_AGAIN)
    return k->time > sent->time;
  return is_later(k->time, k->end, sent->time, sent->end);
}

uint32_t net_tcp_rack_detect(struct tcp_conn *c, const struct tcp_delivery *d)
{
  const struct tcp_rack *k = &c->rack;
  uint64_t now = c->stack->now, wait = 0, wnd, due;
  uint32_t i, start = c->snd_una, lost = 0;
  struct tcp_sent *sent;

  adapt(c, d);
  if (c->mode == TCP_OPEN && !c->sent.sacked)
    return 0;
  wnd = window(c);
  for (i = 0; i < c->sent.n; start = sent->end, i++) {
    sent = range(&c->sent, i);
    if (sent->flags & (TCP_SENT_SACKED | TCP_SENT_LOST) ||
        !overtaken(k, sent))
      continue;
    due = sent->time + k->rtt + wnd;
    if (due <= now) {
      lost += sent->end - start;
      lose(c, sent, sent->end - start);
    } else if (due > wait) {
      wait = due;
    }
  }
  c->probe_loss = 0;
  c->t_loss = wait ? wait : LWT_NEVER;
  return lost;
}

void net_tcp_rack_timeout(struct tcp_conn *c)
{
  uint64_t now = c->stack->now, wnd = window(c);
  uint32_t i, start = c->snd_una;
  struct tcp_sent *sent;

  c->t_loss = LWT_NEVER;
  c->rack.tlp = 0;
  for (i = 0; i < c->sent.n; start = sent->end, i++) {
    sent = range(&c->sent, i);
    if (!(sent->flags & (TCP_SENT_SACKED | TCP_SENT_LOST)) &&
        (!i || !c->sack_on || sent->time + c->rack.rtt + wnd <= now))
      lose(c, sent, sent->end - start);
  }
}

/* ---- Tail loss probes (7) ---------------------------------------------- */

void net_tcp_tlp_start(struct tcp_conn *c)
{
  uint64_t wait = PROBE_INITIAL, now = c->stack->now;

  if (!c->sack_on || c->mode != TCP_OPEN || c->sent.sacked)
    return; /* t_loss may be the reordering timer */
  c->t_loss = LWT_NEVER;
  if (c->rack.tlp || c->persist || c->t_rexmit == LWT_NEVER)
    return;
  if (c->srtt) {
    wait = 2 * c->srtt + PROBE_MARGIN;
    if (c->snd_nxt - c->snd_una <= c->mss)
      wait += PROBE_DELAYED;
  }
  c->probe_loss = 1;
  c->t_loss = now + wait < c->t_rexmit ? now + wait : c->t_rexmit;
}

void net_tcp_tlp_fired(struct tcp_conn *c)
{
  int again;

  if (c->mode != TCP_OPEN || !net_tcp_output_tail(c, &again))
    return;
  c->stack->stats.tcp_tail_probes++;
  net_tcp_log(c, TCP_LOG_PROBE);
  lwt_trace_instant("tcp", "tail loss probe", c->snd_nxt - c->iss);
  c->rack.tlp = 1;
  c->rack.tlp_again = !!again;
  c->rack.tlp_end = c->snd_nxt;
  net_tcp_rexmit_start(c);
}

int net_tcp_tlp_ack(struct tcp_conn *c, const struct tcp_repr *r,
                    const struct tcp_delivery *d)
{
  struct tcp_rack *k = &c->rack;

  if (seq_lt(r->ack, k->tlp_end))
    return 0;
  if (!k->tlp_again || (d->dsack && d->duplicate.end == k->tlp_end)) {
    k->tlp = 0;
    return 0;
  }
  if (seq_gt(r->ack, k->tlp_end)) { /* it repaired the loss: answer to that */
    k->tlp = 0;
    return 1;
  }
  if (!d->bytes && !r->n_sacks) /* both arrived */
    k->tlp = 0;
  return 0;
}
