/* cancel.c - cancelling, backwards through what a promise waits for.
 * SPDX-License-Identifier: ISC
 *
 * Two walks, both in constant stack and without allocation:
 *
 *   lwt__cancel   what lwt_cancel() does: to every leaf, shared or not.
 *   lwt__sever    what giving up the last handle does: only through promises
 *                 that nobody else holds.  Plain links (bind, map) do not run
 *                 any more; those that see failures are run, from the leaf
 *                 upwards, with LWT_ECANCELED.
 *
 * A line of promises is walked by a loop.  Groups (join, pick ...) branch: they
 * wait on a list through group.work.
 */
#include "internal.h"

/* Out of its wait queue. */
static void cancel_queued(struct promise *p)
{
  struct lwt_value v = { p->fn, (lwt_drop_fn *)p->env };
  int owns = p->flags & F_OWNS;

  lwt__unhook(&p->w);
  p->flags &= (uint16_t)~F_OWNS;
  lwt__reject(p, LWT_ECANCELED, lwt__canceled.what, NULL);
  if (owns)
    lwt__drop_value(v.value, v.drop);
}

/* p is a pending leaf (lwt_wait, timer, pause): reject it.  Its waiters become
 * ready.  Returns 0 if it cannot be cancelled. */
static int cancel_leaf(struct promise *p)
{
  if (p->kind == K_SLEEP || p->kind == K_TIMEOUT) {
    lwt__timer_remove(p);
  } else if (p->kind == K_QUEUED) {
    cancel_queued(p);
    return 1;
  } else if (p->kind == K_SELECT) {
    lwt__select_cancel(p);
    return 1;
  } else if (!(p->flags & F_CANCELABLE)) {
    return 0;
  } else if (p->flags & F_STOP) {
    /* The stop function first; the union keeps it until then. */
    p->w.source = 0;
    lwt__queue(&p->w);
    lwt__reject_stopped(p);
    return 1;
  }
  lwt__reject(p, LWT_ECANCELED, lwt__canceled.what, NULL);
  return 1;
}

/* The source of w has settled: w is in the ready queue and will run. */
static int decided(const struct waiter *w)
{
  return lwt__source(w)->state != LWT_PENDING;
}

/* ---- lwt_cancel ---------------------------------------------------------- */

static void push(struct group **work, struct group *g)
{
  if (g->p.flags & F_WORK)
    return;
  g->p.flags |= F_WORK;
  g->work = *work;
  *work = g;
}

/* protected, wrap_in_cancelable: p itself is rejected, and what is behind it
 * runs on. */
static void cancel_shield(struct promise *p, struct promise *source)
{
  lwt__unhook(&p->w);
  lwt__detach(source);
  lwt__reject(p, LWT_ECANCELED, lwt__canceled.what, NULL);
}

/* Along one line from p to a leaf or a group.  A line may close to a ring
 * (Brent's algorithm sees it). */
static void cancel_line(struct promise *p, struct group **work)
{
  struct promise *mark = NULL, *source;
  size_t steps = 0, limit = 1;

  while (p != mark && p->state == LWT_PENDING && !(p->flags & (F_RUNNING | F_CLEANUP))) {
    if (++steps == limit) {
      steps = 0;
      limit *= 2;
      mark = p;
    }
    if (lwt__is_group(p)) {
      push(work, (struct group *)p);
      return;
    }
    if (!lwt__is_single(p)) {
      cancel_leaf(p);
      return;
    }
    if (p->kind == K_NO_CANCEL || decided(&p->w))
      return;
    source = lwt__source(&p->w);
    if (p->kind == K_PROTECTED) {
      cancel_shield(p, source);
      return;
    }
    if (p->kind == K_WRAP)
      cancel_shield(p, source);
    p = source;
  }
}

void lwt__cancel(struct promise *p, int once)
{
  struct group *work = NULL, *done = NULL, *g;
  size_t i;
  uint8_t draining = lwt__t.draining;

  lwt__t.draining = 1; /* drop functions run nothing meanwhile */
  cancel_line(p, &work);
  while ((g = work)) {
    work = g->work;
    g->work = done;
    done = g;
    if (g->p.state != LWT_PENDING || (once && g->canceled == lwt__t.epoch + 1))
      continue;
    g->canceled = lwt__t.epoch + 1;
    for (i = 0; i < g->n; i++)
      if (g->e[i].owner && !decided(&g->e[i].w))
        cancel_line(lwt__source(&g->e[i].w), &work);
  }
  while ((g = done)) {
    done = g->work;
    g->p.flags &= (uint16_t)~F_WORK;
  }
  lwt__t.draining = draining;
}

void lwt_cancel(lwt_t *p)
{
  if (!p || lwt__is_inline(p) || P(p)->state != LWT_PENDING)
    return;
  lwt__cancel(P(p), 0);
  lwt__leave();
}

/* ---- Giving up the last handle -------------------------------------------- */

/* Run w with LWT_ECANCELED instead of its source, whose handle is given up. */
static void deliver(struct waiter *w, struct promise *source)
{
  lwt__unhook(w);
  if (source->refs == 1 && !lwt__is_single(source) && !lwt__is_group(source)) {
    /* A leaf: its stop function runs before w. */
    source->refs = 0;
    lwt__abandon(source);
  } else {
    lwt__unref(source);
  }
  w->source = (uintptr_t)&lwt__canceled | (w->source & WAITER_ENTRY);
  lwt__queue(w);
}

/* Along one line from w to where it is decided. */
static void sever_line(struct waiter *w, struct group **work)
{
  struct promise *s;

  for (;;) {
    s = lwt__source(w);
    if (s->state != LWT_PENDING)
      return;
    if (s->refs > 1 || s->flags & F_ON_CANCEL ||
        !(lwt__is_single(s) || lwt__is_group(s)) || s->kind == K_PROTECTED ||
        s->kind == K_WRAP) {
      deliver(w, s);
      return;
    }
    if (lwt__is_group(s)) {
      ((struct group *)s)->work = *work;
      *work = (struct group *)s;
      return;
    }
    if (s->flags & F_CLEANUP || s->kind == K_NO_CANCEL)
      return;
    if (s->flags & F_RUNNING || decided(&s->w)) {
      s->flags |= F_KILL;
      return;
    }
    /* A plain link passes on nothing but LWT_ECANCELED, even if what is behind
     * it recovers. */
    if (!lwt__sees_failure(s))
      s->flags |= F_KILL;
    w = &s->w;
  }
}

static void sever_groups(struct group *work)
{
  struct group *g;
  size_t i;

  while ((g = work)) {
    work = g->work;
    for (i = 0; i < g->n; i++)
      if (g->e[i].owner && !decided(&g->e[i].w))
        sever_line(&g->e[i].w, &work);
  }
}

void lwt__sever(struct waiter *w)
{
  struct group *work = NULL;
  uint8_t draining = lwt__t.draining;

  lwt__t.draining = 1;
  sever_line(w, &work);
  sever_groups(work);
  lwt__t.draining = draining;
}

/* The first step of sever_line(), which would deliver to the owner at once if p
 * is a leaf or shared. */
void lwt__stop(struct promise *p)
{
  uint8_t draining = lwt__t.draining;

  if (p->state != LWT_PENDING || p->flags & F_CLEANUP || p->kind == K_NO_CANCEL)
    return;
  lwt__t.draining = 1;
  if (lwt__is_group(p)) {
    ((struct group *)p)->work = NULL;
    sever_groups((struct group *)p);
  } else if (!lwt__is_single(p) || p->kind == K_PROTECTED || p->kind == K_WRAP) {
    lwt__cancel(p, 0);
  } else {
    if (p->flags & F_RUNNING || decided(&p->w) || !lwt__sees_failure(p))
      p->flags |= F_KILL;
    if (!(p->flags & F_RUNNING) && !decided(&p->w))
      lwt__sever(&p->w);
  }
  lwt__t.draining = draining;
}

static void abandon_group(struct group *g)
{
  size_t i;

  g->p.flags |= F_DROPPED;
  if (g->p.flags & F_DECIDED)
    return;
  g->p.flags |= F_KILL;
  for (i = 0; i < g->n; i++) {
    struct entry *e = &g->e[i];

    if (e->owner && !decided(&e->w)) {
      lwt__unhook(&e->w);
      e->owner = NULL;
      g->left--;
      lwt__unref(lwt__source(&e->w));
    }
  }
  if (g->left == 0)
    lwt__group_gone(g);
}

void lwt__abandon(struct promise *p)
{
  struct promise *source;
  struct storage *storage;
  uint8_t kind;

  if (p->flags & F_RUNNING) {
    p->flags |= F_DROPPED | F_KILL;
  } else if (lwt__is_group(p)) {
    abandon_group((struct group *)p);
  } else if (p->kind == K_WAIT && !(p->flags & F_CANCELABLE)) {
    /* The producer may still settle it. */
    p->flags |= F_DROPPED;
    if (!(p->flags & F_RESOLVER))
      lwt__node_free(p);
  } else if (!lwt__is_single(p)) {
    p->flags |= F_DROPPED;
    cancel_leaf(p);
  } else if (p->kind == K_NO_CANCEL || p->flags & F_CLEANUP) {
    p->flags |= F_DROPPED;
  } else if (decided(&p->w)) {
    p->flags |= F_DROPPED | F_KILL;
  } else if (lwt__sees_failure(p)) {
    p->flags |= F_DROPPED;
    lwt__sever(&p->w);
  } else {
    source = lwt__source(&p->w);
    lwt__unhook(&p->w);
    kind = p->kind;
    storage = p->flags & F_STORED ? lwt__storage_take(p) : NULL;
    lwt__node_free(p);
    if (kind == K_PROTECTED)
      lwt__detach(source);
    else
      lwt__unref(source);
    if (unlikely(storage))
      lwt__storage_unref(storage);
  }
}

/* ---- Shields --------------------------------------------------------------- */

static lwt_t *shield(lwt_t *p, enum kind kind, const char *where)
{
  struct promise *node;

  if (lwt_state(p) != LWT_PENDING)
    return p;
  node = lwt__node(sizeof *node, kind, where);
  if (!node) {
    lwt_drop(p);
    return lwt__oom();
  }
  lwt__hook(P(p), &node->w);
  return H(node);
}

lwt_t *lwt_protected_at(lwt_t *p, const char *where)
{
  return shield(p, K_PROTECTED, where);
}

lwt_t *lwt_no_cancel_at(lwt_t *p, const char *where)
{
  return shield(p, K_NO_CANCEL, where);
}

lwt_t *lwt_wrap_in_cancelable_at(lwt_t *p, const char *where)
{
  return shield(p, K_WRAP, where);
}
