/* lwt-unix/file.h - files and directories as promises.
 * SPDX-License-Identifier: ISC
 *
 * System calls that may wait for a disk run in worker threads of their own (four
 * for all loops of the process, not those of lwt_detach()).  What the kernel has
 * in memory is read at once, without a thread, where it can tell (Linux).
 *
 * Rules for every function here, stated once:
 *
 *   Arguments   Paths and bytes to write are copied where they are used later: they
 *               need not outlive the call, except the bytes of a write, which
 *               stay valid until its promise settles, as everywhere.
 *   Cancelling  rejects at once.  A call that waits for a thread is never made;
 *               one that runs goes on, what it gives is dropped (an opened file
 *               is closed), and it no longer touches the caller's memory.  Whether
 *               a cancelled write, rename, ... has taken place is left unsaid.
 *   Errors      LWT_ENOENT, LWT_EACCES, LWT_ENOSPC ... as the system says, and
 *               LWT_ENOMEM, LWT_EAGAIN (too many calls wait for a thread).
 *   Descriptors are close-on-exec.
 */
#ifndef LWT_UNIX_FILE_H
#define LWT_UNIX_FILE_H

#include <lwt/flow.h>
#include <sys/stat.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic" /* flexible array members */
#endif

/* ---- Open files -------------------------------------------------------- */

struct lwt_file;
LWT_PROMISE(lwt_file_p, struct lwt_file *);
LWT_PROMISE(lwt_stat_p, struct stat *);

/* Open a file that has a position: a regular one, a disk, /dev/null.  flags and
 * mode as for open(2).  LWT_ENOTSUP for a pipe, a terminal or a socket: those
 * are lwt_unix_flow()'s. */
LWT_API lwt_file_p *lwt_file_open(const char *path, int flags,
                                  mode_t mode) LWT_MUST_USE;

/* The descriptor, still the file's. */
LWT_API int lwt_file_fd(const struct lwt_file *file);

/* 1 to len bytes from offset, 0 at the end of the file.  At most 128 KiB come at
 * a time.  Any number of these may be pending. */
LWT_API lwt_size_p *lwt_file_pread(struct lwt_file *file, void *bytes, size_t len,
                                   uint64_t offset) LWT_MUST_USE;
/* All of it, at offset. */
LWT_API lwt_t *lwt_file_pwrite(struct lwt_file *file, const void *bytes, size_t len,
                               uint64_t offset) LWT_MUST_USE;

/* The same at the file's position, which moves on when the promise is fulfilled
 * (a cancelled read loses no byte).  One of each at a time: LWT_EBUSY. */
LWT_API lwt_size_p *lwt_file_read(struct lwt_file *file, void *bytes,
                                  size_t len) LWT_MUST_USE;
LWT_API lwt_t *lwt_file_write(struct lwt_file *file, const void *bytes,
                              size_t len) LWT_MUST_USE;
/* The position, and another one; no system call. */
LWT_API uint64_t lwt_file_tell(const struct lwt_file *file);
LWT_API void lwt_file_seek(struct lwt_file *file, uint64_t position);

/* As a byte stream at the position, for readers, writers and lwt_flow_splice().
 * It is the same object: closing one closes the other.  shutdown does nothing,
 * there is no peer. */
LWT_API struct lwt_flow *lwt_file_flow(struct lwt_file *file);

/* Freed with free(). */
LWT_API lwt_stat_p *lwt_file_stat(struct lwt_file *file) LWT_MUST_USE;
/* What was written is on the disk (the data and what is needed to find it). */
LWT_API lwt_t *lwt_file_sync(struct lwt_file *file) LWT_MUST_USE;
LWT_API lwt_t *lwt_file_truncate(struct lwt_file *file, uint64_t size) LWT_MUST_USE;

/* For lwt_defer(): takes a struct lwt_file *, which may not be used any more.
 * The descriptor is closed when calls that are under way have returned.  Rejected
 * if the system says so (LWT_EIO, LWT_ENOSPC: a write before was lost). */
LWT_API lwt_t *lwt_file_close(void *file) LWT_MUST_USE;

/* ---- Names ------------------------------------------------------------- */

/* follow: of what a symbolic link leads to.  Freed with free(). */
LWT_API lwt_stat_p *lwt_path_stat(const char *path, int follow) LWT_MUST_USE;
LWT_API lwt_t *lwt_path_rename(const char *from, const char *to) LWT_MUST_USE;
LWT_API lwt_t *lwt_path_unlink(const char *path) LWT_MUST_USE;
LWT_API lwt_t *lwt_path_mkdir(const char *path, mode_t mode) LWT_MUST_USE;
LWT_API lwt_t *lwt_path_rmdir(const char *path) LWT_MUST_USE;
LWT_API lwt_t *lwt_path_truncate(const char *path, uint64_t size) LWT_MUST_USE;
/* path and all below it; symbolic links are removed, not followed.  LWT_EFBIG:
 * deeper than 128 directories. */
LWT_API lwt_t *lwt_path_remove_all(const char *path) LWT_MUST_USE;

/* ---- Directories ------------------------------------------------------- */

struct lwt_dir;
LWT_PROMISE(lwt_dir_p, struct lwt_dir *);

LWT_API lwt_dir_p *lwt_dir_open(const char *path) LWT_MUST_USE;

/* Some names of a directory, in no order; "." and ".." are left out.  Freed with
 * free(), in one piece. */
struct lwt_names {
  size_t n;
  const char *name[];
};
LWT_PROMISE(lwt_names_p, struct lwt_names *);

/* 1 to max names (at most 4096 come at a time), NULL at the end.  One read may be
 * pending: LWT_EBUSY.  The names of a cancelled one are lost. */
LWT_API lwt_names_p *lwt_dir_read(struct lwt_dir *dir, size_t max) LWT_MUST_USE;
/* The next read begins at the beginning. */
LWT_API void lwt_dir_rewind(struct lwt_dir *dir);
/* Any time; a pending read goes on. */
LWT_API void lwt_dir_close(void *dir);

/* ---- Temporary files --------------------------------------------------- */

/* A new file, open for reading and writing, mode 0600, in the directory dir (NULL:
 * $TMPDIR or /tmp).  It is removed when it is closed, or dropped unreceived. */
LWT_API lwt_file_p *lwt_file_temp(const char *dir) LWT_MUST_USE;
/* Its path; NULL for files that were not made by lwt_file_temp(). */
LWT_API const char *lwt_file_path(const struct lwt_file *file);

/* Call body(env, path) with a new directory, mode 0700, which is removed with all
 * that is in it when the promise that body returns has settled, either way. */
typedef lwt_t *lwt_temp_dir_fn(void *env, const char *path);
LWT_API lwt_t *lwt_with_temp_dir(const char *dir, lwt_temp_dir_fn *body,
                                 void *env) LWT_MUST_USE;

/* ---- Whole files ------------------------------------------------------- */

/* A file's bytes and a NUL after them.  Freed with free(). */
struct lwt_bytes {
  size_t len;
  char bytes[];
};
LWT_PROMISE(lwt_bytes_p, struct lwt_bytes *);

/* LWT_EFBIG if there are more than limit bytes. */
LWT_API lwt_bytes_p *lwt_file_load(const char *path, size_t limit) LWT_MUST_USE;

/* Replace the file at path, all or nothing: the bytes go to a new file beside it,
 * to the disk, and then it is renamed.  Whoever reads path sees the old bytes or
 * the new, after a crash too.  mode is not changed by the umask. */
LWT_API lwt_t *lwt_file_store(const char *path, const void *bytes, size_t len,
                              mode_t mode) LWT_MUST_USE;

#ifdef __cplusplus
#pragma GCC diagnostic pop
}
#endif

#endif
