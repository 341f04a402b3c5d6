/* timer.c - sleep and timeout: a hierarchical timing wheel.
 * SPDX-License-Identifier: ISC
 *
 * Eight levels of 256 slots cover 64 bits of nanoseconds.  A timer stands at
 * the level of the highest 8-bit digit in which its deadline differs from the
 * wheel's time, in the slot of that digit; so everything at a lower level is
 * earlier.  When the wheel's time enters a slot, its timers move down, or, if
 * all of the slot is past, fire in order.  Insertion and removal are O(1), a
 * timer moves at most seven times, equal deadlines keep the order of insertion.
 *
 * A timer is a promise whose waiter links it into its slot; w.source is the
 * deadline.
 */
#include "internal.h"

#include <string.h>

#define LEVELS 8
#define DIGIT 8 /* bits */
#define SLOTS 256
/* Slots up to this level, 65 us wide, are sorted when all of them is past; the
 * lists of wider ones may not fit the cache. */
#define SORT_LEVEL 2

/* A timer's fn, which it has no use for, points to the one that stands so far
 * behind it in the slot's list: who walks a list prefetches that one.  Lists of
 * millions are not in the cache, and next alone comes too late.  The pointer is
 * a hint: it may be NULL, or point to what is no longer there. */
#define AHEAD 8

struct wheel {
  uint64_t now;
  uint64_t turn; /* until where the loop lets timers fire */
  uint64_t used[LEVELS][SLOTS / 64]; /* bit i: slot i is not empty */
  struct waiter *slot[LEVELS][SLOTS];
  struct waiter *lag[LEVELS][SLOTS]; /* AHEAD before the end, or NULL */
  uint8_t count[LEVELS][SLOTS];      /* how far it is behind, up to AHEAD */
};

static struct promise *timer_of(struct waiter *w)
{
  return (struct promise *)(void *)((char *)w - offsetof(struct promise, w));
}

static unsigned level_of(const struct wheel *wheel, uint64_t deadline)
{
  uint64_t diff = deadline ^ wheel->now;

  return diff ? (63u - (unsigned)__builtin_clzll(diff)) / DIGIT : 0;
}

static unsigned digit(uint64_t time, unsigned level)
{
  return (unsigned)(time >> (DIGIT * level)) & (SLOTS - 1);
}

/* w goes to the end of this slot. */
static void hint(struct wheel *wheel, unsigned level, unsigned i, struct waiter *w)
{
  struct waiter **lag = &wheel->lag[level][i];

  timer_of(w)->fn = NULL;
  if (!wheel->slot[level][i] || !*lag) {
    *lag = w;
    wheel->count[level][i] = 1;
  } else if (wheel->count[level][i] < AHEAD) {
    wheel->count[level][i]++;
  } else {
    timer_of(*lag)->fn = w;
    *lag = (*lag)->next;
  }
}

static void insert(struct wheel *wheel, struct waiter *w)
{
  unsigned level = level_of(wheel, w->source), i = digit(w->source, level);
  struct waiter **slot = &wheel->slot[level][i], *head = *slot;

  hint(wheel, level, i, w);
  w->next = NULL;
  if (head) {
    w->prev = head->prev;
    head->prev->next = w;
    head->prev = w;
  } else {
    *slot = w->prev = w;
    wheel->used[level][i / 64] |= (uint64_t)1 << i % 64;
  }
}

void lwt__timer_remove(struct promise *p)
{
  struct wheel *wheel = lwt__t.wheel;
  struct waiter *w = &p->w, **slot;
  unsigned level, i;

  if (w->source == LWT_NEVER)
    return;
  level = level_of(wheel, w->source);
  i = digit(w->source, level);
  slot = &wheel->slot[level][i];
  if (w == wheel->lag[level][i])
    wheel->lag[level][i] = w->next;
  if (w->next)
    w->next->prev = w->prev;
  else
    (*slot)->prev = w->prev;
  if (w == *slot)
    *slot = w->next;
  else
    w->prev->next = w->next;
  if (!*slot)
    wheel->used[level][i / 64] &= ~((uint64_t)1 << i % 64);
  lwt__t.timers--;
}

/* Merge two lists sorted by deadline; the first comes first among equals. */
static struct waiter *merge(struct waiter *a, struct waiter *b)
{
  struct waiter *head = NULL, **end = &head;

  while (a && b) {
    struct waiter **from = b->source < a->source ? &b : &a;

    *end = *from;
    *from = (*from)->next;
    end = &(*end)->next;
  }
  *end = a ? a : b;
  return head;
}

/* Stable, by the binary digits of the count: run[i] holds 2^i or none. */
static struct waiter *sort(struct waiter *list)
{
  struct waiter *run[64] = { 0 }, *w;
  unsigned i;

  while ((w = list)) {
    __builtin_prefetch(timer_of(w)->fn);
    list = w->next;
    w->next = NULL;
    for (i = 0; run[i]; i++) {
      w = merge(run[i], w);
      run[i] = NULL;
    }
    run[i] = w;
  }
  for (i = 0; i < 64; i++)
    if (run[i])
      w = w ? merge(run[i], w) : run[i];
  return w;
}

static void fire(struct waiter *w)
{
  struct promise *p;
  struct waiter *next;

  for (; w; w = next) {
    next = w->next;
    __builtin_prefetch(next);
    p = timer_of(w);
    lwt__t.timers--;
    if (unlikely(p->kind == K_TIMER))
      lwt__timer_fired(p);
    else if (p->kind == K_TIMEOUT)
      lwt__reject(p, LWT_ETIMEDOUT, "lwt_timeout", p->where);
    else
      lwt__fulfill(p, NULL, NULL);
  }
}

/* The earliest slot that is not empty: its level, or LEVELS. */
static unsigned earliest(const struct wheel *wheel, unsigned *slot, uint64_t *start)
{
  unsigned level, word;
  uint64_t above;

  for (level = 0; level < LEVELS; level++)
    for (word = 0; word < SLOTS / 64; word++)
      if (wheel->used[level][word])
        goto found;
  return LEVELS;
found:
  *slot = word * 64 + (unsigned)__builtin_ctzll(wheel->used[level][word]);
  above = 0;
  if (level < LEVELS - 1)
    above = wheel->now >> (DIGIT * (level + 1)) << (DIGIT * (level + 1));
  *start = above | (uint64_t)*slot << (DIGIT * level);
  return level;
}

int lwt__timers_run(uint64_t now)
{
  struct wheel *wheel = lwt__t.wheel;
  struct waiter *list, *next;
  unsigned level, i;
  uint64_t start, last;

  if (!lwt__t.timers)
    return 0;
  wheel->turn = now;
  while ((level = earliest(wheel, &i, &start)) < LEVELS && start <= now) {
    list = wheel->slot[level][i];
    wheel->slot[level][i] = NULL;
    wheel->used[level][i / 64] &= ~((uint64_t)1 << i % 64);
    last = start + (((uint64_t)1 << (DIGIT * level)) - 1);
    if (level == 0 || (last <= now && level <= SORT_LEVEL)) {
      wheel->now = last;
      fire(level ? sort(list) : list);
      return last < now;
    }
    wheel->now = start;
    for (; list; list = next) {
      next = list->next;
      __builtin_prefetch(timer_of(list)->fn);
      insert(wheel, list);
    }
  }
  if (now > wheel->now)
    wheel->now = now;
  return 0;
}

/* Exact if the earliest slot holds few timers, else its start: never late. */
uint64_t lwt__timers_next(void)
{
  const struct waiter *w;
  unsigned slot, level, n;
  uint64_t start = LWT_NEVER, first = LWT_NEVER;

  if (!lwt__t.timers)
    return LWT_NEVER;
  level = earliest(lwt__t.wheel, &slot, &start);
  if (level == 0)
    return start;
  for (n = 0, w = lwt__t.wheel->slot[level][slot]; w; w = w->next) {
    if (++n > 64)
      return start;
    if (w->source < first)
      first = w->source;
  }
  return first;
}

int lwt__timers_ready(void)
{
  struct thread *t = &lwt__t;

  if (likely(t->wheel))
    return 1;
  if (!(t->wheel = lwt__alloc(sizeof *t->wheel)))
    return 0;
  memset(t->wheel, 0, sizeof *t->wheel);
  return 1;
}

void lwt__timers_fini(void)
{
  lwt__free(lwt__t.wheel);
  lwt__t.wheel = NULL;
}

size_t lwt_timers(void)
{
  return lwt__t.timers;
}

/* ---- Promises --------------------------------------------------------------- */

static inline void add(struct promise *p, uint64_t now, uint64_t deadline)
{
  struct thread *t = &lwt__t;

  if (t->timers++ == 0)
    t->wheel->now = t->wheel->turn = now;
  /* Not before the turn that is going on ends, which would never end. */
  p->w.source = deadline < t->wheel->turn ? t->wheel->turn : deadline;
  insert(t->wheel, &p->w);
}

void lwt__timer_add(struct promise *p, uint64_t now, uint64_t deadline)
{
  add(p, now, deadline);
}

static lwt_t *timer(enum kind kind, uint64_t now, uint64_t deadline, const char *where)
{
  struct promise *p;

  if (unlikely(!lwt__timers_ready()))
    return lwt__oom();
  p = lwt__node(sizeof *p, kind, where);
  if (unlikely(!p))
    return lwt__oom();
  if (deadline == LWT_NEVER)
    p->w.source = deadline;
  else
    add(p, now, deadline);
  if (lwt__traced())
    lwt__t.trace->span(p);
  return H(p);
}

static lwt_t *after(enum kind kind, uint64_t duration, const char *where)
{
  uint64_t now = lwt_now();

  return timer(kind, now, duration > LWT_NEVER - now ? LWT_NEVER : now + duration, where);
}

lwt_t *lwt_sleep_at(uint64_t duration, const char *where)
{
  return after(K_SLEEP, duration, where);
}

lwt_t *lwt_sleep_until_at(uint64_t deadline, const char *where)
{
  return timer(K_SLEEP, lwt__t.timers ? 0 : lwt_now(), deadline, where);
}

lwt_t *lwt_timeout_at(uint64_t duration, const char *where)
{
  return after(K_TIMEOUT, duration, where);
}

lwt_t *lwt_with_timeout_at(uint64_t duration, lwt_t *p, const char *where)
{
  if (lwt_state(p) != LWT_PENDING)
    return p;
  return lwt_pick_at(2, (lwt_t *[]){ lwt_timeout_at(duration, where), p }, where);
}
