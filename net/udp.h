/* net/udp.h - what the files of UDP share; not installed.
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_UDP_H
#define NET_UDP_H

#include "net.h"
#include "route.h"

enum { UDP_BUCKETS = 64, UDP_ROUTES = 64 };

/* What the program gets begins with what it knows of. */
struct udp_item {
  struct lwt_datagram datagram;
  struct udp_item *next;
  uint32_t cost;
};

struct udp_endpoint {
  struct lwt_udp udp;
  struct net_stack *s;
  struct udp_endpoint *next;
  struct lwt_addr addr; /* ip 0: any */
  struct lwt_ip_udp_options options;
  struct udp_item *queue, **queue_end;
  uint32_t cost;
  uint64_t dropped; /* for want of room or memory */
  struct lwt_resolver receiver; /* of the pending receive */
  struct pending *pending;
  struct lwt_addr refused; /* ICMP said so; the next send there fails */
  struct lwt_addr peer;    /* the only one; family 0: anybody */
  int error;               /* the peer's, of which nobody has heard */
};

/* Where datagrams between two addresses go (route.h). */
struct udp_route {
  uint32_t dst, bound; /* bound: the endpoint's address, 0: any */
  struct net_route route;
};

struct net_udp_table {
  struct udp_endpoint *bucket[UDP_BUCKETS];
  struct udp_route routes[UDP_ROUTES];
  uint32_t count;
  struct net_same same;     /* of the last datagram, */
  struct udp_endpoint *same_endpoint; /* which was for this one, */
  struct lwt_addr from, to; /* and its ends */
};

/* Which endpoint is whose may have changed. */
static inline void net_udp_changed(struct net_stack *s)
{
  s->udp->same.nif = NULL;
}

static inline struct udp_endpoint **net_udp_bucket(struct net_stack *s, uint16_t port)
{
  return &s->udp->bucket[port % UDP_BUCKETS];
}

/* The endpoint for a destination and a sender (with its port): one that is bound to
 * the address before one that is bound to any, then one that is bound to the
 * interface; NULL. */
struct udp_endpoint *net_udp_find(struct net_stack *s, const struct lwt_addr *dst,
                                  uint16_t port, uint32_t interface,
                                  const struct lwt_addr *src);

/* A received payload for e, the ports and addresses to be filled in by the caller,
 * who then hands it over; NULL: no room or no memory.  Takes packet. */
struct udp_item *net_udp_take(struct udp_endpoint *e, struct lwt_buf *packet);
void net_udp_hand_over(struct udp_endpoint *e, struct udp_item *item);

/* The first of the queue, out of it, for the program; NULL: there is none. */
struct udp_item *net_udp_pop(struct udp_endpoint *e);

/* Whether addr is the only peer of e, if it has one.  A link-local address is another
 * host on another link; a program may leave out where. */
static inline int net_udp_is_peer(const struct udp_endpoint *e,
                                  const struct lwt_addr *addr)
{
  return !e->peer.family ||
         (lwt_addr_equal(&e->peer, addr) &&
          (!e->peer.scope || !addr->scope || e->peer.scope == addr->scope));
}

static inline int net_udp_take_error(struct udp_endpoint *e)
{
  int error = e->error;

  e->error = 0;
  return error;
}

/* The endpoint of ours that it is; NULL: another stack's. */
struct udp_endpoint *net_udp_of(struct lwt_udp *udp);

/* Send a datagram if that can be done at once.  LWT_EAGAIN: the neighbour is not
 * known; LWT_ENOBUFS: there was no room. */
int net_udp_send_now(struct udp_endpoint *e, const struct lwt_addr *to,
                     const void *bytes, size_t len);
lwt_t *net_udp_send(struct lwt_udp *udp, const struct lwt_addr *to, const void *bytes,
                    size_t len);
/* Who waits to send is told that the stack or the endpoint is gone. */
void net_udp_abort_sends(struct udp_endpoint *e);

/* Send a datagram that is short and goes where others have gone.  Returns 1 and
 * what the program shall hear, or 0: it is not one. */
int net_udp_send_next(struct udp_endpoint *e, const struct lwt_addr *to,
                      const void *bytes, size_t len, int *error);
/* A datagram went from src to a destination through a neighbour: the next ones may
 * take the short way. */
void net_udp_route(struct udp_endpoint *e, const struct lwt_addr *src,
                   const struct lwt_addr *to);

#endif
