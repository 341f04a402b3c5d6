/* promise.c - a, b, m1: single promises and lines of them.
 * SPDX-License-Identifier: ISC
 */
#include "bench.h"

#define V(n) ((void *)(uintptr_t)(n))

static lwt_t *succ(void *env, void *value)
{
  (void)env;
  return lwt_return(V((uintptr_t)value + 1));
}

static void *plus_one(void *env, void *value)
{
  (void)env;
  return V((uintptr_t)value + 1);
}

static lwt_t *to_one(void *env, struct lwt_error error)
{
  (void)env;
  (void)error;
  return lwt_return(V(1));
}

/* ---- a: what is settled already ------------------------------------------ */

static void a1(size_t n)
{
  size_t i, sum = 0;

  bench_begin();
  for (i = 0; i < n; i++)
    sum += bench_take(lwt_bind(lwt_return(V(i)), succ, NULL));
  bench_end(n);
  bench_check(sum == n * (n + 1) / 2, "a1");
}

static lwt_t *a2_loop(void *env, void *value)
{
  size_t i = (uintptr_t)value, *n = env;

  if (i == *n)
    return lwt_return(value);
  return lwt_bind(lwt_return(V(i + 1)), a2_loop, env);
}

static void a2(size_t n)
{
  uintptr_t end;

  bench_begin();
  end = bench_take(a2_loop(&n, V(0)));
  bench_end(n);
  bench_check(end == n, "a2");
}

static void a3(size_t n)
{
  size_t i, sum = 0;

  bench_begin();
  for (i = 0; i < n; i++)
    sum += bench_take(lwt_map(lwt_return(V(i)), plus_one, NULL));
  bench_end(n);
  bench_check(sum == n * (n + 1) / 2, "a3");
}

static void a4(size_t n)
{
  size_t i, sum = 0;

  bench_begin();
  for (i = 0; i < n; i++)
    sum += bench_take(lwt_catch(lwt_fail(LWT_EIO, "a4"), to_one, NULL));
  bench_end(n);
  bench_check(sum == n, "a4");
}

/* ---- b: what is pending first --------------------------------------------- */

static void b1(size_t n)
{
  struct lwt_resolver r;
  size_t i, sum = 0;
  lwt_t *p;

  bench_begin();
  for (i = 0; i < n; i++) {
    p = lwt_bind(lwt_wait(&r), succ, NULL);
    lwt_fulfill(&r, V(i));
    sum += bench_take(p);
  }
  bench_end(n);
  bench_check(sum == n * (n + 1) / 2, "b1");
}

static void b2(size_t n)
{
  struct lwt_resolver r;
  size_t i, sum = 0;
  lwt_t *p;

  bench_begin();
  for (i = 0; i < n; i++) {
    p = lwt_bind(lwt_task(&r), succ, NULL);
    lwt_fulfill(&r, V(i));
    sum += bench_take(p);
  }
  bench_end(n);
  bench_check(sum == n * (n + 1) / 2, "b2");
}

static void lines(size_t n, size_t length)
{
  struct groups g = bench_groups(n, length);
  struct lwt_resolver r;
  size_t i, j, sum = 0;
  lwt_t *p;

  bench_begin();
  for (i = 0; i < g.times; i++) {
    p = lwt_wait(&r);
    for (j = 0; j < g.width; j++)
      p = lwt_bind(p, succ, NULL);
    lwt_fulfill(&r, V(0));
    sum += bench_take(p);
  }
  bench_end(g.n);
  bench_check(sum == g.n, "a line of binds");
}

static void b3(size_t n)
{
  lines(n, 10);
}

static void m1(size_t n)
{
  lines(n, 40000);
}

static lwt_t *b4_inner(void *env, void *value)
{
  lwt_t **inner = env;

  (void)value;
  return *inner;
}

static void b4(size_t n)
{
  struct lwt_resolver r1, r2;
  size_t i, sum = 0;
  lwt_t *p, *inner;

  bench_begin();
  for (i = 0; i < n; i++) {
    p = lwt_wait(&r1);
    inner = lwt_wait(&r2);
    p = lwt_bind(p, b4_inner, &inner);
    lwt_fulfill(&r1, NULL);
    lwt_fulfill(&r2, V(1));
    sum += bench_take(p);
  }
  bench_end(n);
  bench_check(sum == n, "b4");
}

static void b5(size_t n)
{
  struct lwt_resolver r;
  size_t i, sum = 0;
  lwt_t *p;

  bench_begin();
  for (i = 0; i < n; i++) {
    p = lwt_wait(&r);
    lwt_fulfill(&r, V(1));
    sum += bench_take(p);
  }
  bench_end(n);
  bench_check(sum == n, "b5");
}

static void add(void *env, void *value)
{
  size_t *sum = env;

  *sum += (uintptr_t)value;
}

static void b6(size_t n)
{
  struct groups g = bench_groups(n, 1000);
  struct lwt_resolver r;
  size_t i, j, sum = 0;
  lwt_t *p;

  bench_begin();
  for (i = 0; i < g.times; i++) {
    p = lwt_wait(&r);
    for (j = 0; j < g.width; j++)
      bench_check(!lwt_on_success(lwt_ref(p), add, &sum), "out of memory");
    lwt_fulfill(&r, V(1));
    lwt_drop(p);
  }
  bench_end(g.n);
  bench_check(sum == g.n, "b6");
}

const struct row bench_promise[] = {
  { "a1", "return i >>= f, f static", 20000000, a1, 0 },
  { "a2", "tail-recursive loop of binds on fulfilled promises", 20000000, a2, 0 },
  { "a3", "map on a fulfilled promise", 20000000, a3, 0 },
  { "a4", "fail, and catch of it", 20000000, a4, 0 },
  { "b1", "wait, bind, wake up", 10000000, b1, 0 },
  { "b2", "task, bind, wake up", 10000000, b2, 0 },
  { "b3", "line of 10 pending binds, per bind", 10000000, b3, 0 },
  { "b4", "bind whose f returns a pending promise, two wake-ups", 5000000, b4, 0 },
  { "b5", "wait, wake up, no callback", 20000000, b5, 0 },
  { "b6", "1000 on_success on one promise, per callback", 20000000, b6, 0 },
  { "m1", "line of 40 000 pending binds, per bind", 4000000, m1, 0 },
  { NULL, NULL, 0, NULL, 0 },
};
