/* t-storage.c - storage that follows a thread; the group STO.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt/storage.h>
#include <lwt/test.h>

#define V(n) ((void *)(intptr_t)(n))

static const struct lwt_key key, other;
static intptr_t seen, seen_other, outer;
static int calls, dropped;

static void count_drop(void *value)
{
  (void)value;
  dropped++;
}

static intptr_t get(void)
{
  return (intptr_t)lwt_get(&key);
}

/* Callbacks of all kinds: each looks. */
static void look(void)
{
  seen = get();
  seen_other = (intptr_t)lwt_get(&other);
  calls++;
}

static lwt_t *on_value(void *env, void *value)
{
  (void)env, (void)value;
  look();
  return lwt_return(V(1));
}

static void *on_map(void *env, void *value)
{
  (void)env;
  look();
  return value;
}

static lwt_t *on_error(void *env, struct lwt_error error)
{
  (void)env, (void)error;
  look();
  return lwt_return(V(2));
}

static lwt_t *on_end(void *env)
{
  (void)env;
  look();
  return NULL;
}

static void on_success(void *env, void *value)
{
  (void)env, (void)value;
  look();
}

static void on_failure(void *env, struct lwt_error error)
{
  (void)env, (void)error;
  look();
}

static void on_call(void *env)
{
  (void)env;
  look();
}

/* ---- Setting and getting ------------------------------------------------------- */

static lwt_t *blank(void *env)
{
  (void)env;
  seen_other = get();
  return lwt_return(NULL);
}

static lwt_t *inside(void *env)
{
  seen = get();
  lwt_drop(lwt_with_value(&key, V(43), NULL, on_end, NULL));
  outer = get();
  lwt_drop(lwt_with_value(&key, NULL, NULL, blank, NULL));
  return env ? lwt_fail(LWT_EIO, "inside") : lwt_return(V(7));
}

static void values(void)
{
  lwt_t *p;

  is_int(get(), 0, "STO-01 a new key: none");
  seen_other = -1;
  p = lwt_with_value(&key, V(42), NULL, inside, NULL);
  is_int(outer, 42, "STO-02 inside: the value");
  is_int(seen, 43, "STO-05 nested: the inner one");
  is_int(seen_other, 0, "STO-06 nested none: hidden");
  is_int(get(), 0, "STO-03 afterwards: none again");
  is_fulfilled(p, 7, "the promise of the body");
  lwt_drop(p);
  p = lwt_with_value(&key, V(42), NULL, inside, V(1));
  is_rejected(p, LWT_EIO, "STO-04 the body's error passes on");
  is_int(get(), 0, "STO-04 and the storage is as before");
  lwt_drop(p);
}

static lwt_t *second(void *env)
{
  return lwt_with_value(&other, V(2), NULL, on_end, env);
}

static void keys(void)
{
  lwt_drop(lwt_with_value(&key, V(1), NULL, second, NULL));
  ok(seen == 1 && seen_other == 2, "STO-07 two keys are independent");
}

/* ---- Every way to attach a callback ---------------------------------------------- */

enum how {
  BIND, MAP, CATCH, TRY, FINALIZE, SUCCESS, FAILURE, TERMINATION, ANY, CANCEL, WITH
};

struct attach {
  enum how how;
  struct lwt_resolver r;
  lwt_t *source;
  lwt_t *p;
  int error; /* what to settle with */
  int cancel;
};

static lwt_t *with_body(void *env, void *arg)
{
  (void)env;
  return lwt_ref(arg);
}

static lwt_t *attach(void *env)
{
  struct attach *a = env;
  lwt_t *s = lwt_ref(a->source), *p = NULL;

  switch (a->how) {
  case BIND: p = lwt_bind(s, on_value, NULL); break;
  case MAP: p = lwt_map(s, on_map, NULL); break;
  case CATCH: p = lwt_catch(s, on_error, NULL); break;
  case TRY: p = lwt_try_bind(s, on_value, on_error, NULL); break;
  case FINALIZE: p = lwt_finalize(s, on_end, NULL); break;
  case SUCCESS: lwt_on_success(s, on_success, NULL); break;
  case FAILURE: lwt_on_failure(s, on_failure, NULL); break;
  case TERMINATION: lwt_on_termination(s, on_call, NULL); break;
  case ANY: lwt_on_any(s, on_success, on_failure, NULL); break;
  case CANCEL: lwt_on_cancel(s, on_call, NULL), lwt_drop(s); break;
  case WITH: p = lwt_with(8, with_body, s, on_call), lwt_drop(s); break;
  }
  a->p = p;
  return lwt_return(NULL);
}

static lwt_t *wake(void *env)
{
  struct attach *a = env;

  if (a->cancel)
    lwt_cancel(a->source);
  else if (a->error)
    lwt_reject(&a->r, a->error, "wake");
  else
    lwt_fulfill(&a->r, V(5));
  outer = get();
  return lwt_return(NULL);
}

static void one(enum how how, int error, int cancel, const char *name)
{
  struct attach a = { .how = how, .error = error, .cancel = cancel };

  a.source = lwt_task(&a.r);
  dropped = calls = 0;
  seen = outer = -1;
  lwt_drop(lwt_with_value(&key, V(1337), count_drop, attach, &a));
  is_int(dropped, 0, "%s: the storage is kept", name);
  lwt_drop(lwt_with_value(&key, V(42), NULL, wake, &a));
  ok(seen == 1337 && calls == 1, "%s: in the storage in which it was attached", name);
  is_int(outer, 42, "WAK-14 %s: who woke it is in its own again", name);
  is_int(dropped, 1, "%s: then the storage goes", name);
  lwt_abandon(&a.r);
  lwt_drop(a.p);
  lwt_drop(a.source);
}

static void pending(void)
{
  one(BIND, 0, 0, "STO-08 bind");
  one(MAP, 0, 0, "STO-09 map");
  one(CATCH, LWT_EIO, 0, "STO-10 catch");
  one(TRY, 0, 0, "STO-11 try_bind, fulfilled");
  one(TRY, LWT_EIO, 0, "STO-12 try_bind, rejected");
  one(FINALIZE, 0, 0, "STO-13 finalize, fulfilled");
  one(FINALIZE, LWT_EIO, 0, "STO-13 finalize, rejected");
  one(SUCCESS, 0, 0, "STO-14 on_success");
  one(FAILURE, LWT_EIO, 0, "STO-15 on_failure");
  one(TERMINATION, 0, 0, "STO-16 on_termination, fulfilled");
  one(TERMINATION, LWT_EIO, 0, "STO-17 on_termination, rejected");
  one(ANY, 0, 0, "STO-18 on_any, fulfilled");
  one(ANY, LWT_EIO, 0, "STO-19 on_any, rejected");
  one(CANCEL, 0, 1, "STO-20 on_cancel");
  one(CATCH, 0, 1, "catch, cancelled");
  one(WITH, 0, 0, "with");
  lwt_test_lost(NULL);
}

/* What never runs gives its storage back, too. */
static void not_run(void)
{
  static const enum how hows[] = { BIND, MAP, CATCH, TRY, FINALIZE };
  struct attach a;
  size_t i;
  int how;

  for (i = 0; i < sizeof hows / sizeof *hows; i++)
    for (how = 0; how < 3; how++) {
      a = (struct attach){ .how = hows[i] };
      a.source = lwt_task(&a.r);
      dropped = 0;
      lwt_drop(lwt_with_value(&key, V(1), count_drop, attach, &a));
      if (how == 0)
        lwt_drop(a.p), a.p = NULL;
      else if (how == 1)
        lwt_cancel(a.p);
      else if (hows[i] == CATCH)
        lwt_fulfill(&a.r, NULL);
      else
        lwt_reject(&a.r, LWT_EIO, "not run");
      is_int(dropped, 1, "way %zu, end %d: the storage goes", i, how);
      lwt_abandon(&a.r);
      lwt_drop(a.p);
      lwt_drop(a.source);
    }
  lwt_test_lost(NULL);
}

static lwt_t *settled_body(void *env)
{
  lwt_drop(lwt_bind(lwt_ref(env), on_value, NULL));
  return lwt_return(NULL);
}

static lwt_t *make(void *env)
{
  (void)env;
  return lwt_return_owned(V(9), count_drop);
}

static void settled(void)
{
  lwt_t *p = lwt_with_value(&key, V(1), NULL, make, NULL);

  lwt_drop(lwt_with_value(&key, V(2), NULL, settled_body, p));
  is_int(seen, 2, "STO-21 a settled promise: the storage of the caller");
  lwt_drop(lwt_bind(p, on_value, NULL));
  is_int(seen, 0, "STO-21 none here");
}

static lwt_t *pause_again(void *env, void *value)
{
  (void)value;
  seen = get();
  return lwt_bind(lwt_pause(), on_value, env);
}

static lwt_t *pauses(void *env)
{
  return lwt_bind(lwt_pause(), pause_again, env);
}

static lwt_t *set_other(void *env)
{
  struct attach *a = env;

  lwt_drop(lwt_with_value(&key, V(3), NULL, attach, a));
  return lwt_with_value(&key, V(4), NULL, wake, a);
}

static void lasting(void)
{
  struct attach a = { .how = BIND };

  is_int(lwt_run(lwt_with_value(&key, V(6), NULL, pauses, NULL)), 0, "two pauses");
  is_int(seen, 6, "STO-22 survives a pause inside the callback");
  a.source = lwt_task(&a.r);
  lwt_drop(lwt_with_value(&key, V(2), NULL, set_other, &a));
  is_int(seen, 3, "STO-23 what is set later does not change what was attached");
  lwt_drop(a.p);
  lwt_drop(a.source);
}

/* ---- Combinators, frames, cancel --------------------------------------------------- */

static lwt_t *together(void *env)
{
  struct lwt_resolver *r = env;
  lwt_t *all = lwt_join(LWT_PS(lwt_wait(&r[0]), lwt_choose(LWT_PS(lwt_wait(&r[1]))),
                               lwt_pick(LWT_PS(lwt_wait(&r[2]))),
                               lwt_no_cancel(lwt_wait(&r[3]))));

  return lwt_bind(all, on_value, NULL);
}

static void combinators(void)
{
  struct lwt_resolver r[4];
  lwt_t *p;
  int i;

  dropped = 0;
  p = lwt_with_value(&key, V(11), count_drop, together, r);
  for (i = 0; i < 4; i++)
    lwt_fulfill(&r[i], NULL);
  is_int(seen, 11, "STO-24 only callbacks keep storage, not what is between");
  is_int(dropped, 1, "which goes with them");
  lwt_drop(p);
}

struct thread {
  struct lwt_frame frame;
  int n;
  int wrong;
};

static void deferred(void *env)
{
  struct thread *t = env;

  t->wrong += get() != 21;
  look();
}

LWT_STEP child_step(struct lwt_frame *frame)
{
  struct thread *t = (struct thread *)frame;

  lwt_begin(t);
  lwt_await(t, lwt_pause());
  lwt_finish(t, get());
  lwt_end(t);
}

LWT_STEP thread_step(struct lwt_frame *frame)
{
  struct thread *t = (struct thread *)frame;
  void *value;

  lwt_begin(t);
  lwt_defer(t, deferred, t);
  for (t->n = 0; t->n < 3; t->n++) {
    t->wrong += get() != 21;
    lwt_await(t, &value, LWT_GO(struct thread, child_step, .n = 0));
    t->wrong += value != V(21) || get() != 21;
    lwt_await(t, lwt_sleep(LWT_MS(1)));
  }
  lwt_finish(t, t->wrong + 1);
  lwt_end(t);
}

static lwt_t *go(void *env)
{
  (void)env;
  return LWT_GO(struct thread, thread_step, .n = 0);
}

LWT_STEP becomes_step(struct lwt_frame *frame)
{
  struct thread *t = (struct thread *)frame;

  lwt_begin(t);
  lwt_await(t, lwt_pause());
  if (t->n > 0)
    lwt_become(t, LWT_GO(struct thread, becomes_step, .n = t->n - 1));
  lwt_finish(t, get());
  lwt_end(t);
}

static lwt_t *go_on(void *env)
{
  (void)env;
  return LWT_GO(struct thread, becomes_step, .n = 10);
}

static void frames(void)
{
  void *value = NULL;
  lwt_t *p;

  dropped = 0;
  ok(!lwt_run_value(lwt_with_value(&key, V(21), count_drop, go, NULL), &value).code &&
       value == V(1),
     "frames see it after every await");
  is_int(seen, 21, "and in their deferred calls");
  is_int(dropped, 1, "until they end");
  dropped = calls = 0;
  p = lwt_with_value(&key, V(21), count_drop, go, NULL);
  lwt_drop(p);
  ok(calls == 1 && seen == 21 && dropped == 1, "also when they are given up");
  dropped = 0;
  ok(!lwt_run_value(lwt_with_value(&key, V(22), count_drop, go_on, NULL), &value).code &&
       value == V(22) && dropped == 1,
     "threads that become others");
  lwt_async(lwt_with_value(&key, V(21), NULL, go, NULL));
  is_int(get(), 0, "async: nobody else sees it");
  lwt_test_idle();
  lwt_test_advance(LWT_MS(10));
}

/* A loop that sets the key in each round stays as small as it is. */
static int rounds;

static lwt_t *loop_body(void *env);

static lwt_t *loop_again(void *env, void *value)
{
  (void)value;
  if (++rounds == 10000)
    return lwt_return(lwt_get(&key));
  return lwt_with_value(&key, V(rounds + 1), count_drop, loop_body, env);
}

static lwt_t *loop_body(void *env)
{
  return lwt_bind(lwt_pause(), loop_again, env);
}

static void looping(void)
{
  void *value = NULL;

  rounds = dropped = 0;
  lwt_run_value(lwt_with_value(&key, V(1), count_drop, loop_body, NULL), &value);
  is_int((intptr_t)value, 10000, "a loop that sets it in each round");
  is_int(dropped, 10000, "lets go of the values before");
}

/* Drop functions may settle promises. */
static struct lwt_resolver at_drop;

static void settle_drop(void *value)
{
  lwt_fulfill(&at_drop, value);
}

static void settling(void)
{
  lwt_t *p = lwt_map(lwt_wait(&at_drop), on_map, NULL);
  struct attach a = { .how = MAP };

  calls = 0;
  a.source = lwt_task(&a.r);
  lwt_drop(lwt_with_value(&key, V(8), settle_drop, attach, &a));
  lwt_drop(a.p);
  ok(calls == 1 && seen == 0, "what a drop function settles runs, in no storage");
  lwt_abandon(&a.r);
  lwt_drop(a.source);
  lwt_test_lost(NULL);
  lwt_drop(p);
}

/* Every value set is dropped once, whatever fails. */
static void memory(void)
{
  struct lwt_resolver r[4] = { { NULL }, { NULL }, { NULL }, { NULL } };
  lwt_t *p;
  int i, set = 2;

  dropped = 0;
  p = lwt_with_value(&key, V(1), count_drop, together, r);
  for (i = 0; i < 4; i++)
    lwt_abandon(&r[i]);
  lwt_drop(p);
  lwt_run_value(lwt_with_value(&key, V(21), count_drop, go, NULL), NULL);
  lwt_test_lost(NULL);
  ok(dropped == set, "%d values are dropped", set);
  if (dropped != set)
    lwt_test_mute(0), ok(0, "not %d values were dropped", set), lwt_test_mute(1);
}

static const struct lwt_test tests[] = {
  LWT_TEST(values), LWT_TEST(keys), LWT_TEST(pending), LWT_TEST(not_run),
  LWT_TEST(settled), LWT_TEST(lasting), LWT_TEST(combinators), LWT_TEST(frames),
  LWT_TEST(looping), LWT_TEST(settling), LWT_TEST_MEMORY(memory),
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
