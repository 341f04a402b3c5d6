/* net/ipv4.c - IPv4: who is who, routes, packets in and out (RFC 791, RFC 1122 3).
 * SPDX-License-Identifier: ISC
 *
 * We are a host: what is not for us is dropped, options are skipped.  Read
 * wire.h and net.h first; reassembly is in frag.c.
 */
#include "checksum.h"
#include "net.h"
#include "wire.h"

#include <string.h>

#define PATHS 64
#define PATH_TIME LWT_S(600)
#define PATH_MIN 552 /* what an attacker may make of a path */
#define LOOP_MTU 65535
#define LOOP_MAX 1024

/* What was learnt about the path to a destination. */
struct net_path {
  uint32_t dst; /* 0: unused */
  uint16_t mtu;
  uint64_t end;
};

/* ---- Addresses --------------------------------------------------------- */

static int is_loopback(uint32_t ip)
{
  return ip >> 24 == 127;
}

static int is_local(const struct net_stack *s, uint32_t ip)
{
  return (s->addr && ip == s->addr) || is_loopback(ip);
}

static int is_broadcast(const struct net_stack *s, uint32_t ip)
{
  return ip == UINT32_MAX || (s->broadcast && ip == s->broadcast);
}

static int is_multicast(uint32_t ip)
{
  return ip >> 28 == 14;
}

static int is_unicast(const struct net_stack *s, uint32_t ip)
{
  return ip >> 24 != 0 && ip >> 28 < 14 && !is_broadcast(s, ip);
}

int net_ip_is_local(const struct net_stack *s, const struct lwt_addr *addr)
{
  return addr->family == 4 && is_local(s, net_ip4(addr));
}

int net_ip_is_unicast(const struct net_stack *s, const struct lwt_addr *addr)
{
  return addr->family == 4 && is_unicast(s, net_ip4(addr));
}

/* ---- Routes ------------------------------------------------------------ */

int net_ipv4_hop(const struct net_stack *s, uint32_t dst, uint32_t *hop)
{
  if (is_local(s, dst))
    *hop = NET_HOP_SELF;
  else if (!s->addr || dst >> 24 == 0 || (dst >> 28 == 15 && dst != UINT32_MAX))
    return LWT_ENETUNREACH;
  else if (is_broadcast(s, dst))
    *hop = NET_HOP_ALL;
  else if (is_multicast(dst))
    *hop = NET_HOP_MULTICAST;
  else if ((dst & s->netmask) == (s->addr & s->netmask))
    *hop = dst;
  else if (s->gateway)
    *hop = s->gateway;
  else
    return LWT_ENETUNREACH;
  return 0;
}

static struct net_path *path_find(struct net_stack *s, uint32_t dst)
{
  struct net_path *p;

  if (!s->paths)
    return NULL;
  for (p = s->paths; p < s->paths + PATHS; p++)
    if (p->dst == dst && p->end > s->now)
      return p;
  return NULL;
}

static uint16_t path_mtu(struct net_stack *s, uint32_t dst)
{
  struct net_path *p = path_find(s, dst);

  return p && p->mtu < s->mtu ? p->mtu : s->mtu;
}

void net_ip_set_mtu(struct net_stack *s, const struct lwt_addr *dst, uint16_t mtu)
{
  uint32_t ip = net_ip4(dst);
  struct net_path *p, *to;

  if (mtu < PATH_MIN)
    mtu = PATH_MIN;
  if (dst->family != 4 || mtu >= path_mtu(s, ip))
    return;
  if (!s->paths) {
    s->paths = lwt__alloc(PATHS * sizeof *s->paths);
    if (!s->paths)
      return;
    memset(s->paths, 0, PATHS * sizeof *s->paths);
  }
  to = path_find(s, ip);
  if (!to)
    for (to = p = s->paths; p < s->paths + PATHS; p++)
      if (p->end < to->end)
        to = p;
  *to = (struct net_path){ .dst = ip, .mtu = mtu, .end = s->now + PATH_TIME };
}

int net_ip_route(struct net_stack *s, const struct lwt_addr *dst, struct lwt_addr *src,
                 uint16_t *mtu)
{
  uint32_t ip = net_ip4(dst), hop;
  int error;

  if (dst->family != 4)
    return LWT_ENOTSUP;
  error = net_ipv4_hop(s, ip, &hop);
  if (error) {
    s->stats.ip_no_route++;
    return error;
  }
  if (hop == NET_HOP_SELF) {
    *src = net_addr4(ip, 0);
    *mtu = LOOP_MTU;
  } else {
    *src = net_addr4(s->addr, 0);
    *mtu = path_mtu(s, ip);
  }
  return 0;
}

void net_ip_suspect(struct net_stack *s, const struct lwt_addr *dst)
{
  uint32_t hop;

  if (dst->family == 4 && !net_ipv4_hop(s, net_ip4(dst), &hop) &&
      net_ipv4_is_neighbour(hop))
    net_arp_suspect(s, hop);
}

/* ---- Output ------------------------------------------------------------ */

void net_ipv4_loop(struct lwt__task *task)
{
  struct net_stack *s =
    (struct net_stack *)(void *)((char *)task - offsetof(struct net_stack, loop_turn));
  struct lwt_buf *packet, *queue = s->loop;

  s->loop = NULL;
  s->loop_end = &s->loop;
  s->loop_len = 0;
  net_clock(s);
  while ((packet = queue)) {
    queue = packet->next_packet;
    packet->next_packet = NULL;
    net_ipv4_input(s, packet, 0, 1);
  }
  net_tcp_input_done(s);
}

/* To ourselves, on the next loop turn. */
static int loop_send(struct net_stack *s, struct lwt_buf *packet)
{
  if (s->loop_len >= LOOP_MAX) {
    s->stats.ip_loop_full++;
    lwt_buf_free(packet);
    return LWT_ENOBUFS;
  }
  lwt__task_set(&s->loop_turn);
  s->stats.ip_looped++;
  packet->next_packet = NULL;
  *s->loop_end = packet;
  s->loop_end = &packet->next_packet;
  s->loop_len++;
  return 0;
}

/* One packet with its header, to the next hop. */
static int transmit(struct net_stack *s, uint32_t hop, uint32_t dst,
                    struct lwt_buf *packet)
{
  static const uint8_t all_hosts[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  uint8_t group[6] = { 1, 0, 0x5e };

  s->stats.ip_tx++;
  switch (hop) {
  case NET_HOP_SELF:
    return loop_send(s, packet);
  case NET_HOP_ALL:
    return net_ether_send(s, all_hosts, NET_ETHER_IPV4, packet);
  case NET_HOP_MULTICAST:
    net_put32(group + 2, dst & 0x7fffff);
    group[2] = 0x5e;
    return net_ether_send(s, group, NET_ETHER_IPV4, packet);
  default:
    return net_arp_send(s, hop, packet);
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

/* In pieces that fit.  Either all of them are sent or an error is returned. */
static int fragment(struct net_stack *s, uint32_t hop, struct net_ipv4_repr *r,
                    uint16_t mtu, struct lwt_buf *segment)
{
  uint32_t room = (uint32_t)(mtu - NET_IPV4_LEN) & ~7u, offset = 0, len;
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
    len = segment->total - offset;
    r->mf = len > room;
    if (r->mf)
      len = room;
    r->offset = (uint16_t)offset;
    r->total = (uint16_t)(NET_IPV4_LEN + len);
    part = lwt_buf_slice(segment, offset, len);
    if (part)
      part = push_header(s, r, part);
    error = part ? transmit(s, hop, r->dst, part) : LWT_ENOMEM;
    s->stats.frag_tx += !error;
  }
  lwt_buf_free(segment);
  return error;
}

/* Identifications of packets that may be cut up, unguessable by others. */
static uint16_t next_id(struct net_stack *s, uint32_t dst)
{
  return s->ip_id[(dst * s->ip_id_hash) >> 26]++;
}

int net_ipv4_send(struct net_stack *s, uint32_t hop, struct net_ipv4_repr *r,
                  struct lwt_buf *segment)
{
  uint32_t total = segment->total + NET_IPV4_LEN;
  uint16_t mtu = hop == NET_HOP_SELF ? LOOP_MTU : s->paths ? path_mtu(s, r->dst) : s->mtu;

  r->offset = r->mf = 0;
  r->id = r->df ? 0 : next_id(s, r->dst);
  if (total > mtu && !(segment->flags & LWT_BUF_GSO)) {
    if (!r->df && total <= 65535)
      return fragment(s, hop, r, mtu, segment);
    s->stats.ip_too_big++;
    lwt_buf_free(segment);
    return LWT_EMSGSIZE;
  }
  r->total = (uint16_t)total;
  segment = push_header(s, r, segment);
  return segment ? transmit(s, hop, r->dst, segment) : LWT_ENOMEM;
}

int net_ip_send(struct net_stack *s, const struct lwt_addr *src,
                const struct lwt_addr *dst, uint8_t proto, uint8_t tos, uint8_t ttl,
                int df, struct lwt_buf *segment)
{
  struct net_ipv4_repr r = {
    .src = net_ip4(src), .dst = net_ip4(dst), .proto = proto, .tos = tos,
    .ttl = ttl ? ttl : s->config.ttl, .df = df != 0
  };
  uint32_t hop;
  int error = net_ipv4_hop(s, r.dst, &hop);

  if (!error)
    return net_ipv4_send(s, hop, &r, segment);
  s->stats.ip_no_route++;
  lwt_buf_free(segment);
  return error;
}

/* ---- Input ------------------------------------------------------------- */

/* Whether a packet with this header may come in here; else counts why. */
static int acceptable(struct net_stack *s, const struct net_ipv4_repr *r, int looped)
{
  if (looped)
    return 1;
  if (!is_unicast(s, r->src) || is_local(s, r->src)) {
    s->stats.ip_source++;
    return 0;
  }
  if (r->dst != s->addr && !is_broadcast(s, r->dst)) {
    s->stats.ip_destination++;
    return 0;
  }
  if (!s->addr) {
    s->stats.ip_destination++;
    return 0;
  }
  return 1;
}

/* The least transport header that the protocol's input wants in one piece. */
static void deliver(struct net_stack *s, const struct net_ip_info *ip,
                    struct lwt_buf *segment)
{
  uint32_t least = ip->proto == NET_PROTO_TCP ? 20 : NET_UDP_LEN;

  if (ip->proto != NET_PROTO_TCP && ip->proto != NET_PROTO_UDP &&
      ip->proto != NET_PROTO_ICMP) {
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

void net_ipv4_input(struct net_stack *s, struct lwt_buf *packet, int broadcast,
                    int looped)
{
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
  if (!acceptable(s, &r, looped)) {
    lwt_buf_free(packet);
    return;
  }
  if (r.mf || r.offset) {
    packet = net_frag_input(s, &r, header, packet);
    if (!packet)
      return;
  }
  ip.src = net_addr4(r.src, 0);
  ip.dst = net_addr4(r.dst, 0);
  ip.proto = r.proto;
  ip.tos = r.tos;
  ip.ttl = r.ttl;
  ip.broadcast = (uint8_t)(broadcast || is_broadcast(s, r.dst));
  ip.header = header;
  ip.header_len = r.header;
  deliver(s, &ip, packet);
}

/* ---- Transport checksums ----------------------------------------------- */

void net_csum_finish(struct net_stack *s, const struct lwt_addr *src,
                     const struct lwt_addr *dst, uint8_t proto, uint16_t offset,
                     struct lwt_buf *segment)
{
  uint32_t sum = net_sum_pseudo(src, dst, proto, segment->total);
  uint16_t csum;

  if (s->netif->offloads & LWT_NETIF_TX_CSUM || net_ip_is_local(s, dst)) {
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
