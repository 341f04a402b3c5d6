/* netfront_rx.c - the ring of received packets.
 * SPDX-License-Identifier: ISC
 *
 * We post pages, the backend fills them in that order.  A packet is one response
 * for each page, and behind the first one, if it says so, slots with more about the
 * packet; these use up the requests at their places.  Each slot is copied once, and
 * only the copy is looked at; it becomes part of the packet that is coming.
 */
#include "netfront.h"

#include <string.h>
#include <xen/io/netif.h>

#define VLAN 4u
#define EXTRAS_MAX (XEN_NETIF_EXTRA_TYPE_MAX - 1)

union slot {
  netif_rx_request_t request;
  netif_rx_response_t response;
  netif_extra_info_t extra;
  uint64_t word;
};

_Static_assert(sizeof(union slot) == sizeof(union netif_rx_sring_entry), "slots");

static union slot *slot_of(const struct frontring *r, uint32_t at)
{
  return (union slot *)(void *)r->entries + (at & (NETFRONT_SLOTS - 1));
}

/* ---- Pages --------------------------------------------------------------- */

int lwt__netfront_rx_start(struct netfront *n)
{
  struct netfront_rx *rx = &n->rx;
  void *page;
  int error = lwt__grant_page(n->front.backend->domain, 0, &page, &rx->ring.ref);

  if (error)
    return error;
  memset((char *)rx + sizeof rx->ring, 0, sizeof *rx - sizeof rx->ring);
  rx->last = &rx->first;
  front_init(&rx->ring, page, NETFRONT_SLOTS);
  while (rx->pages < NETFRONT_SLOTS && !error) {
    error = lwt__grant_page(n->front.backend->domain, 0, &rx->page[rx->pages],
                            &rx->ref[rx->pages]);
    if (!error) {
      rx->free[rx->n_free++] = rx->pages;
      rx->pages++;
    }
  }
  /* With fewer it works too, if the largest packet fits. */
  return rx->pages < 2 * NETFRONT_SLOTS_MAX ? error : 0;
}

void lwt__netfront_rx_stop(struct netfront *n)
{
  struct netfront_rx *rx = &n->rx;

  if (!rx->ring.shared)
    return;
  while (rx->pages)
    lwt__grant_end(rx->ref[--rx->pages]);
  lwt__grant_end(rx->ring.ref);
  rx->ring.shared = NULL;
  lwt_buf_free(rx->packet);
  rx->packet = NULL;
  lwt_buf_free_queue(lwt__netfront_rx_queue(n));
}

void lwt__netfront_rx_post(struct netfront *n)
{
  struct netfront_rx *rx = &n->rx;
  uint16_t id;

  while (rx->n_free) {
    id = rx->free[--rx->n_free];
    rx->posted[rx->ring.made & (NETFRONT_SLOTS - 1)] = id;
    slot_of(&rx->ring, rx->ring.made++)->request =
      (netif_rx_request_t){ .id = id, .gref = rx->ref[id] };
  }
}

struct lwt_buf *lwt__netfront_rx_queue(struct netfront *n)
{
  struct lwt_buf *first = n->rx.first;

  n->rx.first = NULL;
  n->rx.last = &n->rx.first;
  return first;
}

/* ---- The end of a packet ---------------------------------------------------- */

/* Behind the header of IPv4 or IPv6, whose next protocol is *protocol.  Returns 0 if
 * there is none that a checksum may follow: a fragment, a header in between. */
static uint32_t behind_ip(const uint8_t *head, uint8_t *protocol)
{
  const uint8_t *ip = head + NETFRONT_ETHER;

  if (head[12] == 0x08 && head[13] == 0x00 && ip[0] >> 4 == 4 && (ip[0] & 15) >= 5 &&
      !(ip[6] & 0x3f) && !ip[7]) {
    *protocol = ip[9];
    return NETFRONT_ETHER + (ip[0] & 15) * 4u;
  }
  if (head[12] == 0x86 && head[13] == 0xdd && ip[0] >> 4 == 6) {
    *protocol = ip[6];
    return NETFRONT_ETHER + 40;
  }
  return 0;
}

/* Where the checksum is that was left to us.  Returns 0, or -1: there is none. */
static int find_csum(struct lwt_buf *packet)
{
  uint8_t head[NETFRONT_ETHER + 20], protocol = 0;
  uint32_t start, offset;

  if (lwt_buf_copy_out(packet, 0, head, sizeof head) < sizeof head)
    return -1;
  start = behind_ip(head, &protocol);
  offset = protocol == 6 ? 16 : protocol == 17 ? 6 : 0;
  if (!start || !offset || start + offset + 2 > packet->total)
    return -1;
  packet->csum_start = (uint16_t)start;
  packet->csum_offset = (uint16_t)offset;
  return 0;
}

/* Returns 0, or -1: what the backend says of the packet cannot be. */
static int describe(const struct netfront *n, struct lwt_buf *packet)
{
  const struct netfront_rx *rx = &n->rx;
  uint32_t max = n->netif.mtu + NETFRONT_ETHER + VLAN;

  if (rx->gso_size) {
    packet->flags |= LWT_BUF_GSO;
    packet->gso_type = rx->gso_type;
    packet->gso_size = rx->gso_size;
    max = NETFRONT_ETHER + 65535u;
  }
  if (packet->total < NETFRONT_ETHER || packet->total > max)
    return -1;
  if (rx->flags & NETRXF_csum_blank) {
    packet->flags |= LWT_BUF_CSUM_PARTIAL;
    return find_csum(packet);
  }
  if (rx->flags & NETRXF_data_validated)
    packet->flags |= LWT_BUF_CSUM_VALID;
  return 0;
}

static void finish(struct netfront *n)
{
  struct netfront_rx *rx = &n->rx;
  struct lwt_buf *packet = rx->packet;

  rx->packet = NULL;
  rx->slots = 0;
  if (!rx->dropped && (rx->bad || !packet || describe(n, packet)))
    rx->bad = 1;
  if (rx->dropped || rx->bad) {
    n->netif.stats.rx_dropped += rx->dropped;
    n->netif.stats.rx_errors += !rx->dropped;
    lwt_buf_free(packet);
    return;
  }
  lwt__counts.packets_in++;
  lwt__counts.bytes_in += packet->total;
  n->counts.rx_csum += !!(packet->flags & LWT_BUF_CSUM_PARTIAL);
  n->counts.rx_gso += !!(packet->flags & LWT_BUF_GSO);
  n->netif.stats.rx_packets++;
  n->netif.stats.rx_bytes += packet->total;
  packet->next_packet = NULL;
  *rx->last = packet;
  rx->last = &packet->next_packet;
}

/* ---- Slots ------------------------------------------------------------------ */

/* Copy the bytes out of the page. */
static void collect(struct netfront_rx *rx, uint16_t id, uint32_t offset, uint32_t len)
{
  const uint8_t *from = (const uint8_t *)rx->page[id] + offset;
  struct lwt_buf *part, *slice;

  if (rx->bad || rx->dropped || !len)
    return;
  part = lwt_buf_chain(rx->packet ? 0 : LWT_BUF_HEADROOM, len);
  if (!part) {
    rx->dropped = 1;
    return;
  }
  lwt__counts.copied += len;
  for (slice = part; slice; slice = slice->next) {
    lwt__copy(slice->data, from, slice->len);
    from += slice->len;
  }
  if (rx->packet)
    lwt_buf_append(rx->packet, part);
  else
    rx->packet = part;
}

/* Returns 0, or -1: a rule is broken. */
static int take_response(struct netfront_rx *rx, uint16_t id, netif_rx_response_t rsp)
{
  int first = !rx->slots;

  if (rsp.id != id || rsp.flags & NETRXF_gso_prefix ||
      (!first && rsp.flags & NETRXF_extra_info))
    return -1;
  if (rsp.status > (int)XEN_PAGE || rsp.offset > XEN_PAGE ||
      (rsp.status > 0 && rsp.offset + (uint32_t)rsp.status > XEN_PAGE))
    return -1;
  if (first) {
    rx->flags = rsp.flags;
    rx->gso_size = 0;
    rx->bad = rx->dropped = rx->n_extras = 0;
    rx->extra = !!(rsp.flags & NETRXF_extra_info);
  }
  if (++rx->slots > NETFRONT_SLOTS_MAX)
    return -1;
  rx->more = !!(rsp.flags & NETRXF_more_data);
  if (rsp.status < 0)
    rx->bad = 1;
  else
    collect(rx, id, rsp.offset, (uint32_t)rsp.status);
  return 0;
}

static int take_extra(struct netfront_rx *rx, netif_extra_info_t extra)
{
  if (extra.type == XEN_NETIF_EXTRA_TYPE_NONE || extra.type >= XEN_NETIF_EXTRA_TYPE_MAX ||
      ++rx->n_extras > EXTRAS_MAX)
    return -1;
  rx->extra = extra.flags & XEN_NETIF_EXTRA_FLAG_MORE;
  if (extra.type != XEN_NETIF_EXTRA_TYPE_GSO)
    return 0;
  if (!extra.u.gso.size || (extra.u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 &&
                            extra.u.gso.type != XEN_NETIF_GSO_TYPE_TCPV6))
    return -1;
  rx->gso_type =
    extra.u.gso.type == XEN_NETIF_GSO_TYPE_TCPV4 ? LWT_GSO_TCPV4 : LWT_GSO_TCPV6;
  rx->gso_size = extra.u.gso.size;
  return 0;
}

int lwt__netfront_rx_take(struct netfront *n)
{
  struct netfront_rx *rx = &n->rx;
  struct frontring *r = &rx->ring;
  int i, broken, ready = front_ready(r);

  for (i = 0; i < ready; i++) {
    uint16_t id = rx->posted[r->taken & (NETFRONT_SLOTS - 1)];
    union slot slot = { .word = READ_ONCE(slot_of(r, r->taken)->word) };

    broken = rx->extra ? take_extra(rx, slot.extra)
                       : take_response(rx, id, slot.response);
    if (broken)
      return -1;
    r->taken++;
    rx->free[rx->n_free++] = id;
    if (!rx->extra && !rx->more)
      finish(n);
  }
  return ready;
}
