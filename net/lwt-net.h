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

#include <lwt/netif.h>
#include <lwt/stack.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lwt_net_pcap;

/* ---- A stack over a netif ---------------------------------------------- */

struct lwt_net_host {
  const char *name;
  struct lwt_addr addr;
};

/* Zero means the default everywhere, except in `secret`. */
struct lwt_net_config {
  struct lwt_addr addr;    /* our IPv4 address; family 0: none */
  uint8_t prefix;          /* bits of its network, 1 to 32 */
  struct lwt_addr gateway; /* family 0: none */
  uint16_t mtu;            /* at most netif->mtu, which is the default */
  uint8_t ttl;             /* default 64 */

  /* Unpredictable bytes (lwt_platform_random(); a constant in tests): initial
   * sequence numbers, ports and the like are derived from them. */
  uint8_t secret[32];

  /* Names for resolve; copied. */
  const struct lwt_net_host *hosts;
  size_t n_hosts;

  /* Limits, each with a counter that shows it (struct lwt_net_stats). */
  uint32_t max_neighbours;  /* ARP entries, default 512 */
  uint32_t max_waiting;     /* packets that wait for one neighbour, default 16 */
  uint32_t max_reassembly;  /* bytes of fragments, default 1 MiB */
  uint32_t max_udp;         /* UDP endpoints, default 1024 */
  uint32_t udp_queue;       /* bytes an endpoint may have unread, default 256 KiB */
  uint32_t max_connections; /* TCP, all states but TIME-WAIT, default 65536 */
  uint32_t max_time_wait;   /* default 65536 */
  uint32_t tcp_send;        /* bytes a connection may have unsent, default 256 KiB */
  uint32_t tcp_receive;     /* and unread (its window), default 256 KiB */
  uint32_t icmp_rate;       /* ICMP errors and resets to strangers a second,
                               default 100 */
};

/* Every packet that the stack does not deliver counts in one of these. */
#define LWT_NET_STATS(X)                                                      \
  /* Ethernet */                                                              \
  X(rx_frames) X(tx_frames)                                                   \
  X(eth_short)        /* shorter than its header */                           \
  X(eth_other)        /* not for us */                                        \
  X(eth_type)         /* neither ARP nor IPv4 */                              \
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
  /* IPv4 */                                                                  \
  X(ip_rx) X(ip_tx) X(ip_looped)                                              \
  X(ip_malformed)     /* version, lengths, options */                         \
  X(ip_checksum)                                                              \
  X(ip_source)        /* a source that no host may have */                    \
  X(ip_destination)   /* not ours; we do not forward */                       \
  X(ip_protocol)      /* nobody handles it */                                 \
  X(ip_no_route)                                                              \
  X(ip_too_big)       /* DF and larger than the MTU */                        \
  X(ip_loop_full)                                                             \
  X(frag_rx) X(frag_tx)                                                       \
  X(frag_malformed)   /* overlaps, holes beyond the end, too large */         \
  X(frag_full)        /* dropped for max_reassembly */                        \
  X(frag_timeout)                                                             \
  X(frag_done)                                                                \
  /* ICMPv4 */                                                                \
  X(icmp_rx) X(icmp_tx)                                                       \
  X(icmp_malformed)                                                           \
  X(icmp_checksum)                                                            \
  X(icmp_ignored)     /* unknown types, broadcast pings, strange errors */    \
  X(icmp_echo)                                                                \
  X(icmp_error)       /* errors handed to UDP and TCP */                      \
  X(icmp_limited)     /* errors not sent for icmp_rate */                     \
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
  X(tcp_malformed)                                                            \
  X(tcp_checksum)

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

/* The counters of a stack made by lwt_net_stack_new(). */
LWT_API const struct lwt_net_stats *lwt_net_stats(struct lwt_stack *stack);

/* Addresses, neighbours, endpoints, connections, and the counters that are not
 * zero, as text. */
LWT_API void lwt_net_dump(struct lwt_stack *stack, FILE *out);

/* Capture what the stack receives and sends; NULL ends it.  Borrows pcap. */
LWT_API void lwt_net_stack_tap(struct lwt_stack *stack, struct lwt_net_pcap *pcap);

#ifdef __cplusplus
}
#endif

#endif
