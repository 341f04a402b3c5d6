/* clock.c - Xen's system time and Unix time.
 * SPDX-License-Identifier: ISC
 *
 * Xen writes the time of a recent moment, the counter at that moment and the
 * counter's frequency into the shared page.  A version that is odd or has changed
 * means that it was writing meanwhile.
 */
#include "xen.h"

/* ns of `ticks`, frequency given as a 32-bit fraction and a shift. */
static uint64_t scale(uint64_t ticks, uint32_t fraction, int8_t shift)
{
  if (shift < 0)
    ticks >>= -shift;
  else
    ticks <<= shift;
  return (uint64_t)((unsigned __int128)ticks * fraction >> 32);
}

/* A resumed guest may be on another host, whose time is another: ours goes on. */
static uint64_t last, offset;

static uint64_t read_time(void)
{
  struct vcpu_time_info *t = &lwt__shared_info->vcpu_info[0].time;
  uint32_t version, mul;
  uint64_t system, then, tsc;
  int8_t shift;

  do {
    version = READ_ONCE(t->version);
    xen_rmb();
    system = READ_ONCE(t->system_time);
    then = READ_ONCE(t->tsc_timestamp);
    mul = READ_ONCE(t->tsc_to_system_mul);
    shift = READ_ONCE(t->tsc_shift);
    tsc = hypercall_tsc();
    xen_rmb();
  } while ((version & 1) || version != READ_ONCE(t->version));
  /* The moment may be before the counter's 0; and, when it was just written, a
   * little after what was read. */
  return system + ((int64_t)(tsc - then) > 0 ? scale(tsc - then, mul, shift) : 0);
}

uint64_t lwt__xen_now(void)
{
  uint64_t now = read_time() + offset;

  if (now > last)
    last = now;
  return last;
}

uint64_t lwt__xen_latest(void)
{
  return last;
}

uint64_t lwt__xen_system_time(uint64_t now)
{
  return now - offset;
}

void lwt__clock_resume(void)
{
  offset = last - read_time();
}

int64_t lwt__xen_wallclock(void)
{
  struct shared_info *s = lwt__shared_info;
  uint32_t version, low, high, nsec;

  do {
    version = READ_ONCE(s->wc_version);
    xen_rmb();
    low = READ_ONCE(s->wc_sec);
    high = READ_ONCE(s->wc_sec_hi);
    nsec = READ_ONCE(s->wc_nsec);
    xen_rmb();
  } while ((version & 1) || version != READ_ONCE(s->wc_version));
  return (int64_t)(((uint64_t)high << 32 | low) * 1000000000u + nsec + read_time());
}
