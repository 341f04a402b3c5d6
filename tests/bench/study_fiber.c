/* study_fiber.c - the study's threads as fibers.
 * SPDX-License-Identifier: ISC
 */
#include "study.h"

#include <lwt/fiber.h>
#include <stdint.h>

/* A thread at a time, so one environment is enough. */
static struct {
  size_t n;
  lwt_t *(*wait)(void);
} loop;

static lwt_t *loop_fiber(void *arg)
{
  struct lwt_error e;
  size_t i;

  (void)arg;
  for (i = 0; i < loop.n; i++)
    if ((e = lwt_fiber_await(loop.wait())).code)
      return lwt_fail_error(e);
  return lwt_return(NULL);
}

static lwt_t *fiber_loop(size_t n, lwt_t *(*wait)(void))
{
  loop.n = n;
  loop.wait = wait;
  return lwt_fiber(loop_fiber, NULL, NULL);
}

/* Plain recursion; the result keeps it from becoming a loop. */
static __attribute__((noinline)) int deep(size_t n, int always)
{
  volatile int code = 0;

  if (always ? n > 0 : n == 0)
    code = lwt_fiber_yield().code;
  if (code == 0 && n > 0)
    code = deep(n - 1, always);
  return code;
}

static lwt_t *result(int code)
{
  return code ? lwt_fail(code, "study") : lwt_return(NULL);
}

static lwt_t *recurse_fiber(void *n)
{
  return result(deep((uintptr_t)n, 1));
}

static lwt_t *recurse(size_t n)
{
  return lwt_fiber(recurse_fiber, (void *)n, NULL);
}

static lwt_t *once_fiber(void *n)
{
  return result(deep((uintptr_t)n, 0));
}

static lwt_t *once(size_t n)
{
  return lwt_fiber(once_fiber, (void *)n, NULL);
}

const struct way study_fiber = { "fiber", fiber_loop, recurse, once };
