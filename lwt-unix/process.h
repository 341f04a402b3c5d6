/* lwt-unix/process.h - sub-processes.
 * SPDX-License-Identifier: ISC
 *
 * A process that was started belongs to this thread's loop, which notices its end
 * (SIGCHLD) and leaves no zombie while it runs; the program must not wait for such
 * processes itself.  Nothing of this library's is open in a child but what was
 * redirected to it, and its signals have their default dispositions.
 */
#ifndef LWT_UNIX_PROCESS_H
#define LWT_UNIX_PROCESS_H

#include <lwt/flow.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Starting ---------------------------------------------------------- */

/* Where a standard stream of the process leads. */
enum lwt_redirect_kind {
  LWT_INHERIT, /* to ours */
  LWT_NULL,    /* to /dev/null */
  LWT_PIPE,    /* to a flow */
  LWT_FD,      /* to `fd`, which stays ours */
  LWT_OUT      /* err only: to where out leads */
};
struct lwt_redirect {
  enum lwt_redirect_kind kind;
  int fd;
};

/* What to start.  Zeroed members are good defaults, but for argv. */
struct lwt_command {
  const char *file;        /* looked for in PATH if it has no '/'; NULL: argv[0] */
  const char *const *argv; /* ends with NULL */
  const char *const *env;  /* "NAME=value", ends with NULL; NULL: ours */
  const char *cwd;         /* NULL: ours */
  struct lwt_redirect in, out, err;
};

/* A process.  The flows are those of LWT_PIPE, else NULL: in writes to its standard
 * input, out and err read.  Whoever closes one sets it to NULL. */
struct lwt_process {
  pid_t pid;
  struct lwt_flow *in, *out, *err;
};

/* Start it.  Borrows the command.  Returns 0 when it runs; LWT_ENOENT, LWT_EACCES ...
 * when it cannot be executed (or cwd entered), LWT_EAGAIN, LWT_ENOMEM, LWT_EMFILE,
 * LWT_EINVAL (no argv[0]). */
LWT_API int lwt_process_spawn(const struct lwt_command *command,
                              struct lwt_process **process);

/* Fulfilled when it has ended, with its exit status, a number from 0, or with minus
 * the signal that ended it.  Any number may wait, and at any time, also afterwards.
 * Cancelling does nothing to the process. */
LWT_PROMISE(lwt_status_p, int);
LWT_API lwt_status_p *lwt_process_wait(struct lwt_process *process) LWT_MUST_USE;

/* Send a signal.  LWT_ENOENT: it has ended, and nobody else gets the signal. */
LWT_API int lwt_process_kill(struct lwt_process *process, int signo);

/* Forget it: its flows are aborted, who waits is rejected with LWT_ECANCELED.  The
 * process goes on.  For lwt_defer(). */
LWT_API void lwt_process_free(void *process);

/* ---- Run and collect --------------------------------------------------- */

/* Each text ends with a NUL that does not count.  Freed by lwt_output_free(). */
struct lwt_output {
  int status; /* as of lwt_process_wait() */
  size_t out_len, err_len;
  char *out, *err; /* err: NULL unless the command says LWT_PIPE */
};
LWT_API void lwt_output_free(void *output);
LWT_PROMISE(lwt_output_p, struct lwt_output *);

/* Start the command, write len bytes of input to it (it need not read them; NULL: as
 * the command says), collect its output, and wait for its end.  `out` of the command
 * does not count.  input stays valid until the promise settles.
 *   LWT_EFBIG      more than limit bytes on out or on err
 *   LWT_ETIMEDOUT  it takes longer (LWT_NEVER: no limit)
 *   LWT_ECANCELED
 * In these cases it was killed (SIGKILL) and has ended when the promise settles
 * (after a cancel: soon).  Or what lwt_process_spawn() returns. */
LWT_API lwt_output_p *lwt_process_run(const struct lwt_command *command,
                                      const void *input, size_t len, size_t limit,
                                      uint64_t timeout) LWT_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
