/* stream.c - h: elements through streams.
 * SPDX-License-Identifier: ISC
 */
#include "bench.h"

#include <lwt/stream.h>

#define V(n) ((void *)(uintptr_t)(n))

struct pushing {
  struct lwt_sink *sink;
  size_t left;
};

static lwt_t *push(void *env, void *value)
{
  struct pushing *p = env;

  (void)value;
  if (p->left == 0) {
    lwt_sink_close(p->sink);
    lwt_sink_drop(p->sink);
    return lwt_return(NULL);
  }
  p->left--;
  return lwt_bind(lwt_sink_push(p->sink, V(1)), push, p);
}

static void add(void *env, void *value)
{
  *(size_t *)env += (uintptr_t)value;
}

static void h1(size_t n)
{
  struct pushing p = { .left = n };
  struct lwt_stream *s = lwt_stream_create(NULL, 128, &p.sink);
  size_t sum = 0;
  lwt_t *writer;

  bench_begin();
  writer = push(&p, NULL);
  bench_drive(lwt_join(LWT_PS(lwt_stream_iter(s, add, &sum), writer)));
  bench_end(n);
  bench_check(sum == n, "h1");
  lwt_stream_drop(s);
}

static void h2(size_t n)
{
  struct lwt_sink *sink;
  struct lwt_stream *s = lwt_stream_create(NULL, LWT_UNLIMITED, &sink);
  size_t i, sum = 0;
  lwt_t *reader;

  bench_begin();
  reader = lwt_stream_iter(s, add, &sum);
  for (i = 0; i < n; i++)
    bench_check(lwt_sink_try_push(sink, V(1)) == 0, "h2: push");
  lwt_sink_close(sink);
  bench_drive(reader);
  bench_end(n);
  bench_check(sum == n, "h2");
  lwt_sink_drop(sink);
  lwt_stream_drop(s);
}

static lwt_t *pull(void *env)
{
  size_t *left = env;

  return lwt_return(*left ? V((*left)--) : LWT_NONE);
}

static void *one(void *env, void *value)
{
  (void)env;
  (void)value;
  return V(1);
}

static void h3(size_t n)
{
  size_t left = n, sum = 0;
  struct lwt_stream *s;

  bench_begin();
  s = lwt_stream_map(lwt_stream_from(NULL, pull, &left, NULL), NULL, one, NULL);
  bench_drive(lwt_stream_iter(s, add, &sum));
  bench_end(n);
  bench_check(sum == n, "h3");
  lwt_stream_drop(s);
}

const struct row bench_stream[] = {
  { "h1", "stream bounded by 128, per element", 5000000, h1, 0 },
  { "h2", "push to a waiting reader, per element", 5000000, h2, 0 },
  { "h3", "pull, map, iterate, per element", 5000000, h3, 0 },
  { NULL, NULL, 0, NULL, 0 },
};
