/* t-oom.c - every allocation fails in turn, over the tests of the promise core.
 * SPDX-License-Identifier: ISC
 *
 * Built from the tests listed below and from lwt/ without pools, so that every
 * promise is an allocation that can fail.  Whatever fails, all that was begun
 * must end, and nothing may be left.  Scenarios at the end also look at their
 * outcome: the value, or LWT_ENOMEM.
 */
#include "failalloc.h"
#undef SEM_ALL
#include "sem.h"

#define TOPICS(X)                                                             \
  X(basic) X(bind) X(cancel) X(choose) X(drop) X(frame) X(frame_cancel) X(join) X(loop)  \
  X(on) X(order) X(through) X(timer) X(try) X(value)
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
static void check_result(struct failalloc_result r, const char *topic, const char *name)
{
  ok(!r.alive && !r.leaked, "%s: %s, %zu times with a failing allocation", topic, name,
     r.runs);
  if (r.alive)
    printf("# allocation %zu fails: %zu promises are alive\n", r.alive, lwt_live());
  else if (r.leaked)
    printf("# allocation %zu fails: %zu pieces of memory are lost\n", r.leaked,
           failalloc.balance);
  if (r.alive || r.leaked)
    exit(tap_done());
}

static void run_topic(const struct sem_topic *topic)
{
  size_t i;

  running = topic;
  for (i = 0; i < topic->n; i++)
    if (!topic->tests[i].once)
      check_result(failalloc_each(run_test, NULL, (void *)(uintptr_t)&topic->tests[i]),
                   topic->name, topic->tests[i].name);
}

int main(void)
{
  size_t i;

  failalloc_init();
  for (i = 0; i < sizeof topics / sizeof *topics; i++)
    run_topic(topics[i]);
  is_int(lwt_live(), 0, "no promise is left");
  is_int(lwt_timers(), 0, "no timer is left");
  return tap_done();
}
