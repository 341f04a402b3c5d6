/* t-tcp-recover.c - how much is sent in a recovery (RFC 6937), and timeouts that
 * were for nothing (RFC 5682): transcripts.
 * SPDX-License-Identifier: ISC
 */
#include "tcplab.h"

static struct lwt_net_config config = { .tcp_congestion = "newreno",
                                        .tcp_without = LWT_NET_TCP_PACING };

/* A connection with segments of 1000 bytes, a round trip of 100 ms behind it. */
static void begin(const char *what, const char *options)
{
  printf("# %s\n", what);
  lab_start(&config);
  lab_listen(16);
  in("S 0 win 60000 mss 1000 %s", options);
  lab_discard();
  advance(LWT_MS(100));
  in("A 1 ack 1 win 60000%s", strstr(options, "ts ") ? " ts 0/0" : "");
  lab_expect(lwt_accept(lab_listener));
  lab_discard();
}

static void out_run(uint32_t from, uint32_t to)
{
  for (; from < to; from += 1000)
    out("A %u ack 1 win 65535 len 1000", from);
}

/* ---- Proportional rate reduction --------------------------------------- */

/* 20 segments in flight, the first is lost, each of the others is SACKed. */
static void reduction(void)
{
  uint32_t end, sent[20], n = 0, before;

  begin("RFC 6937 3: one of twenty is lost: half of what arrives is sent", "sok");
  lab_conn()->cwnd = 20000;
  write_len(lab_flow, 1, 100000);
  out_run(1, 20001);
  advance(LWT_MS(100));
  for (end = 2001; end <= 20001; end += 1000) {
    before = lab_info().sent_again;
    in("A 1 ack 1 win 60000 sack 1001-%u", end);
    sent[n++] = lab_discard() - (uint32_t)(lab_info().sent_again - before);
    if (end == 2001) /* one overtook it: the reordering window */
      continue;
    if (end >= 4001 && end < 20001)
      is_str(lab_info().recovery, "recovery", "after %u", end);
  }
  is_int(lab_info().ssthresh, 10000, "half of the flight");
  is_int(lab_info().sent_again, 1, "one was lost");
  /* Limited transmit for the first two, then one for two. */
  is_int(sent[0] + sent[1], 2, "RFC 3042");
  for (end = 0, n = 2; n < 19; n++) {
    end += sent[n];
    ok(sent[n] <= 1, "no burst: %u", sent[n]);
  }
  ok(end >= 7 && end <= 9, "%u new ones for 17 that arrived", end);
  in("A 1 ack 22001 win 60000");
  is_int(lab_info().cwnd, 10000, "cwnd is ssthresh at the end");
  is_str(lab_info().recovery, "open", "over");
  lab_discard();
  lab_end();
}

/* Most of a flight is lost: what is sent again follows what arrives. */
static void slow_start(void)
{
  unsigned n;

  begin("RFC 6937 3.1: much is lost: what is sent follows what arrives", "sok");
  lab_conn()->cwnd = 20000;
  write_len(lab_flow, 1, 100000);
  lab_discard();
  advance(LWT_MS(100));
  in("A 1 ack 1 win 60000 sack 17001-20001");
  n = lab_discard();
  is_int(lab_info().ssthresh, 10000, "half of the flight");
  is_int(n, 3, "three arrived: three of seventeen at once, and no ten");
  advance(LWT_MS(100));
  in("A 1 ack 1001 win 60000 sack 17001-20001");
  is_int(lab_discard(), 2, "one arrived: it and one more");
  in("A 1 ack 2001 win 60000 sack 17001-20001");
  is_int(lab_discard(), 2, "once more");
  in("A 1 ack 3001 win 60000 sack 17001-20001");
  lab_discard();
  ok(lab_info().in_flight - lab_info().sacked - lab_info().lost <= 10000,
     "never above ssthresh");
  is_int(STAT(tcp_rto), 0, "no timeout");
  lab_end();
}

static void timer(void)
{
  begin("RFC 6937: what the reordering timer finds begins with one segment", "sok");
  write_len(lab_flow, 1, 8000);
  lab_discard();
  advance(LWT_MS(100));
  in("A 1 ack 1 win 60000 sack 7001-8001");
  quiet();
  advance(LWT_MS(25));
  out_run(1, 1001);
  quiet();
  advance(LWT_MS(100));
  in("A 1 ack 1001 win 60000 sack 7001-8001");
  out_run(1001, 3001);
  quiet();
  lab_end();
}

/* ---- F-RTO ------------------------------------------------------------- */

/* Ten segments are on a path that became slow: a timeout. */
static void time_out(const char *what, const char *options)
{
  begin(what, options);
  write_len(lab_flow, 1, 30000);
  out_run(1, 10001);
  advance(LWT_MS(50));
  while (!STAT(tcp_rto))
    advance(LWT_MS(10));
  lab_discard();
  is_int(lab_info().cwnd, 1000, "a timeout: one segment");
  is_int(STAT(tcp_retransmits), 1, "was sent again");
}

static void spurious(const char *what, const char *options)
{
  uint64_t again;
  uint32_t nxt;

  time_out(what, options);
  nxt = lab_info().in_flight + 1;
  again = lab_info().sent_again;
  in("A 1 ack 1001 win 60000"); /* of the original */
  out_run(nxt, nxt + 2000);
  quiet();
  is_int(STAT(tcp_spurious), 0, "nothing is known yet");
  in("A 1 ack 2001 win 60000");
  is_int(STAT(tcp_spurious), 1, "the ACK of one that was sent once: undone");
  ok(lab_info().cwnd >= 10000, "cwnd is %u", lab_info().cwnd);
  is_str(lab_info().recovery, "open", "no recovery");
  lab_discard();
  in("A 1 ack 10001 win 60000");
  lab_discard();
  is_int(lab_info().sent_again, again, "nothing else was sent again");
  ok(lab_info().ssthresh > 1000000, "ssthresh as it was");
  lab_end();
}

static void spurious_at_once(void)
{
  time_out("RFC 5682: the second ACK is of everything", "");
  in("A 1 ack 1001 win 60000");
  out_run(10001, 12001);
  in("A 1 ack 10001 win 60000");
  is_int(STAT(tcp_spurious), 1, "undone");
  ok(lab_info().cwnd >= 10000, "cwnd is %u", lab_info().cwnd);
  lab_discard();
  lab_end();
}

static void lost(void)
{
  time_out("RFC 5682 2.1 3a: a duplicate ACK: they were lost", "");
  in("A 1 ack 1001 win 60000");
  out_run(10001, 12001);
  in("A 1 ack 1001 win 60000"); /* of the new ones */
  is_int(STAT(tcp_spurious), 0, "not undone");
  is_int(lab_info().cwnd, 3000, "at most three segments");
  ok(lab_discard() > 0, "recovery goes on");
  in("A 1 ack 1001 win 60000");
  lab_discard();
  in("A 1 ack 4001 win 60000");
  lab_discard();
  in("A 1 ack 12001 win 60000");
  is_str(lab_info().recovery, "open", "and ends");
  lab_discard();
  lab_end();

  time_out("RFC 5682 3: the same with SACK", "sok");
  in("A 1 ack 1001 win 60000");
  lab_discard();
  in("A 1 ack 1001 win 60000 sack 11001-12001");
  is_int(STAT(tcp_spurious), 0, "not undone");
  out_run(1001, 3001);
  lab_end();

  time_out("RFC 5682 2.1 2a: the first ACK reaches to the end: nothing is known", "");
  in("A 1 ack 10001 win 60000");
  out_run(10001, 12001);
  in("A 1 ack 12001 win 60000");
  is_int(STAT(tcp_spurious), 0, "not undone");
  lab_discard();
  lab_end();

  time_out("RFC 5682 2.1 2a: the first ACK is a duplicate", "");
  in("A 1 ack 1 win 60000");
  in("A 1 ack 1001 win 60000");
  out_run(1001, 3001);
  is_int(STAT(tcp_spurious), 0, "as usual");
  lab_end();
}

static void nothing_new(void)
{
  begin("RFC 5682: there is no new data: recovery as usual", "");
  write_len(lab_flow, 1, 10000);
  lab_discard();
  advance(LWT_S(1));
  lab_discard();
  in("A 1 ack 1001 win 60000");
  out_run(1001, 3001);
  quiet();
  lab_end();
}

static void twice(void)
{
  time_out("RFC 5682 1: after a second timeout in a row F-RTO is not tried", "");
  while (STAT(tcp_rto) < 2)
    advance(LWT_MS(10));
  lab_discard();
  in("A 1 ack 1001 win 60000");
  out_run(1001, 3001);
  quiet();
  lab_end();
}

static void cubic(void)
{
  uint64_t before[8];

  config.tcp_congestion = "cubic";
  begin("RFC 5682: CUBIC goes back to where it was", "");
  lab_conn()->ssthresh = lab_conn()->cwnd = 10000;
  write_len(lab_flow, 1, 60000);
  out_run(1, 10001);
  memcpy(before, lab_conn()->cc_state, sizeof before);
  while (!STAT(tcp_rto))
    advance(LWT_MS(10));
  lab_discard();
  ok(memcmp(before, lab_conn()->cc_state, sizeof before), "the timeout has changed it");
  in("A 1 ack 1001 win 60000");
  lab_discard();
  in("A 1 ack 2001 win 60000");
  is_int(STAT(tcp_spurious), 1, "undone");
  ok(!memcmp(before, lab_conn()->cc_state, sizeof before), "its state is that of before");
  is_int(lab_info().ssthresh, 10000, "ssthresh");
  ok(lab_info().cwnd >= 10000, "cwnd");
  lab_discard();
  lab_end();
  config.tcp_congestion = "newreno";
}

int main(void)
{
  reduction();
  slow_start();
  timer();
  spurious("RFC 5682 2.1: two ACKs that move on after a timeout: it was spurious", "");
  spurious("RFC 5682 3: the same with SACK", "sok");
  spurious_at_once();
  lost();
  nothing_new();
  twice();
  cubic();
  return lwt_test_done();
}
