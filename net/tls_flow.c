/* tls_flow.c - a TLS connection as a flow over a flow.
 * SPDX-License-Identifier: ISC
 *
 * BearSSL's engine is between two threads: one puts records that come from the
 * flow below into it, one writes the records that it has made.  pump() moves what
 * can be moved between the engine and the program's read and write, and wakes the
 * thread that has something to do.  It runs held, so that nobody's callback finds
 * the connection at work.
 *
 *   handshake -> open -> shut (we have said the end) -> ended
 *
 * The structure goes when the program and both threads are through with it.
 */
#include "tls.h"

#include <lwt/timeout.h>
#include <string.h>

enum { READ_MAX = 32768, HANDSHAKE_TIMEOUT_S = 30 };

struct tls {
  struct lwt_flow flow; /* first */
  struct lwt_flow *below;
  struct tls_engine engine;
  unsigned refs;  /* the program's, and one of each thread */
  uint8_t open;   /* the handshake is through */
  uint8_t shut;   /* the program writes no more */
  uint8_t ended;  /* nothing is read or written any more; error says why */
  uint8_t silent; /* the sender is through */
  struct lwt_error error; /* code 0: the end that the peer has announced */
  struct lwt_error deaf;  /* code: nothing can be written to the peer */
  struct lwt_timer patience; /* of the handshake */
  struct lwt_resolver opening, closing;
  /* what the threads wait for */
  struct lwt_resolver room, work;
  struct lwt_buf *got; /* received, and not yet in the engine */
  /* the program's read */
  struct lwt_resolver reader;
  uint8_t *into; /* NULL: read_buf */
  size_t want;
  /* the program's write: bytes or a chain */
  struct lwt_resolver writer;
  const uint8_t *bytes;
  size_t left;
  struct lwt_buf *chain;
};

static const struct lwt_flow_ops tls_ops;

static struct tls *tls_of(void *flow)
{
  return flow;
}

static void unref(void *tls)
{
  struct tls *t = tls;

  if (--t->refs)
    return;
  lwt_buf_free(t->got);
  lwt_buf_free(t->chain);
  memset(&t->engine, 0, offsetof(struct tls_engine, in));
  __asm__ volatile("" : : "r"(&t->engine) : "memory");
  lwt__free(t);
}

static void drop_chain(void *chain)
{
  lwt_buf_free(chain);
}

/* ---- The program's read and write ------------------------------------------ */

static void writer_done(struct tls *t, int code, const char *what)
{
  lwt_buf_free(t->chain);
  t->chain = NULL;
  t->bytes = NULL;
  t->left = 0;
  if (code)
    lwt_reject(&t->writer, code, what);
  else
    lwt_fulfill(&t->writer, NULL);
}

/* From the write into the engine.  Returns whether anything happened. */
static int pump_writer(struct tls *t)
{
  br_ssl_engine_context *ssl = t->engine.ssl;
  uint8_t *to;
  size_t room, n;

  if (!t->writer.lwt_private)
    return 0;
  if (lwt_unwanted(&t->writer)) {
    writer_done(t, 0, NULL);
    return 1;
  }
  to = br_ssl_engine_sendapp_buf(ssl, &room);
  if (!to)
    return 0;
  n = t->chain ? t->chain->len : t->left;
  if (n > room)
    n = room;
  memcpy(to, t->chain ? t->chain->data : t->bytes, n);
  br_ssl_engine_sendapp_ack(ssl, n);
  if (t->chain) {
    t->chain = lwt_buf_pull(t->chain, (uint32_t)n);
    if (t->chain && t->chain->total)
      return 1;
  } else {
    t->bytes += n;
    t->left -= n;
    if (t->left)
      return 1;
  }
  br_ssl_engine_flush(ssl, 0);
  writer_done(t, 0, NULL);
  return 1;
}

/* From the engine to the read; without one that is wanted, the bytes stay. */
static int pump_reader(struct tls *t)
{
  br_ssl_engine_context *ssl = t->engine.ssl;
  struct lwt_buf *chain;
  uint8_t *from;
  size_t n;

  if (!t->reader.lwt_private)
    return 0;
  if (lwt_unwanted(&t->reader)) {
    lwt_abandon(&t->reader);
    return 0;
  }
  from = br_ssl_engine_recvapp_buf(ssl, &n);
  if (!from)
    return 0;
  if (n > t->want)
    n = t->want;
  if (t->into) {
    memcpy(t->into, from, n);
    lwt_fulfill(&t->reader, (void *)n);
  } else {
    chain = lwt_buf_copy_in(0, from, (uint32_t)n);
    if (!chain) {
      lwt_reject(&t->reader, LWT_ENOMEM, "tls_read");
      return 0;
    }
    lwt_fulfill_owned(&t->reader, chain, drop_chain);
  }
  br_ssl_engine_recvapp_ack(ssl, n);
  return 1;
}

/* ---- The ends -------------------------------------------------------------- */

static void settle_all(struct tls *t)
{
  struct lwt_error e = t->error;

  lwt_timer_stop(&t->patience);
  lwt_reject(&t->opening, e.code ? e.code : LWT_ENODATA,
             e.code ? e.what : "tls: the peer ended the handshake");
  if (e.code)
    lwt_reject(&t->reader, e.code, e.what);
  else
    lwt_fulfill(&t->reader, NULL);
  if (t->writer.lwt_private)
    writer_done(t, e.code ? e.code : LWT_EPIPE, e.code ? e.what : "tls_write");
  lwt_fulfill(&t->room, NULL);
  lwt_fulfill(&t->work, NULL);
}

/* A program whose handshake has failed has no flow: t may be gone afterwards, if
 * the caller has no reference. */
static void end(struct tls *t, int code, const char *what)
{
  int held;

  if (t->ended)
    return;
  held = lwt__hold();
  t->ended = 1;
  t->error = (struct lwt_error){ .code = code, .what = what };
  settle_all(t);
  if (!t->open)
    unref(t);
  lwt__release(held);
}

/* The flow below goes, in peace unless it must not. */
static void leave(struct tls *t, int at_once)
{
  struct lwt_flow *below = t->below;
  lwt_t *p;

  t->below = NULL;
  if (!below)
    return;
  if (at_once) {
    lwt_flow_abort(below);
  } else {
    p = lwt_flow_close(below);
    lwt_error(p);
    lwt_drop(p);
  }
}

/* ---- Moving ---------------------------------------------------------------- */

/* Records from below into the engine. */
static int feed(struct tls *t)
{
  br_ssl_engine_context *ssl = t->engine.ssl;
  uint8_t *to;
  size_t room, n;

  if (!t->got)
    return 0;
  to = br_ssl_engine_recvrec_buf(ssl, &room);
  if (!to)
    return 0;
  n = t->got->len < room ? t->got->len : room;
  memcpy(to, t->got->data, n);
  br_ssl_engine_recvrec_ack(ssl, n);
  t->got = lwt_buf_pull(t->got, (uint32_t)n);
  if (t->got && !t->got->total) {
    lwt_buf_free(t->got);
    t->got = NULL;
  }
  return 1;
}

static int opened(struct tls *t)
{
  if (t->open || !(br_ssl_engine_current_state(t->engine.ssl) & BR_SSL_SENDAPP))
    return 0;
  t->open = 1;
  lwt_timer_stop(&t->patience);
  net_tls_engine_done(&t->engine);
  lwt_fulfill_owned(&t->opening, &t->flow, lwt_flow_abort);
  return 1;
}

/* While more can be done; the state says what the threads can do. */
static void pump(struct tls *t)
{
  int held = lwt__hold();
  struct lwt_error e;
  unsigned state;

  while (!t->ended && (feed(t) || opened(t) ||
                       (t->open && (pump_reader(t) || pump_writer(t)))))
    ;
  state = br_ssl_engine_current_state(t->engine.ssl);
  if (state & BR_SSL_CLOSED) {
    e = net_tls_engine_error(&t->engine);
    end(t, e.code, e.what);
  }
  if (state & BR_SSL_SENDREC)
    lwt_fulfill(&t->work, NULL);
  if ((state & BR_SSL_RECVREC) && !t->got)
    lwt_fulfill(&t->room, NULL);
  lwt__release(held);
}

struct thread {
  struct lwt_frame frame;
  struct tls *t;
  struct lwt_buf *chain;
  struct lwt_error error;
  size_t len;
};

static void thread_lost(void *thread)
{
  struct tls *t = ((struct thread *)thread)->t;

  leave(t, 1);
  end(t, LWT_ENOMEM, "tls");
  unref(t);
}

static int can_receive(const struct tls *t)
{
  return !t->got && (br_ssl_engine_current_state(t->engine.ssl) & BR_SSL_RECVREC);
}

/* Both threads: they end with the connection, or because memory is out. */
static void receiver_gone(void *tls)
{
  end(tls, LWT_ENOMEM, "tls");
  unref(tls);
}

LWT_STEP receive_step(struct lwt_frame *frame)
{
  struct thread *r = (struct thread *)frame;
  struct tls *t = r->t;

  lwt_begin(r);
  lwt_defer(r, receiver_gone, t);
  while (!t->ended) {
    if (!can_receive(t)) {
      lwt_await_error(r, &r->error, lwt_task(&t->room));
    } else {
      lwt_await_error(r, &r->error, &r->chain, lwt_flow_read_buf(t->below, READ_MAX));
      if (!r->error.code && !r->chain && !t->ended) {
        end(t, t->shut ? 0 : LWT_ENODATA, "tls: an end without close_notify");
      } else if (!r->error.code && r->chain) {
        t->got = r->chain;
        pump(t);
      }
    }
    if (r->error.code)
      end(t, r->error.code, r->error.what);
  }
  lwt_end(r);
}

/* The sender has nothing more to send, ever. */
static void fall_silent(void *tls)
{
  struct tls *t = tls;

  if (!t->shut)
    end(t, LWT_ENOMEM, "tls");
  t->silent = 1;
  lwt_fulfill(&t->closing, NULL);
  if (t->ended && !t->open)
    leave(t, 0);
  unref(t);
}

/* What the peer does not take is thrown away and the connection goes on: it may have
 * gone after saying all that it had to say, and that is to be read. */
LWT_STEP send_step(struct lwt_frame *frame)
{
  struct thread *s = (struct thread *)frame;
  struct tls *t = s->t;
  uint8_t *record;

  lwt_begin(s);
  lwt_defer(s, fall_silent, t);
  while (!t->ended) {
    record = br_ssl_engine_sendrec_buf(t->engine.ssl, &s->len);
    if (record) {
      if (!t->deaf.code)
        lwt_await_error(s, &t->deaf, lwt_flow_write(t->below, record, s->len));
      if (t->ended)
        break;
      if (t->deaf.code && t->writer.lwt_private)
        writer_done(t, t->deaf.code, t->deaf.what);
      br_ssl_engine_sendrec_ack(t->engine.ssl, s->len);
      pump(t);
    } else if (t->shut) {
      if (!t->deaf.code)
        lwt_await_error(s, &t->deaf, lwt_flow_shutdown(t->below));
      break;
    } else {
      lwt_await_error(s, &s->error, lwt_task(&t->work));
      if (s->error.code)
        end(t, s->error.code, s->error.what);
    }
  }
  lwt_end(s);
}

/* ---- As a flow ------------------------------------------------------------- */

/* The promise of a read or write, which is under way, or has failed for want of
 * memory. */
static lwt_t *start_read(struct tls *t, void *into, size_t want)
{
  int held;
  lwt_t *p;

  if (!want)
    return lwt_fail(LWT_EINVAL, "tls_read");
  if (!lwt_unwanted(&t->reader))
    return lwt_fail(LWT_EBUSY, "tls_read");
  lwt_abandon(&t->reader);
  if (t->ended)
    return t->error.code ? lwt_fail(t->error.code, t->error.what) : lwt_return(NULL);
  held = lwt__hold();
  p = lwt_task(&t->reader);
  t->into = into;
  t->want = want < UINT32_MAX ? want : UINT32_MAX;
  pump(t);
  lwt__release(held);
  return p;
}

static lwt_size_p *tls_read(struct lwt_flow *flow, void *bytes, size_t len)
{
  return (lwt_size_p *)start_read(tls_of(flow), bytes, len);
}

static lwt_buf_p *tls_read_buf(struct lwt_flow *flow, size_t max)
{
  return (lwt_buf_p *)start_read(tls_of(flow), NULL, max);
}

static int writing(const struct tls *t)
{
  return t->writer.lwt_private && !lwt_unwanted(&t->writer);
}

/* Takes chain. */
static lwt_t *start_write(struct tls *t, const void *bytes, size_t len,
                          struct lwt_buf *chain)
{
  const char *what = t->ended && t->error.code ? t->error.what : "tls_write";
  int held, error = 0;
  lwt_t *p;

  if (t->ended)
    error = t->error.code ? t->error.code : LWT_EPIPE;
  else if (t->deaf.code)
    error = t->deaf.code;
  else if (t->shut)
    error = LWT_EPIPE;
  else if (writing(t))
    error = LWT_EBUSY;
  if (error || !(chain ? chain->total : len)) {
    lwt_buf_free(chain);
    return error ? lwt_fail(error, what) : lwt_return(NULL);
  }
  held = lwt__hold();
  if (t->writer.lwt_private)
    writer_done(t, 0, NULL); /* one that was cancelled */
  p = lwt_task(&t->writer);
  if (t->writer.lwt_private) {
    t->bytes = bytes;
    t->left = len;
    t->chain = chain;
    pump(t);
  } else {
    lwt_buf_free(chain);
  }
  lwt__release(held);
  return p;
}

static lwt_t *tls_write(struct lwt_flow *flow, const void *bytes, size_t len)
{
  return start_write(tls_of(flow), bytes, len, NULL);
}

static lwt_t *tls_write_buf(struct lwt_flow *flow, struct lwt_buf *chain)
{
  return chain ? start_write(tls_of(flow), NULL, 0, chain) : lwt_return(NULL);
}

/* Say the end, after what was written. */
static void say_end(struct tls *t)
{
  if (t->shut || t->ended)
    return;
  t->shut = 1;
  br_ssl_engine_close(t->engine.ssl);
  pump(t);
  lwt_fulfill(&t->work, NULL);
}

static lwt_t *tls_shutdown(struct lwt_flow *flow)
{
  struct tls *t = tls_of(flow);

  if (writing(t))
    return lwt_fail(LWT_EBUSY, "tls_shutdown");
  if (t->ended && t->error.code)
    return lwt_fail(t->error.code, t->error.what);
  say_end(t);
  return lwt_return(NULL);
}

struct closing {
  struct lwt_frame frame;
  struct tls *t;
  struct lwt_error error;
};

static void close_lost(void *closing)
{
  lwt_flow_abort(&((struct closing *)closing)->t->flow);
}

static void closed(void *tls)
{
  struct tls *t = tls;

  leave(t, 1);
  end(t, LWT_ECONNABORTED, "tls_close");
  unref(t);
}

LWT_STEP close_step(struct lwt_frame *frame)
{
  struct closing *c = (struct closing *)frame;
  struct tls *t = c->t;
  struct lwt_flow *below;

  lwt_begin(c);
  lwt_defer(c, closed, t);
  if (!t->silent)
    lwt_await(c, lwt_wait(&t->closing));
  c->error = t->ended ? t->error : t->deaf;
  end(t, LWT_ECONNABORTED, "tls_close");
  below = t->below;
  t->below = NULL;
  lwt_await(c, lwt_flow_close(below));
  if (c->error.code)
    lwt_throw(c, c->error.code, c->error.what);
  lwt_end(c);
}

static lwt_t *tls_close(struct lwt_flow *flow)
{
  struct tls *t = tls_of(flow);
  int held = lwt__hold();
  lwt_t *p;

  lwt_reject(&t->reader, LWT_ECONNABORTED, "tls_read");
  if (t->writer.lwt_private)
    writer_done(t, LWT_ECONNABORTED, "tls_write");
  say_end(t);
  p = LWT_GO_OR(struct closing, close_step, close_lost, .t = t);
  lwt__release(held);
  return p;
}

static void tls_abort(struct lwt_flow *flow)
{
  struct tls *t = tls_of(flow);
  int held = lwt__hold(), open = t->open;

  leave(t, 1);
  end(t, LWT_ECONNABORTED, "tls");
  if (open)
    unref(t);
  lwt__release(held);
}

static struct lwt_addr tls_peer(struct lwt_flow *flow)
{
  return lwt_flow_peer(tls_of(flow)->below);
}

static struct lwt_addr tls_local(struct lwt_flow *flow)
{
  return lwt_flow_local(tls_of(flow)->below);
}

static const struct lwt_flow_ops tls_ops = {
  .read = tls_read,
  .read_buf = tls_read_buf,
  .write = tls_write,
  .write_buf = tls_write_buf,
  .shutdown = tls_shutdown,
  .close = tls_close,
  .abort = tls_abort,
  .peer = tls_peer,
  .local = tls_local,
};

int lwt_tls_info(struct lwt_flow *flow, struct lwt_tls_info *info)
{
  br_ssl_session_parameters session;
  br_ssl_engine_context *ssl;

  if (flow->ops != &tls_ops)
    return LWT_ENOTSUP;
  ssl = tls_of(flow)->engine.ssl;
  br_ssl_engine_get_session_parameters(ssl, &session);
  info->version = "TLSv1.2";
  info->suite = session.cipher_suite;
  info->protocol = br_ssl_engine_get_selected_protocol(ssl);
  info->name = br_ssl_engine_get_server_name(ssl);
  return 0;
}

/* ---- The handshake --------------------------------------------------------- */

/* The program does not wait for it any more. */
static void give_up(void *tls)
{
  struct tls *t = tls;

  lwt_abandon(&t->opening);
  tls_abort(&t->flow);
}

static void too_slow(void *tls)
{
  struct tls *t = tls;

  leave(t, 1);
  end(t, LWT_ETIMEDOUT, "tls: handshake");
}

/* If memory is out thread_lost() was called: nobody needs to hear of it. */
static void let_run(lwt_t *p)
{
  if (lwt_state(p) == LWT_REJECTED) {
    lwt_error(p);
    lwt_drop(p);
  } else {
    lwt_async(p);
  }
}

static lwt_flow_p *handshake(struct lwt_flow *flow, const char *name, int server,
                             const struct lwt_tls_config *config)
{
  uint64_t timeout = config->handshake_timeout;
  struct tls *t = lwt__alloc(sizeof *t);
  int error = LWT_ENOMEM, held;
  lwt_t *p;

  if (t) {
    memset(t, 0, offsetof(struct tls, engine));
    memset(&t->engine, 0, offsetof(struct tls_engine, in));
    memset(&t->refs, 0, sizeof *t - offsetof(struct tls, refs));
    t->flow.ops = &tls_ops;
    error = server ? net_tls_engine_server(&t->engine, config)
                   : net_tls_engine_client(&t->engine, name, config);
    if (!error)
      error = lwt_timer_init(&t->patience,
                             timeout ? timeout : LWT_S(HANDSHAKE_TIMEOUT_S), too_slow, t);
  }
  if (error) {
    lwt__free(t);
    lwt_flow_abort(flow);
    return lwt_flow_p_fail(error, "tls");
  }
  t->below = flow;
  t->refs = 1;
  held = lwt__hold();
  p = lwt_task_op(&t->opening, give_up, t);
  if (!t->opening.lwt_private) {
    tls_abort(&t->flow);
    lwt__release(held);
    return (lwt_flow_p *)p;
  }
  lwt_timer_start(&t->patience);
  t->refs += 2;
  let_run(LWT_GO_OR(struct thread, receive_step, thread_lost, .t = t));
  let_run(LWT_GO_OR(struct thread, send_step, thread_lost, .t = t));
  lwt__release(held);
  return (lwt_flow_p *)p;
}

lwt_flow_p *lwt_tls_connect(struct lwt_flow *flow, const char *name,
                            const struct lwt_tls_config *config)
{
  return handshake(flow, name, 0, config);
}

lwt_flow_p *lwt_tls_accept(struct lwt_flow *flow, const struct lwt_tls_config *config)
{
  return handshake(flow, NULL, 1, config);
}
