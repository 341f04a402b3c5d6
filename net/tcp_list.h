/* net/tcp_list.h - lists whose members know their place; not installed.
 * SPDX-License-Identifier: ISC
 *
 * A circle through the list's head: adding at the end and taking out are a few
 * stores, and a member may be asked whether it is in a list.
 */
#ifndef NET_TCP_LIST_H
#define NET_TCP_LIST_H

#include <stddef.h>

struct tcp_link {
  struct tcp_link *next, *prev; /* NULL: in no list */
};

static inline void tcp_list_init(struct tcp_link *list)
{
  list->next = list->prev = list;
}
static inline int tcp_linked(const struct tcp_link *link)
{
  return link->next != NULL;
}
static inline int tcp_list_empty(const struct tcp_link *list)
{
  return list->next == list;
}
static inline void tcp_list_add(struct tcp_link *list, struct tcp_link *link)
{
  link->next = list;
  link->prev = list->prev;
  list->prev->next = link;
  list->prev = link;
}
static inline void tcp_list_remove(struct tcp_link *link)
{
  if (!link->next)
    return;
  link->prev->next = link->next;
  link->next->prev = link->prev;
  link->next = link->prev = NULL;
}
#define tcp_of(link, type, member) \
  ((type *)((char *)(link) - offsetof(type, member)))

#endif
