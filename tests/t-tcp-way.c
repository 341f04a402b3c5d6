/* t-tcp-way.c - the way to a peer that connections share: whose it is, and that it ends
 * when neighbours, routes or addresses change.
 * SPDX-License-Identifier: ISC
 */
#include <lwt-ip.h>
#include <lwt-net.h>

#include "hosts.h"

#define LWT_TEST_SHORT
#include <lwt/engine.h>
#include <lwt/test.h>

/* The ways to these share a place. */
enum { SERVERS = 3, CLIENT = 1 };
static const unsigned hosts[SERVERS] = { 2, 6, 10 };

static struct lwt_virtual engine;
static struct lwt_net_hub *hub;
static struct lwt_stack *client, *server[SERVERS];
static struct lwt_listener *listener[SERVERS];

static struct lwt_stack *stack_new(unsigned host)
{
  struct lwt_net_config config = { .prefix = 24, .ipv6 = LWT_NET_IPV6_STATIC,
                                   .prefix6 = 64, .unchecked6 = 1 };
  struct lwt_stack *stack = NULL;
  struct lwt_netif *port;

  config.addr = host_address(4, host);
  config.addr6 = host_address(6, host);
  lwt_net_hub_port(hub, NULL, &port);
  is_int(lwt_net_stack_new(port, &config, &stack), 0, "a stack");
  return stack;
}

static void server_new(int i, int family)
{
  struct lwt_addr any = { .family = (uint8_t)family, .port = 7 };

  server[i] = stack_new(hosts[i]);
  is_int(lwt_stack_listen(server[i], &any, 10, &listener[i]), 0, "a server at %u",
         hosts[i]);
}

struct call {
  struct lwt_frame frame;
  struct lwt_addr to;
  struct lwt_flow *flow[2];
  uint8_t i, byte;
};

static uint32_t mss[2]; /* of a call, at the client and at the server */
static int answer;      /* who it was */

/* A connection to a server, which says its number. */
LWT_STEP call_step(struct lwt_frame *frame)
{
  struct call *f = (struct call *)frame;
  struct lwt_net_tcp_info info;
  int end;

  lwt_begin(f);
  lwt_await(f, &f->flow[0], lwt_stack_connect(client, &f->to));
  lwt_await(f, &f->flow[1], lwt_accept(listener[f->i]));
  lwt_await(f, lwt_flow_write(f->flow[1], &f->i, 1));
  lwt_await(f, lwt_flow_read(f->flow[0], &f->byte, 1));
  answer = f->byte;
  for (end = 0; end < 2; end++) {
    lwt_net_tcp_info(f->flow[end], &info);
    mss[end] = info.mss;
    lwt_flow_abort(f->flow[end]);
  }
  lwt_end(f);
}

static int call(int i, int family)
{
  struct lwt_addr to = host_address(family, hosts[i]);

  to.port = 7;
  answer = -1;
  lwt_run_value(LWT_GO(struct call, call_step, .to = to, .i = (uint8_t)i), NULL);
  return answer;
}

/* How long a segment may be with headers and timestamps. */
static uint32_t most(int family, uint32_t mtu)
{
  return mtu - (family == 6 ? 40 : 20) - 20 - 12;
}

static uint64_t asked(void)
{
  const struct lwt_net_stats *s = lwt_net_stats(client);

  return s->arp_tx + s->nd_tx;
}

static void ways(int family)
{
  struct lwt_net_hub_config config = { .link.delay = LWT_MS(1) };
  struct lwt_ip_route route = { .dst = host_address(family, hosts[1]), .mtu = 1300,
                                .prefix = family == 6 ? 128 : 32,
                                .interface = 2 };
  int i, round, right = 0;
  uint64_t before;

  printf("# IPv%d\n", family);
  lwt_virtual_init(&engine);
  lwt_set_engine(&engine.engine);
  lwt_net_hub_new(&config, &hub);
  client = stack_new(CLIENT);
  for (i = 0; i < SERVERS; i++)
    server_new(i, family);
  lwt_run(lwt_sleep(LWT_S(5)));

  for (round = 0; round < 3; round++)
    for (i = 0; i < SERVERS; i++)
      right += call(i, family) == i;
  is_int(right, 3 * SERVERS, "each in turn is the one that was called");
  for (round = right = 0; round < 10; round++)
    right += call(1, family) == 1 && mss[0] == most(family, 1500) && mss[1] == mss[0];
  is_int(right, 10, "the same again and again");
  before = asked();
  is_int(call(1, family), 1, "and");
  is_int(asked() - before, 0, "nobody asks where it is");

  is_int(lwt_ip_route_add(client, &route), 0, "a route with a smaller MTU");
  is_int(call(1, family), 1, "goes there");
  is_int(mss[0], most(family, 1300), "what we send is shorter");
  is_int(mss[1], most(family, 1300), "and what we asked for");
  is_int(call(0, family), 0, "another host");
  is_int(mss[0], most(family, 1500), "is not concerned");
  is_int(lwt_ip_route_remove(client, &route), 0, "the route goes");
  is_int(call(1, family), 1, "and");
  is_int(mss[0], most(family, 1500), "all is as before");

  lwt_listener_close(listener[1]);
  lwt_run_value(lwt_stack_close(server[1]), NULL);
  server_new(1, family); /* with another Ethernet address */
  lwt_run(lwt_sleep(LWT_S(5)));
  is_int(call(1, family), 1, "a host that has changed its Ethernet address is found");

  lwt_net_hub_free(hub);
  for (i = 0; i < SERVERS; i++) {
    lwt_listener_close(listener[i]);
    lwt_run_value(lwt_stack_close(server[i]), NULL);
  }
  lwt_run_value(lwt_stack_close(client), NULL);
  is_int(lwt_live() + lwt_timers() + lwt_buf_live(), 0, "nothing is left");
}

int main(void)
{
  ways(4);
  ways(6);
  return lwt_test_done();
}
