/* net/wire6.c - IPv6, fragment and ICMPv6 headers as they are on the wire.
 * SPDX-License-Identifier: ISC
 */
#include "wire6.h"

#include "net.h"

#include <string.h>

const uint8_t net_ip6_all_nodes[16] = { 0xff, 2, [15] = 1 };
const uint8_t net_ip6_all_routers[16] = { 0xff, 2, [15] = 2 };

int net_ipv6_parse(struct net_ipv6_repr *r, const uint8_t *bytes, size_t len)
{
  uint32_t word;

  if (len < NET_IPV6_LEN || bytes[0] >> 4 != 6)
    return LWT_EBADMSG;
  word = net_get32(bytes);
  r->tclass = (uint8_t)(word >> 20);
  r->flow = word & 0xfffff;
  r->payload = net_get16(bytes + 4);
  r->next = bytes[6];
  r->hops = bytes[7];
  memcpy(r->src, bytes + 8, 16);
  memcpy(r->dst, bytes + 24, 16);
  return NET_IPV6_LEN;
}

void net_ipv6_emit(const struct net_ipv6_repr *r, uint8_t *bytes)
{
  net_put32(bytes, 6u << 28 | (uint32_t)r->tclass << 20 | r->flow);
  net_put16(bytes + 4, r->payload);
  bytes[6] = r->next;
  bytes[7] = r->hops;
  memcpy(bytes + 8, r->src, 16);
  memcpy(bytes + 24, r->dst, 16);
}

int net_fragment_parse(struct net_fragment_repr *r, const uint8_t *bytes, size_t len)
{
  uint16_t word;

  if (len < NET_FRAGMENT_LEN)
    return LWT_EBADMSG;
  word = net_get16(bytes + 2);
  r->next = bytes[0];
  r->offset = word & 0xfff8;
  r->mf = word & 1;
  r->id = net_get32(bytes + 4);
  return NET_FRAGMENT_LEN;
}

void net_fragment_emit(const struct net_fragment_repr *r, uint8_t *bytes)
{
  bytes[0] = r->next;
  bytes[1] = 0;
  net_put16(bytes + 2, (uint32_t)(r->offset | r->mf));
  net_put32(bytes + 4, r->id);
}

int net_icmpv6_parse(struct net_icmpv6_repr *r, const uint8_t *bytes, size_t len)
{
  if (len < NET_ICMPV6_LEN)
    return LWT_EBADMSG;
  r->type = bytes[0];
  r->code = bytes[1];
  r->checksum = net_get16(bytes + 2);
  r->word = net_get32(bytes + 4);
  return NET_ICMPV6_LEN;
}

void net_icmpv6_emit(const struct net_icmpv6_repr *r, uint8_t *bytes)
{
  bytes[0] = r->type;
  bytes[1] = r->code;
  net_put16(bytes + 2, 0);
  net_put32(bytes + 4, r->word);
}

/* ---- Addresses ---------------------------------------------------------- */

static const uint8_t zero[16];

int net_ip6_is_any(const uint8_t ip[16])
{
  return !memcmp(ip, zero, 16);
}

int net_ip6_is_loopback(const uint8_t ip[16])
{
  return !memcmp(ip, zero, 15) && ip[15] == 1;
}

int net_ip6_is_mapped(const uint8_t ip[16])
{
  static const uint8_t prefix[12] = { [10] = 0xff, 0xff };

  return !memcmp(ip, prefix, sizeof prefix);
}

void net_ip6_solicited(const uint8_t ip[16], uint8_t group[16])
{
  memcpy(group, zero, 16);
  group[0] = 0xff;
  group[1] = 2;
  group[11] = 1;
  group[12] = 0xff;
  memcpy(group + 13, ip + 13, 3);
}

void net_ip6_group_mac(const uint8_t ip[16], uint8_t mac[6])
{
  mac[0] = mac[1] = 0x33;
  memcpy(mac + 2, ip + 12, 4);
}
