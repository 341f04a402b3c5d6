/* net/tcp_connect.c - opening a connection, and the options of one.
 * SPDX-License-Identifier: ISC
 */
#include "tcp.h"

static void connect_stop(void *env)
{
  struct tcp_conn *c = env;
  struct net_stack *s = c->stack;

  c->ending = 0;
  lwt_abandon(&c->end);
  if (!s) { /* closed meanwhile */
    net_tcp_conn_free(c);
    return;
  }
  net_tcp_enter(s);
  net_tcp_conn_reset(c, LWT_ECANCELED, "tcp_connect");
  net_tcp_leave(s);
}

/* The names of the two ends.  0 or an error. */
static int choose_tuple(struct net_stack *s, const struct lwt_addr *from, uint16_t port,
                        const struct lwt_addr *at, struct tcp_tuple *t)
{
  struct lwt_addr local, dst = *at, *to = &dst;
  uint16_t mtu;
  int code;

  if (s->tcp->closing)
    return LWT_ECONNABORTED;
  if (!to->port)
    return LWT_EINVAL;
  if (to->family != 4 && to->family != 6)
    return LWT_ENOTSUP;
  if (!net_ip_is_unicast(s, to)) /* MUST-46 */
    return LWT_EADDRNOTAVAIL;
  if (s->tcp->n_conns + s->tcp->n_halves >= s->config.max_connections)
    return LWT_ENOBUFS;
  code = net_ip_scope(s, to);
  if (!code && from)
    local = *from;
  else if (!code)
    code = net_ip_route(s, to, &local, &mtu);
  if (code)
    return code;
  local.port = port;
  net_tcp_tuple(t, &local, to);
  if (!port)
    return net_tcp_choose_port(s, t);
  return net_tcp_is_free(s, t) ? 0 : LWT_EADDRINUSE;
}

static void begin(struct tcp_conn *c)
{
  struct net_stack *s = c->stack;

  net_tcp_conn_state(c, TCP_SYN_SENT);
  c->iss = c->snd_una = net_tcp_isn(s, &c->node.tuple);
  c->snd_nxt = c->snd_max = c->iss + 1;
  c->sq.seq = c->sq.cur_seq = c->iss + 1;
  c->timing = 1;
  c->rtt_seq = c->iss + 1;
  c->rtt_time = s->now;
  c->ack_now = 1;
  s->stats.tcp_connects++;
  net_tcp_rexmit_start(c);
  net_tcp_work(c);
}

lwt_flow_p *net_tcp_connect_from(struct net_stack *s, const struct lwt_addr *from,
                                 uint16_t port, const struct lwt_addr *to)
{
  struct tcp_tuple t;
  struct tcp_conn *c;
  lwt_t *p;
  int code;

  net_tcp_enter(s);
  code = choose_tuple(s, from, port, to, &t);
  c = code ? NULL : net_tcp_conn_new(s, &t);
  if (!c) {
    net_tcp_leave(s);
    return lwt_flow_p_fail(code ? code : LWT_ENOMEM, "tcp_connect");
  }
  p = lwt_task_op(&c->end, connect_stop, c);
  if (lwt_state(p) == LWT_PENDING) {
    c->ending = TCP_END_CONNECT;
    begin(c);
  } else {
    net_tcp_conn_close(c, LWT_ENOMEM, "tcp_connect");
  }
  net_tcp_leave(s);
  return (lwt_flow_p *)p;
}

lwt_flow_p *net_tcp_connect(struct lwt_stack *stack, const struct lwt_addr *to)
{
  return net_tcp_connect_from((struct net_stack *)stack, NULL, 0, to);
}

/* ---- Options ----------------------------------------------------------- */

int lwt_net_tcp_nodelay(struct lwt_flow *flow, int on)
{
  struct tcp_conn *c = net_tcp_conn_of(flow);

  if (!c)
    return LWT_ENOTSUP;
  c->nodelay = !!on;
  if (c->stack && on) {
    net_tcp_enter(c->stack);
    net_tcp_work(c);
    net_tcp_leave(c->stack);
  }
  return 0;
}

int lwt_net_tcp_keepalive(struct lwt_flow *flow, uint64_t idle, uint64_t interval,
                          unsigned count)
{
  struct tcp_conn *c = net_tcp_conn_of(flow);

  if (!c)
    return LWT_ENOTSUP;
  if (idle && (!interval || !count || count > 100))
    return LWT_EINVAL;
  c->keep_idle = idle;
  c->keep_interval = interval;
  c->keep_count = (uint8_t)count;
  c->keep_sent = 0;
  c->t_keep = idle ? c->last_receive + idle : LWT_NEVER;
  if (c->stack)
    net_tcp_timer_update(c);
  return 0;
}

int lwt_net_tcp_linger(struct lwt_flow *flow, uint64_t duration)
{
  struct tcp_conn *c = net_tcp_conn_of(flow);

  if (!c)
    return LWT_ENOTSUP;
  c->linger = duration;
  return 0;
}

int lwt_net_tcp_dscp(struct lwt_flow *flow, unsigned dscp)
{
  struct tcp_conn *c = net_tcp_conn_of(flow);

  if (!c)
    return LWT_ENOTSUP;
  if (dscp > 63)
    return LWT_EINVAL;
  c->tos = (uint8_t)(dscp << 2);
  return 0;
}

int lwt_net_tcp_urgent(struct lwt_flow *flow)
{
  struct tcp_conn *c = net_tcp_conn_of(flow);

  if (!c)
    return LWT_ENOTSUP;
  if (!c->stack || !c->sq.len)
    return LWT_EINVAL;
  c->urgent_out = 1;
  c->snd_up = net_tcp_sendq_end(&c->sq);
  net_tcp_enter(c->stack);
  net_tcp_work(c);
  net_tcp_leave(c->stack);
  return 0;
}

int lwt_net_tcp_congestion(struct lwt_flow *flow, const char *name)
{
  const struct tcp_cc_ops *cc = net_tcp_cc_find(name);
  struct tcp_conn *c = net_tcp_conn_of(flow);

  if (!c)
    return LWT_ENOTSUP;
  if (!cc)
    return LWT_EINVAL;
  if (cc == c->cc)
    return 0;
  c->cc = cc;
  c->undo.valid = 0;
  cc->init(c);
  return 0;
}

int lwt_net_tcp_info(struct lwt_flow *flow, struct lwt_net_tcp_info *info)
{
  static const char *const modes[] = { "open", "recovery", "loss" };
  const struct tcp_conn *c = net_tcp_conn_of(flow);
  uint32_t at;

  if (!c)
    return LWT_ENOTSUP;
  at = c->rcv_nxt - c->rq.len; /* of the next byte to read */
  *info = (struct lwt_net_tcp_info){
    .state = net_tcp_state_name(c->state), .congestion = c->cc->name,
    .recovery = modes[c->mode],
    .mss = c->mss, .cwnd = c->cwnd, .ssthresh = c->ssthresh,
    .send_window = c->snd_wnd, .receive_window = c->rcv_adv - c->rcv_nxt,
    .send_buffer = c->buffer, .receive_buffer = c->rcv_buffer, .unsent = c->sq.len,
    .in_flight = c->snd_nxt - c->snd_una, .sacked = c->sent.sacked,
    .lost = c->sent.lost, .unread = c->rq.len, .out_of_order = c->reass.blocks,
    .urgent = c->urgent && seq_gt(c->rcv_up, at) ? c->rcv_up - at : 0,
    .retransmits = c->retransmits, .sent_again = c->sent_again,
    .delivered = c->delivered, .srtt = c->srtt, .rttvar = c->rttvar,
    .rto = net_tcp_rto(c), .user_timeout = c->user_timeout, .min_rtt = c->rack.min_rtt,
    .reordering = c->rack.reordering, .reordering_window = c->rack.mult,
    .sack = c->sack_on, .timestamps = c->ts_on, .ecn = c->ecn_on,
    .scale_out = c->snd_scale, .scale_in = c->rcv_scale
  };
  return 0;
}
