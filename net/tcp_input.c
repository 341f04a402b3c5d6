/* net/tcp_input.c - a segment arrives for a connection.
 * SPDX-License-Identifier: ISC
 *
 * RFC 9293 3.10.7.3 and 3.10.7.4 in the order of the RFC, with RFC 5961 (blind
 * attacks) and RFC 7323 (timestamps) in their places.  Read it beside them.
 * LISTEN and the passive SYN-RECEIVED are in tcp_listen.c, TIME-WAIT is in
 * tcp_wait.c.
 */
#include "tcp.h"

/* ---- SYN-SENT (3.10.7.3) ----------------------------------------------- */

static void take_syn(struct tcp_conn *c, const struct tcp_repr *r)
{
  uint8_t both = net_tcp_syn_options(c->stack, r->options);

  c->irs = r->seq;
  c->rcv_nxt = r->seq + 1;
  c->last_ack = r->seq;
  c->rcv_adv = c->rcv_nxt + (c->rcv_buffer < 0xffff ? c->rcv_buffer : 0xffff);
  c->peer_mss = r->options & TCP_OPT_MSS ? r->mss : 0;
  c->sack_on = !!(both & TCP_OPT_SACK_OK);
  c->ts_on = !!(both & TCP_OPT_TS);
  c->ts_recent = r->tsval;
  c->ts_recent_time = c->stack->now;
  c->scale_on = !!(both & TCP_OPT_SCALE);
  if (r->options & TCP_OPT_UTO)
    net_tcp_uto_input(c, r);
  c->ecn_on = (r->flags & (TCP_ACK | TCP_ECE | TCP_CWR)) == (TCP_ACK | TCP_ECE) &&
              c->stack->config.tcp_with & LWT_NET_TCP_ECN && !c->syn_lost;
  if (c->scale_on) {
    c->snd_scale = r->scale;
    c->rcv_scale = net_tcp_scale_for(c->stack->config.tcp_receive);
  } else if (c->rcv_buffer > 0xffff) {
    c->rcv_buffer = 0xffff;
  }
}

static void set_window(struct tcp_conn *c, const struct tcp_repr *r, uint8_t scale)
{
  c->snd_wnd = (uint32_t)r->window << scale;
  c->max_wnd = c->snd_wnd;
  c->snd_wl1 = r->seq;
  c->snd_wl2 = r->ack;
}

static void handshake_rtt(struct tcp_conn *c)
{
  if (c->timing)
    net_tcp_rtt_sample(c, c->stack->now - c->rtt_time);
  c->timing = 0;
}

static void input_syn_sent(struct tcp_conn *c, const struct tcp_repr *r)
{
  struct net_stack *s = c->stack;
  int acks = r->flags & TCP_ACK;

  if (acks && (seq_le(r->ack, c->iss) || seq_gt(r->ack, c->snd_nxt))) {
    s->stats.tcp_ignored += !!(r->flags & TCP_RST);
    net_tcp_refuse(s, &c->node.tuple, r);
    return;
  }
  if (acks && r->flags & TCP_RST) {
    net_tcp_conn_close(c, LWT_ECONNREFUSED, "tcp_connect");
    return;
  }
  if ((r->flags & (TCP_SYN | TCP_RST)) != TCP_SYN) {
    s->stats.tcp_ignored++;
    return;
  }
  take_syn(c, r);
  c->ack_now = 1;
  net_tcp_work(c);
  if (acks) {
    c->snd_una = r->ack;
    set_window(c, r, 0);
    handshake_rtt(c);
    net_tcp_conn_established(c);
  } else { /* both ends opened at once (MUST-10) */
    net_tcp_conn_state(c, TCP_SYN_RCVD);
    c->snd_wnd = r->window;
    net_tcp_rexmit_start(c);
  }
}

/* ---- May it be looked at? ---------------------------------------------- */

/* RFC 7323 5.3 R1, and 3.2: every segment but a reset has timestamps. */
static int timestamps_ok(struct tcp_conn *c, const struct tcp_repr *r)
{
  uint64_t now = c->stack->now;

  if (!c->ts_on || r->flags & TCP_RST)
    return 1;
  if (!(r->options & TCP_OPT_TS)) {
    c->stack->stats.tcp_no_timestamp++;
    return 0;
  }
  if (!net_tcp_paws(r->tsval, c->ts_recent))
    return 1;
  if (now - c->ts_recent_time > TCP_TS_IDLE) /* 5.5: outdated */
    return 1;
  c->stack->stats.tcp_paws++;
  if (net_tcp_seg_len(r))
    net_tcp_send_ack(c);
  else
    net_tcp_challenge(c);
  return 0;
}

static int in_window(const struct tcp_conn *c, uint32_t seq)
{
  return seq_le(c->rcv_nxt, seq) && seq_lt(seq, c->rcv_adv);
}

/* The table of 3.10.7.4, but a segment at rcv_nxt is looked at even if the
 * window is closed, for its ACK and RST (MUST-66). */
static int acceptable(const struct tcp_conn *c, const struct tcp_repr *r)
{
  uint32_t len = net_tcp_seg_len(r);

  if (r->seq == c->rcv_nxt)
    return 1;
  return in_window(c, r->seq) || (len && in_window(c, r->seq + len - 1));
}

/* [start, end) was received before: the next ACK says so (RFC 2883). */
static void twice(struct tcp_conn *c, uint32_t start, uint32_t end)
{
  c->ack_now = 1;
  if (c->sack_on && seq_lt(start, end))
    c->dsack = (struct tcp_range){ start, end };
}

static int sequence_ok(struct tcp_conn *c, const struct tcp_repr *r)
{
  if (acceptable(c, r))
    return 1;
  c->stack->stats.tcp_outside++;
  if (r->flags & TCP_RST)
    return 0;
  /* An orphan says nothing for what it will not take. */
  if (net_tcp_seg_len(r)) {
    c->ack_now = 1;
    if (r->len && seq_lt(r->seq, c->rcv_nxt))
      twice(c, r->seq, seq_min(r->seq + r->len, c->rcv_nxt));
    net_tcp_work(c);
  } else {
    net_tcp_challenge(c);
  }
  return 0;
}

/* RFC 5961 3.2: only the exact sequence number resets. */
static void input_rst(struct tcp_conn *c, const struct tcp_repr *r)
{
  int code = LWT_ECONNRESET;

  if (r->seq != c->rcv_nxt) {
    net_tcp_challenge(c);
    return;
  }
  c->stack->stats.tcp_resets_received++;
  if (c->state == TCP_SYN_RCVD)
    code = LWT_ECONNREFUSED;
  else if (c->fin_acked && c->eof)
    code = 0;
  net_tcp_conn_close(c, code, "tcp");
}

/* ---- Text -------------------------------------------------------------- */

/* Cut off what is not in the window; *fin is cleared if the FIN goes with it.
 * Sets *seq to that of the first byte that is left; returns how many are. */
static uint32_t trim(struct tcp_conn *c, const struct tcp_repr *r,
                     struct lwt_buf *payload, uint32_t *seq, int *fin)
{
  uint32_t start = r->seq, end = r->seq + r->len, edge = c->rcv_adv;

  if (c->fin_seen && seq_lt(c->rcv_fin, edge))
    edge = c->rcv_fin;
  if (seq_lt(start, c->rcv_nxt)) {
    start = seq_min(c->rcv_nxt, end);
    twice(c, r->seq, start);
  }
  if (seq_gt(end, edge)) {
    *fin = 0;
    end = seq_max(edge, start);
  }
  lwt_buf_trim(payload, r->seq + r->len - end);
  lwt_buf_pull(payload, start - r->seq);
  *seq = start;
  return end - start;
}

/* Takes payload: bytes to the right of what is there. */
static void out_of_order(struct tcp_conn *c, uint32_t seq, uint32_t len,
                         struct lwt_buf *payload)
{
  c->reass.max_blocks = c->rcv_buffer / TCP_BLOCK_BYTES;
  if (c->reass.max_blocks < TCP_BLOCKS_MIN)
    c->reass.max_blocks = TCP_BLOCKS_MIN;
  if (c->reass.max_blocks > TCP_BLOCKS_MAX)
    c->reass.max_blocks = TCP_BLOCKS_MAX;
  if (net_tcp_reass_has(&c->reass, seq, seq + len))
    twice(c, seq, seq + len);
  if (net_tcp_reass_add(&c->reass, seq, seq + len, payload,
                        c->rcv_buffer / (TCP_COPY_MAX / 2) + 64))
    c->stack->stats.tcp_out_of_order_full++;
  else
    c->stack->stats.tcp_out_of_order++;
  net_tcp_send_ack(c); /* each: the peer counts them (RFC 5681 4.2) */
}

/* Takes payload: the next bytes, in segments of up to `part`. */
static void in_order(struct tcp_conn *c, uint32_t len, uint32_t part,
                     struct lwt_buf *payload)
{
  uint32_t mss = c->rcv_mss;

  if (part > mss) {
    mss = net_tcp_our_mss(c->stack, net_tcp_conn_way(c), &c->remote);
    c->rcv_mss = part < mss ? part : mss;
  }
  net_tcp_recvq_append(&c->rq, payload);
  c->rcv_nxt += len;
  if (c->reass.head) {
    c->rcv_nxt = net_tcp_reass_take(&c->reass, c->rcv_nxt, &c->rq);
    c->ack_now = 1;
  }
  net_tcp_wake(c);
}

/* Takes payload. */
static void input_text(struct tcp_conn *c, const struct tcp_repr *r,
                       struct lwt_buf *payload)
{
  int fin = !!(r->flags & TCP_FIN);
  uint32_t len, seq;

  if (c->eof || c->state == TCP_SYN_RCVD) {
    c->stack->stats.tcp_ignored++;
    lwt_buf_free(payload);
    return;
  }
  if (r->len && !c->user && !c->listener && c->ending != TCP_END_CONNECT) {
    c->data_lost = 1; /* nobody reads: see net_tcp_conn_fin_acked() */
    c->stack->stats.tcp_ignored++;
    lwt_buf_free(payload);
    return;
  }
  len = trim(c, r, payload, &seq, &fin);
  if (len < r->len)
    c->ack_now = 1;
  if (!len) {
    c->stack->stats.tcp_ignored += !fin || c->fin_seen;
    lwt_buf_free(payload);
  } else if (seq == c->rcv_nxt) {
    in_order(c, len, len, payload);
  } else {
    out_of_order(c, seq, len, payload);
  }
  if (fin && !c->fin_seen) {
    c->fin_seen = 1;
    c->rcv_fin = r->seq + r->len;
  }
  if (c->fin_seen && c->rcv_nxt == c->rcv_fin) {
    c->rcv_nxt++;
    net_tcp_conn_fin_received(c);
  }
}

/* ---- The other states (3.10.7.4) --------------------------------------- */

/* SYN-RECEIVED of a simultaneous open: the peer's SYN once more, perhaps with
 * the ACK of ours (3.5, figure 8). */
static void input_second_syn(struct tcp_conn *c, const struct tcp_repr *r)
{
  if (r->flags & TCP_ACK && r->ack == c->snd_nxt) {
    c->snd_una = r->ack;
    set_window(c, r, 0);
    handshake_rtt(c);
    net_tcp_conn_established(c);
  } else if (!(r->flags & (TCP_ACK | TCP_RST))) {
    c->ack_now = 1;
    net_tcp_work(c);
  } else {
    c->stack->stats.tcp_ignored++;
  }
}

static int ack_ok(struct tcp_conn *c, const struct tcp_repr *r)
{
  if (c->state == TCP_SYN_RCVD) {
    if (!seq_gt(r->ack, c->snd_una) || seq_gt(r->ack, c->snd_nxt)) {
      net_tcp_refuse(c->stack, &c->node.tuple, r);
      return 0;
    }
    c->snd_una = c->iss + 1;
    set_window(c, r, c->snd_scale);
    handshake_rtt(c);
    net_tcp_conn_established(c);
  }
  return !net_tcp_ack_input(c, r);
}

/* 3.10.7.4, sixth: the pointer is noted, the bytes stay in their place. */
static void input_urgent(struct tcp_conn *c, const struct tcp_repr *r)
{
  uint32_t up = r->seq + r->urgent;

  if (!r->urgent || (c->urgent && !seq_gt(up, c->rcv_up)) || !seq_gt(up, c->rcv_nxt))
    return;
  c->stack->stats.tcp_urgent++;
  c->urgent = 1;
  c->rcv_up = up;
}

static int input_header(struct tcp_conn *c, const struct tcp_repr *r)
{
  if (!timestamps_ok(c, r) || !sequence_ok(c, r))
    return 0;
  if (r->flags & TCP_RST) {
    input_rst(c, r);
    return 0;
  }
  if (r->flags & TCP_SYN) { /* RFC 5961 4 */
    net_tcp_challenge(c);
    return 0;
  }
  if (!(r->flags & TCP_ACK)) {
    c->stack->stats.tcp_ignored++;
    return 0;
  }
  /* RFC 7323 4.3: only what moves the left edge. */
  if (c->ts_on && seq_le(r->seq, c->last_ack)) {
    c->ts_recent = r->tsval;
    c->ts_recent_time = c->stack->now;
  }
  return ack_ok(c, r);
}

int net_tcp_is_next(const struct tcp_conn *c, const struct tcp_repr *r)
{
  return c->state == TCP_ESTABLISHED && r->seq == c->rcv_nxt &&
         r->len <= c->rcv_adv - c->rcv_nxt && (c->user || c->listener) &&
         !c->fin_seen && (!c->ts_on || !net_tcp_paws(r->tsval, c->ts_recent));
}

void net_tcp_conn_next(struct tcp_conn *c, const struct tcp_repr *r,
                       struct lwt_buf *payload)
{
  c->last_receive = c->stack->now;
  if (c->ts_on && r->seq == c->last_ack) {
    c->ts_recent = r->tsval;
    c->ts_recent_time = c->stack->now;
  }
  if (net_tcp_ack_input(c, r) || !r->len) {
    lwt_buf_free(payload);
    return;
  }
  in_order(c, r->len, r->part, payload);
  net_tcp_work(c);
}

void net_tcp_conn_input(struct tcp_conn *c, const struct tcp_repr *r,
                        struct lwt_buf *payload)
{
  c->last_receive = c->stack->now;
  if (c->state == TCP_SYN_SENT) {
    input_syn_sent(c, r);
    lwt_buf_free(payload);
    return;
  }
  if (c->state == TCP_SYN_RCVD && r->flags & TCP_SYN && r->seq == c->irs) {
    input_second_syn(c, r);
    lwt_buf_free(payload);
    return;
  }
  if (!input_header(c, r)) {
    lwt_buf_free(payload);
    return;
  }
  if (c->ecn_on && (r->ce || r->flags & (TCP_ECE | TCP_CWR)))
    net_tcp_ecn_input(c, r);
  if (r->options & TCP_OPT_UTO)
    net_tcp_uto_input(c, r);
  if (r->flags & TCP_URG)
    input_urgent(c, r);
  if (r->len || r->flags & TCP_FIN) {
    input_text(c, r, payload);
    net_tcp_work(c);
  } else {
    lwt_buf_free(payload);
  }
  if (c->stack && c->fin_acked)
    net_tcp_conn_fin_acked(c);
}
