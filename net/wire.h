/* net/wire.h - headers as they are on the wire: Ethernet, ARP, IPv4, ICMP, UDP.
 * SPDX-License-Identifier: ISC
 *
 * For each protocol a struct net_<proto>_repr that holds nothing but sane
 * values, <proto>_parse from bytes and <proto>_emit to bytes.  A parser looks
 * at len bytes at most, returns the length of the header or LWT_EBADMSG, and
 * leaves the repr undefined then.  Checksums over the payload are the
 * caller's.  IPv4 addresses are numbers in host order.
 */
#ifndef NET_WIRE_H
#define NET_WIRE_H

#include "../lwt/memory.h"

enum { NET_ETHER_LEN = 14, NET_ARP_LEN = 28, NET_IPV4_LEN = 20, NET_ICMPV4_LEN = 8,
       NET_UDP_LEN = 8 };

enum { NET_ETHER_IPV4 = 0x0800, NET_ETHER_ARP = 0x0806, NET_ETHER_IPV6 = 0x86dd };

struct net_ether_repr {
  uint8_t dst[6], src[6];
  uint16_t type;
};
int net_ether_parse(struct net_ether_repr *r, const uint8_t *bytes, size_t len);
void net_ether_emit(const struct net_ether_repr *r, uint8_t *bytes);

/* Ethernet and IPv4 only. */
enum { NET_ARP_REQUEST = 1, NET_ARP_REPLY = 2 };

struct net_arp_repr {
  uint16_t op;
  uint8_t sender_mac[6], target_mac[6];
  uint32_t sender, target;
};
int net_arp_parse(struct net_arp_repr *r, const uint8_t *bytes, size_t len);
void net_arp_emit(const struct net_arp_repr *r, uint8_t *bytes);

struct net_ipv4_repr {
  uint32_t src, dst;
  uint16_t total;  /* header and payload, bytes; at least `header` */
  uint16_t id;
  uint16_t offset; /* of the fragment, bytes */
  uint8_t header;  /* length with options, 20 to 60 */
  uint8_t tos, ttl, proto;
  uint8_t df, mf;
};
/* Verifies the header's checksum: LWT_EIO if only that is wrong.  The options
 * are not looked at.  total may be larger than len. */
int net_ipv4_parse(struct net_ipv4_repr *r, const uint8_t *bytes, size_t len);
/* 20 bytes, with checksum; header is not used. */
void net_ipv4_emit(const struct net_ipv4_repr *r, uint8_t *bytes);

enum {
  NET_ICMP_ECHO_REPLY = 0,
  NET_ICMP_UNREACHABLE = 3,
  NET_ICMP_QUENCH = 4,
  NET_ICMP_REDIRECT = 5,
  NET_ICMP_ECHO = 8,
  NET_ICMP_TIME_EXCEEDED = 11,
  NET_ICMP_PARAMETER = 12
};
enum { NET_UNREACH_NET = 0, NET_UNREACH_HOST = 1, NET_UNREACH_PROTOCOL = 2,
       NET_UNREACH_PORT = 3, NET_UNREACH_TOO_BIG = 4 };

struct net_icmpv4_repr {
  uint8_t type, code;
  uint16_t checksum; /* as received; emitted as 0 */
  uint16_t id, seq;  /* the second word: echo; seq: MTU of NET_UNREACH_TOO_BIG */
};
int net_icmpv4_parse(struct net_icmpv4_repr *r, const uint8_t *bytes, size_t len);
void net_icmpv4_emit(const struct net_icmpv4_repr *r, uint8_t *bytes);

struct net_udp_repr {
  uint16_t src, dst;
  uint16_t total; /* header and payload, at least 8; may be larger than len */
  uint16_t checksum;
};
int net_udp_parse(struct net_udp_repr *r, const uint8_t *bytes, size_t len);
void net_udp_emit(const struct net_udp_repr *r, uint8_t *bytes);

#endif
