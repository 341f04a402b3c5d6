/* condition.c - waiting for a signal, with a mutex if wanted.
 * SPDX-License-Identifier: ISC
 */
#include "queue.h"

struct wait_locked {
  struct lwt_frame frame;
  struct lwt_condition *c;
  struct lwt_mutex *m;
  void *value;
  struct lwt_error error;
};

LWT_STEP wait_locked_step(struct lwt_frame *frame)
{
  struct wait_locked *w = (struct wait_locked *)frame;

  lwt_begin(w);
  lwt_await_error(w, &w->error, &w->value, lwt_condition_wait(w->c, NULL));
  lwt_await(w, lwt_no_cancel(lwt_mutex_lock(w->m)));
  if (w->error.code)
    lwt_throw(w, w->error.code, w->error.what);
  lwt_finish(w, w->value);
  lwt_end(w);
}

lwt_t *lwt_condition_wait_at(struct lwt_condition *c, struct lwt_mutex *m,
                             const char *where)
{
  lwt_t *p;

  if (!m)
    return lwt__wait_in(lwt__queue_of(&c->waiters, Q_CONDITION), NULL, NULL, where);
  p = lwt__go(sizeof(struct wait_locked), wait_locked_step,
              &(struct wait_locked){ .c = c, .m = m }, NULL, where);
  if (lwt_state(p) == LWT_PENDING)
    lwt_mutex_unlock(m);
  return p;
}

void lwt_condition_signal(struct lwt_condition *c, void *value)
{
  struct promise *next = lwt__queue_pop(Q(&c->waiters));

  if (!next)
    return;
  lwt__fulfill(next, value, NULL);
  lwt__leave();
}

/* The promises that wait now settle before any of their callbacks runs. */
void lwt_condition_broadcast(struct lwt_condition *c, void *value)
{
  struct promise *next;

  while ((next = lwt__queue_pop(Q(&c->waiters))))
    lwt__fulfill(next, value, NULL);
  lwt__leave();
}

void lwt_condition_fail(struct lwt_condition *c, int code, const char *what)
{
  struct promise *next;

  while ((next = lwt__queue_pop(Q(&c->waiters))))
    lwt__reject(next, code < 0 ? code : LWT_EINVAL, what, NULL);
  lwt__leave();
}
