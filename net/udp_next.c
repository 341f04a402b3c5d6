/* net/udp_next.c - datagrams that go the way of those before them.
 * SPDX-License-Identifier: ISC
 *
 * Read next.c first, and udp.c, which does the same in full.  What is sent takes
 * one page for headers and payload, and a route that was looked up once for its
 * two addresses; what arrives is for one endpoint.
 */
#include "udp.h"

#include "next.h"
#include "wire.h"

enum { CSUM_OFFSET = 6, UDP = NET_NEXT_TRANSPORT };

/* ---- Output ------------------------------------------------------------ */

/* Whether nothing but the addresses makes the headers. */
static int takes_routes(const struct udp_endpoint *e, const struct lwt_addr *to)
{
  const struct lwt_ip_udp_options *o = &e->options;

  return to->family == 4 && e->addr.family == 4 &&
         !(o->interface | (unsigned)o->tos | o->ttl | (unsigned)o->anonymous);
}

static struct udp_route *slot(struct net_stack *s, uint32_t dst, uint32_t bound)
{
  return &s->udp->routes[(dst ^ dst >> 8 ^ bound) % UDP_ROUTES];
}

void net_udp_route(struct udp_endpoint *e, const struct lwt_addr *src,
                   const struct lwt_addr *to)
{
  uint32_t dst = net_ip4(to), bound = net_ip4(&e->addr);
  struct udp_route *u = slot(e->s, dst, bound);

  if (!takes_routes(e, to))
    return;
  *u = (struct udp_route){ .dst = dst, .bound = bound };
  net_route_find(e->s, &u->route, src, to, NET_PROTO_UDP);
}

/* The route of such a datagram; NULL. */
static struct net_route *route_of(struct udp_endpoint *e, const struct lwt_addr *to)
{
  struct net_stack *s = e->s;
  struct udp_route *u;
  uint32_t dst, bound;

  if (!s || !to->port || e->refused.family || e->error || !takes_routes(e, to) ||
      (e->peer.family && !lwt_addr_equal(&e->peer, to)))
    return NULL;
  dst = net_ip4(to);
  bound = net_ip4(&e->addr);
  u = slot(s, dst, bound);
  if (u->dst != dst || u->bound != bound || u->route.age != s->route_age)
    return NULL;
  return &u->route;
}

/* What net_route_send() does then.  The sum comes from the numbers and the program's
 * bytes: those that were just written are not there yet. */
static inline int pass(struct udp_endpoint *e, const struct net_route *route,
                       const struct lwt_addr *to, const void *bytes, size_t len,
                       struct lwt_buf *packet)
{
  uint32_t sum = route->pseudo_sum + 2 * packet->total + e->addr.port + to->port;

  sum = (uint16_t)~net_sum_fold(sum + net_sum(bytes, len));
  net_put16(packet->data + CSUM_OFFSET, sum ? sum : 0xffff);
  return net_route_pass(e->s, route, 0, net_ipv4_id(e->s, net_ip4(to)), packet);
}

int net_udp_send_next(struct udp_endpoint *e, const struct lwt_addr *to,
                      const void *bytes, size_t len, int *error)
{
  struct net_route *route = route_of(e, to);
  struct net_stack *s = e->s;
  struct lwt_buf *packet;
  uint8_t *p;

  if (!route || len > LWT_PAGE_SIZE - LWT_BUF_HEADROOM - NET_UDP_LEN ||
      len + NET_UDP_LEN + NET_IPV4_LEN > route->mtu)
    return 0;
  if (s->pcap) /* nothing else asks for the time */
    net_clock(s);
  packet = lwt_buf_new(LWT_BUF_HEADROOM, (uint32_t)len + NET_UDP_LEN);
  if (!packet) {
    s->stats.no_memory++;
    *error = LWT_ENOMEM;
    return 1;
  }
  p = packet->data;
  net_put16(p, e->addr.port);
  net_put16(p + 2, to->port);
  net_put16(p + 4, (uint32_t)len + NET_UDP_LEN);
  net_put16(p + CSUM_OFFSET, 0);
  if (len)
    lwt__copy(p + NET_UDP_LEN, bytes, len);
  s->stats.udp_tx++;
  *error = route->plain ? pass(e, route, to, bytes, len, packet)
                        : net_route_send(s, route, CSUM_OFFSET, 0,
                                         net_ipv4_id(s, net_ip4(to)), packet);
  return 1;
}

/* ---- Input ------------------------------------------------------------- */

static int is_unicast(const struct net_stack *s, uint32_t ip)
{
  return ip >> 24 != 0 && ip >> 28 < 14 && !net_broadcast4(s, ip);
}

/* For the endpoint that is remembered; 0: there is something about it. */
static inline int take(struct net_stack *s, struct lwt_buf *frame, uint32_t len)
{
  const uint8_t *p = frame->data;
  struct net_udp_table *table = s->udp;
  struct udp_item *item;

  if (net_get16(p + UDP + 4) != len ||
      (net_get16(p + UDP + CSUM_OFFSET) && !net_next_sum_ok(frame, NET_PROTO_UDP, len)))
    return 0;
  s->stats.ip_rx++;
  s->stats.udp_rx++;
  frame = net_next_strip(frame, UDP + NET_UDP_LEN, len - NET_UDP_LEN);
  frame->flags = 0;
  item = net_udp_take(table->same_endpoint, frame);
  if (!item)
    return 1;
  item->datagram.from = table->from;
  item->datagram.to = table->to;
  net_udp_hand_over(table->same_endpoint, item);
  return 1;
}

int net_udp_input_next(struct net_if *nif, struct lwt_buf *frame)
{
  struct net_stack *s = nif->s;
  struct net_udp_table *table = s->udp;
  const uint8_t *p = frame->data, *ip = p + NET_NEXT_IP;
  uint32_t src = net_get32(ip + 12);
  struct lwt_addr from = net_addr4(src, net_get16(p + UDP));
  struct lwt_addr to = net_addr4(net_get32(ip + 16), net_get16(p + UDP + 2));
  struct udp_endpoint *e;

  if (!is_unicast(s, src) || !(e = net_udp_find(s, &to, to.port, nif->index, &from)))
    return 0;
  net_next_remember(&table->same, nif, p);
  table->same_endpoint = e;
  table->from = from;
  table->to = to;
  return net_udp_input_same(nif, frame);
}

int net_udp_input_same(struct net_if *nif, struct lwt_buf *frame)
{
  uint32_t len = net_next_same(&nif->s->udp->same, nif, frame);

  return len && take(nif->s, frame, len);
}
