/* net/igmp_wire.c - IGMP on the wire (RFC 3376, RFC 2236, RFC 1112).
 * SPDX-License-Identifier: ISC
 */
#include "igmp_wire.h"

#include "checksum.h"
#include "net.h"

/* RFC 3376 4.1.1: a mantissa and an exponent from 128 on. */
static uint32_t code_value(uint8_t code)
{
  return code < 128 ? code : (uint32_t)((code & 15) | 16) << ((code >> 4 & 7) + 3);
}

/* RFC 3376 7.1: the length tells the version. */
static int parse_query(struct net_igmp_repr *r, const uint8_t *bytes, size_t len)
{
  r->max_delay = bytes[1];
  if (len == NET_IGMP_LEN) {
    r->version = bytes[1] ? 2 : 1;
    if (r->version == 1)
      r->max_delay = 100;
    return NET_IGMP_LEN;
  }
  if (len < NET_IGMP3_QUERY_LEN)
    return LWT_EBADMSG;
  r->version = 3;
  r->max_delay = code_value(bytes[1]);
  r->robustness = bytes[8] & 7;
  r->n_sources = net_get16(bytes + 10);
  r->sources = bytes + NET_IGMP3_QUERY_LEN;
  if (r->n_sources > (len - NET_IGMP3_QUERY_LEN) / 4 || (r->n_sources && !r->group))
    return LWT_EBADMSG;
  return NET_IGMP3_QUERY_LEN + 4 * r->n_sources;
}

int net_igmp_parse(struct net_igmp_repr *r, const uint8_t *bytes, size_t len)
{
  if (len < NET_IGMP_LEN)
    return LWT_EBADMSG;
  *r = (struct net_igmp_repr){ .type = bytes[0] };
  if (r->type == NET_IGMP3_REPORT)
    return NET_IGMP_LEN;
  r->group = net_get32(bytes + 4);
  if (r->group && r->group >> 28 != 14)
    return LWT_EBADMSG;
  return r->type == NET_IGMP_QUERY ? parse_query(r, bytes, len) : NET_IGMP_LEN;
}

void net_igmp_emit(uint8_t type, uint32_t group, uint8_t *bytes)
{
  bytes[0] = type;
  bytes[1] = 0;
  net_put16(bytes + 2, 0);
  net_put32(bytes + 4, group);
  net_put16(bytes + 2, (uint16_t)~net_sum(bytes, NET_IGMP_LEN));
}

void net_igmp3_report_emit(uint16_t n_records, uint8_t *bytes)
{
  net_put32(bytes, (uint32_t)NET_IGMP3_REPORT << 24);
  net_put32(bytes + 4, n_records);
}

void net_igmp3_record_emit(uint8_t type, uint32_t group, uint16_t n_sources,
                           uint8_t *bytes)
{
  bytes[0] = type;
  bytes[1] = 0;
  net_put16(bytes + 2, n_sources);
  net_put32(bytes + 4, group);
}
