/* t-timer.c - sleep, timeout, with_timeout, in virtual time.
 * SPDX-License-Identifier: ISC
 */
#include <stdlib.h>

#include "sem.h"

static struct lwt_virtual clock_;

static void begin(uint64_t now)
{
  lwt_virtual_init(&clock_);
  clock_.time = now;
  lwt_set_engine(&clock_.engine);
}

/* Also those that a test without memory has left. */
static void finish(void)
{
  while (lwt_timers())
    if (clock_.engine.wait(&clock_.engine, lwt_run_ready()))
      break;
}

/* ---- A few ----------------------------------------------------------------- */

static void order(void)
{
  struct cb f[6] = { { .name = "30" },  { .name = "10" },   { .name = "20a" },
                     { .name = "20b" }, { .name = "20c" }, { .name = "0" } };
  lwt_t *p;

  begin(LWT_S(5));
  lwt_on_termination(lwt_sleep(LWT_MS(30)), cb_call, &f[0]);
  lwt_on_termination(lwt_sleep(LWT_MS(10)), cb_call, &f[1]);
  lwt_on_termination(lwt_sleep(LWT_MS(20)), cb_call, &f[2]);
  lwt_on_termination(lwt_timeout(LWT_MS(20)), cb_call, &f[3]);
  lwt_on_termination(lwt_sleep_until(LWT_S(5) + LWT_MS(20)), cb_call, &f[4]);
  lwt_on_termination(lwt_sleep(0), cb_call, &f[5]);
  ok(noted(""), "a sleep is pending, 0 too");
  is_int(lwt_timers(), 6, "each is a timer");
  p = lwt_sleep(LWT_MS(15));
  (void)lwt_run_value(p, NULL);
  ok(noted("0 10") && lwt_now() == LWT_S(5) + LWT_MS(15), "by deadline, not by call");
  p = lwt_sleep(LWT_S(1));
  (void)lwt_run_value(p, NULL);
  ok(noted("20a 20b 20c 30"),
     "ORD-09 (better) equal deadlines in the order of the calls");
  ok(lwt_now() == LWT_S(6) + LWT_MS(15), "a duration counts from the call");
  is_int(lwt_timers(), 0, "no timer is set");
  finish();
}

static void cancel(void)
{
  lwt_t *p, *q;

  begin(0);
  p = lwt_sleep(LWT_S(1));
  q = lwt_timeout(LWT_S(1));
  is_int(lwt_timers(), 2, "two timers");
  lwt_cancel(p);
  ok(canceled(p) && lwt_timers() == 1, "cancel takes a timer away at once");
  lwt_drop(q);
  ok(lwt_timers() == 0, "so does drop");
  lwt_drop(p);
  p = lwt_sleep(LWT_NEVER);
  ok(pending(p) && lwt_run_ready() == LWT_NEVER, "LWT_NEVER");
  lwt_cancel(p);
  ok(canceled(p), "... ends by cancel");
  lwt_drop(p);
  lwt_drop(lwt_sleep_until(LWT_NEVER));
  ok(lwt_timers() == 0, "... or drop");
  clock_.time = LWT_NEVER - 10;
  p = lwt_sleep(20);
  ok(lwt_run_ready() == LWT_NEVER && pending(p), "a duration past the end of time");
  lwt_drop(p);
}

/* Cancel the first, a middle, the last of equal deadlines, of each level. */
static void cancel_equal(void)
{
  struct cb f[4] = { { .name = "a" }, { .name = "b" }, { .name = "c" }, { .name = "d" } };
  static const char *const want[] = { "b c d", "a c d", "a b d", "a b c" };
  uint64_t delay;
  lwt_t *t[4];
  int i, k, good = 0, n = 0;

  begin(0);
  for (delay = 1; delay < LWT_S(1000); delay *= 37)
    for (k = 0; k < 4; k++, n++) {
      for (i = 0; i < 4; i++) {
        t[i] = lwt_sleep(delay);
        lwt_on_success(lwt_ref(t[i]), cb_value, &f[i]);
      }
      lwt_cancel(t[k]);
      (void)lwt_run_value(lwt_sleep(delay), NULL);
      good += noted(want[k]) && canceled(t[k]);
      finish();
      for (i = 0; i < 4; i++)
        lwt_drop(t[i]);
    }
  is_int(good, n, "the others keep their order");
  is_int(lwt_timers(), 0, "... and none is left");
}

static void past(void)
{
  struct cb f[4] = { { .name = "a" }, { .name = "b" }, { .name = "c" }, { .name = "d" } };

  begin(1000);
  lwt_on_success(lwt_sleep_until(5000), cb_value, &f[3]);
  lwt_on_success(lwt_sleep_until(500), cb_value, &f[0]);
  lwt_on_success(lwt_sleep_until(1000), cb_value, &f[1]);
  lwt_on_success(lwt_sleep_until(0), cb_value, &f[2]);
  ok(lwt_run_ready() == 5000 && noted("a b c"), "deadlines that have passed: next turn");
  clock_.time = 4999;
  ok(lwt_run_ready() == 5000 && noted(""), "not too early");
  clock_.time = 6000;
  ok(lwt_run_ready() == LWT_NEVER && noted("d"), "late if the loop is late");
  finish();
}

static void far(void)
{
  static const uint64_t years = (uint64_t)365 * 86400 * 1000000000;
  static const uint64_t far[] = { 500, 1, 100, 584, 50, 2 };
  uint64_t before = 0;
  int i, good = 0;
  lwt_t *p[6];

  begin(0);
  for (i = 0; i < 6; i++)
    p[i] = lwt_sleep(far[i] * years);
  while (lwt_timers()) {
    uint64_t next = lwt_run_ready();

    if (next == LWT_NEVER)
      break;
    for (i = 0; i < 6; i++)
      good += pending(p[i]) == (clock_.time < far[i] * years);
    before = clock_.time;
    clock_.engine.wait(&clock_.engine, next);
    if (clock_.time < before)
      good = -1000;
  }
  ok(good > 0 && good % 6 == 0 && clock_.time == 584 * years, "deadlines 584 years away");
  for (i = 0; i < 6; i++)
    lwt_drop(p[i]);
}

/* ---- Timeouts -------------------------------------------------------------- */

static void timeouts(void)
{
  struct lwt_resolver r;
  struct cb c = { .name = "canceled" }, f = { .name = "result" }, h = { 0 };
  lwt_t *p, *q;

  begin(0);
  p = lwt_timeout(LWT_S(1));
  q = lwt_catch(lwt_ref(p), cb_catch, &h);
  (void)lwt_run_value(q, NULL);
  ok(failed(p, LWT_ETIMEDOUT) && h.code == LWT_ETIMEDOUT, "lwt_timeout: LWT_ETIMEDOUT");
  lwt_drop(p);

  p = lwt_with_timeout(LWT_S(1), lwt_return(V(3)));
  ok(is(p, 3) && lwt_timers() == 0, "lwt_with_timeout: settled already: no timer");
  lwt_drop(p);
  p = lwt_with_timeout(LWT_S(1), lwt_fail(LWT_EIO, "disk"));
  ok(failed(p, LWT_EIO) && lwt_timers() == 0, "... rejected already: no timer");
  lwt_drop(p);

  p = lwt_with_timeout(LWT_S(1), lwt_task(&r));
  ok(pending(p) && lwt_timers() == 1, "... pending: a timer");
  lwt_fulfill(&r, V(4));
  ok(is(p, 4) && lwt_timers() == 0, "... in time: its value, and the timer is gone");
  lwt_drop(p);

  q = lwt_task(&r);
  lwt_on_cancel(q, cb_call, &c);
  p = lwt_with_timeout(LWT_S(1), q);
  lwt_on_termination(lwt_ref(p), cb_call, &f);
  (void)lwt_run_value(lwt_sleep(LWT_S(2)), NULL);
  ok(failed(p, LWT_ETIMEDOUT), "... too late: LWT_ETIMEDOUT");
  ok(noted("canceled result"), "... and it was cancelled before");
  lwt_abandon(&r);
  lwt_drop(p);

  lwt_drop(lwt_with_timeout(LWT_S(1), lwt_task(&r)));
  ok(lwt_timers() == 0 && lwt_unwanted(&r), "... dropped: both go");
  lwt_abandon(&r);
  p = lwt_with_timeout(LWT_S(1), lwt_sleep(LWT_S(2)));
  lwt_cancel(p);
  ok(canceled(p) && lwt_timers() == 0, "... cancelled: both go");
  lwt_drop(p);
  p = lwt_with_timeout(LWT_S(2), lwt_with_timeout(LWT_S(1), lwt_sleep(LWT_S(3))));
  ok(lwt_run_value(p, NULL).code == LWT_ETIMEDOUT && lwt_now() == LWT_S(4),
     "... the inner of two");
  finish();
}

/* A timer that sets the next. */
static lwt_t *again(void *env, void *value)
{
  uint64_t *times = env;

  (void)value;
  if (times[1] && lwt_now() != times[0])
    times[2]++;
  if (times[1]++ == 100)
    return lwt_return(NULL);
  times[0] = lwt_now() + LWT_MS(times[1]);
  return lwt_bind(lwt_sleep(LWT_MS(times[1])), again, env);
}

static void chain(void)
{
  uint64_t times[3] = { 0, 0, 0 };
  struct lwt_error e;

  begin(LWT_S(1));
  e = lwt_run_value(again(times, NULL), NULL);
  ok(e.code == 0 && times[2] == 0 && lwt_now() == LWT_S(1) + LWT_MS(5050),
     "a hundred sleeps in a row");
}

/* ---- Many ------------------------------------------------------------------ */

static uint64_t seed;

static uint64_t chance(void)
{
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

struct alarm {
  uint64_t deadline;
  size_t number;
  lwt_t *p;
};
static struct alarm *last_alarm;
static size_t fired, wrong_order, wrong_time;
static size_t late; /* by how much the loop may be late */

static void ring(void *env, void *value)
{
  struct alarm *a = env, *b = last_alarm;

  (void)value;
  fired++;
  if (b && (b->deadline > a->deadline ||
            (b->deadline == a->deadline && b->number > a->number)))
    wrong_order++;
  if (lwt_now() < a->deadline || (!late && lwt_now() > a->deadline))
    wrong_time++;
  last_alarm = a;
}

static int wait_exactly(struct lwt_engine *engine, uint64_t deadline)
{
  struct lwt_virtual *v = (struct lwt_virtual *)engine;

  if (deadline == LWT_NEVER)
    return LWT_EDEADLK;
  if (deadline > v->time)
    v->time = deadline;
  if (late)
    v->time += chance() % late;
  return 0;
}

/* n timers, spread over about 2^bits ns; one in three is cancelled. */
static void many_one(size_t n, unsigned bits, size_t lateness, const char *text)
{
  struct alarm *alarms = calloc(n, sizeof *alarms);
  size_t i, canceled_ones = 0;

  begin(chance() % LWT_S(100));
  clock_.engine.wait = wait_exactly;
  late = lateness;
  last_alarm = NULL;
  fired = wrong_order = wrong_time = 0;
  for (i = 0; i < n; i++) {
    alarms[i].deadline = clock_.time + (chance() >> (64 - bits));
    alarms[i].number = i;
    alarms[i].p = lwt_sleep_until(alarms[i].deadline);
    lwt_on_success(lwt_ref(alarms[i].p), ring, &alarms[i]);
  }
  for (i = 0; i < n; i++)
    if (chance() % 3 == 0) {
      lwt_cancel(alarms[i].p);
      canceled_ones++;
    }
  is_int(lwt_timers(), n - canceled_ones, "%s: set", text);
  finish();
  is_int(fired, n - canceled_ones, "... all fire");
  is_int(wrong_order, 0, "... in the exact order");
  is_int(wrong_time, 0, "... at the right time");
  for (i = 0; i < n; i++)
    lwt_drop(alarms[i].p);
  free(alarms);
}

static void many(void)
{
  seed = 88172645463325252u;
  many_one(1000000, 40, 0, "a million timers within 18 minutes");
  many_one(100000, 10, 0, "100 000 within a microsecond");
  many_one(100000, 62, 0, "100 000 within 146 years");
  many_one(100000, 30, LWT_MS(10), "100 000 within a second, a late loop");
  many_one(100000, 36, LWT_S(7), "100 000 within a minute, a very late loop");
}

/* Exactly at the deadline, around each power of two. */
static void exact(void)
{
  static const uint64_t starts[] = { 0, 1, 63, 64, 4095, 123456789, (uint64_t)1 << 40 };
  uint64_t deadline;
  size_t s, tried = 0, right = 0;
  int bit, off;
  lwt_t *p;

  for (s = 0; s < sizeof starts / sizeof *starts; s++)
    for (bit = 0; bit < 63; bit++)
      for (off = -1; off <= 1; off++, tried++) {
        begin(starts[s]);
        deadline = clock_.time + ((uint64_t)1 << bit) + (uint64_t)off;
        p = lwt_sleep_until(deadline);
        clock_.time = deadline - 1;
        (void)lwt_run_ready();
        if (deadline > starts[s] && !pending(p))
          continue;
        clock_.time = deadline;
        (void)lwt_run_ready();
        right += !pending(p);
        lwt_drop(p);
      }
  ok(right == tried, "each fires at its nanosecond (%zu of %zu)", right, tried);
}

SEM_TESTS(timer, T(order), T(cancel), T(cancel_equal), T(past), T(far), T(timeouts),
          T(chain), ONCE(many), ONCE(exact))
