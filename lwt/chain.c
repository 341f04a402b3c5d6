/* chain.c - bind, map, catch, try_bind, and the callbacks.
 * SPDX-License-Identifier: ISC
 *
 * Each function has two halves: if the input is settled the callback runs at
 * once; otherwise a node is hooked into the input's list, and lwt__run_chain()
 * does the same later, from the ready queue.
 */
#include "chain.h"

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
    if (unlikely(lwt__t.debug))
      lwt__handle(source);
    lwt__node_free(source);
  } else {
    lwt__take(source, &o, &lender);
  }
  return h(env, (struct lwt_error){ (int)o.code, o.what });
}

static __attribute__((noinline)) lwt_t *suspended(struct promise *node)
{
  lwt__t.trace->span(node);
  return H(node);
}

/* Apart, so that the short way saves no registers for the long one. */
static __attribute__((noinline)) lwt_t *bind_slow(lwt_t *p, lwt_bind_fn *f, void *env,
                                                  const char *where)
{
  if (!lwt__is_inline(p)) {
    if (P(p)->state == LWT_REJECTED)
      return passed(p, where);
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
    return lwt__traced() ? suspended(node) : H(node);
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
    return passed(p, where);
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
             lwt__node_pooled(source) && !lwt__t.debug) &&
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
      lwt__end_finalize(p, source);
    else
      lwt__run_finalize(p, source);
    break;
  case K_WITH:
    lwt__end_with(p->env);
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
