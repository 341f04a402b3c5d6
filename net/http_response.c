/* http_response.c - HTTP responses: what the program makes, and their head.
 * SPDX-License-Identifier: ISC
 *
 * The head is written into a packet buffer from the start: status line, the
 * program's fields, and at last, when it is known how the response will be
 * framed, the server's own.  It then goes out in front of the body without
 * being copied.
 */
#include "http.h"

#include <stdlib.h>
#include <string.h>

/* The longest status line, our own fields, and the empty line. */
#define HEAD_BYTES (64u + NET_HTTP_FIELD_BYTES + NET_HTTP_SERVER_BYTES + 256u)

static const struct {
  int status;
  const char *reason;
} reasons[] = {
  { 200, "OK" },
  { 201, "Created" },
  { 202, "Accepted" },
  { 204, "No Content" },
  { 206, "Partial Content" },
  { 301, "Moved Permanently" },
  { 302, "Found" },
  { 303, "See Other" },
  { 304, "Not Modified" },
  { 307, "Temporary Redirect" },
  { 308, "Permanent Redirect" },
  { 400, "Bad Request" },
  { 401, "Unauthorized" },
  { 403, "Forbidden" },
  { 404, "Not Found" },
  { 405, "Method Not Allowed" },
  { 406, "Not Acceptable" },
  { 408, "Request Timeout" },
  { 409, "Conflict" },
  { 410, "Gone" },
  { 411, "Length Required" },
  { 412, "Precondition Failed" },
  { 413, "Content Too Large" },
  { 414, "URI Too Long" },
  { 415, "Unsupported Media Type" },
  { 416, "Range Not Satisfiable" },
  { 417, "Expectation Failed" },
  { 422, "Unprocessable Content" },
  { 426, "Upgrade Required" },
  { 428, "Precondition Required" },
  { 429, "Too Many Requests" },
  { 431, "Request Header Fields Too Large" },
  { 500, "Internal Server Error" },
  { 501, "Not Implemented" },
  { 502, "Bad Gateway" },
  { 503, "Service Unavailable" },
  { 504, "Gateway Timeout" },
  { 505, "HTTP Version Not Supported" },
};

/* Fields that the server sends itself. */
static const char *const own_fields[] = { "date", "server", "connection",
                                          "content-length",
                                          "transfer-encoding" };

const char *lwt_http_reason(int status)
{
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
    if (reasons[i].status == status)
      return reasons[i].reason;
  return "Unknown";
}

/* Append to the head; what is written was measured before. */
static void put(struct lwt_http_response *r, const char *text, size_t len)
{
  struct lwt_buf *head = r->head;

  if (len > HEAD_BYTES - head->len)
    abort();
  memcpy(head->data + head->len, text, len);
  head->len += (uint32_t)len;
  head->total = head->len;
}

static void put_field(struct lwt_http_response *r, const char *name, size_t n,
                      const char *value, size_t len)
{
  put(r, name, n);
  put(r, ": ", 2);
  put(r, value, len);
  put(r, "\r\n", 2);
}

#define PUT(r, literal) put(r, literal, sizeof(literal) - 1)
#define PUT_FIELD(r, literal, value, len) \
  put_field(r, literal, sizeof(literal) - 1, value, len)

/* The digits of number, at the end of text; returns how many. */
static size_t digits_of(char text[20], uint64_t number)
{
  size_t n = 0;

  do
    text[20 - ++n] = (char)('0' + number % 10);
  while (number /= 10);
  return n;
}

static void put_number(struct lwt_http_response *r, const char *name, size_t len,
                       uint64_t number)
{
  char text[20];
  size_t n = digits_of(text, number);

  put_field(r, name, len, text + 20 - n, n);
}

static void put_status(struct lwt_http_response *r)
{
  const char *reason = lwt_http_reason(r->status);
  char text[20];

  digits_of(text, (uint64_t)r->status); /* three */
  PUT(r, "HTTP/1.1 ");
  put(r, text + 17, 3);
  PUT(r, " ");
  put(r, reason, strlen(reason));
  PUT(r, "\r\n");
}

struct lwt_http_response *lwt_http_response_new(int status)
{
  struct lwt_http_response *r = lwt__alloc(sizeof *r);

  if (!r)
    return NULL;
  *r = (struct lwt_http_response){
    .status = status >= 200 && status <= 599 ? status : 500
  };
  r->head = lwt_buf_new(LWT_BUF_HEADROOM, HEAD_BYTES);
  if (!r->head) {
    lwt__free(r);
    return NULL;
  }
  r->head->len = r->head->total = 0;
  put_status(r);
  return r;
}

static void drop_body(struct lwt_http_response *r)
{
  lwt_buf_free(r->chain);
  if (r->producer && r->producer->drop)
    r->producer->drop(r->env);
  r->chain = NULL;
  r->producer = NULL;
  r->length = 0;
}

void lwt_http_response_free(void *response)
{
  struct lwt_http_response *r = response;

  if (!r)
    return;
  drop_body(r);
  lwt_buf_free(r->head);
  lwt__free(r);
}

int net_http_add(struct lwt_http_response *r, const char *name, size_t n,
                 const char *value, size_t len)
{
  if (len > NET_HTTP_FIELD_BYTES || n > NET_HTTP_FIELD_BYTES ||
      r->field_bytes + n + len + 4 > NET_HTTP_FIELD_BYTES)
    return LWT_ENOBUFS;
  r->field_bytes += (uint32_t)(n + len + 4);
  put_field(r, name, n, value, len);
  return 0;
}

int lwt_http_add(struct lwt_http_response *r, const char *name,
                 const char *value)
{
  size_t n = strlen(name), len = strlen(value);

  if (!net_http_is_token(name, n) || !net_http_is_value(value, len))
    return LWT_EINVAL;
  for (size_t i = 0; i < sizeof own_fields / sizeof *own_fields; i++)
    if (net_http_is(name, n, own_fields[i]))
      return LWT_EINVAL;
  return net_http_add(r, name, n, value, len);
}

void lwt_http_set_body(struct lwt_http_response *r, struct lwt_buf *chain)
{
  drop_body(r);
  r->chain = chain;
  r->length = chain ? chain->total : 0;
}

int lwt_http_set_text(struct lwt_http_response *r, const char *text)
{
  size_t len = strlen(text);
  struct lwt_buf *chain = NULL;

  if (len > UINT32_MAX)
    return LWT_EINVAL;
  if (len > 0 && !(chain = lwt_buf_copy_in(0, text, (uint32_t)len)))
    return LWT_ENOMEM;
  lwt_http_set_body(r, chain);
  return 0;
}

void lwt_http_set_producer(struct lwt_http_response *r,
                           const struct lwt_http_producer *producer, void *env,
                           uint64_t length)
{
  drop_body(r);
  r->producer = producer;
  r->env = env;
  r->length = length;
}

lwt_http_response_p *lwt_http_return(struct lwt_http_response *r)
{
  if (!r)
    return lwt_http_response_p_fail(LWT_ENOMEM, "http response");
  return (lwt_http_response_p *)lwt_return_owned(r, lwt_http_response_free);
}

lwt_http_response_p *lwt_http_reply(int status, const char *type,
                                    const char *text)
{
  struct lwt_http_response *r = lwt_http_response_new(status);
  int error = LWT_ENOMEM;

  if (r && !(error = lwt_http_add(r, "Content-Type", type)) &&
      !(error = lwt_http_set_text(r, text)))
    return lwt_http_return(r);
  lwt_http_response_free(r);
  return lwt_http_response_p_fail(error, "http reply");
}

struct lwt_http_response *net_http_page(int status, const char *why)
{
  struct lwt_http_response *r = lwt_http_response_new(status);
  char text[512];

  if (!r)
    return NULL;
  snprintf(text, sizeof text,
           "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
           "<title>%d %s</title></head>\n<body><h1>%d %s</h1>%s%s%s</body>"
           "</html>\n",
           r->status, lwt_http_reason(r->status), r->status,
           lwt_http_reason(r->status), why ? "<p>" : "", why ? why : "",
           why ? "</p>" : "");
  if (lwt_http_add(r, "Content-Type", "text/html; charset=utf-8") ||
      lwt_http_set_text(r, text)) {
    lwt_http_response_free(r);
    return NULL;
  }
  return r;
}

struct lwt_http_response *lwt_http_page(int status)
{
  return net_http_page(status, NULL);
}

void net_http_frame_response(struct lwt_http_response *r,
                             struct net_http_framing *f, int head_only,
                             const char *server, const char *date)
{
  int bodiless = r->status == 204 || r->status == 304;

  f->body = !bodiless && !head_only;
  f->chunked = 0;
  if (!bodiless && r->length == LWT_HTTP_UNKNOWN) {
    if (f->minor > 0)
      f->chunked = 1;
    else if (!head_only)
      f->keep_alive = 0;
  }
  if (date)
    PUT_FIELD(r, "Date", date, LWT_HTTP_DATE - 1);
  if (server)
    PUT_FIELD(r, "Server", server, strlen(server));
  if (f->chunked)
    PUT(r, "Transfer-Encoding: chunked\r\n");
  else if (!bodiless && r->length != LWT_HTTP_UNKNOWN)
    put_number(r, "Content-Length", 14, r->length);
  if (!f->keep_alive)
    PUT(r, "Connection: close\r\n");
  else if (f->minor == 0)
    PUT(r, "Connection: keep-alive\r\n");
  PUT(r, "\r\n");
}
