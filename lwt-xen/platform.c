/* platform.c - what lwt/platform.h offers by name, but engine, shutdown, network
 * devices (netfront.c) and disks (blkfront.c).
 * SPDX-License-Identifier: ISC
 */
#include "xen.h"

#include <lwt/ustar.h>
#include <string.h>

int lwt_platform_sockets(struct lwt_stack **stack)
{
  (void)stack;
  return LWT_ENOSYS;
}

int lwt_platform_content(const char *name, struct lwt_content **content)
{
  struct lwt_block *block;
  int error;

  if (strncmp(name, "ustar:", 6))
    return LWT_ENODEV;
  error = lwt_platform_block(name + 6, &block);
  return error ? error : lwt_ustar(block, 0, content);
}

int lwt_platform_random(void *bytes, size_t len)
{
  return hypercall_random(bytes, len);
}

int64_t lwt_platform_wallclock(void)
{
  return lwt__xen_wallclock();
}
