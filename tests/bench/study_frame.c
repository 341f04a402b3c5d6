/* study_frame.c - the study's threads as frames.
 * SPDX-License-Identifier: ISC
 */
#include "study.h"

struct loop {
  struct lwt_frame frame;
  size_t left;
  lwt_t *(*wait)(void);
};

LWT_STEP loop_step(struct lwt_frame *frame)
{
  struct loop *l = (struct loop *)frame;

  lwt_begin(l);
  for (; l->left > 0; l->left--)
    lwt_await(l, l->wait());
  lwt_end(l);
}

static lwt_t *frame_loop(size_t n, lwt_t *(*wait)(void))
{
  return LWT_GO(struct loop, loop_step, .left = n, .wait = wait);
}

struct level {
  struct lwt_frame frame;
  size_t n;
};

static lwt_t *recurse(size_t n);

LWT_STEP recurse_step(struct lwt_frame *frame)
{
  struct level *l = (struct level *)frame;

  lwt_begin(l);
  if (l->n > 0) {
    lwt_await(l, lwt_pause());
    lwt_await(l, recurse(l->n - 1));
  }
  lwt_end(l);
}

static lwt_t *recurse(size_t n)
{
  return LWT_GO(struct level, recurse_step, .n = n);
}

static lwt_t *once(size_t n);

LWT_STEP once_step(struct lwt_frame *frame)
{
  struct level *l = (struct level *)frame;

  lwt_begin(l);
  lwt_await(l, l->n > 0 ? once(l->n - 1) : lwt_pause());
  lwt_end(l);
}

static lwt_t *once(size_t n)
{
  return LWT_GO(struct level, once_step, .n = n);
}

const struct way study_frame = { "frame", frame_loop, recurse, once };
