/* net/link.c - what a bad link does to a packet.
 * SPDX-License-Identifier: ISC
 *
 * The transmitter sends one packet after the other at the link's bandwidth;
 * what it has not sent yet is the backlog, known from `busy` alone.  Then come
 * the delay and the chances.
 */
#include "link.h"

#include "checksum.h"
#include "net.h"
#include "wire.h"

#define MILLION 1000000u

/* splitmix64 */
uint64_t net_link_random(uint64_t *state)
{
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static int happens(uint64_t *random, uint32_t chance)
{
  return chance && net_link_random(random) % MILLION < chance;
}

/* a * b / c without overflow, c < 2^63. */
static uint64_t scale(uint64_t a, uint64_t b, uint64_t c)
{
  return (uint64_t)((unsigned __int128)a * b / c);
}

uint64_t net_link_backlog(const struct net_link *link, uint64_t now)
{
  if (!link->config.bandwidth || link->busy <= now)
    return 0;
  return scale(link->busy - now, link->config.bandwidth, LWT_S(8));
}

uint64_t net_link_drained(const struct net_link *link, uint64_t bytes)
{
  uint64_t time = scale(bytes, LWT_S(8), link->config.bandwidth);

  return link->busy > time ? link->busy - time : 0;
}

struct net_fate net_link_send(struct net_link *link, uint64_t *random, uint64_t now,
                              uint32_t len)
{
  const struct lwt_net_link *c = &link->config;
  struct net_fate fate = { .copies = 1 };
  uint64_t when = now;

  if (c->bandwidth) {
    if (link->busy < now)
      link->busy = now;
    link->busy += scale(len, LWT_S(8), c->bandwidth);
    when = link->busy;
  }
  if (happens(random, c->loss)) {
    fate.copies = 0;
    return fate;
  }
  when += c->delay;
  if (c->jitter)
    when += net_link_random(random) % (c->jitter + 1);
  if (happens(random, c->reorder)) {
    fate.reordered = 1;
    when += c->reorder_delay ? c->reorder_delay : LWT_MS(1);
  } else {
    if (when < link->last)
      when = link->last;
    link->last = when;
  }
  fate.when[0] = fate.when[1] = when;
  if (happens(random, c->duplicate))
    fate.copies = 2;
  fate.corrupt = (uint8_t)happens(random, c->corrupt);
  return fate;
}

void net_link_mark(struct lwt_buf *packet)
{
  uint8_t *ip = packet->data + NET_ETHER_LEN;
  uint16_t old;

  if (packet->len < NET_ETHER_LEN + NET_IPV4_LEN || ip[0] >> 4 != 4 || !(ip[1] & 3))
    return;
  old = (uint16_t)net_get16(ip);
  ip[1] |= 3;
  net_put16(ip + 10, net_csum_update((uint16_t)net_get16(ip + 10), old,
                                     (uint16_t)net_get16(ip)));
}

struct lwt_buf *net_link_corrupt(struct lwt_buf *packet, uint64_t *random)
{
  struct lwt_buf *copy, *slice;
  uint64_t bit = net_link_random(random);
  uint32_t offset;

  if (packet->flags & LWT_BUF_CSUM_PARTIAL && !(packet->flags & LWT_BUF_GSO)) {
    packet = net_csum_complete(packet); /* so that somebody can notice */
    if (!packet)
      return NULL;
  }
  copy = lwt_buf_chain(0, packet->total);
  if (copy) {
    for (slice = copy, offset = 0; slice; offset += slice->len, slice = slice->next)
      lwt_buf_copy_out(packet, offset, slice->data, slice->len);
    offset = (uint32_t)((bit >> 3) % packet->total);
    for (slice = copy; offset >= slice->len; slice = slice->next)
      offset -= slice->len;
    slice->data[offset] ^= (uint8_t)(1u << (bit & 7));
    copy->flags = packet->flags;
    copy->csum_start = packet->csum_start;
    copy->csum_offset = packet->csum_offset;
    copy->gso_size = packet->gso_size;
    copy->gso_type = packet->gso_type;
  }
  lwt_buf_free(packet);
  return copy;
}
