/* net/tcp_stub.c - stands in for TCP until it is there; goes away with it.
 * SPDX-License-Identifier: ISC
 */
#include "net.h"

#define WEAK __attribute__((weak))

WEAK int net_tcp_init(struct net_stack *s)
{
  (void)s;
  return 0;
}
WEAK lwt_t *net_tcp_close(struct net_stack *s)
{
  (void)s;
  return lwt_return(NULL);
}
WEAK void net_tcp_fini(struct net_stack *s)
{
  (void)s;
}
WEAK void net_tcp_input(struct net_stack *s, const struct net_ip_info *ip,
                        struct lwt_buf *segment)
{
  (void)ip;
  s->stats.tcp_rx++;
  lwt_buf_free(segment);
}
WEAK void net_tcp_input_done(struct net_stack *s)
{
  (void)s;
}
WEAK void net_tcp_icmp_error(struct net_stack *s, const struct net_icmp_error *error)
{
  (void)s;
  (void)error;
}
WEAK void net_tcp_writable(struct net_stack *s)
{
  (void)s;
}
WEAK void net_tcp_dump(struct net_stack *s, FILE *out)
{
  (void)s;
  (void)out;
}
WEAK int net_tcp_listen(struct lwt_stack *stack, const struct lwt_addr *addr,
                        unsigned backlog, struct lwt_listener **listener)
{
  (void)stack;
  (void)addr;
  (void)backlog;
  (void)listener;
  return LWT_ENOTSUP;
}
WEAK lwt_flow_p *net_tcp_connect(struct lwt_stack *stack, const struct lwt_addr *to)
{
  (void)stack;
  (void)to;
  return lwt_flow_p_fail(LWT_ENOTSUP, "connect");
}
