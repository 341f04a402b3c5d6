/* net/tcp_inline.h - small things that the short ways share with the long ones, in
 * place: a call costs more than they do; not installed.
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_TCP_INLINE_H
#define NET_TCP_INLINE_H

#include "tcp.h"

/* As net_tcp_rtt_sample(): RFC 6298 2. */
static inline void net_tcp_rtt_add(struct tcp_conn *c, uint64_t rtt)
{
  uint64_t error, margin;

  if (!c->srtt) {
    c->srtt = rtt ? rtt : 1;
    c->rttvar = rtt / 2;
  } else {
    error = rtt > c->srtt ? rtt - c->srtt : c->srtt - rtt;
    c->rttvar = c->rttvar - c->rttvar / 4 + error / 4;
    c->srtt = c->srtt - c->srtt / 8 + rtt / 8;
  }
  margin = 4 * c->rttvar > LWT_MS(1) ? 4 * c->rttvar : LWT_MS(1);
  c->rto = c->srtt + margin;
  if (c->rto < c->stack->config.tcp_rto_min)
    c->rto = c->stack->config.tcp_rto_min;
  if (c->rto > TCP_RTO_MAX)
    c->rto = TCP_RTO_MAX;
  c->backoff = 0;
}

/* The send window that a segment tells (RFC 9293 3.10.7.4, fifth).  Returns 1 if it
 * changed. */
static inline int net_tcp_window_input(struct tcp_conn *c, uint32_t seq, uint32_t ack,
                                       uint16_t window)
{
  uint32_t wnd = (uint32_t)window << c->snd_scale, old = c->snd_wnd;

  if (!seq_lt(c->snd_wl1, seq) && !(c->snd_wl1 == seq && seq_le(c->snd_wl2, ack)))
    return 0;
  c->snd_wl1 = seq;
  c->snd_wl2 = ack;
  c->snd_wnd = wnd;
  if (wnd > c->max_wnd)
    c->max_wnd = wnd;
  return wnd != old;
}

/* A segment with our last acknowledgment was sent. */
static inline void net_tcp_acknowledged(struct tcp_conn *c)
{
  c->last_ack = c->rcv_nxt;
  c->ack_now = 0;
  c->t_delack = LWT_NEVER;
}

/* New data: our last acknowledgment has arrived, so the next hop is there. */
static inline void net_tcp_confirm(struct tcp_conn *c)
{
  if (c->rcv_nxt != c->last_ack)
    net_route_confirm(c->stack, &c->route);
}

/* As net_tcp_timer_update(). */
static inline void net_tcp_timer_follow(struct tcp_conn *c)
{
  uint64_t t = c->t_rexmit < c->t_delack ? c->t_rexmit : c->t_delack;

  t = t < c->t_loss ? t : c->t_loss;
  t = t < c->t_retry ? t : c->t_retry;
  t = t < c->t_keep ? t : c->t_keep;
  if (t < c->timer.deadline)
    net_timer_set(&c->stack->timers, &c->timer, t);
}

#endif
