/* qsort.c - heapsort, for images.
 * SPDX-License-Identifier: ISC
 *
 * In place, and never more than 2 n log n comparisons.  musl's is 2 KB, this one 0.2.
 */
#include <stdlib.h>

typedef int compare_fn(const void *, const void *);

static void swap(char *a, char *b, size_t size)
{
  char c;

  while (size--) {
    c = *a;
    *a++ = *b;
    *b++ = c;
  }
}

/* Element i goes down until none below it is greater. */
static void sift(char *first, size_t i, size_t n, size_t size, compare_fn *compare)
{
  char *at, *child;

  for (; i < n / 2; i = (size_t)(child - first) / size) {
    at = first + i * size;
    child = first + (2 * i + 1) * size;
    if (2 * i + 2 < n && compare(child, child + size) < 0)
      child += size;
    if (compare(at, child) >= 0)
      return;
    swap(at, child, size);
  }
}

void qsort(void *first, size_t n, size_t size, compare_fn *compare)
{
  size_t i;

  for (i = n / 2; i-- > 0;)
    sift(first, i, n, size, compare);
  for (i = n; i-- > 1;) {
    swap(first, (char *)first + i * size, size);
    sift(first, 0, i, size, compare);
  }
}
