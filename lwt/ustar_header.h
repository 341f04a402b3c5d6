/* ustar_header.h - a header of an archive; not installed.
 * SPDX-License-Identifier: ISC
 */
#ifndef LWT_USTAR_HEADER_H
#define LWT_USTAR_HEADER_H

#include <lwt/memory.h>

#define USTAR_BLOCK 512u
#define USTAR_NAME 255u /* prefix, '/', name */

struct ustar_header {
  uint64_t size; /* of the data, in blocks that follow */
  int64_t mtime;
  uint8_t is_file, is_directory; /* else something to pass over */
  char name[USTAR_NAME + 2]; /* without "./" in front and '/' at the end */
};

/* Returns 1; 0: zeros, the end of the archive; LWT_EBADMSG, LWT_ENOTSUP. */
int lwt__ustar_parse(const uint8_t block[USTAR_BLOCK], struct ustar_header *h);

/* Whether a path has names between its '/', and none of them is "." or "..". */
int lwt__ustar_path(const char *path);

#endif
