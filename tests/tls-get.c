/* tls-get.c - ask a server over TLS and show the answer, for tests/tls.py.
 * SPDX-License-Identifier: ISC
 *
 * tls-get PORT NAME ROOTS.pem REQUEST: from 127.0.0.1; the last line says how it
 * ended.
 */
#include <lwt-tls.h>
#include <lwt/platform.h>
#include <stdlib.h>
#include <string.h>

struct get {
  struct lwt_frame frame;
  struct lwt_stack *stack;
  struct lwt_flow *flow;
  struct lwt_addr addr;
  const char *name, *request;
  struct lwt_tls_config config;
  struct lwt_error error;
  size_t n;
  char bytes[10000];
};

static void give_back(void *get)
{
  struct get *g = get;

  if (g->flow)
    lwt_flow_abort(g->flow);
}

LWT_STEP get_step(struct lwt_frame *frame)
{
  struct get *g = (struct get *)frame;
  struct lwt_flow *flow;

  lwt_begin(g);
  lwt_defer(g, give_back, g);
  lwt_await(g, &g->flow, lwt_stack_connect(g->stack, &g->addr));
  flow = g->flow;
  g->flow = NULL;
  lwt_await(g, &g->flow, lwt_tls_connect(flow, g->name, &g->config));
  lwt_await(g, lwt_flow_write(g->flow, g->request, strlen(g->request)));
  do {
    lwt_await(g, &g->n, lwt_flow_read(g->flow, g->bytes, sizeof g->bytes));
    fwrite(g->bytes, 1, g->n, stdout);
  } while (g->n);
  flow = g->flow;
  g->flow = NULL;
  lwt_await(g, lwt_flow_close(flow));
  lwt_end(g);
}

int main(int argc, char **argv)
{
  static char pem[1 << 20];
  struct lwt_tls_anchors *anchors;
  struct lwt_stack *stack;
  struct lwt_error error;
  struct lwt_addr addr;
  FILE *file;

  if (argc != 5 || !(file = fopen(argv[3], "r")))
    return 2;
  if (lwt_tls_anchors_new(pem, fread(pem, 1, sizeof pem, file), &anchors) ||
      lwt_platform_sockets(&stack))
    return 2;
  fclose(file);
  lwt_addr_parse(&addr, "127.0.0.1");
  addr.port = (uint16_t)atoi(argv[1]);
  error = lwt_run_value(
    LWT_GO(struct get, get_step, .stack = stack, .addr = addr, .name = argv[2],
           .request = argv[4],
           .config = { .random = lwt_platform_random, .wallclock = lwt_platform_wallclock,
                       .anchors = anchors }),
    NULL);
  printf("\nend: %d %s\n", error.code, error.code ? error.what : "");
  error = lwt_run_value(lwt_stack_close(stack), NULL);
  lwt_tls_anchors_free(anchors);
  if (lwt_live())
    printf("%zu promises are left\n", lwt_live());
  lwt_platform_cleanup();
  return 0;
}
