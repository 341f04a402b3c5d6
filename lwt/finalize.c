/* finalize.c - finalize and with: what runs at the end, whatever it is.
 * SPDX-License-Identifier: ISC
 */
#include "chain.h"

#include <string.h>

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

void lwt__run_finalize(struct promise *p, struct promise *source)
{
  struct outcome o;
  struct promise *lender, *s;
  lwt_t *q;

  if (unlikely(lwt__t.debug) && source->state == LWT_REJECTED)
    lwt__pass(p, source);
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
void lwt__end_finalize(struct promise *p, struct promise *source)
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
      return lwt__state(p) == LWT_REJECTED ? passed(p, where) : p;
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

void lwt__end_with(void *env)
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
    lwt__end_with(with->env);
    return q;
  }
  node->fn = NULL;
  node->env = with->env;
  lwt__hook(P(q), &node->w);
  return H(node);
}
