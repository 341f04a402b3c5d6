/* lease.c - lease.h with lwt's DHCP client.
 * SPDX-License-Identifier: ISC
 */
#include "lease.h"

#include <lwt-ip.h>

static void say(void *program, struct lwt_dhcp *lease, enum lwt_dhcp_state state)
{
  if (state != LWT_DHCP_BOUND)
    return;
  printf("%s: ", (const char *)program);
  lwt_dhcp_dump(lease, stdout);
  fflush(stdout);
}

int lease_begin(struct lwt_stack *stack, const struct lwt_addr *previous,
                const char *program, struct lwt_dhcp **lease)
{
  const struct lwt_dhcp_config config = { .previous = *previous,
                                          .changed = say,
                                          .env = (void *)(uintptr_t)program };

  return lwt_dhcp_start(stack, lwt_ip_if_next(stack, 1), &config, lease);
}

struct waiting {
  struct lwt_frame frame;
  struct lwt_dhcp *dhcp;
  struct lwt_addr *addr;
  struct lwt_dhcp_lease lease;
};

LWT_STEP waiting_step(struct lwt_frame *frame)
{
  struct waiting *w = (struct waiting *)frame;

  lwt_begin(w);
  lwt_await(w, lwt_dhcp_wait(w->dhcp));
  if (lwt_dhcp_lease(w->dhcp, &w->lease))
    lwt_throw(w, LWT_ENODATA, "lease"); /* over again already */
  *w->addr = w->lease.addr;
  lwt_end(w);
}

lwt_t *lease_wait(struct lwt_dhcp *lease, struct lwt_addr *addr)
{
  return LWT_GO(struct waiting, waiting_step, .dhcp = lease, .addr = addr);
}

lwt_t *lease_end(void *lease)
{
  return lwt_dhcp_stop(lease);
}
