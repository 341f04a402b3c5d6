/* whole.c - whole files, and temporary directories.
 * SPDX-License-Identifier: ISC
 */
#define _GNU_SOURCE
#include "fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Load -------------------------------------------------------------- */

/* The next bytes: more than 0, 0 at the end, or an error. */
static ssize_t next_bytes(int fd, struct lwt_bytes **b, size_t *size, size_t limit)
{
  struct lwt_bytes *more;
  ssize_t got;

  if ((*b)->len == *size) {
    *size = *size < limit / 2 ? *size * 2 + 4096 : limit + 1;
    if (!(more = realloc(*b, sizeof *more + *size + 1)))
      return LWT_ENOMEM;
    *b = more;
  }
  do
    got = read(fd, (*b)->bytes + (*b)->len, *size - (*b)->len);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    return lwt__unix_errno();
  return (*b)->len + (size_t)got > limit ? LWT_EFBIG : got;
}

/* All of it.  A file may grow meanwhile, and those in /proc say that they are
 * empty. */
static int slurp(int fd, size_t size, size_t limit, struct lwt_bytes **out)
{
  struct lwt_bytes *b = malloc(sizeof *b + size + 1);
  ssize_t got;

  if (!b)
    return LWT_ENOMEM;
  b->len = 0;
  while ((got = next_bytes(fd, &b, &size, limit)) > 0)
    b->len += (size_t)got;
  if (got < 0) {
    free(b);
    return (int)got;
  }
  b->bytes[b->len] = '\0';
  *out = b;
  return 0;
}

static void call_load(struct fs *fs)
{
  int fd = open(fs->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct lwt_bytes *bytes = NULL;
  struct stat st;

  if (fd < 0 || fstat(fd, &st))
    fs->error = lwt__unix_errno();
  else if (S_ISREG(st.st_mode) && (uintmax_t)st.st_size > fs->len)
    fs->error = LWT_EFBIG;
  else
    fs->error = slurp(fd, (size_t)st.st_size + 1, fs->len, &bytes);
  if (fd >= 0)
    close(fd);
  fs->value = bytes;
  fs->drop = free;
}

lwt_bytes_p *lwt_file_load(const char *path, size_t limit)
{
  struct fs *fs = lwt__fs_new(path, NULL, 0);

  if (fs)
    fs->len = limit > SIZE_MAX / 4 ? SIZE_MAX / 4 : limit;
  return (lwt_bytes_p *)lwt__fs_start(fs, "file_load", call_load);
}

/* ---- Store ------------------------------------------------------------- */

static int write_fully(int fd, const char *bytes, size_t len)
{
  ssize_t put;

  while (len) {
    put = write(fd, bytes, len);
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return lwt__unix_errno();
    bytes += put;
    len -= (size_t)put;
  }
  return 0;
}

/* The directory of path, to sync the name. */
static int sync_dir(char *path)
{
  char *slash = strrchr(path, '/');
  int fd, error = 0;

  if (slash)
    slash[slash == path ? 1 : 0] = '\0';
  fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return lwt__unix_errno();
  if (fsync(fd) && errno != EINVAL)
    error = lwt__unix_errno();
  close(fd);
  return error;
}

static int store(struct fs *fs, char *temp)
{
  int error, fd = mkostemp(temp, O_CLOEXEC);

  if (fd < 0)
    return lwt__unix_errno();
  error = write_fully(fd, fs->into, fs->len);
  if (!error && (fchmod(fd, (mode_t)fs->flags) || fsync(fd)))
    error = lwt__unix_errno();
  if (close(fd) && !error)
    error = lwt__unix_errno();
  if (!error && rename(temp, fs->path))
    error = lwt__unix_errno();
  if (error) {
    unlink(temp);
    return error;
  }
  return sync_dir(temp);
}

static void call_store(struct fs *fs)
{
  size_t size = strlen(fs->path) + sizeof ".XXXXXX";
  char *temp = malloc(size);

  if (!temp) {
    fs->error = LWT_ENOMEM;
    return;
  }
  snprintf(temp, size, "%s.XXXXXX", fs->path);
  fs->error = store(fs, temp);
  free(temp);
}

lwt_t *lwt_file_store(const char *path, const void *bytes, size_t len, mode_t mode)
{
  struct fs *fs = lwt__fs_new(path, NULL, len);

  if (fs) {
    fs->into = fs->text + strlen(path) + 1;
    fs->len = len;
    fs->flags = (int)mode;
    if (len)
      memcpy(fs->into, bytes, len);
  }
  return lwt__fs_start(fs, "file_store", call_store);
}

/* ---- Temporary directories --------------------------------------------- */

const char *lwt__temp_root(const char *dir)
{
  if (!dir)
    dir = getenv("TMPDIR");
  return dir && *dir ? dir : "/tmp";
}

static void remove_dir(void *path)
{
  lwt__fs_remove_all(path);
  free(path);
}

static void call_temp_dir(struct fs *fs)
{
  size_t size = strlen(fs->path) + sizeof "/lwt-XXXXXX";
  char *path = malloc(size);

  if (!path) {
    fs->error = LWT_ENOMEM;
    return;
  }
  snprintf(path, size, "%s/lwt-XXXXXX", fs->path);
  if (!mkdtemp(path)) {
    fs->error = lwt__unix_errno();
    free(path);
    return;
  }
  fs->value = path;
  fs->drop = remove_dir;
}

/* Without memory for a call in a thread it happens here: nothing is left. */
static lwt_t *remove_temp_dir(void *path)
{
  lwt_t *p = lwt_path_remove_all(path);
  int error;

  if (lwt_state(p) == LWT_REJECTED) {
    lwt_error(p);
    lwt_drop(p);
    error = lwt__fs_remove_all(path);
    p = error ? lwt_fail(error, "temp_dir") : lwt_return(NULL);
  }
  free(path);
  return p;
}

struct temp_dir {
  struct lwt_frame frame;
  lwt_t *made;
  lwt_temp_dir_fn *body;
  void *env;
  char *path;
};

static void temp_dir_lost(void *value)
{
  lwt_drop(((struct temp_dir *)value)->made);
}

LWT_STEP temp_dir_step(struct lwt_frame *frame)
{
  struct temp_dir *t = (struct temp_dir *)frame;

  lwt_begin(t);
  lwt_await(t, &t->path, t->made);
  lwt_defer(t, remove_temp_dir, t->path);
  lwt_become(t, t->body(t->env, t->path));
  lwt_end(t);
}

lwt_t *lwt_with_temp_dir(const char *dir, lwt_temp_dir_fn *body, void *env)
{
  struct fs *fs = lwt__fs_new(lwt__temp_root(dir), NULL, 0);
  lwt_t *made = lwt__fs_start(fs, "temp_dir", call_temp_dir);

  return LWT_GO_OR(struct temp_dir, temp_dir_step, temp_dir_lost, .made = made,
                   .body = body, .env = env);
}
