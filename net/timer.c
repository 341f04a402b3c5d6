/* net/timer.c - timers without allocations, many on one lwt timer.
 * SPDX-License-Identifier: ISC
 *
 * Read timer.h first.  The heap's root is the next to fire.  `sleep` ends no
 * later than the root's key; it is left alone when the root goes away or moves
 * further, and then ends in vain once.
 */
#include "timer.h"

static inline int before(const struct net_timer *a, const struct net_timer *b)
{
  return a->key != b->key ? a->key < b->key : a->order < b->order;
}

/* Two heaps without siblings. */
static struct net_timer *meld(struct net_timer *a, struct net_timer *b)
{
  struct net_timer *t;

  if (!a)
    return b;
  if (!b)
    return a;
  if (before(b, a)) {
    t = a;
    a = b;
    b = t;
  }
  b->prev = a;
  b->next = a->child;
  if (b->next)
    b->next->prev = b;
  a->child = b;
  return a;
}

/* The heap of a list of siblings: pairs from the left, then all from the
 * right. */
static struct net_timer *meld_list(struct net_timer *list)
{
  struct net_timer *a, *b, *pairs = NULL, *heap = NULL;

  while ((a = list)) {
    b = a->next;
    list = b ? b->next : NULL;
    a->next = a->prev = NULL;
    if (b)
      b->next = b->prev = NULL;
    a = meld(a, b);
    a->next = pairs;
    pairs = a;
  }
  while ((a = pairs)) {
    pairs = a->next;
    a->next = NULL;
    heap = meld(heap, a);
  }
  return heap;
}

static void heap_insert(struct net_timers *ts, struct net_timer *t)
{
  t->key = t->deadline;
  t->order = t->stamp;
  t->child = t->next = t->prev = NULL;
  ts->root = meld(ts->root, t);
}

static void heap_remove(struct net_timers *ts, struct net_timer *t)
{
  struct net_timer *children = meld_list(t->child);

  if (t == ts->root) {
    ts->root = children;
    return;
  }
  if (t->prev->child == t)
    t->prev->child = t->next;
  else
    t->prev->next = t->next;
  if (t->next)
    t->next->prev = t->prev;
  ts->root = meld(ts->root, children);
}

static void arm(struct net_timers *ts);

static void fire(struct net_timers *ts, uint64_t now)
{
  struct net_timer *t;
  uint64_t end = ts->order; /* what is set meanwhile waits for the next time */

  while ((t = ts->root) && t->key <= now && t->order < end) {
    heap_remove(ts, t);
    if (t->deadline > t->key) {
      heap_insert(ts, t);
      continue;
    }
    t->deadline = LWT_NEVER;
    t->fn(t);
  }
}

static void *wake(void *env, void *value)
{
  struct net_timers *ts = env;
  lwt_t *sleep = ts->sleep;

  (void)value;
  ts->sleep = NULL;
  ts->wake = 0; /* nothing is armed meanwhile */
  if (ts->before)
    ts->before(ts->env);
  fire(ts, lwt_now());
  if (ts->after)
    ts->after(ts->env);
  ts->wake = LWT_NEVER;
  arm(ts);
  if (sleep)
    lwt_drop(sleep);
  return NULL;
}

static void arm(struct net_timers *ts)
{
  lwt_t *sleep;

  if (!ts->root || ts->wake <= ts->root->key)
    return;
  sleep = lwt_map(lwt_sleep_until(ts->root->key), wake, ts);
  if (lwt_state(sleep) != LWT_PENDING) { /* no memory: the next call tries again */
    lwt_error(sleep);
    lwt_drop(sleep);
    return;
  }
  if (ts->sleep)
    lwt_drop(ts->sleep);
  ts->sleep = sleep;
  ts->wake = ts->root->key;
}

void net_timers_init(struct net_timers *ts, lwt_call_fn *before, lwt_call_fn *after,
                     void *env)
{
  *ts = (struct net_timers){
    .wake = LWT_NEVER, .before = before, .after = after, .env = env
  };
}

void net_timers_fini(struct net_timers *ts)
{
  if (ts->sleep)
    lwt_drop(ts->sleep);
  ts->sleep = NULL;
  ts->root = NULL;
  ts->wake = LWT_NEVER;
}

void net_timer_init(struct net_timer *t, net_timer_fn *fn)
{
  *t = (struct net_timer){ .deadline = LWT_NEVER, .fn = fn };
}

void net_timer_set(struct net_timers *ts, struct net_timer *t, uint64_t deadline)
{
  if (deadline == LWT_NEVER) {
    net_timer_stop(ts, t);
    return;
  }
  t->stamp = ts->order++;
  if (net_timer_is_set(t) && deadline >= t->key) {
    t->deadline = deadline;
  } else {
    if (net_timer_is_set(t))
      heap_remove(ts, t);
    t->deadline = deadline;
    heap_insert(ts, t);
  }
  arm(ts);
}

void net_timer_stop(struct net_timers *ts, struct net_timer *t)
{
  if (!net_timer_is_set(t))
    return;
  heap_remove(ts, t);
  t->deadline = LWT_NEVER;
}
