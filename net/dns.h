/* net/dns.h - what the files of the resolver share.
 * SPDX-License-Identifier: ISC
 *
 * Read lwt-dns.h first.  A question's way:
 *
 *   dns_lookup.c, dns_answer.c   names and types of programs
 *   dns.c                        the cache, then equal questions become one
 *   dns_ask.c                    aliases; servers in turn; what an answer means
 *   dns_transport.c              one question to one server, over UDP or TCP
 */
#ifndef NET_DNS_H
#define NET_DNS_H

#include "dns_wire.h"

#include "lwt-dns.h"

#include <lwt/io.h>

/* What a question has for an answer, shared by the cache and those who asked. */
struct net_dns_set {
  unsigned refs;
  int error;      /* 0, LWT_ENOENT, LWT_ENODATA, or why there is no answer */
  uint32_t ttl;   /* seconds; 0: not to be kept */
  uint64_t since; /* when it came */
  size_t len;
  uint8_t msg[];  /* a message: the aliases, then the records */
};
LWT_PROMISE(net_dns_set_p, struct net_dns_set *);
struct net_dns_set *net_dns_set_new(int error, uint32_t ttl, const uint8_t *msg,
                                    size_t len);
void net_dns_set_unref(void *set);

/* ---- The cache (dns_cache.c) ---------------------------------------------- */

struct net_dns_entry {
  struct net_dns_entry *next;          /* of its bucket */
  struct net_dns_entry *newer, *older; /* by last use */
  struct net_dns_set *set;
  uint64_t hash, expires;
  uint16_t type;
  uint8_t len;
  uint8_t name[]; /* in small letters */
};

enum { NET_DNS_BUCKETS = 256 };
struct net_dns_cache {
  struct net_dns_entry *bucket[NET_DNS_BUCKETS];
  struct net_dns_entry *newest, *oldest;
  uint32_t entries;
  size_t memory;
};

struct net_dns_key {
  struct net_dns_name name; /* in small letters */
  uint16_t type;
  uint64_t hash;
};

/* A reference, or NULL. */
struct net_dns_set *net_dns_cache_find(struct lwt_dns *dns,
                                       const struct net_dns_key *key);
/* No effect without memory.  Borrows set. */
void net_dns_cache_put(struct lwt_dns *dns, const struct net_dns_key *key,
                       struct net_dns_set *set);
void net_dns_cache_clear(struct lwt_dns *dns);

/* ---- Questions ------------------------------------------------------------- */

struct net_dns_server {
  struct lwt_addr addr;
  uint64_t bad_until; /* did not answer: others come first */
  uint8_t no_edns;
  uint64_t asked, failed;
};


struct lwt_dns {
  unsigned refs; /* the program's, and of questions under way */
  uint8_t closed;
  struct lwt_stack *stack;
  struct lwt_dns_config config; /* defaults filled in */
  struct lwt_dns_stats stats;
  /* Those that the program gave, and all: with what the stack has learnt. */
  struct lwt_addr given[LWT_DNS_SERVERS];
  unsigned n_given;
  struct net_dns_server servers[LWT_DNS_SERVERS];
  unsigned n_servers, turn;
  /* Or NULL. */
  size_t (*learnt)(struct lwt_stack *stack, struct lwt_addr *list, size_t max);
  struct net_dns_name *search;
  uint64_t random_count;
  struct net_dns_under_way *under_way;
  uint32_t n_under_way, n_waiters;
  struct net_dns_cache cache;
};

/* For lwt_defer(): takes a struct lwt_dns *. */
void net_dns_unref(void *dns);
uint64_t net_dns_random(struct lwt_dns *dns);
static inline int net_dns_uses(const struct lwt_dns *dns, enum lwt_dns_feature feature)
{
  return !(dns->config.without & feature);
}

/* Before servers are looked at: those that the stack knows of now, after those that were
 * given.  Returns how many there are in all. */
unsigned net_dns_servers(struct lwt_dns *dns);

/* Records or an error; net_dns_set_unref() it.  An error that is an answer, too. */
net_dns_set_p *net_dns_question(struct lwt_dns *dns, const struct net_dns_name *name,
                                uint16_t type) LWT_MUST_USE;

/* The same from servers, never from the cache.  Borrows dns. */
net_dns_set_p *net_dns_ask(struct lwt_dns *dns, const struct net_dns_name *name,
                           uint16_t type) LWT_MUST_USE;

/* One question to one server: the answer, with its header parsed and its question
 * compared.  tcp 0: LWT_EMSGSIZE when it was truncated, LWT_EPROTO after too many
 * wrong ones. */
struct net_dns_try {
  struct lwt_dns *dns;
  struct lwt_addr server;
  struct net_dns_question q;
  uint8_t edns, tcp;
};
/* For lwt_bind(): a struct lwt_dns_answer out of a set, which it takes. */
lwt_t *net_dns_answer(void *env, void *value) LWT_MUST_USE;
lwt_chunk_p *net_dns_exchange(const struct net_dns_try *try, uint64_t timeout)
  LWT_MUST_USE;

#endif
