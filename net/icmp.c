/* net/icmp.c - ICMP for IPv4 (RFC 792, RFC 1122 3.2.2).
 * SPDX-License-Identifier: ISC
 *
 * Answers echo requests of any size; sends errors, as many as a token bucket
 * allows; hands received errors to the transport that sent the packet.
 */
#include "checksum.h"
#include "forward.h"
#include "ipv6.h"
#include "wire.h"

#include <string.h>

#define QUOTE_MAX (576u - NET_IPV4_LEN - NET_ICMPV4_LEN)

int net_icmp_allowed(struct net_stack *s)
{
  uint64_t interval = LWT_S(1) / s->config.icmp_rate, elapsed, earned;

  elapsed = s->now - s->icmp_filled;
  earned = elapsed / interval;
  if (earned) {
    s->icmp_filled += earned * interval;
    s->icmp_tokens += earned;
    if (s->icmp_tokens > s->config.icmp_rate)
      s->icmp_tokens = s->config.icmp_rate;
  }
  if (!s->icmp_tokens) {
    s->stats.icmp_limited++;
    return 0;
  }
  s->icmp_tokens--;
  return 1;
}

/* ---- Output ------------------------------------------------------------ */

/* RFC 1122 3.2.2: never about these. */
static int quiet(struct net_stack *s, const struct net_ip_info *ip,
                 const struct lwt_buf *payload)
{
  uint8_t type;

  if (ip->broadcast || !net_ip_is_unicast(s, &ip->src))
    return 1;
  if (ip->proto != NET_PROTO_ICMP)
    return 0;
  /* about an error, or what may be one */
  return !lwt_buf_copy_out(payload, 0, &type, 1) ||
         (type != NET_ICMP_ECHO && type != NET_ICMP_ECHO_REPLY);
}

void net_icmp_quote(uint8_t *to, const struct lwt_buf *payload, uint32_t len)
{
  uint32_t at = (uint32_t)payload->csum_start + payload->csum_offset;
  uint16_t sum;

  lwt_buf_copy_out(payload, 0, to, len);
  if (!(payload->flags & LWT_BUF_CSUM_PARTIAL) || at + 2 > len)
    return;
  sum = (uint16_t)~net_sum_chain(payload, payload->csum_start,
                                 payload->total - payload->csum_start);
  net_put16(to + at, sum ? sum : 0xffff);
}

static void send(struct net_stack *s, const struct lwt_addr *src,
                 const struct lwt_addr *dst, uint8_t tos, struct lwt_buf *packet)
{
  s->stats.icmp_tx++;
  net_ip_send(s, src, dst, NET_PROTO_ICMP, tos, 0, 0, packet);
}

void net_icmp_send_error(struct net_stack *s, const struct net_ip_info *ip, uint8_t type,
                         uint8_t code, uint16_t seq, const struct lwt_buf *payload)
{
  struct net_icmpv4_repr r = { .type = type, .code = code, .seq = seq };
  uint32_t quote = payload->total, len;
  struct net_address *a = net_address_source4(ip->nif, net_ip4(&ip->src));
  struct lwt_addr from = a ? a->addr : net_addr4(0, 0);
  struct lwt_buf *packet;

  if (quiet(s, ip, payload) || !net_icmp_allowed(s))
    return;
  if (quote > QUOTE_MAX - ip->header_len)
    quote = QUOTE_MAX - ip->header_len;
  len = NET_ICMPV4_LEN + ip->header_len + quote;
  packet = lwt_buf_new(LWT_BUF_HEADROOM, len);
  if (!packet) {
    s->stats.no_memory++;
    return;
  }
  net_icmpv4_emit(&r, packet->data);
  memcpy(packet->data + NET_ICMPV4_LEN, ip->header, ip->header_len);
  net_icmp_quote(packet->data + NET_ICMPV4_LEN + ip->header_len, payload, quote);
  net_put16(packet->data + 2, (uint16_t)~net_sum(packet->data, len));
  send(s, net_ip_is_local(s, &ip->dst) ? &ip->dst : &from, &ip->src, 0, packet);
}

void net_icmp_no_port(struct net_stack *s, const struct net_ip_info *ip,
                      const struct lwt_buf *payload)
{
  if (ip->src.family == 6)
    net_icmp6_send_error(s, ip, NET_ICMP6_UNREACHABLE, NET_UNREACH6_PORT, 0, payload);
  else
    net_icmp_send_error(s, ip, NET_ICMP_UNREACHABLE, NET_UNREACH_PORT, 0, payload);
}

/* ---- Errors received --------------------------------------------------- */

static int error_code(uint8_t type, uint8_t code)
{
  if (type == NET_ICMP_TIME_EXCEEDED)
    return code == 0 ? LWT_EHOSTUNREACH : LWT_ETIMEDOUT;
  if (type == NET_ICMP_PARAMETER)
    return LWT_EPROTO;
  switch (code) {
  case NET_UNREACH_PROTOCOL:
  case NET_UNREACH_PORT:
    return LWT_ECONNREFUSED;
  case NET_UNREACH_TOO_BIG:
    return LWT_EMSGSIZE;
  case 9: /* administratively */
  case 10:
  case 13:
    return LWT_EACCES;
  case NET_UNREACH_NET:
  case 6:
  case 11:
    return LWT_ENETUNREACH;
  default:
    return LWT_EHOSTUNREACH;
  }
}

void net_icmp_hand_over(struct net_stack *s, const struct net_icmp_error *error)
{
  s->stats.icmp_error++;
  if (error->proto == NET_PROTO_TCP)
    net_tcp_icmp_error(s, error);
  else
    net_udp_icmp_error(s, error);
}

/* The plateaus of RFC 1191, for routers that do not say the MTU. */
static uint16_t plateau(uint16_t total)
{
  static const uint16_t table[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508,
                                    296 };
  size_t i;

  for (i = 0; i < sizeof table / sizeof *table; i++)
    if (table[i] < total)
      return table[i];
  return 68;
}

/* bytes: the quoted packet.  Returns 0 if it is none that we can have sent. */
static int quoted(struct net_stack *s, struct net_icmp_error *error,
                  const uint8_t *bytes, uint32_t len)
{
  struct net_ipv4_repr r;
  int header = net_ipv4_parse(&r, bytes, len);

  if (header == LWT_EIO) /* routers spoil the checksum of what they quote */
    header = r.header;
  if (header < 0 || len < (uint32_t)header + 8 || r.offset)
    return 0;
  if (r.proto != NET_PROTO_TCP && r.proto != NET_PROTO_UDP)
    return 0;
  error->src = net_addr4(r.src, 0);
  error->dst = net_addr4(r.dst, 0);
  if (!net_ip_is_local(s, &error->src))
    return 0;
  error->proto = r.proto;
  error->bytes = bytes + header;
  error->len = len - (uint32_t)header;
  if (error->error == LWT_EMSGSIZE && error->mtu < 68)
    error->mtu = plateau(r.total);
  return 1;
}

static void input_error(struct net_stack *s, const struct net_ip_info *ip,
                        const struct net_icmpv4_repr *r, struct lwt_buf *packet)
{
  struct net_icmp_error error = {
    .interface = ip->nif->index,
    .type = r->type, .code = r->code, .error = error_code(r->type, r->code)
  };
  uint32_t len = packet->total < QUOTE_MAX + 8 ? packet->total : QUOTE_MAX + 8;

  if (error.error == LWT_EMSGSIZE)
    error.mtu = r->seq; /* of a redirect it is never looked at */
  packet = lwt_buf_pullup(packet, len);
  if (!packet) {
    s->stats.no_memory++;
    return;
  }
  if (!quoted(s, &error, packet->data + NET_ICMPV4_LEN, len - NET_ICMPV4_LEN))
    s->stats.icmp_ignored++;
  else if (r->type == NET_ICMP_REDIRECT)
    s->stats.icmp_ignored +=
      !s->redirects->input(ip, &error, (uint32_t)r->id << 16 | r->seq);
  else
    net_icmp_hand_over(s, &error);
  lwt_buf_free(packet);
}

void net_icmp_no_neighbour(struct net_stack *s, const struct lwt_buf *packet)
{
  struct net_icmp_error error = {
    .type = NET_ICMP_UNREACHABLE, .code = NET_UNREACH_HOST, .local = 1,
    .error = LWT_EHOSTUNREACH
  };
  uint8_t bytes[NET_IPV4_LEN + 60];
  uint32_t len = lwt_buf_copy_out(packet, 0, bytes, sizeof bytes);

  if (quoted(s, &error, bytes, len))
    net_icmp_hand_over(s, &error);
  else if (s->forwarding)
    s->forwarding->no_neighbour(s, packet);
}

/* ---- Input ------------------------------------------------------------- */

static void echo(struct net_stack *s, const struct net_ip_info *ip,
                 const struct net_icmpv4_repr *q, struct lwt_buf *packet)
{
  struct net_icmpv4_repr r = { .type = NET_ICMP_ECHO_REPLY, .id = q->id, .seq = q->seq };
  uint16_t csum =
    net_csum_update(q->checksum, (uint16_t)(NET_ICMP_ECHO << 8 | q->code), 0);

  s->stats.icmp_echo++;
  packet->flags = 0;
  packet = lwt_buf_push(lwt_buf_pull(packet, NET_ICMPV4_LEN), NET_ICMPV4_LEN);
  if (!packet) {
    s->stats.no_memory++;
    return;
  }
  net_icmpv4_emit(&r, packet->data);
  net_put16(packet->data + 2, csum);
  send(s, &ip->dst, &ip->src, ip->tos, packet);
}

void net_icmp_input(struct net_stack *s, const struct net_ip_info *ip,
                    struct lwt_buf *packet)
{
  struct net_icmpv4_repr r;

  s->stats.icmp_rx++;
  if (net_icmpv4_parse(&r, packet->data, packet->len) < 0) {
    s->stats.icmp_malformed++;
  } else if (!(packet->flags & LWT_BUF_CSUM_VALID) &&
             net_sum_chain(packet, 0, packet->total) != 0xffff) {
    s->stats.icmp_checksum++;
  } else if (r.type == NET_ICMP_ECHO && !ip->broadcast) {
    echo(s, ip, &r, packet);
    return;
  } else if (r.type == NET_ICMP_UNREACHABLE || r.type == NET_ICMP_TIME_EXCEEDED ||
             r.type == NET_ICMP_PARAMETER ||
             (r.type == NET_ICMP_REDIRECT && s->redirects)) {
    if (packet->total >= NET_ICMPV4_LEN + NET_IPV4_LEN + 8 && !ip->broadcast) {
      input_error(s, ip, &r, packet);
      return;
    }
    s->stats.icmp_malformed++;
  } else {
    s->stats.icmp_ignored++; /* echo replies, redirects, quench, timestamps ... */
  }
  lwt_buf_free(packet);
}
