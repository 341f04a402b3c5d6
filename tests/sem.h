/* sem.h - helpers of the tests of the promise core.
 * SPDX-License-Identifier: ISC
 *
 * Values in these tests are small integers, V(n).  A struct cb is the env of
 * every callback: it says what the callback returns and records its calls.
 *
 * A file ends with SEM_TESTS(topic, T(function), ...), which is its main().
 * t-oom.c is built from the same files with SEM_ALL, without their main(), and
 * runs each function with every allocation failing in turn: a function must
 * then still settle all its resolvers and drop all its handles, whatever the
 * promises became.  ONCE(function) is for those that are too long for that.
 */
#ifndef SEM_H
#define SEM_H

#define LWT_TEST_SHORT
#include <lwt.h>
#include <lwt/engine.h>
#include <lwt/test.h>
#include <string.h>

#define V(n) ((void *)(intptr_t)(n))

/* ---- A log of what happened, in order -------------------------------------- */

static char sem_log[512];

__attribute__((unused)) static void note(const char *s)
{
  size_t n = strlen(sem_log);

  snprintf(sem_log + n, sizeof sem_log - n, "%s%s", n ? " " : "", s);
}

/* Is it what was noted?  The log is empty afterwards. */
__attribute__((unused)) static int noted(const char *want)
{
  int same = !strcmp(sem_log, want);

  if (!same && !lwt_test_muted())
    printf("# noted \"%s\", want \"%s\"\n", sem_log, want);
  sem_log[0] = 0;
  return same;
}

__attribute__((unused)) static void forget(void)
{
  sem_log[0] = 0;
}

/* ---- Rejections that nobody looked at -------------------------------------- */

static struct {
  int calls;
  int code;
  const char *what;
  const char *where;
} sem_lost;

static void sem_on_lost(struct lwt_error error, const char *where)
{
  sem_lost.calls++;
  sem_lost.code = error.code;
  sem_lost.what = error.what;
  sem_lost.where = where;
}

__attribute__((unused)) static int same(const char *a, const char *b)
{
  return a && b && !strcmp(a, b);
}

/* The reports since the last look. */
__attribute__((unused)) static int lost(void)
{
  int n = sem_lost.calls;

  sem_lost.calls = 0;
  return n;
}

/* ---- Callbacks ------------------------------------------------------------- */

struct cb {
  const char *name;          /* noted at each call */
  void (*act)(struct cb *);  /* called in each call */
  void *arg;                 /* for act */
  intptr_t ret;              /* the result is fulfilled with it, */
  int fail;                  /* unless this is set: rejected with it, */
  lwt_t *then;               /* or this: it is the result, and is moved */
  int calls;
  intptr_t value;            /* of the last call */
  int code;                  /* of the last call that saw an error */
};

static void cb_called(struct cb *cb, intptr_t value, int code)
{
  cb->calls++;
  cb->value = value;
  cb->code = code;
  if (cb->name)
    note(cb->name);
  if (cb->act)
    cb->act(cb);
}

static lwt_t *cb_result(struct cb *cb)
{
  lwt_t *p = cb->then;

  cb->then = NULL;
  if (p)
    return p;
  return cb->fail ? lwt_fail(cb->fail, "callback") : lwt_return(V(cb->ret));
}

__attribute__((unused)) static lwt_t *cb_bind(void *env, void *value)
{
  cb_called(env, (intptr_t)value, 0);
  return cb_result(env);
}

__attribute__((unused)) static void *cb_map(void *env, void *value)
{
  cb_called(env, (intptr_t)value, 0);
  return V(((struct cb *)env)->ret);
}

__attribute__((unused)) static lwt_t *cb_catch(void *env, struct lwt_error error)
{
  cb_called(env, 0, error.code);
  return cb_result(env);
}

__attribute__((unused)) static lwt_t *cb_finalize(void *env)
{
  cb_called(env, 0, 0);
  return cb_result(env);
}

__attribute__((unused)) static void cb_value(void *env, void *value)
{
  cb_called(env, (intptr_t)value, 0);
}

__attribute__((unused)) static void cb_error(void *env, struct lwt_error error)
{
  cb_called(env, 0, error.code);
}

__attribute__((unused)) static void cb_call(void *env)
{
  cb_called(env, 0, 0);
}

/* Acts; arg is the resolver. */
__attribute__((unused)) static void act_fulfill(struct cb *cb)
{
  lwt_fulfill(cb->arg, V(9));
}

__attribute__((unused)) static void act_cancel(struct cb *cb)
{
  lwt_cancel(cb->arg);
}

/* ---- States ---------------------------------------------------------------- */

__attribute__((unused)) static int pending(lwt_t *p)
{
  return lwt_state(p) == LWT_PENDING;
}

__attribute__((unused)) static int is(lwt_t *p, intptr_t value)
{
  return lwt_state(p) == LWT_FULFILLED && (intptr_t)lwt_value(p) == value;
}

__attribute__((unused)) static int failed(lwt_t *p, int code)
{
  return lwt_state(p) == LWT_REJECTED && lwt_error(p).code == code;
}

__attribute__((unused)) static int canceled(lwt_t *p)
{
  return failed(p, LWT_ECANCELED);
}

/* ---- The program ----------------------------------------------------------- */

struct sem_test {
  const char *name;
  void (*run)(void);
  int once;
};

struct sem_topic {
  const char *name;
  void (*begin)(void);
  const struct sem_test *tests;
  size_t n;
};

static void sem_begin(void)
{
  static struct lwt_virtual engine;

  lwt_virtual_init(&engine);
  lwt_set_engine(&engine.engine);
  lwt_on_lost(sem_on_lost);
  lwt_seed(1);
  sem_log[0] = 0;
  sem_lost.calls = 0;
}

__attribute__((unused)) static int sem_main(const struct sem_topic *topic)
{
  size_t i;

  for (i = 0; i < topic->n; i++) {
    sem_begin();
    topic->tests[i].run();
    if (lwt_live() || lwt_timers())
      ok(0, "%s: nothing is left", topic->tests[i].name);
  }
  is_int(lwt_live(), 0, "no promise is left");
  is_int(lwt_timers(), 0, "no timer is left");
  is_int(lwt_cleanup(), 0, "the memory is given back");
  return lwt_test_done();
}

#define T(function) { #function, function, 0 }
#define ONCE(function) { #function, function, 1 }
#ifdef SEM_ALL
#define SEM_MAIN(topic)
#else
#define SEM_MAIN(topic) int main(void) { return sem_main(&sem_##topic); }
#endif
#define SEM_TESTS(topic, ...)                                                 \
  static const struct sem_test topic##_tests[] = { __VA_ARGS__ };             \
  extern const struct sem_topic sem_##topic;                                  \
  const struct sem_topic sem_##topic = {                                      \
    #topic, sem_begin, topic##_tests, sizeof topic##_tests / sizeof(struct sem_test) \
  };                                                                          \
  SEM_MAIN(topic)

#endif
