/* tcp.h - what tcp.c, tcp_io.c, pipe.c and listener.c share.
 * SPDX-License-Identifier: ISC
 */
#ifndef LWT_UNIX_TCP_H
#define LWT_UNIX_TCP_H

#include "unix.h"

#define QUICK 16 /* operations a turn that need not wait for libuv */

enum reading { NONE, BYTES, BUF };
enum shut { OPEN, SHUTTING, SHUT };
/* A connection; a local socket; a pipe or terminal, which has no two sides that
 * could be shut down and read to their end. */
enum stream { TCP, LOCAL, PIPE };

/* A socket of libuv's, as what one looks at it. */
union stream_handle {
  uv_handle_t any;
  uv_stream_t stream;
  uv_tcp_t tcp;
  uv_pipe_t pipe;
};

struct tcp {
  struct lwt_flow flow;
  struct object object;
  int fd;
  int error;         /* of all that comes; 0 */
  uint8_t kind;      /* enum stream */
  uint8_t no_read;   /* the other end of a pipe's */
  uint8_t no_write;
  uint8_t reading;   /* enum reading: what the pending read wants */
  uint8_t watched;   /* uv_read_start() */
  uint8_t more;      /* the socket may be readable without an event */
  uint8_t eof;
  uint8_t writing;   /* a write is pending */
  uint8_t shut;      /* enum shut */
  uint8_t connecting;
  uint8_t released;  /* the program has let go */
  uint8_t ended;
  uint8_t closed;
  uint8_t handles;
  uint8_t pages;     /* a good size for the next read */
  struct budget reads, writes;

  uint8_t *into; /* BYTES */
  size_t room;

  struct lwt_buf *chain; /* being written; or */
  const uint8_t *out;
  size_t out_len;
  size_t batch; /* of it, given to libuv */

  struct lwt_resolver reader, writer, shutter;
  struct lwt_resolver closer; /* connecting: of the flow */
  uint64_t left; /* unsent at the last tick of a close */

  union stream_handle handle;
  uv_timer_t timer;
  union {
    uv_connect_t connect;
    uv_shutdown_t shutdown;
  } req;
  uv_write_t write_req;
};

static inline struct tcp *tcp_of(struct lwt_flow *flow)
{
  return (struct tcp *)flow;
}

static inline struct lwt_resolver take(struct lwt_resolver *r)
{
  struct lwt_resolver taken = *r;

  r->lwt_private = NULL;
  return taken;
}

/* tcp.c.  new: of a handle that is not open yet; the loop's.  opened: it is. */
struct tcp *lwt__tcp_new(struct sockets *s, uv_loop_t *loop, enum stream kind);
void lwt__tcp_opened(struct tcp *t);
/* A new flow whose connecting is to be started; *p is its promise, rejected if the
 * result is NULL. */
struct tcp *lwt__tcp_connecting(struct sockets *s, enum stream kind, lwt_t **p);
void lwt__tcp_on_connect(uv_connect_t *req, int status);

/* end: close the socket (reset: with RST) and reject what is pending;
 * code 0: the flow was closed as it should. */
void lwt__tcp_end(struct tcp *t, int code, int reset);
void lwt__tcp_begin_shutdown(struct tcp *t);

/* tcp_io.c.  receive: the bytes, 0 at the end, or an error; LWT_EAGAIN: there
 * are none. */
ssize_t lwt__tcp_receive(struct tcp *t, const struct iovec *iov, int n);
int lwt__tcp_watch(struct tcp *t);
void lwt__tcp_unwatch(struct tcp *t);
lwt_size_p *lwt__tcp_read(struct lwt_flow *flow, void *bytes, size_t len);
lwt_buf_p *lwt__tcp_read_buf(struct lwt_flow *flow, size_t max);
lwt_t *lwt__tcp_write(struct lwt_flow *flow, const void *bytes, size_t len);
lwt_t *lwt__tcp_write_buf(struct lwt_flow *flow, struct lwt_buf *chain);

/* tcp.c: readable while closing. */
void lwt__tcp_discard(struct tcp *t);

#endif
