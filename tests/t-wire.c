/* t-wire.c - each header parsed, emitted, cut short, spoilt.
 * SPDX-License-Identifier: ISC
 */

#include "../net/wire.h"

#define LWT_TEST_SHORT
#include <lwt/buffer.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

/* Frames as they went over a wire. */
static const uint8_t ether[] = { 0x52, 0x54, 0, 1, 2, 3, 2, 0, 0, 0, 0, 9, 0x08, 0x06 };
static const uint8_t arp[] = { 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 9,
                               10, 0, 0, 9, 0x52, 0x54, 0, 1, 2, 3, 10, 0, 0, 1 };
static const uint8_t ipv4[] = { 0x45, 0x10, 0, 60, 0x1c, 0x46, 0x40, 0, 64, 6,
                                0xb1, 0xd6, 172, 16, 10, 99, 172, 16, 10, 12 };
static const uint8_t icmpv4[] = { 8, 0, 0xf7, 0xfd, 0, 1, 0, 1 };
static const uint8_t udp[] = { 0x04, 0xd2, 0, 53, 0, 12, 0x12, 0x34 };

/* A copy that ends where the bytes end, for the sanitizer to see. */
static uint8_t *exact(const uint8_t *bytes, size_t len)
{
  uint8_t *p = malloc(len ? len : 1);

  memcpy(p, bytes, len);
  return p;
}

#define ROUND_TRIP(proto, bytes)                                              \
  do {                                                                        \
    struct net_##proto##_repr r_;                                             \
    uint8_t out_[sizeof bytes];                                               \
    size_t n_;                                                                \
    int refused_ = 1;                                                         \
                                                                              \
    memset(out_, 0x55, sizeof out_);                                          \
    is_int(net_##proto##_parse(&r_, bytes, sizeof bytes), sizeof bytes,       \
           #proto " is read");                                                \
    net_##proto##_emit(&r_, out_);                                            \
    ok(!memcmp(out_, bytes, sizeof bytes), #proto " is written the same");    \
    for (n_ = 0; n_ < sizeof bytes; n_++) {                                   \
      uint8_t *p_ = exact(bytes, n_);                                         \
      refused_ &= net_##proto##_parse(&r_, p_, n_) == LWT_EBADMSG;            \
      free(p_);                                                               \
    }                                                                         \
    ok(refused_, #proto " cut short is refused");                             \
  } while (0)

static void test_round_trips(void)
{
  struct net_icmpv4_repr icmp;
  struct net_ipv4_repr ip;
  struct net_arp_repr a;
  uint8_t out[8];

  ROUND_TRIP(ether, ether);
  ROUND_TRIP(arp, arp);
  ROUND_TRIP(ipv4, ipv4);
  ROUND_TRIP(udp, udp);
  is_int(net_icmpv4_parse(&icmp, icmpv4, 7), LWT_EBADMSG, "icmpv4 cut short");
  is_int(net_icmpv4_parse(&icmp, icmpv4, 8), 8, "icmpv4 is read");
  net_icmpv4_emit(&icmp, out);
  ok(!memcmp(out, icmpv4, 2) && !out[2] && !out[3] && !memcmp(out + 4, icmpv4 + 4, 4),
     "icmpv4 is written without a checksum");
  net_ipv4_parse(&ip, ipv4, sizeof ipv4);
  ok(ip.src == 0xac100a63 && ip.dst == 0xac100a0c && ip.total == 60 && ip.tos == 16 &&
       ip.id == 0x1c46 && ip.df && !ip.mf && !ip.offset && ip.ttl == 64 &&
       ip.proto == 6 && ip.header == 20,
     "the fields of IPv4");
  net_arp_parse(&a, arp, sizeof arp);
  ok(a.op == NET_ARP_REPLY && a.sender == 0x0a000009 && a.target == 0x0a000001 &&
       a.sender_mac[5] == 9 && a.target_mac[0] == 0x52,
     "the fields of ARP");
}

static void sum(uint8_t *p, size_t len)
{
  uint32_t s = 0;
  size_t i;

  p[10] = p[11] = 0;
  for (i = 0; i < len; i++)
    s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
  s = ~((s & 0xffff) + (s >> 16));
  p[10] = (uint8_t)(s >> 8);
  p[11] = (uint8_t)s;
}

static void test_ipv4(void)
{
  struct net_ipv4_repr r, again;
  uint8_t p[60], out[20];
  int bit, all = 1, i, trips = 1;
  uint32_t x = 3;

  for (bit = 0; bit < 160; bit++) {
    memcpy(p, ipv4, 20);
    p[bit / 8] ^= (uint8_t)(1 << (bit & 7));
    all &= net_ipv4_parse(&r, p, 20) < 0;
  }
  ok(all, "every flipped bit is noticed");
  memcpy(p, ipv4, 20);
  p[10] ^= 1;
  is_int(net_ipv4_parse(&r, p, 20), LWT_EIO, "a wrong checksum has its own error");
  for (i = 0; i < 16; i++) {
    memset(p, 1, sizeof p);
    memcpy(p, ipv4, 20);
    p[0] = (uint8_t)(0x40 | i);
    p[3] = 60;
    sum(p, (size_t)i * 4);
    is_int(net_ipv4_parse(&r, p, 60), i < 5 ? LWT_EBADMSG : i * 4, "header of %d", i * 4);
    if (i > 5)
      is_int(net_ipv4_parse(&r, p, (size_t)i * 4 - 1), LWT_EBADMSG, "cut short");
  }
  memcpy(p, ipv4, 20);
  p[3] = 19;
  sum(p, 20);
  is_int(net_ipv4_parse(&r, p, 20), LWT_EBADMSG, "a total below the header");
  p[3] = 20;
  sum(p, 20);
  is_int(net_ipv4_parse(&r, p, 20), 20, "no payload");
  p[0] = 0x65;
  sum(p, 20);
  is_int(net_ipv4_parse(&r, p, 20), LWT_EBADMSG, "version 6");
  for (i = 0; i < 10000; i++) {
    x = x * 1103515245 + 12345;
    r = (struct net_ipv4_repr){
      .src = x, .dst = x * 7, .total = (uint16_t)(20 + (x >> 17)), .id = (uint16_t)x,
      .offset = (uint16_t)((x >> 3) & 0xfff8), .tos = (uint8_t)(x >> 5),
      .ttl = (uint8_t)(x >> 9), .proto = (uint8_t)(x >> 11), .df = x >> 30 & 1,
      .mf = x >> 31, .header = 20
    };
    net_ipv4_emit(&r, out);
    trips &= net_ipv4_parse(&again, out, 20) == 20 && !memcmp(&r, &again, sizeof r);
  }
  ok(trips, "any repr is read as it was written");
}

static void test_udp(void)
{
  struct net_udp_repr r;
  uint8_t p[8];
  int i;

  for (i = 0; i < 10; i++) {
    memcpy(p, udp, 8);
    p[4] = 0;
    p[5] = (uint8_t)i;
    is_int(net_udp_parse(&r, p, 8), i < 8 ? LWT_EBADMSG : 8, "UDP with a length of %d",
           i);
  }
}

/* Noise never makes a parser look too far or return nonsense. */
static void test_noise(void)
{
  struct net_ether_repr e;
  struct net_arp_repr a;
  struct net_ipv4_repr i;
  struct net_icmpv4_repr c;
  struct net_udp_repr u;
  uint32_t x = 9, n, len;
  uint8_t noise[64], *p;
  int good = 1, got;

  for (n = 0; n < 20000; n++) {
    for (len = 0; len < sizeof noise; len++) {
      x = x * 1103515245 + 12345;
      noise[len] = (uint8_t)(x >> 16);
    }
    len = x % 65;
    if (n & 1)
      noise[0] = (uint8_t)(0x45 + x % 3);
    p = exact(noise, len);
    got = net_ether_parse(&e, p, len);
    good &= got < 0 || got == 14;
    got = net_arp_parse(&a, p, len);
    good &= got < 0 || got == 28;
    got = net_ipv4_parse(&i, p, len);
    good &= got < 0 || (got >= 20 && got <= 60 && (uint32_t)got <= len);
    got = net_icmpv4_parse(&c, p, len);
    good &= got < 0 || got == 8;
    got = net_udp_parse(&u, p, len);
    good &= got < 0 || got == 8;
    free(p);
  }
  ok(good, "noise is survived");
}

int main(void)
{
  test_round_trips();
  test_ipv4();
  test_udp();
  test_noise();
  is_int(lwt_live() + lwt_buf_live(), 0, "nothing lives");
  return lwt_test_done();
}
