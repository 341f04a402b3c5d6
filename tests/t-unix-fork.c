/* t-unix-fork.c - a loop after fork(), and kill -USR1.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt-unix.h>
#include <lwt-unix/pipe.h>
#include <lwt-unix/thread.h>
#include <lwt/test.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int outcome(void *p)
{
  return lwt_run_value(p, NULL).code;
}

static sem_t began, go;

static int wait_for_go(void *arg, void **value)
{
  (void)arg;
  (void)value;
  sem_post(&began);
  while (sem_wait(&go))
    ;
  return 0;
}

static int nothing(void *arg, void **value)
{
  (void)arg;
  *value = (void *)1;
  return 0;
}

static int status_of(pid_t pid)
{
  int status = -1;

  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* In the child: the number of the first thing that does not work, 0: all does. */
static int use_everything(lwt_t *job, lwt_t *sleeper)
{
  struct lwt_flow *f[2];
  struct lwt_loop *here;
  char byte;
  lwt_t *usr2;

  if (lwt_unix_after_fork())
    return 1;
  if (lwt_state(job) != LWT_PENDING || outcome(job) != LWT_ECANCELED)
    return 2;
  if (outcome(lwt_detach(nothing, NULL, NULL, NULL)))
    return 3;
  if (outcome(sleeper))
    return 4;
  if (lwt_unix_pipe(f))
    return 5;
  lwt_drop(lwt_flow_write(f[1], "x", 1));
  if (outcome(lwt_flow_read(f[0], &byte, 1)))
    return 6;
  lwt_drop(lwt_flow_close(f[0]));
  if (outcome(lwt_flow_close(f[1])))
    return 7;
  usr2 = lwt_unix_signal(SIGUSR2);
  raise(SIGUSR2);
  if (outcome(usr2))
    return 8;
  if (!(here = lwt_loop_here()))
    return 9;
  lwt_loop_unref(here);
  lwt_platform_cleanup();
  return lwt_live() || lwt_timers() ? 10 : 0;
}

static void forks(void)
{
  struct lwt_flow *f[2];
  lwt_t *job, *sleeper, *usr2;
  lwt_size_p *read;
  char byte;
  pid_t pid;

  sem_init(&began, 0, 0);
  sem_init(&go, 0, 0);
  lwt_unix_pipe(f);
  read = lwt_flow_read(f[0], &byte, 1);
  usr2 = lwt_unix_signal(SIGUSR2);
  lwt_run(lwt_pause());
  job = lwt_detach(wait_for_go, NULL, NULL, NULL);
  while (sem_wait(&began))
    ;
  sleeper = lwt_sleep(LWT_MS(20));
  lwt_run(lwt_sleep(LWT_MS(1)));
  fflush(stdout);
  if ((pid = fork()) == 0) {
    lwt_drop(usr2);
    lwt_drop(LWT_UNTYPED(read));
    _exit(use_everything(job, sleeper));
  }
  is_int(status_of(pid), 0, "SIG-04 JOB-07 everything works in the child");
  is_int(lwt_state(usr2), LWT_PENDING, "its signals are its own");
  is_int(outcome(sleeper), 0, "SIG-04 the parent's timers go on");
  sem_post(&go);
  is_int(outcome(job), 0, "JOB-07 its calls in threads come back");
  lwt_drop(lwt_flow_write(f[1], "x", 1));
  is_int(outcome(read), 0, "SIG-04 its flows work");
  raise(SIGUSR2);
  is_int(outcome(usr2), 0, "SIG-04 its signals come");
  lwt_flow_abort(f[0]);
  lwt_flow_abort(f[1]);
}

/* In a callback, where the loop is in libuv. */
static lwt_t *fork_and_sleep(void *env, void *value)
{
  pid_t pid;

  (void)value;
  fflush(stdout);
  if ((pid = fork()) == 0 && lwt_unix_after_fork())
    _exit(99);
  *(pid_t *)env = pid;
  return lwt_sleep(LWT_MS(1));
}

static void fork_in_a_callback(void)
{
  pid_t pid = 0;
  int code = outcome(lwt_bind(lwt_sleep(LWT_MS(1)), fork_and_sleep, &pid));

  if (pid == 0)
    _exit(code ? 98 : 7);
  is_int(code, 0, "fork in a callback: the parent goes on");
  is_int(status_of(pid), 7, "as does the child");
}

/* ---- kill -USR1 -------------------------------------------------------- */

static char dumped[4000];

/* What stderr gets while p runs, in dumped. */
static void capture(lwt_t *p)
{
  int saved = dup(2), fds[2];
  ssize_t n;

  if (pipe(fds))
    return;
  dup2(fds[1], 2);
  lwt_run(p);
  fflush(stderr);
  dup2(saved, 2);
  close(saved);
  close(fds[1]);
  n = read(fds[0], dumped, sizeof dumped - 1);
  dumped[n < 0 ? 0 : n] = '\0';
  close(fds[0]);
}

static void own_handler(int signo)
{
  (void)signo;
}

static void dumps(void)
{
  struct sigaction now;
  struct lwt_resolver r;
  lwt_t *p = lwt_task(&r);

  lwt_platform_engine();
  kill(getpid(), SIGUSR1);
  capture(lwt_sleep(LWT_MS(5)));
  ok(strstr(dumped, "t-unix-fork.c"), "SIGUSR1 shows where what is pending was made");
  ok(strstr(dumped, "LWT_DUMP_SIGNAL=0"), "and how to switch it off");
  lwt_unix_dump_signal(0);
  sigaction(SIGUSR1, NULL, &now);
  ok(now.sa_handler == SIG_DFL, "off: the signal is the program's");
  lwt_unix_dump_signal(1);
  sigaction(SIGUSR1, NULL, &now);
  ok(now.sa_handler != SIG_DFL, "on again");
  lwt_platform_cleanup();
  sigaction(SIGUSR1, NULL, &now);
  ok(now.sa_handler == SIG_DFL, "no loop, no handler");
  signal(SIGUSR1, own_handler);
  lwt_platform_engine();
  sigaction(SIGUSR1, NULL, &now);
  ok(now.sa_handler == own_handler, "a handler of the program's is left alone");
  signal(SIGUSR1, SIG_DFL);
  lwt_platform_cleanup();
  setenv("LWT_DUMP_SIGNAL", "0", 1);
  lwt_platform_engine();
  sigaction(SIGUSR1, NULL, &now);
  ok(now.sa_handler == SIG_DFL, "nor is there one with LWT_DUMP_SIGNAL=0");
  lwt_drop(p);
  lwt_abandon(&r);
}

int main(void)
{
  dumps();
  forks();
  fork_in_a_callback();
  lwt_platform_cleanup();
  is_int(lwt_timers(), 0, "no timer left");
  is_int(lwt_live(), 0, "no promise left");
  return lwt_test_done();
}
