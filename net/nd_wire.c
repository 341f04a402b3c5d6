/* net/nd_wire.c - neighbour discovery on the wire.
 * SPDX-License-Identifier: ISC
 */
#include "nd_wire.h"

#include "net.h"

#include <string.h>

enum { SOURCE = 1, TARGET = 2, PREFIX = 3, MTU = 5, NONCE = 14, ROUTE = 24,
       SERVERS = 25 };
enum { PREFIX_LEN = 32, SERVERS_LEN = 8, ROUTE_LEN = 8 };

/* ---- Reading ------------------------------------------------------------ */

/* 2 is reserved, and taken as medium (RFC 4191 2.1). */
static int8_t preference(uint8_t flags)
{
  static const int8_t values[4] = { 0, 1, 0, -1 };

  return values[flags >> 3 & 3];
}

/* What is beyond the length must be ignored. */
static void mask(uint8_t ip[16], uint8_t len)
{
  unsigned i = len / 8u;

  if (i < 16)
    ip[i] &= (uint8_t)(0xff00 >> (len & 7));
  while (++i < 16)
    ip[i] = 0;
}

static void parse_prefix(struct net_nd_repr *r, const uint8_t *p, size_t size)
{
  struct net_nd_prefix *x = &r->prefixes[r->n_prefixes];

  if (size != PREFIX_LEN || p[2] > 128 || r->n_prefixes == NET_ND_PREFIXES)
    return;
  x->len = p[2];
  x->on_link = p[3] >> 7;
  x->autonomous = p[3] >> 6 & 1;
  x->valid = net_get32(p + 4);
  x->preferred = net_get32(p + 8);
  memcpy(x->prefix, p + 16, 16);
  mask(x->prefix, x->len);
  r->n_prefixes++;
}

static void parse_route(struct net_nd_repr *r, const uint8_t *p, size_t size)
{
  struct net_nd_route *x = &r->routes[r->n_routes];

  if (size > 24 || p[2] > 128 || (size_t)(p[2] + 63) / 64 * 8 > size - ROUTE_LEN ||
      (p[3] >> 3 & 3) == 2 || r->n_routes == NET_ND_ROUTES)
    return;
  x->len = p[2];
  x->preference = preference(p[3]);
  x->lifetime = net_get32(p + 4);
  memset(x->prefix, 0, 16);
  memcpy(x->prefix, p + ROUTE_LEN, size - ROUTE_LEN);
  mask(x->prefix, x->len);
  r->n_routes++;
}

static void parse_servers(struct net_nd_repr *r, const uint8_t *p, size_t size)
{
  size_t at;

  if (size < SERVERS_LEN + 16 || (size - SERVERS_LEN) % 16)
    return;
  for (at = SERVERS_LEN; at < size && r->n_servers < NET_ND_SERVERS; at += 16) {
    memcpy(r->servers[r->n_servers].ip, p + at, 16);
    r->servers[r->n_servers++].lifetime = net_get32(p + 4);
  }
}

static void parse_bytes(struct net_nd_repr *r, uint8_t option, uint8_t out[6],
                        const uint8_t *p, size_t size)
{
  if (size != 8 || r->options & option)
    return;
  memcpy(out, p + 2, 6);
  r->options |= option;
}

static int parse_options(struct net_nd_repr *r, const uint8_t *p, size_t len)
{
  size_t size;

  for (; len; p += size, len -= size) {
    if (len < 8 || !p[1] || p[1] * 8u > len)
      return LWT_EBADMSG;
    size = p[1] * 8u;
    switch (p[0]) {
    case SOURCE:
      parse_bytes(r, NET_ND_SOURCE, r->source_mac, p, size);
      break;
    case TARGET:
      parse_bytes(r, NET_ND_TARGET, r->target_mac, p, size);
      break;
    case NONCE:
      parse_bytes(r, NET_ND_NONCE, r->nonce, p, size);
      break;
    case PREFIX:
      parse_prefix(r, p, size);
      break;
    case ROUTE:
      parse_route(r, p, size);
      break;
    case SERVERS:
      parse_servers(r, p, size);
      break;
    case MTU:
      if (size == 8) {
        r->mtu = net_get32(p + 4);
        r->options |= NET_ND_MTU;
      }
      break;
    default:;
    }
  }
  return 0;
}

/* What the message is without its options. */
static size_t fixed_len(uint8_t type)
{
  switch (type) {
  case NET_ICMP6_ROUTER_SOLICIT:
    return 8;
  case NET_ICMP6_ROUTER_ADVERT:
    return 16;
  case NET_ICMP6_SOLICIT:
  case NET_ICMP6_ADVERT:
    return 24;
  default:
    return 40;
  }
}

static void parse_fixed(struct net_nd_repr *r, const uint8_t *p)
{
  switch (r->type) {
  case NET_ICMP6_ROUTER_ADVERT:
    r->hops = p[4];
    r->managed = p[5] >> 7;
    r->other = p[5] >> 6 & 1;
    r->preference = preference(p[5]);
    r->lifetime = net_get16(p + 6);
    r->reachable = net_get32(p + 8);
    r->retrans = net_get32(p + 12);
    break;
  case NET_ICMP6_ADVERT:
    r->router = p[4] >> 7;
    r->solicited = p[4] >> 6 & 1;
    r->override = p[4] >> 5 & 1;
    /* fall through */
  case NET_ICMP6_SOLICIT:
    memcpy(r->target, p + 8, 16);
    break;
  case NET_ICMP6_REDIRECT:
    memcpy(r->target, p + 8, 16);
    memcpy(r->dst, p + 24, 16);
    break;
  default:;
  }
}

static int is_solicited_node(const uint8_t ip[16])
{
  uint8_t group[16];

  net_ip6_solicited(ip, group);
  return !memcmp(ip, group, 16);
}

/* Whether a message with this content may come from src to dst. */
static int acceptable(const struct net_nd_repr *r, const uint8_t src[16],
                      const uint8_t dst[16])
{
  int anonymous = net_ip6_is_any(src);

  switch (r->type) {
  case NET_ICMP6_ROUTER_SOLICIT:
    return !(anonymous && r->options & NET_ND_SOURCE);
  case NET_ICMP6_ROUTER_ADVERT:
    return net_ip6_is_link_local(src);
  case NET_ICMP6_SOLICIT:
    return !net_ip6_is_multicast(r->target) &&
           (!anonymous || (is_solicited_node(dst) && !(r->options & NET_ND_SOURCE)));
  case NET_ICMP6_ADVERT:
    return !net_ip6_is_multicast(r->target) &&
           !(net_ip6_is_multicast(dst) && r->solicited) && !anonymous;
  default:
    return net_ip6_is_link_local(src) && !net_ip6_is_multicast(r->dst) &&
           (net_ip6_is_link_local(r->target) || !memcmp(r->target, r->dst, 16));
  }
}

int net_nd_parse(struct net_nd_repr *r, const uint8_t src[16], const uint8_t dst[16],
                 uint8_t hops, const uint8_t *bytes, size_t len)
{
  size_t fixed;

  memset(r, 0, sizeof *r);
  if (hops != 255 || len < 8 || bytes[1] || bytes[0] < NET_ICMP6_ROUTER_SOLICIT ||
      bytes[0] > NET_ICMP6_REDIRECT)
    return LWT_EBADMSG;
  r->type = bytes[0];
  fixed = fixed_len(r->type);
  if (len < fixed)
    return LWT_EBADMSG;
  parse_fixed(r, bytes);
  if (parse_options(r, bytes + fixed, len - fixed) || !acceptable(r, src, dst))
    return LWT_EBADMSG;
  return 0;
}

/* ---- Writing ------------------------------------------------------------ */

static uint8_t *option(uint8_t *p, uint8_t type, size_t size)
{
  memset(p, 0, size);
  p[0] = type;
  p[1] = (uint8_t)(size / 8);
  return p + size;
}

static uint8_t *emit_bytes(uint8_t *p, uint8_t type, const uint8_t bytes[6])
{
  uint8_t *end = option(p, type, 8);

  memcpy(p + 2, bytes, 6);
  return end;
}

static uint8_t *emit_prefix(uint8_t *p, const struct net_nd_prefix *x)
{
  uint8_t *end = option(p, PREFIX, PREFIX_LEN);

  p[2] = x->len;
  p[3] = (uint8_t)(x->on_link << 7 | x->autonomous << 6);
  net_put32(p + 4, x->valid);
  net_put32(p + 8, x->preferred);
  memcpy(p + 16, x->prefix, 16);
  return end;
}

static uint8_t *emit_route(uint8_t *p, const struct net_nd_route *x)
{
  size_t bytes = (size_t)(x->len + 63) / 64 * 8;
  uint8_t *end = option(p, ROUTE, ROUTE_LEN + bytes);

  p[2] = x->len;
  p[3] = (uint8_t)((x->preference & 3) << 3);
  net_put32(p + 4, x->lifetime);
  memcpy(p + ROUTE_LEN, x->prefix, bytes);
  return end;
}

static uint8_t *emit_server(uint8_t *p, const struct net_nd_server *x)
{
  uint8_t *end = option(p, SERVERS, SERVERS_LEN + 16);

  net_put32(p + 4, x->lifetime);
  memcpy(p + SERVERS_LEN, x->ip, 16);
  return end;
}

static void emit_fixed(const struct net_nd_repr *r, uint8_t *p)
{
  switch (r->type) {
  case NET_ICMP6_ROUTER_ADVERT:
    p[4] = r->hops;
    p[5] = (uint8_t)(r->managed << 7 | r->other << 6 | (r->preference & 3) << 3);
    net_put16(p + 6, r->lifetime);
    net_put32(p + 8, r->reachable);
    net_put32(p + 12, r->retrans);
    break;
  case NET_ICMP6_ADVERT:
    p[4] = (uint8_t)(r->router << 7 | r->solicited << 6 | r->override << 5);
    /* fall through */
  case NET_ICMP6_SOLICIT:
    memcpy(p + 8, r->target, 16);
    break;
  case NET_ICMP6_REDIRECT:
    memcpy(p + 8, r->target, 16);
    memcpy(p + 24, r->dst, 16);
    break;
  default:;
  }
}

size_t net_nd_emit(const struct net_nd_repr *r, uint8_t *bytes)
{
  size_t fixed = fixed_len(r->type);
  uint8_t *p = bytes + fixed;
  unsigned i;

  memset(bytes, 0, fixed);
  bytes[0] = r->type;
  emit_fixed(r, bytes);
  if (r->options & NET_ND_SOURCE)
    p = emit_bytes(p, SOURCE, r->source_mac);
  if (r->options & NET_ND_TARGET)
    p = emit_bytes(p, TARGET, r->target_mac);
  if (r->options & NET_ND_NONCE)
    p = emit_bytes(p, NONCE, r->nonce);
  if (r->options & NET_ND_MTU) {
    uint8_t *at = p;

    p = option(at, MTU, 8);
    net_put32(at + 4, r->mtu);
  }
  for (i = 0; i < r->n_prefixes; i++)
    p = emit_prefix(p, &r->prefixes[i]);
  for (i = 0; i < r->n_routes; i++)
    p = emit_route(p, &r->routes[i]);
  for (i = 0; i < r->n_servers; i++)
    p = emit_server(p, &r->servers[i]);
  return (size_t)(p - bytes);
}
