/* count-calls.c - counts what a program asks of the C library, for bench-tap.py.
 * SPDX-License-Identifier: ISC
 *
 *   cc -O2 -shared -fPIC tests/bench/count-calls.c -o count-calls.so
 *   COUNT_CALLS=FILE LD_PRELOAD=./count-calls.so PROGRAM
 *
 * FILE is mapped and holds a number of 8 bytes for each of the names below, in this
 * order, so that it can be read while the program runs.  System calls are counted, not
 * slowed down, as strace would; allocations; and copies of 64 bytes and more, except
 * those that the compiler put in place.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WAITS, READS, WRITES, OTHER, ALLOCS, FREES, COPIES, COPIED, N };

static uint64_t before[N], *count = before;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void __libc_free(void *p);

__attribute__((constructor)) static void begin(void)
{
  const char *path = getenv("COUNT_CALLS");
  int fd = path ? open(path, O_RDWR | O_CREAT, 0666) : -1;
  void *at;

  if (fd < 0 || ftruncate(fd, sizeof before))
    return;
  at = mmap(NULL, sizeof before, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (at != MAP_FAILED)
    count = at;
}

/* CALL(kind, type, name, parameters, arguments): counted, then passed on. */
#define CALL(kind, type, name, parameters, arguments) \
  type name parameters                                \
  {                                                   \
    static type(*real) parameters;                    \
                                                      \
    if (!real)                                        \
      *(void **)&real = dlsym(RTLD_NEXT, #name);      \
    count[kind]++;                                    \
    return real arguments;                            \
  }

CALL(READS, ssize_t, read, (int fd, void *at, size_t n), (fd, at, n))
CALL(READS, ssize_t, readv, (int fd, const struct iovec *v, int n), (fd, v, n))
CALL(READS, ssize_t, recv, (int fd, void *at, size_t n, int flags), (fd, at, n, flags))
CALL(READS, ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))
CALL(READS, ssize_t, recvfrom,
     (int fd, void *at, size_t n, int flags, __SOCKADDR_ARG a, socklen_t *len),
     (fd, at, n, flags, a, len))
CALL(WRITES, ssize_t, write, (int fd, const void *at, size_t n), (fd, at, n))
CALL(WRITES, ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
CALL(WRITES, ssize_t, send, (int fd, const void *at, size_t n, int flags),
     (fd, at, n, flags))
CALL(WRITES, ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags),
     (fd, m, flags))
CALL(WRITES, ssize_t, sendto,
     (int fd, const void *at, size_t n, int flags, __CONST_SOCKADDR_ARG a,
      socklen_t len),
     (fd, at, n, flags, a, len))
CALL(WRITES, ssize_t, sendfile, (int out, int in, off_t *at, size_t n),
     (out, in, at, n))
CALL(WRITES, ssize_t, sendfile64, (int out, int in, off64_t *at, size_t n),
     (out, in, at, n))
CALL(WAITS, int, epoll_wait, (int fd, struct epoll_event *e, int n, int ms),
     (fd, e, n, ms))
CALL(WAITS, int, epoll_pwait,
     (int fd, struct epoll_event *e, int n, int ms, const sigset_t *s),
     (fd, e, n, ms, s))
CALL(OTHER, int, epoll_ctl, (int fd, int op, int on, struct epoll_event *e),
     (fd, op, on, e))
CALL(READS, ssize_t, preadv2,
     (int fd, const struct iovec *v, int n, off_t at, int flags), (fd, v, n, at, flags))
CALL(OTHER, int, close, (int fd), (fd))
CALL(OTHER, int, fstat, (int fd, struct stat *st), (fd, st))
CALL(OTHER, int, fstatat, (int dir, const char *path, struct stat *st, int flags),
     (dir, path, st, flags))
CALL(OTHER, int, accept4, (int fd, __SOCKADDR_ARG a, socklen_t *n, int flags),
     (fd, a, n, flags))

/* openat2() has no function of its own. */
long syscall(long number, ...)
{
  static long (*real)(long number, ...);
  long a[6];
  va_list list;
  int i;

  va_start(list, number);
  for (i = 0; i < 6; i++)
    a[i] = va_arg(list, long);
  va_end(list);
  if (!real)
    *(void **)&real = dlsym(RTLD_NEXT, "syscall");
  count[OTHER]++;
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

void *malloc(size_t size)
{
  count[ALLOCS]++;
  return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
  count[ALLOCS]++;
  return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
  count[ALLOCS]++;
  return __libc_realloc(p, size);
}

void free(void *p)
{
  count[FREES] += p != NULL;
  __libc_free(p);
}

static void note(size_t n)
{
  if (n < 64)
    return;
  count[COPIES]++;
  count[COPIED] += n;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
  void *d = to;

  note(n);
  __asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(n) : : "memory");
  return to;
}

void *memmove(void *to, const void *from, size_t n)
{
  static void *(*real)(void *, const void *, size_t);

  if (!real)
    *(void **)&real = dlsym(RTLD_NEXT, "memmove");
  note(n);
  return real(to, from, n);
}
