/* t-tcp-neighbour.c - a connection that makes progress says that the neighbour is
 * there (RFC 4861 7.3.1): nobody asks for it, by ARP or neighbour discovery.
 * SPDX-License-Identifier: ISC
 */
#include <lwt-net.h>

#include "hosts.h"

#define LWT_TEST_SHORT
#include <lwt/engine.h>
#include <lwt/test.h>

enum { SECONDS = 300 };

static struct lwt_virtual engine;

struct end {
  struct lwt_frame frame;
  struct lwt_stack *stack;
  struct lwt_listener *listener; /* NULL: connect */
  struct lwt_flow *flow;
  struct lwt_addr to;
  int talks;
  size_t i, n;
  char byte;
};

/* Byte after byte, from one end only or from both. */
LWT_STEP end_step(struct lwt_frame *frame)
{
  struct end *f = (struct end *)frame;

  lwt_begin(f);
  lwt_await(f, &f->flow, f->listener ? lwt_accept(f->listener)
                                     : lwt_stack_connect(f->stack, &f->to));
  for (f->i = 0; f->i < SECONDS; f->i++) {
    if (f->talks) {
      lwt_await(f, lwt_flow_write(f->flow, "x", 1));
      lwt_await(f, lwt_sleep(LWT_S(1)));
    } else {
      lwt_await(f, &f->n, lwt_flow_read(f->flow, &f->byte, 1));
    }
  }
  lwt_await(f, lwt_flow_close(f->flow));
  lwt_end(f);
}

static uint64_t asked(struct lwt_stack *stack, int family)
{
  const struct lwt_net_stats *s = lwt_net_stats(stack);

  return family == 6 ? s->nd_tx : s->arp_tx;
}

static void talk(int family)
{
  struct lwt_net_hub_config hub_config = { .link.delay = LWT_MS(1) };
  struct lwt_net_config config = { .prefix = 24, .ipv6 = LWT_NET_IPV6_STATIC,
                                   .prefix6 = 64, .unchecked6 = 1 };
  struct lwt_addr any = { .family = (uint8_t)family, .port = 7 };
  struct lwt_stack *stack[2];
  struct lwt_listener *listener;
  struct lwt_net_hub *hub;
  struct lwt_netif *port;
  uint64_t before[2];
  struct lwt_addr to;
  unsigned i;

  printf("# RFC 4861 7.3.1: %s\n", family == 6 ? "neighbour discovery" : "ARP");
  lwt_virtual_init(&engine);
  lwt_set_engine(&engine.engine);
  lwt_net_hub_new(&hub_config, &hub);
  for (i = 0; i < 2; i++) {
    config.addr = host_address(4, 1 + i);
    config.addr6 = host_address(6, 1 + i);
    lwt_net_hub_port(hub, NULL, &port);
    is_int(lwt_net_stack_new(port, &config, &stack[i]), 0, "a stack");
  }
  lwt_run(lwt_sleep(LWT_S(5)));
  is_int(lwt_stack_listen(stack[1], &any, 1, &listener), 0, "it listens");
  for (i = 0; i < 2; i++)
    before[i] = asked(stack[i], family);
  to = host_address(family, 2);
  to.port = 7;
  is_int(lwt_run_value(lwt_join(LWT_PS(
           LWT_GO(struct end, end_step, .stack = stack[0], .to = to, .talks = 1),
           LWT_GO(struct end, end_step, .listener = listener))), NULL).code, 0,
         "five minutes of bytes one way");
  /* One question when it began, from each side at most, and its answer. */
  for (i = 0; i < 2; i++)
    ok(asked(stack[i], family) - before[i] <= 2, "%s: %u packets",
       i ? "who acknowledges" : "who sends",
       (unsigned)(asked(stack[i], family) - before[i]));
  lwt_net_hub_free(hub);
  lwt_listener_close(listener);
  lwt_run_value(lwt_join(LWT_PS(lwt_stack_close(stack[0]), lwt_stack_close(stack[1]))),
                NULL);
  is_int(lwt_live() + lwt_timers() + lwt_buf_live(), 0, "nothing is left");
}

int main(void)
{
  talk(4);
  talk(6);
  return lwt_test_done();
}
