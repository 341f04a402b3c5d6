/* t-oom.c - every allocation fails in turn, over the tests of the promise core.
 * SPDX-License-Identifier: ISC
 *
 * Built from the tests listed below and from lwt/ without pools, so that every
 * promise is an allocation that can fail.  Whatever fails, all that was begun
 * must end, and nothing may be left.  Scenarios at the end also look at their
 * outcome: the value, or LWT_ENOMEM.
 */
#undef SEM_ALL
#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <stdlib.h>
#include "sem.h"

#ifdef LWT_FIBERS
#define FIBER_TOPICS(X) X(direct) X(fiber)
#else
#define FIBER_TOPICS(X)
#endif
#define TOPICS(X)                                                             \
  X(basic) X(bind) X(cancel) X(choose) X(drop) X(dump) X(frame) X(frame_cancel) X(join)  \
  X(loop) X(on) X(order) X(path) X(scope) X(spawn) X(switch) X(through) X(timer) X(try)  \
  X(trace) X(value) X(list) X(stream) X(stream_of) FIBER_TOPICS(X)
#define DECLARE(topic) extern const struct sem_topic sem_##topic;
#define ADDRESS(topic) &sem_##topic,

TOPICS(DECLARE)
static const struct sem_topic *const topics[] = { TOPICS(ADDRESS) };

static const struct sem_topic *running;

static void run_test(void *env)
{
  running->begin();
  ((const struct sem_test *)env)->run();
}

/* Something that stays behind would be found again by all that follows. */
static void check_result(struct lwt_test_result r, const char *topic, const char *name)
{
  ok(!r.alive && !r.lost, "%s: %s, %zu times with a failing allocation", topic, name,
     r.runs);
  if (r.alive)
    printf("# allocation %zu fails: %zu promises are alive\n", r.alive, lwt_live());
  else if (r.lost)
    printf("# allocation %zu fails: %zu pieces of memory are lost\n", r.lost,
           lwt_test_counted().held);
  if (r.alive || r.lost)
    exit(lwt_test_done());
}

static void run_topic(const struct sem_topic *topic)
{
  struct lwt_test_result r;
  size_t i;

  running = topic;
  for (i = 0; i < topic->n; i++)
    if (!topic->tests[i].once) {
      lwt_test_mute(1);
      r = lwt_test_each_allocation(run_test, NULL, (void *)(uintptr_t)&topic->tests[i]);
      lwt_test_mute(0);
      check_result(r, topic->name, topic->tests[i].name);
    }
}

/* ---- What a call does when there is no memory ------------------------------ */

#ifdef LWT_NO_POOLS
static void act_abandon(struct cb *cb)
{
  lwt_abandon(cb->arg);
}

/* Functions that need a promise of their own: what they were given is dropped
 * before they return. */
static lwt_t *call(int how, lwt_t *p, struct cb *f, int *code)
{
  *code = LWT_ENOMEM;
  switch (how) {
  case 0:
    return lwt_bind(p, cb_bind, f);
  case 1:
    return lwt_map(p, cb_map, f);
  case 2:
    return lwt_catch(p, cb_catch, f);
  case 3:
    return lwt_try_bind(p, cb_bind, cb_catch, f);
  case 4:
    return lwt_join(LWT_PS(p));
  case 5:
    return lwt_all(LWT_PS(p));
  case 6:
    return lwt_choose(LWT_PS(p));
  case 7:
    return lwt_npick(LWT_PS(p));
  case 8:
    return lwt_nchoose_split(LWT_PS(p));
  case 9:
    return lwt_protected(p);
  case 10:
    return lwt_with_timeout(LWT_S(1), p);
  case 11:
    *code = lwt_on_success(p, cb_value, f);
    return lwt_return(NULL);
  case 12:
    *code = lwt_on_any(p, cb_value, cb_error, f);
    return lwt_return(NULL);
  default:
    return lwt_finalize(p, cb_finalize, f);
  }
}

static void no_memory(void)
{
  struct lwt_resolver r;
  struct cb stop = { .name = "stop", .act = act_abandon, .arg = &r }, f = { .name = "f" };
  lwt_t *p, *q;
  int how, code;

  sem_begin();
  for (how = 0; how <= 13; how++) {
    p = lwt_task_op(&r, cb_call, &stop);
    lwt_test_fail(1, 1);
    q = call(how, p, &f, &code);
    lwt_test_fail(0, 0);
    ok(code == LWT_ENOMEM && (failed(q, LWT_ENOMEM) || how == 11 || how == 12),
       "no memory (%d): LWT_ENOMEM", how);
    ok(noted(how == 13 ? "stop f" : "stop"), "... and the input was dropped%s",
       how == 13 ? ", and the finalizer ran" : "");
    lwt_drop(q);
  }
  p = lwt_task(&r);
  lwt_test_fail(1, 1);
  code = lwt_on_cancel(p, cb_call, &f);
  lwt_test_fail(0, 0);
  ok(code == LWT_ENOMEM && pending(p), "no memory: lwt_on_cancel borrows");
  lwt_abandon(&r);
  (void)lwt_error(p);
  lwt_drop(p);
  lwt_test_fail(1, 1);
  p = lwt_task(&r);
  q = lwt_fail(LWT_EIO, "disk");
  code = lwt_fulfill(&r, NULL);
  lwt_test_fail(0, 0);
  ok(failed(p, LWT_ENOMEM) && code == LWT_EALREADY, "no memory: the resolver is empty");
  ok(failed(q, LWT_ENOMEM), "no memory for another error: LWT_ENOMEM");
  ok(lwt_ref(p) == p, "LWT_ENOMEM can be shared");
  lwt_drop(p);
  lwt_drop(p);
  lwt_drop(q);
  lost();
  lwt_test_fail(1, 1);
  lwt_async(lwt_return_owned(NULL, free));
  lwt_test_fail(0, 0);
  ok(lost() == 1 && sem_lost.code == LWT_ENOMEM, "no memory for a promise that runs on");
  is_int(lwt_live(), 0, "nothing is left");
}
#else
static void no_memory(void)
{
}
#endif

/* ---- Scenarios with an outcome --------------------------------------------- */

/* Values are counted: each that was made is dropped once. */
static size_t made, dropped;

static void drop_value(void *value)
{
  (void)value;
  dropped++;
}

static lwt_t *make(void *env, void *value)
{
  (void)env;
  (void)value;
  made++;
  return lwt_return_owned(V(7), drop_value);
}

static lwt_t *later(uint64_t duration)
{
  return lwt_bind(lwt_sleep(duration), make, NULL);
}

static lwt_t *take(void *env, void *value)
{
  (void)env;
  drop_value(value);
  return lwt_bind(lwt_pause(), make, NULL);
}

static lwt_t *pass(void *env, struct lwt_error error)
{
  (void)env;
  return lwt_fail_error(error);
}

static lwt_t *wait_a_little(void *env)
{
  (void)env;
  return lwt_sleep(LWT_MS(1));
}

static lwt_t *chain(void)
{
  lwt_t *p = lwt_catch(lwt_bind(later(LWT_MS(5)), take, NULL), pass, NULL);

  p = lwt_try_bind(lwt_finalize(p, wait_a_little, NULL), take, pass, NULL);
  return lwt_wrap_in_cancelable(lwt_no_cancel(lwt_protected(p)));
}

static lwt_t *groups(void)
{
  lwt_t *a = lwt_choose(LWT_PS(later(LWT_MS(3)), later(LWT_MS(1)))), *b, *c, *d;

  b = lwt_pick(LWT_PS(later(LWT_MS(3)), later(LWT_MS(1)), lwt_return(V(7))));
  c = lwt_nchoose(LWT_PS(later(LWT_MS(2)), later(LWT_MS(2))));
  d = lwt_npick(LWT_PS(later(LWT_MS(4)), make(NULL, NULL)));
  c = lwt_all(LWT_PS(c, d, lwt_nchoose_split(LWT_PS(later(1), lwt_sleep(LWT_S(9))))));
  return lwt_with_timeout(LWT_S(1), lwt_join(LWT_PS(a, b, c)));
}

static lwt_t *in_time(void)
{
  return lwt_with_timeout(LWT_S(1), lwt_with_timeout(LWT_S(2), later(LWT_MS(20))));
}

static lwt_t *env_body(void *env, void *arg)
{
  (void)arg;
  return lwt_bind(lwt_pause(), make, env);
}

static lwt_t *with(void)
{
  return lwt_with(100, env_body, NULL, NULL);
}

struct flow {
  struct lwt_frame frame;
  void *value;
  int i;
  struct lwt_error error;
};

static lwt_t *close_value(void *value)
{
  drop_value(value);
  return lwt_sleep(LWT_MS(2));
}

LWT_STEP flow_step(struct lwt_frame *frame)
{
  struct flow *f = (struct flow *)frame;

  lwt_begin(f);
  lwt_await(f, &f->value, later(LWT_MS(3)));
  lwt_defer(f, close_value, f->value);
  for (f->i = 0; f->i < 3; f->i++) {
    lwt_await(f, later(LWT_MS(1)));
    lwt_await_error(f, &f->error, lwt_with_timeout(LWT_MS(1), later(LWT_MS(5))));
    if (f->error.code != LWT_ETIMEDOUT)
      lwt_throw(f, f->error.code, f->error.what);
  }
  made++;
  lwt_finish_owned(f, V(7), drop_value);
  lwt_end(f);
}

static lwt_t *frame(void)
{
  return LWT_GO(struct flow, flow_step, .i = 0);
}

static const struct scenario {
  const char *name;
  lwt_t *(*start)(void);
  intptr_t value;
} scenarios[] = {
  { "a chain", chain, 7 },         { "groups", groups, 0 },
  { "a timeout", in_time, 7 },     { "lwt_with", with, 7 },
  { "a frame", frame, 7 },
};

static int wrong;

static void run_scenario(void *env)
{
  const struct scenario *s = env;
  struct lwt_error e;
  void *value = NULL;
  size_t before = lwt_test_counted().failed;
  uint64_t next;

  sem_begin();
  made = dropped = 0;
  e = lwt_run_value(s->start(), &value);
  dropped += e.code == 0 && s->value;
  /* A finalizer for which there was no memory runs on by itself. */
  while ((next = lwt_run_ready()) != LWT_NEVER)
    lwt_get_engine()->wait(lwt_get_engine(), next);
  if (e.code == 0 ? (intptr_t)value != s->value : e.code != LWT_ENOMEM)
    wrong++;
  if (e.code && lwt_test_counted().failed == before)
    wrong++;
  if (made != dropped)
    wrong++;
}

static void run_scenarios(void)
{
  size_t i;

  for (i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
    wrong = 0;
    check_result(
      lwt_test_each_allocation(run_scenario, NULL, (void *)(uintptr_t)&scenarios[i]),
      "scenario", scenarios[i].name);
    is_int(wrong, 0, "... its value or LWT_ENOMEM, its values dropped once");
  }
}

int main(void)
{
  size_t i;

  lwt_test_memory();
  for (i = 0; i < sizeof topics / sizeof *topics; i++)
    run_topic(topics[i]);
  run_scenarios();
  no_memory();
  is_int(lwt_live(), 0, "no promise is left");
  is_int(lwt_timers(), 0, "no timer is left");
  return lwt_test_done();
}
