/* g-block.c - a disk on the real blkback; what it does is the first argument.
 * SPDX-License-Identifier: ISC
 *
 *   write    sectors at both ends, out of range, a pattern over the disk
 *   read     the checksum of the disk
 *   only     a read-only disk
 *   storm    read and write without end, until dom0 says go; saved meanwhile
 *   tar      the files of an archive
 */
#include "storm.h"

#include <lwt/content.h>

static struct lwt_block *disk;

/* CRC-32 of what comes after bytes with `crc`, as dom0's crc32 has it. */
static uint32_t crc_of(uint32_t crc, const uint8_t *bytes, size_t len)
{
  size_t i;
  int bit;

  crc = ~crc;
  for (i = 0; i < len; i++) {
    crc ^= bytes[i];
    for (bit = 0; bit < 8; bit++)
      crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
  }
  return ~crc;
}

static int code(lwt_t *p)
{
  return lwt_run_value(p, NULL).code;
}

/* ---- Writing ----------------------------------------------------------- */

static void ends(void)
{
  static const size_t sizes[] = { 1, 2, 12 };
  static uint8_t bytes[12 * LWT_SECTOR_MAX], back[12 * LWT_SECTOR_MAX];
  size_t i, n, len;
  uint64_t at;
  int put, got;

  for (i = 0; i < 6; i++) {
    n = sizes[i / 2];
    len = n * disk->sector_size;
    at = i % 2 ? disk->sectors - n : 0;
    fill(bytes, len, i + 1);
    memset(back, 0, len);
    put = code(lwt_block_write(disk, at, bytes, n));
    got = code(lwt_block_read(disk, at, back, n));
    check(!put && !got && !memcmp(bytes, back, len), "%d sectors at the %s", (int)n,
          i % 2 ? "end" : "start");
  }
  check(code(lwt_block_read(disk, disk->sectors, bytes, 1)) == LWT_ERANGE &&
          code(lwt_block_read(disk, disk->sectors - 1, bytes, 2)) == LWT_ERANGE &&
          code(lwt_block_write(disk, disk->sectors - 1, bytes, 2)) == LWT_ERANGE,
        "out of range fails");
}

/* The whole disk, many calls of odd lengths at once, and back; prints the checksum. */
static void pattern(void)
{
  uint64_t bytes = disk->sectors * disk->sector_size, at = 0;
  uint8_t *want = malloc(bytes), *back = calloc(1, bytes);
  lwt_t *ps[400];
  size_t n = 0, part;

  fill(want, bytes, 77);
  while (at < disk->sectors && n < 400) {
    part = 1 + (n * 37) % 100;
    if (part > disk->sectors - at || n == 399)
      part = (size_t)(disk->sectors - at);
    ps[n++] = lwt_block_write(disk, at, want + at * disk->sector_size, part);
    at += part;
  }
  check(code(lwt_join(n, ps)) == 0, "%d writes at once", (int)n);
  check(code(lwt_block_flush(disk)) == 0, "flushed");
  check(code(lwt_block_read(disk, 0, back, disk->sectors)) == 0, "the disk in one read");
  check(!memcmp(want, back, bytes), "the same bytes");
  if (disk->flags & LWT_BLOCK_DISCARD) {
    check(code(lwt_block_discard(disk, 1024, 2048)) == 0, "discarded");
    check(code(lwt_block_write(disk, 1024, want + 1024 * disk->sector_size, 2048)) == 0 &&
            code(lwt_block_flush(disk)) == 0,
          "and written again");
  } else {
    printf("# blkback offers no discard\n");
  }
  printf("crc %08x\n", (unsigned)crc_of(0, want, bytes));
  free(want);
  free(back);
}

/* ---- Reading ----------------------------------------------------------- */

static void read_all(void)
{
  static uint8_t bytes[PIECE];
  uint64_t at = 0;
  uint32_t crc = 0;
  size_t n;

  for (; at < disk->sectors; at += n) {
    n = PIECE / disk->sector_size;
    if (n > disk->sectors - at)
      n = (size_t)(disk->sectors - at);
    if (code(lwt_block_read(disk, at, bytes, n)))
      break;
    crc = crc_of(crc, bytes, n * disk->sector_size);
  }
  check(at == disk->sectors, "all of it read");
  printf("crc %08x\n", (unsigned)crc);
}

static void only(void)
{
  static uint8_t bytes[LWT_SECTOR_MAX];

  check(disk->flags & LWT_BLOCK_READONLY, "read-only");
  check(code(lwt_block_write(disk, 0, bytes, 1)) == LWT_EROFS, "cannot be written");
  check(code(lwt_block_read(disk, 0, bytes, 1)) == 0, "can be read");
  check(code(lwt_block_flush(disk)) == 0, "and flushed");
}

/* ---- While it is saved ------------------------------------------------- */

static struct storm tempest;

struct watching {
  struct lwt_frame frame;
  struct lwt_xs_watch *watch;
  struct lwt_xs_value *value;
  struct lwt_error error;
};

LWT_STEP watching_step(struct lwt_frame *frame)
{
  struct watching *s = (struct watching *)frame;

  lwt_begin(s);
  lwt_await(s, lwt_xs_write_text(0, "data/go", "no"));
  lwt_await(s, &s->watch, lwt_xs_watch("data/go"));
  lwt_defer(s, lwt_xs_unwatch, s->watch);
  while (!tempest.stop) {
    lwt_await(s, &s->value, lwt_xs_watch_next(s->watch));
    lwt_xs_free(s->value);
    lwt_await_error(s, &s->error, &s->value, lwt_xs_read(0, "data/go"));
    if (s->error.code)
      continue;
    tempest.stop = !strcmp(s->value->bytes, "go");
    lwt_xs_free(s->value);
  }
  lwt_end(s);
}

static void storm(void)
{
  lwt_t *ps[9];
  unsigned i;
  int error;

  tempest.disk = disk;
  for (i = 0; i < 8; i++)
    ps[i] = worker(&tempest, i);
  ps[8] = LWT_GO(struct watching, watching_step, .watch = NULL);
  printf("waiting\n");
  error = code(lwt_join(9, ps));
  check(!error, "eight threads read and write across a save and a restore: %d", error);
  check(tempest.rounds > 16 && !tempest.bad, "%u rounds, %u wrong", tempest.rounds,
        tempest.bad);
}

/* ---- An archive -------------------------------------------------------- */

static void tar(int argc, char **argv)
{
  struct lwt_content *c = NULL;
  struct lwt_entry *e;
  struct lwt_buf *chain, *slice;
  uint64_t at;
  uint32_t crc;
  void *value;
  int i, error = lwt_platform_content("ustar:xvda", &c);

  check(!error, "the archive on xvda: %d", error);
  for (i = 2; i < argc && !error; i++) {
    value = NULL;
    error = lwt_run_value(LWT_UNTYPED(c->ops->open(c, argv[i])), &value).code;
    check(!error, "%s: %d", argv[i], error);
    if (!(e = value))
      continue;
    for (at = crc = 0;; at += chain->total, lwt_buf_free(chain)) {
      value = NULL;
      error = lwt_run_value(LWT_UNTYPED(c->ops->read(c, e, at, 100000)), &value).code;
      if (!(chain = value))
        break;
      for (slice = chain; slice; slice = slice->next)
        crc = crc_of(crc, slice->data, slice->len);
    }
    printf("file %08x %s\n", (unsigned)crc, argv[i]);
    c->ops->close(c, e);
  }
  check(c && !code(c->ops->free(c)), "and its disk is closed");
}

int main(int argc, char **argv)
{
  const char *what = argc > 1 ? argv[1] : "";
  int error;

  if (!strcmp(what, "tar")) {
    tar(argc, argv);
  } else {
    error = lwt_platform_block("xvda", &disk);
    check(!error, "xvda: %d", error);
    if (error)
      return 1;
    printf("# %llu sectors of %u, flags %u\n", (unsigned long long)disk->sectors,
           (unsigned)disk->sector_size, (unsigned)disk->flags);
    if (!strcmp(what, "write")) {
      ends();
      pattern();
    } else if (!strcmp(what, "read")) {
      read_all();
    } else if (!strcmp(what, "only")) {
      only();
    } else if (!strcmp(what, "storm")) {
      storm();
    }
    check(code(lwt_block_close(disk)) == 0, "closed");
  }
  check(lwt_live() == 0, "no promise is left");
  printf("end\n");
  return 0;
}
