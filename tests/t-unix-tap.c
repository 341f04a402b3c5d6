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

static int packet_socket(const char *name)
{
  struct sockaddr_ll sa;
  struct ifreq request;
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(TYPE));

  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, name);
  ioctl(fd, SIOCGIFINDEX, &request);
  memset(&sa, 0, sizeof sa);
  sa.sll_family = AF_PACKET;
  sa.sll_protocol = htons(TYPE);
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
  is_int(n->offloads, 0, "no offloads");
  is_int(n->mac[0] & 3, 2, "a local address, of one station");
  is_int(lwt_unix_tap("t0", NULL, &m), LWT_EBUSY, "once");
  is_int(outcome(n->ops->close(n)), 0, "close");
  is_int(lwt_unix_tap("t0", mac, &n), 0, "again");
  ok(!memcmp(n->mac, mac, 6), "with an address of our own");
  is_int(outcome(n->ops->close(n)), 0, "close");
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

/* A device that takes nothing, which tap never is: a socket in its place. */
static void full(void)
{
  struct lwt_netif *n = NULL;
  int pair[2], i, fd, taken, error = 0, size = 4096;
  uint8_t bytes[100];
  uint64_t dropped;
  lwt_t *writable, *other;

  is_int(lwt_unix_tap("t2", NULL, &n), 0, "a device");
  fd = tap_descriptor();
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) ||
      setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) ||
      dup2(pair[0], fd) != fd)
    printf("Bail out! no socket\n");
  close(pair[0]);
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
    while (recv(pair[1], bytes, sizeof bytes, 0) == 60)
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
    while (recv(pair[1], bytes, sizeof bytes, 0) == 60)
      ;
    look(1);
  }
  is_int(outcome(writable), 0, "closed in the callback");
  close(pair[1]);
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
  fd = packet_socket("big");
  receiving(n, fd);
  sending(n, fd);
  is_int(outcome(n->ops->close(n)), 0, "close");
  close(fd);
  is_int(persistent("big", 0), 0, "the interface outlived us");
  full();
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
