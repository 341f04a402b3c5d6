/* net/timer.h - timers without allocations, many on one lwt timer.
 * SPDX-License-Identifier: ISC
 *
 * A timer is a member of what it times; setting it cannot fail.  The timers of
 * a set are a pairing heap, in the order of their deadlines, equal ones in the
 * order in which they were set.  Moving a deadline further away only notes it:
 * a retransmission timer may be set anew with every packet.
 */
#ifndef NET_TIMER_H
#define NET_TIMER_H

#include "../lwt/memory.h"

struct net_timer;
typedef void net_timer_fn(struct net_timer *timer);

struct net_timer {
  struct net_timer *child, *next, *prev; /* prev: the left sibling or parent */
  uint64_t key;      /* place in the heap, <= deadline */
  uint64_t order;    /* among equal keys */
  uint64_t deadline; /* LWT_NEVER: not set */
  uint64_t stamp;    /* the order that goes with the deadline */
  net_timer_fn *fn;
};

struct net_timers {
  struct net_timer *root;
  uint64_t order;
  uint64_t wake; /* when `sleep` ends */
  lwt_t *sleep;  /* one timer of lwt, NULL: none */
  lwt_call_fn *before, *after; /* called around the functions of a wake-up */
  void *env;
};

void net_timers_init(struct net_timers *ts, lwt_call_fn *before, lwt_call_fn *after,
                     void *env);
/* No timer may be set any more. */
void net_timers_fini(struct net_timers *ts);

void net_timer_init(struct net_timer *t, net_timer_fn *fn);
/* fn(t) is called at the deadline (absolute), once; t is then not set. */
void net_timer_set(struct net_timers *ts, struct net_timer *t, uint64_t deadline);
void net_timer_stop(struct net_timers *ts, struct net_timer *t);

static inline int net_timer_is_set(const struct net_timer *t)
{
  return t->deadline != LWT_NEVER;
}

#endif
