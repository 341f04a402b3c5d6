/* semaphore.c - a number of units that are handed over one by one.
 * SPDX-License-Identifier: ISC
 */
#include "queue.h"

static void undo_take(void *s)
{
  lwt_semaphore_give(s);
}

int lwt_semaphore_try_take(struct lwt_semaphore *s)
{
  if (!s->free)
    return 0;
  s->free--;
  return 1;
}

lwt_t *lwt_semaphore_take_at(struct lwt_semaphore *s, const char *where)
{
  lwt_t *p;

  if (!s->free)
    return lwt__wait_in(lwt__queue_of(&s->waiters, Q_SEMAPHORE), NULL, NULL, where);
  p = lwt__granted(s, undo_take);
  if (likely(p != lwt__oom()))
    s->free--;
  return p;
}

void lwt_semaphore_give(struct lwt_semaphore *s)
{
  struct promise *next = lwt__queue_pop(Q(&s->waiters));

  if (!next) {
    s->free++;
    return;
  }
  lwt__grant(next, s, undo_take);
  lwt__leave();
}
