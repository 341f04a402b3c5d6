/* lwt/stack.h - contract: a transport stack.
 * SPDX-License-Identifier: ISC
 *
 * Implemented by net/ ("direct", our own TCP/IP over a netif) and lwt-unix
 * ("sockets", the kernel's); used by programs.
 */
#ifndef LWT_STACK_H
#define LWT_STACK_H

#include <lwt/flow.h>

#ifdef __cplusplus
extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic" /* flexible array members */
#endif

struct lwt_stack;
struct lwt_listener;
struct lwt_udp;

LWT_PROMISE(lwt_addr_p, struct lwt_addr *);

/* Some addresses, to be freed with free(). */
struct lwt_addrs {
  size_t n;
  struct lwt_addr addr[];
};
LWT_PROMISE(lwt_addrs_p, struct lwt_addrs *);

/* One received datagram.  lwt_datagram_free() frees it and its packet. */
struct lwt_datagram {
  struct lwt_addr from, to;
  struct lwt_buf *packet; /* the payload; NULL if it is empty */
};
LWT_API void lwt_datagram_free(void *datagram);
LWT_PROMISE(lwt_datagram_p, struct lwt_datagram *);

struct lwt_listener_ops {
  /* The next connection.  Any number may be pending; they are served in
   * order.  Rejected with LWT_ECONNABORTED when the listener closes. */
  lwt_flow_p *(*accept)(struct lwt_listener *listener);
  /* Stop listening; connections that wait are aborted, accepted ones live.
   * Frees the listener. */
  void (*close)(struct lwt_listener *listener);
  struct lwt_addr (*local)(struct lwt_listener *listener);
};
struct lwt_listener {
  const struct lwt_listener_ops *ops;
};

struct lwt_udp_ops {
  /* The next datagram.  One may be pending (LWT_EBUSY).  The receive queue is
   * bounded; what does not fit is dropped and counted. */
  lwt_datagram_p *(*receive)(struct lwt_udp *udp);
  /* Send one datagram of len bytes (0 allowed; LWT_EMSGSIZE if too long).
   * Fulfilled when it was handed on or dropped for want of room, rejected
   * when there is no route or neighbour.  bytes must stay valid until then. */
  lwt_t *(*send)(struct lwt_udp *udp, const struct lwt_addr *to,
                 const void *bytes, size_t len);
  /* Pending receives are rejected with LWT_ECONNABORTED.  Frees udp. */
  void (*close)(struct lwt_udp *udp);
  struct lwt_addr (*local)(struct lwt_udp *udp);
};
struct lwt_udp {
  const struct lwt_udp_ops *ops;
};

struct lwt_stack_ops {
  /* Listen on a local address (family 4 or 6, the unspecified address for
   * all; port 0: any free port).  backlog: established connections that wait
   * for accept, at most; further ones are refused.  Stores the listener and
   * returns 0, LWT_EADDRINUSE, LWT_EADDRNOTAVAIL, LWT_ENOTSUP (family) ... */
  int (*listen)(struct lwt_stack *stack, const struct lwt_addr *addr,
                unsigned backlog, struct lwt_listener **listener);
  /* Connect.  Cancelling the promise gives up the attempt. */
  lwt_flow_p *(*connect)(struct lwt_stack *stack, const struct lwt_addr *to);
  /* A UDP endpoint bound to addr (port 0: any free port). */
  int (*udp)(struct lwt_stack *stack, const struct lwt_addr *addr,
             struct lwt_udp **udp);
  /* The first address of a host name (or a numeric address) with the port set,
   * to be freed with free(); rejected with LWT_ENOENT if there is none. */
  lwt_addr_p *(*resolve)(struct lwt_stack *stack, const char *name,
                         uint16_t port);
  /* Close everything, wait until it is closed, free the stack. */
  lwt_t *(*close)(struct lwt_stack *stack);
  /* As resolve: all addresses, the best first (RFC 6724).  NULL: there is only
   * resolve. */
  lwt_addrs_p *(*resolve_all)(struct lwt_stack *stack, const char *name,
                              uint16_t port);
};
struct lwt_stack {
  const struct lwt_stack_ops *ops;
};

static inline int lwt_stack_listen(struct lwt_stack *stack,
                                   const struct lwt_addr *addr,
                                   unsigned backlog,
                                   struct lwt_listener **listener)
{
  return stack->ops->listen(stack, addr, backlog, listener);
}
static inline lwt_flow_p *lwt_stack_connect(struct lwt_stack *stack,
                                            const struct lwt_addr *to)
{
  return stack->ops->connect(stack, to);
}
static inline int lwt_stack_udp(struct lwt_stack *stack,
                                const struct lwt_addr *addr,
                                struct lwt_udp **udp)
{
  return stack->ops->udp(stack, addr, udp);
}
static inline lwt_addr_p *lwt_stack_resolve(struct lwt_stack *stack,
                                            const char *name, uint16_t port)
{
  return stack->ops->resolve(stack, name, port);
}
/* All addresses of a host, the best first, at least one. */
LWT_API lwt_addrs_p *lwt_stack_resolve_all(struct lwt_stack *stack, const char *name,
                                           uint16_t port) LWT_MUST_USE;

/* Connect to a host by its name: to its addresses one after the other, IPv6 and
 * IPv4 in turn, each attempt 250 ms after the one before or when that has failed,
 * until one succeeds; the others are then given up (RFC 8305).  Rejected as
 * resolve, or with what the best address's attempt said. */
LWT_API lwt_flow_p *lwt_stack_connect_name(struct lwt_stack *stack, const char *name,
                                           uint16_t port) LWT_MUST_USE;

/* For lwt_defer(): take a struct lwt_stack *, lwt_listener *, lwt_udp *. */
static inline lwt_t *lwt_stack_close(void *stack)
{
  return ((struct lwt_stack *)stack)->ops->close((struct lwt_stack *)stack);
}
static inline lwt_flow_p *lwt_accept(struct lwt_listener *listener)
{
  return listener->ops->accept(listener);
}
static inline void lwt_listener_close(void *listener)
{
  ((struct lwt_listener *)listener)
    ->ops->close((struct lwt_listener *)listener);
}
static inline lwt_datagram_p *lwt_udp_receive(struct lwt_udp *udp)
{
  return udp->ops->receive(udp);
}
static inline lwt_t *lwt_udp_send(struct lwt_udp *udp,
                                  const struct lwt_addr *to,
                                  const void *bytes, size_t len)
{
  return udp->ops->send(udp, to, bytes, len);
}
static inline void lwt_udp_close(void *udp)
{
  ((struct lwt_udp *)udp)->ops->close((struct lwt_udp *)udp);
}

#ifdef __cplusplus
#pragma GCC diagnostic pop
}
#endif

#endif
