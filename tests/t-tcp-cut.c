/* t-tcp-cut.c - many segments made at once, frame by frame as single ones would be.
 * SPDX-License-Identifier: ISC
 *
 * The test is the peer: it reads what is on the wire, and computes both sums.
 */
#include "../net/tcp.h"
#include "netlab.h"

enum { MSS = 1000, MOST = 40000 };

static struct lwt_listener *listener;
static struct lwt_flow *flow;
static uint8_t text[MOST];
static uint32_t seq, ack; /* ours; the first byte of theirs that is not here */
static uint32_t begin;    /* ack when text began */
static int timestamps;

/* ---- The peer ---------------------------------------------------------- */

static void segment(int flags, uint16_t window, const void *options, uint32_t n)
{
  uint8_t *p = lab_ipv4("10.0.0.9", "10.0.0.2", 6, 1, 0, NULL, 20 + n);

  lab_tcp(p, seq, ack, flags, window, options, n);
  lab_put(p + 16, 2, ~lab_sum(p, 20 + n, lab_pseudo(lab_frame + 14, 20 + n)));
  inject();
}

/* Everything that came is acknowledged. */
static void acks(int flags, uint16_t window)
{
  static const uint8_t ts[12] = { 1, 1, 8, 10, 0, 0, 0, 1 };

  segment(TCP_ACK | flags, window, ts, timestamps ? 12 : 0);
}

static void start(uint32_t tcp_with, uint32_t offloads, int with_timestamps)
{
  static const uint8_t options[16] = { 2, 4, MSS >> 8, MSS & 255, 1, 1, 8, 10 };
  struct lwt_net_config config = { .tcp_with = tcp_with };
  struct lwt_net_hub_config hub = { .offloads = offloads };
  uint32_t i;

  for (i = 0; i < MOST; i++)
    text[i] = (uint8_t)(i * 7 + i / 251);
  timestamps = with_timestamps;
  is_int(lab_try_start(&config, &hub), 0, "a stack starts");
  lwt_stack_listen(lab_stack, &(struct lwt_addr){ .family = 4, .port = 7 }, 4, &listener);
  lab_arp("01", 1, "10.0.0.9", "10.0.0.2");
  inject();
  lab_discard();
  seq = 5000;
  ack = 0;
  segment(TCP_SYN | (tcp_with ? TCP_ECE | TCP_CWR : 0), 60000, options,
          timestamps ? 16 : 4);
  ok(lab_take() && lab_seen[47] & TCP_SYN, "a SYN-ACK");
  ack = lab_get(lab_seen + 38, 4) + 1;
  seq++;
  acks(0, 60000);
  flow = NULL;
  ok(!lwt_run_value((lwt_t *)lwt_accept(listener), (void **)&flow).code && flow,
     "accepted");
  lab_discard();
}

static void end(void)
{
  if (flow)
    lwt_flow_abort(flow);
  lwt_listener_close(listener);
  lab_discard();
  lab_end();
}

/* ---- What is on the wire ----------------------------------------------- */

/* The next frame is a segment of len bytes, the next of text, with those flags. */
static void is_next(uint32_t len, int flags, const char *name)
{
  const uint8_t *ip = lab_seen + 14, *tcp = ip + 20;
  uint32_t header = timestamps ? 32 : 20, total;
  int partial = lab_frames && lab_frames->flags & LWT_BUF_CSUM_PARTIAL;

  if (!lab_take() || lab_seen_len < 54) {
    ok(0, "%s: there is a frame", name);
    return;
  }
  total = lab_seen_len - 34;
  is_int((int)(total - header), (int)len, "%s: its length", name);
  is_int((int)lab_get(ip + 2, 2), (int)(lab_seen_len - 14), "%s: total length", name);
  ok(lab_sum(ip, 20, 0) == 0xffff && lab_get(ip + 6, 2) == 0x4000, "%s: IP header", name);
  is_int((int)(lab_get(tcp + 4, 4) - ack), 0, "%s: the next number", name);
  is_int((int)lab_get(tcp + 8, 4), (int)seq, "%s: the acknowledgment", name);
  is_int(tcp[13], flags, "%s: flags", name);
  if (partial)
    is_int((int)lab_get(tcp + 16, 2), (int)lab_sum(ip + 12, 8, 6 + total),
           "%s: the sum of the pseudo header", name);
  else
    is_int((int)lab_sum(tcp, total, lab_pseudo(ip, total)), 0xffff, "%s: its sum", name);
  ok(!memcmp(tcp + header, text + (ack - begin), len), "%s: its bytes", name);
  ack += len;
}

static void write_text(uint32_t len)
{
  lwt_t *p = lwt_flow_write(flow, text, len);

  begin = ack;
  settle();
  lwt_error(p);
  lwt_drop(p);
}

/* ---- Frames ------------------------------------------------------------ */

static void test_frames(uint32_t offloads, int with)
{
  start(0, offloads, with);
  is_int((int)STAT(tcp_tx), 1, "a SYN-ACK only");
  write_text(4 * MSS + 500);
  is_next(with ? MSS - 12 : MSS, TCP_ACK, "the first");
  is_next(with ? MSS - 12 : MSS, TCP_ACK, "the second");
  is_next(with ? MSS - 12 : MSS, TCP_ACK, "the third");
  is_next(with ? MSS - 12 : MSS, TCP_ACK, "the fourth");
  is_next(with ? 500 + 48 : 500, TCP_ACK | TCP_PSH, "the rest");
  quiet();
  is_int((int)STAT(tcp_tx), 6, "segments are counted");
  acks(0, 60000);
  write_text(with ? 3 * (MSS - 12) : 3 * MSS);
  is_next(with ? MSS - 12 : MSS, TCP_ACK, "whole ones");
  is_next(with ? MSS - 12 : MSS, TCP_ACK, "whole ones");
  is_next(with ? MSS - 12 : MSS, TCP_ACK | TCP_PSH, "the last one pushes");
  acks(0, 60000);
  advance(LWT_S(1));
  is_int((int)STAT(tcp_retransmits), 0, "nothing is sent again");
  end();
}

static void test_plain(void)
{
  test_frames(0, 0);
  test_frames(0, 1);
}

static void test_sums_by_device(void)
{
  test_frames(LWT_NETIF_TX_CSUM | LWT_NETIF_RX_CSUM, 0);
  test_frames(LWT_NETIF_TX_CSUM | LWT_NETIF_RX_CSUM, 1);
}

static void test_window(void)
{
  start(0, 0, 0);
  acks(0, 2500);
  write_text(6 * MSS);
  is_next(MSS, TCP_ACK, "in the window");
  is_next(MSS, TCP_ACK, "in the window");
  quiet();
  acks(0, 3000);
  is_next(MSS, TCP_ACK, "in the next window");
  is_next(MSS, TCP_ACK, "in the next window");
  is_next(MSS, TCP_ACK, "in the next window");
  quiet();
  acks(0, 3000);
  is_next(MSS, TCP_ACK | TCP_PSH, "the last one");
  quiet();
  end();
}

/* RFC 5681 4.1: after a pause no more at once than in the beginning. */
static void test_idle(void)
{
  int i;

  start(0, 0, 0);
  write_text(10 * MSS);
  for (i = 0; i < 10; i++)
    is_next(MSS, TCP_ACK | (i == 9 ? TCP_PSH : 0), "the initial window");
  quiet();
  acks(0, 60000);
  write_text(16 * MSS);
  for (i = 0; i < 16; i++)
    is_next(MSS, TCP_ACK | (i == 15 ? TCP_PSH : 0), "the window has grown");
  acks(0, 60000);
  advance(LWT_S(2));
  write_text(16 * MSS);
  for (i = 0; i < 10; i++)
    is_next(MSS, TCP_ACK, "after a pause");
  quiet();
  acks(0, 60000);
  for (i = 0; i < 6; i++)
    is_next(MSS, TCP_ACK | (i == 5 ? TCP_PSH : 0), "the rest");
  acks(0, 60000);
  end();
}

static void test_fin(void)
{
  lwt_t *write, *close;
  int held;

  start(0, 0, 0);
  begin = ack;
  held = lwt__hold();
  write = lwt_flow_write(flow, text, 3 * MSS);
  close = lwt_flow_close(flow);
  lwt__release(held);
  flow = NULL;
  is_next(MSS, TCP_ACK, "without FIN");
  is_next(MSS, TCP_ACK, "without FIN");
  is_next(MSS, TCP_ACK | TCP_PSH | TCP_FIN, "the last one says FIN");
  quiet();
  ack++;
  acks(TCP_FIN, 60000);
  advance(LWT_S(1));
  is_int(lwt_error(close).code, 0, "closed");
  lwt_error(write);
  lwt_drop(write);
  lwt_drop(close);
  end();
}

/* RFC 3168 6.1.2: CWR once; 6.1.5: every segment of new data may be marked. */
static void test_ecn(void)
{
  int i;

  start(LWT_NET_TCP_ECN, 0, 0);
  write_text(10 * MSS);
  for (i = 0; i < 10; i++) {
    is_next(MSS, TCP_ACK | (i == 9 ? TCP_PSH : 0), "before the mark");
    is_int(lab_seen[15], 2, "ECT(0)");
  }
  ack = begin + 5 * MSS;
  acks(TCP_ECE, 60000);
  ack = begin + 10 * MSS;
  acks(0, 60000);
  is_int((int)STAT(tcp_ecn_reduced), 1, "heard");
  write_text(3 * MSS);
  is_next(MSS, TCP_ACK | TCP_CWR, "the first says CWR");
  is_int(lab_seen[15], 2, "ECT(0)");
  for (i = 1; i < 3; i++) {
    is_next(MSS, TCP_ACK | (i == 2 ? TCP_PSH : 0), "the others do not");
    is_int(lab_seen[15], 2, "ECT(0)");
  }
  end();
}

static void test_log(void)
{
  static char log[4096];
  char want[80];
  FILE *out = fmemopen(log, sizeof log, "w");
  int i;

  start(0, 0, 0);
  lwt_net_tcp_log(flow, 100);
  write_text(3 * MSS);
  lwt_net_tcp_log_write(flow, out);
  fclose(out);
  for (i = 0; i < 3; i++) {
    snprintf(want, sizeof want, " send %d %d ", 1 + i * MSS, 1 + (i + 1) * MSS);
    ok(strstr(log, want), "the log has%s", want);
  }
  end();
}

/* ---- Failures ---------------------------------------------------------- */

static struct lwt_netif_ops device_ops;
static const struct lwt_netif_ops *real_ops;
static unsigned takes; /* frames that the device takes now */

static int limited_send(struct lwt_netif *netif, struct lwt_buf *packet)
{
  if (!takes) {
    lwt_buf_free(packet);
    return LWT_ENOBUFS;
  }
  takes--;
  return real_ops->send(netif, packet);
}

static lwt_t *limited_writable(struct lwt_netif *netif)
{
  (void)netif;
  return lwt_sleep(LWT_MS(1));
}

/* What the device did not take is sent as soon as it can. */
static void test_device_full(void)
{
  unsigned first;

  for (first = 0; first < 7; first++) {
    start(0, 0, 0);
    real_ops = lab_device->ops;
    device_ops = *real_ops;
    device_ops.send = limited_send;
    device_ops.writable = limited_writable;
    lab_device->ops = &device_ops;
    takes = first;
    write_text(6 * MSS);
    while (lab_frames)
      is_next(MSS, TCP_ACK | (ack - begin == 5 * MSS ? TCP_PSH : 0), "before that");
    is_int((int)(ack - begin), (int)(first < 6 ? first : 6) * MSS, "%u frames", first);
    takes = 100;
    advance(LWT_MS(60));
    while (lab_frames)
      is_next(MSS, TCP_ACK | (ack - begin == 5 * MSS ? TCP_PSH : 0), "afterwards");
    is_int((int)(ack - begin), 6 * MSS, "all");
    is_int((int)STAT(tcp_retransmits), 0, "once");
    acks(0, 60000);
    lab_device->ops = real_ops;
    end();
  }
}

/* The same when there are no pages for headers. */
static void test_no_pages(void)
{
  unsigned more;

  for (more = 0; more < 7; more++) {
    start(0, 0, 0);
    takes = 0;
    real_ops = lab_device->ops;
    device_ops = *real_ops;
    device_ops.send = limited_send;
    device_ops.writable = limited_writable;
    lab_device->ops = &device_ops;
    write_text(6 * MSS); /* is in the send queue, nothing has been sent */
    lwt_buf_limit(lwt_buf_pages() + more);
    takes = 100;
    advance(LWT_MS(5));
    is_int((int)(STAT(tcp_tx)), 1 + 1 + (int)more, "%u pages", more);
    lwt_buf_limit(SIZE_MAX);
    advance(LWT_MS(20));
    while (lab_frames)
      is_next(MSS, TCP_ACK | (ack - begin == 5 * MSS ? TCP_PSH : 0), "in order");
    is_int((int)(ack - begin), 6 * MSS, "all");
    is_int((int)STAT(tcp_retransmits), 0, "once");
    acks(0, 60000);
    lab_device->ops = real_ops;
    end();
  }
}

static int refusal; /* what the device says */
static unsigned refusals;

static int refusing_send(struct lwt_netif *netif, struct lwt_buf *packet)
{
  if (takes)
    return limited_send(netif, packet);
  lwt_buf_free(packet);
  return ++refusals < 100 ? refusal : LWT_ENOBUFS; /* or the test would not end */
}

/* What a device does not take that is gone, or that has other ideas of its MTU, is lost
 * like anything else, and sent again. */
static void test_refused(int code)
{
  unsigned first, tries;

  for (first = 0; first < 7; first += 3) {
    start(0, 0, 0);
    real_ops = lab_device->ops;
    device_ops = *real_ops;
    device_ops.send = refusing_send;
    lab_device->ops = &device_ops;
    takes = first;
    refusal = code;
    refusals = 0;
    write_text(6 * MSS);
    while (lab_frames)
      is_next(MSS, TCP_ACK | (ack - begin == 5 * MSS ? TCP_PSH : 0), "before that");
    is_int((int)(ack - begin), (int)(first < 6 ? first : 6) * MSS, "%u frames", first);
    ok(refusals <= 6, "not tried without end");
    takes = 100;
    for (tries = 0; tries < 60 && ack - begin < 6 * MSS; tries++) {
      acks(0, 60000);
      advance(LWT_S(1));
      while (lab_frames && lab_take())
        if (lab_get(lab_seen + 38, 4) == ack)
          ack += lab_seen_len - 54;
    }
    is_int((int)(ack - begin), 6 * MSS, "all in the end");
    acks(0, 60000);
    lab_device->ops = real_ops;
    end();
  }
}

static void test_device_gone(void)
{
  test_refused(LWT_ENETDOWN);
  test_refused(LWT_EMSGSIZE);
}

/* ---- Between two stacks ------------------------------------------------- */

enum { BULK = 400000 };

struct end {
  struct lwt_frame frame;
  struct lwt_stack *stack;
  struct lwt_listener *l;
  struct lwt_addr to;
  struct lwt_flow *flow;
  size_t n, wrong, total;
  uint8_t bytes[4096];
};

LWT_STEP reader_step(struct lwt_frame *frame)
{
  struct end *f = (struct end *)frame;
  size_t i;

  lwt_begin(f);
  lwt_await(f, &f->flow, lwt_accept(f->l));
  do {
    lwt_await(f, &f->n, lwt_flow_read(f->flow, f->bytes, sizeof f->bytes));
    for (i = 0; i < f->n; i++)
      f->wrong += f->bytes[i] != text[(f->total + i) % MOST];
    f->total += f->n;
  } while (f->n);
  is_int((int)f->wrong, 0, "every byte");
  is_int((int)f->total, BULK, "all bytes");
  lwt_await(f, lwt_flow_close(f->flow));
  lwt_end(f);
}

LWT_STEP writer_step(struct lwt_frame *frame)
{
  struct end *f = (struct end *)frame;

  lwt_begin(f);
  lwt_await(f, &f->flow, lwt_stack_connect(f->stack, &f->to));
  for (f->total = 0; f->total < BULK; f->total += MOST)
    lwt_await(f, lwt_flow_write(f->flow, text, MOST));
  lwt_await(f, lwt_flow_close(f->flow));
  lwt_end(f);
}

static void transfer(const char *from, const char *to, uint32_t offloads)
{
  struct lwt_net_hub_config hub = { .offloads = offloads };
  struct lwt_net_config config = { .prefix = 24, .prefix6 = 64 };
  const struct lwt_net_stats *stats[2];
  struct lwt_stack *stacks[2];
  struct lwt_listener *l;
  struct lwt_netif *port;
  struct lwt_addr at = lab_addr(to, 7);
  int i;

  lwt_virtual_init(&lab_time);
  lwt_set_engine(&lab_time.engine);
  lwt_net_hub_new(&hub, &lab_hub);
  for (i = 0; i < 2; i++) {
    config.addr = lab_addr(i ? "10.0.0.2" : "10.0.0.1", 0);
    config.ipv6 = LWT_NET_IPV6_STATIC;
    config.addr6 = lab_addr(i ? "fd00::2" : "fd00::1", 0);
    lwt_net_hub_port(lab_hub, NULL, &port);
    is_int(lwt_net_stack_new(port, &config, &stacks[i]), 0, "a stack from %s", from);
    stats[i] = lwt_net_stats(stacks[i]);
  }
  advance(LWT_S(3));
  at.port = 7;
  lwt_stack_listen(stacks[1], &at, 1, &l);
  is_int(lwt_run_value(lwt_join(LWT_PS(
           LWT_GO(struct end, reader_step, .l = l),
           LWT_GO(struct end, writer_step, .stack = stacks[0], .to = at))), NULL).code,
         0, "a transfer to %s", to);
  is_int((int)stats[0]->tcp_retransmits, 0, "nothing is sent again");
  is_int((int)(stats[1]->tcp_checksum + stats[1]->tcp_malformed + stats[1]->ip_checksum),
         0, "nothing is wrong");
  ok(stats[0]->tcp_tx > BULK / 1460, "segments are counted");
  lwt_listener_close(l);
  lwt_run_value(lwt_join(LWT_PS(lwt_stack_close(stacks[0]),
                                lwt_stack_close(stacks[1]))), NULL);
  lwt_net_hub_free(lab_hub);
  is_int(lwt_buf_live(), 0, "no packet lives");
}

static void test_transfers(void)
{
  transfer("10.0.0.1", "10.0.0.2", 0);
  transfer("fd00::1", "fd00::2", 0);
  transfer("fd00::1", "fd00::2", LWT_NETIF_TX_CSUM | LWT_NETIF_RX_CSUM);
}

int main(void)
{
  test_plain();
  test_sums_by_device();
  test_window();
  test_idle();
  test_fin();
  test_ecn();
  test_log();
  test_device_full();
  test_no_pages();
  test_device_gone();
  test_transfers();
  return lwt_test_done();
}
