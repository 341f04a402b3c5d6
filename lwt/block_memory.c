/* block_memory.c - a disk in memory.
 * SPDX-License-Identifier: ISC
 *
 * A table of chunks; those that were never written, or were discarded whole, are
 * not there and read as zeros.
 */
#include <lwt/memory.h>

#include <lwt/block.h>
#include <string.h>

#define CHUNK 65536u
#define CHUNKS_MAX (1u << 24) /* a table of 128 MiB */

struct disk {
  struct lwt_block block;
  uint64_t chunks;
  uint8_t *chunk[];
};

static struct disk *disk_of(struct lwt_block *block)
{
  return (struct disk *)block;
}

/* The part of the len bytes at `at` that lies in one chunk. */
static uint64_t part_of(uint64_t at, uint64_t len)
{
  uint64_t rest = CHUNK - at % CHUNK;

  return len < rest ? len : rest;
}

static lwt_t *disk_read(struct lwt_block *block, uint64_t sector, void *bytes,
                        size_t sectors)
{
  uint64_t at = sector * block->sector_size, left = sectors * block->sector_size, part;
  struct disk *d = disk_of(block);
  const uint8_t *chunk;
  uint8_t *to = bytes;

  for (; left; left -= part, at += part, to += part) {
    part = part_of(at, left);
    chunk = d->chunk[at / CHUNK];
    if (chunk)
      memcpy(to, chunk + at % CHUNK, part);
    else
      memset(to, 0, part);
  }
  return lwt_return(NULL);
}

static lwt_t *disk_write(struct lwt_block *block, uint64_t sector, const void *bytes,
                         size_t sectors)
{
  uint64_t at = sector * block->sector_size, left = sectors * block->sector_size, part;
  struct disk *d = disk_of(block);
  const uint8_t *from = bytes;
  uint8_t **chunk;

  for (; left; left -= part, at += part, from += part) {
    part = part_of(at, left);
    chunk = &d->chunk[at / CHUNK];
    if (!*chunk) {
      *chunk = lwt__alloc(CHUNK);
      if (!*chunk)
        return lwt_fail(LWT_ENOMEM, "block_write");
      memset(*chunk, 0, CHUNK);
    }
    memcpy(*chunk + at % CHUNK, from, part);
  }
  return lwt_return(NULL);
}

static lwt_t *disk_flush(struct lwt_block *block)
{
  (void)block;
  return lwt_return(NULL);
}

static lwt_t *disk_discard(struct lwt_block *block, uint64_t sector, uint64_t sectors)
{
  uint64_t at = sector * block->sector_size, left = sectors * block->sector_size, part;
  struct disk *d = disk_of(block);
  uint8_t **chunk;

  for (; left; left -= part, at += part) {
    part = part_of(at, left);
    chunk = &d->chunk[at / CHUNK];
    if (part == CHUNK) {
      lwt__free(*chunk);
      *chunk = NULL;
    } else if (*chunk) {
      memset(*chunk + at % CHUNK, 0, part);
    }
  }
  return lwt_return(NULL);
}

static lwt_t *disk_close(struct lwt_block *block)
{
  struct disk *d = disk_of(block);
  uint64_t i;

  for (i = 0; i < d->chunks; i++)
    lwt__free(d->chunk[i]);
  lwt__free(d);
  return lwt_return(NULL);
}

static const struct lwt_block_ops disk_ops = {
  .read = disk_read,
  .write = disk_write,
  .flush = disk_flush,
  .discard = disk_discard,
  .close = disk_close,
};

/* Returns 0 for what is not a size. */
static uint64_t parse_size(const char *text)
{
  uint64_t n = 0;
  unsigned shift = 0;

  for (; *text >= '0' && *text <= '9'; text++) {
    if (n > UINT64_MAX / 1000)
      return 0;
    n = n * 10 + (unsigned)(*text - '0');
  }
  if (*text)
    shift = *text == 'K' ? 10 : *text == 'M' ? 20 : *text == 'G' ? 30 : 64;
  if (shift == 64 || (shift && text[1]) || n > UINT64_MAX >> shift)
    return 0;
  return n << shift;
}

int lwt__block_named(const char *name, struct lwt_block **block)
{
  uint64_t bytes;

  if (strncmp(name, "memory:", 7))
    return LWT_ENODEV;
  bytes = parse_size(name + 7);
  return bytes ? lwt_block_memory(bytes, 0, block) : LWT_EINVAL;
}

int lwt_block_memory(uint64_t bytes, uint32_t sector_size, struct lwt_block **block)
{
  uint32_t size = sector_size ? sector_size : LWT_SECTOR_MIN;
  uint64_t chunks = bytes / CHUNK + !!(bytes % CHUNK);
  struct disk *d;

  if (size < LWT_SECTOR_MIN || size > LWT_SECTOR_MAX || size & (size - 1) || bytes % size)
    return LWT_EINVAL;
  d = chunks > CHUNKS_MAX ? NULL : lwt__alloc(sizeof *d + chunks * sizeof *d->chunk);
  if (!d)
    return LWT_ENOMEM;
  memset(d, 0, sizeof *d + chunks * sizeof *d->chunk);
  d->chunks = chunks;
  d->block.ops = &disk_ops;
  d->block.name = "memory";
  d->block.sectors = bytes / size;
  d->block.sector_size = size;
  d->block.optimal_size = LWT_SECTOR_MAX;
  d->block.flags = LWT_BLOCK_DISCARD;
  *block = &d->block;
  return 0;
}
