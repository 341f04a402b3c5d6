/* t-throttle.c - a limit on how often, for each key; the group THR.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <lwt/throttle.h>

static lwt_t *wait_on(struct lwt_throttle *t, const char *key)
{
  return lwt_throttle_wait(t, key, 1);
}

static int passed(int n, lwt_t *ps[])
{
  int i, count = 0;

  for (i = 0; i < n; i++)
    count += lwt_state(ps[i]) == LWT_FULFILLED;
  return count;
}

static void drop_n(int n, lwt_t *ps[])
{
  while (n-- > 0)
    lwt_drop(ps[n]);
}

static void rate(void)
{
  struct lwt_throttle *t =
    lwt_throttle_new(&(struct lwt_throttle_limits){ .rate = 3, .waiting = 8, .keys = 4 });
  lwt_t *p[12], *q;
  int i;

  if (!t)
    return;
  for (i = 0; i < 12; i++)
    p[i] = wait_on(t, "a");
  is_int(passed(12, p), 3, "THR-01 rate at once");
  is_int(lwt_throttle_stats(t).waiting, 8, "THR-01 others wait");
  is_rejected(p[11], LWT_EAGAIN, "THR-01 (differs) not more than max");
  q = wait_on(t, "b");
  is_fulfilled(q, 0, "THR-01 another key has its own rate");
  lwt_test_advance(LWT_S(1) - 1);
  is_int(passed(12, p), 3, "THR-01 none more within a second");
  lwt_test_advance(1);
  is_int(passed(12, p), 6, "THR-01 then rate again");
  ok(lwt_state(p[5]) == LWT_FULFILLED && lwt_state(p[6]) == LWT_PENDING,
     "in the order of the calls");
  lwt_cancel(p[6]);
  is_int(lwt_throttle_stats(t).waiting, 4, "a cancelled one does not wait");
  lwt_test_advance(LWT_S(1));
  ok(lwt_state(p[9]) == LWT_FULFILLED && lwt_state(p[10]) == LWT_PENDING,
     "and leaves its turn to others");
  ok(lwt_throttle_stats(t).passed == 10 && lwt_throttle_stats(t).refused == 1, "counted");
  lwt_throttle_free(t);
  is_rejected(p[10], LWT_EPIPE, "freed: who waits is told");
  drop_n(12, p);
  lwt_drop(q);
}

static void keys(void)
{
  struct lwt_throttle *t =
    lwt_throttle_new(&(struct lwt_throttle_limits){ .rate = 1, .period = LWT_MS(100),
                                                    .waiting = 1, .keys = 2 });
  lwt_t *a, *b, *c;

  if (!t)
    return;
  a = wait_on(t, "a");
  lwt_test_advance(LWT_MS(50));
  b = wait_on(t, "b");
  c = wait_on(t, "c");
  is_rejected(c, LWT_EAGAIN, "no room for a third key");
  lwt_drop(c);
  lwt_test_advance(LWT_MS(50));
  c = wait_on(t, "c");
  is_fulfilled(c, 0, "until the first has been idle for a period");
  is_int(lwt_throttle_stats(t).keys, 2, "two are known");
  drop_n(3, (lwt_t *[]){ a, b, c });
  lwt_throttle_free(t);
  ok(!lwt_throttle_new(&(struct lwt_throttle_limits){ .keys = 1 }), "THR-01 no rate");
  ok(!lwt_throttle_new(&(struct lwt_throttle_limits){ .rate = 1 }), "no keys");
}

static void *note_time(void *env, void *value)
{
  *(uint64_t *)env = lwt_now();
  return value;
}

/* At random: in no second do more than rate pass, and nobody waits in vain. */
static void sliding(void)
{
  enum { N = 400, RATE = 5 };
  struct lwt_throttle *t = lwt_throttle_new(
    &(struct lwt_throttle_limits){ .rate = RATE, .waiting = N, .keys = 1 });
  static lwt_t *p[N];
  static uint64_t when[N];
  int i, n = 0, bad = 0;

  if (!t)
    return;
  while (passed(n, p) < N) {
    for (; n < N && lwt_test_random(3) == 0; n++)
      p[n] = lwt_map(wait_on(t, "k"), note_time, &when[n]);
    lwt_test_advance(LWT_MS(1 + lwt_test_random(100)));
  }
  for (i = RATE; i < N; i++)
    bad += when[i] - when[i - RATE] < LWT_S(1);
  is_int(bad, 0, "THR-01 in no second more than rate");
  ok(lwt_now() < LWT_S(N / RATE + 20), "and nobody waits longer than needed");
  drop_n(N, p);
  lwt_throttle_free(t);
}

static void memory(void)
{
  struct lwt_throttle *t =
    lwt_throttle_new(&(struct lwt_throttle_limits){ .rate = 1, .waiting = 2, .keys = 2 });
  lwt_t *p[3];
  int i;

  if (!t)
    return;
  for (i = 0; i < 3; i++)
    p[i] = wait_on(t, "a");
  lwt_test_advance(LWT_S(1));
  drop_n(3, p);
  if (lwt_throttle_stats(t).waiting)
    lwt_test_mute(0), ok(0, "somebody is still counted"), lwt_test_mute(1);
  lwt_throttle_free(t);
}

static const struct lwt_test tests[] = {
  LWT_TEST(rate), LWT_TEST(keys), LWT_TEST(sliding), LWT_TEST_MEMORY(memory),
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
