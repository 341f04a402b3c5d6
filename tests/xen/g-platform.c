/* g-platform.c - memory, entropy, files that are not there.
 * SPDX-License-Identifier: ISC
 */
#define _GNU_SOURCE
#include "guest.h"

#include <errno.h>
#include <lwt/fiber.h>
#include <sys/mman.h>

static size_t fill(void **list, size_t max)
{
  size_t n = 0;

  while (n < max && (list[n] = malloc(100000))) {
    memset(list[n], (int)n, 100000);
    n++;
  }
  return n;
}

/* On a stack of its own. */
static lwt_t *fiber(void *arg)
{
  volatile char room[20000];

  room[0] = room[sizeof room - 1] = 1;
  if (lwt_fiber_await(lwt_sleep(LWT_MS(1))).code)
    return lwt_fail(LWT_EIO, "fiber");
  *(int *)arg = room[0] + room[sizeof room - 1];
  return lwt_return(NULL);
}

int main(int argc, char **argv)
{
  int sum = 0;
  static void *list[2000];
  unsigned char a[32], b[32];
  char *page;
  size_t n, again, i;
  int error, with = !(argc > 1 && !strcmp(argv[1], "no-entropy"));

  check(getenv("LWT_XEN_COUNTS") && !getenv("x") && (with || argc == 2),
        "words in front are the environment");
  memset(a, 0, sizeof a);
  error = lwt_platform_random(a, sizeof a);
  if (with) {
    check(!error && !lwt_platform_random(b, sizeof b) && memcmp(a, b, sizeof a),
          "unpredictable bytes");
  } else {
    check(error == LWT_EIO, "no entropy without a generator");
    printf("end\n");
    return 0;
  }
  n = fill(list, 2000);
  check(n > 80 && n < 200, "memory ends, with NULL");
  printf("# %zu times 100,000 bytes\n", n);
  for (i = 0; i < n; i++)
    free(list[i]);
  again = fill(list, 2000);
  check(again == n, "what was freed can be had again");
  for (i = 0; i < again; i++)
    free(list[i]);
  check(lwt_run(lwt_fiber(fiber, &sum, NULL)) == 0 && sum == 2, "a fiber");
  page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
  check(page != MAP_FAILED && !page[0] && !mprotect(page, 4096, PROT_NONE) &&
          (page[4096] = 1) && !munmap(page, 8192),
        "pages, and a guard page");
  check(mprotect(list, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) != 0,
        "nothing is writable and executable");
  check(!fopen("/etc/passwd", "r") && errno == ENOENT, "there are no files");
  check(lwt_live() == 0 && lwt_cleanup() == 0, "nothing is left");
  printf("end\n");
  return 0;
}
