/* net/ipv6.h - what the files of IPv6 share; not installed.
 * SPDX-License-Identifier: ISC
 *
 * Read net.h, interface.h, routes.h and neighbour.h first.  A packet's way:
 *
 *   ether.c -> ipv6_input.c -> udp.c | tcp*.c | icmp6.c -> nd.c | ra.c | mld.c
 *   tcp*.c | udp.c | icmp6.c -> ipv6.c -> neighbour.c (next hop) -> netif
 *
 * Where packets go, and from which address, is in hop6.c.  What an interface
 * knows beside its addresses and neighbours is struct net_if6; without one it
 * does not speak IPv6.
 */
#ifndef NET_IPV6_H
#define NET_IPV6_H

#include "neighbour.h"
#include "nd_wire.h"
#include "wire6.h"

enum {
  NET_IPV6_MTU_MIN = 1280,
  NET_LEARNT_MAX = 32,  /* default routers, on-link prefixes, routes, redirects */
  NET_GROUPS_MAX = 60,  /* that one report has room for */
  NET_SLAAC_MAX = 16    /* addresses of an interface made from prefixes */
};

/* What a router said, and until when; in the routing table at the same time. */
struct net_learnt {
  struct lwt_ip_route route;
  uint64_t until; /* 0: unused */
  uint8_t redirect;
};

/* A multicast group that somebody here is in, or has just left (users 0). */
struct net_group6 {
  struct net_group6 *next;
  uint8_t ip[16];
  uint32_t users;
  uint8_t changes; /* reports of a change still to be sent */
  uint8_t queried; /* the next report answers a query */
  uint64_t due;    /* LWT_NEVER: no report */
};

struct net_name_server {
  uint8_t ip[16];
  uint64_t until; /* in the past: unused */
};

struct net_if6 {
  struct net_if *nif;
  uint8_t token[6];   /* in our solicitations while we look for duplicates */
  uint8_t accept;     /* what routers say */
  uint8_t router;     /* among all routers (RFC 4291 2.8) */
  uint8_t hops;       /* hop limit of what we send */
  uint8_t robustness; /* of MLD */
  uint16_t mtu;       /* of the link, as routers say */
  uint32_t n_groups;
  uint64_t solicit_interval; /* of routers */
  uint64_t mld1_until; /* an older querier was there */
  struct net_timer rs_timer, learnt_timer, mld_timer;
  struct net_learnt learnt[NET_LEARNT_MAX];
  struct net_name_server servers[NET_ND_SERVERS]; /* RFC 8106 */
  struct net_group6 *groups;
};

/* ---- An interface (if6.c) ----------------------------------------------- */

/* Begin to speak IPv6: a link-local address, the groups of a host.  Errors:
 * LWT_ENOMEM; LWT_EINVAL (an MTU below 1280). */
int net_if6_start(struct net_if *nif, int accept);
/* Stop; addresses are taken away by others. */
void net_if6_stop(struct net_if *nif);
/* From address.c: duplicate address detection of a tentative address begins; an
 * address is usable; is taken away; was found to be somebody else's, just before it
 * is taken away. */
void net_dad_start(struct net_address *a);
void net_if6_usable(struct net_address *a);
void net_if6_gone(struct net_address *a);
/* Make another address instead of one that is gone (RFC 7217 6), if it was made
 * here. */
void net_if6_taken(struct net_if *nif, const struct net_address *a);
/* Add the address of a prefix, with the stable identifier; NULL: no memory or room. */
struct net_address *net_if6_autoconf(struct net_if *nif, const uint8_t prefix[16],
                                     uint8_t origin, uint8_t counter,
                                     uint64_t preferred, uint64_t valid);

/* ---- Where to (hop6.c) -------------------------------------------------- */

int net_hop6_find(struct net_stack *s, const struct lwt_addr *dst,
                  const struct lwt_addr *src, uint32_t index, struct net_hop *hop);
/* A usable address of this interface (NULL: of any). */
struct net_address *net_addr6_on(const struct net_stack *s, const struct net_if *nif,
                                 const uint8_t ip[16]);
/* The best source address of an interface (RFC 6724); NULL: none. */
struct net_address *net_addr6_source(const struct net_if *nif, const uint8_t dst[16],
                                     const struct lwt_addr *next);
/* The link-local address, if it is usable. */
struct net_address *net_addr6_link_local(const struct net_if *nif);

static inline struct lwt_addr net_addr6(const uint8_t ip[16], uint32_t scope)
{
  struct lwt_addr addr = { .family = 6, .scope = scope };

  memcpy(addr.ip, ip, 16);
  return addr;
}
/* With the interface as scope, where the address needs one. */
static inline struct lwt_addr net_addr6_in(const struct net_if *nif, const uint8_t ip[16])
{
  return net_addr6(ip, net_ip6_is_scoped(ip) ? nif->index : 0);
}

/* ---- Output (ipv6.c) ---------------------------------------------------- */

/* As net_ip_send(); of r: src, dst, next, tclass, hops, flow. */
int net_ipv6_send(struct net_stack *s, const struct net_hop *hop,
                  struct net_ipv6_repr *r, int df, struct lwt_buf *segment);
/* The flow label of what begins with these bytes (RFC 6437). */
uint32_t net_ipv6_flow(const struct net_stack *s, const struct lwt_addr *src,
                       const struct lwt_addr *dst, uint8_t proto, const uint8_t ports[4]);
/* An ICMPv6 message, checksum zero, on one interface to a multicast or neighbour's
 * address, hop limit 255; alert: with a router alert option and hop limit 1. */
void net_icmp6_send_on(struct net_if *nif, const uint8_t src[16], const uint8_t dst[16],
                       int alert, const uint8_t *message, size_t len);

/* ---- Input -------------------------------------------------------------- */

/* As net_ipv4_input(). */
void net_ipv6_input(struct net_if *nif, struct lwt_buf *packet, unsigned flags);

void net_icmp6_input(struct net_stack *s, const struct net_ip_info *ip,
                     struct lwt_buf *packet);
void net_icmp6_send_error(struct net_stack *s, const struct net_ip_info *ip, uint8_t type,
                          uint8_t code, uint32_t word, const struct lwt_buf *payload);
/* A packet of ours (from its IP header on) found no neighbour.  Borrows. */
void net_icmp6_no_neighbour(struct net_if *nif, const struct lwt_buf *packet);

/* The message from its type on, checksum right; bytes are its first ones, all if
 * there are not more than NET_ND_LEN_MAX.  alert: it came with a router alert. */
void net_nd_input(const struct net_ip_info *ip, const uint8_t *bytes, size_t len);
/* Tell everybody on the link where an address is (RFC 4861 7.2.6). */
void net_nd_announce(struct net_address *a);
void net_ra_input(const struct net_ip_info *ip, const struct net_nd_repr *r);
void net_redirect_input(const struct net_ip_info *ip, const struct net_nd_repr *r);
void net_mld_input(const struct net_ip_info *ip, const uint8_t *bytes, size_t len);

/* ---- Routers (ra.c) ----------------------------------------------------- */

/* Look for routers, once there is a link-local address. */
void net_ra_solicit(struct net_if *nif);
void net_ra_init(struct net_if *nif);
void net_ra_stop(struct net_if *nif);
/* As lwt_ip_name_servers(). */
size_t net_ra_servers(const struct net_if *nif, struct lwt_addr *list, size_t max);
/* A neighbour is no router any more, or does not answer. */
void net_ra_not_router(struct net_if *nif, const struct lwt_addr *ip);
void net_ra_unreachable(struct net_if *nif, const struct lwt_addr *ip);

/* ---- Groups (mld.c) ----------------------------------------------------- */

/* Errors: LWT_ENOBUFS, LWT_ENOMEM, LWT_EINVAL (no group). */
int net_mld_join(struct net_if *nif, const uint8_t group[16]);
void net_mld_leave(struct net_if *nif, const uint8_t group[16]);
int net_mld_is_member(const struct net_if *nif, const uint8_t group[16]);
void net_mld_init(struct net_if *nif);
void net_mld_stop(struct net_if *nif);

#endif
