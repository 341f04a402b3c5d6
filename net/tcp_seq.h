/* net/tcp_seq.h - sequence numbers of TCP; not installed.
 * SPDX-License-Identifier: ISC
 *
 * They wrap: they are compared with these functions only, and never more than
 * 2 GiB apart (RFC 9293 3.4).
 */
#ifndef NET_TCP_SEQ_H
#define NET_TCP_SEQ_H

#include <stdint.h>

static inline int seq_lt(uint32_t a, uint32_t b)
{
  return (int32_t)(a - b) < 0;
}
static inline int seq_le(uint32_t a, uint32_t b)
{
  return (int32_t)(a - b) <= 0;
}
static inline int seq_gt(uint32_t a, uint32_t b)
{
  return (int32_t)(a - b) > 0;
}
static inline int seq_ge(uint32_t a, uint32_t b)
{
  return (int32_t)(a - b) >= 0;
}
static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
  return seq_gt(a, b) ? a : b;
}
static inline uint32_t seq_min(uint32_t a, uint32_t b)
{
  return seq_lt(a, b) ? a : b;
}

/* The bytes [start, end). */
struct tcp_range {
  uint32_t start, end;
};

#endif
