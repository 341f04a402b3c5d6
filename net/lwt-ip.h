/* lwt-ip.h - the interfaces, addresses, routes and groups of a stack.
 * SPDX-License-Identifier: ISC
 *
 * For stacks over a device (lwt-net.h); for others every function says LWT_ENOTSUP.
 * A stack's interfaces are numbered from 1, which is the loopback interface; the
 * device that the stack was made over is 2.  A number is not used again.  Where a
 * function takes the number of an interface, LWT_ENODEV says that there is none.
 *
 * The host model is the strong one of RFC 1122 3.3.4.2: a packet is received on
 * the interface that has its destination, and leaves through the interface that
 * has its source.  A stack that forwards receives it on any (RFC 1812 5.2.3).
 *
 * Times are those of lwt_now(), LWT_NEVER for without end.
 */
#ifndef LWT_IP_H
#define LWT_IP_H

#include <lwt/netif.h>
#include <lwt/stack.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Who set an address or a route. */
enum lwt_ip_origin { LWT_IP_STATIC, LWT_IP_DHCP, LWT_IP_RA, LWT_IP_LINK };

/* ---- Interfaces -------------------------------------------------------- */

#define LWT_IP_NAME 16

/* What an interface dropped, and why; packets are counted by its device
 * (lwt/netif.h). */
#define LWT_IP_IF_STATS(X)                                                    \
  X(rx_short)      /* shorter than an Ethernet header */                      \
  X(rx_other)      /* not for us */                                           \
  X(rx_type)       /* a protocol that we do not speak */                      \
  X(rx_source)     /* a source that no host there may have */                 \
  X(rx_destination) /* not ours */                                            \
  X(tx_failed)     /* refused by the device */                                \
  X(conflicts)     /* somebody else uses an address of ours */

#define LWT_IP_IF_STAT(name) uint64_t name;
struct lwt_ip_if_stats {
  LWT_IP_IF_STATS(LWT_IP_IF_STAT)
};

struct lwt_ip_if_info {
  uint32_t index;
  char name[LWT_IP_NAME]; /* the device's, cut off if need be */
  uint8_t mac[6];
  uint8_t loopback;
  uint8_t down;      /* the device died */
  uint16_t mtu;
  uint32_t offloads; /* lwt/netif.h */
  struct lwt_ip_if_stats stats;
};

/* One more interface, over netif, which the stack takes (not on failure).  mtu:
 * at most netif->mtu, 0 for that.  *index: its number.  Errors: LWT_EINVAL (mtu),
 * LWT_ENOBUFS (there are 16), LWT_EBUSY (somebody listens to the netif),
 * LWT_ENETDOWN, LWT_ENOMEM. */
LWT_API int lwt_ip_if_add(struct lwt_stack *stack, struct lwt_netif *netif,
                          uint16_t mtu, uint32_t *index);

/* Take an interface away, with its addresses and routes; fulfilled when the
 * device is closed.  LWT_EINVAL: the loopback interface. */
LWT_API lwt_t *lwt_ip_if_remove(struct lwt_stack *stack, uint32_t index) LWT_MUST_USE;

LWT_API int lwt_ip_if_info(struct lwt_stack *stack, uint32_t index,
                           struct lwt_ip_if_info *info);

/* The first interface with a number above `after` (0: of all); 0: none. */
LWT_API uint32_t lwt_ip_if_next(struct lwt_stack *stack, uint32_t after);

/* ---- Addresses --------------------------------------------------------- */

enum lwt_ip_state {
  LWT_IP_TENTATIVE,  /* others are being asked whether it is free */
  LWT_IP_PREFERRED,
  LWT_IP_DEPRECATED  /* received, not chosen as a source when there is another */
};

struct lwt_ip_address {
  struct lwt_addr addr; /* port 0 */
  uint8_t prefix;       /* bits of its network: 1 to 32, to 128 */
  uint8_t origin;       /* enum lwt_ip_origin */
  uint8_t state;        /* enum lwt_ip_state; not read by add */
  uint8_t unchecked;    /* add: do not ask whether it is free */
  uint64_t preferred_until, valid_until; /* 0 for add: LWT_NEVER */
};

/* Add an address, with the route to its network, or set the lifetimes, origin and
 * prefix of one that is there.  Fulfilled when it may be used: at once if it is
 * `unchecked` or the interface is the loopback one, else when nobody was found to
 * have it (IPv4: RFC 5227, which takes four to seven seconds; IPv6: RFC 4862).
 * The address goes when its time is over; giving up the promise does not take it
 * away.  An IPv4 address that somebody else claims later is defended; one that is
 * not LWT_IP_STATIC goes at the second claim within ten seconds.  Rejected with
 * LWT_EADDRINUSE: somebody has it, or another of our interfaces; LWT_EALREADY:
 * others are being asked about it; LWT_EADDRNOTAVAIL: it was removed before;
 * LWT_EINVAL: no unicast address, or a bad prefix or lifetime (the preferred longer
 * than the valid one); LWT_ENOTSUP (family); LWT_ENOBUFS: there are 64;
 * LWT_ENOMEM. */
LWT_API lwt_t *lwt_ip_address_add(struct lwt_stack *stack, uint32_t index,
                                  const struct lwt_ip_address *address) LWT_MUST_USE;

/* Errors: LWT_EADDRNOTAVAIL. */
LWT_API int lwt_ip_address_remove(struct lwt_stack *stack, uint32_t index,
                                  const struct lwt_addr *addr);

/* Stores the first `max` addresses of an interface, returns how many there are. */
LWT_API size_t lwt_ip_addresses(struct lwt_stack *stack, uint32_t index,
                                struct lwt_ip_address *list, size_t max);

/* The name servers that routers told of on an interface (RFC 8106), whose time is not
 * over: stores the first `max`, with port 53, returns how many there are. */
LWT_API size_t lwt_ip_name_servers(struct lwt_stack *stack, uint32_t index,
                                   struct lwt_addr *list, size_t max);

/* ---- Routes ------------------------------------------------------------ */

struct lwt_ip_route {
  struct lwt_addr dst;     /* bits beyond the prefix are 0 */
  uint8_t prefix;          /* 0: the default route of the family of dst */
  uint8_t origin;          /* enum lwt_ip_origin */
  uint16_t mtu;            /* at most; 0: the interface's */
  uint32_t metric;         /* of equally long prefixes the lowest one is taken */
  struct lwt_addr gateway; /* family 0: on link */
  uint32_t interface;      /* 0 for add: where the gateway is on link */
};

/* Add a route; one with the same dst, prefix, gateway and interface is replaced.
 * The longest prefix decides, then the metric, then which was added first.
 * Errors: LWT_EINVAL, LWT_ENODEV, LWT_ENETUNREACH (the gateway is not on link),
 * LWT_ENOBUFS (there are max_routes), LWT_ENOMEM. */
LWT_API int lwt_ip_route_add(struct lwt_stack *stack, const struct lwt_ip_route *route);

/* As added (metric, mtu and origin do not matter).  Errors: LWT_ENOENT. */
LWT_API int lwt_ip_route_remove(struct lwt_stack *stack,
                                const struct lwt_ip_route *route);

/* Stores the first `max` routes, in the order in which they are looked through;
 * returns how many there are. */
LWT_API size_t lwt_ip_routes(struct lwt_stack *stack, struct lwt_ip_route *list,
                             size_t max);

/* Be a router (on), or a host, which a stack is at first: packets that are not for us go
 * on by the routing table.  Not broadcasts, multicasts, source routes, addresses that
 * no host has, IPv6 ones of one link; what is too long is cut up (IPv4) or refused with
 * the MTU; several segments in one packet are cut for a device that does not.  ICMP
 * tells senders what went wrong.  There are no redirects and no advertisements of
 * ours; neighbours hear that we are a router (RFC 4861 7.2.4).  Errors: LWT_ENOTSUP. */
LWT_API int lwt_ip_forward(struct lwt_stack *stack, int on);

/* ---- Changes ----------------------------------------------------------- */

enum lwt_ip_event {
  LWT_IP_IF_ADDED,
  LWT_IP_IF_REMOVED,
  LWT_IP_IF_DOWN,          /* the device died */
  LWT_IP_ADDRESS_USABLE,   /* new, or preferred again */
  LWT_IP_ADDRESS_DEPRECATED,
  LWT_IP_ADDRESS_REMOVED,  /* or its time is over */
  LWT_IP_ADDRESS_CONFLICT, /* somebody else has it (a tentative one is removed) */
  LWT_IP_ROUTES_CHANGED,
  LWT_IP_MISSED            /* there were more than 64: look at the lists */
};

/* Events come on the loop turn after they happened, in their order. */
struct lwt_ip_watch {
  struct lwt_ip_watch *next; /* the stack's */
  void (*fn)(struct lwt_ip_watch *watch, enum lwt_ip_event event, uint32_t index,
             const struct lwt_addr *addr); /* family 0: no address */
};

/* Call watch->fn until lwt_ip_unwatch() (which fn may call too) or until the
 * stack is closed. */
LWT_API int lwt_ip_watch(struct lwt_stack *stack, struct lwt_ip_watch *watch);
LWT_API void lwt_ip_unwatch(struct lwt_stack *stack, struct lwt_ip_watch *watch);

/* ---- Redirects --------------------------------------------------------- */

/* Whether to believe redirects of IPv4 from now on (RFC 1122 3.2.2.2): of the gateway
 * that is the way to a host now, naming another one on the same network, quoting what
 * we have sent.  They are routes to single hosts for ten minutes, sixteen at most
 * (origin LWT_IP_RA).  Off at first, since whoever is on the link can forge them.
 * (Those of IPv6 are believed with LWT_NET_IPV6_AUTO.)  Errors: LWT_ENOTSUP,
 * LWT_ENOMEM. */
LWT_API int lwt_ip_redirects(struct lwt_stack *stack, int on);

/* ---- UDP on an interface ----------------------------------------------- */

struct lwt_ip_udp_options {
  uint32_t interface;  /* receive and send there only; 0: everywhere */
  uint8_t ttl;         /* 0: the stack's; 1 to groups */
  uint8_t tos;
  uint8_t anonymous;   /* send from 0.0.0.0, which only broadcasts may (DHCP) */
  uint8_t no_loop;     /* what is sent to a group does not come back to us */
  uint8_t no_broadcast; /* refuse to send to broadcast addresses (LWT_EACCES) */
};

/* A UDP endpoint as by lwt_stack_udp(), with options.  Endpoints on different
 * interfaces may have the same port.  One on an interface may send to
 * 255.255.255.255, and receives what is sent there, before the interface has an
 * address; such packets come from 0.0.0.0.  More errors: LWT_EINVAL, LWT_ENODEV. */
LWT_API int lwt_ip_udp_open(struct lwt_stack *stack, const struct lwt_addr *addr,
                            const struct lwt_ip_udp_options *options,
                            struct lwt_udp **udp);

/* The endpoint's only peer from now on, with its port; family 0: again anybody.  What
 * others send is not for it, sending to others fails with LWT_EISCONN, and an ICMP
 * error about what was sent to the peer rejects the receive that is pending, else the
 * next receive or send: LWT_ECONNREFUSED (nobody has the port), LWT_EHOSTUNREACH,
 * LWT_ENETUNREACH and so on.  Without a peer only refusals are told, to the next send
 * there.  What is queued stays.  Errors: LWT_EINVAL (no unicast address, no port),
 * LWT_ENOTSUP (family, no such endpoint), LWT_ECONNABORTED (the stack is gone). */
LWT_API int lwt_ip_udp_connect(struct lwt_udp *udp, const struct lwt_addr *peer);

/* What is queued, up to max datagrams, into list, without a promise: a program awaits
 * one lwt_udp_receive() and takes the rest.  Returns how many, perhaps 0; each is the
 * caller's, for lwt_datagram_free().  Nothing is allocated.  0 as well while a receive
 * is pending, when the stack is gone, and of an endpoint that is not a stack's over a
 * device.  Errors of a peer are for lwt_udp_receive(). */
LWT_API size_t lwt_ip_udp_take(struct lwt_udp *udp, struct lwt_datagram **list,
                               size_t max);

struct lwt_ip_udp_message {
  struct lwt_addr to;
  const void *bytes;
  size_t len;
};

/* Send what can be sent at once, in order, without a promise.  Returns how many were
 * sent; *error: 0 if that is all n, else why messages[returned] was not, and nothing
 * after it was tried.  The bytes are the caller's again at once.  Errors: LWT_EAGAIN: the
 * neighbour is not known (lwt_udp_send() asks, and waits for it); LWT_ENOBUFS: the device
 * has no room now (where lwt_udp_send() drops and says nothing); LWT_ENOTSUP: no
 * such endpoint, nothing was sent; and those of lwt_udp_send(). */
LWT_API size_t lwt_ip_udp_send_many(struct lwt_udp *udp,
                                    const struct lwt_ip_udp_message *messages, size_t n,
                                    int *error);

/* ---- Multicast ----------------------------------------------------------- */

/* Receive what is sent to the group on this interface, from any source.  A group
 * is joined on the link when the first endpoint asks for it, and left with the
 * last.  Errors: LWT_EINVAL (no group, or one that everybody is in; the loopback
 * interface), LWT_ENODEV, LWT_ENOTSUP (family, no such endpoint), LWT_ENOBUFS
 * (max_groups), LWT_ENOMEM, LWT_ECONNABORTED (the stack is gone). */
LWT_API int lwt_ip_join(struct lwt_udp *udp, uint32_t interface,
                        const struct lwt_addr *group);

/* The same from n sources only, or (exclude) from all but these; replaces what the
 * endpoint asked for before.  More errors: LWT_EINVAL (a source that is no host);
 * LWT_ENOBUFS: more than 64, or together with other endpoints'. */
LWT_API int lwt_ip_join_sources(struct lwt_udp *udp, uint32_t interface,
                                const struct lwt_addr *group, int exclude,
                                const struct lwt_addr *sources, size_t n);

/* LWT_EADDRNOTAVAIL: it was not joined. */
LWT_API int lwt_ip_leave(struct lwt_udp *udp, uint32_t interface,
                         const struct lwt_addr *group);

#ifdef __cplusplus
}
#endif

#endif
