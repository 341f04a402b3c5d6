/* scopelab.h - threads for the tests of task groups.
 * SPDX-License-Identifier: ISC
 */
#ifndef SCOPELAB_H
#define SCOPELAB_H

#include <lwt/scope.h>

#include "sem.h"

/* A body that spawns task(0), task(1) ... and then is task(8), or settled. */
struct group {
  struct lwt_resolver r[10];
  lwt_t *ref[10];
  int tasks;
  int waits;  /* the body is a pending task, too */
  int fail;   /* or rejected with it */
  int spawned[10];
  struct lwt_scope *scope;
  struct lwt_resolver slow[10]; /* of their deferred calls */
};

static lwt_t *group_body(struct lwt_scope *scope, void *env)
{
  struct group *g = env;
  int i;

  g->scope = scope;
  for (i = 0; i < g->tasks; i++)
    g->spawned[i] = lwt_spawn(scope, lwt_task(&g->r[i]));
  if (g->waits)
    return lwt_task(&g->r[8]);
  return g->fail ? lwt_fail(g->fail, "body") : lwt_return(V(42));
}

__attribute__((unused)) static void group_end(struct group *g)
{
  int i;

  for (i = 0; i < 10; i++) {
    lwt_abandon(&g->r[i]);
    lwt_abandon(&g->slow[i]);
    lwt_drop(g->ref[i]);
  }
  lost();
  forget();
}

/* A thread that awaits task(n), with a clean-up that is slow[n]. */

struct slow {
  struct lwt_frame frame;
  struct group *g;
  int n;
  int code; /* of the clean-up */
};

static lwt_t *slow_cleanup(void *arg)
{
  struct slow *s = arg;

  note("cleans");
  return lwt_task(&s->g->slow[s->n]);
}

LWT_STEP slow_step(struct lwt_frame *frame)
{
  struct slow *s = (struct slow *)frame;

  lwt_begin(s);
  lwt_defer(s, slow_cleanup, s);
  lwt_await(s, lwt_task(&s->g->r[s->n]));
  lwt_end(s);
}

static lwt_t *slow(struct group *g, int n)
{
  return LWT_GO(struct slow, slow_step, .g = g, .n = n);
}

#endif
