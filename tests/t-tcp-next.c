/* t-tcp-next.c - the short way of a connection's next segment checks what the
 * layers check.
 * SPDX-License-Identifier: ISC
 *
 * A segment that is the next one but for one thing must not arrive, and is
 * counted where the layers count it; put right, it does.
 */
#include "../net/tcp.h"
#include "netlab.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32 };

static struct lwt_listener *listener;
static struct lwt_flow *flow;
static uint32_t seq, ack;
static int timestamps; /* of the connection */
static uint32_t tsval;
static int asks; /* each segment is an answer */

/* The segment that is due, with its own options or those given. */
static uint8_t *segment(int flags, const char *options, uint32_t n, const char *text)
{
  uint32_t len = (uint32_t)strlen(text), total = 20 + n + len;
  uint8_t *p = lab_ipv4("10.0.0.9", "10.0.0.2", 6, 1, 0, NULL, total);

  memset(p, 0, 20);
  lab_put(p, 2, 1000);
  lab_put(p + 2, 2, 7);
  lab_put(p + 4, 4, seq);
  lab_put(p + 8, 4, ack);
  p[12] = (uint8_t)((20 + n) / 4 << 4);
  p[13] = (uint8_t)flags;
  lab_put(p + 14, 2, 0x4000);
  if (n)
    memcpy(p + 20, options, n);
  memcpy(p + 20 + n, text, len);
  return p;
}

/* The sum of what is in the frame now. */
static void sum(void)
{
  uint32_t at = 14 + (lab_frame[14] & 15) * 4u;
  uint32_t len = lab_get(lab_frame + 16, 2) + 14 - at;

  lab_put(lab_frame + at + 16, 2, 0);
  lab_put(lab_frame + at + 16, 2,
          ~lab_sum(lab_frame + at, len, lab_pseudo(lab_frame + 14, len)));
}

static void make(int flags, const char *text)
{
  uint8_t options[12] = { 1, 1, 8, 10 };

  lab_put(options + 4, 4, ++tsval);
  segment(flags, (const char *)options, timestamps ? 12 : 0, text);
  sum();
}

/* What comes next answers a request: it acknowledges all that is in flight. */
static void ask(void)
{
  struct tcp_conn *c = (struct tcp_conn *)flow;

  if (c->snd_una != c->snd_nxt) { /* the one before was not answered */
    make(ACK, "");
    inject();
  }
  lwt_run_value(lwt_flow_write(flow, "0123456789", 10), NULL);
  settle();
  lab_discard();
  ack += 10;
}

static void due(const char *text)
{
  if (asks && flow)
    ask();
  make(ACK | PSH, text);
}

static void start(int with_timestamps)
{
  static const char ts[12] = { 1, 1, 8, 10 };

  lab_start(NULL);
  flow = NULL;
  timestamps = with_timestamps;
  tsval = 0;
  seq = 5000;
  ack = 0;
  is_int(lwt_stack_listen(lab_stack, &(struct lwt_addr){ .family = 4, .port = 7 }, 4,
                          &listener), 0, "listening");
  lab_arp("01", 1, "10.0.0.9", "10.0.0.2");
  inject();
  lab_discard();
  segment(SYN, ts, timestamps ? 12 : 0, "");
  sum();
  inject();
  ok(lab_take() && lab_seen_len > 54 && lab_seen[47] == (SYN | ACK), "a SYN-ACK");
  ack = lab_get(lab_seen + 38, 4) + 1;
  seq++;
  due("");
  inject();
  flow = NULL;
  ok(!lwt_run_value((lwt_t *)lwt_accept(listener), (void **)&flow).code && flow,
     "accepted");
  lab_discard();
}

static void end(void)
{
  lwt_flow_abort(flow);
  lwt_listener_close(listener);
  lab_discard();
  lab_end();
}

/* What there is to read now; "" when nothing. */
static const char *arrived(void)
{
  static char text[64];
  lwt_t *p = (lwt_t *)lwt_flow_read(flow, text, sizeof text - 1);
  void *n = NULL;

  settle();
  if (lwt_state(p) == LWT_PENDING) {
    lwt_cancel(p);
    lwt_error(p);
    lwt_drop(p);
    return "";
  }
  lwt_run_value(p, &n);
  text[(size_t)(uintptr_t)n] = '\0';
  return text;
}

static void takes(const char *name)
{
  due("right");
  inject();
  is_str(arrived(), "right", "%s", name);
  seq += 5;
  advance(LWT_MS(100));
  lab_discard();
}

/* The frame is wrong: nothing arrives, *counter says why. */
static void refused(const uint64_t *counter, const char *name)
{
  uint64_t before = *counter;

  inject();
  is_str(arrived(), "", "%s: does not arrive", name);
  is_int((int)(*counter - before), 1, "%s: counted", name);
  advance(LWT_MS(100));
  lab_discard();
}

#define REFUSED(stat, name) refused(&STAT(stat), name)

static void test_layers(int with)
{
  start(with);
  takes("the next segment");
  due("wrong");
  lab_frame[24] ^= 1;
  REFUSED(ip_checksum, "IP checksum");
  due("wrong");
  lab_frame[lab_len - 1] ^= 1;
  REFUSED(tcp_checksum, "TCP checksum");
  due("wrong");
  lab_frame[5] = 9;
  is_str(arrived(), "", "to another host");
  due("wrong");
  lab_frame[6] |= 1;
  REFUSED(eth_other, "from a group");
  due("wrong");
  lab_frame[29] ^= 4;    /* address + 4 */
  lab_frame[35] ^= 0x0c; /* port - 4 */
  lab_ip_sum();
  REFUSED(tcp_no_port, "of another connection, with the same sum");
  due("wrong");
  lab_put(lab_frame + 26, 4, lab_ip("10.0.0.2"));
  lab_ip_sum();
  sum();
  REFUSED(ip_source, "from our own address");
  due("wrong");
  lab_put(lab_frame + 30, 4, lab_ip("10.0.0.3"));
  lab_ip_sum();
  sum();
  REFUSED(ip_destination, "to another address");
  due("wrong");
  lab_put(lab_frame + 16, 2, lab_len);
  lab_ip_sum();
  REFUSED(ip_malformed, "longer than the frame");
  takes("the next segment after that");
  due("right");
  lab_len = 14 + 200; /* padding */
  inject();
  is_str(arrived(), "right", "padding is cut off");
  seq += 5;
  end();
}

static void test_tcp(int with)
{
  start(with);
  due("wrong");
  lab_put(lab_frame + 38, 4, seq + 1000000);
  sum();
  REFUSED(tcp_outside, "beyond the window");
  due("wrong");
  lab_put(lab_frame + 42, 4, ack + 1);
  sum();
  REFUSED(tcp_bad_acks, "acknowledges what was not sent");
  due("wrong");
  lab_frame[47] = PSH;
  sum();
  inject();
  is_str(arrived(), "", "no ACK");
  due("wrong");
  lab_frame[47] = ACK | SYN;
  sum();
  REFUSED(tcp_challenges, "a SYN");
  due("wrong");
  lab_frame[46] = 4 << 4;
  sum();
  REFUSED(tcp_malformed, "a header too short");
  due("later");
  lab_put(lab_frame + 38, 4, seq + 5);
  sum();
  REFUSED(tcp_out_of_order, "out of order");
  due("right");
  inject();
  is_str(arrived(), "rightlater", "the hole is filled");
  seq += 10;
  end();
}

static void test_timestamps(void)
{
  start(1);
  takes("with timestamps");
  due("wrong");
  lab_put(lab_frame + 58, 4, tsval - 100);
  sum();
  REFUSED(tcp_paws, "an old timestamp");
  segment(ACK, NULL, 0, "wrong");
  sum();
  REFUSED(tcp_no_timestamp, "no timestamp");
  segment(ACK, "\x2\x4\x1\x1\x1\x1\x1\x1\x1\x1\x1\x1", 12, "wrong");
  sum();
  REFUSED(tcp_no_timestamp, "other options of that length");
  takes("with timestamps again");
  end();
}

/* Few bytes, nothing in flight, a short round trip: nothing is paced (tcp_pace.c), so
 * nothing is owed when the path becomes a long one. */
static void test_owed(void)
{
  struct tcp_conn *c;
  int i;

  start(0);
  c = (struct tcp_conn *)flow;
  for (i = 0; i < 20; i++) {
    lwt_run_value(lwt_flow_write(flow, "0123456789", 10), NULL);
    lab_discard();
    ack += 10;
    takes("it goes on");
  }
  ok(c->srtt && c->srtt < TCP_PACE_RTT, "a short way");
  is_int(c->pace_credit, 0, "nothing is owed");
  end();
}

/* An answer acknowledges the request: what is known then. */
static void test_answer(void)
{
  struct tcp_conn *c;

  start(1);
  c = (struct tcp_conn *)flow;
  takes("an answer");
  is_int((int)(c->snd_nxt - c->snd_una), 0, "acknowledges it");
  is_int((int)c->sq.len + (int)c->sent.n, 0, "nothing is kept of it");
  ok(c->t_rexmit == LWT_NEVER && c->t_loss == LWT_NEVER, "nothing is waited for");
  ok(!c->timing && c->srtt, "it was timed");
  is_int((int)c->delivered, 10, "delivered");
  is_int((int)c->last_ack == (int)c->rcv_nxt, 1, "the answer was acknowledged, too");
  due("");
  lab_put(lab_frame + 48, 2, 5);
  sum();
  inject();
  is_int((int)(c->snd_nxt - c->snd_una), 0, "an acknowledgment alone");
  is_int((int)(c->snd_wnd >> c->snd_scale), 5, "and its window");
  end();
}

int main(void)
{
  for (asks = 0; asks < 2; asks++) {
    test_layers(0);
    test_layers(1);
    test_tcp(0);
    test_tcp(1);
    test_timestamps();
  }
  asks = 1;
  test_answer();
  asks = 0;
  test_owed();
  return lwt_test_done();
}
