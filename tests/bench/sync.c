/* sync.c - g, i, m2: threads that wait for each other, and trees of them.
 * SPDX-License-Identifier: ISC
 */
#include "bench.h"

#include <lwt/sync.h>
#include <stdlib.h>

#define V(n) ((void *)(uintptr_t)(n))

/* ---- g: mailboxes, locks, conditions ------------------------------------------- */

struct rally {
  struct lwt_mvar there, back;
  size_t left, sum;
};

static lwt_t *ping(void *env, void *value);

static lwt_t *ping_take(void *env, void *value)
{
  struct rally *r = env;

  (void)value;
  return lwt_bind(lwt_mvar_take(&r->back), ping, r);
}

static lwt_t *ping(void *env, void *value)
{
  struct rally *r = env;

  r->sum += (uintptr_t)value;
  if (r->left-- == 0)
    return lwt_return(NULL);
  return lwt_bind(lwt_mvar_put(&r->there, V(1)), ping_take, r);
}

static lwt_t *pong_put(void *env, void *value);

static lwt_t *pong(void *env, void *value)
{
  struct rally *r = env;

  (void)value;
  return lwt_bind(lwt_mvar_take(&r->there), pong_put, r);
}

static lwt_t *pong_put(void *env, void *value)
{
  struct rally *r = env;

  return lwt_bind(lwt_mvar_put(&r->back, value), pong, r);
}

static void g1(size_t n)
{
  struct rally r = { .left = n };
  lwt_t *p, *q;

  bench_begin();
  q = pong(&r, NULL);
  p = ping(&r, NULL);
  bench_drive(p);
  bench_end(n);
  bench_check(r.sum == n, "g1");
  lwt_drop(q);
}

static lwt_t *plus_one(void *env)
{
  ++*(size_t *)env;
  return lwt_return(NULL);
}

static void g2(size_t n)
{
  struct lwt_mutex m = { .locked = 0 };
  size_t i, sum = 0;

  bench_begin();
  for (i = 0; i < n; i++)
    bench_take(lwt_with_lock(&m, plus_one, &sum));
  bench_end(n);
  bench_check(sum == n, "g2");
}

struct locker {
  struct lwt_mutex *mutex;
  size_t left;
};

static lwt_t *pause_inside(void *env)
{
  (void)env;
  return lwt_pause();
}

static lwt_t *locks(void *env, void *value)
{
  struct locker *l = env;

  (void)value;
  if (l->left-- == 0)
    return lwt_return(NULL);
  return lwt_bind(lwt_with_lock(l->mutex, pause_inside, NULL), locks, l);
}

static void g3(size_t n)
{
  struct groups g = bench_groups(n, 100);
  struct lwt_mutex m = { .locked = 0 };
  struct locker l[100];
  lwt_t *ps[100];
  size_t i;

  bench_begin();
  for (i = 0; i < g.width; i++) {
    l[i] = (struct locker){ &m, g.times };
    ps[i] = locks(&l[i], NULL);
  }
  bench_drive(lwt_join(g.width, ps));
  bench_end(g.n);
}

struct audience {
  struct lwt_condition condition;
  size_t woken;
};

static lwt_t *listens(void *env, void *value)
{
  struct audience *a = env;

  a->woken += (uintptr_t)value;
  return lwt_bind(lwt_condition_wait(&a->condition, NULL), listens, a);
}

static void g4(size_t n)
{
  struct groups g = bench_groups(n, 1000);
  struct audience a = { .woken = 0 };
  lwt_t *ps[1000];
  size_t i;

  bench_begin();
  for (i = 0; i < g.width; i++)
    ps[i] = listens(&a, NULL);
  for (i = 0; i < g.times; i++)
    lwt_condition_broadcast(&a.condition, V(1));
  bench_end(g.n);
  bench_check(a.woken == g.n, "g4");
  for (i = 0; i < g.width; i++)
    lwt_drop(ps[i]);
}

/* ---- i, m2: trees and lines of threads ------------------------------------------- */

static void *one(void *env, void *value)
{
  (void)env;
  (void)value;
  return V(1);
}

static void *sum_of_both(void *env, void *value)
{
  struct lwt_vec *vec = value;
  uintptr_t sum = (uintptr_t)vec->v[0].value + (uintptr_t)vec->v[1].value;

  (void)env;
  lwt_vec_free(vec);
  return V(sum);
}

static lwt_t *fib(unsigned depth)
{
  if (depth < 2)
    return lwt_map(lwt_pause(), one, NULL);
  return lwt_map(lwt_both(fib(depth - 1), fib(depth - 2)), sum_of_both, NULL);
}

/* The largest tree of at most n nodes. */
static void i1(size_t n)
{
  size_t leaves = 1, next = 2, t;
  unsigned depth = 1;
  uintptr_t got;
  lwt_t *p;

  while (2 * next - 1 <= n) {
    t = leaves + next;
    leaves = next;
    next = t;
    depth++;
  }
  bench_begin();
  p = fib(depth);
  while (lwt_state(p) == LWT_PENDING)
    lwt_run_ready();
  got = bench_take(p);
  bench_end(2 * leaves - 1);
  bench_check(got == leaves, "i1");
}

static void *succ(void *env, void *value)
{
  (void)env;
  return V((uintptr_t)value + 1);
}

static lwt_t *deeper(void *env, void *value)
{
  size_t left = (uintptr_t)env;

  (void)value;
  if (left == 0)
    return lwt_return(V(0));
  return lwt_map(lwt_bind(lwt_pause(), deeper, V(left - 1)), succ, NULL);
}

static void m2(size_t n)
{
  struct groups g = bench_groups(n, 20000);
  size_t i, sum = 0;
  lwt_t *p;

  bench_begin();
  for (i = 0; i < g.times; i++) {
    p = deeper(V(g.width), NULL);
    while (lwt_state(p) == LWT_PENDING)
      lwt_run_ready();
    sum += bench_take(p);
  }
  bench_end(g.n);
  bench_check(sum == g.n, "m2");
}

const struct row bench_sync[] = {
  { "m2", "line of 20 000 pending threads, per thread", 2000000, m2, 0 },
  { "g1", "mvar ping-pong, per round trip", 5000000, g1, 0 },
  { "g2", "with_lock on a free mutex", 20000000, g2, 0 },
  { "g3", "with_lock and pause inside, 100 threads", 5000000, g3, 0 },
  { "g4", "broadcast to 1000 threads that wait again, per wake-up", 5000000, g4, 0 },
  { "i1", "fork and join of fib 27, leaves pause, per node", 635621, i1, 0 },
  { NULL, NULL, 0, NULL, 0 },
};
