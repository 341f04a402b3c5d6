/* tcp.c - a connection of the kernel's, or a pipe, as a struct lwt_flow: its life.
 * SPDX-License-Identifier: ISC
 *
 * connecting -> open -> (released and closing) -> ended -> closed:
 *
 *   closing   the program has called close(): what is being written goes out,
 *             then FIN, then the peer's bytes are discarded until its FIN, for
 *             LINGER at most.  (To close a socket with unread bytes in it sends
 *             RST, which may destroy what the peer has not read yet.)
 *   ended     uv_close() was called.  A program that has not released the flow
 *             gets `error` from whatever it calls.
 *   closed    libuv is through: freed, if released.
 *
 * A pipe or terminal is not shut down and not read to its end: it ends when all is
 * written, the writing end of a pipe already by shutdown().
 *
 * lwt__tcp_end() is the only way to `ended`, on_closed() to `closed`.
 */
#include "tcp.h"

#include <string.h>
#include <sys/uio.h>

#define LINGER_MS 2000 /* for the peer's FIN after ours */
#define STALL_MS 30000 /* for a closing flow to get rid of a byte */

/* ---- The end ----------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
  struct tcp *t = handle->data;
  struct lwt_resolver closer;
  struct sockets *s;
  int code;

  if (--t->handles)
    return;
  t->closed = 1;
  lwt_buf_free(t->chain);
  t->chain = NULL;
  s = lwt__unix_remove(&t->object);
  if (t->released) {
    closer = take(&t->closer);
    code = t->error;
    lwt__free(t);
    if (code)
      lwt_reject(&closer, code, "flow_close");
    else
      lwt_fulfill(&closer, NULL);
    lwt__unix_kick();
  }
  lwt__sockets_left(s);
}

void lwt__tcp_end(struct tcp *t, int code, int reset)
{
  struct linger none = { 1, 0 };
  struct lwt_resolver connecter = { NULL }, reader, writer, shutter;

  if (t->ended)
    return;
  t->ended = 1;
  t->error = code;
  t->reading = NONE;
  reader = take(&t->reader);
  writer = take(&t->writer);
  shutter = take(&t->shutter);
  if (t->connecting) {
    t->released = 1;
    connecter = take(&t->closer);
  }
  if (reset && t->fd >= 0 && t->kind == TCP)
    setsockopt(t->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  uv_close(&t->handle.any, on_closed);
  if (t->handles > 1)
    uv_close((uv_handle_t *)&t->timer, on_closed);
  lwt_reject(&connecter, code, "tcp_connect");
  lwt_reject(&reader, code, "flow_read");
  lwt_reject(&writer, code, "flow_write");
  lwt_reject(&shutter, code, "flow_shutdown");
}

static void tcp_cut(struct object *object, int now)
{
  struct tcp *t = CONTAINER(object, struct tcp, object);

  if (now || !t->released)
    lwt__tcp_end(t, LWT_ECONNABORTED, 1);
}

/* ---- Shutdown and close ------------------------------------------------ */

static void on_tick(uv_timer_t *timer);

/* FIN is out: read to the peer's. */
static void linger(struct tcp *t)
{
  if (t->eof) {
    lwt__tcp_end(t, 0, 0);
    return;
  }
  uv_timer_start(&t->timer, on_tick, LINGER_MS, 0);
  uv_ref(&t->handle.any);
  if (lwt__tcp_watch(t))
    lwt__tcp_end(t, 0, 0);
}

void lwt__tcp_discard(struct tcp *t)
{
  char bytes[16384];
  struct iovec iov = { bytes, sizeof bytes };
  ssize_t got;
  int i;

  for (i = 0; i < QUICK; i++) {
    got = lwt__tcp_receive(t, &iov, 1);
    if (got == LWT_EAGAIN)
      return;
    if (got > 0)
      continue;
    t->eof = 1;
    if (got < 0)
      lwt__tcp_end(t, (int)got, 0);
    else if (t->shut == SHUT)
      lwt__tcp_end(t, 0, 0);
    else
      lwt__tcp_unwatch(t);
    return;
  }
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
  struct tcp *t = req->handle->data;
  struct lwt_resolver shutter;

  if (t->ended)
    return;
  shutter = take(&t->shutter);
  t->shut = SHUT;
  if (status < 0)
    t->error = lwt__unix_error(status);
  if (t->released && status < 0)
    lwt__tcp_end(t, t->error, 0);
  else if (t->released)
    linger(t);
  if (status < 0)
    lwt_reject(&shutter, lwt__unix_error(status), "flow_shutdown");
  else
    lwt_fulfill(&shutter, NULL);
}

/* A pipe: closing its writing end is all that there is. */
static void shut_pipe(struct tcp *t)
{
  struct lwt_resolver shutter = take(&t->shutter);

  t->shut = SHUT;
  t->eof = t->eof || t->no_read;
  if (t->released || t->no_read)
    lwt__tcp_end(t, 0, 0);
  lwt_fulfill(&shutter, NULL);
}

/* Nothing is being written. */
void lwt__tcp_begin_shutdown(struct tcp *t)
{
  struct lwt_resolver shutter;
  int error;

  if (t->kind == PIPE) {
    shut_pipe(t);
    return;
  }
  error = uv_shutdown(&t->req.shutdown, &t->handle.stream, on_shutdown);
  if (!error)
    return;
  t->shut = SHUT;
  t->error = error = lwt__unix_error(error);
  shutter = take(&t->shutter);
  if (t->released)
    lwt__tcp_end(t, error, 0);
  lwt_reject(&shutter, error, "flow_shutdown");
}

static lwt_t *tcp_shutdown(struct lwt_flow *flow)
{
  struct tcp *t = tcp_of(flow);
  lwt_t *p;

  if (t->error)
    return lwt_fail(t->error, "flow_shutdown");
  if (t->shut == SHUT)
    return lwt_return(NULL);
  if (t->shut == SHUTTING)
    return lwt_fail(LWT_EBUSY, "flow_shutdown");
  p = lwt_task(&t->shutter);
  if (!t->shutter.lwt_private)
    return p;
  t->shut = SHUTTING;
  if (!t->writing)
    lwt__tcp_begin_shutdown(t);
  return p;
}

/* Does the close get on? */
static void on_tick(uv_timer_t *timer)
{
  struct tcp *t = timer->data;
  uint64_t left;

  if (t->shut == SHUT) {
    lwt__tcp_end(t, 0, 0);
    return;
  }
  left = uv_stream_get_write_queue_size(&t->handle.stream) + t->out_len +
         (t->chain ? t->chain->total : 0);
  if (left == t->left)
    lwt__tcp_end(t, LWT_ETIMEDOUT, 1);
  t->left = left;
}

static void begin_close(struct tcp *t)
{
  if (t->kind == PIPE && !t->writing) {
    lwt__tcp_end(t, 0, 0);
    return;
  }
  uv_timer_init(t->handle.any.loop, &t->timer);
  t->timer.data = t;
  t->handles++;
  uv_timer_start(&t->timer, on_tick, STALL_MS, STALL_MS);
  /* The peer may be unable to read before we have read. */
  if (!t->eof && t->kind != PIPE)
    lwt__tcp_watch(t);
  if (t->shut == SHUT) {
    linger(t);
  } else if (t->shut == OPEN) {
    t->shut = SHUTTING;
    if (!t->writing)
      lwt__tcp_begin_shutdown(t);
  }
}

static lwt_t *tcp_close(struct lwt_flow *flow)
{
  struct tcp *t = tcp_of(flow);
  struct lwt_resolver reader = take(&t->reader), closer;
  lwt_t *p = lwt_wait(&t->closer);

  t->released = 1;
  t->reading = NONE;
  if (t->closed) {
    closer = take(&t->closer);
    if (t->error)
      lwt_reject(&closer, t->error, "flow_close");
    else
      lwt_fulfill(&closer, NULL);
    lwt__free(t);
    return p;
  }
  if (t->error && !t->ended)
    lwt__tcp_end(t, t->error, 0);
  else if (!t->ended)
    begin_close(t);
  lwt_reject(&reader, LWT_ECONNABORTED, "flow_read");
  return p;
}

static void tcp_abort(struct lwt_flow *flow)
{
  struct tcp *t = tcp_of(flow);

  t->released = 1;
  if (t->closed)
    lwt__free(t);
  else
    lwt__tcp_end(t, LWT_ECONNABORTED, 1);
}

/* ---- Names ------------------------------------------------------------- */

static struct lwt_addr name_of(struct lwt_flow *flow,
                               int (*get)(const uv_tcp_t *, struct sockaddr *, int *))
{
  struct tcp *t = tcp_of(flow);
  struct sockaddr_storage name;
  int len = sizeof name;

  if (t->ended || t->kind != TCP ||
      get(&t->handle.tcp, (struct sockaddr *)&name, &len))
    name.ss_family = AF_UNSPEC;
  return lwt__unix_addr((struct sockaddr *)&name);
}

static struct lwt_addr tcp_peer(struct lwt_flow *flow)
{
  return name_of(flow, uv_tcp_getpeername);
}

static struct lwt_addr tcp_local(struct lwt_flow *flow)
{
  return name_of(flow, uv_tcp_getsockname);
}

/* ---- Beginning --------------------------------------------------------- */

static const struct lwt_flow_ops tcp_ops = {
  .read = lwt__tcp_read,
  .read_buf = lwt__tcp_read_buf,
  .write = lwt__tcp_write,
  .write_buf = lwt__tcp_write_buf,
  .shutdown = tcp_shutdown,
  .close = tcp_close,
  .abort = tcp_abort,
  .peer = tcp_peer,
  .local = tcp_local,
};

struct tcp *lwt__tcp_new(struct sockets *s, uv_loop_t *loop, enum stream kind)
{
  struct tcp *t = lwt__alloc(sizeof *t);

  if (!t)
    return NULL;
  memset(t, 0, sizeof *t);
  t->flow.ops = &tcp_ops;
  t->fd = -1;
  t->pages = 1;
  t->kind = (uint8_t)kind;
  if (kind == TCP)
    uv_tcp_init(loop, &t->handle.tcp);
  else
    uv_pipe_init(loop, &t->handle.pipe, 0);
  t->handle.any.data = t;
  t->handles = 1;
  lwt__unix_add(&t->object, s, tcp_cut);
  return t;
}

void lwt__tcp_opened(struct tcp *t)
{
  t->connecting = 0;
  uv_fileno(&t->handle.any, &t->fd);
  if (t->kind == TCP)
    uv_tcp_nodelay(&t->handle.tcp, 1);
  uv_unref(&t->handle.any);
}

struct lwt_flow *lwt__tcp_accept(struct sockets *s, uv_stream_t *listener)
{
  struct tcp *t = lwt__tcp_new(s, listener->loop, listener->type == UV_TCP ? TCP : LOCAL);

  if (!t)
    return NULL;
  uv_accept(listener, &t->handle.stream);
  lwt__tcp_opened(t);
  return &t->flow;
}

void lwt__tcp_on_connect(uv_connect_t *req, int status)
{
  struct tcp *t = req->handle->data;
  struct lwt_resolver connecter;

  if (t->ended)
    return;
  if (status < 0) {
    lwt__tcp_end(t, lwt__unix_error(status), 0);
    return;
  }
  connecter = take(&t->closer);
  lwt__tcp_opened(t);
  lwt_fulfill_owned(&connecter, &t->flow, lwt_flow_abort);
}

static void connect_stop(void *env)
{
  struct tcp *t = env;

  lwt_abandon(&t->closer);
  lwt__tcp_end(t, LWT_ECANCELED, 1);
}

struct tcp *lwt__tcp_connecting(struct sockets *s, enum stream kind, lwt_t **p)
{
  struct lwt_unix *u = lwt__unix_here();
  struct tcp *t = u ? lwt__tcp_new(s, u->loop, kind) : NULL;

  if (!t) {
    *p = lwt_fail(LWT_ENOMEM, "connect");
    return NULL;
  }
  t->connecting = 1;
  *p = lwt_task_op(&t->closer, connect_stop, t);
  if (t->closer.lwt_private)
    return t;
  lwt__tcp_end(t, LWT_ENOMEM, 0);
  return NULL;
}

lwt_flow_p *lwt__tcp_connect(struct lwt_stack *stack, const struct lwt_addr *to)
{
  struct sockaddr_storage sa;
  struct tcp *t;
  lwt_t *p;
  int error = lwt__unix_sockaddr(to, &sa);

  if (error)
    return lwt_flow_p_fail(error, "tcp_connect");
  if (!(t = lwt__tcp_connecting(lwt__sockets(stack), TCP, &p)))
    return (lwt_flow_p *)p;
  error = uv_tcp_connect(&t->req.connect, &t->handle.tcp, (struct sockaddr *)&sa,
                         lwt__tcp_on_connect);
  if (error)
    lwt__tcp_end(t, lwt__unix_error(error), 0);
  return (lwt_flow_p *)p;
}
