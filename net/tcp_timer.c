/* net/tcp_timer.c - retransmission, persist, delayed ACK, keep-alive.
 * SPDX-License-Identifier: ISC
 *
 * A connection has five deadlines and one timer, which is set to the earliest.
 * Deadlines move with every segment; the timer does not follow one that moves
 * away, but is set anew when it fires too early.
 */
#include "tcp_inline.h"

enum { R1 = 3 }; /* retransmissions before the next hop is suspected */

uint64_t net_tcp_rto(const struct tcp_conn *c)
{
  uint64_t rto = c->rto << (c->backoff < 16 ? c->backoff : 16);

  return rto < TCP_RTO_MAX ? rto : TCP_RTO_MAX;
}

static uint64_t patience(const struct tcp_conn *c)
{
  if (c->state <= TCP_SYN_RCVD)
    return c->stack->config.tcp_connect_timeout;
  return c->user_timeout;
}

uint64_t net_tcp_patience_ends(const struct tcp_conn *c)
{
  uint64_t time = patience(c);

  return time < LWT_NEVER - c->progress ? c->progress + time : LWT_NEVER;
}

/* At the latest when patience ends. */
void net_tcp_rexmit_start(struct tcp_conn *c)
{
  uint64_t now = c->stack->now, end = net_tcp_patience_ends(c);

  c->t_rexmit = now + net_tcp_rto(c);
  if (c->t_rexmit > end)
    c->t_rexmit = end > now ? end : now;
}

void net_tcp_timer_update(struct tcp_conn *c)
{
  net_tcp_timer_follow(c);
}

/* The peer is silent for longer than it may be. */
static int gave_up(struct tcp_conn *c)
{
  struct lwt_error soft = c->soft;

  if (c->stack->now - c->progress < patience(c))
    return 0;
  c->stack->stats.tcp_timeouts++;
  net_tcp_conn_reset(c, soft.code ? soft.code : LWT_ETIMEDOUT,
                     c->state <= TCP_SYN_RCVD ? "tcp_connect" : "tcp");
  return 1;
}

/* RFC 6298 5.4 to 5.7.  Also the persist timer: it differs in that the peer may
 * keep its window closed for as long as it answers. */
static void rexmit_fired(struct tcp_conn *c)
{
  int closed = c->state > TCP_SYN_RCVD && c->snd_wnd == 0;

  if (gave_up(c))
    return;
  if (c->persist || closed) {
    c->persist = 1;
    net_tcp_output_probe(c);
    if (c->persist) {
      c->backoff++;
      net_tcp_rexmit_start(c);
    }
    return;
  }
  c->stack->stats.tcp_rto++;
  if (c->state <= TCP_SYN_RCVD) {
    c->syn_lost = c->syn_lost ? 2 : 1;
    c->timing = 0;
    c->ack_now = 1;
  } else {
    net_tcp_loss_enter(c);
    net_tcp_black_hole(c);
  }
  net_tcp_work(c);
  if (c->retransmits < UINT8_MAX)
    c->retransmits++;
  if (c->retransmits == R1) /* SHLD-10 */
    net_ip_suspect(c->stack, &c->remote);
  c->backoff++;
  net_tcp_rexmit_start(c);
}

static void loss_fired(struct tcp_conn *c)
{
  uint32_t lost;

  c->t_loss = LWT_NEVER;
  if (c->probe_loss) {
    net_tcp_tlp_fired(c);
  } else if ((lost = net_tcp_rack_detect(c, NULL))) {
    if (c->mode == TCP_OPEN)
      net_tcp_recovery_enter(c);
    if (c->mode == TCP_RECOVERY)
      net_tcp_prr(c, NULL, lost);
    net_tcp_work(c);
  }
}

static void keep_fired(struct tcp_conn *c)
{
  uint64_t now = c->stack->now;

  if (c->lingers) {
    c->stack->stats.tcp_timeouts++;
    net_tcp_conn_reset(c, LWT_ETIMEDOUT, "tcp_close");
    return;
  }
  if (now - c->last_receive < c->keep_idle) {
    c->keep_sent = 0;
    c->t_keep = c->last_receive + c->keep_idle;
    return;
  }
  if (c->keep_sent >= c->keep_count) {
    c->stack->stats.tcp_timeouts++;
    net_tcp_conn_reset(c, LWT_ETIMEDOUT, "tcp_keepalive");
    return;
  }
  c->keep_sent++;
  net_tcp_send_probe(c);
  c->t_keep = now + c->keep_interval;
}

void net_tcp_conn_timer(struct net_timer *timer)
{
  struct tcp_conn *c = tcp_of(timer, struct tcp_conn, timer);
  struct net_stack *s = c->stack;

  net_tcp_enter(s);
  if (c->t_delack <= s->now) {
    c->t_delack = LWT_NEVER;
    c->ack_now = 1;
    net_tcp_work(c);
  }
  if (c->t_retry <= s->now) {
    c->t_retry = LWT_NEVER;
    tcp_list_remove(&c->work); /* perhaps from the blocked ones */
    net_tcp_work(c);
  }
  if (c->t_loss <= s->now)
    loss_fired(c);
  if (c->t_rexmit <= s->now) {
    c->t_rexmit = LWT_NEVER;
    rexmit_fired(c);
  }
  if (c->stack && c->t_keep <= s->now)
    keep_fired(c);
  if (c->stack)
    net_tcp_timer_update(c);
  net_tcp_leave(s);
}
