/* tracer.h - what a trace is told of the loop.
 * SPDX-License-Identifier: ISC
 */
#ifndef LWT_TRACER_H
#define LWT_TRACER_H

#include <lwt.h>
#include <lwt/engine.h>
#include <lwt/trace.h>

struct note;
struct promise;
struct waiter;

/* A callback in a trace. */
struct traced {
  struct promise *p; /* NULL: not traced */
  uint64_t span;     /* of the frame that it is, or 0 */
};

/* What a trace is told; by a table, so that a program which starts none is linked
 * without. */
struct trace_ops {
  /* Only with WATCH_TRACE.  p begins to wait; a callback begins and has ended; the
   * engine waits. */
  void (*span)(struct promise *p);
  void (*call)(struct traced *c, struct waiter *w, const struct lwt_stall *call);
  void (*called)(const struct traced *c);
  int (*wait)(struct lwt_engine *engine, uint64_t deadline, size_t resumed);
  /* With a tracer: lwt_trace_begin(), lwt_trace_end(), lwt_trace_instant(). */
  void (*mark)(const char *phase, const char *category, const char *name);
  void (*instant)(const char *category, const char *name, int64_t value);
  /* Also after the trace: the span of a note with one ends. */
  void (*span_end)(struct note *note);
  int (*stop)(void);
};

/* shared: with other threads, which do not end the trace; first: begins the array. */
int lwt__trace_start(lwt_trace_fn *sink, void *env, int shared, int first);
/* LWT_TRACE=path: trace_file.c, or a platform that has no files. */
void lwt__trace_environment(const char *path);

#endif
