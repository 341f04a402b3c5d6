/* t-tcp-data.c - data, acknowledgments, buffers, timers of an idle connection:
 * transcripts of RFC 9293.
 * SPDX-License-Identifier: ISC
 *
 * Each case names the requirement of RFC 9293's list that it shows.
 */
#include "tcplab.h"

static void begin(const char *what)
{
  printf("# %s\n", what);
  lab_start(NULL);
}

static void begin_with(const char *what, uint32_t send, uint32_t receive)
{
  struct lwt_net_config config = { .tcp_send = send, .tcp_receive = receive };

  printf("# %s\n", what);
  lab_start(&config);
}

/* ---- Acknowledgments --------------------------------------------------- */

static void delayed_ack(void)
{
  begin("SHLD-18, MUST-40: an ACK is delayed, less than 0.5 s");
  lab_open("mss 1000", 1000);
  in("PA 1 ack 1 win 1000 'a'");
  quiet();
  advance(LWT_MS(39));
  quiet();
  advance(LWT_MS(1));
  out("A 1 ack 2 win 65534");
  quiet();
  lab_end();

  begin("SHLD-19: every second full segment at least");
  lab_open("mss 1000", 1000);
  in("A 1 ack 1 win 1000 len 1000");
  quiet();
  in("A 1001 ack 1 win 1000 len 1000");
  out("A 1 ack 2001 win 63535");
  in("A 2001 ack 1 win 1000 len 1000");
  in("A 3001 ack 1 win 1000 len 1000");
  out("A 1 ack 4001 win 61535");
  quiet();
  lab_end();

  begin("MUST-58, MUST-59: one ACK for a batch, when all of it was looked at");
  lab_open("mss 1000", 1000);
  in_batch("A 1 ack 1 win 1000 len 1000");
  in_batch("A 1001 ack 1 win 1000 len 1000");
  in_batch("A 2001 ack 1 win 1000 len 1000");
  quiet();
  in_done();
  out("A 1 ack 3001 win 62535");
  quiet();
  lab_end();

  begin("an answer takes the ACK with it");
  lab_open("mss 1000", 1000);
  in("PA 1 ack 1 win 1000 'question'");
  is_str(read_text(lab_flow), "question", "read");
  write_text(lab_flow, "answer");
  out("PA 1 ack 9 win 65527 'answer'");
  in("A 9 ack 7 win 1000");
  advance(LWT_S(1));
  quiet();
  lab_end();
}

static void duplicates(void)
{
  begin("what was received before is acknowledged at once and not delivered");
  lab_open("mss 1000", 1000);
  in("PA 1 ack 1 win 1000 'hello'");
  advance(LWT_MS(40));
  out("A 1 ack 6 win 65530");
  in("PA 1 ack 1 win 1000 'hello'");
  out("A 1 ack 6 win 65530");
  in("PA 3 ack 1 win 1000 'llo!'"); /* partly new */
  out("A 1 ack 7 win 65529");
  is_str(read_text(lab_flow), "hello!", "each byte once");
  is_int(STAT(tcp_outside), 1, "all of it was there: counted");
  is_int(STAT(tcp_ignored), 0, "in one place");
  lab_end();

  begin("what is not taken is counted: no ACK (3.10.7.4), no room");
  lab_open("mss 1000", 1000);
  in("P 1 win 1000 'x'");
  quiet();
  is_int(STAT(tcp_ignored), 1, "no ACK");
  lab_end();
  begin_with("a byte for a closed window", 0, 4000);
  lab_open("mss 1000", 1000);
  in("A 1 ack 1 win 1000 len 2000");
  in("A 2001 ack 1 win 1000 len 2000");
  lab_discard();
  in("A 4001 ack 1 win 1000 len 1");
  out("A 1 ack 4001 win 0");
  is_int(STAT(tcp_ignored), 1, "no room");
  in("FA 4001 ack 1 win 1000");
  is_int(STAT(tcp_ignored), 1, "a FIN needs none");
  lab_end();
}

/* ---- Out of order ------------------------------------------------------ */

static void reassembly(void)
{
  begin("SHLD-31: segments out of order are kept, each is acknowledged at once");
  lab_open("mss 1000", 1000);
  in("A 1001 ack 1 win 1000 len 1000");
  out("A 1 ack 1 win 65535");
  in("A 3001 ack 1 win 1000 len 1000");
  out("A 1 ack 1 win 65535");
  in("A 2001 ack 1 win 1000 len 1000");
  out("A 1 ack 1 win 65535");
  in("A 1 ack 1 win 1000 len 1000");
  out("A 1 ack 4001 win 61535");
  is_int(read_len(lab_flow, 10000), 4000, "all of it, in order");
  lab_end();

  begin("RFC 2018: SACK blocks, the latest first");
  lab_open("mss 1000 sok", 1000);
  in("A 1001 ack 1 win 1000 len 1000");
  out("A 1 ack 1 win 65535 sack 1001-2001");
  in("A 3001 ack 1 win 1000 len 1000");
  out("A 1 ack 1 win 65535 sack 3001-4001 1001-2001");
  in("A 5001 ack 1 win 1000 len 500");
  out("A 1 ack 1 win 65535 sack 5001-5501 3001-4001 1001-2001");
  in("A 7001 ack 1 win 1000 len 500");
  out("A 1 ack 1 win 65535 sack 7001-7501 5001-5501 3001-4001 1001-2001");
  in("A 9001 ack 1 win 1000 len 500");
  out("A 1 ack 1 win 65535 sack 9001-9501 7001-7501 5001-5501 3001-4001");
  in("A 2001 ack 1 win 1000 len 1000");
  out("A 1 ack 1 win 65535 sack 1001-4001 9001-9501 7001-7501 5001-5501");
  in("A 1 ack 1 win 1000 len 1000");
  out("A 1 ack 4001 win 61535 sack 9001-9501 7001-7501 5001-5501");
  is_int(read_len(lab_flow, 10000), 4000, "what is in order");
  lab_end();

  begin("three blocks fit beside timestamps");
  lab_open("mss 1000 sok ts 0/0", 1000);
  in("A 1001 ack 1 win 1000 len 10 ts 1/0");
  in("A 2001 ack 1 win 1000 len 10 ts 1/0");
  in("A 3001 ack 1 win 1000 len 10 ts 1/0");
  lab_discard();
  in("A 4001 ack 1 win 1000 len 10 ts 1/0");
  out("A 1 ack 1 win 65535 ts 0/0 sack 4001-4011 3001-3011 2001-2011");
  lab_end();

  begin("overlapping segments: what came first stays, until the hole is filled");
  lab_open("mss 1000", 1000);
  in("A 4 ack 1 win 1000 'DEF'");
  in("A 6 ack 1 win 1000 'fghi'");
  in("A 2 ack 1 win 1000 'xxxxxxxxx'");
  in("A 1 ack 1 win 1000 'abc'");
  lab_discard();
  is_str(read_text(lab_flow), "abcDEFghix", "each byte once");
  lab_end();
}

/* ---- Nagle, PUSH, segment sizes ---------------------------------------- */

static void nagle(void)
{
  begin("SHLD-7: one partial segment in flight at a time");
  lab_open("mss 1000", 10000);
  write_text(lab_flow, "a");
  out("PA 1 ack 1 win 65535 'a'");
  write_text(lab_flow, "b");
  write_text(lab_flow, "c");
  quiet();
  in("A 1 ack 2 win 10000");
  out("PA 2 ack 1 win 65535 'bc'");
  lab_end();

  begin("but a partial segment after full ones does not wait");
  lab_open("mss 1000", 10000);
  write_len(lab_flow, 1, 2500);
  out("A 1 ack 1 win 65535 len 1000");
  out("A 1001 ack 1 win 65535 len 1000");
  out("PA 2001 ack 1 win 65535 len 500");
  write_len(lab_flow, 2501, 400);
  quiet();
  write_len(lab_flow, 2901, 700); /* a full one */
  out("A 2501 ack 1 win 65535 len 1000");
  quiet();
  in("A 1 ack 2501 win 10000");
  out("PA 3501 ack 1 win 65535 len 100");
  lab_end();

  begin("MUST-17: it can be switched off");
  lab_open("mss 1000", 10000);
  is_int(lwt_net_tcp_nodelay(lab_flow, 1), 0, "switched off");
  write_text(lab_flow, "a");
  write_text(lab_flow, "b");
  out("PA 1 ack 1 win 65535 'a'");
  out("PA 2 ack 1 win 65535 'b'");
  lab_end();

  begin("the last bytes before the end do not wait");
  lab_open("mss 1000", 10000);
  write_text(lab_flow, "a");
  write_text(lab_flow, "b");
  out("PA 1 ack 1 win 65535 'a'");
  lwt_async(close_flow(lab_flow));
  out("FPA 2 ack 1 win 65535 'b'");
  lab_end();
}

static void segment_sizes(void)
{
  begin("MUST-15, MUST-16: the peer's MSS bounds our segments");
  lab_open("mss 100", 10000);
  write_len(lab_flow, 1, 250);
  out("A 1 ack 1 win 65535 len 100");
  out("A 101 ack 1 win 65535 len 100");
  out("PA 201 ack 1 win 65535 len 50");
  lab_end();

  begin("so does the path's MTU (MUST-67: ours was told)");
  lab_mtu = 1500;
  lab_listen(1);
  lab_mtu = 600;
  in("S 0 win 10000 mss 1460");
  out("SA 0 ack 1 win 65535 mss 560");
  in("A 1 ack 1 win 10000");
  lab_expect(lwt_accept(lab_listener));
  write_len(lab_flow, 1, 700);
  out("A 1 ack 1 win 65535 len 560");
  out("PA 561 ack 1 win 65535 len 140");
  lab_end();

  begin("a peer that asks for segments of one byte does not get them");
  lab_open("mss 1", 10000);
  write_len(lab_flow, 1, 100);
  out("A 1 ack 1 win 65535 len 88");
  out("PA 89 ack 1 win 65535 len 12");
  lab_end();
}

/* ---- Buffers and promises ---------------------------------------------- */

static void flow_control(void)
{
  static uint8_t bytes[10000];
  uint32_t i;
  lwt_t *p, *q;

  begin_with("a write waits for room in the send buffer", 4000, 0);
  lab_open("mss 1000", 10000);
  for (i = 0; i < sizeof bytes; i++)
    bytes[i] = pattern(i + 1);
  p = lwt_flow_write(lab_flow, bytes, sizeof bytes);
  is_int(lab_discard(), 4, "four segments are under way");
  is_int(lwt_state(p), LWT_PENDING, "the write waits");
  q = lwt_flow_write(lab_flow, bytes, 1);
  is_int(outcome(&q), LWT_EBUSY, "one write at a time");
  in("A 1 ack 4001 win 10000");
  is_int(lab_discard(), 4, "four more");
  is_int(lwt_state(p), LWT_PENDING, "it still waits");
  in("A 1 ack 6001 win 10000");
  is_int(outcome(&p), 0, "all of it has been taken");
  out("A 8001 ack 1 win 65535 len 1000");
  out("PA 9001 ack 1 win 65535 len 1000");
  in("A 1 ack 10001 win 10000");
  quiet();
  lab_end();

  begin_with("a chain is taken whole, its write waits for room", 4000, 0);
  lab_open("mss 1000", 3000);
  p = lwt_flow_write_buf(lab_flow, lwt_buf_copy_in(0, bytes, 10000));
  is_int(lab_discard(), 3, "three segments");
  in("A 1 ack 3001 win 3000");
  is_int(lab_discard(), 3, "three more");
  is_int(lwt_state(p), LWT_PENDING, "7000 bytes are more than the buffer");
  in("A 1 ack 6001 win 3000");
  is_int(outcome(&p), 0, "4000 are not");
  lab_end();

  begin("a second read while one waits; a cancelled read loses nothing");
  lab_open("mss 1000", 3000);
  p = LWT_UNTYPED(lwt_flow_read(lab_flow, bytes, 10));
  q = LWT_UNTYPED(lwt_flow_read(lab_flow, bytes, 10));
  is_int(outcome(&q), LWT_EBUSY, "busy");
  lwt_drop(p);
  in("PA 1 ack 1 win 1000 'hello'");
  is_str(read_text(lab_flow), "hello", "the next read gets it");
  lab_end();

  begin("a cancelled write does not touch its bytes any more");
  lab_open("mss 1000", 3000);
  {
    size_t len = 300000;
    uint8_t *heap = malloc(len);

    memset(heap, 'x', len);
    p = lwt_flow_write(lab_flow, heap, len);
    lwt_drop(p);
    free(heap);
  }
  lab_discard();
  in("A 1 ack 3001 win 60000");
  lab_discard();
  q = lwt_flow_write(lab_flow, "y", 1);
  is_int(outcome(&q), 0, "the next write is taken");
  lab_end();
}

static void read_chains(void)
{
  struct lwt_buf *chain;
  lwt_t *p;

  begin("read_buf hands out what came, in parts if asked");
  lab_open("mss 1000", 3000);
  p = LWT_UNTYPED(lwt_flow_read_buf(lab_flow, 3));
  in("PA 1 ack 1 win 1000 'hello'");
  settle();
  chain = lwt_value(p);
  ok(chain && chain->total == 3 && !memcmp(chain->data, "hel", 3), "the first three");
  lwt_drop(p);
  p = LWT_UNTYPED(lwt_flow_read_buf(lab_flow, 100));
  chain = lwt_value(p);
  ok(chain && chain->total == 2 && !memcmp(chain->data, "lo", 2), "the rest");
  lwt_drop(p);
  in("FA 6 ack 1 win 1000");
  p = LWT_UNTYPED(lwt_flow_read_buf(lab_flow, 100));
  ok(lwt_state(p) == LWT_FULFILLED && !lwt_value(p), "end of the stream");
  lwt_drop(p);
  lab_end();
}

static void writes_do_not_copy(void)
{
  static uint8_t content[3000];
  struct lwt_buf *chain = lwt_buf_foreign(content, sizeof content, NULL, NULL);
  const struct lwt_buf *segment;

  begin("write_buf copies no payload: segments are views on the chain");
  lab_open("mss 1000", 3000);
  lwt_drop(lwt_flow_write_buf(lab_flow, chain));
  segment = lab_out[lab_out_at];
  ok(segment->next && segment->next->data == content, "the first segment");
  segment = lab_out[lab_out_at + 1];
  ok(segment->next && segment->next->data == content + 1000, "the second");
  lab_end();
}

static void device_full(void)
{
  begin("a full device holds segments back without loss");
  lab_open("mss 1000", 10000);
  lab_send_error = LWT_ENOBUFS;
  write_len(lab_flow, 1, 2000);
  quiet();
  lab_send_error = 0;
  net_tcp_writable(&lab);
  out("A 1 ack 1 win 65535 len 1000");
  out("PA 1001 ack 1 win 65535 len 1000");
  is_int(STAT(tcp_retransmits), 0, "nothing is retransmitted");
  lab_send_error = LWT_ENOBUFS;
  write_len(lab_flow, 2001, 1000);
  lab_send_error = 0;
  advance(LWT_MS(50)); /* nobody said that it is writable */
  out("PA 2001 ack 1 win 65535 len 1000");
  lab_end();
}

static void segmentation_offload(void)
{
  const struct lwt_buf *segment;

  begin("a device that cuts segments gets many at once, within cwnd and window");
  lab_offloads = LWT_NETIF_TX_CSUM | LWT_NETIF_TX_TSO4;
  lab_open("mss 1000", 12345);
  write_len(lab_flow, 1, 60000);
  segment = lab_out[lab_out_at];
  ok(segment->flags & LWT_BUF_GSO && segment->gso_size == 1000, "marked");
  out("A 1 ack 1 win 65535 len 10000"); /* cwnd */
  quiet();
  in("A 1 ack 10001 win 12345");
  out("A 10001 ack 1 win 65535 len 12000"); /* the window, whole segments */
  quiet();
  advance(LWT_MS(200));
  segment = lab_out[lab_out_at];
  ok(!(segment->flags & LWT_BUF_GSO), "one segment is not marked");
  out("A 10001 ack 1 win 65535 len 1000"); /* retransmitted one by one */
  quiet();
  lab_offloads = 0;
  lab_end();
}

/* ---- Keep-alive and user timeout --------------------------------------- */

static void keepalive(void)
{
  begin("MAY-5, MUST-24..28: keep-alive is off unless asked for");
  lab_open("mss 1000", 1000);
  advance(LWT_S(100000));
  quiet();
  is_int(lwt_net_tcp_keepalive(lab_flow, LWT_S(7200), LWT_S(75), 9), 0, "asked for");
  advance(LWT_S(1));
  out("A 0 ack 1 win 65535"); /* silent for longer already */
  in("A 1 ack 1 win 1000");
  advance(LWT_S(7199));
  quiet();
  advance(LWT_S(2));
  out("A 0 ack 1 win 65535");
  in("A 1 ack 1 win 1000");
  advance(LWT_S(7200));
  out("A 0 ack 1 win 65535");
  advance(LWT_S(75) * 8); /* MUST-29: one lost answer ends nothing */
  is_int(lab_discard(), 8, "eight more");
  is_int(lab.tcp->n_conns, 1, "still there");
  advance(LWT_S(75));
  out("RA 1 ack 1 win 65535");
  is_str(read_text(lab_flow), lwt_strerror(LWT_ETIMEDOUT), "given up");
  lab_end();

  begin("the peer's keep-alive is answered");
  lab_open("mss 1000", 1000);
  in("A 0 ack 1 win 1000");
  out("A 1 ack 1 win 65535");
  in("A 0 ack 1 win 1000 len 1");
  out("A 1 ack 1 win 65535");
  is_str(read_text(lab_flow), "pending", "no data");
  lab_end();
}

static void user_timeout(void)
{
  begin("MUST-21: the program sets R2");
  lab_open("mss 1000", 1000);
  is_int(lwt_net_tcp_user_timeout(lab_flow, LWT_S(5)), 0, "5 s");
  write_text(lab_flow, "x");
  advance(LWT_MS(4999));
  is_int(lab.tcp->n_conns, 1, "not before");
  advance(LWT_MS(1));
  is_int(lab.tcp->n_conns, 0, "not later");
  is_str(read_text(lab_flow), lwt_strerror(LWT_ETIMEDOUT), "told");
  lab_end();

  begin("it begins anew with each acknowledgment");
  lab_open("mss 1000", 1000);
  lwt_net_tcp_user_timeout(lab_flow, LWT_S(5));
  write_text(lab_flow, "x");
  advance(LWT_S(4));
  in("A 1 ack 2 win 1000");
  advance(LWT_S(100));
  is_int(lab.tcp->n_conns, 1, "idle for as long as one likes");
  write_text(lab_flow, "x");
  advance(LWT_S(4));
  is_int(lab.tcp->n_conns, 1, "another 5 s");
  lab_end();
}

static void info(void)
{
  struct lwt_net_tcp_info info;
  struct lwt_flow *ends[2];

  begin("what is known of a connection");
  lab_open("mss 1000", 3000);
  write_len(lab_flow, 1, 5000);
  lab_discard();
  in("PA 1 ack 1001 win 3000 'abc'");
  is_int(lwt_net_tcp_info(lab_flow, &info), 0, "asked");
  is_str(info.state, "established", "state");
  is_int(info.mss, 1000, "mss");
  is_int(info.unsent, 4000, "unsent");
  is_int(info.in_flight, 3000, "in flight");
  is_int(info.unread, 3, "unread");
  is_int(lwt_pipe(ends, 10), 0, "another flow");
  is_int(lwt_net_tcp_info(ends[0], &info), LWT_ENOTSUP, "is not ours");
  is_int(lwt_net_tcp_nodelay(ends[0], 1), LWT_ENOTSUP, "is not ours");
  lwt_flow_abort(ends[0]);
  lwt_flow_abort(ends[1]);
  lab_end();
}

int main(void)
{
  delayed_ack();
  duplicates();
  reassembly();
  nagle();
  segment_sizes();
  flow_control();
  read_chains();
  writes_do_not_copy();
  device_full();
  segmentation_offload();
  keepalive();
  user_timeout();
  info();
  return lwt_test_done();
}
