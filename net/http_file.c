/* http_file.c - files as bodies of HTTP responses.
 * SPDX-License-Identifier: ISC
 *
 * A producer that reads a file window by window, and one that puts several
 * ranges of it together as multipart/byteranges (RFC 9110, 14.6).
 */
#include "http_site.h"

#include <inttypes.h>
#include <string.h>

static void buf_drop(void *chain)
{
  lwt_buf_free(chain);
}

static lwt_t *file_advance(void *file, void *value)
{
  struct net_http_file *f = file;
  struct lwt_buf *chain = value;

  if (!chain)
    return lwt_return(NULL);
  f->offset += chain->total;
  f->left -= chain->total < f->left ? chain->total : f->left;
  return lwt_return_owned(chain, buf_drop);
}

static lwt_buf_p *file_next(void *file, size_t max)
{
  struct net_http_file *f = file;
  size_t n = max < f->left ? max : (size_t)f->left;
  lwt_content_buf_p *p;

  if (n == 0)
    return lwt_buf_p_return(NULL);
  p = f->content->ops->read(f->content, f->entry, f->offset, n);
  return (lwt_buf_p *)lwt_bind(LWT_UNTYPED(p), file_advance, f);
}

static void file_drop(void *file)
{
  struct net_http_file *f = file;

  f->content->ops->close(f->content, f->entry);
}

int lwt_http_set_entry(struct lwt_http_response *response,
                       struct lwt_content *content, struct lwt_entry *entry,
                       uint64_t offset, uint64_t length)
{
  static const struct lwt_http_producer producer = { file_next, file_drop };

  lwt_http_set_producer(response, &producer, &response->file, length);
  response->file = (struct net_http_file){ content, entry, offset, length };
  return 0;
}

/* ---- Several ranges ----------------------------------------------------- */

#define PART_BYTES 256u

struct parts {
  struct net_http_file file; /* the present part */
  const char *type;
  char boundary[32];
  int n, next; /* the next part's head; n: the end; n + 1: nothing */
  struct net_http_range ranges[NET_HTTP_RANGES];
};

/* What stands in front of part i, or behind the last. */
static int part_head(const struct parts *p, int i, char text[PART_BYTES])
{
  const char *line = i > 0 ? "\r\n" : "";

  if (i == p->n)
    return snprintf(text, PART_BYTES, "%s--%s--\r\n", line, p->boundary);
  return snprintf(text, PART_BYTES,
                  "%s--%s\r\nContent-Type: %s\r\nContent-Range: bytes %" PRIu64
                  "-%" PRIu64 "/%" PRIu64 "\r\n\r\n",
                  line, p->boundary, p->type, p->ranges[i].first,
                  p->ranges[i].last, p->file.entry->size);
}

static lwt_buf_p *parts_next(void *parts, size_t max)
{
  struct parts *p = parts;
  char text[PART_BYTES];
  struct lwt_buf *head;
  int len;

  if (p->file.left > 0)
    return file_next(&p->file, max);
  if (p->next > p->n)
    return lwt_buf_p_return(NULL);
  len = part_head(p, p->next, text);
  head = lwt_buf_copy_in(0, text, (uint32_t)len);
  if (!head)
    return lwt_buf_p_fail(LWT_ENOMEM, "http ranges");
  if (p->next < p->n) {
    p->file.offset = p->ranges[p->next].first;
    p->file.left = p->ranges[p->next].last - p->file.offset + 1;
  }
  p->next++;
  return (lwt_buf_p *)lwt_return_owned(head, buf_drop);
}

static uint64_t parts_length(const struct parts *p)
{
  char text[PART_BYTES];
  uint64_t length = 0;

  for (int i = 0; i <= p->n; i++) {
    length += (uint64_t)part_head(p, i, text);
    if (i < p->n)
      length += p->ranges[i].last - p->ranges[i].first + 1;
  }
  return length;
}

static void parts_drop(void *parts)
{
  struct parts *p = parts;

  p->file.content->ops->close(p->file.content, p->file.entry);
  lwt__free(p);
}

/* Unlikely to be in the file by chance, and not the same for every file. */
static void set_boundary(struct parts *p)
{
  uint64_t x = (p->file.entry->etag ^ p->file.entry->size) * 0x9e3779b97f4a7c15u;

  snprintf(p->boundary, sizeof p->boundary, "part-%016" PRIx64,
           x ^ x >> 29 ^ (uint64_t)p->file.entry->mtime);
}

int net_http_set_ranges(struct lwt_http_response *response,
                        struct lwt_content *content, struct lwt_entry *entry,
                        const struct net_http_range *ranges, int n,
                        const char *type)
{
  static const struct lwt_http_producer producer = { parts_next, parts_drop };
  struct parts *p = lwt__alloc(sizeof *p);
  char text[64];

  if (!p) {
    content->ops->close(content, entry);
    return LWT_ENOMEM;
  }
  *p = (struct parts){ .file = { content, entry, 0, 0 }, .type = type, .n = n };
  memcpy(p->ranges, ranges, (size_t)n * sizeof *ranges);
  set_boundary(p);
  snprintf(text, sizeof text, "multipart/byteranges; boundary=%s", p->boundary);
  lwt_http_set_producer(response, &producer, p, parts_length(p));
  return lwt_http_add(response, "Content-Type", text);
}
