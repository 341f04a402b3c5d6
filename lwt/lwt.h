/* lwt.h - promises: lightweight cooperative threads for C.
 * SPDX-License-Identifier: ISC
 *
 * A promise (lwt_t) stands for a value that is not there yet.  It is pending
 * until it settles, once: fulfilled with a value or rejected with an error.
 * Threads are made by chaining promises (this header) or, more often, in
 * direct style with frames (lwt/frame.h, included below).
 *
 * Rules that hold for every function here, stated once:
 *
 *   Ownership   A promise has one owner.  A function that takes a promise
 *               consumes it, whatever it returns, arrays of promises
 *               included; the exceptions are named ("borrows p").  A second
 *               owner is an explicit lwt_ref().
 *   Failure     A function that returns a promise never returns NULL and
 *               never fails otherwise than by a rejected promise.  Out of
 *               memory is LWT_ENOMEM like any other rejection.
 *   Values      A value is one word.  If it must be freed it carries a drop
 *               function.  The value moves to the callback that receives it;
 *               if nobody receives it, it is dropped exactly once.  The value
 *               of a promise that was shared with lwt_ref() is lent instead:
 *               callbacks look at it, and it is dropped with the last handle.
 *   Dropping    lwt_drop() of the last handle cancels what is still pending:
 *               no callback of that chain runs any more, except those that
 *               see failures (catch, try_bind, finalize, frames).  They get
 *               LWT_ECANCELED; but if their input has settled before and they
 *               are queued, they get what it has become: a value that is on
 *               its way reaches somebody who can let it go.  What they then
 *               wait for is cancelled.
 *   Callbacks   run at most once, on the thread that made the promise.  If
 *               the input is already settled they run at once, before the
 *               function that attached them returns; otherwise from one
 *               first-in first-out queue, drained by the outermost settling
 *               call.  The stack stays flat: when 16 callbacks are nested,
 *               further ones are queued until the outermost returns.
 *   Threads     All state is per system thread.  A promise, its resolver and
 *               its callbacks belong to the thread that made it.
 *
 * `env` arguments are borrowed: the caller keeps them alive until the
 * promise settles or is dropped.  lwt_with() makes one that is owned.
 */
#ifndef LWT_H
#define LWT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic" /* flexible array members */
#endif

#if defined(LWT_BUILDING)
#define LWT_API __attribute__((visibility("default")))
#else
#define LWT_API
#endif
#define LWT_MUST_USE __attribute__((warn_unused_result))

/* The calling line, recorded in each promise for lwt_dump() and for the
 * report of lost rejections. */
#define LWT__STR2(x) #x
#define LWT__STR(x) LWT__STR2(x)
#define LWT_WHERE __FILE__ ":" LWT__STR(__LINE__)

/* A promise, the type of its value forgotten.  Opaque: the member only lets
 * lwt_await() check typed and untyped promises alike. */
typedef struct lwt {
  void **lwt_type;
} lwt_t;

/* Declare `name`, a promise of a T, where T is a pointer or an integer of at
 * most a word.  The compiler then checks the destination of lwt_await().  A
 * `name *` is passed to the functions below as LWT_UNTYPED(p).  Defines
 * name_return(T) and name_fail(code, what). */
#define LWT_PROMISE(name, T)                                                  \
  typedef struct name {                                                       \
    T *lwt_type;                                                              \
  } name;                                                                     \
  __attribute__((unused)) static inline name *name##_return(T lwt__value)     \
  {                                                                           \
    return (name *)lwt_return((void *)(uintptr_t)lwt__value);                 \
  }                                                                           \
  __attribute__((unused)) static inline name *name##_fail(int lwt__code,      \
                                                          const char *what)   \
  {                                                                           \
    return (name *)lwt_fail(lwt__code, what);                                 \
  }                                                                           \
  struct name
#define LWT_UNTYPED(p) ((lwt_t *)(p))

/* ---- Errors ----------------------------------------------------------- */

/* code: one of the values below or any other negative number.
 * what: a string literal that names the operation ("tcp_connect"). */
struct lwt_error {
  int code;
  const char *what;
};

/* Negative errno-like codes, the same on every platform. */
enum {
  LWT_EPERM = -1,
  LWT_ENOENT = -2,
  LWT_EINTR = -4,
  LWT_EIO = -5,
  LWT_EBADF = -9,
  LWT_EAGAIN = -11,
  LWT_ENOMEM = -12,
  LWT_EACCES = -13,
  LWT_EBUSY = -16,
  LWT_EEXIST = -17,
  LWT_ENODEV = -19,
  LWT_ENOTDIR = -20,
  LWT_EISDIR = -21,
  LWT_EINVAL = -22,
  LWT_EMFILE = -24,
  LWT_EFBIG = -27,
  LWT_ENOSPC = -28,
  LWT_EROFS = -30,
  LWT_EPIPE = -32,
  LWT_ERANGE = -34,
  LWT_EDEADLK = -35, /* nothing can wake this loop */
  LWT_ENAMETOOLONG = -36,
  LWT_ENOSYS = -38,
  LWT_ENODATA = -61, /* the end came too early */
  LWT_EPROTO = -71,
  LWT_EBADMSG = -74,
  LWT_EMSGSIZE = -90,
  LWT_ENOTSUP = -95,
  LWT_EADDRINUSE = -98,
  LWT_EADDRNOTAVAIL = -99,
  LWT_ENETDOWN = -100,
  LWT_ENETUNREACH = -101,
  LWT_ECONNABORTED = -103,
  LWT_ECONNRESET = -104,
  LWT_ENOBUFS = -105,
  LWT_EISCONN = -106,
  LWT_ENOTCONN = -107,
  LWT_ESHUTDOWN = -108,
  LWT_ETIMEDOUT = -110,
  LWT_ECONNREFUSED = -111,
  LWT_EHOSTUNREACH = -113,
  LWT_EALREADY = -114, /* the promise is settled */
  LWT_ECANCELED = -125,
  LWT_EOF = -4095 /* the end, no error */
};

/* The text of a code, never NULL; "error" for codes that it does not know. */
LWT_API const char *lwt_strerror(int code);

typedef lwt_t *lwt_bind_fn(void *env, void *value);
typedef void *lwt_map_fn(void *env, void *value);
typedef lwt_t *lwt_catch_fn(void *env, struct lwt_error error);
typedef lwt_t *lwt_finalize_fn(void *env);
typedef void lwt_value_fn(void *env, void *value);
typedef void lwt_error_fn(void *env, struct lwt_error error);
typedef void lwt_call_fn(void *env);
typedef void lwt_drop_fn(void *value);

/* A value and how to free it; drop is NULL if there is nothing to free. */
struct lwt_value {
  void *value;
  lwt_drop_fn *drop;
};

/* ---- Settled promises -------------------------------------------------- */

/* Fulfilled with value.  Allocates nothing if the value is a small integer or
 * a pointer below 2^62: it is then in the handle itself, shifted left by one,
 * the lowest bit set. */
LWT_API lwt_t *lwt__return_boxed(void *value) LWT_MUST_USE;
LWT_MUST_USE static inline lwt_t *lwt_return(void *value)
{
  intptr_t word = (intptr_t)((uintptr_t)value << 1);

  if (__builtin_expect(word >> 1 == (intptr_t)value, 1))
    return (lwt_t *)(word | 1);
  return lwt__return_boxed(value);
}

/* Fulfilled with a value that drop frees if nobody takes it.  Takes value; if
 * memory is out, it is dropped and the promise is rejected. */
LWT_API lwt_t *lwt_return_owned(void *value, lwt_drop_fn *drop) LWT_MUST_USE;

/* Rejected.  A code that is not negative becomes LWT_EINVAL. */
#define lwt_fail(code, what) lwt_fail_at((code), (what), LWT_WHERE)
LWT_API lwt_t *lwt_fail_at(int code, const char *what,
                           const char *where) LWT_MUST_USE;

/* Rejected with an error received from elsewhere. */
#define lwt_fail_error(error) lwt_fail_error_at((error), LWT_WHERE)
LWT_API lwt_t *lwt_fail_error_at(struct lwt_error error,
                                 const char *where) LWT_MUST_USE;

/* ---- Pending promises and their resolvers ------------------------------ */

/* The producer's side of a pending promise.  The caller provides the memory
 * and may move it.  It must end in one lwt_fulfill(), lwt_reject() or
 * lwt_abandon(), also after the promise was cancelled. */
struct lwt_resolver {
  void *lwt_private;
};

/* A pending promise that cancel does not reach.  If memory is out, the promise
 * is rejected and *r is empty (settling it returns LWT_EALREADY). */
#define lwt_wait(r) lwt_wait_at((r), LWT_WHERE)
LWT_API lwt_t *lwt_wait_at(struct lwt_resolver *r,
                           const char *where) LWT_MUST_USE;

/* The same, but cancel rejects it with LWT_ECANCELED. */
#define lwt_task(r) lwt_task_at((r), LWT_WHERE)
LWT_API lwt_t *lwt_task_at(struct lwt_resolver *r,
                           const char *where) LWT_MUST_USE;

/* The same for producers that can stop: when the promise is cancelled or its
 * last handle is dropped, stop(env) is called once, first of all callbacks,
 * from the queue.  The resolver must still be settled or abandoned, in stop
 * or later.  stop is never called after the promise was settled. */
#define lwt_task_op(r, stop, env) lwt_task_op_at((r), (stop), (env), LWT_WHERE)
LWT_API lwt_t *lwt_task_op_at(struct lwt_resolver *r, lwt_call_fn *stop,
                              void *env, const char *where) LWT_MUST_USE;

/* Settle the promise and empty the resolver.  Waiting callbacks have run when
 * the call returns if it is the outermost one, else they are queued.
 * Returns 0; 0 and drops the value if the promise was cancelled meanwhile;
 * LWT_EALREADY if the resolver is empty (the value is then not taken). */
LWT_API int lwt_fulfill(struct lwt_resolver *r, void *value);
LWT_API int lwt_fulfill_owned(struct lwt_resolver *r, void *value,
                              lwt_drop_fn *drop);
#define lwt_reject(r, code, what) lwt_reject_at((r), (code), (what), LWT_WHERE)
LWT_API int lwt_reject_at(struct lwt_resolver *r, int code, const char *what,
                          const char *where);

/* Give up the resolver: a promise that is still pending is rejected with
 * LWT_EPIPE "abandoned".  No effect on an empty resolver. */
LWT_API void lwt_abandon(struct lwt_resolver *r);

/* Nobody can receive the value any more: the promise was cancelled or its last
 * handle dropped, or the resolver is empty. */
LWT_API int lwt_unwanted(const struct lwt_resolver *r);

/* ---- Chaining ---------------------------------------------------------- */

/* When p is fulfilled, f(env, value) gives the promise that the result
 * becomes; a rejection of p passes through.  A bind whose f returns another
 * pending bind takes its place, so a loop runs in constant memory. */
#define lwt_bind(p, f, env) lwt_bind_at((p), (f), (env), LWT_WHERE)
LWT_API lwt_t *lwt_bind_at(lwt_t *p, lwt_bind_fn *f, void *env,
                           const char *where) LWT_MUST_USE;

/* As bind, with an f that gives a plain value (nothing to free, no error). */
#define lwt_map(p, f, env) lwt_map_at((p), (f), (env), LWT_WHERE)
LWT_API lwt_t *lwt_map_at(lwt_t *p, lwt_map_fn *f, void *env,
                          const char *where) LWT_MUST_USE;

/* When p is rejected, h(env, error) gives the promise that the result
 * becomes; a value of p passes through. */
#define lwt_catch(p, h, env) lwt_catch_at((p), (h), (env), LWT_WHERE)
LWT_API lwt_t *lwt_catch_at(lwt_t *p, lwt_catch_fn *h, void *env,
                            const char *where) LWT_MUST_USE;

/* f on fulfilment, h on rejection of p; h does not see errors of f. */
#define lwt_try_bind(p, f, h, env) \
  lwt_try_bind_at((p), (f), (h), (env), LWT_WHERE)
LWT_API lwt_t *lwt_try_bind_at(lwt_t *p, lwt_bind_fn *f, lwt_catch_fn *h,
                               void *env, const char *where) LWT_MUST_USE;

/* When p settles, run c(env), wait for the promise that it returns (NULL:
 * nothing to wait for), then settle like p; an error of c wins.  c runs
 * exactly once, and cancel does not reach its promise. */
#define lwt_finalize(p, c, env) lwt_finalize_at((p), (c), (env), LWT_WHERE)
LWT_API lwt_t *lwt_finalize_at(lwt_t *p, lwt_finalize_fn *c, void *env,
                               const char *where) LWT_MUST_USE;

/* Allocate size zeroed bytes (env), call body(env, arg), and when the promise
 * that it returns settles, call fini(env) (may be NULL) and free env. */
typedef lwt_t *lwt_with_fn(void *env, void *arg);
#define lwt_with(size, body, arg, fini) \
  lwt_with_at((size), (body), (arg), (fini), LWT_WHERE)
LWT_API lwt_t *lwt_with_at(size_t size, lwt_with_fn *body, void *arg,
                           lwt_call_fn *fini, const char *where) LWT_MUST_USE;

/* Plain callbacks on the outcome.  Return 0, or LWT_ENOMEM when p is pending
 * and memory is out; p is dropped then. */
LWT_API int lwt_on_success(lwt_t *p, lwt_value_fn *f, void *env);
LWT_API int lwt_on_failure(lwt_t *p, lwt_error_fn *f, void *env);
LWT_API int lwt_on_termination(lwt_t *p, lwt_call_fn *f, void *env);
LWT_API int lwt_on_any(lwt_t *p, lwt_value_fn *f, lwt_error_fn *g, void *env);

/* f(env) runs when p is rejected with LWT_ECANCELED, before the ordinary
 * callbacks, the last registered first; at once if it already is.
 * Borrows p.  Returns 0 or LWT_ENOMEM. */
LWT_API int lwt_on_cancel(lwt_t *p, lwt_call_fn *f, void *env);

/* ---- Several promises -------------------------------------------------- */

/* Arguments `n, ps` from a list: lwt_pick(LWT_PS(a, b)). */
#define LWT_PS(...) \
  (sizeof((lwt_t *[]){ __VA_ARGS__ }) / sizeof(lwt_t *)), \
  (lwt_t *[]){ __VA_ARGS__ }

/* The values of several promises.  Freed by lwt_vec_free(), which drops the
 * values still in it; to keep v[i], set v[i].drop to NULL. */
struct lwt_vec {
  size_t n;
  struct lwt_value v[];
};
LWT_API void lwt_vec_free(void *vec);

/* The values of those that are settled, the promises of those that are not.
 * Freed by lwt_split_free(), which drops both; to keep pending[i], set it to
 * NULL. */
struct lwt_split {
  struct lwt_vec *done;
  size_t n;
  lwt_t *pending[];
};
LWT_API void lwt_split_free(void *split);

/* Wait for all n.  join: no value.  all: a struct lwt_vec in the order of ps.
 * both: the same for two.  If some are rejected, the first in time wins (in
 * the order of ps among those already rejected), still after all have
 * settled.  n may be 0. */
#define lwt_join(...) LWT__AT(lwt_join_at, __VA_ARGS__)
#define lwt_all(...) LWT__AT(lwt_all_at, __VA_ARGS__)
#define lwt_both(p, q) lwt_both_at((p), (q), LWT_WHERE)
LWT_API lwt_t *lwt_join_at(size_t n, lwt_t *const ps[],
                           const char *where) LWT_MUST_USE;
LWT_API lwt_t *lwt_all_at(size_t n, lwt_t *const ps[],
                          const char *where) LWT_MUST_USE;
LWT_API lwt_t *lwt_both_at(lwt_t *p, lwt_t *q, const char *where) LWT_MUST_USE;

/* The first to settle decides.  Among several already settled, the rejected
 * come before the fulfilled, at random within their class (nchoose and npick:
 * in the order of ps).  choose, nchoose, nchoose_split give up their handles
 * on the others without cancelling; pick and npick cancel the others, whose
 * callbacks run before the result settles.  choose, pick: the value.
 * nchoose, npick: a struct lwt_vec of all values available at that moment.
 * nchoose_split: a struct lwt_split.  n = 0 is LWT_EINVAL. */
#define lwt_choose(...) LWT__AT(lwt_choose_at, __VA_ARGS__)
#define lwt_pick(...) LWT__AT(lwt_pick_at, __VA_ARGS__)
#define lwt_nchoose(...) LWT__AT(lwt_nchoose_at, __VA_ARGS__)
#define lwt_npick(...) LWT__AT(lwt_npick_at, __VA_ARGS__)
#define lwt_nchoose_split(...) LWT__AT(lwt_nchoose_split_at, __VA_ARGS__)
LWT_API lwt_t *lwt_choose_at(size_t n, lwt_t *const ps[],
                             const char *where) LWT_MUST_USE;
LWT_API lwt_t *lwt_pick_at(size_t n, lwt_t *const ps[],
                           const char *where) LWT_MUST_USE;
LWT_API lwt_t *lwt_nchoose_at(size_t n, lwt_t *const ps[],
                              const char *where) LWT_MUST_USE;
LWT_API lwt_t *lwt_npick_at(size_t n, lwt_t *const ps[],
                            const char *where) LWT_MUST_USE;
LWT_API lwt_t *lwt_nchoose_split_at(size_t n, lwt_t *const ps[],
                                    const char *where) LWT_MUST_USE;
#define LWT__AT(f, ...) f(__VA_ARGS__, LWT_WHERE)

/* Seed of the random choice, per thread.  The default is a constant. */
LWT_API void lwt_seed(uint64_t seed);

/* ---- Letting go, sharing, cancelling ----------------------------------- */

/* Borrows p: a second handle on the same promise. */
LWT_API lwt_t *lwt_ref(lwt_t *p) LWT_MUST_USE;

/* Give up the handle.  If it was the last and p is pending, what p waits for
 * is cancelled as far as nobody else holds it.  NULL is allowed. */
LWT_API void lwt__drop_boxed(lwt_t *p);
static inline void lwt_drop(lwt_t *p)
{
  if (p && !((uintptr_t)p & 1))
    lwt__drop_boxed(p);
}

/* Let p run on by itself.  A rejection, except LWT_ECANCELED, is reported as
 * lost.  Allocates nothing. */
LWT_API void lwt_async(lwt_t *p);

/* The same, with a rejection of any kind, LWT_ECANCELED too, given to f(env,
 * error).  Returns 0, or LWT_ENOMEM: p then runs on as by lwt_async(). */
LWT_API int lwt_dont_wait(lwt_t *p, lwt_error_fn *f, void *env);

/* Borrows p.  Search backwards from p through what it waits for; every pending
 * task found, timer and pause is rejected with LWT_ECANCELED, then their
 * callbacks run.  Promises made by lwt_wait() and running finalizers are not
 * touched, shared promises are.  No effect on a settled p. */
LWT_API void lwt_cancel(lwt_t *p);

/* Shields.        cancel of the result          cancel of p
 * protected       result only                   both
 * no_cancel       nothing                       both
 * wrap_in_...     both (result even if p        both
 *                 cannot be cancelled)                                    */
#define lwt_protected(p) lwt_protected_at((p), LWT_WHERE)
#define lwt_no_cancel(p) lwt_no_cancel_at((p), LWT_WHERE)
#define lwt_wrap_in_cancelable(p) lwt_wrap_in_cancelable_at((p), LWT_WHERE)
LWT_API lwt_t *lwt_protected_at(lwt_t *p, const char *where) LWT_MUST_USE;
LWT_API lwt_t *lwt_no_cancel_at(lwt_t *p, const char *where) LWT_MUST_USE;
LWT_API lwt_t *lwt_wrap_in_cancelable_at(lwt_t *p,
                                         const char *where) LWT_MUST_USE;

/* ---- Looking ----------------------------------------------------------- */

enum lwt_state { LWT_PENDING, LWT_FULFILLED, LWT_REJECTED };

/* All borrow p. */
LWT_API enum lwt_state lwt__state_boxed(lwt_t *p);
static inline enum lwt_state lwt_state(lwt_t *p)
{
  return (uintptr_t)p & 1 ? LWT_FULFILLED : lwt__state_boxed(p);
}

/* The value, still owned by p; NULL unless fulfilled. */
LWT_API void *lwt__value_boxed(lwt_t *p);
static inline void *lwt_value(lwt_t *p)
{
  return (uintptr_t)p & 1 ? (void *)((intptr_t)p >> 1) : lwt__value_boxed(p);
}

/* The error; { 0, NULL } unless rejected.  The rejection counts as seen. */
LWT_API struct lwt_error lwt_error(lwt_t *p);

/* ---- Time -------------------------------------------------------------- */

/* Times are monotonic nanoseconds from the engine's clock, durations are
 * nanoseconds. */
#define LWT_US(n) ((uint64_t)(n) * 1000u)
#define LWT_MS(n) ((uint64_t)(n) * 1000000u)
#define LWT_S(n) ((uint64_t)(n) * 1000000000u)
#define LWT_NEVER UINT64_MAX

/* The engine's clock now. */
LWT_API uint64_t lwt_now(void);

/* Fulfilled on the loop's next turn, first come first served. */
#define lwt_pause() lwt_pause_at(LWT_WHERE)
LWT_API lwt_t *lwt_pause_at(const char *where) LWT_MUST_USE;

/* Fulfilled at the first turn of the loop at which the duration has passed,
 * equal deadlines in the order of the calls. */
#define lwt_sleep(duration) lwt_sleep_at((duration), LWT_WHERE)
LWT_API lwt_t *lwt_sleep_at(uint64_t duration, const char *where) LWT_MUST_USE;

/* The same with an absolute time; LWT_NEVER only ends by cancel. */
#define lwt_sleep_until(deadline) lwt_sleep_until_at((deadline), LWT_WHERE)
LWT_API lwt_t *lwt_sleep_until_at(uint64_t deadline,
                                  const char *where) LWT_MUST_USE;

/* Rejected with LWT_ETIMEDOUT after the duration. */
#define lwt_timeout(duration) lwt_timeout_at((duration), LWT_WHERE)
LWT_API lwt_t *lwt_timeout_at(uint64_t duration,
                              const char *where) LWT_MUST_USE;

/* p, or LWT_ETIMEDOUT after the duration; p has then been cancelled.  A p
 * that is settled already allocates no timer. */
#define lwt_with_timeout(duration, p) \
  lwt_with_timeout_at((duration), (p), LWT_WHERE)
LWT_API lwt_t *lwt_with_timeout_at(uint64_t duration, lwt_t *p,
                                   const char *where) LWT_MUST_USE;

/* ---- The run loop ------------------------------------------------------ */

/* Run until p settles.  Returns its error, code 0 if it was fulfilled, and
 * moves the value to *value (NULL: it is dropped).  Other errors:
 * LWT_EDEADLK "lwt_run" when p is pending and nothing can wake the loop (p is
 * dropped; lwt_run() shows what it waited for), LWT_EBUSY when called inside
 * a callback of lwt_run(), LWT_ENOSYS when there is no engine, or the
 * engine's own error. */
LWT_API struct lwt_error lwt_run_value(lwt_t *p, void **value);

/* The same for main(): prints an error to stderr, and with LWT_EDEADLK what p
 * waits for, as lwt_dump_one() does.  Returns 0 or the code. */
LWT_API int lwt_run(lwt_t *p);

/* For tests and foreign loops: run everything that is ready now, without
 * waiting.  Returns the next deadline (LWT_NEVER: none), or the present time
 * if a promise is paused. */
LWT_API uint64_t lwt_run_ready(void);

/* ---- Seeing what happens ----------------------------------------------- */

/* Promises of this thread in memory, settled but held ones included. */
LWT_API size_t lwt_live(void);

/* Timers of this thread that are set. */
LWT_API size_t lwt_timers(void);

/* Who waits for whom: the pending promises of this thread as trees, one line
 * each, what a promise waits for below it.  A line says what the promise is,
 * its name, the line that made it (for a frame the step function, and the line
 * of its lwt_await()), and its state: ready, running, cleaning up, paused, the
 * deadline of a timer, the queue that it stands in.  What several wait for has
 * a number and is shown once, the same in a ring.  Shown are 64 trees, 16
 * levels, 16 inputs of a group and 1000 lines; what is left out is counted.
 * Takes no memory and little stack, however many there are; their number is
 * what the time depends on.  lwt_dump_one() shows what p waits for; borrows p. */
LWT_API void lwt_dump(FILE *out);
LWT_API void lwt_dump_one(FILE *out, lwt_t *p);

/* Borrows p: it, which is pending or rejected, is called `name` in dumps,
 * reports and traces from now on.  The name is copied, up to LWT_NAME_MAX
 * bytes of it; it goes away with the promise.  What has no memory of its own,
 * such as most fulfilled promises, takes no name.  Returns 0 or LWT_ENOMEM. */
#define LWT_NAME_MAX 63
LWT_API int lwt_name(lwt_t *p, const char *name);
/* Borrows p; NULL: it has no name. */
LWT_API const char *lwt_name_of(lwt_t *p);

/* A rejection that nobody looked at: the last handle of a rejected promise
 * went away unseen, or a promise given to lwt_async() failed.  where is the
 * line that made the rejection.  LWT_ECANCELED is never reported.  The
 * default prints one line to stderr; NULL restores it.  Per thread. */
typedef void lwt_lost_fn(struct lwt_error error, const char *where);
LWT_API void lwt_on_lost(lwt_lost_fn *report);

/* The way of rejections: with lwt_debug(1), or LWT_DEBUG=1 in the environment,
 * each bind, await and combinator that a rejection passes is recorded, per thread
 * and from then on, and shown in the report of lost rejections and by lwt_run().
 * It costs memory for each rejection that somebody holds, and time for each hop;
 * switched off, nothing that can be measured.  Returns what was set before.
 *
 * lwt_path(): the first and the last hops of the rejection of p, which it borrows
 * and which does not count as seen.  p NULL: of the rejection that this thread
 * looked at last, in a callback of lwt_catch() and its kin, after
 * lwt_await_error() or in a report of lwt_on_lost().  Returns 1, or 0 if there is
 * no rejection.  Without lwt_debug(), or memory, there are no hops.
 * lwt_path_print() writes a line for each hop. */
#define LWT_PATH_FIRST 8
#define LWT_PATH_LAST 8
struct lwt_path {
  struct lwt_error error;
  const char *origin; /* the line that made it, or NULL */
  size_t hops;        /* all of them; those in the middle are not in where[] */
  const char *where[LWT_PATH_FIRST + LWT_PATH_LAST];
  char name[LWT_NAME_MAX + 1]; /* of the promise, or "" */
};
LWT_API int lwt_debug(int on);
LWT_API int lwt_path(lwt_t *p, struct lwt_path *path);
LWT_API void lwt_path_print(FILE *out, const struct lwt_path *path);

/* Report each callback from the queue that holds the loop for longer than limit
 * nanoseconds by the engine's clock, when it returns.  limit 0: none (the
 * default); report NULL: a line to stderr; the strings live until it returns.
 * Per thread.  LWT_STALL=10ms in the environment does it without a change. */
struct lwt_stall {
  uint64_t duration;
  const char *kind;    /* "bind", "frame" ... */
  const char *name;    /* or NULL */
  const char *where;   /* the line that made its promise, or NULL */
  const char *resumed; /* the line of the lwt_await(), or NULL */
};
typedef void lwt_stall_fn(const struct lwt_stall *stall);
LWT_API void lwt_stall_limit(uint64_t limit, lwt_stall_fn *report);

/* Where all memory of the library comes from: as malloc, free.  Per process;
 * set before any other call. */
LWT_API void lwt_set_allocator(void *(*alloc)(size_t), void (*release)(void *));

/* Give the memory that this thread keeps for reuse back; returns the number
 * of promises and packet slices still alive, and gives nothing back if that is
 * not 0.  Call it before a thread that ran promises ends. */
LWT_API size_t lwt_cleanup(void);

#ifdef __cplusplus
#pragma GCC diagnostic pop
}
#endif

#include <lwt/frame.h>

#endif
