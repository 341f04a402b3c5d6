/* rwlock.c - many readers or one writer.
 * SPDX-License-Identifier: ISC
 */
#include "queue.h"

static void undo_read(void *l)
{
  lwt_rwlock_unlock_read(l);
}

static void undo_write(void *l)
{
  lwt_rwlock_unlock_write(l);
}

/* Let in whoever stands at the head: one writer, or readers up to the next
 * writer.  p.fn tells a writer. */
static void admit(struct lwt_rwlock *l)
{
  struct waiter *w;
  struct promise *next;

  while ((w = Q(&l->waiters)->waiters)) {
    if (l->writer || (lwt__owner(w)->fn && l->readers))
      break;
    next = lwt__queue_pop(Q(&l->waiters));
    if (next->fn) {
      next->flags &= (uint16_t)~F_OWNS;
      l->writer = 1;
      lwt__grant(next, l, undo_write);
    } else {
      l->readers++;
      lwt__grant(next, l, undo_read);
    }
  }
  lwt__leave();
}

static void writer_left(void *l)
{
  admit(l);
}

lwt_t *lwt_rwlock_read_at(struct lwt_rwlock *l, const char *where)
{
  lwt_t *p;

  if (l->writer || !lwt__queue_empty(&l->waiters))
    return lwt__wait_in(lwt__queue_of(&l->waiters, Q_RWLOCK), NULL, NULL, where);
  p = lwt__granted(l, undo_read);
  if (likely(p != lwt__oom()))
    l->readers++;
  return p;
}

lwt_t *lwt_rwlock_write_at(struct lwt_rwlock *l, const char *where)
{
  lwt_t *p;

  if (l->writer || l->readers || !lwt__queue_empty(&l->waiters)) {
    /* When it is cancelled, the readers behind it may go in. */
    p = lwt__wait_in(lwt__queue_of(&l->waiters, Q_RWLOCK), l, (void *)writer_left,
                     where);
    if (p != lwt__oom())
      P(p)->flags |= F_OWNS;
    return p;
  }
  p = lwt__granted(l, undo_write);
  if (likely(p != lwt__oom()))
    l->writer = 1;
  return p;
}

void lwt_rwlock_unlock_read(struct lwt_rwlock *l)
{
  l->readers--;
  admit(l);
}

void lwt_rwlock_unlock_write(struct lwt_rwlock *l)
{
  l->writer = 0;
  admit(l);
}
