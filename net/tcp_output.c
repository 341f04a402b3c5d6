/* net/tcp_output.c - what to send now.
 * SPDX-License-Identifier: ISC
 *
 * net_tcp_output() runs when anything may have changed: an ACK, a write, a
 * timer.  In order: what is lost and not sent again (tcp_loss.h), new bytes,
 * then an acknowledgment if none of these carried it.  A segment goes out when
 * it is
 *
 *   in cwnd         pipe + its length <= cwnd (RFC 6675)
 *   in the window   snd_una + snd_wnd (SHLD-15: also one that has shrunk)
 *   worth it        full, or the last of the queue and not held back by Nagle,
 *                   or half the largest window (sender SWS avoidance, MUST-38)
 */
#include "tcp_inline.h"

/* ---- Our window -------------------------------------------------------- */

static uint32_t buffer_edge(const struct tcp_conn *c)
{
  return c->rcv_nxt + (c->rcv_buffer > c->rq.len ? c->rcv_buffer - c->rq.len : 0);
}

/* The right edge moves by at least this much (MUST-39). */
static uint32_t window_step(const struct tcp_conn *c)
{
  return c->rcv_buffer / 2 < c->rcv_mss ? c->rcv_buffer / 2 : c->rcv_mss;
}

uint16_t net_tcp_window(struct tcp_conn *c)
{
  uint32_t edge = buffer_edge(c), unit = 1u << c->rcv_scale, wnd;

  if (seq_gt(edge, c->rcv_adv) && edge - c->rcv_adv >= window_step(c)) {
    wnd = (edge - c->rcv_nxt) >> c->rcv_scale;
    if (wnd > 0xffff)
      wnd = 0xffff;
    if (seq_ge(c->rcv_nxt + (wnd << c->rcv_scale), c->rcv_adv)) {
      c->rcv_adv = c->rcv_nxt + (wnd << c->rcv_scale);
      return (uint16_t)wnd;
    }
  }
  /* The edge stays.  The field counts in units: rounding up does not take back
   * what was promised (SHLD-14), but must not creep past the buffer. */
  wnd = c->rcv_adv - c->rcv_nxt;
  if (seq_le(c->rcv_adv + unit - 1, edge + unit))
    wnd += unit - 1;
  wnd >>= c->rcv_scale;
  if (wnd > 0xffff)
    wnd = 0xffff;
  c->rcv_adv = seq_max(c->rcv_adv, c->rcv_nxt + (wnd << c->rcv_scale));
  return (uint16_t)wnd;
}

int net_tcp_window_update_due(const struct tcp_conn *c)
{
  uint32_t edge = buffer_edge(c), gain, old = c->rcv_adv - c->rcv_nxt;

  if (!seq_gt(edge, c->rcv_adv))
    return 0;
  gain = edge - c->rcv_adv;
  if (gain < window_step(c))
    return 0;
  if (gain >= c->rcv_buffer / 2)
    return 1;
  return gain >= 2 * c->rcv_mss &&
         (gain >= c->rcv_buffer / 4 || old <= c->rcv_buffer / 8);
}

/* ---- Sending ----------------------------------------------------------- */

static void fin_sent(struct tcp_conn *c)
{
  if (c->state == TCP_ESTABLISHED)
    net_tcp_conn_state(c, TCP_FIN_WAIT_1);
  else if (c->state == TCP_CLOSE_WAIT)
    net_tcp_conn_state(c, TCP_LAST_ACK);
}

/* [snd_nxt, snd_nxt + n) has been sent. */
static void advance(struct tcp_conn *c, uint32_t n, int fin)
{
  uint64_t now = c->stack->now;

  if (!c->timing && c->snd_nxt == c->snd_max) {
    c->timing = 1;
    c->rtt_seq = c->snd_nxt + (n < c->mss ? n : c->mss); /* the first segment */
    c->rtt_time = now;
  }
  if (c->persist || c->t_rexmit == LWT_NEVER) {
    if (c->persist)
      c->backoff = 0;
    c->persist = 0;
    c->progress = now;
    net_tcp_rexmit_start(c);
  }
  net_tcp_sent_push(c, c->snd_nxt + n,
                    seq_lt(c->snd_nxt, c->snd_max) ? TCP_SENT_AGAIN : 0);
  c->snd_nxt += n;
  c->snd_max = seq_max(c->snd_max, c->snd_nxt);
  if (fin)
    fin_sent(c);
}

/* Send [seq, seq + len) once more; len counts the FIN. */
static int resend(struct tcp_conn *c, uint32_t seq, uint32_t len)
{
  uint32_t end = net_tcp_sendq_end(&c->sq), data = len;
  uint8_t flags = 0;
  int code;

  if (seq_gt(seq + len, end)) {
    data = end - seq;
    flags = TCP_FIN;
  }
  code = net_tcp_send_data(c, seq, &data, flags);
  if (code)
    return code;
  c->stack->stats.tcp_retransmits++;
  c->sent_again++;
  c->prr.again += len;
  net_tcp_undo_note(c);
  net_tcp_sent_again(c, seq, len);
  return 0;
}

/* Returns 1 if new segments have to wait. */
static int send_lost(struct tcp_conn *c, uint32_t *pipe)
{
  uint32_t seq, len, edge = c->snd_una + c->snd_wnd;

  while ((len = net_tcp_lost_next(c, &seq))) {
    if (!c->force && (*pipe + len > c->cwnd || !seq_lt(seq, edge)))
      return 1;
    if (resend(c, seq, len))
      return 1;
    c->force = 0;
    *pipe += len;
  }
  return 0;
}

/* A segment shorter than mss: len of avail bytes. */
static int may_send_small(const struct tcp_conn *c, uint32_t len, uint32_t avail,
                          int fin)
{
  if (len < avail) /* the window holds it back */
    return len >= c->max_wnd / 2;
  if (fin || c->snd_nxt == c->snd_una)
    return 1;
  if (c->writing == TCP_WRITE_BYTES) /* more is coming */
    return 0;
  /* Nagle, after Minshall: one partial segment in flight at a time. */
  return c->nodelay || seq_le(c->snd_small, c->snd_una);
}

/* Bytes of the next segment, or of the next few, to be cut. */
static uint32_t next_len(const struct tcp_conn *c, uint32_t avail, uint32_t room,
                         uint32_t pipe)
{
  uint32_t len = avail < room ? avail : room, free;

  if (len <= c->mss)
    return len;
  free = c->cwnd > pipe ? c->cwnd - pipe : 0;
  len = len < c->burst ? len : c->burst;
  len = len < free ? len : free;
  return len < c->mss ? c->mss : len - len % c->mss;
}

static void send_new(struct tcp_conn *c, uint32_t pipe)
{
  uint32_t end = net_tcp_sendq_end(&c->sq), edge = c->snd_una + c->snd_wnd;
  uint32_t avail, room, len, sent;
  int fin, paced, code;

  while (seq_le(c->snd_nxt, end)) {
    avail = end - c->snd_nxt;
    room = seq_lt(c->snd_nxt, edge) ? edge - c->snd_nxt : 0;
    len = next_len(c, avail, room, pipe);
    fin = c->fin && len == avail && len < room;
    if (!len && !fin)
      return;
    if (pipe + len > c->cwnd) {
      c->cwnd_limited = 1;
      return;
    }
    if (len < c->mss && !may_send_small(c, len, avail, fin))
      return;
    if (c->snd_nxt == c->snd_una && c->last_send &&
        c->stack->now - c->last_send > net_tcp_rto(c)) {
      net_tcp_cc_idle(c);
      len = next_len(c, avail, room, pipe);
      fin = fin && len == avail;
    }
    paced = net_tcp_is_paced(c);
    if (paced && !net_tcp_pace(c)) {
      c->cwnd_limited = 1; /* as good as */
      return;
    }
    if (paced && len > c->mss && len > c->pace_credit) {
      len = ((uint32_t)c->pace_credit + c->mss - 1) / c->mss * c->mss;
      fin = 0;
    }
    sent = len;
    code = net_tcp_send_data(c, c->snd_nxt, &sent, fin ? TCP_FIN : 0);
    if (code && !sent)
      return;
    fin = fin && sent == len;
    if (sent < c->mss)
      c->snd_small = c->snd_nxt + sent;
    advance(c, sent + (uint32_t)fin, fin);
    pipe += sent + (uint32_t)fin;
    if (paced)
      c->pace_credit -= sent;
    if (code)
      return;
  }
}

/* Something waits, nothing is in flight: only the peer's window can be why.
 * Its update may get lost, so it is asked for (MUST-36). */
static void start_persist(struct tcp_conn *c)
{
  if (c->t_rexmit != LWT_NEVER || c->t_retry != LWT_NEVER)
    return;
  c->persist = 1;
  c->backoff = 0;
  c->progress = c->stack->now;
  net_tcp_rexmit_start(c);
}

static void send_some(struct tcp_conn *c)
{
  uint32_t pipe = net_tcp_pipe(c);

  c->cwnd_limited = 0;
  if (c->mode != TCP_OPEN && send_lost(c, &pipe))
    return;
  if (c->path_mss)
    pipe += net_tcp_path_search(c, pipe);
  send_new(c, pipe);
}

/* A peer whose window is almost full is waiting: the ACK is not delayed. */
static int ack_due(const struct tcp_conn *c, uint32_t due)
{
  if (c->ack_now || due >= 2 * c->rcv_mss)
    return 1;
  if (c->eof)
    return 0;
  return (due && c->rcv_adv - c->rcv_nxt < c->rcv_mss) || net_tcp_window_update_due(c);
}

static void acknowledge(struct tcp_conn *c)
{
  uint32_t due = c->rcv_nxt - c->last_ack;

  if (ack_due(c, due))
    net_tcp_send_ack(c);
  else if (due && c->t_delack == LWT_NEVER)
    c->t_delack = c->stack->now + c->stack->config.tcp_delayed_ack;
}

/* A SYN is sent through ack_now as well. */
static void output_syn(struct tcp_conn *c)
{
  c->t_retry = LWT_NEVER;
  if (c->ack_now)
    c->ack_now = net_tcp_send_syn(c) != 0;
}

static void output(struct tcp_conn *c)
{
  uint32_t nxt = c->snd_nxt;
  int few;

  c->t_retry = LWT_NEVER;
  few = net_tcp_send_few(c);
  if (few > 0)
    return;
  if (few < 0) {
    acknowledge(c);
    return;
  }
  net_tcp_conn_refill(c);
  if (c->mode != TCP_OPEN || seq_gt(net_tcp_sendq_end(&c->sq), c->snd_nxt) ||
      (c->fin && c->snd_nxt == net_tcp_sendq_end(&c->sq))) {
    send_some(c);
    if (c->snd_nxt != nxt)
      net_tcp_tlp_start(c);
    if (c->snd_nxt == c->snd_una && (c->sq.len || (c->fin && !c->fin_acked)))
      start_persist(c);
  }
  acknowledge(c);
}

void net_tcp_output(struct tcp_conn *c)
{
  if (c->state <= TCP_SYN_RCVD)
    output_syn(c);
  else
    output(c);
  if (c->stack)
    net_tcp_timer_follow(c);
}

void net_tcp_output_probe(struct tcp_conn *c)
{
  uint32_t avail = net_tcp_sendq_end(&c->sq) - c->snd_una;
  uint32_t edge = c->snd_una + c->snd_wnd, len;
  int fin;

  c->stack->stats.tcp_probes++;
  if (c->snd_nxt != c->snd_una) { /* the last probe, once more */
    resend(c, c->snd_una, 1);
    return;
  }
  /* What the window takes although it is little, else one byte beyond it. */
  len = avail < c->snd_wnd ? avail : c->snd_wnd;
  len = len < c->mss ? len : c->mss;
  if (len) {
    if (!net_tcp_send_data(c, c->snd_nxt, &len, 0))
      advance(c, len, 0);
    return;
  }
  fin = !avail && seq_ge(c->snd_nxt, edge) && c->fin;
  if (!avail && !fin)
    return;
  len = avail ? 1 : 0;
  if (net_tcp_send_data(c, c->snd_nxt, &len, fin ? TCP_FIN : 0))
    return;
  net_tcp_sent_push(c, c->snd_nxt + 1, 0);
  c->snd_nxt++;
  c->snd_max = seq_max(c->snd_max, c->snd_nxt);
  if (fin)
    fin_sent(c);
}

int net_tcp_output_sized(struct tcp_conn *c, uint32_t len)
{
  int code;

  c->mss = len; /* else the device would cut it */
  code = net_tcp_send_data(c, c->snd_nxt, &len, 0);
  net_tcp_conn_mss(c);
  if (code)
    return 0;
  advance(c, len, 0);
  if (net_tcp_is_paced(c))
    c->pace_credit -= len;
  return 1;
}

int net_tcp_output_tail(struct tcp_conn *c, int *again)
{
  uint32_t end = net_tcp_sendq_end(&c->sq), edge = c->snd_una + c->snd_wnd;
  uint32_t len = end - c->snd_nxt, seq;

  *again = 0;
  if (seq_le(c->snd_nxt, end) && len && seq_le(c->snd_nxt + c->mss, edge)) {
    len = len < c->mss ? len : c->mss;
    if (net_tcp_send_data(c, c->snd_nxt, &len, 0))
      return 0;
    if (len < c->mss)
      c->snd_small = c->snd_nxt + len;
    advance(c, len, 0);
    return 1;
  }
  len = c->snd_nxt - c->snd_una;
  if (!len)
    return 0;
  len = len < c->mss ? len : c->mss;
  seq = c->snd_nxt - len;
  *again = 1;
  c->timing = 0;
  return !resend(c, seq, len);
}
