/* t-sem-order.c - pause, cleaning up, constant space, order: PAU LEAK TAIL ORD.
 * SPDX-License-Identifier: ISC
 *
 * TAIL with a million steps in a small stack is in t-depth.c.
 */
#include "sem.h"

/* ---- pause ----------------------------------------------------------------- */

static void pau(void)
{
  struct cb f[3] = { { .name = "a" }, { .name = "b" }, { .name = "c" } };
  lwt_t *p, *q[3];
  int i;

  ok(lwt_run_ready() == LWT_NEVER, "PAU-01 nothing is paused at first");
  p = lwt_pause();
  ok(pending(p), "PAU-02 a pause is pending");
  ok(lwt_run_ready() == LWT_NEVER, "PAU-02 ... until the next turn");
  ok(is(p, 0), "PAU-02 ... then fulfilled");
  lwt_drop(p);

  for (i = 0; i < 3; i++)
    q[i] = lwt_map(lwt_pause(), cb_map, &f[i]);
  ok(noted("") && pending(q[0]) && pending(q[2]), "PAU-03 several: pending");
  lwt_run_ready();
  ok(noted("a b c"), "PAU-03 PAU-09 ... all in one turn, first in, first out");
  for (i = 0; i < 3; i++)
    lwt_drop(q[i]);
  lwt_run_ready();
  ok(noted(""), "PAU-04 a turn without any: no effect");
}

static lwt_t *pause_again(void *env, void *value)
{
  (void)value;
  note(env);
  return lwt_pause();
}

static void pau_again(void)
{
  struct cb f = { .name = "second" };
  lwt_t *p = lwt_map(lwt_bind(lwt_pause(), pause_again, "first"), cb_map, &f);

  ok(lwt_run_ready() == lwt_now(), "PAU-06 a pause inside a callback: for the next turn");
  ok(noted("first"), "PAU-06 ... the callback has run once");
  ok(lwt_run_ready() == LWT_NEVER && noted("second"),
     "PAU-06 ... and the rest runs then");
  lwt_drop(p);
}

static void pau_cancel(void)
{
  struct cb f = { .name = "a" }, g = { .name = "b" }, h = { .name = "c" };
  lwt_t *a = lwt_pause(), *b = lwt_pause(), *c = lwt_pause();
  lwt_t *p = lwt_map(lwt_ref(a), cb_map, &f), *q = lwt_map(lwt_ref(b), cb_map, &g);
  lwt_t *s = lwt_map(lwt_ref(c), cb_map, &h);

  lwt_cancel(b);
  ok(canceled(b) && canceled(q), "PAU-10 a pause can be cancelled");
  lwt_run_ready();
  ok(noted("a c"), "PAU-10 ... the others run");
  lwt_drop(p);
  lwt_drop(q);
  lwt_drop(s);
  lwt_drop(a);
  lwt_drop(b);
  lwt_drop(c);
  p = lwt_pause();
  lwt_cancel(p);
  ok(lwt_run_ready() == LWT_NEVER, "PAU-10 ... and nothing is left of it");
  lwt_drop(p);
  lwt_drop(lwt_pause());
  ok(lwt_run_ready() == LWT_NEVER && lwt_live() == 0,
     "PAU-10 (C only) dropped: the same");
}

/* One queue: what a paused promise wakes comes after the paused ones. */
static void pau_queue(void)
{
  struct cb f[2] = { { .name = "a" }, { .name = "b" } };
  struct cb g[2] = { { .name = "a'" }, { .name = "b'" } };
  lwt_t *q[2];
  int i;

  for (i = 0; i < 2; i++)
    q[i] = lwt_map(lwt_map(lwt_pause(), cb_map, &f[i]), cb_map, &g[i]);
  lwt_run_ready();
  ok(noted("a b a' b'"),
     "PAU-12 (differs) all paused promises settle, then callbacks run");
  for (i = 0; i < 2; i++)
    lwt_drop(q[i]);
}

/* ---- Choose in a loop ------------------------------------------------------ */

static void leak_live(void)
{
  struct lwt_resolver r, s;
  struct cb f = { .ret = 2 };
  lwt_t *p = lwt_wait(&r), *p2, *p3, *q;
  int i;

  p2 = lwt_bind(lwt_ref(p), cb_bind, &f);
  p3 = lwt_choose(LWT_PS(lwt_ref(p)));
  for (i = 0; i < 43; i++) {
    q = lwt_choose(LWT_PS(lwt_ref(p), lwt_wait(&s)));
    lwt_fulfill(&s, V(1));
    lwt_drop(q);
  }
  lwt_fulfill(&r, V(1));
  ok(is(p2, 2) && is(p3, 1), "LEAK-01 callbacks of p survive 43 chooses on it");
  lwt_drop(p);
  lwt_drop(p2);
  lwt_drop(p3);
}

static void leak_merge(void)
{
  struct lwt_resolver r1, r2, s;
  lwt_t *p2 = lwt_wait(&r2), *p3, *q, *c[2];
  struct cb f = { .then = lwt_ref(p2) }, g = { .name = "2" }, h = { .name = "3" };
  int i;

  p3 = lwt_bind(lwt_wait(&r1), cb_bind, &f);
  c[0] = lwt_map(lwt_ref(p2), cb_map, &g);
  c[1] = lwt_map(lwt_ref(p3), cb_map, &h);
  for (i = 0; i < 44; i++) {
    if (i == 22)
      lwt_fulfill(&r1, V(1));
    q = lwt_choose(LWT_PS(lwt_ref(p2), lwt_ref(p3), lwt_wait(&s)));
    lwt_fulfill(&s, V(1));
    lwt_drop(q);
  }
  lwt_fulfill(&r2, V(2));
  ok(noted("2 3") && is(p3, 2), "LEAK-02 ... also when one of them becomes another");
  lwt_drop(p2);
  lwt_drop(p3);
  lwt_drop(c[0]);
  lwt_drop(c[1]);
  lwt_drop(f.then);
}

static void leak_constant(void)
{
  struct lwt_resolver never, s;
  lwt_t *p = lwt_wait(&never), *q;
  size_t i, before = lwt_live(), most = 0;

  for (i = 0; i < 100000; i++) {
    q = lwt_choose(LWT_PS(lwt_ref(p), lwt_wait(&s)));
    if (lwt_live() > most)
      most = lwt_live();
    lwt_fulfill(&s, V(1));
    lwt_drop(q);
  }
  ok(lwt_live() == before, "LEAK-03 LEAK-04 (better) a loser's callback is gone at once");
  ok(most <= before + 2, "LEAK-03 ... choose [never; fresh] in a loop is constant (%zu)",
     most);
  lwt_fulfill(&never, V(1));
  lwt_drop(p);
}

/* An input that settles while the group is deciding is skipped. */
static void leak_skip(void)
{
  struct lwt_resolver r1, r2;
  struct cb f = { .act = act_fulfill, .arg = &r2 };
  lwt_t *p = lwt_wait(&r1), *q;

  lwt_on_success(lwt_ref(p), cb_value, &f);
  q = lwt_choose(LWT_PS(p, lwt_wait(&r2)));
  lwt_fulfill(&r1, V(1));
  ok(is(q, 1), "LEAK-05 inputs that come too late are skipped");
  lwt_drop(q);
  lwt_abandon(&r2);
}

/* ---- Loops ----------------------------------------------------------------- */

static size_t most_live;

static lwt_t *count_settled(void *env, void *value)
{
  intptr_t n = (intptr_t)value;

  if (lwt_live() > most_live)
    most_live = lwt_live();
  return n ? lwt_bind(lwt_return(V(n - 1)), count_settled, env) : lwt_return(V(77));
}

static void tail_settled(void)
{
  lwt_t *p;

  most_live = 0;
  p = lwt_bind(lwt_return(V(1000000)), count_settled, NULL);
  ok(is(p, 77), "TAIL-01 a loop of a million binds on settled promises");
  ok(most_live < 10, "TAIL-01 ... in constant memory (%zu promises)", most_live);
  lwt_drop(p);
}

static lwt_t *count_paused(void *env, void *value)
{
  intptr_t *n = env;

  (void)value;
  if (lwt_live() > most_live)
    most_live = lwt_live();
  return --*n ? lwt_bind(lwt_pause(), count_paused, env) : lwt_return(V(78));
}

static void tail_paused(void)
{
  intptr_t n = 100000;
  lwt_t *p = lwt_bind(lwt_pause(), count_paused, &n);

  most_live = 0;
  while (pending(p))
    lwt_run_ready();
  ok(is(p, 78), "TAIL-02 a loop of 100 000 pauses");
  ok(most_live < 10, "TAIL-02 TAIL-03 ... in constant memory (%zu promises)", most_live);
  lwt_drop(p);
}

/* ---- Order ----------------------------------------------------------------- */

static lwt_t *ordered;

static void act_settled(struct cb *cb)
{
  (void)cb;
  note(pending(ordered) ? "pending" : "settled");
}

static void ord(void)
{
  struct lwt_resolver r;
  struct cb c[6] = { { .name = "bind" }, { .name = "on_success" }, { .name = "map" },
                     { .name = "on_termination" }, { .name = "join" }, { .name = "c" } };
  struct cb see = { .act = act_settled };
  lwt_t *p = lwt_wait(&r), *q[3];

  q[0] = lwt_bind(lwt_ref(p), cb_bind, &c[0]);
  lwt_on_success(lwt_ref(p), cb_value, &c[1]);
  q[1] = lwt_map(lwt_ref(p), cb_map, &c[2]);
  lwt_on_termination(lwt_ref(p), cb_call, &c[3]);
  q[2] = lwt_join(LWT_PS(lwt_ref(p)));
  lwt_on_termination(lwt_ref(q[2]), cb_call, &c[4]);
  lwt_fulfill(&r, V(1));
  ok(noted("bind on_success map on_termination join"),
     "ORD-01 (differs) ORD-02 callbacks of all kinds run first in, first out");
  lwt_drop(p);
  lwt_drop(q[0]);
  lwt_drop(q[1]);
  lwt_drop(q[2]);

  p = lwt_task(&r);
  ordered = p;
  lwt_on_failure(lwt_ref(p), cb_error, &see);
  lwt_on_cancel(p, cb_call, &c[5]);
  lwt_cancel(p);
  ok(noted("c settled"),
     "ORD-03 cancel callbacks first; ORD-04 the state is final by then");
  lwt_abandon(&r);
  lwt_drop(p);
}

/* Registered i1 o1 i2 o2, o becomes i, then i3 o3. */
static void ord_merge(void)
{
  static const char *const in[] = { "i1", "i2", "i3" };
  static const char *const on[] = { "o1", "o2", "o3" };
  struct lwt_resolver r, s;
  lwt_t *i = lwt_wait(&s), *o;
  struct cb f = { .then = lwt_ref(i) }, ci[3] = { { 0 } }, co[3] = { { 0 } };
  int k;

  o = lwt_bind(lwt_wait(&r), cb_bind, &f);
  for (k = 0; k < 3; k++) {
    if (k == 2)
      lwt_fulfill(&r, V(1));
    ci[k].name = in[k];
    co[k].name = on[k];
    lwt_on_success(lwt_ref(i), cb_value, &ci[k]);
    lwt_on_success(lwt_ref(o), cb_value, &co[k]);
  }
  lwt_fulfill(&s, V(2));
  ok(noted("i1 i2 i3 o1 o2 o3"), "ORD-05 (differs) a promise that became another settles "
     "after it; each keeps its own order");
  lwt_drop(i);
  lwt_drop(o);
  lwt_drop(f.then);
}

static void ord_breadth(void)
{
  struct lwt_resolver r, r2;
  struct cb a = { .name = "a" }, a2 = { .name = "a'" }, b = { .name = "b" };
  struct cb b2 = { .name = "b'" };
  lwt_t *p = lwt_wait(&r), *q, *s;

  q = lwt_bind(lwt_bind(lwt_ref(p), cb_bind, &a), cb_bind, &a2);
  s = lwt_bind(lwt_bind(lwt_ref(p), cb_bind, &b), cb_bind, &b2);
  lwt_fulfill(&r, V(1));
  ok(noted("a b a' b'"), "ORD-06 (differs) what follows from a callback comes after the "
     "promise's other callbacks");
  lwt_drop(p);
  lwt_drop(q);
  lwt_drop(s);

  lwt_on_termination(lwt_wait(&r), cb_call, &a);
  q = lwt_task(&r2);
  lwt_on_termination(lwt_ref(q), cb_call, &b);
  lwt_cancel(q);
  note("|");
  lwt_fulfill(&r, V(1));
  note("|");
  ok(noted("b | a |"), "ORD-07 fulfil and cancel from outside run callbacks at once");
  lwt_abandon(&r2);
  lwt_drop(q);
}

SEM_TESTS(order, T(pau), T(pau_again), T(pau_cancel), T(pau_queue), T(leak_live),
          T(leak_merge), ONCE(leak_constant), T(leak_skip), ONCE(tail_settled),
          ONCE(tail_paused), T(ord), T(ord_merge), T(ord_breadth))
