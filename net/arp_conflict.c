/* net/arp_conflict.c - who has our IPv4 address (RFC 5227).
 * SPDX-License-Identifier: ISC
 *
 * A tentative address is asked for three times, a second or two apart, from no
 * address (2.1.1); when nobody answers it is announced twice (2.3) and may be used
 * from the first time on.  After ten conflicts on an interface it takes a minute
 * before the next address is asked for.
 *
 * An address in use is defended by an announcement, once in ten seconds (2.4).  If
 * there is another conflict within that time we give it up (b), unless the program
 * set it: what is configured is kept for good (c).
 */
#include "arp.h"

#include <string.h>

enum { PROBES = 3, ANNOUNCEMENTS = 2, MAX_CONFLICTS = 10 };

#define PROBE_WAIT LWT_S(1)
#define PROBE_MIN LWT_S(1)
#define PROBE_MAX LWT_S(2)
#define ANNOUNCE_WAIT LWT_S(2)
#define ANNOUNCE_INTERVAL LWT_S(2)
#define RATE_LIMIT_INTERVAL LWT_S(60)
#define DEFEND_INTERVAL LWT_S(10)

static uint64_t between(struct net_stack *s, uint64_t least, uint64_t most)
{
  return least + net_random(s) % (most - least + 1);
}

static void again(struct net_address *a, uint64_t wait)
{
  struct net_stack *s = a->nif->s;

  net_timer_set(&s->timers, &a->timer, s->now + wait);
}

void net_acd_announce(struct net_address *a)
{
  uint32_t ip = net_ip4(&a->addr);

  net_arp_request(a->nif, ip, ip, NULL);
}

static void step(struct net_timer *timer)
{
  struct net_address *a =
    (struct net_address *)(void *)((char *)timer - offsetof(struct net_address, timer));
  struct net_stack *s = a->nif->s;

  a->tries++;
  if (a->tries <= PROBES) {
    net_arp_request(a->nif, 0, net_ip4(&a->addr), NULL);
    again(a, a->tries < PROBES ? between(s, PROBE_MIN, PROBE_MAX) : ANNOUNCE_WAIT);
    return;
  }
  net_acd_announce(a);
  if (a->tries < PROBES + ANNOUNCEMENTS)
    again(a, ANNOUNCE_INTERVAL);
  if (a->state == LWT_IP_TENTATIVE) {
    a->nif->conflicts = 0;
    net_address_usable(a);
  }
}

void net_acd_start(struct net_address *a)
{
  uint64_t wait = between(a->nif->s, 0, PROBE_WAIT);

  if (a->nif->conflicts >= MAX_CONFLICTS)
    wait += RATE_LIMIT_INTERVAL;
  net_timer_init(&a->timer, step);
  again(a, wait);
}

static void defend(struct net_address *a)
{
  uint64_t now = a->nif->s->now;

  if (!a->defended || now - a->defended >= DEFEND_INTERVAL) {
    a->defended = now ? now : 1;
    net_acd_announce(a);
    net_address_conflict(a);
  } else if (a->origin != LWT_IP_STATIC) {
    net_address_remove(a);
  }
}

int net_arp_conflict(struct net_if *nif, const struct net_arp_repr *r)
{
  /* who asks from no address wants the one it asks for */
  int probe = r->op == NET_ARP_REQUEST && !r->sender;
  struct lwt_addr addr = net_addr4(probe ? r->target : r->sender, 0);
  struct net_address *a = net_address_find(nif->s, nif, &addr);

  if (!a || (probe && a->state != LWT_IP_TENTATIVE))
    return 0;
  nif->stats.conflicts++;
  if (a->state == LWT_IP_TENTATIVE) {
    nif->conflicts += nif->conflicts < MAX_CONFLICTS;
    net_address_conflict(a);
  } else {
    defend(a);
  }
  return 1;
}
