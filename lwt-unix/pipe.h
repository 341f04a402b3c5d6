/* lwt-unix/pipe.h - pipes, local sockets, terminals and the standard streams as flows.
 * SPDX-License-Identifier: ISC
 *
 * What is here can be waited for without a thread.  A read or write that need not
 * wait is done at once, in the call.  Descriptors are close-on-exec, and SIGPIPE is
 * ignored as soon as there is such a flow (lwt-unix.h).
 *
 * A pipe goes one way: reading what is to be written, or the other way round, is
 * LWT_EBADF.  shutdown of the writing end closes it; of anything that is not a
 * socket and not the writing end of a pipe it does nothing.  None has an address.
 */
#ifndef LWT_UNIX_PIPE_H
#define LWT_UNIX_PIPE_H

#include <lwt/stack.h>
#include <termios.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Descriptors ------------------------------------------------------- */

/* A flow on a pipe, FIFO, socket or terminal.  Takes fd, which becomes
 * non-blocking and close-on-exec, if it returns 0; else LWT_EBADF, LWT_EINVAL (a
 * file: see lwt_file_open()), LWT_ENOMEM. */
LWT_API int lwt_unix_flow(int fd, struct lwt_flow **flow);

/* A flow on standard input, output or error (fd 0, 1, 2), whatever it is, which
 * stays open and unchanged when the flow is closed.  A pipe or a terminal is opened
 * once more, so that other programs that have it do not find it non-blocking (a
 * socket cannot be, and becomes non-blocking).  A file is read and written in
 * worker threads, at the position that it shares with those programs; a cancelled
 * read may have moved it. */
LWT_API int lwt_unix_stdio(int fd, struct lwt_flow **flow);

/* An anonymous pipe: what is written to ends[1] is read from ends[0]. */
LWT_API int lwt_unix_pipe(struct lwt_flow *ends[2]);

/* Two connected local sockets; each goes both ways. */
LWT_API int lwt_unix_socketpair(struct lwt_flow *ends[2]);

/* ---- Local sockets with names ------------------------------------------ */

/* Listen at a path, which must not exist (LWT_EADDRINUSE); it is removed when the
 * listener is closed.  Access is by the umask.  LWT_ENAMETOOLONG: more than some 100
 * bytes. */
LWT_API int lwt_unix_listen(const char *path, unsigned backlog,
                            struct lwt_listener **listener);
/* LWT_ENOENT, LWT_ECONNREFUSED (nobody listens), LWT_EAGAIN (too many wait) ... */
LWT_API lwt_flow_p *lwt_unix_connect(const char *path) LWT_MUST_USE;

/* ---- Terminals --------------------------------------------------------- */

/* Every byte at once, none echoed, no signals from keys.  The mode before goes to
 * *before, for lwt_tty_restore().  LWT_ENOTSUP: not a terminal.  The mode belongs to
 * the terminal and outlives the program: restore it at the end, and on signals. */
LWT_API int lwt_tty_raw(int fd, struct termios *before);
LWT_API int lwt_tty_restore(int fd, const struct termios *before);

/* In characters. */
LWT_API int lwt_tty_size(int fd, unsigned *columns, unsigned *rows);

/* Fulfilled when the size has changed (SIGWINCH). */
LWT_API lwt_t *lwt_tty_resized(void) LWT_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
