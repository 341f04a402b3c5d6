/* thread.c - c, d, e, k: threads that pause, sleep and time out.
 * SPDX-License-Identifier: ISC
 */
#include "bench.h"

#include <stdlib.h>

/* A thread that pauses as often as it says. */
static lwt_t *pauses(void *env, void *value)
{
  size_t *left = env;

  (void)value;
  if ((*left)-- == 0)
    return lwt_return(NULL);
  return lwt_bind(lwt_pause(), pauses, left);
}

static void c1(size_t n)
{
  size_t left = n;

  bench_begin();
  bench_drive(pauses(&left, NULL));
  bench_end(n);
}

static void c2(size_t n)
{
  size_t left = n;

  bench_begin();
  bench_check(lwt_run(pauses(&left, NULL)) == 0, "c2");
  bench_end(n);
}

/* Threads that pause g.times each; left has room for all g.width. */
static lwt_t *pausing(struct groups g, size_t *left)
{
  lwt_t **ps = bench_alloc(g.width, sizeof *ps), *p;
  size_t i;

  for (i = 0; i < g.width; i++) {
    left[i] = g.times;
    ps[i] = pauses(&left[i], NULL);
  }
  p = lwt_join(g.width, ps);
  free(ps);
  return p;
}

static void d1(size_t n)
{
  struct groups g = bench_groups(n, 1000);
  size_t left[1000];

  bench_begin();
  bench_drive(pausing(g, left));
  bench_end(g.n);
}

static void d2(size_t n)
{
  struct groups g = bench_groups(n, 1000);
  size_t left[1000];

  bench_begin();
  bench_check(lwt_run(pausing(g, left)) == 0, "d2");
  bench_end(g.n);
}

/* ---- e: many at once ------------------------------------------------------- */

static lwt_t *count(void *env, void *value)
{
  size_t *woken = env;

  (void)value;
  ++*woken;
  return lwt_return(NULL);
}

/* 0.5 to 1.5 seconds, the same for thread i in every language. */
static uint64_t nap(size_t i)
{
  uint32_t spread = (uint32_t)i * 2654435761u;

  return LWT_MS(500) + (((uint64_t)spread * LWT_S(1)) >> 32);
}

/* Threads are joined four thousand at a time, so that no list of them all is kept. */
static void e(size_t n)
{
  size_t i = 0, j, width, woken = 0, batches = (n + 3999) / 4000;
  lwt_t *batch[4000], **joins, *p;

  bench_begin();
  joins = bench_alloc(batches, sizeof *joins);
  for (j = 0; j < batches; j++) {
    for (width = 0; width < 4000 && i < n; width++, i++)
      batch[width] = lwt_bind(lwt_sleep(nap(i)), count, &woken);
    joins[j] = lwt_join(width, batch);
  }
  p = lwt_join(batches, joins);
  free(joins);
  bench_check(lwt_run(p) == 0, "e");
  bench_end(n);
  bench_check(woken == n, "e: not all have slept");
}

static void e2(size_t n)
{
  struct lwt_resolver *rs;
  size_t i, woken = 0;
  lwt_t **ps;

  bench_begin();
  rs = bench_alloc(n, sizeof *rs);
  ps = bench_alloc(n, sizeof *ps);
  for (i = 0; i < n; i++)
    ps[i] = lwt_bind(lwt_wait(&rs[i]), count, &woken);
  for (i = 0; i < n; i++)
    lwt_fulfill(&rs[i], NULL);
  bench_end(n);
  bench_check(woken == n, "e2");
  for (i = 0; i < n; i++)
    bench_take(ps[i]);
  free(ps);
  free(rs);
}

/* ---- k: time limits ---------------------------------------------------------- */

static lwt_t *limited(void *env, void *value)
{
  size_t *left = env;

  (void)value;
  if ((*left)-- == 0)
    return lwt_return(NULL);
  return lwt_bind(lwt_with_timeout(LWT_S(10), lwt_pause()), limited, left);
}

static void k1(size_t n)
{
  size_t left = n;

  bench_begin();
  bench_check(lwt_run(limited(&left, NULL)) == 0, "k1");
  bench_end(n);
}

static void k2(size_t n)
{
  size_t i, cancelled = 0;
  lwt_t *p;

  bench_begin();
  for (i = 0; i < n; i++) {
    p = lwt_sleep(LWT_S(10));
    lwt_cancel(p);
    cancelled += lwt_error(p).code == LWT_ECANCELED;
    lwt_drop(p);
  }
  bench_end(n);
  bench_check(cancelled == n, "k2");
}

const struct row bench_thread[] = {
  { "c1", "pause loop, core alone", 10000000, c1, 0 },
  { "c2", "pause loop in the main loop", 2000000, c2, 1 },
  { "d1", "1000 threads pausing, core alone", 5000000, d1, 0 },
  { "d2", "1000 threads pausing in the main loop", 5000000, d2, 1 },
  { "e", "threads sleeping 0.5 to 1.5 s, all told", 1000000, e, 1 },
  { "e2", "wait and bind kept, then all woken", 1000000, e2, 0 },
  { "k1", "with_timeout 10 s around a pause", 1000000, k1, 1 },
  { "k2", "sleep and cancel", 5000000, k2, 1 },
  { NULL, NULL, 0, NULL, 0 },
};
