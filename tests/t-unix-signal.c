/* t-unix-signal.c - signals as promises.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt-unix.h>
#include <lwt/test.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

static int is_default(int signo)
{
  struct sigaction now;

  return sigaction(signo, NULL, &now) == 0 && now.sa_handler == SIG_DFL;
}

static int outcome(lwt_t *p)
{
  return lwt_run_value(p, NULL).code;
}

static void one(void)
{
  lwt_t *p = lwt_unix_signal(SIGUSR1), *q = lwt_unix_signal(SIGUSR1);

  ok(!is_default(SIGUSR1), "the handler is there");
  is_int(lwt_state(p), LWT_PENDING, "pending");
  raise(SIGUSR1);
  is_int(outcome(p), 0, "SIG-03 fulfilled by the signal, in the loop");
  is_int(outcome(q), 0, "SIG-03 as is another");
  is_int(lwt_run(lwt_sleep(1)), 0, "a turn");
  ok(is_default(SIGUSR1), "and the default is back");

  p = lwt_unix_signal(SIGUSR1);
  lwt_cancel(p);
  is_int(outcome(p), LWT_ECANCELED, "SIG-03 cancelled alone");
  ok(is_default(SIGUSR1), "the default is back");
  is_int(outcome(lwt_unix_signal(SIGKILL)), LWT_EINVAL, "not to be caught");
  is_int(outcome(lwt_unix_signal(-1)), LWT_EINVAL, "no signal");
}

/* Asked again in the callback; a signal before that does not kill. */
struct three {
  struct lwt_frame frame;
  lwt_t *next;
  int *n;
};

LWT_STEP three_step(struct lwt_frame *frame)
{
  struct three *t = (struct three *)frame;

  lwt_begin(t);
  t->next = lwt_unix_signal(SIGUSR2);
  raise(SIGUSR2);
  while (*t->n < 3) {
    lwt_await(t, t->next);
    ++*t->n;
    raise(SIGUSR2);
    t->next = lwt_unix_signal(SIGUSR2);
    raise(SIGUSR2);
  }
  lwt_drop(t->next);
  lwt_end(t);
}

static void again(void)
{
  int n = 0;
  lwt_t *p = LWT_GO(struct three, three_step, .n = &n);

  is_int(outcome(p), 0, "three in a row");
  is_int(n, 3, "none missed");
}

static lwt_t *end_program(void *env, void *value)
{
  (void)env;
  (void)value;
  raise(SIGTERM);
  return lwt_return(NULL);
}

/* What a child of ours with this body ends like. */
static int child(void (*body)(void))
{
  int status = -1;
  pid_t pid = fork();

  if (pid == 0) {
    body();
    _exit(42);
  }
  waitpid(pid, &status, 0);
  return status;
}

static void graceful(void)
{
  lwt_async(lwt_bind(lwt_pause(), end_program, NULL));
  _exit(lwt_run(lwt_platform_shutdown()) == 0 ? 7 : 8);
}

static void second_kills(void)
{
  lwt_t *p = lwt_platform_shutdown();

  raise(SIGINT);
  lwt_run(p);
  lwt_run(lwt_sleep(1));
  raise(SIGINT);
}

static void cancelled_kills(void)
{
  lwt_t *p = lwt_platform_shutdown();

  lwt_drop(p);
  raise(SIGTERM);
}

static void shutdowns(void)
{
  int status = child(graceful);

  ok(WIFEXITED(status) && WEXITSTATUS(status) == 7, "SIGTERM ends a program in its way");
  status = child(second_kills);
  ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT, "the second SIGINT kills");
  status = child(cancelled_kills);
  ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "SIGTERM kills after a cancel");
}

/* A pending signal does not keep a program's own loop running. */
static void foreign(void)
{
  struct lwt_unix *u;
  uv_loop_t loop;
  lwt_t *p;

  lwt_platform_cleanup();
  uv_loop_init(&loop);
  is_int(lwt_unix_attach(&loop, &u), 0, "attach");
  p = lwt_unix_signal(SIGUSR1);
  is_int(uv_run(&loop, UV_RUN_DEFAULT), 0, "uv_run() returns");
  raise(SIGUSR1);
  is_int(outcome(p), 0, "lwt_run() waits");
  p = lwt_unix_signal(SIGUSR1);
  lwt_drop(p);
  lwt_unix_detach(u);
  uv_run(&loop, UV_RUN_DEFAULT);
  is_int(uv_loop_close(&loop), 0, "the loop closes");
}

/* Cleanup ends what still waits. */
static void cleanup(void)
{
  lwt_t *p = lwt_unix_signal(SIGUSR1);

  lwt_platform_cleanup();
  is_int(lwt_error(p).code, LWT_ECANCELED, "cleanup rejects a pending one");
  lwt_drop(p);
  ok(is_default(SIGUSR1), "and the default is back");
}

int main(void)
{
  shutdowns(); /* forks, so first */
  one();
  again();
  foreign();
  cleanup();
  lwt_platform_cleanup();
  is_int(lwt_timers(), 0, "no timer left");
  is_int(lwt_live(), 0, "no promise left");
  return lwt_test_done();
}
