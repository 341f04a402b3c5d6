/* netfront.h - the network device's frontend, inside.
 * SPDX-License-Identifier: ISC
 *
 * netfront.c is the device as a struct lwt_netif, netfront_connect.c what it tells the
 * backend and asks it (front.h has the rest of its life), netfront_tx.c and
 * netfront_rx.c are the two rings.
 *
 * Packets are copied into and out of pages that are granted for as long as the
 * device is connected: no grant is made or ended for a packet, and the backend
 * never sees memory that holds anything else.
 */
#ifndef LWT_XEN_NETFRONT_H
#define LWT_XEN_NETFRONT_H

#include "front.h"
#include "frontring.h"

#include <lwt/netif.h>

#define NETFRONT_SLOTS 256u
#define NETFRONT_SLOTS_MAX 18u /* of a packet: XEN_NETIF_NR_SLOTS_MIN */
#define NETFRONT_ETHER 14u
#define NETFRONT_FRAME_MAX 65535u

struct netfront_tx {
  struct frontring ring;
  /* By id: its page, and what the request is. */
  struct {
    void *page;
    uint32_t ref;
    uint32_t bytes; /* of the packet that begins here; else 0 */
    uint16_t next_free;
    uint8_t busy;
  } id[NETFRONT_SLOTS];
  uint16_t first_free, pages;
  uint16_t extras; /* slots under way that are not requests */
};

struct netfront_rx {
  struct frontring ring;
  void *page[NETFRONT_SLOTS];
  uint32_t ref[NETFRONT_SLOTS];
  uint16_t free[NETFRONT_SLOTS], n_free, pages;
  uint16_t posted[NETFRONT_SLOTS]; /* by position in the ring: the id */
  /* The packet that is coming. */
  struct lwt_buf *packet;
  uint32_t bytes;
  uint16_t slots, flags; /* slots 0: none */
  uint16_t gso_size;
  uint8_t extra, more, n_extras, gso_type;
  uint8_t bad, dropped;
  /* Whole packets. */
  struct lwt_buf *first, **last;
};

struct netfront {
  struct lwt_netif netif;
  struct front front;
  uint8_t kicked;
  uint8_t sg, split, queues;
  uint8_t known; /* offloads and MTU are: after a resume there must be no less */
  char name[12];
  struct lwt__port port, rx_port; /* rx_port: if split */
  struct netfront_tx tx;
  struct netfront_rx rx;
  lwt_netif_input *input;
  void *env;
  struct lwt_resolver listener;
  struct lwt_condition writers;
  struct lwt_xen_netif_stats counts;
};

static inline struct netfront *netfront_of(struct front *f)
{
  return CONTAINER(f, struct netfront, front);
}

/* ---- netfront.c -------------------------------------------------------- */

/* The device device/vif/INDEX, connected: waits until there is one.  Errors: those
 * of xenstore, LWT_EINVAL, LWT_ERANGE: what its directory says is nonsense,
 * LWT_ENOTSUP: the backend cannot copy, LWT_ECONNREFUSED: it does not want. */
LWT_PROMISE(netfront_p, struct lwt_netif *);
netfront_p *lwt__netfront_open(unsigned index) LWT_MUST_USE;
/* The same at once, for the start of a program: blocks until it is connected, for
 * thirty seconds at most (LWT_ETIMEDOUT).  Also: LWT_ENODEV: there is no such device. */
int lwt__netfront_open_now(unsigned index, struct lwt_netif **netif);
/* Something is to be done in the next turn. */
void lwt__netfront_kick(struct netfront *n);

/* ---- netfront_connect.c ------------------------------------------------ */

extern const struct front_ops lwt__netfront_ops;
/* "00:16:3e:01:02:03": returns 0 or LWT_EINVAL, also for an address that is not one
 * station's. */
int lwt__netfront_mac(uint8_t mac[6], const char *text, size_t len);

/* ---- netfront_tx.c ----------------------------------------------------- */

int lwt__netfront_tx_start(struct netfront *n);
void lwt__netfront_tx_stop(struct netfront *n);
int lwt__netfront_send(struct netfront *n, struct lwt_buf *packet);
/* Take what the backend is done with.  Returns how many, or -1: it broke a rule. */
int lwt__netfront_tx_reap(struct netfront *n);
/* Have an event when half of the ring is free; whether it is meanwhile. */
int lwt__netfront_tx_await(struct netfront *n);

/* ---- netfront_rx.c ----------------------------------------------------- */

int lwt__netfront_rx_start(struct netfront *n);
void lwt__netfront_rx_stop(struct netfront *n);
/* Take responses: whole packets are queued.  Returns how many, or -1. */
int lwt__netfront_rx_take(struct netfront *n);
/* Post the free pages. */
void lwt__netfront_rx_post(struct netfront *n);
/* The queue, which the caller then owns. */
struct lwt_buf *lwt__netfront_rx_queue(struct netfront *n);

#endif
