/* net/path.c - what was learnt of paths' MTUs (RFC 1191, RFC 8201).
 * SPDX-License-Identifier: ISC
 *
 * A cache by destination: sets of four, the one that ends first makes room.  Most
 * stacks never learn anything and have none.  While there is something in it, a
 * timer looks once a minute for what has ended.
 */
#include "route.h"
#include "routes.h"

#include <string.h>

#define SETS 64u
#define WAYS 4u
#define TIME LWT_S(600)
#define SWEEP LWT_S(60)
#define LEAST4 552  /* what an attacker may make of a path */
#define LEAST6 1280

struct path {
  struct lwt_addr dst; /* family 0: unused */
  uint16_t mtu;
  uint64_t end;
};

struct net_paths {
  struct net_timer timer;
  struct net_stack *s;
  struct path path[SETS * WAYS];
};

static struct path *set_of(const struct net_stack *s, const struct lwt_addr *dst)
{
  size_t len = dst->family == 6 ? 16 : 4;
  uint8_t key[16];

  net_key(s, "path", key);
  return s->paths->path + net_siphash(key, dst->ip, len) % SETS * WAYS;
}

static struct path *find(const struct net_stack *s, const struct lwt_addr *dst)
{
  struct path *p, *end;

  if (!s->paths)
    return NULL;
  for (p = set_of(s, dst), end = p + WAYS; p < end; p++)
    if (net_addr_same(&p->dst, dst) && p->end > s->now)
      return p;
  return NULL;
}

uint16_t net_path_mtu(const struct net_stack *s, const struct lwt_addr *dst)
{
  struct path *p = find(s, dst);

  return p ? p->mtu : 0;
}

size_t net_paths_count(const struct net_stack *s)
{
  size_t i, n = 0;

  for (i = 0; s->paths && i < SETS * WAYS; i++)
    n += s->paths->path[i].end > s->now;
  return n;
}

static void sweep(struct net_timer *timer)
{
  struct net_paths *t = (struct net_paths *)timer;
  struct net_stack *s = t->s;
  size_t i, left = 0;

  for (i = 0; i < SETS * WAYS; i++) {
    if (t->path[i].end > s->now)
      left++;
    else
      t->path[i].end = t->path[i].dst.family = 0;
  }
  net_routes_changed(s);
  if (left)
    net_timer_set(&s->timers, timer, s->now + SWEEP);
}

static int make(struct net_stack *s)
{
  s->paths = lwt__alloc(sizeof *s->paths);
  if (!s->paths) {
    s->stats.no_memory++;
    return LWT_ENOMEM;
  }
  memset(s->paths, 0, sizeof *s->paths);
  s->paths->s = s;
  net_timer_init(&s->paths->timer, sweep);
  return 0;
}

void net_path_set(struct net_stack *s, const struct lwt_addr *dst, uint16_t mtu)
{
  uint16_t least = dst->family == 6 ? LEAST6 : LEAST4;
  struct path *p, *to, *end;

  if (mtu < least)
    mtu = least;
  if (!s->paths && make(s))
    return;
  to = find(s, dst);
  if (!to)
    for (to = p = set_of(s, dst), end = p + WAYS; p < end; p++)
      if (p->end < to->end)
        to = p;
  *to = (struct path){ .dst = *dst, .mtu = mtu, .end = s->now + TIME };
  if (!net_timer_is_set(&s->paths->timer))
    net_timer_set(&s->timers, &s->paths->timer, s->now + SWEEP);
  net_routes_changed(s);
}

void net_paths_fini(struct net_stack *s)
{
  if (!s->paths)
    return;
  net_timer_stop(&s->timers, &s->paths->timer);
  lwt__free(s->paths);
  s->paths = NULL;
}
