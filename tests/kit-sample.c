/* kit-sample.c - each assertion of lwt/test.h once right and once wrong.
 * SPDX-License-Identifier: ISC
 *
 * t-kit.sh compares what it prints with kit-sample.txt.
 */
#define LWT_TEST_SHORT
#include <lwt/test.h>

static void assertions(void)
{
  lwt_t *p = lwt_return((void *)7), *q = lwt_fail(LWT_EIO, "sample");

  ok(1 + 1 == 2, "right %d", 1);
  ok(1 + 1 == 3, "wrong %d", 1);
  is_int(41 + 1, 42, "right");
  is_int(41 + 1, 43, "wrong");
  is_str("a", "a", "right");
  is_str("a", NULL, "wrong");
  is_mem("abc", "abd", 2, "right");
  is_mem("abc", "abd", 3, "wrong");
  is_fulfilled(p, 7, "right");
  is_fulfilled(p, 8, "wrong");
  is_rejected(q, LWT_EIO, "right");
  is_rejected(q, LWT_EPIPE, "wrong");
  is_pending(p, "wrong");
  skip("there is no printer", "printing");
  lwt_test_mute(1);
  ok(0, "not seen");
  lwt_test_mute(0);
  lwt_drop(q);
}

static lwt_t *again(void *env, void *value)
{
  (void)env;
  (void)value;
  return lwt_bind(lwt_pause(), again, NULL);
}

static lwt_t *kept;

static void timing(void)
{
  lwt_t *p = lwt_sleep(LWT_MS(5)), *q;

  lwt_test_idle();
  is_pending(p, "no time has passed");
  lwt_test_advance(LWT_MS(5) - 1);
  is_pending(p, "not enough time has passed");
  lwt_test_advance(1);
  is_fulfilled(p, 0, "the time has come");
  lwt_drop(p);
  is_int(lwt_now(), LWT_MS(5), "it is told");
  p = lwt_sleep(LWT_S(1));
  q = lwt_sleep_until(LWT_NEVER);
  lwt_test_advance(LWT_NEVER);
  is_int(lwt_now(), LWT_MS(1005), "the last deadline");
  lwt_drop(p);
  lwt_drop(q);
  p = again(NULL, NULL);
  lwt_test_idle();
  lwt_drop(p);
}

static void leaks(void)
{
  struct lwt_error error;

  kept = lwt_sleep(1);
  lwt_drop(lwt_fail(LWT_EIO, "sample"));
  is_int(lwt_test_lost(&error), 1, "a lost rejection is counted");
  is_int(error.code, LWT_EIO, "it is the one");
  lwt_drop(lwt_fail(LWT_EPROTO, "sample"));
}

static void chance(void)
{
  uint64_t n = lwt_test_random(100);

  lwt_drop(kept);
  ok(n < 100 && lwt_test_random(100) < 100, "below 100");
  is_int(n, lwt_test_seed() == 1 ? 65 : 10, "the same each time");
}

/* With LWT_TEST_BUG, what was allocated before the failure stays. */
static void memory(void)
{
  struct lwt_resolver r;
  lwt_t *p = lwt_task(&r), *q = lwt_sleep(1);

#ifdef LWT_TEST_BUG
  if (lwt_state(q) == LWT_REJECTED)
    p = lwt_ref(p);
#endif
  ok(lwt_state(q) == LWT_PENDING, "there is memory");
  lwt_drop(q);
  lwt_drop(p);
  lwt_abandon(&r);
}

static const struct lwt_test tests[] = {
  LWT_TEST(assertions), LWT_TEST(timing), LWT_TEST(leaks), LWT_TEST(chance),
  LWT_TEST_MEMORY(memory),
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
