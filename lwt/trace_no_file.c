/* trace_no_file.c - LWT_TRACE where there are no files.
 * SPDX-License-Identifier: ISC
 *
 * lwt_trace_to() and lwt_trace_file() are there for programs that have a place for it.
 */
#include "internal.h"

#include <stdio.h>

void lwt__trace_environment(const char *path)
{
  fprintf(stderr, "lwt: cannot write a trace to %s\n", path);
}
