/* http.h - what the files of the HTTP server share.
 * SPDX-License-Identifier: ISC
 *
 * Read lwt-http.h first.  One file for each thing that happens:
 *
 *   http_server.c    accepts connections, stops them (a frame a server)
 *   http_conn.c      request, response, request ... (a frame a connection)
 *   http_receive.c   reads one request: head (http_parse.c), body
 *                    (http_chunks.c)
 *   http_answer.c    asks the handler, writes one response
 *   http_response.c  what a response is; its head as bytes
 *   http_site.c      a handler for files; their bytes come by http_file.c
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "http_parse.h"

/* ---- Responses ---------------------------------------------------------- */

#define NET_HTTP_FIELD_BYTES 3072u /* of the fields that the program adds */
#define NET_HTTP_SERVER_BYTES 256u /* of options.server */

/* A part of an entry as a body (http_file.c). */
struct net_http_file {
  struct lwt_content *content;
  struct lwt_entry *entry;
  uint64_t offset, left;
};

struct lwt_http_response {
  int status;
  uint32_t field_bytes;
  struct lwt_buf *head;  /* status line and fields */
  struct lwt_buf *chain; /* the body ... */
  const struct lwt_http_producer *producer; /* ... or who makes it */
  void *env;
  uint64_t length; /* of the body, or LWT_HTTP_UNKNOWN */
  struct net_http_file file; /* env, of lwt_http_set_entry() */
};

/* lwt_http_page() with a text that says more, or NULL. */
struct lwt_http_response *net_http_page(int status, const char *why);

/* How a response is framed. */
struct net_http_framing {
  int minor;      /* of the request */
  int keep_alive; /* if the connection need not end the body */
  int body;       /* out: there is one: not HEAD, 204, 304 */
  int chunked;    /* out */
};

/* Decide how, and finish the head.  date: of the Date field, LWT_HTTP_DATE - 1
 * characters, NULL: none. */
void net_http_frame_response(struct lwt_http_response *response,
                             struct net_http_framing *framing, int head_only,
                             const char *server, const char *date);

/* lwt_http_add() of n and len bytes that are known to be a name, and not of a field
 * that the server sends itself, and a value.  Returns 0 or LWT_ENOBUFS. */
int net_http_add(struct lwt_http_response *response, const char *name, size_t n,
                 const char *value, size_t len);
#define NET_HTTP_ADD(response, literal, value, len) \
  net_http_add(response, literal, sizeof(literal) - 1, value, len)

/* ---- The server --------------------------------------------------------- */

struct net_http_conn;

struct net_http_server {
  struct lwt_http_options o; /* defaults filled in */
  struct lwt_http_stats no_stats;
  struct net_http_conn *conns;
  struct net_http_conn *cursor; /* of a walk that ends connections */
  unsigned n_conns;
  int stopping; /* finish what runs */
  int aborting; /* finish nothing */
  int single;   /* lwt_http_serve_flow: freed with its connection */
  struct lwt_resolver room;  /* there is one connection less */
  struct lwt_resolver empty; /* there is none */
  lwt_t *emptied;
  struct lwt_error failed; /* of the listener */
  char allow[64]; /* the methods, as a field value */
  int64_t date_time; /* that date is of */
  char date[LWT_HTTP_DATE];
};

/* Unix seconds; 0 if there is no clock. */
int64_t net_http_time(const struct net_http_server *server);
/* That time as a date, good until the next call; NULL if it is 0. */
const char *net_http_date(struct net_http_server *server, int64_t time);

/* Called when a connection has ended and was unlinked. */
void net_http_conn_gone(struct net_http_server *server);

/* ---- A connection ------------------------------------------------------- */

enum net_http_phase {
  NET_HTTP_IDLE,    /* no byte of a request has come */
  NET_HTTP_READING,
  NET_HTTP_ANSWERING,
  NET_HTTP_CLOSING
};

/* What reading a request came to. */
enum net_http_got {
  NET_HTTP_REQUEST,
  NET_HTTP_REFUSED, /* head.status says why */
  NET_HTTP_NOTHING  /* the end, between two requests */
};
LWT_PROMISE(net_http_got_p, enum net_http_got);

/* Room behind the longest head, for bytes of the body. */
#define NET_HTTP_SPARE 4096u

struct net_http_conn {
  struct net_http_server *server;
  struct net_http_conn *next, **prev;
  lwt_t *thread;
  struct lwt_flow *flow; /* NULL: closed */
  enum net_http_phase phase;
  int starting, ended; /* see net_http_conn_start() */
  unsigned n_requests;
  uint64_t since; /* the request's first byte */

  /* Input: the request begins at in[begin], its body at in[body_at]; consumed
   * up to in[used], filled up to in[fill]. */
  uint32_t begin, body_at, used, fill, size;
  char *in, *path;

  struct net_http_head head;
  struct lwt_http_request request;
  struct lwt_http_field fields[NET_HTTP_FIELDS];
  char *body;
  uint32_t body_len, body_size;

  int keep_alive;
  int waited; /* between the request and its answer time has passed */
  int head_sent;
  uint64_t body_sent;
};

/* A connection on flow (taken); its thread runs on by itself.  Returns 0 or
 * LWT_ENOMEM (the flow is aborted).  thread: if given, takes the thread. */
int net_http_conn_start(struct net_http_server *server, struct lwt_flow *flow,
                        lwt_t **thread);
/* End all idle connections, or all, at once. */
void net_http_conn_stop_idle(struct net_http_server *server);
void net_http_conn_abort_all(struct net_http_server *server);

/* Read one request.  Rejected when the connection is lost. */
net_http_got_p *net_http_receive(struct net_http_conn *conn) LWT_MUST_USE;
/* Forget the request, and what was consumed of the input. */
void net_http_forget(struct net_http_conn *conn);

/* Write the response to the request, or a page if it was refused.  Rejected
 * when the connection is lost (LWT_ETIMEDOUT: the peer does not read) or has
 * to be aborted (LWT_EPROTO: the body failed). */
lwt_t *net_http_answer(struct net_http_conn *conn) LWT_MUST_USE;

static inline struct lwt_http_stats *
net_http_stats(const struct net_http_conn *conn)
{
  return conn->server->o.stats;
}

#endif
