/* net/tcp_tune.c - buffers that grow as they are needed.
 * SPDX-License-Identifier: ISC
 *
 * A connection begins with 64 KiB each way, so that an idle one can be made to
 * hold little; tcp_send and tcp_receive are how far they go.  The window grows
 * when the program has read more than half of it within a round trip (what a
 * peer sends that nobody reads never makes it grow), the send buffer to twice
 * the congestion window, so that there is something to send while it is
 * acknowledged.
 *
 * With config.tcp_memory all buffers come out of one account.  A connection begins
 * with a small part of what is left in it, 4 KiB each way at least, or is refused; it
 * grows by at most half of what is left.  When that is not enough, those that have
 * more than an even share give back what is empty: the send buffer at once, the
 * receive buffer as what was promised to the peer has come, since a window is never
 * taken back (SHLD-14).  Without it they do not shrink.
 */
#include "tcp.h"

enum { FIRST = 64 << 10, LEAST = 4 << 10, SHARE = 64 };

#define SLACK LWT_MS(1) /* the clock of a turn may be that old */
#define RECLAIM LWT_MS(10) /* it looks at all connections */

/* ---- What all have together -------------------------------------------- */

static uint64_t left(const struct net_stack *s)
{
  return s->config.tcp_memory > s->tcp->held ? s->config.tcp_memory - s->tcp->held : 0;
}

static void hold(struct net_stack *s, uint32_t *held, uint32_t size)
{
  s->tcp->held = s->tcp->held - *held + size;
  *held = size;
}

static uint32_t max(uint32_t a, uint32_t b)
{
  return a > b ? a : b;
}

static void give_back(struct tcp_conn *c, uint32_t share)
{
  struct net_stack *s = c->stack;
  uint32_t promised = c->rcv_adv - c->rcv_nxt + c->rq.len;
  uint32_t full = max(share, c->sq.len); /* a chain may be more than the buffer */

  if (c->state < TCP_ESTABLISHED) /* what a SYN has promised stays */
    return;
  if (c->buffer > full)
    c->buffer = full;
  if (c->held_send > c->buffer)
    hold(s, &c->held_send, c->buffer);
  if (c->rcv_buffer > share)
    c->rcv_buffer = share;
  if (c->held_receive > max(promised, c->rcv_buffer))
    hold(s, &c->held_receive, max(promised, c->rcv_buffer));
}

static void reclaim(struct net_stack *s)
{
  uint32_t share = s->config.tcp_memory / (2 * (s->tcp->n_conns + 1));
  struct tcp_link *at;

  if (s->now - s->tcp->reclaimed < RECLAIM)
    return;
  s->tcp->reclaimed = s->now;
  for (at = s->tcp->conns.next; at != &s->tcp->conns; at = at->next)
    give_back(tcp_of(at, struct tcp_conn, all), max(share, LEAST));
}

/* A buffer may have so many of `want` bytes. */
static uint32_t grant(struct tcp_conn *c, uint32_t *held, uint32_t want)
{
  struct net_stack *s = c->stack;
  uint64_t room;

  if (!s->config.tcp_memory || want <= *held)
    return want;
  if (left(s) / 2 < want - *held) {
    s->stats.tcp_memory_short++;
    reclaim(s);
  }
  room = left(s) / 2;
  hold(s, held, room < want - *held ? *held + (uint32_t)room : want);
  return *held;
}

/* ---- Beginning and end ------------------------------------------------- */

static uint32_t first(const struct tcp_conn *c, uint32_t most)
{
  struct net_stack *s = c->stack;
  uint64_t part = left(s) / SHARE;

  if (s->config.tcp_memory) {
    part = part < FIRST ? part : FIRST;
    part = part > LEAST ? part : LEAST;
    return part < most ? (uint32_t)part : most;
  }
  if (s->config.tcp_without & LWT_NET_TCP_TUNING)
    return most;
  return most < FIRST ? most : FIRST;
}

int net_tcp_tune_init(struct tcp_conn *c)
{
  struct net_stack *s = c->stack;

  if (s->config.tcp_memory && left(s) < 2 * LEAST)
    reclaim(s);
  c->buffer = first(c, s->config.tcp_send);
  c->rcv_buffer = first(c, s->config.tcp_receive);
  c->tune_time = s->now;
  if (!s->config.tcp_memory)
    return 0;
  if (left(s) < c->buffer + c->rcv_buffer) {
    s->stats.tcp_memory_full++;
    return -1;
  }
  hold(s, &c->held_send, c->buffer);
  hold(s, &c->held_receive, c->rcv_buffer);
  return 0;
}

void net_tcp_tune_end(struct tcp_conn *c)
{
  hold(c->stack, &c->held_send, 0);
  hold(c->stack, &c->held_receive, 0);
}

uint16_t net_tcp_tune_window(const struct net_stack *s)
{
  uint32_t most = s->config.tcp_receive < 0xffff ? s->config.tcp_receive : 0xffff;

  return (uint16_t)(s->config.tcp_memory && most > LEAST ? LEAST : most);
}

/* ---- Growing ----------------------------------------------------------- */

void net_tcp_tune_receive(struct tcp_conn *c)
{
  uint32_t most = c->stack->config.tcp_receive;
  uint64_t now = c->stack->now, time = now - c->tune_time;

  c->tune_time = now;
  c->tune_read = 0;
  if (!c->scale_on && most > 0xffff)
    most = 0xffff;
  if (time > c->srtt + SLACK || c->rcv_buffer >= most)
    return;
  c->rcv_buffer =
    grant(c, &c->held_receive, c->rcv_buffer < most / 2 ? 2 * c->rcv_buffer : most);
}

void net_tcp_tune_send(struct tcp_conn *c)
{
  uint32_t most = c->stack->config.tcp_send;

  c->buffer = grant(c, &c->held_send, c->cwnd < most / 2 ? 2 * c->cwnd : most);
}
