/* t-wire6.c - IPv6, extension headers, ICMPv6, neighbour discovery and MLD read,
 * written, cut short, spoilt.
 * SPDX-License-Identifier: ISC
 */

#include "../net/mld_wire.h"
#include "../net/nd_wire.h"

#define LWT_TEST_SHORT
#include <lwt/buffer.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t ipv6[] = { 0x6a, 0xb1, 0x23, 0x45, 0, 8, 58, 64,
                                0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
                                0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2 };
static const uint8_t fragment[] = { 6, 0, 0x05, 0xa9, 0xde, 0xad, 0xbe, 0xef };
static const uint8_t link_local[16] = { 0xfe, 0x80, [15] = 1 };
static const uint8_t global[16] = { 0x20, 1, 0xd, 0xb8, [15] = 7 };
static const uint8_t group[16] = { 0xff, 2, [11] = 1, [12] = 0xff, [15] = 7 };
static const uint8_t any[16];

/* A copy that ends where the bytes end, for the sanitizer to see. */
static uint8_t *exact(const uint8_t *bytes, size_t len)
{
  uint8_t *p = malloc(len ? len : 1);

  memcpy(p, bytes, len);
  return p;
}

static void test_headers(void)
{
  struct net_ipv6_repr r;
  struct net_fragment_repr f;
  struct net_icmpv6_repr c;
  uint8_t out[40], mac[6];
  size_t n;
  int refused = 1;

  is_int(net_ipv6_parse(&r, ipv6, 40), 40, "an IPv6 header is read");
  ok(r.tclass == 0xab && r.flow == 0x12345 && r.payload == 8 && r.next == 58 &&
       r.hops == 64 && r.src[15] == 1 && r.dst[0] == 0xfe,
     "its fields");
  net_ipv6_emit(&r, out);
  is_mem(out, ipv6, 40, "and written the same");
  for (n = 0; n < 40; n++) {
    uint8_t *p = exact(ipv6, n);

    refused &= net_ipv6_parse(&r, p, n) == LWT_EBADMSG;
    free(p);
  }
  ok(refused, "cut short it is refused");
  memcpy(out, ipv6, 40);
  out[0] = 0x45;
  is_int(net_ipv6_parse(&r, out, 40), LWT_EBADMSG, "version 4");
  is_int(net_fragment_parse(&f, fragment, 7), LWT_EBADMSG, "half a fragment header");
  is_int(net_fragment_parse(&f, fragment, 8), 8, "a fragment header");
  ok(f.next == 6 && f.offset == 0x5a8 && f.mf && f.id == 0xdeadbeef, "its fields");
  net_fragment_emit(&f, out);
  is_mem(out, fragment, 8, "and written the same");
  is_int(net_icmpv6_parse(&c, fragment, 7), LWT_EBADMSG, "half an ICMPv6 header");
  is_int(net_icmpv6_parse(&c, fragment, 8), 8, "an ICMPv6 header");
  ok(c.type == 6 && !c.code && c.checksum == 0x5a9 && c.word == 0xdeadbeef, "its fields");
  net_ip6_solicited(global, out);
  is_mem(out, group, 16, "the solicited-node group");
  net_ip6_group_mac(group, mac);
  is_mem(mac, "\x33\x33\xff\0\0\x07", 6, "its Ethernet address");
}

/* ---- Extension headers -------------------------------------------------- */

static struct net_ext e;

static int walk(uint8_t next, int multicast, const void *bytes, size_t len)
{
  uint8_t *p = exact(bytes, len);
  int n = net_ext_parse(&e, next, 6, 40, multicast, p, len);

  free(p);
  return n;
}

#define WALK(next, ...)                                       \
  walk(next, 0, (const uint8_t[]){ __VA_ARGS__ },             \
       sizeof((const uint8_t[]){ __VA_ARGS__ }))
#define WALK_GROUP(next, ...)                                 \
  walk(next, 1, (const uint8_t[]){ __VA_ARGS__ },             \
       sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void is_problem(int got, int code, int pointer, const char *name)
{
  ok(got == LWT_EPROTO && e.code == code && (int)e.pointer == pointer,
     "%s: problem %d at %d (%d, %d at %d)", name, code, pointer, got, e.code,
     (int)e.pointer);
}

static void test_options(void)
{
  is_int(WALK(60, 6, 0, 1, 4, 0, 0, 0, 0), 8, "PadN");
  ok(e.next == 6 && e.next_at == 40, "what follows, and where it says so");
  is_int(WALK(60, 6, 0, 0, 0, 0, 0, 0, 0), 8, "Pad1 six times");
  is_int(WALK(0, 58, 0, 5, 2, 0, 0, 1, 0), 8, "a router alert");
  ok(e.alert, "is noticed");
  is_problem(WALK(0, 58, 0, 5, 3, 0, 0, 0, 0), 0, 43, "a long router alert");
  is_int(WALK(60, 6, 0, 0x1e, 4, 0, 0, 0, 0), 8, "unknown option 00: skipped");
  is_int(WALK(60, 6, 0, 0x5e, 4, 0, 0, 0, 0), LWT_EBADMSG, "unknown option 01: dropped");
  is_problem(WALK(60, 6, 0, 0x9e, 4, 0, 0, 0, 0), 2, 42, "unknown option 10");
  is_problem(WALK_GROUP(60, 6, 0, 0x9e, 4, 0, 0, 0, 0), 2, 42, "10 to a group");
  is_problem(WALK(60, 6, 0, 0xde, 4, 0, 0, 0, 0), 2, 42, "unknown option 11");
  is_int(WALK_GROUP(60, 6, 0, 0xde, 4, 0, 0, 0, 0), LWT_EBADMSG,
         "11 to a group: dropped");
  is_problem(WALK(0, 6, 0, 0xc2, 4, 0, 1, 0, 0), 2, 42, "a jumbo payload");
  is_problem(WALK(60, 6, 0, 1, 5, 0, 0, 0, 0), 0, 43, "an option beyond its header");
  is_int(WALK(60, 6, 0, 0, 0, 0, 0, 0, 1), LWT_EBADMSG, "an option without a length");
}

static void test_chains(void)
{
  uint8_t many[8 * 9], *p = many;
  unsigned i;

  is_int(WALK(0, 60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0,
              0), 24, "hop-by-hop, destination options, routing");
  ok(e.next == 17 && e.next_at == 56, "then UDP");
  is_int(WALK(0, 44, 0, 1, 4, 0, 0, 0, 0), 8, "up to a fragment header");
  is_int(e.next, 44, "which is left");
  is_int(WALK(6, 1, 2, 3), 0, "no extension header at all");
  is_problem(WALK(60, 0, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0), 1, 40,
             "hop-by-hop options that are not first");
  is_problem(WALK(43, 6, 0, 0, 1, 0, 0, 0, 0), 0, 42, "a routing header of type 0");
  is_problem(WALK(43, 6, 0, 9, 1, 0, 0, 0, 0), 0, 42, "of type 9");
  is_int(WALK(43, 6, 0, 0, 0, 0, 0, 0, 0), 8, "without segments left: skipped");
  is_int(WALK(60, 6, 0, 1, 4, 0, 0, 0), LWT_EBADMSG, "cut short");
  is_int(WALK(60, 6, 1, 1, 4, 0, 0, 0, 0), LWT_EBADMSG, "shorter than it says");
  memset(many, 0, sizeof many);
  for (i = 0; i < 9; i++, p += 8)
    p[0] = 60;
  is_int(walk(60, 0, many, sizeof many), LWT_EBADMSG, "nine headers are too many");
  p[-16] = 59;
  is_int(walk(60, 0, many, sizeof many), 64, "eight are not");
}

static void test_option_limit(void)
{
  uint8_t header[40] = { 6, 4 };
  unsigned i;

  for (i = 0; i < 16; i++)
    header[2 + 2 * i] = 0x1e;
  is_int(walk(60, 0, header, 40), 40, "sixteen options");
  header[34] = 0x1e;
  is_int(walk(60, 0, header, 40), LWT_EBADMSG, "seventeen are too many");
}

/* ---- Neighbour discovery ------------------------------------------------ */

static struct net_nd_repr r;
static uint8_t bytes[NET_ND_LEN_MAX];

static int parse(const uint8_t *src, const uint8_t *dst, int hops, size_t len)
{
  uint8_t *p = exact(bytes, len);
  int error = net_nd_parse(&r, src, dst, (uint8_t)hops, p, len);

  free(p);
  return error;
}

static size_t solicit(void)
{
  r = (struct net_nd_repr){ .type = NET_ICMP6_SOLICIT, .options = NET_ND_SOURCE,
                            .source_mac = { 2, 0, 0, 0, 0, 9 } };
  memcpy(r.target, global, 16);
  return net_nd_emit(&r, bytes);
}

static void test_solicit(void)
{
  size_t len = solicit();

  is_int(len, 32, "a solicitation");
  is_int(parse(link_local, group, 255, len), 0, "is accepted");
  ok(r.options == NET_ND_SOURCE && r.source_mac[5] == 9 && !memcmp(r.target, global, 16),
     "its fields");
  is_int(parse(link_local, group, 254, len), LWT_EBADMSG, "not from another link");
  is_int(parse(any, group, 255, len), LWT_EBADMSG, "anonymous with an address");
  is_int(parse(link_local, group, 255, 23), LWT_EBADMSG, "cut short");
  is_int(parse(link_local, group, 255, 31), LWT_EBADMSG, "half an option");
  bytes[25] = 0;
  is_int(parse(link_local, group, 255, len), LWT_EBADMSG, "an option of length 0");
  bytes[25] = 1;
  bytes[24] = 200;
  is_int(parse(any, group, 255, len), 0, "an unknown option is skipped");
  is_int(parse(any, global, 255, len), LWT_EBADMSG, "anonymous to one address");
  bytes[1] = 1;
  is_int(parse(link_local, group, 255, len), LWT_EBADMSG, "a code");
  bytes[1] = 0;
  bytes[8] = 0xff;
  is_int(parse(link_local, group, 255, len), LWT_EBADMSG, "about a group");
}

static void test_advert(void)
{
  size_t len;

  r = (struct net_nd_repr){ .type = NET_ICMP6_ADVERT, .router = 1, .solicited = 1,
                            .options = NET_ND_TARGET,
                            .target_mac = { 2, 0, 0, 0, 0, 8 } };
  memcpy(r.target, global, 16);
  len = net_nd_emit(&r, bytes);
  is_int(parse(global, link_local, 255, len), 0, "an advertisement");
  ok(r.router && r.solicited && !r.override && r.options == NET_ND_TARGET &&
       r.target_mac[5] == 8,
     "its fields");
  is_int(parse(global, net_ip6_all_nodes, 255, len), LWT_EBADMSG,
         "an answer to everybody");
  bytes[4] = 0x20;
  is_int(parse(global, net_ip6_all_nodes, 255, len), 0, "an announcement to everybody");
  ok(r.override && !r.router, "that overrides");
}

static void test_router_advert(void)
{
  struct net_nd_repr sent = {
    .type = NET_ICMP6_ROUTER_ADVERT, .hops = 63, .other = 1, .preference = -1,
    .lifetime = 1800, .reachable = 30000, .retrans = 500,
    .options = NET_ND_SOURCE | NET_ND_MTU, .source_mac = { 2 }, .mtu = 1400,
    .n_prefixes = 2, .n_routes = 1, .n_servers = 2
  };
  size_t len;

  sent.prefixes[0] = (struct net_nd_prefix){ { 0x20, 1 }, 64, 1, 1, 7200, 3600 };
  sent.prefixes[1] = (struct net_nd_prefix){ { 0x20, 2 }, 61, 0, 1, NET_ND_FOREVER, 9 };
  sent.routes[0] = (struct net_nd_route){ { 0x20, 3 }, 72, 1, 77 };
  memcpy(sent.servers[0].ip, global, 16);
  sent.servers[1].lifetime = 5;
  len = net_nd_emit(&sent, bytes);
  is_int(parse(global, net_ip6_all_nodes, 255, len), LWT_EBADMSG,
         "a router speaks from its link-local address");
  is_int(parse(link_local, net_ip6_all_nodes, 255, len), 0, "a router's advertisement");
  is_mem(&r, &sent, sizeof r, "everything in it");
  bytes[16 + 8 + 8 + 2] = 129;
  is_int(parse(link_local, net_ip6_all_nodes, 255, len), 0, "a prefix of 129 bits");
  is_int(r.n_prefixes, 1, "is left out");
  bytes[5] = 2 << 3;
  parse(link_local, net_ip6_all_nodes, 255, len);
  is_int(r.preference, 0, "the reserved preference is medium");
}

static void test_router_options_full(void)
{
  struct net_nd_repr sent = { .type = NET_ICMP6_ROUTER_ADVERT, .options = 15,
                              .n_prefixes = 16, .n_routes = 16, .n_servers = 8 };
  unsigned i;
  size_t len;

  for (i = 0; i < 16; i++)
    sent.routes[i].len = sent.prefixes[i].len = 128;
  len = net_nd_emit(&sent, bytes);
  ok(len <= NET_ND_LEN_MAX, "the longest advertisement has room (%d)", (int)len);
  bytes[len] = 3;
  bytes[len + 1] = 4;
  memset(bytes + len + 2, 0, 30);
  is_int(parse(link_local, net_ip6_all_nodes, 255, len + 32), 0,
         "one with a prefix more");
  is_int(r.n_prefixes, 16, "is read as far as there is room");
}

static void test_redirect(void)
{
  size_t len;

  r = (struct net_nd_repr){ .type = NET_ICMP6_REDIRECT };
  memcpy(r.target, link_local, 16);
  memcpy(r.dst, global, 16);
  len = net_nd_emit(&r, bytes);
  is_int(parse(link_local, global, 255, len), 0, "a redirect to a router");
  is_int(parse(global, global, 255, len), LWT_EBADMSG, "not from one");
  memcpy(bytes + 8, group, 16);
  is_int(parse(link_local, global, 255, len), LWT_EBADMSG, "to a group");
  memcpy(bytes + 8, global, 16);
  is_int(parse(link_local, global, 255, len), 0, "to the destination itself");
  bytes[23] ^= 1;
  is_int(parse(link_local, global, 255, len), LWT_EBADMSG, "to a global address");
  memcpy(bytes + 8, group, 16);
  memcpy(bytes + 24, group, 16);
  is_int(parse(link_local, global, 255, len), LWT_EBADMSG, "about a group");
}

/* ---- MLD ---------------------------------------------------------------- */

static void test_mld(void)
{
  struct net_mld_query_repr q = { .version = 2, .max_delay = 1000, .robustness = 2,
                                  .interval = 125, .suppress = 1 };
  struct net_mld_record_repr record = { .kind = NET_MLD_TO_EXCLUDE };
  struct net_mld1_repr one = { .type = NET_ICMP6_MLD_DONE };
  uint8_t p[64] = { 0 };

  memcpy(q.group, group, 16);
  is_int(net_mld_query_emit(&q, p), 28, "a query");
  is_int(net_mld_query_parse(&q, p, 28), 28, "is read");
  ok(q.version == 2 && q.max_delay == 1000 && q.robustness == 2 && q.interval == 125 &&
       q.suppress && !q.n_sources && !memcmp(q.group, group, 16),
     "its fields");
  p[27] = 1;
  is_int(net_mld_query_parse(&q, p, 43), LWT_EBADMSG, "fewer sources than it says");
  is_int(net_mld_query_parse(&q, p, 44), 44, "one source");
  p[8] = 0x20;
  is_int(net_mld_query_parse(&q, p, 44), LWT_EBADMSG, "about no group");
  memset(p + 8, 0, 16);
  is_int(net_mld_query_parse(&q, p, 44), LWT_EBADMSG, "sources without a group");
  p[27] = 0;
  p[4] = 0x9f;
  p[5] = 0xff;
  p[25] = 0x9f;
  is_int(net_mld_query_parse(&q, p, 28), 28, "large codes");
  is_int(q.max_delay, 0x1fff << 4, "of the delay");
  is_int(q.interval, 31 << 4, "of the interval");
  is_int(net_mld_query_parse(&q, p, 24), 24, "version 1");
  is_int(q.version, 1, "has a shorter query");
  is_int(net_mld_query_parse(&q, p, 26), LWT_EBADMSG, "neither one nor the other");
  memcpy(record.group, group, 16);
  net_mld_record_emit(&record, p);
  is_int(net_mld_record_parse(&record, p, 20), 20, "a record");
  is_int(record.kind, NET_MLD_TO_EXCLUDE, "of its kind");
  p[3] = 2;
  is_int(net_mld_record_parse(&record, p, 51), LWT_EBADMSG, "with too few sources");
  memcpy(one.group, group, 16);
  net_mld1_emit(&one, p);
  is_int(net_mld1_parse(&one, p, 24), 24, "the end of a membership");
  p[8] = 0;
  is_int(net_mld1_parse(&one, p, 24), LWT_EBADMSG, "in no group");
}

int main(void)
{
  test_headers();
  test_options();
  test_chains();
  test_option_limit();
  test_solicit();
  test_advert();
  test_router_advert();
  test_router_options_full();
  test_redirect();
  test_mld();
  is_int(lwt_live() + lwt_buf_live(), 0, "nothing lives");
  return lwt_test_done();
}
