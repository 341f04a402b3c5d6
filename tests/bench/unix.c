/* unix.c - l: what only lwt-unix has.
 * SPDX-License-Identifier: ISC
 */
#include "bench.h"

#include <lwt-unix/thread.h>

static int nothing(void *arg, void **value)
{
  *value = arg;
  return 0;
}

static lwt_t *detached(void *env, void *value)
{
  size_t *left = env;

  (void)value;
  if ((*left)-- == 0)
    return lwt_return(NULL);
  return lwt_bind(lwt_detach(nothing, NULL, NULL, NULL), detached, left);
}

static void l1(size_t n)
{
  size_t left = n;

  bench_begin();
  bench_check(lwt_run(detached(&left, NULL)) == 0, "l1");
  bench_end(n);
}

const struct row bench_unix[] = {
  { "l1", "a call in a worker thread, and back", 100000, l1, 1 },
  { NULL, NULL, 0, NULL, 0 },
};
