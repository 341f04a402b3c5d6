/* netlab6.h - netlab.h for IPv6: frames built, and told as text.
 * SPDX-License-Identifier: ISC
 *
 * The stack is 01 with the address 2001:db8::1, the test is 02, fe80::2 and
 * 2001:db8::2.  In the text "LL" is the stack's link-local address.  A frame
 * whose Ethernet address is not its group's says so.
 */
#ifndef NETLAB6_H
#define NETLAB6_H

#include "netlab.h"

#include <lwt-ip.h>

static struct lwt_addr lab_ll; /* family 0: none yet */

/* ---- Building frames ---------------------------------------------------- */

static void lab6_put(uint8_t *p, const char *text)
{
  struct lwt_addr a = lab_addr(text, 0);

  if (!strcmp(text, "LL"))
    a = lab_ll;
  memcpy(p, a.ip, 16);
}

/* The frame's IPv6 header; returns where the payload of len bytes goes. */
static uint8_t *lab6(const char *src, const char *dst, int next, int hops, uint32_t len)
{
  uint8_t *p = lab_frame + 14;

  lab_ether("01", 0x86dd);
  memset(p, 0, 40);
  p[0] = 0x60;
  lab_put(p + 4, 2, len);
  p[6] = (uint8_t)next;
  p[7] = (uint8_t)hops;
  lab6_put(p + 8, src);
  lab6_put(p + 24, dst);
  if (p[24] == 0xff) {
    lab_frame[0] = lab_frame[1] = 0x33;
    memcpy(lab_frame + 2, p + 36, 4);
  }
  lab_len = 54 + len;
  return p + 40;
}

static uint32_t lab6_pseudo(const uint8_t *ip, int proto, uint32_t len)
{
  return lab_sum(ip + 8, 32, (uint32_t)proto + len);
}

/* An ICMPv6 message. */
__attribute__((unused)) static void lab6_icmp(const char *src, const char *dst, int hops,
                                              const uint8_t *bytes, uint32_t len)
{
  uint8_t *p = lab6(src, dst, 58, hops, len);

  memcpy(p, bytes, len);
  lab_put(p + 2, 2, 0);
  lab_put(p + 2, 2, ~lab_sum(p, len, lab6_pseudo(lab_frame + 14, 58, len)));
}

/* A UDP datagram; returns its first byte. */
__attribute__((unused)) static uint8_t *lab6_udp(const char *src, uint16_t sport,
                                                 const char *dst, uint16_t dport,
                                                 const char *text)
{
  uint32_t len = (uint32_t)strlen(text) + 8;
  uint8_t *p = lab6(src, dst, 17, 64, len);

  lab_put(p, 2, sport);
  lab_put(p + 2, 2, dport);
  lab_put(p + 4, 2, len);
  lab_put(p + 6, 2, 0);
  memcpy(p + 8, text, len - 8);
  lab_put(p + 6, 2, ~lab_sum(p, len, lab6_pseudo(lab_frame + 14, 17, len)));
  return p;
}

/* Put len bytes of headers between the IPv6 header and the payload; `next` is what
 * they begin with. */
__attribute__((unused)) static void lab6_insert(int next, const void *bytes, uint32_t len)
{
  uint8_t *p = lab_frame + 14;

  memmove(p + 40 + len, p + 40, lab_len - 54);
  memcpy(p + 40, bytes, len);
  p[6] = (uint8_t)next;
  lab_len += len;
  lab_put(p + 4, 2, lab_len - 54);
}

/* The bytes [from, from + len) of the payload that was built, as a fragment. */
__attribute__((unused)) static void lab6_fragment(uint32_t from, uint32_t len, int more,
                                                  uint32_t id)
{
  static uint8_t whole[70000];
  uint8_t *p = lab_frame + 14;
  uint32_t total = lab_len;

  memcpy(whole, lab_frame, total);
  memmove(p + 48, p + 40 + from, len);
  memset(p + 40, 0, 8);
  p[40] = p[6];
  lab_put(p + 42, 2, from | (uint32_t)more);
  lab_put(p + 44, 4, id);
  p[6] = 44;
  lab_put(p + 4, 2, len + 8);
  lab_len = 62 + len;
  inject();
  memcpy(lab_frame, whole, total);
  lab_len = total;
}

/* A solicitation or advertisement with the test's address as its option. */
__attribute__((unused)) static void lab6_nd(int type, uint32_t flags, const char *src,
                                            const char *dst, const char *target, int mac)
{
  uint8_t m[32] = { (uint8_t)type };

  lab_put(m + 4, 4, flags);
  lab6_put(m + 8, target);
  m[24] = type == 135 ? 1 : 2;
  m[25] = 1;
  memcpy(m + 26, lab_mac, 6);
  lab6_icmp(src, dst, 255, m, mac ? 32 : 24);
  inject();
}

/* ---- Telling frames ----------------------------------------------------- */

static void lab6_say_ip(const uint8_t *ip)
{
  struct lwt_addr a = { .family = 6 };
  char text[LWT_ADDR_TEXT];

  memcpy(a.ip, ip, 16);
  if (lab_ll.family && !memcmp(ip, lab_ll.ip, 16))
    lab_say("LL");
  else
    lab_say("%s", lwt_addr_format(&a, text, sizeof text));
}

static void lab6_say(const uint8_t *p, uint32_t len, int whole);

static void lab6_say_options(const uint8_t *p, uint32_t len)
{
  for (; len >= 8 && p[1] && p[1] * 8u <= len; len -= p[1] * 8u, p += p[1] * 8u) {
    if (p[0] == 1 || p[0] == 2)
      lab_say(" %s %02x", p[0] == 1 ? "from" : "at", p[7]);
    else if (p[0] == 14)
      lab_say(" nonce");
    else
      lab_say(" option %u", p[0]);
  }
}

static void lab6_say_mld(const uint8_t *p)
{
  static const char *const kinds[] = { "?", "is-in", "is-ex", "to-in", "to-ex", "allow",
                                       "block" };
  uint32_t i, n = lab_get(p + 6, 2);

  lab_say(" mld2");
  for (i = 0, p += 8; i < n; i++, p += 20) {
    lab_say(" %s ", kinds[p[0] < 7 ? p[0] : 0]);
    lab6_say_ip(p + 4);
  }
}

static void lab6_say_icmp(const uint8_t *p, uint32_t len, int whole)
{
  switch (p[0]) {
  case 128:
  case 129:
    lab_say(" echo%s %u/%u", p[0] == 128 ? "" : "-reply", (unsigned)lab_get(p + 4, 2),
            (unsigned)lab_get(p + 6, 2));
    if (whole)
      lab_say_data(p + 8, len - 8);
    break;
  case 131:
  case 132:
    lab_say(" mld1 %s ", p[0] == 131 ? "report" : "done");
    lab6_say_ip(p + 8);
    break;
  case 133:
    lab_say(" rs");
    lab6_say_options(p + 8, len - 8);
    break;
  case 135:
  case 136:
    lab_say(" %s ", p[0] == 135 ? "ns" : "na");
    lab6_say_ip(p + 8);
    if (p[0] == 136)
      lab_say(" %x", p[4] >> 5);
    lab6_say_options(p + 24, len - 24);
    break;
  case 143:
    lab6_say_mld(p);
    break;
  default:
    lab_say(" icmp %u/%u word %u {", p[0], p[1], (unsigned)lab_get(p + 4, 4));
    lab6_say(p + 8, len - 8, 0);
    lab_say(" }");
  }
}

static void lab6_say(const uint8_t *p, uint32_t len, int whole)
{
  uint32_t payload = lab_get(p + 4, 2), at = 40;
  int next = p[6];

  if (p[0] >> 4 != 6 || len < 40 || (whole && payload + 40 != len)) {
    lab_say(" BAD-IPV6");
    return;
  }
  lab_say(" ");
  lab6_say_ip(p + 8);
  lab_say(">");
  lab6_say_ip(p + 24);
  if (p[7] != 64)
    lab_say(" hops %u", p[7]);
  if (next == 0 || next == 60) {
    lab_say(next ? " options" : p[42] == 5 ? " alert" : " hop-by-hop");
    next = p[40];
    at = 48;
  }
  if (next == 44) {
    lab_say(" frag %u%s len %u", (unsigned)(lab_get(p + at + 2, 2) & 0xfff8),
            p[at + 3] & 1 ? "+" : "", (unsigned)(payload + 32 - at));
    if (lab_get(p + at + 2, 2) & 0xfff8 || !whole)
      return;
    next = p[at];
    at += 8;
    whole = 0;
  }
  if (len <= at)
    return;
  if (whole && (next == 58 || next == 17 || next == 6) &&
      lab_sum(p + at, len - at, lab6_pseudo(p, next, len - at)) != 0xffff)
    lab_say(" BAD-SUM");
  if (next == 58)
    lab6_say_icmp(p + at, len - at, whole);
  else if (next == 17) {
    lab_say(" udp %u>%u", (unsigned)lab_get(p + at, 2), (unsigned)lab_get(p + at + 2, 2));
    lab_say_data(p + at + 8, lab_get(p + at + 4, 2) - 8);
  } else if (next == 6)
    lab_say(" tcp %u>%u", (unsigned)lab_get(p + at, 2), (unsigned)lab_get(p + at + 2, 2));
  else
    lab_say(" proto %d", next);
}

static const char *lab6_describe(void)
{
  const uint8_t *p = lab_seen;

  if (lab_get(p + 12, 2) != 0x86dd)
    return lab_describe(p, lab_seen_len);
  lab_out = lab_text;
  if (p[14 + 24] == 0xff)
    lab_say(p[0] == 0x33 && p[1] == 0x33 && !memcmp(p + 2, p + 14 + 36, 4) ? "*"
                                                                           : "BAD-MAC");
  else
    lab_say("%02x", p[5]);
  lab6_say(p + 14, lab_seen_len - 14, 1);
  return lab_text;
}

#define got6(text) lab6_got((text), __LINE__)

__attribute__((unused)) static void lab6_got(const char *text, int line)
{
  const char *seen = lab_take() ? lab6_describe() : "nothing";

  lab_is(seen, text, line, text);
}
#undef quiet
#define quiet() lab6_got("nothing", __LINE__)

/* ---- Life --------------------------------------------------------------- */

/* The stack's address that begins with these bits; family 0: none. */
static struct lwt_ip_address lab6_address(const char *prefix, unsigned bytes)
{
  struct lwt_addr want = lab_addr(prefix, 0);
  struct lwt_ip_address list[20];
  size_t n = lwt_ip_addresses(lab_stack, 2, list, 20);

  while (n--)
    if (list[n].addr.family == 6 && !memcmp(list[n].addr.ip, want.ip, bytes))
      return list[n];
  memset(list, 0, sizeof *list);
  return *list;
}

static void lab6_find_ll(void)
{
  lab_ll = lab6_address("fe80::", 8).addr;
}

/* A stack that speaks IPv6 and has 2001:db8::1; what it says at first is over. */
__attribute__((unused)) static void lab6_start(uint8_t mode)
{
  struct lwt_net_config c = { .ipv6 = mode, .prefix6 = 64, .unchecked6 = 1 };

  c.addr6 = lab_addr("2001:db8::1", 0);
  c.gateway6 = lab_addr("2001:db8::fe", 0);
  memset(&lab_ll, 0, sizeof lab_ll);
  is_int(lab_try_start(&c, NULL), 0, "a stack starts");
  advance(LWT_S(4));
  lab6_find_ll();
  lab_discard();
}

#endif
