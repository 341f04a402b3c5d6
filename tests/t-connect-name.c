/* t-connect-name.c - happy eyeballs: who is tried when, who wins, what is left.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt-dns.h>
#include <lwt-net.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

/* ---- A stack of which the test says what each address does --------------------- */

struct host {
  const char *text;
  uint64_t after; /* LWT_NEVER: no answer */
  int error;
};

static const struct host *hosts;
static size_t n_hosts;
static int names_error, given_up, aborted;
static char tried[400]; /* "address@ms ..." */
static uint64_t begun;

struct try {
  struct lwt_frame frame;
  const struct host *host;
  struct lwt_flow *ends[2];
  int done;
};

static void gone(void *env)
{
  given_up += !((struct try *)env)->done;
}

LWT_STEP try_step(struct lwt_frame *frame)
{
  struct try *t = (struct try *)frame;

  lwt_begin(t);
  lwt_defer(t, gone, t);
  if (t->host->after)
    lwt_await(t, t->host->after == LWT_NEVER ? lwt_sleep_until(LWT_NEVER)
                                             : lwt_sleep(t->host->after));
  t->done = 1;
  if (t->host->error)
    lwt_throw(t, t->host->error, "connect");
  if (lwt_pipe(t->ends, 100))
    lwt_throw(t, LWT_ENOMEM, "connect");
  lwt_flow_abort(t->ends[1]);
  lwt_finish_owned(t, t->ends[0], lwt_flow_abort);
  lwt_end(t);
}

static lwt_flow_p *fake_connect(struct lwt_stack *stack, const struct lwt_addr *to)
{
  char text[LWT_ADDR_TEXT];
  struct lwt_addr addr = *to;
  size_t i;

  (void)stack;
  addr.port = 0;
  lwt_addr_format(&addr, text, sizeof text);
  snprintf(tried + strlen(tried), sizeof tried - strlen(tried), "%s%s@%u",
           tried[0] ? " " : "", text, (unsigned)((lwt_now() - begun) / LWT_MS(1)));
  for (i = 0; i < n_hosts && strcmp(hosts[i].text, text); i++)
    ;
  return (lwt_flow_p *)LWT_GO(struct try, try_step, .host = &hosts[i]);
}

static lwt_addrs_p *fake_resolve_all(struct lwt_stack *stack, const char *name,
                                     uint16_t port)
{
  struct lwt_addrs *a = malloc(sizeof *a + n_hosts * sizeof *a->addr);
  size_t i;

  (void)stack, (void)name;
  if (names_error || !a) {
    free(a);
    return lwt_addrs_p_fail(names_error ? names_error : LWT_ENOMEM, "resolve");
  }
  a->n = n_hosts;
  for (i = 0; i < n_hosts; i++) {
    lwt_addr_parse(&a->addr[i], hosts[i].text);
    a->addr[i].port = port;
  }
  return (lwt_addrs_p *)lwt_return_owned(a, free);
}

static const struct lwt_stack_ops fake_ops = {
  .connect = fake_connect, .resolve_all = fake_resolve_all
};
static struct lwt_stack fake = { &fake_ops };

static lwt_flow_p *begin(const struct host *list, size_t n)
{
  hosts = list;
  n_hosts = n;
  tried[0] = '\0';
  given_up = aborted = 0;
  begun = lwt_now();
  return lwt_stack_connect_name(&fake, "example.org", 80);
}

#define BEGIN(list) begin((list), sizeof(list) / sizeof *(list))

static void ends(lwt_flow_p *p, int code, const char *who, int losers)
{
  lwt_test_advance(LWT_S(100));
  is_int(lwt_error(LWT_UNTYPED(p)).code, code, "its end");
  is_str(tried, who, "who was tried when");
  is_int(given_up, losers, "given up");
  lwt_drop(LWT_UNTYPED(p));
}

/* ---- Tests ----------------------------------------------------------------------- */

static void races(void)
{
  static const struct host good[] = {
    { "2001:db8::1", LWT_MS(100), 0 }, { "192.0.2.1", 0, 0 }
  };
  static const struct host broken_six[] = {
    { "2001:db8::1", LWT_NEVER, 0 }, { "2001:db8::2", LWT_NEVER, 0 },
    { "192.0.2.1", LWT_MS(20), 0 }, { "192.0.2.2", 0, 0 }
  };
  static const struct host refused[] = {
    { "2001:db8::1", LWT_MS(30), LWT_ECONNREFUSED }, { "192.0.2.1", LWT_MS(10), 0 }
  };
  static const struct host slow[] = {
    { "192.0.2.1", LWT_MS(900), 0 }, { "192.0.2.2", LWT_NEVER, 0 },
    { "192.0.2.3", LWT_NEVER, 0 }
  };
  static const struct host none[] = {
    { "2001:db8::1", 0, LWT_ENETUNREACH }, { "192.0.2.1", LWT_MS(5), LWT_ECONNREFUSED },
    { "192.0.2.2", LWT_MS(5), LWT_EHOSTUNREACH }
  };

  ends(BEGIN(good), 0, "2001:db8::1@0", 0);
  ends(BEGIN(broken_six), 0, "2001:db8::1@0 192.0.2.1@250", 1);
  ends(BEGIN(refused), 0, "2001:db8::1@0 192.0.2.1@30", 0);
  ends(BEGIN(slow), 0, "192.0.2.1@0 192.0.2.2@250 192.0.2.3@500", 2);
  ends(BEGIN(none), LWT_ECONNREFUSED,
       "2001:db8::1@0 192.0.2.1@0 192.0.2.2@5", 0);
}

static void interleaves(void)
{
  static const struct host many[] = {
    { "192.0.2.1", LWT_MS(1), LWT_EIO }, { "192.0.2.2", 0, LWT_EIO },
    { "192.0.2.3", 0, LWT_EIO }, { "2001:db8::1", 0, LWT_EIO },
    { "2001:db8::2", LWT_MS(1), LWT_EIO }, { "192.0.2.4", 0, LWT_EIO }
  };

  ends(BEGIN(many), LWT_EIO,
       "192.0.2.1@0 2001:db8::1@1 192.0.2.2@1 2001:db8::2@1 192.0.2.3@2 192.0.2.4@2", 0);
  names_error = LWT_ENOENT;
  ends(BEGIN(many), LWT_ENOENT, "", 0);
  names_error = 0;
  ends(begin(many, 0), LWT_ENOENT, "", 0);
}

static void cancels(void)
{
  static const struct host silent[] = {
    { "192.0.2.1", LWT_NEVER, 0 }, { "192.0.2.2", LWT_NEVER, 0 },
    { "192.0.2.3", LWT_NEVER, 0 }
  };
  lwt_flow_p *p = BEGIN(silent);

  lwt_test_advance(LWT_MS(300));
  lwt_cancel(LWT_UNTYPED(p));
  is_rejected(LWT_UNTYPED(p), LWT_ECANCELED, "cancelled");
  ends(p, LWT_ECANCELED, "192.0.2.1@0 192.0.2.2@250", 2);
  p = BEGIN(silent);
  lwt_test_advance(LWT_MS(100));
  lwt_drop(LWT_UNTYPED(p));
  lwt_test_idle();
  is_int(given_up, 1, "dropped");
}

static void memory(void)
{
  static const struct host list[] = {
    { "2001:db8::1", LWT_NEVER, 0 }, { "2001:db8::2", LWT_MS(400), 0 },
    { "192.0.2.1", LWT_MS(100), LWT_ECONNREFUSED }, { "192.0.2.2", 0, LWT_EIO }
  };
  lwt_flow_p *p = BEGIN(list);

  lwt_test_advance(LWT_S(10));
  lwt_error(LWT_UNTYPED(p));
  lwt_drop(LWT_UNTYPED(p));
  lwt_test_advance(LWT_S(10));
}

/* ---- Our stack --------------------------------------------------------------------- */

static void names_of_ours(void)
{
  struct lwt_net_host table[] = { { "server", { .family = 4, .ip = { 10, 0, 0, 9 } } },
                                  { "server", { .family = 4, .ip = { 10, 0, 0, 1 } } } };
  struct lwt_dns_config dns = { .n_servers = 1 };
  struct lwt_net_config c = { .prefix = 24, .hosts = table, .n_hosts = 2, .dns = &dns };
  struct lwt_net_hub_config hub_config = { 0 };
  struct lwt_net_hub *hub;
  struct lwt_netif *port;
  struct lwt_stack *stack[2];
  struct lwt_listener *listener;
  const struct lwt_addrs *addrs;
  lwt_addrs_p *all;
  lwt_addr_p *one;
  lwt_flow_p *p;
  int i;

  lwt_addr_parse(&dns.servers[0], "10.0.0.1");
  is_int(lwt_net_hub_new(&hub_config, &hub), 0, "a hub");
  for (i = 0; i < 2; i++) {
    lwt_addr_parse(&c.addr, i ? "10.0.0.2" : "10.0.0.1");
    lwt_net_hub_port(hub, NULL, &port);
    is_int(lwt_net_stack_new(port, &c, &stack[i]), 0, "a stack");
  }
  all = lwt_stack_resolve_all(stack[1], "server", 80);
  addrs = lwt_value(LWT_UNTYPED(all));
  is_int(addrs ? addrs->n : 0, 2, "all addresses of the table");
  lwt_drop(LWT_UNTYPED(all));
  one = lwt_stack_resolve(stack[1], "192.0.2.7", 80);
  is_int(lwt_state(LWT_UNTYPED(one)), LWT_FULFILLED, "a number");
  lwt_drop(LWT_UNTYPED(one));
  c.addr.port = 80;
  lwt_addr_parse(&c.addr, "0.0.0.0");
  c.addr.port = 80;
  is_int(lwt_stack_listen(stack[0], &c.addr, 1, &listener), 0, "a server");
  p = lwt_stack_connect_name(stack[1], "server", 80);
  lwt_test_advance(LWT_S(5));
  is_int(lwt_state(LWT_UNTYPED(p)), LWT_FULFILLED, "connected, though one is not there");
  lwt_drop(LWT_UNTYPED(p));
  ok(lwt_net_dns(stack[1]) != NULL, "its resolver");
  one = lwt_stack_resolve(stack[1], "unknown.example.org", 80);
  lwt_test_advance(LWT_S(1));
  is_pending(LWT_UNTYPED(one), "is asked for other names");
  is_int(lwt_dns_stats(lwt_net_dns(stack[1]))->sent_udp, 1, "IPv4 only without IPv6");
  lwt_listener_close(listener);
  for (i = 0; i < 2; i++)
    lwt_async(lwt_stack_close(stack[i]));
  lwt_net_hub_free(hub);
  lwt_test_advance(LWT_S(200));
  is_int(lwt_error(LWT_UNTYPED(one)).code, LWT_ECONNABORTED, "closed with the stack");
  lwt_drop(LWT_UNTYPED(one));
}

/* A stack that is linked without a resolver. */
static void names_of_a_small_one(void)
{
  struct lwt_net_host table[] = { { "server", { .family = 4, .ip = { 10, 0, 0, 9 } } } };
  struct lwt_dns_config dns = { .n_servers = 1 };
  struct lwt_net_config c = { .prefix = 24, .hosts = table, .n_hosts = 1, .dns = &dns };
  struct lwt_net_hub_config hub_config = { 0 };
  struct lwt_net_hub *hub;
  struct lwt_netif *port;
  struct lwt_stack *stack;
  lwt_addr_p *one;

  lwt_addr_parse(&c.addr, "10.0.0.1");
  is_int(lwt_net_hub_new(&hub_config, &hub), 0, "a hub");
  lwt_net_hub_port(hub, NULL, &port);
  is_int(lwt_net_stack_new_small(port, &c, &stack), LWT_ENOTSUP, "no resolver");
  c.dns = NULL;
  is_int(lwt_net_stack_new_small(port, &c, &stack), 0, "a stack");
  ok(lwt_net_dns(stack) == NULL, "nor later");
  one = lwt_stack_resolve(stack, "server", 80);
  is_int(lwt_state(LWT_UNTYPED(one)), LWT_FULFILLED, "a name of the table");
  lwt_drop(LWT_UNTYPED(one));
  one = lwt_stack_resolve(stack, "192.0.2.7", 80);
  is_int(lwt_state(LWT_UNTYPED(one)), LWT_FULFILLED, "a number again");
  lwt_drop(LWT_UNTYPED(one));
  one = lwt_stack_resolve(stack, "unknown.example.org", 80);
  is_int(lwt_error(LWT_UNTYPED(one)).code, LWT_ENOENT, "other names are not asked for");
  lwt_drop(LWT_UNTYPED(one));
  lwt_async(lwt_stack_close(stack));
  lwt_net_hub_free(hub);
  lwt_test_advance(LWT_S(1));
}

static const struct lwt_test tests[] = {
  LWT_TEST(races), LWT_TEST(interleaves), LWT_TEST(cancels), LWT_TEST_MEMORY(memory),
  LWT_TEST(names_of_ours), LWT_TEST(names_of_a_small_one)
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
