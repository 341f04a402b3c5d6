/* fuzz-tcp-input.c - any segments, any calls of the program, any passing of time.
 * SPDX-License-Identifier: ISC
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -DLWT_BUILDING \
 *     -DLWT_NO_POOLS -I. -Ilwt -Inet -Itests tests/fuzz/fuzz-tcp-input.c \
 *     net/tcp*.c net/timer.c net/random.c net/checksum.c lwt/[a-z]*.c \
 *     -o fuzz-tcp-input
 *
 * The input is a script: each byte says what happens next, the following ones
 * how.  Numbers in segments are near those that matter, so that the fuzzer does
 * not have to guess them.  Whatever happens, the numbers of each connection
 * must stay in order, bytes read must be those sent, and nothing may be left
 * over when the stack is gone.
 */
#include "../tcplab.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { FLOWS = 4 };

static struct lwt_flow *flows[FLOWS];
static uint8_t scratch[5000];

/* ---- Segments ---------------------------------------------------------- */

static struct tcp_conn *any_conn(uint8_t which)
{
  struct tcp_link *link = lab.tcp->conns.next;

  while (which-- % 4 && link != &lab.tcp->conns)
    link = link->next;
  return link == &lab.tcp->conns ? NULL : tcp_of(link, struct tcp_conn, all);
}

/* Near an interesting number. */
static uint32_t near_number(uint32_t a, uint32_t b, uint32_t c)
{
  uint32_t how = take(1), base = how & 1 ? a : how & 2 ? b : c;

  return how & 0x80 ? take(4) : base + (uint32_t)(int8_t)take(1) * (how & 0x40 ? 100 : 1);
}

static void make_repr(struct tcp_repr *r, const struct tcp_conn *c)
{
  const struct tcp_half *h;
  uint32_t i;

  *r = (struct tcp_repr){ .src = (uint16_t)(7000 + take(1) % 4), .dst = 80,
                          .flags = (uint8_t)take(1), .window = (uint16_t)take(2) };
  r->seq = PEER_ISS + take(1);
  r->ack = take(4);
  if (c) {
    r->src = c->remote.port;
    r->dst = c->local.port;
    r->seq = near_number(c->rcv_nxt, c->rcv_adv, c->irs);
    r->ack = near_number(c->snd_una, c->snd_nxt, c->snd_max);
  } else if (!tcp_list_empty(&lab.tcp->halves)) {
    h = tcp_of(lab.tcp->halves.next, struct tcp_half, age);
    r->src = h->node.tuple.remote_port;
    r->seq = near_number(h->irs + 1, h->irs + 1, h->irs);
    r->ack = near_number(h->iss + 1, h->iss + 1, h->iss);
  }
  r->options = (uint8_t)take(1);
  r->n_sacks = r->options >> 4 & 3;
  r->options &= TCP_OPT_ALL;
  r->mss = (uint16_t)take(2);
  r->scale = r->mss & 15;
  r->tsval = c ? c->ts_recent + (uint32_t)(int8_t)take(1) : take(1);
  for (i = 0; i < r->n_sacks; i++) {
    r->sacks[i].start = near_number(c ? c->snd_una : 0, c ? c->snd_nxt : 0, 0);
    r->sacks[i].end = r->sacks[i].start + take(2);
  }
  r->len = take(1) & 1 ? take(2) % 3000 : 0;
}

static void segment(void)
{
  uint8_t which = (uint8_t)take(1);
  struct tcp_conn *c = which < 200 ? any_conn(which) : NULL;
  struct tcp_repr r;
  struct lwt_buf *s, *body;
  uint8_t header[TCP_HEADER_MAX];
  uint32_t i;

  make_repr(&r, c);
  net_tcp_emit(&r, header);
  s = lwt_buf_copy_in(take(1), header, net_tcp_header_len(&r));
  if (r.len) {
    body = lwt_buf_chain(0, r.len);
    for (i = 0; i < r.len; i++)
      body->data[i] = pattern(r.seq + i);
    lwt_buf_append(s, body);
  }
  in_segment(s);
  if (take(1) & 1)
    in_done();
}

static void garbage(void)
{
  uint32_t n = take(1);
  struct lwt_buf *s;

  if (n > (uint32_t)(script.end - script.at))
    n = (uint32_t)(script.end - script.at);
  if (n < TCP_HEADER)
    return;
  s = lwt_buf_copy_in(0, script.at, n);
  script.at += n;
  in_segment(s);
  in_done();
}

/* ---- The program ------------------------------------------------------- */

static void take_flow(void *env, void *value)
{
  int i;

  (void)env;
  for (i = 0; i < FLOWS; i++)
    if (!flows[i]) {
      flows[i] = value;
      return;
    }
  lwt_flow_abort(value);
}

static void ignore(void *env, struct lwt_error error)
{
  (void)env;
  (void)error;
}

static void program(void)
{
  uint32_t what = take(1), n = take(2) % sizeof scratch;
  struct lwt_flow **f = &flows[what % FLOWS];

  switch (what / FLOWS % 10) {
  case 0:
    lwt_on_any(LWT_UNTYPED(lwt_accept(lab_listener)), take_flow, ignore, NULL);
    return;
  case 1:
    peer.port = (uint16_t)(7000 + n % 4);
    lwt_on_any(LWT_UNTYPED(net_tcp_connect(&lab.stack, &peer)), take_flow, ignore, NULL);
    return;
  }
  if (!*f)
    return;
  switch (what / FLOWS % 10) {
  case 2:
  case 3:
    lwt_drop(lwt_flow_write(*f, scratch, n));
    break;
  case 4:
    lwt_drop(lwt_flow_write_buf(*f, lwt_buf_chain(0, n)));
    break;
  case 5:
    lwt_drop(LWT_UNTYPED(lwt_flow_read(*f, scratch, n)));
    break;
  case 6:
    lwt_drop(LWT_UNTYPED(lwt_flow_read_buf(*f, n)));
    break;
  case 7:
    lwt_drop(lwt_flow_shutdown(*f));
    break;
  case 8:
    lwt_drop(lwt_flow_close(*f));
    *f = NULL;
    break;
  case 9:
    lwt_flow_abort(*f);
    *f = NULL;
    break;
  }
}

/* ---- What must always be true ------------------------------------------ */

static void check_sent(const struct tcp_conn *c)
{
  uint32_t n, start = c->snd_una, sacked = 0, lost = 0, ranges = 0;
  const struct tcp_sent *sent = c->sent.at + c->sent.first;

  check(c->sent.n <= TCP_SENT_MAX);
  for (n = 0; n < c->sent.n; start = sent->end, n++, sent++) {
    check(seq_gt(sent->end, start));
    sacked += sent->flags & TCP_SENT_SACKED ? sent->end - start : 0;
    lost += sent->flags & TCP_SENT_LOST ? sent->end - start : 0;
    ranges += sent->flags & TCP_SENT_SACKED;
    check((sent->flags & (TCP_SENT_SACKED | TCP_SENT_LOST)) !=
          (TCP_SENT_SACKED | TCP_SENT_LOST));
  }
  check(start == c->snd_nxt);
  check(sacked == c->sent.sacked && lost == c->sent.lost);
  check(ranges == c->sent.sacked_ranges);
}

static void check_conn(const struct tcp_conn *c)
{
  check(c->stack == &lab && c->state != TCP_CLOSED && c->state < TCP_TIME_WAIT);
  check(seq_le(c->snd_una, c->snd_nxt) && seq_le(c->snd_nxt, c->snd_max));
  check(seq_le(c->rcv_nxt - c->eof, c->rcv_adv) || c->state == TCP_SYN_SENT);
  check(c->mss >= 64 && c->cwnd < UINT32_MAX / 2);
  if (c->state > TCP_SYN_RCVD) {
    check(c->cwnd >= 64 && c->ssthresh >= 2 * 64);
    check(seq_le(c->snd_max, net_tcp_sendq_end(&c->sq) + 1));
    check(c->snd_una == c->sq.seq || c->fin_acked);
    check(c->snd_una == c->snd_nxt || c->t_rexmit != LWT_NEVER);
    check(net_tcp_pipe(c) <= c->snd_nxt - c->snd_una);
    check_sent(c);
  }
  check(c->rq.len <= c->rcv_buffer + 65536 && c->reass.blocks <= TCP_BLOCKS_MAX);
}

static void check_all(void)
{
  struct tcp_link *link;
  uint32_t n = 0;

  for (link = lab.tcp->conns.next; link != &lab.tcp->conns; link = link->next, n++)
    check_conn(tcp_of(link, struct tcp_conn, all));
  check(n == lab.tcp->n_conns);
  check(lab.tcp->table.count ==
        lab.tcp->n_conns + lab.tcp->n_halves + lab.tcp->n_waits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
  struct lwt_net_config config = { .max_connections = 8, .max_time_wait = 4,
                                   .max_half_open = 4 };
  int i;

  script.at = data;
  script.end = data + len;
  config.tcp_send = 1 + take(2);
  config.tcp_receive = 200 + take(2) * (1 + take(1) % 20);
  config.tcp_without = take(1) & 7;
  lab_start(&config);
  lab_listen(2);
  while (script.at < script.end) {
    uint32_t what = take(1);

    if (what < 130)
      segment();
    else if (what < 140)
      garbage();
    else if (what < 200)
      program();
    else if (what < 240)
      advance(LWT_MS(take(1)));
    else
      advance(LWT_S(take(1)));
    in_done();
    settle();
    lab_send_error = what == 255 ? LWT_ENOBUFS : what == 254 ? LWT_ENOMEM : 0;
    lab_discard();
    check_all();
  }
  lab_send_error = 0;
  for (i = 0; i < FLOWS; i++)
    if (flows[i])
      lwt_flow_abort(flows[i]);
  memset(flows, 0, sizeof flows);
  lab_stop();
  check(lwt_live() == 0 && lwt_timers() == 0 && lwt_buf_live() == 0);
  return 0;
}
