/* lwt/sync.h - mutex, semaphore, condition, read-write lock, barrier, mvar.
 * SPDX-License-Identifier: ISC
 *
 * Each lives in the caller's memory, is valid when zeroed (or set by its
 * _INIT), needs no end, and must not go away while promises wait in it.
 * Waiting allocates the promise and nothing else.
 *
 * Waiters are served first come, first served, by direct hand-over: what is
 * given back goes to the first waiter, and nobody can overtake.  A waiter that
 * is cancelled or dropped leaves the queue at once.  What was handed over to a
 * thread that was given up before it ran goes to the next one.
 */
#ifndef LWT_SYNC_H
#define LWT_SYNC_H

#include <lwt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A queue of waiting promises; private. */
struct lwt_queue {
  uint64_t lwt_private[2];
};

/* The number of promises that wait in it. */
LWT_API size_t lwt_queue_length(const struct lwt_queue *queue);

/* ---- Mutex ------------------------------------------------------------- */

struct lwt_mutex {
  struct lwt_queue waiters;
  int locked;
};

/* Fulfilled when the caller holds the mutex.  Not recursive. */
#define lwt_mutex_lock(m) lwt_mutex_lock_at((m), LWT_WHERE)
LWT_API lwt_t *lwt_mutex_lock_at(struct lwt_mutex *m,
                                 const char *where) LWT_MUST_USE;
/* Returns 1 if it was free and the caller now holds it. */
LWT_API int lwt_mutex_try_lock(struct lwt_mutex *m);
/* To the next waiter; no effect on a free mutex. */
LWT_API void lwt_mutex_unlock(struct lwt_mutex *m);

/* Lock, call body(env), and unlock when its promise has settled. */
#define lwt_with_lock(m, body, env) \
  lwt_with_lock_at((m), (body), (env), LWT_WHERE)
LWT_API lwt_t *lwt_with_lock_at(struct lwt_mutex *m, lwt_finalize_fn *body,
                                void *env, const char *where) LWT_MUST_USE;

/* ---- Semaphore --------------------------------------------------------- */

struct lwt_semaphore {
  struct lwt_queue waiters;
  size_t free;
};
#define LWT_SEMAPHORE_INIT(n) { .free = (n) }

/* Take one unit; give one back (or a new one). */
#define lwt_semaphore_take(s) lwt_semaphore_take_at((s), LWT_WHERE)
LWT_API lwt_t *lwt_semaphore_take_at(struct lwt_semaphore *s,
                                     const char *where) LWT_MUST_USE;
LWT_API int lwt_semaphore_try_take(struct lwt_semaphore *s);
LWT_API void lwt_semaphore_give(struct lwt_semaphore *s);

/* ---- Condition --------------------------------------------------------- */

/* Not sticky: a signal without waiters is lost. */
struct lwt_condition {
  struct lwt_queue waiters;
};

/* Wait for a signal, whose value the promise gets.  With a mutex (else NULL),
 * which the caller holds, it is unlocked while waiting and locked again before
 * the promise settles, however it settles (except for want of memory). */
#define lwt_condition_wait(c, m) lwt_condition_wait_at((c), (m), LWT_WHERE)
LWT_API lwt_t *lwt_condition_wait_at(struct lwt_condition *c,
                                     struct lwt_mutex *m,
                                     const char *where) LWT_MUST_USE;
/* Wake the first; wake all that wait now; reject all that wait now. */
LWT_API void lwt_condition_signal(struct lwt_condition *c, void *value);
LWT_API void lwt_condition_broadcast(struct lwt_condition *c, void *value);
LWT_API void lwt_condition_fail(struct lwt_condition *c, int code,
                                const char *what);

/* ---- Read-write lock --------------------------------------------------- */

/* Many readers or one writer.  A waiting writer holds up later readers. */
struct lwt_rwlock {
  struct lwt_queue waiters;
  size_t readers;
  int writer;
};

#define lwt_rwlock_read(l) lwt_rwlock_read_at((l), LWT_WHERE)
#define lwt_rwlock_write(l) lwt_rwlock_write_at((l), LWT_WHERE)
LWT_API lwt_t *lwt_rwlock_read_at(struct lwt_rwlock *l,
                                  const char *where) LWT_MUST_USE;
LWT_API lwt_t *lwt_rwlock_write_at(struct lwt_rwlock *l,
                                   const char *where) LWT_MUST_USE;
LWT_API void lwt_rwlock_unlock_read(struct lwt_rwlock *l);
LWT_API void lwt_rwlock_unlock_write(struct lwt_rwlock *l);

/* ---- Barrier ----------------------------------------------------------- */

/* Fulfilled for all when `parties` have arrived; then it starts anew. */
struct lwt_barrier {
  struct lwt_queue waiters;
  size_t parties;
};
#define LWT_BARRIER_INIT(n) { .parties = (n) }

#define lwt_barrier_wait(b) lwt_barrier_wait_at((b), LWT_WHERE)
LWT_API lwt_t *lwt_barrier_wait_at(struct lwt_barrier *b,
                                   const char *where) LWT_MUST_USE;

/* ---- Mvar --------------------------------------------------------------- */

/* A mailbox for one value.  A value with a drop function is dropped when the
 * put that waits with it is cancelled, and when the taker that it was handed
 * to is given up before it ran; lwt_mvar_fini() drops what is inside. */
struct lwt_mvar {
  struct lwt_queue takers, putters;
  struct lwt_value content;
  int full;
};

/* Fulfilled when the value is inside or handed to a taker. */
#define lwt_mvar_put(m, value) \
  lwt_mvar_put_owned_at((m), (value), NULL, LWT_WHERE)
#define lwt_mvar_put_owned(m, value, drop) \
  lwt_mvar_put_owned_at((m), (value), (drop), LWT_WHERE)
LWT_API lwt_t *lwt_mvar_put_owned_at(struct lwt_mvar *m, void *value,
                                     lwt_drop_fn *drop,
                                     const char *where) LWT_MUST_USE;
/* Fulfilled with the value. */
#define lwt_mvar_take(m) lwt_mvar_take_at((m), LWT_WHERE)
LWT_API lwt_t *lwt_mvar_take_at(struct lwt_mvar *m,
                                const char *where) LWT_MUST_USE;
/* The value if there is one: returns 1 and stores it. */
LWT_API int lwt_mvar_try_take(struct lwt_mvar *m, void **value);
LWT_API void lwt_mvar_fini(struct lwt_mvar *m);

#ifdef __cplusplus
}
#endif

#endif
