/* net/ipv6.c - IPv6 packets out (RFC 8200).
 * SPDX-License-Identifier: ISC
 *
 * What is too long for the path is cut up, unless the transport says df: TCP makes
 * its segments fit (RFC 8201).
 */
#include "ipv6.h"

#include "checksum.h"
#include "wire.h"

/* One packet with its header, to the next hop. */
static int transmit(struct net_stack *s, const struct net_hop *hop,
                    const uint8_t dst[16], struct lwt_buf *packet)
{
  uint8_t mac[6];

  s->stats.ip_tx++;
  switch (hop->kind) {
  case NET_HOP_SELF:
    return net_ip_loop(hop->nif, packet);
  case NET_HOP_MULTICAST:
    if (!hop->no_loop && net_mld_is_member(hop->nif, dst))
      net_ip_loop_copy(hop->nif, packet);
    net_ip6_group_mac(dst, mac);
    return net_ether_send(hop->nif, mac, NET_ETHER_IPV6, packet);
  default:
    return net_neighbour_send(hop->nif, &hop->next, packet);
  }
}

static struct lwt_buf *push(struct net_stack *s, struct lwt_buf *packet, uint32_t len)
{
  if (packet->flags & LWT_BUF_CSUM_PARTIAL)
    packet->csum_start = (uint16_t)(packet->csum_start + len);
  packet = lwt_buf_push(packet, len);
  s->stats.no_memory += !packet;
  return packet;
}

/* In pieces that fit.  Either all of them are sent or an error is returned. */
static int fragment(struct net_stack *s, const struct net_hop *hop,
                    struct net_ipv6_repr *r, struct lwt_buf *segment)
{
  uint32_t room = (hop->mtu - (uint32_t)(NET_IPV6_LEN + NET_FRAGMENT_LEN)) & ~7u;
  uint32_t offset = 0, len;
  struct net_fragment_repr f = { .id = (uint32_t)net_random(s), .next = r->next };
  struct net_hop way = *hop; /* what is sent may look up another one */
  struct lwt_buf *part;
  int error = 0;

  if (segment->flags & LWT_BUF_CSUM_PARTIAL) {
    segment = net_csum_complete(segment);
    if (!segment) {
      s->stats.no_memory++;
      return LWT_ENOMEM;
    }
  }
  r->next = NET_PROTO_FRAGMENT;
  for (; offset < segment->total && !error; offset += len) {
    len = segment->total - offset;
    f.mf = len > room;
    if (f.mf)
      len = room;
    f.offset = (uint16_t)offset;
    r->payload = (uint16_t)(NET_FRAGMENT_LEN + len);
    part = lwt_buf_slice(segment, offset, len);
    if (part)
      part = push(s, part, NET_IPV6_LEN + NET_FRAGMENT_LEN);
    if (part) {
      net_ipv6_emit(r, part->data);
      net_fragment_emit(&f, part->data + NET_IPV6_LEN);
    }
    error = part ? transmit(s, &way, r->dst, part) : LWT_ENOMEM;
    s->stats.frag_tx += !error;
  }
  lwt_buf_free(segment);
  return error;
}

int net_ipv6_send(struct net_stack *s, const struct net_hop *hop,
                  struct net_ipv6_repr *r, int df, struct lwt_buf *segment)
{
  if (!r->hops)
    r->hops = r->dst[0] == 0xff ? 1 : hop->nif->six ? hop->nif->six->hops
                                                    : s->config.ttl;
  if (segment->total + NET_IPV6_LEN > hop->mtu && !(segment->flags & LWT_BUF_GSO)) {
    if (!df && segment->total <= 65535 && hop->kind != NET_HOP_SELF)
      return fragment(s, hop, r, segment);
    if (segment->total > 65535 || hop->kind != NET_HOP_SELF) {
      s->stats.ip_too_big++;
      lwt_buf_free(segment);
      return LWT_EMSGSIZE;
    }
  }
  r->payload = (uint16_t)segment->total;
  segment = push(s, segment, NET_IPV6_LEN);
  if (!segment)
    return LWT_ENOMEM;
  net_ipv6_emit(r, segment->data);
  return transmit(s, hop, r->dst, segment);
}

uint32_t net_ipv6_flow(const struct net_stack *s, const struct lwt_addr *src,
                       const struct lwt_addr *dst, uint8_t proto, const uint8_t ports[4])
{
  uint8_t text[37];

  memcpy(text, src->ip, 16);
  memcpy(text + 16, dst->ip, 16);
  memcpy(text + 32, ports, 4);
  text[36] = proto;
  return (uint32_t)net_siphash(s->flow_key, text, sizeof text) & 0xfffff;
}

void net_icmp6_send_on(struct net_if *nif, const uint8_t src[16], const uint8_t dst[16],
                       int alert, const uint8_t *message, size_t len)
{
  static const uint8_t options[8] = { NET_PROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0 };
  struct lwt_addr from = net_addr6(src, 0), to = net_addr6(dst, 0);
  struct net_hop hop = { .kind = NET_HOP_NEIGHBOUR, .nif = nif, .mtu = nif->mtu,
                         .next = to };
  struct net_ipv6_repr r = { .next = NET_PROTO_ICMPV6, .hops = alert ? 1 : 255 };
  struct lwt_buf *packet = lwt_buf_copy_in(LWT_BUF_HEADROOM, message, (uint32_t)len);
  uint32_t sum;

  memcpy(r.src, src, 16);
  memcpy(r.dst, dst, 16);
  if (net_ip6_is_multicast(dst))
    hop.kind = NET_HOP_MULTICAST;
  if (packet) {
    sum = net_sum_pseudo(&from, &to, NET_PROTO_ICMPV6, (uint32_t)len);
    net_put16(packet->data + 2,
              (uint16_t)~net_sum_fold(sum + net_sum_chain(packet, 0, (uint32_t)len)));
    if (alert)
      packet = lwt_buf_push(packet, sizeof options);
  }
  if (!packet) {
    nif->s->stats.no_memory++;
    return;
  }
  if (alert) {
    memcpy(packet->data, options, sizeof options);
    r.next = NET_PROTO_HOP;
  }
  nif->s->stats.icmp_tx++;
  net_ipv6_send(nif->s, &hop, &r, 1, packet);
}
