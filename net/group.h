/* net/group.h - membership in multicast groups; not installed.
 * SPDX-License-Identifier: ISC
 *
 * What endpoints ask for (struct net_member) makes up the filter of each IPv4 group
 * on each interface (RFC 3376 3.2): sources that are let in, or all but some.
 * Changes of it are told to routers, and their queries answered (igmp.c).  IPv6
 * groups are joined and left (mld.c), whatever the sources.
 */
#ifndef NET_GROUP_H
#define NET_GROUP_H

#include "net.h"

enum { NET_SOURCE_MAX = 64, NET_QUERIED_MAX = 16, NET_GROUP_ROBUSTNESS = 2 };

/* What one endpoint wants of a group on an interface. */
struct net_member {
  struct net_member *next;
  const void *owner;
  uint32_t index;
  struct lwt_addr group;
  uint8_t exclude; /* all but the sources, else these only */
  uint8_t n;
  struct lwt_addr sources[];
};

/* Of the filter, or on its way out of it. */
struct net_group_source {
  struct lwt_addr addr;
  uint8_t listed;
  uint8_t left; /* times that its change is still to be told */
};

struct net_group {
  struct net_group *next;
  struct net_if *nif;
  struct lwt_addr addr;
  uint8_t exclude;   /* the filter: all but the listed sources */
  uint8_t mode_left; /* times that a change of `exclude` is still to be told */
  uint8_t reported;  /* IGMP version 1 and 2: we answered last */
  uint8_t n;         /* of `source` */
  uint8_t n_queried; /* a query asks for these; 0: for all */
  struct net_timer change, answer;
  struct net_group_source source[NET_SOURCE_MAX];
  struct lwt_addr queried[NET_QUERIED_MAX];
};

/* The types of RFC 3376 4.2.12. */
enum net_group_record_type {
  NET_IS_INCLUDE = 1, NET_IS_EXCLUDE, NET_TO_INCLUDE, NET_TO_EXCLUDE, NET_ALLOW,
  NET_BLOCK
};

struct net_group_record {
  enum net_group_record_type type;
  struct net_group *group;
  unsigned n;
  const struct lwt_addr *sources;
};

/* igmp.c: a report begins, has this record too, and goes out. */
void net_igmp_begin(struct net_if *nif);
void net_igmp_record(struct net_if *nif, const struct net_group_record *record);
void net_igmp_end(struct net_if *nif);

/* ---- From endpoints ------------------------------------------------------ */

/* Set what owner wants of a group.  Errors: LWT_EINVAL (no group, or one that is
 * always joined), LWT_ENODEV, LWT_ENOTSUP (family), LWT_ENOBUFS (too many
 * sources, max_groups), LWT_ENOMEM. */
int net_group_join(struct net_stack *s, const void *owner, uint32_t index,
                   const struct lwt_addr *group, int exclude,
                   const struct lwt_addr *sources, size_t n);
/* Errors: LWT_EADDRNOTAVAIL (it was not joined). */
int net_group_leave(struct net_stack *s, const void *owner, uint32_t index,
                    const struct lwt_addr *group);
void net_group_leave_all(struct net_stack *s, const void *owner);

/* Whether owner is to have a datagram that came in there. */
int net_group_wants(const struct net_stack *s, const void *owner, uint32_t index,
                    const struct lwt_addr *group, const struct lwt_addr *source);

/* ---- From the network ---------------------------------------------------- */

/* The group's filter there; NULL: nobody listens to it. */
struct net_group *net_group_find(const struct net_if *nif, const struct lwt_addr *group);

/* A query: answer it within `delay`.  group NULL: about all.  n: sources that it
 * asks for. */
void net_group_query(struct net_if *nif, const struct lwt_addr *group,
                     const struct lwt_addr *sources, size_t n, uint64_t delay);
/* Somebody else has reported the group (version 1 and 2): no need to. */
void net_group_heard(struct net_if *nif, const struct lwt_addr *group);

void net_groups_init(struct net_if *nif);
void net_groups_fini(struct net_if *nif);
void net_groups_dump(const struct net_if *nif, FILE *out);

#endif
