/* net/nd_wire.h - neighbour discovery on the wire (RFC 4861, 4191, 8106, 7527).
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_ND_WIRE_H
#define NET_ND_WIRE_H

#include "wire6.h"

/* What is more in one advertisement is ignored. */
enum { NET_ND_PREFIXES = 16, NET_ND_ROUTES = 16, NET_ND_SERVERS = 8 };

/* Options that a message has. */
enum { NET_ND_SOURCE = 1, NET_ND_TARGET = 2, NET_ND_MTU = 4, NET_ND_NONCE = 8 };

#define NET_ND_FOREVER UINT32_MAX /* a lifetime, seconds */

struct net_nd_prefix {
  uint8_t prefix[16];
  uint8_t len, on_link, autonomous;
  uint32_t valid, preferred;
};
struct net_nd_route {
  uint8_t prefix[16];
  uint8_t len;
  int8_t preference; /* -1, 0, 1 */
  uint32_t lifetime;
};
struct net_nd_server {
  uint8_t ip[16];
  uint32_t lifetime;
};

struct net_nd_repr {
  uint8_t type;       /* NET_ICMP6_ROUTER_SOLICIT to _REDIRECT */
  uint8_t options;    /* NET_ND_SOURCE ... */
  uint8_t target[16]; /* solicitation, advertisement, redirect: the better hop */
  uint8_t dst[16];    /* redirect: whom it is about */
  uint8_t router, solicited, override; /* advertisement */
  uint8_t source_mac[6], target_mac[6], nonce[6];
  uint32_t mtu;
  /* Router advertisement; 0: unspecified. */
  uint8_t hops, managed, other;
  int8_t preference;
  uint16_t lifetime;           /* s, 0: not a default router */
  uint32_t reachable, retrans; /* ms */
  uint8_t n_prefixes, n_routes, n_servers;
  struct net_nd_prefix prefixes[NET_ND_PREFIXES];
  struct net_nd_route routes[NET_ND_ROUTES];
  struct net_nd_server servers[NET_ND_SERVERS];
};

/* Read a message from its ICMPv6 type on, which came from src to dst with this
 * hop limit; the checksum is the caller's.  Options of unknown kind are skipped.
 * Returns 0, or LWT_EBADMSG if it is none that RFC 4861 6.1, 7.1 or 8.1 lets a
 * node accept. */
int net_nd_parse(struct net_nd_repr *r, const uint8_t src[16], const uint8_t dst[16],
                 uint8_t hops, const uint8_t *bytes, size_t len);

enum { NET_ND_LEN_MAX = 1232 };

/* Write a message, checksum zero, without the packet that a redirect quotes.
 * Returns its length, at most NET_ND_LEN_MAX: all options have room. */
size_t net_nd_emit(const struct net_nd_repr *r, uint8_t *bytes);

#endif
