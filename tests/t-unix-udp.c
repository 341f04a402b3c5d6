/* t-unix-udp.c - the kernel's UDP, and names.
 * SPDX-License-Identifier: ISC
 */
#include "unix-flows.h"

static struct lwt_udp *endpoint(const char *text)
{
  struct lwt_addr addr = address(text, 0);
  struct lwt_udp *u = NULL;

  is_int(lwt_stack_udp(stack, &addr, &u), 0, "an endpoint on %s", text);
  return u;
}

static struct lwt_addr at(struct lwt_udp *u, const char *text)
{
  return address(text, u->ops->local(u).port);
}

static int sent(struct lwt_udp *u, struct lwt_addr to, const void *bytes, size_t len)
{
  return outcome(lwt_udp_send(u, &to, bytes, len), NULL);
}

/* The next datagram, or NULL. */
static struct lwt_datagram *received(struct lwt_udp *u)
{
  void *value = NULL;

  return outcome(lwt_udp_receive(u), &value) ? NULL : value;
}

/* It has these bytes, from u. */
static int is(struct lwt_datagram *d, struct lwt_udp *from, const void *bytes, size_t len)
{
  static uint8_t got[65536];

  if (!d || (d->packet ? d->packet->total : 0) != len)
    return 0;
  if (from && d->from.port != from->ops->local(from).port)
    return 0;
  return !d->packet ||
         (lwt_buf_copy_out(d->packet, 0, got, 65536) == len && !memcmp(got, bytes, len));
}

static void talk(const char *any, const char *text)
{
  struct lwt_udp *a = endpoint(any), *b = endpoint(text);
  struct lwt_addr addr;
  struct lwt_datagram *d;
  static uint8_t big[65507];
  size_t sizes[] = { 1, 1400, 4095, 4096, 4097, 8192, 30000, 65507 }, i, bad = 0;

  addr = a->ops->local(a);
  ok(addr.port != 0, "it has a port");
  is_int(sent(b, at(a, text), "ping", 4), 0, "send");
  d = received(a);
  ok(is(d, b, "ping", 4), "receive");
  addr = address(text, a->ops->local(a).port);
  ok(d && lwt_addr_equal(&d->to, &addr), "with the address it was sent to");
  is_int(d ? sent(a, d->from, "pong", 4) : -1, 0, "answer");
  lwt_datagram_free(d);
  d = received(b);
  ok(is(d, a, "pong", 4), "the answer");
  lwt_datagram_free(d);

  is_int(sent(b, at(a, text), NULL, 0), 0, "send nothing");
  d = received(a);
  ok(d && !d->packet && is(d, b, "", 0), "which is received");
  lwt_datagram_free(d);

  for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    plain_fill(3, i, big, sizes[i]);
    bad += sent(b, at(a, text), big, sizes[i]) != 0;
    d = received(a);
    bad += !is(d, b, big, sizes[i]);
    lwt_datagram_free(d);
  }
  is_int(bad, 0, "datagrams of all sizes");
  lwt_udp_close(a);
  lwt_udp_close(b);
}

static void limits(void)
{
  struct lwt_udp *a = endpoint("127.0.0.1"), *b = NULL;
  struct lwt_addr addr = a->ops->local(a), none = { .family = 0 };
  static char big[70000];
  lwt_datagram_p *receive = lwt_udp_receive(a);
  lwt_t *send;

  is_int(outcome(lwt_udp_receive(a), NULL), LWT_EBUSY, "one receive at a time");
  is_int(sent(a, addr, big, sizeof big), LWT_EMSGSIZE, "too long");
  is_int(sent(a, address("::1", 9), "x", 1), LWT_ENOTSUP, "the other family");
  is_int(sent(a, none, "x", 1), LWT_ENOTSUP, "no family");
  is_int(lwt_stack_udp(stack, &addr, &b), LWT_EADDRINUSE, "a port in use");
  addr = address("203.0.113.1", 0);
  is_int(lwt_stack_udp(stack, &addr, &b), LWT_EADDRNOTAVAIL, "an address not ours");
  is_int(lwt_stack_udp(stack, &none, &b), LWT_ENOTSUP, "an endpoint of no family");
  lwt_udp_close(a);
  is_int(outcome(receive, NULL), LWT_ECONNABORTED, "close rejects a pending receive");

  /* Where there is no route to the documentation network, send says so. */
  a = endpoint("127.0.0.1");
  send = lwt_udp_send(a, &(struct lwt_addr){ .family = 4, .ip = { 203, 0, 113, 1 },
                                             .port = 9 }, "x", 1);
  ok(outcome(send, NULL) < 0, "from 127.0.0.1 there is no way out");
  lwt_udp_close(a);
}

static void cancel(void)
{
  struct lwt_udp *a = endpoint("127.0.0.1"), *b = endpoint("127.0.0.1");
  struct lwt_datagram *d;
  lwt_datagram_p *receive;
  void *value = NULL;

  receive = lwt_udp_receive(a);
  lwt_cancel(LWT_UNTYPED(receive));
  is_int(outcome(receive, NULL), LWT_ECANCELED, "a cancelled receive");
  is_int(sent(b, at(a, "127.0.0.1"), "one", 3), 0, "send");
  d = received(a);
  ok(is(d, b, "one", 3), "for the next");
  lwt_datagram_free(d);

  lwt_drop(LWT_UNTYPED(lwt_udp_receive(a)));
  is_int(sent(b, at(a, "127.0.0.1"), "two", 3), 0, "send to nobody");
  look();
  receive = lwt_udp_receive(a);
  is_int(lwt_state(LWT_UNTYPED(receive)), LWT_FULFILLED, "received without waiting");
  is_int(outcome(receive, &value), 0, "later");
  ok(is(value, b, "two", 3), "nothing is lost");
  lwt_datagram_free(value);
  lwt_udp_close(a);
  lwt_udp_close(b);
}

/* The queue is bounded, and what does not fit is counted. */
static void flood(void)
{
  struct lwt_udp *a = endpoint("127.0.0.1"), *b = endpoint("127.0.0.1");
  struct lwt_unix_stats before, after;
  static char bytes[1400];
  struct lwt_datagram *d;
  int n = 2000, got = 0, i;

  lwt_unix_stats(stack, &before);
  for (i = 0; i < n; i++)
    sent(b, at(a, "127.0.0.1"), bytes, sizeof bytes);
  lwt_unix_stats(stack, &after);
  ok(after.udp_dropped > before.udp_dropped, "a flood does not fit");
  while (lwt_run_value(lwt_with_timeout(LWT_MS(20), (lwt_t *)lwt_udp_receive(a)),
                       (void **)&d).code == 0) {
    got++;
    lwt_datagram_free(d);
  }
  is_int(got + (int)(after.udp_dropped - before.udp_dropped), n,
         "received (%d) or counted", got);
  lwt_udp_close(a);
  lwt_unix_stats(stack, &after);
  is_int(got + (int)(after.udp_dropped - before.udp_dropped), n, "also after close");
  lwt_udp_close(b);
}

struct selfish {
  struct lwt_frame frame;
  struct lwt_udp *u;
  struct lwt_addr to;
  struct lwt_datagram *d;
};

/* Sends to itself, so there is always something to receive. */
LWT_STEP selfish_step(struct lwt_frame *frame)
{
  struct selfish *s = (struct selfish *)frame;

  lwt_begin(s);
  for (;;) {
    lwt_await(s, lwt_udp_send(s->u, &s->to, "x", 1));
    lwt_await(s, &s->d, lwt_udp_receive(s->u));
    lwt_datagram_free(s->d);
  }
  lwt_end(s);
}

/* Only sends. */
LWT_STEP blind_step(struct lwt_frame *frame)
{
  struct selfish *s = (struct selfish *)frame;

  lwt_begin(s);
  for (;;)
    lwt_await(s, lwt_udp_send(s->u, &s->to, "x", 1));
  lwt_end(s);
}

static void fairness(void)
{
  struct lwt_udp *u = endpoint("127.0.0.1");
  lwt_t *p = LWT_GO(struct selfish, selfish_step, .u = u, .to = at(u, "127.0.0.1"));

  is_int(lwt_run(lwt_sleep(LWT_MS(5))), 0, "a busy endpoint does not stop the clock");
  lwt_drop(p);
  p = LWT_GO(struct selfish, blind_step, .u = u, .to = at(u, "127.0.0.1"));
  is_int(lwt_run(lwt_sleep(LWT_MS(5))), 0, "nor one that only sends");
  lwt_drop(p);
  lwt_udp_close(u);
}

static void plain(void)
{
  uint16_t port = 0;
  int fd = plain_bind(SOCK_DGRAM, 0, &port);
  struct lwt_udp *u = endpoint("0.0.0.0");
  struct sockaddr_in sa;
  socklen_t len = sizeof sa;
  struct lwt_datagram *d;
  char bytes[16];

  is_int(sent(u, address("127.0.0.1", port), "hello", 5), 0, "to a plain socket");
  is_int(recvfrom(fd, bytes, 16, 0, (struct sockaddr *)&sa, &len), 5, "it receives");
  is_int(sendto(fd, "hi", 2, 0, (struct sockaddr *)&sa, len), 2, "and answers");
  d = received(u);
  ok(is(d, NULL, "hi", 2) && d->from.port == port, "the answer");
  lwt_datagram_free(d);
  close(fd);
  lwt_udp_close(u);
}

static void stack_end(void)
{
  struct lwt_udp *u = endpoint("127.0.0.1");
  struct lwt_addr addr = u->ops->local(u);
  lwt_datagram_p *receive = lwt_udp_receive(u);
  lwt_addr_p *resolve = lwt_stack_resolve(stack, "localhost", 1);
  lwt_t *closing = lwt_stack_close(stack);

  is_int(outcome(receive, NULL), LWT_ECONNABORTED, "the stack's end rejects a receive");
  is_int(outcome(resolve, NULL), LWT_ECONNABORTED, "and a resolve");
  is_int(outcome(closing, NULL), 0, "it closes");
  is_int(sent(u, addr, "x", 1), LWT_ECONNABORTED, "what was left");
  is_int(outcome(lwt_udp_receive(u), NULL), LWT_ECONNABORTED, "is of no use");
  lwt_udp_close(u);
}

/* ---- Names ------------------------------------------------------------- */

/* As text, or the error. */
static const char *resolved(const char *name, uint16_t port)
{
  static char text[LWT_ADDR_TEXT];
  void *addr = NULL;
  int error = outcome(lwt_stack_resolve(stack, name, port), &addr);

  if (error)
    return lwt_strerror(error);
  lwt_addr_format(addr, text, sizeof text);
  free(addr);
  return text;
}

static void names(void)
{
  const char *text;
  char longer[2000];
  lwt_addr_p *p;

  is_str(resolved("192.0.2.1", 80), "192.0.2.1:80", "a numeric address");
  is_str(resolved("2001:db8::1", 80), "[2001:db8::1]:80", "of either family");
  text = resolved("localhost", 7);
  ok(!strcmp(text, "127.0.0.1:7") || !strcmp(text, "[::1]:7"), "localhost (%s)", text);
  is_str(resolved("", 7), lwt_strerror(LWT_ENOENT), "no name");
  is_str(resolved("a b", 7), lwt_strerror(LWT_ENOENT), "not a name");
  memset(longer, 'a', sizeof longer - 1);
  longer[sizeof longer - 1] = '\0';
  is_str(resolved(longer, 7), lwt_strerror(LWT_ENOENT), "too long a name");
  p = lwt_stack_resolve(stack, "localhost", 7);
  lwt_cancel(LWT_UNTYPED(p));
  is_int(outcome(p, NULL), LWT_ECANCELED, "cancel");
}

/* localhost has an IPv6 address first, but the listener is an IPv4 one. */
static void by_name(void)
{
  struct lwt_addr addr = { .family = 4, .ip = { 127, 0, 0, 1 } };
  struct lwt_listener *listener;
  struct lwt_addrs *addrs;
  void *value = NULL;
  uint16_t port;

  is_int(outcome(lwt_stack_resolve_all(stack, "192.0.2.1", 80), &value), 0, "a number");
  addrs = value;
  ok(addrs && addrs->n == 1 && addrs->addr[0].port == 80, "is one address");
  free(addrs);
  value = NULL;
  is_int(outcome(lwt_stack_resolve_all(stack, "localhost", 80), &value), 0, "a name");
  addrs = value;
  ok(addrs && addrs->n >= 1 && addrs->addr[addrs->n - 1].port == 80, "has addresses");
  free(addrs);
  is_int(lwt_stack_listen(stack, &addr, 4, &listener), 0, "a listener");
  port = listener->ops->local(listener).port;
  value = NULL;
  is_int(outcome(lwt_stack_connect_name(stack, "localhost", port), &value), 0,
         "connected by name");
  if (value)
    lwt_flow_abort(value);
  lwt_listener_close(listener);
  is_int(outcome(lwt_stack_connect_name(stack, "localhost", port), NULL),
         LWT_ECONNREFUSED, "and refused");
}

int main(void)
{
  is_int(lwt_platform_sockets(&stack), 0, "a stack");
  talk("0.0.0.0", "127.0.0.1");
  talk("::", "::1");
  limits();
  cancel();
  flood();
  fairness();
  plain();
  names();
  by_name();
  stack_end();
  lwt_platform_cleanup();
  is_int(lwt_timers(), 0, "no timer left");
  is_int(lwt_live(), 0, "no promise left");
  is_int(lwt_buf_live(), 0, "no packet left");
  return lwt_test_done();
}
