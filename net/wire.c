/* net/wire.c - headers as they are on the wire.
 * SPDX-License-Identifier: ISC
 */
#include "wire.h"

#include "checksum.h"
#include "net.h"

#include <string.h>

int net_ether_parse(struct net_ether_repr *r, const uint8_t *bytes, size_t len)
{
  if (len < NET_ETHER_LEN)
    return LWT_EBADMSG;
  memcpy(r->dst, bytes, 6);
  memcpy(r->src, bytes + 6, 6);
  r->type = net_get16(bytes + 12);
  return NET_ETHER_LEN;
}

void net_ether_emit(const struct net_ether_repr *r, uint8_t *bytes)
{
  memcpy(bytes, r->dst, 6);
  memcpy(bytes + 6, r->src, 6);
  net_put16(bytes + 12, r->type);
}

/* Hardware Ethernet, protocol IPv4, address lengths 6 and 4. */
static const uint8_t arp_kind[6] = { 0, 1, 8, 0, 6, 4 };

int net_arp_parse(struct net_arp_repr *r, const uint8_t *bytes, size_t len)
{
  if (len < NET_ARP_LEN || memcmp(bytes, arp_kind, sizeof arp_kind))
    return LWT_EBADMSG;
  r->op = net_get16(bytes + 6);
  if (r->op != NET_ARP_REQUEST && r->op != NET_ARP_REPLY)
    return LWT_EBADMSG;
  memcpy(r->sender_mac, bytes + 8, 6);
  r->sender = net_get32(bytes + 14);
  memcpy(r->target_mac, bytes + 18, 6);
  r->target = net_get32(bytes + 24);
  return NET_ARP_LEN;
}

void net_arp_emit(const struct net_arp_repr *r, uint8_t *bytes)
{
  memcpy(bytes, arp_kind, sizeof arp_kind);
  net_put16(bytes + 6, r->op);
  memcpy(bytes + 8, r->sender_mac, 6);
  net_put32(bytes + 14, r->sender);
  memcpy(bytes + 18, r->target_mac, 6);
  net_put32(bytes + 24, r->target);
}

int net_ipv4_parse(struct net_ipv4_repr *r, const uint8_t *bytes, size_t len)
{
  uint16_t fragment;

  if (len < NET_IPV4_LEN || bytes[0] >> 4 != 4)
    return LWT_EBADMSG;
  r->header = (uint8_t)((bytes[0] & 15) * 4);
  r->total = net_get16(bytes + 2);
  if (r->header < NET_IPV4_LEN || r->header > len || r->total < r->header)
    return LWT_EBADMSG;
  r->tos = bytes[1];
  r->id = net_get16(bytes + 4);
  fragment = net_get16(bytes + 6);
  r->df = fragment >> 14 & 1;
  r->mf = fragment >> 13 & 1;
  r->offset = (uint16_t)(fragment << 3);
  r->ttl = bytes[8];
  r->proto = bytes[9];
  r->src = net_get32(bytes + 12);
  r->dst = net_get32(bytes + 16);
  return net_sum(bytes, r->header) == 0xffff ? r->header : LWT_EIO;
}

void net_ipv4_emit(const struct net_ipv4_repr *r, uint8_t *bytes)
{
  uint32_t sum;

  bytes[0] = 0x45;
  bytes[1] = r->tos;
  net_put16(bytes + 2, r->total);
  net_put16(bytes + 4, r->id);
  net_put16(bytes + 6, (uint32_t)(r->df << 14 | r->mf << 13 | r->offset >> 3));
  bytes[8] = r->ttl;
  bytes[9] = r->proto;
  net_put32(bytes + 12, r->src);
  net_put32(bytes + 16, r->dst);
  sum = 0x4500u + r->tos + r->total + r->id + net_get16(bytes + 6) +
        net_get16(bytes + 8) + (r->src >> 16) + (r->src & 0xffff) + (r->dst >> 16) +
        (r->dst & 0xffff);
  net_put16(bytes + 10, (uint16_t)~net_sum_fold(sum));
}

int net_icmpv4_parse(struct net_icmpv4_repr *r, const uint8_t *bytes, size_t len)
{
  if (len < NET_ICMPV4_LEN)
    return LWT_EBADMSG;
  r->type = bytes[0];
  r->code = bytes[1];
  r->checksum = net_get16(bytes + 2);
  r->id = net_get16(bytes + 4);
  r->seq = net_get16(bytes + 6);
  return NET_ICMPV4_LEN;
}

void net_icmpv4_emit(const struct net_icmpv4_repr *r, uint8_t *bytes)
{
  bytes[0] = r->type;
  bytes[1] = r->code;
  net_put16(bytes + 2, 0);
  net_put16(bytes + 4, r->id);
  net_put16(bytes + 6, r->seq);
}

int net_udp_parse(struct net_udp_repr *r, const uint8_t *bytes, size_t len)
{
  if (len < NET_UDP_LEN)
    return LWT_EBADMSG;
  r->src = net_get16(bytes);
  r->dst = net_get16(bytes + 2);
  r->total = net_get16(bytes + 4);
  r->checksum = net_get16(bytes + 6);
  return r->total < NET_UDP_LEN ? LWT_EBADMSG : NET_UDP_LEN;
}

void net_udp_emit(const struct net_udp_repr *r, uint8_t *bytes)
{
  net_put16(bytes, r->src);
  net_put16(bytes + 2, r->dst);
  net_put16(bytes + 4, r->total);
  net_put16(bytes + 6, r->checksum);
}
