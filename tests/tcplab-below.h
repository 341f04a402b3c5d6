/* tcplab-below.h - what TCP finds below itself in tcplab.h, which includes this.
 * SPDX-License-Identifier: ISC
 */
#ifndef TCPLAB_BELOW_H
#define TCPLAB_BELOW_H

int net_ip_route(struct net_stack *s, const struct lwt_addr *dst, struct lwt_addr *src,
                 uint16_t *mtu)
{
  (void)s;
  (void)dst;
  *src = us;
  src->port = 0;
  *mtu = lab_mtu;
  return lab_route_error;
}

int net_ip_scope(struct net_stack *s, struct lwt_addr *addr)
{
  return (void)s, (void)addr, 0;
}
static uint32_t lab_offloads;

uint32_t net_ip_offloads(struct net_stack *s, const struct lwt_addr *src,
                         const struct lwt_addr *dst)
{
  return (void)s, (void)src, (void)dst, lab_offloads;
}

/* No routes: everything goes through net_ip_send(). */
int net_route_find(struct net_stack *s, struct net_route *route,
                   const struct lwt_addr *src, const struct lwt_addr *dst,
                   uint8_t proto)
{
  (void)s, (void)route, (void)src, (void)dst, (void)proto;
  return 0;
}

static unsigned lab_confirmed;

void net_route_confirm(struct net_stack *s, const struct net_route *route)
{
  (void)s, (void)route;
  lab_confirmed++;
}

int net_route_send(struct net_stack *s, const struct net_route *route,
                   uint16_t csum_offset, uint8_t tos, uint16_t id,
                   struct lwt_buf *segment)
{
  (void)s, (void)route, (void)csum_offset, (void)tos, (void)id;
  lwt_buf_free(segment);
  return LWT_ENETDOWN;
}

int net_route_pass(struct net_stack *s, const struct net_route *route, uint8_t tos,
                   uint16_t id, struct lwt_buf *segment)
{
  return net_route_send(s, route, 0, tos, id, segment);
}

/* So nothing is cut up here; t-tcp-cut.c has real ones. */
void net_route_head(struct net_stack *s, const struct net_route *route, uint8_t tos,
                    uint32_t total, uint8_t *head)
{
  (void)s, (void)route, (void)tos, (void)total, (void)head;
}

int net_ether_transmit(struct net_if *nif, struct lwt_buf *frame)
{
  (void)nif;
  lwt_buf_free(frame);
  return LWT_ENETDOWN;
}

int net_ip_send(struct net_stack *s, const struct lwt_addr *src,
                const struct lwt_addr *dst, uint8_t proto, uint8_t tos, uint8_t ttl,
                int df, struct lwt_buf *segment)
{
  (void)s, (void)ttl;
  lab_tos = tos;
  if (!df || proto != 6 || memcmp(src->ip, us.ip, 4) || dst->family != 4)
    lab_bad_sums++;
  if (lab_send_error || lab_out_n == LAB_MAX) {
    lwt_buf_free(segment);
    return lab_send_error ? lab_send_error : LWT_ENOBUFS;
  }
  lab_out[lab_out_n++] = segment;
  return 0;
}

void net_csum_finish(struct net_stack *s, const struct lwt_addr *src,
                     const struct lwt_addr *dst, uint8_t proto, uint16_t offset,
                     struct lwt_buf *segment)
{
  (void)s, (void)src, (void)dst;
  if (proto != 6 || offset != 16 || segment->len < 20 || segment->data[16] ||
      segment->data[17])
    lab_bad_sums++;
}

static int lab_csum_ok = 1;

int net_csum_ok(const struct net_ip_info *ip, const struct lwt_buf *segment)
{
  (void)ip, (void)segment;
  return lab_csum_ok;
}

int net_ip_is_local(const struct net_stack *s, const struct lwt_addr *addr)
{
  return (void)s, addr->family == 4 && !memcmp(addr->ip, us.ip, 4);
}

int net_ip_is_unicast(const struct net_stack *s, const struct lwt_addr *addr)
{
  return (void)s, addr->ip[0] != 0 && addr->ip[0] < 224;
}

void net_ip_suspect(struct net_stack *s, const struct lwt_addr *dst)
{
  (void)s, (void)dst;
  lab_suspects++;
}

void net_ip_set_mtu(struct net_stack *s, const struct lwt_addr *dst, uint16_t mtu)
{
  (void)s, (void)dst;
  if (mtu < lab_mtu)
    lab_mtu = mtu < 552 ? 552 : mtu;
}

static uint16_t lab_path_mtu; /* what IP remembers of an ICMP error */

uint16_t net_path_mtu(const struct net_stack *s, const struct lwt_addr *dst)
{
  return (void)s, (void)dst, lab_path_mtu;
}

int net_icmp_allowed(struct net_stack *s)
{
  return (void)s, lab_resets_allowed;
}

#endif
