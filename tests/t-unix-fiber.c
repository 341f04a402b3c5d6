/* t-unix-fiber.c - stacks of fibers that the system gives: guards, no memory.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt/fiber.h>
#include <lwt/platform.h>
#include <lwt/test.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Overflow ------------------------------------------------------------ */

enum { AT_GUARD = 42, ELSEWHERE = 43 };

static char *low; /* of the stack */

static void on_fault(int signo, siginfo_t *info, void *context)
{
  char *at = info->si_addr;

  (void)signo;
  (void)context;
  _exit(at < low && at >= low - 65536 ? AT_GUARD : ELSEWHERE);
}

__attribute__((noinline)) static int overflow(volatile int *above)
{
  volatile int room[100];

  room[0] = *above + 1;
  return room[0] > 0 ? overflow(room) + room[0] : 0;
}

static lwt_t *overflows(void *arg)
{
  volatile int zero = 0;

  (void)arg;
  low = (char *)__builtin_frame_address(0) - lwt_fiber_stack_left();
  /* What lies beyond the guard must not be needed for the fault. */
  low = (char *)(((uintptr_t)low + 4095) & ~(uintptr_t)4095);
  return lwt_return((void *)(intptr_t)overflow(&zero));
}

static void in_child(void)
{
  static char alternate[65536];
  stack_t stack = { .ss_sp = alternate, .ss_size = sizeof alternate };
  struct sigaction action = { .sa_sigaction = on_fault,
                              .sa_flags = SA_SIGINFO | SA_ONSTACK };
  struct rlimit none = { 0, 0 };

  setrlimit(RLIMIT_CORE, &none);
  sigaltstack(&stack, NULL);
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
  lwt_drop(lwt_fiber(overflows, NULL, NULL));
  _exit(0);
}

static void guard(void)
{
  int status = 0;
  pid_t child = fork();

  if (child == 0)
    in_child();
  ok(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status),
     "a child overflows the stack of a fiber");
  is_int(WEXITSTATUS(status), AT_GUARD, "... and faults at its guard");
}

/* ---- The contract -------------------------------------------------------- */

static void contract(void)
{
  size_t size = 1;
  char *stack = lwt_platform_stack(&size);

  ok(stack && size >= 4096 && size % 4096 == 0, "whole pages");
  stack[0] = stack[size - 1] = 1;
  lwt_platform_stack_free(stack, size);
  size = SIZE_MAX;
  ok(!lwt_platform_stack(&size), "not of any size");
}

/* ---- No memory ----------------------------------------------------------- */

static int finis;

static void count_fini(void *arg)
{
  (void)arg;
  finis++;
}

static lwt_t *never(void *arg)
{
  return lwt_return(arg);
}

static void no_memory(void)
{
  const struct lwt_fiber_options options = { .stack = (size_t)1 << 48,
                                             .fini = count_fini };
  lwt_t *p = lwt_fiber(never, NULL, &options);

  ok(lwt_error(p).code == LWT_ENOMEM && finis == 1, "no memory for a stack: LWT_ENOMEM");
  lwt_drop(p);
}

/* ---- Many, with a guard each --------------------------------------------- */

static lwt_t *waits(void *arg)
{
  struct lwt_error e = lwt_fiber_await(lwt_sleep(LWT_MS(1)));

  return e.code ? lwt_fail_error(e) : lwt_return(arg);
}

static void many(void)
{
  enum { N = 2000 };
  static lwt_t *ps[N];
  int i;

  for (i = 0; i < N; i++)
    ps[i] = lwt_fiber(waits, NULL, NULL);
  is_int(lwt_run_value(lwt_join(N, ps), NULL).code, 0, "%d fibers on the real loop", N);
}

int main(void)
{
  guard();
  contract();
  no_memory();
  many();
  is_int(lwt_live(), 0, "nothing is left");
  is_int(lwt_cleanup(), 0, "the stacks are given back");
  lwt_platform_cleanup();
  return lwt_test_done();
}
