/* net/route.c - the way of a flow's packets, looked up once.
 * SPDX-License-Identifier: ISC
 *
 * Read route.h first; what is done here once more for speed is in ipv4.c,
 * neighbour.c and ether.c in full.
 */
#include "route.h"

#include "checksum.h"
#include "neighbour.h"

#include <string.h>

static int make(struct net_stack *s, struct net_route *route,
                const struct lwt_addr *from, const struct lwt_addr *to, uint8_t proto)
{
  uint32_t src = net_ip4(from), dst = net_ip4(to), addrs;
  struct net_ipv4_repr ip = {
    .src = src, .dst = dst, .proto = proto, .ttl = s->config.ttl, .df = 1
  };
  struct net_ether_repr ether = { .type = NET_ETHER_IPV4 };
  int error;
  const struct net_hop *hop = net_hop_cached(s, to, from, &error);

  if (!hop || hop->kind != NET_HOP_NEIGHBOUR)
    return 0;
  route->nif = hop->nif;
  route->mtu = hop->mtu;
  route->hop = net_neighbour_look(hop->nif, &hop->next, ether.dst);
  if (!route->hop)
    return 0;
  memcpy(ether.src, route->nif->mac, 6);
  net_ether_emit(&ether, route->head);
  net_ipv4_emit(&ip, route->head + NET_ETHER_LEN);
  addrs = (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff);
  route->ip_sum = (uint16_t)~net_get16(route->head + NET_ETHER_LEN + 10);
  route->pseudo_sum = addrs + proto;
  route->age = s->route_age;
  return 1;
}

int net_route_find(struct net_stack *s, struct net_route *route,
                   const struct lwt_addr *src, const struct lwt_addr *dst,
                   uint8_t proto)
{
  if (route->age == s->route_age)
    return 1;
  return dst->family == 4 && make(s, route, src, dst, proto);
}

static void finish_sum(const struct net_if *nif, uint32_t sum, int udp, uint16_t offset,
                       struct lwt_buf *segment)
{
  sum += segment->total;
  if (nif->offloads & LWT_NETIF_TX_CSUM) {
    segment->flags |= LWT_BUF_CSUM_PARTIAL;
    segment->csum_start = NET_ROUTE_HEADERS;
    segment->csum_offset = offset;
    net_put16(segment->data + offset, net_sum_fold(sum));
    return;
  }
  sum += segment->next ? net_sum_chain(segment, 0, segment->total)
                       : net_sum(segment->data, segment->len);
  sum = (uint16_t)~net_sum_fold(sum);
  net_put16(segment->data + offset, sum || !udp ? sum : 0xffff);
}

int net_route_send(struct net_stack *s, const struct net_route *route,
                   uint16_t csum_offset, struct lwt_buf *segment)
{
  uint32_t total = segment->total + NET_IPV4_LEN;
  uint8_t *head;

  if (total > route->mtu && !(segment->flags & LWT_BUF_GSO)) {
    s->stats.ip_too_big++;
    lwt_buf_free(segment);
    return LWT_EMSGSIZE;
  }
  finish_sum(route->nif, route->pseudo_sum,
             route->head[NET_ETHER_LEN + 9] == NET_PROTO_UDP, csum_offset, segment);
  segment->data -= NET_ROUTE_HEADERS;
  segment->len += NET_ROUTE_HEADERS;
  segment->total += NET_ROUTE_HEADERS;
  head = segment->data;
  memcpy(head, route->head, NET_ROUTE_HEADERS);
  net_put16(head + NET_ETHER_LEN + 2, total);
  net_put16(head + NET_ETHER_LEN + 10,
            (uint16_t)~net_sum_fold(route->ip_sum + total));
  net_neighbour_used(route->hop, s->now);
  s->stats.ip_tx++;
  return net_ether_transmit(route->nif, segment);
}
