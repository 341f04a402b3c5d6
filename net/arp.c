/* net/arp.c - neighbours: who has which Ethernet address (RFC 826, RFC 1122 2.3.2).
 * SPDX-License-Identifier: ISC
 *
 * A neighbour is
 *
 *   ASKING  not known: packets and waiters queue while it is asked for, once a
 *           second, TRIES times;
 *   KNOWN   for REACHABLE after it was last confirmed;
 *   PROBED  known, but asked again because REACHABLE is over and it was used
 *           meanwhile, or because somebody announced another address for it;
 *           packets still go to the old one;
 *   ABSENT  did not answer: for HOLD_DOWN, packets are refused at once.
 *
 * One that is not used is forgotten when its time is over, so an idle stack has
 * no timer.  Addresses are learnt from answers to what we asked and from those
 * who ask for us, nothing else; of those only the former push others out of a
 * full table.
 */
#include "net.h"
#include "route.h"
#include "wire.h"

#include <string.h>

#define INTERVAL LWT_S(1)
#define TRIES 3
#define REACHABLE LWT_S(60)
#define HOLD_DOWN LWT_S(1)
#define DEFEND_INTERVAL LWT_S(10)
#define BUCKETS 256u

enum state { ASKING, KNOWN, PROBED, ABSENT };

struct neighbour {
  struct net_timer timer;
  struct net_stack *s;
  struct neighbour *next;
  uint32_t ip;
  uint8_t mac[6];
  uint8_t state;
  uint8_t tries;
  uint8_t used;  /* since it was last confirmed */
  uint64_t last;  /* used, or made */
  uint64_t since; /* when it was last confirmed */
  struct lwt_buf *queue, **queue_end;
  struct net_arp_waiter *waiters;
  uint32_t waiting; /* packets and waiters */
};

struct net_arp {
  struct neighbour *recent; /* the last one looked up */
  uint32_t count;
  uint64_t defended;
  struct neighbour *bucket[BUCKETS];
};

static const uint8_t all_hosts[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static struct neighbour **bucket_of(struct net_arp *arp, uint32_t ip)
{
  return &arp->bucket[(ip * 0x9e3779b1u) >> 24];
}

static inline struct neighbour *find(struct net_arp *arp, uint32_t ip)
{
  struct neighbour *n = arp->recent;

  if (n && n->ip == ip)
    return n;
  for (n = *bucket_of(arp, ip); n && n->ip != ip; n = n->next)
    ;
  if (n)
    arp->recent = n;
  return n;
}

static inline int has_mac(const struct neighbour *n)
{
  return n && (n->state == KNOWN || n->state == PROBED);
}

int net_arp_known(struct net_stack *s, uint32_t hop)
{
  return has_mac(find(s->arp, hop));
}

struct neighbour *net_arp_look(struct net_stack *s, uint32_t hop, uint8_t mac[6])
{
  struct neighbour *n = find(s->arp, hop);

  if (!has_mac(n))
    return NULL;
  memcpy(mac, n->mac, 6);
  return n;
}

void net_arp_used(struct net_stack *s, struct neighbour *n)
{
  n->used = 1;
  n->last = s->now;
}

/* ---- Requests and replies ---------------------------------------------- */

static void emit(struct net_stack *s, const struct net_arp_repr *r, const uint8_t dst[6])
{
  struct lwt_buf *packet = lwt_buf_new(LWT_BUF_HEADROOM, NET_ARP_LEN);

  if (!packet) {
    s->stats.no_memory++;
    return;
  }
  net_arp_emit(r, packet->data);
  s->stats.arp_tx++;
  net_ether_send(s, dst, NET_ETHER_ARP, packet);
}

static void ask(struct net_stack *s, uint32_t ip, const uint8_t dst[6])
{
  struct net_arp_repr r = { .op = NET_ARP_REQUEST, .sender = s->addr, .target = ip };

  memcpy(r.sender_mac, s->netif->mac, 6);
  emit(s, &r, dst);
}

void net_arp_announce(struct net_stack *s)
{
  if (s->addr)
    ask(s, s->addr, all_hosts);
}

/* ---- The table --------------------------------------------------------- */

/* Tell all who wait, and free or send the packets. */
static void settle(struct neighbour *n, int error)
{
  struct lwt_buf *packet, *queue = n->queue;
  struct net_arp_waiter *w;
  struct net_stack *s = n->s;

  n->queue = NULL;
  n->queue_end = &n->queue;
  n->waiting++; /* so that it is not pushed out meanwhile */
  while ((packet = queue)) {
    queue = packet->next_packet;
    packet->next_packet = NULL;
    if (!error) {
      net_ether_send(s, n->mac, NET_ETHER_IPV4, packet);
      continue;
    }
    s->stats.arp_unreachable++;
    net_icmp_no_neighbour(s, packet);
    lwt_buf_free(packet);
  }
  while ((w = n->waiters)) {
    net_arp_unwait(w);
    w->fn(w, error);
  }
  n->waiting = 0;
}

static void forget(struct neighbour *n)
{
  struct net_arp *arp = n->s->arp;
  struct neighbour **link = bucket_of(arp, n->ip);

  net_routes_changed(n->s);
  while (*link != n)
    link = &(*link)->next;
  *link = n->next;
  if (arp->recent == n)
    arp->recent = NULL;
  arp->count--;
  net_timer_stop(&n->s->timers, &n->timer);
  lwt__free(n);
}

/* The one that was used longest ago, of those that nobody waits for. */
static struct neighbour *oldest(struct net_arp *arp)
{
  struct neighbour *n, *found = NULL;
  unsigned i;

  for (i = 0; i < BUCKETS; i++)
    for (n = arp->bucket[i]; n; n = n->next)
      if (!n->waiting && (!found || n->last < found->last))
        found = n;
  return found;
}

static void timeout(struct net_timer *timer)
{
  struct neighbour *n = (struct neighbour *)timer;
  struct net_stack *s = n->s;

  if (n->state == ABSENT || (n->state == KNOWN && !n->used) ||
      (n->state == PROBED && n->tries >= TRIES)) {
    forget(n);
    return;
  }
  if (n->state == ASKING && n->tries >= TRIES) {
    n->state = ABSENT;
    net_timer_set(&s->timers, &n->timer, s->now + HOLD_DOWN);
    settle(n, LWT_EHOSTUNREACH);
    return;
  }
  if (n->state == KNOWN) {
    n->state = PROBED;
    n->tries = 0;
  }
  n->tries++;
  net_timer_set(&s->timers, &n->timer, s->now + INTERVAL);
  ask(s, n->ip, n->state == PROBED && n->tries < TRIES ? n->mac : all_hosts);
}

/* eager: push another one out if the table is full. */
static struct neighbour *make(struct net_stack *s, uint32_t ip, int eager)
{
  struct net_arp *arp = s->arp;
  struct neighbour *n, **bucket = bucket_of(arp, ip);

  if (arp->count >= s->config.max_neighbours) {
    n = eager ? oldest(arp) : NULL;
    if (!n) {
      s->stats.arp_table_full++;
      return NULL;
    }
    s->stats.arp_evicted++;
    forget(n);
  }
  n = lwt__alloc(sizeof *n);
  if (!n) {
    s->stats.no_memory++;
    return NULL;
  }
  *n = (struct neighbour){ .s = s, .ip = ip, .last = s->now, .next = *bucket };
  net_timer_init(&n->timer, timeout);
  n->queue_end = &n->queue;
  *bucket = n;
  arp->count++;
  return n;
}

/* Start asking for ip.  *error: why there is none. */
static struct neighbour *resolve(struct net_stack *s, uint32_t ip, int *error)
{
  struct neighbour *n = find(s->arp, ip);

  if (n && n->state == ABSENT) {
    *error = LWT_EHOSTUNREACH;
    return NULL;
  }
  if (!n) {
    n = make(s, ip, 1);
    if (!n) {
      *error = s->arp->count >= s->config.max_neighbours ? LWT_ENOBUFS : LWT_ENOMEM;
      return NULL;
    }
    n->state = ASKING;
    n->tries = 1;
    net_timer_set(&s->timers, &n->timer, s->now + INTERVAL);
    ask(s, ip, all_hosts);
  }
  n->used = 1;
  n->last = s->now;
  return n;
}

int net_arp_send(struct net_stack *s, uint32_t hop, struct lwt_buf *packet)
{
  struct neighbour *n = find(s->arp, hop);
  struct lwt_buf *first;
  int error;

  if (has_mac(n)) {
    n->used = 1;
    n->last = s->now;
    return net_ether_send(s, n->mac, NET_ETHER_IPV4, packet);
  }
  n = resolve(s, hop, &error);
  if (!n) {
    s->stats.arp_unreachable += error == LWT_EHOSTUNREACH;
    lwt_buf_free(packet);
    return error;
  }
  if (n->waiting >= s->config.max_waiting) { /* the oldest one goes */
    s->stats.arp_queue_full++;
    first = n->queue;
    if (!first) {
      lwt_buf_free(packet);
      return LWT_ENOBUFS;
    }
    n->queue = first->next_packet;
    if (!n->queue)
      n->queue_end = &n->queue;
    first->next_packet = NULL;
    lwt_buf_free(first);
    n->waiting--;
  }
  packet->next_packet = NULL;
  *n->queue_end = packet;
  n->queue_end = &packet->next_packet;
  n->waiting++;
  return 0;
}

int net_arp_wait(struct net_stack *s, uint32_t hop, struct net_arp_waiter *waiter)
{
  int error = 0;
  struct neighbour *n = resolve(s, hop, &error);
  struct net_arp_waiter **end;

  if (!n)
    return error;
  if (n->waiting >= s->config.max_waiting) {
    s->stats.arp_queue_full++;
    return LWT_ENOBUFS;
  }
  for (end = &n->waiters; *end; end = &(*end)->next)
    ;
  waiter->next = NULL;
  waiter->neighbour = n;
  *end = waiter;
  n->waiting++;
  return 0;
}

void net_arp_unwait(struct net_arp_waiter *waiter)
{
  struct neighbour *n = waiter->neighbour;
  struct net_arp_waiter **link = &n->waiters;

  while (*link != waiter)
    link = &(*link)->next;
  *link = waiter->next;
  n->waiting--;
}

/* ---- Input ------------------------------------------------------------- */

static void known(struct neighbour *n, const uint8_t mac[6])
{
  if (memcmp(n->mac, mac, 6))
    net_routes_changed(n->s);
  memcpy(n->mac, mac, 6);
  n->state = KNOWN;
  n->tries = 0;
  n->used = 0;
  n->since = n->s->now;
  net_timer_set(&n->s->timers, &n->timer, n->since + REACHABLE);
  if (n->waiting) {
    n->used = 1;
    settle(n, 0);
  }
}

/* Ask for a neighbour again at once, and believe the answer only. */
static void doubt(struct neighbour *n)
{
  if (n->state != KNOWN || n->s->now - n->since < INTERVAL)
    return;
  n->used = 1;
  n->state = PROBED;
  n->tries = TRIES - 1;
  net_timer_stop(&n->s->timers, &n->timer);
  timeout(&n->timer);
}

void net_arp_suspect(struct net_stack *s, uint32_t hop)
{
  struct neighbour *n = find(s->arp, hop);

  if (n)
    doubt(n);
}

/* Somebody asks for us. */
static void answer(struct net_stack *s, const struct net_arp_repr *q, int learn)
{
  struct net_arp_repr r = {
    .op = NET_ARP_REPLY, .sender = s->addr, .target = q->sender
  };
  struct neighbour *n;

  memcpy(r.sender_mac, s->netif->mac, 6);
  memcpy(r.target_mac, q->sender_mac, 6);
  emit(s, &r, q->sender_mac);
  if (!learn)
    return;
  n = find(s->arp, q->sender);
  if (!n) {
    n = make(s, q->sender, 0);
    if (n)
      n->last = 0; /* the first to go */
  }
  if (n)
    known(n, q->sender_mac);
}

/* An answer, or an announcement. */
static void learn(struct net_stack *s, const struct net_arp_repr *r)
{
  struct neighbour *n = find(s->arp, r->sender);

  if (n && r->target == s->addr && (n->state == ASKING || n->state == PROBED)) {
    known(n, r->sender_mac);
  } else if (n && r->sender == r->target && memcmp(n->mac, r->sender_mac, 6)) {
    doubt(n);
  } else {
    s->stats.arp_ignored++;
  }
}

/* Somebody has our address: tell everyone that it is ours. */
static void defend(struct net_stack *s)
{
  s->stats.arp_conflict++;
  if (s->arp->defended && s->now - s->arp->defended < DEFEND_INTERVAL)
    return;
  s->arp->defended = s->now ? s->now : 1;
  net_arp_announce(s);
}

void net_arp_input(struct net_stack *s, struct lwt_buf *packet)
{
  struct net_arp_repr r;
  int neighbour;

  s->stats.arp_rx++;
  if (packet->total < NET_ARP_LEN) {
    s->stats.arp_malformed++;
    lwt_buf_free(packet);
    return;
  }
  packet = lwt_buf_pullup(packet, NET_ARP_LEN);
  if (!packet) {
    s->stats.no_memory++;
    return;
  }
  if (net_arp_parse(&r, packet->data, packet->len) < 0 || r.sender_mac[0] & 1 ||
      !memcmp(r.sender_mac, "\0\0\0\0\0", 6)) {
    s->stats.arp_malformed++;
    lwt_buf_free(packet);
    return;
  }
  lwt_buf_free(packet);
  neighbour = s->addr && ((r.sender & s->netmask) == (s->addr & s->netmask) ||
                          r.sender == s->gateway);
  if (!s->addr || !memcmp(r.sender_mac, s->netif->mac, 6)) {
    s->stats.arp_ignored++;
  } else if (r.sender == s->addr) {
    defend(s);
  } else if (r.op == NET_ARP_REQUEST && r.target == s->addr) {
    struct lwt_addr sender = net_addr4(r.sender, 0);

    if (r.sender && !neighbour)
      s->stats.arp_ignored++;
    else /* a sender of 0 asks whether the address is free (RFC 5227) */
      answer(s, &r, r.sender && net_ip_is_unicast(s, &sender));
  } else if (neighbour) {
    learn(s, &r);
  } else {
    s->stats.arp_ignored++;
  }
}

/* ---- Life -------------------------------------------------------------- */

int net_arp_init(struct net_stack *s)
{
  s->arp = lwt__alloc(sizeof *s->arp);
  if (!s->arp)
    return LWT_ENOMEM;
  memset(s->arp, 0, sizeof *s->arp);
  return 0;
}

void net_arp_fini(struct net_stack *s)
{
  struct neighbour *n;
  unsigned i;

  if (!s->arp)
    return;
  for (i = 0; i < BUCKETS; i++)
    while ((n = s->arp->bucket[i])) {
      lwt_buf_free_queue(n->queue);
      n->queue = NULL;
      forget(n);
    }
  lwt__free(s->arp);
  s->arp = NULL;
}

void net_arp_dump(struct net_stack *s, FILE *out)
{
  static const char *const names[] = { "asking", "known", "probed", "absent" };
  char text[LWT_ADDR_TEXT];
  struct neighbour *n;
  struct lwt_addr addr;
  unsigned i;

  for (i = 0; i < BUCKETS; i++)
    for (n = s->arp->bucket[i]; n; n = n->next) {
      addr = net_addr4(n->ip, 0);
      fprintf(out, "neighbour %s %02x:%02x:%02x:%02x:%02x:%02x %s, %u waiting\n",
              lwt_addr_format(&addr, text, sizeof text), n->mac[0], n->mac[1],
              n->mac[2], n->mac[3], n->mac[4], n->mac[5], names[n->state],
              (unsigned)n->waiting);
    }
}
