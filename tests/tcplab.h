/* tcplab.h - TCP alone on a bench: segments in, segments out, written as text.
 * SPDX-License-Identifier: ISC
 *
 * The layers below TCP are made here: net_ip_send() keeps what it is given.
 * Our end is 10.0.0.2, port 80 when it listens; the peer is 10.0.0.1 port 7000.
 *
 *   in("S 0 win 65535 mss 1460")     the peer sends
 *   out("SA 0 ack 1 win 65535 mss 1460")   we have sent exactly this
 *   quiet()                          and nothing more
 *   advance(LWT_MS(40))              time passes
 *
 * A segment: flags (S F R P A, E and C for ECE and CWR), sequence number, then what
 * applies of
 *   ack N   win N   len N   'text'   mss N   ws N   sok   ts V/E   uto N
 *   sack A-B ...
 * in this order.  Numbers are relative: a side's SYN is 0, its first timestamp
 * too.  `len` stands for bytes of the pattern that pattern() gives.
 */
#ifndef TCPLAB_H
#define TCPLAB_H

#include "../net/tcp.h"

#define LWT_TEST_SHORT
#include <lwt/engine.h>
#include <lwt/test.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { PEER_ISS = 1000000, PEER_TS = 5000000, LAB_MAX = 4096 };

static struct lwt_virtual lab_time;
static struct net_stack lab;
static struct lwt_listener *lab_listener;
static struct lwt_flow *lab_flow; /* the last one accepted or connected */
static struct lwt_addr us, peer;
static uint16_t lab_mtu = 1500;
static int lab_send_error; /* what net_ip_send() returns, and drops the packet */
static int lab_route_error, lab_suspects, lab_bad_sums;
static int lab_resets_allowed = 1;
static uint8_t lab_tos;    /* of what we sent last */
static uint8_t lab_in_tos; /* of what comes in */
static struct lwt_buf *lab_out[LAB_MAX];
static unsigned lab_out_n, lab_out_at;
static uint32_t our_iss, our_ts;
static int our_iss_known, our_ts_known;
static char lab_text[400];

#define STAT(name) (lab.stats.name)

static uint8_t pattern(uint32_t offset)
{
  return (uint8_t)(offset * 7 + offset / 251);
}

#include "tcplab-below.h"

/* ---- Segments as text -------------------------------------------------- */

static uint8_t *lab_payload(uint32_t rel, uint32_t len, const char *text)
{
  static uint8_t bytes[70000];
  uint32_t i;

  for (i = 0; i < len; i++)
    bytes[i] = text ? (uint8_t)text[i] : pattern(rel + i);
  return bytes;
}

static uint8_t lab_flags(const char *word)
{
  static const char letters[] = "FSRPAUEC";
  uint8_t flags = 0;

  for (; *word; word++)
    flags |= (uint8_t)(1 << (strchr(letters, *word) - letters));
  return flags;
}

static void lab_parse_sacks(struct tcp_repr *r, char **save)
{
  char *word, *dash;

  while ((word = strtok_r(NULL, " ", save)) && (dash = strchr(word, '-'))) {
    r->sacks[r->n_sacks].start = our_iss + (uint32_t)strtoul(word, NULL, 10);
    r->sacks[r->n_sacks++].end = our_iss + (uint32_t)strtoul(dash + 1, NULL, 10);
  }
}

/* Text to a header; *text is the payload as text, or NULL. */
static void lab_parse(struct tcp_repr *r, char *line, char **payload)
{
  char *quote = strchr(line, '\''), *end = quote ? strrchr(line, '\'') : NULL;
  char *save, *word, *value;

  *r = (struct tcp_repr){ .src = peer.port, .dst = us.port };
  *payload = NULL;
  if (quote && end > quote) {
    *payload = strdup(quote + 1);
    (*payload)[end - quote - 1] = '\0';
    r->len = (uint32_t)strlen(*payload);
    memset(quote, ' ', (size_t)(end - quote + 1));
  }
  r->flags = lab_flags(strtok_r(line, " ", &save));
  r->seq = PEER_ISS + (uint32_t)strtoul(strtok_r(NULL, " ", &save), NULL, 10);
  r->window = 65535;
  while ((word = strtok_r(NULL, " ", &save))) {
    if (!strcmp(word, "sok")) {
      r->options |= TCP_OPT_SACK_OK;
      continue;
    }
    if (!strcmp(word, "sack")) {
      lab_parse_sacks(r, &save);
      break;
    }
    value = strtok_r(NULL, " ", &save);
    if (!strcmp(word, "ack")) {
      r->ack = our_iss + (uint32_t)strtoul(value, NULL, 10);
    } else if (!strcmp(word, "win")) {
      r->window = (uint16_t)atoi(value);
    } else if (!strcmp(word, "len")) {
      r->len = (uint32_t)atoi(value);
    } else if (!strcmp(word, "mss")) {
      r->options |= TCP_OPT_MSS;
      r->mss = (uint16_t)atoi(value);
    } else if (!strcmp(word, "ws")) {
      r->options |= TCP_OPT_SCALE;
      r->scale = (uint8_t)atoi(value);
    } else if (!strcmp(word, "uto")) {
      r->options |= TCP_OPT_UTO;
      r->uto = (uint16_t)strtoul(value, NULL, 0);
    } else if (!strcmp(word, "ts")) {
      r->options |= TCP_OPT_TS;
      r->tsval = PEER_TS + (uint32_t)strtol(value, &value, 10);
      r->tsecr = our_ts + (uint32_t)strtol(value + 1, NULL, 10);
    }
  }
}

static struct lwt_buf *lab_make(const char *line)
{
  struct tcp_repr r;
  struct lwt_buf *segment;
  uint8_t header[TCP_HEADER_MAX];
  char copy[400], *payload;
  uint32_t size;

  snprintf(copy, sizeof copy, "%s", line);
  lab_parse(&r, copy, &payload);
  size = net_tcp_header_len(&r);
  net_tcp_emit(&r, header);
  segment = lwt_buf_copy_in(100, header, size);
  if (segment && r.len)
    lwt_buf_append(segment, lwt_buf_copy_in(0, lab_payload(r.seq - PEER_ISS, r.len,
                                                           payload), r.len));
  free(payload);
  return segment;
}

static char *lab_at;

__attribute__((format(printf, 1, 2))) static void lab_say(const char *format, ...)
{
  va_list ap;

  va_start(ap, format);
  vsnprintf(lab_at, (size_t)(lab_text + sizeof lab_text - lab_at), format, ap);
  va_end(ap);
  lab_at += strlen(lab_at);
}

static void lab_say_options(const struct tcp_repr *r)
{
  unsigned i;

  if (r->options & TCP_OPT_MSS)
    lab_say(" mss %u", r->mss);
  if (r->options & TCP_OPT_SCALE)
    lab_say(" ws %u", r->scale);
  if (r->options & TCP_OPT_SACK_OK)
    lab_say(" sok");
  if (r->options & TCP_OPT_TS)
    lab_say(" ts %d/%d", (int)(r->tsval - our_ts),
            r->tsecr ? (int)(r->tsecr - PEER_TS) : 0);
  if (r->options & TCP_OPT_UTO)
    lab_say(" uto %u", r->uto);
  for (i = 0; i < r->n_sacks; i++)
    lab_say("%s %u-%u", i ? "" : " sack", r->sacks[i].start - PEER_ISS,
            r->sacks[i].end - PEER_ISS);
}

/* What the segment is; checks that its payload is the pattern. */
static const char *lab_describe(const struct lwt_buf *segment)
{
  static uint8_t bytes[70000];
  uint32_t i, n = lwt_buf_copy_out(segment, 0, bytes, sizeof bytes), rel;
  struct tcp_repr r;
  int plain = 1, right = 1;

  lab_at = lab_text;
  if (net_tcp_parse(&r, bytes, n, n))
    return "malformed";
  if (r.flags & TCP_SYN && !our_iss_known) {
    our_iss = r.seq;
    our_iss_known = 1;
  }
  if (r.options & TCP_OPT_TS && !our_ts_known) {
    our_ts = r.tsval;
    our_ts_known = 1;
  }
  lab_say("%s%s%s%s%s%s%s", r.flags & TCP_SYN ? "S" : "", r.flags & TCP_FIN ? "F" : "",
          r.flags & TCP_RST ? "R" : "", r.flags & TCP_PSH ? "P" : "",
          r.flags & TCP_ACK ? "A" : "", r.flags & TCP_ECE ? "E" : "",
          r.flags & TCP_CWR ? "C" : "");
  rel = r.seq - our_iss;
  lab_say(" %u", rel);
  if (r.flags & TCP_ACK)
    lab_say(" ack %u", r.ack - PEER_ISS);
  lab_say(" win %u", r.window);
  for (i = 0; i < r.len; i++) {
    right &= bytes[r.header + i] == pattern(rel + i);
    plain &= bytes[r.header + i] >= 32 && bytes[r.header + i] < 127;
  }
  if (r.len && !right && plain)
    lab_say(" '%.*s'", (int)r.len, (char *)bytes + r.header);
  else if (r.len)
    lab_say(" len %u%s", r.len, right ? "" : " WRONG");
  lab_say_options(&r);
  return lab_text;
}

/* ---- In, out, time ----------------------------------------------------- */

static void in_segment(struct lwt_buf *segment)
{
  struct net_ip_info ip = { .src = peer, .dst = us, .proto = 6, .ttl = 64,
                            .tos = lab_in_tos };

  ip.src.port = ip.dst.port = 0;
  net_clock(&lab);
  net_tcp_input(&lab, &ip, segment);
}

static void in_done(void)
{
  net_tcp_input_done(&lab);
}

/* One of a batch. */
__attribute__((unused, format(printf, 1, 2))) static void
in_batch(const char *format, ...)
{
  char line[400];
  va_list ap;

  va_start(ap, format);
  vsnprintf(line, sizeof line, format, ap);
  va_end(ap);
  in_segment(lab_make(line));
}

__attribute__((unused, format(printf, 1, 2))) static void in(const char *format, ...)
{
  char line[400];
  va_list ap;

  va_start(ap, format);
  vsnprintf(line, sizeof line, format, ap);
  va_end(ap);
  in_segment(lab_make(line));
  in_done();
}

/* Run what can run now. */
static void settle(void)
{
  while (lwt_run_ready() <= lab_time.time)
    ;
}

/* The next segment, NULL: none.  Valid until the next call. */
static const char *lab_next(void)
{
  const char *text;

  settle();
  if (lab_out_at == lab_out_n)
    return NULL;
  text = lab_describe(lab_out[lab_out_at]);
  lwt_buf_free(lab_out[lab_out_at++]);
  if (lab_out_at == lab_out_n)
    lab_out_at = lab_out_n = 0;
  return text;
}

static void lab_is(const char *seen, const char *want, int line, const char *name)
{
  char where[32];

  snprintf(where, sizeof where, "line %d", line);
  lwt_test_str(seen ? seen : "nothing", want, "sent", where, "%s", name);
}

static void lab_out_is(int line, const char *format, ...)
  __attribute__((format(printf, 2, 3), unused));
static void lab_out_is(int line, const char *format, ...)
{
  const char *seen = lab_next();
  char want[400];
  va_list ap;

  va_start(ap, format);
  vsnprintf(want, sizeof want, format, ap);
  va_end(ap);
  lab_is(seen, want, line, want);
}
#define out(...) lab_out_is(__LINE__, __VA_ARGS__)
#define quiet() lab_quiet(__LINE__)

/* What the program can know of the connection, and all of it. */
__attribute__((unused)) static struct lwt_net_tcp_info lab_info(void)
{
  struct lwt_net_tcp_info info;

  lwt_net_tcp_info(lab_flow, &info);
  return info;
}

__attribute__((unused)) static struct tcp_conn *lab_conn(void)
{
  return (struct tcp_conn *)lab_flow;
}

__attribute__((unused)) static void lab_quiet(int line)
{
  const char *seen = lab_next();

  lab_is(seen, "nothing", line, "nothing more");
  while (lab_next())
    ;
}

/* Segments sent and not looked at; they are gone then. */
__attribute__((unused)) static unsigned lab_discard(void)
{
  unsigned n = 0;

  while (lab_next())
    n++;
  return n;
}

/* Let time pass. */
__attribute__((unused)) static void advance(uint64_t duration)
{
  uint64_t end = lab_time.time + duration, next;

  for (;;) {
    next = lwt_run_ready();
    if (next > end)
      break;
    if (next > lab_time.time)
      lab_time.time = next;
  }
  lab_time.time = end;
  settle();
}

/* ---- The program's side ------------------------------------------------ */

/* A promise looked at: a pending one stays with the caller. */
__attribute__((unused)) static int outcome(lwt_t **p)
{
  int code = 1; /* pending */

  settle();
  if (lwt_state(*p) != LWT_PENDING) {
    code = lwt_error(*p).code;
    lwt_drop(*p);
    *p = NULL;
  }
  return code;
}

/* Reads at once what there is: text, "pending", "end" or an error's text. */
__attribute__((unused)) static const char *read_text(struct lwt_flow *flow)
{
  static char text[70000];
  lwt_size_p *p = lwt_flow_read(flow, text, sizeof text - 1);
  size_t n;
  struct lwt_error e;

  settle();
  if (lwt_state(LWT_UNTYPED(p)) == LWT_PENDING) {
    lwt_drop(LWT_UNTYPED(p));
    return "pending";
  }
  e = lwt_error(LWT_UNTYPED(p));
  n = (size_t)(uintptr_t)lwt_value(LWT_UNTYPED(p));
  lwt_drop(LWT_UNTYPED(p));
  if (e.code)
    return lwt_strerror(e.code);
  text[n] = '\0';
  return n ? text : "end";
}

static uint32_t lab_read_at; /* relative sequence number of the next byte read */

/* Reads and checks bytes of the pattern: how many, 0: none, -1: wrong. */
__attribute__((unused)) static int read_len(struct lwt_flow *flow, size_t max)
{
  static uint8_t bytes[400000];
  lwt_size_p *p = lwt_flow_read(flow, bytes, max < sizeof bytes ? max : sizeof bytes);
  size_t i, n = 0;

  settle();
  if (lwt_state(LWT_UNTYPED(p)) == LWT_FULFILLED)
    n = (size_t)(uintptr_t)lwt_value(LWT_UNTYPED(p));
  else
    lwt_error(LWT_UNTYPED(p));
  lwt_drop(LWT_UNTYPED(p));
  for (i = 0; i < n; i++)
    if (bytes[i] != pattern(lab_read_at + (uint32_t)i))
      return -1;
  lab_read_at += (uint32_t)n;
  return (int)n;
}

__attribute__((unused)) static int write_text(struct lwt_flow *flow, const char *text)
{
  lwt_t *p = lwt_flow_write(flow, text, strlen(text));
  int code = outcome(&p);

  if (p)
    lwt_drop(p);
  return code;
}

/* Bytes of the pattern from relative sequence number seq on; pending writes go
 * on by themselves. */
__attribute__((unused)) static void write_len(struct lwt_flow *flow, uint32_t seq,
                                              uint32_t len)
{
  static uint8_t bytes[1 << 20];
  uint32_t i;

  for (i = 0; i < len; i++)
    bytes[i] = pattern(seq + i);
  lwt_async(lwt_flow_write(flow, bytes, len));
}

/* ---- Life -------------------------------------------------------------- */

static void lab_before(void *env)
{
  net_clock(env);
}
static void lab_after(void *env)
{
  net_tcp_input_done(env);
}

static void lab_lost(struct lwt_error error, const char *where)
{
  (void)error;
  (void)where;
}

__attribute__((unused)) static int lab_try_start(const struct lwt_net_config *config)
{
  lwt_on_lost(lab_lost);
  lwt_virtual_init(&lab_time);
  lab_time.time = LWT_S(1000);
  lwt_set_engine(&lab_time.engine);
  memset(&lab, 0, sizeof lab);
  if (config)
    lab.config = *config;
  lab.route_age = 1;
  if (!lab.config.max_connections)
    lab.config.max_connections = 1000;
  if (!lab.config.max_time_wait)
    lab.config.max_time_wait = 1000;
  if (!lab.config.tcp_send)
    lab.config.tcp_send = 256 << 10;
  if (!lab.config.tcp_receive)
    lab.config.tcp_receive = 65535;
  lwt_addr_parse(&us, "10.0.0.2");
  us.port = 80;
  lwt_addr_parse(&peer, "10.0.0.1");
  peer.port = 7000;
  our_iss_known = our_ts_known = 0;
  our_iss = our_ts = 0;
  lab_flow = NULL;
  lab_mtu = 1500;
  lab_read_at = 1;
  lab_suspects = lab_bad_sums = lab_send_error = lab_route_error = 0;
  lab_resets_allowed = lab_csum_ok = 1;
  lab_tos = lab_in_tos = 0;
  net_clock(&lab);
  net_timers_init(&lab.timers, lab_before, lab_after, &lab);
  return net_tcp_init(&lab);
}

__attribute__((unused)) static void lab_start(const struct lwt_net_config *config)
{
  lab_try_start(config);
}

__attribute__((unused)) static void lab_listen(unsigned backlog)
{
  struct lwt_addr any = { .family = 4, .port = 80 };

  net_tcp_listen(&lab.stack, &any, backlog, &lab_listener);
}

/* As lwt_flow_close() and lwt_flow_abort(). */
__attribute__((unused)) static lwt_t *close_flow(struct lwt_flow *flow)
{
  if (flow == lab_flow)
    lab_flow = NULL;
  return lwt_flow_close(flow);
}
__attribute__((unused)) static void abort_flow(struct lwt_flow *flow)
{
  if (flow == lab_flow)
    lab_flow = NULL;
  lwt_flow_abort(flow);
}

static void lab_take_flow(void *env, void *value)
{
  (void)env;
  lab_flow = value;
}
static void lab_no_flow(void *env, struct lwt_error error)
{
  *(struct lwt_error *)env = error;
}
static struct lwt_error lab_error;

/* Whatever p gives goes to lab_flow or lab_error. */
__attribute__((unused)) static void lab_expect(lwt_flow_p *p)
{
  lab_flow = NULL;
  lab_error = (struct lwt_error){ 0, NULL };
  lwt_on_any(LWT_UNTYPED(p), lab_take_flow, lab_no_flow, &lab_error);
  settle();
}

/* A connection that the peer opened, options of its SYN given; the answer is
 * not looked at.  win: of its ACK. */
__attribute__((unused)) static struct lwt_flow *
lab_open(const char *options, unsigned win)
{
  char ts[40] = "";

  if (!lab_listener)
    lab_listen(16);
  in("S 0 win %u %s", win > 65535 ? 65535 : win, options);
  lab_discard();
  if (strstr(options, "ts "))
    snprintf(ts, sizeof ts, "ts 0/0");
  in("A 1 ack 1 win %u %s", win, ts);
  lab_expect(lwt_accept(lab_listener));
  lab_discard();
  return lab_flow;
}

/* One more handshake from the next port: "refused", "accepted", "waits". */
__attribute__((unused)) static const char *lab_knock(uint16_t port)
{
  const char *answer, *result;

  peer.port = port;
  our_iss_known = 0;
  in("S 0 win 1000");
  answer = lab_next();
  if (!answer)
    return "nothing";
  if (strchr(answer, 'R'))
    return "refused";
  in("A 1 ack 1 win 1000");
  result = lab.tcp->n_halves ? "waits" : "accepted";
  lab_discard();
  return result;
}

/* A connection that we open to the peer's port 7000. */
__attribute__((unused)) static void lab_connect(void)
{
  lab_expect(net_tcp_connect(&lab.stack, &peer));
  settle();
  if (lab_out_n > lab_out_at) { /* the port that was chosen */
    uint8_t header[4];

    lwt_buf_copy_out(lab_out[lab_out_at], 0, header, 4);
    us.port = net_get16(header);
  }
}

__attribute__((unused)) static void lab_stop(void)
{
  if (lab_listener)
    lwt_listener_close(lab_listener);
  lab_listener = NULL;
  if (lab_flow)
    abort_flow(lab_flow);
  if (lab.tcp)
    net_tcp_fini(&lab);
  settle();
  net_timers_fini(&lab.timers);
  settle();
  lab_discard();
}

/* Close everything; nothing may be left. */
__attribute__((unused)) static void lab_end(void)
{
  lab_stop();
  ok(lwt_live() == 0 && lwt_timers() == 0 && lwt_buf_live() == 0 && !lab_bad_sums,
     "nothing is left (%zu promises, %zu timers, %zu slices)", lwt_live(), lwt_timers(),
     lwt_buf_live());
}

#endif
