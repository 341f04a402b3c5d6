/* t-tcp-from.c - connections from an address and a port that the program names.
 * SPDX-License-Identifier: ISC
 */
#include <lwt-ip.h>
#include <lwt-net.h>

#define LWT_TEST_SHORT
#include <lwt/engine.h>
#include <lwt/test.h>
#include <string.h>

enum { FIRST = 1, SECOND = 3, SERVER = 2, ABSENT = 9 };

static struct lwt_virtual engine;
static struct lwt_stack *client, *server;
static struct lwt_listener *listener;

static struct lwt_addr v4(unsigned host, uint16_t port)
{
  return (struct lwt_addr){ .family = 4, .ip = { 10, 0, 0, (uint8_t)host },
                            .port = port };
}

static struct lwt_addr v6(unsigned host, uint16_t port)
{
  return (struct lwt_addr){ .family = 6, .port = port,
                            .ip = { 0x20, 1, 0xd, 0xb8, [15] = (uint8_t)host } };
}

static struct lwt_stack *stack(struct lwt_net_hub *hub, unsigned host)
{
  struct lwt_net_config config = { .addr = v4(host, 0), .prefix = 24,
                                   .ipv6 = LWT_NET_IPV6_STATIC, .addr6 = v6(host, 0),
                                   .prefix6 = 64 };
  struct lwt_netif *port;
  struct lwt_stack *s = NULL;

  lwt_net_hub_port(hub, NULL, &port);
  is_int(lwt_net_stack_new(port, &config, &s), 0, "a stack");
  return s;
}

static struct lwt_flow *taken(lwt_flow_p *p, int *code)
{
  void *flow = NULL;

  *code = lwt_run_value(LWT_UNTYPED(p), &flow).code;
  return flow;
}

static int code_of(const struct lwt_addr *from, const struct lwt_addr *to)
{
  struct lwt_flow *flow;
  int code;

  flow = taken(lwt_net_tcp_connect_from(client, from, to), &code);
  if (flow)
    lwt_flow_abort(flow);
  return code;
}

/* Who the server thinks it is, and who we do. */
static void is_from(struct lwt_addr from, struct lwt_addr to, const char *what)
{
  struct lwt_flow *ours, *theirs;
  struct lwt_addr seen;
  char wanted[LWT_ADDR_TEXT], got[LWT_ADDR_TEXT];
  int code;

  ours = taken(lwt_net_tcp_connect_from(client, &from, &to), &code);
  is_int(code, 0, "%s: connected", what);
  if (code)
    return;
  theirs = taken(lwt_accept(listener), &code);
  seen = lwt_flow_peer(theirs);
  ok(from.port ? seen.port == from.port : seen.port >= 1024, "its port: %u", seen.port);
  seen.port = from.port;
  is_str(lwt_addr_format(&seen, got, sizeof got),
         lwt_addr_format(&from, wanted, sizeof wanted), "%s", what);
  if (from.port)
    is_int(code_of(&from, &to), LWT_EADDRINUSE, "no second one");
  lwt_flow_abort(ours);
  lwt_flow_abort(theirs);
}

static void chosen(void)
{
  struct lwt_addr any = { .family = 4, .port = 4000 }, to = v4(SERVER, 80);
  struct lwt_flow *ours, *theirs;
  struct lwt_addr seen;
  char text[LWT_ADDR_TEXT];
  int code;

  is_from(v4(FIRST, 0), v4(SERVER, 80), "the first address");
  is_from(v4(SECOND, 0), v4(SERVER, 80), "the second address");
  is_from(v4(SECOND, 5000), v4(SERVER, 80), "the second address and a port");
  ours = taken(lwt_net_tcp_connect_from(client, &any, &to), &code);
  is_int(code, 0, "any address and a port");
  if (code)
    return;
  theirs = taken(lwt_accept(listener), &code);
  seen = lwt_flow_peer(theirs);
  is_str(lwt_addr_format(&seen, text, sizeof text), "10.0.0.3:4000",
         "are the best, by RFC 6724 5, and the port");
  lwt_flow_abort(ours);
  lwt_flow_abort(theirs);
}

static void of_six(struct lwt_listener *listener6)
{
  struct lwt_listener *listener4 = listener;

  listener = listener6;
  is_from(v6(FIRST, 0), v6(SERVER, 80), "the first IPv6 address");
  is_from(v6(SECOND, 5000), v6(SERVER, 80), "the second and a port");
  listener = listener4;
}

static void refused(void)
{
  struct lwt_addr to = v4(SERVER, 80), from = v4(ABSENT, 0), any = { .family = 4 };
  struct lwt_listener *ours;

  is_int(code_of(&from, &to), LWT_EADDRNOTAVAIL, "another's address");
  from = v6(FIRST, 0);
  is_int(code_of(&from, &to), LWT_EINVAL, "another family");
  from = (struct lwt_addr){ .family = 4, .ip = { 127, 0, 0, 1 } };
  is_int(code_of(&from, &to), LWT_ENETUNREACH, "from a loopback address to outside");
  from = (struct lwt_addr){ .family = 6, .ip = { [15] = 1 } };
  to = v6(SERVER, 80);
  is_int(code_of(&from, &to), LWT_ENETUNREACH, "and of IPv6");
  to = v4(SERVER, 80);
  any.port = 7000;
  is_int(lwt_stack_listen(client, &any, 1, &ours), 0, "a listener of ours");
  from = v4(FIRST, 7000);
  is_int(code_of(&from, &to), LWT_EADDRINUSE, "has that port");
  lwt_listener_close(ours);
  to.port = 0;
  from.port = 0;
  is_int(code_of(&from, &to), LWT_EINVAL, "no port of the peer's");
}

int main(void)
{
  struct lwt_ip_address more4 = { .addr = v4(SECOND, 0), .prefix = 24 };
  struct lwt_ip_address more6 = { .addr = v6(SECOND, 0), .prefix = 64 };
  struct lwt_addr any = { .family = 4, .port = 80 }, any6 = { .family = 6, .port = 80 };
  struct lwt_listener *listener6;
  const struct lwt_net_hub_config config = { 0 };
  struct lwt_net_hub *hub;

  lwt_virtual_init(&engine);
  lwt_set_engine(&engine.engine);
  lwt_net_hub_new(&config, &hub);
  client = stack(hub, FIRST);
  server = stack(hub, SERVER);
  is_int(lwt_run_value(lwt_ip_address_add(client, 2, &more4), NULL).code, 0,
         "a second address");
  is_int(lwt_run_value(lwt_ip_address_add(client, 2, &more6), NULL).code, 0,
         "and of IPv6");
  lwt_stack_listen(server, &any, 10, &listener);
  lwt_stack_listen(server, &any6, 10, &listener6);
  chosen();
  of_six(listener6);
  refused();
  lwt_listener_close(listener);
  lwt_listener_close(listener6);
  lwt_net_hub_free(hub);
  lwt_run_value(lwt_join(LWT_PS(lwt_stack_close(client), lwt_stack_close(server))), NULL);
  is_int(lwt_live() + lwt_timers() + lwt_buf_live(), 0, "nothing is left");
  return lwt_test_done();
}
