/* lwt-net.h - TCP/IP over any netif, networks in the process, captures.
 * SPDX-License-Identifier: ISC
 *
 *   stack     struct lwt_stack ("direct") over a struct lwt_netif
 *   hub       an Ethernet in memory with as many ports (netifs) as one likes,
 *             each as bad a link as one likes, the same every time
 *   gateway   carries connections from one stack into another
 *   open      a stack by name, for programs with a --net= option
 *   pcap      what went over a hub or through a stack, for tcpdump
 *
 * Functions that return int return 0 or a negative code (lwt.h), and LWT_ENOMEM
 * when memory is out.  Addresses and ports are as in lwt/flow.h.
 */
#ifndef LWT_NET_H
#define LWT_NET_H

#include <lwt/platform.h>

#include "lwt-tcp.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lwt_net_pcap;
struct lwt_dns;
struct lwt_dns_config;

/* ---- A stack over a netif ---------------------------------------------- */

struct lwt_net_host {
  const char *name;
  struct lwt_addr addr;
};

enum lwt_net_tcp_option {
  LWT_NET_TCP_SCALE = 1, /* window scaling */
  LWT_NET_TCP_TIMESTAMPS = 2,
  LWT_NET_TCP_SACK = 4,
  LWT_NET_TCP_ECN = 16,      /* agree to RFC 3168 when the peer asks */
  LWT_NET_TCP_PACING = 32,   /* spread a window over its round trip */
  LWT_NET_TCP_TUNING = 64,   /* buffers that grow as they are needed */
  LWT_NET_TCP_COOKIES = 128, /* SYN cookies when max_half_open is reached */
  LWT_NET_TCP_PLPMTUD = 256, /* look for the path's MTU (RFC 4821) */
  LWT_NET_TCP_USER_TIMEOUT = 512 /* tell and heed user timeouts (RFC 5482) */
};

enum lwt_net_ipv6 {
  LWT_NET_IPV6_OFF,
  LWT_NET_IPV6_AUTO,  /* a link-local address, and what routers say (SLAAC) */
  LWT_NET_IPV6_STATIC /* a link-local address; routers are not listened to */
};

/* Zero means the default everywhere, except in `secret`. */
struct lwt_net_config {
  struct lwt_addr addr;    /* our IPv4 address; family 0: none */
  uint8_t prefix;          /* bits of its network, 1 to 32 */
  struct lwt_addr gateway; /* family 0: none */
  uint16_t mtu;            /* at most netif->mtu, which is the default */
  uint8_t ipv6;            /* enum lwt_net_ipv6, of all interfaces with an MTU of
                              1280 or more */
  uint8_t prefix6;         /* 1 to 128 */
  uint8_t unchecked6;      /* use addr6 without asking whether it is free */
  struct lwt_addr addr6;   /* an address beside the link-local one; family 0: none */
  struct lwt_addr gateway6; /* of the default route; family 0: none but routers' */
  uint8_t ttl;             /* default 64 */

  /* Unpredictable bytes (lwt_platform_random(); a constant in tests): initial
   * sequence numbers, ports and the like are derived from them. */
  uint8_t secret[32];

  /* Names for resolve; copied. */
  const struct lwt_net_host *hosts;
  size_t n_hosts;
  /* The resolver for other names (lwt-dns.h); its secret is not used, its order is
   * that of RFC 6724 unless it has one.  NULL: none until lwt_net_dns() is asked. */
  const struct lwt_dns_config *dns;

  /* Limits, each with a counter that shows it (struct lwt_net_stats). */
  uint32_t max_neighbours;  /* of each interface, default 512 */
  uint32_t max_routes;      /* in the table, default 256 */
  uint32_t max_groups;      /* multicast, of each interface, default 64 */
  uint32_t max_waiting;     /* packets that wait for one neighbour, default 16 */
  uint32_t max_reassembly;  /* memory of fragments, default 4 MiB */
  uint32_t max_udp;         /* UDP endpoints, default 1024 */
  uint32_t udp_queue;       /* memory of unread datagrams of an endpoint (one takes
                               at least 4 KiB), default 1 MiB */
  uint32_t max_connections; /* TCP, all states but TIME-WAIT, default 65536 */
  uint32_t max_time_wait;   /* default 65536 */
  uint32_t tcp_send;        /* bytes a connection may have unsent, default 256 KiB */
  uint32_t tcp_receive;     /* and unread (its window), default 256 KiB */
  uint32_t tcp_memory;      /* bytes that all connections together may have unsent,
                               unread and out of order (payload; the pages that hold
                               it take up to four times as much): windows are as
                               small as it takes, and when 8 KiB are not left a new
                               connection is refused as if memory were out.  Default:
                               no limit but those of each connection */
  uint32_t max_half_open;   /* connections in the handshake, default 1024 */
  uint32_t icmp_rate;       /* ICMP errors and resets to strangers a second,
                               default 100 */

  /* TCP, nanoseconds. */
  uint64_t tcp_connect_timeout; /* until connect gives up, default 180 s */
  uint64_t tcp_user_timeout;    /* unacknowledged data, or a silent peer with a
                                   closed window; default 120 s */
  uint64_t tcp_time_wait;       /* TIME-WAIT, default 60 s */
  uint64_t tcp_rto_min;         /* retransmission timeout, default 200 ms */
  uint64_t tcp_delayed_ack;     /* default 40 ms, less than 500 ms */
  uint32_t tcp_without;         /* enum lwt_net_tcp_option: not to be used */
  uint32_t tcp_with;            /* LWT_NET_TCP_ECN: ask for it when connecting;
                                   LWT_NET_TCP_USER_TIMEOUT */
  const char *tcp_congestion;   /* "cubic" (default) or "newreno" */
};

/* Every packet that the stack does not deliver counts in one of these. */
#define LWT_NET_STATS(X)                                                      \
  /* Ethernet */                                                              \
  X(rx_frames) X(tx_frames)                                                   \
  X(eth_short)        /* shorter than its header */                           \
  X(eth_other)        /* not for us */                                        \
  X(eth_type)         /* neither ARP nor IP */                              \
  X(tx_failed)        /* refused by the device */                             \
  X(no_memory)                                                                \
  /* ARP */                                                                   \
  X(arp_rx) X(arp_tx)                                                         \
  X(arp_malformed)                                                            \
  X(arp_ignored)      /* neither to us nor an answer to us */                 \
  X(arp_conflict)     /* somebody else has our address */                     \
  X(arp_evicted)      /* the cache was full */                                \
  X(arp_table_full)   /* and nothing could be evicted */                      \
  X(arp_queue_full)   /* packets waiting for a neighbour */                   \
  X(arp_unreachable)  /* packets dropped: no neighbour answered */            \
  /* IPv4 and IPv6 */                                                                  \
  X(ip_rx) X(ip_tx) X(ip_looped)                                              \
  X(ip_malformed)     /* version, lengths, options */                         \
  X(ip_checksum)                                                              \
  X(ip_source)        /* a source that no host may have */                    \
  X(ip_destination)   /* not ours, and not to be forwarded */                 \
  X(ip_source_route)  /* a source route, which nobody may set (RFC 7126) */   \
  X(ip_forwarded)                                                             \
  X(ip_ttl)           /* not forwarded: its time is over */                   \
  X(ip_options)       /* IPv6: bad extension headers, unknown options */          \
  X(ip_protocol)      /* nobody handles it */                                 \
  X(ip_no_route)                                                              \
  X(ip_too_big)       /* DF and larger than the MTU */                        \
  X(ip_loop_full)                                                             \
  X(frag_rx) X(frag_tx)                                                       \
  X(frag_malformed)   /* overlaps, holes beyond the end, too large */         \
  X(frag_duplicate)                                                           \
  X(frag_full)        /* dropped for max_reassembly */                        \
  X(frag_timeout)                                                             \
  X(frag_done)                                                                \
  /* ICMP */                                                                \
  X(icmp_rx) X(icmp_tx)                                                       \
  X(icmp_malformed)                                                           \
  X(icmp_checksum)                                                            \
  X(icmp_ignored)     /* unknown types, broadcast pings, strange errors */    \
  X(icmp_echo)                                                                \
  X(icmp_error)       /* errors handed to UDP and TCP */                      \
  X(icmp_redirects)   /* believed */                                          \
  X(icmp_limited)     /* errors not sent for icmp_rate */                     \
  /* Neighbour discovery, routers, groups */                                  \
  X(nd_rx) X(nd_tx)                                                           \
  X(nd_malformed)     /* or not from the link */                              \
  X(nd_ignored)       /* about nobody we know, from no router of ours */      \
  X(nd_duplicate)     /* somebody else has our address */                     \
  X(nd_full)          /* no room for what a router said */                    \
  X(nd_redirects)     /* believed */                                          \
  X(mld_rx) X(mld_tx)                                                         \
  X(mld_malformed)                                                            \
  /* IGMP */                                                                  \
  X(igmp_rx) X(igmp_tx)                                                       \
  X(igmp_malformed)                                                           \
  X(igmp_checksum)                                                            \
  X(igmp_ignored)     /* from beyond the link, reports, unknown types */      \
  /* UDP */                                                                   \
  X(udp_rx) X(udp_tx)                                                         \
  X(udp_malformed)                                                            \
  X(udp_checksum)                                                             \
  X(udp_no_port)                                                              \
  X(udp_queue_full)                                                           \
  X(udp_unreachable)  /* ICMP said that the peer's port is closed */          \
  LWT_NET_TCP_STATS(X)

#define LWT_NET_TCP_STATS(X)                                                  \
  X(tcp_rx) X(tcp_tx)                                                         \
  X(tcp_coalesced)    /* of them, received and made one with the one before */ \
  X(tcp_malformed)                                                            \
  X(tcp_checksum)                                                             \
  X(tcp_no_port)      /* for no connection and no listener */                 \
  X(tcp_connects) X(tcp_accepts)                                              \
  X(tcp_timeouts)     /* connections given up */                              \
  X(tcp_resets_received) X(tcp_resets_sent)                                   \
  X(tcp_resets_limited)      /* not sent for icmp_rate */                     \
  X(tcp_retransmits)                                                          \
  X(tcp_rto)          /* retransmission timeouts */                           \
  X(tcp_fast_recovery)                                                        \
  X(tcp_tail_probes)  /* of RFC 8985 */                                       \
  X(tcp_reordering)   /* connections on a path that reorders */               \
  X(tcp_spurious)     /* recoveries that were for nothing, undone */          \
  X(tcp_ecn_marked)   /* segments that a router marked */                     \
  X(tcp_ecn_reduced)  /* reactions to marks of our segments */                \
  X(tcp_paced)        /* times that a burst was held back */                  \
  X(tcp_black_holes)  /* times that segments became smaller for silence */    \
  X(tcp_path_probes)  /* larger segments, to learn whether they arrive */     \
  X(tcp_path_raised)  /* times that they did */                               \
  X(tcp_probes)       /* of a closed window */                                \
  X(tcp_keepalives)                                                           \
  X(tcp_out_of_order)                                                         \
  X(tcp_out_of_order_full)   /* dropped: too many holes or pages */           \
  X(tcp_outside)      /* not in the window */                                 \
  X(tcp_ignored)      /* no effect, for what no other counter says: flags that    \
                         mean nothing there, data after the FIN, that nobody  \
                         reads, or for which there is no room */              \
  X(tcp_paws)         /* an old timestamp */                                  \
  X(tcp_no_timestamp) /* none, though it was agreed on */                     \
  X(tcp_bad_acks)     /* of what was never sent, or long ago */               \
  X(tcp_bad_icmp)     /* quoting what is not in flight */                     \
  X(tcp_challenges) X(tcp_challenges_limited)                                 \
  X(tcp_backlog_full) /* refused */                                           \
  X(tcp_backlog_waits)                                                        \
  X(tcp_half_evicted) X(tcp_half_timeouts)                                    \
  X(tcp_cookies_sent) X(tcp_cookies_accepted) X(tcp_cookies_bad)              \
  X(tcp_urgent)       /* segments that moved the urgent pointer */            \
  X(tcp_memory_short) /* buffers that could not grow for tcp_memory */        \
  X(tcp_memory_full)  /* connections refused for it */                        \
  X(tcp_too_many)     /* SYNs dropped for max_connections */                  \
  X(tcp_time_wait_evicted)

#define LWT_NET_STAT(name) uint64_t name;
struct lwt_net_stats {
  LWT_NET_STATS(LWT_NET_STAT)
};

/* A stack over netif, which it takes: closing the stack closes it.  On failure
 * the netif stays the caller's.  Errors: LWT_EINVAL (a bad config), LWT_EBUSY
 * (somebody listens to the netif), LWT_ENETDOWN. */
LWT_API int lwt_net_stack_new(struct lwt_netif *netif,
                              const struct lwt_net_config *config,
                              struct lwt_stack **stack);

/* The same without a resolver: names are numbers and the table of hosts, lwt_net_dns()
 * is NULL, and config->dns is LWT_ENOTSUP; and without segmentation and coalescing of
 * its own: streams over a device that has none of these take more time.  A program that
 * makes no other stack is linked without what these consist of. */
LWT_API int lwt_net_stack_new_small(struct lwt_netif *netif,
                                    const struct lwt_net_config *config,
                                    struct lwt_stack **stack);

/* The resolver of such a stack, which lwt_stack_resolve() uses for what is not in the
 * table of hosts, made if there is none; NULL: no memory, or a stack without.  It is
 * closed with the stack. */
LWT_API struct lwt_dns *lwt_net_dns(struct lwt_stack *stack);

/* The counters of a stack made by lwt_net_stack_new(). */
LWT_API const struct lwt_net_stats *lwt_net_stats(struct lwt_stack *stack);

/* Addresses, neighbours, endpoints, connections, and the counters that are not
 * zero, as text. */
LWT_API void lwt_net_dump(struct lwt_stack *stack, FILE *out);

/* Capture what the stack receives and sends; NULL ends it.  Borrows pcap. */
LWT_API void lwt_net_stack_tap(struct lwt_stack *stack, struct lwt_net_pcap *pcap);

/* ---- An Ethernet in memory --------------------------------------------- */

/* What happens to the packets that a port sends.  All zero: nothing bad, they
 * arrive on the next loop turn, in batches.  Chances are in millionths. */
#define LWT_NET_PERCENT(x) ((uint32_t)((x) * 10000))

struct lwt_net_link {
  uint32_t loss;
  uint32_t duplicate;
  uint32_t corrupt;   /* one bit is flipped, anywhere in the frame */
  uint32_t reorder;   /* held back by reorder_delay, so that others overtake */
  uint64_t reorder_delay; /* ns, default 1 ms */
  uint64_t delay;     /* ns */
  uint64_t jitter;    /* ns more, at random up to this; keeps the order */
  uint64_t bandwidth; /* bit/s of the port, 0: no limit */
  uint32_t queue;     /* bytes that wait to be sent, default 1 MiB; beyond it,
                         send() says LWT_ENOBUFS */
  uint32_t mark;      /* bytes that wait from which on packets of ECN are marked;
                         0: never */
  uint8_t drop;       /* beyond `queue` drop, as a router does */
};

struct lwt_net_hub_config {
  struct lwt_net_link link; /* of ports, until lwt_net_hub_set_link() */
  uint64_t seed;            /* of all chances */
  uint16_t mtu;             /* default 1500 */
  uint32_t offloads;        /* that the ports offer (lwt/netif.h), default none */
  uint32_t in_flight;       /* packets on their way, at most; default 65536 */
};

struct lwt_net_hub_stats {
  uint64_t sent;       /* packets taken from ports */
  uint64_t delivered;  /* packets given to ports; a broadcast counts for each */
  uint64_t lost, duplicated, corrupted, reordered;
  uint64_t queue_full; /* refused: the sender's queue was full */
  uint64_t full;       /* dropped: in_flight, or no memory */
  uint64_t deaf;       /* dropped: the receiver does not listen */
  uint64_t nobody;     /* dropped: nobody else is there */
};

struct lwt_net_hub;

/* A hub without ports. */
LWT_API int lwt_net_hub_new(const struct lwt_net_hub_config *config,
                            struct lwt_net_hub **hub);
/* Give up the handle.  The hub itself goes when its last port is closed. */
LWT_API void lwt_net_hub_free(struct lwt_net_hub *hub);

/* One more port.  mac NULL: 02:00:00:00:00:01 and so on.  Frames go to the
 * port that has their destination, else (broadcast, unknown) to all others. */
LWT_API int lwt_net_hub_port(struct lwt_net_hub *hub, const uint8_t mac[6],
                             struct lwt_netif **netif);

/* From now on; port NULL: all ports, and those to come. */
LWT_API void lwt_net_hub_set_link(struct lwt_net_hub *hub, struct lwt_netif *port,
                                  const struct lwt_net_link *link);

LWT_API const struct lwt_net_hub_stats *lwt_net_hub_stats(const struct lwt_net_hub *hub);

/* Capture the frames as they were sent, before anything happens to them; NULL
 * ends it.  Borrows pcap. */
LWT_API void lwt_net_hub_tap(struct lwt_net_hub *hub, struct lwt_net_pcap *pcap);

/* ---- From one stack into another --------------------------------------- */

struct lwt_net_gateway_config {
  unsigned backlog;         /* of the listener, default 128 */
  unsigned max_connections; /* carried at once, default 1024; further ones wait
                               to be accepted */
  uint64_t connect_timeout; /* ns, default 30 s */
};

struct lwt_net_gateway_stats {
  uint64_t accepted;
  uint64_t active;   /* now */
  uint64_t full;     /* times that max_connections was reached */
  uint64_t failed;   /* the inner connect was refused or timed out */
  uint64_t aborted;  /* ended by a reset or an error of one side */
  uint64_t accept_errors;
};

struct lwt_net_gateway;

/* Listen on `outer` at `at`; connect what comes through `inner` to `to` and
 * carry the bytes both ways, ends and resets included, each side as fast as
 * the other takes them.  Borrows the stacks.  Errors: those of listen. */
LWT_API int lwt_net_gateway_new(struct lwt_stack *outer, const struct lwt_addr *at,
                                struct lwt_stack *inner, const struct lwt_addr *to,
                                const struct lwt_net_gateway_config *config,
                                struct lwt_net_gateway **gateway);
/* Stop listening and abort what is carried; fulfilled when that is done.  Frees
 * the gateway. */
LWT_API lwt_t *lwt_net_gateway_close(struct lwt_net_gateway *gateway) LWT_MUST_USE;
LWT_API const struct lwt_net_gateway_stats *
lwt_net_gateway_stats(const struct lwt_net_gateway *gateway);
/* Where it listens. */
LWT_API struct lwt_addr lwt_net_gateway_local(const struct lwt_net_gateway *gateway);

/* ---- A stack by name --------------------------------------------------- */

/* Where the host's port is for a port of the program ("gateway"). */
struct lwt_net_port {
  uint16_t port;
  struct lwt_addr host;
};

/* Zero means the default everywhere. */
struct lwt_net_options {
  struct lwt_addr addr;    /* ours; default 10.0.0.2.  One of IPv6: the stack has no
                              other (net.ipv6: default static) */
  uint8_t prefix;          /* default 24, of IPv6 64 */
  uint8_t no_addr;         /* over a device: begin without an IPv4 address and without
                              the default one (lwt_dhcp_start() gets one); LWT_ENOTSUP
                              otherwise */
  struct lwt_addr gateway; /* default 10.0.0.1, where prefix covers it; "gateway" with
                              an address of IPv6: the first one of its network */
  struct lwt_net_config net; /* everything else; addr, prefix, gateway, secret are
                                not used; the gateway has one family */
  FILE *capture;           /* packets, as by lwt_net_pcap_new(); borrowed */

  /* "gateway": the host's addresses for the program's ports: `ports` first, for
   * others `host` (default 127.0.0.1) and the same port. */
  struct lwt_addr host;
  const struct lwt_net_port *ports; /* copied */
  size_t n_ports;
  struct lwt_net_gateway_config gateways;
};

/* What it takes from the platform.  Without `gateway`, which is
 * lwt_net_open_gateway(), there is none of that name (LWT_ENODEV), and a program is
 * linked without what it consists of.  `stack` is lwt_net_stack_new() or
 * lwt_net_stack_new_small(). */
struct lwt_net_platform {
  int (*sockets)(struct lwt_stack **stack);
  int (*netif)(const char *name, struct lwt_netif **netif);
  int (*random)(void *bytes, size_t len);
  int (*gateway)(const struct lwt_net_platform *platform,
                 const struct lwt_net_options *options, struct lwt_stack **stack);
  int (*stack)(struct lwt_netif *netif, const struct lwt_net_config *config,
               struct lwt_stack **stack);
};

/* name NULL or "sockets": the platform's own stack.
 * "gateway": our stack on a hub in this process; listening on a port also
 *   listens on the host (through the platform's own stack), whose connections
 *   are carried in through a second stack of ours at `gateway`.  connect and
 *   UDP work the same way, outwards and inwards.
 * Anything else: our stack over the device of that name ("tap:NAME",
 * "vif:NUMBER").
 * Closing the stack closes everything.  Errors: those of what is opened. */
LWT_API int lwt_net_open_on(const struct lwt_net_platform *platform, const char *name,
                            const struct lwt_net_options *options,
                            struct lwt_stack **stack);

/* "gateway", with options in which nothing is left to defaults. */
LWT_API int lwt_net_open_gateway(const struct lwt_net_platform *platform,
                                 const struct lwt_net_options *options,
                                 struct lwt_stack **stack);

/* The same on the platform that the program is linked with.  LWT_NET_NO_GATEWAY:
 * defined where there is no host to lead to, as lwt-xen-cc does.  LWT_NET_SMALL: defined
 * by a program that resolves no names over a device. */
#ifdef LWT_NET_NO_GATEWAY
#define LWT__NET_GATEWAY NULL
#else
#define LWT__NET_GATEWAY lwt_net_open_gateway
#endif
#ifdef LWT_NET_SMALL
#define LWT__NET_STACK lwt_net_stack_new_small
#else
#define LWT__NET_STACK lwt_net_stack_new
#endif
static inline int lwt_net_open(const char *name, const struct lwt_net_options *options,
                               struct lwt_stack **stack)
{
  const struct lwt_net_platform platform = {
    lwt_platform_sockets, lwt_platform_netif, lwt_platform_random, LWT__NET_GATEWAY,
    LWT__NET_STACK
  };

  return lwt_net_open_on(&platform, name, options, stack);
}

/* ---- Captures ---------------------------------------------------------- */

/* Write packets to out in pcap format, at most snaplen bytes of each (0: all),
 * their time being the engine's plus epoch (nanoseconds since 1970 at the
 * engine's 0; 0 if that does not matter).  Borrows out.  The caller takes pcap
 * off stacks and hubs before it frees it.  Errors: LWT_EIO. */
LWT_API int lwt_net_pcap_new(FILE *out, uint32_t snaplen, uint64_t epoch,
                             struct lwt_net_pcap **pcap);
/* Packets written so far. */
LWT_API uint64_t lwt_net_pcap_written(const struct lwt_net_pcap *pcap);
/* Flushes out.  Returns LWT_EIO if a packet could not be written; none was
 * written after that one. */
LWT_API int lwt_net_pcap_free(struct lwt_net_pcap *pcap);

#ifdef __cplusplus
}
#endif

#endif
