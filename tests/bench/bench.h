/* bench.h - what the files of bench-lwt share.
 * SPDX-License-Identifier: ISC
 *
 * A row is a function that does n operations (or a little fewer, if n is not a
 * multiple of what belongs together) between bench_begin() and bench_end(),
 * checks what came out, and leaves no promise behind.
 */
#ifndef BENCH_H
#define BENCH_H

#include <lwt.h>

struct row {
  const char *name;
  const char *what;
  size_t n; /* unless the command line says another */
  void (*run)(size_t n);
  int loop; /* 1: needs the platform's engine; 0: the core alone */
};

/* One table for each file, ended by a row without a name. */
extern const struct row bench_combine[], bench_promise[], bench_stream[], bench_sync[],
  bench_thread[], bench_unix[];

/* Time and memory count from here ... */
void bench_begin(void);
/* ... to here, where n operations are done. */
void bench_end(size_t n);

/* Say what is wrong and exit. */
void bench_fail(const char *what) __attribute__((noreturn));
void *bench_alloc(size_t count, size_t size);

static inline void bench_check(int ok, const char *what)
{
  if (!ok)
    bench_fail(what);
}

/* The value of p, which is dropped; NULL unless p is fulfilled. */
static inline uintptr_t bench_take(lwt_t *p)
{
  uintptr_t value = (uintptr_t)lwt_value(p);

  lwt_drop(p);
  return value;
}

/* The core without an engine: resume what is paused until p has settled. */
static inline void bench_drive(lwt_t *p)
{
  while (lwt_state(p) == LWT_PENDING)
    lwt_run_ready();
  bench_check(lwt_state(p) == LWT_FULFILLED, "a thread has failed");
  lwt_drop(p);
}

/* n operations as `times` groups of at most `width`. */
struct groups {
  size_t width, times, n;
};
static inline struct groups bench_groups(size_t n, size_t width)
{
  struct groups g = { .width = n < width ? n : width };

  g.times = n / g.width;
  g.n = g.times * g.width;
  return g;
}

#endif
