/* services.c - small network services, to try a stack from outside.
 * SPDX-License-Identifier: ISC
 *
 *   7     echo       TCP, UDP   gives back what it gets
 *   9     discard    TCP, UDP   forgets it
 *   19    chargen    TCP        characters without end (RFC 864)
 *   80    HTTP       TCP        one page
 *   9999  control    UDP        "connect IP PORT": connects there, and echoes
 *
 * --port-base=N adds N to every port, so that it runs without privilege;
 * --name=NAME answers for NAME.local by multicast DNS.
 *
 * Each TCP service is a thread that accepts (struct accept), each connection
 * one that serves (struct conn).  A semaphore bounds the connections; having
 * all its units again means that none is left.
 */
#include <lwt-http.h>
#include <lwt-ip.h>
#include <lwt-mdns.h>
#include <lwt-net.h>
#include <lwt.h>
#include <lwt/platform.h>
#include <lwt/sync.h>

#include "end.h"
#include "lease.h"
#include "options.h"

#define IDLE LWT_S(120) /* without a byte, a connection is closed */
#define CLOSE LWT_S(5)  /* for the peer to take what is left */
#define CHUNK 65536u
#define DATAGRAM 65536u
#define DEVICE 2u /* interface 1 is the loopback one */

struct services {
  struct lwt_frame frame;
  /* From the command line. */
  const char *net, *name;
  struct option_net addr;
  struct lwt_addr addr6, router;
  unsigned base, connections, window;
  /* While it runs. */
  struct lwt_stack *stack;
  struct lwt_dhcp *lease;
  struct lwt_mdns *mdns;
  struct lwt_semaphore room; /* for connections */
  struct lwt_resolver stop;
  lwt_t *stopped;
  lwt_t *threads[16], *http[2];
  size_t n_threads, n_http;
  struct lwt_error error, ignored;
  unsigned left;
};

static const char usage[] = "usage: services [--option=value ...]\n"
                            "Echo, discard, chargen, HTTP and control, until SIGINT.\n";

/* ---- Connections -------------------------------------------------------- */

enum kind { ECHO, DISCARD, CHARGEN };

struct conn {
  struct lwt_frame frame;
  struct services *all;
  enum kind kind;
  struct lwt_flow *flow;
  struct lwt_addr to; /* to connect to, if there is no flow yet */
  struct lwt_buf *chunk;
};

/* RFC 864: lines of 72 of the 95 printable characters, each beginning one
 * further than the one before; all of them a few times, as one write. */
enum { LINES = 9 * 95 };
static char pattern[LINES * 74];

static void make_pattern(void)
{
  for (int line = 0; line < LINES; line++) {
    char *at = pattern + line * 74;

    for (int i = 0; i < 72; i++)
      at[i] = (char)(' ' + (line + i) % 95);
    at[72] = '\r';
    at[73] = '\n';
  }
}

static void give_room(void *all)
{
  lwt_semaphore_give(&((struct services *)all)->room);
}

static lwt_t *close_flow(void *flow)
{
  return lwt_with_timeout(CLOSE, lwt_flow_close(flow));
}

static lwt_buf_p *read_chunk(struct conn *c)
{
  return (lwt_buf_p *)lwt_with_timeout(IDLE,
                                       LWT_UNTYPED(lwt_flow_read_buf(c->flow, CHUNK)));
}

static lwt_t *write_chunk(struct conn *c)
{
  struct lwt_buf *chunk = c->chunk;

  c->chunk = NULL;
  return lwt_with_timeout(IDLE, lwt_flow_write_buf(c->flow, chunk));
}

/* The connection has one unit of room, which it gives back. */
LWT_STEP conn_step(struct lwt_frame *frame)
{
  struct conn *c = (struct conn *)frame;

  lwt_begin(c);
  lwt_defer(c, give_room, c->all);
  if (!c->flow)
    lwt_await(c, &c->flow, lwt_stack_connect(c->all->stack, &c->to));
  lwt_defer(c, close_flow, c->flow);
  for (;;) {
    if (c->kind == CHARGEN) {
      c->chunk = lwt_buf_foreign(pattern, sizeof pattern, NULL, NULL);
      if (!c->chunk)
        lwt_throw(c, LWT_ENOMEM, "chargen");
    } else {
      lwt_await(c, &c->chunk, read_chunk(c));
      if (!c->chunk)
        break;
    }
    if (c->kind == DISCARD)
      lwt_buf_free(c->chunk);
    else
      lwt_await(c, write_chunk(c));
  }
  lwt_end(c);
}

static void conn_lost(void *conn)
{
  struct conn *c = conn;

  give_room(c->all);
  if (c->flow)
    lwt_flow_abort(c->flow);
}

/* A connection that is reset or too slow is nothing to report. */
static lwt_t *ignore(void *env, struct lwt_error error)
{
  (void)env, (void)error;
  return lwt_return(NULL);
}

/* Run on by itself until it ends, or until we stop: pick then cancels it. */
static void start(struct services *all, enum kind kind, struct lwt_flow *flow,
                  const struct lwt_addr *to)
{
  lwt_t *p = LWT_GO_OR(struct conn, conn_step, conn_lost, .all = all, .kind = kind,
                       .flow = flow, .to = *to);

  lwt_async(lwt_catch(lwt_pick(LWT_PS(p, lwt_ref(all->stopped))), ignore, NULL));
}

struct accept {
  struct lwt_frame frame;
  struct services *all;
  enum kind kind;
  struct lwt_listener *listener;
  struct lwt_flow *flow;
  struct lwt_error error;
};

static int passes(int code)
{
  return code == LWT_EMFILE || code == LWT_ENOMEM || code == LWT_ENOBUFS;
}

LWT_STEP accept_step(struct lwt_frame *frame)
{
  static const struct lwt_addr nowhere;
  struct accept *a = (struct accept *)frame;

  lwt_begin(a);
  lwt_defer(a, lwt_listener_close, a->listener);
  for (;;) {
    lwt_await(a, lwt_semaphore_take(&a->all->room));
    lwt_await_error(a, &a->error, &a->flow, lwt_accept(a->listener));
    if (a->error.code == 0) {
      start(a->all, a->kind, a->flow, &nowhere);
      continue;
    }
    lwt_semaphore_give(&a->all->room);
    if (!passes(a->error.code))
      lwt_throw(a, a->error.code, a->error.what);
    lwt_await(a, lwt_sleep(LWT_MS(100)));
  }
  lwt_end(a);
}

static void accept_lost(void *accept)
{
  lwt_listener_close(((struct accept *)accept)->listener);
}

/* ---- Datagrams ---------------------------------------------------------- */

enum { BATCH = 16 };

struct datagrams {
  struct lwt_frame frame;
  struct services *all;
  unsigned port; /* without the base */
  struct lwt_udp *udp;
  struct lwt_datagram *batch[BATCH], *in; /* in: the present one */
  size_t n, at;
  struct lwt_error error;
  char *bytes; /* of the present datagram, and room for a NUL */
  uint32_t len;
};

/* "connect IP PORT", perhaps with a line end. */
static int parse_connect(const char *text, struct lwt_addr *to)
{
  char ip[LWT_ADDR_TEXT];
  unsigned port;
  int end = 0;

  if (sscanf(text, "connect %63s %5u %n", ip, &port, &end) != 2 || text[end] ||
      port == 0 || port > 65535 || lwt_addr_parse(to, ip))
    return LWT_EINVAL;
  to->port = (uint16_t)port;
  return 0;
}

static void control(struct datagrams *d)
{
  struct lwt_addr to;

  d->bytes[d->len] = '\0';
  if (strlen(d->bytes) != d->len || parse_connect(d->bytes, &to))
    fprintf(stderr, "services: control: not \"connect IP PORT\"\n");
  else if (!lwt_semaphore_try_take(&d->all->room))
    fprintf(stderr, "services: control: too many connections\n");
  else
    start(d->all, ECHO, NULL, &to);
}

/* Two echo services must not be set on each other. */
static int may_answer(const struct datagrams *d)
{
  return d->in->from.port != d->all->base + 7 && d->in->from.port >= 20;
}

static void free_batch(void *datagrams)
{
  struct datagrams *d = datagrams;

  while (d->at < d->n)
    lwt_datagram_free(d->batch[d->at++]);
}

LWT_STEP datagrams_step(struct lwt_frame *frame)
{
  struct datagrams *d = (struct datagrams *)frame;

  lwt_begin(d);
  lwt_defer(d, lwt_udp_close, d->udp);
  if (!(d->bytes = malloc(DATAGRAM)))
    lwt_throw(d, LWT_ENOMEM, "datagrams");
  lwt_defer(d, free, d->bytes);
  lwt_defer(d, free_batch, d);
  for (;;) {
    lwt_await(d, &d->batch[0], lwt_udp_receive(d->udp));
    d->n = 1 + lwt_ip_udp_take(d->udp, d->batch + 1, BATCH - 1);
    for (d->at = 0; d->at < d->n; lwt_datagram_free(d->batch[d->at++])) {
      d->in = d->batch[d->at];
      d->len = 0;
      if (d->in->packet)
        d->len = lwt_buf_copy_out(d->in->packet, 0, d->bytes, DATAGRAM - 1);
      if (d->port == 9999)
        control(d);
      else if (d->port == 7 && may_answer(d))
        lwt_await_error(d, &d->error,
                        lwt_udp_send(d->udp, &d->in->from, d->bytes, d->len));
    }
  }
  lwt_end(d);
}

static void datagrams_lost(void *datagrams)
{
  lwt_udp_close(((struct datagrams *)datagrams)->udp);
}

/* ---- All of them -------------------------------------------------------- */

static lwt_http_response_p *page(void *env, const struct lwt_http_request *rq)
{
  (void)env;
  if (strcmp(rq->path, "/") != 0)
    return lwt_http_return(lwt_http_page(404));
  return lwt_http_reply(200, "text/plain; charset=utf-8",
                        "echo 7, discard 9, chargen 19\n");
}

static int cannot(const struct lwt_addr *at, const char *what, int code)
{
  char text[LWT_ADDR_TEXT];

  if (code)
    fprintf(stderr, "services: cannot open %s at %s: %s\n", what,
            lwt_addr_format(at, text, sizeof text), lwt_strerror(code));
  return code;
}

static int add_tcp(struct services *s, struct lwt_addr at, unsigned port,
                   const char *name, int kind)
{
  struct lwt_listener *listener;

  at.port = (uint16_t)(s->base + port);
  if (cannot(&at, name, lwt_stack_listen(s->stack, &at, 256, &listener)))
    return -1;
  if (kind >= 0) {
    s->threads[s->n_threads++] = LWT_GO_OR(struct accept, accept_step, accept_lost,
                                           .all = s, .kind = (enum kind)kind,
                                           .listener = listener);
  } else {
    const struct lwt_http_options o = { .handler = page,
                                        .wallclock = lwt_platform_wallclock,
                                        .max_connections = s->connections };

    s->http[s->n_http++] = lwt_http_serve(listener, &o, lwt_ref(s->stopped));
  }
  return 0;
}

static int add_udp(struct services *s, struct lwt_addr at, unsigned port,
                   const char *name)
{
  struct lwt_udp *udp;

  at.port = (uint16_t)(s->base + port);
  if (cannot(&at, name, lwt_stack_udp(s->stack, &at, &udp)))
    return -1;
  s->threads[s->n_threads++] = LWT_GO_OR(struct datagrams, datagrams_step, datagrams_lost,
                                         .all = s, .port = port, .udp = udp);
  return 0;
}

static int add_all(struct services *s, const struct lwt_addr *at)
{
  return add_tcp(s, *at, 7, "echo", ECHO) || add_tcp(s, *at, 9, "discard", DISCARD) ||
    add_tcp(s, *at, 19, "chargen", CHARGEN) || add_tcp(s, *at, 80, "HTTP", -1) ||
    add_udp(s, *at, 7, "UDP echo") || add_udp(s, *at, 9, "UDP discard") ||
    add_udp(s, *at, 9999, "UDP control");
}

/* The kernel's stack listens on --addr; ours has it for its own. */
static int open_network(struct services *s)
{
  struct lwt_net_options o = { .addr = s->addr.addr,
                               .prefix = s->addr.prefix,
                               .gateway = s->router,
                               .no_addr = s->addr.dhcp,
                               .net.tcp_receive = s->window };
  int code;

  if (s->addr6.family && strcmp(s->net, "sockets")) {
    o.net.ipv6 = LWT_NET_IPV6_AUTO;
    o.net.addr6 = s->addr6;
    o.net.prefix6 = 64;
  }
  code = lwt_net_open(s->net, &o, &s->stack);
  if (code)
    fprintf(stderr, "services: cannot open the network %s: %s\n", s->net,
            lwt_strerror(code));
  return code;
}

static int listen_all(struct services *s)
{
  struct lwt_addr at = { .family = 4 }, any6 = { .family = 6 };
  int sockets = strcmp(s->net, "sockets") == 0;

  if (sockets && s->addr.addr.family)
    at = s->addr.addr;
  else if (sockets)
    lwt_addr_parse(&at, "127.0.0.1");
  return add_all(s, &at) ||
    (s->addr6.family && add_all(s, sockets ? &s->addr6 : &any6));
}

/* NAME.local, and the page as a service of it, as far as others can hear us. */
static int announce(struct services *s)
{
  const struct lwt_mdns_config config = { .host = s->name };
  const struct lwt_mdns_service site = { .name = s->name, .type = "_http._tcp",
                                         .port = (uint16_t)(s->base + 80) };
  int code;

  if (!s->name)
    return 0;
  code = lwt_mdns_start(s->stack, DEVICE, &config, &s->mdns);
  if (!code)
    code = lwt_mdns_publish(s->mdns, &site);
  if (code)
    fprintf(stderr, "services: cannot be %s.local: %s\n", s->name, lwt_strerror(code));
  return code;
}

static void say_where(const struct services *s)
{
  printf("services: on %s, ports %u + 7 9 19 80 9999, Ctrl-C stops\n", s->net, s->base);
  fflush(stdout);
}

LWT_STEP services_step(struct lwt_frame *frame)
{
  struct services *s = (struct services *)frame;

  lwt_begin(s);
  s->room.free = s->left = s->connections;
  s->stopped = lwt_wait(&s->stop);
  s->error.code = open_network(s);
  if (s->stack)
    lwt_defer(s, lwt_stack_close, s->stack);
  if (s->error.code == 0 && s->addr.dhcp) {
    s->error.code = lease_begin(s->stack, &s->addr.addr, "services", &s->lease);
    if (s->lease) {
      lwt_defer(s, lease_end, s->lease);
      lwt_await_error(s, &s->error, lease_wait(s->lease, &s->addr.addr));
    }
  }
  if (s->error.code == 0)
    s->error.code = listen_all(s);
  if (s->error.code == 0)
    s->error.code = announce(s);
  if (s->mdns)
    lwt_defer(s, lwt_mdns_stop, s->mdns);
  if (s->error.code == 0) {
    say_where(s);
    s->threads[s->n_threads++] = lwt_platform_shutdown();
    lwt_await_error(s, &s->error, lwt_pick(s->n_threads, s->threads));
  } else {
    while (s->n_threads > 0)
      lwt_drop(s->threads[--s->n_threads]);
  }
  /* No service accepts any more.  Now the connections. */
  lwt_fulfill(&s->stop, NULL);
  lwt_drop(s->stopped);
  lwt_await_error(s, &s->ignored, lwt_join(s->n_http, s->http));
  for (; s->left > 0; s->left--)
    lwt_await(s, lwt_semaphore_take(&s->room));
  if (s->error.code)
    lwt_throw(s, s->error.code, s->error.what);
  lwt_end(s);
}

int main(int argc, char **argv)
{
  struct services s = { .net = lwt_platform_network(), .connections = 1000 };
  const struct option options[] = {
    { "net=NET", OPTION_TEXT, &s.net, "sockets, gateway, tap:NAME or vif:N"
      " (sockets; on Xen the first vif)", 0, 0 },
    { "addr=ADDR[/PREFIX]", OPTION_NET, &s.addr,
      "our address: to listen on (sockets, 127.0.0.1), or to have (10.0.0.2/24); dhcp or "
      "dhcp:ADDR: got from the network", 0, 0 },
    { "addr6=ADDR", OPTION_ADDR, &s.addr6, "one more address, of IPv6", 0, 0 },
    { "name=NAME", OPTION_TEXT, &s.name, "to be NAME.local (not on sockets)", 0, 0 },
    { "gateway=ADDR", OPTION_ADDR, &s.router, "the router of that network", 0, 0 },
    { "port-base=N", OPTION_NUMBER, &s.base, "added to every port (0)", 0, 50000 },
    { "connections=N", OPTION_NUMBER, &s.connections, "at most at once (1000)", 8,
      1u << 20 },
    { "window=BYTES", OPTION_NUMBER, &s.window, "what a connection may have unread: a"
      " fast device wants megabytes (256 KiB; not on sockets)", 4096, 1u << 28 },
    { 0 }
  };
  int done = options_parse(argc, argv, usage, options), failed;

  if (done)
    return done - 1;
  make_pattern();
  failed = lwt_run(LWT_GO(struct services, services_step, .net = s.net, .addr = s.addr,
                          .addr6 = s.addr6, .name = s.name, .router = s.router,
                          .base = s.base, .connections = s.connections,
                          .window = s.window));
  return program_end("services", failed);
}
