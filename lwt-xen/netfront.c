/* netfront.c - the network device as a struct lwt_netif.
 * SPDX-License-Identifier: ISC
 *
 * Read netfront.h first.  What is sent in one turn of the run loop is pushed, and
 * the backend told once for each ring, when the loop next looks for events; what
 * came is then taken, at most a ring of it, and delivered as one queue.
 */
#include "netfront.h"

#include <stdio.h>
#include <string.h>

static struct netfront *of_netif(struct lwt_netif *netif)
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
  lwt__port_quiet(&n->port, n->split && !lwt_queue_length(&n->writers.waiters));
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
  if (n->front.state != FRONT_UP)
    return;
  sent = lwt__netfront_tx_reap(n);
  got = sent < 0 ? -1 : lwt__netfront_rx_take(n);
  if (got < 0) {
    lwt__front_lose(&n->front);
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
  struct netfront *n = of_netif(netif);
  int error = LWT_ENETDOWN;

  if (n->front.state == FRONT_LOST)
    n->netif.stats.tx_dropped++;
  else
    error = lwt__netfront_send(n, packet);
  lwt_buf_free(packet);
  return error;
}

static size_t netfront_room(struct lwt_netif *netif)
{
  struct netfront *n = of_netif(netif);
  uint32_t frame = n->netif.mtu + NETFRONT_ETHER;

  if (n->front.state != FRONT_UP)
    return 0;
  return front_room(&n->tx.ring) / ((frame + XEN_PAGE - 1) / XEN_PAGE);
}

static lwt_t *netfront_writable(struct lwt_netif *netif)
{
  struct netfront *n = of_netif(netif);

  if (n->front.state == FRONT_LOST)
    return lwt_fail(LWT_ENETDOWN, "netif_writable");
  if (n->front.state == FRONT_UP && front_room(&n->tx.ring) >= NETFRONT_SLOTS / 2)
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
  struct netfront *n = of_netif(netif);
  lwt_t *p;

  if (n->front.state == FRONT_LOST)
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

static lwt_t *netfront_close(struct lwt_netif *netif)
{
  struct netfront *n = of_netif(netif);

  if (n->front.state == FRONT_UP)
    push(n);
  return lwt__front_close(&n->front);
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
  snprintf(n->name, sizeof n->name, "vif:%u", index);
  snprintf(n->front.path, sizeof n->front.path, "device/vif/%u", index);
  n->front.ops = &lwt__netfront_ops;
  n->netif.ops = &netfront_ops;
  n->netif.name = n->name;
  n->port.call = n->rx_port.call = on_event;
  n->port.env = n->rx_port.env = n;
  return n;
}

static void drop_netif(void *netif)
{
  lwt_async(((struct lwt_netif *)netif)->ops->close(netif));
}

netfront_p *lwt__netfront_open(unsigned index)
{
  struct netfront *n = index < 1000 ? make(index) : NULL;

  if (!n)
    return netfront_p_fail(index < 1000 ? LWT_ENOMEM : LWT_ENODEV, "netfront_open");
  return (netfront_p *)lwt__front_open_later(&n->front, &n->netif, drop_netif);
}

int lwt__netfront_open_now(unsigned index, struct lwt_netif **netif)
{
  struct netfront *n = index < 1000 ? make(index) : NULL;
  int error = n ? lwt__front_open(&n->front) : index < 1000 ? LWT_ENOMEM : LWT_ENODEV;

  if (!error)
    *netif = &n->netif;
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
  char path[sizeof ((struct front *)NULL)->path];
  struct front *f;

  snprintf(path, sizeof path, "device/vif/%u", index);
  f = lwt__front_find(path);
  if (!f)
    return LWT_ENODEV;
  *stats = netfront_of(f)->counts;
  stats->netif = netfront_of(f)->netif.stats;
  return 0;
}
