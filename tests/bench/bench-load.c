/* bench-load.c - the kernel's side of the benchmarks over a device, and its rival.
 * SPDX-License-Identifier: ISC
 *
 *   bench-load put HOST PORT SECS             bytes written to a server that discards
 *   bench-load get HOST PORT SECS             bytes read from one that generates
 *   bench-load rr HOST PORT SECS              requests of one byte, answered by one
 *   bench-load udp HOST PORT SECS SIZE WINDOW datagrams echoed, so many on the way
 *   bench-load serve                          echo 7, discard 9, chargen 19, UDP echo 7
 *   bench-load raw TAP                        UDP echo without a stack, frame by frame
 *
 * A load prints rate=X, per second: bytes, requests or datagrams.  raw answers
 * ARP and swaps addresses: what a device without any stack could do.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 << 10 };

static char chunk[CHUNK];

static double now(void)
{
  struct timespec ts;

  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *what)
{
  fprintf(stderr, "bench-load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static struct sockaddr_in address(const char *host, unsigned port)
{
  struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

  if (host && inet_pton(AF_INET, host, &sa.sin_addr) != 1)
    die(host);
  return sa;
}

static int opened(int type, const char *host, unsigned port)
{
  struct sockaddr_in sa = address(host, port);
  int fd = socket(AF_INET, type, 0), on = 1;

  if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof sa))
    die("connect");
  if (type == SOCK_STREAM)
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

/* ---- Loads ------------------------------------------------------------- */

/* The first part of a run is not counted: slow start, caches. */
static void stream(int fd, int put, double secs)
{
  double begin = now() + secs / 4, end = begin + secs, t;
  uint64_t bytes = 0;
  int warm = 0;
  ssize_t n;

  while ((t = now()) < end) {
    if (!warm && t >= begin) {
      warm = 1;
      begin = t;
      bytes = 0;
    }
    n = put ? send(fd, chunk, CHUNK, 0) : recv(fd, chunk, CHUNK, 0);
    if (n <= 0)
      die(put ? "send" : "recv");
    bytes += (uint64_t)n;
  }
  printf("rate=%.0f\n", (double)bytes / (t - begin));
}

static void round_trips(int fd, double secs)
{
  double begin = now(), t;
  uint64_t n = 0;

  while ((t = now()) < begin + secs) {
    if (send(fd, chunk, 1, 0) != 1 || recv(fd, chunk, 1, 0) != 1)
      die("round trip");
    n++;
  }
  printf("rate=%.0f\n", (double)n / (t - begin));
}

/* A datagram that gets lost is missed for a tenth of a second. */
static void datagrams(int fd, double secs, size_t size, int window)
{
  double begin = now(), t;
  uint64_t n = 0, lost = 0;
  struct timeval patience = { 0, 100000 };
  int buffer = 4 << 20, i;

  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  send(fd, chunk, size, 0); /* ARP */
  recv(fd, chunk, sizeof chunk, 0);
  for (i = 0; i < window; i++)
    send(fd, chunk, size, 0);
  while ((t = now()) < begin + secs) {
    if (recv(fd, chunk, sizeof chunk, 0) < 0) {
      lost += (uint64_t)window;
      for (i = 1; i < window; i++)
        send(fd, chunk, size, 0);
    } else {
      n++;
    }
    send(fd, chunk, size, 0);
  }
  printf("rate=%.0f lost=%llu\n", (double)n / (t - begin), (unsigned long long)lost);
}

/* ---- The kernel as a server -------------------------------------------- */

struct served {
  int fd, port;
};

static void *serve_one(void *env)
{
  static char bytes[CHUNK];
  struct served s = *(struct served *)env;
  char *mine = s.port == 7 ? malloc(CHUNK) : bytes;
  ssize_t n = 1;
  int on = 1;

  free(env);
  setsockopt(s.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  while (n > 0) {
    n = s.port == 19 ? CHUNK : recv(s.fd, mine, CHUNK, 0);
    if (n > 0 && s.port != 9)
      n = send(s.fd, mine, (size_t)n, MSG_NOSIGNAL);
  }
  if (s.port == 7)
    free(mine);
  close(s.fd);
  return NULL;
}

static int bound(int type, unsigned port)
{
  struct sockaddr_in sa = address(NULL, port);
  int fd = socket(AF_INET, type, 0), on = 1;

  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof sa))
    die("bind");
  if (type == SOCK_STREAM && listen(fd, 64))
    die("listen");
  return fd;
}

static void echo_datagrams(int fd)
{
  struct sockaddr_in from;
  socklen_t len = sizeof from;
  ssize_t n = recvfrom(fd, chunk, sizeof chunk, 0, (struct sockaddr *)&from, &len);

  if (n >= 0)
    sendto(fd, chunk, (size_t)n, 0, (struct sockaddr *)&from, len);
}

static void *udp_main(void *env)
{
  for (;;)
    echo_datagrams(*(int *)env);
  return NULL;
}

static void serve(void)
{
  static const int ports[3] = { 7, 9, 19 };
  struct pollfd fds[3];
  struct served *s;
  pthread_t thread;
  int i, udp = bound(SOCK_DGRAM, 7);

  for (i = 0; i < 3; i++)
    fds[i] = (struct pollfd){ bound(SOCK_STREAM, (unsigned)ports[i]), POLLIN, 0 };
  if (pthread_create(&thread, NULL, udp_main, &udp))
    die("thread");
  puts("ready");
  fflush(stdout);
  while (poll(fds, 3, -1) > 0)
    for (i = 0; i < 3; i++) {
      if (!(fds[i].revents & POLLIN) || !(s = malloc(sizeof *s)))
        continue;
      *s = (struct served){ accept(fds[i].fd, NULL, NULL), ports[i] };
      if (pthread_create(&thread, NULL, serve_one, s))
        die("thread");
      pthread_detach(thread);
    }
}

/* ---- Without a stack ---------------------------------------------------- */

static void swap(uint8_t *a, uint8_t *b, size_t len)
{
  uint8_t t[6];

  memcpy(t, a, len);
  memcpy(a, b, len);
  memcpy(b, t, len);
}

/* ARP: we are whoever is asked for.  Everything else goes back. */
static void answer(uint8_t *f)
{
  static const uint8_t mac[6] = { 2, 9, 9, 9, 9, 9 };

  memcpy(f, f + 6, 6);
  memcpy(f + 6, mac, 6);
  if (f[12] == 8 && f[13] == 6) {
    f[21] = 2;
    swap(f + 22, f + 32, 6);
    swap(f + 28, f + 38, 4);
    memcpy(f + 22, mac, 6);
  } else {
    swap(f + 26, f + 30, 4);
    swap(f + 34, f + 36, 2);
  }
}

static void raw(const char *tap)
{
  static uint8_t f[2048];
  struct ifreq request;
  int fd = open("/dev/net/tun", O_RDWR);
  ssize_t n;

  memset(&request, 0, sizeof request);
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", tap);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request))
    die(tap);
  puts("ready");
  fflush(stdout);
  while ((n = read(fd, f, sizeof f)) > 0)
    if (n >= 42 && f[12] == 8) {
      answer(f);
      if (write(fd, f, (size_t)n) < 0)
        die("write");
    }
}

int main(int argc, char **argv)
{
  const char *what = argc > 1 ? argv[1] : "";
  double secs = argc > 4 ? atof(argv[4]) : 0;
  unsigned port = argc > 3 ? (unsigned)atoi(argv[3]) : 0;

  signal(SIGPIPE, SIG_IGN);
  if (argc == 2 && !strcmp(what, "serve"))
    serve();
  else if (argc == 3 && !strcmp(what, "raw"))
    raw(argv[2]);
  else if (argc == 5 && (!strcmp(what, "put") || !strcmp(what, "get")))
    stream(opened(SOCK_STREAM, argv[2], port), *what == 'p', secs);
  else if (argc == 5 && !strcmp(what, "rr"))
    round_trips(opened(SOCK_STREAM, argv[2], port), secs);
  else if (argc == 7 && !strcmp(what, "udp"))
    datagrams(opened(SOCK_DGRAM, argv[2], port), secs, (size_t)atoi(argv[5]),
              atoi(argv[6]));
  else
    return fputs("usage: see the head of bench-load.c\n", stderr), 2;
  return 0;
}
