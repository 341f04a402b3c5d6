/* lwt/block.h - contract: a disk.
 * SPDX-License-Identifier: ISC
 *
 * An array of sectors that are read and written whole.  Implemented in memory
 * (lwt_block_memory()), by files (lwt-unix) and by Xen's virtual disks (lwt-xen);
 * lwt_platform_block() opens one by name.
 *
 * Rules for every function here, stated once:
 *
 *   Sectors     are numbered from 0 and counted in the disk's own size.  Bytes may
 *               lie anywhere in memory, and stay valid until the promise settles.
 *   Any length  in one call; the disk cuts it as it needs, and is fulfilled when
 *               all of it is done.  No sectors are done at once.
 *   Order       Any number of calls may be pending, and they are done in any order;
 *               what overlaps is the caller's to order, by waiting.
 *   Durable     is a write when a flush that began after it was fulfilled is.
 *   Cancelling  rejects at once, and the bytes are the caller's again.  Whether the
 *               sectors of a cancelled or failed write are the old or the new ones
 *               is left unsaid, for each of them; a cancelled one may still happen
 *               after calls that come later, until the disk is closed.
 *   Errors      LWT_ERANGE: not all of it is on the disk; LWT_EROFS; LWT_EIO: the
 *               disk cannot do it; LWT_ENODEV: it is gone for good; LWT_EAGAIN:
 *               too many calls are pending; LWT_ENOMEM; LWT_ENOSPC: what holds
 *               the disk is full.
 */
#ifndef LWT_BLOCK_H
#define LWT_BLOCK_H

#include <lwt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A sector is a power of two between these, in bytes. */
#define LWT_SECTOR_MIN 512u
#define LWT_SECTOR_MAX 4096u

enum lwt_block_flags {
  LWT_BLOCK_READONLY = 1,
  LWT_BLOCK_DISCARD = 2 /* lwt_block_discard() may do something */
};

/* Calls, whatever became of them. */
struct lwt_block_stats {
  uint64_t reads, writes, flushes, discards;
  uint64_t read_bytes, written_bytes;
};

struct lwt_block;

/* What a disk provides.  Called by the functions below only, with a range of at
 * least one sector on the disk, and only what its flags allow. */
struct lwt_block_ops {
  lwt_t *(*read)(struct lwt_block *block, uint64_t sector, void *bytes,
                 size_t sectors);
  lwt_t *(*write)(struct lwt_block *block, uint64_t sector, const void *bytes,
                  size_t sectors);
  lwt_t *(*flush)(struct lwt_block *block);
  lwt_t *(*discard)(struct lwt_block *block, uint64_t sector, uint64_t sectors);
  lwt_t *(*close)(struct lwt_block *block);
};

/* Implementations embed it as their first member. */
struct lwt_block {
  const struct lwt_block_ops *ops;
  const char *name;
  uint64_t sectors;     /* of the disk */
  uint32_t sector_size; /* bytes */
  /* Calls whose first byte and length are multiples of it are the fastest; bytes,
   * a multiple of sector_size. */
  uint32_t optimal_size;
  uint32_t flags; /* enum lwt_block_flags */
  struct lwt_block_stats stats;
};
LWT_PROMISE(lwt_block_p, struct lwt_block *);

/* Sectors from `sector` on, to bytes; from bytes. */
LWT_API lwt_t *lwt_block_read(struct lwt_block *block, uint64_t sector, void *bytes,
                              size_t sectors) LWT_MUST_USE;
LWT_API lwt_t *lwt_block_write(struct lwt_block *block, uint64_t sector,
                               const void *bytes, size_t sectors) LWT_MUST_USE;

/* What was written is on the disk, and survives the loss of power as far as the
 * disk's host says. */
LWT_API lwt_t *lwt_block_flush(struct lwt_block *block) LWT_MUST_USE;

/* Nobody needs what is in these sectors; until they are written again, reading
 * them gives anything.  LWT_ENOTSUP: the disk cannot. */
LWT_API lwt_t *lwt_block_discard(struct lwt_block *block, uint64_t sector,
                                 uint64_t sectors) LWT_MUST_USE;

/* For lwt_defer(): takes a struct lwt_block *, which may not be used any more.
 * Fulfilled when what was pending has settled and everything is given back.  It does
 * not flush. */
LWT_API lwt_t *lwt_block_close(void *block) LWT_MUST_USE;

/* A disk of zeros in memory, which it takes as it is written to, 64 KiB at a time,
 * and gives back as that is discarded; it is never pending.  sector_size 0: 512.
 * Returns 0, LWT_EINVAL: no such size of a sector, or `bytes` is not a multiple of
 * it; LWT_ENOMEM, also for more than 1 TiB. */
LWT_API int lwt_block_memory(uint64_t bytes, uint32_t sector_size,
                             struct lwt_block **block);

#ifdef __cplusplus
}
#endif

#endif
