/* lwt/fiber.h - threads in direct style with a stack of their own.
 * SPDX-License-Identifier: ISC
 *
 *   static lwt_t *greet(void *host)
 *   {
 *     struct lwt_error e;
 *     char *line;
 *
 *     if ((e = lwt_fiber_await(read_line(host), &line)).code)
 *       return lwt_fail_error(e);
 *     e = lwt_fiber_await(write_line(line));
 *     free(line);
 *     return e.code ? lwt_fail_error(e) : lwt_return(NULL);
 *   }
 *
 *   lwt_t *greeting = lwt_fiber(greet, "example.org", NULL);
 *
 * For code that needs a stack: recursion, a library that calls back, code that
 * was written to block.  Where a frame (lwt/frame.h) will do, it takes a
 * hundredth of the memory.  Fibers, frames and promises of all other kinds wait
 * for one another.
 *
 * Cancel and drop.  A fiber is a promise.  Cancelling it, or dropping its last
 * handle, cancels what it awaits, as for a frame: that await returns
 * LWT_ECANCELED, and the fiber cleans up and returns.  One cancel reaches one
 * await.  What a clean-up awaits is shielded by lwt_no_cancel(), or by being the
 * promise of a function given to lwt_fiber_defer().  A fiber is never freed with
 * something on its stack: its promise stays, and is counted by lwt_live(), until
 * its function has returned and its clean-ups are done.
 *
 * The stack does not grow.  What it comes from is the platform's: with a guard
 * page (lwt-unix), overflow is a fault, SIGSEGV; without one, words at the
 * stack's end are looked at whenever the fiber suspends, and the program is
 * aborted if they have changed.
 *
 * What a system thread has one of, its fibers share: errno, and the rounding mode
 * and exceptions of floating point.  An await may change errno; a fiber that sets
 * another rounding mode sets it back before it awaits.
 *
 * Fibers stay on the system thread that made them.  While one runs, the callbacks
 * of what it settles wait until it suspends or ends.  It must not suspend in a
 * drop function, a function given to lwt_on_lost(), or an allocator.
 *
 * For gdb and other unwinders a fiber's stack ends at its function.  Intel's
 * shadow stacks are not supported: a program with fibers is not marked for them,
 * and the system does not turn them on for it.
 */
#ifndef LWT_FIBER_H
#define LWT_FIBER_H

#include <lwt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The fiber's promise becomes the one that it returns; NULL is LWT_EINVAL. */
typedef lwt_t *lwt_fiber_fn(void *arg);

struct lwt_fiber_options {
  /* Bytes; 0: LWT_FIBER_STACK.  Rounded up to what the platform has; at least
   * 16 KiB. */
  size_t stack;
  /* Called with arg once, last of all clean-ups, or if fn is never called; NULL:
   * arg is borrowed. */
  lwt_call_fn *fini;
};
#define LWT_FIBER_STACK ((size_t)256 * 1024)

/* Run fn(arg) on a stack of its own until it suspends or ends.  options may be
 * NULL.  Inside many nested callbacks (lwt.h) it starts later, and not at all if
 * it is dropped before that.  LWT_ENOMEM: no memory for it or its stack; fn has
 * not been called. */
#define lwt_fiber(fn, arg, options) \
  lwt_fiber_at((fn), (arg), (options), LWT_WHERE " (" #fn ")")
LWT_API lwt_t *lwt_fiber_at(lwt_fiber_fn *fn, void *arg,
                            const struct lwt_fiber_options *options,
                            const char *where) LWT_MUST_USE;

/* lwt_fiber_await(p) or lwt_fiber_await(p, &dst): wait for p, and store its
 * value, which the fiber then owns (without dst it is dropped).  The result is a
 * struct lwt_error, code 0: fulfilled; else *dst is untouched.  If p is settled,
 * nothing is suspended.  LWT_EPERM "lwt_fiber_await": not inside a fiber, or
 * inside a drop function; p has been dropped. */
#define lwt_fiber_await(...) \
  LWT__FIBER2(__VA_ARGS__, LWT__FIBER_AWAIT2, LWT__FIBER_AWAIT1, )(__VA_ARGS__)

/* Let the others run: until the loop's next turn.  Errors as above, and
 * LWT_ENOMEM. */
LWT_API struct lwt_error lwt_fiber_yield(void);

/* Call fn(arg) when the present fiber has ended, however it ends, last deferred
 * first, once.  fn is void (*)(void *), or lwt_t *(*)(void *) whose promise is
 * waited for and shielded from cancel.  The stack is gone by then: arg does not
 * point to it.  Returns 0.  LWT_ENOMEM, and LWT_EPERM outside of a fiber: fn(arg)
 * has been called already. */
#define lwt_fiber_defer(fn, arg)                                            \
  (_Generic((fn),                                                           \
            void (*)(void *): lwt__fiber_defer_call,                        \
            lwt_t *(*)(void *): lwt__fiber_defer)((fn), (arg), LWT_WHERE))

/* Bytes of the present stack that are left; 0 outside of a fiber. */
LWT_API size_t lwt_fiber_stack_left(void);

/* ---- What the macros call ---------------------------------------------- */

LWT_API struct lwt_error lwt__fiber_await(lwt_t *p, void **value);
LWT_API int lwt__fiber_defer(lwt_t *(*fn)(void *), void *arg, const char *where);
LWT_API int lwt__fiber_defer_call(void (*fn)(void *), void *arg,
                                  const char *where);

#define LWT__FIBER2(a, b, macro, ...) macro
#define LWT__FIBER_AWAIT1(p) lwt__fiber_await((lwt_t *)(p), NULL)
#define LWT__FIBER_AWAIT2(p, dst)                                           \
  __extension__({                                                           \
    void *lwt__value;                                                       \
    (void)sizeof(*(dst) = *(p)->lwt_type);                                  \
    struct lwt_error lwt__e = lwt__fiber_await((lwt_t *)(p), &lwt__value);  \
    if (lwt__e.code == 0)                                                   \
      *(dst) = (__typeof__(*(dst)))(uintptr_t)lwt__value;                   \
    lwt__e;                                                                 \
  })

#ifdef __cplusplus
}
#endif

#endif
