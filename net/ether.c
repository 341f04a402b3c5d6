/* net/ether.c - frames in and out of the device.
 * SPDX-License-Identifier: ISC
 */
#include "checksum.h"
#include "ipv6.h"
#include "next.h"
#include "pcap.h"
#include "wire.h"

#include <string.h>

static void *writable(void *env, void *value)
{
  struct net_if *nif = env;
  struct net_stack *s = nif->s;
  lwt_t *p = nif->writable;

  (void)value;
  nif->writable = NULL;
  net_clock(s);
  net_tcp_writable(s);
  lwt_drop(p);
  return NULL;
}

/* Hear of it when the device has room again. */
static void wait_writable(struct net_if *nif)
{
  lwt_t *p;

  if (nif->writable || nif->s->closing)
    return;
  p = lwt_map(nif->netif->ops->writable(nif->netif), writable, nif);
  if (lwt_state(p) == LWT_PENDING) {
    nif->writable = p;
    return;
  }
  lwt_error(p);
  lwt_drop(p);
}

int net_ether_send(struct net_if *nif, const uint8_t dst[6], uint16_t type,
                   struct lwt_buf *packet)
{
  struct net_ether_repr r = { .type = type };

  if (packet->flags & LWT_BUF_CSUM_PARTIAL)
    packet->csum_start += NET_ETHER_LEN;
  packet = lwt_buf_push(packet, NET_ETHER_LEN);
  if (!packet) {
    nif->s->stats.no_memory++;
    return LWT_ENOMEM;
  }
  memcpy(r.dst, dst, 6);
  memcpy(r.src, nif->mac, 6);
  net_ether_emit(&r, packet->data);
  return net_ether_transmit(nif, packet);
}

int net_ether_transmit(struct net_if *nif, struct lwt_buf *frame)
{
  struct net_stack *s = nif->s;
  int error;

  if (frame->flags & LWT_BUF_CSUM_PARTIAL && !(nif->offloads & LWT_NETIF_TX_CSUM)) {
    frame = net_csum_complete(frame); /* the way has changed */
    if (!frame) {
      s->stats.no_memory++;
      return LWT_ENOMEM;
    }
  }
  if (s->pcap)
    net_pcap_write(s->pcap, s->now, frame);
  error = nif->netif->ops->send(nif->netif, frame);
  if (!error) {
    s->stats.tx_frames++;
    return 0;
  }
  s->stats.tx_failed++;
  nif->stats.tx_failed++;
  if (error == LWT_ENOBUFS)
    wait_writable(nif);
  return error;
}

void net_ether_group4(uint32_t group, uint8_t mac[6])
{
  mac[0] = 1;
  mac[1] = 0;
  net_put32(mac + 2, group & 0x7fffff);
  mac[2] = 0x5e;
}

void net_ether_input(struct net_if *nif, struct lwt_buf *frame)
{
  struct net_stack *s = nif->s;
  struct net_ether_repr r;
  int broadcast;

  s->stats.rx_frames++;
  if (s->pcap)
    net_pcap_write(s->pcap, s->now, frame);
  if (net_input_next(nif, frame))
    return;
  net_clock_once(s);
  if (frame->total < NET_ETHER_LEN) {
    s->stats.eth_short++;
    nif->stats.rx_short++;
    lwt_buf_free(frame);
    return;
  }
  frame = lwt_buf_pullup(frame, NET_ETHER_LEN);
  if (!frame) {
    s->stats.no_memory++;
    return;
  }
  net_ether_parse(&r, frame->data, frame->len);
  broadcast = r.dst[0] & 1;
  if ((!broadcast && memcmp(r.dst, nif->mac, 6)) || r.src[0] & 1) {
    s->stats.eth_other++;
    nif->stats.rx_other++;
    lwt_buf_free(frame);
    return;
  }
  if (frame->flags & LWT_BUF_CSUM_PARTIAL)
    frame->csum_start -= NET_ETHER_LEN;
  frame = lwt_buf_pull(frame, NET_ETHER_LEN);
  if (r.type == NET_ETHER_IPV4) {
    net_ipv4_input(nif, frame, broadcast ? NET_IN_BROADCAST : 0);
  } else if (r.type == NET_ETHER_IPV6 && nif->six) {
    net_ipv6_input(nif, frame, broadcast ? NET_IN_BROADCAST : 0);
  } else if (r.type == NET_ETHER_ARP) {
    net_arp_input(nif, frame);
  } else {
    s->stats.eth_type++;
    nif->stats.rx_type++;
    lwt_buf_free(frame);
  }
}
