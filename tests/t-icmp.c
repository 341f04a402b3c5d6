/* t-icmp.c - echo, errors sent and their limits, errors received.
 * SPDX-License-Identifier: ISC
 */
#include "netlab.h"

#include <lwt-ip.h>

static uint8_t pattern[70000];

static void start(const struct lwt_net_config *config)
{
  lab_start(config);
  lab_arp("01", 1, "10.0.0.9", "10.0.0.2");
  inject();
  got("02 arp 10.0.0.2 is-at 01 to 10.0.0.9");
}

/* ---- Echo -------------------------------------------------------------- */

static void test_echo(void)
{
  start(NULL);
  lab_icmp("10.0.0.9", "10.0.0.2", 8, 0, 0x10002, "hello", 5);
  inject();
  got("02 10.0.0.2>10.0.0.9 echo-reply id 1 seq 2 len 5 'hello'");
  lab_icmp("10.0.0.9", "10.0.0.2", 8, 0, 0, NULL, 0);
  inject();
  got("02 10.0.0.2>10.0.0.9 echo-reply id 0 seq 0 len 0");
  lab_icmp("10.0.0.9", "10.0.0.2", 8, 0, 0xffffffff, pattern, 1472);
  lab_frame[15] = 0x20;
  lab_ip_sum();
  inject();
  got("02 10.0.0.2>10.0.0.9 tos 32 echo-reply id 65535 seq 65535 len 1472");
  ok(!memcmp(lab_seen + 42, pattern, 1472), "the bytes come back");
  lab_icmp("10.0.0.9", "10.0.0.2", 8, 0, 0x10002, "hello", 5);
  lab_len = 60;
  inject();
  got("02 10.0.0.2>10.0.0.9 echo-reply id 1 seq 2 len 5 'hello'");
  lab_frame[42] ^= 1;
  inject();
  is_int(STAT(icmp_checksum), 1, "a wrong checksum");
  lab_icmp("10.0.0.9", "10.0.0.255", 8, 0, 0x10002, "hello", 5);
  memset(lab_frame, 0xff, 6);
  inject();
  lab_icmp("10.0.0.9", "10.0.0.2", 0, 0, 0x10002, "hello", 5);
  inject();
  lab_icmp("10.0.0.9", "10.0.0.2", 13, 0, 0x10002, pattern, 12);
  inject();
  lab_icmp("10.0.0.9", "10.0.0.2", 5, 1, 0x0a000003, pattern, 28);
  inject();
  is_int(STAT(icmp_ignored), 4, "pings to all, replies, timestamps, redirects");
  lab_icmp("10.0.0.9", "10.0.0.2", 4, 0, 0, pattern, 28);
  inject();
  is_int(STAT(icmp_ignored), 5, "MUST-55: source quench is discarded");
  lab_ipv4("10.0.0.9", "10.0.0.2", 1, 1, 0, "\x08\0\xf7\xff\0\0\0", 7);
  inject();
  is_int(STAT(icmp_malformed), 1, "shorter than a header");
  quiet();
  is_int(STAT(icmp_echo), 4, "counted");
  lab_end();
}

/* A ping to 127.0.0.1 cannot come from outside; one of 64 KiB can. */
static void test_large_echo(void)
{
  static uint8_t whole[65536];
  uint32_t n = 65507 + 8, at, len, i, got_len = 0;
  int good = 1;

  start(NULL);
  whole[0] = 8;
  memcpy(whole + 8, pattern, n - 8);
  lab_put(whole + 2, 2, ~lab_sum(whole, n, 0));
  for (at = 0; at < n; at += len) {
    len = n - at < 1480 ? n - at : 1480;
    lab_ipv4("10.0.0.9", "10.0.0.2", 1, 77, at | (at + len < n), whole + at, len);
    inject();
  }
  for (i = 0; lab_take(); i++) {
    len = lab_get(lab_seen + 16, 2) - 20;
    at = (lab_get(lab_seen + 20, 2) & 0x1fff) * 8;
    good &= at == got_len && at + len <= n;
    if (at)
      good &= !memcmp(lab_seen + 34, whole + at, len);
    else
      good &= lab_seen[34] == 0 && !memcmp(lab_seen + 42, whole + 8, len - 8);
    memcpy(whole + at, lab_seen + 34, len);
    got_len += len;
  }
  is_int(i, 45, "a ping of 64 KiB is answered in 45 pieces");
  ok(good && got_len == n, "with the same bytes");
  is_int(lab_sum(whole, n, 0), 0xffff, "and a right checksum");
  lab_end();
}

/* ---- Errors sent ------------------------------------------------------- */

static void test_port_unreachable(void)
{
  start(NULL);
  lab_udp("10.0.0.9", 1000, "10.0.0.2", 9, "datagram", 8);
  lab_frame[22] = 17;
  lab_ip_sum();
  inject();
  got("02 10.0.0.2>10.0.0.9 icmp 3/3 "
      "{ 10.0.0.9>10.0.0.2 ttl 17 udp 1000>9 len 8 'datagram' }");
  ok(!memcmp(lab_seen + 42, lab_frame + 14, 36), "quoted as it came, to the last byte");
  lab_udp("10.0.0.9", 1000, "10.0.0.2", 9, pattern, 1400);
  inject();
  got("02 10.0.0.2>10.0.0.9 icmp 3/3 { 10.0.0.9>10.0.0.2 udp 1000>9 len 1400 }");
  is_int(lab_seen_len, 14 + 576, "at most 576 bytes");
  ok(!memcmp(lab_seen + 42, lab_frame + 14, 548), "quoted");
  lab_udp("10.0.0.9", 1000, "10.0.0.255", 9, "datagram", 8);
  memset(lab_frame, 0xff, 6);
  inject();
  lab_udp("10.0.0.9", 1000, "10.0.0.2", 9, "datagram", 8);
  memset(lab_frame, 0xff, 6);
  inject();
  quiet();
  is_int(STAT(udp_no_port), 4, "not about broadcasts of either layer");
  lab_ipv4("10.0.0.9", "10.0.0.2", 99, 1, 800 | 1, pattern, 800);
  inject();
  quiet();
  lab_ipv4("192.0.2.1", "10.0.0.2", 99, 1, 0, pattern, 800);
  inject();
  got("* arp who-has 10.0.0.1 tell 10.0.0.2");
  lab_arp("01", 2, "10.0.0.1", "10.0.0.2");
  inject();
  got("02 10.0.0.2>192.0.2.1 icmp 3/2 { 192.0.2.1>10.0.0.2 proto 99 len 528 }");
  quiet();
  lab_end();
}

static void test_rate(void)
{
  struct lwt_net_config config = { .icmp_rate = 10 };
  int i;

  start(&config);
  for (i = 0; i < 50; i++) {
    lab_udp("10.0.0.9", 1000, "10.0.0.2", 9, "datagram", 8);
    inject();
  }
  for (i = 0; lab_take(); i++)
    ;
  is_int(i, 10, "ten a second");
  is_int(STAT(icmp_limited), 40, "the others are counted");
  advance(LWT_MS(300));
  for (i = 0; i < 50; i++) {
    lab_udp("10.0.0.9", 1000, "10.0.0.2", 9, "datagram", 8);
    inject();
  }
  for (i = 0; lab_take(); i++)
    ;
  is_int(i, 3, "three in 300 ms");
  advance(LWT_S(20));
  lab_arp("*", 1, "10.0.0.9", "10.0.0.2");
  inject();
  lab_discard();
  for (i = 0; i < 50; i++) {
    lab_udp("10.0.0.9", 1000, "10.0.0.2", 9, "datagram", 8);
    inject();
    lab_icmp("10.0.0.9", "10.0.0.2", 8, 0, 0x10002, "hello", 5);
    inject();
  }
  for (i = 0; lab_take(); i++)
    ;
  is_int(i, 60, "never more than ten at once; echo replies are no errors");
  lab_end();
}

/* ---- Errors received --------------------------------------------------- */

static struct lwt_udp *udp;

/* An ICMP error about the frame in lab_seen. */
static void about(const char *from, int type, int code, uint32_t word, uint32_t len)
{
  uint8_t quote[600];

  memcpy(quote, lab_seen + 14, len);
  lab_icmp(from, "10.0.0.2", type, code, word, quote, len);
}

/* Errors about nothing of ours, or not well made. */
static void received_nonsense(void)
{
  uint32_t i;

  i = (uint32_t)STAT(icmp_error);
  about("10.0.0.9", 3, 3, 0, 27);
  inject();
  is_int(STAT(icmp_malformed), 1, "too short a quote");
  about("10.0.0.9", 3, 3, 0, 28);
  lab_put(lab_frame + 14 + 20 + 8 + 12, 4, lab_ip("10.0.0.3"));
  lab_put(lab_frame + 36, 2, 0);
  lab_put(lab_frame + 36, 2, ~lab_sum(lab_frame + 34, lab_len - 34, 0));
  inject();
  is_int(STAT(icmp_ignored), 1, "not a packet of ours");
  about("10.0.0.9", 3, 3, 0, 28);
  lab_frame[14 + 20 + 8] = 0x4f;
  lab_put(lab_frame + 36, 2, 0);
  lab_put(lab_frame + 36, 2, ~lab_sum(lab_frame + 34, lab_len - 34, 0));
  inject();
  is_int(STAT(icmp_ignored), 2, "a header longer than the quote");
  is_int(STAT(icmp_error), i, "none reached UDP");
  for (i = 34; i < lab_len; i++) {
    about("10.0.0.9", 3, 3, 0, 28);
    lab_frame[i] ^= 0x80;
    inject();
  }
  is_int(STAT(icmp_checksum), i - 34, "a spoilt one");
}

static int code_of(lwt_t *p)
{
  int code = lwt_state(p) == LWT_PENDING ? 1 : lwt_error(p).code;

  lwt_drop(p);
  return code;
}

static void test_connected(void)
{
  struct lwt_addr any = lab_addr("0.0.0.0", 7), to = lab_addr("10.0.0.9", 1000);
  struct lwt_addr other = lab_addr("10.0.0.9", 1001);
  struct lwt_addr all = lab_addr("255.255.255.255", 1);
  lwt_t *p;

  printf("# RFC 1122 4.1.3.3: a connected endpoint hears of ICMP errors\n");
  start(NULL);
  lwt_stack_udp(lab_stack, &any, &udp);
  is_int(lwt_ip_udp_connect(udp, &all), LWT_EINVAL, "not to a broadcast address");
  is_int(lwt_ip_udp_connect(udp, &to), 0, "connected");
  is_int(code_of(lwt_udp_send(udp, &other, "x", 1)), LWT_EISCONN, "no other peer");
  p = LWT_UNTYPED(lwt_udp_receive(udp));
  lab_udp("10.0.0.9", 1001, "10.0.0.2", 7, "x", 1);
  inject();
  is_int(STAT(udp_no_port), 1, "what others send is not for it");
  lab_discard();
  lwt_drop(lwt_udp_send(udp, &to, "x", 1));
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1 'x'");
  is_int(lwt_state(p), LWT_PENDING, "it waits");
  about("10.0.0.9", 3, 3, 0, 28);
  inject();
  is_int(code_of(p), LWT_ECONNREFUSED, "nobody has the port: receive is rejected");
  lwt_drop(lwt_udp_send(udp, &to, "x", 1));
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1 'x'");
  about("10.0.0.1", 3, 1, 0, 28);
  inject();
  is_int(code_of(LWT_UNTYPED(lwt_udp_receive(udp))), LWT_EHOSTUNREACH,
         "the host cannot be reached: the next receive hears of it");
  p = LWT_UNTYPED(lwt_udp_receive(udp));
  is_int(lwt_state(p), LWT_PENDING, "once");
  lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, "y", 1);
  inject();
  is_int(code_of(p), 0, "and goes on");
  about("10.0.0.1", 3, 0, 0, 28);
  inject();
  is_int(code_of(lwt_udp_send(udp, &to, "x", 1)), LWT_ENETUNREACH, "or the next send");
  is_int(code_of(lwt_udp_send(udp, &to, "x", 1)), 0, "once");
  lab_discard();
  any.family = 0;
  is_int(lwt_ip_udp_connect(udp, &any), 0, "anybody again");
  is_int(code_of(lwt_udp_send(udp, &other, "x", 1)), 0, "whoever it is");
  lab_discard();
  lwt_udp_close(udp);
  lab_end();
}

/* Who is known at that Ethernet address. */
static void known(const char *ip, uint8_t mac)
{
  lab_mac[5] = mac;
  lab_arp("01", 1, ip, "10.0.0.2");
  inject();
  lab_discard();
  lab_mac[5] = 2;
}

/* A datagram to 192.0.2.host goes to that Ethernet address. */
static void goes(unsigned host, const char *mac, const char *what)
{
  char ip[20], text[80];
  struct lwt_addr to;

  snprintf(ip, sizeof ip, "192.0.2.%u", host);
  to = lab_addr(ip, 1000);
  lwt_drop(lwt_udp_send(udp, &to, "x", 1));
  snprintf(text, sizeof text, "%s 10.0.0.2>%s udp 7>1000 len 1 'x'", mac, ip);
  printf("# %s\n", what);
  got(text);
}

/* A redirect about what was sent last. */
static void redirect(const char *what, const char *from, int code, const char *gateway,
                     int believed)
{
  uint64_t before = STAT(icmp_redirects);

  about(from, 5, code, lab_ip(gateway), 28);
  inject();
  is_int(STAT(icmp_redirects) - before, believed, "%s", what);
}

static void forged(void)
{
  redirect("from somebody else", "10.0.0.9", 1, "10.0.0.3", 0);
  redirect("to another network", "10.0.0.1", 1, "192.0.2.1", 0);
  redirect("to ourselves", "10.0.0.1", 1, "10.0.0.2", 0);
  redirect("to the gateway itself", "10.0.0.1", 1, "10.0.0.1", 0);
  redirect("to everybody", "10.0.0.1", 1, "10.0.0.255", 0);
  redirect("an unknown code", "10.0.0.1", 4, "10.0.0.3", 0);
  about("10.0.0.1", 5, 1, lab_ip("10.0.0.3"), 28);
  lab_put(lab_frame + 62, 2, 9);
  lab_put(lab_frame + 36, 2, 0);
  lab_put(lab_frame + 36, 2, ~lab_sum(lab_frame + 34, lab_len - 34, 0));
  inject();
  is_int(STAT(icmp_redirects), 0, "quoting a port that nobody has");
  goes(9, "0a", "nothing has changed");
}

static void test_redirect(void)
{
  struct lwt_net_config config = { .addr = lab_addr("10.0.0.2", 0), .prefix = 24,
                                   .gateway = lab_addr("10.0.0.1", 0) };
  struct lwt_addr any = lab_addr("0.0.0.0", 7);
  size_t routes;
  unsigned i;

  printf("# RFC 1122 3.2.2.2: a redirect of the present gateway\n");
  lab_start(&config);
  known("10.0.0.1", 10);
  known("10.0.0.3", 11);
  lwt_stack_udp(lab_stack, &any, &udp);
  routes = lwt_ip_routes(lab_stack, NULL, 0);
  goes(9, "0a", "to the default gateway");
  redirect("not believed at first", "10.0.0.1", 1, "10.0.0.3", 0);
  is_int(lwt_ip_redirects(lab_stack, 1), 0, "from now on they are");
  forged();
  redirect("of the present gateway", "10.0.0.1", 1, "10.0.0.3", 1);
  goes(9, "0b", "to the better one");
  redirect("of one that is no longer the way", "10.0.0.1", 1, "10.0.0.9", 0);
  redirect("of the better one, back", "10.0.0.3", 0, "10.0.0.1", 1);
  goes(9, "0a", "to the first again");
  redirect("once more", "10.0.0.1", 1, "10.0.0.3", 1);
  goes(10, "0a", "others as ever");
  is_int(lwt_ip_routes(lab_stack, NULL, 0), routes + 1, "one route for one host");
  advance(LWT_S(601));
  known("10.0.0.1", 10);
  known("10.0.0.3", 11);
  goes(9, "0a", "for ten minutes");
  for (i = 0; i < 20; i++) {
    goes(20 + i, "0a", "a host");
    redirect("redirected", "10.0.0.1", 1, "10.0.0.3", 1);
  }
  is_int(lwt_ip_routes(lab_stack, NULL, 0), routes + 16, "sixteen at most");
  goes(39, "0b", "the last one is there");
  goes(20, "0a", "the first one is not");
  is_int(lwt_ip_redirects(lab_stack, 0), 0, "no more");
  goes(39, "0a", "forgotten");
  is_int(lwt_ip_routes(lab_stack, NULL, 0), routes, "all of them");
  is_int(lwt_ip_redirects(lab_stack, 1), 0, "again");
  redirect("and left when the stack closes", "10.0.0.1", 1, "10.0.0.3", 1);
  lwt_udp_close(udp);
  lab_end();
}

static void test_received(void)
{
  struct lwt_addr any = lab_addr("0.0.0.0", 7), to = lab_addr("10.0.0.9", 1000);
  struct lwt_addr other = lab_addr("10.0.0.9", 1001);
  lwt_t *p;

  start(NULL);
  lwt_stack_udp(lab_stack, &any, &udp);
  lwt_drop(lwt_udp_send(udp, &to, "x", 1));
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1 'x'");
  about("10.0.0.9", 3, 3, 0, 28);
  inject();
  quiet();
  is_int(STAT(udp_unreachable), 1, "the port is closed");
  p = lwt_udp_send(udp, &other, "x", 1);
  is_int(lwt_error(p).code, 0, "another port is not");
  lwt_drop(p);
  got("02 10.0.0.2>10.0.0.9 udp 7>1001 len 1 'x'");
  p = lwt_udp_send(udp, &to, "x", 1);
  is_int(lwt_error(p).code, LWT_ECONNREFUSED, "the next send hears of it");
  lwt_drop(p);
  p = lwt_udp_send(udp, &to, "x", 1);
  is_int(lwt_error(p).code, 0, "once");
  lwt_drop(p);
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1 'x'");
  /* an MTU on the way */
  lwt_drop(lwt_udp_send(udp, &to, pattern, 1400));
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1400");
  about("10.0.0.1", 3, 4, 1000, 28);
  inject();
  lwt_drop(lwt_udp_send(udp, &to, pattern, 1400));
  got("02 10.0.0.2>10.0.0.9 frag 0+976+ udp 7>1000 len 1400");
  got("02 10.0.0.2>10.0.0.9 frag 976+432");
  advance(LWT_S(601));
  lab_discard();
  lab_arp("01", 1, "10.0.0.9", "10.0.0.2");
  inject();
  got("02 arp 10.0.0.2 is-at 01 to 10.0.0.9");
  lwt_drop(lwt_udp_send(udp, &to, pattern, 1400));
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1400");
  about("10.0.0.1", 3, 4, 0, 28);
  inject();
  lwt_drop(lwt_udp_send(udp, &to, pattern, 1400));
  got("02 10.0.0.2>10.0.0.9 frag 0+984+ udp 7>1000 len 1400");
  lab_discard();
  lwt_drop(lwt_udp_send(udp, &to, pattern, 900));
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 900");
  about("10.0.0.1", 3, 4, 68, 28);
  inject();
  lwt_drop(lwt_udp_send(udp, &to, pattern, 900));
  got("02 10.0.0.2>10.0.0.9 frag 0+528+ udp 7>1000 len 900");
  lab_discard();
  advance(LWT_S(601));
  lab_discard();
  lab_arp("01", 1, "10.0.0.9", "10.0.0.2");
  inject();
  lab_discard();
  lwt_drop(lwt_udp_send(udp, &to, "x", 1));
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1 'x'");
  received_nonsense();
  quiet();
  lwt_udp_close(udp);
  lab_end();
}

/* ---- Path MTU (RFC 1191) ------------------------------------------------- */

static struct lwt_udp *path_udp;
static uint8_t path_bytes[1400];

static void send_far(uint8_t host)
{
  struct lwt_addr to = lab_addr("8.8.8.8", 9);

  to.ip[2] = host;
  lwt_drop(lwt_udp_send(path_udp, &to, path_bytes, sizeof path_bytes));
  settle();
}

/* A router says that the packet seen last is too long. */
static void too_big(uint16_t mtu)
{
  uint8_t quote[28];

  memcpy(quote, lab_seen + 14, sizeof quote);
  lab_icmp("10.0.0.1", "10.0.0.2", 3, 4, mtu, quote, sizeof quote);
  inject();
}

static int pieces(void)
{
  int n = 0;

  while (lab_take())
    n++;
  return n;
}

static void test_path_mtu(void)
{
  struct lwt_addr any = lab_addr("0.0.0.0", 7);
  char dump[4000];
  unsigned i;
  FILE *out;

  lab_start(NULL);
  is_int(lwt_stack_udp(lab_stack, &any, &path_udp), 0, "an endpoint");
  lab_arp("*", 1, "10.0.0.1", "10.0.0.2");
  inject();
  lab_discard();
  send_far(8);
  got("02 10.0.0.2>8.8.8.8 udp 7>9 len 1400");
  too_big(1000);
  send_far(8);
  got("02 10.0.0.2>8.8.8.8 frag 0+976+ udp 7>9 len 1400");
  got("02 10.0.0.2>8.8.8.8 frag 976+432");
  send_far(9);
  got("02 10.0.0.2>8.8.9.8 udp 7>9 len 1400");
  lab_seen[32] = 8; /* about the first path */
  lab_put(lab_seen + 24, 2, 0);
  lab_put(lab_seen + 24, 2, ~lab_sum(lab_seen + 14, 20, 0));
  too_big(68);
  send_far(8);
  got("02 10.0.0.2>8.8.8.8 frag 0+528+ udp 7>9 len 1400");
  is_int(pieces(), 2, "never less than 552 bytes, whoever says so");
  too_big(1400);
  send_far(8);
  is_int(pieces(), 3, "never more than before");
  advance(LWT_S(540));
  lab_arp("*", 1, "10.0.0.1", "10.0.0.2");
  inject();
  lab_discard();
  send_far(8);
  is_int(pieces(), 3, "known for nine minutes");
  advance(LWT_S(120));
  lab_arp("*", 1, "10.0.0.1", "10.0.0.2");
  inject();
  lab_discard();
  send_far(8);
  is_int(pieces(), 1, "after eleven it is tried again");
  for (i = 0; i < 2000; i++) {
    lab_seen[31] = (uint8_t)(i >> 8);
    lab_seen[32] = (uint8_t)i;
    lab_put(lab_seen + 24, 2, 0);
    lab_put(lab_seen + 24, 2, ~lab_sum(lab_seen + 14, 20, 0));
    too_big(1000);
  }
  out = tmpfile();
  lwt_net_dump(lab_stack, out);
  rewind(out);
  dump[fread(dump, 1, sizeof dump - 1, out)] = '\0';
  fclose(out);
  ok(strstr(dump, "256 paths with"), "as many as there is room for");
  lwt_udp_close(path_udp);
  lab_discard();
  advance(LWT_S(2000));
  lab_end();
}

int main(void)
{
  uint32_t i, x = 1;

  for (i = 0; i < sizeof pattern; i++) {
    x = x * 1103515245 + 12345;
    pattern[i] = (uint8_t)(x >> 16);
  }
  test_echo();
  test_large_echo();
  test_port_unreachable();
  test_rate();
  test_connected();
  test_redirect();
  test_received();
  test_path_mtu();
  return lwt_test_done();
}
