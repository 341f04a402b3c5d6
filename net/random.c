/* net/random.c - SipHash-2-4, and what is derived from a stack's secret.
 * SPDX-License-Identifier: ISC
 */
#include "net.h"
#include "siphash.h"

#include <string.h>

static void rounds(uint64_t v[4], int n)
{
  while (n--)
    net_sip_round(v);
}

static void absorb(uint64_t v[4], uint64_t m, int c)
{
  v[3] ^= m;
  rounds(v, c);
  v[0] ^= m;
}

static uint64_t finish(uint64_t v[4], int d)
{
  v[2] ^= 0xff;
  rounds(v, d);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t net_sip_words(const uint64_t key[2], const uint64_t *words, unsigned n, int c,
                       int d)
{
  uint64_t v[4];

  net_sip_begin(v, key[0], key[1]);
  while (n--)
    absorb(v, *words++, c);
  return finish(v, d);
}

uint64_t net_siphash(const uint8_t key[16], const void *bytes, size_t len)
{
  const uint8_t *p = bytes;
  uint8_t tail[8] = { 0 };
  uint64_t v[4];
  size_t left = len;

  net_sip_begin(v, net_get_le64(key), net_get_le64(key + 8));
  for (; left >= 8; left -= 8, p += 8)
    absorb(v, net_get_le64(p), 2);
  if (left)
    memcpy(tail, p, left);
  absorb(v, net_get_le64(tail) | (uint64_t)len << 56, 2);
  return finish(v, 4);
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
