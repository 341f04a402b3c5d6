/* net/icmp6.c - ICMP for IPv6 (RFC 4443).
 * SPDX-License-Identifier: ISC
 *
 * As icmp.c, with whose token bucket it shares the limit on errors.  Neighbour
 * discovery is in nd.c, multicast listener discovery in mld.c.
 */
#include "ipv6.h"

#include "checksum.h"
#include "forward.h"

#define QUOTE_MAX ((uint32_t)(NET_IPV6_MTU_MIN - NET_IPV6_LEN - NET_ICMPV6_LEN))

/* ---- Output ------------------------------------------------------------- */

/* RFC 4443 2.4 (e): never about these. */
static int quiet(struct net_stack *s, const struct net_ip_info *ip, uint8_t type,
                 uint8_t code, const struct lwt_buf *payload)
{
  int always = type == NET_ICMP6_TOO_BIG ||
               (type == NET_ICMP6_PARAMETER && code == NET_PARAMETER6_OPTION);
  uint8_t what;

  if ((ip->broadcast && !always) || !net_ip_is_unicast(s, &ip->src))
    return 1;
  if (ip->proto != NET_PROTO_ICMPV6)
    return 0;
  return !lwt_buf_copy_out(payload, 0, &what, 1) || what < 128 ||
         what == NET_ICMP6_REDIRECT;
}

/* Finish the checksum and send; src may be a group or not ours any more. */
static void send(struct net_stack *s, const struct lwt_addr *src,
                 const struct lwt_addr *dst, uint8_t tos, struct lwt_buf *packet)
{
  struct lwt_addr from = *src;
  uint16_t mtu;

  if (!net_ip_is_local(s, &from) && net_ip_route(s, dst, &from, &mtu)) {
    lwt_buf_free(packet);
    return;
  }
  net_csum_finish(s, &from, dst, NET_PROTO_ICMPV6, 2, packet);
  s->stats.icmp_tx++;
  net_ip_send(s, &from, dst, NET_PROTO_ICMPV6, tos, 0, 0, packet);
}

void net_icmp6_send_error(struct net_stack *s, const struct net_ip_info *ip, uint8_t type,
                          uint8_t code, uint32_t word, const struct lwt_buf *payload)
{
  struct net_icmpv6_repr r = { .type = type, .code = code, .word = word };
  uint32_t quote = payload->total, len;
  struct lwt_buf *packet;

  if (quiet(s, ip, type, code, payload) || !net_icmp_allowed(s))
    return;
  if (quote > QUOTE_MAX - ip->header_len)
    quote = QUOTE_MAX - ip->header_len;
  len = NET_ICMPV6_LEN + ip->header_len + quote;
  packet = lwt_buf_new(LWT_BUF_HEADROOM, len);
  if (!packet) {
    s->stats.no_memory++;
    return;
  }
  net_icmpv6_emit(&r, packet->data);
  memcpy(packet->data + NET_ICMPV6_LEN, ip->header, ip->header_len);
  net_icmp_quote(packet->data + NET_ICMPV6_LEN + ip->header_len, payload, quote);
  send(s, &ip->dst, &ip->src, 0, packet);
}

/* ---- Errors received ---------------------------------------------------- */

static int error_code(uint8_t type, uint8_t code)
{
  switch (type) {
  case NET_ICMP6_TOO_BIG:
    return LWT_EMSGSIZE;
  case NET_ICMP6_TIME_EXCEEDED:
    return code == 0 ? LWT_EHOSTUNREACH : LWT_ETIMEDOUT;
  case NET_ICMP6_PARAMETER: /* an unknown next header: the protocol is not there */
    return code == NET_PARAMETER6_NEXT ? LWT_ECONNREFUSED : LWT_EPROTO;
  default:
    break;
  }
  switch (code) {
  case NET_UNREACH6_PORT:
    return LWT_ECONNREFUSED;
  case NET_UNREACH6_ADMIN:
  case 5: /* policy */
  case 6:
    return LWT_EACCES;
  case NET_UNREACH6_ROUTE:
    return LWT_ENETUNREACH;
  default:
    return LWT_EHOSTUNREACH;
  }
}

/* The transport's header in a quoted packet; its offset, 0: not found. */
static uint32_t transport(const struct net_ipv6_repr *r, const uint8_t *bytes,
                          uint32_t len, uint8_t *proto)
{
  uint32_t at = NET_IPV6_LEN;
  struct net_fragment_repr f;
  struct net_ext e = { .next = r->next };
  int n = net_ext_parse(&e, r->next, 6, NET_IPV6_LEN, 0, bytes + at, len - at);

  if (n < 0)
    return 0;
  at += (uint32_t)n;
  if (e.next == NET_PROTO_FRAGMENT) {
    if (net_fragment_parse(&f, bytes + at, len - at) < 0 || f.offset)
      return 0;
    at += NET_FRAGMENT_LEN;
    e.next = f.next;
  }
  *proto = e.next;
  return at;
}

/* bytes: the quoted packet.  Returns 0 if it is none that we can have sent. */
static int quoted(struct net_stack *s, const struct net_if *nif,
                  struct net_icmp_error *error, const uint8_t *bytes, uint32_t len)
{
  struct net_ipv6_repr r;
  uint32_t at;

  if (net_ipv6_parse(&r, bytes, len) < 0)
    return 0;
  at = transport(&r, bytes, len, &error->proto);
  if (!at || len - at < 8 ||
      (error->proto != NET_PROTO_TCP && error->proto != NET_PROTO_UDP))
    return 0;
  error->src = net_addr6_in(nif, r.src);
  error->dst = net_addr6_in(nif, r.dst);
  error->bytes = bytes + at;
  error->len = len - at;
  return net_ip_is_local(s, &error->src);
}

static void input_error(struct net_stack *s, const struct net_ip_info *ip,
                        const struct net_icmpv6_repr *r, struct lwt_buf *packet)
{
  struct net_icmp_error error = {
    .interface = ip->nif->index, .type = r->type, .code = r->code,
    .error = error_code(r->type, r->code)
  };
  uint32_t len = packet->total < QUOTE_MAX + 8 ? packet->total : QUOTE_MAX + 8;

  /* Less than every link takes: nothing to be learnt from (RFC 8201 4). */
  if (error.error == LWT_EMSGSIZE && r->word < NET_IPV6_MTU_MIN) {
    s->stats.icmp_ignored++;
    lwt_buf_free(packet);
    return;
  }
  error.mtu = r->word > 65535 ? 65535 : (uint16_t)r->word;
  packet = lwt_buf_pullup(packet, len);
  if (!packet) {
    s->stats.no_memory++;
    return;
  }
  if (quoted(s, ip->nif, &error, packet->data + NET_ICMPV6_LEN, len - NET_ICMPV6_LEN))
    net_icmp_hand_over(s, &error);
  else
    s->stats.icmp_ignored++;
  lwt_buf_free(packet);
}

void net_icmp6_no_neighbour(struct net_if *nif, const struct lwt_buf *packet)
{
  struct net_icmp_error error = {
    .type = NET_ICMP6_UNREACHABLE, .code = NET_UNREACH6_ADDRESS, .local = 1,
    .error = LWT_EHOSTUNREACH
  };
  uint8_t bytes[NET_IPV6_LEN + 60];
  uint32_t len = lwt_buf_copy_out(packet, 0, bytes, sizeof bytes);

  if (quoted(nif->s, nif, &error, bytes, len))
    net_icmp_hand_over(nif->s, &error);
  else if (nif->s->forwarding)
    nif->s->forwarding->no_neighbour6(nif->s, packet);
}

/* ---- Input -------------------------------------------------------------- */

/* One to a group is answered too, as errors are: not always. */
static void echo(struct net_stack *s, const struct net_ip_info *ip,
                 const struct net_icmpv6_repr *q, struct lwt_buf *packet)
{
  struct net_icmpv6_repr r = { .type = NET_ICMP6_ECHO_REPLY, .word = q->word };

  int unicast = net_ip_is_unicast(s, &ip->src);

  s->stats.icmp_ignored += !unicast;
  if (!unicast || (ip->broadcast && !net_icmp_allowed(s))) {
    lwt_buf_free(packet);
    return;
  }
  s->stats.icmp_echo++;
  packet->flags = 0;
  packet = lwt_buf_push(lwt_buf_pull(packet, NET_ICMPV6_LEN), NET_ICMPV6_LEN);
  if (!packet) {
    s->stats.no_memory++;
    return;
  }
  net_icmpv6_emit(&r, packet->data);
  send(s, &ip->dst, &ip->src, ip->tos, packet);
}

/* What concerns the link: short, so that it can be read in one piece; never in
 * fragments (RFC 6980). */
static void control(struct net_stack *s, const struct net_ip_info *ip, uint8_t type,
                    struct lwt_buf *packet)
{
  uint32_t len = packet->total < 2048 ? packet->total : 2048;

  if (!ip->nif->six || ip->fragment) { /* no six: from ourselves */
    s->stats.icmp_ignored++;
    lwt_buf_free(packet);
    return;
  }
  packet = lwt_buf_pullup(packet, len);
  if (!packet) {
    s->stats.no_memory++;
    return;
  }
  if (type >= NET_ICMP6_ROUTER_SOLICIT && type <= NET_ICMP6_REDIRECT)
    net_nd_input(ip, packet->data, len);
  else
    net_mld_input(ip, packet->data, len);
  lwt_buf_free(packet);
}

void net_icmp6_input(struct net_stack *s, const struct net_ip_info *ip,
                     struct lwt_buf *packet)
{
  struct net_icmpv6_repr r;

  s->stats.icmp_rx++;
  if (net_icmpv6_parse(&r, packet->data, packet->len) < 0) {
    s->stats.icmp_malformed++;
  } else if (!net_csum_ok(ip, packet)) {
    s->stats.icmp_checksum++;
  } else if (r.type == NET_ICMP6_ECHO) {
    echo(s, ip, &r, packet);
    return;
  } else if (r.type >= NET_ICMP6_UNREACHABLE && r.type <= NET_ICMP6_PARAMETER) {
    if (packet->total >= NET_ICMPV6_LEN + NET_IPV6_LEN + 8) {
      input_error(s, ip, &r, packet);
      return;
    }
    s->stats.icmp_malformed++;
  } else if ((r.type >= NET_ICMP6_MLD_QUERY && r.type <= NET_ICMP6_REDIRECT) ||
             r.type == NET_ICMP6_MLD2_REPORT) {
    control(s, ip, r.type, packet);
    return;
  } else {
    s->stats.icmp_ignored++;
  }
  lwt_buf_free(packet);
}
