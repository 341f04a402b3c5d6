/* net/hop.c - where a packet goes next, and from which address.
 * SPDX-License-Identifier: ISC
 *
 * The order is RFC 1122's: ourselves, broadcast, multicast, the routing table.  A
 * source that is given binds the packet to the interface that has it (the strong
 * host model); from a loopback address nothing goes out (3.2.1.3).
 */
#include "ipv6.h"

#define LOOP_MTU 65535

/* ---- Addresses --------------------------------------------------------- */

static int is_loopback4(uint32_t ip)
{
  return ip >> 24 == 127;
}

const struct net_local4 *net_broadcast4(const struct net_stack *s, uint32_t ip)
{
  const struct net_local4 *l = s->local4, *end = l + s->n_local4;

  for (; l < end; l++)
    if (l->broadcast && l->broadcast == ip)
      return l;
  return NULL;
}

int net_ip_is_local(const struct net_stack *s, const struct lwt_addr *addr)
{
  uint32_t ip = net_ip4(addr);

  if (addr->family == 6)
    return net_ip6_is_loopback(addr->ip) || net_addr6_on(s, NULL, addr->ip);
  return addr->family == 4 && (is_loopback4(ip) || net_local4_find(s, ip));
}

int net_ip_is_unicast(const struct net_stack *s, const struct lwt_addr *addr)
{
  uint32_t ip = net_ip4(addr);

  if (addr->family == 6)
    return !net_ip6_is_multicast(addr->ip) && !net_ip6_is_any(addr->ip);
  return addr->family == 4 && ip >> 24 != 0 && ip >> 28 < 14 && !net_broadcast4(s, ip);
}

int net_ip_is_host(const struct lwt_addr *addr, uint8_t prefix)
{
  uint32_t ip = net_ip4(addr), host;

  if (addr->family == 6)
    return addr->ip[0] != 0xff && !net_ip_is_any(addr);
  host = prefix < 31 ? UINT32_MAX >> prefix : 0;
  return ip >> 24 != 0 && ip >> 28 < 14 && (!host || (ip & host) != host);
}

int net_ip_is_group(const struct lwt_addr *addr)
{
  if (addr->family == 6)
    return addr->ip[0] == 0xff;
  return net_ip4(addr) >> 28 == 14 && net_ip4(addr) != NET_ALL_HOSTS;
}

int net_ip_is_any(const struct lwt_addr *addr)
{
  static const uint8_t zero[16];

  return !memcmp(addr->ip, zero, addr->family == 6 ? 16 : 4);
}

int net_ip_is_loopback(const struct lwt_addr *addr)
{
  static const uint8_t one6[16] = { [15] = 1 };

  return addr->family == 6 ? !memcmp(addr->ip, one6, 16) : addr->ip[0] == 127;
}

int net_ip_is_link_local6(const struct lwt_addr *addr)
{
  return addr->family == 6 && addr->ip[0] == 0xfe && (addr->ip[1] & 0xc0) == 0x80;
}

/* ---- IPv4 -------------------------------------------------------------- */

/* Where broadcasts and multicasts go when nobody says where: the way out, else the
 * first interface that has an address. */
static struct net_if *outside(struct net_stack *s, const struct lwt_addr *dst)
{
  const struct lwt_ip_route *route = net_routes_find(s, dst, 0);
  unsigned i;

  if (route)
    return net_if_find(s, route->interface);
  for (i = 0; i < s->n_local4; i++)
    if (s->local4[i].nif->netif)
      return s->local4[i].nif;
  return NULL;
}

static int everybody(struct net_stack *s, const struct lwt_addr *dst, uint32_t index,
                     struct net_hop *hop)
{
  hop->nif = index ? net_if_find(s, index) : outside(s, dst);
  return hop->nif && hop->nif->netif && !hop->nif->down ? 0 : LWT_ENETUNREACH;
}

static int routed(struct net_stack *s, const struct lwt_addr *dst, uint32_t index,
                  struct net_hop *hop)
{
  const struct lwt_ip_route *route = net_routes_find(s, dst, index);

  if (!route)
    return LWT_ENETUNREACH;
  hop->kind = NET_HOP_NEIGHBOUR;
  hop->nif = net_if_find(s, route->interface);
  hop->next = route->gateway.family ? route->gateway : *dst;
  hop->next.port = 0;
  hop->most = route->mtu;
  if (route->mtu && route->mtu < hop->mtu)
    hop->mtu = route->mtu;
  return hop->nif->netif ? 0 : LWT_ENETUNREACH;
}

static int find4(struct net_stack *s, const struct lwt_addr *dst, uint32_t src,
                 uint32_t index, struct net_hop *hop)
{
  const struct net_local4 *l;
  struct net_address *a;
  uint32_t ip = net_ip4(dst);
  int error = 0;

  if (is_loopback4(ip) || net_local4_find(s, ip)) {
    hop->kind = NET_HOP_SELF;
    hop->nif = s->ifs[0];
    hop->mtu = LOOP_MTU;
    hop->src = net_addr4(src ? src : ip, 0);
    return 0;
  }
  if (ip >> 24 == 0 || (ip >> 28 == 15 && ip != UINT32_MAX))
    return LWT_ENETUNREACH;
  l = net_broadcast4(s, ip);
  hop->kind = ip == UINT32_MAX || l ? NET_HOP_BROADCAST : NET_HOP_MULTICAST;
  if (l && (!index || index == l->nif->index))
    hop->nif = l->nif;
  else if (ip == UINT32_MAX || ip >> 28 == 14)
    error = everybody(s, dst, index, hop);
  else
    error = routed(s, dst, index, hop);
  if (error)
    return error;
  a = src ? NULL : net_address_source4(hop->nif, net_ip4(hop->next.family ? &hop->next
                                                                          : dst));
  hop->src = src ? net_addr4(src, 0) : a ? a->addr : (struct lwt_addr){ 0 };
  if (!hop->src.family && (hop->kind == NET_HOP_NEIGHBOUR || !index))
    return LWT_ENETUNREACH;
  return 0;
}

/* ---- The way ----------------------------------------------------------- */

int net_hop_find(struct net_stack *s, const struct lwt_addr *dst,
                 const struct lwt_addr *src, uint32_t index, struct net_hop *hop)
{
  uint32_t from = src && src->family == 4 ? net_ip4(src) : 0;
  const struct net_local4 *l = from ? net_local4_find(s, from) : NULL;
  uint16_t mtu;
  int error;

  if (dst->family == 6)
    return net_hop6_find(s, dst, src, index, hop);
  if (dst->family != 4)
    return LWT_ENOTSUP;
  memset(hop, 0, sizeof *hop);
  hop->mtu = LOOP_MTU;
  if (l && l->nif->netif && !index && !s->forwarding)
    index = l->nif->index;
  error = find4(s, dst, from, index, hop);
  if (!error && is_loopback4(from) && hop->kind != NET_HOP_SELF)
    error = LWT_ENETUNREACH;
  if (error)
    return error;
  if (hop->nif->mtu < hop->mtu)
    hop->mtu = hop->nif->mtu;
  mtu = hop->kind == NET_HOP_SELF || !s->paths ? 0 : net_path_mtu(s, dst);
  if (mtu && mtu < hop->mtu)
    hop->mtu = mtu;
  return 0;
}

const struct net_hop *net_hop_cached(struct net_stack *s, const struct lwt_addr *dst,
                                     const struct lwt_addr *src, int *error)
{
  static const struct lwt_addr best;
  unsigned end = dst->family == 6 ? 15 : 3;
  const struct lwt_addr *from = src ? src : &best;
  struct net_last_hop *last =
    &s->last_hops[(dst->ip[end] ^ from->ip[end]) % NET_LAST_HOPS];

  *error = 0;
  if (last->age == s->route_age && net_addr_same(&last->dst, dst) &&
      last->dst.scope == dst->scope && net_addr_same(&last->src, from))
    return &last->hop;
  last->age = 0;
  *error = net_hop_find(s, dst, src, dst->scope, &last->hop);
  if (*error)
    return NULL;
  last->dst = *dst;
  last->src = *from;
  last->age = s->route_age;
  return &last->hop;
}

void net_ip_set_mtu(struct net_stack *s, const struct lwt_addr *dst, uint16_t mtu)
{
  struct net_hop hop;

  if (!net_hop_find(s, dst, NULL, dst->scope, &hop) && hop.kind != NET_HOP_SELF &&
      mtu < hop.mtu)
    net_path_set(s, dst, mtu);
}

int net_ip_route(struct net_stack *s, const struct lwt_addr *dst, struct lwt_addr *src,
                 uint16_t *mtu)
{
  int error;
  const struct net_hop *hop = net_hop_cached(s, dst, NULL, &error);

  s->stats.ip_no_route += error == LWT_ENETUNREACH;
  if (!error) {
    *src = hop->src;
    *mtu = hop->mtu;
  }
  return error;
}

uint32_t net_ip_offloads(struct net_stack *s, const struct lwt_addr *src,
                         const struct lwt_addr *dst)
{
  int error;
  const struct net_hop *hop = net_hop_cached(s, dst, src, &error);

  return hop ? hop->nif->offloads : 0;
}

void net_ip_suspect(struct net_stack *s, const struct lwt_addr *dst)
{
  struct neighbour *n;
  struct net_hop hop;

  if (net_hop_find(s, dst, NULL, dst->scope, &hop) || hop.kind != NET_HOP_NEIGHBOUR)
    return;
  n = net_neighbour_find(hop.nif, &hop.next);
  if (n)
    net_neighbour_doubt(n);
}
