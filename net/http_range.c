/* http_range.c - ranges of a file (RFC 9110, 14.1.2).
 * SPDX-License-Identifier: ISC
 */
#include "http_site.h"

#include <string.h>

/* About what a part of its own would cost: smaller gaps are sent along. */
#define GAP 80u

/* "first-last", "first-" or "-suffix".  Returns 1, 0 if it lies outside of the
 * file, or -1 if it is malformed. */
static int range_of(const char *text, size_t len, uint64_t size,
                    struct net_http_range *r)
{
  uint64_t first, last;
  size_t n = net_http_number(text, len, &first), m;

  if (n == len || text[n] != '-')
    return -1;
  m = net_http_number(text + n + 1, len - n - 1, &last);
  if (n + 1 + m != len || (n == 0 && m == 0) || (n > 0 && m > 0 && first > last))
    return -1;
  if (n == 0) {
    if (last == 0)
      return 0;
    if (size == 0)
      return -1;
    *r = (struct net_http_range){ last < size ? size - last : 0, size - 1 };
    return 1;
  }
  if (first >= size)
    return 0;
  *r = (struct net_http_range){ first, m > 0 && last < size ? last : size - 1 };
  return 1;
}

static int touch(struct net_http_range a, struct net_http_range b)
{
  return a.first <= b.last || a.first - b.last <= GAP
    ? b.first <= a.last || b.first - a.last <= GAP
    : 0;
}

/* Put r behind those that are there, or make it one with those that it touches,
 * in the place of the first.  Returns how many there are then. */
static int add(struct net_http_range *ranges, int n, struct net_http_range r)
{
  int kept = 0, at = n;

  for (int i = 0; i < n; i++) {
    if (!touch(ranges[i], r)) {
      ranges[kept++] = ranges[i];
      continue;
    }
    if (ranges[i].first < r.first)
      r.first = ranges[i].first;
    if (ranges[i].last > r.last)
      r.last = ranges[i].last;
    if (at == n)
      at = kept;
  }
  if (at > kept)
    at = kept;
  memmove(ranges + at + 1, ranges + at, (size_t)(kept - at) * sizeof *ranges);
  ranges[at] = r;
  return kept + 1;
}

int net_http_ranges(const char *text, uint64_t size,
                    struct net_http_range ranges[NET_HTTP_RANGES])
{
  struct net_http_range r;
  const char *element;
  size_t len = strlen(text), n;
  int count = 0, asked = 0;

  if (len < 6 || !net_http_is(text, 6, "bytes="))
    return 0;
  text += 6;
  len -= 6;
  while (net_http_next(&text, &len, &element, &n)) {
    int there = range_of(element, n, size, &r);

    if (there < 0 || ++asked > NET_HTTP_RANGES)
      return 0;
    if (there)
      count = add(ranges, count, r);
  }
  return count > 0 ? count : asked > 0 ? -1 : 0;
}
