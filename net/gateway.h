/* net/gateway.h - what gateway.c and inside.c share.
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_GATEWAY_H
#define NET_GATEWAY_H

#include "../lwt/memory.h"

#include "lwt-net.h"

/* Carry bytes between two flows until both have ended; takes them.  An error of
 * one, or a cancel, aborts both, and is the promise's. */
lwt_t *net_carry(struct lwt_flow *a, struct lwt_flow *b) LWT_MUST_USE;

/* Begin to close; done(env) is called once, perhaps before this returns. */
void net_gateway_close(struct lwt_net_gateway *gateway, lwt_call_fn *done, void *env);

#endif
