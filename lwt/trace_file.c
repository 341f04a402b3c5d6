/* trace_file.c - a trace into the file that the environment names: LWT_TRACE.
 * SPDX-License-Identifier: ISC
 */
#include "internal.h"

#include <lwt/trace.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* One file for all threads of the process, which the first opens and exit() ends.
 * A thread that is late at exit() finds it closed. */
static FILE *shared_file;
static atomic_int shared_state; /* 1: being opened, 2: open, 3: ended */

static int to_shared(void *env, const void *bytes, size_t len)
{
  (void)env;
  return atomic_load(&shared_state) != 2 ||
         fwrite(bytes, 1, len, shared_file) != len || fflush(shared_file);
}

static void at_exit(void)
{
  lwt_trace_stop();
  atomic_store(&shared_state, 3);
  fputs("{\"ph\":\"M\",\"pid\":1,\"name\":\"process_labels\",\"args\":{\"labels\":"
        "\"whole\"}}\n]\n", shared_file);
  fflush(shared_file);
}

void lwt__trace_environment(const char *path)
{
  int state = 0;

  if (atomic_compare_exchange_strong(&shared_state, &state, 1)) {
    shared_file = fopen(path, "w");
    state = shared_file && fputs("[\n", shared_file) >= 0 && !atexit(at_exit) ? 2 : 3;
    if (state == 3)
      fprintf(stderr, "lwt: cannot write a trace to %s\n", path);
    atomic_store(&shared_state, state);
  }
  while (state == 1)
    state = atomic_load(&shared_state);
  if (state == 2 && lwt__trace_start(to_shared, NULL, 1, 0))
    fprintf(stderr, "lwt: no memory for a trace\n");
}
