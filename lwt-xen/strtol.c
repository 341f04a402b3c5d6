/* strtol.c - numbers in texts, for images.
 * SPDX-License-Identifier: ISC
 *
 * musl's go through a stream and its scanf(), 2.3 KB; these take 0.3.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

static unsigned digit(char c)
{
  unsigned letter = ((unsigned char)c | 32u) - 'a';

  return c >= '0' && c <= '9' ? (unsigned)(c - '0')
         : letter < 26        ? letter + 10
                              : UINT_MAX;
}

static int is_blank(char c)
{
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static int is_hex(const char *s)
{
  return s[0] == '0' && (s[1] | 32) == 'x' && digit(s[2]) < 16;
}

/* With the sign applied.  max is LLONG_MAX or, of numbers without a sign, ULLONG_MAX. */
static unsigned long long scan(const char *text, char **end, int base,
                               unsigned long long max)
{
  const char *s = text, *after = text;
  unsigned long long n = 0;
  int negative, over = 0;
  unsigned d;

  while (is_blank(*s))
    s++;
  negative = *s == '-';
  s += *s == '-' || *s == '+';
  if ((base == 0 || base == 16) && is_hex(s)) {
    s += 2;
    base = 16;
  }
  if (base == 0)
    base = *s == '0' ? 8 : 10;
  if (base < 2 || base > 36)
    errno = EINVAL;
  else
    for (; (d = digit(*s)) < (unsigned)base; after = ++s) {
      over |= __builtin_mul_overflow(n, (unsigned)base, &n);
      over |= __builtin_add_overflow(n, d, &n);
    }
  if (end)
    *end = (char *)after;
  if (max != ULLONG_MAX)
    max += (unsigned)negative;
  if (over || n > max) {
    errno = ERANGE;
    return max;
  }
  return negative ? -n : n;
}

long long strtoll(const char *restrict text, char **restrict end, int base)
{
  return (long long)scan(text, end, base, LLONG_MAX);
}

unsigned long long strtoull(const char *restrict text, char **restrict end, int base)
{
  return scan(text, end, base, ULLONG_MAX);
}

long strtol(const char *restrict text, char **restrict end, int base)
{
  return (long)strtoll(text, end, base);
}

unsigned long strtoul(const char *restrict text, char **restrict end, int base)
{
  return (unsigned long)strtoull(text, end, base);
}

intmax_t strtoimax(const char *restrict text, char **restrict end, int base)
{
  return strtoll(text, end, base);
}

uintmax_t strtoumax(const char *restrict text, char **restrict end, int base)
{
  return strtoull(text, end, base);
}
