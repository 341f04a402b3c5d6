/* mutex.c - a lock that is handed over, first come, first served.
 * SPDX-License-Identifier: ISC
 */
#include "queue.h"

static void undo_lock(void *m)
{
  lwt_mutex_unlock(m);
}

int lwt_mutex_try_lock(struct lwt_mutex *m)
{
  if (m->locked)
    return 0;
  m->locked = 1;
  return 1;
}

lwt_t *lwt_mutex_lock_at(struct lwt_mutex *m, const char *where)
{
  lwt_t *p;

  if (m->locked)
    return lwt__wait_in(lwt__queue_of(&m->waiters, Q_MUTEX), NULL, NULL, where);
  p = lwt__granted(m, undo_lock);
  if (likely(p != lwt__oom()))
    m->locked = 1;
  return p;
}

void lwt_mutex_unlock(struct lwt_mutex *m)
{
  struct promise *next;

  if (!m->locked)
    return;
  if ((next = lwt__queue_pop(Q(&m->waiters)))) {
    lwt__grant(next, m, undo_lock);
    lwt__leave();
  } else {
    m->locked = 0;
  }
}

struct with_lock {
  struct lwt_frame frame;
  struct lwt_mutex *m;
  lwt_finalize_fn *body;
  void *env;
};

LWT_STEP with_lock_step(struct lwt_frame *frame)
{
  struct with_lock *w = (struct with_lock *)frame;

  lwt_begin(w);
  lwt_await(w, lwt_mutex_lock(w->m));
  lwt_defer(w, undo_lock, w->m);
  lwt_become(w, w->body(w->env));
  lwt_end(w);
}

static lwt_t *finally_unlock(void *m)
{
  lwt_mutex_unlock(m);
  return NULL;
}

/* The mutex is free: what waits for the end of the body is there before the
 * body runs, and goes unused if the body does not wait. */
static lwt_t *with_free_lock(struct lwt_mutex *m, lwt_finalize_fn *body, void *env,
                             const char *where)
{
  struct promise *node = lwt__node(sizeof *node, K_FINALIZE, where);
  lwt_t *p;

  if (unlikely(!node))
    return lwt__oom();
  m->locked = 1;
  p = body(env);
  if (lwt__state(p) != LWT_PENDING) {
    lwt__node_free(node);
    lwt_mutex_unlock(m);
    return p;
  }
  node->fn = (void *)finally_unlock;
  node->env = m;
  lwt__hook(P(p), &node->w);
  return H(node);
}

lwt_t *lwt_with_lock_at(struct lwt_mutex *m, lwt_finalize_fn *body, void *env,
                        const char *where)
{
  if (!m->locked)
    return with_free_lock(m, body, env, where);
  return lwt__go(sizeof(struct with_lock), with_lock_step,
                 &(struct with_lock){ .m = m, .body = body, .env = env }, NULL, where);
}
