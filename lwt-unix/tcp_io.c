/* tcp_io.c - reading and writing a connection of the kernel's, or a pipe.
 * SPDX-License-Identifier: ISC
 *
 * Read tcp.c first.
 *
 * Reading.  libuv tells when the socket is readable (on_alloc gives it no
 * memory, so it reads nothing), and the bytes go straight to where the pending
 * read wants them.  No read pending: nothing is read; the socket stops being
 * watched at the first event that nobody wants.  A read that follows a full one
 * does not wait for libuv (`more`), nor does one of a pipe or a local socket, where
 * the other end is near and a system call that finds nothing costs less than a turn
 * of the loop.
 *
 * Writing.  What the socket takes at once is written at once; the rest goes to
 * libuv in batches, one uv_write at a time.
 */
#include "tcp.h"

#include <errno.h>
#include <lwt/trace.h>
#include <sys/uio.h>
#include <unistd.h>

#define READ_PAGES 16 /* at a time */
#define WRITE_SLICES 64

static void drop_chain(void *chain)
{
  lwt_buf_free(chain);
}

/* ---- Reading ----------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
  (void)handle;
  (void)size;
  buf->base = NULL;
  buf->len = 0;
}

ssize_t lwt__tcp_receive(struct tcp *t, const struct iovec *iov, int n)
{
  ssize_t got;

  do
    got = n > 1               ? readv(t->fd, iov, n)
          : t->kind == PIPE ? read(t->fd, iov->iov_base, iov->iov_len)
                            : recv(t->fd, iov->iov_base, iov->iov_len, 0);
  while (got < 0 && errno == EINTR);
  return got < 0 ? lwt__unix_errno() : got;
}

static ssize_t read_chain(struct tcp *t, struct lwt_buf **chain)
{
  struct iovec iov[READ_PAGES];
  struct lwt_buf *slice;
  size_t size = (size_t)t->pages * LWT_PAGE_SIZE;
  ssize_t got;
  int n = 0;

  if (size > t->room)
    size = t->room;
  *chain = lwt_buf_chain(0, (uint32_t)size);
  if (!*chain && size > LWT_PAGE_SIZE)
    *chain = lwt_buf_chain(0, (uint32_t)(size = LWT_PAGE_SIZE));
  if (!*chain)
    return LWT_ENOMEM;
  for (slice = *chain; slice; slice = slice->next)
    iov[n++] = (struct iovec){ slice->data, slice->len };
  got = lwt__tcp_receive(t, iov, n);
  if (got <= 0) {
    lwt_buf_free(*chain);
    *chain = NULL;
    return got;
  }
  t->more = (size_t)got == size;
  if (t->more)
    t->pages = t->pages * 2 > READ_PAGES ? READ_PAGES : (uint8_t)(t->pages * 2);
  else
    t->pages = (uint8_t)((size_t)got / LWT_PAGE_SIZE + 1);
  lwt_buf_trim(*chain, (uint32_t)(size - (size_t)got));
  return got;
}

/* Read for the pending read.  Returns the bytes, 0 at the end, or an error;
 * LWT_EAGAIN: there are none. */
static ssize_t try_read(struct tcp *t, struct lwt_buf **chain)
{
  struct iovec iov = { t->into, t->room };
  ssize_t got;

  *chain = NULL;
  t->more = 0;
  if (t->reading == BUF) {
    got = read_chain(t, chain);
  } else {
    got = lwt__tcp_receive(t, &iov, 1);
    t->more = got > 0 && (size_t)got == t->room;
  }
  if (got == 0)
    t->eof = 1;
  else if (got == LWT_ENOMEM)
    t->more = 1;
  else if (got < 0 && got != LWT_EAGAIN)
    t->error = (int)got;
  return got;
}

void lwt__tcp_unwatch(struct tcp *t)
{
  if (t->watched)
    uv_read_stop(&t->handle.stream);
  t->watched = 0;
}

/* A pending read has its result. */
static void settle_read(struct tcp *t, ssize_t got, struct lwt_buf *chain)
{
  struct lwt_resolver reader = take(&t->reader);

  t->reading = NONE;
  uv_unref(&t->handle.any);
  if (got <= 0)
    lwt__tcp_unwatch(t);
  if (got < 0)
    lwt_reject(&reader, (int)got, "flow_read");
  else if (chain)
    lwt_fulfill_owned(&reader, chain, drop_chain);
  else
    lwt_fulfill(&reader, (void *)got);
}

static void on_readable(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
  struct tcp *t = stream->data;
  struct lwt_buf *chain;
  ssize_t got;

  (void)nread; /* UV_ENOBUFS */
  (void)buf;
  if (t->released) {
    lwt__tcp_discard(t);
    return;
  }
  if (t->reading == NONE || lwt_unwanted(&t->reader)) {
    t->more = 1;
    lwt__tcp_unwatch(t);
    return;
  }
  got = try_read(t, &chain);
  lwt_trace_instant("io", "readable", got);
  if (got != LWT_EAGAIN)
    settle_read(t, got, chain);
}

int lwt__tcp_watch(struct tcp *t)
{
  int error = 0;

  if (!t->watched)
    error = uv_read_start(&t->handle.stream, on_alloc, on_readable);
  if (error)
    return lwt__unix_error(error);
  t->watched = 1;
  return 0;
}

/* The pending read was cancelled: no byte was taken. */
static void read_stop(void *env)
{
  struct tcp *t = env;

  if (t->reading == NONE || !lwt_unwanted(&t->reader))
    return;
  lwt_abandon(&t->reader);
  t->reading = NONE;
  if (!t->ended)
    uv_unref(&t->handle.any);
}

/* Start a read of at most len bytes; bytes NULL: as a chain. */
static lwt_t *start_read(struct tcp *t, void *bytes, size_t len)
{
  struct lwt_buf *chain;
  ssize_t got;
  lwt_t *p;
  int error;

  read_stop(t);
  if (t->reading != NONE)
    return lwt_fail(LWT_EBUSY, "flow_read");
  if (t->error || len == 0)
    return lwt_fail(t->error ? t->error : LWT_EINVAL, "flow_read");
  if (t->no_read)
    return lwt_fail(LWT_EBADF, "flow_read");
  if (t->eof)
    return lwt_return(NULL);
  t->into = bytes;
  t->room = len > UINT32_MAX ? UINT32_MAX : len;
  t->reading = bytes ? BYTES : BUF;
  p = lwt_task_op(&t->reader, read_stop, t);
  if (!t->reader.lwt_private) {
    t->reading = NONE;
    return p;
  }
  uv_ref(&t->handle.any);
  got = LWT_EAGAIN;
  chain = NULL;
  if ((t->more || t->kind != TCP) && lwt__unix_budget(&t->reads, QUICK))
    got = try_read(t, &chain);
  if (got == LWT_EAGAIN && (error = lwt__tcp_watch(t)))
    got = error;
  if (got != LWT_EAGAIN)
    settle_read(t, got, chain);
  return p;
}

lwt_size_p *lwt__tcp_read(struct lwt_flow *flow, void *bytes, size_t len)
{
  return (lwt_size_p *)start_read(tcp_of(flow), bytes, bytes ? len : 0);
}

lwt_buf_p *lwt__tcp_read_buf(struct lwt_flow *flow, size_t max)
{
  return (lwt_buf_p *)start_read(tcp_of(flow), NULL, max);
}

/* ---- Writing ----------------------------------------------------------- */

static unsigned gather(const struct tcp *t, uv_buf_t bufs[WRITE_SLICES], size_t *size)
{
  const struct lwt_buf *slice;
  unsigned n = 0;

  *size = 0;
  if (t->out) {
    bufs[n++] = (uv_buf_t){ (char *)(uintptr_t)t->out, t->out_len };
    *size = t->out_len;
    return n;
  }
  for (slice = t->chain; slice && n < WRITE_SLICES; slice = slice->next) {
    if (!slice->len)
      continue;
    bufs[n++] = (uv_buf_t){ (char *)slice->data, slice->len };
    *size += slice->len;
  }
  return n;
}

/* n bytes are written.  Returns whether all are. */
static int advance(struct tcp *t, size_t n)
{
  if (t->out) {
    t->out += n;
    t->out_len -= n;
    if (t->out_len)
      return 0;
    t->out = NULL;
    return 1;
  }
  if (t->chain->total > n) {
    t->chain = lwt_buf_pull(t->chain, (uint32_t)n);
    return 0;
  }
  lwt_buf_free(t->chain);
  t->chain = NULL;
  return 1;
}

/* Write what the socket takes now.  1: all of it; 0: not all; or an error. */
static int push(struct tcp *t)
{
  uv_buf_t bufs[WRITE_SLICES];
  unsigned n;
  size_t size;
  int done;

  while (lwt__unix_budget(&t->writes, QUICK)) {
    n = gather(t, bufs, &size);
    done = uv_try_write(&t->handle.stream, bufs, n);
    if (done == UV_EAGAIN)
      return 0;
    if (done < 0)
      return lwt__unix_error(done);
    lwt_trace_instant("io", "written", done);
    if (advance(t, (size_t)done))
      return 1;
    if ((size_t)done < size)
      return 0;
  }
  return 0;
}

static void on_written(uv_write_t *req, int status);

/* Let libuv write the next batch. */
static int enqueue(struct tcp *t)
{
  uv_buf_t bufs[WRITE_SLICES];
  unsigned n = gather(t, bufs, &t->batch);

  return lwt__unix_error(
    uv_write(&t->write_req, &t->handle.stream, bufs, n, on_written));
}

/* A pending write has its result. */
static void settle_write(struct tcp *t, int error)
{
  struct lwt_resolver writer = take(&t->writer);

  t->writing = 0;
  t->out = NULL;
  lwt_buf_free(t->chain);
  t->chain = NULL;
  if (t->shut == SHUTTING)
    lwt__tcp_begin_shutdown(t);
  if (error)
    lwt_reject(&writer, error, "flow_write");
  else
    lwt_fulfill(&writer, NULL);
}

static void on_written(uv_write_t *req, int status)
{
  struct tcp *t = req->handle->data;
  int done;

  if (t->ended)
    return;
  if (status == 0)
    lwt_trace_instant("io", "written", (int64_t)t->batch);
  done = status < 0 ? lwt__unix_error(status) : advance(t, t->batch);
  if (done == 0)
    done = push(t);
  if (done == 0)
    done = enqueue(t);
  if (done)
    settle_write(t, done < 0 ? done : 0);
}

/* Cancelled: libuv cannot take a write back, but forgets it when the socket is
 * closed.  Nobody knows how much was sent, so the flow is of no use any more. */
static void write_stop(void *env)
{
  struct tcp *t = env;

  if (!t->writing || !lwt_unwanted(&t->writer))
    return;
  lwt_abandon(&t->writer);
  lwt__tcp_end(t, LWT_ECONNABORTED, 1);
}

/* t->out or t->chain is set. */
static lwt_t *start_write(struct tcp *t)
{
  lwt_t *p;
  int done = push(t);

  if (done == 1)
    return lwt_return(NULL);
  t->writing = 1;
  p = lwt_task_op(&t->writer, write_stop, t);
  if (t->writer.lwt_private) {
    if (done == 0)
      done = enqueue(t);
    if (done == 0)
      return p;
  }
  settle_write(t, done);
  return p;
}

static int cannot_write(const struct tcp *t)
{
  if (t->error)
    return t->error;
  if (t->writing)
    return LWT_EBUSY;
  if (t->no_write)
    return LWT_EBADF;
  return t->shut == OPEN ? 0 : LWT_EPIPE;
}

lwt_t *lwt__tcp_write(struct lwt_flow *flow, const void *bytes, size_t len)
{
  struct tcp *t = tcp_of(flow);
  int error = cannot_write(t);

  if (error)
    return lwt_fail(error, "flow_write");
  if (len == 0)
    return lwt_return(NULL);
  t->out = bytes;
  t->out_len = len;
  return start_write(t);
}

lwt_t *lwt__tcp_write_buf(struct lwt_flow *flow, struct lwt_buf *chain)
{
  struct tcp *t = tcp_of(flow);
  int error = cannot_write(t);

  if (error || !chain || !chain->total) {
    lwt_buf_free(chain);
    return error ? lwt_fail(error, "flow_write") : lwt_return(NULL);
  }
  t->chain = chain;
  return start_write(t);
}
