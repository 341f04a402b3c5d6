/* t-tcp-cc.c - congestion control: CUBIC (RFC 9438) against its own formula,
 * HyStart++ (RFC 9406), the choice of an algorithm.
 * SPDX-License-Identifier: ISC
 */
#include "tcplab.h"

enum { MSS = 1000 };

static struct tcp_conn *begin(const char *what, const struct lwt_net_config *config)
{
  printf("# %s\n", what);
  lab_start(config);
  lab_open("mss 1000 ws 7 sok", 60000);
  return (struct tcp_conn *)lab_flow;
}

static double cube_root(double x)
{
  double low = 0, high = 1000, mid;
  int i;

  for (i = 0; i < 100; i++) {
    mid = (low + high) / 2;
    if (mid * mid * mid < x)
      low = mid;
    else
      high = mid;
  }
  return low;
}

/* A window of data is acknowledged after each round trip; cwnd after n. */
static uint32_t rounds(struct tcp_conn *c, unsigned n, uint64_t rtt)
{
  unsigned i;

  c->srtt = rtt;
  while (n--) {
    lab.now += rtt;
    for (i = c->cwnd / MSS; i; i--)
      c->cc->avoid(c, MSS);
  }
  return c->cwnd;
}

static void near_to(uint32_t value, double want, const char *what)
{
  ok(value > want * 0.98 && value < want * 1.02, "%s: %u, about %.0f", what, value, want);
}

/* ---- CUBIC ------------------------------------------------------------- */

static void curve(void)
{
  struct tcp_conn *c = begin("W(t) = 0.4 (t - K)^3 + w_max, seconds and segments", NULL);
  double k = cube_root(1000 * 0.3 / 0.4), w;
  unsigned i;

  is_str(c->cc->name, "cubic", "the default");
  c->mss = MSS;
  c->cwnd = 1000 * MSS;
  c->ssthresh = c->cwnd = c->cc->ssthresh(c, c->cwnd);
  is_int(c->cwnd, 700 * MSS, "beta is 0.7");
  for (i = 1; i <= 100; i++) {
    rounds(c, 1, LWT_MS(200));
    if (i % 20)
      continue;
    /* The epoch begins with the first ACK; cwnd grows towards W(t + RTT). */
    w = 0.2 * i - k;
    near_to(c->cwnd, (0.4 * w * w * w + 1000) * MSS, i < 46 ? "concave" : "convex");
  }
  lab_end();
}

static void reno_friendly(void)
{
  struct tcp_conn *c = begin("small windows: as fast as NewReno", NULL);
  uint32_t start;

  c->mss = MSS;
  c->cwnd = 20 * MSS;
  c->cwnd = c->cc->ssthresh(c, c->cwnd);
  start = c->cwnd;
  rounds(c, 10, LWT_MS(1));
  start = c->cwnd - start;
  ok(start > 10 * MSS * 9 / 17 - MSS && start < 10 * MSS * 9 / 17 + MSS,
     "9/17 of a segment a round: %u", start);
  lab_end();
}

static void converge(void)
{
  struct tcp_conn *c = begin("4.7: a flow that did not come back makes room", NULL);

  c->mss = MSS;
  c->cwnd = 1000 * MSS;
  c->cwnd = c->cc->ssthresh(c, c->cwnd);
  c->cwnd = c->cc->ssthresh(c, c->cwnd);
  is_int(c->cwnd, 490 * MSS, "twice 0.7");
  rounds(c, 1, LWT_MS(100));
  /* K = cbrt((595 - 490) / 0.4) = 6.4 s */
  near_to(rounds(c, 63, LWT_MS(100)), 595 * MSS, "the plateau is at 0.85 of 700");
  c->cc->timeout(c);
  c->cwnd = 10 * MSS;
  ok(rounds(c, 1, LWT_MS(100)) < 13 * MSS, "4.8: after a timeout no plateau is known");
  is_int(c->cc->ssthresh(c, 1000), 2 * MSS, "at least two segments");
  lab_end();
}

static void far_away(void)
{
  struct tcp_conn *c = begin("a window of a gigabyte, an hour: no overflow", NULL);
  uint32_t before;

  c->mss = MSS;
  c->cwnd = 1u << 30;
  c->cwnd = c->cc->ssthresh(c, c->cwnd);
  before = c->cwnd;
  c->srtt = LWT_MS(100);
  c->cc->avoid(c, MSS);
  lab.now += LWT_S(3600);
  c->cc->avoid(c, MSS);
  ok(c->cwnd >= before && c->cwnd < before + MSS, "at most half a segment for one");
  lab_end();
}

/* ---- Choosing ---------------------------------------------------------- */

static void choose(void)
{
  struct lwt_net_config config = { .tcp_congestion = "newreno" };
  struct tcp_conn *c = begin("by the configuration, and for a flow", &config);
  struct lwt_net_tcp_info info;

  lwt_net_tcp_info(lab_flow, &info);
  is_str(info.congestion, "newreno", "the configuration");
  c->cwnd = 77000;
  is_int(lwt_net_tcp_congestion(lab_flow, "cubic"), 0, "the flow");
  lwt_net_tcp_info(lab_flow, &info);
  is_str(info.congestion, "cubic", "changed");
  is_int(info.cwnd, 77000, "cwnd stays");
  is_int(lwt_net_tcp_congestion(lab_flow, "vegas"), LWT_EINVAL, "none of that name");
  lab_end();

  config.tcp_congestion = "bbr";
  is_int(lab_try_start(&config), LWT_EINVAL, "nor for the configuration");
  net_timers_fini(&lab.timers);
}

/* ---- Slow start -------------------------------------------------------- */

/* Rounds of slow start in which the round trip grows by `step` each. */
static uint32_t slow_start(uint64_t step)
{
  struct tcp_conn *c = (struct tcp_conn *)lab_flow;
  unsigned round, i, n;

  c->mss = MSS;
  c->cwnd_limited = 1;
  for (round = 0; round < 12 && c->cwnd < c->ssthresh; round++) {
    n = c->cwnd / MSS;
    for (i = 0; i < n && c->cwnd < c->ssthresh; i++) {
      c->ack_rtt = LWT_MS(40) + round * step;
      c->cwnd_limited = 1;
      if (i == n - 1) /* the round ends */
        c->snd_una = c->snd_nxt = c->hystart.round_end;
      net_tcp_cc_acked(c, MSS);
      if (i == n - 1)
        c->hystart.round_end = c->snd_nxt + 1;
    }
  }
  c->snd_una = c->snd_nxt = c->snd_max = c->iss + 1;
  return c->cwnd;
}

static void hystart(void)
{
  uint32_t cwnd;

  begin("RFC 9406: slow start ends when the round trip grows by an eighth", NULL);
  cwnd = slow_start(LWT_MS(6));
  ok(cwnd > 40 * MSS && cwnd < 300 * MSS, "with %u", cwnd);
  ok(((struct tcp_conn *)lab_flow)->ssthresh == cwnd, "without a loss");
  lab_end();

  begin("a steady round trip does not end it", NULL);
  cwnd = slow_start(0);
  ok(cwnd > 10000 * MSS, "%u after 12 rounds", cwnd);
  lab_end();
}

int main(void)
{
  curve();
  reno_friendly();
  converge();
  far_away();
  choose();
  hystart();
  return lwt_test_done();
}
