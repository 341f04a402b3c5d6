/* platform.c - what lwt/platform.h offers by name, but engine, shutdown, network
 * devices (netfront.c) and disks (blkfront.c).
 * SPDX-License-Identifier: ISC
 */
#include "store.h"
#include "xenbus.h"

#include <lwt/ustar.h>
#include <stdio.h>
#include <string.h>

int lwt_platform_sockets(struct lwt_stack **stack)
{
  (void)stack;
  return LWT_ENOSYS;
}

/* The least number in the directory. */
const char *lwt_platform_network(void)
{
  static char name[16];
  struct lwt_xs_value *found = NULL;
  uint64_t least = UINT32_MAX, number;
  const char *at;

  if (!lwt__store_ask(XS_DIRECTORY, "device/vif", NULL, &found))
    for (at = found->bytes; at < found->bytes + found->len; at += strlen(at) + 1)
      if (!lwt__xenbus_parse(at, strlen(at), UINT32_MAX, &number) && number < least)
        least = number;
  lwt_xs_free(found);
  snprintf(name, sizeof name, "vif:%u", least == UINT32_MAX ? 0 : (unsigned)least);
  return name;
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
