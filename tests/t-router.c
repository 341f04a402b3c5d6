/* t-router.c - two networks, a router between them, a host behind it (RFC 1812 5).
 * SPDX-License-Identifier: ISC
 *
 * The stack of netlab.h is the router: 10.0.0.2 towards the test, 10.9.0.1 towards
 * the host 10.9.0.2.
 */
#include <lwt-ip.h>

#include "netlab.h"

static struct lwt_net_hub *far_hub;
static struct lwt_netif *router_port, *far_port;
static struct lwt_stack *far_stack;
static uint8_t bytes[2000];

static void start(int forward, uint16_t mtu)
{
  struct lwt_net_config config = { .addr = lab_addr("10.0.0.2", 0), .prefix = 24 };
  struct lwt_net_config host = { .addr = lab_addr("10.9.0.2", 0), .prefix = 24,
                                 .gateway = lab_addr("10.9.0.1", 0) };
  struct lwt_ip_address a = { .addr = lab_addr("10.9.0.1", 0), .prefix = 24,
                              .unchecked = 1 };
  struct lwt_net_hub_config hub = { 0 };
  uint32_t index;

  lab_start(&config);
  is_int(lwt_ip_forward(lab_stack, forward), 0, forward ? "a router" : "a host");
  is_int(lwt_net_hub_new(&hub, &far_hub), 0, "a second hub");
  lwt_net_hub_port(far_hub, NULL, &router_port);
  lwt_net_hub_port(far_hub, NULL, &far_port);
  is_int(lwt_ip_if_add(lab_stack, router_port, mtu, &index), 0, "a second interface");
  lwt_drop(lwt_ip_address_add(lab_stack, index, &a));
  is_int(lwt_net_stack_new(far_port, &host, &far_stack), 0, "a host behind it");
  lab_arp("*", 1, "10.0.0.9", "10.0.0.2");
  inject();
  got("02 arp 10.0.0.2 is-at 01 to 10.0.0.9");
}

static void end(void)
{
  lwt_drop(lwt_stack_close(far_stack));
  settle();
  lab_stop();
  lwt_net_hub_free(far_hub);
  advance(LWT_S(1));
  is_int(lwt_live(), 0, "no promise lives");
  is_int(lwt_timers(), 0, "no timer is set");
  is_int(lwt_buf_live(), 0, "no packet lives");
}

static void ping(const char *to)
{
  lab_icmp("10.0.0.9", to, 8, 0, 0x10002, "hello", 5);
}

static void test_through(void)
{
  start(1, 0);
  ping("10.9.0.2");
  inject();
  got("02 10.9.0.2>10.0.0.9 ttl 63 echo-reply id 1 seq 2 len 5 'hello'");
  is_int(STAT(ip_forwarded), 2, "both are counted");
  is_int(lwt_net_stats(far_stack)->icmp_echo, 1, "it was there");
  lab_udp("10.0.0.9", 99, "10.9.0.2", 7, "x", 1);
  inject();
  got("02 10.9.0.2>10.0.0.9 ttl 63 icmp 3/3 { 10.0.0.9>10.9.0.2 ttl 63 udp 99>7 len 1 "
      "'x' }");
  ping("10.9.0.1");
  inject();
  got("02 10.9.0.1>10.0.0.9 echo-reply id 1 seq 2 len 5 'hello'");
  end();
  start(0, 0);
  ping("10.9.0.2");
  inject();
  ping("10.9.0.1");
  inject();
  quiet();
  is_int(STAT(ip_destination), 2, "a host forwards nothing");
  end();
}

static void test_errors(void)
{
  start(1, 0);
  ping("10.9.0.2");
  lab_frame[22] = 1;
  lab_ip_sum();
  inject();
  got("02 10.0.0.2>10.0.0.9 icmp 11/0 { 10.0.0.9>10.9.0.2 ttl 1 echo id 1 seq 2 len 5 "
      "'hello' }");
  is_int(STAT(ip_ttl), 1, "counted");
  ping("10.9.0.2");
  lab_frame[22] = 2;
  lab_ip_sum();
  inject();
  got("02 10.9.0.2>10.0.0.9 ttl 63 echo-reply id 1 seq 2 len 5 'hello'");
  ping("172.16.0.1");
  inject();
  got("02 10.0.0.2>10.0.0.9 icmp 3/0 { 10.0.0.9>172.16.0.1 echo id 1 seq 2 len 5 "
      "'hello' }");
  is_int(STAT(ip_no_route), 1, "counted");
  ping("10.9.0.77");
  inject();
  advance(LWT_S(3));
  got("02 10.0.0.2>10.0.0.9 icmp 3/1 { 10.0.0.9>10.9.0.77 ttl 63 echo id 1 seq 2 len 5 "
      "'hello' }");
  quiet();
  end();
}

/* What is not to go on. */
static void test_refused(void)
{
  static const char *const to[] = { "10.9.0.255", "127.0.0.1", "0.0.0.1", "239.1.2.3",
                                    "240.0.0.1", "255.255.255.255" };
  static const char *const from[] = { "127.0.0.1", "0.0.0.0", "10.9.0.1", "224.0.0.1",
                                      "240.0.0.1", "10.9.0.255" };
  uint64_t seen;
  size_t i;

  start(1, 0);
  seen = far_port->stats.rx_packets;
  for (i = 0; i < sizeof to / sizeof *to; i++) {
    lab_udp("10.0.0.9", 99, to[i], 7, "x", 1);
    inject();
  }
  for (i = 0; i < sizeof from / sizeof *from; i++) {
    lab_udp(from[i], 99, "10.9.0.2", 7, "x", 1);
    inject();
  }
  is_int(STAT(ip_source), 6, "sources that nobody has");
  lab_udp("10.0.0.9", 99, "10.9.0.2", 7, "x", 1);
  memset(lab_frame, 0xff, 6);
  inject();
  is_int(STAT(ip_destination), 6, "broadcasts, martians, groups");
  quiet();
  is_int(STAT(ip_forwarded), 0, "none went on");
  is_int(far_port->stats.rx_packets, seen, "indeed");
  end();
}

static void test_size(void)
{
  const char *whole = "02 10.9.0.2>10.0.0.9 ttl 63 echo-reply id 1 seq 2 len 1200";
  const struct lwt_ip_route less = { .dst = lab_addr("10.9.0.0", 0), .prefix = 24,
                                     .mtu = 700, .interface = 3 };

  start(1, 600);
  lab_icmp("10.0.0.9", "10.9.0.2", 8, 0, 0x10002, bytes, 1200);
  lab_put(lab_frame + 20, 2, 0x4000);
  lab_ip_sum();
  inject();
  got("02 10.0.0.2>10.0.0.9 icmp 3/4 mtu 600 { 10.0.0.9>10.9.0.2 df echo id 1 seq 2 len "
      "520 }");
  lab_icmp("10.0.0.9", "10.9.0.2", 8, 0, 0x10002, bytes, 1200);
  inject();
  got(whole);
  is_int(STAT(frag_tx), 3, "it went in three pieces");
  is_int(lwt_net_stats(far_stack)->frag_done, 1, "and was put together there");
  end();

  start(1, 0);
  is_int(lwt_ip_route_add(lab_stack, &less), 0, "a route that takes less");
  lab_icmp("10.0.0.9", "10.9.0.2", 8, 0, 0x10002, bytes, 1200);
  lab_put(lab_frame + 20, 2, 0x4000);
  lab_ip_sum();
  inject();
  got("02 10.0.0.2>10.0.0.9 icmp 3/4 mtu 700 { 10.0.0.9>10.9.0.2 df echo id 1 seq 2 len "
      "520 }");
  lab_icmp("10.0.0.9", "10.9.0.2", 8, 0, 0x10002, bytes, 1200);
  inject();
  got(whole);
  is_int(STAT(frag_tx), 2, "it went in two pieces");
  end();
}

/* Put options in front of what was built: n bytes, a multiple of four. */
static void add_options(const uint8_t *options, uint32_t n)
{
  memmove(lab_frame + 34 + n, lab_frame + 34, lab_len - 34);
  memcpy(lab_frame + 34, options, n);
  lab_frame[14] = (uint8_t)(0x45 + n / 4);
  lab_len += n;
  lab_put(lab_frame + 16, 2, lab_len - 14);
  lab_ip_sum();
}

static void test_options(void)
{
  static const uint8_t some[] = { 7, 7, 4, 0, 0, 0, 0, 1, 0x88, 4, 1, 2 };
  static const uint8_t route[] = { 131, 7, 4, 10, 9, 0, 2, 0 };
  static const uint8_t strict[] = { 1, 137, 7, 8, 10, 9, 0, 2 };
  static const uint8_t bad[][4] = { { 7, 0, 0, 0 }, { 7, 1, 0, 0 }, { 7, 5, 0, 0 },
                                    { 1, 1, 1, 7 } };
  size_t i;

  start(1, 600);
  lab_icmp("10.0.0.9", "10.9.0.2", 8, 0, 0x10002, bytes, 1200);
  add_options(some, 12);
  inject();
  got("02 10.9.0.2>10.0.0.9 ttl 63 echo-reply id 1 seq 2 len 1200");
  is_int(STAT(frag_tx), 3, "options take room in the pieces");
  ping("10.0.0.2");
  add_options(some, 12);
  inject();
  got("02 10.0.0.2>10.0.0.9 echo-reply id 1 seq 2 len 5 'hello'");
  ping("10.0.0.2");
  add_options(route, 8);
  inject();
  ping("10.9.0.2");
  add_options(strict, 8);
  inject();
  quiet();
  is_int(STAT(ip_source_route), 2, "no source routes");
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    ping("10.0.0.2");
    add_options(bad[i], 4);
    inject();
    is_int(lab_take(), 1, "an answer");
    ok(lab_seen[34] == 12 && lab_seen[35] == 0, "there is something wrong with it");
  }
  is_int(STAT(ip_malformed), 4, "options that do not fit");
  end();
}

/* ---- Through it with TCP --------------------------------------------------- */

struct reader {
  struct lwt_frame frame;
  struct lwt_listener *listener;
  struct lwt_flow *flow;
  size_t n, total;
  uint8_t bytes[4096];
};

LWT_STEP reader_step(struct lwt_frame *frame)
{
  struct reader *r = (struct reader *)frame;

  lwt_begin(r);
  lwt_await(r, &r->flow, lwt_accept(r->listener));
  lwt_defer(r, lwt_flow_close, r->flow);
  do {
    lwt_await(r, &r->n, lwt_flow_read(r->flow, r->bytes, sizeof r->bytes));
    r->total += r->n;
  } while (r->n);
  lwt_finish(r, (void *)(uintptr_t)r->total);
  lwt_end(r);
}

struct writer {
  struct lwt_frame frame;
  struct lwt_stack *stack;
  struct lwt_flow *flow;
  int i;
};

LWT_STEP writer_step(struct lwt_frame *frame)
{
  static const struct lwt_addr to = { .family = 4, .ip = { 10, 9, 0, 2 }, .port = 80 };
  struct writer *w = (struct writer *)frame;

  lwt_begin(w);
  lwt_await(w, &w->flow, lwt_stack_connect(w->stack, &to));
  lwt_defer(w, lwt_flow_close, w->flow);
  for (w->i = 0; w->i < 100; w->i++)
    lwt_await(w, lwt_flow_write(w->flow, bytes, sizeof bytes));
  lwt_end(w);
}

static void test_tcp(void)
{
  struct lwt_net_config near = { .addr = lab_addr("10.0.0.50", 0), .prefix = 24,
                                 .gateway = lab_addr("10.0.0.2", 0) };
  struct lwt_addr at = lab_addr("0.0.0.0", 80);
  struct lwt_listener *listener;
  struct lwt_stack *stack;
  struct lwt_netif *port;
  lwt_t *reads, *writes;

  start(1, 600); /* the way is narrower than its ends know */
  lwt_net_hub_port(lab_hub, NULL, &port);
  is_int(lwt_net_stack_new(port, &near, &stack), 0, "a host on this side");
  is_int(lwt_stack_listen(far_stack, &at, 1, &listener), 0, "somebody listens");
  reads = LWT_GO(struct reader, reader_step, .listener = listener);
  writes = LWT_GO(struct writer, writer_step, .stack = stack);
  advance(LWT_S(60));
  is_fulfilled(writes, 0, "all is written");
  is_fulfilled(reads, 200000, "all has come");
  ok(STAT(ip_too_big) > 0, "the router said how much it takes");
  lwt_drop(reads);
  lwt_drop(writes);
  lwt_listener_close(listener);
  advance(LWT_S(100));
  lwt_drop(lwt_stack_close(stack));
  advance(LWT_S(100));
  end();
}

int main(void)
{
  test_through();
  test_errors();
  test_refused();
  test_size();
  test_options();
  test_tcp();
  return lwt_test_done();
}
