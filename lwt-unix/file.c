/* file.c - open files: reading, writing, and as a struct lwt_flow.
 * SPDX-License-Identifier: ISC
 *
 * A worker thread never touches the caller's memory, because a cancelled call goes
 * on: it reads into pages of ours and writes from them.  Only what the kernel does
 * without waiting (RWF_NOWAIT) goes straight to the caller's bytes.
 *
 * Each call under way has a reference on the file; the program has one until
 * close().  With the last one the descriptor is closed, in a thread as well.
 */
#define _GNU_SOURCE /* preadv2 */
#include "fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* The position is the descriptor's, which others have, too. */
#define SHARED UINT64_MAX

#define PIECE (32 * LWT_PAGE_SIZE) /* at a time */
#define SLICES 64

struct lwt_file {
  struct lwt_flow flow;
  int fd;
  unsigned refs;
  uint8_t closed;  /* by the program */
  uint8_t nowait;  /* the file system knows RWF_NOWAIT, as far as we know */
  uint8_t writing; /* at the position */
  struct fs *reader; /* at the position */
  uint64_t position;
  struct lwt_resolver closer;
  char *temp; /* remove it; or NULL */
};

static void move(struct lwt_file *file, size_t n)
{
  if (file->position != SHARED)
    file->position += n;
}

static struct lwt_file *file_of(struct lwt_flow *flow)
{
  return (struct lwt_file *)flow;
}

/* ---- The end ----------------------------------------------------------- */

/* Any thread.  The descriptor is gone afterwards, whatever close() says. */
static int close_now(struct lwt_file *file)
{
  int error = close(file->fd) && errno != EINTR ? lwt__unix_errno() : 0;

  file->fd = -1;
  if (file->temp && unlink(file->temp) && errno != ENOENT && !error)
    error = lwt__unix_errno();
  free(file->temp);
  return error;
}

static void drop_file(void *value)
{
  struct lwt_file *file = value;

  close_now(file);
  lwt__free(file);
}

static void call_close(struct fs *fs)
{
  fs->flags = close_now(fs->file);
}

static void closed(struct fs *fs, int wanted)
{
  struct lwt_file *file = fs->file;
  struct lwt_resolver closer = file->closer;
  int error = fs->flags;

  (void)wanted;
  if (file->fd >= 0)
    error = close_now(file);
  lwt__free(file);
  if (error)
    lwt_reject(&closer, error, "file_close");
  else
    lwt_fulfill(&closer, NULL);
}

void lwt__file_ref(struct lwt_file *file)
{
  file->refs++;
}

void lwt__file_unref(struct lwt_file *file)
{
  struct lwt_resolver closer;
  struct fs *fs;
  lwt_t *p;

  if (--file->refs)
    return;
  if (!(fs = lwt__fs_new(NULL, NULL, 0))) {
    closer = file->closer;
    drop_file(file);
    lwt_fulfill(&closer, NULL);
    return;
  }
  fs->file = file;
  fs->done = closed;
  p = lwt__fs_start(fs, "file_close", call_close);
  if (lwt_state(p) == LWT_REJECTED) {
    lwt_error(p); /* it is closed, nobody need know how */
    lwt_drop(p);
  } else {
    lwt_async(p);
  }
}

lwt_t *lwt_file_close(void *value)
{
  struct lwt_file *file = value;
  lwt_t *p = lwt_wait(&file->closer);

  file->closed = 1;
  lwt__file_unref(file);
  return p;
}

static void release(struct fs *fs, int wanted)
{
  (void)wanted;
  lwt__file_unref(fs->file);
}

lwt_t *lwt__fs_file(struct fs *fs, struct lwt_file *file, const char *what,
                    void (*call)(struct fs *))
{
  if (fs) {
    fs->fd = file->fd;
    fs->file = file;
    file->refs++;
    if (!fs->done)
      fs->done = release;
  }
  return lwt__fs_start(fs, what, call);
}

/* ---- Reading ----------------------------------------------------------- */

static void drop_chain(void *chain)
{
  lwt_buf_free(chain);
}

static int slices_of(const struct lwt_buf *chain, size_t skip, struct iovec iov[SLICES])
{
  int n = 0;

  for (; chain && n < SLICES; chain = chain->next) {
    if (skip >= chain->len) {
      skip -= chain->len;
      continue;
    }
    iov[n++] = (struct iovec){ chain->data + skip, chain->len - skip };
    skip = 0;
  }
  return n;
}

static void call_read(struct fs *fs)
{
  struct iovec iov[SLICES];
  int n = slices_of(fs->chain, 0, iov);
  ssize_t got;

  do
    got = fs->offset == SHARED ? readv(fs->fd, iov, n)
                               : preadv(fs->fd, iov, n, (off_t)fs->offset);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    fs->error = lwt__unix_errno();
  else
    fs->len = (size_t)got;
}

/* Give the bytes on: to the caller's memory, or the chain itself. */
static void read_done(struct fs *fs, int wanted)
{
  struct lwt_file *file = fs->file;

  if (file->reader == fs) {
    file->reader = NULL;
    if (wanted)
      move(file, fs->len);
  }
  if (wanted && fs->into) {
    lwt_buf_copy_out(fs->chain, 0, fs->into, (uint32_t)fs->len);
    fs->value = (void *)fs->len;
  } else if (wanted && fs->len) {
    lwt_buf_trim(fs->chain, fs->chain->total - (uint32_t)fs->len);
    fs->value = fs->chain;
    fs->drop = drop_chain;
    fs->chain = NULL;
  }
  lwt__file_unref(file);
}

/* What is in memory.  LWT_EAGAIN: nobody knows. */
static ssize_t read_quick(struct lwt_file *file, const struct iovec *iov, int n,
                          uint64_t offset)
{
#ifdef RWF_NOWAIT
  ssize_t got;

  if (!file->nowait)
    return LWT_EAGAIN;
  got = preadv2(file->fd, iov, n, (off_t)offset, RWF_NOWAIT);
  if (got < 0 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL))
    file->nowait = 0;
  return got < 0 ? LWT_EAGAIN : got;
#else
  (void)file;
  (void)iov;
  (void)n;
  (void)offset;
  return LWT_EAGAIN;
#endif
}

static lwt_t *read_bytes(struct lwt_file *file, void *bytes, size_t len, uint64_t offset,
                         int at_position)
{
  struct iovec iov = { bytes, len > PIECE ? PIECE : len };
  ssize_t got = read_quick(file, &iov, 1, offset);
  struct fs *fs;

  if (got >= 0) {
    if (at_position)
      move(file, (size_t)got);
    return lwt_return((void *)got);
  }
  if ((fs = lwt__fs_new(NULL, NULL, 0))) {
    fs->into = bytes;
    fs->offset = offset;
    fs->done = read_done;
    fs->chain = lwt_buf_chain(0, (uint32_t)iov.iov_len);
    if (!fs->chain) {
      lwt__free(fs);
      fs = NULL;
    } else if (at_position) {
      file->reader = fs;
    }
  }
  return lwt__fs_file(fs, file, "file_read", call_read);
}

/* Whether a read at the position cannot begin.  One that was cancelled no longer
 * counts, even if a thread has not returned from it. */
static int cannot_read(struct lwt_file *file, size_t len)
{
  if (file->reader && !lwt_unwanted(&file->reader->work.r))
    return LWT_EBUSY;
  file->reader = NULL;
  if (file->closed)
    return LWT_EBADF;
  return len ? 0 : LWT_EINVAL;
}

lwt_size_p *lwt_file_pread(struct lwt_file *file, void *bytes, size_t len,
                           uint64_t offset)
{
  if (!len)
    return lwt_size_p_fail(LWT_EINVAL, "file_read");
  return (lwt_size_p *)read_bytes(file, bytes, len, offset, 0);
}

lwt_size_p *lwt_file_read(struct lwt_file *file, void *bytes, size_t len)
{
  int error = cannot_read(file, len);

  if (error)
    return lwt_size_p_fail(error, "file_read");
  return (lwt_size_p *)read_bytes(file, bytes, len, file->position, 1);
}

static lwt_size_p *flow_read(struct lwt_flow *flow, void *bytes, size_t len)
{
  return lwt_file_read(file_of(flow), bytes, len);
}

static lwt_buf_p *flow_read_buf(struct lwt_flow *flow, size_t max)
{
  struct lwt_file *file = file_of(flow);
  int error = cannot_read(file, max), n;
  struct iovec iov[SLICES];
  struct lwt_buf *chain;
  struct fs *fs;
  ssize_t got;

  if (error)
    return lwt_buf_p_fail(error, "file_read");
  chain = lwt_buf_chain(0, (uint32_t)(max > PIECE ? PIECE : max));
  if (!chain)
    return lwt_buf_p_fail(LWT_ENOMEM, "file_read");
  n = slices_of(chain, 0, iov);
  got = read_quick(file, iov, n, file->position);
  if (got > 0) {
    move(file, (size_t)got);
    lwt_buf_trim(chain, chain->total - (uint32_t)got);
    return (lwt_buf_p *)lwt_return_owned(chain, drop_chain);
  }
  if (got == 0 || !(fs = lwt__fs_new(NULL, NULL, 0))) {
    lwt_buf_free(chain);
    return got == 0 ? lwt_buf_p_return(NULL) : lwt_buf_p_fail(LWT_ENOMEM, "file_read");
  }
  fs->chain = chain;
  fs->offset = file->position;
  fs->done = read_done;
  file->reader = fs;
  return (lwt_buf_p *)lwt__fs_file(fs, file, "file_read", call_read);
}

/* ---- Writing ----------------------------------------------------------- */

static void call_write(struct fs *fs)
{
  struct iovec iov[SLICES];
  size_t done = 0;
  ssize_t put;
  int n;

  while (done < fs->len) {
    n = slices_of(fs->chain, done, iov);
    put = fs->offset == SHARED ? writev(fs->fd, iov, n)
                               : pwritev(fs->fd, iov, n, (off_t)(fs->offset + done));
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0) {
      fs->error = put < 0 ? lwt__unix_errno() : LWT_EIO;
      return;
    }
    done += (size_t)put;
  }
}

/* Takes the chain. */
static lwt_t *write_chain(struct lwt_file *file, struct lwt_buf *chain, uint64_t offset)
{
  struct fs *fs = chain ? lwt__fs_new(NULL, NULL, 0) : NULL;

  if (!fs) {
    lwt_buf_free(chain);
    return lwt_fail(LWT_ENOMEM, "file_write");
  }
  fs->chain = chain;
  fs->len = chain->total;
  fs->offset = offset;
  return lwt__fs_file(fs, file, "file_write", call_write);
}

/* Writes at the position, or long ones, piece by piece. */
struct writing {
  struct lwt_frame frame;
  struct lwt_file *file;
  struct lwt_buf *chain; /* or */
  const uint8_t *bytes;
  size_t left, n;
  uint64_t offset;
  int at_position;
};

static void end_writing(void *value)
{
  struct writing *w = value;

  if (w->at_position)
    w->file->writing = 0;
  lwt_buf_free(w->chain);
  lwt__file_unref(w->file);
}

static struct lwt_buf *take_chain(struct writing *w)
{
  struct lwt_buf *chain = w->chain;

  w->chain = NULL;
  return chain;
}

LWT_STEP write_step(struct lwt_frame *frame)
{
  struct writing *w = (struct writing *)frame;

  lwt_begin(w);
  lwt_defer(w, end_writing, w);
  if (w->chain) {
    w->n = w->chain->total;
    lwt_await(w, write_chain(w->file, take_chain(w), w->offset));
    if (w->offset != SHARED)
      w->offset += w->n;
  }
  while (w->left) {
    w->n = w->left > PIECE ? PIECE : w->left;
    lwt_await(w, write_chain(w->file, lwt_buf_copy_in(0, w->bytes, (uint32_t)w->n),
                             w->offset));
    w->bytes += w->n;
    w->left -= w->n;
    if (w->offset != SHARED)
      w->offset += w->n;
  }
  if (w->at_position)
    w->file->position = w->offset;
  lwt_end(w);
}

/* What the kernel takes without waiting; some do not know how to say so. */
static size_t write_quick(struct lwt_file *file, const void *bytes, size_t len,
                          uint64_t offset)
{
#ifdef RWF_NOWAIT
  struct iovec iov = { (void *)(uintptr_t)bytes, len };
  ssize_t put;

  if (!file->nowait)
    return 0;
  put = pwritev2(file->fd, &iov, 1, (off_t)offset, RWF_NOWAIT);
  return put > 0 ? (size_t)put : 0;
#else
  (void)file;
  (void)bytes;
  (void)len;
  (void)offset;
  return 0;
#endif
}

static lwt_t *write_bytes(struct lwt_file *file, struct lwt_buf *chain,
                          const void *bytes, size_t len, uint64_t offset,
                          int at_position)
{
  size_t put = len ? write_quick(file, bytes, len, offset) : 0;

  if (!chain && put == len) {
    if (at_position)
      move(file, put);
    return lwt_return(NULL);
  }
  if (offset != SHARED)
    offset += put;
  if (at_position)
    file->writing = 1;
  file->refs++;
  return LWT_GO_OR(struct writing, write_step, end_writing, .file = file, .chain = chain,
                   .bytes = len ? (const uint8_t *)bytes + put : NULL, .left = len - put,
                   .offset = offset, .at_position = at_position);
}

lwt_t *lwt_file_pwrite(struct lwt_file *file, const void *bytes, size_t len,
                       uint64_t offset)
{
  return write_bytes(file, NULL, bytes, len, offset, 0);
}

static int cannot_write(const struct lwt_file *file)
{
  if (file->closed)
    return LWT_EBADF;
  return file->writing ? LWT_EBUSY : 0;
}

lwt_t *lwt_file_write(struct lwt_file *file, const void *bytes, size_t len)
{
  int error = cannot_write(file);

  if (error)
    return lwt_fail(error, "file_write");
  return write_bytes(file, NULL, bytes, len, file->position, 1);
}

static lwt_t *flow_write(struct lwt_flow *flow, const void *bytes, size_t len)
{
  return lwt_file_write(file_of(flow), bytes, len);
}

static lwt_t *flow_write_buf(struct lwt_flow *flow, struct lwt_buf *chain)
{
  struct lwt_file *file = file_of(flow);
  int error = cannot_write(file);

  if (error || !chain || !chain->total) {
    lwt_buf_free(chain);
    return error ? lwt_fail(error, "file_write") : lwt_return(NULL);
  }
  return write_bytes(file, chain, NULL, 0, file->position, 1);
}

/* ---- The rest ---------------------------------------------------------- */

static lwt_t *flow_shutdown(struct lwt_flow *flow)
{
  (void)flow;
  return lwt_return(NULL);
}

static lwt_t *flow_close(struct lwt_flow *flow)
{
  return lwt_file_close(flow);
}

static void flow_abort(struct lwt_flow *flow)
{
  struct lwt_file *file = file_of(flow);

  file->closed = 1;
  lwt__file_unref(file);
}

static struct lwt_addr no_addr(struct lwt_flow *flow)
{
  struct lwt_addr addr;

  (void)flow;
  memset(&addr, 0, sizeof addr);
  return addr;
}

static const struct lwt_flow_ops file_ops = {
  .read = flow_read,
  .read_buf = flow_read_buf,
  .write = flow_write,
  .write_buf = flow_write_buf,
  .shutdown = flow_shutdown,
  .close = flow_close,
  .abort = flow_abort,
  .peer = no_addr,
  .local = no_addr,
};

int lwt_file_fd(const struct lwt_file *file)
{
  return file->fd;
}

uint64_t lwt_file_tell(const struct lwt_file *file)
{
  return file->position;
}

void lwt_file_seek(struct lwt_file *file, uint64_t position)
{
  file->reader = NULL; /* one that is under way no longer moves it */
  file->position = position;
}

struct lwt_flow *lwt_file_flow(struct lwt_file *file)
{
  return &file->flow;
}

const char *lwt_file_path(const struct lwt_file *file)
{
  return file->temp;
}

/* ---- Opening ----------------------------------------------------------- */

static struct lwt_file *file_new(int fd, char *temp)
{
  struct lwt_file *file = lwt__alloc(sizeof *file);

  if (!file)
    return NULL;
  memset(file, 0, sizeof *file);
  file->flow.ops = &file_ops;
  file->fd = fd;
  file->refs = 1;
  file->nowait = 1;
  file->temp = temp;
  return file;
}

struct lwt_file *lwt__file_new(int fd)
{
  return file_new(fd, NULL);
}

struct lwt_flow *lwt__file_shared(int fd)
{
  struct lwt_file *file = file_new(fd, NULL);

  if (!file)
    return NULL;
  file->position = SHARED;
  return &file->flow;
}

/* In a worker.  Takes fd and temp. */
static void opened(struct fs *fs, int fd, char *temp)
{
  struct lwt_file *file;

  if (fd < 0)
    fs->error = lwt__unix_errno();
  else if (lseek(fd, 0, SEEK_CUR) < 0)
    fs->error = LWT_ENOTSUP;
  else if (!(file = file_new(fd, temp)))
    fs->error = LWT_ENOMEM;
  else {
    fs->value = file;
    fs->drop = drop_file;
    return;
  }
  if (fd >= 0)
    close(fd);
  if (fd >= 0 && temp)
    unlink(temp);
  free(temp);
}

/* A pipe must not block, a terminal not become ours. */
static void call_open(struct fs *fs)
{
  int fd;

  do
    fd = open(fs->path, fs->flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, (mode_t)fs->len);
  while (fd < 0 && errno == EINTR);
  opened(fs, fd, NULL);
}

lwt_file_p *lwt_file_open(const char *path, int flags, mode_t mode)
{
  struct fs *fs = lwt__fs_new(path, NULL, 0);

  if (fs) {
    fs->flags = flags;
    fs->len = mode;
  }
  return (lwt_file_p *)lwt__fs_start(fs, "file_open", call_open);
}

static void call_temp(struct fs *fs)
{
  size_t size = strlen(fs->path) + sizeof "/lwt-XXXXXX";
  char *path = malloc(size);
  int fd;

  if (!path) {
    fs->error = LWT_ENOMEM;
    return;
  }
  snprintf(path, size, "%s/lwt-XXXXXX", fs->path);
  fd = mkostemp(path, O_CLOEXEC);
  opened(fs, fd, path);
}

lwt_file_p *lwt_file_temp(const char *dir)
{
  return (lwt_file_p *)lwt__fs_start(lwt__fs_new(lwt__temp_root(dir), NULL, 0),
                                     "file_temp", call_temp);
}
