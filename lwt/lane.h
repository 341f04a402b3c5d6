/* lane.h - what readers and writers share: operations in line, and sections.
 * SPDX-License-Identifier: ISC
 *
 * Each reader and writer begins with a lane: its operations, first come, first
 * served.  A section is an operation that has a lane of its own; while it is
 * the first of its lane, the operations of its lane are served in its place.
 * What serves them is `pump`, which the root of the lanes calls.
 *
 * An operation that was cancelled stays in its lane, and is not served, until
 * its stop function runs and takes it out: hence lwt_unwanted() before an
 * operation changes anything.
 */
#ifndef LWT_LANE_H
#define LWT_LANE_H

#include "internal.h"

#include <lwt/io.h>

struct lwt__op {
  struct lwt__op *next, *prev;
  struct lwt_lane *lane;
  struct lwt_resolver r;
  void (*pump)(struct lwt_lane *root);
  int kind;
  int order;
  union {
    const char *from;
    void *to;
  };
  size_t len, n, done;
};

enum { OP_SECTION }; /* a struct section; the others are the user's */

struct section {
  struct lwt__op op;
  struct lwt_lane *inner;
  struct lwt_resolver left; /* somebody waits for its end */
  uint8_t open, leaving;
};

/* What is served now; NULL: nothing, or the body of a section is elsewhere. */
struct lwt__op *lwt__lane_front(struct lwt_lane *root);

/* A copy of the operation, at the end of the lane, and served if it is its turn. */
lwt_t *lwt__lane_add(struct lwt_lane *lane, const struct lwt__op *op, const char *where);

/* The same in two steps: the copy, `from` leading to extra bytes behind it if there
 * are any (NULL: no memory); and its start, which takes it. */
struct lwt__op *lwt__lane_op(const struct lwt__op *op, size_t extra);
lwt_t *lwt__lane_start(struct lwt_lane *lane, struct lwt__op *op, const char *where);

/* Out of its lane and freed; the resolver is settled already. */
void lwt__lane_remove(struct lwt__op *op);

/* Reject all operations. */
void lwt__lane_fail(struct lwt_lane *lane, int code, const char *what);

/* Served: those who wait for their turn to run a section. */
void lwt__section_open(struct lwt__op *op);

/* Run enter(body, env, inner) in a section of `size` bytes: a struct section at the
 * front, the inner reader or writer at `inner`. */
typedef lwt_t *lwt__enter_fn(void (*body)(void), void *env, void *inner);
lwt_t *lwt__section(struct lwt_lane *lane, size_t size, size_t inner,
                    void (*pump)(struct lwt_lane *root), lwt__enter_fn *enter,
                    void (*body)(void), void *env);

/* ---- Waiting for the flow ---------------------------------------------- */

/* A promise that the reader or writer waits for, which may be finished before
 * the promise settles. */
typedef void lwt__pending_fn(void *env, struct lwt_error error, void *value);

/* Takes p, which is pending; done(env, ...) when it has settled, *slot being NULL
 * again.  Returns 0 or LWT_ENOMEM. */
int lwt__pending_wait(struct lwt__pending **slot, lwt_t *p, lwt__pending_fn *done,
                      void *env);
/* done() will be called soon, unless the producer does not stop. */
void lwt__pending_cancel(struct lwt__pending *w);
/* done() is not called any more; bytes are freed when nobody writes into them. */
void lwt__pending_forget(struct lwt__pending **slot, void *bytes);

/* ---- Bytes ------------------------------------------------------------- */

/* Room behind the bytes, at least one byte and as much as is useful, while there
 * are fewer than limit.  Returns how much; 0: no memory. */
size_t lwt__bytes_room(struct lwt_io_bytes *b, size_t limit);
/* n bytes are gone at the front. */
void lwt__bytes_take(struct lwt_io_bytes *b, size_t n);
void lwt__bytes_free(struct lwt_io_bytes *b);

/* To and from the order of this machine: the same function. */
void lwt__number(void *to, const void *from, size_t size, enum lwt_order order);

#endif
