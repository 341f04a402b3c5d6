/* lwt-http.h - an HTTP/1.1 server over any flow.
 * SPDX-License-Identifier: ISC
 *
 *   lwt_http_response_p *hello(void *env, const struct lwt_http_request *rq)
 *   {
 *     return lwt_http_reply(200, "text/plain", "hello\n");
 *   }
 *
 *   struct lwt_http_options options = { .handler = hello };
 *   lwt_await(f, lwt_http_serve(listener, &options, lwt_platform_shutdown()));
 *
 * The server reads a request whole (its body is bounded), asks the handler for
 * a response, writes it and goes on with the connection's next request.
 * Requests are read strictly by RFC 9110 and 9112; what they refuse is
 * answered with a 4xx or 5xx page and the connection is closed.  Every wait
 * has a limit in time, every buffer one in size, and every limit that was hit
 * is counted.  Each connection needs about 30 KiB with the default limits.
 */
#ifndef LWT_HTTP_H
#define LWT_HTTP_H

#include <lwt/content.h>
#include <lwt/stack.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Requests ----------------------------------------------------------- */

/* Other methods are answered with 501. */
enum lwt_http_method {
  LWT_HTTP_GET = 1,
  LWT_HTTP_HEAD = 2,
  LWT_HTTP_POST = 4,
  LWT_HTTP_PUT = 8,
  LWT_HTTP_PATCH = 16,
  LWT_HTTP_DELETE = 32,
  LWT_HTTP_OPTIONS = 64
};
/* "GET"; "-" if it is none of them. */
LWT_API const char *lwt_http_method_name(enum lwt_http_method method);

struct lwt_http_field {
  const char *name;
  const char *value; /* without white space around it */
};

struct lwt_http_request {
  enum lwt_http_method method;
  int minor;          /* HTTP/1.minor: 0 or 1 */
  const char *path;   /* percent-decoded; begins with '/', or is "*" */
  const char *target; /* the path as sent */
  const char *query;  /* what followed '?', as sent; NULL: there was none */
  const char *host;   /* "" if there is none */
  size_t n_fields;
  const struct lwt_http_field *fields;
  const char *body; /* chunks put together; one more byte follows, a NUL */
  size_t body_len;
  struct lwt_addr peer;
  int64_t time; /* when its head had come, in Unix seconds; 0: not known */
};

/* The value of the first field with this name, in any case; NULL if there is
 * none. */
LWT_API const char *lwt_http_get(const struct lwt_http_request *request,
                                 const char *name);

/* ---- Responses ---------------------------------------------------------- */

struct lwt_http_response;
LWT_PROMISE(lwt_http_response_p, struct lwt_http_response *);

/* An empty response; NULL if memory is out.  status: 200 to 599. */
LWT_API struct lwt_http_response *lwt_http_response_new(int status);
/* Free it and its body.  Takes a struct lwt_http_response *; NULL is allowed. */
LWT_API void lwt_http_response_free(void *response);

/* Add a field.  Returns 0; LWT_EINVAL if name is not a token, if value holds a
 * control character, or for the fields that the server itself sends (Date,
 * Server, Connection, Content-Length, Transfer-Encoding); LWT_ENOBUFS when all
 * fields together exceed 3 KiB. */
LWT_API int lwt_http_add(struct lwt_http_response *response, const char *name,
                         const char *value);

/* Set the body, once: a chain (taken; NULL: empty) ... */
LWT_API void lwt_http_set_body(struct lwt_http_response *response,
                               struct lwt_buf *chain);

/* ... or a copy of a text; returns 0 or LWT_ENOMEM ... */
LWT_API int lwt_http_set_text(struct lwt_http_response *response,
                              const char *text);

/* ... or what a producer gives: next() yields a chain of 1 to max bytes, NULL
 * at the end; drop() is called once, also if next() never was.  One next() is
 * pending at a time, and the next is called when the flow has taken what came
 * before.  length: bytes in all, kept to: more are cut off, after fewer the
 * connection is aborted.  LWT_HTTP_UNKNOWN: sent in chunks, to HTTP/1.0 until
 * the connection closes. */
struct lwt_http_producer {
  lwt_buf_p *(*next)(void *env, size_t max);
  void (*drop)(void *env);
};
#define LWT_HTTP_UNKNOWN UINT64_MAX
LWT_API void lwt_http_set_producer(struct lwt_http_response *response,
                                   const struct lwt_http_producer *producer,
                                   void *env, uint64_t length);

/* The promise of a response; NULL: rejected with LWT_ENOMEM. */
LWT_API lwt_http_response_p *
lwt_http_return(struct lwt_http_response *response) LWT_MUST_USE;

/* The promise of a response with a text. */
LWT_API lwt_http_response_p *lwt_http_reply(int status, const char *type,
                                            const char *text) LWT_MUST_USE;

/* The server's own page for a status, "404 Not Found".  NULL if memory is
 * out. */
LWT_API struct lwt_http_response *lwt_http_page(int status);
LWT_API const char *lwt_http_reason(int status);

/* ---- The server --------------------------------------------------------- */

/* Called for each request.  The request is valid until the response was sent,
 * or the promise was cancelled.  A rejection is answered with 500, with 503 if
 * it is LWT_ENOMEM, LWT_EMFILE or LWT_ETIMEDOUT. */
typedef lwt_http_response_p *
lwt_http_handler(void *env, const struct lwt_http_request *request);

/* Counted up; nothing resets them. */
struct lwt_http_stats {
  uint64_t connections;   /* accepted */
  uint64_t active;        /* open now */
  uint64_t full;          /* times that accepting waited: max_connections */
  uint64_t accept_errors; /* out of descriptors or memory */
  uint64_t requests;      /* read to their end, and refused ones */
  uint64_t responses[6];  /* sent to their end, by status / 100 */
  uint64_t bytes_in, bytes_out;
  /* Refused requests; the sum of the following. */
  uint64_t refused;
  uint64_t bad;           /* 400, 417, 501, 505 */
  uint64_t line_limit;    /* 414 */
  uint64_t head_limit;    /* 431 */
  uint64_t body_limit;    /* 413 */
  uint64_t slow;          /* 408: header_timeout, body_timeout */
  uint64_t no_memory;     /* 503 */
  /* Connections that ended otherwise than between two requests. */
  uint64_t lost;          /* closed or reset by the peer */
  uint64_t write_timeout; /* the peer did not read */
  uint64_t aborted;       /* by stop or cancel; a body shorter than said */
  /* Others. */
  uint64_t idle_timeout;    /* closed after keep-alive */
  uint64_t handler_timeout; /* answered with 503 */
  uint64_t handler_errors;  /* answered with 500 or 503 */
};

/* One line of the access log, after the response or the failure to send it.
 * Of a refused request what was not read yet is NULL or 0. */
struct lwt_http_log {
  const struct lwt_http_request *request;
  int status;
  uint64_t bytes;    /* of the body, sent */
  uint64_t duration; /* nanoseconds since the request's first byte */
  int code;          /* 0, or why the response was cut off */
};

/* Zero means the default, in brackets.  Durations are nanoseconds. */
struct lwt_http_options {
  lwt_http_handler *handler;
  void *env;                /* of handler */
  unsigned methods;         /* others: 405 [GET and HEAD] */
  const char *server;       /* Server field [none]; borrowed */
  int64_t (*wallclock)(void); /* Unix time in nanoseconds,
                                 lwt_platform_wallclock [no Date] */
  void (*log)(void *env, const struct lwt_http_log *line);
  void *log_env;
  struct lwt_http_stats *stats; /* borrowed until the promise settles */

  unsigned max_connections; /* [1024] */
  unsigned max_requests;    /* on one connection [no limit] */
  uint32_t max_line;        /* bytes of the request line [8192] */
  uint32_t max_head;        /* of request line and fields [16384] */
  uint32_t max_fields;      /* [64], at most 64 */
  uint32_t max_body;        /* bytes of a request's body [65536] */
  uint32_t window;          /* bytes of a body in memory at a time [65536] */

  uint64_t idle_timeout;    /* between two requests [30 s] */
  uint64_t header_timeout;  /* first to last byte of a head [10 s] */
  uint64_t body_timeout;    /* the same for a body [30 s] */
  uint64_t handler_timeout; /* for the response, and for each next() [60 s] */
  uint64_t write_timeout;   /* to take one window [60 s] */
  uint64_t close_timeout;   /* to take the rest and close [5 s] */
  uint64_t stop_timeout;    /* running requests after stop [5 s] */
};

/* Serve the connections of listener (taken) until stop (taken; NULL: never)
 * settles.  Then: no new connections, idle ones are closed, running requests
 * get stop_timeout to end, and what is left is aborted.  Fulfilled when no
 * connection is alive; rejected with the listener's error, after the same.
 * Cancel skips the wait.  options is copied. */
LWT_API lwt_t *lwt_http_serve(struct lwt_listener *listener,
                              const struct lwt_http_options *options,
                              lwt_t *stop) LWT_MUST_USE;

/* Serve one flow (taken) to its end. */
LWT_API lwt_t *
lwt_http_serve_flow(struct lwt_flow *flow,
                    const struct lwt_http_options *options) LWT_MUST_USE;

/* ---- Files -------------------------------------------------------------- */

/* A site: a tree of files with index.html for directories (/dir is redirected
 * to /dir/), content types by extension, conditional requests and ranges
 * (RFC 9110 sections 13 and 14), and 404.html, if the root has one, as the
 * page for what is not there. */
struct lwt_http_site {
  struct lwt_content *content; /* borrowed */
  const char *cache_control;   /* Cache-Control of files; NULL: none */
};

/* A handler; env is a struct lwt_http_site *. */
LWT_API lwt_http_response_p *
lwt_http_site(void *env, const struct lwt_http_request *request) LWT_MUST_USE;

/* Let response send bytes [offset, offset + length) of an open entry of
 * content.  Takes entry; LWT_ENOMEM: entry is closed. */
LWT_API int lwt_http_set_entry(struct lwt_http_response *response,
                               struct lwt_content *content,
                               struct lwt_entry *entry, uint64_t offset,
                               uint64_t length);

/* The content type of a file name, "application/octet-stream" if its
 * extension is not known. */
LWT_API const char *lwt_http_type(const char *name);

/* HTTP dates: "Sun, 06 Nov 1994 08:49:37 GMT".  text has room for 30 bytes;
 * years 0 to 9999.  Parsing also takes the two obsolete forms; now (Unix
 * seconds) decides the century of a year with two digits.  Returns 0 or
 * LWT_EINVAL. */
#define LWT_HTTP_DATE 30
LWT_API char *lwt_http_date_format(char text[LWT_HTTP_DATE], int64_t seconds);
LWT_API int lwt_http_date_parse(const char *text, int64_t now,
                                int64_t *seconds);

#ifdef __cplusplus
}
#endif

#endif
