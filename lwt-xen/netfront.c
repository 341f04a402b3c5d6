/* netfront.c - the network device as a struct lwt_netif, and its life.
 * SPDX-License-Identifier: ISC
 *
 * Read netfront.h first.  What is sent in one turn of the run loop is pushed, and
 * the backend told once for each ring, when the loop next looks for events; what
 * came is then taken, at most a ring of it, and delivered as one queue.
 */
#include "netfront.h"

#include <stdio.h>
#include <string.h>

static struct netfront *all;

/* Ports and grants are gone: all devices connect again. */
static void resumed(void)
{
  struct netfront *n;

  for (n = all; n; n = n->next)
    lwt_condition_fail(&n->resumed, LWT_ESHUTDOWN, "netfront");
}

static struct lwt__resume hook = { .call = resumed };

static struct netfront *netfront_of(struct lwt_netif *netif)
{
  return (struct netfront *)netif;
}

/* ---- A turn ----------------------------------------------------------------- */

void lwt__netfront_kick(struct netfront *n)
{
  n->kicked = 1;
  lwt__port_again(&n->port);
}

/* Tell the backend of what is new in the rings, once for each port. */
static void push(struct netfront *n)
{
  int tx = front_push(&n->tx.ring), rx = front_push(&n->rx.ring);

  if (tx || (rx && !n->split)) {
    lwt__port_notify(&n->port);
    n->counts.notifies++;
  }
  if (rx && n->split) {
    lwt__port_notify(&n->rx_port);
    n->counts.notifies++;
  }
}

/* Ask for the next events, as far as somebody needs them. */
static void listen_for_events(struct netfront *n)
{
  int now = front_await(&n->rx.ring, 1);

  if (lwt_queue_length(&n->writers.waiters)) {
    if (front_room(&n->tx.ring) >= NETFRONT_SLOTS / 2)
      lwt_condition_broadcast(&n->writers, NULL);
    else
      now |= lwt__netfront_tx_await(n);
  }
  if (now)
    lwt__netfront_kick(n);
}

static void deliver(struct netfront *n, struct lwt_buf *packets)
{
  struct lwt_buf *packet;

  if (!packets)
    return;
  if (n->input && !lwt_unwanted(&n->listener)) {
    n->input(n->env, packets);
    return;
  }
  for (packet = packets; packet; packet = packet->next_packet)
    n->netif.stats.rx_dropped++;
  lwt_buf_free_queue(packets);
}

/* From the run loop, callbacks held back. */
static void on_event(void *env)
{
  struct netfront *n = env;
  int sent, got;

  n->counts.events++;
  if (n->state != NETFRONT_UP)
    return;
  sent = lwt__netfront_tx_reap(n);
  got = sent < 0 ? -1 : lwt__netfront_rx_take(n);
  if (got < 0) {
    lwt__netfront_lose(n);
    return;
  }
  if (!sent && !got && !n->kicked)
    n->counts.idle++;
  n->kicked = 0;
  lwt__netfront_rx_post(n);
  push(n);
  listen_for_events(n);
  deliver(n, lwt__netfront_rx_queue(n)); /* may close the device */
}

/* ---- The contract ----------------------------------------------------------- */

static int netfront_send(struct lwt_netif *netif, struct lwt_buf *packet)
{
  struct netfront *n = netfront_of(netif);
  int error = LWT_ENETDOWN;

  if (n->state == NETFRONT_LOST)
    n->netif.stats.tx_dropped++;
  else
    error = lwt__netfront_send(n, packet);
  lwt_buf_free(packet);
  return error;
}

static size_t netfront_room(struct lwt_netif *netif)
{
  struct netfront *n = netfront_of(netif);
  uint32_t frame = n->netif.mtu + NETFRONT_ETHER;

  if (n->state != NETFRONT_UP)
    return 0;
  return front_room(&n->tx.ring) / ((frame + XEN_PAGE - 1) / XEN_PAGE);
}

static lwt_t *netfront_writable(struct lwt_netif *netif)
{
  struct netfront *n = netfront_of(netif);

  if (n->state == NETFRONT_LOST)
    return lwt_fail(LWT_ENETDOWN, "netif_writable");
  if (n->state == NETFRONT_UP && front_room(&n->tx.ring) >= NETFRONT_SLOTS / 2)
    return lwt_return(NULL);
  lwt__netfront_kick(n);
  return lwt_condition_wait(&n->writers, NULL);
}

static void listen_stop(void *env)
{
  struct netfront *n = env;

  if (!lwt_unwanted(&n->listener))
    return; /* somebody else listens */
  lwt_abandon(&n->listener);
  n->listener.lwt_private = NULL;
  n->input = NULL;
}

static lwt_t *netfront_listen(struct lwt_netif *netif, lwt_netif_input *input, void *env)
{
  struct netfront *n = netfront_of(netif);
  lwt_t *p;

  if (n->state == NETFRONT_LOST)
    return lwt_fail(LWT_ENETDOWN, "netif_listen");
  if (n->listener.lwt_private && lwt_unwanted(&n->listener))
    listen_stop(n);
  if (n->listener.lwt_private)
    return lwt_fail(LWT_EBUSY, "netif_listen");
  p = lwt_task_op(&n->listener, listen_stop, n);
  if (n->listener.lwt_private) {
    n->input = input;
    n->env = env;
  }
  return p;
}

/* ---- Losing it ----------------------------------------------------------------- */

void lwt__netfront_lose(struct netfront *n)
{
  struct lwt_resolver listener = n->listener;
  int held;

  if (n->state == NETFRONT_LOST)
    return;
  held = lwt__hold();
  n->state = NETFRONT_LOST;
  n->input = NULL;
  n->listener.lwt_private = NULL;
  n->leaving = lwt__netfront_leave(n);
  lwt_condition_fail(&n->writers, LWT_ENETDOWN, "netif_writable");
  if (listener.lwt_private)
    lwt_reject(&listener, LWT_ENETDOWN, "netif_listen");
  lwt__release(held);
}

/* See to it that the device is connected: after a resume, again. */
struct minder {
  struct lwt_frame frame;
  struct netfront *n;
  struct lwt_error error;
  uint32_t offloads;
  uint16_t mtu;
};

LWT_STEP minder_step(struct lwt_frame *frame)
{
  struct minder *s = (struct minder *)frame;

  lwt_begin(s);
  do {
    lwt_await_error(s, &s->error, lwt__netfront_gone(s->n));
    if (s->error.code == LWT_ECANCELED)
      lwt_finish(s, NULL);
    if (s->error.code == LWT_ESHUTDOWN && s->n->state == NETFRONT_UP) {
      s->n->state = NETFRONT_DOWN;
      s->offloads = s->n->netif.offloads;
      s->mtu = s->n->netif.mtu;
      lwt__netfront_disconnect(s->n);
      lwt_await_error(s, &s->error, lwt__netfront_connect(s->n));
      if (s->error.code == LWT_ECANCELED)
        lwt_finish(s, NULL);
      /* Connections rely on what was there. */
      if (!s->error.code &&
          (s->offloads & ~s->n->netif.offloads || s->mtu > s->n->netif.mtu))
        s->error.code = LWT_ENOTSUP;
      if (!s->error.code) {
        s->n->netif.offloads = s->offloads;
        s->n->netif.mtu = s->mtu;
        s->n->counts.connects++;
        lwt__netfront_kick(s->n);
        if (s->n->netif.up)
          s->n->netif.up(s->n->netif.up_env);
      }
    } else {
      s->error.code = LWT_ENETDOWN;
    }
  } while (!s->error.code);
  lwt__netfront_lose(s->n);
  lwt_end(s);
}

/* ---- Closing -------------------------------------------------------------------- */

static void give_up(lwt_t **p)
{
  lwt_t *given = *p;

  *p = NULL;
  if (given)
    lwt_drop(given);
}

static void destroy(struct netfront *n)
{
  struct netfront **link = &all;

  while (*link != n)
    link = &(*link)->next;
  *link = n->next;
  give_up(&n->minder);
  give_up(&n->leaving);
  lwt__netfront_disconnect(n);
  lwt__xenbus_free(n->backend);
  lwt__free(n);
}

struct closing {
  struct lwt_frame frame;
  struct netfront *n;
  struct lwt_error error;
};

static void closing_end(void *env)
{
  destroy(((struct closing *)env)->n);
}

/* Cancelled, it does the same without patience. */
LWT_STEP closing_step(struct lwt_frame *frame)
{
  struct closing *s = (struct closing *)frame;
  lwt_t *p;

  lwt_begin(s);
  lwt_defer(s, closing_end, s);
  p = s->n->minder;
  s->n->minder = NULL;
  if (p) {
    lwt_cancel(p);
    lwt_await_error(s, &s->error, p);
  }
  p = s->n->leaving;
  s->n->leaving = NULL;
  lwt_await_error(s, &s->error, p);
  lwt_end(s);
}

static lwt_t *netfront_close(struct lwt_netif *netif)
{
  struct netfront *n = netfront_of(netif);

  n->ended = 1;
  if (n->state == NETFRONT_UP)
    push(n);
  lwt__netfront_lose(n);
  return LWT_GO_OR(struct closing, closing_step, closing_end, .n = n);
}

static const struct lwt_netif_ops netfront_ops = {
  .send = netfront_send,
  .listen = netfront_listen,
  .room = netfront_room,
  .writable = netfront_writable,
  .close = netfront_close,
};

/* ---- Opening ---------------------------------------------------------------------- */

static struct netfront *make(unsigned index)
{
  struct netfront *n = lwt__alloc(sizeof *n);

  if (!n)
    return NULL;
  memset(n, 0, sizeof *n);
  n->index = index;
  snprintf(n->name, sizeof n->name, "vif:%u", index);
  snprintf(n->path, sizeof n->path, "device/vif/%u", index);
  n->netif.ops = &netfront_ops;
  n->netif.name = n->name;
  lwt__resume_add(&hook);
  n->next = all;
  all = n;
  n->port.call = n->rx_port.call = on_event;
  n->port.env = n->rx_port.env = n;
  return n;
}

/* A connected device begins.  Returns 0 or LWT_ENOMEM. */
static int mind(struct netfront *n)
{
  n->counts.connects++;
  n->minder = LWT_GO(struct minder, minder_step, .n = n);
  if (lwt_error(n->minder).code)
    return LWT_ENOMEM;
  lwt__netfront_kick(n);
  return 0;
}

struct opening {
  struct lwt_frame frame;
  struct netfront *n;
};

static void opening_end(void *env)
{
  struct opening *s = env;

  if (s->n)
    destroy(s->n);
}

static void drop_netif(void *netif)
{
  lwt_async(((struct lwt_netif *)netif)->ops->close(netif));
}

LWT_STEP opening_step(struct lwt_frame *frame)
{
  struct opening *s = (struct opening *)frame;
  struct netfront *n;
  int error;

  lwt_begin(s);
  lwt_defer(s, opening_end, s);
  lwt_await(s, lwt__netfront_connect(s->n));
  error = mind(s->n);
  if (error)
    lwt_throw(s, error, "netfront_open");
  n = s->n;
  s->n = NULL;
  lwt_finish_owned(s, &n->netif, drop_netif);
  lwt_end(s);
}

netfront_p *lwt__netfront_open(unsigned index)
{
  struct netfront *n = index < 1000 ? make(index) : NULL;

  if (!n)
    return netfront_p_fail(index < 1000 ? LWT_ENOMEM : LWT_ENODEV, "netfront_open");
  return (netfront_p *)LWT_GO_OR(struct opening, opening_step, opening_end, .n = n);
}

int lwt__netfront_open_now(unsigned index, struct lwt_netif **netif)
{
  struct netfront *n = index < 1000 ? make(index) : NULL;
  int held = lwt__hold();
  int error = n ? lwt__netfront_connect_now(n) : index < 1000 ? LWT_ENOMEM : LWT_ENODEV;

  if (!error)
    error = mind(n);
  if (!error)
    *netif = &n->netif;
  else if (n)
    destroy(n);
  lwt__release(held);
  return error;
}

/* Here, so that a program which opens no device does not have the driver. */
int lwt_platform_netif(const char *name, struct lwt_netif **netif)
{
  uint64_t index;

  if (strncmp(name, "vif:", 4) ||
      lwt__xenbus_parse(name + 4, strlen(name + 4), UINT32_MAX, &index))
    return LWT_ENODEV;
  return lwt__netfront_open_now((unsigned)index, netif);
}

int lwt_xen_netif_stats(unsigned index, struct lwt_xen_netif_stats *stats)
{
  struct netfront *n;

  for (n = all; n; n = n->next)
    if (n->index == index && n->state != NETFRONT_LOST) {
      *stats = n->counts;
      stats->netif = n->netif.stats;
      return 0;
    }
  return LWT_ENODEV;
}
