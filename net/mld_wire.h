/* net/mld_wire.h - multicast listener discovery on the wire (RFC 3810, RFC 2710).
 * SPDX-License-Identifier: ISC
 */
#ifndef NET_MLD_WIRE_H
#define NET_MLD_WIRE_H

#include "wire6.h"

enum { NET_MLD1_LEN = 24, NET_MLD2_QUERY_LEN = 28, NET_MLD2_REPORT_LEN = 8,
       NET_MLD2_RECORD_LEN = 20 };

/* Kinds of records (RFC 3810 5.2.12). */
enum { NET_MLD_IS_INCLUDE = 1, NET_MLD_IS_EXCLUDE = 2, NET_MLD_TO_INCLUDE = 3,
       NET_MLD_TO_EXCLUDE = 4 };

/* A query. */
struct net_mld_query_repr {
  uint8_t version;        /* 1 or 2 */
  uint8_t suppress;
  uint8_t robustness;     /* 0: not said */
  uint32_t max_delay;     /* ms to answer in */
  uint32_t interval;      /* s between queries */
  uint8_t group[16];      /* ::: about all */
  uint16_t n_sources;
  const uint8_t *sources; /* n_sources times 16 bytes, in what was parsed */
};
/* From the ICMPv6 type on.  Returns the length read or LWT_EBADMSG. */
int net_mld_query_parse(struct net_mld_query_repr *r, const uint8_t *bytes, size_t len);
/* version 1 or 2, without sources; at most 28 bytes.  Returns the length. */
size_t net_mld_query_emit(const struct net_mld_query_repr *r, uint8_t *bytes);

/* A report or the end of membership in version 1. */
struct net_mld1_repr {
  uint8_t type;
  uint8_t group[16];
};
int net_mld1_parse(struct net_mld1_repr *r, const uint8_t *bytes, size_t len);
void net_mld1_emit(const struct net_mld1_repr *r, uint8_t *bytes);

/* One record of a report in version 2, after which n_sources addresses follow. */
struct net_mld_record_repr {
  uint8_t kind;
  uint16_t n_sources;
  uint8_t group[16];
};
int net_mld_record_parse(struct net_mld_record_repr *r, const uint8_t *bytes, size_t len);
void net_mld_record_emit(const struct net_mld_record_repr *r, uint8_t *bytes);

#endif
