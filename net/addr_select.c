/* net/addr_select.c - which source, which destination first (RFC 6724), and interface
 * identifiers (RFC 7217).
 * SPDX-License-Identifier: ISC
 */
#include "addr_select.h"

#include "net.h"
#include "wire6.h"

#include <string.h>

/* RFC 6724 2.1, the longest prefixes first. */
static const struct policy {
  uint8_t prefix[16], bits, precedence, label;
} policies[] = {
  { { [15] = 1 }, 128, 50, 0 },
  { { [10] = 0xff, 0xff }, 96, 35, 4 },
  { { 0 }, 96, 1, 3 },
  { { 0x20, 1 }, 32, 5, 5 },
  { { 0x20, 2 }, 16, 30, 2 },
  { { 0x3f, 0xfe }, 16, 1, 12 },
  { { 0xfe, 0xc0 }, 10, 1, 11 },
  { { 0xfc }, 7, 3, 13 },
  { { 0 }, 0, 40, 1 }
};

void net_select_map(const struct lwt_addr *addr, uint8_t ip[16])
{
  if (addr->family == 6) {
    memcpy(ip, addr->ip, 16);
    return;
  }
  memset(ip, 0, 10);
  ip[10] = ip[11] = 0xff;
  memcpy(ip + 12, addr->ip, 4);
}

static int is_mapped(const uint8_t ip[16])
{
  return !memcmp(ip, policies[1].prefix, 12);
}

/* Leading bits that are the same, at most max. */
static unsigned common(const uint8_t a[16], const uint8_t b[16], unsigned max)
{
  unsigned i;

  for (i = 0; i < max && !((a[i / 8] ^ b[i / 8]) & 0x80 >> i % 8); i++)
    ;
  return i;
}

static const struct policy *policy(const uint8_t ip[16])
{
  const struct policy *p = policies;

  while (common(ip, p->prefix, p->bits) < p->bits)
    p++;
  return p;
}

unsigned net_select_label(const uint8_t ip[16])
{
  return policy(ip)->label;
}

unsigned net_select_precedence(const uint8_t ip[16])
{
  return policy(ip)->precedence;
}

unsigned net_select_scope(const uint8_t ip[16])
{
  if (net_ip6_is_multicast(ip))
    return ip[1] & 15;
  if (net_ip6_is_link_local(ip) || net_ip6_is_loopback(ip))
    return 2;
  if (ip[0] == 0xfe && ip[1] >> 6 == 3)
    return 5;
  if (is_mapped(ip) && (ip[12] == 127 || (ip[12] == 169 && ip[13] == 254)))
    return 2;
  return 14;
}

int net_select_source_cmp(const struct net_select_source *a,
                          const struct net_select_source *b, const uint8_t dst[16])
{
  unsigned sa = net_select_scope(a->ip), sb = net_select_scope(b->ip);
  unsigned sd = net_select_scope(dst), label = net_select_label(dst);
  int same_a = !memcmp(a->ip, dst, 16), same_b = !memcmp(b->ip, dst, 16);
  int la = net_select_label(a->ip) == label, lb = net_select_label(b->ip) == label;

  if (same_a != same_b) /* rule 1 */
    return same_b - same_a;
  if (sa < sb) /* 2 */
    return sa < sd ? 1 : -1;
  if (sb < sa)
    return sb < sd ? -1 : 1;
  if (a->deprecated != b->deprecated) /* 3 */
    return a->deprecated ? 1 : -1;
  if (a->outgoing != b->outgoing) /* 5 */
    return a->outgoing ? -1 : 1;
  if (a->advertised != b->advertised) /* 5.5 */
    return a->advertised ? -1 : 1;
  if (la != lb) /* 6 */
    return lb - la;
  return (int)common(b->ip, dst, b->prefix) - (int)common(a->ip, dst, a->prefix); /* 8 */
}

static int dst_cmp(const struct net_select_dst *a, const struct net_select_dst *b)
{
  unsigned sa = net_select_scope(a->ip), sb = net_select_scope(b->ip);
  unsigned pa = net_select_precedence(a->ip), pb = net_select_precedence(b->ip);
  int ma, mb;

  if (a->usable != b->usable) /* rule 1 */
    return a->usable ? -1 : 1;
  if (a->usable) {
    ma = net_select_scope(a->source.ip) == sa;
    mb = net_select_scope(b->source.ip) == sb;
    if (ma != mb) /* 2 */
      return mb - ma;
    if (a->source.deprecated != b->source.deprecated) /* 3 */
      return a->source.deprecated ? 1 : -1;
    ma = net_select_label(a->source.ip) == net_select_label(a->ip);
    mb = net_select_label(b->source.ip) == net_select_label(b->ip);
    if (ma != mb) /* 5 */
      return mb - ma;
  }
  if (pa != pb) /* 6 */
    return pa > pb ? -1 : 1;
  if (sa != sb) /* 8 */
    return sa < sb ? -1 : 1;
  if (!a->usable || is_mapped(a->ip) != is_mapped(b->ip))
    return 0;
  return (int)common(b->ip, b->source.ip, b->source.prefix) -
         (int)common(a->ip, a->source.ip, a->source.prefix); /* 9 */
}

/* By insertion, which keeps the order of equals (rule 10): lists are short. */
void net_select_order(struct net_select_dst *list, size_t n)
{
  struct net_select_dst moved;
  size_t i, at;

  for (i = 1; i < n; i++) {
    moved = list[i];
    for (at = i; at && dst_cmp(&moved, &list[at - 1]) < 0; at--)
      list[at] = list[at - 1];
    list[at] = moved;
  }
}

/* ---- Identifiers -------------------------------------------------------- */

/* RFC 5453, and the anycast address of a network's routers. */
static int is_reserved(const uint8_t iid[8])
{
  static const uint8_t zero[8], ethernet[5] = { 2, 0, 0x5e, 0xff, 0xfe };
  static const uint8_t anycast[7] = { 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

  return !memcmp(iid, zero, 8) || !memcmp(iid, ethernet, 5) ||
         (!memcmp(iid, anycast, 7) && iid[7] >= 0x80);
}

void net_stable_iid(const uint8_t key[16], const uint8_t prefix[8], const uint8_t mac[6],
                    uint8_t *counter, uint8_t iid[8])
{
  uint8_t text[15];
  uint64_t hash;

  memcpy(text, prefix, 8);
  memcpy(text + 8, mac, 6);
  for (;; (*counter)++) {
    text[14] = *counter;
    hash = net_siphash(key, text, sizeof text);
    net_put32(iid, (uint32_t)(hash >> 32));
    net_put32(iid + 4, (uint32_t)hash);
    if (!is_reserved(iid))
      return;
  }
}
