/* net/hub.c - an Ethernet in memory: a switch with as many ports as one likes.
 * SPDX-License-Identifier: ISC
 *
 * Read link.h first: it says what becomes of a packet.  A packet that arrives
 * at once is queued at its receivers, one that takes time is a flight on the
 * hub's timers, and is queued then.  Queues are handed over once a turn, all of
 * a port in one call: first all are taken, then given, so that what a receiver
 * sends at once arrives on the next turn, and nothing recurses.
 */
#include "net.h"

#include "link.h"
#include "pcap.h"
#include "wire.h"

#include <string.h>

#define QUEUE (1u << 20)
#define IN_FLIGHT 65536u

struct queue {
  struct lwt_buf *first, **end;
  uint64_t packets, bytes;
};

struct port {
  struct lwt_netif netif;
  struct lwt_net_hub *hub;
  struct port *next;
  struct net_link link;
  char name[24];
  uint8_t closed;
  uint8_t wire;       /* the link takes no time and harms nothing */
  struct port *peer;  /* who got the last frame; NULL */
  uint32_t now_sent;     /* bytes sent that the turn will deliver */
  struct queue received; /* for the next turn */
  struct queue batch;    /* of this turn; nothing is added */
  struct flight *flights; /* towards this port */
  lwt_netif_input *input;
  void *env;
  struct lwt_resolver listener, writable;
  struct net_timer drained;
};

struct flight {
  struct net_timer timer;
  struct flight *next, **link;
  struct port *to;
  struct lwt_buf *packet;
};

struct lwt_net_hub {
  struct lwt_net_hub_config config;
  struct lwt_net_hub_stats stats;
  struct net_timers timers;
  uint64_t random;
  struct port *ports, **ports_end;
  unsigned n_ports; /* ever made */
  unsigned writers; /* ports that wait for room, at most */
  uint32_t in_flight;
  struct flight *spare;
  struct lwt_net_pcap *pcap;
  struct lwt__task turn; /* delivers what was received */
  uint8_t handle;  /* somebody holds it */
  uint8_t working; /* ports may not be freed */
  uint8_t doomed;  /* a port was closed meanwhile */
};

static void queue_add(struct queue *q, struct lwt_buf *packet)
{
  packet->next_packet = NULL;
  *q->end = packet;
  q->end = &packet->next_packet;
  q->packets++;
  q->bytes += packet->total;
}

static void queue_clear(struct queue *q)
{
  q->first = NULL;
  q->end = &q->first;
  q->packets = q->bytes = 0;
}

/* ---- Room -------------------------------------------------------------- */

static uint32_t queue_limit(const struct port *p)
{
  return p->link.config.queue ? p->link.config.queue : QUEUE;
}

static uint32_t queue_free(const struct port *p, uint64_t now)
{
  uint64_t used = p->now_sent + net_link_backlog(&p->link, now);
  uint32_t limit = queue_limit(p);

  return used < limit ? limit - (uint32_t)used : 0;
}

static void check_writable(struct port *p)
{
  uint32_t half = queue_limit(p) / 2;

  if (!p->writable.lwt_private)
    return;
  if (queue_free(p, lwt_now()) >= half) {
    lwt_fulfill(&p->writable, NULL);
    return;
  }
  p->hub->writers++;
  if (p->link.config.bandwidth)
    net_timer_set(&p->hub->timers, &p->drained, net_link_drained(&p->link, half));
}

static void drained(struct net_timer *timer)
{
  check_writable((struct port *)(void *)((char *)timer - offsetof(struct port, drained)));
}

/* ---- Delivery ---------------------------------------------------------- */

static void hub_release(struct lwt_net_hub *hub);

static void give(struct port *p)
{
  const struct queue *q = &p->batch;
  struct lwt_buf *first = q->first;

  p->batch.first = NULL;
  if (p->closed || lwt_unwanted(&p->listener)) {
    p->netif.stats.rx_dropped += q->packets;
    p->hub->stats.deaf += q->packets;
    lwt_buf_free_queue(first);
    return;
  }
  p->netif.stats.rx_packets += q->packets;
  p->netif.stats.rx_bytes += q->bytes;
  p->hub->stats.delivered += q->packets;
  p->input(p->env, first);
}

/* Hand over what was received. */
static void deliver(struct lwt_net_hub *hub)
{
  struct port *p;

  for (p = hub->ports; p; p = p->next) {
    p->now_sent = 0;
    if (!p->received.first)
      continue;
    p->batch.first = p->received.first;
    p->batch.packets = p->received.packets;
    p->batch.bytes = p->received.bytes;
    queue_clear(&p->received);
  }
  for (p = hub->ports; p; p = p->next)
    if (p->batch.first)
      give(p);
  if (!hub->writers)
    return;
  hub->writers = 0;
  for (p = hub->ports; p; p = p->next)
    check_writable(p);
}

static void turn(struct lwt__task *task)
{
  struct lwt_net_hub *hub =
    (struct lwt_net_hub *)(void *)((char *)task - offsetof(struct lwt_net_hub, turn));

  hub->working = 1;
  deliver(hub);
  hub->working = 0;
  if (hub->doomed)
    hub_release(hub);
}

static void flight_free(struct flight *f)
{
  struct lwt_net_hub *hub = f->to->hub;

  *f->link = f->next;
  if (f->next)
    f->next->link = f->link;
  f->next = hub->spare;
  hub->spare = f;
  hub->in_flight--;
}

static void arrive(struct net_timer *timer)
{
  struct flight *f = (struct flight *)timer;

  queue_add(&f->to->received, f->packet);
  flight_free(f);
}

static void before_timers(void *env)
{
  ((struct lwt_net_hub *)env)->working = 1;
}

static void after_timers(void *env)
{
  struct lwt_net_hub *hub = env;

  deliver(hub);
  hub->working = 0;
  if (hub->doomed)
    lwt__task_set(&hub->turn); /* the timers are in use until then */
}

/* ---- Sending ----------------------------------------------------------- */

/* packet reaches `to` at `when`.  Takes packet. */
static void post(struct port *to, uint64_t now, uint64_t when, struct lwt_buf *packet)
{
  struct lwt_net_hub *hub = to->hub;
  struct flight *f = hub->spare;

  if (when <= now) {
    lwt__task_set(&hub->turn);
    queue_add(&to->received, packet);
    return;
  }
  if (hub->in_flight >= hub->config.in_flight || (!f && !(f = lwt__alloc(sizeof *f)))) {
    hub->stats.full++;
    lwt_buf_free(packet);
    return;
  }
  if (f == hub->spare)
    hub->spare = f->next;
  hub->in_flight++;
  f->to = to;
  f->packet = packet;
  f->next = to->flights;
  f->link = &to->flights;
  if (f->next)
    f->next->link = &f->next;
  to->flights = f;
  net_timer_init(&f->timer, arrive);
  net_timer_set(&hub->timers, &f->timer, when);
}

static struct lwt_buf *copy(const struct lwt_buf *packet)
{
  struct lwt_buf *c = lwt_buf_slice(packet, 0, packet->total);

  if (c) {
    c->flags = packet->flags;
    c->csum_start = packet->csum_start;
    c->csum_offset = packet->csum_offset;
    c->gso_size = packet->gso_size;
    c->gso_type = packet->gso_type;
  }
  return c;
}

/* memcmp() of 6 bytes is a call, and this is done for each frame. */
static int has_mac(const struct port *p, const uint8_t mac[6])
{
  uint32_t a, b;
  uint16_t c, d;

  memcpy(&a, p->netif.mac, 4);
  memcpy(&b, mac, 4);
  memcpy(&c, p->netif.mac + 4, 2);
  memcpy(&d, mac + 4, 2);
  return !p->closed && !((a ^ b) | (uint32_t)(c ^ d));
}

/* The port with that address other than from; NULL. */
static struct port *port_of(struct port *from, const uint8_t mac[6])
{
  struct port *p = from->peer;

  if (p && has_mac(p, mac))
    return p;
  for (p = from->hub->ports; p; p = p->next)
    if (p != from && has_mac(p, mac))
      return from->peer = p;
  return NULL;
}

/* To the port that has the destination, else to all but the sender.  Takes
 * packet. */
static void forward(struct port *from, uint64_t now, uint64_t when,
                    struct lwt_buf *packet)
{
  struct lwt_net_hub *hub = from->hub;
  struct port *p, *last = NULL;
  struct lwt_buf *c;
  uint8_t dst[6];

  lwt_buf_copy_out(packet, 0, dst, sizeof dst);
  p = port_of(from, dst);
  if (p) {
    post(p, now, when, packet);
    return;
  }
  for (p = hub->ports; p; p = p->next) {
    if (p == from || p->closed)
      continue;
    if (last) {
      c = copy(packet);
      if (c)
        post(last, now, when, c);
      else
        hub->stats.full++;
    }
    last = p;
  }
  if (last) {
    post(last, now, when, packet);
    return;
  }
  hub->stats.nobody++;
  lwt_buf_free(packet);
}

/* Let the packet meet its fate.  Takes packet. */
static void transmit(struct port *p, uint64_t now, struct lwt_buf *packet)
{
  struct lwt_net_hub *hub = p->hub;
  struct net_fate fate = net_link_send(&p->link, &hub->random, now, packet->total);
  struct lwt_buf *c;

  hub->stats.reordered += fate.reordered;
  if (!fate.copies) {
    hub->stats.lost++;
    lwt_buf_free(packet);
    return;
  }
  if (fate.copies == 2) {
    hub->stats.duplicated++;
    c = copy(packet);
    if (c)
      forward(p, now, fate.when[1], c);
    else
      hub->stats.full++;
  }
  if (fate.corrupt) {
    hub->stats.corrupted++;
    packet = net_link_corrupt(packet, &hub->random);
    if (!packet) {
      hub->stats.full++;
      return;
    }
  }
  forward(p, now, fate.when[0], packet);
}

/* Whether the time matters to this port; asking for it costs more than a small
 * packet. */
static int timed(const struct port *p)
{
  const struct lwt_net_link *c = &p->link.config;

  return c->bandwidth || c->delay || c->jitter || c->reorder || p->hub->pcap;
}

/* A frame of ordinary length over a perfect link to one port, which is what most
 * are when speed is measured: what port_send() does, in one place.  0: it is not. */
static int send_wire(struct port *p, struct lwt_buf *packet)
{
  struct lwt_net_hub *hub = p->hub;
  uint32_t len = packet->total;
  struct port *to;

  if (!p->wire || p->closed || hub->pcap || packet->len < NET_ETHER_LEN ||
      len > p->netif.mtu + (uint32_t)NET_ETHER_LEN ||
      p->now_sent + (uint64_t)len > queue_limit(p) || !(to = port_of(p, packet->data)))
    return 0;
  p->netif.stats.tx_packets++;
  p->netif.stats.tx_bytes += len;
  p->now_sent += len;
  hub->stats.sent++;
  lwt__task_set(&hub->turn);
  queue_add(&to->received, packet);
  return 1;
}

/* Whether the port said that it cuts such packets into segments. */
static int is_cut_up(const struct lwt_netif *netif, const struct lwt_buf *packet)
{
  uint32_t need = packet->gso_type == LWT_GSO_TCPV6 ? LWT_NETIF_TX_TSO6
                                                    : LWT_NETIF_TX_TSO4;

  return packet->flags & LWT_BUF_GSO && netif->offloads & need;
}

static int port_send(struct lwt_netif *netif, struct lwt_buf *packet)
{
  struct port *p = (struct port *)netif;
  struct lwt_net_hub *hub = p->hub;
  uint32_t len = packet->total;
  uint64_t now;

  if (send_wire(p, packet))
    return 0;
  now = timed(p) ? lwt_now() : 0;

  if (p->closed) {
    lwt_buf_free(packet);
    return LWT_ENETDOWN;
  }
  if (len < NET_ETHER_LEN ||
      (len > netif->mtu + (uint32_t)NET_ETHER_LEN && !is_cut_up(netif, packet))) {
    netif->stats.tx_errors++;
    lwt_buf_free(packet);
    return LWT_EMSGSIZE;
  }
  if (queue_free(p, now) < len && p->link.config.drop) {
    hub->stats.queue_full++;
    lwt_buf_free(packet);
    return 0;
  }
  if (queue_free(p, now) < len) {
    netif->stats.tx_dropped++;
    hub->stats.queue_full++;
    lwt_buf_free(packet);
    return LWT_ENOBUFS;
  }
  netif->stats.tx_packets++;
  netif->stats.tx_bytes += len;
  hub->stats.sent++;
  if (!p->link.config.bandwidth) {
    lwt__task_set(&hub->turn);
    p->now_sent += len;
  }
  net_pcap_write(hub->pcap, now, packet);
  if (p->link.config.mark && net_link_backlog(&p->link, now) >= p->link.config.mark)
    net_link_mark(packet);
  transmit(p, now, packet);
  return 0;
}

static size_t port_room(struct lwt_netif *netif)
{
  struct port *p = (struct port *)netif;

  if (p->closed)
    return 0;
  return queue_free(p, lwt_now()) / (netif->mtu + (uint32_t)NET_ETHER_LEN);
}

static lwt_t *port_writable(struct lwt_netif *netif)
{
  struct port *p = (struct port *)netif;
  lwt_t *promise;

  if (p->closed)
    return lwt_fail(LWT_ENETDOWN, "hub_writable");
  if (queue_free(p, lwt_now()) >= queue_limit(p) / 2)
    return lwt_return(NULL);
  if (!lwt_unwanted(&p->writable))
    return lwt_fail(LWT_EBUSY, "hub_writable");
  lwt_abandon(&p->writable);
  promise = lwt_task(&p->writable);
  check_writable(p); /* counts it */
  return promise;
}

static lwt_t *port_listen(struct lwt_netif *netif, lwt_netif_input *input, void *env)
{
  struct port *p = (struct port *)netif;

  if (p->closed)
    return lwt_fail(LWT_ENETDOWN, "hub_listen");
  if (!lwt_unwanted(&p->listener))
    return lwt_fail(LWT_EBUSY, "hub_listen");
  lwt_abandon(&p->listener);
  p->input = input;
  p->env = env;
  return lwt_task(&p->listener);
}

/* ---- Life -------------------------------------------------------------- */

static void port_free(struct port *p)
{
  while (p->flights) {
    net_timer_stop(&p->hub->timers, &p->flights->timer);
    lwt_buf_free(p->flights->packet);
    flight_free(p->flights);
  }
  net_timer_stop(&p->hub->timers, &p->drained);
  lwt_buf_free_queue(p->received.first);
  lwt_buf_free_queue(p->batch.first);
  lwt__free(p);
}

/* Free what was closed, and the hub if nobody needs it. */
static void hub_release(struct lwt_net_hub *hub)
{
  struct port *p, **link = &hub->ports;
  struct flight *f;

  hub->doomed = hub->working;
  if (hub->working)
    return;
  while ((p = *link)) {
    p->peer = NULL;
    if (p->closed) {
      *link = p->next;
      port_free(p);
    } else {
      link = &p->next;
    }
  }
  hub->ports_end = link;
  if (hub->ports || hub->handle)
    return;
  while ((f = hub->spare)) {
    hub->spare = f->next;
    lwt__free(f);
  }
  net_timers_fini(&hub->timers);
  lwt__task_stop(&hub->turn);
  lwt__free(hub);
}

static lwt_t *port_close(struct lwt_netif *netif)
{
  struct port *p = (struct port *)netif;
  int held = lwt__hold();

  p->closed = 1;
  lwt_reject(&p->listener, LWT_ENETDOWN, "hub_listen");
  lwt_reject(&p->writable, LWT_ENETDOWN, "hub_writable");
  hub_release(p->hub);
  lwt__release(held);
  return lwt_return(NULL);
}

static const struct lwt_netif_ops port_ops = {
  .send = port_send,
  .listen = port_listen,
  .room = port_room,
  .writable = port_writable,
  .close = port_close,
};

static void set_link(struct port *p, const struct lwt_net_link *link)
{
  p->link.config = *link;
  p->wire = !(link->loss || link->duplicate || link->corrupt || link->reorder ||
              link->reorder_delay || link->delay || link->jitter || link->bandwidth ||
              link->mark || link->drop);
}

int lwt_net_hub_port(struct lwt_net_hub *hub, const uint8_t mac[6],
                     struct lwt_netif **netif)
{
  struct port *p = lwt__alloc(sizeof *p);

  if (!p)
    return LWT_ENOMEM;
  memset(p, 0, sizeof *p);
  hub->n_ports++;
  snprintf(p->name, sizeof p->name, "hub:%u", hub->n_ports);
  p->netif.ops = &port_ops;
  p->netif.name = p->name;
  p->netif.mtu = hub->config.mtu;
  p->netif.offloads = hub->config.offloads;
  if (mac) {
    memcpy(p->netif.mac, mac, 6);
  } else {
    p->netif.mac[0] = 2;
    net_put32(p->netif.mac + 2, hub->n_ports);
  }
  p->hub = hub;
  set_link(p, &hub->config.link);
  queue_clear(&p->received);
  queue_clear(&p->batch);
  net_timer_init(&p->drained, drained);
  *hub->ports_end = p;
  hub->ports_end = &p->next;
  *netif = &p->netif;
  return 0;
}

int lwt_net_hub_new(const struct lwt_net_hub_config *config, struct lwt_net_hub **hub)
{
  struct lwt_net_hub *h;

  if (config->mtu && config->mtu < 68)
    return LWT_EINVAL;
  h = lwt__alloc(sizeof *h);
  if (!h)
    return LWT_ENOMEM;
  memset(h, 0, sizeof *h);
  h->config = *config;
  if (!h->config.mtu)
    h->config.mtu = 1500;
  if (!h->config.in_flight)
    h->config.in_flight = IN_FLIGHT;
  h->random = config->seed;
  h->handle = 1;
  h->turn.fn = turn;
  h->ports_end = &h->ports;
  net_timers_init(&h->timers, before_timers, after_timers, h);
  *hub = h;
  return 0;
}

void lwt_net_hub_free(struct lwt_net_hub *hub)
{
  hub->handle = 0;
  hub_release(hub);
}

void lwt_net_hub_set_link(struct lwt_net_hub *hub, struct lwt_netif *port,
                          const struct lwt_net_link *link)
{
  struct port *p;

  if (!port)
    hub->config.link = *link;
  for (p = hub->ports; p; p = p->next)
    if (!port || port == &p->netif)
      set_link(p, link);
}

const struct lwt_net_hub_stats *lwt_net_hub_stats(const struct lwt_net_hub *hub)
{
  return &hub->stats;
}

void lwt_net_hub_tap(struct lwt_net_hub *hub, struct lwt_net_pcap *pcap)
{
  hub->pcap = pcap;
}
