/* net/ipv4.c - IPv4: packets in and out (RFC 791, RFC 1122 3).
 * SPDX-License-Identifier: ISC
 *
 * What is not for us is dropped, unless we forward (forward.h); options are looked at
 * in ipv4_options.c.  Read wire.h and net.h first; where packets go is in hop.c,
 * reassembly in frag.c.
 */
#include "checksum.h"
#include "forward.h"
#include "group.h"
#include "ipv4_options.h"
#include "ipv6.h"
#include "wire.h"

#include <string.h>

#define LOOP_MAX 1024

/* ---- Output ------------------------------------------------------------ */

static void receive_loop(struct net_if *nif)
{
  struct lwt_buf *packet, *queue = nif->loop;

  nif->loop = NULL;
  nif->loop_end = &nif->loop;
  nif->loop_len = 0;
  while ((packet = queue)) {
    queue = packet->next_packet;
    packet->next_packet = NULL;
    if (packet->data[0] >> 4 == 6)
      net_ipv6_input(nif, packet, NET_IN_LOOPED);
    else
      net_ipv4_input(nif, packet, NET_IN_LOOPED);
  }
}

void net_ip_loop_turn(struct lwt__task *task)
{
  struct net_stack *s =
    (struct net_stack *)(void *)((char *)task - offsetof(struct net_stack, loop_turn));
  unsigned i;

  net_clock(s);
  for (i = 0; i < s->n_ifs; i++)
    receive_loop(s->ifs[i]);
  net_tcp_input_done(s);
}

int net_ip_loop(struct net_if *nif, struct lwt_buf *packet)
{
  struct net_stack *s = nif->s;

  if (nif->loop_len >= LOOP_MAX) {
    s->stats.ip_loop_full++;
    lwt_buf_free(packet);
    return LWT_ENOBUFS;
  }
  lwt__task_set(&s->loop_turn);
  s->stats.ip_looped++;
  packet->next_packet = NULL;
  *nif->loop_end = packet;
  nif->loop_end = &packet->next_packet;
  nif->loop_len++;
  return 0;
}

void net_ip_loop_copy(struct net_if *nif, const struct lwt_buf *packet)
{
  struct lwt_buf *copy = lwt_buf_slice(packet, 0, packet->total);

  if (!copy) {
    nif->s->stats.no_memory++;
    return;
  }
  copy->flags = packet->flags & LWT_BUF_CSUM_PARTIAL;
  copy->csum_start = packet->csum_start;
  copy->csum_offset = packet->csum_offset;
  net_ip_loop(nif, copy);
}

/* One packet with its header, to the next hop. */
static int transmit(struct net_stack *s, const struct net_hop *hop, uint32_t dst,
                    struct lwt_buf *packet)
{
  static const uint8_t all_hosts[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  struct lwt_addr to = net_addr4(dst, 0);
  uint8_t group[6];

  s->stats.ip_tx++;
  switch (hop->kind) {
  case NET_HOP_SELF:
    return net_ip_loop(hop->nif, packet);
  case NET_HOP_BROADCAST:
    return net_ether_send(hop->nif, all_hosts, NET_ETHER_IPV4, packet);
  case NET_HOP_MULTICAST:
    if (!hop->no_loop && net_group_find(hop->nif, &to))
      net_ip_loop_copy(hop->nif, packet);
    net_ether_group4(dst, group);
    return net_ether_send(hop->nif, group, NET_ETHER_IPV4, packet);
  default:
    return net_neighbour_send(hop->nif, &hop->next, packet);
  }
}

static struct lwt_buf *push_header(struct net_stack *s, const struct net_ipv4_repr *r,
                                   struct lwt_buf *packet)
{
  if (packet->flags & LWT_BUF_CSUM_PARTIAL)
    packet->csum_start += NET_IPV4_LEN;
  packet = lwt_buf_push(packet, NET_IPV4_LEN);
  if (packet)
    net_ipv4_emit(r, packet->data);
  else
    s->stats.no_memory++;
  return packet;
}

/* One packet with this header, whose checksum is made. */
static struct lwt_buf *push_bytes(struct net_stack *s, uint8_t *header, uint32_t len,
                                  struct lwt_buf *packet)
{
  net_put16(header + 2, packet->total + len);
  net_put16(header + 10, 0);
  net_put16(header + 10, (uint16_t)~net_sum(header, len));
  if (packet->flags & LWT_BUF_CSUM_PARTIAL)
    packet->csum_start = (uint16_t)(packet->csum_start + len);
  packet = lwt_buf_push(packet, len);
  if (packet)
    memcpy(packet->data, header, len);
  else
    s->stats.no_memory++;
  return packet;
}

/* In pieces that fit.  Either all of them are sent or an error is returned.  What is
 * cut may be a fragment itself. */
static int fragment(struct net_stack *s, struct net_hop hop, uint8_t *header,
                    uint32_t header_len, struct lwt_buf *segment)
{
  uint32_t base = net_get16(header + 6), offset = 0, len, room;
  struct lwt_buf *part;
  int error = 0;

  if (segment->flags & LWT_BUF_CSUM_PARTIAL) {
    segment = net_csum_complete(segment);
    if (!segment) {
      s->stats.no_memory++;
      return LWT_ENOMEM;
    }
  }
  for (; offset < segment->total && !error; offset += len) {
    room = (hop.mtu - header_len) & ~7u;
    len = segment->total - offset;
    net_put16(header + 6, base + offset / 8 + (len > room ? 0x2000 & ~base : 0));
    if (len > room)
      len = room;
    part = lwt_buf_slice(segment, offset, len);
    if (part)
      part = push_bytes(s, header, header_len, part);
    error = part ? transmit(s, &hop, net_get32(header + 16), part) : LWT_ENOMEM;
    s->stats.frag_tx += !error;
    if (!offset && header_len > NET_IPV4_LEN)
      header_len = (uint32_t)net_ipv4_options_copied(header, header_len);
  }
  lwt_buf_free(segment);
  return error;
}

int net_ipv4_send_header(struct net_stack *s, const struct net_hop *hop, uint8_t *header,
                         uint32_t header_len, struct lwt_buf *segment)
{
  if (segment->total + header_len > hop->mtu && !(segment->flags & LWT_BUF_GSO))
    return fragment(s, *hop, header, header_len, segment);
  segment = push_bytes(s, header, header_len, segment);
  return segment ? transmit(s, hop, net_get32(header + 16), segment) : LWT_ENOMEM;
}

int net_ipv4_send(struct net_stack *s, const struct net_hop *hop,
                  struct net_ipv4_repr *r, struct lwt_buf *segment)
{
  uint32_t total = segment->total + NET_IPV4_LEN;
  uint8_t header[NET_IPV4_LEN];

  r->offset = r->mf = 0;
  r->id = r->df ? 0 : net_ipv4_id(s, r->dst);
  if (total > hop->mtu && !(segment->flags & LWT_BUF_GSO)) {
    if (!r->df && total <= 65535) {
      r->total = NET_IPV4_LEN; /* of each piece, later */
      net_ipv4_emit(r, header);
      return fragment(s, *hop, header, NET_IPV4_LEN, segment);
    }
    s->stats.ip_too_big++;
    lwt_buf_free(segment);
    return LWT_EMSGSIZE;
  }
  r->total = (uint16_t)total;
  segment = push_header(s, r, segment);
  return segment ? transmit(s, hop, r->dst, segment) : LWT_ENOMEM;
}

static int send6(struct net_stack *s, const struct net_hop *hop,
                 const struct lwt_addr *src, const struct lwt_addr *dst,
                 struct net_ipv6_repr *r, int df, struct lwt_buf *segment)
{
  uint8_t ports[4] = { 0 };

  if (r->next != NET_PROTO_ICMPV6)
    lwt_buf_copy_out(segment, 0, ports, sizeof ports);
  memcpy(r->src, src->ip, 16);
  memcpy(r->dst, dst->ip, 16);
  r->flow = net_ipv6_flow(s, src, dst, r->next, ports);
  return net_ipv6_send(s, hop, r, df, segment);
}

static int send4(struct net_stack *s, const struct net_hop *hop,
                 const struct lwt_addr *src, const struct lwt_addr *dst,
                 struct net_ipv4_repr *r, struct lwt_buf *segment)
{
  r->src = net_ip4(src);
  r->dst = net_ip4(dst);
  if (!r->ttl)
    r->ttl = s->config.ttl;
  return net_ipv4_send(s, hop, r, segment);
}

int net_ip_send_on(struct net_stack *s, const struct net_hop *hop,
                   const struct lwt_addr *src, const struct lwt_addr *dst, uint8_t proto,
                   uint8_t tos, uint8_t ttl, int df, struct lwt_buf *segment)
{
  struct net_ipv4_repr r = { .proto = proto, .tos = tos, .ttl = ttl, .df = df != 0 };
  struct net_ipv6_repr r6 = { .next = proto, .tclass = tos, .hops = ttl };

  return dst->family == 6 ? send6(s, hop, src, dst, &r6, df, segment)
                          : send4(s, hop, src, dst, &r, segment);
}

int net_ip_send(struct net_stack *s, const struct lwt_addr *src,
                const struct lwt_addr *dst, uint8_t proto, uint8_t tos, uint8_t ttl,
                int df, struct lwt_buf *segment)
{
  int error;
  const struct net_hop *hop = net_hop_cached(s, dst, src, &error);

  if (hop)
    return net_ip_send_on(s, hop, src, dst, proto, tos, ttl, df, segment);
  s->stats.ip_no_route++;
  lwt_buf_free(segment);
  return error;
}

/* ---- Input ------------------------------------------------------------- */

/* A host that has no address yet (DHCP; IGMP in its link's groups). */
static int is_anonymous(const struct net_ipv4_repr *r)
{
  return !r->src && ((r->dst == UINT32_MAX && r->proto == NET_PROTO_UDP) ||
                     (r->dst >> 28 == 14 && r->proto == NET_PROTO_IGMP));
}

/* Whether a host there may have sent this. */
static int good_source(struct net_if *nif, const struct net_ipv4_repr *r)
{
  struct lwt_addr src = net_addr4(r->src, 0);

  if ((net_ip_is_unicast(nif->s, &src) && !net_ip_is_local(nif->s, &src)) ||
      is_anonymous(r))
    return 1;
  nif->s->stats.ip_source++;
  nif->stats.rx_source++;
  return 0;
}

/* To everybody on the link. */
static int to_all(struct net_if *nif, uint32_t dst)
{
  const struct net_local4 *l = net_broadcast4(nif->s, dst);

  return dst == UINT32_MAX || (l && l->nif == nif);
}

/* To a group that we are in there. */
static int to_group(struct net_if *nif, uint32_t dst)
{
  struct lwt_addr group = net_addr4(dst, 0);

  return dst == NET_ALL_HOSTS || (dst >> 28 == 14 && net_group_find(nif, &group));
}

/* To us: on the interface that has the address, unless we are a router. */
static int to_us(struct net_if *nif, uint32_t dst)
{
  const struct net_local4 *l = net_local4_find(nif->s, dst);

  return (l && (l->nif == nif || (nif->s->forwarding && l->nif->netif))) ||
         to_all(nif, dst) || to_group(nif, dst);
}

/* Whether the packet may come in here; else it has been forwarded or counted. */
static int acceptable(const struct net_ip_info *ip, const struct net_ipv4_repr *r,
                      struct lwt_buf *packet)
{
  struct net_if *nif = ip->nif;
  struct net_stack *s = nif->s;
  struct net_ipv4_options o;
  int wrong = 0;

  if (!good_source(nif, r))
    goto drop;
  if (r->header > NET_IPV4_LEN) {
    wrong = net_ipv4_options_parse(&o, ip->header, r->header);
    s->stats.ip_malformed += wrong > 0;
    s->stats.ip_source_route += !wrong && o.source_route;
  }
  if (wrong)
    net_icmp_send_error(s, ip, NET_ICMP_PARAMETER, 0, 0, packet);
  if (wrong || (r->header > NET_IPV4_LEN && o.source_route))
    goto drop;
  if (to_us(nif, r->dst))
    return 1;
  if (s->forwarding) {
    s->forwarding->ipv4(ip, packet);
    return 0;
  }
  s->stats.ip_destination++;
  nif->stats.rx_destination++;
drop:
  lwt_buf_free(packet);
  return 0;
}

/* The least transport header that the protocol's input wants in one piece. */
static void deliver(struct net_stack *s, const struct net_ip_info *ip,
                    struct lwt_buf *segment)
{
  uint32_t least = ip->proto == NET_PROTO_TCP ? 20 : NET_UDP_LEN;

  if (ip->proto != NET_PROTO_TCP && ip->proto != NET_PROTO_UDP &&
      ip->proto != NET_PROTO_ICMP && ip->proto != NET_PROTO_IGMP) {
    s->stats.ip_protocol++;
    net_icmp_send_error(s, ip, NET_ICMP_UNREACHABLE, NET_UNREACH_PROTOCOL, 0, segment);
    lwt_buf_free(segment);
    return;
  }
  if (segment->total < least) {
    if (ip->proto == NET_PROTO_TCP)
      s->stats.tcp_malformed++;
    else if (ip->proto == NET_PROTO_UDP)
      s->stats.udp_malformed++;
    else if (ip->proto == NET_PROTO_IGMP)
      s->stats.igmp_malformed++;
    else
      s->stats.icmp_malformed++;
    lwt_buf_free(segment);
    return;
  }
  segment = lwt_buf_pullup(segment, least);
  if (!segment)
    s->stats.no_memory++;
  else if (ip->proto == NET_PROTO_TCP)
    net_tcp_input(s, ip, segment);
  else if (ip->proto == NET_PROTO_UDP)
    net_udp_input(s, ip, segment);
  else if (ip->proto == NET_PROTO_IGMP)
    net_igmp_input(s, ip, segment);
  else
    net_icmp_input(s, ip, segment);
}

/* Strip the header, which is kept in `header`, and the padding. */
static struct lwt_buf *strip(struct net_stack *s, struct net_ipv4_repr *r,
                             uint8_t header[60], struct lwt_buf *packet)
{
  int len;

  uint32_t want;

  packet = lwt_buf_pullup(packet, NET_IPV4_LEN);
  if (packet) {
    want = (packet->data[0] & 15) * 4u;
    if (want > packet->len && want <= packet->total)
      packet = lwt_buf_pullup(packet, want);
  }
  if (!packet) {
    s->stats.no_memory++;
    return NULL;
  }
  len = net_ipv4_parse(r, packet->data, packet->len);
  if (len < 0 || r->total > packet->total) {
    if (len == LWT_EIO)
      s->stats.ip_checksum++;
    else
      s->stats.ip_malformed++;
    lwt_buf_free(packet);
    return NULL;
  }
  memcpy(header, packet->data, (size_t)len);
  if (packet->total > r->total)
    lwt_buf_trim(packet, packet->total - r->total);
  if (packet->flags & LWT_BUF_CSUM_PARTIAL)
    packet->csum_start = (uint16_t)(packet->csum_start - len);
  return lwt_buf_pull(packet, (uint32_t)len);
}

void net_ipv4_input(struct net_if *nif, struct lwt_buf *packet, unsigned flags)
{
  struct net_stack *s = nif->s;
  struct net_ipv4_repr r;
  struct net_ip_info ip;
  uint8_t header[60];

  s->stats.ip_rx++;
  if (packet->total < NET_IPV4_LEN) {
    s->stats.ip_malformed++;
    lwt_buf_free(packet);
    return;
  }
  packet = strip(s, &r, header, packet);
  if (!packet)
    return;
  ip.nif = nif;
  ip.src = net_addr4(r.src, 0);
  ip.dst = net_addr4(r.dst, 0);
  ip.proto = r.proto;
  ip.tos = r.tos;
  ip.ttl = r.ttl;
  ip.broadcast = flags & NET_IN_BROADCAST || r.dst >> 28 == 14 || to_all(nif, r.dst);
  ip.header = header;
  ip.header_len = r.header;
  if (!(flags & NET_IN_LOOPED) && !acceptable(&ip, &r, packet))
    return;
  if (r.mf || r.offset) {
    packet = net_frag_input(nif, &r, header, packet);
    if (!packet)
      return;
    ip.tos = r.tos;
    ip.ttl = r.ttl;
    ip.header_len = r.header;
  }
  deliver(s, &ip, packet);
}

/* ---- Transport checksums ----------------------------------------------- */

void net_csum_finish(struct net_stack *s, const struct lwt_addr *src,
                     const struct lwt_addr *dst, uint8_t proto, uint16_t offset,
                     struct lwt_buf *segment)
{
  net_csum_finish_for(net_ip_offloads(s, src, dst), src, dst, proto, offset, segment);
}

void net_csum_finish_for(uint32_t offloads, const struct lwt_addr *src,
                         const struct lwt_addr *dst, uint8_t proto, uint16_t offset,
                         struct lwt_buf *segment)
{
  uint32_t sum = net_sum_pseudo(src, dst, proto, segment->total);
  uint16_t csum;

  if (offloads & LWT_NETIF_TX_CSUM) {
    segment->flags |= LWT_BUF_CSUM_PARTIAL;
    segment->csum_start = 0;
    segment->csum_offset = offset;
    net_put16(segment->data + offset, net_sum_fold(sum));
    return;
  }
  sum += net_sum_chain(segment, 0, segment->total);
  csum = (uint16_t)~net_sum_fold(sum);
  net_put16(segment->data + offset, csum || proto != NET_PROTO_UDP ? csum : 0xffff);
}

int net_csum_ok(const struct net_ip_info *ip, const struct lwt_buf *segment)
{
  uint32_t sum;

  if (segment->flags & (LWT_BUF_CSUM_VALID | LWT_BUF_CSUM_PARTIAL))
    return 1;
  sum = net_sum_pseudo(&ip->src, &ip->dst, ip->proto, segment->total);
  return net_sum_fold(sum + net_sum_chain(segment, 0, segment->total)) == 0xffff;
}
