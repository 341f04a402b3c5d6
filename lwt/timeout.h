/* lwt/timeout.h - timers that are started anew all the time.
 * SPDX-License-Identifier: ISC
 *
 * A timer lives in the caller's memory.  Starting it again, with every packet
 * or every line that comes, writes down the new time and nothing else: it is
 * O(1), allocates nothing and cannot fail.  For something that is waited for
 * once, lwt_sleep() and lwt_with_timeout() are simpler.
 *
 *   struct lwt_timer idle;
 *
 *   lwt_timer_init(&idle, LWT_S(30), give_up, connection);
 *   lwt_timer_start(&idle);      and again whenever something has happened
 *   lwt_timer_stop(&idle);       before its memory goes away
 *
 * A timer that runs counts in lwt_timers() and keeps lwt_run() from ending with
 * LWT_EDEADLK.  It belongs to the thread that started it.
 */
#ifndef LWT_TIMEOUT_H
#define LWT_TIMEOUT_H

#include <lwt.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lwt_timer {
  uint64_t lwt_private[13];
};

/* Not running; fn(env) is called by the loop when it has run for `duration`.
 * Returns 0, LWT_EINVAL for a duration of 0, LWT_ENOMEM. */
LWT_API int lwt_timer_init(struct lwt_timer *timer, uint64_t duration,
                           lwt_call_fn *fn, void *env);

/* Run, from now on; if it runs already, anew.  fn is called once; it may start
 * the timer again. */
LWT_API void lwt_timer_start(struct lwt_timer *timer);

/* The same, to end at an absolute time. */
LWT_API void lwt_timer_start_until(struct lwt_timer *timer, uint64_t deadline);

/* fn is not called.  No effect on a timer that does not run. */
LWT_API void lwt_timer_stop(struct lwt_timer *timer);

/* Another duration.  A timer that runs is started anew with it, one that does
 * not run stays so.  Returns 0, or LWT_EINVAL for 0 and changes nothing. */
LWT_API int lwt_timer_change(struct lwt_timer *timer, uint64_t duration);

/* Whether it runs. */
LWT_API int lwt_timer_running(const struct lwt_timer *timer);

#ifdef __cplusplus
}
#endif

#endif
