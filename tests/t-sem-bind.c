/* t-sem-bind.c - chaining on values and errors: BIND MAP CATCH.
 * SPDX-License-Identifier: ISC
 */
#include "sem.h"

/* Makes a promise of its own of a small value. */
static void no_drop(void *value)
{
  (void)value;
}

static void bind_settled(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 };
  lwt_t *q = lwt_wait(&r), *p;

  f.then = lwt_ref(q);
  p = lwt_bind(lwt_return(V(1)), cb_bind, &f);
  ok(f.calls == 1 && f.value == 1, "BIND-01 fulfilled: f has run when bind returns");
  ok(p == q, "BIND-01 ... and the result is the promise that f returned");
  lwt_fulfill(&r, V(2));
  lwt_drop(p);
  lwt_drop(q);
  lwt_drop(f.then);

  f = (struct cb){ .ret = 4 };
  p = lwt_bind(lwt_return_owned(V(3), no_drop), cb_bind, &f);
  ok(f.calls == 1 && f.value == 3 && is(p, 4), "BIND-01 ... the same if v has an owner");
  lwt_drop(p);
  f = (struct cb){ .fail = LWT_EIO };
  p = lwt_bind(lwt_return(V(1)), cb_bind, &f);
  ok(failed(p, LWT_EIO), "BIND-02 f fails: the result is rejected");
  lwt_drop(p);

  f = (struct cb){ 0 };
  p = lwt_bind(lwt_fail(LWT_EIO, "disk"), cb_bind, &f);
  ok(!f.calls && failed(p, LWT_EIO), "BIND-03 rejected: f is not called");
  lwt_drop(p);
}

static void bind_pending(void)
{
  struct lwt_resolver r;
  struct cb f = { .ret = 2 };
  lwt_t *p = lwt_bind(lwt_wait(&r), cb_bind, &f);

  ok(!f.calls && pending(p), "BIND-04 pending: f is not called, the result is pending");
  lwt_fulfill(&r, V(1));
  ok(f.calls == 1 && f.value == 1,
     "BIND-05 pending then F: f runs once, during the call");
  ok(is(p, 2), "BIND-05 ... and the result is as f's promise");
  lwt_drop(p);

  f = (struct cb){ .fail = LWT_EBADF };
  p = lwt_bind(lwt_wait(&r), cb_bind, &f);
  lwt_fulfill(&r, V(1));
  ok(f.calls == 1 && failed(p, LWT_EBADF), "BIND-06 pending then F, f fails: rejected");
  lwt_drop(p);

  f = (struct cb){ 0 };
  p = lwt_bind(lwt_wait(&r), cb_bind, &f);
  lwt_reject(&r, LWT_EIO, "disk");
  ok(!f.calls && failed(p, LWT_EIO), "BIND-07 pending then R: f is never called");
  is_str(lwt_error(p).what, "disk", "BIND-07 ... and the error is passed as it is");
  lwt_drop(p);
}

static void bind_chain(void)
{
  struct lwt_resolver r;
  struct cb f = { .ret = 2 }, g = { .ret = 3 }, f2 = { 0 };
  lwt_t *p1, *p2, *p3, *p4;

  p3 = lwt_bind(lwt_bind(lwt_wait(&r), cb_bind, &f), cb_bind, &g);
  lwt_fulfill(&r, V(1));
  ok(f.value == 1 && g.value == 2 && is(p3, 3), "BIND-08 a chain settles in one call");
  lwt_drop(p3);

  p1 = lwt_wait(&r);
  p2 = lwt_return_owned(V(5), NULL);
  f = (struct cb){ .then = p2 };
  p3 = lwt_bind(lwt_ref(p1), cb_bind, &f);
  f2 = (struct cb){ .then = lwt_ref(p3) };
  p4 = lwt_bind(lwt_ref(p1), cb_bind, &f2);
  lwt_fulfill(&r, V(1));
  ok(is(p3, 5) && is(p4, 5), "BIND-09 a suspended chain settles in any order");
  lwt_drop(p1);
  lwt_drop(p3);
  lwt_drop(p4);
  lwt_drop(f.then);
  lwt_drop(f2.then);
}

static void bind_fan_out(void)
{
  struct lwt_resolver r;
  struct cb f[3] = { { .ret = 10 }, { .fail = LWT_EIO }, { .ret = 12 } };
  lwt_t *p = lwt_wait(&r), *q[3];
  int i, n = 0;

  for (i = 0; i < 3; i++)
    q[i] = lwt_bind(lwt_ref(p), cb_bind, &f[i]);
  lwt_fulfill(&r, V(1));
  for (i = 0; i < 3; i++)
    n += f[i].calls == 1 && f[i].value == 1;
  ok(n == 3, "BIND-10 three binds on one promise each run once with its value");
  ok(is(q[0], 10) && failed(q[1], LWT_EIO) && is(q[2], 12), "BIND-10 ... independently");
  for (i = 0; i < 3; i++)
    lwt_drop(q[i]);
  lwt_drop(p);
}

static void bind_follow(void)
{
  struct lwt_resolver r, s;
  struct cb f = { .then = lwt_wait(&s) };
  lwt_t *p = lwt_bind(lwt_wait(&r), cb_bind, &f), *q;

  lwt_fulfill(&r, V(1));
  ok(f.calls == 1 && pending(p), "BIND-11 f's promise is pending: so is the result");
  lwt_fulfill(&s, V(2));
  ok(is(p, 2), "BIND-11 ... then it follows");
  lwt_drop(p);
  lwt_drop(f.then);

  q = lwt_wait(&r);
  f = (struct cb){ .then = lwt_ref(q) };
  p = lwt_bind(lwt_ref(q), cb_bind, &f);
  lwt_fulfill(&r, V(4));
  ok(is(p, 4), "BIND-12 f returns the input itself");
  lwt_drop(p);
  lwt_drop(q);
  lwt_drop(f.then);
}

/* bind p1 (x -> bind p2 (y -> x + y)) */
struct sum {
  lwt_t *p2;
  intptr_t x;
};

static lwt_t *add(void *env, void *value)
{
  return lwt_return(V(((struct sum *)env)->x + (intptr_t)value));
}

static lwt_t *bind_inner(void *env, void *value)
{
  struct sum *s = env;
  lwt_t *p2 = s->p2;

  s->p2 = NULL;
  s->x = (intptr_t)value;
  return lwt_bind(p2, add, s);
}

static void bind_nested(void)
{
  struct lwt_resolver r1, r2;
  struct sum s = { .p2 = lwt_wait(&r2) };
  lwt_t *p = lwt_bind(lwt_wait(&r1), bind_inner, &s);

  lwt_fulfill(&r1, V(1));
  ok(pending(p), "BIND-13 nested binds: pending until the second");
  lwt_fulfill(&r2, V(10));
  ok(is(p, 11), "BIND-13 ... combine their values");
  lwt_drop(p);
  lwt_drop(s.p2);
}

static void bind_proxies(void)
{
  struct lwt_resolver r1, r2, r3;
  lwt_t *p3 = lwt_wait(&r3), *p4, *p5;
  struct cb f = { .then = lwt_ref(p3) }, g = { 0 };

  p4 = lwt_bind(lwt_wait(&r1), cb_bind, &f);
  g.then = lwt_ref(p4);
  p5 = lwt_bind(lwt_wait(&r2), cb_bind, &g);
  lwt_fulfill(&r1, V(1));
  lwt_fulfill(&r2, V(2));
  lwt_fulfill(&r3, V(3));
  ok(is(p3, 3) && is(p4, 3) && is(p5, 3),
     "BIND-14 a chain of promises that became others");
  lwt_drop(p3);
  lwt_drop(p4);
  lwt_drop(p5);
  lwt_drop(f.then);
  lwt_drop(g.then);
}

static void bind_cycle(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 };
  lwt_t *p = lwt_bind(lwt_wait(&r), cb_bind, &f);
  f.then = lwt_ref(p);
  lwt_fulfill(&r, V(1));
  ok(pending(p) || failed(p, LWT_ENOMEM), "BIND-15 a promise that waits for itself is "
     "pending for good");
  lwt_cancel(p);
  lwt_drop(f.then);
  lwt_drop(p);
  ok(lwt_live() == 0, "BIND-15 ... and can be dropped");

}

/* p waits for q, q for a choose of p and way_out. */
static void bind_ring(void)
{
  struct lwt_resolver r, s, t;
  struct cb f = { 0 }, g = { 0 };
  lwt_t *p, *q;

  p = lwt_bind(lwt_wait(&r), cb_bind, &f);
  q = lwt_bind(lwt_wait(&s), cb_bind, &g);
  f.then = lwt_ref(q);
  g.then = lwt_choose(LWT_PS(lwt_ref(p), lwt_wait(&t)));
  lwt_fulfill(&r, V(1));
  lwt_fulfill(&s, V(1));
  lwt_cancel(p);
  ok(pending(p) && pending(q), "BIND-15 cancel ends where promises wait in a ring");
  lwt_fulfill(&t, V(3));
  ok(is(p, 3) && is(q, 3), "BIND-15 ... which settles by its way out");
  lwt_drop(p);
  lwt_drop(q);
  lwt_drop(f.then);
  lwt_drop(g.then);
}

/* While f runs, settle what makes the outer promise the target of another. */
enum chain { BIND, MAP, CATCH, TRY_OK, TRY_FAIL, FINALIZE_OK, FINALIZE_FAIL };

static lwt_t *attach(enum chain how, lwt_t *p, struct cb *f)
{
  switch (how) {
  case BIND:
    return lwt_bind(p, cb_bind, f);
  case MAP:
    return lwt_map(p, cb_map, f);
  case CATCH:
    return lwt_catch(p, cb_catch, f);
  case TRY_OK:
  case TRY_FAIL:
    return lwt_try_bind(p, cb_bind, cb_catch, f);
  default:
    return lwt_finalize(p, cb_finalize, f);
  }
}

static void during(enum chain how, const char *id)
{
  int fail = how == CATCH || how == TRY_FAIL || how == FINALIZE_FAIL;
  struct lwt_resolver r1, r2 = { NULL };
  struct cb f = { .act = act_fulfill, .arg = &r2, .ret = 5 }, g = { 0 };
  lwt_t *p3 = attach(how, lwt_wait(&r1), &f), *p4;
  int done;

  g.then = lwt_ref(p3);
  p4 = lwt_bind(lwt_wait(&r2), cb_bind, &g);
  if (fail)
    lwt_reject(&r1, LWT_EIO, "disk");
  else
    lwt_fulfill(&r1, V(5));
  done = how == FINALIZE_FAIL ? failed(p3, LWT_EIO) && failed(p4, LWT_EIO)
                              : is(p3, 5) && is(p4, 5);
  ok(done, "%s another promise becomes the result while the callback runs", id);
  lwt_drop(p3);
  lwt_drop(p4);
  lwt_drop(g.then);
  lwt_abandon(&r2);
}

static void bind_during(void)
{
  during(BIND, "BIND-16");
  during(MAP, "BIND-18 MAP-08");
  during(CATCH, "BIND-18 CATCH-11");
  during(TRY_OK, "BIND-18 TRYB-13");
  during(TRY_FAIL, "BIND-18 TRYB-14");
  during(FINALIZE_OK, "BIND-18 FIN-18");
  during(FINALIZE_FAIL, "BIND-18 FIN-19");
}

static void bind_parent(void)
{
  struct lwt_resolver r, s;
  struct cb f = { .then = lwt_task(&s) };
  lwt_t *in = lwt_task(&r), *p = lwt_bind(lwt_ref(in), cb_bind, &f);

  lwt_cancel(p);
  ok(canceled(in) && canceled(p), "BIND-17 cancel goes to the input before f has run");
  lwt_abandon(&r);
  lwt_drop(p);
  lwt_drop(in);
  p = lwt_bind(lwt_wait(&r), cb_bind, &f);
  lwt_fulfill(&r, V(1));
  lwt_cancel(p);
  ok(canceled(p) && lwt_unwanted(&s), "BIND-17 ... and to f's promise afterwards");
  lwt_abandon(&s);
  lwt_drop(p);
  lwt_drop(f.then);
}

/* ---- map ------------------------------------------------------------------- */

static void map(void)
{
  struct lwt_resolver r;
  struct cb f = { .ret = 2 };
  lwt_t *p = lwt_map(lwt_return(V(1)), cb_map, &f);

  ok(f.calls == 1 && f.value == 1 && is(p, 2),
     "MAP-01 fulfilled: f has run when map returns");
  lwt_drop(p);
  p = lwt_map(lwt_return_owned(V(3), no_drop), cb_map, &f);
  ok(f.calls == 2 && f.value == 3 && is(p, 2), "MAP-01 ... the same if v has an owner");
  lwt_drop(p);
  f = (struct cb){ .ret = 2 };
  p = lwt_map(lwt_fail(LWT_EIO, "disk"), cb_map, &f);
  ok(!f.calls && failed(p, LWT_EIO), "MAP-03 rejected: f is not called");
  lwt_drop(p);
  p = lwt_map(lwt_wait(&r), cb_map, &f);
  ok(!f.calls && pending(p), "MAP-04 pending: f is not called, the result is pending");
  lwt_fulfill(&r, V(1));
  ok(f.calls == 1 && f.value == 1 && is(p, 2), "MAP-05 pending then F: f v");
  lwt_drop(p);
  f = (struct cb){ .ret = 2 };
  p = lwt_map(lwt_wait(&r), cb_map, &f);
  lwt_reject(&r, LWT_EIO, "disk");
  ok(!f.calls && failed(p, LWT_EIO), "MAP-07 pending then R: f is not called");
  lwt_drop(p);
}

/* ---- catch ----------------------------------------------------------------- */

static void catch_settled(void)
{
  struct cb h = { .ret = 2 };
  lwt_t *in = lwt_return_owned(V(1), NULL), *p = lwt_catch(in, cb_catch, &h);

  ok(!h.calls && is(p, 1), "CATCH-01 fulfilled: h is not called");
  ok(p == in, "CATCH-01 ... and the promise is the same");
  lwt_drop(p);
  p = lwt_catch(lwt_fail(LWT_EIO, "disk"), cb_catch, &h);
  ok(h.calls == 1 && h.code == LWT_EIO && is(p, 2), "CATCH-03 rejected: h runs at once");
  lwt_drop(p);
  h = (struct cb){ .fail = LWT_EBADF };
  p = lwt_catch(lwt_fail(LWT_EIO, "disk"), cb_catch, &h);
  ok(failed(p, LWT_EBADF), "CATCH-05 rejected, h fails: rejected with h's error");
  lwt_drop(p);
}

static void catch_pending(void)
{
  struct lwt_resolver r, s;
  struct cb h = { .ret = 2 };
  lwt_t *p = lwt_catch(lwt_wait(&r), cb_catch, &h);

  ok(!h.calls && pending(p), "CATCH-06 pending: h is not called, the result is pending");
  lwt_fulfill(&r, V(1));
  ok(!h.calls && is(p, 1), "CATCH-07 pending then F: h is not called");
  lwt_drop(p);
  p = lwt_catch(lwt_wait(&r), cb_catch, &h);
  lwt_reject(&r, LWT_EIO, "disk");
  ok(h.calls == 1 && h.code == LWT_EIO && is(p, 2), "CATCH-08 pending then R: h runs");
  lwt_drop(p);
  h = (struct cb){ .fail = LWT_EBADF };
  p = lwt_catch(lwt_wait(&r), cb_catch, &h);
  lwt_reject(&r, LWT_EIO, "disk");
  ok(h.calls == 1 && failed(p, LWT_EBADF), "CATCH-09 pending then R, h fails: h's error");
  lwt_drop(p);
  h = (struct cb){ .then = lwt_wait(&s) };
  p = lwt_catch(lwt_wait(&r), cb_catch, &h);
  lwt_reject(&r, LWT_EIO, "disk");
  ok(h.calls == 1 && pending(p), "CATCH-10 h's promise is pending: so is the result");
  lwt_fulfill(&s, V(3));
  ok(is(p, 3), "CATCH-10 ... then it follows");
  lwt_drop(p);
  lwt_drop(h.then);
}

SEM_TESTS(bind, T(bind_settled), T(bind_pending), T(bind_chain), T(bind_fan_out),
          T(bind_follow), T(bind_nested), T(bind_proxies), T(bind_cycle), T(bind_ring),
          T(bind_during), T(bind_parent), T(map), T(catch_settled), T(catch_pending))
