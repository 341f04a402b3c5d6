/* net/interface.h - interfaces and their addresses; not installed.
 * SPDX-License-Identifier: ISC
 *
 * An interface is a device with what IP adds to it: a number, addresses,
 * neighbours.  Number 1 is the loopback interface, which has no device.
 */
#ifndef NET_INTERFACE_H
#define NET_INTERFACE_H

#include "../lwt/memory.h"

#include "lwt-ip.h"
#include "timer.h"

enum { NET_IF_MAX = 16, NET_IF_LOOPBACK = 1, NET_ADDRESS_MAX = 64, NET_EVENT_MAX = 64 };

struct net_stack;
struct net_neighbours;
struct net_if6;
struct net_group;

struct net_address {
  struct net_address *next;
  struct net_if *nif;
  struct lwt_addr addr; /* port 0 */
  uint8_t prefix, origin;
  uint8_t state;        /* enum lwt_ip_state */
  uint8_t tries;        /* probes and announcements sent */
  uint8_t counter;      /* of addresses made here that were taken (RFC 7217) */
  uint8_t joined;       /* the group in which others ask for it */
  struct lwt_addr router; /* that advertised its prefix */
  uint64_t preferred_until, valid_until;
  uint64_t defended;    /* when a conflict was last seen; 0: never */
  struct net_timer life;  /* when it is deprecated or goes */
  struct net_timer timer; /* of duplicate address or conflict detection */
  struct lwt_resolver usable;
};

struct net_if {
  struct net_stack *s;
  struct lwt_netif *netif; /* NULL: loopback */
  uint32_t index;
  uint32_t offloads;
  uint16_t mtu;
  uint8_t mac[6];
  uint8_t down;
  uint8_t conflicts; /* in a row, of tentative IPv4 addresses */
  char name[LWT_IP_NAME];
  struct net_address *addrs; /* in the order in which they were added */
  struct net_neighbours *neighbours;
  struct net_if6 *six; /* NULL: does not speak IPv6 */
  struct net_group *groups; /* multicast that is let in; group.h */
  uint32_t n_groups;
  uint8_t robustness;       /* how often changes of groups are told */
  struct net_timer query;   /* the answer to a general query is due */
  uint64_t igmp1_until, igmp2_until; /* an older querier was heard */
  struct lwt_buf *report;   /* IGMP, being written */
  uint16_t report_len, report_n;
  struct lwt_buf *rest;     /* of the batch that comes in */
  struct lwt_buf *loop, **loop_end; /* packets to ourselves */
  uint32_t loop_len;
  lwt_t *listening, *writable;
  struct lwt_ip_if_stats stats;
};

/* What is looked at for every IPv4 packet: the usable addresses of all interfaces. */
struct net_local4 {
  uint32_t ip, mask;
  uint32_t broadcast; /* 0: none */
  struct net_if *nif;
};

/* ---- Interfaces (interface.c) ------------------------------------------- */

/* netif NULL: loopback.  Errors as lwt_ip_if_add(). */
int net_if_add(struct net_stack *s, struct lwt_netif *netif, uint16_t mtu,
               struct net_if **nif);
/* Free it with all that is on it; the device stays open. */
void net_if_free(struct net_if *nif);
/* NULL: there is none. */
struct net_if *net_if_find(const struct net_stack *s, uint32_t index);

/* ---- Addresses (address.c) ---------------------------------------------- */

/* As lwt_ip_address_add(); *out, if not NULL: the address, NULL on failure. */
lwt_t *net_address_add(struct net_if *nif, const struct lwt_ip_address *address,
                       struct net_address **out) LWT_MUST_USE;
void net_address_remove(struct net_address *a);
/* In any state; NULL: there is none.  nif NULL: on any interface. */
struct net_address *net_address_find(const struct net_stack *s, const struct net_if *nif,
                                     const struct lwt_addr *addr);

/* From duplicate address and conflict detection: a tentative address may be used;
 * an address is used by somebody else (a tentative one is removed). */
void net_address_usable(struct net_address *a);
void net_address_conflict(struct net_address *a);

/* Detection by protocol: start (the address is tentative) and stop (its timer is
 * stopped already).  IPv4: arp_conflict.c. */
void net_acd_start(struct net_address *a);
/* Announce an address that may be used. */
void net_acd_announce(struct net_address *a);

/* The best IPv4 source on the interface towards dst (RFC 1122 3.3.4.3): preferred
 * ones first, then the longest common prefix; NULL: there is none. */
struct net_address *net_address_source4(const struct net_if *nif, uint32_t dst);

/* ---- Changes (watch.c) -------------------------------------------------- */

void net_event(struct net_stack *s, enum lwt_ip_event event, uint32_t index,
               const struct lwt_addr *addr);
void net_events_turn(struct lwt__task *task);

#endif
