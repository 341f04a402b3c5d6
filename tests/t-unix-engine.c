/* t-unix-engine.c - the engine on libuv: time, its own loop, a foreign loop.
 * SPDX-License-Identifier: ISC
 *
 * The clock is real here: no sleep may end early; how late they end is looked at
 * once, with the best of many.
 */
#define LWT_TEST_SHORT
#include <lwt-unix.h>
#include <lwt/test.h>
#include <signal.h>
#include <string.h>
#include <uv.h>

/* ---- Time -------------------------------------------------------------- */

static const uint64_t durations[] = {
  0, 1, 1000, 50000, 333333, 999999, 1000000, 1000001, 1500000, 2999999, 7000000,
};
#define N_DURATIONS (sizeof durations / sizeof durations[0])

static void never_early(void)
{
  uint64_t begin, end, best = LWT_NEVER, late;
  size_t i, early = 0;

  for (i = 0; i < 10 * N_DURATIONS; i++) {
    begin = lwt_now();
    lwt_run(lwt_sleep(durations[i % N_DURATIONS]));
    end = lwt_now();
    early += end < begin + durations[i % N_DURATIONS];
    late = end - (begin + durations[i % N_DURATIONS]);
    if (durations[i % N_DURATIONS] > LWT_MS(1) && late < best)
      best = late;
  }
  is_int(early, 0, "no sleep ends early");
  ok(best < LWT_MS(1), "the best is less than 1 ms late (%" PRIu64 " ns)", best);
  is_int(lwt_timers(), 0, "no timer left");
}

struct order {
  char text[32];
  int n;
};
struct letter {
  struct lwt_frame frame;
  struct order *order;
  uint64_t at;
  char name;
};

LWT_STEP letter_step(struct lwt_frame *frame)
{
  struct letter *l = (struct letter *)frame;

  lwt_begin(l);
  lwt_await(l, lwt_sleep_until(l->at));
  l->order->text[l->order->n++] = l->name;
  lwt_end(l);
}

static lwt_t *letter(struct order *order, uint64_t at, char name)
{
  return LWT_GO(struct letter, letter_step, .order = order, .at = at, .name = name);
}

/* The alarm moves nearer and farther. */
static void moving_deadlines(void)
{
  struct order order = { "", 0 };
  uint64_t now = lwt_now();
  lwt_t *far = letter(&order, now + LWT_S(1000), 'x');
  lwt_t *gone = letter(&order, now + LWT_MS(30), 'y'), *all;

  all = lwt_join(LWT_PS(letter(&order, now + LWT_MS(70), 'c'),
                        letter(&order, now + LWT_MS(50), 'a'),
                        letter(&order, now + LWT_MS(70), 'd'),
                        letter(&order, now + LWT_MS(60), 'b')));
  lwt_drop(gone);
  is_int(lwt_run(all), 0, "timers");
  is_str(order.text, "abcd", "in order of time, then of birth; cancelled: silent");
  lwt_drop(far);
}

static void wait_directly(void)
{
  struct lwt_engine *e = lwt_get_engine();
  uint64_t deadline;

  ok(e == lwt_platform_engine(), "the platform's engine is the default");
  is_int(e->wait(e, 0), 0, "deadline 0 only looks");
  is_int(e->wait(e, LWT_NEVER), LWT_EDEADLK, "no deadline and nothing to wait for");
  deadline = e->now(e) + LWT_MS(2);
  while (e->now(e) < deadline)
    is_int(e->wait(e, deadline), 0, "wait until a deadline");
  is_int(e->wait(e, 1), 0, "a deadline that has passed");
  is_int(e->wait(e, LWT_NEVER), LWT_EDEADLK, "an alarm that rang does not count");
}

/* ---- When nothing can wake the loop ------------------------------------ */

static void dead_loops(void)
{
  struct lwt_resolver r;
  lwt_t *p = lwt_task(&r);
  struct lwt_error error = lwt_run_value(p, NULL);

  is_int(error.code, LWT_EDEADLK, "nobody can settle it");
  is_str(error.what, "lwt_run", "says who");
  lwt_abandon(&r);
}

static lwt_t *send_signal(void *env, void *value)
{
  (void)value;
  raise(*(int *)env);
  return lwt_return(NULL);
}

static void signals_may_come(void)
{
  int term = SIGTERM;
  struct lwt_resolver r;
  lwt_t *p, *shutdown;

  lwt_async(lwt_bind(lwt_sleep(LWT_MS(1)), send_signal, &term));
  is_int(lwt_run(lwt_platform_shutdown()), 0, "waiting for SIGTERM alone is no deadlock");

  p = lwt_task(&r);
  shutdown = lwt_platform_shutdown();
  lwt_drop(shutdown);
  is_int(lwt_run_value(p, NULL).code, LWT_EDEADLK, "a cancelled one cannot come");
  lwt_abandon(&r);
}

/* ---- A loop of the program's ------------------------------------------- */

struct count {
  struct lwt_frame frame;
  int *n;
  int i;
};

LWT_STEP count_step(struct lwt_frame *frame)
{
  struct count *c = (struct count *)frame;

  lwt_begin(c);
  for (c->i = 0; c->i < 10; c->i++) {
    if (c->i % 2)
      lwt_await(c, lwt_pause());
    else
      lwt_await(c, lwt_sleep(LWT_US(200)));
    ++*c->n;
  }
  lwt_end(c);
}

LWT_STEP pauses_step(struct lwt_frame *frame)
{
  struct count *c = (struct count *)frame;

  lwt_begin(c);
  for (c->i = 0; c->i < 10; c->i++) {
    lwt_await(c, lwt_pause());
    ++*c->n;
  }
  lwt_end(c);
}

static lwt_t *count(int *n)
{
  return LWT_GO(struct count, count_step, .n = n);
}

struct fulfil {
  uv_timer_t timer;
  struct lwt_resolver r;
};

static void fulfil_now(uv_timer_t *timer)
{
  struct fulfil *f = (struct fulfil *)timer;

  lwt_fulfill(&f->r, NULL);
}

static lwt_t *then_count(void *env, void *value)
{
  (void)value;
  return count(env);
}

/* A promise that a libuv timer of the program fulfils. */
static lwt_t *from_timer(uv_loop_t *loop, struct fulfil *f, uint64_t ms)
{
  uv_timer_init(loop, &f->timer);
  uv_timer_start(&f->timer, fulfil_now, ms, 0);
  return lwt_wait(&f->r);
}

static void foreign_uv_run(uv_loop_t *loop, struct lwt_unix *u)
{
  struct fulfil f;
  int n = 0;

  lwt_async(count(&n));
  is_int(uv_run(loop, UV_RUN_DEFAULT), 0, "uv_run() ends");
  is_int(n, 10, "when the promises made before it are through");

  lwt_async(count(&n));
  lwt_unix_wake(u);
  uv_run(loop, UV_RUN_DEFAULT);
  is_int(n, 20, "woken, it runs those made later");

  n = 0;
  lwt_async(LWT_GO(struct count, pauses_step, .n = &n));
  lwt_unix_wake(u);
  uv_run(loop, UV_RUN_DEFAULT);
  is_int(n, 10, "pauses alone keep it running");

  n = 0;
  lwt_async(lwt_bind(from_timer(loop, &f, 2), then_count, &n));
  uv_run(loop, UV_RUN_DEFAULT);
  is_int(n, 10, "a libuv callback of the program settles a promise");
  uv_close((uv_handle_t *)&f.timer, NULL);
  uv_run(loop, UV_RUN_DEFAULT);

  n = 0;
  lwt_async(count(&n));
  lwt_unix_wake(u);
  while (uv_run(loop, UV_RUN_ONCE))
    ;
  is_int(n, 10, "turn by turn");
}

/* libuv runs its timers and then sleeps: lwt_run() must not sleep with it. */
static void foreign_lwt_run(uv_loop_t *loop)
{
  struct fulfil f;
  uv_timer_t far;
  int n = 0, i, bad = 0;

  uv_timer_init(loop, &far);
  uv_timer_start(&far, fulfil_now, 3600 * 1000, 0);
  is_int(lwt_run(count(&n)), 0, "lwt_run() on the foreign loop");
  is_int(n, 10, "runs the promises");
  for (i = 0; i < 50; i++) {
    bad += lwt_run(from_timer(loop, &f, (uint64_t)i % 3)) != 0;
    uv_close((uv_handle_t *)&f.timer, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
  }
  is_int(bad, 0, "lwt_run() sees what the program's timers settle");
  uv_close((uv_handle_t *)&far, NULL);
  uv_run(loop, UV_RUN_DEFAULT);
}

static void foreign(void)
{
  uv_loop_t loop;
  struct lwt_unix *u = NULL, *v = NULL;

  lwt_platform_cleanup();
  is_int(uv_loop_init(&loop), 0, "a loop of the program's");
  is_int(lwt_unix_attach(&loop, &u), 0, "attach");
  ok(lwt_unix_loop() == &loop, "it is the thread's loop");
  is_int(lwt_unix_attach(&loop, &v), LWT_EBUSY, "once a thread");
  foreign_uv_run(&loop, u);
  foreign_lwt_run(&loop);
  is_int(uv_loop_alive(&loop), 0, "attached, the loop is not alive by itself");
  lwt_unix_detach(u);
  uv_run(&loop, UV_RUN_DEFAULT);
  is_int(uv_loop_close(&loop), 0, "detached, the loop closes");
}

/* Detach with a timer set, and close without a turn in between. */
static void detach_early(void)
{
  uv_loop_t loop;
  struct lwt_unix *u = NULL;
  lwt_t *p;

  uv_loop_init(&loop);
  is_int(lwt_unix_attach(&loop, &u), 0, "attach");
  p = lwt_sleep(LWT_S(1000));
  uv_run(&loop, UV_RUN_NOWAIT);
  is_int(uv_loop_alive(&loop), 1, "a sleeping promise keeps the loop alive");
  lwt_unix_detach(u);
  uv_run(&loop, UV_RUN_DEFAULT);
  is_int(uv_loop_close(&loop), 0, "until it is detached");
  lwt_drop(p);
}

/* ---- The program's handles on our loop --------------------------------- */

static void shared_loop(void)
{
  struct fulfil f;
  int i, bad = 0;

  for (i = 0; i < 50; i++) {
    bad += lwt_run(from_timer(lwt_unix_loop(), &f, (uint64_t)i % 3)) != 0;
    uv_close((uv_handle_t *)&f.timer, NULL);
    uv_run(lwt_unix_loop(), UV_RUN_NOWAIT);
  }
  is_int(bad, 0, "timers of the program on our loop");
}

/* ---- Many times, many threads, no memory ------------------------------- */

static void *no_alloc(size_t size)
{
  (void)size;
  return NULL;
}

static void no_memory(void)
{
  struct lwt_unix *u = NULL;
  uv_loop_t loop;

  lwt_platform_cleanup();
  uv_loop_init(&loop);
  lwt_set_allocator(no_alloc, NULL);
  ok(lwt_platform_engine() == NULL, "no memory, no engine");
  ok(lwt_unix_loop() == NULL, "and no loop");
  is_int(lwt_unix_attach(&loop, &u), LWT_ENOMEM, "attach says so");
  ok(lwt_run_value(lwt_pause(), NULL).code != 0, "and so does lwt_run()");
  lwt_set_allocator(NULL, NULL);
  is_int(uv_loop_close(&loop), 0, "nothing was left on the loop");
  is_int(lwt_run(lwt_sleep(1)), 0, "with memory it goes on");
}

static void other_thread(void *env)
{
  *(int *)env = lwt_run(lwt_sleep(LWT_MS(1)));
  lwt_platform_cleanup();
}

static void threads(void)
{
  uv_thread_t thread[4];
  int result[4], i, bad = 0;

  for (i = 0; i < 4; i++) {
    result[i] = -1;
    uv_thread_create(&thread[i], other_thread, &result[i]);
  }
  for (i = 0; i < 4; i++) {
    uv_thread_join(&thread[i]);
    bad += result[i] != 0;
  }
  is_int(bad, 0, "each thread has a loop");
}

static void platform(void)
{
  uint8_t a[600] = { 0 }, b[600] = { 0 };
  struct lwt_netif *netif;

  is_int(lwt_platform_random(a, sizeof a), 0, "random");
  is_int(lwt_platform_random(b, sizeof b), 0, "random again");
  ok(memcmp(a, b, sizeof a) != 0, "is not the same");
  ok(lwt_platform_wallclock() > INT64_C(1700000000) * 1000000000, "the wall clock");
  is_int(lwt_platform_netif("eth:0", &netif), LWT_ENODEV, "an unknown device");
}

int main(void)
{
  wait_directly();
  never_early();
  moving_deadlines();
  dead_loops();
  signals_may_come();
  shared_loop();
  foreign();
  detach_early();
  no_memory();
  threads();
  platform();
  is_int(lwt_timers(), 0, "no timer left");
  is_int(lwt_live(), 0, "no promise left");
  lwt_platform_cleanup();
  return lwt_test_done();
}
