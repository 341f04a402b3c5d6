/* net/checksum.h - the Internet checksum (RFC 1071, RFC 1624).
 * SPDX-License-Identifier: ISC
 *
 * A "sum" is a ones' complement sum of big-endian 16-bit words, as a number;
 * the checksum field holds its complement.  Sums add up: parts that begin at
 * even offsets by +, then net_sum_fold().
 */
#ifndef NET_CHECKSUM_H
#define NET_CHECKSUM_H

#include "../lwt/memory.h"

#include <lwt/flow.h>

static inline uint16_t net_sum_fold(uint32_t sum)
{
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* The sum of len bytes; an odd last byte counts as if a zero followed. */
uint16_t net_sum(const void *bytes, size_t len);

/* The same of a sum of words of 32 bits, fewer than 2^31 of them. */
static inline uint16_t net_sum_fold_words(uint64_t sum)
{
  return net_sum_fold((uint32_t)((sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32)));
}

/* The same of words as the machine loads them. */
static inline uint16_t net_sum_of(uint64_t words)
{
  uint16_t sum = net_sum_fold_words(words);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  sum = __builtin_bswap16(sum);
#endif
  return sum;
}

/* The same as net_sum() for a few bytes: the call costs more than they do. */
static inline uint32_t net_sum_few(const uint8_t *bytes, size_t len)
{
  return len == 1 ? (uint32_t)*bytes << 8 : net_sum(bytes, len);
}

/* The same while copying them to `to`. */
uint16_t net_sum_copy(void *to, const void *bytes, size_t len);

/* The sum of the bytes [offset, offset + len) of a chain, which has them;
 * slices of any length. */
uint16_t net_sum_chain(const struct lwt_buf *packet, uint32_t offset, uint32_t len);

/* The sum of the pseudo header of RFC 9293 (IPv4) or RFC 8200 (IPv6); not
 * folded, at most 22 * 0xffff. */
uint32_t net_sum_pseudo(const struct lwt_addr *src, const struct lwt_addr *dst,
                        uint8_t proto, uint32_t len);

/* A checksum field after a 16-bit word that it covers changed.  Never 0, which is
 * the same number as 0xffff but wrong when everything else is 0. */
static inline uint16_t net_csum_update(uint16_t csum, uint16_t old, uint16_t new)
{
  csum = (uint16_t)~net_sum_fold((uint32_t)(uint16_t)~csum + (uint16_t)~old + new);
  return csum ? csum : 0xffff;
}

/* Compute a checksum left to the device (LWT_BUF_CSUM_PARTIAL), and clear the
 * flag.  Takes packet, may copy its first slice; NULL when memory is out or
 * csum_start lies outside; the packet is then freed. */
struct lwt_buf *net_csum_complete(struct lwt_buf *packet) LWT_MUST_USE;

#endif
