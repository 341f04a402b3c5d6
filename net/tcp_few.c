/* net/tcp_few.c - a few bytes while nothing is in flight: requests and answers.
 * SPDX-License-Identifier: ISC
 *
 * What tcp_output.c and tcp_segment.c come to then, in one place: one segment with all
 * that there is, its acknowledgment, and what is noted of it.  Whatever is unusual goes
 * their way.
 */
#include "checksum.h"
#include "tcp_inline.h"

/* All that there is may go out now, in one slice and one segment. */
static inline int is_few(const struct tcp_conn *c)
{
  const struct lwt_buf *slice = c->sq.head;
  uint32_t len = c->sq.len;

  if (!len || len > TCP_INLINE_MAX || c->snd_nxt != c->snd_una ||
      c->snd_nxt != c->snd_max || slice->len != len || c->sq.cur != slice ||
      c->sq.cur_off || c->sq.cur_seq != c->snd_nxt || c->sent.n ||
      c->sent.at != c->sent.small)
    return 0;
  return net_tcp_is_plain(c) && !(c->fin | c->timing) && !c->writing && !c->path_mss &&
         !c->backoff && c->srtt < TCP_PACE_RTT &&
         (!c->last_send || c->stack->now - c->last_send <= c->rto) && len < c->mss &&
         len <= c->snd_wnd && len <= c->cwnd &&
         len + TCP_HEADER_MAX + NET_IPV4_LEN <= c->route.mtu;
}

/* The sum comes from the numbers and not from the bytes that were just written, which
 * would have to wait for them. */
static inline int transmit(struct net_stack *s, struct tcp_conn *c)
{
  uint32_t header = c->ts_on ? TCP_HEADER + TCP_HEADER_TS : TCP_HEADER, len = c->sq.len;
  uint32_t ports = (uint32_t)c->local.port << 16 | c->remote.port;
  uint32_t shape = header << 26 | (TCP_ACK | TCP_PSH) << 16 | net_tcp_window(c);
  uint64_t sum = (uint64_t)c->route.pseudo_sum + header + len;
  struct lwt_buf *segment = lwt_buf_new(LWT_BUF_HEADROOM, header + len);
  const uint8_t *bytes = c->sq.head->data;
  uint32_t tsval;
  uint8_t *p;

  if (!segment) {
    s->stats.no_memory++;
    return LWT_ENOMEM;
  }
  p = segment->data;
  net_put32(p, ports);
  net_put32(p + 4, c->snd_nxt);
  net_put32(p + 8, c->rcv_nxt);
  net_put32(p + 12, shape);
  sum += (uint64_t)ports + c->snd_nxt + c->rcv_nxt + shape;
  if (c->ts_on) {
    tsval = net_tcp_ts_now(s, c->ts_offset);
    net_put32(p + 20, TCP_TS_ALONE);
    net_put32(p + 24, tsval);
    net_put32(p + 28, c->ts_recent);
    sum += (uint64_t)TCP_TS_ALONE + tsval + c->ts_recent;
  }
  lwt__copy(p + header, bytes, len); /* a call: what is made of memcpy() here is slower */
  sum += net_sum_few(bytes, len);
  net_put32(p + TCP_CSUM, (uint32_t)(uint16_t)~net_sum_fold_words(sum) << 16);
  s->stats.tcp_tx++;
  return net_route_pass(s, &c->route, c->tos, 0, segment);
}

/* It is sent: the first and only of the map, timed. */
static inline void note(struct tcp_conn *c, uint64_t now)
{
  uint32_t len = c->sq.len, end = c->snd_nxt + len;

  c->sq.cur_off = len;
  c->sq.cur_seq = end;
  c->snd_nxt = c->snd_max = c->snd_small = c->rtt_seq = end;
  c->timing = 1;
  c->rtt_time = c->last_send = now;
  c->sent.first = 0;
  c->sent.n = 1;
  c->sent.grain = c->srtt / 64;
  *c->sent.small = (struct tcp_sent){ end, 0, now };
  if (c->t_rexmit == LWT_NEVER) {
    c->progress = now;
    c->t_rexmit = now + (c->rto < c->user_timeout ? c->rto : c->user_timeout);
  }
  net_tcp_tlp_start(c);
}

int net_tcp_send_few(struct tcp_conn *c)
{
  struct net_stack *s = c->stack;
  int code;

  if (!is_few(c))
    return 0;
  c->cwnd_limited = 0;
  code = transmit(s, c);
  if (code && net_tcp_outcome(c, code))
    return -1;
  net_tcp_confirm(c);
  net_tcp_acknowledged(c);
  note(c, s->now);
  return 1;
}
