/* combine.c - f: several promises.
 * SPDX-License-Identifier: ISC
 */
#include "bench.h"

#include <stdlib.h>

static void f1(size_t n)
{
  struct lwt_resolver *rs;
  lwt_t **ps, *p;
  size_t i;

  bench_begin();
  rs = bench_alloc(n, sizeof *rs);
  ps = bench_alloc(n, sizeof *ps);
  for (i = 0; i < n; i++)
    ps[i] = lwt_wait(&rs[i]);
  p = lwt_join(n, ps);
  for (i = 0; i < n; i++)
    lwt_fulfill(&rs[i], NULL);
  bench_check(lwt_state(p) == LWT_FULFILLED, "f1");
  bench_end(n);
  lwt_drop(p);
  free(ps);
  free(rs);
}

/* Rounds of a choice between g.width - 1 promises that stay pending and a
 * fresh one that is fulfilled, for n inputs in all. */
static void choices(size_t n, size_t width)
{
  struct groups g = bench_groups(n, width);
  size_t kept = g.width - 1, i, j, sum = 0;
  struct lwt_resolver *rs = bench_alloc(g.width, sizeof *rs);
  lwt_t **pending = bench_alloc(g.width, sizeof *pending);
  lwt_t **ps = bench_alloc(g.width, sizeof *ps), *p;

  for (i = 0; i < kept; i++)
    pending[i] = lwt_task(&rs[i]);
  bench_begin();
  for (i = 0; i < g.times; i++) {
    for (j = 0; j < kept; j++)
      ps[j] = lwt_ref(pending[j]);
    ps[kept] = lwt_task(&rs[kept]);
    p = lwt_choose(g.width, ps);
    lwt_fulfill(&rs[kept], (void *)1);
    sum += bench_take(p);
  }
  bench_end(width == 2 ? g.times : g.n);
  bench_check(sum == g.times, "choose");
  for (i = 0; i < kept; i++) {
    lwt_drop(pending[i]);
    lwt_abandon(&rs[i]);
  }
  free(ps);
  free(pending);
  free(rs);
}

static void f2(size_t n)
{
  choices(n, 1001);
}

static void f3(size_t n)
{
  struct groups g = bench_groups(n, 1000);
  struct lwt_resolver rs[1000];
  lwt_t *ps[1000], *p;
  size_t i, j, sum = 0;

  bench_begin();
  for (i = 0; i < g.times; i++) {
    for (j = 0; j < g.width; j++)
      ps[j] = lwt_task(&rs[j]);
    p = lwt_pick(g.width, ps);
    lwt_fulfill(&rs[g.width - 1], (void *)1);
    sum += bench_take(p);
    for (j = 0; j < g.width - 1; j++)
      lwt_abandon(&rs[j]);
  }
  bench_end(g.n);
  bench_check(sum == g.times, "f3");
}

static void f4(size_t n)
{
  choices(2 * n, 2);
}

static lwt_t *pass(void *env, void *value)
{
  (void)env;
  return lwt_return(value);
}

static void f5(size_t n)
{
  struct lwt_resolver r;
  size_t i, j, cancelled = 0;
  lwt_t *p;

  bench_begin();
  for (i = 0; i < n; i++) {
    p = lwt_task(&r);
    for (j = 0; j < 10; j++)
      p = lwt_bind(p, pass, NULL);
    lwt_cancel(p);
    lwt_abandon(&r);
    cancelled += lwt_error(p).code == LWT_ECANCELED;
    lwt_drop(p);
  }
  bench_end(n);
  bench_check(cancelled == n, "f5");
}

static void f6(size_t n)
{
  struct lwt_resolver r, s;
  size_t i, sum = 0;
  struct lwt_vec *both;
  lwt_t *p, *q;

  bench_begin();
  for (i = 0; i < n; i++) {
    p = lwt_wait(&r);
    q = lwt_wait(&s);
    p = lwt_both(p, q);
    lwt_fulfill(&r, (void *)1);
    lwt_fulfill(&s, (void *)2);
    both = lwt_value(p);
    sum += (uintptr_t)both->v[0].value + (uintptr_t)both->v[1].value;
    lwt_drop(p);
  }
  bench_end(n);
  bench_check(sum == 3 * n, "f6");
}

const struct row bench_combine[] = {
  { "f1", "join of n pending, all woken", 1000000, f1, 0 },
  { "f2", "choose over 1000 long pending + 1, per input", 5005000, f2, 0 },
  { "f3", "pick over 1000 fresh tasks, 999 cancelled, per task", 5000000, f3, 0 },
  { "f4", "choose of a long pending and a fresh one", 1000000, f4, 0 },
  { "f5", "task, 10 binds, cancel, per chain", 1000000, f5, 0 },
  { "f6", "both of two pending", 3000000, f6, 0 },
  { NULL, NULL, 0, NULL, 0 },
};
