/* http_parse.c - requests of HTTP/1.1: the head.
 * SPDX-License-Identifier: ISC
 *
 * Strict by RFC 9112, because what two implementations read differently is how
 * requests are smuggled: lines end in CRLF and in nothing else, no folded
 * lines, no white space before a colon, one Host, one Content-Length, one
 * Transfer-Encoding which is "chunked", never both.  The one thing forgiven is
 * an empty line before a request (RFC 9112, 2.2).
 *
 * net_http_parse_head() scans for line ends; take_line() gives each line to
 * request_line() or field_line(); finish() judges the whole.
 */
#include "http_parse.h"

#include <string.h>

enum {
  TOKEN = 1,  /* RFC 9110 tchar */
  TARGET = 2, /* RFC 3986 path and query, and what browsers leave as it is */
  HOST = 4,   /* RFC 3986 host and port */
  VALUE = 8   /* RFC 9110 field-vchar, SP, HTAB */
};

static const uint8_t class_of[256] = {
  ['\t'] = VALUE,
  [' '] = VALUE,
  ['!'] = TOKEN | TARGET | HOST | VALUE,
  ['"'] = VALUE,
  ['#'] = TOKEN | VALUE,
  ['$'] = TOKEN | TARGET | HOST | VALUE,
  ['%'] = TOKEN | TARGET | HOST | VALUE,
  ['&'] = TOKEN | TARGET | HOST | VALUE,
  ['\''] = TOKEN | TARGET | HOST | VALUE,
  ['('] = TARGET | HOST | VALUE,
  [')'] = TARGET | HOST | VALUE,
  ['*'] = TOKEN | TARGET | HOST | VALUE,
  ['+'] = TOKEN | TARGET | HOST | VALUE,
  [','] = TARGET | HOST | VALUE,
  ['-'] = TOKEN | TARGET | HOST | VALUE,
  ['.'] = TOKEN | TARGET | HOST | VALUE,
  ['/'] = TARGET | VALUE,
  ['0' ... '9'] = TOKEN | TARGET | HOST | VALUE,
  [':'] = TARGET | HOST | VALUE,
  [';'] = TARGET | HOST | VALUE,
  ['<'] = VALUE,
  ['='] = TARGET | HOST | VALUE,
  ['>'] = VALUE,
  ['?'] = TARGET | VALUE,
  ['@'] = TARGET | VALUE,
  ['A' ... 'Z'] = TOKEN | TARGET | HOST | VALUE,
  ['['] = TARGET | HOST | VALUE,
  ['\\'] = VALUE,
  [']'] = TARGET | HOST | VALUE,
  ['^'] = TOKEN | TARGET | VALUE,
  ['_'] = TOKEN | TARGET | HOST | VALUE,
  ['`'] = TOKEN | VALUE,
  ['a' ... 'z'] = TOKEN | TARGET | HOST | VALUE,
  ['{'] = VALUE,
  ['|'] = TOKEN | TARGET | VALUE,
  ['}'] = VALUE,
  ['~'] = TOKEN | TARGET | HOST | VALUE,
  [128 ... 255] = VALUE,
};

static const struct {
  enum lwt_http_method method;
  const char *name;
} methods[] = {
  { LWT_HTTP_GET, "GET" },       { LWT_HTTP_HEAD, "HEAD" },
  { LWT_HTTP_POST, "POST" },     { LWT_HTTP_PUT, "PUT" },
  { LWT_HTTP_PATCH, "PATCH" },   { LWT_HTTP_DELETE, "DELETE" },
  { LWT_HTTP_OPTIONS, "OPTIONS" },
};
#define N_METHODS (sizeof methods / sizeof *methods)

/* ---- Text --------------------------------------------------------------- */

static int all_of(const char *text, size_t len, int class)
{
  for (size_t i = 0; i < len; i++)
    if (!(class_of[(uint8_t)text[i]] & class))
      return 0;
  return 1;
}

static char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

int net_http_is_token(const char *text, size_t len)
{
  return len > 0 && all_of(text, len, TOKEN);
}

int net_http_is_value(const char *text, size_t len)
{
  return all_of(text, len, VALUE);
}

int net_http_is(const char *text, size_t len, const char *name)
{
  for (size_t i = 0; i < len; i++)
    if (!name[i] || lower(text[i]) != lower(name[i]))
      return 0;
  return !name[len];
}

static void trim(const char **text, size_t *len)
{
  while (*len > 0 && (**text == ' ' || **text == '\t')) {
    ++*text;
    --*len;
  }
  while (*len > 0 && ((*text)[*len - 1] == ' ' || (*text)[*len - 1] == '\t'))
    --*len;
}

int net_http_next(const char **list, size_t *len, const char **element,
                  size_t *element_len)
{
  while (*len > 0) {
    const char *comma = memchr(*list, ',', *len);
    size_t n = comma ? (size_t)(comma - *list) : *len;

    *element = *list;
    *element_len = n;
    trim(element, element_len);
    *list += n + (comma != NULL);
    *len -= n + (comma != NULL);
    if (*element_len > 0)
      return 1;
  }
  return 0;
}

const char *lwt_http_method_name(enum lwt_http_method method)
{
  for (size_t i = 0; i < N_METHODS; i++)
    if (methods[i].method == method)
      return methods[i].name;
  return "-";
}

int net_http_hex(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int net_http_decode_path(char *out, const char *path, size_t len)
{
  size_t n = 0;

  for (size_t i = 0; i < len; i++) {
    char c = path[i];

    if (c == '%') {
      int high = len - i > 2 ? net_http_hex(path[i + 1]) : -1;
      int low = high >= 0 ? net_http_hex(path[i + 2]) : -1;

      if (low < 0)
        return -1;
      c = (char)(high * 16 + low);
      if (c == '/')
        return -1;
      i += 2;
    }
    if (c == '\0')
      return -1;
    out[n++] = c;
  }
  out[n] = '\0';
  return (int)n;
}

size_t net_http_number(const char *text, size_t len, uint64_t *value)
{
  size_t i;

  *value = 0;
  for (i = 0; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
    uint64_t digit = (uint64_t)(text[i] - '0');

    *value = *value > (UINT64_MAX - digit) / 10 ? UINT64_MAX
                                                : *value * 10 + digit;
  }
  return i;
}

/* ---- The request line --------------------------------------------------- */

static int refuse(struct net_http_head *h, int status, const char *why)
{
  h->status = status;
  h->why = why;
  return -status;
}

static struct net_http_slice slice(const struct net_http_head *h,
                                   const char *line, const char *at, size_t len)
{
  return (struct net_http_slice){ h->line + (uint32_t)(at - line),
                                  (uint32_t)len };
}

/* "[" an IPv6 address "]" or a name, then a port, or nothing. */
static int host_ok(const char *host, size_t len)
{
  uint64_t port;
  size_t i = 0;

  if (!all_of(host, len, HOST))
    return 0;
  if (len > 0 && host[0] == '[') {
    for (i = 1; i < len && host[i] != ']'; i++)
      if (host[i] != ':' && host[i] != '.' && net_http_hex(host[i]) < 0)
        return 0;
    if (i < 3 || i++ == len)
      return 0;
  } else {
    while (i < len && host[i] != ':' && host[i] != '[' && host[i] != ']')
      i++;
  }
  if (i == len)
    return 1;
  if (host[i++] != ':' || len - i > 5)
    return 0;
  return net_http_number(host + i, len - i, &port) == len - i;
}

/* "http://host/path": take the host off. */
static int absolute_target(struct net_http_head *h, const char *line,
                           const char **target, size_t *len)
{
  size_t skip = *len > 7 && net_http_is(*target, 7, "http://") ? 7
    : *len > 8 && net_http_is(*target, 8, "https://")          ? 8
                                                               : 0;
  size_t n = 0;

  if (skip == 0)
    return refuse(h, 400, "malformed target");
  *target += skip;
  *len -= skip;
  while (n < *len && (*target)[n] != '/' && (*target)[n] != '?')
    n++;
  if (n == 0 || !host_ok(*target, n))
    return refuse(h, 400, "malformed host in target");
  h->host = slice(h, line, *target, n);
  h->absolute = 1;
  *target += n;
  *len -= n;
  return 0;
}

static int take_target(struct net_http_head *h, const char *line,
                       const char *target, size_t len)
{
  const char *query;

  if (len == 0 || !all_of(target, len, TARGET))
    return refuse(h, 400, "malformed target");
  if (len == 1 && *target == '*') {
    if (h->method != LWT_HTTP_OPTIONS)
      return refuse(h, 400, "target * is for OPTIONS");
  } else if (*target != '/') {
    int error = absolute_target(h, line, &target, &len);

    if (error)
      return error;
  }
  query = memchr(target, '?', len);
  if (query) {
    h->has_query = 1;
    h->query = slice(h, line, query + 1, len - (size_t)(query + 1 - target));
    len = (size_t)(query - target);
  }
  h->path = slice(h, line, target, len);
  return 0;
}

/* HTTP/1.2 and above, should they ever come, are answered as 1.1. */
static int take_version(struct net_http_head *h, const char *text, size_t len)
{
  if (len != 8 || memcmp(text, "HTTP/", 5) != 0 || text[6] != '.' ||
      text[5] < '0' || text[5] > '9' || text[7] < '0' || text[7] > '9')
    return refuse(h, 400, "malformed version");
  if (text[5] != '1')
    return refuse(h, 505, "not HTTP/1");
  h->minor = text[7] != '0';
  return 0;
}

static int request_line(struct net_http_head *h, const char *line, size_t len)
{
  const char *space = memchr(line, ' ', len);
  size_t n = space ? (size_t)(space - line) : 0;
  const char *target = line + n + 1, *end;
  int error;

  if (!space || !net_http_is_token(line, n))
    return refuse(h, 400, "malformed request line");
  end = memchr(target, ' ', len - n - 1);
  if (!end)
    return refuse(h, 400, "malformed request line");
  error = take_version(h, end + 1, len - (size_t)(end + 1 - line));
  if (error)
    return error;
  for (size_t i = 0; i < N_METHODS; i++)
    if (strlen(methods[i].name) == n && memcmp(methods[i].name, line, n) == 0)
      h->method = methods[i].method;
  if (!h->method)
    return refuse(h, 501, "unknown method");
  return take_target(h, line, target, (size_t)(end - target));
}

/* ---- Fields ------------------------------------------------------------- */

static int take_length(struct net_http_head *h, const char *value, size_t len)
{
  if (h->lengths++ > 0)
    return refuse(h, 400, "more than one Content-Length");
  if (len == 0 || net_http_number(value, len, &h->length) != len)
    return refuse(h, 400, "malformed Content-Length");
  return 0;
}

static int take_coding(struct net_http_head *h, const char *value, size_t len)
{
  const char *coding;
  size_t n, codings = 0;

  if (h->codings++ > 0)
    return refuse(h, 400, "more than one Transfer-Encoding");
  while (net_http_next(&value, &len, &coding, &n)) {
    if (h->chunked)
      return refuse(h, 400, "a coding after chunked");
    h->chunked = net_http_is(coding, n, "chunked");
    codings++;
  }
  if (!h->chunked)
    return refuse(h, 400, "a body without an end");
  if (codings > 1)
    return refuse(h, 501, "unknown transfer coding");
  return 0;
}

static int take_host(struct net_http_head *h, const char *value, size_t len)
{
  if (h->hosts++ > 0)
    return refuse(h, 400, "more than one Host");
  if (!host_ok(value, len))
    return refuse(h, 400, "malformed Host");
  return 0;
}

static int take_connection(struct net_http_head *h, const char *value,
                           size_t len)
{
  const char *option;
  size_t n;

  while (net_http_next(&value, &len, &option, &n)) {
    if (net_http_is(option, n, "close"))
      h->close = 1;
    else if (net_http_is(option, n, "keep-alive"))
      h->keep_alive = 1;
  }
  return 0;
}

static int take_expect(struct net_http_head *h, const char *value, size_t len)
{
  if (h->minor == 0)
    return 0;
  if (!net_http_is(value, len, "100-continue"))
    return refuse(h, 417, "unknown expectation");
  h->expect_continue = 1;
  return 0;
}

/* The fields that decide where the request ends and what follows it. */
static int judge_field(struct net_http_head *h, const char *name, size_t n,
                       const char *value, size_t len)
{
  switch (n) {
  case 4:
    return net_http_is(name, n, "host") ? take_host(h, value, len) : 0;
  case 6:
    return net_http_is(name, n, "expect") ? take_expect(h, value, len) : 0;
  case 10:
    return net_http_is(name, n, "connection") ? take_connection(h, value, len)
                                              : 0;
  case 14:
    return net_http_is(name, n, "content-length") ? take_length(h, value, len)
                                                  : 0;
  case 17:
    return net_http_is(name, n, "transfer-encoding")
      ? take_coding(h, value, len)
      : 0;
  default:
    return 0;
  }
}

static int field_line(struct net_http_head *h, const char *line, size_t len,
                      const struct net_http_limits *limits)
{
  const char *colon = memchr(line, ':', len), *value;
  size_t n = colon ? (size_t)(colon - line) : 0, value_len;

  if (line[0] == ' ' || line[0] == '\t')
    return refuse(h, 400, "folded line");
  if (!colon || !net_http_is_token(line, n))
    return refuse(h, 400, "malformed field name");
  value = colon + 1; /* check_byte() has seen to it that it is one */
  value_len = len - n - 1;
  trim(&value, &value_len);
  if (h->n_fields >= limits->fields || h->n_fields >= NET_HTTP_FIELDS)
    return refuse(h, 431, "too many fields");
  h->name[h->n_fields] = slice(h, line, line, n);
  h->value[h->n_fields++] = slice(h, line, value, value_len);
  return judge_field(h, line, n, value, value_len);
}

/* The empty line was read. */
static int finish(struct net_http_head *h)
{
  if (h->minor > 0 && h->hosts == 0)
    return refuse(h, 400, "no Host");
  if (h->codings > 0 && h->minor == 0)
    return refuse(h, 400, "Transfer-Encoding in HTTP/1.0");
  if (h->codings > 0 && h->lengths > 0)
    return refuse(h, 400, "Transfer-Encoding and Content-Length");
  if (h->length == 0 && !h->chunked)
    h->expect_continue = 0;
  h->keep_alive = !h->close && (h->minor > 0 || h->keep_alive);
  return (int)h->scan;
}

void net_http_head_init(struct net_http_head *h)
{
  memset(h, 0, offsetof(struct net_http_head, name));
}

/* ---- Lines -------------------------------------------------------------- */

/* A whole line of len bytes without its CRLF.  1: it was the last. */
static int take_line(struct net_http_head *h, const char *line, size_t len,
                     const struct net_http_limits *limits)
{
  if (h->method)
    return len == 0 ? 1 : field_line(h, line, len, limits);
  if (len > 0)
    return request_line(h, line, len);
  return h->line == 0 ? 0 : refuse(h, 400, "empty lines");
}

/* The byte at scan, which is in the present line. */
static int check_byte(struct net_http_head *h, const char *bytes,
                      const struct net_http_limits *limits)
{
  char c = bytes[h->scan];
  int after_cr = h->scan > h->line && bytes[h->scan - 1] == '\r';

  if (c == '\n' ? !after_cr : after_cr)
    return refuse(h, 400, "a line end that is not CRLF");
  if (c != '\r' && c != '\n' && !(class_of[(uint8_t)c] & VALUE))
    return refuse(h, 400, "control character");
  if (!h->method && c != '\r' && c != '\n' && h->scan - h->line >= limits->line)
    return refuse(h, 414, "request line too long");
  if (h->scan >= limits->head)
    return refuse(h, 431, "head too long");
  return 0;
}

/* Pass the bytes of a line of which check_byte() would find nothing to say. */
static void skip_plain(struct net_http_head *h, const char *bytes, size_t len,
                       const struct net_http_limits *limits)
{
  uint32_t scan = h->scan, end = limits->head;

  if (scan > h->line && bytes[scan - 1] == '\r')
    return;
  if (!h->method && limits->line < end - h->line)
    end = h->line + limits->line;
  if (end > len)
    end = (uint32_t)len;
  while (scan < end && class_of[(uint8_t)bytes[scan]] & VALUE)
    scan++;
  h->scan = scan;
}

int net_http_parse_head(struct net_http_head *h, const char *bytes, size_t len,
                        const struct net_http_limits *limits)
{
  if (h->status)
    return -h->status;
  while (h->scan < len) {
    int end, r;

    skip_plain(h, bytes, len, limits);
    if (h->scan == len)
      break;
    end = bytes[h->scan] == '\n';
    r = check_byte(h, bytes, limits);
    if (r < 0)
      return r;
    h->scan++;
    if (!end)
      continue;
    r = take_line(h, bytes + h->line, h->scan - h->line - 2, limits);
    if (r < 0)
      return r;
    if (r > 0)
      return finish(h);
    h->line = h->scan;
  }
  return 0;
}
