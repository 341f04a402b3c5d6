/* chain.h - what chain.c and finalize.c share; not installed.
 * SPDX-License-Identifier: ISC
 */
#ifndef LWT_CHAIN_H
#define LWT_CHAIN_H

#include "internal.h"

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
    if (lwt__traced())
      lwt__t.trace->span(node);
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

/* A rejection passes on at once. */
static inline lwt_t *passed(lwt_t *p, const char *where)
{
  if (unlikely(lwt__t.debug))
    lwt__hop(P(p), where);
  return p;
}

/* From the ready queue: the finalizer runs; its promise has settled; the body of
 * lwt_with() has ended. */
void lwt__run_finalize(struct promise *p, struct promise *source);
void lwt__end_finalize(struct promise *p, struct promise *source);
void lwt__end_with(void *env);

#endif
