/* error.c - libuv's and the system's errors and addresses as lwt's.
 * SPDX-License-Identifier: ISC
 */
#include "unix.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define SAME(X)                                                               \
  X(EPERM) X(ENOENT) X(EINTR) X(EIO) X(EBADF) X(EAGAIN) X(ENOMEM) X(EACCES)    \
  X(EBUSY) X(EEXIST) X(ENODEV) X(ENOTDIR) X(EISDIR) X(EINVAL) X(EMFILE)        \
  X(EFBIG) X(ENOSPC) X(EROFS) X(EPIPE) X(ERANGE) X(ENAMETOOLONG) X(ENOSYS)     \
  X(EPROTO) X(EMSGSIZE) X(ENOTSUP) X(EADDRINUSE) X(EADDRNOTAVAIL)              \
  X(ENETDOWN) X(ENETUNREACH) X(ECONNABORTED) X(ECONNRESET) X(ENOBUFS)          \
  X(EISCONN) X(ENOTCONN) X(ESHUTDOWN) X(ETIMEDOUT) X(ECONNREFUSED)             \
  X(EHOSTUNREACH) X(EALREADY) X(ECANCELED)

int lwt__unix_error(int uv)
{
  if (uv >= 0)
    return 0;
  switch (uv) {
#define CASE(name) case UV_##name: return LWT_##name;
    SAME(CASE)
  case UV_ENFILE:
    return LWT_EMFILE;
  case UV_ENOTEMPTY: /* as POSIX allows */
    return LWT_EEXIST;
  case UV_ENXIO:
    return LWT_ENODEV;
  case UV_ELOOP:
  case UV_EXDEV:
    return LWT_EACCES;
  case UV_EAFNOSUPPORT:
  case UV_EPROTONOSUPPORT:
    return LWT_ENOTSUP;
  case UV_EAI_MEMORY:
    return LWT_ENOMEM;
  case UV_EAI_CANCELED:
    return LWT_ECANCELED;
  case UV_EAI_AGAIN:
    return LWT_EAGAIN;
  case UV_EAI_NONAME:
  case UV_EAI_NODATA:
  case UV_EAI_ADDRFAMILY:
    return LWT_ENOENT;
  default:
    return LWT_EIO;
  }
}

int lwt__unix_errno(void)
{
  return lwt__unix_error(uv_translate_sys_error(errno));
}

/* ---- Addresses --------------------------------------------------------- */

int lwt__unix_sockaddr(const struct lwt_addr *addr, struct sockaddr_storage *to)
{
  struct sockaddr_in *in = (struct sockaddr_in *)to;
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)to;

  memset(to, 0, sizeof *to);
  if (addr->family == 4) {
    in->sin_family = AF_INET;
    in->sin_port = htons(addr->port);
    memcpy(&in->sin_addr, addr->ip, 4);
  } else if (addr->family == 6) {
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(addr->port);
    in6->sin6_scope_id = addr->scope;
    memcpy(&in6->sin6_addr, addr->ip, 16);
  } else {
    return LWT_ENOTSUP;
  }
  return 0;
}

struct lwt_addr lwt__unix_addr(const struct sockaddr *from)
{
  const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)from;
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)from;
  struct lwt_addr addr;

  memset(&addr, 0, sizeof addr);
  if (from->sa_family == AF_INET) {
    addr.family = 4;
    addr.port = ntohs(in->sin_port);
    memcpy(addr.ip, &in->sin_addr, 4);
  } else if (from->sa_family == AF_INET6) {
    addr.family = 6;
    addr.port = ntohs(in6->sin6_port);
    addr.scope = in6->sin6_scope_id;
    memcpy(addr.ip, &in6->sin6_addr, 16);
  }
  return addr;
}
