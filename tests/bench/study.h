/* study.h - the ways of the study "bind, frames or fibers" (doc/study.md).
 * SPDX-License-Identifier: ISC
 */
#ifndef STUDY_H
#define STUDY_H

#include <lwt.h>

/* A way to write threads.  Each function starts one and gives its promise. */
struct way {
  const char *name;
  /* Wait n times, one after the other, for what wait() gives. */
  lwt_t *(*loop)(size_t n, lwt_t *(*wait)(void));
  /* Call oneself n deep; yield before each call. */
  lwt_t *(*recurse)(size_t n);
  /* Call oneself n deep, yield once at the bottom, and return. */
  lwt_t *(*once)(size_t n);
};

extern const struct way study_bind, study_fiber, study_frame;

static inline lwt_t *study_pause(void)
{
  return lwt_pause();
}

#endif
