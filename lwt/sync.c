/* sync.c - mutex, semaphore, condition, read-write lock, barrier, mvar.
 * SPDX-License-Identifier: ISC
 *
 * Each is a count or a flag and a queue of promises (internal.h, K_QUEUED).
 * What is given back goes straight to the head of the queue, as a grant: a
 * promise that is settled but that nobody receives gives it back again.
 */
#include "internal.h"

size_t lwt_queue_length(const struct lwt_queue *queue)
{
  const struct waiter *w;
  size_t n = 0;

  for (w = ((const struct promise *)(const void *)queue)->waiters; w; w = w->next)
    n++;
  return n;
}

static int empty(struct lwt_queue *queue)
{
  return !Q(queue)->waiters;
}

/* ---- Mutex --------------------------------------------------------------- */

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
    return lwt__wait_in(Q(&m->waiters), NULL, NULL, where);
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

lwt_t *lwt_with_lock_at(struct lwt_mutex *m, lwt_finalize_fn *body, void *env,
                        const char *where)
{
  return lwt__go(sizeof(struct with_lock), with_lock_step,
                 &(struct with_lock){ .m = m, .body = body, .env = env }, NULL, where);
}

/* ---- Semaphore ----------------------------------------------------------- */

static void undo_take(void *s)
{
  lwt_semaphore_give(s);
}

int lwt_semaphore_try_take(struct lwt_semaphore *s)
{
  if (!s->free)
    return 0;
  s->free--;
  return 1;
}

lwt_t *lwt_semaphore_take_at(struct lwt_semaphore *s, const char *where)
{
  lwt_t *p;

  if (!s->free)
    return lwt__wait_in(Q(&s->waiters), NULL, NULL, where);
  p = lwt__granted(s, undo_take);
  if (likely(p != lwt__oom()))
    s->free--;
  return p;
}

void lwt_semaphore_give(struct lwt_semaphore *s)
{
  struct promise *next = lwt__queue_pop(Q(&s->waiters));

  if (!next) {
    s->free++;
    return;
  }
  lwt__grant(next, s, undo_take);
  lwt__leave();
}

/* ---- Condition ----------------------------------------------------------- */

struct wait_locked {
  struct lwt_frame frame;
  struct lwt_condition *c;
  struct lwt_mutex *m;
  void *value;
  struct lwt_error error;
};

LWT_STEP wait_locked_step(struct lwt_frame *frame)
{
  struct wait_locked *w = (struct wait_locked *)frame;

  lwt_begin(w);
  lwt_await_error(w, &w->error, &w->value, lwt_condition_wait(w->c, NULL));
  lwt_await(w, lwt_no_cancel(lwt_mutex_lock(w->m)));
  if (w->error.code)
    lwt_throw(w, w->error.code, w->error.what);
  lwt_finish(w, w->value);
  lwt_end(w);
}

lwt_t *lwt_condition_wait_at(struct lwt_condition *c, struct lwt_mutex *m,
                             const char *where)
{
  lwt_t *p;

  if (!m)
    return lwt__wait_in(Q(&c->waiters), NULL, NULL, where);
  p = lwt__go(sizeof(struct wait_locked), wait_locked_step,
              &(struct wait_locked){ .c = c, .m = m }, NULL, where);
  if (lwt_state(p) == LWT_PENDING)
    lwt_mutex_unlock(m);
  return p;
}

void lwt_condition_signal(struct lwt_condition *c, void *value)
{
  struct promise *next = lwt__queue_pop(Q(&c->waiters));

  if (!next)
    return;
  lwt__fulfill(next, value, NULL);
  lwt__leave();
}

/* The promises that wait now settle before any of their callbacks runs. */
void lwt_condition_broadcast(struct lwt_condition *c, void *value)
{
  struct promise *next;

  while ((next = lwt__queue_pop(Q(&c->waiters))))
    lwt__fulfill(next, value, NULL);
  lwt__leave();
}

void lwt_condition_fail(struct lwt_condition *c, int code, const char *what)
{
  struct promise *next;

  while ((next = lwt__queue_pop(Q(&c->waiters))))
    lwt__reject(next, code < 0 ? code : LWT_EINVAL, what, NULL);
  lwt__leave();
}

/* ---- Read-write lock ----------------------------------------------------- */

static void undo_read(void *l)
{
  lwt_rwlock_unlock_read(l);
}

static void undo_write(void *l)
{
  lwt_rwlock_unlock_write(l);
}

/* Let in whoever stands at the head: one writer, or readers up to the next
 * writer.  p.fn tells a writer. */
static void admit(struct lwt_rwlock *l)
{
  struct waiter *w;
  struct promise *next;

  while ((w = Q(&l->waiters)->waiters)) {
    if (l->writer || (lwt__owner(w)->fn && l->readers))
      break;
    next = lwt__queue_pop(Q(&l->waiters));
    if (next->fn) {
      next->flags &= (uint16_t)~F_OWNS;
      l->writer = 1;
      lwt__grant(next, l, undo_write);
    } else {
      l->readers++;
      lwt__grant(next, l, undo_read);
    }
  }
  lwt__leave();
}

static void writer_left(void *l)
{
  admit(l);
}

lwt_t *lwt_rwlock_read_at(struct lwt_rwlock *l, const char *where)
{
  lwt_t *p;

  if (l->writer || !empty(&l->waiters))
    return lwt__wait_in(Q(&l->waiters), NULL, NULL, where);
  p = lwt__granted(l, undo_read);
  if (likely(p != lwt__oom()))
    l->readers++;
  return p;
}

lwt_t *lwt_rwlock_write_at(struct lwt_rwlock *l, const char *where)
{
  lwt_t *p;

  if (l->writer || l->readers || !empty(&l->waiters)) {
    /* When it is cancelled, the readers behind it may go in. */
    p = lwt__wait_in(Q(&l->waiters), l, (void *)writer_left, where);
    if (p != lwt__oom())
      P(p)->flags |= F_OWNS;
    return p;
  }
  p = lwt__granted(l, undo_write);
  if (likely(p != lwt__oom()))
    l->writer = 1;
  return p;
}

void lwt_rwlock_unlock_read(struct lwt_rwlock *l)
{
  l->readers--;
  admit(l);
}

void lwt_rwlock_unlock_write(struct lwt_rwlock *l)
{
  l->writer = 0;
  admit(l);
}

/* ---- Barrier ------------------------------------------------------------- */

lwt_t *lwt_barrier_wait_at(struct lwt_barrier *b, const char *where)
{
  struct promise *next;

  if (lwt_queue_length(&b->waiters) + 1 < b->parties)
    return lwt__wait_in(Q(&b->waiters), NULL, NULL, where);
  while ((next = lwt__queue_pop(Q(&b->waiters))))
    lwt__fulfill(next, NULL, NULL);
  lwt__leave();
  return lwt_return(NULL);
}

/* ---- Mvar ---------------------------------------------------------------- */

lwt_t *lwt_mvar_put_owned_at(struct lwt_mvar *m, void *value, lwt_drop_fn *drop,
                             const char *where)
{
  struct promise *taker;
  lwt_t *p;

  if (m->full) {
    p = lwt__wait_in(Q(&m->putters), value, (void *)drop, where);
    if (p == lwt__oom())
      lwt__drop_value(value, drop);
    else
      P(p)->flags |= F_OWNS;
    return p;
  }
  if ((taker = lwt__queue_pop(Q(&m->takers)))) {
    lwt__fulfill(taker, value, drop);
    lwt__leave();
  } else {
    m->content = (struct lwt_value){ value, drop };
    m->full = 1;
  }
  return lwt_return(NULL);
}

/* Empty it, and let the first putter in. */
static struct lwt_value take(struct lwt_mvar *m)
{
  struct lwt_value v = m->content;
  struct promise *putter = lwt__queue_pop(Q(&m->putters));

  m->full = putter != NULL;
  if (putter) {
    m->content = (struct lwt_value){ putter->fn, (lwt_drop_fn *)putter->env };
    putter->flags &= (uint16_t)~F_OWNS;
    lwt__fulfill(putter, NULL, NULL);
  }
  return v;
}

lwt_t *lwt_mvar_take_at(struct lwt_mvar *m, const char *where)
{
  struct lwt_value v;

  if (!m->full)
    return lwt__wait_in(Q(&m->takers), NULL, NULL, where);
  v = take(m);
  lwt__leave();
  return lwt_return_owned(v.value, v.drop);
}

int lwt_mvar_try_take(struct lwt_mvar *m, void **value)
{
  if (!m->full)
    return 0;
  *value = take(m).value;
  lwt__leave();
  return 1;
}

void lwt_mvar_fini(struct lwt_mvar *m)
{
  struct lwt_value v = m->content;

  if (!m->full)
    return;
  m->full = 0;
  lwt__drop_value(v.value, v.drop);
}
