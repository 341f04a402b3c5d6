/* child.h - what can be done once in a process is done in a child of it.
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H

#include <lwt/test.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The status with which body(env) lets a child exit, or -1; what it says is not heard. */
static inline int in_child(int (*body)(void *env), void *env)
{
  int status = 1;
  pid_t child;

  fflush(stdout);
  child = fork();
  if (!child) {
    lwt_test_mute(1);
    _exit(body(env));
  }
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
