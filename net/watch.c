/* net/watch.c - who wants to hear of changes, and the events on their way.
 * SPDX-License-Identifier: ISC
 *
 * Events wait for the next loop turn, so that whoever hears them may call the
 * stack.  There is room for NET_EVENT_MAX; when it is full the last one becomes
 * LWT_IP_MISSED.
 */
#include "net.h"

#include <string.h>

void net_event(struct net_stack *s, enum lwt_ip_event event, uint32_t index,
               const struct lwt_addr *addr)
{
  struct net_event *e;

  if (!s->watches || s->closing)
    return;
  if (s->n_events == NET_EVENT_MAX) {
    s->events[NET_EVENT_MAX - 1] = (struct net_event){ .event = LWT_IP_MISSED };
    return;
  }
  e = &s->events[s->n_events++];
  memset(e, 0, sizeof *e);
  e->event = (uint8_t)event;
  e->index = index;
  if (addr)
    e->addr = *addr;
  lwt__task_set(&s->events_turn);
}

/* Those who begin to watch meanwhile do not hear it; those who stop neither. */
static void tell(struct net_stack *s, const struct net_event *e)
{
  struct lwt_ip_watch *w;

  for (w = s->watches; w; w = s->next_watch) {
    s->next_watch = w->next;
    w->fn(w, (enum lwt_ip_event)e->event, e->index, &e->addr);
  }
}

void net_events_turn(struct lwt__task *task)
{
  struct net_stack *s =
    (struct net_stack *)(void *)((char *)task - offsetof(struct net_stack, events_turn));
  struct net_event e;

  net_clock(s);
  s->telling = 1;
  while (s->n_events) {
    e = s->events[0];
    s->n_events--;
    memmove(s->events, s->events + 1, s->n_events * sizeof *s->events);
    tell(s, &e);
  }
  s->telling = 0;
}

int lwt_ip_watch(struct lwt_stack *stack, struct lwt_ip_watch *watch)
{
  struct net_stack *s = net_stack_of(stack);

  if (!s)
    return LWT_ENOTSUP;
  watch->next = s->watches;
  s->watches = watch;
  return 0;
}

void lwt_ip_unwatch(struct lwt_stack *stack, struct lwt_ip_watch *watch)
{
  struct net_stack *s = net_stack_of(stack);
  struct lwt_ip_watch **link = s ? &s->watches : NULL;

  while (link && *link && *link != watch)
    link = &(*link)->next;
  if (!link || !*link)
    return;
  if (s->next_watch == watch)
    s->next_watch = watch->next;
  *link = watch->next;
}
