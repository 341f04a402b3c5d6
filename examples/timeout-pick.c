/* timeout-pick.c - a time limit for any promise, by pick.
 * SPDX-License-Identifier: ISC
 *
 * From the tutorial (doc/tutorial.md).  lwt_with_timeout() is this function,
 * without the timer when p has settled already.
 */
#include <lwt.h>

/* p, or LWT_ETIMEDOUT if it takes longer than time.  Takes p.
 *
 * lwt_timeout() is rejected when the time is over.  The first of the two to
 * settle decides, whether fulfilled or rejected, and the other is cancelled:
 * either the sleep behind p, or the timer. */
static lwt_t *timeout(uint64_t time, lwt_t *p)
{
  return lwt_pick(LWT_PS(p, lwt_timeout(time)));
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
