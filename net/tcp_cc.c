/* net/tcp_cc.c - congestion control: what all algorithms share, and NewReno.
 * SPDX-License-Identifier: ISC
 *
 * Initial window of RFC 6928, slow start by bytes (RFC 3465) with HyStart++
 * (RFC 9406), cwnd validation (RFC 7661: a window that was not used does not
 * grow), restart after an idle time (RFC 5681 4.1).  An algorithm is a
 * struct tcp_cc_ops: how to avoid congestion, and what to do when it is there.
 * Who calls what when is in tcp_ack.c and tcp_recover.c.
 */
#include "tcp.h"

#include <string.h>

enum { BURST = 8, ROUND_SAMPLES = 8, CSS_DIVISOR = 4, CSS_ROUNDS = 5 };
#define RTT_THRESH_MIN LWT_MS(4)
#define RTT_THRESH_MAX LWT_MS(16)
#define SSTHRESH_NONE (UINT32_MAX / 2)

uint32_t net_tcp_initial_window(const struct tcp_conn *c)
{
  uint32_t floor = 2 * c->mss > 14600 ? 2 * c->mss : 14600;

  if (c->syn_lost > 1)
    return c->mss;
  return 10 * c->mss < floor ? 10 * c->mss : floor;
}

/* ---- HyStart++ --------------------------------------------------------- */

static void round_begins(struct tcp_conn *c)
{
  struct tcp_hystart *h = &c->hystart;

  h->last_min = h->min;
  h->min = UINT64_MAX;
  h->samples = 0;
  h->round_end = c->snd_nxt;
  if (h->css && ++h->css_rounds > CSS_ROUNDS)
    c->ssthresh = c->cwnd;
}

/* RFC 9406 4.2: delay that grows within the first slow start. */
static void hystart(struct tcp_conn *c)
{
  struct tcp_hystart *h = &c->hystart;
  uint64_t thresh;

  if (c->ack_rtt) {
    h->min = c->ack_rtt < h->min ? c->ack_rtt : h->min;
    if (h->samples < UINT8_MAX)
      h->samples++;
  }
  if (h->css) {
    if (h->min < h->baseline)
      h->css = 0;
  } else if (h->samples >= ROUND_SAMPLES && h->min != UINT64_MAX &&
             h->last_min != UINT64_MAX) {
    thresh = h->last_min / 8;
    thresh = thresh < RTT_THRESH_MIN ? RTT_THRESH_MIN : thresh;
    thresh = thresh > RTT_THRESH_MAX ? RTT_THRESH_MAX : thresh;
    if (h->min >= h->last_min + thresh) {
      h->baseline = h->min;
      h->css = 1;
      h->css_rounds = 0;
    }
  }
  if (seq_ge(c->snd_una, h->round_end))
    round_begins(c);
}

/* ---- Shared ------------------------------------------------------------ */

/* Whether cwnd was what held the sender back: else it says nothing about the
 * path and must not grow (RFC 7661). */
static int was_limited(const struct tcp_conn *c, uint32_t bytes)
{
  return c->cwnd_limited ||
         (c->cwnd < c->ssthresh && c->cwnd / 2 <= c->snd_nxt - c->snd_una + bytes);
}

static void slow_start(struct tcp_conn *c, uint32_t bytes)
{
  /* An ACK may stand for many segments; a burst of 8 is what may follow from
   * one (RFC 9406), after a timeout one segment per ACK (RFC 3465). */
  uint32_t most = c->mode == TCP_LOSS ? c->mss : BURST * c->mss;

  if (c->ssthresh == SSTHRESH_NONE)
    hystart(c);
  bytes = bytes < most ? bytes : most;
  if (c->hystart.css && c->ssthresh == SSTHRESH_NONE)
    bytes /= CSS_DIVISOR;
  if (c->cwnd < c->ssthresh)
    c->cwnd += bytes < c->ssthresh - c->cwnd ? bytes : c->ssthresh - c->cwnd;
}

void net_tcp_cc_acked(struct tcp_conn *c, uint32_t bytes)
{
  if (!was_limited(c, bytes) || c->cwnd >= UINT32_MAX / 4)
    return;
  if (c->cwnd < c->ssthresh)
    slow_start(c, bytes);
  else
    c->cc->avoid(c, bytes);
}

void net_tcp_cc_init(struct tcp_conn *c)
{
  c->cwnd = net_tcp_initial_window(c);
  c->ssthresh = SSTHRESH_NONE;
  c->hystart = (struct tcp_hystart){ .last_min = UINT64_MAX, .min = UINT64_MAX,
                                     .round_end = c->snd_nxt };
  c->cc->init(c);
}

void net_tcp_cc_idle(struct tcp_conn *c)
{
  uint32_t restart = net_tcp_initial_window(c);

  if (c->cwnd > restart)
    c->cwnd = restart;
  c->cc->idle(c);
}

const struct tcp_cc_ops *net_tcp_cc_find(const char *name)
{
  static const struct tcp_cc_ops *const all[] = { &net_tcp_cubic, &net_tcp_newreno };
  unsigned i;

  for (i = 0; i < sizeof all / sizeof *all; i++)
    if (!strcmp(all[i]->name, name))
      return all[i];
  return NULL;
}

/* ---- NewReno (RFC 5681) ------------------------------------------------ */

enum { BYTES_ACKED };

static void newreno_init(struct tcp_conn *c)
{
  c->cc_state[BYTES_ACKED] = 0;
}

static void newreno_avoid(struct tcp_conn *c, uint32_t bytes)
{
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

const struct tcp_cc_ops net_tcp_newreno = {
  .name = "newreno",
  .init = newreno_init,
  .avoid = newreno_avoid,
  .ssthresh = newreno_ssthresh,
  .timeout = newreno_init,
  .idle = newreno_init,
};
