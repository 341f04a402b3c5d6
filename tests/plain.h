/* plain.h - blocking sockets of the C library, to test against.
 * SPDX-License-Identifier: ISC
 */
#ifndef PLAIN_H
#define PLAIN_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Byte number i of stream `seed`. */
static inline uint8_t plain_byte(unsigned seed, uint64_t i)
{
  i = (i + seed) * 0x9e3779b97f4a7c15u;
  return (uint8_t)(i >> 56);
}

__attribute__((unused)) static void plain_fill(unsigned seed, uint64_t at, uint8_t *bytes,
                                               size_t len)
{
  size_t i;

  for (i = 0; i < len; i++)
    bytes[i] = plain_byte(seed, at + i);
}

/* The number of wrong bytes. */
__attribute__((unused)) static size_t plain_check(unsigned seed, uint64_t at,
                                                  const uint8_t *bytes, size_t len)
{
  size_t i, bad = 0;

  for (i = 0; i < len; i++)
    bad += bytes[i] != plain_byte(seed, at + i);
  return bad;
}

static inline struct sockaddr_in plain_addr(uint16_t port)
{
  struct sockaddr_in sa;

  memset(&sa, 0, sizeof sa);
  sa.sin_family = AF_INET;
  sa.sin_port = htons(port);
  sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return sa;
}

/* Connected to 127.0.0.1:port, or -1. */
__attribute__((unused)) static int plain_connect(uint16_t port)
{
  struct sockaddr_in sa = plain_addr(port);
  int fd = socket(AF_INET, SOCK_STREAM, 0);

  if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof sa)) {
    close(fd);
    return -1;
  }
  return fd;
}

/* Bound to a port of 127.0.0.1; type SOCK_STREAM listens. */
__attribute__((unused)) static int plain_bind(int type, int backlog, uint16_t *port)
{
  struct sockaddr_in sa = plain_addr(0);
  socklen_t len = sizeof sa;
  int fd = socket(AF_INET, type, 0);

  if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof sa) ||
      (type == SOCK_STREAM && listen(fd, backlog)))
    return -1;
  getsockname(fd, (struct sockaddr *)&sa, &len);
  *port = ntohs(sa.sin_port);
  return fd;
}

/* All of it; returns 0 or errno. */
__attribute__((unused)) static int plain_write(int fd, const void *bytes, size_t len)
{
  const char *p = bytes;
  ssize_t n;

  while (len) {
    n = send(fd, p, len, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return errno;
    p += n;
    len -= (size_t)n;
  }
  return 0;
}

/* close() with RST. */
__attribute__((unused)) static void plain_reset(int fd)
{
  struct linger none = { 1, 0 };

  setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  close(fd);
}

#endif
