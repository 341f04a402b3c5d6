/* stream_iter.c - reading to the end: iter, fold, find.
 * SPDX-License-Identifier: ISC
 */
#include "each.h"
#include "streams.h"

/* One frame for all that hand each element to a function, one after the other.
 * `act` calls it: returns a promise, or NULL when nothing is to be awaited. */
struct walk {
  struct lwt_frame frame;
  struct lwt_stream *s;
  lwt_t *(*act)(struct walk *w);
  int (*decide)(struct walk *w); /* the awaited result: nonzero, it is over */
  void *fn;
  void *env;
  struct lwt_value result;
  void *value;
  void *got;
  struct lwt_error error;
  int over;
};

static void unpin(void *init)
{
  lwt__stream_unpin(((struct walk *)init)->s);
}

LWT_STEP walk_step(struct lwt_frame *frame)
{
  struct walk *w = (struct walk *)frame;
  lwt_t *p;

  lwt_begin(w);
  do {
    lwt_await_error(w, &w->error, &w->value, lwt_stream_get(w->s));
    if (w->error.code || w->value == LWT_NONE)
      break;
    if (!(p = w->act(w)))
      continue;
    lwt_await_error(w, &w->error, &w->got, p);
    if (w->error.code)
      break;
    if (w->decide)
      w->over = w->decide(w);
  } while (!w->over);
  lwt__stream_unpin(w->s);
  if (w->error.code)
    lwt_throw(w, w->error.code, w->error.what);
  lwt_finish_owned(w, w->result.value, w->result.drop);
  lwt_end(w);
}

static lwt_t *walk(struct lwt_stream *s, struct walk *init)
{
  if (!s)
    return lwt__oom();
  init->s = lwt__stream_pin(s);
  return lwt__go(sizeof *init, walk_step, init, unpin, LWT_WHERE);
}
#define WALK(s, ...) walk((s), &(struct walk){ __VA_ARGS__ })

/* ---- iter ---------------------------------------------------------------- */

static lwt_t *act_iter(struct walk *w)
{
  ((lwt_value_fn *)w->fn)(w->env, w->value);
  return NULL;
}

static lwt_t *act_bind(struct walk *w)
{
  return ((lwt_bind_fn *)w->fn)(w->env, w->value);
}

lwt_t *lwt_stream_iter(struct lwt_stream *s, lwt_value_fn *f, void *env)
{
  return WALK(s, .act = act_iter, .fn = (void *)f, .env = env);
}

lwt_t *lwt_stream_iter_s(struct lwt_stream *s, lwt_bind_fn *f, void *env)
{
  return WALK(s, .act = act_bind, .fn = (void *)f, .env = env);
}

struct iter {
  struct lwt_stream *s;
  lwt_bind_fn *f;
  void *env;
};

static lwt_t *iter_next(void *env)
{
  return lwt_stream_get(((struct iter *)env)->s);
}

static void iter_unget(void *env, void *element)
{
  lwt__stream_unget(((struct iter *)env)->s, element);
}

static lwt_t *iter_start(void *env, void *element)
{
  struct iter *it = env;

  return it->f(it->env, element);
}

static void iter_end(void *env)
{
  lwt__stream_unpin(((struct iter *)env)->s);
}

static const struct each_ops iter_ops = {
  .next = iter_next,
  .unget = iter_unget,
  .start = iter_start,
  .end = iter_end,
};

lwt_t *lwt_stream_iter_n(struct lwt_stream *s, size_t max, lwt_bind_fn *f, void *env)
{
  struct iter it = { s, f, env };

  if (!s)
    return lwt__oom();
  lwt__stream_pin(s);
  return lwt__each_run(&iter_ops, max, &it, sizeof it, LWT_WHERE);
}

lwt_t *lwt_stream_iter_p(struct lwt_stream *s, lwt_bind_fn *f, void *env)
{
  return lwt_stream_iter_n(s, LWT_UNLIMITED, f, env);
}

/* ---- fold ---------------------------------------------------------------- */

static lwt_t *act_fold(struct walk *w)
{
  w->result.value = ((lwt_fold_fn *)w->fn)(w->env, w->result.value, w->value);
  return NULL;
}

static lwt_t *act_fold_s(struct walk *w)
{
  return ((lwt_fold_s_fn *)w->fn)(w->env, w->result.value, w->value);
}

static int decide_fold(struct walk *w)
{
  w->result.value = w->got;
  return 0;
}

lwt_t *lwt_stream_fold(struct lwt_stream *s, lwt_fold_fn *f, void *acc, void *env)
{
  return WALK(s, .act = act_fold, .fn = (void *)f, .env = env, .result.value = acc);
}

lwt_t *lwt_stream_fold_s(struct lwt_stream *s, lwt_fold_s_fn *f, void *acc, void *env)
{
  return WALK(s, .act = act_fold_s, .decide = decide_fold, .fn = (void *)f, .env = env,
              .result.value = acc);
}

/* ---- find ---------------------------------------------------------------- */

/* The element is the result, or dropped. */
static int decide_find(struct walk *w)
{
  const struct source *src = w->s->src;

  if (w->got)
    w->result = (struct lwt_value){ w->value, src->type.drop };
  else
    lwt__element_drop(src, w->value);
  return w->got != NULL;
}

static lwt_t *act_find(struct walk *w)
{
  w->got = (void *)(uintptr_t)!!((lwt_test_fn *)w->fn)(w->env, w->value);
  w->over = decide_find(w);
  return NULL;
}

static int decide_found(struct walk *w)
{
  if (w->got != LWT_NONE)
    w->result.value = w->got;
  return w->got != LWT_NONE;
}

static lwt_t *act_find_map(struct walk *w)
{
  w->got = ((lwt_map_fn *)w->fn)(w->env, w->value);
  w->over = decide_found(w);
  return NULL;
}

lwt_t *lwt_stream_find(struct lwt_stream *s, lwt_test_fn *test, void *env)
{
  return WALK(s, .act = act_find, .fn = (void *)test, .env = env,
              .result.value = LWT_NONE);
}

lwt_t *lwt_stream_find_s(struct lwt_stream *s, lwt_bind_fn *test, void *env)
{
  return WALK(s, .act = act_bind, .decide = decide_find, .fn = (void *)test, .env = env,
              .result.value = LWT_NONE);
}

lwt_t *lwt_stream_find_map(struct lwt_stream *s, lwt_map_fn *f, void *env)
{
  return WALK(s, .act = act_find_map, .fn = (void *)f, .env = env,
              .result.value = LWT_NONE);
}

lwt_t *lwt_stream_find_map_s(struct lwt_stream *s, lwt_bind_fn *f, void *env)
{
  return WALK(s, .act = act_bind, .decide = decide_found, .fn = (void *)f, .env = env,
              .result.value = LWT_NONE);
}
