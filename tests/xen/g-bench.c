/* g-bench.c - the other end of ratios.sh: takes bytes on port 5001, gives
 * BYTES on port 5002, answers pings.
 * SPDX-License-Identifier: ISC
 *
 *   g-bench ADDRESS BYTES
 */
#include "guest.h"

#include <lwt-net.h>

static uint64_t amount;
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

struct server {
  struct lwt_frame frame;
  struct lwt_listener *listener;
  struct lwt_flow *flow;
  int gives;
};

LWT_STEP server_step(struct lwt_frame *frame)
{
  struct server *s = (struct server *)frame;

  lwt_begin(s);
  lwt_defer(s, lwt_listener_close, s->listener);
  for (;;) {
    lwt_await(s, &s->flow, lwt_accept(s->listener));
    if (s->gives)
      lwt_async(LWT_GO(struct source, source_step, .flow = s->flow));
    else
      lwt_async(LWT_GO(struct sink, sink_step, .flow = s->flow));
  }
  lwt_end(s);
}

static lwt_t *serve(struct lwt_stack *stack, uint16_t port, int gives)
{
  struct lwt_addr at = { .family = 4, .port = port };
  struct lwt_listener *listener;

  if (lwt_stack_listen(stack, &at, 16, &listener))
    exit(1);
  return LWT_GO(struct server, server_step, .listener = listener, .gives = gives);
}

int main(int argc, char **argv)
{
  struct lwt_net_options o = { .prefix = 24 };
  struct lwt_stack *stack;
  lwt_t *sink, *source;

  if (argc != 3 || lwt_addr_parse(&o.addr, argv[1]))
    return 2;
  amount = strtoull(argv[2], NULL, 10) / sizeof zeros * sizeof zeros;
  if (lwt_net_open("vif:0", &o, &stack))
    return 1;
  sink = serve(stack, 5001, 0);
  source = serve(stack, 5002, 1);
  check(lwt_run(lwt_platform_shutdown()) == 0, "asked to end");
  lwt_drop(sink);
  lwt_drop(source);
  check(lwt_run(lwt_stack_close(stack)) == 0, "the network is closed");
  printf("end\n");
  return 0;
}
