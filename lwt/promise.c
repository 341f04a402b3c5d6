/* promise.c - promises that settle, and their resolvers.
 * SPDX-License-Identifier: ISC
 *
 * States: LWT_PENDING, then LWT_FULFILLED or LWT_REJECTED for good.  Read
 * internal.h first.
 */
#include "internal.h"

struct promise lwt__no_memory = {
  .state = LWT_REJECTED,
  .kind = K_VALUE,
  .flags = F_IMMORTAL,
  .refs = 1,
  .what = "out of memory",
  .code = LWT_ENOMEM,
};
struct promise lwt__canceled = {
  .state = LWT_REJECTED,
  .kind = K_VALUE,
  .flags = F_IMMORTAL,
  .refs = 1,
  .what = "canceled",
  .code = LWT_ECANCELED,
};
struct promise lwt__unit = {
  .state = LWT_FULFILLED,
  .kind = K_VALUE,
  .flags = F_IMMORTAL,
  .refs = 1,
};

static void print_lost(struct lwt_error error, const char *where)
{
  struct lwt_path path;

  fprintf(stderr, "lwt: lost rejection: %s: %s (%d)%s%s\n",
          error.what ? error.what : "?", lwt_strerror(error.code), error.code,
          where ? ", made at " : "", where ? where : "");
  if (lwt__t.debug && lwt_path(NULL, &path))
    lwt_path_print(stderr, &path);
}

void lwt_on_lost(lwt_lost_fn *report)
{
  lwt__t.lost = report;
}

void lwt__report(struct lwt_error error, const char *where)
{
  if (error.code != LWT_ECANCELED)
    (lwt__t.lost ? lwt__t.lost : print_lost)(error, where);
}

/* ---- Settling ---------------------------------------------------------- */

static const char *origin_of(const struct promise *p)
{
  return (const char *)p->w.source;
}

void lwt__unowned(struct promise *p)
{
  if (p->flags & (F_RESOLVER | F_STOP))
    return;
  if (p->state == LWT_REJECTED && (p->flags & (F_SEEN | F_DROPPED | F_IMMORTAL)) == 0) {
    lwt__handle(p);
    lwt__report((struct lwt_error){ (int)p->code, p->what }, origin_of(p));
  }
  lwt__bury(p);
}

/* p has just settled: hand its waiters to the ready queue. */
static inline void publish(struct promise *p)
{
  struct thread *t = &lwt__t;
  struct waiter *first = p->waiters, *w;

  if (likely(first)) {
    p->waiters = NULL;
    if (unlikely(p->flags & F_ON_CANCEL))
      for (w = first; w && lwt__owner(w)->kind == K_ON_CANCEL; w = w->next)
        p->refs++;
    if (t->ready)
      t->ready_tail->next = first;
    else
      t->ready = first;
    t->ready_tail = first->prev;
  } else if (p->refs == 0) {
    lwt__unowned(p);
  }
}

void lwt__fulfill(struct promise *p, void *value, lwt_drop_fn *drop)
{
  p->state = LWT_FULFILLED;
  p->value = value;
  p->drop = drop;
  publish(p);
}

void lwt__grant(struct promise *p, void *value, lwt_drop_fn *undo)
{
  if (undo)
    p->flags |= F_GRANT;
  lwt__fulfill(p, value, undo);
}

void lwt__reject(struct promise *p, int code, const char *what, const char *origin)
{
  p->state = LWT_REJECTED;
  p->what = what;
  p->code = code;
  p->w.source = (uintptr_t)origin;
  publish(p);
}

void lwt__settle(struct promise *p, const struct outcome *o)
{
  if (o->state == LWT_FULFILLED && o->grant)
    lwt__grant(p, o->value, o->drop);
  else if (o->state == LWT_FULFILLED)
    lwt__fulfill(p, o->value, o->drop);
  else
    lwt__reject(p, (int)o->code, o->what, o->origin);
}

void lwt__reject_stopped(struct promise *p)
{
  p->state = LWT_REJECTED;
  publish(p);
}

void lwt__settle_lent(struct promise *p, const struct outcome *o, struct promise *lender)
{
  if (unlikely(lender)) {
    p->flags |= F_LENT;
    p->w.source = (uintptr_t)lender;
  }
  lwt__settle(p, o);
}

static inline void look(struct promise *source, struct outcome *o)
{
  o->state = source->state;
  o->grant = 0;
  if (likely(source->state == LWT_FULFILLED)) {
    o->grant = (source->flags & F_GRANT) != 0;
    o->value = source->value;
    o->drop = source->drop;
  } else {
    if (unlikely(source->flags & F_STOP))
      source = &lwt__canceled;
    o->what = source->what;
    o->code = source->code;
    o->origin = origin_of(source);
    if (unlikely(lwt__t.debug))
      lwt__handle(source);
    lwt__seen(source);
  }
}

/* Give up the last handle of a promise whose value has been moved. */
static inline void free_moved(struct promise *source)
{
  source->refs = 0;
  source->drop = NULL;
  if (unlikely(source->flags & (F_RESOLVER | F_STOP)))
    return;
  lwt__node_free(source);
}

void lwt__take(struct promise *source, struct outcome *o, struct promise **lender)
{
  look(source, o);
  *lender = NULL;
  if (likely(source->refs == 1 &&
             !(source->flags & (F_SHARED | F_LENT | F_IMMORTAL | F_STOP)))) {
    free_moved(source);
  } else if (o->state == LWT_FULFILLED && (o->drop || (source->flags & F_LENT))) {
    o->drop = NULL;
    *lender = source;
  } else {
    lwt__unref(source);
  }
}

void lwt__take_over(struct promise *source, struct outcome *o)
{
  look(source, o);
  if (source->refs == 1 && !(source->flags & (F_LENT | F_IMMORTAL | F_STOP))) {
    free_moved(source);
    return;
  }
  if (o->state == LWT_FULFILLED)
    o->drop = NULL;
  lwt__unref(source);
}

void lwt__settle_like(struct promise *p, struct promise *source)
{
  struct outcome o;
  struct promise *lender;

  if (likely(lwt__movable(source))) {
    p->state = source->state;
    p->value = source->value;
    p->drop = source->drop;
    if (source->state == LWT_REJECTED) {
      p->w.source = source->w.source;
      if (unlikely(lwt__t.debug))
        lwt__pass(p, source);
    }
    lwt__node_free(source);
    publish(p);
    return;
  }
  if (unlikely(lwt__t.debug) && source->state == LWT_REJECTED)
    lwt__pass(p, source);
  lwt__take(source, &o, &lender);
  lwt__settle_lent(p, &o, lender);
}

/* ---- Handles ----------------------------------------------------------- */

/* Free a settled promise without handles. */
static void destroy(struct promise *p)
{
  void *value = p->value;
  lwt_drop_fn *drop = p->drop;
  struct promise *lender = p->flags & F_LENT ? (struct promise *)p->w.source : NULL;
  int fulfilled = p->state == LWT_FULFILLED;

  lwt__node_free(p);
  if (lender)
    lwt__unref(lender);
  else if (fulfilled)
    lwt__drop_value(value, drop);
}

void lwt__bury(struct promise *p)
{
  struct thread *t = &lwt__t;
  uint8_t draining = t->draining;

  p->waiters = (struct waiter *)t->dead;
  t->dead = p;
  if (t->reaping)
    return;
  t->reaping = 1;
  /* Drop functions may settle promises; no callback runs before the caller,
   * who may be half way through something, calls lwt__leave(). */
  t->draining = 1;
  while ((p = t->dead)) {
    t->dead = (struct promise *)p->waiters;
    p->waiters = NULL;
    if (p->state == LWT_PENDING)
      lwt__abandon(p);
    else
      destroy(p);
  }
  t->draining = draining;
  t->reaping = 0;
}

void lwt__unref(struct promise *p)
{
  struct waiter *w;

  if (p->flags & F_IMMORTAL || --p->refs)
    return;
  if (p->state != LWT_PENDING) {
    /* Nothing to drop and nothing to report: not by way of the dead. */
    if (likely(!(p->flags & (F_RESOLVER | F_STOP | F_LENT)) &&
               (p->state == LWT_FULFILLED ? !p->drop : p->flags & F_SEEN)))
      lwt__node_free(p);
    else
      lwt__unowned(p);
    return;
  }
  if (p->flags & (F_ASYNC | F_DROPPED))
    return;
  /* Whoever asked to be told of a cancel is told; nobody else can wait. */
  while ((w = p->waiters)) {
    lwt__unhook(w);
    w->source = (uintptr_t)&lwt__canceled;
    lwt__queue(w);
  }
  lwt__bury(p);
}

void lwt__detach(struct promise *p)
{
  if (p->flags & F_IMMORTAL)
    return;
  if (p->state == LWT_PENDING) {
    if (--p->refs == 0)
      p->flags |= F_DROPPED;
    return;
  }
  p->flags |= F_SEEN;
  lwt__unref(p);
}

lwt_t *lwt_ref(lwt_t *p)
{
  if (!lwt__is_inline(p) && !(P(p)->flags & F_IMMORTAL)) {
    P(p)->refs++;
    P(p)->flags |= F_SHARED;
  }
  return p;
}

void lwt__drop_boxed(lwt_t *p)
{
  lwt__unref(P(p));
  lwt__leave();
}

void lwt_async(lwt_t *p)
{
  struct promise *q = P(p);

  if (lwt__is_inline(p))
    return;
  if (q->state == LWT_PENDING) {
    q->flags |= F_ASYNC;
    q->refs--;
  } else if (q == &lwt__no_memory) {
    lwt__report((struct lwt_error){ LWT_ENOMEM, q->what }, NULL);
  } else {
    lwt__unref(q);
    lwt__leave();
  }
}

struct promise *lwt__box(lwt_t *p)
{
  struct promise *q;

  if (!lwt__is_inline(p))
    return P(p);
  if (!(q = lwt__node(sizeof *q, K_VALUE, NULL)))
    return NULL;
  q->state = LWT_FULFILLED;
  q->value = lwt__inline_value(p);
  q->drop = NULL;
  return q;
}

/* ---- Settled promises --------------------------------------------------- */

static lwt_t *value_node(void *value, lwt_drop_fn *drop)
{
  struct promise *p = lwt__node(sizeof *p, K_VALUE, NULL);

  if (!p) {
    lwt__drop_value(value, drop);
    return lwt__oom();
  }
  p->state = LWT_FULFILLED;
  p->value = value;
  p->drop = drop;
  return H(p);
}

lwt_t *lwt__return_boxed(void *value)
{
  return value_node(value, NULL);
}

lwt_t *lwt_return_owned(void *value, lwt_drop_fn *drop)
{
  return drop ? value_node(value, drop) : lwt_return(value);
}

static inline lwt_t *rejected(int code, const char *what, const char *where)
{
  struct promise *p = lwt__node(sizeof *p, K_VALUE, where);

  if (unlikely(!p))
    return lwt__oom();
  p->state = LWT_REJECTED;
  p->what = what;
  p->code = code < 0 ? code : LWT_EINVAL;
  p->w.source = (uintptr_t)where;
  return H(p);
}

static __attribute__((noinline)) lwt_t *fail_slow(int code, const char *what,
                                                  const char *where)
{
  return rejected(code, what, where);
}

lwt_t *lwt_fail_at(int code, const char *what, const char *where)
{
  if (unlikely(!lwt__node_ready(sizeof(struct promise))))
    return fail_slow(code, what, where);
  return rejected(code, what, where);
}

lwt_t *lwt_fail_error_at(struct lwt_error error, const char *where)
{
  return lwt_fail_at(error.code, error.what, where);
}

enum lwt_state lwt__state_boxed(lwt_t *p)
{
  return (enum lwt_state)P(p)->state;
}

void *lwt__value_boxed(lwt_t *p)
{
  return P(p)->state == LWT_FULFILLED ? P(p)->value : NULL;
}

struct lwt_error lwt_error(lwt_t *p)
{
  struct outcome o;

  if (lwt__is_inline(p) || P(p)->state != LWT_REJECTED)
    return (struct lwt_error){ 0, NULL };
  look(P(p), &o);
  return (struct lwt_error){ (int)o.code, o.what };
}

lwt_t *lwt__granted(void *value, lwt_drop_fn *undo)
{
  lwt_t *p = value_node(value, undo);

  if (likely(p != lwt__oom()))
    P(p)->flags |= F_GRANT;
  return p;
}

/* ---- Resolvers ---------------------------------------------------------- */

static inline lwt_t *leaf(struct lwt_resolver *r, unsigned flags, lwt_call_fn *stop,
                          void *env, const char *where)
{
  struct promise *p = lwt__node(sizeof *p, K_WAIT, where);

  r->lwt_private = p;
  if (unlikely(!p))
    return lwt__oom();
  p->flags = (uint16_t)flags;
  p->fn = (void *)stop;
  p->env = env;
  return H(p);
}

static __attribute__((noinline)) lwt_t *leaf_slow(struct lwt_resolver *r, unsigned flags,
                                                  const char *where)
{
  return leaf(r, flags, NULL, NULL, where);
}

lwt_t *lwt_wait_at(struct lwt_resolver *r, const char *where)
{
  if (unlikely(!lwt__node_ready(sizeof(struct promise))))
    return leaf_slow(r, F_RESOLVER, where);
  return leaf(r, F_RESOLVER, NULL, NULL, where);
}

lwt_t *lwt_task_at(struct lwt_resolver *r, const char *where)
{
  if (unlikely(!lwt__node_ready(sizeof(struct promise))))
    return leaf_slow(r, F_RESOLVER | F_CANCELABLE, where);
  return leaf(r, F_RESOLVER | F_CANCELABLE, NULL, NULL, where);
}

lwt_t *lwt_task_op_at(struct lwt_resolver *r, lwt_call_fn *stop, void *env,
                      const char *where)
{
  return leaf(r, F_RESOLVER | F_CANCELABLE | (stop ? F_STOP : 0), stop, env, where);
}

/* Take the promise out of the resolver: NULL if it is empty or if the promise
 * was cancelled meanwhile, which *canceled tells. */
static inline struct promise *resolve(struct lwt_resolver *r, int *canceled)
{
  struct promise *p = r->lwt_private;

  *canceled = 0;
  if (unlikely(!p))
    return NULL;
  r->lwt_private = NULL;
  p->flags &= (uint16_t)~F_RESOLVER;
  if (likely(p->state == LWT_PENDING)) {
    p->flags &= (uint16_t)~F_STOP;
    return p;
  }
  *canceled = 1;
  if (p->refs == 0)
    lwt__unowned(p);
  return NULL;
}

int lwt_fulfill_owned(struct lwt_resolver *r, void *value, lwt_drop_fn *drop)
{
  int canceled;
  struct promise *p = resolve(r, &canceled);

  if (likely(p)) {
    lwt__fulfill(p, value, drop);
    lwt__leave();
    return 0;
  }
  if (!canceled)
    return LWT_EALREADY;
  lwt__drop_value(value, drop);
  return 0;
}

int lwt_fulfill(struct lwt_resolver *r, void *value)
{
  return lwt_fulfill_owned(r, value, NULL);
}

int lwt_reject_at(struct lwt_resolver *r, int code, const char *what, const char *where)
{
  int canceled;
  struct promise *p = resolve(r, &canceled);

  if (!p)
    return canceled ? 0 : LWT_EALREADY;
  lwt__reject(p, code < 0 ? code : LWT_EINVAL, what, where);
  lwt__leave();
  return 0;
}

void lwt_abandon(struct lwt_resolver *r)
{
  lwt_reject_at(r, LWT_EPIPE, "abandoned", NULL);
}

int lwt_unwanted(const struct lwt_resolver *r)
{
  const struct promise *p = r->lwt_private;

  return !p || p->state != LWT_PENDING || (p->flags & F_DROPPED);
}

/* ---- Becoming another promise ------------------------------------------- */

/* Put `to` where `from` is hooked. */
static void replace(struct waiter *from, struct waiter *to)
{
  struct promise *source = lwt__source(from);
  struct waiter *head = source->waiters;

  *to = *from;
  if (from == head)
    source->waiters = head = to;
  else
    from->prev->next = to;
  if (from->next)
    from->next->prev = to;
  else
    head->prev = to;
}

/* s, which only p will wait for, is a bind or the like that can move into p. */
static int adoptable(const struct promise *p, const struct promise *s)
{
  return s->refs == 1 && !s->waiters && s->class == p->class && s->class &&
         (s->kind == K_BIND || s->kind == K_MAP || s->kind == K_FORWARD ||
          s->kind == K_CATCH || s->kind == K_TRY || s->kind == K_FINALIZE) &&
         !(s->flags & (F_RUNNING | F_KILL | F_CLEANUP | F_SHARED)) &&
         lwt__source(&s->w)->state == LWT_PENDING;
}

static void adopt(struct promise *p, struct promise *s)
{
  p->kind = s->kind;
  p->fn = s->fn;
  p->env = s->env;
  if (s->kind == K_TRY)
    ((struct promise2 *)p)->fn2 = ((struct promise2 *)s)->fn2;
  if (unlikely(s->flags & F_STORED)) {
    p->flags |= F_STORED;
    ((struct promise2 *)p)->storage = ((struct promise2 *)s)->storage;
  }
  p->where = s->where;
  replace(&s->w, &p->w);
  lwt__node_free(s);
}

/* A forward that nobody else sees is a detour: take its source instead. */
static struct promise *shortcut(struct promise *s)
{
  struct promise *source;

  while (s->kind == K_FORWARD && s->refs == 1 && !s->waiters &&
         !(s->flags & (F_KILL | F_SHARED)) &&
         (source = lwt__source(&s->w))->state == LWT_PENDING) {
    lwt__unhook(&s->w);
    lwt__node_free(s);
    s = source;
  }
  return s;
}

/* Only w waits for p, and nobody else can look at it; a name stays. */
static int transparent(const struct promise *p)
{
  return p->refs == 1 && p->waiters && !p->waiters->next && !(p->flags & F_ON_CANCEL) &&
         (likely(p->class) || !lwt__note(p));
}

static void become_pending(struct promise *p, struct promise *s)
{
  struct waiter *w;

  lwt__t.epoch++;
  if (unlikely(p->flags & F_KILL)) {
    p->flags &= (uint16_t)~F_KILL;
    if (lwt__sees_failure(p)) {
      p->kind = K_FORWARD;
      lwt__hook(s, &p->w);
      lwt__sever(&p->w);
    } else {
      lwt__unref(s);
      lwt__reject(p, LWT_ECANCELED, "canceled", NULL);
    }
  } else if (unlikely((s = shortcut(s)) == p)) {
    /* Waits for itself: pending for good. */
    p->kind = K_WAIT;
    lwt__unref(p);
  } else if (transparent(p)) {
    w = p->waiters;
    lwt__hook(s, w);
    lwt__node_free(p);
  } else if (adoptable(p, s)) {
    adopt(p, s);
  } else {
    p->kind = K_FORWARD;
    lwt__hook(s, &p->w);
  }
}

void lwt__become(struct promise *p, lwt_t *q)
{
  if (likely(lwt__is_inline(q)))
    lwt__fulfill(p, lwt__inline_value(q), NULL);
  else if (unlikely(!q))
    lwt__reject(p, LWT_EINVAL, "callback returned NULL", p->where);
  else if (P(q)->state != LWT_PENDING)
    lwt__settle_like(p, P(q));
  else
    become_pending(p, P(q));
}
