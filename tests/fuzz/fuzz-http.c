/* fuzz-http.c - what a stranger can send to the HTTP parsers.
 * SPDX-License-Identifier: ISC
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -DLWT_BUILDING \
 *     -I. -Ilwt -Inet tests/fuzz/fuzz-http.c net/http_parse.c \
 *     net/http_chunks.c net/http_range.c net/http_date.c -o fuzz-http
 *
 * The first byte says which parser, the second in what steps.  What is read
 * must not depend on the steps.
 */
#include "net/http_site.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int right)
{
  if (!right)
    abort();
}

static void slice_in(struct net_http_slice s, int head)
{
  check(s.at <= (uint32_t)head && s.len <= (uint32_t)head - s.at);
}

static int head_in_steps(struct net_http_head *h, const char *in, size_t len, size_t step)
{
  static const struct net_http_limits limits = { 1024, 4096, NET_HTTP_FIELDS };
  int result = 0;

  net_http_head_init(h);
  for (size_t n = step; n < len && result == 0; n += step)
    result = net_http_parse_head(h, in, n, &limits);
  return result ? result : net_http_parse_head(h, in, len, &limits);
}

static void fuzz_head(const char *in, size_t len, size_t step)
{
  struct net_http_head whole, parts;
  int result = head_in_steps(&whole, in, len, len + 1);

  check(result == head_in_steps(&parts, in, len, step));
  check(result <= (int)len && (result >= 0 || (whole.status == -result && whole.why)));
  if (result <= 0)
    return;
  check(memcmp(&whole, &parts, offsetof(struct net_http_head, name)) == 0);
  check(whole.n_fields <= NET_HTTP_FIELDS);
  check(!whole.chunked || whole.lengths == 0);
  slice_in(whole.path, result);
  slice_in(whole.query, result);
  slice_in(whole.host, result);
  for (uint32_t i = 0; i < whole.n_fields; i++) {
    slice_in(whole.name[i], result);
    slice_in(whole.value[i], result);
  }
}

static int chunks_in_steps(const char *in, size_t len, size_t step, char *body,
                           size_t *total)
{
  struct net_http_chunks c = { 0 };
  size_t at = 0;
  int result = 0;

  *total = 0;
  while (result == 0 && at < len) {
    size_t part = len - at < step ? len - at : step, used = 0, n;
    const char *bytes;

    result = net_http_parse_chunks(&c, in + at, part, len, 512, &used, &bytes, &n);
    if (result < 0)
      break;
    check(used <= part && (used > 0 || result) && *total + n <= len);
    if (n > 0)
      memcpy(body + *total, bytes, n);
    *total += n;
    at += used;
  }
  return result;
}

static void fuzz_chunks(const char *in, size_t len, size_t step)
{
  char *a = malloc(len + 1), *b = malloc(len + 1);
  size_t na, nb;

  check(chunks_in_steps(in, len, len + 1, a, &na) ==
        chunks_in_steps(in, len, step, b, &nb));
  check(na == nb && memcmp(a, b, na) == 0);
  free(a);
  free(b);
}

static void fuzz_text(const char *in, size_t len, uint64_t size)
{
  struct net_http_range r[NET_HTTP_RANGES];
  char *text = memcpy(malloc(len + 1), in, len), *out = malloc(len + 1);
  char date[LWT_HTTP_DATE];
  int64_t seconds, again;
  int n;

  text[len] = '\0';
  n = net_http_decode_path(out, in, len);
  check(n <= (int)len && (n < 0 || strlen(out) == (size_t)n));
  n = net_http_ranges(text, size, r);
  for (int i = 0; i < n; i++)
    check(r[i].first <= r[i].last && r[i].last < size);
  if (lwt_http_date_parse(text, 1700000000, &seconds) == 0)
    check(lwt_http_date_parse(lwt_http_date_format(date, seconds), 0, &again) == 0 &&
          (again == seconds || seconds > INT64_C(253402300799)));
  free(text);
  free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  char *in;

  if (len < 2)
    return 0;
  in = malloc(len - 1);
  memcpy(in, data + 2, len - 2);
  if (data[0] % 3 == 0)
    fuzz_head(in, len - 2, 1 + data[1] % 32);
  else if (data[0] % 3 == 1)
    fuzz_chunks(in, len - 2, 1 + data[1] % 32);
  else
    fuzz_text(in, len - 2, data[1]);
  free(in);
  return 0;
}
