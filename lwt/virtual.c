/* virtual.c - the engine for tests: time jumps to the next deadline.
 * SPDX-License-Identifier: ISC
 */
#include "internal.h"

static uint64_t virtual_now(struct lwt_engine *engine)
{
  return ((struct lwt_virtual *)engine)->time;
}

static int virtual_wait(struct lwt_engine *engine, uint64_t deadline)
{
  struct lwt_virtual *v = (struct lwt_virtual *)engine;

  if (deadline == LWT_NEVER)
    return LWT_EDEADLK;
  if (deadline > v->time)
    v->time = deadline;
  return 0;
}

void lwt_virtual_init(struct lwt_virtual *v)
{
  v->engine.now = virtual_now;
  v->engine.wait = virtual_wait;
  v->time = 0;
}
