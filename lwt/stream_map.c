/* stream_map.c - streams made of one stream: map, filter, filter_map, map_list.
 * SPDX-License-Identifier: ISC
 *
 * Each is a source that is pulled and that owns the stream it pulls from.  If
 * what it needs is there, a pull is a loop; otherwise a frame goes on with the
 * same loop.  An element that is dropped after its test, or given to f, belongs
 * to the frame meanwhile.
 */
#include "streams.h"

/* LIST, FLATTEN: f's answer, or the element itself, is a vec of elements. */
enum how {
  MAP, MAP_S, FILTER, FILTER_S, FILTER_MAP, FILTER_MAP_S, LIST, LIST_S, FLATTEN
};

struct map {
  struct lwt_stream *s;
  enum how how;
  void *fn;
  void *env;
  lwt_drop_fn *drop; /* of the new elements */
  struct lwt_vec *vec; /* that is given out, from i on */
  size_t i;
};

struct pull {
  struct lwt_frame frame;
  struct map *m;
  lwt_t *first; /* what it waits for first: */
  int asked;    /* f's promise, else an element */
  void *value, *got;
  struct lwt_error error;
};

static void release(void *env)
{
  struct map *m = env;

  lwt_vec_free(m->vec);
  lwt_stream_drop(m->s);
  lwt__free(m);
}

static inline lwt_t *owned(void *value, lwt_drop_fn *drop)
{
  return drop ? lwt_return_owned(value, drop) : lwt_return(value);
}

static int asks(const struct map *m) /* f gives a promise */
{
  return m->how == MAP_S || m->how == FILTER_S || m->how == FILTER_MAP_S ||
         m->how == LIST_S;
}

/* f's answer for an element.  Returns 1 if the new element is in *out, else the
 * next one is wanted. */
static int answer(struct map *m, void *value, void *got, void **out)
{
  switch (m->how) {
  case MAP: case MAP_S:
    *out = got;
    return 1;
  case FILTER: case FILTER_S:
    *out = value;
    if (!got)
      lwt__drop_value(value, m->drop);
    return got != NULL;
  case FILTER_MAP: case FILTER_MAP_S:
    *out = got;
    return got != LWT_NONE;
  default:
    m->vec = got;
    m->i = 0;
    return 0;
  }
}

/* f's answer at once. */
static void *ask(struct map *m, void *value)
{
  if (m->how == FLATTEN)
    return value;
  if (m->how == FILTER)
    return (void *)(uintptr_t)!!((lwt_test_fn *)m->fn)(m->env, value);
  return ((lwt_map_fn *)m->fn)(m->env, value);
}

/* The next element of the vec. */
static int from_vec(struct map *m, void **out)
{
  if (m->vec && m->i < m->vec->n) {
    *out = m->vec->v[m->i].value;
    m->vec->v[m->i++].drop = NULL;
    return 1;
  }
  lwt_vec_free(m->vec);
  m->vec = NULL;
  return 0;
}

LWT_STEP pull_step(struct lwt_frame *frame)
{
  struct pull *p = (struct pull *)frame;
  struct map *m = p->m;
  void *out;

  lwt_begin(p);
  if (p->asked)
    goto answered;
  for (;;) {
    if (from_vec(m, &out))
      lwt_finish_owned(p, out, m->drop);
    lwt_await(p, &p->value, p->first ? p->first : lwt_stream_get(m->s));
    p->first = NULL;
    if (p->value == LWT_NONE)
      lwt_finish(p, LWT_NONE);
    if (asks(m)) {
      p->first = ((lwt_bind_fn *)m->fn)(m->env, p->value);
    answered:
      lwt_await_error(p, &p->error, &p->got, p->first);
      p->first = NULL;
      if (p->error.code) {
        if (m->how == FILTER_S)
          lwt__drop_value(p->value, m->drop);
        lwt_throw(p, p->error.code, p->error.what);
      }
    } else {
      p->got = ask(m, p->value);
    }
    if (answer(m, p->value, p->got, &out))
      lwt_finish_owned(p, out, m->drop);
  }
  lwt_end(p);
}

static void lost(void *init)
{
  struct pull *p = init;

  lwt_drop(p->first);
  if (p->asked && p->m->how == FILTER_S)
    lwt__drop_value(p->value, p->m->drop);
}

static lwt_t *wait_first(struct map *m, lwt_t *first, void *value, int asked)
{
  return lwt__go(sizeof(struct pull), pull_step,
                 &(struct pull){ .m = m, .first = first, .value = value, .asked = asked },
                 lost, LWT_WHERE);
}

static inline void *take_value(lwt_t *p)
{
  struct outcome o;

  if (likely(lwt__is_inline(p)))
    return lwt__inline_value(p);
  lwt__take_over(P(p), &o);
  return o.value;
}

/* f's promise for an element.  Returns what the pull is, or NULL: go on with
 * *got. */
static lwt_t *ask_s(struct map *m, void *value, void **got)
{
  lwt_t *p = ((lwt_bind_fn *)m->fn)(m->env, value);

  if (!p)
    p = lwt_fail(LWT_EINVAL, "callback returned NULL");
  if (m->how == MAP_S && lwt__state(p) != LWT_PENDING)
    return p;
  if (lwt__state(p) == LWT_PENDING)
    return wait_first(m, p, value, 1);
  if (lwt__state(p) == LWT_REJECTED) {
    if (m->how == FILTER_S)
      lwt__drop_value(value, m->drop);
    return p;
  }
  *got = take_value(p);
  return NULL;
}

static lwt_t *map_pull(void *env)
{
  struct map *m = env;
  void *value, *got = NULL, *out;
  lwt_t *p;

  for (;;) {
    if (unlikely(m->vec) && from_vec(m, &out))
      return owned(out, m->drop);
    p = lwt_stream_get(m->s);
    if (!lwt__is_inline(p) && P(p)->state == LWT_PENDING)
      return wait_first(m, p, NULL, 0);
    if (lwt__state(p) == LWT_REJECTED)
      return p;
    value = take_value(p);
    if (value == LWT_NONE)
      return lwt_return(LWT_NONE);
    if (!asks(m))
      got = ask(m, value);
    else if ((p = ask_s(m, value, &got)))
      return p;
    if (answer(m, value, got, &out))
      return owned(out, m->drop);
  }
}

/* ---- The streams --------------------------------------------------------- */

static struct lwt_stream *make(struct lwt_stream *s, const struct lwt_elements *type,
                               enum how how, void *fn, void *env)
{
  struct map *m = s ? lwt__alloc(sizeof *m) : NULL;

  if (!m) {
    lwt_stream_drop(s);
    return NULL;
  }
  if (how == FILTER || how == FILTER_S)
    type = &s->src->type;
  *m = (struct map){ .s = s, .how = how, .fn = fn, .env = env,
                     .drop = type ? type->drop : NULL };
  return lwt_stream_from(type, map_pull, m, release);
}

struct lwt_stream *lwt_stream_map(struct lwt_stream *s, const struct lwt_elements *type,
                                  lwt_map_fn *f, void *env)
{
  return make(s, type, MAP, (void *)f, env);
}

struct lwt_stream *lwt_stream_map_s(struct lwt_stream *s, const struct lwt_elements *type,
                                    lwt_bind_fn *f, void *env)
{
  return make(s, type, MAP_S, (void *)f, env);
}

struct lwt_stream *lwt_stream_filter(struct lwt_stream *s, lwt_test_fn *test, void *env)
{
  return make(s, NULL, FILTER, (void *)test, env);
}

struct lwt_stream *lwt_stream_filter_s(struct lwt_stream *s, lwt_bind_fn *test, void *env)
{
  return make(s, NULL, FILTER_S, (void *)test, env);
}

struct lwt_stream *lwt_stream_filter_map(struct lwt_stream *s,
                                         const struct lwt_elements *type, lwt_map_fn *f,
                                         void *env)
{
  return make(s, type, FILTER_MAP, (void *)f, env);
}

struct lwt_stream *lwt_stream_filter_map_s(struct lwt_stream *s,
                                           const struct lwt_elements *type,
                                           lwt_bind_fn *f, void *env)
{
  return make(s, type, FILTER_MAP_S, (void *)f, env);
}

struct lwt_stream *lwt_stream_map_list(struct lwt_stream *s,
                                       const struct lwt_elements *type, lwt_map_fn *f,
                                       void *env)
{
  return make(s, type, LIST, (void *)f, env);
}

struct lwt_stream *lwt_stream_map_list_s(struct lwt_stream *s,
                                         const struct lwt_elements *type, lwt_bind_fn *f,
                                         void *env)
{
  return make(s, type, LIST_S, (void *)f, env);
}

struct lwt_stream *lwt_stream_flatten(struct lwt_stream *vecs,
                                      const struct lwt_elements *type)
{
  return make(vecs, type, FLATTEN, NULL, NULL);
}
