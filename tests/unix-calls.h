/* tests/unix-calls.h - what the tests of lwt-unix ask of a call.
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_UNIX_CALLS_H
#define TESTS_UNIX_CALLS_H

#define LWT_TEST_SHORT
#include <fcntl.h>
#include <lwt/test.h>

/* Run until p has settled: its error's code, or 0 and its value. */
static inline int outcome(void *p, void **value)
{
  void *got = NULL;
  int code = lwt_run_value(p, &got).code;

  if (value)
    *value = got;
  return code;
}

/* Its value, or its error's code. */
static inline intptr_t number(void *p)
{
  void *value = NULL;
  int code = outcome(p, &value);

  return code ? code : (intptr_t)value;
}

static inline size_t open_fds(void)
{
  size_t n = 0;
  int fd;

  for (fd = 0; fd < 1000; fd++)
    n += fcntl(fd, F_GETFD) >= 0;
  return n;
}

static inline void unseen(struct lwt_error error, const char *where)
{
  (void)error;
  (void)where;
}

/* Each allocation of everything() fails in turn, which are more than `more`:
 * nothing is left, whatever the error was. */
static inline void no_memory_of(void (*everything)(void *env), size_t more)
{
  struct lwt_test_result r;

  lwt_on_lost(unseen);
  r = lwt_test_each_allocation(everything, NULL, NULL);
  lwt_on_lost(NULL);
  ok(r.runs > more, "%zu runs with a failing allocation", r.runs);
  is_int(r.alive, 0, "no promise is left");
  is_int(r.lost, 0, "no memory is left");
}

#endif
