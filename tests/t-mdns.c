/* t-mdns.c - multicast DNS: names probed for, announced, lost and found, in virtual time.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include "../net/dns_wire.h"
#include <lwt-ip.h>
#include <lwt-mdns.h>
#include <lwt-net.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

static struct lwt_net_hub *hub;
static struct lwt_stack *stacks[3];
static struct lwt_mdns *mdns[2];
static char renamed_to[NET_DNS_TEXT];
enum { IPV4 = 1, IPV6 = 2 };
static int families; /* of the link; the peer is of the last one of them */

/* ---- A peer that listens and speaks as it is told -------------------------- */

static struct lwt_udp *peer;
static lwt_t *listening;
static char heard[2000]; /* "q NAME TYPE", "r NAME TYPE ttl N" ... */
static char beside[2000]; /* additional records but NSEC: "NAME TYPE ttl N" ... */
static uint64_t heard_at;
static unsigned messages, denied; /* the latter as additional records */
static struct lwt_addr from;

/* The data of a NSEC behind the name, in hexadecimal. */
static const char *bits_of(const struct net_dns_rr *rr)
{
  static char text[80];
  size_t i, n = rr->name.len;

  text[0] = '\0';
  for (i = n; rr->type == NET_DNS_NSEC && i < rr->u.raw.len; i++)
    snprintf(text + 2 * (i - n), 3, "%02x", rr->u.raw.bytes[i]);
  return text;
}

static void note(const uint8_t *bytes, size_t len)
{
  struct net_dns_reader r;
  struct net_dns_header h;
  struct net_dns_question q;
  struct net_dns_rr rr;
  char text[NET_DNS_TEXT];
  size_t room = sizeof heard - strlen(heard);
  char *to = heard + strlen(heard);

  messages++;
  heard_at = lwt_now();
  if (net_dns_read(&r, bytes, len, &h))
    return;
  while (net_dns_next_question(&r, &q) > 0)
    to += snprintf(to, room - (size_t)(to - heard), "?%s %u%s; ",
                   net_dns_name_text(&q.name, text, sizeof text), q.type,
                   q.class >> 15 ? " u" : "");
  while (net_dns_next(&r, &rr) > 0) {
    net_dns_name_text(&rr.name, text, sizeof text);
    if (rr.section != NET_DNS_ADDITIONAL)
      to += snprintf(to, room - (size_t)(to - heard), "%s%s %u %u%s%s; ",
                     rr.section == NET_DNS_AUTHORITY ? "~" : "", text, rr.type,
                     (unsigned)rr.ttl, rr.class >> 15 ? " f" : "", bits_of(&rr));
    else if (rr.type == NET_DNS_NSEC)
      denied++;
    else
      snprintf(beside + strlen(beside), sizeof beside - strlen(beside), "%s %u %u%s; ",
               text, rr.type, (unsigned)rr.ttl, rr.class >> 15 ? " f" : "");
  }
}

struct peering {
  struct lwt_frame frame;
  struct lwt_datagram *d;
};

LWT_STEP peer_step(struct lwt_frame *frame)
{
  struct peering *p = (struct peering *)frame;
  uint8_t bytes[1500];
  uint32_t n;

  lwt_begin(p);
  for (;;) {
    lwt_await(p, &p->d, lwt_udp_receive(peer));
    from = p->d->from;
    n = p->d->packet ? lwt_buf_copy_out(p->d->packet, 0, bytes, sizeof bytes) : 0;
    note(bytes, n);
    lwt_datagram_free(p->d);
  }
  lwt_end(p);
}

static uint8_t out[1500];
static struct net_dns_writer w;

static void compose(int response, unsigned id)
{
  const struct net_dns_header h = { .qr = (uint8_t)response, .aa = (uint8_t)response,
                                    .id = (uint16_t)id };

  net_dns_write(&w, out, sizeof out, &h);
}

static void question(const char *name, uint16_t type, int unicast)
{
  struct net_dns_question q = { .type = type,
                                .class = (uint16_t)(1 | (unicast ? 0x8000 : 0)) };

  net_dns_name_from(&q.name, name);
  net_dns_put_question(&w, &q);
}

static void address(enum net_dns_section section, const char *name, uint8_t last,
                    uint32_t ttl)
{
  struct net_dns_rr rr;

  memset(&rr, 0, sizeof rr);
  net_dns_name_from(&rr.name, name);
  rr.type = NET_DNS_A;
  rr.class = 1;
  rr.ttl = ttl;
  memcpy(rr.u.ip, (uint8_t[]){ 10, 0, 0, last }, 4);
  net_dns_put(&w, section, &rr);
}

static void pointer(const char *name, const char *target, uint32_t ttl)
{
  struct net_dns_rr rr;

  memset(&rr, 0, sizeof rr);
  net_dns_name_from(&rr.name, name);
  net_dns_name_from(&rr.u.target, target);
  rr.type = NET_DNS_PTR;
  rr.class = 1;
  rr.ttl = ttl;
  net_dns_put(&w, NET_DNS_ANSWER, &rr);
}

static struct lwt_addr group_of_peer(void)
{
  const struct lwt_addr four = { .family = 4, .ip = { 224, 0, 0, 251 } };
  const struct lwt_addr six = { .family = 6, .ip = { 0xff, 2, [15] = 0xfb } };

  return families & IPV6 ? six : four;
}

static void say(void)
{
  struct lwt_addr to = group_of_peer();
  lwt_t *p;

  to.port = 5353;
  p = lwt_udp_send(peer, &to, out, net_dns_written(&w));

  lwt_error(p);
  lwt_drop(p);
}

/* What comes in this time. */
static void hears(uint64_t time, const char *want, const char *what)
{
  heard[0] = beside[0] = '\0';
  lwt_test_advance(time);
  is_str(heard, want, "%s", what);
}

/* ---- Life ------------------------------------------------------------------ */

static void renamed(void *env, struct lwt_mdns *m, const char *name)
{
  (void)env, (void)m;
  strcpy(renamed_to, name);
}

static int start(int i, const char *host)
{
  struct lwt_mdns_config c = { .host = host, .renamed = renamed };

  return lwt_mdns_start(stacks[i], 2, &c, &mdns[i]);
}

static int begin_on(int with, uint16_t peer_port)
{
  const struct lwt_addr any = { .family = with & IPV6 ? 6 : 4, .port = peer_port };
  const struct lwt_ip_udp_options on = { .interface = 2, .ttl = 255, .no_loop = 1 };
  struct lwt_net_hub_config h = { .link = { .delay = LWT_MS(1) } };
  struct lwt_net_config c = { .prefix = 24, .prefix6 = 64, .unchecked6 = 1 };
  struct lwt_addr group;
  struct lwt_netif *port;
  int i, error = lwt_net_hub_new(&h, &hub);

  families = with;
  group = group_of_peer();
  c.ipv6 = with & IPV6 ? LWT_NET_IPV6_STATIC : LWT_NET_IPV6_OFF;

  memset(stacks, 0, sizeof stacks);
  mdns[0] = mdns[1] = NULL;
  peer = NULL;
  listening = NULL;
  heard[0] = beside[0] = renamed_to[0] = '\0';
  if (error) {
    hub = NULL;
    return error;
  }
  for (i = 0; i < 3 && !error; i++) {
    c.addr = (struct lwt_addr){ .family = with & IPV4 ? 4 : 0,
                                .ip = { 10, 0, 0, (uint8_t)(1 + i) } };
    if (with & IPV6)
      c.addr6 = (struct lwt_addr){ .family = 6, .ip = { 0xfd, [15] = (uint8_t)(1 + i) } };
    c.secret[0] = (uint8_t)i;
    error = lwt_net_hub_port(hub, NULL, &port);
    if (!error && (error = lwt_net_stack_new(port, &c, &stacks[i])))
      lwt_drop(port->ops->close(port));
  }
  if (!error)
    error = lwt_ip_udp_open(stacks[2], &any, &on, &peer);
  if (!error)
    error = lwt_ip_join(peer, 2, &group);
  if (!error)
    listening = LWT_GO(struct peering, peer_step);
  lwt_test_advance(with & IPV6 ? LWT_S(5) : LWT_S(1));
  return error;
}

static int begin(uint16_t peer_port)
{
  return begin_on(IPV4, peer_port);
}

static lwt_t *quiet(void *env, struct lwt_error error)
{
  (void)env, (void)error;
  return lwt_return(NULL);
}

static void end(void)
{
  int i;

  for (i = 0; i < 2; i++)
    lwt_mdns_stop(mdns[i]);
  lwt_test_advance(LWT_S(1));
  if (listening)
    lwt_error(listening);
  lwt_drop(listening);
  if (peer)
    lwt_udp_close(peer);
  for (i = 0; i < 3; i++)
    if (stacks[i])
      lwt_async(lwt_catch(lwt_stack_close(stacks[i]), quiet, NULL));
  if (hub)
    lwt_net_hub_free(hub);
  lwt_test_advance(LWT_S(10));
}

#define PROBE "?box.local 255 u; ~box.local 1 120; "
#define ANNOUNCE "box.local 1 120 f; "

static void announces(void)
{
  int known = 1;

  is_int(begin(5353), 0, "a link");
  is_int(start(0, "box"), 0, "a responder");
  is_str(lwt_mdns_name(mdns[0], 0, &known), "box.local", "its name");
  is_int(known, 0, "is not known yet");
  hears(LWT_S(5), PROBE PROBE PROBE ANNOUNCE ANNOUNCE,
        "three probes, two announcements, and nothing more");
  lwt_mdns_name(mdns[0], 0, &known);
  is_int(known, 1, "known");
  lwt_mdns_stop(mdns[0]);
  mdns[0] = NULL;
  hears(LWT_S(5), "box.local 1 0 f; ", "a goodbye");
  is_int(start(0, ""), LWT_EINVAL, "no name");
  end();
}

static void answers(void)
{
  uint64_t asked;

  begin(5353);
  start(0, "box");
  lwt_test_advance(LWT_S(5));
  compose(0, 0);
  question("BOX.local", NET_DNS_A, 0);
  say();
  hears(LWT_MS(10), ANNOUNCE, "answered, whatever the case");
  say();
  hears(LWT_MS(500), "", "not twice in a second");
  hears(LWT_MS(600), ANNOUNCE, "but then");
  lwt_test_advance(LWT_S(5));
  compose(0, 0);
  question("box.local", NET_DNS_A, 0);
  address(NET_DNS_ANSWER, "box.local", 1, 100);
  say();
  hears(LWT_S(2), "", "what the asker knows is not said");
  is_int(lwt_mdns_stats(mdns[0])->suppressed, 1, "counted");
  compose(0, 0);
  question("box.local", NET_DNS_A, 0);
  address(NET_DNS_ANSWER, "box.local", 1, 50);
  say();
  hears(LWT_S(2), ANNOUNCE, "unless it will soon forget");
  asked = lwt_now();
  compose(0, 0);
  question("box.local", NET_DNS_A, 1);
  say();
  hears(LWT_S(1), ANNOUNCE, "who wants a unicast answer");
  ok(heard_at - asked < LWT_MS(10) && from.port == 5353, "gets one");
  compose(0, 0);
  question("other.local", NET_DNS_A, 0);
  say();
  hears(LWT_S(2), "", "other names are not answered");
  end();
}

/* What a query for that type ends with, and within 100 ms. */
static void is_absent(const char *name, uint16_t type)
{
  lwt_dns_answer_p *p = lwt_mdns_query(stacks[1], 2, name, type, LWT_S(3));

  lwt_test_advance(LWT_MS(100));
  is_rejected(LWT_UNTYPED(p), LWT_ENOENT, "%s has none of type %u, and says so", name,
              type);
  lwt_drop(LWT_UNTYPED(p));
}

static void absent(void)
{
  struct lwt_mdns_service s = { .name = "My site", .type = "_http._tcp", .port = 80 };

  begin(5353);
  start(0, "box");
  lwt_mdns_publish(mdns[0], &s);
  denied = 0;
  lwt_test_advance(LWT_S(5));
  ok(denied >= 2, "addresses of one family are said to be of one only");
  compose(0, 0);
  question("box.local", NET_DNS_TXT, 0);
  say();
  hears(LWT_MS(10), "box.local 47 120 f000140; ", "no record of that type: A alone");
  lwt_test_advance(LWT_S(1));
  compose(0, 0);
  question("box.local", NET_DNS_AAAA, 1);
  say();
  hears(LWT_MS(10), "box.local 47 120 f000140; ", "nor of IPv6");
  compose(0, 0);
  question("My\\032site._http._tcp.local", NET_DNS_A, 0);
  say();
  hears(LWT_MS(10), "My\\032site._http._tcp.local 47 120 f00050000800040; ",
        "a service has SRV and TXT");
  is_absent("box.local", NET_DNS_AAAA);
  is_absent("box.local", NET_DNS_TXT);
  is_absent("My\\032site._http._tcp.local", NET_DNS_A);
  end();
}

/* A NSEC for x.local with these data; whether a query for an address ends by it. */
static int ends_by(const char *data, size_t len)
{
  lwt_dns_answer_p *p = lwt_mdns_query(stacks[1], 2, "x.local", NET_DNS_A, LWT_S(3));
  struct net_dns_rr rr = { .type = NET_DNS_NSEC, .class = 1, .ttl = 120 };
  int ended;

  lwt_test_advance(LWT_MS(10));
  net_dns_name_from(&rr.name, "x.local");
  rr.u.raw = (struct net_dns_bytes){ (const uint8_t *)data, (uint16_t)len };
  compose(1, 0);
  net_dns_put(&w, NET_DNS_ANSWER, &rr);
  lwt_async(lwt_udp_send(peer, &from, out, net_dns_written(&w)));
  lwt_test_advance(LWT_MS(10));
  ended = lwt_state(LWT_UNTYPED(p)) == LWT_REJECTED;
  lwt_error(LWT_UNTYPED(p));
  lwt_drop(LWT_UNTYPED(p));
  lwt_test_advance(LWT_S(1));
  return ended;
}

static void strange_absence(void)
{
  begin(5353);
  is_int(ends_by("\1x\5local\0\0\4\0\0\0\10", 15), 1, "AAAA alone: there is no A");
  is_int(ends_by("\xc0\x0c\0\1\0", 5), 1, "a name by a pointer; nothing");
  is_int(ends_by("\xc0\x0c\0\1\x40", 5), 0, "there is one");
  is_int(ends_by("\xc0\x0c\0\2\0", 5), 0, "less than it says");
  is_int(ends_by("\xc0\x0c\0\0", 4), 0, "no bits");
  is_int(ends_by("\xc0\x0c\1\1\0", 5), 0, "another window");
  is_int(ends_by("\xc0", 1), 0, "half a pointer");
  is_int(ends_by("\77x", 2), 0, "half a label");
  is_int(ends_by("", 0), 0, "nothing at all");
  end();
}

static void legacy(void)
{
  begin(4000);
  start(0, "box");
  lwt_test_advance(LWT_S(5));
  compose(0, 77);
  question("box.local", NET_DNS_A, 0);
  say();
  hears(LWT_S(1), "?box.local 1; box.local 1 10; ",
        "a simple resolver gets question and number back, and a short time to live");
  end();
}

static void services(void)
{
  static const char *const txt[] = { "path=/", "v=1" };
  struct lwt_mdns_service s = { .name = "My site", .type = "_http._tcp", .port = 80,
                                .txt = txt, .n_txt = 2 };
  const struct lwt_dns_answer *a;
  lwt_dns_answer_p *p;

  begin(5353);
  start(0, "box");
  is_int(lwt_mdns_publish(mdns[0], &s), 0, "a service");
  lwt_test_advance(LWT_S(5));
  is_str(lwt_mdns_name(mdns[0], 1, NULL), "My\\032site._http._tcp.local", "its name");
  compose(0, 0);
  question("_http._tcp.local", NET_DNS_PTR, 0);
  say();
  hears(LWT_MS(15), "", "a shared record waits a little");
  hears(LWT_MS(150), "_http._tcp.local 12 4500; ", "and is said");
  is_str(beside, "My\\032site._http._tcp.local 33 120 f; "
                 "My\\032site._http._tcp.local 16 4500 f; box.local 1 120 f; ",
         "with SRV, TXT and addresses");
  compose(0, 0);
  question("_http._tcp.local", NET_DNS_PTR, 0);
  pointer("_http._tcp.local", "My\\032site._http._tcp.local", 3000);
  say();
  hears(LWT_S(2), "", "unless it is known");
  compose(0, 0);
  question("_services._dns-sd._udp.local", NET_DNS_PTR, 0);
  say();
  hears(LWT_S(2), "_services._dns-sd._udp.local 12 4500; ", "kinds of services");
  p = lwt_mdns_query(stacks[1], 2, "My\\032site._http._tcp.local", LWT_DNS_SRV, LWT_S(3));
  lwt_test_advance(LWT_S(1));
  a = lwt_value(LWT_UNTYPED(p));
  ok(a && a->n == 1 && a->records[0].port == 80 &&
     !strcmp(a->records[0].target, "box.local"), "asked once: where it is");
  lwt_drop(LWT_UNTYPED(p));
  p = lwt_mdns_query(stacks[1], 2, "_http._tcp.local", LWT_DNS_PTR, LWT_S(3));
  lwt_test_advance(LWT_S(2));
  is_pending(LWT_UNTYPED(p), "all who answer");
  lwt_test_advance(LWT_S(2));
  a = lwt_value(LWT_UNTYPED(p));
  ok(a && a->n == 1 && !strcmp(a->records[0].target, "My\\032site._http._tcp.local"),
     "in the time, each once");
  lwt_drop(LWT_UNTYPED(p));
  p = lwt_mdns_query(stacks[1], 2, "nobody.local", LWT_DNS_A, LWT_S(3));
  lwt_test_advance(LWT_S(4));
  is_rejected(LWT_UNTYPED(p), LWT_ENOENT, "nobody");
  lwt_drop(LWT_UNTYPED(p));
  s.type = "http";
  is_int(lwt_mdns_publish(mdns[0], &s), LWT_EINVAL, "no type");
  end();
}

static void conflicts(void)
{
  begin(5353);
  start(0, "box");
  lwt_test_advance(LWT_S(5));
  start(1, "box");
  lwt_test_advance(LWT_S(5));
  is_str(lwt_mdns_name(mdns[0], 0, NULL), "box.local", "who was first keeps the name");
  is_str(lwt_mdns_name(mdns[1], 0, NULL), "box-2.local", "the second has another");
  is_str(renamed_to, "box-2.local", "and is told");
  compose(1, 0);
  address(NET_DNS_ANSWER, "box.local", 77, 120);
  say();
  hears(LWT_MS(1500), PROBE PROBE PROBE ANNOUNCE, "a conflict later: probes again");
  is_str(lwt_mdns_name(mdns[0], 0, NULL), "box.local", "and keeps it, if nobody minds");
  compose(1, 0);
  address(NET_DNS_ANSWER, "box.local", 1, 120);
  say();
  lwt_test_advance(LWT_S(3));
  is_int(lwt_mdns_stats(mdns[0])->conflicts, 1, "the same address is no conflict");
  end();
}

static void at_the_same_time(void)
{
  begin(5353);
  start(0, "box");
  start(1, "box");
  lwt_test_advance(LWT_S(10));
  ok(strcmp(lwt_mdns_name(mdns[0], 0, NULL), lwt_mdns_name(mdns[1], 0, NULL)),
     "two that probe at the same time get different names");
  is_str(lwt_mdns_name(mdns[1], 0, NULL), "box.local", "the later data wins");
  is_str(lwt_mdns_name(mdns[0], 0, NULL), "box-2.local", "the other goes on");
  end();
}

static void strangers(void)
{
  struct lwt_addr to = { .family = 4, .ip = { 10, 0, 0, 1 }, .port = 5353 };
  uint8_t junk[600];
  lwt_t *p;
  int i, k;

  begin(4000);
  start(0, "box");
  lwt_test_advance(LWT_S(5));
  compose(1, 0);
  address(NET_DNS_ANSWER, "box.local", 77, 120);
  say();
  lwt_test_advance(LWT_S(2));
  is_int(lwt_mdns_stats(mdns[0])->ignored, 1, "a response from another port");
  for (i = 0; i < 300; i++) {
    for (k = 0; k < 600; k++)
      junk[k] = (uint8_t)lwt_test_random(256);
    if (i & 1)
      memcpy(junk, "\0\0\204\0\0\0\0\3\0\0\0\0", 12);
    p = lwt_udp_send(peer, &to, junk, (size_t)(i * 2));
    lwt_test_advance(LWT_MS(10));
    lwt_error(p);
    lwt_drop(p);
  }
  lwt_test_advance(LWT_S(5));
  is_str(lwt_mdns_name(mdns[0], 0, NULL), "box.local", "noise changes nothing");
  end();
}

/* ---- IPv6 ------------------------------------------------------------------------- */

#define PROBE6 "?box.local 255 u; ~box.local 28 120; ~box.local 28 120; "
#define ANNOUNCE6 "box.local 28 120 f; box.local 28 120 f; "

/* A link without IPv4. */
static void six(void)
{
  const struct lwt_dns_answer *a;
  lwt_dns_answer_p *p;
  uint64_t asked;

  is_int(begin_on(IPV6, 5353), 0, "a link of IPv6 only");
  is_int(start(0, "box"), 0, "a responder");
  hears(LWT_S(5), PROBE6 PROBE6 PROBE6 ANNOUNCE6 ANNOUNCE6,
        "probes and announcements, with both addresses");
  is_int(from.ip[0], 0xfe, "from the link-local one");
  is_int(lwt_mdns_stats(mdns[0])->failed, 0, "nothing was tried in vain");
  compose(0, 0);
  question("box.local", NET_DNS_AAAA, 0);
  say();
  hears(LWT_MS(10), ANNOUNCE6, "answered");
  lwt_test_advance(LWT_S(2));
  asked = lwt_now();
  compose(0, 0);
  question("box.local", NET_DNS_AAAA, 1);
  say();
  hears(LWT_S(1), ANNOUNCE6, "who wants a unicast answer");
  ok(heard_at - asked < LWT_MS(10) && from.port == 5353, "gets one");
  p = lwt_mdns_query(stacks[1], 2, "box.local", LWT_DNS_AAAA, LWT_S(3));
  lwt_test_advance(LWT_S(1));
  a = lwt_value(LWT_UNTYPED(p));
  ok(a && a->n == 2 && a->records[0].addr.family == 6, "asked once: where it is");
  lwt_drop(LWT_UNTYPED(p));
  start(1, "box");
  lwt_test_advance(LWT_S(5));
  is_str(lwt_mdns_name(mdns[0], 0, NULL), "box.local", "who was first keeps the name");
  is_str(renamed_to, "box-2.local", "the second has another");
  lwt_mdns_stop(mdns[0]);
  mdns[0] = NULL;
  hears(LWT_S(1), "box.local 28 0 f; box.local 28 0 f; ", "a goodbye");
  end();
}

static void legacy6(void)
{
  begin_on(IPV6, 4000);
  start(0, "box");
  lwt_test_advance(LWT_S(5));
  compose(0, 77);
  question("box.local", NET_DNS_AAAA, 0);
  say();
  hears(LWT_S(1), "?box.local 28; box.local 28 10; box.local 28 10; ",
        "a simple resolver is answered by IPv6, too");
  end();
}

/* Everything is said twice, and heard twice by who speaks both. */
static void both(void)
{
  const struct lwt_ip_address more = {
    .addr = { .family = 6, .ip = { 0xfd, 1, [15] = 1 } }, .prefix = 64, .unchecked = 1
  };
  const struct lwt_dns_answer *a;
  lwt_dns_answer_p *p;
  lwt_t *added;

  is_int(begin_on(IPV4 | IPV6, 5353), 0, "a link of both");
  start(0, "box");
  hears(LWT_S(5), PROBE6 "~box.local 1 120; " PROBE6 "~box.local 1 120; "
                  PROBE6 "~box.local 1 120; " ANNOUNCE6 ANNOUNCE ANNOUNCE6 ANNOUNCE,
        "by IPv6, addresses of both");
  p = lwt_mdns_query(stacks[1], 2, "box.local", LWT_DNS_A, LWT_S(3));
  lwt_test_advance(LWT_MS(100));
  a = lwt_value(LWT_UNTYPED(p));
  ok(a && a->n == 1 && a->records[0].addr.ip[0] == 10, "asked for one of IPv4");
  lwt_drop(LWT_UNTYPED(p));
  start(1, "box");
  lwt_test_advance(LWT_S(5));
  is_str(lwt_mdns_name(mdns[0], 0, NULL), "box.local", "who was first keeps the name");
  is_str(lwt_mdns_name(mdns[1], 0, NULL), "box-2.local", "the second has the next one");
  compose(1, 0);
  address(NET_DNS_ANSWER, "box.local", 77, 120);
  say();
  say(); /* as the same of the other family */
  lwt_test_advance(LWT_S(5));
  is_str(lwt_mdns_name(mdns[0], 0, NULL), "box.local", "a conflict is heard once");
  is_int(lwt_mdns_stats(mdns[0])->conflicts, 1, "counted once");
  heard[0] = '\0';
  added = lwt_ip_address_add(stacks[0], 2, &more);
  lwt_test_advance(LWT_S(3));
  lwt_drop(added);
  is_str(heard, ANNOUNCE6 ANNOUNCE "box.local 28 120 f; "
                ANNOUNCE6 ANNOUNCE "box.local 28 120 f; ", "a new address is announced");
  end();
}

static void one_run(int with)
{
  struct lwt_mdns_service s = { .name = "My site", .type = "_http._tcp", .port = 80 };
  lwt_dns_answer_p *p;

  if (!begin_on(with, 5353) && !start(0, "box") && !lwt_mdns_publish(mdns[0], &s)) {
    lwt_test_advance(LWT_S(3));
    p = lwt_mdns_query(stacks[1], 2, "box.local", LWT_DNS_A, LWT_S(3));
    lwt_test_advance(LWT_S(4));
    lwt_error(LWT_UNTYPED(p));
    lwt_drop(LWT_UNTYPED(p));
  }
  end();
}

static void memory(void)
{
  one_run(IPV4);
}

static void memory6(void)
{
  one_run(IPV4 | IPV6);
}

static const struct lwt_test tests[] = {
  LWT_TEST(announces), LWT_TEST(answers), LWT_TEST(absent),
  LWT_TEST(strange_absence), LWT_TEST(legacy), LWT_TEST(services),
  LWT_TEST(conflicts), LWT_TEST(at_the_same_time), LWT_TEST(strangers),
  LWT_TEST(six), LWT_TEST(legacy6), LWT_TEST(both), LWT_TEST_MEMORY(memory),
  LWT_TEST_MEMORY(memory6)
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
