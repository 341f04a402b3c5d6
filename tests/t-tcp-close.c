/* t-tcp-close.c - connections close, are reset, wait: transcripts of RFC 9293.
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

/* ---- Closing ----------------------------------------------------------- */

static void close_first(void)
{
  lwt_t *closing;

  begin("we close first: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT (MUST-13)");
  closing = close_flow(lab_open("mss 1460", 1000));
  out("FA 1 ack 1 win 65535");
  is_int(lwt_state(closing), LWT_PENDING, "the peer has not got it");
  in("A 1 ack 2 win 1000");
  quiet();
  is_int(outcome(&closing), 0, "the peer has it");
  is_int(lab.tcp->n_conns, 0, "no connection");
  is_int(lab.tcp->n_waits, 1, "a record");
  in("FA 1 ack 2 win 1000");
  out("A 2 ack 2 win 65535");
  in("FA 1 ack 2 win 1000"); /* the peer did not hear it */
  out("A 2 ack 2 win 65535");
  advance(LWT_S(59));
  in("FA 1 ack 2 win 1000");
  out("A 2 ack 2 win 65535");
  advance(LWT_S(59));
  is_int(lab.tcp->n_waits, 1, "the time began anew");
  advance(LWT_S(1));
  is_int(lab.tcp->n_waits, 0, "2 MSL are over");
  in("FA 1 ack 2 win 1000");
  out("R 2 win 0");
  lab_end();
}

static void close_both_in_one(void)
{
  lwt_t *closing;

  begin("the ACK of our FIN and the peer's FIN in one segment");
  closing = close_flow(lab_open("mss 1460", 1000));
  out("FA 1 ack 1 win 65535");
  in("FA 1 ack 2 win 1000");
  out("A 2 ack 2 win 65534");
  is_int(outcome(&closing), 0, "closed");
  is_int(lab.tcp->n_waits, 1, "TIME-WAIT");
  lab_end();
}

static void simultaneous_close(void)
{
  lwt_t *closing;

  begin("simultaneous close: CLOSING, TIME-WAIT");
  closing = close_flow(lab_open("mss 1460", 1000));
  out("FA 1 ack 1 win 65535");
  in("FA 1 ack 1 win 1000");
  out("A 2 ack 2 win 65534");
  is_int(lwt_state(closing), LWT_PENDING, "our FIN is not acknowledged");
  in("A 2 ack 2 win 1000");
  quiet();
  is_int(outcome(&closing), 0, "closed");
  is_int(lab.tcp->n_waits, 1, "TIME-WAIT");
  lab_end();
}

static void close_second(void)
{
  struct lwt_flow *flow;
  lwt_t *closing;

  begin("the peer closes first: CLOSE-WAIT, LAST-ACK; half close: we still send");
  flow = lab_open("mss 1460", 1000);
  in("FA 1 ack 1 win 1000");
  out("A 1 ack 2 win 65534");
  is_str(read_text(flow), "end", "end of the stream");
  is_str(read_text(flow), "end", "again");
  in("PA 2 ack 1 win 1000 'x'");
  is_int(STAT(tcp_ignored), 1, "data after the FIN is counted");
  lab_discard();
  is_int(write_text(flow, "more"), 0, "we may write");
  out("PA 1 ack 2 win 65534 'more'");
  in("A 2 ack 5 win 1000");
  closing = close_flow(flow);
  out("FA 5 ack 2 win 65534");
  in("A 2 ack 6 win 1000");
  quiet();
  is_int(outcome(&closing), 0, "closed");
  is_int(lab.tcp->table.count, 0, "nothing is left: no TIME-WAIT for us");
  lab_end();
}

static void half_close(void)
{
  struct lwt_flow *flow;
  lwt_t *closing;

  begin("half close: we shut down and go on reading, for as long as it takes");
  flow = lab_open("mss 1460", 1000);
  is_int(write_text(flow, "request"), 0, "written");
  out("PA 1 ack 1 win 65535 'request'");
  lwt_drop(lwt_flow_shutdown(flow));
  out("FA 8 ack 1 win 65535");
  in("A 1 ack 9 win 1000");
  is_int(write_text(flow, "x"), LWT_EPIPE, "no more writes");
  advance(LWT_S(3600));
  quiet();
  in("PA 1 ack 9 win 1000 'answer'");
  is_str(read_text(flow), "answer", "the answer");
  advance(LWT_MS(40));
  out("A 9 ack 7 win 65529");
  in("FPA 7 ack 9 win 1000 'end'");
  out("A 9 ack 11 win 65525");
  is_int(lab.tcp->n_waits, 1, "TIME-WAIT while the program still reads");
  is_str(read_text(flow), "end", "the last bytes");
  is_str(read_text(flow), "end", "end of the stream");
  closing = close_flow(flow);
  is_int(outcome(&closing), 0, "closed");
  lab_end();
}

static void close_with_data(void)
{
  struct lwt_flow *flow;
  lwt_t *closing;

  begin("close sends what is queued, with the FIN on the last segment");
  flow = lab_open("mss 1000", 1500);
  write_len(flow, 1, 2200);
  out("A 1 ack 1 win 65535 len 1000");
  closing = close_flow(flow);
  quiet();
  in("A 1 ack 1001 win 1500");
  out("A 1001 ack 1 win 65535 len 1000");
  in("A 1 ack 2001 win 1500");
  out("FPA 2001 ack 1 win 65535 len 200");
  in("A 1 ack 2201 win 1500");
  is_int(lwt_state(closing), LWT_PENDING, "not the FIN");
  in("A 1 ack 2202 win 1500");
  is_int(outcome(&closing), 0, "the peer has everything");
  lab_end();
}

static void close_unread(void)
{
  struct lwt_flow *flow;
  lwt_t *closing;

  begin("SHLD-3: closed with data unread: a reset, but after our own data");
  flow = lab_open("mss 1000", 5000);
  in("PA 1 ack 1 win 5000 'unread'");
  is_int(write_text(flow, "answer"), 0, "written");
  out("PA 1 ack 7 win 65529 'answer'");
  closing = close_flow(flow);
  out("FA 7 ack 7 win 65529");
  in("A 7 ack 7 win 5000");
  quiet();
  in("A 7 ack 8 win 5000");
  out("RA 8 ack 7 win 65529");
  is_int(outcome(&closing), 0, "the peer has what we sent");
  is_int(lab.tcp->table.count, 0, "nothing is left");
  lab_end();

  begin("SHLD-3: data comes after close");
  closing = close_flow(lab_open("mss 1000", 5000));
  out("FA 1 ack 1 win 65535");
  in("A 1 ack 2 win 5000");
  is_int(outcome(&closing), 0, "closed");
  in("PA 1 ack 2 win 5000 'late'");
  out("RA 2 ack 1 win 65535");
  is_int(lab.tcp->table.count, 0, "nothing is left");
  lab_end();

  begin("SHLD-3: data comes after close, before our FIN is acknowledged");
  closing = close_flow(lab_open("mss 1000", 5000));
  out("FA 1 ack 1 win 65535");
  in("PA 1 ack 1 win 5000 'late'");
  quiet();
  is_int(STAT(tcp_ignored), 1, "what nobody reads is counted");
  in("PA 1 ack 2 win 5000 'late'");
  out("RA 2 ack 1 win 65535");
  is_int(STAT(tcp_ignored), 2, "again");
  is_int(outcome(&closing), 0, "closed");
  is_int(lab.tcp->table.count, 0, "nothing is left");
  lab_end();
}

static void fin_wait_2_ends(void)
{
  lwt_t *closing;

  begin("FIN-WAIT-2 of a closed connection ends");
  closing = close_flow(lab_open("mss 1000", 5000));
  out("FA 1 ack 1 win 65535");
  in("A 1 ack 2 win 5000");
  is_int(outcome(&closing), 0, "closed");
  in("R 2000000 win 0"); /* outside the window */
  in("F 1 win 5000"); /* no ACK */
  quiet();
  is_int(STAT(tcp_ignored), 2, "counted");
  advance(LWT_S(60));
  is_int(lab.tcp->table.count, 0, "nothing is left");
  lab_end();

  begin("FIN-WAIT-2 of a closed connection: what was received before comes again");
  lab_open("mss 1000", 5000);
  in("PA 1 ack 1 win 5000 'x'");
  is_str(read_text(lab_flow), "x", "read");
  closing = close_flow(lab_flow);
  out("FA 1 ack 2 win 65534");
  in("A 2 ack 2 win 5000");
  is_int(outcome(&closing), 0, "closed");
  in("PA 1 ack 2 win 5000 'x'");
  is_int(lab.tcp->n_waits, 1, "which is no reason to reset");
  is_int(STAT(tcp_ignored), 1, "counted");
  lab_end();
}

static void orphan_ends(void)
{
  lwt_t *closing;

  begin("MUST-20: a closed connection whose peer vanished ends (SHLD-11: 100 s)");
  closing = close_flow(lab_open("mss 1000", 5000));
  out("FA 1 ack 1 win 65535");
  advance(LWT_S(119));
  lab_discard();
  is_int(lwt_state(closing), LWT_PENDING, "it tries for 2 minutes");
  ok(lab_suspects > 0, "SHLD-10: the next hop was suspected");
  advance(LWT_S(1));
  out("RA 2 ack 1 win 65535");
  is_int(outcome(&closing), LWT_ETIMEDOUT, "then it is given up");
  is_int(lab.tcp->table.count, 0, "nothing is left");
  lab_end();

  begin("the same with a closed window that the peer keeps confirming");
  lab_open("mss 1000", 5000);
  in("A 1 ack 1 win 0");
  write_text(lab_flow, "x");
  closing = close_flow(lab_flow);
  for (int i = 0; i < 121 && lwt_state(closing) == LWT_PENDING; i++) {
    advance(LWT_S(1));
    if (lab_discard())
      in("A 1 ack 1 win 0");
  }
  is_int(outcome(&closing), LWT_ETIMEDOUT, "an orphan does not wait for ever");
  is_int(lab.tcp->table.count, 0, "nothing is left");
  lab_end();
}

/* ---- Resets ------------------------------------------------------------ */

static void resets(void)
{
  struct lwt_flow *flow;
  lwt_t *p;
  char byte;

  begin("MUST-12: the program is told of a reset");
  flow = lab_open("mss 1000", 5000);
  in("PA 1 ack 1 win 5000 'last words'");
  in("R 11 win 0");
  is_str(read_text(flow), "last words", "what came before can be read");
  is_str(read_text(flow), lwt_strerror(LWT_ECONNRESET), "then the error");
  is_int(write_text(flow, "x"), LWT_ECONNRESET, "writes fail");
  p = close_flow(flow);
  is_int(outcome(&p), LWT_ECONNRESET, "close too");
  advance(LWT_S(1));
  quiet();
  lab_end();

  begin("a pending read and a pending write hear of a reset");
  flow = lab_open("mss 1000", 1000);
  p = LWT_UNTYPED(lwt_flow_read(flow, &byte, 1));
  write_len(flow, 1, 1000);
  in("R 1 win 0");
  lab_discard();
  is_int(outcome(&p), LWT_ECONNRESET, "the read is rejected");
  abort_flow(flow);
  lab_end();

  begin("a reset acknowledges nothing: RST in SYN-SENT needs an ACK (RFC 5961)");
  lab_connect();
  lab_discard();
  in("R 0 win 0");
  ok(!lab_error.code, "still connecting");
  lab_end();
}

static void aborts(void)
{
  struct lwt_flow *flow;
  lwt_t *p, *q;
  static char bytes[400000];
  char byte;

  begin("abort: a reset, pending promises rejected with ECONNABORTED");
  flow = lab_open("mss 1000", 1000);
  p = LWT_UNTYPED(lwt_flow_read(flow, &byte, 1));
  q = lwt_flow_write(flow, bytes, sizeof bytes);
  lab_discard();
  abort_flow(flow);
  out("RA 1001 ack 1 win 65535");
  is_int(outcome(&p), LWT_ECONNABORTED, "the read");
  is_int(outcome(&q), LWT_ECONNABORTED, "the write");
  is_int(lab.tcp->table.count, 0, "nothing is left");
  lab_end();

  begin("close rejects a pending read, and takes the rest of a pending write");
  flow = lab_open("mss 1000", 1000);
  p = LWT_UNTYPED(lwt_flow_read(flow, &byte, 1));
  q = close_flow(flow);
  out("FA 1 ack 1 win 65535");
  is_int(outcome(&p), LWT_ECONNABORTED, "the read");
  in("A 1 ack 2 win 1000");
  is_int(outcome(&q), 0, "closed");
  lab_end();
}

static void stack_closed(void)
{
  struct lwt_flow *flow;
  lwt_t *p, *accepting;

  begin("the stack closes: flows and listeners stay valid and fail");
  flow = lab_open("mss 1000", 1000);
  accepting = LWT_UNTYPED(lwt_accept(lab_listener));
  p = net_tcp_close(&lab);
  out("RA 1 ack 1 win 65535");
  advance(0);
  is_int(outcome(&p), 0, "closed");
  is_int(outcome(&accepting), LWT_ECONNABORTED, "accept is rejected");
  net_tcp_fini(&lab);
  is_str(read_text(flow), lwt_strerror(LWT_ECONNABORTED), "read");
  is_int(write_text(flow, "x"), LWT_ECONNABORTED, "write");
  accepting = LWT_UNTYPED(lwt_accept(lab_listener));
  is_int(outcome(&accepting), LWT_ECONNABORTED, "accept");
  p = close_flow(flow);
  is_int(outcome(&p), LWT_ECONNABORTED, "close");
  lab_end();

  begin("the stack closes while a closed connection still sends");
  write_len(lab_open("mss 1000", 1000), 1, 1000);
  lwt_async(close_flow(lab_flow));
  p = net_tcp_close(&lab);
  advance(LWT_MS(1));
  is_int(lwt_state(p), LWT_PENDING, "it waits");
  lab_discard();
  in("A 1 ack 1001 win 1000");
  out("FA 1001 ack 1 win 65535");
  in("A 1 ack 1002 win 1000");
  advance(0);
  is_int(outcome(&p), 0, "then it is closed");
  lab_end();
}

/* ---- TIME-WAIT --------------------------------------------------------- */

/* A connection in TIME-WAIT; its sequence numbers end at 2 on both sides. */
static void make_time_wait(const char *options)
{
  lwt_async(close_flow(lab_open(options, 1000)));
  lab_discard();
  in(strstr(options, "ts") ? "FA 1 ack 2 win 1000 ts 5/0" : "FA 1 ack 2 win 1000");
  lab_discard();
}

static void time_wait(void)
{
  begin("TIME-WAIT: RFC 1337, a reset does not end it; old data is acknowledged");
  make_time_wait("mss 1460");
  in("R 2 win 0");
  is_int(lab.tcp->n_waits, 1, "still there");
  in("P 2 win 1000 'x'"); /* no ACK */
  quiet();
  is_int(STAT(tcp_ignored), 2, "both are counted");
  in("PA 1 ack 1 win 1000 'old'");
  out("A 2 ack 2 win 65534");
  in("S 2 win 1000"); /* not beyond what was received */
  out("A 2 ack 2 win 65534");
  in("A 2 ack 2 win 1000");
  quiet();
  lab_end();

  begin("MAY-2: a SYN beyond the old connection opens a new one");
  make_time_wait("mss 1460");
  in("S 3 win 1000 mss 1460");
  is_int(lab.tcp->n_waits, 0, "TIME-WAIT is over");
  is_int(lab.tcp->n_halves, 1, "a new connection");
  our_iss_known = 0;
  {
    uint32_t old = our_iss + 2;
    out("SA 0 ack 4 win 65535 mss 1460");
    ok(seq_gt(our_iss, old), "MUST-8: our new sequence numbers begin beyond the old");
  }
  lab_end();

  begin("SHLD-4, RFC 6191: by its timestamp");
  make_time_wait("mss 1460 ts 0/0");
  in("S 1 win 1000 mss 1460 ts 6/0");
  is_int(lab.tcp->n_halves, 1, "a new connection");
  lab_end();

  begin("RFC 6191: not with an older timestamp");
  make_time_wait("mss 1460 ts 0/0");
  in("S 1000 win 1000 mss 1460 ts 4/0");
  is_int(lab.tcp->n_waits, 1, "still there");
  lab_end();
}

static void time_wait_bounded(void)
{
  struct lwt_net_config config = { .max_time_wait = 3 };
  int i;

  printf("# TIME-WAIT records are bounded, the oldest goes\n");
  lab_start(&config);
  for (i = 0; i < 5; i++) {
    peer.port = (uint16_t)(1000 + i);
    our_iss_known = 0;
    make_time_wait("mss 1460");
  }
  is_int(lab.tcp->n_waits, 3, "three are kept");
  is_int(STAT(tcp_time_wait_evicted), 2, "two went, counted");
  lab_end();
}

static void fin_out_of_order(void)
{
  struct lwt_flow *flow;

  begin("a FIN that overtakes data waits for it");
  flow = lab_open("mss 1000", 1000);
  in("FPA 6 ack 1 win 1000 'world'");
  out("A 1 ack 1 win 65535");
  is_str(read_text(flow), "pending", "nothing to read");
  in("PA 1 ack 1 win 1000 'hello'");
  out("A 1 ack 12 win 65524");
  is_str(read_text(flow), "helloworld", "both");
  is_str(read_text(flow), "end", "and the end");
  lab_end();
}

static void many_connections(void)
{
  struct lwt_net_config config = { .max_connections = 10 };
  struct lwt_flow *flows[10];
  int i;

  printf("# the number of connections is bounded\n");
  lab_start(&config);
  lab_listen(100);
  for (i = 0; i < 10; i++) {
    lab_knock((uint16_t)(1000 + i));
    lab_expect(lwt_accept(lab_listener));
    flows[i] = lab_flow;
  }
  is_str(lab_knock(2000), "nothing", "the eleventh is not answered");
  is_int(STAT(tcp_too_many), 1, "counted");
  lab_expect(net_tcp_connect(&lab.stack, &peer));
  is_int(lab_error.code, LWT_ENOBUFS, "nor may we connect");
  abort_flow(flows[0]);
  lab_discard();
  is_str(lab_knock(2000), "accepted", "when one goes there is room");
  for (i = 1; i < 10; i++)
    abort_flow(flows[i]);
  lab_end();
}

int main(void)
{
  close_first();
  close_both_in_one();
  simultaneous_close();
  close_second();
  half_close();
  close_with_data();
  close_unread();
  fin_wait_2_ends();
  orphan_ends();
  resets();
  aborts();
  stack_closed();
  time_wait();
  time_wait_bounded();
  fin_out_of_order();
  many_connections();
  return lwt_test_done();
}
