/* loop.c - pause, tasks, and the run loop.
 * SPDX-License-Identifier: ISC
 *
 * A turn: drain the ready queue, fulfil what was paused before the turn, fire
 * the timers that are due, ask the engine for events.  While promises are
 * paused the engine is only polled, and not before POLL_AFTER of them have
 * run, because a poll costs more than a hundred of them.
 */
#include "queue.h"

#include <lwt/trace.h>

#define POLL_AFTER 64

/* Turns in a row for which one look at the clock does: a stack sends in one and the
 * hub delivers in the next. */
#define NOW_TURNS 2

struct lwt_engine *lwt_platform_engine(void) __attribute__((weak));

struct lwt_engine *lwt_set_engine(struct lwt_engine *engine)
{
  struct lwt_engine *before = lwt__t.engine;

  lwt__t.engine = engine;
  return before;
}

struct lwt_engine *lwt_get_engine(void)
{
  if (unlikely(!lwt__t.engine) && lwt_platform_engine)
    lwt__t.engine = lwt_platform_engine();
  return lwt__t.engine;
}

uint64_t lwt_now(void)
{
  struct lwt_engine *engine = lwt_get_engine();

  return engine ? engine->now(engine) : 0;
}

uint64_t lwt__task_now(void)
{
  struct thread *t = &lwt__t;

  if (t->in_tasks && t->now_turns)
    return t->now;
  t->now = lwt_now();
  t->now_turns = t->in_tasks ? NOW_TURNS : 0;
  return t->now;
}

/* ---- pause ------------------------------------------------------------------ */

lwt_t *lwt_pause_at(const char *where)
{
  return lwt__wait_in(&lwt__t.paused, NULL, NULL, where);
}

void lwt__task_set(struct lwt__task *task)
{
  if (task->link)
    return;
  task->link = lwt__t.tasks ? lwt__t.tasks_end : &lwt__t.tasks;
  task->next = NULL;
  *task->link = task;
  lwt__t.tasks_end = &task->next;
}

/* In the list of the next turn, or in that of those that run. */
void lwt__task_stop(struct lwt__task *task)
{
  if (!task->link)
    return;
  *task->link = task->next;
  if (task->next)
    task->next->link = task->link;
  else if (lwt__t.tasks_end == &task->next)
    lwt__t.tasks_end = task->link;
  task->link = NULL;
}

/* Those in the list, each of which may be stopped by another; returns how many. */
static size_t run_tasks(struct thread *t)
{
  struct lwt__task *list = t->tasks, *task;
  uint8_t outer = t->in_tasks, held = t->draining;
  size_t n = 0;

  t->tasks = NULL;
  t->in_tasks = 1;
  t->now_turns -= t->now_turns > 0;
  list->link = &list;
  for (; (task = list); n++) {
    list = task->next;
    if (list)
      list->link = &list;
    task->link = NULL;
    t->draining = 1;
    task->fn(task);
    t->draining = held;
    lwt__leave();
  }
  t->in_tasks = outer;
  return n;
}

static inline int is_paused(void)
{
  return lwt__t.paused.waiters || lwt__t.tasks;
}

int lwt__is_paused(void)
{
  return is_paused();
}

size_t lwt__run_paused(void)
{
  struct thread *t = &lwt__t;
  struct waiter *w = t->paused.waiters, *next;
  size_t n = 0;

  t->paused.waiters = NULL;
  for (; w; w = next, n++) {
    next = w->next;
    lwt__fulfill((struct promise *)(void *)((char *)w - offsetof(struct promise, w)),
                 NULL, NULL);
  }
  return t->tasks ? n + run_tasks(t) : n;
}

/* ---- The loop ---------------------------------------------------------------- */

static void run_timers(struct lwt_engine *engine)
{
  uint64_t now = engine->now(engine);
  int more;

  do {
    more = lwt__timers_run(now);
    lwt__leave();
  } while (more);
}

uint64_t lwt_run_ready(void)
{
  struct lwt_engine *engine;
  uint64_t next = LWT_NEVER;

  lwt__t.now_turns = 0;
  lwt__leave();
  lwt__run_paused();
  lwt__leave();
  if (lwt__t.timers && (engine = lwt_get_engine())) {
    run_timers(engine);
    next = lwt__timers_next();
  }
  return is_paused() ? lwt_now() : next;
}

/* One turn; returns 0 or the engine's error.  *quick counts what was resumed
 * since the engine was last asked. */
static int turn(struct lwt_engine *engine, const struct promise *p, size_t *quick)
{
  uint64_t next = LWT_NEVER;
  size_t resumed;

  *quick += lwt__run_paused();
  lwt__leave();
  if (p->state != LWT_PENDING || (is_paused() && *quick < POLL_AFTER))
    return 0;
  resumed = *quick;
  *quick = 0;
  if (lwt__t.timers) {
    run_timers(engine);
    if (p->state != LWT_PENDING)
      return 0;
    next = lwt__timers_next();
  }
  if (is_paused())
    next = 0;
  lwt__t.now_turns = 0;
  return lwt__traced() ? lwt__t.trace->wait(engine, next, resumed)
                       : engine->wait(engine, next);
}

static int run(struct lwt_engine *engine, const struct promise *p)
{
  size_t quick = 0;
  int error = 0;

  lwt__t.now_turns = 0;
  lwt__leave();
  while (p->state == LWT_PENDING && !error) {
    error = turn(engine, p, &quick);
    lwt__leave();
  }
  return p->state == LWT_PENDING ? error : 0;
}

static struct lwt_error result(lwt_t *p, void **value)
{
  struct outcome o;

  if (lwt__is_inline(p)) {
    if (value)
      *value = lwt__inline_value(p);
    return (struct lwt_error){ 0, NULL };
  }
  lwt__take_over(P(p), &o);
  if (o.state == LWT_REJECTED)
    return (struct lwt_error){ (int)o.code, o.what };
  if (value)
    *value = o.value;
  else if (!o.grant)
    lwt__drop_value(o.value, o.drop);
  return (struct lwt_error){ 0, NULL };
}

/* stuck: where to write what p waits for if nothing can wake the loop. */
static struct lwt_error run_value(lwt_t *p, void **value, FILE *stuck)
{
  struct lwt_engine *engine = lwt_get_engine();
  struct lwt_error error = { 0, "lwt_run" };

  if (lwt__t.looping || lwt__t.draining)
    error.code = LWT_EBUSY;
  else if (!engine && lwt_state(p) == LWT_PENDING)
    error.code = LWT_ENOSYS;
  else if (lwt_state(p) == LWT_PENDING) {
    lwt__t.looping = 1;
    error.code = run(engine, P(p));
    lwt__t.looping = 0;
  }
  if (error.code == 0)
    return result(p, value);
  if (error.code == LWT_EDEADLK && stuck) {
    fputs("lwt_run: nothing can wake this loop; it waits for\n", stuck);
    lwt_dump_one(stuck, p);
  }
  lwt_drop(p);
  return error;
}

struct lwt_error lwt_run_value(lwt_t *p, void **value)
{
  return run_value(p, value, NULL);
}

static void print_failure(struct lwt_error error)
{
  struct lwt_path path;

  fprintf(stderr, "%s: %s\n", error.what ? error.what : "error",
          lwt_strerror(error.code));
  if (lwt__t.debug && lwt_path(NULL, &path) && path.error.code == error.code &&
      path.error.what == error.what) {
    if (path.origin)
      fprintf(stderr, "  made at %s\n", path.origin);
    lwt_path_print(stderr, &path);
  }
}

int lwt_run(lwt_t *p)
{
  struct lwt_error error = run_value(p, NULL, stderr);

  if (error.code)
    print_failure(error);
  return error.code;
}
