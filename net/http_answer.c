/* http_answer.c - the HTTP server answers one request.
 * SPDX-License-Identifier: ISC
 *
 * answer_step() gets a response, from the handler or a page that says what was
 * wrong; send_step() writes it: the head with the first window of the body,
 * then the body window by window, each with a deadline of its own.  A body is
 * never copied and never in memory beyond one window, unless it was made so.
 */
#include "http.h"

#include <string.h>

/* ---- Writing ------------------------------------------------------------ */

struct send {
  struct lwt_frame frame;
  struct net_http_conn *c;
  struct lwt_http_response *r;
  int chunked;
  struct lwt_buf *out;   /* to be written next */
  struct lwt_buf *piece; /* of the body */
  uint64_t left;         /* bytes of the body, or LWT_HTTP_UNKNOWN */
  struct lwt_error error;
  uint32_t n;
};

static void send_drop(void *send)
{
  struct send *s = send;

  lwt_buf_free(s->out);
  lwt_buf_free(s->piece);
}

static struct lwt_buf *join(struct lwt_buf *a, struct lwt_buf *b)
{
  if (!a)
    return b;
  if (b)
    lwt_buf_append(a, b);
  return a;
}

static uint32_t window(const struct send *s)
{
  uint32_t max = s->c->server->o.window;

  return s->left < max ? (uint32_t)s->left : max;
}

/* The next window of a body that is a chain. */
static int take_piece(struct send *s)
{
  struct lwt_http_response *r = s->r;
  uint32_t n = window(s);

  s->piece = NULL;
  if (!r->chain)
    return 0;
  if (r->chain->total <= n) {
    s->piece = r->chain;
    r->chain = NULL;
    return 0;
  }
  s->piece = lwt_buf_slice(r->chain, 0, n);
  if (!s->piece)
    return LWT_ENOMEM;
  r->chain = lwt_buf_pull(r->chain, n);
  return 0;
}

static lwt_buf_p *produce(struct send *s)
{
  lwt_buf_p *p = s->r->producer->next(s->r->env, window(s));

  return (lwt_buf_p *)lwt_with_timeout(
    s->c->server->o.handler_timeout, LWT_UNTYPED(p));
}

/* Put the piece behind what goes out, in the form of a chunk if need be.
 * Returns 0 or LWT_ENOMEM. */
static int add_piece(struct send *s)
{
  char text[16];
  struct lwt_buf *piece = s->piece, *before = NULL, *after = NULL;
  int n;

  s->n = 0;
  if (piece && piece->total > s->left)
    lwt_buf_trim(piece, piece->total - (uint32_t)s->left);
  if (piece) {
    s->n = piece->total;
    if (s->left != LWT_HTTP_UNKNOWN)
      s->left -= s->n;
  }
  if (s->chunked) {
    n = snprintf(text, sizeof text, "%x\r\n", (unsigned)s->n);
    before = lwt_buf_copy_in(0, text, (uint32_t)n);
    after = lwt_buf_copy_in(0, "\r\n", 2);
    if (!before || !after) {
      lwt_buf_free(before);
      lwt_buf_free(after);
      return LWT_ENOMEM;
    }
  }
  s->piece = NULL;
  s->out = join(join(join(s->out, before), piece), after);
  return 0;
}

static lwt_t *write_out(struct send *s)
{
  struct lwt_buf *out = s->out;

  s->out = NULL;
  s->c->head_sent = 1;
  net_http_stats(s->c)->bytes_out += out->total;
  return lwt_with_timeout(s->c->server->o.write_timeout,
                          lwt_flow_write_buf(s->c->flow, out));
}

/* Returns 0, LWT_EPIPE if the body is shorter than was said, or LWT_ENOMEM. */
static int add_body(struct send *s)
{
  int error = s->error.code;

  if (!error && !s->r->producer)
    error = take_piece(s);
  if (!error)
    error = add_piece(s);
  if (!error && s->n == 0 && s->left != LWT_HTTP_UNKNOWN)
    error = LWT_EPIPE;
  return error;
}

/* After the head, nothing but the end of the connection can tell the client
 * that the body is not whole. */
static int body_error(const struct send *s)
{
  return s->c->head_sent && s->error.code != LWT_ECANCELED ? LWT_EPROTO
                                                           : s->error.code;
}

LWT_STEP send_step(struct lwt_frame *frame)
{
  struct send *s = (struct send *)frame;

  lwt_begin(s);
  lwt_defer(s, send_drop, s);
  do {
    if (s->left > 0) {
      if (s->r->producer)
        lwt_await_error(s, &s->error, &s->piece, produce(s));
      s->error.code = add_body(s);
      if (s->error.code)
        lwt_throw(s, body_error(s), "http body");
    }
    if (s->out) {
      lwt_await_error(s, &s->error, write_out(s));
      if (s->error.code)
        lwt_throw(s, s->error.code, "http write");
      s->c->body_sent += s->n;
    }
  } while (s->left > 0 && s->n > 0);
  lwt_end(s);
}

/* Write response, which is borrowed, and is spent after. */
static lwt_t *send_response(struct net_http_conn *c, struct lwt_http_response *r)
{
  struct net_http_framing f = { .keep_alive = c->keep_alive &&
                                  !c->server->stopping,
                                .minor = c->head.minor };
  struct lwt_buf *head = r->head;
  int64_t time = c->waited || c->head.status ? 0 : c->request.time;

  net_http_frame_response(r, &f, c->head.method == LWT_HTTP_HEAD,
                          c->server->o.server,
                          net_http_date(c->server,
                                        time ? time : net_http_time(c->server)));
  c->keep_alive = f.keep_alive;
  r->head = NULL;
  return LWT_GO_OR(struct send, send_step, send_drop, .c = c, .r = r,
                   .chunked = f.chunked, .out = head,
                   .left = f.body ? r->length : 0);
}

/* When there is no memory to say more. */
static lwt_t *send_no_memory(struct net_http_conn *c)
{
  static const char text[] = "HTTP/1.1 503 Service Unavailable\r\n"
                             "Content-Length: 0\r\nConnection: close\r\n\r\n";

  c->keep_alive = 0;
  c->head_sent = 1;
  return lwt_with_timeout(c->server->o.write_timeout,
                          lwt_flow_write(c->flow, text, sizeof text - 1));
}

/* ---- Answering ---------------------------------------------------------- */

struct answer {
  struct lwt_frame frame;
  struct net_http_conn *c;
  struct lwt_http_response *r;
  struct lwt_error error;
  int status;
};

static void answer_end(void *answer)
{
  struct answer *a = answer;
  struct net_http_conn *c = a->c;
  const struct lwt_http_options *o = &c->server->o;
  struct lwt_http_log line = { &c->request, a->status, c->body_sent, 0,
                               a->error.code };

  if (a->status && a->error.code == 0)
    o->stats->responses[a->status / 100]++;
  if (o->log) {
    line.duration = lwt_now() - c->since;
    o->log(o->log_env, &line);
  }
  lwt_http_response_free(a->r);
}

/* A page for a status, in place of the response that there was. */
static void set_page(struct answer *a, int status, const char *why)
{
  lwt_http_response_free(a->r);
  a->r = net_http_page(status, why);
}

static void set_refusal(struct answer *a)
{
  struct net_http_conn *c = a->c;

  if (c->head.status) {
    set_page(a, c->head.status, c->head.why);
  } else {
    set_page(a, 405, NULL);
    if (a->r && lwt_http_add(a->r, "Allow", c->server->allow)) {
      lwt_http_response_free(a->r);
      a->r = NULL;
    }
  }
}

/* The handler or its body failed, before anything was sent. */
static void set_failure(struct answer *a)
{
  struct lwt_http_stats *stats = net_http_stats(a->c);

  a->c->waited = 1;
  stats->handler_errors++;
  switch (a->error.code) {
  case LWT_ETIMEDOUT:
    stats->handler_timeout++;
    /* fall through */
  case LWT_ENOMEM:
  case LWT_ENOBUFS:
  case LWT_EMFILE:
    set_page(a, 503, NULL);
    break;
  default:
    set_page(a, 500, NULL);
  }
}

static lwt_http_response_p *ask(struct net_http_conn *c)
{
  const struct lwt_http_options *o = &c->server->o;
  lwt_http_response_p *p = o->handler(o->env, &c->request);

  c->waited |= lwt_state(LWT_UNTYPED(p)) == LWT_PENDING;
  return (lwt_http_response_p *)lwt_with_timeout(o->handler_timeout,
                                                 LWT_UNTYPED(p));
}

static lwt_t *reply(struct answer *a)
{
  a->status = a->r ? a->r->status : 503;
  return a->r ? send_response(a->c, a->r) : send_no_memory(a->c);
}

LWT_STEP answer_step(struct lwt_frame *frame)
{
  struct answer *a = (struct answer *)frame;
  struct net_http_conn *c = a->c;

  lwt_begin(a);
  lwt_defer(a, answer_end, a);
  if (c->head.status || !(c->request.method & c->server->o.methods)) {
    set_refusal(a);
  } else {
    lwt_await_error(a, &a->error, &a->r, ask(c));
    if (a->error.code == LWT_ECANCELED)
      goto failed;
    if (!a->r)
      set_failure(a);
  }
  lwt_await_error(a, &a->error, reply(a));
  if (a->error.code && a->error.code != LWT_ECANCELED && !c->head_sent) {
    set_failure(a);
    lwt_await_error(a, &a->error, reply(a));
  }
failed:
  if (a->error.code)
    lwt_throw(a, a->error.code, a->error.what);
  lwt_end(a);
}

lwt_t *net_http_answer(struct net_http_conn *c)
{
  c->waited = c->request.body_len > 0;
  c->head_sent = 0;
  c->body_sent = 0;
  return LWT_GO(struct answer, answer_step, .c = c);
}
