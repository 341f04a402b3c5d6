/* net/next.c - frames that need no decision, told from all others at one look.
 * SPDX-License-Identifier: ISC
 *
 * Nearly every frame is for us, whole, without IP options, and for a connection or
 * an endpoint that takes it.  Here such a frame is told from all others, by the
 * same checks as in ether.c and ipv4.c; tcp_next.c and udp_next.c go on.  Whatever
 * differs in anything goes through the layers, which also count what is wrong.
 */
#include "next.h"

enum { IP = NET_NEXT_IP, TCP_LEAST = 20 };

/* To us and not a fragment; returns what follows the IP header, 0: it is not. */
static uint32_t is_plain(const struct net_if *nif, const struct lwt_buf *frame)
{
  const uint8_t *p = frame->data;

  if (frame->len < NET_NEXT_TRANSPORT + NET_UDP_LEN || memcmp(p, nif->mac, 6) ||
      p[6] & 1 || net_get16(p + 12) != NET_ETHER_IPV4 || p[IP] != 0x45 ||
      net_get16(p + IP + 6) & 0x3fff)
    return 0;
  if (!net_local4_on(nif, net_get32(p + IP + 16)) || p[IP + 12] == 127 ||
      net_local4_find(nif->s, net_get32(p + IP + 12)))
    return 0;
  return net_next_len(frame);
}

/* Not the next of anything, but the layers below the transport have nothing more to
 * say: what ether.c and ipv4.c make of such a frame.  Returns 0 if they have. */
static int to_transport(struct net_if *nif, struct lwt_buf *frame, uint8_t proto,
                        uint32_t len)
{
  struct net_stack *s = nif->s;
  uint8_t header[NET_IPV4_LEN];
  struct net_ip_info ip;
  uint32_t least = proto == NET_PROTO_TCP ? TCP_LEAST : NET_UDP_LEN;

  memcpy(header, frame->data + IP, sizeof header);
  ip.src = net_addr4(net_get32(header + 12), 0);
  if (len < least || frame->len < NET_NEXT_TRANSPORT + least ||
      !net_ip_is_unicast(s, &ip.src))
    return 0;
  ip.nif = nif;
  ip.dst = net_addr4(net_get32(header + 16), 0);
  ip.proto = proto;
  ip.tos = header[1];
  ip.ttl = header[8];
  ip.broadcast = 0;
  ip.header_len = sizeof header;
  ip.header = header;
  s->stats.ip_rx++;
  net_clock_once(s);
  if (net_next_sum_ok(frame, proto, len))
    frame->flags |= LWT_BUF_CSUM_VALID; /* else the transport says so */
  if (frame->flags & LWT_BUF_CSUM_PARTIAL)
    frame->csum_start = (uint16_t)(frame->csum_start - NET_NEXT_TRANSPORT);
  frame = net_next_strip(frame, NET_NEXT_TRANSPORT, len);
  if (proto == NET_PROTO_TCP)
    net_tcp_input(s, &ip, frame);
  else
    net_udp_input(s, &ip, frame);
  return 1;
}

int net_input_next(struct net_if *nif, struct lwt_buf *frame)
{
  uint32_t len;
  uint8_t proto;

  if (frame->len < NET_NEXT_TRANSPORT)
    return 0;
  proto = frame->data[IP + 9];
  if (proto == NET_PROTO_TCP ? net_tcp_input_same(nif, frame)
                             : proto == NET_PROTO_UDP && net_udp_input_same(nif, frame))
    return 1;
  len = is_plain(nif, frame);
  if (!len)
    return 0;
  if (proto == NET_PROTO_TCP ? net_tcp_input_next(nif, frame, len)
                             : proto == NET_PROTO_UDP &&
                                 net_udp_input_next(nif, frame))
    return 1;
  return (proto == NET_PROTO_TCP || proto == NET_PROTO_UDP) &&
         to_transport(nif, frame, proto, len);
}
