/* t-unix-file.c - files, directories, temporary ones; parts of the groups FD, IO.
 * SPDX-License-Identifier: ISC
 */
#include "plain.h"
#include "unix-calls.h"

#include <fcntl.h>
#include <lwt-unix.h>
#include <lwt-unix/file.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char root[] = "/tmp/lwt-t-unix-file-XXXXXX";
static char path_text[4][200];

static const char *at(const char *name)
{
  static int i;
  char *text = path_text[i++ % 4];

  snprintf(text, sizeof path_text[0], "%s/%s", root, name);
  return text;
}

static void *value_of(void *p)
{
  void *value = NULL;

  outcome(p, &value);
  return value;
}

static struct lwt_file *opened(const char *name, int flags)
{
  return value_of(lwt_file_open(at(name), flags, 0600));
}

/* ---- Reading and writing ----------------------------------------------- */

static void positions(void)
{
  struct lwt_file *f = opened("a", O_RDWR | O_CREAT);
  char bytes[20] = "";
  struct stat *st;

  ok(f, "IO-15 open creates");
  ok(fcntl(lwt_file_fd(f), F_GETFD) & FD_CLOEXEC, "FD-17 close-on-exec");
  is_int(outcome(lwt_file_write(f, "hello world", 11), NULL), 0, "write");
  is_int(lwt_file_tell(f), 11, "the position moves");
  is_int(number(lwt_file_read(f, bytes, 20)), 0, "FD-07 0 at the end of the file");
  lwt_file_seek(f, 6);
  is_int(number(lwt_file_read(f, bytes, 20)), 5, "what there is");
  is_str(bytes, "world", "from the position");
  is_int(outcome(lwt_file_pwrite(f, "J", 1, 0), NULL), 0, "FD-15 pwrite");
  is_int(number(lwt_file_pread(f, bytes, 5, 0)), 5, "FD-15 pread");
  ok(!memcmp(bytes, "Jello", 5), "the bytes");
  is_int(lwt_file_tell(f), 11, "neither moves the position");
  is_int(outcome(lwt_file_truncate(f, 4), NULL), 0, "truncate");
  st = value_of(lwt_file_stat(f));
  is_int(st ? st->st_size : -1, 4, "stat");
  free(st);
  is_int(outcome(lwt_file_sync(f), NULL), 0, "sync");
  is_int(number(lwt_file_read(f, bytes, 0)), LWT_EINVAL, "nothing to read into");
  is_int(outcome(lwt_file_close(f), NULL), 0, "close");
  f = opened("a", O_RDONLY);
  is_int(outcome(lwt_file_write(f, "x", 1), NULL), LWT_EBADF, "not open for writing");
  is_int(outcome(lwt_file_close(f), NULL), 0, "close");
  is_int(outcome(lwt_file_open(at("none"), O_RDONLY, 0), NULL), LWT_ENOENT,
         "IO-15 absent");
  is_int(outcome(lwt_file_open("/dev/tty/x", O_RDONLY, 0), NULL), LWT_ENOTDIR, "no such");
  mkfifo(at("fifo"), 0600);
  is_int(outcome(lwt_file_open(at("fifo"), O_RDONLY, 0), NULL), LWT_ENOTSUP,
         "FD-10 a pipe is no file, and does not block");
}

/* More than a piece, and than the kernel takes at once. */
static void large(void)
{
  enum { SIZE = 1000003 };
  uint8_t *bytes = malloc(SIZE), *got = malloc(SIZE + 1);
  struct lwt_file *f = opened("large", O_RDWR | O_CREAT);
  size_t n = 0;
  intptr_t now;

  plain_fill(1, 0, bytes, SIZE);
  is_int(outcome(lwt_file_write(f, bytes, SIZE), NULL), 0, "a megabyte");
  is_int(lwt_file_tell(f), SIZE, "is written");
  lwt_file_seek(f, 0);
  while ((now = number(lwt_file_read(f, got + n, SIZE - n ? SIZE - n : 1))) > 0)
    n += (size_t)now;
  is_int(n, SIZE, "is read");
  is_int(plain_check(1, 0, got, SIZE), 0, "unchanged");
  is_int(outcome(lwt_file_close(f), NULL), 0, "close");
  free(bytes);
  free(got);
}

static void as_flows(void)
{
  struct lwt_file *from = opened("large", O_RDONLY);
  struct lwt_file *to = opened("copy", O_RDWR | O_CREAT);
  struct lwt_flow *a = lwt_file_flow(from), *b = lwt_file_flow(to);
  struct lwt_bytes *bytes;

  is_int(number(lwt_flow_splice(a, b)), 1000003, "a file is a flow: spliced to another");
  is_int(lwt_flow_peer(a).family, 0, "without an address");
  is_int(outcome(lwt_flow_close(a), NULL), 0, "close");
  is_int(outcome(lwt_flow_close(b), NULL), 0, "close");
  bytes = value_of(lwt_file_load(at("copy"), 2000000));
  is_int(bytes ? bytes->len : 0, 1000003, "load");
  is_int(plain_check(1, 0, (uint8_t *)bytes->bytes, bytes->len), 0, "the same");
  free(bytes);
}

/* Anonymous memory is not what RWF_NOWAIT knows; /proc always takes a thread. */
static void slow_ones(void)
{
  struct lwt_file *f = value_of(lwt_file_open("/proc/self/stat", O_RDONLY, 0));
  char bytes[10];
  lwt_size_p *p, *q;
  lwt_t *close;

  p = lwt_file_read(f, bytes, 4);
  if (lwt_state(LWT_UNTYPED(p)) == LWT_PENDING) {
    q = lwt_file_read(f, bytes, 4);
    is_int(number(q), LWT_EBUSY, "one read at the position at a time");
  } else {
    skip("the kernel has it", "one read at the position at a time");
  }
  lwt_cancel(LWT_UNTYPED(p));
  lwt_drop(LWT_UNTYPED(p));
  is_int(number(lwt_file_read(f, bytes, 4)), 4, "FD-02 after a cancelled read");
  is_int(lwt_file_tell(f), 4, "FD-02 no byte was consumed");
  p = lwt_file_read(f, bytes, 4);
  close = lwt_file_close(f);
  is_int(number(p), 4, "FD-04 (differs) a read under way when the file is closed");
  is_int(outcome(close, NULL), 0, "ends before the close");
}

/* ---- Names and directories --------------------------------------------- */

static void names(void)
{
  struct stat *st;

  is_int(outcome(lwt_path_mkdir(at("d"), 0700), NULL), 0, "mkdir");
  is_int(outcome(lwt_path_mkdir(at("d"), 0700), NULL), LWT_EEXIST, "once");
  is_int(outcome(lwt_path_rename(at("copy"), at("d/c")), NULL), 0, "rename");
  is_int(outcome(lwt_path_truncate(at("d/c"), 7), NULL), 0, "truncate by name");
  st = value_of(lwt_path_stat(at("d/c"), 1));
  is_int(st ? st->st_size : -1, 7, "stat by name");
  free(st);
  if (symlink("c", at("d/link")))
    ok(0, "symlink");
  st = value_of(lwt_path_stat(at("d/link"), 0));
  ok(st && S_ISLNK(st->st_mode), "of the link itself");
  free(st);
  is_int(outcome(lwt_path_rmdir(at("d")), NULL), LWT_EEXIST, "not empty");
  is_int(outcome(lwt_path_unlink(at("d/c")), NULL), 0, "IO-15 unlink");
  is_int(outcome(lwt_path_unlink(at("d/c")), NULL), LWT_ENOENT, "gone");
  is_int(outcome(lwt_path_remove_all(at("d")), NULL), 0, "remove all");
  is_int(outcome(lwt_path_stat(at("d"), 1), NULL), LWT_ENOENT, "the directory is gone");
  is_int(outcome(lwt_file_load(root, 100), NULL), LWT_EISDIR,
         "IO-11 a directory has no bytes");
}

static int read_all(struct lwt_dir *d, size_t max, size_t *batches)
{
  struct lwt_names *names;
  size_t i, seen = 0;

  for (*batches = 0; (names = value_of(lwt_dir_read(d, max))); ++*batches) {
    if (names->n > max)
      return -1;
    for (i = 0; i < names->n; i++)
      seen += names->name[i][0] == 'f';
    free(names);
  }
  return (int)seen;
}

static void directories(void)
{
  char name[20];
  struct lwt_dir *d;
  size_t batches;
  lwt_names_p *p;
  int i;

  mkdir(at("many"), 0700);
  for (i = 0; i < 25; i++) {
    snprintf(name, sizeof name, "many/f%d", i);
    close(open(at(name), O_CREAT | O_WRONLY, 0600));
  }
  is_int(outcome(lwt_dir_open(at("a")), NULL), LWT_ENOTDIR, "a file is no directory");
  d = value_of(lwt_dir_open(at("many")));
  is_int(read_all(d, 10, &batches), 25, "FD-19 all names");
  is_int(batches, 3, "FD-19 in bounded batches");
  is_int(number(lwt_dir_read(d, 10)), 0, "FD-19 still at the end");
  lwt_dir_rewind(d);
  is_int(read_all(d, 5000, &batches), 25, "FD-19 rewound");
  is_int(number(lwt_dir_read(d, 0)), LWT_EINVAL, "no batch of nothing");
  lwt_dir_rewind(d);
  p = lwt_dir_read(d, 100);
  is_int(number(lwt_dir_read(d, 1)), LWT_EBUSY, "one read at a time");
  lwt_drop(LWT_UNTYPED(p));
  lwt_dir_rewind(d);
  is_int(read_all(d, 100, &batches), 25, "after one that was cancelled");
  p = lwt_dir_read(d, 100);
  lwt_dir_close(d);
  is_int(number(p), 0, "closed meanwhile: the read goes on");
}

/* ---- Temporary files --------------------------------------------------- */

static char temp_path[200];

static void *eight(void *env, void *value)
{
  (void)env;
  (void)value;
  return (void *)8;
}

static lwt_t *use_temp(void *env, const char *path)
{
  char file[300];

  snprintf(temp_path, sizeof temp_path, "%s", path);
  snprintf(file, sizeof file, "%s/below", path);
  mkdir(file, 0700);
  snprintf(file, sizeof file, "%s/below/file", path);
  close(open(file, O_CREAT | O_WRONLY, 0600));
  return env ? lwt_fail(LWT_EIO, "body") : lwt_map(lwt_pause(), eight, NULL);
}

static void temporaries(void)
{
  struct lwt_file *f = value_of(lwt_file_temp(root));
  char *path = strdup(lwt_file_path(f));
  lwt_t *p;

  ok(access(path, F_OK) == 0, "IO-10 a temporary file is there");
  is_int(outcome(lwt_file_write(f, "x", 1), NULL), 0, "written to");
  is_int(outcome(lwt_file_close(f), NULL), 0, "closed");
  ok(access(path, F_OK) != 0, "IO-10 and gone");
  free(path);
  f = value_of(lwt_file_temp(root));
  unlink(lwt_file_path(f));
  is_int(outcome(lwt_file_close(f), NULL), 0, "IO-10 one that was removed before");
  is_int(outcome(lwt_file_temp("/none"), NULL), LWT_ENOENT, "no such directory");

  is_int(number(lwt_with_temp_dir(root, use_temp, NULL)), 8, "IO-10 a directory");
  ok(access(temp_path, F_OK) != 0, "IO-10 removed with all that was in it");
  is_int(number(lwt_with_temp_dir(root, use_temp, root)), LWT_EIO, "IO-10 or an error");
  ok(access(temp_path, F_OK) != 0, "IO-10 removed as well");
  p = lwt_with_temp_dir(root, use_temp, NULL);
  lwt_drop(p);
  lwt_drop(LWT_UNTYPED(lwt_file_temp(root)));
}

static void whole(void)
{
  struct lwt_bytes *b;
  struct stat st;

  is_int(outcome(lwt_file_store(at("s"), "one\n", 4, 0640), NULL), 0, "store");
  is_int(outcome(lwt_file_store(at("s"), "three\n", 6, 0640), NULL), 0, "over it");
  b = value_of(lwt_file_load(at("s"), 6));
  is_str(b ? b->bytes : NULL, "three\n", "load, exactly at the limit");
  free(b);
  stat(at("s"), &st);
  is_int(st.st_mode & 0777, 0640, "the mode");
  is_int(outcome(lwt_file_load(at("s"), 5), NULL), LWT_EFBIG, "more than the limit");
  b = value_of(lwt_file_load("/proc/self/cmdline", 10000));
  ok(b && b->len > 5, "a file that says that it is empty");
  free(b);
  is_int(outcome(lwt_file_load("/dev/zero", 100000), NULL), LWT_EFBIG,
         "one without an end ends at the limit");
  is_int(outcome(lwt_file_store(at("no/s"), "x", 1, 0600), NULL), LWT_ENOENT, "nowhere");
  is_int(outcome(lwt_file_store(at("e"), NULL, 0, 0600), NULL), 0, "nothing");
  b = value_of(lwt_file_load(at("e"), 0));
  ok(b && b->len == 0, "is an empty file");
  free(b);
}

/* ---- Out of memory ----------------------------------------------------- */

static void everything(void *env)
{
  struct lwt_file *f;
  struct lwt_dir *d;
  char bytes[10];

  (void)env;
  if ((f = value_of(lwt_file_open("/proc/self/stat", O_RDONLY, 0)))) {
    outcome(lwt_file_read(f, bytes, 10), NULL);
    lwt_buf_free(value_of(lwt_flow_read_buf(lwt_file_flow(f), 100)));
    outcome(lwt_file_close(f), NULL);
  }
  if ((f = value_of(lwt_file_temp(root)))) {
    outcome(lwt_file_write(f, root, sizeof root), NULL);
    free(value_of(lwt_file_stat(f)));
    lwt_flow_abort(lwt_file_flow(f));
  }
  if ((d = value_of(lwt_dir_open(root)))) {
    free(value_of(lwt_dir_read(d, 3)));
    lwt_dir_close(d);
  }
  outcome(lwt_with_temp_dir(root, use_temp, NULL), NULL);
  outcome(lwt_file_store(at("s"), "x", 1, 0600), NULL);
  free(value_of(lwt_file_load(at("s"), 10)));
  lwt_platform_cleanup();
}

static void no_memory(void)
{
  struct lwt_names *left;
  size_t i, temps = 0;
  struct lwt_dir *d;

  no_memory_of(everything, 40);
  d = value_of(lwt_dir_open(root));
  left = value_of(lwt_dir_read(d, 100));
  for (i = 0; i < left->n; i++)
    temps += !strncmp(left->name[i], "lwt-", 4);
  free(left);
  lwt_dir_close(d);
  is_int(temps, 0, "no temporary file is left, of cancelled ones neither");
}

int main(void)
{
  size_t fds;

  lwt_test_memory();
  if (!mkdtemp(root))
    return 1;
  lwt_platform_engine(); /* libuv keeps some descriptors of its own */
  lwt_platform_cleanup();
  fds = open_fds();
  positions();
  large();
  as_flows();
  slow_ones();
  names();
  directories();
  temporaries();
  whole();
  lwt_platform_cleanup();
  is_int(open_fds(), fds, "no descriptor is left");
  no_memory();
  is_int(outcome(lwt_path_remove_all(root), NULL), 0, "remove all");
  lwt_platform_cleanup();
  is_int(open_fds(), fds, "no descriptor is left");
  is_int(lwt_buf_live(), 0, "no packet left");
  is_int(lwt_timers(), 0, "no timer left");
  is_int(lwt_live(), 0, "no promise left");
  return lwt_test_done();
}
