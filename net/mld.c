/* net/mld.c - IPv6 multicast groups, and routers told of them (RFC 3810).
 * SPDX-License-Identifier: ISC
 *
 * We take what anybody sends to a group: the filter is always EXCLUDE {}.  All that
 * is due goes into one report.  A querier of version 1 is answered in its own
 * language (RFC 2710) as long as it lasts.  The group of all nodes is never
 * reported.
 */
#include "ipv6.h"

#include "mld_wire.h"

#define ROBUSTNESS 2
#define REPORT_DELAY LWT_S(1) /* between two reports of a change, at most */
#define QUERY_INTERVAL LWT_S(125)
#define MLD1_DELAY LWT_S(10)

static const uint8_t mld2_routers[16] = { 0xff, 2, [15] = 0x16 };
static const uint8_t any[16];

static struct net_group6 *find(const struct net_if6 *six, const uint8_t group[16])
{
  struct net_group6 *g;

  for (g = six->groups; g; g = g->next)
    if (!memcmp(g->ip, group, 16))
      return g;
  return NULL;
}

int net_mld_is_member(const struct net_if *nif, const uint8_t group[16])
{
  struct net_group6 *g;

  if (!nif->six)
    return 0;
  if (!memcmp(group, net_ip6_all_nodes, 16))
    return 1;
  g = find(nif->six, group);
  return g && g->users;
}

static void forget(struct net_if6 *six, struct net_group6 *gone)
{
  struct net_group6 **link = &six->groups;

  while (*link != gone)
    link = &(*link)->next;
  *link = gone->next;
  six->n_groups--;
  lwt__free(gone);
}

static void set_timer(struct net_if6 *six)
{
  struct net_timers *timers = &six->nif->s->timers;
  uint64_t first = LWT_NEVER;
  struct net_group6 *g;

  for (g = six->groups; g; g = g->next)
    if (g->due < first)
      first = g->due;
  if (first == LWT_NEVER)
    net_timer_stop(timers, &six->mld_timer);
  else
    net_timer_set(timers, &six->mld_timer, first);
}

/* ---- Reports ------------------------------------------------------------ */

static int is_version1(const struct net_if6 *six)
{
  return six->mld1_until > six->nif->s->now;
}

static void send1(struct net_if *nif, const struct net_group6 *g, const uint8_t src[16])
{
  struct net_mld1_repr r = {
    .type = g->users ? NET_ICMP6_MLD_REPORT : NET_ICMP6_MLD_DONE
  };
  uint8_t bytes[NET_MLD1_LEN];

  memcpy(r.group, g->ip, 16);
  net_mld1_emit(&r, bytes);
  nif->s->stats.mld_tx++;
  net_icmp6_send_on(nif, src, g->users ? g->ip : net_ip6_all_routers, 1, bytes,
                    sizeof bytes);
}

/* One report was sent about the group: is another one due? */
static void reported(struct net_if6 *six, struct net_group6 *g)
{
  struct net_stack *s = six->nif->s;

  g->queried = 0;
  g->due = LWT_NEVER;
  if (g->changes && --g->changes)
    g->due = s->now + 1 + net_random(s) % REPORT_DELAY;
  else if (!g->users)
    forget(six, g);
}

static void report(struct net_timer *timer)
{
  struct net_if6 *six = (struct net_if6 *)(void *)((char *)timer -
                                                   offsetof(struct net_if6, mld_timer));
  struct net_stack *s = six->nif->s;
  struct net_address *ll = net_addr6_link_local(six->nif);
  const uint8_t *src = ll ? ll->addr.ip : any; /* RFC 3590 */
  uint8_t bytes[NET_MLD2_REPORT_LEN + NET_GROUPS_MAX * NET_MLD2_RECORD_LEN] = {
    NET_ICMP6_MLD2_REPORT
  };
  struct net_mld_record_repr r = { 0 };
  struct net_group6 *g, *next;
  unsigned n = 0;

  for (g = six->groups; g; g = next) {
    next = g->next;
    if (g->due > s->now)
      continue;
    if (is_version1(six)) {
      send1(six->nif, g, src);
    } else {
      r.kind = g->changes ? (g->users ? NET_MLD_TO_EXCLUDE : NET_MLD_TO_INCLUDE)
                          : NET_MLD_IS_EXCLUDE;
      memcpy(r.group, g->ip, 16);
      net_mld_record_emit(&r, bytes + NET_MLD2_REPORT_LEN + n++ * NET_MLD2_RECORD_LEN);
    }
    reported(six, g);
  }
  if (n) {
    net_put16(bytes + 6, n);
    s->stats.mld_tx++;
    net_icmp6_send_on(six->nif, src, mld2_routers, 1, bytes,
                      NET_MLD2_REPORT_LEN + n * NET_MLD2_RECORD_LEN);
  }
  set_timer(six);
}

/* ---- Joining and leaving ------------------------------------------------ */

/* Routers are told, at once and again. */
static void changed(struct net_if6 *six, struct net_group6 *g)
{
  g->changes = six->robustness;
  g->due = six->nif->s->now;
  set_timer(six);
}

int net_mld_join(struct net_if *nif, const uint8_t group[16])
{
  struct net_if6 *six = nif->six;
  struct net_group6 *g;

  if (!six || !net_ip6_is_multicast(group))
    return LWT_EINVAL;
  if (!memcmp(group, net_ip6_all_nodes, 16))
    return 0;
  g = find(six, group);
  if (g && g->users) {
    g->users++;
    return 0;
  }
  if (!g) {
    if (six->n_groups >= NET_GROUPS_MAX)
      return LWT_ENOBUFS;
    g = lwt__alloc(sizeof *g);
    if (!g)
      return LWT_ENOMEM;
    *g = (struct net_group6){ .next = six->groups };
    memcpy(g->ip, group, 16);
    six->groups = g;
    six->n_groups++;
  }
  g->users = 1;
  changed(six, g);
  return 0;
}

void net_mld_leave(struct net_if *nif, const uint8_t group[16])
{
  struct net_group6 *g = nif->six ? find(nif->six, group) : NULL;

  if (g && g->users && !--g->users)
    changed(nif->six, g);
}

/* ---- Queries ------------------------------------------------------------ */

static void answer(struct net_if6 *six, struct net_group6 *g, uint64_t delay)
{
  struct net_stack *s = six->nif->s;
  uint64_t due = s->now + (delay ? net_random(s) % delay : 0);

  if (!g->users)
    return;
  g->queried = 1;
  if (due < g->due)
    g->due = due;
}

static void query(struct net_if6 *six, const struct net_mld_query_repr *q)
{
  struct net_stack *s = six->nif->s;
  uint64_t delay = q->max_delay * LWT_MS(1);
  struct net_group6 *g;

  if (q->version == 1) {
    six->mld1_until = s->now + ROBUSTNESS * QUERY_INTERVAL + MLD1_DELAY;
  } else if (q->robustness) {
    six->robustness = q->robustness;
  }
  if (net_ip6_is_any(q->group)) {
    for (g = six->groups; g; g = g->next)
      answer(six, g, delay);
  } else if ((g = find(six, q->group))) {
    answer(six, g, delay);
  }
  set_timer(six);
}

/* Another host has answered for the group (version 1 only). */
static void suppress(struct net_if6 *six, const struct net_mld1_repr *r)
{
  struct net_group6 *g = find(six, r->group);

  if (r->type != NET_ICMP6_MLD_REPORT || !g || !g->queried || g->changes ||
      !is_version1(six))
    return;
  g->queried = 0;
  g->due = LWT_NEVER;
  set_timer(six);
}

void net_mld_input(const struct net_ip_info *ip, const uint8_t *bytes, size_t len)
{
  struct net_stack *s = ip->nif->s;
  struct net_mld_query_repr q;
  struct net_mld1_repr one;

  s->stats.mld_rx++;
  if (bytes[0] == NET_ICMP6_MLD2_REPORT)
    return;
  /* From the link only (RFC 3810 6.2). */
  if (ip->ttl != 1 || !ip->alert || !net_ip_is_link_local6(&ip->src)) {
    s->stats.mld_malformed++;
    return;
  }
  if (bytes[0] != NET_ICMP6_MLD_QUERY && net_mld1_parse(&one, bytes, len) > 0)
    suppress(ip->nif->six, &one);
  else if (bytes[0] == NET_ICMP6_MLD_QUERY && net_mld_query_parse(&q, bytes, len) > 0)
    query(ip->nif->six, &q);
  else
    s->stats.mld_malformed++;
}

/* ---- Life --------------------------------------------------------------- */

void net_mld_init(struct net_if *nif)
{
  nif->six->robustness = ROBUSTNESS;
  net_timer_init(&nif->six->mld_timer, report);
}

void net_mld_stop(struct net_if *nif)
{
  struct net_if6 *six = nif->six;

  net_timer_stop(&nif->s->timers, &six->mld_timer);
  while (six->groups)
    forget(six, six->groups);
}
