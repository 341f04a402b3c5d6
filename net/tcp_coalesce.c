/* net/tcp_coalesce.c - segments that follow one another in a batch become one.
 * SPDX-License-Identifier: ISC
 *
 * Receive coalescing where the device has not done it, as GRO does elsewhere, but with
 * the connection known: the first one is the next segment of it (tcp_next.c), and what
 * follows has the same headers and options in everything but number, sum and PSH, is in
 * order, in the window, right by its sum, and has bytes.  A segment that was pushed is
 * the last one, and so is what makes 64 KiB.  Nothing is merged while there is a hole,
 * since duplicates have to be told one by one then (RFC 2883).
 *
 * Acknowledgments are as they would be: they are for a batch already, which is what RFC
 * 9293 3.8.6.3 lets anybody do who has several segments at once, and what is full-sized
 * is still known by the single ones.
 */
#include "next.h"
#include "pcap.h"
#include "tcp.h"

enum { TCP = NET_NEXT_TRANSPORT, LEAST = TCP + TCP_HEADER, MOST = 65535 };

/* The next frame of the batch, if only bytes and a number tell it from the one before,
 * which r is; *n is what it says. */
static struct lwt_buf *following(struct net_if *nif, const struct tcp_conn *c,
                                 const struct tcp_repr *r, struct tcp_repr *n)
{
  struct net_tcp *tcp = nif->s->tcp;
  struct lwt_buf *frame = nif->rest;
  uint32_t len = frame ? net_next_same(&tcp->same, nif, frame) : 0;

  if (len < TCP_HEADER || frame->len < LEAST ||
      !net_tcp_parse_next(c, n, frame->data + TCP, frame->len - TCP, len) || !n->len ||
      n->seq != r->seq + r->len || n->ack != r->ack || n->window != r->window ||
      n->tsval != r->tsval || n->tsecr != r->tsecr || r->len + n->len > MOST ||
      r->len + n->len > c->rcv_adv - c->rcv_nxt ||
      !net_next_sum_ok(frame, NET_PROTO_TCP, len))
    return NULL;
  nif->rest = frame->next_packet;
  frame->next_packet = NULL;
  return frame;
}

static struct lwt_buf *last_slice(struct lwt_buf *chain)
{
  while (chain->next)
    chain = chain->next;
  return chain;
}

void net_tcp_coalesce(struct net_if *nif, struct tcp_conn *c, struct tcp_repr *r,
                      struct lwt_buf *payload)
{
  struct net_stack *s = nif->s;
  struct lwt_buf *frame, *last = NULL;
  struct tcp_repr n;

  while (r->len && !(r->flags & TCP_PSH) && !c->reass.head &&
         (frame = following(nif, c, r, &n))) {
    s->stats.rx_frames++;
    s->stats.ip_rx++;
    s->stats.tcp_coalesced++;
    if (s->pcap)
      net_pcap_write(s->pcap, s->now, frame);
    net_tcp_input_begin(s, n.len + n.header);
    last = last_slice(last ? last : payload);
    last->next = net_next_strip(frame, TCP + n.header, n.len);
    payload->total += n.len;
    r->len += n.len;
    r->flags |= n.flags;
    r->part = r->part > n.len ? r->part : n.len;
    r->last = n.seq;
  }
}

const struct tcp_bulk net_tcp_bulk = { net_tcp_send_cut, net_tcp_coalesce };
