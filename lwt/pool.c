/* pool.c - a bounded number of resources that are used again.
 * SPDX-License-Identifier: ISC
 *
 * A semaphore with `max` units is the queue: who has a unit may have one
 * resource, idle or new, and keeps the unit until that one is idle again or gone.
 * So what is idle and what is in use, being made or disposed of are never more
 * than max together: an idle one is always taken before a new one is made.
 */
#include "internal.h"

#include <lwt/pool.h>

struct lwt_pool {
  struct lwt_pool_ops ops;
  struct lwt_semaphore units;
  size_t cleared; /* how often */
  size_t busy;    /* units that hold a resource */
  size_t first, idle;
  int freed;
  void *ring[];
};

struct lwt_pool *lwt_pool_new(const struct lwt_pool_ops *ops)
{
  struct lwt_pool *pool;

  if (!ops->max || ops->max > (SIZE_MAX - sizeof *pool) / sizeof(void *))
    return NULL;
  pool = lwt__alloc(sizeof *pool + ops->max * sizeof(void *));
  if (!pool)
    return NULL;
  *pool = (struct lwt_pool){ .ops = *ops, .units = LWT_SEMAPHORE_INIT(ops->max) };
  return pool;
}

static void put(struct lwt_pool *pool, void *resource)
{
  size_t i = pool->first + pool->idle++;

  pool->ring[i < pool->ops.max ? i : i - pool->ops.max] = resource;
}

static void *get(struct lwt_pool *pool)
{
  void *resource = pool->ring[pool->first];

  if (++pool->first == pool->ops.max)
    pool->first = 0;
  pool->idle--;
  return resource;
}

/* Fulfilled, or the promise of dispose. */
static lwt_t *dispose(struct lwt_pool *pool, void *resource)
{
  lwt_t *p = pool->ops.dispose ? pool->ops.dispose(pool->ops.env, resource) : NULL;

  return p ? p : lwt_return(NULL);
}

static void give_unit(void *pool)
{
  lwt_semaphore_give(&((struct lwt_pool *)pool)->units);
}

static void not_busy(void *pool)
{
  ((struct lwt_pool *)pool)->busy--;
}

/* ---- Using a resource ---------------------------------------------------------- */

struct use {
  struct lwt_frame frame;
  struct lwt_pool *pool;
  lwt_bind_fn *f;
  void *env;
  void *resource;
  void *valid;
  size_t cleared;
  struct lwt_error error;
};

/* The outcome so far, for deferred calls. */
static struct outcome *outcome_of(struct use *u)
{
  return &((struct frame *)(void *)u)->result;
}

static int unwanted(struct use *u)
{
  return (((struct frame *)(void *)u)->p.flags & F_DROPPED) != 0;
}

/* The use is over. */
static lwt_t *give_back(void *env)
{
  struct use *u = env;
  struct lwt_pool *pool = u->pool;
  struct outcome *o = outcome_of(u);
  int keep = u->cleared == pool->cleared;

  if (keep && o->state == LWT_REJECTED && pool->ops.check)
    keep = pool->ops.check(pool->ops.env, u->resource,
                           (struct lwt_error){ (int)o->code, o->what });
  if (keep && u->cleared == pool->cleared) {
    put(pool, u->resource);
    return NULL;
  }
  return dispose(pool, u->resource);
}

LWT_STEP use_step(struct lwt_frame *frame)
{
  struct use *u = (struct use *)frame;

  lwt_begin(u);
  lwt_await(u, lwt_semaphore_take_at(&u->pool->units, ((struct frame *)u)->p.where));
  lwt_defer(u, give_unit, u->pool);
  u->pool->busy++;
  lwt_defer(u, not_busy, u->pool);
  u->valid = NULL;
  if (u->pool->idle) {
    u->resource = get(u->pool);
    u->cleared = u->pool->cleared;
    u->valid = u; /* until validate says otherwise */
    if (u->pool->ops.validate)
      lwt_await_error(u, &u->error, &u->valid,
                      u->pool->ops.validate(u->pool->ops.env, u->resource));
    if (u->error.code || !u->valid || u->cleared != u->pool->cleared) {
      u->valid = NULL;
      lwt_await(u, lwt_no_cancel(dispose(u->pool, u->resource)));
      if (u->error.code)
        lwt_throw(u, u->error.code, u->error.what);
      if (unwanted(u))
        lwt_throw(u, LWT_ECANCELED, "canceled");
    }
  }
  if (!u->valid) {
    u->cleared = u->pool->cleared;
    lwt_await(u, &u->resource, u->pool->ops.create(u->pool->ops.env));
  }
  lwt_defer(u, give_back, u);
  lwt_become(u, u->f(u->env, u->resource));
  lwt_end(u);
}

lwt_t *lwt_pool_use_at(struct lwt_pool *pool, lwt_bind_fn *f, void *env,
                       const char *where)
{
  if (pool->freed)
    return lwt_fail_at(LWT_EPIPE, "lwt_pool_use", where);
  return lwt__go(sizeof(struct use), use_step,
                 &(struct use){ .pool = pool, .f = f, .env = env }, NULL, where);
}

/* ---- Clearing and freeing ------------------------------------------------------- */

struct ending {
  struct lwt_frame frame;
  struct lwt_pool *pool;
  void *resource;
  size_t units;
  struct lwt_error error, first;
};

/* One resource of which lwt_pool_clear() has taken the unit. */
LWT_STEP end_step(struct lwt_frame *frame)
{
  struct ending *e = (struct ending *)frame;

  lwt_begin(e);
  lwt_await_error(e, &e->error, dispose(e->pool, e->resource));
  not_busy(e->pool);
  give_unit(e->pool);
  if (e->error.code)
    lwt_throw(e, e->error.code, e->error.what);
  lwt_end(e);
}

/* There is no memory to wait for it. */
static void end_blindly(void *init)
{
  struct ending *e = init;

  lwt_async(dispose(e->pool, e->resource));
  not_busy(e->pool);
  give_unit(e->pool);
}

lwt_t *lwt_pool_clear_at(struct lwt_pool *pool, const char *where)
{
  size_t n = pool->idle, i;
  lwt_t **ps = lwt__alloc(n * sizeof *ps), *p;

  if (!ps)
    return lwt__oom();
  pool->cleared++;
  for (i = 0; i < n && lwt_semaphore_try_take(&pool->units); i++) {
    pool->busy++;
    ps[i] = lwt__go(sizeof(struct ending), end_step,
                    &(struct ending){ .pool = pool, .resource = get(pool) },
                    end_blindly, where);
  }
  p = lwt_join_at(i, ps, where);
  lwt__free(ps);
  return lwt_no_cancel_at(p, where);
}

/* Having all units, nobody uses it. */
LWT_STEP free_step(struct lwt_frame *frame)
{
  struct ending *e = (struct ending *)frame;

  lwt_begin(e);
  while (e->units < e->pool->ops.max) {
    lwt_await_error(e, &e->error, lwt_semaphore_take(&e->pool->units));
    if (e->error.code) {
      e->pool->freed = 0;
      while (e->units--)
        give_unit(e->pool);
      lwt_throw(e, e->error.code, e->error.what);
    }
    e->units++;
  }
  while (e->pool->idle) {
    lwt_await_error(e, &e->error, dispose(e->pool, get(e->pool)));
    if (e->error.code && !e->first.code)
      e->first = e->error;
  }
  lwt__free(e->pool);
  if (e->first.code)
    lwt_throw(e, e->first.code, e->first.what);
  lwt_end(e);
}

static void not_freed(void *init)
{
  ((struct ending *)init)->pool->freed = 0;
}

lwt_t *lwt_pool_free_at(struct lwt_pool *pool, const char *where)
{
  if (pool->freed)
    return lwt_fail_at(LWT_EALREADY, "lwt_pool_free", where);
  pool->freed = 1;
  return lwt_no_cancel_at(lwt__go(sizeof(struct ending), free_step,
                                  &(struct ending){ .pool = pool }, not_freed, where),
                          where);
}

size_t lwt_pool_waiting(const struct lwt_pool *pool)
{
  return lwt_queue_length(&pool->units.waiters);
}

size_t lwt_pool_count(const struct lwt_pool *pool)
{
  return pool->idle + pool->busy;
}

size_t lwt_pool_idle(const struct lwt_pool *pool)
{
  return pool->idle;
}
