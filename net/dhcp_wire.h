/* net/dhcp_wire.h - DHCPv4 messages as they are on the wire (RFC 2131, 2132, 3396, 3442,
 * 6842).
 * SPDX-License-Identifier: ISC
 *
 * Options that came in pieces, or in the fields of the server's name and the file, are
 * put together.  What a message has more than there is room for here is left out.
 */
#ifndef NET_DHCP_WIRE_H
#define NET_DHCP_WIRE_H

#include "../lwt/memory.h"

enum { NET_DHCP_SERVER_PORT = 67, NET_DHCP_CLIENT_PORT = 68 };
enum { NET_DHCP_BOOTREQUEST = 1, NET_DHCP_BOOTREPLY = 2 };
enum {
  NET_DHCP_DISCOVER = 1, NET_DHCP_OFFER, NET_DHCP_REQUEST, NET_DHCP_DECLINE, NET_DHCP_ACK,
  NET_DHCP_NAK, NET_DHCP_RELEASE, NET_DHCP_INFORM
};
enum {
  NET_DHCP_MASK = 1, NET_DHCP_ROUTERS = 3, NET_DHCP_DNS = 6, NET_DHCP_HOSTNAME = 12,
  NET_DHCP_DOMAIN = 15, NET_DHCP_MTU = 26, NET_DHCP_BROADCAST = 28,
  NET_DHCP_REQUESTED = 50, NET_DHCP_LEASE = 51, NET_DHCP_OVERLOAD = 52,
  NET_DHCP_TYPE = 53, NET_DHCP_SERVER = 54, NET_DHCP_PARAMS = 55, NET_DHCP_MESSAGE = 56,
  NET_DHCP_MAX_SIZE = 57, NET_DHCP_T1 = 58, NET_DHCP_T2 = 59, NET_DHCP_CLIENT_ID = 61,
  NET_DHCP_ROUTES = 121
};

/* Without options, and the least that must be sent (BOOTP). */
enum { NET_DHCP_FIXED = 240, NET_DHCP_MIN = 300, NET_DHCP_ROOM = 1472 };

struct net_dhcp_route {
  uint32_t dst, gateway; /* gateway 0: on link */
  uint8_t prefix;
};

/* Numbers in host order; 0, or a length of 0, where there is no such option. */
struct net_dhcp {
  uint8_t op, type;    /* type 0: BOOTP */
  uint8_t broadcast, hops;
  uint8_t mac[6];
  uint32_t xid;
  uint16_t secs;
  uint32_t ciaddr, yiaddr, siaddr, giaddr;
  uint32_t mask, requested, server, lease, t1, t2;
  uint8_t has_lease;   /* it may be 0 */
  uint16_t mtu, max_size;
  uint8_t n_routers, n_dns, n_routes, n_params, id_len;
  uint32_t routers[4], dns[8];
  struct net_dhcp_route routes[16];
  uint8_t params[32], id[64];
  char hostname[64], domain[254]; /* visible ASCII, or left out */
};

/* Returns 0 or LWT_EBADMSG: not DHCP over Ethernet, options that do not end, a mask
 * with holes, an option of the wrong length. */
int net_dhcp_parse(struct net_dhcp *m, const uint8_t *bytes, size_t len);

/* At least NET_DHCP_MIN bytes; returns how many, or LWT_EMSGSIZE. */
int net_dhcp_emit(const struct net_dhcp *m, uint8_t *out, size_t room);

unsigned net_dhcp_prefix(uint32_t mask);

#endif
