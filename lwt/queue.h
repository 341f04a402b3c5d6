/* queue.h - wait queues, in which promises stand in line (queue.c); not installed.
 * SPDX-License-Identifier: ISC
 */
#ifndef LWT_QUEUE_H
#define LWT_QUEUE_H

#include "internal.h"

static inline int lwt__queue_empty(struct lwt_queue *queue)
{
  return !Q(queue)->waiters;
}

/* A promise at the end of a wait queue, which is the list of waiters of
 * `queue`; cancel takes it out.  a, b: what it waits with, in fn and env. */
lwt_t *lwt__wait_in(struct promise *queue, void *a, void *b, const char *where);
/* The promise at the head of a queue, taken out; NULL if there is none. */
struct promise *lwt__queue_pop(struct promise *queue);

#endif
