/* stream_merge.c - streams made of several: append, concat, combine, choose.
 * SPDX-License-Identifier: ISC
 */
#include "streams.h"

#include <string.h>

/* ---- append and concat --------------------------------------------------- */

/* The stream that is read, then `after`, or what `streams` gives. */
struct concat {
  struct lwt_stream *now, *after, *streams;
};

struct concat_pull {
  struct lwt_frame frame;
  struct concat *c;
  void *value;
};

static void concat_release(void *env)
{
  struct concat *c = env;

  lwt_stream_drop(c->now);
  lwt_stream_drop(c->after);
  lwt_stream_drop(c->streams);
  lwt__free(c);
}

LWT_STEP concat_step(struct lwt_frame *frame)
{
  struct concat_pull *p = (struct concat_pull *)frame;
  struct concat *c = p->c;

  lwt_begin(p);
  for (;;) {
    if (!c->now && c->after) {
      c->now = c->after;
      c->after = NULL;
    } else if (!c->now && !c->streams) {
      lwt_finish(p, LWT_NONE);
    } else if (!c->now) {
      lwt_await(p, &p->value, lwt_stream_get(c->streams));
      if (p->value == LWT_NONE)
        lwt_finish(p, LWT_NONE);
      c->now = p->value;
      if (!c->now)
        lwt_throw(p, LWT_ENOMEM, "lwt_stream_concat");
    }
    lwt_await(p, &p->value, lwt_stream_get(c->now));
    if (p->value != LWT_NONE)
      lwt_finish_owned(p, p->value, c->now->src->type.drop);
    lwt_stream_drop(c->now);
    c->now = NULL;
  }
  lwt_end(p);
}

static lwt_t *concat_pull(void *env)
{
  struct concat *c = env;

  if (c->now && lwt__stream_has(c->now))
    return lwt_stream_get(c->now);
  return LWT_GO(struct concat_pull, concat_step, .c = c);
}

static struct lwt_stream *concat_new(const struct lwt_elements *type, struct concat init)
{
  struct concat *c = lwt__alloc(sizeof *c);

  if (!c) {
    lwt_stream_drop(init.now);
    lwt_stream_drop(init.after);
    lwt_stream_drop(init.streams);
    return NULL;
  }
  *c = init;
  return lwt_stream_from(type, concat_pull, c, concat_release);
}

struct lwt_stream *lwt_stream_append(struct lwt_stream *a, struct lwt_stream *b)
{
  if (!a || !b) {
    lwt_stream_drop(a);
    lwt_stream_drop(b);
    return NULL;
  }
  return concat_new(&a->src->type, (struct concat){ .now = a, .after = b });
}

struct lwt_stream *lwt_stream_concat(struct lwt_stream *streams,
                                     const struct lwt_elements *type)
{
  return streams ? concat_new(type, (struct concat){ .streams = streams }) : NULL;
}

/* ---- combine ------------------------------------------------------------- */

struct combine {
  struct lwt_stream *a, *b;
};

struct combine_pull {
  struct lwt_frame frame;
  struct combine *c;
  void *a, *b;
  struct lwt_error error;
};

static void combine_release(void *env)
{
  struct combine *c = env;

  lwt_stream_drop(c->a);
  lwt_stream_drop(c->b);
  lwt__free(c);
}

LWT_STEP combine_step(struct lwt_frame *frame)
{
  struct combine_pull *p = (struct combine_pull *)frame;
  struct lwt_stream *a = p->c->a, *b = p->c->b;
  struct lwt_vec *pair;

  lwt_begin(p);
  lwt_await(p, &p->a, lwt_stream_get(a));
  if (p->a == LWT_NONE)
    lwt_finish(p, LWT_NONE);
  lwt_await_error(p, &p->error, &p->b, lwt_stream_get(b));
  if (p->error.code) {
    lwt__stream_unget(a, p->a);
    lwt_throw(p, p->error.code, p->error.what);
  }
  if (p->b == LWT_NONE) {
    lwt__element_drop(a->src, p->a);
    lwt_finish(p, LWT_NONE);
  }
  if (!(pair = lwt__vec_new(2))) {
    lwt__stream_unget(a, p->a);
    lwt__stream_unget(b, p->b);
    lwt_throw(p, LWT_ENOMEM, "lwt_stream_combine");
  }
  pair->n = 2;
  pair->v[0] = (struct lwt_value){ p->a, a->src->type.drop };
  pair->v[1] = (struct lwt_value){ p->b, b->src->type.drop };
  lwt_finish_owned(p, pair, lwt_vec_free);
  lwt_end(p);
}

static lwt_t *combine_pull(void *env)
{
  return LWT_GO(struct combine_pull, combine_step, .c = env);
}

struct lwt_stream *lwt_stream_combine(struct lwt_stream *a, struct lwt_stream *b)
{
  struct combine *c = a && b ? lwt__alloc(sizeof *c) : NULL;

  if (!c) {
    lwt_stream_drop(a);
    lwt_stream_drop(b);
    return NULL;
  }
  *c = (struct combine){ a, b };
  return lwt_stream_from(&lwt_vec_elements, combine_pull, c, combine_release);
}

/* ---- choose -------------------------------------------------------------- */

/* Of each stream that has nothing to give, a peek is pending, over several
 * pulls; nothing is taken from a stream before it is wanted. */
struct choose {
  size_t n, turn;
  struct branch {
    struct lwt_stream *s;
    lwt_t *peek;
  } branch[];
};

struct choose_pull {
  struct lwt_frame frame;
  struct choose *c;
  lwt_t **ps;
};

static void branch_drop(struct branch *b)
{
  lwt_drop(b->peek);
  b->peek = NULL;
  lwt_stream_drop(b->s);
  b->s = NULL;
}

static void choose_release(void *env)
{
  struct choose *c = env;
  size_t i;

  for (i = 0; i < c->n; i++)
    branch_drop(&c->branch[i]);
  lwt__free(c);
}

/* What one of the streams has to give; NULL: nothing. */
static lwt_t *choose_take(struct choose *c)
{
  size_t i, k;
  lwt_t *p;

  for (k = 0; k < c->n; k++) {
    struct branch *b = &c->branch[i = (c->turn + k) % c->n];

    if (!b->s)
      continue;
    if (lwt__stream_has(b->s)) {
      c->turn = (i + 1) % c->n;
      return lwt_stream_get(b->s);
    }
    if (b->s->src->flags & S_ENDED) {
      p = lwt_stream_get(b->s);
      branch_drop(b);
      if (lwt_state(p) == LWT_REJECTED)
        return p;
    }
  }
  return NULL;
}

/* Have a peek pending of each stream.  Returns how many there are; 0 if one has
 * settled at once, or if all have ended; *failed: one cannot be had. */
static size_t choose_peek(struct choose *c, lwt_t **ps, struct lwt_error *failed)
{
  size_t i, n = 0;
  int settled = 0;

  *failed = (struct lwt_error){ 0, NULL };
  for (i = 0; i < c->n; i++) {
    struct branch *b = &c->branch[i];

    if (!b->s)
      continue;
    if (b->peek && lwt_state(b->peek) != LWT_PENDING) {
      lwt_error(b->peek); /* it is seen when the element is read */
      lwt_drop(b->peek);
      b->peek = NULL;
    }
    if (!b->peek)
      b->peek = lwt_stream_peek(b->s);
    if (lwt_state(b->peek) == LWT_PENDING)
      ps[n++] = b->peek;
    else
      settled = 1;
    if (lwt_error(b->peek).code && !lwt__stream_has(b->s) &&
        !(b->s->src->flags & S_ENDED))
      *failed = lwt_error(b->peek);
  }
  return settled ? 0 : n;
}

static int choose_any(const struct choose *c)
{
  size_t i;

  for (i = 0; i < c->n && !c->branch[i].s; i++)
    ;
  return i < c->n;
}

LWT_STEP choose_step(struct lwt_frame *frame)
{
  struct choose_pull *p = (struct choose_pull *)frame;
  struct choose *c = p->c;
  struct lwt_error failed;
  size_t i, n;
  lwt_t *q;

  lwt_begin(p);
  if (!(p->ps = lwt__alloc(c->n * sizeof(lwt_t *))))
    lwt_throw(p, LWT_ENOMEM, "lwt_stream_choose");
  lwt_defer(p, lwt__free, p->ps);
  for (;;) {
    if ((q = choose_take(c)))
      lwt_become(p, q);
    if (!choose_any(c))
      lwt_finish(p, LWT_NONE);
    n = choose_peek(c, p->ps, &failed);
    if (failed.code)
      lwt_throw(p, failed.code, failed.what);
    if (!n)
      continue;
    for (i = 0; i < n; i++)
      p->ps[i] = lwt_ref(p->ps[i]);
    lwt_await_error(p, &failed, lwt_choose(n, p->ps));
    if (failed.code == LWT_ECANCELED || failed.code == LWT_ENOMEM)
      lwt_throw(p, failed.code, failed.what);
  }
  lwt_end(p);
}

static lwt_t *choose_pull(void *env)
{
  struct choose *c = env;
  lwt_t *p = choose_take(c);

  return p ? p : LWT_GO(struct choose_pull, choose_step, .c = c);
}

struct lwt_stream *lwt_stream_choose(size_t n, struct lwt_stream *const streams[])
{
  const struct lwt_elements *type = n && streams[0] ? &streams[0]->src->type : NULL;
  struct choose *c = NULL;
  size_t i, have = 0;

  while (have < n && streams[have])
    have++;
  if (have == n && n < (SIZE_MAX - sizeof *c) / sizeof *c->branch)
    c = lwt__alloc(sizeof *c + n * sizeof *c->branch);
  if (!c) {
    for (i = 0; i < n; i++)
      lwt_stream_drop(streams[i]);
    return NULL;
  }
  memset(c, 0, sizeof *c + n * sizeof *c->branch);
  c->n = n;
  for (i = 0; i < n; i++)
    c->branch[i].s = streams[i];
  return lwt_stream_from(type, choose_pull, c, choose_release);
}
