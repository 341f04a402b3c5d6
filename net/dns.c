/* net/dns.c - the resolver: its life, and questions that become one.
 * SPDX-License-Identifier: ISC
 *
 * A question under way has waiters, each a promise of its own that can be cancelled;
 * with the last of them it is cancelled, too.
 */
#include "dns.h"

#include "net.h"

#include <string.h>

struct waiter {
  struct waiter *next, **link;
  struct net_dns_under_way *u;
  struct lwt_resolver r;
};

struct net_dns_under_way {
  struct net_dns_under_way *next, **link; /* link NULL: nobody may join */
  struct lwt_dns *dns;
  struct net_dns_key key;
  struct waiter *waiters;
  lwt_t *running;
};

uint64_t net_dns_random(struct lwt_dns *dns)
{
  uint64_t count = dns->random_count++;

  return net_siphash(dns->config.secret, &count, sizeof count);
}

void net_dns_unref(void *dns)
{
  struct lwt_dns *d = dns;

  if (--d->refs)
    return;
  lwt__free(d->search);
  lwt__free(d);
}

/* ---- Questions under way ---------------------------------------------------- */

static void leave(struct net_dns_under_way *u)
{
  if (!u->link)
    return;
  *u->link = u->next;
  if (u->next)
    u->next->link = u->link;
  u->link = NULL;
  u->dns->n_under_way--;
}

static void remove_waiter(struct waiter *w)
{
  *w->link = w->next;
  if (w->next)
    w->next->link = w->link;
  w->u->dns->n_waiters--;
}

/* Everybody hears of it; set NULL: of the error. */
static void tell(struct net_dns_under_way *u, struct net_dns_set *set, int error)
{
  int held = lwt__hold();
  struct waiter *w;

  while ((w = u->waiters)) {
    remove_waiter(w);
    if (set) {
      set->refs++;
      lwt_fulfill_owned(&w->r, set, net_dns_set_unref);
    } else {
      lwt_reject(&w->r, error, "dns");
    }
    lwt__free(w);
  }
  lwt__release(held);
}

static void finish(struct net_dns_under_way *u, struct net_dns_set *set, int error)
{
  struct lwt_dns *dns = u->dns;
  lwt_t *running = u->running;

  leave(u);
  dns->stats.failed += (set ? set->error : error) != 0;
  if (set && !dns->closed)
    net_dns_cache_put(dns, &u->key, set);
  tell(u, set, error);
  lwt__free(u);
  net_dns_unref(dns);
  lwt_drop(running);
}

static void answered(void *env, void *value)
{
  finish(env, value, 0);
}

/* That time was up is worth remembering; the rest may pass. */
static void not_answered(void *env, struct lwt_error error)
{
  struct net_dns_under_way *u = env;
  struct net_dns_set *set = NULL;

  if (error.code == LWT_ETIMEDOUT)
    set = net_dns_set_new(LWT_ETIMEDOUT, u->dns->config.failure_ttl, NULL, 0);
  finish(u, set, error.code);
  net_dns_set_unref(set);
}

static void begin(struct net_dns_under_way *u)
{
  int error;

  u->running = LWT_UNTYPED(net_dns_ask(u->dns, &u->key.name, u->key.type));
  error = lwt_on_any(lwt_ref(u->running), answered, not_answered, u);
  if (error)
    finish(u, NULL, error);
}

/* A waiter does not want it any more. */
static void stop(void *env)
{
  struct waiter *w = env;
  struct net_dns_under_way *u = w->u;

  remove_waiter(w);
  lwt_abandon(&w->r);
  lwt__free(w);
  if (u->waiters || !u->link)
    return;
  leave(u);
  lwt_cancel(u->running);
}

static net_dns_set_p *join(struct net_dns_under_way *u)
{
  struct waiter *w = lwt__alloc(sizeof *w);
  lwt_t *p;

  if (!w)
    return net_dns_set_p_fail(LWT_ENOMEM, "dns");
  p = lwt_task_op(&w->r, stop, w);
  if (!w->r.lwt_private) {
    lwt__free(w);
    return (net_dns_set_p *)p;
  }
  w->u = u;
  w->link = &u->waiters;
  w->next = u->waiters;
  if (w->next)
    w->next->link = &w->next;
  u->waiters = w;
  u->dns->n_waiters++;
  return (net_dns_set_p *)p;
}

static net_dns_set_p *start(struct lwt_dns *dns, const struct net_dns_key *key)
{
  struct net_dns_under_way *u = lwt__alloc(sizeof *u);
  net_dns_set_p *p;

  if (!u)
    return net_dns_set_p_fail(LWT_ENOMEM, "dns");
  *u = (struct net_dns_under_way){ .dns = dns, .key = *key };
  p = join(u);
  if (!u->waiters) {
    lwt__free(u);
    return p;
  }
  dns->refs++;
  dns->n_under_way++;
  u->link = &dns->under_way;
  u->next = dns->under_way;
  if (u->next)
    u->next->link = &u->next;
  dns->under_way = u;
  begin(u);
  return p;
}

static struct net_dns_under_way *find(struct lwt_dns *dns, const struct net_dns_key *key)
{
  struct net_dns_under_way *u = dns->under_way;

  for (; u; u = u->next)
    if (u->key.hash == key->hash && u->key.type == key->type &&
        net_dns_name_same(&u->key.name, &key->name))
      break;
  return u;
}

net_dns_set_p *net_dns_question(struct lwt_dns *dns, const struct net_dns_name *name,
                                uint16_t type)
{
  struct net_dns_key key = { .name = *name, .type = type };
  struct net_dns_under_way *u;
  struct net_dns_set *set;

  if (dns->closed)
    return net_dns_set_p_fail(LWT_ECONNABORTED, "dns");
  dns->stats.questions++;
  net_dns_name_fold(&key.name);
  key.hash = net_siphash(dns->config.secret + 16, key.name.bytes, key.name.len) ^ type;
  set = net_dns_cache_find(dns, &key);
  if (set)
    return (net_dns_set_p *)lwt_return_owned(set, net_dns_set_unref);
  u = find(dns, &key);
  if (dns->n_waiters >= dns->config.max_waiters ||
      (!u && dns->n_under_way >= dns->config.max_questions)) {
    dns->stats.full++;
    return net_dns_set_p_fail(LWT_ENOBUFS, "dns");
  }
  if (!u)
    return start(dns, &key);
  dns->stats.coalesced++;
  return join(u);
}

/* ---- Life -------------------------------------------------------------------- */

/* One more, unless it is there or there is no room. */
static void add_server(struct lwt_dns *dns, struct net_dns_server *list, unsigned *n,
                       struct lwt_addr addr)
{
  unsigned i;

  if (!addr.port)
    addr.port = 53;
  for (i = 0; i < *n; i++)
    if (lwt_addr_equal(&list[i].addr, &addr))
      return;
  if (*n == LWT_DNS_SERVERS)
    return;
  memset(&list[*n], 0, sizeof *list);
  for (i = 0; i < dns->n_servers; i++) /* what is known of it stays known */
    if (lwt_addr_equal(&dns->servers[i].addr, &addr))
      list[*n] = dns->servers[i];
  list[(*n)++].addr = addr;
}

unsigned net_dns_servers(struct lwt_dns *dns)
{
  struct net_dns_server list[LWT_DNS_SERVERS];
  struct lwt_addr learnt[LWT_DNS_SERVERS];
  size_t i, n_learnt = 0;
  unsigned n = 0;

  if (dns->learnt)
    n_learnt = dns->learnt(dns->stack, learnt, LWT_DNS_SERVERS);
  for (i = 0; i < dns->n_given; i++)
    add_server(dns, list, &n, dns->given[i]);
  for (i = 0; i < n_learnt; i++)
    add_server(dns, list, &n, learnt[i]);
  memcpy(dns->servers, list, n * sizeof *list);
  dns->n_servers = n;
  return n;
}

int lwt_dns_set_servers(struct lwt_dns *dns, const struct lwt_addr *servers, size_t n)
{
  size_t i;

  if (n > LWT_DNS_SERVERS)
    return LWT_EINVAL;
  for (i = 0; i < n; i++)
    if (servers[i].family != 4 && servers[i].family != 6)
      return LWT_EINVAL;
  for (i = 0; i < n; i++)
    dns->given[i] = servers[i];
  dns->n_given = (unsigned)n;
  net_dns_servers(dns);
  return 0;
}

static int copy_search(struct lwt_dns *dns, const struct lwt_dns_config *config)
{
  size_t i;

  dns->config.search = NULL;
  if (!config->n_search)
    return 0;
  dns->search = lwt__alloc(config->n_search * sizeof *dns->search);
  if (!dns->search)
    return LWT_ENOMEM;
  for (i = 0; i < config->n_search; i++)
    if (net_dns_name_from(&dns->search[i], config->search[i]))
      return LWT_EINVAL;
  return 0;
}

#define DEFAULT(member, preset) (c->member = c->member ? c->member : (preset))

static void set_defaults(struct lwt_dns_config *c)
{
  DEFAULT(ndots, 1);
  DEFAULT(timeout, LWT_S(2));
  DEFAULT(deadline, LWT_S(20));
  DEFAULT(delay, LWT_MS(50));
  DEFAULT(rounds, 3);
  DEFAULT(udp_size, 1232);
  DEFAULT(max_questions, 256);
  DEFAULT(max_waiters, 4096);
  DEFAULT(max_entries, 1024);
  DEFAULT(max_memory, 1u << 20);
  DEFAULT(max_ttl, 86400);
  DEFAULT(max_negative, 3600);
  DEFAULT(failure_ttl, 1);
}

int lwt_dns_new(struct lwt_stack *stack, const struct lwt_dns_config *config,
                struct lwt_dns **dns)
{
  struct lwt_dns *d = lwt__alloc(sizeof *d);
  int error;

  if (!d)
    return LWT_ENOMEM;
  memset(d, 0, sizeof *d);
  d->refs = 1;
  d->stack = stack;
  d->config = *config;
  set_defaults(&d->config);
  error = lwt_dns_set_servers(d, config->servers, config->n_servers);
  if (!error)
    error = copy_search(d, config);
  if (error) {
    net_dns_unref(d);
    return error;
  }
  *dns = d;
  return 0;
}

void lwt_dns_close(void *dns)
{
  struct lwt_dns *d = dns;
  struct net_dns_under_way *u;
  int held;

  if (!d)
    return;
  held = lwt__hold();
  d->closed = 1;
  d->learnt = NULL;
  while ((u = d->under_way)) {
    leave(u);
    tell(u, NULL, LWT_ECONNABORTED);
    lwt_cancel(u->running);
  }
  net_dns_cache_clear(d);
  net_dns_unref(d);
  lwt__release(held);
}

void lwt_dns_flush(struct lwt_dns *dns)
{
  net_dns_cache_clear(dns);
}

const struct lwt_dns_stats *lwt_dns_stats(const struct lwt_dns *dns)
{
  return &dns->stats;
}

void lwt_dns_dump(const struct lwt_dns *dns, FILE *out)
{
#define NAME(name) #name,
  static const char *const names[] = { LWT_DNS_STATS(NAME) };
  const uint64_t *counters = (const uint64_t *)&dns->stats;
  const struct net_dns_under_way *u;
  char text[NET_DNS_TEXT];
  size_t i;

  net_dns_servers((struct lwt_dns *)(uintptr_t)dns);
  for (i = 0; i < dns->n_servers; i++)
    fprintf(out, "dns server %s asked %llu failed %llu%s\n",
            lwt_addr_format(&dns->servers[i].addr, text, sizeof text),
            (unsigned long long)dns->servers[i].asked,
            (unsigned long long)dns->servers[i].failed,
            dns->servers[i].no_edns ? " without EDNS" : "");
  fprintf(out, "dns cache %u entries, %u bytes\n", dns->cache.entries,
          (unsigned)dns->cache.memory);
  for (u = dns->under_way; u; u = u->next)
    fprintf(out, "dns asks for %s type %u\n",
            net_dns_name_text(&u->key.name, text, sizeof text), u->key.type);
  for (i = 0; i < sizeof names / sizeof *names; i++)
    if (counters[i])
      fprintf(out, "dns %s %llu\n", names[i], (unsigned long long)counters[i]);
}
