/* net/tcp_cc.c - congestion control: NewReno.
 * SPDX-License-Identifier: ISC
 *
 * RFC 5681 slow start and congestion avoidance by bytes (RFC 3465), initial
 * window of RFC 6928.  Who calls what when is in tcp_ack.c and tcp_recover.c,
 * so that another algorithm is another struct tcp_cc_ops.
 */
#include "tcp.h"

enum { BYTES_ACKED, SLOW_START_SEGMENTS = 8 };

uint32_t net_tcp_initial_window(const struct tcp_conn *c)
{
  uint32_t floor = 2 * c->mss > 14600 ? 2 * c->mss : 14600;

  if (c->syn_lost > 1)
    return c->mss;
  return 10 * c->mss < floor ? 10 * c->mss : floor;
}

static void newreno_init(struct tcp_conn *c)
{
  c->cwnd = net_tcp_initial_window(c);
  c->ssthresh = UINT32_MAX / 2;
  c->cc_state[BYTES_ACKED] = 0;
}

/* Whether cwnd was what held the sender back: else it says nothing about the
 * path and must not grow (RFC 7661). */
static int was_limited(const struct tcp_conn *c, uint32_t bytes)
{
  return c->cwnd_limited ||
         (c->cwnd < c->ssthresh && c->cwnd / 2 <= c->snd_nxt - c->snd_una + bytes);
}

static void newreno_acked(struct tcp_conn *c, uint32_t bytes)
{
  /* An ACK may stand for many segments; a burst of 8 is what may follow from
   * one (RFC 9406), after a timeout one segment per ACK (RFC 3465). */
  uint32_t most = c->mode == TCP_LOSS ? c->mss : SLOW_START_SEGMENTS * c->mss;

  if (!was_limited(c, bytes) || c->cwnd >= UINT32_MAX / 4)
    return;
  if (c->cwnd < c->ssthresh) {
    bytes = bytes < most ? bytes : most;
    c->cwnd += bytes < c->ssthresh - c->cwnd ? bytes : c->ssthresh - c->cwnd;
    return;
  }
  c->cc_state[BYTES_ACKED] += bytes;
  if (c->cc_state[BYTES_ACKED] >= c->cwnd) {
    c->cc_state[BYTES_ACKED] -= c->cwnd;
    c->cwnd += c->mss;
  }
}

static uint32_t newreno_ssthresh(struct tcp_conn *c, uint32_t flight)
{
  uint32_t half = flight / 2;

  c->cc_state[BYTES_ACKED] = 0;
  return half > 2 * c->mss ? half : 2 * c->mss;
}

static void newreno_idle(struct tcp_conn *c)
{
  uint32_t restart = net_tcp_initial_window(c);

  if (c->cwnd > restart)
    c->cwnd = restart;
}

const struct tcp_cc_ops net_tcp_newreno = {
  .name = "newreno",
  .init = newreno_init,
  .acked = newreno_acked,
  .ssthresh = newreno_ssthresh,
  .idle = newreno_idle,
};
