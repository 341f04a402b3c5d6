/* t-tcp-window.c - our window and the peer's: transcripts of RFC 9293.
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
  struct lwt_net_config config = { .tcp_send = send, .tcp_receive = receive,
                                   .tcp_without = LWT_NET_TCP_TUNING };

  printf("# %s\n", what);
  lab_start(&config);
}

/* ---- Our window -------------------------------------------------------- */

static void receive_window(void)
{
  begin_with("MUST-39: receiver silly-window avoidance: the window opens by a segment",
             0, 4000);
  lab_open("mss 1000", 1000);
  in_batch("A 1 ack 1 win 1000 len 1000");
  in_batch("A 1001 ack 1 win 1000 len 1000");
  in_batch("A 2001 ack 1 win 1000 len 1000");
  in_batch("PA 3001 ack 1 win 1000 len 1000");
  in_done();
  out("A 1 ack 4001 win 0");
  is_int(read_len(lab_flow, 500), 500, "half a segment read");
  quiet();
  in("A 4001 ack 1 win 1000 len 1"); /* a probe */
  out("A 1 ack 4001 win 0");
  is_int(read_len(lab_flow, 499), 499, "almost a segment");
  quiet();
  is_int(read_len(lab_flow, 1), 1, "a segment: too little to say so");
  quiet();
  in("A 4001 ack 1 win 1000 len 1"); /* but if asked */
  out("A 1 ack 4001 win 1000");
  is_int(read_len(lab_flow, 2000), 2000, "half the buffer");
  out("A 1 ack 4001 win 3000");
  lab_end();

  begin_with("SHLD-14: the window does not shrink; bytes beyond it are cut off", 0, 2000);
  lab_open("mss 1000", 1000);
  in("A 1 ack 1 win 1000 len 1500");
  advance(LWT_MS(40));
  out("A 1 ack 1501 win 500");
  in("A 1501 ack 1 win 1000 len 800");
  out("A 1 ack 2001 win 0");
  is_int(read_len(lab_flow, 5000), 2000, "what was in the window");
  out("A 1 ack 2001 win 2000");
  lab_end();

  begin_with("MUST-66: ACK and RST are looked at with a closed window", 0, 2000);
  lab_open("mss 1000", 1000);
  write_text(lab_flow, "data");
  lab_discard();
  in("A 1 ack 1 win 1000 len 2000");
  out("A 5 ack 2001 win 0");
  in("A 2001 ack 5 win 1000 len 100");
  out("A 5 ack 2001 win 0");
  advance(LWT_S(10));
  quiet(); /* nothing is retransmitted */
  in("R 2001 win 0");
  is_int(lab.tcp->n_conns, 0, "reset");
  lab_end();
}

static void scaled_window(void)
{
  begin_with("RFC 7323 2: our window is scaled, in steps of the scale", 0, 1 << 20);
  lab_listen(1);
  in("S 0 win 1000 mss 1000 ws 3");
  out("SA 0 ack 1 win 65535 mss 1460 ws 5");
  in("A 1 ack 1 win 1000");
  lab_expect(lwt_accept(lab_listener));
  lab_discard();
  in("A 1 ack 1 win 1000 len 1000");
  in("A 1001 ack 1 win 1000 len 1000");
  lab_discard();
  in("A 2001 ack 1 win 1000 len 1000");
  out("A 1 ack 3001 win 32674"); /* 2^20 - 3000 */
  in("A 3001 ack 1 win 1000 len 1001");
  advance(LWT_MS(40));
  out("A 1 ack 4002 win 32643"); /* rounded up: nothing is taken back */
  is_int(read_len(lab_flow, 1 << 20), 4001, "read");
  quiet();
  lab_end();

  begin_with("without scaling on both sides the window is at most 65535", 0, 1 << 20);
  lab_listen(1);
  in("S 0 win 1000 mss 1000");
  out("SA 0 ack 1 win 65535 mss 1460");
  in("A 1 ack 1 win 1000");
  lab_expect(lwt_accept(lab_listener));
  in_batch("A 1 ack 1 win 1000 len 1000");
  in_batch("A 1001 ack 1 win 1000 len 1000");
  in_done();
  out("A 1 ack 2001 win 63535");
  lab_end();
}

/* ---- The peer's window ------------------------------------------------- */

static void send_window(void)
{
  begin("MUST-1: the window is unsigned; nothing is sent beyond it");
  lab_open("mss 1000", 2500);
  write_len(lab_flow, 1, 10000);
  out("A 1 ack 1 win 65535 len 1000");
  out("A 1001 ack 1 win 65535 len 1000");
  quiet(); /* MUST-38: 500 bytes are less than half the largest window */
  in("A 1 ack 1001 win 2500");
  out("A 2001 ack 1 win 65535 len 1000");
  quiet();
  in("A 1 ack 3001 win 65535");
  out("A 3001 ack 1 win 65535 len 1000");
  out("A 4001 ack 1 win 65535 len 1000");
  out("A 5001 ack 1 win 65535 len 1000");
  out("A 6001 ack 1 win 65535 len 1000");
  out("A 7001 ack 1 win 65535 len 1000");
  out("A 8001 ack 1 win 65535 len 1000");
  out("PA 9001 ack 1 win 65535 len 1000");
  lab_end();
}

static void tiny_windows(void)
{
  begin("MUST-38: with a window of 100 bytes, segments of at least 50");
  lab_open("mss 1000", 100);
  write_len(lab_flow, 1, 300);
  out("A 1 ack 1 win 65535 len 100");
  in("A 1 ack 101 win 20");
  quiet();
  in("A 1 ack 101 win 49");
  quiet();
  in("A 1 ack 101 win 50");
  out("A 101 ack 1 win 65535 len 50");
  in("A 1 ack 151 win 10"); /* MUST-38: sent after a while all the same */
  quiet();
  advance(LWT_MS(200));
  out("A 151 ack 1 win 65535 len 10");
  lab_end();
}

static void shrunk_window(void)
{
  begin("MUST-34, SHLD-15, SHLD-16: the window shrinks");
  lab_open("mss 1000", 5000);
  write_len(lab_flow, 1, 8000);
  is_int(lab_discard(), 5, "five segments");
  in("A 1 ack 1001 win 1000"); /* 4000 bytes are beyond it now */
  quiet();
  advance(LWT_MS(200));
  out("A 1001 ack 1 win 65535 len 1000"); /* what is in the window */
  quiet();
  in("A 1 ack 2001 win 6000");
  out("A 2001 ack 1 win 65535 len 1000");
  out("A 3001 ack 1 win 65535 len 1000");
  lab_discard();
  lab_end();
}

static void zero_window(void)
{
  begin("MUST-36: a closed window is probed; SHLD-29, SHLD-30: with backoff");
  lab_open("mss 1000", 1000);
  write_len(lab_flow, 1, 2500);
  out("A 1 ack 1 win 65535 len 1000");
  in("A 1 ack 1001 win 0");
  quiet();
  advance(LWT_MS(199));
  quiet();
  advance(LWT_MS(1));
  out("A 1001 ack 1 win 65535 len 1");
  in("A 1 ack 1001 win 0");
  advance(LWT_MS(400));
  out("A 1001 ack 1 win 65535 len 1");
  advance(LWT_MS(800));
  out("A 1001 ack 1 win 65535 len 1");
  in("A 1 ack 1001 win 0");
  in("A 1 ack 1001 win 1000"); /* the update */
  out("A 1001 ack 1 win 65535 len 1000");
  quiet();
  in("A 1 ack 2001 win 1000");
  out("PA 2001 ack 1 win 65535 len 500");
  in("A 1 ack 2501 win 1000");
  advance(LWT_S(100));
  quiet();
  lab_end();

  begin("the probe's byte was taken: what follows is sent after it");
  lab_open("mss 1000", 1000);
  write_len(lab_flow, 1, 2500);
  lab_discard();
  in("A 1 ack 1001 win 0");
  advance(LWT_MS(200));
  out("A 1001 ack 1 win 65535 len 1");
  in("A 1 ack 1002 win 1000");
  out("A 1002 ack 1 win 65535 len 1000");
  lab_end();

}

static void closed_for_long(void)
{
  int i;

  begin("MUST-37: a window may be closed for ever, as long as the peer answers");
  lab_open("mss 1000", 1000);
  write_len(lab_flow, 1, 2500);
  lab_discard();
  in("A 1 ack 1001 win 0");
  for (i = 0; i < 100; i++) {
    advance(LWT_S(60));
    if (lab_discard())
      in("A 1 ack 1001 win 0");
  }
  is_int(lab.tcp->n_conns, 1, "an hour and a half");
  in("A 1 ack 1001 win 5000");
  out("A 1001 ack 1 win 65535 len 1000");
  out("PA 2001 ack 1 win 65535 len 500");
  lab_end();

  begin("a peer that closes its window and vanishes is given up");
  lab_open("mss 1000", 1000);
  write_len(lab_flow, 1, 2500);
  in("A 1 ack 1001 win 0");
  advance(LWT_S(119));
  is_int(lab.tcp->n_conns, 1, "not before 2 minutes");
  advance(LWT_S(1));
  is_int(lab.tcp->n_conns, 0, "then");
  is_str(read_text(lab_flow), lwt_strerror(LWT_ETIMEDOUT), "the program hears of it");
  lab_end();

  begin("a FIN waits for the window, and is the probe if nothing else is there");
  lab_open("mss 1000", 1000);
  write_len(lab_flow, 1, 1000);
  lwt_drop(lwt_flow_shutdown(lab_flow));
  out("PA 1 ack 1 win 65535 len 1000");
  in("A 1 ack 1001 win 0");
  quiet();
  advance(LWT_MS(200));
  out("FA 1001 ack 1 win 65535");
  in("A 1 ack 1001 win 0");
  in("A 1 ack 1001 win 10");
  out("FA 1001 ack 1 win 65535");
  in("A 1 ack 1002 win 10");
  advance(LWT_S(100));
  quiet();
  lab_end();
}

int main(void)
{
  receive_window();
  scaled_window();
  send_window();
  tiny_windows();
  shrunk_window();
  zero_window();
  closed_for_long();
  return lwt_test_done();
}
