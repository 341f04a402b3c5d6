/* t-unix-block.c - files as disks, and disks by name.
 * SPDX-License-Identifier: ISC
 */
#define _GNU_SOURCE
#include "block.h"

#include <fcntl.h>
#include <lwt-unix.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[] = "/tmp/lwt-block-XXXXXX";

static void size_file(off_t size)
{
  if (truncate(path, size))
    printf("Bail out! cannot truncate %s\n", path);
}

/* So that a read has to wait. */
static void drop_cache(void)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);

  fsync(fd);
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  close(fd);
}

static struct lwt_block *disk(int readonly)
{
  struct lwt_block *b = NULL;

  is_int(lwt_unix_block(path, readonly, &b), 0, "opened");
  return b;
}

static void test_conforms(void)
{
  size_file(BLOCK_TEST_BYTES);
  block_conforms(disk(0));
}

static void test_names(void)
{
  static const struct {
    const char *name;
    int code;
  } rows[] = {
    { "memory:1M", 0 },          { "memory:512", 0 },
    { "memory:", LWT_EINVAL },   { "memory:0", LWT_EINVAL },
    { "memory:1k", LWT_EINVAL }, { "memory:1KB", LWT_EINVAL },
    { "memory:100", LWT_EINVAL }, { "memory:99999999999999999999", LWT_EINVAL },
    { "memory:99999999999G", LWT_EINVAL }, { "memory:-1", LWT_EINVAL },
    { "disk", LWT_ENODEV },      { "", LWT_ENODEV },
    { "file:/nowhere", LWT_ENOENT }, { "file:/tmp", LWT_EISDIR },
    { "file:/dev/null", LWT_ENOTSUP },
  };
  struct lwt_block *b;
  char name[64];
  size_t i;

  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    is_int(lwt_platform_block(rows[i].name, &b), rows[i].code, "'%s'", rows[i].name);
    if (!rows[i].code)
      is_int(block_code(lwt_block_close(b)), 0, "and closed");
  }
  size_file(1000);
  snprintf(name, sizeof name, "file:%s", path);
  is_int(lwt_platform_block(name, &b), LWT_EINVAL, "half a sector");
  size_file(2048);
  is_int(lwt_platform_block(name, &b), 0, "a file");
  is_int((intmax_t)b->sectors, 4, "of four sectors");
  is_str(b->name, path, "its name");
  is_int(block_code(lwt_block_close(b)), 0, "closed");
}

static void test_readonly(void)
{
  struct lwt_block *b, *other;
  uint8_t bytes[512];

  size_file(8192);
  b = disk(0);
  is_int(block_put(b, 1, 3, 2), 0, "written");
  is_int(lwt_unix_block(path, 0, &other), LWT_EBUSY, "nobody else may write");
  is_int(lwt_unix_block(path, 1, &other), LWT_EBUSY, "nor read");
  is_int(block_code(lwt_block_close(b)), 0, "closed");
  b = disk(1);
  ok(b->flags == LWT_BLOCK_READONLY, "read-only");
  other = disk(1);
  is_int(block_has(b, 1, 3, 2), 0, "one reads");
  is_int(block_has(other, 1, 3, 2), 0, "another, too");
  is_int(block_code(lwt_block_write(b, 0, bytes, 1)), LWT_EROFS, "neither writes");
  is_int(lwt_unix_block(path, 0, &other), LWT_EBUSY, "nor anybody meanwhile");
  is_int(block_code(lwt_block_close(b)), 0, "closed");
  is_int(block_code(lwt_block_close(other)), 0, "closed");
  chmod(path, 0444);
  if (access(path, W_OK)) {
    b = disk(0);
    ok(b->flags == LWT_BLOCK_READONLY, "what may not be written is read-only");
    is_int(block_code(lwt_block_close(b)), 0, "closed");
  } else {
    skip("everything may be written here", "a file that may not be written");
  }
  chmod(path, 0644);
}

/* The file becomes shorter meanwhile; a hole takes no room. */
static void test_file(void)
{
  struct lwt_block *b;
  uint8_t bytes[8 * 512];
  struct stat st;

  size_file(1 << 20);
  b = disk(0);
  is_int(block_put(b, 1, 0, 2048), 0, "a full file");
  is_int(block_code(lwt_block_flush(b)), 0, "flushed");
  if (block_code(lwt_block_discard(b, 0, 1024)) == 0 && stat(path, &st) == 0)
    ok(st.st_blocks < 1500, "half of it discarded: %ld blocks", (long)st.st_blocks);
  else
    skip("the file system cannot make holes", "discarding gives back room");
  size_file(1024);
  is_int(block_code(lwt_block_read(b, 1, bytes, 8)), LWT_EIO, "cut off meanwhile");
  is_int(block_code(lwt_block_close(b)), 0, "closed");
}

/* Read, cancelled and closed at once, through the threads. */
static void test_closing(void)
{
  static uint8_t bytes[1 << 20];
  struct lwt_block *b;
  lwt_t *read, *closed;

  size_file(1 << 20);
  b = disk(0);
  drop_cache();
  read = lwt_block_read(b, 0, bytes, 2048);
  closed = lwt_block_close(b);
  lwt_cancel(read);
  lwt_error(read);
  lwt_drop(read);
  is_int(block_code(closed), 0, "closed beside a cancelled read");
}

/* tar's own archive, of the tests' directory. */
static void test_archive(void)
{
  static uint8_t want[100000], got[100000];
  const char *top = getenv("top_srcdir");
  struct lwt_content *c = NULL;
  struct lwt_entry *e;
  struct lwt_buf *chain;
  char command[500], name[64];
  size_t len = 0, n = 0;
  void *value = NULL;
  FILE *in;

  snprintf(command, sizeof command,
           "tar --format=ustar -cf %s -C %s tests/fuzz tests/tar.h", path,
           top ? top : ".");
  if (system(command)) {
    skip("no tar", "an archive of tar's");
    return;
  }
  snprintf(command, sizeof command, "%s/tests/tar.h", top ? top : ".");
  if ((in = fopen(command, "rb"))) {
    len = fread(want, 1, sizeof want, in);
    fclose(in);
  }
  snprintf(name, sizeof name, "ustar:file:%s", path);
  is_int(lwt_platform_content(name, &c), 0, "an archive of tar's");
  is_int(lwt_run_value(LWT_UNTYPED(c->ops->open(c, "tests/fuzz")), NULL).code, LWT_EISDIR,
         "has directories");
  is_int(lwt_run_value(LWT_UNTYPED(c->ops->open(c, "tests/tar.h")), &value).code, 0,
         "and files");
  e = value;
  while (e && !lwt_run_value(LWT_UNTYPED(c->ops->read(c, e, n, 700)), &value).code &&
         (chain = value)) {
    n += lwt_buf_copy_out(chain, 0, got + n, chain->total);
    lwt_buf_free(chain);
  }
  ok(len > 1000 && n == len && !memcmp(got, want, len), "whose bytes are right");
  if (e)
    c->ops->close(c, e);
  lwt_async(c->ops->free(c));
  is_int(lwt_platform_content("ustar:file:/nowhere", &c), LWT_ENOENT, "no disk");
  is_int(lwt_platform_content("ustar:x", &c), LWT_ENODEV, "no name of one");
}

static void uses(void *env)
{
  struct lwt_block *b;

  (void)env;
  if (lwt_unix_block(path, 0, &b) == 0)
    block_uses(b);
  lwt_platform_cleanup();
}

static void lost(struct lwt_error error, const char *where)
{
  (void)error;
  (void)where;
}

static void test_memory(void)
{
  struct lwt_test_result r;

  lwt_platform_cleanup(); /* nobody has the disk any more */
  size_file(1 << 20);
  lwt_on_lost(lost);
  r = lwt_test_each_allocation(uses, NULL, NULL);
  ok(r.runs > 5, "%zu times without some memory", r.runs);
  is_int((intmax_t)r.alive, 0, "no promise is left behind");
  is_int((intmax_t)r.lost, 0, "nor memory");
}

int main(void)
{
  int fd = mkstemp(path);

  lwt_test_memory();
  if (fd < 0)
    printf("Bail out! cannot make %s\n", path);
  close(fd);
  test_conforms();
  test_names();
  test_readonly();
  test_file();
  test_closing();
  test_archive();
  test_memory();
  unlink(path);
  lwt_platform_cleanup();
  is_int((intmax_t)lwt_live(), 0, "no promise is left");
  is_int((intmax_t)lwt_buf_live(), 0, "no slice");
  return lwt_test_done();
}
