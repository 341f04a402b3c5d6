/* t-buffer.c - packets: slices, chains, sharing, limits, failed allocations.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt/buffer.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

static int fail_at = -1, allocations, released;

static void *failing_malloc(size_t size)
{
  return allocations++ == fail_at ? NULL : malloc(size);
}

static void release(void *env)
{
  (void)env;
  released++;
}

static uint8_t pattern[20000];

/* Whether packet holds exactly the bytes [from, from + len) of the pattern. */
static int holds(const struct lwt_buf *packet, uint32_t from, uint32_t len)
{
  const struct lwt_buf *slice;
  uint32_t n = 0;

  if (packet->total != len)
    return 0;
  for (slice = packet; slice; slice = slice->next) {
    if (n + slice->len > len || memcmp(slice->data, pattern + from + n, slice->len))
      return 0;
    n += slice->len;
  }
  return n == len;
}

static size_t slices(const struct lwt_buf *packet)
{
  size_t n = 0;

  for (; packet; packet = packet->next)
    n++;
  return n;
}

static void test_new(void)
{
  struct lwt_buf *p = lwt_buf_new(LWT_BUF_HEADROOM, 100), *q;

  ok(p && p->len == 100 && p->total == 100 && !p->next && !p->flags, "a slice");
  is_int((uintptr_t)(p->data - LWT_BUF_HEADROOM) % LWT_PAGE_SIZE, 0,
         "pages are aligned");
  memset(p->data, 1, 100);
  is_int(lwt_buf_live(), 1, "one slice lives");
  is_int(lwt_buf_pages(), 1, "on one page");
  q = lwt_buf_push(p, LWT_BUF_HEADROOM);
  ok(q == p && p->total == 262, "headers use the headroom");
  q = lwt_buf_push(p, 1);
  ok(q && q != p && q->next == p && q->total == 263 && q->len == 1 && p->len == 262,
     "and then a slice in front");
  lwt_buf_free(q);
  p = lwt_buf_new(0, LWT_PAGE_SIZE);
  memset(p->data, 2, LWT_PAGE_SIZE);
  ok(p != NULL, "a full page");
  p = lwt_buf_push(p, LWT_PAGE_SIZE);
  ok(p && p->total == 2 * LWT_PAGE_SIZE, "a page of header");
  memset(p->data, 2, LWT_PAGE_SIZE);
  lwt_buf_free(p);
  lwt_buf_free(NULL);
  is_int(lwt_buf_live() + lwt_buf_pages(), 0, "all freed");
}

static void test_chain(void)
{
  static const uint32_t sizes[] = { 0, 1, 4095, 4096, 4097, 8192, 20000 };
  uint8_t out[sizeof pattern];
  struct lwt_buf *p;
  size_t i;

  for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    p = lwt_buf_copy_in(100, pattern, sizes[i]);
    ok(p && holds(p, 0, sizes[i]), "a chain of %u bytes", sizes[i]);
    is_int(slices(p), sizes[i] <= 3996 ? 1 : 2 + (sizes[i] - 3997) / 4096,
           "takes as few pages as it can");
    memset(out, 0, sizeof out);
    is_int(lwt_buf_copy_out(p, 0, out, sizeof out), sizes[i], "copied out");
    ok(!memcmp(out, pattern, sizes[i]), "unchanged");
    lwt_buf_free(p);
  }
  p = lwt_buf_copy_in(0, pattern, 10000);
  is_int(lwt_buf_copy_out(p, 4090, out, 20), 20, "copy out across slices");
  ok(!memcmp(out, pattern + 4090, 20), "the right bytes");
  is_int(lwt_buf_copy_out(p, 9990, out, 20), 10, "up to the end");
  is_int(lwt_buf_copy_out(p, 10000, out, 20), 0, "and not beyond");
  is_int(lwt_buf_copy_out(p, 20000, out, 20), 0, "even far beyond");
  lwt_buf_free(p);
  is_int(lwt_buf_live() + lwt_buf_pages(), 0, "all freed");
}

static void test_slice(void)
{
  struct lwt_buf *p = lwt_buf_copy_in(0, pattern, 10000), *s;
  uint32_t offset, len;
  int good = 1;

  for (offset = 0; offset <= 10000; offset += 500)
    for (len = 0; len <= 10000 - offset; len += 500) {
      s = lwt_buf_slice(p, offset, len);
      good &= s && holds(s, offset, len) && (!len || slices(s) <= 1 + len / 4096 + 1);
      lwt_buf_free(s);
    }
  ok(good, "every slice shows its bytes");
  is_int(lwt_buf_live(), 3, "and is gone");
  s = lwt_buf_slice(p, 4096, 4096);
  is_int(slices(s), 1, "no empty slices at the edges");
  ok(!lwt_buf_writable(s) && lwt_buf_writable(p) && !lwt_buf_writable(p->next),
     "a shared page is not writable");
  is_int(lwt_buf_pages(), 3, "nothing was copied");
  s = lwt_buf_push(s, 20);
  ok(s && slices(s) == 2 && s->len == 20 && s->total == 4116,
     "headers of a shared page go in front");
  memset(s->data, 0, 20);
  ok(holds(p, 0, 10000), "and spoil nothing");
  lwt_buf_free(p);
  is_int(lwt_buf_pages(), 2, "the shared page stays");
  ok(lwt_buf_writable(s->next), "and is writable again");
  lwt_buf_free(s);
  is_int(lwt_buf_live() + lwt_buf_pages(), 0, "all freed");
}

static void test_pull_trim(void)
{
  struct lwt_buf *p;
  uint32_t n, m;
  int good = 1;

  for (n = 0; n <= 10000; n += 250)
    for (m = 0; m <= 10000 - n; m += 250) {
      p = lwt_buf_copy_in(96, pattern, 10000);
      p->flags = LWT_BUF_CSUM_VALID;
      p = lwt_buf_pull(p, n);
      lwt_buf_trim(p, m);
      good &= holds(p, n, 10000 - n - m) && p->flags == LWT_BUF_CSUM_VALID;
      good &= p->len > 0 || p->total == 0;
      lwt_buf_free(p);
    }
  ok(good, "pull and trim leave the rest");
  p = lwt_buf_copy_in(0, pattern, 5000);
  lwt_buf_append(p, lwt_buf_copy_in(0, pattern + 5000, 1));
  lwt_buf_append(p, lwt_buf_copy_in(0, pattern + 5001, 4999));
  ok(holds(p, 0, 10000), "append");
  p = lwt_buf_pull(p, 5000);
  ok(holds(p, 5000, 5000), "pull to a slice's edge");
  lwt_buf_trim(p, 5000);
  ok(p->total == 0 && !p->next, "trim to nothing");
  p = lwt_buf_push(p, 4);
  ok(p && p->total == 4, "push on nothing");
  lwt_buf_free(p);
  is_int(lwt_buf_live() + lwt_buf_pages(), 0, "all freed");
}

static void test_pullup(void)
{
  struct lwt_buf *p, *q;
  uint32_t n, cut;
  int good = 1;

  for (cut = 1; cut <= 2001; cut += 100)
    for (n = 0; n <= 2048; n += 64) {
      p = lwt_buf_copy_in(cut & 1 ? 0 : LWT_PAGE_SIZE - cut, pattern, cut);
      lwt_buf_append(p, lwt_buf_copy_in(0, pattern + cut, 3));
      lwt_buf_append(p, lwt_buf_copy_in(0, pattern + cut + 3, 3000 - cut - 3));
      p->flags = LWT_BUF_GSO;
      q = n & 128 ? lwt_buf_slice(p, 0, 3000) : NULL;
      p = lwt_buf_pullup(p, n);
      good &= p && p->len >= n && holds(p, 0, 3000) && p->flags == LWT_BUF_GSO;
      good &= !q || holds(q, 0, 3000);
      lwt_buf_free(q);
      lwt_buf_free(p);
    }
  ok(good, "pullup makes the front contiguous");
  p = lwt_buf_copy_in(0, pattern, 100);
  ok(!lwt_buf_pullup(p, 101), "a packet that is shorter is freed");
  is_int(lwt_buf_live() + lwt_buf_pages(), 0, "all freed");
}

static void test_foreign(void)
{
  struct lwt_buf *p = lwt_buf_foreign(pattern, 10000, release, NULL), *q;

  ok(holds(p, 0, 10000) && !lwt_buf_writable(p), "foreign memory is read only");
  is_int(lwt_buf_pages(), 0, "and no page");
  q = lwt_buf_slice(p, 5000, 5000);
  p = lwt_buf_pullup(p, 2048);
  p = lwt_buf_push(p, 40);
  ok(p && p->len == 40 && slices(p) == 2, "a header in front of it");
  lwt_buf_free(p);
  is_int(released, 0, "a slice still looks");
  ok(holds(q, 5000, 5000), "at its bytes");
  lwt_buf_free(q);
  is_int(released, 1, "released with the last");
  lwt_buf_free(lwt_buf_foreign(pattern, 1, NULL, NULL));
  is_int(lwt_buf_live(), 0, "static memory needs no release");
}

static void test_queue(void)
{
  struct lwt_buf *p = lwt_buf_copy_in(0, pattern, 9000);

  p->next_packet = lwt_buf_copy_in(0, pattern, 1);
  p->next_packet->next_packet = lwt_buf_copy_in(0, pattern, 5000);
  p = lwt_buf_push(p, 1);
  ok(p && p->next_packet, "a slice in front keeps the queue");
  lwt_buf_free_queue(p);
  is_int(lwt_buf_live() + lwt_buf_pages(), 0, "a queue is freed");
}

static void test_limit(void)
{
  struct lwt_buf *p;

  lwt_buf_limit(3);
  p = lwt_buf_copy_in(0, pattern, 3 * LWT_PAGE_SIZE);
  ok(p != NULL, "three pages");
  ok(!lwt_buf_new(0, 1), "not a fourth");
  ok(!lwt_buf_chain(0, 20000), "nor a chain");
  is_int(lwt_buf_pages(), 3, "nothing leaked");
  lwt_buf_free(p);
  p = lwt_buf_new(0, 1);
  ok(p != NULL, "room again");
  lwt_buf_free(p);
  lwt_buf_limit(0);
  ok(!lwt_buf_new(0, 0), "a limit of nothing");
  p = lwt_buf_foreign(pattern, 1, NULL, NULL);
  ok(p != NULL, "does not count foreign memory");
  ok(!lwt_buf_push(p, 1), "but its headers");
  lwt_buf_limit(SIZE_MAX);
  is_int(lwt_buf_live() + lwt_buf_pages(), 0, "all freed");
}

/* Everything that allocates; returns 0 when something failed. */
static int allocate_all(void)
{
  struct lwt_buf *p, *q;
  int good = 0;

  p = lwt_buf_copy_in(0, pattern, 20000);
  if (!p)
    return 0;
  q = lwt_buf_slice(p, 100, 19000);
  if (q)
    q = lwt_buf_push(q, 20);
  if (q)
    q = lwt_buf_pullup(q, 2000);
  if (q) {
    struct lwt_buf *f = lwt_buf_foreign(pattern, 10, release, NULL);

    if (f) {
      lwt_buf_append(q, f);
      good = 1;
    }
    lwt_buf_free(q);
  }
  lwt_buf_free(p);
  return good;
}

static void test_failures(void)
{
  int clean = 1, all = 0, failed = 0;

  for (fail_at = 0; fail_at < 200 && !all; fail_at++) {
    if (lwt_cleanup()) /* so that every allocation is made again */
      break;
    allocations = released = 0;
    all = allocate_all() && allocations <= fail_at;
    failed += !all;
    clean &= !lwt_buf_live() && !lwt_buf_pages();
  }
  fail_at = -1;
  ok(all && failed > 1, "it failed %d times and then no more", failed);
  ok(clean, "nothing leaked");
}

int main(void)
{
  uint32_t i, x = 1;

  lwt_set_allocator(failing_malloc, free);
  for (i = 0; i < sizeof pattern; i++) {
    x = x * 1103515245 + 12345;
    pattern[i] = (uint8_t)(x >> 16);
  }
  test_new();
  test_chain();
  test_slice();
  test_pull_trim();
  test_pullup();
  test_foreign();
  test_queue();
  test_limit();
  test_failures();
  is_int(lwt_cleanup(), 0, "no promise lives");
  return lwt_test_done();
}
