/* t-ipv6.c - a host's IPv6: neighbours, echo, extension headers, fragments, errors.
 * SPDX-License-Identifier: ISC
 */

#include <lwt-ip.h>

#include "netlab6.h"

/* ---- Neighbours --------------------------------------------------------- */

static void test_solicited(void)
{
  lab6_start(LWT_NET_IPV6_STATIC);
  lab6_nd(135, 0, "fe80::2", "ff02::1:ff00:1", "2001:db8::1", 1);
  got6("02 2001:db8::1>fe80::2 hops 255 na 2001:db8::1 3 at 01");
  lab6_nd(135, 0, "fe80::2", "LL", "LL", 0);
  got6("02 LL>fe80::2 hops 255 na LL 3 at 01");
  lab6_nd(135, 0, "::", "ff02::1:ff00:1", "2001:db8::1", 0);
  got6("* 2001:db8::1>ff02::1 hops 255 na 2001:db8::1 1 at 01");
  lab6_nd(135, 0, "fe80::2", "ff02::1:ff00:1", "2001:db8::77", 1);
  quiet();
  lab6_nd(135, 0, "::", "ff02::1:ff00:1", "2001:db8::1", 1);
  is_int(STAT(nd_malformed), 1, "anonymous, with an address");
  quiet();
  lab6_nd(135, 0, "fe80::2", "ff02::1:ff00:1", "2001:db8::1", 1);
  lab_discard();
  lab_frame[14 + 7] = 254;
  inject();
  is_int(STAT(nd_malformed), 2, "from another link");
  quiet();
  lab_frame[14 + 7] = 255;
  lab6_fragment(0, 32, 0, 1);
  is_int(STAT(icmp_ignored), 1, "a solicitation with a fragment header");
  quiet();
  lab_end();
}

/* The device is connected anew, as after a resume on Xen. */
static void test_up(void)
{
  lab6_start(LWT_NET_IPV6_STATIC);
  lab_device->up(lab_device->up_env);
  settle();
  got6("* LL>ff02::1 hops 255 na LL 1 at 01");
  got6("* 2001:db8::1>ff02::1 hops 255 na 2001:db8::1 1 at 01");
  got6("* arp who-has 10.0.0.2 tell 10.0.0.2");
  quiet();
  lab_end();
}

static struct lwt_udp *udp;
static lwt_t *sent;

static void udp_open(const char *at, uint16_t port)
{
  struct lwt_addr a = lab_addr(at, port);

  is_int(lwt_stack_udp(lab_stack, &a, &udp), 0, "an endpoint");
}

static void udp_send(const char *to, const char *text)
{
  struct lwt_addr a = lab_addr(to, 9);

  sent = lwt_udp_send(udp, &a, text, strlen(text));
  settle();
}

static void udp_got(const char *text)
{
  lwt_datagram_p *p = lwt_udp_receive(udp);
  struct lwt_datagram *d;
  char bytes[64] = "";

  settle();
  if (lwt_state((lwt_t *)p) == LWT_FULFILLED) {
    d = lwt_value((lwt_t *)p);
    lwt_buf_copy_out(d->packet, 0, bytes, sizeof bytes - 1);
  }
  is_str(bytes, text, "'%s' is received", text);
  lwt_drop((lwt_t *)p);
  settle();
}

static void test_resolve(void)
{
  lab6_start(LWT_NET_IPV6_STATIC);
  udp_open("::", 7);
  udp_send("2001:db8::2", "hi");
  got6("* 2001:db8::1>ff02::1:ff00:2 hops 255 ns 2001:db8::2 from 01");
  lab6_nd(136, 0x60000000, "2001:db8::2", "2001:db8::1", "2001:db8::2", 1);
  got6("02 2001:db8::1>2001:db8::2 udp 7>9 len 2 'hi'");
  is_fulfilled(sent, NULL, "is sent");
  lwt_drop(sent);
  advance(LWT_S(50)); /* stale */
  udp_send("2001:db8::2", "ho");
  lwt_drop(sent);
  got6("02 2001:db8::1>2001:db8::2 udp 7>9 len 2 'ho'");
  advance(LWT_S(4));
  quiet();
  advance(LWT_MS(1500));
  got6("02 2001:db8::1>2001:db8::2 hops 255 ns 2001:db8::2 from 01");
  lab6_nd(136, 0x40000000, "2001:db8::2", "2001:db8::1", "2001:db8::2", 0);
  advance(LWT_S(10));
  quiet();
  lwt_udp_close(udp);
  lab_end();
}

static void test_unresolved(void)
{
  lab6_start(LWT_NET_IPV6_STATIC);
  udp_open("::", 7);
  udp_send("2001:db8::3", "hi");
  advance(LWT_S(4));
  got6("* 2001:db8::1>ff02::1:ff00:3 hops 255 ns 2001:db8::3 from 01");
  got6("* 2001:db8::1>ff02::1:ff00:3 hops 255 ns 2001:db8::3 from 01");
  got6("* 2001:db8::1>ff02::1:ff00:3 hops 255 ns 2001:db8::3 from 01");
  quiet();
  is_rejected(sent, LWT_EHOSTUNREACH, "nobody answers");
  lwt_drop(sent);
  udp_send("2001:db8:1::3", "hi");
  got6("* 2001:db8::1>ff02::1:ff00:fe hops 255 ns 2001:db8::fe from 01");
  lwt_drop(sent);
  udp_send("fe80::2", "hi"); /* the only interface */
  got6("* LL>ff02::1:ff00:2 hops 255 ns fe80::2 from 01");
  lwt_drop(sent);
  udp_send("ff02::9", "all");
  got6("* LL>ff02::9 hops 1 udp 7>9 len 3 'all'");
  lwt_drop(sent);
  advance(LWT_S(5));
  lab_discard();
  lwt_udp_close(udp);
  lab_end();
}

/* ---- Echo and errors ---------------------------------------------------- */

static void know(void)
{
  lab6_nd(135, 0, "2001:db8::2", "ff02::1:ff00:1", "2001:db8::1", 1);
  lab_discard();
}

static void echo(const char *src, const char *dst, uint32_t len)
{
  static uint8_t m[5000] = { 128 };

  m[5] = 7;
  m[7] = 9;
  memset(m + 8, 'x', len);
  lab6_icmp(src, dst, 64, m, len + 8);
}

static void test_echo(void)
{
  lab6_start(LWT_NET_IPV6_STATIC);
  know();
  echo("2001:db8::2", "2001:db8::1", 3);
  inject();
  got6("02 2001:db8::1>2001:db8::2 echo-reply 7/9 len 3 'xxx'");
  echo("2001:db8::2", "ff02::1", 3);
  inject();
  got6("02 2001:db8::1>2001:db8::2 echo-reply 7/9 len 3 'xxx'");
  echo("2001:db8::2", "2001:db8::1", 3);
  lab_frame[14 + 40 + 9] ^= 1;
  inject();
  quiet();
  is_int(STAT(icmp_checksum), 1, "a wrong checksum");
  echo("2001:db8::2", "2001:db8::5", 3);
  inject();
  quiet();
  is_int(STAT(ip_destination), 1, "not ours");
  echo("ff02::2", "2001:db8::1", 3);
  inject();
  echo("::1", "2001:db8::1", 3);
  inject();
  echo("2001:db8::1", "2001:db8::1", 3);
  inject();
  echo("::ffff:10.0.0.1", "2001:db8::1", 3);
  inject();
  is_int(STAT(ip_source), 4, "from a group, loopback, ourselves, mapped");
  is_int(STAT(icmp_ignored), 0, "not in two places");
  echo("::", "2001:db8::1", 3);
  inject();
  is_int(STAT(icmp_ignored), 1, "from nobody");
  quiet();
  echo("2001:db8::2", "2001:db8::1", 3);
  lab_len--;
  inject();
  is_int(STAT(ip_malformed), 1, "cut short");
  lab_end();
}

/* Nobody knows the way back. */
static void test_no_route(void)
{
  struct lwt_ip_route route = { .dst = { .family = 6 }, .interface = 2 };

  lab6_start(LWT_NET_IPV6_STATIC);
  know();
  route.gateway = lab_addr("2001:db8::fe", 0);
  is_int(lwt_ip_route_remove(lab_stack, &route), 0, "no default route");
  echo("2001:db9::2", "2001:db8::1", 3);
  inject();
  is_int(STAT(ip_no_route), 1, "an answer has no route");
  echo("2001:db9::2", "ff02::1", 3);
  inject();
  is_int(STAT(ip_no_route), 2, "nor from a group");
  quiet();
  lab_end();
}

static void test_no_port(void)
{
  int i, n = 0;

  lab6_start(LWT_NET_IPV6_STATIC);
  know();
  lab6_udp("2001:db8::2", 9, "2001:db8::1", 7, "hi");
  inject();
  got6("02 2001:db8::1>2001:db8::2 icmp 1/4 word 0 "
       "{ 2001:db8::2>2001:db8::1 udp 9>7 len 2 'hi' }");
  lab6_udp("2001:db8::2", 9, "ff02::1", 7, "hi");
  inject();
  quiet();
  lab6_udp("2001:db8::2", 9, "2001:db8::1", 7, "hi")[7] = 0;
  lab_frame[14 + 40 + 6] = 0;
  inject();
  quiet();
  is_int(STAT(udp_checksum), 1, "UDP without a checksum");
  for (i = 0; i < 300; i++) {
    lab6_udp("2001:db8::2", 9, "2001:db8::1", 7, "hi");
    inject();
    while (lab_take())
      n++;
  }
  ok(n >= 90 && n <= 100, "errors are limited (%d)", n);
  ok(STAT(icmp_limited) >= 200, "and counted");
  lab_end();
}

static void test_errors_in(void)
{
  uint8_t m[8 + 48] = { 1, 4 };

  lab6_start(LWT_NET_IPV6_STATIC);
  know();
  udp_open("2001:db8::1", 7);
  udp_send("2001:db8::2", "hi");
  lwt_drop(sent);
  lab_take();
  memcpy(m + 8, lab_seen + 14, 48);
  lab6_icmp("2001:db8::2", "2001:db8::1", 64, m, sizeof m);
  inject();
  udp_send("2001:db8::2", "hi");
  is_rejected(sent, LWT_ECONNREFUSED, "the peer's port is closed");
  lwt_drop(sent);
  m[0] = 2;
  m[1] = 0;
  lab_put(m + 4, 4, 1279);
  lab6_icmp("2001:db8::2", "2001:db8::1", 64, m, sizeof m);
  inject();
  is_int(STAT(icmp_ignored), 1, "a path of less than 1280 bytes is not believed");
  lwt_udp_close(udp);
  lab_end();
}

static void test_path_mtu(void)
{
  uint8_t m[8 + 48] = { 2 };
  char text[1400];

  lab6_start(LWT_NET_IPV6_STATIC);
  know();
  udp_open("2001:db8::1", 7);
  memset(text, 1, sizeof text - 1);
  text[sizeof text - 1] = 0;
  udp_send("2001:db8::2", text);
  lwt_drop(sent);
  got6("02 2001:db8::1>2001:db8::2 udp 7>9 len 1399");
  memcpy(m + 8, lab_seen + 14, 48);
  lab_put(m + 4, 4, 1300);
  lab6_icmp("2001:db8::fe", "2001:db8::1", 64, m, sizeof m);
  inject();
  udp_send("2001:db8::2", text);
  lwt_drop(sent);
  got6("02 2001:db8::1>2001:db8::2 frag 0+ len 1248 udp 7>9 len 1399");
  got6("02 2001:db8::1>2001:db8::2 frag 1248 len 159");
  advance(LWT_S(610));
  lab_discard();
  know();
  udp_send("2001:db8::2", text);
  lwt_drop(sent);
  got6("02 2001:db8::1>2001:db8::2 udp 7>9 len 1399");
  lwt_udp_close(udp);
  lab_end();
}

/* ---- Extension headers -------------------------------------------------- */

#define WITH(next, ...)                                                            \
  (lab6_udp("2001:db8::2", 9, "2001:db8::1", 7, "hi"),                             \
   lab6_insert(next, (const uint8_t[]){ __VA_ARGS__ },                             \
               sizeof((const uint8_t[]){ __VA_ARGS__ })),                          \
   inject())

static void test_extensions(void)
{
  lab6_start(LWT_NET_IPV6_STATIC);
  know();
  udp_open("::", 7);
  WITH(0, 60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0x1e, 4, 0, 0, 0, 0);
  udp_got("hi");
  WITH(43, 17, 0, 0, 0, 0, 0, 0, 0);
  udp_got("hi");
  WITH(43, 17, 0, 0, 1, 0, 0, 0, 0);
  got6("02 2001:db8::1>2001:db8::2 icmp 4/0 word 42 "
       "{ 2001:db8::2>2001:db8::1 proto 43 }");
  WITH(60, 17, 0, 0x9e, 4, 0, 0, 0, 0);
  got6("02 2001:db8::1>2001:db8::2 icmp 4/2 word 42 "
       "{ 2001:db8::2>2001:db8::1 options udp 9>7 len 2 'hi' }");
  WITH(60, 17, 0, 0x5e, 4, 0, 0, 0, 0);
  quiet();
  WITH(60, 200, 0, 1, 4, 0, 0, 0, 0);
  got6("02 2001:db8::1>2001:db8::2 icmp 4/1 word 40 "
       "{ 2001:db8::2>2001:db8::1 options proto 200 }");
  WITH(60, 0, 0, 1, 4, 0, 0, 0, 0);
  got6("02 2001:db8::1>2001:db8::2 icmp 4/1 word 40 "
       "{ 2001:db8::2>2001:db8::1 options proto 0 }");
  WITH(60, 59, 0, 1, 4, 0, 0, 0, 0);
  quiet();
  udp_got("");
  is_int(STAT(ip_options), 4, "four are counted");
  lwt_udp_close(udp);
  lab_end();
}

/* ---- Fragments ---------------------------------------------------------- */

static void test_fragments(void)
{
  lab6_start(LWT_NET_IPV6_STATIC);
  know();
  echo("2001:db8::2", "2001:db8::1", 32);
  lab6_fragment(24, 16, 0, 1);
  lab6_fragment(0, 24, 1, 1);
  got6("02 2001:db8::1>2001:db8::2 echo-reply 7/9 len 32 'xxxxxxxxxxxxxxxxxxxxxxxx'");
  lab6_fragment(0, 40, 0, 2);
  got6("02 2001:db8::1>2001:db8::2 echo-reply 7/9 len 32 'xxxxxxxxxxxxxxxxxxxxxxxx'");
  lab6_fragment(0, 24, 1, 3);
  lab6_fragment(0, 24, 1, 3);
  is_int(STAT(frag_duplicate), 1, "a copy");
  lab6_fragment(24, 16, 0, 3);
  got6("02 2001:db8::1>2001:db8::2 echo-reply 7/9 len 32 'xxxxxxxxxxxxxxxxxxxxxxxx'");
  lab6_fragment(0, 24, 1, 4);
  lab6_fragment(16, 24, 0, 4);
  lab6_fragment(24, 16, 0, 4);
  quiet();
  is_int(STAT(frag_malformed), 1, "an overlap spoils all");
  lab6_fragment(0, 20, 1, 5);
  got6("02 2001:db8::1>2001:db8::2 icmp 4/0 word 4 "
       "{ 2001:db8::2>2001:db8::1 echo 7/9 }");
  lab_end();
}

static void test_fragments_incomplete(void)
{
  static const uint8_t options[8] = { 58, 0, 1, 4 };
  uint8_t *p;

  lab6_start(LWT_NET_IPV6_STATIC);
  know();
  echo("2001:db8::2", "2001:db8::1", 32);
  lab6_fragment(0, 24, 1, 1);
  advance(LWT_S(59));
  know();
  advance(LWT_S(2));
  got6("02 2001:db8::1>2001:db8::2 icmp 3/1 word 0 "
       "{ 2001:db8::2>2001:db8::1 echo 7/9 }");
  echo("2001:db8::2", "2001:db8::1", 32);
  lab6_fragment(24, 16, 0, 2);
  advance(LWT_S(59));
  know();
  advance(LWT_S(2));
  quiet();
  is_int(STAT(frag_timeout), 2, "two in vain");
  echo("2001:db8::2", "2001:db8::1", 32);
  lab6_insert(60, options, 8);
  lab6_fragment(0, 8, 1, 3);
  got6("02 2001:db8::1>2001:db8::2 icmp 4/3 word 0 "
       "{ 2001:db8::2>2001:db8::1 options }");
  echo("2001:db8::2", "2001:db8::1", 4000);
  lab6_fragment(0, 1400, 1, 4);
  lab6_fragment(1400, 1400, 1, 4);
  lab6_fragment(2800, 1208, 0, 4);
  got6("02 2001:db8::1>2001:db8::2 frag 0+ len 1448 echo-reply 7/9");
  got6("02 2001:db8::1>2001:db8::2 frag 1448+ len 1448");
  got6("02 2001:db8::1>2001:db8::2 frag 2896 len 1112");
  p = lab6("2001:db8::2", "2001:db8::1", 44, 64, 16);
  memset(p, 0, 16);
  p[0] = 17;
  lab_put(p + 2, 2, 65528 | 1);
  p[13] = 8;
  inject();
  got6("02 2001:db8::1>2001:db8::2 icmp 4/0 word 42 "
       "{ 2001:db8::2>2001:db8::1 udp 0>0 len 0 }");
  lab_end();
}

/* ---- Loopback, bounds, memory ------------------------------------------- */

static void test_loopback(void)
{
  struct lwt_addr to = lab_addr("::1", 7);

  lab6_start(LWT_NET_IPV6_STATIC);
  udp_open("::", 7);
  sent = lwt_udp_send(udp, &to, "me", 2);
  settle();
  lwt_drop(sent);
  udp_got("me");
  to = lab_addr("2001:db8::1", 7);
  lwt_drop(lwt_udp_send(udp, &to, "us", 2));
  udp_got("us");
  to = lab_ll;
  to.port = 7;
  lwt_drop(lwt_udp_send(udp, &to, "ll", 2));
  udp_got("ll");
  quiet();
  lwt_udp_close(udp);
  lab_end();
}

/* Everybody on a large network asks us; none of them is worth a neighbour. */
static void test_flood(void)
{
  char src[40];
  int i;

  lab6_start(LWT_NET_IPV6_STATIC);
  for (i = 0; i < 3000; i++) {
    snprintf(src, sizeof src, "2001:db8::%x:2", i + 1);
    lab6_nd(135, 0, src, "ff02::1:ff00:1", "2001:db8::1", 1);
    lab_discard();
  }
  ok(STAT(arp_table_full) >= 3000 - 512, "the cache is full (%d)",
     (int)STAT(arp_table_full));
  is_int(STAT(arp_evicted), 0, "nobody was pushed out by those who ask");
  for (i = 0; i < 3000; i++) {
    snprintf(src, sizeof src, "2001:db8:1:%x::2", i + 1);
    lab6_nd(135, 0, src, "ff02::1:ff00:1", "2001:db8::1", 0);
  }
  quiet();
  lab_end();
}

static void everything(void *env)
{
  struct lwt_net_config c = { .ipv6 = LWT_NET_IPV6_AUTO, .prefix6 = 64,
                              .addr6 = lab_addr("2001:db8::1", 0) };
  struct lwt_addr any = { .family = 6, .port = 7 };

  (void)env;
  if (!lab_try_start(&c, NULL)) {
    advance(LWT_S(5));
    if (!lwt_stack_udp(lab_stack, &any, &udp)) {
      echo("2001:db8::2", "2001:db8::1", 32);
      lab6_fragment(0, 24, 1, 1);
      lab6_fragment(24, 16, 0, 1);
      lab6_udp("2001:db8::2", 9, "2001:db8::1", 8, "hi");
      inject();
      know();
      udp_send("2001:db8::2", "hi");
      lwt_error(sent);
      lwt_drop(sent);
      udp_send("2001:db8::3", "hi");
      advance(LWT_S(4));
      lwt_error(sent);
      lwt_drop(sent);
      lwt_udp_close(udp);
    }
  }
  lab_stop();
}

static void test_memory(void)
{
  struct lwt_test_result r = lwt_test_each_allocation(everything, NULL, NULL);

  ok(r.runs > 50, "%d allocations failed in turn", (int)r.runs);
  is_int(r.alive, 0, "no promise was left");
  is_int(r.lost, 0, "no memory was left");
}

int main(void)
{
  lwt_test_memory();
  test_solicited();
  test_up();
  test_resolve();
  test_unresolved();
  test_echo();
  test_no_route();
  test_no_port();
  test_errors_in();
  test_path_mtu();
  test_extensions();
  test_fragments();
  test_fragments_incomplete();
  test_loopback();
  test_flood();
  test_memory();
  return lwt_test_done();
}
