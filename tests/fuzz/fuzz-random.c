/* fuzz-random.c - random programs of promises whose bytes a fuzzer makes.
 * SPDX-License-Identifier: ISC
 *
 * As tests/t-random.c: what the library does is what the model does, also when
 * allocations fail.  As a fuzzer:
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -DLWT_BUILDING \
 *     -DLWT_NO_POOLS -I. -Ilwt tests/fuzz/fuzz-random.c tests/random/[a-z]*.c \
 *     lwt/[a-z]*.c lwt/fiber_x86_64.S -o fuzz-random
 *   ./fuzz-random NEW tests/fuzz/corpus/random
 */
#include <stdio.h>
#include <stdlib.h>

#include "../random/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  struct program p;
  const char *wrong;
  unsigned faults;

  if (len == 0)
    return 0;
  program_make(&p, data + 1, len - 1);
  for (faults = 0; faults <= 2u + data[0] % 64; faults += 2u + data[0] % 64)
    if ((wrong = check(&p, faults))) {
      printf("Bail out! %s\n", wrong);
      check_explain(&p, faults);
      fflush(stdout);
      abort();
    }
  return 0;
}
