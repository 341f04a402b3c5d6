/* t-xen-libc.c - lwt-xen's own functions of the C library do what the host's do.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt/test.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Here the C library keeps its own. */
#define qsort small_qsort
#define strtol small_strtol
#define strtoul small_strtoul
#define strtoll small_strtoll
#define strtoull small_strtoull
#define strtoimax small_strtoimax
#define strtoumax small_strtoumax
void qsort(void *, size_t, size_t, int (*)(const void *, const void *));
long strtol(const char *restrict, char **restrict, int);
unsigned long strtoul(const char *restrict, char **restrict, int);
long long strtoll(const char *restrict, char **restrict, int);
unsigned long long strtoull(const char *restrict, char **restrict, int);
intmax_t strtoimax(const char *restrict, char **restrict, int);
uintmax_t strtoumax(const char *restrict, char **restrict, int);
#include "../lwt-xen/qsort.c"
#include "../lwt-xen/strtol.c"
#undef qsort
#undef strtol
#undef strtoul
#undef strtoll
#undef strtoull
#undef strtoimax
#undef strtoumax

/* Value, end and errno of both; all the others are made of these two. */
static int is_same(const char *text, int base)
{
  char *end, *want_end;
  unsigned long long u, want_u;
  long long n, want;
  int error, want_error, same;

  errno = 0;
  n = small_strtoll(text, &end, base);
  error = errno;
  errno = 0;
  want = strtoll(text, &want_end, base);
  want_error = errno;
  same = n == want && end == want_end && error == want_error;
  errno = 0;
  u = small_strtoull(text, &end, base);
  error = errno;
  errno = 0;
  want_u = strtoull(text, &want_end, base);
  want_error = errno;
  return same && u == want_u && end == want_end && error == want_error;
}

static void test_numbers(void)
{
  static const char *const texts[] = {
    "", "0", "7", "-7", "+7", " \t\n\v\f\r12x", "- 1", "--1", "+-1", "x", "-", "+",
    "0x", "0x1f", "0X1F", "-0x10", "0xg", "00x1", "017", "018", "08", "zZ9", "1z",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "18446744073709551615", "18446744073709551616",
    "-18446744073709551615", "-18446744073709551616", "184467440737095516150",
    "99999999999999999999999999999999 more", "-99999999999999999999999999999999",
    "0x7fffffffffffffff", "0xffffffffffffffff", "0x10000000000000000",
    "1777777777777777777777", "\377", "1_000", "@", "[", "`", "{", "12:34",
  };
  static const int bases[] = { 0, 2, 3, 8, 10, 16, 35, 36 };
  size_t i, k;

  for (i = 0; i < sizeof texts / sizeof *texts; i++)
    for (k = 0; k < sizeof bases / sizeof *bases; k++)
      if (!is_same(texts[i], bases[k]))
        ok(0, "\"%s\", base %d", texts[i], bases[k]);
  ok(1, "%d texts in %d bases", (int)i, (int)k);
}

static void test_others(void)
{
  char *end;

  is_int(small_strtol("-12 ", &end, 10), -12, "strtol");
  is_str(end, " ", "its end");
  ok(small_strtoul("4294967296", NULL, 0) == 4294967296u, "strtoul, without an end");
  is_int(small_strtoimax("-9", NULL, 10), -9, "strtoimax");
  ok(small_strtoumax("-1", NULL, 10) == UINTMAX_MAX, "strtoumax negates");
  errno = 0;
  is_int(small_strtol("1", &end, 1), 0, "base 1");
  is_int(errno, EINVAL, "is none");
  errno = 0;
  is_int(small_strtol("1", &end, 37), 0, "base 37");
  is_int(errno, EINVAL, "neither");
}

struct element {
  unsigned char key, id[6]; /* of an odd size */
};

static size_t compared;

static int compare(const void *a, const void *b)
{
  const struct element *x = a, *y = b;

  compared++;
  return x->key - y->key;
}

/* n elements below `keys`: in order, and still the same ones. */
static int sorts(size_t n, unsigned keys, int kind)
{
  static struct element e[300];
  unsigned seen[300] = { 0 };
  size_t i;

  for (i = 0; i < n; i++) {
    e[i].key = (unsigned char)(kind == 0   ? lwt_test_random(keys)
                               : kind == 1 ? i * keys / 300
                                           : keys - 1 - i * keys / 300);
    e[i].id[0] = (unsigned char)(i & 0xff);
    e[i].id[1] = (unsigned char)(i >> 8);
    memset(e[i].id + 2, e[i].key, 4);
  }
  compared = 0;
  small_qsort(e, n, sizeof *e, compare);
  for (i = 0; i < n; i++) {
    if ((i && e[i - 1].key > e[i].key) || e[i].id[2] != e[i].key ||
        e[i].id[5] != e[i].key)
      return 0;
    if (seen[e[i].id[0] | e[i].id[1] << 8]++)
      return 0;
  }
  return compared <= 2 * n * 9;
}

static void test_sort(void)
{
  static const unsigned keys[] = { 1, 2, 7, 256 };
  size_t n, k;
  int kind, wrong = 0;

  for (n = 0; n <= 300; n += n < 20 ? 1 : 35)
    for (k = 0; k < 4; k++)
      for (kind = 0; kind < 3; kind++)
        wrong += !sorts(n, keys[k], kind);
  is_int(wrong, 0, "random, sorted, reversed, equal: in order, and nothing is lost");
}

static const struct lwt_test tests[] = {
  { "numbers", test_numbers, 0 },
  { "others", test_others, 0 },
  { "sort", test_sort, 0 },
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
