/* net/addr_select.h - which source, which destination first (RFC 6724), and interface
 * identifiers (RFC 7217); not installed.
 * SPDX-License-Identifier: ISC
 *
 * The default policy table; a host without home addresses, temporary addresses
 * and tunnels.  Addresses are 16 bytes, those of IPv4 mapped (::ffff:192.0.2.1).
 */
#ifndef NET_ADDR_SELECT_H
#define NET_ADDR_SELECT_H

#include "../lwt/memory.h"

#include <lwt/flow.h>

void net_select_map(const struct lwt_addr *addr, uint8_t ip[16]);

/* As in multicast addresses: 1 interface, 2 link, 5 site, 14 global. */
unsigned net_select_scope(const uint8_t ip[16]);
unsigned net_select_label(const uint8_t ip[16]);
unsigned net_select_precedence(const uint8_t ip[16]);

/* An address that packets may come from. */
struct net_select_source {
  uint8_t ip[16];
  uint8_t prefix;         /* bits of its network (IPv4: with the 96 of the map) */
  unsigned deprecated : 1;
  unsigned outgoing : 1;  /* it is on the interface that the packets leave by */
  unsigned advertised : 1; /* the next hop advertised its prefix */
};

/* < 0: a is the better source towards dst, > 0: b, 0: either (section 5). */
int net_select_source_cmp(const struct net_select_source *a,
                          const struct net_select_source *b, const uint8_t dst[16]);

/* A destination with the source towards it; usable 0: there is none. */
struct net_select_dst {
  uint8_t ip[16];
  uint8_t usable;
  struct net_select_source source;
  size_t index; /* where it was at first */
};

/* Put the best destination first; equal ones keep their order (section 6). */
void net_select_order(struct net_select_dst *list, size_t n);

/* The stable identifier of an interface on a network: SipHash-2-4 of prefix,
 * Ethernet address and counter under a secret key.  RFC 7217 leaves the function
 * open, so long as nobody can compute it without the key.  *counter goes up by
 * one for each address that was taken, and here over reserved identifiers. */
void net_stable_iid(const uint8_t key[16], const uint8_t prefix[8], const uint8_t mac[6],
                    uint8_t *counter, uint8_t iid[8]);

#endif
