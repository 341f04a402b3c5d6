/* engine.c - the run loop's engine on event channels.
 * SPDX-License-Identifier: ISC
 */
#include "xen.h"

static uint64_t engine_now(struct lwt_engine *engine)
{
  (void)engine;
  return lwt__xen_now();
}

static int engine_wait(struct lwt_engine *engine, uint64_t deadline)
{
  (void)engine;
  lwt__lifecycle_look();
  lwt__suspend_look();
  return lwt__events_wait(deadline);
}

struct lwt_engine lwt__xen_engine = { .now = engine_now, .wait = engine_wait };

/* From the first run on, somebody may ask the program to end. */
struct lwt_engine *lwt_platform_engine(void)
{
  lwt__lifecycle_start();
  return &lwt__xen_engine;
}

void lwt_platform_cleanup(void)
{
  lwt_cleanup();
}
