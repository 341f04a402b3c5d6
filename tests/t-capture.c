/* t-capture.c - what goes over the wire, judged by tshark where it is installed.
 * SPDX-License-Identifier: ISC
 *
 * TCP with a lossy link, datagrams in fragments, a closed port: once with
 * checksums, once with the checksums left to the device.  The records must be
 * well formed, and all checksums right.
 */
#define LWT_TEST_SHORT
#include <lwt-net.h>
#include <lwt/engine.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct lwt_virtual virtual;
static struct lwt_net_hub *hub;
static struct lwt_stack *a, *b;
static uint8_t pattern[100000];

static struct lwt_addr addr(const char *text, uint16_t port)
{
  struct lwt_addr at = { 0 };

  lwt_addr_parse(&at, text);
  at.port = port;
  return at;
}

static struct lwt_stack *add(const char *ip)
{
  struct lwt_net_config config = { .addr = addr(ip, 0), .prefix = 24 };
  struct lwt_stack *stack = NULL;
  struct lwt_netif *port;

  lwt_net_hub_port(hub, NULL, &port);
  lwt_net_stack_new(port, &config, &stack);
  return stack;
}

static void finish(lwt_t *p, int code, const char *what)
{
  is_int(lwt_run_value(p, NULL).code, code, "%s", what);
}

struct echo {
  struct lwt_frame frame;
  struct lwt_listener *listener;
  struct lwt_flow *flow;
};

LWT_STEP echo_step(struct lwt_frame *frame)
{
  struct echo *e = (struct echo *)frame;

  lwt_begin(e);
  lwt_await(e, &e->flow, lwt_accept(e->listener));
  lwt_await(e, lwt_flow_splice(e->flow, e->flow));
  lwt_await(e, lwt_flow_close(e->flow));
  lwt_end(e);
}

struct talk {
  struct lwt_frame frame;
  struct lwt_flow *flow;
  lwt_t *writing;
  size_t got, n;
  uint8_t bytes[400];
};

LWT_STEP write_step(struct lwt_frame *frame)
{
  struct talk *t = (struct talk *)frame;

  lwt_begin(t);
  lwt_await(t, lwt_flow_write(t->flow, pattern, sizeof pattern));
  lwt_await(t, lwt_flow_shutdown(t->flow));
  lwt_end(t);
}

LWT_STEP talk_step(struct lwt_frame *frame)
{
  struct talk *t = (struct talk *)frame;
  struct lwt_addr to = addr("10.0.0.2", 7);

  lwt_begin(t);
  lwt_await(t, &t->flow, lwt_stack_connect(a, &to));
  t->writing = LWT_GO(struct talk, write_step, .flow = t->flow);
  for (;;) {
    lwt_await(t, &t->n, lwt_flow_read(t->flow, t->bytes, sizeof t->bytes));
    if (!t->n)
      break;
    if (t->got + t->n > sizeof pattern || memcmp(pattern + t->got, t->bytes, t->n))
      lwt_throw(t, LWT_EIO, "other bytes");
    t->got += t->n;
  }
  lwt_await(t, t->writing);
  lwt_await(t, lwt_flow_close(t->flow));
  lwt_end(t);
}

/* Everything once, captured. */
static void converse(FILE *out, uint32_t offloads)
{
  struct lwt_net_hub_config config = { .offloads = offloads, .seed = 5,
                                       .link = { .delay = LWT_MS(1) } };
  struct lwt_addr any = addr("0.0.0.0", 7), to = addr("10.0.0.2", 7);
  struct lwt_net_pcap *pcap;
  struct lwt_listener *listener;
  struct lwt_udp *ua, *ub;
  struct lwt_error error;
  void *d = NULL;
  lwt_t *e;

  virtual.time = LWT_S(1);
  lwt_net_hub_new(&config, &hub);
  lwt_net_pcap_new(out, 0, LWT_S(1700000000), &pcap);
  lwt_net_hub_tap(hub, pcap);
  a = add("10.0.0.1");
  b = add("10.0.0.2");
  lwt_stack_listen(b, &any, 4, &listener);
  lwt_stack_udp(a, &any, &ua);
  lwt_stack_udp(b, &any, &ub);
  finish(lwt_udp_send(ua, &to, pattern, 5000), 0, "a datagram in pieces");
  error = lwt_run_value(LWT_UNTYPED(lwt_udp_receive(ub)), &d);
  ok(!error.code && ((struct lwt_datagram *)d)->packet->total == 5000, "received");
  lwt_datagram_free(d);
  to.port = 9;
  finish(lwt_udp_send(ua, &to, pattern, 50), 0, "one to a closed port");
  config.link.loss = LWT_NET_PERCENT(3);
  lwt_net_hub_set_link(hub, NULL, &config.link);
  e = LWT_GO(struct echo, echo_step, .listener = listener);
  finish(LWT_GO(struct talk, talk_step, .got = 0), 0, "bytes over a bad link");
  finish(e, 0, "both ends");
  is_int(lwt_net_stats(b)->tcp_checksum + lwt_net_stats(b)->udp_checksum, 0, "sums");
  lwt_listener_close(listener);
  lwt_udp_close(ua);
  lwt_udp_close(ub);
  finish(lwt_stack_close(a), 0, "closed");
  finish(lwt_stack_close(b), 0, "closed");
  lwt_net_hub_tap(hub, NULL);
  lwt_net_hub_free(hub);
  ok(lwt_net_pcap_written(pcap) > 150, "captured");
  is_int(lwt_net_pcap_free(pcap), 0, "to the end");
}

/* How many packets of the file match; -1: there is no tshark. */
static int matches(const char *path, const char *filter)
{
  char command[700];
  int n = 0, c;
  FILE *in;

  snprintf(command, sizeof command,
           "tshark -r %s -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE "
           "-o udp.check_checksum:TRUE -Y '%s' 2>/dev/null",
           path, filter);
  in = popen(command, "r");
  if (!in)
    return -1;
  while ((c = getc(in)) != EOF)
    n += c == '\n';
  return pclose(in) ? -1 : n;
}

static void judge(const char *path)
{
  static const char *const bad[] = {
    "_ws.malformed", "ip.checksum.status == 0", "tcp.checksum.status == 0",
    "udp.checksum.status == 0", "icmp.checksum.status == 0", "tcp.flags.reset == 1",
    "arp.duplicate-address-detected", "_ws.expert.severity == error",
  };
  size_t i;

  if (matches(path, "tcp") < 0) {
    skip("tshark is not installed", "judged");
    return;
  }
  ok(matches(path, "tcp.checksum.status == 1") > 100, "tshark reads the capture");
  ok(matches(path, "ip.reassembled_in || udp.length == 5008") > 0, "and joins pieces");
  for (i = 0; i < sizeof bad / sizeof *bad; i++)
    is_int(matches(path, bad[i]), 0, "%s", bad[i]);
}

static void test(uint32_t offloads)
{
  char path[] = "/tmp/lwt-capture-XXXXXX";
  int fd = mkstemp(path);
  FILE *out = fd < 0 ? NULL : fdopen(fd, "wb");

  if (!ok(out != NULL, "a file"))
    return;
  converse(out, offloads);
  fclose(out);
  judge(path);
  unlink(path);
}

int main(void)
{
  size_t i;

  for (i = 0; i < sizeof pattern; i++)
    pattern[i] = (uint8_t)(i * 7 + i / 1000);
  lwt_virtual_init(&virtual);
  lwt_set_engine(&virtual.engine);
  test(0);
  test(LWT_NETIF_TX_CSUM | LWT_NETIF_RX_CSUM);
  while (lwt_run_ready() != LWT_NEVER)
    ;
  is_int(lwt_live(), 0, "no promise lives");
  is_int(lwt_timers(), 0, "no timer is set");
  is_int(lwt_buf_live(), 0, "no packet lives");
  return lwt_test_done();
}
