/* t-checksum.c - the Internet checksum, against the two-line one.
 * SPDX-License-Identifier: ISC
 */

#include "../net/checksum.h"
#include "../net/net.h"

#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

static uint8_t bytes[70000], out[70000];

/* RFC 1071, as slow as it gets. */
static uint16_t slow(const uint8_t *p, size_t len)
{
  uint64_t sum = 0;
  size_t i;

  for (i = 0; i < len; i++)
    sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}

/* 0 and 0xffff are the same number. */
static int same(uint16_t a, uint16_t b)
{
  return a == b || (a % 0xffff == 0 && b % 0xffff == 0);
}

static void fill(int how)
{
  uint32_t i, x = 1;

  for (i = 0; i < sizeof bytes; i++) {
    x = x * 1103515245 + 12345;
    bytes[i] = how == 0 ? 0 : how == 1 ? 0xff : (uint8_t)(x >> 16);
  }
}

static void test_sum(void)
{
  /* RFC 1071, section 3 */
  static const uint8_t rfc[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
  size_t len, at;
  int how, sums = 1, copies = 1;

  is_int(net_sum(rfc, sizeof rfc), 0xddf2, "the example of RFC 1071");
  is_int(net_sum(NULL, 0), 0, "nothing");
  for (how = 0; how < 3; how++) {
    fill(how);
    for (len = 0; len < 400; len++)
      for (at = 0; at < 9; at++) {
        sums &= same(net_sum(bytes + at, len), slow(bytes + at, len));
        memset(out, 0, len + at + 1);
        copies &= same(net_sum_copy(out + at, bytes + 9 - at, len),
                       slow(bytes + 9 - at, len)) &&
                  !memcmp(out + at, bytes + 9 - at, len) && !out[at + len];
      }
    for (len = 65400; len < 65540; len += 7)
      sums &= same(net_sum(bytes, len), slow(bytes, len));
  }
  ok(sums, "every length at every alignment");
  ok(copies, "and while copying");
}

/* A chain whose slices have the given lengths, in turn. */
static struct lwt_buf *chain(size_t len, const unsigned *lengths)
{
  struct lwt_buf *packet = lwt_buf_new(0, 0), *slice;
  size_t n = 0, part;

  while (n < len) {
    part = *lengths ? *lengths++ : 1;
    if (part > len - n)
      part = len - n;
    slice = lwt_buf_copy_in((uint32_t)(part % 5), bytes + n, (uint32_t)part);
    lwt_buf_append(packet, slice);
    n += part;
  }
  return packet;
}

static void test_chain(void)
{
  static const unsigned shapes[][8] = {
    { 1, 1, 1, 1, 1, 0 },     { 3, 5, 7, 9, 11, 0 }, { 2, 1, 2, 1, 64, 65, 0 },
    { 63, 64, 65, 66, 67, 0 }, { 1000, 1, 999, 0 },
  };
  struct lwt_buf *packet;
  uint32_t from, len;
  size_t i;
  int good = 1;

  fill(2);
  for (i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    packet = chain(300, shapes[i]);
    for (from = 0; from <= 300; from += 3)
      for (len = 0; len <= 300 - from; len++)
        good &= same(net_sum_chain(packet, from, len), slow(bytes + from, len));
    lwt_buf_free(packet);
  }
  ok(good, "chains with odd slices, every part of them");
}

static void test_update(void)
{
  uint32_t i, x = 7, good = 1;
  uint8_t header[20];
  uint16_t old, new, csum;

  fill(2);
  for (i = 0; i < 100000; i++) {
    x = x * 1103515245 + 12345;
    memcpy(header, bytes + (x >> 16), 20);
    csum = (uint16_t)~slow(header, 20);
    old = net_get16(header + 8);
    new = i % 3 == 0 ? 0 : i % 3 == 1 ? 0xffff : (uint16_t)(x >> 8);
    net_put16(header + 8, new);
    good &= same(net_csum_update(csum, old, new), (uint16_t)~slow(header, 20));
  }
  ok(good, "a word changes (RFC 1624)");
}

static void test_pseudo(void)
{
  static const uint8_t v4[] = { 192, 0, 2, 1, 198, 51, 100, 2, 0, 17, 0, 9 };
  uint8_t v6[40] = { 0 };
  struct lwt_addr a, b;

  lwt_addr_parse(&a, "192.0.2.1");
  lwt_addr_parse(&b, "198.51.100.2");
  is_int(net_sum_fold(net_sum_pseudo(&a, &b, 17, 9)), slow(v4, sizeof v4), "IPv4");
  lwt_addr_parse(&a, "2001:db8::1");
  lwt_addr_parse(&b, "fe80::ffff:ffff:ffff:ffff");
  memcpy(v6, a.ip, 16);
  memcpy(v6 + 16, b.ip, 16);
  net_put32(v6 + 32, 70000);
  v6[39] = 6;
  is_int(net_sum_fold(net_sum_pseudo(&a, &b, 6, 70000)), slow(v6, sizeof v6),
         "IPv6, more than 16 bits of length");
}

/* What the stack leaves to the device, and what it does itself. */
static void test_finish(void)
{
  struct net_if nif = { 0 };
  struct net_stack s = { .route_age = 1 };
  struct net_ip_info ip = { .proto = 17 };
  struct lwt_buf *p, *shared;
  uint8_t udp[9];
  int i;

  fill(2);
  lwt_addr_parse(&ip.src, "192.0.2.1");
  lwt_addr_parse(&ip.dst, "198.51.100.2");
  for (i = 0; i < NET_LAST_HOPS; i++)
    s.last_hops[i] = (struct net_last_hop){
      .age = 1, .src = ip.src, .dst = ip.dst, .hop.nif = &nif
    };
  memcpy(udp, bytes, sizeof udp);
  net_put16(udp + 6, 0);
  p = lwt_buf_copy_in(100, udp, sizeof udp);
  net_csum_finish(&s, &ip.src, &ip.dst, 17, 6, p);
  ok(!p->flags && net_csum_ok(&ip, p), "the stack computes it");
  p->data[8] ^= 1;
  ok(!net_csum_ok(&ip, p), "and notices a flipped bit");
  p->flags = LWT_BUF_CSUM_VALID;
  ok(net_csum_ok(&ip, p), "unless the device vouches for it");
  lwt_buf_free(p);
  nif.offloads = LWT_NETIF_TX_CSUM;
  p = lwt_buf_copy_in(100, udp, 6);
  lwt_buf_append(p, lwt_buf_copy_in(0, udp + 6, 3)); /* the field is elsewhere */
  p = lwt_buf_pullup(p, 8);
  net_csum_finish(&s, &ip.src, &ip.dst, 17, 6, p);
  ok(p->flags == LWT_BUF_CSUM_PARTIAL && net_csum_ok(&ip, p), "left to the device");
  shared = lwt_buf_slice(p, 0, p->total);
  p = net_csum_complete(p);
  ok(p && !p->flags && net_csum_ok(&ip, p), "completed on the way");
  ok(memcmp(shared->data, p->data, 8), "in a header of its own");
  lwt_buf_free(shared);
  lwt_buf_free(p);
  p = lwt_buf_copy_in(0, udp, sizeof udp);
  p->flags = LWT_BUF_CSUM_PARTIAL;
  p->csum_start = 8;
  p->csum_offset = 0;
  ok(!net_csum_complete(p), "a field outside the packet");
  p = lwt_buf_copy_in(0, udp, sizeof udp);
  p->flags = LWT_BUF_CSUM_PARTIAL;
  p->csum_start = 65535;
  p->csum_offset = 65535;
  ok(!net_csum_complete(p), "or far outside");
  /* a UDP sum of zero is sent as ones */
  memset(udp, 0, sizeof udp);
  nif.offloads = 0;
  net_put16(udp, (uint16_t)~net_sum_fold(net_sum_pseudo(&ip.src, &ip.dst, 17, 8)));
  p = lwt_buf_copy_in(0, udp, 8);
  net_csum_finish(&s, &ip.src, &ip.dst, 17, 6, p);
  is_int(net_get16(p->data + 6), 0xffff, "UDP has no zero");
  lwt_buf_free(p);
}

int main(void)
{
  test_sum();
  test_chain();
  test_update();
  test_pseudo();
  test_finish();
  is_int(lwt_buf_live(), 0, "no packet lives");
  return lwt_test_done();
}
