/* net/igmp_wire.h - IGMP on the wire (RFC 3376, RFC 2236, RFC 1112).
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_IGMP_WIRE_H
#define NET_IGMP_WIRE_H

#include "../lwt/memory.h"

enum { NET_IGMP_LEN = 8, NET_IGMP3_QUERY_LEN = 12, NET_IGMP3_RECORD_LEN = 8 };

enum {
  NET_IGMP_QUERY = 0x11,
  NET_IGMP1_REPORT = 0x12,
  NET_IGMP2_REPORT = 0x16,
  NET_IGMP2_LEAVE = 0x17,
  NET_IGMP3_REPORT = 0x22
};

struct net_igmp_repr {
  uint8_t type;
  uint8_t version;        /* of a query: 1 to 3 */
  uint32_t group;         /* 0: of a general query */
  uint32_t max_delay;     /* of a query: tenths of a second to answer in */
  uint8_t robustness;     /* of a query of version 3; 0: not said */
  uint16_t n_sources;     /* of a query of version 3 */
  const uint8_t *sources; /* four bytes each, in what was parsed */
};
/* A message of any version; a report of version 3 has only a type.  Returns the
 * length read or LWT_EBADMSG.  The checksum is the caller's. */
int net_igmp_parse(struct net_igmp_repr *r, const uint8_t *bytes, size_t len);

/* A report of version 1 or 2, or a leave: 8 bytes with checksum. */
void net_igmp_emit(uint8_t type, uint32_t group, uint8_t *bytes);
/* The heads of a report of version 3, without checksum, and of a record. */
void net_igmp3_report_emit(uint16_t n_records, uint8_t *bytes);
void net_igmp3_record_emit(uint8_t type, uint32_t group, uint16_t n_sources,
                           uint8_t *bytes);

#endif
