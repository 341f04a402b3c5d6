/* t-tcp-mtu.c - the path's MTU by what arrives (RFC 4821): transcripts, and a router
 * whose link takes less, and later more again.
 * SPDX-License-Identifier: ISC
 */
#include "tcplab.h"

enum { SEG = 1220 };

static const struct lwt_net_config newreno = { .tcp_congestion = "newreno",
                                               .tcp_without = LWT_NET_TCP_PACING };

/* A router says that segments of SEG bytes are the longest. */
static void too_big(void)
{
  uint8_t bytes[8];
  struct net_icmp_error e = { .error = LWT_EMSGSIZE, .mtu = SEG + 40, .proto = 6,
                              .src = us, .dst = peer, .bytes = bytes,
                              .len = sizeof bytes };

  net_put16(bytes, us.port);
  net_put16(bytes + 2, peer.port);
  net_put32(bytes + 4, our_iss + 1);
  net_clock(&lab);
  net_tcp_icmp_error(&lab, &e);
}

/* Segments of SEG bytes because an ICMP error said so, and then ten minutes.  Returns
 * the next sequence number. */
static uint32_t small(const char *what, const char *options, uint64_t later)
{
  printf("# %s\n", what);
  lab_start(&newreno);
  lab_open(options, 60000);
  write_len(lab_flow, 1, 1460);
  lab_discard();
  too_big();
  lab_discard();
  in("A 1 ack 1461 win 60000");
  lab_discard();
  is_int(lab_info().mss, SEG, "smaller by an ICMP error");
  lab_mtu = 1500; /* IP has forgotten it */
  advance(later);
  lab_conn()->cwnd = 20 * SEG;
  return 1461;
}

static void up(void)
{
  uint32_t at = small("RFC 4821 7.3: ten minutes later one segment is larger",
                      "mss 1460 sok", LWT_S(600)), i;

  write_len(lab_flow, at, 40000);
  out("A %u ack 1 win 65535 len 1460", at);
  for (i = 0; i < 3; i++)
    out("A %u ack 1 win 65535 len 1220", at + 1460 + i * SEG);
  lab_discard();
  is_int(STAT(tcp_path_probes), 1, "one probe");
  is_int(lab_info().mss, SEG, "the others are as they were");
  in("A 1 ack %u win 60000", at + 1460);
  ok(lab_discard() > 0, "it goes on");
  is_int(lab_info().mss, 1460, "it has arrived: all are as large");
  is_int(STAT(tcp_path_raised), 1, "counted");
  lab_end();

  at = small("not before", "mss 1460 sok", LWT_S(590));
  write_len(lab_flow, at, 20000);
  out("A %u ack 1 win 65535 len 1220", at);
  lab_discard();
  is_int(STAT(tcp_path_probes), 0, "none");
  lab_end();

  at = small("nor with nothing behind it", "mss 1460 sok", LWT_S(600));
  write_len(lab_flow, at, 4000);
  out("A %u ack 1 win 65535 len 1220", at);
  lab_discard();
  is_int(STAT(tcp_path_probes), 0, "none");
  lab_end();
}

static void later(void)
{
  uint32_t at = small("RFC 8899 5.1.1: IP knows no better after ten minutes",
                      "mss 1460 sok", LWT_S(600)), i;

  lab_mtu = SEG + 40;
  for (i = 0; i < 2; i++) {
    write_len(lab_flow, at, 10 * SEG);
    out("A %u ack 1 win 65535 len 1220", at);
    lab_discard();
    at += 10 * SEG;
    in("A 1 ack %u win 60000", at);
    lab_discard();
    advance(LWT_S(300));
  }
  is_int(STAT(tcp_path_probes), 0, "no probe");
  is_int(lab_info().mss, SEG, "as it was");
  lab_mtu = 1500;
  lab_conn()->cwnd = 20 * SEG;
  write_len(lab_flow, at, 40000);
  out("A %u ack 1 win 65535 len 1460", at);
  lab_discard();
  is_int(STAT(tcp_path_probes), 1, "then there is one");
  in("A 1 ack %u win 60000", at + 1460);
  is_int(lab_info().mss, 1460, "it has arrived");
  lab_discard();
  lab_end();
}

/* F-RTO looks whether a timeout was a mistake.  This was none. */
static void no_mistake(void)
{
  uint32_t i;

  printf("# RFC 1191: what was too long is sent again, although there is new data\n");
  lab_start(&newreno);
  lab_open("mss 1460 sok", 60000);
  write_len(lab_flow, 1, 40000);
  for (i = 0; i < 10; i++)
    out("A %u ack 1 win 65535 len 1460", 1 + i * 1460);
  quiet();
  lab_conn()->cwnd = 2 * SEG; /* such as after a mark (RFC 3168) */
  too_big();
  out("A 1 ack 1 win 65535 len 1220");
  out("A %u ack 1 win 65535 len 1220", 1 + SEG);
  quiet();
  in("A 1 ack %u win 60000", 1 + 2 * SEG);
  out("A %u ack 1 win 65535 len 1220", 1 + 2 * SEG);
  lab_discard();
  lab_end();
}

static void off(void)
{
  struct lwt_net_config without = newreno;
  uint32_t at;

  without.tcp_without |= LWT_NET_TCP_PLPMTUD;
  at = small("it can be switched off", "mss 1460 sok", LWT_S(10));
  lab.config.tcp_without |= LWT_NET_TCP_PLPMTUD;
  lab_conn()->path_mss = 0;
  advance(LWT_S(600));
  write_len(lab_flow, at, 20000);
  out("A %u ack 1 win 65535 len 1220", at);
  lab_discard();
  is_int(STAT(tcp_path_probes), 0, "no probe");
  lab_end();
}

/* A peer behind a path that swallows segments of more than `most` bytes: takes what
 * was sent, answers each segment.  Bytes it has in order. */
static uint32_t peer_next, low, top; /* and [low, top) behind a hole */

static void peer_takes(uint32_t most)
{
  uint32_t seq, len, i, n = 0;
  char acks[400][60];
  const char *text;

  while ((text = lab_next()) && n < 400) {
    if (sscanf(text, "%*s %u ack %*u win %*u len %u", &seq, &len) != 2 || len > most)
      continue;
    if (seq <= peer_next) {
      if (seq + len > peer_next)
        peer_next = seq + len;
      if (peer_next >= low && top > peer_next)
        peer_next = top;
    } else {
      low = top <= peer_next || seq < low ? seq : low;
      top = seq + len > top ? seq + len : top;
    }
    if (top > peer_next)
      snprintf(acks[n++], 60, "A 1 ack %u win 60000 sack %u-%u", peer_next, low, top);
    else
      snprintf(acks[n++], 60, "A 1 ack %u win 60000", peer_next);
  }
  advance(LWT_MS(20));
  for (i = 0; i < n; i++)
    in("%s", acks[i]);
}

static void swallowed(uint32_t most, uint32_t found, unsigned probes)
{
  uint32_t ssthresh;
  unsigned i;

  peer_next = small("RFC 4821 7.6: probes that are lost are sent again in pieces",
                    "mss 1460 sok", LWT_S(600));
  printf("# segments of %u bytes arrive\n", most);
  ssthresh = lab_info().ssthresh;
  low = top = 0;
  for (i = 0; i < 1500 && !(lab_conn()->path_time > lab_time.time + LWT_S(500)); i++) {
    if (lab_info().unsent < 60000)
      write_len(lab_flow, peer_next + lab_info().unsent, 60000);
    peer_takes(most);
  }
  is_int(lab_info().mss, found, "what was found");
  is_int(STAT(tcp_path_probes), probes, "probes");
  is_int(STAT(tcp_rto), 0, "no timeout");
  is_int(STAT(tcp_fast_recovery), 0, "no recovery");
  is_int(lab_info().ssthresh, ssthresh, "ssthresh as it was");
  ok(lab_info().cwnd >= 20 * SEG, "and so is cwnd: %u", lab_info().cwnd);
  lab_discard();
  lab_end();
}

static void lost(void)
{
  /* 1460, then 1340, 1280, 1250 in vain, three times each. */
  swallowed(SEG, SEG, 12);
  /* 1460 in vain; 1340, 1400 and 1430 arrive; 1445 is not worth it. */
  swallowed(1435, 1430, 6);
}

static void both_lost(void)
{
  uint32_t at = small("a probe and another segment are lost: that is congestion",
                      "mss 1460 sok", LWT_S(600));

  write_len(lab_flow, at, 40000);
  lab_discard();
  in("A 1 ack %u win 60000 sack %u-%u", at, at + 1460 + SEG, at + 1460 + 5 * SEG);
  is_int(STAT(tcp_fast_recovery), 1, "a recovery");
  ok(lab_info().ssthresh <= 10 * SEG + 240, "ssthresh is %u", lab_info().ssthresh);
  lab_discard();
  lab_end();
}

static void without_sack(void)
{
  uint32_t at = small("without SACK", "mss 1460", LWT_S(600)), i, cwnd;

  write_len(lab_flow, at, 40000);
  lab_discard();
  cwnd = lab_info().cwnd;
  for (i = 0; i < 3; i++)
    in("A 1 ack %u win 60000", at);
  is_int(lab_info().cwnd, cwnd, "cwnd as it was");
  is_int(STAT(tcp_retransmits), 2, "its first piece, after what ICMP had us send again");
  is_int(STAT(tcp_fast_recovery), 0, "no recovery");
  in("A 1 ack %u win 60000", at + lab_info().in_flight);
  is_str(lab_info().recovery, "open", "over");
  lab_discard();
  lab_end();
}

static void timestamps(void)
{
  uint32_t at;

  printf("# with timestamps, a path that IP remembers when the connection begins\n");
  lab_path_mtu = 1260;
  lab_mtu = 1260;
  lab_start(&newreno);
  lab_mtu = 1260;
  lab_open("mss 1460 sok ts 0/0", 60000);
  is_int(lab_info().mss, 1208, "1260 without headers");
  lab_mtu = 1500;
  lab_path_mtu = 0;
  advance(LWT_S(600));
  at = 1;
  write_len(lab_flow, at, 40000);
  out("A 1 ack 1 win 65535 len 1448 ts 600000/0");
  lab_discard();
  in("A 1 ack 1449 win 60000 ts 1/600000");
  is_int(lab_info().mss, 1448, "larger");
  lab_discard();
  lab_end();
}

int main(void)
{
  up();
  later();
  no_mistake();
  off();
  lost();
  both_lost();
  without_sack();
  timestamps();
  return lwt_test_done();
}
