/* net/group.c - membership in multicast groups (RFC 3376 3 to 5).
 * SPDX-License-Identifier: ISC
 *
 * Read group.h first.  A change is told at once and, in case that is lost, once
 * more within a second (the querier may want it more often).  A group that nobody
 * wants any more stays until that is told.  A query sets a timer; only what is due
 * then is answered.
 */
#include "group.h"
#include "ipv6.h"

#include <string.h>

#define CHANGE_INTERVAL LWT_S(1)

struct net_group *net_group_find(const struct net_if *nif, const struct lwt_addr *group)
{
  struct net_group *g = nif->groups;

  while (g && !net_addr_same(&g->addr, group))
    g = g->next;
  return g;
}

static void drop(struct net_group *g)
{
  struct net_group **link = &g->nif->groups;

  net_timer_stop(&g->nif->s->timers, &g->change);
  net_timer_stop(&g->nif->s->timers, &g->answer);
  while (*link != g)
    link = &(*link)->next;
  *link = g->next;
  g->nif->n_groups--;
  lwt__free(g);
}

static uint64_t within(struct net_stack *s, uint64_t most)
{
  return s->now + net_random(s) % (most + 1);
}

/* ---- The filter --------------------------------------------------------- */

static int has(const struct lwt_addr *list, unsigned n, const struct lwt_addr *addr)
{
  while (n--)
    if (net_addr_same(&list[n], addr))
      return 1;
  return 0;
}

struct filter {
  unsigned exclude, n;
  struct lwt_addr list[NET_SOURCE_MAX];
};

static int concerns(const struct net_member *m, const struct net_if *nif,
                    const struct lwt_addr *group)
{
  return m->index == nif->index && net_addr_same(&m->group, group);
}

/* Whether all members that exclude do not want it, nor any that includes does. */
static int excluded(const struct net_if *nif, const struct lwt_addr *group,
                    const struct lwt_addr *source)
{
  const struct net_member *m;

  for (m = nif->s->members; m; m = m->next)
    if (concerns(m, nif, group) && has(m->sources, m->n, source) != m->exclude)
      return 0;
  return 1;
}

/* What the members make up together (RFC 3376 3.2).  Returns LWT_ENOBUFS. */
static int make_filter(struct filter *f, const struct net_if *nif,
                       const struct lwt_addr *group)
{
  const struct net_member *m;
  unsigned i;

  f->exclude = f->n = 0;
  for (m = nif->s->members; m; m = m->next)
    f->exclude |= concerns(m, nif, group) && m->exclude;
  for (m = nif->s->members; m; m = m->next) {
    if (!concerns(m, nif, group) || m->exclude != f->exclude)
      continue;
    for (i = 0; i < m->n; i++) {
      if (has(f->list, f->n, &m->sources[i]) ||
          (f->exclude && !excluded(nif, group, &m->sources[i])))
        continue;
      if (f->n == NET_SOURCE_MAX)
        return LWT_ENOBUFS;
      f->list[f->n++] = m->sources[i];
    }
  }
  return 0;
}

/* ---- Changes, told ------------------------------------------------------- */

/* The sources that are listed, or that are not and whose change is to be told. */
static unsigned pick(const struct net_group *g, int listed, int changed,
                     struct lwt_addr *out)
{
  unsigned i, n = 0;

  for (i = 0; i < g->n; i++)
    if (g->source[i].listed == listed && (!changed || g->source[i].left))
      out[n++] = g->source[i].addr;
  return n;
}

/* Forget the changes that were told often enough.  Returns whether any is left. */
static int told(struct net_group *g)
{
  unsigned i, n = 0, left = 0;

  for (i = 0; i < g->n; i++) {
    g->source[i].left -= g->source[i].left > 0;
    left += g->source[i].left;
    if (g->source[i].listed || g->source[i].left)
      g->source[n++] = g->source[i];
  }
  g->n = (uint8_t)n;
  return left > 0;
}

static void record(struct net_group *g, enum net_group_record_type type, unsigned n,
                   const struct lwt_addr *sources)
{
  struct net_group_record r = { .type = type, .group = g, .n = n, .sources = sources };

  net_igmp_record(g->nif, &r);
}

static void tell_change(struct net_group *g)
{
  struct lwt_addr list[NET_SOURCE_MAX];
  struct net_stack *s = g->nif->s;
  unsigned n;
  int more;

  net_igmp_begin(g->nif);
  if (g->mode_left) {
    n = pick(g, 1, 0, list);
    record(g, g->exclude ? NET_TO_EXCLUDE : NET_TO_INCLUDE, n, list);
    g->mode_left--;
  } else {
    n = pick(g, !g->exclude, 1, list);
    if (n)
      record(g, NET_ALLOW, n, list);
    n = pick(g, g->exclude, 1, list);
    if (n)
      record(g, NET_BLOCK, n, list);
  }
  net_igmp_end(g->nif);
  more = told(g) || g->mode_left;
  if (more)
    net_timer_set(&s->timers, &g->change, within(s, CHANGE_INTERVAL));
  else if (!g->exclude && !g->n)
    drop(g);
}

static void change_due(struct net_timer *timer)
{
  tell_change((struct net_group *)(void *)((char *)timer -
                                           offsetof(struct net_group, change)));
}

/* One more source; those that are only still to be told of make room. */
static struct net_group_source *add_source(struct net_group *g,
                                           const struct lwt_addr *addr)
{
  unsigned i;

  for (i = 0; i < g->n; i++)
    if (net_addr_same(&g->source[i].addr, addr))
      return &g->source[i];
  if (g->n == NET_SOURCE_MAX)
    for (i = 0; i < g->n && g->source[i].listed; i++)
      ;
  else
    g->n++;
  g->source[i] = (struct net_group_source){ .addr = *addr };
  return &g->source[i];
}

/* The filter becomes f.  Returns whether anything is to be told. */
static int apply(struct net_group *g, const struct filter *f)
{
  uint8_t times = g->nif->robustness;
  struct net_group_source *source;
  int changed = g->exclude != f->exclude;
  unsigned i;

  if (changed) {
    g->exclude = (uint8_t)f->exclude;
    g->mode_left = times;
    g->n = 0;
  }
  for (i = 0; i < g->n; i++)
    if (g->source[i].listed && !has(f->list, f->n, &g->source[i].addr)) {
      g->source[i].listed = 0;
      g->source[i].left = times;
      changed = 1;
    }
  for (i = 0; i < f->n; i++) {
    source = add_source(g, &f->list[i]);
    if (source->listed)
      continue;
    source->listed = 1;
    source->left = g->mode_left ? 0 : times;
    changed = 1;
  }
  return changed;
}

/* ---- Queries, answered --------------------------------------------------- */

static void tell_state(struct net_group *g)
{
  struct lwt_addr list[NET_SOURCE_MAX];
  unsigned n = pick(g, 1, 0, list), i, m = 0;

  if (!g->n_queried) {
    if (g->exclude || n)
      record(g, g->exclude ? NET_IS_EXCLUDE : NET_IS_INCLUDE, n, list);
    return;
  }
  for (i = 0; i < g->n_queried; i++)
    if (has(list, n, &g->queried[i]) != g->exclude)
      g->queried[m++] = g->queried[i];
  if (m)
    record(g, NET_IS_INCLUDE, m, g->queried);
  g->n_queried = 0;
}

static void answer_due(struct net_timer *timer)
{
  struct net_group *g =
    (struct net_group *)(void *)((char *)timer - offsetof(struct net_group, answer));

  net_igmp_begin(g->nif);
  tell_state(g);
  net_igmp_end(g->nif);
}

static void answer_all(struct net_timer *timer)
{
  struct net_if *nif =
    (struct net_if *)(void *)((char *)timer - offsetof(struct net_if, query));
  struct net_group *g;

  net_igmp_begin(nif);
  for (g = nif->groups; g; g = g->next) {
    g->n_queried = 0;
    tell_state(g);
  }
  net_igmp_end(nif);
}

/* RFC 3376 5.2. */
void net_group_query(struct net_if *nif, const struct lwt_addr *group,
                     const struct lwt_addr *sources, size_t n, uint64_t delay)
{
  struct net_timer *all = &nif->query;
  struct net_group *g = group ? net_group_find(nif, group) : NULL;
  struct net_stack *s = nif->s;
  uint64_t when = within(s, delay);
  int pending;
  size_t i;

  if (group ? !g : !nif->groups)
    return;
  if (net_timer_is_set(all) && all->deadline <= when)
    return;
  if (!group) {
    net_timer_set(&s->timers, all, when);
    return;
  }
  pending = net_timer_is_set(&g->answer);
  if (n > NET_QUERIED_MAX - (pending ? g->n_queried : 0u))
    n = 0; /* too many to remember: tell all */
  if (!n || (pending && !g->n_queried))
    g->n_queried = 0;
  else
    for (i = 0; i < n; i++)
      if (!has(g->queried, g->n_queried, &sources[i]))
        g->queried[g->n_queried++] = sources[i];
  if (!pending || g->answer.deadline > when)
    net_timer_set(&s->timers, &g->answer, when);
}

void net_group_heard(struct net_if *nif, const struct lwt_addr *group)
{
  struct net_group *g = net_group_find(nif, group);

  if (!g)
    return;
  net_timer_stop(&nif->s->timers, &g->answer);
  net_timer_stop(&nif->s->timers, &g->change);
  g->mode_left = 0;
  g->reported = 0;
}

/* ---- Members ------------------------------------------------------------- */

static struct net_group *make(struct net_if *nif, const struct lwt_addr *addr)
{
  struct net_group *g = lwt__alloc(sizeof *g);

  if (!g)
    return NULL;
  memset(g, 0, sizeof *g);
  g->nif = nif;
  g->addr = *addr;
  net_timer_init(&g->change, change_due);
  net_timer_init(&g->answer, answer_due);
  g->next = nif->groups;
  nif->groups = g;
  nif->n_groups++;
  return g;
}

static int has_member(const struct net_if *nif, const struct lwt_addr *group)
{
  const struct net_member *m = nif->s->members;

  while (m && !concerns(m, nif, group))
    m = m->next;
  return m != NULL;
}

/* MLD is told of groups, not of sources: those are looked at when it comes in. */
static int update6(struct net_if *nif, const struct lwt_addr *group, int had)
{
  int has_now = has_member(nif, group);

  if (has_now && !had)
    return net_mld_join(nif, group->ip);
  if (had && !has_now)
    net_mld_leave(nif, group->ip);
  return 0;
}

/* What the members want has changed; had: there was one. */
static int update(struct net_if *nif, const struct lwt_addr *addr, int had)
{
  struct net_group *g = net_group_find(nif, addr);
  struct filter f;

  if (addr->family == 6)
    return update6(nif, addr, had);
  if (make_filter(&f, nif, addr))
    return LWT_ENOBUFS;
  if (!g && nif->n_groups >= nif->s->config.max_groups)
    return LWT_ENOBUFS;
  if (!g)
    g = make(nif, addr);
  if (!g)
    return LWT_ENOMEM;
  if (apply(g, &f))
    tell_change(g);
  else if (!g->exclude && !g->n)
    drop(g);
  return 0;
}

static struct net_member **find_member(struct net_stack *s, const void *owner,
                                       uint32_t index, const struct lwt_addr *group)
{
  struct net_member **link = &s->members;

  while (*link && ((*link)->owner != owner || (*link)->index != index ||
                   !net_addr_same(&(*link)->group, group)))
    link = &(*link)->next;
  return link;
}

static int check(const struct net_if *nif, const struct lwt_addr *group,
                 const struct lwt_addr *sources, size_t n)
{
  size_t i;

  if (!nif)
    return LWT_ENODEV;
  if (group->family != 4 && (group->family != 6 || !nif->six))
    return LWT_ENOTSUP;
  if (!nif->netif || !net_ip_is_group(group))
    return LWT_EINVAL;
  if (n > NET_SOURCE_MAX)
    return LWT_ENOBUFS;
  for (i = 0; i < n; i++)
    if (sources[i].family != group->family || !net_ip_is_host(&sources[i], 128))
      return LWT_EINVAL;
  return 0;
}

int net_group_join(struct net_stack *s, const void *owner, uint32_t index,
                   const struct lwt_addr *group, int exclude,
                   const struct lwt_addr *sources, size_t n)
{
  struct net_member **link = find_member(s, owner, index, group), *old = *link, *m;
  struct net_if *nif = net_if_find(s, index);
  int error = check(nif, group, sources, n), had;

  if (error)
    return error;
  had = has_member(nif, group);
  m = lwt__alloc(sizeof *m + n * sizeof *sources);
  if (!m)
    return LWT_ENOMEM;
  *m = (struct net_member){ .owner = owner, .index = index, .group = *group,
                            .exclude = exclude != 0, .n = (uint8_t)n };
  if (n)
    memcpy(m->sources, sources, n * sizeof *sources);
  m->next = old ? old->next : NULL;
  *link = m;
  error = update(nif, group, had);
  if (error) { /* as it was */
    *link = old ? old : m->next;
    lwt__free(m);
    return error;
  }
  lwt__free(old);
  return 0;
}

/* If the sources of those who stay are too many now, the filter stays as it was. */
static void leave(struct net_stack *s, struct net_member **link)
{
  struct net_member *m = *link;
  struct net_if *nif = net_if_find(s, m->index);

  *link = m->next;
  if (nif)
    update(nif, &m->group, 1);
  lwt__free(m);
}

int net_group_leave(struct net_stack *s, const void *owner, uint32_t index,
                    const struct lwt_addr *group)
{
  struct net_member **link = find_member(s, owner, index, group);

  if (!*link)
    return LWT_EADDRNOTAVAIL;
  leave(s, link);
  return 0;
}

void net_group_leave_all(struct net_stack *s, const void *owner)
{
  struct net_member **link = &s->members;

  while (*link)
    if ((*link)->owner == owner)
      leave(s, link);
    else
      link = &(*link)->next;
}

int net_group_wants(const struct net_stack *s, const void *owner, uint32_t index,
                    const struct lwt_addr *group, const struct lwt_addr *source)
{
  const struct net_member *m;

  for (m = s->members; m; m = m->next)
    if (m->owner == owner && m->index == index && net_addr_same(&m->group, group))
      return has(m->sources, m->n, source) != m->exclude;
  return 0;
}

/* ---- Life ---------------------------------------------------------------- */

void net_groups_init(struct net_if *nif)
{
  nif->robustness = NET_GROUP_ROBUSTNESS;
  net_timer_init(&nif->query, answer_all);
}

void net_groups_fini(struct net_if *nif)
{
  while (nif->groups)
    drop(nif->groups);
  net_timer_stop(&nif->s->timers, &nif->query);
}

void net_groups_dump(const struct net_if *nif, FILE *out)
{
  struct lwt_addr list[NET_SOURCE_MAX];
  char text[LWT_ADDR_TEXT];
  struct net_group *g;

  for (g = nif->groups; g; g = g->next)
    fprintf(out, "  group %s %s %u sources\n",
            lwt_addr_format(&g->addr, text, sizeof text),
            g->exclude ? "all but" : "only", pick(g, 1, 0, list));
}
