/* net/ipv6_input.c - IPv6 packets in: for whom, headers, fragments (RFC 8200).
 * SPDX-License-Identifier: ISC
 *
 * The headers up to the transport's are kept in one piece, for ICMP errors to
 * quote; what a fragment header says is undone.
 */
#include "ipv6.h"

#include "forward.h"
#include "frag.h"

/* A packet on its way through the headers. */
struct received {
  struct net_if *nif;
  struct net_stack *s;
  struct net_ipv6_repr r;
  unsigned flags; /* NET_IN_BROADCAST and so on */
  uint8_t next, alert, fragment;
  uint16_t next_at, at; /* where `next` is said, where what it means begins */
  uint8_t header[NET_IPV6_LEN + NET_EXT_BYTES];
};

/* ---- For whom ----------------------------------------------------------- */

/* Whether a host there may have sent this. */
static int good_source(const struct received *p)
{
  const uint8_t *src = p->r.src;

  return !net_ip6_is_multicast(src) && !net_ip6_is_loopback(src) &&
         !net_ip6_is_mapped(src) &&
         !net_addr6_on(p->s, NULL, src);
}

/* On the interface that has the address, unless we are a router. */
static int for_us(const struct received *p)
{
  const struct net_address *a;

  if (net_ip6_is_multicast(p->r.dst))
    return net_mld_is_member(p->nif, p->r.dst);
  if (!p->s->forwarding || net_ip6_is_link_local(p->r.dst))
    return net_addr6_on(p->s, p->nif, p->r.dst) != NULL;
  a = net_addr6_on(p->s, NULL, p->r.dst);
  return a && a->nif->netif;
}

static void describe(const struct received *p, struct net_ip_info *ip);

/* Whether it may come in here; else it goes on, or is counted and freed. */
static int acceptable(const struct received *p, struct lwt_buf *packet)
{
  struct net_ip_info ip;

  if (p->flags & NET_IN_LOOPED)
    return 1;
  if (!good_source(p)) {
    p->s->stats.ip_source++;
    p->nif->stats.rx_source++;
  } else if (for_us(p)) {
    return 1;
  } else if (p->s->forwarding) {
    describe(p, &ip);
    p->s->forwarding->ipv6(&ip, packet);
    return 0;
  } else {
    p->s->stats.ip_destination++;
    p->nif->stats.rx_destination++;
  }
  lwt_buf_free(packet);
  return 0;
}

/* Looped back, a link-local address is that of the interface which has it. */
static struct lwt_addr scoped(const struct received *p, const uint8_t ip[16])
{
  struct net_address *a = NULL;

  if (p->nif->netif || !net_ip6_is_link_local(ip))
    return net_addr6_in(p->nif, ip);
  a = net_addr6_on(p->s, NULL, ip);
  return net_addr6_in(a ? a->nif : p->nif, ip);
}

static void describe(const struct received *p, struct net_ip_info *ip)
{
  memset(ip, 0, sizeof *ip);
  ip->nif = p->nif;
  ip->src = scoped(p, p->r.src);
  ip->dst = scoped(p, p->r.dst);
  ip->proto = p->next;
  ip->tos = p->r.tclass;
  ip->ttl = p->r.hops;
  ip->alert = p->alert;
  ip->fragment = p->fragment;
  ip->broadcast = p->flags & NET_IN_BROADCAST || net_ip6_is_multicast(p->r.dst);
  ip->header = p->header;
  ip->header_len = p->at;
}

/* Takes packet. */
static void refuse(struct received *p, uint8_t code, uint32_t pointer,
                   struct lwt_buf *packet)
{
  struct net_ip_info ip;

  describe(p, &ip);
  net_icmp6_send_error(p->s, &ip, NET_ICMP6_PARAMETER, code, pointer, packet);
  lwt_buf_free(packet);
}

/* ---- Headers ------------------------------------------------------------ */

static struct lwt_buf *pull(struct lwt_buf *packet, uint32_t len)
{
  if (packet->flags & LWT_BUF_CSUM_PARTIAL)
    packet->csum_start = (uint16_t)(packet->csum_start - len);
  return lwt_buf_pull(packet, len);
}

/* Over the extension headers; NULL: dropped. */
static struct lwt_buf *walk(struct received *p, struct lwt_buf *packet)
{
  uint32_t len = packet->total, room = (uint32_t)sizeof p->header - p->at;
  struct net_ext e;
  int n;

  if (!net_is_ext(p->next))
    return packet;
  if (len > room)
    len = room;
  packet = lwt_buf_pullup(packet, len);
  if (!packet) {
    p->s->stats.no_memory++;
    return NULL;
  }
  n = net_ext_parse(&e, p->next, p->next_at, p->at, net_ip6_is_multicast(p->r.dst),
                    packet->data, len);
  if (n < 0) {
    p->s->stats.ip_options++;
    if (n == LWT_EPROTO)
      refuse(p, e.code, e.pointer, packet);
    else
      lwt_buf_free(packet);
    return NULL;
  }
  memcpy(p->header + p->at, packet->data, (size_t)n);
  p->at = (uint16_t)(p->at + n);
  p->next = e.next;
  p->next_at = e.next_at;
  p->alert |= e.alert;
  return pull(packet, (uint32_t)n);
}

/* ---- Fragments ---------------------------------------------------------- */

/* Whether the first fragment has all headers (RFC 7112). */
static int has_headers(struct received *p, const struct net_fragment_repr *f,
                       const struct lwt_buf *packet)
{
  uint8_t bytes[NET_EXT_BYTES];
  uint32_t len = lwt_buf_copy_out(packet, 0, bytes, sizeof bytes), least;
  struct net_ext e;
  int n = net_ext_parse(&e, f->next, p->next_at, p->at, 0, bytes, len);

  if (n < 0)
    return n == LWT_EPROTO; /* told when it is whole */
  least = e.next == NET_PROTO_TCP ? 20 : e.next == NET_PROTO_NONE ? 0 : 8;
  return len - (uint32_t)n >= least;
}

/* The rest of a packet from its fragment header on; the whole, if it is one now. */
static struct lwt_buf *reassemble(struct received *p, struct lwt_buf *packet)
{
  struct net_fragment_repr f;
  struct net_frag_key key = { .nif = p->nif };
  struct net_frag_part part;

  if (packet->total < NET_FRAGMENT_LEN) {
    p->s->stats.ip_malformed++;
    lwt_buf_free(packet);
    return NULL;
  }
  packet = lwt_buf_pullup(packet, NET_FRAGMENT_LEN);
  if (!packet) {
    p->s->stats.no_memory++;
    return NULL;
  }
  net_fragment_parse(&f, packet->data, packet->len);
  packet = pull(packet, NET_FRAGMENT_LEN);
  p->header[p->next_at] = p->next = f.next;
  p->fragment = 1;
  if (!f.offset && !f.mf) /* atomic (RFC 6946) */
    return packet;
  p->s->stats.frag_rx++;
  if (f.mf && packet->total % 8) {
    p->s->stats.frag_malformed++;
    refuse(p, NET_PARAMETER6_FIELD, 4, packet);
    return NULL;
  }
  if (f.offset + packet->total > 65535) {
    p->s->stats.frag_malformed++;
    refuse(p, NET_PARAMETER6_FIELD, p->at + 2u, packet);
    return NULL;
  }
  if (!f.offset && !has_headers(p, &f, packet)) {
    p->s->stats.frag_malformed++;
    refuse(p, NET_PARAMETER6_FIRST, 0, packet);
    return NULL;
  }
  key.src = net_addr6_in(p->nif, p->r.src);
  key.dst = net_addr6_in(p->nif, p->r.dst);
  key.id = f.id;
  part = (struct net_frag_part){ .offset = f.offset, .mf = f.mf, .tos = p->r.tclass,
                                 .ttl = p->r.hops, .next_at = p->next_at,
                                 .header = p->header, .header_len = p->at };
  packet = net_frag_add(&key, &part, packet);
  if (!packet)
    return NULL;
  p->r.tclass = part.tos;
  p->r.hops = part.ttl;
  p->next_at = part.next_at;
  p->at = part.header_len;
  p->next = p->header[p->next_at];
  return packet;
}

/* ---- Delivery ----------------------------------------------------------- */

static void count_short(struct net_stack *s, uint8_t proto)
{
  if (proto == NET_PROTO_TCP)
    s->stats.tcp_malformed++;
  else if (proto == NET_PROTO_UDP)
    s->stats.udp_malformed++;
  else
    s->stats.icmp_malformed++;
}

static void deliver(struct received *p, struct lwt_buf *segment)
{
  uint32_t least = p->next == NET_PROTO_TCP ? 20 : 8;
  struct net_stack *s = p->s;
  struct net_ip_info ip;

  if (p->next != NET_PROTO_TCP && p->next != NET_PROTO_UDP &&
      p->next != NET_PROTO_ICMPV6) {
    s->stats.ip_protocol++;
    if (p->next == NET_PROTO_NONE)
      lwt_buf_free(segment);
    else
      refuse(p, NET_PARAMETER6_NEXT, p->next_at, segment);
    return;
  }
  if (segment->total < least) {
    count_short(s, p->next);
    lwt_buf_free(segment);
    return;
  }
  segment = lwt_buf_pullup(segment, least);
  describe(p, &ip);
  if (!segment)
    s->stats.no_memory++;
  else if (p->next == NET_PROTO_TCP)
    net_tcp_input(s, &ip, segment);
  else if (p->next == NET_PROTO_UDP)
    net_udp_input(s, &ip, segment);
  else
    net_icmp6_input(s, &ip, segment);
}

/* The header: kept, and pulled; NULL: dropped. */
static struct lwt_buf *strip(struct received *p, struct lwt_buf *packet)
{
  struct net_stack *s = p->s;
  uint32_t total;

  if (packet->total < NET_IPV6_LEN) {
    s->stats.ip_malformed++;
    lwt_buf_free(packet);
    return NULL;
  }
  packet = lwt_buf_pullup(packet, NET_IPV6_LEN);
  if (!packet) {
    s->stats.no_memory++;
    return NULL;
  }
  if (net_ipv6_parse(&p->r, packet->data, packet->len) < 0 ||
      (total = p->r.payload + (uint32_t)NET_IPV6_LEN) > packet->total) {
    s->stats.ip_malformed++;
    lwt_buf_free(packet);
    return NULL;
  }
  memcpy(p->header, packet->data, NET_IPV6_LEN);
  if (packet->total > total)
    lwt_buf_trim(packet, packet->total - total);
  return pull(packet, NET_IPV6_LEN);
}

void net_ipv6_input(struct net_if *nif, struct lwt_buf *packet, unsigned flags)
{
  struct received p;

  p.nif = nif;
  p.s = nif->s;
  p.flags = flags;
  p.alert = p.fragment = 0;
  p.s->stats.ip_rx++;
  packet = strip(&p, packet);
  if (!packet)
    return;
  p.next = p.r.next;
  p.next_at = 6;
  p.at = NET_IPV6_LEN;
  if (!acceptable(&p, packet))
    return;
  packet = walk(&p, packet);
  if (packet && p.next == NET_PROTO_FRAGMENT) {
    packet = reassemble(&p, packet);
    packet = packet ? walk(&p, packet) : NULL;
  }
  if (packet)
    deliver(&p, packet);
}
