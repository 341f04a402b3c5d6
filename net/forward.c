/* net/forward.c - IPv4 packets of others, on their way (RFC 1812 5).
 * SPDX-License-Identifier: ISC
 *
 * Only if config.forward says so.  What is not to leave a link, or nobody may send,
 * is not forwarded: broadcasts of either layer (5.3.5), multicasts, martians (5.3.7),
 * source routes.  Record route and timestamp options pass unchanged, and we send no
 * redirects.
 */
#include "checksum.h"
#include "ipv4_options.h"
#include "net.h"
#include "wire.h"

#include <string.h>

static int count(uint64_t *counter)
{
  ++*counter;
  return 0;
}

/* RFC 1812 5.3.7: neither may such an address be anybody's destination. */
static int is_martian(uint32_t ip)
{
  return ip >> 24 == 0 || ip >> 24 == 127 || ip >> 28 >= 14;
}

/* Where it may go; 0: nowhere, which is counted and told to the sender. */
static int way(const struct net_ip_info *ip, const struct lwt_buf *payload,
               struct net_hop *hop)
{
  struct net_stack *s = ip->nif->s;
  int error;

  if (ip->broadcast || is_martian(net_ip4(&ip->dst)) ||
      net_broadcast4(s, net_ip4(&ip->dst)) || is_martian(net_ip4(&ip->src)))
    return count(&s->stats.ip_destination);
  if (ip->ttl <= 1) {
    net_icmp_send_error(s, ip, NET_ICMP_TIME_EXCEEDED, 0, 0, payload);
    return count(&s->stats.ip_ttl);
  }
  error = net_hop_find(s, &ip->dst, NULL, 0, hop);
  if (error || hop->kind != NET_HOP_NEIGHBOUR) {
    net_icmp_send_error(s, ip, NET_ICMP_UNREACHABLE, NET_UNREACH_NET, 0, payload);
    return count(&s->stats.ip_no_route);
  }
  return 1;
}

/* Whether it fits, or may be cut; else counted and told. */
static int fits(const struct net_ip_info *ip, const struct lwt_buf *payload,
                const struct net_hop *hop)
{
  struct net_stack *s = ip->nif->s;
  uint16_t mtu = hop->nif->mtu; /* what we learnt of the path is not for others */
  uint32_t need = LWT_NETIF_TX_CSUM | LWT_NETIF_TX_TSO4;

  if (payload->flags & LWT_BUF_GSO)
    return (hop->nif->offloads & need) == need || count(&s->stats.ip_too_big);
  if (payload->total + ip->header_len <= mtu || !(ip->header[6] & 0x40))
    return 1;
  net_icmp_send_error(s, ip, NET_ICMP_UNREACHABLE, NET_UNREACH_TOO_BIG, mtu, payload);
  return count(&s->stats.ip_too_big);
}

void net_ipv4_forward(const struct net_ip_info *ip, struct lwt_buf *payload)
{
  struct net_stack *s = ip->nif->s;
  struct net_hop hop;
  uint8_t header[60];

  if (!way(ip, payload, &hop) || !fits(ip, payload, &hop)) {
    lwt_buf_free(payload);
    return;
  }
  hop.mtu = hop.nif->mtu;
  memcpy(header, ip->header, ip->header_len);
  header[8]--; /* TTL */
  if (!(payload->flags & LWT_BUF_CSUM_PARTIAL))
    payload->flags = 0;
  s->stats.ip_forwarded++;
  net_ipv4_send_header(s, &hop, header, ip->header_len, payload);
}
