/* t-sem-list.c - f for each element of an array: each property of Lwt_list.
 * SPDX-License-Identifier: ISC
 */
#include <lwt/array.h>

#include "stream-kit.h"

/* The values of an array of int, in a vec of pointers to them. */
static const char *ints(lwt_t *p, size_t part, int pointers)
{
  static char s[200];
  const struct lwt_vec *vec = lwt_value(p);
  size_t i, n = 0;

  if (lwt_state(p) != LWT_FULFILLED || !vec)
    return "no vec";
  if (part)
    vec = vec->v[part - 1].value;
  s[0] = 0;
  for (i = 0; i < vec->n && n < sizeof s - 20; i++)
    n += (size_t)sprintf(s + n, "%s%d", i ? " " : "",
                         pointers ? *(int *)vec->v[i].value
                                  : (int)(intptr_t)vec->v[i].value);
  return s;
}

static int one[] = { 1, 2, 3, 4, 5 };

/* What f does with an element, and what it has seen. */
struct work {
  int calls, now, most;
  int fail;       /* this element fails */
  int later;      /* after a pause */
  int below;      /* the answer of a test */
  struct lwt_resolver *gate; /* element 1 waits for it, element 3 opens it */
};

static void *ended(void *env, void *value)
{
  ((struct work *)env)->now--;
  return value;
}

static void *answer_it(void *env, void *value)
{
  (void)value;
  return env;
}

static lwt_t *result(struct work *w, void *value)
{
  lwt_t *p;

  if (!w->later)
    return lwt_return(value);
  if (++w->now > w->most)
    w->most = w->now;
  p = lwt_map(lwt_map(lwt_pause(), ended, w), answer_it, value);
  if (lwt_state(p) == LWT_REJECTED)
    w->now--;
  return p;
}

static lwt_t *tenfold(void *env, void *element)
{
  struct work *w = env;
  int x = *(int *)element;
  char name[2] = { (char)('0' + x), 0 };

  note(name);
  w->calls++;
  if (x == w->fail)
    return lwt_fail(LWT_ERANGE, "tenfold");
  if (w->gate && x == 1)
    return lwt_task(w->gate);
  if (w->gate && x == 3)
    lwt_fulfill(w->gate, V(7));
  return result(w, V(x * 10));
}

static lwt_t *is_below(void *env, void *element)
{
  struct work *w = env;

  w->calls++;
  if (*(int *)element == w->fail)
    return lwt_fail(LWT_ERANGE, "is_below");
  return result(w, V(*(int *)element < w->below));
}

static lwt_t *odd(void *env, void *element)
{
  struct work *w = env;
  int x = *(int *)element;

  if (x == w->fail)
    return lwt_fail(LWT_ERANGE, "odd");
  return result(w, x % 2 ? V(x) : LWT_NONE);
}

static lwt_t *place(void *env, void *element)
{
  return result(env, V((int *)element - one));
}

#define A one, 5, sizeof one[0]

#define gives_ints(p, part, pointers, want, ...)                              \
  do {                                                                        \
    lwt_t *ints_p = ran(p);                                                   \
    is_str(ints(ints_p, (part), (pointers)), (want), __VA_ARGS__);            \
    lwt_drop(ints_p);                                                         \
  } while (0)

static void iterating(void)
{
  struct work w = { .later = 1 };
  lwt_t *p = lwt_iter_p(A, tenfold, &w);

  ok(w.calls == 5 && pending(p), "LST-01 iter_p: f is called on all at once");
  gives(ran(p), 0, "LST-01 and the result comes after all");
  ok(noted("1 2 3 4 5") && w.now == 0, "in order");
  w = (struct work){ .later = 1 };
  p = lwt_iter_s(A, tenfold, &w);
  is_int(w.calls, 1, "LST-02 LST-28 iter_s: the second waits for the first");
  gives(ran(p), 0, "LST-02 all in the end");
  ok(noted("1 2 3 4 5") && w.most == 1, "LST-02 one after the other");
  w = (struct work){ .later = 1 };
  p = lwt_iter_n(2, A, tenfold, &w);
  is_int(w.calls, 2, "iter_n: two run");
  gives(ran(p), 0, "all in the end");
  ok(w.calls == 5 && w.most == 2, "never more than two");
  forget();
  w = (struct work){ 0 };
  gives(lwt_iter_p(NULL, 0, 1, tenfold, &w), 0, "of nothing");
}

static void mapping(void)
{
  struct work w = { .later = 1 };
  lwt_t *p;

  gives_ints(lwt_map_p(A, tenfold, &w), 0, 0, "10 20 30 40 50",
             "LST-03 map_p: results in order");
  ok(noted("1 2 3 4 5") && w.most == 5, "LST-03 begun in order, all at once");
  w = (struct work){ .later = 1 };
  gives_ints(lwt_map_s(A, tenfold, &w), 0, 0, "10 20 30 40 50", "LST-04 map_s");
  ok(noted("1 2 3 4 5") && w.most == 1, "LST-04 LST-28 strictly in turn");
  w = (struct work){ .later = 1 };
  p = lwt_map_s(A, tenfold, &w);
  lwt_cancel(p);
  ok(canceled(p) && w.calls == 1, "LST-04 a cancelled element cancels the result");
  lwt_drop(p);
  forget();
  gives_ints(lwt_map_s(A, place, &w), 0, 0, "0 1 2 3 4",
             "LST-19 LST-21 (differs) the index is a difference of pointers");
  gives_ints(lwt_map_p(A, place, &w), 0, 0, "0 1 2 3 4",
             "LST-18 LST-20 (differs) the same at once");
  gives_ints(lwt_filter_map_s(A, odd, &w), 0, 0, "1 3 5", "LST-17 filter_map_s");
  gives_ints(lwt_filter_map_p(A, odd, &w), 0, 0, "1 3 5", "LST-16 filter_map_p");
}

static lwt_t *minus(void *env, void *acc, void *element)
{
  struct work *w = env;

  if (*(int *)element == w->fail)
    return lwt_fail(LWT_ERANGE, "minus");
  return result(w, V(*(int *)element - (intptr_t)acc));
}

static void folding(void)
{
  struct work w = { .later = 1 };

  gives(ran(lwt_fold_s(A, minus, V(0), &w)), 3, "LST-05 fold_s");
  gives(ran(lwt_fold_right_s(A, minus, V(10), &w)), 1 - (2 - (3 - (4 - (5 - 10)))),
        "LST-25 fold_right_s");
  gives(lwt_fold_s(NULL, 0, 1, minus, V(4), &w), 4, "of nothing");
  gives(lwt_fold_right_s(NULL, 0, 1, minus, V(4), &w), 4, "of nothing");
}

static void testing(void)
{
  struct work w = { .later = 1, .below = 9 };
  lwt_t *p;

  gives(ran(lwt_for_all_s(A, is_below, &w)), 1, "LST-06 for_all_s");
  gives(ran(lwt_for_all_p(A, is_below, &w)), 1, "LST-07 for_all_p");
  w = (struct work){ .later = 1, .below = 2 };
  gives(ran(lwt_for_all_s(A, is_below, &w)), 0, "LST-06 not for all");
  is_int(w.calls, 2, "and nothing is asked after that");
  gives(ran(lwt_for_all_p(A, is_below, &w)), 0, "LST-07 not for all");
  gives(ran(lwt_exists_s(A, is_below, &w)), 1, "LST-08 exists_s");
  gives(ran(lwt_exists_p(A, is_below, &w)), 1, "LST-09 exists_p");
  w.below = 0;
  gives(ran(lwt_exists_s(A, is_below, &w)), 0, "LST-10 exists_s: none");
  gives(ran(lwt_exists_p(A, is_below, &w)), 0, "LST-11 exists_p: none");
  w.below = 4;
  gives_ints(lwt_filter_s(A, is_below, &w), 0, 1, "1 2 3", "LST-12 filter_s");
  gives_ints(lwt_filter_p(A, is_below, &w), 0, 1, "1 2 3", "LST-13 filter_p");
  gives_ints(lwt_partition_p(A, is_below, &w), 1, 1, "1 2 3", "LST-14 partition_p");
  gives_ints(lwt_partition_p(A, is_below, &w), 2, 1, "4 5", "LST-14 and the others");
  gives_ints(lwt_partition_s(A, is_below, &w), 1, 1, "1 2 3", "LST-15 partition_s");
  gives_ints(lwt_partition_s(A, is_below, &w), 2, 1, "4 5", "LST-15 and the others");
  p = ran(lwt_find_s(A, is_below, &w));
  ok(lwt_value(p) == &one[0], "LST-22 find_s: the first");
  lwt_drop(p);
  w.below = 0;
  fails(ran(lwt_find_s(A, is_below, &w)), LWT_ENOENT, "LST-23 find_s: none");
}

static void failing(void)
{
  struct work w = { .fail = 2, .below = 9 };
  size_t i;
  int later;

  for (later = 0; later <= 1; later++) {
    w.later = later;
    lwt_t *ps[] = {
      lwt_iter_s(A, tenfold, &w), lwt_iter_p(A, tenfold, &w),
      lwt_map_s(A, tenfold, &w), lwt_map_p(A, tenfold, &w), lwt_map_n(2, A, tenfold, &w),
      lwt_filter_map_s(A, odd, &w), lwt_filter_map_p(A, odd, &w),
      lwt_filter_s(A, is_below, &w), lwt_filter_p(A, is_below, &w),
      lwt_partition_s(A, is_below, &w), lwt_partition_p(A, is_below, &w),
      lwt_for_all_s(A, is_below, &w), lwt_for_all_p(A, is_below, &w),
      lwt_exists_s(one + 1, 2, sizeof one[0], is_below, &w),
      lwt_exists_p(one + 1, 2, sizeof one[0], is_below, &w),
      lwt_find_s(one + 1, 2, sizeof one[0], is_below, &w),
      lwt_fold_s(A, minus, NULL, &w), lwt_fold_right_s(A, minus, NULL, &w),
    };
    for (i = 0; i < sizeof ps / sizeof *ps; i++)
      fails(ran(ps[i]), LWT_ERANGE, "LST-26 the second of an array fails (%zu%s)", i,
            later ? ", later" : "");
  }
  forget();
}

static void blocked(void)
{
  struct lwt_resolver r = { NULL };
  struct work w = { .gate = &r };

  gives_ints(lwt_map_p(A, tenfold, &w), 0, 0, "7 20 30 40 50",
             "LST-27 an element that a later one wakes");
  lwt_abandon(&r);
  forget();
}

static lwt_t *at_once(void *env, void *element)
{
  (void)element;
  ++*(size_t *)env;
  return lwt_return(V(1));
}

static lwt_t *add_one(void *env, void *acc, void *element)
{
  (void)env;
  (void)element;
  return lwt_return(V((intptr_t)acc + 1));
}

static void big(void)
{
  size_t n = 10000000, calls = 0, want = 0, i;
  static char bytes[10000000];
  lwt_t *p;

#define BIG bytes, n, 1, at_once, &calls
  lwt_t *(*const f[])(const void *, size_t, size_t, lwt_bind_fn *, void *) = {
    lwt_iter_s, lwt_map_s, lwt_filter_map_s, lwt_filter_s, lwt_partition_s, lwt_for_all_s,
  };
  lwt_t *(*const g[])(size_t, const void *, size_t, size_t, lwt_bind_fn *, void *) = {
    lwt_iter_n, lwt_map_n, lwt_filter_map_n, lwt_filter_n, lwt_partition_n, lwt_for_all_n,
  };
  for (i = 0; i < sizeof f / sizeof *f; i++) {
    lwt_drop(f[i](BIG));
    lwt_drop(g[i](LWT_UNLIMITED, BIG));
    want += 2 * n;
    is_int(calls, want, "LST-29 ten million elements (%zu)", i);
  }
  gives(lwt_fold_s(bytes, n, 1, add_one, NULL, NULL), (intptr_t)n, "LST-29 fold_s");
  p = lwt_fold_right_s(bytes, n, 1, add_one, NULL, NULL);
  gives(p, (intptr_t)n, "LST-29 fold_right_s");
}

SEM_TESTS(list, T(iterating), T(mapping), T(folding), T(testing), T(failing), T(blocked),
          ONCE(big))
