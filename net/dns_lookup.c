/* net/dns_lookup.c - the addresses of a host: search list, both families at once.
 * SPDX-License-Identifier: ISC
 */
#include "dns.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ADDRS 64

struct lookup {
  struct lwt_frame frame;
  struct lwt_dns *dns;
  uint16_t port;
  struct net_dns_name name;   /* as given */
  uint8_t search, as_is_first;
  unsigned candidate, candidates;
  lwt_t *sets[2];             /* of AAAA and A; NULL: not asked for */
  struct lwt_error error, missing;
};

/* ---- Answers ---------------------------------------------------------------- */

static struct lwt_addrs *addrs_new(size_t n)
{
  struct lwt_addrs *a = malloc(sizeof *a + n * sizeof *a->addr); /* for free() */

  if (a)
    a->n = 0;
  return a;
}

static void add(struct lwt_addrs *addrs, uint8_t family, const uint8_t *ip,
                uint16_t port)
{
  struct lwt_addr *a = &addrs->addr[addrs->n++];

  *a = (struct lwt_addr){ .family = family, .port = port };
  memcpy(a->ip, ip, family == 4 ? 4 : 16);
}

static void gather(struct lwt_addrs *addrs, lwt_t *p, uint16_t port)
{
  const struct net_dns_set *set = p ? lwt_value(p) : NULL;
  struct net_dns_reader r;
  struct net_dns_header h;
  struct net_dns_rr rr;
  size_t n = 0;

  if (!set || set->error || net_dns_read(&r, set->msg, set->len, &h))
    return;
  while (n < MAX_ADDRS / 2 && net_dns_next(&r, &rr) > 0)
    if (rr.type == NET_DNS_A || rr.type == NET_DNS_AAAA) {
      add(addrs, rr.type == NET_DNS_A ? 4 : 6, rr.u.ip, port);
      n++;
    }
}

static int found(lwt_t *p)
{
  const struct net_dns_set *set = p ? lwt_value(p) : NULL;

  return set && !set->error;
}

static int pending(lwt_t *p)
{
  return p && lwt_state(p) == LWT_PENDING;
}

/* Why there is nothing, the worst of both: that there is no such name or record
 * counts only if both say so. */
static int reason(struct lookup *l)
{
  const struct net_dns_set *set;
  int i, code, worst = LWT_ENOENT;

  for (i = 0; i < 2; i++) {
    if (!l->sets[i])
      continue;
    set = lwt_value(l->sets[i]);
    code = set ? set->error : lwt_error(l->sets[i]).code;
    if (code && code != LWT_ENODATA && code != LWT_ENOENT)
      worst = code;
  }
  return worst;
}

/* ---- Names that are not asked for ------------------------------------------- */

/* RFC 6761: localhost, and what is below it. */
static struct lwt_addrs *localhost(const struct net_dns_name *name, uint16_t port)
{
  static const uint8_t four[4] = { 127, 0, 0, 1 }, six[16] = { [15] = 1 };
  struct lwt_addrs *addrs;
  struct net_dns_name top;

  net_dns_name_from(&top, "localhost");
  if (!net_dns_name_below(name, &top) || !(addrs = addrs_new(2)))
    return NULL;
  add(addrs, 6, six, port);
  add(addrs, 4, four, port);
  return addrs;
}

/* ---- A lookup ------------------------------------------------------------------ */

/* The candidate with number l->candidate; 0: it would be too long. */
static int candidate(struct lookup *l, struct net_dns_name *name)
{
  unsigned k = l->candidate;

  *name = l->name;
  if (!l->search || k == (l->as_is_first ? 0 : l->candidates - 1))
    return 1;
  return !net_dns_name_append(name, &l->dns->search[k - l->as_is_first]);
}

static void give_up(void *env)
{
  struct lookup *l = env;
  int i;

  for (i = 0; i < 2; i++) {
    if (l->sets[i])
      lwt_error(l->sets[i]); /* seen */
    lwt_drop(l->sets[i]);
    l->sets[i] = NULL;
  }
}

static void ask(struct lookup *l, const struct net_dns_name *name)
{
  if (net_dns_uses(l->dns, LWT_DNS_IPV6))
    l->sets[0] = LWT_UNTYPED(net_dns_question(l->dns, name, NET_DNS_AAAA));
  l->sets[1] = LWT_UNTYPED(net_dns_question(l->dns, name, NET_DNS_A));
}

static lwt_t *seen(void *env, struct lwt_error error)
{
  (void)env;
  return error.code == LWT_ECANCELED ? lwt_fail_error(error) : lwt_return(NULL);
}

/* Fulfilled when p has settled; cancel does not reach p. */
static lwt_t *settled(lwt_t *p)
{
  return lwt_catch(lwt_protected(lwt_ref(p)), seen, NULL);
}

/* When the first of both is there. */
static lwt_t *first(struct lookup *l)
{
  if (!pending(l->sets[0]) || !pending(l->sets[1]))
    return lwt_return(NULL);
  return lwt_pick(LWT_PS(settled(l->sets[0]), settled(l->sets[1])));
}

/* When the second is there, or need not be waited for any more. */
static lwt_t *second(struct lookup *l)
{
  lwt_t *p = pending(l->sets[0]) ? l->sets[0] : l->sets[1];

  if (!pending(p))
    return lwt_return(NULL);
  if (found(l->sets[0]) || found(l->sets[1]))
    return lwt_with_timeout(l->dns->config.delay, settled(p));
  return settled(p);
}

static void ignore(void *env, struct lwt_error error)
{
  (void)env;
  (void)error;
}

/* What is late is still for the cache. */
static void leave_late(struct lookup *l)
{
  int i;

  for (i = 0; i < 2; i++)
    if (pending(l->sets[i])) {
      lwt_dont_wait(l->sets[i], ignore, NULL);
      l->sets[i] = NULL;
    }
}

static struct lwt_addrs *collect(struct lookup *l)
{
  struct lwt_addrs *addrs = addrs_new(MAX_ADDRS);
  const struct lwt_dns_config *c = &l->dns->config;

  if (!addrs)
    return NULL;
  gather(addrs, l->sets[0], l->port);
  gather(addrs, l->sets[1], l->port);
  if (c->order && !l->dns->closed) /* whose env may be gone */
    c->order(c->env, addrs->addr, addrs->n);
  return addrs;
}

LWT_STEP lookup_step(struct lwt_frame *frame)
{
  struct lookup *l = (struct lookup *)frame;
  struct net_dns_name name;
  struct lwt_addrs *addrs;

  lwt_begin(l);
  l->dns->refs++;
  lwt_defer(l, net_dns_unref, l->dns);
  lwt_defer(l, give_up, l);
  l->missing.code = LWT_ENOENT;
  for (; l->candidate < l->candidates; l->candidate++) {
    if (!candidate(l, &name))
      continue;
    ask(l, &name);
    lwt_await(l, first(l));
    lwt_await_error(l, &l->error, second(l));
    if (l->error.code == LWT_ECANCELED)
      lwt_throw(l, LWT_ECANCELED, "dns_lookup");
    if (found(l->sets[0]) || found(l->sets[1])) {
      leave_late(l);
      addrs = collect(l);
      if (!addrs)
        lwt_throw(l, LWT_ENOMEM, "dns_lookup");
      lwt_finish_owned(l, addrs, free);
    }
    if (l->error.code) /* no memory to wait */
      lwt_throw(l, l->error.code, "dns_lookup");
    if (reason(l) != LWT_ENOENT)
      l->missing.code = reason(l);
    give_up(l);
  }
  lwt_throw(l, l->missing.code, "dns_lookup");
  lwt_end(l);
}

static lwt_addrs_p *ready(struct lwt_addrs *addrs)
{
  if (!addrs)
    return lwt_addrs_p_fail(LWT_ENOMEM, "dns_lookup");
  return (lwt_addrs_p *)lwt_return_owned(addrs, free);
}

lwt_addrs_p *lwt_dns_lookup(struct lwt_dns *dns, const char *name, uint16_t port)
{
  struct lookup l = { .dns = dns, .port = port };
  struct lwt_addrs *addrs;
  struct lwt_addr addr;
  size_t len = strlen(name);
  unsigned labels;

  if (!lwt_addr_parse(&addr, name)) {
    addr.port = port;
    addrs = addrs_new(1);
    if (addrs)
      addrs->addr[addrs->n++] = addr;
    return ready(addrs);
  }
  if (net_dns_name_from(&l.name, name) || l.name.len == 1)
    return lwt_addrs_p_fail(LWT_EINVAL, "dns_lookup");
  addrs = localhost(&l.name, port);
  if (addrs)
    return ready(addrs);
  if (!net_dns_servers(dns))
    return lwt_addrs_p_fail(LWT_ENOENT, "dns_lookup");
  labels = net_dns_name_labels(&l.name);
  l.search = dns->search && name[len - 1] != '.';
  l.as_is_first = !l.search || labels > dns->config.ndots;
  l.candidates = 1 + (l.search ? (unsigned)dns->config.n_search : 0);
  return (lwt_addrs_p *)LWT_GO(struct lookup, lookup_step, .dns = dns, .port = port,
                               .name = l.name, .search = l.search,
                               .as_is_first = l.as_is_first,
                               .candidates = l.candidates);
}
