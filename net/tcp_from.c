/* net/tcp_from.c - connections from an end that the program names (RFC 9293 3.9.1.1).
 * SPDX-License-Identifier: ISC
 */
#include "tcp.h"

/* 0 or an error: from is ours and leads to the peer. */
static int check(struct net_stack *s, struct lwt_addr *from, const struct lwt_addr *at)
{
  struct lwt_addr to = *at;
  int code;

  if (from->family != to.family)
    return LWT_EINVAL;
  if (net_ip_is_any(from))
    return 0;
  code = net_ip_scope(s, from);
  if (!code)
    code = net_ip_scope(s, &to);
  if (code)
    return code;
  if (!net_ip_is_local(s, from))
    return LWT_EADDRNOTAVAIL;
  net_hop_cached(s, &to, from, &code);
  return code;
}

lwt_flow_p *lwt_net_tcp_connect_from(struct lwt_stack *stack,
                                     const struct lwt_addr *from,
                                     const struct lwt_addr *to)
{
  struct net_stack *s = net_stack_of(stack);
  struct lwt_addr local = *from;
  int code = s ? check(s, &local, to) : LWT_ENOTSUP;

  return code ? lwt_flow_p_fail(code, "tcp_connect")
              : net_tcp_connect_from(s, net_ip_is_any(&local) ? NULL : &local,
                                     local.port, to);
}
