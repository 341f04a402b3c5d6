/* blkfront_ring.c - the ring of requests to a disk's backend, and the pages of data.
 * SPDX-License-Identifier: ISC
 *
 * A call of any length becomes requests of up to b->segments pages each; with more
 * pages than fit into a request, a page of segments is granted beside them (an
 * indirect request).  A response is believed only if its id is under way and it is to
 * the same operation.
 */
#include "blkfront.h"

#include <string.h>

_Static_assert(sizeof(blkif_request_t) == 112, "blkif_request");
_Static_assert(sizeof(blkif_request_discard_t) <= 112, "blkif_request_discard");
_Static_assert(sizeof(blkif_request_indirect_t) <= 112, "blkif_request_indirect");
_Static_assert(BLKFRONT_SEGMENTS <= XEN_PAGE / sizeof(struct blkif_request_segment),
               "an indirect request has one page of segments");

/* As DEFINE_RING_TYPES has it: the size of the larger of request and response. */
#define STRIDE sizeof(blkif_request_t)
#define DIRECT BLKIF_MAX_SEGMENTS_PER_REQUEST

static void *entry_of(const struct frontring *r, uint32_t at)
{
  return r->entries + (at & (r->slots - 1)) * STRIDE;
}

/* ---- Beginning and end ------------------------------------------------- */

static uint32_t slots_of(unsigned pages)
{
  uint32_t slots = (uint32_t)((pages * XEN_PAGE - 64) / STRIDE);

  while (slots & (slots - 1))
    slots &= slots - 1;
  return slots;
}

/* Fewer pages than the backend would take will do as well. */
static int make_ring(struct blkfront *b, unsigned order)
{
  void *pages;
  int error;

  for (;; order--) {
    error = lwt__grant_pages(b->front.backend->domain, 1u << order, &pages, b->ring_ref);
    if (!error || !order)
      break;
  }
  if (error)
    return error;
  b->ring_pages = 1u << order;
  front_init(&b->ring, pages, slots_of(b->ring_pages));
  return 0;
}

int lwt__blkfront_start(struct blkfront *b, unsigned order)
{
  uint16_t i;
  int error = make_ring(b, order);

  if (error)
    return error;
  b->request = lwt__alloc(b->ring.slots * sizeof *b->request);
  if (!b->request)
    return LWT_ENOMEM;
  memset(b->request, 0, b->ring.slots * sizeof *b->request);
  for (i = 0; i < b->ring.slots; i++)
    b->request[i].next_free = (uint16_t)(i + 1);
  b->first_free = 0;
  b->free_page = BLKFRONT_NONE;
  b->pages = b->n_free = 0;
  return 0;
}

void lwt__blkfront_stop(struct blkfront *b)
{
  lwt__free(b->request);
  b->request = NULL;
  while (b->pages)
    lwt__grant_end(b->page[--b->pages].ref);
  b->n_free = 0;
  while (b->ring_pages)
    lwt__grant_end(b->ring_ref[--b->ring_pages]);
  b->ring.shared = NULL;
}

/* ---- Pages ------------------------------------------------------------- */

static void put_page(struct blkfront *b, uint16_t i)
{
  b->page[i].next = b->free_page;
  b->free_page = i;
  b->n_free++;
}

static uint16_t take_page(struct blkfront *b)
{
  uint16_t i = b->free_page;

  b->free_page = b->page[i].next;
  b->n_free--;
  return i;
}

/* Up to n free pages, made if need be; returns how many there are. */
static unsigned have_pages(struct blkfront *b, unsigned n)
{
  struct blkfront_page *p;

  while (b->n_free < n && b->pages < BLKFRONT_PAGES) {
    p = &b->page[b->pages];
    if (lwt__grant_page(b->front.backend->domain, 0, &p->page, &p->ref))
      break;
    put_page(b, b->pages++);
  }
  return b->n_free < n ? b->n_free : n;
}

static void put_pages(struct blkfront *b, const struct blkfront_request *q)
{
  uint16_t i, next;

  for (i = q->first_page; i != BLKFRONT_NONE; i = next) {
    next = b->page[i].next;
    put_page(b, i);
  }
}

/* ---- Requests ---------------------------------------------------------- */

/* The next free id; there is one if there is room in the ring. */
static struct blkfront_request *take_id(struct blkfront *b, struct blkfront_call *c,
                                        uint8_t operation)
{
  struct blkfront_request *q = &b->request[b->first_free];

  b->first_free = q->next_free;
  q->busy = 1;
  q->operation = operation;
  q->call = c;
  q->at = c->issued;
  q->len = 0;
  q->first_page = BLKFRONT_NONE;
  c->requests++;
  b->counts.requests++;
  return q;
}

static void put_id(struct blkfront *b, struct blkfront_request *q)
{
  put_pages(b, q);
  q->busy = 0;
  q->call = NULL;
  q->next_free = b->first_free;
  b->first_free = (uint16_t)(q - b->request);
}

/* Fill pages for q->len bytes from q->at on, with their segments. */
static void fill(struct blkfront *b, struct blkfront_request *q,
                 struct blkif_request_segment *segments)
{
  uint32_t at, part;
  uint16_t i, *link = &q->first_page;

  for (at = 0; at < q->len; at += part) {
    part = q->len - at < XEN_PAGE ? q->len - at : XEN_PAGE;
    i = take_page(b);
    if (q->operation == BLKIF_OP_WRITE)
      lwt__copy(b->page[i].page, q->call->bytes + q->at + at, part);
    *segments++ = (struct blkif_request_segment){
      .gref = b->page[i].ref,
      .first_sect = 0,
      .last_sect = (uint8_t)(part / BLKFRONT_UNIT - 1)
    };
    *link = i;
    link = &b->page[i].next;
  }
  *link = BLKFRONT_NONE;
  if (q->operation == BLKIF_OP_WRITE)
    lwt__counts.copied += q->len;
}

static void issue_direct(struct blkfront *b, struct blkfront_request *q, unsigned n)
{
  blkif_request_t req;

  memset(&req, 0, sizeof req);
  req.operation = q->operation;
  req.nr_segments = (uint8_t)n;
  req.handle = (blkif_vdev_t)b->device;
  req.id = (uint64_t)(q - b->request);
  req.sector_number = q->call->unit + q->at / BLKFRONT_UNIT;
  fill(b, q, req.seg);
  memcpy(entry_of(&b->ring, b->ring.made++), &req, sizeof req);
}

/* The page of segments is the last in the request's list. */
static void issue_indirect(struct blkfront *b, struct blkfront_request *q, unsigned n)
{
  struct blkif_request_segment segments[BLKFRONT_SEGMENTS];
  blkif_request_indirect_t req;
  uint16_t page = take_page(b);

  memset(&req, 0, sizeof req);
  req.operation = BLKIF_OP_INDIRECT;
  req.indirect_op = q->operation;
  req.nr_segments = (uint16_t)n;
  req.handle = (blkif_vdev_t)b->device;
  req.id = (uint64_t)(q - b->request);
  req.sector_number = q->call->unit + q->at / BLKFRONT_UNIT;
  req.indirect_grefs[0] = b->page[page].ref;
  fill(b, q, segments);
  memcpy(b->page[page].page, segments, n * sizeof *segments);
  b->page[page].next = q->first_page;
  q->first_page = page;
  b->counts.indirect++;
  memcpy(entry_of(&b->ring, b->ring.made++), &req, sizeof req);
}

/* Returns 1, 0: wait for a response, or LWT_ENOMEM: there will be none. */
static int issue_data(struct blkfront *b, struct blkfront_call *c)
{
  uint64_t left = c->len - c->issued;
  uint8_t operation = c->kind == BLKFRONT_READ ? BLKIF_OP_READ : BLKIF_OP_WRITE;
  unsigned max = b->segments, n, have;
  struct blkfront_request *q;

  n = left < max * XEN_PAGE ? (unsigned)((left + XEN_PAGE - 1) / XEN_PAGE) : max;
  have = have_pages(b, n + (n > DIRECT));
  if (!have)
    return b->pages ? 0 : LWT_ENOMEM;
  if (have < n + (n > DIRECT))
    n = have > DIRECT + 1 ? have - 1 : have < DIRECT ? have : DIRECT;
  q = take_id(b, c, operation);
  q->len = left < n * XEN_PAGE ? (uint32_t)left : n * XEN_PAGE;
  if (n > DIRECT)
    issue_indirect(b, q, n);
  else
    issue_direct(b, q, n);
  c->issued += q->len;
  b->counts.segments += n;
  return 1;
}

static void issue_discard(struct blkfront *b, struct blkfront_call *c)
{
  blkif_request_discard_t req;

  memset(&req, 0, sizeof req);
  req.operation = BLKIF_OP_DISCARD;
  req.handle = (blkif_vdev_t)b->device;
  req.id = (uint64_t)(take_id(b, c, BLKIF_OP_DISCARD) - b->request);
  req.sector_number = c->unit;
  req.nr_sectors = c->len / BLKFRONT_UNIT;
  memcpy(entry_of(&b->ring, b->ring.made++), &req, sizeof req);
  c->issued = c->len;
}

/* A barrier without data does the same.  A backend that has neither keeps nothing
 * that could be lost. */
static void issue_flush(struct blkfront *b, struct blkfront_call *c)
{
  uint8_t operation = b->flush ? BLKIF_OP_FLUSH_DISKCACHE : BLKIF_OP_WRITE_BARRIER;
  struct blkfront_request *q;

  if (b->flush || b->barrier) {
    q = take_id(b, c, operation);
    issue_direct(b, q, 0);
  }
  c->issued = c->len;
}

/* Returns as issue_data. */
static int issue_one(struct blkfront *b, struct blkfront_call *c)
{
  if (c->error || lwt_unwanted(&c->r))
    c->issued = c->len;
  else if (c->kind == BLKFRONT_FLUSH)
    issue_flush(b, c);
  else if (c->kind == BLKFRONT_DISCARD)
    issue_discard(b, c);
  else
    return issue_data(b, c);
  return 1;
}

void lwt__blkfront_issue(struct blkfront *b)
{
  struct blkfront_call *c;
  int what;

  while ((c = b->waiting) && front_room(&b->ring)) {
    what = issue_one(b, c);
    if (!what)
      break;
    if (what < 0) {
      c->error = what;
      c->issued = c->len;
    }
    if (c->issued < c->len)
      continue;
    b->waiting = c->next;
    if (!c->requests)
      lwt__blkfront_settle(c);
  }
}

/* ---- Responses --------------------------------------------------------- */

static void copy_out(struct blkfront *b, const struct blkfront_request *q)
{
  uint32_t at, part, pages = (q->len + XEN_PAGE - 1) / XEN_PAGE;
  uint16_t i = q->first_page;

  if (pages > DIRECT)
    i = b->page[i].next; /* the segments */
  for (at = 0; at < q->len; at += part, i = b->page[i].next) {
    part = q->len - at < XEN_PAGE ? q->len - at : XEN_PAGE;
    lwt__copy(q->call->bytes + q->at + at, b->page[i].page, part);
  }
  lwt__counts.copied += q->len;
}

/* The backend cannot do what it had offered: do without.  Returns the call's error. */
static int degrade(struct blkfront *b, struct blkfront_call *c, uint8_t operation)
{
  switch (operation) {
  case BLKIF_OP_FLUSH_DISKCACHE: b->flush = 0; break;
  case BLKIF_OP_WRITE_BARRIER: b->barrier = 0; break;
  case BLKIF_OP_DISCARD:
    b->block.flags &= ~(uint32_t)LWT_BLOCK_DISCARD;
    return LWT_ENOTSUP;
  default: return LWT_EIO;
  }
  lwt__blkfront_again(c);
  return 0;
}

/* Returns 0, or -1: it answers nothing that was asked. */
static int take(struct blkfront *b, uint64_t id, uint8_t operation, int16_t status)
{
  struct blkfront_request *q;
  struct blkfront_call *c;
  int error = 0;

  if (id >= b->ring.slots || !b->request[id].busy)
    return -1;
  q = &b->request[id];
  c = q->call;
  if (operation != q->operation)
    return -1;
  if (status != BLKIF_RSP_OKAY && status != BLKIF_RSP_ERROR &&
      status != BLKIF_RSP_EOPNOTSUPP)
    return -1;
  if (c && !lwt_unwanted(&c->r) && status == BLKIF_RSP_OKAY &&
      operation == BLKIF_OP_READ && !c->error)
    copy_out(b, q);
  put_id(b, q);
  if (!c)
    return 0;
  c->requests--;
  if (status == BLKIF_RSP_EOPNOTSUPP)
    error = degrade(b, c, operation);
  else if (status == BLKIF_RSP_ERROR)
    error = LWT_EIO;
  if (!c->error)
    c->error = error;
  if (!c->requests && (c->issued == c->len))
    lwt__blkfront_settle(c);
  return 0;
}

int lwt__blkfront_take(struct blkfront *b)
{
  struct frontring *r = &b->ring;
  int i, ready = front_ready(r);

  for (i = 0; i < ready; i++) {
    const uint64_t *words = entry_of(r, r->taken);
    uint64_t copy[2] = { READ_ONCE(words[0]), READ_ONCE(words[1]) };
    blkif_response_t rsp;

    _Static_assert(sizeof rsp == sizeof copy, "blkif_response");
    memcpy(&rsp, copy, sizeof rsp);
    if (take(b, rsp.id, rsp.operation, rsp.status))
      return -1;
    r->taken++;
  }
  return ready;
}
