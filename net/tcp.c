/* net/tcp.c - the stack's part of TCP: entry and exit of a batch, who is served.
 * SPDX-License-Identifier: ISC
 *
 * Read tcp.h first.
 */
#include "tcp.h"

#include <inttypes.h>
#include <lwt/trace.h>
#include <string.h>

/* ---- Entering and leaving ---------------------------------------------- */

/* The clock was read in this turn of the loop if something waits for its end. */
void net_tcp_enter(struct net_stack *s)
{
  if (s->tcp->depth++ == 0 && !s->tcp->turn.link)
    net_clock(s);
}

static void settle_all(struct net_stack *s)
{
  struct net_tcp *tcp = s->tcp;
  struct tcp_link *at;

  for (;;) {
    if (!tcp_list_empty(&tcp->wake)) {
      tcp_list_remove(at = tcp->wake.next);
      net_tcp_conn_settle(s, tcp_of(at, struct tcp_conn, wake));
    } else if (!tcp_list_empty(&tcp->accepting)) {
      tcp_list_remove(at = tcp->accepting.next);
      net_tcp_listener_settle(tcp_of(at, struct tcp_listener, wake));
    } else {
      break;
    }
  }
}

static void send_all(struct net_stack *s)
{
  struct tcp_link *list = &s->tcp->work, *at;

  while (!tcp_list_empty(list)) {
    tcp_list_remove(at = list->next);
    net_tcp_output(tcp_of(at, struct tcp_conn, work));
  }
}

/* Send at the end of the loop's turn. */
static void turn(struct lwt__task *task)
{
  struct net_stack *s = tcp_of(task, struct net_tcp, turn)->stack;

  net_tcp_enter(s);
  send_all(s);
  net_tcp_leave(s);
}

/* The program is called from here only.  It may still have to hear of what has
 * happened, and will perhaps write: what it writes in this turn goes out
 * together, and takes the acknowledgment with it. */
void net_tcp_leave(struct net_stack *s)
{
  struct net_tcp *tcp = s->tcp;

  if (tcp->depth == 1) {
    settle_all(s);
    while (!tcp_list_empty(&tcp->work)) {
      if (lwt__is_held()) {
        lwt__task_set(&tcp->turn);
        break;
      }
      send_all(s);
      settle_all(s);
    }
    tcp->batch++;
  }
  if (--tcp->depth == 0 && tcp->closing && tcp->n_conns == 0)
    lwt_fulfill(&tcp->closed, NULL);
}

/* ---- Segments ---------------------------------------------------------- */

/* A segment for which there is no connection.  Returns one that it completes. */
static struct tcp_conn *input_stranger(struct net_stack *s, const struct tcp_tuple *t,
                                       const struct tcp_repr *r, const uint32_t *iss)
{
  struct tcp_listener *l = net_tcp_find_listener(s, t);

  if (!l) {
    s->stats.tcp_no_port++;
    net_tcp_refuse(s, t, r);
  } else if ((r->flags & (TCP_ACK | TCP_RST)) == TCP_ACK) {
    return net_tcp_listen_ack(l, t, r);
  } else if ((r->flags & (TCP_SYN | TCP_FIN | TCP_RST)) == TCP_SYN) {
    net_tcp_listen_syn(l, t, r, iss ? *iss : net_tcp_isn(s, t));
  } else {
    s->stats.tcp_ignored++;
  }
  return NULL;
}

static void input_wait(struct net_stack *s, struct tcp_wait *w, const struct tcp_repr *r)
{
  struct tcp_tuple t = w->node.tuple;
  uint32_t iss, old = w->snd_nxt;

  if (!net_tcp_wait_reusable(w, r) || !net_tcp_find_listener(s, &t)) {
    net_tcp_wait_input(s, w, r);
    return;
  }
  net_tcp_wait_free(s, w);
  iss = net_tcp_isn(s, &t);
  if (!seq_gt(iss, old)) /* beyond everything that the old one sent */
    iss = old + 0x10000;
  input_stranger(s, &t, r, &iss);
}

void net_tcp_input_node(struct net_stack *s, const struct tcp_tuple *t,
                        struct tcp_node *node, const struct tcp_repr *r,
                        struct lwt_buf *payload)
{
  struct tcp_conn *c = NULL;

  if (!node)
    c = input_stranger(s, t, r, NULL);
  else if (node->kind == TCP_CONN)
    c = tcp_of(node, struct tcp_conn, node);
  else if (node->kind == TCP_HALF)
    c = net_tcp_half_input(s, tcp_of(node, struct tcp_half, node), r);
  else
    input_wait(s, tcp_of(node, struct tcp_wait, node), r);
  if (c)
    net_tcp_conn_input(c, r, payload);
  else
    lwt_buf_free(payload);
}

void net_tcp_input_begin(struct net_stack *s, size_t len)
{
  if (!s->tcp->input) {
    s->tcp->input = 1;
    s->tcp->depth++;
  }
  s->stats.tcp_rx++;
  lwt_trace_instant("tcp", "received", len);
}

void net_tcp_input(struct net_stack *s, const struct net_ip_info *ip,
                   struct lwt_buf *segment)
{
  struct lwt_addr local = ip->dst, remote = ip->src;
  struct tcp_tuple t;
  struct tcp_repr r;
  int code;

  net_tcp_input_begin(s, segment->total);
  if (ip->broadcast || !net_ip_is_unicast(s, &ip->src)) { /* MUST-57, MUST-63 */
    s->stats.tcp_malformed++;
    goto drop;
  }
  if (!net_csum_ok(ip, segment)) { /* MUST-3 */
    s->stats.tcp_checksum++;
    goto drop;
  }
  code = net_tcp_parse(&r, segment->data, segment->len, segment->total);
  if (code == LWT_EMSGSIZE) {
    segment = lwt_buf_pullup(segment, r.header);
    if (!segment) {
      s->stats.no_memory++;
      return;
    }
    code = net_tcp_parse(&r, segment->data, segment->len, segment->total);
  }
  if (code || !r.src || !r.dst) {
    s->stats.tcp_malformed++;
    goto drop;
  }
  r.ce = (ip->tos & 3) == 3;
  local.port = r.dst;
  remote.port = r.src;
  net_tcp_tuple(&t, &local, &remote);
  net_tcp_input_node(s, &t, net_tcp_find(s, &t), &r, lwt_buf_pull(segment, r.header));
  return;
drop:
  lwt_buf_free(segment);
}

void net_tcp_input_done(struct net_stack *s)
{
  if (!s->tcp->input)
    return;
  s->tcp->input = 0;
  net_tcp_leave(s);
}

void net_tcp_writable(struct net_stack *s)
{
  struct net_tcp *tcp = s->tcp;
  struct tcp_link *at;

  if (tcp_list_empty(&tcp->blocked))
    return;
  net_tcp_enter(s);
  while (!tcp_list_empty(&tcp->blocked)) {
    tcp_list_remove(at = tcp->blocked.next);
    tcp_list_add(&tcp->work, at);
  }
  net_tcp_leave(s);
}

/* ---- The stack begins and ends ----------------------------------------- */

static void set_default(uint64_t *value, uint64_t fallback)
{
  if (!*value)
    *value = fallback;
}

int net_tcp_init(struct net_stack *s)
{
  struct lwt_net_config *config = &s->config;
  struct net_tcp *tcp = lwt__alloc(sizeof *tcp);
  uint8_t key[16];
  unsigned i;

  if (!tcp)
    return LWT_ENOMEM;
  memset(tcp, 0, sizeof *tcp);
  s->tcp = tcp;
  tcp->stack = s;
  tcp->turn.fn = turn;
  tcp->cc = net_tcp_cc_find(config->tcp_congestion ? config->tcp_congestion : "cubic");
  if (!tcp->cc) {
    s->tcp = NULL;
    lwt__free(tcp);
    return LWT_EINVAL;
  }
  set_default(&config->tcp_rto_min, LWT_MS(200));
  set_default(&config->tcp_delayed_ack, LWT_MS(40));
  set_default(&config->tcp_connect_timeout, LWT_S(180));
  set_default(&config->tcp_user_timeout, LWT_S(120));
  set_default(&config->tcp_time_wait, LWT_S(60));
  tcp->max_halves = config->max_half_open ? config->max_half_open : 1024;
  for (i = 0; i < TCP_LISTEN_BUCKETS; i++)
    tcp_list_init(&tcp->listeners[i]);
  tcp_list_init(&tcp->conns);
  tcp_list_init(&tcp->work);
  tcp_list_init(&tcp->wake);
  tcp_list_init(&tcp->accepting);
  tcp_list_init(&tcp->blocked);
  tcp_list_init(&tcp->halves);
  tcp_list_init(&tcp->waits);
  net_timer_init(&tcp->wait_timer, net_tcp_wait_timer);
  net_key(s, "tcp isn", key);
  memcpy(tcp->isn_key, key, sizeof key);
  net_key(s, "tcp cookies", tcp->cookie_key);
  tcp->pool = net_tcp_pool_new();
  if (tcp->pool && !net_tcp_table_init(s))
    return 0;
  if (tcp->pool)
    net_tcp_pool_close(tcp->pool);
  lwt__free(tcp);
  s->tcp = NULL;
  return LWT_ENOMEM;
}

static void shut_listeners(struct net_stack *s, struct tcp_link *waiting)
{
  struct tcp_link *list;
  unsigned i;

  for (i = 0; i < TCP_LISTEN_BUCKETS; i++) {
    list = &s->tcp->listeners[i];
    while (!tcp_list_empty(list))
      net_tcp_listener_shut(tcp_of(list->next, struct tcp_listener, link), waiting);
  }
}

/* Abort all connections, or only those that the program has not closed. */
static void abort_connections(struct net_stack *s, int all)
{
  struct tcp_link *at, *next;
  struct tcp_conn *c;

  for (at = s->tcp->conns.next; at != &s->tcp->conns; at = next) {
    next = at->next;
    c = tcp_of(at, struct tcp_conn, all);
    if (all || c->user || c->ending == TCP_END_CONNECT)
      net_tcp_conn_reset(c, LWT_ECONNABORTED, "lwt_stack_close");
  }
}

/* Whoever waits may free the stack, and not from within TCP. */
static lwt_t *next_turn(void *env, void *value)
{
  (void)env;
  (void)value;
  return lwt_pause();
}

lwt_t *net_tcp_close(struct net_stack *s)
{
  struct tcp_link waiting;
  lwt_t *p;

  if (s->tcp->closing)
    return lwt_fail(LWT_EALREADY, "lwt_stack_close");
  tcp_list_init(&waiting);
  p = lwt_bind(lwt_wait(&s->tcp->closed), next_turn, NULL);
  net_tcp_enter(s);
  s->tcp->closing = 1;
  shut_listeners(s, &waiting);
  abort_connections(s, 0);
  /* In case memory was out when the timers were set. */
  net_timer_set(&s->timers, &s->tcp->wait_timer, s->now);
  net_tcp_leave(s);
  net_tcp_reject_accepts(&waiting);
  return p;
}

void net_tcp_fini(struct net_stack *s)
{
  struct net_tcp *tcp = s->tcp;
  struct tcp_link waiting;

  if (!tcp)
    return;
  tcp_list_init(&waiting);
  net_tcp_enter(s);
  tcp->closing = 1;
  shut_listeners(s, &waiting);
  abort_connections(s, 1);
  while (!tcp_list_empty(&tcp->halves))
    net_tcp_half_free(s, tcp_of(tcp->halves.next, struct tcp_half, age));
  while (!tcp_list_empty(&tcp->waits))
    net_tcp_wait_free(s, tcp_of(tcp->waits.next, struct tcp_wait, age));
  settle_all(s);
  lwt__task_stop(&tcp->turn);
  lwt_abandon(&tcp->closed);
  net_timer_stop(&s->timers, &tcp->wait_timer);
  net_tcp_table_fini(s);
  net_tcp_shelf_clear(&tcp->half_shelf);
  net_tcp_shelf_clear(&tcp->wait_shelf);
  net_tcp_shelf_clear(&tcp->accept_shelf);
  net_tcp_pool_close(tcp->pool);
  s->tcp = NULL;
  lwt__free(tcp);
  net_tcp_reject_accepts(&waiting);
}

void net_tcp_dump(struct net_stack *s, FILE *out)
{
  struct tcp_link *at;
  struct tcp_conn *c;
  struct lwt_net_tcp_info info;
  char local[LWT_ADDR_TEXT], remote[LWT_ADDR_TEXT];

  fprintf(out, "tcp: %u connections, %u half open, %u waiting\n", s->tcp->n_conns,
          s->tcp->n_halves, s->tcp->n_waits);
  if (s->config.tcp_memory)
    fprintf(out, "tcp: %" PRIu64 " bytes of %" PRIu32 " are promised\n", s->tcp->held,
            s->config.tcp_memory);
  for (at = s->tcp->conns.next; at != &s->tcp->conns; at = at->next) {
    c = tcp_of(at, struct tcp_conn, all);
    lwt_net_tcp_info(&c->flow, &info);
    fprintf(out,
            "  %s %s %s unsent %u in flight %u sacked %u lost %u unread %u holes %u\n"
            "    %s %s cwnd %u ssthresh %u mss %u window %u/%u buffers %u/%u\n"
            "    srtt %" PRIu64 " us min %" PRIu64 " us rto %" PRIu64 " ms sent again %"
            PRIu64 " delivered %" PRIu64 "%s%s%s%s\n",
            lwt_addr_format(&c->local, local, sizeof local),
            lwt_addr_format(&c->remote, remote, sizeof remote), info.state, info.unsent,
            info.in_flight, info.sacked, info.lost, info.unread, info.out_of_order,
            info.congestion, info.recovery, info.cwnd, info.ssthresh, info.mss,
            info.send_window, info.receive_window, info.send_buffer, info.receive_buffer,
            info.srtt / 1000, info.min_rtt / 1000, info.rto / 1000000, info.sent_again,
            info.delivered, info.sack ? " sack" : "", info.timestamps ? " ts" : "",
            info.ecn ? " ecn" : "", info.reordering ? " reorders" : "");
  }
}
