/* net/udp_batch.c - many datagrams in one call.
 * SPDX-License-Identifier: ISC
 */
#include "udp.h"

size_t lwt_ip_udp_take(struct lwt_udp *udp, struct lwt_datagram **list, size_t max)
{
  struct udp_endpoint *e = net_udp_of(udp);
  struct udp_item *item;
  size_t n = 0;

  while (e && n < max && (item = net_udp_pop(e)))
    list[n++] = &item->datagram;
  return n;
}

size_t lwt_ip_udp_send_many(struct lwt_udp *udp,
                            const struct lwt_ip_udp_message *messages, size_t n,
                            int *error)
{
  struct udp_endpoint *e = net_udp_of(udp);
  const struct lwt_ip_udp_message *m = messages, *end = messages + n;

  *error = e ? 0 : LWT_ENOTSUP;
  for (; !*error && m < end; m += !*error)
    *error = net_udp_send_now(e, &m->to, m->bytes, m->len);
  return (size_t)(m - messages);
}
