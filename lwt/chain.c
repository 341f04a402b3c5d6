/* chain.c - bind, map, catch, try_bind, finalize, with, and the callbacks.
 * SPDX-License-Identifier: ISC
 *
 * Each function has two halves: if the input is settled the callback runs at
 * once; otherwise a node is hooked into the input's list, and lwt__run_chain()
 * does the same later, from the ready queue.
 */
#include "internal.h"

#include <string.h>

/* Immediate callbacks: enter() says whether there is stack left for one. */
static inline int enter(void)
{
  if (unlikely(lwt__t.depth >= MAX_DEPTH))
    return 0;
  lwt__t.depth++;
  return 1;
}

static inline void leave(void)
{
  if (--lwt__t.depth == 0)
    lwt__leave();
}

/* A node for a callback, which is to run in the present storage. */
static inline struct promise *node_of(size_t size, enum kind kind, const char *where)
{
  if (unlikely(lwt__t.storage))
    return lwt__node_stored(kind, where);
  return lwt__node(size, kind, where);
}

/* A node of `kind` that waits for p; takes p.  NULL: no memory, p is gone. */
static inline struct promise *chain(lwt_t *p, size_t size, enum kind kind, void *fn,
                                    void *env, const char *where)
{
  struct promise *source = likely(!lwt__is_inline(p)) ? P(p) : lwt__box(p), *node;

  if (unlikely(!source))
    return NULL;
  node = node_of(size, kind, where);
  if (unlikely(!node)) {
    lwt__unref(source);
    lwt__leave();
    return NULL;
  }
  node->fn = fn;
  node->env = env;
  if (source->state == LWT_PENDING) {
    lwt__hook(source, &node->w);
  } else {
    node->w.source = (uintptr_t)source;
    lwt__queue(&node->w);
  }
  return node;
}

static inline lwt_t *chained(struct promise *node)
{
  return likely(node) ? H(node) : lwt__oom();
}

static __attribute__((noinline)) lwt_t *call_bind_shared(lwt_bind_fn *f, void *env,
                                                         struct promise *source)
{
  struct outcome o;
  struct promise *lender;
  lwt_t *q;

  lwt__take(source, &o, &lender);
  q = f(env, o.value);
  if (unlikely(lender))
    lwt__unref(lender);
  return q;
}

static inline lwt_t *call_bind(lwt_bind_fn *f, void *env, struct promise *source)
{
  void *value = source->value;

  if (unlikely(!lwt__movable(source)))
    return call_bind_shared(f, env, source);
  lwt__node_free(source);
  return f(env, value);
}

static inline lwt_t *call_catch(lwt_catch_fn *h, void *env, struct promise *source)
{
  struct outcome o;
  struct promise *lender;

  if (likely(lwt__movable(source))) {
    o.code = source->code;
    o.what = source->what;
    lwt__node_free(source);
  } else {
    lwt__take(source, &o, &lender);
  }
  return h(env, (struct lwt_error){ (int)o.code, o.what });
}

/* Apart, so that the short way saves no registers for the long one. */
static __attribute__((noinline)) lwt_t *bind_slow(lwt_t *p, lwt_bind_fn *f, void *env,
                                                  const char *where)
{
  if (!lwt__is_inline(p)) {
    if (P(p)->state == LWT_REJECTED)
      return p;
    if (P(p)->state == LWT_FULFILLED && enter()) {
      p = call_bind(f, env, P(p));
      leave();
      return p;
    }
  }
  return chained(chain(p, sizeof(struct promise), K_BIND, (void *)f, env, where));
}

lwt_t *lwt_bind_at(lwt_t *p, lwt_bind_fn *f, void *env, const char *where)
{
  struct promise *node;

  if (likely(lwt__is_inline(p)) && likely(enter())) {
    p = f(env, lwt__inline_value(p));
    leave();
    return p;
  }
  if (likely(!lwt__is_inline(p) && P(p)->state == LWT_PENDING &&
             lwt__node_ready(sizeof(struct promise)) && !lwt__t.storage)) {
    node = lwt__node(sizeof *node, K_BIND, where);
    node->fn = (void *)f;
    node->env = env;
    lwt__hook(P(p), &node->w);
    return H(node);
  }
  return bind_slow(p, f, env, where);
}

static __attribute__((noinline)) lwt_t *map_slow(lwt_t *p, lwt_map_fn *f, void *env,
                                                 const char *where)
{
  struct outcome o;
  struct promise *lender;
  void *value;

  if (!lwt__is_inline(p) && P(p)->state == LWT_REJECTED)
    return p;
  if (!lwt__is_inline(p) && P(p)->state == LWT_FULFILLED && enter()) {
    lwt__take(P(p), &o, &lender);
    value = f(env, o.value);
    if (lender)
      lwt__unref(lender);
    leave();
    return lwt_return(value);
  }
  return chained(chain(p, sizeof(struct promise), K_MAP, (void *)f, env, where));
}

lwt_t *lwt_map_at(lwt_t *p, lwt_map_fn *f, void *env, const char *where)
{
  void *value;

  if (likely(lwt__is_inline(p)) && likely(enter())) {
    value = f(env, lwt__inline_value(p));
    leave();
    return lwt_return(value);
  }
  return map_slow(p, f, env, where);
}

static __attribute__((noinline)) lwt_t *catch_slow(lwt_t *p, lwt_catch_fn *h, void *env,
                                                   const char *where)
{
  if (P(p)->state == LWT_REJECTED && enter()) {
    p = call_catch(h, env, P(p));
    leave();
    return p;
  }
  return chained(chain(p, sizeof(struct promise), K_CATCH, (void *)h, env, where));
}

lwt_t *lwt_catch_at(lwt_t *p, lwt_catch_fn *h, void *env, const char *where)
{
  struct promise *source = P(p);
  const char *what;
  int code;

  if (lwt__is_inline(p) || source->state == LWT_FULFILLED)
    return p;
  if (likely(source->state == LWT_REJECTED && lwt__movable(source) &&
             lwt__node_pooled(source)) &&
      likely(enter())) {
    code = (int)source->code;
    what = source->what;
    lwt__node_free(source);
    p = h(env, (struct lwt_error){ code, what });
    leave();
    return p;
  }
  return catch_slow(p, h, env, where);
}

lwt_t *lwt_try_bind_at(lwt_t *p, lwt_bind_fn *f, lwt_catch_fn *h, void *env,
                       const char *where)
{
  struct promise *node;

  if (lwt__state(p) == LWT_FULFILLED && enter()) {
    p = lwt__is_inline(p) ? f(env, lwt__inline_value(p)) : call_bind(f, env, P(p));
    leave();
    return p;
  }
  if (lwt__state(p) == LWT_REJECTED && enter()) {
    p = call_catch(h, env, P(p));
    leave();
    return p;
  }
  node = chain(p, sizeof(struct promise2), K_TRY, (void *)f, env, where);
  if (node)
    ((struct promise2 *)node)->fn2 = (void *)h;
  return chained(node);
}

/* ---- finalize and with --------------------------------------------------- */

/* p waits for the finalizer's promise q with the outcome o of its body. */
static void wait_cleanup(struct promise *p, struct promise *q, const struct outcome *o,
                         struct promise *lender)
{
  p->flags |= F_CLEANUP;
  if (o->state == LWT_FULFILLED) {
    p->value = o->value;
    p->drop = o->drop;
    p->flags |= o->grant ? F_SAVED_GRANT : 0;
    if (lender) {
      p->flags |= F_LENT;
      p->drop = (lwt_drop_fn *)(void *)lender;
    }
  } else {
    p->flags |= F_REJECTED;
    p->what = o->what;
    p->code = o->code;
    p->where = o->origin;
  }
  lwt__hook(q, &p->w);
}

static void run_finalize(struct promise *p, struct promise *source)
{
  struct outcome o;
  struct promise *lender, *s;
  lwt_t *q;

  lwt__take(source, &o, &lender);
  p->w.source = 0;
  p->flags |= F_RUNNING;
  q = ((lwt_finalize_fn *)p->fn)(p->env);
  p->flags &= (uint16_t)~F_RUNNING;
  p->flags &= (uint16_t)~F_KILL;
  s = P(q);
  if (!q || lwt__state(q) == LWT_FULFILLED) {
    lwt_drop(q);
    lwt__settle_lent(p, &o, lender);
  } else if (s->state == LWT_PENDING) {
    wait_cleanup(p, s, &o, lender);
  } else {
    if (lender)
      lwt__unref(lender);
    else if (o.state == LWT_FULFILLED)
      lwt__drop_value(o.value, o.drop);
    lwt__settle_like(p, s);
  }
}

/* The finalizer's promise has settled. */
static void end_cleanup(struct promise *p, struct promise *source)
{
  struct outcome o = { .state = LWT_FULFILLED };
  struct promise *lender = NULL;

  if (p->flags & F_REJECTED) {
    o.state = LWT_REJECTED;
    o.what = p->what;
    o.code = p->code;
    o.origin = p->where;
  } else {
    o.value = p->value;
    o.drop = p->drop;
    o.grant = (p->flags & F_SAVED_GRANT) != 0;
    if (p->flags & F_LENT) {
      lender = (struct promise *)(void *)p->drop;
      o.drop = NULL;
    }
  }
  p->flags &= (uint16_t) ~(F_CLEANUP | F_REJECTED | F_LENT | F_SAVED_GRANT);
  if (source->state == LWT_FULFILLED) {
    lwt__unref(source);
    lwt__settle_lent(p, &o, lender);
    return;
  }
  if (lender)
    lwt__unref(lender);
  else if (o.state == LWT_FULFILLED)
    lwt__drop_value(o.value, o.drop);
  lwt__settle_like(p, source);
}

lwt_t *lwt_finalize_at(lwt_t *p, lwt_finalize_fn *c, void *env, const char *where)
{
  struct promise *node;
  lwt_t *q;

  /* A settled input goes through a node only if the finalizer has to wait. */
  if (lwt__state(p) != LWT_PENDING && enter()) {
    q = c(env);
    leave();
    if (!q || lwt__state(q) == LWT_FULFILLED) {
      lwt_drop(q);
      return p;
    }
    if (lwt__state(q) == LWT_REJECTED) {
      if (!lwt__is_inline(p))
        lwt__seen(P(p));
      lwt_drop(p);
      return q;
    }
    node = lwt__node(sizeof *node, K_FINALIZE, where);
    if (!node) {
      lwt__detach(P(q));
      lwt_drop(p);
      return lwt__oom();
    }
    if (lwt__is_inline(p)) {
      wait_cleanup(node, P(q),
                   &(struct outcome){ .state = LWT_FULFILLED,
                                      .value = lwt__inline_value(p) },
                   NULL);
    } else {
      struct outcome o;
      struct promise *lender;

      lwt__take(P(p), &o, &lender);
      wait_cleanup(node, P(q), &o, lender);
    }
    return H(node);
  }
  node = chain(p, sizeof *node, K_FINALIZE, (void *)c, env, where);
  if (!node) {
    /* It runs once, come what may. */
    q = c(env);
    if (q)
      lwt_async(q);
  }
  return chained(node);
}

struct with {
  lwt_call_fn *fini;
  _Alignas(max_align_t) char env[];
};

static void with_end(void *env)
{
  struct with *with = (struct with *)(void *)((char *)env - offsetof(struct with, env));

  if (with->fini)
    with->fini(env);
  lwt__free(with);
}

lwt_t *lwt_with_at(size_t size, lwt_with_fn *body, void *arg, lwt_call_fn *fini,
                   const char *where)
{
  struct promise *node;
  struct with *with;
  lwt_t *q;

  if (size > SIZE_MAX - sizeof *with || !(with = lwt__alloc(sizeof *with + size)))
    return lwt__oom();
  /* Before the body runs: afterwards env could not be taken back. */
  node = node_of(sizeof *node, K_WITH, where);
  if (!node) {
    lwt__free(with);
    return lwt__oom();
  }
  memset(with->env, 0, size);
  with->fini = fini;
  q = body(with->env, arg);
  if (lwt__state(q) != LWT_PENDING) {
    if (unlikely(node->flags & F_STORED))
      lwt__storage_unref(lwt__storage_take(node));
    lwt__node_free(node);
    with_end(with->env);
    return q;
  }
  node->fn = NULL;
  node->env = with->env;
  lwt__hook(P(q), &node->w);
  return H(node);
}

/* ---- Callbacks without a result ------------------------------------------ */

static int on_later(lwt_t *p, enum kind kind, void *f, void *g, void *env)
{
  struct promise *node;

  node = chain(p, g ? sizeof(struct promise2) : sizeof *node, kind, f, env, NULL);
  if (!node)
    return LWT_ENOMEM;
  node->refs = 0;
  if (g)
    ((struct promise2 *)node)->fn2 = g;
  return 0;
}

static __attribute__((noinline)) int on(lwt_t *p, enum kind kind, void *f, void *g,
                                        void *env)
{
  struct outcome o = { .state = LWT_FULFILLED };
  struct promise *lender = NULL;

  if (lwt__state(p) == LWT_PENDING || !enter())
    return on_later(p, kind, f, g, env);
  if (lwt__is_inline(p)) {
    o.value = lwt__inline_value(p);
    o.drop = NULL;
  } else {
    lwt__take(P(p), &o, &lender);
  }
  if (kind == K_ON_TERMINATION)
    ((lwt_call_fn *)f)(env);
  else if (o.state == LWT_FULFILLED && kind != K_ON_FAILURE)
    ((lwt_value_fn *)f)(env, o.value);
  else if (o.state == LWT_REJECTED && kind == K_ON_FAILURE)
    ((lwt_error_fn *)f)(env, (struct lwt_error){ (int)o.code, o.what });
  else if (o.state == LWT_REJECTED && kind == K_ON_ANY)
    ((lwt_error_fn *)g)(env, (struct lwt_error){ (int)o.code, o.what });
  if (lender)
    lwt__unref(lender);
  else if (o.state == LWT_FULFILLED && (kind == K_ON_FAILURE || kind == K_ON_TERMINATION))
    lwt__drop_value(o.value, o.drop);
  leave();
  return 0;
}

int lwt_on_success(lwt_t *p, lwt_value_fn *f, void *env)
{
  if (likely(lwt__state(p) == LWT_PENDING))
    return on_later(p, K_ON_SUCCESS, (void *)f, NULL, env);
  if (lwt__state(p) == LWT_REJECTED) {
    lwt_drop(p); /* unseen */
    return 0;
  }
  return on(p, K_ON_SUCCESS, (void *)f, NULL, env);
}

int lwt_on_failure(lwt_t *p, lwt_error_fn *f, void *env)
{
  return on(p, K_ON_FAILURE, (void *)f, NULL, env);
}

int lwt_dont_wait(lwt_t *p, lwt_error_fn *f, void *env)
{
  int error;

  if (lwt__state(p) != LWT_PENDING)
    return lwt_on_failure(p, f, env);
  P(p)->refs++; /* one for each of the ways in which it may go on */
  if ((error = lwt_on_failure(p, f, env)))
    lwt_async(p);
  else
    P(p)->refs--;
  return error;
}

int lwt_on_termination(lwt_t *p, lwt_call_fn *f, void *env)
{
  return on(p, K_ON_TERMINATION, (void *)f, NULL, env);
}

int lwt_on_any(lwt_t *p, lwt_value_fn *f, lwt_error_fn *g, void *env)
{
  return on(p, K_ON_ANY, (void *)f, (void *)g, env);
}

static void run_on(struct promise *p, struct promise *source)
{
  struct outcome o;
  struct promise *lender;

  if (p->kind == K_ON_SUCCESS && source->state == LWT_REJECTED) {
    lwt__node_free(p);
    lwt__unref(source); /* unseen */
    return;
  }
  lwt__take(source, &o, &lender);
  p->w.source = 0;
  if (p->kind == K_ON_TERMINATION) {
    ((lwt_call_fn *)p->fn)(p->env);
  } else if (o.state == LWT_FULFILLED) {
    if (p->kind != K_ON_FAILURE)
      ((lwt_value_fn *)p->fn)(p->env, o.value);
  } else {
    ((lwt_error_fn *)(p->kind == K_ON_ANY ? ((struct promise2 *)p)->fn2 : p->fn))(
      p->env, (struct lwt_error){ (int)o.code, o.what });
  }
  if (lender)
    lwt__unref(lender);
  else if (o.state == LWT_FULFILLED &&
           (p->kind == K_ON_FAILURE || p->kind == K_ON_TERMINATION))
    lwt__drop_value(o.value, o.drop);
  lwt__node_free(p);
}

int lwt_on_cancel(lwt_t *p, lwt_call_fn *f, void *env)
{
  struct promise *node, *q = P(p);

  if (lwt__is_inline(p))
    return 0;
  if (q->state != LWT_PENDING) {
    if (q->state == LWT_REJECTED && (q->code == LWT_ECANCELED || q->flags & F_STOP))
      f(env);
    return 0;
  }
  node = node_of(sizeof *node, K_ON_CANCEL, NULL);
  if (!node)
    return LWT_ENOMEM;
  node->refs = 0;
  node->fn = (void *)f;
  node->env = env;
  /* In front: before the ordinary callbacks, the last one first. */
  node->w.source = (uintptr_t)q;
  node->w.next = q->waiters;
  node->w.prev = q->waiters ? q->waiters->prev : &node->w;
  if (q->waiters)
    q->waiters->prev = &node->w;
  q->waiters = &node->w;
  q->flags |= F_ON_CANCEL;
  return 0;
}

static void run_on_cancel(struct promise *p, struct promise *source)
{
  lwt_call_fn *f = (lwt_call_fn *)p->fn;
  void *env = p->env;
  int canceled = source->state == LWT_REJECTED &&
                 (source->code == LWT_ECANCELED || source->flags & F_STOP);

  lwt__node_free(p);
  if (canceled)
    f(env);
  lwt__unref(source);
}

/* ---- From the ready queue ------------------------------------------------- */

/* p was given up after its source had settled: its callback does not run. */
static void run_killed(struct promise *p, struct promise *source)
{
  p->flags &= (uint16_t)~F_KILL;
  lwt__detach(source);
  lwt__reject(p, LWT_ECANCELED, lwt__canceled.what, NULL);
}

static void run_bind(struct promise *p, struct promise *source)
{
  lwt_t *q;

  p->flags |= F_RUNNING;
  q = call_bind((lwt_bind_fn *)p->fn, p->env, source);
  p->flags &= (uint16_t)~F_RUNNING;
  lwt__become(p, q);
}

static void run_catch(struct promise *p, struct promise *source, void *fn)
{
  lwt_t *q;

  p->flags |= F_RUNNING;
  q = call_catch((lwt_catch_fn *)fn, p->env, source);
  p->flags &= (uint16_t)~F_RUNNING;
  lwt__become(p, q);
}

static void run_map(struct promise *p, struct promise *source)
{
  struct outcome o;
  struct promise *lender;
  void *value;

  lwt__take(source, &o, &lender);
  p->flags |= F_RUNNING;
  value = ((lwt_map_fn *)p->fn)(p->env, o.value);
  p->flags &= (uint16_t)~F_RUNNING;
  if (unlikely(lender))
    lwt__unref(lender);
  if (unlikely(p->flags & F_KILL))
    p->flags &= (uint16_t)~F_KILL;
  lwt__fulfill(p, value, NULL);
}

/* Attached in a storage. */
static __attribute__((noinline)) void run_stored(struct promise *p,
                                                 struct promise *source)
{
  struct storage *storage = lwt__storage_take(p);

  lwt__t.storage = storage;
  lwt__run_chain(p, source);
  lwt__t.storage = NULL;
  lwt__storage_unref(storage);
}

/* Apart from the most common case, so that that one saves few registers. */
static __attribute__((noinline)) void run_other(struct promise *p, struct promise *source)
{
  int fulfilled = source->state == LWT_FULFILLED;

  if (unlikely(p->flags & F_KILL) && !lwt__sees_failure(p)) {
    run_killed(p, source);
    return;
  }
  switch (p->kind) {
  case K_BIND:
    lwt__settle_like(p, source);
    break;
  case K_MAP:
    if (likely(fulfilled))
      run_map(p, source);
    else
      lwt__settle_like(p, source);
    break;
  case K_CATCH:
    if (fulfilled)
      lwt__settle_like(p, source);
    else
      run_catch(p, source, p->fn);
    break;
  case K_TRY:
    if (fulfilled)
      run_bind(p, source);
    else
      run_catch(p, source, ((struct promise2 *)p)->fn2);
    break;
  case K_FINALIZE:
    if (p->flags & F_CLEANUP)
      end_cleanup(p, source);
    else
      run_finalize(p, source);
    break;
  case K_WITH:
    with_end(p->env);
    lwt__settle_like(p, source);
    break;
  case K_ON_CANCEL:
    run_on_cancel(p, source);
    break;
  case K_ON_SUCCESS:
  case K_ON_FAILURE:
  case K_ON_TERMINATION:
  case K_ON_ANY:
    run_on(p, source);
    break;
  case K_HOOK:
    ((lwt__hook_fn *)p->fn)(p, source);
    break;
  default: /* K_FORWARD and the shields */
    lwt__settle_like(p, source);
  }
}

/* The ways that are short enough to save no registers come first. */
void lwt__run_chain(struct promise *p, struct promise *source)
{
  int fulfilled =
    source->state == LWT_FULFILLED && !(p->flags & (F_KILL | F_STORED));
  lwt_value_fn *f;
  void *env;

  if (likely(p->kind == K_BIND && fulfilled)) {
    run_bind(p, source);
  } else if (p->kind == K_FORWARD && fulfilled) {
    lwt__settle_like(p, source);
  } else if (p->kind == K_ON_SUCCESS && fulfilled && source->refs > 1 && !source->drop &&
             !(source->flags & (F_LENT | F_IMMORTAL))) {
    /* One of several callbacks on a value that nobody need free. */
    source->refs--;
    f = (lwt_value_fn *)p->fn;
    env = p->env;
    lwt__node_free(p);
    f(env, source->value);
  } else if (likely(!(p->flags & F_STORED))) {
    run_other(p, source);
  } else {
    run_stored(p, source);
  }
}
