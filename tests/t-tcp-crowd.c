/* t-tcp-crowd.c - many connections between two stacks: what an idle one costs,
 * and that nothing is left of those that were closed.
 * SPDX-License-Identifier: ISC
 *
 *   t-tcp-crowd                                      10,000 and 20,000
 *   TCP_CROWD=100000 TCP_CHURN=1000000 t-tcp-crowd   as many (seconds)
 */
#include "../net/tcp.h"
#include "counted.h"

#define LWT_TEST_SHORT
#include <lwt/engine.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

enum { PORTS = 5, PER_PORT = 25000, BOUND = 1800 };

struct lab {
  struct lwt_virtual clock;
  struct lwt_net_hub *hub;
  struct lwt_stack *stacks[2];
  struct lwt_listener *listeners[PORTS];
};

static struct lwt_addr address(unsigned host, unsigned port)
{
  return (struct lwt_addr){
    .family = 4, .ip = { 10, 0, 0, (uint8_t)host }, .port = (uint16_t)port
  };
}

static void start(struct lab *l)
{
  struct lwt_net_config config = { .prefix = 24, .max_connections = 200000,
                                   .tcp_time_wait = LWT_S(1) };
  struct lwt_net_hub_config hub = { .mtu = 1500 };
  struct lwt_addr any = { .family = 4 };
  struct lwt_netif *port;
  unsigned i;

  *l = (struct lab){ .hub = NULL };
  lwt_virtual_init(&l->clock);
  lwt_set_engine(&l->clock.engine);
  lwt_net_hub_new(&hub, &l->hub);
  for (i = 0; i < 2; i++) {
    config.addr = address(1 + i, 0);
    lwt_net_hub_port(l->hub, NULL, &port);
    lwt_net_stack_new(port, &config, &l->stacks[i]);
  }
  for (i = 0; i < PORTS; i++) {
    any.port = (uint16_t)(7 + i);
    lwt_stack_listen(l->stacks[1], &any, 16, &l->listeners[i]);
  }
}

static const struct net_tcp *tcp(struct lab *l, unsigned side)
{
  return ((struct net_stack *)l->stacks[side])->tcp;
}

static void stop(struct lab *l)
{
  unsigned i;

  for (i = 0; i < PORTS; i++)
    lwt_listener_close(l->listeners[i]);
  lwt_net_hub_free(l->hub);
  lwt_run_value(lwt_join(LWT_PS(lwt_stack_close(l->stacks[0]),
                                lwt_stack_close(l->stacks[1]))), NULL);
  is_int(lwt_live() + lwt_timers() + lwt_buf_live(), 0, "nothing is left");
}

/* One connection more; both ends. */
static void pair(struct lab *l, unsigned i, struct lwt_flow **client,
                 struct lwt_flow **server)
{
  struct lwt_addr to = address(2, 7 + i);
  void *value = NULL;
  lwt_flow_p *p = lwt_stack_connect(l->stacks[0], &to);

  *client = *server = NULL;
  if (!lwt_run_value(LWT_UNTYPED(lwt_accept(l->listeners[i])), &value).code)
    *server = value;
  if (!lwt_run_value(LWT_UNTYPED(p), &value).code)
    *client = value;
}

/* A byte there. */
static int alive(struct lwt_flow *from, struct lwt_flow *to)
{
  char byte = 'x', got = 0;
  lwt_t *write = lwt_flow_write(from, &byte, 1);

  lwt_run_value(LWT_UNTYPED(lwt_flow_read(to, &got, 1)), NULL);
  return !lwt_run_value(write, NULL).code && got == byte;
}

static void idle(uint32_t n)
{
  struct lwt_flow **flows = malloc(2 * n * sizeof *flows);
  uint64_t before, bytes;
  uint32_t i, good = 0;
  struct lab l;

  printf("# %u connections that are established and idle\n", n);
  start(&l);
  before = in_use;
  for (i = 0; i < n; i++) {
    pair(&l, i / PER_PORT, &flows[2 * i], &flows[2 * i + 1]);
    good += flows[2 * i] && flows[2 * i + 1];
  }
  is_int(good, n, "all are there");
  is_int(tcp(&l, 1)->n_conns, n, "at the server");
  lwt_run_value(lwt_sleep(LWT_S(10)), NULL);
  bytes = (in_use - before) / (2 * (uint64_t)n);
  ok(bytes < BOUND, "%u bytes for an end (struct tcp_conn has %u)", (unsigned)bytes,
     (unsigned)sizeof(struct tcp_conn));
  is_int(lwt_buf_live(), 0, "no page");
  for (i = good = 0; i < n; i += n / 100)
    good += alive(flows[2 * i], flows[2 * i + 1]) &&
            alive(flows[2 * i + 1], flows[2 * i]);
  is_int(good, 100, "a hundred of them work");
  for (i = 0; i < 2 * n; i++)
    lwt_flow_abort(flows[i]);
  lwt_run_value(lwt_sleep(LWT_S(2)), NULL);
  is_int(tcp(&l, 0)->table.count + tcp(&l, 1)->table.count, 0, "then none");
  stop(&l);
  free(flows);
}

static void churn(uint32_t n)
{
  struct lwt_flow *client, *server;
  uint64_t before, most = 0;
  uint32_t i, good = 0;
  struct lab l;
  lwt_t *close;

  printf("# %u connections opened and closed, one after the other\n", n);
  start(&l);
  pair(&l, 0, &client, &server); /* what is made once */
  lwt_flow_abort(client);
  lwt_run_value(lwt_sleep(LWT_S(2)), NULL);
  lwt_flow_abort(server);
  before = in_use;
  for (i = 0; i < n; i++) {
    pair(&l, i % PORTS, &client, &server);
    if (!client || !server)
      break;
    good += (unsigned)alive(client, server);
    close = lwt_flow_close(client);
    lwt_run_value(lwt_flow_close(server), NULL);
    lwt_run_value(close, NULL);
    if (i % 1000 == 0)
      lwt_run_value(lwt_sleep(LWT_MS(500)), NULL); /* TIME-WAIT lasts 1 s */
    most = in_use - before > most && in_use > before ? in_use - before : most;
  }
  is_int(good, n, "each carried its byte");
  lwt_run_value(lwt_sleep(LWT_S(3)), NULL);
  is_int(tcp(&l, 0)->table.count + tcp(&l, 1)->table.count, 0, "none is in a table");
  ok(in_use < before + 65536, "memory is as before, but for %u bytes of the tables",
     (unsigned)(in_use - before));
  printf("# at most %u KiB meanwhile\n", (unsigned)(most >> 10));
  stop(&l);
}

static uint32_t number(const char *name, uint32_t fallback)
{
  const char *text = getenv(name);

  return text ? (uint32_t)strtoul(text, NULL, 0) : fallback;
}

int main(void)
{
  lwt_set_allocator(counted, release);
  idle(number("TCP_CROWD", 10000));
  churn(number("TCP_CHURN", 20000));
  ok(!lwt_cleanup() && !in_use, "nothing is left at the end");
  return lwt_test_done();
}
