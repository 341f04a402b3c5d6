/* block.c - a file, or a disk of the system's, as a struct lwt_block.
 * SPDX-License-Identifier: ISC
 *
 * What is under way holds the file, not the disk: closing waits for it.
 */
#define _GNU_SOURCE /* fallocate */
#include "fs.h"

#include <lwt/block.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct disk {
  struct lwt_block block;
  struct lwt_file *file;
  char name[];
};

static struct lwt_file *file_of(struct lwt_block *block)
{
  return ((struct disk *)block)->file;
}

/* ---- Reading ----------------------------------------------------------- */

struct reading {
  struct lwt_frame frame;
  struct lwt_file *file;
  uint8_t *to;
  size_t left, got;
  uint64_t offset;
};

static void end_reading(void *value)
{
  lwt__file_unref(((struct reading *)value)->file);
}

/* It was so long when it was opened: an end in the middle is an error. */
LWT_STEP reading_step(struct lwt_frame *frame)
{
  struct reading *s = (struct reading *)frame;

  lwt_begin(s);
  lwt_defer(s, end_reading, s);
  while (s->left) {
    lwt_await(s, &s->got, lwt_file_pread(s->file, s->to, s->left, s->offset));
    if (!s->got)
      lwt_throw(s, LWT_EIO, "block_read");
    s->to += s->got;
    s->left -= s->got;
    s->offset += s->got;
  }
  lwt_end(s);
}

static lwt_t *disk_read(struct lwt_block *block, uint64_t sector, void *bytes,
                        size_t sectors)
{
  struct lwt_file *file = file_of(block);

  lwt__file_ref(file);
  return LWT_GO_OR(struct reading, reading_step, end_reading, .file = file, .to = bytes,
                   .left = sectors * block->sector_size,
                   .offset = sector * block->sector_size);
}

/* ---- The rest ---------------------------------------------------------- */

static lwt_t *disk_write(struct lwt_block *block, uint64_t sector, const void *bytes,
                         size_t sectors)
{
  return lwt_file_pwrite(file_of(block), bytes, sectors * block->sector_size,
                         sector * block->sector_size);
}

static lwt_t *disk_flush(struct lwt_block *block)
{
  return lwt_file_sync(file_of(block));
}

static void call_discard(struct fs *fs)
{
#ifdef FALLOC_FL_PUNCH_HOLE
  if (fallocate(fs->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)fs->offset,
                (off_t)fs->len))
    fs->error = lwt__unix_errno();
#else
  fs->error = LWT_ENOTSUP;
#endif
}

static lwt_t *disk_discard(struct lwt_block *block, uint64_t sector, uint64_t sectors)
{
  struct fs *fs = lwt__fs_new(NULL, NULL, 0);

  if (fs) {
    fs->offset = sector * block->sector_size;
    fs->len = sectors * block->sector_size;
  }
  return lwt__fs_file(fs, file_of(block), "block_discard", call_discard);
}

static lwt_t *disk_close(struct lwt_block *block)
{
  struct lwt_file *file = file_of(block);

  lwt__free(block);
  return lwt_file_close(file);
}

static const struct lwt_block_ops disk_ops = {
  .read = disk_read,
  .write = disk_write,
  .flush = disk_flush,
  .discard = disk_discard,
  .close = disk_close,
};

/* ---- Opening ----------------------------------------------------------- */

static uint32_t flags_of(int readonly)
{
  if (readonly)
    return LWT_BLOCK_READONLY;
#ifdef FALLOC_FL_PUNCH_HOLE
  return LWT_BLOCK_DISCARD;
#else
  return 0;
#endif
}

/* Returns 0 and the bytes, or why it is no disk. */
static int size_of(int fd, uint64_t *size)
{
  struct stat st;
  off_t end;

  if (fstat(fd, &st))
    return lwt__unix_errno();
  if (S_ISDIR(st.st_mode))
    return LWT_EISDIR;
  if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
    return LWT_ENOTSUP;
  end = lseek(fd, 0, SEEK_END);
  if (end < 0)
    return lwt__unix_errno();
  *size = (uint64_t)end;
  return end % LWT_SECTOR_MIN ? LWT_EINVAL : 0;
}

/* Takes fd. */
static int make(int fd, const char *path, int readonly, struct lwt_block **block)
{
  uint64_t bytes = 0;
  int error = size_of(fd, &bytes);
  struct disk *d = NULL;

  if (!error && flock(fd, (readonly ? LOCK_SH : LOCK_EX) | LOCK_NB))
    error = errno == EWOULDBLOCK ? LWT_EBUSY : lwt__unix_errno();
  if (!error && !(d = lwt__alloc(sizeof *d + strlen(path) + 1)))
    error = LWT_ENOMEM;
  if (!error && !(d->file = lwt__file_new(fd)))
    error = LWT_ENOMEM;
  if (error) {
    lwt__free(d);
    close(fd);
    return error;
  }
  strcpy(d->name, path);
  d->block = (struct lwt_block){ .ops = &disk_ops,
                                 .name = d->name,
                                 .sectors = bytes / LWT_SECTOR_MIN,
                                 .sector_size = LWT_SECTOR_MIN,
                                 .optimal_size = LWT_PAGE_SIZE,
                                 .flags = flags_of(readonly) };
  *block = &d->block;
  return 0;
}

int lwt_unix_block(const char *path, int readonly, struct lwt_block **block)
{
  int fd = -1;

  if (!readonly) {
    fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno != EACCES && errno != EROFS && errno != EPERM)
      return lwt__unix_errno();
  }
  if (fd < 0) {
    readonly = 1;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  }
  return fd < 0 ? lwt__unix_errno() : make(fd, path, readonly, block);
}

int lwt_platform_block(const char *name, struct lwt_block **block)
{
  if (strncmp(name, "file:", 5) == 0)
    return lwt_unix_block(name + 5, 0, block);
  return lwt__block_named(name, block);
}
