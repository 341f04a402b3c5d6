/* trace.c - LWT_TRACE in a domain, which has no files.
 * SPDX-License-Identifier: ISC
 *
 * lwt_trace_to() and lwt_trace_file() are there for programs that have a place for it.
 */
#include <lwt/tracer.h>

#include <stdio.h>

void lwt__trace_environment(const char *path)
{
  fprintf(stderr, "lwt: cannot write a trace to %s\n", path);
}
