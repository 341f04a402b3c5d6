/* t-ipv6-router.c - addresses made and given up, routers heard, groups reported.
 * SPDX-License-Identifier: ISC
 */

#include "../net/mld_wire.h"
#include "../net/nd_wire.h"

#include "netlab6.h"

/* ---- The wire ----------------------------------------------------------- */

/* The next frame in which this is said, after others. */
static void later(const char *what, const char *want)
{
  const char *seen = "nothing";

  while (lab_take()) {
    seen = lab6_describe();
    if (strstr(seen, what))
      break;
    seen = "nothing";
  }
  is_str(seen, want, "%s", want);
}

/* With the group of the address of the stack in place of %s. */
static const char *asked(const char *format, const struct lwt_addr *addr)
{
  static char text[300];
  char group[LWT_ADDR_TEXT], ip[LWT_ADDR_TEXT];
  struct lwt_addr a = lab_addr("ff02::1:ff00:0", 0), plain = *addr;

  plain.scope = 0;
  memcpy(a.ip + 13, addr->ip + 13, 3);
  lwt_addr_format(&a, group, sizeof group);
  lwt_addr_format(&plain, ip, sizeof ip);
  snprintf(text, sizeof text, format, group, lab_ll.family &&
           !memcmp(plain.ip, lab_ll.ip, 16) ? "LL" : ip);
  return text;
}

/* A stack without addresses of IPv6 but what it makes itself. */
static void begin(uint8_t mode)
{
  struct lwt_net_config c = { .ipv6 = mode };

  memset(&lab_ll, 0, sizeof lab_ll);
  is_int(lab_try_start(&c, NULL), 0, "a stack starts");
  lab_discard();
  lab6_find_ll();
}

/* The same, its link-local address usable. */
static void begin_usable(uint8_t mode)
{
  begin(mode);
  advance(LWT_S(4));
  lab_discard();
}

static struct net_nd_repr ra;

static void advertise(const char *from)
{
  uint8_t bytes[NET_ND_LEN_MAX];
  size_t len;

  ra.type = NET_ICMP6_ROUTER_ADVERT;
  len = net_nd_emit(&ra, bytes);
  lab6_icmp(from, "ff02::1", 255, bytes, (uint32_t)len);
  inject();
}

static void set_prefix(const char *prefix, uint32_t valid, uint32_t preferred)
{
  memset(&ra, 0, sizeof ra);
  ra.lifetime = 1800;
  ra.options = NET_ND_SOURCE;
  memcpy(ra.source_mac, lab_mac, 6);
  ra.n_prefixes = 1;
  ra.prefixes[0] = (struct net_nd_prefix){ .len = 64, .on_link = 1, .autonomous = 1,
                                           .valid = valid, .preferred = preferred };
  lab6_put(ra.prefixes[0].prefix, prefix);
}

/* The route to a place; gateway family 0: on link; prefix 255: none. */
static struct lwt_ip_route route(const char *dst, int prefix)
{
  struct lwt_addr want = lab_addr(dst, 0);
  struct lwt_ip_route list[50];
  size_t i, n = lwt_ip_routes(lab_stack, list, 50);

  for (i = 0; i < n; i++)
    if (list[i].prefix == prefix && list[i].dst.family == 6 &&
        !memcmp(list[i].dst.ip, want.ip, 16))
      return list[i];
  memset(list, 0, sizeof *list);
  list->prefix = 255;
  return *list;
}

static void is_gateway(const char *dst, int prefix, const char *want)
{
  struct lwt_ip_route r = route(dst, prefix);
  char text[LWT_ADDR_TEXT];

  r.gateway.scope = 0;
  is_str(r.prefix == 255 ? "none" : lwt_addr_format(&r.gateway, text, sizeof text), want,
         "%s/%d by %s", dst, prefix, want);
}

/* ---- Addresses ---------------------------------------------------------- */

static void test_detection(void)
{
  begin(LWT_NET_IPV6_AUTO);
  is_int(lab6_address("fe80::", 8).state, LWT_IP_TENTATIVE, "it is tentative at first");
  advance(LWT_S(1));
  later(" ns ", asked("* ::>%s hops 255 ns %s nonce", &lab_ll));
  advance(LWT_MS(1000));
  is_int(lab6_address("fe80::", 8).state, LWT_IP_PREFERRED, "usable a second later");
  advance(LWT_S(1));
  later(" rs", "* LL>ff02::2 hops 255 rs from 01");
  advance(LWT_S(5));
  later(" rs", "* LL>ff02::2 hops 255 rs from 01");
  lab_end();
}

/* Somebody has the address; the next one is made with another counter. */
static void test_duplicate(void)
{
  struct lwt_addr first;

  begin(LWT_NET_IPV6_AUTO);
  first = lab_ll;
  lab6_nd(136, 0x20000000, "LL", "ff02::1", "LL", 1);
  lab6_find_ll();
  ok(memcmp(first.ip, lab_ll.ip, 16), "another one is made");
  is_int(lab6_address("fe80::", 8).state, LWT_IP_TENTATIVE, "and asked for");
  lab6_nd(135, 0, "::", "ff02::1", "LL", 0);
  is_int(STAT(nd_malformed), 1, "a question to everybody does not count");
  advance(LWT_S(1));
  while (lab_take() && !strstr(lab6_describe(), " ns "))
    ;
  memcpy(lab_frame, lab_seen, lab_seen_len); /* our own question comes back */
  lab_len = lab_seen_len;
  lab_frame[11] = 2;
  inject();
  is_int(STAT(nd_duplicate), 1, "our own question is none of somebody else");
  lab_frame[14 + 40 + 24 + 7] ^= 1;
  lab_put(lab_frame + 14 + 42, 2, 0);
  lab_put(lab_frame + 14 + 42, 2,
          ~lab_sum(lab_frame + 54, 32, lab6_pseudo(lab_frame + 14, 58, 32)));
  first = lab_ll;
  inject();
  is_int(STAT(nd_duplicate), 2, "another one's question is");
  lab6_find_ll();
  ok(memcmp(first.ip, lab_ll.ip, 16), "a third address");
  lab6_nd(136, 0x20000000, "LL", "ff02::1", "LL", 1);
  lab6_find_ll();
  lab6_nd(136, 0x20000000, "LL", "ff02::1", "LL", 1);
  lab6_find_ll();
  is_int(lab_ll.family, 0, "after four there is none");
  advance(LWT_S(10));
  lab_end();
}

static void test_slaac(void)
{
  struct lwt_ip_address a;

  begin_usable(LWT_NET_IPV6_AUTO);
  set_prefix("2001:db8:7::", 7200, 3600);
  ra.prefixes[0].len = 63;
  advertise("fe80::2");
  is_int(lab6_address("2001:db8:7::", 8).addr.family, 0, "not from a prefix of 63 bits");
  ra.prefixes[0].len = 64;
  ra.prefixes[0].preferred = 7201;
  advertise("fe80::2");
  is_int(lab6_address("2001:db8:7::", 8).addr.family, 0, "not preferred for too long");
  ra.prefixes[0].preferred = 3600;
  advertise("fe80::2");
  a = lab6_address("2001:db8:7::", 8);
  is_int(a.state, LWT_IP_TENTATIVE, "an address is made");
  is_int(a.origin, LWT_IP_RA, "by a router");
  advance(LWT_S(1));
  later(" ns ", asked("* ::>%s hops 255 ns %s nonce", &a.addr));
  advance(LWT_S(1));
  a = lab6_address("2001:db8:7::", 8);
  is_int(a.state, LWT_IP_PREFERRED, "and used");
  is_gateway("::", 0, "fe80::2");
  is_gateway("2001:db8:7::", 64, "-");
  advance(LWT_S(1799));
  is_gateway("::", 0, "none");
  advance(LWT_S(1));
  later(" rs", "* LL>ff02::2 hops 255 rs from 01");
  advance(LWT_S(1800));
  is_int(lab6_address("2001:db8:7::", 8).state, LWT_IP_DEPRECATED, "then deprecated");
  advance(LWT_S(3600));
  is_int(lab6_address("2001:db8:7::", 8).addr.family, 0, "then gone");
  is_gateway("2001:db8:7::", 64, "none");
  lab_end();
}

static uint64_t seconds_left(void)
{
  struct lwt_ip_address a = lab6_address("2001:db8:7::", 8);

  return a.addr.family ? (a.valid_until - lab_time.time + LWT_S(1) - 1) / LWT_S(1) : 0;
}

/* RFC 4862 5.5.3 e. */
static void test_two_hours(void)
{
  begin_usable(LWT_NET_IPV6_AUTO);
  set_prefix("2001:db8:7::", 100000, 50000);
  advertise("fe80::2");
  advance(LWT_S(2));
  is_int(seconds_left(), 99998, "as the router said");
  set_prefix("2001:db8:7::", 20000, 10);
  advertise("fe80::2");
  is_int(seconds_left(), 20000, "shorter, but more than two hours");
  set_prefix("2001:db8:7::", 10, 0);
  advertise("fe80::2");
  is_int(seconds_left(), 7200, "not less than two hours");
  is_int(lab6_address("2001:db8:7::", 8).state, LWT_IP_DEPRECATED, "but deprecated");
  advance(LWT_S(100));
  set_prefix("2001:db8:7::", 10, 0);
  advertise("fe80::2");
  is_int(seconds_left(), 7100, "nor less than there was");
  set_prefix("2001:db8:7::", NET_ND_FOREVER, NET_ND_FOREVER);
  advertise("fe80::2");
  ok(lab6_address("2001:db8:7::", 8).valid_until == LWT_NEVER, "for ever");
  is_int(lab6_address("2001:db8:7::", 8).state, LWT_IP_PREFERRED, "preferred again");
  lab_end();
}

static void test_prefix_flood(void)
{
  char prefix[40];
  int i;

  begin_usable(LWT_NET_IPV6_AUTO);
  for (i = 0; i < 200; i++) {
    snprintf(prefix, sizeof prefix, "2001:db8:%x::", i + 1);
    set_prefix(prefix, 7200, 3600);
    advertise("fe80::2");
  }
  ok(STAT(nd_full) >= 300, "most is not taken (%d)", (int)STAT(nd_full));
  advance(LWT_S(3));
  lab_discard();
  lab_end();
}

/* ---- Routers ------------------------------------------------------------ */

static void send_to(const char *text)
{
  struct lwt_addr to = lab_addr(text, 9), any = { .family = 6 };
  struct lwt_udp *udp;

  lwt_stack_udp(lab_stack, &any, &udp);
  lwt_drop(lwt_udp_send(udp, &to, "hi", 2));
  settle();
  lwt_udp_close(udp);
}

static void test_parameters(void)
{
  begin_usable(LWT_NET_IPV6_AUTO);
  set_prefix("2001:db8:7::", 7200, 3600);
  ra.hops = 33;
  ra.options |= NET_ND_MTU;
  ra.mtu = 1280;
  ra.n_routes = 1;
  ra.routes[0] = (struct net_nd_route){ .len = 32, .preference = 1, .lifetime = 600 };
  lab6_put(ra.routes[0].prefix, "2001:dead::");
  advertise("fe80::2");
  advance(LWT_S(2));
  is_gateway("2001:dead::", 32, "fe80::2");
  lab_discard();
  lab6_nd(135, 0, "fe80::2", "LL", "LL", 1);
  lab_discard();
  send_to("2001:4::1");
  lab_take();
  is_int(lab_seen[14 + 7], 33, "the router's hop limit");
  advance(LWT_S(600));
  is_gateway("2001:dead::", 32, "none");
  ra.lifetime = 0;
  advertise("fe80::2");
  is_gateway("::", 0, "none");
  lab_discard();
  set_prefix("2001:db8:8::", 7200, 3600);
  advertise("2001:db8:7::5");
  is_gateway("::", 0, "none");
  lab_end();
}

static size_t servers(void)
{
  struct lwt_addr list[20], want = lab_addr("2001:db8::53", 53);
  size_t n = lwt_ip_name_servers(lab_stack, 2, list, 20);

  ok(!n || lwt_addr_equal(&list[0], &want), "a name server");
  return n;
}

static void test_name_servers(void)
{
  unsigned i;

  begin_usable(LWT_NET_IPV6_AUTO);
  is_int(servers(), 0, "no name servers at first");
  memset(&ra, 0, sizeof ra);
  ra.n_servers = 1;
  ra.servers[0].lifetime = 60;
  lab6_put(ra.servers[0].ip, "2001:db8::53");
  advertise("fe80::2");
  is_int(servers(), 1, "one is advertised");
  advance(LWT_S(50));
  advertise("fe80::2");
  advance(LWT_S(59));
  is_int(servers(), 1, "again");
  advance(LWT_S(2));
  is_int(servers(), 0, "until its time is over");
  advertise("fe80::2");
  ra.servers[0].lifetime = 0;
  advertise("fe80::2");
  is_int(servers(), 0, "or it is taken back");
  for (i = 0; i < 100; i++) {
    ra.servers[0].lifetime = 60 + i;
    ra.servers[0].ip[8] = (uint8_t)i;
    advertise("fe80::2");
  }
  is_int(lwt_ip_name_servers(lab_stack, 2, NULL, 0), NET_ND_SERVERS, "not more than 8");
  lab_end();
}

/* They are asked, for as long as they are known. */
static void test_resolver(void)
{
  lwt_t *p;

  begin_usable(LWT_NET_IPV6_AUTO);
  p = LWT_UNTYPED(lwt_stack_resolve(lab_stack, "www.example", 80));
  is_rejected(p, LWT_ENOENT, "nobody to ask");
  lwt_drop(p);
  set_prefix("2001:db8:7::", 7200, 3600);
  ra.n_servers = 1;
  ra.servers[0].lifetime = 60;
  lab6_put(ra.servers[0].ip, "fe80::2"); /* the router itself, as many are */
  advertise("fe80::2");
  advance(LWT_S(4));
  lab_discard();
  p = LWT_UNTYPED(lwt_stack_resolve(lab_stack, "www.example", 80));
  is_pending(p, "somebody is asked");
  is_int(lab_take(), 1, "a question");
  is_int((int)lab_get(lab_seen + 56, 2), 53, "to the port of DNS");
  ok(lab_seen[14 + 24] == 0xfe && lab_seen[14 + 39] == 2, "of the router");
  lwt_drop(p);
  advance(LWT_S(60));
  p = LWT_UNTYPED(lwt_stack_resolve(lab_stack, "www.example", 80));
  is_rejected(p, LWT_ENOENT, "until it is not known any more");
  lwt_drop(p);
  lab_end();
}

/* Two routers: the better one, and the other when it does not answer. */
static void test_choice(void)
{
  begin_usable(LWT_NET_IPV6_AUTO);
  set_prefix("2001:db8:7::", 7200, 3600);
  advertise("fe80::2");
  ra.preference = 1;
  ra.options = 0;
  advertise("fe80::3");
  advance(LWT_S(3));
  lab_discard();
  send_to("2001:4::1");
  later(" ns fe80::3", "* LL>ff02::1:ff00:3 hops 255 ns fe80::3 from 01");
  advance(LWT_S(4));
  lab_discard();
  send_to("2001:4::1");
  lab_take();
  ok(!memcmp(lab_seen, lab_mac, 6) && lab_seen[20] == 17,
     "the other router when one does not answer");
  advertise("fe80::3");
  lab_discard();
  send_to("2001:4::1");
  later(" ns fe80::3", "* LL>ff02::1:ff00:3 hops 255 ns fe80::3 from 01");
  lab6_nd(136, 0x60000000, "fe80::3", "LL", "fe80::3", 1);
  send_to("2001:4::1");
  lab6_nd(136, 0xe0000000, "fe80::3", "LL", "fe80::3", 1);
  lab6_nd(136, 0x60000000, "fe80::3", "LL", "fe80::3", 1);
  is_gateway("::", 0, "fe80::2"); /* the other one said that it is a host */
  lab_discard();
  lab_end();
}

static void redirect(const char *from, const char *dst, const char *better)
{
  struct net_nd_repr r = { .type = NET_ICMP6_REDIRECT };
  uint8_t bytes[NET_ND_LEN_MAX];

  lab6_put(r.target, better);
  lab6_put(r.dst, dst);
  lab6_icmp(from, "LL", 255, bytes, (uint32_t)net_nd_emit(&r, bytes));
  inject();
}

static void test_redirect(void)
{
  char dst[40];
  int i;

  begin_usable(LWT_NET_IPV6_AUTO);
  set_prefix("2001:db8:7::", 7200, 3600);
  advertise("fe80::2");
  advance(LWT_S(3));
  redirect("fe80::9", "2001:4::1", "fe80::3");
  is_gateway("2001:4::1", 128, "none");
  redirect("fe80::2", "2001:4::1", "2001:4::2");
  is_gateway("2001:4::1", 128, "none");
  redirect("fe80::2", "2001:4::1", "fe80::3");
  is_gateway("2001:4::1", 128, "fe80::3");
  redirect("fe80::2", "2001:4::5", "2001:4::5");
  is_gateway("2001:4::5", 128, "-");
  lab_discard();
  send_to("2001:4::5");
  while (lab_take())
    ;
  ok(strstr(lab6_describe(), " ns 2001:4::5 from 01"), "a neighbour is asked for itself");
  for (i = 0; i < 100; i++) {
    snprintf(dst, sizeof dst, "2001:5::%x", i + 1);
    redirect("fe80::2", dst, "fe80::3");
  }
  is_int(STAT(nd_redirects), 102, "all of them are heard");
  is_gateway("2001:5::64", 128, "fe80::3");
  is_gateway("2001:4::1", 128, "none"); /* had to go */
  advance(LWT_S(601));
  is_gateway("2001:5::64", 128, "none");
  lab_discard();
  lab_end();
}

static void test_static(void)
{
  begin_usable(LWT_NET_IPV6_STATIC);
  set_prefix("2001:db8:7::", 7200, 3600);
  advertise("fe80::2");
  is_int(lab6_address("2001:db8:7::", 8).addr.family, 0, "routers are not listened to");
  is_gateway("::", 0, "none");
  advance(LWT_S(10));
  later(" rs", "nothing");
  lab_end();
}

/* ---- Groups ------------------------------------------------------------- */

static void query(int version, const char *group)
{
  struct net_mld_query_repr q = { .version = (uint8_t)version, .max_delay = 1000,
                                  .robustness = 2 };
  static const uint8_t alert[8] = { 58, 0, 5, 2, 0, 0, 1, 0 };
  uint8_t bytes[NET_MLD2_QUERY_LEN];

  lab6_put(q.group, group);
  lab6_icmp("fe80::2", "ff02::1", 1, bytes, (uint32_t)net_mld_query_emit(&q, bytes));
  lab6_insert(0, alert, sizeof alert);
  inject();
}

static void test_groups(void)
{
  char group[LWT_ADDR_TEXT], text[200];

  begin(LWT_NET_IPV6_STATIC);
  advance(LWT_S(1));
  later("mld2", asked("* ::>ff02::16 hops 1 alert mld2 to-ex %s", &lab_ll));
  advance(LWT_S(3));
  lab_discard();
  query(2, "::");
  quiet();
  advance(LWT_S(1));
  got6(asked("* LL>ff02::16 hops 1 alert mld2 is-ex %s", &lab_ll));
  query(2, "ff02::1:2");
  advance(LWT_S(1));
  quiet();
  sscanf(asked("%s", &lab_ll), "%63s", group);
  query(2, group);
  advance(LWT_S(1));
  got6(asked("* LL>ff02::16 hops 1 alert mld2 is-ex %s", &lab_ll));
  query(1, "::");
  advance(LWT_S(1));
  snprintf(text, sizeof text, "* LL>%s hops 1 alert mld1 report %s", group, group);
  got6(text);
  query(2, "::");
  lab_frame[14 + 7] = 2;
  inject();
  is_int(STAT(mld_malformed), 1, "from another link");
  lab_discard();
  lab_end();
}

static void test_leave(void)
{
  struct lwt_ip_address a = { .addr = lab_addr("2001:db8::1:2", 0), .prefix = 64,
                              .unchecked = 1 };

  begin_usable(LWT_NET_IPV6_STATIC);
  lwt_drop(lwt_ip_address_add(lab_stack, 2, &a));
  got6("* LL>ff02::16 hops 1 alert mld2 to-ex ff02::1:ff01:2");
  advance(LWT_S(2));
  got6("* LL>ff02::16 hops 1 alert mld2 to-ex ff02::1:ff01:2");
  quiet();
  lwt_ip_address_remove(lab_stack, 2, &a.addr);
  got6("* LL>ff02::16 hops 1 alert mld2 to-in ff02::1:ff01:2");
  advance(LWT_S(2));
  got6("* LL>ff02::16 hops 1 alert mld2 to-in ff02::1:ff01:2");
  quiet();
  lab_end();
}

int main(void)
{
  lwt_test_memory();
  test_detection();
  test_duplicate();
  test_slaac();
  test_two_hours();
  test_prefix_flood();
  test_parameters();
  test_name_servers();
  test_resolver();
  test_choice();
  test_redirect();
  test_static();
  test_groups();
  test_leave();
  return lwt_test_done();
}
