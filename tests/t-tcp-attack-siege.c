/* t-tcp-attack-siege.c - attacks of tens of thousands of segments: the bound each
 * one holds, the counter that shows it, and a good client beside it that gets its
 * page.
 * SPDX-License-Identifier: ISC
 */
#include "counted.h"
#include "tcplab.h"

enum { MANY = 10000, HALF_OPEN = 100000, HELD = 500 };

/* ---- The good client --------------------------------------------------- */

static void begin(const char *what)
{
  struct lwt_net_config config = { .max_connections = 2000,
                                   .tcp_congestion = "newreno" };

  printf("# %s\n", what);
  lab_start(&config);
  lab_listen(16);
}

/* Opens, asks, is answered, closes; 1: all of that went well. */
static int page(void)
{
  static uint16_t port = 20000;
  struct lwt_addr attacker = peer;
  struct lwt_flow *held = lab_flow;
  uint32_t iss = our_iss, ts = our_ts;
  const char *seen;
  int good = 0;

  lwt_addr_parse(&peer, "10.0.0.99");
  peer.port = port++;
  our_iss_known = 0;
  lab_discard();
  in("S 0 win 60000 mss 1000 sok");
  lab_discard();
  in("PA 1 ack 1 win 60000 'page?'");
  lab_expect(lwt_accept(lab_listener));
  if (lab_flow && !strcmp(read_text(lab_flow), "page?")) {
    write_text(lab_flow, "here");
    seen = lab_next();
    good = seen && strstr(seen, "'here'") != NULL;
    in("A 6 ack 5 win 60000");
    in("R 6 win 0");
  }
  if (lab_flow)
    abort_flow(lab_flow);
  lab_discard();
  peer = attacker;
  lab_flow = held;
  our_iss = iss;
  our_ts = ts;
  our_iss_known = 1;
  return good;
}

static uint32_t rng_state;

static uint32_t rng(void)
{
  rng_state = rng_state * 1664525 + 1013904223;
  return rng_state >> 4 ^ rng_state << 12;
}

/* The attacker's connection, as the n-th of them. */
static void victim(unsigned n, const char *options, unsigned win)
{
  peer.ip[2] = (uint8_t)(n >> 8);
  peer.ip[3] = (uint8_t)n;
  peer.port = 7000;
  our_iss_known = our_ts_known = 0;
  lab_open(options, win);
}

/* ---- Attacks ----------------------------------------------------------- */

static void half_open(void)
{
  uint32_t i, good = 0;
  uint64_t before, most = 0;

  begin("100,000 half-open connections (SYN flood)");
  before = in_use;
  for (i = 0; i < HALF_OPEN; i++) {
    peer.ip[1] = (uint8_t)(i >> 16);
    peer.ip[2] = (uint8_t)(i >> 8);
    peer.ip[3] = (uint8_t)i;
    in("S %u win 1000 mss 1000 ts 0/0", i);
    lab_discard();
    if (in_use - before > most)
      most = in_use - before;
    if (i % (HALF_OPEN / 10) == 99)
      good += (uint32_t)page();
  }
  is_int(good, 10, "ten of ten pages");
  is_int(lab.tcp->n_halves, 1024, "max_half_open");
  ok(STAT(tcp_cookies_sent) >= HALF_OPEN - 1024, "the others got cookies");
  ok(most < 1024 * 400, "%u KiB of memory", (unsigned)(most >> 10));
  lab_end();
}

/* Segments into an established connection, by somebody who knows its name and
 * that the numbers are in the window. */
static void spoofed(const char *what, const char *format, uint64_t most_answers)
{
  uint32_t i, answers = 0, good = 0;

  begin(what);
  victim(1, "mss 1000", 60000);
  for (i = 0; i < MANY; i++) {
    in(format, 2 + rng() % 65000, rng());
    answers += lab_discard();
    if (i % (MANY / 5) == 0)
      good += (uint32_t)page();
  }
  is_int(good, 5, "five of five pages");
  is_int(lab.tcp->n_conns, 1, "the connection lives");
  ok(answers <= most_answers, "%u answers to %u segments", answers, MANY);
  ok(STAT(tcp_challenges_limited) >= MANY - most_answers ||
       STAT(tcp_bad_acks) + STAT(tcp_out_of_order) > 0, "counted");
  is_str(read_text(lab_flow), "pending", "nothing was delivered");
  in("PA 1 ack 1 win 1000 'good'");
  is_str(read_text(lab_flow), "good", "but what the peer says");
  lab_discard();
  lab_end();
}

static void blind(void)
{
  spoofed("resets within the window", "R %u win 0", 10);
  spoofed("SYNs within the window", "S %u win 1000", 10);
  spoofed("ACKs of what was never sent", "A %u ack %u win 1000", 10);
  spoofed("data with such ACKs", "PA %u ack %u win 1000 'evil'", 10);
}

static void icmp_spoofed(void)
{
  static const int errors[] = { LWT_ECONNREFUSED, LWT_EHOSTUNREACH, LWT_EMSGSIZE };
  uint8_t bytes[8];
  struct net_icmp_error e = { .proto = 6, .mtu = 68, .bytes = bytes,
                              .len = sizeof bytes };
  struct lwt_net_tcp_info info;
  uint32_t i;

  begin("ICMP errors about a connection, its numbers guessed");
  victim(1, "mss 1400", 60000);
  write_len(lab_flow, 1, 1400);
  lab_discard();
  for (i = 0; i < MANY; i++) {
    e.src = us;
    e.dst = peer;
    e.src.port = e.dst.port = 0;
    e.error = errors[i % 3];
    net_put16(bytes, us.port);
    net_put16(bytes + 2, peer.port);
    net_put32(bytes + 4, our_iss + 2000 + rng() % 4000000000u);
    net_clock(&lab);
    net_tcp_icmp_error(&lab, &e);
    settle();
  }
  is_int(STAT(tcp_bad_icmp), MANY, "counted");
  lwt_net_tcp_info(lab_flow, &info);
  is_int(info.mss, 1400, "segments are as large as before");
  ok(page(), "a page");
  in("A 1 ack 1401 win 1000");
  is_int(lab.tcp->n_conns, 1, "the connection lives");
  lab_discard();
  lab_end();
}

static void optimistic(void)
{
  uint32_t i, answers = 0;
  struct lwt_net_tcp_info info;

  begin("acknowledging what was not sent yet, to be sent more");
  victim(1, "mss 1000 ws 7", 60000);
  write_len(lab_flow, 1, 60000);
  is_int(lab_discard(), 10, "the initial window");
  for (i = 1; i <= MANY; i++) {
    in("A 1 ack %u win 60000", 10001 + i);
    answers += lab_discard();
  }
  lwt_net_tcp_info(lab_flow, &info);
  is_int(info.cwnd, 10000, "cwnd is as before");
  ok(answers <= 10 && STAT(tcp_bad_acks) == MANY, "ten answers, all counted");
  ok(page(), "a page");
  lab_end();
}

static void tiny(void)
{
  uint32_t i, sent = 0;
  struct lwt_net_tcp_info info;

  begin("an MSS of 1: segments are not that small");
  victim(1, "mss 1", 60000);
  write_len(lab_flow, 1, 60000);
  lwt_net_tcp_info(lab_flow, &info);
  is_int(info.mss, TCP_MSS_MIN, "88 bytes");
  lab_discard();
  ok(page(), "a page");
  lab_end();

  begin("a window of one byte, for ever");
  victim(1, "mss 1000", 1);
  write_len(lab_flow, 1, 60000);
  for (i = 1; i <= 2000; i++) {
    sent += lab_discard();
    in("A 1 ack %u win 1", i + 1);
  }
  ok(sent <= 2000 + 1, "an ACK earns no more than a segment: %u of 2000", sent);
  ok(page(), "a page");
  lab_discard();
  lab_end();
}

/* For 60,000 bytes; without pools a page takes more than its size. */
#ifdef LWT_NO_POOLS
#define EACH 150000
#else
#define EACH 100000
#endif

/* Connections that ask, close their window and answer probes for ever. */
static void sockstress(void)
{
  static struct lwt_flow *flows[HELD];
  static uint32_t isses[HELD];
  uint64_t before, each;
  uint32_t i, good = 0;
  int round;

  begin("sockstress: 500 peers with a window of zero, who answer every probe");
  before = in_use;
  for (i = 0; i < HELD; i++) {
    victim(i + 1, "mss 1000", 1000);
    flows[i] = lab_flow;
    isses[i] = our_iss;
    in("A 1 ack 1 win 0 'get'");
    lwt_async(lwt_flow_write_buf(lab_flow, lwt_buf_copy_in(0, lab_payload(1, 60000, NULL),
                                                           60000)));
    lab_discard();
  }
  each = (in_use - before) / HELD;
  ok(each < EACH, "%u bytes each: what the program wrote", (unsigned)each);
  good = (uint32_t)page();
  lab_flow = NULL;
  for (i = 0; i < HELD; i++) /* the program does not wait for them */
    lwt_async(lwt_flow_close(flows[i]));
  for (round = 0; round < 30; round++) {
    advance(LWT_S(10));
    lab_discard();
    for (i = 0; i < HELD; i++) {
      peer.ip[2] = (uint8_t)((i + 1) >> 8);
      peer.ip[3] = (uint8_t)(i + 1);
      peer.port = 7000;
      our_iss = isses[i];
      if (lab.tcp->n_conns)
        in("A 4 ack 1 win 0");
    }
    lab_discard();
  }
  good += (uint32_t)page();
  is_int(good, 2, "two of two pages");
  is_int(lab.tcp->n_conns, 0, "closed, they live no longer than the user timeout");
  is_int(STAT(tcp_timeouts), HELD, "counted");
  is_int(lwt_buf_live(), 0, "and what they held is free");
  lab_end();
}

/* Connections that send every second byte. */
static void out_of_order(void)
{
  enum { CONNS = 50 };
  struct lwt_flow *flows[CONNS];
  uint64_t most = 0, pages;
  uint32_t i, n;

  begin("50 peers that send every second byte, out of order");
  for (n = 0; n < CONNS; n++) {
    victim(n + 1, "mss 1000 sok", 1000);
    flows[n] = lab_flow;
    for (i = 0; i < 1000; i++) {
      in("A %u ack 1 win 1000 len 1", 3 + 2 * i);
      lab_discard();
    }
    pages = lwt_buf_pages();
    most = pages > most ? pages : most;
  }
  ok(most <= CONNS * (TCP_BLOCKS_MIN + 1) + 16, "%u pages, 128 for each", (unsigned)most);
  is_int(STAT(tcp_out_of_order_full), CONNS * (1000 - TCP_BLOCKS_MIN), "counted");
  ok(page(), "a page");
  lab_flow = NULL;
  for (n = 0; n < CONNS; n++)
    lwt_flow_abort(flows[n]);
  lab_discard();
  lab_end();
}

int main(void)
{
  lwt_set_allocator(counted, release);
  half_open();
  blind();
  icmp_spoofed();
  optimistic();
  tiny();
  sockstress();
  out_of_order();
  ok(!lwt_cleanup() && !in_use, "nothing is left at the end");
  return lwt_test_done();
}
