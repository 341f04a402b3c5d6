/* timeout.c - timers that are started anew all the time.
 * SPDX-License-Identifier: ISC
 *
 * The promise inside is no promise to anybody: it is what stands in the wheel
 * (timer.c) and, when its time has come, in the ready queue.  Its place in the
 * wheel may be too early: moving a deadline away only notes it, and who comes to
 * the head of the wheel too early goes back into it.
 */
#include "internal.h"

#include <lwt/timeout.h>
#include <string.h>

enum place { NOWHERE, IN_WHEEL, IN_READY };

struct timer {
  struct promise p; /* K_TIMER; refs: enum place */
  uint64_t duration;
  uint64_t deadline; /* LWT_NEVER: it does not run */
  lwt_call_fn *fn;
  void *env;
};
_Static_assert(sizeof(struct timer) <= sizeof(struct lwt_timer), "lwt_timer");

static struct timer *T(struct lwt_timer *timer)
{
  return (struct timer *)(void *)timer;
}

int lwt_timer_init(struct lwt_timer *timer, uint64_t duration, lwt_call_fn *fn, void *env)
{
  struct timer *t = T(timer);

  memset(t, 0, sizeof *t);
  t->p.kind = K_TIMER;
  t->p.refs = NOWHERE;
  t->duration = duration;
  t->deadline = LWT_NEVER;
  t->fn = fn;
  t->env = env;
  if (duration == 0)
    return LWT_EINVAL;
  return lwt__timers_ready() ? 0 : LWT_ENOMEM;
}

static void place(struct timer *t, uint64_t now)
{
  t->p.refs = IN_WHEEL;
  lwt__timer_add(&t->p, now, t->deadline);
}

/* Out of the ready queue, which is short: it has come there in this turn. */
static void leave_ready(struct timer *t)
{
  struct thread *thread = &lwt__t;
  struct waiter *before = NULL, *w = thread->ready;

  while (w && w != &t->p.w) {
    before = w;
    w = w->next;
  }
  if (!w)
    return;
  if (before)
    before->next = w->next;
  else
    thread->ready = w->next;
  if (thread->ready_tail == w)
    thread->ready_tail = before;
}

static void start(struct timer *t, uint64_t now, uint64_t deadline)
{
  t->deadline = deadline;
  if (deadline == LWT_NEVER) {
    lwt_timer_stop((struct lwt_timer *)(void *)t);
    return;
  }
  if (t->p.refs == IN_WHEEL && deadline < t->p.w.source) {
    lwt__timer_remove(&t->p);
    t->p.refs = NOWHERE;
  }
  if (t->p.refs == NOWHERE)
    place(t, now);
}

void lwt_timer_start(struct lwt_timer *timer)
{
  uint64_t now = lwt_now(), d = T(timer)->duration;

  start(T(timer), now, d > LWT_NEVER - now ? LWT_NEVER : now + d);
}

void lwt_timer_start_until(struct lwt_timer *timer, uint64_t deadline)
{
  start(T(timer), lwt_now(), deadline);
}

void lwt_timer_stop(struct lwt_timer *timer)
{
  struct timer *t = T(timer);

  if (t->p.refs == IN_WHEEL)
    lwt__timer_remove(&t->p);
  else if (t->p.refs == IN_READY)
    leave_ready(t);
  t->p.refs = NOWHERE;
  t->deadline = LWT_NEVER;
}

int lwt_timer_change(struct lwt_timer *timer, uint64_t duration)
{
  if (duration == 0)
    return LWT_EINVAL;
  T(timer)->duration = duration;
  if (lwt_timer_running(timer))
    lwt_timer_start(timer);
  return 0;
}

int lwt_timer_running(const struct lwt_timer *timer)
{
  return ((const struct timer *)(const void *)timer)->deadline != LWT_NEVER;
}

/* Its place in the wheel has come up. */
void lwt__timer_fired(struct promise *p)
{
  p->refs = IN_READY;
  p->w.source = 0;
  lwt__queue(&p->w);
}

void lwt__run_timer(struct promise *p)
{
  struct timer *t = (struct timer *)(void *)p;
  uint64_t now = lwt_now();

  p->refs = NOWHERE;
  if (t->deadline > now) {
    place(t, now);
    return;
  }
  t->deadline = LWT_NEVER;
  t->fn(t->env);
}
