/* net/tcp_next.c - the next segment of an established connection, at one look.
 * SPDX-License-Identifier: ISC
 *
 * Read next.c first.  A segment has the bytes that a connection waits for or
 * acknowledges some: the same checks as in tcp.c and tcp_input.c, and its payload
 * is queued.
 */
#include "tcp.h"

#include "next.h"

#include <string.h>

enum {
  IP = NET_NEXT_IP,
  TCP = NET_NEXT_TRANSPORT,
  LEAST = TCP + TCP_HEADER,
  CE = 3           /* of the TOS field: congestion was met (RFC 3168) */
};

/* No flags but ACK and PSH, no options but timestamps, and those always. */
static int parse(const struct tcp_conn *c, struct tcp_repr *r, const uint8_t *p,
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
static inline int take(struct net_stack *s, struct tcp_conn *c, struct lwt_buf *frame,
                       uint32_t len)
{
  struct tcp_repr r;

  if (!parse(c, &r, frame->data + TCP, frame->len - TCP, len) ||
      !net_tcp_is_next(c, &r) || !net_next_sum_ok(frame, NET_PROTO_TCP, len))
    return 0;
  s->stats.ip_rx++;
  net_clock_once(s);
  net_tcp_input_begin(s, len);
  net_tcp_conn_next(c, &r, net_next_strip(frame, TCP + r.header, len - r.header));
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
    if (take(s, c, frame, len))
      return 1;
  }
  return take_other(s, &t, node, frame, len);
}

int net_tcp_input_same(struct net_if *nif, struct lwt_buf *frame)
{
  struct net_tcp *tcp = nif->s->tcp;
  uint32_t len = net_next_same(&tcp->same, nif, frame);

  return len >= TCP_HEADER && frame->len >= LEAST &&
         take(nif->s, tcp->same_conn, frame, len);
}
