/* lwt/content.h - contract: a read-only tree of files.
 * SPDX-License-Identifier: ISC
 *
 * Implemented by directories (lwt-unix) and archives on disks (ustar.h); used by the
 * HTTP server's sites.
 */
#ifndef LWT_CONTENT_H
#define LWT_CONTENT_H

#include <lwt/buffer.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lwt_content;

/* An open file.  Implementations embed it. */
struct lwt_entry {
  uint64_t size;  /* bytes */
  int64_t mtime;  /* Unix seconds */
  uint64_t etag;  /* changes when the content does */
};
LWT_PROMISE(lwt_entry_p, struct lwt_entry *);
LWT_PROMISE(lwt_content_buf_p, struct lwt_buf *);

struct lwt_content_ops {
  /* Open the file at a path relative to the root, '/' between names.  LWT_EINVAL
   * for "", an empty, "." or ".." component or a NUL; LWT_ENOENT;
   * LWT_EISDIR; symbolic links do not lead out of the root. */
  lwt_entry_p *(*open)(struct lwt_content *content, const char *path);
  /* 1 to len bytes from offset; NULL at or past the end of the file. */
  lwt_content_buf_p *(*read)(struct lwt_content *content,
                             struct lwt_entry *entry, uint64_t offset,
                             size_t len);
  void (*close)(struct lwt_content *content, struct lwt_entry *entry);
  /* Free the content; no entry may be open.  Fulfilled when what it was on is
   * closed, too. */
  lwt_t *(*free)(struct lwt_content *content);
};
struct lwt_content {
  const struct lwt_content_ops *ops;
};

#ifdef __cplusplus
}
#endif

#endif
