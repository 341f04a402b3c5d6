/* fakeresume.h - a device across a resume, with each allocation failing in turn.
 * SPDX-License-Identifier: ISC
 *
 * Included after the fake backend (fakenet.h, fakeblk.h) and lwt/test.h.  One host's
 * backend is gone, another one is ready, and the frontend has no memory to connect to
 * it.  A second later there is memory again: the device is then up and works, or it is
 * lost and says so.
 */
#ifndef FAKERESUME_H
#define FAKERESUME_H

/* A device that a program has opened. */
struct back_device {
  void *(*open)(void);             /* NULL: an error */
  enum front_state (*use)(void *); /* what it is; DOWN: it does not do its work */
  void (*close)(void *);
};

static struct back_runs {
  size_t runs, in_state[3]; /* by enum front_state */
  size_t held;              /* runs after which something was left */
} back_runs;

/* Watches of devices and their backends. */
static int back_watches(void)
{
  size_t i;
  int n = 0;

  for (i = 0; i < sizeof store.watch / sizeof *store.watch; i++)
    n += !strncmp(store.watch[i].path, BACK, sizeof BACK - 1) ||
         !strncmp(store.watch[i].path, FRONT, sizeof FRONT - 1);
  return n;
}

/* Which allocations fail: one; all from there on; those until the device lets its
 * rings go. */
enum back_want { BACK_ONE, BACK_ALL, BACK_SOME };

/* Returns whether an allocation failed. */
static int back_resume_once(const struct back_device *d, size_t first,
                            enum back_want want)
{
  unsigned suspends = fake.suspends;
  size_t held, failed;
  void *device;
  lwt_t *second;

  lwt_cleanup();
  held = lwt_test_counted().held;
  device = d->open();
  if (!device)
    return 0;
  second = lwt_sleep(LWT_S(1));
  back_plug(); /* another host's */
  lwt__suspend_ask();
  if (want == BACK_SOME)
    fake.closed = lwt_test_fail_no_more;
  lwt_test_fail(first, want != BACK_ONE);
  lwt_run(second);
  failed = lwt_test_counted().failed;
  lwt_test_fail_no_more();
  fake.closed = NULL;
  lwt_run(lwt_sleep(LWT_S(2)));
  back_runs.runs++;
  back_runs.in_state[d->use(device)]++;
  d->close(device);
  lwt_run(lwt_sleep(LWT_S(20)));
  back_runs.held += fake.suspends != suspends + 1 || lwt_live() || lwt_timers() ||
                    back_watches() || lwt__grant_stats().granted || fake.pages ||
                    (!lwt_cleanup() && lwt_test_counted().held > held);
  return failed != 0;
}

/* With each allocation from the suspend on failing, alone and with later ones. */
__attribute__((unused)) static void back_resumes(const struct back_device *d)
{
  size_t n = 1;
  int failed;

  memset(&back_runs, 0, sizeof back_runs);
  do {
    failed = back_resume_once(d, n, BACK_ONE);
    failed |= back_resume_once(d, n, BACK_ALL);
    failed |= back_resume_once(d, n++, BACK_SOME);
  } while (failed);
  ok(back_runs.runs > 20, "%d resumes without some memory", (int)back_runs.runs);
  is_int((intmax_t)back_runs.in_state[FRONT_DOWN], 0, "the device is up or lost");
  is_int((intmax_t)(back_runs.in_state[FRONT_UP] + back_runs.in_state[FRONT_LOST]),
         (intmax_t)back_runs.runs, "%d times up, %d times lost",
         (int)back_runs.in_state[FRONT_UP], (int)back_runs.in_state[FRONT_LOST]);
  is_int((intmax_t)back_runs.held, 0, "nothing is left of any");
}

#endif
