/* net/tcp_pace.c - a window is spread over its round trip.
 * SPDX-License-Identifier: ISC
 *
 * A bucket of bytes that fills at twice cwnd / SRTT in slow start and 1.2 times
 * it afterwards, so that pacing never is what limits; it holds the initial
 * window, or a millisecond of the rate, whichever is more.  ACKs clock out most
 * of what is sent; what would be a longer burst waits for a timer, for a round trip
 * at most: a window that has shrunk owes no more than itself, and what was sent
 * while nothing was paced is not owed at all.
 *
 * The rule: not where a round trip took less than 2 ms, as a burst fits the queues
 * there and timers would cost more than they spare; nor for what is sent again.  The
 * shortest round trip decides: a mean that delayed acknowledgments or a busy
 * processor have raised would be kept up by the pacing itself.
 */
#include "tcp.h"

#define STEP LWT_MS(1)

/* Bytes that the rate gives in `time`, at most a round trip. */
static uint64_t earned(const struct tcp_conn *c, uint64_t time)
{
  uint64_t tenths = c->cwnd < c->ssthresh / 2 ? 20 : 12;

  time = time < c->srtt ? time : c->srtt;
  return time / 1000 * c->cwnd * tenths / 10 / (c->srtt / 1000);
}

int net_tcp_pace(struct tcp_conn *c)
{
  uint64_t now = c->stack->now, most = earned(c, STEP);
  uint64_t more = earned(c, now - c->pace_time);
  uint32_t burst = net_tcp_initial_window(c);

  most = most > burst ? most : burst;
  if (more) { /* else less than a byte, which is not lost */
    c->pace_credit += (int64_t)more;
    c->pace_time = now;
  }
  if (c->pace_credit > (int64_t)most)
    c->pace_credit = (int64_t)most;
  if (c->pace_credit > 0)
    return 1;
  if (c->pace_credit < -(int64_t)c->cwnd)
    c->pace_credit = -(int64_t)c->cwnd;
  c->stack->stats.tcp_paced++;
  more = (uint64_t)(1 - c->pace_credit);
  c->t_retry = now + STEP;
  if (more > earned(c, STEP)) /* a slow path: a timer for a segment, not each ms */
    c->t_retry = now + c->srtt / c->cwnd * more;
  return 0;
}
