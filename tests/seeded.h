/* tests/seeded.h - chance that replays, and streams of bytes that anybody can make.
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_SEEDED_H
#define TESTS_SEEDED_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t mix(uint64_t x)
{
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

static uint64_t rng_state;

static inline uint64_t rng(void)
{
  return mix(rng_state++);
}
static inline uint64_t rng_below(uint64_t n)
{
  return rng() % n;
}
static inline int one_in(unsigned n)
{
  return rng_below(n) == 0;
}
/* Small ones are as likely as large ones. */
static inline size_t rng_size(size_t max)
{
  size_t bits = 1;

  while (max >> bits)
    bits++;
  return (size_t)(rng() >> (64 - 1 - rng_below(bits))) % (max + 1);
}

static inline uint8_t byte_at(uint64_t stream, uint64_t offset)
{
  return (uint8_t)(mix(stream + offset / 8) >> offset % 8 * 8);
}

static inline void make(uint8_t *bytes, uint64_t stream, uint64_t offset, size_t len)
{
  size_t i;

  for (i = 0; i < len; i++)
    bytes[i] = byte_at(stream, offset + i);
}

#endif
