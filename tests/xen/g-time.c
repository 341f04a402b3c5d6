/* g-time.c - timers over ten seconds, and the wall clock.
 * SPDX-License-Identifier: ISC
 */
#include "guest.h"

#include <time.h>

struct sleeper {
  struct lwt_frame frame;
  uint64_t period, due, until;
};

static uint64_t worst, early, fired;

LWT_STEP sleeper_step(struct lwt_frame *frame)
{
  struct sleeper *s = (struct sleeper *)frame;
  uint64_t now;

  lwt_begin(s);
  for (s->due = lwt_now(); s->due < s->until;) {
    s->due += s->period;
    lwt_await(s, lwt_sleep_until(s->due));
    now = lwt_now();
    fired++;
    early += now < s->due;
    if (now > s->due && now - s->due > worst)
      worst = now - s->due;
  }
  lwt_end(s);
}

static int ten_seconds(void)
{
  static const unsigned periods[] = { 50, 130, 333, 500, 770, 1000 };
  lwt_t *ps[6];
  uint64_t start = lwt_now();
  unsigned i;

  worst = 0;
  for (i = 0; i < 6; i++)
    ps[i] = LWT_GO(struct sleeper, sleeper_step, .period = LWT_MS(periods[i]),
                   .until = start + LWT_S(10));
  return lwt_run(lwt_join(6, ps));
}

/* How late a bare SCHEDOP_poll is on this machine, which may be busy: nanosleep() is
 * nothing else. */
static uint64_t control(void)
{
  struct timespec ts = { 0, 50000000 };
  uint64_t most = 0, due, now;
  int i;

  for (i = 0; i < 60; i++) {
    due = lwt_now() + LWT_MS(50);
    nanosleep(&ts, NULL);
    now = lwt_now();
    if (now > due && now - due > most)
      most = now - due;
  }
  return most;
}

/* The argument: dom0's time when it made us. */
int main(int argc, char **argv)
{
  int64_t wall = lwt_platform_wallclock() / 1000000000 - (argc > 1 ? atoll(argv[1]) : 0);
  int error = lwt_run(lwt_sleep(LWT_S(1))); /* the toolstack is still at work */
  uint64_t machine = control();
  int tries = 3; /* what shares the machine may hold it for a moment */

  do
    error |= ten_seconds();
  while (worst >= LWT_MS(5) && --tries > 0);
  if (machine < LWT_MS(4))
    machine = control(); /* busy meanwhile? */
  printf("# worst: %llu us, of a bare hypercall: %llu us\n",
         (unsigned long long)worst / 1000, (unsigned long long)machine / 1000);
  check(!error, "six sleepers for ten seconds");
  check(!early, "none of %llu timers is early", (unsigned long long)fired);
  if (worst >= LWT_MS(5) && machine >= LWT_MS(4))
    printf("ok - none is 5 ms late # SKIP the machine is: see above\n");
  else
    check(worst < LWT_MS(5), "none is 5 ms late");
  check(wall >= -1 && wall < 30, "the wall clock is dom0's, and %d s", (int)wall);
  printf("end\n");
  return 0;
}
