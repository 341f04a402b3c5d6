/* g-idle.c - waits to be asked to end; its argument is its exit status.
 * SPDX-License-Identifier: ISC
 */
#include "guest.h"

int main(int argc, char **argv)
{
  printf("waiting\n");
  check(lwt_run(lwt_platform_shutdown()) == 0, "asked to end");
  printf("end\n");
  return argc > 1 ? atoi(argv[1]) : 0;
}
