/* t-tcp-next.c - the short way of a connection's next segment checks what the
 * layers check.
 * SPDX-License-Identifier: ISC
 *
 * A segment that is the next one but for one thing must not arrive, and is
 * counted where the layers count it; put right, it does.  Of segments in one batch it is
 * checked which become one.
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

  lab_tcp(p, seq, ack, flags, 0x4000, options, n);
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

static void start_as(const struct lwt_net_config *config, int with_timestamps)
{
  static const char ts[12] = { 1, 1, 8, 10 };

  lab_start(config);
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
  if (config) /* a window scale, 0 */
    segment(SYN, "\3\3\0\1", 4, "");
  else
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

static void start(int with_timestamps)
{
  start_as(NULL, with_timestamps);
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

/* ---- Several as one ----------------------------------------------------- */

/* A segment of the batch, offset bytes from the one that is due. */
static void part(uint32_t offset, int flags, const char *text)
{
  uint8_t options[12] = { 1, 1, 8, 10 };

  lab_put(options + 4, 4, tsval);
  seq += offset;
  segment(flags, (const char *)options, timestamps ? 12 : 0, text);
  seq -= offset;
  sum();
}

static void tos4(void) { lab_frame[15] = 4; }
static void ect(void) { lab_frame[15] = 2; }
static void ce(void) { lab_frame[15] = 3; }
static void ip_id(void) { lab_frame[19] ^= 1; }
static void dont_fragment(void) { lab_frame[20] ^= 0x40; }
static void ttl(void) { lab_frame[22]--; }
static void station(void) { lab_frame[11] ^= 1; }
static void port(void) { lab_frame[35] ^= 1; }
static void gap(void) { lab_frame[41]++; }
static void overlap(void) { lab_frame[41]--; }
static void again(void) { lab_frame[41] = (uint8_t)(lab_frame[41] - 3); }
static void old_ack(void) { lab_put(lab_frame + 42, 4, ack - 1); }
static void fin(void) { lab_frame[47] |= FIN; }
static void urg(void) { lab_frame[47] |= URG; }
static void ece(void) { lab_frame[47] |= 64; }
static void cwr(void) { lab_frame[47] |= 128; }
static void push(void) { lab_frame[47] |= PSH; }
static void window(void) { lab_frame[49] ^= 1; }
static void shorter(void) { lab_put(lab_frame + 16, 2, 40 + (timestamps ? 12 : 0)); }
static void padding(void) { lab_len = 14 + 100; }
static void ts_value(void) { lab_put(lab_frame + 58, 4, tsval + 1); }
static void ts_echo(void) { lab_frame[65] ^= 1; }
static void options(void) { lab_frame[54] = 8; }
static void tcp_sum(void) { lab_frame[51] ^= 1; }
static void ip_sum(void) { lab_frame[25] ^= 1; }

static const struct {
  const char *name;
  void (*change)(void);
  int one;           /* the second and the first become one */
  const char *bytes; /* that arrive */
} rules[] = {
  { "nothing", NULL, 1, "onetwo" },
  { "the identification", ip_id, 1, "onetwo" },
  { "PSH", push, 1, "onetwo" },
  { "padding", padding, 1, "onetwo" },
  { "the type of service", tos4, 0, "onetwo" },
  { "ECT", ect, 0, "onetwo" },
  { "CE", ce, 0, "onetwo" },
  { "DF", dont_fragment, 0, "onetwo" },
  { "TTL", ttl, 0, "onetwo" },
  { "the station", station, 0, "onetwo" },
  { "the acknowledgment", old_ack, 0, "onetwo" },
  { "the window", window, 0, "onetwo" },
  { "FIN", fin, 0, "onetwo" },
  { "URG", urg, 0, "onetwo" },
  { "ECE", ece, 0, "onetwo" },
  { "CWR", cwr, 0, "onetwo" },
  { "the port", port, 0, "one" },
  { "a gap", gap, 0, "one" },
  { "an overlap", overlap, 0, "onewo" },
  { "the same numbers", again, 0, "one" },
  { "no bytes", shorter, 0, "one" },
};

static void check(int merged, const char *bytes, const char *name)
{
  uint64_t before = STAT(tcp_coalesced), frames = STAT(rx_frames);

  settle();
  is_int((int)(STAT(tcp_coalesced) - before), merged, "%s: as one", name);
  is_str(arrived(), bytes, "%s: what arrives", name);
  ok(STAT(rx_frames) - frames >= (unsigned)merged + 1, "%s: frames are counted", name);
}

static void rule(const char *name, void (*change)(void), int sums, int merged,
                 const char *bytes)
{
  part(0, ACK, "one");
  post();
  part(3, ACK, "two");
  if (change)
    change();
  if (sums) {
    lab_ip_sum();
    sum();
  }
  post();
  check(merged, bytes, name);
}

static void test_rules(int with)
{
  size_t i;

  for (i = 0; i < sizeof rules / sizeof *rules; i++) {
    start(with);
    rule(rules[i].name, rules[i].change, 1, rules[i].one, rules[i].bytes);
    end();
  }
  start(with);
  rule("a wrong sum", tcp_sum, 0, 0, "one");
  is_int((int)STAT(tcp_checksum), 1, "it is counted");
  end();
  start(with);
  rule("a wrong sum of IP", ip_sum, 0, 0, "one");
  is_int((int)STAT(ip_checksum), 1, "it is counted");
  end();
  if (!with)
    return;
  start(1);
  rule("the timestamp", ts_value, 1, 0, "onetwo");
  end();
  start(1);
  rule("its echo", ts_echo, 1, 0, "onetwo");
  end();
  start(1);
  rule("other options", options, 1, 0, "one");
  end();
}

/* a b c d e; `pushed` is one of them, 5: none. */
static void five(uint32_t pushed, int merged)
{
  char letter[2] = "a";
  uint32_t i;

  start(1);
  for (i = 0; i < 5; i++, letter[0]++) {
    part(i, ACK | (i == pushed ? PSH : 0), letter);
    post();
  }
  check(merged, "abcde", "five");
  is_int((int)STAT(tcp_rx), 2 + 5, "segments are counted");
  end();
}

static void test_batches(void)
{
  five(5, 4);
  five(4, 4);
  five(0, 3);
  five(2, 3);
  start(1);
  part(0, ACK, "one");
  post();
  lab_udp("10.0.0.9", 1, "10.0.0.2", 2, "?", 1);
  post();
  part(3, ACK, "two");
  post();
  check(0, "onetwo", "something in between");
  seq += 6;
  part(6, ACK, "later");
  post();
  settle();
  part(0, ACK, "one");
  post();
  part(3, ACK, "two");
  post();
  check(0, "onetwolater", "while there is a hole");
  end();
}

static char text[80000];

/* Bytes of text in segments of len; returns how many of them were made one. */
static int stream(uint32_t len, uint32_t n)
{
  uint64_t before = STAT(tcp_coalesced);
  char bytes[1461];
  uint32_t i;

  for (i = 0; i < n; i++) {
    memcpy(bytes, text + i * len, len);
    bytes[len] = '\0';
    part(i * len, ACK, bytes);
    post();
  }
  settle();
  seq += n * len;
  return (int)(STAT(tcp_coalesced) - before);
}

static size_t read_all(size_t len)
{
  static char bytes[sizeof text];
  size_t done = 0;
  void *n;

  while (done < len) {
    if (lwt_run_value((lwt_t *)lwt_flow_read(flow, bytes + done, len - done), &n).code)
      break;
    done += (size_t)(uintptr_t)n;
  }
  return memcmp(bytes, text, done) ? 0 : done;
}

static void test_limits(void)
{
  struct lwt_net_config config = {
    .tcp_receive = 1 << 20, .tcp_without = LWT_NET_TCP_TUNING
  };
  size_t i;

  for (i = 0; i < sizeof text; i++)
    text[i] = (char)('a' + i % 23);
  config.addr = lab_addr("10.0.0.2", 0);
  config.prefix = 24;
  start_as(&config, 0);
  stream(1460, 2); /* the acknowledgment tells the window, which is scaled now */
  read_all(2 * 1460);
  is_int(stream(1460, 50), 48, "64 KiB at most");
  is_int((int)read_all(50 * 1460), 50 * 1460, "every byte");
  end();
  config.tcp_receive = 4096;
  start_as(&config, 0);
  is_int(stream(1000, 5), 3, "no more than the window");
  is_int((int)read_all(4096), 4096, "what is in it");
  end();
}

/* RFC 9293 3.10.7.4: an old segment does not tell the window, one that is older than the
 * last of those that became one. */
static void test_window(void)
{
  const struct tcp_conn *c;
  uint32_t before;

  start(1);
  c = (const struct tcp_conn *)flow;
  before = c->snd_wnd;
  part(0, ACK, "one");
  post();
  part(3, ACK, "two");
  post();
  check(1, "onetwo", "two");
  part(1, ACK, "netwoX");
  window();
  sum();
  inject();
  is_str(arrived(), "X", "one that came late, with a byte more");
  is_int((int)c->snd_wnd, (int)before, "its window is old");
  part(7, ACK, "Y");
  window();
  sum();
  inject();
  is_int((int)c->snd_wnd, (int)before ^ 1, "that of the next one is not");
  end();
}

/* RFC 5681 4.2: an acknowledgment for two full-sized segments, which the length of
 * several does not make larger. */
static void test_acknowledgments(void)
{
  start(0);
  is_int(stream(300, 3), 2, "three are one");
  ok(!lab_take(), "less than two full-sized ones: no acknowledgment yet");
  is_int(stream(300, 2), 1, "two are one");
  ok(lab_take() && lab_get(lab_seen + 42, 4) == seq, "together they are more");
  ok(!lab_take(), "one for all");
  is_int(stream(1460, 2), 1, "two are one");
  ok(lab_take() && lab_get(lab_seen + 42, 4) == seq, "two full-sized ones: at once");
  ok(!lab_take(), "one for both");
  is_int(stream(1460, 1), 0, "one");
  ok(!lab_take(), "no acknowledgment yet");
  advance(LWT_MS(40));
  ok(lab_take() && lab_get(lab_seen + 42, 4) == seq, "it was delayed");
  end();
}

static void test_log(void)
{
  static char log[4096];
  FILE *out = fmemopen(log, sizeof log, "w");

  start(0);
  lwt_net_tcp_log(flow, 100);
  is_int(stream(300, 3), 2, "three are one");
  lwt_net_tcp_log_write(flow, out);
  fclose(out);
  ok(strstr(log, " receive 1 901 "), "the log has them as one");
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
  test_rules(0);
  test_rules(1);
  test_batches();
  test_limits();
  test_window();
  test_acknowledgments();
  test_log();
  return lwt_test_done();
}
