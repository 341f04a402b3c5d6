/* echo-server.c - a server that gives back what it gets, and one client.
 * SPDX-License-Identifier: ISC
 *
 * From the tutorial (doc/tutorial.md).  Each connection is a thread; so is the
 * loop that accepts them.  examples/services.c is the grown-up version.
 */
#include <lwt.h>
#include <lwt/platform.h>
#include <string.h>

struct echo {
  struct lwt_frame frame;
  struct lwt_flow *flow;
  struct lwt_buf *chunk;
};

LWT_STEP echo_step(struct lwt_frame *frame)
{
  struct echo *e = (struct echo *)frame;

  lwt_begin(e);
  /* Done when the thread ends, however it ends: by lwt_end(), because an await
   * was rejected, or because somebody cancelled it. */
  lwt_defer(e, lwt_flow_close, e->flow);
  for (;;) {
    /* A chain of packet slices: nothing is copied here. */
    lwt_await(e, &e->chunk, lwt_flow_read_buf(e->flow, 65536));
    if (!e->chunk)
      break; /* the peer has sent everything */
    /* Takes the chain.  Waits here if the peer does not read. */
    lwt_await(e, lwt_flow_write_buf(e->flow, e->chunk));
  }
  lwt_end(e);
}

/* The thread owns the flow from the start.  If there is no memory for the
 * thread, this gives it back. */
static void echo_lost(void *echo)
{
  lwt_flow_abort(((struct echo *)echo)->flow);
}

struct server {
  struct lwt_frame frame;
  struct lwt_listener *listener;
  struct lwt_flow *flow;
};

LWT_STEP server_step(struct lwt_frame *frame)
{
  struct server *s = (struct server *)frame;

  lwt_begin(s);
  lwt_defer(s, lwt_listener_close, s->listener);
  for (;;) {
    lwt_await(s, &s->flow, lwt_accept(s->listener));
    /* The connection runs by itself; if it fails, one line says so. */
    lwt_async(LWT_GO_OR(struct echo, echo_step, echo_lost, .flow = s->flow));
  }
  lwt_end(s);
}

/* One client of our own, so that the program shows something and ends. */
struct client {
  struct lwt_frame frame;
  struct lwt_stack *stack;
  struct lwt_addr addr;
  struct lwt_flow *flow;
  size_t n;
  char bytes[64];
};

LWT_STEP client_step(struct lwt_frame *frame)
{
  struct client *c = (struct client *)frame;

  lwt_begin(c);
  lwt_await(c, &c->flow, lwt_stack_connect(c->stack, &c->addr));
  lwt_defer(c, lwt_flow_close, c->flow);
  lwt_await(c, lwt_flow_write(c->flow, "is anybody there?", 17));
  lwt_await(c, &c->n, lwt_flow_read(c->flow, c->bytes, sizeof c->bytes));
  printf("%.*s\n", (int)c->n, c->bytes);
  lwt_end(c);
}

int main(void)
{
  struct lwt_stack *stack;
  struct lwt_listener *listener;
  struct lwt_addr any;
  lwt_t *server;
  int failed;

  lwt_addr_parse(&any, "127.0.0.1"); /* port 0: any free port */
  if (lwt_platform_sockets(&stack) || lwt_stack_listen(stack, &any, 16, &listener))
    return 1;
  any = listener->ops->local(listener);
  server = LWT_GO(struct server, server_step, .listener = listener);
  failed = lwt_run(LWT_GO(struct client, client_step, .stack = stack, .addr = any));
  lwt_drop(server); /* cancels it: the listener is closed */
  return lwt_run(lwt_stack_close(stack)) || failed;
}
