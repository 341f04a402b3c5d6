/* heap.h - the library's memory, counted: what pools hold, which is as much as was ever
 * in use at once, and all else, which is given back.
 * SPDX-License-Identifier: ISC
 */
#ifndef HEAP_H
#define HEAP_H

#include "guest.h"

#include <lwt/buffer.h>

/* Slabs of promises and records are of 64 KiB, 128 and so on; blocks of packets' pages
 * are a little larger than 64 KiB. */
#define HEAP_POOL 65536u

static struct {
  size_t blocks, bytes; /* without those of pools */
  size_t slabs, pages;  /* bytes */
} heap;

struct heap_block {
  _Alignas(16) size_t size;
};

static size_t *heap_pool(size_t size)
{
  return size & (size - 1) ? &heap.pages : &heap.slabs;
}

static void *heap_alloc(size_t size)
{
  struct heap_block *b = malloc(sizeof *b + size);

  if (!b)
    return NULL;
  b->size = size;
  if (size < HEAP_POOL) {
    heap.blocks++;
    heap.bytes += size;
  } else {
    *heap_pool(size) += size;
    printf("pools: %zu bytes more; %zu promises, %zu slices\n", size, lwt_live(),
           lwt_buf_live());
  }
  return b + 1;
}

static void heap_free(void *ptr)
{
  struct heap_block *b = ptr ? (struct heap_block *)ptr - 1 : NULL;

  if (b && b->size < HEAP_POOL) {
    heap.blocks--;
    heap.bytes -= b->size;
  } else if (b) {
    *heap_pool(b->size) -= b->size;
  }
  free(b);
}

#endif
