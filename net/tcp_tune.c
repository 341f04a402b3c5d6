/* net/tcp_tune.c - buffers that grow as they are needed.
 * SPDX-License-Identifier: ISC
 *
 * A connection begins with 64 KiB each way, so that an idle one can be made to
 * hold little; tcp_send and tcp_receive are how far they go.  The window grows
 * when the program has read more than half of it within a round trip (what a
 * peer sends that nobody reads never makes it grow), the send buffer to twice
 * the congestion window, so that there is something to send while it is
 * acknowledged.  They do not shrink.
 */
#include "tcp.h"

enum { FIRST = 64 << 10 };

#define SLACK LWT_MS(1) /* the clock of a turn may be that old */

static uint32_t first(const struct tcp_conn *c, uint32_t most)
{
  if (c->stack->config.tcp_without & LWT_NET_TCP_TUNING)
    return most;
  return most < FIRST ? most : FIRST;
}

void net_tcp_tune_init(struct tcp_conn *c)
{
  c->buffer = first(c, c->stack->config.tcp_send);
  c->rcv_buffer = first(c, c->stack->config.tcp_receive);
  c->tune_time = c->stack->now;
}

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
  c->rcv_buffer = c->rcv_buffer < most / 2 ? 2 * c->rcv_buffer : most;
}

void net_tcp_tune_send(struct tcp_conn *c)
{
  uint32_t most = c->stack->config.tcp_send;

  c->buffer = c->cwnd < most / 2 ? 2 * c->cwnd : most;
}
