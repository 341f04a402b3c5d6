/* net/arp.c - ARP: which Ethernet address an IPv4 neighbour has (RFC 826).
 * SPDX-License-Identifier: ISC
 *
 * Read neighbour.h first.  Addresses are learnt from answers to what we asked and
 * from those who ask for us, nothing else.  What is said about our own addresses
 * is for arp_conflict.c.
 */
#include "arp.h"

#include <string.h>

static const uint8_t all_hosts[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* ---- Requests and replies ---------------------------------------------- */

static void emit(struct net_if *nif, const struct net_arp_repr *r, const uint8_t dst[6])
{
  struct lwt_buf *packet = lwt_buf_new(LWT_BUF_HEADROOM, NET_ARP_LEN);

  if (!packet) {
    nif->s->stats.no_memory++;
    return;
  }
  net_arp_emit(r, packet->data);
  nif->s->stats.arp_tx++;
  net_ether_send(nif, dst, NET_ETHER_ARP, packet);
}

void net_arp_request(struct net_if *nif, uint32_t sender, uint32_t target,
                     const uint8_t dst[6])
{
  struct net_arp_repr r = { .op = NET_ARP_REQUEST, .sender = sender, .target = target };

  memcpy(r.sender_mac, nif->mac, 6);
  emit(nif, &r, dst ? dst : all_hosts);
}

static void ask(struct neighbour *n, int direct)
{
  uint32_t target = net_ip4(&n->ip);
  struct net_address *a = net_address_source4(n->nif, target);

  net_arp_request(n->nif, a ? net_ip4(&a->addr) : 0, target, direct ? n->mac : NULL);
}

static void unreachable(struct net_if *nif, const struct lwt_buf *packet)
{
  net_icmp_no_neighbour(nif->s, packet);
}

static void failed(struct neighbour *n)
{
  net_routes_dead(n->nif, &n->ip);
}

const struct net_neighbour_kind net_arp_kind = {
  .type = NET_ETHER_IPV4, .ask = ask, .unreachable = unreachable, .failed = failed
};

/* ---- Input ------------------------------------------------------------- */

/* Somebody asks for us.  A sender of 0 asks whether the address is free (RFC
 * 5227). */
static void answer(struct net_if *nif, const struct net_arp_repr *q)
{
  struct net_arp_repr r = {
    .op = NET_ARP_REPLY, .sender = q->target, .target = q->sender
  };
  struct lwt_addr sender = net_addr4(q->sender, 0);

  memcpy(r.sender_mac, nif->mac, 6);
  memcpy(r.target_mac, q->sender_mac, 6);
  emit(nif, &r, q->sender_mac);
  if (q->sender && net_ip_is_unicast(nif->s, &sender))
    net_neighbour_heard(nif, &sender, q->sender_mac);
}

/* An answer, or an announcement. */
static void learn(struct net_if *nif, const struct net_arp_repr *r, int to_us)
{
  struct lwt_addr sender = net_addr4(r->sender, 0);
  struct neighbour *n = net_neighbour_find(nif, &sender);

  if (n && to_us && (n->state == NET_INCOMPLETE || n->state == NET_PROBE ||
                     n->state == NET_FAILED))
    net_neighbour_answer(n, r->sender_mac, 1, 1);
  else if (n && r->sender == r->target && memcmp(n->mac, r->sender_mac, 6))
    net_neighbour_doubt(n);
  else
    nif->s->stats.arp_ignored++;
}

/* Whether a host with this address can be on the link. */
static int on_link(struct net_if *nif, uint32_t ip)
{
  struct lwt_addr addr = net_addr4(ip, 0);
  const struct lwt_ip_route *route = net_routes_find(nif->s, &addr, nif->index);

  return (route && !route->gateway.family) ||
         net_routes_is_gateway(nif->s, &addr, nif->index);
}

static void look(struct net_if *nif, const struct net_arp_repr *r)
{
  struct net_stack *s = nif->s;
  int to_us = net_local4_on(nif, r->target) != NULL;

  if (!memcmp(r->sender_mac, nif->mac, 6))
    s->stats.arp_ignored++;
  else if (net_arp_conflict(nif, r))
    s->stats.arp_conflict++;
  else if (r->sender ? !on_link(nif, r->sender) : !to_us)
    s->stats.arp_ignored++;
  else if (r->op == NET_ARP_REQUEST && to_us)
    answer(nif, r);
  else
    learn(nif, r, to_us);
}

void net_arp_input(struct net_if *nif, struct lwt_buf *packet)
{
  struct net_stack *s = nif->s;
  struct net_arp_repr r;

  s->stats.arp_rx++;
  if (packet->total < NET_ARP_LEN) {
    s->stats.arp_malformed++;
    lwt_buf_free(packet);
    return;
  }
  packet = lwt_buf_pullup(packet, NET_ARP_LEN);
  if (!packet) {
    s->stats.no_memory++;
    return;
  }
  if (net_arp_parse(&r, packet->data, packet->len) < 0 || r.sender_mac[0] & 1 ||
      !memcmp(r.sender_mac, "\0\0\0\0\0", 6))
    s->stats.arp_malformed++;
  else
    look(nif, &r);
  lwt_buf_free(packet);
}
