/* net/tcp_cubic.c - CUBIC (RFC 9438).
 * SPDX-License-Identifier: ISC
 *
 * The window is a cubic function of the time since the last congestion: it
 * returns to where that was (w_max) in K, stays there for a while and then
 * looks for more; where NewReno would be faster, it is as fast as NewReno.
 * Integers only: times in milliseconds, windows in bytes.
 */
#include "tcp.h"

/* C = 0.4, beta = 0.7; alpha of the Reno-friendly part is 9/17. */
enum { C_NUM = 4, C_DEN = 10, BETA_NUM = 7, BETA_DEN = 10, ALPHA_NUM = 9,
       ALPHA_DEN = 17, FAR_MS = 100000 };

struct cubic {
  uint64_t epoch;   /* when this congestion avoidance began, ns; 0: not yet */
  uint64_t k;       /* ms */
  uint64_t origin;  /* the window at K */
  uint64_t reno;    /* W_est, the window of NewReno, times 16 */
  uint64_t credit;  /* of growth, times cwnd */
  uint32_t w_max;   /* where congestion was last; 0: unknown */
  uint32_t prior;   /* cwnd before the last reduction */
};

_Static_assert(sizeof(struct cubic) <= sizeof(((struct tcp_conn *)0)->cc_state),
               "cc_state is too small");

static struct cubic *state(struct tcp_conn *c)
{
  return (struct cubic *)(void *)c->cc_state;
}

static uint64_t cube_root(uint64_t x)
{
  uint64_t root = 0, bit = (uint64_t)1 << 21, next;

  for (; bit; bit >>= 1) {
    next = root | bit;
    if (next <= 2642245 && next * next * next <= x)
      root = next;
  }
  return root;
}

static void cubic_init(struct tcp_conn *c)
{
  *state(c) = (struct cubic){ 0 };
}

static void begin_epoch(struct tcp_conn *c, struct cubic *u)
{
  u->epoch = c->stack->now;
  u->credit = 0;
  u->reno = (uint64_t)c->cwnd * 16;
  u->k = 0;
  if (c->cwnd < u->w_max) /* K = cbrt((w_max - cwnd) / C), in ms */
    u->k = cube_root((uint64_t)(u->w_max - c->cwnd) * (1000000000u / C_NUM * C_DEN) /
                     c->mss);
  u->origin = c->cwnd < u->w_max ? u->w_max : c->cwnd;
}

/* W_cubic at `ms` after the beginning of the epoch. */
static uint64_t window_at(const struct tcp_conn *c, const struct cubic *u, uint64_t ms)
{
  uint64_t d = ms > u->k ? ms - u->k : u->k - ms, grown;

  d = d < FAR_MS ? d : FAR_MS;
  grown = d * d * d / 10000 * C_NUM * c->mss / (C_DEN * 100000u);
  if (ms > u->k)
    return u->origin + grown;
  return u->origin > grown ? u->origin - grown : 0;
}

/* RFC 9438 4.3: as NewReno with this beta would have grown. */
static uint64_t friendly(struct tcp_conn *c, struct cubic *u, uint32_t bytes)
{
  uint64_t more = (uint64_t)bytes * c->mss * 16 / c->cwnd;

  if (u->reno < (uint64_t)u->prior * 16)
    more = more * ALPHA_NUM / ALPHA_DEN;
  u->reno += more;
  return u->reno / 16;
}

static void cubic_avoid(struct tcp_conn *c, uint32_t bytes)
{
  struct cubic *u = state(c);
  uint64_t ms, target, reno;

  if (!u->epoch)
    begin_epoch(c, u);
  ms = (c->stack->now - u->epoch) / 1000000u;
  reno = friendly(c, u, bytes);
  if (window_at(c, u, ms) < reno) {
    if (reno > c->cwnd)
      c->cwnd = (uint32_t)reno;
    return;
  }
  target = window_at(c, u, ms + c->srtt / 1000000u);
  if (target <= c->cwnd)
    return;
  if (target > c->cwnd + (uint64_t)c->cwnd / 2)
    target = c->cwnd + (uint64_t)c->cwnd / 2;
  u->credit += (target - c->cwnd) * bytes;
  c->cwnd += (uint32_t)(u->credit / c->cwnd);
  u->credit %= c->cwnd;
}

static uint32_t cubic_ssthresh(struct tcp_conn *c, uint32_t flight)
{
  struct cubic *u = state(c);
  uint64_t less = (uint64_t)flight * BETA_NUM / BETA_DEN;

  /* 4.7: a flow that did not come back to w_max makes room for others. */
  if (c->cwnd < u->w_max)
    u->w_max = (uint32_t)((uint64_t)c->cwnd * (BETA_DEN + BETA_NUM) / (2 * BETA_DEN));
  else
    u->w_max = c->cwnd;
  u->prior = c->cwnd;
  u->epoch = 0;
  return less > 2 * c->mss ? (uint32_t)less : 2 * c->mss;
}

/* 4.8: the window at which congestion avoidance begins is w_max. */
static void cubic_timeout(struct tcp_conn *c)
{
  state(c)->w_max = 0;
  state(c)->epoch = 0;
}

/* 4.2: time in which nothing was sent does not count. */
static void cubic_idle(struct tcp_conn *c)
{
  state(c)->epoch = 0;
}

const struct tcp_cc_ops net_tcp_cubic = {
  .name = "cubic",
  .init = cubic_init,
  .avoid = cubic_avoid,
  .ssthresh = cubic_ssthresh,
  .timeout = cubic_timeout,
  .idle = cubic_idle,
};
