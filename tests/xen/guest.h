/* guest.h - for the programs that run as guests of the rig.
 * SPDX-License-Identifier: ISC
 *
 * They print "ok - ..." and "not ok - ..." on the console, and "end" when they are
 * through; run.sh in dom0 collects that.
 */
#ifndef GUEST_H
#define GUEST_H

#include <lwt-xen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define check(cond, ...) \
  (printf("%s - ", (cond) ? "ok" : "not ok"), printf(__VA_ARGS__), printf("\n"))

#endif
