/* t-sem-through.c - cancel through a chain: CB CM CC CT CF CD.
 * SPDX-License-Identifier: ISC
 *
 * CJ is in t-sem-join.c, CX in t-sem-choose.c.
 */
#include "sem.h"

/* ---- bind and map ---------------------------------------------------------- */

static void cb_input(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 };
  lwt_t *in = lwt_wait(&r), *p = lwt_bind(lwt_ref(in), cb_bind, &f);

  lwt_cancel(p);
  ok(pending(in) && pending(p) && !f.calls, "CB-01 bind on a wait: nothing");
  lwt_reject(&r, LWT_EIO, "disk");
  lwt_drop(p);
  lwt_drop(in);
  in = lwt_task(&r);
  p = lwt_bind(lwt_ref(in), cb_bind, &f);
  lwt_cancel(p);
  ok(canceled(in) && canceled(p) && !f.calls,
     "CB-02 bind on a task: both, f does not run");
  lwt_abandon(&r);
  lwt_drop(p);
  lwt_drop(in);
}

/* The promise that a callback returned, waiting or task, is cancelled through
 * the result. */
enum through { BIND, CATCH, TRY_OK, TRY_FAIL };

static void returned(enum through how, int task, const char *id)
{
  struct lwt_resolver r, s;
  lwt_t *in = task ? lwt_task(&s) : lwt_wait(&s), *p = lwt_task(&r);
  struct cb f = { .then = lwt_ref(in) };
  int good;

  p = how == BIND ? lwt_bind(p, cb_bind, &f)
      : how == CATCH ? lwt_catch(p, cb_catch, &f)
                     : lwt_try_bind(p, cb_bind, cb_catch, &f);
  if (how == CATCH || how == TRY_FAIL)
    lwt_reject(&r, LWT_EIO, "disk");
  else
    lwt_fulfill(&r, V(1));
  good = f.calls == 1 && pending(p);
  lwt_cancel(p);
  good = good && (task ? canceled(p) && canceled(in) : pending(p) && pending(in));
  ok(good, "%s the callback has run and returned a %s", id,
     task ? "task: both" : "wait: nothing");
  lwt_abandon(&s);
  lwt_drop(p);
  lwt_drop(in);
  lwt_drop(f.then);
}

static void through_returned(void)
{
  returned(BIND, 0, "CB-03");
  returned(BIND, 1, "CB-04");
  returned(CATCH, 0, "CC-05");
  returned(CATCH, 1, "CC-06");
  returned(TRY_OK, 0, "CT-03");
  returned(TRY_OK, 1, "CT-04");
  returned(TRY_FAIL, 0, "CT-05");
  returned(TRY_FAIL, 1, "CT-06");
}

static void cb_chain(void)
{
  struct lwt_resolver r1, r2;
  lwt_t *p1 = lwt_wait(&r1), *p2 = lwt_task(&r2), *p3, *p4;
  struct cb f = { .then = lwt_ref(p2) }, g = { 0 };

  p3 = lwt_bind(lwt_ref(p1), cb_bind, &f);
  g.then = lwt_ref(p3);
  p4 = lwt_bind(lwt_ref(p1), cb_bind, &g);
  lwt_fulfill(&r1, V(1));
  lwt_cancel(p4);
  ok(canceled(p2) && canceled(p3) && canceled(p4),
     "CB-05 through promises that became others");
  lwt_abandon(&r2);
  lwt_drop(p1);
  lwt_drop(p2);
  lwt_drop(p3);
  lwt_drop(p4);
  lwt_drop(f.then);
  lwt_drop(g.then);
}

static void cb_on_cancel(void)
{
  struct lwt_resolver r, s;
  lwt_t *inner = lwt_task(&s), *p;
  struct cb f = { .then = lwt_ref(inner) };
  struct cb c1 = { .name = "inner" }, c2 = { .name = "result" };

  p = lwt_bind(lwt_task(&r), cb_bind, &f);
  lwt_on_cancel(inner, cb_call, &c1);
  lwt_on_cancel(p, cb_call, &c2);
  lwt_cancel(p);
  ok(noted("result") && pending(inner),
     "CB-06 f has not run: on_cancel of the result only");
  lwt_abandon(&r);
  lwt_abandon(&s);
  lwt_drop(inner);
  lwt_drop(f.then);
  lwt_drop(p);

  inner = lwt_task(&s);
  f.then = lwt_ref(inner);
  p = lwt_bind(lwt_task(&r), cb_bind, &f);
  lwt_on_cancel(inner, cb_call, &c1);
  lwt_on_cancel(p, cb_call, &c2);
  lwt_fulfill(&r, V(1));
  lwt_cancel(p);
  ok(noted("inner result"), "CB-07 f has run: on_cancel of both");
  lwt_abandon(&s);
  lwt_drop(inner);
  lwt_drop(f.then);
  lwt_drop(p);
}

static void cm(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 };
  lwt_t *in = lwt_wait(&r), *p = lwt_map(lwt_ref(in), cb_map, &f);

  lwt_cancel(p);
  ok(pending(in) && pending(p), "CM-01 map on a wait: nothing");
  lwt_reject(&r, LWT_EIO, "disk");
  lwt_drop(p);
  lwt_drop(in);
  in = lwt_task(&r);
  p = lwt_map(lwt_ref(in), cb_map, &f);
  lwt_cancel(p);
  ok(canceled(in) && canceled(p) && !f.calls,
     "CM-02 map on a task: both, f does not run");
  lwt_abandon(&r);
  lwt_drop(p);
  lwt_drop(in);
}

/* ---- catch and try_bind ---------------------------------------------------- */

static void cc_ct(void)
{
  struct lwt_resolver r;
  struct cb h = { .ret = 7 };
  lwt_t *in, *p;
  int try;

  for (try = 0; try <= 1; try++) {
    in = lwt_wait(&r);
    p = try ? lwt_try_bind(lwt_ref(in), cb_bind, cb_catch, &h)
            : lwt_catch(lwt_ref(in), cb_catch, &h);
    h.calls = h.code = 0;
    lwt_cancel(p);
    ok(pending(in) && pending(p) && !h.calls, "%s-01 on a wait: nothing",
       try ? "CT" : "CC");
    lwt_reject(&r, LWT_EIO, "disk");
    lwt_drop(p);
    lwt_drop(in);
    in = lwt_task(&r);
    p = try ? lwt_try_bind(lwt_ref(in), cb_bind, cb_catch, &h)
            : lwt_catch(lwt_ref(in), cb_catch, &h);
    h.calls = h.code = 0;
    lwt_cancel(p);
    ok(canceled(in) && h.calls == 1 && h.code == LWT_ECANCELED,
       "%s-02 on a task: h runs with LWT_ECANCELED", try ? "CT" : "CC");
    ok(is(p, 7), "%s-02 ... and its value wins", try ? "CT" : "CC");
    lwt_abandon(&r);
    lwt_drop(p);
    lwt_drop(in);
  }
}

static void cc_on_cancel(void)
{
  struct lwt_resolver r;
  struct cb h = { .name = "h", .ret = 7 }, c = { .name = "task" },
            d = { .name = "result" };
  lwt_t *in = lwt_task(&r), *p = lwt_catch(lwt_ref(in), cb_catch, &h);

  lwt_on_cancel(in, cb_call, &c);
  lwt_on_cancel(p, cb_call, &d);
  lwt_cancel(p);
  ok(noted("task h") && is(p, 7), "CC-03 h recovers: on_cancel of the result never runs");
  lwt_abandon(&r);
  lwt_drop(p);
  lwt_drop(in);

  h.fail = LWT_ECANCELED;
  in = lwt_task(&r);
  p = lwt_catch(lwt_ref(in), cb_catch, &h);
  lwt_on_cancel(in, cb_call, &c);
  lwt_on_cancel(p, cb_call, &d);
  lwt_cancel(p);
  ok(noted("task h result") && canceled(p), "CC-04 h passes it on: on_cancel of both");
  lwt_abandon(&r);
  lwt_drop(p);
  lwt_drop(in);
}

/* ---- finalize -------------------------------------------------------------- */

static void cf(void)
{
  struct lwt_resolver r;
  struct cb c = { 0 };
  lwt_t *in = lwt_wait(&r), *p = lwt_finalize(lwt_ref(in), cb_finalize, &c);

  lwt_cancel(p);
  ok(pending(in) && pending(p) && !c.calls, "CF-01 on a wait: nothing");
  lwt_reject(&r, LWT_EIO, "disk");
  lwt_drop(p);
  lwt_drop(in);
  c.calls = 0;
  in = lwt_task(&r);
  p = lwt_finalize(lwt_ref(in), cb_finalize, &c);
  lwt_cancel(p);
  ok(canceled(in) && canceled(p) && c.calls == 1, "CF-02 on a task: c runs, both");
  lwt_abandon(&r);
  lwt_drop(p);
  lwt_drop(in);
  c = (struct cb){ .fail = LWT_EIO };
  in = lwt_task(&r);
  p = lwt_finalize(lwt_ref(in), cb_finalize, &c);
  lwt_cancel(p);
  ok(canceled(in) && failed(p, LWT_EIO), "CF-03 c fails: its error replaces the cancel");
  lwt_abandon(&r);
  lwt_drop(p);
  lwt_drop(in);
}

static void cf_running(void)
{
  struct lwt_resolver r, s;
  lwt_t *clean, *p;
  struct cb c = { 0 };
  int task, settled;

  for (task = 0; task <= 1; task++)
    for (settled = 0; settled <= 1; settled++) {
      clean = task ? lwt_task(&s) : lwt_wait(&s);
      c.then = lwt_ref(clean);
      p = lwt_finalize(settled ? lwt_return(V(1)) : lwt_wait(&r), cb_finalize, &c);
      if (!settled)
        lwt_fulfill(&r, V(1));
      lwt_cancel(p);
      ok(pending(p) && pending(clean), "%s c is running on a %s: nothing",
         task ? "CF-05 (differs)" : "CF-04", task ? "task" : "wait");
      lwt_fulfill(&s, V(2));
      ok(is(p, 1), "%s ... and ends as it would have", task ? "CF-05" : "CF-04");
      lwt_drop(p);
      lwt_drop(clean);
      lwt_drop(c.then);
    }
}

/* ---- Callbacks ------------------------------------------------------------- */

struct any {
  struct cb f, g;
};

static void any_value(void *env, void *v)
{
  cb_value(&((struct any *)env)->f, v);
}

static void any_error(void *env, struct lwt_error e)
{
  cb_error(&((struct any *)env)->g, e);
}

static void cd(void)
{
  struct lwt_resolver r;
  struct cb s = { 0 }, f = { 0 }, t = { 0 };
  struct any a = { .f = { 0 } };
  lwt_t *p = lwt_task(&r);

  lwt_on_success(lwt_ref(p), cb_value, &s);
  lwt_on_failure(lwt_ref(p), cb_error, &f);
  lwt_on_termination(lwt_ref(p), cb_call, &t);
  lwt_on_any(lwt_ref(p), any_value, any_error, &a);
  lwt_cancel(p);
  ok(s.calls == 0, "CD-01 on_success does not run");
  ok(f.calls == 1 && f.code == LWT_ECANCELED, "CD-02 on_failure runs");
  ok(t.calls == 1, "CD-03 on_termination runs");
  ok(!a.f.calls && a.g.calls == 1 && a.g.code == LWT_ECANCELED, "CD-04 on_any: only g");
  lwt_abandon(&r);
  lwt_drop(p);
}

SEM_TESTS(through, T(cb_input), T(through_returned), T(cb_chain), T(cb_on_cancel), T(cm),
          T(cc_ct), T(cc_on_cancel), T(cf), T(cf_running), T(cd))
