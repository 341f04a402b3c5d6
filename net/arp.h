/* net/arp.h - what arp.c and arp_conflict.c share.
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_ARP_H
#define NET_ARP_H

#include "neighbour.h"
#include "wire.h"

/* dst NULL: to everybody. */
void net_arp_request(struct net_if *nif, uint32_t sender, uint32_t target,
                     const uint8_t dst[6]);

/* Whether the packet, of somebody else, says that an address of ours is theirs;
 * what is to be done about it has been done. */
int net_arp_conflict(struct net_if *nif, const struct net_arp_repr *r);

#endif
