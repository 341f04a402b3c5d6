/* t-sem-on.c - callbacks without a result, and letting go: ONS ONF ONT ONA ASY.
 * SPDX-License-Identifier: ISC
 */
#include "sem.h"

static lwt_t *value(void)
{
  return lwt_return(V(1));
}

static lwt_t *error(void)
{
  return lwt_fail(LWT_EIO, "disk");
}

static void ons(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 };
  int c = lwt_on_success(value(), cb_value, &f);

  ok(c == 0 && f.calls == 1 && f.value == 1, "ONS-01 fulfilled: f is called at once");
  f.calls = 0;
  c = lwt_on_success(error(), cb_value, &f);
  ok(c == 0 && f.calls == 0, "ONS-03 rejected: f is not called");
  lwt_on_success(lwt_wait(&r), cb_value, &f);
  ok(f.calls == 0, "ONS-04 pending: f is not called");
  lwt_fulfill(&r, V(2));
  ok(f.calls == 1 && f.value == 2, "ONS-05 pending then F: f is called during the call");
  f.calls = 0;
  lwt_on_success(lwt_wait(&r), cb_value, &f);
  lwt_reject(&r, LWT_EIO, "disk");
  ok(f.calls == 0, "ONS-07 pending then R: f is not called");
}

static void onf(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 };

  lwt_on_failure(value(), cb_error, &f);
  ok(f.calls == 0, "ONF-01 fulfilled: f is not called");
  lwt_on_failure(error(), cb_error, &f);
  ok(f.calls == 1 && f.code == LWT_EIO, "ONF-02 rejected: f is called at once");
  f.calls = 0;
  lwt_on_failure(lwt_wait(&r), cb_error, &f);
  ok(f.calls == 0, "ONF-04 pending: f is not called");
  lwt_fulfill(&r, V(1));
  ok(f.calls == 0, "ONF-05 pending then F: f is not called");
  lwt_on_failure(lwt_wait(&r), cb_error, &f);
  lwt_reject(&r, LWT_EBADF, "disk");
  ok(f.calls == 1 && f.code == LWT_EBADF, "ONF-06 pending then R: f is called");
}

static void ont(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 };

  lwt_on_termination(value(), cb_call, &f);
  ok(f.calls == 1, "ONT-01 fulfilled: called at once");
  lwt_on_termination(error(), cb_call, &f);
  ok(f.calls == 2, "ONT-03 rejected: called at once");
  lwt_on_termination(lwt_wait(&r), cb_call, &f);
  ok(f.calls == 2, "ONT-05 pending: not called");
  lwt_fulfill(&r, V(1));
  ok(f.calls == 3, "ONT-06 pending then F: called");
  lwt_on_termination(lwt_wait(&r), cb_call, &f);
  lwt_reject(&r, LWT_EIO, "disk");
  ok(f.calls == 4, "ONT-08 pending then R: called");
}

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

static void ona(void)
{
  struct lwt_resolver r;
  struct any a = { 0 };

  lwt_on_any(value(), any_value, any_error, &a);
  ok(a.f.calls == 1 && a.f.value == 1 && !a.g.calls, "ONA-01 fulfilled: only f");
  a = (struct any){ 0 };
  lwt_on_any(error(), any_value, any_error, &a);
  ok(!a.f.calls && a.g.calls == 1 && a.g.code == LWT_EIO, "ONA-03 rejected: only g");
  a = (struct any){ 0 };
  lwt_on_any(lwt_wait(&r), any_value, any_error, &a);
  ok(!a.f.calls && !a.g.calls, "ONA-05 pending: none");
  lwt_fulfill(&r, V(2));
  ok(a.f.calls == 1 && a.f.value == 2 && !a.g.calls, "ONA-06 pending then F: only f");
  a = (struct any){ 0 };
  lwt_on_any(lwt_wait(&r), any_value, any_error, &a);
  lwt_reject(&r, LWT_EIO, "disk");
  ok(!a.f.calls && a.g.calls == 1 && a.g.code == LWT_EIO,
     "ONA-08 pending then R: only g");
}

/* Callbacks of one promise do not know of each other, whatever they do. */
static void ona_all_run(void)
{
  struct lwt_resolver r;
  struct cb f = { .act = act_cancel }, g = { 0 }, h = { 0 };
  lwt_t *p = lwt_wait(&r);

  f.arg = p;
  lwt_on_success(lwt_ref(p), cb_value, &f);
  lwt_on_termination(lwt_ref(p), cb_call, &g);
  lwt_on_success(lwt_ref(p), cb_value, &h);
  lwt_fulfill(&r, V(1));
  ok(f.calls == 1 && g.calls == 1 && h.calls == 1,
     "ONA-10 all callbacks of a promise run");
  lwt_drop(p);
}

/* ---- lwt_async ------------------------------------------------------------- */

static lwt_t *run_prefix(struct cb *f, struct lwt_resolver *r)
{
  f->calls++;
  return lwt_wait(r);
}

static void asy(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 };

  lost();
  lwt_async(lwt_bind(value(), cb_bind, &f));
  ok(f.calls == 1 && lost() == 0, "ASY-01 f has run when async returns");
  lwt_async(error());
  ok(lost() == 1 && sem_lost.code == LWT_EIO, "ASY-02 ASY-03 rejected: reported");
  ok(sem_lost.where && strstr(sem_lost.where, "t-sem-on.c:"),
     "ASY-03 ... with the line that made the rejection");
  f.calls = 0;
  lwt_async(run_prefix(&f, &r));
  ok(f.calls == 1, "ASY-07 what f does before it waits is done at once");
  lwt_fulfill(&r, V(1));
  ok(lost() == 0, "ASY-04 pending then F: nothing more happens");
  lwt_async(lwt_map(lwt_wait(&r), cb_map, &f));
  ok(lost() == 0, "ASY-05 pending: nothing is reported");
  lwt_reject(&r, LWT_EBADF, "disk");
  ok(lost() == 1 && sem_lost.code == LWT_EBADF && same(sem_lost.what, "disk"),
     "ASY-05 pending then R: reported during the call");
  ok(lwt_live() == 0, "ASY-05 ... and gone");
  lwt_async(lwt_task(&r));
  lwt_abandon(&r);
  ok(lost() == 1 && sem_lost.code == LWT_EPIPE,
     "ASY-05 given up by its producer: reported");
  lwt_async(lwt_wait(&r));
  lwt_reject(&r, LWT_ECANCELED, "by hand");
  ok(lost() == 0, "ASY-05 LWT_ECANCELED is not reported");
}

/* Shared with somebody else, who looks at it: not lost. */
static void asy_shared(void)
{
  struct lwt_resolver r;
  struct cb h = { 0 };
  lwt_t *p = lwt_wait(&r), *q;

  lost();
  q = lwt_catch(lwt_ref(p), cb_catch, &h);
  lwt_async(p);
  lwt_fulfill(&r, V(4));
  ok(is(q, 4) && lost() == 0, "ASY-04 a second handle gets the value");
  lwt_drop(q);
}

SEM_TESTS(on, T(ons), T(onf), T(ont), T(ona), T(ona_all_run), T(asy), T(asy_shared))
