/* net/tcp_flow.c - what the program calls on a connection (lwt/flow.h).
 * SPDX-License-Identifier: ISC
 *
 * Each call does at once what it can and leaves a resolver for the rest, which
 * net_tcp_conn_settle() settles.  A connection that is closed (stack is NULL)
 * still gives what came before, then why it closed.
 */
#include "tcp.h"

static struct tcp_conn *conn_of(struct lwt_flow *flow)
{
  return (struct tcp_conn *)flow;
}

static lwt_t *fail_closed(const struct tcp_conn *c, const char *what)
{
  if (c->error.code)
    return lwt_fail_error(c->error);
  return lwt_fail(LWT_ENOTCONN, what);
}

/* ---- Reading ----------------------------------------------------------- */

/* 1: a read may begin; 0: *p is the outcome. */
static int may_read(struct tcp_conn *c, lwt_t **p)
{
  struct lwt_resolver old;

  if (c->reading) {
    if (!lwt_unwanted(&c->read)) {
      *p = lwt_fail(LWT_EBUSY, "tcp_read");
      return 0;
    }
    old = c->read;
    c->reading = 0;
    lwt_abandon(&old);
  }
  if (c->rq.len)
    return 1;
  if (c->eof)
    *p = lwt_return(NULL);
  else if (!c->stack)
    *p = fail_closed(c, "tcp_read");
  else
    return 1;
  return 0;
}

/* Bytes have left the receive queue: the peer may have to know. */
static void opened(struct tcp_conn *c)
{
  if (!c->stack || c->eof || !net_tcp_window_update_due(c))
    return;
  net_tcp_enter(c->stack);
  net_tcp_work(c);
  net_tcp_leave(c->stack);
}

static lwt_t *wait_to_read(struct tcp_conn *c, int kind, void *bytes, size_t len)
{
  lwt_t *p = lwt_task(&c->read);

  if (lwt_state(p) == LWT_PENDING) {
    c->reading = (uint8_t)kind;
    c->read_bytes = bytes;
    c->read_len = len;
  }
  return p;
}

static lwt_size_p *flow_read(struct lwt_flow *flow, void *bytes, size_t len)
{
  struct tcp_conn *c = conn_of(flow);
  lwt_t *p;
  size_t n;

  if (!len)
    return lwt_size_p_fail(LWT_EINVAL, "tcp_read");
  if (!may_read(c, &p))
    return (lwt_size_p *)p;
  if (!c->rq.len)
    return (lwt_size_p *)wait_to_read(c, TCP_READ_BYTES, bytes, len);
  n = net_tcp_recvq_read(&c->rq, bytes, len);
  net_tcp_was_read(c, n);
  opened(c);
  return lwt_size_p_return(n);
}

static void drop_chain(void *chain)
{
  lwt_buf_free(chain);
}

static lwt_buf_p *flow_read_buf(struct lwt_flow *flow, size_t max)
{
  struct tcp_conn *c = conn_of(flow);
  struct lwt_buf *chain;
  lwt_t *p;

  if (!max)
    return lwt_buf_p_fail(LWT_EINVAL, "tcp_read");
  if (!may_read(c, &p))
    return (lwt_buf_p *)p;
  if (!c->rq.len)
    return (lwt_buf_p *)wait_to_read(c, TCP_READ_BUF, NULL, max);
  chain = net_tcp_recvq_take(&c->rq, max);
  if (!chain)
    return lwt_buf_p_fail(LWT_ENOMEM, "tcp_read");
  net_tcp_was_read(c, chain->total);
  opened(c);
  return (lwt_buf_p *)lwt_return_owned(chain, drop_chain);
}

/* ---- Writing ----------------------------------------------------------- */

/* A write that was cancelled is over, however much of it was taken. */
static void forget_cancelled(struct tcp_conn *c)
{
  struct lwt_resolver old;

  if (c->writing && lwt_unwanted(&c->write)) {
    old = c->write;
    c->writing = 0;
    lwt_abandon(&old);
  }
}

static int may_write(struct tcp_conn *c, lwt_t **p)
{
  forget_cancelled(c);
  if (c->writing)
    *p = lwt_fail(LWT_EBUSY, "tcp_write");
  else if (!c->stack)
    *p = fail_closed(c, "tcp_write");
  else if (c->fin)
    *p = lwt_fail(LWT_EPIPE, "tcp_write");
  else
    return 1;
  return 0;
}

/* In a callback, which is where programs write, entering and leaving would come to
 * no more than having it sent at the end of the turn. */
static void written(struct tcp_conn *c)
{
  struct net_tcp *tcp = c->stack->tcp;

  if (!tcp->depth && lwt__is_held()) {
    net_tcp_work(c);
    lwt__task_set(&tcp->turn);
    return;
  }
  net_tcp_enter(c->stack);
  net_tcp_work(c);
  net_tcp_leave(c->stack);
}

static lwt_t *wait_to_write(struct tcp_conn *c, int kind)
{
  lwt_t *p = lwt_task(&c->write);

  if (lwt_state(p) == LWT_PENDING)
    c->writing = (uint8_t)kind;
  return p;
}

static lwt_t *flow_write(struct lwt_flow *flow, const void *bytes, size_t len)
{
  struct tcp_conn *c = conn_of(flow);
  size_t room, n;
  lwt_t *p = NULL;

  if (!may_write(c, &p))
    return p;
  room = c->sq.len < c->buffer ? c->buffer - c->sq.len : 0;
  if (len > room) {
    p = wait_to_write(c, TCP_WRITE_BYTES);
    if (!c->writing)
      return p;
  }
  n = net_tcp_sendq_copy(&c->sq, bytes, len < room ? len : room);
  if (n < len && n < room && !p) { /* memory is out */
    if (!n)
      return lwt_fail(LWT_ENOMEM, "tcp_write");
    p = wait_to_write(c, TCP_WRITE_BYTES);
  }
  if (c->writing) {
    c->write_bytes = (const uint8_t *)bytes + n;
    c->write_len = len - n;
  }
  written(c);
  return p ? p : lwt_return(NULL);
}

static lwt_t *flow_write_buf(struct lwt_flow *flow, struct lwt_buf *chain)
{
  struct tcp_conn *c = conn_of(flow);
  lwt_t *p = NULL;

  if (!chain)
    return lwt_fail(LWT_EINVAL, "tcp_write");
  if (!may_write(c, &p)) {
    lwt_buf_free(chain);
    return p;
  }
  if (c->sq.len + (uint64_t)chain->total > UINT32_MAX / 4) {
    lwt_buf_free(chain);
    return lwt_fail(LWT_EMSGSIZE, "tcp_write");
  }
  if (c->sq.len + chain->total > c->buffer) {
    p = wait_to_write(c, TCP_WRITE_BUF);
    if (!c->writing) {
      lwt_buf_free(chain);
      return p;
    }
  }
  net_tcp_sendq_append(&c->sq, chain);
  written(c);
  return p ? p : lwt_return(NULL);
}

/* ---- Ending ------------------------------------------------------------ */

static lwt_t *flow_shutdown(struct lwt_flow *flow)
{
  struct tcp_conn *c = conn_of(flow);

  if (!c->stack)
    return c->fin ? lwt_return(NULL) : fail_closed(c, "tcp_shutdown");
  forget_cancelled(c);
  if (c->writing)
    return lwt_fail(LWT_EBUSY, "tcp_shutdown");
  if (!c->fin) {
    c->fin = 1;
    written(c);
  }
  return lwt_return(NULL);
}

/* The connection is closed and the program gives it back. */
static lwt_t *close_closed(struct tcp_conn *c)
{
  lwt_t *p;

  if (!c->error.code || c->fin_acked)
    p = lwt_return(NULL);
  else
    p = lwt_fail_error(c->error);
  c->user = 0;
  if (!tcp_linked(&c->wake))
    net_tcp_conn_free(c);
  return p;
}

static lwt_t *flow_close(struct lwt_flow *flow)
{
  struct tcp_conn *c = conn_of(flow);
  struct net_stack *s = c->stack;
  lwt_t *p;

  if (!s)
    return close_closed(c);
  if (!c->linger) { /* nothing waits: a reset (RFC 9293 3.10.5) */
    net_tcp_flow_abort(flow);
    return lwt_return(NULL);
  }
  net_tcp_enter(s);
  forget_cancelled(c);
  p = lwt_wait(&c->end);
  c->ending = lwt_state(p) == LWT_PENDING ? TCP_END_CLOSE : 0;
  net_tcp_wake(c);
  net_tcp_conn_orphan(c);
  net_tcp_leave(s);
  return p;
}

void net_tcp_flow_abort(struct lwt_flow *flow)
{
  struct tcp_conn *c = conn_of(flow);
  struct net_stack *s = c->stack;

  c->user = 0;
  if (!s) {
    if (!tcp_linked(&c->wake))
      net_tcp_conn_free(c);
    return;
  }
  net_tcp_enter(s);
  net_tcp_recvq_free(&c->rq);
  c->eof = 0;
  net_tcp_conn_reset(c, LWT_ECONNABORTED, "tcp_abort");
  net_tcp_leave(s);
}

void net_tcp_flow_drop(void *flow)
{
  net_tcp_flow_abort(flow);
}

static struct lwt_addr flow_peer(struct lwt_flow *flow)
{
  return conn_of(flow)->remote;
}

static struct lwt_addr flow_local(struct lwt_flow *flow)
{
  return conn_of(flow)->local;
}

const struct lwt_flow_ops net_tcp_flow_ops = {
  .read = flow_read,
  .read_buf = flow_read_buf,
  .write = flow_write,
  .write_buf = flow_write_buf,
  .shutdown = flow_shutdown,
  .close = flow_close,
  .abort = net_tcp_flow_abort,
  .peer = flow_peer,
  .local = flow_local,
};
