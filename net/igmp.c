/* net/igmp.c - IGMP: what routers are told about IPv4 groups (RFC 3376).
 * SPDX-License-Identifier: ISC
 *
 * Read group.h first.  Version 3 is spoken, unless a querier of version 1 or 2 was
 * heard within 260 s (7.2.1): then reports go to the group, and a report that
 * somebody else sent saves ours.  224.0.0.1 is always joined and never reported.
 */
#include "checksum.h"
#include "group.h"
#include "igmp_wire.h"
#include "wire.h"

#include <string.h>

#define OLDER_QUERIER LWT_S(260)
#define TENTH LWT_MS(100)
#define ALL_ROUTERS 0xe0000002u
#define ALL_IGMP3 0xe0000016u

enum { IP_LEN = 24, /* with the router alert option */
       REPORT_MAX = 1400 };

static int version(const struct net_if *nif)
{
  uint64_t now = nif->s->now;

  return now < nif->igmp1_until ? 1 : now < nif->igmp2_until ? 2 : 3;
}

/* ---- Output -------------------------------------------------------------- */

/* Takes packet: the message with its checksum. */
static void send(struct net_if *nif, uint32_t dst, struct lwt_buf *packet)
{
  struct net_address *a = net_address_source4(nif, dst);
  struct net_ipv4_repr r = {
    .src = a ? net_ip4(&a->addr) : 0, .dst = dst, .proto = NET_PROTO_IGMP, .tos = 0xc0,
    .ttl = 1, .df = 1, .total = (uint16_t)(packet->total + IP_LEN)
  };
  uint8_t mac[6];

  packet = lwt_buf_push(packet, IP_LEN);
  if (!packet) {
    nif->s->stats.no_memory++;
    return;
  }
  net_ipv4_emit(&r, packet->data);
  packet->data[0] = 0x46;
  net_put32(packet->data + NET_IPV4_LEN, 0x94040000); /* router alert */
  net_put16(packet->data + 10, 0);
  net_put16(packet->data + 10, (uint16_t)~net_sum(packet->data, IP_LEN));
  nif->s->stats.igmp_tx++;
  net_ether_group4(dst, mac);
  net_ether_send(nif, mac, NET_ETHER_IPV4, packet);
}

/* Versions 1 and 2. */
static void send_old(struct net_if *nif, uint8_t type, uint32_t group, uint32_t dst)
{
  struct lwt_buf *packet = lwt_buf_new(LWT_BUF_HEADROOM, NET_IGMP_LEN);

  if (!packet) {
    nif->s->stats.no_memory++;
    return;
  }
  net_igmp_emit(type, group, packet->data);
  send(nif, dst, packet);
}

static void old_record(struct net_if *nif, const struct net_group_record *r)
{
  uint32_t group = net_ip4(&r->group->addr);
  int leaves = r->type == NET_TO_INCLUDE && !r->n;

  if (leaves && version(nif) == 2 && r->group->reported) {
    send_old(nif, NET_IGMP2_LEAVE, group, ALL_ROUTERS);
    r->group->reported = 0;
  } else if (!leaves && r->type != NET_BLOCK) {
    send_old(nif, version(nif) == 1 ? NET_IGMP1_REPORT : NET_IGMP2_REPORT, group, group);
    r->group->reported = 1;
  }
}

void net_igmp_begin(struct net_if *nif)
{
  nif->report = NULL;
  nif->report_len = NET_IGMP_LEN;
  nif->report_n = 0;
}

static uint32_t room(const struct net_if *nif)
{
  return nif->mtu < REPORT_MAX + IP_LEN ? nif->mtu - (uint32_t)IP_LEN : REPORT_MAX;
}

void net_igmp_end(struct net_if *nif)
{
  struct lwt_buf *packet = nif->report;
  uint32_t len = nif->report_len;

  if (!packet)
    return;
  lwt_buf_trim(packet, packet->total - len);
  net_igmp3_report_emit(nif->report_n, packet->data);
  net_put16(packet->data + 2, (uint16_t)~net_sum(packet->data, len));
  net_igmp_begin(nif);
  send(nif, ALL_IGMP3, packet);
}

/* A record with these sources; what was written before goes out if need be. */
static void append(struct net_if *nif, const struct net_group_record *r, unsigned n,
                   const struct lwt_addr *sources)
{
  uint32_t need = NET_IGMP3_RECORD_LEN + 4 * n;
  uint8_t *at;
  unsigned i;

  if (nif->report_len + need > room(nif))
    net_igmp_end(nif);
  if (!nif->report)
    nif->report = lwt_buf_new(LWT_BUF_HEADROOM, room(nif));
  if (!nif->report) {
    nif->s->stats.no_memory++;
    return;
  }
  at = nif->report->data + nif->report_len;
  net_igmp3_record_emit((uint8_t)r->type, net_ip4(&r->group->addr), (uint16_t)n, at);
  for (i = 0; i < n; i++)
    memcpy(at + NET_IGMP3_RECORD_LEN + 4 * i, sources[i].ip, 4);
  nif->report_len = (uint16_t)(nif->report_len + need);
  nif->report_n++;
  r->group->reported = 1;
}

/* RFC 3376 4.2.16: what does not fit is cut in pieces, an exclusion is cut off. */
void net_igmp_record(struct net_if *nif, const struct net_group_record *r)
{
  unsigned most = (room(nif) - NET_IGMP_LEN - NET_IGMP3_RECORD_LEN) / 4, at = 0, n;

  if (version(nif) < 3) {
    old_record(nif, r);
    return;
  }
  do {
    n = r->n - at < most ? r->n - at : most;
    append(nif, r, n, r->sources + at);
    at += n;
  } while (at < r->n && r->type != NET_IS_EXCLUDE && r->type != NET_TO_EXCLUDE);
}

/* ---- Input ---------------------------------------------------------------- */

static void query(struct net_if *nif, const struct net_ip_info *ip,
                  const struct net_igmp_repr *q)
{
  struct lwt_addr group = net_addr4(q->group, 0), sources[NET_QUERIED_MAX];
  uint64_t delay = (q->max_delay ? q->max_delay : 1) * TENTH;
  size_t i, n = q->n_sources;

  if (!q->group && net_ip4(&ip->dst) >> 28 == 14 && net_ip4(&ip->dst) != NET_ALL_HOSTS) {
    nif->s->stats.igmp_ignored++; /* RFC 3376 4.1.12 */
    return;
  }
  if (q->version == 1)
    nif->igmp1_until = nif->s->now + OLDER_QUERIER;
  else if (q->version == 2)
    nif->igmp2_until = nif->s->now + OLDER_QUERIER;
  if (q->robustness)
    nif->robustness = q->robustness;
  if (n > NET_QUERIED_MAX)
    n = 0; /* about all of them */
  for (i = 0; i < n; i++)
    sources[i] = net_addr4(net_get32(q->sources + 4 * i), 0);
  net_group_query(nif, q->group ? &group : NULL, sources, n, delay);
}

static void look(const struct net_ip_info *ip, const struct net_igmp_repr *r)
{
  struct net_if *nif = ip->nif;
  struct lwt_addr group = net_addr4(r->group, 0);

  if (ip->ttl != 1)
    nif->s->stats.igmp_ignored++; /* from beyond the link */
  else if (r->type == NET_IGMP_QUERY)
    query(nif, ip, r);
  else if ((r->type == NET_IGMP1_REPORT || r->type == NET_IGMP2_REPORT) &&
           version(nif) < 3 && r->group == net_ip4(&ip->dst))
    net_group_heard(nif, &group);
  else
    nif->s->stats.igmp_ignored++;
}

void net_igmp_input(struct net_stack *s, const struct net_ip_info *ip,
                    struct lwt_buf *packet)
{
  struct net_igmp_repr r;

  s->stats.igmp_rx++;
  packet = lwt_buf_pullup(packet, packet->total < REPORT_MAX ? packet->total
                                                             : REPORT_MAX);
  if (!packet) {
    s->stats.no_memory++;
    return;
  }
  if (net_igmp_parse(&r, packet->data, packet->len) < 0)
    s->stats.igmp_malformed++;
  else if (net_sum_chain(packet, 0, packet->total) != 0xffff)
    s->stats.igmp_checksum++;
  else if (ip->nif->netif)
    look(ip, &r);
  lwt_buf_free(packet);
}
