/* net/mld_wire.c - multicast listener discovery on the wire.
 * SPDX-License-Identifier: ISC
 */
#include "mld_wire.h"

#include "net.h"

#include <string.h>

/* Above its linear range a code is a mantissa and an exponent (RFC 3810 5.1.3). */
static uint32_t delay_of(uint16_t code)
{
  return code < 0x8000 ? code : (0x1000u | (code & 0xfffu)) << ((code >> 12 & 7) + 3);
}

static uint32_t interval_of(uint8_t code)
{
  return code < 128 ? code : (16u | (code & 15u)) << ((code >> 4 & 7) + 3);
}

int net_mld_query_parse(struct net_mld_query_repr *r, const uint8_t *bytes, size_t len)
{
  memset(r, 0, sizeof *r);
  if (len < NET_MLD1_LEN || (len > NET_MLD1_LEN && len < NET_MLD2_QUERY_LEN) ||
      bytes[0] != NET_ICMP6_MLD_QUERY)
    return LWT_EBADMSG;
  memcpy(r->group, bytes + 8, 16);
  if (!net_ip6_is_any(r->group) && !net_ip6_is_multicast(r->group))
    return LWT_EBADMSG;
  if (len == NET_MLD1_LEN) {
    r->version = 1;
    r->max_delay = net_get16(bytes + 4);
    return NET_MLD1_LEN;
  }
  r->version = 2;
  r->max_delay = delay_of(net_get16(bytes + 4));
  r->suppress = bytes[24] >> 3 & 1;
  r->robustness = bytes[24] & 7;
  r->interval = interval_of(bytes[25]);
  r->n_sources = net_get16(bytes + 26);
  r->sources = bytes + NET_MLD2_QUERY_LEN;
  if (r->n_sources * 16u > len - NET_MLD2_QUERY_LEN ||
      (r->n_sources && net_ip6_is_any(r->group)))
    return LWT_EBADMSG;
  return NET_MLD2_QUERY_LEN + r->n_sources * 16;
}

/* Delays and intervals within the linear range. */
size_t net_mld_query_emit(const struct net_mld_query_repr *r, uint8_t *bytes)
{
  size_t len = r->version == 1 ? NET_MLD1_LEN : NET_MLD2_QUERY_LEN;

  memset(bytes, 0, len);
  bytes[0] = NET_ICMP6_MLD_QUERY;
  net_put16(bytes + 4, r->max_delay < 0x8000 ? r->max_delay : 0x7fff);
  memcpy(bytes + 8, r->group, 16);
  if (r->version == 1)
    return len;
  bytes[24] = (uint8_t)(r->suppress << 3 | (r->robustness & 7));
  bytes[25] = (uint8_t)(r->interval < 128 ? r->interval : 127);
  return len;
}

int net_mld1_parse(struct net_mld1_repr *r, const uint8_t *bytes, size_t len)
{
  if (len < NET_MLD1_LEN ||
      (bytes[0] != NET_ICMP6_MLD_REPORT && bytes[0] != NET_ICMP6_MLD_DONE) ||
      !net_ip6_is_multicast(bytes + 8))
    return LWT_EBADMSG;
  r->type = bytes[0];
  memcpy(r->group, bytes + 8, 16);
  return NET_MLD1_LEN;
}

void net_mld1_emit(const struct net_mld1_repr *r, uint8_t *bytes)
{
  memset(bytes, 0, NET_MLD1_LEN);
  bytes[0] = r->type;
  memcpy(bytes + 8, r->group, 16);
}

int net_mld_record_parse(struct net_mld_record_repr *r, const uint8_t *bytes, size_t len)
{
  if (len < NET_MLD2_RECORD_LEN || !net_ip6_is_multicast(bytes + 4))
    return LWT_EBADMSG;
  r->kind = bytes[0];
  r->n_sources = net_get16(bytes + 2);
  memcpy(r->group, bytes + 4, 16);
  if (r->n_sources * 16u > len - NET_MLD2_RECORD_LEN)
    return LWT_EBADMSG;
  return NET_MLD2_RECORD_LEN + r->n_sources * 16;
}

void net_mld_record_emit(const struct net_mld_record_repr *r, uint8_t *bytes)
{
  bytes[0] = r->kind;
  bytes[1] = 0;
  net_put16(bytes + 2, r->n_sources);
  memcpy(bytes + 4, r->group, 16);
}
