/* workers.c - threads that run blocking calls, for all loops of the process.
 * SPDX-License-Identifier: ISC
 *
 * One queue for each pool, first in, first out.  A thread is started when a task
 * would wait and there may be one more; threads wait in the condition `work` and
 * end when no loop uses them any more.  Nothing spins.
 */
#define _GNU_SOURCE
#include "thread_internal.h"

#include <pthread.h>
#include <signal.h>

#define MAX_THREADS 256
#define SYSTEM_THREADS 4

struct workers {
  pthread_mutex_t lock;
  pthread_cond_t work;
  struct task *first, **last;
  size_t waiting, limit;
  unsigned threads, max;
  unsigned asleep;  /* wait in `work` */
  atomic_uint idle; /* will look into the queue: asleep, starting, or about to */
  uint8_t stopping;
  uint64_t refused;
  pthread_t ids[MAX_THREADS];
};

#define WORKERS(n, threads)                                                   \
  { .lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER,      \
    .last = &all[n].first, .limit = 65536, .max = (threads) }

static struct workers all[POOLS] = {
  [POOL_DETACH] = WORKERS(POOL_DETACH, 16),
  [POOL_SYSTEM] = WORKERS(POOL_SYSTEM, SYSTEM_THREADS),
};

/* Loops that use them; held while the last one waits for the threads. */
static pthread_mutex_t users_lock = PTHREAD_MUTEX_INITIALIZER;
static size_t users;

/* ---- The queue --------------------------------------------------------- */

static void take_out(struct workers *w, struct task *task, enum task_state state)
{
  *task->link = task->next;
  if (task->next)
    task->next->link = task->link;
  else
    w->last = task->link;
  task->state = state;
  w->waiting--;
}

/* The inbox is held: when the task has come back, its loop may end at once.  The
 * thread is idle before that, so that what the loop asks next comes to it, and it
 * need not be woken if it has not fallen asleep. */
static void run(struct workers *w, struct task *task)
{
  struct lwt_loop *inbox = task->inbox;

  task->run(task);
  w->idle++;
  lwt__inbox_push(inbox, &task->mail);
  lwt__inbox_release(inbox);
}

static void *worker(void *arg)
{
  struct workers *w = arg;
  struct task *task;

  pthread_mutex_lock(&w->lock);
  for (;;) {
    while (!w->first && !w->stopping) {
      w->asleep++;
      pthread_cond_wait(&w->work, &w->lock);
      w->asleep--;
    }
    if (!w->first)
      break;
    task = w->first;
    take_out(w, task, TASK_TAKEN);
    w->idle--;
    pthread_mutex_unlock(&w->lock);
    run(w, task);
    pthread_mutex_lock(&w->lock);
  }
  pthread_mutex_unlock(&w->lock);
  return NULL;
}

/* Signals are for the program's threads. */
static int start_thread(struct workers *w)
{
  sigset_t every, before;
  int error;

  sigfillset(&every);
  pthread_sigmask(SIG_SETMASK, &every, &before);
  error = pthread_create(&w->ids[w->threads], NULL, worker, w);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!error) {
    w->threads++;
    w->idle++;
  }
  return error;
}

int lwt__workers_submit(enum pool pool, struct task *task)
{
  struct workers *w = &all[pool];
  int error = 0, asleep;

  pthread_mutex_lock(&w->lock);
  if (w->waiting >= w->limit + w->idle)
    error = LWT_EAGAIN;
  else if (w->idle <= w->waiting && w->threads < w->max && start_thread(w) &&
           !w->threads)
    error = LWT_EAGAIN;
  if (error) {
    w->refused++;
    pthread_mutex_unlock(&w->lock);
    return error;
  }
  lwt__inbox_hold(task->inbox);
  task->state = TASK_QUEUED;
  task->next = NULL;
  task->link = w->last;
  *w->last = task;
  w->last = &task->next;
  w->waiting++;
  asleep = w->asleep > 0;
  pthread_mutex_unlock(&w->lock);
  if (asleep)
    pthread_cond_signal(&w->work);
  return 0;
}

int lwt__workers_remove(enum pool pool, struct task *task)
{
  struct workers *w = &all[pool];
  int queued;

  pthread_mutex_lock(&w->lock);
  queued = task->state == TASK_QUEUED;
  if (queued)
    take_out(w, task, TASK_IDLE);
  pthread_mutex_unlock(&w->lock);
  if (queued)
    lwt__inbox_release(task->inbox);
  return queued;
}

/* ---- Life -------------------------------------------------------------- */

void lwt__workers_hold(void)
{
  pthread_mutex_lock(&users_lock);
  users++;
  pthread_mutex_unlock(&users_lock);
}

static void stop(struct workers *w)
{
  unsigned i, n;

  pthread_mutex_lock(&w->lock);
  w->stopping = 1;
  n = w->threads;
  pthread_mutex_unlock(&w->lock);
  pthread_cond_broadcast(&w->work);
  for (i = 0; i < n; i++)
    pthread_join(w->ids[i], NULL);
  pthread_mutex_lock(&w->lock);
  w->stopping = 0;
  w->threads = 0;
  w->idle = 0;
  pthread_mutex_unlock(&w->lock);
}

void lwt__workers_release(void)
{
  int i;

  pthread_mutex_lock(&users_lock);
  if (--users == 0)
    for (i = 0; i < POOLS; i++)
      stop(&all[i]);
  pthread_mutex_unlock(&users_lock);
}

void lwt__workers_forked(int held)
{
  static const pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static const pthread_cond_t work = PTHREAD_COND_INITIALIZER;
  int i;

  for (i = 0; i < POOLS; i++) {
    struct workers *w = &all[i];

    w->lock = lock;
    w->work = work;
    w->first = NULL;
    w->last = &w->first;
    w->waiting = 0;
    w->threads = w->asleep = 0;
    w->idle = 0;
    w->stopping = 0;
  }
  users_lock = lock;
  users = held ? 1 : 0;
}

void lwt_workers_limit(unsigned threads, size_t queue)
{
  struct workers *w = &all[POOL_DETACH];

  pthread_mutex_lock(&w->lock);
  w->max = threads < 1 ? 1 : threads > MAX_THREADS ? MAX_THREADS : threads;
  w->limit = queue;
  pthread_mutex_unlock(&w->lock);
}

void lwt_workers_stats(struct lwt_workers_stats *stats)
{
  struct workers *w = &all[POOL_DETACH];

  pthread_mutex_lock(&w->lock);
  stats->threads = w->threads;
  stats->idle = w->idle;
  stats->waiting = w->waiting;
  stats->refused = w->refused;
  pthread_mutex_unlock(&w->lock);
}
