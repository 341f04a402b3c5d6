/* net/gateway.c - carries connections from one stack into another.
 * SPDX-License-Identifier: ISC
 *
 * One thread (a frame) accepts, one more for each connection connects and
 * carries.  Both flows of a connection live until nobody reads or writes them
 * any more: on an error the other direction is cancelled and waited for first,
 * then both are aborted.  The gateway goes when all its threads have ended.
 */
#include "gateway.h"

#include <string.h>

#define BACKLOG 128
#define MAX_CONNECTIONS 1024
#define CONNECT_TIMEOUT LWT_S(30)
#define RETRY LWT_MS(100)

struct lwt_net_gateway {
  struct lwt_net_gateway_config config;
  struct lwt_net_gateway_stats stats;
  struct lwt_stack *inner;
  struct lwt_addr to;
  struct lwt_listener *listener;
  struct connection *connections, *spawned;
  lwt_t *accepting;
  struct lwt_resolver room; /* to accept one more */
  unsigned threads;
  int closing;
  lwt_call_fn *done;
  void *env;
};

/* ---- Carrying ---------------------------------------------------------- */

struct carry {
  struct lwt_frame frame;
  struct lwt_flow *a, *b;
  lwt_t *up, *down;
  struct lwt_error error, other;
};

LWT_STEP carry_step(struct lwt_frame *frame)
{
  struct carry *c = (struct carry *)frame;

  lwt_begin(c);
  c->up = LWT_UNTYPED(lwt_flow_splice(c->a, c->b));
  c->down = LWT_UNTYPED(lwt_flow_splice(c->b, c->a));
  lwt_await_error(c, &c->error,
                  lwt_choose(LWT_PS(lwt_ref(c->up), lwt_ref(c->down))));
  if (c->error.code) {
    lwt_cancel(c->up);
    lwt_cancel(c->down);
  }
  lwt_await_error(c, &c->other, c->up);
  if (c->other.code)
    lwt_cancel(c->down);
  if (!c->error.code)
    c->error = c->other;
  lwt_await_error(c, &c->other, c->down);
  if (!c->error.code)
    c->error = c->other;
  if (c->error.code) {
    lwt_flow_abort(c->a);
    lwt_flow_abort(c->b);
    lwt_throw(c, c->error.code, c->error.what);
  }
  c->up = lwt_flow_close(c->a);
  c->down = lwt_flow_close(c->b);
  lwt_await_error(c, &c->error, c->up);
  lwt_await_error(c, &c->error, c->down);
  lwt_end(c);
}

static void carry_lost(void *frame)
{
  struct carry *c = frame;

  lwt_flow_abort(c->a);
  lwt_flow_abort(c->b);
}

lwt_t *net_carry(struct lwt_flow *a, struct lwt_flow *b)
{
  return LWT_GO_OR(struct carry, carry_step, carry_lost, .a = a, .b = b);
}

/* ---- One connection ---------------------------------------------------- */

struct connection {
  struct lwt_frame frame;
  struct lwt_net_gateway *g;
  struct connection *next, **link;
  lwt_t *handle; /* to cancel it */
  struct lwt_flow *outside, *inside;
  struct lwt_error error;
};

static void thread_end(struct lwt_net_gateway *g)
{
  lwt_call_fn *done = g->done;
  void *env = g->env;

  if (--g->threads || !g->closing)
    return;
  lwt_drop(g->accepting);
  lwt__free(g);
  if (done)
    done(env);
}

static void connection_start(struct connection *c)
{
  struct lwt_net_gateway *g = c->g;

  g->spawned = c;
  g->threads++;
  g->stats.active++;
  c->link = &g->connections;
  c->next = g->connections;
  if (c->next)
    c->next->link = &c->next;
  g->connections = c;
}

static void connection_end(struct connection *c)
{
  struct lwt_net_gateway *g = c->g;

  *c->link = c->next;
  if (c->next)
    c->next->link = c->link;
  if (g->spawned == c)
    g->spawned = NULL;
  g->stats.active--;
  lwt_fulfill(&g->room, NULL);
  lwt_drop(c->handle);
  thread_end(g);
}

static lwt_flow_p *connect_inside(struct lwt_net_gateway *g)
{
  lwt_flow_p *p = lwt_stack_connect(g->inner, &g->to);

  return (lwt_flow_p *)lwt_with_timeout(g->config.connect_timeout, LWT_UNTYPED(p));
}

LWT_STEP connection_step(struct lwt_frame *frame)
{
  struct connection *c = (struct connection *)frame;

  lwt_begin(c);
  connection_start(c);
  lwt_await_error(c, &c->error, &c->inside, connect_inside(c->g));
  if (c->error.code) {
    c->g->stats.failed++;
    lwt_flow_abort(c->outside);
  } else {
    lwt_await_error(c, &c->error, net_carry(c->outside, c->inside));
    if (c->error.code)
      c->g->stats.aborted++;
  }
  connection_end(c);
  lwt_end(c);
}

static void connection_lost(void *frame)
{
  lwt_flow_abort(((struct connection *)frame)->outside);
}

static void connection_new(struct lwt_net_gateway *g, struct lwt_flow *flow)
{
  lwt_t *p;

  g->stats.accepted++;
  g->spawned = NULL;
  p = LWT_GO_OR(struct connection, connection_step, connection_lost, .g = g,
                .outside = flow);
  if (g->spawned) {
    g->spawned->handle = p;
    return;
  }
  if (lwt_error(p).code) /* no memory */
    g->stats.failed++;
  lwt_drop(p);
}

/* ---- Accepting --------------------------------------------------------- */

struct accepting {
  struct lwt_frame frame;
  struct lwt_net_gateway *g;
  struct lwt_flow *flow;
  struct lwt_error error;
};

LWT_STEP accept_step(struct lwt_frame *frame)
{
  struct accepting *a = (struct accepting *)frame;
  struct lwt_net_gateway *g = a->g;

  lwt_begin(a);
  g->threads++;
  while (!g->closing) {
    if (g->stats.active >= g->config.max_connections) {
      g->stats.full++;
      lwt_await_error(a, &a->error, lwt_task(&g->room));
      if (a->error.code == LWT_ENOMEM)
        break;
      continue;
    }
    lwt_await_error(a, &a->error, &a->flow, lwt_accept(g->listener));
    if (!a->error.code) {
      connection_new(g, a->flow);
    } else if (!g->closing) {
      g->stats.accept_errors++;
      if (a->error.code == LWT_ECONNABORTED)
        break; /* the listener is gone, with its stack */
      lwt_await_error(a, &a->error, lwt_sleep(RETRY));
      if (a->error.code == LWT_ENOMEM)
        break; /* not even that: better deaf than busy */
    }
  }
  thread_end(g);
  lwt_end(a);
}

/* ---- Life -------------------------------------------------------------- */

int lwt_net_gateway_new(struct lwt_stack *outer, const struct lwt_addr *at,
                        struct lwt_stack *inner, const struct lwt_addr *to,
                        const struct lwt_net_gateway_config *config,
                        struct lwt_net_gateway **gateway)
{
  struct lwt_net_gateway *g = lwt__alloc(sizeof *g);
  int error;

  if (!g)
    return LWT_ENOMEM;
  memset(g, 0, sizeof *g);
  if (config)
    g->config = *config;
  if (!g->config.backlog)
    g->config.backlog = BACKLOG;
  if (!g->config.max_connections)
    g->config.max_connections = MAX_CONNECTIONS;
  if (!g->config.connect_timeout)
    g->config.connect_timeout = CONNECT_TIMEOUT;
  g->inner = inner;
  g->to = *to;
  error = lwt_stack_listen(outer, at, g->config.backlog, &g->listener);
  if (!error) {
    g->accepting = LWT_GO(struct accepting, accept_step, .g = g);
    error = lwt_error(g->accepting).code;
    if (error) {
      lwt_drop(g->accepting);
      lwt_listener_close(g->listener);
    }
  }
  if (error) {
    lwt__free(g);
    return error;
  }
  *gateway = g;
  return 0;
}

void net_gateway_close(struct lwt_net_gateway *g, lwt_call_fn *done, void *env)
{
  struct connection *c;
  int held = lwt__hold();

  g->closing = 1;
  g->done = done;
  g->env = env;
  g->threads++; /* this one */
  lwt_listener_close(g->listener);
  lwt_cancel(g->accepting);
  for (c = g->connections; c; c = c->next)
    if (c->handle)
      lwt_cancel(c->handle);
  thread_end(g);
  lwt__release(held);
}

static void closed(void *env)
{
  struct lwt_resolver r = { env };

  lwt_fulfill(&r, NULL);
}

lwt_t *lwt_net_gateway_close(struct lwt_net_gateway *g)
{
  struct lwt_resolver r;
  lwt_t *p = lwt_wait(&r);

  net_gateway_close(g, r.lwt_private ? closed : NULL, r.lwt_private);
  return p;
}

const struct lwt_net_gateway_stats *
lwt_net_gateway_stats(const struct lwt_net_gateway *gateway)
{
  return &gateway->stats;
}

struct lwt_addr lwt_net_gateway_local(const struct lwt_net_gateway *gateway)
{
  return gateway->listener->ops->local(gateway->listener);
}
