/* net/names.h - names of hosts, for the stack.
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_NAMES_H
#define NET_NAMES_H

#include "net.h"

/* The table of hosts is copied; a resolver is made if config->dns says how. */
int net_names_init(struct net_stack *s, const struct lwt_net_config *config);
void net_names_fini(struct net_stack *s);
/* s->dns, which is NULL.  config NULL: without servers so far. */
int net_dns_start(struct net_stack *s, const struct lwt_dns_config *config);

/* Stack operations. */
lwt_addr_p *net_resolve(struct lwt_stack *stack, const char *name, uint16_t port);
lwt_addrs_p *net_resolve_all(struct lwt_stack *stack, const char *name, uint16_t port);

#endif
