/* http_site.c - a handler that serves a tree of files.
 * SPDX-License-Identifier: ISC
 *
 * site_step() opens the file; respond() decides by the request's conditions
 * (RFC 9110, 13.2.2) and ranges (14.2) what of it is sent.  That a path does
 * not lead out of the tree is the content's business (lwt/content.h).
 */
#include "http_site.h"

#include <inttypes.h>
#include <string.h>

/* ---- Content types ------------------------------------------------------ */

static const struct {
  const char *extension, *type;
} types[] = {
  { "html", "text/html; charset=utf-8" },
  { "htm", "text/html; charset=utf-8" },
  { "css", "text/css; charset=utf-8" },
  { "js", "text/javascript; charset=utf-8" },
  { "mjs", "text/javascript; charset=utf-8" },
  { "txt", "text/plain; charset=utf-8" },
  { "md", "text/markdown; charset=utf-8" },
  { "xml", "application/xml; charset=utf-8" },
  { "atom", "application/atom+xml; charset=utf-8" },
  { "svg", "image/svg+xml; charset=utf-8" },
  { "json", "application/json" },
  { "png", "image/png" },
  { "jpg", "image/jpeg" },
  { "jpeg", "image/jpeg" },
  { "gif", "image/gif" },
  { "webp", "image/webp" },
  { "ico", "image/x-icon" },
  { "woff2", "font/woff2" },
  { "pdf", "application/pdf" },
  { "wasm", "application/wasm" },
};

const char *lwt_http_type(const char *name)
{
  const char *slash = strrchr(name, '/');
  const char *dot = strrchr(slash ? slash : name, '.');

  for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
    if (net_http_is(dot + 1, strlen(dot + 1), types[i].extension))
      return types[i].type;
  return "application/octet-stream";
}

/* ---- Conditions --------------------------------------------------------- */

struct site {
  struct lwt_frame frame;
  const struct lwt_http_site *site;
  const struct lwt_http_request *rq;
  const char *name; /* within the request's path, or owned, or constant */
  char *owned;
  struct lwt_entry *entry;
  struct lwt_error error;
  int status;
  size_t etag_len;
  char etag[24];
};

static void set_etag(struct site *s)
{
  static const char digit[] = "0123456789abcdef";
  uint64_t tag = s->entry->etag;
  int shift = 0;
  char *p = s->etag;

  while (shift < 60 && tag >> (shift + 4))
    shift += 4;
  *p++ = '"';
  for (; shift >= 0; shift -= 4)
    *p++ = digit[tag >> shift & 15];
  *p++ = '"';
  *p = '\0';
  s->etag_len = (size_t)(p - s->etag);
}

/* Whether etag is in a list of entity tags, or the list is "*".  Weak ones
 * (W/"...") count if weak. */
static int etag_in(const char *list, const char *etag, int weak)
{
  const char *end;
  int is_weak;

  if (strcmp(list, "*") == 0)
    return 1;
  for (;; list = end + 1) {
    list += strspn(list, ", \t");
    is_weak = strncmp(list, "W/", 2) == 0;
    list += is_weak ? 2 : 0;
    if (*list != '"' || !(end = strchr(list + 1, '"')))
      return 0;
    if ((weak || !is_weak) && strlen(etag) == (size_t)(end + 1 - list) &&
        strncmp(list, etag, strlen(etag)) == 0)
      return 1;
  }
}

/* Whether the file was changed after the date in a field: 1, 0, or -1 if there
 * is no such date. */
static int changed_since(const struct site *s, const char *field)
{
  const char *text = lwt_http_get(s->rq, field);
  int64_t date;

  if (!text || lwt_http_date_parse(text, s->rq->time, &date))
    return -1;
  return s->entry->mtime > date;
}

/* 0: go on, else 304 or 412. */
static int precondition(const struct site *s)
{
  const char *match = lwt_http_get(s->rq, "if-match");
  const char *none_match = lwt_http_get(s->rq, "if-none-match");

  if (match ? !etag_in(match, s->etag, 0)
            : changed_since(s, "if-unmodified-since") == 1)
    return 412;
  if (none_match ? etag_in(none_match, s->etag, 1)
                 : changed_since(s, "if-modified-since") == 0)
    return 304;
  return 0;
}

/* Whether Range counts: there is no If-Range, or it names this very file.  A
 * date says that only if the file was not changed within its second. */
static int range_counts(const struct site *s)
{
  const char *text = lwt_http_get(s->rq, "if-range");
  int64_t date;

  if (!text || *text == '"' || strncmp(text, "W/", 2) == 0)
    return !text || strcmp(text, s->etag) == 0;
  return lwt_http_date_parse(text, s->rq->time, &date) == 0 &&
    date == s->entry->mtime && s->rq->time > s->entry->mtime;
}

/* ---- Responses ---------------------------------------------------------- */

static int add_validators(const struct site *s, struct lwt_http_response *r)
{
  int64_t mtime = s->entry->mtime, now = s->rq->time;
  char date[LWT_HTTP_DATE];
  const char *cache = s->site->cache_control;

  lwt_http_date_format(date, now > 0 && mtime > now ? now : mtime);
  return NET_HTTP_ADD(r, "ETag", s->etag, s->etag_len) ||
    NET_HTTP_ADD(r, "Last-Modified", date, LWT_HTTP_DATE - 1) ||
    (cache && lwt_http_add(r, "Cache-Control", cache));
}

static int add_range(struct lwt_http_response *r,
                     const struct net_http_range *range, uint64_t size)
{
  char text[80];

  if (range)
    snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
             range->first, range->last, size);
  else
    snprintf(text, sizeof text, "bytes */%" PRIu64, size);
  return lwt_http_add(r, "Content-Range", text);
}

static struct lwt_entry *take_entry(struct site *s)
{
  struct lwt_entry *entry = s->entry;

  s->entry = NULL;
  return entry;
}

/* Part of the file, in n ranges. */
static int fill_ranges(struct site *s, struct lwt_http_response *r,
                       const struct net_http_range *ranges, int n)
{
  const char *type = lwt_http_type(s->name);

  if (n > 1)
    return net_http_set_ranges(r, s->site->content, take_entry(s), ranges, n,
                               type);
  return NET_HTTP_ADD(r, "Content-Type", type, strlen(type)) ||
    add_range(r, ranges, s->entry->size) ||
    lwt_http_set_entry(r, s->site->content, take_entry(s), ranges->first,
                       ranges->last - ranges->first + 1);
}

static int fill_whole(struct site *s, struct lwt_http_response *r)
{
  const char *type = lwt_http_type(s->name);
  uint64_t size = s->entry->size;

  return NET_HTTP_ADD(r, "Content-Type", type, strlen(type)) ||
    lwt_http_set_entry(r, s->site->content, take_entry(s), 0, size);
}

/* The response for the open file, NULL if memory is out. */
static struct lwt_http_response *respond(struct site *s)
{
  const char *range = lwt_http_get(s->rq, "range");
  struct net_http_range ranges[NET_HTTP_RANGES];
  int status = precondition(s), n = 0, failed;
  struct lwt_http_response *r;

  if (!status && range && s->rq->method == LWT_HTTP_GET && range_counts(s))
    n = net_http_ranges(range, s->entry->size, ranges);
  if (!status)
    status = n > 0 ? 206 : n < 0 ? 416 : 200;
  r = status >= 400 ? lwt_http_page(status) : lwt_http_response_new(status);
  if (!r)
    return NULL;
  if (status == 416)
    failed = add_range(r, NULL, s->entry->size);
  else if (status == 412)
    failed = 0;
  else
    failed = add_validators(s, r) ||
      (status != 304 && NET_HTTP_ADD(r, "Accept-Ranges", "bytes", 5)) ||
      (status == 206 && fill_ranges(s, r, ranges, n)) ||
      (status == 200 && fill_whole(s, r));
  if (failed) {
    lwt_http_response_free(r);
    return NULL;
  }
  return r;
}

/* "/dir" to "/dir/". */
static struct lwt_http_response *redirect(const struct lwt_http_request *rq)
{
  struct lwt_http_response *r = lwt_http_page(301);
  size_t size = strlen(rq->target) + (rq->query ? strlen(rq->query) : 0) + 3;
  char *location = lwt__alloc(size);
  int error = LWT_ENOMEM;

  if (r && location) {
    snprintf(location, size, "%s/%s%s", rq->target, rq->query ? "?" : "",
             rq->query ? rq->query : "");
    error = lwt_http_add(r, "Location", location);
  }
  lwt__free(location);
  if (error) {
    lwt_http_response_free(r);
    return error == LWT_ENOBUFS ? lwt_http_page(414) : NULL;
  }
  return r;
}

/* ---- The handler -------------------------------------------------------- */

/* The file for a path: "/a/" is "a/index.html".  Returns 0 or LWT_ENOMEM. */
static int set_name(struct site *s)
{
  const char *path = s->rq->path;
  size_t n = strlen(path);

  s->name = path + 1;
  if (path[n - 1] != '/')
    return 0;
  s->name = s->owned = lwt__alloc(n + sizeof "index.html");
  if (!s->owned)
    return LWT_ENOMEM;
  memcpy(s->owned, path + 1, n);
  strcpy(s->owned + n - 1, "index.html");
  return 0;
}

static void site_end(void *site)
{
  struct site *s = site;

  if (s->entry)
    s->site->content->ops->close(s->site->content, s->entry);
  lwt__free(s->owned);
}

static lwt_entry_p *open_entry(const struct site *s, const char *name)
{
  return s->site->content->ops->open(s->site->content, name);
}

static int status_of(int code)
{
  switch (code) {
  case LWT_ENOENT:
  case LWT_ENOTDIR:
  case LWT_EISDIR:
  case LWT_EINVAL:
  case LWT_ENAMETOOLONG:
    return 404;
  case LWT_EACCES:
  case LWT_EPERM:
    return 403;
  default:
    return 0;
  }
}

/* The page for a status: the site's own, if it has been opened. */
static struct lwt_http_response *error_page(struct site *s, int status)
{
  struct lwt_http_response *r;

  if (!s->entry)
    return lwt_http_page(status);
  r = lwt_http_response_new(status);
  if (r && fill_whole(s, r)) {
    lwt_http_response_free(r);
    return NULL;
  }
  return r;
}

LWT_STEP site_step(struct lwt_frame *frame)
{
  struct site *s = (struct site *)frame;
  struct lwt_http_response *r;

  lwt_begin(s);
  lwt_defer(s, site_end, s);
  if (s->rq->path[0] != '/')
    lwt_become(s, lwt_http_return(lwt_http_page(404)));
  if (set_name(s))
    lwt_throw(s, LWT_ENOMEM, "http site");
  lwt_await_error(s, &s->error, &s->entry, open_entry(s, s->name));
  if (s->error.code == 0) {
    set_etag(s);
    r = respond(s);
  } else if (s->error.code == LWT_EISDIR) {
    r = redirect(s->rq);
  } else {
    s->status = status_of(s->error.code);
    if (!s->status)
      lwt_throw(s, s->error.code, s->error.what);
    s->name = "404.html";
    if (s->status == 404)
      lwt_await_error(s, &s->error, &s->entry, open_entry(s, s->name));
    r = error_page(s, s->status);
  }
  if (!r)
    lwt_throw(s, LWT_ENOMEM, "http site");
  lwt_finish_owned(s, r, lwt_http_response_free);
  lwt_end(s);
}

lwt_http_response_p *lwt_http_site(void *env, const struct lwt_http_request *rq)
{
  if (!(rq->method & (LWT_HTTP_GET | LWT_HTTP_HEAD)))
    return lwt_http_return(lwt_http_page(405));
  return (lwt_http_response_p *)LWT_GO(struct site, site_step, .site = env,
                                       .rq = rq);
}
