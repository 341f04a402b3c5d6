/* tests/counted.h - how much memory is in use: lwt_set_allocator(counted, release).
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_COUNTED_H
#define TESTS_COUNTED_H

#include <stdint.h>
#include <stdlib.h>

static uint64_t in_use; /* bytes allocated */

static void *counted(size_t size)
{
  size_t *p = malloc(size + 16);

  if (!p)
    return NULL;
  *p = size;
  in_use += size;
  return p + 2;
}

static void release(void *p)
{
  size_t *at = p;

  if (p) {
    in_use -= at[-2];
    free(at - 2);
  }
}

#endif
