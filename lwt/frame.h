/* lwt/frame.h - threads in direct style: one struct per thread.
 * SPDX-License-Identifier: ISC
 *
 *   struct greet { struct lwt_frame frame; const char *host; char *line; };
 *
 *   LWT_STEP greet_step(struct lwt_frame *frame)
 *   {
 *     struct greet *g = (struct greet *)frame;
 *
 *     lwt_begin(g);
 *     lwt_await(g, &g->line, read_line(g->host));
 *     lwt_defer(g, free, g->line);
 *     lwt_await(g, write_line(g->line));
 *     lwt_end(g);
 *   }
 *
 *   lwt_t *greet(const char *host)
 *   {
 *     return LWT_GO(struct greet, greet_step, .host = host);
 *   }
 *
 * The step function runs from the start, and again from each lwt_await() whose
 * promise was pending.  What must survive an await lives in the struct: a
 * plain local does not (gcc and clang warn).  lwt_frame is the struct's first
 * member.  lwt_await() works inside loops, conditions and the program's own
 * switch; not inside a nested function or a statement expression.
 *
 * A frame is a promise.  Cancelling it cancels what it awaits; the frame then
 * sees LWT_ECANCELED at that lwt_await() and runs its deferred calls.
 *
 * GNU C: labels as values.  The step function must exist once, hence LWT_STEP.
 */
#ifndef LWT_FRAME_H
#define LWT_FRAME_H

#include <lwt.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lwt_frame {
  uint64_t lwt_private[14];
};

typedef void lwt_step_fn(struct lwt_frame *frame);

#if defined(__clang__)
#define LWT_STEP __attribute__((noinline)) static void
#else
#define LWT_STEP __attribute__((noinline, noclone)) static void
#endif

/* A new thread: a frame of the given type, its other members named as in a
 * compound literal (.member = value), run until its first pending await.  The
 * result is its promise. */
#define LWT_GO(type, step, ...)                                             \
  lwt__go(sizeof(type), (step), __extension__ &(type){ __VA_ARGS__ }, NULL, \
          LWT_WHERE " (" #step ")")

/* The same for a frame that owns some of its members from the start: if there
 * is no memory for it, lost(&literal) gives them back. */
#define LWT_GO_OR(type, step, lost, ...)                                    \
  lwt__go(sizeof(type), (step), __extension__ &(type){ __VA_ARGS__ },       \
          (lost), LWT_WHERE " (" #step ")")

/* First and last statement of a step function. */
#define lwt_begin(f)                                                        \
  struct lwt_frame *const lwt__frame = (struct lwt_frame *)(f);             \
  do {                                                                      \
    const struct lwt__point *lwt__point = lwt__frame_point(lwt__frame);     \
    if (lwt__point)                                                         \
      __extension__({                                                       \
        (void)&&lwt__unwind; /* clang wants one such in the function */     \
        goto *lwt__point->label;                                            \
      });                                                                   \
  } while (0)
#define lwt_end(f)                                                          \
  do {                                                                      \
    (void)(f);                                                              \
  lwt__unwind:                                                              \
    __attribute__((unused));                                                \
    lwt__frame_end(lwt__frame);                                             \
  } while (0)

/* lwt_await(f, p) or lwt_await(f, &dst, p): wait for p and store its value,
 * which the frame then owns (without dst it is dropped).  If p is rejected,
 * the deferred calls run and the frame is rejected with the same error. */
#define lwt_await(...) \
  LWT__PICK3(__VA_ARGS__, LWT__AWAIT3, LWT__AWAIT2, )(__VA_ARGS__)

/* lwt_await_error(f, &error, p) or (f, &error, &dst, p): the same, but a
 * rejection goes to the struct lwt_error (code 0: fulfilled; *dst is untouched
 * after a rejection). */
#define lwt_await_error(...) \
  LWT__PICK4(__VA_ARGS__, LWT__AWAIT_E4, LWT__AWAIT_E3, )(__VA_ARGS__)

/* Run fn(arg) when the frame ends, however it ends, last deferred first.  fn
 * is void (*)(void *), or lwt_t *(*)(void *) whose promise is waited for and
 * shielded from cancel.  If memory is out, fn(arg) runs at once, not waited
 * for, and the frame is rejected. */
#define lwt_defer(f, fn, arg)                                               \
  do {                                                                      \
    (void)(f);                                                              \
    if (_Generic((fn),                                                      \
                 void (*)(void *): lwt__defer_call,                         \
                 lwt_t *(*)(void *): lwt__defer)(lwt__frame, (fn), (arg),   \
                                                 LWT_WHERE))                \
      goto lwt__unwind;                                                     \
  } while (0)

/* End the thread here: fulfilled with value, or rejected.  Deferred calls
 * run. */
#define lwt_finish(f, value) lwt_finish_owned(f, value, NULL)
#define lwt_finish_owned(f, value, drop)                                    \
  do {                                                                      \
    (void)(f);                                                              \
    lwt__frame_value(lwt__frame, (void *)(uintptr_t)(value), (drop));       \
    goto lwt__unwind;                                                       \
  } while (0)
#define lwt_throw(f, code, what)                                            \
  do {                                                                      \
    (void)(f);                                                              \
    lwt__frame_error(lwt__frame, (code), (what), LWT_WHERE);                \
    goto lwt__unwind;                                                       \
  } while (0)

/* End the thread as p ends.  A frame without deferred calls takes no memory
 * while it waits for p, so threads may follow one another without end. */
#define lwt_become(f, p)                                                    \
  do {                                                                      \
    (void)(f);                                                              \
    lwt__frame_become(lwt__frame, (lwt_t *)(p));                            \
    return;                                                                 \
  } while (0)

/* ---- What the macros call ---------------------------------------------- */

LWT_API lwt_t *lwt__go(size_t size, lwt_step_fn *step, const void *init,
                       void (*lost)(void *), const char *where) LWT_MUST_USE;
/* An lwt_await(): where to resume, and its line. */
struct lwt__point {
  void *label;
  const char *where;
};
LWT_API const struct lwt__point *lwt__frame_point(struct lwt_frame *frame);
/* 1: suspended, the step function returns.  0: the outcome is there. */
LWT_API int lwt__frame_await(struct lwt_frame *frame, lwt_t *p,
                             const struct lwt__point *point);
/* Nonzero if the awaited promise was rejected; error, if given, then takes the
 * error away from the frame. */
LWT_API int lwt__frame_failed(struct lwt_frame *frame, struct lwt_error *error);
LWT_API void *lwt__frame_take(struct lwt_frame *frame);
LWT_API void lwt__frame_ignore(struct lwt_frame *frame);
LWT_API void lwt__frame_value(struct lwt_frame *frame, void *value,
                              lwt_drop_fn *drop);
LWT_API void lwt__frame_error(struct lwt_frame *frame, int code,
                              const char *what, const char *where);
LWT_API void lwt__frame_become(struct lwt_frame *frame, lwt_t *p);
LWT_API void lwt__frame_end(struct lwt_frame *frame);
LWT_API int lwt__defer(struct lwt_frame *frame, lwt_t *(*fn)(void *),
                       void *arg, const char *where);
LWT_API int lwt__defer_call(struct lwt_frame *frame, void (*fn)(void *),
                            void *arg, const char *where);

#define LWT__PICK3(a, b, c, macro, ...) macro
#define LWT__PICK4(a, b, c, d, macro, ...) macro
#define LWT__CAT2(a, b) a##b
#define LWT__CAT(a, b) LWT__CAT2(a, b)

#define LWT__SUSPEND(p, label)                                              \
  static const struct lwt__point label##_point = { __extension__ &&label,   \
                                                   LWT_WHERE };             \
  if (lwt__frame_await(lwt__frame, (lwt_t *)(p), &label##_point))           \
    return;                                                                 \
  label:

#define LWT__AWAIT2(f, p) LWT__AWAIT2_(f, p, LWT__CAT(lwt__at, __COUNTER__))
#define LWT__AWAIT2_(f, p, label)                                           \
  do {                                                                      \
    (void)(f);                                                              \
    LWT__SUSPEND(p, label)                                                  \
    if (lwt__frame_failed(lwt__frame, NULL))                                \
      goto lwt__unwind;                                                     \
    lwt__frame_ignore(lwt__frame);                                          \
  } while (0)

#define LWT__AWAIT3(f, dst, p) \
  LWT__AWAIT3_(f, dst, p, LWT__CAT(lwt__at, __COUNTER__))
#define LWT__AWAIT3_(f, dst, p, label)                                      \
  do {                                                                      \
    (void)(f);                                                              \
    (void)sizeof(*(dst) = *(p)->lwt_type);                                  \
    LWT__SUSPEND(p, label)                                                  \
    if (lwt__frame_failed(lwt__frame, NULL))                                \
      goto lwt__unwind;                                                     \
    *(dst) = (__typeof__(*(dst)))(uintptr_t)lwt__frame_take(lwt__frame);    \
  } while (0)

#define LWT__AWAIT_E3(f, error, p) \
  LWT__AWAIT_E3_(f, error, p, LWT__CAT(lwt__at, __COUNTER__))
#define LWT__AWAIT_E3_(f, error, p, label)                                  \
  do {                                                                      \
    (void)(f);                                                              \
    LWT__SUSPEND(p, label)                                                  \
    if (!lwt__frame_failed(lwt__frame, (error)))                            \
      lwt__frame_ignore(lwt__frame);                                        \
  } while (0)

#define LWT__AWAIT_E4(f, error, dst, p) \
  LWT__AWAIT_E4_(f, error, dst, p, LWT__CAT(lwt__at, __COUNTER__))
#define LWT__AWAIT_E4_(f, error, dst, p, label)                             \
  do {                                                                      \
    (void)(f);                                                              \
    (void)sizeof(*(dst) = *(p)->lwt_type);                                  \
    LWT__SUSPEND(p, label)                                                  \
    if (!lwt__frame_failed(lwt__frame, (error)))                            \
      *(dst) = (__typeof__(*(dst)))(uintptr_t)lwt__frame_take(lwt__frame);  \
  } while (0)

#ifdef __cplusplus
}
#endif

#endif
