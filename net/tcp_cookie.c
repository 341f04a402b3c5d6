/* net/tcp_cookie.c - SYN cookies: handshakes without memory.
 * SPDX-License-Identifier: ISC
 *
 * When max_half_open is reached, what a struct tcp_half would hold goes into the
 * SYN-ACK's sequence number instead, and comes back with the ACK (RFC 4987
 * 3.6):
 *
 *   iss = hash(tuple, irs) + (time << 27 | mss << 24 | hash(tuple, irs, time, mss))
 *
 * time counts 64 s, mss is an index into a table, the hashes are keyed SipHash,
 * the second one of 24 bits.  A peer with timestamps gets the window scale, and
 * whether SACK and ECN were agreed on, in the low bits of our timestamp; one
 * without has none of them.  An ACK is looked at as a cookie only within two
 * minutes of the last one sent.
 */
#include "tcp.h"

#include <string.h>

enum {
  TIME_SHIFT = 27, TIME_MASK = 31, MSS_SHIFT = 24, MSS_MASK = 7, HASH_MASK = 0xffffff,
  TS_MASK = 63, TS_SACK = 16, TS_ECN = 32, TS_NO_SCALE = 15
};

#define PERIOD LWT_S(64)

static const uint16_t sizes[8] = { 0, 216, 536, 1220, 1360, 1440, 1460, 8960 };

static uint32_t mix(struct net_stack *s, const struct tcp_tuple *t, uint32_t irs,
                    uint32_t more)
{
  struct {
    struct tcp_tuple tuple;
    uint32_t irs, more;
  } in;

  memset(&in, 0, sizeof in);
  in.tuple = *t;
  in.irs = irs;
  in.more = more;
  return (uint32_t)net_siphash(s->tcp->cookie_key, &in, sizeof in);
}

static uint32_t cookie(struct net_stack *s, const struct tcp_tuple *t, uint32_t irs,
                       uint32_t time, uint32_t mss)
{
  uint32_t what = (time & TIME_MASK) << TIME_SHIFT | mss << MSS_SHIFT;

  /* The period's whole number, and never the other hash's. */
  what |= mix(s, t, irs, (time << 3 | mss) + 1) & HASH_MASK;
  return mix(s, t, irs, 0) + what;
}

void net_tcp_cookie_send(struct net_stack *s, struct tcp_half *h)
{
  uint32_t mss = 7, ts = net_tcp_ts_now(s, h->ts_offset), bits;

  while (sizes[mss] > h->peer_mss)
    mss--;
  s->tcp->cookie_sent = s->now;
  s->stats.tcp_cookies_sent++;
  h->iss = cookie(s, &h->node.tuple, h->irs, (uint32_t)(s->now / PERIOD), mss);
  if (!(h->options & TCP_OPT_TS)) {
    h->options &= TCP_OPT_MSS;
  } else {
    bits = h->options & TCP_OPT_SCALE ? h->snd_scale : TS_NO_SCALE;
    bits |= h->options & TCP_OPT_SACK_OK ? TS_SACK : 0;
    bits |= h->options & TCP_OPT_ECN ? TS_ECN : 0;
    bits |= ts & ~(uint32_t)TS_MASK;
    if (seq_gt(bits, ts)) /* not from the future */
      bits -= TS_MASK + 1;
    h->ts_offset += bits - ts;
  }
}

int net_tcp_cookie_check(struct net_stack *s, const struct tcp_tuple *t,
                         const struct tcp_repr *r, struct tcp_half *h)
{
  uint32_t irs = r->seq - 1, now = (uint32_t)(s->now / PERIOD), what, time, mss, scale;

  if (!s->tcp->cookie_sent || s->now - s->tcp->cookie_sent > 2 * PERIOD)
    return 0;
  what = r->ack - 1 - mix(s, t, irs, 0);
  mss = what >> MSS_SHIFT & MSS_MASK;
  time = now - ((now - (what >> TIME_SHIFT)) & TIME_MASK);
  if (now - time > 1 || cookie(s, t, irs, time, mss) != r->ack - 1) {
    s->stats.tcp_cookies_bad++;
    return 0;
  }
  *h = (struct tcp_half){
    .node = { .kind = TCP_HALF, .tuple = *t }, .stack = s, .iss = r->ack - 1,
    .irs = irs, .peer_mss = sizes[mss], .options = TCP_OPT_MSS, .started = s->now,
    .wnd = net_tcp_tune_window(s)
  };
  h->ts_offset = net_tcp_ts_offset(s, t);
  if (!(r->options & TCP_OPT_TS))
    return 1;
  h->options |= TCP_OPT_TS;
  h->ts_recent = r->tsval;
  scale = r->tsecr & TS_NO_SCALE;
  if (scale <= TCP_SCALE_MAX) {
    h->options |= TCP_OPT_SCALE;
    h->snd_scale = (uint8_t)scale;
  }
  h->options |= r->tsecr & TS_SACK ? TCP_OPT_SACK_OK : 0;
  h->options |= r->tsecr & TS_ECN ? TCP_OPT_ECN : 0;
  return 1;
}
