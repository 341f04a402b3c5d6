/* platform.c - what lwt/platform.h offers by name, but engine and sockets.
 * SPDX-License-Identifier: ISC
 */
#include "unix.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

int lwt_platform_netif(const char *name, struct lwt_netif **netif)
{
  if (strncmp(name, "tap:", 4) == 0)
    return lwt_unix_tap(name + 4, NULL, netif);
  return LWT_ENODEV;
}

int lwt_platform_random(void *bytes, size_t len)
{
  uint8_t *to = bytes;
  ssize_t n;

  while (len) {
    n = getrandom(to, len, 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return LWT_EIO;
    to += n;
    len -= (size_t)n;
  }
  return 0;
}

int64_t lwt_platform_wallclock(void)
{
  struct timespec now;

  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
