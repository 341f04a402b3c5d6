/* t-unix-tap.c - the tap netif, in a network namespace of its own.
 * SPDX-License-Identifier: ISC
 *
 * The other side of the Ethernet is a packet socket on the interface.  Only
 * frames of the experimental type 0x88b5 are looked at; the kernel sends others.
 */
#define _GNU_SOURCE /* unshare */
#include "plain.h"

#define LWT_TEST_SHORT
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <lwt-unix.h>
#include <lwt/test.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#define TYPE 0x88b5
#define QUEUE 256

static int control; /* a socket for ioctl */

static int outcome(lwt_t *p)
{
  return lwt_run_value(p, NULL).code;
}

static int configure(const char *name, unsigned long what, int value)
{
  struct ifreq request;

  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, name);
  if (what == SIOCSIFFLAGS)
    request.ifr_flags = (short)value;
  else
    request.ifr_mtu = value;
  return ioctl(control, what, &request);
}

/* A persistent tap interface, as the administrator makes it. */
static int persistent(const char *name, int on)
{
  struct ifreq request;
  int fd = open("/dev/net/tun", O_RDWR), error;

  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, name);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  error = ioctl(fd, TUNSETIFF, &request) || ioctl(fd, TUNSETPERSIST, on);
  close(fd);
  return error;
}

static int packet_socket(const char *name, int type)
{
  struct sockaddr_ll sa;
  struct ifreq request;
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons((uint16_t)type));

  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, name);
  ioctl(fd, SIOCGIFINDEX, &request);
  memset(&sa, 0, sizeof sa);
  sa.sll_family = AF_PACKET;
  sa.sll_protocol = htons((uint16_t)type);
  sa.sll_ifindex = request.ifr_ifindex;
  if (bind(fd, (struct sockaddr *)&sa, sizeof sa))
    return -1;
  return fd;
}

/* ---- Frames ------------------------------------------------------------ */

static void head(uint8_t *frame)
{
  memset(frame, 0xff, 6);
  memset(frame + 6, 2, 6);
  frame[12] = TYPE >> 8;
  frame[13] = TYPE & 0xff;
}

/* len bytes in slices of at most `part`. */
static struct lwt_buf *frame_of(unsigned seed, uint32_t len, uint32_t part)
{
  static uint8_t bytes[70000];
  struct lwt_buf *frame = NULL, *slice;
  uint32_t at;

  head(bytes);
  plain_fill(seed, 0, bytes + 14, len - 14);
  for (at = 0; at < len; at += part) {
    slice = lwt_buf_copy_in(0, bytes + at, len - at < part ? len - at : part);
    if (frame)
      lwt_buf_append(frame, slice);
    else
      frame = slice;
  }
  return frame;
}

struct got {
  int calls, frames, largest; /* queue */
  uint64_t bytes, bad;
  unsigned seed;
  lwt_t *cancel; /* at the first call */
};

static void input(void *env, struct lwt_buf *packets)
{
  static uint8_t bytes[70000];
  struct got *g = env;
  struct lwt_buf *packet;
  uint32_t len;
  int n = 0;

  for (packet = packets; packet; packet = packet->next_packet) {
    len = lwt_buf_copy_out(packet, 0, bytes, sizeof bytes);
    if (len < 14 || bytes[12] != TYPE >> 8 || bytes[13] != (TYPE & 0xff))
      continue;
    n++;
    g->bytes += len;
    g->bad += plain_check(g->seed++, 0, bytes + 14, len - 14);
  }
  lwt_buf_free_queue(packets);
  g->calls++;
  g->frames += n;
  if (n > g->largest)
    g->largest = n;
  if (g->cancel)
    lwt_cancel(g->cancel);
}

/* What a packet socket sent to us arrives. */
static void look(int turns)
{
  struct lwt_engine *engine = lwt_get_engine();

  while (turns--)
    engine->wait(engine, 0);
}

static int inject(int fd, unsigned seed, size_t len)
{
  static uint8_t bytes[70000];

  head(bytes);
  plain_fill(seed, 0, bytes + 14, len - 14);
  return send(fd, bytes, len, 0) == (ssize_t)len;
}

/* ---- Tests ------------------------------------------------------------- */

static void names(void)
{
  static const uint8_t mac[6] = { 2, 1, 2, 3, 4, 5 };
  struct lwt_netif *n = NULL, *m = NULL;

  is_int(lwt_unix_tap("", NULL, &n), LWT_EINVAL, "no name");
  is_int(lwt_unix_tap("aname-that-is-too-long", NULL, &n), LWT_EINVAL, "too long a name");
  is_int(lwt_unix_tap("lo", NULL, &n), LWT_EINVAL, "not a tap");
  is_int(lwt_platform_netif("tap:t0", &n), 0, "a new interface");
  is_str(n->name, "t0", "its name");
  is_int(n->mtu, 1500, "its MTU");
  is_int(n->offloads,
         LWT_NETIF_TX_CSUM | LWT_NETIF_RX_CSUM | LWT_NETIF_TX_TSO4 | LWT_NETIF_TX_TSO6 |
           LWT_NETIF_RX_GRO,
         "all offloads");
  is_int(n->mac[0] & 3, 2, "a local address, of one station");
  is_int(lwt_unix_tap("t0", NULL, &m), LWT_EBUSY, "once");
  is_int(outcome(n->ops->close(n)), 0, "close");
  is_int(lwt_unix_tap("t0", mac, &n), 0, "again");
  ok(!memcmp(n->mac, mac, 6), "with an address of our own");
  is_int(outcome(n->ops->close(n)), 0, "close");
  is_int(lwt_platform_netif("tap:t0,plain", &n), 0, "a plain one");
  is_str(n->name, "t0", "its name");
  is_int(n->offloads, 0, "no offloads");
  is_int(outcome(n->ops->close(n)), 0, "close");
  is_int(lwt_unix_tap(",plain", NULL, &n), LWT_EINVAL, "plain, but no name");
}

/* Without privilege there is an error, not a crash. */
static void unprivileged(void)
{
  struct lwt_netif *n;
  int status = -1;
  pid_t pid = fork();

  if (pid == 0) {
    if (setgid(65534) || setuid(65534))
      _exit(9);
    _exit(lwt_unix_tap("t1", NULL, &n) == LWT_EPERM ? 7 : 8);
  }
  waitpid(pid, &status, 0);
  ok(WIFEXITED(status) && WEXITSTATUS(status) == 7, "without privilege: LWT_EPERM");
}

static void receiving(struct lwt_netif *n, int fd)
{
  struct got g = { .seed = 0 };
  lwt_t *listen = n->ops->listen(n, input, &g);
  size_t sizes[] = { 60, 1514, 3934, 3935, 4096, 9014 }, i;
  uint64_t bytes = 0;
  int sent = 0, j;

  is_int(outcome(n->ops->listen(n, input, &g)), LWT_EBUSY, "one listener");
  for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    sent += inject(fd, (unsigned)i, sizes[i]);
    bytes += sizes[i];
  }
  look(5);
  is_int(g.frames, sent, "frames of all sizes arrive");
  is_int(g.bytes, bytes, "with all bytes");
  is_int(g.bad, 0, "none wrong");
  ok(n->stats.rx_packets >= (uint64_t)sent && n->stats.rx_bytes >= bytes, "counted");

  g = (struct got){ .seed = 0 };
  for (j = sent = 0; j < 200; j++)
    sent += inject(fd, (unsigned)j, 100);
  look(10);
  is_int(sent, 200, "many frames");
  is_int(g.frames, 200, "arrive");
  is_int(g.bad, 0, "in order");
  ok(g.largest > 1 && g.largest <= 64, "at most 64 at a time (%d)", g.largest);

  lwt_buf_limit(lwt_buf_pages());
  for (j = 0; j < 10; j++)
    inject(fd, 0, 100);
  look(5);
  lwt_buf_limit(SIZE_MAX);
  ok(n->stats.rx_dropped >= 10, "no memory: dropped and counted");

  lwt_cancel(listen);
  is_int(outcome(listen), LWT_ECANCELED, "cancel");
  g = (struct got){ .seed = 0 };
  inject(fd, 0, 100);
  look(3);
  is_int(g.calls, 0, "then nothing is delivered");
  listen = n->ops->listen(n, input, &g);
  look(3);
  is_int(g.frames, 1, "until somebody listens again");
  g.cancel = listen;
  inject(fd, 1, 100);
  look(3);
  is_int(outcome(listen), LWT_ECANCELED, "cancelled in its own callback");
}

/* The frames that the packet socket has got, in order of seeds. */
static int collect(int fd, unsigned seed, size_t len)
{
  static uint8_t bytes[70000];
  int n = 0;

  while (recv(fd, bytes, sizeof bytes, 0) == (ssize_t)len &&
         plain_check(seed + (unsigned)n, 0, bytes + 14, len - 14) == 0)
    n++;
  return n;
}

static void sending(struct lwt_netif *n, int fd)
{
  struct got g = { .seed = 0 };
  lwt_t *listen;
  int i, bad = 0;

  is_int(n->ops->room(n), QUEUE, "room for all");
  is_int(n->ops->send(n, frame_of(0, 60, 60)), 0, "send");
  is_int(n->ops->room(n), QUEUE - 1, "it is queued");
  is_int(collect(fd, 0, 60), 0, "and not sent");
  look(1);
  is_int(n->ops->room(n), QUEUE, "until the turn ends");
  is_int(collect(fd, 0, 60), 1, "then it is");
  is_int(n->ops->send(n, frame_of(0, 9014, 4096)), 0, "a large one");
  is_int(n->ops->send(n, frame_of(1, 9014, 100)), 0, "of many slices");
  look(1);
  is_int(collect(fd, 0, 9014), 2, "both");
  is_int(n->ops->send(n, frame_of(0, 9015, 4096)), LWT_EMSGSIZE, "too large a one");
  ok(n->stats.tx_dropped >= 1, "counted");
  for (i = 0; i < 3 * QUEUE; i++) {
    bad += n->ops->send(n, frame_of((unsigned)i, 60, 60)) != 0;
    if (i % 100 == 99)
      bad += collect(fd, 0, 0) != 0;
  }
  is_int(bad, 0, "more than the queue holds: it is flushed");
  look(1);
  is_int(n->stats.tx_packets, 3 + 3 * QUEUE, "and counted");

  listen = n->ops->listen(n, input, &g); /* so that the loop could sleep */
  for (i = 0; i < 200; i++)
    n->ops->send(n, frame_of((unsigned)i, 60, 60));
  is_int(outcome(n->ops->writable(n)), 0, "room is seen before the loop sleeps");
  lwt_drop(listen);
}

/* The descriptor of the tap in this process. */
static int tap_descriptor(void)
{
  char path[64], to[64];
  ssize_t len;
  int fd;

  for (fd = 3; fd < 100; fd++) {
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    len = readlink(path, to, sizeof to - 1);
    if (len > 0 && (to[len] = '\0', !strcmp(to, "/dev/net/tun")))
      return fd;
  }
  return -1;
}

static lwt_t *close_it(void *env, void *value)
{
  struct lwt_netif *n = env;

  (void)value;
  return n->ops->close(n);
}

/* What tap never does: a socket in its place.  Returns the other end. */
static int replace(int size)
{
  int pair[2], fd = tap_descriptor();

  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) ||
      setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) ||
      setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) ||
      dup2(pair[0], fd) != fd)
    printf("Bail out! no socket\n");
  close(pair[0]);
  return pair[1];
}

/* A device that takes nothing. */
static void full(void)
{
  struct lwt_netif *n = NULL;
  int peer, i, taken, error = 0;
  uint8_t bytes[100];
  uint64_t dropped;
  lwt_t *writable, *other;

  is_int(lwt_unix_tap("t2,plain", NULL, &n), 0, "a device");
  peer = replace(4096);
  for (i = 0; i < 10000 && !error; i++)
    error = n->ops->send(n, frame_of(0, 60, 60));
  taken = i - 1;
  is_int(error, LWT_ENOBUFS, "a full queue");
  is_int(n->ops->room(n), 0, "has no room");
  is_int(n->stats.tx_dropped, 1, "what did not fit is counted");
  writable = n->ops->writable(n);
  other = n->ops->writable(n);
  look(3);
  is_int(lwt_state(writable), LWT_PENDING, "no room: wait");
  lwt_drop(other);
  for (i = 0; i < taken; look(1))
    while (recv(peer, bytes, sizeof bytes, 0) == 60)
      i++;
  is_int(i, taken, "when the device takes frames again, all arrive");
  is_int(outcome(writable), 0, "and there is room");
  is_int(n->ops->room(n), QUEUE, "for all");
  is_int(outcome(n->ops->writable(n)), 0, "without waiting");

  for (error = 0; !error;)
    error = n->ops->send(n, frame_of(0, 60, 60));
  dropped = n->stats.tx_dropped;
  writable = lwt_bind(n->ops->writable(n), close_it, n);
  ok(dropped == 2, "full again");
  for (i = 0; i < 1000 && lwt_state(writable) == LWT_PENDING; i++) {
    while (recv(peer, bytes, sizeof bytes, 0) == 60)
      ;
    look(1);
  }
  is_int(outcome(writable), 0, "closed in the callback");
  close(peer);
}

/* ---- Offloads ---------------------------------------------------------- */

enum { HEADERS = 54, MSS = 1460, PAYLOAD = 20000 };

static uint16_t sum_of(const uint8_t *p, size_t len, uint32_t sum)
{
  for (; len > 1; len -= 2, p += 2)
    sum += (uint32_t)(p[0] << 8 | p[1]);
  if (len)
    sum += (uint32_t)p[0] << 8;
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static uint16_t pseudo_of(const uint8_t *frame, size_t len)
{
  return sum_of(frame + 26, 8, 6 + (uint32_t)len);
}

static void put16(uint8_t *p, size_t v)
{
  p[0] = (uint8_t)(v >> 8);
  p[1] = (uint8_t)v;
}

/* Ethernet, IPv4 and TCP headers, the checksum of TCP left to the device. */
static size_t tcp_frame(uint8_t *f, size_t payload, uint8_t tcp_flags)
{
  static const uint8_t addrs[8] = { 10, 9, 8, 7, 10, 9, 8, 6 };

  memset(f, 0, HEADERS);
  f[0] = f[6] = 2;
  f[5] = 1;
  f[12] = 8;
  f[14] = 0x45;
  put16(f + 16, 40 + payload);
  f[20] = 0x40;
  f[22] = 64;
  f[23] = 6;
  memcpy(f + 26, addrs, 8);
  put16(f + 24, (uint16_t)~sum_of(f + 14, 20, 0));
  f[35] = f[37] = 9;
  f[46] = 0x50;
  f[47] = tcp_flags;
  put16(f + 50, pseudo_of(f, 20 + payload));
  plain_fill(3, 0, f + HEADERS, payload);
  return HEADERS + payload;
}

static struct virtio_net_hdr vnet_of(int gso)
{
  struct virtio_net_hdr h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                              .csum_start = 34,
                              .csum_offset = 16 };

  if (gso) {
    h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    h.gso_size = MSS;
    h.hdr_len = HEADERS;
  }
  return h;
}

struct large {
  int frames, sums;
  uint32_t bytes, longest;
  uint64_t bad;
  struct lwt_buf last; /* its metadata */
};

static void large_input(void *env, struct lwt_buf *packets)
{
  static uint8_t f[70000];
  struct large *g = env;
  struct lwt_buf *p;
  uint32_t len;

  for (p = packets; p; p = p->next_packet) {
    len = lwt_buf_copy_out(p, 0, f, sizeof f);
    if (len < HEADERS || f[12] != 8 || f[13] || f[26] != 10)
      continue;
    len -= HEADERS;
    g->frames++;
    g->bad += plain_check(3, g->bytes, f + HEADERS, len);
    g->sums += sum_of(f + 34, 20 + len, pseudo_of(f, 20 + len)) == 0xffff;
    g->bytes += len;
    if (len > g->longest)
      g->longest = len;
    g->last = *p;
  }
  lwt_buf_free_queue(packets);
}

static void offload_in(const char *name, int fd, int plain)
{
  struct lwt_engine *engine = lwt_get_engine();
  static uint8_t bytes[70000];
  struct virtio_net_hdr h = vnet_of(1);
  struct large g = { .frames = 0 };
  struct lwt_netif *n = NULL;
  size_t len;
  lwt_t *listen;
  int i;

  is_int(lwt_unix_tap(name, NULL, &n), 0, "%s", name);
  listen = n->ops->listen(n, large_input, &g);
  memcpy(bytes, &h, sizeof h);
  len = sizeof h + tcp_frame(bytes + sizeof h, PAYLOAD, 0x10);
  for (i = 0; i < 1000 && !g.bytes; i++) { /* the kernel is still at its carrier */
    if (send(fd, bytes, len, 0) == (ssize_t)len)
      engine->wait(engine, lwt_now() + LWT_MS(10));
  }
  is_int(g.bytes, PAYLOAD, "a large frame for us: its bytes arrive");
  is_int(g.bad, 0, "none wrong");
  if (plain) {
    is_int(g.frames, (PAYLOAD + MSS - 1) / MSS, "cut into segments");
    is_int(g.sums, g.frames, "with checksums");
    is_int(g.last.flags, 0, "nothing is left to us");
  } else {
    is_int(g.frames, 1, "in one piece");
    is_int(g.last.flags, LWT_BUF_CSUM_PARTIAL | LWT_BUF_GSO, "unfinished");
    is_int(g.last.csum_start, 34, "where the checksum begins");
    is_int(g.last.csum_offset, 16, "and is");
    is_int(g.last.gso_size, MSS, "what a segment is");
    is_int(g.last.gso_type, LWT_GSO_TCPV4, "of what");
  }
  lwt_drop(listen);
  is_int(outcome(n->ops->close(n)), 0, "close");
}

/* What we send unfinished is told to the kernel; in many slices, too. */
static void offload_out(struct lwt_netif *n, int fd, size_t payload, uint32_t part,
                        uint8_t tcp_flags, int gso)
{
  static uint8_t bytes[70000];
  struct virtio_net_hdr want = vnet_of(gso), got;
  struct lwt_buf *frame, *slice;
  uint32_t at, len = (uint32_t)tcp_frame(bytes, payload, tcp_flags);

  frame = lwt_buf_copy_in(LWT_BUF_HEADROOM, bytes, HEADERS);
  for (at = HEADERS; at < len; at += part) {
    slice = lwt_buf_copy_in(0, bytes + at, len - at < part ? len - at : part);
    lwt_buf_append(frame, slice);
  }
  frame->flags = (uint8_t)(LWT_BUF_CSUM_PARTIAL | (gso ? LWT_BUF_GSO : 0));
  frame->csum_start = 34;
  frame->csum_offset = 16;
  frame->gso_size = MSS;
  frame->gso_type = LWT_GSO_TCPV4;
  is_int(n->ops->send(n, frame), 0, "an unfinished frame of %u", len);
  look(2);
  memset(bytes, 0, sizeof bytes);
  is_int(recv(fd, bytes, sizeof bytes, 0), (ssize_t)(sizeof got + len), "is one");
  memcpy(&got, bytes, sizeof got);
  if (tcp_flags & 0x80)
    want.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
  is_int(got.flags, want.flags, "for its checksum");
  is_int(got.csum_start, want.csum_start, "from there");
  is_int(got.csum_offset, want.csum_offset, "put there");
  is_int(got.gso_type, want.gso_type, "and its segments");
  is_int(got.gso_size, want.gso_size, "of so many bytes");
  is_int(plain_check(3, 0, bytes + sizeof got + HEADERS, payload), 0, "none wrong");
}

/* Headers that do not fit their frames. */
static void bad_headers(void)
{
  static uint8_t bytes[70000];
  struct virtio_net_hdr bad[7];
  struct large g = { .frames = 0 };
  struct lwt_netif *n = NULL;
  size_t sizes[7], i, head = sizeof bad[0];
  lwt_t *listen;
  int peer;

  for (i = 0; i < 7; i++) {
    bad[i] = vnet_of(1);
    sizes[i] = 3000;
  }
  bad[0].csum_start = 3050;                       /* beyond the frame */
  bad[1].gso_size = 0;
  bad[2].gso_type = VIRTIO_NET_HDR_GSO_UDP;       /* not agreed on */
  bad[3].flags = 0;                               /* segments without a checksum */
  bad[4].csum_start = 3040;                       /* no TCP header there */
  bad[4].csum_offset = 2;
  bad[5].gso_type = VIRTIO_NET_HDR_GSO_NONE;      /* too long, then */
  sizes[6] = 65536 + 20;                          /* longer than any */
  is_int(lwt_unix_tap("t6", NULL, &n), 0, "a device");
  peer = replace(1 << 20);
  listen = n->ops->listen(n, large_input, &g);
  for (i = 0; i < 7; i++) {
    memcpy(bytes, &bad[i], head);
    tcp_frame(bytes + head, sizes[i], 0x10);
    send(peer, bytes, head + HEADERS + sizes[i], 0);
    look(2);
    is_int(n->stats.rx_errors, i + 1, "a bad header: %d", (int)i);
  }
  send(peer, bytes, 20, 0);
  look(2);
  is_int(n->stats.rx_errors, 8, "a short frame");
  is_int(g.frames, 0, "nothing is delivered");
  bad[0] = vnet_of(1);
  memcpy(bytes, &bad[0], head);
  tcp_frame(bytes + head, 65481, 0x10);
  send(peer, bytes, head + HEADERS + 65481, 0);
  look(2);
  is_int(g.frames, 1, "the longest frame is");
  is_int(g.bytes, 65481, "whole");
  is_int(g.bad, 0, "and right");
  lwt_drop(listen);
  close(peer);
  is_int(outcome(n->ops->close(n)), 0, "close");
}

static void offloads(void)
{
  struct lwt_netif *n = NULL;
  int fd, on = 1;

  is_int(persistent("t5", 1), 0, "an interface");
  is_int(configure("t5", SIOCSIFFLAGS, IFF_UP), 0, "that is up");
  fd = packet_socket("t5", ETH_P_IP);
  is_int(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on), 0, "headers");
  offload_in("t5", fd, 0);
  offload_in("t5,plain", fd, 1);
  offload_in("t5", fd, 0);
  is_int(lwt_unix_tap("t5", NULL, &n), 0, "the device");
  offload_out(n, fd, 1000, 300, 0x10, 0);
  offload_out(n, fd, PAYLOAD, 4096, 0x10, 1);
  offload_out(n, fd, PAYLOAD, 100, 0x90, 1);
  offload_out(n, fd, 65481, 4096, 0x10, 1);
  is_int(outcome(n->ops->close(n)), 0, "close");
  is_int(persistent("t5", 0), 0, "the interface goes");
  close(fd);
}

static void death(void)
{
  struct lwt_netif *n = NULL;
  struct got g = { .seed = 0 };
  lwt_t *listen;

  is_int(lwt_unix_tap("t3", NULL, &n), 0, "a device");
  listen = n->ops->listen(n, input, &g);
  is_int(system("ip link del t3"), 0, "that is deleted");
  is_int(outcome(listen), LWT_ENETDOWN, "its listener learns it");
  is_int(outcome(n->ops->listen(n, input, &g)), LWT_ENETDOWN, "and a new one");
  is_int(n->ops->send(n, frame_of(0, 60, 60)), LWT_ENETDOWN, "and who sends");
  is_int(outcome(n->ops->writable(n)), LWT_ENETDOWN, "or waits to");
  is_int(outcome(n->ops->close(n)), 0, "close");

  is_int(lwt_unix_tap("t4", NULL, &n), 0, "a device that is down");
  is_int(n->ops->send(n, frame_of(0, 60, 60)), 0, "takes frames");
  look(1);
  is_int(n->stats.tx_errors, 1, "and counts that it cannot send them");
  listen = n->ops->listen(n, input, &g);
  is_int(n->ops->send(n, frame_of(0, 60, 60)), 0, "closed with a frame to send");
  is_int(outcome(n->ops->close(n)), 0, "it ends");
  is_int(outcome(listen), LWT_ENETDOWN, "and rejects its listener");
}

/* Why the test cannot be done, or NULL. */
static const char *impossible(void)
{
  if (geteuid() != 0)
    return "not root";
  if (access("/dev/net/tun", R_OK | W_OK))
    return "no /dev/net/tun";
  if (system("ip -V >/dev/null 2>&1"))
    return "no ip command";
  if (unshare(CLONE_NEWNET))
    return "no network namespaces";
  if (persistent("big", 1))
    return "no tap devices";
  return NULL;
}

static void all(void)
{
  struct lwt_netif *n = NULL;
  int fd;

  control = socket(AF_INET, SOCK_DGRAM, 0);
  is_int(configure("big", SIOCSIFMTU, 9000), 0, "a persistent interface, MTU 9000");
  is_int(configure("big", SIOCSIFFLAGS, IFF_UP), 0, "that is up");
  unprivileged();
  names();
  is_int(lwt_platform_netif("tap:big", &n), 0, "opened");
  is_int(n->mtu, 9000, "has its MTU");
  fd = packet_socket("big", TYPE);
  receiving(n, fd);
  sending(n, fd);
  is_int(outcome(n->ops->close(n)), 0, "close");
  close(fd);
  is_int(persistent("big", 0), 0, "the interface outlived us");
  full();
  offloads();
  bad_headers();
  death();
  close(control);
}

int main(void)
{
  const char *why = impossible();

  if (why)
    skip(why, "the tap netif");
  else
    all();
  lwt_platform_cleanup();
  is_int(lwt_timers(), 0, "no timer left");
  is_int(lwt_live(), 0, "no promise left");
  is_int(lwt_buf_live(), 0, "no packet left");
  return lwt_test_done();
}
