/* dir.c - reading directories in batches.
 * SPDX-License-Identifier: ISC
 *
 * A cancelled read goes on in its thread, and the next one may begin in another:
 * the lock keeps them apart.
 */
#include "fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_NAMES 4096

struct lwt_dir {
  DIR *dir;
  pthread_mutex_t lock; /* of dir */
  unsigned refs;
  uint8_t rewind;
  struct fs *reader;
};

static void drop_dir(void *value)
{
  struct lwt_dir *d = value;

  closedir(d->dir);
  pthread_mutex_destroy(&d->lock);
  lwt__free(d);
}

static void unref(struct lwt_dir *d)
{
  if (--d->refs == 0)
    drop_dir(d);
}

/* ---- Opening ----------------------------------------------------------- */

static void call_open(struct fs *fs)
{
  int fd = open(fs->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct lwt_dir *d = fd < 0 ? NULL : lwt__alloc(sizeof *d);

  if (!d) {
    fs->error = fd < 0 ? lwt__unix_errno() : LWT_ENOMEM;
    if (fd >= 0)
      close(fd);
    return;
  }
  memset(d, 0, sizeof *d);
  if (!(d->dir = fdopendir(fd))) {
    fs->error = lwt__unix_errno();
    close(fd);
    lwt__free(d);
    return;
  }
  pthread_mutex_init(&d->lock, NULL);
  d->refs = 1;
  fs->value = d;
  fs->drop = drop_dir;
}

lwt_dir_p *lwt_dir_open(const char *path)
{
  return (lwt_dir_p *)lwt__fs_start(lwt__fs_new(path, NULL, 0), "dir_open", call_open);
}

/* ---- Reading ----------------------------------------------------------- */

struct text {
  char *bytes;
  size_t len, room, n;
};

static int add(struct text *t, const char *name)
{
  size_t size = strlen(name) + 1;
  char *more;

  if (t->len + size > t->room) {
    if (!(more = realloc(t->bytes, t->room * 2 + size + 1024)))
      return LWT_ENOMEM;
    t->bytes = more;
    t->room = t->room * 2 + size + 1024;
  }
  memcpy(t->bytes + t->len, name, size);
  t->len += size;
  t->n++;
  return 0;
}

static int collect(DIR *dir, size_t max, struct text *t)
{
  struct dirent *entry;
  int error = 0;

  while (!error && t->n < max) {
    errno = 0;
    if (!(entry = readdir(dir)))
      return errno ? lwt__unix_errno() : 0;
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
      error = add(t, entry->d_name);
  }
  return error;
}

/* One block: the pointers, and the names behind them. */
static struct lwt_names *pack(const struct text *t)
{
  struct lwt_names *names = malloc(sizeof *names + t->n * sizeof names->name[0] + t->len);
  char *to;
  size_t i;

  if (!names)
    return NULL;
  names->n = t->n;
  to = memcpy(&names->name[t->n], t->bytes, t->len);
  for (i = 0; i < t->n; i++) {
    names->name[i] = to;
    to += strlen(to) + 1;
  }
  return names;
}

static void call_read(struct fs *fs)
{
  struct text t = { NULL, 0, 0, 0 };

  pthread_mutex_lock(&fs->dir->lock);
  if (fs->flags)
    rewinddir(fs->dir->dir);
  fs->error = collect(fs->dir->dir, fs->len, &t);
  pthread_mutex_unlock(&fs->dir->lock);
  if (!fs->error && t.n) {
    fs->drop = free;
    if (!(fs->value = pack(&t)))
      fs->error = LWT_ENOMEM;
  }
  free(t.bytes);
}

static void read_done(struct fs *fs, int wanted)
{
  (void)wanted;
  if (fs->dir->reader == fs)
    fs->dir->reader = NULL;
  unref(fs->dir);
}

lwt_names_p *lwt_dir_read(struct lwt_dir *d, size_t max)
{
  struct fs *fs;

  if (d->reader && !lwt_unwanted(&d->reader->work.r))
    return lwt_names_p_fail(LWT_EBUSY, "dir_read");
  if (!max)
    return lwt_names_p_fail(LWT_EINVAL, "dir_read");
  if ((fs = lwt__fs_new(NULL, NULL, 0))) {
    fs->dir = d;
    fs->len = max > MAX_NAMES ? MAX_NAMES : max;
    fs->flags = d->rewind;
    fs->done = read_done;
    d->rewind = 0;
    d->reader = fs;
    d->refs++;
  }
  return (lwt_names_p *)lwt__fs_start(fs, "dir_read", call_read);
}

void lwt_dir_rewind(struct lwt_dir *d)
{
  d->rewind = 1;
}

void lwt_dir_close(void *dir)
{
  unref(dir);
}
