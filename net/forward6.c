/* net/forward6.c - IPv6 packets of others, on their way (RFC 8200, RFC 4443, RFC 4291).
 * SPDX-License-Identifier: ISC
 *
 * As forward.c.  Extension headers pass unchanged (none is for routers that are not
 * asked to look, RFC 8200 4.3), nothing is cut up, and what belongs to one link does
 * not leave it.
 */
#include "forward.h"
#include "ipv6.h"

static int count(uint64_t *counter)
{
  ++*counter;
  return 0;
}

/* Behind extension headers may be what must not be answered: ICMP is not, nor what
 * nobody understands. */
static int is_known(const struct net_ip_info *ip, const struct lwt_buf *payload)
{
  uint8_t bytes[NET_EXT_BYTES];
  struct net_ext e;
  uint32_t len;

  if (!net_is_ext(ip->proto))
    return 1;
  len = lwt_buf_copy_out(payload, 0, bytes, sizeof bytes);
  return net_ext_parse(&e, ip->proto, 6, NET_IPV6_LEN, 0, bytes, len) >= 0 &&
         e.next != NET_PROTO_ICMPV6;
}

static void tell(const struct net_ip_info *ip, uint8_t type, uint8_t code, uint32_t word,
                 const struct lwt_buf *payload)
{
  if (is_known(ip, payload))
    net_icmp6_send_error(ip->nif->s, ip, type, code, word, payload);
}

/* Where it may go; 0: nowhere, which is counted and told to the sender. */
static int way(const struct net_ip_info *ip, const struct lwt_buf *payload,
               struct net_hop *hop)
{
  struct net_stack *s = ip->nif->s;
  const uint8_t *dst = ip->dst.ip;
  int error;

  if (ip->broadcast || net_ip6_is_any(dst) || net_ip6_is_loopback(dst) ||
      net_ip6_is_mapped(dst) || net_ip6_is_link_local(dst) ||
      net_ip6_is_any(ip->src.ip)) {
    ip->nif->stats.rx_destination++;
    return count(&s->stats.ip_destination);
  }
  if (ip->ttl <= 1) {
    tell(ip, NET_ICMP6_TIME_EXCEEDED, 0, 0, payload);
    return count(&s->stats.ip_ttl);
  }
  error = net_hop6_find(s, &ip->dst, NULL, 0, hop);
  if (error || hop->kind != NET_HOP_NEIGHBOUR) {
    tell(ip, NET_ICMP6_UNREACHABLE, NET_UNREACH6_ROUTE, 0, payload);
    return count(&s->stats.ip_no_route);
  }
  if (net_ip6_is_link_local(ip->src.ip)) {
    tell(ip, NET_ICMP6_UNREACHABLE, NET_UNREACH6_SCOPE, 0, payload);
    return count(&s->stats.ip_source);
  }
  hop->mtu = hop->nif->six->mtu; /* what we learnt of the path is not for others */
  if (hop->most && hop->most < hop->mtu)
    hop->mtu = hop->most > NET_IPV6_MTU_MIN ? hop->most : NET_IPV6_MTU_MIN;
  return 1;
}

/* With one hop less; takes payload. */
static void send(const struct net_ip_info *ip, const struct net_hop *hop,
                 struct lwt_buf *payload)
{
  struct net_stack *s = ip->nif->s;
  uint32_t total = payload->total;

  if (payload->flags & LWT_BUF_CSUM_PARTIAL)
    payload->csum_start = (uint16_t)(payload->csum_start + NET_IPV6_LEN);
  else
    payload->flags = 0;
  payload = lwt_buf_push(payload, NET_IPV6_LEN);
  if (!payload) {
    s->stats.no_memory++;
    return;
  }
  memcpy(payload->data, ip->header, NET_IPV6_LEN);
  payload->data[7]--;
  net_put16(payload->data + 4, total);
  s->stats.ip_tx++;
  net_neighbour_send(hop->nif, &hop->next, payload);
}

void net_ipv6_forward(const struct net_ip_info *ip, struct lwt_buf *payload)
{
  struct net_stack *s = ip->nif->s;
  struct lwt_buf *segment;
  struct net_hop hop;
  struct net_gso g;
  enum net_fit fit;

  if (!way(ip, payload, &hop)) {
    lwt_buf_free(payload);
    return;
  }
  fit = net_gso_fit(ip, payload, NET_IPV6_LEN, hop.nif, hop.mtu);
  if (fit == NET_FIT_BAD || fit == NET_FIT_LARGE) {
    if (fit == NET_FIT_LARGE)
      tell(ip, NET_ICMP6_TOO_BIG, 0, hop.mtu, payload);
    count(fit == NET_FIT_LARGE ? &s->stats.ip_too_big : &s->stats.ip_malformed);
    lwt_buf_free(payload);
    return;
  }
  s->stats.ip_forwarded++;
  if (fit == NET_FIT_WHOLE) {
    send(ip, &hop, payload);
    return;
  }
  net_gso_begin(&g, ip, payload, hop.nif);
  while ((segment = net_gso_next(&g)))
    send(ip, &hop, segment);
  net_gso_end(&g);
}

void net_ipv6_forward_failed(struct net_stack *s, const struct lwt_buf *packet)
{
  struct lwt_buf *copy = lwt_buf_slice(packet, 0, packet->total);
  uint8_t header[NET_IPV6_LEN];
  struct net_ip_info ip = { .header = header, .header_len = NET_IPV6_LEN };
  struct net_ipv6_repr r;
  struct net_hop hop;

  if (!copy)
    return;
  if (lwt_buf_copy_out(copy, 0, header, sizeof header) == sizeof header &&
      net_ipv6_parse(&r, header, sizeof header) >= 0) {
    ip.src = net_addr6(r.src, 0);
    ip.dst = net_addr6(r.dst, 0);
    ip.proto = r.next;
    copy = lwt_buf_pull(copy, NET_IPV6_LEN);
    if (!net_hop6_find(s, &ip.src, NULL, 0, &hop)) {
      ip.nif = hop.nif;
      tell(&ip, NET_ICMP6_UNREACHABLE, NET_UNREACH6_ADDRESS, 0, copy);
    }
  }
  lwt_buf_free(copy);
}
