/* fs.c - a system call in a worker thread, and those that take paths.
 * SPDX-License-Identifier: ISC
 */
#define _GNU_SOURCE
#include "fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- A call ------------------------------------------------------------ */

struct fs *lwt__fs_new(const char *path, const char *path2, size_t more)
{
  size_t size = path ? strlen(path) + 1 : 0, size2 = path2 ? strlen(path2) + 1 : 0;
  struct fs *fs;

  if (more > SIZE_MAX / 2 || !(fs = lwt__alloc(sizeof *fs + size + size2 + more)))
    return NULL;
  memset(fs, 0, sizeof *fs);
  fs->fd = -1;
  if (path)
    fs->path = memcpy(fs->text, path, size);
  if (path2)
    fs->path2 = memcpy(fs->text + size, path2, size2);
  return fs;
}

static void fs_run(struct work *w)
{
  struct fs *fs = CONTAINER(w, struct fs, work);

  fs->call(fs);
}

static void fs_drop(struct work *w, int ran)
{
  struct fs *fs = CONTAINER(w, struct fs, work);

  if (ran && !fs->error && fs->drop)
    fs->drop(fs->value);
  if (fs->done)
    fs->done(fs, 0);
  lwt_buf_free(fs->chain);
  lwt__free(fs);
}

static void fs_settle(struct work *w, struct lwt_resolver *r)
{
  struct fs *fs = CONTAINER(w, struct fs, work);
  const char *what = fs->what;
  lwt_drop_fn *drop;
  void *value;
  int error = fs->error;

  if (fs->done)
    fs->done(fs, !error);
  value = fs->value;
  drop = fs->drop;
  lwt_buf_free(fs->chain);
  lwt__free(fs);
  if (error)
    lwt_reject(r, error, what);
  else
    lwt_fulfill_owned(r, value, drop);
}

lwt_t *lwt__fs_start(struct fs *fs, const char *what, void (*call)(struct fs *))
{
  if (!fs)
    return lwt_fail(LWT_ENOMEM, what);
  fs->what = what;
  fs->call = call;
  fs->work.run = fs_run;
  fs->work.settle = fs_settle;
  fs->work.drop = fs_drop;
  return lwt__work(&fs->work, POOL_SYSTEM, what, what);
}

static void result(struct fs *fs, int status)
{
  fs->error = status ? lwt__unix_errno() : 0;
}

/* ---- Names ------------------------------------------------------------- */

static void call_stat(struct fs *fs)
{
  struct stat *st = malloc(sizeof *st);

  if (!st) {
    fs->error = LWT_ENOMEM;
    return;
  }
  if (fs->path)
    result(fs, fs->flags ? stat(fs->path, st) : lstat(fs->path, st));
  else
    result(fs, fstat(fs->fd, st));
  if (fs->error) {
    free(st);
    return;
  }
  fs->value = st;
  fs->drop = free;
}

lwt_stat_p *lwt_path_stat(const char *path, int follow)
{
  struct fs *fs = lwt__fs_new(path, NULL, 0);

  if (fs)
    fs->flags = follow;
  return (lwt_stat_p *)lwt__fs_start(fs, "path_stat", call_stat);
}

lwt_stat_p *lwt_file_stat(struct lwt_file *file)
{
  struct fs *fs = lwt__fs_new(NULL, NULL, 0);

  return (lwt_stat_p *)lwt__fs_file(fs, file, "file_stat", call_stat);
}

static void call_rename(struct fs *fs)
{
  result(fs, rename(fs->path, fs->path2));
}

lwt_t *lwt_path_rename(const char *from, const char *to)
{
  return lwt__fs_start(lwt__fs_new(from, to, 0), "path_rename", call_rename);
}

static void call_unlink(struct fs *fs)
{
  result(fs, unlink(fs->path));
}

lwt_t *lwt_path_unlink(const char *path)
{
  return lwt__fs_start(lwt__fs_new(path, NULL, 0), "path_unlink", call_unlink);
}

static void call_mkdir(struct fs *fs)
{
  result(fs, mkdir(fs->path, (mode_t)fs->flags));
}

lwt_t *lwt_path_mkdir(const char *path, mode_t mode)
{
  struct fs *fs = lwt__fs_new(path, NULL, 0);

  if (fs)
    fs->flags = (int)mode;
  return lwt__fs_start(fs, "path_mkdir", call_mkdir);
}

static void call_rmdir(struct fs *fs)
{
  result(fs, rmdir(fs->path));
}

lwt_t *lwt_path_rmdir(const char *path)
{
  return lwt__fs_start(lwt__fs_new(path, NULL, 0), "path_rmdir", call_rmdir);
}

static void call_truncate(struct fs *fs)
{
  off_t size = (off_t)fs->offset;

  result(fs, fs->path ? truncate(fs->path, size) : ftruncate(fs->fd, size));
}

lwt_t *lwt_path_truncate(const char *path, uint64_t size)
{
  struct fs *fs = lwt__fs_new(path, NULL, 0);

  if (fs)
    fs->offset = size;
  return lwt__fs_start(fs, "path_truncate", call_truncate);
}

lwt_t *lwt_file_truncate(struct lwt_file *file, uint64_t size)
{
  struct fs *fs = lwt__fs_new(NULL, NULL, 0);

  if (fs)
    fs->offset = size;
  return lwt__fs_file(fs, file, "file_truncate", call_truncate);
}

static void call_sync(struct fs *fs)
{
  result(fs, fsync(fs->fd));
}

lwt_t *lwt_file_sync(struct lwt_file *file)
{
  return lwt__fs_file(lwt__fs_new(NULL, NULL, 0), file, "file_sync", call_sync);
}

/* ---- All below a directory --------------------------------------------- */

#define MAX_DEPTH 128

static int remove_below(int at, const char *name, int depth);

/* Takes fd. */
static int empty(int fd, int depth)
{
  DIR *dir = fdopendir(fd);
  struct dirent *entry;
  int error = 0;

  if (!dir) {
    error = lwt__unix_errno();
    close(fd);
    return error;
  }
  while (!error && (entry = readdir(dir)))
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
      error = remove_below(dirfd(dir), entry->d_name, depth + 1);
  closedir(dir);
  return error;
}

static int remove_below(int at, const char *name, int depth)
{
  int fd, error;

  if (unlinkat(at, name, 0) == 0)
    return 0;
  if (errno != EISDIR && errno != EPERM)
    return lwt__unix_errno();
  if (depth > MAX_DEPTH)
    return LWT_EFBIG;
  fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return lwt__unix_errno();
  if ((error = empty(fd, depth)))
    return error;
  return unlinkat(at, name, AT_REMOVEDIR) ? lwt__unix_errno() : 0;
}

int lwt__fs_remove_all(const char *path)
{
  return remove_below(AT_FDCWD, path, 0);
}

static void call_remove_all(struct fs *fs)
{
  fs->error = lwt__fs_remove_all(fs->path);
}

lwt_t *lwt_path_remove_all(const char *path)
{
  return lwt__fs_start(lwt__fs_new(path, NULL, 0), "path_remove_all", call_remove_all);
}
