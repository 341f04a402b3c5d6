/* net/hop6.c - where an IPv6 packet goes next, and from which address.
 * SPDX-License-Identifier: ISC
 *
 * As hop.c for IPv4.  A link-local address without a scope means the only
 * interface, if there is just one.
 */
#include "ipv6.h"

#include "addr_select.h"

#define LOOP_MTU 65535

/* ---- Addresses ---------------------------------------------------------- */

struct net_address *net_addr6_on(const struct net_stack *s, const struct net_if *nif,
                                 const uint8_t ip[16])
{
  struct net_address *a;
  unsigned i;

  for (i = 0; i < s->n_ifs; i++)
    if (!nif || nif == s->ifs[i])
      for (a = s->ifs[i]->addrs; a; a = a->next)
        if (a->addr.family == 6 && a->state != LWT_IP_TENTATIVE &&
            !memcmp(a->addr.ip, ip, 16))
          return a;
  return NULL;
}

struct net_address *net_addr6_link_local(const struct net_if *nif)
{
  struct net_address *a;

  for (a = nif->addrs; a; a = a->next)
    if (a->state != LWT_IP_TENTATIVE && net_ip_is_link_local6(&a->addr))
      return a;
  return NULL;
}

/* Whether the router advertised the prefix that the address was made from. */
static int advertised(const struct net_address *a, const struct lwt_addr *next)
{
  return next && a->origin == LWT_IP_RA && net_addr_same(&a->router, next);
}

struct net_address *net_addr6_source(const struct net_if *nif, const uint8_t dst[16],
                                     const struct lwt_addr *next)
{
  struct net_select_source this, best;
  struct net_address *a, *found = NULL;

  memset(&this, 0, sizeof this);
  for (a = nif->addrs; a; a = a->next) {
    if (a->addr.family != 6 || a->state == LWT_IP_TENTATIVE)
      continue;
    memcpy(this.ip, a->addr.ip, 16);
    this.prefix = a->prefix;
    this.deprecated = a->state == LWT_IP_DEPRECATED;
    this.outgoing = 1;
    this.advertised = advertised(a, next) != 0;
    if (found && net_select_source_cmp(&this, &best, dst) >= 0)
      continue;
    best = this;
    found = a;
  }
  return found;
}

/* ---- The way ------------------------------------------------------------ */

/* Where a scoped destination is, if nobody says so: the only interface. */
static struct net_if *only(const struct net_stack *s)
{
  struct net_if *found = NULL;
  unsigned i;

  for (i = 0; i < s->n_ifs; i++)
    if (s->ifs[i]->six) {
      if (found)
        return NULL;
      found = s->ifs[i];
    }
  return found;
}

static struct net_if *interface(struct net_stack *s, uint32_t index)
{
  struct net_if *nif = index ? net_if_find(s, index) : only(s);

  return nif && nif->six && !nif->down ? nif : NULL;
}

/* Groups of more than the link: the way out. */
static struct net_if *outside(struct net_stack *s, const struct lwt_addr *dst)
{
  const struct lwt_ip_route *route = net_routes_find(s, dst, 0);
  unsigned i;

  if (route)
    return net_if_find(s, route->interface);
  for (i = 0; i < s->n_ifs; i++)
    if (s->ifs[i]->six && !s->ifs[i]->down)
      return s->ifs[i];
  return NULL;
}

static int is_self(struct net_stack *s, const struct lwt_addr *dst, uint32_t index)
{
  struct net_if *nif = NULL;

  if (net_ip6_is_loopback(dst->ip))
    return 1;
  if (net_ip6_is_link_local(dst->ip))
    nif = interface(s, index);
  return (nif || !net_ip6_is_link_local(dst->ip)) && net_addr6_on(s, nif, dst->ip);
}

static int routed(struct net_stack *s, const struct lwt_addr *dst, uint32_t index,
                  struct net_hop *hop)
{
  const struct lwt_ip_route *route = net_routes_find(s, dst, index);

  if (!route)
    return LWT_ENETUNREACH;
  hop->nif = net_if_find(s, route->interface);
  hop->next = route->gateway.family ? route->gateway : *dst;
  hop->most = route->mtu;
  if (route->mtu && route->mtu < hop->mtu)
    hop->mtu = route->mtu;
  return hop->nif && hop->nif->six ? 0 : LWT_ENETUNREACH;
}

static int outwards(struct net_stack *s, const struct lwt_addr *dst, uint32_t index,
                    struct net_hop *hop)
{
  int error = 0;

  if (net_ip6_is_multicast(dst->ip)) {
    hop->kind = NET_HOP_MULTICAST;
    hop->nif = index || net_ip6_is_scoped(dst->ip) ? interface(s, index)
                                                   : outside(s, dst);
  } else {
    hop->kind = NET_HOP_NEIGHBOUR;
    hop->next = *dst;
    if (net_ip6_is_link_local(dst->ip))
      hop->nif = interface(s, index);
    else
      error = routed(s, dst, index, hop);
    hop->next.port = 0;
    hop->next.scope = 0;
  }
  return error ? error : hop->nif ? 0 : LWT_ENETUNREACH;
}

int net_hop6_find(struct net_stack *s, const struct lwt_addr *dst,
                  const struct lwt_addr *src, uint32_t index, struct net_hop *hop)
{
  int chosen = src && src->family == 6 && !net_ip6_is_any(src->ip);
  struct net_address *a;
  uint16_t mtu;
  int error;

  memset(hop, 0, sizeof *hop);
  hop->mtu = LOOP_MTU;
  if (net_ip6_is_any(dst->ip))
    return LWT_ENETUNREACH;
  a = chosen ? net_addr6_on(s, NULL, src->ip) : NULL;
  if (a && a->nif->netif && !index && !s->forwarding && !net_ip6_is_link_local(src->ip))
    index = a->nif->index;
  if (is_self(s, dst, index ? index : dst->scope)) {
    hop->kind = NET_HOP_SELF;
    hop->nif = s->ifs[0];
    hop->src = chosen ? *src : *dst;
    hop->src.port = 0;
    return 0;
  }
  error = chosen && net_ip6_is_loopback(src->ip) /* RFC 4291 2.5.3 */
            ? LWT_ENETUNREACH
            : outwards(s, dst, index ? index : dst->scope, hop);
  if (error)
    return error;
  a = chosen ? NULL : net_addr6_source(hop->nif, dst->ip,
                                       hop->next.family ? &hop->next : NULL);
  if (!a && !chosen)
    return LWT_ENETUNREACH;
  hop->src = chosen ? net_addr6_in(hop->nif, src->ip) : net_addr6_in(hop->nif,
                                                                     a->addr.ip);
  if (hop->nif->six->mtu < hop->mtu)
    hop->mtu = hop->nif->six->mtu;
  mtu = s->paths ? net_path_mtu(s, dst) : 0;
  if (mtu && mtu < hop->mtu)
    hop->mtu = mtu;
  return 0;
}

int net_ip_scope(struct net_stack *s, struct lwt_addr *addr)
{
  struct net_if *nif;

  if (addr->family != 6 || !net_ip6_is_scoped(addr->ip)) {
    addr->scope = 0;
    return 0;
  }
  nif = interface(s, addr->scope);
  addr->scope = nif ? nif->index : 0;
  return nif ? 0 : LWT_ENETUNREACH;
}

/* ---- Which of several destinations -------------------------------------- */

void net_order_destinations(struct net_stack *s, struct lwt_addr *addrs, size_t n)
{
  struct net_select_dst list[NET_ORDER_MAX];
  struct lwt_addr copy[NET_ORDER_MAX];
  struct net_address *a;
  struct net_hop hop;
  size_t i;

  if (n > NET_ORDER_MAX)
    n = NET_ORDER_MAX;
  memset(list, 0, sizeof list);
  for (i = 0; i < n; i++) {
    copy[i] = addrs[i];
    list[i].index = i;
    net_select_map(&addrs[i], list[i].ip);
    if (net_hop_find(s, &addrs[i], NULL, addrs[i].scope, &hop) || !hop.src.family)
      continue;
    list[i].usable = 1;
    net_select_map(&hop.src, list[i].source.ip);
    a = net_address_find(s, NULL, &hop.src);
    list[i].source.prefix = a ? (uint8_t)(a->prefix + (hop.src.family == 4 ? 96 : 0))
                              : 128;
    list[i].source.deprecated = a && a->state == LWT_IP_DEPRECATED;
  }
  net_select_order(list, n);
  for (i = 0; i < n; i++)
    addrs[i] = copy[list[i].index];
}
