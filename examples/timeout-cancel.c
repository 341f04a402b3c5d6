/* timeout-cancel.c - a time limit for any promise, by cancel.
 * SPDX-License-Identifier: ISC
 *
 * From the tutorial (doc/tutorial.md).  timeout-pick.c does it in one line.
 */
#include <lwt.h>

struct limit {
  struct lwt_frame frame;
  lwt_t *p;
  uint64_t time;
  lwt_t *alarm;
};

/* Cancel goes back to what p waits for at the bottom, a sleep for example,
 * and rejects that with LWT_ECANCELED.  The rejection then comes forward. */
static void *ring(void *p, void *value)
{
  lwt_cancel(p);
  return value;
}

static void drop(void *p)
{
  lwt_drop(p);
}

LWT_STEP limit_step(struct lwt_frame *frame)
{
  struct limit *l = (struct limit *)frame;

  lwt_begin(l);
  l->alarm = lwt_map(lwt_sleep(l->time), ring, l->p);
  /* However this thread ends, the alarm is dropped then.  Dropping the last
   * handle of a promise cancels it: no timer is left behind. */
  lwt_defer(l, drop, l->alarm);
  /* End as p ends, with its value or its error. */
  lwt_become(l, l->p);
  lwt_end(l);
}

/* p, cancelled if it takes longer than time.  Takes p. */
static lwt_t *timeout(uint64_t time, lwt_t *p)
{
  return LWT_GO(struct limit, limit_step, .p = p, .time = time);
}

/* To see what comes of it: called if the promise is fulfilled ... */
static void *done(void *name, void *value)
{
  printf("%s: done\n", (char *)name);
  return value;
}

/* ... and if it is rejected. */
static lwt_t *failed(void *name, struct lwt_error error)
{
  printf("%s: %s\n", (char *)name, lwt_strerror(error.code));
  return lwt_return(NULL);
}

static lwt_t *show(char *name, lwt_t *p)
{
  return lwt_catch(lwt_map(p, done, name), failed, name);
}

int main(void)
{
  lwt_t *quick = timeout(LWT_MS(100), lwt_sleep(LWT_MS(10)));
  lwt_t *slow = timeout(LWT_MS(100), lwt_sleep(LWT_S(3600)));

  return lwt_run(lwt_join(LWT_PS(show("quick", quick), show("slow", slow)))) != 0;
}
