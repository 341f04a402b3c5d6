/* t-ipv6-forward.c - a router of IPv6, and packets of several segments on their way
 * through one (RFC 8200, RFC 4443, RFC 4291).
 * SPDX-License-Identifier: ISC
 *
 * The stack of netlab6.h is the router: 2001:db8::1 towards the test, 2001:db8:9::1
 * towards the host 2001:db8:9::2.
 */
#include "netlab6.h"

static struct lwt_net_hub *far_hub;
static struct lwt_netif *far_port;
static struct lwt_stack *far_stack;


static int add_far(uint16_t mtu)
{
  struct lwt_net_config host = { .ipv6 = LWT_NET_IPV6_STATIC, .prefix6 = 64,
                                 .unchecked6 = 1 };
  struct lwt_ip_address a = { .addr = lab_addr("2001:db8:9::1", 0), .prefix = 64,
                              .unchecked = 1 };
  struct lwt_net_hub_config hub = { 0 };
  struct lwt_netif *port;
  uint32_t index;
  lwt_t *added;

  host.addr6 = lab_addr("2001:db8:9::2", 0);
  host.gateway6 = lab_addr("2001:db8:9::1", 0);
  far_stack = NULL;
  if (lwt_net_hub_new(&hub, &far_hub) || lwt_net_hub_port(far_hub, NULL, &port))
    return 0;
  if (lwt_ip_if_add(lab_stack, port, mtu, &index)) {
    lwt_drop(port->ops->close(port));
    return 0;
  }
  added = lwt_ip_address_add(lab_stack, index, &a);
  lwt_error(added); /* seen */
  lwt_drop(added);
  if (lwt_net_hub_port(far_hub, NULL, &far_port))
    return 0;
  if (lwt_net_stack_new(far_port, &host, &far_stack)) {
    lwt_drop(far_port->ops->close(far_port));
    far_stack = NULL;
  }
  return far_stack != NULL;
}

static void start(int forward, uint16_t mtu)
{
  lab6_start(LWT_NET_IPV6_STATIC);
  ok(add_far(mtu), "a host behind it");
  is_int(lwt_ip_forward(lab_stack, forward), 0, forward ? "a router" : "a host");
  advance(LWT_S(4));
  lab_discard();
  lab6_nd(135, 0, "2001:db8::2", "ff02::1:ff00:1", "2001:db8::1", 1);
  got6(forward ? "02 2001:db8::1>2001:db8::2 hops 255 na 2001:db8::1 7 at 01"
               : "02 2001:db8::1>2001:db8::2 hops 255 na 2001:db8::1 3 at 01");
}

static void end(void)
{
  if (far_stack)
    lwt_drop(lwt_stack_close(far_stack));
  settle();
  lab_stop();
  if (far_hub)
    lwt_net_hub_free(far_hub);
  far_hub = NULL;
  advance(LWT_S(1));
  is_int(lwt_live(), 0, "no promise lives");
  is_int(lwt_timers(), 0, "no timer is set");
  is_int(lwt_buf_live(), 0, "no packet lives");
}

static void ping_from(const char *from, const char *to, int hops, uint32_t len)
{
  uint8_t m[2000] = { 128, 0, 0, 0, 0, 7, 0, 9 };

  memset(m + 8, 'x', len);
  lab6_icmp(from, to, hops, m, 8 + len);
  inject();
}

static void ping(const char *to, int hops)
{
  ping_from("2001:db8::2", to, hops, 3);
}

static void test_through(void)
{
  uint64_t before;

  start(1, 0);
  ping("2001:db8:9::2", 64);
  advance(LWT_MS(10));
  got6("02 2001:db8:9::2>2001:db8::2 hops 63 echo-reply 7/9 len 3 'xxx'");
  is_int(STAT(ip_forwarded), 2, "both are counted");
  is_int(lwt_net_stats(far_stack)->icmp_echo, 1, "it was there");
  ping("2001:db8:9::1", 64);
  got6("02 2001:db8:9::1>2001:db8::2 echo-reply 7/9 len 3 'xxx'");
  lab6_udp("2001:db8::2", 9, "2001:db8:9::2", 7, "hi");
  inject();
  advance(LWT_MS(10));
  got6("02 2001:db8:9::2>2001:db8::2 hops 63 icmp 1/4 word 0 { "
       "2001:db8::2>2001:db8:9::2 hops 63 udp 9>7 len 2 'hi' }");
  is_int(lwt_ip_forward(lab_stack, 0), 0, "not any more");
  lab_discard();
  before = STAT(ip_destination);
  ping("2001:db8:9::2", 64);
  ping("2001:db8:9::1", 64);
  lab_discard();
  is_int(STAT(ip_forwarded), 4, "a host forwards nothing");
  is_int(STAT(ip_destination) - before, 2,
         "nor has it the addresses of other interfaces there");
  end();
  start(0, 0);
  ping("2001:db8:9::2", 64);
  quiet();
  end();
}

static void test_errors(void)
{
  start(1, 1300);
  ping("2001:db8:9::2", 1);
  got6("02 2001:db8::1>2001:db8::2 icmp 3/0 word 0 { 2001:db8::2>2001:db8:9::2 hops 1 "
       "echo 7/9 }");
  ping("2001:db8:9::2", 0);
  got6("02 2001:db8::1>2001:db8::2 icmp 3/0 word 0 { 2001:db8::2>2001:db8:9::2 hops 0 "
       "echo 7/9 }");
  is_int(STAT(ip_ttl), 2, "counted");
  ping("2001:db8:9::2", 2);
  advance(LWT_MS(10));
  got6("02 2001:db8:9::2>2001:db8::2 hops 63 echo-reply 7/9 len 3 'xxx'");
  ping_from("2001:db8::2", "2001:db8:9::2", 64, 1253);
  got6("02 2001:db8::1>2001:db8::2 icmp 2/0 word 1300 { 2001:db8::2>2001:db8:9::2 "
       "echo 7/9 }");
  is_int(STAT(ip_too_big), 1, "too large by a byte");
  ping_from("2001:db8::2", "2001:db8:9::2", 64, 1252);
  advance(LWT_MS(10));
  got6("02 2001:db8:9::2>2001:db8::2 hops 63 echo-reply 7/9 len 1252 "
       "'xxxxxxxxxxxxxxxxxxxxxxxx'");
  ping("2001:db8:9::77", 64);
  advance(LWT_S(5));
  got6("02 2001:db8::1>2001:db8::2 icmp 1/3 word 0 { 2001:db8::2>2001:db8:9::77 hops 63 "
       "echo 7/9 }");
  end();
}

/* RFC 4443 3.2: whatever is too large is answered, but for errors. */
static void test_options(void)
{
  const uint8_t pad[8] = { 17, 0, 1, 4 }, error[8] = { 58, 0, 1, 4 };
  char text[1280];

  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  start(1, 1300);
  lab6_udp("2001:db8::2", 9, "2001:db8:9::2", 7, text);
  lab6_insert(60, pad, sizeof pad);
  inject();
  got6("02 2001:db8::1>2001:db8::2 icmp 2/0 word 1300 { 2001:db8::2>2001:db8:9::2 "
       "options udp 9>7 len 1279 'xxxxxxxxxxxxxxxxxxxxxxxx' }");
  ping_from("2001:db8::2", "2001:db8:9::2", 64, 1300);
  lab_discard();
  lab6_insert(60, error, sizeof error);
  inject();
  lab6_udp("2001:db8::2", 9, "2001:db8:9::2", 7, text);
  lab6_insert(60, (const uint8_t[]){ 17, 9, 1, 4, 0, 0, 0, 0 }, 8);
  lab_put(lab_frame + 54 + 1, 1, 255); /* longer than anybody looks */
  inject();
  quiet();
  is_int(STAT(ip_too_big), 4, "counted");
  end();
}

static void test_route_mtu(void)
{
  struct lwt_ip_route less = { .dst = lab_addr("2001:db8:9::", 0), .prefix = 64,
                               .mtu = 1400, .interface = 3 };

  start(1, 0);
  is_int(lwt_ip_route_add(lab_stack, &less), 0, "a route that takes less");
  ping_from("2001:db8::2", "2001:db8:9::2", 64, 1353);
  got6("02 2001:db8::1>2001:db8::2 icmp 2/0 word 1400 { 2001:db8::2>2001:db8:9::2 "
       "echo 7/9 }");
  less.mtu = 600;
  is_int(lwt_ip_route_add(lab_stack, &less), 0, "less than IPv6 has to take");
  ping_from("2001:db8::2", "2001:db8:9::2", 64, 1253);
  got6("02 2001:db8::1>2001:db8::2 icmp 2/0 word 1280 { 2001:db8::2>2001:db8:9::2 "
       "echo 7/9 }");
  end();
}

/* No route; nothing is said of what an error is about. */
static void test_no_route(void)
{
  struct lwt_ip_route all = { .dst = { .family = 6 }, .interface = 2 };
  const uint8_t error[56] = { 1, 4 };

  start(1, 0);
  all.gateway = lab_addr("2001:db8::fe", 0);
  is_int(lwt_ip_route_remove(lab_stack, &all), 0, "no way out");
  ping("2001:dead::1", 64);
  got6("02 2001:db8::1>2001:db8::2 icmp 1/0 word 0 { 2001:db8::2>2001:dead::1 "
       "echo 7/9 }");
  is_int(STAT(ip_no_route), 1, "counted");
  lab6_icmp("2001:db8::2", "2001:dead::1", 64, error, sizeof error);
  inject();
  quiet();
  is_int(STAT(ip_no_route), 2, "counted");
  end();
}

/* What is not to go on. */
static void test_refused(void)
{
  static const char *const to[] = { "ff0e::9", "ff02::9", "::1", "::", "fe80::9",
                                    "::ffff:10.0.0.1" };
  static const char *const from[] = { "::1", "ff02::1", "::ffff:10.0.0.1",
                                      "2001:db8:9::1" };
  uint64_t seen, before;
  size_t i;

  start(1, 0);
  before = STAT(ip_destination);
  seen = far_port->stats.rx_packets;
  for (i = 0; i < sizeof to / sizeof *to; i++) {
    lab6_udp("2001:db8::2", 99, to[i], 7, "x");
    inject();
  }
  is_int(STAT(ip_destination) - before, 6,
         "groups, addresses of a host or a link, of IPv4");
  for (i = 0; i < sizeof from / sizeof *from; i++) {
    lab6_udp(from[i], 99, "2001:db8:9::2", 7, "x");
    inject();
  }
  is_int(STAT(ip_source), 4, "sources that nobody has");
  lab6_udp("::", 99, "2001:db8:9::2", 7, "x");
  inject();
  is_int(STAT(ip_destination) - before, 7, "or not yet");
  lab6_udp("2001:db8::2", 99, "2001:db8:9::2", 7, "x");
  memset(lab_frame, 0xff, 6);
  inject();
  is_int(STAT(ip_destination) - before, 8, "what everybody on the link gets");
  quiet();
  lab6_nd(135, 0, "fe80::2", "ff02::1:ff00:1", "2001:db8::1", 1);
  got6("02 2001:db8::1>fe80::2 hops 255 na 2001:db8::1 7 at 01");
  lab6_udp("fe80::2", 99, "2001:db8:9::2", 7, "x");
  inject();
  is_int(lab_take(), 1, "a source of the link");
  is_str(strstr(lab6_describe(), "icmp"),
         "icmp 1/2 word 0 { fe80::2>2001:db8:9::2 udp 99>7 len 1 'x' }",
         "is told that its scope ends here");
  is_int(STAT(ip_forwarded), 0, "none went on");
  is_int((intmax_t)(far_port->stats.rx_packets - seen), 0, "indeed");
  end();
}

/* ---- Several segments in one packet --------------------------------------------- */

struct reader {
  struct lwt_frame frame;
  struct lwt_listener *listener;
  struct lwt_flow *flow;
  size_t n, total, wrong, i;
  uint8_t bytes[4096];
};

static uint8_t pattern(size_t at)
{
  return (uint8_t)(at * 7 + (at >> 8));
}

LWT_STEP reader_step(struct lwt_frame *frame)
{
  struct reader *r = (struct reader *)frame;

  lwt_begin(r);
  lwt_await(r, &r->flow, lwt_accept(r->listener));
  lwt_defer(r, lwt_flow_close, r->flow);
  do {
    lwt_await(r, &r->n, lwt_flow_read(r->flow, r->bytes, sizeof r->bytes));
    for (r->i = 0; r->i < r->n; r->i++)
      r->wrong += r->bytes[r->i] != pattern(r->total + r->i);
    r->total += r->n;
  } while (r->n);
  lwt_finish(r, (void *)(uintptr_t)(r->wrong ? 0 : r->total));
  lwt_end(r);
}

struct writer {
  struct lwt_frame frame;
  struct lwt_stack *stack;
  struct lwt_addr to;
  struct lwt_flow *flow;
  size_t i;
  uint8_t *bytes;
  size_t len;
};

LWT_STEP writer_step(struct lwt_frame *frame)
{
  struct writer *w = (struct writer *)frame;

  lwt_begin(w);
  lwt_await(w, &w->flow, lwt_stack_connect(w->stack, &w->to));
  lwt_defer(w, lwt_flow_close, w->flow);
  for (w->i = 0; w->i < w->len; w->i++)
    w->bytes[w->i] = pattern(w->i);
  lwt_await(w, lwt_flow_write(w->flow, w->bytes, w->len));
  lwt_end(w);
}

static struct lwt_stack *stack_on(struct lwt_net_hub *hub, int last, int router)
{
  struct lwt_net_config c = { .prefix = 24, .prefix6 = 64, .unchecked6 = 1,
                              .ipv6 = LWT_NET_IPV6_STATIC };
  struct lwt_netif *port;
  struct lwt_stack *stack;

  c.addr = lab_addr("10.0.1.0", 0);
  c.addr6 = lab_addr("2001:db8:1::", 0);
  c.addr.ip[3] = c.addr6.ip[15] = (uint8_t)last;
  c.addr.ip[2] = c.addr6.ip[5] = (uint8_t)(last == 7 ? 2 : 1);
  if (!router) {
    c.gateway = c.addr;
    c.gateway6 = c.addr6;
    c.gateway.ip[3] = c.gateway6.ip[15] = 1;
  }
  lwt_net_hub_port(hub, NULL, &port);
  is_int(lwt_net_stack_new(port, &c, &stack), 0, "a stack");
  return stack;
}

/* From a network with these offloads to one with those, over one with an MTU of m. */
static void carry(const char *to, uint32_t from_offloads, uint32_t to_offloads,
                  uint16_t mtu, const char *what)
{
  enum { LEN = 300000 };
  struct lwt_net_hub_config near = { .offloads = from_offloads };
  struct lwt_net_hub_config far = { .offloads = to_offloads };
  struct lwt_ip_address a = { .addr = lab_addr("10.0.2.1", 0), .prefix = 24,
                              .unchecked = 1 };
  struct lwt_ip_address a6 = { .addr = lab_addr("2001:db8:2::1", 0), .prefix = 64,
                               .unchecked = 1 };
  struct lwt_addr at = { .family = 4, .port = 80 }, dst = lab_addr(to, 80);
  struct lwt_net_hub *hub[2];
  struct lwt_stack *client, *router, *server;
  struct lwt_listener *listener;
  struct lwt_netif *port;
  uint8_t *data = malloc(LEN);
  uint64_t frames;
  uint32_t index;
  lwt_t *reads, *writes;

  at.family = dst.family;
  lwt_net_hub_new(&near, &hub[0]);
  lwt_net_hub_new(&far, &hub[1]);
  client = stack_on(hub[0], 6, 0);
  router = stack_on(hub[0], 1, 1);
  server = stack_on(hub[1], 7, 0);
  lwt_net_hub_port(hub[1], NULL, &port);
  is_int(lwt_ip_if_add(router, port, mtu, &index), 0, "two networks");
  lwt_ip_forward(router, 1);
  lwt_drop(lwt_ip_address_add(router, index, &a));
  lwt_drop(lwt_ip_address_add(router, index, &a6));
  advance(LWT_S(5));
  is_int(lwt_stack_listen(server, &at, 1, &listener), 0, "somebody listens");
  frames = port->stats.tx_packets;
  reads = LWT_GO(struct reader, reader_step, .listener = listener);
  writes = LWT_GO(struct writer, writer_step, .stack = client, .to = dst, .bytes = data,
                  .len = LEN);
  advance(LWT_S(20));
  is_fulfilled(writes, 0, "all is written");
  is_fulfilled(reads, LEN, "%s", what);
  frames = port->stats.tx_packets - frames;
  if (from_offloads & to_offloads & LWT_NETIF_TX_TSO6)
    ok(frames < 100, "they stay together (%d)", (int)frames);
  else
    ok(frames >= LEN / 1460, "each is a frame (%d)", (int)frames);
  is_int(lwt_net_stats(server)->tcp_checksum, 0, "the sums are right");
  if (mtu)
    ok(lwt_net_stats(router)->ip_too_big > 0, "the router said how much it takes");
  else
    is_int(lwt_net_stats(client)->tcp_retransmits, 0, "nothing had to be sent again");
  lwt_drop(reads);
  lwt_drop(writes);
  lwt_listener_close(listener);
  advance(LWT_S(100));
  lwt_drop(lwt_stack_close(client));
  lwt_drop(lwt_stack_close(server));
  lwt_drop(lwt_stack_close(router));
  advance(LWT_S(100));
  lwt_net_hub_free(hub[0]);
  lwt_net_hub_free(hub[1]);
  free(data);
  advance(LWT_S(1));
  is_int(lwt_live(), 0, "no promise lives");
  is_int(lwt_timers(), 0, "no timer is set");
  is_int(lwt_buf_live(), 0, "no packet lives");
}

#define CSUM (LWT_NETIF_TX_CSUM | LWT_NETIF_RX_CSUM)
#define TSO (CSUM | LWT_NETIF_TX_TSO4 | LWT_NETIF_TX_TSO6 | LWT_NETIF_RX_GRO)

/* A link-local address is a host of one link only. */
static void test_peer(void)
{
  struct lwt_addr any = { .family = 6, .port = 7 }, peer = lab_addr("fe80::2", 9);
  struct lwt_addr other;
  struct lwt_udp *udp;
  lwt_t *p;

  start(1, 0);
  is_int(lwt_stack_udp(lab_stack, &any, &udp), 0, "an endpoint");
  peer.scope = 2; /* the first is the loopback interface */
  other = peer;
  other.scope = 3;
  is_int(lwt_ip_udp_connect(udp, &other), 0, "connected to a host of the other link");
  lab6_udp("fe80::2", 9, "2001:db8::1", 7, "hi");
  inject();
  is_int(STAT(udp_no_port), 1, "not from that one");
  p = lwt_udp_send(udp, &peer, "x", 1);
  is_int(lwt_error(p).code, LWT_EISCONN, "nor to that one");
  lwt_drop(p);
  is_int(lwt_ip_udp_connect(udp, &peer), 0, "connected to this one");
  lab6_udp("fe80::2", 9, "2001:db8::1", 7, "hi");
  inject();
  is_int(STAT(udp_no_port), 1, "from that one");
  peer.scope = 0;
  p = lwt_udp_send(udp, &peer, "x", 1);
  ok(lwt_state(p) == LWT_PENDING || lwt_error(p).code != LWT_EISCONN, "and to it");
  lwt_drop(p);
  lwt_udp_close(udp);
  lab_discard();
  end();
}

static void test_segments(void)
{
  static const char *const to[] = { "10.0.2.7", "2001:db8:2::7" };
  int i;

  lwt_virtual_init(&lab_time);
  lwt_set_engine(&lab_time.engine);
  for (i = 0; i < 2; i++) {
    carry(to[i], TSO, 0, 0, "to a device that does neither");
    carry(to[i], TSO, CSUM | LWT_NETIF_TX_TSO4 * (unsigned)i, 0, "that sums only");
    carry(to[i], TSO, TSO, 0, "that cuts, too");
    carry(to[i], 0, TSO, 0, "from one that does not");
    carry(to[i], TSO, 0, 1300, "to a narrower network");
  }
}

/* ---- Each allocation fails -------------------------------------------------------- */

static long fail_at = -1, allocations;

static void *failing_malloc(size_t size)
{
  return allocations++ == fail_at ? NULL : malloc(size);
}

static int everything(void)
{
  struct lwt_net_config c = { .ipv6 = LWT_NET_IPV6_STATIC, .prefix6 = 64,
                              .unchecked6 = 1 };
  int good;

  c.addr6 = lab_addr("2001:db8::1", 0);
  far_hub = NULL;
  far_stack = NULL;
  good = !lab_try_start(&c, NULL);
  if (good) {
    lwt_ip_forward(lab_stack, 1);
    good = add_far(1300);
    advance(LWT_S(4));
    lab6_nd(135, 0, "2001:db8::2", "ff02::1:ff00:1", "2001:db8::1", 1);
    ping("2001:db8:9::2", 64);
    ping("2001:db8:9::2", 1);
    ping_from("2001:db8::2", "2001:db8:9::2", 64, 1300);
    ping("2001:db8:9::77", 64);
    advance(LWT_S(5));
    good &= STAT(ip_forwarded) == 3 && STAT(icmp_tx) > 3;
  }
  lab_discard();
  if (far_stack)
    lwt_drop(lwt_stack_close(far_stack));
  settle();
  lab_stop();
  if (far_hub)
    lwt_net_hub_free(far_hub);
  far_hub = NULL;
  return good;
}

static void test_memory(void)
{
  int failed = 0, clean = 1, good = 0;

  lwt_cleanup();
  lwt_set_allocator(failing_malloc, free);
  for (fail_at = 0; fail_at < 2000; fail_at++) {
    allocations = 0;
    good = everything();
    clean &= !lwt_live() && !lwt_timers() && !lwt_buf_live() && !lwt_cleanup();
    if (allocations <= fail_at)
      break;
    failed += !good;
  }
  ok(good && failed > 20, "%d of %d allocations mattered", failed, (int)fail_at);
  ok(clean, "nothing leaked");
}

int main(void)
{
  test_through();
  test_errors();
  test_options();
  test_route_mtu();
  test_no_route();
  test_refused();
  test_peer();
  test_segments();
  test_memory();
  return lwt_test_done();
}
