/* lwt/pool.h - a bounded number of resources that are made when wanted and
 * used again: connections, buffers, workers.
 * SPDX-License-Identifier: ISC
 */
#ifndef LWT_POOL_H
#define LWT_POOL_H

#include <lwt.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lwt_pool;

/* What a pool does with its resources.  env is lent to all.  Only create must
 * be there. */
struct lwt_pool_ops {
  size_t max; /* resources at a time, in use or idle; at least 1 */
  void *env;
  /* A new resource. */
  lwt_t *(*create)(void *env);
  /* Before an idle one is used again: fulfilled with 0 if it is no good any
   * more.  It is then disposed of and a new one made.  If validate is rejected,
   * so is the use, and the resource is disposed of. */
  lwt_t *(*validate)(void *env, void *resource);
  /* After a use that was rejected: 0 if the resource is no good any more.
   * NULL: it is kept. */
  int (*check)(void *env, void *resource, struct lwt_error error);
  /* The end of a resource; NULL result: nothing to wait for. */
  lwt_t *(*dispose)(void *env, void *resource);
};

/* The ops are copied.  NULL if memory is out, or ops->max is 0 or too large. */
LWT_API struct lwt_pool *lwt_pool_new(const struct lwt_pool_ops *ops);

/* Wait for a resource, first come, first served, and call f(env, resource); the
 * resource goes back when the promise of f settles, which is the result.  The
 * idle resource that has waited longest is taken, else a new one is made if
 * there are fewer than max.  If create fails, so does the use; another use that
 * waits then tries for itself.  Cancel reaches the wait, create, validate and
 * f's promise, not dispose.  After lwt_pool_free(): LWT_EPIPE. */
#define lwt_pool_use(pool, f, env) \
  lwt_pool_use_at((pool), (f), (env), LWT_WHERE)
LWT_API lwt_t *lwt_pool_use_at(struct lwt_pool *pool, lwt_bind_fn *f, void *env,
                               const char *where) LWT_MUST_USE;

/* Dispose of the idle resources, and of those in use when they come back.
 * Fulfilled when the idle ones are gone; rejected with the first error of
 * dispose, after all.  Cancel does not
 * reach it. */
#define lwt_pool_clear(pool) lwt_pool_clear_at((pool), LWT_WHERE)
LWT_API lwt_t *lwt_pool_clear_at(struct lwt_pool *pool,
                                 const char *where) LWT_MUST_USE;

/* Let those that use it and that wait finish, dispose of all resources and free
 * the pool, which is not to be used from now on.  Cancel does not reach it. If
 * memory is out, nothing is done and the pool is as it was. */
#define lwt_pool_free(pool) lwt_pool_free_at((pool), LWT_WHERE)
LWT_API lwt_t *lwt_pool_free_at(struct lwt_pool *pool,
                                const char *where) LWT_MUST_USE;

/* Uses that wait for a resource; resources that exist or are being made or
 * disposed of; those of them that are idle. */
LWT_API size_t lwt_pool_waiting(const struct lwt_pool *pool);
LWT_API size_t lwt_pool_count(const struct lwt_pool *pool);
LWT_API size_t lwt_pool_idle(const struct lwt_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
