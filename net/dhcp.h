/* net/dhcp.h - what the files of the DHCP client share.
 * SPDX-License-Identifier: ISC
 *
 *   dhcp_client.c   the states, in order, as one thread
 *   dhcp_talk.c     messages out and in
 *   dhcp_apply.c    what a lease does to the stack
 */
#ifndef NET_DHCP_H
#define NET_DHCP_H

#include "dhcp_wire.h"
#include "names.h"

#include "lwt-dhcp.h"
#include "lwt-ip.h"

#include <lwt/sync.h>

struct lwt_dhcp {
  unsigned refs; /* the program's, and the thread's */
  struct lwt_stack *stack;
  uint32_t interface;
  struct lwt_dhcp_config config;
  struct lwt_dhcp_stats stats;
  enum lwt_dhcp_state state;
  char hostname[64];
  uint8_t id[64], id_len, mac[6];
  lwt_t *running;
  struct lwt_udp *udp;
  struct lwt_condition bound;
  struct lwt_resolver wake;  /* of a thread that waits for time to pass */
  struct lwt_ip_watch watch;
  uint8_t lost;              /* the address was taken away */
  uint32_t previous;         /* the address of before, while it may be asked for */
  uint32_t xid;
  uint64_t begun;            /* of the exchange, for `secs` */
  struct net_dhcp message;   /* the last one that was waited for */
  struct net_dhcp offer;     /* what is being asked for, then the lease */
  struct lwt_dhcp_lease lease;
  struct net_name_source names; /* n 0: not among the stack's */
  uint8_t has_lease, has_address;
  struct lwt_ip_route routes[16 + LWT_DHCP_ROUTERS];
  unsigned n_routes;
};

uint64_t net_dhcp_random(struct lwt_dhcp *d, uint64_t below);

/* ---- dhcp_talk.c ------------------------------------------------------------- */

/* An endpoint that has no address yet (anonymous), or has one.  The one before is
 * closed. */
int net_dhcp_open(struct lwt_dhcp *d, int anonymous);
/* Takes a struct lwt_dhcp *. */
void net_dhcp_shut(void *dhcp);

/* Send a message of a type, of the state that we are in: to everybody, or to the lease's
 * server.  Fulfilled also if it could not be sent, which is counted. */
lwt_t *net_dhcp_send(struct lwt_dhcp *d, uint8_t type, int to_server) LWT_MUST_USE;

/* A message of one of the types (bits) that is for us, from `server` (0: any), into
 * d->message; LWT_ETIMEDOUT. */
lwt_t *net_dhcp_receive(struct lwt_dhcp *d, unsigned types, uint32_t server,
                        uint64_t timeout) LWT_MUST_USE;

/* ---- dhcp_apply.c ------------------------------------------------------------- */

/* Whether an offer is something that we can use. */
int net_dhcp_usable(const struct net_dhcp *m);
/* The times of a lease that was asked for at `asked`. */
void net_dhcp_times(struct lwt_dhcp *d, const struct net_dhcp *m, uint64_t asked);
/* Set the address (asking whether it is free, if it is new): LWT_EADDRINUSE. */
lwt_t *net_dhcp_set_address(struct lwt_dhcp *d, const struct net_dhcp *m, int fresh)
  LWT_MUST_USE;
/* Routes and servers of names. */
void net_dhcp_apply(struct lwt_dhcp *d, const struct net_dhcp *m);
/* All of it goes. */
void net_dhcp_undo(struct lwt_dhcp *d);

#endif
