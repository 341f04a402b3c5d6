/* t-unix-thread.c - worker threads, and loops in several threads; the groups PRE
 * and JOB.
 * SPDX-License-Identifier: ISC
 *
 * Runs under ThreadSanitizer, too (tests/tsan.sh).
 */
#define LWT_TEST_SHORT
#include <lwt-unix.h>
#include <lwt-unix/thread.h>
#include <lwt/test.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define V(n) ((void *)(intptr_t)(n))

static int outcome(lwt_t *p, intptr_t *value)
{
  void *got = NULL;
  int code = lwt_run_value(p, &got).code;

  if (value)
    *value = (intptr_t)got;
  return code;
}

/* ---- detach ------------------------------------------------------------ */

static atomic_uintptr_t ran_in;
static atomic_int runs, dropped_args, dropped_values;

static void drop_arg(void *arg)
{
  (void)arg;
  dropped_args++;
}

static void drop_value(void *value)
{
  (void)value;
  dropped_values++;
}

static int add_one(void *arg, void **value)
{
  ran_in = (uintptr_t)pthread_self();
  runs++;
  *value = V((intptr_t)arg + 1);
  return 0;
}

static int fails(void *arg, void **value)
{
  (void)arg;
  (void)value;
  return LWT_ERANGE;
}

/* Holds its thread until it is posted. */
struct gate {
  sem_t began, go;
};

static void gate_init(struct gate *g)
{
  sem_init(&g->began, 0, 0);
  sem_init(&g->go, 0, 0);
}

static void down(sem_t *sem)
{
  while (sem_wait(sem))
    ;
}

static int through_gate(void *arg, void **value)
{
  struct gate *g = arg;

  sem_post(&g->began);
  down(&g->go);
  *value = V(5);
  return 0;
}

static void there_and_back(void)
{
  intptr_t value;

  runs = dropped_args = dropped_values = 0;
  is_int(outcome(lwt_detach(add_one, V(41), drop_arg, drop_value), &value), 0,
         "PRE-01 detach: fulfilled");
  is_int(value, 42, "with the value");
  ok(ran_in != (uintptr_t)pthread_self(), "it ran in another thread");
  is_int(dropped_args, 1, "its argument is dropped");
  is_int(dropped_values, 0, "its value is ours");
  is_int(outcome(lwt_detach(fails, NULL, NULL, drop_value), NULL), LWT_ERANGE,
         "PRE-01 or rejected with its code");
  is_int(outcome(lwt_detach(add_one, V(1), drop_arg, drop_value), NULL), 0, "again");
  is_int(dropped_values, 0, "no value was dropped");
}

static void dropped_value_once(void)
{
  lwt_t *p = lwt_detach(add_one, V(1), drop_arg, drop_value), *q = lwt_ref(p);

  dropped_values = 0;
  is_int(lwt_run_value(p, NULL).code, 0, "run to its end");
  lwt_drop(q);
  is_int(dropped_values, 1, "a value that nobody took is dropped once");
}

static void cancels(void)
{
  struct gate g;
  lwt_t *running, *waiting;
  struct lwt_workers_stats stats;

  gate_init(&g);
  lwt_workers_limit(1, 10);
  lwt_platform_cleanup(); /* ends the threads there are */
  runs = dropped_args = dropped_values = 0;
  running = lwt_detach(through_gate, &g, drop_arg, drop_value);
  down(&g.began);
  waiting = lwt_detach(add_one, V(1), drop_arg, drop_value);
  lwt_workers_stats(&stats);
  is_int(stats.threads, 1, "one thread");
  is_int(stats.waiting, 1, "PRE-06 JOB-06 all threads are busy: one waits");
  lwt_cancel(waiting);
  is_int(lwt_error(waiting).code, LWT_ECANCELED, "PRE-06 it can be cancelled");
  lwt_workers_stats(&stats);
  is_int(stats.waiting, 0, "and is out of the queue");
  is_int(dropped_args, 1, "its argument is dropped at once");
  lwt_cancel(running);
  is_int(lwt_error(running).code, LWT_ECANCELED,
         "JOB-04 JOB-01 (differs) a cancelled call in a thread: rejected at once");
  is_int(dropped_args, 1, "but its argument is in use");
  sem_post(&g.go);
  lwt_drop(waiting);
  lwt_drop(running);
  is_int(outcome(lwt_detach(add_one, V(7), NULL, NULL), NULL), 0, "the next one runs");
  is_int(runs, 1, "the one taken out has never run");
  is_int(dropped_args, 2, "now the argument is dropped");
  is_int(dropped_values, 1, "and the value that nobody wants");
}

static void note_order(void *env, void *value)
{
  (void)value;
  ++*(int *)env;
}

static void in_order(void)
{
  struct gate g;
  struct lwt_workers_stats before, after;
  lwt_t *first, *p[4];
  int i, done[4] = { 0 }, n = 0;

  gate_init(&g);
  lwt_workers_limit(1, 4);
  first = lwt_detach(through_gate, &g, NULL, NULL);
  down(&g.began);
  for (i = 0; i < 4; i++)
    p[i] = lwt_detach(add_one, V(i), NULL, NULL);
  lwt_workers_stats(&before);
  is_int(outcome(lwt_detach(add_one, V(1), drop_arg, NULL), NULL), LWT_EAGAIN,
         "the queue has a bound");
  lwt_workers_stats(&after);
  is_int(after.refused - before.refused, 1, "and counts what it refuses");
  sem_post(&g.go);
  for (i = 0; i < 4; i++) {
    lwt_on_success(lwt_ref(p[i]), note_order, &n);
    done[i] = lwt_run(lwt_ref(p[i])) == 0 && n >= i + 1;
  }
  ok(done[0] && done[1] && done[2] && done[3], "PRE-06 served in order");
  for (i = 0; i < 4; i++)
    lwt_drop(p[i]);
  lwt_run(first);
}

static void cleanup_waits(void)
{
  struct gate g;
  lwt_t *p, *q;

  gate_init(&g);
  lwt_workers_limit(1, 4);
  dropped_args = dropped_values = 0;
  p = lwt_detach(through_gate, &g, drop_arg, drop_value);
  down(&g.began);
  q = lwt_detach(add_one, V(1), drop_arg, drop_value);
  sem_post(&g.go);
  lwt_platform_cleanup();
  is_int(lwt_error(p).code, LWT_ECANCELED, "cleanup rejects what runs");
  is_int(lwt_error(q).code, LWT_ECANCELED, "and what waits");
  is_int(dropped_args, 2, "arguments are dropped");
  ok(dropped_values >= 1, "as are values");
  lwt_drop(p);
  lwt_drop(q);
  lwt_workers_limit(16, 65536);
}

/* ---- Posts ------------------------------------------------------------- */

#define POSTERS 3
#define POSTS 2000

struct poster {
  struct lwt_loop *to;
  int id, sent;
  int seen; /* in the loop's thread */
  int disorder;
  struct lwt_resolver *done;
};

struct parcel {
  struct poster *from;
  int n;
};

static void arrive(void *env)
{
  struct parcel *parcel = env;
  struct poster *p = parcel->from;

  p->disorder += parcel->n != p->seen;
  if (++p->seen == POSTS)
    lwt_fulfill(p->done, NULL);
  free(parcel);
}

static void *post_many(void *arg)
{
  struct poster *p = arg;
  struct parcel *parcel;

  for (p->sent = 0; p->sent < POSTS; p->sent++) {
    parcel = malloc(sizeof *parcel);
    *parcel = (struct parcel){ p, p->sent };
    while (lwt_post(p->to, arrive, parcel, free) == LWT_EAGAIN)
      sched_yield();
  }
  lwt_loop_unref(p->to);
  return NULL;
}

static void posts(void)
{
  struct lwt_loop *here = lwt_loop_here();
  struct lwt_loop_stats stats;
  struct poster p[POSTERS] = { 0 };
  struct lwt_resolver r[POSTERS];
  pthread_t threads[POSTERS];
  lwt_t *done[POSTERS];
  int i, disorder = 0;

  lwt_loop_limit(here, 100);
  for (i = 0; i < POSTERS; i++) {
    done[i] = lwt_task(&r[i]);
    p[i] = (struct poster){ .to = lwt_loop_ref(here), .id = i, .done = &r[i] };
    pthread_create(&threads[i], NULL, post_many, &p[i]);
  }
  is_int(lwt_run(lwt_join(POSTERS, done)), 0,
         "JOB-05 PRE-03 posts of three threads run in the loop");
  for (i = 0; i < POSTERS; i++) {
    pthread_join(threads[i], NULL);
    disorder += p[i].disorder;
  }
  is_int(disorder, 0, "each thread's in order");
  lwt_loop_stats(here, &stats);
  is_int(stats.waiting, 0, "none waits");
  lwt_loop_limit(here, 65536);
  lwt_loop_unref(here);
}

static lwt_t *ask_self(void *env)
{
  return lwt_return(env);
}

static void count(void *env)
{
  ++*(int *)env;
}

static void post_limits(void)
{
  struct lwt_loop *here = lwt_loop_here();
  struct lwt_loop_stats stats;
  uint64_t refused;
  int n = 0, lost = 0;

  lwt_loop_limit(here, 2);
  lwt_loop_stats(here, &stats);
  refused = stats.refused;
  is_int(lwt_post(here, count, &n, NULL), 0, "post to oneself");
  is_int(lwt_post(here, count, &n, count), 0, "twice");
  is_int(lwt_post(here, count, &n, NULL), LWT_EAGAIN, "not beyond the limit");
  lwt_loop_stats(here, &stats);
  is_int(stats.waiting, 2, "two wait");
  is_int(stats.refused - refused, 1, "one was refused");
  outcome(lwt_call(here, ask_self, NULL, NULL, NULL), NULL);
  is_int(n, 2, "they have run");
  is_int(lwt_post(here, count, &n, count), 0, "one more");
  is_int(lwt_post(here, count, &lost, NULL), 0, "and one that nobody misses");
  lwt_platform_cleanup();
  is_int(n, 3, "the loop has ended: it was lost");
  is_int(lost, 0, "without a function for that: nothing");
  is_int(lwt_post(here, count, &n, count), LWT_ESHUTDOWN, "no posts after the end");
  lwt_loop_unref(here);
}

static void settle(void *r)
{
  lwt_fulfill(r, NULL);
}

/* The last handle goes while a post is still on its way. */
static void last_post(void)
{
  struct lwt_loop *here = lwt_loop_here();
  struct lwt_resolver r;
  lwt_t *p = lwt_wait(&r);

  is_int(lwt_post(here, settle, &r, NULL), 0, "a post");
  lwt_loop_unref(here);
  is_int(lwt_run(p), 0, "comes though no handle is left");
}

static void *let_go_later(void *arg)
{
  lwt_loop_unref(arg);
  return NULL;
}

static void deadlock(void)
{
  struct lwt_loop *here = lwt_loop_here();
  struct lwt_resolver r;
  lwt_t *p = lwt_task(&r);
  pthread_t thread;

  pthread_create(&thread, NULL, let_go_later, here);
  is_int(lwt_run_value(p, NULL).code, LWT_EDEADLK,
         "lwt_run() waits until the last handle is gone");
  pthread_join(thread, NULL);
  lwt_abandon(&r);
}

/* ---- Calls between loops ----------------------------------------------- */

/* A thread with a loop, until it is told to end. */
struct server {
  pthread_t thread;
  sem_t ready;
  struct lwt_loop *loop;
  struct lwt_resolver end;
  size_t live;
};

static void server_end(void *env)
{
  struct server *s = env;

  lwt_fulfill(&s->end, NULL);
}

static void *serve(void *arg)
{
  struct server *s = arg;
  lwt_t *p = lwt_task(&s->end);

  s->loop = lwt_loop_here();
  sem_post(&s->ready);
  lwt_run(p);
  lwt_platform_cleanup();
  s->live = lwt_live() + lwt_timers() + lwt_cleanup();
  return NULL;
}

static void start(struct server *s)
{
  sem_init(&s->ready, 0, 0);
  pthread_create(&s->thread, NULL, serve, s);
  down(&s->ready);
}

static void finish(struct server *s)
{
  lwt_post(s->loop, server_end, s, NULL);
  pthread_join(s->thread, NULL);
  lwt_loop_unref(s->loop);
}

static atomic_int cancelled_there;

static void *plus_one(void *env, void *value)
{
  (void)value;
  return V((intptr_t)env + 1);
}

static lwt_t *after_sleep(void *env)
{
  return lwt_map(lwt_sleep(LWT_MS(1)), plus_one, env);
}

static lwt_t *after_pauses(void *env)
{
  return lwt_map(lwt_pause(), plus_one, env);
}

static lwt_t *fail_there(void *env)
{
  (void)env;
  return lwt_fail(LWT_ENOSPC, "there");
}

static sem_t forever_began;

static void was_cancelled(void *env)
{
  (void)env;
  cancelled_there++;
}

static lwt_t *forever(void *env)
{
  lwt_t *p = lwt_sleep(LWT_NEVER / 2);

  (void)env;
  lwt_on_cancel(p, was_cancelled, NULL);
  sem_post(&forever_began);
  return p;
}

static void calls(void)
{
  struct server s;
  intptr_t value;
  lwt_t *p;
  int i, wrong = 0;

  sem_init(&forever_began, 0, 0);
  start(&s);
  dropped_args = dropped_values = cancelled_there = 0;
  is_int(outcome(lwt_call(s.loop, after_sleep, V(41), drop_arg, drop_value), &value), 0,
         "PRE-02 PRE-05 a call in another loop that waits there");
  is_int(value, 42, "its value here");
  is_int(outcome(lwt_call(s.loop, fail_there, NULL, drop_arg, NULL), NULL), LWT_ENOSPC,
         "PRE-04 its error here");
  for (i = 0; i < 200; i++)
    wrong += outcome(lwt_call(s.loop, after_pauses, V(i), NULL, NULL), &value) ||
             value != i + 1;
  is_int(wrong, 0, "two hundred of them");
  p = lwt_call(s.loop, forever, NULL, drop_arg, drop_value);
  down(&forever_began);
  lwt_cancel(p);
  is_int(outcome(p, NULL), LWT_ECANCELED, "cancelled here");
  outcome(lwt_call(s.loop, after_pauses, V(1), NULL, NULL), NULL);
  is_int(cancelled_there, 1, "and over there");
  p = lwt_call(s.loop, forever, NULL, drop_arg, drop_value);
  down(&forever_began);
  lwt_post(s.loop, server_end, &s, NULL);
  is_int(outcome(p, NULL), LWT_ESHUTDOWN, "the other loop ends while it serves");
  is_int(outcome(lwt_call(s.loop, after_pauses, V(1), drop_arg, NULL), NULL),
         LWT_ESHUTDOWN, "and has ended");
  pthread_join(s.thread, NULL);
  lwt_loop_unref(s.loop);
  is_int(dropped_args, 5, "each env was dropped once");
  is_int(s.live, 0, "nothing is left in that thread");
}

static lwt_t *give_memory(void *env)
{
  (void)env;
  return lwt_return_owned(malloc(10), free);
}

static void free_value(void *value)
{
  dropped_values++;
  free(value);
}

/* Whoever is too late drops what there is. */
static void ends_in_any_order(void)
{
  struct server s;
  lwt_t *p;
  int i;

  for (i = 0; i < 50; i++) {
    start(&s);
    p = lwt_call(s.loop, give_memory, NULL, NULL, free_value);
    if (i % 3 == 0)
      lwt_run(lwt_sleep(1));
    if (i % 2)
      lwt_platform_cleanup();
    lwt_drop(p);
    finish(&s);
  }
  ok(1, "both ends end in any order");
}

static void to_oneself(void)
{
  struct lwt_loop *here = lwt_loop_here();
  intptr_t value = 0;

  is_int(outcome(lwt_call(here, ask_self, V(3), NULL, NULL), &value), 0,
         "a call to one's own loop");
  is_int(value, 3, "comes back");
  lwt_loop_unref(here);
}

/* ---- Many loops -------------------------------------------------------- */

static void *busy_loop(void *arg)
{
  struct lwt_loop *next = arg;
  intptr_t i, value, sum = 0;

  for (i = 0; i < 50; i++) {
    sum += outcome(lwt_detach(add_one, V(i), NULL, NULL), &value) ? -1000 : value;
    lwt_run(lwt_join(LWT_PS(lwt_sleep(LWT_US(10)), lwt_pause())));
    sum += outcome(lwt_call(next, after_pauses, V(i), NULL, NULL), &value) ? -1000
                                                                            : value;
  }
  lwt_platform_cleanup();
  return V(lwt_live() + lwt_cleanup() ? -1 : sum);
}

static void loops(void)
{
  enum { N = 4 };
  struct server s;
  pthread_t threads[N];
  void *sum;
  int i, right = 0;

  start(&s);
  for (i = 0; i < N; i++)
    pthread_create(&threads[i], NULL, busy_loop, s.loop);
  for (i = 0; i < N; i++) {
    pthread_join(threads[i], &sum);
    right += (intptr_t)sum == 2 * 1275;
  }
  finish(&s);
  is_int(right, N, "a loop in each of four threads, and all that they share");
}

int main(void)
{
  there_and_back();
  dropped_value_once();
  cancels();
  in_order();
  cleanup_waits();
  posts();
  post_limits();
  last_post();
  deadlock();
  to_oneself();
  calls();
  ends_in_any_order();
  loops();
  lwt_platform_cleanup();
  is_int(lwt_timers(), 0, "no timer left");
  is_int(lwt_live(), 0, "no promise left");
  return lwt_test_done();
}
