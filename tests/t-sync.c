/* t-sync.c - mutex, semaphore, condition, read-write lock, barrier, mvar; the groups
 * MUT, CND and MVA.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt.h>
#include <lwt/sync.h>
#include <lwt/test.h>

static int dropped;

static void count_drop(void *value)
{
  (void)value;
  dropped++;
}

static int pending(lwt_t *p)
{
  return lwt_state(p) == LWT_PENDING;
}

static int fulfilled(lwt_t *p)
{
  return lwt_state(p) == LWT_FULFILLED;
}

static int canceled(lwt_t *p)
{
  return lwt_error(p).code == LWT_ECANCELED;
}

static void drop_n(int n, lwt_t *ps[])
{
  while (n-- > 0)
    lwt_drop(ps[n]);
}

/* Receive a value without using it: a lock that is received stays taken. */
static void *received(void *env, void *value)
{
  (void)env;
  return value;
}

static lwt_t *held(lwt_t *lock)
{
  return lwt_map(lock, received, NULL);
}

static lwt_t *fail_body(void *env)
{
  (void)env;
  return lwt_fail(LWT_EIO, "body");
}

static lwt_t *task_body(void *env)
{
  return lwt_task((struct lwt_resolver *)env);
}

static void mutex(void)
{
  struct lwt_mutex m = { .locked = 0 };
  struct lwt_resolver r;
  lwt_t *a = held(lwt_mutex_lock(&m)), *b, *c;

  ok(fulfilled(a), "MUT-03 lock of a free mutex is fulfilled at once");
  b = held(lwt_mutex_lock(&m));
  c = held(lwt_mutex_lock(&m));
  ok(pending(b) && pending(c), "MUT-04 lock of a taken mutex waits");
  is_int(lwt_queue_length(&m.waiters), 2, "MUT-08 two wait");
  ok(!lwt_mutex_try_lock(&m), "try_lock of a taken mutex");
  lwt_mutex_unlock(&m);
  ok(fulfilled(b) && pending(c), "MUT-04 first come, first served");
  ok(m.locked, "MUT-05 handed over directly");
  lwt_drop(a);
  lwt_drop(b);
  lwt_cancel(c);
  ok(canceled(c), "MUT-01 a waiting locker can be cancelled");
  is_int(lwt_queue_length(&m.waiters), 0, "MUT-01 and has left the queue");
  lwt_drop(c);
  lwt_mutex_unlock(&m);
  ok(!m.locked, "MUT-08 free");
  lwt_mutex_unlock(&m);
  ok(!m.locked, "MUT-06 unlock of a free mutex has no effect");

  a = held(lwt_mutex_lock(&m));
  b = lwt_mutex_lock(&m);
  lwt_mutex_unlock(&m);
  lwt_cancel(b);
  ok(fulfilled(b) && m.locked, "MUT-02 what was handed over cannot be cancelled");
  lwt_drop(b);
  ok(!m.locked, "a lock that nobody received is given back");
  lwt_drop(a);

  a = lwt_with_lock(&m, fail_body, NULL);
  is_int(lwt_error(a).code, LWT_EIO, "MUT-07 with_lock passes the error on");
  ok(!m.locked, "MUT-07 and unlocks");
  lwt_drop(a);
  a = lwt_with_lock(&m, task_body, &r);
  b = held(lwt_mutex_lock(&m));
  ok(pending(a) && pending(b), "MUT-09 locked while body runs");
  lwt_cancel(a);
  ok(canceled(a) && fulfilled(b), "MUT-07 unlocks on cancel");
  lwt_abandon(&r);
  drop_n(2, (lwt_t *[]){ a, b });
  lwt_mutex_unlock(&m);
}

static lwt_t *count_body(void *env)
{
  ++*(int *)env;
  return lwt_return((void *)5);
}

static void try_lock(void)
{
  struct lwt_mutex m = { .locked = 0 };

  ok(lwt_mutex_try_lock(&m) && m.locked, "try_lock of a free mutex takes it");
  ok(!lwt_mutex_try_lock(&m), "... once");
  lwt_mutex_unlock(&m);
  ok(!m.locked, "... until it is unlocked");
}

static void with_taken_lock(void)
{
  struct lwt_mutex m = { .locked = 1 };
  struct lwt_resolver r = { NULL };
  int calls = 0;
  lwt_t *a = lwt_with_lock(&m, count_body, &calls), *b = lwt_with_lock(&m, task_body, &r);
  lwt_t *c = lwt_with_lock(&m, count_body, &calls);

  ok(pending(a) && calls == 0, "MUT-07 with_lock waits for a taken mutex");
  lwt_cancel(c);
  ok(canceled(c) && calls == 0, "... cancelled there, it does not call the body");
  lwt_mutex_unlock(&m);
  ok(lwt_value(a) == (void *)5 && calls == 1, "... then the body runs, and its value is");
  ok(m.locked && pending(b), "... and the next one has the mutex");
  lwt_fulfill(&r, (void *)6);
  ok(lwt_value(b) == (void *)6 && !m.locked, "... until its body is through");
  drop_n(3, (lwt_t *[]){ a, b, c });
}

/* Each call either gives what it promises or LWT_ENOMEM and nothing. */
static void without_memory(void *env)
{
  struct lwt_mutex m = { .locked = 0 };
  struct lwt_mvar v = { .full = 0 };
  struct lwt_resolver r = { NULL };
  lwt_t *a = lwt_with_lock(&m, task_body, &r), *b = held(lwt_mutex_lock(&m)), *c;

  (void)env;
  lwt_drop(a);
  lwt_abandon(&r);
  lwt_drop(b);
  lwt_drop(lwt_mvar_put_owned(&v, (void *)1, count_drop));
  c = lwt_mvar_put_owned(&v, (void *)2, count_drop);
  lwt_drop(c);
  lwt_mvar_fini(&v);
  lwt_mvar_fini(&v);
}

static void memory(void)
{
  struct lwt_test_result r;

  dropped = 0;
  lwt_test_mute(1);
  r = lwt_test_each_allocation(without_memory, NULL, NULL);
  lwt_test_mute(0);
  ok(r.runs > 1 && !r.alive && !r.lost, "nothing is left without memory (%zu runs)",
     r.runs);
}

static void handed_over_to_nobody(void)
{
  struct lwt_mutex m = { .locked = 1 };
  lwt_t *a = lwt_mutex_lock(&m), *b = held(lwt_mutex_lock(&m)), *p;
  struct lwt_resolver r;

  p = lwt_pick(LWT_PS(lwt_task(&r), a));
  lwt_fulfill(&r, NULL);
  is_int(lwt_queue_length(&m.waiters), 1, "the loser of a pick has left the queue");
  lwt_mutex_unlock(&m);
  ok(fulfilled(b), "and the next one gets the lock");
  drop_n(2, (lwt_t *[]){ p, b });
  lwt_mutex_unlock(&m);
}

static void semaphore(void)
{
  struct lwt_semaphore s = LWT_SEMAPHORE_INIT(2);
  lwt_t *a = held(lwt_semaphore_take(&s)), *b = held(lwt_semaphore_take(&s)), *c, *d;

  ok(fulfilled(a) && fulfilled(b) && s.free == 0, "two units taken");
  c = held(lwt_semaphore_take(&s));
  d = lwt_semaphore_take(&s);
  ok(pending(c) && !lwt_semaphore_try_take(&s), "the third waits");
  lwt_semaphore_give(&s);
  ok(fulfilled(c) && pending(d) && s.free == 0, "a unit given goes to the first");
  lwt_drop(d);
  lwt_semaphore_give(&s);
  is_int(s.free, 1, "nobody waits: the unit is free");
  lwt_drop(lwt_semaphore_take(&s));
  is_int(s.free, 1, "a unit that nobody received is given back");
  drop_n(3, (lwt_t *[]){ a, b, c });
}

static void condition(void)
{
  struct lwt_condition c = { .waiters = { { 0 } } };
  struct lwt_mutex m = { .locked = 1 };
  lwt_t *a, *b, *l;

  lwt_condition_signal(&c, (void *)9);
  a = lwt_condition_wait(&c, NULL);
  ok(pending(a), "CND-04 a signal without waiters is lost");
  b = lwt_condition_wait(&c, NULL);
  lwt_condition_signal(&c, (void *)1);
  ok(lwt_value(a) == (void *)1 && pending(b), "CND-01 CND-07 signal wakes the oldest");
  lwt_drop(a);
  a = lwt_condition_wait(&c, NULL);
  lwt_condition_broadcast(&c, (void *)2);
  ok(lwt_value(a) == (void *)2 && lwt_value(b) == (void *)2,
     "CND-05 broadcast wakes all");
  drop_n(2, (lwt_t *[]){ a, b });
  a = lwt_condition_wait(&c, NULL);
  b = lwt_condition_wait(&c, NULL);
  lwt_condition_fail(&c, LWT_EIO, "x");
  ok(lwt_error(a).code == LWT_EIO && lwt_error(b).code == LWT_EIO,
     "CND-06 all that wait are rejected");
  drop_n(2, (lwt_t *[]){ a, b });

  a = lwt_condition_wait(&c, &m);
  ok(pending(a) && !m.locked, "CND-02 the mutex is free while waiting");
  l = held(lwt_mutex_lock(&m));
  lwt_condition_signal(&c, (void *)3);
  ok(pending(a), "CND-03 waits for the mutex");
  lwt_mutex_unlock(&m);
  ok(lwt_value(a) == (void *)3 && m.locked, "CND-03 and holds it again");
  drop_n(2, (lwt_t *[]){ a, l });
  a = lwt_condition_wait(&c, &m);
  lwt_cancel(a);
  ok(canceled(a) && m.locked, "CND-08 holds it after a cancel, too");
  lwt_drop(a);
}

static struct lwt_condition again;
static lwt_t *rewaited;

static void *rewait(void *env, void *value)
{
  (void)env;
  rewaited = lwt_condition_wait(&again, NULL);
  return value;
}

static void broadcast_once(void)
{
  lwt_t *a = lwt_map(lwt_condition_wait(&again, NULL), rewait, NULL);

  lwt_condition_broadcast(&again, NULL);
  ok(fulfilled(a) && pending(rewaited), "CND-09 waiters added meanwhile are not woken");
  drop_n(2, (lwt_t *[]){ a, rewaited });
}

static void rwlock(void)
{
  struct lwt_rwlock l = { .readers = 0 };
  lwt_t *r1 = held(lwt_rwlock_read(&l)), *r2 = held(lwt_rwlock_read(&l));
  lwt_t *w = held(lwt_rwlock_write(&l)), *r3 = held(lwt_rwlock_read(&l)), *w2;

  ok(fulfilled(r1) && fulfilled(r2), "readers share");
  ok(pending(w) && pending(r3), "a waiting writer holds up later readers");
  lwt_rwlock_unlock_read(&l);
  ok(pending(w), "one reader is left");
  lwt_rwlock_unlock_read(&l);
  ok(fulfilled(w) && pending(r3), "the writer is alone");
  w2 = lwt_rwlock_write(&l);
  lwt_rwlock_unlock_write(&l);
  ok(fulfilled(r3) && pending(w2), "then the reader");
  lwt_drop(r2);
  r2 = held(lwt_rwlock_read(&l));
  ok(pending(r2), "behind the second writer");
  lwt_cancel(w2);
  ok(fulfilled(r2), "a writer that leaves lets the readers in");
  lwt_rwlock_unlock_read(&l);
  lwt_rwlock_unlock_read(&l);
  ok(l.readers == 0 && !l.writer, "free in the end");
  drop_n(5, (lwt_t *[]){ r1, r2, r3, w, w2 });
}

static void rwlock_unreceived(void)
{
  struct lwt_rwlock l = { .readers = 0 };
  lwt_t *w = lwt_rwlock_write(&l), *r = held(lwt_rwlock_read(&l));

  ok(fulfilled(w) && l.writer && pending(r), "write of a free lock is fulfilled at once");
  lwt_drop(w);
  ok(!l.writer && fulfilled(r), "... not received, it goes to who waits");
  lwt_drop(lwt_rwlock_read(&l));
  is_int(l.readers, 1, "a reader's lock that nobody received is given back");
  lwt_rwlock_unlock_read(&l);
  lwt_drop(r);
}

static void barrier(void)
{
  struct lwt_barrier b = LWT_BARRIER_INIT(3);
  int round;

  for (round = 0; round < 2; round++) {
    lwt_t *p = lwt_barrier_wait(&b), *q = lwt_barrier_wait(&b), *last;

    ok(pending(p) && pending(q), "round %d: two of three wait", round);
    last = lwt_barrier_wait(&b);
    ok(fulfilled(p) && fulfilled(q) && fulfilled(last), "round %d: all go on", round);
    drop_n(3, (lwt_t *[]){ p, q, last });
  }
}

static void mvar(void)
{
  struct lwt_mvar m = { .full = 0 };
  void *v = NULL;
  lwt_t *a, *b, *c;

  lwt_drop(lwt_mvar_put(&m, (void *)1));
  ok(m.full, "MVA-05 full");
  a = lwt_mvar_take(&m);
  ok(lwt_value(a) == (void *)1 && !m.full, "MVA-01 MVA-08 take");
  lwt_drop(a);
  ok(!lwt_mvar_try_take(&m, &v), "MVA-03 MVA-06 empty");
  a = lwt_mvar_take(&m);
  b = lwt_mvar_take(&m);
  c = lwt_mvar_put(&m, (void *)2);
  ok(fulfilled(c) && lwt_value(a) == (void *)2 && pending(b),
     "MVA-09 MVA-12 the first taker gets it");
  lwt_cancel(b);
  drop_n(3, (lwt_t *[]){ a, b, c });
  lwt_drop(lwt_mvar_put(&m, (void *)3));
  ok(m.full, "MVA-14 a cancelled take has left the queue");
  a = lwt_mvar_put(&m, (void *)4);
  b = lwt_mvar_put_owned(&m, (void *)5, count_drop);
  ok(pending(a) && pending(b), "MVA-07 put on full waits");
  ok(lwt_mvar_try_take(&m, &v) && v == (void *)3, "MVA-02 MVA-10 the old value first");
  ok(fulfilled(a) && pending(b), "MVA-10 MVA-13 the first putter is in");
  lwt_cancel(b);
  ok(canceled(b) && dropped == 1, "MVA-11 a cancelled put takes its value away");
  ok(lwt_mvar_try_take(&m, &v) && v == (void *)4, "MVA-13 its value was in place");
  ok(!lwt_mvar_try_take(&m, &v), "MVA-04 MVA-11 and then it is empty");
  drop_n(2, (lwt_t *[]){ a, b });
  lwt_drop(lwt_mvar_put_owned(&m, (void *)6, count_drop));
  lwt_mvar_fini(&m);
  is_int(dropped, 2, "fini drops what is inside");
}

/* The wait queues inside, seen through a mutex. */
static void *queue_left(void *env, void *value)
{
  (void)value;
  return (void *)(intptr_t)lwt_queue_length(env);
}

static lwt_t *queue_left_on_cancel(void *env, struct lwt_error error)
{
  (void)error;
  return lwt_return(queue_left(env, NULL));
}

static void queues(void)
{
  struct lwt_mutex m = { .locked = 1 };
  lwt_t *a = held(lwt_mutex_lock(&m)), *b = held(lwt_mutex_lock(&m)), *c;

  ok(pending(a) && pending(b) && lwt_queue_length(&m.waiters) == 2, "TSQ-01 both wait");
  lwt_cancel(a);
  ok(canceled(a) && pending(b), "TSQ-01 cancel of the first leaves the second");
  is_int(lwt_queue_length(&m.waiters), 1, "TSQ-01 and removes the first");
  c = lwt_catch(lwt_mutex_lock(&m), queue_left_on_cancel, &m.waiters);
  lwt_cancel(c);
  is_int((intptr_t)lwt_value(c), 1, "TSQ-03 (differs) removed before any callback runs");
  lwt_mutex_unlock(&m);
  ok(fulfilled(b), "TSQ-01 in the order of addition");
  drop_n(3, (lwt_t *[]){ a, b, c });
}

int main(void)
{
  lwt_test_memory();
  mutex();
  try_lock();
  with_taken_lock();
  queues();
  handed_over_to_nobody();
  semaphore();
  condition();
  broadcast_once();
  rwlock();
  rwlock_unreceived();
  barrier();
  mvar();
  memory();
  is_int(lwt_live(), 0, "nothing is left");
  return lwt_test_done();
}
