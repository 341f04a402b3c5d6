/* http_server.c - the HTTP server: accepts connections and stops them.
 * SPDX-License-Identifier: ISC
 *
 * serve_step() is the life of a server: accept until asked to stop, let the
 * running requests end, abort the rest.  The connections' threads run by
 * themselves; the server only counts them, and waits for the last.
 */
#include "http.h"

#include <string.h>

#define OR(value, otherwise) ((value) ? (value) : (otherwise))
/* Pause after an accept failed for want of descriptors or memory. */
#define ACCEPT_PAUSE LWT_MS(100)

static void fill_options(struct lwt_http_options *o)
{
  o->methods = OR(o->methods, LWT_HTTP_GET | LWT_HTTP_HEAD);
  o->max_connections = OR(o->max_connections, 1024);
  o->max_line = OR(o->max_line, 8192);
  o->max_head = OR(o->max_head, 16384);
  o->max_fields = OR(o->max_fields, NET_HTTP_FIELDS);
  o->max_body = OR(o->max_body, 65536);
  o->window = OR(o->window, 65536);
  o->idle_timeout = OR(o->idle_timeout, LWT_S(30));
  o->header_timeout = OR(o->header_timeout, LWT_S(10));
  o->body_timeout = OR(o->body_timeout, LWT_S(30));
  o->handler_timeout = OR(o->handler_timeout, LWT_S(60));
  o->write_timeout = OR(o->write_timeout, LWT_S(60));
  o->close_timeout = OR(o->close_timeout, LWT_S(5));
  o->stop_timeout = OR(o->stop_timeout, LWT_S(5));
}

static int options_ok(const struct lwt_http_options *o)
{
  const uint32_t most = 1u << 30;

  return o->handler && o->max_line <= most && o->max_head <= most &&
    o->max_fields <= NET_HTTP_FIELDS && o->max_body <= most &&
    o->window <= most &&
    (!o->server || (strlen(o->server) <= NET_HTTP_SERVER_BYTES &&
                    net_http_is_value(o->server, strlen(o->server))));
}

static struct net_http_server *server_new(const struct lwt_http_options *o)
{
  struct net_http_server *s = lwt__alloc(sizeof *s);
  const char *comma = "";

  if (!s)
    return NULL;
  memset(s, 0, sizeof *s);
  s->o = *o;
  fill_options(&s->o);
  if (!s->o.stats)
    s->o.stats = &s->no_stats;
  for (unsigned m = 1; m <= LWT_HTTP_OPTIONS; m <<= 1)
    if (s->o.methods & m) {
      strcat(strcat(s->allow, comma), lwt_http_method_name(m));
      comma = ", ";
    }
  return s;
}

int64_t net_http_time(const struct net_http_server *s)
{
  return s->o.wallclock ? s->o.wallclock() / 1000000000 : 0;
}

const char *net_http_date(struct net_http_server *s, int64_t time)
{
  if (time <= 0)
    return NULL;
  if (s->date_time != time)
    lwt_http_date_format(s->date, time);
  s->date_time = time;
  return s->date;
}

void net_http_conn_gone(struct net_http_server *s)
{
  if (s->single) {
    lwt__free(s);
    return;
  }
  lwt_fulfill(&s->room, NULL);
  if (s->n_conns == 0 && s->stopping)
    lwt_fulfill(&s->empty, NULL);
}

/* ---- Accepting ---------------------------------------------------------- */

struct accept {
  struct lwt_frame frame;
  struct net_http_server *server;
  struct lwt_listener *listener;
  struct lwt_flow *flow;
  struct lwt_error error;
};

/* Whether trying again later may help. */
static int passes(int code)
{
  return code == LWT_EMFILE || code == LWT_ENOMEM || code == LWT_ENOBUFS ||
    code == LWT_EAGAIN || code == LWT_ECONNRESET || code == LWT_EPERM;
}

LWT_STEP accept_step(struct lwt_frame *frame)
{
  struct accept *a = (struct accept *)frame;
  struct net_http_server *s = a->server;

  lwt_begin(a);
  for (;;) {
    while (s->n_conns >= s->o.max_connections) {
      s->o.stats->full++;
      lwt_await(a, lwt_task(&s->room));
    }
    lwt_await_error(a, &a->error, &a->flow, lwt_accept(a->listener));
    if (a->error.code == 0)
      a->error.code = net_http_conn_start(s, a->flow, NULL);
    if (a->error.code == 0)
      continue;
    if (!passes(a->error.code)) {
      if (a->error.code != LWT_ECANCELED)
        s->failed = a->error;
      lwt_throw(a, a->error.code, a->error.what);
    }
    s->o.stats->accept_errors++;
    lwt_await(a, lwt_sleep(ACCEPT_PAUSE));
  }
  lwt_end(a);
}

/* ---- Serving ------------------------------------------------------------ */

struct serve {
  struct lwt_frame frame;
  struct net_http_server *server;
  struct lwt_listener *listener;
  lwt_t *stop;
  struct lwt_error error, ignored;
};

static void server_free(struct net_http_server *s)
{
  lwt_abandon(&s->room);
  lwt_abandon(&s->empty);
  lwt_drop(s->emptied);
  lwt__free(s);
}

static void serve_lost(void *serve)
{
  struct serve *v = serve;

  lwt_drop(v->stop);
  lwt_listener_close(v->listener);
  server_free(v->server);
}

static lwt_t *accept_until_stop(struct serve *v)
{
  lwt_t *stop = v->stop;
  lwt_t *p = LWT_GO(struct accept, accept_step, .server = v->server,
                    .listener = v->listener);

  v->stop = NULL;
  return stop ? lwt_pick(LWT_PS(p, stop)) : p;
}

static lwt_t *grace(struct net_http_server *s)
{
  return lwt_with_timeout(s->o.stop_timeout, lwt_ref(s->emptied));
}

/* No await here lets the frame end early: the server is freed at the end, when
 * no connection needs it. */
LWT_STEP serve_step(struct lwt_frame *frame)
{
  struct serve *v = (struct serve *)frame;
  struct net_http_server *s = v->server;

  lwt_begin(v);
  lwt_await_error(v, &v->error, accept_until_stop(v));
  lwt_listener_close(v->listener);
  s->stopping = 1;
  net_http_conn_stop_idle(s);
  if (s->n_conns == 0)
    lwt_fulfill(&s->empty, NULL);
  if (v->error.code != LWT_ECANCELED)
    lwt_await_error(v, &v->ignored, grace(s));
  s->aborting = 1;
  net_http_conn_abort_all(s);
  lwt_await_error(v, &v->ignored, lwt_ref(s->emptied));
  if (v->error.code != LWT_ECANCELED)
    v->error = s->failed; /* however stop settled */
  server_free(s);
  if (v->error.code)
    lwt_throw(v, v->error.code, v->error.what);
  lwt_end(v);
}

lwt_t *lwt_http_serve(struct lwt_listener *listener,
                      const struct lwt_http_options *options, lwt_t *stop)
{
  struct net_http_server *s = options_ok(options) ? server_new(options) : NULL;

  if (!s)
    goto failed;
  s->emptied = lwt_wait(&s->empty);
  if (lwt_state(s->emptied) == LWT_REJECTED) {
    server_free(s);
    goto failed;
  }
  return LWT_GO_OR(struct serve, serve_step, serve_lost, .server = s,
                   .listener = listener, .stop = stop);
failed:
  lwt_drop(stop);
  lwt_listener_close(listener);
  return lwt_fail(options_ok(options) ? LWT_ENOMEM : LWT_EINVAL, "http serve");
}

lwt_t *lwt_http_serve_flow(struct lwt_flow *flow,
                           const struct lwt_http_options *options)
{
  struct net_http_server *s = options_ok(options) ? server_new(options) : NULL;
  lwt_t *thread;

  if (!s) {
    lwt_flow_abort(flow);
    return lwt_fail(options_ok(options) ? LWT_ENOMEM : LWT_EINVAL,
                    "http serve");
  }
  s->single = 1;
  if (net_http_conn_start(s, flow, &thread)) {
    lwt__free(s);
    return lwt_fail(LWT_ENOMEM, "http serve");
  }
  return thread;
}
