/* lwt/netif.h - contract: an Ethernet device.
 * SPDX-License-Identifier: ISC
 *
 * Implemented by tap (lwt-unix), netfront (lwt-xen) and the in-process hub
 * (net/); used by net/.  An implementation embeds struct lwt_netif as its
 * first member.
 */
#ifndef LWT_NETIF_H
#define LWT_NETIF_H

#include <lwt/buffer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the device can do for the stack.  The flags mean the same in both
 * directions as virtio-net's GUEST_ and HOST_ features. */
enum lwt_netif_offload {
  LWT_NETIF_TX_CSUM = 1,  /* takes LWT_BUF_CSUM_PARTIAL */
  LWT_NETIF_RX_CSUM = 2,  /* sets LWT_BUF_CSUM_VALID or _PARTIAL */
  LWT_NETIF_TX_TSO4 = 4,  /* takes LWT_BUF_GSO with LWT_GSO_TCPV4 */
  LWT_NETIF_TX_TSO6 = 8,
  LWT_NETIF_RX_GRO = 16   /* may deliver packets larger than the MTU */
};

/* Each packet is counted once in each direction. */
struct lwt_netif_stats {
  uint64_t rx_packets, rx_bytes;
  uint64_t tx_packets, tx_bytes;
  uint64_t rx_dropped; /* no buffer, or the receiver's queue was full */
  uint64_t rx_errors;  /* malformed, or the device said so */
  uint64_t tx_dropped; /* the device's queue was full */
  uint64_t tx_errors;
};

struct lwt_netif;

/* Receives a queue of at least one packet (linked by next_packet), all that
 * the device had at this wake-up up to its own bound.  Takes the packets. */
typedef void lwt_netif_input(void *env, struct lwt_buf *packets);

struct lwt_netif_ops {
  /* Queue a whole Ethernet frame (without FCS) for sending.  Takes packet.
   * The device sends by itself, at the latest when the loop turn ends, many
   * frames at a time.  Returns 0; LWT_ENOBUFS: its queue is full, the packet
   * was dropped and counted; LWT_EMSGSIZE: larger than MTU + 14 and not
   * LWT_BUF_GSO; LWT_ENETDOWN: the device is gone. */
  int (*send)(struct lwt_netif *netif, struct lwt_buf *packet);

  /* Deliver received packets to input until the device ends: the promise is
   * rejected when it dies (LWT_ENETDOWN), and cancelling the promise stops
   * delivery.  One listener at a time: LWT_EBUSY. */
  lwt_t *(*listen)(struct lwt_netif *netif, lwt_netif_input *input, void *env);

  /* Frames that send() takes now without LWT_ENOBUFS. */
  size_t (*room)(struct lwt_netif *netif);

  /* Fulfilled when room() is at least half the queue. */
  lwt_t *(*writable)(struct lwt_netif *netif);

  /* Stop, free everything.  The netif may not be used any more, its listener
   * is rejected with LWT_ENETDOWN. */
  lwt_t *(*close)(struct lwt_netif *netif);
};

struct lwt_netif {
  const struct lwt_netif_ops *ops;
  const char *name;
  uint8_t mac[6];
  uint16_t mtu;      /* largest IP packet, 68 to 65535 */
  uint32_t offloads; /* enum lwt_netif_offload */
  struct lwt_netif_stats stats;
  /* Set by the listener or NULL: the device is connected to a network again, perhaps
   * another one, with the same address, MTU and offloads (on Xen, after a resume).
   * What was under way is lost, and bridges have to be told where we are. */
  void (*up)(void *env);
  void *up_env;
};

#ifdef __cplusplus
}
#endif

#endif
