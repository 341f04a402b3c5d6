/* net/wire6.h - IPv6 headers as they are on the wire; not installed.
 * SPDX-License-Identifier: ISC
 *
 * The rules are those of wire.h.  Addresses are 16 bytes in network order.
 */
#ifndef NET_WIRE6_H
#define NET_WIRE6_H

#include "../lwt/memory.h"

enum { NET_IPV6_LEN = 40, NET_FRAGMENT_LEN = 8, NET_ICMPV6_LEN = 8 };

/* Next headers, beside the transports. */
enum { NET_PROTO_HOP = 0, NET_PROTO_ROUTING = 43, NET_PROTO_FRAGMENT = 44,
       NET_PROTO_ICMPV6 = 58, NET_PROTO_NONE = 59, NET_PROTO_OPTIONS = 60 };

struct net_ipv6_repr {
  uint8_t src[16], dst[16];
  uint32_t flow;    /* 20 bits */
  uint16_t payload; /* bytes behind the header; may be more than there are */
  uint8_t tclass, next, hops;
};
int net_ipv6_parse(struct net_ipv6_repr *r, const uint8_t *bytes, size_t len);
void net_ipv6_emit(const struct net_ipv6_repr *r, uint8_t *bytes);

struct net_fragment_repr {
  uint32_t id;
  uint16_t offset; /* bytes */
  uint8_t next, mf;
};
int net_fragment_parse(struct net_fragment_repr *r, const uint8_t *bytes, size_t len);
void net_fragment_emit(const struct net_fragment_repr *r, uint8_t *bytes);

/* ---- Extension headers (ext.c) ------------------------------------------ */

/* A chain has no more than that; what is longer is dropped (RFC 8504 5.3). */
enum { NET_EXT_BYTES = 512, NET_EXT_HEADERS = 8, NET_EXT_OPTIONS = 16 };

static inline int net_is_ext(uint8_t next)
{
  return next == NET_PROTO_HOP || next == NET_PROTO_ROUTING || next == NET_PROTO_OPTIONS;
}

struct net_ext {
  uint8_t next;     /* what follows: a fragment, or no extension header */
  uint8_t alert;    /* there was a router alert option */
  uint8_t code;     /* LWT_EPROTO: of the parameter problem */
  uint16_t next_at; /* where the field that says `next` is */
  uint32_t pointer; /* LWT_EPROTO: what the problem is with */
};

/* Walk through the headers that begin with one of kind `next` at offset `at` of
 * the packet; bytes are those from there.  next_at: where the field that says
 * `next` is; hop-by-hop options may only be first in a packet.  Returns the bytes
 * walked over; LWT_EBADMSG: a header is cut off or bad, there are too many, or an
 * option wants the packet dropped; LWT_EPROTO: the same, and the sender shall be
 * told (RFC 8200 4.2, 4.4). */
int net_ext_parse(struct net_ext *e, uint8_t next, uint16_t next_at, uint16_t at,
                  int multicast, const uint8_t *bytes, size_t len);

/* ---- ICMPv6 ------------------------------------------------------------- */

enum {
  NET_ICMP6_UNREACHABLE = 1,
  NET_ICMP6_TOO_BIG = 2,
  NET_ICMP6_TIME_EXCEEDED = 3,
  NET_ICMP6_PARAMETER = 4,
  NET_ICMP6_ECHO = 128,
  NET_ICMP6_ECHO_REPLY = 129,
  NET_ICMP6_MLD_QUERY = 130,
  NET_ICMP6_MLD_REPORT = 131,
  NET_ICMP6_MLD_DONE = 132,
  NET_ICMP6_ROUTER_SOLICIT = 133,
  NET_ICMP6_ROUTER_ADVERT = 134,
  NET_ICMP6_SOLICIT = 135,
  NET_ICMP6_ADVERT = 136,
  NET_ICMP6_REDIRECT = 137,
  NET_ICMP6_MLD2_REPORT = 143
};
enum { NET_UNREACH6_ROUTE = 0, NET_UNREACH6_ADMIN = 1, NET_UNREACH6_SCOPE = 2,
       NET_UNREACH6_ADDRESS = 3, NET_UNREACH6_PORT = 4 };
enum { NET_PARAMETER6_FIELD = 0, NET_PARAMETER6_NEXT = 1, NET_PARAMETER6_OPTION = 2,
       NET_PARAMETER6_FIRST = 3 };

struct net_icmpv6_repr {
  uint8_t type, code;
  uint16_t checksum; /* as received; emitted as 0 */
  uint32_t word;     /* the second one: echo, MTU, pointer */
};
int net_icmpv6_parse(struct net_icmpv6_repr *r, const uint8_t *bytes, size_t len);
void net_icmpv6_emit(const struct net_icmpv6_repr *r, uint8_t *bytes);

/* ---- Addresses ---------------------------------------------------------- */

static inline int net_ip6_is_multicast(const uint8_t ip[16])
{
  return ip[0] == 0xff;
}
static inline int net_ip6_is_link_local(const uint8_t ip[16])
{
  return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}
/* Of an IPv4 address (RFC 4291 2.5.5.2), which is on no wire. */
int net_ip6_is_mapped(const uint8_t ip[16]);
/* Link-local, or a multicast address of interface or link scope: the same bytes
 * mean something else on another interface. */
static inline int net_ip6_is_scoped(const uint8_t ip[16])
{
  return net_ip6_is_link_local(ip) ||
         (ip[0] == 0xff && ((ip[1] & 15) == 1 || (ip[1] & 15) == 2));
}
int net_ip6_is_any(const uint8_t ip[16]);
int net_ip6_is_loopback(const uint8_t ip[16]);
/* ff02::1:ffXX:XXXX of an address (RFC 4291 2.7.1). */
void net_ip6_solicited(const uint8_t ip[16], uint8_t group[16]);
/* The Ethernet address of a group (RFC 2464 7). */
void net_ip6_group_mac(const uint8_t ip[16], uint8_t mac[6]);
extern const uint8_t net_ip6_all_nodes[16], net_ip6_all_routers[16];

#endif
