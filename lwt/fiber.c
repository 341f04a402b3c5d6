/* fiber.c - threads with a stack of their own.
 * SPDX-License-Identifier: ISC
 *
 * A fiber is a frame (frame.c) whose step function switches to the fiber's stack,
 * and whose await switches back.  So to all that waits, settles and cancels it is
 * a frame like any other.
 *
 * Who runs a fiber waits in run() until it suspends or ends; fibers may run
 * fibers, and `current` is the innermost.  Nothing drains the ready queue on a
 * fiber's stack: a callback from there could suspend the fiber in the midst of
 * draining.
 */
#include "internal.h"
#include "fiber_stack.h"

#include <lwt/fiber.h>

struct fiber {
  struct lwt_frame frame;
  lwt_fiber_fn *fn;
  void *arg;
  lwt_call_fn *fini;
  size_t size;
  struct lwt__stack *stack;
  void *sp;            /* where it goes on; NULL: not started */
  void *runner;        /* where who runs it goes on */
  struct fiber *outer; /* which runs it, if a fiber does */
  lwt_t *result;
  uint16_t depth;      /* of callbacks nested on its stack */
  uint8_t inside;      /* when it was resumed: see inside() */
  uint8_t done;
  struct lwt__fiber_tools tools;
};
_Static_assert(sizeof(struct fiber) <= 512, "from a pool");

static __thread struct fiber *current;

static struct frame *F(struct fiber *f)
{
  return (struct frame *)(void *)f;
}

/* The library is in the midst of something that must not be left for a while. */
static uint8_t inside(void)
{
  return (uint8_t)(lwt__t.reaping | lwt__t.freeing << 1);
}

/* ---- Switching ------------------------------------------------------------- */

static void suspend(struct fiber *f)
{
  struct storage *storage = lwt__t.storage; /* it may be in lwt_with_value() */

  TOOLS_LEAVE(&f->tools, f->done);
  lwt__fiber_switch(&f->sp, f->runner);
  TOOLS_BACK(&f->tools);
  lwt__t.storage = storage;
}

static void start(void *arg)
{
  struct fiber *f = arg;

  TOOLS_START(&f->tools);
  f->result = f->fn(f->arg);
  f->done = 1;
  suspend(f);
  __builtin_unreachable();
}

static void run(struct fiber *f)
{
  struct thread *t = &lwt__t;
  uint8_t draining = t->draining;
  uint16_t depth = t->depth;
  struct storage *storage = t->storage;
  void *saved = NULL;

  f->outer = current;
  f->inside = inside();
  current = f;
  t->draining = 1;
  t->depth = (uint16_t)(depth + f->depth);
  TOOLS_RESUME(&f->tools, f->stack, saved);
  if (likely(f->sp))
    lwt__fiber_switch(&f->runner, f->sp);
  else
    lwt__fiber_enter(&f->runner, f->stack, start, f);
  TOOLS_RESUMED(&f->tools, saved);
  f->depth = (uint16_t)(t->depth - depth);
  t->depth = depth;
  t->draining = draining;
  t->storage = storage;
  current = f->outer;
  lwt__stack_check(f->stack);
}

/* ---- The frame --------------------------------------------------------------- */

/* Nonzero: it ends before it has started. */
static int prepare(struct fiber *f)
{
  struct lwt_frame *frame = &f->frame;
  const char *where = F(f)->p.where;

  if (f->fini && lwt__defer_call(frame, f->fini, f->arg, where))
    return 1;
  if (F(f)->p.flags & F_KILL) {
    lwt__frame_error(frame, LWT_ECANCELED, lwt__canceled.what, NULL);
    return 1;
  }
  if (!(f->stack = lwt__stack_new(f->size))) {
    lwt__frame_error(frame, LWT_ENOMEM, "lwt_fiber", where);
    return 1;
  }
  TOOLS_INIT(&f->tools);
  return 0;
}

static void step(struct lwt_frame *frame)
{
  struct fiber *f = (struct fiber *)(void *)frame;
  lwt_t *p;

  if (unlikely(!f->stack) && prepare(f)) {
    lwt__frame_end(frame);
    return;
  }
  run(f);
  if (likely(!f->done))
    return;
  TOOLS_END(&f->tools);
  lwt__stack_free(f->stack);
  p = f->result;
  if (!p)
    p = lwt_fail_at(LWT_EINVAL, "callback returned NULL", F(f)->p.where);
  lwt__frame_become(frame, p);
}

/* No memory for the fiber: it never was. */
static void lost(void *literal)
{
  struct fiber *f = literal;

  if (f->fini)
    f->fini(f->arg);
}

lwt_t *lwt_fiber_at(lwt_fiber_fn *fn, void *arg, const struct lwt_fiber_options *options,
                    const char *where)
{
  size_t size = options && options->stack ? options->stack : LWT_FIBER_STACK;

  return lwt__go(sizeof(struct fiber), step,
                 &(struct fiber){ .fn = fn,
                                  .arg = arg,
                                  .fini = options ? options->fini : NULL,
                                  .size = size },
                 lost, where);
}

/* ---- Inside -------------------------------------------------------------------- */

struct lwt_error lwt__fiber_await(lwt_t *p, void **value)
{
  static const struct lwt__point resumed = { NULL, NULL }; /* of all awaits */
  struct fiber *f = current;
  struct lwt_error error;

  if (unlikely(!f || f->inside != inside())) {
    lwt_drop(p);
    return (struct lwt_error){ LWT_EPERM, "lwt_fiber_await" };
  }
  if (lwt__frame_await(&f->frame, p, &resumed))
    suspend(f);
  if (lwt__frame_failed(&f->frame, &error))
    return error;
  if (value)
    *value = lwt__frame_take(&f->frame);
  else
    lwt__frame_ignore(&f->frame);
  return error;
}

struct lwt_error lwt_fiber_yield(void)
{
  if (!current)
    return (struct lwt_error){ LWT_EPERM, "lwt_fiber_yield" };
  return lwt__fiber_await(lwt_pause_at(F(current)->p.where), NULL);
}

int lwt__fiber_defer(lwt_t *(*fn)(void *), void *arg, const char *where)
{
  lwt_t *p;

  if (current)
    return lwt__defer(&current->frame, fn, arg, where) ? LWT_ENOMEM : 0;
  if ((p = fn(arg)))
    lwt_async(p);
  return LWT_EPERM;
}

int lwt__fiber_defer_call(void (*fn)(void *), void *arg, const char *where)
{
  if (current)
    return lwt__defer_call(&current->frame, fn, arg, where) ? LWT_ENOMEM : 0;
  fn(arg);
  return LWT_EPERM;
}

size_t lwt_fiber_stack_left(void)
{
  if (!current)
    return 0;
  return (size_t)((char *)__builtin_frame_address(0) - current->stack->low);
}
