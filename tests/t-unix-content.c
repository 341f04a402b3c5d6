/* t-unix-content.c - a directory's files, and nothing but them.
 * SPDX-License-Identifier: ISC
 *
 * Everything is done twice: with openat2(), if there is one, and without.
 */
#define _GNU_SOURCE
#include "plain.h"

#define LWT_TEST_SHORT
#include <dirent.h>
#include <fcntl.h>
#include <lwt-unix.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unix.h>

static char dir[] = "/tmp/lwt-content-XXXXXX";
static struct lwt_content *content;

static const char *path_of(const char *name)
{
  static char path[512];

  snprintf(path, sizeof path, "%s/%s", dir, name);
  return path;
}

static void file(const char *name, size_t len)
{
  uint8_t *bytes = malloc(len + 1);
  int fd = open(path_of(name), O_CREAT | O_TRUNC | O_WRONLY, 0644);

  plain_fill(5, 0, bytes, len);
  if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
    printf("Bail out! cannot write %s\n", path_of(name));
  close(fd);
  free(bytes);
}

static void tree(void)
{
  if (!mkdtemp(dir) || mkdir(path_of("root"), 0755) || mkdir(path_of("root/sub"), 0755))
    printf("Bail out! cannot make %s\n", dir);
  file("secret", 10);
  file("root/empty", 0);
  file("root/small", 100);
  file("root/page", 4096);
  file("root/big", 1000000);
  file("root/sub/deep", 7);
  if (symlink("../secret", path_of("root/out")) || symlink("..", path_of("root/up")) ||
      symlink("/etc/passwd", path_of("root/passwd")) ||
      symlink("sub/deep", path_of("root/in")) || symlink("loop", path_of("root/loop")) ||
      mkfifo(path_of("root/fifo"), 0644))
    printf("Bail out! cannot make links\n");
}

/* 0 and the entry, or the error. */
static int opened(const char *path, struct lwt_entry **entry)
{
  void *value = NULL;
  int error = lwt_run_value(LWT_UNTYPED(content->ops->open(content, path)), &value).code;

  *entry = value;
  return error;
}

static int error_of(const char *path)
{
  struct lwt_entry *entry;
  int error = opened(path, &entry);

  if (!error)
    content->ops->close(content, entry);
  return error;
}

/* The number of bytes of the chain, or the error; *bad: wrong ones. */
static int64_t get(struct lwt_entry *e, uint64_t offset, size_t len, size_t *bad)
{
  void *value = NULL;
  int error = lwt_run_value(LWT_UNTYPED(content->ops->read(content, e, offset, len)),
                            &value).code;
  struct lwt_buf *chain = value, *slice;
  int64_t n = error ? error : chain ? (int64_t)chain->total : 0;

  for (slice = chain; slice; slice = slice->next) {
    *bad += plain_check(5, offset, slice->data, slice->len);
    offset += slice->len;
  }
  lwt_buf_free(chain);
  return n;
}

static void read_all(const char *name, uint64_t size, size_t step)
{
  struct lwt_entry *e;
  uint64_t at = 0;
  size_t bad = 0;
  int64_t n = 1;

  is_int(opened(name, &e), 0, "open %s", name);
  is_int(e->size, size, "size");
  ok(e->mtime > 1700000000, "time");
  for (; n > 0; at += n > 0 ? (uint64_t)n : 0) {
    n = get(e, at, step, &bad);
    if (n > (int64_t)step)
      bad++;
  }
  ok(n == 0 && at == size && bad == 0, "%s by %zu bytes", name, step);
  is_int(get(e, size, 10, &bad), 0, "nothing at the end");
  is_int(get(e, UINT64_MAX, 10, &bad), 0, "nor far beyond");
  content->ops->close(content, e);
}

static void nothing_else(void)
{
  static const struct {
    const char *path;
    int error;
  } cases[] = {
    { "", LWT_EINVAL },          { "/", LWT_EINVAL },
    { "/small", LWT_EINVAL },    { "small/", LWT_EINVAL },
    { "sub//deep", LWT_EINVAL }, { ".", LWT_EINVAL },
    { "..", LWT_EINVAL },        { "./small", LWT_EINVAL },
    { "sub/../small", LWT_EINVAL }, { "../secret", LWT_EINVAL },
    { "sub/../../secret", LWT_EINVAL }, { "sub/..", LWT_EINVAL },
    { "none", LWT_ENOENT },      { "sub/none", LWT_ENOENT },
    { "none/small", LWT_ENOENT }, { "small/x", LWT_ENOENT },
    { "...", LWT_ENOENT },       { "..small", LWT_ENOENT },
    { "sub", LWT_EISDIR },       { "out", LWT_EACCES },
    { "passwd", LWT_EACCES },    { "loop", LWT_EACCES },
    { "fifo", LWT_EACCES },
  };
  char longer[600];
  size_t i;

  for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
    is_int(error_of(cases[i].path), cases[i].error, "\"%s\"", cases[i].path);
  ok(error_of("up/secret") < 0, "a link to the parent is no way out");
  memset(longer, 'a', sizeof longer - 1);
  longer[sizeof longer - 1] = '\0';
  is_int(error_of(longer), LWT_ENAMETOOLONG, "too long a name");
}

static void tags(void)
{
  struct lwt_entry *e;
  struct timespec times[2] = { { 1700000001, 0 }, { 1700000001, 0 } };
  uint64_t a = 0, b = 0, c = 0;

  if (opened("small", &e) == 0) {
    a = e->etag;
    content->ops->close(content, e);
  }
  if (opened("small", &e) == 0) {
    b = e->etag;
    content->ops->close(content, e);
  }
  ok(a == b, "the tag stays");
  times[1].tv_nsec = 12345;
  utimensat(AT_FDCWD, path_of("root/small"), times, 0);
  if (opened("small", &e) == 0) {
    c = e->etag;
    is_int(e->mtime, 1700000001, "the time in seconds");
    content->ops->close(content, e);
  }
  ok(a != c, "until the file is touched");
  times[1].tv_nsec = 12346;
  utimensat(AT_FDCWD, path_of("root/small"), times, 0);
  if (opened("small", &e) == 0) {
    ok(c != e->etag, "by a nanosecond");
    content->ops->close(content, e);
  }
  file("root/small", 100);
}

/* Drop what is going on in the thread pool, and free all under it. */
static void cancel(void)
{
  struct lwt_content *other = NULL;
  struct lwt_entry *e = NULL;
  lwt_t *p;

  is_int(lwt_platform_content(path_of("root"), &other), 0, "another content");
  lwt__no_openat2 = 1; /* never cached: always the pool */
  p = LWT_UNTYPED(other->ops->open(other, "big"));
  is_int(lwt_state(p), LWT_PENDING, "an open in the thread pool");
  lwt_cancel(p);
  is_int(lwt_run_value(p, NULL).code, LWT_ECANCELED, "is cancelled");
  p = LWT_UNTYPED(other->ops->open(other, "big"));
  lwt_drop(p);
  p = LWT_UNTYPED(other->ops->open(other, "big"));
  is_int(lwt_run_value(p, (void **)&e).code, 0, "one that is not");
  lwt_drop(LWT_UNTYPED(other->ops->read(other, e, 0, 100000)));
  other->ops->close(other, e);
  lwt_async(other->ops->free(other));
}

/* A file that shrinks while it is open. */
static void shrink(void)
{
  struct lwt_entry *e;
  size_t bad = 0;

  file("root/shrink", 10000);
  is_int(opened("shrink", &e), 0, "open");
  if (truncate(path_of("root/shrink"), 5000))
    ok(0, "truncate");
  is_int(get(e, 0, 10000, &bad), 5000, "what is left of it");
  is_int(get(e, 5000, 10000, &bad), 0, "and no more");
  content->ops->close(content, e);
}

static int descriptors(void)
{
  DIR *list = opendir("/proc/self/fd");
  int n = 0;

  while (list && readdir(list))
    n++;
  if (list)
    closedir(list);
  return n;
}

static uint64_t size_of(const char *path)
{
  struct lwt_entry *e;
  uint64_t size;

  if (opened(path, &e))
    return UINT64_MAX;
  size = e->size;
  content->ops->close(content, e);
  return size;
}

/* Small files stay open, but what they are is looked at each time. */
static void kept(void)
{
  struct lwt_content *before = content;
  struct lwt_entry *e;
  int n = descriptors(), one;
  size_t bad = 0;
  char name[80];
  unsigned i;

  is_int(lwt_platform_content(path_of("root"), &content), 0, "another content");
  file("root/some", 30);
  one = descriptors();
  is_int(size_of("some"), 30, "a small file");
  ok(descriptors() <= one + 1, "stays open");
  one = descriptors();
  is_int(size_of("some"), 30, "again");
  is_int(size_of("big"), 1000000, "and a big one");
  is_int(descriptors(), one, "which does not");
  file("root/some", 31);
  is_int(size_of("some"), 31, "rewritten");
  is_int(opened("some", &e), 0, "open");
  file("root/next", 32);
  snprintf(name, sizeof name, "%s/root/next", dir);
  is_int(rename(name, path_of("root/some")), 0, "another file of that name");
  is_int(size_of("some"), 32, "is seen");
  is_int(get(e, 0, 100, &bad), 31, "the old one is there for those who have it");
  content->ops->close(content, e);
  unlink(path_of("root/some"));
  is_int(error_of("some"), LWT_ENOENT, "removed");
  is_int(symlink("../secret", path_of("root/some")), 0, "a link instead");
  is_int(error_of("some"), LWT_EACCES, "is none to what is outside");
  unlink(path_of("root/some"));
  file("root/some", 33);
  is_int(size_of("some"), 33, "a file again");
  is_int(chmod(path_of("root/some"), 0), 0, "that nobody may read");
  is_int(error_of("some"), geteuid() ? LWT_EACCES : 0, "is asked for anew");
  unlink(path_of("root/some"));
  for (i = 0; i < 100; i++) {
    snprintf(name, sizeof name, "root/n%u", i);
    file(name, i);
    bad += size_of(name + 5) != i;
    unlink(path_of(name));
  }
  is_int(bad, 0, "a hundred more");
  ok(descriptors() <= n + 40, "few of them stay open");
  is_int(lwt_run(content->ops->free(content)), 0, "the end");
  is_int(descriptors(), n, "closes them");
  content = before;
}

/* The file name with len bytes of pattern 5 + shift, changed at another time. */
static void rewrite(const char *name, size_t len, int shift)
{
  struct timespec times[2] = { { 1700000002 + shift, 0 }, { 1700000002 + shift, 0 } };
  uint8_t *bytes = malloc(len);
  int fd = open(path_of(name), O_CREAT | O_WRONLY, 0644);

  memset(bytes, 'a' + shift, len);
  if (fd < 0 || write(fd, bytes, len) != (ssize_t)len || futimens(fd, times))
    printf("Bail out! cannot write %s\n", path_of(name));
  close(fd);
  free(bytes);
}

/* Opens path and reads all but its first byte: the number of slices, or 0 if what is
 * read is not len - 1 bytes of that letter. */
static int slices_of(const char *path, size_t len, int letter)
{
  struct lwt_entry *e;
  struct lwt_buf *chain = NULL, *slice;
  void *value = NULL;
  int n = 0, bad = 0;
  size_t i;

  if (opened(path, &e))
    return 0;
  lwt_run_value(LWT_UNTYPED(content->ops->read(content, e, 1, len)), &value);
  chain = value;
  for (slice = chain; slice; slice = slice->next, n++)
    for (i = 0; i < slice->len; i++)
      bad += slice->data[i] != letter;
  bad += !chain || chain->total != len - 1;
  lwt_buf_free(chain);
  content->ops->close(content, e);
  return bad ? 0 : n;
}

/* Whether the file system reads from memory only, if asked to. */
static int reads_cached(const char *name)
{
  char byte;
  struct iovec iov = { &byte, 1 };
  int fd = open(path_of(name), O_RDONLY), ok = preadv2(fd, &iov, 1, 0, RWF_NOWAIT) == 1;

  close(fd);
  return ok;
}

static void swap_directories(void)
{
  char from[512], to[512];

  snprintf(from, sizeof from, "%s/root/sub", dir);
  snprintf(to, sizeof to, "%s/root/gone", dir);
  is_int(rename(from, to), 0, "that is renamed");
  is_int(error_of("sub/deep"), LWT_ENOENT, "is not there");
  is_int(rename(path_of("root/other"), from), 0, "another one of its name");
  ok(slices_of("sub/deep", 10000, 'd') > 0, "has its own file");
  is_int(rename(from, path_of("root/other")), 0, "back");
  is_int(rename(to, from), 0, "and back");
}

/* What was asked for twice, and is old enough, is in memory; its file is looked at. */
static void remembered(void)
{
  struct lwt__content_times times = lwt__content_times;
  struct lwt_content *before = content;
  struct lwt_entry *e;
  void *value = NULL;

  is_int(lwt_platform_content(path_of("root"), &content), 0, "another content");
  rewrite("root/page10", 10000, 0);
  if (!reads_cached("root/page10")) {
    skip("the file system cannot RWF_NOWAIT", "what is kept in memory");
    unlink(path_of("root/page10"));
    is_int(lwt_run(content->ops->free(content)), 0, "the end");
    content = before;
    return;
  }
  ok(slices_of("page10", 10000, 'a') > 1 && slices_of("page10", 10000, 'a') > 1,
     "a file that was changed just now is in pages each time");
  lwt__content_times.settled = -1000;
  is_int(slices_of("page10", 10000, 'a'), 1, "an old one in memory, in one piece");
  is_int(opened("page10", &e), 0, "open");
  rewrite("root/page10", 10000, 1);
  lwt_run_value(LWT_UNTYPED(content->ops->read(content, e, 9999, 10)), &value);
  ok(value && *((struct lwt_buf *)value)->data == 'a',
     "what was opened before it was rewritten is as it was");
  lwt_buf_free(value);
  content->ops->close(content, e);
  ok(slices_of("page10", 10000, 'b') > 1, "then it is read anew");
  is_int(slices_of("page10", 10000, 'b'), 1, "and kept again");
  rewrite("root/sub/deep", 10000, 2);
  if (mkdir(path_of("root/other"), 0755))
    printf("Bail out! cannot make a directory\n");
  rewrite("root/other/deep", 10000, 3);
  lwt__content_times.path = 0;
  ok(slices_of("sub/deep", 10000, 'c') && slices_of("sub/deep", 10000, 'c'),
     "in a directory");
  swap_directories();
  unlink(path_of("root/sub/deep"));
  unlink(path_of("root/page10"));
  is_int(error_of("page10"), LWT_ENOENT, "removed");
  unlink(path_of("root/other/deep"));
  rmdir(path_of("root/other"));
  file("root/sub/deep", 7);
  is_int(lwt_run(content->ops->free(content)), 0, "the end");
  lwt__content_times = times;
  content = before;
}

static void all(void)
{
  struct lwt_content *none;
  size_t bad = 0;
  struct lwt_entry *e;

  is_int(lwt_platform_content(path_of("nowhere"), &none), LWT_ENOENT, "no directory");
  is_int(lwt_platform_content(path_of("secret"), &none), LWT_ENOTDIR, "a file");
  is_int(lwt_platform_content(path_of("root"), &content), 0, "the content");
  read_all("empty", 0, 100);
  read_all("small", 100, 33);
  read_all("page", 4096, 4096);
  read_all("big", 1000000, 1);
  read_all("big", 1000000, 77777);
  read_all("big", 1000000, 100000000);
  read_all("sub/deep", 7, 10);
  nothing_else();
  tags();
  shrink();
  kept();
  remembered();
  is_int(opened("small", &e), 0, "open");
  is_int(get(e, 0, 0, &bad), LWT_EINVAL, "read nothing");
  content->ops->close(content, e);
  if (!lwt__no_openat2)
    read_all("in", 7, 10); /* a link that stays inside */
  else
    is_int(error_of("in"), LWT_EACCES, "links are refused");
  cancel();
  lwt_async(content->ops->free(content));
}

int main(void)
{
  char command[100];

  tree();
  all();
  lwt__no_openat2 = 1;
  all();
  lwt_platform_cleanup();
  is_int(lwt_timers(), 0, "no timer left");
  is_int(lwt_live(), 0, "no promise left");
  is_int(lwt_buf_live(), 0, "no packet left");
  snprintf(command, sizeof command, "rm -rf %s", dir);
  is_int(system(command), 0, "cleaned up");
  return lwt_test_done();
}
