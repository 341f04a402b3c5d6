/* streams.h - what the files of streams share; not installed.
 * SPDX-License-Identifier: ISC
 *
 * Read stream.h and internal.h first.  A struct source is what gives elements
 * and keeps those that some handle has still to read, in a ring: items
 * [base, end), addressed by their number since the beginning.  An item counts
 * the handles that have not passed it; the last of them takes the value, the
 * others take copies.  A handle (struct lwt_stream) is a position and a queue of
 * waiting readers, promises of kind K_QUEUED whose fn says what they want.
 *
 * Invariant outside of these functions: a handle with waiting readers has no
 * element to give them, and its source has not ended; if it is a source that is
 * pulled, a pull is pending.
 */
#ifndef LWT_STREAMS_H
#define LWT_STREAMS_H

#include "internal.h"

#include <lwt/stream.h>

struct item {
  void *value; /* of an error: its text */
  uint32_t readers;
  int32_t code;
};

struct source;

struct lwt_stream {
  struct source *src;
  uint64_t pos;
  struct lwt_queue readers;
  struct lwt_stream *next, *prev; /* of the same source */
  uint32_t pins; /* reads that go on over several elements */
  uint8_t dropped;
};

enum source_flag {
  S_ENDED = 1,   /* no item comes any more */
  S_CLOSED = 2,  /* it is known that an end comes without anybody's doing */
  S_CALLING = 4, /* the pull function is on the stack */
  S_PULLING = 8, /* hook waits for the pull's promise */
  S_ONCE = 16    /* what the pending pull gives is the last */
};

struct source {
  struct promise hook; /* K_HOOK */
  struct lwt_elements type;
  struct item *ring;
  size_t mask;
  uint64_t base, end;
  struct lwt_stream *handles; /* that are not dropped */
  uint32_t nhandles;
  uint8_t flags;
  size_t refs; /* handles, the sink, a pending pull */
  int end_code;
  const char *end_what;
  /* pulled */
  lwt_pull_fn *pull;
  void *env;
  lwt_call_fn *release;
  /* pushed */
  size_t limit;
  struct lwt_queue pushers;
  struct lwt_queue closers;
  struct source *dead;
  struct lwt_stream first;
  struct item small[4]; /* the first ring */
};

/* Rings above this size are looked at with each read, whether they can be made
 * smaller. */
#define LWT__RING_LARGE 256

static inline struct item *lwt__slot(const struct source *src, uint64_t pos)
{
  return &src->ring[pos & src->mask];
}

/* Room for one more item.  Returns 0 or LWT_ENOMEM. */
int lwt__source_reserve(struct source *src);
/* The base moves past what every handle has read. */
void lwt__source_advance(struct source *src);

/* A source with one handle, src->first; NULL: no memory. */
struct source *lwt__source_new(const struct lwt_elements *type);
/* Append an item, for all handles.  Returns 0 or LWT_ENOMEM; takes the value
 * only if it returns 0. */
int lwt__source_put(struct source *src, void *value, int code);
/* No item comes any more; code: and reads there fail. */
void lwt__source_end(struct source *src, int code, const char *what);
/* Give waiting readers what is there, let waiting pushes in. */
void lwt__source_serve(struct source *src);
void lwt__source_unref(struct source *src);
/* Take the promise of a pull.  Returns 0 if it is pending. */
int lwt__source_accept(struct source *src, lwt_t *p);

/* An item was put: whoever waits gets it, and callbacks run. */
static inline void lwt__source_pushed(struct source *src)
{
  if (Q(&src->handles->readers)->waiters || src->nhandles > 1) {
    int held = lwt__hold();

    lwt__source_serve(src);
    lwt__release(held);
  }
}

/* A read that goes on over several elements keeps the handle's memory. */
static inline struct lwt_stream *lwt__stream_pin(struct lwt_stream *s)
{
  s->pins++;
  return s;
}
void lwt__stream_unpin(struct lwt_stream *s);
/* Put an element back in front of those that s has to read. */
void lwt__stream_unget(struct lwt_stream *s, void *value);
/* The same for all values of a vec, the last first, and free it. */
void lwt__stream_unget_vec(struct lwt_stream *s, struct lwt_vec *vec);

static inline void lwt__element_drop(const struct source *src, void *value)
{
  if (src->type.drop)
    src->type.drop(value);
}

/* The same, but the vec is kept and looks at them. */
void lwt__stream_unget_look(struct lwt_stream *s, struct lwt_vec *vec);
/* Pass the item that is there. */
void lwt__stream_skip(struct lwt_stream *s);

/* Whether an element is there. */
static inline int lwt__stream_has(const struct lwt_stream *s)
{
  return s->pos != s->src->end;
}

#endif
