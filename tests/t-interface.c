/* t-interface.c - interfaces, addresses, routes, events of a stack (lwt-ip.h).
 * SPDX-License-Identifier: ISC
 */
#include <lwt-ip.h>

#include "netlab.h"

static char text[LWT_ADDR_TEXT];

static void settled(lwt_t *p, int code, const char *what)
{
  settle();
  ok(lwt_state(p) != LWT_PENDING && lwt_error(p).code == code, "%s", what);
  lwt_drop(p);
}

static struct lwt_ip_address address(const char *ip, uint8_t prefix)
{
  return (struct lwt_ip_address){ .addr = lab_addr(ip, 0), .prefix = prefix,
                                  .unchecked = 1 };
}

static struct lwt_ip_route route(const char *dst, uint8_t prefix, const char *gateway,
                                 uint32_t interface, uint32_t metric)
{
  struct lwt_ip_route r = { .dst = lab_addr(dst, 0), .prefix = prefix,
                            .interface = interface, .metric = metric };

  if (gateway)
    r.gateway = lab_addr(gateway, 0);
  return r;
}

/* What was told, as text. */
static char told[6000];
static struct lwt_ip_watch watch;

static void tell(struct lwt_ip_watch *w, enum lwt_ip_event event, uint32_t index,
                 const struct lwt_addr *addr)
{
  static const char *const names[] = { "added", "removed", "down", "usable",
                                       "deprecated", "gone", "conflict", "routes",
                                       "missed" };
  size_t len = strlen(told);

  (void)w;
  snprintf(told + len, sizeof told - len, "%s %u %s\n", names[event], (unsigned)index,
           lwt_addr_format(addr, text, sizeof text));
}

static const char *news(void)
{
  static char copy[sizeof told];

  settle();
  strcpy(copy, told);
  told[0] = '\0';
  return copy;
}

static void start(void)
{
  lab_start(NULL);
  told[0] = '\0';
  watch.fn = tell;
  is_int(lwt_ip_watch(lab_stack, &watch), 0, "somebody watches");
}

/* ---- Addresses --------------------------------------------------------- */

static void test_addresses(void)
{
  struct lwt_ip_address a = address("192.168.7.1", 28), list[4];
  struct lwt_ip_if_info info;

  start();
  is_int(lwt_ip_if_next(lab_stack, 0), 1, "the first interface");
  is_int(lwt_ip_if_info(lab_stack, 1, &info), 0, "is there");
  ok(info.loopback && !strcmp(info.name, "lo"), "and is the loopback one");
  is_int(lwt_ip_if_next(lab_stack, 1), 2, "the second");
  is_int(lwt_ip_if_info(lab_stack, 2, &info), 0, "is there");
  ok(!info.loopback && info.mtu == 1500 && info.mac[5] == 1, "and is the device");
  is_int(lwt_ip_if_next(lab_stack, 2), 0, "and no third");
  is_int(lwt_ip_if_info(lab_stack, 3, &info), LWT_ENODEV, "indeed");
  settled(lwt_ip_address_add(lab_stack, 2, &a), 0, "a second address");
  got("* arp who-has 192.168.7.1 tell 192.168.7.1");
  is_str(news(), "routes 0 -\nusable 2 192.168.7.1\n", "is news");
  is_int(lwt_ip_addresses(lab_stack, 2, list, 4), 2, "two addresses");
  ok(list[1].state == LWT_IP_PREFERRED && list[1].valid_until == LWT_NEVER &&
       list[1].prefix == 28, "the second is as it was added");
  lab_arp("*", 1, "192.168.7.9", "192.168.7.1");
  inject();
  got("02 arp 192.168.7.1 is-at 01 to 192.168.7.9");
  lab_icmp("192.168.7.9", "192.168.7.1", 8, 0, 0x10002, "hello", 5);
  inject();
  got("02 192.168.7.1>192.168.7.9 echo-reply id 1 seq 2 len 5 'hello'");
  lab_udp("192.168.7.9", 1000, "192.168.7.15", 9, "x", 1);
  inject();
  quiet();
  is_int(STAT(udp_no_port), 1, "its broadcast address is known");
  settled(lwt_ip_address_add(lab_stack, 1, &a), LWT_EADDRINUSE, "an address is one's");
  is_int(lwt_ip_address_remove(lab_stack, 2, &a.addr), 0, "removed");
  is_int(lwt_ip_address_remove(lab_stack, 2, &a.addr), LWT_EADDRNOTAVAIL, "once");
  is_str(news(), "gone 2 192.168.7.1\nroutes 0 -\n", "is news");
  lab_icmp("192.168.7.9", "192.168.7.1", 8, 0, 0x10002, "hello", 5);
  inject();
  quiet();
  is_int(STAT(ip_destination), 1, "nobody has it now");
  lwt_ip_unwatch(lab_stack, &watch);
  settled(lwt_ip_address_add(lab_stack, 2, &a), 0, "again");
  is_str(news(), "", "nobody watches");
  lab_end();
}

static void test_bad_addresses(void)
{
  static const struct {
    const char *ip;
    uint8_t prefix;
    int error;
  } bad[] = { { "0.0.0.0", 8, LWT_EINVAL },      { "10.0.0.9", 0, LWT_EINVAL },
              { "10.0.0.9", 33, LWT_EINVAL },    { "224.0.0.5", 24, LWT_EINVAL },
              { "10.0.1.255", 24, LWT_EINVAL },  { "255.255.255.255", 32, LWT_EINVAL },
              { "127.0.0.2", 8, LWT_EINVAL } };
  struct lwt_ip_address a;
  size_t i;

  start();
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    a = address(bad[i].ip, bad[i].prefix);
    settled(lwt_ip_address_add(lab_stack, 2, &a), bad[i].error, bad[i].ip);
  }
  a = address("10.0.0.9", 24);
  a.preferred_until = LWT_S(2001);
  a.valid_until = LWT_S(2000);
  settled(lwt_ip_address_add(lab_stack, 2, &a), LWT_EINVAL, "preferred but not valid");
  a.addr.family = 0;
  settled(lwt_ip_address_add(lab_stack, 2, &a), LWT_ENOTSUP, "no family");
  settled(lwt_ip_address_add(lab_stack, 9, &a), LWT_ENODEV, "no interface");
  for (i = 0; i < 62; i++) {
    a = address("10.0.9.1", 32);
    a.addr.ip[3] = (uint8_t)i;
    lwt_drop(lwt_ip_address_add(lab_stack, 2, &a)); /* all in one turn */
  }
  a.addr.ip[3] = 99;
  settled(lwt_ip_address_add(lab_stack, 2, &a), LWT_ENOBUFS, "64 are enough");
  ok(strstr(news(), "missed 0 -\n"), "too much news at once");
  lab_end();
}

static void test_lifetimes(void)
{
  struct lwt_addr any = lab_addr("0.0.0.0", 7), to = lab_addr("10.0.0.9", 9);
  struct lwt_ip_address a = address("10.0.0.8", 24);
  struct lwt_udp *udp;

  start();
  a.preferred_until = LWT_S(1100);
  a.valid_until = LWT_S(1200);
  settled(lwt_ip_address_add(lab_stack, 2, &a), 0, "an address for a while");
  news();
  lab_discard();
  lwt_stack_udp(lab_stack, &any, &udp);
  lab_arp("*", 1, "10.0.0.9", "10.0.0.2");
  inject();
  got("02 arp 10.0.0.2 is-at 01 to 10.0.0.9");
  settled(lwt_udp_send(udp, &to, "x", 1), 0, "sent");
  got("02 10.0.0.8>10.0.0.9 udp 7>9 len 1 'x'"); /* the longest match */
  advance(LWT_S(100) - 1);
  lab_discard();
  is_str(news(), "", "until then nothing happens");
  advance(1);
  is_str(news(), "deprecated 2 10.0.0.8\n", "no longer preferred");
  lab_arp("*", 1, "10.0.0.9", "10.0.0.2");
  inject();
  got("02 arp 10.0.0.2 is-at 01 to 10.0.0.9");
  settled(lwt_udp_send(udp, &to, "x", 1), 0, "sent");
  got("02 10.0.0.2>10.0.0.9 udp 7>9 len 1 'x'");
  a.preferred_until = LWT_S(1150);
  settled(lwt_ip_address_add(lab_stack, 2, &a), 0, "the preferred time is set anew");
  is_str(news(), "usable 2 10.0.0.8\n", "preferred again");
  advance(LWT_S(50));
  is_str(news(), "deprecated 2 10.0.0.8\n", "until that is over too");
  advance(LWT_S(50));
  is_str(news(), "gone 2 10.0.0.8\n", "and it is gone");
  lab_discard();
  lwt_udp_close(udp);
  lab_end();
}

/* ---- Whose address (RFC 5227) ------------------------------------------- */

static const char *const probe8 = "* arp who-has 10.0.0.8 tell 0.0.0.0";
static const char *const announce8 = "* arp who-has 10.0.0.8 tell 10.0.0.8";

/* The next frame is this one, at a time from `least` to `most` from now. */
static void comes(const char *frame, uint64_t least, uint64_t most)
{
  uint64_t start = lab_time.time;

  advance(least - 1);
  quiet();
  while (!lab_frames && lab_time.time < start + most)
    advance(LWT_MS(1));
  got(frame);
}

static lwt_t *add8(uint8_t origin)
{
  struct lwt_ip_address a = address("10.0.0.8", 24);

  a.unchecked = 0;
  a.origin = origin;
  return lwt_ip_address_add(lab_stack, 2, &a);
}

static unsigned state8(void)
{
  struct lwt_ip_address list[4];

  return lwt_ip_addresses(lab_stack, 2, list, 4) == 2 ? list[1].state : 99;
}

static void test_probe(void)
{
  struct lwt_ip_address list[4];
  lwt_t *p;

  start();
  p = add8(LWT_IP_STATIC);
  comes(probe8, 1, LWT_S(1) + 1);
  is_int(state8(), LWT_IP_TENTATIVE, "tentative");
  lab_arp("*", 1, "10.0.0.9", "10.0.0.8");
  inject();
  quiet(); /* nobody is told that it is ours */
  lab_icmp("10.0.0.9", "10.0.0.8", 8, 0, 0x10002, "hello", 5);
  inject();
  quiet();
  settled(add8(LWT_IP_STATIC), LWT_EALREADY, "it is being asked for");
  comes(probe8, LWT_S(1), LWT_S(2) + LWT_MS(1));
  comes(probe8, LWT_S(1), LWT_S(2) + LWT_MS(1));
  is_int(lwt_state(p), LWT_PENDING, "not yet usable");
  comes(announce8, LWT_S(2) - LWT_MS(1), LWT_S(2));
  settled(p, 0, "nobody has it");
  is_str(news(), "usable 2 10.0.0.8\n", "is news");
  comes(announce8, LWT_S(2) - LWT_MS(1), LWT_S(2));
  advance(LWT_S(100));
  quiet();
  is_int(lwt_ip_addresses(lab_stack, 2, list, 4), 2, "it stays");
  lab_end();
}

static void test_taken(void)
{
  struct lwt_addr eight = lab_addr("10.0.0.8", 0);
  lwt_t *p;
  int i;

  start();
  p = add8(LWT_IP_STATIC);
  lab_arp("*", 2, "10.0.0.8", "10.0.0.8");
  inject();
  settled(p, LWT_EADDRINUSE, "before we asked");
  is_str(news(), "conflict 2 10.0.0.8\n", "is news");
  p = add8(LWT_IP_STATIC);
  advance(LWT_S(1));
  lab_discard();
  lab_arp("01", 2, "10.0.0.8", "0.0.0.0");
  inject();
  settled(p, LWT_EADDRINUSE, "an answer");
  p = add8(LWT_IP_STATIC);
  lab_arp("*", 1, "0.0.0.0", "10.0.0.8");
  inject();
  settled(p, LWT_EADDRINUSE, "somebody else asks for it");
  p = add8(LWT_IP_STATIC);
  is_int(lwt_ip_address_remove(lab_stack, 2, &eight), 0, "removed meanwhile");
  settled(p, LWT_EADDRNOTAVAIL, "says so");
  for (i = 3; i < 10; i++) {
    lwt_drop(add8(LWT_IP_STATIC));
    lab_arp("*", 1, "0.0.0.0", "10.0.0.8");
    inject();
  }
  p = add8(LWT_IP_STATIC);
  comes(probe8, LWT_S(60), LWT_S(61) + LWT_MS(1));
  advance(LWT_S(10));
  settled(p, 0, "after ten conflicts a minute's pause");
  lab_discard();
  lab_end();
}

static void claim(void)
{
  lab_arp("*", 1, "10.0.0.8", "10.0.0.8");
  inject();
}

static void test_defend(void)
{
  start();
  lwt_drop(add8(LWT_IP_DHCP));
  advance(LWT_S(10));
  lab_discard();
  news();
  claim();
  got(announce8);
  is_str(news(), "conflict 2 10.0.0.8\n", "a conflict");
  advance(LWT_S(11));
  claim();
  got(announce8);
  is_str(news(), "conflict 2 10.0.0.8\n", "and later another");
  advance(LWT_S(9));
  claim();
  quiet();
  is_str(news(), "gone 2 10.0.0.8\n", "the second within ten seconds: given up");
  lwt_drop(add8(LWT_IP_STATIC));
  advance(LWT_S(10));
  lab_discard();
  claim();
  got(announce8);
  claim();
  quiet();
  is_int(state8(), LWT_IP_PREFERRED, "a static one is kept");
  lab_end();
}

/* ---- Routes ------------------------------------------------------------ */

static struct lwt_udp *udp;

static void goes_to(const char *dst, const char *hop)
{
  struct lwt_addr to = lab_addr(dst, 9);
  char want[80];

  lwt_drop(lwt_udp_send(udp, &to, "x", 1));
  snprintf(want, sizeof want, "* arp who-has %s tell 10.0.0.2", hop);
  ok(lab_take() && !strcmp(lab_describe(lab_seen, lab_seen_len), want),
     "%s goes to %s", dst, hop);
  advance(LWT_S(10));
  lab_discard();
}

static void test_routes(void)
{
  struct lwt_addr any = lab_addr("0.0.0.0", 7), to;
  struct lwt_ip_route r, list[8];

  start();
  lwt_stack_udp(lab_stack, &any, &udp);
  r = route("172.16.0.0", 12, "10.0.0.4", 0, 0);
  is_int(lwt_ip_route_add(lab_stack, &r), 0, "a route");
  is_str(news(), "routes 0 -\n", "is news");
  r = route("172.16.5.0", 24, "10.0.0.5", 2, 7);
  is_int(lwt_ip_route_add(lab_stack, &r), 0, "a longer one");
  r = route("172.16.5.0", 24, "10.0.0.6", 2, 5);
  is_int(lwt_ip_route_add(lab_stack, &r), 0, "a cheaper one");
  r = route("172.16.5.7", 32, NULL, 2, 0);
  is_int(lwt_ip_route_add(lab_stack, &r), 0, "one host, on link");
  goes_to("172.31.0.1", "10.0.0.4");
  goes_to("172.16.5.1", "10.0.0.6");
  goes_to("172.16.5.7", "172.16.5.7");
  goes_to("172.32.0.1", "10.0.0.1");
  goes_to("10.0.0.77", "10.0.0.77");
  is_int(lwt_ip_routes(lab_stack, NULL, 0), 7, "seven routes");
  is_int(lwt_ip_routes(lab_stack, list, 8), 7, "in their order");
  is_int(list[0].prefix, 32, "the longest first");
  is_int(list[6].prefix, 0, "the default last");
  r = route("172.16.5.0", 24, "10.0.0.6", 2, 0);
  is_int(lwt_ip_route_remove(lab_stack, &r), 0, "the cheaper one goes");
  is_int(lwt_ip_route_remove(lab_stack, &r), LWT_ENOENT, "once");
  goes_to("172.16.5.1", "10.0.0.5");
  r = route("0.0.0.0", 0, "10.0.0.1", 2, 0);
  is_int(lwt_ip_route_remove(lab_stack, &r), 0, "no default route");
  to = lab_addr("8.8.8.8", 9);
  settled(lwt_udp_send(udp, &to, "x", 1), LWT_ENETUNREACH, "nowhere to go");
  lwt_udp_close(udp);
  lab_end();
}

static void test_dead_gateway(void)
{
  struct lwt_addr any = lab_addr("0.0.0.0", 7), to = lab_addr("8.8.8.8", 9);
  struct lwt_ip_route r = route("0.0.0.0", 0, "10.0.0.3", 0, 5);
  lwt_t *p;

  start();
  lwt_stack_udp(lab_stack, &any, &udp);
  is_int(lwt_ip_route_add(lab_stack, &r), 0, "a second gateway");
  goes_to("8.8.8.8", "10.0.0.1"); /* nobody answers */
  p = lwt_udp_send(udp, &to, "x", 1);
  got("* arp who-has 10.0.0.3 tell 10.0.0.2");
  lab_arp("01", 2, "10.0.0.3", "10.0.0.2");
  inject();
  settled(p, 0, "sent");
  got("02 10.0.0.2>8.8.8.8 udp 7>9 len 1 'x'");
  ok(lab_take() == 0, "the second gateway takes over");
  lab_arp("*", 1, "10.0.0.3", "10.0.0.2");
  advance(LWT_S(61));
  lab_discard();
  goes_to("8.8.8.8", "10.0.0.1"); /* tried again after a minute */
  r = route("0.0.0.0", 0, "10.0.0.3", 0, 5);
  is_int(lwt_ip_route_remove(lab_stack, &r), 0, "the second one goes");
  goes_to("8.8.8.8", "10.0.0.1"); /* there is no other */
  lwt_udp_close(udp);
  lab_end();
}

static void test_bad_routes(void)
{
  static const struct {
    const char *dst, *gateway;
    uint8_t prefix;
    uint32_t interface;
    int error;
  } bad[] = { { "172.16.0.1", "10.0.0.4", 12, 0, LWT_EINVAL },
              { "172.16.0.0", "10.0.0.4", 33, 0, LWT_EINVAL },
              { "172.16.0.0", "10.0.0.2", 12, 0, LWT_EINVAL },
              { "172.16.0.0", "224.0.0.1", 12, 0, LWT_EINVAL },
              { "172.16.0.0", "fe80::1", 12, 2, LWT_EINVAL },
              { "172.16.0.0", "192.168.0.1", 12, 0, LWT_ENETUNREACH },
              { "172.16.0.0", NULL, 12, 0, LWT_ENODEV },
              { "172.16.0.0", "10.0.0.4", 12, 9, LWT_ENODEV } };
  struct lwt_net_config config = { .max_routes = 4 };
  struct lwt_ip_route r;
  size_t i;

  lab_start(&config);
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    r = route(bad[i].dst, bad[i].prefix, bad[i].gateway, bad[i].interface, 0);
    is_int(lwt_ip_route_add(lab_stack, &r), bad[i].error, "refused");
  }
  r = route("172.16.0.0", 12, "10.0.0.4", 2, 0);
  is_int(lwt_ip_route_add(lab_stack, &r), 0, "a good one");
  is_int(lwt_ip_route_add(lab_stack, &r), 0, "again");
  r = route("172.32.0.0", 12, "10.0.0.4", 2, 0);
  is_int(lwt_ip_route_add(lab_stack, &r), LWT_ENOBUFS, "no more");
  lab_end();
}

/* ---- Two interfaces ---------------------------------------------------- */

static void test_two(void)
{
  struct lwt_ip_address a = address("10.9.0.2", 24);
  struct lwt_addr any = lab_addr("0.0.0.0", 7), to = lab_addr("10.9.0.7", 9);
  struct lwt_netif *second;
  struct lwt_ip_if_info info;
  uint32_t index = 0;

  start();
  is_int(lwt_net_hub_port(lab_hub, NULL, &second), 0, "another device");
  is_int(lwt_ip_if_add(lab_stack, second, 1501, &index), LWT_EINVAL, "a bad mtu");
  is_int(lwt_ip_if_add(lab_stack, second, 1400, &index), 0, "another interface");
  is_int(index, 3, "has the next number");
  settled(lwt_ip_address_add(lab_stack, 3, &a), 0, "with an address");
  is_str(news(), "added 3 -\nroutes 0 -\nusable 3 10.9.0.2\n", "is news");
  lab_discard();
  lwt_stack_udp(lab_stack, &any, &udp);
  lwt_drop(lwt_udp_send(udp, &to, "x", 1));
  got("* arp who-has 10.9.0.7 tell 10.9.0.2");
  is_int(lab_seen[11], 3, "from the other device");
  /* the strong host model */
  lab_icmp("10.0.0.9", "10.9.0.2", 8, 0, 0x10002, "hello", 5);
  inject();
  quiet();
  is_int(lwt_ip_if_info(lab_stack, 2, &info), 0, "an interface");
  is_int(info.stats.rx_destination, 1, "does not receive for another");
  lwt_drop(lwt_udp_send(udp, &to, "x", 1));
  settled(lwt_ip_if_remove(lab_stack, 3), 0, "it goes");
  ok(strstr(news(), "gone 3 10.9.0.2\nroutes 0 -\nremoved 3 -\n"),
     "and all that is on it");
  is_int(lwt_ip_if_info(lab_stack, 3, &info), LWT_ENODEV, "gone");
  lab_discard();
  lwt_drop(lwt_udp_send(udp, &to, "x", 1));
  got("* arp who-has 10.0.0.1 tell 10.0.0.2");
  settled(lwt_ip_if_remove(lab_stack, 1), LWT_EINVAL, "loopback stays");
  settled(lwt_ip_if_remove(lab_stack, 2), 0, "the first may go");
  lab_device = NULL;
  settled(lwt_udp_send(udp, &to, "x", 1), LWT_ENETUNREACH, "then nothing goes out");
  lwt_udp_close(udp);
  lab_end();
}

/* ---- Before there is an address ---------------------------------------- */

static void test_anonymous(void)
{
  struct lwt_ip_udp_options o = { .interface = 2, .anonymous = 1, .ttl = 9 };
  struct lwt_addr any = lab_addr("0.0.0.0", 68), all = lab_addr("255.255.255.255", 67);
  struct lwt_addr one = lab_addr("10.0.0.1", 67);
  struct lwt_ip_address a = address("10.0.0.2", 24);
  struct lwt_udp *client, *server;
  struct lwt_datagram *d;
  lwt_datagram_p *p;

  start();
  is_int(lwt_ip_address_remove(lab_stack, 2, &a.addr), 0, "no address");
  is_int(lwt_ip_udp_open(lab_stack, &any, &o, &client), 0, "an endpoint");
  is_int(lwt_ip_udp_open(lab_stack, &any, &o, &server), LWT_EADDRINUSE, "only one");
  settled(lwt_udp_send(client, &all, "discover", 8), 0, "to everybody");
  got("* 0.0.0.0>255.255.255.255 ttl 9 udp 68>67 len 8 'discover'");
  settled(lwt_udp_send(client, &one, "discover", 8), LWT_ENETUNREACH, "not to one");
  lab_udp("10.0.0.1", 67, "255.255.255.255", 68, "offer", 5);
  memset(lab_frame, 0xff, 6);
  inject();
  p = lwt_udp_receive(client);
  settle();
  is_int(lwt_state(LWT_UNTYPED(p)), LWT_FULFILLED, "an answer to everybody");
  d = lwt_value(LWT_UNTYPED(p));
  ok(d && d->packet->total == 5, "is received");
  is_str(lwt_addr_format(&d->from, text, sizeof text), "10.0.0.1:67", "with its sender");
  lwt_drop(LWT_UNTYPED(p));
  lwt_udp_close(client);
  /* the other side */
  settled(lwt_ip_address_add(lab_stack, 2, &a), 0, "an address");
  lab_discard();
  any.port = 67;
  is_int(lwt_stack_udp(lab_stack, &any, &server), 0, "a server");
  lab_udp("0.0.0.0", 68, "255.255.255.255", 67, "discover", 8);
  memset(lab_frame, 0xff, 6);
  inject();
  p = lwt_udp_receive(server);
  settle();
  is_int(lwt_state(LWT_UNTYPED(p)), LWT_FULFILLED, "hears who has no address");
  lwt_drop(LWT_UNTYPED(p));
  lab_udp("0.0.0.0", 68, "10.0.0.2", 67, "discover", 8);
  inject();
  is_int(STAT(ip_source), 1, "but only when everybody does");
  o.interface = 0;
  is_int(lwt_ip_udp_open(lab_stack, &any, &o, &client), LWT_EINVAL, "on which interface");
  o.interface = 9;
  is_int(lwt_ip_udp_open(lab_stack, &any, &o, &client), LWT_ENODEV, "no such interface");
  lwt_udp_close(server);
  lab_end();
}

int main(void)
{
  test_addresses();
  test_bad_addresses();
  test_lifetimes();
  test_probe();
  test_taken();
  test_defend();
  test_routes();
  test_bad_routes();
  test_dead_gateway();
  test_two();
  test_anonymous();
  return lwt_test_done();
}
