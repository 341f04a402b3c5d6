/* squares.c - tutorial: a channel between a producer and its workers.
 * SPDX-License-Identifier: ISC
 */
#include <lwt.h>
#include <lwt/channel.h>

/* Sends the numbers from 1 to 10.  The channel holds two of them: if nobody
 * receives, the producer waits. */
struct producer {
  struct lwt_frame frame;
  struct lwt_channel *jobs;
  intptr_t i;
};

LWT_STEP producer_step(struct lwt_frame *frame)
{
  struct producer *p = (struct producer *)frame;

  lwt_begin(p);
  for (p->i = 1; p->i <= 10; p->i++)
    lwt_await(p, lwt_channel_send(p->jobs, (void *)p->i));
  lwt_channel_close(p->jobs);
  lwt_end(p);
}

/* Receives until the channel has ended.  Each number goes to one worker. */
struct worker {
  struct lwt_frame frame;
  struct lwt_channel *jobs;
  intptr_t *sum;
  struct lwt_error error;
  void *job;
};

LWT_STEP worker_step(struct lwt_frame *frame)
{
  struct worker *w = (struct worker *)frame;

  lwt_begin(w);
  for (;;) {
    lwt_await_error(w, &w->error, &w->job, lwt_channel_recv(w->jobs));
    if (w->error.code == LWT_EOF)
      break;
    if (w->error.code != 0)
      lwt_throw(w, w->error.code, w->error.what);
    lwt_await(w, lwt_sleep(LWT_MS(5))); /* that is hard work */
    *w->sum += (intptr_t)w->job * (intptr_t)w->job;
  }
  lwt_end(w);
}

int main(void)
{
  struct lwt_channel *jobs = lwt_channel_new(2, NULL);
  intptr_t sum = 0;
  int failed;

  if (!jobs)
    return 1;
  failed = lwt_run(lwt_join(
             LWT_PS(LWT_GO(struct producer, producer_step, .jobs = jobs),
                    LWT_GO(struct worker, worker_step, .jobs = jobs, .sum = &sum),
                    LWT_GO(struct worker, worker_step, .jobs = jobs, .sum = &sum)))) != 0;
  lwt_channel_free(jobs);
  printf("the sum of the squares is %d\n", (int)sum);
  return failed;
}
