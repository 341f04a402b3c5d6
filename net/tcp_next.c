/* net/tcp_next.c - the next segment of an established connection, at one look.
 * SPDX-License-Identifier: ISC
 *
 * Nearly every frame is for us, whole, without IP options, and has the bytes
 * that a connection waits for or acknowledges some.  Here such a frame is told
 * from all others, by the same checks as in ether.c, ipv4.c, tcp.c and
 * tcp_input.c, and its payload queued.  Whatever differs in anything goes
 * through the layers, which also count what is wrong with it.
 */
#include "tcp.h"

#include "checksum.h"

#include <string.h>

enum {
  IP = NET_ETHER_LEN,
  TCP = NET_ROUTE_HEADERS,
  LEAST = TCP + TCP_HEADER,
  TIMESTAMPS = 12 /* bytes of options, if there are any */
};

/* Ethernet and IPv4: to us, from somebody else, TCP, not a fragment. */
static int is_plain(const struct net_if *nif, const struct lwt_buf *frame)
{
  const uint8_t *p = frame->data;
  uint32_t words[5], total;
  uint64_t sum;

  if (frame->len < LEAST || memcmp(p, nif->mac, 6) || p[6] & 1 ||
      net_get16(p + 12) != NET_ETHER_IPV4 || p[IP] != 0x45 ||
      net_get16(p + IP + 6) & 0x3fff || p[IP + 9] != NET_PROTO_TCP ||
      (p[IP + 1] & 3) == 3)
    return 0;
  if (!net_local4_on(nif, net_get32(p + IP + 16)) || p[IP + 12] == 127 ||
      net_local4_find(nif->s, net_get32(p + IP + 12)))
    return 0;
  total = net_get16(p + IP + 2);
  if (total < LEAST - IP || total > frame->total - IP)
    return 0;
  memcpy(words, p + IP, sizeof words);
  sum = (uint64_t)words[0] + words[1] + words[2] + words[3] + words[4];
  sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
  return net_sum_fold((uint32_t)sum) == 0xffff;
}

/* The addresses stand in front of the segment: one sum for both. */
static int checksum_ok(const struct lwt_buf *frame, uint32_t len)
{
  uint32_t sum = NET_PROTO_TCP + len, from = TCP - 8;

  if (frame->flags & (LWT_BUF_CSUM_VALID | LWT_BUF_CSUM_PARTIAL))
    return 1;
  sum += frame->len >= TCP + len ? net_sum(frame->data + from, len + 8)
                                 : net_sum_chain(frame, from, len + 8);
  return net_sum_fold(sum) == 0xffff;
}

/* No flags but ACK and PSH, no options but timestamps, and those always. */
static int parse(const struct tcp_conn *c, struct tcp_repr *r, const uint8_t *p,
                 uint32_t size, uint32_t total)
{
  static const uint8_t only_ts[4] = { 1, 1, 8, 10 };

  r->header = TCP_HEADER + (c->ts_on ? TIMESTAMPS : 0);
  if (p[12] >> 4 != r->header / 4 || r->header > size || r->header > total ||
      (p[13] & (uint8_t)~TCP_PSH) != TCP_ACK)
    return 0;
  r->seq = net_get32(p + 4);
  r->ack = net_get32(p + 8);
  r->flags = p[13] & (TCP_ACK | TCP_PSH);
  r->window = net_get16(p + 14);
  r->n_sacks = 0;
  r->ce = 0;
  r->options = 0;
  r->len = total - r->header;
  if (!c->ts_on)
    return 1;
  r->options = TCP_OPT_TS;
  r->tsval = net_get32(p + TCP_HEADER + 4);
  r->tsecr = net_get32(p + TCP_HEADER + 8);
  return !memcmp(p + TCP_HEADER, only_ts, sizeof only_ts);
}

static struct tcp_conn *find(struct net_stack *s, const uint8_t *p)
{
  struct tcp_tuple t = { .scope = 4 };
  struct tcp_node *node;
  uint32_t ip;

  memcpy(&ip, p + IP + 12, 4);
  t.remote[0] = ip;
  memcpy(&ip, p + IP + 16, 4);
  t.local[0] = ip;
  t.remote_port = net_get16(p + TCP);
  t.local_port = net_get16(p + TCP + 2);
  node = net_tcp_find(s, &t);
  return node && node->kind == TCP_CONN ? tcp_of(node, struct tcp_conn, node) : NULL;
}

int net_tcp_input_next(struct net_if *nif, struct lwt_buf *frame)
{
  struct net_stack *s = nif->s;
  const uint8_t *p = frame->data;
  struct tcp_conn *c;
  struct tcp_repr r;
  uint32_t len;

  if (!is_plain(nif, frame) || !(c = find(s, p)))
    return 0;
  len = net_get16(p + IP + 2) - (uint32_t)NET_IPV4_LEN;
  if (!parse(c, &r, p + TCP, frame->len - TCP, len) || !net_tcp_is_next(c, &r) ||
      !checksum_ok(frame, len))
    return 0;
  s->stats.ip_rx++;
  net_tcp_input_begin(s, len);
  if (frame->total > TCP + len)
    lwt_buf_trim(frame, frame->total - TCP - len);
  net_tcp_conn_next(c, &r, lwt_buf_pull(frame, TCP + r.header));
  return 1;
}
