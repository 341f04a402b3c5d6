/* t-tcp-log.c - what is told of a connection: the log, the info, buffers that
 * grow, linger, urgent data.
 * SPDX-License-Identifier: ISC
 *
 *   t-tcp-log FILE    writes a log of a transfer with losses (tests/t-plot.sh)
 */
#include "tcplab.h"

static void begin(const char *what, const char *options)
{
  struct lwt_net_config config = { .tcp_receive = 1 << 20, .tcp_send = 1 << 20,
                                   .tcp_congestion = "newreno" };

  printf("# %s\n", what);
  lab_start(&config);
  lab_open(options, 60000);
}

/* ---- The log ----------------------------------------------------------- */

static void transfer(FILE *out, uint32_t events)
{
  begin("a transfer with a loss is logged", "mss 1000 ws 0 sok");
  is_int(lwt_net_tcp_log_write(lab_flow, out), LWT_EINVAL, "no log yet");
  is_int(lwt_net_tcp_log(lab_flow, events), 0, "on");
  write_len(lab_flow, 1, 20000);
  lab_discard();
  advance(LWT_MS(1));
  in("A 1 ack 1 win 60000 sack 1001-4001");
  lab_discard();
  advance(LWT_MS(1));
  in("A 1 ack 20001 win 60000 len 500");
  lab_discard();
  advance(LWT_MS(100));
  is_int(lwt_net_tcp_log_write(lab_flow, out), 0, "written");
}

static void logged(void)
{
  static const char *const want[] = {
    "0.000000 send 1 1001 cwnd 10000\n", "0.001000 acked 1 60001 cwnd 10000\n",
    "0.001000 sacked 1001 4001 cwnd 10000\n", "0.001000 recovery 1 10001 cwnd 10000\n",
    "0.001000 resend 1 1001 cwnd ", "0.002000 receive 1 501 cwnd ",
    "0.002000 acked 20001 80001 cwnd "
  };
  static char text[20000];
  FILE *out = tmpfile();
  size_t n, i;

  transfer(out, 1000);
  rewind(out);
  n = fread(text, 1, sizeof text - 1, out);
  text[n] = '\0';
  ok(!strncmp(text, "# tcp 10.0.0.2:80 10.0.0.1:7000 mss 1000, 0 events", 50),
     "the first line");
  for (i = 0; i < sizeof want / sizeof *want; i++)
    ok(strstr(text, want[i]) != NULL, "%s", want[i]);
  is_int(lwt_net_tcp_log(lab_flow, 0), 0, "off");
  is_int(lwt_net_tcp_log(lab_flow, UINT32_MAX), LWT_EINVAL, "too many");
  fclose(out);
  lab_end();

  out = tmpfile();
  transfer(out, 4);
  rewind(out);
  n = fread(text, 1, sizeof text - 1, out);
  text[n] = '\0';
  for (i = n = 0; text[i]; i++)
    n += text[i] == '\n';
  is_int(n, 5, "the last four events, after a line of comment");
  fclose(out);
  lab_end();
}

static void informed(void)
{
  struct lwt_net_tcp_info i;

  begin("struct lwt_net_tcp_info", "mss 1000 ws 0 sok");
  advance(LWT_MS(1));
  write_len(lab_flow, 1, 20000);
  lab_discard();
  advance(LWT_MS(1));
  in("A 1 ack 1 win 60000 sack 1001-4001");
  i = lab_info();
  is_str(i.recovery, "recovery", "fast recovery");
  is_int(i.in_flight, 10000, "in flight");
  is_int(i.sacked, 3000, "with the peer");
  is_int(i.sent_again, 1, "sent again");
  is_int(i.delivered, 3000, "delivered");
  is_int(i.lost, 0, "lost and not sent again");
  is_int(i.min_rtt, LWT_MS(1), "the least round trip");
  in("A 101 ack 1 win 60000 len 100");
  is_int(lab_info().out_of_order, 1, "a hole");
  ok(i.sack && !i.timestamps && !i.ecn, "what was agreed on");
  lab_discard();
  lab_end();
}

/* ---- Buffers ----------------------------------------------------------- */

static void tuned(void)
{
  uint32_t i, first;

  begin("the receive window grows when the program reads as fast", "mss 1000 ws 2");
  first = lab_info().receive_buffer;
  is_int(first, 65536, "64 KiB at first");
  for (i = 0; i < 200; i++) {
    in("A %u ack 1 win 1000 len 1000", 1 + 1000 * i);
    read_len(lab_flow, 100000);
    lab_discard();
  }
  ok(lab_info().receive_buffer > 2 * first, "now %u", lab_info().receive_buffer);
  for (; i < 5000; i++) {
    in("A %u ack 1 win 1000 len 1000", 1 + 1000 * i);
    read_len(lab_flow, 100000);
    lab_discard();
  }
  is_int(lab_info().receive_buffer, 1 << 20, "up to tcp_receive");
  lab_end();

  begin("not when it reads slowly", "mss 1000 ws 2");
  for (i = 0; i < 1000; i++) {
    in("A %u ack 1 win 1000 len 1000", 1 + 1000 * i);
    advance(LWT_MS(10));
    read_len(lab_flow, 100000);
    lab_discard();
  }
  is_int(lab_info().receive_buffer, first, "64 KiB still");
  lab_end();

  begin("nor when nobody reads: what a peer can make us hold", "mss 1000 ws 2");
  for (i = 0; i < 1000; i++) {
    in("A %u ack 1 win 1000 len 1000", 1 + 1000 * i);
    lab_discard();
  }
  ok(lab_info().unread <= first + 32, "%u bytes", lab_info().unread);
  lab_end();

  begin("the send buffer is twice the congestion window", "mss 1000 ws 2");
  is_int(lab_info().send_buffer, 65536, "64 KiB at first");
  write_len(lab_flow, 1, 1000000);
  for (i = 0; i < 12; i++) {
    lab_discard();
    in("A 1 ack %u win 60000", 1 + lab_info().in_flight + (uint32_t)lab_info().delivered);
  }
  ok(lab_info().cwnd > 50000, "cwnd %u", lab_info().cwnd);
  ok(lab_info().send_buffer >= 2 * 50000, "now %u", lab_info().send_buffer);
  lab_discard();
  lab_end();
}

/* ---- Linger ------------------------------------------------------------ */

static void lingers(void)
{
  lwt_t *p;

  begin("linger 0: close resets", "mss 1000 ws 0");
  write_len(lab_flow, 1, 100);
  lab_discard();
  lwt_net_tcp_linger(lab_flow, 0);
  p = close_flow(lab_flow);
  is_int(outcome(&p), 0, "at once");
  out("RA 101 ack 1 win 2048");
  is_int(lab.tcp->n_conns, 0, "gone");
  lab_end();

  begin("linger 1 s: then the bytes are given up", "mss 1000 ws 0");
  lwt_net_tcp_linger(lab_flow, LWT_S(1));
  write_len(lab_flow, 1, 100);
  p = close_flow(lab_flow);
  advance(LWT_MS(999));
  is_int(outcome(&p), 1, "pending");
  advance(LWT_MS(1));
  is_int(outcome(&p), LWT_ETIMEDOUT, "given up");
  is_int(lab.tcp->n_conns, 0, "gone");
  lab_discard();
  lab_end();

  begin("what arrives in time is closed in order", "mss 1000 ws 0");
  lwt_net_tcp_linger(lab_flow, LWT_S(1));
  write_len(lab_flow, 1, 100);
  p = close_flow(lab_flow);
  lab_discard();
  in("A 1 ack 102 win 1000");
  is_int(outcome(&p), 0, "closed");
  lab_discard();
  lab_end();
}

/* ---- Urgent data ------------------------------------------------------- */

static void urgent(void)
{
  uint8_t bytes[100];
  struct lwt_buf *segment;

  begin("MUST-30, MUST-31: the pointer is processed, the bytes stay in line", "mss 1000");
  segment = lab_make("PAU 1 ack 1 win 1000 'abc'");
  net_put16(segment->data + 18, 2);
  in_segment(segment);
  in_done();
  is_int(lab_info().urgent, 2, "MUST-33: bytes to read up to the last urgent one");
  is_int(STAT(tcp_urgent), 1, "counted");
  segment = lab_make("PAU 4 ack 1 win 1000 'def'");
  net_put16(segment->data + 18, 1000);
  in_segment(segment);
  in_done();
  is_int(lab_info().urgent, 1003, "MUST-32: any length, also beyond what is here");
  is_str(read_text(lab_flow), "abcdef", "in line");
  is_int(lab_info().urgent, 997, "less after reading");
  lab_discard();
  lab_end();

  begin("we send it", "mss 1000");
  is_int(lwt_net_tcp_urgent(lab_flow), LWT_EINVAL, "nothing is queued");
  write_len(lab_flow, 1, 20000); /* ten segments go, ten wait */
  lab_discard();
  is_int(lwt_net_tcp_urgent(lab_flow), 0, "all of it");
  in("A 1 ack 1001 win 60000");
  settle();
  lwt_buf_copy_out(lab_out[lab_out_at], 0, bytes, sizeof bytes);
  ok(bytes[13] & TCP_URG, "URG");
  is_int(net_get16(bytes + 18), 10000, "MUST-62: to the first byte that is not urgent");
  lab_discard();
  in("A 1 ack 11001 win 60000");
  settle();
  lab_discard();
  in("A 1 ack 20001 win 60000");
  lab_discard();
  write_len(lab_flow, 20001, 10);
  settle();
  lwt_buf_copy_out(lab_out[lab_out_at], 0, bytes, 20);
  ok(!(bytes[13] & TCP_URG), "no more");
  lab_discard();
  lab_end();
}

/* ---- Paths ------------------------------------------------------------- */

static void black_hole(void)
{
  uint32_t i;

  begin("RFC 4821 7.7: large segments vanish: smaller ones", "mss 1460");
  write_len(lab_flow, 1, 5000);
  out("A 1 ack 1 win 65535 len 1460");
  lab_discard();
  for (i = 0; i < 3 && lab_info().mss == 1460; i++) {
    advance(LWT_S(1));
    lab_discard();
  }
  is_int(lab_info().mss, 1360, "the first step");
  is_int(STAT(tcp_black_holes), 1, "counted");
  advance(LWT_S(8));
  lab_discard();
  is_int(lab_info().mss, 1220, "the second");
  in("A 1 ack 1221 win 60000");
  ok(lab_discard() >= 1, "it goes on");
  in("A 1 ack 5001 win 60000");
  lab_discard();
  lab_end(); /* t-tcp-mtu.c goes on */

  begin("a small segment that is lost says nothing about the path", "mss 1460");
  write_len(lab_flow, 1, 500);
  advance(LWT_S(8));
  lab_discard();
  is_int(lab_info().mss, 1460, "as it was");
  lab_end();
}

static void dscp(void)
{
  begin("MUST-48: differentiated services", "mss 1460");
  is_int(lwt_net_tcp_dscp(lab_flow, 46), 0, "expedited forwarding");
  is_int(lwt_net_tcp_dscp(lab_flow, 64), LWT_EINVAL, "six bits");
  write_len(lab_flow, 1, 500);
  lab_discard();
  is_int(lab_tos, 46 << 2, "in the header");
  lwt_net_tcp_dscp(lab_flow, 0);
  in("A 1 ack 501 win 60000 len 1000");
  advance(LWT_S(1));
  lab_discard();
  is_int(lab_tos, 0, "SHLD-21: and changed");
  lab_end();
}

int main(int argc, char **argv)
{
  FILE *out;

  if (argc > 1) {
    out = fopen(argv[1], "w");
    transfer(out, 1000);
    fclose(out);
    lab_end();
    return lwt_test_done();
  }
  logged();
  informed();
  tuned();
  lingers();
  urgent();
  black_hole();
  dscp();
  return lwt_test_done();
}
