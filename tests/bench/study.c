/* study.c - bind, frames or fibers: the experiment of doc/study.md.
 * SPDX-License-Identifier: ISC
 *
 *   bench-study TEST WAY X ITERATIONS    one measurement, one line
 *   bench-study --list                   the ways
 *
 * A measurement is ITERATIONS threads, one after the other, in one lwt_run().
 */
#include "study.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct way *const ways[] = {
  &study_bind,
  &study_frame,
#ifdef STUDY_FIBERS
  &study_fiber,
#endif
};
#define WAYS (sizeof ways / sizeof *ways)

static lwt_t *quick(void)
{
  return lwt_return(NULL);
}

static lwt_t *slow(void)
{
  return lwt_sleep(0);
}

static const struct test {
  const char *name;
  lwt_t *(*wait)(void);
  lwt_t *(*(*deep)(const struct way *way))(size_t n);
} *chosen;

static lwt_t *(*recurse(const struct way *way))(size_t n)
{
  return way->recurse;
}

static lwt_t *(*once(const struct way *way))(size_t n)
{
  return way->once;
}

static const struct test tests[] = {
  { "quick", quick, NULL },
  { "medium", study_pause, NULL },
  { "slow", slow, NULL },
  { "recurse", NULL, recurse },
  { "once", NULL, once },
};
#define TESTS (sizeof tests / sizeof *tests)

struct run {
  struct lwt_frame frame;
  const struct way *way;
  size_t x, left;
};

LWT_STEP run_step(struct lwt_frame *frame)
{
  struct run *r = (struct run *)frame;

  lwt_begin(r);
  for (; r->left > 0; r->left--) {
    if (chosen->wait)
      lwt_await(r, r->way->loop(r->x, chosen->wait));
    else
      lwt_await(r, chosen->deep(r->way)(r->x));
  }
  lwt_end(r);
}

static double now(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int measure(const struct way *way, size_t x, size_t iterations)
{
  double start = now();

  if (lwt_run(LWT_GO(struct run, run_step, .way = way, .x = x, .left = iterations)) != 0)
    return 1;
  printf("test=%s way=%s x=%zu n=%zu secs=%.6f\n", chosen->name, way->name, x,
         x * iterations, now() - start);
  return lwt_live() != 0;
}

int main(int argc, char **argv)
{
  const struct way *way = NULL;
  size_t i;

  if (argc == 2 && strcmp(argv[1], "--list") == 0) {
    for (i = 0; i < WAYS; i++)
      puts(ways[i]->name);
    return 0;
  }
  for (i = 0; argc == 5 && i < TESTS; i++)
    if (strcmp(tests[i].name, argv[1]) == 0)
      chosen = &tests[i];
  for (i = 0; argc == 5 && i < WAYS; i++)
    if (strcmp(ways[i]->name, argv[2]) == 0)
      way = ways[i];
  if (!chosen || !way) {
    fprintf(stderr, "usage: bench-study TEST WAY X ITERATIONS\n");
    return 2;
  }
  return measure(way, strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
}
