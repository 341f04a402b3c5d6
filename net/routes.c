/* net/routes.c - the routing table (RFC 1122 3.3.1, RFC 1812 5.2.4).
 * SPDX-License-Identifier: ISC
 *
 * One array for both families, longest prefix first, then the lowest metric, then
 * the oldest: the first that fits is the best.  A host has a handful of routes;
 * what is sent often is not looked up here (route.h).
 */
#include "routes.h"

#include "route.h"

#include <string.h>

#define DEAD_TIME LWT_S(60)

/* A gateway that did not answer: others are preferred for a while. */
struct dead {
  struct lwt_addr gateway;
  uint32_t interface;
  uint64_t until;
};

struct net_routes {
  struct net_timer timer; /* a dead one is tried again */
  struct net_stack *s;
  struct dead dead[8];
  uint32_t count;
  struct lwt_ip_route list[]; /* config.max_routes */
};

/* ---- Prefixes ---------------------------------------------------------- */

unsigned net_prefix_common(const struct lwt_addr *a, const struct lwt_addr *b)
{
  unsigned bits = a->family == 6 ? 128 : 32, n = 0;
  uint8_t diff;

  for (; n < bits && a->ip[n / 8] == b->ip[n / 8]; n += 8)
    ;
  if (n >= bits)
    return bits;
  for (diff = a->ip[n / 8] ^ b->ip[n / 8]; !(diff & 0x80); diff = (uint8_t)(diff << 1))
    n++;
  return n;
}

static int covers(const struct lwt_ip_route *r, const struct lwt_addr *addr)
{
  if (r->dst.family != addr->family)
    return 0;
  if (addr->family == 4)
    return !r->prefix ||
           !((net_ip4(&r->dst) ^ net_ip4(addr)) >> (32 - r->prefix));
  return net_prefix_common(&r->dst, addr) >= r->prefix;
}

/* The same place in the table's terms: adding one replaces the other. */
static int same(const struct lwt_ip_route *a, const struct lwt_ip_route *b)
{
  return a->prefix == b->prefix && a->interface == b->interface &&
         net_addr_same(&a->dst, &b->dst) && a->gateway.family == b->gateway.family &&
         (!a->gateway.family || net_addr_same(&a->gateway, &b->gateway));
}

static int before(const struct lwt_ip_route *a, const struct lwt_ip_route *b)
{
  return a->prefix != b->prefix ? a->prefix > b->prefix : a->metric < b->metric;
}

/* ---- Dead gateways (RFC 1122 3.3.1.4) ----------------------------------- */

static int is_dead(const struct net_stack *s, const struct lwt_ip_route *r)
{
  const struct dead *d = s->routes->dead, *end = d + 8;

  for (; r->gateway.family && d < end; d++)
    if (d->until > s->now && d->interface == r->interface &&
        net_addr_same(&d->gateway, &r->gateway))
      return 1;
  return 0;
}

static void retry(struct net_timer *timer)
{
  struct net_routes *t = (struct net_routes *)timer;
  uint64_t next = LWT_NEVER;
  struct dead *d;

  for (d = t->dead; d < t->dead + 8; d++)
    if (d->until > t->s->now && d->until < next)
      next = d->until;
  if (next != LWT_NEVER)
    net_timer_set(&t->s->timers, timer, next);
  net_routes_changed(t->s);
}

void net_routes_dead(struct net_if *nif, const struct lwt_addr *gateway)
{
  struct net_routes *t = nif->s->routes;
  struct dead *d, *to = t->dead;

  if (!net_routes_is_gateway(nif->s, gateway, nif->index))
    return;
  for (d = t->dead; d < t->dead + 8; d++)
    if (d->until < to->until)
      to = d;
  *to = (struct dead){ *gateway, nif->index, nif->s->now + DEAD_TIME };
  if (!net_timer_is_set(&t->timer))
    net_timer_set(&t->s->timers, &t->timer, to->until);
  net_routes_changed(nif->s);
}

/* ---- Looking up -------------------------------------------------------- */

const struct lwt_ip_route *net_routes_find(const struct net_stack *s,
                                           const struct lwt_addr *dst, uint32_t index)
{
  const struct lwt_ip_route *r = s->routes->list, *end = r + s->routes->count;
  const struct lwt_ip_route *last = NULL;
  const struct net_if *nif;

  for (; r < end; r++) {
    if ((index && r->interface != index) || !covers(r, dst))
      continue;
    nif = net_if_find(s, r->interface);
    if (!nif || nif->down)
      continue;
    if (!is_dead(s, r))
      return r;
    if (!last)
      last = r;
  }
  return last; /* if there is no other, the dead one is tried */
}

int net_routes_is_gateway(const struct net_stack *s, const struct lwt_addr *addr,
                          uint32_t index)
{
  const struct lwt_ip_route *r = s->routes->list, *end = r + s->routes->count;

  for (; r < end; r++)
    if (r->interface == index && r->gateway.family && net_addr_same(&r->gateway, addr))
      return 1;
  return 0;
}

size_t net_routes_list(const struct net_stack *s, struct lwt_ip_route *list, size_t max)
{
  size_t n = s->routes->count;

  if (max)
    memcpy(list, s->routes->list, (n < max ? n : max) * sizeof *list);
  return n;
}

/* ---- Changing ---------------------------------------------------------- */

static void changed(struct net_stack *s)
{
  net_routes_changed(s);
  net_event(s, LWT_IP_ROUTES_CHANGED, 0, NULL);
}

static void take_out(struct net_routes *t, uint32_t i)
{
  t->count--;
  memmove(t->list + i, t->list + i + 1, (t->count - i) * sizeof *t->list);
}

static int find(const struct net_routes *t, const struct lwt_ip_route *route)
{
  uint32_t i;

  for (i = 0; i < t->count; i++)
    if (same(&t->list[i], route))
      return (int)i;
  return -1;
}

int net_routes_has(const struct net_stack *s, const struct lwt_ip_route *route)
{
  return find(s->routes, route) >= 0;
}

/* Sane, and with an interface. */
static int complete(const struct net_stack *s, struct lwt_ip_route *r)
{
  unsigned bits = r->dst.family == 6 ? 128 : 32, i, host;
  const struct lwt_ip_route *way;

  if ((r->dst.family != 4 && r->dst.family != 6) || r->prefix > bits ||
      r->origin > LWT_IP_LINK || (r->mtu && r->mtu < 68))
    return LWT_EINVAL;
  for (i = r->prefix; i < bits; i++)
    if (r->dst.ip[i / 8] & 0x80 >> i % 8)
      return LWT_EINVAL;
  r->dst.port = r->gateway.port = 0;
  if (r->gateway.family) {
    host = r->gateway.family == 4 ? 32 : 128;
    if (r->gateway.family != r->dst.family ||
        !net_ip_is_host(&r->gateway, (uint8_t)host) ||
        net_ip_is_local(s, &r->gateway))
      return LWT_EINVAL;
    if (!r->interface && r->gateway.scope)
      r->interface = r->gateway.scope;
    if (!r->interface) {
      way = net_routes_find(s, &r->gateway, 0);
      if (!way || way->gateway.family)
        return LWT_ENETUNREACH;
      r->interface = way->interface;
    }
  } else if (!r->interface) {
    return LWT_ENODEV;
  }
  return net_if_find(s, r->interface) ? 0 : LWT_ENODEV;
}

int net_routes_add(struct net_stack *s, const struct lwt_ip_route *route)
{
  struct net_routes *t = s->routes;
  struct lwt_ip_route r = *route;
  int error = complete(s, &r), old;
  uint32_t i;

  if (error)
    return error;
  old = find(t, &r);
  if (old >= 0 && t->list[old].metric == r.metric && t->list[old].mtu == r.mtu &&
      t->list[old].origin == r.origin)
    return 0;
  if (old >= 0)
    take_out(t, (uint32_t)old);
  if (t->count >= s->config.max_routes)
    return LWT_ENOBUFS;
  for (i = 0; i < t->count && !before(&r, &t->list[i]); i++)
    ;
  memmove(t->list + i + 1, t->list + i, (t->count - i) * sizeof *t->list);
  t->list[i] = r;
  t->count++;
  changed(s);
  return 0;
}

int net_routes_remove(struct net_stack *s, const struct lwt_ip_route *route)
{
  struct lwt_ip_route r = *route;
  int i = complete(s, &r) ? -1 : find(s->routes, &r);

  if (i < 0)
    return LWT_ENOENT;
  take_out(s->routes, (uint32_t)i);
  changed(s);
  return 0;
}

void net_routes_drop_if(struct net_stack *s, uint32_t index)
{
  uint32_t i = 0, n = s->routes->count;

  while (i < s->routes->count)
    if (s->routes->list[i].interface == index)
      take_out(s->routes, i);
    else
      i++;
  if (n != s->routes->count)
    changed(s);
}

void net_routes_dump(const struct net_stack *s, FILE *out)
{
  char to[LWT_ADDR_TEXT], via[LWT_ADDR_TEXT];
  const struct lwt_ip_route *r = s->routes->list, *end = r + s->routes->count;

  for (; r < end; r++)
    fprintf(out, "route %s/%u%s%s interface %u metric %u\n",
            lwt_addr_format(&r->dst, to, sizeof to), r->prefix,
            r->gateway.family ? " via " : "",
            r->gateway.family ? lwt_addr_format(&r->gateway, via, sizeof via) : "",
            (unsigned)r->interface, (unsigned)r->metric);
}

/* ---- Life -------------------------------------------------------------- */

int net_routes_init(struct net_stack *s)
{
  s->routes = lwt__alloc(sizeof *s->routes +
                         s->config.max_routes * sizeof *s->routes->list);
  if (!s->routes)
    return LWT_ENOMEM;
  memset(s->routes, 0, sizeof *s->routes);
  s->routes->s = s;
  net_timer_init(&s->routes->timer, retry);
  return 0;
}

void net_routes_fini(struct net_stack *s)
{
  if (s->routes)
    net_timer_stop(&s->timers, &s->routes->timer);
  lwt__free(s->routes);
  s->routes = NULL;
}
