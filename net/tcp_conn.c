/* net/tcp_conn.c - a connection's life: made, closed, settled, freed.
 * SPDX-License-Identifier: ISC
 *
 * A struct tcp_conn is held by the table (until it is closed, stack is NULL
 * then) and by the program or a listener (until it calls close or abort).  When
 * both have let go and no promise is pending, it is freed, and only from
 * net_tcp_conn_settle(): whoever looks at it inside TCP may go on doing so.
 *
 * The program closed it, but there is something to send: it goes on as an
 * orphan.  When that has arrived as well, tcp_wait.c takes over.
 */
#include "tcp.h"

#include "routes.h"

#include <lwt/trace.h>

/* ---- States ------------------------------------------------------------ */

const char *net_tcp_state_name(unsigned state)
{
  static const char *const names[] = {
    "closed", "syn-sent", "syn-received", "established", "fin-wait-1", "fin-wait-2",
    "close-wait", "closing", "last-ack", "time-wait"
  };

  return names[state];
}

void net_tcp_conn_state(struct tcp_conn *c, enum tcp_state state)
{
  c->state = (uint8_t)state;
  lwt_trace_instant("tcp state", net_tcp_state_name(state), c->remote.port);
}

/* ---- Made -------------------------------------------------------------- */

struct tcp_conn *net_tcp_conn_new(struct net_stack *s, const struct tcp_tuple *t)
{
  struct tcp_pool *pool = s->tcp->pool;
  struct tcp_conn *c = net_tcp_pool_take(pool, sizeof *c);

  if (!c) {
    s->stats.no_memory++;
    return NULL;
  }
  lwt__fill(c, 0, sizeof *c);
  c->pool = pool;
  c->flow.ops = &net_tcp_flow_ops;
  c->stack = s;
  c->node.kind = TCP_CONN;
  c->node.tuple = *t;
  net_tcp_tuple_addrs(t, &c->local, &c->remote);
  c->cc = s->tcp->cc;
  net_tcp_sent_init(&c->sent);
  c->rack.mult = 1;
  if (net_tcp_tune_init(c)) {
    net_tcp_pool_give(pool, c);
    return NULL;
  }
  c->linger = LWT_NEVER;
  c->user_timeout = s->config.tcp_user_timeout;
  net_tcp_uto_init(c);
  c->rto = TCP_RTO_INITIAL;
  c->t_rexmit = c->t_delack = c->t_keep = c->t_retry = c->t_loss = LWT_NEVER;
  c->progress = c->last_receive = s->now;
  c->ts_offset = net_tcp_ts_offset(s, t);
  c->rcv_mss = net_tcp_our_mss(s, net_tcp_conn_way(c), &c->remote);
  if (c->rcv_mss > TCP_MSS_DEFAULT4)
    c->rcv_mss = TCP_MSS_DEFAULT4; /* until a larger segment comes */
  c->mss = TCP_MSS_DEFAULT4;
  net_timer_init(&c->timer, net_tcp_conn_timer);
  net_tcp_insert(s, &c->node);
  tcp_list_add(&s->tcp->conns, &c->all);
  s->tcp->n_conns++;
  return c;
}

int net_tcp_device_cuts(const struct tcp_conn *c)
{
  uint32_t need = LWT_NETIF_TX_CSUM |
                  (c->remote.family == 6 ? LWT_NETIF_TX_TSO6 : LWT_NETIF_TX_TSO4);

  return (net_ip_offloads(c->stack, &c->local, &c->remote) & need) == need;
}

/* Whole segments, in one IP packet if the device cuts them. */
static uint32_t burst(struct tcp_conn *c)
{
  if ((!net_tcp_conn_way(c) && net_ip_is_local(c->stack, &c->remote)) ||
      (!c->stack->bulk && !net_tcp_device_cuts(c)))
    return c->mss;
  return (65535 - 60 - TCP_HEADER_MAX) / c->mss * c->mss;
}

uint32_t net_tcp_conn_most(struct tcp_conn *c)
{
  uint32_t mss = net_tcp_our_mss(c->stack, net_tcp_conn_way(c), &c->remote);
  uint32_t peer = c->peer_mss;

  if (!peer)
    peer = c->remote.family == 6 ? TCP_MSS_DEFAULT6 : TCP_MSS_DEFAULT4;
  if (peer < TCP_MSS_MIN)
    peer = TCP_MSS_MIN;
  return mss < peer ? mss : peer;
}

void net_tcp_conn_mss(struct tcp_conn *c)
{
  uint32_t mss = net_tcp_conn_most(c);

  if (c->path_mss && c->path_mss < mss)
    mss = c->path_mss;
  c->mss = c->ts_on ? mss - TCP_HEADER_TS : mss; /* MUST-16 */
  c->burst = burst(c);
}

void net_tcp_conn_established(struct tcp_conn *c)
{
  net_tcp_conn_state(c, TCP_ESTABLISHED);
  c->t_rexmit = LWT_NEVER;
  c->retransmits = 0;
  c->backoff = 0;
  c->snd_small = c->snd_una;
  c->recover = c->iss;
  if (c->syn_lost && c->rto < LWT_S(3)) /* RFC 6298 5.7 */
    c->rto = LWT_S(3);
  net_tcp_conn_mss(c);
  if (net_path_mtu(c->stack, &c->remote))
    net_tcp_path_limited(c);
  c->rack.fack = c->ecn_end = c->snd_una;
  net_tcp_cc_init(c);
  net_tcp_wake(c);
}

/* ---- Closed ------------------------------------------------------------ */

void net_tcp_conn_close(struct tcp_conn *c, int code, const char *what)
{
  struct net_stack *s = c->stack;

  if (!s)
    return;
  if (c->listener)
    net_tcp_listener_forget(c);
  c->error = (struct lwt_error){ code, what };
  if (c->state == TCP_TIME_WAIT) /* goes on as a record */
    c->state = TCP_CLOSED;
  else
    net_tcp_conn_state(c, TCP_CLOSED);
  net_timer_stop(&s->timers, &c->timer);
  net_tcp_remove(s, &c->node);
  tcp_list_remove(&c->all);
  tcp_list_remove(&c->work);
  net_tcp_tune_end(c);
  s->tcp->n_conns--;
  net_tcp_sendq_free(&c->sq);
  net_tcp_reass_free(&c->reass);
  net_tcp_sent_clear(&c->sent);
  if (!c->user)
    net_tcp_recvq_free(&c->rq);
  c->stack = NULL;
  if (!tcp_linked(&c->wake))
    tcp_list_add(&s->tcp->wake, &c->wake);
}

void net_tcp_conn_reset(struct tcp_conn *c, int code, const char *what)
{
  if (!c->stack)
    return;
  if (c->state != TCP_SYN_SENT)
    net_tcp_send_rst(c);
  net_tcp_conn_close(c, code, what);
}

/* Our FIN has arrived and nobody listens any more. */
static void finish_orphan(struct tcp_conn *c)
{
  if (c->data_lost || c->rq.len || c->reass.head) /* SHLD-3, RFC 2525 2.17 */
    net_tcp_conn_reset(c, 0, NULL);
  else
    net_tcp_wait_start(c, 1);
}

void net_tcp_conn_fin_acked(struct tcp_conn *c)
{
  net_tcp_wake(c);
  switch (c->state) {
  case TCP_FIN_WAIT_1:
    net_tcp_conn_state(c, TCP_FIN_WAIT_2);
    if (!c->user)
      finish_orphan(c);
    break;
  case TCP_CLOSING:
    net_tcp_wait_start(c, 0);
    break;
  case TCP_LAST_ACK:
    if (!c->user && c->data_lost)
      net_tcp_conn_reset(c, 0, NULL);
    else
      net_tcp_conn_close(c, 0, NULL);
    break;
  }
}

void net_tcp_conn_fin_received(struct tcp_conn *c)
{
  c->eof = 1;
  c->ack_now = 1;
  net_tcp_wake(c);
  net_tcp_work(c);
  switch (c->state) {
  case TCP_ESTABLISHED:
    net_tcp_conn_state(c, TCP_CLOSE_WAIT);
    break;
  case TCP_FIN_WAIT_1: /* perhaps acknowledged by the same segment */
    net_tcp_conn_state(c, TCP_CLOSING);
    break;
  case TCP_FIN_WAIT_2:
    net_tcp_wait_start(c, 0);
    break;
  }
}

void net_tcp_conn_orphan(struct tcp_conn *c)
{
  c->user = 0;
  c->fin = 1;
  if (c->writing == TCP_WRITE_BYTES) /* what was not taken is not ours */
    c->writing = TCP_WRITE_ABORTED;
  net_tcp_wake(c);
  if (c->rq.len || c->reass.head)
    c->data_lost = 1;
  net_tcp_recvq_free(&c->rq);
  c->progress = c->stack->now;
  if (c->linger != LWT_NEVER) {
    c->lingers = 1;
    c->t_keep = c->stack->now + c->linger;
    net_tcp_timer_update(c);
  }
  if (c->state == TCP_FIN_WAIT_2)
    finish_orphan(c);
  else
    net_tcp_work(c);
}

/* ---- Settled ----------------------------------------------------------- */

static int read_ready(const struct tcp_conn *c)
{
  return c->reading &&
         (c->rq.len || c->eof || !c->stack || !c->user || lwt_unwanted(&c->read));
}

static int write_ready(const struct tcp_conn *c)
{
  if (!c->writing || !c->stack)
    return c->writing;
  if (c->writing == TCP_WRITE_BYTES)
    return c->write_len == 0;
  return c->writing == TCP_WRITE_ABORTED || c->sq.len <= c->buffer;
}

static int end_ready(const struct tcp_conn *c)
{
  if (c->ending == TCP_END_CONNECT) /* unwanted: connect_stop() is on its way */
    return !lwt_unwanted(&c->end) && (!c->stack || c->state >= TCP_ESTABLISHED);
  return c->ending && (!c->stack || c->fin_acked);
}

static struct lwt_error why(const struct tcp_conn *c)
{
  if (c->error.code)
    return c->error;
  return (struct lwt_error){ c->user ? LWT_ENOTCONN : LWT_ECONNABORTED, "tcp" };
}

static void settle_read(struct tcp_conn *c, struct lwt_resolver r, int kind)
{
  struct lwt_buf *chain;
  struct lwt_error e;

  if (lwt_unwanted(&r)) {
    lwt_abandon(&r);
  } else if (c->rq.len) {
    if (kind == TCP_READ_BYTES) {
      size_t n = net_tcp_recvq_read(&c->rq, c->read_bytes, c->read_len);

      net_tcp_was_read(c, n);
      lwt_fulfill(&r, (void *)(uintptr_t)n);
    } else if ((chain = net_tcp_recvq_take(&c->rq, c->read_len))) {
      net_tcp_was_read(c, chain->total);
      lwt_fulfill_owned(&r, chain, (lwt_drop_fn *)lwt_buf_free);
    } else {
      lwt_reject(&r, LWT_ENOMEM, "tcp_read");
    }
  } else if (c->eof) {
    lwt_fulfill(&r, NULL);
  } else {
    e = why(c);
    lwt_reject(&r, e.code, e.what);
  }
}

static void settle_write(struct tcp_conn *c, struct lwt_resolver r, int kind)
{
  struct lwt_error e;

  if (c->stack && kind != TCP_WRITE_ABORTED) {
    lwt_fulfill(&r, NULL);
  } else {
    e = why(c);
    lwt_reject(&r, e.code, e.what);
  }
}

static void settle_end(struct tcp_conn *c, struct lwt_resolver r, int kind)
{
  struct lwt_error e = why(c);

  if (kind == TCP_END_CONNECT && c->stack) {
    c->user = 1;
    lwt_fulfill_owned(&r, &c->flow, net_tcp_flow_drop);
  } else if (kind == TCP_END_CLOSE && c->fin_acked) {
    lwt_fulfill(&r, NULL);
  } else {
    lwt_reject(&r, e.code, e.what);
  }
}

void net_tcp_conn_settle(struct net_stack *s, struct tcp_conn *c)
{
  int reading = read_ready(c) ? c->reading : 0;
  int writing = !reading && write_ready(c) ? c->writing : 0;
  int ending = !reading && !writing && end_ready(c) ? c->ending : 0;

  if (reading)
    c->reading = 0;
  else if (writing)
    c->writing = 0;
  else if (ending)
    c->ending = 0;
  else {
    if (!c->stack && !c->user && !(c->reading | c->writing | c->ending))
      net_tcp_conn_free(c);
    return;
  }
  /* What else there is comes next; the program may free c in between. */
  if (c->reading | c->writing | c->ending || !c->stack)
    tcp_list_add(&s->tcp->wake, &c->wake);
  if (c->stack)
    net_tcp_work(c);
  if (reading)
    settle_read(c, c->read, reading);
  else if (writing)
    settle_write(c, c->write, writing);
  else
    settle_end(c, c->end, ending);
}

void net_tcp_conn_free(struct tcp_conn *c)
{
  tcp_list_remove(&c->wake);
  net_tcp_recvq_free(&c->rq);
  lwt__free(c->log);
  net_tcp_pool_give(c->pool, c);
}

/* ---- Writing ----------------------------------------------------------- */

void net_tcp_conn_refill(struct tcp_conn *c)
{
  size_t room, n;

  if (c->writing != TCP_WRITE_BYTES || !c->write_len)
    return;
  if (lwt_unwanted(&c->write)) {
    c->write_len = 0;
    return;
  }
  room = c->sq.len < c->buffer ? c->buffer - c->sq.len : 0;
  n = c->write_len < room ? c->write_len : room;
  /* A little at a time would be little segments. */
  if (n < c->write_len && n < c->buffer / 4 && c->sq.len > c->mss)
    return;
  room = net_tcp_sendq_copy(&c->sq, c->write_bytes, n);
  c->write_bytes += room;
  c->write_len -= room;
  if (room < n && !c->sq.len) /* out of memory, and no ACK will come */
    c->t_retry = c->stack->now + TCP_MEMORY_RETRY;
  net_tcp_wake(c);
}
