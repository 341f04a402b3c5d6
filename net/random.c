/* net/random.c - SipHash-2-4, and what is derived from a stack's secret.
 * SPDX-License-Identifier: ISC
 */
#include "net.h"

#include <string.h>

#define ROTL(x, b) ((x) << (b) | (x) >> (64 - (b)))

static inline void sipround(uint64_t v[4])
{
  v[0] += v[1];
  v[1] = ROTL(v[1], 13) ^ v[0];
  v[0] = ROTL(v[0], 32);
  v[2] += v[3];
  v[3] = ROTL(v[3], 16) ^ v[2];
  v[0] += v[3];
  v[3] = ROTL(v[3], 21) ^ v[0];
  v[2] += v[1];
  v[1] = ROTL(v[1], 17) ^ v[2];
  v[2] = ROTL(v[2], 32);
}

/* Little-endian, n <= 8 bytes. */
static uint64_t get_le(const uint8_t *p, size_t n)
{
  uint64_t v = 0;

  while (n--)
    v = v << 8 | p[n];
  return v;
}

uint64_t net_siphash(const uint8_t key[16], const void *bytes, size_t len)
{
  const uint8_t *p = bytes;
  uint64_t k0 = get_le(key, 8), k1 = get_le(key + 8, 8), m;
  uint64_t v[4] = { k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
                    k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u };
  size_t left = len;
  int i;

  for (;; p += 8, left -= 8) {
    m = left >= 8 ? get_le(p, 8) : get_le(p, left) | (uint64_t)len << 56;
    v[3] ^= m;
    sipround(v);
    sipround(v);
    v[0] ^= m;
    if (left < 8)
      break;
  }
  v[2] ^= 0xff;
  for (i = 0; i < 4; i++)
    sipround(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The first half of the secret numbers, the second names. */
uint64_t net_random(struct net_stack *s)
{
  uint64_t count = s->random_count++;

  return net_siphash(s->config.secret, &count, sizeof count);
}

void net_key(const struct net_stack *s, const char *purpose, uint8_t key[16])
{
  char text[64];
  uint64_t half;
  size_t len = strlen(purpose);
  int i;

  memset(text, 0, sizeof text);
  memcpy(text, purpose, len < sizeof text - 1 ? len : sizeof text - 1);
  for (i = 0; i < 2; i++) {
    text[sizeof text - 1] = (char)i;
    half = net_siphash(s->config.secret + 16, text, sizeof text);
    memcpy(key + 8 * i, &half, 8);
  }
}
