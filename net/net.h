/* net/net.h - what the files of net/ share.
 * SPDX-License-Identifier: ISC
 *
 * Read lwt-net.h first.  A packet's way in and out:
 *
 *   netif -> interface.c -> ether.c -> ipv4.c -> udp.c | icmp.c | tcp*.c
 *                                  \-> arp.c
 *   tcp*.c | udp.c | icmp.c -> hop.c (where to) -> ipv4.c -> neighbour.c -> netif
 *
 * That of IPv6 is in ipv6.h, that of others in forward.h; what needs no decision takes
 * a shorter one (next.c, route.h).
 *
 * One call per batch from a device comes in, then net_tcp_input_done() once.
 * Packets to ourselves go through a queue that is drained on the next loop turn,
 * so nothing recurses.  Functions that take a packet free it, whatever they
 * return.
 *
 * `now` is an argument of nothing: stack->now is refreshed with net_clock() at
 * every entry (a batch, a timer, a call from the program).
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "../lwt/memory.h"

#include "interface.h"
#include "lwt-net.h"
#include "routes.h"
#include "timer.h"

#include <string.h>

enum { NET_PROTO_ICMP = 1, NET_PROTO_IGMP = 2, NET_PROTO_TCP = 6, NET_PROTO_UDP = 17 };

#define NET_ALL_HOSTS 0xe0000001u /* 224.0.0.1 */

struct net_frag;
struct net_member;
struct net_forwarding;
struct net_name_source;
struct net_udp_table;
struct net_tcp;

struct net_event {
  uint8_t event; /* enum lwt_ip_event */
  uint32_t index;
  struct lwt_addr addr;
};

/* The last way that was looked up; see net_hop_cached(). */
struct net_last_hop {
  uint32_t age; /* s->route_age; 0: none */
  struct lwt_addr dst, src;
  struct net_hop hop;
};

enum { NET_LAST_HOPS = 4 };

struct net_stack {
  struct lwt_stack stack; /* first: what the program holds */
  struct lwt_net_config config; /* defaults filled in */
  struct lwt_net_stats stats;
  uint64_t now;
  struct net_timers timers;
  uint8_t closing;
  uint8_t clocked; /* now was read in this batch */
  uint8_t telling; /* watch.c calls the program */
  uint8_t n_ifs, n_local4, n_events;
  struct net_if *ifs[NET_IF_MAX]; /* the loopback interface first */
  uint32_t last_if;               /* the highest number so far */
  struct net_local4 local4[NET_ADDRESS_MAX];
  struct net_routes *routes;
  struct net_paths *paths; /* NULL: nothing was ever learnt */
  struct net_redirects *redirects; /* NULL: they are not believed */
  uint32_t route_age;      /* see route.h; never 0 */
  struct net_last_hop last_hops[NET_LAST_HOPS];
  uint16_t ip_id[64];   /* of packets that may be fragmented, by destination */
  uint32_t ip_id_hash;
  uint8_t flow_key[16]; /* of flow labels */
  struct net_frag *frag;
  struct net_udp_table *udp;
  struct net_tcp *tcp;
  const struct net_resolver *resolver; /* names.h; NULL: a stack without */
  const struct tcp_bulk *bulk; /* tcp.h; NULL: left to devices */
  struct lwt_dns *dns;                 /* NULL: none */
  struct net_name_source *name_sources; /* names.h */
  const struct net_forwarding *forwarding; /* NULL: we are a host */
  struct lwt_net_pcap *pcap, *own_pcap; /* own: freed with the stack */
  struct net_member *members; /* of multicast groups; group.h */
  struct lwt_ip_watch *watches, *next_watch;
  struct net_event events[NET_EVENT_MAX];
  struct lwt__task events_turn;
  struct lwt__task loop_turn;
  uint64_t random_count;
  uint64_t icmp_tokens, icmp_filled; /* token bucket */
};

static inline uint64_t net_clock(struct net_stack *s)
{
  s->clocked = 1;
  return s->now = lwt__task_now();
}

/* In a batch: before the first that needs the time, since not all do. */
static inline void net_clock_once(struct net_stack *s)
{
  if (!s->clocked)
    net_clock(s);
}

/* The stack of lwt_net_stack_new(); NULL: another one. */
struct net_stack *net_stack_of(struct lwt_stack *stack);

/* ---- Ethernet and ARP (ether.c, arp.c) ---------------------------------- */

/* Takes packet.  Returns 0, LWT_ENOBUFS, LWT_ENOMEM, LWT_ENETDOWN. */
int net_ether_send(struct net_if *nif, const uint8_t dst[6], uint16_t type,
                   struct lwt_buf *packet);
/* The same for a frame with its header. */
int net_ether_transmit(struct net_if *nif, struct lwt_buf *frame);
/* The address of an IPv4 group (RFC 1112 6.4). */
void net_ether_group4(uint32_t group, uint8_t mac[6]);
void net_ether_input(struct net_if *nif, struct lwt_buf *frame);
void net_arp_input(struct net_if *nif, struct lwt_buf *packet);

/* ---- Neighbours (neighbour.c; its header has the rest) ------------------ */

/* Send an IP packet to a neighbour, when it is known.  Takes packet. */
int net_neighbour_send(struct net_if *nif, const struct lwt_addr *next,
                       struct lwt_buf *packet);

/* A known neighbour and its Ethernet address, valid until the next
 * net_routes_changed(); NULL: it is not known.  Who sends to it says so
 * (net_neighbour_used()). */
struct neighbour;
struct neighbour *net_neighbour_look(struct net_if *nif, const struct lwt_addr *next,
                                     uint8_t mac[6]);

/* Whether packets to the neighbour leave at once. */
int net_neighbour_known(struct net_if *nif, const struct lwt_addr *next);

/* Somebody who wants to hear when a neighbour that is not known answers (error
 * 0) or does not (LWT_EHOSTUNREACH; LWT_ENETDOWN: the interface is gone).  fn is
 * not called if net_neighbour_wait() returns LWT_EHOSTUNREACH, LWT_ENOBUFS or
 * LWT_ENOMEM. */
struct net_neighbour_waiter {
  struct net_neighbour_waiter *next;
  struct neighbour *neighbour;
  void (*fn)(struct net_neighbour_waiter *waiter, int error);
};
int net_neighbour_wait(struct net_if *nif, const struct lwt_addr *next,
                       struct net_neighbour_waiter *waiter);
void net_neighbour_unwait(struct net_neighbour_waiter *waiter);

/* ---- IP, for the transports (ipv4.c) ----------------------------------- */

/* A received packet.  Addresses have port 0. */
struct net_ip_info {
  struct net_if *nif; /* it came in there; the loopback one: from ourselves */
  struct lwt_addr src, dst;
  uint8_t proto, tos, ttl;
  uint8_t broadcast; /* to a broadcast or multicast address, of either layer */
  uint8_t alert;     /* IPv6: with a router alert option */
  uint8_t fragment;  /* IPv6: with a fragment header */
  uint16_t header_len;   /* the IP headers as received, until the input */
  const uint8_t *header; /* function returns, for ICMP errors to quote */
};

/* Flags of a packet that comes in. */
enum { NET_IN_BROADCAST = 1, /* its Ethernet destination is */
       NET_IN_LOOPED = 2 };  /* it is our own */
void net_ipv4_input(struct net_if *nif, struct lwt_buf *packet, unsigned flags);

/* Receive what we have sent to ourselves. */
void net_ip_loop_turn(struct lwt__task *task);
/* To ourselves, as if it came in there, on the next loop turn.  Takes packet. */
int net_ip_loop(struct net_if *nif, struct lwt_buf *packet);
/* The same with a copy of what is sent to a group that we are in.  Borrows. */
void net_ip_loop_copy(struct net_if *nif, const struct lwt_buf *packet);

/* The identification of a packet that may be cut up, unguessable by others. */
static inline uint16_t net_ipv4_id(struct net_stack *s, uint32_t dst)
{
  return s->ip_id[(dst * s->ip_id_hash) >> 26]++;
}

struct net_ipv4_repr;
/* Send what has this header, of 20 to 60 bytes, as it is: with the length and
 * checksum to be set, cut into fragments if need be.  Takes segment. */
int net_ipv4_send_header(struct net_stack *s, const struct net_hop *hop, uint8_t *header,
                         uint32_t header_len, struct lwt_buf *segment);
/* As net_ip_send() below; of r: src, dst, proto, tos, ttl, df. */
int net_ipv4_send(struct net_stack *s, const struct net_hop *hop,
                  struct net_ipv4_repr *r, struct lwt_buf *segment);

/* Takes a fragment (from its payload on); the whole datagram's payload once it
 * is complete, with its header in header[60]; else NULL. */
struct lwt_buf *net_frag_input(struct net_if *nif, struct net_ipv4_repr *r,
                               uint8_t *header, struct lwt_buf *payload);
int net_frag_init(struct net_stack *s);
void net_frag_fini(struct net_stack *s);

/* The source address to use towards dst, and the path's MTU (what was learnt
 * from ICMP, else the device's).  Returns 0, LWT_ENETUNREACH, or LWT_ENOTSUP
 * (family). */
int net_ip_route(struct net_stack *s, const struct lwt_addr *dst,
                 struct lwt_addr *src, uint16_t *mtu);

/* Send a segment whose transport header has been pushed and went through
 * net_csum_finish().  Takes segment.  The neighbour is resolved on the way, if
 * need be: the packet then waits, and if nobody answers, the transport hears
 * of it through its _icmp_error function.  df: never fragment.  ttl 0: the
 * default.  Returns 0 (sent, waiting, or looped back), LWT_ENETUNREACH,
 * LWT_EHOSTUNREACH (the neighbour did not answer just now), LWT_EMSGSIZE (df
 * and too long), LWT_ENOBUFS, LWT_ENOMEM, LWT_ENETDOWN; the packet is lost. */
int net_ip_send(struct net_stack *s, const struct lwt_addr *src,
                const struct lwt_addr *dst, uint8_t proto, uint8_t tos, uint8_t ttl,
                int df, struct lwt_buf *segment);

/* The same, the way to dst being known. */
int net_ip_send_on(struct net_stack *s, const struct net_hop *hop,
                   const struct lwt_addr *src, const struct lwt_addr *dst, uint8_t proto,
                   uint8_t tos, uint8_t ttl, int df, struct lwt_buf *segment);

/* Set the scope of a destination: of a link-local IPv6 address without one, the
 * only interface, if there is but one; of others, none.  Returns 0 or
 * LWT_ENETUNREACH: it would have to be said. */
int net_ip_scope(struct net_stack *s, struct lwt_addr *addr);

/* Put the best destination first (RFC 6724 6); the first NET_ORDER_MAX of them. */
enum { NET_ORDER_MAX = 32 };
void net_order_destinations(struct net_stack *s, struct lwt_addr *addrs, size_t n);

/* dst does not answer: ask for the next hop again, in case it moved (RFC 1122
 * 2.3.2.1).  For a transport that has retransmitted in vain. */
void net_ip_suspect(struct net_stack *s, const struct lwt_addr *dst);

/* Whether addr is one of ours (127/8 and ::1 included). */
int net_ip_is_local(const struct net_stack *s, const struct lwt_addr *addr);
/* Whether addr names one host: not 0, a broadcast or a multicast address. */
int net_ip_is_unicast(const struct net_stack *s, const struct lwt_addr *addr);
/* The same for a host of a network with this prefix, whatever our networks are. */
int net_ip_is_host(const struct lwt_addr *addr, uint8_t prefix);
/* Whether it is a group that somebody may join. */
int net_ip_is_group(const struct lwt_addr *addr);
int net_ip_is_any(const struct lwt_addr *addr);
int net_ip_is_loopback(const struct lwt_addr *addr);
int net_ip_is_link_local6(const struct lwt_addr *addr);

/* Usable IPv4 addresses: of any interface, of this one; the one whose network has
 * this broadcast address.  NULL: none. */
static inline const struct net_local4 *net_local4_find(const struct net_stack *s,
                                                       uint32_t ip)
{
  const struct net_local4 *l = s->local4, *end = l + s->n_local4;

  while (l < end && l->ip != ip)
    l++;
  return l < end ? l : NULL;
}
static inline const struct net_local4 *net_local4_on(const struct net_if *nif,
                                                     uint32_t ip)
{
  const struct net_local4 *l = net_local4_find(nif->s, ip);

  return l && l->nif == nif ? l : NULL;
}
const struct net_local4 *net_broadcast4(const struct net_stack *s, uint32_t ip);

/* net_hop_find() from src (NULL: the best), looked up once for many packets in a
 * row; valid until the next call. */
const struct net_hop *net_hop_cached(struct net_stack *s, const struct lwt_addr *dst,
                                     const struct lwt_addr *src, int *error);

/* What the device on the way takes (lwt/netif.h). */
uint32_t net_ip_offloads(struct net_stack *s, const struct lwt_addr *src,
                         const struct lwt_addr *dst);

/* Fill in the checksum field at `offset` (zero so far) of the segment that
 * begins with the transport header: for good, or for the device to finish if
 * it can.  A UDP sum of 0 becomes 0xffff. */
void net_csum_finish(struct net_stack *s, const struct lwt_addr *src,
                     const struct lwt_addr *dst, uint8_t proto, uint16_t offset,
                     struct lwt_buf *segment);

/* The same where it is known already what the device takes. */
void net_csum_finish_for(uint32_t offloads, const struct lwt_addr *src,
                         const struct lwt_addr *dst, uint8_t proto, uint16_t offset,
                         struct lwt_buf *segment);

/* Whether the transport checksum of a received segment is right, or vouched
 * for by the device. */
int net_csum_ok(const struct net_ip_info *ip, const struct lwt_buf *segment);

/* The path towards dst takes no more than mtu bytes, says an ICMP error that the
 * transport believes.  Forgotten after ten minutes. */
void net_ip_set_mtu(struct net_stack *s, const struct lwt_addr *dst, uint16_t mtu);

/* A received ICMP error about a packet that we sent. */
struct net_icmp_error {
  struct lwt_addr src, dst; /* of that packet; port 0 */
  uint8_t proto;
  uint8_t type, code;
  uint8_t local;      /* not received: no neighbour answered */
  uint32_t interface; /* where it came in; 0: local */
  int error;          /* LWT_ECONNREFUSED, LWT_EHOSTUNREACH, LWT_ENETUNREACH,
                         LWT_EMSGSIZE ... */
  uint16_t mtu;       /* LWT_EMSGSIZE: of the path, at least 68 (IPv6: 1280) */
  const uint8_t *bytes; /* that packet from its transport header on */
  uint32_t len;         /* at least 8 */
};

/* ---- Redirects of IPv4 (redirect.c), if lwt_ip_redirects() was called ----- */

struct net_redirects {
  struct net_timer timer;
  /* A gateway says that there is a better one for what e quotes.  Returns 1 if it is
   * believed. */
  int (*input)(const struct net_ip_info *ip, const struct net_icmp_error *e,
               uint32_t gateway);
  /* Forget them. */
  void (*end)(struct net_stack *s);
};

/* ---- UDP and ICMP (udp.c, icmp.c) -------------------------------------- */

/* Whether one more ICMP error, or reset to a stranger, may be sent now. */
int net_icmp_allowed(struct net_stack *s);
/* Answer a received packet with an ICMP error that quotes it, if RFC 1122
 * allows and icmp_rate too.  payload is what followed the IP header; borrowed.
 * seq: the second half of the second word. */
void net_icmp_send_error(struct net_stack *s, const struct net_ip_info *ip, uint8_t type,
                         uint8_t code, uint16_t seq, const struct lwt_buf *payload);
/* The destination port is nobody's, of either family. */
void net_icmp_no_port(struct net_stack *s, const struct net_ip_info *ip,
                      const struct lwt_buf *payload);
/* Copy the first len bytes of a packet, its checksum as it would have been on a
 * wire. */
void net_icmp_quote(uint8_t *to, const struct lwt_buf *payload, uint32_t len);
/* To the transport that it is about. */
void net_icmp_hand_over(struct net_stack *s, const struct net_icmp_error *error);
/* A packet of ours (from its IP header on) that found no neighbour.  Borrows. */
void net_icmp_no_neighbour(struct net_stack *s, const struct lwt_buf *packet);
void net_icmp_input(struct net_stack *s, const struct net_ip_info *ip,
                    struct lwt_buf *packet);
void net_igmp_input(struct net_stack *s, const struct net_ip_info *ip,
                    struct lwt_buf *packet);
void net_udp_input(struct net_stack *s, const struct net_ip_info *ip,
                   struct lwt_buf *segment);
void net_udp_icmp_error(struct net_stack *s, const struct net_icmp_error *error);
int net_udp_init(struct net_stack *s);
void net_udp_fini(struct net_stack *s);
int net_udp_open(struct lwt_stack *stack, const struct lwt_addr *addr,
                 struct lwt_udp **udp);
void net_udp_dump(struct net_stack *s, FILE *out);

/* ---- TCP (tcp*.c) ------------------------------------------------------ */

int net_tcp_init(struct net_stack *s);
/* Stop listening, abort the connections that the program still holds, let those
 * it has closed finish (in bounded time; TIME-WAIT counts as finished).  The
 * program's flows and listeners stay valid until it closes them: every call
 * fails, also after the stack is gone. */
lwt_t *net_tcp_close(struct net_stack *s) LWT_MUST_USE;
/* Free everything at once, in any state. */
void net_tcp_fini(struct net_stack *s);

/* Per packet, in order.  Takes segment: whole, from its TCP header on, first
 * slice at least 20 bytes, checksum not yet looked at (net_csum_ok). */
void net_tcp_input(struct net_stack *s, const struct net_ip_info *ip,
                   struct lwt_buf *segment);
/* Once after each batch: send the ACKs that are due. */
void net_tcp_input_done(struct net_stack *s);
void net_tcp_icmp_error(struct net_stack *s, const struct net_icmp_error *error);
/* Whether it quotes what a connection has in flight; if not, it is counted. */
int net_tcp_is_quoted(struct net_stack *s, const struct net_icmp_error *error);
/* The device has room again after net_ip_send() said LWT_ENOBUFS. */
void net_tcp_writable(struct net_stack *s);
void net_tcp_dump(struct net_stack *s, FILE *out);

/* Stack operations. */
int net_tcp_listen(struct lwt_stack *stack, const struct lwt_addr *addr,
                   unsigned backlog, struct lwt_listener **listener);
lwt_flow_p *net_tcp_connect(struct lwt_stack *stack, const struct lwt_addr *to);

/* ---- Chance and hashes (random.c) -------------------------------------- */

/* SipHash-2-4. */
uint64_t net_siphash(const uint8_t key[16], const void *bytes, size_t len);
/* A number that nobody outside can predict. */
uint64_t net_random(struct net_stack *s);
/* Sixteen bytes of key for one purpose, derived from the stack's secret. */
void net_key(const struct net_stack *s, const char *purpose, uint8_t key[16]);

/* Memory that a packet keeps, for the limits. */
static inline uint32_t net_cost(const struct lwt_buf *packet)
{
  uint32_t cost = 0;

  for (; packet; packet = packet->next)
    cost += LWT_PAGE_SIZE;
  return cost;
}

/* ---- Bytes ------------------------------------------------------------- */

static inline uint16_t net_get16(const uint8_t *p)
{
  return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t net_get32(const uint8_t *p)
{
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline void net_put16(uint8_t *p, uint32_t v)
{
  p[0] = (uint8_t)(v >> 8);
  p[1] = (uint8_t)v;
}
static inline void net_put32(uint8_t *p, uint32_t v)
{
  p[0] = (uint8_t)(v >> 24);
  p[1] = (uint8_t)(v >> 16);
  p[2] = (uint8_t)(v >> 8);
  p[3] = (uint8_t)v;
}

/* IPv4 addresses as numbers. */
static inline uint32_t net_ip4(const struct lwt_addr *addr)
{
  return net_get32(addr->ip);
}
static inline struct lwt_addr net_addr4(uint32_t ip, uint16_t port)
{
  struct lwt_addr addr = { .family = 4, .port = port };

  net_put32(addr.ip, ip);
  return addr;
}

/* The same address, whatever the ports. */
static inline int net_addr_same(const struct lwt_addr *a, const struct lwt_addr *b)
{
  return a->family == b->family &&
         (a->family == 6 ? !memcmp(a->ip, b->ip, 16) : !memcmp(a->ip, b->ip, 4));
}

#endif
