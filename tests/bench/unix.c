/* unix.c - j, l: what only lwt-unix has.
 * SPDX-License-Identifier: ISC
 */
#include "bench.h"

#include <lwt-unix/pipe.h>
#include <lwt-unix/thread.h>

/* One end of a rally: what it reads from and writes to. */
struct player {
  struct lwt_frame frame;
  struct lwt_flow *in, *out;
  size_t left, got;
  char byte;
};

LWT_STEP asks_step(struct lwt_frame *frame)
{
  struct player *p = (struct player *)frame;

  lwt_begin(p);
  while (p->left--) {
    lwt_await(p, lwt_flow_write(p->out, &p->byte, 1));
    lwt_await(p, &p->got, lwt_flow_read(p->in, &p->byte, 1));
    bench_check(p->got == 1, "j1");
  }
  lwt_await(p, lwt_flow_close(p->out));
  lwt_await(p, lwt_flow_close(p->in));
  lwt_end(p);
}

LWT_STEP answers_step(struct lwt_frame *frame)
{
  struct player *p = (struct player *)frame;

  lwt_begin(p);
  for (;;) {
    lwt_await(p, &p->got, lwt_flow_read(p->in, &p->byte, 1));
    if (!p->got)
      break;
    lwt_await(p, lwt_flow_write(p->out, &p->byte, 1));
  }
  lwt_await(p, lwt_flow_close(p->out));
  lwt_await(p, lwt_flow_close(p->in));
  lwt_end(p);
}

static void rally(size_t n)
{
  struct lwt_flow *there[2], *back[2];
  lwt_t *p, *q;

  bench_check(lwt_unix_pipe(there) == 0 && lwt_unix_pipe(back) == 0, "j1: no pipes");
  bench_begin();
  q = LWT_GO(struct player, answers_step, .in = there[0], .out = back[1]);
  p = LWT_GO(struct player, asks_step, .in = back[0], .out = there[1], .left = n);
  bench_check(lwt_run(lwt_join(LWT_PS(p, q))) == 0, "j1");
  bench_end(n);
}

static int nothing(void *arg, void **value)
{
  *value = arg;
  return 0;
}

static lwt_t *detached(void *env, void *value)
{
  size_t *left = env;

  (void)value;
  if ((*left)-- == 0)
    return lwt_return(NULL);
  return lwt_bind(lwt_detach(nothing, NULL, NULL, NULL), detached, left);
}

static void l1(size_t n)
{
  size_t left = n;

  bench_begin();
  bench_check(lwt_run(detached(&left, NULL)) == 0, "l1");
  bench_end(n);
}

const struct row bench_unix[] = {
  { "j1", "one byte there and back through pipes", 500000, rally, 1 },
  { "l1", "a call in a worker thread, and back", 100000, l1, 1 },
  { NULL, NULL, 0, NULL, 0 },
};
