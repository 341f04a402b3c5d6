/* measure.c - in dom0 and in a Linux guest, for ratios.sh: times to the microsecond.
 * SPDX-License-Identifier: ISC
 *
 *   measure boot ADDRESS MAC DOMAIN  ms from `xl unpause` to the first answered ping
 *   measure ping ADDRESS N           median and 95th percentile in us, one by one
 *   measure send ADDRESS PORT BYTES  seconds, to the end of the connection
 *   measure take ADDRESS PORT        bytes and seconds
 *   measure get ADDRESS PORT         a number that comes, and seconds
 *   measure cpu DOMID                seconds of CPU time that the domain has had
 *   measure serve BYTES              takes on port 5001, gives BYTES on 5002; on 5003
 *                                    to 5005 reads /dev/xvda as bench.h has it, and
 *                                    tells how many bytes
 */
#define _GNU_SOURCE /* O_DIRECT */
#define __XEN_TOOLS__ 1
#include "bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if_arp.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xen/domctl.h>
#include <xen/sys/privcmd.h>

static char block[65536];

static double now(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
  perror(what);
  exit(1);
}

static struct sockaddr_in address(const char *text, int port)
{
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

  if (inet_pton(AF_INET, text, &a.sin_addr) != 1)
    die(text);
  return a;
}

/* ---- Ping ------------------------------------------------------------------ */

static void echo(int fd, const struct sockaddr_in *to, uint16_t n)
{
  struct {
    struct icmphdr head;
    char data[56];
  } packet = { .head = { .type = ICMP_ECHO, .un.echo = { .id = 77, .sequence = n } } };
  const uint16_t *words = (const uint16_t *)(const void *)&packet;
  uint32_t sum = 0;
  size_t i;

  for (i = 0; i < sizeof packet / 2; i++)
    sum += words[i];
  sum = (sum >> 16) + (sum & 0xffff);
  packet.head.checksum = (uint16_t)~(sum + (sum >> 16));
  /* before the other end is up it may fail */
  if (sendto(fd, &packet, sizeof packet, 0, (const struct sockaddr *)to, sizeof *to) < 0)
    return;
}

/* Whether the answer to n comes within ms (any for 0). */
static int answered(int fd, const struct sockaddr_in *from, uint16_t n, int ms)
{
  struct pollfd p = { .fd = fd, .events = POLLIN };
  double end = now() + ms / 1e3;
  char bytes[2048];
  struct sockaddr_in who;

  while (poll(&p, 1, (int)((end - now()) * 1e3) > 0 ? (int)((end - now()) * 1e3) : 0) >
         0) {
    socklen_t size = sizeof who;
    ssize_t len = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&who, &size);
    const struct iphdr *ip = (const struct iphdr *)(const void *)bytes;
    const struct icmphdr *icmp = (const void *)(bytes + ip->ihl * 4);

    if (len >= ip->ihl * 4 + 8 && who.sin_addr.s_addr == from->sin_addr.s_addr &&
        icmp->type == ICMP_ECHOREPLY && icmp->un.echo.id == 77 &&
        (!n || icmp->un.echo.sequence == n))
      return 1;
  }
  return 0;
}

static int raw(void)
{
  int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

  if (fd < 0)
    die("socket");
  return fd;
}

/* So that no first try waits for the second ARP request. */
static void know(int fd, const struct sockaddr_in *to, const char *mac)
{
  struct arpreq r = { .arp_flags = ATF_COM | ATF_PERM, .arp_dev = "xenbr0" };
  unsigned b[6];
  int i;

  memcpy(&r.arp_pa, to, sizeof *to);
  r.arp_ha.sa_family = ARPHRD_ETHER;
  if (sscanf(mac, "%x:%x:%x:%x:%x:%x", b, b + 1, b + 2, b + 3, b + 4, b + 5) != 6)
    die(mac);
  for (i = 0; i < 6; i++)
    r.arp_ha.sa_data[i] = (char)b[i];
  if (ioctl(fd, SIOCSARP, &r))
    die("SIOCSARP");
}

static int boot(const char *text, const char *mac, char *domain)
{
  struct sockaddr_in to = address(text, 0);
  int fd = raw();
  double start;
  pid_t child;

  know(fd, &to, mac);
  start = now();
  child = fork();
  if (!child) {
    execlp("xl", "xl", "unpause", domain, (char *)NULL);
    _exit(127);
  }
  do {
    echo(fd, &to, 1);
    if (now() > start + 180)
      return 1;
  } while (!answered(fd, &to, 0, 5));
  printf("%.1f\n", (now() - start) * 1e3);
  waitpid(child, NULL, 0);
  return 0;
}

static int ascending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return x < y ? -1 : x > y;
}

static int ping(const char *text, int n)
{
  struct sockaddr_in to = address(text, 0);
  double *times = calloc((size_t)n + 1, sizeof *times), start;
  int fd = raw(), got = 0, i;

  for (i = 1; times && i <= n; i++) {
    start = now();
    echo(fd, &to, (uint16_t)i);
    if (answered(fd, &to, (uint16_t)i, 1000))
      times[got++] = (now() - start) * 1e6;
  }
  if (!got)
    return 1;
  qsort(times, (size_t)got, sizeof *times, ascending);
  printf("%.0f %.0f\n", times[got / 2], times[got * 95 / 100]);
  return 0;
}

/* ---- TCP ------------------------------------------------------------------- */

static void give(int fd, long long bytes)
{
  ssize_t n;

  for (; bytes > 0; bytes -= n) {
    n = write(fd, block, bytes < (long long)sizeof block ? (size_t)bytes : sizeof block);
    if (n <= 0)
      die("write");
  }
}

static long long take(int fd)
{
  long long bytes = 0;
  ssize_t n;

  while ((n = read(fd, block, sizeof block)) > 0)
    bytes += n;
  return n < 0 ? -1 : bytes;
}

static int reach(const char *text, const char *port)
{
  struct sockaddr_in to = address(text, atoi(port));
  int fd = socket(AF_INET, SOCK_STREAM, 0);

  if (connect(fd, (struct sockaddr *)&to, sizeof to))
    die("connect");
  return fd;
}

static int transfer(const char *text, const char *port, long long bytes)
{
  int fd = reach(text, port);
  double start = now();

  if (bytes) {
    give(fd, bytes);
    shutdown(fd, SHUT_WR);
    if (take(fd) != 0)
      return 1;
  } else {
    bytes = take(fd);
  }
  printf("%lld %.3f\n", bytes, now() - start);
  return bytes <= 0;
}

static int get(const char *text, const char *port)
{
  int fd = reach(text, port);
  double start = now();
  ssize_t n = read(fd, block, sizeof block - 1);

  if (n <= 0)
    return 1;
  printf("%lld %.3f\n", atoll(block), now() - start);
  return 0;
}

/* ---- The disk ---------------------------------------------------------------- */

struct reader {
  pthread_t thread;
  uint64_t state;
  unsigned size;
};

/* Past the page cache. */
static void *read_blocks(void *env)
{
  struct reader *r = env;
  uint32_t bytes = bench_sizes[r->size].bytes, reads = bench_sizes[r->size].reads;
  int fd = open("/dev/xvda", O_RDONLY | O_DIRECT);
  uint64_t blocks = (uint64_t)lseek(fd, 0, SEEK_END) / bytes;
  void *at = aligned_alloc(4096, bytes);

  if (fd < 0 || !at || !blocks)
    die("/dev/xvda");
  while (reads--)
    if (pread(fd, at, bytes, (off_t)(bench_next(&r->state, blocks) * bytes)) !=
        (ssize_t)bytes)
      die("pread");
  free(at);
  close(fd);
  return NULL;
}

static void read_disk(int fd, unsigned size)
{
  struct reader readers[READERS];
  unsigned i;

  for (i = 0; i < READERS; i++) {
    readers[i] = (struct reader){ .state = i + 1, .size = size };
    if (pthread_create(&readers[i].thread, NULL, read_blocks, &readers[i]))
      die("pthread_create");
  }
  for (i = 0; i < READERS; i++)
    pthread_join(readers[i].thread, NULL);
  dprintf(fd, "%u\n", READERS * bench_sizes[size].bytes * bench_sizes[size].reads);
}

/* ---- CPU time ---------------------------------------------------------------- */

/* To the nanosecond, where xl list has tenths of a second. */
static int cpu(uint16_t domid)
{
  static struct xen_domctl op;
  struct privcmd_hypercall call = { __HYPERVISOR_domctl, { (uintptr_t)&op } };
  int fd = open("/proc/xen/privcmd", O_RDWR);

  op.cmd = XEN_DOMCTL_getdomaininfo;
  op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
  op.domain = domid;
  if (fd < 0 || mlockall(MCL_CURRENT) || ioctl(fd, IOCTL_PRIVCMD_HYPERCALL, &call))
    die("getdomaininfo");
  printf("%.6f\n", (double)op.u.getdomaininfo.cpu_time / 1e9);
  return op.domain != domid;
}

/* ---- The other end ----------------------------------------------------------- */

static int serve(long long bytes)
{
  struct pollfd p[2 + BENCH_SIZES];
  int i, fd, one = 1;

  for (i = 0; i < 2 + BENCH_SIZES; i++) {
    struct sockaddr_in at = address("0.0.0.0", BENCH_PORT + i);

    p[i] = (struct pollfd){ socket(AF_INET, SOCK_STREAM, 0), POLLIN, 0 };
    setsockopt(p[i].fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(p[i].fd, (struct sockaddr *)&at, sizeof at) || listen(p[i].fd, 5))
      die("listen");
  }
  while (poll(p, 2 + BENCH_SIZES, -1) > 0)
    for (i = 0; i < 2 + BENCH_SIZES; i++)
      if (p[i].revents) {
        fd = accept(p[i].fd, NULL, NULL);
        if (fd >= 0 && i > 1)
          read_disk(fd, (unsigned)i - 2);
        else if (fd >= 0 && i)
          give(fd, bytes);
        else if (fd >= 0)
          take(fd);
        close(fd);
      }
  return 1;
}

int main(int argc, char **argv)
{
  const char *what = argc > 1 ? argv[1] : "";

  if (argc == 5 && !strcmp(what, "boot"))
    return boot(argv[2], argv[3], argv[4]);
  if (argc == 4 && !strcmp(what, "ping"))
    return ping(argv[2], atoi(argv[3]));
  if (argc == 5 && !strcmp(what, "send"))
    return transfer(argv[2], argv[3], atoll(argv[4]));
  if (argc == 4 && !strcmp(what, "take"))
    return transfer(argv[2], argv[3], 0);
  if (argc == 4 && !strcmp(what, "get"))
    return get(argv[2], argv[3]);
  if (argc == 3 && !strcmp(what, "cpu"))
    return cpu((uint16_t)atoi(argv[2]));
  if (argc == 3 && !strcmp(what, "serve"))
    return serve(atoll(argv[2]));
  return 2;
}
