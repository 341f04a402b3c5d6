/* pipe.c - pipes, local sockets, terminals and the standard streams.
 * SPDX-License-Identifier: ISC
 *
 * The flows are those of tcp.c.
 */
#define _GNU_SOURCE /* pipe2 */
#include "fs.h"
#include "tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <lwt-unix.h>
#include <lwt-unix/pipe.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- Descriptors ------------------------------------------------------- */

/* What libuv can wait for: it aborts on what it cannot. */
static int kind_of(int fd, enum stream *kind)
{
  struct stat st;

  if (fstat(fd, &st))
    return lwt__unix_errno();
  if (S_ISSOCK(st.st_mode))
    *kind = LOCAL;
  else if (S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd)))
    *kind = PIPE;
  else
    return LWT_EINVAL;
  return 0;
}

int lwt_unix_flow(int fd, struct lwt_flow **flow)
{
  struct lwt_unix *u = lwt__unix_here();
  int mode = fcntl(fd, F_GETFL), error;
  enum stream kind;
  struct tcp *t;

  if ((error = kind_of(fd, &kind)))
    return error;
  if (mode < 0)
    return lwt__unix_errno();
  if (!u || !(t = lwt__tcp_new(NULL, u->loop, kind)))
    return LWT_ENOMEM;
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  error = uv_pipe_open(&t->handle.pipe, fd);
  if (error) {
    lwt_flow_abort(&t->flow);
    return lwt__unix_error(error);
  }
  lwt__ignore_sigpipe();
  t->no_read = (mode & O_ACCMODE) == O_WRONLY;
  t->no_write = (mode & O_ACCMODE) == O_RDONLY;
  lwt__tcp_opened(t);
  *flow = &t->flow;
  return 0;
}

/* Two descriptors as flows; closes them if that fails. */
static int two_flows(int fds[2], struct lwt_flow *ends[2])
{
  int error = lwt_unix_flow(fds[0], &ends[0]);

  if (error) {
    close(fds[0]);
    close(fds[1]);
    return error;
  }
  if ((error = lwt_unix_flow(fds[1], &ends[1]))) {
    lwt_flow_abort(ends[0]);
    close(fds[1]);
  }
  return error;
}

int lwt_unix_pipe(struct lwt_flow *ends[2])
{
  int fds[2];

  return pipe2(fds, O_CLOEXEC) ? lwt__unix_errno() : two_flows(fds, ends);
}

int lwt_unix_socketpair(struct lwt_flow *ends[2])
{
  int fds[2];

  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
    return lwt__unix_errno();
  return two_flows(fds, ends);
}

/* ---- The standard streams ---------------------------------------------- */

/* Non-blocking is a property of what several descriptors share: open it again. */
static int reopen(int fd)
{
  char path[40];
  int mode = fcntl(fd, F_GETFL), again;

  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  again = open(path, (mode & (O_ACCMODE | O_APPEND)) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  return again >= 0 ? again : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

int lwt_unix_stdio(int fd, struct lwt_flow **flow)
{
  enum stream kind;
  int own, error = kind_of(fd, &kind);

  if (error && error != LWT_EINVAL)
    return error;
  own = !error && kind == PIPE ? reopen(fd) : fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (own < 0)
    return lwt__unix_errno();
  if (!error)
    error = lwt_unix_flow(own, flow);
  else
    error = (*flow = lwt__file_shared(own)) ? 0 : LWT_ENOMEM;
  if (error)
    close(own);
  return error;
}

/* ---- Local sockets with names ------------------------------------------ */

lwt_flow_p *lwt_unix_connect(const char *path)
{
  struct tcp *t;
  lwt_t *p;

  if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path)
    return lwt_flow_p_fail(LWT_ENAMETOOLONG, "unix_connect");
  lwt__ignore_sigpipe();
  if ((t = lwt__tcp_connecting(NULL, LOCAL, &p)))
    uv_pipe_connect(&t->req.connect, &t->handle.pipe, path, lwt__tcp_on_connect);
  return (lwt_flow_p *)p;
}

/* ---- Terminals --------------------------------------------------------- */

static int set_mode(int fd, const struct termios *mode)
{
  int error;

  do
    error = tcsetattr(fd, TCSADRAIN, mode);
  while (error && errno == EINTR);
  return error ? lwt__unix_errno() : 0;
}

int lwt_tty_raw(int fd, struct termios *before)
{
  struct termios raw;

  if (tcgetattr(fd, before))
    return errno == ENOTTY ? LWT_ENOTSUP : lwt__unix_errno();
  raw = *before;
  cfmakeraw(&raw);
  return set_mode(fd, &raw);
}

int lwt_tty_restore(int fd, const struct termios *before)
{
  return set_mode(fd, before);
}

int lwt_tty_size(int fd, unsigned *columns, unsigned *rows)
{
  struct winsize size;

  if (ioctl(fd, TIOCGWINSZ, &size))
    return errno == ENOTTY ? LWT_ENOTSUP : lwt__unix_errno();
  *columns = size.ws_col;
  *rows = size.ws_row;
  return 0;
}

lwt_t *lwt_tty_resized(void)
{
  return lwt_unix_signal(SIGWINCH);
}
