/* t-spawn.c - task groups: spawning, deadlines, nesting.
 * SPDX-License-Identifier: ISC
 */
#include "scopelab.h"

/* ---- Spawning ------------------------------------------------------------ */

static void after_stop(void)
{
  struct group g = { .waits = 1 };
  lwt_t *p = lwt_scope(group_body, &g), *q = NULL;
  struct cb started = { .name = "started" };

  if (pending(p)) {
    lwt_spawn(g.scope, slow(&g, 0));
    lwt_scope_stop(g.scope);
    ok(lwt_scope_stopping(g.scope) != 0 && noted("cleans"), "it is stopping");
    is_int(lwt_spawn(g.scope, slow(&g, 1)), LWT_ECANCELED, "spawn is refused");
    ok(noted("cleans") && lwt_unwanted(&g.r[1]), "... and the thread stopped at once");
    q = lwt_spawn_call(g.scope, cb_finalize, &started);
    ok(canceled(q) && noted(""), "spawn_call is refused, and nothing called");
  }
  lwt_fulfill(&g.slow[0], NULL);
  ok(pending(p), "... but the scope waits for it");
  lwt_fulfill(&g.slow[1], NULL);
  ok(canceled(p), "... to clean up");
  lwt_drop(p);
  lwt_drop(q);
  group_end(&g);
}

static lwt_t *bounded_body(struct lwt_scope *scope, void *env)
{
  return group_body(scope, env);
}

static void bounded(void)
{
  struct lwt_scope_options o = { .max_threads = 2 };
  struct group g = { .waits = 1 };
  struct cb a = { .name = "a" }, b = { .name = "b" }, c = { .name = "c" },
            d = { .name = "d" };
  lwt_t *p = lwt_scope_with(&o, bounded_body, &g), *q[4] = { NULL };

  a.then = lwt_task(&g.r[0]);
  b.then = lwt_task(&g.r[1]);
  if (pending(p)) {
    q[0] = lwt_spawn_call(g.scope, cb_finalize, &a);
    q[1] = lwt_spawn_call(g.scope, cb_finalize, &b);
    ok(is(q[0], 0) && is(q[1], 0) && noted("a b"), "two threads may run");
    q[2] = lwt_spawn_call(g.scope, cb_finalize, &c);
    q[3] = lwt_spawn_call(g.scope, cb_finalize, &d);
    ok(pending(q[2]) && noted(""), "the third has to wait");
    is_int(lwt_spawn(g.scope, lwt_task(&g.r[2])), LWT_EAGAIN,
           "one that is running already is refused");
    ok(lwt_unwanted(&g.r[2]) && lwt_scope_threads(g.scope) == 2, "... and stopped");
    lwt_fulfill(&g.r[1], NULL);
    ok(is(q[2], 0) && is(q[3], 0) && noted("c d"),
       "they are called when there is room, as long as there is");
    is_int(lwt_scope_threads(g.scope), 1, "one is left");
  }
  lwt_fulfill(&g.r[0], NULL);
  lwt_fulfill(&g.r[8], NULL);
  ok(is(p, 0), "the scope ends");
  lwt_drop(p);
  lwt_drop(a.then);
  lwt_drop(b.then);
  for (int i = 0; i < 4; i++)
    lwt_drop(q[i]);
  group_end(&g);
}

static void bounded_stop(void)
{
  struct lwt_scope_options o = { .max_threads = 1 };
  struct group g = { .waits = 1, .tasks = 1 };
  struct cb b = { .name = "b" }, c = { .name = "c" };
  lwt_t *p = lwt_scope_with(&o, bounded_body, &g), *q = NULL, *r = NULL;

  if (pending(p)) {
    q = lwt_spawn_call(g.scope, cb_finalize, &b);
    r = lwt_spawn_call(g.scope, cb_finalize, &c);
    lwt_cancel(q);
    ok(canceled(q), "one that waits can be cancelled");
  }
  lwt_reject(&g.r[0], LWT_EIO, "thread");
  ok(failed(p, LWT_EIO) && canceled(r) && noted(""), "stopped: those that wait are told");
  lwt_drop(p);
  lwt_drop(q);
  lwt_drop(r);
  group_end(&g);
}

/* ---- Time ---------------------------------------------------------------- */

static lwt_t *inner_body(struct lwt_scope *scope, void *env)
{
  struct group *g = env;

  note(lwt_scope_deadline(scope) == LWT_MS(20) ? "inherited" : "another");
  g->spawned[5] = lwt_spawn(scope, lwt_sleep(LWT_S(100)));
  return slow(g, 3);
}

static lwt_t *outer_body(struct lwt_scope *scope, void *env)
{
  struct lwt_scope_options o = { .deadline = LWT_S(50), .within = scope };
  struct group *g = env;

  g->scope = scope;
  lwt_spawn(scope, lwt_sleep(LWT_MS(5)));
  return lwt_scope_with(&o, inner_body, g);
}

static void until(uint64_t time)
{
  struct lwt_virtual *v = (struct lwt_virtual *)(void *)lwt_get_engine();

  v->time = time;
  lwt_run_ready();
}

static void deadline(void)
{
  struct group g = { .tasks = 1, .waits = 1 };
  lwt_t *p = lwt_scope_until(lwt_now() + LWT_MS(10), group_body, &g);

  until(LWT_MS(9));
  ok(pending(p), "before the deadline");
  until(LWT_MS(10));
  ok(failed(p, LWT_ETIMEDOUT) && lwt_unwanted(&g.r[0]), "at the deadline");
  is_int(lwt_timers(), 0, "... its timer is gone");
  lwt_drop(p);
  group_end(&g);

  g = (struct group){ .tasks = 1 };
  p = lwt_scope_until(LWT_S(10), group_body, &g);
  lwt_fulfill(&g.r[0], NULL);
  ok(is(p, 42), "no deadline passes");
  is_int(lwt_timers(), 0, "... its timer is gone, too");
  lwt_drop(p);
  group_end(&g);

  g = (struct group){ .tasks = 0 };
  p = lwt_scope_until(LWT_MS(20), outer_body, &g);
  ok(noted("inherited"), "the deadline of the outer scope holds in the inner one");
  until(LWT_MS(20));
  ok(noted("cleans") && pending(p), "... which stops, and is waited for");
  lwt_fulfill(&g.slow[3], NULL);
  ok(failed(p, LWT_ETIMEDOUT), "... LWT_ETIMEDOUT");
  lwt_drop(p);
  group_end(&g);

  /* A thread's timer and the deadline, at the same time. */
  g = (struct group){ .waits = 1 };
  p = lwt_scope_until(LWT_MS(30), group_body, &g);
  if (pending(p))
    lwt_spawn(g.scope, lwt_timeout(LWT_MS(10)));
  until(LWT_MS(30));
  ok(failed(p, LWT_ETIMEDOUT), "both at the same time");
  lwt_drop(p);
  group_end(&g);
}

/* ---- Nesting ------------------------------------------------------------- */

static lwt_t *nest(struct lwt_scope *scope, void *env)
{
  struct group *g = env;

  lwt_spawn(scope, slow(g, g->tasks));
  if (g->tasks++ < 3)
    lwt_spawn(scope, lwt_scope(nest, g));
  return lwt_return(NULL);
}

static void nested(void)
{
  struct group g = { .tasks = 0 };
  lwt_t *p = lwt_scope(nest, &g);
  int i;

  lwt_reject(&g.r[3], LWT_EIO, "innermost");
  ok(noted("cleans") && pending(p), "the innermost fails: it cleans up");
  lwt_fulfill(&g.slow[3], NULL);
  ok(noted("cleans") && pending(p), "... then the scope around it");
  for (i = 2; i >= 0; i--)
    lwt_fulfill(&g.slow[i], NULL);
  ok(noted("cleans cleans") && failed(p, LWT_EIO), "... to the outermost");
  lwt_drop(p);
  group_end(&g);

  g = (struct group){ .tasks = 0 };
  p = lwt_scope(nest, &g);
  lwt_cancel(p);
  ok(noted("cleans cleans cleans cleans") && pending(p),
     "cancelled: all clean up at once");
  for (i = 0; i < 4; i++)
    lwt_fulfill(&g.slow[i], NULL);
  ok(canceled(p), "... and are waited for");
  lwt_drop(p);
  group_end(&g);
}

/* ---- Groups of promises as threads --------------------------------------- */

static lwt_t *combined_body(struct lwt_scope *scope, void *env)
{
  struct group *g = env;

  lwt_spawn(scope, lwt_join(LWT_PS(slow(g, 0), slow(g, 1), lwt_task(&g->r[2]))));
  lwt_spawn(scope, lwt_pick(LWT_PS(lwt_task(&g->r[3]), lwt_task(&g->r[4]))));
  lwt_spawn(scope, lwt_protected(lwt_task(&g->r[5])));
  lwt_spawn(scope, lwt_sleep(LWT_S(1)));
  lwt_spawn(scope, lwt_pause());
  return lwt_return(NULL);
}

static void combined(void)
{
  struct group g = { .tasks = 0 };
  lwt_t *p = lwt_scope(combined_body, &g);

  lwt_cancel(p);
  ok(noted("cleans cleans") && lwt_unwanted(&g.r[2]) && lwt_unwanted(&g.r[3]) &&
     lwt_unwanted(&g.r[4]), "join and pick are stopped");
  ok(lwt_timers() == 0, "sleep, too");
  lwt_fulfill(&g.slow[0], NULL);
  ok(pending(p), "join waits for each");
  lwt_fulfill(&g.slow[1], NULL);
  ok(canceled(p), "... and then the scope ends");
  lwt_drop(p);
  group_end(&g);
}

/* ---- Values -------------------------------------------------------------- */

static int dropped;

static void count_drop(void *value)
{
  (void)value;
  dropped++;
}

static lwt_t *owned_body(struct lwt_scope *scope, void *env)
{
  struct group *g = env;

  lwt_spawn(scope, lwt_return_owned(V(1), count_drop));
  lwt_spawn(scope, lwt_bind(lwt_task(&g->r[0]), cb_bind, g->ref[9]));
  return lwt_return_owned(V(2), count_drop);
}

static void values(void)
{
  struct group g = { .tasks = 0 };
  struct cb cb = { .ret = 1 };
  lwt_t *p;

  g.ref[9] = (lwt_t *)(void *)&cb;
  dropped = 0;
  p = lwt_scope(owned_body, &g);
  is_int(dropped, 1, "the value of a thread is dropped");
  lwt_fulfill(&g.r[0], NULL);
  ok(is(p, 2) && dropped == 1, "that of the body is the scope's");
  lwt_drop(p);
  ok(dropped == 2 || lwt_live() == 0, "... and dropped with it");

  dropped = 0;
  p = lwt_scope(owned_body, &g);
  lwt_reject(&g.r[0], LWT_EIO, "later");
  ok(failed(p, LWT_EIO) && dropped == 2, "... or when the scope fails");
  lwt_drop(p);
  g.ref[9] = NULL;
  group_end(&g);
}

/* ---- A million threads --------------------------------------------------- */

struct million {
  struct lwt_frame frame;
  struct lwt_scope *scope;
  long i, n;
};

static lwt_t *pauses(void *env)
{
  ++*(long *)env;
  return lwt_pause();
}

static long started;

LWT_STEP million_step(struct lwt_frame *frame)
{
  struct million *m = (struct million *)frame;

  lwt_begin(m);
  for (m->i = 0; m->i < m->n; m->i++)
    lwt_await(m, lwt_spawn_call(m->scope, pauses, &started));
  lwt_end(m);
}

static lwt_t *million_body(struct lwt_scope *scope, void *env)
{
  return LWT_GO(struct million, million_step, .scope = scope, .n = *(long *)env);
}

static size_t most;

static lwt_t *crowd_body(struct lwt_scope *scope, void *env)
{
  long i;

  for (i = 0; i < *(long *)env; i++)
    lwt_spawn(scope, lwt_sleep(LWT_S(1)));
  most = lwt_scope_threads(scope);
  return lwt_fail(LWT_EIO, "never mind");
}

static void many(void)
{
  long n = 200000;
  lwt_t *p;

  started = 0;
  is_int(lwt_run_value(lwt_scope_with(&(struct lwt_scope_options){ .max_threads = 10 },
                                      million_body, &n), NULL).code, 0,
         "%ld threads, ten at a time", n);
  is_int(started, n, "... have run");
  p = lwt_scope(crowd_body, &n);
  ok(failed(p, LWT_EIO) && most == (size_t)n && lwt_timers() == 0,
     "%ld threads at once are stopped", n);
  lwt_drop(p);
}

/* One promise for the scope, one in reserve, one for each thread. */
static void few_allocations(void)
{
  struct group g = { .tasks = 1 };
  size_t before;
  lwt_t *p = lwt_scope(group_body, &g);

  before = lwt_live();
  lwt_spawn(g.scope, lwt_task(&g.r[1]));
  is_int(lwt_live() - before, 2, "a thread costs its own promise and one more");
  is_int(before, 4, "a scope is two");
  lwt_drop(p);
  group_end(&g);
}

SEM_TESTS(spawn, T(after_stop), T(bounded), T(bounded_stop), T(deadline), T(nested),
          T(combined), T(values), ONCE(many), ONCE(few_allocations))
