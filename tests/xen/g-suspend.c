/* g-suspend.c - is saved and restored, and goes on: timers, watch, console, clock.
 * SPDX-License-Identifier: ISC
 */
#include "guest.h"

struct waiting {
  struct lwt_frame frame;
  struct lwt_xs_watch *watch;
  struct lwt_xs_value *value;
  struct lwt_error error;
};

static uint64_t longest;

/* Ticks show that timers go on, and that time does not jump. */
struct ticking {
  struct lwt_frame frame;
  uint64_t before;
};

LWT_STEP ticking_step(struct lwt_frame *frame)
{
  struct ticking *t = (struct ticking *)frame;
  uint64_t now;

  lwt_begin(t);
  for (;;) {
    t->before = lwt_now();
    lwt_await(t, lwt_sleep(LWT_MS(50)));
    now = lwt_now();
    if (now - t->before > longest)
      longest = now - t->before;
  }
  lwt_end(t);
}

/* Until somebody writes "go". */
LWT_STEP waiting_step(struct lwt_frame *frame)
{
  struct waiting *s = (struct waiting *)frame;

  lwt_begin(s);
  lwt_await(s, lwt_xs_write_text(0, "data/go", "no"));
  lwt_await(s, &s->watch, lwt_xs_watch("data/go"));
  lwt_defer(s, lwt_xs_unwatch, s->watch);
  printf("waiting\n");
  for (;;) {
    lwt_await(s, &s->value, lwt_xs_watch_next(s->watch));
    lwt_xs_free(s->value);
    lwt_await_error(s, &s->error, &s->value, lwt_xs_read(0, "data/go"));
    if (s->error.code)
      continue;
    if (!strcmp(s->value->bytes, "go"))
      break;
    lwt_xs_free(s->value);
  }
  lwt_xs_free(s->value);
  lwt_end(s);
}

int main(void)
{
  lwt_t *ticks = LWT_GO(struct ticking, ticking_step, .before = 0);
  int64_t wall = lwt_platform_wallclock();
  uint32_t port;

  check(lwt_xen_port_alloc(0, &port) == 0, "a port");
  check(lwt_run(LWT_GO(struct waiting, waiting_step, .watch = NULL)) == 0,
        "a watch fires after the restore");
  check(lwt_run((lwt_t *)lwt_xen_port_after(port, 0)) == LWT_EBADF,
        "a port of before is gone");
  check(lwt_xen_port_alloc(0, &port) == 0, "a new one can be had");
  check(longest < LWT_S(60), "time goes on where it was: %llu ms",
        (unsigned long long)longest / 1000000);
  check(lwt_platform_wallclock() > wall, "and the wall clock further");
  lwt_drop(ticks);
  check(lwt_live() == 0, "no promise is left");
  printf("end\n");
  return 0;
}
