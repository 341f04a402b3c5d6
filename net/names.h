/* net/names.h - names of hosts, for the stack.
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_NAMES_H
#define NET_NAMES_H

#include "net.h"

/* What makes resolvers and asks them (resolver.c).  A stack that does not name it is
 * linked without. */
struct net_resolver {
  /* Sets s->dns, which is NULL.  config NULL: without servers so far. */
  int (*start)(struct net_stack *s, const struct lwt_dns_config *config);
  void (*close)(void *dns); /* NULL is nothing */
  lwt_addrs_p *(*lookup)(struct lwt_dns *dns, const char *name, uint16_t port);
  void (*dump)(const struct lwt_dns *dns, FILE *out);
  /* The servers that were learnt so far, the first `max`; how many were stored. */
  size_t (*learnt)(struct lwt_stack *stack, struct lwt_addr *list, size_t max);
};
extern const struct net_resolver net_resolver;

/* The table of hosts is copied; a resolver is made if config->dns says how;
 * LWT_ENOTSUP: this stack has none. */
int net_names_init(struct net_stack *s, const struct lwt_net_config *config);
void net_names_fini(struct net_stack *s);
/* The resolver goes, what it was asked is rejected. */
void net_names_stop(struct net_stack *s);

/* Servers of names that somebody was told of, who takes them away again: a list of his.
 * The resolver asks them after those that it was given, and before those that routers
 * tell of. */
struct net_name_source {
  struct net_name_source *next;
  const struct lwt_addr *servers;
  unsigned n;
};
static inline void net_names_learn(struct net_stack *s, struct net_name_source *source)
{
  source->next = s->name_sources;
  s->name_sources = source;
}
static inline void net_names_forget(struct net_stack *s,
                                    const struct net_name_source *source)
{
  struct net_name_source **link = &s->name_sources;

  while (*link != source)
    link = &(*link)->next;
  *link = source->next;
}
/* Stack operations. */
lwt_addr_p *net_resolve(struct lwt_stack *stack, const char *name, uint16_t port);
lwt_addrs_p *net_resolve_all(struct lwt_stack *stack, const char *name, uint16_t port);

#endif
