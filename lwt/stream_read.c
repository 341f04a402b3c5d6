/* stream_read.c - reading several elements, and leaving some out.
 * SPDX-License-Identifier: ISC
 *
 * Each is a frame over lwt_stream_get().  It owns what it has taken until it
 * is fulfilled; if it is not (cancelled, an error, no memory), all of that goes
 * back to the front of the stream.
 */
#include "streams.h"

struct many {
  struct lwt_frame frame;
  struct lwt_stream *s;
  size_t want;     /* enough; */
  size_t max;      /* too many */
  int keep;        /* put them back when all are there */
  int junk;        /* drop them one by one */
  lwt_test_fn *test;
  lwt_bind_fn *test_s;
  void *env;
  struct lwt_vec *vec;
  size_t n;
  void *value;
  void *pass;
  struct lwt_error error;
};

static void unpin(void *init)
{
  lwt__stream_unpin(((struct many *)init)->s);
}

/* One more element is there: keep or drop it. */
static void many_add(struct many *m)
{
  const struct source *src = m->s->src;

  m->n++;
  if (m->junk) {
    lwt__element_drop(src, m->value);
  } else if (m->n > m->max || lwt__vec_push(&m->vec, m->value, src->type.drop)) {
    lwt__stream_unget(m->s, m->value);
    m->error.code = m->n > m->max ? LWT_EMSGSIZE : LWT_ENOMEM;
    m->error.what = "lwt_stream";
  }
}

LWT_STEP many_step(struct lwt_frame *frame)
{
  struct many *m = (struct many *)frame;

  lwt_begin(m);
  while (m->n < m->want) {
    lwt_await_error(m, &m->error, &m->value, lwt_stream_get(m->s));
    if (m->error.code || m->value == LWT_NONE)
      break;
    m->pass = m;
    if (m->test) {
      m->pass = m->test(m->env, m->value) ? m : NULL;
    } else if (m->test_s) {
      m->pass = NULL;
      lwt_await_error(m, &m->error, &m->pass, m->test_s(m->env, m->value));
    }
    if (m->pass)
      many_add(m);
    else
      lwt__stream_unget(m->s, m->value);
    if (m->error.code || !m->pass)
      break;
  }
  if (m->error.code) {
    lwt__stream_unget_vec(m->s, m->vec);
    lwt__stream_unpin(m->s);
    lwt_throw(m, m->error.code, m->error.what);
  }
  if (!m->vec && !m->junk && !(m->vec = lwt__vec_new(0))) {
    lwt__stream_unpin(m->s);
    lwt_throw(m, LWT_ENOMEM, "lwt_stream");
  }
  if (m->keep)
    lwt__stream_unget_look(m->s, m->vec);
  lwt__stream_unpin(m->s);
  lwt_finish_owned(m, m->vec, m->junk ? NULL : lwt_vec_free);
  lwt_end(m);
}

static lwt_t *many(struct lwt_stream *s, struct many *init)
{
  if (!s)
    return lwt__oom();
  init->s = lwt__stream_pin(s);
  return lwt__go(sizeof *init, many_step, init, unpin, LWT_WHERE);
}

#define MANY(s, enough, most, ...) \
  many((s), &(struct many){ .want = (enough), .max = (most), __VA_ARGS__ })
#define ALL LWT_UNLIMITED

lwt_t *lwt_stream_nget(struct lwt_stream *s, size_t n)
{
  return MANY(s, n, ALL, .junk = 0);
}

lwt_t *lwt_stream_npeek(struct lwt_stream *s, size_t n)
{
  return MANY(s, n, ALL, .keep = 1);
}

lwt_t *lwt_stream_get_while(struct lwt_stream *s, size_t max, lwt_test_fn *test,
                            void *env)
{
  return MANY(s, ALL, max, .test = test, .env = env);
}

lwt_t *lwt_stream_get_while_s(struct lwt_stream *s, size_t max, lwt_bind_fn *test,
                              void *env)
{
  return MANY(s, ALL, max, .test_s = test, .env = env);
}

lwt_t *lwt_stream_to_array(struct lwt_stream *s, size_t max)
{
  return MANY(s, ALL, max, .junk = 0);
}

lwt_t *lwt_stream_junk(struct lwt_stream *s)
{
  return MANY(s, 1, ALL, .junk = 1);
}

lwt_t *lwt_stream_njunk(struct lwt_stream *s, size_t n)
{
  return MANY(s, n, ALL, .junk = 1);
}

lwt_t *lwt_stream_junk_while(struct lwt_stream *s, lwt_test_fn *test, void *env)
{
  return MANY(s, ALL, ALL, .test = test, .env = env, .junk = 1);
}

lwt_t *lwt_stream_junk_while_s(struct lwt_stream *s, lwt_bind_fn *test, void *env)
{
  return MANY(s, ALL, ALL, .test_s = test, .env = env, .junk = 1);
}

/* ---- What is there ------------------------------------------------------- */

lwt_t *lwt_stream_get_available_up_to(struct lwt_stream *s, size_t n)
{
  struct lwt_vec *vec = NULL;
  lwt_t *p = NULL;
  void *value;
  int held, got = 0;

  if (!s || !(vec = lwt__vec_new(0)))
    return lwt__oom();
  held = lwt__hold();
  lwt__stream_pin(s);
  while (vec->n < n && (got = lwt_stream_try_get(s, &value)) > 0)
    if (lwt__vec_push(&vec, value, s->src->type.drop)) {
      lwt__stream_unget(s, value);
      got = LWT_ENOMEM;
      break;
    }
  if (got < 0) {
    lwt__stream_unget_vec(s, vec);
    p = lwt_fail(got, "lwt_stream");
  } else {
    p = lwt_return_owned(vec, lwt_vec_free);
  }
  lwt__stream_unpin(s);
  lwt__release(held);
  return p;
}

lwt_t *lwt_stream_get_available(struct lwt_stream *s)
{
  return lwt_stream_get_available_up_to(s, LWT_UNLIMITED);
}

void lwt_stream_junk_available(struct lwt_stream *s)
{
  int held;

  if (!s)
    return;
  held = lwt__hold();
  lwt__stream_pin(s);
  while (!s->dropped && lwt__stream_has(s))
    lwt__stream_skip(s);
  lwt__stream_unpin(s);
  lwt__release(held);
}

lwt_t *lwt_stream_last_new(struct lwt_stream *s)
{
  int held;
  lwt_t *p;

  if (!s)
    return lwt__oom();
  held = lwt__hold();
  lwt__stream_pin(s);
  while (!s->dropped && s->src->end - s->pos > 1)
    lwt__stream_skip(s);
  p = lwt_stream_next(s);
  lwt__stream_unpin(s);
  lwt__release(held);
  return p;
}

static void *is_none(void *env, void *value)
{
  (void)env;
  return (void *)(uintptr_t)(value == LWT_NONE);
}

lwt_t *lwt_stream_is_empty(struct lwt_stream *s)
{
  return lwt_map(lwt_stream_peek(s), is_none, NULL);
}
