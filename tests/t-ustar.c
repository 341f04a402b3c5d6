/* t-ustar.c - archives on disks as files, good and bad, on slow and failing disks.
 * SPDX-License-Identifier: ISC
 */
#include "tar.h"

#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <lwt/ustar.h>
#include <stdlib.h>

#define DISK (2u << 20)

static uint8_t image[DISK];
static size_t end;

/* ---- A disk that takes its time, and can fail ---------------------------- */

static struct {
  struct lwt_block block;
  uint64_t delay;
  unsigned pending, most, reads, closed;
  int error;
} slow;

struct slow_read {
  struct lwt_frame frame;
  uint64_t sector;
  void *to;
  size_t sectors;
  uint64_t delay;
};

static void slow_end(void *env)
{
  (void)env;
  slow.pending--;
}

LWT_STEP slow_step(struct lwt_frame *frame)
{
  struct slow_read *s = (struct slow_read *)frame;

  lwt_begin(s);
  lwt_defer(s, slow_end, s);
  if (s->delay)
    lwt_await(s, lwt_sleep(s->delay));
  if (slow.error)
    lwt_throw(s, slow.error, "slow");
  memcpy(s->to, image + s->sector * slow.block.sector_size,
         s->sectors * slow.block.sector_size);
  lwt_end(s);
}

static lwt_t *slow_read(struct lwt_block *b, uint64_t sector, void *to, size_t sectors)
{
  (void)b;
  slow.reads++;
  if (++slow.pending > slow.most)
    slow.most = slow.pending;
  return LWT_GO_OR(struct slow_read, slow_step, slow_end, .sector = sector, .to = to,
                   .sectors = sectors, .delay = slow.delay);
}

static lwt_t *slow_close(struct lwt_block *b)
{
  (void)b;
  slow.closed++;
  return lwt_return(NULL);
}

static struct lwt_block *disk(uint32_t sector_size, uint64_t delay)
{
  static const struct lwt_block_ops ops = { .read = slow_read, .close = slow_close };

  memset(&slow, 0, sizeof slow);
  slow.block = (struct lwt_block){ .ops = &ops,
                                   .name = "slow",
                                   .sectors = DISK / sector_size,
                                   .sector_size = sector_size,
                                   .optimal_size = sector_size,
                                   .flags = LWT_BLOCK_READONLY };
  slow.delay = delay;
  return &slow.block;
}

/* ---- Archives ------------------------------------------------------------ */

static void begin(void)
{
  memset(image, 0, sizeof image);
  end = 0;
}

static void put(const char *prefix, const char *name, char type, unsigned seed,
                size_t size)
{
  end = tar_put(image, end, prefix, name, type, seed, size);
}

static struct lwt_content *content_of(uint32_t sector_size, uint64_t delay)
{
  struct lwt_content *c = NULL;

  lwt_ustar(disk(sector_size, delay), 0, &c);
  return c;
}

/* 0 and the entry, or the error. */
static int open_entry(struct lwt_content *c, const char *path, struct lwt_entry **entry)
{
  void *value = NULL;
  int error = lwt_run_value(LWT_UNTYPED(c->ops->open(c, path)), &value).code;

  *entry = value;
  return error;
}

static int code_of(struct lwt_content *c, const char *path)
{
  struct lwt_entry *entry;
  int error = open_entry(c, path, &entry);

  if (!error)
    c->ops->close(c, entry);
  return error;
}

/* Read it in pieces; whether it is what was put. */
static int has(struct lwt_content *c, const char *path, unsigned seed, size_t size,
               size_t piece)
{
  struct lwt_entry *e;
  struct lwt_buf *chain;
  uint8_t *bytes;
  size_t at = 0, i;
  int right;

  if (open_entry(c, path, &e))
    return 0;
  right = e->size == size;
  while (right) {
    void *value = NULL;
    lwt_t *p = LWT_UNTYPED(c->ops->read(c, e, at, piece));

    if (lwt_run_value(p, &value).code)
      right = 0;
    if (!(chain = value))
      break;
    right = right && chain->total <= piece && chain->total <= size - at;
    bytes = malloc(chain->total);
    lwt_buf_copy_out(chain, 0, bytes, chain->total);
    for (i = 0; right && i < chain->total; i++)
      right = bytes[i] == tar_byte(seed, at + i);
    at += chain->total;
    lwt_buf_free(chain);
    free(bytes);
  }
  c->ops->close(c, e);
  return right && at == size;
}

static void reads_files(uint32_t sector_size, uint64_t delay)
{
  char prefix[156], name[101], path[300];
  struct lwt_content *c;
  struct lwt_entry *e, *f;

  memset(prefix, 'p', 155);
  prefix[155] = '\0';
  prefix[77] = '/';
  memset(name, 'n', 100);
  name[100] = '\0';
  snprintf(path, sizeof path, "%s/%s", prefix, name);
  begin();
  put("", "./", '5', 0, 0);
  put("", "./index.html", '0', 1, 700);
  put("", "empty", '0', 0, 0);
  put("", "sub/", '5', 0, 0);
  put("", "sub/page", '0', 2, 512);
  put("", "sub-file", '0', 3, 1);
  put("implied", "big", '0', 4, 200001);
  put(prefix, name, '0', 5, 1000);
  put("", "old", '\0', 6, 10);
  put("", "contiguous", '7', 7, 10);
  put("", "link", '2', 0, 0);
  put("", "hard", '1', 0, 0);
  put("", "tty", '3', 0, 0);
  put("", "twice", '0', 8, 10);
  put("", "twice", '0', 9, 20);
  put("", "was-file", '0', 9, 20);
  put("", "was-file/", '5', 0, 0);
  put("", "last", '0', 10, 3);
  c = content_of(sector_size, delay);
  ok(has(c, "index.html", 1, 700, 4096), "a file, ./ in front of its name");
  ok(has(c, "empty", 0, 0, 100), "an empty file");
  ok(has(c, "sub/page", 2, 512, 100), "in a directory, in pieces");
  ok(has(c, "sub-file", 3, 1, 1), "a byte");
  ok(has(c, "implied/big", 4, 200001, 1 << 20), "a large one, in large pieces");
  ok(has(c, "implied/big", 4, 200001, 999), "in odd pieces");
  ok(has(c, path, 5, 1000, 1000), "a name of 255 bytes with a prefix of 155");
  path[255] = 'x';
  is_int(code_of(c, path), LWT_ENOENT, "a longer one is not there");
  ok(has(c, "old", 6, 10, 10), "a file of type NUL");
  ok(has(c, "contiguous", 7, 10, 10), "a file of type 7");
  ok(has(c, "twice", 9, 20, 20), "of two, the later one");
  ok(has(c, "last", 10, 3, 3), "the last one");
  is_int(code_of(c, "sub"), LWT_EISDIR, "a directory");
  is_int(code_of(c, "implied"), LWT_EISDIR, "one that has no header");
  is_int(code_of(c, "was-file"), LWT_EISDIR, "a directory in a file's place");
  is_int(code_of(c, "impl"), LWT_ENOENT, "the beginning of a name");
  is_int(code_of(c, "sub/page/x"), LWT_ENOENT, "below a file");
  is_int(code_of(c, "link"), LWT_ENOENT, "a symbolic link");
  is_int(code_of(c, "hard"), LWT_ENOENT, "a hard link");
  is_int(code_of(c, "tty"), LWT_ENOENT, "a device");
  is_int(open_entry(c, "last", &e), 0, "opened");
  is_int((intmax_t)e->mtime, 1000000000, "its time");
  is_int(open_entry(c, "twice", &f), 0, "another");
  ok(e->etag != f->etag, "has another tag");
  is_int(lwt_run_value(LWT_UNTYPED(c->ops->read(c, e, 0, 0)), NULL).code, LWT_EINVAL,
         "no bytes");
  c->ops->close(c, e);
  c->ops->close(c, f);
  lwt_async(c->ops->free(c));
  is_int(slow.closed, 1, "freed: the disk is closed");
}

static void reads(void)
{
  reads_files(512, 0);
}
static void reads_slow(void)
{
  reads_files(512, LWT_MS(3));
}
static void reads_4096(void)
{
  reads_files(4096, LWT_MS(3));
}

static void paths(void)
{
  static const char *const rows[] = { "", "/",   "/a", "a/",  "a//b", ".",   "..",
                                      "./a", "a/.", "../a", "a/..", "a/../b" };
  struct lwt_content *c;
  size_t i;

  begin();
  put("", "a", '0', 1, 1);
  c = content_of(512, 0);
  for (i = 0; i < sizeof rows / sizeof *rows; i++)
    is_int(code_of(c, rows[i]), LWT_EINVAL, "'%s'", rows[i]);
  is_int(code_of(c, "..."), LWT_ENOENT, "'...' is a name");
  is_int(code_of(c, ".a"), LWT_ENOENT, "'.a', too");
  lwt_async(c->ops->free(c));
}

/* ---- What is wrong ------------------------------------------------------- */

static uint8_t *header(void)
{
  return image + 1024; /* of the second file */
}
static void name(const char *text)
{
  tar_header(header(), "", text, '0', 10);
}
static void bad_sum(void) { header()[0] ^= 1; }
static void no_sum(void) { memset(header() + 148, 0, 8); }
static void sum_text(void) { memcpy(header() + 148, "12x456", 7); }
static void magic(void) { header()[261] = 'x', tar_sum(header()); }
/* With what GNU's has in the place of the prefix. */
static void gnu(void)
{
  memcpy(header() + 257, "ustar  ", 8);
  memcpy(header() + 345, "14512345670", 12);
  tar_sum(header());
}
static void v7(void) { memset(header() + 257, 0, 8), tar_sum(header()); }
static void version(void) { header()[263] = '1', tar_sum(header()); }
static void size_text(void) { header()[126] = '9', tar_sum(header()); }
static void size_none(void) { memset(header() + 124, ' ', 12), tar_sum(header()); }
static void size_minus(void) { header()[124] = '-', tar_sum(header()); }
static void size_binary(void) { header()[124] = 0x80, tar_sum(header()); }
static void size_huge(void) { memset(header() + 124, '7', 12), tar_sum(header()); }
static void size_beyond(void) { tar_header(header(), "", "b", '0', DISK - 1535); }
static void size_tail(void) { memcpy(header() + 134, " x", 2), tar_sum(header()); }
static void mtime_text(void) { header()[140] = 'x', tar_sum(header()); }
static void dots(void) { name("../b"); }
static void dots_inside(void) { name("a/../b"); }
static void dots_prefix(void) { tar_header(header(), "..", "b", '0', 10); }
static void absolute(void) { name("/b"); }
static void nameless(void) { name(""); }
static void dot(void) { name("a/./b"); }
static void twice(void) { name("a//b"); }
static void slash(void) { name("b/"); }
static void dir_slash(void) { tar_header(header(), "", "b//", '5', 0); }
static void dir_up(void) { tar_header(header(), "", "../", '5', 0); }
static void hard_data(void) { tar_header(header(), "", "b", '1', 10); }
static void pax(void) { tar_header(header(), "", "b", 'x', 10); }
static void pax_global(void) { tar_header(header(), "", "b", 'g', 10); }
static void gnu_long(void) { tar_header(header(), "", "b", 'L', 10); }
static void sparse(void) { tar_header(header(), "", "b", 'S', 10); }
static void endless(void) { tar_header(header(), "", "b", '0', DISK - 1536); }

static void malformed(void)
{
  static const struct {
    void (*spoil)(void);
    const char *name;
    int code;
  } rows[] = {
    { bad_sum, "a wrong checksum", LWT_EBADMSG },
    { no_sum, "no checksum", LWT_EBADMSG },
    { sum_text, "a checksum that is no number", LWT_EBADMSG },
    { magic, "another magic", LWT_ENOTSUP },
    { gnu, "GNU's format", 0 },
    { v7, "the old format", LWT_ENOTSUP },
    { version, "another version", LWT_ENOTSUP },
    { size_text, "a size that is not octal", LWT_EBADMSG },
    { size_none, "no size", LWT_EBADMSG },
    { size_minus, "a negative size", LWT_EBADMSG },
    { size_binary, "a binary size", LWT_ENOTSUP },
    { size_huge, "the largest size", LWT_EBADMSG },
    { size_beyond, "a byte behind the disk", LWT_EBADMSG },
    { size_tail, "something behind the size", 0 },
    { mtime_text, "a time that is no number", LWT_EBADMSG },
    { dots, "a name that leads out", LWT_EBADMSG },
    { dots_inside, "..", LWT_EBADMSG },
    { dots_prefix, ".. in the prefix", LWT_EBADMSG },
    { absolute, "an absolute name", LWT_EBADMSG },
    { nameless, "no name", LWT_EBADMSG },
    { dot, "a dot inside", LWT_EBADMSG },
    { twice, "an empty name inside", LWT_EBADMSG },
    { slash, "a file with a slash", LWT_EBADMSG },
    { dir_slash, "a directory with two", LWT_EBADMSG },
    { dir_up, "a directory above", LWT_EBADMSG },
    { hard_data, "a hard link with data", LWT_ENOTSUP },
    { pax, "an extended header", LWT_ENOTSUP },
    { pax_global, "a global one", LWT_ENOTSUP },
    { gnu_long, "a long name of GNU's", LWT_ENOTSUP },
    { sparse, "a sparse file of GNU's", LWT_ENOTSUP },
    { endless, "no end", LWT_ENODATA },
  };
  struct lwt_content *c;
  size_t i;

  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    begin();
    put("", "a", '0', 1, 10);
    put("", "b", '0', 1, 10);
    rows[i].spoil();
    c = content_of(512, i % 2 * LWT_MS(1));
    is_int(code_of(c, "a"), rows[i].code, "%s", rows[i].name);
    lwt_async(c->ops->free(c));
  }
  begin();
  c = content_of(512, 0);
  is_int(code_of(c, "a"), LWT_ENOENT, "an empty archive");
  lwt_async(c->ops->free(c));
}

/* ---- Many files ---------------------------------------------------------- */

static void many(void)
{
  struct lwt_content *c;
  char path[40];
  unsigned i, bad = 0;

  begin();
  for (i = 0; i < 1000; i++) {
    snprintf(path, sizeof path, "d%u/file-%u", i % 7, i * 7919 % 1000);
    put("", path, '0', i, i % 600);
  }
  c = content_of(512, LWT_MS(1));
  for (i = 0; i < 1000; i += 13) {
    snprintf(path, sizeof path, "d%u/file-%u", i % 7, i * 7919 % 1000);
    bad += !has(c, path, i, i % 600, 1000);
  }
  is_int(bad, 0, "each of 1000 files is found");
  lwt_async(c->ops->free(c));
  lwt_ustar(disk(512, 0), 20000, &c);
  is_int(code_of(c, "d0/file-0"), LWT_EFBIG, "too many for an index of 20000 bytes");
  lwt_async(c->ops->free(c));
  lwt_ustar(disk(512, 0), 200000, &c);
  is_int(code_of(c, "d0/file-0"), 0, "200000 are enough");
  lwt_async(c->ops->free(c));
}

static void at_once(void)
{
  struct lwt_content *c;
  struct lwt_entry *e;
  lwt_t *opens[20], *reads[8];
  unsigned i, right = 0;

  begin();
  put("", "a", '0', 1, 100000);
  c = content_of(512, LWT_MS(1));
  for (i = 0; i < 20; i++)
    opens[i] = LWT_UNTYPED(c->ops->open(c, i % 2 ? "a" : "b"));
  lwt_cancel(opens[19]);
  is_rejected(opens[19], LWT_ECANCELED, "one that waits is cancelled");
  lwt_test_advance(LWT_MS(10));
  for (i = 0; i < 19; i++) {
    right += i % 2 ? lwt_state(opens[i]) == LWT_FULFILLED
                   : lwt_error(opens[i]).code == LWT_ENOENT;
    lwt_drop(opens[i]);
  }
  lwt_drop(opens[19]);
  is_int(right, 19, "the others wait for the headers");
  is_int(slow.reads, 2, "which are read once");
  is_int(open_entry(c, "a", &e), 0, "opened");
  for (i = 0; i < 8; i++)
    reads[i] = LWT_UNTYPED(c->ops->read(c, e, i * 1000, 1000));
  lwt_cancel(reads[7]);
  lwt_test_advance(LWT_MS(1));
  is_int(slow.most, 8, "eight reads at once");
  for (right = i = 0; i < 8; i++) {
    if (lwt_state(reads[i]) == LWT_FULFILLED)
      right += ((struct lwt_buf *)lwt_value(reads[i]))->total == 1000;
    lwt_error(reads[i]);
    lwt_drop(reads[i]);
  }
  is_int(right, 7, "all but the cancelled one");
  lwt_async(c->ops->free(c));
}

/* ---- Failures ------------------------------------------------------------ */

static void fails(void)
{
  struct lwt_content *c;
  struct lwt_entry *e;
  lwt_t *p;

  begin();
  put("", "a", '0', 1, 100);
  c = content_of(512, LWT_MS(1));
  slow.error = LWT_EIO;
  is_int(code_of(c, "a"), LWT_EIO, "the disk fails");
  slow.error = 0;
  is_int(open_entry(c, "a", &e), 0, "and is asked again");
  slow.error = LWT_EIO;
  is_int(lwt_run_value(LWT_UNTYPED(c->ops->read(c, e, 0, 10)), NULL).code, LWT_EIO,
         "reading fails, too");
  lwt_async(c->ops->free(c));
  c = content_of(512, LWT_MS(1));
  p = LWT_UNTYPED(c->ops->open(c, "a"));
  lwt_async(c->ops->free(c));
  is_rejected(p, LWT_ECANCELED, "freed while it is being opened");
  lwt_drop(p);
  is_int(slow.pending, 0, "nothing is read any more");
  c = content_of(512, LWT_MS(1));
  lwt_async(c->ops->free(c));
  is_int(slow.pending, 0, "freed at once");
}

static void no_memory(void)
{
  struct lwt_content *c;
  struct lwt_entry *e;
  unsigned i;
  int error;

  begin();
  put("", "a", '0', 1, 100);
  put("", "b/c", '0', 1, 100);
  if (lwt_ustar(disk(512, LWT_MS(1)), 0, &c))
    return;
  for (i = 0; i < 2; i++) {
    error = open_entry(c, "b/c", &e);
    ok(!error || error == LWT_ENOMEM, "opened or no memory");
    if (!error)
      lwt_buf_free(lwt_value(LWT_UNTYPED(c->ops->read(c, e, 200, 10))));
    if (!error)
      has(c, "a", 1, 100, 50);
  }
  lwt_async(c->ops->free(c));
}

static const struct lwt_test tests[] = {
  LWT_TEST(reads),     LWT_TEST(reads_slow), LWT_TEST(reads_4096), LWT_TEST(paths),
  LWT_TEST(malformed), LWT_TEST(many),       LWT_TEST(at_once),    LWT_TEST(fails),
  LWT_TEST_MEMORY(no_memory),
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
