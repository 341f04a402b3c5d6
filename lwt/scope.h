/* lwt/scope.h - task groups: threads that cannot outlive their scope.
 * SPDX-License-Identifier: ISC
 *
 *   static lwt_t *both(struct lwt_scope *scope, void *env)
 *   {
 *     lwt_spawn(scope, download(env, 1));
 *     lwt_spawn(scope, download(env, 2));
 *     return lwt_return(NULL);
 *   }
 *   ...
 *   lwt_await(f, lwt_scope_until(lwt_now() + LWT_S(5), both, env));
 *
 * The promise of a scope settles when its body's promise and every thread given
 * to lwt_spawn() have settled, finalizers included, and never before.  It is
 * fulfilled with the body's value if nothing failed.
 *
 * Rules, for all scopes:
 *
 *   Failure    The first in time is the scope's: an error of the body or of a
 *              thread, the deadline, a cancel of the scope's promise.  It stops
 *              the scope.  Later errors are reported as lost (lwt_on_lost()).
 *   Stopping   Body and threads are given up as if their last handles were
 *              dropped, once each, and waited for; what they share with others
 *              outside goes on.  Finalizers, deferred calls and what is behind
 *              lwt_no_cancel() run to their end; a thread that takes
 *              LWT_ECANCELED and goes on is waited for, too.
 *   Cancel     LWT_ECANCELED of a thread ends that thread and is no failure:
 *              whoever cancelled it knows.  There is one way to cancel a scope
 *              from outside, its promise: all in it stops, the promise waits for
 *              it, and nothing that others hold is touched.
 *   Nesting    A scope is a promise, so it may be a thread of another one, which
 *              then stops and waits for it like for any other.
 *   Pointer    Body and threads, and what they call, may use the scope pointer.
 *              It is valid until they all have settled.
 *
 * lwt_pick() lets its losers go on to clean up by themselves, and lwt_async()
 * gives a thread away: what they let go is not the scope's.
 */
#ifndef LWT_SCOPE_H
#define LWT_SCOPE_H

#include <lwt.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lwt_scope;

/* Starts the threads, and is the first of them: env is borrowed until its
 * promise settles. */
typedef lwt_t *lwt_scope_fn(struct lwt_scope *scope, void *env);

struct lwt_scope_options {
  uint64_t deadline;  /* as lwt_now(); then LWT_ETIMEDOUT; 0: none */
  size_t max_threads; /* at a time, body not counted; 0: any number */
  const struct lwt_scope *within; /* whose deadline holds here, too; or NULL */
};

/* Run body(scope, env).  LWT_ENOMEM: it has not been called. */
#define lwt_scope(body, env) lwt_scope_at(NULL, (body), (env), LWT_WHERE)
#define lwt_scope_until(when, body, env) \
  lwt_scope_until_at((when), (body), (env), LWT_WHERE)
#define lwt_scope_with(options, body, env) \
  lwt_scope_at((options), (body), (env), LWT_WHERE)
LWT_API lwt_t *lwt_scope_at(const struct lwt_scope_options *options,
                            lwt_scope_fn *body, void *env,
                            const char *where) LWT_MUST_USE;
LWT_API lwt_t *lwt_scope_until_at(uint64_t deadline, lwt_scope_fn *body,
                                  void *env, const char *where) LWT_MUST_USE;

/* Give the thread p to the scope, which drops its value.  Returns 0.  In the
 * other cases p is the scope's all the same, but stopped at once, and waited
 * for: LWT_ECANCELED: the scope is stopping; LWT_EAGAIN: max_threads are
 * running; LWT_ENOMEM, which stops the scope. */
#define lwt_spawn(scope, p) lwt_spawn_at((scope), (lwt_t *)(p), LWT_WHERE)
LWT_API int lwt_spawn_at(struct lwt_scope *scope, lwt_t *p, const char *where);

/* When fewer than max_threads are running, first come, first served, call
 * fn(env) and give its promise to the scope.  Fulfilled when fn has been called:
 * who awaits that before the next call has at most one waiting.  LWT_ECANCELED:
 * the scope is stopping, and fn is not called.  env is borrowed until then. */
#define lwt_spawn_call(scope, fn, env) \
  lwt_spawn_call_at((scope), (fn), (env), LWT_WHERE)
LWT_API lwt_t *lwt_spawn_call_at(struct lwt_scope *scope, lwt_finalize_fn *fn,
                                 void *env, const char *where) LWT_MUST_USE;

/* Stop everything.  That is no failure: the scope then ends as its body does,
 * fulfilled if the body has ended well or does so when it is stopped.  Called
 * again, it also stops those that have gone on. */
LWT_API void lwt_scope_stop(struct lwt_scope *scope);

/* Threads that have not settled, body not counted. */
LWT_API size_t lwt_scope_threads(const struct lwt_scope *scope);
/* Nonzero: a thread that is not stopped by itself should come to its end. */
LWT_API int lwt_scope_stopping(const struct lwt_scope *scope);
/* The earlier of its own and that of `within`; LWT_NEVER: none. */
LWT_API uint64_t lwt_scope_deadline(const struct lwt_scope *scope);

#ifdef __cplusplus
}
#endif

#endif
