/* net/if6.c - IPv6 on an interface: its start, its addresses, duplicate address
 * detection (RFC 4862 5.3, 5.4).
 * SPDX-License-Identifier: ISC
 *
 * An address that was made here and turns out to be somebody else's is made
 * again with another counter, three times at most (RFC 7217 6).
 */
#include "ipv6.h"

#include "addr_select.h"

#define TRANSMITS 1 /* DupAddrDetectTransmits */
#define DELAY LWT_S(1)
#define RETRIES 3

static struct net_address *address_of(struct net_timer *timer)
{
  return (struct net_address *)(void *)((char *)timer -
                                        offsetof(struct net_address, timer));
}

/* ---- Duplicate address detection ---------------------------------------- */

static void probe(struct net_address *a)
{
  static const uint8_t any[16];
  struct net_nd_repr r = { .type = NET_ICMP6_SOLICIT, .options = NET_ND_NONCE };
  uint8_t bytes[32], group[16];

  memcpy(r.target, a->addr.ip, 16);
  memcpy(r.nonce, a->nif->six->token, 6);
  net_ip6_solicited(a->addr.ip, group);
  a->nif->s->stats.nd_tx++;
  net_icmp6_send_on(a->nif, any, group, 0, bytes, net_nd_emit(&r, bytes));
}

/* 0: not in the group in which others ask for it. */
static int listen(struct net_address *a)
{
  uint8_t group[16];

  net_ip6_solicited(a->addr.ip, group);
  if (!a->joined)
    a->joined = !net_mld_join(a->nif, group);
  return a->joined;
}

static void dad_timer(struct net_timer *timer)
{
  struct net_address *a = address_of(timer);
  struct net_stack *s = a->nif->s;

  if (!listen(a)) {
    net_timer_set(&s->timers, timer, s->now + DELAY);
  } else if (a->tries < TRANSMITS) {
    a->tries++;
    net_timer_set(&s->timers, timer, s->now + a->nif->neighbours->interval);
    probe(a);
  } else if (a->state == LWT_IP_TENTATIVE) {
    net_address_usable(a);
  }
}

void net_dad_start(struct net_address *a)
{
  struct net_stack *s = a->nif->s;

  net_timer_init(&a->timer, dad_timer);
  a->tries = 0;
  listen(a);
  net_timer_set(&s->timers, &a->timer, s->now + net_random(s) % DELAY);
}

/* ---- Addresses made here ------------------------------------------------ */

struct net_address *net_if6_autoconf(struct net_if *nif, const uint8_t prefix[16],
                                     uint8_t origin, uint8_t counter,
                                     uint64_t preferred, uint64_t valid)
{
  struct lwt_ip_address in = { .prefix = 64, .origin = origin,
                               .preferred_until = preferred, .valid_until = valid };
  struct net_address *a;
  uint8_t key[16];
  lwt_t *p;

  net_key(nif->s, "interface identifier", key);
  in.addr = net_addr6_in(nif, prefix);
  net_stable_iid(key, prefix, nif->mac, &counter, in.addr.ip + 8);
  p = net_address_add(nif, &in, &a);
  if (a)
    a->counter = counter;
  lwt_error(p);
  lwt_drop(p);
  return a;
}

void net_if6_taken(struct net_if *nif, const struct net_address *a)
{
  uint8_t prefix[16] = { 0 };
  struct net_address *made;

  if (!nif->six || (a->origin != LWT_IP_RA && a->origin != LWT_IP_LINK) ||
      a->counter >= RETRIES)
    return;
  memcpy(prefix, a->addr.ip, 8);
  made = net_if6_autoconf(nif, prefix, a->origin, (uint8_t)(a->counter + 1),
                          a->preferred_until, a->valid_until);
  if (made)
    made->router = a->router;
}

void net_if6_usable(struct net_address *a)
{
  if (!a->nif->six)
    return;
  if (!listen(a)) { /* later */
    net_timer_init(&a->timer, dad_timer);
    a->tries = TRANSMITS;
    net_timer_set(&a->nif->s->timers, &a->timer, a->nif->s->now + DELAY);
  }
  if (net_ip_is_link_local6(&a->addr))
    net_ra_solicit(a->nif);
}

void net_if6_gone(struct net_address *a)
{
  uint8_t group[16];

  if (!a->joined || !a->nif->six)
    return;
  net_ip6_solicited(a->addr.ip, group);
  net_mld_leave(a->nif, group);
}

/* ---- Start and stop ----------------------------------------------------- */

int net_if6_start(struct net_if *nif, int accept)
{
  static const uint8_t link_local[16] = { 0xfe, 0x80 };
  struct net_if6 *six;
  uint64_t token;

  if (nif->mtu < NET_IPV6_MTU_MIN)
    return LWT_EINVAL;
  six = lwt__alloc(sizeof *six);
  if (!six)
    return LWT_ENOMEM;
  memset(six, 0, sizeof *six);
  six->nif = nif;
  six->accept = (uint8_t)accept;
  six->hops = nif->s->config.ttl;
  six->mtu = nif->mtu;
  token = net_random(nif->s);
  memcpy(six->token, &token, sizeof six->token);
  nif->six = six;
  net_mld_init(nif);
  if (nif->s->forwarding)
    six->router = !net_mld_join(nif, net_ip6_all_routers);
  net_ra_init(nif);
  net_if6_autoconf(nif, link_local, LWT_IP_LINK, 0, LWT_NEVER, LWT_NEVER);
  return 0;
}

void net_if6_stop(struct net_if *nif)
{
  if (!nif->six)
    return;
  net_ra_stop(nif);
  net_mld_stop(nif);
  lwt__free(nif->six);
  nif->six = NULL;
}
