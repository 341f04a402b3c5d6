/* t-sem-cancel.c - cancel and shields: CAN ONC PRO WIC NOC.
 * SPDX-License-Identifier: ISC
 */
#include <lwt/scope.h>
#include <lwt/sync.h>

#include "sem.h"

static void can_leaf(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 };
  lwt_t *p = lwt_return_owned(V(1), NULL);

  lwt_cancel(p);
  ok(is(p, 1), "CAN-01 no effect on a fulfilled promise");
  lwt_drop(p);
  p = lwt_fail(LWT_EIO, "disk");
  lwt_cancel(p);
  ok(failed(p, LWT_EIO), "CAN-02 no effect on a rejected promise");
  lwt_drop(p);
  p = lwt_wait(&r);
  lwt_cancel(p);
  ok(pending(p), "CAN-03 no effect on lwt_wait()");
  lwt_abandon(&r);
  lwt_drop(p);
  p = lwt_task(&r);
  lwt_on_failure(lwt_ref(p), cb_error, &f);
  lwt_cancel(p);
  ok(canceled(p), "CAN-04 a task is rejected at once");
  is_str(lwt_error(p).what, "canceled", "CAN-04 ... as \"canceled\"");
  ok(f.calls == 1 && f.code == LWT_ECANCELED,
     "CAN-05 on_failure sees it during the cancel");
  ok(lwt_fulfill(&r, V(1)) == 0 && canceled(p),
     "CAN-13 its producer may still settle it");
  lwt_drop(p);
}

static lwt_t *other_task;

static void act_cancel_other(struct cb *cb)
{
  (void)cb;
  note("(");
  lwt_cancel(other_task);
  note(canceled(other_task) ? "canceled)" : ")");
}

static void can_nested(void)
{
  struct lwt_resolver r1, r2;
  struct cb f = { .act = act_cancel_other }, g = { .name = "other" };
  lwt_t *p = lwt_task(&r1);

  other_task = lwt_task(&r2);
  lwt_on_failure(lwt_ref(p), cb_error, &f);
  lwt_on_failure(lwt_ref(other_task), cb_error, &g);
  lwt_cancel(p);
  ok(noted("( canceled) other"),
     "CAN-06 (differs) in a callback: the state changes at once, "
     "the callbacks are queued");
  lwt_abandon(&r1);
  lwt_abandon(&r2);
  lwt_drop(p);
  lwt_drop(other_task);
}

/* ---- How far it goes ------------------------------------------------------- */

static lwt_t *link(int kind, lwt_t *p, struct cb *f)
{
  switch (kind) {
  case 0:
    return lwt_bind(p, cb_bind, f);
  case 1:
    return lwt_map(p, cb_map, f);
  case 2:
    return lwt_catch(p, cb_catch, f);
  case 3:
    return lwt_try_bind(p, cb_bind, cb_catch, f);
  case 4:
    return lwt_finalize(p, cb_finalize, f);
  case 5:
    return lwt_join(LWT_PS(p));
  case 6:
    return lwt_choose(LWT_PS(p));
  case 7:
    return lwt_pick(LWT_PS(p));
  case 8:
    return lwt_wrap_in_cancelable(p);
  case 9:
    return lwt_with_timeout(LWT_NEVER, p);
  case 10:
    return lwt_protected(p);
  default:
    return lwt_no_cancel(p);
  }
}

static void can_search(void)
{
  static const char *const names[] = { "bind", "map", "catch", "try_bind", "finalize",
    "join", "choose", "pick", "wrap_in_cancelable", "with_timeout", "protected",
    "no_cancel" };
  struct lwt_resolver r;
  struct cb f[2] = { { 0 } };
  lwt_t *p, *q;
  int i;

  for (i = 0; i < 12; i++) {
    p = lwt_task(&r);
    q = link(i, link(i, lwt_ref(p), &f[0]), &f[1]);
    lwt_cancel(q);
    ok(canceled(p) == (i < 10) && pending(q) == (i == 11), "CAN-07 cancel %s %s",
       i < 10 ? "goes through" : "ends at", names[i]);
    lwt_abandon(&r);
    lwt_drop(p);
    lwt_drop(q);
  }
}

static lwt_t *three[3];

static void act_see_all(struct cb *cb)
{
  int n = canceled(three[0]) + canceled(three[1]) + canceled(three[2]);

  (void)cb;
  note(n == 3 ? "(all)" : "(some)");
}

static void can_phases(void)
{
  struct lwt_resolver r[3];
  struct cb f[3] = { { .name = "a", .act = act_see_all },
                     { .name = "b", .act = act_see_all },
                     { .name = "c", .act = act_see_all } };
  lwt_t *q;
  int i;

  for (i = 0; i < 3; i++) {
    three[i] = lwt_task(&r[i]);
    lwt_on_cancel(three[i], cb_call, &f[i]);
  }
  q = lwt_join(LWT_PS(lwt_ref(three[0]), lwt_ref(three[1]), lwt_ref(three[2])));
  lwt_cancel(q);
  ok(noted("a (all) b (all) c (all)"), "CAN-08 first all states, then the callbacks; "
     "CAN-09 (differs) in the order of the list");
  ok(canceled(q), "CAN-08 ... and the join is cancelled");
  for (i = 0; i < 3; i++) {
    lwt_abandon(&r[i]);
    lwt_drop(three[i]);
  }
  lwt_drop(q);
}

static void can_twice(void)
{
  struct lwt_resolver r;
  struct cb c = { .name = "on_cancel" }, f = { .name = "f" };
  lwt_t *t = lwt_task(&r), *a, *b, *q;

  lwt_on_cancel(t, cb_call, &c);
  a = lwt_catch(lwt_ref(t), cb_catch, &f);
  b = lwt_no_cancel(lwt_ref(a));
  q = lwt_join(LWT_PS(a, lwt_choose(LWT_PS(lwt_ref(t))), lwt_ref(t), b));
  lwt_cancel(q);
  ok(noted("on_cancel f"), "CAN-10 reached by several paths: cancelled once");
  ok(canceled(q), "CAN-10 ... and all that waited for it go on");
  lwt_abandon(&r);
  lwt_drop(t);
  lwt_drop(q);
}

static lwt_t *cancel_self(void *env, void *value)
{
  lwt_cancel(*(lwt_t **)env);
  return lwt_return(value);
}

static lwt_t *cancel_self_wait(void *env, void *value)
{
  lwt_t **p = env;

  (void)value;
  lwt_cancel(p[0]);
  return lwt_ref(p[1]);
}

static void can_self(void)
{
  struct lwt_resolver r, s;
  lwt_t *p, *two[2];

  p = lwt_bind(lwt_task(&r), cancel_self, &p);
  lwt_fulfill(&r, V(3));
  ok(is(p, 3), "CAN-11 cancel from inside its own callback: no effect");
  lwt_drop(p);

  two[1] = lwt_task(&s);
  two[0] = lwt_bind(lwt_task(&r), cancel_self_wait, two);
  lwt_fulfill(&r, V(1));
  ok(pending(two[0]) && pending(two[1]), "CAN-11 ... nor on what the callback returns");
  lwt_fulfill(&s, V(4));
  ok(is(two[0], 4), "CAN-11 ... and it completes normally");
  lwt_drop(two[0]);
  lwt_drop(two[1]);
}

static void can_done(void)
{
  struct lwt_resolver r, s;
  struct cb f = { .name = "first" }, g = { .name = "second" };
  lwt_t *p;

  f.then = lwt_task(&s);
  p = lwt_map(lwt_bind(lwt_wait(&r), cb_bind, &f), cb_map, &g);
  lwt_fulfill(&r, V(1));
  lwt_cancel(p);
  ok(noted("first") && canceled(p), "CAN-14 cancel does not undo what is done");
  lwt_abandon(&s);
  lwt_drop(p);
  lwt_drop(f.then);
}

/* ---- on_cancel ------------------------------------------------------------- */

static void onc(void)
{
  struct lwt_resolver r;
  struct cb c1 = { .name = "c1" }, c2 = { .name = "c2" }, c3 = { .name = "c3" };
  struct cb f1 = { .name = "f1" }, f2 = { .name = "f2" };
  lwt_t *p = lwt_task(&r), *q;
  int c;

  lwt_on_failure(lwt_ref(p), cb_error, &f1);
  c = lwt_on_cancel(p, cb_call, &c1);
  ok((c == 0 || c == LWT_ENOMEM) && noted(""), "ONC-01 not run when it is registered");
  lwt_on_cancel(p, cb_call, &c2);
  lwt_on_cancel(p, cb_call, &c3);
  q = lwt_bind(lwt_ref(p), cb_bind, &f2);
  lwt_on_failure(lwt_ref(p), cb_error, &f2);
  lwt_cancel(p);
  ok(noted("c3 c2 c1 f1 f2"), "ONC-01 ONC-02 ONC-03 ONC-08 all run when it is cancelled, "
     "before the ordinary callbacks, the last registered first");
  ok(canceled(q), "ONC-03 ... which then run");
  lwt_on_cancel(p, cb_call, &c1);
  ok(noted("c1"), "ONC-06 already cancelled: at once");
  lwt_abandon(&r);
  lwt_drop(q);
  lwt_drop(p);
}

/* Ordinary callbacks that are removed while cancel callbacks are there. */
static void onc_removed(void)
{
  struct lwt_resolver r;
  struct cb c1 = { .name = "c1" }, c2 = { .name = "c2" };
  struct cb f[3] = { { .name = "f0" }, { .name = "f1" }, { .name = "f2" } };
  static const char *const want[] = { "c2 c1", "c2 c1 f0", "c2 c1 f1", "c2 c1 f0 f1",
                                      "c2 c1 f2", "c2 c1 f0 f2", "c2 c1 f1 f2",
                                      "c2 c1 f0 f1 f2" };
  lwt_t *p, *q[3];
  int kept, i;

  for (kept = 0; kept < 8; kept++) {
    p = lwt_task(&r);
    for (i = 0; i < 3; i++) {
      q[i] = lwt_map(lwt_ref(p), cb_map, &f[i]);
      if (i == 0)
        lwt_on_cancel(p, cb_call, &c1);
    }
    lwt_on_cancel(p, cb_call, &c2);
    for (i = 0; i < 3; i++) {
      lwt_drop(q[i]);
      q[i] = lwt_map(lwt_ref(p), cb_map, &f[i]);
    }
    for (i = 0; i < 3; i++) {
      lwt_drop(q[i]);
      q[i] = NULL;
      if (kept & 1 << i)
        q[i] = lwt_catch(lwt_ref(p), cb_catch, &f[i]);
    }
    forget();
    lwt_cancel(p);
    ok(noted(want[kept]), "ONC-03 ... also when callbacks were removed (%d)", kept);
    for (i = 0; i < 3; i++)
      lwt_drop(q[i]);
    lwt_abandon(&r);
    lwt_drop(p);
  }
}

static void onc_never(void)
{
  struct lwt_resolver r;
  struct cb c = { 0 };
  lwt_t *p = lwt_return_owned(V(1), NULL);

  lwt_on_cancel(p, cb_call, &c);
  lwt_drop(p);
  p = lwt_task(&r);
  lwt_on_cancel(p, cb_call, &c);
  lwt_fulfill(&r, V(1));
  lwt_cancel(p);
  lwt_drop(p);
  ok(c.calls == 0, "ONC-04 fulfilled: never");
  p = lwt_fail(LWT_EIO, "disk");
  lwt_on_cancel(p, cb_call, &c);
  (void)lwt_error(p);
  lwt_drop(p);
  p = lwt_task(&r);
  lwt_on_cancel(p, cb_call, &c);
  lwt_reject(&r, LWT_EIO, "disk");
  lwt_cancel(p);
  (void)lwt_error(p);
  lwt_drop(p);
  ok(c.calls == 0, "ONC-05 rejected otherwise: never");
}

static void onc_by_hand(void)
{
  struct lwt_resolver r;
  struct cb c = { .name = "c" }, f = { .name = "f" };
  lwt_t *p = lwt_wait(&r), *q;

  q = lwt_catch(lwt_ref(p), cb_catch, &f);
  lwt_on_cancel(p, cb_call, &c);
  lwt_reject(&r, LWT_ECANCELED, "by hand");
  ok(noted("c f"), "ONC-07 rejected by hand with LWT_ECANCELED: run too");
  lwt_drop(p);
  lwt_drop(q);

  p = lwt_fail(LWT_ECANCELED, "by hand");
  lwt_on_cancel(p, cb_call, &c);
  ok(noted("c"), "ONC-06 made cancelled: at once");
  lwt_drop(p);
}

/* on_cancel of promises that are not leaves. */
static void onc_result(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 }, c = { .name = "result" }, d = { .name = "input" };
  lwt_t *in = lwt_task(&r), *p = lwt_bind(lwt_ref(in), cb_bind, &f);

  lwt_on_cancel(p, cb_call, &c);
  lwt_on_cancel(in, cb_call, &d);
  lwt_cancel(in);
  ok(noted("input result"), "ONC-01 on the result of a bind: when it is rejected");
  lwt_abandon(&r);
  lwt_drop(p);
  lwt_drop(in);
}

/* ---- Shields --------------------------------------------------------------- */

enum shield { PROTECTED, NO_CANCEL, WRAP };

static lwt_t *shield(enum shield how, lwt_t *p)
{
  return how == PROTECTED ? lwt_protected(p)
         : how == NO_CANCEL ? lwt_no_cancel(p)
                            : lwt_wrap_in_cancelable(p);
}

static void shield_settled(void)
{
  static const char *const ids[] = { "PRO", "NOC", "WIC" };
  lwt_t *p;
  int i;

  for (i = 0; i < 3; i++) {
    p = lwt_return_owned(V(1), NULL);
    p = shield(i, p);
    ok(is(p, 1), "%s-01 fulfilled: so is the result", ids[i]);
    lwt_drop(p);
    p = lwt_fail(LWT_EIO, "disk");
    p = shield(i, p);
    ok(failed(p, LWT_EIO), "%s-02 rejected: so is the result", ids[i]);
    lwt_drop(p);
  }
  p = lwt_return_owned(V(1), NULL);
  ok(lwt_protected(lwt_ref(p)) == p, "PRO-01 PRO-02 ... the same promise");
  lwt_drop(p);
  ok(lwt_no_cancel(lwt_ref(p)) == p, "NOC-01 ... the same promise");
  lwt_drop(p);
  lwt_drop(p);
}

/* lwt.mli, "Cancellation tweaks": what becomes of p and of the result. */
static const struct tweak {
  const char *id;
  enum shield how;
  int task, cancel_result;
  const char *want; /* p, result */
  const char *later; /* after p's producer has fulfilled it */
} tweaks[] = {
  { "PRO-09", PROTECTED, 1, 0, "CC", "CC" },
  { "PRO-05 PRO-06", PROTECTED, 1, 1, "PC", "FC" },
  { "PRO-04", PROTECTED, 0, 0, "PP", "FF" },
  { "PRO-05 PRO-06", PROTECTED, 0, 1, "PC", "FC" },
  { "NOC-06", NO_CANCEL, 1, 0, "CC", "CC" },
  { "NOC-05", NO_CANCEL, 1, 1, "PP", "FF" },
  { "NOC-04", NO_CANCEL, 0, 0, "PP", "FF" },
  { "NOC-05", NO_CANCEL, 0, 1, "PP", "FF" },
  { "WIC-09", WRAP, 1, 0, "CC", "CC" },
  { "WIC-05 WIC-09", WRAP, 1, 1, "CC", "CC" },
  { "WIC-07", WRAP, 0, 0, "PP", "FF" },
  { "WIC-08 WIC-10", WRAP, 0, 1, "PC", "FC" },
};

static char state_of(lwt_t *p)
{
  return canceled(p) ? 'C' : "PFR"[lwt_state(p)];
}

static void shield_tweaks(void)
{
  static const char *const names[] = { "protected", "no_cancel", "wrap_in_cancelable" };
  const struct tweak *t;
  struct lwt_resolver r;
  lwt_t *p, *q;
  int good;

  for (t = tweaks; t < tweaks + sizeof tweaks / sizeof *tweaks; t++) {
    p = t->task ? lwt_task(&r) : lwt_wait(&r);
    q = shield(t->how, lwt_ref(p));
    lwt_cancel(t->cancel_result ? q : p);
    good = state_of(p) == t->want[0] && state_of(q) == t->want[1];
    lwt_fulfill(&r, V(1));
    good = good && state_of(p) == t->later[0] && state_of(q) == t->later[1];
    ok(good, "NOC-07 %s %s of a %s, cancel the %s", t->id, names[t->how],
       t->task ? "task" : "wait", t->cancel_result ? "result" : "input");
    lwt_drop(p);
    lwt_drop(q);
  }
}

static void shield_pending(void)
{
  static const char *const ids[3][3] = {
    { "PRO-03", "PRO-04", "PRO-07" },
    { "NOC-03", "NOC-04", "NOC-04" },
    { "WIC-03 WIC-06", "WIC-04 WIC-07", "WIC-11" },
  };
  struct lwt_resolver r, s;
  struct cb f = { 0 };
  lwt_t *p;
  int i;

  for (i = 0; i < 3; i++) {
    p = shield(i, i ? lwt_wait(&r) : lwt_task(&r));
    ok(pending(p), "%s pending: so is the result", ids[i][0]);
    lwt_fulfill(&r, V(1));
    ok(is(p, 1), "%s pending then F: follows", ids[i][1]);
    lwt_drop(p);
    p = shield(i, lwt_task(&r));
    lwt_reject(&r, LWT_EIO, "disk");
    ok(failed(p, LWT_EIO), "%s pending then R: follows", ids[i][1]);
    lwt_drop(p);

    f.then = shield(i, lwt_task(&r));
    p = lwt_bind(lwt_wait(&s), cb_bind, &f);
    lwt_fulfill(&s, V(1));
    lwt_fulfill(&r, V(2));
    ok(is(p, 2), "%s returned from a bind's callback: follows", ids[i][2]);
    lwt_drop(p);
    lwt_drop(f.then);
  }
}

/* What is behind a protected promise runs on, also if nobody else holds it. */
static void shield_runs_on(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 };
  lwt_t *p = lwt_protected(lwt_map(lwt_task(&r), cb_map, &f));

  lwt_cancel(p);
  ok(canceled(p) && !f.calls, "PRO-05 the result is cancelled");
  lwt_fulfill(&r, V(1));
  ok(f.calls == 1, "PRO-06 ... what it waited for runs on");
  lwt_drop(p);
  f.calls = 0;
  p = lwt_no_cancel(lwt_map(lwt_task(&r), cb_map, &f));
  lwt_drop(p);
  lwt_fulfill(&r, V(1));
  ok(f.calls == 1, "NOC-05 dropped: what it waited for runs on");
  f.calls = 0;
  p = lwt_protected(lwt_map(lwt_task(&r), cb_map, &f));
  lwt_drop(p);
  lwt_fulfill(&r, V(1));
  ok(f.calls == 1, "PRO-05 dropped: what it waited for runs on");
}

static void shield_loop(void)
{
  struct lwt_resolver never, r;
  lwt_t *p = lwt_task(&never), *q;
  size_t i, most = 0;

  for (i = 0; i < 1000; i++) {
    q = lwt_pick(LWT_PS(lwt_protected(lwt_ref(p)), lwt_task(&r)));
    lwt_fulfill(&r, V(1));
    lwt_drop(q);
    if (lwt_live() > most)
      most = lwt_live();
  }
  ok(most <= 5 && pending(p),
     "PRO-08 pick [protected p; fresh] in a loop: nothing piles up");
  lwt_abandon(&never);
  lwt_drop(p);
}

/* ---- A drop function in the middle of a walk -------------------------------- */

static struct lwt_resolver walked;

/* What it settles is ready, but does not run before the walk is through. */
static void drop_in_walk(void *value)
{
  (void)value;
  lwt_fulfill(&walked, NULL);
  note("dropped");
}

static struct lwt_scope *walked_scope;

static lwt_t *walk_body(struct lwt_scope *scope, void *env)
{
  walked_scope = scope;
  return lwt_join(LWT_PS(*(lwt_t **)env));
}

static void walk(int how, const char *want, const char *text)
{
  struct lwt_mvar m = { .full = 0 };
  struct cb x = { .name = "x" }, h = { .name = "h" };
  lwt_t *p, *put;
  int ready;

  lwt_drop(lwt_mvar_put(&m, V(1)));
  ready = lwt_on_success(lwt_wait(&walked), cb_value, &x) == 0;
  p = lwt_mvar_put_owned(&m, V(2), drop_in_walk);
  walked_scope = NULL;
  forget();
  if (how == 0) {
    lwt_cancel(p);
  } else if (how == 1) {
    lwt_drop(lwt_catch(p, cb_catch, &h));
    p = NULL;
  } else {
    put = p;
    p = lwt_scope(walk_body, &put);
    if (!walked_scope)
      lwt_drop(put); /* without memory, nobody took it */
    else if (pending(p))
      lwt_scope_stop(walked_scope);
  }
  ok(noted(want) || !ready, "%s", text);
  lwt_drop(p);
  lwt_abandon(&walked);
  lwt_mvar_fini(&m);
  forget();
}

static void walks(void)
{
  walk(0, "dropped x", "cancel: a drop function runs nothing");
  walk(1, "dropped x h", "giving up: a drop function runs nothing");
  walk(2, "dropped x", "stopping a scope: a drop function runs nothing");
}

SEM_TESTS(cancel, T(can_leaf), T(can_nested), T(can_search), T(can_phases), T(can_twice),
          T(can_self), T(can_done), T(onc), T(onc_removed), T(onc_never), T(onc_by_hand),
          T(onc_result),
          T(shield_settled), T(shield_tweaks), T(shield_pending), T(shield_runs_on),
          ONCE(shield_loop), T(walks))
