/* fuzz-wire.c - what a stranger can send to the parsers of IPv4 and below.
 * SPDX-License-Identifier: ISC
 *
 * The first byte says which parser.  What is accepted must be emitted and
 * parsed again as the same.
 */
#include "../../net/igmp_wire.h"
#include "../../net/ipv4_options.h"
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

static void fuzz_igmp(const uint8_t *in, size_t len)
{
  struct net_igmp_repr r;
  size_t i, sum = 0;

  n = net_igmp_parse(&r, in, len);
  check(n == LWT_EBADMSG || (n > 0 && (size_t)n <= len));
  for (i = 0; n > 0 && i < 4u * r.n_sources; i++)
    sum += r.sources[i]; /* they are there */
  check(n < 0 || (sum <= 255 * len && (!r.group || r.group >> 28 == 14)));
}

/* With the length of the header in the first byte. */
static void fuzz_options(const uint8_t *in, size_t len)
{
  struct net_ipv4_options o;
  size_t header = len ? (in[0] & 15u) * 4u : 0, left;
  uint8_t copy[60];

  if (header < NET_IPV4_LEN || header > len)
    return;
  memcpy(copy, in, header);
  n = net_ipv4_options_parse(&o, copy, header);
  check(!n || ((size_t)n >= NET_IPV4_LEN && (size_t)n < header));
  left = net_ipv4_options_copied(copy, header);
  check(left >= NET_IPV4_LEN && left <= header && (copy[0] & 15u) * 4u == left);
  check(!net_ipv4_options_parse(&o, copy, left));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  static void (*const parsers[])(const uint8_t *, size_t) = {
    fuzz_ether, fuzz_arp, fuzz_ipv4, fuzz_icmpv4, fuzz_udp, fuzz_igmp, fuzz_options
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
