/* net/next.c - frames that need no decision, told from all others at one look.
 * SPDX-License-Identifier: ISC
 *
 * Nearly every frame is for us, whole, without IP options, and for a connection or
 * an endpoint that takes it.  Here such a frame is told from all others, by the
 * same checks as in ether.c and ipv4.c; tcp_next.c and udp_next.c go on.  Whatever
 * differs in anything goes through the layers, which also count what is wrong.
 */
#include "next.h"

enum { IP = NET_NEXT_IP };

/* Ones' complement addition in the order of the machine. */
static int header_sum_ok(const uint8_t *p)
{
  uint32_t words[5];
  uint64_t sum;

  memcpy(words, p, sizeof words);
  sum = (uint64_t)words[0] + words[1] + words[2] + words[3] + words[4];
  sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
  return net_sum_fold((uint32_t)sum) == 0xffff;
}

/* To us and not a fragment; returns what follows the IP header, 0: it is not. */
static uint32_t is_plain(const struct net_if *nif, const struct lwt_buf *frame)
{
  const uint8_t *p = frame->data;
  uint32_t total;

  if (frame->len < NET_NEXT_TRANSPORT + NET_UDP_LEN || memcmp(p, nif->mac, 6) ||
      p[6] & 1 || net_get16(p + 12) != NET_ETHER_IPV4 || p[IP] != 0x45 ||
      net_get16(p + IP + 6) & 0x3fff)
    return 0;
  if (!net_local4_on(nif, net_get32(p + IP + 16)) || p[IP + 12] == 127 ||
      net_local4_find(nif->s, net_get32(p + IP + 12)))
    return 0;
  total = net_get16(p + IP + 2);
  if (total < NET_IPV4_LEN + NET_UDP_LEN || total > frame->total - IP ||
      !header_sum_ok(p + IP))
    return 0;
  return total - NET_IPV4_LEN;
}

int net_input_next(struct net_if *nif, struct lwt_buf *frame)
{
  uint32_t len = is_plain(nif, frame);

  if (!len)
    return 0;
  if (frame->data[IP + 9] == NET_PROTO_TCP)
    return net_tcp_input_next(nif, frame, len);
  return frame->data[IP + 9] == NET_PROTO_UDP && net_udp_input_next(nif, frame, len);
}
