/* t-dhcp.c - DHCP: messages, a client and servers on a hub, in virtual time.
 * SPDX-License-Identifier: ISC
 */
#include "../net/dhcp_wire.h"
#include "dhcplab.h"

/* ---- Messages -------------------------------------------------------------- */

static uint8_t bytes[1500];

static struct net_dhcp full(void)
{
  struct net_dhcp m = { .op = 2, .type = NET_DHCP_ACK, .broadcast = 1, .xid = 0x12345678,
                        .secs = 7, .mac = { 2, 0, 0, 0, 0, 9 }, .yiaddr = 0x0a000009,
                        .mask = 0xffffff00, .server = 0x0a000001, .lease = 3600,
                        .has_lease = 1, .t1 = 1800, .t2 = 3150, .mtu = 1400,
                        .n_routers = 2, .routers = { 0x0a000001, 0x0a000002 },
                        .n_dns = 1, .dns = { 0x0a000003 }, .id_len = 7,
                        .id = { 1, 2, 0, 0, 0, 0, 9 }, .n_routes = 3,
                        .routes = { { 0, 0x0a000001, 0 }, { 0xac100000, 0x0a000002, 12 },
                                    { 0x0a010203, 0, 32 } },
                        .hostname = "host", .domain = "example.org" };

  return m;
}

static void messages(void)
{
  struct net_dhcp m = full(), r;
  int n = net_dhcp_emit(&m, bytes, sizeof bytes), i, wrong = 0;
  uint8_t *copy;

  ok(n >= NET_DHCP_MIN, "a message");
  is_int(net_dhcp_parse(&r, bytes, (size_t)n), 0, "is read");
  is_mem(&r, &m, sizeof m, "as it was");
  for (i = 0; i < n; i++) {
    copy = malloc((size_t)i + 1);
    memcpy(copy, bytes, (size_t)i);
    if (net_dhcp_parse(&r, copy, (size_t)i) == 0)
      wrong += i < NET_DHCP_FIXED;
    free(copy);
  }
  is_int(wrong, 0, "cut short");
  m.mask = 0xff00ff00;
  n = net_dhcp_emit(&m, bytes, sizeof bytes);
  is_int(net_dhcp_parse(&r, bytes, (size_t)n), LWT_EBADMSG, "a mask with holes");
  is_int(net_dhcp_emit(&m, bytes, 299), LWT_EMSGSIZE, "no room for BOOTP");
  is_int(net_dhcp_emit(&m, bytes, 310), LWT_EMSGSIZE, "no room for options");
}

/* What follows the options of an otherwise good message. */
static int with(const char *more, size_t len, struct net_dhcp *r)
{
  struct net_dhcp m = { .op = 2, .type = NET_DHCP_OFFER };

  net_dhcp_emit(&m, bytes, sizeof bytes);
  memcpy(bytes + NET_DHCP_FIXED + 3, more, len);
  return net_dhcp_parse(r, bytes, NET_DHCP_FIXED + 3 + len);
}

static void options(void)
{
  struct net_dhcp r;

  is_int(with("\377", 1, &r), 0, "an end");
  is_int(with("", 0, &r), 0, "none");
  is_int(with("\3\4\12\0\0\1\3\4\12\0\0\2\377", 13, &r), 0, "an option in two pieces");
  ok(r.n_routers == 2 && r.routers[1] == 0x0a000002, "is put together (RFC 3396)");
  is_int(with("\3\2\12\0\0\0\3\2\0\1\377", 11, &r), 0, "cut anywhere");
  ok(r.n_routers == 1 && r.routers[0] == 0x0a000001, "as well");
  is_int(with("\3\5\12\0\0\1\2\377", 8, &r), LWT_EBADMSG, "half an address");
  is_int(with("\3\4\12\0\0", 5, &r), LWT_EBADMSG, "beyond the end");
  is_int(with("\3", 1, &r), LWT_EBADMSG, "without a length");
  is_int(with("\63\3abc\377", 6, &r), LWT_EBADMSG, "a time of three bytes");
  is_int(with("\171\5\41abcd\377", 8, &r), LWT_EBADMSG, "a route of 33 bits");
  is_int(with("\171\4\30abc\377", 7, &r), LWT_EBADMSG, "half a route");
  is_int(with("\17\3a\33b\14\4host\377", 12, &r), 0, "a name with an escape");
  ok(!r.domain[0] && !strcmp(r.hostname, "host"), "is left out");
  is_int(with("\64\1\3\377", 4, &r), 0, "overload");
  memcpy(bytes + 44, "\3\4\12\0\0\7\377", 7);
  memcpy(bytes + 108, "\6\4\12\0\0\10\377", 7);
  is_int(net_dhcp_parse(&r, bytes, NET_DHCP_FIXED + 7), 0, "the other fields");
  ok(r.n_routers == 1 && r.routers[0] == 0x0a000007 && r.dns[0] == 0x0a000008,
     "are looked at");
  memset(bytes + 44, 200, 64);
  is_int(net_dhcp_parse(&r, bytes, NET_DHCP_FIXED + 7), LWT_EBADMSG, "and checked");
}

/* ---- A client and a server ------------------------------------------------- */

static void acquires(void)
{
  struct lwt_dhcp_lease lease;
  lwt_t *p;

  begin_on(NULL);
  is_int(serve("10.0.0.100", "10.0.0.110"), 0, "a server");
  is_int(start(), 0, "a client");
  p = lwt_dhcp_wait(client);
  is_int(lwt_dhcp_lease(client, &lease), LWT_ENODATA, "no lease yet");
  is_str(told(0), "dhcp: no lease\n", "as text");
  lwt_test_advance(LWT_MS(100));
  is_int(lwt_dhcp_state(client), LWT_DHCP_PROBING, "asks whether the address is free");
  lwt_test_advance(LWT_S(10));
  is_fulfilled(p, NULL, "there is a lease");
  lwt_drop(p);
  is_int(lwt_dhcp_state(client), LWT_DHCP_BOUND, "bound");
  is_str(configured(), "10.0.0.100/24 via 10.0.0.1", "address and router");
  is_int(lwt_dhcp_lease(client, &lease), 0, "the lease");
  is_str(lease.domain, "example.org", "its domain");
  ok(lease.expires - lease.since == LWT_S(1000) && lease.renew < lease.rebind &&
     lease.renew - lease.since <= LWT_S(500) && lease.renew - lease.since >= LWT_S(474),
     "its times");
  is_int(lease.n_dns, 1, "its servers of names");
  is_int(changes, 1, "the program is told");
  is_str(told(0), "dhcp: 10.0.0.100/24 from 10.0.0.1 for 989 s router 10.0.0.1 "
                  "dns 10.0.0.53 domain example.org\n", "as text");
  lwt_test_advance(LWT_S(500));
  ok(STAT(renews) == 1 && STAT(acks) == 2, "renewed at T1");
  lwt_test_advance(LWT_S(5000));
  ok(STAT(renews) >= 10 && !STAT(rebinds) && !STAT(expired), "again and again");
  is_str(configured(), "10.0.0.100/24 via 10.0.0.1", "the same");
  p = lwt_dhcp_stop(client);
  client = NULL;
  lwt_test_advance(LWT_S(1));
  is_fulfilled(p, NULL, "stopped");
  lwt_drop(p);
  is_int(SERVED(releases), 1, "and given back");
  is_str(configured(), "none", "nothing is left");
  is_int(start(), 0, "another client");
  lwt_test_advance(LWT_S(20));
  is_str(configured(), "10.0.0.100/24 via 10.0.0.1", "gets what it had");
  done();
}

static void server_gone(void)
{
  begin_on(NULL);
  serve("10.0.0.100", "10.0.0.110");
  start();
  lwt_test_advance(LWT_S(20));
  lwt_dhcpd_stop(server);
  server = NULL;
  lwt_test_advance(LWT_S(800));
  is_int(lwt_dhcp_state(client), LWT_DHCP_RENEWING, "renewing");
  ok(STAT(renews) >= 3 && STAT(renews) <= 6, "not too often");
  lwt_test_advance(LWT_S(100));
  is_int(lwt_dhcp_state(client), LWT_DHCP_REBINDING, "rebinding");
  is_str(configured(), "10.0.0.100/24 via 10.0.0.1", "still there");
  lwt_test_advance(LWT_S(90));
  is_str(configured(), "none", "the end");
  ok(STAT(expired) == 1 && lwt_dhcp_state(client) == LWT_DHCP_SELECTING, "and it begins");
  serve("10.0.0.105", "10.0.0.110");
  lwt_test_advance(LWT_S(100));
  is_str(configured(), "10.0.0.105/24 via 10.0.0.1", "another server");
  done();
}

static void rebinds(void)
{
  struct lwt_dhcpd_config c = pool("10.0.0.100", "10.0.0.110");

  begin_on(NULL);
  serve("10.0.0.100", "10.0.0.110");
  start();
  lwt_test_advance(LWT_S(20));
  lwt_dhcpd_stop(server);
  server = NULL;
  other_stack = stack_at("10.0.0.3", NULL);
  c.lease = 4000;
  is_int(lwt_dhcpd_start(other_stack, 2, &c, &other), 0, "another server");
  lwt_test_advance(LWT_S(1000));
  ok(STAT(rebinds) >= 1 && lwt_dhcp_state(client) == LWT_DHCP_BOUND, "takes over");
  is_str(configured(), "10.0.0.100/24 via 10.0.0.1", "without a change");
  done();
}

static void conflict(void)
{
  begin_on(NULL);
  serve("10.0.0.100", "10.0.0.101");
  other_stack = stack_at("10.0.0.100", NULL);
  start();
  lwt_test_advance(LWT_S(60));
  is_int(STAT(conflicts), 1, "somebody has the address");
  is_int(SERVED(declines), 1, "the server is told");
  is_str(configured(), "10.0.0.101/24 via 10.0.0.1", "and gives another one");
  done();
}

static void two_servers(void)
{
  struct lwt_dhcpd_config c = pool("10.0.0.200", "10.0.0.210");

  begin_on(NULL);
  serve("10.0.0.100", "10.0.0.110");
  other_stack = stack_at("10.0.0.3", NULL);
  lwt_dhcpd_start(other_stack, 2, &c, &other);
  start();
  lwt_test_advance(LWT_S(20));
  ok(strstr(configured(), "10.0.0.100/24") || strstr(configured(), "10.0.0.200/24"),
     "one of two offers");
  is_int(SERVED(acks) + lwt_dhcpd_stats(other)->acks, 1, "one lease");
  is_int(SERVED(offers) + lwt_dhcpd_stats(other)->offers, 2, "two offers");
  done();
}

static void lossy(void)
{
  const struct lwt_net_link link = {
    .loss = LWT_NET_PERCENT(30), .duplicate = LWT_NET_PERCENT(10),
    .corrupt = LWT_NET_PERCENT(5), .delay = LWT_MS(20), .jitter = LWT_MS(50)
  };
  int i, bound = 0;

  for (i = 0; i < 10; i++) {
    begin_on(&link);
    lwt_net_hub_set_link(hub, NULL, &link);
    serve("10.0.0.100", "10.0.0.110");
    start();
    lwt_test_advance(LWT_S(300 + i));
    bound += lwt_dhcp_state(client) == LWT_DHCP_BOUND;
    done();
  }
  is_int(bound, 10, "every client has an address after five minutes");
}

static void exhausted(void)
{
  struct lwt_dhcp *second;
  struct lwt_dhcp_config c = { 0 };

  begin_on(NULL);
  serve("10.0.0.100", "10.0.0.100");
  start();
  lwt_test_advance(LWT_S(20));
  other_stack = stack_at(NULL, NULL);
  is_int(lwt_dhcp_start(other_stack, 2, &c, &second), 0, "a second client");
  lwt_test_advance(LWT_S(100));
  ok(SERVED(exhausted) > 1 && SERVED(exhausted) < 10, "waits, longer and longer");
  is_int(lwt_dhcp_state(second), LWT_DHCP_SELECTING, "selecting");
  lwt_async(lwt_dhcp_stop(client));
  client = second;
  lwt_test_advance(LWT_S(150));
  is_int(lwt_dhcp_state(client), LWT_DHCP_BOUND, "until it is given back");
  lwt_async(lwt_dhcp_stop(client));
  client = NULL;
  done();
}

/* ---- Servers that mean harm ------------------------------------------------ */

static struct lwt_udp *hostile_udp;
static struct net_dhcp hostile_reply;

struct hostile {
  struct lwt_frame frame;
  struct lwt_datagram *d;
  struct net_dhcp m;
  struct lwt_addr to;
  uint8_t out[1500];
  int len;
};

LWT_STEP hostile_step(struct lwt_frame *frame)
{
  struct hostile *h = (struct hostile *)frame;
  struct net_dhcp r;

  lwt_begin(h);
  for (;;) {
    lwt_await(h, &h->d, lwt_udp_receive(hostile_udp));
    h->len = h->d->packet ? (int)lwt_buf_copy_out(h->d->packet, 0, h->out, 1500) : 0;
    lwt_datagram_free(h->d);
    if (net_dhcp_parse(&h->m, h->out, (size_t)h->len))
      continue;
    r = hostile_reply;
    r.op = NET_DHCP_BOOTREPLY;
    r.type = r.type ? r.type
             : h->m.type == NET_DHCP_DISCOVER ? NET_DHCP_OFFER
                                              : NET_DHCP_ACK;
    r.xid ^= h->m.xid;
    memcpy(r.mac, h->m.mac, 6);
    h->len = net_dhcp_emit(&r, h->out, sizeof h->out);
    lwt_addr_parse(&h->to, "255.255.255.255");
    h->to.port = 68;
    lwt_await(h, lwt_udp_send(hostile_udp, &h->to, h->out, (size_t)h->len));
  }
  lwt_end(h);
}

/* A server that says this, whatever it is asked, and a client. */
static lwt_t *start_with(const struct net_dhcp *reply)
{
  const struct lwt_addr any = { .family = 4, .port = 67 };
  const struct lwt_ip_udp_options on = { .interface = 2 };
  lwt_t *p;

  begin_on(NULL);
  hostile_reply = *reply;
  is_int(lwt_ip_udp_open(server_stack, &any, &on, &hostile_udp), 0,
         "a server that is told what to say");
  p = LWT_GO(struct hostile, hostile_step);
  start();
  return p;
}

static void against(const struct net_dhcp *reply, const char *what)
{
  lwt_t *p = start_with(reply);

  lwt_test_advance(LWT_S(600));
  ok(lwt_dhcp_state(client) != LWT_DHCP_BOUND, "%s: no lease", what);
  ok(STAT(discovers) + STAT(requests) < 60, "%s: not asked too often", what);
  is_str(configured(), "none", "nothing is set");
  lwt_drop(p);
  lwt_udp_close(hostile_udp);
  done();
}

static void hostile(void)
{
  struct net_dhcp good = { .yiaddr = ip_of("10.0.0.9"), .server = ip_of("10.0.0.1"),
                           .lease = 1000, .has_lease = 1, .mask = 0xffffff00 };
  struct net_dhcp bad = good;

  bad.yiaddr = ip_of("224.0.0.1");
  against(&bad, "a multicast address");
  bad.yiaddr = ip_of("127.0.0.1");
  against(&bad, "the loopback address");
  bad.yiaddr = 0;
  against(&bad, "no address");
  bad = good;
  bad.lease = 1;
  against(&bad, "a lease of a second");
  bad = good;
  bad.has_lease = 0;
  against(&bad, "no time");
  bad = good;
  bad.server = 0;
  against(&bad, "no server");
  bad = good;
  bad.xid = 1;
  against(&bad, "another exchange");
  bad = good;
  bad.id_len = 3;
  against(&bad, "another client (RFC 6842)");
  bad = good;
  bad.type = NET_DHCP_NAK;
  against(&bad, "nothing but NAK");
  bad = good;
  bad.type = NET_DHCP_OFFER;
  against(&bad, "nothing but offers");
}

/* "to/prefix via router", each route that has one. */
static const char *routes(void)
{
  static char text[400];
  char dst[LWT_ADDR_TEXT], gateway[LWT_ADDR_TEXT];
  struct lwt_ip_route list[16];
  size_t i, n = lwt_ip_routes(client_stack, list, 16);

  text[0] = '\0';
  for (i = 0; i < n && i < 16; i++)
    if (list[i].gateway.family)
      sprintf(text + strlen(text), "%s%s/%u via %s", text[0] ? ", " : "",
              lwt_addr_format(&list[i].dst, dst, sizeof dst), list[i].prefix,
              lwt_addr_format(&list[i].gateway, gateway, sizeof gateway));
  return text;
}

static void routed(const struct net_dhcp *reply, const char *want, const char *what)
{
  lwt_t *p = start_with(reply);

  lwt_test_advance(LWT_S(20));
  is_int(lwt_dhcp_state(client), LWT_DHCP_BOUND, "a lease");
  is_str(routes(), want, "%s", what);
  lwt_drop(p);
  lwt_udp_close(hostile_udp);
  done();
}

/* RFC 3442: where there are classless routes, the router option does not count. */
static void classless(void)
{
  struct net_dhcp m = { .yiaddr = ip_of("10.0.0.9"), .server = ip_of("10.0.0.1"),
                        .lease = 1000, .has_lease = 1, .mask = 0xffffff00,
                        .n_routers = 1, .routers = { ip_of("10.0.0.1") } };

  routed(&m, "0.0.0.0/0 via 10.0.0.1", "a router");
  m.n_routes = 2;
  m.routes[0].gateway = ip_of("10.0.0.2");
  m.routes[1].dst = ip_of("172.16.0.0");
  m.routes[1].gateway = ip_of("10.0.0.3");
  m.routes[1].prefix = 12;
  routed(&m, "172.16.0.0/12 via 10.0.0.3, 0.0.0.0/0 via 10.0.0.2",
         "classless routes, and not the router");
  m.n_routes = 1;
  m.routes[0] = m.routes[1];
  routed(&m, "172.16.0.0/12 via 10.0.0.3", "not even if none is a default route");
}

/* Who renews is told that the address is another's. */
static void refused(void)
{
  const struct lwt_addr any = { .family = 4, .port = 67 };
  const struct lwt_ip_udp_options on = { .interface = 2 };
  lwt_t *p;

  begin_on(NULL);
  serve("10.0.0.100", "10.0.0.110");
  start();
  lwt_test_advance(LWT_S(20));
  lwt_dhcpd_stop(server);
  server = NULL;
  hostile_reply = (struct net_dhcp){ .type = NET_DHCP_NAK, .server = ip_of("10.0.0.1") };
  is_int(lwt_ip_udp_open(server_stack, &any, &on, &hostile_udp), 0, "another server");
  p = LWT_GO(struct hostile, hostile_step);
  lwt_test_advance(LWT_S(490));
  is_int(STAT(naks), 1, "refuses");
  is_str(configured(), "none", "the address is not used any more");
  lwt_drop(p);
  lwt_udp_close(hostile_udp);
  serve("10.0.0.200", "10.0.0.210");
  lwt_test_advance(LWT_S(100));
  is_str(configured(), "10.0.0.200/24 via 10.0.0.1", "another one");
  done();
}

/* ---- From the address of before (RFC 2131 4.4.2) -------------------------------- */

static void reboots(void)
{
  const struct lwt_dhcp_config bad = { .previous = addr_of("224.0.0.1") };
  const struct lwt_dhcp_config six = { .previous = addr_of("2001:db8::1") };
  uint64_t discovers;

  begin_on(NULL);
  is_int(lwt_dhcp_start(client_stack, 2, &bad, &client), LWT_EINVAL, "a group");
  is_int(lwt_dhcp_start(client_stack, 2, &six, &client), LWT_EINVAL, "IPv6");
  serve("10.0.0.100", "10.0.0.110");
  start();
  lwt_test_advance(LWT_S(20));
  lwt_drop(lwt_dhcp_stop(client)); /* RELEASE is not waited for: it goes out at once */
  client = NULL;
  lwt_test_advance(LWT_S(1));
  discovers = SERVED(discovers);
  is_int(start_after("10.0.0.100"), 0, "a client with an address of before");
  lwt_test_advance(LWT_MS(10));
  is_int(lwt_dhcp_state(client), LWT_DHCP_PROBING, "is told at once that it may");
  lwt_test_advance(LWT_S(20));
  is_str(configured(), "10.0.0.100/24 via 10.0.0.1", "and has it again");
  ok(STAT(reboots) == 1 && !STAT(discovers), "it asked for nothing else");
  is_int(SERVED(discovers), discovers, "indeed");
  lwt_test_advance(LWT_S(1000));
  ok(STAT(renews) >= 2 && !STAT(rebinds), "its server is known");
  done();
}

static void reboot_refused(void)
{
  begin_on(NULL);
  serve("10.0.0.100", "10.0.0.110");
  start_after("192.168.7.7");
  lwt_test_advance(LWT_S(1));
  is_int(STAT(naks), 1, "the address is of another network");
  lwt_test_advance(LWT_S(20));
  is_str(configured(), "10.0.0.100/24 via 10.0.0.1", "another one");
  ok(STAT(reboots) == 1 && STAT(discovers) == 1, "after one question");
  done();
}

/* One client has the address that another one comes back for. */
static void reboot_of_another(void)
{
  const struct lwt_dhcp_config c = { .previous = addr_of("10.0.0.100") };
  struct lwt_dhcp_lease lease;
  struct lwt_dhcp *second = NULL;

  begin_on(NULL);
  serve("10.0.0.100", "10.0.0.110");
  start();
  lwt_test_advance(LWT_S(20));
  other_stack = stack_at(NULL, NULL);
  is_int(lwt_dhcp_start(other_stack, 2, &c, &second), 0, "a second client");
  lwt_test_advance(LWT_MS(100));
  is_int(SERVED(naks), 1, "who asks for another's address is refused");
  is_int(lwt_dhcp_stats(second)->naks, 1, "and hears it");
  lwt_test_advance(LWT_S(30));
  is_int(SERVED(naks), 1, "once");
  is_int(lwt_dhcp_lease(second, &lease), 0, "it has a lease");
  ok(lease.addr.ip[3] == 101, "of another address");
  is_str(configured(), "10.0.0.100/24 via 10.0.0.1", "the first keeps its own");
  is_int(STAT(naks), 0, "what was said to the other is not for it");
  lwt_async(lwt_dhcp_stop(second));
  done();
}

/* The server does not know it: it says nothing, and offers it if it is free. */
static void reboot_unknown(void)
{
  begin_on(NULL);
  serve("10.0.0.100", "10.0.0.110");
  start_after("10.0.0.107");
  lwt_test_advance(LWT_S(5));
  is_int(lwt_dhcp_state(client), LWT_DHCP_REBOOTING, "rebooting");
  lwt_test_advance(LWT_S(30));
  is_int(STAT(reboots), 2, "asked for twice");
  is_str(configured(), "10.0.0.107/24 via 10.0.0.1", "then wished for");
  done();
}

static void reboot_conflict(void)
{
  begin_on(NULL);
  serve("10.0.0.100", "10.0.0.110");
  start();
  lwt_test_advance(LWT_S(20));
  lwt_drop(lwt_dhcp_stop(client));
  lwt_test_advance(LWT_S(1));
  other_stack = stack_at("10.0.0.100", NULL);
  start_after("10.0.0.100");
  lwt_test_advance(LWT_S(60));
  ok(STAT(conflicts) == 1 && STAT(declines) == 1, "somebody else has it now");
  is_int(SERVED(declines), 1, "its server is told");
  is_str(configured(), "10.0.0.101/24 via 10.0.0.1", "another one");
  done();
}

/* ---- Servers of names, from everywhere ------------------------------------------- */

/* The servers of the stack's resolver. */
static const char *name_servers(void)
{
  static char text[400];
  const char *line = told(1), *mark = "dns server ";

  for (text[0] = '\0'; (line = strstr(line, mark)); line += strlen(mark))
    sprintf(text + strlen(text), "%s%.*s", text[0] ? " " : "",
            (int)strcspn(line + strlen(mark), " "), line + strlen(mark));
  return text;
}

static void names(void)
{
  struct lwt_addr given[9];
  struct lwt_dns *dns;
  lwt_t *p;
  unsigned i;

  begin_on(NULL);
  serve("10.0.0.100", "10.0.0.110");
  is_rejected(p = LWT_UNTYPED(lwt_stack_resolve(client_stack, "www.example", 80)),
              LWT_ENOENT, "a stack that knows no server");
  lwt_drop(p);
  start();
  lwt_test_advance(LWT_S(20));
  p = LWT_UNTYPED(lwt_stack_resolve(client_stack, "www.example", 80));
  is_pending(p, "asks the one of the lease");
  lwt_drop(p);
  is_str(name_servers(), "10.0.0.53:53", "which is this one");
  dns = lwt_net_dns(client_stack);
  given[0] = addr_of("192.0.2.1");
  given[1] = addr_of("10.0.0.53");
  is_int(lwt_dns_set_servers(dns, given, 2), 0, "the program knows of others");
  is_str(name_servers(), "192.0.2.1:53 10.0.0.53:53", "first those, none twice");
  given[1] = addr_of("192.0.2.2");
  lwt_dns_set_servers(dns, given, 2);
  is_str(name_servers(), "192.0.2.1:53 192.0.2.2:53 10.0.0.53:53", "then the lease's");
  for (i = 0; i < 9; i++) {
    given[i] = addr_of("192.0.2.1");
    given[i].ip[3] = (uint8_t)(i + 1);
  }
  is_int(lwt_dns_set_servers(dns, given, 9), LWT_EINVAL, "nine are too many");
  lwt_dns_set_servers(dns, given, 8);
  ok(strstr(name_servers(), "192.0.2.8:53") && !strstr(name_servers(), "10.0.0.53"),
     "eight in all");
  lwt_dns_set_servers(dns, given, 0);
  p = lwt_dhcp_stop(client);
  client = NULL;
  lwt_test_advance(LWT_S(1));
  lwt_drop(p);
  is_str(name_servers(), "", "the lease's servers go with it");
  done();
}

static void memory_reboot(void)
{
  if (!begin_on(NULL) && !serve("10.0.0.100", "10.0.0.110") && !start_after("10.0.0.107"))
    lwt_test_advance(LWT_S(100));
  done();
}

static void memory(void)
{
  if (!begin_on(NULL) && !serve("10.0.0.100", "10.0.0.110") && !start())
    lwt_test_advance(LWT_S(700));
  done();
}

static const struct lwt_test tests[] = {
  LWT_TEST(messages), LWT_TEST(options), LWT_TEST(acquires), LWT_TEST(server_gone),
  LWT_TEST(rebinds), LWT_TEST(refused), LWT_TEST(conflict), LWT_TEST(two_servers),
  LWT_TEST(lossy), LWT_TEST(exhausted), LWT_TEST(hostile), LWT_TEST(classless),
  LWT_TEST(reboots), LWT_TEST(reboot_refused), LWT_TEST(reboot_of_another),
  LWT_TEST(reboot_unknown), LWT_TEST(reboot_conflict), LWT_TEST(names),
  LWT_TEST_MEMORY(memory), LWT_TEST_MEMORY(memory_reboot)
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
