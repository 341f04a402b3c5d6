/* net/ra.c - routers: found, listened to, believed for a time (RFC 4861 6.3, 8.3;
 * RFC 4862 5.5; RFC 4191; RFC 7559; RFC 8106).
 * SPDX-License-Identifier: ISC
 *
 * What a router says about routes is in the routing table, and here with its end:
 * its default route, prefixes that are on the link, more specific routes,
 * redirects.  A router that does not answer is taken last until it speaks again.
 */
#include "ipv6.h"

#include "route.h"

#define RS_FIRST LWT_S(1)      /* before the first solicitation, at most */
#define RS_INTERVAL LWT_S(4)
#define RS_INTERVAL_MAX LWT_S(3600)
#define REDIRECT_TIME LWT_S(600)
#define TWO_HOURS LWT_S(7200)
#define REACHABLE_MAX 3600000u /* ms */
#define RETRANS_MIN 100u
#define RETRANS_MAX 60000u
#define METRIC 512u            /* of medium preference */
#define UNREACHABLE 65536u     /* added to the metric */

static struct net_if6 *from_rs(struct net_timer *timer)
{
  return (struct net_if6 *)(void *)((char *)timer - offsetof(struct net_if6, rs_timer));
}

static uint64_t end_of(const struct net_stack *s, uint32_t lifetime)
{
  return lifetime == NET_ND_FOREVER ? LWT_NEVER : s->now + LWT_S(1) * lifetime;
}

/* ---- Solicitations (RFC 4861 6.3.7, RFC 7559) --------------------------- */

static void solicit(struct net_timer *timer)
{
  struct net_if6 *six = from_rs(timer);
  struct net_stack *s = six->nif->s;
  struct net_address *a = net_addr6_link_local(six->nif);
  struct net_nd_repr r = { .type = NET_ICMP6_ROUTER_SOLICIT, .options = NET_ND_SOURCE };
  uint8_t bytes[16];

  if (!a)
    return;
  memcpy(r.source_mac, six->nif->mac, 6);
  s->stats.nd_tx++;
  net_icmp6_send_on(six->nif, a->addr.ip, net_ip6_all_routers, 0, bytes,
                    net_nd_emit(&r, bytes));
  net_timer_set(&s->timers, timer,
                s->now + six->solicit_interval * 9 / 10 +
                  net_random(s) % (six->solicit_interval / 5));
  six->solicit_interval *= 2;
  if (six->solicit_interval > RS_INTERVAL_MAX)
    six->solicit_interval = RS_INTERVAL_MAX;
}

void net_ra_solicit(struct net_if *nif)
{
  struct net_if6 *six = nif->six;

  if (!six->accept || net_timer_is_set(&six->rs_timer))
    return;
  six->solicit_interval = RS_INTERVAL;
  net_timer_set(&nif->s->timers, &six->rs_timer,
                nif->s->now + net_random(nif->s) % RS_FIRST);
}

/* ---- What was learnt ---------------------------------------------------- */

static void set_timer(struct net_if6 *six)
{
  struct net_timers *timers = &six->nif->s->timers;
  uint64_t first = LWT_NEVER;
  unsigned i;

  for (i = 0; i < NET_LEARNT_MAX; i++)
    if (six->learnt[i].until && six->learnt[i].until < first)
      first = six->learnt[i].until;
  if (first == LWT_NEVER)
    net_timer_stop(timers, &six->learnt_timer);
  else
    net_timer_set(timers, &six->learnt_timer, first);
}

/* Whether a default router is left. */
static int has_router(const struct net_if6 *six)
{
  unsigned i;

  for (i = 0; i < NET_LEARNT_MAX; i++)
    if (six->learnt[i].until && !six->learnt[i].route.prefix)
      return 1;
  return 0;
}

static void forget(struct net_if6 *six, struct net_learnt *l)
{
  int was_router = !l->route.prefix;

  net_routes_remove(six->nif->s, &l->route);
  l->until = 0;
  if (was_router && !has_router(six)) /* look for another one (RFC 7559) */
    net_ra_solicit(six->nif);
}

static void expire(struct net_timer *timer)
{
  struct net_if6 *six =
    (struct net_if6 *)(void *)((char *)timer - offsetof(struct net_if6, learnt_timer));
  unsigned i;

  for (i = 0; i < NET_LEARNT_MAX; i++)
    if (six->learnt[i].until && six->learnt[i].until <= six->nif->s->now)
      forget(six, &six->learnt[i]);
  set_timer(six);
}

static struct net_learnt *find(struct net_if6 *six, const struct lwt_ip_route *route)
{
  struct net_learnt *l;

  for (l = six->learnt; l < six->learnt + NET_LEARNT_MAX; l++)
    if (l->until && l->route.prefix == route->prefix &&
        net_addr_same(&l->route.dst, &route->dst) &&
        net_addr_same(&l->route.gateway, &route->gateway))
      return l;
  return NULL;
}

/* Redirects have each but a quarter of the room. */
static struct net_learnt *room(struct net_if6 *six, int redirect)
{
  struct net_learnt *l = six->learnt, *end = l + NET_LEARNT_MAX, *oldest = NULL;

  if (redirect)
    l += NET_LEARNT_MAX * 3 / 4;
  else
    end -= NET_LEARNT_MAX / 4;
  for (; l < end; l++) {
    if (!l->until)
      return l;
    if (redirect && (!oldest || l->until < oldest->until))
      oldest = l;
  }
  if (oldest)
    forget(six, oldest);
  else
    six->nif->s->stats.nd_full++;
  return oldest;
}

/* until: 0 takes it away. */
static void learn(struct net_if6 *six, struct lwt_ip_route *route, uint64_t until,
                  int redirect)
{
  struct net_learnt *l = find(six, route);
  struct net_stack *s = six->nif->s;

  route->origin = LWT_IP_RA;
  route->interface = six->nif->index;
  if (until <= s->now) {
    if (l)
      forget(six, l);
  } else if (l || (!net_routes_has(s, route) && (l = room(six, redirect)))) {
    l->route = *route;
    l->redirect = (uint8_t)redirect;
    l->until = until;
    if (net_routes_add(s, route)) {
      l->until = 0;
      s->stats.nd_full++;
    }
  }
  set_timer(six);
}

/* ---- Prefixes (RFC 4862 5.5.3) ------------------------------------------ */

/* One that somebody unauthenticated said may be shortened to two hours only. */
static uint64_t bounded(const struct net_stack *s, const struct net_address *a,
                        uint32_t valid)
{
  uint64_t until = end_of(s, valid), soon = s->now + TWO_HOURS;

  if (until > soon || until >= a->valid_until)
    return until;
  return a->valid_until <= soon ? a->valid_until : soon;
}

static void configure(struct net_if *nif, const struct net_nd_prefix *p,
                      const struct lwt_addr *router)
{
  struct net_stack *s = nif->s;
  uint64_t preferred = end_of(s, p->preferred), until;
  struct lwt_ip_address in = { .prefix = 64, .origin = LWT_IP_RA };
  struct net_address *a;
  unsigned n = 0;
  lwt_t *promise;

  if (p->len != 64 || p->preferred > p->valid)
    return;
  for (a = nif->addrs; a; a = a->next) {
    if (a->addr.family != 6 || a->origin != LWT_IP_RA)
      continue;
    if (!memcmp(a->addr.ip, p->prefix, 8))
      break;
    n++;
  }
  if (a) {
    until = bounded(s, a, p->valid);
    in.addr = a->addr;
    in.valid_until = until;
    in.preferred_until = preferred < until ? preferred : until;
    a->router = *router;
    promise = net_address_add(nif, &in, NULL);
    lwt_error(promise);
    lwt_drop(promise);
  } else if (p->valid && n < NET_SLAAC_MAX) {
    a = net_if6_autoconf(nif, p->prefix, LWT_IP_RA, 0, preferred, end_of(s, p->valid));
    if (a)
      a->router = *router;
  } else if (p->valid) {
    s->stats.nd_full++;
  }
}

static void prefix(struct net_if *nif, const struct net_nd_prefix *p,
                   const struct lwt_addr *router)
{
  struct lwt_ip_route route = { .dst = net_addr6(p->prefix, 0), .prefix = p->len,
                                .metric = METRIC };

  if (net_ip6_is_link_local(p->prefix) || net_ip6_is_multicast(p->prefix) || !p->len)
    return;
  if (p->on_link)
    learn(nif->six, &route, p->valid ? end_of(nif->s, p->valid) : 0, 0);
  if (p->autonomous)
    configure(nif, p, router);
}

/* ---- Advertisements ----------------------------------------------------- */

static uint32_t metric(int preference)
{
  return (uint32_t)((int)METRIC - 256 * preference);
}

/* The numbers of the link (RFC 4861 6.3.4). */
static void parameters(struct net_if *nif, const struct net_nd_repr *r)
{
  if (r->hops)
    nif->six->hops = r->hops;
  if (r->reachable && r->reachable <= REACHABLE_MAX)
    nif->neighbours->reachable = r->reachable * LWT_MS(1);
  if (r->retrans >= RETRANS_MIN && r->retrans <= RETRANS_MAX)
    nif->neighbours->interval = r->retrans * LWT_MS(1);
  if (r->options & NET_ND_MTU && r->mtu >= NET_IPV6_MTU_MIN && r->mtu <= nif->mtu &&
      r->mtu != nif->six->mtu) {
    nif->six->mtu = (uint16_t)r->mtu;
    net_routes_changed(nif->s);
  }
}

/* Name servers: replaced or added; the one that ends first goes. */
static void server(struct net_if6 *six, const struct net_nd_server *in)
{
  struct net_stack *s = six->nif->s;
  struct net_name_server *at = six->servers, *x;

  for (x = six->servers; x < six->servers + NET_ND_SERVERS; x++) {
    if (x->until > s->now && !memcmp(x->ip, in->ip, 16)) {
      at = x;
      break;
    }
    if (x->until < at->until)
      at = x;
  }
  if (x == six->servers + NET_ND_SERVERS && !in->lifetime)
    return;
  memcpy(at->ip, in->ip, 16);
  at->until = in->lifetime ? end_of(s, in->lifetime) : 0;
}

size_t net_ra_servers(const struct net_if *nif, struct lwt_addr *list, size_t max)
{
  const struct net_name_server *x = nif->six->servers;
  size_t i, n = 0;

  for (i = 0; i < NET_ND_SERVERS; i++, x++) {
    if (x->until <= nif->s->now)
      continue;
    if (n < max) {
      list[n] = net_addr6_in(nif, x->ip);
      list[n].port = 53;
    }
    n++;
  }
  return n;
}

void net_ra_input(const struct net_ip_info *ip, const struct net_nd_repr *r)
{
  struct net_if *nif = ip->nif;
  struct lwt_ip_route route = { .dst = { .family = 6 }, .gateway = ip->src };
  struct neighbour *n;
  unsigned i;

  if (!nif->six->accept) {
    nif->s->stats.nd_ignored++;
    return;
  }
  parameters(nif, r);
  n = r->options & NET_ND_SOURCE ? net_neighbour_heard(nif, &ip->src, r->source_mac)
                                 : net_neighbour_find(nif, &ip->src);
  if (n)
    n->router = 1;
  route.metric = metric(r->preference);
  learn(nif->six, &route, r->lifetime ? end_of(nif->s, r->lifetime) : 0, 0);
  if (r->lifetime)
    net_timer_stop(&nif->s->timers, &nif->six->rs_timer);
  for (i = 0; i < r->n_prefixes; i++)
    prefix(nif, &r->prefixes[i], &ip->src);
  for (i = 0; i < r->n_routes; i++) {
    route.dst = net_addr6(r->routes[i].prefix, 0);
    route.prefix = r->routes[i].len;
    route.metric = metric(r->routes[i].preference);
    learn(nif->six, &route,
          r->routes[i].lifetime ? end_of(nif->s, r->routes[i].lifetime) : 0, 0);
  }
  for (i = 0; i < r->n_servers; i++)
    server(nif->six, &r->servers[i]);
}

/* ---- Redirects (RFC 4861 8) --------------------------------------------- */

void net_redirect_input(const struct net_ip_info *ip, const struct net_nd_repr *r)
{
  struct net_if *nif = ip->nif;
  struct lwt_addr dst = net_addr6_in(nif, r->dst), better = net_addr6_in(nif, r->target);
  struct lwt_ip_route route = { .dst = net_addr6(r->dst, 0), .prefix = 128 };
  struct neighbour *n = NULL;
  struct net_hop hop;

  /* From the router that we send these packets to, and nobody else. */
  if (!nif->six->accept || net_ip6_is_link_local(r->dst) ||
      net_hop_find(nif->s, &dst, NULL, nif->index, &hop) ||
      hop.kind != NET_HOP_NEIGHBOUR || !net_addr_same(&hop.next, &ip->src)) {
    nif->s->stats.nd_ignored++;
    return;
  }
  if (memcmp(r->target, r->dst, 16))
    route.gateway = better;
  if (r->options & NET_ND_TARGET)
    n = net_neighbour_heard(nif, &better, r->target_mac);
  if (n && route.gateway.family)
    n->router = 1;
  nif->s->stats.nd_redirects++;
  learn(nif->six, &route, nif->s->now + REDIRECT_TIME, 1);
}

/* ---- Routers that are none ---------------------------------------------- */

void net_ra_not_router(struct net_if *nif, const struct lwt_addr *ip)
{
  struct net_if6 *six = nif->six;
  unsigned i;

  for (i = 0; i < NET_LEARNT_MAX; i++)
    if (six->learnt[i].until && net_addr_same(&six->learnt[i].route.gateway, ip))
      forget(six, &six->learnt[i]);
  set_timer(six);
}

void net_ra_unreachable(struct net_if *nif, const struct lwt_addr *ip)
{
  struct net_if6 *six = nif->six;
  struct net_learnt *l;

  for (l = six->learnt; l < six->learnt + NET_LEARNT_MAX; l++) {
    if (!l->until)
      continue;
    if (l->redirect && net_addr_same(l->route.gateway.family ? &l->route.gateway
                                                              : &l->route.dst, ip)) {
      forget(six, l);
    } else if (l->route.metric < UNREACHABLE &&
               net_addr_same(&l->route.gateway, ip)) {
      l->route.metric += UNREACHABLE;
      net_routes_add(nif->s, &l->route);
    }
  }
  set_timer(six);
}

/* ---- Life --------------------------------------------------------------- */

void net_ra_init(struct net_if *nif)
{
  net_timer_init(&nif->six->rs_timer, solicit);
  net_timer_init(&nif->six->learnt_timer, expire);
}

void net_ra_stop(struct net_if *nif)
{
  struct net_if6 *six = nif->six;
  unsigned i;

  net_timer_stop(&nif->s->timers, &six->rs_timer);
  for (i = 0; i < NET_LEARNT_MAX; i++)
    if (six->learnt[i].until) {
      net_routes_remove(nif->s, &six->learnt[i].route);
      six->learnt[i].until = 0;
    }
  net_timer_stop(&nif->s->timers, &six->learnt_timer);
}
