/* open.c - open a regular file below a directory, and never anything else.
 * SPDX-License-Identifier: ISC
 *
 * openat2() does it in the kernel, symbolic links included.  Where there is none
 * the path is walked name by name, and symbolic links are refused.
 */
#define _GNU_SOURCE /* O_PATH */
#include "unix.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__has_include)
#if __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#endif
#endif

/* A FIFO must not block, a terminal not become ours. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

int lwt__no_openat2;

/* Whether every component of path is a name. */
static int is_valid(const char *path)
{
  size_t len;

  for (;; path += len + 1) {
    len = strcspn(path, "/");
    if (len == 0 || (len == 1 && path[0] == '.') || (len == 2 && !memcmp(path, "..", 2)))
      return 0;
    if (!path[len])
      return 1;
  }
}

#if defined(RESOLVE_BENEATH) && defined(SYS_openat2)
/* Returns the descriptor or -1; ENOSYS: not there. */
static int open_kernel(int dir, const char *path, int cached)
{
  struct open_how how;
  int fd, tries = 16;

  memset(&how, 0, sizeof how);
  how.flags = OPEN_FLAGS;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
#ifdef RESOLVE_CACHED
  if (cached)
    how.resolve |= RESOLVE_CACHED;
#else
  if (cached) {
    errno = EAGAIN;
    return -1;
  }
#endif
  /* EAGAIN: something was renamed meanwhile. */
  do
    fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
  while (fd < 0 && (errno == EINTR || (errno == EAGAIN && !cached)) && --tries);
  if (fd < 0 && cached && (errno == EINVAL || errno == EINTR))
    errno = EAGAIN; /* a kernel that does not know RESOLVE_CACHED */
  if (fd < 0 && errno == EPERM)
    errno = ENOSYS; /* a sandbox that does not know openat2() */
  return fd;
}
#else
static int open_kernel(int dir, const char *path, int cached)
{
  (void)dir;
  (void)path;
  (void)cached;
  errno = ENOSYS;
  return -1;
}
#endif

static int open_by_name(int dir, const char *path)
{
  char name[256];
  size_t len;
  int fd, next;

  for (fd = dir;; path += len + 1) {
    len = strcspn(path, "/");
    if (len >= sizeof name) {
      errno = ENAMETOOLONG;
      next = -1;
    } else {
      memcpy(name, path, len);
      name[len] = '\0';
      next = openat(fd, name, path[len] ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
                                        : OPEN_FLAGS | O_NOFOLLOW);
    }
    if (fd != dir) {
      int saved = errno;

      close(fd);
      errno = saved;
    }
    fd = next;
    if (fd < 0 || !path[len])
      return fd;
  }
}

/* What identifies this content of this file. */
static uint64_t etag_of(const struct stat *st)
{
  uint64_t words[3] = { (uint64_t)st->st_mtim.tv_sec * 1000000000u +
                          (uint64_t)st->st_mtim.tv_nsec,
                        (uint64_t)st->st_size, (uint64_t)st->st_ino };
  uint64_t h = 0;
  int i;

  for (i = 0; i < 3; i++) { /* splitmix64 */
    h += words[i] + 0x9e3779b97f4a7c15u;
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
    h = (h ^ h >> 27) * 0x94d049bb133111ebu;
    h ^= h >> 31;
  }
  return h;
}

static int examine(struct lwt__file *file)
{
  struct stat st;

  if (fstat(file->fd, &st))
    return lwt__unix_errno();
  if (S_ISDIR(st.st_mode))
    return LWT_EISDIR;
  if (!S_ISREG(st.st_mode))
    return LWT_EACCES;
  file->size = (uint64_t)st.st_size;
  file->mtime = st.st_mtim.tv_sec;
  file->etag = etag_of(&st);
  file->dev = st.st_dev;
  file->ino = st.st_ino;
  file->mode = st.st_mode;
  file->nlink = st.st_nlink;
  file->changed = st.st_ctim;
  return 0;
}

/* Names that have moved meanwhile may lead to the same file in another way, which was
 * found to be allowed before.  The tag has size and time of modification: two changes
 * may have the same time. */
int lwt__same_file(int dir, const char *path, const struct lwt__file *file)
{
  struct stat st;

  if (path ? fstatat(dir, path, &st, 0) : fstat(file->fd, &st))
    return 0;
  return st.st_dev == file->dev && st.st_ino == file->ino && st.st_mode == file->mode &&
    st.st_nlink == file->nlink && etag_of(&st) == file->etag &&
    st.st_ctim.tv_sec == file->changed.tv_sec &&
    st.st_ctim.tv_nsec == file->changed.tv_nsec;
}

int lwt__open_beneath(int dir, const char *path, int cached, struct lwt__file *file)
{
  int error;

  if (!is_valid(path))
    return LWT_EINVAL;
  file->fd = -1;
  errno = ENOSYS;
  if (!__atomic_load_n(&lwt__no_openat2, __ATOMIC_RELAXED))
    file->fd = open_kernel(dir, path, cached);
  if (file->fd < 0 && errno == ENOSYS) {
    __atomic_store_n(&lwt__no_openat2, 1, __ATOMIC_RELAXED);
    if (cached)
      return LWT_EAGAIN;
    file->fd = open_by_name(dir, path);
  }
  if (file->fd < 0) {
    if (errno == ENOTDIR) /* a name below a file */
      errno = ENOENT;
    if (errno == EXDEV) /* out of the root */
      errno = EACCES;
    return lwt__unix_errno();
  }
  error = examine(file);
  if (error)
    close(file->fd);
  return error;
}
