/* net/tcp_cut.c - many segments at once, for a device that does not cut them.
 * SPDX-License-Identifier: ISC
 *
 * What a device with segmentation offload does (TSO): TCP decides once about up to
 * 64 KiB of new data, and the frames differ in little.  All headers, Ethernet's
 * included, are made once; a frame is a copy of them with its number and its flags, a
 * sum that begins with what all have in common, and a view of the send queue's pages.
 */
#include "checksum.h"
#include "tcp.h"

#include <lwt/trace.h>
#include <string.h>

enum { SEQ = 4, FLAGS = 13, SUM = 16,
       ENDS = TCP_FIN | TCP_PSH }; /* of the last segment only; CWR: of the first */

struct cut {
  uint32_t head, len; /* bytes in front of the TCP header, with it */
  uint32_t sum;       /* of what all segments have in common */
  int to_device;      /* the rest of the sum is left to it */
  uint8_t bytes[NET_ROUTE_HEADERS6 + TCP_HEADER_MAX];
};

static void prepare(struct cut *t, const struct tcp_conn *c, const struct tcp_repr *r,
                    uint8_t tos)
{
  const struct net_route *route = &c->route;
  struct tcp_repr all = *r;
  uint32_t header = net_tcp_header_len(r);

  t->head = route->head_len;
  t->len = t->head + header;
  all.seq = 0;
  all.flags &= (uint8_t)~(ENDS | TCP_CWR);
  net_route_head(c->stack, route, tos, header + c->mss, t->bytes);
  net_tcp_emit(&all, t->bytes + t->head);
  t->sum = route->pseudo_sum + header + c->mss;
  t->to_device = !!(route->nif->offloads & LWT_NETIF_TX_CSUM);
  if (!t->to_device)
    t->sum += net_sum(t->bytes + t->head, header);
  t->sum = net_sum_fold(t->sum);
}

/* The segment at seq with more flags than all have; NULL: no memory. */
static struct lwt_buf *segment(struct tcp_conn *c, const struct cut *t, uint32_t seq,
                               uint8_t flags)
{
  struct lwt_buf *frame, *payload = net_tcp_sendq_slice(&c->sq, seq, c->mss);
  uint32_t sum = t->sum;
  uint8_t *tcp;

  if (!payload)
    return NULL;
  frame = lwt_buf_new(LWT_BUF_HEADROOM - t->head, t->len);
  if (!frame) {
    lwt_buf_free(payload);
    return NULL;
  }
  memcpy(frame->data, t->bytes, t->len);
  tcp = frame->data + t->head;
  net_put32(tcp + SEQ, seq);
  tcp[FLAGS] |= flags;
  if (t->to_device) {
    frame->flags = LWT_BUF_CSUM_PARTIAL;
    frame->csum_start = (uint16_t)t->head;
    frame->csum_offset = SUM;
    net_put16(tcp + SUM, sum);
  } else {
    sum += (seq >> 16) + (seq & 0xffff) + flags;
    sum += payload->next ? net_sum_chain(payload, 0, c->mss)
                         : net_sum(payload->data, c->mss);
    net_put16(tcp + SUM, (uint16_t)~net_sum_fold(sum));
  }
  frame->next = payload;
  frame->total += c->mss;
  return frame;
}

int net_tcp_send_cut(struct tcp_conn *c, const struct tcp_repr *r, uint8_t tos,
                     uint32_t *len)
{
  uint32_t left = *len, mss = c->mss, seq = r->seq;
  uint8_t flags = r->flags & TCP_CWR;
  struct net_stack *s = c->stack;
  struct lwt_buf *frame;
  int code = 0;
  struct cut t;

  *len = 0;
  prepare(&t, c, r, tos);
  if (t.len + mss - NET_ETHER_LEN > c->route.mtu) {
    s->stats.ip_too_big++;
    return LWT_EMSGSIZE;
  }
  for (; left; left -= mss, seq += mss, flags = 0) {
    if (left == mss)
      flags |= r->flags & ENDS;
    frame = segment(c, &t, seq, flags);
    if (!frame) {
      s->stats.no_memory++;
      code = LWT_ENOMEM;
      break;
    }
    s->stats.ip_tx++;
    s->stats.tcp_tx++;
    code = net_ether_transmit(c->route.nif, frame);
    if (code)
      break;
    *len += mss;
    if (c->log)
      net_tcp_log_event(c, seq_lt(seq, c->snd_max) ? TCP_LOG_RESEND : TCP_LOG_SEND,
                        seq - c->iss, seq + mss + !!(flags & TCP_FIN) - c->iss);
  }
  if (*len)
    lwt_trace_instant("tcp", "sent", *len);
  return code;
}
