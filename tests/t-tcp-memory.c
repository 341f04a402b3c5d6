/* t-tcp-memory.c - all buffers of a stack out of one account (tcp_memory): slower,
 * never wrong, and never more.
 * SPDX-License-Identifier: ISC
 */
#include "../net/tcp.h"

#define LWT_TEST_SHORT
#include <lwt/engine.h>
#include <lwt/test.h>
#include <string.h>

enum { CAP = 1 << 20, FLOWS = 60, SIZE = 150000, CHUNK = 20000, SINK = 7, SOURCE = 8 };

struct lab {
  struct lwt_virtual clock;
  struct lwt_net_hub *hub;
  struct lwt_stack *stacks[2];
  struct lwt_listener *sink, *source;
  unsigned wrong, done;
  uint64_t most, most_held;
  int over;
};

static struct lwt_addr address(unsigned host, uint16_t port)
{
  return (struct lwt_addr){
    .family = 4, .ip = { 10, 0, 0, (uint8_t)host }, .port = port
  };
}

static struct net_stack *inside(struct lab *l, unsigned i)
{
  return (struct net_stack *)l->stacks[i];
}

static void start(struct lab *l, uint32_t memory, uint32_t loss)
{
  struct lwt_net_hub_config hub = { .seed = 3, .link = { .delay = LWT_MS(5),
                                    .bandwidth = 100000000, .loss = loss } };
  struct lwt_net_config config = { .prefix = 24, .tcp_memory = memory,
                                   .tcp_send = 1 << 20, .tcp_receive = 1 << 20 };
  struct lwt_addr at = { .family = 4 };
  struct lwt_netif *port;
  unsigned i;

  *l = (struct lab){ .done = 0 };
  lwt_virtual_init(&l->clock);
  lwt_set_engine(&l->clock.engine);
  lwt_net_hub_new(&hub, &l->hub);
  for (i = 0; i < 2; i++) {
    config.addr = address(1 + i, 0);
    lwt_net_hub_port(l->hub, NULL, &port);
    lwt_net_stack_new(port, &config, &l->stacks[i]);
  }
  at.port = SINK;
  lwt_stack_listen(l->stacks[1], &at, FLOWS, &l->sink);
  at.port = SOURCE;
  lwt_stack_listen(l->stacks[1], &at, FLOWS, &l->source);
}

static void stop(struct lab *l)
{
  is_int(inside(l, 0)->tcp->held + inside(l, 1)->tcp->held, 0, "the accounts are even");
  lwt_net_hub_free(l->hub);
  lwt_listener_close(l->sink);
  lwt_listener_close(l->source);
  lwt_run_value(lwt_join(LWT_PS(lwt_stack_close(l->stacks[0]),
                                lwt_stack_close(l->stacks[1]))), NULL);
  is_int(lwt_live() + lwt_timers() + lwt_buf_live(), 0, "nothing is left");
}

/* ---- What is buffered -------------------------------------------------- */

static uint64_t buffered(struct net_stack *s)
{
  const struct tcp_block *b;
  struct tcp_link *at;
  uint64_t sum = 0;

  for (at = s->tcp->conns.next; at != &s->tcp->conns; at = at->next) {
    const struct tcp_conn *c = tcp_of(at, struct tcp_conn, all);

    sum += c->sq.len + c->rq.len;
    for (b = c->reass.head; b; b = b->next)
      sum += b->end - b->start;
  }
  return sum;
}

struct look {
  struct lwt_frame frame;
  struct lab *lab;
};

LWT_STEP look_step(struct lwt_frame *frame)
{
  struct look *f = (struct look *)frame;
  struct lab *l = f->lab;
  unsigned i;

  lwt_begin(f);
  while (!l->over) {
    for (i = 0; i < 2; i++) {
      struct net_stack *s = inside(l, i);
      uint64_t now = buffered(s);

      l->most = now > l->most ? now : l->most;
      l->most_held = s->tcp->held > l->most_held ? s->tcp->held : l->most_held;
    }
    lwt_await(f, lwt_sleep(LWT_MS(1)));
  }
  lwt_end(f);
}

/* ---- The flows --------------------------------------------------------- */

static uint8_t pattern(size_t at)
{
  return (uint8_t)(at * 7 + at / 251);
}

struct end {
  struct lwt_frame frame;
  struct lab *lab;
  struct lwt_flow *flow;
  struct lwt_listener *listener; /* NULL: connect */
  struct lwt_addr to;
  int sends;
  size_t at, n;
  uint8_t bytes[CHUNK];
};

static void give_back(void *end)
{
  struct end *f = end;

  if (f->flow)
    lwt_flow_abort(f->flow);
}

static lwt_t *close_flow(struct end *f)
{
  struct lwt_flow *flow = f->flow;

  f->flow = NULL;
  return lwt_flow_close(flow);
}

LWT_STEP end_step(struct lwt_frame *frame)
{
  struct end *f = (struct end *)frame;
  size_t i;

  lwt_begin(f);
  lwt_defer(f, give_back, f);
  lwt_await(f, &f->flow, f->listener ? lwt_accept(f->listener)
                                     : lwt_stack_connect(f->lab->stacks[0], &f->to));
  while (f->sends && f->at < SIZE) {
    f->n = SIZE - f->at < CHUNK ? SIZE - f->at : CHUNK;
    for (i = 0; i < f->n; i++)
      f->bytes[i] = pattern(f->at + i);
    lwt_await(f, lwt_flow_write(f->flow, f->bytes, f->n));
    f->at += f->n;
  }
  while (!f->sends) {
    lwt_await(f, &f->n, lwt_flow_read(f->flow, f->bytes, CHUNK));
    if (!f->n)
      break;
    for (i = 0; i < f->n; i++)
      f->lab->wrong += f->bytes[i] != pattern(f->at + i);
    f->at += f->n;
    if (f->at % 3 == 0) /* a slow reader */
      lwt_await(f, lwt_sleep(LWT_MS(30)));
  }
  f->lab->wrong += f->at != SIZE;
  lwt_await(f, close_flow(f));
  f->lab->done++;
  lwt_end(f);
}

/* All flows at once, half of them each way; seconds that they take. */
static double run(struct lab *l)
{
  lwt_t *all[2 * FLOWS], *look = LWT_GO(struct look, look_step, .lab = l);
  uint64_t begin = lwt_now();
  unsigned i;

  for (i = 0; i < FLOWS; i++) {
    int source = i % 2;

    all[2 * i] = LWT_GO(struct end, end_step, .lab = l, .sends = source,
                        .listener = source ? l->source : l->sink);
    all[2 * i + 1] = LWT_GO(struct end, end_step, .lab = l, .sends = !source,
                            .to = address(2, source ? SOURCE : SINK));
  }
  is_int(lwt_run_value(lwt_join(2 * FLOWS, all), NULL).code, 0, "all ended in order");
  l->over = 1;
  lwt_run(look);
  is_int(l->done, 2 * FLOWS, "both ends of each");
  is_int(l->wrong, 0, "every byte is right");
  return (double)(lwt_now() - begin) / 1e9;
}

static void say(struct lab *l, double seconds)
{
  printf("# %.2f s, at most %u KiB buffered, %u KiB promised, %u times short, "
         "%u refused\n",
         seconds, (unsigned)(l->most >> 10), (unsigned)(l->most_held >> 10),
         (unsigned)(inside(l, 0)->stats.tcp_memory_short +
                    inside(l, 1)->stats.tcp_memory_short),
         (unsigned)(inside(l, 0)->stats.tcp_memory_full +
                    inside(l, 1)->stats.tcp_memory_full));
}

static void capped(uint32_t loss)
{
  double without, with;
  struct lab l;

  printf("# %u flows of %u bytes, %u %% lost, without a limit\n", FLOWS, SIZE,
         loss / 10000);
  start(&l, 0, loss);
  without = run(&l);
  say(&l, without);
  ok(l.most > CAP, "they take more than a megabyte");
  lwt_run(lwt_sleep(LWT_S(200)));
  stop(&l);

  printf("# the same with a megabyte for each stack: slower, never wrong\n");
  start(&l, CAP, loss);
  with = run(&l);
  say(&l, with);
  ok(l.most <= CAP, "never more is buffered");
  ok(l.most_held <= CAP, "nor promised");
  ok(l.most > CAP / 4, "though it is used");
  ok(inside(&l, 0)->stats.tcp_memory_short > 0, "there was too little for all");
  ok(with < 20 * without, "not for ever");
  lwt_run(lwt_sleep(LWT_S(200)));
  stop(&l);
}

/* ---- Refused ----------------------------------------------------------- */

static int dumped(struct lwt_stack *stack, const char *line)
{
  static char text[4000];
  FILE *f = tmpfile();
  size_t n;

  lwt_net_dump(stack, f);
  rewind(f);
  n = fread(text, 1, sizeof text - 1, f);
  text[n] = '\0';
  fclose(f);
  return strstr(text, line) != NULL;
}

static void refused(void)
{
  struct lwt_addr to = address(2, SINK);
  struct lwt_flow *flow[12] = { NULL };
  struct lwt_error e;
  struct lab l;
  unsigned i, n = 0;
  lwt_t *p;

  printf("# room for eight: the ninth is refused, until one has gone\n");
  start(&l, 64 << 10, 0);
  for (i = 0; i < 12; i++) {
    p = LWT_UNTYPED(lwt_stack_connect(l.stacks[0], &to));
    e = lwt_run_value(p, (void **)&flow[i]);
    if (e.code) {
      is_int(e.code, LWT_ENOMEM, "refused");
      flow[i] = NULL;
    }
    n += !e.code;
  }
  is_int(n, 8, "so many live");
  ok(dumped(l.stacks[0], "tcp: 65536 bytes of 65536 are promised\n"),
     "lwt_net_dump() says it");
  ok(inside(&l, 0)->stats.tcp_memory_full >= 4, "counted");
  lwt_flow_abort(flow[0]);
  flow[0] = NULL;
  lwt_run(lwt_sleep(LWT_S(1)));
  e = lwt_run_value(LWT_UNTYPED(lwt_stack_connect(l.stacks[0], &to)),
                    (void **)&flow[0]);
  is_int(e.code, 0, "there is room again");
  for (i = 0; i < 12; i++)
    if (flow[i])
      lwt_flow_abort(flow[i]);
  lwt_run(lwt_sleep(LWT_S(1)));
  stop(&l);
}

/* A chain that is longer than the buffer is taken as a whole.  To give back does not
 * mean to have a buffer of that size then. */
static void never_more(void)
{
  struct lwt_addr to = address(2, SINK);
  struct lwt_flow *flow[2] = { NULL };
  struct tcp_conn *c[2];
  uint32_t before;
  struct lwt_buf *chain;
  struct lab l;
  unsigned i;
  lwt_t *p;

  printf("# a buffer that is more than full\n");
  start(&l, CAP, 0);
  for (i = 0; i < 2; i++) {
    is_int(lwt_run_value(LWT_UNTYPED(lwt_stack_connect(l.stacks[0], &to)),
                         (void **)&flow[i]).code, 0, "connected");
    c[i] = (struct tcp_conn *)flow[i];
  }
  c[0]->cwnd = 200000;
  net_tcp_tune_send(c[0]);
  before = c[0]->buffer;
  chain = lwt_buf_chain(0, 600000);
  for (struct lwt_buf *b = chain; b; b = b->next)
    memset(b->data, 'x', b->len);
  p = lwt_flow_write_buf(flow[0], chain);
  c[1]->cwnd = CAP;
  net_tcp_tune_send(c[1]);
  ok(inside(&l, 0)->tcp->reclaimed, "there is too little for the other one");
  ok(c[0]->buffer <= before, "%u bytes, %u before", c[0]->buffer, before);
  ok(c[0]->buffer <= c[0]->held_send, "and in the account");
  is_int(lwt_state(p), LWT_PENDING, "the program waits");
  lwt_drop(p);
  for (i = 0; i < 2; i++)
    lwt_flow_abort(flow[i]);
  lwt_run(lwt_sleep(LWT_S(1)));
  stop(&l);
}

int main(void)
{
  capped(0);
  capped(LWT_NET_PERCENT(1));
  refused();
  never_more();
  return lwt_test_done();
}
