/* memory.c - the guest's RAM: which pages are in use.
 * SPDX-License-Identifier: ISC
 *
 * One bit a page, set while it is free.  First fit from where the last search
 * ended: regions are large and long-lived, because malloc() is above.
 */
#include "x86.h"

#include <string.h>

struct region lwt__ram[MAX_REGIONS];
unsigned lwt__ram_n;

static uint64_t *bits;
static size_t pages; /* that have a bit */
static size_t unused, total, hint;

static int is_free(size_t page)
{
  return bits[page / 64] >> page % 64 & 1;
}

static void set(size_t page, size_t n, int free)
{
  for (; n--; page++)
    if (free)
      bits[page / 64] |= 1ull << page % 64;
    else
      bits[page / 64] &= ~(1ull << page % 64);
}

void lwt__memory_init(uint64_t used)
{
  uint64_t top = lwt__ram[lwt__ram_n - 1].end, first = (used + XEN_PAGE - 1) / XEN_PAGE;
  size_t words, taken;
  unsigned i;

  pages = top / XEN_PAGE;
  words = (pages + 63) / 64;
  taken = (words * 8 + XEN_PAGE - 1) / XEN_PAGE;
  bits = (uint64_t *)(first * XEN_PAGE);
  memset(bits, 0, words * 8);
  for (i = 0; i < lwt__ram_n; i++) {
    uint64_t from = lwt__ram[i].start / XEN_PAGE, to = lwt__ram[i].end / XEN_PAGE;

    if (from < first + taken)
      from = first + taken;
    if (from < to) {
      set(from, to - from, 1);
      unused += to - from;
    }
  }
  total = unused;
  hint = first + taken;
}

/* The first page of n free ones in [from, to); 0: none. */
static size_t find(size_t from, size_t to, size_t n, size_t align)
{
  size_t page = from, run = 0;

  while (page < to) {
    if (!run && page % 64 == 0 && !bits[page / 64]) {
      page += 64;
      continue;
    }
    if (!is_free(page))
      run = 0;
    else if (run || page % align == 0)
      run++;
    page++;
    if (run == n)
      return page - n;
  }
  return 0;
}

uint64_t lwt__frames_alloc(size_t n, size_t align)
{
  size_t page;

  if (!n || n > unused)
    return 0;
  page = find(hint, pages, n, align);
  if (!page)
    page = find(1, pages, n, align);
  if (!page)
    return 0;
  set(page, n, 0);
  unused -= n;
  hint = page + n;
  return page * XEN_PAGE;
}

void lwt__frames_free(uint64_t address, size_t n)
{
  set(address / XEN_PAGE, n, 1);
  unused += n;
  if (address / XEN_PAGE < hint)
    hint = address / XEN_PAGE;
}

int lwt__frames_are_used(uint64_t address, size_t n)
{
  size_t page = address / XEN_PAGE;

  if (address % XEN_PAGE || page >= pages || n > pages - page ||
      address < (uint64_t)__image_end)
    return 0;
  for (; n--; page++)
    if (is_free(page))
      return 0;
  return 1;
}

size_t lwt__frames_total(void)
{
  return total;
}

size_t lwt__frames_unused(void)
{
  return unused;
}
