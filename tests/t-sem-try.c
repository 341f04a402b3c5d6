/* t-sem-try.c - both outcomes, and finalizers: TRYB FIN.
 * SPDX-License-Identifier: ISC
 *
 * TRYB-13, TRYB-14, FIN-18 and FIN-19 are in t-sem-bind.c.
 */
#include "sem.h"

/* The env of a try_bind is one; g and h count apart. */
struct both {
  struct cb g, h;
};

static lwt_t *both_g(void *env, void *value)
{
  return cb_bind(&((struct both *)env)->g, value);
}

static lwt_t *both_h(void *env, struct lwt_error error)
{
  return cb_catch(&((struct both *)env)->h, error);
}

static void try_settled(void)
{
  struct both b = { .g = { .ret = 2 }, .h = { .ret = 3 } };
  lwt_t *p = lwt_try_bind(lwt_return(V(1)), both_g, both_h, &b);

  ok(b.g.calls == 1 && b.g.value == 1 && !b.h.calls && is(p, 2),
     "TRYB-01 fulfilled: g runs at once");
  lwt_drop(p);
  b = (struct both){ .g = { .fail = LWT_EBADF }, .h = { .ret = 3 } };
  p = lwt_try_bind(lwt_return(V(1)), both_g, both_h, &b);
  ok(!b.h.calls && failed(p, LWT_EBADF), "TRYB-02 fulfilled, g fails: h does not see it");
  lwt_drop(p);
  b = (struct both){ .g = { .ret = 2 }, .h = { .ret = 3 } };
  p = lwt_try_bind(lwt_fail(LWT_EIO, "disk"), both_g, both_h, &b);
  ok(!b.g.calls && b.h.calls == 1 && b.h.code == LWT_EIO && is(p, 3),
     "TRYB-03 rejected: h runs at once");
  lwt_drop(p);
  b = (struct both){ .h = { .fail = LWT_EBADF } };
  p = lwt_try_bind(lwt_fail(LWT_EIO, "disk"), both_g, both_h, &b);
  ok(failed(p, LWT_EBADF), "TRYB-05 rejected, h fails: rejected with h's error");
  lwt_drop(p);
}

static void try_pending(void)
{
  struct lwt_resolver r, s;
  struct both b = { .g = { .ret = 2 }, .h = { .ret = 3 } };
  lwt_t *p = lwt_try_bind(lwt_wait(&r), both_g, both_h, &b);

  ok(!b.g.calls && !b.h.calls && pending(p), "TRYB-06 pending: neither is called");
  lwt_fulfill(&r, V(1));
  ok(b.g.calls == 1 && b.g.value == 1 && !b.h.calls && is(p, 2),
     "TRYB-07 pending then F: g runs during the call");
  lwt_drop(p);
  b = (struct both){ .g = { .fail = LWT_EBADF } };
  p = lwt_try_bind(lwt_wait(&r), both_g, both_h, &b);
  lwt_fulfill(&r, V(1));
  ok(!b.h.calls && failed(p, LWT_EBADF),
     "TRYB-08 pending then F, g fails: not seen by h");
  lwt_drop(p);
  b = (struct both){ .g = { .then = lwt_wait(&s) } };
  p = lwt_try_bind(lwt_wait(&r), both_g, both_h, &b);
  lwt_fulfill(&r, V(1));
  ok(pending(p), "TRYB-09 g's promise is pending: so is the result");
  lwt_reject(&s, LWT_EIO, "later");
  ok(!b.h.calls && failed(p, LWT_EIO),
     "TRYB-09 ... then it follows, and h is not called");
  lwt_drop(p);
  lwt_drop(b.g.then);
  b = (struct both){ .h = { .ret = 3 } };
  p = lwt_try_bind(lwt_wait(&r), both_g, both_h, &b);
  lwt_reject(&r, LWT_EIO, "disk");
  ok(!b.g.calls && b.h.calls == 1 && b.h.code == LWT_EIO && is(p, 3),
     "TRYB-10 pending then R: h runs");
  lwt_drop(p);
  b = (struct both){ .h = { .fail = LWT_EBADF } };
  p = lwt_try_bind(lwt_wait(&r), both_g, both_h, &b);
  lwt_reject(&r, LWT_EIO, "disk");
  ok(b.h.calls == 1 && failed(p, LWT_EBADF),
     "TRYB-11 pending then R, h fails: h's error");
  lwt_drop(p);
  b = (struct both){ .h = { .then = lwt_wait(&s) } };
  p = lwt_try_bind(lwt_wait(&r), both_g, both_h, &b);
  lwt_reject(&r, LWT_EIO, "disk");
  ok(pending(p), "TRYB-12 h's promise is pending: so is the result");
  lwt_fulfill(&s, V(4));
  ok(is(p, 4), "TRYB-12 ... then it follows");
  lwt_drop(p);
  lwt_drop(b.h.then);
}

/* ---- finalize -------------------------------------------------------------- */

/* One row: what happens to the body and to the finalizer's promise.  F, R: at
 * once; f, r: pending at first.  The value of the body is 1, its error
 * LWT_EIO, the error of the finalizer LWT_EBADF. */
static const struct fin {
  const char *id;
  char body, cleanup;
  const char *text;
} fin_rows[] = {
  { "FIN-01", 'F', 'F', "fulfilled: c runs" },
  { "FIN-02 FIN-03", 'F', 'R', "fulfilled, c fails: c's error" },
  { "FIN-04", 'R', 'F', "rejected: c runs" },
  { "FIN-05 FIN-06", 'R', 'R', "rejected, c fails: c's error" },
  { "FIN-07 FIN-08", 'f', 'F', "pending then F: c runs during the call" },
  { "FIN-09 FIN-10", 'f', 'R', "pending then F, c fails: c's error" },
  { "FIN-11", 'f', 'f', "pending then F, c waits: the result waits" },
  { "FIN-12", 'f', 'r', "pending then F, c waits and fails: c's error" },
  { "FIN-13", 'r', 'F', "pending then R: c runs" },
  { "FIN-14 FIN-15", 'r', 'R', "pending then R, c fails: c's error" },
  { "FIN-16", 'r', 'f', "pending then R, c waits: the result waits" },
  { "FIN-17", 'r', 'r', "pending then R, c waits and fails: c's error" },
  { "FIN-11 settled", 'F', 'f', "fulfilled, c waits: the result waits" },
  { "FIN-12 settled", 'F', 'r', "fulfilled, c waits and fails: c's error" },
  { "FIN-16 settled", 'R', 'f', "rejected, c waits: the result waits" },
  { "FIN-17 settled", 'R', 'r', "rejected, c waits and fails: c's error" },
};

static lwt_t *start(char how, int code, struct lwt_resolver *r)
{
  r->lwt_private = NULL;
  if (how == 'F')
    return lwt_return(V(1));
  if (how == 'R')
    return lwt_fail(code, "start");
  return lwt_wait(r);
}

static void end(char how, int code, struct lwt_resolver *r)
{
  if (how == 'f')
    lwt_fulfill(r, V(1));
  else if (how == 'r')
    lwt_reject(r, code, "end");
}

static void fin_row(const struct fin *row)
{
  struct lwt_resolver body, cleanup;
  struct cb c = { .then = start(row->cleanup, LWT_EBADF, &cleanup) };
  lwt_t *p = lwt_finalize(start(row->body, LWT_EIO, &body), cb_finalize, &c);
  int good = 1;

  if (row->body > 'Z')
    good = pending(p) && !c.calls;
  end(row->body, LWT_EIO, &body);
  good = good && c.calls == 1;
  if (row->cleanup > 'Z')
    good = good && pending(p);
  end(row->cleanup, LWT_EBADF, &cleanup);
  if (row->cleanup == 'R' || row->cleanup == 'r')
    good = good && failed(p, LWT_EBADF);
  else if (row->body == 'R' || row->body == 'r')
    good = good && failed(p, LWT_EIO);
  else
    good = good && is(p, 1);
  ok(good && c.calls == 1, "%s %s", row->id, row->text);
  lwt_drop(p);
  lwt_drop(c.then);
}

static void fin(void)
{
  size_t i;

  for (i = 0; i < sizeof fin_rows / sizeof *fin_rows; i++)
    fin_row(&fin_rows[i]);
  ok(1, "FIN-20 c ran exactly once in each of them");
}

static lwt_t *no_promise(void *env)
{
  ++*(int *)env;
  return NULL;
}

static void fin_null(void)
{
  struct lwt_resolver r;
  int n = 0;
  lwt_t *p = lwt_finalize(lwt_return(V(1)), no_promise, &n);

  ok(n == 1 && is(p, 1), "FIN-01 (C only) NULL: nothing to wait for");
  lwt_drop(p);
  p = lwt_finalize(lwt_wait(&r), no_promise, &n);
  lwt_reject(&r, LWT_EIO, "disk");
  ok(n == 2 && failed(p, LWT_EIO), "FIN-13 (C only) NULL: nothing to wait for");
  lwt_drop(p);
}

/* The error that c's error replaces is not lost. */
static void fin_seen(void)
{
  struct lwt_resolver r;
  struct cb c = { .fail = LWT_EBADF };
  lwt_t *p;

  lost();
  lwt_drop(lwt_finalize(lwt_fail(LWT_EIO, "disk"), cb_finalize, &c));
  ok(lost() == 1 && sem_lost.code == LWT_EBADF, "FIN-05 one error is left");
  p = lwt_finalize(lwt_wait(&r), cb_finalize, &c);
  lwt_reject(&r, LWT_EIO, "disk");
  lwt_drop(p);
  ok(lost() == 1 && sem_lost.code == LWT_EBADF, "FIN-14 one error is left");
}

static void fin_once(void)
{
  struct lwt_resolver r;
  struct cb c = { 0 };
  lwt_t *p = lwt_finalize(lwt_task(&r), cb_finalize, &c);

  lwt_cancel(p);
  ok(c.calls == 1 && canceled(p), "FIN-20 cancelled: once");
  lwt_abandon(&r);
  lwt_drop(p);
  ok(c.calls == 1, "FIN-20 ... still once when everything is over");
  c.calls = 0;
  lwt_drop(lwt_finalize(lwt_wait(&r), cb_finalize, &c));
  ok(c.calls == 1, "FIN-20 dropped: once");
  lwt_fulfill(&r, V(1));
  ok(c.calls == 1, "FIN-20 ... still once when everything is over");
}

/* Two finalizers, the inner one first; a value passes both. */
static void fin_nested(void)
{
  struct lwt_resolver r;
  struct cb a = { .name = "inner" }, b = { .name = "outer" };
  lwt_t *p = lwt_finalize(lwt_finalize(lwt_wait(&r), cb_finalize, &a), cb_finalize, &b);

  lwt_fulfill(&r, V(8));
  ok(noted("inner outer") && is(p, 8), "FIN-08 nested: from the inside out");
  lwt_drop(p);
}

SEM_TESTS(try, T(try_settled), T(try_pending), T(fin), T(fin_null), T(fin_seen),
          T(fin_once),
          T(fin_nested))
