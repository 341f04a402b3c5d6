/* net/tcp_shelf.h - memory of connections, which come and go; not installed.
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_TCP_SHELF_H
#define NET_TCP_SHELF_H

#include "net.h"

/* The last few that were given back, for the next ones; all zero: none. */
struct tcp_shelf {
  void *first;
  unsigned n;
};

/* Memory of size bytes, which are the same for all on the shelf; NULL. */
void *net_tcp_shelf_take(struct tcp_shelf *shelf, size_t size);
/* It may be taken again, or is freed. */
void net_tcp_shelf_give(struct tcp_shelf *shelf, void *memory);
/* Free all of it. */
void net_tcp_shelf_clear(struct tcp_shelf *shelf);

/* The shelf of connections, which a program may hold for longer than there is a
 * stack. */
struct tcp_pool {
  struct tcp_shelf shelf;
  unsigned users; /* what was taken, and the stack */
  uint8_t closed; /* there is no stack any more */
};

/* NULL: no memory. */
struct tcp_pool *net_tcp_pool_new(void);
/* The stack is closed. */
void net_tcp_pool_close(struct tcp_pool *pool);
void *net_tcp_pool_take(struct tcp_pool *pool, size_t size);
void net_tcp_pool_give(struct tcp_pool *pool, void *memory);

#endif
