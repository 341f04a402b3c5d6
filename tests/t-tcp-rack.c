/* t-tcp-rack.c - loss by the times: transcripts of RFC 8985 (RACK, tail loss
 * probes), RFC 2883 (D-SACK), RFC 3522 and 3708 (recoveries undone), and what a
 * hostile peer's SACKs can cost.
 * SPDX-License-Identifier: ISC
 */
#include "tcplab.h"

static const struct lwt_net_config newreno = { .tcp_congestion = "newreno",
                                               .tcp_without = LWT_NET_TCP_PACING };

/* A connection with segments of 1000 bytes, a round trip of 100 ms behind it. */
static void begin(const char *what, const char *options)
{
  char all[80];

  printf("# %s\n", what);
  lab_start(&newreno);
  lab_listen(16);
  snprintf(all, sizeof all, "S 0 win 60000 mss 1000 %s", options);
  in("%s", all);
  lab_discard();
  advance(LWT_MS(100));
  in("A 1 ack 1 win 60000%s", strstr(options, "ts ") ? " ts 0/0" : "");
  lab_expect(lwt_accept(lab_listener));
  lab_discard();
}

static uint32_t cwnd(void)
{
  struct lwt_net_tcp_info info;

  lwt_net_tcp_info(lab_flow, &info);
  return info.cwnd;
}

static void out_run(uint32_t from, uint32_t to)
{
  for (; from < to; from += 1000)
    out("A %u ack 1 win 65535 len 1000", from);
}

/* ---- RACK -------------------------------------------------------------- */

static void reordering_window(void)
{
  begin("6.2: lost is what was overtaken a reordering window ago", "sok");
  write_len(lab_flow, 1, 8000);
  lab_discard();
  advance(LWT_MS(100));
  in("A 1 ack 1 win 60000 sack 1001-2001");
  quiet(); /* one segment overtook it: min_RTT / 4 */
  advance(LWT_MS(24));
  quiet();
  advance(LWT_MS(1));
  out_run(1, 1001);
  quiet();
  is_int(STAT(tcp_fast_recovery), 1, "recovery after 25 ms");
  lab_end();

  begin("it arrives within the window: nothing is sent again", "sok");
  write_len(lab_flow, 1, 8000);
  lab_discard();
  advance(LWT_MS(100));
  in("A 1 ack 1 win 60000 sack 1001-2001");
  advance(LWT_MS(20));
  in("A 1 ack 2001 win 60000");
  advance(LWT_MS(70));
  is_int(STAT(tcp_retransmits), 0, "nothing");
  is_int(STAT(tcp_reordering), 1, "reordering is seen");
  lab_end();

  begin("after reordering three segments are no longer enough", "sok");
  write_len(lab_flow, 1, 2000);
  lab_discard();
  advance(LWT_MS(100));
  in("A 1 ack 1 win 60000 sack 1001-2001");
  in("A 1 ack 2001 win 60000");
  write_len(lab_flow, 2001, 8000);
  lab_discard();
  advance(LWT_MS(100));
  in("A 1 ack 2001 win 60000 sack 3001-8001");
  quiet();
  advance(LWT_MS(25));
  out_run(2001, 3001);
  lab_end();
}

static void lost_retransmission(void)
{
  begin("a retransmission that is lost is found without a timeout", "sok");
  write_len(lab_flow, 1, 60000);
  lab_discard();
  advance(LWT_MS(100));
  in("A 1 ack 1 win 60000 sack 1001-5001");
  out_run(1, 1001);
  lab_discard();
  advance(LWT_MS(50));
  in("A 1 ack 1 win 60000 sack 1001-10001");
  ok(lab_discard() >= 1, "new segments follow the retransmission");
  advance(LWT_MS(100));
  in("A 1 ack 1 win 60000 sack 1001-12001"); /* sent after it */
  advance(LWT_MS(25));
  out_run(1, 1001);
  is_int(STAT(tcp_rto), 0, "no timeout");
  lab_end();
}

static void dsack_adapts(void)
{
  begin("6.2: each round with a D-SACK widens the window", "sok");
  write_len(lab_flow, 1, 8000);
  lab_discard();
  advance(LWT_MS(100));
  in("A 1 ack 1 win 60000 sack 1001-4001");
  out_run(1, 1001);
  in("A 1 ack 4001 win 60000"); /* the original */
  lab_discard();
  in("A 1 ack 4001 win 60000 sack 1-1001"); /* and the other one */
  is_int(lab_conn()->rack.mult, 2, "twice min_RTT / 4");
  is_int(STAT(tcp_spurious), 1, "RFC 3708: it was for nothing");
  is_int(cwnd(), 10000, "cwnd is what it was");
  in("A 1 ack 4001 win 60000 sack 1-1001");
  is_int(lab_conn()->rack.mult, 2, "once a round trip");
  lab_end();
}

/* ---- Recoveries that were for nothing ---------------------------------- */

static void eifel(void)
{
  begin("RFC 3522: the ACK echoes the original: the timeout was spurious",
        "ts 0/0 sok");
  write_len(lab_flow, 1, 10000);
  lab_discard();
  advance(LWT_MS(900));
  lab_discard();
  ok(STAT(tcp_rto) >= 1, "a timeout");
  is_int(cwnd(), 988, "one segment");
  in("A 1 ack 10001 win 60000 ts 1/100");
  is_int(STAT(tcp_spurious), 1, "undone");
  ok(cwnd() >= 10000, "cwnd is %u", cwnd());
  quiet();
  lab_end();

  begin("it echoes the retransmission: it was not", "ts 0/0 sok");
  write_len(lab_flow, 1, 10000);
  lab_discard();
  advance(LWT_MS(900));
  lab_discard();
  in("A 1 ack 1001 win 60000 ts 1/1000");
  is_int(STAT(tcp_spurious), 0, "not undone");
  lab_end();
}

/* ---- Tail loss probes -------------------------------------------------- */

static void tail(void)
{
  begin("7: two round trips without an ACK: the last segment again", "sok");
  write_len(lab_flow, 1, 5000);
  lab_discard();
  advance(LWT_MS(201));
  quiet();
  advance(LWT_MS(1));
  out("PA 4001 ack 1 win 65535 len 1000");
  is_int(STAT(tcp_tail_probes), 1, "counted");
  in("A 1 ack 1 win 60000 sack 4001-5001");
  advance(LWT_MS(25));
  ok(lab_discard() >= 1, "which shows what is lost");
  is_int(STAT(tcp_rto), 0, "no timeout");
  lab_end();

  begin("7.3: or a new one, if there is one", "sok");
  write_len(lab_flow, 1, 10500);
  lab_discard();
  advance(LWT_MS(202));
  out("PA 10001 ack 1 win 65535 len 500");
  quiet();
  lab_end();

  begin("7.4: the probe repaired the loss: that was congestion", "sok");
  write_len(lab_flow, 1, 5000);
  lab_discard();
  advance(LWT_MS(202));
  lab_discard();
  write_len(lab_flow, 5001, 1000);
  in("A 1 ack 4001 win 60000");
  lab_discard();
  is_int(cwnd(), 14000, "not yet known");
  in("A 1 ack 6001 win 60000");
  is_int(cwnd(), 2000, "half of what was in flight, or two segments");
  lab_end();

  begin("7.4: the probe came twice: nothing was lost", "sok");
  write_len(lab_flow, 1, 5000);
  lab_discard();
  advance(LWT_MS(202));
  lab_discard();
  in("A 1 ack 5001 win 60000");
  in("A 1 ack 5001 win 60000 sack 4001-5001");
  write_len(lab_flow, 5001, 1000);
  in("A 1 ack 6001 win 60000");
  ok(cwnd() >= 15000, "cwnd stays");
  lab_end();

  begin("one segment: the ACK may be delayed by 200 ms", "sok");
  write_len(lab_flow, 1, 500);
  lab_discard();
  advance(LWT_MS(290));
  quiet();
  lab_end();

  begin("without SACK no probe", "");
  write_len(lab_flow, 1, 5000);
  lab_discard();
  advance(LWT_MS(250));
  quiet();
  is_int(STAT(tcp_tail_probes), 0, "none");
  lab_end();
}

/* ---- We receive twice -------------------------------------------------- */

static void we_tell(void)
{
  begin("RFC 2883: what came twice is told first", "sok");
  in("A 1 ack 1 win 60000 len 1000");
  in("A 1001 ack 1 win 60000 len 1000");
  lab_discard();
  in("A 1 ack 1 win 60000 len 1000");
  out("A 1 ack 2001 win 63535 sack 1-1001");
  in("A 1501 ack 1 win 60000 len 1000");
  out("A 1 ack 2501 win 63035 sack 1501-2001");
  in("A 4001 ack 1 win 60000 len 1000");
  out("A 1 ack 2501 win 63035 sack 4001-5001");
  in("A 4001 ack 1 win 60000 len 1000");
  out("A 1 ack 2501 win 63035 sack 4001-5001 4001-5001");
  in("A 2501 ack 1 win 60000 len 1500");
  out("A 1 ack 5001 win 60535");
  quiet();
  lab_end();
}

/* ---- Hostile SACKs ----------------------------------------------------- */

static void bounded(void)
{
  uint32_t i, rng = 1, at;
  struct tcp_conn *c;

  begin("SACKs of single bytes: the map is bounded", "sok");
  c = lab_conn();
  write_len(lab_flow, 1, 10000);
  lab_discard();
  advance(LWT_MS(100));
  for (i = 0; i < 20000; i++) {
    rng = rng * 1664525 + 1013904223;
    at = 2 + (rng >> 8) % 9990;
    in("A 1 ack 1 win 60000 sack %u-%u", at, at + 1);
    lab_discard();
    if (c->sent.n > TCP_SENT_MAX)
      break;
  }
  ok(c->sent.n <= TCP_SENT_MAX && c->sent.room <= TCP_SENT_MAX, "%u ranges", c->sent.n);
  in("A 1 ack 10001 win 60000");
  quiet();
  is_int(c->sent.room, TCP_SENT_SMALL, "and small again");
  write_len(lab_flow, 10001, 10);
  in("A 1 ack 10011 win 60000");
  lab_end();
}

int main(void)
{
  reordering_window();
  lost_retransmission();
  dsack_adapts();
  eifel();
  tail();
  we_tell();
  bounded();
  return lwt_test_done();
}
