/* net/tcp_segment.c - one segment made and sent.
 * SPDX-License-Identifier: ISC
 *
 * A data segment is a slice with the header and slices on the send queue's
 * pages behind it; a few bytes are copied behind the header, which costs less
 * than a slice, here and in the device.  What to send is decided elsewhere
 * (tcp_output.c).
 */
#include "checksum.h"
#include "tcp_inline.h"

#include <lwt/trace.h>
#include <string.h>

enum { ECT_0 = 2 };

/* A header with room for `more` bytes behind it; NULL: no memory. */
static struct lwt_buf *make(struct net_stack *s, const struct tcp_repr *r, uint32_t more)
{
  struct lwt_buf *segment = lwt_buf_new(LWT_BUF_HEADROOM, net_tcp_header_len(r) + more);

  if (segment)
    net_tcp_emit(r, segment->data);
  else
    s->stats.no_memory++;
  return segment;
}

/* Takes segment. */
static int transmit(struct net_stack *s, const struct lwt_addr *local,
                    const struct lwt_addr *remote, uint8_t tos,
                    struct lwt_buf *segment)
{
  if (!segment)
    return LWT_ENOMEM;
  net_csum_finish(s, local, remote, NET_PROTO_TCP, TCP_CSUM, segment);
  s->stats.tcp_tx++;
  lwt_trace_instant("tcp", "sent", segment->total);
  return net_ip_send(s, local, remote, NET_PROTO_TCP, tos, 0, 1, segment);
}

int net_tcp_outcome(struct tcp_conn *c, int code)
{
  uint32_t mss = c->mss;

  switch (code) {
  case 0:
    return 0;
  case LWT_ENOBUFS:
    if (!tcp_linked(&c->work))
      tcp_list_add(&c->stack->tcp->blocked, &c->work);
    c->t_retry = c->stack->now + TCP_DEVICE_RETRY;
    return code;
  case LWT_ENOMEM:
    c->t_retry = c->stack->now + TCP_MEMORY_RETRY;
    return code;
  case LWT_EMSGSIZE:
    net_tcp_conn_mss(c);
    if (c->mss >= mss)
      return 0;
    net_tcp_path_limited(c);
    c->t_retry = c->stack->now;
    return code;
  default:
    c->soft = (struct lwt_error){ code, "tcp" };
    if (c->state == TCP_SYN_SENT) /* no way there, and we know it ourselves */
      net_tcp_conn_close(c, code, "tcp_connect");
    return 0;
  }
}

/* ---- Segments of a connection ------------------------------------------ */

static void fill_in(struct tcp_conn *c, struct tcp_repr *r, uint32_t seq, uint8_t flags)
{
  r->src = c->local.port;
  r->dst = c->remote.port;
  r->seq = seq;
  r->ack = c->rcv_nxt;
  r->flags = flags;
  if (c->ecn_echo && !(flags & (TCP_SYN | TCP_RST)))
    r->flags |= TCP_ECE;
  r->window = net_tcp_window(c);
  r->options = 0;
  r->n_sacks = 0;
  if (c->ts_on) {
    r->options = TCP_OPT_TS;
    r->tsval = net_tcp_ts_now(c->stack, c->ts_offset);
    r->tsecr = c->ts_recent;
  }
}

/* Takes segment: made here, so that there is room for the headers. */
static int transmit_of(struct tcp_conn *c, uint8_t tos, struct lwt_buf *segment)
{
  struct net_stack *s = c->stack;

  tos |= c->tos;
  if (!segment || !net_tcp_conn_way(c))
    return transmit(s, &c->local, &c->remote, tos, segment);
  s->stats.tcp_tx++;
  return net_route_send(s, &c->route, TCP_CSUM, tos, 0, segment);
}

static int send(struct tcp_conn *c, const struct tcp_repr *r)
{
  return net_tcp_outcome(c, transmit_of(c, 0, make(c->stack, r, 0)));
}

/* The header and [seq, seq + len) of the queue; NULL: no memory. */
static struct lwt_buf *make_data(struct tcp_conn *c, const struct tcp_repr *r,
                                 uint32_t len)
{
  struct lwt_buf *segment, *payload;

  if (len <= TCP_INLINE_MAX) {
    segment = make(c->stack, r, len);
    if (segment && len)
      net_tcp_sendq_peek(&c->sq, r->seq, segment->data + segment->len - len, len);
    return segment;
  }
  segment = make(c->stack, r, 0);
  if (!segment)
    return NULL;
  payload = net_tcp_sendq_slice(&c->sq, r->seq, len);
  if (!payload) {
    lwt_buf_free(segment);
    c->stack->stats.no_memory++;
    return NULL;
  }
  segment->next = payload;
  segment->total += len;
  if (len > c->mss) {
    segment->flags |= LWT_BUF_GSO;
    segment->gso_type = c->remote.family == 6 ? LWT_GSO_TCPV6 : LWT_GSO_TCPV4;
    segment->gso_size = (uint16_t)c->mss;
  }
  return segment;
}

/* What len > mss bytes are cut into segments by: the device (0), or us (1).  Fewer where
 * nobody can. */
static int cuts(struct tcp_conn *c, uint32_t *len)
{
  struct net_stack *s = c->stack;

  if (net_tcp_device_cuts(c))
    return 0;
  if (s->bulk && !c->urgent_out &&
      net_route_find(s, &c->route, &c->local, &c->remote, NET_PROTO_TCP))
    return 1;
  *len = c->mss;
  return 0;
}

int net_tcp_send_data(struct tcp_conn *c, uint32_t seq, uint32_t *sent, uint8_t flags)
{
  uint32_t len = *sent;
  int code, cut = len > c->mss && cuts(c, &len);
  struct tcp_repr r;
  uint8_t tos = 0;

  if (len < *sent)
    flags &= (uint8_t)~TCP_FIN;
  *sent = len;
  if (len && seq + len == net_tcp_sendq_end(&c->sq)) /* MUST-61 */
    flags |= TCP_PSH;
  if (c->ecn_on && len && seq == c->snd_max && !c->persist) { /* 6.1.5: new data only */
    tos = ECT_0;
    flags |= c->ecn_cwr ? TCP_CWR : 0;
  }
  fill_in(c, &r, seq, flags | TCP_ACK);
  if (c->urgent_out && seq_lt(seq, c->snd_up)) {
    r.flags |= TCP_URG;
    r.urgent = (uint16_t)(c->snd_up - seq < 0xffff ? c->snd_up - seq : 0xffff);
  }
  if (cut) {
    code = net_tcp_outcome(c, c->stack->bulk->cut(c, &r, tos | c->tos, sent));
    *sent = code ? *sent : len; /* lost like any other, or sent */
  } else {
    code = net_tcp_outcome(c, transmit_of(c, tos, make_data(c, &r, len)));
    *sent = code ? 0 : len;
  }
  if (code && !*sent)
    return code;
  if (tos)
    c->ecn_cwr = 0;
  if (c->log && !cut)
    net_tcp_log_event(c, seq_lt(seq, c->snd_max) ? TCP_LOG_RESEND : TCP_LOG_SEND,
                      seq - c->iss, seq + len + !!(flags & TCP_FIN) - c->iss);
  if (!c->reass.head && c->dsack.start == c->dsack.end) { /* else SACK blocks are due */
    net_tcp_confirm(c);
    net_tcp_acknowledged(c);
  }
  c->last_send = c->stack->now;
  return code;
}

void net_tcp_send_ack(struct tcp_conn *c)
{
  struct tcp_repr r;

  net_tcp_confirm(c);
  fill_in(c, &r, c->snd_nxt, TCP_ACK);
  if (c->log)
    net_tcp_log_event(c, TCP_LOG_ACK, c->rcv_nxt - c->irs, c->rcv_adv - c->irs);
  if (c->uto_due)
    net_tcp_uto_emit(c, &r);
  if (c->dsack.start != c->dsack.end) {
    r.sacks[r.n_sacks++] = c->dsack;
    c->dsack.end = c->dsack.start;
  }
  if (c->sack_on && c->reass.head)
    r.n_sacks += (uint8_t)net_tcp_reass_sacks(&c->reass, r.sacks + r.n_sacks,
                                              TCP_SACKS - r.n_sacks);
  if (send(c, &r)) {
    c->ack_now = 1;
    return;
  }
  net_tcp_acknowledged(c);
  c->uto_due = 0;
}

void net_tcp_send_probe(struct tcp_conn *c)
{
  struct tcp_repr r;

  fill_in(c, &r, c->snd_nxt - 1, TCP_ACK);
  c->stack->stats.tcp_keepalives++;
  send(c, &r);
}

void net_tcp_send_rst(struct tcp_conn *c)
{
  struct tcp_repr r;

  /* A probe beyond the window has not moved the peer (RFC 5961 3 wants the
   * exact number). */
  fill_in(c, &r, c->persist ? c->snd_una : c->snd_nxt, TCP_RST | TCP_ACK);
  c->stack->stats.tcp_resets_sent++;
  transmit_of(c, 0, make(c->stack, &r, 0));
}

uint8_t net_tcp_scale_for(uint32_t buffer)
{
  int scale = buffer > 0xffff ? 16 - __builtin_clz(buffer) : 0;

  return (uint8_t)(scale < TCP_SCALE_MAX ? scale : TCP_SCALE_MAX);
}

uint8_t net_tcp_syn_options(const struct net_stack *s, uint8_t asked)
{
  return (uint8_t)(TCP_OPT_MSS | (asked & TCP_OPT_ALL & ~s->config.tcp_without));
}

int net_tcp_send_syn(struct tcp_conn *c)
{
  struct tcp_repr r;
  uint32_t window = c->rcv_buffer < 0xffff ? c->rcv_buffer : 0xffff;
  uint8_t asked = TCP_OPT_ALL;

  if (c->state == TCP_SYN_RCVD)
    asked = (uint8_t)(c->ts_on * TCP_OPT_TS | c->sack_on * TCP_OPT_SACK_OK |
                      c->scale_on * TCP_OPT_SCALE);
  fill_in(c, &r, c->iss, c->state == TCP_SYN_SENT ? TCP_SYN : TCP_SYN | TCP_ACK);
  if (c->state == TCP_SYN_SENT && !c->syn_lost &&
      c->stack->config.tcp_with & LWT_NET_TCP_ECN)
    r.flags |= TCP_ECE | TCP_CWR; /* a path that does not like it gets one without */
  r.window = (uint16_t)window;
  r.options = net_tcp_syn_options(c->stack, asked);
  r.mss = net_tcp_our_mss(c->stack, net_tcp_conn_way(c), &c->remote);
  r.scale = net_tcp_scale_for(c->stack->config.tcp_receive);
  r.tsval = net_tcp_ts_now(c->stack, c->ts_offset);
  r.tsecr = c->ts_recent;
  if (c->uto_on)
    net_tcp_uto_emit(c, &r);
  c->rcv_adv = c->rcv_nxt + window;
  return send(c, &r);
}

/* ---- Segments without a connection ------------------------------------- */

int net_tcp_send_bare(struct net_stack *s, const struct tcp_tuple *t,
                      struct tcp_repr *r)
{
  const struct net_route *way = net_tcp_way(s, t);
  struct lwt_addr local, remote;
  struct lwt_buf *segment;

  r->src = t->local_port;
  r->dst = t->remote_port;
  segment = make(s, r, 0);
  if (segment && way) {
    s->stats.tcp_tx++;
    return net_route_send(s, way, TCP_CSUM, 0, 0, segment);
  }
  net_tcp_tuple_addrs(t, &local, &remote);
  local.port = remote.port = 0;
  return transmit(s, &local, &remote, 0, segment);
}

void net_tcp_refuse(struct net_stack *s, const struct tcp_tuple *t,
                    const struct tcp_repr *r)
{
  struct tcp_repr reset = { .flags = TCP_RST };

  if (r->flags & TCP_RST)
    return;
  if (!net_icmp_allowed(s)) {
    s->stats.tcp_resets_limited++;
    return;
  }
  if (r->flags & TCP_ACK) {
    reset.seq = r->ack;
  } else {
    reset.flags |= TCP_ACK;
    reset.ack = r->seq + net_tcp_seg_len(r);
  }
  s->stats.tcp_resets_sent++;
  net_tcp_send_bare(s, t, &reset);
}

/* ---- Challenge ACKs ---------------------------------------------------- */

int net_tcp_may_challenge(struct net_stack *s, uint64_t *since, uint8_t *count)
{
  if (!*count || s->now - *since >= LWT_S(5)) {
    *since = s->now;
    *count = 0;
  }
  if (*count >= TCP_CHALLENGES) {
    s->stats.tcp_challenges_limited++;
    return 0;
  }
  (*count)++;
  s->stats.tcp_challenges++;
  return 1;
}

void net_tcp_challenge(struct tcp_conn *c)
{
  if (net_tcp_may_challenge(c->stack, &c->challenge_time, &c->challenges))
    net_tcp_send_ack(c);
}
