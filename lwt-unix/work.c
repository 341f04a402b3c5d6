/* work.c - a call in a worker thread behind a promise, and lwt_detach().
 * SPDX-License-Identifier: ISC
 *
 *   waiting   in the pool's queue: cancel takes it out;
 *   running   in a thread: cancel empties the resolver and leaves it behind;
 *   back      delivered to the loop's inbox: settled, or dropped if nobody wants it.
 */
#include "thread_internal.h"

#include <lwt/trace.h>
#include <string.h>

static void run_task(struct task *task)
{
  struct work *w = CONTAINER(task, struct work, task);

  w->run(w);
}

/* The loop has it again. */
static struct lwt_resolver returned(struct work *w)
{
  struct lwt_loop *inbox = w->task.inbox;
  struct lwt_resolver r = w->r;

  w->r.lwt_private = NULL;
  lwt__unix_remove(&w->object);
  inbox->jobs--;
  lwt_trace_instant("work", "end", (int64_t)inbox->jobs);
  lwt__inbox_busy(inbox);
  return r;
}

static void come_back(struct mail *mail, int ended)
{
  struct work *w = CONTAINER(mail, struct work, task.mail);
  struct lwt_resolver r = returned(w);

  (void)ended;
  if (lwt_unwanted(&r)) {
    w->drop(w, 1);
    lwt_abandon(&r);
  } else {
    w->settle(w, &r);
  }
}

/* Nobody waits for it. */
static void leave_behind(struct work *w)
{
  if (!lwt__workers_remove(w->pool, &w->task))
    return;
  returned(w);
  w->drop(w, 0);
}

static void work_stop(void *env)
{
  struct work *w = env;

  lwt_abandon(&w->r);
  leave_behind(w);
}

static void work_cut(struct object *object, int now)
{
  struct work *w = CONTAINER(object, struct work, object);
  struct lwt_resolver r = w->r;

  (void)now;
  w->r.lwt_private = NULL;
  leave_behind(w);
  lwt_reject(&r, LWT_ECANCELED, "worker");
}

lwt_t *lwt__work(struct work *w, enum pool pool, const char *what, const char *where)
{
  struct lwt_loop *inbox = lwt__inbox();
  struct lwt_resolver r;
  lwt_t *p;
  int error;

  if (!inbox) {
    w->drop(w, 0);
    return lwt_fail_at(LWT_ENOMEM, what, where);
  }
  p = lwt_task_op_at(&w->r, work_stop, w, where);
  if (!w->r.lwt_private) {
    w->drop(w, 0);
    return p;
  }
  if (!inbox->works) {
    lwt__workers_hold();
    inbox->works = 1;
  }
  w->pool = pool;
  w->task.run = run_task;
  w->task.inbox = inbox;
  w->task.mail.deliver = come_back;
  error = lwt__workers_submit(pool, &w->task);
  if (error) {
    r = w->r;
    w->drop(w, 0);
    lwt_reject_at(&r, error, what, where);
    return p;
  }
  lwt__unix_add(&w->object, NULL, work_cut);
  inbox->jobs++;
  lwt_trace_instant("work", "begin", (int64_t)inbox->jobs);
  lwt__inbox_busy(inbox);
  return p;
}

/* In the child no thread has it: what one may have been changing is left alone,
 * but for the record itself, whose first member w is. */
static void lost_in_fork(struct mail *mail, int ended)
{
  struct work *w = CONTAINER(mail, struct work, task.mail);
  struct lwt_loop *inbox = w->task.inbox;
  struct lwt_resolver r = returned(w);

  (void)ended;
  if (w->task.state == TASK_QUEUED)
    w->drop(w, 0);
  else
    lwt__free(w);
  lwt__inbox_release(inbox);
  lwt_reject(&r, LWT_ECANCELED, "fork");
}

void lwt__works_forked(void)
{
  struct lwt_loop *inbox = lwt__unix.inbox;
  struct object *object = lwt__unix.objects;
  struct mail *mail = inbox ? atomic_load(&inbox->head) : NULL;

  for (; mail; mail = mail->next)
    if (mail->deliver == come_back)
      CONTAINER(mail, struct work, task.mail)->task.state = TASK_IDLE;
  while (object && object->next)
    object = object->next;
  for (; object; object = object->prev) {
    struct work *w = CONTAINER(object, struct work, object);

    if (object->cut != work_cut || w->task.state == TASK_IDLE)
      continue;
    w->task.mail.deliver = lost_in_fork;
    lwt__inbox_push(w->task.inbox, &w->task.mail);
  }
}

/* ---- lwt_detach() ------------------------------------------------------ */

struct detached {
  struct work work;
  lwt_work_fn *fn;
  void *arg, *value;
  lwt_drop_fn *drop_arg, *drop_value;
  int error;
};

static void detached_run(struct work *w)
{
  struct detached *d = CONTAINER(w, struct detached, work);

  d->error = d->fn(d->arg, &d->value);
}

static void detached_free(struct detached *d)
{
  lwt_drop_fn *drop = d->drop_arg;
  void *arg = d->arg;

  lwt__free(d);
  if (drop)
    drop(arg);
}

static void detached_drop(struct work *w, int ran)
{
  struct detached *d = CONTAINER(w, struct detached, work);

  if (ran && !d->error && d->drop_value)
    d->drop_value(d->value);
  detached_free(d);
}

static void detached_settle(struct work *w, struct lwt_resolver *r)
{
  struct detached *d = CONTAINER(w, struct detached, work);
  lwt_drop_fn *drop = d->drop_value;
  void *value = d->value;
  int error = d->error;

  detached_free(d);
  if (error)
    lwt_reject(r, error, "detach");
  else
    lwt_fulfill_owned(r, value, drop);
}

lwt_t *lwt_detach_at(lwt_work_fn *fn, void *arg, lwt_drop_fn *drop_arg,
                     lwt_drop_fn *drop_value, const char *where)
{
  struct detached *d = lwt__alloc(sizeof *d);

  if (!d) {
    if (drop_arg)
      drop_arg(arg);
    return lwt_fail_at(LWT_ENOMEM, "detach", where);
  }
  memset(d, 0, sizeof *d);
  d->work.run = detached_run;
  d->work.settle = detached_settle;
  d->work.drop = detached_drop;
  d->fn = fn;
  d->arg = arg;
  d->drop_arg = drop_arg;
  d->drop_value = drop_value;
  return lwt__work(&d->work, POOL_DETACH, "detach", where);
}
