/* bench-net.c - TCP between two stacks in one process, over the hub.
 * SPDX-License-Identifier: ISC
 *
 *   bench-net NAME [N]    one line: impl=c bench=NAME n=N secs=S ns_op=X ...
 *   bench-net             all of them
 *
 *   bulk      N bytes, written and read (copied in and out), checksums computed
 *   copy      N bytes copied once and summed once, by segments: what bulk is held to
 *   bulk-buf  the same as bulk without copies: write_buf and read_buf
 *   bulk-tso  bulk with the device's checksums and segmentation
 *   rr        N requests of one byte, each answered by one byte
 *   connect   N connections: open, one byte there and back, close
 *   reset     the same, but the client resets
 *   udp       N datagrams of 64 bytes, each echoed
 *
 * secs is processor time, so that a busy machine does not matter much.  The
 * clock of the stacks is the machine's; the only waiting is for timers, and is
 * reported (stalls=) because there should be none.
 */
#include "../../net/tcp.h"
#include "../../net/checksum.h"

#include <inttypes.h>
#include <lwt/engine.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHUNK = 128 << 10 };

struct clock_engine {
  struct lwt_engine engine;
  uint64_t stalled;
};

static uint64_t clock_now(struct lwt_engine *engine)
{
  struct timespec t;

  (void)engine;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int clock_wait(struct lwt_engine *engine, uint64_t deadline)
{
  struct clock_engine *c = (struct clock_engine *)engine;
  struct timespec t = { (time_t)(deadline / 1000000000u),
                        (long)(deadline % 1000000000u) };
  uint64_t before;

  if (deadline == LWT_NEVER)
    return LWT_EDEADLK;
  if (deadline) {
    before = clock_now(engine);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
    c->stalled += clock_now(engine) - before;
  }
  return 0;
}

static double cpu_secs(void)
{
  struct timespec t;

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct bench {
  struct lwt_net_hub *hub;
  struct lwt_stack *stacks[2];
  struct lwt_listener *listener;
  struct lwt_addr to;
  struct lwt_udp *udp[2];
  uint64_t n;
  int by_buf;
  int reset;
};

static void set_up(struct bench *b, uint32_t offloads)
{
  struct lwt_net_hub_config hub = { .offloads = offloads };
  struct lwt_net_config config = { .prefix = 24 };
  struct lwt_netif *port;
  int i;

  hub.link.queue = 64u << 20;
  lwt_net_hub_new(&hub, &b->hub);
  for (i = 0; i < 2; i++) {
    config.addr = (struct lwt_addr){ .family = 4, .ip = { 10, 0, 0, (uint8_t)(1 + i) } };
    config.tcp_time_wait = LWT_MS(1);
    lwt_net_hub_port(b->hub, NULL, &port);
    lwt_net_stack_new(port, &config, &b->stacks[i]);
  }
  b->to = config.addr;
  b->to.port = 7;
  lwt_stack_listen(b->stacks[1], &(struct lwt_addr){ .family = 4, .port = 7 }, 1000,
                   &b->listener);
}

static void tear_down(struct bench *b)
{
  lwt_listener_close(b->listener);
  lwt_run_value(lwt_join(LWT_PS(lwt_stack_close(b->stacks[0]),
                                lwt_stack_close(b->stacks[1]))), NULL);
  lwt_net_hub_free(b->hub);
}

struct end {
  struct lwt_frame frame;
  struct bench *b;
  struct lwt_flow *flow;
  struct lwt_buf *chain;
  uint64_t left;
  size_t n;
  uint8_t bytes[CHUNK];
};

/* ---- bulk -------------------------------------------------------------- */

LWT_STEP sink_step(struct lwt_frame *frame)
{
  struct end *f = (struct end *)frame;

  lwt_begin(f);
  lwt_await(f, &f->flow, lwt_accept(f->b->listener));
  do {
    if (f->b->by_buf) {
      lwt_await(f, &f->chain, lwt_flow_read_buf(f->flow, CHUNK));
      f->n = f->chain ? f->chain->total : 0;
      lwt_buf_free(f->chain);
    } else {
      lwt_await(f, &f->n, lwt_flow_read(f->flow, f->bytes, CHUNK));
    }
    f->left += f->n;
  } while (f->n);
  lwt_await(f, lwt_flow_close(f->flow));
  lwt_end(f);
}

LWT_STEP source_step(struct lwt_frame *frame)
{
  struct end *f = (struct end *)frame;

  lwt_begin(f);
  lwt_await(f, &f->flow, lwt_stack_connect(f->b->stacks[0], &f->b->to));
  for (f->left = f->b->n; f->left; f->left -= f->n) {
    f->n = f->left < CHUNK ? f->left : CHUNK;
    if (f->b->by_buf)
      lwt_await(f, lwt_flow_write_buf(f->flow,
                                      lwt_buf_foreign(f->bytes, f->n, NULL, NULL)));
    else
      lwt_await(f, lwt_flow_write(f->flow, f->bytes, f->n));
  }
  lwt_await(f, lwt_flow_close(f->flow));
  lwt_end(f);
}

static void bulk(struct bench *b)
{
  lwt_t *sink = LWT_GO(struct end, sink_step, .b = b);
  lwt_t *source = LWT_GO(struct end, source_step, .b = b);

  lwt_run_value(lwt_join(LWT_PS(sink, source)), NULL);
}

/* ---- rr ---------------------------------------------------------------- */

struct small {
  struct lwt_frame frame;
  struct bench *b;
  struct lwt_flow *flow;
  struct lwt_error error;
  uint64_t i;
  size_t n;
  uint8_t byte;
};

LWT_STEP echo_step(struct lwt_frame *frame)
{
  struct small *f = (struct small *)frame;

  lwt_begin(f);
  for (;;) {
    lwt_await_error(f, &f->error, &f->n, lwt_flow_read(f->flow, &f->byte, 1));
    if (!f->n || f->error.code)
      break;
    lwt_await(f, lwt_flow_write(f->flow, &f->byte, 1));
  }
  lwt_await_error(f, &f->error, lwt_flow_close(f->flow)); /* perhaps reset */
  lwt_end(f);
}

LWT_STEP server_step(struct lwt_frame *frame)
{
  struct small *f = (struct small *)frame;

  lwt_begin(f);
  for (;;) {
    lwt_await(f, &f->flow, lwt_accept(f->b->listener));
    lwt_async(LWT_GO(struct small, echo_step, .b = f->b, .flow = f->flow));
  }
  lwt_end(f);
}

LWT_STEP asker_step(struct lwt_frame *frame)
{
  struct small *f = (struct small *)frame;

  lwt_begin(f);
  lwt_await(f, &f->flow, lwt_stack_connect(f->b->stacks[0], &f->b->to));
  for (f->i = 0; f->i < f->b->n; f->i++) {
    lwt_await(f, lwt_flow_write(f->flow, &f->byte, 1));
    lwt_await(f, &f->n, lwt_flow_read(f->flow, &f->byte, 1));
  }
  lwt_await(f, lwt_flow_close(f->flow));
  lwt_end(f);
}

LWT_STEP opener_step(struct lwt_frame *frame)
{
  struct small *f = (struct small *)frame;

  lwt_begin(f);
  for (f->i = 0; f->i < f->b->n; f->i++) {
    lwt_await(f, &f->flow, lwt_stack_connect(f->b->stacks[0], &f->b->to));
    lwt_await(f, lwt_flow_write(f->flow, &f->byte, 1));
    lwt_await(f, &f->n, lwt_flow_read(f->flow, &f->byte, 1));
    if (f->b->reset)
      lwt_flow_abort(f->flow);
    else
      lwt_await(f, lwt_flow_close(f->flow));
  }
  lwt_end(f);
}

/* From a buffer of a program to pages that are used again and again. */
static void copy(struct bench *b)
{
  enum { SEGMENT = 1460, PAGES = 64 };
  static uint8_t from[CHUNK + SEGMENT], to[PAGES][LWT_PAGE_SIZE];
  static volatile uint16_t sums;
  uint64_t left = b->n;
  uint32_t at = 0, page = 0;

  for (; left >= SEGMENT; left -= SEGMENT) {
    memcpy(to[page], from + at, SEGMENT);
    sums = (uint16_t)(sums + net_sum(to[page], SEGMENT));
    at = (at + SEGMENT) % CHUNK;
    page = (page + 1) % PAGES;
  }
}

static void ask(struct bench *b)
{
  lwt_t *server = LWT_GO(struct small, server_step, .b = b);

  lwt_run_value(LWT_GO(struct small, asker_step, .b = b), NULL);
  lwt_drop(server);
}

static void open_close(struct bench *b)
{
  lwt_t *server = LWT_GO(struct small, server_step, .b = b);

  lwt_run_value(LWT_GO(struct small, opener_step, .b = b), NULL);
  lwt_drop(server);
}

static void open_reset(struct bench *b)
{
  b->reset = 1;
  open_close(b);
}

/* ---- udp --------------------------------------------------------------- */

struct datagrams {
  struct lwt_frame frame;
  struct bench *b;
  struct lwt_datagram *d;
  uint64_t i;
  uint8_t bytes[64];
};

LWT_STEP udp_echo_step(struct lwt_frame *frame)
{
  struct datagrams *f = (struct datagrams *)frame;

  lwt_begin(f);
  for (;;) {
    lwt_await(f, &f->d, lwt_udp_receive(f->b->udp[1]));
    lwt_await(f, lwt_udp_send(f->b->udp[1], &f->d->from, f->d->packet->data,
                              f->d->packet->len));
    lwt_datagram_free(f->d);
  }
  lwt_end(f);
}

LWT_STEP udp_asker_step(struct lwt_frame *frame)
{
  struct datagrams *f = (struct datagrams *)frame;

  lwt_begin(f);
  for (f->i = 0; f->i < f->b->n; f->i++) {
    lwt_await(f, lwt_udp_send(f->b->udp[0], &f->b->to, f->bytes, sizeof f->bytes));
    lwt_await(f, &f->d, lwt_udp_receive(f->b->udp[0]));
    lwt_datagram_free(f->d);
  }
  lwt_end(f);
}

static void udp(struct bench *b)
{
  struct lwt_addr any = { .family = 4 };
  lwt_t *echo;

  lwt_stack_udp(b->stacks[0], &any, &b->udp[0]);
  any.port = b->to.port;
  lwt_stack_udp(b->stacks[1], &any, &b->udp[1]);
  echo = LWT_GO(struct datagrams, udp_echo_step, .b = b);
  lwt_run_value(LWT_GO(struct datagrams, udp_asker_step, .b = b), NULL);
  lwt_drop(echo);
  lwt_udp_close(b->udp[0]);
  lwt_udp_close(b->udp[1]);
}

/* ---- All of them ------------------------------------------------------- */

static const struct {
  const char *name;
  void (*run)(struct bench *b);
  uint64_t n;
  int by_buf;
  uint32_t offloads;
} benches[] = {
  { "bulk", bulk, 4000000000u, 0, 0 },
  { "copy", copy, 4000000000u, 0, 0 },
  { "bulk-buf", bulk, 4000000000u, 1, 0 },
  { "bulk-tso", bulk, 8000000000u, 0,
    LWT_NETIF_TX_CSUM | LWT_NETIF_RX_CSUM | LWT_NETIF_TX_TSO4 | LWT_NETIF_RX_GRO },
  { "rr", ask, 2000000, 0, 0 },
  { "connect", open_close, 300000, 0, 0 },
  { "reset", open_reset, 300000, 0, 0 },
  { "udp", udp, 2000000, 0, 0 },
};

static void measure(unsigned i, uint64_t n)
{
  struct clock_engine engine = { { clock_now, clock_wait }, 0 };
  struct bench b = { .n = n, .by_buf = benches[i].by_buf };
  double secs;

  lwt_set_engine(&engine.engine);
  set_up(&b, benches[i].offloads);
  secs = cpu_secs();
  benches[i].run(&b);
  secs = cpu_secs() - secs;
  printf("impl=c bench=%s n=%" PRIu64 " secs=%.3f ns_op=%.2f", benches[i].name, n, secs,
         secs * 1e9 / (double)n);
  if (benches[i].run == bulk || benches[i].run == copy)
    printf(" mb_s=%.0f", (double)n / secs / 1e6);
  printf(" stalls=%.3f retransmits=%" PRIu64 "\n", (double)engine.stalled / 1e9,
         lwt_net_stats(b.stacks[0])->tcp_retransmits);
  fflush(stdout);
  if (getenv("BENCH_DUMP")) {
    lwt_net_dump(b.stacks[0], stdout);
    lwt_net_dump(b.stacks[1], stdout);
  }
  tear_down(&b);
}

int main(int argc, char **argv)
{
  unsigned i, n = sizeof benches / sizeof *benches, found = 0;

  for (i = 0; i < n; i++)
    if (argc < 2 || !strcmp(argv[1], benches[i].name)) {
      measure(i, argc > 2 ? strtoull(argv[2], NULL, 0) : benches[i].n);
      found++;
    }
  if (found)
    return 0;
  fprintf(stderr, "usage: bench-net [NAME [N]]\n");
  return 2;
}
