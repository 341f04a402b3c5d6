/* net/arp_conflict.c - who has our IPv4 address (RFC 5227).
 * SPDX-License-Identifier: ISC
 */
#include "arp.h"

#include <string.h>

#define DEFEND_INTERVAL LWT_S(10)

static void announce(struct net_address *a)
{
  uint32_t ip = net_ip4(&a->addr);

  net_arp_request(a->nif, ip, ip, NULL);
}

void net_acd_announce(struct net_address *a)
{
  announce(a);
}

void net_acd_start(struct net_address *a)
{
  net_address_usable(a);
}

int net_arp_conflict(struct net_if *nif, const struct net_arp_repr *r)
{
  struct lwt_addr sender = net_addr4(r->sender, 0);
  struct net_address *a = net_address_find(nif->s, nif, &sender);
  uint64_t now = nif->s->now;

  if (!a)
    return 0;
  nif->stats.conflicts++;
  if (!a->defended || now - a->defended >= DEFEND_INTERVAL) {
    a->defended = now ? now : 1;
    announce(a);
    net_event(nif->s, LWT_IP_ADDRESS_CONFLICT, nif->index, &a->addr);
  }
  return 1;
}
