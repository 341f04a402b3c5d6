/* heads-tails.c - two threads that wait, and one that waits for both.
 * SPDX-License-Identifier: ISC
 *
 * The first program of the tutorial (doc/tutorial.md).  It prints Heads after
 * a tenth of a second, Tails after another, and then that it has finished.
 */
#include <lwt.h>

/* A thread is a struct: what it must remember while it waits.  The frame, by
 * which the library knows it, comes first. */
struct coin {
  struct lwt_frame frame;
  const char *side;
  uint64_t time;
};

/* What the thread does.  At an lwt_await() whose promise is pending this
 * function returns; when the promise settles it is called again and goes on
 * behind the await.  Locals do not survive that, members of the struct do. */
LWT_STEP coin_step(struct lwt_frame *frame)
{
  struct coin *c = (struct coin *)frame;

  lwt_begin(c);
  lwt_await(c, lwt_sleep(c->time));
  puts(c->side);
  lwt_end(c);
}

/* Starting a thread gives the promise of its end. */
static lwt_t *coin(const char *side, uint64_t time)
{
  return LWT_GO(struct coin, coin_step, .side = side, .time = time);
}

/* The other style: a function to be called with the value of a promise. */
static void *finished(void *env, void *value)
{
  (void)env;
  puts("Finished");
  return value;
}

int main(void)
{
  /* Nothing has waited yet when this line is done: both threads have begun
   * and sleep.  lwt_join() takes their promises and waits for both. */
  lwt_t *both = lwt_join(LWT_PS(coin("Heads", LWT_MS(100)), coin("Tails", LWT_MS(200))));

  /* Here the program waits, and nowhere else. */
  return lwt_run(lwt_map(both, finished, NULL)) != 0;
}
