/* lwt/ustar.h - an archive on a disk as a read-only tree of files.
 * SPDX-License-Identifier: ISC
 *
 * The format is POSIX.1's ustar, from the disk's first byte on:
 *
 *   tar --format=ustar -cf site.tar -C site .
 *
 * GNU's own, which tar writes by default, is taken as long as no name is longer than
 * 100 bytes.  Directories and regular files are there; of two with one name, the later
 * one.  Links and devices are passed over.  Names have up to 255 bytes.
 */
#ifndef LWT_USTAR_H
#define LWT_USTAR_H

#include <lwt/block.h>
#include <lwt/content.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The tree on a disk, which it takes, and closes when it is freed.  The archive's
 * headers are read once, from here on, and opening a file waits for that; if it
 * fails, so does opening, and the next one has it tried again.  What is known of the
 * files takes at most index_max bytes (0: 4 MiB; a file takes some 50 and its name).
 * Any number of reads may be under way.  Returns 0 or LWT_ENOMEM.
 *
 * Opening is rejected, besides content.h's errors and the disk's, with LWT_EBADMSG:
 * the archive is malformed: a wrong checksum, a field that is no number, data beyond
 * the end, a name that is absolute, empty or has ".."; LWT_ENOTSUP: it is in another
 * format, or has extended headers (GNU's, pax); LWT_ENODATA: it has no end;
 * LWT_EFBIG: index_max. */
LWT_API int lwt_ustar(struct lwt_block *block, size_t index_max,
                      struct lwt_content **content);

#ifdef __cplusplus
}
#endif

#endif
