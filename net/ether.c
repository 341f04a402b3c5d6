/* net/ether.c - frames in and out of the device.
 * SPDX-License-Identifier: ISC
 */
#include "net.h"
#include "pcap.h"
#include "wire.h"

#include <string.h>

static void *writable(void *env, void *value)
{
  struct net_stack *s = env;
  lwt_t *p = s->writable;

  (void)value;
  s->writable = NULL;
  net_clock(s);
  net_tcp_writable(s);
  lwt_drop(p);
  return NULL;
}

/* Hear of it when the device has room again. */
static void wait_writable(struct net_stack *s)
{
  lwt_t *p;

  if (s->writable || s->closing)
    return;
  p = lwt_map(s->netif->ops->writable(s->netif), writable, s);
  if (lwt_state(p) == LWT_PENDING) {
    s->writable = p;
    return;
  }
  lwt_error(p);
  lwt_drop(p);
}

int net_ether_send(struct net_stack *s, const uint8_t dst[6], uint16_t type,
                   struct lwt_buf *packet)
{
  struct net_ether_repr r = { .type = type };

  if (packet->flags & LWT_BUF_CSUM_PARTIAL)
    packet->csum_start += NET_ETHER_LEN;
  packet = lwt_buf_push(packet, NET_ETHER_LEN);
  if (!packet) {
    s->stats.no_memory++;
    return LWT_ENOMEM;
  }
  memcpy(r.dst, dst, 6);
  memcpy(r.src, s->netif->mac, 6);
  net_ether_emit(&r, packet->data);
  return net_ether_transmit(s, packet);
}

int net_ether_transmit(struct net_stack *s, struct lwt_buf *frame)
{
  int error;

  if (s->pcap)
    net_pcap_write(s->pcap, s->now, frame);
  error = s->netif->ops->send(s->netif, frame);
  if (!error) {
    s->stats.tx_frames++;
    return 0;
  }
  s->stats.tx_failed++;
  if (error == LWT_ENOBUFS)
    wait_writable(s);
  return error;
}

void net_ether_input(struct net_stack *s, struct lwt_buf *frame)
{
  struct net_ether_repr r;
  int broadcast;

  s->stats.rx_frames++;
  if (s->pcap)
    net_pcap_write(s->pcap, s->now, frame);
  if (net_tcp_input_next(s, frame))
    return;
  if (frame->total < NET_ETHER_LEN) {
    s->stats.eth_short++;
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
  if ((!broadcast && memcmp(r.dst, s->netif->mac, 6)) || r.src[0] & 1) {
    s->stats.eth_other++;
    lwt_buf_free(frame);
    return;
  }
  if (frame->flags & LWT_BUF_CSUM_PARTIAL)
    frame->csum_start -= NET_ETHER_LEN;
  frame = lwt_buf_pull(frame, NET_ETHER_LEN);
  if (r.type == NET_ETHER_IPV4) {
    net_ipv4_input(s, frame, broadcast, 0);
  } else if (r.type == NET_ETHER_ARP) {
    net_arp_input(s, frame);
  } else {
    s->stats.eth_type++;
    lwt_buf_free(frame);
  }
}
