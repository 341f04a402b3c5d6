/* t-xen-blk.c - the disk's frontend with honest, slow and failing backends.
 * SPDX-License-Identifier: ISC
 */
#include "block.h"
#include "fakeblk.h"
#include "fakeresume.h"

static struct lwt_block *open_disk(void)
{
  struct lwt_block *b = NULL;
  int error;

  back_plug();
  error = lwt_platform_block("xvda", &b);
  if (error)
    is_int(error, 0, "opened");
  return b;
}

static struct blkfront *front_of(struct lwt_block *b)
{
  return (struct blkfront *)b;
}

static void wait_ms(unsigned ms)
{
  block_code(lwt_sleep(LWT_MS(ms)));
}

static void close_disk(struct lwt_block *b)
{
  is_int(block_code(lwt_block_close(b)), 0, "closed");
  is_int(back.state, XenbusStateClosed, "the backend, too");
  is_int((intmax_t)lwt__grant_stats().granted, 0, "no page is granted");
  is_int((intmax_t)fake.pages, 0, "nor kept");
  is_int((intmax_t)back.faults, 0, "the backend has nothing to complain of");
}

/* ---- Names ------------------------------------------------------------- */

static void test_names(void)
{
  static const struct {
    const char *name;
    uint32_t device; /* 0: there is no such name */
  } rows[] = {
    { "xvda", 51712 },    { "xvda1", 51713 },     { "xvdb", 51728 },
    { "xvdp15", 51967 },  { "xvdq", 268439552 },  { "xvda16", 268435472 },
    { "xvdaa", 268442112 }, { "vbd:51712", 51712 }, { "51712", 51712 },
    { "vbd:xvdc", 51744 }, { "768", 768 },        { "xvd", 0 },
    { "xvd1", 0 },        { "xvda0", 0 },         { "xvdA", 0 },
    { "xvda1x", 0 },      { "xvda256", 0 },       { "sda", 0 },
    { "vbd:", 0 },        { "", 0 },              { "xvdaaaaaaaaaaaaaaa", 0 },
    { "99999999999", 0 },
  };
  struct lwt_block *b;
  uint32_t device;
  size_t i;

  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    device = 0;
    is_int(lwt__blkfront_number(rows[i].name, &device), rows[i].device ? 0 : LWT_ENODEV,
           "'%s'", rows[i].name);
    is_int((intmax_t)device, rows[i].device, "is %u", (unsigned)rows[i].device);
  }
  is_int(lwt_platform_block("memory:1M", &b), 0, "one in memory");
  is_int(block_code(lwt_block_close(b)), 0, "closed");
  is_int(lwt_platform_block("xvdz", &b), LWT_ENODEV, "one that is not there");
  is_int(lwt_platform_block("floppy", &b), LWT_ENODEV, "no name");
}

/* ---- The contract ------------------------------------------------------ */

static void conforms(const char *how)
{
  printf("# %s\n", how);
  block_conforms(open_disk());
  is_int((intmax_t)back.faults, 0, "the backend has nothing to complain of");
  is_int((intmax_t)lwt__grant_stats().granted, 0, "no page is granted");
  back_default();
}

static void test_contract(void)
{
  unsigned i;

  conforms("as Linux's backend");
  for (i = 0; i < 4; i++) {
    back.order = i;
    conforms("a smaller ring");
    is_int((intmax_t)back.ring_pages, 1 << i, "of so many pages");
  }
  back.order = 9;
  conforms("a larger ring than we want");
  is_int((intmax_t)back.ring_pages, 16, "16 pages");
  back.most_segments = back.indirect = 0;
  back.segments = 0;
  conforms("no indirect requests");
  ok(back.most_segments == 11 && !back.indirect, "11 segments at most");
  back.most_segments = 0;
  back.segments = 20;
  conforms("few segments");
  ok(back.most_segments == 20 && back.indirect, "20 segments at most");
  back.most_segments = 0;
  conforms("many segments");
  is_int((intmax_t)back.most_segments, BLKFRONT_SEGMENTS, "as many as we want");
  back.sector_size = 4096;
  conforms("sectors of 4096 bytes");
  back.sector_size = 2048;
  back.physical = 65536;
  conforms("sectors of 2048 bytes, in blocks of 64 KiB");
  back.pace = 1;
  conforms("a slow backend");
  back.pace = 7;
  back.backwards = 1;
  conforms("one that answers the last first");
  back.persistent = 1;
  conforms("one that keeps the pages mapped");
  back.discard = back.flush = back.barrier = 0;
  conforms("one that can nothing but read and write");
}

static void test_shape(void)
{
  struct lwt_block *b;
  uint8_t bytes[512] = { 0 };

  back.units = 1ull << 40;
  b = open_disk();
  ok(b->sectors == 1ull << 40, "half a petabyte");
  ok(block_code(lwt_block_read(b, (1ull << 40) - 1, bytes, 1)) == LWT_EIO,
     "which is not behind it");
  is_int(block_code(lwt_block_read(b, 3, bytes, 1)), 0, "others are");
  close_disk(b);
  back_default();
  back.readonly = 1;
  b = open_disk();
  is_int((intmax_t)b->flags, LWT_BLOCK_READONLY, "read-only by its mode");
  is_int(block_code(lwt_block_write(b, 0, bytes, 1)), LWT_EROFS, "cannot be written");
  is_int(block_code(lwt_block_read(b, 0, bytes, 1)), 0, "but read");
  is_int(block_code(lwt_block_flush(b)), 0, "and flushed");
  close_disk(b);
  back_default();
  back.info = VDISK_READONLY;
  b = open_disk();
  is_int((intmax_t)b->flags, LWT_BLOCK_READONLY, "read-only by its info");
  close_disk(b);
  back_default();
  back.physical = 16384;
  b = open_disk();
  is_int((intmax_t)b->optimal_size, 16384, "the physical sector's size is the best");
  close_disk(b);
  back_default();
}

/* ---- Requests and events ----------------------------------------------- */

static void test_batches(void)
{
  static uint8_t bytes[100][4096], big[262144];
  struct lwt_block *b = open_disk();
  lwt_t *ps[100];
  unsigned i, told = back.told_times, reads = back.reads;

  wait_ms(1);
  told = back.told_times;
  for (i = 0; i < 100; i++)
    ps[i] = lwt_block_read(b, 8 * i, bytes[i], 8);
  is_int(block_code(lwt_join(100, ps)), 0, "100 reads");
  is_int((intmax_t)(back.told_times - told), 1, "in one notification");
  is_int((intmax_t)(back.reads - reads), 100, "of 100 requests");
  reads = back.reads;
  is_int(block_code(lwt_block_read(b, 1, big, 512)), 0, "256 KiB");
  is_int((intmax_t)(back.reads - reads), 1, "is one request");
  ok(front_of(b)->pages == 100, "in pages that are there: %u", front_of(b)->pages);
  close_disk(b);
}

/* More than the ring, or the pages, can hold: it waits; and more than we hold. */
static void test_full(void)
{
  static uint8_t bytes[1100][512];
  static lwt_t *ps[1100];
  struct lwt_block *b;
  unsigned i, right = 0;

  back.order = back.most = 0;
  b = open_disk();
  back.deaf = 1;
  for (i = 0; i < 1100; i++)
    ps[i] = lwt_block_read(b, i, bytes[i], 1);
  wait_ms(1);
  is_int((intmax_t)front_room(&front_of(b)->ring), 0, "the ring is full");
  is_rejected(ps[1024], LWT_EAGAIN, "1024 calls wait, not more");
  is_int((intmax_t)front_of(b)->counts.refused, 76, "the others are counted");
  back.deaf = 0;
  for (i = 0; i < 1100; i++)
    right += block_code(ps[i]) == 0;
  is_int(right, 1024, "those that wait are done");
  ok(back.most <= 32, "as fast as the ring takes them: %u", back.most);
  close_disk(b);
  back_default();
}

static void test_wrap(void)
{
  const uint32_t by = 0u - 512u;
  struct lwt_block *b = open_disk();
  struct frontring *r = &front_of(b)->ring;
  unsigned i, bad = 0;

  wait_ms(1);
  r->made += by, r->pushed += by, r->taken += by;
  r->shared->req_prod += by, r->shared->rsp_prod += by;
  r->shared->req_event += by, r->shared->rsp_event += by;
  back.cons += by, back.prod += by;
  for (i = 0; i < 1000; i++) {
    bad += block_put(b, i, i, 2) != 0;
    bad += block_has(b, i, i, 2) != 0;
  }
  is_int(bad, 0, "2000 calls across 2^32");
  ok(r->made < 4096, "the indices have wrapped");
  close_disk(b);
}

static void test_suppression(void)
{
  struct lwt_block *b = open_disk();
  unsigned events;

  wait_ms(1);
  events = back.events;
  wait_ms(100);
  is_int((intmax_t)(back.events - events), 0, "an idle disk has no events");
  is_int((intmax_t)front_of(b)->counts.idle, 0, "none for nothing");
  close_disk(b);
}

/* ---- A failing backend ------------------------------------------------- */

static void test_errors(void)
{
  static uint8_t big[1 << 20];
  struct lwt_block *b = open_disk();

  is_int(block_put(b, 1, 0, 2), 0, "written");
  back.fails = 1;
  is_int(block_code(lwt_block_read(b, 0, big, 2048)), LWT_EIO,
         "one of many requests fails: the call does");
  is_int(block_has(b, 1, 0, 2), 0, "the next one is right");
  back.fails = 2;
  is_int(block_code(lwt_block_write(b, 100, big, 2048)), LWT_EIO, "writing, too");
  back.unsupported = BLKIF_OP_FLUSH_DISKCACHE;
  back.flushes = back.barriers = 0;
  is_int(block_code(lwt_block_flush(b)), 0, "a flush that the backend cannot");
  ok(back.flushes == 1 && back.barriers == 1, "is a barrier");
  is_int(block_code(lwt_block_flush(b)), 0, "the next one");
  ok(back.flushes == 1 && back.barriers == 2, "at once");
  back.unsupported = BLKIF_OP_WRITE_BARRIER;
  is_int(block_code(lwt_block_flush(b)), 0, "nor that: there is nothing to flush");
  is_int(block_code(lwt_block_flush(b)), 0, "again");
  is_int((intmax_t)back.barriers, 3, "and it is not asked again");
  ok(b->flags & LWT_BLOCK_DISCARD, "it can discard");
  back.unsupported = BLKIF_OP_DISCARD;
  is_int(block_code(lwt_block_discard(b, 0, 8)), LWT_ENOTSUP, "or not");
  ok(!(b->flags & LWT_BLOCK_DISCARD), "which is known then");
  back.discards = 0;
  is_int(block_code(lwt_block_discard(b, 0, 8)), LWT_ENOTSUP, "discarding again");
  is_int((intmax_t)back.discards, 0, "is not tried");
  back.unsupported = BLKIF_OP_READ;
  is_int(block_code(lwt_block_read(b, 0, big, 1)), LWT_EIO, "one that cannot read");
  close_disk(b);
  back_default();
}

/* Two flushes that fail at once go the other way both. */
static void test_flushes(void)
{
  struct lwt_block *b = open_disk();
  lwt_t *ps[4];
  unsigned i;

  back.unsupported = BLKIF_OP_FLUSH_DISKCACHE;
  back.barriers = 0;
  for (i = 0; i < 4; i++)
    ps[i] = lwt_block_flush(b);
  is_int(block_code(lwt_join(4, ps)), 0, "four flushes");
  is_int((intmax_t)back.barriers, 4, "are four barriers");
  close_disk(b);
  back_default();
}

static void test_cancel(void)
{
  static uint8_t bytes[8192], other[8192];
  struct lwt_block *b = open_disk();
  lwt_t *p, *q;

  is_int(block_put(b, 1, 0, 16), 0, "written");
  back.deaf = 1;
  p = lwt_block_read(b, 0, bytes, 16);
  q = lwt_block_read(b, 0, other, 16);
  wait_ms(1);
  lwt_cancel(p);
  is_rejected(p, LWT_ECANCELED, "cancelled under way");
  lwt_drop(p);
  memset(bytes, 0x55, sizeof bytes);
  back.deaf = 0;
  is_int(block_code(q), 0, "the other one");
  ok(other[1] != 0x55 && bytes[0] == 0x55 && bytes[8191] == 0x55,
     "has its bytes, the cancelled one is left alone");
  back.deaf = 1;
  p = lwt_block_write(b, 0, bytes, 16);
  wait_ms(1);
  q = lwt_block_close(b);
  wait_ms(1);
  is_pending(q, "closing waits for what is under way");
  back.deaf = 0;
  is_int(block_code(q), 0, "closed");
  is_fulfilled(p, 0, "which is done");
  lwt_drop(p);
  b = open_disk();
  back.deaf = 1;
  p = lwt_block_read(b, 0, bytes, 1);
  q = lwt_block_close(b);
  wait_ms(1);
  lwt_cancel(q);
  wait_ms(20000);
  is_rejected(p, LWT_ENODEV, "closing is cancelled: what is pending is rejected");
  lwt_drop(p);
  lwt_error(q);
  lwt_drop(q);
  is_int((intmax_t)lwt__grant_stats().granted, 0, "no page is granted");
  back_default();
}

/* ---- It goes and comes ------------------------------------------------- */

static void test_unplug(void)
{
  static uint8_t bytes[512];
  struct lwt_block *b = open_disk();
  lwt_t *p;

  back.deaf = 1;
  p = lwt_block_read(b, 0, bytes, 1);
  wait_ms(1);
  back_switch(XenbusStateClosing);
  is_int(block_code(p), LWT_ENODEV, "detached: what is pending is rejected");
  is_int(block_code(lwt_block_read(b, 0, bytes, 1)), LWT_ENODEV, "what comes later, too");
  is_int(block_code(lwt_block_flush(b)), LWT_ENODEV, "flushes as well");
  wait_ms(1);
  is_int(front_number("state"), XenbusStateClosed, "the frontend lets go by itself");
  is_int((intmax_t)lwt__grant_stats().granted, 0, "of all pages");
  is_int(block_code(lwt_block_close(b)), 0, "closed");
  back_default();
  b = open_disk();
  is_int(block_put(b, 1, 0, 1), 0, "attached again, it works");
  p = lwt_block_read(b, 0, bytes, 1);
  back.deaf = 1;
  back_unplug();
  is_int(block_code(p), LWT_ENODEV, "gone without a word");
  is_int(block_code(lwt_block_close(b)), 0, "closed");
  back_default();
}

/* Calls of all kinds under way, some half done, and one cancelled. */
static void resume_with(const char *how)
{
  static uint8_t bytes[8][65536], big[1 << 20];
  struct lwt_block *b = open_disk();
  unsigned suspends = fake.suspends, i;
  lwt_t *ps[8], *dropped;

  printf("# resume, %s\n", how);
  is_int(block_put(b, 5, 8192, 128), 0, "written");
  back.pace = 1;
  for (i = 0; i < 4; i++) {
    block_fill(b, i, i * 128, bytes[i], 128);
    ps[i] = lwt_block_write(b, i * 128, bytes[i], 128);
  }
  ps[4] = lwt_block_read(b, 8192, bytes[4], 128);
  ps[5] = lwt_block_flush(b);
  ps[6] = lwt_block_read(b, 1000, big, 2048);
  dropped = lwt_block_read(b, 0, bytes[7], 128);
  wait_ms(0);
  lwt_drop(dropped);
  back.deaf = 1;
  back_plug(); /* another host's */
  lwt__suspend_ask();
  while (fake.suspends == suspends)
    wait_ms(1);
  back.deaf = 0;
  back.pace = 512;
  is_int(block_code(lwt_join(7, ps)), 0, "all that was under way is done");
  for (i = 0; i < 4; i++)
    is_int(block_has(b, i, i * 128, 128), 0, "written");
  block_fill(b, 5, 8192, bytes[0], 128);
  is_mem(bytes[4], bytes[0], 65536, "read");
  is_mem(big, disk_bytes + 1000 * 512, sizeof big, "a long one, too");
  close_disk(b);
}

/* Programs rely on what the disk was. */
static void lost_with(const char *how)
{
  unsigned suspends = fake.suspends;
  struct lwt_block *b;
  uint8_t bytes[512];
  lwt_t *p;

  back_default();
  b = open_disk();
  back.deaf = 1;
  p = lwt_block_read(b, 0, bytes, 1);
  back.units = strcmp(how, "size") ? 0 : 100;
  back.sector_size = strcmp(how, "size of a sector") ? 512 : 1024;
  back.info = strcmp(how, "right to write") ? 0 : VDISK_READONLY;
  back_plug();
  lwt__suspend_ask();
  while (fake.suspends == suspends)
    wait_ms(1);
  back.deaf = 0;
  is_int(block_code(p), LWT_ENODEV, "another %s after a resume: the disk is lost", how);
  is_int(block_code(lwt_block_close(b)), 0, "closed");
  back_default();
}

static void test_resume(void)
{
  resume_with("the same backend");
  back.order = 1;
  back.segments = 0;
  resume_with("a backend that can less");
  lost_with("size");
  lost_with("size of a sector");
  lost_with("right to write");
}

/* ---- No memory --------------------------------------------------------- */

/* Watches that there was no memory to take back. */
static void forget_watches(void)
{
  int i;

  for (i = 0; i < 16; i++)
    if (!strncmp(store.watch[i].path, BACK, sizeof BACK - 1))
      store.watch[i].path[0] = store.watch[i].token[0] = '\0';
}

static void uses(void *env)
{
  struct lwt_block *b;
  int error;

  (void)env;
  forget_watches();
  back_plug();
  error = lwt_platform_block("xvda", &b);
  ok(!error || error == LWT_ENOMEM, "opened, or no memory: %d", error);
  if (!error)
    block_uses(b);
  lwt_test_fail_no_more();
  block_code(lwt_sleep(LWT_S(20))); /* for what is still on its way */
}

static void *open_one(void)
{
  return open_disk();
}

static enum front_state use_one(void *disk)
{
  enum front_state state = front_of(disk)->front.state;
  int error = state == FRONT_DOWN ? 0 : block_put(disk, 1, 0, 1);

  if (state == FRONT_UP ? error || block_has(disk, 1, 0, 1) : error != LWT_ENODEV)
    state = FRONT_DOWN;
  return state;
}

static void close_one(void *disk)
{
  block_code(lwt_block_close(disk));
}

static void test_resume_poor(void)
{
  back_resumes(&(struct back_device){ open_one, use_one, close_one });
}

static void lost(struct lwt_error error, const char *where)
{
  (void)error;
  (void)where;
}

static void test_memory(void)
{
  struct lwt_test_result r;
  struct lwt_block *b;
  unsigned i, opened = 0;

  lwt_on_lost(lost);
  block_code(lwt_xs_write_text(0, "x", "x"));
  r = lwt_test_each_allocation(uses, NULL, NULL);
  lwt_on_lost(NULL);
  ok(r.runs > 20, "%zu times without some memory", r.runs);
  is_int((intmax_t)r.alive, 0, "no promise is left behind");
  is_int((intmax_t)r.lost, 0, "nor memory");
  is_int((intmax_t)lwt__grant_stats().granted, 0, "nor a page");
  lwt_test_mute(1);
  for (i = 1; i < 40; i++) {
    back_plug();
    fake.page_fail = i;
    if (lwt_platform_block("xvda", &b) == 0) {
      opened++;
      block_uses(b);
    }
    fake.page_fail = 0;
  }
  lwt_test_mute(0);
  is_int(opened, 39, "a ring of fewer pages will do");
  is_int((intmax_t)fake.pages, 0, "no page is lost");
  back_default();
}

int main(void)
{
  lwt_test_memory();
  is_int(back_start(), 0, "a hypervisor");
  test_names();
  test_contract();
  test_shape();
  test_batches();
  test_full();
  test_wrap();
  test_suppression();
  test_errors();
  test_flushes();
  test_cancel();
  test_unplug();
  test_resume();
  test_memory();
  test_resume_poor();
  block_code(lwt_xs_write_text(0, "x", "x"));
  is_int((intmax_t)lwt_live(), 0, "no promise is left");
  is_int((intmax_t)lwt_timers(), 0, "no timer");
  free(disk_bytes);
  return lwt_test_done();
}
