/* t-tcp-uto.c - user timeouts that both ends know of (RFC 5482): transcripts.
 * SPDX-License-Identifier: ISC
 */
#include "tcplab.h"

static const struct lwt_net_config with = { .tcp_with = LWT_NET_TCP_USER_TIMEOUT,
                                            .tcp_user_timeout = LWT_S(150) };

static uint64_t timeout(void)
{
  struct lwt_net_tcp_info info;

  lwt_net_tcp_info(lab_flow, &info);
  return info.user_timeout / LWT_S(1);
}

static void begin(const char *what, const struct lwt_net_config *config)
{
  printf("# %s\n", what);
  lab_start(config);
  lab_open("mss 1000", 60000);
}

static void active(void)
{
  printf("# RFC 5482 3.1: in the SYN and in the first acknowledgment\n");
  lab_start(&with);
  lab_connect();
  out("S 0 win 65535 mss 1460 ws 0 sok ts 0/0 uto 150");
  in("SA 0 ack 1 win 60000 mss 1460 uto 200");
  out("A 1 ack 1 win 65535 uto 150");
  is_int(timeout(), 200, "the longer one");
  write_text(lab_flow, "x");
  out("PA 1 ack 1 win 65535 'x'");
  in("A 1 ack 2 win 60000 'y'");
  advance(LWT_MS(40));
  out("A 2 ack 2 win 65534");
  lab_end();
}

static void passive(void)
{
  printf("# RFC 5482 3.1: in the answer to a SYN, and in the first acknowledgment\n");
  lab_start(&with);
  lab_listen(16);
  in("S 0 win 60000 mss 1000 uto 300");
  out("SA 0 ack 1 win 65535 mss 1460 uto 150");
  in("A 1 ack 1 win 60000 uto 300");
  lab_expect(lwt_accept(lab_listener));
  quiet();
  is_int(timeout(), 300, "the peer's, from the ACK");
  in("PA 1 ack 1 win 60000 'y'");
  advance(LWT_MS(40));
  out("A 1 ack 2 win 65534 uto 150");
  in("PA 2 ack 1 win 60000 'y'");
  advance(LWT_MS(40));
  out("A 1 ack 3 win 65533");
  lab_end();
}

static void bounds(void)
{
  begin("RFC 5482 3.1: min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT))", &with);
  in("A 1 ack 1 win 60000 uto 10");
  is_int(timeout(), 150, "ours is longer");
  in("A 1 ack 1 win 60000 uto 32773");
  is_int(timeout(), 300, "five minutes");
  in("A 1 ack 1 win 60000 uto 0");
  is_int(timeout(), 300, "0 is ignored");
  in("A 1 ack 1 win 60000 uto 32768");
  is_int(timeout(), 300, "and so are 0 minutes");
  in("A 1 ack 1 win 60000 uto 65535");
  is_int(timeout(), 3600, "an hour at most");
  in("A 1 ack 1 win 60000 uto 160");
  is_int(timeout(), 160, "it may become shorter again");
  lab_end();

  begin("at least 100 s", &(struct lwt_net_config){
          .tcp_with = LWT_NET_TCP_USER_TIMEOUT, .tcp_user_timeout = LWT_S(5) });
  in("A 1 ack 1 win 60000 uto 7");
  is_int(timeout(), 100, "100 s");
  lab_end();
}

static void fields(void)
{
  printf("# the field: seconds, or minutes\n");
  is_int(net_tcp_uto_field(LWT_S(100)), 100, "seconds");
  is_int(net_tcp_uto_field(LWT_S(32767)), 32767, "as many as there is room for");
  is_int(net_tcp_uto_field(LWT_S(32768)), 0x8000 | 546, "minutes");
  is_int(net_tcp_uto_field(LWT_S(1u << 30)), 0xffff, "at most");
  is_int(net_tcp_uto_field(1), 1, "never 0");
}

static void off(void)
{
  begin("it is off unless asked for", NULL);
  in("A 1 ack 1 win 60000 uto 600");
  is_int(timeout(), 120, "the peer has no say");
  is_int(lwt_net_tcp_user_timeout_option(lab_flow, 1), 0, "switched on");
  out("A 1 ack 1 win 65535 uto 120");
  in("A 1 ack 1 win 60000 uto 600");
  is_int(timeout(), 600, "now it has");
  is_int(lwt_net_tcp_user_timeout(lab_flow, LWT_S(30)), 0, "the program sets it");
  out("A 1 ack 1 win 65535 uto 30");
  is_int(timeout(), 30, "then that is what is used");
  in("A 1 ack 1 win 60000 uto 600");
  is_int(timeout(), 30, "whatever the peer says");
  is_int(lwt_net_tcp_user_timeout_option(lab_flow, 0), 0, "switched off");
  lwt_net_tcp_user_timeout(lab_flow, LWT_S(40));
  quiet();
  lab_end();
}

/* The peer falls silent: the connection ends when the agreed time is over. */
static void counts(void)
{
  lwt_size_p *p;
  lwt_t *q;
  char byte;

  begin("it is the time that counts", &with);
  in("A 1 ack 1 win 60000 uto 400");
  write_text(lab_flow, "x");
  p = lwt_flow_read(lab_flow, &byte, 1);
  q = LWT_UNTYPED(p);
  advance(LWT_S(395));
  is_int(lwt_state(q), LWT_PENDING, "it waits");
  advance(LWT_S(6));
  is_int(lwt_error(q).code, LWT_ETIMEDOUT, "400 s: the end");
  lwt_drop(q);
  lab_discard();
  lab_end();
}

static void never(void)
{
  begin("without end, if the program says so", NULL);
  is_int(lwt_net_tcp_user_timeout(lab_flow, LWT_NEVER), 0, "set");
  write_text(lab_flow, "x");
  out("PA 1 ack 1 win 65535 'x'");
  quiet();
  advance(LWT_S(3600));
  ok(STAT(tcp_rto) > 50 && STAT(tcp_rto) < 100, "%u timeouts in an hour",
     (unsigned)STAT(tcp_rto));
  is_int(lab.tcp->n_conns, 1, "still there");
  lab_discard();
  lab_end();
}

/* With timestamps and holes there is room for two SACK blocks beside it. */
static void beside_sacks(void)
{
  printf("# beside SACK blocks\n");
  lab_start(&with);
  lab_open("mss 1000 sok ts 0/0", 60000);
  in("A 1001 ack 1 win 60000 len 10 ts 1/0");
  out("A 1 ack 1 win 65535 ts 0/0 uto 150 sack 1001-1011");
  in("A 2001 ack 1 win 60000 len 10 ts 1/0");
  in("A 3001 ack 1 win 60000 len 10 ts 1/0");
  lwt_net_tcp_user_timeout(lab_flow, LWT_S(200));
  lab_discard();
  in("A 4001 ack 1 win 60000 len 10 ts 1/0");
  out("A 1 ack 1 win 65535 ts 0/0 sack 4001-4011 3001-3011 2001-2011");
  lab_end();
}

int main(void)
{
  active();
  passive();
  bounds();
  fields();
  off();
  counts();
  never();
  beside_sacks();
  return lwt_test_done();
}
