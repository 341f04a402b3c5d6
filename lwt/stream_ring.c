/* stream_ring.c - where a source keeps its elements.
 * SPDX-License-Identifier: ISC
 *
 * A ring, twice as large when it is full and a quarter when an eighth of it is
 * used.
 */
#include "streams.h"

enum { SHRINK = 64 }; /* rings above this size become smaller again */

/* A ring of `size` items, a power of two; the items move. */
static int resize(struct source *src, size_t size)
{
  struct item *ring;
  uint64_t i;

  if (size > SIZE_MAX / sizeof *ring || !(ring = lwt__alloc(size * sizeof *ring)))
    return LWT_ENOMEM;
  for (i = src->base; i != src->end; i++)
    ring[i & (size - 1)] = *lwt__slot(src, i);
  if (src->ring != src->small)
    lwt__free(src->ring);
  src->ring = ring;
  src->mask = size - 1;
  return 0;
}

int lwt__source_reserve(struct source *src)
{
  if (likely(src->end - src->base <= src->mask))
    return 0;
  return resize(src, (src->mask + 1) * 2);
}

void lwt__source_advance(struct source *src)
{
  while (src->base != src->end && !lwt__slot(src, src->base)->readers)
    src->base++;
  if (unlikely(src->mask >= SHRINK && src->end - src->base < src->mask / 8))
    resize(src, (src->mask + 1) / 4); /* if memory is out, it stays */
}

int lwt__source_put(struct source *src, void *value, int code)
{
  if (lwt__source_reserve(src))
    return LWT_ENOMEM;
  *lwt__slot(src, src->end++) = (struct item){ value, src->nhandles, code };
  return 0;
}
