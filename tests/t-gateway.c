/* t-gateway.c - connections and datagrams carried into a stack in the process.
 * SPDX-License-Identifier: ISC
 *
 * The "host" is a stack of ours too, on a hub of its own with a "browser", so
 * that everything happens in virtual time:
 *
 *   browser 10.1.0.9 --hub-- host 10.1.0.1 == client 10.0.0.1 --hub-- 10.0.0.2
 *
 * or with IPv6 inside, outside, or on both sides: fd01::9, fd01::1, fd00::1, fd00::2.
 */
#define LWT_TEST_SHORT
#include <lwt-net.h>
#include <lwt/engine.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

static struct lwt_virtual virtual;
static struct lwt_net_hub *hub;
static struct lwt_stack *browser, *host, *program;
static uint8_t pattern[300000];
static int inside6, outside6;

/* Of the outside, which may speak IPv6. */
static struct lwt_addr addr(const char *text, uint16_t port)
{
  struct lwt_addr a = { 0 };

  lwt_addr_parse(&a, text);
  if (outside6 && a.ip[0])
    a = (struct lwt_addr){ .ip = { 0xfd, 1, [15] = a.ip[3] } };
  if (outside6)
    a.family = 6;
  a.port = port;
  return a;
}

/* Run until p settles or nothing happens any more. */
static void until(lwt_t *p)
{
  uint64_t next;

  while ((!p || lwt_state(p) == LWT_PENDING) && (next = lwt_run_ready()) != LWT_NEVER)
    if (next > virtual.time)
      virtual.time = next;
}

static void finish(lwt_t *p, int code, const char *what)
{
  until(p);
  is_int(lwt_error(p).code, code, "%s", what);
  lwt_drop(p);
}

/* ---- The platform ------------------------------------------------------ */

static int add_host(const char *ip, struct lwt_stack **stack)
{
  struct lwt_net_config config = { .prefix = 24, .prefix6 = 64, .unchecked6 = 1 };
  struct lwt_netif *port;
  int error = lwt_net_hub_port(hub, NULL, &port);

  *(outside6 ? &config.addr6 : &config.addr) = addr(ip, 0);
  config.ipv6 = outside6 ? LWT_NET_IPV6_STATIC : LWT_NET_IPV6_OFF;

  if (error)
    return error;
  error = lwt_net_stack_new(port, &config, stack);
  if (error)
    lwt_drop(port->ops->close(port));
  return error;
}

static int fake_sockets(struct lwt_stack **stack)
{
  int error = add_host("10.1.0.1", stack);

  host = error ? NULL : *stack;
  return error;
}

static int fake_netif(const char *name, struct lwt_netif **netif)
{
  return strcmp(name, "tap:t") ? LWT_ENODEV : lwt_net_hub_port(hub, NULL, netif);
}

static int fake_random(void *bytes, size_t len)
{
  memset(bytes, 7, len);
  return 0;
}

static const struct lwt_net_platform platform = { fake_sockets, fake_netif, fake_random,
                                                   lwt_net_open_gateway,
                                                   lwt_net_stack_new };

static int start(const struct lwt_net_options *options)
{
  struct lwt_net_hub_config config = { 0 };
  struct lwt_net_options o = { 0 };
  int error;

  if (options)
    o = *options;
  o.host = addr("10.1.0.1", 0);
  if (inside6)
    lwt_addr_parse(&o.addr, "fd00::2");
  browser = host = program = NULL;
  virtual.time = LWT_S(1);
  if (lwt_net_hub_new(&config, &hub))
    return LWT_ENOMEM;
  error = add_host("10.1.0.9", &browser);
  if (!error)
    error = lwt_net_open_on(&platform, "gateway", &o, &program);
  return error;
}

static void stop(void)
{
  lwt_t *p = program ? lwt_stack_close(program) : lwt_return(NULL);
  lwt_t *q = browser ? lwt_stack_close(browser) : lwt_return(NULL);

  until(p);
  until(q);
  lwt_error(p);
  lwt_error(q);
  lwt_drop(p);
  lwt_drop(q);
  lwt_net_hub_free(hub);
  until(NULL);
}

static void end(void)
{
  stop();
  if (!is_int(lwt_live(), 0, "no promise lives"))
    lwt_dump(stdout);
  is_int(lwt_timers(), 0, "no timer is set");
  is_int(lwt_buf_live(), 0, "no packet lives");
}

/* ---- Programs ---------------------------------------------------------- */

/* Echoes one connection. */
struct echo {
  struct lwt_frame frame;
  struct lwt_listener *listener;
  struct lwt_flow *flow;
  struct lwt_error error;
};

LWT_STEP echo_step(struct lwt_frame *frame)
{
  struct echo *e = (struct echo *)frame;

  lwt_begin(e);
  lwt_await(e, &e->flow, lwt_accept(e->listener));
  lwt_await_error(e, &e->error, lwt_flow_splice(e->flow, e->flow));
  if (e->error.code) {
    lwt_flow_abort(e->flow);
    lwt_throw(e, e->error.code, e->error.what);
  }
  lwt_await(e, lwt_flow_close(e->flow));
  lwt_end(e);
}

static lwt_t *echo(struct lwt_listener *listener)
{
  return LWT_GO(struct echo, echo_step, .listener = listener);
}

struct talk {
  struct lwt_frame frame;
  struct lwt_stack *stack;
  struct lwt_addr to;
  struct lwt_flow *flow;
  size_t len, n, got;
  lwt_t *writing;
  uint8_t *bytes;
};

LWT_STEP send_step(struct lwt_frame *frame)
{
  struct talk *t = (struct talk *)frame;

  lwt_begin(t);
  lwt_await(t, lwt_flow_write(t->flow, pattern, t->len));
  lwt_await(t, lwt_flow_shutdown(t->flow));
  lwt_end(t);
}

static void abort_it(void *flow)
{
  lwt_flow_abort(flow);
}

static void drop_it(void *promise)
{
  lwt_drop(promise);
}

/* Sends len bytes, shuts down, and reads them back. */
LWT_STEP talk_step(struct lwt_frame *frame)
{
  struct talk *t = (struct talk *)frame;

  lwt_begin(t);
  t->bytes = malloc(t->len);
  lwt_defer(t, free, t->bytes);
  lwt_await(t, &t->flow, lwt_stack_connect(t->stack, &t->to));
  lwt_defer(t, abort_it, t->flow);
  t->writing = LWT_GO(struct talk, send_step, .flow = t->flow, .len = t->len);
  lwt_defer(t, drop_it, t->writing);
  for (;;) {
    lwt_await(t, &t->n, lwt_flow_read(t->flow, t->bytes + t->got, t->len - t->got + 1));
    if (!t->n)
      break;
    t->got += t->n;
    if (t->got > t->len)
      lwt_throw(t, LWT_EIO, "too much");
  }
  if (t->got != t->len || memcmp(t->bytes, pattern, t->len))
    lwt_throw(t, LWT_EIO, "not what was sent");
  lwt_end(t);
}

static lwt_t *talk(struct lwt_stack *stack, struct lwt_addr to, size_t len)
{
  return LWT_GO(struct talk, talk_step, .stack = stack, .to = to, .len = len);
}

static struct lwt_listener *listen_at(struct lwt_stack *stack, uint16_t port)
{
  struct lwt_addr any = addr("0.0.0.0", port);
  struct lwt_listener *l = NULL;

  return lwt_stack_listen(stack, &any, 16, &l) ? NULL : l;
}

/* ---- Tests ------------------------------------------------------------- */

static void test_carry(void)
{
  struct lwt_listener *l;
  char text[LWT_ADDR_TEXT];
  struct lwt_addr at;
  lwt_t *e;

  is_int(start(NULL), 0, "a stack inside");
  l = listen_at(program, 80);
  ok(l != NULL, "listens");
  at = l->ops->local(l);
  is_str(lwt_addr_format(&at, text, sizeof text),
         outside6 ? "[fd01::1]:80" : "10.1.0.1:80", "on the host");
  e = echo(l);
  finish(talk(browser, addr("10.1.0.1", 80), sizeof pattern), 0,
         "bytes and ends, both ways");
  finish(e, 0, "the server saw the end, too");
  e = echo(l);
  finish(talk(browser, addr("10.1.0.1", 80), 0), 0, "a connection without a byte");
  finish(e, 0, "is a connection");
  finish(talk(browser, addr("10.1.0.1", 81), 10), LWT_ECONNREFUSED,
         "nobody listens there");
  lwt_listener_close(l);
  finish(talk(browser, addr("10.1.0.1", 80), 10), LWT_ECONNREFUSED,
         "nor here any more");
  end();
}

static struct lwt_flow *flow_of(lwt_flow_p *p)
{
  struct lwt_flow *flow;

  until(LWT_UNTYPED(p));
  flow = lwt_value(LWT_UNTYPED(p));
  ok(flow != NULL, "connected");
  return flow;
}

/* The flow's owner gives the promise back when it is through with the flow. */
static void take(lwt_flow_p *p, struct lwt_flow **flow)
{
  struct lwt_error error;
  void *value = NULL;

  flow_of(p);
  error = lwt_run_value(LWT_UNTYPED(p), &value);
  *flow = error.code ? NULL : value;
}

static void pass(uint64_t duration)
{
  lwt_t *p = lwt_sleep(duration);

  until(p);
  lwt_drop(p);
}

static void test_aborts(void)
{
  struct lwt_addr to = addr("10.1.0.1", 80);
  struct lwt_flow *c, *s;
  struct lwt_listener *l;
  lwt_flow_p *accepted;
  lwt_size_p *r;
  char byte;

  start(NULL);
  l = listen_at(program, 80);
  accepted = lwt_accept(l);
  take(lwt_stack_connect(browser, &to), &c);
  take(accepted, &s);
  r = lwt_flow_read(s, &byte, 1);
  lwt_flow_abort(c);
  finish(LWT_UNTYPED(r), LWT_ECONNRESET, "a reset outside is one inside");
  lwt_flow_abort(s);
  accepted = lwt_accept(l);
  take(lwt_stack_connect(browser, &to), &c);
  take(accepted, &s);
  r = lwt_flow_read(c, &byte, 1);
  lwt_flow_abort(s);
  finish(LWT_UNTYPED(r), LWT_ECONNRESET, "and the other way round");
  lwt_flow_abort(c);
  accepted = lwt_accept(l);
  take(lwt_stack_connect(browser, &to), &c);
  take(accepted, &s);
  finish(lwt_flow_write(c, "x", 1), 0, "half a connection");
  finish(lwt_flow_shutdown(c), 0, "is shut down");
  pass(LWT_S(1));
  finish(lwt_flow_write(s, "y", 1), 0, "the other half goes on");
  r = lwt_flow_read(c, &byte, 1);
  finish(LWT_UNTYPED(r), 0, "and is read");
  is_int(byte, 'y', "y");
  finish(lwt_flow_close(s), 0, "closed");
  r = lwt_flow_read(c, &byte, 1);
  finish(LWT_UNTYPED(r), 0, "the end comes through");
  finish(lwt_flow_close(c), 0, "closed");
  lwt_listener_close(l);
  end();
}

/* One who does not read stops the one who writes, through everything. */
static void test_pressure(void)
{
  struct lwt_addr to = addr("10.1.0.1", 80);
  struct lwt_flow *c, *s;
  struct lwt_listener *l;
  lwt_flow_p *accepted;
  size_t taken = 0, got = 0, n;
  uint8_t *bytes = malloc(65536);
  lwt_size_p *r;
  lwt_t *w;

  start(NULL);
  l = listen_at(program, 80);
  accepted = lwt_accept(l);
  take(lwt_stack_connect(browser, &to), &c);
  take(accepted, &s);
  for (;;) {
    w = lwt_flow_write(c, pattern, 65536);
    pass(LWT_MS(100));
    if (lwt_state(w) == LWT_PENDING)
      break;
    taken += 65536;
    lwt_drop(w);
  }
  ok(taken < 4u << 20, "the writer waits after %zu bytes", taken);
  ok(lwt_buf_pages() < 4096, "in %zu pages", lwt_buf_pages());
  pass(LWT_S(600));
  is_int(lwt_state(w), LWT_PENDING, "however long");
  while (got < taken + 65536) {
    r = lwt_flow_read(s, bytes, 65536);
    until(LWT_UNTYPED(r));
    n = (size_t)lwt_value(LWT_UNTYPED(r));
    lwt_drop(LWT_UNTYPED(r));
    if (!n)
      break;
    got += n;
  }
  is_int(got, taken + 65536, "until the reader reads");
  finish(w, 0, "and writes on");
  lwt_flow_abort(c);
  lwt_flow_abort(s);
  lwt_listener_close(l);
  free(bytes);
  end();
}

static void test_limit(void)
{
  struct lwt_net_options options = { .gateways.max_connections = 2 };
  struct lwt_listener *l;
  lwt_t *e[3], *t[3];
  int i;

  start(&options);
  l = listen_at(program, 80);
  for (i = 0; i < 3; i++) {
    e[i] = echo(l);
    t[i] = talk(browser, addr("10.1.0.1", 80), 100000);
  }
  for (i = 0; i < 3; i++)
    finish(t[i], 0, "three connections, two at a time");
  for (i = 0; i < 3; i++)
    finish(e[i], 0, "served");
  lwt_listener_close(l);
  end();
}

/* The gateway by itself, for its counters. */
static void test_counters(void)
{
  struct lwt_net_gateway_config config = { .max_connections = 1,
                                           .connect_timeout = LWT_S(5) };
  struct lwt_addr at = addr("0.0.0.0", 8080), to = addr("10.1.0.7", 80);
  const struct lwt_net_gateway_stats *stats;
  struct lwt_net_hub_config hub_config = { 0 };
  struct lwt_net_gateway *g;
  struct lwt_stack *inner, *other;
  struct lwt_listener *l;
  lwt_t *e, *t, *u;

  virtual.time = LWT_S(1);
  lwt_net_hub_new(&hub_config, &hub);
  add_host("10.1.0.9", &browser);
  add_host("10.1.0.1", &host);
  add_host("10.1.0.8", &inner);
  is_int(lwt_net_gateway_new(host, &at, inner, &to, &config, &g), 0, "a gateway");
  is_int(lwt_net_gateway_local(g).port, 8080, "listens");
  stats = lwt_net_gateway_stats(g);
  finish(talk(browser, addr("10.1.0.1", 8080), 10), LWT_ECONNRESET,
         "nobody there to carry to");
  is_int(stats->failed, 1, "counted");
  add_host("10.1.0.7", &other);
  pass(LWT_S(5));
  finish(talk(browser, addr("10.1.0.1", 8080), 10), LWT_ECONNRESET, "nobody listens");
  is_int(stats->failed, 2, "counted");
  l = listen_at(other, 80);
  e = echo(l);
  t = talk(browser, addr("10.1.0.1", 8080), 1000);
  u = talk(browser, addr("10.1.0.1", 8080), 1000);
  finish(e, 0, "one at a time");
  e = echo(l);
  finish(e, 0, "then the other");
  finish(t, 0, "carried");
  finish(u, 0, "carried");
  ok(stats->full >= 1, "the limit was seen");
  is_int(stats->accepted, 4, "accepted");
  pass(LWT_S(1));
  is_int(stats->active, 0, "none left");
  t = talk(browser, addr("10.1.0.1", 8080), 1000);
  pass(LWT_S(1));
  is_int(stats->active, 1, "one that nobody serves");
  finish(lwt_net_gateway_close(g), 0, "close does not wait for it");
  finish(t, LWT_ECONNRESET, "but resets it");
  lwt_listener_close(l);
  finish(lwt_stack_close(other), 0, "closed");
  finish(lwt_stack_close(inner), 0, "closed");
  program = host;
  end();
}

/* Closing the stack closes everything, whoever holds what. */
static void test_close(void)
{
  struct lwt_addr to = addr("10.1.0.1", 80);
  struct lwt_flow *c, *s;
  struct lwt_listener *l;
  lwt_flow_p *accepted, *waiting;
  char byte;
  lwt_size_p *r, *q;

  start(NULL);
  l = listen_at(program, 80);
  accepted = lwt_accept(l);
  take(lwt_stack_connect(browser, &to), &c);
  take(accepted, &s);
  r = lwt_flow_read(c, &byte, 1);
  q = lwt_flow_read(s, &byte, 1);
  waiting = lwt_accept(l);
  finish(lwt_stack_close(program), 0, "the stack closes");
  program = NULL;
  finish(LWT_UNTYPED(r), LWT_ECONNRESET, "the peer is reset");
  finish(LWT_UNTYPED(q), LWT_ECONNABORTED, "the program's read ends");
  finish(LWT_UNTYPED(waiting), LWT_ECONNABORTED, "and its accept");
  is_int(l->ops->local(l).family, 0, "the listener is nowhere");
  finish(LWT_UNTYPED(lwt_accept(l)), LWT_ECONNABORTED, "but can still be called");
  lwt_listener_close(l);
  lwt_flow_abort(s);
  lwt_flow_abort(c);
  end();
}

static void test_outward(void)
{
  struct lwt_addr to = addr("10.1.0.9", 7);
  struct lwt_listener *l;
  lwt_flow_p *p;
  lwt_t *e;

  start(NULL);
  l = listen_at(browser, 7);
  e = echo(l);
  finish(talk(program, to, sizeof pattern), 0, "the program connects outwards");
  finish(e, 0, "and ends");
  to.port = 8;
  finish(talk(program, to, 10), LWT_ECONNREFUSED, "a refusal is a refusal");
  e = echo(l);
  to.port = 7;
  p = lwt_stack_connect(program, &to);
  lwt_drop(LWT_UNTYPED(p));
  p = lwt_stack_connect(program, &to);
  finish(lwt_stack_close(program), 0, "closed meanwhile");
  program = NULL;
  until(LWT_UNTYPED(p));
  ok(lwt_error(LWT_UNTYPED(p)).code != 0, "the connect ends, too");
  lwt_drop(LWT_UNTYPED(p));
  lwt_listener_close(l);
  until(e);
  lwt_error(e);
  lwt_drop(e);
  end();
}

static struct lwt_datagram *datagram(lwt_datagram_p *p)
{
  void *value = NULL;

  until(LWT_UNTYPED(p));
  lwt_run_value(LWT_UNTYPED(p), &value);
  return value;
}

static void test_udp(void)
{
  struct lwt_addr seven = addr("0.0.0.0", 7), any = addr("0.0.0.0", 0);
  struct lwt_addr to = addr("10.1.0.1", 7), from;
  struct lwt_udp *s, *c;
  struct lwt_datagram *d;
  char text[LWT_ADDR_TEXT];

  start(NULL);
  is_int(lwt_stack_udp(program, &seven, &s), 0, "an endpoint inside");
  is_int(lwt_stack_udp(browser, &any, &c), 0, "and one outside");
  from = s->ops->local(s);
  is_str(lwt_addr_format(&from, text, sizeof text),
         outside6 ? "[fd01::1]:7" : "10.1.0.1:7", "seen on the host");
  finish(lwt_udp_send(c, &to, pattern, 5000), 0, "sent");
  d = datagram(lwt_udp_receive(s));
  from = c->ops->local(c);
  ok(d && d->packet && d->packet->total == 5000, "received");
  is_int(d->from.port, from.port, "from whom it came");
  is_int(d->from.ip[outside6 ? 15 : 3], 9, "by the outside address");
  finish(lwt_udp_send(s, &d->from, "back", 4), 0, "answered");
  lwt_datagram_free(d);
  d = datagram(lwt_udp_receive(c));
  ok(d && d->packet && d->packet->total == 4 && lwt_addr_equal(&d->from, &to),
     "the answer comes from where the question went");
  lwt_datagram_free(d);
  from.ip[0] = 10;
  from = addr("10.1.0.9", from.port);
  pass(LWT_S(1000));
  is_int(lwt_timers(), 0, "idle peers are forgotten");
  finish(lwt_udp_send(s, &from, "", 0), 0, "the program begins");
  d = datagram(lwt_udp_receive(c));
  ok(d && !d->packet && lwt_addr_equal(&d->from, &to), "with an empty datagram");
  lwt_datagram_free(d);
  lwt_udp_close(c);
  finish(lwt_stack_close(program), 0, "the stack closes");
  program = NULL;
  finish(LWT_UNTYPED(lwt_udp_receive(s)), LWT_ECONNABORTED, "the endpoint stays");
  finish(lwt_udp_send(s, &from, "", 0), LWT_ECONNABORTED, "dead");
  lwt_udp_close(s);
  end();
}

static void test_names(void)
{
  struct lwt_net_options bad = { .addr = addr("10.0.0.2", 0), .prefix = 33 };
  struct lwt_net_options six = { .prefix = 64 }, no = { .no_addr = 1 };
  struct lwt_net_hub_config config = { 0 };
  struct lwt_stack *s;

  virtual.time = LWT_S(1);
  lwt_net_hub_new(&config, &hub);
  browser = NULL;
  is_int(lwt_net_open_on(&platform, NULL, NULL, &s), 0, "no name: sockets");
  ok(s == host, "of the platform");
  finish(lwt_stack_close(s), 0, "closed");
  is_int(lwt_net_open_on(&platform, "tap:x", NULL, &s), LWT_ENODEV, "no such device");
  is_int(lwt_net_open_on(&platform, "tap:t", &bad, &s), LWT_EINVAL, "a bad prefix");
  is_int(lwt_net_open_on(&platform, "gateway", &bad, &s), LWT_EINVAL, "here, too");
  lwt_addr_parse(&six.addr, "fd00::1");
  is_int(lwt_net_open_on(&platform, "gateway", &six, &s), LWT_EINVAL,
         "the gateway's address is taken");
  lwt_addr_parse(&six.gateway, "10.0.0.1");
  is_int(lwt_net_open_on(&platform, "gateway", &six, &s), LWT_EINVAL, "of two families");
  lwt_addr_parse(&six.gateway, "fd00::9");
  is_int(lwt_net_open_on(&platform, "gateway", &six, &s), 0, "another one");
  finish(lwt_stack_close(s), 0, "closed");
  is_int(lwt_net_open_on(&platform, "gateway", &no, &s), LWT_ENOTSUP, "no address there");
  is_int(lwt_net_open_on(&platform, NULL, &no, &s), LWT_ENOTSUP, "nor of the platform");
  is_int(lwt_net_open_on(&platform, "tap:t", NULL, &program), 0, "a device");
  end();
}

/* ---- Failed allocations ------------------------------------------------ */

static void all(void *env)
{
  struct lwt_addr any = addr("0.0.0.0", 7), to = addr("10.1.0.1", 7);
  struct lwt_udp *s = NULL, *c = NULL;
  struct lwt_listener *l;
  lwt_t *e, *t;

  (void)env;
  hub = NULL;
  if (start(NULL)) {
    if (hub)
      stop();
    return;
  }
  l = listen_at(program, 80);
  if (l) {
    e = echo(l);
    t = talk(browser, addr("10.1.0.1", 80), 3000);
    pass(LWT_S(200));
    lwt_error(t);
    lwt_drop(t);
    lwt_listener_close(l);
    until(NULL);
    lwt_error(e);
    lwt_drop(e);
  }
  if (!lwt_stack_udp(program, &any, &s) && !lwt_stack_udp(browser, &any, &c)) {
    t = lwt_udp_send(c, &to, "x", 1);
    pass(LWT_S(200));
    lwt_error(t);
    lwt_drop(t);
    lwt_udp_close(c);
  }
  if (s)
    lwt_udp_close(s);
  stop();
}

static void no_report(struct lwt_error error, const char *where)
{
  (void)error;
  (void)where;
}

static void test_failures(void)
{
  struct lwt_test_result r;

  lwt_on_lost(no_report);
  r = lwt_test_each_allocation(all, NULL, NULL);
  ok(r.runs > 4, "%d runs with a failing allocation", (int)r.runs);
  is_int(r.alive, 0, "nothing alive");
  is_int(r.lost, 0, "nothing leaked");
}

int main(void)
{
  uint32_t i, x = 1;

  lwt_test_memory();
  lwt_virtual_init(&virtual);
  lwt_set_engine(&virtual.engine);
  for (i = 0; i < sizeof pattern; i++) {
    x = x * 1103515245 + 12345;
    pattern[i] = (uint8_t)(x >> 16);
  }
  for (i = 0; i < 4; i++) {
    inside6 = i & 1;
    outside6 = i >> 1 & 1;
    test_carry();
    test_outward();
    test_udp();
    if (i == 1 || i == 2) /* both sides are the same code */
      continue;
    test_aborts();
    test_pressure();
    test_limit();
    test_counters();
    test_close();
    test_failures();
  }
  inside6 = outside6 = 0;
  test_names();
  return lwt_test_done();
}
