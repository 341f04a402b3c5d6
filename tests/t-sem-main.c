/* t-sem-main.c - the main loop and sleeping: the groups MAIN and SLP.
 * SPDX-License-Identifier: ISC
 */
#include "sem.h"

static struct lwt_virtual *clock_here(void)
{
  return (struct lwt_virtual *)lwt_get_engine();
}

static int run_code(lwt_t *p)
{
  return lwt_run_value(p, NULL).code;
}

/* ---- MAIN -------------------------------------------------------------- */

static lwt_t *run_inside(void *env, void *value)
{
  (void)value;
  *(int *)env = run_code(lwt_pause());
  return lwt_return(NULL);
}

static void runs(void)
{
  struct lwt_resolver r;
  void *value = NULL;
  lwt_t *kept;
  int inner = 0;

  ok(lwt_run_value(lwt_return(V(3)), &value).code == 0 && value == V(3),
     "MAIN-01 run of F: its value");
  is_int(run_code(lwt_fail(LWT_EIO, "x")), LWT_EIO, "MAIN-02 run of R: its error");
  is_int(run_code(lwt_bind(lwt_pause(), run_inside, &inner)), 0, "run");
  is_int(inner, LWT_EBUSY, "MAIN-03 (differs) a run in a callback of run: LWT_EBUSY");
  kept = lwt_sleep(LWT_S(1));
  is_int(run_code(lwt_sleep(1)), 0, "MAIN-04 run again");
  ok(pending(kept), "MAIN-04 what is pending survives between runs");
  is_int(run_code(kept), 0, "MAIN-04 and ends in a later one");
  is_int(run_code(lwt_task(&r)), LWT_EDEADLK, "MAIN-09 (differs) nothing can wake it");
  lwt_abandon(&r);
}

static int waits, polls;

static int counting_wait(struct lwt_engine *engine, uint64_t deadline)
{
  if (deadline)
    waits++;
  else
    polls++;
  ((struct lwt_virtual *)engine)->time += deadline ? LWT_S(1) : 0;
  return 0;
}

static lwt_t *pause_n(void *env, void *value)
{
  (void)value;
  if (--*(int *)env == 0)
    return lwt_return(NULL);
  return lwt_bind(lwt_pause(), pause_n, env);
}

static void blocks(void)
{
  int (*before)(struct lwt_engine *, uint64_t) = clock_here()->engine.wait;
  int n = 1000;

  waits = polls = 0;
  clock_here()->engine.wait = counting_wait;
  run_code(pause_n(&n, NULL));
  is_int(waits, 0, "MAIN-06 while something is paused the loop does not block");
  ok(polls >= 2, "MAIN-07 but looks for events now and then");
  run_code(lwt_sleep(LWT_MS(1)));
  is_int(waits, 1, "MAIN-06 it does when nothing is");
  clock_here()->engine.wait = before;
}

/* ---- SLP --------------------------------------------------------------- */

static void sleeps(void)
{
  uint64_t begin = lwt_now();
  lwt_t *p = lwt_sleep(LWT_S(2)), *q;

  ok(pending(p), "SLP-01 pending");
  is_int(run_code(p), 0, "run");
  is_int(lwt_now() - begin, LWT_S(2), "SLP-01 until the time has passed");
  clock_here()->time += LWT_S(1); /* busy */
  begin = lwt_now();
  run_code(lwt_sleep(LWT_MS(500)));
  is_int(lwt_now() - begin, LWT_MS(500), "SLP-02 it counts from the call");
  p = lwt_sleep(LWT_S(1));
  lwt_cancel(p);
  ok(canceled(p), "SLP-03 cancelled");
  is_int(lwt_timers(), 0, "SLP-03 the timer is gone");
  lwt_drop(p);
  p = lwt_sleep(0);
  ok(pending(p), "SLP-04 a sleep of 0 is pending");
  is_int(run_code(p), 0, "SLP-04 until the next turn");
  p = lwt_pause();
  q = lwt_bind(lwt_return(NULL), cb_bind, &(struct cb){ .ret = 1 });
  ok(pending(p) && is(q, 1), "SLP-09 pause is not immediate, bind on F is");
  lwt_drop(p);
  lwt_drop(q);
}

static void timeouts(void)
{
  struct lwt_resolver r;
  struct cb cancelled = { .name = "cancelled" }, result = { .name = "result" };
  uint64_t begin = lwt_now();
  lwt_t *p, *q;

  is_int(run_code(lwt_timeout(LWT_S(1))), LWT_ETIMEDOUT, "SLP-05 R with LWT_ETIMEDOUT");
  is_int(lwt_now() - begin, LWT_S(1), "SLP-05 after the time");
  p = lwt_with_timeout(LWT_S(2), lwt_sleep(LWT_S(1)));
  is_int(run_code(p), 0, "SLP-06 in time: its value");
  is_int(lwt_timers(), 0, "SLP-06 no timer is left");
  q = lwt_task(&r);
  lwt_on_cancel(q, cb_call, &cancelled);
  p = lwt_with_timeout(LWT_S(1), q);
  lwt_on_failure(lwt_ref(p), cb_error, &result);
  is_int(run_code(p), LWT_ETIMEDOUT, "SLP-07 too late");
  ok(noted("cancelled result"), "SLP-07 cancelled before the result is R");
  lwt_abandon(&r);
  p = lwt_with_timeout(LWT_S(1), lwt_return(V(1)));
  ok(is(p, 1) && lwt_timers() == 0, "SLP-08 (differs) of F: no timer at all");
  lwt_drop(p);
}

static lwt_t *noted_after(uint64_t time, struct cb *cb)
{
  return lwt_bind(lwt_sleep(time), cb_bind, cb);
}

static void order(void)
{
  struct cb a = { .name = "a" }, b = { .name = "b" }, c = { .name = "c" },
            d = { .name = "d" };
  lwt_t *all = lwt_join(LWT_PS(noted_after(LWT_S(3), &c), noted_after(LWT_S(1), &a),
                               noted_after(LWT_S(3), &d), noted_after(LWT_S(2), &b)));

  is_int(run_code(all), 0, "run");
  ok(noted("a b c d"), "SLP-11 in order of time, SLP-12 (differs) then of the calls");
}

SEM_TESTS(main_loop, ONCE(runs), ONCE(blocks), ONCE(sleeps), ONCE(timeouts), ONCE(order))
