/* frame.c - threads in direct style: what the macros of frame.h call.
 * SPDX-License-Identifier: ISC
 *
 * p.env is the point at which the step function resumes: NULL at the start,
 * or one of the marks below.  While the step function runs, F_RUNNING; while
 * the deferred calls run, F_CLEANUP, which also shields them from cancel.
 */
#include "internal.h"

#include <string.h>

/* lwt_end was reached: unwind. */
static const struct lwt__point ended = { NULL, "lwt_end" };
/* lwt_become: result.value is the promise to become. */
static const struct lwt__point become = { NULL, "lwt_become" };
/* The same with deferred calls: hooked into it. */
static const struct lwt__point becoming = { NULL, NULL };

static void stop_at(struct frame *f, const struct lwt__point *point)
{
  f->p.env = (void *)(uintptr_t)point;
}

static struct frame *F(struct lwt_frame *frame)
{
  return (struct frame *)(void *)frame;
}

/* An error of a deferred call replaces the outcome. */
static void replace_outcome(struct frame *f, struct promise *source)
{
  if (f->result.state == LWT_FULFILLED)
    lwt__drop_value(f->result.value, f->result.drop);
  if (unlikely(lwt__t.debug))
    lwt__pass(&f->p, source);
  lwt__take_over(source, &f->result);
}

/* Nothing of the thread runs any more. */
static void leave_storage(struct frame *f)
{
  struct storage *storage = f->storage;

  f->storage = NULL;
  lwt__storage_unref(storage);
}

/* Run the deferred calls, the last first, and settle. */
static void unwind(struct frame *f)
{
  struct deferred d, *top;
  lwt_t *q;

  f->p.flags |= F_CLEANUP;
  while ((top = f->deferred)) {
    d = *top;
    f->deferred = d.next;
    lwt__raw_free(top, sizeof *top);
    f->p.w.source = 0;
    if (!d.wait) {
      d.call(d.arg);
      continue;
    }
    q = d.wait(d.arg);
    if (!q || lwt_state(q) == LWT_FULFILLED) {
      lwt_drop(q);
    } else if (lwt_state(q) == LWT_REJECTED) {
      replace_outcome(f, P(q));
    } else {
      lwt__hook(P(q), &f->p.w);
      return;
    }
  }
  f->p.flags &= (uint16_t)~F_CLEANUP;
  if (unlikely(f->storage))
    leave_storage(f);
  lwt__settle(&f->p, &f->result);
}

static void step(struct frame *f)
{
  if (f->p.env == &becoming) {
    if (unlikely(lwt__t.debug) && f->result.state == LWT_REJECTED)
      lwt__pass_handled(&f->p, f->p.where);
    unwind(f);
    return;
  }
  f->p.flags |= F_RUNNING;
  ((lwt_step_fn *)f->p.fn)((struct lwt_frame *)(void *)f);
  f->p.flags &= (uint16_t)~F_RUNNING;
  if (f->p.env == &ended)
    unwind(f);
  else if (f->p.env == &become) {
    if (unlikely(f->storage))
      leave_storage(f);
    lwt__become(&f->p, f->result.value);
  }
}

static void unref(void *lender)
{
  lwt__unref(lender);
}

static int defer(struct frame *f, lwt_t *(*wait)(void *), void (*call)(void *), void *arg)
{
  struct deferred *d = lwt__raw_alloc(sizeof *d);

  if (!d)
    return -1;
  *d = (struct deferred){ f->deferred, wait, call, arg };
  f->deferred = d;
  return 0;
}

/* The outcome of what was awaited.  A lent value stays until the frame ends. */
static void receive(struct frame *f, struct promise *source)
{
  struct promise *lender;

  lwt__take(source, &f->result, &lender);
  if (unlikely(lender) && defer(f, NULL, unref, lender)) {
    lwt__unref(lender);
    lwt__take(&lwt__no_memory, &f->result, &lender);
  }
}

static __attribute__((noinline)) void run_stored(struct frame *f, struct promise *source);

void lwt__run_frame(struct frame *f, struct promise *source)
{
  if (unlikely(f->storage && !lwt__t.storage)) {
    run_stored(f, source);
    return;
  }
  if (unlikely(f->p.flags & F_CLEANUP)) {
    if (source->state == LWT_REJECTED)
      replace_outcome(f, source);
    else
      lwt__unref(source);
    unwind(f);
    return;
  }
  receive(f, source);
  step(f);
}

/* From the ready queue, in the frame's own storage. */
static void run_stored(struct frame *f, struct promise *source)
{
  struct storage *storage = lwt__storage_ref(f->storage);

  lwt__t.storage = storage;
  lwt__run_frame(f, source);
  lwt__t.storage = NULL;
  lwt__storage_unref(storage);
}

lwt_t *lwt__go(size_t size, lwt_step_fn *start, const void *init, void (*lost)(void *),
               const char *where)
{
  struct frame *f = lwt__node(size, K_FRAME, where);
  const size_t head = sizeof(struct lwt_frame);
  void *value;

  if (unlikely(!f)) {
    if (lost)
      lost((void *)(uintptr_t)init);
    return lwt__oom();
  }
  memcpy((char *)f + head, (const char *)init + head, size - head);
  f->p.fn = (void *)start;
  f->p.env = NULL;
  f->deferred = NULL;
  f->storage = unlikely(lwt__t.storage) ? lwt__storage_ref(lwt__t.storage) : NULL;
  f->result.state = LWT_PENDING;
  if (unlikely(lwt__t.depth >= MAX_DEPTH)) {
    f->p.w.source = (uintptr_t)&lwt__unit;
    lwt__queue(&f->p.w);
    return H(&f->p);
  }
  f->p.refs++;
  lwt__t.depth++;
  step(f);
  if (--lwt__t.depth == 0)
    lwt__leave();
  f->p.refs--;
  if (f->p.state == LWT_FULFILLED && !f->p.drop && !(f->p.flags & (F_LENT | F_SHARED))) {
    value = f->p.value;
    lwt__node_free(&f->p);
    return lwt_return(value);
  }
  if (lwt__traced() && f->p.state == LWT_PENDING)
    lwt__t.trace->span(&f->p);
  return H(&f->p);
}

const struct lwt__point *lwt__frame_point(struct lwt_frame *frame)
{
  return F(frame)->p.env;
}

int lwt__frame_await(struct lwt_frame *frame, lwt_t *p, const struct lwt__point *point)
{
  struct frame *f = F(frame);

  if (lwt__is_inline(p)) {
    lwt__frame_value(frame, lwt__inline_value(p), NULL);
    return 0;
  }
  if (unlikely(!p)) {
    lwt__frame_error(frame, LWT_EINVAL, "awaited NULL", f->p.where);
    return 0;
  }
  if (P(p)->state != LWT_PENDING) {
    if (P(p)->state == LWT_REJECTED)
      stop_at(f, point);
    receive(f, P(p));
    return 0;
  }
  stop_at(f, point);
  lwt__t.epoch++;
  lwt__hook(P(p), &f->p.w);
  if (unlikely(f->p.flags & F_KILL)) {
    /* Cancelled or given up while it ran. */
    f->p.flags &= (uint16_t)~F_KILL;
    lwt__sever(&f->p.w);
  }
  return 1;
}

/* The rejection goes through the lwt_await() where the frame is. */
static void failed_at(struct frame *f)
{
  const struct lwt__point *point = f->p.env;

  lwt__pass_handled(&f->p, point && point->label ? point->where : f->p.where);
}

int lwt__frame_failed(struct lwt_frame *frame, struct lwt_error *error)
{
  struct outcome *o = &F(frame)->result;

  if (o->state == LWT_REJECTED) {
    if (unlikely(lwt__t.debug) && !error)
      failed_at(F(frame));
    if (error) {
      *error = (struct lwt_error){ (int)o->code, o->what };
      o->state = LWT_PENDING;
    }
    return 1;
  }
  if (error)
    *error = (struct lwt_error){ 0, NULL };
  return 0;
}

void *lwt__frame_take(struct lwt_frame *frame)
{
  F(frame)->result.state = LWT_PENDING;
  return F(frame)->result.value;
}

void lwt__frame_ignore(struct lwt_frame *frame)
{
  struct outcome *o = &F(frame)->result;

  o->state = LWT_PENDING;
  if (!o->grant)
    lwt__drop_value(o->value, o->drop);
}

void lwt__frame_value(struct lwt_frame *frame, void *value, lwt_drop_fn *drop)
{
  struct outcome *o = &F(frame)->result;

  o->state = LWT_FULFILLED;
  o->grant = 0;
  o->value = value;
  o->drop = drop;
}

void lwt__frame_error(struct lwt_frame *frame, int code, const char *what,
                      const char *where)
{
  struct outcome *o = &F(frame)->result;

  o->state = LWT_REJECTED;
  o->code = code < 0 ? code : LWT_EINVAL;
  o->what = what;
  o->origin = where;
  if (unlikely(lwt__t.debug)) {
    lwt__handle_new((int)o->code, what, where);
    lwt__pass_handled(&F(frame)->p, NULL);
  }
}

void lwt__frame_become(struct lwt_frame *frame, lwt_t *p)
{
  struct frame *f = F(frame);

  if (!f->deferred) {
    f->result.value = p;
    stop_at(f, &become);
  } else if (lwt__frame_await(frame, p, &becoming) == 0) {
    stop_at(f, &ended);
  }
}

void lwt__frame_end(struct lwt_frame *frame)
{
  struct frame *f = F(frame);

  if (f->result.state == LWT_PENDING)
    lwt__frame_value(frame, NULL, NULL);
  stop_at(f, &ended);
}

int lwt__defer(struct lwt_frame *frame, lwt_t *(*fn)(void *), void *arg,
               const char *where)
{
  lwt_t *q;

  if (!defer(F(frame), fn, NULL, arg))
    return 0;
  lwt__frame_error(frame, LWT_ENOMEM, "lwt_defer", where);
  if ((q = fn(arg)))
    lwt_async(q);
  return 1;
}

int lwt__defer_call(struct lwt_frame *frame, void (*fn)(void *), void *arg,
                    const char *where)
{
  if (!defer(F(frame), NULL, fn, arg))
    return 0;
  lwt__frame_error(frame, LWT_ENOMEM, "lwt_defer", where);
  fn(arg);
  return 1;
}
