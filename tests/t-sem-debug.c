/* t-sem-debug.c - all outcomes are the same with lwt_debug() and under a trace.
 * SPDX-License-Identifier: ISC
 *
 * Built from the tests of the topics below, which run with paths recorded, then
 * with a trace as well.  Frames and order, whose loops take constant memory, are
 * left out there: a trace keeps promises apart that become one another.
 */
#undef SEM_ALL
#include "sem.h"

#include <lwt/trace.h>

#define TOPICS(X) X(basic) X(bind) X(cancel) X(choose) X(frame) X(join) X(on) \
  X(order) X(through) X(try)
#define DECLARE(topic) extern const struct sem_topic sem_##topic;
#define ADDRESS(topic) &sem_##topic,

TOPICS(DECLARE)
static const struct sem_topic *const topics[] = { TOPICS(ADDRESS) };

static int sink(void *env, const void *bytes, size_t len)
{
  (void)bytes;
  *(size_t *)env += len;
  return 0;
}

static void run_topic(const struct sem_topic *topic)
{
  size_t i;

  for (i = 0; i < topic->n; i++) {
    topic->begin();
    topic->tests[i].run();
    if (lwt_live() || lwt_timers())
      ok(0, "%s: nothing is left", topic->tests[i].name);
  }
}

int main(void)
{
  size_t i, traced = 0, n = sizeof topics / sizeof topics[0];

  lwt_debug(1);
  for (i = 0; i < n; i++)
    run_topic(topics[i]);
  is_int(lwt_live(), 0,
         "BTB-01 BTB-02 BTB-03 BTB-04 no outcome differs with lwt_debug()");
  is_int(lwt_trace_to(sink, &traced), 0, "a trace begins");
  for (i = 0; i < n; i++)
    if (topics[i] != &sem_frame && topics[i] != &sem_order)
      run_topic(topics[i]);
  is_int(lwt_trace_stop(), 0, "... and ends");
  ok(traced > 10000,
     "BTB-05 TRC-02 no outcome differs under a trace (%zu bytes)", traced);
  lwt_debug(0);
  is_int(lwt_cleanup(), 0, "the memory is given back");
  return lwt_test_done();
}
