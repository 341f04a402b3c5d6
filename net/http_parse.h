/* http_parse.h - requests of HTTP/1.1: bytes to structs.
 * SPDX-License-Identifier: ISC
 *
 * Two incremental parsers, for the head of a request and for a body in chunks.
 * Neither allocates, copies or writes; both look at each byte once, so that a
 * head that comes byte by byte costs no more than one that comes whole.  Both
 * refuse with the status to answer and a text that says why.
 */
#ifndef NET_HTTP_PARSE_H
#define NET_HTTP_PARSE_H

#include "lwt/memory.h"
#include "lwt-http.h"

#define NET_HTTP_FIELDS 64

/* Bytes of the head, counted from its begin. */
struct net_http_slice {
  uint32_t at, len;
};

struct net_http_limits {
  uint32_t line;   /* bytes of the request line */
  uint32_t head;   /* bytes of the whole head */
  uint32_t fields; /* at most NET_HTTP_FIELDS */
};

/* net_http_head_init() before the first byte. */
struct net_http_head {
  /* How far the parser is. */
  uint32_t scan; /* bytes looked at */
  uint32_t line; /* where the present line begins */
  /* The request. */
  enum lwt_http_method method;
  int minor;
  struct net_http_slice path, query, host; /* host: of an absolute target */
  int absolute;                            /* host is set */
  uint32_t n_fields;
  /* What the fields say. */
  uint32_t hosts;   /* number of Host fields */
  uint32_t lengths; /* number of Content-Length fields */
  uint32_t codings; /* number of Transfer-Encoding fields */
  int has_query;
  int chunked;
  int expect_continue;
  int keep_alive;
  int close;
  uint64_t length; /* of the body; 0 if chunked */
  /* Why it was refused. */
  int status;
  const char *why;
  /* Not initialised beyond n_fields. */
  struct net_http_slice name[NET_HTTP_FIELDS], value[NET_HTTP_FIELDS];
};

void net_http_head_init(struct net_http_head *head);

/* bytes: all of the request that is there, from its begin; len at most 2^31.
 * Returns the length of the head when it is whole, 0 if more is needed, or a
 * negative status. */
int net_http_parse_head(struct net_http_head *head, const char *bytes,
                        size_t len, const struct net_http_limits *limits);

/* Zeroed before the first byte. */
struct net_http_chunks {
  int state;
  uint32_t digits;   /* of the present chunk's size */
  uint64_t left;     /* bytes of the present chunk */
  uint64_t total;    /* bytes of all chunks */
  uint32_t overhead; /* bytes of extensions and trailers */
  const char *why;
};

/* Takes up to len bytes and says how many (*used), and which of them are bytes
 * of the body (data, data_len; possibly none).  To be called again with the
 * rest.  Returns 1 at the end of the body, 0 if more is needed or there is
 * data, or a negative status: 400; 413 when the body exceeds max; 431 when
 * extensions and trailers exceed max_overhead. */
int net_http_parse_chunks(struct net_http_chunks *chunks, const char *bytes,
                          size_t len, uint64_t max, uint32_t max_overhead,
                          size_t *used, const char **data, size_t *data_len);

/* Percent-decode a path into out (len + 1 bytes of room) and end it with a
 * NUL.  Returns its length, or -1 for a malformed escape, %00, and %2F, which
 * would turn a name into a path. */
int net_http_decode_path(char *out, const char *path, size_t len);

/* The value of a hexadecimal digit, or -1. */
int net_http_hex(char c);

/* Decimal digits; a number that does not fit becomes UINT64_MAX.  Returns how
 * many digits there were. */
size_t net_http_number(const char *text, size_t len, uint64_t *value);

/* RFC 9110 token. */
int net_http_is_token(const char *text, size_t len);
/* Whether text may stand in a field value: no control character but HTAB. */
int net_http_is_value(const char *text, size_t len);

/* Take the next element of a comma-separated list, without white space
 * around it, from *list, *len.  Returns 0 at the end.  Empty elements are
 * passed over; commas in quoted strings are not seen as such. */
int net_http_next(const char **list, size_t *len, const char **element,
                  size_t *element_len);

/* Equal, letters in any case. */
int net_http_is(const char *text, size_t len, const char *name);

#endif
