/* net/nd.c - neighbour solicitations and advertisements (RFC 4861 7).
 * SPDX-License-Identifier: ISC
 *
 * Read neighbour.h first: the cache and its states are there.  What is said about
 * addresses of ours is for duplicate address detection (RFC 4862 5.4).
 */
#include "ipv6.h"

#include "wire.h"

static int is_mac(const uint8_t mac[6])
{
  static const uint8_t zero[6];

  return !(mac[0] & 1) && memcmp(mac, zero, 6);
}

/* ---- Output ------------------------------------------------------------- */

static void ask(struct neighbour *n, int direct)
{
  struct net_nd_repr r = { .type = NET_ICMP6_SOLICIT, .options = NET_ND_SOURCE };
  struct net_address *a = net_addr6_source(n->nif, n->ip.ip, NULL);
  uint8_t bytes[32], group[16];

  if (!a)
    return;
  memcpy(r.target, n->ip.ip, 16);
  memcpy(r.source_mac, n->nif->mac, 6);
  net_ip6_solicited(n->ip.ip, group);
  n->nif->s->stats.nd_tx++;
  net_icmp6_send_on(n->nif, a->addr.ip, direct ? n->ip.ip : group, 0, bytes,
                    net_nd_emit(&r, bytes));
}

static void unreachable(struct net_if *nif, const struct lwt_buf *packet)
{
  net_icmp6_no_neighbour(nif, packet);
}

static void failed(struct neighbour *n)
{
  if (n->nif->six)
    net_ra_unreachable(n->nif, &n->ip);
}

const struct net_neighbour_kind net_nd_kind = {
  .type = NET_ETHER_IPV6, .ask = ask, .unreachable = unreachable, .failed = failed
};

/* dst: any for everybody. */
static void advertise(struct net_address *a, const uint8_t dst[16])
{
  struct net_nd_repr r = {
    .type = NET_ICMP6_ADVERT, .options = NET_ND_TARGET, .override = 1,
    .solicited = !net_ip6_is_any(dst), .router = a->nif->s->forwarding != NULL
  };
  uint8_t bytes[32];

  memcpy(r.target, a->addr.ip, 16);
  memcpy(r.target_mac, a->nif->mac, 6);
  a->nif->s->stats.nd_tx++;
  net_icmp6_send_on(a->nif, a->addr.ip, r.solicited ? dst : net_ip6_all_nodes, 0, bytes,
                    net_nd_emit(&r, bytes));
}

void net_nd_announce(struct net_address *a)
{
  static const uint8_t any[16];

  advertise(a, any);
}

/* ---- Input -------------------------------------------------------------- */

/* About an address that we are still asking for ourselves.  Our own question that
 * came back to us has our token (RFC 7527). */
static void contend(struct net_address *a, const struct net_ip_info *ip,
                    const struct net_nd_repr *r)
{
  if (!net_ip6_is_any(ip->src.ip) ||
      (r->options & NET_ND_NONCE && !memcmp(r->nonce, a->nif->six->token, 6))) {
    ip->nif->s->stats.nd_ignored++;
    return;
  }
  ip->nif->s->stats.nd_duplicate++;
  net_address_conflict(a);
}

static void solicited(const struct net_ip_info *ip, const struct net_nd_repr *r)
{
  struct net_if *nif = ip->nif;
  struct lwt_addr target = net_addr6_in(nif, r->target);
  struct net_address *a = net_address_find(nif->s, nif, &target);

  if (!a) {
    nif->s->stats.nd_ignored++;
    return;
  }
  if (a->state == LWT_IP_TENTATIVE) {
    contend(a, ip, r);
    return;
  }
  if (net_ip6_is_any(ip->src.ip)) {
    if (net_icmp_allowed(nif->s))
      advertise(a, ip->src.ip);
    return;
  }
  if (r->options & NET_ND_SOURCE && is_mac(r->source_mac))
    net_neighbour_heard(nif, &ip->src, r->source_mac);
  /* To answer whom we do not know we have to ask: not for everybody who wants, and
   * pushing nobody out. */
  if (net_neighbour_known(nif, &ip->src) ||
      (nif->neighbours->count < nif->s->config.max_neighbours &&
       net_icmp_allowed(nif->s)))
    advertise(a, ip->src.ip);
}

static void advertised(const struct net_ip_info *ip, const struct net_nd_repr *r)
{
  struct net_if *nif = ip->nif;
  struct lwt_addr target = net_addr6_in(nif, r->target);
  struct net_address *a = net_address_find(nif->s, nif, &target);
  int has_mac = r->options & NET_ND_TARGET && is_mac(r->target_mac), was_router;
  struct neighbour *n;

  if (a) {
    nif->s->stats.nd_duplicate++;
    nif->stats.conflicts++;
    net_address_conflict(a);
    return;
  }
  n = net_neighbour_find(nif, &target);
  if (!n) {
    nif->s->stats.nd_ignored++;
    return;
  }
  was_router = n->router;
  n->router = r->router;
  net_neighbour_answer(n, has_mac ? r->target_mac : NULL, r->solicited, r->override);
  if (was_router && !r->router)
    net_ra_not_router(nif, &target);
}

void net_nd_input(const struct net_ip_info *ip, const uint8_t *bytes, size_t len)
{
  struct net_stack *s = ip->nif->s;
  struct net_nd_repr r;

  s->stats.nd_rx++;
  if (net_nd_parse(&r, ip->src.ip, ip->dst.ip, ip->ttl, bytes, len)) {
    s->stats.nd_malformed++;
    return;
  }
  switch (r.type) {
  case NET_ICMP6_SOLICIT:
    solicited(ip, &r);
    break;
  case NET_ICMP6_ADVERT:
    advertised(ip, &r);
    break;
  case NET_ICMP6_ROUTER_ADVERT:
    net_ra_input(ip, &r);
    break;
  case NET_ICMP6_REDIRECT:
    net_redirect_input(ip, &r);
    break;
  default: /* we are no router */
    s->stats.nd_ignored++;
  }
}
