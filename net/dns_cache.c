/* net/dns_cache.c - answers that are kept, for as long as they may be.
 * SPDX-License-Identifier: ISC
 *
 * The hash is keyed: names are chosen by strangers.  At the limits what was not used
 * for the longest time goes.
 */
#include "dns.h"

#include <string.h>

struct net_dns_set *net_dns_set_new(int error, uint32_t ttl, const uint8_t *msg,
                                    size_t len)
{
  struct net_dns_set *set = lwt__alloc(sizeof *set + len);

  if (!set)
    return NULL;
  *set = (struct net_dns_set){
    .refs = 1, .error = error, .ttl = ttl, .since = lwt_now(), .len = len
  };
  if (len)
    memcpy(set->msg, msg, len);
  return set;
}

void net_dns_set_unref(void *set)
{
  struct net_dns_set *s = set;

  if (s && !--s->refs)
    lwt__free(s);
}

static size_t cost(const struct net_dns_entry *e)
{
  return sizeof *e + e->len + sizeof *e->set + e->set->len;
}

static void unlink_use(struct net_dns_cache *c, struct net_dns_entry *e)
{
  *(e->newer ? &e->newer->older : &c->newest) = e->older;
  *(e->older ? &e->older->newer : &c->oldest) = e->newer;
}

static void link_use(struct net_dns_cache *c, struct net_dns_entry *e)
{
  e->newer = NULL;
  e->older = c->newest;
  *(c->newest ? &c->newest->newer : &c->oldest) = e;
  c->newest = e;
}

static void forget(struct net_dns_cache *c, struct net_dns_entry *e)
{
  struct net_dns_entry **link = &c->bucket[e->hash % NET_DNS_BUCKETS];

  while (*link != e)
    link = &(*link)->next;
  *link = e->next;
  unlink_use(c, e);
  c->entries--;
  c->memory -= cost(e);
  net_dns_set_unref(e->set);
  lwt__free(e);
}

static struct net_dns_entry *find(struct net_dns_cache *c, const struct net_dns_key *key)
{
  struct net_dns_entry *e = c->bucket[key->hash % NET_DNS_BUCKETS];

  for (; e; e = e->next)
    if (e->hash == key->hash && e->type == key->type && e->len == key->name.len &&
        !memcmp(e->name, key->name.bytes, e->len))
      break;
  return e;
}

struct net_dns_set *net_dns_cache_find(struct lwt_dns *dns, const struct net_dns_key *key)
{
  struct net_dns_cache *c = &dns->cache;
  struct net_dns_entry *e = find(c, key);

  if (e && e->expires <= lwt_now()) {
    forget(c, e);
    e = NULL;
  }
  if (!e)
    return NULL;
  unlink_use(c, e);
  link_use(c, e);
  dns->stats.cache_hits++;
  dns->stats.cache_negative += e->set->error != 0;
  e->set->refs++;
  return e->set;
}

void net_dns_cache_put(struct lwt_dns *dns, const struct net_dns_key *key,
                       struct net_dns_set *set)
{
  struct net_dns_cache *c = &dns->cache;
  struct net_dns_entry *e = find(c, key);

  if (e)
    forget(c, e);
  if (!set->ttl || !net_dns_uses(dns, LWT_DNS_CACHE))
    return;
  e = lwt__alloc(sizeof *e + key->name.len);
  if (!e)
    return;
  e->set = set;
  set->refs++;
  e->hash = key->hash;
  e->type = key->type;
  e->len = key->name.len;
  e->expires = set->since + LWT_S(set->ttl);
  memcpy(e->name, key->name.bytes, e->len);
  e->next = c->bucket[key->hash % NET_DNS_BUCKETS];
  c->bucket[key->hash % NET_DNS_BUCKETS] = e;
  link_use(c, e);
  c->entries++;
  c->memory += cost(e);
  while (c->entries > dns->config.max_entries || c->memory > dns->config.max_memory) {
    forget(c, c->oldest);
    dns->stats.cache_evicted++;
  }
}

void net_dns_cache_clear(struct lwt_dns *dns)
{
  while (dns->cache.oldest)
    forget(&dns->cache, dns->cache.oldest);
}
