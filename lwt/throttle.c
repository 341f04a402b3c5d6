/* throttle.c - a limit on how often, for each key.
 * SPDX-License-Identifier: ISC
 *
 * A key remembers when the last `rate` waits passed, in a ring: another may pass
 * a period after the oldest of them.  Who must wait stands in the key's queue,
 * whose timer runs to that time.  Keys are in a hash table, and in a list by
 * their last use: the one that was used longest ago makes room for a new one.
 */
#include "queue.h"

#include <lwt/throttle.h>
#include <lwt/timeout.h>
#include <string.h>

struct key {
  struct key *chain;
  struct key *older, *newer;
  struct lwt_throttle *t;
  struct lwt_queue waiters;
  struct lwt_timer timer;
  uint64_t hash;
  size_t len;
  size_t used, oldest; /* of the ring */
  uint64_t passed[];   /* the bytes of the key follow */
};

struct lwt_throttle {
  struct lwt_throttle_limits limits;
  struct lwt_throttle_stats stats;
  struct key *oldest, *newest;
  uint64_t seed;
  size_t mask;
  struct key *table[];
};

struct lwt_throttle *lwt_throttle_new(const struct lwt_throttle_limits *limits)
{
  struct lwt_throttle *t;
  size_t slots = 1;

  if (!limits->rate || !limits->keys || limits->rate > SIZE_MAX / 64 ||
      limits->keys > SIZE_MAX / 64)
    return NULL;
  while (slots < limits->keys)
    slots *= 2;
  t = lwt__alloc(sizeof *t + slots * sizeof t->table[0]);
  if (!t)
    return NULL;
  memset(t, 0, sizeof *t + slots * sizeof t->table[0]);
  t->limits = *limits;
  if (!t->limits.period)
    t->limits.period = LWT_S(1);
  t->seed = lwt__random_below(UINT32_MAX) * (uint64_t)0x9e3779b97f4a7c15u;
  t->mask = slots - 1;
  return t;
}

/* ---- Keys ------------------------------------------------------------------- */

static char *bytes_of(struct key *k)
{
  return (char *)(k->passed + k->t->limits.rate);
}

static uint64_t hash_of(const struct lwt_throttle *t, const void *bytes, size_t len)
{
  const unsigned char *key = bytes;
  uint64_t h = t->seed ^ len;

  while (len--) {
    h = (h ^ *key++) * 0x9fb21c651e98df25u;
    h ^= h >> 32;
  }
  return h;
}

static void unlist(struct lwt_throttle *t, struct key *k)
{
  *(k->newer ? &k->newer->older : &t->newest) = k->older;
  *(k->older ? &k->older->newer : &t->oldest) = k->newer;
}

static void list(struct lwt_throttle *t, struct key *k)
{
  k->older = t->newest;
  k->newer = NULL;
  *(t->newest ? &t->newest->newer : &t->oldest) = k;
  t->newest = k;
}

static struct key *find(struct lwt_throttle *t, const void *key, size_t len,
                        uint64_t hash)
{
  struct key *k;

  for (k = t->table[hash & t->mask]; k; k = k->chain)
    if (k->hash == hash && k->len == len && !memcmp(bytes_of(k), key, len))
      return k;
  return NULL;
}

static void forget(struct lwt_throttle *t, struct key *k)
{
  struct key **at = &t->table[k->hash & t->mask];

  while (*at != k)
    at = &(*at)->chain;
  *at = k->chain;
  unlist(t, k);
  lwt_timer_stop(&k->timer);
  t->stats.keys--;
  lwt__free(k);
}

/* A wait may pass at this time. */
static uint64_t turn(const struct lwt_throttle *t, const struct key *k)
{
  uint64_t last;

  if (k->used < t->limits.rate)
    return 0;
  last = k->passed[k->oldest];
  return last > LWT_NEVER - t->limits.period ? LWT_NEVER : last + t->limits.period;
}

/* Nobody waits, and no wait passed within a period. */
static int idle(const struct lwt_throttle *t, struct key *k, uint64_t now)
{
  size_t last = (k->oldest + k->used - 1) % t->limits.rate;

  return lwt__queue_empty(&k->waiters) &&
         (!k->used || now - k->passed[last] >= t->limits.period);
}

static void release(void *env);

/* NULL: no memory, or no room (*full). */
static struct key *learn(struct lwt_throttle *t, const void *key, size_t len,
                         uint64_t hash, int *full)
{
  struct key *k;

  *full = 0;
  if (t->stats.keys == t->limits.keys) {
    *full = !idle(t, t->oldest, lwt_now());
    if (*full)
      return NULL;
    forget(t, t->oldest);
  }
  if (len > SIZE_MAX / 4)
    return NULL;
  k = lwt__alloc(sizeof *k + t->limits.rate * sizeof k->passed[0] + len);
  if (!k)
    return NULL;
  memset(k, 0, sizeof *k);
  if (lwt_timer_init(&k->timer, t->limits.period, release, k)) {
    lwt__free(k);
    return NULL;
  }
  k->t = t;
  k->hash = hash;
  k->len = len;
  if (len)
    memcpy(bytes_of(k), key, len);
  k->chain = t->table[hash & t->mask];
  t->table[hash & t->mask] = k;
  list(t, k);
  t->stats.keys++;
  return k;
}

/* ---- Waiting ------------------------------------------------------------------- */

static void pass(struct lwt_throttle *t, struct key *k, uint64_t now)
{
  if (k->used < t->limits.rate) {
    k->passed[k->used++] = now;
  } else {
    k->passed[k->oldest] = now;
    k->oldest = k->oldest + 1 == t->limits.rate ? 0 : k->oldest + 1;
  }
  t->stats.passed++;
  unlist(t, k);
  list(t, k);
}

/* The timer: let in whose turn it is. */
static void release(void *env)
{
  struct key *k = env;
  struct lwt_throttle *t = k->t;
  struct promise *p;
  uint64_t now = lwt_now();

  while (!lwt__queue_empty(&k->waiters) && turn(t, k) <= now) {
    p = lwt__queue_pop(Q(&k->waiters));
    p->flags &= (uint16_t)~F_OWNS;
    t->stats.waiting--;
    pass(t, k, now);
    lwt__fulfill(p, NULL, NULL);
  }
  if (!lwt__queue_empty(&k->waiters))
    lwt_timer_start_until(&k->timer, turn(t, k));
  lwt__leave();
}

/* A wait was cancelled. */
static void left(void *env)
{
  ((struct lwt_throttle *)env)->stats.waiting--;
}

static lwt_t *refuse(struct lwt_throttle *t, const char *where)
{
  t->stats.refused++;
  return lwt_fail_at(LWT_EAGAIN, "lwt_throttle_wait", where);
}

lwt_t *lwt_throttle_wait_at(struct lwt_throttle *t, const void *key, size_t len,
                            const char *where)
{
  uint64_t hash = hash_of(t, key, len), now = lwt_now();
  struct key *k = find(t, key, len, hash);
  int full;
  lwt_t *p;

  if (!k && !(k = learn(t, key, len, hash, &full)))
    return full ? refuse(t, where) : lwt__oom();
  if (lwt__queue_empty(&k->waiters) && turn(t, k) <= now) {
    pass(t, k, now);
    return lwt_return(NULL);
  }
  if (t->stats.waiting >= t->limits.waiting)
    return refuse(t, where);
  p = lwt__wait_in(Q(&k->waiters), t, (void *)left, where);
  if (unlikely(p == lwt__oom()))
    return p;
  P(p)->flags |= F_OWNS;
  t->stats.waiting++;
  if (!lwt_timer_running(&k->timer))
    lwt_timer_start_until(&k->timer, turn(t, k));
  return p;
}

struct lwt_throttle_stats lwt_throttle_stats(const struct lwt_throttle *t)
{
  return t->stats;
}

void lwt_throttle_free(struct lwt_throttle *t)
{
  struct promise *p;

  if (!t)
    return;
  while (t->newest) {
    while ((p = lwt__queue_pop(Q(&t->newest->waiters)))) {
      p->flags &= (uint16_t)~F_OWNS;
      lwt__reject(p, LWT_EPIPE, "lwt_throttle_wait", NULL);
    }
    forget(t, t->newest);
  }
  lwt__free(t);
  lwt__leave();
}
