/* www.c - a website, on any stack.
 * SPDX-License-Identifier: ISC
 *
 *   www                                     the documentation, kernel's sockets
 *   www --net=gateway                       through our TCP/IP, no privilege
 *   www --net=tap:tap0 --addr=10.0.0.2/24   our TCP/IP on a device
 *   www --addr=10.0.0.2/24                  the same in a domain of Xen
 *   www --net=tap:tap0 --addr=dhcp          with an address from the network
 *
 * The program is one thread, www_step(): open what is needed, serve until
 * somebody says stop, give everything back.  Which network it is on shows in
 * one line, lwt_net_open(); which platform, nowhere.
 */
#include <inttypes.h>
#define LWT_NET_SMALL /* a server looks up no names */
#include <lwt-http.h>
#include <lwt-net.h>
#include <lwt.h>
#include <lwt/platform.h>

#include "end.h"
#include "lease.h"
#include "options.h"
#include "secure.h"

#ifndef SITE_DIR
#define SITE_DIR "doc/site"
#endif

struct www {
  struct lwt_frame frame;
  /* From the command line. */
  const char *net, *root, *tls;
  struct option_net addr;
  struct lwt_addr router, host;
  unsigned port, tls_port, connections;
  int log;
  /* While it runs. */
  struct lwt_content *content;
  struct lwt_stack *stack;
  struct lwt_dhcp *lease;
  struct lwt_listener *listener, *secure;
  struct lwt_error error;
  lwt_t *stop;
  struct lwt_http_site site;
  struct lwt_http_options options;
  struct lwt_http_stats stats;
  char url[LWT_ADDR_TEXT];
};

static const char usage[] = "usage: www [--option=value ...]\n"
                            "Serve a directory over HTTP until SIGINT.\n";

/* Say what cannot be done, if code says so.  Returns code. */
static int cannot(const char *what, const char *which, int code)
{
  if (code)
    fprintf(stderr, "www: cannot %s %s: %s\n", what, which, lwt_strerror(code));
  return code;
}

static int is(const struct www *w, const char *net)
{
  return strcmp(w->net, net) == 0;
}

static lwt_t *content_free(void *content)
{
  return ((struct lwt_content *)content)->ops->free(content);
}

/* The documentation as make has rendered it here, or as it is installed. */
static int open_content(struct www *w)
{
  static const char *const places[] = { "doc/site", SITE_DIR };
  int error = LWT_ENOENT;

  if (w->root)
    return cannot("open", w->root, lwt_platform_content(w->root, &w->content));
  for (size_t i = 0; i < sizeof places / sizeof *places && error; i++)
    error = lwt_platform_content(w->root = places[i], &w->content);
  return cannot("open the documentation (see --root)", w->root, error);
}

/* The kernel's stack listens on --addr; ours has it for its own, and listens
 * on whatever it has. */
static int open_network(struct www *w)
{
  struct lwt_net_options o = { .addr = w->addr.addr,
                               .prefix = w->addr.prefix,
                               .gateway = w->router,
                               .no_addr = w->addr.dhcp,
                               .host = w->host };

  return cannot("open the network", w->net, lwt_net_open(w->net, &o, &w->stack));
}

static int listen_on(struct www *w, unsigned port, struct lwt_listener **listener)
{
  struct lwt_addr at = { .family = w->addr.addr.family == 6 ? 6 : 4 };
  char text[LWT_ADDR_TEXT];

  if (is(w, "sockets") && !w->addr.addr.family)
    lwt_addr_parse(&at, "127.0.0.1");
  else if (is(w, "sockets"))
    at = w->addr.addr;
  at.port = (uint16_t)port;
  return cannot("listen on", lwt_addr_format(&at, text, sizeof text),
                lwt_stack_listen(w->stack, &at, 256, listener));
}

/* Where a browser finds it: where we listen, or if that is everywhere, the
 * address that we have. */
static void say_where(struct www *w, const char *scheme, struct lwt_listener *listener)
{
  static const uint8_t everywhere[16];
  struct lwt_addr at = listener->ops->local(listener);
  uint16_t port = at.port;

  if (memcmp(at.ip, everywhere, sizeof at.ip) == 0) {
    if (w->addr.addr.family)
      at = w->addr.addr;
    else
      lwt_addr_parse(&at, "10.0.0.2"); /* lwt_net_open()'s default */
  }
  at.port = port;
  printf("www: %s://%s/ serves %s (%s), Ctrl-C stops\n", scheme,
         lwt_addr_format(&at, w->url, sizeof w->url), w->root, w->net);
  fflush(stdout);
}

static void say_what(const struct lwt_http_stats *s)
{
  printf("www: stopped: %" PRIu64 " connections, %" PRIu64 " requests, %" PRIu64
         " bytes sent, %" PRIu64 " refused, %" PRIu64 " lost, %" PRIu64 " aborted\n",
         s->connections, s->requests, s->bytes_out, s->refused, s->lost, s->aborted);
}

/* Method, target, status and bytes.  What the client sent is shown as it is:
 * the server lets no control character through. */
static void log_line(void *env, const struct lwt_http_log *l)
{
  const struct lwt_http_request *rq = l->request;
  char peer[LWT_ADDR_TEXT];

  (void)env;
  printf("%s %s %s%s%s %d %" PRIu64 " %" PRIu64 "us%s%s\n",
         lwt_addr_format(&rq->peer, peer, sizeof peer), lwt_http_method_name(rq->method),
         rq->target ? rq->target : "-", rq->query ? "?" : "", rq->query ? rq->query : "",
         l->status, l->bytes, l->duration / LWT_US(1), l->code ? " " : "",
         l->code ? lwt_strerror(l->code) : "");
}

LWT_STEP www_step(struct lwt_frame *frame)
{
  struct www *w = (struct www *)frame;

  lwt_begin(w);
  if (open_content(w))
    lwt_finish(w, 1);
  lwt_defer(w, content_free, w->content);
  if (open_network(w))
    lwt_finish(w, 1);
  lwt_defer(w, lwt_stack_close, w->stack);
  if (w->addr.dhcp) {
    if (cannot("get an address by", "DHCP",
               lease_begin(w->stack, &w->addr.addr, "www", &w->lease)))
      lwt_finish(w, 1);
    lwt_defer(w, lease_end, w->lease);
    lwt_await(w, lease_wait(w->lease, &w->addr.addr));
  }
  if (listen_on(w, w->port, &w->listener))
    lwt_finish(w, 1);
  if (w->tls) {
    if (listen_on(w, w->tls_port, &w->secure))
      lwt_finish(w, 1);
    lwt_await_error(w, &w->error, &w->secure, secure_listen(w->secure, w->tls));
    if (cannot("serve with the keys of", w->tls, w->error.code))
      lwt_finish(w, 1);
    say_where(w, "https", w->secure);
  }
  say_where(w, "http", w->listener);

  w->site = (struct lwt_http_site){ .content = w->content };
  w->options = (struct lwt_http_options){ .handler = lwt_http_site,
                                          .env = &w->site,
                                          .server = "lwt",
                                          .wallclock = lwt_platform_wallclock,
                                          .log = w->log ? log_line : NULL,
                                          .max_connections = w->connections,
                                          .stats = &w->stats };
  w->stop = lwt_platform_shutdown();
  if (w->secure)
    lwt_await(w, lwt_join(LWT_PS(
                   lwt_http_serve(w->secure, &w->options, lwt_ref(w->stop)),
                   lwt_http_serve(w->listener, &w->options, w->stop))));
  else
    lwt_await(w, lwt_http_serve(w->listener, &w->options, w->stop));
  say_what(&w->stats);
  lwt_end(w);
}

static int run(const struct www *w)
{
  lwt_t *p = LWT_GO(struct www, www_step, .net = w->net, .root = w->root,
                    .addr = w->addr, .router = w->router, .host = w->host,
                    .tls = w->tls, .port = w->port, .tls_port = w->tls_port,
                    .connections = w->connections, .log = w->log);
  void *failed = NULL;
  struct lwt_error error = lwt_run_value(p, &failed);

  cannot("serve:", error.what, error.code);
  return error.code || failed;
}

int main(int argc, char **argv)
{
  struct www w = { .net = lwt_platform_network(), .connections = 1024, .port = UINT32_MAX,
                   .tls_port = UINT32_MAX };
  const struct option options[] = {
    { "net=NET", OPTION_TEXT, &w.net, "sockets, gateway, tap:NAME or vif:N"
      " (sockets; on Xen the first vif)", 0, 0 },
    { "addr=ADDR[/PREFIX]", OPTION_NET, &w.addr, "our address: to listen on (sockets,"
      " 127.0.0.1), or to have (10.0.0.2/24); dhcp or dhcp:ADDR: got from the network", 0,
      0 },
    { "gateway=ADDR", OPTION_ADDR, &w.router, "the router of that network", 0, 0 },
    { "host=ADDR", OPTION_ADDR, &w.host, "where --net=gateway listens (127.0.0.1)", 0,
      0 },
    { "port=PORT", OPTION_NUMBER, &w.port, "8080, on a device 80; 0: any", 0, 65535 },
    { "root=DIR", OPTION_TEXT, &w.root, "what to serve (the documentation)", 0, 0 },
    { "tls=DIR", OPTION_TEXT, &w.tls, "serve https, too, with DIR's cert.pem and key.pem",
      0, 0 },
    { "tls-port=PORT", OPTION_NUMBER, &w.tls_port, "8443, on a device 443; 0: any", 0,
      65535 },
    { "connections=N", OPTION_NUMBER, &w.connections, "at most at once (1024)", 1,
      1u << 20 },
    { "log", OPTION_FLAG, &w.log, "one line for each request", 0, 0 },
    { 0 }
  };
  int done = options_parse(argc, argv, usage, options), failed;

  if (done)
    return done - 1;
  if (w.port == UINT32_MAX)
    w.port = is(&w, "sockets") || is(&w, "gateway") ? 8080 : 80;
  if (w.tls_port == UINT32_MAX)
    w.tls_port = is(&w, "sockets") || is(&w, "gateway") ? 8443 : 443;
  failed = run(&w);
  secure_done();
  return program_end("www", failed);
}
