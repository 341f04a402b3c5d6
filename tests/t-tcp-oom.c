/* t-tcp-oom.c - a transfer in which every allocation fails in turn.
 * SPDX-License-Identifier: ISC
 *
 * Two stacks on a hub in virtual time.  Whatever fails, every promise settles,
 * and when the stacks are closed nothing is left.
 */
#include "../net/tcp.h"

#define LWT_TEST_SHORT
#include <lwt/engine.h>
#include <lwt/test.h>
#include <string.h>

enum { BYTES = 6000 };

struct lab {
  struct lwt_virtual clock;
  struct lwt_net_hub *hub;
  struct lwt_stack *stacks[2];
  struct lwt_listener *listener;
  unsigned stuck, done;
  size_t received;
};

/* ---- The two ends ------------------------------------------------------ */

struct end {
  struct lwt_frame frame;
  struct lab *lab;
  struct lwt_flow *flow;
  struct lwt_error error;
  size_t n;
  struct lwt_addr to;
  uint8_t bytes[BYTES];
};

LWT_STEP server_step(struct lwt_frame *frame)
{
  struct end *f = (struct end *)frame;

  lwt_begin(f);
  lwt_await(f, &f->flow, lwt_accept(f->lab->listener));
  for (;;) {
    lwt_await_error(f, &f->error, &f->n, lwt_flow_read(f->flow, f->bytes, BYTES));
    if (f->error.code || !f->n)
      break;
    f->lab->received += f->n;
    lwt_await_error(f, &f->error, lwt_flow_write(f->flow, f->bytes, f->n));
    if (f->error.code)
      break;
  }
  if (f->error.code) {
    lwt_flow_abort(f->flow);
    lwt_throw(f, f->error.code, f->error.what);
  }
  lwt_await(f, lwt_flow_close(f->flow));
  f->lab->done++;
  lwt_end(f);
}

LWT_STEP client_step(struct lwt_frame *frame)
{
  struct end *f = (struct end *)frame;

  lwt_begin(f);
  lwt_await(f, &f->flow, lwt_stack_connect(f->lab->stacks[0], &f->to));
  lwt_await_error(f, &f->error, lwt_flow_write(f->flow, f->bytes, BYTES));
  if (!f->error.code)
    lwt_await_error(f, &f->error,
                    lwt_flow_write_buf(f->flow, lwt_buf_copy_in(0, f->bytes, 100)));
  if (!f->error.code)
    lwt_await_error(f, &f->error, lwt_flow_shutdown(f->flow));
  while (!f->error.code) {
    lwt_await_error(f, &f->error, &f->n, lwt_flow_read(f->flow, f->bytes, BYTES));
    if (!f->n)
      break;
  }
  if (f->error.code) {
    lwt_flow_abort(f->flow);
    lwt_throw(f, f->error.code, f->error.what);
  }
  lwt_await(f, lwt_flow_close(f->flow));
  f->lab->done++;
  lwt_end(f);
}

/* ---- One run ----------------------------------------------------------- */

static int set_up(struct lab *lab)
{
  struct lwt_net_hub_config hub = { .seed = 1, .link = { .delay = LWT_MS(1) } };
  struct lwt_net_config config = { .prefix = 24 };
  struct lwt_addr any = { .family = 4, .port = 7 };
  struct lwt_netif *port;
  int i;

  if (lwt_net_hub_new(&hub, &lab->hub))
    return 0;
  for (i = 0; i < 2; i++) {
    config.addr =
      (struct lwt_addr){ .family = 4, .ip = { 10, 0, 0, (uint8_t)(1 + i) } };
    config.tcp_user_timeout = config.tcp_connect_timeout = LWT_S(20);
    if (lwt_net_hub_port(lab->hub, NULL, &port))
      return 0;
    if (lwt_net_stack_new(port, &config, &lab->stacks[i])) {
      lwt_drop(port->ops->close(port));
      return 0;
    }
  }
  return !lwt_stack_listen(lab->stacks[1], &any, 5, &lab->listener);
}

/* Borrows p.  Whether it settles in time. */
static int settles(struct lab *lab, lwt_t *p)
{
  uint64_t end = lab->clock.time + LWT_S(500), next;

  while (lwt_state(p) == LWT_PENDING) {
    next = lwt_run_ready();
    if (next == LWT_NEVER || next > end)
      break;
    if (next > lab->clock.time)
      lab->clock.time = next;
  }
  return lwt_state(p) != LWT_PENDING;
}

/* Borrows p, which settles by itself.  If memory had run out for good, there was
 * nothing that it could wait for: memory comes back then. */
static void wait_for(struct lab *lab, lwt_t *p)
{
  if (settles(lab, p))
    return;
  if (lwt_test_counted().failed > 1) {
    lwt_test_fail_no_more();
    lwt_cancel(p);
  } else {
    lab->stuck++;
  }
}

static void finish(struct lab *lab, lwt_t *p)
{
  lab->stuck += lwt_state(p) == LWT_PENDING;
  lwt_error(p); /* seen */
  lwt_drop(p);
}

static void body(void *env)
{
  struct lab *lab = env;
  lwt_t *server = NULL, *client = NULL, *p;
  int i;

  memset(lab, 0, sizeof *lab);
  lwt_virtual_init(&lab->clock);
  lwt_set_engine(&lab->clock.engine);
  if (set_up(lab)) {
    server = LWT_GO(struct end, server_step, .lab = lab);
    client = LWT_GO(struct end, client_step, .lab = lab,
                    .to = { .family = 4, .ip = { 10, 0, 0, 2 }, .port = 7 });
    if (lwt_state(server) != LWT_PENDING)
      lwt_cancel(client); /* it would wait for somebody who is not there */
    wait_for(lab, client);
    if (lwt_error(client).code)
      lwt_cancel(server); /* the same */
    wait_for(lab, server);
  }
  if (lab->listener)
    lwt_listener_close(lab->listener);
  if (lab->hub)
    lwt_net_hub_free(lab->hub);
  for (i = 0; i < 2; i++) {
    if (!lab->stacks[i])
      continue;
    p = lwt_stack_close(lab->stacks[i]);
    wait_for(lab, p);
    settles(lab, p);
    finish(lab, p);
  }
  if (client) {
    finish(lab, client);
    finish(lab, server);
  }
}

static unsigned stuck, unexpected;

static void check(void *env, size_t failed)
{
  struct lab *lab = env;

  stuck += lab->stuck;
  unexpected += !failed && (lab->done != 2 || lab->received != BYTES + 100);
  unexpected += lwt_timers() != 0 || lwt_buf_live() != 0;
}

static void no_report(struct lwt_error error, const char *where)
{
  (void)error;
  (void)where;
}

int main(void)
{
  static struct lab lab;
  struct lwt_test_result r;

  lwt_test_memory();
  lwt_on_lost(no_report);
  r = lwt_test_each_allocation(body, check, &lab);
  printf("# %zu runs\n", r.runs);
  ok(r.runs > 20, "allocations failed");
  is_int(stuck, 0, "every promise settles");
  is_int(unexpected, 0, "nothing is left, and without failures all goes well");
  is_int(r.alive, 0, "no promise lives");
  is_int(r.lost, 0, "no memory is lost");
  return lwt_test_done();
}
