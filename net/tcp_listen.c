/* net/tcp_listen.c - listeners and half-open connections.
 * SPDX-License-Identifier: ISC
 *
 * A SYN makes a struct tcp_half, some 200 bytes, of which there is a bounded
 * number: when they are all taken, SYN cookies take over (tcp_cookie.c), or,
 * without these, the oldest goes, so that a flood of SYNs must come faster than
 * honest handshakes take.  The ACK makes it a connection
 * that waits in the listener's queue for accept.  If that queue (the backlog)
 * is full, the half waits, and when it was full before this batch, further
 * SYNs are refused.
 */
#include "tcp.h"

#include <string.h>

/* ---- Finding ----------------------------------------------------------- */

static struct tcp_link *bucket(struct net_stack *s, uint16_t port)
{
  return &s->tcp->listeners[port % TCP_LISTEN_BUCKETS];
}

static int is_any(const struct lwt_addr *addr)
{
  static const uint8_t zero[16];

  return !memcmp(addr->ip, zero, addr->family == 4 ? 4 : 16);
}

struct tcp_listener *net_tcp_find_listener(struct net_stack *s,
                                           const struct tcp_tuple *t)
{
  struct tcp_link *list = bucket(s, t->local_port), *at;
  struct tcp_listener *l, *any = NULL;
  uint32_t v4 = (uint32_t)t->local[0];
  uint8_t family = (uint8_t)t->scope;

  for (at = list->next; at != list; at = at->next) {
    l = tcp_of(at, struct tcp_listener, link);
    if (l->addr.port != t->local_port || l->addr.family != family)
      continue;
    if (family == 4 ? !memcmp(l->addr.ip, &v4, 4) : !memcmp(l->addr.ip, t->local, 16))
      return l;
    if (is_any(&l->addr))
      any = l;
  }
  return any;
}

int net_tcp_port_is_listened(struct net_stack *s, uint16_t port)
{
  struct tcp_link *list = bucket(s, port), *at;

  for (at = list->next; at != list; at = at->next)
    if (tcp_of(at, struct tcp_listener, link)->addr.port == port)
      return 1;
  return 0;
}

/* ---- Half-open connections --------------------------------------------- */

static void send_syn_ack(struct tcp_half *h)
{
  struct net_stack *s = h->stack;
  struct lwt_addr local, remote;
  struct tcp_repr r = { .flags = TCP_SYN | TCP_ACK, .seq = h->iss, .ack = h->irs + 1,
                        .window = (uint16_t)h->wnd,
                        .options = h->options & TCP_OPT_ALL };

  if (h->options & TCP_OPT_ECN)
    r.flags |= TCP_ECE;
  net_tcp_tuple_addrs(&h->node.tuple, &local, &remote);
  r.mss = net_tcp_our_mss(s, net_tcp_way(s, &h->node.tuple), &remote);
  r.scale = net_tcp_scale_for(s->config.tcp_receive);
  r.tsval = net_tcp_ts_now(s, h->ts_offset);
  r.tsecr = h->ts_recent;
  if (s->config.tcp_with & LWT_NET_TCP_USER_TIMEOUT) {
    r.options |= TCP_OPT_UTO;
    r.uto = net_tcp_uto_field(s->config.tcp_user_timeout);
  }
  net_tcp_send_bare(s, &h->node.tuple, &r);
}

static void send_half_ack(struct tcp_half *h)
{
  struct net_stack *s = h->stack;
  struct tcp_repr r = { .flags = TCP_ACK, .seq = h->iss + 1, .ack = h->irs + 1,
                        .window = (uint16_t)h->wnd };

  if (!net_tcp_may_challenge(s, &h->challenge_time, &h->challenges))
    return;
  if (h->options & TCP_OPT_SCALE)
    r.window = (uint16_t)(h->wnd >> net_tcp_scale_for(s->config.tcp_receive));
  r.options = h->options & TCP_OPT_TS;
  r.tsval = net_tcp_ts_now(s, h->ts_offset);
  r.tsecr = h->ts_recent;
  net_tcp_send_bare(s, &h->node.tuple, &r);
}

void net_tcp_half_free(struct net_stack *s, struct tcp_half *h)
{
  net_timer_stop(&s->timers, &h->timer);
  net_tcp_remove(s, &h->node);
  tcp_list_remove(&h->age);
  tcp_list_remove(&h->acked);
  s->tcp->n_halves--;
  net_tcp_shelf_give(&s->tcp->half_shelf, h);
}

static void half_timer(struct net_timer *timer)
{
  struct tcp_half *h = tcp_of(timer, struct tcp_half, timer);
  struct net_stack *s = h->stack;
  uint64_t wait = TCP_RTO_INITIAL << (h->retransmits + 1);

  net_tcp_enter(s);
  if (s->now - h->started >= TCP_HALF_TIMEOUT) {
    s->stats.tcp_half_timeouts++;
    net_tcp_half_free(s, h);
  } else {
    if (!tcp_linked(&h->acked)) {
      s->stats.tcp_retransmits++;
      send_syn_ack(h);
    }
    if (wait < TCP_RTO_MAX)
      h->retransmits++;
    else
      wait = TCP_RTO_MAX;
    if (wait > h->started + TCP_HALF_TIMEOUT - s->now)
      wait = h->started + TCP_HALF_TIMEOUT - s->now;
    net_timer_set(&s->timers, &h->timer, s->now + wait);
  }
  net_tcp_leave(s);
}

/* One more would be too many. */
static int halves_full(struct net_stack *s)
{
  struct net_tcp *tcp = s->tcp;

  return tcp->n_halves >= tcp->max_halves ||
         (tcp->n_halves && tcp->n_conns + tcp->n_halves >= s->config.max_connections);
}

static void evict(struct net_stack *s)
{
  s->stats.tcp_half_evicted++;
  net_tcp_half_free(s, tcp_of(s->tcp->halves.next, struct tcp_half, age));
}

void net_tcp_listen_syn(struct tcp_listener *l, const struct tcp_tuple *t,
                        const struct tcp_repr *r, uint32_t iss)
{
  struct net_stack *s = l->stack;
  struct tcp_half *h, made;

  if (l->n_ready >= l->backlog && l->full_at != s->tcp->batch) {
    s->stats.tcp_backlog_full++;
    net_tcp_refuse(s, t, r);
    return;
  }
  if (s->tcp->n_conns >= s->config.max_connections) {
    s->stats.tcp_too_many++;
    return;
  }
  made = (struct tcp_half){
    .node = { .kind = TCP_HALF, .tuple = *t }, .stack = s, .listener = l,
    .iss = iss, .irs = r->seq, .started = s->now, .ts_recent = r->tsval,
    .peer_mss = r->options & TCP_OPT_MSS ? r->mss : 0, .snd_scale = r->scale,
    .options = net_tcp_syn_options(s, r->options),
    .wnd = net_tcp_tune_window(s)
  };
  if ((r->flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR) &&
      !(s->config.tcp_without & LWT_NET_TCP_ECN))
    made.options |= TCP_OPT_ECN;
  made.ts_offset = net_tcp_ts_offset(s, t);
  if (halves_full(s)) {
    if (!(s->config.tcp_without & LWT_NET_TCP_COOKIES)) {
      net_tcp_cookie_send(s, &made);
      send_syn_ack(&made);
      return;
    }
    evict(s);
  }
  h = net_tcp_shelf_take(&s->tcp->half_shelf, sizeof *h);
  if (!h) {
    s->stats.no_memory++;
    return;
  }
  *h = made;
  net_timer_init(&h->timer, half_timer);
  net_tcp_insert(s, &h->node);
  tcp_list_add(&s->tcp->halves, &h->age);
  s->tcp->n_halves++;
  net_timer_set(&s->timers, &h->timer, s->now + TCP_RTO_INITIAL);
  send_syn_ack(h);
}

/* The handshake is complete: a connection in the listener's queue.  NULL: no
 * memory. */
static struct tcp_conn *complete(struct net_stack *s, const struct tcp_half *h,
                                 uint16_t window, const struct tcp_repr *r)
{
  struct tcp_listener *l = h->listener;
  struct tcp_conn *c = net_tcp_conn_new(s, &h->node.tuple);

  if (!c)
    return NULL;
  c->iss = h->iss;
  c->snd_una = c->snd_nxt = c->snd_max = h->iss + 1;
  c->sq.seq = c->sq.cur_seq = h->iss + 1;
  c->irs = h->irs;
  c->rcv_nxt = c->last_ack = h->irs + 1;
  c->rcv_adv = c->rcv_nxt + h->wnd;
  c->peer_mss = h->peer_mss;
  c->ts_on = !!(h->options & TCP_OPT_TS);
  c->ts_recent = h->ts_recent;
  c->ts_recent_time = s->now;
  c->sack_on = !!(h->options & TCP_OPT_SACK_OK);
  c->scale_on = !!(h->options & TCP_OPT_SCALE);
  c->ecn_on = !!(h->options & TCP_OPT_ECN);
  c->syn_lost = h->retransmits > 2 ? 2 : h->retransmits;
  if (c->scale_on) {
    c->snd_scale = h->snd_scale;
    c->rcv_scale = net_tcp_scale_for(c->stack->config.tcp_receive);
  } else if (c->rcv_buffer > 0xffff) {
    c->rcv_buffer = 0xffff;
  }
  c->snd_wnd = c->max_wnd = (uint32_t)window << c->snd_scale;
  c->snd_wl1 = h->irs;
  c->snd_wl2 = h->iss;
  if (r && !h->retransmits)
    net_tcp_rtt_sample(c, s->now - h->started);
  net_tcp_conn_established(c);
  c->listener = l;
  tcp_list_add(&l->ready, &c->accept);
  if (++l->n_ready == l->backlog)
    l->full_at = s->tcp->batch;
  if (!tcp_linked(&l->wake))
    tcp_list_add(&s->tcp->accepting, &l->wake);
  return c;
}

/* The same in the place of h, which stays when memory is out. */
static struct tcp_conn *promote(struct net_stack *s, struct tcp_half *h,
                                uint16_t window, const struct tcp_repr *r)
{
  struct tcp_conn *c = complete(s, h, window, r);

  if (c)
    net_tcp_half_free(s, h);
  return c;
}

struct tcp_conn *net_tcp_listen_ack(struct tcp_listener *l, const struct tcp_tuple *t,
                                    const struct tcp_repr *r)
{
  struct net_stack *s = l->stack;
  struct tcp_half h;
  struct tcp_conn *c;

  if (r->flags & TCP_SYN || !net_tcp_cookie_check(s, t, r, &h)) {
    s->stats.tcp_no_port++;
    net_tcp_refuse(s, t, r);
    return NULL;
  }
  if (l->n_ready >= l->backlog) { /* the peer will say it again */
    s->stats.tcp_backlog_waits++;
    return NULL;
  }
  if (s->tcp->n_conns >= s->config.max_connections) {
    s->stats.tcp_too_many++;
    return NULL;
  }
  if (s->tcp->n_halves && s->tcp->n_conns + s->tcp->n_halves >= s->config.max_connections)
    evict(s);
  h.listener = l;
  h.retransmits = 1; /* the round trip is not known */
  c = complete(s, &h, r->window, r);
  if (c)
    s->stats.tcp_cookies_accepted++;
  return c;
}

static struct tcp_conn *half_ack(struct net_stack *s, struct tcp_half *h,
                                 const struct tcp_repr *r)
{
  struct tcp_listener *l = h->listener;

  if (r->ack != h->iss + 1) {
    net_tcp_refuse(s, &h->node.tuple, r);
    return NULL;
  }
  if (l->n_ready < l->backlog)
    return promote(s, h, r->window, r);
  /* The queue is full: the peer will say again what it has to say. */
  s->stats.tcp_backlog_waits++;
  h->ack_window = r->window;
  if (!tcp_linked(&h->acked))
    tcp_list_add(&l->acked, &h->acked);
  return NULL;
}

struct tcp_conn *net_tcp_half_input(struct net_stack *s, struct tcp_half *h,
                                    const struct tcp_repr *r)
{
  uint32_t offset = r->seq - (h->irs + 1);

  if ((r->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN && r->seq == h->irs) {
    if (net_tcp_may_challenge(s, &h->challenge_time, &h->challenges))
      send_syn_ack(h);
    return NULL;
  }
  if (h->options & TCP_OPT_TS && !(r->flags & TCP_RST) &&
      (!(r->options & TCP_OPT_TS) || net_tcp_paws(r->tsval, h->ts_recent))) {
    s->stats.tcp_paws++;
    if (r->options & TCP_OPT_TS)
      send_half_ack(h);
    return NULL;
  }
  if (r->flags & TCP_RST) {
    if (offset == 0)
      net_tcp_half_free(s, h); /* back to LISTEN */
    else if (offset < h->wnd)
      send_half_ack(h);
    else
      s->stats.tcp_ignored++;
    return NULL;
  }
  if (r->flags & TCP_SYN || (offset && offset >= h->wnd)) {
    s->stats.tcp_outside++;
    send_half_ack(h);
    return NULL;
  }
  if (r->flags & TCP_ACK)
    return half_ack(s, h, r);
  s->stats.tcp_ignored++;
  return NULL;
}

/* ---- Accepting --------------------------------------------------------- */

/* Give up acceptors whose promise was cancelled, at the ends of the queue. */
static void prune(struct tcp_listener *l)
{
  struct tcp_acceptor *a;
  int back;

  for (back = 0; back < 2;) {
    if (tcp_list_empty(&l->acceptors))
      return;
    a = tcp_of(back ? l->acceptors.prev : l->acceptors.next, struct tcp_acceptor, link);
    if (!lwt_unwanted(&a->resolver)) {
      back++;
      continue;
    }
    tcp_list_remove(&a->link);
    lwt_abandon(&a->resolver);
    net_tcp_shelf_give(&l->stack->tcp->accept_shelf, a);
  }
}

/* The first connection of the queue, for the program. */
static struct tcp_conn *take_ready(struct tcp_listener *l)
{
  struct tcp_conn *c = tcp_of(l->ready.next, struct tcp_conn, accept);
  struct tcp_half *h;

  net_tcp_listener_forget(c);
  c->user = 1;
  c->stack->stats.tcp_accepts++;
  if (!tcp_list_empty(&l->acked)) {
    h = tcp_of(l->acked.next, struct tcp_half, acked);
    promote(l->stack, h, h->ack_window, NULL);
  }
  return c;
}

void net_tcp_listener_forget(struct tcp_conn *c)
{
  tcp_list_remove(&c->accept);
  c->listener->n_ready--;
  c->listener = NULL;
}

void net_tcp_listener_settle(struct tcp_listener *l)
{
  struct tcp_acceptor *a;
  struct lwt_resolver resolver;
  struct tcp_conn *c;

  prune(l);
  if (tcp_list_empty(&l->acceptors) || tcp_list_empty(&l->ready))
    return;
  a = tcp_of(l->acceptors.next, struct tcp_acceptor, link);
  resolver = a->resolver;
  tcp_list_remove(&a->link);
  net_tcp_shelf_give(&l->stack->tcp->accept_shelf, a);
  c = take_ready(l);
  if (!tcp_linked(&l->wake))
    tcp_list_add(&l->stack->tcp->accepting, &l->wake);
  lwt_fulfill_owned(&resolver, &c->flow, net_tcp_flow_drop);
}

static lwt_flow_p *listener_accept(struct lwt_listener *listener)
{
  struct tcp_listener *l = (struct tcp_listener *)listener;
  struct net_stack *s = l->stack;
  struct tcp_acceptor *a;
  struct tcp_conn *c;
  lwt_t *p;

  if (!s)
    return lwt_flow_p_fail(LWT_ECONNABORTED, "tcp_accept");
  prune(l);
  if (tcp_list_empty(&l->acceptors) && !tcp_list_empty(&l->ready)) {
    net_tcp_enter(s);
    c = take_ready(l);
    net_tcp_leave(s);
    return (lwt_flow_p *)lwt_return_owned(&c->flow, net_tcp_flow_drop);
  }
  a = net_tcp_shelf_take(&s->tcp->accept_shelf, sizeof *a);
  if (!a)
    return lwt_flow_p_fail(LWT_ENOMEM, "tcp_accept");
  p = lwt_task(&a->resolver);
  if (lwt_state(p) == LWT_PENDING) {
    a->link = (struct tcp_link){ NULL, NULL };
    tcp_list_add(&l->acceptors, &a->link);
  } else {
    net_tcp_shelf_give(&s->tcp->accept_shelf, a);
  }
  return (lwt_flow_p *)p;
}

/* ---- Opening and closing ----------------------------------------------- */

void net_tcp_listener_shut(struct tcp_listener *l, struct tcp_link *waiting)
{
  struct net_stack *s = l->stack;
  struct tcp_link *at, *next;
  struct tcp_half *h;

  if (!s)
    return;
  while (!tcp_list_empty(&l->acceptors)) {
    at = l->acceptors.next;
    tcp_list_remove(at);
    tcp_list_add(waiting, at);
  }
  tcp_list_remove(&l->link);
  tcp_list_remove(&l->wake);
  for (at = s->tcp->halves.next; at != &s->tcp->halves; at = next) {
    next = at->next;
    h = tcp_of(at, struct tcp_half, age);
    if (h->listener == l)
      net_tcp_half_free(s, h);
  }
  while (!tcp_list_empty(&l->ready))
    net_tcp_conn_reset(tcp_of(l->ready.next, struct tcp_conn, accept),
                       LWT_ECONNABORTED, "tcp_accept");
  l->stack = NULL;
}

void net_tcp_reject_accepts(struct tcp_link *list)
{
  struct tcp_acceptor *a;
  struct lwt_resolver resolver;

  while (!tcp_list_empty(list)) {
    a = tcp_of(list->next, struct tcp_acceptor, link);
    resolver = a->resolver;
    tcp_list_remove(&a->link);
    lwt__free(a);
    lwt_reject(&resolver, LWT_ECONNABORTED, "tcp_accept");
  }
}

static void listener_close(struct lwt_listener *listener)
{
  struct tcp_listener *l = (struct tcp_listener *)listener;
  struct net_stack *s = l->stack;
  struct tcp_link waiting;

  tcp_list_init(&waiting);
  if (s) {
    net_tcp_enter(s);
    net_tcp_listener_shut(l, &waiting);
    net_tcp_leave(s);
  }
  lwt__free(l);
  net_tcp_reject_accepts(&waiting);
}

static struct lwt_addr listener_local(struct lwt_listener *listener)
{
  return ((struct tcp_listener *)listener)->addr;
}

static const struct lwt_listener_ops listener_ops = {
  .accept = listener_accept,
  .close = listener_close,
  .local = listener_local,
};

/* Somebody listens on an address that covers addr or is covered by it. */
static int is_taken(struct net_stack *s, const struct lwt_addr *addr)
{
  struct tcp_link *list = bucket(s, addr->port), *at;
  struct tcp_listener *l;

  for (at = list->next; at != list; at = at->next) {
    l = tcp_of(at, struct tcp_listener, link);
    if (l->addr.port == addr->port && l->addr.family == addr->family &&
        (is_any(&l->addr) || is_any(addr) || lwt_addr_equal(&l->addr, addr)))
      return 1;
  }
  return 0;
}

/* A port that nobody listens on. */
static int any_port(struct net_stack *s, struct lwt_addr *addr)
{
  uint32_t n = TCP_PORT_LAST - TCP_PORT_FIRST + 1;
  uint32_t i, at = (uint32_t)(net_random(s) % n);

  for (i = 0; i < n; i++, at = at + 1 < n ? at + 1 : 0) {
    addr->port = (uint16_t)(TCP_PORT_FIRST + at);
    if (!net_tcp_port_is_listened(s, addr->port))
      return 0;
  }
  return LWT_EADDRINUSE;
}

int net_tcp_listen(struct lwt_stack *stack, const struct lwt_addr *addr,
                   unsigned backlog, struct lwt_listener **listener)
{
  struct net_stack *s = (struct net_stack *)stack;
  struct lwt_addr at = *addr;
  struct tcp_listener *l;

  if (s->tcp->closing)
    return LWT_ECONNABORTED;
  if (at.family != 4 && (at.family != 6 || !s->config.ipv6))
    return LWT_ENOTSUP;
  if (!is_any(&at) && !net_ip_is_local(s, &at))
    return LWT_EADDRNOTAVAIL;
  if (!at.port && any_port(s, &at))
    return LWT_EADDRINUSE;
  if (is_taken(s, &at))
    return LWT_EADDRINUSE;
  l = lwt__alloc(sizeof *l);
  if (!l)
    return LWT_ENOMEM;
  memset(l, 0, sizeof *l);
  l->listener.ops = &listener_ops;
  l->stack = s;
  l->addr = at;
  l->backlog = backlog ? backlog : 1;
  l->full_at = s->tcp->batch - 1;
  tcp_list_init(&l->ready);
  tcp_list_init(&l->acked);
  tcp_list_init(&l->acceptors);
  tcp_list_add(bucket(s, at.port), &l->link);
  *listener = &l->listener;
  return 0;
}
