/* t-tcp-ecn.c - explicit congestion notification: transcripts of RFC 3168 6.1.
 * SPDX-License-Identifier: ISC
 */
#include "tcplab.h"

enum { CE = 3, ECT_0 = 2 };

static const struct lwt_net_config with = { .tcp_with = LWT_NET_TCP_ECN,
                                            .tcp_congestion = "newreno" };
static const struct lwt_net_config without = { .tcp_without = LWT_NET_TCP_ECN };

/* The peer opens and asks for ECN. */
static void begin(const char *what, const struct lwt_net_config *config)
{
  printf("# %s\n", what);
  lab_start(config);
  lab_listen(16);
  in("SEC 0 win 60000 mss 1000 sok");
}

static void established(void)
{
  lab_discard();
  in("A 1 ack 1 win 60000");
  lab_expect(lwt_accept(lab_listener));
  lab_discard();
}

static uint32_t cwnd(void)
{
  struct lwt_net_tcp_info info;

  lwt_net_tcp_info(lab_flow, &info);
  return info.cwnd;
}

static void negotiated(void)
{
  begin("SHLD-8, 6.1.1: asked, agreed", NULL);
  out("SAE 0 ack 1 win 65535 mss 1460 sok");
  is_int(lab_tos, 0, "SYN-ACKs are not ECN-capable");
  established();
  write_len(lab_flow, 1, 1000);
  out("PA 1 ack 1 win 65535 len 1000");
  is_int(lab_tos, ECT_0, "data is");
  advance(LWT_MS(250));
  ok(lab_discard() > 0, "sent again");
  is_int(lab_tos, 0, "6.1.5: what is sent again is not");
  in("PA 1 ack 1001 win 60000 'x'");
  advance(LWT_MS(40));
  out("A 1001 ack 2 win 65534");
  is_int(lab_tos, 0, "nor is an ACK");
  lab_end();

  begin("asked, but switched off", &without);
  out("SA 0 ack 1 win 65535 mss 1460 sok");
  established();
  write_len(lab_flow, 1, 1000);
  lab_discard();
  is_int(lab_tos, 0, "not ECN-capable");
  lab_end();

  printf("# not asked\n");
  lab_start(&with);
  lab_open("mss 1000", 60000);
  write_len(lab_flow, 1, 1000);
  lab_discard();
  is_int(lab_tos, 0, "not ECN-capable");
  lab_end();
}

static void we_ask(void)
{
  printf("# we ask, if the configuration says so\n");
  lab_start(&with);
  lab_connect();
  out("SEC 0 win 65535 mss 1460 ws 0 sok ts 0/0");
  in("SAE 0 ack 1 win 60000 mss 1000");
  lab_discard();
  write_len(lab_flow, 1, 100);
  lab_discard();
  is_int(lab_tos, ECT_0, "agreed");
  lab_end();

  printf("# a peer that only echoes the flags of the SYN has not agreed\n");
  lab_start(&with);
  lab_connect();
  lab_discard();
  in("SAEC 0 ack 1 win 60000 mss 1000");
  lab_discard();
  write_len(lab_flow, 1, 100);
  lab_discard();
  is_int(lab_tos, 0, "not ECN-capable");
  lab_end();

  printf("# 6.1.1.1: the SYN is lost: without\n");
  lab_start(&with);
  lab_connect();
  lab_discard();
  advance(LWT_S(1));
  out("S 0 win 65535 mss 1460 ws 0 sok ts 1000/0");
  in("SAE 0 ack 1 win 60000 mss 1000");
  lab_discard();
  write_len(lab_flow, 1, 100);
  lab_discard();
  is_int(lab_tos, 0, "not ECN-capable");
  lab_end();

  printf("# not by default\n");
  lab_start(NULL);
  lab_connect();
  out("S 0 win 65535 mss 1460 ws 0 sok ts 0/0");
  lab_end();
}

static void echoed(void)
{
  begin("6.1.3: a mark is echoed until CWR comes", NULL);
  established();
  lab_in_tos = CE;
  in("A 1 ack 1 win 60000 len 1000");
  lab_in_tos = ECT_0;
  out("AE 1 ack 1001 win 64535");
  in("A 1001 ack 1 win 60000 len 1000");
  in("A 2001 ack 1 win 60000 len 1000");
  out("AE 1 ack 3001 win 62535");
  in("AC 3001 ack 1 win 60000 len 1000");
  in("A 4001 ack 1 win 60000 len 1000");
  out("A 1 ack 5001 win 60535");
  lab_in_tos = CE;
  in("AC 5001 ack 1 win 60000 len 1000");
  out("AE 1 ack 6001 win 59535");
  is_int(STAT(tcp_ecn_marked), 2, "marks are counted");
  lab_end();
}

static void reacts(void)
{
  begin("6.1.2: ECE halves the window, once a round trip; CWR says so", &with);
  established();
  write_len(lab_flow, 1, 60000);
  is_int(lab_discard(), 10, "ten segments");
  in("AE 1 ack 1001 win 60000");
  is_int(cwnd(), 4500, "half of what was in flight");
  quiet();
  in("AE 1 ack 3001 win 60000");
  in("AE 1 ack 6001 win 60000");
  is_int(STAT(tcp_ecn_reduced), 1, "not again for the same window");
  out("AC 10001 ack 1 win 65535 len 1000");
  is_int(lab_tos, ECT_0, "with new data");
  in("A 1 ack 10001 win 60000");
  lab_discard();
  ok(cwnd() < 7000, "congestion avoidance");
  in("AE 1 ack 11001 win 60000");
  is_int(STAT(tcp_ecn_reduced), 2, "a later window may be reduced again");
  is_int(STAT(tcp_retransmits), 0, "nothing was sent again");
  lab_end();
}

int main(void)
{
  negotiated();
  we_ask();
  echoed();
  reacts();
  return lwt_test_done();
}
