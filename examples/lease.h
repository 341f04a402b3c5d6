/* lease.h - an address from the network, for the first device of a stack; also where a
 * program is linked without DHCP.
 * SPDX-License-Identifier: ISC
 */
#ifndef LEASE_H
#define LEASE_H

#include <lwt-dhcp.h>

/* Ask for an address, for `previous` first if its family is not 0.  Each lease is told
 * on standard output, after the program's name.  Without DHCP: LWT_ENOSYS. */
int lease_begin(struct lwt_stack *stack, const struct lwt_addr *previous,
                const char *program, struct lwt_dhcp **lease);

/* Fulfilled when there is one; the address is then in *addr. */
lwt_t *lease_wait(struct lwt_dhcp *lease, struct lwt_addr *addr) LWT_MUST_USE;

/* For lwt_defer(): give it back.  Takes a struct lwt_dhcp *. */
lwt_t *lease_end(void *lease) LWT_MUST_USE;

#endif
