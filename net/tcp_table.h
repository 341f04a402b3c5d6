/* net/tcp_table.h - the four-tuples in use; not installed.
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_TCP_TABLE_H
#define NET_TCP_TABLE_H

#include "net.h"

/* A connection's name, both addresses in 16 bytes (IPv4: the first 4). */
struct tcp_tuple {
  uint64_t local[2], remote[2];
  uint16_t local_port, remote_port;
  uint32_t scope; /* scope << 8 | family */
};

static inline int net_tcp_tuple_equal(const struct tcp_tuple *a,
                                      const struct tcp_tuple *b)
{
  return !((a->remote[0] ^ b->remote[0]) | (a->remote[1] ^ b->remote[1]) |
           (a->local[0] ^ b->local[0]) | (a->local[1] ^ b->local[1]) |
           (uint64_t)(a->local_port ^ b->local_port) |
           (uint64_t)(a->remote_port ^ b->remote_port) |
           (uint64_t)(a->scope ^ b->scope));
}

/* SipHash-c-d of all of it. */
uint64_t net_tcp_tuple_hash(const struct tcp_tuple *t, const uint64_t key[2], int c,
                            int d);

enum tcp_kind { TCP_CONN, TCP_HALF, TCP_WAIT };

/* What is in the table: struct tcp_conn, tcp_half or tcp_wait. */
struct tcp_node {
  struct tcp_node *next;
  struct tcp_tuple tuple;
  uint32_t hash;
  uint8_t kind;
};

struct tcp_table {
  struct tcp_node **buckets;
  uint32_t mask, count;
  uint64_t key[2];
  struct tcp_tuple hashed; /* the last one, and its hash; all zero: none */
  uint32_t hash;
};

void net_tcp_tuple(struct tcp_tuple *t, const struct lwt_addr *local,
                   const struct lwt_addr *remote);
void net_tcp_tuple_addrs(const struct tcp_tuple *t, struct lwt_addr *local,
                         struct lwt_addr *remote);
int net_tcp_table_init(struct net_stack *s);
void net_tcp_table_fini(struct net_stack *s);
/* The node, or NULL. */
struct tcp_node *net_tcp_find(struct net_stack *s, const struct tcp_tuple *t);
/* node->tuple and kind are set; the tuple is not in the table. */
void net_tcp_insert(struct net_stack *s, struct tcp_node *node);
void net_tcp_remove(struct net_stack *s, struct tcp_node *node);
/* Whether nothing has the tuple, and nobody listens on its local port. */
int net_tcp_is_free(struct net_stack *s, const struct tcp_tuple *t);
/* Choose a free local port for the tuple (RFC 6056).  0 or LWT_EADDRNOTAVAIL. */
int net_tcp_choose_port(struct net_stack *s, struct tcp_tuple *t);

#endif
