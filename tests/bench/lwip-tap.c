/* lwip-tap.c - lwIP as a server on a tap device, to measure ourselves by.
 * SPDX-License-Identifier: ISC
 *
 *   lwip-tap TAP ADDRESS     echo 7, discard 9, chargen 19, UDP echo 7, HTTP 80
 *
 * bench-tap.py builds it where Debian's liblwip-dev is installed:
 *
 *   cc -O2 -I/usr/include/lwip tests/bench/lwip-tap.c -llwip -o lwip-tap
 *
 * The raw interface, frames in batches of 64, all in one thread but lwIP's timers:
 * as fast as the packaged library goes.  It comes without its httpd, so a request
 * for /N is answered here, with N bytes from memory, and less work than httpd has.
 * With -DLWIP_TAP_HTTPD and httpd.c and fs.c of lwIP's source (src/apps/http), that
 * httpd answers, with /600 and /60000 in its file system, heads included:
 *
 *   ... -DLWIP_TAP_HTTPD -DLWIP_HTTPD_SUPPORT_11_KEEPALIVE=1 \
 *     -DHTTPD_FSDATA_FILE='"lwip-files.h"' -Itests/bench DIR/httpd.c DIR/fs.c
 */
#define _GNU_SOURCE
#include <lwip/etharp.h>
#include <lwip/netif.h>
#include <lwip/tcp.h>
#include <lwip/tcpip.h>
#include <lwip/udp.h>
#include <netif/ethernet.h>
#ifdef LWIP_TAP_HTTPD
#include <lwip/apps/httpd.h>
#include <lwip/init.h>

#include "lwip-files.h"
#endif

#include <fcntl.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BATCH = 64, FRAME = 1514 };

static int tap;
static struct netif netif;
static sem_t begun;
static char bytes[1 << 16];

static void die(const char *what)
{
  perror(what);
  exit(1);
}

/* ---- The device ---------------------------------------------------------- */

static err_t put_frame(struct netif *nif, struct pbuf *p)
{
  char frame[FRAME + 4];
  u16_t len = p->tot_len;

  (void)nif;
  if (p->next && !pbuf_copy_partial(p, frame, sizeof frame, 0))
    return ERR_BUF;
  return write(tap, p->next ? frame : p->payload, len) < 0 ? ERR_IF : ERR_OK;
}

/* Returns 0 if there is none. */
static int get_frame(void)
{
  static struct pbuf *next;
  struct pbuf *p = next ? next : pbuf_alloc(PBUF_RAW, FRAME, PBUF_RAM);
  ssize_t n = p ? read(tap, p->payload, FRAME) : 0;

  next = n > 0 ? NULL : p;
  if (n <= 0)
    return 0;
  pbuf_realloc(p, (u16_t)n);
  if (ethernet_input(p, &netif) != ERR_OK)
    pbuf_free(p);
  return 1;
}

static void open_tap(const char *name)
{
  struct ifreq r;

  memset(&r, 0, sizeof r);
  snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
  r.ifr_flags = IFF_TAP | IFF_NO_PI;
  tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (tap < 0 || ioctl(tap, TUNSETIFF, &r))
    die(name);
}

static err_t set_up(struct netif *nif)
{
  static const u8_t mac[6] = { 2, 8, 8, 8, 8, 8 };

  memcpy(nif->hwaddr, mac, 6);
  nif->hwaddr_len = 6;
  nif->mtu = 1500;
  nif->name[0] = 't';
  nif->name[1] = 'p';
  nif->output = etharp_output;
  nif->linkoutput = put_frame;
  nif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

/* ---- Services -------------------------------------------------------------- */

struct http {
  u32_t header, left; /* of the answer, not yet written */
  char text[128];
  char line[64]; /* of the request, as far as it matters */
  u32_t len, ends; /* ends: of "\r\n\r\n", how much was seen */
};

static void udp_echo(void *arg, struct udp_pcb *pcb, struct pbuf *p,
                     const ip_addr_t *addr, u16_t port)
{
  (void)arg;
  udp_sendto(pcb, p, addr, port);
  pbuf_free(p);
}

static void http_go(struct tcp_pcb *pcb, struct http *h)
{
  u32_t room, n;

  if (h->header && tcp_sndbuf(pcb) >= h->header) {
    tcp_write(pcb, h->text, (u16_t)h->header,
              TCP_WRITE_FLAG_COPY | TCP_WRITE_FLAG_MORE);
    h->header = 0;
  }
  while (!h->header && h->left && (room = tcp_sndbuf(pcb)) > 0) {
    n = h->left < room ? h->left : room;
    n = n < 60000 ? n : 60000;
    if (tcp_write(pcb, bytes, (u16_t)n, 0))
      break;
    h->left -= n;
  }
  tcp_output(pcb);
}

static void http_bytes(struct tcp_pcb *pcb, struct http *h, const char *at, u32_t n)
{
  for (; n; n--, at++) {
    if (h->len + 1 < sizeof h->line)
      h->line[h->len++] = *at;
    h->ends = *at == "\r\n\r\n"[h->ends] ? h->ends + 1 : *at == '\r';
    if (h->ends < 4)
      continue;
    h->line[h->len] = '\0';
    h->left = (u32_t)atoi(h->line + 5);
    h->header = (u32_t)snprintf(h->text, sizeof h->text,
                                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                                "Content-Length: %u\r\n\r\n", (unsigned)h->left);
    h->len = h->ends = 0;
    http_go(pcb, h);
  }
}

static void chargen(struct tcp_pcb *pcb)
{
  u16_t n;

  while ((n = tcp_sndbuf(pcb)) > 0 && !tcp_write(pcb, bytes, n < 32768 ? n : 32768, 0))
    ;
  tcp_output(pcb);
}

static err_t sent(void *arg, struct tcp_pcb *pcb, u16_t n)
{
  (void)n;
  if (pcb->local_port == 19)
    chargen(pcb);
  else if (arg)
    http_go(pcb, arg);
  return ERR_OK;
}

static err_t received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
  struct pbuf *q;

  (void)err;
  if (!p) {
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    free(arg);
    tcp_close(pcb);
    return ERR_OK;
  }
  tcp_recved(pcb, p->tot_len);
  for (q = p; q; q = q->next)
    if (pcb->local_port == 7)
      tcp_write(pcb, q->payload, q->len, TCP_WRITE_FLAG_COPY);
    else if (arg)
      http_bytes(pcb, arg, q->payload, q->len);
  pbuf_free(p);
  if (pcb->local_port == 7)
    tcp_output(pcb);
  return ERR_OK;
}

static void failed(void *arg, err_t err)
{
  (void)err;
  free(arg);
}

static err_t accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
  (void)arg;
  if (err || !pcb)
    return ERR_VAL;
  tcp_nagle_disable(pcb);
  tcp_arg(pcb, pcb->local_port == 80 ? calloc(1, sizeof(struct http)) : NULL);
  tcp_recv(pcb, received);
  tcp_sent(pcb, sent);
  tcp_err(pcb, failed);
  if (pcb->local_port == 19)
    chargen(pcb);
  return ERR_OK;
}

#ifdef LWIP_TAP_HTTPD
static unsigned char page[1024], large[61440];
/* As makefsdata -11 would make them. */
static struct fsdata_file small_file = {
  .name = (const unsigned char *)"/600",
  .data = page,
  .flags = FS_FILE_FLAGS_HEADER_INCLUDED | FS_FILE_FLAGS_HEADER_PERSISTENT |
    FS_FILE_FLAGS_HEADER_HTTPVER_1_1,
};
struct fsdata_file lwip_files = {
  .next = &small_file,
  .name = (const unsigned char *)"/60000",
  .data = large,
  .flags = FS_FILE_FLAGS_HEADER_INCLUDED | FS_FILE_FLAGS_HEADER_PERSISTENT |
    FS_FILE_FLAGS_HEADER_HTTPVER_1_1,
};

static void fill(struct fsdata_file *file, unsigned char *at, int len)
{
  int head = sprintf((char *)at,
                     "HTTP/1.1 200 OK\r\n"
                     "Server: " HTTPD_SERVER_AGENT "\r\n"
                     "Content-Length: %d\r\nConnection: keep-alive\r\n"
                     "Content-Type: text/plain\r\n\r\n", len);

  memset(at + head, 'x', (size_t)len);
  file->len = head + len;
}
#endif

static void serve(void)
{
  static const u16_t ports[] = { 7, 9, 19,
#ifndef LWIP_TAP_HTTPD
                                 80
#endif
  };
  struct udp_pcb *udp = udp_new();
  unsigned i;

  for (i = 0; i < sizeof ports / sizeof *ports; i++) {
    struct tcp_pcb *pcb = tcp_new();

    if (tcp_bind(pcb, IP_ANY_TYPE, ports[i]))
      die("bind");
    tcp_accept(tcp_listen_with_backlog(pcb, 255), accepted);
  }
  udp_bind(udp, IP_ANY_TYPE, 7);
  udp_recv(udp, udp_echo, NULL);
#ifdef LWIP_TAP_HTTPD
  fill(&small_file, page, 600);
  fill(&lwip_files, large, 60000);
  httpd_init();
#endif
}

static void begin(void *arg)
{
  (void)arg;
  sem_post(&begun);
}

int main(int argc, char **argv)
{
  struct pollfd fd = { .events = POLLIN };
  ip4_addr_t addr, mask, none = { 0 };
  int i;

  if (argc != 3 || !ip4addr_aton(argv[2], &addr))
    return fputs("usage: lwip-tap TAP ADDRESS\n", stderr), 2;
  memset(bytes, 'x', sizeof bytes);
  open_tap(argv[1]);
  sem_init(&begun, 0, 0);
  tcpip_init(begin, NULL);
  sem_wait(&begun);
  IP4_ADDR(&mask, 255, 255, 255, 0);
  LOCK_TCPIP_CORE();
  if (!netif_add(&netif, &addr, &mask, &none, NULL, set_up, ethernet_input))
    die("netif_add");
  netif_set_default(&netif);
  netif_set_up(&netif);
  serve();
  UNLOCK_TCPIP_CORE();
  puts("ready");
  fflush(stdout);
  fd.fd = tap;
  while (poll(&fd, 1, -1) > 0) {
    LOCK_TCPIP_CORE();
    for (i = 0; i < BATCH && get_frame(); i++)
      ;
    UNLOCK_TCPIP_CORE();
  }
  return 0;
}
