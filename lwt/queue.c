/* queue.c - queues of waiting promises, in which locks and channels are written.
 * SPDX-License-Identifier: ISC
 *
 * A lock is a count or a flag and a queue of promises (internal.h, K_QUEUED), each
 * hooked in by its own waiter.  What is given back goes straight to the head of the
 * queue, as a grant: a promise that is settled but that nobody receives gives it
 * back again.
 */
#include "queue.h"

lwt_t *lwt__wait_in(struct promise *queue, void *a, void *b, const char *where)
{
  struct promise *p = lwt__node(sizeof *p, K_QUEUED, where);

  if (unlikely(!p))
    return lwt__oom();
  p->fn = a;
  p->env = b;
  lwt__hook(queue, &p->w);
  return H(p);
}

struct promise *lwt__queue_pop(struct promise *queue)
{
  struct waiter *w = queue->waiters;

  if (!w)
    return NULL;
  lwt__unhook(w);
  return lwt__owner(w);
}

size_t lwt_queue_length(const struct lwt_queue *queue)
{
  const struct waiter *w;
  size_t n = 0;

  for (w = ((const struct promise *)(const void *)queue)->waiters; w; w = w->next)
    n++;
  return n;
}
