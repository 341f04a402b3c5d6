/* fs.h - what the files on files share: a system call in a worker thread.
 * SPDX-License-Identifier: ISC
 */
#ifndef LWT_UNIX_FS_H
#define LWT_UNIX_FS_H

#include "thread_internal.h"

#include <lwt-unix/file.h>

struct fs {
  struct work work;
  const char *what;
  /* In the worker: set error, or value and drop. */
  void (*call)(struct fs *fs);
  /* In the loop, once, however it ends, or NULL.  wanted: the call was made without
   * an error, and value is about to be received. */
  void (*done)(struct fs *fs, int wanted);
  int error;
  void *value;
  lwt_drop_fn *drop;
  /* Arguments, as call wants them. */
  struct lwt_file *file;
  struct lwt_dir *dir;
  struct lwt_buf *chain;
  void *into;
  int fd, flags;
  uint64_t offset;
  size_t len;
  const char *path, *path2; /* in text */
  char text[];
};

/* With copies of the strings (NULL: none) and `more` bytes behind them; NULL: no
 * memory. */
struct fs *lwt__fs_new(const char *path, const char *path2, size_t more);
/* fs NULL: rejected with LWT_ENOMEM. */
lwt_t *lwt__fs_start(struct fs *fs, const char *what, void (*call)(struct fs *));

/* fs.c: at once.  Returns 0 or the error. */
int lwt__fs_remove_all(const char *path);
/* whole.c: where temporary files go. */
const char *lwt__temp_root(const char *dir);

/* file.c.  A file; takes fd, unless it returns NULL: no memory. */
struct lwt_file *lwt__file_new(int fd);
/* What is under way in more than one call holds the file open. */
void lwt__file_ref(struct lwt_file *file);
void lwt__file_unref(struct lwt_file *file);

/* A flow at the position that fd shares with others; takes fd, unless it
 * returns NULL: no memory. */
struct lwt_flow *lwt__file_shared(int fd);
/* The same with the file's descriptor, which stays open meanwhile. */
lwt_t *lwt__fs_file(struct fs *fs, struct lwt_file *file, const char *what,
                    void (*call)(struct fs *));

#endif
