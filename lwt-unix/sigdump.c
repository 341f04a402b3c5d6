/* sigdump.c - kill -USR1 shows what a program waits for.
 * SPDX-License-Identifier: ISC
 *
 * Each loop has a handle for the signal, which libuv delivers to all of them.  A
 * program that uses the signal in its own way is left alone: a disposition that is
 * there before is kept, one that it sets later replaces ours, and a promise for the
 * signal switches this off.
 */
#include "unix.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_int off, loops; /* of the process; loops that have a handle */

static void on_signal(uv_signal_t *handle, int signo)
{
  (void)handle;
  (void)signo;
  if (atomic_load(&off))
    return;
  flockfile(stderr);
  lwt_dump(stderr);
  fputs("lwt: SIGUSR1 shows this; LWT_DUMP_SIGNAL=0 in the environment switches it off\n",
        stderr);
  funlockfile(stderr);
}

static int is_ours(void)
{
  const char *wish = getenv("LWT_DUMP_SIGNAL");
  struct sigaction now;

  if (atomic_load(&off) || (wish && !strcmp(wish, "0")))
    return 0;
  if (atomic_load(&loops))
    return 1;
  return sigaction(SIGUSR1, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
         now.sa_handler == SIG_DFL;
}

static void start(struct lwt_unix *u)
{
  if (!is_ours() || uv_signal_start(&u->dump, on_signal, SIGUSR1))
    return;
  u->dumps = 1;
  atomic_fetch_add(&loops, 1);
  uv_unref((uv_handle_t *)&u->dump);
}

void lwt__sigdump_stop(struct lwt_unix *u)
{
  if (!u->dumps)
    return;
  u->dumps = 0;
  atomic_fetch_sub(&loops, 1);
  uv_signal_stop(&u->dump);
}

/* Returns the number of handles: without memory the program does without. */
int lwt__sigdump_open(struct lwt_unix *u)
{
  if (uv_signal_init(u->loop, &u->dump))
    return 0;
  u->dump.data = u;
  start(u);
  return 1;
}

void lwt_unix_dump_signal(int on)
{
  struct lwt_unix *u = lwt__unix.here;

  atomic_store(&off, !on);
  if (u && !on)
    lwt__sigdump_stop(u);
  else if (u && u->handles == 5 && !u->dumps)
    start(u);
}
