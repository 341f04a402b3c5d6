/* net/tcp_uto.c - the user timeout option: RFC 5482.
 * SPDX-License-Identifier: ISC
 *
 * A connection that uses it tells the peer how long sent data may remain
 * unacknowledged here, and takes the peer's word for what is to be waited for: both
 * wait for as long as the more patient one, between 100 s (what RFC 1122 asks for
 * at least) and an hour (so that a peer cannot have us keep it for ever).  Once the
 * program has set a timeout of its own only that is used (3.1).
 *
 * The option goes out in a SYN and in the first bare acknowledgment, which is for
 * those who keep nothing of a SYN, and whenever the timeout was changed.
 */
#include "tcp.h"

enum { MINUTES = 0x8000, MOST = 0x7fff };

#define LOWER LWT_S(100)
#define UPPER LWT_S(3600)

uint16_t net_tcp_uto_field(uint64_t timeout)
{
  uint64_t s = timeout / LWT_S(1);

  if (s <= MOST)
    return (uint16_t)(s ? s : 1);
  s = s / 60 < MOST ? s / 60 : MOST;
  return (uint16_t)(MINUTES | s);
}

void net_tcp_uto_emit(struct tcp_conn *c, struct tcp_repr *r)
{
  r->options |= TCP_OPT_UTO;
  r->uto = net_tcp_uto_field(c->uto_ours);
}

void net_tcp_uto_init(struct tcp_conn *c)
{
  c->uto_ours = c->user_timeout;
  c->uto_on = c->uto_due = !!(c->stack->config.tcp_with & LWT_NET_TCP_USER_TIMEOUT);
}

void net_tcp_uto_input(struct tcp_conn *c, const struct tcp_repr *r)
{
  uint64_t theirs = (uint64_t)(r->uto & MOST) * (r->uto & MINUTES ? LWT_S(60) : LWT_S(1));
  uint64_t timeout = c->uto_ours > LOWER ? c->uto_ours : LOWER;

  if (!c->uto_on || c->uto_fixed || !theirs)
    return;
  timeout = timeout > theirs ? timeout : theirs;
  c->user_timeout = timeout < UPPER ? timeout : UPPER;
}

/* Say it in the next acknowledgment, which goes out now. */
static void tell(struct tcp_conn *c)
{
  if (!c->uto_on || !c->stack || c->state < TCP_ESTABLISHED)
    return;
  c->uto_due = 1;
  c->ack_now = 1;
  net_tcp_enter(c->stack);
  net_tcp_work(c);
  net_tcp_leave(c->stack);
}

int lwt_net_tcp_user_timeout(struct lwt_flow *flow, uint64_t duration)
{
  struct tcp_conn *c = net_tcp_conn_of(flow);

  if (!c)
    return LWT_ENOTSUP;
  if (!duration)
    return LWT_EINVAL;
  c->user_timeout = c->uto_ours = duration;
  c->uto_fixed = 1;
  if (c->stack && c->t_rexmit != LWT_NEVER && net_tcp_patience_ends(c) < c->t_rexmit) {
    c->t_rexmit = net_tcp_patience_ends(c);
    net_tcp_timer_update(c);
  }
  tell(c);
  return 0;
}

int lwt_net_tcp_user_timeout_option(struct lwt_flow *flow, int on)
{
  struct tcp_conn *c = net_tcp_conn_of(flow);

  if (!c)
    return LWT_ENOTSUP;
  c->uto_on = !!on;
  c->uto_due = 0;
  tell(c);
  return 0;
}
