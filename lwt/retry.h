/* lwt/retry.h - try again, later and later.
 * SPDX-License-Identifier: ISC
 */
#ifndef LWT_RETRY_H
#define LWT_RETRY_H

#include <lwt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Before attempt n + 1 the wait is first * 2^(n-1), at most max, and of that a
 * part is left to chance: with jitter 30, the wait is between 70 and 100 percent
 * of it.  Members that are 0 have the defaults. */
struct lwt_retry {
  unsigned attempts;    /* in all; 0: 1 */
  unsigned jitter;      /* percent, at most 100 */
  uint64_t first;       /* nanoseconds */
  uint64_t max;         /* 0: no limit */
  uint64_t seed;        /* of the chance; 0: goes with lwt_seed() */
  /* Nonzero: this error is final.  NULL: every error but those named below
   * is worth another attempt. */
  int (*fatal)(void *env, struct lwt_error error);
  /* In place of the doubling: the wait after attempt n has failed.  max and
   * jitter apply to it. */
  uint64_t (*delay)(void *env, unsigned n);
};

/* Attempt number n, from 1. */
typedef lwt_t *lwt_attempt_fn(void *env, unsigned n);

/* Call f(env, 1), and again after a wait as long as its promise is rejected,
 * attempts are left and the error is not final.  The result is the last
 * attempt's, value or error.  LWT_ECANCELED and a lack of memory for the wait
 * are final always.  The retry is copied; env is borrowed.  Cancel reaches the
 * attempt or the wait.  Errors of its own: LWT_EINVAL for a jitter above 100,
 * LWT_ENOMEM. */
#define lwt_retry(retry, f, env) lwt_retry_at((retry), (f), (env), LWT_WHERE)
LWT_API lwt_t *lwt_retry_at(const struct lwt_retry *retry, lwt_attempt_fn *f,
                            void *env, const char *where) LWT_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
