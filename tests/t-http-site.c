/* t-http-site.c - files over HTTP: paths, types, conditions, ranges.
 * SPDX-License-Identifier: ISC
 */
#include "tests/http.h"

#define GIB (UINT64_C(1) << 30)

/* ---- A tree of files in memory --------------------------------------------- */

struct memory_file {
  const char *name;
  uint64_t size;
  const char *bytes; /* NULL: 8-byte numbers, or what read_fails says */
  int open_fails, read_fails;
};

struct memory_entry {
  struct lwt_entry entry;
  const struct memory_file *file;
};

#define A1000                                                                 \
  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"          \
  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TEXT(name, text) { name, sizeof(text) - 1, text, 0, 0 }

static const struct memory_file files[] = {
  TEXT("index.html", "<h1>front</h1>"),
  TEXT("404.html", "<h1>ours</h1>"),
  TEXT("dir/index.html", "<h1>dir</h1>"),
  TEXT("a b.txt", "space"),
  TEXT("abc", "abcdefghijklmnopqrstuvwxyz"),
  TEXT("text.txt", A1000 A1000 A1000 A1000),
  TEXT("style.css", "css"), TEXT("x.js", "js"), TEXT("x.svg", "svg"),
  TEXT("x.png", "png"), TEXT("x.jpg", "jpg"), TEXT("x.ico", "ico"),
  TEXT("x.xml", "xml"), TEXT("x.atom", "atom"), TEXT("x.json", "{}"),
  TEXT("x.woff2", "woff2"), TEXT("x.pdf", "pdf"), TEXT("x.wasm", "wasm"),
  TEXT("empty", ""), TEXT("fresh", "fresh"),
  { "dir", 0, NULL, LWT_EISDIR, 0 },
  { "bare", 0, NULL, LWT_EISDIR, 0 },
  { "secret", 0, NULL, LWT_EACCES, 0 },
  { "busy", 0, NULL, LWT_EMFILE, 0 },
  { "broken", 0, NULL, LWT_EIO, 0 },
  { "bad", 10, NULL, 0, LWT_EIO },
  { "shrunk", 200000, NULL, 0, LWT_EPIPE },
  { "big", GIB, NULL, 0, 0 },
};

static struct {
  struct lwt_content content;
  const char *opened; /* the last */
  int entries;
  struct memory_file const *file;
  uint64_t offset;
  size_t len;
} tree;

static int path_ok(const char *path)
{
  size_t n;

  for (;; path += n + 1) {
    n = strcspn(path, "/");
    if (n == 0 || (n == 1 && path[0] == '.') || (n == 2 && strncmp(path, "..", 2) == 0))
      return 0;
    if (!path[n])
      return 1;
  }
}

static lwt_entry_p *memory_open(struct lwt_content *content, const char *path)
{
  struct memory_entry *e;
  size_t i;

  (void)content;
  if (!path_ok(path))
    return lwt_entry_p_fail(LWT_EINVAL, "open");
  for (i = 0; i < sizeof files / sizeof *files && strcmp(files[i].name, path); i++)
    ;
  if (i == sizeof files / sizeof *files)
    return lwt_entry_p_fail(LWT_ENOENT, "open");
  if (files[i].open_fails)
    return lwt_entry_p_fail(files[i].open_fails, "open");
  e = malloc(sizeof *e);
  e->entry = (struct lwt_entry){ files[i].size, 784000000, 0xabc0 + i };
  if (strcmp(path, "fresh") == 0)
    e->entry.mtime = http_clock() / 1000000000;
  e->file = &files[i];
  tree.entries++;
  return lwt_entry_p_return(&e->entry);
}

static void buf_free(void *chain)
{
  lwt_buf_free(chain);
}

/* The read that the tree remembers. */
static lwt_t *memory_bytes(void *env, void *value)
{
  const struct memory_file *f = tree.file;
  uint64_t at = tree.offset;
  struct lwt_buf *b;

  (void)env, (void)value;
  if (f->read_fails == LWT_EIO)
    return lwt_fail(LWT_EIO, "read");
  if (at >= f->size || (f->read_fails == LWT_EPIPE && at >= 100000))
    return lwt_return(NULL);
  if (tree.len > f->size - at)
    tree.len = (size_t)(f->size - at);
  if (f->bytes)
    b = lwt_buf_copy_in(0, f->bytes + at, (uint32_t)tree.len);
  else
    b = lwt_buf_chain(0, (uint32_t)tree.len);
  if (!b)
    return lwt_fail(LWT_ENOMEM, "read");
  for (struct lwt_buf *s = b; s && !f->bytes; at += s->len, s = s->next)
    for (uint32_t i = 0; i + 8 <= s->len; i += 8)
      memcpy(s->data + i, &(uint64_t){ at + i }, 8);
  return lwt_return_owned(b, buf_free);
}

static lwt_content_buf_p *memory_read(struct lwt_content *content,
                                      struct lwt_entry *entry, uint64_t offset,
                                      size_t len)
{
  (void)content;
  tree.file = ((struct memory_entry *)entry)->file;
  tree.offset = offset;
  tree.len = len;
  return (lwt_content_buf_p *)lwt_bind(lwt_pause(), memory_bytes, NULL);
}

static void memory_close(struct lwt_content *content, struct lwt_entry *entry)
{
  (void)content;
  tree.entries--;
  free(entry);
}

static const struct lwt_content_ops memory_ops = { memory_open, memory_read, memory_close,
                                                   NULL };
static struct lwt_http_site site = { &tree.content, "max-age=60" };
static const struct lwt_http_options options = { .handler = lwt_http_site, .env = &site };

/* ---- Tables ----------------------------------------------------------------- */

static void get(const char *path, const char *fields, const char *show, const char *want)
{
  char script[1024];
  struct http_talk t = { .options = options, .script = script, .show = show };

  snprintf(script, sizeof script,
           "GET %s HTTP/1.1\r\nHost: h\r\n%sConnection: close\r\n\r\n", path, fields);
  http_is(&t, want, "GET %s", path);
}

static void test_paths(void)
{
  static const char *const table[][2] = {
    { "/", "200 close '<h1>front</h1>'" },
    { "/index.html", "200 close '<h1>front</h1>'" },
    { "/dir/", "200 close '<h1>dir</h1>'" },
    { "/dir", "301 close Location=/dir/ page" },
    { "/dir?a=b&c", "301 close Location=/dir/?a=b&c page" },
    { "/d%69r", "301 close Location=/d%69r/ page" },
    { "/bare", "301 close Location=/bare/ page" },
    { "/bare/", "404 close '<h1>ours</h1>'" },
    { "/a%20b.txt", "200 close 'space'" },
    { "/%61bc", "200 close 'abcdefghijklmnopqrstuvwxyz'" },
    { "/abc?query", "200 close 'abcdefghijklmnopqrstuvwxyz'" },
    { "http://h/abc", "200 close 'abcdefghijklmnopqrstuvwxyz'" },
    { "http://h", "200 close '<h1>front</h1>'" },
    { "/abc/", "404 close '<h1>ours</h1>'" },
    { "/nothing", "404 close '<h1>ours</h1>'" },
    { "/..", "404 close '<h1>ours</h1>'" },
    { "/../etc/passwd", "404 close '<h1>ours</h1>'" },
    { "/dir/../abc", "404 close '<h1>ours</h1>'" },
    { "/%2e%2e/abc", "404 close '<h1>ours</h1>'" },
    { "/./abc", "404 close '<h1>ours</h1>'" },
    { "//abc", "404 close '<h1>ours</h1>'" },
    { "//dir", "404 close '<h1>ours</h1>'" },
    { "/dir//index.html", "404 close '<h1>ours</h1>'" },
    { "/..%2fabc", "400 close page" },
    { "/abc%00.html", "400 close page" },
    { "/secret", "403 close page" },
    { "/busy", "503 close page" },
    { "/broken", "500 close page" },
    { "/bad", "500 close page" },
    { "/shrunk", "200 close cut 131072 bytes" },
    { "/empty", "200 close ''" },
  };

  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    get(table[i][0], "", "Location", table[i][1]);
}

static void test_types(void)
{
  static const char *const table[][2] = {
    { "/", "text/html; charset=utf-8 '<h1>front</h1>'" },
    { "/style.css", "text/css; charset=utf-8 'css'" },
    { "/x.js", "text/javascript; charset=utf-8 'js'" },
    { "/x.svg", "image/svg+xml; charset=utf-8 'svg'" },
    { "/x.png", "image/png 'png'" },
    { "/x.jpg", "image/jpeg 'jpg'" },
    { "/x.ico", "image/x-icon 'ico'" },
    { "/a%20b.txt", "text/plain; charset=utf-8 'space'" },
    { "/x.xml", "application/xml; charset=utf-8 'xml'" },
    { "/x.atom", "application/atom+xml; charset=utf-8 'atom'" },
    { "/x.json", "application/json '{}'" },
    { "/x.woff2", "font/woff2 'woff2'" },
    { "/x.pdf", "application/pdf 'pdf'" },
    { "/x.wasm", "application/wasm 'wasm'" },
    { "/abc", "application/octet-stream 'abcdefghijklmnopqrstuvwxyz'" },
  };
  char want[200];

  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    snprintf(want, sizeof want, "200 close Content-Type=%s", table[i][1]);
    get(table[i][0], "", "Content-Type", want);
  }
  is_str(lwt_http_type("a/b.PNG"), "image/png", "an extension in capitals");
  is_str(lwt_http_type("a.tar.woff2"), "font/woff2", "the last extension counts");
  is_str(lwt_http_type("a.html/b"), "application/octet-stream", "a directory's does not");
  is_str(lwt_http_type(""), "application/octet-stream", "no name");
}

#define MTIME "Sat, 05 Nov 1994 01:46:40 GMT"  /* 784000000 */
#define BEFORE "Sat, 05 Nov 1994 01:46:39 GMT"
#define AFTER "Sat, 05 Nov 1994 01:46:41 GMT"
#define ETAG "\"abc4\""

static void test_conditions(void)
{
  static const char all[] = "200 close 'abcdefghijklmnopqrstuvwxyz'",
                    same[] = "304 close",
                    failed[] = "412 close page",
                    part[] = "206 close 'ab'";
  static const char *const table[][2] = {
    { "If-None-Match: " ETAG "\r\n", same },
    { "If-None-Match: W/" ETAG "\r\n", same },
    { "If-None-Match: *\r\n", same },
    { "If-None-Match: \"x\", " ETAG ", \"y\"\r\n", same },
    { "If-None-Match: \"a,b\",W/\"c\" ," ETAG "\r\n", same },
    { "If-None-Match: \"abc\"\r\n", all },
    { "If-None-Match: \"abc44\"\r\n", all },
    { "If-None-Match: abc4\r\n", all },
    { "If-None-Match: \"x\" junk " ETAG "\r\n", all },
    { "If-None-Match: \"x\r\n", all },
    { "If-None-Match:\r\n", all },
    { "If-Modified-Since: " MTIME "\r\n", same },
    { "If-Modified-Since: " AFTER "\r\n", same },
    { "If-Modified-Since: " BEFORE "\r\n", all },
    { "If-Modified-Since: Saturday, 05-Nov-94 01:46:40 GMT\r\n", same },
    { "If-Modified-Since: Sat Nov  5 01:46:40 1994\r\n", same },
    { "If-Modified-Since: yesterday\r\n", all },
    { "If-None-Match: \"x\"\r\nIf-Modified-Since: " MTIME "\r\n", all },
    { "If-None-Match: " ETAG "\r\nIf-Modified-Since: " BEFORE "\r\n", same },
    { "If-Match: " ETAG "\r\n", all },
    { "If-Match: *\r\n", all },
    { "If-Match: \"x\", " ETAG "\r\n", all },
    { "If-Match: W/" ETAG "\r\n", failed },
    { "If-Match: \"x\"\r\n", failed },
    { "If-Unmodified-Since: " MTIME "\r\n", all },
    { "If-Unmodified-Since: " BEFORE "\r\n", failed },
    { "If-Unmodified-Since: yesterday\r\n", all },
    { "If-Match: " ETAG "\r\nIf-Unmodified-Since: " BEFORE "\r\n", all },
    { "If-Match: " ETAG "\r\nIf-None-Match: " ETAG "\r\n", same },
    { "Range: bytes=0-1\r\nIf-Range: " ETAG "\r\n", part },
    { "Range: bytes=0-1\r\nIf-Range: " MTIME "\r\n", part },
    { "Range: bytes=0-1\r\nIf-Range: \"x\"\r\n", all },
    { "Range: bytes=0-1\r\nIf-Range: W/" ETAG "\r\n", all },
    { "Range: bytes=0-1\r\nIf-Range: " BEFORE "\r\n", all },
    { "Range: bytes=0-1\r\nIf-Range: " AFTER "\r\n", all },
    { "Range: bytes=0-1\r\nIf-Range: yesterday\r\n", all },
    { "Range: bytes=100-\r\nIf-Range: \"x\"\r\n", all },
    { "Range: bytes=0-1\r\nIf-None-Match: " ETAG "\r\n", same },
    { "Range: bytes=0-1\r\nIf-Match: \"x\"\r\n", failed },
  };

  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    get("/abc", table[i][0], NULL, table[i][1]);
  /* A date within the second of the last change says too little. */
  get("/fresh", "Range: bytes=0-1\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n", NULL,
      "200 close 'fresh'");
  get("/abc", "", "ETag,Last-Modified,Accept-Ranges,Cache-Control",
      "200 close ETag=" ETAG " Last-Modified=" MTIME " Accept-Ranges=bytes "
      "Cache-Control=max-age=60 'abcdefghijklmnopqrstuvwxyz'");
  get("/abc", "If-None-Match: *\r\n", "ETag,Last-Modified,Content-Type,Content-Length",
      "304 close ETag=" ETAG " Last-Modified=" MTIME);
}

static void test_ranges(void)
{
  static const char *const table[][2] = {
    { "0-0", "206 close Content-Range=bytes 0-0/26 Content-Length=1 'a'" },
    { "1-2", "206 close Content-Range=bytes 1-2/26 Content-Length=2 'bc'" },
    { "24-", "206 close Content-Range=bytes 24-25/26 Content-Length=2 'yz'" },
    { "24-99", "206 close Content-Range=bytes 24-25/26 Content-Length=2 'yz'" },
    { "-2", "206 close Content-Range=bytes 24-25/26 Content-Length=2 'yz'" },
    { "-99", "206 close Content-Range=bytes 0-25/26 Content-Length=26 "
             "'abcdefghijklmnopqrstuvwxyz'" },
    { "26-", "416 close Content-Range=bytes */26 Content-Length=163 page" },
    { "-0", "416 close Content-Range=bytes */26 Content-Length=163 page" },
    { "2-1", "200 close Content-Length=26 'abcdefghijklmnopqrstuvwxyz'" },
    { "x", "200 close Content-Length=26 'abcdefghijklmnopqrstuvwxyz'" },
    { "0-1,4-5", "206 close Content-Range=bytes 0-5/26 Content-Length=6 'abcdef'" },
    { "4-5,99-,0-1", "206 close Content-Range=bytes 0-5/26 Content-Length=6 'abcdef'" },
  };
  char fields[100];

  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    snprintf(fields, sizeof fields, "Range: bytes=%s\r\n", table[i][0]);
    get("/abc", fields, "Content-Range,Content-Length", table[i][1]);
  }
  get("/empty", "Range: bytes=0-\r\n", "Content-Range",
      "416 close Content-Range=bytes */0 page");
  get("/empty", "Range: bytes=-5\r\n", "Content-Range", "200 close ''");
}

static void test_multipart(void)
{
  static const char want[] =
    "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Range: bytes 0-2/512\r\n\r\n012\r\n"
    "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Range: bytes 500-511/512\r\n\r\n456789abcdef\r\n"
    "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Range: bytes 200-200/512\r\n\r\n8\r\n--%s--\r\n";
  struct http_talk t = { .options = options,
                         .script = "GET /text.txt HTTP/1.1\r\nHost: h\r\n"
                           "Range: bytes=0-2,-12,200-200\r\nConnection: close\r\n\r\n" };
  char *boundary, *body, text[1024];

  http_talk(&t);
  boundary = strstr(t.raw, "Content-Type: multipart/byteranges; boundary=");
  body = strstr(t.raw, "\r\n\r\n");
  if (ok(boundary && body && strncmp(t.raw, "HTTP/1.1 206 ", 13) == 0,
         "three ranges are multipart/byteranges")) {
    boundary = strdup(boundary + 45);
    boundary[strcspn(boundary, "\r")] = '\0';
    snprintf(text, sizeof text, want, boundary, boundary, boundary, boundary);
    is_str(body + 4, text, "each part as it should be");
    snprintf(text, sizeof text, "Content-Length: %zu\r\n", strlen(body + 4));
    ok(strstr(t.raw, text), "the length is right");
    ok(!strstr(t.raw, "boundary\r\nContent-Range"), "no Content-Range in the head");
    free(boundary);
  }
  free(t.raw);
}

static void test_head(void)
{
  struct http_talk t = { .options = options, .heads = 7,
                         .show = "Content-Length,Content-Range,Content-Type",
                         .script = "HEAD /abc HTTP/1.1\r\nHost: h\r\n\r\n"
                           "HEAD /abc HTTP/1.1\r\nHost: h\r\nRange: bytes=0-1\r\n\r\n"
                           "HEAD /nothing HTTP/1.1\r\nHost: h\r\n\r\n"
                           "POST / HTTP/1.1\r\nHost: h\r\n\r\n"
                           "OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" };

  http_is(&t, "200 Content-Length=26 Content-Type=application/octet-stream; "
              "200 Content-Length=26 Content-Type=application/octet-stream; "
              "404 Content-Length=13 Content-Type=text/html; charset=utf-8; "
              "405 Content-Length=157 Content-Type=text/html; charset=utf-8 page; "
              "405 close Content-Length=157 Content-Type=text/html; charset=utf-8 page",
          "HEAD has no body and ignores Range; other methods are refused");
}

/* ---- A large file ------------------------------------------------------------ */

struct download {
  struct lwt_frame frame;
  struct lwt_flow *flow;
  struct lwt_buf *chain;
  uint64_t at; /* in the file */
  size_t most; /* slices alive */
  int wrong;
};

static void check_numbers(struct download *d, const struct lwt_buf *s)
{
  for (uint32_t i = 0; i < s->len; i++, d->at++)
    d->wrong += s->data[i] != (uint8_t)((d->at & ~7u) >> (d->at & 7) * 8);
}

LWT_STEP download_step(struct lwt_frame *frame)
{
  static const char request[] = "GET /big HTTP/1.0\r\n\r\n";
  struct download *d = (struct download *)frame;
  struct lwt_buf *s;
  uint32_t head;
  char text[1024] = "";

  lwt_begin(d);
  lwt_await(d, lwt_flow_write(d->flow, request, sizeof request - 1));
  lwt_await(d, &d->chain, lwt_flow_read_buf(d->flow, 1000));
  lwt_buf_copy_out(d->chain, 0, text, 1000);
  head = (uint32_t)(strstr(text, "\r\n\r\n") + 4 - text);
  d->chain = lwt_buf_pull(d->chain, head);
  while (d->chain) {
    for (s = d->chain; s; s = s->next)
      check_numbers(d, s);
    if (lwt_buf_live() > d->most)
      d->most = lwt_buf_live();
    lwt_buf_free(d->chain);
    lwt_await(d, &d->chain, lwt_flow_read_buf(d->flow, 1 << 20));
  }
  is_int(d->at, GIB, "a file of 1 GiB arrives");
  is_int(d->wrong, 0, "byte-exact");
  ok(d->most < 128, "with %zu buffers in memory at most", d->most);
  lwt_flow_abort(d->flow);
  lwt_end(d);
}

static void test_large(void)
{
  struct lwt_virtual v;
  struct lwt_flow *ends[2];
  struct lwt_http_options o = options;
  lwt_t *server;

  lwt_virtual_init(&v);
  lwt_set_engine(&v.engine);
  if (lwt_pipe(ends, 65536))
    abort();
  server = lwt_http_serve_flow(ends[0], &o);
  lwt_run(lwt_join(LWT_PS(server, LWT_GO(struct download, download_step,
                                         .flow = ends[1]))));
  lwt_set_engine(NULL);
}

/* ---- Memory ------------------------------------------------------------------ */

static void everything(void *script)
{
  struct http_talk t = { .options = options, .script = script, .capacity = 5000 };

  http_talk(&t);
  free(t.raw);
}

static void ignore_lost(struct lwt_error error, const char *where)
{
  (void)error, (void)where;
}

static void test_memory(void)
{
#define R(method, path, fields) method " " path " HTTP/1.1\r\nHost: h\r\n" fields "\r\n"
  char *scripts[] = {
    R("GET", "/", "") R("GET", "/dir", "") R("GET", "/nothing", "Connection: close\r\n"),
    R("GET", "/text.txt", "Range: bytes=0-2,-12,200-200\r\n")
      R("GET", "/abc", "Range: bytes=1-2\r\nConnection: close\r\n"),
    R("HEAD", "/abc", "") R("GET", "/abc", "If-None-Match: *\r\n")
      R("GET", "/abc", "Range: bytes=99-\r\nConnection: close\r\n"),
    R("GET", "/shrunk", "") R("GET", "/bad", "Connection: close\r\n"),
  };

  lwt_on_lost(ignore_lost);
  for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
    struct lwt_test_result r = lwt_test_each_allocation(everything, NULL, scripts[i]);

    ok(r.runs > 0 && !r.alive && !r.lost, "every allocation fails in turn: %zu runs",
       r.runs);
    if (r.alive || r.lost)
      printf("# alive after %zu, leaked after %zu\n", r.alive, r.lost);
  }
}

int main(void)
{
  lwt_test_memory();
  lwt_on_lost(http_on_lost);
  tree.content.ops = &memory_ops;
  test_paths();
  test_types();
  test_conditions();
  test_ranges();
  test_multipart();
  test_head();
  test_large();
  test_memory();
  is_int(tree.entries, 0, "every file was closed");
  http_nothing_left();
  lwt_cleanup();
  return lwt_test_done();
}
