/* net/neighbour.c - neighbour caches: states, queues, ageing (RFC 4861 7.3).
 * SPDX-License-Identifier: ISC
 *
 * Read neighbour.h first.  Only who is asked for by us pushes others out of a
 * full cache.  A neighbour that nobody uses is forgotten, so an idle stack has
 * no timer.
 */
#include "neighbour.h"

#include "route.h"
#include "wire.h"

#include <string.h>

#define TRIES 3
#define INTERVAL LWT_S(1)
#define REACHABLE LWT_S(30)
#define DELAY LWT_S(5)
#define HOLD_DOWN LWT_S(1)
#define LATE LWT_S(20) /* an answer may come that much later */
#define UNUSED LWT_S(600)
#define BUCKETS (sizeof ((struct net_neighbours *)0)->bucket / sizeof(struct neighbour *))

static const struct net_neighbour_kind *kind_of(const struct neighbour *n)
{
  return n->ip.family == 6 ? &net_nd_kind : &net_arp_kind;
}

static struct neighbour **bucket_of(struct net_neighbours *t, const struct lwt_addr *ip)
{
  uint32_t hash = net_get32(ip->ip) * 0x9e3779b1u;

  if (ip->family == 6)
    hash = (hash ^ net_get32(ip->ip + 4) ^ net_get32(ip->ip + 8) * 0x85ebca6bu ^
            net_get32(ip->ip + 12)) * 0x9e3779b1u;
  return &t->bucket[hash >> 24];
}

static struct neighbour *find(struct net_neighbours *t, const struct lwt_addr *ip)
{
  struct neighbour *n = t->recent;

  if (n && net_addr_same(&n->ip, ip))
    return n;
  for (n = *bucket_of(t, ip); n && !net_addr_same(&n->ip, ip); n = n->next)
    ;
  if (n)
    t->recent = n;
  return n;
}

struct neighbour *net_neighbour_find(struct net_if *nif, const struct lwt_addr *ip)
{
  return nif->neighbours ? find(nif->neighbours, ip) : NULL;
}

int net_neighbour_known(struct net_if *nif, const struct lwt_addr *next)
{
  return net_neighbour_has_mac(net_neighbour_find(nif, next));
}

struct neighbour *net_neighbour_look(struct net_if *nif, const struct lwt_addr *next,
                                     uint8_t mac[6])
{
  struct neighbour *n = net_neighbour_find(nif, next);

  if (!net_neighbour_has_mac(n))
    return NULL;
  memcpy(mac, n->mac, 6);
  return n;
}

/* ---- Who waits --------------------------------------------------------- */

/* Tell all who wait, and free or send the packets. */
static void settle(struct neighbour *n, int error)
{
  struct lwt_buf *packet, *queue = n->queue;
  struct net_neighbour_waiter *w;
  struct net_stack *s = n->nif->s;

  n->queue = NULL;
  n->queue_end = &n->queue;
  n->waiting++; /* so that it is not pushed out meanwhile */
  while ((packet = queue)) {
    queue = packet->next_packet;
    packet->next_packet = NULL;
    if (!error) {
      net_ether_send(n->nif, n->mac, kind_of(n)->type, packet);
      continue;
    }
    s->stats.arp_unreachable++;
    kind_of(n)->unreachable(n->nif, packet);
    lwt_buf_free(packet);
  }
  while ((w = n->waiters)) {
    net_neighbour_unwait(w);
    w->fn(w, error);
  }
  n->waiting = 0;
}

/* Take it out of the cache, and free it: nobody waits. */
static void forget(struct neighbour *n)
{
  struct net_neighbours *t = n->nif->neighbours;
  struct neighbour **link = bucket_of(t, &n->ip);

  net_routes_changed(n->nif->s);
  while (*link != n)
    link = &(*link)->next;
  *link = n->next;
  if (t->recent == n)
    t->recent = NULL;
  t->count--;
  net_timer_stop(&n->nif->s->timers, &n->timer);
  lwt__free(n);
}

void net_neighbour_remove(struct neighbour *n)
{
  if (n->waiting)
    settle(n, LWT_EHOSTUNREACH);
  forget(n);
}

/* ---- States ------------------------------------------------------------ */

static void enter(struct neighbour *n, enum net_nud state, uint64_t duration)
{
  struct net_stack *s = n->nif->s;

  n->state = (uint8_t)state;
  net_timer_set(&s->timers, &n->timer, s->now + duration);
}

static void ask(struct neighbour *n, int direct)
{
  n->tries++;
  net_timer_set(&n->nif->s->timers, &n->timer,
                n->nif->s->now + n->nif->neighbours->interval);
  kind_of(n)->ask(n, direct);
}

/* Half to one and a half times the base, so that hosts do not ask in step. */
static void reachable(struct neighbour *n)
{
  uint64_t base = n->nif->neighbours->reachable;

  n->tries = 0;
  enter(n, NET_REACHABLE, base / 2 + net_random(n->nif->s) % (base + 1));
}

static void tell_failed(struct neighbour *n)
{
  if (kind_of(n)->failed)
    kind_of(n)->failed(n);
}

static void timeout(struct net_timer *timer)
{
  struct neighbour *n = (struct neighbour *)timer;

  switch (n->state) {
  case NET_INCOMPLETE:
    if (n->tries < TRIES) {
      ask(n, 0);
      break;
    }
    n->since = n->nif->s->now;
    enter(n, NET_FAILED, LATE);
    tell_failed(n);
    settle(n, LWT_EHOSTUNREACH);
    break;
  case NET_REACHABLE:
    enter(n, NET_STALE, UNUSED);
    break;
  case NET_DELAY:
    n->state = NET_PROBE;
    n->tries = 0;
    ask(n, 1);
    break;
  case NET_PROBE:
    if (n->tries < TRIES) {
      ask(n, n->ip.family == 6 || n->tries + 1 < TRIES);
      break;
    }
    tell_failed(n);
    forget(n);
    break;
  default: /* STALE for too long, FAILED */
    forget(n);
  }
}

void net_neighbour_delay(struct neighbour *n)
{
  net_clock(n->nif->s); /* who sends a datagram has not */
  enter(n, NET_DELAY, DELAY);
}

void net_neighbour_doubt(struct neighbour *n)
{
  if (!net_neighbour_has_mac(n) || n->state == NET_PROBE ||
      n->nif->s->now - n->since < INTERVAL)
    return;
  n->state = NET_PROBE;
  n->tries = TRIES - 1;
  ask(n, 0);
}

void net_neighbour_confirm(struct neighbour *n)
{
  if (!net_neighbour_has_mac(n))
    return;
  n->since = n->nif->s->now;
  reachable(n);
}

/* ---- The cache --------------------------------------------------------- */

/* The one that was used longest ago, of those that nobody waits for; NULL also if half
 * of the cache is waited for: strangers who make us answer many that are not there push
 * out no more than the other half. */
static struct neighbour *oldest(struct net_neighbours *t, uint32_t max)
{
  struct neighbour *n, *found = NULL;
  uint32_t open = 0;
  size_t i;

  for (i = 0; i < BUCKETS; i++)
    for (n = t->bucket[i]; n; n = n->next)
      if (n->waiting)
        open++;
      else if (!found || n->last < found->last)
        found = n;
  return open < max - max / 2 ? found : NULL;
}

/* One that did not answer, and is only there because it might. */
static struct neighbour *given_up(struct net_neighbours *t, uint64_t now)
{
  struct neighbour *n;
  size_t i;

  for (i = 0; i < BUCKETS; i++)
    for (n = t->bucket[i]; n; n = n->next)
      if (n->state == NET_FAILED && now - n->since >= HOLD_DOWN)
        return n;
  return NULL;
}

/* eager: push another one out if the cache is full. */
static struct neighbour *make(struct net_if *nif, const struct lwt_addr *ip, int eager)
{
  struct net_neighbours *t = nif->neighbours;
  struct net_stack *s = nif->s;
  struct neighbour *n, **bucket;

  if (t->count >= s->config.max_neighbours && (n = given_up(t, s->now)))
    forget(n);
  if (t->count >= s->config.max_neighbours) {
    n = eager ? oldest(t, s->config.max_neighbours) : NULL;
    if (!n) {
      s->stats.arp_table_full++;
      return NULL;
    }
    s->stats.arp_evicted++;
    forget(n);
  }
  n = lwt__alloc(sizeof *n);
  if (!n) {
    s->stats.no_memory++;
    return NULL;
  }
  bucket = bucket_of(t, ip);
  *n = (struct neighbour){ .nif = nif, .ip = *ip, .last = s->now, .next = *bucket };
  n->ip.port = 0;
  net_timer_init(&n->timer, timeout);
  n->queue_end = &n->queue;
  *bucket = n;
  t->count++;
  return n;
}

/* Start asking for ip.  *error: why there is none. */
static struct neighbour *resolve(struct net_if *nif, const struct lwt_addr *ip,
                                 int *error)
{
  struct net_neighbours *t = nif->neighbours;
  struct neighbour *n;

  *error = LWT_ENETUNREACH;
  if (!t)
    return NULL;
  n = find(t, ip);
  if (n && n->state == NET_FAILED && nif->s->now - n->since < HOLD_DOWN) {
    *error = LWT_EHOSTUNREACH;
    return NULL;
  }
  if (!n) {
    n = make(nif, ip, 1);
    if (!n) {
      *error = t->count >= nif->s->config.max_neighbours ? LWT_ENOBUFS : LWT_ENOMEM;
      return NULL;
    }
    n->state = NET_FAILED;
  }
  if (n->state == NET_FAILED) {
    n->state = NET_INCOMPLETE;
    n->tries = 0;
    ask(n, 0);
  }
  n->last = nif->s->now;
  return n;
}

/* ---- Packets and waiters ----------------------------------------------- */

/* At the end of the queue; the oldest one goes if it is full. */
static int enqueue(struct neighbour *n, struct lwt_buf *packet)
{
  struct net_stack *s = n->nif->s;
  struct lwt_buf *first;

  if (n->waiting >= s->config.max_waiting) {
    s->stats.arp_queue_full++;
    first = n->queue;
    if (!first) {
      lwt_buf_free(packet);
      return LWT_ENOBUFS;
    }
    n->queue = first->next_packet;
    if (!n->queue)
      n->queue_end = &n->queue;
    first->next_packet = NULL;
    lwt_buf_free(first);
    n->waiting--;
  }
  packet->next_packet = NULL;
  *n->queue_end = packet;
  n->queue_end = &packet->next_packet;
  n->waiting++;
  return 0;
}

int net_neighbour_send(struct net_if *nif, const struct lwt_addr *next,
                       struct lwt_buf *packet)
{
  struct neighbour *n = net_neighbour_find(nif, next);
  int error;

  if (net_neighbour_has_mac(n)) {
    net_neighbour_used(n, nif->s->now);
    return net_ether_send(nif, n->mac, kind_of(n)->type, packet);
  }
  n = resolve(nif, next, &error);
  if (n)
    return enqueue(n, packet);
  nif->s->stats.arp_unreachable += error == LWT_EHOSTUNREACH;
  lwt_buf_free(packet);
  return error;
}

int net_neighbour_wait(struct net_if *nif, const struct lwt_addr *next,
                       struct net_neighbour_waiter *waiter)
{
  int error = 0;
  struct neighbour *n = resolve(nif, next, &error);
  struct net_neighbour_waiter **end;

  if (!n)
    return error;
  if (n->waiting >= nif->s->config.max_waiting) {
    nif->s->stats.arp_queue_full++;
    return LWT_ENOBUFS;
  }
  for (end = &n->waiters; *end; end = &(*end)->next)
    ;
  waiter->next = NULL;
  waiter->neighbour = n;
  *end = waiter;
  n->waiting++;
  return 0;
}

void net_neighbour_unwait(struct net_neighbour_waiter *waiter)
{
  struct neighbour *n = waiter->neighbour;
  struct net_neighbour_waiter **link = &n->waiters;

  while (*link != waiter)
    link = &(*link)->next;
  *link = waiter->next;
  n->waiting--;
}

/* ---- What is heard ----------------------------------------------------- */

static void set_mac(struct neighbour *n, const uint8_t mac[6])
{
  if (memcmp(n->mac, mac, 6))
    net_routes_changed(n->nif->s);
  memcpy(n->mac, mac, 6);
  n->since = n->nif->s->now;
}

void net_neighbour_answer(struct neighbour *n, const uint8_t mac[6], int solicited,
                          int override)
{
  int other = mac && memcmp(n->mac, mac, 6);

  if (n->state == NET_INCOMPLETE || n->state == NET_FAILED) {
    if (!mac)
      return;
    other = override = 1;
  } else if (other && !override) {
    if (n->state == NET_REACHABLE)
      enter(n, NET_STALE, UNUSED);
    return;
  }
  if (mac)
    set_mac(n, mac);
  if (solicited) {
    n->since = n->nif->s->now;
    reachable(n);
  } else if (other) {
    enter(n, NET_STALE, UNUSED);
  }
  if (n->waiting)
    settle(n, 0);
}

struct neighbour *net_neighbour_heard(struct net_if *nif, const struct lwt_addr *ip,
                                      const uint8_t mac[6])
{
  struct neighbour *n = net_neighbour_find(nif, ip);

  if (!n) {
    n = make(nif, ip, 0);
    if (!n)
      return NULL;
    n->last = 0; /* the first to go */
  } else if (net_neighbour_has_mac(n) && !memcmp(n->mac, mac, 6)) {
    return n;
  }
  set_mac(n, mac);
  enter(n, NET_STALE, UNUSED);
  if (n->waiting) {
    net_neighbour_used(n, nif->s->now);
    settle(n, 0);
  }
  return n;
}

/* ---- Life -------------------------------------------------------------- */

int net_neighbours_init(struct net_if *nif)
{
  struct net_neighbours *t = lwt__alloc(sizeof *t);

  if (!t)
    return LWT_ENOMEM;
  memset(t, 0, sizeof *t);
  t->reachable = REACHABLE;
  t->interval = INTERVAL;
  nif->neighbours = t;
  return 0;
}

void net_neighbours_fini(struct net_if *nif)
{
  struct net_neighbours *t = nif->neighbours;
  struct neighbour *n;
  size_t i;

  if (!t)
    return;
  for (i = 0; i < BUCKETS; i++)
    while ((n = t->bucket[i])) {
      lwt_buf_free_queue(n->queue);
      n->queue = NULL;
      if (n->waiters)
        settle(n, LWT_ENETDOWN);
      forget(n);
    }
  lwt__free(t);
  nif->neighbours = NULL;
}

void net_neighbours_dump(const struct net_if *nif, FILE *out)
{
  static const char *const states[] = { "incomplete", "reachable", "stale", "delay",
                                        "probe", "failed" };
  const struct net_neighbours *t = nif->neighbours;
  char text[LWT_ADDR_TEXT];
  const struct neighbour *n;
  size_t i;

  for (i = 0; t && i < BUCKETS; i++)
    for (n = t->bucket[i]; n; n = n->next)
      fprintf(out, "  neighbour %s %02x:%02x:%02x:%02x:%02x:%02x %s, %u waiting\n",
              lwt_addr_format(&n->ip, text, sizeof text), n->mac[0], n->mac[1],
              n->mac[2], n->mac[3], n->mac[4], n->mac[5], states[n->state],
              (unsigned)n->waiting);
}
