/* t-value.c - values that must be freed, errors that nobody sees.
 * SPDX-License-Identifier: ISC
 *
 * The rule is "Values" of lwt.h, and lwt_on_lost().
 */
#include "sem.h"

/* A value is the address of the count of its drops. */
static int drops[8];

static void drop_value(void *value)
{
  ++*(int *)value;
}

static lwt_t *owned(int i)
{
  drops[i] = 0;
  return lwt_return_owned(&drops[i], drop_value);
}

static void fulfill(struct lwt_resolver *r, int i)
{
  drops[i] = 0;
  if (lwt_fulfill_owned(r, &drops[i], drop_value) == LWT_EALREADY)
    drops[i] = 1; /* no memory for the promise */
}

static lwt_t *pass_on(void *env, struct lwt_error error)
{
  (void)env;
  return lwt_fail_error(error);
}

/* ---- Values of several promises -------------------------------------------- */

static int dropped(int n)
{
  int i;

  for (i = 0; i < n; i++)
    if (drops[i] != 1)
      return 0;
  return 1;
}

static void values_lost(void)
{
  struct lwt_resolver r, s;
  lwt_t *p;

  lwt_drop(lwt_all(LWT_PS(owned(0), lwt_fail(LWT_EIO, "disk"), owned(1))));
  ok(dropped(2), "all: a rejected sibling drops the values");
  p = lwt_all(LWT_PS(owned(0), lwt_wait(&r), lwt_wait(&s)));
  fulfill(&r, 1);
  lwt_reject(&s, LWT_EIO, "disk");
  ok(failed(p, LWT_EIO) && dropped(2), "all: ... that fails later");
  lwt_drop(p);
  lwt_drop(lwt_all(LWT_PS(owned(0), lwt_wait(&r))));
  fulfill(&r, 1);
  ok(dropped(2), "all: dropped while it waits");
  lwt_drop(lwt_join(LWT_PS(owned(0), owned(1))));
  ok(dropped(2), "join: nobody takes the values");

  lwt_drop(lwt_choose(LWT_PS(owned(0), owned(1), owned(2))));
  ok(dropped(3), "choose: the losers' values, then the winner's");
  p = lwt_choose(LWT_PS(lwt_wait(&r), lwt_wait(&s)));
  fulfill(&r, 0);
  fulfill(&s, 1);
  ok(drops[0] == 0 && drops[1] == 1, "choose: a value that comes too late is dropped");
  lwt_drop(p);
  ok(dropped(2), "choose: ... and the winner's with the result");
  p = lwt_pick(LWT_PS(lwt_task(&r), lwt_task(&s)));
  fulfill(&r, 0);
  fulfill(&s, 1);
  ok(drops[0] == 0 && drops[1] == 1,
     "pick: a value that comes after the cancel is dropped");
  lwt_drop(p);
  ok(dropped(2), "pick: ... and the winner's with the result");
  p = lwt_nchoose(LWT_PS(owned(0), lwt_fail(LWT_EIO, "disk"), owned(1)));
  ok(failed(p, LWT_EIO) && dropped(2), "nchoose: a rejection drops the values");
  lwt_drop(p);
}

static void values_kept(void)
{
  lwt_t *p = lwt_all(LWT_PS(owned(0), owned(1)));
  struct lwt_vec *vec = lwt_value(p);

  if (vec) {
    ok(vec->v[0].value == &drops[0] && vec->v[0].drop == drop_value,
       "all: each value comes with its drop function");
    vec->v[1].drop = NULL;
  }
  lwt_drop(p);
  ok(drops[0] == 1 && drops[1] == 0, "all: v[1].drop = NULL keeps v[1]");
}

static void values_split(void)
{
  struct lwt_resolver r, s;
  struct lwt_split *split;
  lwt_t *kept = NULL,
        *p = lwt_nchoose_split(LWT_PS(lwt_task(&r), owned(0), lwt_task(&s)));

  if ((split = lwt_value(p))) {
    kept = split->pending[0];
    split->pending[0] = NULL;
  }
  lwt_drop(p);
  ok(dropped(1), "nchoose_split: its values go with it");
  ok(!split || (pending(kept) && !lwt_unwanted(&r)),
     "nchoose_split: pending[0] = NULL keeps the promise");
  ok(lwt_unwanted(&s), "nchoose_split: the others go with it");
  lwt_abandon(&s);
  fulfill(&r, 1);
  lwt_drop(kept);
  ok(dropped(2), "nchoose_split: ... and their values");
}

/* ---- Lent values ----------------------------------------------------------- */

static lwt_t *look(void *env, void *value)
{
  *(int *)env += *(int *)value == 0; /* not dropped yet */
  return lwt_return(NULL);
}

static void values_lent(void)
{
  struct lwt_resolver r;
  int seen = 0, i;
  lwt_t *p = lwt_task(&r), *q[3];

  for (i = 0; i < 3; i++)
    q[i] = lwt_bind(lwt_ref(p), look, &seen);
  fulfill(&r, 0);
  ok(seen == 3 && drops[0] == 0, "shared: three callbacks look at the value");
  ok(lwt_value(p) == &drops[0], "shared: ... which is there");
  lwt_drop(p);
  ok(drops[0] == 1, "shared: ... until the last handle goes");
  for (i = 0; i < 3; i++)
    lwt_drop(q[i]);

  p = owned(0);
  q[0] = lwt_catch(lwt_ref(p), pass_on, NULL);
  q[1] = lwt_protected(lwt_choose(LWT_PS(lwt_ref(p))));
  lwt_drop(p);
  ok(drops[0] == 0, "lent on: who has a promise that took it over can use it");
  lwt_drop(q[0]);
  ok(drops[0] == 0 && lwt_value(q[1]) == &drops[0], "lent on: the second too");
  lwt_drop(q[1]);
  ok(drops[0] == 1, "lent on: dropped with the last");
}

/* Shared once: lent for good. */
static void values_lent_alone(void)
{
  int seen = 0;
  lwt_t *p = owned(0);

  lwt_drop(lwt_ref(p));
  lwt_drop(lwt_bind(p, look, &seen));
  ok(drops[0] == 1 && seen == 1, "shared before: still lent");
  p = owned(0);
  lwt_drop(lwt_ref(p));
  p = lwt_catch(p, pass_on, NULL);
  ok(drops[0] == 0 && lwt_value(p) == &drops[0], "shared before: passed on");
  lwt_drop(p);
  ok(drops[0] == 1, "... and dropped once");
}

/* A drop function may settle promises; their callbacks run when the values are
 * gone. */
static struct lwt_resolver drop_settles;

static void drop_and_settle(void *value)
{
  note(value ? "b" : "a");
  if (!value)
    lwt_fulfill(&drop_settles, NULL);
}

static void values_settle(void)
{
  struct cb f = { .name = "callback" };
  lwt_t *p[2];
  int how;

  for (how = 0; how < 4; how++) {
    lwt_on_termination(lwt_wait(&drop_settles), cb_call, &f);
    p[0] = lwt_return_owned(V(0), drop_and_settle);
    p[1] = lwt_return_owned(V(1), drop_and_settle);
    if (how == 0)
      lwt_drop(lwt_all(2, p));
    else if (how == 1)
      lwt_drop(lwt_nchoose_split(2, p));
    else if (how == 2)
      lwt_drop(lwt_join(2, p));
    else
      lwt_async(lwt_all(2, p));
    ok(noted("a b callback"), "a drop function settles a promise (%d)", how);
    lwt_abandon(&drop_settles);
    forget();
  }
  lost();
}

/* A callback drops the last handle of the promise whose value it looks at. */
static lwt_t *look_and_drop(void *env, void *value)
{
  lwt_t **p = env;
  int there;

  lwt_drop(*p);
  *p = NULL;
  there = *(int *)value == 0;
  return lwt_return(V(there));
}

static void values_lent_inside(void)
{
  struct lwt_resolver r;
  lwt_t *p = lwt_task(&r), *q = lwt_bind(lwt_ref(p), look_and_drop, &p);

  fulfill(&r, 0);
  ok(is(q, 1), "lent: the value stays while a callback looks at it");
  ok(drops[0] == 1, "lent: ... and no longer");
  lwt_drop(p);
  lwt_drop(q);
}

/* ---- finalize, resolvers, the loop ----------------------------------------- */

static void values_finalize(void)
{
  struct lwt_resolver r;
  struct cb c = { .fail = LWT_EIO };
  lwt_t *p = lwt_finalize(owned(0), cb_finalize, &c);

  ok(failed(p, LWT_EIO) && dropped(1), "finalize: an error of c drops the value");
  lwt_drop(p);
  c = (struct cb){ .then = lwt_wait(&r) };
  p = lwt_finalize(owned(0), cb_finalize, &c);
  ok(drops[0] == 0 && pending(p), "finalize: c waits, the value too");
  lwt_reject(&r, LWT_EBADF, "disk");
  ok(failed(p, LWT_EBADF) && dropped(1), "finalize: ... until c fails");
  lwt_drop(p);
  lwt_drop(c.then);
  c = (struct cb){ .then = lwt_wait(&r) };
  lwt_drop(lwt_finalize(owned(0), cb_finalize, &c));
  lwt_fulfill(&r, V(1));
  ok(dropped(1), "finalize: dropped while c waits");
  lwt_drop(c.then);
}

/* The value, moved or lent, waits for the finalizer; its error drops it. */
static void finalize_one(int settled, int share, int wait, int fail)
{
  struct lwt_resolver r, s = { NULL };
  struct cb c = { .fail = fail && !wait ? LWT_EIO : 0 };
  lwt_t *in = settled ? owned(0) : lwt_wait(&r), *p, *second = NULL;
  int good;

  drops[0] = 0;
  if (wait)
    c.then = lwt_wait(&s);
  if (share)
    second = lwt_ref(in);
  p = lwt_finalize(in, cb_finalize, &c);
  if (!settled)
    fulfill(&r, 0);
  lwt_drop(second);
  good = !wait || (pending(p) && drops[0] == 0);
  if (wait && fail)
    lwt_reject(&s, LWT_EIO, "cleanup");
  else if (wait)
    lwt_fulfill(&s, NULL);
  if (fail)
    good = good && failed(p, LWT_EIO) && drops[0] == 1;
  else
    good = good && lwt_value(p) == &drops[0] && drops[0] == 0;
  lwt_drop(p);
  lwt_drop(c.then);
  ok(good && drops[0] == 1, "finalize: %s, %s, c %s%s", settled ? "settled" : "pending",
     share ? "shared" : "owned", wait ? "waits and " : "", fail ? "fails" : "succeeds");
}

static void values_finalized(void)
{
  int i;

  for (i = 0; i < 16; i++)
    finalize_one(i & 1, i & 2, i & 4, i & 8);
}

/* An error keeps what it says, and where it was made, wherever it passes. */
static lwt_t *pass_through(int how, lwt_t *p, struct cb *c)
{
  switch (how) {
  case 0:
    return lwt_finalize(p, cb_finalize, c);
  case 1:
    return lwt_join(LWT_PS(p));
  case 2:
    return lwt_choose(LWT_PS(p));
  case 3:
    return lwt_protected(p);
  case 4:
    return lwt_map(p, cb_map, c);
  case 5:
    return lwt_all(LWT_PS(lwt_return(NULL), p));
  case 6:
    return lwt_npick(LWT_PS(p));
  default:
    return lwt_catch(lwt_map(p, cb_map, c), pass_on, NULL);
  }
}

static void errors_kept(void)
{
  struct lwt_resolver r;
  const char *made;
  struct cb c = { 0 };
  lwt_t *p, *q;
  int how, settled;

  for (how = 0; how < 8; how++)
    for (settled = 0; settled <= 1; settled++) {
      if (settled) {
        p = lwt_fail(LWT_EIO, "the words"); made = LWT_WHERE;
        p = pass_through(how, p, &c);
      } else {
        p = pass_through(how, lwt_wait(&r), &c);
        lwt_reject(&r, LWT_EIO, "the words"); made = LWT_WHERE;
      }
      q = lwt_ref(p);
      lost();
      lwt_drop(p);
      lwt_drop(q);
      ok(lost() == 1 && (how == 7 || same(sem_lost.where, made)) &&
           same(sem_lost.what, "the words"),
         "an error that passes (%d, %d) keeps its words and its line", how, settled);
    }
}

static void errors_wait(void)
{
  struct lwt_resolver r, s;
  const char *made;
  struct cb c;
  lwt_t *p;
  int settled;

  for (settled = 0; settled <= 1; settled++) {
    c = (struct cb){ .then = lwt_wait(&s) };
    if (settled) {
      p = lwt_fail(LWT_EIO, "the words"); made = LWT_WHERE;
      p = lwt_finalize(p, cb_finalize, &c);
    } else {
      p = lwt_finalize(lwt_wait(&r), cb_finalize, &c);
      lwt_reject(&r, LWT_EIO, "the words"); made = LWT_WHERE;
    }
    lwt_fulfill(&s, NULL);
    lost();
    lwt_drop(p);
    ok(lost() == 1 && sem_lost.code == LWT_EIO && same(sem_lost.what, "the words") &&
         same(sem_lost.where, made),
       "an error waits for a finalizer as it is");
    lwt_drop(c.then);
  }
}

static void values_resolver(void)
{
  struct lwt_resolver r;
  lwt_t *p = lwt_task(&r);

  lwt_cancel(p);
  fulfill(&r, 0);
  ok(dropped(1), "resolver: a value for a cancelled promise is dropped");
  lwt_drop(p);
  lwt_drop(lwt_wait(&r));
  ok(lwt_unwanted(&r), "resolver: the promise was dropped");
  fulfill(&r, 0);
  ok(dropped(1), "resolver: a value for a dropped promise is dropped");
  lwt_async(lwt_wait(&r));
  fulfill(&r, 0);
  ok(dropped(1), "async: nobody takes the value");
  lwt_drop(lwt_wait(&r));
  lost();
  lwt_reject(&r, LWT_EIO, "disk");
  ok(lost() == 0, "resolver: an error for a dropped promise is not reported");
}

static void values_run(void)
{
  void *value = NULL;
  struct lwt_error e = lwt_run_value(owned(0), &value);

  ok(e.code == LWT_ENOMEM || (value == &drops[0] && drops[0] == 0),
     "lwt_run_value: the value moves to the caller");
  e = lwt_run_value(owned(0), NULL);
  ok(dropped(1), "lwt_run_value: NULL: it is dropped");
  e = lwt_run_value(lwt_fail(LWT_EIO, "disk"), &value);
  ok(e.code == LWT_EIO && lost() == 0, "lwt_run_value: an error is seen");
}

/* ---- Lost rejections ------------------------------------------------------- */

static void lost_once(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 }, h = { 0 };
  lwt_t *p, *q;

  lost();
  lwt_drop(lwt_bind(lwt_fail(LWT_EIO, "disk"), cb_bind, &f));
  ok(lost() == 1 && sem_lost.code == LWT_EIO, "lost: through a bind: once");
  p = lwt_bind(lwt_bind(lwt_wait(&r), cb_bind, &f), cb_bind, &f);
  lwt_reject(&r, LWT_EIO, "disk");
  ok(lost() == 0, "lost: not while somebody holds it");
  lwt_drop(p);
  ok(lost() == 1 && same(sem_lost.what, "disk"),
     "lost: through a pending chain: once");
  p = lwt_fail(LWT_EIO, "disk");
  q = lwt_ref(p);
  lwt_drop(p);
  ok(lost() == 0, "lost: not before the last handle goes");
  lwt_drop(q);
  ok(lost() == 1, "lost: shared: once");
  lwt_drop(lwt_catch(lwt_fail(LWT_EIO, "disk"), cb_catch, &h));
  ok(lost() == 0, "lost: not if it was caught");
  lwt_on_failure(lwt_fail(LWT_EIO, "disk"), cb_error, &h);
  ok(lost() == 0, "lost: not if on_failure saw it");
  lwt_on_success(lwt_fail(LWT_EIO, "disk"), cb_value, &h);
  ok(lost() == 1, "lost: if only on_success was there");
  lwt_on_success(lwt_wait(&r), cb_value, &h);
  lwt_reject(&r, LWT_EIO, "disk");
  ok(lost() == 1, "lost: ... or later");
  lwt_drop(lwt_join(LWT_PS(lwt_fail(LWT_EIO, "a"), lwt_fail(LWT_EIO, "b"))));
  ok(lost() == 1 && same(sem_lost.what, "a"), "lost: a join that fails: once");
  lwt_drop(lwt_pick(LWT_PS(lwt_return(NULL), lwt_fail(LWT_EIO, "a"))));
  ok(lost() == 1, "lost: a pick that fails: once");
  lwt_drop(lwt_choose(LWT_PS(lwt_fail(LWT_EIO, "a"), lwt_fail(LWT_EIO, "b"))));
  ok(lost() == 1, "lost: a choose that fails: once");
}

SEM_TESTS(value, T(values_lost), T(values_kept), T(values_split), T(values_lent),
          T(values_lent_alone), T(values_settle),
          T(values_lent_inside), T(values_finalize), T(values_finalized), T(errors_kept),
          T(errors_wait), T(values_resolver), T(values_run),
          T(lost_once))
