/* listener.c - listening for connections.
 * SPDX-License-Identifier: ISC
 *
 * Connections wait in the kernel's queue, one of them in libuv's hands
 * (`ready`), until a promise wants them.  The handle is referenced while one
 * does.
 */
#include "tcp.h"

#include <errno.h>
#include <lwt-unix/pipe.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

struct listener {
  struct lwt_listener listener;
  struct object object;
  struct waiters accepts;
  uint8_t ready;
  uint8_t ended;    /* uv_close() was called */
  uint8_t closed;   /* libuv is through */
  uint8_t released; /* the program has closed it */
  union stream_handle handle;
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
    uv_unref(&l->handle.any);
}

/* One connection to the first who waits. */
static void serve(struct listener *l)
{
  struct lwt_resolver r;
  struct lwt_flow *flow;

  if (!l->ready || !lwt__waiters_any(&l->accepts))
    return;
  flow = lwt__tcp_accept(l->object.stack, &l->handle.stream);
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
    if (l->object.stack)
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
    uv_ref(&l->handle.any);
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
  uv_close(&l->handle.any, on_closed);
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

  if (l->ended || l->handle.any.type != UV_TCP ||
      uv_tcp_getsockname(&l->handle.tcp, (struct sockaddr *)&name, &len))
    name.ss_family = AF_UNSPEC;
  return lwt__unix_addr((struct sockaddr *)&name);
}

/* ---- Opening ----------------------------------------------------------- */

static const struct lwt_listener_ops listener_ops = {
  .accept = tcp_accept,
  .close = tcp_close,
  .local = tcp_local,
};

/* The kernel lets one more in, and libuv has one. */
static int listen_to(struct listener *l, unsigned backlog)
{
  backlog = backlog > 2 ? backlog - 2 : 0;
  return uv_listen(&l->handle.stream, backlog < 65535 ? (int)backlog : 65535,
                   on_connection);
}

static struct listener *listener_new(struct sockets *s, uv_handle_type type)
{
  struct lwt_unix *u = lwt__unix_here();
  struct listener *l = u ? lwt__alloc(sizeof *l) : NULL;

  if (!l)
    return NULL;
  memset(l, 0, sizeof *l);
  l->listener.ops = &listener_ops;
  lwt__waiters_init(&l->accepts, nobody_accepts);
  if (type == UV_TCP)
    uv_tcp_init(u->loop, &l->handle.tcp);
  else
    uv_pipe_init(u->loop, &l->handle.pipe, 0);
  l->handle.any.data = l;
  lwt__unix_add(&l->object, s, listener_cut);
  return l;
}

/* error: of libuv, so far. */
static int opened(struct listener *l, int error, unsigned backlog,
                  struct lwt_listener **listener)
{
  if (!error)
    error = listen_to(l, backlog);
  uv_unref(&l->handle.any);
  if (error)
    tcp_close(&l->listener);
  else
    *listener = &l->listener;
  return lwt__unix_error(error);
}

int lwt__tcp_listen(struct lwt_stack *stack, const struct lwt_addr *addr,
                    unsigned backlog, struct lwt_listener **listener)
{
  struct sockaddr_storage sa;
  struct listener *l;
  unsigned flags;
  int error = lwt__unix_sockaddr(addr, &sa);

  if (error)
    return error;
  if (!(l = listener_new(lwt__sockets(stack), UV_TCP)))
    return LWT_ENOMEM;
  flags = sa.ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0;
  error = uv_tcp_bind(&l->handle.tcp, (const struct sockaddr *)&sa, flags);
  return opened(l, error, backlog, listener);
}

/* libuv cuts a path that is too long. */
int lwt_unix_listen(const char *path, unsigned backlog, struct lwt_listener **listener)
{
  struct listener *l;

  if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path)
    return LWT_ENAMETOOLONG;
  lwt__ignore_sigpipe();
  if (!(l = listener_new(NULL, UV_NAMED_PIPE)))
    return LWT_ENOMEM;
  return opened(l, uv_pipe_bind(&l->handle.pipe, path), backlog, listener);
}

/* Another thread's or process's loop may listen at the same address. */
int lwt_unix_listen_shared(struct lwt_stack *stack, const struct lwt_addr *addr,
                           unsigned backlog, struct lwt_listener **listener)
{
  struct sockaddr_storage sa;
  struct listener *l;
  int fd, on = 1, error = lwt__unix_sockaddr(addr, &sa);

  if (error)
    return error;
  if (!(l = listener_new(lwt__sockets(stack), UV_TCP)))
    return LWT_ENOMEM;
  fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    error = uv_translate_sys_error(errno);
  else if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on))
    error = uv_translate_sys_error(errno);
  else
    error = uv_tcp_open(&l->handle.tcp, fd);
  if (error && fd >= 0)
    close(fd);
  if (!error)
    error = uv_tcp_bind(&l->handle.tcp, (const struct sockaddr *)&sa,
                        sa.ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0);
  return opened(l, error, backlog, listener);
}
