/* t-hub.c - the Ethernet in memory, good and bad, and captures.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt-net.h>
#include <lwt/engine.h>
#include <lwt/test.h>
#include <string.h>

#define PORTS 4

static struct lwt_virtual virtual;
static struct lwt_net_hub *hub;

/* A port that notes what it receives. */
struct station {
  struct lwt_netif *port;
  lwt_t *listening;
  unsigned packets, batches, out_of_order, spoilt, bits;
  uint32_t last;
  uint64_t first_at, last_at;
  struct station *echo_to; /* answer each batch from this port */
};
static struct station st[PORTS];

/* Frames have a number at 14 and are 0x5a otherwise. */
static struct lwt_buf *frame(const uint8_t *dst, const uint8_t *src, uint32_t number,
                             uint32_t len)
{
  struct lwt_buf *f = lwt_buf_new(0, len);

  if (!f)
    return NULL;
  memset(f->data, 0x5a, len);
  memcpy(f->data, dst, 6);
  memcpy(f->data + 6, src, 6);
  memcpy(f->data + 14, &number, 4);
  return f;
}

static void note(struct station *s, const struct lwt_buf *f)
{
  uint32_t number, i;

  memcpy(&number, f->data + 14, 4);
  s->packets++;
  if (number < s->last)
    s->out_of_order++;
  else
    s->last = number;
  for (i = 18; i < f->len; i++)
    if (f->data[i] != 0x5a) {
      s->spoilt++;
      s->bits += (unsigned)__builtin_popcount(f->data[i] ^ 0x5a);
    }
  if (!s->first_at)
    s->first_at = lwt_now();
  s->last_at = lwt_now();
}

static int send_to(int from, const uint8_t *dst, uint32_t number, uint32_t len)
{
  struct lwt_buf *f = frame(dst, st[from].port->mac, number, len);

  return f ? st[from].port->ops->send(st[from].port, f) : LWT_ENOMEM;
}

static void input(void *env, struct lwt_buf *packets)
{
  struct station *s = env;
  struct lwt_buf *f;

  s->batches++;
  while ((f = packets)) {
    packets = f->next_packet;
    f->next_packet = NULL;
    note(s, f);
    if (s->echo_to)
      send_to((int)(s - st), s->echo_to->port->mac, s->last + 1, f->len);
    lwt_buf_free(f);
  }
}

static int start(const struct lwt_net_hub_config *config)
{
  struct lwt_net_hub_config none = { 0 };
  int i;

  virtual.time = LWT_S(1);
  memset(st, 0, sizeof st);
  if (lwt_net_hub_new(config ? config : &none, &hub))
    return LWT_ENOMEM;
  for (i = 0; i < PORTS; i++) {
    if (lwt_net_hub_port(hub, NULL, &st[i].port))
      return LWT_ENOMEM;
    st[i].listening = st[i].port->ops->listen(st[i].port, input, &st[i]);
    if (lwt_error(st[i].listening).code)
      return LWT_ENOMEM;
  }
  return 0;
}

static void run(void)
{
  uint64_t next;

  while ((next = lwt_run_ready()) != LWT_NEVER)
    if (next > virtual.time)
      virtual.time = next;
}

static void stop(void)
{
  int i;

  for (i = 0; i < PORTS; i++) {
    if (st[i].port)
      lwt_drop(st[i].port->ops->close(st[i].port));
    if (st[i].listening) {
      lwt_error(st[i].listening);
      lwt_drop(st[i].listening);
    }
  }
  lwt_net_hub_free(hub);
  run();
}

static void end(void)
{
  stop();
  is_int(lwt_live(), 0, "no promise lives");
  is_int(lwt_timers(), 0, "no timer is set");
  is_int(lwt_buf_live(), 0, "no packet lives");
}

static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* ---- A good hub -------------------------------------------------------- */

static void test_switch(void)
{
  uint8_t unknown[6] = { 2, 9, 9, 9, 9, 9 };
  const struct lwt_net_hub_stats *stats;
  struct lwt_buf *shared;
  int i;

  is_int(start(NULL), 0, "a hub with four ports");
  stats = lwt_net_hub_stats(hub);
  is_str(st[2].port->name, "hub:3", "named");
  is_int(st[2].port->mac[5], 3, "with addresses");
  is_int(st[2].port->mtu, 1500, "and an MTU");
  for (i = 0; i < 10; i++)
    send_to(0, st[1].port->mac, (uint32_t)i, 100);
  is_int(st[1].packets, 0, "nothing arrives at once");
  run();
  ok(st[1].packets == 10 && st[1].batches == 1, "all arrive in one batch");
  is_int(st[1].out_of_order, 0, "in order");
  is_int(st[0].packets + st[2].packets + st[3].packets, 0, "nobody else's");
  send_to(0, all, 1, 100);
  send_to(0, unknown, 2, 100);
  run();
  ok(st[0].packets == 0 && st[1].packets == 12 && st[2].packets == 2 &&
       st[3].packets == 2,
     "broadcast and unknown go to all others");
  is_int(send_to(0, all, 0, 1515), LWT_EMSGSIZE, "larger than the MTU");
  is_int(send_to(0, all, 0, 1514), 0, "not larger");
  shared = frame(st[1].port->mac, st[0].port->mac, 13, 13);
  is_int(st[0].port->ops->send(st[0].port, shared), LWT_EMSGSIZE, "no frame");
  is_int(st[0].port->stats.tx_errors, 2, "counted");
  run();
  is_int(stats->sent, 13, "sent");
  is_int(stats->delivered, 10 + 3 * 3, "delivered");
  is_int(st[0].port->stats.tx_packets, 13, "per port");
  is_int(st[1].port->stats.rx_packets, 13, "too");
  is_int(st[1].port->stats.rx_bytes, 1200 + 1514, "in bytes");
  end();
}

/* Two who answer each other at once do not recurse. */
static void test_turns(void)
{
  int i;

  start(NULL);
  st[0].echo_to = &st[1];
  st[1].echo_to = &st[0];
  send_to(0, st[1].port->mac, 1, 60);
  for (i = 0; i < 100000; i++)
    lwt_run_ready();
  is_int(st[0].packets + st[1].packets, 100000, "one packet a turn");
  st[0].echo_to = NULL;
  run();
  end();
}

static void test_listeners(void)
{
  const struct lwt_net_hub_stats *stats;
  lwt_t *again;

  start(NULL);
  stats = lwt_net_hub_stats(hub);
  again = st[1].port->ops->listen(st[1].port, input, &st[1]);
  is_int(lwt_error(again).code, LWT_EBUSY, "one listener at a time");
  lwt_drop(again);
  lwt_drop(st[1].listening);
  send_to(0, st[1].port->mac, 1, 60);
  run();
  ok(st[1].packets == 0 && stats->deaf == 1 && st[1].port->stats.rx_dropped == 1,
     "nobody listens");
  st[1].listening = st[1].port->ops->listen(st[1].port, input, &st[1]);
  send_to(0, st[1].port->mac, 1, 60);
  run();
  is_int(st[1].packets, 1, "somebody again");
  send_to(0, st[1].port->mac, 1, 60);
  lwt_drop(st[1].port->ops->close(st[1].port));
  st[1].port = NULL;
  run();
  is_int(lwt_error(st[1].listening).code, LWT_ENETDOWN, "the port was closed");
  is_int(st[1].packets, 1, "with a packet on its way");
  lwt_drop(st[2].port->ops->close(st[2].port));
  lwt_drop(st[3].port->ops->close(st[3].port));
  st[2].port = st[3].port = NULL;
  send_to(0, all, 1, 60);
  run();
  is_int(stats->nobody, 1, "alone");
  end();
}

/* ---- Bad links --------------------------------------------------------- */

static void many(uint32_t n, uint32_t len)
{
  uint32_t i;

  for (i = 0; i < n; i++) {
    send_to(0, st[1].port->mac, i + 1, len);
    if (i % 100 == 99)
      run();
  }
  run();
}

static void within(uint64_t got, uint64_t low, uint64_t high, const char *what)
{
  ok(got >= low && got <= high, "%s: %" PRIu64 " of %" PRIu64 " to %" PRIu64, what, got,
     low, high);
}

static void test_loss(void)
{
  struct lwt_net_hub_config config = { .link.loss = LWT_NET_PERCENT(20), .seed = 1 };
  unsigned first;

  start(&config);
  many(10000, 60);
  within(st[1].packets, 7800, 8200, "a fifth is lost");
  is_int(lwt_net_hub_stats(hub)->lost, 10000 - st[1].packets, "and counted");
  first = st[1].packets;
  stop();
  start(&config);
  many(10000, 60);
  is_int(st[1].packets, first, "the same every time");
  stop();
  config.seed = 2;
  start(&config);
  many(10000, 60);
  ok(st[1].packets != first, "another seed is another fate");
  end();
}

static void test_duplicate_reorder_corrupt(void)
{
  struct lwt_net_hub_config config = { .link.duplicate = LWT_NET_PERCENT(10) };

  start(&config);
  many(10000, 60);
  within(st[1].packets, 10800, 11200, "a tenth arrives twice");
  is_int(lwt_net_hub_stats(hub)->duplicated, st[1].packets - 10000, "counted");
  is_int(st[1].out_of_order, 0, "in order");
  stop();
  config.link = (struct lwt_net_link){ .reorder = LWT_NET_PERCENT(10) };
  start(&config);
  many(10000, 60);
  is_int(st[1].packets, 10000, "none is lost");
  within(st[1].out_of_order, 700, 1100, "a tenth is overtaken");
  within(lwt_net_hub_stats(hub)->reordered, 900, 1100, "counted");
  stop();
  config.link = (struct lwt_net_link){ .corrupt = LWT_NET_PERCENT(10) };
  start(&config);
  many(10000, 1000);
  within(lwt_net_hub_stats(hub)->corrupted, 900, 1100, "a tenth is spoilt");
  ok(st[1].spoilt == st[1].bits && st[1].spoilt > 800, "by one bit");
  end();
}

/* A frame that somebody else still looks at is spoilt for the receiver only. */
static void test_corrupt_shared(void)
{
  struct lwt_net_hub_config config = { .link.corrupt = 1000000 };
  struct lwt_buf *f, *kept;
  uint8_t before[1000], after[1000];

  start(&config);
  f = frame(st[1].port->mac, st[0].port->mac, 1, 1000);
  kept = lwt_buf_slice(f, 0, 1000);
  lwt_buf_copy_out(kept, 0, before, 1000);
  st[0].port->ops->send(st[0].port, f);
  run();
  lwt_buf_copy_out(kept, 0, after, 1000);
  ok(!memcmp(before, after, 1000), "the sender's bytes are untouched");
  is_int(lwt_net_hub_stats(hub)->corrupted, 1, "the packet was spoilt");
  lwt_buf_free(kept);
  end();
}

static void test_delay(void)
{
  struct lwt_net_hub_config config = { .link = { .delay = LWT_MS(10) } };
  struct lwt_net_link link = { .delay = LWT_MS(10), .jitter = LWT_MS(5) };
  int i;

  start(&config);
  send_to(0, st[1].port->mac, 1, 60);
  is_int(lwt_timers(), 1, "one timer");
  for (i = 0; i < 1000; i++)
    send_to(0, st[1].port->mac, 1, 60);
  is_int(lwt_timers(), 1, "for any number of packets");
  run();
  ok(st[1].packets == 1001 && st[1].batches == 1, "together");
  is_int(st[1].first_at, LWT_S(1) + LWT_MS(10), "ten milliseconds later");
  is_int(lwt_timers(), 0, "and none when they have arrived");
  lwt_net_hub_set_link(hub, st[0].port, &link);
  st[1].first_at = 0;
  virtual.time = LWT_S(2);
  many(90, 60);
  is_int(st[1].out_of_order, 0, "jitter keeps the order");
  ok(st[1].first_at >= LWT_S(2) + LWT_MS(10) && st[1].last_at <= LWT_S(2) + LWT_MS(15) &&
       st[1].last_at > st[1].first_at,
     "within its bounds");
  st[2].first_at = 0;
  virtual.time = LWT_S(3);
  send_to(1, st[2].port->mac, 1, 60);
  run();
  is_int(st[2].first_at, LWT_S(3) + LWT_MS(10), "other ports are as before");
  send_to(0, st[1].port->mac, 1, 60);
  lwt_drop(st[1].port->ops->close(st[1].port)); /* with a packet in flight */
  st[1].port = NULL;
  end();
}

static void test_bandwidth(void)
{
  struct lwt_net_hub_config config = {
    .link = { .bandwidth = 8000000, .queue = 10000 } /* 1 byte a microsecond */
  };
  lwt_t *w, *busy;
  int i, n = 0;

  start(&config);
  is_int(st[0].port->ops->room(st[0].port), 10000 / 1514, "room");
  w = st[0].port->ops->writable(st[0].port);
  is_int(lwt_state(w), LWT_FULFILLED, "writable");
  lwt_drop(w);
  for (i = 0; i < 15; i++)
    n += send_to(0, st[1].port->mac, (uint32_t)i, 1000) == LWT_ENOBUFS;
  is_int(n, 5, "what does not fit in the queue is refused");
  is_int(lwt_net_hub_stats(hub)->queue_full, 5, "and counted");
  is_int(st[0].port->stats.tx_dropped, 5, "twice");
  is_int(st[0].port->ops->room(st[0].port), 0, "no room");
  w = st[0].port->ops->writable(st[0].port);
  is_int(lwt_state(w), LWT_PENDING, "not writable");
  busy = st[0].port->ops->writable(st[0].port);
  is_int(lwt_error(busy).code, LWT_EBUSY, "one waits");
  lwt_drop(busy);
  while (lwt_state(w) == LWT_PENDING)
    virtual.time = lwt_run_ready();
  within(virtual.time - LWT_S(1), LWT_MS(5), LWT_MS(6), "writable when it is half empty");
  lwt_drop(w);
  run();
  is_int(st[1].first_at - LWT_S(1), LWT_MS(1), "the first takes its time");
  is_int(st[1].last_at - LWT_S(1), LWT_MS(10), "the others queue behind");
  is_int(st[1].packets, 10, "all that were taken arrive");
  stop();
  config.link = (struct lwt_net_link){ .queue = 5000 };
  start(&config);
  for (i = n = 0; i < 8; i++)
    n += send_to(0, st[1].port->mac, (uint32_t)i, 1000) == LWT_ENOBUFS;
  is_int(n, 3, "the queue of one turn is bounded, too");
  w = st[0].port->ops->writable(st[0].port);
  is_int(lwt_state(w), LWT_PENDING, "not writable");
  lwt_run_ready();
  is_int(lwt_state(w), LWT_FULFILLED, "until the turn");
  lwt_drop(w);
  end();
}

static void test_in_flight(void)
{
  struct lwt_net_hub_config config = { .link.delay = LWT_S(1), .in_flight = 100 };

  start(&config);
  many(50, 60);
  is_int(st[1].packets, 50, "a few");
  for (config.seed = 0; config.seed < 150; config.seed++)
    send_to(0, st[1].port->mac, 1, 60);
  run();
  is_int(st[1].packets, 150, "at most a hundred are in flight");
  is_int(lwt_net_hub_stats(hub)->full, 50, "the others are counted");
  end();
}

/* ---- Captures ---------------------------------------------------------- */

static uint32_t word(const uint8_t *p)
{
  uint32_t v;

  memcpy(&v, p, 4);
  return v;
}

static void test_capture(void)
{
  struct lwt_net_pcap *pcap;
  struct lwt_buf *f;
  uint8_t bytes[4000];
  size_t n;
  FILE *out = tmpfile();

  start(NULL);
  is_int(lwt_net_pcap_new(out, 1000, LWT_S(1000), &pcap), 0, "a capture");
  lwt_net_hub_tap(hub, pcap);
  virtual.time = LWT_S(5) + 7;
  send_to(0, all, 1, 60);
  f = frame(st[1].port->mac, st[0].port->mac, 2, 200);
  lwt_buf_append(f, frame(st[1].port->mac, st[0].port->mac, 3, 1000));
  st[0].port->ops->send(st[0].port, f);
  f = frame(st[1].port->mac, st[0].port->mac, 0, 34);
  f->flags = LWT_BUF_CSUM_PARTIAL;
  f->csum_start = 18;
  f->csum_offset = 14;
  st[0].port->ops->send(st[0].port, f);
  run();
  lwt_net_hub_tap(hub, NULL);
  send_to(0, all, 1, 60);
  run();
  is_int(lwt_net_pcap_written(pcap), 3, "three packets");
  is_int(lwt_net_pcap_free(pcap), 0, "written");
  rewind(out);
  n = fread(bytes, 1, sizeof bytes, out);
  is_int(n, 24 + 16 * 3 + 60 + 1000 + 34, "as long as they should be");
  is_int(word(bytes), 0xa1b23c4d, "with nanoseconds");
  ok(bytes[4] == 2 && bytes[6] == 4 && word(bytes + 16) == 1000 && word(bytes + 20) == 1,
     "version 2.4, Ethernet");
  ok(word(bytes + 24) == 1005 && word(bytes + 28) == 7 && word(bytes + 32) == 60 &&
       word(bytes + 36) == 60,
     "the first record");
  ok(!memcmp(bytes + 40, all, 6) && bytes[99] == 0x5a, "its bytes");
  ok(word(bytes + 108) == 1000 && word(bytes + 112) == 1200, "a long one is cut");
  n = 24 + 16 + 60 + 16 + 1000 + 16;
  /* eight words of 0x5a5a, one of which is the field: its sum went in */
  is_int(bytes[n + 32] << 8 | bytes[n + 33], (uint16_t)~(8 * 0x5a5a % 0xffff),
         "a checksum that the device would compute");
  fclose(out);
  end();
  out = fopen("/dev/full", "w");
  if (out) {
    setvbuf(out, NULL, _IONBF, 0);
    is_int(lwt_net_pcap_new(out, 0, 0, &pcap), LWT_EIO, "a full disk");
    fclose(out);
  } else {
    skip("no /dev/full", "a full disk");
  }
  is_int(lwt_live() + lwt_buf_live(), 0, "nothing lives");
}

/* ---- A million packets, failed allocations ----------------------------- */

static void test_million(void)
{
  struct lwt_net_hub_config config = { .link.delay = LWT_MS(1), .link.loss = 1000 };
  uint32_t i;

  start(&config);
  for (i = 0; i < 1000000; i++) {
    send_to(0, st[1].port->mac, i, 60);
    if (i % 1000 == 999)
      run();
  }
  run();
  is_int(st[1].packets + lwt_net_hub_stats(hub)->lost, 1000000, "a million packets");
  end();
}

static void bad_day(void *env)
{
  struct lwt_net_hub_config config = {
    .link = { .loss = LWT_NET_PERCENT(10), .duplicate = LWT_NET_PERCENT(20),
              .corrupt = LWT_NET_PERCENT(20), .delay = LWT_MS(1),
              .bandwidth = 100000000 }
  };
  lwt_t *w;
  uint32_t i;

  (void)env;
  hub = NULL;
  if (start(&config)) {
    if (hub)
      stop();
    return;
  }
  for (i = 0; i < 20; i++)
    send_to(0, i & 1 ? all : st[1].port->mac, i, 500);
  w = st[0].port->ops->writable(st[0].port);
  run();
  lwt_error(w);
  lwt_drop(w);
  config.link.delay = config.link.bandwidth = 0;
  lwt_net_hub_set_link(hub, NULL, &config.link);
  for (i = 0; i < 20; i++)
    send_to(0, i & 1 ? all : st[1].port->mac, i, 500);
  run();
  stop();
}

static void test_failures(void)
{
  struct lwt_test_result r = lwt_test_each_allocation(bad_day, NULL, NULL);

  ok(r.runs > 4, "%d runs with a failing allocation", (int)r.runs);
  is_int(r.alive, 0, "nothing alive");
  is_int(r.lost, 0, "nothing leaked");
}

int main(void)
{
  lwt_test_memory();
  lwt_virtual_init(&virtual);
  lwt_set_engine(&virtual.engine);
  test_switch();
  test_turns();
  test_listeners();
  test_loss();
  test_duplicate_reorder_corrupt();
  test_corrupt_shared();
  test_delay();
  test_bandwidth();
  test_in_flight();
  test_capture();
  test_million();
  test_failures();
  return lwt_test_done();
}
