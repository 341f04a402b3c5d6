/* net/tcp_shelf.c - memory of connections, which come and go.
 * SPDX-License-Identifier: ISC
 *
 * They are too large for what allocators give back at once.  With LWT_NO_POOLS each is
 * allocated singly, for the sanitizers and valgrind.
 */
#include "tcp_shelf.h"

#ifdef LWT_NO_POOLS
enum { MOST = 0 };
#else
enum { MOST = 16 };
#endif

void *net_tcp_shelf_take(struct tcp_shelf *shelf, size_t size)
{
  void *memory = shelf->first;

  if (!memory)
    return lwt__alloc(size);
  shelf->first = *(void **)memory;
  shelf->n--;
  return memory;
}

void net_tcp_shelf_give(struct tcp_shelf *shelf, void *memory)
{
  if (shelf->n + 1 > MOST) {
    lwt__free(memory);
    return;
  }
  *(void **)memory = shelf->first;
  shelf->first = memory;
  shelf->n++;
}

void net_tcp_shelf_clear(struct tcp_shelf *shelf)
{
  while (shelf->first)
    lwt__free(net_tcp_shelf_take(shelf, 0));
}

/* ---- Connections ------------------------------------------------------- */

struct tcp_pool *net_tcp_pool_new(void)
{
  struct tcp_pool *pool = lwt__alloc(sizeof *pool);

  if (pool)
    *pool = (struct tcp_pool){ .users = 1 };
  return pool;
}

static void leave(struct tcp_pool *pool)
{
  if (!--pool->users)
    lwt__free(pool);
}

void net_tcp_pool_close(struct tcp_pool *pool)
{
  pool->closed = 1;
  net_tcp_shelf_clear(&pool->shelf);
  leave(pool);
}

void *net_tcp_pool_take(struct tcp_pool *pool, size_t size)
{
  void *memory = net_tcp_shelf_take(&pool->shelf, size);

  pool->users += !!memory;
  return memory;
}

void net_tcp_pool_give(struct tcp_pool *pool, void *memory)
{
  if (pool->closed)
    lwt__free(memory);
  else
    net_tcp_shelf_give(&pool->shelf, memory);
  leave(pool);
}
