/* listener.c - listening for connections.
 * SPDX-License-Identifier: ISC
 *
 * Connections wait in the kernel's queue, one of them in libuv's hands
 * (`ready`), until a promise wants them.  The handle is referenced while one
 * does.
 */
#include "unix.h"

#include <string.h>

struct listener {
  struct lwt_listener listener;
  struct object object;
  struct waiters accepts;
  uint8_t ready;
  uint8_t ended;    /* uv_close() was called */
  uint8_t closed;   /* libuv is through */
  uint8_t released; /* the program has closed it */
  uv_tcp_t handle;
};

static struct listener *listener_of(struct lwt_listener *listener)
{
  return (struct listener *)listener;
}

/* ---- Accepting --------------------------------------------------------- */

static void nobody_accepts(struct waiters *q)
{
  struct listener *l = CONTAINER(q, struct listener, accepts);

  if (!l->ended)
    uv_unref((uv_handle_t *)&l->handle);
}

/* One connection to the first who waits. */
static void serve(struct listener *l)
{
  struct lwt_resolver r;
  struct lwt_flow *flow;

  if (!l->ready || !lwt__waiters_any(&l->accepts))
    return;
  flow = lwt__tcp_accept(l->object.stack, (uv_stream_t *)&l->handle);
  l->ready = !flow;
  r = lwt__waiters_next(&l->accepts);
  if (!lwt__waiters_any(&l->accepts))
    nobody_accepts(&l->accepts);
  if (flow)
    lwt_fulfill_owned(&r, flow, lwt_flow_abort);
  else
    lwt_reject(&r, LWT_ENOMEM, "accept");
}

/* An error is the connection's, or passes: libuv goes on accepting. */
static void on_connection(uv_stream_t *stream, int status)
{
  struct listener *l = stream->data;

  if (status < 0) {
    l->object.stack->stats.accept_errors++;
    return;
  }
  l->ready = 1;
  serve(l);
}

static lwt_flow_p *tcp_accept(struct lwt_listener *listener)
{
  struct listener *l = listener_of(listener);
  lwt_t *p;

  if (l->ended)
    return lwt_flow_p_fail(LWT_ECONNABORTED, "accept");
  p = lwt__waiters_add(&l->accepts);
  if (lwt_state(p) == LWT_PENDING) {
    uv_ref((uv_handle_t *)&l->handle);
    serve(l);
  }
  return (lwt_flow_p *)p;
}

/* ---- Closing ----------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
  struct listener *l = handle->data;
  struct sockets *s = lwt__unix_remove(&l->object);

  l->closed = 1;
  if (l->released)
    lwt__free(l);
  lwt__sockets_left(s);
}

static void end(struct listener *l)
{
  struct lwt_resolver r;

  if (l->ended)
    return;
  l->ended = 1;
  uv_close((uv_handle_t *)&l->handle, on_closed);
  while ((r = lwt__waiters_next(&l->accepts)).lwt_private)
    lwt_reject(&r, LWT_ECONNABORTED, "accept");
}

static void listener_cut(struct object *object, int now)
{
  (void)now;
  end(CONTAINER(object, struct listener, object));
}

static void tcp_close(struct lwt_listener *listener)
{
  struct listener *l = listener_of(listener);

  l->released = 1;
  if (l->closed)
    lwt__free(l);
  else
    end(l);
}

static struct lwt_addr tcp_local(struct lwt_listener *listener)
{
  struct listener *l = listener_of(listener);
  struct sockaddr_storage name;
  int len = sizeof name;

  if (l->ended || uv_tcp_getsockname(&l->handle, (struct sockaddr *)&name, &len))
    name.ss_family = AF_UNSPEC;
  return lwt__unix_addr((struct sockaddr *)&name);
}

/* ---- Opening ----------------------------------------------------------- */

static const struct lwt_listener_ops listener_ops = {
  .accept = tcp_accept,
  .close = tcp_close,
  .local = tcp_local,
};

static int open_socket(struct listener *l, const struct sockaddr_storage *sa,
                       unsigned backlog)
{
  unsigned flags = sa->ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0;
  int error = uv_tcp_bind(&l->handle, (const struct sockaddr *)sa, flags);

  /* The kernel lets one more in, and libuv has one. */
  backlog = backlog > 2 ? backlog - 2 : 0;
  if (!error)
    error = uv_listen((uv_stream_t *)&l->handle, backlog < 65535 ? (int)backlog : 65535,
                      on_connection);
  return lwt__unix_error(error);
}

int lwt__tcp_listen(struct lwt_stack *stack, const struct lwt_addr *addr,
                    unsigned backlog, struct lwt_listener **listener)
{
  struct lwt_unix *u = lwt__unix_here();
  struct sockaddr_storage sa;
  struct listener *l;
  int error = lwt__unix_sockaddr(addr, &sa);

  if (error)
    return error;
  if (!u || !(l = lwt__alloc(sizeof *l)))
    return LWT_ENOMEM;
  memset(l, 0, sizeof *l);
  l->listener.ops = &listener_ops;
  lwt__waiters_init(&l->accepts, nobody_accepts);
  uv_tcp_init(u->loop, &l->handle);
  l->handle.data = l;
  lwt__unix_add(&l->object, lwt__sockets(stack), listener_cut);
  error = open_socket(l, &sa, backlog);
  uv_unref((uv_handle_t *)&l->handle);
  if (error)
    tcp_close(&l->listener);
  else
    *listener = &l->listener;
  return error;
}
