/* content.c - a directory as a struct lwt_content.
 * SPDX-License-Identifier: ISC
 *
 * What the kernel has in memory is taken at once (RESOLVE_CACHED, RWF_NOWAIT);
 * what needs the disk goes through libuv's thread pool, where a call that has
 * begun cannot be cancelled: its promise leaves it behind, and it holds its
 * entry and the directory until it is through.
 *
 * Small files stay open for a while, as many as KEPT at most, each KEPT_SIZE bytes or
 * less.  What is asked for again takes one call to see that the file has not changed
 * (replacing or removing it changes it, too), instead of three; that the path still
 * leads to it, which directories and links on the way decide, is looked at after a
 * while (lwt__content_times).  An unlinked one may keep its bytes on the disk so long.
 *
 * The second time its bytes are kept in memory, too, if the last change was so long ago
 * that the next one must have another time.  (Who writes through a mapping changes the
 * time late, as mmap(2) says.)
 */
#define _GNU_SOURCE /* preadv2, O_PATH */
#include "unix.h"

#include <lwt/ustar.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define READ_PAGES 32 /* at a time */
#define KEPT 32u
#define KEPT_SIZE (64u << 10)

struct lwt__content_times lwt__content_times = { .settled = 2, .path = 100 };

struct content {
  struct lwt_content content;
  int dir;
  uint8_t no_nowait; /* the file system cannot RWF_NOWAIT */
  uint8_t freed;
  unsigned refs;
  struct entry *kept[KEPT]; /* each at a place that its path gives */
};

struct entry {
  struct lwt_entry entry;
  struct content *content;
  struct lwt__file file;
  unsigned refs;
  uint8_t again;         /* it was asked for twice */
  uint64_t seen;         /* when the path led to it, uv_now() */
  struct lwt_buf *bytes; /* all of it, or NULL */
  char path[];
};

/* An open or a read in the thread pool. */
struct job {
  struct object object;
  struct lwt_resolver r;
  union {
    uv_work_t work;
    uv_fs_t fs;
    uv_req_t req;
  } uv;
  struct content *content;
  struct entry *entry;   /* read */
  struct lwt_buf *chain; /* read */
  struct lwt__file file; /* open */
  int error;             /* open */
  char path[];           /* open */
};

static struct content *content_of(struct lwt_content *content)
{
  return (struct content *)content;
}

static void content_unref(struct content *c)
{
  if (--c->refs)
    return;
  close(c->dir);
  lwt__free(c);
}

static void entry_unref(struct entry *e)
{
  if (--e->refs)
    return;
  lwt_buf_free(e->bytes);
  close(e->file.fd);
  content_unref(e->content);
  lwt__free(e);
}

static void drop_entry(void *entry)
{
  entry_unref(entry);
}

static void drop_chain(void *chain)
{
  lwt_buf_free(chain);
}

/* ---- Jobs -------------------------------------------------------------- */

static void job_stop(void *env)
{
  struct job *j = env;

  lwt_abandon(&j->r);
  uv_cancel(&j->uv.req);
}

static void job_cut(struct object *object, int now)
{
  struct job *j = CONTAINER(object, struct job, object);
  struct lwt_resolver r = j->r;

  (void)now;
  j->r.lwt_private = NULL;
  uv_cancel(&j->uv.req);
  lwt_reject(&r, LWT_ECANCELED, "content");
}

/* NULL: *p is rejected. */
static struct job *job_new(struct content *c, size_t path, lwt_t **p)
{
  struct job *j = lwt__alloc(sizeof *j + path);

  if (!j) {
    *p = lwt_fail(LWT_ENOMEM, "content");
    return NULL;
  }
  memset(j, 0, sizeof *j);
  *p = lwt_task_op(&j->r, job_stop, j);
  if (!j->r.lwt_private) {
    lwt__free(j);
    return NULL;
  }
  j->content = c;
  c->refs++;
  return j;
}

/* The job is over, or was not accepted (started 0); returns its resolver. */
static struct lwt_resolver job_end(struct job *j, int started)
{
  struct lwt_resolver r = j->r;

  if (started)
    lwt__unix_remove(&j->object);
  content_unref(j->content);
  lwt__free(j);
  return r;
}

/* ---- Opening ----------------------------------------------------------- */

static struct entry **kept_at(struct content *c, const char *path)
{
  uint32_t h = 2166136261u; /* FNV-1a */

  for (; *path; path++)
    h = (h ^ (uint8_t)*path) * 16777619u;
  return &c->kept[(h ^ h >> 16) % KEPT];
}

static void keep(struct content *c, struct entry *e)
{
  struct entry **at = kept_at(c, e->path);

  if (e->file.size > KEPT_SIZE || c->freed)
    return;
  if (*at)
    entry_unref(*at);
  *at = e;
  e->refs++;
}

static void forget(struct content *c)
{
  struct entry *e;
  unsigned i;

  for (i = 0; i < KEPT; i++)
    if ((e = c->kept[i])) {
      c->kept[i] = NULL;
      entry_unref(e);
    }
}

static struct entry *entry_new(struct content *c, const struct lwt__file *file,
                               const char *path)
{
  size_t size = strlen(path) + 1;
  struct entry *e = lwt__alloc(sizeof *e + size);

  if (!e) {
    close(file->fd);
    return NULL;
  }
  e->entry.size = file->size;
  e->entry.mtime = file->mtime;
  e->entry.etag = file->etag;
  e->content = c;
  e->file = *file;
  e->refs = 1;
  e->again = 0;
  e->seen = 0;
  e->bytes = NULL;
  memcpy(e->path, path, size);
  c->refs++;
  keep(c, e);
  return e;
}

static void open_work(uv_work_t *work)
{
  struct job *j = work->data;

  j->error = lwt__open_beneath(j->content->dir, j->path, 0, &j->file);
}

static void on_opened(uv_work_t *work, int status)
{
  struct job *j = work->data;
  struct content *c = j->content;
  struct lwt__file file = j->file;
  struct lwt_resolver r;
  struct entry *e = NULL;
  int error = status ? LWT_ECANCELED : j->error;

  if (!error && !(e = entry_new(c, &file, j->path)))
    error = LWT_ENOMEM;
  r = job_end(j, 1);
  if (error)
    lwt_reject(&r, error, "content_open");
  else if (lwt_fulfill_owned(&r, e, drop_entry))
    drop_entry(e);
}

static lwt_t *open_in_pool(struct content *c, const char *path)
{
  size_t size = strlen(path) + 1;
  struct lwt_unix *u = lwt__unix_here();
  struct lwt_resolver r;
  struct job *j;
  lwt_t *p;

  if (!u)
    return lwt_fail(LWT_ENOMEM, "content_open");
  if (!(j = job_new(c, size, &p)))
    return p;
  memcpy(j->path, path, size);
  j->uv.work.data = j;
  if (uv_queue_work(u->loop, &j->uv.work, open_work, on_opened)) {
    r = job_end(j, 0);
    lwt_reject(&r, LWT_EIO, "content_open");
  } else {
    lwt__unix_add(&j->object, NULL, job_cut);
  }
  return p;
}

/* Whether what is kept for path is still what is there. */
static int holds(struct content *c, struct entry *e, const char *path)
{
  struct lwt_unix *u = lwt__unix_here();
  uint64_t now = u ? uv_now(u->loop) : 0;

  if (strcmp(e->path, path) != 0)
    return 0;
  if (e->seen && now - e->seen < lwt__content_times.path)
    return lwt__same_file(-1, NULL, &e->file);
  e->seen = now;
  return lwt__same_file(c->dir, path, &e->file);
}

static lwt_entry_p *content_open(struct lwt_content *content, const char *path)
{
  struct content *c = content_of(content);
  struct entry *e = *kept_at(c, path);
  struct lwt__file file;
  int error;

  if (e && holds(c, e, path)) {
    e->again = 1;
    e->refs++;
    return (lwt_entry_p *)lwt_return_owned(e, drop_entry);
  }
  error = lwt__open_beneath(c->dir, path, 1, &file);
  if (error == LWT_EMFILE) {
    forget(c);
    error = lwt__open_beneath(c->dir, path, 1, &file);
  }
  if (error == LWT_EAGAIN)
    return (lwt_entry_p *)open_in_pool(c, path);
  if (error)
    return lwt_entry_p_fail(error, "content_open");
  if (!(e = entry_new(c, &file, path)))
    return lwt_entry_p_fail(LWT_ENOMEM, "content_open");
  return (lwt_entry_p *)lwt_return_owned(e, drop_entry);
}

/* ---- Reading ----------------------------------------------------------- */

static int slices_of(struct lwt_buf *chain, uv_buf_t bufs[READ_PAGES])
{
  int n = 0;

  for (; chain; chain = chain->next)
    bufs[n++] = (uv_buf_t){ (char *)chain->data, chain->len };
  return n;
}

static void on_read(uv_fs_t *fs)
{
  struct job *j = fs->data;
  struct lwt_buf *chain = j->chain;
  struct entry *e = j->entry;
  ssize_t got = fs->result;
  struct lwt_resolver r;

  uv_fs_req_cleanup(fs);
  r = job_end(j, 1);
  entry_unref(e);
  if (got > 0)
    lwt_buf_trim(chain, chain->total - (uint32_t)got);
  if (got <= 0) {
    lwt_buf_free(chain);
    chain = NULL;
  }
  if (got < 0)
    lwt_reject(&r, lwt__unix_error((int)got), "content_read");
  else if (lwt_fulfill_owned(&r, chain, chain ? drop_chain : NULL))
    lwt_buf_free(chain);
}

/* Takes the chain. */
static lwt_t *read_in_pool(struct entry *e, struct lwt_buf *chain, uint64_t offset)
{
  uv_buf_t bufs[READ_PAGES];
  struct lwt_unix *u = lwt__unix_here();
  struct lwt_resolver r;
  struct job *j = NULL;
  lwt_t *p = NULL;
  int error;

  if (!u || !(j = job_new(e->content, 0, &p))) {
    lwt_buf_free(chain);
    return p ? p : lwt_fail(LWT_ENOMEM, "content_read");
  }
  j->uv.fs.data = j;
  error = uv_fs_read(u->loop, &j->uv.fs, e->file.fd, bufs,
                     (unsigned)slices_of(chain, bufs), (int64_t)offset, on_read);
  if (error) {
    uv_fs_req_cleanup(&j->uv.fs);
    lwt_buf_free(chain);
    r = job_end(j, 0);
    lwt_reject(&r, lwt__unix_error(error), "content_read");
    return p;
  }
  j->chain = chain;
  j->entry = e;
  e->refs++;
  lwt__unix_add(&j->object, NULL, job_cut);
  return p;
}

/* What is in memory.  Returns the bytes, or a value below 1 if there is none or
 * nobody knows. */
static ssize_t read_cached(struct entry *e, struct lwt_buf *chain, uint64_t offset)
{
#ifdef RWF_NOWAIT
  uv_buf_t bufs[READ_PAGES];
  ssize_t got;

  if (e->content->no_nowait)
    return 0;
  got = preadv2(e->file.fd, (struct iovec *)(void *)bufs, slices_of(chain, bufs),
                (off_t)offset, RWF_NOWAIT);
  if (got < 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
    e->content->no_nowait = 1;
  return got;
#else
  (void)e;
  (void)chain;
  (void)offset;
  return 0;
#endif
}

/* Whether a change from now on gives another time than the last. */
static int settled(const struct lwt__file *file)
{
  struct timespec now;

  return !clock_gettime(CLOCK_REALTIME_COARSE, &now) &&
    now.tv_sec - file->changed.tv_sec >= lwt__content_times.settled;
}

/* All of a small file into memory, if that takes no disk. */
static void remember(struct entry *e)
{
#ifdef RWF_NOWAIT
  struct iovec all = { NULL, (size_t)e->file.size };

  if (e->file.size > KEPT_SIZE || e->content->no_nowait || !settled(&e->file) ||
      !(all.iov_base = lwt__alloc(all.iov_len)))
    return;
  if (preadv2(e->file.fd, &all, 1, 0, RWF_NOWAIT) == (ssize_t)all.iov_len)
    e->bytes = lwt_buf_foreign(all.iov_base, (uint32_t)all.iov_len, lwt__free,
                               all.iov_base);
  if (!e->bytes)
    lwt__free(all.iov_base);
#else
  (void)e;
#endif
}

static lwt_content_buf_p *content_read(struct lwt_content *content,
                                       struct lwt_entry *entry, uint64_t offset,
                                       size_t len)
{
  struct entry *e = (struct entry *)entry;
  struct lwt_buf *chain;
  ssize_t got;

  (void)content;
  if (offset >= entry->size)
    return lwt_content_buf_p_return(NULL);
  if (len == 0)
    return lwt_content_buf_p_fail(LWT_EINVAL, "content_read");
  if (len > READ_PAGES * LWT_PAGE_SIZE)
    len = READ_PAGES * LWT_PAGE_SIZE;
  if (len > entry->size - offset)
    len = (size_t)(entry->size - offset);
  if (e->again && !e->bytes)
    remember(e);
  chain = e->bytes ? lwt_buf_slice(e->bytes, (uint32_t)offset, (uint32_t)len)
                   : lwt_buf_chain(0, (uint32_t)len);
  if (!chain)
    return lwt_content_buf_p_fail(LWT_ENOMEM, "content_read");
  if (e->bytes)
    return (lwt_content_buf_p *)lwt_return_owned(chain, drop_chain);
  got = read_cached(e, chain, offset);
  if (got <= 0)
    return (lwt_content_buf_p *)read_in_pool(e, chain, offset);
  lwt_buf_trim(chain, chain->total - (uint32_t)got);
  return (lwt_content_buf_p *)lwt_return_owned(chain, drop_chain);
}

static void content_close(struct lwt_content *content, struct lwt_entry *entry)
{
  (void)content;
  entry_unref((struct entry *)entry);
}

static lwt_t *content_free(struct lwt_content *content)
{
  struct content *c = content_of(content);

  c->freed = 1;
  forget(c);
  content_unref(c);
  return lwt_return(NULL);
}

static const struct lwt_content_ops content_ops = {
  .open = content_open,
  .read = content_read,
  .close = content_close,
  .free = content_free,
};

static int open_directory(const char *name, struct lwt_content **content)
{
  struct content *c = lwt__alloc(sizeof *c);
  int error;

  if (!c)
    return LWT_ENOMEM;
  memset(c, 0, sizeof *c);
  c->dir = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (c->dir < 0) {
    error = lwt__unix_errno();
    lwt__free(c);
    return error;
  }
  c->content.ops = &content_ops;
  c->refs = 1;
  *content = &c->content;
  return 0;
}

/* A file is opened read-only, so that several programs can have it. */
static int open_archive(const char *name, struct lwt_content **content)
{
  struct lwt_block *block;
  int error = strncmp(name, "file:", 5) ? lwt_platform_block(name, &block)
                                        : lwt_unix_block(name + 5, 1, &block);

  return error ? error : lwt_ustar(block, 0, content);
}

int lwt_platform_content(const char *name, struct lwt_content **content)
{
  if (strncmp(name, "ustar:", 6) == 0)
    return open_archive(name + 6, content);
  return open_directory(name, content);
}
