/* net/udp.c - UDP endpoints (RFC 768, RFC 1122 4.1).
 * SPDX-License-Identifier: ISC
 *
 * An endpoint belongs to the program until lwt_udp_close(), and outlives the
 * stack if need be: s is then NULL and every call fails.  Unread datagrams are
 * bounded by the memory that they keep.  What is sent is in udp_send.c.
 */
#include "checksum.h"
#include "group.h"
#include "udp.h"
#include "wire.h"

#include <inttypes.h>
#include <string.h>

#define EPHEMERAL_FIRST 1024u /* RFC 6056 3.2: all that are not well known */
#define EPHEMERAL_COUNT 64512u

/* ---- Input ------------------------------------------------------------- */

/* How well an endpoint fits a destination and who sends; 0: not at all. */
static int fits(const struct udp_endpoint *e, const struct lwt_addr *dst,
                uint16_t port, uint32_t interface, const struct lwt_addr *src)
{
  int any = net_ip_is_any(&e->addr);

  if (e->addr.port != port || e->addr.family != dst->family ||
      (!any && !net_addr_same(&e->addr, dst)) ||
      (e->options.interface && e->options.interface != interface) ||
      !net_udp_is_peer(e, src))
    return 0;
  return 1 + 2 * !any + !!e->options.interface;
}

struct udp_endpoint *net_udp_find(struct net_stack *s, const struct lwt_addr *dst,
                                  uint16_t port, uint32_t interface,
                                  const struct lwt_addr *src)
{
  struct udp_endpoint *e, *best = NULL;
  int fit, top = 0;

  for (e = *net_udp_bucket(s, port); e; e = e->next) {
    fit = fits(e, dst, port, interface, src);
    if (fit > top) {
      top = fit;
      best = e;
    }
  }
  return best;
}

/* Whether somebody waits in receive; gives up one that was cancelled. */
static int receiving(struct udp_endpoint *e)
{
  if (!e->receiver.lwt_private)
    return 0;
  if (lwt_unwanted(&e->receiver)) {
    lwt_abandon(&e->receiver);
    return 0;
  }
  return 1;
}

static void enqueue(struct udp_endpoint *e, struct udp_item *item)
{
  item->next = NULL;
  *e->queue_end = item;
  e->queue_end = &item->next;
  e->cost += item->cost;
}

struct udp_item *net_udp_take(struct udp_endpoint *e, struct lwt_buf *packet)
{
  uint32_t cost = packet->total ? net_cost(packet) : LWT_PAGE_SIZE;
  struct net_stack *s = e->s;
  struct udp_item *item;

  if (e->cost + cost > s->config.udp_queue && !receiving(e)) {
    s->stats.udp_queue_full++;
    e->dropped++;
    lwt_buf_free(packet);
    return NULL;
  }
  item = lwt__datagram_new(sizeof *item);
  if (!item) {
    s->stats.no_memory++;
    e->dropped++;
    lwt_buf_free(packet);
    return NULL;
  }
  item->datagram.packet = packet;
  if (!packet->total) {
    lwt_buf_free(packet);
    item->datagram.packet = NULL;
  }
  item->cost = cost;
  return item;
}

void net_udp_hand_over(struct udp_endpoint *e, struct udp_item *item)
{
  if (receiving(e))
    lwt_fulfill_owned(&e->receiver, &item->datagram, lwt_datagram_free);
  else
    enqueue(e, item);
}

static void deliver(struct udp_endpoint *e, const struct net_ip_info *ip,
                    const struct net_udp_repr *r, struct lwt_buf *packet)
{
  struct udp_item *item = net_udp_take(e, packet);

  if (!item)
    return;
  item->datagram.from = ip->src;
  item->datagram.from.port = r->src;
  item->datagram.to = ip->dst;
  item->datagram.to.port = r->dst;
  net_udp_hand_over(e, item);
}

/* Header and checksum; strips the header and the padding.  NULL: dropped. */
static struct lwt_buf *check(struct net_stack *s, const struct net_ip_info *ip,
                             struct net_udp_repr *r, struct lwt_buf *segment)
{
  if (net_udp_parse(r, segment->data, segment->len) < 0 || r->total > segment->total) {
    s->stats.udp_malformed++;
    goto drop;
  }
  if (r->total < segment->total)
    lwt_buf_trim(segment, segment->total - r->total);
  /* In IPv6 there is always one (RFC 8200 8.1). */
  if (r->checksum ? !net_csum_ok(ip, segment) : ip->src.family == 6) {
    s->stats.udp_checksum++;
    goto drop;
  }
  return segment;
drop:
  lwt_buf_free(segment);
  return NULL;
}

/* A group's datagrams are for those who joined it, and those of 224.0.0.1 or a
 * broadcast address for all who have the port. */
static int listens(const struct udp_endpoint *e, const struct net_ip_info *ip,
                   const struct net_udp_repr *r)
{
  struct lwt_addr src = ip->src;

  src.port = r->src;
  if (!fits(e, &ip->dst, r->dst, ip->nif->index, &src))
    return 0;
  return !net_ip_is_group(&ip->dst) ||
         net_group_wants(e->s, e, ip->nif->index, &ip->dst, &ip->src);
}

/* To everybody who listens, each with slices of its own. */
static void deliver_all(struct net_stack *s, const struct net_ip_info *ip,
                        const struct net_udp_repr *r, struct lwt_buf *packet)
{
  struct udp_endpoint *e, *next;
  struct lwt_buf *copy;
  int found = 0;

  for (e = *net_udp_bucket(s, r->dst); e; e = next) {
    next = e->next; /* input runs held: nobody closes it meanwhile */
    if (!listens(e, ip, r))
      continue;
    found = 1;
    copy = lwt_buf_slice(packet, 0, packet->total);
    if (copy) {
      deliver(e, ip, r, copy);
    } else {
      s->stats.no_memory++;
      e->dropped++;
    }
  }
  s->stats.udp_no_port += !found;
  lwt_buf_free(packet);
}

/* The payload, of which nothing is left to the device any more. */
static struct lwt_buf *strip(struct lwt_buf *segment)
{
  segment->flags = 0;
  return lwt_buf_pull(segment, NET_UDP_LEN);
}

void net_udp_input(struct net_stack *s, const struct net_ip_info *ip,
                   struct lwt_buf *segment)
{
  struct lwt_addr src = ip->src;
  struct net_udp_repr r;
  struct udp_endpoint *e;

  s->stats.udp_rx++;
  segment = check(s, ip, &r, segment);
  if (!segment)
    return;
  if (ip->broadcast) {
    deliver_all(s, ip, &r, strip(segment));
    return;
  }
  src.port = r.src;
  e = net_udp_find(s, &ip->dst, r.dst, ip->nif->index, &src);
  if (e) {
    deliver(e, ip, &r, strip(segment));
    return;
  }
  s->stats.udp_no_port++;
  net_icmp_no_port(s, ip, segment);
  lwt_buf_free(segment);
}

/* The peer of a connected endpoint cannot be reached: who receives hears of it, else
 * the next call does (RFC 1122 4.1.3.3). */
static void tell(struct udp_endpoint *e, int error)
{
  if (receiving(e))
    lwt_reject(&e->receiver, error, "udp_receive");
  else
    e->error = error;
}

void net_udp_icmp_error(struct net_stack *s, const struct net_icmp_error *error)
{
  struct lwt_addr to = error->dst;
  struct net_udp_repr r;
  struct udp_endpoint *e;

  if (net_udp_parse(&r, error->bytes, error->len) < 0)
    return;
  to.port = r.dst;
  e = net_udp_find(s, &error->src, r.src, error->interface, &to);
  if (!e)
    return;
  if (error->error == LWT_EMSGSIZE) {
    net_ip_set_mtu(s, &error->dst, error->mtu);
  } else if (e->peer.family) {
    s->stats.udp_unreachable += error->error == LWT_ECONNREFUSED;
    tell(e, error->error);
  } else if (error->error == LWT_ECONNREFUSED) {
    s->stats.udp_unreachable++;
    e->refused = to;
  }
}

struct udp_item *net_udp_pop(struct udp_endpoint *e)
{
  struct udp_item *item = e->queue;

  if (!item)
    return NULL;
  e->queue = item->next;
  if (!e->queue)
    e->queue_end = &e->queue;
  e->cost -= item->cost;
  return item;
}

static lwt_datagram_p *udp_receive(struct lwt_udp *udp)
{
  struct udp_endpoint *e = (struct udp_endpoint *)udp;
  struct udp_item *item;

  if (!e->s)
    return lwt_datagram_p_fail(LWT_ECONNABORTED, "udp_receive");
  if (receiving(e))
    return lwt_datagram_p_fail(LWT_EBUSY, "udp_receive");
  item = net_udp_pop(e);
  if (!item && e->error)
    return lwt_datagram_p_fail(net_udp_take_error(e), "udp_receive");
  if (!item)
    return (lwt_datagram_p *)lwt_task(&e->receiver);
  return (lwt_datagram_p *)lwt_return_owned(&item->datagram, lwt_datagram_free);
}

/* ---- Life -------------------------------------------------------------- */

/* Take the endpoint out of the stack; whoever waits for it is told. */
static void detach(struct udp_endpoint *e)
{
  struct net_stack *s = e->s;
  struct udp_endpoint **link = net_udp_bucket(s, e->addr.port);
  struct udp_item *item;

  while (*link != e)
    link = &(*link)->next;
  *link = e->next;
  net_udp_changed(s);
  s->udp->count--;
  net_group_leave_all(s, e);
  e->s = NULL;
  while ((item = e->queue)) {
    e->queue = item->next;
    lwt_datagram_free(&item->datagram);
  }
  lwt_reject(&e->receiver, LWT_ECONNABORTED, "udp_receive");
  net_udp_abort_sends(e);
}

static void udp_close(struct lwt_udp *udp)
{
  struct udp_endpoint *e = (struct udp_endpoint *)udp;
  int held = lwt__hold();

  if (e->s)
    detach(e);
  lwt__free(e);
  lwt__release(held);
}

static struct lwt_addr udp_local(struct lwt_udp *udp)
{
  return ((struct udp_endpoint *)udp)->addr;
}

static const struct lwt_udp_ops udp_ops = {
  .receive = udp_receive, .send = net_udp_send, .close = udp_close, .local = udp_local
};

struct udp_endpoint *net_udp_of(struct lwt_udp *udp)
{
  return udp->ops == &udp_ops ? (struct udp_endpoint *)udp : NULL;
}

/* Whether nobody is in the way of binding to addr. */
static int is_free(struct net_stack *s, const struct lwt_addr *addr, uint32_t interface)
{
  struct udp_endpoint *e;

  for (e = *net_udp_bucket(s, addr->port); e; e = e->next)
    if (e->addr.port == addr->port && e->options.interface == interface &&
        e->addr.family == addr->family &&
        (net_ip_is_any(&e->addr) || net_ip_is_any(addr) ||
         net_addr_same(&e->addr, addr)))
      return 0;
  return 1;
}

/* A port at random, or the next one that is free (RFC 6056). */
static int choose_port(struct net_stack *s, struct lwt_addr *addr, uint32_t interface)
{
  uint32_t start = (uint32_t)net_random(s), i;

  for (i = 0; i < EPHEMERAL_COUNT; i++) {
    addr->port = (uint16_t)(EPHEMERAL_FIRST + (start + i) % EPHEMERAL_COUNT);
    if (is_free(s, addr, interface))
      return 0;
  }
  return LWT_EADDRINUSE;
}

static int open_on(struct net_stack *s, const struct lwt_addr *addr,
                   const struct lwt_ip_udp_options *o, struct lwt_udp **udp)
{
  struct lwt_addr local = *addr;
  struct udp_endpoint *e, **bucket;

  if (s->closing)
    return LWT_ENETDOWN;
  if (addr->family != 4 && (addr->family != 6 || !s->config.ipv6))
    return LWT_ENOTSUP;
  if (addr->family == 4)
    local = net_addr4(net_ip4(addr), addr->port);
  if (!net_ip_is_any(addr) && !net_ip_is_local(s, addr))
    return LWT_EADDRNOTAVAIL;
  if (s->udp->count >= s->config.max_udp)
    return LWT_EMFILE;
  if (local.port ? !is_free(s, &local, o->interface)
                 : choose_port(s, &local, o->interface))
    return LWT_EADDRINUSE;
  e = lwt__alloc(sizeof *e);
  if (!e)
    return LWT_ENOMEM;
  memset(e, 0, sizeof *e);
  e->udp.ops = &udp_ops;
  e->s = s;
  e->addr = local;
  e->options = *o;
  e->queue_end = &e->queue;
  bucket = net_udp_bucket(s, local.port);
  e->next = *bucket;
  *bucket = e;
  net_udp_changed(s);
  s->udp->count++;
  *udp = &e->udp;
  return 0;
}

int net_udp_open(struct lwt_stack *stack, const struct lwt_addr *addr,
                 struct lwt_udp **udp)
{
  static const struct lwt_ip_udp_options plain;

  return open_on((struct net_stack *)stack, addr, &plain, udp);
}

int lwt_ip_udp_open(struct lwt_stack *stack, const struct lwt_addr *addr,
                    const struct lwt_ip_udp_options *options, struct lwt_udp **udp)
{
  struct net_stack *s = net_stack_of(stack);

  if (!s)
    return LWT_ENOTSUP;
  if (options->anonymous && !options->interface)
    return LWT_EINVAL;
  if (options->interface && !net_if_find(s, options->interface))
    return LWT_ENODEV;
  return open_on(s, addr, options, udp);
}

int lwt_ip_udp_connect(struct lwt_udp *udp, const struct lwt_addr *peer)
{
  struct udp_endpoint *e = (struct udp_endpoint *)udp;
  struct lwt_addr to = *peer;
  int error;

  if (udp->ops != &udp_ops || (to.family && to.family != e->addr.family))
    return LWT_ENOTSUP;
  if (!e->s)
    return LWT_ECONNABORTED;
  if (to.family) {
    if (!to.port || !net_ip_is_unicast(e->s, &to))
      return LWT_EINVAL;
    error = net_ip_scope(e->s, &to);
    if (error)
      return error;
  }
  e->peer = to;
  net_udp_changed(e->s);
  e->error = 0;
  e->refused.family = 0;
  return 0;
}

/* ---- Groups ------------------------------------------------------------ */

static struct udp_endpoint *alive(struct lwt_udp *udp, int *error)
{
  struct udp_endpoint *e = (struct udp_endpoint *)udp;

  *error = udp->ops != &udp_ops ? LWT_ENOTSUP : e->s ? 0 : LWT_ECONNABORTED;
  if (!*error)
    net_clock(e->s);
  return e;
}

int lwt_ip_join(struct lwt_udp *udp, uint32_t interface, const struct lwt_addr *group)
{
  return lwt_ip_join_sources(udp, interface, group, 1, NULL, 0);
}

int lwt_ip_join_sources(struct lwt_udp *udp, uint32_t interface,
                        const struct lwt_addr *group, int exclude,
                        const struct lwt_addr *sources, size_t n)
{
  int error;
  struct udp_endpoint *e = alive(udp, &error);

  return error ? error : net_group_join(e->s, e, interface, group, exclude, sources, n);
}

int lwt_ip_leave(struct lwt_udp *udp, uint32_t interface, const struct lwt_addr *group)
{
  int error;
  struct udp_endpoint *e = alive(udp, &error);

  return error ? error : net_group_leave(e->s, e, interface, group);
}

int net_udp_init(struct net_stack *s)
{
  s->udp = lwt__alloc(sizeof *s->udp);
  if (!s->udp)
    return LWT_ENOMEM;
  memset(s->udp, 0, sizeof *s->udp);
  return 0;
}

void net_udp_fini(struct net_stack *s)
{
  unsigned i;

  if (!s->udp)
    return;
  for (i = 0; i < UDP_BUCKETS; i++)
    while (s->udp->bucket[i])
      detach(s->udp->bucket[i]);
  lwt__free(s->udp);
  s->udp = NULL;
}

void net_udp_dump(struct net_stack *s, FILE *out)
{
  char text[LWT_ADDR_TEXT], peer[LWT_ADDR_TEXT];
  struct udp_endpoint *e;
  unsigned i;

  for (i = 0; i < UDP_BUCKETS; i++)
    for (e = s->udp->bucket[i]; e; e = e->next)
      fprintf(out, "udp %s%s%s, %u bytes of memory unread, %" PRIu64 " dropped\n",
              lwt_addr_format(&e->addr, text, sizeof text), e->peer.family ? " of " : "",
              e->peer.family ? lwt_addr_format(&e->peer, peer, sizeof peer) : "",
              (unsigned)e->cost, e->dropped);
}
