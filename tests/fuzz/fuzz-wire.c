/* fuzz-wire.c - what a stranger can send to the parsers of net/wire.c.
 * SPDX-License-Identifier: ISC
 *
 * The first byte says which parser.  What is accepted must be emitted and
 * parsed again as the same.
 */
#include "../../net/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int right)
{
  if (!right)
    abort();
}

#define AGAIN(proto, header)                                       \
  do {                                                             \
    struct net_##proto##_repr r_, again_;                          \
    uint8_t out_[header];                                          \
                                                                   \
    memset(&r_, 0, sizeof r_);                                     \
    memset(&again_, 0, sizeof again_);                             \
    n = net_##proto##_parse(&r_, in, len);                         \
    check(n == LWT_EBADMSG || n == LWT_EIO || (size_t)n <= len);   \
    if (n > 0) {                                                   \
      net_##proto##_emit(&r_, out_);                               \
      check(net_##proto##_parse(&again_, out_, header) == header); \
      same(&r_, &again_);                                          \
    }                                                              \
  } while (0)

static int n;

static void fuzz_ether(const uint8_t *in, size_t len)
{
#define same(a, b) check(!memcmp(a, b, sizeof *(a)))
  AGAIN(ether, NET_ETHER_LEN);
}

static void fuzz_arp(const uint8_t *in, size_t len)
{
  AGAIN(arp, NET_ARP_LEN);
}

static void fuzz_udp(const uint8_t *in, size_t len)
{
  AGAIN(udp, NET_UDP_LEN);
#undef same
}

static void fuzz_ipv4(const uint8_t *in, size_t len)
{
  /* without the options that were there */
#define same(a, b)                                                              \
  check((a)->src == (b)->src && (a)->dst == (b)->dst && (a)->id == (b)->id &&   \
        (a)->offset == (b)->offset && (a)->df == (b)->df && (a)->mf == (b)->mf && \
        (a)->proto == (b)->proto && (a)->ttl == (b)->ttl && (a)->tos == (b)->tos && \
        (a)->total >= (a)->header)
  AGAIN(ipv4, NET_IPV4_LEN);
#undef same
}

static void fuzz_icmpv4(const uint8_t *in, size_t len)
{
  /* without the checksum */
#define same(a, b)                                                            \
  check((a)->type == (b)->type && (a)->code == (b)->code && (a)->id == (b)->id && \
        (a)->seq == (b)->seq)
  AGAIN(icmpv4, NET_ICMPV4_LEN);
#undef same
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  static void (*const parsers[])(const uint8_t *, size_t) = {
    fuzz_ether, fuzz_arp, fuzz_ipv4, fuzz_icmpv4, fuzz_udp
  };
  uint8_t *exact;

  if (!len)
    return 0;
  exact = malloc(len); /* so that the sanitizer sees the end */
  memcpy(exact, data + 1, len - 1);
  parsers[data[0] % (sizeof parsers / sizeof *parsers)](exact, len - 1);
  free(exact);
  return 0;
}
