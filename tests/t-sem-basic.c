/* t-sem-basic.c - settled promises, resolvers, states: RET INIT DBL STA WAK RAC.
 * SPDX-License-Identifier: ISC
 *
 * The identifiers are those of doc/semantics.md.
 */
#include "sem.h"

static void ret(void)
{
  static const intptr_t words[] = { 0, 1, -1, INTPTR_MAX, INTPTR_MIN,
                                    INTPTR_MAX / 2 + 1 };
  struct lwt_error e = { LWT_EIO, "disk" };
  lwt_t *p;
  size_t i, n;

  p = lwt_return(V(42));
  ok(is(p, 42), "RET-01 return v is fulfilled with v");
  lwt_drop(p);
  for (i = n = 0; i < sizeof words / sizeof *words; i++) {
    p = lwt_return(V(words[i]));
    n += is(p, words[i]);
    lwt_drop(p);
  }
  ok(n == i, "RET-01 ... whatever bits v has");

  p = lwt_fail(LWT_EIO, "disk");
  ok(failed(p, LWT_EIO), "RET-02 fail e is rejected with e");
  is_str(lwt_error(p).what, "disk", "RET-02 ... and says what failed");
  lwt_drop(p);
  p = lwt_fail(3, "three");
  ok(failed(p, LWT_EINVAL), "RET-02 a code that is not negative becomes LWT_EINVAL");
  lwt_drop(p);

  e.code = 0;
  p = e.code ? lwt_fail_error(e) : lwt_return(V(1));
  ok(is(p, 1), "RET-03 of_result, written out, of a value");
  lwt_drop(p);
  e.code = LWT_EIO;
  p = lwt_fail_error(e);
  ok(failed(p, LWT_EIO), "RET-04 of_result of an error: lwt_fail_error()");
  is_str(lwt_error(p).what, "disk", "RET-04 ... keeps what failed");
  lwt_drop(p);
}

static void ret_constants(void)
{
  struct lwt_error e = { LWT_EIO, "disk" };
  lwt_t *p, *q;

  p = lwt_return(NULL);
  q = lwt_return(NULL);
  ok(is(p, 0) && is(q, 0), "RET-05 return_unit is lwt_return(NULL)");
  ok(lwt_live() == 0, "RET-05 ... and allocates nothing");
  lwt_drop(p);
  lwt_drop(q);
  p = lwt_return(V(1));
  ok(is(p, 1) && lwt_live() == 0, "RET-06 return_true, without memory");
  lwt_drop(p);
  p = lwt_return(V(0));
  ok(is(p, 0) && lwt_live() == 0, "RET-07 return_false, without memory");
  lwt_drop(p);
  p = lwt_return(NULL);
  ok(lwt_state(p) == LWT_FULFILLED && !lwt_value(p), "RET-08 return_none has no value");
  lwt_drop(p);
  p = lwt_return(&e);
  ok(lwt_value(p) == &e, "RET-09 return_some v is fulfilled with the address of v");
  lwt_drop(p);
  p = lwt_return(&e);
  ok(lwt_state(p) == LWT_FULFILLED, "RET-10 a result as a value is a value");
  ok(lwt_state(p) == LWT_FULFILLED, "RET-11 ... also if it holds an error");
  lwt_drop(p);
  p = lwt_fail(LWT_EIO, "some message");
  is_str(lwt_error(p).what, "some message", "RET-12 fail_with: the message is kept");
  lwt_drop(p);
  p = lwt_fail(LWT_EINVAL, "argument");
  ok(failed(p, LWT_EINVAL), "RET-13 fail_invalid_arg is LWT_EINVAL");
  lwt_drop(p);
}

static void ret_final(void)
{
  lwt_t *p = lwt_return(V(1)), *q = lwt_fail(LWT_EIO, "disk");

  lwt_cancel(p);
  lwt_cancel(q);
  ok(is(p, 1) && failed(q, LWT_EIO), "RET-14 a settled promise does not change again");
  lwt_drop(p);
  lwt_drop(q);

  lost();
  lwt_drop(lwt_fail(LWT_EIO, "nobody looks"));
  ok(lost() == 1 && sem_lost.code == LWT_EIO,
     "RET-15 (differs) a rejection that nobody looked at is reported");
  lwt_drop(lwt_fail(LWT_ECANCELED, "nobody looks"));
  ok(lost() == 0, "RET-15 ... unless it is LWT_ECANCELED");
  q = lwt_fail(LWT_EIO, "somebody looks");
  (void)lwt_error(q);
  lwt_drop(q);
  ok(lost() == 0, "RET-15 ... or seen");
}

/* ---- lwt_wait, lwt_task ---------------------------------------------------- */

static lwt_t *make(int task, struct lwt_resolver *r)
{
  return task ? lwt_task(r) : lwt_wait(r);
}

static void init(void)
{
  struct lwt_resolver r;
  lwt_t *p;
  int task, c;

  for (task = 0; task <= 1; task++) {
    p = make(task, &r);
    ok(pending(p), "INIT-0%d %s: pending", 1 + task, task ? "task" : "wait");
    c = lwt_fulfill(&r, V(3));
    ok(c == 0 && is(p, 3), "INIT-0%d fulfilled when lwt_fulfill() returns", 3 + task);
    lwt_drop(p);
    p = make(task, &r);
    c = lwt_reject(&r, LWT_EIO, "disk");
    ok(c == 0 && failed(p, LWT_EIO), "INIT-0%d rejected when lwt_reject() returns",
       5 + task);
    lwt_drop(p);
    p = make(task, &r);
    c = lwt_fulfill_owned(&r, V(4), NULL);
    ok(c == 0 && is(p, 4), "INIT-0%d fulfilled with a value and its drop function",
       7 + task);
    lwt_drop(p);
    p = make(task, &r);
    lwt_abandon(&r);
    ok(failed(p, LWT_EPIPE), "INIT-0%d given up: LWT_EPIPE", 1 + task);
    is_str(lwt_error(p).what, "abandoned", "INIT-0%d ... \"abandoned\"", 1 + task);
    lwt_abandon(&r);
    lwt_drop(p);
  }
}

static void init_cancel(void)
{
  struct lwt_resolver r, s;
  lwt_t *p = lwt_wait(&r), *q = lwt_task(&s);

  lwt_cancel(p);
  lwt_cancel(q);
  ok(pending(p), "INIT-09 cancel does not reach wait");
  ok(canceled(q), "INIT-09 ... but task");
  ok(!lwt_unwanted(&r), "INIT-09 the producer of the first is still wanted");
  ok(lwt_unwanted(&s), "INIT-09 ... that of the second is not");
  lwt_fulfill(&r, V(1));
  ok(lwt_unwanted(&r), "INIT-09 an empty resolver is not wanted");
  lwt_fulfill(&s, V(1));
  lwt_drop(p);
  lwt_drop(q);
}

static int drops;
static void count_drop(void *value)
{
  (void)value;
  drops++;
}

/* Settle twice: first with a value (or an error), then in each way. */
static void dbl_pair(int task, int reject, const char *id)
{
  struct lwt_resolver r;
  lwt_t *p = make(task, &r);
  int c1, c2, c3, c4;

  c1 = reject ? lwt_reject(&r, LWT_EIO, "first") : lwt_fulfill(&r, V(1));
  c2 = lwt_fulfill(&r, V(2));
  c3 = lwt_reject(&r, LWT_EBADF, "third");
  drops = 0;
  c4 = lwt_fulfill_owned(&r, V(4), count_drop);
  ok(c1 == 0, "%s the first time succeeds", id);
  ok(c2 == LWT_EALREADY && c3 == LWT_EALREADY && c4 == LWT_EALREADY,
     "%s then LWT_EALREADY", id);
  ok(drops == 0, "%s ... and the value is not taken", id);
  ok(reject ? failed(p, LWT_EIO) : is(p, 1), "%s ... and the state does not change", id);
  lwt_drop(p);
}

static void dbl(void)
{
  dbl_pair(0, 0, "DBL-01 DBL-07 DBL-09 DBL-11 wait, fulfilled, again:");
  dbl_pair(1, 0, "DBL-02 DBL-08 DBL-10 DBL-12 task, fulfilled, again:");
  dbl_pair(0, 1, "DBL-03 DBL-05 wait, rejected, again:");
  dbl_pair(1, 1, "DBL-04 DBL-06 task, rejected, again:");
}

static void dbl_canceled(void)
{
  struct lwt_resolver r;
  lwt_t *p = lwt_task(&r);
  int c;

  lwt_cancel(p);
  c = lwt_fulfill(&r, V(1));
  ok(c == 0 && canceled(p), "DBL-13 after a cancel, settling is ignored");
  c = lwt_fulfill(&r, V(1));
  ok(c == LWT_EALREADY, "DBL-13 (C only) ... once: the resolver is then empty");
  lwt_drop(p);

  p = lwt_wait(&r);
  lwt_reject(&r, LWT_ECANCELED, "by hand");
  c = lwt_fulfill(&r, V(1));
  ok(c == LWT_EALREADY && canceled(p),
     "DBL-14 (differs) rejected by hand with LWT_ECANCELED: the resolver is empty");
  lwt_drop(p);

  p = lwt_task(&r);
  lwt_cancel(p);
  c = lwt_reject(&r, LWT_EIO, "late");
  ok(c == 0 && canceled(p), "DBL-15 lwt_reject() after a cancel is ignored");
  lwt_drop(p);
}

static void dbl_forwarded(void)
{
  struct lwt_resolver r, s;
  struct cb f = { .then = lwt_wait(&s) };
  lwt_t *p = lwt_bind(lwt_wait(&r), cb_bind, &f);
  int c;

  lwt_fulfill(&r, V(1));
  lwt_fulfill(&s, V(2));
  c = lwt_fulfill(&s, V(3));
  ok(c == LWT_EALREADY && is(p, 2), "DBL-16 a promise that another became: LWT_EALREADY");
  lwt_drop(p);
  lwt_drop(f.then);
}

static void rac(void)
{
  struct lwt_resolver r, s;
  struct cb f = { .act = act_fulfill, .arg = &s };
  lwt_t *p = lwt_task(&r);
  lwt_t *q = lwt_task(&s);
  int c;

  lwt_cancel(p);
  c = lwt_fulfill(&r, V(1));
  ok(c == 0 && canceled(p), "RAC-01 a value that comes after the cancel is ignored");
  lwt_drop(p);

  lwt_cancel(q);
  p = lwt_map(lwt_wait(&r), cb_map, &f);
  lwt_fulfill(&r, V(1));
  ok(canceled(q), "RAC-02 ... also from inside a callback");
  lwt_abandon(&s);
  lwt_drop(p);
  lwt_drop(q);

  drops = 0;
  p = lwt_task(&r);
  lwt_cancel(p);
  lwt_fulfill_owned(&r, V(1), count_drop);
  ok(drops == 1, "RAC-01 ... and the value is dropped");
  lwt_drop(p);
}

/* ---- States ---------------------------------------------------------------- */

static void sta(void)
{
  struct lwt_resolver r = { NULL }, s = { NULL };
  struct cb f = { .then = lwt_wait(&s) };
  lwt_t *p;

  p = lwt_return(V(7));
  ok(!pending(p), "STA-01 fulfilled is not pending");
  ok((intptr_t)lwt_value(p) == 7, "STA-05 lwt_value() of a fulfilled promise");
  ok(lwt_error(p).code == 0, "STA-05 ... whose error is 0");
  lwt_drop(p);
  p = lwt_fail(LWT_EIO, "disk");
  ok(!pending(p), "STA-02 rejected is not pending");
  ok(lwt_error(p).code == LWT_EIO && !strcmp(lwt_error(p).what, "disk"),
     "STA-06 lwt_error() of a rejected promise");
  ok(lwt_value(p) == NULL, "STA-06 ... which has no value");
  lwt_drop(p);

  p = lwt_bind(lwt_wait(&r), cb_bind, &f);
  ok(pending(p), "STA-03 pending is pending");
  ok(!lwt_value(p) && !lwt_error(p).code && !lwt_error(p).what,
     "STA-07 neither value nor error while pending");
  lwt_fulfill(&r, V(1));
  ok(pending(p), "STA-04 so is one that became a pending promise");
  ok(!lwt_value(p) && !lwt_error(p).code, "STA-08 ... without value and error");
  ok(lwt_state(p) == LWT_PENDING, "STA-09 state: pending, ");
  lwt_fulfill(&s, V(2));
  ok(lwt_state(p) == LWT_FULFILLED && is(p, 2), "STA-09 ... fulfilled");
  lwt_drop(p);
  lwt_drop(f.then);
  p = lwt_fail(LWT_EIO, "disk");
  ok(lwt_state(p) == LWT_REJECTED, "STA-09 ... rejected");
  lwt_drop(p);
}

/* ---- When callbacks run ---------------------------------------------------- */

/* In the callback of one promise, settle another whose callback notes "b". */
static lwt_t *nested;

static void act_nested(struct cb *cb)
{
  note("(");
  lwt_fulfill(cb->arg, V(2));
  note(is(nested, 2) ? "2)" : ")");
}

static void wak(void)
{
  struct lwt_resolver r1, r2;
  struct cb b = { .name = "b" }, c = { .name = "c" };
  struct cb a = { .act = act_nested, .arg = &r2 };
  lwt_t *p1 = lwt_wait(&r1), *q = lwt_wait(&r2), *p2;

  lwt_on_success(lwt_ref(p1), cb_value, &a);
  lwt_on_success(lwt_ref(p1), cb_value, &c);
  p2 = lwt_bind(lwt_ref(q), cb_bind, &b);
  nested = q;
  note("[");
  lwt_fulfill(&r1, V(1));
  note("]");
  ok(noted("[ ( 2) c b ]"), "WAK-01 (differs) WAK-03 WAK-08 WAK-12 nested: the state "
     "changes at once, the callbacks run when those that are ready have run");
  ok(is(p2, 0), "WAK-01 ... everything has settled by then");
  lwt_abandon(&r2);
  lwt_drop(p1);
  lwt_drop(p2);
  lwt_drop(q);

  p2 = lwt_map(lwt_wait(&r2), cb_map, &b);
  note("[");
  lwt_fulfill(&r2, V(1));
  note("]");
  ok(noted("[ b ]"), "WAK-02 outermost: callbacks have run when it returns");
  lwt_drop(p2);
}

static void wak_kinds(void)
{
  struct lwt_resolver r;
  lwt_t *p = lwt_wait(&r);
  int c = lwt_fulfill(&r, V(5)), d;

  ok(c == 0 && is(p, 5), "WAK-04 fulfil");
  d = lwt_fulfill(&r, V(6));
  ok(d == LWT_EALREADY, "WAK-06 ... once");
  lwt_drop(p);
  p = lwt_wait(&r);
  c = lwt_reject(&r, LWT_EIO, "disk");
  ok(c == 0 && failed(p, LWT_EIO), "WAK-05 reject");
  d = lwt_reject(&r, LWT_EIO, "disk");
  ok(d == LWT_EALREADY, "WAK-06 ... once");
  lwt_drop(p);
}

static void act_three(struct cb *cb)
{
  struct lwt_resolver *r = cb->arg;
  int i;

  for (i = 0; i < 3; i++)
    lwt_fulfill(&r[i], V(1));
}

static void wak_fifo(void)
{
  struct lwt_resolver r0, r[3];
  struct cb three = { .act = act_three, .arg = r };
  struct cb c[3] = { { .name = "a" }, { .name = "b" }, { .name = "c" } };
  int i;

  lwt_on_success(lwt_wait(&r0), cb_value, &three);
  for (i = 0; i < 3; i++)
    lwt_on_success(lwt_wait(&r[i]), cb_value, &c[i]);
  lwt_fulfill(&r0, V(1));
  ok(noted("a b c"), "WAK-07 (differs) settled in a callback: first in, first out");
  for (i = 0; i < 3; i++)
    lwt_abandon(&r[i]);
}

/* A line of resolvers: the callback of each settles the next. */
struct link {
  struct lwt_resolver r;
  struct link *next;
};
static size_t links_run;

static void run_link(void *env, void *value)
{
  struct link *l = env;

  links_run++;
  if (l->next)
    lwt_fulfill(&l->next->r, value);
}

static void wak_line(void)
{
  static struct link line[1000000];
  size_t i, n = sizeof line / sizeof *line;

  for (i = 0; i < n; i++) {
    line[i].next = i + 1 < n ? &line[i + 1] : NULL;
    lwt_on_success(lwt_wait(&line[i].r), run_link, &line[i]);
  }
  links_run = 0;
  lwt_fulfill(&line[0].r, V(1));
  ok(links_run == n, "WAK-09 WAK-10 a million callbacks, each settles the next promise");
}

static lwt_t *settle_inside(void *env, void *value)
{
  note("(");
  lwt_fulfill(env, value);
  note(")");
  return lwt_return(value);
}

static void wak_settled(void)
{
  struct lwt_resolver r;
  struct cb b = { .name = "b" };

  lwt_on_success(lwt_wait(&r), cb_value, &b);
  lwt_drop(lwt_bind(lwt_return(V(1)), settle_inside, &r));
  ok(noted("( b )"),
     "WAK-11 a callback on a settled promise is not inside a settling call");
}

/* Callbacks on settled promises, one inside the other. */
static int depth, deepest, total;

static lwt_t *deeper(void *env, void *value)
{
  intptr_t n = (intptr_t)value;
  lwt_t *p;

  depth++;
  total++;
  if (depth > deepest)
    deepest = depth;
  p = n ? lwt_bind(lwt_return(V(n - 1)), deeper, env) : lwt_return(V(100));
  depth--;
  return p;
}

static void wak_depth(void)
{
  lwt_t *p;

  deepest = total = 0;
  p = lwt_bind(lwt_return(V(15)), deeper, NULL);
  ok(is(p, 100) && total == 16 && deepest == 16,
     "WAK-13 (differs) 16 callbacks may nest");
  lwt_drop(p);
  deepest = total = 0;
  p = lwt_bind(lwt_return(V(99999)), deeper, NULL);
  ok(is(p, 100) && total == 100000 && deepest <= 17,
     "WAK-13 ... further ones run when the outermost has returned");
  lwt_drop(p);
}

/* Callbacks that have returned do not count as nested. */
static void run_each(struct cb *f, lwt_t *p)
{
  lwt_t *q = lwt_ref(p), *all[5];
  int i;

  all[0] = lwt_bind(lwt_ref(p), cb_bind, f);
  all[1] = lwt_map(lwt_ref(p), cb_map, f);
  all[2] = lwt_catch(lwt_ref(p), cb_catch, f);
  all[3] = lwt_try_bind(lwt_ref(p), cb_bind, cb_catch, f);
  all[4] = lwt_finalize(lwt_ref(p), cb_finalize, f);
  for (i = 0; i < 5; i++)
    lwt_drop(all[i]);
  lwt_on_success(lwt_ref(p), cb_value, f);
  lwt_on_failure(lwt_ref(p), cb_error, f);
  lwt_on_termination(lwt_ref(p), cb_call, f);
  lwt_on_any(p, cb_value, cb_error, f);
  lwt_drop(q);
}

static lwt_t *twice(void *env, void *value)
{
  struct cb *f = env;

  (void)value;
  run_each(f, lwt_return(V(1)));
  return lwt_return(V(f->calls));
}

static void wak_balance(void)
{
  struct cb f = { 0 }, g = { 0 };
  lwt_t *p;
  int i;

  for (i = 0; i < 100; i++) {
    run_each(&f, lwt_return(V(1)));
    run_each(&f, lwt_return_owned(V(1), count_drop));
    run_each(&f, lwt_fail(LWT_EIO, "disk"));
  }
  is_int(f.calls, 100 * (7 + 7 + 6), "WAK-13 callbacks that have returned do not count");
  p = lwt_bind(lwt_return(V(1)), twice, &g);
  is_int((intptr_t)lwt_value(p), 7, "WAK-13 ... nor those inside a callback");
  lwt_drop(p);
}

SEM_TESTS(basic, T(ret), T(ret_constants), T(ret_final), T(init), T(init_cancel), T(dbl),
          T(dbl_canceled), T(dbl_forwarded), T(rac), T(sta), T(wak), T(wak_kinds),
          T(wak_fifo), ONCE(wak_line), T(wak_settled), ONCE(wak_depth), ONCE(wak_balance))
