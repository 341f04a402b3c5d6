/* net/frag.h - reassembly, of both families; not installed.
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_FRAG_H
#define NET_FRAG_H

#include "net.h"

/* What fragments of one datagram have in common. */
struct net_frag_key {
  struct net_if *nif;       /* it came in there: not mixed with others */
  struct lwt_addr src, dst;
  uint32_t id;
  uint8_t proto;            /* IPv4 */
};

/* One fragment; of the datagram, what came with the first one: the headers up to
 * the payload. */
struct net_frag_part {
  uint16_t offset; /* bytes */
  uint8_t mf, tos, ttl;
  uint16_t next_at; /* IPv6: where the headers say what follows */
  uint16_t header_len;
  uint8_t *header;  /* with room for those of any fragment */
};

/* Takes a fragment (from its payload on); the whole datagram's payload once it is
 * complete, with *part and part->header as they were in the first one; else NULL.
 * What is too long or overlaps spoils the datagram (RFC 5722). */
struct lwt_buf *net_frag_add(const struct net_frag_key *key, struct net_frag_part *part,
                             struct lwt_buf *payload);

#endif
