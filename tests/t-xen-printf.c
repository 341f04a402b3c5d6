/* t-xen-printf.c - lwt-xen's small printf() says what the C library's says.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt/test.h>

#include <inttypes.h>
#include <stdlib.h>
#include <wchar.h>

/* Here the C library keeps its own. */
#define vfprintf small_vfprintf
#include "../lwt-xen/printf.c"
#undef vfprintf

static char want[4096], *got;

static void say(const char *format, ...)
{
  size_t len;
  va_list ap;
  FILE *f = open_memstream(&got, &len);
  int n, m;

  va_start(ap, format);
  n = small_vfprintf(f, format, ap);
  va_end(ap);
  fclose(f);
  va_start(ap, format);
  m = vsnprintf(want, sizeof want, format, ap);
  va_end(ap);
  is_str(got, want, "\"%s\"", format);
  is_int(n, m, "its length");
  free(got);
}

static void test_numbers(void)
{
  static const char *const formats[] = {
    "%d", "%5d", "%-5d|", "%05d", "%+d", "% d", "%.3d", "%8.3d", "%-8.3d|", "%+08d",
    "%u", "%x", "%#x", "%#X", "%#o", "%o", "%#10x", "%#010x", "%-#10x|", "%.0d", "%#.0o",
    "%hd", "%hhd", "%hu", "%hhu", "%hhx", "%i", "%08x", "%.10u", "%3u", "%#.5o",
    "%#03o", "%#05o"
  };
  static const int values[] = { 0, 1, -1, 7, 8, 255, -256, 65536, 123456789, INT_MAX,
                                INT_MIN };
  size_t i, j;

  for (i = 0; i < sizeof formats / sizeof *formats; i++)
    for (j = 0; j < sizeof values / sizeof *values; j++)
      say(formats[i], values[j]);
}

static void test_long(void)
{
  static const char *const formats[] = { "%ld", "%lu", "%lld", "%llx", "%#llX", "%jd",
                                         "%zu", "%td", "%20lld", "%-20llu|", "%020llx" };
  static const int64_t values[] = { 0, -1, INT64_MIN, INT64_MAX, 10000000000 };
  size_t i, j;

  for (i = 0; i < sizeof formats / sizeof *formats; i++)
    for (j = 0; j < sizeof values / sizeof *values; j++)
      say(formats[i], values[j]);
}

static void test_texts(void)
{
  char unended[3] = { 'a', 'b', 'c' };

  say("");
  say("plain %% text");
  say("%s|%5s|%-5s|%.2s|%5.1s|", "one", "two", "three", "four", "five");
  say("%.3s", unended);
  say("%c%3c%-3c|", 'a', 'b', 'c');
  say("%*d|%-*d|%*d|%.*d|%.*s|%.*d", 5, 1, 5, 2, -5, 3, 3, 4, 2, "text", -1, 5);
  say("%p %p", (void *)unended, (void *)"x");
  say("%s %d %s %" PRIu64 " %s", "one", 2, "three", UINT64_C(4), "five");
  say("%300d|%-300s|%0200d", 1, "long", 2);
}

/* What is left out is seen, and what comes after it is right. */
static void left_out(const char *text, const char *format, ...)
{
  size_t len;
  va_list ap;
  FILE *f = open_memstream(&got, &len);

  va_start(ap, format);
  small_vfprintf(f, format, ap);
  va_end(ap);
  fclose(f);
  is_str(got, text, "%s", format);
  free(got);
}

static void test_floats(void)
{
  left_out("? 7    ?|", "%f %d %4g|", 1.5, 7, 2.5);
  left_out("? 7 ? 8", "%Lf %d %Lg %d", 1.5L, 7, 2.5L, 8);
  left_out("1 2 3 4 ? 5 ? 6", "%d %d %d %d %Lf %d %Lf %d", 1, 2, 3, 4, 1.5L, 5, 2.5L, 6);
  left_out("? 1 text ?  ?", "%n %d %s %lc %2ls", (int *)NULL, 1, "text", (wint_t)'x',
           L"wide");
  left_out("(null)", "%s", (const char *)NULL);
  left_out("end", "end%");
}

int main(void)
{
  test_numbers();
  test_long();
  test_texts();
  test_floats();
  return lwt_test_done();
}
