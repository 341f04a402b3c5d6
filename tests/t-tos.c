/* t-tos.c - the TOS field and the traffic class on the wire, where headers are kept from
 * one packet to the next (RFC 2474, RFC 3168).
 * SPDX-License-Identifier: ISC
 *
 * Two stacks on a hub; every frame is taken from the hub's capture.
 */
#define LWT_TEST_SHORT
#include <lwt-ip.h>
#include <lwt-net.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

enum { ECT_0 = 2, CE = 3 };

static struct lwt_net_hub *hub;
static struct lwt_stack *stacks[2];
static struct lwt_listener *listener;
static struct lwt_flow *near, *far;
static int six;

/* ---- Frames ---------------------------------------------------------------- */

static char *captured;
static size_t captured_len, seen;
static FILE *capture;
static struct lwt_net_pcap *pcap;

struct frame {
  int tos, proto, from, sum_ok;
  unsigned len; /* of the payload */
  uint32_t flow, seq;
};

static unsigned word(const uint8_t *p)
{
  return (unsigned)p[0] << 8 | p[1];
}

static int sum_is_right(const uint8_t *ip)
{
  uint32_t sum = 0;
  int i;

  for (i = 0; i < 20; i += 2)
    sum += word(ip + i);
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

/* The next TCP or UDP packet of the capture; 0: there are no more. */
static int next(struct frame *f)
{
  const uint8_t *p, *t;
  unsigned size, total;

  for (fflush(capture); seen + 16 <= captured_len; ) {
    memcpy(&size, captured + seen + 8, 4);
    p = (const uint8_t *)captured + seen + 16;
    seen += 16 + size;
    if (word(p + 12) == 0x0800) {
      f->tos = p[15];
      f->proto = p[23];
      f->from = p[29];
      f->sum_ok = sum_is_right(p + 14);
      f->flow = 0;
      t = p + 34;
      total = word(p + 16) - 20;
    } else if (word(p + 12) == 0x86dd) {
      f->tos = (p[14] & 15) << 4 | p[15] >> 4;
      f->proto = p[20];
      f->from = p[37];
      f->sum_ok = p[14] >> 4 == 6;
      f->flow = (p[15] & 15u) << 16 | word(p + 16);
      t = p + 54;
      total = word(p + 18);
    } else {
      continue;
    }
    f->seq = (uint32_t)word(t + 4) << 16 | word(t + 6);
    f->len = total - (f->proto == 6 ? (t[12] >> 4) * 4u : 8u);
    if (f->proto == 6 || f->proto == 17)
      return 1;
  }
  return 0;
}

/* ---- Life ------------------------------------------------------------------ */

static struct lwt_addr host(int i, uint16_t port)
{
  struct lwt_addr four = { .family = 4, .ip = { 10, 0, 0, (uint8_t)i }, .port = port };
  struct lwt_addr fd = { .family = 6, .ip = { 0xfd, [15] = (uint8_t)i }, .port = port };

  return six ? fd : four;
}

static void begin(uint32_t offloads)
{
  struct lwt_net_hub_config h = { .link = { .delay = LWT_MS(1) }, .offloads = offloads };
  struct lwt_net_config c = { .prefix = 24, .prefix6 = 64, .unchecked6 = 1,
                              .tcp_with = LWT_NET_TCP_ECN };
  struct lwt_netif *port;
  int i;

  lwt_net_hub_new(&h, &hub);
  capture = open_memstream(&captured, &captured_len);
  lwt_net_pcap_new(capture, 0, 0, &pcap);
  lwt_net_hub_tap(hub, pcap);
  seen = 24;
  c.ipv6 = six ? LWT_NET_IPV6_STATIC : LWT_NET_IPV6_OFF;
  for (i = 0; i < 2; i++) {
    *(six ? &c.addr6 : &c.addr) = host(i + 1, 0);
    c.secret[0] = (uint8_t)i;
    lwt_net_hub_port(hub, NULL, &port);
    is_int(lwt_net_stack_new(port, &c, &stacks[i]), 0, "a stack");
  }
  lwt_test_advance(LWT_S(5));
}

static void end(void)
{
  int i;

  for (i = 0; i < 2; i++)
    lwt_async(lwt_stack_close(stacks[i]));
  lwt_test_advance(LWT_S(100));
  lwt_net_hub_tap(hub, NULL);
  lwt_net_hub_free(hub);
  lwt_net_pcap_free(pcap);
  fclose(capture);
  free(captured);
  captured = NULL;
}

static lwt_t *keep(void *env, void *value)
{
  *(struct lwt_flow **)env = value;
  return lwt_return(NULL);
}

static struct lwt_flow *flow_of(lwt_flow_p *p)
{
  struct lwt_flow *flow = NULL;
  lwt_t *kept = lwt_bind(LWT_UNTYPED(p), keep, &flow);

  lwt_test_advance(LWT_MS(50));
  is_fulfilled(kept, NULL, "a connection");
  lwt_drop(kept);
  return flow;
}

/* near is of the first stack, far of the second. */
static void connect_them(void)
{
  struct lwt_addr at = { .family = six ? 6 : 4, .port = 80 }, to = host(2, 80);
  lwt_flow_p *p;

  is_int(lwt_stack_listen(stacks[1], &at, 4, &listener), 0, "somebody listens");
  p = lwt_stack_connect(stacks[0], &to);
  near = flow_of(p);
  far = flow_of(lwt_accept(listener));
  ok(near && far, "connected");
}

static uint8_t bytes[20000];

/* Read so many bytes. */
static void read_all(struct lwt_flow *flow, size_t n)
{
  size_t got = 0;
  uint8_t in[4096];
  lwt_t *p;

  while (got < n) {
    p = LWT_UNTYPED(lwt_flow_read(flow, in, sizeof in));
    lwt_test_advance(LWT_MS(50));
    if (lwt_state(p) != LWT_FULFILLED || !lwt_value(p))
      n = 0;
    else
      got += (uintptr_t)lwt_value(p);
    lwt_drop(p);
  }
  is_int((intmax_t)got, (intmax_t)n, "%d bytes have come", (int)got);
}

static void carry(struct lwt_flow *from, struct lwt_flow *to, size_t n)
{
  lwt_t *p = lwt_flow_write(from, bytes, n);

  lwt_test_advance(LWT_MS(50));
  read_all(to, n);
  is_fulfilled(p, NULL, "all was taken");
  lwt_drop(p);
}

static void shut(void)
{
  lwt_flow_abort(near);
  lwt_flow_abort(far);
  lwt_listener_close(listener);
  lwt_test_advance(LWT_S(1));
  end();
}

/* ---- TCP ------------------------------------------------------------------- */

/* What was sent since then: data has these bits, all else the code point alone. */
static void sent(int from, int dscp, int ecn, const char *what)
{
  int data = 0, wrong = 0, others = 0, sums = 0;
  struct frame f;

  while (next(&f)) {
    if (f.from != from)
      continue;
    sums += !f.sum_ok;
    if (f.len) {
      data++;
      wrong += f.tos != (dscp << 2 | ecn);
    } else {
      others++;
      wrong += f.tos != dscp << 2;
    }
  }
  printf("# %d with data, %d without, %d wrong, %d sums\n", data, others, wrong, sums);
  ok(data + others > 0 && !wrong && !sums, "%s", what);
}

/* The same connection, the same kept headers, another code point from one write to the
 * next. */
static void tcp(uint32_t offloads)
{
  begin(offloads);
  connect_them();
  sent(1, 0, 0, "the handshake");
  carry(near, far, 10000);
  sent(1, 0, ECT_0, "data can be marked, ACKs cannot");
  is_int(lwt_net_tcp_dscp(near, 46), 0, "another code point");
  carry(near, far, 10000);
  sent(1, 46, ECT_0, "it and ECN, at once");
  is_int(lwt_net_tcp_dscp(near, 0), 0, "none again");
  carry(near, far, 10000);
  sent(1, 0, ECT_0, "nothing of it is left");
  is_int(lwt_net_tcp_dscp(far, 63), 0, "all bits, of the other end");
  carry(far, near, 10000);
  sent(2, 63, ECT_0, "there");
  carry(near, far, 1000);
  sent(1, 0, ECT_0, "not here");
  shut();
}

/* A segment that was lost is not marked when it goes again, new ones are (6.1.5). */
static void again(void)
{
  const struct lwt_net_link lossy = { .delay = LWT_MS(1), .loss = 1000000 };
  const struct lwt_net_link good = { .delay = LWT_MS(1) };
  struct frame f;
  lwt_t *p;
  int n = 0, marked = 0;
  uint32_t new;

  begin(0);
  connect_them();
  carry(near, far, 1000);
  while (next(&f))
    ;
  lwt_net_hub_set_link(hub, NULL, &lossy);
  p = lwt_flow_write(near, bytes, 1000);
  lwt_test_advance(LWT_MS(10));
  ok(next(&f) && f.len == 1000 && f.tos == ECT_0, "sent, and lost");
  new = f.seq + 1000;
  lwt_test_advance(LWT_S(1));
  lwt_net_hub_set_link(hub, NULL, &good);
  lwt_test_advance(LWT_S(5));
  lwt_drop(p);
  while (next(&f))
    if (f.from == 1 && f.len) {
      n++;
      marked += f.tos != 0;
    }
  ok(n > 0 && !marked, "sent again %d times, never to be marked", n);
  read_all(far, 1000);
  carry(near, far, 2000);
  n = marked = 0;
  while (next(&f))
    if (f.from == 1 && f.len && (int32_t)(f.seq - new) >= 0) {
      n++;
      marked += f.tos == ECT_0;
      new = f.seq + f.len;
    }
  ok(n > 0 && n == marked, "what is new can be marked again (%d)", n);
  shut();
}

/* ---- UDP ------------------------------------------------------------------- */

/* Endpoints with different options in turn to the same place. */
static void udp(void)
{
  static const uint8_t tos[] = { 0, 0xb8, 0, 0x20, 0 };
  const struct lwt_addr any = { .family = six ? 6 : 4 };
  struct lwt_udp *to, *u[3];
  struct lwt_addr at = host(2, 7);
  struct frame f;
  int i, wrong = 0, n = 0;
  lwt_t *p;

  begin(0);
  is_int(lwt_stack_udp(stacks[1], &at, &to), 0, "who receives");
  for (i = 0; i < 3; i++) {
    const struct lwt_ip_udp_options o = { .tos = i == 0 ? 0 : i == 1 ? 0xb8 : 0x20 };

    is_int(lwt_ip_udp_open(stacks[0], &any, &o, &u[i]), 0, "who sends, TOS %d", o.tos);
  }
  for (i = 0; i < 20; i++) {
    int k = tos[i % 5] == 0 ? 0 : tos[i % 5] == 0xb8 ? 1 : 2;

    p = lwt_udp_send(u[k], &at, bytes, (size_t)(100 + i));
    lwt_test_advance(LWT_MS(5));
    lwt_drop(p);
  }
  while (next(&f))
    if (f.proto == 17 && f.from == 1) {
      wrong += f.len != (unsigned)(100 + n) || f.tos != tos[n % 5] || !f.sum_ok;
      n++;
    }
  is_int(n, 20, "all were sent");
  is_int(wrong, 0, "each with its own");
  for (i = 0; i < 3; i++)
    lwt_udp_close(u[i]);
  lwt_udp_close(to);
  end();
}

/* ---- Flow labels (RFC 6437) -------------------------------------------------- */

static uint32_t label(void)
{
  uint32_t first = 0;
  struct frame f;
  int n = 0, differ = 0;

  while (next(&f))
    if (f.from == 1) {
      if (!n++)
        first = f.flow;
      differ += f.flow != first;
    }
  ok(n > 2 && !differ, "one label for a connection (%d packets)", n);
  return first;
}

static void labels(void)
{
  uint32_t one, other;

  six = 1;
  begin(0);
  connect_them();
  carry(near, far, 5000);
  one = label();
  ok(one != 0, "which is set");
  lwt_flow_abort(near);
  lwt_flow_abort(far);
  lwt_listener_close(listener);
  lwt_test_advance(LWT_S(1));
  while (next(&(struct frame){ 0 }))
    ;
  connect_them();
  carry(near, far, 5000);
  other = label();
  ok(one != other, "another one for another connection");
  shut();
}

static void each_tcp(int with)
{
  six = with;
  tcp(0);
  tcp(LWT_NETIF_TX_CSUM | LWT_NETIF_RX_CSUM);
  again();
}

static void tcp4(void)
{
  each_tcp(0);
}

static void tcp6(void)
{
  each_tcp(1);
}

static void udp4(void)
{
  six = 0;
  udp();
}

static void udp6(void)
{
  six = 1;
  udp();
}

static const struct lwt_test tests[] = {
  LWT_TEST(tcp4), LWT_TEST(tcp6), LWT_TEST(udp4), LWT_TEST(udp6), LWT_TEST(labels)
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
