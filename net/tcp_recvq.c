/* net/tcp_recvq.c - bytes to read, and bytes that came out of order.
 * SPDX-License-Identifier: ISC
 *
 * Payload is queued in the pages in which it came.  A page costs 4 KiB however
 * little of it is payload, so a short piece is moved behind the one before it
 * if that page has room: a peer that sends one byte per segment fills pages,
 * and a queue of n bytes never takes more than about 4 n bytes of pages.
 */
#include "tcp.h"

#include <string.h>

/* ---- In order ---------------------------------------------------------- */

/* Bytes behind the slice in its page that nobody else can see. */
static uint32_t room_behind(const struct lwt_buf *slice)
{
  uintptr_t end = (uintptr_t)slice->data + slice->len;

  if (!lwt_buf_writable(slice))
    return 0;
  return (uint32_t)(-end & (LWT_PAGE_SIZE - 1));
}

static int append_slice(struct tcp_recvq *q, struct lwt_buf *slice)
{
  struct lwt_buf *tail = q->tail;

  q->len += slice->len;
  if (tail && slice->len <= TCP_COPY_MAX && slice->len <= room_behind(tail)) {
    lwt__copy(tail->data + tail->len, slice->data, slice->len);
    tail->len += slice->len;
    lwt_buf_free(slice);
    return 0;
  }
  if (tail)
    tail->next = slice;
  else
    q->head = slice;
  q->tail = slice;
  return 1;
}

/* Returns the slices that were added. */
static uint32_t append(struct tcp_recvq *q, struct lwt_buf *chain)
{
  struct lwt_buf *next;
  uint32_t slices = 0;

  for (; chain; chain = next) {
    next = chain->next;
    chain->next = NULL;
    if (chain->len)
      slices += (uint32_t)append_slice(q, chain);
    else
      lwt_buf_free(chain);
  }
  return slices;
}

uint32_t net_tcp_recvq_append(struct tcp_recvq *q, struct lwt_buf *chain)
{
  uint32_t before = q->len;

  append(q, chain);
  return q->len - before;
}

static void pop(struct tcp_recvq *q)
{
  struct lwt_buf *slice = q->head;

  q->head = slice->next;
  if (!q->head)
    q->tail = NULL;
  slice->next = NULL;
}

uint32_t net_tcp_recvq_read(struct tcp_recvq *q, uint8_t *bytes, size_t len)
{
  struct lwt_buf *slice;
  uint32_t part, done = 0;

  while ((slice = q->head) && done < len) {
    part = slice->len < len - done ? slice->len : (uint32_t)(len - done);
    lwt__copy(bytes + done, slice->data, part);
    done += part;
    if (part == slice->len) {
      pop(q);
      lwt_buf_free(slice);
    } else {
      slice->data += part;
      slice->len -= part;
    }
  }
  q->len -= done;
  return done;
}

/* The first part of the first slice, as a slice of its own. */
static struct lwt_buf *split(struct tcp_recvq *q, uint32_t len)
{
  struct lwt_buf *slice = q->head, *part;

  slice->total = slice->len;
  part = lwt_buf_slice(slice, 0, len);
  if (part) {
    slice->data += len;
    slice->len -= len;
  }
  return part;
}

struct lwt_buf *net_tcp_recvq_take(struct tcp_recvq *q, size_t max)
{
  struct lwt_buf *first = NULL, **end = &first, *slice;
  uint32_t total = 0;

  while ((slice = q->head) && total < max) {
    if (slice->len <= max - total) {
      pop(q);
    } else {
      slice = split(q, (uint32_t)(max - total));
      if (!slice)
        break; /* what there is is enough, unless it is nothing */
    }
    slice->flags = 0;
    slice->next_packet = NULL;
    slice->total = slice->len;
    total += slice->len;
    *end = slice;
    end = &slice->next;
  }
  q->len -= total;
  if (first)
    first->total = total;
  return first;
}

void net_tcp_recvq_free(struct tcp_recvq *q)
{
  lwt_buf_free(q->head);
  *q = (struct tcp_recvq){ 0 };
}

/* ---- Out of order ------------------------------------------------------ */

static struct tcp_block *block_new(struct tcp_reass *r, uint32_t start)
{
  uint32_t most = r->max_blocks ? r->max_blocks : TCP_BLOCKS_MIN;
  struct tcp_block *b;

  if (r->blocks >= most || !(b = lwt__alloc(sizeof *b)))
    return NULL;
  *b = (struct tcp_block){ .start = start, .end = start };
  r->blocks++;
  return b;
}

static void block_free(struct tcp_reass *r, struct tcp_block *b)
{
  lwt_buf_free(b->q.head);
  r->blocks--;
  lwt__free(b);
}

static uint32_t count_slices(const struct lwt_buf *chain)
{
  uint32_t n = 0;

  for (; chain; chain = chain->next)
    n++;
  return n;
}

/* b's right neighbour begins where b ends: one block. */
static void join_next(struct tcp_reass *r, struct tcp_block *b)
{
  struct tcp_block *next = b->next;
  uint32_t slices;

  if (!next || next->start != b->end)
    return;
  slices = count_slices(next->q.head);
  r->slices = r->slices - slices + append(&b->q, next->q.head);
  next->q.head = NULL;
  b->end = next->end;
  b->next = next->next;
  if (r->tail == next)
    r->tail = b;
  block_free(r, next);
}

/* Put the bytes from start on into the hole right of prev (NULL: the first);
 * they fit.  Takes the chain.  Returns the block that they are in, or NULL. */
static struct tcp_block *fill(struct tcp_reass *r, struct tcp_block *prev,
                              uint32_t start, struct lwt_buf *chain)
{
  struct tcp_block *b = prev;

  if (!prev || prev->end != start) {
    b = block_new(r, start);
    if (!b) {
      lwt_buf_free(chain);
      return NULL;
    }
    b->next = prev ? prev->next : r->head;
    if (prev)
      prev->next = b;
    else
      r->head = b;
    if (!b->next)
      r->tail = b;
  }
  b->end += chain->total;
  r->slices += append(&b->q, chain);
  b->stamp = ++r->stamp;
  join_next(r, b);
  return b;
}

/* The part [start, end) of a chain that begins at *seq, which is cut off in
 * front.  The last part is the chain itself.  NULL: no memory. */
static struct lwt_buf *cut(struct lwt_buf **chain, uint32_t *seq, uint32_t start,
                           uint32_t end)
{
  struct lwt_buf *part;

  *chain = lwt_buf_pull(*chain, start - *seq);
  *seq = start;
  if (end - start == (*chain)->total) {
    part = *chain;
    *chain = NULL;
    return part;
  }
  return lwt_buf_slice(*chain, 0, end - start);
}

int net_tcp_reass_add(struct tcp_reass *r, uint32_t start, uint32_t end,
                      struct lwt_buf *chain, uint32_t max_slices)
{
  struct tcp_block *prev = NULL, *b = r->head;
  struct lwt_buf *part;
  uint32_t seq = start, upto;

  if (r->slices + count_slices(chain) > max_slices) {
    lwt_buf_free(chain);
    return LWT_ENOBUFS;
  }
  if (r->tail && seq_ge(start, r->tail->end))
    b = r->tail;
  while (chain && seq_lt(start, end)) {
    for (; b && seq_le(b->end, start); b = b->next)
      prev = b;
    if (b && seq_le(b->start, start)) { /* there already */
      start = b->end;
      continue;
    }
    upto = b ? seq_min(b->start, end) : end;
    part = cut(&chain, &seq, start, upto);
    b = part ? fill(r, prev, start, part) : NULL;
    if (!b) {
      lwt_buf_free(chain);
      return LWT_ENOBUFS;
    }
    start = upto;
  }
  lwt_buf_free(chain);
  return 0;
}

uint32_t net_tcp_reass_take(struct tcp_reass *r, uint32_t seq, struct tcp_recvq *q)
{
  struct tcp_block *b;
  struct lwt_buf *chain;

  while ((b = r->head) && seq_le(b->start, seq)) {
    r->head = b->next;
    if (!r->head)
      r->tail = NULL;
    r->slices -= count_slices(b->q.head);
    chain = b->q.head;
    b->q.head = NULL;
    if (seq_gt(b->end, seq)) {
      chain->total = b->end - b->start;
      chain = lwt_buf_pull(chain, seq - b->start);
      net_tcp_recvq_append(q, chain);
      seq = b->end;
    } else {
      lwt_buf_free(chain);
    }
    block_free(r, b);
  }
  return seq;
}

int net_tcp_reass_has(struct tcp_reass *r, uint32_t start, uint32_t end)
{
  struct tcp_block *b = r->head;

  while (b && seq_lt(b->end, end))
    b = b->next;
  if (!b || seq_lt(start, b->start))
    return 0;
  b->stamp = ++r->stamp;
  return 1;
}

unsigned net_tcp_reass_sacks(const struct tcp_reass *r, struct tcp_range *out,
                             unsigned max)
{
  const struct tcp_block *b, *best;
  uint32_t below = r->stamp + 1;
  unsigned n;

  for (n = 0; n < max && n < r->blocks; n++) {
    best = NULL;
    for (b = r->head; b; b = b->next)
      if (seq_lt(b->stamp, below) && (!best || seq_gt(b->stamp, best->stamp)))
        best = b;
    if (!best)
      break;
    out[n] = (struct tcp_range){ best->start, best->end };
    below = best->stamp;
  }
  return n;
}

void net_tcp_reass_free(struct tcp_reass *r)
{
  struct tcp_block *b;

  while ((b = r->head)) {
    r->head = b->next;
    block_free(r, b);
  }
  *r = (struct tcp_reass){ 0 };
}
