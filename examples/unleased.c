/* unleased.c - lease.h without DHCP, for small images.
 * SPDX-License-Identifier: ISC
 */
#include "lease.h"

int lease_begin(struct lwt_stack *stack, const struct lwt_addr *previous,
                const char *program, struct lwt_dhcp **lease)
{
  (void)stack, (void)previous, (void)program, (void)lease;
  return LWT_ENOSYS;
}

lwt_t *lease_wait(struct lwt_dhcp *lease, struct lwt_addr *addr)
{
  (void)lease, (void)addr;
  return lwt_fail(LWT_ENOSYS, "lease");
}

lwt_t *lease_end(void *lease)
{
  (void)lease;
  return lwt_return(NULL);
}
