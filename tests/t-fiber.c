/* t-fiber.c - fibers: cancel, clean-ups, stacks.
 * SPDX-License-Identifier: ISC
 */
#include <lwt/fiber.h>

#include "sem.h"

/* ThreadSanitizer makes a thread of each. */
#if defined(__SANITIZE_THREAD__)
#define FEW 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FEW 1
#endif
#endif

static void say(void *what)
{
  note(what);
}

static void say_fini(void *arg)
{
  (void)arg;
  note("fini");
}

/* ---- Cancel and drop ----------------------------------------------------- */

struct job {
  struct lwt_resolver r, s, slow;
  int shielded; /* awaits s behind lwt_no_cancel() when it is cancelled */
  int goes_on;  /* awaits s when it is cancelled */
  struct lwt_error first, then;
};

static lwt_t *slow(void *arg)
{
  note("slow");
  return lwt_task(&((struct job *)arg)->slow);
}

static lwt_t *work(void *arg)
{
  struct job *j = arg;

  lwt_fiber_defer(say, (void *)"a");
  lwt_fiber_defer(say, (void *)"b");
  j->first = lwt_fiber_await(lwt_task(&j->r));
  note(j->first.code == LWT_ECANCELED ? "canceled" : "resumed");
  if (j->shielded)
    j->then = lwt_fiber_await(lwt_no_cancel(lwt_task(&j->s)));
  else if (j->goes_on)
    j->then = lwt_fiber_await(lwt_task(&j->s));
  note("returns");
  return j->first.code ? lwt_fail_error(j->first) : lwt_return(V(1));
}

static const struct lwt_fiber_options fini = { .fini = say_fini };

static void ends(void)
{
  struct job j = { .shielded = 0 };
  lwt_t *p = lwt_fiber(work, &j, &fini);

  ok(pending(p), "a fiber awaits");
  lwt_fulfill(&j.r, NULL);
  ok(is(p, 1) && noted("resumed returns b a fini"),
     "it ends: clean-ups, the last deferred first, then fini");
  lwt_drop(p);
  p = lwt_fiber(work, &j, &fini);
  lwt_cancel(p);
  ok(canceled(p) && noted("canceled returns b a fini"), "cancelled: the same");
  lwt_abandon(&j.r);
  lwt_drop(p);
  lwt_drop(lwt_fiber(work, &j, &fini));
  ok(noted("canceled returns b a fini"), "dropped: the same");
  lwt_abandon(&j.r);
  is_int(lwt_live(), 0, "... and it is gone");
  forget();
}

static void shielded(void)
{
  struct job j = { .shielded = 1 };
  lwt_t *p = lwt_fiber(work, &j, NULL);

  lwt_cancel(p);
  lwt_cancel(p);
  ok(pending(p) && noted("canceled") && !lwt_unwanted(&j.s),
     "a clean-up awaits behind lwt_no_cancel()");
  lwt_fulfill(&j.s, NULL);
  ok(canceled(p) && noted("returns b a") && j.then.code == 0, "... to its end");
  lwt_abandon(&j.r);
  lwt_drop(p);

  lwt_drop(lwt_fiber(work, &j, NULL));
  ok(noted("canceled") && !lwt_unwanted(&j.s), "the same in a fiber that is dropped");
  ok(lwt_live() > 0, "... whose promise stays");
  lwt_fulfill(&j.s, NULL);
  lwt_abandon(&j.r);
  ok(noted("returns b a") && lwt_live() == 0, "... until it has ended");

  j = (struct job){ .goes_on = 1 };
  p = lwt_fiber(work, &j, NULL);
  lwt_cancel(p);
  ok(pending(p) && !lwt_unwanted(&j.s), "one cancel reaches one await");
  lwt_cancel(p);
  ok(canceled(p) && j.then.code == LWT_ECANCELED, "... a second one the next");
  lwt_abandon(&j.r);
  lwt_abandon(&j.s);
  lwt_drop(p);
  forget();
}

static lwt_t *defers_slow(void *arg)
{
  struct job *j = arg;

  lwt_fiber_defer(say, (void *)"a");
  lwt_fiber_defer(slow, j);
  return work(arg);
}

static void waits_for_cleanup(void)
{
  struct job j = { .shielded = 0 };
  lwt_t *p = lwt_fiber(defers_slow, &j, &fini);

  lwt_cancel(p);
  ok(pending(p) && noted("canceled returns b a slow"), "a deferred function may wait");
  lwt_cancel(p);
  ok(pending(p) && !lwt_unwanted(&j.slow), "... and cancel does not reach it");
  lwt_fulfill(&j.slow, NULL);
  ok(canceled(p) && noted("a fini"), "... then the others run");
  lwt_abandon(&j.r);
  lwt_abandon(&j.slow);
  lwt_drop(p);
  forget();
}

/* ---- Before it has started ----------------------------------------------- */

static lwt_t *never(void *arg)
{
  (void)arg;
  note("started");
  return lwt_return(NULL);
}

/* Nests binds until a fiber has to start later. */
static lwt_t *deep(void *env, void *depth)
{
  lwt_t **p = env;

  if (depth)
    return lwt_bind(lwt_return(V((intptr_t)depth - 1)), deep, env);
  *p = lwt_fiber(never, NULL, &fini);
  return lwt_return(NULL);
}

static lwt_t *deep_drop(void *env, void *depth)
{
  lwt_t *p = NULL;

  if (depth)
    return lwt_bind(lwt_return(V((intptr_t)depth - 1)), deep_drop, env);
  lwt_drop(deep(&p, NULL));
  note(lwt_state(p) == LWT_PENDING ? "later" : "at once");
  lwt_drop(p);
  return lwt_return(NULL);
}

static void dropped_before(void)
{
  lwt_t *p;
  int n, late = 0, later = 0;

  for (n = 1; n <= 64; n++) {
    p = NULL;
    lwt_drop(lwt_bind(lwt_return(V(n)), deep, &p));
    late += p && is(p, 0) && noted("started fini");
    forget();
    lwt_drop(p);
    lwt_drop(lwt_bind(lwt_return(V(n)), deep_drop, NULL));
    later += !strcmp(sem_log, "later fini");
    forget();
  }
  is_int(late, 64, "inside many callbacks a fiber starts later");
  ok(later > 0, "dropped before it starts: it never does, but is cleaned up");
  is_int(lwt_live(), 0, "... and is gone");
}

/* ---- Itself -------------------------------------------------------------- */

struct self {
  lwt_t *me;
  struct lwt_resolver r, s;
  int drops;
  struct lwt_error error;
};

static lwt_t *on_itself(void *arg)
{
  struct self *s = arg;

  (void)lwt_fiber_await(lwt_wait(&s->r));
  if (s->drops) {
    lwt_drop(s->me);
    s->me = NULL;
  } else {
    lwt_cancel(s->me);
  }
  s->error = lwt_fiber_await(lwt_task(&s->s));
  note("ends");
  return lwt_return(V(2));
}

static void itself(void)
{
  struct self s = { .drops = 0 };

  s.me = lwt_fiber(on_itself, &s, NULL);
  lwt_fulfill(&s.r, NULL);
  ok(pending(s.me), "a fiber that cancels itself: it waits for nothing, no effect");
  lwt_fulfill(&s.s, NULL);
  ok(is(s.me, 2) && s.error.code == 0, "... and goes on");
  lwt_drop(s.me);
  forget();
  s = (struct self){ .drops = 1 };
  s.me = lwt_fiber(on_itself, &s, NULL);
  lwt_fulfill(&s.r, NULL);
  lwt_drop(s.me);
  ok(noted("ends") && s.error.code == LWT_ECANCELED,
     "a fiber that drops itself is cancelled at its next await");
  lwt_abandon(&s.s);
  is_int(lwt_live(), 0, "... and then it is gone");
  forget();
}

/* ---- What others do on its stack ----------------------------------------- */

static struct lwt_error in_callback;

static lwt_t *waits_inside(void *env, void *value)
{
  (void)value;
  in_callback = lwt_fiber_await(lwt_task(env));
  return lwt_return(V(8));
}

static lwt_t *with_callback(void *arg)
{
  return lwt_bind(lwt_return(NULL), waits_inside, arg);
}

static struct lwt_resolver dropping;

static void awaiting_drop(void *value)
{
  (void)value;
  in_callback = lwt_fiber_await(lwt_task(&dropping));
}

static lwt_t *drops_value(void *arg)
{
  (void)arg;
  lwt_drop(lwt_return_owned(V(1), awaiting_drop));
  return lwt_return(V(9));
}

static lwt_t *runs_loop(void *arg)
{
  (void)arg;
  return lwt_return(V(lwt_run_value(lwt_pause(), NULL).code));
}

static void callbacks(void)
{
  struct lwt_resolver r = { NULL };
  struct cb cb = { .name = "bind", .ret = 3 };
  lwt_t *p, *b;
  int i;

  /* Suspended inside more callbacks than may be nested. */
  for (i = 0; i < 100; i++) {
    p = lwt_fiber(with_callback, &r, NULL);
    b = lwt_bind(lwt_return(NULL), cb_bind, &cb);
    if (!is(b, 3) || (!pending(p) && !failed(p, LWT_ENOMEM)))
      ok(0, "a callback that is suspended inside a fiber");
    lwt_fulfill(&r, NULL);
    if (i == 0)
      ok(is(p, 8), "a callback may await on the stack of a fiber");
    lwt_drop(p);
    lwt_drop(b);
    forget();
  }
  lwt_drop(lwt_bind(lwt_return(V(4)), deep_drop, NULL));
  ok(noted("started fini at once"), "... and the callbacks nested there are not counted");
  forget();
  dropping.lwt_private = NULL;
  p = lwt_fiber(drops_value, NULL, NULL);
  ok(is(p, 9) && in_callback.code == LWT_EPERM && lwt_unwanted(&dropping),
     "a drop function may not");
  lwt_abandon(&dropping);
  lwt_drop(p);
  p = lwt_fiber(runs_loop, NULL, NULL);
  ok(is(p, LWT_EBUSY), "lwt_run() inside of a fiber");
  lwt_drop(p);
}

/* ---- Values -------------------------------------------------------------- */

static int dropped;

static void count_drop(void *value)
{
  (void)value;
  dropped++;
}

static lwt_t *takes_values(void *arg)
{
  lwt_t **ps = arg;
  void *v = NULL;
  struct lwt_error e = lwt_fiber_await(ps[0]), e1 = lwt_fiber_await(ps[1], &v);

  if (e1.code == 0)
    count_drop(v);
  return e.code ? lwt_fail_error(e) : lwt_return(v);
}

static void values(void)
{
  struct lwt_resolver r, s;
  lwt_t *ps[2], *p;

  dropped = 0;
  ps[0] = lwt_task(&r);
  ps[1] = lwt_task(&s);
  p = lwt_fiber(takes_values, ps, NULL);
  if (lwt_state(p) == LWT_REJECTED) {
    lwt_drop(ps[0]);
    lwt_drop(ps[1]);
  }
  lwt_fulfill_owned(&r, V(1), count_drop);
  ok(dropped == 1 && pending(p), "a value that is not asked for is dropped");
  lwt_fulfill_owned(&s, V(2), count_drop);
  ok(dropped == 2 && is(p, 2), "one that is belongs to the fiber");
  lwt_drop(p);
  ok(dropped <= 2, "... once");
}

/* ---- Stacks -------------------------------------------------------------- */

/* Recursion that uses the stack, and suspends in its depth. */
static int recurse(int depth)
{
  volatile char room[200];
  int below;

  room[0] = (char)depth;
  if (depth == 0)
    return lwt_fiber_yield().code == 0;
  below = recurse(depth - 1);
  return below && room[0] == (char)depth;
}

static lwt_t *recursion(void *arg)
{
  size_t left = lwt_fiber_stack_left();
  int good = recurse((int)(intptr_t)arg);

  return lwt_return(V(good && left > 12000));
}

static void stacks(void)
{
  static const struct lwt_fiber_options sizes[] = { { .stack = 1 }, { .stack = 100000 },
                                                    { .stack = 4 << 20 } };
  static const int depth[] = { 4, 100, 4000 };
  lwt_t *ps[3];
  void *v = NULL;
  int i;

  for (i = 0; i < 3; i++)
    ps[i] = lwt_fiber(recursion, V(depth[i]), &sizes[i]);
  for (i = 0; i < 3; i++) {
    v = NULL;
    ok(lwt_run_value(ps[i], &v).code == 0 && v == V(1),
       "a stack of %zu bytes, %d deep", sizes[i].stack, depth[i]);
  }
  ps[0] = lwt_fiber(recursion, NULL, &(struct lwt_fiber_options){ .stack = SIZE_MAX });
  ok(failed(ps[0], LWT_ENOMEM), "a stack of SIZE_MAX bytes");
  lwt_drop(ps[0]);
}

static lwt_t *nothing(void *arg)
{
  return lwt_return(arg);
}

static lwt_t *pauses(void *arg)
{
  struct lwt_error e = lwt_fiber_yield();

  return e.code ? lwt_fail_error(e) : lwt_return(arg);
}

static void crowds(void)
{
#ifdef FEW
  enum { TURNS = 2000, ALIVE = 300 };
#else
  enum { TURNS = 1000000, ALIVE = 10000 };
#endif
  static lwt_t *ps[ALIVE];
  const struct lwt_fiber_options small = { .stack = 16384 };
  intptr_t i, n = 0;
  lwt_t *p;

  for (i = 0; i < TURNS; i++) {
    p = lwt_fiber(nothing, V(i), NULL);
    n += is(p, i);
    lwt_drop(p);
  }
  is_int(n, TURNS, "fibers in turn");
  for (i = 0; i < ALIVE; i++)
    ps[i] = lwt_fiber(pauses, V(i), &small);
  ok(pending(ps[0]) && pending(ps[ALIVE - 1]), "%d fibers at once", (int)ALIVE);
  is_int(lwt_run_value(lwt_join(ALIVE, ps), NULL).code, 0, "... run to their end");
  for (i = 0; i < ALIVE; i++)
    ps[i] = lwt_fiber(pauses, V(i), &small);
  for (i = n = 0; i < ALIVE; i++) {
    lwt_cancel(ps[i]);
    n += canceled(ps[i]);
    lwt_drop(ps[i]);
  }
  is_int(n, ALIVE, "... or are cancelled");
}

/* What does not fit in the memory that is kept goes back. */
static lwt_t *doubles(void *arg)
{
  double a = (double)(intptr_t)arg, b = a * 1.5, c = b * b;

  if (lwt_fiber_yield().code)
    return lwt_fail(LWT_ECANCELED, "doubles");
  return lwt_return(V((intptr_t)(a + b + c)));
}

static void registers(void)
{
  lwt_t *ps[8];
  int i, n = 0;
  void *v;

  for (i = 0; i < 8; i++)
    ps[i] = lwt_fiber(doubles, V(i * 2), NULL);
  for (i = 0; i < 8; i++) {
    v = NULL;
    if (lwt_run_value(ps[i], &v).code == 0)
      n += v == V(2 * i + 3 * i + 9 * i * i);
  }
  is_int(n, 8, "numbers in registers are kept");
}

SEM_TESTS(fiber, T(ends), T(shielded), T(waits_for_cleanup), T(dropped_before), T(itself),
          T(callbacks), T(values), T(stacks), ONCE(crowds), T(registers))
