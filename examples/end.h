/* end.h - how a program ends: what was forgotten shows.
 * SPDX-License-Identifier: ISC
 */
#ifndef END_H
#define END_H

#include <lwt.h>
#include <lwt/platform.h>
#include <stdio.h>

/* The exit status of a program whose lwt_run() has returned `failed`: it is 1 also if
 * promises are left, which are then shown. */
static inline int program_end(const char *name, int failed)
{
  size_t alive = lwt_live();

  if (alive > 0) {
    fprintf(stderr, "%s: %zu promises are still alive:\n", name, alive);
    lwt_dump(stderr);
  }
  lwt_platform_cleanup();
  return failed || alive > 0;
}

#endif
