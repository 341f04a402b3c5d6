/* net/redirect.c - redirects of IPv4, if the program believes them (RFC 1122 3.2.2.2).
 * SPDX-License-Identifier: ISC
 *
 * A redirect makes a route to one host, for ten minutes, of which there are sixteen.
 * It must come from the gateway that is the way to that host now, name another one on
 * the same network, and quote what is in flight: of TCP a sequence number, of UDP a
 * port of ours.  A better gateway that does not answer is passed over as any other.
 */
#include "interface.h"
#include "route.h"
#include "routes.h"
#include "udp.h"

#include <string.h>

enum { MOST = 16, CODES = 4 };

#define TIME LWT_S(600)

struct redirect {
  struct lwt_ip_route route;
  uint64_t until; /* 0: unused */
};

struct believed {
  struct net_redirects public; /* first, and the timer is its first */
  struct net_stack *s;
  struct redirect list[MOST];
};

static void take_away(struct net_stack *s, struct redirect *r)
{
  net_routes_remove(s, &r->route);
  r->until = 0;
}

static void set_timer(struct believed *b)
{
  uint64_t first = LWT_NEVER;
  unsigned i;

  for (i = 0; i < MOST; i++)
    if (b->list[i].until && b->list[i].until < first)
      first = b->list[i].until;
  if (first != LWT_NEVER)
    net_timer_set(&b->s->timers, &b->public.timer, first);
}

static void sweep(struct net_timer *timer)
{
  struct believed *b = (struct believed *)timer;
  unsigned i;

  for (i = 0; i < MOST; i++)
    if (b->list[i].until && b->list[i].until <= b->s->now)
      take_away(b->s, &b->list[i]);
  set_timer(b);
}

/* ---- Is it to be believed? --------------------------------------------- */

/* Packets to dst leave through nif to `next`. */
static int goes_to(struct net_if *nif, const struct lwt_addr *dst,
                   const struct lwt_addr *src, const struct lwt_addr *next)
{
  struct net_hop hop;

  return !net_hop_find(nif->s, dst, src, 0, &hop) && hop.kind == NET_HOP_NEIGHBOUR &&
         hop.nif == nif && net_addr_same(&hop.next, next);
}

static int is_quoted(struct net_stack *s, const struct net_icmp_error *e)
{
  struct lwt_addr to = e->dst;
  uint16_t port = net_get16(e->bytes);

  if (e->proto == NET_PROTO_TCP)
    return net_tcp_is_quoted(s, e);
  to.port = net_get16(e->bytes + 2);
  return net_udp_find(s, &e->src, port, e->interface, &to) != NULL;
}

static int is_credible(const struct net_ip_info *ip, const struct net_icmp_error *e,
                       const struct lwt_addr *better)
{
  return e->code < CODES && !net_addr_same(&e->dst, &ip->src) &&
         !net_addr_same(better, &ip->src) &&
         goes_to(ip->nif, &e->dst, &e->src, &ip->src) &&
         goes_to(ip->nif, better, NULL, better) && is_quoted(ip->nif->s, e);
}

/* ---- Believed ---------------------------------------------------------- */

/* The one about dst, else an unused one, else that which ends first; unused now. */
static struct redirect *room(struct believed *b, const struct lwt_addr *dst)
{
  struct redirect *r, *to = b->list, *end = b->list + MOST;

  for (r = b->list; r < end; r++)
    if (r->until && net_addr_same(&r->route.dst, dst))
      break;
    else if (r->until < to->until)
      to = r;
  to = r < end ? r : to;
  if (to->until)
    take_away(b->s, to);
  return to;
}

static int input(const struct net_ip_info *ip, const struct net_icmp_error *e,
                 uint32_t gateway)
{
  struct net_stack *s = ip->nif->s;
  struct believed *b = (struct believed *)s->redirects;
  struct lwt_ip_route route = { .dst = e->dst, .prefix = 32, .origin = LWT_IP_RA,
                                .gateway = net_addr4(gateway, 0),
                                .interface = ip->nif->index };
  struct redirect *r;

  if (!is_credible(ip, e, &route.gateway))
    return 0;
  r = room(b, &e->dst);
  if (net_routes_has(s, &route) || net_routes_add(s, &route))
    return 0;
  r->route = route;
  r->until = s->now + TIME;
  s->stats.icmp_redirects++;
  set_timer(b);
  return 1;
}

static void end(struct net_stack *s)
{
  struct believed *b = (struct believed *)s->redirects;
  unsigned i;

  for (i = 0; i < MOST; i++)
    if (b->list[i].until)
      take_away(s, &b->list[i]);
  net_timer_stop(&s->timers, &b->public.timer);
  s->redirects = NULL;
  lwt__free(b);
}

int lwt_ip_redirects(struct lwt_stack *stack, int on)
{
  struct net_stack *s = net_stack_of(stack);
  struct believed *b;

  if (!s)
    return LWT_ENOTSUP;
  net_clock(s);
  if (s->redirects && !on)
    end(s);
  if (s->redirects || !on)
    return 0;
  b = lwt__alloc(sizeof *b);
  if (!b)
    return LWT_ENOMEM;
  memset(b, 0, sizeof *b);
  b->public.input = input;
  b->public.end = end;
  b->s = s;
  net_timer_init(&b->public.timer, sweep);
  s->redirects = &b->public;
  return 0;
}
