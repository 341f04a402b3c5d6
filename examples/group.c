/* group.c - tutorial: a task group with a deadline.
 * SPDX-License-Identifier: ISC
 */
#include <lwt.h>
#include <lwt/scope.h>

struct job {
  struct lwt_frame frame;
  const char *name;
  uint64_t time;
  int done;
};

/* Runs when the job ends, however it ends. */
static void report(void *job)
{
  struct job *j = job;

  printf("%s: %s\n", j->name, j->done ? "done" : "given up");
}

LWT_STEP job_step(struct lwt_frame *frame)
{
  struct job *j = (struct job *)frame;

  lwt_begin(j);
  lwt_defer(j, report, j);
  lwt_await(j, lwt_sleep(j->time));
  j->done = 1;
  lwt_end(j);
}

/* The body of the group starts its threads. */
static lwt_t *start(struct lwt_scope *scope, void *env)
{
  (void)env;
  lwt_spawn(scope, LWT_GO(struct job, job_step, .name = "quick", .time = LWT_MS(10)));
  lwt_spawn(scope, LWT_GO(struct job, job_step, .name = "slow", .time = LWT_S(3600)));
  return lwt_return(NULL);
}

static lwt_t *failed(void *env, struct lwt_error error)
{
  (void)env;
  printf("the group: %s\n", lwt_strerror(error.code));
  return lwt_return(NULL);
}

int main(void)
{
  lwt_t *group = lwt_scope_until(lwt_now() + LWT_MS(200), start, NULL);

  return lwt_run(lwt_catch(group, failed, NULL)) != 0;
}
