/* t-udp.c - endpoints, datagrams, limits.
 * SPDX-License-Identifier: ISC
 */
#include <lwt-ip.h>

#include "netlab.h"

static uint8_t pattern[70000];

static void start(const struct lwt_net_config *config)
{
  lab_start(config);
  lab_arp("01", 1, "10.0.0.9", "10.0.0.2");
  inject();
  got("02 arp 10.0.0.2 is-at 01 to 10.0.0.9");
}

static int open_udp(const char *ip, uint16_t port, struct lwt_udp **udp)
{
  struct lwt_addr addr = lab_addr(ip, port);

  *udp = NULL;
  return lwt_stack_udp(lab_stack, &addr, udp);
}

/* Check what is received next. */
static void receives(struct lwt_udp *udp, const char *from, int len, const char *what)
{
  lwt_datagram_p *p = lwt_udp_receive(udp);
  struct lwt_datagram *d = lwt_value(LWT_UNTYPED(p));
  char text[LWT_ADDR_TEXT];

  if (ok(d != NULL, "%s", what)) {
    is_str(lwt_addr_format(&d->from, text, sizeof text), from, "from");
    is_int(d->packet ? (int)d->packet->total : 0, len, "so many bytes");
    ok(len > 0 || !d->packet, "no packet if it is empty");
  }
  lwt_drop(LWT_UNTYPED(p));
}

static void nothing(struct lwt_udp *udp)
{
  lwt_datagram_p *p = lwt_udp_receive(udp);

  is_int(lwt_state(LWT_UNTYPED(p)), LWT_PENDING, "nothing there");
  lwt_drop(LWT_UNTYPED(p));
}

static void send_code(struct lwt_udp *udp, const struct lwt_addr *to, size_t len,
                      int code)
{
  lwt_t *p = lwt_udp_send(udp, to, pattern, len);

  ok(lwt_state(p) != LWT_PENDING && lwt_error(p).code == code, "%zu bytes: %s", len,
     code ? lwt_strerror(code) : "sent");
  lwt_drop(p);
}

/* ---- Receiving --------------------------------------------------------- */

static void test_receive(void)
{
  struct lwt_udp *udp;
  lwt_datagram_p *p, *q;
  struct lwt_datagram *d;

  start(NULL);
  is_int(open_udp("0.0.0.0", 7, &udp), 0, "an endpoint");
  lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, "one", 3);
  inject();
  lab_udp("10.0.0.9", 1001, "10.0.0.2", 7, "", 0);
  inject();
  lab_udp("192.0.2.1", 1002, "10.0.0.2", 7, pattern, 1472);
  inject();
  receives(udp, "10.0.0.9:1000", 3, "the first");
  receives(udp, "10.0.0.9:1001", 0, "an empty one");
  receives(udp, "192.0.2.1:1002", 1472, "a large one");
  p = lwt_udp_receive(udp);
  q = lwt_udp_receive(udp);
  is_int(lwt_error(LWT_UNTYPED(q)).code, LWT_EBUSY, "one receive at a time");
  lwt_drop(LWT_UNTYPED(q));
  lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, "two", 3);
  inject();
  d = lwt_value(LWT_UNTYPED(p));
  ok(d && d->packet->total == 3 && !memcmp(d->packet->data, "two", 3), "waited for");
  is_int(d->to.port, 7, "to our port");
  lwt_drop(LWT_UNTYPED(p));
  nothing(udp);
  lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, "three", 5);
  inject();
  receives(udp, "10.0.0.9:1000", 5, "a cancelled receive loses nothing");
  p = lwt_udp_receive(udp);
  lwt_udp_close(udp);
  is_int(lwt_error(LWT_UNTYPED(p)).code, LWT_ECONNABORTED, "close ends a receive");
  lwt_drop(LWT_UNTYPED(p));
  lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, "four", 4);
  inject();
  got("02 10.0.0.2>10.0.0.9 icmp 3/3 { 10.0.0.9>10.0.0.2 udp 1000>7 len 4 'four' }");
  quiet();
  lab_end();
}

static void test_malformed(void)
{
  struct lwt_udp *udp;
  uint32_t i;

  start(NULL);
  open_udp("0.0.0.0", 7, &udp);
  for (i = 34; i < 52; i++) {
    lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, "0123456789", 10);
    lab_frame[i] ^= 4;
    inject();
  }
  is_int(STAT(udp_checksum) + STAT(udp_malformed), 18, "any flipped bit");
  for (i = 0; i < 8; i++) {
    lab_ipv4("10.0.0.9", "10.0.0.2", 17, 1, 0, "\3\350\0\7\0\10\0\0", i);
    inject();
  }
  is_int(STAT(udp_checksum) + STAT(udp_malformed), 26, "shorter than a header");
  i = (uint32_t)STAT(udp_malformed);
  lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, "0123456789", 10);
  lab_put(lab_frame + 38, 2, 19);
  lab_put(lab_frame + 40, 2, 0);
  inject();
  lab_put(lab_frame + 38, 2, 7);
  inject();
  lab_put(lab_frame + 38, 2, 65535);
  inject();
  is_int(STAT(udp_malformed), i + 3, "a length that is not the packet's");
  nothing(udp);
  quiet();
  lab_put(lab_frame + 38, 2, 18);
  inject();
  receives(udp, "10.0.0.9:1000", 10, "a checksum of 0 is none");
  lab_put(lab_frame + 38, 2, 12);
  inject();
  receives(udp, "10.0.0.9:1000", 4, "padding behind the length is not data");
  lwt_udp_close(udp);
  lab_end();
}

/* The stack's dump has this line. */
static void dumped(const char *line)
{
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);

  lwt_net_dump(lab_stack, out);
  fclose(out);
  ok(strstr(text, line) != NULL, "dumped: %.*s", (int)strcspn(line, "\n"), line);
  free(text);
}

static void test_queue(void)
{
  struct lwt_net_config config = { .udp_queue = 4 * 4096 };
  struct lwt_addr peer = lab_addr("10.0.0.9", 1000);
  struct lwt_udp *udp, *other;
  int i;

  start(&config);
  open_udp("0.0.0.0", 7, &udp);
  for (i = 0; i < 6; i++) {
    lab_udp("10.0.0.9", (uint16_t)(1000 + i), "10.0.0.2", 7, "x", 1);
    inject();
  }
  is_int(STAT(udp_queue_full), 2, "a full queue drops the newest");
  dumped("udp 0.0.0.0:7, 16384 bytes of memory unread, 2 dropped\n");
  is_int(open_udp("0.0.0.0", 8, &other), 0, "another endpoint");
  is_int(lwt_ip_udp_connect(other, &peer), 0, "with a peer");
  dumped("udp 0.0.0.0:8 of 10.0.0.9:1000, 0 bytes of memory unread, 0 dropped\n");
  lwt_udp_close(other);
  receives(udp, "10.0.0.9:1000", 1, "not the oldest");
  lab_udp("10.0.0.9", 1006, "10.0.0.2", 7, "x", 1);
  inject();
  for (i = 1; i < 4; i++)
    receives(udp, i == 1 ? "10.0.0.9:1001" : i == 2 ? "10.0.0.9:1002" : "10.0.0.9:1003",
             1, "in order");
  receives(udp, "10.0.0.9:1006", 1, "and room again");
  nothing(udp);
  for (i = 0; i < 3; i++)
    inject();
  lwt_udp_close(udp); /* with datagrams unread */
  lab_end();
}

/* ---- Binding ----------------------------------------------------------- */

static void test_bind(void)
{
  int spread = 0;
  struct lwt_udp *any, *ours, *loop, *x, *many[40];
  struct lwt_addr six = { .family = 6 };
  struct lwt_net_config config = { .max_udp = 40 };
  struct lwt_addr a;
  int i, k, good = 1;

  start(NULL);
  is_int(open_udp("10.0.0.2", 7, &ours), 0, "our address");
  is_int(open_udp("127.0.0.1", 7, &loop), 0, "and another, on one port");
  is_int(open_udp("10.0.0.2", 7, &x), LWT_EADDRINUSE, "not twice");
  is_int(open_udp("0.0.0.0", 7, &x), LWT_EADDRINUSE, "any address would be twice");
  is_int(open_udp("10.0.0.3", 7, &x), LWT_EADDRNOTAVAIL, "not ours");
  is_int(lwt_stack_udp(lab_stack, &six, &x), LWT_ENOTSUP, "not yet");
  lwt_udp_close(ours);
  is_int(open_udp("10.0.0.2", 7, &ours), 0, "free again");
  is_int(open_udp("0.0.0.0", 8, &any), 0, "any address");
  a = any->ops->local(any);
  is_int(a.port, 8, "at its port");
  lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, "x", 1);
  inject();
  nothing(loop);
  receives(ours, "10.0.0.9:1000", 1, "goes to the address's endpoint");
  lwt_udp_close(ours);
  lwt_udp_close(loop);
  lwt_udp_close(any);
  lab_end();
  start(&config);
  for (i = 0; i < 40; i++) {
    good &= !open_udp("0.0.0.0", 0, &many[i]);
    a = many[i]->ops->local(many[i]);
    good &= a.port >= 1024;
    spread |= a.port < 32768 ? 1 : 2;
    for (k = 0; k < i; k++)
      good &= many[k]->ops->local(many[k]).port != a.port;
  }
  ok(good, "free ports, all different");
  is_int(spread, 3, "of all that are not well known (RFC 6056 3.2)");
  is_int(open_udp("0.0.0.0", 0, &x), LWT_EMFILE, "as many as are allowed");
  for (i = 1, k = 0; i < 40; i++) {
    a = many[i - 1]->ops->local(many[i - 1]);
    k += many[i]->ops->local(many[i]).port == a.port + 1;
  }
  ok(k < 5, "not one after the other");
  for (i = 0; i < 40; i++)
    lwt_udp_close(many[i]);
  lab_end();
}

/* ---- Sending ----------------------------------------------------------- */

static void test_send(void)
{
  struct lwt_addr to = lab_addr("10.0.0.9", 1000), bad;
  struct lwt_udp *udp;

  start(NULL);
  open_udp("0.0.0.0", 7, &udp);
  send_code(udp, &to, 0, 0);
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 0");
  is_int(lab_seen_len, 42, "an empty datagram");
  send_code(udp, &to, 3, 0);
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 3");
  ok(lab_get(lab_seen + 40, 2) != 0, "with a checksum");
  send_code(udp, &to, 65507, 0);
  while (lab_take())
    ;
  send_code(udp, &to, 65508, LWT_EMSGSIZE);
  send_code(udp, &to, SIZE_MAX, LWT_EMSGSIZE);
  bad = to;
  bad.port = 0;
  send_code(udp, &bad, 1, LWT_EINVAL);
  bad = to;
  bad.family = 6;
  send_code(udp, &bad, 1, LWT_ENOTSUP);
  quiet();
  is_int(STAT(udp_tx), 3, "counted");
  lwt_udp_close(udp);
  lab_end();
}

/* A device that takes nothing more. */
static void test_full_device(void)
{
  struct lwt_addr to = lab_addr("10.0.0.9", 1000);
  struct lwt_net_link link = { .bandwidth = 8000000, .queue = 3000 };
  struct lwt_udp *udp;
  int i;

  start(NULL);
  open_udp("0.0.0.0", 7, &udp);
  lwt_net_hub_set_link(lab_hub, lab_device, &link);
  for (i = 0; i < 5; i++)
    send_code(udp, &to, 1400, 0);
  is_int(STAT(tx_failed), 3, "dropped for want of room, and counted");
  advance(LWT_S(1));
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1400");
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1400");
  quiet();
  lwt_udp_close(udp);
  lab_end();
}

/* ---- Failed allocations ------------------------------------------------ */

static int good; /* it all worked */
static int well, clean = 1, mattered;

static void everything(void *env)
{
  struct lwt_addr to = lab_addr("10.0.0.9", 1000), seven = lab_addr("0.0.0.0", 7);
  struct lwt_udp *udp = NULL;
  lwt_datagram_p *r;
  lwt_t *p, *q;

  (void)env;
  good = !lab_try_start(NULL, NULL);
  if (good && !lwt_stack_udp(lab_stack, &seven, &udp)) {
    p = lwt_udp_send(udp, &to, pattern, 5000); /* waits for the neighbour */
    lab_arp("01", 2, "10.0.0.9", "10.0.0.2");
    inject();
    lab_udp("10.0.0.9", 1000, "10.0.0.2", 7, pattern, 100);
    inject();
    lab_ipv4("10.0.0.9", "10.0.0.2", 17, 9, 1, lab_frame + 34, 56);
    inject();
    lab_udp("10.0.0.9", 1000, "10.0.0.2", 8, pattern, 100);
    inject();
    lab_icmp("10.0.0.9", "10.0.0.2", 8, 0, 0x10002, "hello", 5);
    inject();
    q = lwt_udp_send(udp, &seven, "x", 1); /* no such destination */
    r = lwt_udp_receive(udp);
    good = lwt_state(p) == LWT_FULFILLED && lwt_value(LWT_UNTYPED(r)) != NULL;
    advance(LWT_S(100));
    lwt_error(p);
    lwt_error(q);
    lwt_error(LWT_UNTYPED(r));
    lwt_drop(p);
    lwt_drop(q);
    lwt_drop(LWT_UNTYPED(r));
  } else {
    good = 0;
  }
  if (udp)
    lwt_udp_close(udp);
  lab_stop();
}

static void judge(void *env, size_t failed)
{
  (void)env;
  clean &= !lwt_timers() && !lwt_buf_live();
  if (failed)
    mattered += !good;
  else
    well = good;
}

static void test_failures(void)
{
  struct lwt_test_result r = lwt_test_each_allocation(everything, judge, NULL);

  ok(well && mattered > 10, "%d of %d failures mattered", mattered, (int)r.runs);
  ok(clean && !r.alive && !r.lost, "nothing leaked");
}

int main(void)
{
  uint32_t i, x = 1;

  lwt_test_memory();
  for (i = 0; i < sizeof pattern; i++) {
    x = x * 1103515245 + 12345;
    pattern[i] = (uint8_t)(x >> 16);
  }
  test_receive();
  test_malformed();
  test_queue();
  test_bind();
  test_send();
  test_full_device();
  test_failures();
  return lwt_test_done();
}
