/* array.c - f for each element of an array: in turn, or so many at a time.
 * SPDX-License-Identifier: ISC
 *
 * All but the folds are lwt__each_run() (each.c): in turn is one at a time.  The
 * results are kept in a vec, one for each element, and become what the function
 * gives when all is done.
 */
#include "each.h"

#include <lwt/array.h>

enum what { ITER, MAP, FILTER_MAP, FILTER, PARTITION, FOR_ALL, EXISTS, FIND };

struct walk {
  const char *at; /* the next element, */
  size_t left;    /* of so many */
  const char *base;
  size_t size;
  enum what what;
  lwt_bind_fn *f;
  void *env;
  struct lwt_vec *vec;
  struct lwt_vec *no, *both; /* PARTITION */
  const char *found; /* FOR_ALL, EXISTS, FIND: what decided */
};

static lwt_t *walk_next(void *env)
{
  struct walk *w = env;
  const char *element = w->at;

  if (!w->left)
    return lwt_return(LWT_NONE);
  w->left--;
  w->at += w->size;
  return lwt_return((void *)(uintptr_t)element);
}

static lwt_t *walk_start(void *env, void *element)
{
  struct walk *w = env;

  return w->f(w->env, element);
}

static int walk_done(void *env, size_t i, struct lwt_value result)
{
  struct walk *w = env;
  int yes = result.value != NULL;

  switch (w->what) {
  case MAP: case FILTER_MAP:
    w->vec->v[i] = result;
    return 0;
  case FILTER: case PARTITION:
    w->vec->v[i].value = (void *)(uintptr_t)yes;
    break;
  case ITER:
    break;
  default:
    yes = w->what == FOR_ALL ? !yes : yes;
    if (yes && !w->found)
      w->found = w->base + i * w->size;
    lwt__drop_value(result.value, result.drop);
    return yes;
  }
  lwt__drop_value(result.value, result.drop);
  return 0;
}

/* Those that are not LWT_NONE. */
static struct lwt_value some(struct lwt_vec *vec)
{
  size_t i, n = 0;

  for (i = 0; i < vec->n; i++)
    if (vec->v[i].value != LWT_NONE)
      vec->v[n++] = vec->v[i];
  vec->n = n;
  return (struct lwt_value){ vec, lwt_vec_free };
}

/* The elements with the answer `yes` go into the vec `to`, which may be the
 * vec of the answers. */
static void select(const struct walk *w, struct lwt_vec *to, int yes)
{
  size_t i, all = w->vec->n, n = 0;

  for (i = 0; i < all; i++)
    if ((w->vec->v[i].value != NULL) == yes)
      to->v[n++] = (struct lwt_value){ (void *)(uintptr_t)(w->base + i * w->size), NULL };
  to->n = n;
}

static struct lwt_value parts(struct walk *w)
{
  struct lwt_vec *both = w->both;

  select(w, w->no, 0);
  select(w, w->vec, 1);
  both->v[0] = (struct lwt_value){ w->vec, lwt_vec_free };
  both->v[1] = (struct lwt_value){ w->no, lwt_vec_free };
  both->n = 2;
  w->vec = w->no = w->both = NULL;
  return (struct lwt_value){ both, lwt_vec_free };
}

static struct lwt_value walk_value(void *env)
{
  struct walk *w = env;
  struct lwt_vec *vec = w->vec;
  struct lwt_value none = { NULL, NULL };

  switch (w->what) {
  case PARTITION:
    return parts(w);
  case FILTER:
    select(w, vec, 1);
    break;
  case FILTER_MAP: case MAP:
    break;
  case FOR_ALL:
    none.value = (void *)(uintptr_t)!w->found;
    return none;
  case EXISTS:
    none.value = (void *)(uintptr_t)!!w->found;
    return none;
  case FIND:
    none.value = w->found ? (void *)(uintptr_t)w->found : LWT_NONE;
    return none;
  default:
    return none;
  }
  w->vec = NULL;
  return w->what == FILTER_MAP ? some(vec) : (struct lwt_value){ vec, lwt_vec_free };
}

static void walk_end(void *env)
{
  struct walk *w = env;

  lwt_vec_free(w->vec);
  lwt_vec_free(w->no);
  lwt_vec_free(w->both);
}

static const struct each_ops walk_ops = {
  .next = walk_next,
  .start = walk_start,
  .done = walk_done,
  .value = walk_value,
  .end = walk_end,
};

static lwt_t *walk(enum what what, size_t max, const void *base, size_t n, size_t size,
                   lwt_bind_fn *f, void *env)
{
  struct walk w = { .at = base, .left = n, .base = base, .size = size, .what = what,
                    .f = f, .env = env };
  size_t i;

  if (what == PARTITION && (!(w.no = lwt__vec_new(n)) || !(w.both = lwt__vec_new(2)))) {
    lwt_vec_free(w.no);
    return lwt__oom();
  }
  if (what == MAP || what == FILTER_MAP || what == FILTER || what == PARTITION) {
    if (!(w.vec = lwt__vec_new(n))) {
      walk_end(&w);
      return lwt__oom();
    }
    for (i = 0; i < n; i++)
      w.vec->v[i] = (struct lwt_value){ NULL, NULL };
    w.vec->n = n;
  }
  return lwt__each_run(&walk_ops, max, &w, sizeof w, LWT_WHERE);
}

#define BOTH_FORMS(name, what)                                                    \
  lwt_t *lwt_##name##_s(const void *base, size_t n, size_t size, lwt_bind_fn *f,  \
                        void *env)                                                \
  {                                                                               \
    return walk(what, 1, base, n, size, f, env);                                  \
  }                                                                               \
  lwt_t *lwt_##name##_n(size_t max, const void *base, size_t n, size_t size,      \
                        lwt_bind_fn *f, void *env)                                \
  {                                                                               \
    return walk(what, max, base, n, size, f, env);                                \
  }

BOTH_FORMS(iter, ITER)
BOTH_FORMS(map, MAP)
BOTH_FORMS(filter_map, FILTER_MAP)
BOTH_FORMS(filter, FILTER)
BOTH_FORMS(partition, PARTITION)
BOTH_FORMS(for_all, FOR_ALL)
BOTH_FORMS(exists, EXISTS)

static lwt_t *not_none(void *env, void *value)
{
  (void)env;
  return value == LWT_NONE ? lwt_fail(LWT_ENOENT, "lwt_find_s") : lwt_return(value);
}

lwt_t *lwt_find_s(const void *base, size_t n, size_t size, lwt_bind_fn *f, void *env)
{
  return lwt_bind(walk(FIND, 1, base, n, size, f, env), not_none, NULL);
}

/* ---- Folds ---------------------------------------------------------------------- */

struct fold {
  struct lwt_frame frame;
  const char *at;
  size_t left;
  ptrdiff_t step;
  lwt_fold_s_fn *f;
  void *env;
  void *acc;
};

LWT_STEP fold_step(struct lwt_frame *frame)
{
  struct fold *f = (struct fold *)frame;

  lwt_begin(f);
  for (; f->left; f->left--, f->at += f->step)
    lwt_await(f, &f->acc, f->f(f->env, f->acc, (void *)(uintptr_t)f->at));
  lwt_finish(f, f->acc);
  lwt_end(f);
}

lwt_t *lwt_fold_s(const void *base, size_t n, size_t size, lwt_fold_s_fn *f, void *acc,
                  void *env)
{
  return LWT_GO(struct fold, fold_step, .at = base, .left = n, .step = (ptrdiff_t)size,
                .f = f, .env = env, .acc = acc);
}

lwt_t *lwt_fold_right_s(const void *base, size_t n, size_t size, lwt_fold_s_fn *f,
                        void *acc, void *env)
{
  return LWT_GO(struct fold, fold_step,
                .at = n ? (const char *)base + (n - 1) * size : base, .left = n,
                .step = -(ptrdiff_t)size, .f = f, .env = env, .acc = acc);
}
