/* t-random.c - random programs, on the library and on a model of it.
 * SPDX-License-Identifier: ISC
 *
 * Each program is made of random bytes (tests/random/program.c): promises made,
 * chained, settled, cancelled and dropped in any combination, also from inside
 * callbacks.  It runs on the model, on the library, and on the library with
 * failing allocations; check.h says what is compared.  A program that fails is
 * made shorter and printed.
 *
 * RANDOM_PROGRAMS: how many.  Run by hand: t-random SEED [COUNT].
 * Built with a copy of lwt that allocates each promise singly.
 */
#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <stdlib.h>

#include "random/check.h"

enum { BYTES = 700 };

static uint64_t state;

static uint64_t chance(void)
{
  uint64_t z = (state += 0x9e3779b97f4a7c15u);

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static void make(struct program *p, uint64_t seed)
{
  uint8_t bytes[BYTES];
  size_t n, i;

  state = seed;
  n = 60 + chance() % (sizeof bytes - 60);
  for (i = 0; i < n; i++)
    bytes[i] = (uint8_t)(chance() >> 13);
  program_make(p, bytes, n);
}

static void programs(uint64_t first, uint64_t count, int faults)
{
  struct program p;
  const char *wrong;
  uint64_t seed;

  for (seed = first; seed < first + count; seed++) {
    make(&p, seed);
    wrong = check(&p, faults ? 2 + seed % 60 : 0);
    if (wrong) {
      ok(0, "program %" PRIu64 ": %s", seed, wrong);
      check_explain(&p, faults ? 2 + (unsigned)(seed % 60) : 0);
      return;
    }
  }
  ok(1, "%" PRIu64 " random programs%s", count, faults ? ", allocations fail" : "");
}

int main(int argc, char **argv)
{
  const char *text = getenv("RANDOM_PROGRAMS");
  uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
  uint64_t count = text ? strtoull(text, NULL, 0) : 20000;

  if (argc > 1)
    count = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
  programs(first, count, 0);
  programs(first, count, 1);
  return lwt_test_done();
}
