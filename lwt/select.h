/* lwt/select.h - what channel.c and select.c share.
 * SPDX-License-Identifier: ISC
 *
 * In the queues of a channel stand promises (K_QUEUED; a sender's element in fn
 * and env) and entries of selects.  Unless a select stands in both, nobody waits
 * to receive while there is an element or a sender, and nobody waits to send
 * while there is room or a receiver.
 */
#ifndef LWT_SELECT_H
#define LWT_SELECT_H

#include "internal.h"

#include <lwt/channel.h>

struct lwt_channel {
  struct lwt_queue senders, receivers;
  lwt_drop_fn *drop;
  struct lwt_error end; /* code 0: it has not ended */
  size_t capacity, first, n;
  void *ring[];
};

/* A receive would not wait: there is an element. */
int lwt__channel_full(struct lwt_channel *ch);
/* A send would not wait: there is room or a receiver. */
int lwt__channel_wanted(struct lwt_channel *ch);
/* The next element, which stays; lwt__channel_full() is true. */
void *lwt__channel_peek(struct lwt_channel *ch);
/* Take it; callbacks of the sender whose place is taken are queued. */
void *lwt__channel_take(struct lwt_channel *ch);
/* Hand it over; lwt__channel_wanted() is true. */
void lwt__channel_give(struct lwt_channel *ch, void *value);
/* What a send to a channel that has ended gets. */
struct lwt_error lwt__channel_closed(const struct lwt_channel *ch);

/* The case of an entry happens: its select leaves all queues and settles. */
void lwt__select_happens(struct entry *e, struct lwt_value value, struct lwt_error error);
/* The element of a waiting send case. */
void *lwt__select_element(struct entry *e);

#endif
