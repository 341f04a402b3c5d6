/* udp.c - a UDP endpoint of the kernel's.
 * SPDX-License-Identifier: ISC
 *
 * As in tcp_io.c, libuv only tells when there is something: the datagram is
 * received here, with its destination, when a promise waits for it.  The queue
 * is the socket's receive buffer; the kernel counts what does not fit.
 */
#define _GNU_SOURCE /* struct in6_pktinfo */
#include "unix.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

#define QUICK 16 /* as in tcp.h */

struct udp {
  struct lwt_udp udp;
  struct object object;
  struct lwt_resolver receiver;
  struct lwt_addr local;
  int fd;
  uint8_t watched;  /* uv_udp_recv_start() */
  uint8_t more;     /* there may be something without an event */
  uint8_t ended;    /* uv_close() was called */
  uint8_t closed;   /* libuv is through */
  uint8_t released; /* the program has closed it */
  struct budget receives, sends;
  uv_udp_t handle;
};

static struct udp *udp_of(struct lwt_udp *udp)
{
  return (struct udp *)udp;
}

/* ---- Receiving --------------------------------------------------------- */

/* Where the datagram was sent to: an endpoint on "all addresses" must know, to
 * answer from there. */
static void destination(const struct udp *u, struct msghdr *msg, struct lwt_addr *to)
{
  struct cmsghdr *c;
  struct in_pktinfo info;
  struct in6_pktinfo info6;

  *to = u->local;
  for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      memcpy(&info, CMSG_DATA(c), sizeof info);
      memcpy(to->ip, &info.ipi_addr, 4);
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      memcpy(&info6, CMSG_DATA(c), sizeof info6);
      memcpy(to->ip, &info6.ipi6_addr, 16);
      if (IN6_IS_ADDR_LINKLOCAL(&info6.ipi6_addr))
        to->scope = info6.ipi6_ifindex;
    }
  }
}

/* recvmsg() into page and, if it is longer, the stack's overflow. */
static ssize_t receive(struct udp *u, struct lwt_buf *page, struct lwt_datagram *d)
{
  struct iovec iov[2] = { { page->data, page->len },
                          { u->object.stack->overflow, 65536 } };
  char control[CMSG_SPACE(sizeof(struct in6_pktinfo))] __attribute__((aligned(8)));
  struct sockaddr_storage from;
  struct msghdr msg = { .msg_name = &from, .msg_iov = iov, .msg_iovlen = 2 };
  ssize_t got;

  do {
    msg.msg_namelen = sizeof from;
    msg.msg_control = control;
    msg.msg_controllen = sizeof control;
    got = recvmsg(u->fd, &msg, MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0)
    return lwt__unix_errno();
  d->from = lwt__unix_addr((struct sockaddr *)&from);
  destination(u, &msg, &d->to);
  return got;
}

/* The next datagram.  Returns 0 or an error; LWT_EAGAIN: there is none. */
static int try_receive(struct udp *u, struct lwt_datagram **out)
{
  struct lwt_datagram *d = lwt__datagram_new(sizeof *d);
  struct lwt_buf *page = d ? lwt_buf_new(0, LWT_PAGE_SIZE) : NULL, *rest = NULL;
  ssize_t got = page ? receive(u, page, d) : LWT_ENOMEM;

  if (got > (ssize_t)LWT_PAGE_SIZE) {
    rest = lwt_buf_copy_in(0, u->object.stack->overflow,
                           (uint32_t)(got - (ssize_t)LWT_PAGE_SIZE));
    if (rest)
      lwt_buf_append(page, rest);
    else
      got = LWT_ENOMEM;
  }
  u->more = got >= 0 || got == LWT_ENOMEM;
  if (got > 0 && !rest)
    lwt_buf_trim(page, LWT_PAGE_SIZE - (uint32_t)got);
  if (got <= 0) {
    lwt_buf_free(page);
    page = NULL;
  }
  if (got < 0) {
    if (d)
      d->packet = NULL;
    lwt_datagram_free(d);
    return (int)got;
  }
  d->packet = page;
  *out = d;
  return 0;
}

static void unwatch(struct udp *u)
{
  if (u->watched)
    uv_udp_recv_stop(&u->handle);
  u->watched = 0;
}

static void settle(struct udp *u, int error, struct lwt_datagram *d)
{
  struct lwt_resolver receiver = u->receiver;

  u->receiver.lwt_private = NULL;
  uv_unref((uv_handle_t *)&u->handle);
  if (error)
    lwt_reject(&receiver, error, "udp_receive");
  else
    lwt_fulfill_owned(&receiver, d, lwt_datagram_free);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
  (void)handle;
  (void)size;
  buf->base = NULL;
  buf->len = 0;
}

static void on_readable(uv_udp_t *handle, ssize_t nread, const uv_buf_t *buf,
                        const struct sockaddr *addr, unsigned flags)
{
  struct udp *u = handle->data;
  struct lwt_datagram *d = NULL;
  int error;

  (void)nread; /* UV_ENOBUFS */
  (void)buf;
  (void)addr;
  (void)flags;
  if (lwt_unwanted(&u->receiver)) {
    u->more = 1;
    unwatch(u);
    return;
  }
  error = try_receive(u, &d);
  if (error != LWT_EAGAIN)
    settle(u, error, d);
}

/* Cancelled: no datagram was taken. */
static void receive_stop(void *env)
{
  struct udp *u = env;

  if (!u->receiver.lwt_private || !lwt_unwanted(&u->receiver))
    return;
  lwt_abandon(&u->receiver);
  if (!u->ended)
    uv_unref((uv_handle_t *)&u->handle);
}

static lwt_datagram_p *udp_receive(struct lwt_udp *udp)
{
  struct udp *u = udp_of(udp);
  struct lwt_datagram *d = NULL;
  lwt_t *p;
  int error = LWT_EAGAIN;

  receive_stop(u);
  if (u->receiver.lwt_private)
    return lwt_datagram_p_fail(LWT_EBUSY, "udp_receive");
  if (u->ended)
    return lwt_datagram_p_fail(LWT_ECONNABORTED, "udp_receive");
  p = lwt_task_op(&u->receiver, receive_stop, u);
  if (!u->receiver.lwt_private)
    return (lwt_datagram_p *)p;
  uv_ref((uv_handle_t *)&u->handle);
  if (u->more && lwt__unix_budget(&u->receives, QUICK))
    error = try_receive(u, &d);
  if (error == LWT_EAGAIN && !u->watched) {
    error = lwt__unix_error(uv_udp_recv_start(&u->handle, on_alloc, on_readable));
    u->watched = !error;
    if (!error)
      error = LWT_EAGAIN;
  }
  if (error != LWT_EAGAIN)
    settle(u, error, d);
  return (lwt_datagram_p *)p;
}

/* ---- Sending ----------------------------------------------------------- */

/* A full socket buffer drops the datagram, as a full queue anywhere on its way
 * would. */
static lwt_t *udp_send(struct lwt_udp *udp, const struct lwt_addr *to, const void *bytes,
                       size_t len)
{
  struct udp *u = udp_of(udp);
  struct sockaddr_storage sa;
  socklen_t size =
    to->family == 4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
  ssize_t sent;
  int error = lwt__unix_sockaddr(to, &sa);

  if (u->ended)
    return lwt_fail(LWT_ECONNABORTED, "udp_send");
  if (error || to->family != u->local.family)
    return lwt_fail(LWT_ENOTSUP, "udp_send");
  do
    sent = sendto(u->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL,
                  (struct sockaddr *)&sa, size);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) {
    error = lwt__unix_errno();
    if (error != LWT_EAGAIN && error != LWT_ENOBUFS)
      return lwt_fail(error, "udp_send");
    u->object.stack->stats.udp_unsent++;
  }
  return lwt__unix_budget(&u->sends, QUICK) ? lwt_return(NULL) : lwt_pause();
}

static void udp_cut(struct object *object, int now);

uint64_t lwt__udp_dropped(const struct object *object)
{
  const struct udp *u = CONTAINER(object, struct udp, object);
  uint32_t info[SK_MEMINFO_VARS];
  socklen_t size = sizeof info;

  if (object->cut != udp_cut || u->ended ||
      getsockopt(u->fd, SOL_SOCKET, SO_MEMINFO, info, &size) ||
      size <= SK_MEMINFO_DROPS * sizeof info[0])
    return 0;
  return info[SK_MEMINFO_DROPS];
}

/* ---- Closing ----------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
  struct udp *u = handle->data;
  struct sockets *s = lwt__unix_remove(&u->object);

  u->closed = 1;
  if (u->released)
    lwt__free(u);
  lwt__sockets_left(s);
}

static void end(struct udp *u)
{
  struct lwt_resolver receiver = u->receiver;

  if (u->ended)
    return;
  if (u->fd >= 0)
    u->object.stack->stats.udp_dropped += lwt__udp_dropped(&u->object);
  u->ended = 1;
  u->receiver.lwt_private = NULL;
  uv_close((uv_handle_t *)&u->handle, on_closed);
  lwt_reject(&receiver, LWT_ECONNABORTED, "udp_receive");
}

static void udp_cut(struct object *object, int now)
{
  (void)now;
  end(CONTAINER(object, struct udp, object));
}

static void udp_close(struct lwt_udp *udp)
{
  struct udp *u = udp_of(udp);

  u->released = 1;
  if (u->closed)
    lwt__free(u);
  else
    end(u);
}

static struct lwt_addr udp_local(struct lwt_udp *udp)
{
  return udp_of(udp)->local;
}

/* ---- Opening ----------------------------------------------------------- */

static const struct lwt_udp_ops udp_ops = {
  .receive = udp_receive,
  .send = udp_send,
  .close = udp_close,
  .local = udp_local,
};

static int open_socket(struct udp *u, const struct sockaddr_storage *sa)
{
  struct sockaddr_storage name;
  int six = sa->ss_family == AF_INET6, on = 1, len = sizeof name, error;

  error = uv_udp_bind(&u->handle, (const struct sockaddr *)sa, six ? UV_UDP_IPV6ONLY : 0);
  if (error || (error = uv_fileno((uv_handle_t *)&u->handle, &u->fd)) ||
      (error = uv_udp_getsockname(&u->handle, (struct sockaddr *)&name, &len)))
    return lwt__unix_error(error);
  u->local = lwt__unix_addr((struct sockaddr *)&name);
  if (six)
    setsockopt(u->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  else
    setsockopt(u->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  if (!six)
    setsockopt(u->fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  return 0;
}

int lwt__udp_open(struct lwt_stack *stack, const struct lwt_addr *addr,
                  struct lwt_udp **udp)
{
  struct lwt_unix *engine = lwt__unix_here();
  struct sockaddr_storage sa;
  struct udp *u;
  int error = lwt__unix_sockaddr(addr, &sa);

  if (error)
    return error;
  if (!engine || !(u = lwt__alloc(sizeof *u)))
    return LWT_ENOMEM;
  memset(u, 0, sizeof *u);
  u->udp.ops = &udp_ops;
  u->fd = -1;
  uv_udp_init(engine->loop, &u->handle);
  u->handle.data = u;
  lwt__unix_add(&u->object, lwt__sockets(stack), udp_cut);
  error = open_socket(u, &sa);
  uv_unref((uv_handle_t *)&u->handle);
  if (error)
    udp_close(&u->udp);
  else
    *udp = &u->udp;
  return error;
}
