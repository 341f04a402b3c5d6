/* syscall.c - the system calls that musl makes.
 * SPDX-License-Identifier: ISC
 *
 * The C library is the distribution's, unmodified: its `syscall` instructions
 * come to boot.S, and from there here.  What is not in the table is ENOSYS, and
 * the C library then says so to the program.
 *
 * There are the three standard streams, all the console, and no files, no
 * processes and no second thread.
 */
#define _GNU_SOURCE /* mremap() */
#include "../store.h"
#include "x86.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>

long lwt__syscall(unsigned long number, const long *args);
extern char lwt__syscall_entry[];

typedef long call_fn(long a, long b, long c, long d, long e, long f);
#define CALL(name) \
  static long name(long a, long b, long c, long d, long e, long f)
#define UNUSED (void)a, (void)b, (void)c, (void)d, (void)e, (void)f

/* ---- The console -------------------------------------------------------- */

static int is_stream(long fd)
{
  return fd >= 0 && fd <= 2;
}

CALL(sys_read)
{
  UNUSED;
  return is_stream(a) ? (long)lwt__console_get((char *)b, (size_t)c) : -EBADF;
}

CALL(sys_readv)
{
  const struct iovec *iov = (const struct iovec *)b;
  long i;

  UNUSED;
  if (!is_stream(a))
    return -EBADF;
  /* The first part that is not empty is as much as a read promises. */
  for (i = 0; i < c; i++)
    if (iov[i].iov_len)
      return (long)lwt__console_get(iov[i].iov_base, iov[i].iov_len);
  return 0;
}

CALL(sys_write)
{
  UNUSED;
  if (!is_stream(a))
    return -EBADF;
  lwt__console_put((const char *)b, (size_t)c);
  return c;
}

CALL(sys_writev)
{
  const struct iovec *iov = (const struct iovec *)b;
  long i, n = 0;

  UNUSED;
  if (!is_stream(a))
    return -EBADF;
  for (i = 0; i < c; i++) {
    lwt__console_put(iov[i].iov_base, iov[i].iov_len);
    n += (long)iov[i].iov_len;
  }
  return n;
}

/* A terminal, as far as stdio asks: it then flushes at each line. */
CALL(sys_ioctl)
{
  UNUSED;
  if (!is_stream(a))
    return -EBADF;
  if (b != TIOCGWINSZ)
    return -ENOTTY;
  memset((void *)c, 0, sizeof(struct winsize));
  return 0;
}

CALL(sys_stream)
{
  UNUSED;
  return is_stream(a) ? 0 : -EBADF;
}

CALL(sys_seek)
{
  UNUSED;
  return is_stream(a) ? -ESPIPE : -EBADF;
}

CALL(sys_no_file)
{
  UNUSED;
  return -ENOENT;
}

/* ---- Memory -------------------------------------------------------------- */

static size_t page_count(long len)
{
  return ((size_t)len + XEN_PAGE - 1) / XEN_PAGE;
}

static int rights_of(long prot)
{
  return (prot & PROT_READ ? PAGE_READ : 0) |
         (prot & PROT_WRITE ? PAGE_READ | PAGE_WRITE : 0) |
         (prot & PROT_EXEC ? PAGE_READ | PAGE_EXEC : 0);
}

/* Anonymous memory, anywhere; never writable and executable. */
CALL(sys_mmap)
{
  size_t n = page_count(b);
  int rights = rights_of(c);
  uint64_t address;

  UNUSED;
  if (b <= 0 || (d & MAP_FIXED))
    return -EINVAL;
  if (!(d & MAP_ANONYMOUS))
    return -ENODEV;
  if ((rights & PAGE_WRITE) && (rights & PAGE_EXEC))
    return -EACCES;
  address = lwt__frames_alloc(n, n >= 512 ? 512 : 1);
  if (!address && n >= 512)
    address = lwt__frames_alloc(n, 1);
  if (!address)
    return -ENOMEM;
  memset((void *)address, 0, n * XEN_PAGE);
  if (rights != (PAGE_READ | PAGE_WRITE) && lwt__paging_set(address, n, rights)) {
    lwt__frames_free(address, n);
    return -ENOMEM;
  }
  return (long)address;
}

/* Make pages ordinary again. */
static int open_pages(uint64_t address, size_t n)
{
  const int plain = PAGE_READ | PAGE_WRITE;
  size_t i;

  for (i = 0; i < n; i++, address += XEN_PAGE)
    if (lwt__paging_rights(address) != plain && lwt__paging_set(address, 1, plain))
      return -ENOMEM;
  return 0;
}

CALL(sys_munmap)
{
  size_t n = page_count(b);

  UNUSED;
  if (b <= 0 || !lwt__frames_are_used((uint64_t)a, n))
    return -EINVAL;
  if (open_pages((uint64_t)a, n))
    return -ENOMEM;
  lwt__frames_free((uint64_t)a, n);
  return 0;
}

/* Shrinks in place, grows by moving. */
CALL(sys_mremap)
{
  size_t from = page_count(b), to = page_count(c);
  long moved;

  UNUSED;
  if (b <= 0 || c <= 0 || (d & ~MREMAP_MAYMOVE) ||
      !lwt__frames_are_used((uint64_t)a, from))
    return -EINVAL;
  if (to < from) {
    sys_munmap(a + (long)(to * XEN_PAGE), (long)((from - to) * XEN_PAGE), 0, 0, 0, 0);
    return a;
  }
  if (to == from)
    return a;
  if (!(d & MREMAP_MAYMOVE))
    return -ENOMEM;
  moved = sys_mmap(0, c, PROT_READ | PROT_WRITE, MAP_ANONYMOUS, -1, 0);
  if (moved < 0)
    return moved;
  memcpy((void *)moved, (void *)a, from * XEN_PAGE);
  sys_munmap(a, b, 0, 0, 0, 0);
  return moved;
}

CALL(sys_mprotect)
{
  size_t n = page_count(b);
  int rights = rights_of(c);

  UNUSED;
  if ((rights & PAGE_WRITE) && (rights & PAGE_EXEC))
    return -EACCES;
  if (!lwt__frames_are_used((uint64_t)a, n))
    return -EINVAL;
  return lwt__paging_set((uint64_t)a, n, rights) ? -ENOMEM : 0;
}

CALL(sys_madvise)
{
  UNUSED;
  return c == MADV_DONTNEED ? -EINVAL : 0;
}

/* malloc() then goes to mmap(). */
CALL(sys_brk)
{
  UNUSED;
  return 0;
}

/* ---- Time and chance ------------------------------------------------------ */

CALL(sys_clock_gettime)
{
  struct timespec *to = (struct timespec *)b;
  uint64_t now;

  UNUSED;
  if (a == CLOCK_REALTIME || a == CLOCK_REALTIME_COARSE)
    now = (uint64_t)lwt__xen_wallclock();
  else if (a == CLOCK_MONOTONIC || a == CLOCK_MONOTONIC_RAW ||
           a == CLOCK_MONOTONIC_COARSE || a == CLOCK_BOOTTIME ||
           a == CLOCK_PROCESS_CPUTIME_ID || a == CLOCK_THREAD_CPUTIME_ID)
    now = lwt__xen_now();
  else
    return -EINVAL;
  to->tv_sec = (time_t)(now / 1000000000u);
  to->tv_nsec = (long)(now % 1000000000u);
  return 0;
}

CALL(sys_gettimeofday)
{
  uint64_t now = (uint64_t)lwt__xen_wallclock();

  UNUSED;
  ((long *)a)[0] = (long)(now / 1000000000u);
  ((long *)a)[1] = (long)(now % 1000000000u / 1000);
  return 0;
}

/* Sleeps with the whole program; events wait. */
static long sleep_until(uint64_t deadline)
{
  while (lwt__xen_now() < deadline)
    lwt__port_sleep(NULL, deadline);
  return 0;
}

static uint64_t duration(const struct timespec *ts)
{
  return (uint64_t)ts->tv_sec * 1000000000u + (uint64_t)ts->tv_nsec;
}

CALL(sys_nanosleep)
{
  UNUSED;
  return sleep_until(lwt__xen_now() + duration((const struct timespec *)a));
}

CALL(sys_clock_nanosleep)
{
  uint64_t ns = duration((const struct timespec *)c), boot = 0;

  UNUSED;
  if (!(b & TIMER_ABSTIME))
    return sleep_until(lwt__xen_now() + ns);
  if (a == CLOCK_REALTIME)
    boot = (uint64_t)lwt__xen_wallclock() - lwt__xen_now();
  return sleep_until(ns > boot ? ns - boot : 0);
}

CALL(sys_getrandom)
{
  UNUSED;
  return hypercall_random((void *)a, (size_t)b) ? -EIO : b;
}

/* ---- The process ---------------------------------------------------------- */

static void say_counts(void)
{
  struct lwt_xen_counts counts = lwt__counts; /* before the console adds to them */
  char text[600];
  const char *asked = getenv("LWT_XEN_COUNTS");

  if (asked && *asked)
    lwt__console_put(text, lwt_xen_counts_text(&counts, text, sizeof text));
}

void lwt__xen_exit(int status)
{
  say_counts();
  if (status)
    lwt__say("lwt-xen: exit status %d\n", status);
  lwt__lifecycle_exit(status);
  lwt__store_flush(LWT_S(5));
  lwt__console_flush(LWT_S(5));
  lwt__xen_end(lwt__lifecycle_reason());
}

void lwt__lifecycle_end(unsigned reason)
{
  lwt__store_flush(LWT_S(1));
  lwt__console_flush(LWT_S(1));
  lwt__xen_end(reason);
}

CALL(sys_exit)
{
  UNUSED;
  lwt__xen_exit((int)a & 255);
}

/* A signal to oneself: abort() and failed assertions. */
CALL(sys_kill)
{
  UNUSED;
  lwt__say("\nlwt-xen: signal %d\n", (int)b);
  lwt__backtrace(0, (uint64_t)__builtin_frame_address(0));
  lwt__console_flush(LWT_S(1));
  lwt__xen_end(SHUTDOWN_crash);
}

CALL(sys_arch_prctl)
{
  UNUSED;
  if (a != 0x1002) /* ARCH_SET_FS */
    return -EINVAL;
  wrmsr(0xc0000100, (uint64_t)b);
  return 0;
}

CALL(sys_one)
{
  UNUSED;
  return 1;
}

CALL(sys_zero)
{
  UNUSED;
  return 0;
}

/* Nobody else could wake us: a wait that would block is a deadlock. */
CALL(sys_futex)
{
  int op = (int)b & 127;

  UNUSED;
  if (op == 1) /* wake */
    return 0;
  if (op == 0 && *(volatile int *)a != (int)c)
    return -EAGAIN;
  lwt__xen_panic("a lock is taken that its only thread holds");
}

CALL(sys_uname)
{
  struct utsname *u = (struct utsname *)a;

  UNUSED;
  memset(u, 0, sizeof *u);
  strcpy(u->sysname, "lwt-xen");
  strcpy(u->nodename, "lwt");
  strcpy(u->machine, "x86_64");
  return 0;
}

/* How much memory there is (sysconf()). */
CALL(sys_sysinfo)
{
  struct sysinfo *info = (struct sysinfo *)a;

  UNUSED;
  memset(info, 0, sizeof *info);
  info->uptime = (long)(lwt__xen_now() / LWT_S(1));
  info->totalram = lwt__frames_total();
  info->freeram = lwt__frames_unused();
  info->mem_unit = XEN_PAGE;
  return 0;
}

/* Pairs, not an array by number: that would be 2 KB of holes. */
static const struct {
  unsigned long number;
  call_fn *call;
} table[] = {
  { SYS_arch_prctl, sys_arch_prctl },
  { SYS_brk, sys_brk },
  { SYS_clock_gettime, sys_clock_gettime },
  { SYS_clock_nanosleep, sys_clock_nanosleep },
  { SYS_close, sys_stream },
  { SYS_exit, sys_exit },
  { SYS_exit_group, sys_exit },
  { SYS_fcntl, sys_stream },
  { SYS_futex, sys_futex },
  { SYS_getegid, sys_zero },
  { SYS_geteuid, sys_zero },
  { SYS_getgid, sys_zero },
  { SYS_getpid, sys_one },
  { SYS_getrandom, sys_getrandom },
  { SYS_gettid, sys_one },
  { SYS_gettimeofday, sys_gettimeofday },
  { SYS_getuid, sys_zero },
  { SYS_ioctl, sys_ioctl },
  { SYS_kill, sys_kill },
  { SYS_lseek, sys_seek },
  { SYS_madvise, sys_madvise },
  { SYS_mmap, sys_mmap },
  { SYS_mprotect, sys_mprotect },
  { SYS_mremap, sys_mremap },
  { SYS_munmap, sys_munmap },
  { SYS_nanosleep, sys_nanosleep },
  { SYS_open, sys_no_file },
  { SYS_openat, sys_no_file },
  { SYS_read, sys_read },
  { SYS_readv, sys_readv },
  { SYS_rt_sigaction, sys_zero },
  { SYS_rt_sigprocmask, sys_zero },
  { SYS_sched_yield, sys_zero },
  { SYS_set_tid_address, sys_one },
  { SYS_tkill, sys_kill },
  { SYS_sysinfo, sys_sysinfo },
  { SYS_uname, sys_uname },
  { SYS_write, sys_write },
  { SYS_writev, sys_writev },
};

/* args: r9, r8, r10, rdx, rsi, rdi. */
long lwt__syscall(unsigned long number, const long *args)
{
  size_t i;

  for (i = 0; i < sizeof table / sizeof *table; i++)
    if (table[i].number == number)
      return table[i].call(args[5], args[4], args[3], args[2], args[1], args[0]);
  return -ENOSYS;
}

void lwt__syscall_init(void)
{
  wrmsr(0xc0000081, 8ull << 32);                  /* STAR: CS 8, SS 16 */
  wrmsr(0xc0000082, (uint64_t)lwt__syscall_entry); /* LSTAR */
  wrmsr(0xc0000084, 0x40700);                     /* SFMASK: IF, DF, TF, AC */
}
