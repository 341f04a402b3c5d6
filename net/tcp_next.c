/* net/tcp_next.c - the next segment of an established connection, at one look.
 * SPDX-License-Identifier: ISC
 *
 * Read next.c first.  A segment has the bytes that a connection waits for or
 * acknowledges some: the same checks as in tcp.c and tcp_input.c, and its payload
 * is queued.
 *
 * Where segments that follow one another become one it is done from here
 * (tcp_coalesce.c): the connection is known, and the rest is done once for all.
 */
#include "tcp_inline.h"

#include "neighbour.h"
#include "next.h"

#include <string.h>

enum {
  IP = NET_NEXT_IP,
  TCP = NET_NEXT_TRANSPORT,
  LEAST = TCP + TCP_HEADER,
  CE = 3           /* of the TOS field: congestion was met (RFC 3168) */
};

int net_tcp_parse_next(const struct tcp_conn *c, struct tcp_repr *r, const uint8_t *p,
                       uint32_t size, uint32_t total)
{
  r->header = TCP_HEADER + (c->ts_on ? TCP_HEADER_TS : 0);
  if (p[12] >> 4 != r->header / 4 || r->header > size || r->header > total ||
      (p[13] & (uint8_t)~TCP_PSH) != TCP_ACK)
    return 0;
  r->seq = net_get32(p + 4);
  r->ack = net_get32(p + 8);
  r->flags = p[13] & (TCP_ACK | TCP_PSH);
  r->window = net_get16(p + 14);
  r->n_sacks = 0;
  r->ce = 0;
  r->options = 0;
  r->tsval = r->tsecr = 0;
  r->len = total - r->header;
  if (!c->ts_on)
    return 1;
  r->options = TCP_OPT_TS;
  r->tsval = net_get32(p + TCP_HEADER + 4);
  r->tsecr = net_get32(p + TCP_HEADER + 8);
  return net_get32(p + TCP_HEADER) == TCP_TS_ALONE;
}

static struct tcp_node *find(struct net_stack *s, const uint8_t *p, struct tcp_tuple *t)
{
  uint32_t ip;

  *t = (struct tcp_tuple){ .scope = 4 };
  memcpy(&ip, p + IP + 12, 4);
  t->remote[0] = ip;
  memcpy(&ip, p + IP + 16, 4);
  t->local[0] = ip;
  t->remote_port = net_get16(p + TCP);
  t->local_port = net_get16(p + TCP + 2);
  return net_tcp_find(s, t);
}

/* Its headers but for the numbers belong to c: 0: something else is unusual. */
static int take(struct net_if *nif, struct tcp_conn *c, struct lwt_buf *frame,
                uint32_t len)
{
  struct net_stack *s = nif->s;
  struct tcp_repr r;

  if (!net_tcp_parse_next(c, &r, frame->data + TCP, frame->len - TCP, len) ||
      !net_tcp_is_next(c, &r) || !net_next_sum_ok(frame, NET_PROTO_TCP, len))
    return 0;
  s->stats.ip_rx++;
  net_clock_once(s);
  net_tcp_input_begin(s, len);
  frame = net_next_strip(frame, TCP + r.header, len - r.header);
  r.part = r.len;
  r.last = r.seq;
  if (nif->rest && s->bulk)
    s->bulk->coalesce(nif, c, &r, frame);
  net_tcp_conn_next(c, &r, frame);
  return 1;
}

/* Not the next one, but in order as far as that can be said without a connection; the
 * rest is for tcp.c. */
static int take_other(struct net_stack *s, const struct tcp_tuple *t,
                      struct tcp_node *node, struct lwt_buf *frame, uint32_t len)
{
  struct lwt_addr src = net_addr4(net_get32(frame->data + IP + 12), 0);
  struct tcp_repr r;

  if (net_tcp_parse(&r, frame->data + TCP, frame->len - TCP, len) || !r.src || !r.dst ||
      !net_ip_is_unicast(s, &src) || !net_next_sum_ok(frame, NET_PROTO_TCP, len))
    return 0;
  s->stats.ip_rx++;
  net_clock_once(s);
  net_tcp_input_begin(s, len);
  net_tcp_input_node(s, t, node, &r,
                     net_next_strip(frame, TCP + r.header, len - r.header));
  return 1;
}

/* ---- Requests and answers ---------------------------------------------- */

#ifdef __OPTIMIZE_SIZE__
/* Two kilobytes only to be faster. */
static inline int take_answer(struct net_stack *s, struct tcp_conn *c,
                              struct lwt_buf *frame, uint32_t len)
{
  (void)s, (void)c, (void)frame, (void)len;
  return 0;
}
#else
/* All that is in flight was sent once and at the same time, nothing is lost, reordered,
 * probed or undone, and ack acknowledges it. */
static inline int is_whole(const struct tcp_conn *c, uint32_t ack)
{
  const struct tcp_sent *sent = c->sent.small;

  return ack == c->snd_max && ack == c->snd_nxt && ack != c->snd_una &&
         c->sq.len == ack - c->snd_una && c->timing && c->rtt_seq == ack &&
         c->sent.n == 1 && !c->sent.first && c->sent.at == sent && !sent->flags &&
         sent->end == ack && c->mode == TCP_OPEN && !c->log &&
         !(c->persist | c->undo.valid | c->rack.tlp | c->rack.in_dsack_round | c->frto);
}

/* All n bytes of the queue are acknowledged. */
static inline void empty(struct tcp_sendq *q, uint32_t n)
{
  struct lwt_buf *slice = q->head;

  if (slice != q->tail || slice != q->cur) {
    net_tcp_sendq_ack(q, n);
    return;
  }
  q->seq += n;
  q->head = q->tail = q->cur = NULL; /* one by one: no loop is made of it */
  q->cur_off = q->len = q->room = 0;
  lwt_buf_free(slice);
}

/* What tcp_ack.c comes to if is_whole(). */
static inline void ack_whole(struct net_stack *s, struct tcp_conn *c, uint32_t ack)
{
  uint64_t now = s->now, sent = c->sent.small->time;
  uint32_t bytes = ack - c->snd_una;

  c->timing = 0;
  c->urgent_out = 0;
  net_tcp_rtt_add(c, now - c->rtt_time);
  if (c->route.age == s->route_age && c->route.hop->state > NET_REACHABLE)
    net_route_confirm(s, &c->route);
  c->rack.time = sent;
  c->rack.fack = c->rack.end = ack;
  c->rack.rtt = now - sent;
  c->ack_rtt = c->rack.rtt + !c->rack.rtt;
  if (!c->rack.min_rtt || c->ack_rtt < c->rack.min_rtt)
    c->rack.min_rtt = c->ack_rtt;
  c->sent.n = 0;
  empty(&c->sq, bytes);
  c->snd_una = c->snd_small = ack;
  c->retransmits = 0;
  c->progress = now;
  c->soft.code = 0;
  c->dupacks = c->reno_sacked = 0;
  c->delivered += bytes;
  c->t_rexmit = c->t_loss = LWT_NEVER;
  if (c->cwnd_limited || c->cwnd / 2 <= bytes)
    net_tcp_cc_acked(c, bytes);
  if (c->buffer < s->config.tcp_send && c->cwnd > c->buffer / 2)
    net_tcp_tune_send(c);
}

/* The next bytes, in one slice, into an empty queue. */
static inline void take_bytes(struct tcp_conn *c, struct lwt_buf *frame, uint32_t offset,
                              uint32_t len)
{
  frame->data += offset;
  frame->len = frame->total = len;
  c->rq.head = c->rq.tail = frame;
  c->rq.len = len;
  c->rcv_nxt += len;
}

static inline uint32_t word(const uint8_t *p)
{
  uint32_t w;

  memcpy(&w, p, 4);
  return w;
}

/* As net_next_sum_ok(), in place, for a header of one of two lengths.  Word by word: they
 * were written in words of this size, perhaps just now. */
static inline int sum_ok(const struct lwt_buf *frame, uint32_t header, uint32_t len)
{
  const uint8_t *p = frame->data + TCP;
  uint64_t sum;

  if (frame->flags & (LWT_BUF_CSUM_VALID | LWT_BUF_CSUM_PARTIAL))
    return 1;
  sum = (uint64_t)word(p - 8) + word(p - 4) + word(p) + word(p + 4) + word(p + 8) +
        word(p + 12) + word(p + 16);
  if (header > TCP_HEADER)
    sum += (uint64_t)word(p + 20) + word(p + 24) + word(p + 28);
  return net_sum_fold(NET_PROTO_TCP + len + net_sum_of(sum) +
                      net_sum_few(p + header, len - header)) == 0xffff;
}

/* A request that acknowledges the whole answer before it, or the other way round:
 * what take() does, in one place.  0: it is not so. */
static inline int take_answer(struct net_stack *s, struct tcp_conn *c,
                              struct lwt_buf *frame, uint32_t len)
{
  const uint8_t *p = frame->data + TCP;
  uint32_t header = c->ts_on ? TCP_HEADER + TCP_HEADER_TS : TCP_HEADER;
  uint32_t seq = net_get32(p + 4), ack = net_get32(p + 8), shape = net_get32(p + 12);
  uint32_t bytes = len - header, tsval = 0;
  int work, waits;

  if (frame->len < TCP + len || frame->next || len < header ||
      (shape >> 16 & ~(uint32_t)TCP_PSH) != (header << 10 | TCP_ACK))
    return 0;
  if (c->ts_on) {
    tsval = net_get32(p + TCP_HEADER + 4);
    if (net_get32(p + TCP_HEADER) != TCP_TS_ALONE || net_tcp_paws(tsval, c->ts_recent))
      return 0;
  }
  if (c->state != TCP_ESTABLISHED || seq != c->rcv_nxt ||
      bytes > c->rcv_adv - c->rcv_nxt || bytes > c->rcv_mss || !c->user || c->fin_seen ||
      c->rq.head || c->reass.head || !is_whole(c, ack) ||
      !sum_ok(frame, header, len))
    return 0;
  s->stats.ip_rx++;
  net_clock_once(s);
  net_tcp_input_begin(s, len);
  c->last_receive = s->now;
  if (c->ts_on && seq == c->last_ack) {
    c->ts_recent = tsval;
    c->ts_recent_time = s->now;
  }
  work = net_tcp_window_input(c, seq, ack, (uint16_t)shape);
  ack_whole(s, c, ack);
  waits = c->writing | c->ending;
  if (waits)
    net_tcp_conn_refill(c);
  work |= c->writing | c->fin;
  if (bytes)
    take_bytes(c, frame, TCP + header, bytes);
  else
    lwt_buf_free(frame);
  if (bytes | (uint32_t)waits)
    net_tcp_wake(c);
  if (bytes | (uint32_t)work)
    net_tcp_work(c);
  return 1;
}
#endif

/* Addresses and ports are looked at here and what follows from them is looked up,
 * once for frames that begin in the same way. */
int net_tcp_input_next(struct net_if *nif, struct lwt_buf *frame, uint32_t len)
{
  struct net_stack *s = nif->s;
  const uint8_t *p = frame->data;
  struct tcp_tuple t;
  struct tcp_node *node;
  struct tcp_conn *c;

  if (frame->len < LEAST || len < TCP_HEADER || (p[IP + 1] & CE) == CE)
    return 0;
  node = find(s, p, &t);
  if (node && node->kind == TCP_CONN) {
    c = tcp_of(node, struct tcp_conn, node);
    net_next_remember(&s->tcp->same, nif, p);
    s->tcp->same_conn = c;
    if (net_tcp_input_same(nif, frame))
      return 1;
  }
  return take_other(s, &t, node, frame, len);
}

int net_tcp_input_same(struct net_if *nif, struct lwt_buf *frame)
{
  struct net_tcp *tcp = nif->s->tcp;
  uint32_t len = net_next_same(&tcp->same, nif, frame);

  if (len < TCP_HEADER || frame->len < LEAST)
    return 0;
  return take_answer(nif->s, tcp->same_conn, frame, len) ||
         take(nif, tcp->same_conn, frame, len);
}
