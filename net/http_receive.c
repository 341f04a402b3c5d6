/* http_receive.c - the HTTP server reads one request.
 * SPDX-License-Identifier: ISC
 *
 * One frame reads into conn->in until the parser has a head, then the body
 * into memory of its own.  Head and body have one deadline each for all their
 * reads, so that a client cannot buy time byte by byte.
 */
#include "http.h"

#include <string.h>

struct receive {
  struct lwt_frame frame;
  struct net_http_conn *c;
  struct lwt_error error;
  uint64_t deadline; /* of all reads */
  size_t n;
  int result;
  struct net_http_chunks chunks;
};

static lwt_size_p *read_until(struct net_http_conn *c, void *bytes, size_t len,
                              uint64_t deadline)
{
  uint64_t now = lwt_now();
  lwt_size_p *p = lwt_flow_read(c->flow, bytes, len);

  return (lwt_size_p *)lwt_with_timeout(deadline > now ? deadline - now : 0,
                                        LWT_UNTYPED(p));
}

/* Note why a request is refused; returns the status, negative. */
static int why(struct net_http_conn *c, int status, const char *text)
{
  c->head.status = status;
  c->head.why = text;
  return -status;
}

static enum net_http_got refuse(struct net_http_conn *c, int status)
{
  struct lwt_http_stats *stats = net_http_stats(c);

  c->keep_alive = 0;
  stats->requests++;
  stats->refused++;
  switch (-status) {
  case 408:
    stats->slow++;
    break;
  case 413:
    stats->body_limit++;
    break;
  case 414:
    stats->line_limit++;
    break;
  case 431:
    stats->head_limit++;
    break;
  case 503:
    stats->no_memory++;
    break;
  default:
    stats->bad++;
  }
  return NET_HTTP_REFUSED;
}

/* ---- The head ----------------------------------------------------------- */

static void compact(struct net_http_conn *c)
{
  memmove(c->in, c->in + c->begin, c->fill - c->begin);
  c->fill -= c->begin;
  c->begin = 0;
}

/* There is room for the next read: a head that fills the buffer from its begin
 * was refused before. */
static void make_room(struct net_http_conn *c)
{
  if (c->fill == c->size)
    compact(c);
}

static int parse_head(struct receive *r)
{
  struct net_http_conn *c = r->c;
  const struct lwt_http_options *o = &c->server->o;
  struct net_http_limits limits = { o->max_line, o->max_head, o->max_fields };

  if (c->phase == NET_HTTP_IDLE && c->fill > c->begin) {
    c->phase = NET_HTTP_READING;
    c->since = lwt_now();
    r->deadline = c->since + o->header_timeout;
  }
  return net_http_parse_head(&c->head, c->in + c->begin, c->fill - c->begin,
                             &limits);
}

/* ---- The request as the handler sees it --------------------------------- */

/* End a slice with a NUL: what follows it is a delimiter. */
static char *text_of(struct net_http_conn *c, struct net_http_slice s)
{
  char *text = c->in + c->begin + s.at;

  text[s.len] = '\0';
  return text;
}

/* "http://host/path": the delimiter begins the path, so the host moves. */
static const char *absolute_host(struct net_http_conn *c)
{
  char *host = c->in + c->begin + c->head.host.at;

  memmove(host - 1, host, c->head.host.len);
  host[c->head.host.len - 1] = '\0';
  return host - 1;
}

/* Fill in conn->request.  Returns 0 or LWT_EINVAL: the path is malformed. */
static int present(struct net_http_conn *c)
{
  struct net_http_head *h = &c->head;
  struct lwt_http_request *rq = &c->request;
  const char *host;

  *rq = (struct lwt_http_request){
    .method = h->method,
    .minor = h->minor,
    .n_fields = h->n_fields,
    .fields = c->fields,
    .peer = lwt_flow_peer(c->flow),
    .time = net_http_time(c->server)
  };
  for (uint32_t i = 0; i < h->n_fields; i++)
    c->fields[i] = (struct lwt_http_field){ text_of(c, h->name[i]),
                                            text_of(c, h->value[i]) };
  host = h->absolute ? absolute_host(c) : lwt_http_get(rq, "host");
  rq->host = host ? host : "";
  rq->query = h->has_query ? text_of(c, h->query) : NULL;
  rq->target = h->path.len > 0 ? text_of(c, h->path) : "/";
  rq->path = c->path;
  if (net_http_decode_path(c->path, rq->target, strlen(rq->target)) < 0)
    return LWT_EINVAL;
  return 0;
}

/* The head of len bytes is whole.  Returns 0 or a negative status. */
static int begin_request(struct net_http_conn *c, int len)
{
  struct net_http_head *h = &c->head;

  if (h->chunked) /* what is read from now on must find room */
    compact(c);
  c->used = c->body_at = c->begin + (uint32_t)len;
  if (present(c))
    return why(c, 400, "malformed path");
  if (h->length > c->server->o.max_body)
    return why(c, 413, "body too long");
  return 0;
}

const char *lwt_http_get(const struct lwt_http_request *rq, const char *name)
{
  for (size_t i = 0; i < rq->n_fields; i++)
    if (((rq->fields[i].name[0] ^ name[0]) & ~('a' ^ 'A')) == 0 &&
        net_http_is(rq->fields[i].name, strlen(rq->fields[i].name), name))
      return rq->fields[i].value;
  return NULL;
}

/* ---- The body ----------------------------------------------------------- */

/* Room for more bytes and a NUL.  The size doubles up to max_body + 1. */
static int grow_body(struct net_http_conn *c, size_t more)
{
  uint32_t need = c->body_len + (uint32_t)more + 1, size = c->body_size;
  char *body;

  if (need <= size)
    return 0;
  size = c->head.chunked && size > 0 ? size * 2 : need;
  if (size < need)
    size = need;
  if (size > c->server->o.max_body + 1)
    size = c->server->o.max_body + 1;
  body = lwt__alloc(size);
  if (!body)
    return LWT_ENOMEM;
  if (c->body_len > 0)
    memcpy(body, c->body, c->body_len);
  lwt__free(c->body);
  c->body = body;
  c->body_size = size;
  return 0;
}

/* The bytes of the body that are in the input buffer.  1: all of it is there
 * now, 0: more is needed, or a negative status (LWT_ENOMEM: 503). */
static int take_chunks(struct receive *r)
{
  struct net_http_conn *c = r->c;
  const struct lwt_http_options *o = &c->server->o;
  int end = 0;

  while (!end && c->used < c->fill) {
    size_t n, len;
    const char *data;

    end = net_http_parse_chunks(&r->chunks, c->in + c->used, c->fill - c->used,
                                o->max_body, o->max_head, &n, &data, &len);
    if (end < 0)
      return why(c, -end, r->chunks.why);
    c->used += (uint32_t)n;
    if (len == 0)
      continue;
    if (grow_body(c, len))
      return why(c, 503, "out of memory");
    memcpy(c->body + c->body_len, data, len);
    c->body_len += (uint32_t)len;
  }
  return end;
}

static int take_length(struct receive *r)
{
  struct net_http_conn *c = r->c;
  uint32_t want = (uint32_t)c->head.length - c->body_len;
  uint32_t n = c->fill - c->used < want ? c->fill - c->used : want;

  if (grow_body(c, want))
    return why(c, 503, "out of memory");
  memcpy(c->body + c->body_len, c->in + c->used, n);
  c->body_len += n;
  c->used += n;
  return c->body_len == c->head.length;
}

/* Bytes in chunks go through the input buffer, others to where they belong. */
static lwt_size_p *read_body(struct receive *r)
{
  struct net_http_conn *c = r->c;

  if (!c->head.chunked)
    return read_until(c, c->body + c->body_len, c->head.length - c->body_len,
                      r->deadline);
  c->fill = c->used = c->body_at;
  return read_until(c, c->in + c->fill, c->size - c->fill, r->deadline);
}

static int take_body(struct receive *r)
{
  return r->c->head.chunked ? take_chunks(r) : take_length(r);
}

/* ---- All of it ---------------------------------------------------------- */

/* A read failed, or gave the end of the stream.  Returns what that means for
 * the request, or -1: the connection is lost. */
static int read_ended(struct receive *r)
{
  struct net_http_conn *c = r->c;

  if (c->phase != NET_HTTP_IDLE) {
    if (r->error.code == LWT_ETIMEDOUT)
      return refuse(c, why(c, 408, "request too slow"));
    if (r->error.code == 0)
      r->error = (struct lwt_error){ LWT_ECONNRESET, "http receive" };
    return -1;
  }
  if (r->error.code == LWT_ETIMEDOUT)
    net_http_stats(c)->idle_timeout++;
  else if (r->error.code != 0 && r->error.code != LWT_ECANCELED)
    return -1;
  return NET_HTTP_NOTHING;
}

static lwt_t *write_continue(struct net_http_conn *c)
{
  static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

  return lwt_with_timeout(c->server->o.write_timeout,
                          lwt_flow_write(c->flow, text, sizeof text - 1));
}

static int has_body(const struct net_http_conn *c)
{
  return c->head.chunked || c->head.length > 0;
}

static void took(struct net_http_conn *c, size_t n)
{
  net_http_stats(c)->bytes_in += n;
  if (c->head.chunked)
    c->fill += (uint32_t)n;
  else
    c->body_len += (uint32_t)n;
}

/* The request is there. */
static enum net_http_got accept_request(struct net_http_conn *c)
{
  const struct net_http_server *server = c->server;

  net_http_stats(c)->requests++;
  c->n_requests++;
  c->phase = NET_HTTP_ANSWERING;
  c->keep_alive = c->head.keep_alive &&
    (server->o.max_requests == 0 || c->n_requests < server->o.max_requests);
  c->request.body = "";
  if (c->body_len > 0) {
    c->body[c->body_len] = '\0';
    c->request.body = c->body;
    c->request.body_len = c->body_len;
  }
  return NET_HTTP_REQUEST;
}

void net_http_forget(struct net_http_conn *c)
{
  lwt__free(c->body);
  c->body = NULL;
  c->body_len = c->body_size = 0;
  c->begin = c->used;
  if (c->begin == c->fill)
    c->begin = c->used = c->fill = 0;
  c->phase = NET_HTTP_IDLE;
  c->request = (struct lwt_http_request){ .n_fields = 0 };
  net_http_head_init(&c->head);
}

LWT_STEP receive_step(struct lwt_frame *frame)
{
  struct receive *r = (struct receive *)frame;
  struct net_http_conn *c = r->c;

  lwt_begin(r);
  while ((r->result = parse_head(r)) == 0) {
    make_room(c);
    lwt_await_error(r, &r->error, &r->n,
                    read_until(c, c->in + c->fill, c->size - c->fill,
                               r->deadline));
    if (r->error.code || r->n == 0)
      goto ended;
    c->fill += (uint32_t)r->n;
    net_http_stats(c)->bytes_in += r->n;
  }
  if (r->result > 0)
    r->result = begin_request(c, r->result);
  if (r->result < 0)
    lwt_finish(r, refuse(c, r->result));
  if (c->head.expect_continue && c->used == c->fill) {
    lwt_await_error(r, &r->error, write_continue(c));
    if (r->error.code)
      goto lost;
  }
  if (has_body(c))
    r->deadline = lwt_now() + c->server->o.body_timeout;
  while (has_body(c) && (r->result = take_body(r)) == 0) {
    lwt_await_error(r, &r->error, &r->n, read_body(r));
    if (r->error.code || r->n == 0)
      goto ended;
    took(c, r->n);
  }
  if (r->result < 0)
    lwt_finish(r, refuse(c, r->result));
  lwt_finish(r, accept_request(c));
ended:
  r->result = read_ended(r);
  if (r->result >= 0)
    lwt_finish(r, r->result);
lost:
  lwt_throw(r, r->error.code, r->error.what);
  lwt_end(r);
}

net_http_got_p *net_http_receive(struct net_http_conn *c)
{
  net_http_forget(c);
  return (net_http_got_p *)LWT_GO(
    struct receive, receive_step, .c = c,
    .deadline = lwt_now() + c->server->o.idle_timeout);
}
