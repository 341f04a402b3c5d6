/* t-unix-pipe.c - pipes, local sockets, terminals, standard streams; group FD.
 * SPDX-License-Identifier: ISC
 */
#define _GNU_SOURCE /* posix_openpt, pipe2 */
#include "plain.h"
#include "unix-calls.h"

#include <fcntl.h>
#include <lwt-unix.h>
#include <lwt-unix/pipe.h>
#include <lwt/test.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static int state(void *p)
{
  return lwt_state(p);
}

/* ---- Anonymous pipes --------------------------------------------------- */

static void at_once(void)
{
  struct lwt_flow *f[2];
  char bytes[10];
  lwt_size_p *p;
  lwt_t *q;

  is_int(lwt_unix_pipe(f), 0, "a pipe");
  q = lwt_flow_write(f[1], "abc", 3);
  is_int(state(q), LWT_FULFILLED, "FD-01 a write that the pipe takes is done at once");
  lwt_drop(q);
  p = lwt_flow_read(f[0], bytes, 10);
  is_int(state(p), LWT_FULFILLED, "FD-01 as is a read of what is there");
  is_int(number(p), 3, "three bytes");
  p = lwt_flow_read(f[0], bytes, 10);
  is_int(state(p), LWT_PENDING, "FD-02 nothing there: pending");
  is_int(number(lwt_flow_read(f[0], bytes, 1)), LWT_EBUSY,
         "FD-03 (differs) one read at a time");
  lwt_cancel(LWT_UNTYPED(p));
  is_int(number(p), LWT_ECANCELED, "FD-02 cancelled");
  lwt_drop(lwt_flow_write(f[1], "def", 3));
  is_int(number(lwt_flow_read(f[0], bytes, 2)), 2, "FD-02 no byte was consumed");
  is_int(memcmp(bytes, "de", 2), 0, "the first two");
  is_int(number(lwt_flow_read(f[0], bytes, 9)), 1, "the third");
  p = lwt_flow_read(f[0], bytes, 10);
  lwt_run(lwt_pause());
  lwt_drop(lwt_flow_write(f[1], "g", 1));
  is_int(number(p), 1, "FD-09 a waiting read gets what comes");
  is_int(number(lwt_flow_read(f[1], bytes, 1)), LWT_EBADF, "no reading from the end");
  is_int(outcome(lwt_flow_write(f[0], "x", 1), NULL), LWT_EBADF, "nor writing");
  is_int(lwt_flow_peer(f[0]).family, 0, "no address");
  p = lwt_flow_read(f[0], bytes, 10);
  is_int(outcome(lwt_flow_shutdown(f[1]), NULL), 0, "shutdown closes the writing end");
  is_int(number(p), 0, "FD-07 0 at the end");
  is_int(number(lwt_flow_read(f[0], bytes, 10)), 0, "FD-07 and again");
  is_int(outcome(lwt_flow_write(f[1], "x", 1), NULL), LWT_EPIPE, "no more writes");
  is_int(outcome(lwt_flow_close(f[1]), NULL), 0, "close");
  is_int(outcome(lwt_flow_close(f[0]), NULL), 0, "close");
}

static void ends(void)
{
  struct lwt_flow *f[2];
  char bytes[10];
  lwt_size_p *p;
  lwt_t *close;

  lwt_unix_pipe(f);
  p = lwt_flow_read(f[0], bytes, 10);
  close = lwt_flow_close(f[0]);
  is_int(state(p), LWT_REJECTED, "FD-04 (differs) close rejects a pending read");
  is_int(number(p), LWT_ECONNABORTED, "FD-04 with LWT_ECONNABORTED");
  is_int(outcome(close, NULL), 0, "closed");
  is_int(outcome(lwt_flow_write(f[1], "x", 1), NULL), LWT_EPIPE,
         "nobody reads: an error, and no SIGPIPE");
  lwt_flow_abort(f[1]);
  lwt_unix_pipe(f);
  p = lwt_flow_read(f[0], bytes, 10);
  lwt_flow_abort(f[0]);
  is_int(number(p), LWT_ECONNABORTED, "FD-06 abort rejects what is pending");
  lwt_flow_abort(f[1]);
}

/* More than a pipe holds: the writer waits for the reader. */
static void large(void)
{
  enum { SIZE = 1000003 };
  uint8_t *bytes = malloc(SIZE), *got = malloc(SIZE);
  struct lwt_flow *f[2];
  intptr_t now;
  size_t n = 0;
  lwt_t *p;

  plain_fill(2, 0, bytes, SIZE);
  lwt_unix_pipe(f);
  p = lwt_flow_write(f[1], bytes, SIZE);
  is_int(state(p), LWT_PENDING, "FD-13 a long write waits");
  is_int(outcome(lwt_flow_write(f[1], "x", 1), NULL), LWT_EBUSY, "one write at a time");
  while (n < SIZE && (now = number(lwt_flow_read(f[0], got + n, SIZE - n))) > 0)
    n += (size_t)now;
  is_int(outcome(p, NULL), 0, "FD-13 and is complete when all was read");
  is_int(n, SIZE, "all of it");
  is_int(plain_check(2, 0, got, SIZE), 0, "unchanged");
  lwt_drop(lwt_flow_write_buf(f[1], lwt_buf_copy_in(0, bytes, 9000)));
  for (n = 0; n < 9000;) {
    struct lwt_buf *chain = NULL;

    outcome(lwt_flow_read_buf(f[0], 5000), (void **)&chain);
    if (!chain)
      break;
    n += chain->total;
    lwt_buf_free(chain);
  }
  is_int(n, 9000, "FD-13 many slices in one call");
  p = lwt_flow_write(f[1], bytes, SIZE);
  lwt_drop(lwt_flow_close(f[1]));
  for (n = 0; (now = number(lwt_flow_read(f[0], got, SIZE))) > 0;)
    n += (size_t)now;
  is_int(n, SIZE, "close writes out what was pending");
  is_int(outcome(p, NULL), 0, "the write is complete");
  is_int(outcome(lwt_flow_close(f[0]), NULL), 0, "close");
  free(bytes);
  free(got);
}

/* ---- Sockets ----------------------------------------------------------- */

static char dir[] = "/tmp/lwt-t-unix-pipe-XXXXXX";
static char path[100];

static void named(void)
{
  struct lwt_listener *l, *m;
  struct lwt_flow *a = NULL, *b = NULL;
  lwt_flow_p *p;
  char bytes[10], *name;

  is_int(lwt_unix_listen(path, 5, &l), 0, "FD-12 listen at a path");
  is_int(lwt_unix_listen(path, 5, &m), LWT_EADDRINUSE, "FD-12 once");
  p = lwt_accept(l);
  is_int(outcome(lwt_unix_connect(path), (void **)&a), 0, "connect");
  is_int(outcome(p, (void **)&b), 0, "accept");
  lwt_drop(lwt_flow_write(a, "hello", 5));
  is_int(number(lwt_flow_read(b, bytes, 10)), 5, "there");
  lwt_drop(lwt_flow_write(b, "you", 3));
  is_int(number(lwt_flow_read(a, bytes, 10)), 3, "and back");
  is_int(outcome(lwt_flow_shutdown(a), NULL), 0, "one side");
  is_int(number(lwt_flow_read(b, bytes, 10)), 0, "is shut");
  is_int(outcome(lwt_flow_write(b, "x", 1), NULL), 0, "the other is not");
  p = lwt_accept(l);
  lwt_listener_close(l);
  is_int(outcome(p, NULL), LWT_ECONNABORTED, "FD-12 closed: who accepts is told");
  lwt_drop(lwt_flow_close(b));
  is_int(outcome(lwt_flow_close(a), NULL), 0, "close");
  is_int(outcome(lwt_unix_connect(path), NULL), LWT_ENOENT, "the name is gone");
  name = malloc(300);
  memset(name, 'a', 299);
  name[299] = '\0';
  is_int(lwt_unix_listen(name, 5, &l), LWT_ENAMETOOLONG, "too long");
  is_int(outcome(lwt_unix_connect(name), NULL), LWT_ENAMETOOLONG, "either way");
  free(name);
}

static void pairs(void)
{
  struct lwt_flow *f[2], *again;
  int fd = open("/etc/passwd", O_RDONLY), fds[2];
  char bytes[10];

  is_int(lwt_unix_socketpair(f), 0, "a pair of sockets");
  lwt_drop(lwt_flow_write(f[0], "x", 1));
  is_int(number(lwt_flow_read(f[1], bytes, 10)), 1, "connected");
  lwt_flow_abort(f[0]);
  is_int(number(lwt_flow_read(f[1], bytes, 10)), 0, "the end");
  lwt_flow_abort(f[1]);
  is_int(lwt_unix_flow(fd, &again), LWT_EINVAL, "FD-10 a file is none of these");
  is_int(fcntl(fd, F_GETFD), 0, "and stays ours");
  close(fd);
  is_int(lwt_unix_flow(fd, &again), LWT_EBADF, "FD-05 a closed descriptor");
  if (pipe(fds))
    return;
  is_int(lwt_unix_flow(fds[0], &again), 0, "a descriptor of the program's");
  ok(fcntl(fds[0], F_GETFD) & FD_CLOEXEC, "FD-17 becomes close-on-exec");
  is_int(write(fds[1], "abc", 3), 3, "write");
  is_int(number(lwt_flow_read(again, bytes, 10)), 3, "read");
  close(fds[1]);
  is_int(number(lwt_flow_read(again, bytes, 10)), 0, "end");
  lwt_flow_abort(again);
}

/* ---- The standard streams ---------------------------------------------- */

static void as_stdin(int fd, void (*body)(void))
{
  int saved = dup(0);

  dup2(fd, 0);
  body();
  dup2(saved, 0);
  close(saved);
}

static struct lwt_flow *in(void)
{
  struct lwt_flow *flow = NULL;

  is_int(lwt_unix_stdio(0, &flow), 0, "a flow on standard input");
  return flow;
}

static void a_pipe(void)
{
  struct lwt_flow *flow = in();
  char bytes[10];

  is_int(fcntl(0, F_GETFL) & O_NONBLOCK, 0, "FD-11 whose flags are not changed");
  is_int(number(lwt_flow_read(flow, bytes, 10)), 4, "what was in the pipe");
  is_int(outcome(lwt_flow_close(flow), NULL), 0, "closed");
  is_int(fcntl(0, F_GETFD), 0, "FD-11 it stays open");
}

static void a_file(void)
{
  struct lwt_flow *flow = in();
  char bytes[10];

  is_int(number(lwt_flow_read(flow, bytes, 4)), 4, "a file");
  is_int(lseek(0, 0, SEEK_CUR), 4, "FD-11 at the position that others share");
  is_int(number(lwt_flow_read(flow, bytes, 4)), 4, "goes on");
  is_int(outcome(lwt_flow_close(flow), NULL), 0, "closed");
}

static void nothing(void)
{
  struct lwt_flow *flow = in();
  char byte;

  is_int(number(lwt_flow_read(flow, &byte, 1)), 0, "/dev/null has no bytes");
  is_int(outcome(lwt_flow_close(flow), NULL), 0, "closed");
}

static void stdio(void)
{
  int fds[2], fd;

  if (pipe2(fds, O_CLOEXEC))
    return;
  is_int(write(fds[1], "abcd", 4), 4, "write");
  as_stdin(fds[0], a_pipe);
  close(fds[0]);
  close(fds[1]);
  fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
  as_stdin(fd, a_file);
  close(fd);
  fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  as_stdin(fd, nothing);
  close(fd);
}

/* ---- Terminals --------------------------------------------------------- */

static void terminals(void)
{
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
  struct winsize size = { .ws_row = 24, .ws_col = 80 };
  struct termios before, now;
  struct lwt_flow *m, *s;
  unsigned columns = 0, rows = 0;
  char bytes[10];
  lwt_t *p;

  if (master < 0 || grantpt(master) || unlockpt(master) ||
      (slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0) {
    skip("no pseudo terminal", "terminals");
    return;
  }
  ioctl(master, TIOCSWINSZ, &size);
  is_int(lwt_tty_size(slave, &columns, &rows), 0, "the size");
  ok(columns == 80 && rows == 24, "is right");
  is_int(lwt_tty_raw(slave, &before), 0, "raw");
  is_int(lwt_unix_flow(slave, &s), 0, "a terminal is a flow");
  is_int(lwt_unix_flow(master, &m), 0, "both ends");
  lwt_drop(lwt_flow_write(m, "q", 1));
  is_int(number(lwt_flow_read(s, bytes, 10)), 1, "a key without a line");
  lwt_drop(lwt_flow_write(s, "\n", 1));
  is_int(number(lwt_flow_read(m, bytes, 10)), 1, "neither echo nor translation");
  is_int(lwt_tty_restore(slave, &before), 0, "restore");
  tcgetattr(slave, &now);
  ok(now.c_lflag & ECHO, "is as before");
  is_int(outcome(lwt_flow_shutdown(s), NULL), 0, "shutdown does nothing");
  lwt_drop(lwt_flow_close(s));
  is_int(outcome(lwt_flow_close(m), NULL), 0, "close");
  master = open("/dev/null", O_RDWR);
  is_int(lwt_tty_raw(master, &before), LWT_ENOTSUP, "not a terminal");
  is_int(lwt_tty_size(master, &columns, &rows), LWT_ENOTSUP, "has no size");
  close(master);
  p = lwt_tty_resized();
  raise(SIGWINCH);
  is_int(outcome(p, NULL), 0, "SIGWINCH tells of another size");
}

/* ---- Out of memory ----------------------------------------------------- */

static void everything(void *env)
{
  static char sea[200000];
  struct lwt_listener *l;
  struct lwt_flow *f[2];
  lwt_t *p;

  (void)env;
  if (lwt_unix_pipe(f) == 0) {
    p = lwt_flow_write(f[1], sea, sizeof sea);
    outcome(lwt_flow_read(f[0], sea, 10), NULL);
    lwt_drop(p);
    lwt_drop(lwt_flow_close(f[0]));
    outcome(lwt_flow_close(f[1]), NULL);
  }
  if (lwt_unix_listen(path, 1, &l) == 0) {
    p = LWT_UNTYPED(lwt_accept(l));
    if (outcome(lwt_unix_connect(path), (void **)&f[0]) == 0)
      lwt_flow_abort(f[0]);
    lwt_drop(p);
    lwt_listener_close(l);
  }
  lwt_platform_cleanup();
}

int main(void)
{
  size_t fds;

  lwt_test_memory();
  if (!mkdtemp(dir))
    return 1;
  snprintf(path, sizeof path, "%s/socket", dir);
  lwt_platform_engine(); /* libuv keeps some descriptors of its own */
  lwt_platform_cleanup();
  fds = open_fds();
  at_once();
  ends();
  large();
  named();
  pairs();
  stdio();
  terminals();
  lwt_platform_cleanup();
  no_memory_of(everything, 8);
  is_int(open_fds(), fds, "no descriptor is left");
  rmdir(dir);
  is_int(lwt_buf_live(), 0, "no packet left");
  is_int(lwt_timers(), 0, "no timer left");
  is_int(lwt_live(), 0, "no promise left");
  return lwt_test_done();
}
