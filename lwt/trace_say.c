/* trace_say.c - what drivers and programs say in a trace, if there is one.
 * SPDX-License-Identifier: ISC
 */
#include "internal.h"

#include <lwt/trace.h>

int lwt_tracing(void)
{
  return lwt__t.tracer != NULL;
}

void lwt_trace_instant(const char *category, const char *name, int64_t value)
{
  if (lwt__t.tracer)
    lwt__t.trace->instant(category, name, value);
}

void lwt_trace_begin(const char *category, const char *name)
{
  if (lwt__t.tracer)
    lwt__t.trace->mark("B", category, name);
}

void lwt_trace_end(const char *category, const char *name)
{
  if (lwt__t.tracer)
    lwt__t.trace->mark("E", category, name);
}
