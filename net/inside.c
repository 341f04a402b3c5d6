/* net/inside.c - the stack that is reached through a gateway in the process.
 * SPDX-License-Identifier: ISC
 *
 * A hub with two stacks of ours: `server` is the program's, in the name of
 * `client` the outside comes in.
 *
 *   host --- outer stack --gateway-- client stack --hub-- server stack --- program
 *
 * A listener of the program is a listener of the server and a gateway from the
 * host to it.  connect goes the other way: the outer stack connects, and if it
 * succeeds, server and client are connected and carried into that.  What the
 * program holds when the stack is closed stays valid until the program closes
 * it.  Datagrams are in inside_udp.c.
 */
#include "inside.h"

#include "gateway.h"
#include "net.h"

#include <string.h>

void net_inside_begin(struct net_inside *in)
{
  in->busy++;
  in->refs++;
}

void net_inside_end(void *env)
{
  struct net_inside *in = env;

  if (--in->busy == 0)
    lwt_fulfill(&in->idle, NULL);
  net_inside_unref(in);
}

/* ---- Listening --------------------------------------------------------- */

struct inside_listener {
  struct lwt_listener listener;
  struct net_inside *inside; /* NULL: the stack is gone */
  struct inside_listener *next, **link;
  struct lwt_listener *server;
  struct lwt_net_gateway *gateway;
};

static lwt_flow_p *listener_accept(struct lwt_listener *listener)
{
  return lwt_accept(((struct inside_listener *)listener)->server);
}

/* Take the listener out of the stack. */
static void detach(struct inside_listener *l)
{
  struct net_inside *in = l->inside;

  *l->link = l->next;
  if (l->next)
    l->next->link = l->link;
  l->inside = NULL;
  net_gateway_close(l->gateway, net_inside_end, in);
}

static void listener_close(struct lwt_listener *listener)
{
  struct inside_listener *l = (struct inside_listener *)listener;
  int held = lwt__hold();

  if (l->inside)
    detach(l);
  lwt_listener_close(l->server);
  lwt__free(l);
  lwt__release(held);
}

static struct lwt_addr listener_local(struct lwt_listener *listener)
{
  struct inside_listener *l = (struct inside_listener *)listener;

  return l->inside ? lwt_net_gateway_local(l->gateway) : (struct lwt_addr){ 0 };
}

static const struct lwt_listener_ops listener_ops = {
  .accept = listener_accept, .close = listener_close, .local = listener_local
};

struct lwt_addr net_inside_host(const struct net_inside *in, uint16_t port)
{
  struct lwt_addr addr = in->host;
  size_t i;

  addr.port = port;
  for (i = 0; i < in->n_ports; i++)
    if (in->ports[i].port == port)
      addr = in->ports[i].host;
  return addr;
}

/* The listener of the server, and the gateway to it. */
static int open_listener(struct net_inside *in, uint16_t port, unsigned backlog,
                         struct inside_listener *l)
{
  struct lwt_addr at = { .family = in->addr.family, .port = port }, host, to = in->addr;
  int error = lwt_stack_listen(in->server, &at, backlog, &l->server);

  if (error)
    return error;
  to.port = l->server->ops->local(l->server).port;
  host = net_inside_host(in, port);
  error = lwt_net_gateway_new(in->outer, &host, in->client, &to, &in->config,
                              &l->gateway);
  if (error)
    lwt_listener_close(l->server);
  return error;
}

static int inside_listen(struct lwt_stack *stack, const struct lwt_addr *addr,
                         unsigned backlog, struct lwt_listener **listener)
{
  struct net_inside *in = (struct net_inside *)stack;
  struct inside_listener *l;
  int error;

  if (in->closing)
    return LWT_ENETDOWN;
  l = lwt__alloc(sizeof *l);
  if (!l)
    return LWT_ENOMEM;
  error = open_listener(in, addr->port, backlog, l);
  if (error) {
    lwt__free(l);
    return error;
  }
  l->listener.ops = &listener_ops;
  l->inside = in;
  l->link = &in->listeners;
  l->next = in->listeners;
  if (l->next)
    l->next->link = &l->next;
  in->listeners = l;
  net_inside_begin(in);
  *listener = &l->listener;
  return 0;
}

/* ---- Connecting -------------------------------------------------------- */

struct outward {
  struct lwt_frame frame;
  struct net_inside *in; /* counted */
  struct lwt_addr to, at;
  struct lwt_flow *outside, *far, *near;
  struct lwt_listener *listener;
  lwt_t *connecting;
  struct lwt_error error;
};

/* Goes on when connect has ended. */
struct outward_carry {
  struct lwt_frame frame;
  struct net_inside *in;
  struct lwt_flow *outside, *far;
  struct lwt_error error;
};

LWT_STEP outward_carry_step(struct lwt_frame *frame)
{
  struct outward_carry *c = (struct outward_carry *)frame;

  lwt_begin(c);
  net_inside_begin(c->in);
  lwt_await_error(c, &c->error, net_carry(c->outside, c->far));
  net_inside_end(c->in);
  lwt_end(c);
}

static void outward_carry_lost(void *frame)
{
  struct outward_carry *c = frame;

  lwt_flow_abort(c->outside);
  lwt_flow_abort(c->far);
}

static void unref(void *in)
{
  net_inside_unref(in);
}

static void abort_flow(void *flow)
{
  lwt_flow_abort(flow);
}

/* Client listens for one connection. */
static int listen_once(struct outward *o)
{
  struct lwt_addr at = o->in->client_addr;
  int error;

  if (o->in->closing)
    return LWT_ENETDOWN;
  error = lwt_stack_listen(o->in->client, &at, 1, &o->listener);
  if (!error)
    o->at = o->listener->ops->local(o->listener);
  return error;
}

LWT_STEP outward_step(struct lwt_frame *frame)
{
  struct outward *o = (struct outward *)frame;

  lwt_begin(o);
  o->in->refs++;
  lwt_defer(o, unref, o->in);
  lwt_await(o, &o->outside, lwt_stack_connect(o->in->outer, &o->to));
  o->error.code = listen_once(o);
  if (o->error.code) {
    lwt_flow_abort(o->outside);
    lwt_throw(o, o->error.code, "connect");
  }
  o->connecting = LWT_UNTYPED(lwt_stack_connect(o->in->server, &o->at));
  lwt_await_error(o, &o->error, &o->far, lwt_accept(o->listener));
  lwt_listener_close(o->listener);
  if (o->error.code) {
    lwt_drop(o->connecting);
    lwt_flow_abort(o->outside);
    lwt_throw(o, o->error.code, o->error.what);
  }
  lwt_async(LWT_GO_OR(struct outward_carry, outward_carry_step, outward_carry_lost,
                      .in = o->in, .outside = o->outside, .far = o->far));
  lwt_await(o, &o->near, (lwt_flow_p *)o->connecting);
  lwt_finish_owned(o, o->near, abort_flow);
  lwt_end(o);
}

int net_inside_has(const struct net_inside *in, const struct lwt_addr *addr)
{
  return net_addr_same(addr, &in->addr) || net_addr_same(addr, &in->client_addr);
}

static lwt_flow_p *inside_connect(struct lwt_stack *stack, const struct lwt_addr *to)
{
  struct net_inside *in = (struct net_inside *)stack;

  if (in->closing)
    return lwt_flow_p_fail(LWT_ENETDOWN, "connect");
  if (net_inside_has(in, to))
    return lwt_stack_connect(in->server, to);
  return (lwt_flow_p *)LWT_GO(struct outward, outward_step, .in = in, .to = *to);
}

static lwt_addr_p *inside_resolve(struct lwt_stack *stack, const char *name,
                                  uint16_t port)
{
  return lwt_stack_resolve(((struct net_inside *)stack)->outer, name, port);
}

static lwt_addrs_p *inside_resolve_all(struct lwt_stack *stack, const char *name,
                                       uint16_t port)
{
  return lwt_stack_resolve_all(((struct net_inside *)stack)->outer, name, port);
}

/* ---- Life -------------------------------------------------------------- */

void net_inside_unref(struct net_inside *in)
{
  if (--in->refs)
    return;
  lwt__free(in->ports);
  lwt__free(in);
}

/* Close what leads in; the program still holds its listeners and endpoints. */
static void detach_all(struct net_inside *in)
{
  int held = lwt__hold();

  in->closing = 1;
  while (in->listeners)
    detach(in->listeners);
  net_inside_udp_detach_all(in);
  lwt__release(held);
}

static void free_hub(struct net_inside *in)
{
  if (!in->hub)
    return;
  lwt_net_hub_tap(in->hub, NULL);
  lwt_net_hub_free(in->hub);
  if (in->pcap)
    lwt_net_pcap_free(in->pcap);
}

struct inside_closing {
  struct lwt_frame frame;
  struct net_inside *in;
  struct lwt_error error;
};

/* First what leads in, then what is inside, then the outside. */
LWT_STEP close_step(struct lwt_frame *frame)
{
  struct inside_closing *c = (struct inside_closing *)frame;
  struct net_inside *in = c->in;

  lwt_begin(c);
  detach_all(in);
  if (in->server)
    lwt_await_error(c, &c->error, lwt_stack_close(in->server));
  if (in->client)
    lwt_await_error(c, &c->error, lwt_stack_close(in->client));
  while (in->busy) {
    lwt_await_error(c, &c->error, lwt_wait(&in->idle));
    if (c->error.code)
      break; /* no memory: they end on their own */
  }
  free_hub(in);
  if (in->outer)
    lwt_await_error(c, &c->error, lwt_stack_close(in->outer));
  net_inside_unref(in);
  lwt_end(c);
}

/* No memory to wait. */
static void close_now(void *frame)
{
  struct net_inside *in = ((struct inside_closing *)frame)->in;
  int held = lwt__hold();

  detach_all(in);
  if (in->server)
    lwt_drop(lwt_stack_close(in->server));
  if (in->client)
    lwt_drop(lwt_stack_close(in->client));
  free_hub(in);
  if (in->outer)
    lwt_drop(lwt_stack_close(in->outer));
  net_inside_unref(in);
  lwt__release(held);
}

lwt_t *net_inside_close(struct net_inside *in)
{
  return LWT_GO_OR(struct inside_closing, close_step, close_now, .in = in);
}

static lwt_t *inside_close(struct lwt_stack *stack)
{
  struct net_inside *in = (struct net_inside *)stack;

  return in->closing ? lwt_fail(LWT_EALREADY, "stack_close") : net_inside_close(in);
}

static const struct lwt_stack_ops inside_ops = {
  .listen = inside_listen,
  .connect = inside_connect,
  .udp = net_inside_udp,
  .resolve = inside_resolve,
  .resolve_all = inside_resolve_all,
  .close = inside_close,
};

void net_inside_init(struct net_inside *in)
{
  in->stack.ops = &inside_ops;
  in->refs = 1;
}
