/* block.c - what all disks check before they do something.
 * SPDX-License-Identifier: ISC
 */
#include <lwt/memory.h>

#include <lwt/block.h>

/* 0, or why it cannot be done. */
static int check(const struct lwt_block *b, uint64_t sector, uint64_t sectors,
                 int changes)
{
  if (sector > b->sectors || sectors > b->sectors - sector)
    return LWT_ERANGE;
  return changes && b->flags & LWT_BLOCK_READONLY ? LWT_EROFS : 0;
}

lwt_t *lwt_block_read(struct lwt_block *b, uint64_t sector, void *bytes, size_t sectors)
{
  int error = check(b, sector, sectors, 0);

  if (error)
    return lwt_fail(error, "block_read");
  b->stats.reads++;
  b->stats.read_bytes += (uint64_t)sectors * b->sector_size;
  return sectors ? b->ops->read(b, sector, bytes, sectors) : lwt_return(NULL);
}

lwt_t *lwt_block_write(struct lwt_block *b, uint64_t sector, const void *bytes,
                       size_t sectors)
{
  int error = check(b, sector, sectors, 1);

  if (error)
    return lwt_fail(error, "block_write");
  b->stats.writes++;
  b->stats.written_bytes += (uint64_t)sectors * b->sector_size;
  return sectors ? b->ops->write(b, sector, bytes, sectors) : lwt_return(NULL);
}

lwt_t *lwt_block_flush(struct lwt_block *b)
{
  b->stats.flushes++;
  return b->flags & LWT_BLOCK_READONLY ? lwt_return(NULL) : b->ops->flush(b);
}

lwt_t *lwt_block_discard(struct lwt_block *b, uint64_t sector, uint64_t sectors)
{
  int error = check(b, sector, sectors, 1);

  if (!error && !(b->flags & LWT_BLOCK_DISCARD))
    error = LWT_ENOTSUP;
  if (error)
    return lwt_fail(error, "block_discard");
  b->stats.discards++;
  return sectors ? b->ops->discard(b, sector, sectors) : lwt_return(NULL);
}

lwt_t *lwt_block_close(void *block)
{
  struct lwt_block *b = block;

  return b->ops->close(b);
}
