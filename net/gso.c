/* net/gso.c - packets of several TCP segments, cut in software.
 * SPDX-License-Identifier: ISC
 *
 * A device may deliver what others sent in pieces, or would have sent in pieces, as
 * one packet.  If it goes on through a device that does not cut such packets, it is
 * done here: as the sender's device would have, or as the first one received them.
 */
#include "forward.h"

enum { TCP_LEN = 20, SEGMENT_MIN = 48, /* less is an attempt to make us work */
       CWR = 0x80, FIN = 0x01, PSH = 0x08 };

static uint32_t tcp_header(const struct lwt_buf *payload)
{
  uint8_t offset = 0;

  lwt_buf_copy_out(payload, 12, &offset, 1);
  return (offset >> 4) * 4u;
}

enum net_fit net_gso_fit(const struct net_ip_info *ip, const struct lwt_buf *payload,
                         uint32_t header_len, const struct net_if *out, uint16_t mtu)
{
  int six = ip->dst.family == 6;
  uint32_t need = LWT_NETIF_TX_CSUM | (six ? LWT_NETIF_TX_TSO6 : LWT_NETIF_TX_TSO4);
  uint32_t tcp, size = payload->gso_size;

  if (!(payload->flags & LWT_BUF_GSO))
    return payload->total + header_len <= mtu ? NET_FIT_WHOLE : NET_FIT_LARGE;
  tcp = tcp_header(payload);
  if (ip->proto != NET_PROTO_TCP || tcp < TCP_LEN || tcp >= payload->total ||
      size < SEGMENT_MIN || payload->gso_type != (six ? LWT_GSO_TCPV6 : LWT_GSO_TCPV4))
    return NET_FIT_BAD;
  if (payload->total - tcp < size)
    size = payload->total - tcp;
  if (header_len + tcp + size > mtu)
    return NET_FIT_LARGE;
  return (out->offloads & need) == need && payload->flags & LWT_BUF_CSUM_PARTIAL
           ? NET_FIT_WHOLE
           : NET_FIT_CUT;
}

void net_gso_begin(struct net_gso *g, const struct net_ip_info *ip,
                   struct lwt_buf *payload, const struct net_if *out)
{
  memset(g, 0, sizeof *g);
  g->s = ip->nif->s;
  g->src = ip->src;
  g->dst = ip->dst;
  g->packet = payload;
  g->offloads = out->offloads;
  g->header_len = g->at = tcp_header(payload);
  lwt_buf_copy_out(payload, 0, g->tcp, g->header_len);
}

struct lwt_buf *net_gso_next(struct net_gso *g)
{
  uint32_t size = g->packet->gso_size, left = g->packet->total - g->at;
  struct lwt_buf *segment;
  uint8_t *tcp;

  if (!left)
    return NULL;
  if (size > left)
    size = left;
  segment = lwt_buf_slice(g->packet, g->at, size);
  if (segment)
    segment = lwt_buf_push(segment, g->header_len);
  if (!segment) {
    g->s->stats.no_memory++;
    return NULL;
  }
  tcp = segment->data;
  memcpy(tcp, g->tcp, g->header_len);
  net_put32(tcp + 4, net_get32(g->tcp + 4) + g->at - g->header_len);
  if (size < left) /* of all but the last one */
    tcp[13] &= (uint8_t)~(FIN | PSH);
  if (g->n) /* of all but the first one (RFC 3168 6.1.2) */
    tcp[13] &= (uint8_t)~CWR;
  net_put16(tcp + 16, 0);
  segment->flags = 0;
  net_csum_finish_for(g->offloads, &g->src, &g->dst, NET_PROTO_TCP, 16, segment);
  g->at += size;
  g->n++;
  return segment;
}

void net_gso_end(struct net_gso *g)
{
  lwt_buf_free(g->packet);
}
