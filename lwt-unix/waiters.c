/* waiters.c - a queue of promises that are served in order.
 * SPDX-License-Identifier: ISC
 *
 * A waiter is freed by who serves it or, if its promise was cancelled, by its
 * stop function, which may run a little later: it is out of the queue by then
 * if somebody looked in between (link == NULL).
 */
#include "unix.h"

struct waiter {
  struct waiter *next, **link;
  struct waiters *q;
  struct lwt_resolver r;
};

void lwt__waiters_init(struct waiters *q, void (*empty)(struct waiters *))
{
  q->first = NULL;
  q->last = &q->first;
  q->empty = empty;
}

static void unlink_waiter(struct waiter *w)
{
  *w->link = w->next;
  if (w->next)
    w->next->link = w->link;
  else
    w->q->last = w->link;
  w->link = NULL;
}

static void stop(void *env)
{
  struct waiter *w = env;
  struct waiters *q = w->link ? w->q : NULL;

  if (q)
    unlink_waiter(w);
  lwt_abandon(&w->r);
  lwt__free(w);
  if (q && !q->first && q->empty)
    q->empty(q);
}

lwt_t *lwt__waiters_add(struct waiters *q)
{
  struct waiter *w = lwt__alloc(sizeof *w);
  lwt_t *p;

  if (!w)
    return lwt_fail(LWT_ENOMEM, "out of memory");
  p = lwt_task_op(&w->r, stop, w);
  if (!w->r.lwt_private) {
    lwt__free(w);
    return p;
  }
  w->q = q;
  w->next = NULL;
  w->link = q->last;
  *q->last = w;
  q->last = &w->next;
  return p;
}

int lwt__waiters_any(struct waiters *q)
{
  while (q->first && lwt_unwanted(&q->first->r))
    unlink_waiter(q->first);
  return q->first != NULL;
}

struct lwt_resolver lwt__waiters_next(struct waiters *q)
{
  struct lwt_resolver r = { NULL };
  struct waiter *w;

  if (!lwt__waiters_any(q))
    return r;
  w = q->first;
  r = w->r;
  unlink_waiter(w);
  lwt__free(w);
  return r;
}
