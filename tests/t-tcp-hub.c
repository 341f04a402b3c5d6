/* t-tcp-hub.c - transfers between two stacks over a bad network, in virtual time.
 * SPDX-License-Identifier: ISC
 *
 *   t-tcp-hub                    500 seeds
 *   TCP_SEEDS=10000 t-tcp-hub    as many
 *   t-tcp-hub SEED...            these, each with a report; TCP_PCAP=FILE as well
 *
 * In every eighth trial the network vanishes in the middle: both sides must hear
 * of it in time.  A seed decides everything: the network (up to 20 % loss, reordering,
 * duplication, corruption; delays, bandwidth, MTU), the stacks (buffers,
 * options), the transfer (sizes, sizes of reads and writes, pauses).  Both
 * sides send and receive at once; each byte is checked; both close.  When
 * TIME-WAIT is over nothing may be left.
 */
#include "../net/tcp.h"
#include "seeded.h"

#define LWT_TEST_SHORT
#include <lwt/engine.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHUNK = 20000 };

/* Of trials in which the network vanishes. */
#define KEEP_IDLE LWT_S(20)
#define USER_TIMEOUT LWT_S(30)
#define HEARD (KEEP_IDLE + LWT_S(15) + USER_TIMEOUT)

/* ---- One transfer ------------------------------------------------------ */

struct trial {
  uint64_t seed;
  struct lwt_net_hub *hub;
  struct lwt_stack *stacks[2];
  struct lwt_listener *listener;
  size_t size[2];     /* that side sends */
  size_t received[2]; /* by that side */
  unsigned wrong;     /* bytes */
  int slow[2];        /* that side pauses now and then */
  int six; /* over IPv6: every third seed */
  int vanishes;
  uint64_t vanished;  /* when; 0: not yet */
  uint64_t last_end;  /* when a side had ended */
  char failure[100];
};

static void failed(struct trial *t, const char *what, struct lwt_error e)
{
  if (!t->failure[0])
    snprintf(t->failure, sizeof t->failure, "%s: %s %s", what, e.what ? e.what : "?",
             lwt_strerror(e.code));
}

struct sender {
  struct lwt_frame frame;
  struct trial *t;
  struct lwt_flow *flow;
  int side;
  size_t offset, n;
  uint8_t bytes[CHUNK];
};

LWT_STEP sender_step(struct lwt_frame *frame)
{
  struct sender *f = (struct sender *)frame;
  struct lwt_buf *chain;

  lwt_begin(f);
  while (f->offset < f->t->size[f->side]) {
    f->n = 1 + rng_size(CHUNK - 1);
    if (f->n > f->t->size[f->side] - f->offset)
      f->n = f->t->size[f->side] - f->offset;
    make(f->bytes, f->t->seed * 2 + (unsigned)f->side, f->offset, f->n);
    if (one_in(3)) {
      chain = lwt_buf_copy_in((uint32_t)rng_below(200), f->bytes, (uint32_t)f->n);
      lwt_await(f, lwt_flow_write_buf(f->flow, chain));
    } else {
      lwt_await(f, lwt_flow_write(f->flow, f->bytes, f->n));
    }
    f->offset += f->n;
    if (f->t->slow[f->side] && one_in(10))
      lwt_await(f, lwt_sleep(rng_below(LWT_MS(500))));
  }
  lwt_await(f, lwt_flow_shutdown(f->flow));
  lwt_end(f);
}

struct receiver {
  struct lwt_frame frame;
  struct trial *t;
  struct lwt_flow *flow;
  int side;
  size_t n;
  struct lwt_buf *chain;
  uint8_t bytes[CHUNK];
};

static void check(struct receiver *f)
{
  uint64_t stream = f->t->seed * 2 + (unsigned)!f->side;
  size_t i;

  for (i = 0; i < f->n; i++)
    if (f->bytes[i] != byte_at(stream, f->t->received[f->side] + i))
      f->t->wrong++;
  f->t->received[f->side] += f->n;
}

LWT_STEP receiver_step(struct lwt_frame *frame)
{
  struct receiver *f = (struct receiver *)frame;

  lwt_begin(f);
  for (;;) {
    if (one_in(3)) {
      lwt_await(f, &f->chain, lwt_flow_read_buf(f->flow, 1 + rng_size(CHUNK - 1)));
      f->n = f->chain ? f->chain->total : 0;
      if (f->chain)
        lwt_buf_copy_out(f->chain, 0, f->bytes, (uint32_t)f->n);
      lwt_buf_free(f->chain);
    } else {
      lwt_await(f, &f->n, lwt_flow_read(f->flow, f->bytes, 1 + rng_size(CHUNK - 1)));
    }
    if (!f->n)
      break;
    check(f);
    if (f->t->slow[f->side] && one_in(10))
      lwt_await(f, lwt_sleep(rng_below(LWT_S(2))));
  }
  lwt_end(f);
}

/* Both directions of one side, then close. */
struct side {
  struct lwt_frame frame;
  struct trial *t;
  struct lwt_flow *flow;
  int side;
  struct lwt_error error;
};

LWT_STEP side_step(struct lwt_frame *frame)
{
  struct side *f = (struct side *)frame;
  lwt_t *send, *receive;

  lwt_begin(f);
  if (f->t->vanishes) {
    lwt_net_tcp_keepalive(f->flow, KEEP_IDLE, LWT_S(5), 3);
    lwt_net_tcp_user_timeout(f->flow, USER_TIMEOUT);
  }
  send = LWT_GO(struct sender, sender_step, .t = f->t, .flow = f->flow, .side = f->side);
  receive =
    LWT_GO(struct receiver, receiver_step, .t = f->t, .flow = f->flow, .side = f->side);
  lwt_await_error(f, &f->error, lwt_join(LWT_PS(send, receive)));
  if (f->error.code)
    failed(f->t, f->side ? "server" : "client", f->error);
  lwt_await_error(f, &f->error, lwt_flow_close(f->flow));
  if (f->error.code)
    failed(f->t, f->side ? "server close" : "client close", f->error);
  f->t->last_end = lwt_now();
  lwt_end(f);
}

struct server {
  struct lwt_frame frame;
  struct trial *t;
  struct lwt_flow *flow;
};

LWT_STEP server_step(struct lwt_frame *frame)
{
  struct server *f = (struct server *)frame;

  lwt_begin(f);
  lwt_await(f, &f->flow, lwt_accept(f->t->listener));
  lwt_become(f, LWT_GO(struct side, side_step, .t = f->t, .flow = f->flow, .side = 1));
  lwt_end(f);
}

struct client {
  struct lwt_frame frame;
  struct trial *t;
  struct lwt_flow *flow;
  struct lwt_addr to;
  struct lwt_error error;
};

LWT_STEP client_step(struct lwt_frame *frame)
{
  struct client *f = (struct client *)frame;

  lwt_begin(f);
  for (;;) { /* the neighbour's address may be lost as often as anything else */
    lwt_await_error(f, &f->error, &f->flow, lwt_stack_connect(f->t->stacks[0], &f->to));
    if (!f->error.code)
      break;
    if (f->error.code != LWT_EHOSTUNREACH || f->t->vanished)
      lwt_throw(f, f->error.code, f->error.what);
    lwt_await(f, lwt_sleep(LWT_S(30)));
  }
  lwt_become(f, LWT_GO(struct side, side_step, .t = f->t, .flow = f->flow, .side = 0));
  lwt_end(f);
}

/* Cuts the wire after a while. */
struct cutter {
  struct lwt_frame frame;
  struct trial *t;
};

LWT_STEP cutter_step(struct lwt_frame *frame)
{
  struct cutter *f = (struct cutter *)frame;
  struct lwt_net_link dead = { .loss = 1000000 };

  lwt_begin(f);
  lwt_await(f, lwt_sleep(rng_size(5000) * LWT_MS(1)));
  lwt_net_hub_set_link(f->t->hub, NULL, &dead);
  f->t->vanished = lwt_now() + 1;
  lwt_await(f, lwt_sleep(LWT_NEVER));
  lwt_end(f);
}

static struct lwt_addr address(const struct trial *t, unsigned host, uint16_t port)
{
  if (t->six)
    return (struct lwt_addr){ .family = 6, .ip = { 0x20, 1, 0xd, 0xb8,
                                                   [15] = (uint8_t)host },
                              .port = port };
  return (struct lwt_addr){
    .family = 4, .ip = { 10, 0, 0, (uint8_t)host }, .port = port
  };
}

static struct lwt_net_link random_link(void)
{
  struct lwt_net_link link = { 0 };

  if (!one_in(4))
    link.loss = (uint32_t)rng_below(LWT_NET_PERCENT(20));
  if (one_in(2))
    link.reorder = (uint32_t)rng_below(LWT_NET_PERCENT(20));
  if (one_in(2))
    link.duplicate = (uint32_t)rng_below(LWT_NET_PERCENT(20));
  if (one_in(3))
    link.corrupt = (uint32_t)rng_below(LWT_NET_PERCENT(20) / 2);
  if (one_in(2))
    link.delay = rng_below(LWT_MS(100));
  if (one_in(3))
    link.jitter = rng_below(LWT_MS(50));
  if (one_in(2))
    link.reorder_delay = rng_below(LWT_MS(100));
  if (one_in(4)) {
    link.bandwidth = 100000 + rng_below(100000000);
    link.queue = 20000 + (uint32_t)rng_below(200000);
  }
  return link;
}

static void set_up(struct trial *t)
{
  struct lwt_net_hub_config hub = { .seed = rng() };
  struct lwt_net_config config = { .prefix = 24 };
  struct lwt_addr any = { .family = t->six ? 6 : 4, .port = 7 };
  struct lwt_netif *port;
  uint64_t secret;
  int side;

  t->vanishes = one_in(8);
  hub.link = random_link();
  if (one_in(6)) { /* then a device sees to checksums, which find what is corrupt */
    hub.offloads = LWT_NETIF_TX_CSUM | LWT_NETIF_RX_CSUM | LWT_NETIF_TX_TSO4 |
                   LWT_NETIF_TX_TSO6 | LWT_NETIF_RX_GRO;
    hub.link.corrupt = 0;
  }
  hub.mtu = one_in(3) ? (uint16_t)(300 + rng_below(1201)) : 1500;
  if (t->six && hub.mtu < 1280)
    hub.mtu = 1280;
  lwt_net_hub_new(&hub, &t->hub);
  config.tcp_user_timeout = LWT_S(7200);
  config.tcp_connect_timeout = t->vanishes ? USER_TIMEOUT : LWT_S(7200);
  config.tcp_time_wait = LWT_S(1200);
  for (side = 0; side < 2; side++) {
    config.addr = config.addr6 = (struct lwt_addr){ 0 };
    *(t->six ? &config.addr6 : &config.addr) = address(t, 1 + (unsigned)side, 0);
    config.ipv6 = t->six ? LWT_NET_IPV6_STATIC : LWT_NET_IPV6_OFF;
    config.prefix6 = 64;
    config.unchecked6 = 1;
    config.tcp_send = one_in(2) ? 0 : 1 + (uint32_t)rng_size(300000);
    config.tcp_receive = one_in(2) ? 0 : 500 + (uint32_t)rng_size(300000);
    config.tcp_without = one_in(2) ? 0 : (uint32_t)rng_below(8);
    config.tcp_delayed_ack = one_in(2) ? 0 : 1 + rng_below(LWT_MS(400));
    secret = rng();
    memcpy(config.secret, &secret, sizeof secret);
    lwt_net_hub_port(t->hub, NULL, &port);
    lwt_net_stack_new(port, &config, &t->stacks[side]);
    t->size[side] = rng_size(200000);
    t->slow[side] = one_in(4);
  }
  lwt_stack_listen(t->stacks[1], &any, 5, &t->listener);
}

static void expect_nothing(struct trial *t, struct lwt_stack *stack)
{
  struct net_tcp *tcp = ((struct net_stack *)stack)->tcp;

  if (tcp->n_conns || tcp->n_halves || tcp->n_waits || tcp->table.count)
    failed(t, "connections live", (struct lwt_error){ 0, "" });
}

/* Both directions are complete and right. */
static void check_bytes(struct trial *t)
{
  int side;

  for (side = 0; side < 2; side++)
    if (t->received[side] != t->size[!side])
      failed(t, "bytes are missing", (struct lwt_error){ 0, "" });
}

/* Run; the outcome is in t->failure. */
static void run(struct trial *t)
{
  lwt_t *server = LWT_GO(struct server, server_step, .t = t);
  lwt_t *client = LWT_GO(struct client, client_step, .t = t, .to = address(t, 2, 7));
  lwt_t *cutter = NULL, *both = lwt_join(LWT_PS(server, client));
  struct lwt_error e;

  if (t->vanishes) {
    cutter = LWT_GO(struct cutter, cutter_step, .t = t);
    both = lwt_with_timeout(LWT_S(3600), both); /* nobody may ever have come */
  }
  e = lwt_run_value(both, NULL);
  lwt_drop(cutter);
  if (t->vanished) {
    /* What failed was to be expected, but not when. */
    t->failure[0] = '\0';
    if (t->last_end > t->vanished + HEARD)
      failed(t, "heard of it too late", e);
  } else {
    if (e.code)
      failed(t, "run", e);
    check_bytes(t);
  }
  if (t->wrong)
    failed(t, "bytes are wrong", (struct lwt_error){ 0, "" });
  lwt_run_value(lwt_sleep(LWT_S(1300)), NULL);
  expect_nothing(t, t->stacks[0]);
  expect_nothing(t, t->stacks[1]);
}

static void tear_down(struct trial *t)
{
  lwt_net_hub_free(t->hub);
  lwt_listener_close(t->listener);
  lwt_run_value(lwt_join(LWT_PS(lwt_stack_close(t->stacks[0]),
                                lwt_stack_close(t->stacks[1]))), NULL);
  if (lwt_live() || lwt_timers() || lwt_buf_live())
    failed(t, "promises, timers or buffers live", (struct lwt_error){ 0, "" });
}

static struct lwt_net_pcap *capture(struct trial *t, FILE **out)
{
  struct lwt_net_pcap *pcap = NULL;
  const char *name = getenv("TCP_PCAP");

  *out = name ? fopen(name, "wb") : NULL;
  if (*out && !lwt_net_pcap_new(*out, 0, 0, &pcap))
    lwt_net_hub_tap(t->hub, pcap);
  return pcap;
}

static int trial(uint64_t seed, int talk, uint64_t *bytes)
{
  struct trial t = { .seed = seed, .six = seed % 3 == 0 };
  struct lwt_virtual clock;
  struct lwt_net_pcap *pcap = NULL;
  FILE *out = NULL;

  lwt_virtual_init(&clock);
  lwt_set_engine(&clock.engine);
  rng_state = mix(seed);
  set_up(&t);
  if (talk) {
    pcap = capture(&t, &out);
    printf("# seed %llu: %zu and %zu bytes\n", (unsigned long long)seed, t.size[0],
           t.size[1]);
  }
  run(&t);
  if (talk || t.failure[0]) {
    lwt_net_dump(t.stacks[0], stdout);
    lwt_net_dump(t.stacks[1], stdout);
    printf("# %.3f s of virtual time\n", (double)clock.time / 1e9);
    lwt_dump(stdout);
  }
  if (pcap) {
    lwt_net_hub_tap(t.hub, NULL);
    lwt_net_pcap_free(pcap);
    fclose(out);
  }
  tear_down(&t);
  *bytes += t.received[0] + t.received[1];
  if (t.failure[0])
    printf("# seed %llu: %s\n", (unsigned long long)seed, t.failure);
  return t.failure[0] == 0;
}

int main(int argc, char **argv)
{
  const char *number = getenv("TCP_SEEDS"), *first = getenv("TCP_FIRST");
  uint64_t n = number ? strtoull(number, NULL, 0) : 500, seed, bytes = 0;
  unsigned failures = 0;
  clock_t begin = clock();
  int i;

  for (i = 1; i < argc; i++)
    ok(trial(strtoull(argv[i], NULL, 0), 1, &bytes), "seed %s", argv[i]);
  if (argc > 1)
    return lwt_test_done();
  seed = first ? strtoull(first, NULL, 0) : 1;
  for (n += seed; seed < n && failures < 5; seed++)
    failures += !trial(seed, 0, &bytes);
  printf("# %llu bytes, %.1f s of processor time\n", (unsigned long long)bytes,
         (double)(clock() - begin) / CLOCKS_PER_SEC);
  is_int(failures, 0, "transfers over bad networks");
  return lwt_test_done();
}
