/* net/forward.c - IPv4 packets of others, on their way (RFC 1812 5).
 * SPDX-License-Identifier: ISC
 *
 * Only after lwt_ip_forward().  What is not to leave a link, or nobody may send,
 * is not forwarded: broadcasts of either layer (5.3.5), multicasts, martians (5.3.7),
 * source routes.  Record route and timestamp options pass unchanged, and we send no
 * redirects.
 */
#include "forward.h"
#include "ipv6.h"
#include "route.h"

#include <string.h>

static int count(uint64_t *counter)
{
  ++*counter;
  return 0;
}

/* RFC 1812 5.3.7: neither may such an address be anybody's destination. */
static int is_martian(uint32_t ip)
{
  return ip >> 24 == 0 || ip >> 24 == 127 || ip >> 28 >= 14;
}

/* Where it may go; 0: nowhere, which is counted and told to the sender. */
static int way(const struct net_ip_info *ip, const struct lwt_buf *payload,
               struct net_hop *hop)
{
  struct net_stack *s = ip->nif->s;
  int error;

  if (ip->broadcast || is_martian(net_ip4(&ip->dst)) ||
      net_broadcast4(s, net_ip4(&ip->dst)) || is_martian(net_ip4(&ip->src)))
    return count(&s->stats.ip_destination);
  if (ip->ttl <= 1) {
    net_icmp_send_error(s, ip, NET_ICMP_TIME_EXCEEDED, 0, 0, payload);
    return count(&s->stats.ip_ttl);
  }
  error = net_hop_find(s, &ip->dst, NULL, 0, hop);
  if (error || hop->kind != NET_HOP_NEIGHBOUR) {
    net_icmp_send_error(s, ip, NET_ICMP_UNREACHABLE, NET_UNREACH_NET, 0, payload);
    return count(&s->stats.ip_no_route);
  }
  return 1;
}

/* Counted, and told if it must not be cut up. */
static int too_big(const struct net_ip_info *ip, const struct lwt_buf *payload,
                   const struct net_hop *hop)
{
  struct net_stack *s = ip->nif->s;

  if (!(ip->header[6] & 0x40))
    return 0;
  net_icmp_send_error(s, ip, NET_ICMP_UNREACHABLE, NET_UNREACH_TOO_BIG, hop->mtu,
                      payload);
  return !count(&s->stats.ip_too_big);
}

/* In segments; each has a number of its own (RFC 791), as if its sender had cut them. */
static void cut(const struct net_ip_info *ip, const struct net_hop *hop,
                const uint8_t *header, struct lwt_buf *payload)
{
  struct net_stack *s = ip->nif->s;
  struct lwt_buf *segment;
  struct net_gso g;
  uint8_t own[60];

  net_gso_begin(&g, ip, payload, hop->nif);
  while ((segment = net_gso_next(&g))) {
    memcpy(own, header, ip->header_len);
    net_put16(own + 4, net_get16(header + 4) + g.n - 1);
    net_ipv4_send_header(s, hop, own, ip->header_len, segment);
  }
  net_gso_end(&g);
}

static void forward4(const struct net_ip_info *ip, struct lwt_buf *payload)
{
  struct net_stack *s = ip->nif->s;
  struct net_hop hop;
  enum net_fit fit;
  uint8_t header[60];

  if (!way(ip, payload, &hop)) {
    lwt_buf_free(payload);
    return;
  }
  hop.mtu = hop.nif->mtu; /* what we learnt of the path is not for others */
  if (hop.most && hop.most < hop.mtu)
    hop.mtu = hop.most;
  fit = net_gso_fit(ip, payload, ip->header_len, hop.nif, hop.mtu);
  if (fit == NET_FIT_BAD)
    s->stats.ip_malformed++;
  if (fit == NET_FIT_BAD || (fit == NET_FIT_LARGE && too_big(ip, payload, &hop))) {
    lwt_buf_free(payload);
    return;
  }
  memcpy(header, ip->header, ip->header_len);
  header[8]--; /* TTL */
  s->stats.ip_forwarded++;
  if (fit != NET_FIT_WHOLE && payload->flags & LWT_BUF_GSO) {
    cut(ip, &hop, header, payload);
    return;
  }
  if (!(payload->flags & LWT_BUF_CSUM_PARTIAL))
    payload->flags = 0;
  net_ipv4_send_header(s, &hop, header, ip->header_len, payload);
}

/* ---- No neighbour ------------------------------------------------------- */

/* The interface through which a sender is answered. */
static struct net_if *towards(struct net_stack *s, const struct lwt_addr *src)
{
  struct net_hop hop;

  return net_hop_find(s, src, NULL, 0, &hop) ? NULL : hop.nif;
}

/* The next hop of somebody else's packet does not answer (RFC 1812 5.2.7.1). */
static void failed4(struct net_stack *s, const struct lwt_buf *packet)
{
  struct lwt_buf *copy = lwt_buf_slice(packet, 0, packet->total);
  struct net_ip_info ip = { 0 };
  struct net_ipv4_repr r;
  uint8_t header[60];
  int len;

  if (!copy)
    return;
  lwt_buf_copy_out(copy, 0, header, sizeof header);
  len = net_ipv4_parse(&r, header, copy->total < 60 ? copy->total : 60);
  if (len >= 0 && !r.offset) {
    ip = (struct net_ip_info){
      .src = net_addr4(r.src, 0), .dst = net_addr4(r.dst, 0), .proto = r.proto,
      .header = header, .header_len = r.header
    };
    copy = lwt_buf_pull(copy, r.header);
    ip.nif = towards(s, &ip.src);
    if (ip.nif)
      net_icmp_send_error(s, &ip, NET_ICMP_UNREACHABLE, NET_UNREACH_HOST, 0, copy);
  }
  lwt_buf_free(copy);
}

/* ---- The program's switch ------------------------------------------------ */

static const struct net_forwarding forwarding = {
  .ipv4 = forward4, .ipv6 = net_ipv6_forward,
  .no_neighbour = failed4, .no_neighbour6 = net_ipv6_forward_failed
};

/* Among all routers, or not any more (RFC 4291 2.8). */
static void be_router(struct net_if *nif, int on)
{
  struct net_if6 *six = nif->six;

  if (on && !six->router)
    six->router = !net_mld_join(nif, net_ip6_all_routers);
  else if (!on && six->router)
    net_mld_leave(nif, net_ip6_all_routers);
  if (!on)
    six->router = 0;
}

int lwt_ip_forward(struct lwt_stack *stack, int on)
{
  struct net_stack *s = net_stack_of(stack);
  unsigned i;

  if (!s)
    return LWT_ENOTSUP;
  net_clock(s);
  for (i = 0; i < s->n_ifs; i++)
    if (s->ifs[i]->six)
      be_router(s->ifs[i], on);
  s->forwarding = on ? &forwarding : NULL;
  net_routes_changed(s);
  return 0;
}
