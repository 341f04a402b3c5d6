/* retry.c - try again, later and later.
 * SPDX-License-Identifier: ISC
 *
 * A chain of catch and bind, so that the value of the attempt that succeeds
 * passes through with its drop function; each link takes the place of the one
 * before.
 */
#include "internal.h"

#include <lwt/retry.h>

struct tries {
  struct lwt_retry how;
  lwt_attempt_fn *f;
  void *env;
  const char *where;
  unsigned n;
  uint64_t random;
};

static lwt_t *failed(void *env, struct lwt_error error);

static lwt_t *attempt(void *env, void *value)
{
  struct tries *t = env;

  (void)value;
  t->n++;
  return lwt_catch_at(t->f(t->env, t->n), failed, t, t->where);
}

static uint64_t doubled(const struct tries *t)
{
  unsigned shift = t->n - 1;

  if (t->how.first == 0)
    return 0;
  if (shift >= 64 || t->how.first > LWT_NEVER >> shift)
    return LWT_NEVER;
  return t->how.first << shift;
}

/* splitmix64 */
static uint64_t chance(struct tries *t)
{
  uint64_t x;

  if (t->how.seed == 0)
    return lwt__random_below(UINT32_MAX) * (uint64_t)0x100000001;
  x = t->random += 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

static uint64_t wait_for(struct tries *t)
{
  uint64_t wait = t->how.delay ? t->how.delay(t->env, t->n) : doubled(t), part;

  if (t->how.max && wait > t->how.max)
    wait = t->how.max;
  part = wait / 100 * t->how.jitter + wait % 100 * t->how.jitter / 100;
  return part ? wait - (part == LWT_NEVER ? chance(t) : chance(t) % (part + 1)) : wait;
}

static lwt_t *failed(void *env, struct lwt_error error)
{
  struct tries *t = env;
  uint64_t wait;

  if (error.code == LWT_ECANCELED || t->n >= t->how.attempts ||
      (t->how.fatal && t->how.fatal(t->env, error)))
    return lwt_fail_error_at(error, t->where);
  wait = wait_for(t);
  return lwt_bind_at(wait ? lwt_sleep_at(wait, t->where) : lwt_pause_at(t->where),
                     attempt, t, t->where);
}

static lwt_t *begin(void *env, void *arg)
{
  struct tries *t = env;

  *t = *(struct tries *)arg;
  return attempt(t, NULL);
}

lwt_t *lwt_retry_at(const struct lwt_retry *retry, lwt_attempt_fn *f, void *env,
                    const char *where)
{
  struct tries t = { .how = *retry, .f = f, .env = env, .where = where };

  if (retry->jitter > 100)
    return lwt_fail_at(LWT_EINVAL, "lwt_retry", where);
  if (!t.how.attempts)
    t.how.attempts = 1;
  t.random = retry->seed;
  return lwt_with_at(sizeof t, begin, &t, NULL, where);
}
