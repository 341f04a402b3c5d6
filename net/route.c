/* net/route.c - the way of a flow's packets, looked up once.
 * SPDX-License-Identifier: ISC
 *
 * Read route.h first; what is done here once more for speed is in ipv4.c,
 * neighbour.c and ether.c in full.
 */
#include "route.h"

#include "checksum.h"
#include "ipv6.h"

#include <string.h>

static void make4(struct net_stack *s, struct net_route *route,
                  const struct lwt_addr *from, const struct lwt_addr *to)
{
  struct net_ipv4_repr ip = {
    .src = net_ip4(from), .dst = net_ip4(to), .proto = route->proto,
    .ttl = s->config.ttl, .df = route->proto == NET_PROTO_TCP
  };

  net_ipv4_emit(&ip, route->head + NET_ETHER_LEN);
  route->ip_sum = (uint16_t)~net_get16(route->head + NET_ETHER_LEN + 10);
  route->head_len = NET_ROUTE_HEADERS;
}

static void make6(struct net_stack *s, struct net_route *route,
                  const struct lwt_addr *from, const struct lwt_addr *to)
{
  struct net_ipv6_repr ip = { .next = route->proto, .hops = route->nif->six->hops };
  uint8_t ports[4];

  net_put16(ports, from->port);
  net_put16(ports + 2, to->port);
  memcpy(ip.src, from->ip, 16);
  memcpy(ip.dst, to->ip, 16);
  ip.flow = net_ipv6_flow(s, from, to, route->proto, ports);
  net_ipv6_emit(&ip, route->head + NET_ETHER_LEN);
  route->head_len = NET_ROUTE_HEADERS6;
}

static int make(struct net_stack *s, struct net_route *route,
                const struct lwt_addr *from, const struct lwt_addr *to, uint8_t proto)
{
  struct net_ether_repr ether = {
    .type = to->family == 6 ? NET_ETHER_IPV6 : NET_ETHER_IPV4
  };
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
  route->proto = proto;
  if (to->family == 6)
    make6(s, route, from, to);
  else
    make4(s, route, from, to);
  route->plain = to->family == 4 && !(route->nif->offloads & LWT_NETIF_TX_CSUM);
  route->pseudo_sum = net_sum_pseudo(from, to, proto, 0);
  route->age = s->route_age;
  return 1;
}

int net_route_find(struct net_stack *s, struct net_route *route,
                   const struct lwt_addr *src, const struct lwt_addr *dst,
                   uint8_t proto)
{
  if (route->age == s->route_age)
    return 1;
  return make(s, route, src, dst, proto);
}

void net_route_confirm(struct net_stack *s, const struct net_route *route)
{
  if (route->age == s->route_age && route->hop->state > NET_REACHABLE)
    net_neighbour_confirm(route->hop);
}

static void finish_sum(const struct net_route *route, uint16_t offset,
                       struct lwt_buf *segment)
{
  uint32_t sum = route->pseudo_sum + segment->total;

  if (route->nif->offloads & LWT_NETIF_TX_CSUM) {
    segment->flags |= LWT_BUF_CSUM_PARTIAL;
    segment->csum_start = route->head_len;
    segment->csum_offset = offset;
    net_put16(segment->data + offset, net_sum_fold(sum));
    return;
  }
  sum += segment->next ? net_sum_chain(segment, 0, segment->total)
                       : net_sum(segment->data, segment->len);
  sum = (uint16_t)~net_sum_fold(sum);
  net_put16(segment->data + offset, sum || route->proto != NET_PROTO_UDP ? sum : 0xffff);
}

static inline void head4(const struct net_route *route, uint8_t tos, uint16_t id,
                         uint32_t total, uint8_t *head)
{
  memcpy(head, route->head, NET_ROUTE_HEADERS); /* of a length known here: inline */
  total += NET_IPV4_LEN;
  head[NET_ETHER_LEN + 1] = tos;
  net_put32(head + NET_ETHER_LEN + 2, total << 16 | id);
  net_put16(head + NET_ETHER_LEN + 10,
            (uint16_t)~net_sum_fold(route->ip_sum + tos + total + id));
}

static inline void head6(const struct net_route *route, uint8_t tos, uint32_t total,
                         uint8_t *head)
{
  memcpy(head, route->head, NET_ROUTE_HEADERS6);
  head[NET_ETHER_LEN] |= tos >> 4;
  head[NET_ETHER_LEN + 1] |= (uint8_t)(tos << 4);
  net_put16(head + NET_ETHER_LEN + 4, total);
}

void net_route_head(struct net_stack *s, const struct net_route *route, uint8_t tos,
                    uint32_t total, uint8_t *head)
{
  net_neighbour_used(route->hop, s->now);
  if (route->head_len == NET_ROUTE_HEADERS)
    head4(route, tos, 0, total, head);
  else
    head6(route, tos, total, head);
}

int net_route_pass(struct net_stack *s, const struct net_route *route, uint8_t tos,
                   uint16_t id, struct lwt_buf *segment)
{
  uint32_t total = segment->total;

  segment->data -= NET_ROUTE_HEADERS;
  segment->len += NET_ROUTE_HEADERS;
  segment->total += NET_ROUTE_HEADERS;
  head4(route, tos, id, total, segment->data);
  net_neighbour_used(route->hop, s->now);
  s->stats.ip_tx++;
  return net_ether_transmit(route->nif, segment);
}

int net_route_send(struct net_stack *s, const struct net_route *route,
                   uint16_t csum_offset, uint8_t tos, uint16_t id,
                   struct lwt_buf *segment)
{
  uint32_t head_len = route->head_len, total = segment->total;

  if (total + head_len - NET_ETHER_LEN > route->mtu && !(segment->flags & LWT_BUF_GSO)) {
    s->stats.ip_too_big++;
    lwt_buf_free(segment);
    return LWT_EMSGSIZE;
  }
  finish_sum(route, csum_offset, segment);
  if (head_len == NET_ROUTE_HEADERS)
    return net_route_pass(s, route, tos, id, segment);
  segment->data -= head_len;
  segment->len += head_len;
  segment->total += head_len;
  head6(route, tos, total, segment->data);
  net_neighbour_used(route->hop, s->now);
  s->stats.ip_tx++;
  return net_ether_transmit(route->nif, segment);
}
