/* t-unix-process.c - sub-processes; the group SIG.
 * SPDX-License-Identifier: ISC
 */
#include "unix-calls.h"

#include <errno.h>
#include <fcntl.h>
#include <lwt-unix.h>
#include <lwt-unix/pipe.h>
#include <lwt-unix/process.h>
#include <lwt/test.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SH(script) (const char *const[]){ "/bin/sh", "-c", (script), NULL }

/* A status may be a small negative number, an error is a large one. */
static intptr_t status_of(void *p)
{
  void *value = NULL;
  int code = outcome(p, &value);

  return code ? -1000 + code : (intptr_t)value;
}

static int no_children(void)
{
  return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

static void statuses(void)
{
  struct lwt_command c = { .argv = SH("exit 42") };
  struct lwt_process *p, *q;
  lwt_status_p *w[3];

  is_int(lwt_process_spawn(&c, &p), 0, "spawn");
  w[0] = lwt_process_wait(p);
  w[1] = lwt_process_wait(p);
  w[2] = lwt_process_wait(p);
  lwt_drop(LWT_UNTYPED(w[2]));
  is_int(status_of(w[0]), 42, "SIG-01 its exit status");
  is_int(status_of(w[1]), 42, "for all that wait");
  is_int(status_of(lwt_process_wait(p)), 42, "and afterwards");
  is_int(lwt_process_kill(p, SIGTERM), LWT_ENOENT, "it has ended");
  lwt_process_free(p);
  ok(no_children(), "SIG-02 no zombie");

  c.argv = SH("exit 1");
  lwt_process_spawn(&c, &p);
  c.argv = SH("exit 2");
  lwt_process_spawn(&c, &q);
  ok(p->pid != q->pid, "two processes");
  is_int(status_of(lwt_process_wait(q)), 2, "SIG-01 the right one's status");
  is_int(status_of(lwt_process_wait(p)), 1, "SIG-01 each");
  lwt_process_free(p);
  lwt_process_free(q);

  c.argv = SH("kill -TERM $$; sleep 100");
  lwt_process_spawn(&c, &p);
  is_int(status_of(lwt_process_wait(p)), -SIGTERM, "SIG-01 ended by a signal");
  lwt_process_free(p);
  c.argv = SH("exec sleep 100");
  lwt_process_spawn(&c, &p);
  is_int(lwt_process_kill(p, SIGKILL), 0, "kill");
  is_int(status_of(lwt_process_wait(p)), -SIGKILL, "killed");
  lwt_process_free(p);
}

static void failures(void)
{
  struct lwt_command c = { .argv = (const char *const[]){ "/none", NULL } };
  struct lwt_process *p;

  is_int(lwt_process_spawn(&c, &p), LWT_ENOENT, "no such program");
  c.argv = (const char *const[]){ "/etc/passwd", NULL };
  is_int(lwt_process_spawn(&c, &p), LWT_EACCES, "not a program");
  c.argv = (const char *const[]){ NULL };
  is_int(lwt_process_spawn(&c, &p), LWT_EINVAL, "nothing");
  c.argv = SH("exit 0");
  c.cwd = "/none";
  is_int(lwt_process_spawn(&c, &p), LWT_ENOENT, "no such directory");
  c.cwd = NULL;
  c.out = (struct lwt_redirect){ LWT_FD, 999 };
  is_int(lwt_process_spawn(&c, &p), LWT_EBADF, "no such descriptor");
}

static void streams(void)
{
  struct lwt_command c = { .argv = SH("read x; echo got $x; echo bad >&2"),
                           .in = { LWT_PIPE, 0 },
                           .out = { LWT_PIPE, 0 },
                           .err = { LWT_PIPE, 0 } };
  struct lwt_process *p;
  char bytes[20];

  is_int(lwt_process_spawn(&c, &p), 0, "three pipes");
  is_int(outcome(lwt_flow_write(p->in, "word\n", 5), NULL), 0,
         "SIG-06 write to its stdin");
  is_int(number(lwt_flow_read(p->out, bytes, 20)), 9, "SIG-06 read its stdout");
  is_int(memcmp(bytes, "got word\n", 9), 0, "what it wrote");
  is_int(number(lwt_flow_read(p->err, bytes, 20)), 4, "SIG-06 read its stderr");
  is_int(status_of(lwt_process_wait(p)), 0, "it ends");
  lwt_process_free(p);
}

static struct lwt_output *run(const struct lwt_command *c, const char *input)
{
  struct lwt_output *o = NULL;

  outcome(lwt_process_run(c, input, input ? strlen(input) : 0, 1000000, LWT_S(60)),
          (void **)&o);
  return o;
}

static void is_output(const struct lwt_command *c, const char *input, const char *want,
                      int status, const char *name)
{
  struct lwt_output *o = run(c, input);

  is_str(o ? o->out : NULL, want, "%s", name);
  is_int(o ? o->status : -1000, status, "status");
  if (o)
    lwt_output_free(o);
}

static void collected(void)
{
  struct lwt_command c = { .argv = SH("echo one; echo two; exit 3") };
  struct lwt_output *o;

  is_output(&c, NULL, "one\ntwo\n", 3, "SIG-08 all output and the status");
  c.argv = SH("cat");
  is_output(&c, "through\n", "through\n", 0, "input and output");
  is_output(&c, "", "", 0, "empty input");
  c.argv = SH("exit 5");
  is_output(&c, "not read", "", 5, "input that nobody reads");
  c.argv = SH("echo $HOME-$NAME");
  c.env = (const char *const[]){ "NAME=value", NULL };
  is_output(&c, NULL, "-value\n", 0, "another environment");
  c = (struct lwt_command){ .argv = SH("pwd"), .cwd = "/usr" };
  is_output(&c, NULL, "/usr\n", 0, "another directory");
  c = (struct lwt_command){ .argv = SH("echo a; echo b >&2; echo c"),
                            .err = { LWT_OUT, 0 } };
  is_output(&c, NULL, "a\nb\nc\n", 0, "SIG-05 err to where out goes");
  c.err.kind = LWT_NULL;
  is_output(&c, NULL, "a\nc\n", 0, "SIG-05 err to nowhere");
  c.err.kind = LWT_PIPE;
  o = run(&c, NULL);
  is_str(o ? o->err : NULL, "b\n", "err collected");
  if (o)
    lwt_output_free(o);
}

static void limits(void)
{
  struct lwt_command c = { .argv = SH("exec yes") };
  lwt_t *p;

  is_int(outcome(lwt_process_run(&c, NULL, 0, 100000, LWT_NEVER), NULL), LWT_EFBIG,
         "more output than allowed");
  ok(no_children(), "it was killed and reaped");
  c.argv = SH("exec sleep 1000");
  is_int(outcome(lwt_process_run(&c, NULL, 0, 100, LWT_MS(1)), NULL), LWT_ETIMEDOUT,
         "SIG-07 longer than allowed");
  ok(no_children(), "SIG-07 it was killed and reaped");
  p = LWT_UNTYPED(lwt_process_run(&c, "x", 1, 100, LWT_NEVER));
  lwt_cancel(p);
  is_int(outcome(p, NULL), LWT_ECANCELED, "cancelled");
  ok(no_children(), "it was killed and reaped");
}

/* The child sees its standard streams and nothing else of ours. */
static void no_leaks(void)
{
  struct lwt_command c = { .argv = SH("i=3; while [ $i -lt 300 ]; do "
                                      "[ -e /proc/$$/fd/$i ] && echo $i; "
                                      "i=$((i + 1)); done; echo end") };
  struct lwt_flow *f[2];

  lwt_unix_pipe(f);
  is_output(&c, NULL, "end\n", 0, "no descriptor of ours is open in a child");
  lwt_flow_abort(f[0]);
  lwt_flow_abort(f[1]);
}

static void let_go(void)
{
  struct lwt_command c = { .argv = SH("exit 0"), .out = { LWT_PIPE, 0 } };
  struct lwt_process *p;
  lwt_status_p *w;
  lwt_t *ended;
  int i;

  ended = lwt_unix_signal(SIGCHLD);
  lwt_process_spawn(&c, &p);
  w = lwt_process_wait(p);
  lwt_process_free(p);
  is_int(outcome(w, NULL), LWT_ECANCELED, "forgotten while somebody waits");
  is_int(outcome(ended, NULL), 0, "it ends");
  for (i = 0; i < 1000 && !no_children(); i++)
    lwt_run(lwt_pause());
  ok(no_children(), "the loop has reaped it");
}

static void everything(void *env)
{
  struct lwt_command c = { .argv = SH("cat"), .err = { LWT_PIPE, 0 } };
  struct lwt_output *o = env ? env : run(&c, "text");

  if (o)
    lwt_output_free(o);
  lwt_platform_cleanup();
}

static void no_memory(void)
{
  no_memory_of(everything, 8);
  while (waitpid(-1, NULL, 0) > 0)
    ; /* of loops that have ended */
}

int main(void)
{
  size_t fds;
  int fd;

  lwt_test_memory();
  for (fd = 3; fd < 1000; fd++)
    fcntl(fd, F_SETFD, FD_CLOEXEC); /* of who started us */
  lwt_platform_engine(); /* libuv keeps some descriptors of its own */
  lwt_platform_cleanup();
  fds = open_fds();
  statuses();
  failures();
  streams();
  collected();
  limits();
  no_leaks();
  let_go();
  lwt_platform_cleanup();
  is_int(open_fds(), fds, "no descriptor is left");
  no_memory();
  is_int(open_fds(), fds, "no descriptor is left");
  is_int(lwt_timers(), 0, "no timer left");
  is_int(lwt_live(), 0, "no promise left");
  return lwt_test_done();
}
