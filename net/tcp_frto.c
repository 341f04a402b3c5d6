/* net/tcp_frto.c - timeouts that were for nothing: RFC 5682 (F-RTO).
 * SPDX-License-Identifier: ISC
 *
 * After a timeout the first segment is sent again, as always.  If an ACK comes that
 * does not reach to the end, nothing else is sent again yet, but two segments of new
 * data are.  Were the others lost, their ACKs are duplicates, and recovery goes on
 * as usual; if instead the next ACK moves on, it is that of a segment that was sent
 * once only: nothing was lost, the path was slow, and cwnd is what it was.
 *
 * Where timestamps are used the first ACK says so already (RFC 3522), and this is
 * not needed.
 */
#include "tcp.h"

enum { REALLY_LOST = 3 }; /* segments of cwnd when it was no mistake, at most */

static int first_was_sent_once(const struct tcp_conn *c)
{
  const struct tcp_map *m = &c->sent;

  return m->n && !(m->at[m->first].flags & TCP_SENT_AGAIN);
}

void net_tcp_frto_begin(struct tcp_conn *c, enum tcp_mode was)
{
  c->frto = TCP_FRTO_OFF;
  if (was != TCP_OPEN || c->ts_on || !c->undo.valid)
    return;
  if (seq_gt(c->snd_nxt, c->snd_una + c->snd_wnd))
    return; /* the window shrank: what is beyond it was perhaps thrown away */
  c->frto = TCP_FRTO_RESENT;
  c->frto_una = c->snd_una;
}

/* Two new segments can go out. */
static int has_new(const struct tcp_conn *c)
{
  uint32_t avail = net_tcp_sendq_end(&c->sq) - c->snd_nxt;

  return seq_le(c->snd_nxt, net_tcp_sendq_end(&c->sq)) && avail >= c->mss &&
         seq_le(c->snd_nxt + c->mss, c->snd_una + c->snd_wnd);
}

/* 2 b: instead of what seems to be lost. */
static int send_new(struct tcp_conn *c)
{
  if (c->mode != TCP_LOSS || !first_was_sent_once(c) || !has_new(c)) {
    c->frto = TCP_FRTO_OFF;
    return 0;
  }
  c->frto = TCP_FRTO_NEW;
  c->frto_una = c->snd_una;
  net_tcp_sent_find(c);
  c->cwnd = net_tcp_pipe(c) + 2 * c->mss;
  return 1;
}

/* 3 a. */
static void was_lost(struct tcp_conn *c)
{
  net_tcp_sent_lose(c, c->snd_una, c->recover);
  if (c->cwnd > REALLY_LOST * c->mss)
    c->cwnd = REALLY_LOST * c->mss;
  net_tcp_work(c);
}

int net_tcp_frto_ack(struct tcp_conn *c)
{
  int moved = seq_gt(c->snd_una, c->frto_una), was = c->frto;

  if (!moved && !c->dupacks)
    return 1;
  if (was == TCP_FRTO_RESENT && moved && !c->dupacks)
    return send_new(c);
  c->frto = TCP_FRTO_OFF;
  if (was == TCP_FRTO_NEW && !moved) {
    was_lost(c);
  } else if (was == TCP_FRTO_NEW && c->undo.valid) {
    net_tcp_undo(c);
    net_tcp_work(c);
  }
  return 0;
}
