/* t-timeout.c - timers that are started anew; the group TMO.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <lwt/timeout.h>
#include <string.h>

static char trace[64];
static struct lwt_timer a, b;

static void fire_a(void *env)
{
  (void)env;
  strcat(trace, "a");
}

static void fire_b(void *env)
{
  (void)env;
  strcat(trace, "b");
}

static int again;

static void restart(void *env)
{
  fire_a(NULL);
  if (again-- > 0)
    lwt_timer_start(env);
}

static void stop_b(void *env)
{
  (void)env;
  fire_a(NULL);
  lwt_timer_stop(&b);
}

static int traced(const char *want)
{
  int same = !strcmp(trace, want);

  if (!same)
    printf("# \"%s\", want \"%s\"\n", trace, want);
  trace[0] = 0;
  return same;
}

static void once(void)
{
  is_int(lwt_timer_init(&a, LWT_S(1), fire_a, NULL), 0, "init");
  lwt_test_advance(LWT_S(5));
  ok(traced(""), "TMO-02 not started: it does not fire");
  lwt_timer_start(&a);
  is_int(lwt_timers(), 1, "it counts");
  lwt_test_advance(LWT_S(1) - 1);
  ok(traced(""), "TMO-01 not before its time");
  lwt_test_advance(1);
  ok(traced("a"), "TMO-01 (differs) at its time");
  lwt_test_advance(LWT_S(5));
  ok(traced("") && !lwt_timer_running(&a), "TMO-01 once");
  lwt_timer_start(&a);
  lwt_test_advance(LWT_MS(600));
  lwt_timer_start(&a);
  lwt_test_advance(LWT_MS(999));
  ok(traced(""), "TMO-03 started twice: the later counts");
  lwt_test_advance(LWT_S(5));
  ok(traced("a"), "TMO-03 and it fires once");
  is_int(lwt_timers(), 0, "none is set");
}

static void stops(void)
{
  lwt_timer_init(&a, LWT_S(1), fire_a, NULL);
  lwt_timer_stop(&a);
  ok(!lwt_timer_running(&a), "TMO-06 stop of one that does not run");
  lwt_timer_start(&a);
  lwt_test_advance(LWT_MS(500));
  lwt_timer_stop(&a);
  is_int(lwt_timers(), 0, "a stopped one is gone at once");
  lwt_test_advance(LWT_S(5));
  ok(traced(""), "TMO-05 stopped in time: it does not fire");
  again = 2;
  lwt_timer_init(&a, LWT_S(1), restart, &a);
  lwt_timer_start(&a);
  lwt_test_advance(LWT_S(10));
  ok(traced("aaa"), "TMO-04 started again by its own function");
}

static void changes(void)
{
  is_int(lwt_timer_init(&a, 0, fire_a, NULL), LWT_EINVAL, "TMO-07 no duration");
  lwt_timer_init(&a, LWT_S(1), fire_a, NULL);
  is_int(lwt_timer_change(&a, LWT_S(3)), 0, "change");
  ok(!lwt_timer_running(&a), "TMO-09 does not start it");
  lwt_timer_start(&a);
  lwt_test_advance(LWT_S(2));
  ok(traced(""), "TMO-08 the new duration counts");
  lwt_test_advance(LWT_S(1));
  ok(traced("a"), "TMO-08 and no longer");
  lwt_timer_start(&a);
  lwt_test_advance(LWT_S(1));
  lwt_timer_change(&a, LWT_S(1));
  lwt_test_advance(LWT_S(1));
  ok(traced("a"), "TMO-10 change of one that runs: from now on");
  lwt_timer_start(&a);
  is_int(lwt_timer_change(&a, 0), LWT_EINVAL, "TMO-11 to nothing");
  lwt_test_advance(LWT_S(1));
  ok(traced("a"), "TMO-11 changes nothing");
}

static void several(void)
{
  lwt_timer_init(&a, LWT_S(1), fire_a, NULL);
  lwt_timer_init(&b, LWT_S(2), fire_b, NULL);
  lwt_timer_start(&b);
  lwt_timer_start(&a);
  lwt_test_advance(LWT_S(5));
  ok(traced("ab"), "TMO-14 two fire in order");
  lwt_timer_change(&a, LWT_S(2));
  lwt_timer_start(&b);
  lwt_timer_start(&a);
  lwt_test_advance(LWT_S(5));
  ok(traced("ba"), "TMO-15 two at the same time: both, first come first");
  lwt_timer_start(&a);
  lwt_timer_start(&b);
  lwt_timer_stop(&a);
  lwt_test_advance(LWT_S(5));
  ok(traced("b"), "TMO-16 the first is stopped: only the second");
  lwt_timer_init(&a, LWT_S(2), stop_b, NULL);
  lwt_timer_start(&a);
  lwt_timer_start(&b);
  lwt_test_advance(LWT_S(5));
  ok(traced("a"), "one stops another whose time has come, too");
  lwt_timer_start(&b);
  lwt_timer_start_until(&b, LWT_NEVER);
  ok(!lwt_timer_running(&b), "never is not running");
  lwt_timer_start_until(&b, lwt_now());
  lwt_test_idle();
  ok(traced("b"), "a time that is there fires in the next turn");
}

/* A million starts: nothing is allocated, and one place in the wheel is used. */
static void cheap(void)
{
  size_t before;
  int i;

  lwt_timer_init(&a, LWT_S(30), fire_a, NULL);
  before = lwt_test_counted().calls;
  for (i = 0; i < 1000000; i++)
    lwt_timer_start(&a);
  ok(lwt_test_counted().calls == before && lwt_timers() == 1,
     "a million starts allocate nothing");
  lwt_timer_start_until(&a, lwt_now() + 5);
  lwt_timer_start_until(&a, lwt_now() + 3);
  lwt_test_advance(3);
  ok(traced("a"), "a nearer time counts as well");
}

static void stop_a(void *env)
{
  (void)env;
  fire_b(NULL);
  lwt_timer_stop(&a);
}

/* Timers whose time has come stand in the ready queue: first, in the middle, last. */
static void stopped_when_due(void)
{
  struct lwt_timer first, c;

  lwt_timer_init(&first, LWT_S(1), stop_b, NULL);
  lwt_timer_init(&a, LWT_S(1), fire_a, NULL);
  lwt_timer_init(&b, LWT_S(1), fire_b, NULL);
  lwt_timer_init(&c, LWT_S(1), fire_a, NULL);
  lwt_timer_start(&first);
  lwt_timer_start(&a);
  lwt_timer_start(&b);
  lwt_timer_start(&c);
  lwt_test_advance(LWT_S(1));
  ok(traced("aaa"), "stopped by one that fires before it, between others");
  lwt_timer_start(&first);
  lwt_timer_start(&c);
  lwt_timer_start(&b);
  lwt_test_advance(LWT_S(1));
  ok(traced("aa"), "... as the last");
  lwt_timer_init(&first, LWT_S(1), stop_a, NULL);
  lwt_timer_start(&first);
  lwt_timer_start(&a);
  lwt_timer_start(&b);
  lwt_test_advance(LWT_S(1));
  ok(traced("bb"), "... as the next one");
  ok(!lwt_timer_running(&a) && lwt_timers() == 0, "... and none runs");
}

static void memory(void)
{
  struct lwt_timer t;

  if (lwt_timer_init(&t, 1, fire_a, NULL))
    return;
  lwt_timer_start(&t);
  is_int(lwt_cleanup(), 1, "a timer that runs is in the way of lwt_cleanup()");
  lwt_test_advance(LWT_S(1));
  trace[0] = 0;
}

static const struct lwt_test tests[] = {
  LWT_TEST(once), LWT_TEST(stops), LWT_TEST(changes), LWT_TEST(several), LWT_TEST(cheap),
  LWT_TEST(stopped_when_due), LWT_TEST_MEMORY(memory),
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
