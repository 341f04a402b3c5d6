/* t-scope.c - task groups: how they end.
 * SPDX-License-Identifier: ISC
 */
#include "scopelab.h"

static void waits_for_all(void)
{
  struct group g = { .tasks = 3 };
  lwt_t *p = lwt_scope(group_body, &g);

  ok(pending(p), "a scope waits for its threads");
  is_int(g.scope && pending(p) ? lwt_scope_threads(g.scope) : 3, 3, "... three");
  lwt_fulfill(&g.r[1], NULL);
  lwt_fulfill(&g.r[0], NULL);
  ok(pending(p), "... for each of them");
  lwt_fulfill(&g.r[2], NULL);
  ok(is(p, 42), "... and is fulfilled with the body's value");
  lwt_drop(p);
  group_end(&g);

  g = (struct group){ .tasks = 0 };
  p = lwt_scope(group_body, &g);
  ok(is(p, 42), "without threads it ends at once");
  lwt_drop(p);
  g = (struct group){ .waits = 1, .tasks = 1 };
  p = lwt_scope(group_body, &g);
  lwt_fulfill(&g.r[0], NULL);
  ok(pending(p), "the body is waited for");
  lwt_fulfill(&g.r[8], V(7));
  ok(is(p, 7), "... and has the value");
  lwt_drop(p);
  group_end(&g);
}

static void first_failure(void)
{
  struct group g = { .tasks = 3, .waits = 1 };
  lwt_t *p = lwt_scope(group_body, &g);

  lwt_reject(&g.r[1], LWT_EIO, "thread");
  ok(failed(p, LWT_EIO), "the first failure of a thread is the scope's");
  ok(lwt_unwanted(&g.r[0]) && lwt_unwanted(&g.r[2]), "... and stops the others");
  ok(lwt_unwanted(&g.r[8]), "... and the body");
  lwt_drop(p);
  group_end(&g);

  g = (struct group){ .tasks = 2, .fail = LWT_EPERM };
  p = lwt_scope(group_body, &g);
  ok(failed(p, LWT_EPERM) && lwt_unwanted(&g.r[0]) && lwt_unwanted(&g.r[1]),
     "a failing body stops the threads");
  lwt_drop(p);
  group_end(&g);

  g = (struct group){ .tasks = 2, .waits = 1 };
  p = lwt_scope(group_body, &g);
  lwt_reject(&g.r[0], LWT_ECANCELED, "by itself");
  ok(pending(p) && !lwt_unwanted(&g.r[1]), "a cancelled thread is no failure");
  lwt_fulfill(&g.r[1], NULL);
  lwt_fulfill(&g.r[8], V(1));
  ok(is(p, 1), "... and the scope ends well");
  lwt_drop(p);
  group_end(&g);
}

/* ---- Clean-ups that take their time -------------------------------------- */

static lwt_t *slow_body(struct lwt_scope *scope, void *env)
{
  struct group *g = env;

  g->scope = scope;
  g->spawned[0] = lwt_spawn(scope, slow(g, 0));
  g->spawned[1] = lwt_spawn(scope, lwt_task(&g->r[1]));
  return slow(g, 8);
}

static void waits_for_cleanup(void)
{
  struct group g = { .tasks = 0 };
  lwt_t *p = lwt_scope(slow_body, &g);

  lwt_reject(&g.r[1], LWT_EIO, "thread");
  ok(pending(p) && noted("cleans cleans"), "stopped threads clean up");
  lwt_cancel(p);
  ok(pending(p) && !lwt_unwanted(&g.slow[0]), "... shielded from a cancel of the scope");
  lwt_fulfill(&g.slow[0], NULL);
  ok(pending(p), "... and are waited for");
  lwt_reject(&g.slow[8], LWT_EPIPE, "clean-up");
  ok(failed(p, LWT_EIO), "the first error in time is the scope's");
  ok(lost() == 1 && sem_lost.code == LWT_EPIPE, "... a later one is reported");
  lwt_drop(p);
  group_end(&g);
}

static void canceled_or_dropped(void)
{
  struct group g = { .tasks = 0 };
  lwt_t *p = lwt_scope(slow_body, &g);

  lwt_cancel(p);
  ok(pending(p) && noted("cleans cleans") && lwt_unwanted(&g.r[1]),
     "a cancelled scope stops its threads");
  lwt_fulfill(&g.slow[0], NULL);
  lwt_fulfill(&g.slow[8], NULL);
  ok(canceled(p), "... and waits for them");
  lwt_drop(p);
  group_end(&g);

  g = (struct group){ .tasks = 0 };
  lwt_drop(lwt_scope(slow_body, &g));
  ok(noted("cleans cleans") && lwt_unwanted(&g.r[1]), "a dropped scope: the same");
  lwt_fulfill(&g.slow[0], NULL);
  ok(lwt_live() > 0, "... waits");
  lwt_fulfill(&g.slow[8], NULL);
  group_end(&g);
  is_int(lwt_live(), 0, "... and then is gone");
}

/* ---- lwt_scope_stop ------------------------------------------------------ */

static lwt_t *race_body(struct lwt_scope *scope, void *env)
{
  static struct cb three = { .ret = 3 };
  struct group *g = env;

  g->scope = scope;
  lwt_spawn(scope, lwt_task(&g->r[0]));
  lwt_spawn(scope, lwt_task(&g->r[1]));
  return lwt_map(lwt_task(&g->r[8]), cb_map, &three);
}

static void stops(void)
{
  struct group g = { .tasks = 2 };
  lwt_t *p = lwt_scope(group_body, &g);

  if (pending(p))
    lwt_scope_stop(g.scope);
  ok(is(p, 42), "stopped after the body has ended: fulfilled with its value");
  ok(lwt_unwanted(&g.r[0]) && lwt_unwanted(&g.r[1]), "... and the threads are stopped");
  lwt_drop(p);
  group_end(&g);

  g = (struct group){ .tasks = 1 };
  p = lwt_scope(race_body, &g);
  if (pending(p))
    lwt_scope_stop(g.scope);
  ok(canceled(p), "stopped before the body has ended: LWT_ECANCELED");
  lwt_drop(p);
  group_end(&g);
}

/* It takes LWT_ECANCELED and goes on. */
struct stubborn {
  struct lwt_frame frame;
  struct group *g;
  struct lwt_error error;
  int i;
};

LWT_STEP stubborn_step(struct lwt_frame *frame)
{
  struct stubborn *s = (struct stubborn *)frame;

  lwt_begin(s);
  for (s->i = 0; s->i < 3; s->i++) {
    lwt_await_error(s, &s->error, lwt_task(&s->g->r[s->i]));
    lwt_abandon(&s->g->r[s->i]);
    note(s->error.code == LWT_ECANCELED ? "canceled" : "went on");
  }
  lwt_end(s);
}

static lwt_t *stubborn_body(struct lwt_scope *scope, void *env)
{
  ((struct group *)env)->scope = scope;
  lwt_spawn(scope, LWT_GO(struct stubborn, stubborn_step, .g = env));
  return lwt_return(NULL);
}

static void refuses_to_die(void)
{
  struct group g = { .tasks = 0 };
  lwt_t *p = lwt_scope(stubborn_body, &g);

  if (pending(p))
    lwt_scope_stop(g.scope);
  ok(pending(p) && noted("canceled"), "a thread that goes on is waited for");
  lwt_fulfill(&g.r[1], NULL);
  ok(pending(p) && noted("went on"), "... its next await is not cancelled");
  if (pending(p))
    lwt_scope_stop(g.scope);
  ok(is(p, 0) && noted("canceled"), "... until stop is called again");
  lwt_drop(p);
  group_end(&g);

  g = (struct group){ .tasks = 0 };
  p = lwt_scope(stubborn_body, &g);
  if (pending(p))
    lwt_scope_stop(g.scope);
  if (pending(p))
    lwt_scope_stop(g.scope);
  ok(pending(p) && noted("canceled canceled"), "... also if it goes on after that");
  if (pending(p))
    lwt_scope_stop(g.scope);
  ok(is(p, 0) && noted("canceled"), "... until it ends");
  lwt_drop(p);
  group_end(&g);

  g = (struct group){ .tasks = 0 };
  p = lwt_scope(group_body, (g.waits = 1, &g));
  if (pending(p)) {
    lwt_spawn(g.scope, lwt_wait(&g.r[0]));
    lwt_spawn(g.scope, lwt_no_cancel(lwt_task(&g.r[1])));
  }
  lwt_cancel(p);
  ok(pending(p) && !lwt_unwanted(&g.r[0]) && !lwt_unwanted(&g.r[1]),
     "what cancel does not reach is waited for");
  lwt_fulfill(&g.r[0], NULL);
  ok(pending(p), "... each");
  lwt_fulfill(&g.r[1], NULL);
  ok(canceled(p), "... then the scope ends");
  lwt_drop(p);
  group_end(&g);
}

/* ---- Threads whose promise has settled when they are stopped ------------- */

/* Awaits task(n), then the task after it. */
struct two {
  struct lwt_frame frame;
  struct group *g;
  int n;
};

LWT_STEP two_step(struct lwt_frame *frame)
{
  struct two *t = (struct two *)frame;

  lwt_begin(t);
  lwt_await(t, lwt_task(&t->g->r[t->n]));
  note("between");
  lwt_await(t, lwt_task(&t->g->r[t->n + 1]));
  lwt_end(t);
}

static lwt_t *two_body(struct lwt_scope *scope, void *env)
{
  struct group *g = env;

  g->scope = scope;
  lwt_spawn(scope, lwt_task(&g->r[0]));
  lwt_spawn(scope, LWT_GO(struct two, two_step, .g = g, .n = 1));
  return lwt_return(NULL);
}

static void both_at_once(struct cb *cb)
{
  struct group *g = cb->arg;

  lwt_reject(&g->r[0], LWT_EIO, "first");
  lwt_fulfill(&g->r[1], NULL);
}

static void not_missed(void)
{
  struct group g = { .tasks = 0 };
  struct cb both = { .act = both_at_once, .arg = &g };
  lwt_t *p = lwt_scope(two_body, &g), *q = lwt_map(lwt_task(&g.r[7]), cb_map, &both);

  /* The second thread is in the ready queue when the first one fails. */
  lwt_fulfill(&g.r[7], NULL);
  ok(failed(p, LWT_EIO) && noted("between"),
     "a thread that is about to run is stopped at its next await");
  lwt_drop(p);
  lwt_drop(q);
  group_end(&g);
}

static lwt_t *suicide_body(struct lwt_scope *scope, void *env)
{
  struct group *g = env;

  g->scope = scope;
  lwt_spawn(scope, lwt_bind(lwt_task(&g->r[0]), cb_bind, g->ref[9]));
  return lwt_return(NULL);
}

static void act_stop(struct cb *cb)
{
  lwt_scope_stop(((struct group *)cb->arg)->scope);
}

static void stops_itself(void)
{
  struct group g = { .tasks = 0 };
  struct cb cb = { .act = act_stop, .arg = &g };
  lwt_t *p;

  cb.then = lwt_task(&g.r[1]);
  g.ref[9] = (lwt_t *)(void *)&cb;
  p = lwt_scope(suicide_body, &g);
  g.ref[9] = NULL;
  lwt_fulfill(&g.r[0], NULL);
  ok(is(p, 0) && lwt_unwanted(&g.r[1]), "a thread may stop its own scope");
  lwt_drop(p);
  lwt_drop(cb.then);
  group_end(&g);
}

/* ---- What others hold ---------------------------------------------------- */

static lwt_t *shared_body(struct lwt_scope *scope, void *env)
{
  struct group *g = env;

  g->scope = scope;
  g->ref[0] = lwt_task(&g->r[0]);
  g->ref[1] = slow(g, 1);
  lwt_spawn(scope, lwt_map(lwt_ref(g->ref[0]), cb_map, g->ref[9]));
  lwt_spawn(scope, lwt_ref(g->ref[1]));
  return lwt_return(NULL);
}

static void shared(void)
{
  struct group g = { .tasks = 0 };
  struct cb cb = { .name = "map" };
  lwt_t *p;

  g.ref[9] = (lwt_t *)(void *)&cb;
  p = lwt_scope(shared_body, &g);
  g.ref[9] = NULL;
  lwt_cancel(p);
  ok(g.ref[0] && pending(g.ref[0]), "what a thread shares with others goes on");
  ok(pending(p) && noted("cleans"),
     "a thread is stopped, though somebody outside has a handle on it");
  lwt_fulfill(&g.slow[1], NULL);
  ok(canceled(p) && g.ref[1] && canceled(g.ref[1]), "... and waited for");
  lwt_drop(p);
  group_end(&g);
}

SEM_TESTS(scope, T(waits_for_all), T(first_failure), T(waits_for_cleanup),
          T(canceled_or_dropped), T(stops), T(refuses_to_die), T(not_missed),
          T(stops_itself), T(shared))
