/* fuzz-tcp-same.c - the short ways of TCP come to what the long ones come to.
 * SPDX-License-Identifier: ISC
 *
 * The input is a script of segments, batches of them, calls of the program, changes of
 * routes and of the device, and time.  It runs twice: as it is, so that tcp_next.c,
 * tcp_coalesce.c, tcp_few.c and tcp_cut.c do what they can; and with frames whose headers
 * are in pieces, with a log, and without bulk, so that none of them has anything to do.
 * Each time all is written down that a connection knows and all that is on the wire,
 * and both must have seen the same.
 */
#include "../../net/neighbour.h"
#include "../../net/tcp.h"
#include "../netlab.h"
#include "input.h"

#include <lwt-ip.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { TRACE = 1 << 20, BYTES = 70000, FOREVER = 1 << 30, TS = 12, SYN_MOST = 20 };

static char trace[2][TRACE];
static uint32_t written, lengthy; /* which run it is */
static struct lwt_listener *listener;
static struct lwt_flow *flow;
static uint8_t out[BYTES], in[BYTES];
static int with_ts, with_sums, gone; /* gone: the device was */
static uint32_t tsval, queued; /* queued: bytes in order, of this batch */

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
  uint32_t room = TRACE - written, n;
  va_list ap;

  va_start(ap, format);
  n = (uint32_t)vsnprintf(trace[lengthy] + written, room, format, ap);
  va_end(ap);
  written += n < room ? n : room - 1;
}

#define N(x) note(" " #x " %lld", (long long)(x))

/* ---- What there is to see ---------------------------------------------- */

static struct net_stack *stack(void)
{
  return (struct net_stack *)lab_stack;
}

static struct tcp_conn *conn(void)
{
  struct tcp_link *conns = &stack()->tcp->conns;

  return conns->next == conns ? NULL : tcp_of(conns->next, struct tcp_conn, all);
}

static void note_sending(const struct tcp_conn *c)
{
  const struct tcp_sent *sent = c->sent.at + c->sent.first;
  uint32_t i;

  N(c->snd_una - c->iss), N(c->snd_nxt - c->iss), N(c->snd_max - c->iss);
  N(c->snd_wnd), N(c->snd_wl1 - c->irs), N(c->snd_wl2 - c->iss), N(c->max_wnd);
  N(c->mss), N(c->snd_small - c->iss), N(c->buffer), N(c->cwnd), N(c->ssthresh);
  N(c->pace_credit), N(c->dupacks), N(c->reno_sacked), N(c->recover - c->iss);
  N(c->sent_again), N(c->delivered), N(c->rack.time), N(c->rack.rtt);
  N(c->rack.min_rtt), N(c->rack.fack - c->iss), N(c->undo.valid), N(c->frto);
  N(c->rack.tlp), N(c->sent.lost), N(c->sent.sacked), N(c->cwnd_limited);
  N(c->timing), N(c->srtt), N(c->rttvar), N(c->rto), N(c->backoff), N(c->retransmits);
  N(c->persist), N(c->last_send), N(c->progress), N(c->sq.len), N(c->soft.code);
  if (c->timing)
    N(c->rtt_seq - c->iss), N(c->rtt_time);
  for (i = 0; i < c->sent.n; i++)
    note(" [%u %u %lld]", sent[i].end - c->iss, sent[i].flags, (long long)sent[i].time);
}

static void note_receiving(const struct tcp_conn *c)
{
  N(c->rcv_nxt - c->irs), N(c->rcv_adv - c->irs), N(c->last_ack - c->irs);
  N(c->rcv_mss), N(c->rcv_buffer), N(c->ts_recent), N(c->ts_recent_time);
  N(c->last_receive), N(c->dsack.start != c->dsack.end), N(c->ack_now);
  N(c->ecn_echo), N(c->ecn_cwr), N(c->rq.len), N(c->reass.blocks), N(c->eof);
  N(c->urgent), N(c->keep_sent), N(c->challenges);
  N(c->t_rexmit), N(c->t_delack), N(c->t_keep), N(c->t_retry), N(c->t_loss);
  N(c->state), N(c->mode), N(c->reading), N(c->writing), N(c->ending), N(c->fin_acked);
}

static void note_wire(void)
{
  const uint8_t *ip = lab_seen + 14, *tcp = ip + 20;

  while (lab_take()) {
    note("\n> %u", lab_seen_len);
    if (lab_seen_len < 54 || lab_seen[12] != 8 || lab_seen[13] || ip[9] != 6)
      continue;
    note(" tos %u seq %x ack %x flags %x window %u sum %x", ip[1], lab_get(tcp + 4, 4),
         lab_get(tcp + 8, 4), tcp[13], lab_get(tcp + 14, 2),
         with_sums ? lab_get(tcp + 16, 2) : 0);
  }
}

static void note_all(void)
{
  struct lwt_addr peer = lab_addr("10.0.0.9", 0);
  struct tcp_conn *c;
  struct neighbour *n;

  settle();
  note_wire();
  note("\n");
  c = conn();
  if (c) {
    note_sending(c);
    note("\n");
    note_receiving(c);
    note("\n");
  }
  N(STAT(rx_frames)), N(STAT(ip_rx)), N(STAT(tcp_rx)), N(STAT(tx_frames));
  if (!gone && !STAT(ip_too_big)) /* many that are lost at once count as one */
    N(STAT(tcp_tx)), N(STAT(ip_tx)), N(STAT(tx_failed));
  N(STAT(tcp_out_of_order)), N(STAT(tcp_outside));
  N(STAT(tcp_bad_acks)), N(STAT(tcp_paws)), N(STAT(tcp_challenges)), N(STAT(tcp_rto));
  N(STAT(tcp_retransmits)), N(STAT(tcp_ecn_marked)), N(STAT(tcp_ecn_reduced));
  N(STAT(tcp_malformed)), N(STAT(tcp_resets_sent)), N(!STAT(ip_too_big));
  N(stack()->tcp->n_waits);
  n = net_neighbour_find(stack()->ifs[1], &peer);
  if (n && !STAT(ip_too_big)) /* what is too big has used it or not */
    N(n->state), N(n->since), N(n->last);
}

/* ---- The peer ---------------------------------------------------------- */

/* The frame into the batch. */
static void send_frame(void)
{
  struct lwt_buf *frame;

  if (!lengthy) {
    post();
    return;
  }
  frame = lwt_buf_copy_in(0, lab_frame, 20);
  lwt_buf_append(frame, lwt_buf_copy_in(0, lab_frame + 20, lab_len - 20));
  lab_port->ops->send(lab_port, frame);
}

static void segment(const struct tcp_repr *r, int tos, const uint8_t *options)
{
  uint32_t total = r->header + r->len, i;
  uint8_t *p = lab_ipv4("10.0.0.9", "10.0.0.2", 6, 1, 0, NULL, total);

  lab_frame[15] = (uint8_t)tos;
  lab_ip_sum();
  memset(p, 0, 20);
  lab_put(p, 2, 1000);
  lab_put(p + 2, 2, 80);
  lab_put(p + 4, 4, r->seq);
  lab_put(p + 8, 4, r->ack);
  p[12] = (uint8_t)(r->header / 4 << 4);
  p[13] = r->flags;
  lab_put(p + 14, 2, r->window);
  memcpy(p + 20, options, r->header - 20);
  for (i = 0; i < r->len; i++)
    p[r->header + i] = (uint8_t)((r->seq + i) * 7);
  lab_put(p + 16, 2, ~lab_sum(p, total, lab_pseudo(lab_frame + 14, total)));
  send_frame();
}

/* Mostly a. */
static uint32_t near_number(uint32_t a, uint32_t b)
{
  uint32_t how = take(1);

  if (how < 225)
    return how < 200 ? a : b;
  return (how & 1 ? a : b) + (uint32_t)(int8_t)take(1) * (how & 2 ? 100 : 1);
}

/* Timestamps, perhaps a block of SACK behind them; returns how many bytes. */
static uint32_t make_options(const struct tcp_conn *c, uint8_t options[24])
{
  static const uint8_t ts[4] = { 1, 1, 8, 10 }, sack[4] = { 1, 1, 5, 10 };
  uint32_t how = take(1), n = with_ts && how < 248 ? TS : 0, start;

  if (how < 60)
    tsval++;
  else if (how > 250)
    tsval -= 3;
  if (n) {
    memcpy(options, ts, 4);
    lab_put(options + 4, 4, tsval);
    lab_put(options + 8, 4, net_tcp_ts_now(stack(), c->ts_offset) - (how & 3) * 10);
  }
  if (how < 225 || how >= 245)
    return n;
  start = c->snd_una + (take(1) - 2) * (how & 1 ? c->mss : 50);
  memcpy(options + n, sack, 4);
  lab_put(options + n + 4, 4, start);
  lab_put(options + n + 8, 4, start + (1 + take(1) % 4) * c->mss);
  return n + 12;
}

static void peer_sends(void)
{
  struct tcp_conn *c = conn();
  struct tcp_repr r = { 0 };
  uint8_t options[24];
  uint32_t how;
  int tos;

  if (!c)
    return;
  r.seq = near_number(c->rcv_nxt + queued, c->rcv_nxt);
  r.ack = near_number(c->snd_nxt, c->snd_una);
  how = take(1);
  r.flags = (uint8_t)(how < 150 ? 0 : how < 200 ? TCP_PSH : how < 220 ? TCP_FIN : how);
  r.flags |= TCP_ACK;
  how = take(1);
  r.window = (uint16_t)(how < 180 ? 60000 : how * 20);
  how = take(1);
  r.len = how < 40 ? 0 : how < 150 ? how : how < 200 ? 1000 : how < 240 ? 1440 : 1;
  how = take(1);
  tos = how < 200 ? 0 : how < 220 ? 2 : how < 240 ? 3 : (int)how;
  r.header = 20 + make_options(c, options);
  note("\n< seq %u ack %u flags %x window %u len %u tos %d", r.seq - c->irs,
       r.ack - c->iss, r.flags, r.window, r.len, tos);
  segment(&r, tos, options);
  if (r.seq == c->rcv_nxt + queued)
    queued += r.len;
}

/* ---- The program ------------------------------------------------------- */

static void on_read(void *env, void *value)
{
  uint32_t n = (uint32_t)(uintptr_t)value, i, sum = 0;

  (void)env;
  for (i = 0; i < n; i++)
    sum = sum * 31 + in[i];
  note("\nread %u %x", n, sum);
}

static void on_error(void *env, struct lwt_error error)
{
  (void)env;
  note("\nerror %d", error.code);
}

static void on_done(void *env, void *value)
{
  (void)env;
  (void)value;
  note("\ndone");
}

static void on_accept(void *env, void *value)
{
  (void)env;
  flow = value;
  if (lengthy)
    lwt_net_tcp_log(flow, 16);
}

static void program(uint32_t what)
{
  struct tcp_conn *c = conn();
  uint32_t n = take(2);

  if (!flow || !c)
    return;
  switch (what % 16) {
  case 0 ... 5:
    n = n % 256 < 200 ? n % 256 + 1 : n;
    if (!c->writing)
      lwt_on_any(lwt_flow_write(flow, out, n), on_done, on_error, NULL);
    break;
  case 6 ... 9:
    if (!c->reading)
      lwt_on_any(LWT_UNTYPED(lwt_flow_read(flow, in, n + 1)), on_read, on_error, NULL);
    break;
  case 10:
    lwt_net_tcp_nodelay(flow, n & 1);
    break;
  case 11:
    lwt_net_tcp_keepalive(flow, LWT_S(1 + n % 3), LWT_S(1), 3);
    break;
  case 12:
    lwt_net_tcp_urgent(flow);
    break;
  case 13:
    if (!c->writing)
      lwt_on_any(lwt_flow_shutdown(flow), on_done, on_error, NULL);
    break;
  case 14:
    lwt_on_any(lwt_flow_close(flow), on_done, on_error, NULL);
    flow = NULL;
  }
}

/* ---- The network ------------------------------------------------------- */

static struct lwt_netif_ops device_ops;
static const struct lwt_netif_ops *real_ops;
static unsigned room; /* frames that the device takes now */
static int refusal;   /* what it says after that */

static int device_send(struct lwt_netif *netif, struct lwt_buf *packet)
{
  if (room) {
    room--;
    return real_ops->send(netif, packet);
  }
  lwt_buf_free(packet);
  gone |= refusal == LWT_ENETDOWN;
  return refusal;
}

static lwt_t *device_writable(struct lwt_netif *netif)
{
  (void)netif;
  return lwt_sleep(LWT_MS(1));
}

static void set_device(void)
{
  room = FOREVER;
  real_ops = lab_device->ops;
  device_ops = *real_ops;
  device_ops.send = device_send;
  device_ops.writable = device_writable;
  lab_device->ops = &device_ops;
}

static void too_big(uint32_t mtu)
{
  uint8_t quoted[28] = { 0x45, 0, 2, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 2,
                         10, 0, 0, 9, 0, 80, 1000 >> 8, 1000 & 255 };
  struct tcp_conn *c = conn();

  if (!c)
    return;
  lab_put(quoted + 24, 4, c->snd_una);
  lab_icmp("10.0.0.9", "10.0.0.2", 3, 4, mtu, quoted, sizeof quoted);
  send_frame();
}

static void network(uint32_t what)
{
  struct lwt_ip_route route = { .dst = lab_addr("10.0.0.9", 0), .prefix = 32,
                                .interface = 2 };
  uint32_t n = take(2);

  switch (what % 5) {
  case 0:
    room = n < 100 ? n : FOREVER;
    refusal = n & 1 ? LWT_ENOBUFS : LWT_ENETDOWN;
    break;
  case 1:
    lwt_ip_route_remove(lab_stack, &route);
    route.mtu = (uint16_t)(68 + n % 1600);
    if (route.mtu <= 1500)
      lwt_ip_route_add(lab_stack, &route);
    break;
  case 2:
    too_big(500 + n % 1000);
    break;
  case 3: /* the peer has another address, for a while */
    lab_mac[5] ^= 4;
    lab_arp("01", 2, "10.0.0.9", "10.0.0.2");
    send_frame();
    lab_mac[5] ^= 4;
    break;
  case 4:
    net_routes_changed(stack());
  }
}

/* ---- A run ------------------------------------------------------------- */

static void handshake(uint32_t how)
{
  static const uint8_t orders[2][SYN_MOST] = {
    { 2, 4, 5, 0xb4, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 4, 2 },
    { 2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 2 }
  };
  struct tcp_repr r = { .seq = 100, .window = 60000, .flags = TCP_SYN };
  uint8_t options[SYN_MOST], ts[TS] = { 1, 1, 8, 10, 0, 0, 0, 1 };

  memcpy(options, orders[how >> 7], sizeof options);
  if (how & 2) /* segments of 500 */
    lab_put(options + 2, 2, 500);
  r.header = 20 + (with_ts ? SYN_MOST : how & 4);
  if (how & 64)
    r.flags |= TCP_ECE | TCP_CWR;
  segment(&r, 0, options);
  check(lab_take());
  r.seq++;
  r.ack = lab_get(lab_seen + 38, 4) + 1;
  r.flags = TCP_ACK;
  r.header = 20 + (with_ts ? TS : 0);
  segment(&r, 0, ts);
  lwt_on_any(LWT_UNTYPED(lwt_accept(listener)), on_accept, on_error, NULL);
  settle();
}

static void begin(uint32_t how)
{
  struct lwt_addr eighty = lab_addr("0.0.0.0", 80);
  struct lwt_net_config config = { 0 };
  struct lwt_net_hub_config hub = { 0 };

  with_ts = how & 1;
  with_sums = !(how & 8);
  tsval = 1;
  queued = 0;
  gone = 0;
  flow = NULL;
  if (how & 8)
    hub.offloads = LWT_NETIF_TX_CSUM | LWT_NETIF_RX_CSUM;
  if (how & 16)
    config.tcp_receive = 4096 + take(1) * 64;
  if (how & 32)
    config.tcp_send = 4096;
  if (how & 64)
    config.tcp_with = LWT_NET_TCP_ECN;
  check(!lab_try_start(&config, &hub));
  if (lengthy)
    stack()->bulk = NULL;
  set_device();
  check(!lwt_stack_listen(lab_stack, &eighty, 4, &listener));
  lab_arp("01", 1, "10.0.0.9", "10.0.0.2");
  inject();
  lab_discard();
  handshake(how);
}

static void stop(void)
{
  settle();
  room = FOREVER;
  if (flow)
    lwt_flow_abort(flow);
  lwt_listener_close(listener);
  lab_device->ops = real_ops;
  lab_stop();
  advance(LWT_S(1200));
  check(!lwt_live() && !lwt_timers() && !lwt_buf_live());
}

static void run_script(void)
{
  uint32_t what, n;

  begin(take(1));
  while (script.at < script.end) {
    what = take(1);
    if (what < 150)
      peer_sends();
    if (what < 75) /* the next is of the same batch */
      continue;
    if (what >= 150) {
      n = what < 165 ? take(1) : 0;
      settle();
      if (what < 165)
        advance(LWT_MS(what < 160 ? n : n * 500));
      else if (what < 245)
        program(what);
      else
        network(what);
    }
    note_all();
    queued = 0;
    note("\n-- %u", what);
  }
  stop();
}

static void differ(void)
{
  size_t i, line = 0, from;

  for (i = 0; trace[0][i] == trace[1][i]; i++)
    if (trace[0][i] == '\n')
      line = i + 1;
  from = line > 2000 ? line - 2000 : 0;
  fprintf(stderr, "%.*s\nshort: %.3000s\n\nlong: %.3000s\n", (int)(line - from),
          trace[0] + from, trace[0] + line, trace[1] + line);
  abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  uint32_t i;

  for (i = 0; i < BYTES; i++)
    out[i] = (uint8_t)(i * 13 + i / 251);
  for (lengthy = 0; lengthy < 2; lengthy++) {
    script.at = data;
    script.end = data + len;
    written = 0;
    run_script();
  }
  if (strcmp(trace[0], trace[1]))
    differ();
  return 0;
}
