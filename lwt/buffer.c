/* lwt/buffer.c - packets: slices, pages, and the free lists that they come from.
 * SPDX-License-Identifier: ISC
 *
 * Read lwt/buffer.h first.  Pages come from blocks of BLOCK_PAGES, cut out of
 * one allocation and aligned; a page's descriptor stays with it for life, so
 * that taking and giving back a page is a push and a pop.  Slices come from
 * slabs in the same way.  Blocks and slabs go back in lwt__buf_cleanup() only.
 *
 * With LWT_NO_POOLS each page and slice is an allocation of its own, and the
 * sanitizers see a use after free; what surrounds the page is poisoned.
 */
#include "memory.h"

#include <lwt/buffer.h>

#include <assert.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define BUF_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BUF_ASAN 1
#endif
#endif
#ifdef BUF_ASAN
#include <sanitizer/asan_interface.h>
#endif

#define BLOCK_PAGES 15u
#define SLAB_SLICES 64u

struct lwt_page {
  struct lwt_page *next_free;
  uint8_t *bytes;
  uint32_t size; /* 0: not ours, read only */
  uint32_t refs;
  void (*release)(void *);
  void *env;
};

struct block {
  struct block *next;
  struct lwt_page pages[BLOCK_PAGES];
};

struct slab {
  struct slab *next;
  struct lwt_buf slices[SLAB_SLICES];
};

static __thread struct {
  struct lwt_buf *slices;
  struct lwt_page *pages;
  struct block *blocks;
  struct slab *slabs;
  size_t live, live_pages;
  size_t limit; /* 0: none; else the limit plus 1 */
} pool __attribute__((tls_model("initial-exec")));

/* ---- Pages ------------------------------------------------------------- */

static uint8_t *align_up(void *p)
{
  uintptr_t at = ((uintptr_t)p + LWT_PAGE_SIZE - 1) & ~(uintptr_t)(LWT_PAGE_SIZE - 1);

  return (uint8_t *)at;
}

#ifdef LWT_NO_POOLS
static struct lwt_page *page_get(void)
{
  size_t size = sizeof(struct lwt_page) + 2 * LWT_PAGE_SIZE;
  struct lwt_page *page = lwt__alloc(size);

  if (!page)
    return NULL;
  page->bytes = align_up(page + 1);
#ifdef BUF_ASAN
  __asan_poison_memory_region(page + 1, size - sizeof *page);
  __asan_unpoison_memory_region(page->bytes, LWT_PAGE_SIZE);
#endif
  return page;
}

static void page_put(struct lwt_page *page)
{
#ifdef BUF_ASAN
  __asan_unpoison_memory_region(page + 1, 2 * LWT_PAGE_SIZE);
#endif
  lwt__free(page);
}
#else
static struct lwt_page *page_grow(void)
{
  struct block *block =
    lwt__alloc(sizeof *block + (BLOCK_PAGES + 1) * (size_t)LWT_PAGE_SIZE);
  uint8_t *bytes;
  unsigned i;

  if (!block)
    return NULL;
  block->next = pool.blocks;
  pool.blocks = block;
  bytes = align_up(block + 1);
  for (i = 0; i < BLOCK_PAGES; i++) {
    block->pages[i].bytes = bytes + i * (size_t)LWT_PAGE_SIZE;
    block->pages[i].next_free = i + 1 < BLOCK_PAGES ? &block->pages[i + 1] : NULL;
  }
  pool.pages = block->pages;
  return pool.pages;
}

static inline struct lwt_page *page_get(void)
{
  struct lwt_page *page = pool.pages;

  if (!page && !(page = page_grow()))
    return NULL;
  pool.pages = page->next_free;
  return page;
}

static inline void page_put(struct lwt_page *page)
{
  page->next_free = pool.pages;
  pool.pages = page;
}
#endif

static struct lwt_page *page_new(void)
{
  struct lwt_page *page;

  if (pool.limit && pool.live_pages + 1 >= pool.limit)
    return NULL;
  page = page_get();
  if (!page)
    return NULL;
  page->size = LWT_PAGE_SIZE;
  page->refs = 0;
  page->release = NULL;
  pool.live_pages++;
  return page;
}

static inline void page_unref(struct lwt_page *page)
{
  if (--page->refs > 0)
    return;
  if (page->size) {
    pool.live_pages--;
    page_put(page);
    return;
  }
  if (page->release)
    page->release(page->env);
  lwt__free(page);
}

/* ---- Slices ------------------------------------------------------------ */

#ifdef LWT_NO_POOLS
static struct lwt_buf *slice_get(void)
{
  return lwt__alloc(sizeof(struct lwt_buf));
}

static void slice_put(struct lwt_buf *slice)
{
  lwt__free(slice);
}
#else
static struct lwt_buf *slice_grow(void)
{
  struct slab *slab = lwt__alloc(sizeof *slab);
  unsigned i;

  if (!slab)
    return NULL;
  slab->next = pool.slabs;
  pool.slabs = slab;
  for (i = 0; i < SLAB_SLICES; i++)
    slab->slices[i].next = i + 1 < SLAB_SLICES ? &slab->slices[i + 1] : NULL;
  pool.slices = slab->slices;
  return pool.slices;
}

static inline struct lwt_buf *slice_get(void)
{
  struct lwt_buf *slice = pool.slices;

  if (!slice && !(slice = slice_grow()))
    return NULL;
  pool.slices = slice->next;
  return slice;
}

static inline void slice_put(struct lwt_buf *slice)
{
  slice->next = pool.slices;
  pool.slices = slice;
}
#endif

/* A slice on page; takes a reference. */
static inline struct lwt_buf *slice_new(struct lwt_page *page, uint8_t *data,
                                        uint32_t len)
{
  struct lwt_buf *slice = slice_get();

  if (!slice)
    return NULL;
  *slice = (struct lwt_buf){ .data = data, .len = len, .total = len, .page = page };
  page->refs++;
  pool.live++;
  return slice;
}

static inline void slice_free(struct lwt_buf *slice)
{
  page_unref(slice->page);
  slice_put(slice);
  pool.live--;
}

/* ---- Making and freeing ------------------------------------------------ */

struct lwt_buf *lwt_buf_new(uint32_t headroom, uint32_t len)
{
  struct lwt_page *page;
  struct lwt_buf *slice;

  assert(headroom <= LWT_PAGE_SIZE && len <= LWT_PAGE_SIZE - headroom);
  page = page_new();
  if (!page)
    return NULL;
  slice = slice_new(page, page->bytes + headroom, len);
  if (!slice) {
    pool.live_pages--;
    page_put(page);
  }
  return slice;
}

struct lwt_buf *lwt_buf_chain(uint32_t headroom, uint32_t len)
{
  uint32_t part, left = len;
  struct lwt_buf *first = NULL, **end = &first;

  assert(headroom < LWT_PAGE_SIZE);
  do {
    part = LWT_PAGE_SIZE - headroom;
    if (part > left)
      part = left;
    *end = lwt_buf_new(headroom, part);
    if (!*end) {
      lwt_buf_free(first);
      return NULL;
    }
    end = &(*end)->next;
    headroom = 0;
    left -= part;
  } while (left);
  first->total = len;
  return first;
}

struct lwt_buf *lwt_buf_copy_in(uint32_t headroom, const void *bytes, uint32_t len)
{
  const uint8_t *from = bytes;
  struct lwt_buf *slice, *packet = lwt_buf_chain(headroom, len);

  for (slice = packet; slice; slice = slice->next) {
    if (slice->len)
      lwt__copy(slice->data, from, slice->len);
    from += slice->len;
  }
  return packet;
}

struct lwt_buf *lwt_buf_foreign(const void *bytes, uint32_t len,
                                void (*release)(void *), void *env)
{
  struct lwt_page *page = lwt__alloc(sizeof *page);
  struct lwt_buf *slice;

  if (!page)
    return NULL;
  page->bytes = (uint8_t *)(uintptr_t)bytes;
  page->size = 0;
  page->refs = 0;
  page->release = release;
  page->env = env;
  slice = slice_new(page, page->bytes, len);
  if (!slice)
    lwt__free(page);
  return slice;
}

void lwt_buf_free(struct lwt_buf *packet)
{
  struct lwt_buf *next;

  for (; packet; packet = next) {
    next = packet->next;
    slice_free(packet);
  }
}

void lwt_buf_free_queue(struct lwt_buf *packets)
{
  struct lwt_buf *next;

  for (; packets; packets = next) {
    next = packets->next_packet;
    lwt_buf_free(packets);
  }
}

/* ---- Views ------------------------------------------------------------- */

struct lwt_buf *lwt_buf_slice(const struct lwt_buf *packet, uint32_t offset,
                              uint32_t len)
{
  struct lwt_buf *first = NULL, **end = &first;
  uint32_t part, left = len;

  assert(offset <= packet->total && len <= packet->total - offset);
  while (offset >= packet->len && packet->next) {
    offset -= packet->len;
    packet = packet->next;
  }
  do {
    part = packet->len - offset;
    if (part > left)
      part = left;
    if (part || !left) {
      *end = slice_new(packet->page, packet->data + offset, part);
      if (!*end) {
        lwt_buf_free(first);
        return NULL;
      }
      end = &(*end)->next;
    }
    left -= part;
    offset = 0;
    packet = packet->next;
  } while (left);
  first->total = len;
  return first;
}

int lwt_buf_writable(const struct lwt_buf *slice)
{
  return slice->page->refs == 1 && slice->page->size;
}

static inline void metadata_move(struct lwt_buf *to, struct lwt_buf *from)
{
  to->next_packet = from->next_packet;
  to->total = from->total;
  to->csum_start = from->csum_start;
  to->csum_offset = from->csum_offset;
  to->gso_size = from->gso_size;
  to->gso_type = from->gso_type;
  to->flags = from->flags;
  from->next_packet = NULL;
}

struct lwt_buf *lwt_buf_push(struct lwt_buf *packet, uint32_t len)
{
  struct lwt_buf *front;

  if (lwt_buf_writable(packet) &&
      (uintptr_t)packet->data - (uintptr_t)packet->page->bytes >= len) {
    packet->data -= len;
    packet->len += len;
    packet->total += len;
    return packet;
  }
  assert(len <= LWT_PAGE_SIZE);
  front = lwt_buf_new(len < LWT_PAGE_SIZE - LWT_BUF_HEADROOM ? LWT_BUF_HEADROOM : 0, len);
  if (!front) {
    lwt_buf_free(packet);
    return NULL;
  }
  metadata_move(front, packet);
  front->next = packet;
  front->total += len;
  return front;
}

/* Replace an empty first slice by the next one, keeping its metadata. */
static void first_empty(struct lwt_buf *packet)
{
  struct lwt_buf *next = packet->next;
  struct lwt_page *page = packet->page;

  packet->data = next->data;
  packet->len = next->len;
  packet->page = next->page;
  packet->next = next->next;
  next->page = page;
  slice_free(next);
}

struct lwt_buf *lwt_buf_pull(struct lwt_buf *packet, uint32_t len)
{
  assert(len <= packet->total);
  packet->total -= len;
  while (len >= packet->len && packet->next) {
    len -= packet->len;
    first_empty(packet);
  }
  packet->data += len;
  packet->len -= len;
  return packet;
}

void lwt_buf_trim(struct lwt_buf *packet, uint32_t len)
{
  struct lwt_buf *slice = packet;
  uint32_t keep;

  assert(len <= packet->total);
  packet->total -= len;
  keep = packet->total;
  while (keep > slice->len) {
    keep -= slice->len;
    slice = slice->next;
  }
  slice->len = keep;
  lwt_buf_free(slice->next);
  slice->next = NULL;
}

/* Move len bytes to `to` from the slices that follow packet. */
static void gather(struct lwt_buf *packet, uint8_t *to, uint32_t len)
{
  struct lwt_buf *next;
  uint32_t part;

  while (len) {
    next = packet->next;
    part = next->len < len ? next->len : len;
    lwt__copy(to, next->data, part);
    to += part;
    len -= part;
    next->data += part;
    next->len -= part;
    if (!next->len) {
      packet->next = next->next;
      slice_free(next);
    }
  }
}

struct lwt_buf *lwt_buf_pullup(struct lwt_buf *packet, uint32_t len)
{
  struct lwt_buf *front;
  uint32_t more;

  if (packet->len >= len)
    return packet;
  assert(len <= 2048);
  if (packet->total < len)
    goto fail;
  more = len - packet->len;
  if (lwt_buf_writable(packet) &&
      (uintptr_t)(packet->data - packet->page->bytes) + len <= LWT_PAGE_SIZE) {
    gather(packet, packet->data + packet->len, more);
    packet->len = len;
    return packet;
  }
  front = lwt_buf_new(LWT_BUF_HEADROOM, len);
  if (!front)
    goto fail;
  metadata_move(front, packet);
  front->next = packet;
  gather(front, front->data, len);
  return front;
fail:
  lwt_buf_free(packet);
  return NULL;
}

void lwt_buf_append(struct lwt_buf *packet, struct lwt_buf *tail)
{
  packet->total += tail->total;
  while (packet->next)
    packet = packet->next;
  packet->next = tail;
}

uint32_t lwt_buf_copy_out(const struct lwt_buf *packet, uint32_t offset, void *bytes,
                          uint32_t len)
{
  uint8_t *to = bytes;
  uint32_t part, done = 0;

  for (; packet && done < len; packet = packet->next) {
    if (offset >= packet->len) {
      offset -= packet->len;
      continue;
    }
    part = packet->len - offset;
    if (part > len - done)
      part = len - done;
    lwt__copy(to + done, packet->data + offset, part);
    done += part;
    offset = 0;
  }
  return done;
}

/* ---- Accounts ---------------------------------------------------------- */

size_t lwt_buf_live(void)
{
  return pool.live;
}

size_t lwt_buf_pages(void)
{
  return pool.live_pages;
}

void lwt_buf_limit(size_t pages)
{
  pool.limit = pages == SIZE_MAX ? 0 : pages + 1;
}

size_t lwt__buf_cleanup(void)
{
  struct block *block;
  struct slab *slab;

  if (pool.live)
    return pool.live;
  while ((block = pool.blocks)) {
    pool.blocks = block->next;
    lwt__free(block);
  }
  while ((slab = pool.slabs)) {
    pool.slabs = slab->next;
    lwt__free(slab);
  }
  pool.pages = NULL;
  pool.slices = NULL;
  return 0;
}
