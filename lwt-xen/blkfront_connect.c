/* blkfront_connect.c - the handshake with the disk's backend.
 * SPDX-License-Identifier: ISC
 *
 * The backend says how large the ring may be before it connects, and what the disk is
 * when it has.  `sectors` is in units of 512 bytes, as are all numbers in the ring.
 */
#include "blkfront.h"

#include <stdio.h>
#include <string.h>

/* What b->block.sectors * 512 cannot overflow with. */
#define UNITS_MAX (1ull << 54)

/* The number at key, or `without` if there is none.  Returns 0 or an error. */
static int number(struct blkfront *b, const char *key, uint64_t max, uint64_t without,
                  uint64_t *n)
{
  int error = lwt__xenbus_ask_number(b->front.backend->path, key, max, n);

  if (error != LWT_ENOENT)
    return error;
  *n = without;
  return 0;
}

/* ---- The ring ---------------------------------------------------------- */

static int write_keys(struct blkfront *b)
{
  const char *path = b->front.path;
  unsigned i, order = 0;
  char key[20];
  int error = 0;

  while (1u << order < b->ring_pages)
    order++;
  if (order)
    error = lwt__xenbus_tell(path, "ring-page-order", order);
  else if (!(error = lwt__xenbus_forget(path, "ring-page-order")))
    error = lwt__xenbus_tell(path, "ring-ref", b->ring_ref[0]);
  for (i = 0; order && i < b->ring_pages && !error; i++) {
    snprintf(key, sizeof key, "ring-ref%u", i);
    error = lwt__xenbus_tell(path, key, b->ring_ref[i]);
  }
  if (!error)
    error = lwt__xenbus_tell(path, "event-channel", b->port.number);
  if (!error)
    error = lwt__xenbus_tell_text(path, "protocol", "x86_64-abi");
  if (!error)
    error = lwt__xenbus_tell(path, "feature-persistent", 1);
  if (!error)
    error = lwt__xenbus_tell(path, "state", XenbusStateInitialised);
  return error;
}

static int offer(struct front *f)
{
  struct blkfront *b = blkfront_of(f);
  uint64_t order;
  int error = number(b, "max-ring-page-order", UINT32_MAX, 0, &order);

  if (!error)
    error = lwt__port_alloc(&b->port, f->backend->domain);
  if (!error)
    error = lwt__blkfront_start(
      b, order < BLKFRONT_RING_ORDER ? (unsigned)order : BLKFRONT_RING_ORDER);
  return error ? error : write_keys(b);
}

static void disconnect(struct front *f)
{
  struct blkfront *b = blkfront_of(f);

  lwt__port_free(&b->port);
  lwt__blkfront_stop(b);
}

/* ---- The disk ---------------------------------------------------------- */

static int is_power(uint64_t n)
{
  return n && !(n & (n - 1));
}

enum { UNITS, SECTOR, PHYSICAL, INFO, FLUSH, BARRIER, DISCARD, SEGMENTS, KEYS };
static const struct {
  const char *key;
  uint64_t max, without;
} keys[KEYS] = {
  { "sectors", UNITS_MAX, 0 },
  { "sector-size", LWT_SECTOR_MAX, LWT_SECTOR_MIN },
  { "physical-sector-size", UINT32_MAX, 0 },
  { "info", UINT32_MAX, 0 },
  { "feature-flush-cache", UINT32_MAX, 0 },
  { "feature-barrier", UINT32_MAX, 0 },
  { "feature-discard", UINT32_MAX, 0 },
  { "feature-max-indirect-segments", UINT32_MAX, 0 },
};

/* Set what the disk is.  Programs rely on what it was before a resume. */
static int use(struct blkfront *b, const uint64_t found[])
{
  struct lwt_block block = b->block;
  uint32_t size = (uint32_t)found[SECTOR];

  if (size < LWT_SECTOR_MIN || !is_power(size))
    return LWT_EINVAL;
  block.sector_size = size;
  block.sectors = found[UNITS] / (size / BLKFRONT_UNIT);
  block.optimal_size = LWT_SECTOR_MAX;
  if (is_power(found[PHYSICAL]) && found[PHYSICAL] > LWT_SECTOR_MAX &&
      found[PHYSICAL] <= BLKFRONT_SEGMENTS * XEN_PAGE)
    block.optimal_size = (uint32_t)found[PHYSICAL];
  block.flags = found[INFO] & VDISK_READONLY ? LWT_BLOCK_READONLY
                : found[DISCARD]             ? LWT_BLOCK_DISCARD
                                             : 0;
  if (b->known && (block.sector_size != b->block.sector_size ||
                   block.sectors != b->block.sectors ||
                   (block.flags & ~b->block.flags & LWT_BLOCK_READONLY)))
    return LWT_ENOTSUP;
  b->block = block;
  b->known = 1;
  b->flush = found[FLUSH] != 0;
  b->barrier = found[BARRIER] != 0;
  b->segments = BLKIF_MAX_SEGMENTS_PER_REQUEST;
  if (found[SEGMENTS] > b->segments)
    b->segments =
      found[SEGMENTS] < BLKFRONT_SEGMENTS ? (unsigned)found[SEGMENTS] : BLKFRONT_SEGMENTS;
  /* No request ends in the middle of a sector: pages are whole numbers of them. */
  _Static_assert(XEN_PAGE % LWT_SECTOR_MAX == 0, "a page of sectors");
  return 0;
}

/* A toolstack says in `mode` what the device itself may not know. */
static int read_mode(struct blkfront *b, uint64_t *info)
{
  struct lwt_xs_value *mode;
  int error = lwt__xenbus_ask(b->front.backend->path, "mode", &mode);

  if (error)
    return error == LWT_ENOENT ? 0 : error;
  if (mode->bytes[0] == 'r')
    *info |= VDISK_READONLY;
  lwt_xs_free(mode);
  return 0;
}

static int accept(struct front *f)
{
  struct blkfront *b = blkfront_of(f);
  uint64_t found[KEYS];
  int i, error = 0;

  for (i = 0; i < KEYS && !error; i++)
    error = number(b, keys[i].key, keys[i].max, keys[i].without, &found[i]);
  if (!error)
    error = read_mode(b, &found[INFO]);
  if (!error)
    error = use(b, found);
  return error ? error : lwt__xenbus_tell(f->path, "state", XenbusStateConnected);
}

/* ---- Its life ---------------------------------------------------------- */

static void up(struct front *f)
{
  lwt__blkfront_kick(blkfront_of(f));
}

/* What was under way is asked for again, but for what has failed. */
static void down(struct front *f)
{
  struct blkfront *b = blkfront_of(f);
  struct blkfront_call *c, *next;

  for (c = b->first; c; c = next) {
    next = c->next;
    c->requests = 0;
    c->issued = 0;
    if (c->error)
      lwt__blkfront_settle(c);
  }
  b->waiting = b->first;
  disconnect(f);
}

static void lost(struct front *f)
{
  struct blkfront *b = blkfront_of(f);

  while (b->first) {
    b->first->error = LWT_ENODEV;
    lwt__blkfront_settle(b->first);
  }
}

static void free_device(struct front *f)
{
  lwt__free(blkfront_of(f));
}

const struct front_ops lwt__blkfront_ops = {
  .what = "blkfront",
  .offer = offer,
  .accept = accept,
  .disconnect = disconnect,
  .up = up,
  .down = down,
  .lost = lost,
  .free = free_device,
};
