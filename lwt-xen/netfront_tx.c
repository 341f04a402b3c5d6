/* netfront_tx.c - the ring of packets to send.
 * SPDX-License-Identifier: ISC
 *
 * A packet takes one slot for each page, and one that says how to cut it into
 * segments.  All its slots are free and all its pages there before the first is
 * written, so that no packet is ever half in the ring.
 */
#include "netfront.h"

#include <string.h>
#include <xen/io/netif.h>

union slot {
  netif_tx_request_t request;
  netif_extra_info_t extra;
  netif_tx_response_t response;
};

_Static_assert(sizeof(union slot) == sizeof(union netif_tx_sring_entry), "slots");

static union slot *slot_of(const struct frontring *r, uint32_t at)
{
  return (union slot *)(void *)r->entries + (at & (NETFRONT_SLOTS - 1));
}

/* ---- Ids and their pages ------------------------------------------------ */

static void put_id(struct netfront_tx *tx, uint16_t id)
{
  tx->id[id].busy = 0;
  tx->id[id].next_free = tx->first_free;
  tx->first_free = id;
}

/* At least `need` ids with pages in the list of free ones; returns 0 or an error.
 * `free` is how many the list has. */
static int have_ids(struct netfront *n, uint32_t free, uint32_t need)
{
  struct netfront_tx *tx = &n->tx;
  int error = 0;

  for (; free < need && !error; free++) {
    uint16_t id = tx->pages;

    if (id == NETFRONT_SLOTS)
      return LWT_ENOBUFS;
    error = lwt__grant_page(n->front.backend->domain, 1, &tx->id[id].page,
                            &tx->id[id].ref);
    if (!error) {
      tx->pages++;
      put_id(tx, id);
    }
  }
  return error;
}

int lwt__netfront_tx_start(struct netfront *n)
{
  struct netfront_tx *tx = &n->tx;
  void *page;
  int error = lwt__grant_page(n->front.backend->domain, 0, &page, &tx->ring.ref);

  if (error)
    return error;
  front_init(&tx->ring, page, NETFRONT_SLOTS);
  memset(tx->id, 0, sizeof tx->id);
  tx->first_free = NETFRONT_SLOTS;
  tx->pages = tx->extras = 0;
  return 0;
}

void lwt__netfront_tx_stop(struct netfront *n)
{
  struct netfront_tx *tx = &n->tx;

  if (!tx->ring.shared)
    return;
  while (tx->pages) {
    tx->pages--;
    n->netif.stats.tx_dropped += tx->id[tx->pages].busy && tx->id[tx->pages].bytes;
    lwt__grant_end(tx->id[tx->pages].ref);
  }
  lwt__grant_end(tx->ring.ref);
  tx->ring.shared = NULL;
}

/* ---- Sending -------------------------------------------------------------- */

/* Requests that the list of free ids could serve. */
static uint32_t free_ids(const struct netfront_tx *tx)
{
  return tx->pages - (tx->ring.made - tx->ring.taken - tx->extras);
}

static void put_request(struct netfront_tx *tx, uint32_t size, uint32_t bytes,
                        uint16_t flags)
{
  uint16_t id = tx->first_free;

  tx->first_free = tx->id[id].next_free;
  tx->id[id].busy = 1;
  tx->id[id].bytes = bytes;
  slot_of(&tx->ring, tx->ring.made++)->request =
    (netif_tx_request_t){ .gref = tx->id[id].ref,
                          .flags = flags,
                          .id = id,
                          .size = (uint16_t)size };
}

static void put_extra(struct netfront_tx *tx, const struct lwt_buf *packet)
{
  union slot *slot = slot_of(&tx->ring, tx->ring.made++);

  memset(slot, 0, sizeof *slot);
  slot->extra.type = XEN_NETIF_EXTRA_TYPE_GSO;
  slot->extra.u.gso.size = packet->gso_size;
  slot->extra.u.gso.type = packet->gso_type == LWT_GSO_TCPV6 ? XEN_NETIF_GSO_TYPE_TCPV6
                                                             : XEN_NETIF_GSO_TYPE_TCPV4;
  tx->extras++;
}

/* The first request has the size of the whole packet, the others their own. */
static void put_packet(struct netfront *n, const struct lwt_buf *packet)
{
  struct netfront_tx *tx = &n->tx;
  uint32_t at = 0, part, total = packet->total;
  uint16_t flags = 0;

  if (packet->flags & (LWT_BUF_CSUM_PARTIAL | LWT_BUF_GSO))
    flags = NETTXF_csum_blank | NETTXF_data_validated;
  else if (packet->flags & LWT_BUF_CSUM_VALID)
    flags = NETTXF_data_validated;
  n->counts.tx_csum += !!(flags & NETTXF_csum_blank);
  n->counts.tx_gso += !!(packet->flags & LWT_BUF_GSO);
  if (packet->flags & LWT_BUF_GSO)
    flags |= NETTXF_extra_info;
  lwt__counts.packets_out++;
  lwt__counts.bytes_out += total;
  lwt__counts.copied += total;
  do {
    part = total - at < XEN_PAGE ? total - at : XEN_PAGE;
    lwt_buf_copy_out(packet, at, tx->id[tx->first_free].page, part);
    put_request(tx, at ? part : total, at ? 0 : total,
                (at + part < total ? NETTXF_more_data : 0) | flags);
    if (flags & NETTXF_extra_info)
      put_extra(tx, packet);
    flags = 0;
    at += part;
  } while (at < total);
}

/* Returns 0, or why the device cannot send such a packet. */
static int check(const struct netfront *n, const struct lwt_buf *packet)
{
  uint32_t max = n->netif.mtu + NETFRONT_ETHER;
  uint32_t need = packet->gso_type == LWT_GSO_TCPV4   ? LWT_NETIF_TX_TSO4
                  : packet->gso_type == LWT_GSO_TCPV6 ? LWT_NETIF_TX_TSO6
                                                      : 0;

  if (packet->flags & LWT_BUF_GSO) {
    if (!(n->netif.offloads & need) || !packet->gso_size ||
        !(packet->flags & LWT_BUF_CSUM_PARTIAL))
      return LWT_EMSGSIZE;
    max = NETFRONT_FRAME_MAX;
  }
  if (packet->flags & LWT_BUF_CSUM_PARTIAL &&
      !(n->netif.offloads & LWT_NETIF_TX_CSUM))
    return LWT_EINVAL;
  return packet->total < NETFRONT_ETHER || packet->total > max ? LWT_EMSGSIZE : 0;
}

int lwt__netfront_send(struct netfront *n, struct lwt_buf *packet)
{
  uint32_t pages = (packet->total + XEN_PAGE - 1) / XEN_PAGE;
  uint32_t slots = pages + !!(packet->flags & LWT_BUF_GSO);
  int error = check(n, packet);

  if (error) {
    n->netif.stats.tx_errors++;
    return error;
  }
  if (n->front.state == FRONT_UP && front_room(&n->tx.ring) < slots &&
      lwt__netfront_tx_reap(n) < 0) {
    lwt__front_lose(&n->front);
    return LWT_ENETDOWN;
  }
  if (n->front.state != FRONT_UP || front_room(&n->tx.ring) < slots ||
      have_ids(n, free_ids(&n->tx), pages)) {
    n->netif.stats.tx_dropped++;
    return LWT_ENOBUFS;
  }
  put_packet(n, packet);
  lwt__netfront_kick(n);
  return 0;
}

/* ---- Responses ------------------------------------------------------------ */

/* Returns 0, or -1: it is for nothing that was asked. */
static int take(struct netfront *n, netif_tx_response_t rsp)
{
  struct netfront_tx *tx = &n->tx;

  if (rsp.status == NETIF_RSP_NULL) {
    if (!tx->extras)
      return -1;
    tx->extras--;
    return 0;
  }
  if (rsp.id >= NETFRONT_SLOTS || !tx->id[rsp.id].busy)
    return -1;
  if (tx->id[rsp.id].bytes) {
    if (rsp.status == NETIF_RSP_OKAY) {
      n->netif.stats.tx_packets++;
      n->netif.stats.tx_bytes += tx->id[rsp.id].bytes;
    } else {
      n->netif.stats.tx_errors++;
    }
  }
  put_id(tx, rsp.id);
  return 0;
}

int lwt__netfront_tx_reap(struct netfront *n)
{
  struct frontring *r = &n->tx.ring;
  int i, ready = front_ready(r);

  for (i = 0; i < ready; i++) {
    uint32_t word = READ_ONCE(*(uint32_t *)(void *)slot_of(r, r->taken));
    netif_tx_response_t rsp;

    memcpy(&rsp, &word, sizeof rsp);
    if (take(n, rsp))
      return -1;
    r->taken++;
  }
  return ready;
}

int lwt__netfront_tx_await(struct netfront *n)
{
  uint32_t room = front_room(&n->tx.ring);

  return room >= NETFRONT_SLOTS / 2 ||
         front_await(&n->tx.ring, NETFRONT_SLOTS / 2 - room);
}
