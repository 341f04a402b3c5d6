/* net/stack.c - a transport stack: its life, and how it looks.
 * SPDX-License-Identifier: ISC
 *
 * Start reading net/ here, after net.h; input is in interface.c.
 */
#include "group.h"
#include "names.h"
#include "neighbour.h"
#include "pcap.h"
#include "tcp.h"
#include "wire.h"

#include <string.h>

static struct net_stack *stack_of(struct lwt_stack *stack)
{
  return (struct net_stack *)stack;
}

/* ---- Time -------------------------------------------------------------- */

static void before_timers(void *env)
{
  net_clock(env);
}

static void after_timers(void *env)
{
  net_tcp_input_done(env);
}

/* ---- Life -------------------------------------------------------------- */

static void destroy(struct net_stack *s)
{
  int held = lwt__hold();

  s->closing = 1;
  net_names_fini(s);
  if (s->tcp)
    net_tcp_fini(s);
  net_udp_fini(s);
  net_frag_fini(s);
  while (s->n_ifs)
    net_if_free(s->ifs[s->n_ifs - 1]);
  if (s->redirects)
    s->redirects->end(s);
  net_routes_fini(s);
  net_paths_fini(s);
  net_timers_fini(&s->timers);
  lwt__task_stop(&s->loop_turn);
  lwt__task_stop(&s->events_turn);
  if (s->own_pcap)
    lwt_net_pcap_free(s->own_pcap);
  lwt__free(s);
  lwt__release(held);
}

struct closing {
  struct lwt_frame frame;
  struct net_stack *s;
  struct lwt_netif *netifs[NET_IF_MAX];
  unsigned n;
  struct lwt_error error;
};

/* The stack goes, its devices are left. */
static void take_apart(struct closing *c)
{
  unsigned i;

  for (i = 0; i < c->s->n_ifs; i++)
    if (c->s->ifs[i]->netif)
      c->netifs[c->n++] = c->s->ifs[i]->netif;
  destroy(c->s);
}

static lwt_t *close_next(struct closing *c)
{
  struct lwt_netif *netif = c->netifs[--c->n];

  return netif->ops->close(netif);
}

LWT_STEP close_step(struct lwt_frame *frame)
{
  struct closing *c = (struct closing *)frame;

  lwt_begin(c);
  while (c->s->telling) /* somebody who heard of a change closes it */
    lwt_await_error(c, &c->error, lwt_pause());
  lwt_await_error(c, &c->error, net_tcp_close(c->s));
  take_apart(c);
  while (c->n)
    lwt_await_error(c, &c->error, close_next(c));
  lwt_end(c);
}

/* No memory for a frame: close without waiting. */
static void close_now(void *frame)
{
  struct closing *c = frame;
  lwt_t *p;

  take_apart(c);
  while (c->n) {
    p = close_next(c);
    lwt_error(p);
    lwt_drop(p);
  }
}

static lwt_t *stack_close(struct lwt_stack *stack)
{
  struct net_stack *s = stack_of(stack);

  if (s->closing)
    return lwt_fail(LWT_EALREADY, "stack_close");
  s->closing = 1;
  net_names_stop(s);
  return LWT_GO_OR(struct closing, close_step, close_now, .s = s);
}

static const struct lwt_stack_ops stack_ops = {
  .listen = net_tcp_listen,
  .connect = net_tcp_connect,
  .udp = net_udp_open,
  .resolve = net_resolve,
  .resolve_all = net_resolve_all,
  .close = stack_close,
};

static uint32_t or_default(uint32_t value, uint32_t preset)
{
  return value ? value : preset;
}

struct net_stack *net_stack_of(struct lwt_stack *stack)
{
  return stack->ops == &stack_ops ? stack_of(stack) : NULL;
}

static void set_defaults(struct net_stack *s)
{
  struct lwt_net_config *c = &s->config;

  c->ttl = (uint8_t)or_default(c->ttl, 64);
  c->max_neighbours = or_default(c->max_neighbours, 512);
  c->max_routes = or_default(c->max_routes, 256);
  c->max_groups = or_default(c->max_groups, 64);
  c->max_waiting = or_default(c->max_waiting, 16);
  c->max_reassembly = or_default(c->max_reassembly, 4u << 20);
  c->max_udp = or_default(c->max_udp, 1024);
  c->udp_queue = or_default(c->udp_queue, 1u << 20);
  c->max_connections = or_default(c->max_connections, 65536);
  c->max_time_wait = or_default(c->max_time_wait, 65536);
  c->tcp_send = or_default(c->tcp_send, 256u << 10);
  c->tcp_receive = or_default(c->tcp_receive, 256u << 10);
  c->icmp_rate = or_default(c->icmp_rate, 100);
}

/* Check what the interfaces do not check. */
static int check(const struct net_stack *s)
{
  const struct lwt_net_config *c = &s->config;

  if (c->icmp_rate > 1000000)
    return LWT_EINVAL;
  if (c->ipv6 > LWT_NET_IPV6_STATIC || (!c->ipv6 && c->addr6.family) ||
      (c->addr6.family && c->addr6.family != 6) ||
      (c->gateway6.family && c->gateway6.family != 6))
    return LWT_EINVAL;
  if (!c->addr.family)
    return c->gateway.family ? LWT_EINVAL : 0;
  if (c->addr.family != 4 || (c->gateway.family && c->gateway.family != 4))
    return LWT_ENOTSUP;
  return 0;
}

static int settled(lwt_t *p)
{
  int error = lwt_error(p).code;

  lwt_drop(p);
  return error;
}

static int loopback(struct net_stack *s)
{
  struct lwt_ip_address lo = { .addr = net_addr4(0x7f000001, 0), .prefix = 8 };
  struct net_if *nif;
  int error = net_if_add(s, NULL, 0, &nif);
  struct lwt_ip_address lo6 = { .addr = { .family = 6, .ip[15] = 1 }, .prefix = 128 };

  if (!error)
    error = settled(net_address_add(nif, &lo, NULL));
  if (!error && s->config.ipv6)
    error = settled(net_address_add(nif, &lo6, NULL));
  return error;
}

/* What the config says of IPv6; the address is looked for on the link first. */
static int interface6(struct net_stack *s, struct net_if *nif)
{
  const struct lwt_net_config *c = &s->config;
  struct lwt_ip_address addr = { .addr = c->addr6, .prefix = c->prefix6,
                                 .unchecked = c->unchecked6 };
  struct lwt_ip_route route = { .dst = { .family = 6 }, .gateway = c->gateway6,
                                .interface = nif->index };
  struct net_address *a;
  lwt_t *p;
  int error = 0;

  if (!nif->six)
    return LWT_EINVAL;
  if (c->addr6.family) {
    p = net_address_add(nif, &addr, &a);
    error = a ? 0 : lwt_error(p).code;
    lwt_drop(p);
  }
  if (error || !c->gateway6.family)
    return error;
  return net_routes_add(s, &route);
}

/* The interface, address and default route of the config. */
static int interface(struct net_stack *s, struct lwt_netif *netif)
{
  const struct lwt_net_config *c = &s->config;
  struct lwt_ip_address addr = { .addr = c->addr, .prefix = c->prefix, .unchecked = 1 };
  struct lwt_ip_route route = { .dst = net_addr4(0, 0), .gateway = c->gateway };
  struct net_if *nif;
  int error = net_if_add(s, netif, c->mtu, &nif);

  if (!error && c->ipv6)
    error = interface6(s, nif);
  if (error || !c->addr.family)
    return error;
  route.interface = nif->index;
  error = settled(net_address_add(nif, &addr, NULL));
  if (error || !c->gateway.family)
    return error;
  return net_ip_is_unicast(s, &route.gateway) ? net_routes_add(s, &route) : LWT_EINVAL;
}

static int start(struct net_stack *s, struct lwt_netif *netif)
{
  int error = net_routes_init(s);
  unsigned i;

  if (!error)
    error = net_frag_init(s);
  if (!error)
    error = net_udp_init(s);
  if (!error)
    error = net_tcp_init(s);
  if (error)
    return error;
  for (i = 0; i < sizeof s->ip_id / sizeof *s->ip_id; i++)
    s->ip_id[i] = (uint16_t)net_random(s);
  s->ip_id_hash = (uint32_t)net_random(s) | 1;
  net_key(s, "flow label", s->flow_key);
  error = loopback(s);
  return error ? error : interface(s, netif);
}

static int stack_new(struct lwt_netif *netif, const struct lwt_net_config *config,
                     const struct net_resolver *resolver, const struct tcp_bulk *bulk,
                     struct lwt_stack **stack)
{
  struct net_stack *s = lwt__alloc(sizeof *s);
  int error;

  if (!s)
    return LWT_ENOMEM;
  memset(s, 0, sizeof *s);
  s->stack.ops = &stack_ops;
  s->config = *config;
  s->resolver = resolver;
  s->bulk = bulk;
  s->loop_turn.fn = net_ip_loop_turn;
  s->events_turn.fn = net_events_turn;
  s->route_age = 1;
  net_timers_init(&s->timers, before_timers, after_timers, s);
  s->icmp_filled = net_clock(s);
  set_defaults(s);
  s->icmp_tokens = s->config.icmp_rate;
  error = net_names_init(s, config);
  if (!error)
    error = check(s);
  if (!error)
    error = start(s, netif);
  if (error) {
    destroy(s);
    return error;
  }
  *stack = &s->stack;
  return 0;
}

int lwt_net_stack_new(struct lwt_netif *netif, const struct lwt_net_config *config,
                      struct lwt_stack **stack)
{
  return stack_new(netif, config, &net_resolver, &net_tcp_bulk, stack);
}

int lwt_net_stack_new_small(struct lwt_netif *netif, const struct lwt_net_config *config,
                            struct lwt_stack **stack)
{
  return stack_new(netif, config, NULL, NULL, stack);
}

/* ---- Looking in -------------------------------------------------------- */

const struct lwt_net_stats *lwt_net_stats(struct lwt_stack *stack)
{
  return &stack_of(stack)->stats;
}

void lwt_net_stack_tap(struct lwt_stack *stack, struct lwt_net_pcap *pcap)
{
  stack_of(stack)->pcap = pcap;
}

static void dump_interface(const struct net_if *nif, FILE *out)
{
  static const char *const states[] = { "tentative", "preferred", "deprecated" };
  char text[LWT_ADDR_TEXT];
  struct net_address *a;

  fprintf(out, "interface %u %s mtu %u%s\n", (unsigned)nif->index, nif->name, nif->mtu,
          nif->down ? " down" : "");
  for (a = nif->addrs; a; a = a->next)
    fprintf(out, "  address %s/%u %s\n",
            lwt_addr_format(&a->addr, text, sizeof text), a->prefix, states[a->state]);
  net_groups_dump(nif, out);
  net_neighbours_dump(nif, out);
}

void lwt_net_dump(struct lwt_stack *stack, FILE *out)
{
#define NAME(name) #name,
  static const char *const names[] = { LWT_NET_STATS(NAME) };
  struct net_stack *s = stack_of(stack);
  const uint64_t *counters = (const uint64_t *)&s->stats;
  size_t i;

  net_clock(s);
  for (i = 0; i < s->n_ifs; i++)
    dump_interface(s->ifs[i], out);
  net_routes_dump(s, out);
  if (net_paths_count(s))
    fprintf(out, "%zu paths with an MTU of their own\n", net_paths_count(s));
  net_udp_dump(s, out);
  net_tcp_dump(s, out);
  if (s->dns)
    s->resolver->dump(s->dns, out);
  for (i = 0; i < sizeof names / sizeof *names; i++)
    if (counters[i])
      fprintf(out, "%s %llu\n", names[i], (unsigned long long)counters[i]);
}
