/* net/udp_send.c - datagrams are sent.
 * SPDX-License-Identifier: ISC
 *
 * One to a neighbour that is not known yet waits for it (struct pending); the bytes
 * are read when it is.  One for which the device has no room is dropped, and counted
 * there: LWT_ENOBUFS, of which only who sends many hears.
 */
#include "checksum.h"
#include "udp.h"
#include "wire.h"

#define MAX_PAYLOAD (65535 - NET_IPV4_LEN - NET_UDP_LEN)

/* A send that waits for a neighbour. */
struct pending {
  struct net_neighbour_waiter waiter;
  struct pending *next, **link;
  struct udp_endpoint *e;
  struct lwt_resolver r;
  struct lwt_addr to;
  struct net_hop hop;
  const void *bytes;
  size_t len;
};

static int emit(struct udp_endpoint *e, const struct net_hop *hop,
                const struct lwt_addr *to, const void *bytes, size_t len)
{
  struct net_stack *s = e->s;
  struct net_udp_repr r = {
    .src = e->addr.port, .dst = to->port, .total = (uint16_t)(len + NET_UDP_LEN)
  };
  struct lwt_addr src = e->options.anonymous ? net_addr4(0, 0) : hop->src;
  uint8_t ttl = e->options.ttl ? e->options.ttl : hop->kind == NET_HOP_MULTICAST;
  struct lwt_buf *packet = lwt_buf_copy_in(LWT_BUF_HEADROOM, bytes, (uint32_t)len);

  if (packet)
    packet = lwt_buf_push(packet, NET_UDP_LEN);
  if (!packet) {
    s->stats.no_memory++;
    return LWT_ENOMEM;
  }
  net_udp_emit(&r, packet->data);
  net_csum_finish_for(hop->nif->offloads, &src, to, NET_PROTO_UDP, 6, packet);
  s->stats.udp_tx++;
  return net_ip_send_on(s, hop, &src, to, NET_PROTO_UDP, e->options.tos, ttl, 0, packet);
}

static void unlink_pending(struct pending *p)
{
  *p->link = p->next;
  if (p->next)
    p->next->link = p->link;
}

static void resolved(struct net_neighbour_waiter *waiter, int error)
{
  struct pending *p = (struct pending *)waiter;

  unlink_pending(p);
  if (!error && !lwt_unwanted(&p->r))
    error = emit(p->e, &p->hop, &p->to, p->bytes, p->len);
  if (error && error != LWT_ENOBUFS)
    lwt_reject(&p->r, error, "udp_send");
  else
    lwt_fulfill(&p->r, NULL);
  lwt__free(p);
}

/* Returns 0 and a promise (pending, unless memory is out), or what
 * net_neighbour_wait() says. */
static int await_neighbour(struct udp_endpoint *e, const struct pending *init,
                           lwt_t **promise)
{
  struct pending *p = lwt__alloc(sizeof *p);
  int error;

  if (!p)
    return LWT_ENOMEM;
  *p = *init;
  error = net_neighbour_wait(p->hop.nif, &p->hop.next, &p->waiter);
  if (error) {
    lwt__free(p);
    return error;
  }
  *promise = lwt_task(&p->r);
  if (lwt_state(*promise) != LWT_PENDING) { /* no memory */
    net_neighbour_unwait(&p->waiter);
    lwt__free(p);
    return 0;
  }
  p->link = &e->pending;
  p->next = e->pending;
  if (p->next)
    p->next->link = &p->next;
  e->pending = p;
  return 0;
}

/* The way of the endpoint's packets, perhaps in *room. */
static const struct net_hop *way(struct udp_endpoint *e, const struct lwt_addr *to,
                                 struct net_hop *room, int *error)
{
  const struct net_hop *hop = room;

  if (e->options.interface)
    *error = net_hop_find(e->s, to, &e->addr, e->options.interface, room);
  else
    hop = net_hop_cached(e->s, to, &e->addr, error);
  if (!*error && e->options.anonymous && hop->kind != NET_HOP_BROADCAST)
    *error = LWT_ENETUNREACH;
  if (!*error && e->options.no_broadcast && hop->kind == NET_HOP_BROADCAST)
    *error = LWT_EACCES;
  if (!*error && e->options.no_loop && hop->kind == NET_HOP_MULTICAST) {
    *room = *hop;
    room->no_loop = 1;
    hop = room;
  }
  e->s->stats.ip_no_route += *error == LWT_ENETUNREACH;
  return hop;
}

/* Why nothing can be sent whatever the way is. */
static int cannot_send(struct udp_endpoint *e, const struct lwt_addr *to, size_t len)
{
  if (!e->s)
    return LWT_ECONNABORTED;
  if (to->family != e->addr.family)
    return LWT_ENOTSUP;
  if (!to->port)
    return LWT_EINVAL;
  if (len > MAX_PAYLOAD + (to->family == 6 ? NET_IPV4_LEN : 0u))
    return LWT_EMSGSIZE;
  if (!net_udp_is_peer(e, to))
    return LWT_EISCONN;
  if (e->error)
    return net_udp_take_error(e);
  if (e->refused.family && lwt_addr_equal(&e->refused, to)) {
    e->refused.family = 0;
    return LWT_ECONNREFUSED;
  }
  return 0;
}

/* To a neighbour that is not known (yet). */
static lwt_t *send_later(struct udp_endpoint *e, const struct net_hop *hop,
                         const struct lwt_addr *to, const void *bytes, size_t len)
{
  struct pending init = { .waiter.fn = resolved, .e = e, .to = *to, .hop = *hop,
                          .bytes = bytes, .len = len };
  lwt_t *promise = NULL;
  int error = await_neighbour(e, &init, &promise);

  if (promise)
    return promise;
  if (error == LWT_ENOBUFS)
    return lwt_return(NULL); /* dropped for want of room, and counted */
  return lwt_fail(error, "udp_send");
}

/* What net_udp_send_next() does not. */
static int send_first(struct udp_endpoint *e, const struct lwt_addr *to,
                      const void *bytes, size_t len, struct net_hop *unknown)
{
  const struct net_hop *hop = NULL;
  struct lwt_addr src;
  int error = cannot_send(e, to, len), near;

  if (!error)
    hop = way(e, to, unknown, &error);
  if (error)
    return error;
  net_clock(e->s);
  near = hop->kind == NET_HOP_NEIGHBOUR;
  if (near && !net_neighbour_known(hop->nif, &hop->next)) {
    if (hop != unknown)
      *unknown = *hop;
    return LWT_EAGAIN;
  }
  src = hop->src;
  error = emit(e, hop, to, bytes, len);
  if (near)
    net_udp_route(e, &src, to);
  return error;
}

int net_udp_send_now(struct udp_endpoint *e, const struct lwt_addr *to,
                     const void *bytes, size_t len)
{
  struct net_hop unknown;
  int error;

  if (!net_udp_send_next(e, to, bytes, len, &error))
    error = send_first(e, to, bytes, len, &unknown);
  return error;
}

lwt_t *net_udp_send(struct lwt_udp *udp, const struct lwt_addr *to, const void *bytes,
                    size_t len)
{
  struct udp_endpoint *e = (struct udp_endpoint *)udp;
  struct net_hop unknown;
  int error;

  if (!net_udp_send_next(e, to, bytes, len, &error))
    error = send_first(e, to, bytes, len, &unknown);
  if (error == LWT_EAGAIN)
    return send_later(e, &unknown, to, bytes, len);
  return error && error != LWT_ENOBUFS ? lwt_fail(error, "udp_send") : lwt_return(NULL);
}

void net_udp_abort_sends(struct udp_endpoint *e)
{
  struct pending *p;

  while ((p = e->pending)) {
    unlink_pending(p);
    net_neighbour_unwait(&p->waiter);
    lwt_reject(&p->r, LWT_ECONNABORTED, "udp_send");
    lwt__free(p);
  }
}
