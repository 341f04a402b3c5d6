/* t-switch.c - sets of clean-ups; the group SWI.
 * SPDX-License-Identifier: ISC
 */
#include <lwt/switch.h>

#include "sem.h"

static void off_and_drop(struct lwt_switch *s)
{
  lwt_drop(lwt_switch_turn_off(s));
}

static void once(void)
{
  struct lwt_switch s = { .off = 0 };
  struct cb a = { .name = "a" }, b = { .name = "b" }, late = { .name = "late" };
  lwt_t *p;

  ok(lwt_switch_is_on(&s), "SWI-06 a new switch is on");
  is_int(lwt_switch_check(&s), 0, "SWI-05 check: on");
  is_int(lwt_switch_check(NULL), 0, "SWI-05 check: none");
  ok(lwt_switch_add(&s, cb_finalize, &a) + lwt_switch_add(&s, cb_finalize, &b) == 0,
     "hooks are stored");
  ok(noted(""), "... and not called");
  p = lwt_switch_turn_off(&s);
  ok(noted("b a") && is(p, 0), "SWI-01 SWI-10 turn_off runs them, the last first");
  lwt_drop(p);
  ok(!lwt_switch_is_on(&s), "SWI-06 off");
  is_int(lwt_switch_check(&s), LWT_ESHUTDOWN, "SWI-05 check: off");
  p = lwt_switch_turn_off(&s);
  ok(noted("") && is(p, 0), "SWI-01 a second turn_off runs nothing");
  lwt_drop(p);
  is_int(lwt_switch_add(&s, cb_finalize, &late), LWT_ESHUTDOWN, "SWI-01 add after off");
  ok(noted(""), "... is not called");
  s = (struct lwt_switch){ .off = 0 };
  p = lwt_switch_turn_off(&s);
  ok(is(p, 0), "turn_off without hooks");
  lwt_drop(p);
  forget();
}

static void add_or_call(void)
{
  struct lwt_switch s = { .off = 0 };
  struct lwt_resolver r;
  struct cb a = { .name = "a", .ret = 3 };
  lwt_t *p = lwt_switch_add_or_call(NULL, cb_finalize, &a);

  ok(is(p, 0) && noted(""), "SWI-07 no switch: nothing");
  lwt_drop(p);
  p = lwt_switch_add_or_call(&s, cb_finalize, &a);
  ok(is(p, 0) && noted(""), "SWI-07 on: stored");
  lwt_drop(p);
  off_and_drop(&s);
  ok(noted("a"), "... and run later");
  a.then = lwt_task(&r);
  p = lwt_switch_add_or_call(&s, cb_finalize, &a);
  ok(pending(p) && noted("a"), "SWI-07 off: run at once");
  lwt_fulfill(&r, V(1));
  ok(is(p, 1), "... and waited for");
  lwt_drop(p);
  forget();
}

static void waits(void)
{
  struct lwt_switch s = { .off = 0 };
  struct lwt_resolver r, q;
  struct cb a = { .name = "a" }, b = { .name = "b" };
  struct cb c = { .name = "c", .fail = LWT_EIO };
  lwt_t *p;

  a.then = lwt_task(&r);
  b.then = lwt_task(&q);
  lwt_switch_add(&s, cb_finalize, &a);
  lwt_switch_add(&s, cb_finalize, &b);
  p = lwt_switch_turn_off(&s);
  ok(pending(p) && noted("b a"), "SWI-10 all hooks run at the same time");
  lwt_cancel(p);
  ok(!lwt_unwanted(&r), "... cancel does not reach them");
  lwt_fulfill(&r, NULL);
  ok(pending(p), "SWI-08 turn_off waits");
  lwt_fulfill(&q, NULL);
  ok(is(p, 0), "SWI-08 for all");
  lwt_drop(p);
  lwt_drop(a.then);
  lwt_drop(b.then);
  forget();

  s = (struct lwt_switch){ .off = 0 };
  a = (struct cb){ .name = "a" };
  a.then = lwt_task(&r);
  lwt_switch_add(&s, cb_finalize, &a);
  lwt_switch_add(&s, cb_finalize, &c);
  p = lwt_switch_turn_off(&s);
  ok(pending(p), "SWI-09 one fails: the others are waited for");
  lwt_reject(&r, LWT_EPIPE, "later");
  ok(failed(p, LWT_EIO), "SWI-02 SWI-09 then its error");
  lwt_drop(p);
  lwt_drop(a.then);

  s = (struct lwt_switch){ .off = 0 };
  a.then = lwt_task(&r);
  lwt_switch_add(&s, cb_finalize, &a);
  off_and_drop(&s);
  ok(!lwt_unwanted(&r), "dropped: the hooks run to their end");
  lwt_abandon(&r);
  lwt_drop(a.then);
  forget();
}

struct user {
  struct cb hook;
  struct lwt_resolver r;
  struct lwt_switch *s;
  int fail;
  int waits;
};

static lwt_t *user_body(struct lwt_switch *s, void *env)
{
  struct user *u = env;

  u->s = s;
  if (lwt_switch_add(s, cb_finalize, &u->hook))
    return lwt_fail(LWT_ENOMEM, "add");
  if (u->waits)
    return lwt_task(&u->r);
  return u->fail ? lwt_fail(u->fail, "body") : lwt_return(V(5));
}

static void with_switch(void)
{
  struct user u = { .hook = { .name = "hook" } };
  struct lwt_resolver r;
  lwt_t *p = lwt_with_switch(user_body, &u);

  ok(is(p, 5) && noted("hook"), "SWI-03 with_switch: a regular end runs the hooks");
  lwt_drop(p);
  u.fail = LWT_EPERM;
  p = lwt_with_switch(user_body, &u);
  ok(failed(p, LWT_EPERM) && noted("hook"), "SWI-04 a failure runs them, and goes on");
  lwt_drop(p);
  u.hook.fail = LWT_EIO;
  p = lwt_with_switch(user_body, &u);
  ok(failed(p, LWT_EIO) && noted("hook"), "SWI-04 the error of a hook wins");
  lwt_drop(p);

  u = (struct user){ .hook = { .name = "hook" }, .waits = 1 };
  u.hook.then = lwt_task(&r);
  p = lwt_with_switch(user_body, &u);
  ok(pending(p) && noted(""), "the hooks wait for the body");
  lwt_cancel(p);
  ok(pending(p) && noted("hook"), "SWI-04 cancelled: they run");
  lwt_cancel(p);
  ok(pending(p) && !lwt_unwanted(&r), "... shielded");
  lwt_fulfill(&r, NULL);
  ok(canceled(p), "... and are waited for");
  lwt_drop(p);
  lwt_abandon(&u.r);
  lwt_drop(u.hook.then);
  forget();
}

/* Turning off needs no memory. */
static void no_memory(void)
{
  struct lwt_switch s = { .off = 0 };
  struct cb a[40];
  int i, n = 0;
  lwt_t *p;

  for (i = 0; i < 40; i++) {
    a[i] = (struct cb){ .ret = 1 };
    n += lwt_switch_add(&s, cb_finalize, &a[i]) == 0;
  }
  p = lwt_switch_turn_off(&s);
  for (i = 0; i < 40; i++)
    n -= a[i].calls;
  ok(is(p, 0) && n == 0, "each hook that was stored has run");
  lwt_drop(p);
}

SEM_TESTS(switch, T(once), T(add_or_call), T(waits), T(with_switch), T(no_memory))
