/* net/tcp_path.c - the path's MTU, found out by the segments themselves: RFC 4821.
 * SPDX-License-Identifier: ISC
 *
 * Down: a full segment that times out twice while small ones arrive may be too large
 * for the path, whose ICMP errors do not come (7.7).  Then segments become smaller,
 * step by step, without waiting for anybody's word.  ICMP errors that do come are in
 * tcp_icmp.c.
 *
 * Up: ten minutes after segments were made smaller, for whatever reason, one that is
 * larger is sent among the others: of the size that the interface and the peer would
 * take, and when that is lost three times, by halves between what arrives and what does
 * not.  What arrives becomes the size of all.  A probe is sent once there is enough
 * behind it to show its loss, and its loss is no sign of congestion (7.6).  When
 * nothing is left to find it rests for ten minutes more (RFC 8899 5.1.1).
 *
 * path_mss, path_high and probe_mss count options as payload, as the MSS option does.
 */
#include "tcp.h"

enum {
  TIMEOUTS = 2, /* of the same segment */
  TRIES = 3,    /* of a size */
  BEHIND = 3,   /* segments that follow a probe */
  CLOSE = 32    /* bytes that are not worth a probe */
};

#define RAISE LWT_S(600)
#define AGAIN LWT_S(1)

static int is_off(const struct tcp_conn *c)
{
  return !!(c->stack->config.tcp_without & LWT_NET_TCP_PLPMTUD);
}

static uint32_t options(const struct tcp_conn *c)
{
  return c->ts_on ? TCP_HEADER_TS : 0;
}

/* No more than this, until it is looked for more. */
static void limit(struct tcp_conn *c, uint32_t mss)
{
  c->path_mss = mss;
  c->path_high = 0;
  c->path_time = c->stack->now + RAISE;
  c->probe_mss = 0;
  c->probe_fails = 0;
}

/* ---- Down -------------------------------------------------------------- */

int net_tcp_black_hole(struct tcp_conn *c)
{
  /* Payload of common tunnels, the minimum of IPv6, that of IPv4. */
  static const uint16_t steps[] = { 1360, 1220, 536 };
  uint32_t mss = c->mss;
  unsigned i;

  if (c->retransmits != TIMEOUTS || is_off(c) || c->snd_nxt - c->snd_una < mss)
    return 0;
  for (i = 0; i < sizeof steps / sizeof *steps; i++)
    if (steps[i] < mss)
      break;
  if (i == sizeof steps / sizeof *steps)
    return 0;
  c->stack->stats.tcp_black_holes++;
  limit(c, steps[i]);
  net_tcp_conn_mss(c);
  net_tcp_sent_lose(c, c->snd_una, c->snd_nxt);
  c->retransmits = 0; /* the next step after as many */
  return 1;
}

void net_tcp_path_limited(struct tcp_conn *c)
{
  if (!is_off(c))
    limit(c, c->mss + options(c));
}

/* ---- Up ---------------------------------------------------------------- */

/* The probe has arrived: the others may be as large. */
static void arrived(struct tcp_conn *c)
{
  c->stack->stats.tcp_path_raised++;
  c->path_mss = c->probe_mss;
  if (c->path_mss == net_tcp_conn_most(c)) /* there is nothing more to find */
    c->path_mss = 0;
  c->probe_mss = 0;
  c->probe_fails = 0;
  net_tcp_conn_mss(c);
}

static void failed(struct tcp_conn *c)
{
  if (++c->probe_fails >= TRIES) {
    c->path_high = c->probe_mss - 1;
    c->probe_fails = 0;
  }
  c->probe_mss = 0;
  c->path_time = c->stack->now + AGAIN;
}

/* The size to try; 0: nothing is left to find. */
static uint32_t next(struct tcp_conn *c)
{
  uint32_t most = net_tcp_conn_most(c);

  if (c->path_mss >= most) { /* IP knows no better: perhaps later */
    limit(c, most);
    net_tcp_conn_mss(c);
    return 0;
  }
  if (!c->path_high || c->path_high >= most)
    return c->path_high = most;
  if (c->path_high < c->path_mss + CLOSE) {
    limit(c, c->path_mss);
    return 0;
  }
  return (c->path_mss + c->path_high + 1) / 2;
}

/* Enough is there to send, and the windows take it. */
static int may_probe(const struct tcp_conn *c, uint32_t len, uint32_t pipe)
{
  uint32_t all = len + BEHIND * c->mss, end = net_tcp_sendq_end(&c->sq);

  return c->snd_nxt == c->snd_max && seq_le(c->snd_nxt + all, end) &&
         seq_le(c->snd_nxt + all, c->snd_una + c->snd_wnd) && pipe + len <= c->cwnd;
}

uint32_t net_tcp_path_search(struct tcp_conn *c, uint32_t pipe)
{
  uint32_t size, len;

  if (c->mode != TCP_OPEN)
    return 0;
  if (c->probe_mss) {
    if (seq_lt(c->snd_una, c->probe_end))
      return 0;
    arrived(c);
  }
  if (!c->path_mss || c->stack->now < c->path_time || !(size = next(c)))
    return 0;
  len = size - options(c);
  if (!may_probe(c, len, pipe))
    return 0;
  if (!net_tcp_output_sized(c, len)) {
    c->path_time = c->stack->now + AGAIN;
    return 0;
  }
  c->stack->stats.tcp_path_probes++;
  c->probe_mss = size;
  c->probe_end = c->snd_nxt;
  return len;
}

/* Whether [the probe] is what is lost, and nothing else. */
static int only_probe(const struct tcp_conn *c, uint32_t start, uint32_t len)
{
  uint32_t seq;

  if (!c->sack_on)
    return c->snd_una == start;
  return c->sent.lost == len && net_tcp_lost_next(c, &seq) && seq == start;
}

int net_tcp_path_lost(struct tcp_conn *c)
{
  uint32_t len = c->probe_mss - options(c), start = c->probe_end - len;
  int only = only_probe(c, start, len);

  failed(c);
  if (!only)
    return 0;
  net_tcp_log(c, TCP_LOG_RECOVERY);
  if (!c->sack_on)
    net_tcp_sent_lose(c, start, start + len);
  c->mode = TCP_LOSS; /* which leaves cwnd alone */
  c->recover = c->snd_nxt;
  c->undo.valid = 0;
  c->force = 1;
  c->timing = 0;
  c->rack.tlp = 0;
  return 1;
}

void net_tcp_path_timeout(struct tcp_conn *c)
{
  failed(c);
}
