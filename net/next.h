/* net/next.h - frames that need no decision, told from all others at one look; not
 * installed.
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_NEXT_H
#define NET_NEXT_H

#include "checksum.h"
#include "route.h"

/* Where the headers are in such a frame. */
enum { NET_NEXT_IP = NET_ETHER_LEN, NET_NEXT_TRANSPORT = NET_ROUTE_HEADERS };

/* Take a frame from the device if it is for us, whole, without IP options, and its
 * transport has nothing to decide about it either.  Returns 0 if it is for the
 * layers to look at; nothing has been counted then. */
int net_input_next(struct net_if *nif, struct lwt_buf *frame);

/* The transports' part; len bytes follow the IP header. */
int net_tcp_input_next(struct net_if *nif, struct lwt_buf *frame, uint32_t len);
int net_udp_input_next(struct net_if *nif, struct lwt_buf *frame);

/* For the connection or the endpoint that the last frame was for, by the same headers:
 * most come in rows. */
int net_tcp_input_same(struct net_if *nif, struct lwt_buf *frame);
int net_udp_input_same(struct net_if *nif, struct lwt_buf *frame);

/* Whether the sum of an IPv4 header without options is right: ones' complement
 * addition in the order of the machine. */
static inline int net_next_header_ok(const uint8_t *p)
{
  uint32_t words[5];

  memcpy(words, p, sizeof words);
  return net_sum_of((uint64_t)words[0] + words[1] + words[2] + words[3] + words[4]) ==
         0xffff;
}

/* What follows such a header, in bytes; 0: length or sum are not in order. */
static inline uint32_t net_next_len(const struct lwt_buf *frame)
{
  const uint8_t *ip = frame->data + NET_NEXT_IP;
  uint32_t total = net_get16(ip + 2);

  if (total < NET_IPV4_LEN + NET_UDP_LEN || total > frame->total - NET_NEXT_IP ||
      !net_next_header_ok(ip))
    return 0;
  return total - NET_IPV4_LEN;
}

static inline uint64_t net_differ64(const uint8_t *a, const uint8_t *b)
{
  uint64_t x, y;

  memcpy(&x, a, 8);
  memcpy(&y, b, 8);
  return x ^ y;
}

static inline uint32_t net_differ32(const uint8_t *a, const uint8_t *b)
{
  uint32_t x, y;

  memcpy(&x, a, 4);
  memcpy(&y, b, 4);
  return x ^ y;
}

/* What p begins with is known to be for us, on nif. */
static inline void net_next_remember(struct net_same *same, struct net_if *nif,
                                     const uint8_t *p)
{
  same->nif = nif;
  same->age = nif->s->route_age;
  memcpy(same->head, p, sizeof same->head);
}

/* Whether a frame is for whom the one was that is remembered: the same is all that
 * decides it, which is everything but length, identification and sum of the IP header.
 * What follows the header, in bytes; 0: no, or it is not in order. */
static inline uint32_t net_next_same(const struct net_same *same,
                                     const struct net_if *nif,
                                     const struct lwt_buf *frame)
{
  const uint8_t *p = frame->data, *head = same->head;

  if (same->nif != nif || same->age != nif->s->route_age ||
      frame->len < NET_NEXT_TRANSPORT + NET_UDP_LEN ||
      (net_differ64(p, head) | net_differ64(p + 8, head + 8) |
       net_differ32(p + NET_NEXT_IP + 6, head + NET_NEXT_IP + 6) |
       net_differ64(p + NET_NEXT_IP + 12, head + NET_NEXT_IP + 12) |
       net_differ32(p + NET_NEXT_TRANSPORT, head + NET_NEXT_TRANSPORT)))
    return 0;
  return net_next_len(frame);
}

/* Whether the transport's checksum is right: the addresses stand in front of the
 * segment, one sum for both. */
static inline int net_next_sum_ok(const struct lwt_buf *frame, uint8_t proto,
                                  uint32_t len)
{
  uint32_t sum = proto + len, from = NET_NEXT_TRANSPORT - 8;

  if (frame->flags & (LWT_BUF_CSUM_VALID | LWT_BUF_CSUM_PARTIAL))
    return 1;
  sum += frame->len >= NET_NEXT_TRANSPORT + len
           ? net_sum(frame->data + from, len + 8)
           : net_sum_chain(frame, from, len + 8);
  return net_sum_fold(sum) == 0xffff;
}

/* Cut off n bytes in front, which are in the first slice, and what stands behind
 * the rest: padding. */
static inline struct lwt_buf *net_next_strip(struct lwt_buf *frame, uint32_t n,
                                             uint32_t rest)
{
  if (frame->total > n + rest)
    lwt_buf_trim(frame, frame->total - n - rest);
  if (frame->len == n && frame->next)
    return lwt_buf_pull(frame, n);
  frame->data += n;
  frame->len -= n;
  frame->total -= n;
  return frame;
}

#endif
