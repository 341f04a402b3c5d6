/* block.h - what every disk must do (lwt/block.h), whatever is behind it.
 * SPDX-License-Identifier: ISC
 *
 * block_conforms() with a writable disk of at least BLOCK_TEST_BYTES, which it closes.
 * It knows nothing of the disk but the contract, and waits by running the loop.
 */
#ifndef TESTS_BLOCK_H
#define TESTS_BLOCK_H

#define LWT_TEST_SHORT
#include <lwt/block.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_TEST_BYTES (4u << 20)

static inline int block_code(lwt_t *p)
{
  return lwt_run_value(p, NULL).code;
}

/* What sector `sector` is filled with in round `seed`. */
static void block_fill(const struct lwt_block *b, unsigned seed, uint64_t sector,
                       uint8_t *bytes, size_t sectors)
{
  size_t i, len = sectors * b->sector_size;
  uint64_t at;

  for (i = 0; i < len; i++) {
    at = sector * b->sector_size + i;
    bytes[i] = (uint8_t)((at * 0x9e3779b97f4a7c15u + seed * 0x517cc1b727220a95u) >> 56);
  }
}

/* Write sectors of round `seed`, or read them and compare: 0, 1 if they differ, or
 * the error. */
static int block_put(struct lwt_block *b, unsigned seed, uint64_t sector, size_t sectors)
{
  uint8_t *bytes = malloc(sectors * b->sector_size + 1);
  int error;

  block_fill(b, seed, sector, bytes, sectors);
  error = block_code(lwt_block_write(b, sector, bytes, sectors));
  free(bytes);
  return error;
}

static int block_has(struct lwt_block *b, unsigned seed, uint64_t sector, size_t sectors)
{
  size_t len = sectors * b->sector_size;
  uint8_t *bytes = malloc(len + 1), *want = malloc(len + 1);
  int error;

  memset(bytes, 0x55, len + 1);
  block_fill(b, seed, sector, want, sectors);
  error = block_code(lwt_block_read(b, sector, bytes, sectors));
  if (!error && (memcmp(bytes, want, len) || bytes[len] != 0x55))
    error = 1;
  free(bytes);
  free(want);
  return error;
}

static void block_shape(const struct lwt_block *b)
{
  uint32_t size = b->sector_size;

  ok(size >= LWT_SECTOR_MIN && size <= LWT_SECTOR_MAX && !(size & (size - 1)),
     "sectors of %u bytes", (unsigned)size);
  ok(b->sectors * size >= BLOCK_TEST_BYTES, "enough of them");
  ok(b->optimal_size && b->optimal_size % size == 0, "the best size is of sectors");
  ok(b->name && b->name[0], "a name: %s", b->name);
}

/* 1, 2 and 12 sectors at both ends. */
static void block_ends(struct lwt_block *b)
{
  static const size_t sizes[] = { 1, 2, 12 };
  uint64_t at;
  int end;

  for (size_t i = 0; i < 6; i++) {
    size_t n = sizes[i / 2];

    end = i % 2;
    at = end ? b->sectors - n : 0;
    is_int(block_put(b, (unsigned)i, at, n), 0, "%zu sectors written at the %s", n,
           end ? "end" : "start");
    is_int(block_has(b, (unsigned)i, at, n), 0, "and read");
  }
}

static void block_range(struct lwt_block *b)
{
  uint8_t bytes[2 * LWT_SECTOR_MAX];

  memset(bytes, 0x55, sizeof bytes);
  is_int(block_code(lwt_block_read(b, b->sectors, bytes, 1)), LWT_ERANGE,
         "behind the end");
  is_int(block_code(lwt_block_read(b, b->sectors - 1, bytes, 2)), LWT_ERANGE,
         "across the end");
  is_int(block_code(lwt_block_read(b, UINT64_MAX, bytes, 2)), LWT_ERANGE, "round it");
  is_int(bytes[0], 0x55, "nothing is read");
  is_int(block_code(lwt_block_write(b, b->sectors, bytes, 1)), LWT_ERANGE,
         "nor written behind the end");
  is_int(block_code(lwt_block_write(b, b->sectors - 1, bytes, 2)), LWT_ERANGE,
         "nor across it");
  is_int(block_has(b, 5, b->sectors - 12, 12), 0, "and nothing is changed");
  is_int(block_code(lwt_block_discard(b, b->sectors - 1, 2)), LWT_ERANGE,
         "nor discarded");
  is_int(block_code(lwt_block_read(b, b->sectors, bytes, 0)), 0, "no sectors at the end");
  is_int(block_code(lwt_block_write(b, 0, bytes, 0)), 0, "no sectors written");
  is_int(block_code(lwt_block_write(b, b->sectors + 1, bytes, 0)), LWT_ERANGE,
         "not even those behind the end");
}

/* More than any request takes, from and to odd places. */
static void block_long(struct lwt_block *b)
{
  size_t n = (1u << 20) / b->sector_size + 3, len = n * b->sector_size;
  uint8_t *bytes = malloc(len + 3), *want = malloc(len);

  block_fill(b, 7, 5, want, n);
  memcpy(bytes + 1, want, len);
  is_int(block_code(lwt_block_write(b, 5, bytes + 1, n)), 0,
         "a megabyte from an odd place");
  memset(bytes, 0x55, len + 3);
  is_int(block_code(lwt_block_read(b, 5, bytes + 2, n)), 0, "and to another");
  is_mem(bytes + 2, want, len, "the same bytes");
  ok(bytes[1] == 0x55 && bytes[len + 2] == 0x55, "and no others");
  is_int(block_has(b, 7, 5 + n - 1, 1), 0, "to the last sector");
  free(bytes);
  free(want);
}

#define BLOCK_MANY 100

/* Many at once, read while others are written. */
static void block_pipeline(struct lwt_block *b)
{
  static lwt_t *ps[2 * BLOCK_MANY];
  size_t size = b->sector_size, i, n = 0;
  uint8_t *bytes = malloc(3 * BLOCK_MANY * size);
  uint8_t *back = malloc(3 * BLOCK_MANY * size);

  block_fill(b, 9, 100, bytes, 3 * BLOCK_MANY);
  for (i = 0; i < BLOCK_MANY; i++)
    ps[n++] = lwt_block_write(b, 100 + 3 * i, bytes + 3 * i * size, 3);
  is_int(block_code(lwt_join(n, ps)), 0, "%d writes at once", BLOCK_MANY);
  memset(back, 0, 3 * BLOCK_MANY * size);
  for (n = i = 0; i < BLOCK_MANY; i++) {
    ps[n++] = lwt_block_read(b, 100 + 3 * i, back + 3 * i * size, 3);
    ps[n++] = lwt_block_write(b, 400 + i, bytes + i * size, 1);
  }
  is_int(block_code(lwt_join(n, ps)), 0, "as many reads, and writes beside them");
  is_mem(back, bytes, 3 * BLOCK_MANY * size, "each has its own bytes");
  is_int(block_code(lwt_block_read(b, 400, back, BLOCK_MANY)), 0, "and the others");
  is_mem(back, bytes, BLOCK_MANY * size, "are where they belong");
  free(bytes);
  free(back);
}

static void block_discards(struct lwt_block *b)
{
  uint32_t per = b->optimal_size / b->sector_size;
  int can = b->flags & LWT_BLOCK_DISCARD;

  is_int(block_put(b, 11, 0, 64 * per), 0, "before discarding");
  is_int(block_code(lwt_block_discard(b, 8 * per, 16 * per)), can ? 0 : LWT_ENOTSUP,
         can ? "discarded" : "it cannot discard");
  is_int(block_has(b, 11, 0, 8 * per), 0, "what is in front stays");
  is_int(block_has(b, 11, 24 * per, 40 * per), 0, "what is behind, too");
  is_int(block_put(b, 12, 8 * per, 16 * per), 0, "it can be written again");
  is_int(block_has(b, 12, 8 * per, 16 * per), 0, "and is there");
  is_int(block_code(lwt_block_flush(b)), 0, "flushed");
}

/* Who cancels has its memory back. */
static void block_cancels(struct lwt_block *b)
{
  size_t n = (256u << 10) / b->sector_size, len = n * b->sector_size;
  uint8_t *bytes = malloc(len), *want = malloc(len);
  lwt_t *p;
  int pending;

  is_int(block_put(b, 13, 0, n), 0, "before cancelling");
  p = lwt_block_read(b, 0, bytes, n);
  pending = lwt_state(p) == LWT_PENDING;
  lwt_cancel(p);
  is_int(block_code(p), pending ? LWT_ECANCELED : 0,
         "a read is cancelled, if it was pending");
  memset(bytes, 0x55, len);
  memset(want, 0x55, len);
  is_int(block_has(b, 13, 0, n), 0, "the next one is right");
  is_mem(bytes, want, len, "and the first touches nothing any more");
  is_int(block_code(lwt_block_write(b, n, want, n)), 0, "known bytes");
  memset(want, 0x66, len);
  p = lwt_block_write(b, n, want, n);
  lwt_drop(p);
  memset(want, 0xaa, len);
  is_int(block_put(b, 14, 0, n), 0, "a write that nobody waits for is given up");
  is_int(block_has(b, 14, 0, n), 0, "the next is right");
  is_int(block_code(lwt_block_read(b, n, bytes, n)), 0, "it can be read");
  ok(!memchr(bytes, 0xaa, len), "and nothing of later was written");
  free(bytes);
  free(want);
}

/* Random calls one by one against an array. */
static void block_model(struct lwt_block *b)
{
  size_t size = b->sector_size, n = (1u << 20) / size, i, bad = 0, at, count;
  uint8_t *model = calloc(n, size), *bytes = malloc(n * size);

  bad += block_code(lwt_block_write(b, 0, model, n)) != 0;
  for (i = 0; i < 200; i++) {
    at = lwt_test_random(n);
    count = 1 + lwt_test_random(i % 8 ? 40 : n - at);
    if (count > n - at)
      count = n - at;
    if (i % 2) {
      bad += block_code(lwt_block_read(b, at, bytes, count)) != 0;
      bad += memcmp(bytes, model + at * size, count * size) != 0;
    } else {
      block_fill(b, (unsigned)i, at, model + at * size, count);
      bad += block_code(lwt_block_write(b, at, model + at * size, count)) != 0;
    }
  }
  bad += block_code(lwt_block_read(b, 0, bytes, n)) != 0;
  is_int(bad, 0, "200 random calls");
  is_mem(bytes, model, n * size, "and the disk is as it should be");
  free(model);
  free(bytes);
}

/* Takes b. */
static void block_closes(struct lwt_block *b)
{
  static lwt_t *ps[BLOCK_MANY];
  uint8_t *bytes = calloc(BLOCK_MANY, b->sector_size);
  unsigned i, settled = 0;

  for (i = 0; i < BLOCK_MANY; i++)
    ps[i] = lwt_block_write(b, i, bytes + i * b->sector_size, 1);
  is_int(block_code(lwt_block_close(b)), 0, "closed with %d writes pending", BLOCK_MANY);
  for (i = 0; i < BLOCK_MANY; i++) {
    settled += lwt_state(ps[i]) != LWT_PENDING;
    lwt_error(ps[i]);
    lwt_drop(ps[i]);
  }
  is_int(settled, BLOCK_MANY, "all have settled then");
  free(bytes);
}

__attribute__((unused)) static void block_conforms(struct lwt_block *b)
{
  block_shape(b);
  block_ends(b);
  block_range(b);
  block_long(b);
  block_pipeline(b);
  block_discards(b);
  block_cancels(b);
  block_model(b);
  ok(b->stats.reads > 200 && b->stats.writes > 300 && b->stats.flushes == 1 &&
       b->stats.read_bytes > (2u << 20),
     "calls are counted");
  block_closes(b);
}

/* Every call once, for a disk whose memory fails: what is fulfilled must be right.
 * Takes b. */
__attribute__((unused)) static void block_uses(struct lwt_block *b)
{
  static uint8_t bytes[65536], back[65536];
  size_t n = 40000 / b->sector_size;
  int error;

  block_fill(b, 3, 7, bytes, n);
  memset(back, 0, sizeof back);
  error = block_code(lwt_block_write(b, 7, bytes, n));
  if (!error) {
    error = block_code(lwt_block_read(b, 7, back, n));
    ok(error || !memcmp(back, bytes, n * b->sector_size), "what is read is right");
  }
  ok(!error || error == LWT_ENOMEM, "or there was no memory: %d", error);
  block_code(lwt_block_flush(b));
  if (b->flags & LWT_BLOCK_DISCARD)
    block_code(lwt_block_discard(b, 7, n));
  lwt_drop(lwt_block_read(b, 0, back, 1));
  block_code(lwt_block_close(b));
}

#endif
