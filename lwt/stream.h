/* lwt/stream.h - streams: elements that come one after the other, in time.
 * SPDX-License-Identifier: ISC
 *
 *   struct lwt_stream *lines = lwt_stream_from(&lwt_texts, next_line, reader, NULL);
 *
 *   lwt_await(f, &line, lwt_stream_get(lines));
 *   if (line == LWT_NONE) ...
 *
 * A stream has a source, which is pulled (lwt_stream_from ...) only when
 * somebody waits for an element, one element at a time, or pushed into through
 * a sink (lwt_stream_create).  A struct lwt_stream is a handle: a position in
 * what the source gives.  lwt_stream_clone() makes a second handle, and each
 * handle sees each element.
 *
 * Rules that hold for every function here, stated once:
 *
 *   Elements    An element is one word.  struct lwt_elements says how it is
 *               freed and copied; NULL: words with nothing to free.  What is
 *               pushed or pulled belongs to the stream.  What is read belongs
 *               to the reader.  What nobody reads is dropped once.
 *   The end     is LWT_NONE, in the place of an element.
 *   Errors      A pull that is rejected is an element in its place: each
 *               handle's reader gets the rejection once, and the next read
 *               pulls again.  lwt_sink_fail() is an end: every read there
 *               is rejected.
 *   Readers     of one handle are served first come, first served, an element
 *               each.  Reading functions borrow the handle.
 *   Cancel      of a pending read loses no element: what the source gives goes
 *               to the next reader, and what a read of several elements has
 *               taken already goes back to the front.
 *   Dropping    A read that is pending when its handle is dropped is rejected
 *               with LWT_ECANCELED.  With the last handle of a source goes
 *               everything: elements are dropped, a pending pull is cancelled,
 *               and the source's release(env) is called when it has ended.
 *   Memory      A stream that could not be made is NULL, and everything that
 *               was given to it is dropped.  All functions take NULL: what
 *               makes a stream of it gives NULL, reads are rejected with
 *               LWT_ENOMEM.
 *
 * `env` arguments of transformations are borrowed until the stream is dropped
 * or has ended, those of reading functions until the promise settles.
 */
#ifndef LWT_STREAM_H
#define LWT_STREAM_H

#include <lwt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* No element: the end of a stream; nothing found; to be left out. */
#define LWT_NONE ((void *)(INTPTR_MIN / 2))
/* A limit that is none. */
#define LWT_UNLIMITED SIZE_MAX

/* What the elements of a stream are; must outlive the stream.
 * drop: frees one; NULL: nothing to free.
 * copy: for clones, stores a second one or takes another reference, returns 0
 * or a negative code; NULL: plain words are copied as they are, and a stream
 * whose elements have a drop function cannot be cloned. */
struct lwt_elements {
  lwt_drop_fn *drop;
  int (*copy)(void *value, void **copy);
};

struct lwt_stream;

/* ---- Sources that are pulled -------------------------------------------- */

/* The next element, or LWT_NONE at the end; not called again then, and never
 * while a pull is pending. */
typedef lwt_t *lwt_pull_fn(void *env);
/* Stores an element and returns 1; 0 at the end; a negative code. */
typedef int lwt_pull_direct_fn(void *env, void **value);

/* Takes env: release(env), unless NULL, is called once, after the last pull. */
LWT_API struct lwt_stream *lwt_stream_from(const struct lwt_elements *type,
                                           lwt_pull_fn *pull, void *env,
                                           lwt_call_fn *release) LWT_MUST_USE;
LWT_API struct lwt_stream *
lwt_stream_from_direct(const struct lwt_elements *type, lwt_pull_direct_fn *pull,
                       void *env, lwt_call_fn *release) LWT_MUST_USE;

/* The n values, which the stream takes; their array is the caller's.  The
 * stream is closed from the start. */
LWT_API struct lwt_stream *lwt_stream_of_array(const struct lwt_elements *type,
                                               size_t n,
                                               void *const values[]) LWT_MUST_USE;
/* A copy of the bytes, each an element (unsigned).  Closed from the start. */
LWT_API struct lwt_stream *lwt_stream_of_bytes(const void *bytes,
                                               size_t len) LWT_MUST_USE;
/* One element, when p is fulfilled; its rejection, if it is rejected.  Closed
 * when p has settled. */
LWT_API struct lwt_stream *lwt_stream_of_promise(const struct lwt_elements *type,
                                                 lwt_t *p) LWT_MUST_USE;

/* ---- Sources that are pushed into ---------------------------------------- */

/* The producer's end.  It must be given up by lwt_sink_drop(); it may live
 * longer than the stream, and the other way round. */
struct lwt_sink;

/* A stream that holds at most `limit` elements that were pushed and not read
 * by every handle (LWT_UNLIMITED: as many as there is memory for).
 * NULL: out of memory; *sink is NULL then, which all functions take. */
LWT_API struct lwt_stream *lwt_stream_create(const struct lwt_elements *type,
                                             size_t limit,
                                             struct lwt_sink **sink) LWT_MUST_USE;

/* Takes the value in any case.  Fulfilled when it is in the stream; waits while
 * the stream is full, behind earlier pushes.  Cancelled while it waits, it
 * withdraws its value.  LWT_EPIPE: the stream is closed, also while it waited,
 * or nobody can read it any more. */
#define lwt_sink_push(sink, value) lwt_sink_push_at((sink), (value), LWT_WHERE)
LWT_API lwt_t *lwt_sink_push_at(struct lwt_sink *sink, void *value,
                                const char *where) LWT_MUST_USE;
/* Returns 0; LWT_EAGAIN if it would wait, LWT_EPIPE, LWT_ENOMEM.  Takes the
 * value only if it returns 0. */
LWT_API int lwt_sink_try_push(struct lwt_sink *sink, void *value);

/* The end: what is in the stream can still be read.  No effect when closed. */
LWT_API void lwt_sink_close(struct lwt_sink *sink);
/* The same, and then each read is rejected. */
LWT_API void lwt_sink_fail(struct lwt_sink *sink, int code, const char *what);
/* Give the sink up.  A stream that is not closed fails: LWT_EPIPE "abandoned".
 * NULL is allowed.  For lwt_defer(): takes a struct lwt_sink *. */
LWT_API void lwt_sink_drop(void *sink);

/* Let waiting pushes in as far as the new limit allows; elements above a
 * smaller one stay. */
LWT_API void lwt_sink_resize(struct lwt_sink *sink, size_t limit);

struct lwt_sink_stats {
  size_t held;    /* elements pushed and not read by every handle */
  size_t blocked; /* pushes that wait */
  size_t limit;
  int closed;
  int unread;     /* no handle is left */
};
LWT_API struct lwt_sink_stats lwt_sink_stats(const struct lwt_sink *sink);

/* ---- Handles -------------------------------------------------------------- */

/* A second handle at the same position.  NULL: out of memory, or the elements
 * cannot be copied.  Borrows s. */
LWT_API struct lwt_stream *lwt_stream_clone(struct lwt_stream *s) LWT_MUST_USE;
/* NULL is allowed.  For lwt_defer(): takes a struct lwt_stream *. */
LWT_API void lwt_stream_drop(void *stream);

/* Whether the source has ended; elements may be left to read. */
LWT_API int lwt_stream_is_closed(const struct lwt_stream *s);
/* Fulfilled as soon as that is so. */
#define lwt_stream_closed(s) lwt_stream_closed_at((s), LWT_WHERE)
LWT_API lwt_t *lwt_stream_closed_at(struct lwt_stream *s,
                                    const char *where) LWT_MUST_USE;

/* ---- Reading --------------------------------------------------------------- */

/* The next element, LWT_NONE at the end. */
#define lwt_stream_get(s) lwt_stream_get_at((s), LWT_WHERE)
LWT_API lwt_t *lwt_stream_get_at(struct lwt_stream *s,
                                 const char *where) LWT_MUST_USE;
/* The same, but rejected with LWT_ENODATA at the end. */
#define lwt_stream_next(s) lwt_stream_next_at((s), LWT_WHERE)
LWT_API lwt_t *lwt_stream_next_at(struct lwt_stream *s,
                                  const char *where) LWT_MUST_USE;
/* The next element, which stays: it is only looked at, until it is read. */
#define lwt_stream_peek(s) lwt_stream_peek_at((s), LWT_WHERE)
LWT_API lwt_t *lwt_stream_peek_at(struct lwt_stream *s,
                                  const char *where) LWT_MUST_USE;
/* Whether it is at the end: 1 or 0. */
LWT_API lwt_t *lwt_stream_is_empty(struct lwt_stream *s) LWT_MUST_USE;
/* Without waiting or pulling: stores an element and returns 1; 0 if none is
 * there; the code of an error that is in its place. */
LWT_API int lwt_stream_try_get(struct lwt_stream *s, void **value);

/* Several elements: a struct lwt_vec.  An error in between rejects the read,
 * and what it had taken can be read again; then the next read goes on after
 * the error.  A vec of more than `max` elements is never made. */

/* n elements, fewer at the end. */
LWT_API lwt_t *lwt_stream_nget(struct lwt_stream *s, size_t n) LWT_MUST_USE;
/* The next n, or fewer at the end; they stay and are only looked at. */
LWT_API lwt_t *lwt_stream_npeek(struct lwt_stream *s, size_t n) LWT_MUST_USE;
/* As long as test(env, element) is not 0, or is fulfilled with what is not 0;
 * the element that fails stays.  LWT_EMSGSIZE: there are more than max. */
typedef int lwt_test_fn(void *env, void *value);
LWT_API lwt_t *lwt_stream_get_while(struct lwt_stream *s, size_t max,
                                    lwt_test_fn *test, void *env) LWT_MUST_USE;
LWT_API lwt_t *lwt_stream_get_while_s(struct lwt_stream *s, size_t max,
                                      lwt_bind_fn *test, void *env) LWT_MUST_USE;
/* Up to the end; LWT_EMSGSIZE: there are more than max. */
LWT_API lwt_t *lwt_stream_to_array(struct lwt_stream *s, size_t max) LWT_MUST_USE;
/* What is there, without waiting: settled when the call returns. */
LWT_API lwt_t *lwt_stream_get_available(struct lwt_stream *s) LWT_MUST_USE;
LWT_API lwt_t *lwt_stream_get_available_up_to(struct lwt_stream *s,
                                              size_t n) LWT_MUST_USE;
/* The last element of those that are there, the others are dropped; waits if
 * there is none, LWT_ENODATA at the end. */
LWT_API lwt_t *lwt_stream_last_new(struct lwt_stream *s) LWT_MUST_USE;

/* Leave out one element, n, those that pass a test, those that are there. */
LWT_API lwt_t *lwt_stream_junk(struct lwt_stream *s) LWT_MUST_USE;
LWT_API lwt_t *lwt_stream_njunk(struct lwt_stream *s, size_t n) LWT_MUST_USE;
LWT_API lwt_t *lwt_stream_junk_while(struct lwt_stream *s, lwt_test_fn *test,
                                     void *env) LWT_MUST_USE;
LWT_API lwt_t *lwt_stream_junk_while_s(struct lwt_stream *s, lwt_bind_fn *test,
                                       void *env) LWT_MUST_USE;
LWT_API void lwt_stream_junk_available(struct lwt_stream *s);

/* ---- To the end ------------------------------------------------------------- */

/* These read s to its end, borrow it, and hand each element to f, which owns
 * it then.  A rejection, of s or of f, ends them. */

/* f; f one after the other; f of at most `max` elements at a time (iter_p:
 * without a limit).  iter_n and iter_p wait for those that run before they
 * settle: after a failure no element is read any more, the first failure wins;
 * cancel reaches all that run. */
LWT_API lwt_t *lwt_stream_iter(struct lwt_stream *s, lwt_value_fn *f,
                               void *env) LWT_MUST_USE;
LWT_API lwt_t *lwt_stream_iter_s(struct lwt_stream *s, lwt_bind_fn *f,
                                 void *env) LWT_MUST_USE;
LWT_API lwt_t *lwt_stream_iter_n(struct lwt_stream *s, size_t max, lwt_bind_fn *f,
                                 void *env) LWT_MUST_USE;
LWT_API lwt_t *lwt_stream_iter_p(struct lwt_stream *s, lwt_bind_fn *f,
                                 void *env) LWT_MUST_USE;

/* acc becomes f(env, acc, element), which takes both; the value is the last
 * acc.  If the stream fails, what became of acc is left to f's env. */
typedef void *lwt_fold_fn(void *env, void *acc, void *value);
typedef lwt_t *lwt_fold_s_fn(void *env, void *acc, void *value);
LWT_API lwt_t *lwt_stream_fold(struct lwt_stream *s, lwt_fold_fn *f, void *acc,
                               void *env) LWT_MUST_USE;
LWT_API lwt_t *lwt_stream_fold_s(struct lwt_stream *s, lwt_fold_s_fn *f, void *acc,
                                 void *env) LWT_MUST_USE;

/* The first element that passes the test, which looks at it, or LWT_NONE; those
 * before it are dropped. */
LWT_API lwt_t *lwt_stream_find(struct lwt_stream *s, lwt_test_fn *test,
                               void *env) LWT_MUST_USE;
LWT_API lwt_t *lwt_stream_find_s(struct lwt_stream *s, lwt_bind_fn *test,
                                 void *env) LWT_MUST_USE;
/* The first result of f that is not LWT_NONE, or LWT_NONE. */
LWT_API lwt_t *lwt_stream_find_map(struct lwt_stream *s, lwt_map_fn *f,
                                   void *env) LWT_MUST_USE;
LWT_API lwt_t *lwt_stream_find_map_s(struct lwt_stream *s, lwt_bind_fn *f,
                                     void *env) LWT_MUST_USE;

/* ---- Transformations ---------------------------------------------------------
 *
 * Each takes the streams that it is given and makes one that pulls from them,
 * when it is read.  type: what the new elements are. */

/* f(env, element), which takes it.  filter_map leaves out what is LWT_NONE. */
LWT_API struct lwt_stream *lwt_stream_map(struct lwt_stream *s,
                                          const struct lwt_elements *type,
                                          lwt_map_fn *f, void *env) LWT_MUST_USE;
LWT_API struct lwt_stream *lwt_stream_map_s(struct lwt_stream *s,
                                            const struct lwt_elements *type,
                                            lwt_bind_fn *f, void *env) LWT_MUST_USE;
LWT_API struct lwt_stream *lwt_stream_filter_map(struct lwt_stream *s,
                                                 const struct lwt_elements *type,
                                                 lwt_map_fn *f,
                                                 void *env) LWT_MUST_USE;
LWT_API struct lwt_stream *lwt_stream_filter_map_s(struct lwt_stream *s,
                                                   const struct lwt_elements *type,
                                                   lwt_bind_fn *f,
                                                   void *env) LWT_MUST_USE;
/* Those that pass the test, which looks at them. */
LWT_API struct lwt_stream *lwt_stream_filter(struct lwt_stream *s,
                                             lwt_test_fn *test,
                                             void *env) LWT_MUST_USE;
LWT_API struct lwt_stream *lwt_stream_filter_s(struct lwt_stream *s,
                                               lwt_bind_fn *test,
                                               void *env) LWT_MUST_USE;

/* The elements of vecs: of those that f makes of each element, or of the
 * struct lwt_vec that are the elements of s.  They are dropped as `type` says;
 * NULL is an empty vec. */
LWT_API struct lwt_stream *lwt_stream_map_list(struct lwt_stream *s,
                                               const struct lwt_elements *type,
                                               lwt_map_fn *f,
                                               void *env) LWT_MUST_USE;
LWT_API struct lwt_stream *lwt_stream_map_list_s(struct lwt_stream *s,
                                                 const struct lwt_elements *type,
                                                 lwt_bind_fn *f,
                                                 void *env) LWT_MUST_USE;
LWT_API struct lwt_stream *lwt_stream_flatten(struct lwt_stream *vecs,
                                              const struct lwt_elements *type)
  LWT_MUST_USE;
extern LWT_API const struct lwt_elements lwt_vec_elements;

/* a, then b. */
LWT_API struct lwt_stream *lwt_stream_append(struct lwt_stream *a,
                                             struct lwt_stream *b) LWT_MUST_USE;
/* One after the other, the streams that are the elements of `streams` (whose
 * elements are then lwt_stream_elements). */
LWT_API struct lwt_stream *lwt_stream_concat(struct lwt_stream *streams,
                                             const struct lwt_elements *type)
  LWT_MUST_USE;
extern LWT_API const struct lwt_elements lwt_stream_elements;

/* Pairs: struct lwt_vec of two, until one of them ends. */
LWT_API struct lwt_stream *lwt_stream_combine(struct lwt_stream *a,
                                              struct lwt_stream *b) LWT_MUST_USE;
/* The elements of n streams of the same type as they come; streams that have
 * some already take turns.  Ends when all have ended. */
LWT_API struct lwt_stream *
lwt_stream_choose(size_t n, struct lwt_stream *const streams[]) LWT_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
