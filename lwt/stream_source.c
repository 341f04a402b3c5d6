/* stream_source.c - what streams are made of: pulls, arrays, promises, sinks.
 * SPDX-License-Identifier: ISC
 *
 * A sink is its source: the pointer is the same, with a count of its own.
 */
#include "queue.h"
#include "streams.h"

#include <string.h>

/* ---- Pulled -------------------------------------------------------------- */

struct lwt_stream *lwt_stream_from(const struct lwt_elements *type, lwt_pull_fn *pull,
                                   void *env, lwt_call_fn *release)
{
  struct source *src = lwt__source_new(type);

  if (!src) {
    if (release)
      release(env);
    return NULL;
  }
  src->pull = pull;
  src->env = env;
  src->release = release;
  return &src->first;
}

struct direct {
  lwt_pull_direct_fn *pull;
  void *env;
  lwt_call_fn *release;
  lwt_drop_fn *drop;
};

static lwt_t *pull_direct(void *env)
{
  struct direct *d = env;
  void *value = NULL;
  int n = d->pull(d->env, &value);

  if (n < 0)
    return lwt_fail(n, "pull");
  if (n == 0)
    return lwt_return(LWT_NONE);
  return d->drop ? lwt_return_owned(value, d->drop) : lwt_return(value);
}

static void release_direct(void *env)
{
  struct direct *d = env;

  if (d->release)
    d->release(d->env);
  lwt__free(d);
}

struct lwt_stream *lwt_stream_from_direct(const struct lwt_elements *type,
                                          lwt_pull_direct_fn *pull, void *env,
                                          lwt_call_fn *release)
{
  struct direct *d = lwt__alloc(sizeof *d);

  if (!d) {
    if (release)
      release(env);
    return NULL;
  }
  *d = (struct direct){ pull, env, release, type ? type->drop : NULL };
  return lwt_stream_from(type, pull_direct, d, release_direct);
}

/* ---- Made of what is there ----------------------------------------------- */

struct lwt_stream *lwt_stream_of_array(const struct lwt_elements *type, size_t n,
                                       void *const values[])
{
  struct source *src = lwt__source_new(type);
  size_t i;

  for (i = 0; src && i < n; i++)
    if (lwt__source_put(src, values[i], 0))
      break;
  if (src && i == n) {
    lwt__source_end(src, 0, NULL);
    return &src->first;
  }
  for (; i < n; i++)
    if (type && type->drop)
      type->drop(values[i]);
  if (src)
    lwt_stream_drop(&src->first);
  return NULL;
}

struct bytes {
  size_t at, len;
  unsigned char byte[];
};

static int pull_byte(void *env, void **value)
{
  struct bytes *b = env;

  if (b->at == b->len)
    return 0;
  *value = (void *)(uintptr_t)b->byte[b->at++];
  return 1;
}

struct lwt_stream *lwt_stream_of_bytes(const void *bytes, size_t len)
{
  struct bytes *b = len < SIZE_MAX - sizeof *b ? lwt__alloc(sizeof *b + len) : NULL;
  struct lwt_stream *s;

  if (!b)
    return NULL;
  b->at = 0;
  b->len = len;
  if (len)
    memcpy(b->byte, bytes, len);
  s = lwt_stream_from_direct(NULL, pull_byte, b, lwt__free);
  if (s)
    s->src->flags |= S_CLOSED;
  return s;
}

/* As if p were the promise of a pull, the only one. */
struct lwt_stream *lwt_stream_of_promise(const struct lwt_elements *type, lwt_t *p)
{
  struct source *src = lwt__source_new(type);

  if (!src) {
    lwt_drop(p);
    return NULL;
  }
  src->flags |= S_ONCE;
  lwt__source_accept(src, p);
  return &src->first;
}

/* ---- Pushed -------------------------------------------------------------- */

static inline struct source *S(struct lwt_sink *sink)
{
  return (struct source *)(void *)sink;
}

struct lwt_stream *lwt_stream_create(const struct lwt_elements *type, size_t limit,
                                     struct lwt_sink **sink)
{
  struct source *src = lwt__source_new(type);

  *sink = (struct lwt_sink *)(void *)src;
  if (!src)
    return NULL;
  src->limit = limit ? limit : 1;
  src->refs++;
  return &src->first;
}

/* Why nothing can be pushed; 0 if it can. */
static inline int shut(const struct source *src)
{
  return src->flags & S_ENDED || !src->nhandles ? LWT_EPIPE : 0;
}

static inline int full(struct source *src)
{
  return src->end - src->base >= src->limit || Q(&src->pushers)->waiters;
}

/* Apart: the way of a push that does not go in at once. */
static __attribute__((noinline)) lwt_t *push_slow(struct source *src, void *value,
                                                  const char *where)
{
  lwt_t *p;
  int held;

  if (!shut(src) && full(src)) {
    p = lwt__wait_in(Q(&src->pushers), value, (void *)src->type.drop, where);
    if (p != lwt__oom()) {
      P(p)->flags |= F_OWNS;
      return p;
    }
  } else if (shut(src)) {
    p = lwt_fail_at(LWT_EPIPE, "lwt_sink_push", where);
  } else {
    p = lwt__oom();
  }
  held = lwt__hold();
  lwt__element_drop(src, value);
  lwt__release(held);
  return p;
}

lwt_t *lwt_sink_push_at(struct lwt_sink *sink, void *value, const char *where)
{
  struct source *src = S(sink);

  if (unlikely(!sink))
    return lwt__oom();
  if (unlikely(shut(src) || full(src) || lwt__source_put(src, value, 0)))
    return push_slow(src, value, where);
  lwt__source_pushed(src);
  return lwt_return(NULL);
}

int lwt_sink_try_push(struct lwt_sink *sink, void *value)
{
  struct source *src = S(sink);

  if (!sink)
    return LWT_ENOMEM;
  if (shut(src))
    return LWT_EPIPE;
  if (full(src))
    return LWT_EAGAIN;
  if (lwt__source_put(src, value, 0))
    return LWT_ENOMEM;
  lwt__source_pushed(src);
  return 0;
}

static void end(struct lwt_sink *sink, int code, const char *what)
{
  struct source *src = S(sink);
  int held;

  if (!sink || src->flags & S_ENDED)
    return;
  held = lwt__hold();
  lwt__source_end(src, code, what);
  lwt__source_serve(src);
  lwt__release(held);
}

void lwt_sink_close(struct lwt_sink *sink)
{
  end(sink, 0, NULL);
}

void lwt_sink_fail(struct lwt_sink *sink, int code, const char *what)
{
  end(sink, code < 0 ? code : LWT_EINVAL, what);
}

void lwt_sink_drop(void *sink)
{
  struct source *src = S(sink);
  int held;

  if (!sink)
    return;
  held = lwt__hold();
  end(sink, LWT_EPIPE, "abandoned");
  lwt__source_unref(src);
  lwt__release(held);
}

void lwt_sink_resize(struct lwt_sink *sink, size_t limit)
{
  int held;

  if (!sink)
    return;
  held = lwt__hold();
  S(sink)->limit = limit ? limit : 1;
  lwt__source_serve(S(sink));
  lwt__release(held);
}

struct lwt_sink_stats lwt_sink_stats(const struct lwt_sink *sink)
{
  const struct source *src = (const struct source *)(const void *)sink;

  if (!sink)
    return (struct lwt_sink_stats){ 0 };
  return (struct lwt_sink_stats){
    .held = (size_t)(src->end - src->base),
    .blocked = lwt_queue_length(&src->pushers),
    .limit = src->limit,
    .closed = (src->flags & S_ENDED) != 0,
    .unread = !src->nhandles,
  };
}
