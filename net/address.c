/* net/address.c - the addresses of interfaces: added, aged, chosen, removed.
 * SPDX-License-Identifier: ISC
 *
 * An address is tentative until the detection of its protocol is through, then
 * preferred, deprecated, gone.  With it goes the route to its network.
 */
#include "ipv6.h"
#include "route.h"
#include "routes.h"

#include <string.h>

/* ---- The short list ---------------------------------------------------- */

/* What has changed on an interface: who is looked up for each packet. */
static void refresh(struct net_stack *s)
{
  struct net_local4 *l;
  struct net_address *a;
  unsigned i;

  s->n_local4 = 0;
  for (i = 0; i < s->n_ifs; i++)
    for (a = s->ifs[i]->addrs; a; a = a->next)
      if (a->addr.family == 4 && a->state != LWT_IP_TENTATIVE) {
        l = &s->local4[s->n_local4++];
        l->ip = net_ip4(&a->addr);
        l->mask = UINT32_MAX << (32 - a->prefix);
        l->broadcast = a->prefix < 31 ? l->ip | ~l->mask : 0;
        l->nif = s->ifs[i];
      }
  net_routes_changed(s);
}

static unsigned count(const struct net_stack *s)
{
  struct net_address *a;
  unsigned i, n = 0;

  for (i = 0; i < s->n_ifs; i++)
    for (a = s->ifs[i]->addrs; a; a = a->next)
      n++;
  return n;
}

struct net_address *net_address_find(const struct net_stack *s, const struct net_if *nif,
                                     const struct lwt_addr *addr)
{
  struct net_address *a;
  unsigned i;

  for (i = 0; i < s->n_ifs; i++)
    for (a = s->ifs[i]->addrs; a; a = a->next)
      if ((!nif || nif == s->ifs[i]) && net_addr_same(&a->addr, addr))
        return a;
  return NULL;
}

struct net_address *net_address_source4(const struct net_if *nif, uint32_t dst)
{
  struct net_address *a, *best = NULL;
  struct lwt_addr to = net_addr4(dst, 0);
  int score, top = -1;

  for (a = nif->addrs; a; a = a->next) {
    if (a->addr.family != 4 || a->state == LWT_IP_TENTATIVE)
      continue;
    score = (int)net_prefix_common(&a->addr, &to) +
            (a->state == LWT_IP_PREFERRED ? 64 : 0);
    if (score > top) {
      top = score;
      best = a;
    }
  }
  return best;
}

/* ---- The network's route ----------------------------------------------- */

static struct lwt_ip_route network(const struct net_address *a)
{
  struct lwt_ip_route route = {
    .dst = a->addr, .prefix = a->prefix, .origin = LWT_IP_LINK,
    .interface = a->nif->index
  };
  unsigned i, bits;

  for (i = 0; i < 16; i++) {
    bits = a->prefix > i * 8 ? a->prefix - i * 8 : 0;
    if (bits < 8)
      route.dst.ip[i] &= (uint8_t)(0xff00 >> bits);
  }
  route.dst.scope = 0;
  return route;
}

/* Addresses made from what routers say tell nothing about the link (RFC 5942), and
 * link-local ones need no route. */
static int has_network(const struct net_address *a)
{
  return a->addr.family == 4 ||
         (a->origin != LWT_IP_RA && !net_ip_is_link_local6(&a->addr));
}

/* Take the route away, unless another address needs it. */
static void drop_network(struct net_address *gone)
{
  struct lwt_ip_route route = network(gone), other;
  struct net_address *a;

  if (!has_network(gone))
    return;
  for (a = gone->nif->addrs; a; a = a->next) {
    other = network(a);
    if (a != gone && has_network(a) && other.prefix == route.prefix &&
        net_addr_same(&other.dst, &route.dst))
      return;
  }
  net_routes_remove(gone->nif->s, &route);
}

/* ---- States ------------------------------------------------------------ */

static void tell(const struct net_address *a, enum lwt_ip_event event)
{
  net_event(a->nif->s, event, a->nif->index, &a->addr);
}

/* The next time at which something happens to it. */
static void set_life(struct net_address *a)
{
  struct net_stack *s = a->nif->s;
  uint64_t when = a->valid_until;

  if (a->state == LWT_IP_PREFERRED && a->preferred_until < when)
    when = a->preferred_until;
  if (when == LWT_NEVER)
    net_timer_stop(&s->timers, &a->life);
  else
    net_timer_set(&s->timers, &a->life, when);
}

static void life(struct net_timer *timer)
{
  struct net_address *a =
    (struct net_address *)(void *)((char *)timer - offsetof(struct net_address, life));
  uint64_t now = a->nif->s->now;

  if (now >= a->valid_until) {
    net_address_remove(a);
    return;
  }
  if (a->state == LWT_IP_PREFERRED && now >= a->preferred_until) {
    a->state = LWT_IP_DEPRECATED;
    net_routes_changed(a->nif->s);
    tell(a, LWT_IP_ADDRESS_DEPRECATED);
  }
  set_life(a);
}

void net_address_usable(struct net_address *a)
{
  a->state = a->nif->s->now < a->preferred_until ? LWT_IP_PREFERRED : LWT_IP_DEPRECATED;
  set_life(a);
  refresh(a->nif->s);
  if (a->addr.family == 6)
    net_if6_usable(a);
  tell(a, LWT_IP_ADDRESS_USABLE);
  lwt_fulfill(&a->usable, NULL);
}

static void take_out(struct net_address *a, int error)
{
  struct net_stack *s = a->nif->s;
  struct net_address **link = &a->nif->addrs;

  net_timer_stop(&s->timers, &a->life);
  net_timer_stop(&s->timers, &a->timer);
  if (a->addr.family == 6)
    net_if6_gone(a);
  drop_network(a);
  while (*link != a)
    link = &(*link)->next;
  *link = a->next;
  refresh(s);
  lwt_reject(&a->usable, error, "lwt_ip_address_add");
  lwt__free(a);
}

void net_address_remove(struct net_address *a)
{
  tell(a, LWT_IP_ADDRESS_REMOVED);
  take_out(a, LWT_EADDRNOTAVAIL);
}

void net_address_conflict(struct net_address *a)
{
  struct net_address taken = *a;

  tell(a, LWT_IP_ADDRESS_CONFLICT);
  if (a->state != LWT_IP_TENTATIVE)
    return;
  take_out(a, LWT_EADDRINUSE);
  if (taken.addr.family == 6)
    net_if6_taken(taken.nif, &taken);
}

/* ---- Adding ------------------------------------------------------------ */

static int check(struct net_if *nif, const struct lwt_ip_address *in)
{
  uint8_t bits = in->addr.family == 6 ? 128 : 32;

  if (in->addr.family != 4 && in->addr.family != 6)
    return LWT_ENOTSUP;
  if (in->prefix < 1 || in->prefix > bits || in->origin > LWT_IP_LINK ||
      (in->preferred_until ? in->preferred_until : LWT_NEVER) >
        (in->valid_until ? in->valid_until : LWT_NEVER))
    return LWT_EINVAL;
  if (!net_ip_is_host(&in->addr, in->prefix) ||
      (nif->netif && net_ip_is_loopback(&in->addr)))
    return LWT_EINVAL;
  return 0;
}

static void set(struct net_address *a, const struct lwt_ip_address *in)
{
  a->prefix = in->prefix;
  a->origin = in->origin;
  a->preferred_until = in->preferred_until ? in->preferred_until : LWT_NEVER;
  a->valid_until = in->valid_until ? in->valid_until : LWT_NEVER;
}

/* One that is there already. */
static lwt_t *again(struct net_address *a, const struct lwt_ip_address *in)
{
  struct lwt_ip_route route;
  int error;

  if (a->prefix != in->prefix) {
    drop_network(a);
    a->prefix = in->prefix;
    route = network(a);
    error = has_network(a) ? net_routes_add(a->nif->s, &route) : 0;
    if (error)
      return lwt_fail(error, "lwt_ip_address_add");
  }
  set(a, in);
  if (a->state == LWT_IP_TENTATIVE) {
    set_life(a);
    return lwt_fail(LWT_EALREADY, "lwt_ip_address_add");
  }
  if (a->state == LWT_IP_DEPRECATED || a->nif->s->now >= a->preferred_until)
    net_address_usable(a);
  set_life(a);
  refresh(a->nif->s);
  return lwt_return(NULL);
}

static struct net_address *make(struct net_if *nif, const struct lwt_ip_address *in)
{
  struct net_address *a = lwt__alloc(sizeof *a), **end;

  if (!a)
    return NULL;
  memset(a, 0, sizeof *a);
  a->nif = nif;
  a->addr = in->addr;
  a->addr.port = 0;
  if (in->addr.family == 4)
    a->addr = net_addr4(net_ip4(&in->addr), 0);
  a->state = LWT_IP_TENTATIVE;
  set(a, in);
  net_timer_init(&a->life, life);
  net_timer_init(&a->timer, NULL); /* detection says what it does */
  for (end = &nif->addrs; *end; end = &(*end)->next)
    ;
  *end = a;
  return a;
}

static void detect(struct net_address *a, int unchecked)
{
  if (unchecked || !a->nif->netif) {
    net_address_usable(a);
    if (a->nif->netif && a->addr.family == 4)
      net_acd_announce(a);
  } else if (a->addr.family == 4) {
    net_acd_start(a);
  } else {
    net_dad_start(a);
  }
}

lwt_t *net_address_add(struct net_if *nif, const struct lwt_ip_address *in,
                       struct net_address **out)
{
  struct net_address *a = net_address_find(nif->s, NULL, &in->addr);
  struct lwt_ip_route route;
  int error = check(nif, in);
  lwt_t *p;

  if (out)
    *out = NULL;
  if (error)
    return lwt_fail(error, "lwt_ip_address_add");
  if (a && a->nif != nif && !net_ip_is_link_local6(&in->addr))
    return lwt_fail(LWT_EADDRINUSE, "lwt_ip_address_add");
  if (a && a->nif == nif)
    return again(a, in);
  if (count(nif->s) >= NET_ADDRESS_MAX)
    return lwt_fail(LWT_ENOBUFS, "lwt_ip_address_add");
  a = make(nif, in);
  if (!a)
    return lwt_fail(LWT_ENOMEM, "lwt_ip_address_add");
  p = lwt_task(&a->usable);
  route = network(a);
  error = lwt_error(p).code;
  if (!error && has_network(a))
    error = net_routes_add(nif->s, &route);
  if (error) {
    take_out(a, error);
    return p;
  }
  set_life(a);
  if (out)
    *out = a;
  detect(a, in->unchecked);
  return p;
}
