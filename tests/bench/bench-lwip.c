/* bench-lwip.c - the rows of bench-net for lwIP, which net-ratios compiles and runs.
 * SPDX-License-Identifier: ISC
 *
 *   bench-lwip NAME [N]   one line: impl=lwip bench=NAME n=N secs=S ns_op=X ...
 *   bench-lwip            bulk, rr, reset, udp
 *
 * lwIP's state is global: this is one instance with two Ethernet interfaces, whose
 * pcbs are each bound to one of them, so that all goes over the "wire".  That copies
 * each frame once, as a sender's buffers hold headers that the receiver would strip.
 * Callbacks of the raw API, one thread, nothing between them and the stack.
 */
#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/pbuf.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>
#include <netif/ethernet.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHUNK = 128 << 10, WIRE = 8192, FRAMES_PER_LOOK = 256 };

static struct netif nics[2];
static struct {
  struct pbuf *frame;
  struct netif *to;
} wire[WIRE];
static unsigned wire_first, wire_n;
static uint64_t n, count;
static int done;
static int next; /* row reset: open a connection, outside of the input of another one */
static uint8_t bytes[CHUNK], into[CHUNK];

static void must(int ok, const char *what)
{
  if (ok)
    return;
  fprintf(stderr, "bench-lwip: %s\n", what);
  exit(1);
}

static double now(clockid_t clock)
{
  struct timespec t;

  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#if NO_SYS
u32_t sys_now(void)
{
  return (u32_t)(now(CLOCK_MONOTONIC) * 1000);
}
#endif

/* ---- The wire ---------------------------------------------------------- */

static err_t transmit(struct netif *nic, struct pbuf *p)
{
  struct pbuf *frame;
  unsigned at = (wire_first + wire_n) % WIRE;

  if (wire_n == WIRE)
    return ERR_MEM;
  frame = pbuf_alloc(PBUF_RAW, p->tot_len, PBUF_POOL);
  if (!frame)
    return ERR_MEM;
  pbuf_copy(frame, p);
  wire[at].frame = frame;
  wire[at].to = nic == &nics[0] ? &nics[1] : &nics[0];
  wire_n++;
  return ERR_OK;
}

static void connect_to(tcp_connected_fn connected);
static err_t ask_and_reset(void *env, struct tcp_pcb *pcb, err_t error);

/* Until the row is done: frames, and the timers now and then. */
static void pump(void)
{
  unsigned since = 0, at;

  while (!done) {
    if (next) {
      next = 0;
      connect_to(ask_and_reset);
    }
    if (!wire_n || ++since == FRAMES_PER_LOOK) {
      since = 0;
      sys_check_timeouts();
    }
    if (!wire_n)
      continue;
    at = wire_first;
    wire_first = (wire_first + 1) % WIRE;
    wire_n--;
    if (wire[at].to->input(wire[at].frame, wire[at].to) != ERR_OK)
      pbuf_free(wire[at].frame);
  }
}

static err_t nic_init(struct netif *nic)
{
  nic->hwaddr_len = 6;
  nic->hwaddr[0] = 2;
  nic->hwaddr[5] = (u8_t)(1 + (nic - nics));
  nic->mtu = 1500;
  nic->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_LINK_UP;
  nic->output = etharp_output;
  nic->linkoutput = transmit;
  return ERR_OK;
}

static void set_up(void)
{
  ip4_addr_t ip, mask, gateway;
  int i;

  lwip_init();
  IP4_ADDR(&mask, 255, 255, 255, 0);
  IP4_ADDR(&gateway, 0, 0, 0, 0);
  for (i = 0; i < 2; i++) {
    IP4_ADDR(&ip, 10, 0, 0, (u8_t)(1 + i));
    must(netif_add(&nics[i], &ip, &mask, &gateway, NULL, nic_init, ethernet_input) ==
           &nics[i],
         "netif_add");
    netif_set_up(&nics[i]);
  }
}

/* ---- TCP --------------------------------------------------------------- */

static struct tcp_pcb *new_pcb(int nic)
{
  struct tcp_pcb *pcb = tcp_new();

  must(pcb != NULL, "tcp_new");
  tcp_bind_netif(pcb, &nics[nic]);
  return pcb;
}

static void listen_on(tcp_accept_fn accept)
{
  struct tcp_pcb *pcb = new_pcb(1);

  must(tcp_bind(pcb, &nics[1].ip_addr, 7) == ERR_OK, "tcp_bind");
  pcb = tcp_listen(pcb);
  must(pcb != NULL, "tcp_listen");
  tcp_accept(pcb, accept);
}

static void connect_to(tcp_connected_fn connected)
{
  struct tcp_pcb *pcb = new_pcb(0);

  tcp_nagle_disable(pcb);
  must(tcp_connect(pcb, &nics[1].ip_addr, 7, connected) == ERR_OK, "tcp_connect");
}

static void send_byte(struct tcp_pcb *pcb)
{
  must(tcp_write(pcb, bytes, 1, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
  tcp_output(pcb);
}

static err_t echo(void *env, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
  (void)env, (void)error;
  if (!p) {
    tcp_close(pcb);
    return ERR_OK;
  }
  tcp_recved(pcb, p->tot_len);
  pbuf_copy_partial(p, into, p->tot_len, 0);
  pbuf_free(p);
  send_byte(pcb);
  return ERR_OK;
}

static err_t accept_echo(void *env, struct tcp_pcb *pcb, err_t error)
{
  (void)env, (void)error;
  tcp_nagle_disable(pcb);
  tcp_recv(pcb, echo);
  return ERR_OK;
}

static err_t answered(void *env, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
  (void)env, (void)error;
  tcp_recved(pcb, p->tot_len);
  pbuf_copy_partial(p, into, p->tot_len, 0);
  pbuf_free(p);
  if (++count < n)
    send_byte(pcb);
  else
    done = 1;
  return ERR_OK;
}

static err_t ask(void *env, struct tcp_pcb *pcb, err_t error)
{
  (void)env, (void)error;
  tcp_recv(pcb, answered);
  send_byte(pcb);
  return ERR_OK;
}

static void rr(void)
{
  listen_on(accept_echo);
  connect_to(ask);
  pump();
}

static err_t answered_reset(void *env, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
  (void)env, (void)error;
  pbuf_copy_partial(p, into, p->tot_len, 0);
  pbuf_free(p);
  tcp_abort(pcb);
  if (++count < n)
    next = 1;
  else
    done = 1;
  return ERR_ABRT;
}

static err_t ask_and_reset(void *env, struct tcp_pcb *pcb, err_t error)
{
  (void)env, (void)error;
  tcp_recv(pcb, answered_reset);
  send_byte(pcb);
  return ERR_OK;
}

static void reset(void)
{
  listen_on(accept_echo);
  next = 1;
  pump();
}

static err_t swallow(void *env, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
  (void)env, (void)error;
  if (!p)
    return ERR_OK;
  pbuf_copy_partial(p, into, p->tot_len, 0);
  tcp_recved(pcb, p->tot_len);
  count += p->tot_len;
  pbuf_free(p);
  done = count == n;
  return ERR_OK;
}

static err_t accept_bulk(void *env, struct tcp_pcb *pcb, err_t error)
{
  (void)env, (void)error;
  tcp_recv(pcb, swallow);
  return ERR_OK;
}

/* As much as there is room for. */
static err_t fill(void *env, struct tcp_pcb *pcb, u16_t acked)
{
  static uint64_t written;
  static uint32_t from;
  uint32_t room, part;

  (void)env, (void)acked;
  while (written < n && (room = tcp_sndbuf(pcb)) >= TCP_MSS) {
    part = room < 32768 ? room : 32768;
    part = part < n - written ? part : (uint32_t)(n - written);
    part = part < CHUNK - from ? part : CHUNK - from;
    if (tcp_write(pcb, bytes + from, (u16_t)part, TCP_WRITE_FLAG_COPY) != ERR_OK)
      break;
    from = (from + part) % CHUNK;
    written += part;
  }
  tcp_output(pcb);
  return ERR_OK;
}

static err_t begin_bulk(void *env, struct tcp_pcb *pcb, err_t error)
{
  (void)error;
  tcp_sent(pcb, fill);
  return fill(env, pcb, 0);
}

static void bulk(void)
{
  listen_on(accept_bulk);
  connect_to(begin_bulk);
  pump();
}

/* ---- UDP --------------------------------------------------------------- */

static void udp_send_bytes(struct udp_pcb *pcb, const ip_addr_t *to, u16_t port,
                           const void *from, u16_t len)
{
  struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, len, PBUF_RAM);

  must(p != NULL, "pbuf_alloc");
  pbuf_take(p, from, len);
  udp_sendto(pcb, p, to, port);
  pbuf_free(p);
}

static void udp_echo(void *env, struct udp_pcb *pcb, struct pbuf *p,
                     const ip_addr_t *from, u16_t port)
{
  ip_addr_t to = *from;

  (void)env;
  udp_send_bytes(pcb, &to, port, p->payload, p->len);
  pbuf_free(p);
}

static void udp_answered(void *env, struct udp_pcb *pcb, struct pbuf *p,
                         const ip_addr_t *from, u16_t port)
{
  (void)env, (void)from, (void)port;
  pbuf_free(p);
  if (++count < n)
    udp_send_bytes(pcb, &nics[1].ip_addr, 7, bytes, 64);
  else
    done = 1;
}

static void udp(void)
{
  struct udp_pcb *pcb[2];
  int i;

  for (i = 0; i < 2; i++) {
    pcb[i] = udp_new();
    must(pcb[i] != NULL, "udp_new");
    udp_bind_netif(pcb[i], &nics[i]);
    must(udp_bind(pcb[i], &nics[i].ip_addr, i ? 7 : 7000) == ERR_OK, "udp_bind");
  }
  udp_recv(pcb[1], udp_echo, NULL);
  udp_recv(pcb[0], udp_answered, NULL);
  udp_send_bytes(pcb[0], &nics[1].ip_addr, 7, bytes, 64);
  pump();
}

/* ---- All of them ------------------------------------------------------- */

static const struct {
  const char *name;
  void (*run)(void);
  uint64_t n;
} benches[] = {
  { "bulk", bulk, 2000000000 },
  { "rr", rr, 2000000 },
  { "reset", reset, 300000 },
  { "udp", udp, 2000000 },
};

int main(int argc, char **argv)
{
  unsigned i;
  double secs;

  for (i = 0; i < sizeof benches / sizeof *benches; i++)
    if (argc > 1 && !strcmp(argv[1], benches[i].name))
      break;
  if (i == sizeof benches / sizeof *benches) {
    fprintf(stderr, "usage: bench-lwip NAME [N]\n");
    return 2;
  }
  n = argc > 2 ? strtoull(argv[2], NULL, 0) : benches[i].n;
  set_up();
  secs = now(CLOCK_PROCESS_CPUTIME_ID);
  benches[i].run();
  secs = now(CLOCK_PROCESS_CPUTIME_ID) - secs;
  printf("impl=lwip bench=%s n=%llu secs=%.3f ns_op=%.2f", benches[i].name,
         (unsigned long long)n, secs, secs * 1e9 / (double)n);
  if (benches[i].run == bulk)
    printf(" mb_s=%.0f", (double)n / secs / 1e6);
  printf("\n");
  return 0;
}
