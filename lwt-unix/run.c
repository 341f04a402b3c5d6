/* run.c - run a process and collect what it writes.
 * SPDX-License-Identifier: ISC
 *
 * One frame writes, up to two read, and the outer one waits for them and for the
 * process's end.  What fails kills the process, so that the others come to an end.
 */
#include "unix.h"

#include <lwt-unix/process.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

void lwt_output_free(void *output)
{
  struct lwt_output *o = output;

  free(o->out);
  free(o->err);
  free(o);
}

/* ---- Reading ----------------------------------------------------------- */

struct collect {
  struct lwt_frame frame;
  struct lwt_process *process;
  struct lwt_flow *flow;
  char **text; /* of the struct lwt_output, as is len */
  size_t *len;
  size_t room, limit, got;
};

/* Room for more, and for a NUL. */
static int grow(struct collect *c)
{
  size_t room = c->room * 2 + 4096;
  char *more;

  if (*c->len < c->room)
    return 0;
  if (room > c->limit)
    room = c->limit + 1;
  if (!(more = realloc(*c->text, room + 1)))
    return LWT_ENOMEM;
  *c->text = more;
  c->room = room;
  return 0;
}

LWT_STEP collect_step(struct lwt_frame *frame)
{
  struct collect *c = (struct collect *)frame;
  struct lwt_error error = { 0, NULL };

  lwt_begin(c);
  do {
    if (grow(c)) {
      lwt_process_kill(c->process, SIGKILL);
      lwt_throw(c, LWT_ENOMEM, "process_run");
    }
    c->got = 0;
    lwt_await_error(c, &error, &c->got,
                    lwt_flow_read(c->flow, *c->text + *c->len, c->room - *c->len));
    if (error.code) {
      lwt_process_kill(c->process, SIGKILL);
      lwt_throw(c, error.code, error.what);
    }
    *c->len += c->got;
    if (*c->len > c->limit) {
      lwt_process_kill(c->process, SIGKILL);
      lwt_throw(c, LWT_EFBIG, "process_run");
    }
  } while (c->got);
  (*c->text)[*c->len] = '\0';
  lwt_end(c);
}

/* ---- All of it --------------------------------------------------------- */

struct run {
  struct lwt_frame frame;
  struct lwt_process *process;
  struct lwt_output *output;
  const void *input;
  size_t len, limit;
  uint64_t timeout;
};

/* A process that does not want its input is none the worse. */
static lwt_t *unread(void *env, struct lwt_error error)
{
  (void)env;
  return error.code == LWT_EPIPE ? lwt_return(NULL) : lwt_fail_error(error);
}

static lwt_t *end_input(void *env)
{
  struct run *r = env;
  struct lwt_flow *in = r->process->in;

  r->process->in = NULL;
  return in ? lwt_catch(lwt_flow_close(in), unread, NULL) : lwt_return(NULL);
}

static lwt_t *feed(struct run *r)
{
  if (!r->process->in)
    return lwt_return(NULL);
  return lwt_finalize(
    lwt_catch(lwt_flow_write(r->process->in, r->input, r->len), unread, NULL), end_input,
    r);
}

static lwt_t *drain(struct run *r, struct lwt_flow *flow, char **text, size_t *len)
{
  if (!flow)
    return lwt_return(NULL);
  return LWT_GO(struct collect, collect_step, .process = r->process, .flow = flow,
                .text = text, .len = len, .limit = r->limit);
}

static lwt_t *all_of(struct run *r)
{
  struct lwt_output *o = r->output;
  lwt_t *p = lwt_join(LWT_PS(feed(r), drain(r, r->process->out, &o->out, &o->out_len),
                             drain(r, r->process->err, &o->err, &o->err_len),
                             LWT_UNTYPED(lwt_process_wait(r->process))));

  return r->timeout == LWT_NEVER ? p : lwt_with_timeout(r->timeout, p);
}

/* Nobody else knows of the process any more: it ends here. */
static lwt_t *reap(void *process)
{
  lwt_process_kill(process, SIGKILL);
  return LWT_UNTYPED(lwt_process_wait(process));
}

/* Also of a frame for which there was no memory. */
static void run_end(void *env)
{
  struct run *r = env;

  lwt_process_kill(r->process, SIGKILL);
  lwt_process_free(r->process);
  if (r->output)
    lwt_output_free(r->output);
}

static struct lwt_output *give(struct run *r)
{
  struct lwt_output *o = r->output;

  r->output = NULL;
  return o;
}

LWT_STEP run_step(struct lwt_frame *frame)
{
  struct run *r = (struct run *)frame;

  lwt_begin(r);
  lwt_defer(r, run_end, r);
  lwt_defer(r, reap, r->process);
  lwt_await(r, all_of(r));
  lwt_await(r, &r->output->status, lwt_process_wait(r->process));
  lwt_finish_owned(r, give(r), lwt_output_free);
  lwt_end(r);
}

lwt_output_p *lwt_process_run(const struct lwt_command *command, const void *input,
                              size_t len, size_t limit, uint64_t timeout)
{
  struct lwt_output *output = calloc(1, sizeof *output);
  struct lwt_command c = *command;
  struct lwt_process *process;
  int error;

  if (!output)
    return lwt_output_p_fail(LWT_ENOMEM, "process_run");
  if (input)
    c.in.kind = LWT_PIPE;
  else if (c.in.kind == LWT_PIPE)
    c.in.kind = LWT_NULL;
  c.out.kind = LWT_PIPE;
  if ((error = lwt_process_spawn(&c, &process))) {
    free(output);
    return lwt_output_p_fail(error, "process_run");
  }
  return (lwt_output_p *)LWT_GO_OR(
    struct run, run_step, run_end, .process = process, .output = output, .input = input,
    .len = len, .limit = limit > SIZE_MAX / 4 ? SIZE_MAX / 4 : limit, .timeout = timeout);
}
