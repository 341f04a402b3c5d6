/* storm.h - threads that write to a disk, flush, read again and compare: g-block.c,
 * g-net.c.
 * SPDX-License-Identifier: ISC
 */
#ifndef STORM_H
#define STORM_H

#include "guest.h"

#include <lwt/block.h>

#define PIECE 65536u

struct storm {
  struct lwt_block *disk;
  uint64_t pause; /* after each round */
  int stop;
  unsigned rounds, bad;
};

static void fill(uint8_t *bytes, size_t len, uint64_t seed)
{
  uint64_t z = seed * 0x9e3779b97f4a7c15u;
  size_t i;

  for (i = 0; i < len; i++) {
    z = z * 6364136223846793005u + 1442695040888963407u;
    bytes[i] = (uint8_t)(z >> 56);
  }
}

struct worker {
  struct lwt_frame frame;
  struct storm *s;
  uint64_t at, round;
  uint8_t *bytes, *back;
};

/* Each has sectors of its own. */
LWT_STEP worker_step(struct lwt_frame *frame)
{
  struct worker *w = (struct worker *)frame;
  struct storm *s = w->s;

  lwt_begin(w);
  lwt_defer(w, free, w->bytes);
  lwt_defer(w, free, w->back);
  while (!s->stop) {
    fill(w->bytes, PIECE, ++w->round + w->at);
    lwt_await(w, lwt_block_write(s->disk, w->at, w->bytes, PIECE / s->disk->sector_size));
    if (w->round % 8 == 0)
      lwt_await(w, lwt_block_flush(s->disk));
    lwt_await(w, lwt_block_read(s->disk, w->at, w->back, PIECE / s->disk->sector_size));
    s->bad += memcmp(w->bytes, w->back, PIECE) != 0;
    s->rounds++;
    if (s->pause)
      lwt_await(w, lwt_sleep(s->pause));
  }
  lwt_end(w);
}

/* The nth of them. */
static inline lwt_t *worker(struct storm *s, unsigned n)
{
  return LWT_GO(struct worker, worker_step, .s = s,
                .at = (uint64_t)n * (PIECE / s->disk->sector_size) * 2,
                .bytes = malloc(PIECE), .back = malloc(PIECE));
}

#endif
