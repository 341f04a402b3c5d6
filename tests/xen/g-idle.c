/* g-idle.c - waits to be asked to end.
 * SPDX-License-Identifier: ISC
 */
#include "guest.h"

int main(void)
{
  printf("waiting\n");
  check(lwt_run(lwt_platform_shutdown()) == 0, "asked to end");
  printf("end\n");
  return 0;
}
