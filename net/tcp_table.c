/* net/tcp_table.c - the four-tuples in use, and free local ports.
 * SPDX-License-Identifier: ISC
 *
 * A hash table with chains, keyed so that nobody can aim at one bucket.  It
 * doubles when there are as many nodes as buckets; without memory for that it
 * stays as it is.
 */
#include "siphash.h"
#include "tcp.h"

#include <string.h>

enum { FIRST_BUCKETS = 256 };

uint64_t net_tcp_tuple_hash(const struct tcp_tuple *t, const uint64_t key[2], int c,
                            int d)
{
  uint64_t words[5] = {
    (uint64_t)t->local_port << 48 | (uint64_t)t->remote_port << 32 | t->scope
  };
  unsigned n = 2;

  if ((t->scope & 0xff) == 4) {
    words[1] = t->remote[0] << 32 | t->local[0];
  } else {
    memcpy(words + 1, t->remote, 16);
    memcpy(words + 3, t->local, 16);
    n = 5;
  }
  return net_sip_words(key, words, n, c, d);
}

/* Once for a tuple that is looked for and then put in.  SipHash-1-3: nobody sees it. */
static uint32_t hash_of(struct tcp_table *table, const struct tcp_tuple *t)
{
  if (!net_tcp_tuple_equal(&table->hashed, t)) {
    table->hashed = *t;
    table->hash = (uint32_t)net_tcp_tuple_hash(t, table->key, 1, 3);
  }
  return table->hash;
}

void net_tcp_tuple(struct tcp_tuple *t, const struct lwt_addr *local,
                   const struct lwt_addr *remote)
{
  uint32_t v4;

  if (remote->family == 4) {
    memcpy(&v4, local->ip, 4);
    t->local[0] = v4;
    memcpy(&v4, remote->ip, 4);
    t->remote[0] = v4;
    t->local[1] = t->remote[1] = 0;
  } else {
    memcpy(t->local, local->ip, 16);
    memcpy(t->remote, remote->ip, 16);
  }
  t->local_port = local->port;
  t->remote_port = remote->port;
  t->scope = remote->scope << 8 | remote->family;
}

static void tuple_addr(const struct tcp_tuple *t, const uint64_t ip[2], uint16_t port,
                       struct lwt_addr *addr)
{
  uint32_t v4 = (uint32_t)ip[0];

  *addr = (struct lwt_addr){ .family = (uint8_t)t->scope, .port = port,
                             .scope = t->scope >> 8 };
  if (addr->family == 4)
    memcpy(addr->ip, &v4, 4);
  else
    memcpy(addr->ip, ip, 16);
}

void net_tcp_tuple_addrs(const struct tcp_tuple *t, struct lwt_addr *local,
                         struct lwt_addr *remote)
{
  tuple_addr(t, t->local, t->local_port, local);
  tuple_addr(t, t->remote, t->remote_port, remote);
}

static struct tcp_node **buckets_new(uint32_t n)
{
  struct tcp_node **b = lwt__alloc(n * sizeof *b);

  if (b)
    memset(b, 0, n * sizeof *b);
  return b;
}

int net_tcp_table_init(struct net_stack *s)
{
  struct tcp_table *table = &s->tcp->table;
  uint8_t key[16];

  net_key(s, "tcp table", key);
  memcpy(table->key, key, sizeof table->key);
  table->mask = FIRST_BUCKETS - 1;
  table->buckets = buckets_new(FIRST_BUCKETS);
  return table->buckets ? 0 : LWT_ENOMEM;
}

void net_tcp_table_fini(struct net_stack *s)
{
  lwt__free(s->tcp->table.buckets);
  s->tcp->table.buckets = NULL;
}

static struct tcp_node *find(struct tcp_table *table, const struct tcp_tuple *t)
{
  uint32_t hash = hash_of(table, t);
  struct tcp_node *node = table->buckets[hash & table->mask];

  while (node && (node->hash != hash || !net_tcp_tuple_equal(&node->tuple, t)))
    node = node->next;
  return node;
}

struct tcp_node *net_tcp_find(struct net_stack *s, const struct tcp_tuple *t)
{
  struct net_tcp *tcp = s->tcp;
  struct tcp_node *node;

  if (tcp->last && net_tcp_tuple_equal(&tcp->last->node.tuple, t))
    return &tcp->last->node;
  node = find(&tcp->table, t);
  if (node && node->kind == TCP_CONN)
    tcp->last = tcp_of(node, struct tcp_conn, node);
  return node;
}

static void grow(struct tcp_table *table)
{
  uint32_t i, mask = table->mask * 2 + 1;
  struct tcp_node **b, *node, *next;

  if (mask > 0xffffff || !(b = buckets_new(mask + 1)))
    return;
  for (i = 0; i <= table->mask; i++) {
    for (node = table->buckets[i]; node; node = next) {
      next = node->next;
      node->next = b[node->hash & mask];
      b[node->hash & mask] = node;
    }
  }
  lwt__free(table->buckets);
  table->buckets = b;
  table->mask = mask;
}

void net_tcp_insert(struct net_stack *s, struct tcp_node *node)
{
  struct tcp_table *table = &s->tcp->table;
  struct tcp_node **bucket;

  if (table->count > table->mask)
    grow(table);
  node->hash = hash_of(table, &node->tuple);
  bucket = &table->buckets[node->hash & table->mask];
  node->next = *bucket;
  *bucket = node;
  table->count++;
}

void net_tcp_remove(struct net_stack *s, struct tcp_node *node)
{
  struct tcp_table *table = &s->tcp->table;
  struct tcp_node **at = &table->buckets[node->hash & table->mask];

  while (*at != node)
    at = &(*at)->next;
  *at = node->next;
  table->count--;
  if (s->tcp->last && &s->tcp->last->node == node)
    s->tcp->last = NULL;
  if (s->tcp->same.nif && &s->tcp->same_conn->node == node)
    s->tcp->same.nif = NULL;
}

int net_tcp_is_free(struct net_stack *s, const struct tcp_tuple *t)
{
  return !find(&s->tcp->table, t) && !net_tcp_port_is_listened(s, t->local_port);
}

/* One of n: a random number is good for two. */
static uint32_t choose(struct net_stack *s, uint32_t n)
{
  uint64_t bits = s->tcp->port_bits;

  if (!bits)
    bits = net_random(s);
  s->tcp->port_bits = bits >> 32;
  return (uint32_t)((bits & UINT32_MAX) * n >> 32);
}

/* RFC 6056 algorithm 1: a random place to begin, then one after the other. */
int net_tcp_choose_port(struct net_stack *s, struct tcp_tuple *t)
{
  uint32_t n = TCP_PORT_LAST - TCP_PORT_FIRST + 1;
  uint32_t i, at = choose(s, n);

  for (i = 0; i < n; i++, at = at + 1 < n ? at + 1 : 0) {
    t->local_port = (uint16_t)(TCP_PORT_FIRST + at);
    if (net_tcp_is_free(s, t))
      return 0;
  }
  return LWT_EADDRNOTAVAIL;
}
