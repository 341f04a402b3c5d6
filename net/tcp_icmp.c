/* net/tcp_icmp.c - ICMP errors about our segments.
 * SPDX-License-Identifier: ISC
 *
 * Anybody can send one, so it must quote a sequence number that is in flight
 * (RFC 5927).  In SYN-SENT a refusal (protocol or port unreachable) ends the
 * attempt; unreachable networks and hosts are passing failures there and
 * afterwards (MUST-56): they are told when patience ends.  A connection that is
 * established is never aborted (RFC 5927 5.2).
 */
#include "tcp.h"

static int in_flight(const struct tcp_conn *c, uint32_t seq)
{
  return seq_ge(seq, c->snd_una) && seq_lt(seq, c->snd_max);
}

/* The path takes less than we sent: what was too long is sent anew in pieces.
 * That is no sign of congestion. */
static void too_big(struct tcp_conn *c, uint16_t mtu)
{
  uint32_t mss = c->mss, cwnd = c->cwnd, ssthresh = c->ssthresh;

  net_ip_set_mtu(c->stack, &c->remote, mtu);
  net_tcp_conn_mss(c);
  if (c->mss >= mss || c->state <= TCP_SYN_RCVD)
    return;
  net_tcp_path_limited(c);
  net_tcp_loss_enter(c);
  net_tcp_sent_lose(c, c->snd_una, c->snd_nxt);
  c->undo.valid = 0;
  c->frto = TCP_FRTO_OFF; /* it was no mistake */
  c->cwnd = cwnd;
  c->ssthresh = ssthresh;
  net_tcp_work(c);
}

static void error_syn_sent(struct tcp_conn *c, const struct net_icmp_error *e)
{
  if (e->error == LWT_ECONNREFUSED || e->local)
    net_tcp_conn_close(c, e->error, "tcp_connect");
  else
    c->soft = (struct lwt_error){ e->error, "tcp_connect" };
}

/* The connection of which e quotes what is in flight; NULL. */
static struct tcp_conn *quoted(struct net_stack *s, const struct net_icmp_error *e)
{
  struct lwt_addr local = e->src, remote = e->dst;
  struct tcp_node *node;
  struct tcp_tuple t;
  struct tcp_conn *c;

  if (e->len < 8)
    return NULL;
  local.port = net_get16(e->bytes);
  remote.port = net_get16(e->bytes + 2);
  net_tcp_tuple(&t, &local, &remote);
  node = net_tcp_find(s, &t);
  if (!node || node->kind != TCP_CONN)
    return NULL;
  c = tcp_of(node, struct tcp_conn, node);
  if (in_flight(c, net_get32(e->bytes + 4)))
    return c;
  s->stats.tcp_bad_icmp++;
  return NULL;
}

int net_tcp_is_quoted(struct net_stack *s, const struct net_icmp_error *e)
{
  return quoted(s, e) != NULL;
}

void net_tcp_icmp_error(struct net_stack *s, const struct net_icmp_error *e)
{
  struct tcp_conn *c = quoted(s, e);

  if (!c)
    return;
  net_tcp_enter(s);
  if (e->error == LWT_EMSGSIZE)
    too_big(c, e->mtu);
  else if (c->state == TCP_SYN_SENT)
    error_syn_sent(c, e);
  else
    c->soft = (struct lwt_error){ e->error, "tcp" };
  net_tcp_leave(s);
}
