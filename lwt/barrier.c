/* barrier.c - all wait until the last has come.
 * SPDX-License-Identifier: ISC
 */
#include "queue.h"

lwt_t *lwt_barrier_wait_at(struct lwt_barrier *b, const char *where)
{
  struct promise *next;

  if (lwt_queue_length(&b->waiters) + 1 < b->parties)
    return lwt__wait_in(lwt__queue_of(&b->waiters, Q_BARRIER), NULL, NULL, where);
  while ((next = lwt__queue_pop(Q(&b->waiters))))
    lwt__fulfill(next, NULL, NULL);
  lwt__leave();
  return lwt_return(NULL);
}
