/* t-tcp-mtu-router.c - a transfer through a router whose link takes less for a while:
 * ICMP makes segments smaller, and RFC 4821 larger again.
 * SPDX-License-Identifier: ISC
 */
#include "../net/interface.h"
#include "../net/route.h"

#define LWT_TEST_SHORT
#include <lwt/engine.h>
#include <lwt/test.h>
#include <string.h>

enum { CHUNK = 100000, ROUNDS = 30 };

static struct lwt_virtual engine;
static struct lwt_stack *client, *router, *server;
static uint64_t received;
static uint32_t small, large, second_link;

static struct lwt_addr address(unsigned net, unsigned host, uint16_t port)
{
  return (struct lwt_addr){
    .family = 4, .ip = { 10, 0, (uint8_t)net, (uint8_t)host }, .port = port
  };
}

static struct lwt_stack *stack(struct lwt_net_hub *hub, unsigned net, unsigned host,
                               unsigned gateway)
{
  struct lwt_net_config config = { .addr = address(net, host, 0), .prefix = 24 };
  struct lwt_netif *port;
  struct lwt_stack *s = NULL;

  if (gateway)
    config.gateway = address(net, gateway, 0);
  lwt_net_hub_port(hub, NULL, &port);
  is_int(lwt_net_stack_new(port, &config, &s), 0, "a stack");
  lwt_ip_forward(s, !gateway);
  return s;
}

/* What the router's second link takes. */
static void set_mtu(uint16_t mtu)
{
  struct net_stack *s = (struct net_stack *)router;

  net_if_find(s, second_link)->mtu = mtu;
  net_routes_changed(s);
}

struct end {
  struct lwt_frame frame;
  struct lwt_flow *flow;
  struct lwt_listener *listener;
  struct lwt_addr to;
  struct lwt_net_tcp_info info;
  unsigned i;
  size_t n;
  uint8_t bytes[CHUNK];
};

/* 100 KB every minute. */
LWT_STEP send_step(struct lwt_frame *frame)
{
  struct end *f = (struct end *)frame;

  lwt_begin(f);
  lwt_await(f, &f->flow, lwt_stack_connect(client, &f->to));
  for (f->i = 0; f->i < ROUNDS; f->i++) {
    if (f->i == 2)
      set_mtu(1000);
    if (f->i == 4)
      set_mtu(1500);
    memset(f->bytes, (int)f->i, CHUNK);
    lwt_await(f, lwt_flow_write(f->flow, f->bytes, CHUNK));
    lwt_await(f, lwt_sleep(LWT_S(60)));
    lwt_net_tcp_info(f->flow, &f->info);
    small = f->i == 9 ? f->info.mss : small;
    large = f->info.mss;
  }
  lwt_await(f, lwt_flow_close(f->flow));
  lwt_end(f);
}

LWT_STEP receive_step(struct lwt_frame *frame)
{
  struct end *f = (struct end *)frame;
  size_t i;

  lwt_begin(f);
  lwt_await(f, &f->flow, lwt_accept(f->listener));
  for (;;) {
    lwt_await(f, &f->n, lwt_flow_read(f->flow, f->bytes, CHUNK));
    if (!f->n)
      break;
    for (i = 0; i < f->n; i++)
      if (f->bytes[i] != (received + i) / CHUNK)
        lwt_throw(f, LWT_EIO, "a wrong byte");
    received += f->n;
  }
  lwt_await(f, lwt_flow_close(f->flow));
  lwt_end(f);
}

int main(void)
{
  struct lwt_net_hub_config config = { .link.delay = LWT_MS(5) };
  struct lwt_ip_address second = { .addr = address(1, 1, 0), .prefix = 24,
                                   .unchecked = 1 };
  struct lwt_addr any = { .family = 4, .port = 7 };
  struct lwt_listener *listener;
  struct lwt_net_hub *hub[2];
  struct lwt_netif *port;

  lwt_virtual_init(&engine);
  lwt_set_engine(&engine.engine);
  lwt_net_hub_new(&config, &hub[0]);
  lwt_net_hub_new(&config, &hub[1]);
  client = stack(hub[0], 0, 2, 1);
  router = stack(hub[0], 0, 1, 0);
  server = stack(hub[1], 1, 2, 1);
  lwt_net_hub_port(hub[1], NULL, &port);
  is_int(lwt_ip_if_add(router, port, 0, &second_link), 0, "a second interface");
  lwt_run_value(lwt_ip_address_add(router, second_link, &second), NULL);
  lwt_stack_listen(server, &any, 4, &listener);
  is_int(lwt_run_value(
           lwt_join(LWT_PS(LWT_GO(struct end, receive_step, .listener = listener),
                           LWT_GO(struct end, send_step, .to = address(1, 2, 7)))),
           NULL).code, 0, "sent and received");
  is_int(received, ROUNDS * CHUNK, "every byte, and right");
  is_int(small, 948, "smaller by what the router said, without 52 bytes of headers");
  is_int(large, 1448, "as large as ever, after a probe");
  is_int(lwt_net_stats(client)->tcp_path_probes, 1, "one probe");
  is_int(lwt_net_stats(client)->tcp_rto, 0, "no timeout");
  lwt_listener_close(listener);
  lwt_net_hub_free(hub[0]);
  lwt_net_hub_free(hub[1]);
  lwt_run_value(lwt_join(LWT_PS(lwt_stack_close(client), lwt_stack_close(router),
                                lwt_stack_close(server))), NULL);
  is_int(lwt_live() + lwt_timers() + lwt_buf_live(), 0, "nothing is left");
  return lwt_test_done();
}
