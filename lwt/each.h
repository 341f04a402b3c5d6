/* each.h - f for each of many elements, at most so many at a time; not installed.
 * SPDX-License-Identifier: ISC
 *
 * What lwt_stream_iter_n() and the concurrent functions of array.h are made of.
 */
#ifndef LWT_EACH_H
#define LWT_EACH_H

#include "internal.h"

struct each;

/* How the elements come and where results go.  next: the next element, LWT_NONE
 * at the end.  unget, unless NULL, takes back one that is not wanted any more.
 * start: f's promise.  done, unless NULL: the result of the element with number
 * i, which it takes; nonzero: no further element is wanted, negative: an error.
 * value: what all becomes.  end: give up what env has; always called. */
struct each_ops {
  lwt_t *(*next)(void *env);
  void (*unget)(void *env, void *element);
  lwt_t *(*start)(void *env, void *element);
  int (*done)(void *env, size_t i, struct lwt_value result);
  struct lwt_value (*value)(void *env);
  void (*end)(void *env);
};

/* Calls start for one element after the other, at most max at a time, and waits
 * for all.  After a failure no element is begun; the first one wins.  Cancel
 * stops all that run, and is through when they are.  env: size bytes, which are
 * copied; if there is no memory, end(init) is called. */
lwt_t *lwt__each_run(const struct each_ops *ops, size_t max, const void *init,
                     size_t size, const char *where);

#endif
