/* entropy.c - unpredictable bytes, from the processor's generator only.
 * SPDX-License-Identifier: ISC
 *
 * RDSEED where there is one, else RDRAND.  Both may fail for a while under load:
 * Intel's guide asks for ten tries of RDRAND, and more patience with RDSEED.
 */
#include "x86.h"

#include <string.h>

enum { NONE = 1, RDRAND, RDSEED };

static int generator(void)
{
  static int found;
  uint32_t r[4];

  if (found)
    return found;
  found = NONE;
  cpuid(1, r);
  if (r[2] & 1u << 30)
    found = RDRAND;
  cpuid(0, r);
  if (r[0] >= 7) {
    cpuid(7, r);
    if (r[1] & 1u << 18)
      found = RDSEED;
  }
  return found;
}

static int word(uint64_t *value)
{
  int kind = generator(), tries = kind == RDSEED ? 1000 : 10;
  unsigned char there = 0;

  if (kind == NONE)
    return 0;
  while (tries-- && !there) {
    if (kind == RDSEED)
      __asm__ volatile("rdseed %0; setc %1" : "=r"(*value), "=qm"(there)::"cc");
    else
      __asm__ volatile("rdrand %0; setc %1" : "=r"(*value), "=qm"(there)::"cc");
    if (!there)
      __asm__ volatile("pause");
  }
  /* What a broken generator gives (AMD's after a sleep): all ones. */
  return there && *value != UINT64_MAX;
}

int hypercall_random(void *bytes, size_t len)
{
  uint8_t *to = bytes;
  uint64_t value = 0;
  size_t n;

  for (; len; to += n, len -= n) {
    if (!word(&value))
      return LWT_EIO;
    n = len < sizeof value ? len : sizeof value;
    memcpy(to, &value, n);
  }
  return 0;
}
