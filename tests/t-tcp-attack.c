/* t-tcp-attack.c - hostile peers and strangers: what they can make us do is
 * bounded, and counted.
 * SPDX-License-Identifier: ISC
 *
 * RFC 5961 (blind attacks), RFC 7323 (PAWS), RFC 5927 (ICMP), RFC 6528 and 6056
 * (numbers and ports that nobody can guess), and resource exhaustion.
 */
#include "tcplab.h"

static void begin(const char *what, const char *options, unsigned win)
{
  printf("# %s\n", what);
  lab_start(NULL);
  if (options)
    lab_open(options, win);
}

/* ---- Blind attacks ----------------------------------------------------- */

static void blind_reset(void)
{
  begin("RFC 5961 3: a reset must have the exact number", "mss 1000", 1000);
  in("R 2 win 0");
  out("A 1 ack 1 win 65535");
  in("R 65535 win 0");
  out("A 1 ack 1 win 65535");
  in("R 65536 win 0"); /* outside the window */
  in("R 0 win 0");
  in("R 3000000000 win 0");
  quiet();
  is_int(lab.tcp->n_conns, 1, "still there");
  is_int(STAT(tcp_challenges), 2, "challenges are counted");
  in("R 1 win 0");
  is_int(lab.tcp->n_conns, 0, "this one resets");
  lab_end();
}

static void blind_syn(void)
{
  begin("RFC 5961 4: a SYN in a connection is challenged", "mss 1000", 1000);
  in("S 1 win 1000 mss 1000");
  out("A 1 ack 1 win 65535");
  in("S 77 win 1000 mss 1000");
  out("A 1 ack 1 win 65535");
  in("SA 77 ack 1 win 1000 mss 1000");
  out("A 1 ack 1 win 65535");
  in("S 3000000000 win 1000 mss 1000");
  out("A 1 ack 1 win 65535");
  is_int(lab.tcp->n_conns, 1, "still there");
  lab_end();
}

static void blind_data(void)
{
  begin("RFC 5961 5 (MAY-12): data with an ACK that cannot be", "mss 1000", 1000);
  in("PA 1 ack 2 win 1000 'evil'"); /* of what was never sent */
  out("A 1 ack 1 win 65535");
  in("PA 1 ack 3000000000 win 1000 'evil'"); /* ancient */
  out("A 1 ack 1 win 65535");
  in("P 1 win 1000 'evil'"); /* none */
  quiet();
  is_str(read_text(lab_flow), "pending", "nothing is delivered");
  is_int(STAT(tcp_bad_acks), 2, "counted");
  write_len(lab_flow, 1, 1000);
  lab_discard();
  in("A 1 ack 1001 win 1000");
  in("PA 1 ack 1 win 1000 'old but possible'"); /* within max_wnd */
  is_str(read_text(lab_flow), "old but possible", "an older ACK is accepted");
  lab_end();
}

static void throttle(void)
{
  unsigned i, n;

  begin("challenge ACKs are throttled: ten in five seconds", "mss 1000", 1000);
  for (i = 0; i < 1000; i++)
    in("S %u win 1000", 10 + i);
  is_int(lab_discard(), 10, "ten");
  is_int(STAT(tcp_challenges_limited), 990, "the others are counted");
  advance(LWT_S(5));
  in("S 10 win 1000");
  is_int(lab_discard(), 1, "then one more");
  advance(LWT_S(10));
  for (n = i = 0; i < 1000; i++) { /* an ACK loop */
    in("A 3000000000 ack 1 win 1000");
    n += lab_discard();
  }
  is_int(n, 10, "empty segments outside of the window: the same");
  lab_end();
}

/* ---- Timestamps -------------------------------------------------------- */

static void paws(void)
{
  begin("RFC 7323 5: PAWS", "mss 1000 ts 0/0", 1000);
  in("PA 1 ack 1 win 1000 'a' ts 10/0");
  in("PA 2 ack 1 win 1000 'b' ts 9/0");
  out("A 1 ack 2 win 65534 ts 0/10");
  is_str(read_text(lab_flow), "a", "the old segment is not taken");
  is_int(STAT(tcp_paws), 1, "counted");
  in("PA 2 ack 1 win 1000 'b'");
  is_str(read_text(lab_flow), "pending", "nor one without timestamps");
  is_int(STAT(tcp_no_timestamp), 1, "counted");
  in("PA 3 ack 1 win 1000 'c' ts 20/0");
  out("A 1 ack 2 win 65534 ts 0/10"); /* 4.3: the gap keeps TS.Recent */
  in("PA 2 ack 1 win 1000 'b' ts 15/0");
  out("A 1 ack 4 win 65532 ts 0/15");
  in("R 4 win 0 ts 1/0");
  is_int(lab.tcp->n_conns, 0, "a reset needs no timestamp");
  lab_end();

  begin("RFC 7323 5.5: after 24 days TS.Recent is outdated", "mss 1000 ts 0/0", 1000);
  in("PA 1 ack 1 win 1000 'a' ts 10/0");
  advance(LWT_S(25 * 24 * 3600));
  lab_discard();
  in("PA 2 ack 1 win 1000 'b' ts 9/0");
  is_str(read_text(lab_flow), "ab", "taken");
  lab_end();
}

/* ---- Numbers that nobody can guess ------------------------------------- */

static void unpredictable(void)
{
  uint16_t ports[64];
  uint32_t isns[64], i, j, same = 0, near = 0;
  struct tcp_repr r;
  uint8_t header[60];

  begin("RFC 6056, RFC 6528: ports and initial sequence numbers", NULL, 0);
  for (i = 0; i < 64; i++) {
    lwt_drop(LWT_UNTYPED(net_tcp_connect(&lab.stack, &peer)));
    lwt_buf_copy_out(lab_out[lab_out_at], 0, header, sizeof header);
    net_tcp_parse(&r, header, sizeof header, sizeof header);
    ports[i] = r.src;
    isns[i] = r.seq;
    settle();
    lab_discard();
    for (j = 0; j < i; j++)
      same += ports[j] == ports[i];
    near += i && isns[i] - isns[i - 1] + 1000000 < 2000000;
  }
  ok(same < 4, "ports differ (%u pairs of 2016 alike)", same);
  ok(near < 4, "initial sequence numbers are not close (%u of 63)", near);
  {
    struct tcp_tuple t;
    uint32_t isn;

    net_tcp_tuple(&t, &us, &peer);
    isn = net_tcp_isn(&lab, &t);
    lab.now += LWT_S(1);
    is_int(net_tcp_isn(&lab, &t) - isn, 250000, "MUST-8: a clock of 4 us");
    peer.port++;
    net_tcp_tuple(&t, &us, &peer);
    ok(net_tcp_isn(&lab, &t) - isn != 250000, "another tuple, another number");
    peer.port--;
    lab.config.secret[0]++;
  }
  lab_end();
}

static void ports_run_out(void)
{
  struct lwt_net_config config = { .max_connections = 100000 };
  enum { N = TCP_PORT_LAST - TCP_PORT_FIRST + 1 };
  static lwt_t *p[N];
  uint32_t i, pending = 0;
  struct lwt_error e;
  lwt_t *last;

  printf("# 70000 connections one after another, then as many as there are ports\n");
  lab_start(&config);
  for (i = 0; i < 70000; i++) {
    lwt_drop(LWT_UNTYPED(net_tcp_connect(&lab.stack, &peer)));
    settle();
    lab_discard();
  }
  is_int(lab.tcp->table.count, 0, "each attempt is forgotten");
  for (i = 0; i < N; i++) {
    p[i] = LWT_UNTYPED(net_tcp_connect(&lab.stack, &peer));
    pending += lwt_state(p[i]) == LWT_PENDING;
    lab_discard();
  }
  is_int(pending, N, "every port is found");
  last = LWT_UNTYPED(net_tcp_connect(&lab.stack, &peer));
  e = lwt_error(last);
  is_int(e.code, LWT_EADDRNOTAVAIL, "then there is none");
  lwt_drop(last);
  peer.port++;
  last = LWT_UNTYPED(net_tcp_connect(&lab.stack, &peer));
  is_int(lwt_state(last), LWT_PENDING, "but there is for another peer");
  lwt_drop(last);
  for (i = 0; i < N; i++)
    lwt_drop(p[i]);
  settle();
  lab_end();
}

/* ---- Floods ------------------------------------------------------------ */

static void syn_flood(void)
{
  struct lwt_net_config config = { .max_connections = 5000,
                                   .tcp_without = LWT_NET_TCP_COOKIES };
  struct lwt_addr honest;
  uint32_t i;

  printf("# a flood of SYNs: half-open connections are bounded, the oldest go\n");
  lab_start(&config);
  lab_listen(16);
  honest = peer;
  for (i = 0; i < 20000; i++) {
    peer.ip[1] = (uint8_t)(i >> 8);
    peer.ip[2] = (uint8_t)i;
    peer.port = (uint16_t)(1024 + i % 60000);
    in("S 0 win 1000 mss 1000");
    lab_discard();
  }
  is_int(lab.tcp->n_halves, 1024, "1024");
  is_int(STAT(tcp_half_evicted), 20000 - 1024, "counted");
  peer = honest;
  our_iss_known = 0;
  in("S 0 win 1000 mss 1000");
  lab_discard();
  for (i = 0; i < 1000; i++) {
    peer.ip[1] = (uint8_t)(i >> 8);
    peer.ip[2] = (uint8_t)i;
    in_batch("S 0 win 1000 mss 1000");
  }
  in_done();
  lab_discard();
  peer = honest;
  in("A 1 ack 1 win 1000");
  lab_expect(lwt_accept(lab_listener));
  ok(lab_flow != NULL, "an honest handshake goes through");
  lab_end();
}

static void tiny_in_order(void)
{
  uint32_t i, most = 0;

  begin("segments of one byte, unread: pages are filled", "mss 1000", 1000);
  for (i = 0; i < 60000; i++) {
    in("A %u ack 1 win 1000 len 1", 1 + i);
    lab_discard();
    if (lwt_buf_pages() > most)
      most = (uint32_t)lwt_buf_pages();
  }
  ok(most < 30, "60000 bytes take %u pages", most);
  is_int(read_len(lab_flow, 100000), 60000, "and are all there");
  lab_end();

  begin("and through read_buf in parts", "mss 1000", 1000);
  for (i = 0; i < 20000; i++) {
    in("A %u ack 1 win 1000 len 1", 1 + i);
    if (i % 100 == 99)
      lwt_drop(LWT_UNTYPED(lwt_flow_read_buf(lab_flow, 50)));
    lab_discard();
  }
  ok(lwt_buf_pages() < 60, "10000 bytes take %u pages", (unsigned)lwt_buf_pages());
  lab_end();
}

static void tiny_out_of_order(void)
{
  uint32_t i;

  begin("every second byte out of order: blocks are bounded", "mss 1000 sok", 1000);
  for (i = 0; i < 30000; i++) {
    in("A %u ack 1 win 1000 len 1", 3 + 2 * i);
    lab_discard();
  }
  is_int(STAT(tcp_out_of_order), TCP_BLOCKS_MIN, "128 blocks");
  is_int(STAT(tcp_out_of_order_full), 30000 - TCP_BLOCKS_MIN, "the others are counted");
  ok(lwt_buf_pages() <= TCP_BLOCKS_MIN + 1, "a page each");
  for (i = 1; i < 30001; i += 1000) {
    in("A %u ack 1 win 1000 len 1000", i);
    lab_discard();
  }
  is_int(read_len(lab_flow, 100000), 30000, "what is in order is still taken");
  lab_end();

  begin("one byte before the other: pages are bounded", "mss 1000 sok", 1000);
  for (i = 60000; i > 10; i--) {
    in("A %u ack 1 win 1000 len 1", i);
    lab_discard();
  }
  ok(lwt_buf_pages() < 300, "%u pages", (unsigned)lwt_buf_pages());
  in("A 1 ack 1 win 1000 len 10");
  lab_discard();
  is_int(read_len(lab_flow, 100000), 60000, "and all of it is there");
  lab_end();
}

static void overlaps(void)
{
  uint32_t i, rng = 1, start, len;

  begin("overlapping segments out of order, at random: each byte once", "mss 1000", 1000);
  for (i = 0; i < 20000; i++) {
    rng = rng * 1664525 + 1013904223;
    start = 2 + (rng >> 8) % 50000;
    len = 1 + (rng >> 4) % 1400;
    in("A %u ack 1 win 1000 len %u", start, len);
    lab_discard();
  }
  ok(lwt_buf_pages() < 800, "%u pages", (unsigned)lwt_buf_pages());
  for (i = 1; i < 52000; i += 1000) {
    in("A %u ack 1 win 1000 len 1000", i);
    lab_discard();
  }
  ok(read_len(lab_flow, 100000) >= 52000, "the stream is what was sent");
  lab_end();
}

/* ---- Greedy and silly peers -------------------------------------------- */

static void optimistic(void)
{
  struct lwt_net_tcp_info info;
  uint32_t i;

  begin("optimistic ACKs do nothing", "mss 1000", 60000);
  write_len(lab_flow, 1, 100000);
  is_int(lab_discard(), 10, "ten segments");
  for (i = 0; i < 100; i++)
    in("A 1 ack %u win 60000", 10002 + i * 1000);
  is_int(lab_discard(), 10, "but ten challenges");
  lwt_net_tcp_info(lab_flow, &info);
  is_int(info.cwnd, 10000, "cwnd does not grow");
  is_int(info.in_flight, 10000, "nothing is acknowledged");
  lab_end();

  begin("an ACK for each byte opens the window no faster (RFC 3465)", "mss 1000", 60000);
  write_len(lab_flow, 1, 100000);
  for (i = 2; i <= 1001; i++)
    in("A 1 ack %u win 60000", i);
  lab_discard();
  lwt_net_tcp_info(lab_flow, &info);
  is_int(info.cwnd, 11000, "a thousand ACKs of a byte are one of a segment");
  lab_end();
}

static void odd_windows(void)
{
  uint32_t i;

  begin("a window of zero in the handshake that grows by a few bytes", NULL, 0);
  lab_listen(1);
  in("S 0 win 0 mss 1000");
  lab_discard();
  in("A 1 ack 1 win 0");
  lab_expect(lwt_accept(lab_listener));
  write_len(lab_flow, 1, 5000);
  quiet();
  in("A 1 ack 1 win 3");
  out("A 1 ack 1 win 65535 len 3");
  in("A 1 ack 4 win 7");
  out("A 4 ack 1 win 65535 len 7");
  in("A 1 ack 11 win 60000");
  out("A 11 ack 1 win 65535 len 1000");
  lab_discard();
  lab_end();

  begin("a window of one byte", "mss 1000", 1);
  write_len(lab_flow, 1, 20);
  for (i = 1; i <= 20; i++) {
    out("%sA %u ack 1 win 65535 len 1", i == 20 ? "P" : "", i);
    in("A 1 ack %u win 1", i + 1);
  }
  quiet();
  lab_end();
}

/* ---- ICMP -------------------------------------------------------------- */

/* An error about the segment with that relative sequence number. */
static void icmp(int error, uint32_t seq, uint16_t mtu, int local)
{
  uint8_t bytes[8];
  struct net_icmp_error e = { .proto = 6, .error = error, .mtu = mtu, .bytes = bytes,
                              .len = sizeof bytes, .local = (uint8_t)local };

  e.src = us;
  e.dst = peer;
  e.src.port = e.dst.port = 0;
  net_put16(bytes, us.port);
  net_put16(bytes + 2, peer.port);
  net_put32(bytes + 4, our_iss + seq);
  net_clock(&lab);
  net_tcp_icmp_error(&lab, &e);
  settle();
}

static void icmp_connecting(void)
{
  begin("SHLD-26: a port that is unreachable refuses a connect", NULL, 0);
  lab_connect();
  lab_discard();
  icmp(LWT_ECONNREFUSED, 1, 0, 0);
  ok(!lab_error.code, "not if it quotes another number");
  is_int(STAT(tcp_bad_icmp), 1, "counted");
  icmp(LWT_ECONNREFUSED, 0, 0, 0);
  is_int(lab_error.code, LWT_ECONNREFUSED, "refused");
  lab_end();

  begin("SHLD-25, MUST-56: a host that is unreachable does not, but is told", NULL, 0);
  lab_connect();
  lab_discard();
  icmp(LWT_EHOSTUNREACH, 0, 0, 0);
  ok(!lab_error.code, "still trying");
  advance(LWT_S(180));
  is_int(lab_error.code, LWT_EHOSTUNREACH, "told in the end");
  lab_discard();
  lab_end();

  begin("a neighbour that does not answer ends it", NULL, 0);
  lab_connect();
  lab_discard();
  icmp(LWT_EHOSTUNREACH, 0, 0, 1);
  is_int(lab_error.code, LWT_EHOSTUNREACH, "at once");
  lab_end();
}

static void icmp_established(void)
{
  begin("RFC 5927: ICMP does not end a connection", "mss 1460", 60000);
  write_len(lab_flow, 1, 1000);
  lab_discard();
  icmp(LWT_ECONNREFUSED, 1, 0, 0);
  icmp(LWT_EHOSTUNREACH, 1, 0, 0);
  is_int(lab.tcp->n_conns, 1, "still there");
  in("A 1 ack 1001 win 60000");
  lab_end();

  begin("fragmentation needed: the lost bytes are sent in smaller segments", "mss 1460",
        60000);
  write_len(lab_flow, 1, 2920);
  out("A 1 ack 1 win 65535 len 1460");
  out("PA 1461 ack 1 win 65535 len 1460");
  icmp(LWT_EMSGSIZE, 5000, 1000, 0);
  quiet(); /* not in flight */
  icmp(LWT_EMSGSIZE, 1, 1000, 0);
  out("A 1 ack 1 win 65535 len 960");
  out("A 961 ack 1 win 65535 len 960");
  out("A 1921 ack 1 win 65535 len 960");
  out("PA 2881 ack 1 win 65535 len 40");
  quiet();
  icmp(LWT_EMSGSIZE, 1, 68, 0);
  ok(lab_next() != NULL, "a lie makes segments of 512 bytes at worst");
  lab_discard();
  lab_end();
}

/* A passing failure is told when the peer does not answer, and not before. */
static void soft(const char *what, int error)
{
  char byte;
  lwt_t *p;

  begin(what, "mss 1460", 60000);
  write_len(lab_flow, 1, 1000);
  p = LWT_UNTYPED(lwt_flow_read(lab_flow, &byte, 1));
  lab_discard();
  icmp(error, 1, 0, 0);
  is_int(lwt_state(p), LWT_PENDING, "nothing is aborted");
  advance(LWT_S(130));
  is_int(lwt_error(p).code, error, "told in the end");
  lwt_drop(p);
  lab_discard();
  lab_end();
}

int main(void)
{
  blind_reset();
  blind_syn();
  blind_data();
  throttle();
  paws();
  unpredictable();
  ports_run_out();
  syn_flood();
  tiny_in_order();
  tiny_out_of_order();
  overlaps();
  optimistic();
  odd_windows();
  icmp_connecting();
  icmp_established();
  soft("RFC 1122 4.2.3.9: time exceeded is told", LWT_EHOSTUNREACH);
  soft("RFC 1122 4.2.3.9: so is a parameter problem", LWT_EPROTO);
  return lwt_test_done();
}
