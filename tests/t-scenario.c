/* t-scenario.c - hosts on hubs between routers, and all that happens to them, in
 * virtual time.
 * SPDX-License-Identifier: ISC
 *
 *   t-scenario                  300 seeds
 *   SCENARIOS=100000 t-scenario as many, from SCENARIOS_FIRST on (1)
 *   t-scenario SEED...          these, each with a report
 *
 * A seed decides everything: one to three hubs in a line with a router between two,
 * their links (loss to 30 %, reordering, duplicates, corruption, delays of 0.1 ms to
 * 2 s, 10 kbit/s to 10 Gbit/s, queues that mark), the stacks' limits and options (ECN
 * among them), who sends what to whom, and the mischief meanwhile: other links, links
 * that are dead for a while, other MTUs of a router, clocks that jump, hosts that vanish
 * without a word and come back with the same address.
 *
 * Every byte that arrives is the right one.  A connection is complete on both sides
 * or ends in an error; without a host that vanished only the connection's own time
 * limit may end it.  An error comes within the limits that the options state.  Nothing
 * is left when TIME-WAIT is over.
 */
#include "../net/tcp.h"
#include "scenario.h"

#define LWT_TEST_SHORT
#include <lwt-ip.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <time.h>

/* ---- Hosts --------------------------------------------------------------------- */

struct arrival {
  struct lwt_frame frame;
  struct host *h;
  struct lwt_flow *flow;
  struct transfer *t;
  size_t n, got;
  uint8_t header[HEADER];
};

static void arrival_end(void *arrival)
{
  struct arrival *a = arrival;

  if (a->flow)
    lwt_flow_abort(a->flow);
}

/* Which transfer it is stands in the first bytes; a client that comes again because
 * its first connection was lost is a new one. */
LWT_STEP arrival_step(struct lwt_frame *frame)
{
  struct arrival *a = (struct arrival *)frame;
  struct lwt_flow *flow;

  lwt_begin(a);
  lwt_defer(a, arrival_end, a);
  lwt_net_tcp_keepalive(a->flow, IDLE, INTERVAL, PROBES);
  while (a->got < HEADER) {
    lwt_await(a, &a->n, lwt_flow_read(a->flow, a->header + a->got, HEADER - a->got));
    if (!a->n)
      lwt_finish(a, NULL);
    a->got += a->n;
    if (a->header[0] < a->h->s->n_transfers)
      a->h->s->transfer[a->header[0]].progress = lwt_now();
  }
  if (a->header[0] >= a->h->s->n_transfers ||
      a->header[1] | a->header[2] | a->header[3]) {
    a->h->s->wrong++;
    lwt_finish(a, NULL);
  }
  a->t = &a->h->s->transfer[a->header[0]];
  if (a->t->accepted)
    lwt_finish(a, NULL);
  a->t->accepted = 1;
  a->t->lives[1] = a->h->lives;
  flow = a->flow;
  a->flow = NULL;
  lwt_await(a, LWT_GO(struct side, side_step, .t = a->t, .flow = flow, .side = 1));
  lwt_end(a);
}

static void ignore(void *env, struct lwt_error error)
{
  (void)env;
  (void)error;
}

struct accepting {
  struct lwt_frame frame;
  struct host *h;
  struct lwt_listener *listener;
  struct lwt_flow *flow;
};

LWT_STEP accept_step(struct lwt_frame *frame)
{
  struct accepting *a = (struct accepting *)frame;

  lwt_begin(a);
  for (;;) {
    lwt_await(a, &a->flow, lwt_accept(a->listener));
    lwt_dont_wait(LWT_GO(struct arrival, arrival_step, .h = a->h, .flow = a->flow),
                  ignore, NULL);
  }
  lwt_end(a);
}

/* Routes to the other hubs, over the router on that side. */
static void add_routes(struct scenario *s, struct lwt_stack *stack, int left, int right)
{
  struct lwt_ip_route r = { .prefix = 24 };
  int hub;

  for (hub = 0; hub < s->n_hubs; hub++) {
    if (hub == left || hub == right)
      continue;
    r.dst = address(hub, 0, 0);
    r.gateway = hub < left ? address(left, 254, 0) : address(right, 253, 0);
    if (lwt_ip_route_add(stack, &r))
      failed(s, NULL, "route", LWT_EINVAL);
  }
}

/* Half of the stacks ask for ECN: a bit of the secret, which was drawn anyway. */
static struct lwt_net_config some_config(void)
{
  struct lwt_net_config config = { .prefix = 24 };
  uint64_t secret = rng();

  memcpy(config.secret, &secret, sizeof secret);
  config.tcp_with = secret >> 63 ? LWT_NET_TCP_ECN : 0;
  config.tcp_user_timeout = USER_TIMEOUT;
  config.tcp_connect_timeout = USER_TIMEOUT;
  config.tcp_time_wait = LWT_S(60);
  config.tcp_send = one_in(2) ? 0 : 1 + (uint32_t)rng_size(300000);
  config.tcp_receive = one_in(2) ? 0 : 500 + (uint32_t)rng_size(300000);
  config.tcp_without = one_in(2) ? 0 : (uint32_t)rng_below(512);
  config.tcp_delayed_ack = one_in(2) ? 0 : 1 + rng_below(LWT_MS(400));
  config.tcp_congestion = one_in(3) ? "newreno" : NULL;
  return config;
}

static void come_up(struct host *h)
{
  struct lwt_net_config config = some_config();
  struct lwt_addr any = { .family = 4, .port = 7 };

  config.addr = h->addr;
  h->lives++;
  lwt_net_hub_port(h->s->hub[h->hub], NULL, &h->port);
  lwt_net_stack_new(h->port, &config, &h->stack);
  add_routes(h->s, h->stack, h->hub, h->hub);
  lwt_stack_listen(h->stack, &any, 5, &h->listener);
  lwt_dont_wait(LWT_GO(struct accepting, accept_step, .h = h, .listener = h->listener),
                ignore, NULL);
}

/* Without a word to anybody. */
static void vanish(struct host *h)
{
  const struct lwt_net_link dead = { .loss = 1000000 };

  lwt_net_hub_set_link(h->s->hub[h->hub], h->port, &dead);
  lwt_listener_close(h->listener);
  lwt_dont_wait(lwt_stack_close(h->stack), ignore, NULL);
  h->stack = NULL;
}

/* ---- Mischief --------------------------------------------------------------------- */

/* 10 kbit/s and twice that each time; at the top, 10 Gbit/s. */
static uint64_t random_bandwidth(void)
{
  enum { STEPS = 20 };
  uint64_t step = rng_below(STEPS);

  return step == STEPS - 1 ? 10000000000u : (uint64_t)10000 << step;
}

/* Of the hubs of a line one corrupts: two bits that were flipped on the way may have
 * the same checksum as before.  Half of the queues mark packets of ECN when some
 * bytes wait. */
static struct lwt_net_link random_link(const struct scenario *s, int hub)
{
  struct lwt_net_link link = { 0 };

  if (one_in(2))
    link.loss = (uint32_t)rng_below(LWT_NET_PERCENT(30));
  if (one_in(2))
    link.reorder = (uint32_t)rng_below(LWT_NET_PERCENT(20));
  if (one_in(2))
    link.duplicate = (uint32_t)rng_below(LWT_NET_PERCENT(20));
  if (one_in(3))
    link.corrupt = (uint32_t)rng_below(LWT_NET_PERCENT(10));
  if (hub != s->corrupting)
    link.corrupt = 0;
  link.delay = one_in(6) ? rng_below(LWT_S(2)) : LWT_US(100) + rng_below(LWT_MS(100));
  if (one_in(3))
    link.jitter = rng_below(LWT_MS(50));
  if (one_in(2))
    link.reorder_delay = rng_below(LWT_MS(100));
  if (one_in(3)) {
    link.bandwidth = random_bandwidth();
    link.queue = 20000 + (uint32_t)rng_below(200000);
    link.mark = link.queue & 1 ? 1 + link.queue % 5000 : 0;
  }
  return link;
}

static void set_link(struct scenario *s, int hub, const struct lwt_net_link *link)
{
  s->link[hub] = *link;
  lwt_net_hub_set_link(s->hub[hub], NULL, link);
}

/* One of a router's interfaces takes another size from now on, at most the hub's. */
static void other_mtu(struct scenario *s)
{
  int i = (int)rng_below((uint64_t)s->n_hubs - 1);
  uint16_t mtu = (uint16_t)(600 + rng_below(901));
  struct net_stack *router = (struct net_stack *)s->router[i];
  struct net_if *nif = router->ifs[router->n_ifs - 1u - one_in(2)];

  nif->mtu = mtu < nif->netif->mtu ? mtu : nif->netif->mtu;
  net_routes_changed(router);
}

struct mischief {
  struct lwt_frame frame;
  struct scenario *s;
  struct lwt_net_link link;
  int hub, n;
  struct host *h;
};

LWT_STEP mischief_step(struct lwt_frame *frame)
{
  const struct lwt_net_link dead = { .loss = 1000000 };
  struct mischief *m = (struct mischief *)frame;
  struct scenario *s = m->s;

  lwt_begin(m);
  while (m->n-- > 0) {
    lwt_await(m, lwt_sleep(rng_size(20000) * LWT_MS(1)));
    if (s->quiet)
      break;
    s->mischief = lwt_now();
    m->hub = (int)rng_below((uint64_t)s->n_hubs);
    switch (rng_below(6)) {
    case 0:
    case 1:
      m->link = random_link(s, m->hub);
      set_link(s, m->hub, &m->link);
      break;
    case 2:
      m->link = s->link[m->hub];
      lwt_net_hub_set_link(s->hub[m->hub], NULL, &dead);
      lwt_await(m, lwt_sleep(rng_below(LWT_S(15))));
      set_link(s, m->hub, &m->link);
      break;
    case 3:
      if (s->n_hubs > 1)
        other_mtu(s);
      break;
    case 4:
      s->clock.time += rng_below(LWT_S(10));
      break;
    default:
      if (!s->vanishing)
        break;
      m->h = &s->host[rng_below((uint64_t)s->n_hosts)];
      vanish(m->h);
      lwt_await(m, lwt_sleep(rng_below(LWT_S(30))));
      come_up(m->h);
    }
    s->mischief = lwt_now();
  }
  lwt_end(m);
}

/* ---- Transfers -------------------------------------------------------------------- */

struct client {
  struct lwt_frame frame;
  struct transfer *t;
  struct lwt_flow *flow;
  struct lwt_addr to;
  struct lwt_error error;
  int tries;
};

/* Nobody may answer for a while. */
static int try_again(int code)
{
  return code == LWT_EHOSTUNREACH || code == LWT_ENETUNREACH || code == LWT_ETIMEDOUT ||
         code == LWT_ECONNREFUSED || code == LWT_EADDRNOTAVAIL;
}

LWT_STEP client_step(struct lwt_frame *frame)
{
  struct client *c = (struct client *)frame;
  struct transfer *t = c->t;

  lwt_begin(c);
  lwt_await(c, lwt_sleep(rng_size(10000) * LWT_MS(1)));
  for (;;) {
    while (!t->host[0]->stack)
      lwt_await(c, lwt_sleep(LWT_S(5)));
    t->begun = t->progress = lwt_now();
    t->lives[0] = t->host[0]->lives;
    c->to = t->host[1]->addr;
    c->to.port = 7;
    lwt_await_error(c, &c->error, &c->flow, lwt_stack_connect(t->host[0]->stack, &c->to));
    if (!c->error.code)
      break;
    if (c->tries++ == TRIES || (!try_again(c->error.code) && !t->s->vanishing)) {
      failed(t->s, t, "connect", c->error.code);
      lwt_finish(c, NULL);
    }
    lwt_await(c, lwt_sleep(LWT_S(10)));
  }
  t->progress = lwt_now();
  lwt_await(c, LWT_GO(struct side, side_step, .t = t, .flow = c->flow, .side = 0));
  lwt_end(c);
}

/* A connection's own limit; the network may have said why nothing came. */
static int limit(int code)
{
  return code == LWT_ETIMEDOUT || code == LWT_EHOSTUNREACH || code == LWT_ENETUNREACH;
}

static uint64_t later(uint64_t a, uint64_t b)
{
  return a > b ? a : b;
}

/* Whether a transfer became what it may. */
static void judge(struct scenario *s, struct transfer *t)
{
  int side, lost = t->host[0]->lives != t->lives[0] ||
                   (t->accepted && t->host[1]->lives != t->lives[1]);

  for (side = 0; side < 2; side++) {
    if (side && !t->accepted) {
      if (!t->error[0].code)
        failed(s, t, "nobody accepted it, and no error", 0);
      continue;
    }
    if (!t->ended[side])
      failed(s, t, "never ended", side);
    if (!t->error[side].code && !t->complete[side])
      failed(s, t, "an end in the middle, and no error", side);
    if (t->error[side].code && !lost && !s->vanishing &&
        !limit(t->error[side].code) && t->error[side].code != LWT_ECONNRESET)
      failed(s, t, "an error without a reason", t->error[side].code);
    if (t->error[side].code &&
        t->over[side] > later(t->progress, s->mischief) + HEARD)
      failed(s, t, "an error too late", t->error[side].code);
  }
  /* One side's limit is the other's reset; somebody's limit it must have been, but for
   * a handshake that the other side has given up. */
  if (!s->vanishing && t->accepted && (t->error[0].code || t->error[1].code) &&
      !limit(t->error[0].code) && !limit(t->error[1].code))
    failed(s, t, "a reset without a reason", t->error[0].code);
}

/* ---- A scenario ------------------------------------------------------------------- */

static void set_up(struct scenario *s)
{
  struct lwt_net_hub_config hub = { 0 };
  struct lwt_net_config config = { 0 };
  struct lwt_ip_address second = { .prefix = 24, .unchecked = 1 };
  struct lwt_netif *port;
  uint32_t index;
  lwt_t *p;
  int i;

  s->n_hubs = 1 + (int)rng_below(HUBS);
  s->n_hosts = 2 + (int)rng_below(HOSTS - 1);
  s->n_transfers = 1 + (int)rng_below(FLOWS);
  s->vanishing = one_in(3);
  s->corrupting = (int)(mix(s->seed) % (unsigned)s->n_hubs);
  for (i = 0; i < s->n_hubs; i++) {
    hub.seed = rng();
    hub.mtu = one_in(3) ? (uint16_t)(600 + rng_below(901)) : 1500;
    s->link[i] = hub.link = random_link(s, i);
    lwt_net_hub_new(&hub, &s->hub[i]);
  }
  for (i = 0; i < s->n_hubs - 1; i++) {
    config = some_config();
    config.addr = address(i, 253, 0);
    lwt_net_hub_port(s->hub[i], NULL, &port);
    lwt_net_stack_new(port, &config, &s->router[i]);
    lwt_ip_forward(s->router[i], 1);
    lwt_net_hub_port(s->hub[i + 1], NULL, &port);
    if (lwt_ip_if_add(s->router[i], port, 0, &index))
      failed(s, NULL, "interface", LWT_EINVAL);
    second.addr = address(i + 1, 254, 0);
    p = lwt_ip_address_add(s->router[i], index, &second);
    if (lwt_state(p) != LWT_FULFILLED)
      failed(s, NULL, "address", lwt_error(p).code);
    lwt_drop(p);
    add_routes(s, s->router[i], i, i + 1);
  }
  for (i = 0; i < s->n_hosts; i++) {
    struct host *h = &s->host[i];

    h->s = s;
    h->hub = (int)rng_below((uint64_t)s->n_hubs);
    h->addr = address(h->hub, 1 + (unsigned)i, 0);
    come_up(h);
  }
  for (i = 0; i < s->n_transfers; i++) {
    struct transfer *t = &s->transfer[i];

    t->s = s;
    t->number = (unsigned)i;
    t->host[0] = &s->host[rng_below((uint64_t)s->n_hosts)];
    t->host[1] = &s->host[rng_below((uint64_t)s->n_hosts)];
    t->size[0] = rng_size(60000);
    t->size[1] = rng_size(60000);
  }
}

/* Until both sides of all are over, as far as anybody accepted. */
struct ending {
  struct lwt_frame frame;
  struct scenario *s;
  int i, left;
};

LWT_STEP end_step(struct lwt_frame *frame)
{
  struct ending *e = (struct ending *)frame;

  lwt_begin(e);
  do {
    lwt_await(e, lwt_sleep(LWT_S(1)));
    for (e->left = e->i = 0; e->i < e->s->n_transfers; e->i++)
      e->left += e->s->transfer[e->i].accepted && !e->s->transfer[e->i].ended[1];
  } while (e->left);
  lwt_end(e);
}

static void expect_nothing(struct scenario *s, struct lwt_stack *stack, const char *what)
{
  struct net_tcp *tcp = ((struct net_stack *)stack)->tcp;

  if (tcp->n_conns || tcp->n_halves || tcp->n_waits || tcp->table.count)
    failed(s, NULL, what, LWT_EBUSY);
}

/* The clients, then the servers, then mischief; what is left goes with the stacks. */
struct whole {
  struct lwt_frame frame;
  struct scenario *s;
  lwt_t *mischief;
};

LWT_STEP whole_step(struct lwt_frame *frame)
{
  struct whole *w = (struct whole *)frame;
  struct scenario *s = w->s;
  lwt_t *clients[FLOWS];
  int i;

  lwt_begin(w);
  w->mischief =
    LWT_GO(struct mischief, mischief_step, .s = s, .n = (int)rng_below(12));
  for (i = 0; i < FLOWS; i++)
    clients[i] = i < s->n_transfers
                   ? LWT_GO(struct client, client_step, .t = &s->transfer[i])
                   : lwt_return(NULL);
  lwt_await(w, lwt_join(FLOWS, clients));
  lwt_await(w, LWT_GO(struct ending, end_step, .s = s));
  s->quiet = 1;
  lwt_await(w, w->mischief);
  lwt_await(w, lwt_sleep(HEARD + LWT_S(700)));
  lwt_end(w);
}

static void run(struct scenario *s)
{
  lwt_t *whole = LWT_GO(struct whole, whole_step, .s = s);
  lwt_t *limit = lwt_sleep(LWT_S(1000000));
  struct lwt_error e =
    lwt_run_value(lwt_choose(LWT_PS(lwt_ref(whole), lwt_ref(limit))), NULL);
  int i;

  if (lwt_state(whole) == LWT_PENDING) {
    lwt_dump(stdout);
    failed(s, NULL, "it does not end", LWT_ETIMEDOUT);
  }
  if (e.code)
    failed(s, NULL, e.what, e.code);
  lwt_drop(whole);
  lwt_drop(limit);
  for (i = 0; i < s->n_transfers; i++)
    judge(s, &s->transfer[i]);
  if (s->wrong)
    failed(s, NULL, "bytes are wrong", 0);
  for (i = 0; i < s->n_hosts; i++)
    expect_nothing(s, s->host[i].stack, "connections live");
}

static void close_stack(struct scenario *s, struct lwt_stack *stack)
{
  int code = lwt_run(lwt_stack_close(stack));

  if (code)
    failed(s, NULL, "close", code);
}

static void tear_down(struct scenario *s)
{
  int i;

  for (i = 0; i < s->n_hosts; i++) {
    lwt_listener_close(s->host[i].listener);
    close_stack(s, s->host[i].stack);
  }
  for (i = 0; i < s->n_hubs - 1; i++)
    close_stack(s, s->router[i]);
  for (i = 0; i < s->n_hubs; i++)
    lwt_net_hub_free(s->hub[i]);
  while (lwt_run_ready() != LWT_NEVER)
    lwt_run(lwt_sleep(LWT_S(1)));
  if (lwt_live() || lwt_timers() || lwt_buf_live())
    failed(s, NULL, "promises, timers or packets live", 0);
}

static void report(const struct scenario *s)
{
  char a[LWT_ADDR_TEXT], b[LWT_ADDR_TEXT];
  int i;

  printf("# seed %llu: %d hubs, %d hosts%s, %.3f s of virtual time%s%s\n",
         (unsigned long long)s->seed, s->n_hubs, s->n_hosts,
         s->vanishing ? " that vanish" : "", (double)s->clock.time / 1e9,
         s->failure[0] ? ": " : "", s->failure);
  for (i = 0; i < s->n_transfers; i++) {
    const struct transfer *t = &s->transfer[i];

    printf("#   %d: %s to %s: %zu of %zu, %zu of %zu bytes; %d %d; "
           "%.3f to %.3f, %.3f s\n",
           i, lwt_addr_format(&t->host[0]->addr, a, sizeof a),
           lwt_addr_format(&t->host[1]->addr, b, sizeof b), t->received[1], t->size[0],
           t->received[0], t->size[1], t->error[0].code, t->error[1].code,
           (double)t->begun / 1e9, (double)t->over[0] / 1e9, (double)t->over[1] / 1e9);
  }
}

static int scenario(uint64_t seed, int talk, uint64_t *bytes, unsigned *errors)
{
  static struct scenario s;
  int i;

  memset(&s, 0, sizeof s);
  s.seed = seed;
  lwt_virtual_init(&s.clock);
  lwt_set_engine(&s.clock.engine);
  rng_state = mix(seed);
  set_up(&s);
  run(&s);
  if (talk)
    for (i = 0; i < s.n_hosts; i++)
      lwt_net_dump(s.host[i].stack, stdout);
  tear_down(&s);
  if (talk || s.failure[0])
    report(&s);
  for (i = 0; i < s.n_transfers; i++) {
    *bytes += s.transfer[i].received[0] + s.transfer[i].received[1];
    *errors += s.transfer[i].error[0].code || s.transfer[i].error[1].code;
  }
  return !s.failure[0];
}

int main(int argc, char **argv)
{
  const char *number = getenv("SCENARIOS"), *first = getenv("SCENARIOS_FIRST");
  uint64_t n = number ? strtoull(number, NULL, 0) : 300, seed, bytes = 0;
  unsigned failures = 0, errors = 0;
  clock_t begin = clock();
  int i;

  setvbuf(stdout, NULL, _IOLBF, 0); /* for who stops a long run */
  for (i = 1; i < argc; i++)
    ok(scenario(strtoull(argv[i], NULL, 0), 1, &bytes, &errors), "seed %s", argv[i]);
  if (argc > 1)
    return lwt_test_done();
  seed = first ? strtoull(first, NULL, 0) : 1;
  for (n += seed; seed < n && failures < 10; seed++)
    failures += !scenario(seed, 0, &bytes, &errors);
  printf("# %llu bytes, %u transfers with an error, %.1f s of processor time\n",
         (unsigned long long)bytes, errors, (double)(clock() - begin) / CLOCKS_PER_SEC);
  is_int(failures, 0, "scenarios");
  return lwt_test_done();
}
