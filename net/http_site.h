/* http_site.h - what the files of the HTTP site share.
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_HTTP_SITE_H
#define NET_HTTP_SITE_H

#include "http.h"

/* ---- Ranges (http_range.c) ---------------------------------------------- */

/* Asking for more is as good as asking for the whole. */
#define NET_HTTP_RANGES 16

struct net_http_range {
  uint64_t first, last; /* both included */
};

/* The value of a Range field for a file of size bytes: ranges in the order in
 * which they are asked for, those that overlap or nearly touch made one.
 * Returns how many; 0: the field is to be ignored (malformed, another unit,
 * too many); -1: no byte of it is in the file (416). */
int net_http_ranges(const char *text, uint64_t size,
                    struct net_http_range ranges[NET_HTTP_RANGES]);

/* ---- Bodies (http_file.c) ----------------------------------------------- */

/* Let response send two or more ranges of an open entry of content as
 * multipart/byteranges, each part with this type.  Takes entry.  Returns 0 or
 * LWT_ENOMEM. */
int net_http_set_ranges(struct lwt_http_response *response,
                        struct lwt_content *content, struct lwt_entry *entry,
                        const struct net_http_range *ranges, int n,
                        const char *type);

#endif
