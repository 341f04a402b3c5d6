/* ring.h - a ring of bytes in a shared page: console and xenstore.
 * SPDX-License-Identifier: ISC
 *
 * The indices run freely through 32 bits, and begin anywhere.  Each side writes
 * one; what the other side wrote is read once and may be nonsense.
 */
#ifndef LWT_XEN_RING_H
#define LWT_XEN_RING_H

#include "xen.h"

#include <string.h>

struct ring {
  char *bytes;
  uint32_t size; /* a power of two */
  uint32_t *cons, *prod;
};

/* Bytes to read, or -1: the producer's index is impossible. */
static inline int ring_used(const struct ring *r)
{
  uint32_t used = READ_ONCE(*r->prod) - READ_ONCE(*r->cons);

  xen_mb();
  return used <= r->size ? (int)used : -1;
}

/* Room to write, or -1: the consumer's index is impossible. */
static inline int ring_room(const struct ring *r)
{
  int used = ring_used(r);

  return used < 0 ? -1 : (int)r->size - used;
}

/* Copy out n bytes, which must be there, and let the producer have the room. */
static inline void ring_take(const struct ring *r, void *to, uint32_t n)
{
  uint32_t cons = READ_ONCE(*r->cons), at = cons & (r->size - 1);
  uint32_t part = n < r->size - at ? n : r->size - at;

  memcpy(to, r->bytes + at, part);
  memcpy((char *)to + part, r->bytes, n - part);
  xen_mb();
  WRITE_ONCE(*r->cons, cons + n);
}

/* Copy in n bytes, for which there must be room, and let the consumer see them. */
static inline void ring_put(const struct ring *r, const void *from, uint32_t n)
{
  uint32_t prod = READ_ONCE(*r->prod), at = prod & (r->size - 1);
  uint32_t part = n < r->size - at ? n : r->size - at;

  memcpy(r->bytes + at, from, part);
  memcpy(r->bytes, (const char *)from + part, n - part);
  xen_wmb();
  WRITE_ONCE(*r->prod, prod + n);
}

#endif
