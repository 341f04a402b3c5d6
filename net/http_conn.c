/* http_conn.c - a connection of the HTTP server: request, response, request.
 * SPDX-License-Identifier: ISC
 *
 *   IDLE -> READING -> ANSWERING -> IDLE ... -> CLOSING
 *
 * The next request is looked at when the response has been written, so that
 * pipelined requests wait in the input buffer and in the flow, and responses
 * are in order without a queue.
 *
 * The connection's thread is one frame.  Its first deferred call, conn_end(),
 * takes the connection apart however the thread ends: that a flow is closed
 * and a connection freed is decided in no other place.
 */
#include "http.h"

#include <string.h>

/* After a refused request: read and forget so much more, or the answer would
 * be lost with the reset that unread bytes cause (RFC 9112, 9.6). */
#define LINGER_BYTES (256u << 10)

struct linger {
  struct lwt_frame frame;
  struct net_http_conn *c;
  size_t n, total;
};

LWT_STEP linger_step(struct lwt_frame *frame)
{
  struct linger *l = (struct linger *)frame;
  struct net_http_conn *c = l->c;

  lwt_begin(l);
  lwt_await(l, lwt_flow_shutdown(c->flow));
  do {
    lwt_await(l, &l->n, lwt_flow_read(c->flow, c->in, c->size));
    l->total += l->n;
    net_http_stats(c)->bytes_in += l->n;
  } while (l->n > 0 && l->total < LINGER_BYTES);
  lwt_end(l);
}

static lwt_t *linger(struct net_http_conn *c)
{
  return lwt_with_timeout(c->server->o.close_timeout,
                          LWT_GO(struct linger, linger_step, .c = c));
}

struct conn_thread {
  struct lwt_frame frame;
  struct net_http_conn *c;
  struct lwt_flow *flow;
  struct lwt_error error;
  enum net_http_got got;
};

static void conn_end(void *conn)
{
  struct net_http_conn *c = conn;
  struct net_http_server *server = c->server;

  if (c->flow)
    lwt_flow_abort(c->flow);
  c->flow = NULL;
  net_http_forget(c);
  *c->prev = c->next;
  if (c->next)
    c->next->prev = c->prev;
  if (server->cursor == c)
    server->cursor = c->next;
  server->n_conns--;
  server->o.stats->active--;
  c->ended = 1;
  if (!c->starting) {
    lwt_drop(c->thread);
    lwt__free(c);
  }
  net_http_conn_gone(server);
}

static void conn_lost(void *thread)
{
  conn_end(((struct conn_thread *)thread)->c);
}

static void count_loss(struct net_http_conn *c, int code)
{
  struct lwt_http_stats *stats = net_http_stats(c);

  switch (code) {
  case LWT_ECANCELED: /* by stop */
  case LWT_EPROTO:    /* a body failed */
  case LWT_ENOMEM:
    stats->aborted++;
    break;
  case LWT_ETIMEDOUT:
    stats->write_timeout++;
    break;
  default:
    stats->lost++;
  }
}

/* Whether there may be bytes that nobody will read. */
static int unread(const struct net_http_conn *c, enum net_http_got got)
{
  return got == NET_HTTP_REFUSED || c->used < c->fill;
}

LWT_STEP conn_step(struct lwt_frame *frame)
{
  struct conn_thread *t = (struct conn_thread *)frame;
  struct net_http_conn *c = t->c;

  lwt_begin(t);
  lwt_defer(t, conn_end, c);
  do {
    lwt_await_error(t, &t->error, &t->got, net_http_receive(c));
    if (t->error.code || t->got == NET_HTTP_NOTHING)
      break;
    lwt_await_error(t, &t->error, net_http_answer(c));
  } while (!t->error.code && c->keep_alive);
  if (t->error.code)
    count_loss(c, t->error.code);
  c->phase = NET_HTTP_CLOSING;
  if (!t->error.code && unread(c, t->got))
    lwt_await_error(t, &t->error, linger(c));
  if (t->error.code || c->server->aborting)
    lwt_finish(t, 0);
  t->flow = c->flow;
  c->flow = NULL;
  lwt_await_error(t, &t->error,
                  lwt_with_timeout(c->server->o.close_timeout,
                                   lwt_flow_close(t->flow)));
  lwt_end(t);
}

/* The thread may have ended, and with it the connection, before LWT_GO()
 * returns; `starting` keeps its memory until then. */
int net_http_conn_start(struct net_http_server *server, struct lwt_flow *flow,
                        lwt_t **thread)
{
  uint32_t size = server->o.max_head + NET_HTTP_SPARE;
  struct net_http_conn *c =
    lwt__alloc(sizeof *c + size + server->o.max_line + 1);
  int error = 0;
  lwt_t *p;

  if (!c) {
    lwt_flow_abort(flow);
    return LWT_ENOMEM;
  }
  memset(c, 0, offsetof(struct net_http_conn, head));
  c->server = server;
  c->flow = flow;
  c->size = size;
  c->in = (char *)(c + 1);
  c->path = c->in + size;
  c->body = NULL;
  c->prev = &server->conns;
  c->next = server->conns;
  if (c->next)
    c->next->prev = &c->next;
  server->conns = c;
  server->n_conns++;
  server->o.stats->connections++;
  server->o.stats->active++;
  c->starting = 1;
  p = LWT_GO_OR(struct conn_thread, conn_step, conn_lost, .c = c);
  c->starting = 0;
  if (thread)
    *thread = p;
  else if (!c->ended)
    lwt_async(c->thread = lwt_ref(p));
  else
    error = lwt_error(p).code, lwt_drop(p);
  if (c->ended)
    lwt__free(c);
  return error;
}

/* A connection's end may end others: the cursor then moves on. */
static void end_some(struct net_http_server *server, int idle_only)
{
  struct net_http_conn *c;

  for (c = server->conns; c; c = server->cursor) {
    server->cursor = c->next;
    if (c->thread && (!idle_only || c->phase == NET_HTTP_IDLE))
      lwt_cancel(c->thread);
  }
}

void net_http_conn_stop_idle(struct net_http_server *server)
{
  end_some(server, 1);
}

void net_http_conn_abort_all(struct net_http_server *server)
{
  end_some(server, 0);
}
