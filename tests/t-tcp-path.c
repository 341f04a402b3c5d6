/* t-tcp-path.c - transfers over paths as there are: what they take, in virtual
 * time.
 * SPDX-License-Identifier: ISC
 *
 * Flows from one host to another through one bottleneck: bandwidth, a round trip,
 * a queue that drops or marks when it is full, chances of loss and reordering.
 */
#include "../net/tcp.h"

#define LWT_TEST_SHORT
#include <lwt/engine.h>
#include <lwt/test.h>
#include <string.h>

enum { FLOWS = 4, CHUNK = 65536 };

struct path {
  struct lwt_virtual clock;
  struct lwt_net_hub *hub;
  struct lwt_netif *ports[2];
  struct lwt_stack *stacks[2];
  struct lwt_listener *listener;
  uint64_t received[FLOWS];
  unsigned accepted;
};

static uint8_t bytes[CHUNK];

static struct lwt_addr address(unsigned host, uint16_t port)
{
  return (struct lwt_addr){
    .family = 4, .ip = { 10, 0, 0, (uint8_t)host }, .port = port
  };
}

static const struct lwt_net_stats *stats(struct path *p)
{
  return lwt_net_stats(p->stacks[0]);
}

/* The sender's link as given, the way back only delays. */
static void start(struct path *p, const struct lwt_net_config *config,
                  const struct lwt_net_link *link)
{
  struct lwt_net_link back = { .delay = link->delay };
  struct lwt_net_hub_config hub = { .seed = 7 };
  struct lwt_addr any = { .family = 4, .port = 7 };
  struct lwt_net_config c = *config;
  unsigned i;

  *p = (struct path){ .accepted = 0 };
  lwt_virtual_init(&p->clock);
  lwt_set_engine(&p->clock.engine);
  lwt_net_hub_new(&hub, &p->hub);
  c.prefix = 24;
  for (i = 0; i < 2; i++) {
    c.addr = address(1 + i, 0);
    lwt_net_hub_port(p->hub, NULL, &p->ports[i]);
    lwt_net_hub_set_link(p->hub, p->ports[i], i ? &back : link);
    lwt_net_stack_new(p->ports[i], &c, &p->stacks[i]);
  }
  lwt_stack_listen(p->stacks[1], &any, FLOWS, &p->listener);
}

static void stop(struct path *p)
{
  lwt_net_hub_free(p->hub);
  lwt_listener_close(p->listener);
  lwt_run_value(lwt_join(LWT_PS(lwt_stack_close(p->stacks[0]),
                                lwt_stack_close(p->stacks[1]))), NULL);
  is_int(lwt_live() + lwt_timers() + lwt_buf_live(), 0, "nothing is left");
}

struct end {
  struct lwt_frame frame;
  struct path *path;
  struct lwt_flow *flow;
  struct lwt_addr to;
  const char *congestion;
  uint64_t size;
  size_t n;
  unsigned id;
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

LWT_STEP send_step(struct lwt_frame *frame)
{
  struct end *f = (struct end *)frame;

  lwt_begin(f);
  lwt_defer(f, give_back, f);
  lwt_await(f, &f->flow, lwt_stack_connect(f->path->stacks[0], &f->to));
  if (f->congestion)
    lwt_net_tcp_congestion(f->flow, f->congestion);
  while (f->size) {
    f->n = f->size < CHUNK ? (size_t)f->size : CHUNK;
    f->size -= f->n;
    lwt_await(f, lwt_flow_write(f->flow, bytes, f->n));
  }
  lwt_await(f, close_flow(f));
  lwt_end(f);
}

LWT_STEP receive_step(struct lwt_frame *frame)
{
  struct end *f = (struct end *)frame;

  lwt_begin(f);
  lwt_defer(f, give_back, f);
  lwt_await(f, &f->flow, lwt_accept(f->path->listener));
  f->id = f->path->accepted++;
  do {
    lwt_await(f, &f->n, lwt_flow_read(f->flow, f->bytes, CHUNK));
    f->path->received[f->id] += f->n;
  } while (f->n);
  lwt_await(f, close_flow(f));
  lwt_end(f);
}

/* size bytes over one flow; seconds. */
static double transfer(struct path *p, uint64_t size)
{
  lwt_t *receive = LWT_GO(struct end, receive_step, .path = p);
  lwt_t *send =
    LWT_GO(struct end, send_step, .path = p, .size = size, .to = address(2, 7));
  uint64_t begin = lwt_now();

  is_int(lwt_run_value(lwt_join(LWT_PS(receive, send)), NULL).code, 0, "sent");
  is_int(p->received[0], size, "and received");
  return (double)(lwt_now() - begin) / 1e9;
}

static void say(struct path *p, double secs)
{
  const struct lwt_net_stats *s = stats(p);

  printf("# %.2f s, %u sent again, %u recoveries, %u timeouts, %u probes, %u undone, "
         "%u marks heeded, %u times paced\n",
         secs, (unsigned)s->tcp_retransmits, (unsigned)s->tcp_fast_recovery,
         (unsigned)s->tcp_rto, (unsigned)s->tcp_tail_probes, (unsigned)s->tcp_spurious,
         (unsigned)s->tcp_ecn_reduced, (unsigned)s->tcp_paced);
}

/* ---- Paths ------------------------------------------------------------- */

static const struct lwt_net_config plain = { .tcp_send = 1 << 20,
                                             .tcp_receive = 1 << 20 };

static void bottleneck(void)
{
  struct lwt_net_link link = { .bandwidth = 20000000, .delay = LWT_MS(20),
                               .queue = 100000, .drop = 1 };
  struct path p;
  double secs;

  printf("# 10 MB at 20 Mbit/s, 40 ms, a queue of a round trip that drops\n");
  start(&p, &plain, &link);
  secs = transfer(&p, 10000000);
  say(&p, secs);
  ok(secs < 4.2 / 0.85, "at least 85 %% of the bandwidth");
  is_int(stats(&p)->tcp_rto, 0, "no timeout");
  ok(stats(&p)->tcp_retransmits < 400, "few are sent again");
  ok(stats(&p)->tcp_paced > 0, "a window is spread over its round trip");
  stop(&p);
}

static void unpaced(void)
{
  struct lwt_net_config config = plain;
  struct lwt_net_link link = { .bandwidth = 20000000, .delay = LWT_MS(20),
                               .queue = 100000, .drop = 1 };
  struct path p;

  printf("# the same without pacing\n");
  config.tcp_without = LWT_NET_TCP_PACING;
  start(&p, &config, &link);
  say(&p, transfer(&p, 10000000));
  is_int(stats(&p)->tcp_paced, 0, "nothing waits but for the window");
  stop(&p);
}

static void marks(void)
{
  struct lwt_net_config config = plain;
  struct lwt_net_link link = { .bandwidth = 20000000, .delay = LWT_MS(20),
                               .queue = 400000, .mark = 60000, .drop = 1 };
  struct path p;
  double secs;

  printf("# the same with a queue that marks (RFC 3168)\n");
  config.tcp_with = LWT_NET_TCP_ECN;
  start(&p, &config, &link);
  secs = transfer(&p, 10000000);
  say(&p, secs);
  ok(secs < 4.2 / 0.85, "at least 85 %% of the bandwidth");
  is_int(stats(&p)->tcp_retransmits, 0, "nothing is lost");
  ok(stats(&p)->tcp_ecn_reduced > 0, "marks are heeded");
  stop(&p);
}

static void losses(void)
{
  struct lwt_net_link link = { .bandwidth = 100000000, .delay = LWT_MS(10),
                               .loss = LWT_NET_PERCENT(1) };
  struct path p;
  double secs;

  printf("# 5 MB, 20 ms, 1 %% lost at random: no timeouts\n");
  start(&p, &plain, &link);
  secs = transfer(&p, 5000000);
  say(&p, secs);
  ok(stats(&p)->tcp_rto <= 1, "timeouts");
  ok(stats(&p)->tcp_retransmits < 70, "3425 segments, 1 %% lost");
  ok(secs < 8, "in time");
  stop(&p);
}

static void reordering(void)
{
  struct lwt_net_link link = { .bandwidth = 100000000, .delay = LWT_MS(20),
                               .reorder = LWT_NET_PERCENT(5),
                               .reorder_delay = LWT_MS(4) };
  struct path p;
  double secs;

  printf("# 10 MB, 40 ms, 5 %% overtaken, nothing lost\n");
  start(&p, &plain, &link);
  secs = transfer(&p, 10000000);
  say(&p, secs);
  ok(stats(&p)->tcp_retransmits < 30, "RACK waits for what was overtaken");
  ok(secs < 2, "at speed");
  stop(&p);
}

static void short_flow(void)
{
  struct lwt_net_link link = { .delay = LWT_MS(50), .loss = LWT_NET_PERCENT(5) };
  struct path p;
  unsigned i;
  double secs = 0;

  printf("# 100 pages of 20 KB, 100 ms, 5 %% lost\n");
  start(&p, &plain, &link);
  for (i = 0; i < 100; i++) {
    p.accepted = 0;
    p.received[0] = 0;
    lwt_run_value(lwt_join(LWT_PS(LWT_GO(struct end, receive_step, .path = &p),
                                  LWT_GO(struct end, send_step, .path = &p,
                                         .size = 20000, .to = address(2, 7)))), NULL);
    secs += (double)p.received[0];
  }
  say(&p, (double)lwt_now() / 1e9);
  is_int(secs, 2000000, "all of them");
  ok(stats(&p)->tcp_tail_probes > 2, "tail loss probes");
  stop(&p);
}

/* Flows that share a bottleneck for a while: the least share and the largest.  They
 * begin one after the other, by so many ms. */
static void share_at(const char *const *congestion, unsigned n, unsigned step,
                     double *least, double *most)
{
  struct lwt_net_link link = { .bandwidth = 20000000, .delay = LWT_MS(20),
                               .queue = 100000, .drop = 1 };
  lwt_t *all[2 * FLOWS];
  struct path p;
  uint64_t before[FLOWS], sum = 0;
  double part;
  unsigned i;

  start(&p, &plain, &link);
  for (i = 0; i < n; i++) {
    all[2 * i] = LWT_GO(struct end, receive_step, .path = &p);
    all[2 * i + 1] = LWT_GO(struct end, send_step, .path = &p, .size = UINT64_MAX,
                            .to = address(2, 7), .congestion = congestion[i]);
    lwt_run_value(lwt_sleep(LWT_MS(step)), NULL);
  }
  lwt_run_value(lwt_sleep(LWT_S(20)), NULL);
  memcpy(before, p.received, sizeof before);
  lwt_run_value(lwt_sleep(LWT_S(120)), NULL);
  for (i = 0; i < n; i++)
    sum += p.received[i] - before[i];
  *least = 2;
  *most = 0;
  for (i = 0; i < n; i++) {
    part = (double)(p.received[i] - before[i]) * n / (double)sum;
    *least = part < *least ? part : *least;
    *most = part > *most ? part : *most;
  }
  say(&p, 120);
  printf("# %.1f Mbit/s, shares %.2f to %.2f\n", (double)sum * 8 / 120 / 1e6, *least,
         *most);
  ok((double)sum * 8 / 120 > 17e6, "the bottleneck is used");
  for (i = 0; i < 2 * n; i++)
    lwt_drop(all[i]);
  stop(&p);
}

/* In the mean of three runs: who loses a packet when a queue is full is chance. */
static void share(const char *const *congestion, unsigned n, double *least, double *most)
{
  double low, high;
  unsigned step;

  *least = *most = 0;
  for (step = 500; step <= 1000; step += 250) {
    share_at(congestion, n, step, &low, &high);
    *least += low / 3;
    *most += high / 3;
  }
  printf("# shares %.2f to %.2f\n", *least, *most);
}

static void fairness(void)
{
  static const char *const cubic[] = { "cubic", "cubic", "cubic", "cubic" };
  static const char *const both[] = { "cubic", "newreno" };
  double least, most;

  printf("# two flows of CUBIC, two minutes\n");
  share(cubic, 2, &least, &most);
  ok(least > 0.9 && most < 1.1, "within 10 %%");
  printf("# four\n");
  share(cubic, 4, &least, &most);
  ok(least > 0.9 && most < 1.1, "within 10 %%");
  printf("# CUBIC and NewReno\n");
  share(both, 2, &least, &most);
  ok(least > 0.4, "neither starves");
}

/* What is owed after a window has shrunk. */
static void debts(void)
{
  static struct net_stack s;
  static struct tcp_conn c;

  printf("# a window of 100 KB was sent ahead, then it shrank to one segment\n");
  s.now = LWT_S(100);
  c.stack = &s;
  c.srtt = c.rack.min_rtt = LWT_MS(500);
  c.mss = c.cwnd = 1448;
  c.ssthresh = 2 * c.mss;
  c.pace_time = s.now;
  c.pace_credit = -100000;
  is_int(net_tcp_pace(&c), 0, "the next segment waits");
  ok(c.t_retry <= s.now + LWT_MS(501), "for a round trip at most");
  s.now = c.t_retry;
  is_int(net_tcp_pace(&c), 1, "and then goes");
}

int main(void)
{
  bottleneck();
  unpaced();
  marks();
  losses();
  reordering();
  short_flow();
  fairness();
  debts();
  return lwt_test_done();
}
