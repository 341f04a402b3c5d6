/* t-retry.c - trying again, and errors of what nobody waits for; the groups RTY and
 * DW.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt/retry.h>
#include <lwt/test.h>
#include <string.h>

#define V(n) ((void *)(intptr_t)(n))

static struct {
  int calls, succeed; /* at this attempt; 0: never */
  int error;
  int pending;
  uint64_t at[20];
  unsigned n;
  int dropped;
} w;

static void count_drop(void *value)
{
  (void)value;
  w.dropped++;
}

static lwt_t *attempt(void *env, unsigned n)
{
  (void)env;
  w.n = n;
  if (w.calls < 20)
    w.at[w.calls] = lwt_now();
  w.calls++;
  if (w.pending)
    return lwt_sleep(LWT_S(1000));
  if (w.calls == w.succeed)
    return lwt_return_owned(V(w.calls), count_drop);
  return lwt_fail(w.error, "attempt");
}

static void start(int succeed, int error)
{
  memset(&w, 0, sizeof w);
  w.succeed = succeed;
  w.error = error;
}

static int is_bad(void *env, struct lwt_error error)
{
  (void)env;
  return error.code == LWT_EACCES;
}

static void attempts(void)
{
  lwt_t *p;

  start(3, LWT_EIO);
  p = lwt_retry((&(struct lwt_retry){ .attempts = 5 }), attempt, NULL);
  lwt_test_idle();
  is_fulfilled(p, 3, "RTY-02 the value of the attempt that succeeds");
  is_int(w.calls, 3, "RTY-01 none after that");
  is_int(w.n, 3, "RTY-01 numbered from 1");
  lwt_drop(p);
  is_int(w.dropped, 1, "the value keeps its drop function");
  start(0, LWT_EIO);
  p = lwt_retry((&(struct lwt_retry){ .attempts = 4 }), attempt, NULL);
  lwt_test_idle();
  is_rejected(p, LWT_EIO, "RTY-02 exhausted: the last error");
  is_int(w.calls, 4, "RTY-02 n attempts");
  lwt_drop(p);
  start(0, LWT_EIO);
  p = lwt_retry((&(struct lwt_retry){ .attempts = 0 }), attempt, NULL);
  is_rejected(p, LWT_EIO, "RTY-02 no retries");
  is_int(w.calls, 1, "RTY-02 one attempt");
  lwt_drop(p);
  start(0, LWT_EACCES);
  p = lwt_retry((&(struct lwt_retry){ .attempts = 5, .fatal = is_bad }), attempt, NULL);
  is_rejected(p, LWT_EACCES, "RTY-01 RTY-02 a fatal error");
  is_int(w.calls, 1, "RTY-01 stops at once");
  lwt_drop(p);
  p = lwt_retry((&(struct lwt_retry){ .jitter = 101 }), attempt, NULL);
  is_rejected(p, LWT_EINVAL, "more than all of it");
  lwt_drop(p);
}

static uint64_t like_lwt(void *env, unsigned n)
{
  (void)env;
  return (n - 1) * 2 * (1ull << (n - 1)) * LWT_S(1);
}

static void backs_off(void)
{
  static const uint64_t want[] = { 0, 1, 3, 7, 11, 15 };
  static const uint64_t lwt[] = { 0, 0, 4, 20, 68 };
  lwt_t *p;
  int i;

  start(6, LWT_EIO);
  p = lwt_retry((&(struct lwt_retry){ .attempts = 9, .first = LWT_S(1),
                                      .max = LWT_S(4) }),
                attempt, NULL);
  lwt_test_advance(LWT_S(100));
  is_fulfilled(p, 6, "six attempts");
  for (i = 0; i < 6; i++)
    is_int((w.at[i] - w.at[0]) / LWT_S(1), want[i], "at %d: doubled, up to max",
           (int)want[i]);
  lwt_drop(p);
  start(5, LWT_EIO);
  p = lwt_retry((&(struct lwt_retry){ .attempts = 9, .delay = like_lwt }), attempt, NULL);
  lwt_test_advance(LWT_S(100));
  for (i = 0; i < 5; i++)
    is_int((w.at[i] - w.at[0]) / LWT_S(1), lwt[i], "RTY-03 (differs) with Lwt's delays");
  lwt_drop(p);
  start(0, LWT_EIO);
  p = lwt_retry((&(struct lwt_retry){ .attempts = 200, .first = 1 }), attempt, NULL);
  lwt_test_advance(LWT_NEVER - lwt_now() - 1);
  is_pending(p, "a wait without end");
  lwt_drop(p);
}

/* The times of the attempts, with the seed. */
static void jittered(uint64_t seed, uint64_t at[8])
{
  lwt_t *p;

  start(8, LWT_EIO);
  p = lwt_retry((&(struct lwt_retry){ .attempts = 8, .first = LWT_S(1), .jitter = 50,
                                      .max = LWT_S(2), .seed = seed }),
                attempt, NULL);
  lwt_test_advance(LWT_S(100));
  lwt_drop(p);
  memcpy(at, w.at, 8 * sizeof *at);
}

static void jitter(void)
{
  uint64_t a[8], b[8], c[8], wait;
  int i, within = 1, same = 1, differ = 0;

  jittered(7, a);
  jittered(7, b);
  jittered(8, c);
  for (i = 1; i < 8; i++) {
    wait = a[i] - a[i - 1];
    within &= i == 1 ? wait >= LWT_MS(500) && wait <= LWT_S(1)
                     : wait >= LWT_S(1) && wait <= LWT_S(2);
    same &= wait == b[i] - b[i - 1];
    differ |= wait != c[i] - c[i - 1];
  }
  ok(within, "jitter: a part of the wait");
  ok(same, "the same with the same seed");
  ok(differ, "another with another");
}

static void cancels(void)
{
  lwt_t *p;

  start(0, LWT_EIO);
  p = lwt_retry((&(struct lwt_retry){ .attempts = 5, .first = LWT_S(9) }), attempt, NULL);
  lwt_cancel(p);
  is_rejected(p, LWT_ECANCELED, "cancelled while it waits");
  lwt_drop(p);
  start(0, LWT_EIO);
  w.pending = 1;
  p = lwt_retry((&(struct lwt_retry){ .attempts = 5 }), attempt, NULL);
  lwt_cancel(p);
  is_rejected(p, LWT_ECANCELED, "cancelled in an attempt: no other");
  is_int(w.calls, 1, "none");
  lwt_drop(p);
  p = lwt_retry((&(struct lwt_retry){ .attempts = 5 }), attempt, NULL);
  lwt_drop(p);
  is_int(lwt_timers(), 0, "dropped: nothing goes on");
}

static void memory(void)
{
  lwt_t *p;

  start(3, LWT_EIO);
  p = lwt_retry((&(struct lwt_retry){ .attempts = 5, .first = 1 }), attempt, NULL);
  lwt_run_value(p, NULL);
  lwt_test_lost(NULL);
}

/* ---- dont_wait ------------------------------------------------------------------ */

static int code;

static void on_error(void *env, struct lwt_error error)
{
  ++*(int *)env;
  code = error.code;
}

static void dont_wait(void)
{
  struct lwt_resolver r;
  int calls = 0;

  lwt_dont_wait(lwt_return(V(1)), on_error, &calls);
  is_int(calls, 0, "DW-01 fulfilled: the handler is not called");
  lwt_dont_wait(lwt_fail(LWT_EIO, "x"), on_error, &calls);
  ok(calls == 1 && code == LWT_EIO, "DW-02 DW-03 rejected: it gets the error");
  lwt_dont_wait(lwt_task(&r), on_error, &calls);
  lwt_fulfill(&r, NULL);
  is_int(calls, 1, "DW-04 pending, then fulfilled: not called");
  lwt_dont_wait(lwt_task(&r), on_error, &calls);
  lwt_reject(&r, LWT_EPIPE, "x");
  ok(calls == 2 && code == LWT_EPIPE, "DW-05 pending, then rejected: it gets the error");
  is_int(lwt_test_lost(NULL), 0, "DW-05 nothing is reported");
}

static void extremes(void)
{
  lwt_t *p;

  start(0, LWT_EIO);
  p = lwt_retry((&(struct lwt_retry){ .attempts = 90, .first = LWT_S(1),
                                      .max = LWT_S(5) }), attempt, NULL);
  lwt_test_advance(LWT_S(1000));
  is_rejected(p, LWT_EIO, "ninety attempts");
  ok(w.at[19] - w.at[18] == LWT_S(5) && w.calls == 90,
     "... waits that no number can hold are the longest");
  lwt_drop(p);
  lwt_seed(7);
  start(0, LWT_EIO);
  p = lwt_retry((&(struct lwt_retry){ .attempts = 2, .first = LWT_NEVER, .jitter = 100 }),
                attempt, NULL);
  ok(lwt_state(p) == LWT_PENDING && lwt_timers() == 1, "a chance of all of time waits");
  lwt_drop(p);
  start(0, LWT_EIO);
  p = lwt_retry((&(struct lwt_retry){ .attempts = 3, .first = LWT_S(8), .jitter = 50 }),
                attempt, NULL);
  lwt_test_advance(LWT_S(1000));
  is_rejected(p, LWT_EIO, "three attempts");
  ok(w.at[1] - w.at[0] >= LWT_S(4) && w.at[1] - w.at[0] <= LWT_S(8) &&
     w.at[2] - w.at[1] >= LWT_S(8) && w.at[2] - w.at[1] <= LWT_S(16) &&
     (w.at[1] - w.at[0]) * 2 != w.at[2] - w.at[1],
     "jitter without a seed of its own");
  lwt_drop(p);
}

static void dont_wait_memory(void)
{
  struct lwt_resolver r;
  int calls = 0;
  lwt_t *p = lwt_task(&r);
  int had = lwt_state(p) == LWT_PENDING;

  lwt_dont_wait(p, on_error, &calls);
  if (had && lwt_unwanted(&r))
    lwt_test_mute(0), ok(0, "the promise does not run on"), lwt_test_mute(1);
  lwt_reject(&r, LWT_EIO, "x");
  if (had && calls + (int)lwt_test_lost(NULL) != 1)
    lwt_test_mute(0), ok(0, "the error is lost"), lwt_test_mute(1);
}

static const struct lwt_test tests[] = {
  LWT_TEST(attempts), LWT_TEST(backs_off), LWT_TEST(jitter), LWT_TEST(extremes),
  LWT_TEST(cancels), LWT_TEST_MEMORY(memory), LWT_TEST(dont_wait),
  LWT_TEST_MEMORY(dont_wait_memory),
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
