/* net/tcp_way.c - the way to a peer, found once for the connections to it.
 * SPDX-License-Identifier: ISC
 *
 * A connection keeps the route of its packets (route.h), but every new one, and
 * every answer that is sent without one, would have to look for the neighbour
 * again.  The last few ways are remembered here.  IPv4 only: what an IPv6 packet
 * begins with has a flow label, which depends on the ports.
 */
#include "tcp.h"

static const struct net_route *find(struct net_stack *s, const struct tcp_tuple *t)
{
  uint32_t local = (uint32_t)t->local[0], remote = (uint32_t)t->remote[0];
  uint32_t mix = local ^ remote;
  struct tcp_way *way = &s->tcp->ways[(mix ^ mix >> 24) % TCP_WAYS];
  struct lwt_addr from, to;

  if (way->route.age == s->route_age && way->local == local && way->remote == remote)
    return &way->route;
  way->local = local;
  way->remote = remote;
  way->route.age = 0;
  net_tcp_tuple_addrs(t, &from, &to);
  return net_route_find(s, &way->route, &from, &to, NET_PROTO_TCP) ? &way->route : NULL;
}

const struct net_route *net_tcp_way(struct net_stack *s, const struct tcp_tuple *t)
{
  return t->scope == 4 ? find(s, t) : NULL;
}

/* The connection's own, made of the peer's if there is one. */
const struct net_route *net_tcp_conn_way(struct tcp_conn *c)
{
  struct net_stack *s = c->stack;
  const struct net_route *way;

  if (c->route.age == s->route_age)
    return &c->route;
  way = net_tcp_way(s, &c->node.tuple);
  if (way)
    c->route = *way;
  else if (!net_route_find(s, &c->route, &c->local, &c->remote, NET_PROTO_TCP))
    return NULL;
  return &c->route;
}

uint16_t net_tcp_our_mss(struct net_stack *s, const struct net_route *way,
                         const struct lwt_addr *remote)
{
  uint32_t headers = remote->family == 6 ? 60 : 40;
  struct lwt_addr src;
  uint16_t mtu = way ? way->mtu : 0;

  if ((!way && net_ip_route(s, remote, &src, &mtu)) || mtu < headers + TCP_MSS_MIN)
    return remote->family == 6 ? TCP_MSS_DEFAULT6 : TCP_MSS_DEFAULT4;
  return (uint16_t)(mtu - headers);
}
