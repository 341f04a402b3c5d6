/* t-block.c - the contract of disks, and the disk in memory.
 * SPDX-License-Identifier: ISC
 */
#include "block.h"

static struct lwt_block *disk(uint64_t bytes, uint32_t sector_size)
{
  struct lwt_block *b = NULL;

  lwt_block_memory(bytes, sector_size, &b);
  return b;
}

static void conforms(void)
{
  block_conforms(disk(BLOCK_TEST_BYTES, 0));
}

static void conforms_4096(void)
{
  block_conforms(disk(BLOCK_TEST_BYTES + 4096, 4096));
}

static void makes(void)
{
  static const struct {
    uint64_t bytes;
    uint32_t size;
    int code;
  } rows[] = {
    { 1024, 256, LWT_EINVAL },    { 1024, 513, LWT_EINVAL },
    { 8192, 8192, LWT_EINVAL },   { 1000, 0, LWT_EINVAL },
    { 512, 1024, LWT_EINVAL },    { 512, 0, 0 },
    { 0, 0, 0 },                  { 3 * 2048, 2048, 0 },
    { UINT64_MAX - 511, 512, LWT_ENOMEM },
  };
  struct lwt_block *b;
  size_t i;

  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    is_int(lwt_block_memory(rows[i].bytes, rows[i].size, &b), rows[i].code,
           "%llu bytes in sectors of %u", (unsigned long long)rows[i].bytes,
           (unsigned)rows[i].size);
    if (!rows[i].code)
      is_int(block_code(lwt_block_close(b)), 0, "and closed");
  }
}

static void is_sparse(void)
{
  static uint8_t bytes[3 * 65536], zeros[3 * 65536];
  struct lwt_block *b = disk(1ull << 30, 512);
  size_t held = lwt_test_counted().held;

  memset(bytes, 1, sizeof bytes);
  is_int(block_code(lwt_block_read(b, 0, bytes, 300)), 0, "read before it is written");
  is_mem(bytes, zeros, 300 * 512, "zeros");
  is_int((intmax_t)(lwt_test_counted().held - held), 0, "take no memory");
  memset(bytes, 1, sizeof bytes);
  is_int(block_code(lwt_block_write(b, 64, bytes, 256)), 0, "written from the middle on");
  is_int((intmax_t)(lwt_test_counted().held - held), 3, "three chunks");
  is_int(block_code(lwt_block_discard(b, 100, 256)), 0, "discarded from the middle on");
  is_int((intmax_t)(lwt_test_counted().held - held), 2, "a whole chunk is given back");
  memset(bytes, 2, sizeof bytes);
  is_int(block_code(lwt_block_read(b, 64, bytes, 256)), 0, "what is left");
  ok(bytes[36 * 512 - 1] == 1 && bytes[36 * 512] == 0 && bytes[256 * 512 - 1] == 0,
     "is in front of it");
  is_int(block_code(lwt_block_close(b)), 0, "closed");
}

/* A disk of another's: what its functions may rely on. */
static unsigned called;
static lwt_t *refuse(struct lwt_block *b)
{
  (void)b;
  called++;
  return lwt_fail(LWT_EIO, "refuse");
}
static lwt_t *refuse_range(struct lwt_block *b, uint64_t sector, uint64_t sectors)
{
  ok(sectors > 0 && sectors <= b->sectors && sector <= b->sectors - sectors, "a range");
  return refuse(b);
}
static lwt_t *refuse_read(struct lwt_block *b, uint64_t sector, void *to, size_t sectors)
{
  (void)to;
  return refuse_range(b, sector, sectors);
}
static lwt_t *refuse_write(struct lwt_block *b, uint64_t sector, const void *from,
                           size_t sectors)
{
  (void)from;
  return refuse_range(b, sector, sectors);
}

static void checks(void)
{
  static const struct lwt_block_ops ops = { .read = refuse_read,
                                            .write = refuse_write,
                                            .flush = refuse,
                                            .discard = refuse_range,
                                            .close = refuse };
  struct lwt_block b = { .ops = &ops, .sectors = 10, .sector_size = 512 };
  uint8_t bytes[512] = { 0 };

  b.flags = LWT_BLOCK_READONLY;
  is_int(block_code(lwt_block_write(&b, 0, bytes, 1)), LWT_EROFS, "a read-only disk");
  is_int(block_code(lwt_block_discard(&b, 0, 1)), LWT_EROFS, "cannot discard either");
  is_int(block_code(lwt_block_flush(&b)), 0, "and has nothing to flush");
  is_int(block_code(lwt_block_write(&b, 10, bytes, 1)), LWT_ERANGE, "out of range first");
  b.flags = 0;
  is_int(block_code(lwt_block_discard(&b, 0, 1)), LWT_ENOTSUP, "one that cannot discard");
  is_int(called, 0, "is not asked");
  is_int(block_code(lwt_block_read(&b, 9, bytes, 1)), LWT_EIO, "asked to read");
  is_int(block_code(lwt_block_write(&b, 9, bytes, 1)), LWT_EIO, "to write");
  is_int(block_code(lwt_block_flush(&b)), LWT_EIO, "to flush");
  b.flags = LWT_BLOCK_DISCARD;
  is_int(block_code(lwt_block_discard(&b, 0, 10)), LWT_EIO, "to discard");
  is_int(block_code(lwt_block_close(&b)), LWT_EIO, "to close");
  is_int(called, 5, "once each");
}

static void memory_fails(void)
{
  struct lwt_block *b = disk(1 << 20, 0);

  if (b)
    block_uses(b);
}

static const struct lwt_test tests[] = {
  LWT_TEST(conforms),  LWT_TEST(conforms_4096), LWT_TEST(makes),
  LWT_TEST(is_sparse), LWT_TEST(checks),        LWT_TEST_MEMORY(memory_fails),
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
