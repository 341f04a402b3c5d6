/* alarm.c - wakes the loop at a time in nanoseconds.
 * SPDX-License-Identifier: ISC
 *
 * libuv's timers count milliseconds.  On Linux a timerfd does better, for one
 * system call when the time gets nearer.  A time that moves away costs nothing:
 * the alarm goes off early once, and is then set to what is wanted by then.
 * (Retransmission and idle timeouts move away with every packet.)
 *
 * Elsewhere, or with LWT_UNIX_UV_TIMER: a uv_timer, rounded up.
 */
#define _GNU_SOURCE /* dup3 */
#include "unix.h"

#include <assert.h>
#include <fcntl.h>

#if defined(__linux__) && !defined(LWT_UNIX_UV_TIMER)
#include <sys/timerfd.h>
#include <unistd.h>

/* The descriptor stays readable until the alarm is set again; unless something
 * is wanted, that must happen before the next sleep. */
static void on_alarm(uv_poll_t *handle, int status, int events)
{
  struct lwt_unix *u = handle->data;

  (void)status;
  (void)events;
  u->rung = 1;
}

int lwt__alarm_open(struct lwt_unix *u)
{
  int error, fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

  if (fd < 0)
    return lwt__unix_errno();
  error = uv_poll_init(u->loop, &u->alarm.poll, fd);
  if (error) {
    close(fd);
    return lwt__unix_error(error);
  }
  u->timer_fd = fd;
  u->armed = LWT_NEVER;
  uv_poll_start(&u->alarm.poll, UV_READABLE, on_alarm);
  uv_unref(&u->alarm.handle);
  return 0;
}

void lwt__alarm_set(struct lwt_unix *u, uint64_t deadline)
{
  struct itimerspec at = { { 0, 0 }, { 0, 0 } };

  if (deadline == LWT_NEVER)
    uv_unref(&u->alarm.handle);
  else
    uv_ref(&u->alarm.handle);
  if (!u->rung && deadline >= u->armed)
    return;
  if (deadline != LWT_NEVER) {
    at.it_value.tv_sec = (time_t)(deadline / 1000000000u);
    at.it_value.tv_nsec = (long)(deadline % 1000000000u);
    if (deadline == 0) /* would disarm it */
      at.it_value.tv_nsec = 1;
  }
  if (timerfd_settime(u->timer_fd, TFD_TIMER_ABSTIME, &at, NULL))
    assert(!"timerfd_settime");
  u->armed = deadline;
  u->rung = 0;
}

void lwt__alarm_closed(struct lwt_unix *u)
{
  close(u->timer_fd);
}

/* Setting the one that is shared would set the parent's.  dup3() gives another
 * one the old number, which libuv knows. */
int lwt__alarm_forked(struct lwt_unix *u)
{
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

  if (fd < 0 || dup3(fd, u->timer_fd, O_CLOEXEC) < 0) {
    if (fd >= 0)
      close(fd);
    return LWT_EMFILE;
  }
  close(fd);
  u->armed = LWT_NEVER;
  u->rung = 0;
  return 0;
}

#else

/* It may still be early by the libuv clock's rounding: then the run loop comes
 * again. */
static void on_alarm(uv_timer_t *handle)
{
  struct lwt_unix *u = handle->data;

  u->rung = 1;
}

/* An inactive handle would not keep the loop alive. */
static void start(struct lwt_unix *u, uint64_t ms)
{
  uv_timer_start(&u->alarm.timer, on_alarm, ms, 0);
}

#define FAR ((uint64_t)1 << 40)

int lwt__alarm_open(struct lwt_unix *u)
{
  uv_timer_init(u->loop, &u->alarm.timer);
  u->armed = LWT_NEVER;
  start(u, FAR);
  uv_unref(&u->alarm.handle);
  return 0;
}

void lwt__alarm_set(struct lwt_unix *u, uint64_t deadline)
{
  uint64_t now, ms = FAR;

  if (deadline == LWT_NEVER)
    uv_unref(&u->alarm.handle);
  else
    uv_ref(&u->alarm.handle);
  if (!u->rung && deadline >= u->armed)
    return;
  if (deadline != LWT_NEVER) {
    uv_update_time(u->loop);
    now = uv_hrtime();
    ms = deadline > now ? (deadline - now + 999999) / 1000000 : 0;
  }
  start(u, ms < FAR ? ms : FAR);
  u->armed = deadline;
  u->rung = 0;
}

void lwt__alarm_closed(struct lwt_unix *u)
{
  (void)u;
}

int lwt__alarm_forked(struct lwt_unix *u)
{
  (void)u;
  return 0;
}

#endif
