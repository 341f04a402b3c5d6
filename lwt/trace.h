/* lwt/trace.h - what the loop does, as a file that Perfetto opens.
 * SPDX-License-Identifier: ISC
 *
 * A trace is JSON in the Chrome trace-event format, its array form: open it with
 * https://ui.perfetto.dev or chrome://tracing.  LWT_TRACE=file.json in the
 * environment traces a program from the first promise of each of its threads;
 * the functions here do it from inside.  Time is the engine's clock.
 *
 * A loop (system thread) is a track of callbacks that run and of waits in the
 * engine.  Frames, pending binds and their kin, timers and named promises are
 * asynchronous spans: from where they begin to wait until their callback starts
 * (a frame: until it settles), or until they are given up.
 *
 * A trace takes memory for each promise that waits, and keeps those apart that
 * else become one another: endless loops of binds or frames grow while traced.
 *
 * Events collect in 64 KiB and are handed on in pieces that end between two
 * events.  The last piece comes with lwt_trace_stop(), lwt_cleanup() or exit().
 * A program that is killed leaves a file that lacks its last piece and the `]';
 * Perfetto takes it nevertheless.
 */
#ifndef LWT_TRACE_H
#define LWT_TRACE_H

#include <lwt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Takes a piece of the trace.  Returns 0; anything else ends the trace.  Must
 * not call the library. */
typedef int lwt_trace_fn(void *env, const void *bytes, size_t len);

/* Trace this thread from now on.  Returns 0, LWT_EBUSY if it is traced already,
 * or LWT_ENOMEM.  lwt_trace_file(): into a file, which the caller closes after
 * lwt_trace_stop(). */
LWT_API int lwt_trace_to(lwt_trace_fn *sink, void *env);
LWT_API int lwt_trace_file(FILE *file);

/* End it: the last piece.  Returns 0, LWT_EIO if the sink has failed,
 * LWT_ENOENT if this thread is not traced. */
LWT_API int lwt_trace_stop(void);

/* Nonzero if this thread is traced: ask before you compute what to say. */
LWT_API int lwt_tracing(void);

/* For drivers and programs, on the loop's track; no effect without a trace.
 * category and name: literals, such as "io", "read".  begin and end nest. */
LWT_API void lwt_trace_instant(const char *category, const char *name, int64_t value);
LWT_API void lwt_trace_begin(const char *category, const char *name);
LWT_API void lwt_trace_end(const char *category, const char *name);

#ifdef __cplusplus
}
#endif

#endif
