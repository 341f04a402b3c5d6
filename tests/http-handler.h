/* http-handler.h - a handler with something of everything, for tests.
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_HTTP_HANDLER_H
#define TESTS_HTTP_HANDLER_H

#include "tests/http.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define LAST(path) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
#define POST(fields, body) "POST /echo HTTP/1.1\r\nHost: h\r\n" fields "\r\n" body

struct pieces {
  unsigned n;      /* pieces to come */
  uint32_t size;   /* bytes of each; 0: as many as asked for */
  uint64_t wait;   /* before each */
  int fail_at_end; /* instead of an end */
  int rude;        /* more than was asked for */
};
static int alive_producers;

static void buf_free(void *chain)
{
  lwt_buf_free(chain);
}

static lwt_t *pieces_make(void *env, void *value)
{
  struct pieces *p = env;
  struct lwt_buf *b;

  (void)value;
  if (p->n == 0)
    return p->fail_at_end ? lwt_fail(LWT_EIO, "pieces") : lwt_return(NULL);
  if (!(b = lwt_buf_chain(0, p->size)))
    return lwt_fail(LWT_ENOMEM, "pieces");
  for (struct lwt_buf *s = b; s; s = s->next)
    memset(s->data, 'a' + (int)p->n % 26, s->len);
  p->n--;
  return lwt_return_owned(b, buf_free);
}

static lwt_buf_p *pieces_next(void *env, size_t max)
{
  struct pieces *p = env;

  if (p->size == 0 || (p->size > max && !p->rude))
    p->size = (uint32_t)max;
  return (lwt_buf_p *)lwt_bind(p->wait ? lwt_sleep(p->wait) : lwt_return(NULL),
                               pieces_make, p);
}

static void pieces_drop(void *env)
{
  alive_producers--;
  free(env);
}

static lwt_http_response_p *produce(struct pieces what, uint64_t length)
{
  static const struct lwt_http_producer producer = { pieces_next, pieces_drop };
  struct lwt_http_response *r = lwt_http_response_new(200);
  struct pieces *p = malloc(sizeof *p);

  *p = what;
  alive_producers++;
  if (r)
    lwt_http_set_producer(r, &producer, p, length);
  else
    pieces_drop(p);
  return lwt_http_return(r);
}

static lwt_http_response_p *echo(const struct lwt_http_request *rq)
{
  struct lwt_http_response *r = lwt_http_response_new(200);
  const char *x = lwt_http_get(rq, "x-TEST");
  int error;

  if (!r)
    return lwt_http_return(NULL);
  error = lwt_http_set_text(r, rq->body) ||
    lwt_http_add(r, "X-Method", lwt_http_method_name(rq->method)) ||
    lwt_http_add(r, "X-Host", rq->host) || lwt_http_add(r, "X-Target", rq->target) ||
    lwt_http_add(r, "X-Query", rq->query ? rq->query : "none") ||
    (x && lwt_http_add(r, "X-Test", x));
  if (!error && strlen(rq->body) == rq->body_len)
    return lwt_http_return(r);
  lwt_http_response_free(r);
  return lwt_http_response_p_fail(LWT_ENOMEM, "echo");
}

static lwt_t *slow_reply(void *env, void *value)
{
  (void)env, (void)value;
  return LWT_UNTYPED(lwt_http_reply(200, "text/plain", "slow"));
}

static lwt_http_response_p *chain(const char *query)
{
  struct lwt_http_response *r = lwt_http_response_new(200);
  struct lwt_buf *b = r ? lwt_buf_chain(0, (uint32_t)atoi(query)) : NULL;

  if (!b) {
    lwt_http_response_free(r);
    return lwt_http_return(NULL);
  }
  for (struct lwt_buf *s = b; s; s = s->next)
    memset(s->data, 'x', s->len);
  lwt_http_set_body(r, b);
  return lwt_http_return(r);
}

/* "/wait" is answered when "/wake" is cancelled. */
static struct lwt_resolver waiting, waking;

static void wake(void *env)
{
  (void)env;
  lwt_abandon(&waking);
  lwt_fulfill(&waiting, NULL);
}

static lwt_http_response_p *handler(void *env, const struct lwt_http_request *rq)
{
  const char *path = rq->path, *query = rq->query ? rq->query : "";

  (void)env;
  if (strcmp(path, "/") == 0)
    return lwt_http_reply(200, "text/plain", "hello");
  if (strcmp(path, "/echo") == 0 || strcmp(path, "*") == 0)
    return echo(rq);
  if (strcmp(path, "/slow") == 0)
    return (lwt_http_response_p *)lwt_bind(lwt_sleep(LWT_MS(strtoull(query, NULL, 10))),
                                           slow_reply, NULL);
  if (strcmp(path, "/wait") == 0)
    return (lwt_http_response_p *)lwt_bind(lwt_wait(&waiting), slow_reply, NULL);
  if (strcmp(path, "/wake") == 0)
    return (lwt_http_response_p *)lwt_task_op(&waking, wake, NULL);
  if (strcmp(path, "/fail") == 0)
    return lwt_http_response_p_fail(atoi(query), "handler");
  if (strcmp(path, "/null") == 0)
    return lwt_http_response_p_return(NULL);
  if (strcmp(path, "/status") == 0)
    return lwt_http_reply(atoi(query), "text/plain", "text");
  if (strcmp(path, "/chain") == 0)
    return chain(query);
  if (strcmp(path, "/chunks") == 0)
    return produce((struct pieces){ .n = 3, .size = 2 }, LWT_HTTP_UNKNOWN);
  if (strcmp(path, "/known") == 0)
    return produce((struct pieces){ .n = 3, .size = 2 }, 6);
  if (strcmp(path, "/more") == 0)
    return produce((struct pieces){ .n = 3, .size = 2, .rude = 1 }, 5);
  if (strcmp(path, "/less") == 0)
    return produce((struct pieces){ .n = 3, .size = 2, .wait = LWT_MS(1) }, 7);
  if (strcmp(path, "/stream") == 0)
    return produce((struct pieces){ .n = (unsigned)atoi(query) }, LWT_HTTP_UNKNOWN);
  if (strcmp(path, "/drip") == 0)
    return produce((struct pieces){ .n = 3, .size = 2,
                                    .wait = LWT_MS(strtoull(query, NULL, 10)) },
                   LWT_HTTP_UNKNOWN);
  if (strcmp(path, "/breaks") == 0)
    return produce((struct pieces){ .n = (unsigned)atoi(query), .size = 2,
                                    .wait = LWT_MS(1), .fail_at_end = 1 },
                   LWT_HTTP_UNKNOWN);
  return lwt_http_return(lwt_http_page(404));
}

static const struct lwt_http_options all = { .handler = handler, .methods = 127 };

#endif
