/* t-tcp-loss.c - retransmission and congestion control: transcripts of RFC 6298,
 * RFC 5681, RFC 6582, RFC 6675, RFC 3042, RFC 6928.
 * SPDX-License-Identifier: ISC
 */
#include "tcplab.h"

static const struct lwt_net_config newreno = { .tcp_congestion = "newreno" };

/* A connection with segments of 1000 bytes and a window for all. */
static void begin(const char *what, const char *options)
{
  char all[60];

  printf("# %s\n", what);
  lab_start(&newreno);
  snprintf(all, sizeof all, "mss 1000 %s", options);
  lab_open(all, 60000);
}

static uint64_t srtt(void)
{
  struct lwt_net_tcp_info info;

  lwt_net_tcp_info(lab_flow, &info);
  return info.srtt;
}
static uint64_t rto(void)
{
  struct lwt_net_tcp_info info;

  lwt_net_tcp_info(lab_flow, &info);
  return info.rto;
}
static uint32_t cwnd(void)
{
  struct lwt_net_tcp_info info;

  lwt_net_tcp_info(lab_flow, &info);
  return info.cwnd;
}

static uint32_t ssthresh(void)
{
  struct lwt_net_tcp_info info;

  lwt_net_tcp_info(lab_flow, &info);
  return info.ssthresh;
}

/* Segments of the pattern [from, to) of 1000 bytes each were sent; acknowledge
 * nothing. */
static void out_run(uint32_t from, uint32_t to)
{
  for (; from < to; from += 1000)
    out("A %u ack 1 win 65535 len 1000", from);
}

/* ---- Timeouts ---------------------------------------------------------- */

static void timeouts(void)
{
  begin("MUST-19: retransmission timeout, doubled each time (RFC 6298 5.5)", "");
  write_text(lab_flow, "x");
  out("PA 1 ack 1 win 65535 'x'");
  advance(LWT_MS(199));
  quiet();
  advance(LWT_MS(1));
  out("PA 1 ack 1 win 65535 'x'");
  advance(LWT_MS(399));
  quiet();
  advance(LWT_MS(1));
  out("PA 1 ack 1 win 65535 'x'");
  advance(LWT_MS(800));
  out("PA 1 ack 1 win 65535 'x'");
  in("A 1 ack 2 win 60000");
  advance(LWT_S(1000));
  quiet();
  lab_end();

  begin("the timer is restarted by each new ACK (RFC 6298 5.3)", "");
  write_len(lab_flow, 1, 3000);
  lab_discard();
  advance(LWT_MS(150));
  in("A 1 ack 1001 win 60000");
  advance(LWT_MS(199));
  in("A 1 ack 2001 win 60000");
  advance(LWT_MS(199));
  quiet();
  advance(LWT_MS(1));
  out("PA 2001 ack 1 win 65535 len 1000");
  lab_end();
}

static void karn(void)
{
  begin("MUST-18: an ACK of a retransmission is no sample, the backoff stays", "");
  is_int(rto(), LWT_MS(200), "the least RTO");
  write_text(lab_flow, "x");
  lab_discard();
  advance(LWT_MS(200));
  is_int(rto(), LWT_MS(400), "doubled");
  advance(LWT_MS(100));
  in("A 1 ack 2 win 60000");
  ok(srtt() < LWT_MS(1), "no sample was taken");
  is_int(rto(), LWT_MS(400), "still doubled");
  write_text(lab_flow, "y");
  advance(LWT_MS(100));
  in("A 1 ack 3 win 60000");
  ok(srtt() > LWT_MS(10), "a sample of what was sent once");
  is_int(rto(), LWT_MS(200), "computed anew");
  lab_end();

  begin("RFC 7323: with timestamps a retransmission can be measured", "ts 0/0");
  write_text(lab_flow, "x");
  lab_discard();
  advance(LWT_MS(200));
  lab_discard();
  advance(LWT_MS(100));
  in("A 1 ack 2 win 60000 ts 1/200"); /* the second one arrived */
  ok(srtt() > LWT_MS(10) && srtt() < LWT_MS(14), "100 ms / 8");
  lab_end();
}

static void samples(void)
{
  begin("RFC 6298 2: SRTT and RTTVAR", "");
  write_text(lab_flow, "x");
  advance(LWT_MS(100));
  in("A 1 ack 2 win 60000");
  is_int(srtt(), 12500001, "7/8 of 1 ns and 1/8 of 100 ms");
  write_text(lab_flow, "x");
  advance(LWT_MS(100));
  in("A 1 ack 3 win 60000");
  is_int(srtt() / 1000, 23437, "once more");
  lab_end();
}

static void lost_syn(void)
{
  printf("# RFC 6298 5.7: a SYN was retransmitted: RTO 3 s\n");
  lab_start(&newreno);
  lab_connect();
  advance(LWT_S(1));
  lab_discard();
  in("SA 0 ack 1 win 60000 mss 1000");
  lab_discard();
  is_int(rto(), LWT_S(3), "3 s");
  write_len(lab_flow, 1, 20000);
  is_int(lab_discard(), 10, "one lost SYN costs no initial window (RFC 6928 2)");
  lab_end();

  printf("# RFC 5681 3.1: it was retransmitted twice: one segment\n");
  lab_start(&newreno);
  lab_connect();
  advance(LWT_S(3));
  lab_discard();
  in("SA 0 ack 1 win 60000 mss 1000");
  lab_discard();
  write_len(lab_flow, 1, 20000);
  is_int(lab_discard(), 1, "one segment");
  lab_end();
}

static void after_timeout(void)
{
  begin("RFC 5681 3.1: after a timeout slow start from one segment, everything that\n"
        "# was in flight is sent again", "");
  write_len(lab_flow, 1, 30000);
  out_run(1, 10001);
  advance(LWT_MS(200));
  out_run(1, 1001);
  advance(LWT_MS(400)); /* the second one in a row: not for F-RTO */
  out_run(1, 1001);
  quiet();
  is_int(cwnd(), 1000, "the loss window");
  in("A 1 ack 1001 win 60000");
  out_run(1001, 3001);
  in("A 1 ack 2001 win 60000");
  out_run(3001, 5001);
  in("A 1 ack 8001 win 60000"); /* those were not lost */
  out_run(8001, 12001);
  quiet();
  is_int(cwnd(), 4000, "one segment for each ACK (RFC 3465)");
  lab_end();

  begin("after a timeout SACK still says what need not be sent", "sok");
  write_len(lab_flow, 1, 30000);
  out_run(1, 10001);
  in("A 1 ack 1 win 60000 sack 9001-10001");
  out_run(10001, 11001);
  advance(LWT_MS(1)); /* RACK: the others are lost */
  ok(lab_discard() > 0, "sent again");
  advance(LWT_MS(200)); /* and lost again */
  out_run(1, 1001);
  quiet();
  in("A 1 ack 8001 win 60000 sack 9001-10001");
  out_run(8001, 9001);
  out_run(10001, 11001);
  quiet();
  lab_end();
}

static void reneging(void)
{
  begin("RFC 2018 8: a peer may throw away what it has SACKed", "sok");
  write_len(lab_flow, 1, 10000);
  lab_discard();
  in("A 1 ack 1 win 60000 sack 2001-10001");
  lab_discard();
  in("A 1 ack 2001 win 60000"); /* and 2001 is not acknowledged */
  lab_discard();
  advance(LWT_S(1));
  out("A 2001 ack 1 win 65535 len 1000");
  lab_discard();
  in("A 1 ack 3001 win 60000");
  ok(lab_discard() >= 1, "the rest is sent again as well");
  lab_end();
}

/* ---- Congestion window ------------------------------------------------- */

static void initial_window(void)
{
  begin("RFC 6928: ten segments at first", "");
  write_len(lab_flow, 1, 50000);
  is_int(lab_discard(), 10, "ten");
  lab_end();

  printf("# RFC 6928: but no more than 14600 bytes, or two segments\n");
  lab_start(&newreno);
  lab_mtu = 9000;
  lab_open("mss 8960", 60000);
  write_len(lab_flow, 1, 50000);
  is_int(lab_discard(), 2, "two of 8960");
  lab_end();
}

static void slow_start(void)
{
  begin("slow start: an acknowledged segment makes room for two", "");
  write_len(lab_flow, 1, 50000);
  out_run(1, 10001);
  in("A 1 ack 1001 win 60000");
  out_run(10001, 12001);
  in("A 1 ack 3001 win 60000");
  out_run(12001, 16001);
  quiet();
  lab_end();

  begin("a window that was not used does not grow (RFC 7661)", "");
  {
    uint32_t i;

    for (i = 0; i < 50; i++) {
      write_len(lab_flow, 1 + i * 1000, 1000);
      in("A 1 ack %u win 60000", 1001 + i * 1000);
    }
  }
  is_int(cwnd(), 10000, "50 segments one by one");
  lab_end();
}

static void congestion_avoidance(void)
{
  uint32_t i, una = 1, start;

  begin("congestion avoidance: one segment more per window", "");
  write_len(lab_flow, 1, 200000);
  out_run(1, 10001);
  advance(LWT_MS(200));
  lab_discard();
  in("A 1 ack 10001 win 60000"); /* ssthresh 5 segments */
  lab_discard();
  una = 10001;
  for (i = 0; i < 10 && cwnd() < 5000; i++) {
    una += cwnd();
    in("A 1 ack %u win 60000", una);
    lab_discard();
  }
  start = cwnd();
  is_int(start, 5000, "slow start up to ssthresh");
  for (i = 0; i < 4; i++) {
    una += 1000;
    in("A 1 ack %u win 60000", una);
    lab_discard();
  }
  is_int(cwnd(), start, "four ACKs are less than a window");
  in("A 1 ack %u win 60000", una + 1000);
  is_int(cwnd(), start + 1000, "five are one");
  lab_end();
}

static void idle_restart(void)
{
  begin("RFC 5681 4.1: after an idle time the initial window", "");
  write_len(lab_flow, 1, 30000);
  lab_discard();
  in("A 1 ack 10001 win 60000");
  lab_discard();
  in("A 1 ack 28001 win 60000");
  lab_discard();
  in("A 1 ack 30001 win 60000");
  ok(cwnd() > 20000, "the window has grown");
  advance(LWT_S(1));
  write_len(lab_flow, 30001, 30000);
  is_int(lab_discard(), 10, "ten segments");
  lab_end();
}

/* ---- Fast retransmit, NewReno ------------------------------------------ */

static void fast_retransmit(void)
{
  begin("RFC 5681 3.2: the third duplicate ACK retransmits; RFC 3042: the first two\n"
        "# send new segments", "");
  write_len(lab_flow, 1, 50000);
  out_run(1, 10001);
  in("A 1 ack 1 win 60000");
  out_run(10001, 11001);
  in("A 1 ack 1 win 60000");
  out_run(11001, 12001);
  in("A 1 ack 1 win 60000");
  out_run(1, 1001);
  quiet();
  is_int(ssthresh(), 5000, "half of what was in flight");
  for (int i = 4; i <= 5; i++)
    in("A 1 ack 1 win 60000");
  quiet();
  in("A 1 ack 1 win 60000"); /* RFC 6937: about one for two */
  out_run(12001, 13001);
  in("A 1 ack 1 win 60000");
  in("A 1 ack 1 win 60000");
  quiet(); /* 13 sent, 8 with the peer: 5 in flight, which is ssthresh */
  in("A 1 ack 1 win 60000");
  out_run(13001, 14001);
  in("A 1 ack 12001 win 60000"); /* everything before recovery */
  out_run(14001, 15001);
  quiet();
  is_int(cwnd(), 3000, "RFC 6582 3.2 (1): no burst: what is in flight and one");
  is_int(STAT(tcp_fast_recovery), 1, "counted");
  is_int(STAT(tcp_rto), 0, "no timeout");
  lab_end();
}

static void new_reno(void)
{
  begin("RFC 6582: a partial ACK shows the next hole", "");
  write_len(lab_flow, 1, 50000);
  out_run(1, 10001);
  for (int i = 0; i < 3; i++) /* 1 and 4001 were lost */
    in("A 1 ack 1 win 60000");
  out_run(10001, 12001);
  out_run(1, 1001);
  quiet();
  for (int i = 0; i < 5; i++)
    in("A 1 ack 1 win 60000");
  lab_discard();
  in("A 1 ack 4001 win 60000");
  out_run(4001, 5001);
  lab_discard();
  in("A 1 ack 4001 win 60000"); /* duplicates do not retransmit it again */
  in("A 1 ack 4001 win 60000");
  in("A 1 ack 4001 win 60000");
  in("A 1 ack 4001 win 60000");
  is_int(STAT(tcp_retransmits), 2, "two retransmissions");
  in("A 1 ack 15001 win 60000");
  is_int(STAT(tcp_fast_recovery), 1, "one recovery");
  lab_end();
}

static void not_duplicates(void)
{
  begin("what is no duplicate ACK: data, a new window, nothing outstanding", "");
  in("A 1 ack 1 win 60000");
  in("A 1 ack 1 win 60000");
  in("A 1 ack 1 win 60000");
  in("A 1 ack 1 win 60000");
  quiet();
  write_len(lab_flow, 1, 10000);
  out_run(1, 9001);
  out("PA 9001 ack 1 win 65535 len 1000");
  in("A 1 ack 1 win 60000 'a'");
  in("A 2 ack 1 win 60000 'b'");
  in("A 3 ack 1 win 60000 'c'");
  in("A 4 ack 1 win 60001");
  in("A 4 ack 1 win 60002");
  in("A 4 ack 1 win 60003");
  in("A 4 ack 1 win 60004");
  is_int(STAT(tcp_retransmits), 0, "nothing was retransmitted");
  lab_end();

  begin("RFC 6582 3.2: duplicate ACKs after a timeout are no new loss", "");
  write_len(lab_flow, 1, 10000);
  lab_discard();
  advance(LWT_MS(200));
  lab_discard();
  in("A 1 ack 10001 win 60000");
  write_len(lab_flow, 10001, 5000);
  lab_discard();
  in("A 1 ack 10001 win 60000");
  in("A 1 ack 10001 win 60000");
  in("A 1 ack 10001 win 60000");
  is_int(STAT(tcp_fast_recovery), 0, "no fast recovery");
  lab_end();
}

/* ---- SACK -------------------------------------------------------------- */

static void sack_recovery(void)
{
  begin("RFC 6675: all holes are filled in one round trip, and nothing else", "sok");
  write_len(lab_flow, 1, 50000);
  out_run(1, 10001);
  in("A 1 ack 1 win 60000 sack 1001-2001");
  out_run(10001, 11001);
  in("A 1 ack 1 win 60000 sack 3001-4001 1001-2001");
  out_run(11001, 12001);
  in("A 1 ack 1 win 60000 sack 5001-6001 3001-4001 1001-2001");
  out_run(1, 1001);
  quiet();
  is_int(ssthresh(), 5000, "half of what was in flight");
  /* lost: 1, 2001, 4001 when three ranges are above */
  in("A 1 ack 1 win 60000 sack 5001-7001 3001-4001 1001-2001");
  in("A 1 ack 1 win 60000 sack 5001-8001 3001-4001 1001-2001");
  quiet(); /* in flight: 12 - 5 with the peer - 2 lost = 5 */
  in("A 1 ack 1 win 60000 sack 5001-9001 3001-4001 1001-2001");
  out_run(2001, 3001);
  in("A 1 ack 1 win 60000 sack 5001-10001 3001-4001 1001-2001");
  out_run(4001, 5001);
  in("A 1 ack 2001 win 60000 sack 5001-10001 3001-4001");
  out_run(12001, 13001);
  in("A 1 ack 12001 win 60000");
  is_int(STAT(tcp_retransmits), 3, "three lost, three sent again");
  is_int(STAT(tcp_rto), 0, "no timeout");
  lab_end();
}

static void sack_tail(void)
{
  begin("a hole that recovery finds later (no reordering: at once)", "sok");
  write_len(lab_flow, 1, 10000);
  out_run(1, 9001);
  out("PA 9001 ack 1 win 65535 len 1000");
  in("A 1 ack 1 win 60000 sack 1001-7001");
  out_run(1, 1001);
  in("A 1 ack 1 win 60000 sack 8001-9001 1001-7001");
  out_run(7001, 8001);
  in("A 1 ack 10001 win 60000");
  advance(LWT_S(10));
  quiet();
  is_int(STAT(tcp_rto), 0, "no timeout");
  lab_end();

  begin("two holes, one behind a partial ACK", "sok");
  write_len(lab_flow, 1, 10000);
  lab_discard();
  in("A 1 ack 1 win 60000 sack 1001-8001");
  out_run(1, 1001);
  quiet();
  in("A 1 ack 8001 win 60000 sack 9001-10001");
  out_run(8001, 9001);
  in("A 1 ack 10001 win 60000");
  is_int(STAT(tcp_rto), 0, "no timeout");
  lab_end();
}

static void sack_lies(void)
{
  begin("SACK blocks that cannot be are ignored", "sok");
  write_len(lab_flow, 1, 10000);
  lab_discard();
  in("A 1 ack 1 win 60000 sack 20001-30001 5001-4001 10001-10002 0-1");
  in("A 1 ack 1 win 60000 sack 4294960000-2001 1-1001");
  in("A 1 ack 1 win 60000 sack 20001-30001");
  in("A 1 ack 1 win 60000 sack 20001-30001");
  quiet();
  is_int(STAT(tcp_retransmits), 0, "nothing was retransmitted");
  lab_end();
}

static void many_holes(void)
{
  uint32_t i;

  begin("the scoreboard is bounded", "sok");
  lab_mtu = 1500;
  write_len(lab_flow, 1, 60000);
  for (i = 0; i < 12; i++) {
    in("A 1 ack %u win 60000", 1 + 5000 * i);
    lab_discard();
  }
  for (i = 55003; i < 59000; i += 4)
    in("A 1 ack 55001 win 60000 sack %u-%u", i, i + 1);
  ok(lab_discard() > 0, "it goes on");
  in("A 1 ack 60001 win 60000");
  quiet();
  lab_end();
}

int main(void)
{
  timeouts();
  karn();
  samples();
  lost_syn();
  after_timeout();
  reneging();
  initial_window();
  slow_start();
  congestion_avoidance();
  idle_restart();
  fast_retransmit();
  new_reno();
  not_duplicates();
  sack_recovery();
  sack_tail();
  sack_lies();
  many_holes();
  return lwt_test_done();
}
