/* forward.c - a port of our stack, led to a port of somebody else's.
 * SPDX-License-Identifier: ISC
 *
 *   forward --net=tap:tap0 --addr=10.0.0.2/24 --port=2222 --to=10.0.0.1 --to-port=22
 *
 * What connects to the port is carried to the other one, ends and resets included,
 * both ways over the same stack; or, with --outer=sockets, from the kernel's stack
 * to ours.
 */
#include <lwt-net.h>
#include <lwt.h>
#include <lwt/platform.h>

#include "end.h"
#include "options.h"

struct forward {
  struct lwt_frame frame;
  /* From the command line. */
  const char *net, *outer_net;
  struct option_net addr;
  struct lwt_addr router, to;
  unsigned port, to_port, connections;
  /* While it runs. */
  struct lwt_stack *stack, *outer;
  struct lwt_net_gateway *gateway;
  struct lwt_error error;
};

static const char usage[] = "usage: forward --to=ADDR [--option=value ...]\n"
                            "Carries connections to another host, until SIGINT.\n";

static int cannot(const char *what, int code)
{
  if (code)
    fprintf(stderr, "forward: cannot open %s: %s\n", what, lwt_strerror(code));
  return code;
}

static int open_all(struct forward *f)
{
  const struct lwt_net_gateway_config config = { .max_connections = f->connections };
  const struct lwt_net_options o = { .addr = f->addr.addr,
                                     .prefix = f->addr.prefix,
                                     .gateway = f->router };
  struct lwt_addr at = { .family = 4, .port = (uint16_t)f->port }, to = f->to;

  to.port = (uint16_t)f->to_port;
  if (cannot(f->net, lwt_net_open(f->net, &o, &f->stack)) ||
      (f->outer_net && cannot(f->outer_net, lwt_net_open(f->outer_net, &o, &f->outer))))
    return -1;
  return cannot("the port", lwt_net_gateway_new(f->outer ? f->outer : f->stack, &at,
                                                f->stack, &to, &config, &f->gateway));
}

static void say_where(const struct forward *f)
{
  char at[LWT_ADDR_TEXT];
  const struct lwt_addr local = lwt_net_gateway_local(f->gateway);

  printf("forward: %s, Ctrl-C stops\n", lwt_addr_format(&local, at, sizeof at));
  fflush(stdout);
}

static lwt_t *close_gateway(void *gateway)
{
  return lwt_net_gateway_close(gateway);
}

LWT_STEP forward_step(struct lwt_frame *frame)
{
  struct forward *f = (struct forward *)frame;

  lwt_begin(f);
  f->error.code = open_all(f);
  if (f->stack)
    lwt_defer(f, lwt_stack_close, f->stack);
  if (f->outer)
    lwt_defer(f, lwt_stack_close, f->outer);
  if (f->error.code)
    lwt_throw(f, f->error.code, "forward");
  lwt_defer(f, close_gateway, f->gateway);
  say_where(f);
  lwt_await(f, lwt_platform_shutdown());
  lwt_end(f);
}

int main(int argc, char **argv)
{
  struct forward f = { .net = "sockets", .port = 2222, .to_port = 22,
                       .connections = 1000 };
  const struct option options[] = {
    { "net=NET", OPTION_TEXT, &f.net, "sockets (default), or tap:NAME: to connect on", 0,
      0 },
    { "outer=NET", OPTION_TEXT, &f.outer_net, "to listen on, if another one", 0, 0 },
    { "addr=ADDR[/PREFIX]", OPTION_NET, &f.addr, "our address (10.0.0.2/24)", 0, 0 },
    { "gateway=ADDR", OPTION_ADDR, &f.router, "the router of that network", 0, 0 },
    { "port=N", OPTION_NUMBER, &f.port, "to listen on (2222)", 0, 65535 },
    { "to=ADDR", OPTION_ADDR, &f.to, "where to", 0, 0 },
    { "to-port=N", OPTION_NUMBER, &f.to_port, "and its port (22)", 1, 65535 },
    { "connections=N", OPTION_NUMBER, &f.connections, "at most at once (1000)", 1,
      1u << 20 },
    { 0 }
  };
  int done = options_parse(argc, argv, usage, options), failed;

  if (done)
    return done - 1;
  if (!f.to.family)
    return fputs("forward: where to? See --help\n", stderr), 2;
  if (f.addr.dhcp)
    return fputs("forward: needs an address of its own, not dhcp\n", stderr), 2;
  failed = lwt_run(LWT_GO(struct forward, forward_step, .net = f.net,
                          .outer_net = f.outer_net, .addr = f.addr, .router = f.router,
                          .port = f.port, .to = f.to, .to_port = f.to_port,
                          .connections = f.connections));
  return program_end("forward", failed);
}
