/* error.c - the texts of the error codes.
 * SPDX-License-Identifier: ISC
 */
#include "internal.h"

const char *lwt_strerror(int code)
{
  switch (code) {
  case LWT_EPERM: return "operation not permitted";
  case LWT_ENOENT: return "no such file or name";
  case LWT_EINTR: return "interrupted";
  case LWT_EIO: return "input/output error";
  case LWT_EBADF: return "closed or bad descriptor";
  case LWT_EAGAIN: return "try again";
  case LWT_ENOMEM: return "out of memory";
  case LWT_EACCES: return "permission denied";
  case LWT_EBUSY: return "busy";
  case LWT_EEXIST: return "exists already";
  case LWT_ENODEV: return "no such device";
  case LWT_ENOTDIR: return "not a directory";
  case LWT_EISDIR: return "is a directory";
  case LWT_EINVAL: return "invalid argument";
  case LWT_EMFILE: return "too many open files";
  case LWT_EFBIG: return "too large";
  case LWT_ENOSPC: return "no space left";
  case LWT_EROFS: return "read-only";
  case LWT_EPIPE: return "broken pipe";
  case LWT_ERANGE: return "out of range";
  case LWT_EDEADLK: return "nothing can wake the loop";
  case LWT_ENAMETOOLONG: return "name too long";
  case LWT_ENOSYS: return "not implemented";
  case LWT_ENODATA: return "ended too early";
  case LWT_EPROTO: return "protocol error";
  case LWT_EBADMSG: return "malformed message";
  case LWT_EMSGSIZE: return "message too long";
  case LWT_ENOTSUP: return "not supported";
  case LWT_EADDRINUSE: return "address in use";
  case LWT_EADDRNOTAVAIL: return "address not available";
  case LWT_ENETDOWN: return "network is down";
  case LWT_ENETUNREACH: return "network unreachable";
  case LWT_ECONNABORTED: return "connection aborted";
  case LWT_ECONNRESET: return "connection reset";
  case LWT_ENOBUFS: return "no buffer space";
  case LWT_EISCONN: return "connected already";
  case LWT_ENOTCONN: return "not connected";
  case LWT_ESHUTDOWN: return "shut down";
  case LWT_ETIMEDOUT: return "timed out";
  case LWT_ECONNREFUSED: return "connection refused";
  case LWT_EHOSTUNREACH: return "host unreachable";
  case LWT_EALREADY: return "settled already";
  case LWT_EOF: return "end";
  case LWT_ECANCELED: return "canceled";
  }
  return "error";
}
