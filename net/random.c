/* net/random.c - SipHash-2-4, and what is derived from a stack's secret.
 * SPDX-License-Identifier: ISC
 */
#include "net.h"
#include "siphash.h"

#include <string.h>

uint64_t net_siphash(const uint8_t key[16], const void *bytes, size_t len)
{
  const uint8_t *p = bytes;
  uint8_t tail[8] = { 0 };
  uint64_t m, v[4];
  size_t left = len;
  int i;

  net_sip_begin(v, net_get_le64(key), net_get_le64(key + 8));
  for (;; p += 8, left -= 8) {
    if (left < 8 && left)
      memcpy(tail, p, left);
    m = left >= 8 ? net_get_le64(p) : net_get_le64(tail) | (uint64_t)len << 56;
    v[3] ^= m;
    net_sip_round(v);
    net_sip_round(v);
    v[0] ^= m;
    if (left < 8)
      break;
  }
  v[2] ^= 0xff;
  for (i = 0; i < 4; i++)
    net_sip_round(v);
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
