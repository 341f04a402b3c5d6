/* frontring.h - our end of a ring of requests and responses (xen/io/ring.h).
 * SPDX-License-Identifier: ISC
 *
 * All such rings begin with the same four indices, which run freely through 32
 * bits; the entries are 64 bytes behind.  What counts is in private memory: of the
 * shared page only the backend's index is read, once, and it may be nonsense.
 */
#ifndef LWT_XEN_FRONTRING_H
#define LWT_XEN_FRONTRING_H

#include "xen.h"

struct front_indices {
  uint32_t req_prod, req_event, rsp_prod, rsp_event;
};

struct frontring {
  struct front_indices *shared;
  char *entries;
  uint32_t slots; /* a power of two */
  uint32_t ref;
  uint32_t made;   /* requests written */
  uint32_t pushed; /* of which the backend may see so many */
  uint32_t taken;  /* responses that we have consumed */
};

static inline void front_init(struct frontring *r, void *page, uint32_t slots)
{
  r->shared = page;
  r->entries = (char *)page + 64;
  r->slots = slots;
  r->made = r->pushed = r->taken = 0;
  r->shared->req_event = r->shared->rsp_event = 1;
}

static inline uint32_t front_room(const struct frontring *r)
{
  return r->slots - (r->made - r->taken);
}

/* Let the backend see what was made; whether it wants an event for that. */
static inline int front_push(struct frontring *r)
{
  uint32_t old = r->pushed;

  if (r->made == old)
    return 0;
  xen_wmb();
  WRITE_ONCE(r->shared->req_prod, r->made);
  r->pushed = r->made;
  xen_mb();
  return r->made - READ_ONCE(r->shared->req_event) < r->made - old;
}

/* How many responses there are to take, or -1: more than there can be. */
static inline int front_ready(const struct frontring *r)
{
  uint32_t n = READ_ONCE(r->shared->rsp_prod) - r->taken;

  xen_rmb();
  return n <= r->pushed - r->taken ? (int)n : -1;
}

/* Ask for an event when `n` more have come; whether they have meanwhile. */
static inline int front_await(struct frontring *r, uint32_t n)
{
  WRITE_ONCE(r->shared->rsp_event, r->taken + n);
  xen_mb();
  return READ_ONCE(r->shared->rsp_prod) - r->taken >= n;
}

#endif
