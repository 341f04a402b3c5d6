/* t-tcp-cookie.c - SYN cookies: handshakes that need no memory, and cannot be
 * guessed.
 * SPDX-License-Identifier: ISC
 */
#include "tcplab.h"

enum { HALVES = 4 };

/* As many half-open connections as there may be, from elsewhere. */
static void begin(const char *what, uint32_t without)
{
  struct lwt_net_config config = { .max_half_open = HALVES, .tcp_without = without };
  uint32_t i;

  printf("# %s\n", what);
  lab_start(&config);
  lab_listen(16);
  for (i = 0; i < HALVES; i++) {
    peer.port = (uint16_t)(2000 + i);
    in("S 0 win 1000 mss 1000");
    lab_discard();
  }
  peer.port = 7000;
  our_iss_known = our_ts_known = 0;
}

static void plain(void)
{
  begin("a peer without timestamps", 0);
  in("S 0 win 60000 mss 1400 ws 7 sok");
  out("SA 0 ack 1 win 65535 mss 1460");
  is_int(lab.tcp->n_halves, HALVES, "no memory is taken");
  is_int(lab.tcp->table.count, HALVES, "in no table");
  is_int(STAT(tcp_cookies_sent), 1, "counted");
  is_int(STAT(tcp_half_evicted), 0, "nobody is evicted");
  in("PA 1 ack 1 win 60000 'GET /'");
  lab_expect(lwt_accept(lab_listener));
  ok(lab_flow != NULL, "the ACK makes a connection");
  is_int(STAT(tcp_cookies_accepted), 1, "counted");
  is_str(read_text(lab_flow), "GET /", "with what came with it");
  lab_discard();
  write_len(lab_flow, 1, 3000);
  out("A 1 ack 6 win 65530 len 1360");
  lab_discard();
  lab_end();
}

static void with_timestamps(void)
{
  begin("a peer with timestamps: window scale, SACK and ECN are kept in ours", 0);
  in("SEC 0 win 60000 mss 1400 ws 7 sok ts 0/0");
  out("SAE 0 ack 1 win 65535 mss 1460 ws 0 sok ts 0/0");
  advance(LWT_MS(50));
  in("A 1 ack 1 win 1000 ts 10/0");
  lab_expect(lwt_accept(lab_listener));
  ok(lab_flow != NULL, "the ACK makes a connection");
  if (lab_flow) {
    struct tcp_conn *c = (struct tcp_conn *)lab_flow;

    is_int(c->snd_wnd, 128000, "window scale 7");
    ok(c->sack_on && c->ts_on && c->ecn_on, "SACK, timestamps, ECN");
    is_int(c->mss, 1360 - 12, "the largest size that is not too large");
  }
  write_text(lab_flow, "x");
  lab_discard();
  in("A 1 ack 2 win 1000 ts 11/60");
  is_int(lab.tcp->n_conns, 1, "timestamps go on");
  lab_end();
}

static void refused(void)
{
  uint32_t i, rng = 1;

  begin("what is no cookie, or not this one's, or too old", 0);
  in("S 0 win 60000 mss 1400");
  out("SA 0 ack 1 win 65535 mss 1460");
  in("A 1 ack 2 win 1000");
  out("R 2 win 0");
  in("A 2 ack 1 win 1000");
  out("R 1 win 0");
  peer.port = 7001;
  in("A 1 ack 1 win 1000");
  out("R 1 win 0");
  peer.port = 7000;
  is_int(STAT(tcp_cookies_bad), 3, "counted");
  advance(LWT_S(63));
  lab_discard();
  in("A 1 ack 1 win 1000");
  is_int(lab.tcp->n_conns, 1, "a minute later it is good");
  lab_discard();
  lab_end();

  begin("four minutes later it is not", 0);
  in("S 0 win 60000 mss 1400");
  lab_discard();
  advance(LWT_S(130));
  lab_discard();
  for (i = 0; i < HALVES; i++) { /* another one, so that cookies are looked at */
    peer.port = (uint16_t)(3000 + i);
    in("S 0 win 1000 mss 1000");
    lab_discard();
  }
  peer.port = 7000;
  in("A 1 ack 1 win 1000");
  out("R 1 win 0");
  lab_end();

  begin("100,000 guesses", 0);
  in("S 0 win 60000 mss 1400");
  lab_discard();
  for (i = 0; i < 100000; i++) {
    rng = rng * 1664525 + 1013904223;
    in("A 1 ack %u win 1000", 2 + rng % 4000000000u);
    lab_discard();
  }
  is_int(lab.tcp->n_conns, 0, "none is right");
  is_int(STAT(tcp_cookies_bad), 100000, "and all are counted");
  lab_end();

  begin("no cookie was sent: none is looked at", 0);
  in("A 1 ack 1 win 1000");
  out("R 1 win 0");
  is_int(STAT(tcp_cookies_bad), 0, "no hash is computed");
  lab_end();
}

static void switched_off(void)
{
  begin("without cookies the oldest goes", LWT_NET_TCP_COOKIES);
  in("S 0 win 60000 mss 1400 sok");
  out("SA 0 ack 1 win 65535 mss 1460 sok");
  is_int(STAT(tcp_half_evicted), 1, "counted");
  lab_end();
}

static void flood(void)
{
  uint32_t i, good = 0;
  struct lwt_addr honest;

  begin("100,000 SYNs from everywhere, and a client between them", 0);
  honest = peer;
  for (i = 0; i < 100000; i++) {
    peer.ip[1] = (uint8_t)(i >> 16);
    peer.ip[2] = (uint8_t)(i >> 8);
    peer.ip[3] = (uint8_t)i;
    in("S 0 win 1000 mss 1000 ts 0/0");
    lab_discard();
    if (i % 10000)
      continue;
    peer = honest;
    peer.port = (uint16_t)(10000 + i / 10000);
    our_iss_known = 0;
    in("S 0 win 1000 mss 1000");
    lab_discard();
    in("PA 1 ack 1 win 1000 'page?'");
    lab_expect(lwt_accept(lab_listener));
    good += lab_flow && !strcmp(read_text(lab_flow), "page?");
    if (lab_flow)
      abort_flow(lab_flow);
    lab_discard();
  }
  is_int(good, 10, "ten of ten pages");
  is_int(lab.tcp->n_halves, HALVES, "half-open connections: no more than before");
  is_int(STAT(tcp_cookies_sent), 100000 + 10, "cookies");
  lab_end();
}

int main(void)
{
  plain();
  with_timestamps();
  refused();
  switched_off();
  flood();
  return lwt_test_done();
}
