/* g-bench.c - the other end of ratios.sh: takes bytes on port 5001, gives
 * BYTES on port 5002, reads xvda on 5003 to 5005 as bench.h has it, answers pings.
 * SPDX-License-Identifier: ISC
 *
 *   g-bench ADDRESS BYTES
 */
#include "bench.h"
#include "guest.h"

#include <lwt-net.h>
#include <lwt/block.h>

static uint64_t amount;
static struct lwt_block *disk;
static char zeros[65536];

struct sink {
  struct lwt_frame frame;
  struct lwt_flow *flow;
  struct lwt_buf *chunk;
};

LWT_STEP sink_step(struct lwt_frame *frame)
{
  struct sink *s = (struct sink *)frame;

  lwt_begin(s);
  lwt_defer(s, lwt_flow_close, s->flow);
  for (;;) {
    lwt_await(s, &s->chunk, lwt_flow_read_buf(s->flow, 65536));
    if (!s->chunk)
      break;
    lwt_buf_free(s->chunk);
  }
  lwt_end(s);
}

struct source {
  struct lwt_frame frame;
  struct lwt_flow *flow;
  uint64_t left;
};

LWT_STEP source_step(struct lwt_frame *frame)
{
  struct source *s = (struct source *)frame;

  lwt_begin(s);
  lwt_defer(s, lwt_flow_close, s->flow);
  for (s->left = amount; s->left; s->left -= sizeof zeros)
    lwt_await(s, lwt_flow_write(s->flow, zeros, sizeof zeros));
  lwt_end(s);
}

struct reader {
  struct lwt_frame frame;
  uint64_t state;
  uint32_t size, left; /* sectors of a block; blocks */
  uint8_t *bytes;
};

LWT_STEP reader_step(struct lwt_frame *frame)
{
  struct reader *r = (struct reader *)frame;

  lwt_begin(r);
  for (; r->left; r->left--)
    lwt_await(r, lwt_block_read(disk,
                                bench_next(&r->state, disk->sectors / r->size) * r->size,
                                r->bytes, r->size));
  lwt_end(r);
}

struct readers {
  struct lwt_frame frame;
  struct lwt_flow *flow;
  unsigned size;
  char text[16];
};

LWT_STEP readers_step(struct lwt_frame *frame)
{
  static _Alignas(4096) uint8_t bytes[READERS][BENCH_BLOCK_MAX];
  struct readers *s = (struct readers *)frame;
  lwt_t *ps[READERS];

  lwt_begin(s);
  lwt_defer(s, lwt_flow_close, s->flow);
  if (!disk && lwt_platform_block("xvda", &disk))
    lwt_throw(s, LWT_ENODEV, "xvda");
  for (unsigned i = 0; i < READERS; i++)
    ps[i] = LWT_GO(struct reader, reader_step, .state = i + 1, .bytes = bytes[i],
                   .size = bench_sizes[s->size].bytes / disk->sector_size,
                   .left = bench_sizes[s->size].reads);
  lwt_await(s, lwt_join(READERS, ps));
  snprintf(s->text, sizeof s->text, "%u\n",
           READERS * bench_sizes[s->size].bytes * bench_sizes[s->size].reads);
  lwt_await(s, lwt_flow_write(s->flow, s->text, strlen(s->text)));
  lwt_end(s);
}

struct server {
  struct lwt_frame frame;
  struct lwt_listener *listener;
  struct lwt_flow *flow;
  unsigned what; /* port - BENCH_PORT */
};

LWT_STEP server_step(struct lwt_frame *frame)
{
  struct server *s = (struct server *)frame;

  lwt_begin(s);
  lwt_defer(s, lwt_listener_close, s->listener);
  for (;;) {
    lwt_await(s, &s->flow, lwt_accept(s->listener));
    if (s->what > 1)
      lwt_async(
        LWT_GO(struct readers, readers_step, .flow = s->flow, .size = s->what - 2));
    else if (s->what)
      lwt_async(LWT_GO(struct source, source_step, .flow = s->flow));
    else
      lwt_async(LWT_GO(struct sink, sink_step, .flow = s->flow));
  }
  lwt_end(s);
}

static lwt_t *serve(struct lwt_stack *stack, unsigned what)
{
  struct lwt_addr at = { .family = 4, .port = (uint16_t)(BENCH_PORT + what) };
  struct lwt_listener *listener;

  if (lwt_stack_listen(stack, &at, 16, &listener))
    exit(1);
  return LWT_GO(struct server, server_step, .listener = listener, .what = what);
}

int main(int argc, char **argv)
{
  struct lwt_net_options o = { .prefix = 24 };
  struct lwt_stack *stack;
  lwt_t *servers[2 + BENCH_SIZES];
  unsigned i;

  if (argc != 3 || lwt_addr_parse(&o.addr, argv[1]))
    return 2;
  amount = strtoull(argv[2], NULL, 10) / sizeof zeros * sizeof zeros;
  if (lwt_net_open("vif:0", &o, &stack))
    return 1;
  for (i = 0; i < 2 + BENCH_SIZES; i++)
    servers[i] = serve(stack, i);
  check(lwt_run(lwt_platform_shutdown()) == 0, "asked to end");
  for (i = 0; i < 2 + BENCH_SIZES; i++)
    lwt_drop(servers[i]);
  check(lwt_run(lwt_stack_close(stack)) == 0, "the network is closed");
  if (disk)
    check(lwt_run(lwt_block_close(disk)) == 0, "the disk is closed");
  printf("end\n");
  return 0;
}
