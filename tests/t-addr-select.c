/* t-addr-select.c - source and destination addresses are chosen as RFC 6724 says (its
 * examples are in section 10), identifiers as RFC 7217 says.
 * SPDX-License-Identifier: ISC
 */

#include "../net/net.h"
#include "../net/addr_select.h"

#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <string.h>

static void get(const char *text, uint8_t ip[16])
{
  struct lwt_addr addr = { 0 };

  lwt_addr_parse(&addr, text);
  net_select_map(&addr, ip);
}

static struct net_select_source source(const char *text)
{
  struct net_select_source s = { .prefix = 64, .outgoing = 1 };

  get(text, s.ip);
  if (strchr(text, '.'))
    s.prefix = 96 + 24;
  return s;
}

/* Whether the first is taken, in whatever order they are looked at. */
static void chosen(const char *dst, struct net_select_source a,
                   struct net_select_source b, const char *name)
{
  uint8_t ip[16];

  get(dst, ip);
  ok(net_select_source_cmp(&a, &b, ip) < 0 && net_select_source_cmp(&b, &a, ip) > 0,
     "%s", name);
}

static void test_source(void)
{
  struct net_select_source old = source("2001:db8:1::3"), far = source("2001:db8:1::3");
  struct net_select_source other = source("2001:db8:9::2");

  chosen("2001:db8:1::1", source("2001:db8:1::1"), source("2001:db8:1::2"),
         "rule 1: the destination itself");
  chosen("2001:db8:1::1", source("2001:db8:3::1"), source("fe80::1"),
         "rule 2: a global source to a global destination");
  chosen("fe80::9", source("fe80::1"), source("2001:db8:3::1"),
         "rule 2: a link-local source to a link-local destination");
  chosen("ff05::1", source("2001:db8:3::1"), source("fe80::1"),
         "rule 2: a larger scope for a site's group");
  chosen("ff02::1", source("fe80::1"), source("2001:db8:3::1"),
         "rule 2: a link-local source to a link's group");
  old.deprecated = 1;
  chosen("2001:db8:1::1", source("2001:db8:3::1"), old, "rule 3: not a deprecated one");
  chosen("2001:db8:1::1", old, source("fe80::1"), "but rather than one of less scope");
  far.outgoing = 0;
  chosen("2001:db8:1::1", source("2001:db8:3::1"), far, "rule 5: of the interface");
  other.advertised = 1;
  chosen("2001:db8:1::1", other, source("2001:db8:1::3"), "rule 5.5: of the router");
  chosen("2002:c633:6401::1", source("2002:c633:6401::d5e3:7953:13eb:22e8"),
         source("2001:db8:1::2"), "rule 6: 6to4 to 6to4");
  chosen("2001:db8:1::1", source("2001:db8:3::1"), source("fd00::1"),
         "rule 6: not a local one");
  chosen("2001:db8:1::1", source("2001:db8:1::2"), source("2001:db8:3::2"),
         "rule 8: the longest prefix");
  far = source("2001:db8:1::2");
  get("2001:db8:1::9", old.ip);
  ok(!net_select_source_cmp(&far, &far, old.ip), "one is as good as itself");
  chosen("192.0.2.1", source("192.0.2.9"), source("198.51.100.9"), "rule 8 for IPv4");
}

/* Destinations, each with its source ("-": none); the order expected. */
static void ordered(const char *const *pairs, size_t n, const char *want,
                    const char *name)
{
  struct net_select_dst list[8];
  char got[9] = "";
  size_t i;

  memset(list, 0, sizeof list);
  for (i = 0; i < n; i++) {
    get(pairs[2 * i], list[i].ip);
    list[i].index = i;
    list[i].usable = pairs[2 * i + 1][0] != '-';
    if (list[i].usable)
      list[i].source = source(pairs[2 * i + 1] + (pairs[2 * i + 1][0] == '~'));
    list[i].source.deprecated = pairs[2 * i + 1][0] == '~';
  }
  net_select_order(list, n);
  for (i = 0; i < n; i++)
    got[i] = (char)('0' + list[i].index);
  got[n] = 0;
  is_str(got, want, "%s", name);
}

#define ORDERED(want, name, ...)                                     \
  ordered((const char *const[]){ __VA_ARGS__ },                      \
          sizeof((const char *const[]){ __VA_ARGS__ }) / 16, want, name)

static void test_destinations(void)
{
  ORDERED("10", "rule 1: one without a source is last", "2001:db8:1::1", "-",
          "198.51.100.121", "198.51.100.117");
  ORDERED("10", "rule 2: scopes that match", "2001:db8:1::1", "fe80::1",
          "198.51.100.121", "198.51.100.117");
  ORDERED("01", "rule 2 the other way", "2001:db8:1::1", "2001:db8:1::2",
          "198.51.100.121", "169.254.13.78");
  ORDERED("10", "rule 3: not from a deprecated source", "2001:db8:1::1",
          "~2001:db8:1::2", "fe80::1", "fe80::2");
  ORDERED("10", "rule 5: labels that match", "2002:c633:6401::1", "2001:db8:1::2",
          "2001:db8:1::1", "2001:db8:1::2");
  ORDERED("10", "rule 6: IPv6 before IPv4", "10.1.2.3", "10.1.2.4", "2001:db8:1::1",
          "2001:db8:1::2");
  ORDERED("10", "rule 6: before a local address", "fd00::1", "fd00::2",
          "2001:db8:1::1", "2001:db8:1::2");
  ORDERED("10", "rule 8: the smaller scope", "2001:db8:1::1", "2001:db8:1::2",
          "fe80::1", "fe80::2");
  ORDERED("10", "rule 9: the longest prefix", "2001:db8:3ffe::1", "2001:db8:1f44::2",
          "2001:db8:1::1", "2001:db8:1::2");
  ORDERED("0123", "rule 10: else as they were", "2001:db8:1::4", "2001:db8:1::2",
          "2001:db8:1::3", "2001:db8:1::2", "2001:db8:1::9", "2001:db8:1::2",
          "2001:db8:1::5", "2001:db8:1::2");
  ORDERED("201", "without any source: by precedence", "10.0.0.1", "-", "fd00::1", "-",
          "2001:db8::1", "-");
}

static void test_policy(void)
{
  static const struct {
    const char *ip;
    int precedence, label, scope;
  } rows[] = {
    { "::1", 50, 0, 2 },          { "2001:db8::1", 40, 1, 14 },
    { "192.0.2.1", 35, 4, 14 },   { "2002::1", 30, 2, 14 },
    { "2001:0:1::1", 5, 5, 14 },  { "fd12::1", 3, 13, 14 },
    { "::192.0.2.1", 1, 3, 14 },  { "fec0::1", 1, 11, 5 },
    { "3ffe::1", 1, 12, 14 },     { "fe80::1", 40, 1, 2 },
    { "127.0.0.1", 35, 4, 2 },    { "169.254.1.1", 35, 4, 2 },
    { "ff0e::1", 40, 1, 14 },     { "ff01::1", 40, 1, 1 }
  };
  uint8_t ip[16];
  size_t i;

  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    get(rows[i].ip, ip);
    is_int(net_select_precedence(ip), rows[i].precedence, "%s: precedence", rows[i].ip);
    is_int(net_select_label(ip), rows[i].label, "%s: label", rows[i].ip);
    is_int(net_select_scope(ip), rows[i].scope, "%s: scope", rows[i].ip);
  }
}

static void test_iid(void)
{
  static const uint8_t key[16] = { 1 }, other_key[16] = { 2 };
  static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 }, other_mac[6] = { 2 };
  uint8_t prefix[8] = { 0x20, 1 }, other[8] = { 0x20, 2 };
  uint8_t iid[6][8], zero = 0, one = 1, again = 0;
  int i, k, distinct = 1;

  net_stable_iid(key, prefix, mac, &zero, iid[0]);
  net_stable_iid(key, other, mac, &zero, iid[1]);
  net_stable_iid(key, prefix, other_mac, &zero, iid[2]);
  net_stable_iid(other_key, prefix, mac, &zero, iid[3]);
  net_stable_iid(key, prefix, mac, &one, iid[4]);
  net_stable_iid(key, prefix, mac, &again, iid[5]);
  is_mem(iid[0], iid[5], 8, "an identifier is stable");
  for (i = 0; i < 5; i++)
    for (k = 0; k < i; k++)
      distinct &= !!memcmp(iid[i], iid[k], 8);
  ok(distinct, "prefix, interface, key and counter make another one");
  is_int(zero, 0, "the counter stays");
}

int main(void)
{
  test_source();
  test_destinations();
  test_policy();
  test_iid();
  return lwt_test_done();
}
