/* t-xen-blk-hostile.c - disks' backends that break the rules.
 * SPDX-License-Identifier: ISC
 *
 * Each breach costs the disk and nothing else: what is pending is rejected, the pages
 * are given back, time goes on, and the disk can be opened again.
 */
#include "block.h"
#include "fakeblk.h"

/* The first of the responses that are about to be published. */
static blkif_response_t *rsp(void)
{
  return (void *)ring_at(64 + (ring_indices()->rsp_prod & (back.slots - 1)) * 112);
}

static void too_many(void) { back.shift = back.slots + 1; }
static void unasked(void) { back.shift = ring_indices()->req_prod - back.prod + 1; }
static void backwards(void) { back.shift = 0u - 200u; }
static void id_wild(void) { rsp()->id = 512; }
static void id_huge(void) { rsp()->id = 1ull << 32; }
static void id_idle(void) { rsp()->id = back.slots - 1; }
static void operation(void) { rsp()->operation ^= 1; }
static void operation_wild(void) { rsp()->operation = 200; }
static void indirect(void) { rsp()->operation = BLKIF_OP_INDIRECT; }
static void status_good(void) { rsp()->status = 1; }
static void status_bad(void) { rsp()->status = -3; }
static void status_wild(void) { rsp()->status = -32768; }

/* The same answer twice: the second is to nothing. */
static void twice(void)
{
  blkif_response_t copy = *rsp();

  ring_copy(64 + (back.prod & (back.slots - 1)) * 112, &copy, sizeof copy, 1);
  back.prod++;
}

static const struct breach {
  const char *name;
  void (*evil)(void);
} breaches[] = {
  { "more responses than slots", too_many },
  { "a response to no request", unasked },
  { "an index that goes back", backwards },
  { "an id out of range", id_wild },
  { "an id whose low bits are right", id_huge },
  { "an id that is not under way", id_idle },
  { "another operation", operation },
  { "an unknown operation", operation_wild },
  { "an indirect operation", indirect },
  { "a good status that is none", status_good },
  { "a bad status that is none", status_bad },
  { "the lowest status", status_wild },
  { "an answer twice", twice },
};

static uint8_t bytes[40][65536];

static void test_breach(const struct breach *row, int long_ones)
{
  struct lwt_block *b = NULL;
  lwt_t *ps[3];
  size_t n = long_ones ? 128 : 8;
  unsigned i;

  back_default();
  back_plug();
  if (lwt_platform_block("xvda", &b)) {
    ok(0, "%s: opened", row->name);
    return;
  }
  back.evil = row->evil;
  back.pace = 1;
  ps[0] = lwt_block_read(b, 0, bytes[0], n);
  ps[1] = lwt_block_write(b, 1000, bytes[1], n);
  ps[2] = lwt_block_flush(b);
  for (i = 0; i < 3; i++)
    is_int(block_code(lwt_with_timeout(LWT_S(1), ps[i])),
           !i && row->evil == twice ? 0 : LWT_ENODEV, "%s", row->name);
  back.evil = NULL;
  is_int(block_code(lwt_block_read(b, 0, bytes[0], 1)), LWT_ENODEV, "the disk is lost");
  is_int(block_code(lwt_sleep(LWT_MS(1))), 0, "time goes on");
  is_int(block_code(lwt_block_close(b)), 0, "it is closed");
  is_int(front_number("state"), XenbusStateClosed, "and says so");
  is_int((intmax_t)lwt__grant_stats().granted, 0, "no page is granted");
}

static void id_wild_and_silent(void)
{
  id_wild();
  back.refuse = 1;
}

/* It breaks a rule, and does not let go. */
static void test_silent(void)
{
  struct lwt_block *b = NULL;
  uint64_t start;

  back_default();
  back_plug();
  is_int(lwt_platform_block("xvda", &b), 0, "opened");
  back.evil = id_wild_and_silent;
  is_int(block_code(lwt_block_read(b, 0, bytes[0], 8)), LWT_ENODEV, "a breach");
  start = lwt_now();
  is_int(block_code(lwt_block_close(b)), 0, "closed, though the backend ignores it");
  ok(lwt_now() - start > LWT_S(9) && lwt_now() - start < LWT_S(11), "after ten seconds");
  is_int(back.state, XenbusStateConnected, "which it has not left");
  is_int(front_number("state"), XenbusStateClosed, "it is told");
  is_int((intmax_t)(lwt__grant_stats().granted - lwt__grant_stats().parked), 0,
         "no page is granted");
  is_int((intmax_t)lwt__grant_stats().parked, back.ring_pages, "but what it has mapped");
  back_unmap();
  is_int((intmax_t)lwt__grant_stats().granted, 0, "until it lets go");
  back_default();
}

/* ---- What a response may say ------------------------------------------- */

static void eopnotsupp(void) { rsp()->status = BLKIF_RSP_EOPNOTSUPP; }
static void padding(void) { memset((uint8_t *)rsp() + 9, 0xff, 1); }

static void test_allowed(void)
{
  struct lwt_block *b;

  back_default();
  back_plug();
  is_int(lwt_platform_block("xvda", &b), 0, "opened");
  back.evil = eopnotsupp;
  is_int(block_code(lwt_block_read(b, 0, bytes[0], 8)), LWT_EIO,
         "a read that is not supported fails");
  back.evil = padding;
  is_int(block_code(lwt_block_read(b, 0, bytes[0], 8)), 0, "padding is not looked at");
  back.evil = NULL;
  is_int(block_code(lwt_block_close(b)), 0, "closed");
}

/* ---- Xenstore ---------------------------------------------------------- */

static void test_directory(void)
{
  static const struct {
    uint32_t sector_size;
    uint64_t units;
    int code;
  } rows[] = {
    { 256, 0, LWT_EINVAL },           { 0, 0, LWT_EINVAL },
    { 768, 0, LWT_EINVAL },           { 8192, 0, LWT_ERANGE },
    { 512, 1ull << 55, LWT_ERANGE },  { 512, 0xffffffffffffffffull, LWT_ERANGE },
  };
  struct lwt_block *b;
  size_t i;

  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    back_default();
    back.sector_size = rows[i].sector_size;
    back.units = rows[i].units;
    back_plug();
    is_int(lwt_platform_block("xvda", &b), rows[i].code, "sectors of %u, %llu of them",
           (unsigned)rows[i].sector_size, (unsigned long long)rows[i].units);
    is_int((intmax_t)lwt__grant_stats().granted, 0, "nothing is left of it");
  }
  back_default();
  back_plug();
  back_put("max-ring-page-order", "-1");
  is_int(lwt_platform_block("xvda", &b), LWT_EINVAL, "no number");
  back_plug();
  back_put("max-ring-page-order", "4294967296");
  is_int(lwt_platform_block("xvda", &b), LWT_ERANGE, "a number out of range");
  back_plug();
  back.refuse = 1;
  is_int(lwt_platform_block("xvda", &b), LWT_ETIMEDOUT, "a backend that does not answer");
  is_int(front_number("state"), XenbusStateClosed, "is told that it is over");
  back_plug();
  back_switch(XenbusStateClosed);
  is_int(lwt_platform_block("xvda", &b), LWT_ETIMEDOUT, "one that stays closed");
  back.refuse = 0;
  back_plug();
  back_switch(XenbusStateClosed);
  is_int(lwt_platform_block("xvda", &b), 0, "one that is closed begins anew");
  is_int(block_code(lwt_block_close(b)), 0, "closed");
  is_int((intmax_t)lwt__grant_stats().granted, 0, "nothing is left of them");
}

/* ---- Events for nothing; pages that are held --------------------------- */

static void storm(void)
{
  back_step();
  fake_event(back.port);
  fake.now += LWT_US(10);
}

static void test_storm(void)
{
  struct lwt_block *b;
  uint64_t start;

  back_default();
  back_plug();
  is_int(lwt_platform_block("xvda", &b), 0, "opened");
  start = fake.now;
  fake.step = storm;
  is_int(block_code(lwt_sleep(LWT_MS(10))), 0, "time goes on in a storm of events");
  fake.step = back_step;
  ok(fake.now - start < LWT_MS(11), "as fast as ever");
  ok(((struct blkfront *)b)->counts.idle > 100, "they are counted");
  is_int(block_code(lwt_block_close(b)), 0, "closed");
}

static uint32_t kept;

static void keep_mapped(void)
{
  back_step();
  fake.grants[kept].flags |= GTF_writing;
}

static void test_mapped(void)
{
  struct lwt_block *b;
  uint32_t ref;

  back_default();
  back_plug();
  is_int(lwt_platform_block("xvda", &b), 0, "opened");
  is_int(block_code(lwt_block_read(b, 0, bytes[0], 8)), 0, "read");
  ref = ((struct blkfront *)b)->page[0].ref;
  fake.step = keep_mapped;
  kept = ref;
  is_int(block_code(lwt_block_close(b)), 0, "closed");
  fake.step = back_step;
  is_int((intmax_t)lwt__grant_stats().parked, 1, "a page that is still mapped is kept");
  fake.grants[ref].flags &= (uint16_t)~GTF_writing;
  is_int((intmax_t)lwt__grant_stats().granted, 0, "until it is let go");
}

/* The backend sees pages of ours that held nothing but this disk's data. */
static void test_zeroed(void)
{
  static const uint8_t zeros[4096];
  struct lwt_block *b;
  struct blkfront *f;
  unsigned i, dirty = 0;

  back_default();
  back_plug();
  is_int(lwt_platform_block("xvda", &b), 0, "opened");
  f = (struct blkfront *)b;
  back.deaf = 1;
  lwt_drop(lwt_block_read(b, 0, bytes[0], 128));
  for (i = 0; i < f->pages; i++)
    dirty += i != 16 && memcmp(f->page[i].page, zeros, 4096) != 0;
  ok(f->pages >= 16 && dirty <= 1, "%u pages to read into, %u are not zeros", f->pages,
     dirty);
  back.deaf = 0;
  is_int(block_code(lwt_block_close(b)), 0, "closed");
}

int main(void)
{
  size_t i;

  lwt_test_memory();
  is_int(back_start(), 0, "a hypervisor");
  for (i = 0; i < sizeof breaches / sizeof *breaches; i++) {
    test_breach(&breaches[i], 0);
    test_breach(&breaches[i], 1);
  }
  test_silent();
  test_allowed();
  test_directory();
  test_storm();
  test_mapped();
  test_zeroed();
  is_int((intmax_t)fake.pages, 0, "no page is lost");
  is_int((intmax_t)back.faults, 0, "the backend has nothing to complain of");
  block_code(lwt_xs_write_text(0, "x", "x"));
  is_int((intmax_t)lwt_live(), 0, "no promise is left");
  free(disk_bytes);
  return lwt_test_done();
}
