/* bench.h - what both guests of ratios.sh do with their disk: measure.c, g-bench.c.
 * SPDX-License-Identifier: ISC
 *
 * READERS at once, each of which reads blocks of one size here and there on the disk,
 * one after the other.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

#define READERS 8
#define BENCH_PORT 5001 /* takes bytes; the next gives them; the others read the disk */
#define BENCH_SIZES 3
#define BENCH_BLOCK_MAX 262144u

static const struct {
  uint32_t bytes, reads; /* of each reader */
} bench_sizes[BENCH_SIZES] = { { 4096, 512 }, { 65536, 128 }, { BENCH_BLOCK_MAX, 64 } };

/* The next of a disk's `blocks`. */
static inline uint64_t bench_next(uint64_t *state, uint64_t blocks)
{
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (*state >> 33) % blocks;
}

#endif
