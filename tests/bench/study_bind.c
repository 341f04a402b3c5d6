/* study_bind.c - the study's threads as chains of callbacks.
 * SPDX-License-Identifier: ISC
 */
#include "study.h"

#include <stdint.h>

/* A thread at a time, so one environment is enough. */
static struct {
  size_t left;
  lwt_t *(*wait)(void);
} loop;

static lwt_t *next(void *env, void *value)
{
  (void)env, (void)value;
  if (loop.left-- == 0)
    return lwt_return(NULL);
  return lwt_bind(loop.wait(), next, NULL);
}

static lwt_t *bind_loop(size_t n, lwt_t *(*wait)(void))
{
  loop.left = n;
  loop.wait = wait;
  return next(NULL, NULL);
}

/* What a level does when the one below it has returned. */
static lwt_t *back(void *env, void *value)
{
  (void)env, (void)value;
  return lwt_return(NULL);
}

static lwt_t *recurse(size_t n);

static lwt_t *level(void *env, void *value)
{
  (void)value;
  return lwt_bind(recurse((uintptr_t)env - 1), back, NULL);
}

static lwt_t *recurse(size_t n)
{
  return n == 0 ? lwt_return(NULL) : lwt_bind(lwt_pause(), level, (void *)n);
}

static lwt_t *once(size_t n)
{
  return n == 0 ? lwt_pause() : lwt_bind(once(n - 1), back, NULL);
}

const struct way study_bind = { "bind", bind_loop, recurse, once };
