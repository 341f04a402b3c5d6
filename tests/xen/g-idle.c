/* g-idle.c - waits to be asked to end; its argument is its exit status, or "deaf": it
 * is asked, and goes on.
 * SPDX-License-Identifier: ISC
 */
#include "guest.h"

int main(int argc, char **argv)
{
  printf("waiting\n");
  check(lwt_run(lwt_platform_shutdown()) == 0, "asked to end");
  if (argc > 1 && !strcmp(argv[1], "deaf"))
    check(lwt_run(lwt_sleep(LWT_S(3600))) == 0, "an hour later");
  printf("end\n");
  return argc > 1 ? atoi(argv[1]) : 0;
}
