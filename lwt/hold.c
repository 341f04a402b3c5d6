/* lwt/hold.c - settle promises now, run their callbacks later.
 * SPDX-License-Identifier: ISC
 *
 * A device's batch settles many promises; their callbacks shall find the
 * protocol's state whole.  Holding makes every settling call a nested one.
 */
#include "internal.h"
#include "memory.h"

int lwt__hold(void)
{
  int held = lwt__t.draining;

  lwt__t.draining = 1;
  return held;
}

int lwt__is_held(void)
{
  return lwt__t.draining;
}

void lwt__release(int held)
{
  lwt__t.draining = (uint8_t)held;
  lwt__leave();
}
