/* process.c - starting processes, and their end.
 * SPDX-License-Identifier: ISC
 *
 * running -> ended (libuv has collected its status) -> closed.  The program's
 * struct is freed when the program has let go and libuv is through.
 */
#define _GNU_SOURCE /* pipe2 */
#include "unix.h"

#include <errno.h>
#include <fcntl.h>
#include <lwt-unix/pipe.h>
#include <lwt-unix/process.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct process {
  struct lwt_process process;
  struct object object;
  struct waiters waiters;
  uint8_t ended;
  uint8_t closing;
  uint8_t closed;
  uint8_t released;
  int status;
  uv_process_t handle;
};

static struct process *process_of(struct lwt_process *process)
{
  return (struct process *)process;
}

/* ---- The end ----------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
  struct process *p = handle->data;

  lwt__unix_remove(&p->object);
  p->closed = 1;
  if (p->released)
    lwt__free(p);
}

static void close_handle(struct process *p)
{
  if (p->closing)
    return;
  p->closing = 1;
  uv_close((uv_handle_t *)&p->handle, on_closed);
}

static void settle_all(struct process *p, int error)
{
  struct lwt_resolver r;

  while ((r = lwt__waiters_next(&p->waiters)).lwt_private) {
    if (error)
      lwt_reject(&r, error, "process_wait");
    else
      lwt_fulfill(&r, (void *)(intptr_t)p->status);
  }
}

/* The memory stays until the loop's next look at closed handles. */
static void on_exit_of(uv_process_t *handle, int64_t status, int signo)
{
  struct process *p = handle->data;

  p->ended = 1;
  p->status = signo ? -signo : (int)status;
  close_handle(p);
  settle_all(p, 0);
}

static void process_cut(struct object *object, int now)
{
  struct process *p = CONTAINER(object, struct process, object);

  (void)now;
  close_handle(p);
  settle_all(p, LWT_ECANCELED);
}

static void nobody_waits(struct waiters *q)
{
  struct process *p = CONTAINER(q, struct process, waiters);

  if (!p->closing)
    uv_unref((uv_handle_t *)&p->handle);
}

/* ---- What programs call ------------------------------------------------ */

lwt_status_p *lwt_process_wait(struct lwt_process *process)
{
  struct process *p = process_of(process);
  lwt_t *wait;

  if (p->ended)
    return lwt_status_p_return(p->status);
  if (p->closing)
    return lwt_status_p_fail(LWT_ECANCELED, "process_wait");
  wait = lwt__waiters_add(&p->waiters);
  if (lwt_state(wait) == LWT_PENDING)
    uv_ref((uv_handle_t *)&p->handle);
  return (lwt_status_p *)wait;
}

/* The number may be another process's as soon as its status was collected. */
int lwt_process_kill(struct lwt_process *process, int signo)
{
  struct process *p = process_of(process);
  int error;

  if (p->ended)
    return LWT_ENOENT;
  error = uv_process_kill(&p->handle, signo);
  return error == UV_ESRCH ? LWT_ENOENT : lwt__unix_error(error);
}

static void abort_flow(struct lwt_flow *flow)
{
  if (flow)
    lwt_flow_abort(flow);
}

void lwt_process_free(void *process)
{
  struct process *p = process;

  abort_flow(p->process.in);
  abort_flow(p->process.out);
  abort_flow(p->process.err);
  p->released = 1;
  if (p->closed) {
    lwt__free(p);
    return;
  }
  if (!p->closing)
    uv_unref((uv_handle_t *)&p->handle);
  settle_all(p, LWT_ECANCELED);
}

/* ---- Starting ---------------------------------------------------------- */

/* The child's standard streams, and what is open of them here. */
struct streams {
  uv_stdio_container_t child[3];
  int ours[3], theirs[3]; /* of pipes; -1 */
};

static int redirect(struct streams *s, int i, const struct lwt_redirect *to)
{
  int fds[2];

  s->child[i].flags = UV_INHERIT_FD;
  s->child[i].data.fd = i;
  switch (to->kind) {
  case LWT_INHERIT:
    return fcntl(i, F_GETFD) < 0 ? (s->child[i].flags = UV_IGNORE, 0) : 0;
  case LWT_NULL:
    s->child[i].flags = UV_IGNORE;
    return 0;
  case LWT_FD:
    s->child[i].data.fd = to->fd;
    return fcntl(to->fd, F_GETFD) < 0 ? LWT_EBADF : 0;
  case LWT_OUT:
    s->child[i] = s->child[1];
    return i == 2 ? 0 : LWT_EINVAL;
  case LWT_PIPE:
    if (pipe2(fds, O_CLOEXEC))
      return lwt__unix_errno();
    s->ours[i] = fds[i == 0];
    s->child[i].data.fd = s->theirs[i] = fds[i != 0];
    return 0;
  }
  return LWT_EINVAL;
}

static void close_fds(int fds[3])
{
  int i;

  for (i = 0; i < 3; i++)
    if (fds[i] >= 0)
      close(fds[i]);
}

static int redirect_all(struct streams *s, const struct lwt_command *c)
{
  int error;

  memset(s, 0, sizeof *s);
  memset(s->ours, -1, sizeof s->ours);
  memset(s->theirs, -1, sizeof s->theirs);
  if ((error = redirect(s, 0, &c->in)) || (error = redirect(s, 1, &c->out)) ||
      (error = redirect(s, 2, &c->err))) {
    close_fds(s->ours);
    close_fds(s->theirs);
  }
  return error;
}

/* The flows on our ends. */
static int open_flows(struct process *p, struct streams *s)
{
  struct lwt_flow **flows[3] = { &p->process.in, &p->process.out, &p->process.err };
  int i, error = 0;

  for (i = 0; i < 3 && !error; i++) {
    if (s->ours[i] < 0)
      continue;
    error = lwt_unix_flow(s->ours[i], flows[i]);
    if (!error)
      s->ours[i] = -1;
  }
  close_fds(s->ours);
  return error;
}

static int start(struct process *p, const struct lwt_command *c,
                 uv_stdio_container_t child[3])
{
  uv_process_options_t options;

  memset(&options, 0, sizeof options);
  options.exit_cb = on_exit_of;
  options.file = c->file ? c->file : c->argv[0];
  options.args = (char **)(uintptr_t)c->argv;
  options.env = (char **)(uintptr_t)c->env;
  options.cwd = c->cwd;
  options.stdio_count = 3;
  options.stdio = child;
  return lwt__unix_error(uv_spawn(lwt__unix.here->loop, &p->handle, &options));
}

int lwt_process_spawn(const struct lwt_command *command, struct lwt_process **process)
{
  struct process *p;
  struct streams s;
  int error;

  if (!command->argv || !command->argv[0])
    return LWT_EINVAL;
  if (!lwt__unix_here() || !(p = lwt__alloc(sizeof *p)))
    return LWT_ENOMEM;
  memset(p, 0, sizeof *p);
  if ((error = redirect_all(&s, command))) {
    lwt__free(p);
    return error;
  }
  lwt__waiters_init(&p->waiters, nobody_waits);
  if ((error = open_flows(p, &s))) {
    close_fds(s.theirs);
    p->closed = 1; /* libuv does not know it */
    lwt_process_free(&p->process);
    return error;
  }
  p->handle.data = p;
  lwt__unix_add(&p->object, NULL, process_cut);
  error = start(p, command, s.child);
  close_fds(s.theirs);
  p->process.pid = p->handle.pid;
  uv_unref((uv_handle_t *)&p->handle);
  if (error) { /* closing is what libuv wants now */
    close_handle(p);
    lwt_process_free(&p->process);
    return error;
  }
  *process = &p->process;
  return 0;
}
