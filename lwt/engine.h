/* lwt/engine.h - contract: what the run loop needs from a platform.
 * SPDX-License-Identifier: ISC
 *
 * Implemented by lwt-unix, lwt-xen and the virtual-time engine below; used by
 * the run loop, one engine per thread.
 */
#ifndef LWT_ENGINE_H
#define LWT_ENGINE_H

#include <lwt.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lwt_engine {
  /* Monotonic nanoseconds.  Never goes backwards. */
  uint64_t (*now)(struct lwt_engine *engine);

  /* Deliver the events that are there (settle their promises); if there are
   * none, sleep until one comes or the clock reaches deadline.  deadline 0:
   * only look; LWT_NEVER: no deadline.  Returns 0, LWT_EDEADLK if deadline is
   * LWT_NEVER and no event can ever come, or another error. */
  int (*wait)(struct lwt_engine *engine, uint64_t deadline);
};

/* Set this thread's engine; returns the one before (NULL: none).  The engine
 * must outlive the thread's promises.  NULL goes back to the platform's. */
LWT_API struct lwt_engine *lwt_set_engine(struct lwt_engine *engine);
LWT_API struct lwt_engine *lwt_get_engine(void);

/* Virtual time, for tests: nothing ever happens but timers, and the clock
 * jumps to the next one.  Begins at 0.  An I/O-free program runs to its end as
 * fast as it computes, and the same every time. */
struct lwt_virtual {
  struct lwt_engine engine;
  uint64_t time;
};
LWT_API void lwt_virtual_init(struct lwt_virtual *v);

#ifdef __cplusplus
}
#endif

#endif
