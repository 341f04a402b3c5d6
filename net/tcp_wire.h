/* net/tcp_wire.h - TCP headers and options (RFC 9293 3.1); not installed.
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_TCP_WIRE_H
#define NET_TCP_WIRE_H

#include "net.h"
#include "tcp_seq.h"

enum {
  TCP_FIN = 1,
  TCP_SYN = 2,
  TCP_RST = 4,
  TCP_PSH = 8,
  TCP_ACK = 16,
  TCP_URG = 32,
  TCP_ECE = 64,
  TCP_CWR = 128
};

enum { TCP_HEADER = 20, TCP_HEADER_MAX = 60, TCP_CSUM = 16, TCP_SACKS = 4 };

/* Timestamps alone (RFC 7323 appendix A): bytes of options, and the first four. */
enum { TCP_HEADER_TS = 12, TCP_TS_ALONE = 0x0101080a };

/* Options that a header has. */
enum {
  TCP_OPT_SCALE = LWT_NET_TCP_SCALE,
  TCP_OPT_TS = LWT_NET_TCP_TIMESTAMPS,
  TCP_OPT_SACK_OK = LWT_NET_TCP_SACK,
  TCP_OPT_MSS = 8,
  TCP_OPT_ALL = 15,
  TCP_OPT_ECN = 16, /* no option: what the flags of the SYNs agreed on */
  TCP_OPT_UTO = 32  /* the user timeout (RFC 5482) */
};

struct tcp_repr {
  uint16_t src, dst; /* ports */
  uint32_t seq, ack;
  uint16_t window;   /* as on the wire, not scaled */
  uint8_t flags;     /* TCP_FIN ... */
  uint8_t options;   /* TCP_OPT_... */
  uint16_t mss;
  uint8_t scale;
  uint8_t n_sacks;
  uint16_t urgent;   /* the pointer, with TCP_URG */
  uint16_t uto;      /* the field of that option */
  uint8_t ce;        /* the packet was marked (RFC 3168) */
  uint32_t tsval, tsecr;
  struct tcp_range sacks[TCP_SACKS];
  uint32_t header;   /* its length with options (parsed) */
  uint32_t len;      /* of the payload */
  uint32_t part;     /* the same, but if it is that of several: the longest */
  uint32_t last;     /* seq, but of several that of the last: it tells the window */
};

/* Read a header.  size: bytes there; total: bytes of the whole segment.
 * Options of unknown kind are skipped; after an illegal length the rest is
 * ignored (MUST-6, MUST-7).  Returns 0, LWT_EMSGSIZE when the header is longer
 * than size and not than total, else LWT_EBADMSG. */
int net_tcp_parse(struct tcp_repr *r, const uint8_t *bytes, uint32_t size,
                  uint32_t total);
/* Length of the header that emit writes: a multiple of 4, at most 60. */
uint32_t net_tcp_header_len(const struct tcp_repr *r);
/* Write the header, checksum zero.  n_sacks that do not fit are left out. */
void net_tcp_emit(const struct tcp_repr *r, uint8_t *bytes);

/* Sequence numbers that the segment takes. */
static inline uint32_t net_tcp_seg_len(const struct tcp_repr *r)
{
  return r->len + !!(r->flags & TCP_SYN) + !!(r->flags & TCP_FIN);
}

#endif
