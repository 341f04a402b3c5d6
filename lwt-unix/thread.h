/* lwt-unix/thread.h - blocking calls in worker threads, and work between loops.
 * SPDX-License-Identifier: ISC
 *
 * All state of promises is per thread, so a program uses more processors by
 * running one loop in each of several threads: each calls lwt_run(), and at its
 * end lwt_platform_cleanup(), which frees all that the thread had.  Nothing of
 * one thread (a promise, a resolver, a flow) may be used in another; what goes
 * between them goes through lwt_post(), lwt_call() and lwt_detach().
 *
 * A function given to lwt_set_allocator() must then be safe to call from any
 * thread, as malloc() is.
 */
#ifndef LWT_UNIX_THREAD_H
#define LWT_UNIX_THREAD_H

#include <lwt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Blocking calls and long computations ------------------------------ */

/* What a worker thread runs.  Returns 0 and sets *value (NULL before), or
 * returns a negative code.  It may call lwt_post(), but nothing else that makes
 * or looks at promises. */
typedef int lwt_work_fn(void *arg, void **value);

/* Run fn(arg) in a worker thread; fulfilled with its value, or rejected with its
 * code.  Takes arg: drop_arg(arg) is called once, in this thread, when fn has
 * returned, or when it never runs.  A value that nobody receives is given to
 * drop_value.  Both may be NULL.
 *
 * Cancelling: a call that waits for a thread is taken out of the queue and never
 * runs.  One that runs cannot be stopped: the promise is rejected at once, fn
 * goes on, and arg and value are dropped when it has returned.
 *
 * Calls are begun in order, on as many threads as lwt_workers_limit() says.
 * LWT_EAGAIN: the queue is full, or the system gives no thread; LWT_ENOMEM.
 * lwt_run() waits for calls that are under way, lwt_platform_cleanup() too. */
#define lwt_detach(fn, arg, drop_arg, drop_value) \
  lwt_detach_at((fn), (arg), (drop_arg), (drop_value), LWT_WHERE)
LWT_API lwt_t *lwt_detach_at(lwt_work_fn *fn, void *arg, lwt_drop_fn *drop_arg,
                             lwt_drop_fn *drop_value,
                             const char *where) LWT_MUST_USE;

/* Of the whole process: at most `threads` workers (1 to 256; default 16) and
 * `queue` calls that wait for one (default 65536).  Threads are started when
 * calls would wait and end with the last loop that used them; a lower limit
 * holds for new ones. */
LWT_API void lwt_workers_limit(unsigned threads, size_t queue);

struct lwt_workers_stats {
  unsigned threads; /* that exist */
  unsigned idle;    /* of them */
  size_t waiting;   /* calls in the queue */
  uint64_t refused; /* calls rejected with LWT_EAGAIN since the process began */
};
LWT_API void lwt_workers_stats(struct lwt_workers_stats *stats);

/* ---- Between loops ----------------------------------------------------- */

/* A loop as other threads see it. */
struct lwt_loop;

/* A handle on this thread's loop, for other threads; NULL: no memory or no
 * descriptor.  While there are handles, something may be posted at any time:
 * lwt_run() then waits instead of returning LWT_EDEADLK.  (A uv_run() of the
 * program's own returns nevertheless.) */
LWT_API struct lwt_loop *lwt_loop_here(void);

/* Any thread: one more handle; give one back (NULL is allowed).  A handle stays
 * valid after its loop has ended. */
LWT_API struct lwt_loop *lwt_loop_ref(struct lwt_loop *loop);
LWT_API void lwt_loop_unref(struct lwt_loop *loop);

/* Any thread, and never waits: fn(env) will be called in the loop's thread, from
 * the loop.  What one thread posts is called in that order; nothing posted from
 * a call runs before the next turn.  Returns
 *   0             fn will be called, or, if the loop ends before, lost(env) in the
 *                 loop's thread (lost may be NULL);
 *   LWT_EAGAIN    as many calls wait as lwt_loop_limit() allows;
 *   LWT_ESHUTDOWN the loop has ended (lwt_platform_cleanup(), lwt_unix_detach());
 *   LWT_ENOMEM.
 * After an error env is the caller's as before. */
LWT_API int lwt_post(struct lwt_loop *loop, lwt_call_fn *fn, void *env,
                     lwt_call_fn *lost);

/* Of this thread's loop; default 65536.  For lwt_post() only. */
LWT_API void lwt_loop_limit(struct lwt_loop *loop, size_t calls);

/* Posts that wait now, and that were refused with LWT_EAGAIN.  Any thread. */
struct lwt_loop_stats {
  size_t waiting;
  uint64_t refused;
};
LWT_API void lwt_loop_stats(struct lwt_loop *loop, struct lwt_loop_stats *stats);

/* Call fn(env) in the loop's thread; when the promise that it returns settles,
 * the result settles likewise, here.  Nobody else may have a handle on it.
 * Borrows loop.  Takes env: drop_env(env) is called once, in the loop's thread
 * when that promise has settled, or here if fn was never called.  The value
 * comes over as it is, without its drop function; if nobody receives it here,
 * drop_value(value) is called.
 *
 * Cancelling: fn is not called if it was not yet; else the promise over there is
 * cancelled.  Here the result is rejected at once.
 * LWT_ESHUTDOWN: the loop has ended, also meanwhile; LWT_ENOMEM. */
#define lwt_call(loop, fn, env, drop_env, drop_value) \
  lwt_call_at((loop), (fn), (env), (drop_env), (drop_value), LWT_WHERE)
LWT_API lwt_t *lwt_call_at(struct lwt_loop *loop, lwt_finalize_fn *fn, void *env,
                           lwt_drop_fn *drop_env, lwt_drop_fn *drop_value,
                           const char *where) LWT_MUST_USE;

/* ---- After fork() ------------------------------------------------------ */

/* Call it in the child, before anything else of this library, from the thread
 * that called fork() (the only one that the child has).  The loop then works in
 * the child, apart from the parent's, which does not notice.
 *
 * Timers, pauses and what is ready go on.  Descriptors are open in both, as
 * always after fork(): a connection closed in an orderly way by the child is
 * closed for the parent too, so a child that does not want it only calls close()
 * of its descriptor, exec or _exit().  Calls in worker threads exist in the parent
 * only: their promises are rejected with LWT_ECANCELED in the child's next turn.
 * (Those of name resolution and lwt_platform_content() use libuv's threads: what is
 * under way there never settles in the child.)  Handles of other threads' loops are
 * of no use in the child.
 * Returns 0, LWT_ENOMEM or LWT_EMFILE; the loop is then of no use. */
LWT_API int lwt_unix_after_fork(void);

#ifdef __cplusplus
}
#endif

#endif
