/* net/siphash.h - a round of SipHash, for those who hash words; not installed.
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_SIPHASH_H
#define NET_SIPHASH_H

#include <stdint.h>
#include <string.h>

static inline uint64_t net_rotl64(uint64_t x, int b)
{
  return x << b | x >> (64 - b);
}

static inline void net_sip_begin(uint64_t v[4], uint64_t k0, uint64_t k1)
{
  v[0] = k0 ^ 0x736f6d6570736575u;
  v[1] = k1 ^ 0x646f72616e646f6du;
  v[2] = k0 ^ 0x6c7967656e657261u;
  v[3] = k1 ^ 0x7465646279746573u;
}

static inline void net_sip_round(uint64_t v[4])
{
  v[0] += v[1];
  v[1] = net_rotl64(v[1], 13) ^ v[0];
  v[0] = net_rotl64(v[0], 32);
  v[2] += v[3];
  v[3] = net_rotl64(v[3], 16) ^ v[2];
  v[0] += v[3];
  v[3] = net_rotl64(v[3], 21) ^ v[0];
  v[2] += v[1];
  v[1] = net_rotl64(v[1], 17) ^ v[2];
  v[2] = net_rotl64(v[2], 32);
}

/* SipHash-c-d of n words (random.c).  Their number is not hashed: it must follow from
 * the first one. */
uint64_t net_sip_words(const uint64_t key[2], const uint64_t *words, unsigned n, int c,
                       int d);

/* Eight bytes as SipHash reads them. */
static inline uint64_t net_get_le64(const uint8_t *p)
{
  uint64_t v;

  memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  v = __builtin_bswap64(v);
#endif
  return v;
}

#endif
