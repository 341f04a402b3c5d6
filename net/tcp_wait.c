/* net/tcp_wait.c - connections that no longer need the program.
 * SPDX-License-Identifier: ISC
 *
 * TIME-WAIT, and FIN-WAIT-2 of a connection that the program has closed: all
 * that is left is to answer, so all that is kept is a small record.  Both last
 * for tcp_time_wait, so the list in the order of arrival is in the order of
 * expiry, and one timer serves it.  When there are too many, the oldest goes.
 */
#include "tcp.h"

#define MAX_WINDOW (UINT32_C(65535) << 14) /* RFC 7323 2.3 */

void net_tcp_wait_free(struct net_stack *s, struct tcp_wait *w)
{
  net_tcp_remove(s, &w->node);
  tcp_list_remove(&w->age);
  s->tcp->n_waits--;
  net_tcp_shelf_give(&s->tcp->wait_shelf, w);
}

static struct tcp_wait *first(struct net_stack *s)
{
  if (tcp_list_empty(&s->tcp->waits))
    return NULL;
  return tcp_of(s->tcp->waits.next, struct tcp_wait, age);
}

void net_tcp_wait_timer(struct net_timer *timer)
{
  struct net_tcp *tcp = tcp_of(timer, struct net_tcp, wait_timer);
  struct net_stack *s = tcp->stack;
  struct tcp_wait *w;

  net_tcp_enter(s);
  while ((w = first(s)) && w->expires <= s->now)
    net_tcp_wait_free(s, w);
  if (w)
    net_timer_set(&s->timers, &tcp->wait_timer, w->expires);
  net_tcp_leave(s);
}

/* Begin the time anew. */
static void restart(struct net_stack *s, struct tcp_wait *w)
{
  w->expires = s->now + s->config.tcp_time_wait;
  tcp_list_remove(&w->age);
  tcp_list_add(&s->tcp->waits, &w->age);
  if (!net_timer_is_set(&s->tcp->wait_timer))
    net_timer_set(&s->timers, &s->tcp->wait_timer, w->expires);
}

void net_tcp_wait_start(struct tcp_conn *c, int fin_wait_2)
{
  struct net_stack *s = c->stack;
  struct tcp_wait *w;

  if (c->ack_now || c->last_ack != c->rcv_nxt)
    net_tcp_send_ack(c);
  if (!fin_wait_2)
    net_tcp_conn_state(c, TCP_TIME_WAIT);
  if (s->tcp->n_waits >= s->config.max_time_wait && s->tcp->n_waits) {
    s->stats.tcp_time_wait_evicted++;
    net_tcp_wait_free(s, first(s));
  }
  w = net_tcp_shelf_take(&s->tcp->wait_shelf, sizeof *w);
  if (!w)
    s->stats.no_memory++;
  else
    *w = (struct tcp_wait){
      .node = { .kind = TCP_WAIT, .tuple = c->node.tuple },
      .snd_nxt = c->snd_nxt, .rcv_nxt = c->rcv_nxt, .rcv_wnd = c->rcv_adv - c->rcv_nxt,
      .ts_on = c->ts_on, .ts_recent = c->ts_recent, .ts_offset = c->ts_offset,
      .rcv_scale = c->rcv_scale, .fin_wait_2 = !!fin_wait_2
    };
  net_tcp_conn_close(c, 0, NULL);
  if (!w)
    return;
  net_tcp_insert(s, &w->node);
  s->tcp->n_waits++;
  restart(s, w);
}

static void send(struct net_stack *s, struct tcp_wait *w, uint8_t flags)
{
  struct tcp_repr r = { .flags = flags, .seq = w->snd_nxt, .ack = w->rcv_nxt,
                        .window = (uint16_t)(w->rcv_wnd >> w->rcv_scale) };

  if (w->ts_on) {
    r.options = TCP_OPT_TS;
    r.tsval = net_tcp_ts_now(s, w->ts_offset);
    r.tsecr = w->ts_recent;
  }
  net_tcp_send_bare(s, &w->node.tuple, &r);
}

static void challenge(struct net_stack *s, struct tcp_wait *w)
{
  if (net_tcp_may_challenge(s, &w->challenge_time, &w->challenges))
    send(s, w, TCP_ACK);
}

int net_tcp_wait_reusable(const struct tcp_wait *w, const struct tcp_repr *r)
{
  if ((r->flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN || w->fin_wait_2)
    return 0;
  if (w->ts_on && r->options & TCP_OPT_TS && r->tsval != w->ts_recent)
    return seq_gt(r->tsval, w->ts_recent);
  return seq_gt(r->seq, w->rcv_nxt);
}

/* The peer may still send; what it sends nobody reads. */
static void input_fin_wait_2(struct net_stack *s, struct tcp_wait *w,
                             const struct tcp_repr *r)
{
  uint32_t end = r->seq + net_tcp_seg_len(r);

  if (r->len && seq_gt(r->seq + r->len, w->rcv_nxt)) { /* SHLD-3 */
    s->stats.tcp_resets_sent++;
    send(s, w, TCP_RST | TCP_ACK);
    net_tcp_wait_free(s, w);
    return;
  }
  if (r->flags & TCP_FIN && end == w->rcv_nxt + 1) {
    w->rcv_nxt++;
    w->fin_wait_2 = 0;
    if (w->ts_on)
      w->ts_recent = r->tsval;
    restart(s, w);
    send(s, w, TCP_ACK);
  } else if (end != r->seq) {
    s->stats.tcp_ignored++;
  }
}

void net_tcp_wait_input(struct net_stack *s, struct tcp_wait *w,
                        const struct tcp_repr *r)
{
  uint32_t len = net_tcp_seg_len(r);

  if (r->flags & TCP_RST) {
    /* In TIME-WAIT a reset is ignored (RFC 1337). */
    if (w->fin_wait_2 && r->seq == w->rcv_nxt)
      net_tcp_wait_free(s, w);
    else if (w->fin_wait_2 && r->seq - w->rcv_nxt < w->rcv_wnd)
      challenge(s, w);
    else
      s->stats.tcp_ignored++;
    return;
  }
  if (w->ts_on && r->options & TCP_OPT_TS && net_tcp_paws(r->tsval, w->ts_recent)) {
    s->stats.tcp_paws++;
    challenge(s, w);
    return;
  }
  if (r->flags & TCP_SYN) {
    challenge(s, w);
    return;
  }
  if (!(r->flags & TCP_ACK)) {
    s->stats.tcp_ignored++;
    return;
  }
  if (seq_gt(r->seq, w->rcv_nxt + w->rcv_wnd) || seq_lt(r->seq + len, w->rcv_nxt)) {
    s->stats.tcp_outside++;
    challenge(s, w);
  } else if (r->ack - w->snd_nxt + MAX_WINDOW > MAX_WINDOW) {
    /* Of what was never sent, or from another age (RFC 5961 5). */
    s->stats.tcp_bad_acks++;
    challenge(s, w);
  } else if (w->fin_wait_2) {
    input_fin_wait_2(s, w, r);
  } else if (len) { /* the peer has not heard our last ACK */
    if (r->flags & TCP_FIN)
      restart(s, w);
    challenge(s, w);
  }
}
