/* store_watch.c - watches as promises.
 * SPDX-License-Identifier: ISC
 *
 * Events wait in a queue of paths.  When it is full, or there is no memory for a
 * path, the watched path stands for all that is not in it.
 */
#include "store.h"

#include <string.h>

#define WAITING 32u

/* A pending lwt_xs_watch_next(); freed by who serves it, or by stop_next(). */
struct waiter {
  struct lwt_resolver r;
  struct lwt_xs_watch *w; /* NULL: not waiting any more */
};

struct lwt_xs_watch {
  struct store_watch watch;
  struct lwt_resolver opened; /* until xenstored has answered */
  struct waiter *waiter;
  struct lwt_xs_value *queue[WAITING];
  uint32_t head, n;
  uint8_t overflow;
  char path[];
};

static struct lwt_xs_value *text(const char *bytes)
{
  size_t len = strlen(bytes);
  struct lwt_xs_value *value = lwt__alloc(sizeof *value + len + 2);

  if (!value)
    return NULL;
  value->len = len;
  memcpy(value->bytes, bytes, len + 1);
  value->bytes[len + 1] = '\0';
  return value;
}

/* The first that waits.  NULL: nothing, or no memory to say so (*failed). */
static struct lwt_xs_value *take(struct lwt_xs_watch *w, int *failed)
{
  struct lwt_xs_value *value;

  *failed = 0;
  if (w->n) {
    value = w->queue[w->head];
    w->head = (w->head + 1) % WAITING;
    w->n--;
    return value;
  }
  if (!w->overflow)
    return NULL;
  value = text(w->path);
  if (value)
    w->overflow = 0;
  else
    *failed = 1;
  return value;
}

/* Who waits, taken off; empty if nobody does. */
static struct lwt_resolver take_waiter(struct lwt_xs_watch *w)
{
  struct lwt_resolver r = { NULL };
  struct waiter *waiter = w->waiter;

  w->waiter = NULL;
  if (!waiter)
    return r;
  lwt__events_want(-1);
  waiter->w = NULL;
  if (lwt_unwanted(&waiter->r)) /* stop_next() is on its way */
    return r;
  r = waiter->r;
  lwt__free(waiter);
  return r;
}

static void fired(void *env, const char *path)
{
  struct lwt_xs_watch *w = env;
  struct lwt_xs_value *value = path ? text(path) : NULL;
  struct lwt_resolver next;
  int failed;

  if (!value || w->n == WAITING) {
    w->overflow = 1;
    lwt__free(value);
  } else {
    w->queue[(w->head + w->n++) % WAITING] = value;
  }
  next = take_waiter(w);
  if (!next.lwt_private)
    return;
  value = take(w, &failed);
  if (value)
    lwt_fulfill_owned(&next, value, lwt_xs_free);
  else
    lwt_reject(&next, LWT_ENOMEM, "xs_watch_next");
}

static void free_watch(struct lwt_xs_watch *w)
{
  lwt__store_watch_remove(&w->watch);
  while (w->n--) {
    lwt__free(w->queue[w->head]);
    w->head = (w->head + 1) % WAITING;
  }
  lwt__free(w);
}

void lwt_xs_unwatch(void *watch)
{
  struct lwt_xs_watch *w = watch;
  struct lwt_resolver next = take_waiter(w);

  free_watch(w);
  lwt_reject(&next, LWT_ECONNABORTED, "xs_watch_next");
}

static void opened(void *env, int error, struct lwt_xs_value *value)
{
  struct lwt_xs_watch *w = env;
  struct lwt_resolver r = w->opened;

  lwt__free(value);
  if (lwt_unwanted(&r)) /* stop() is on its way */
    return;
  w->opened.lwt_private = NULL;
  if (error) {
    free_watch(w);
    lwt_reject(&r, error, "xs_watch");
  } else {
    lwt_fulfill_owned(&r, w, lwt_xs_unwatch);
  }
}

/* The promise of lwt_xs_watch() was cancelled. */
static void stop(void *env)
{
  struct lwt_xs_watch *w = env;

  lwt_abandon(&w->opened);
  lwt_xs_unwatch(w);
}

lwt_xs_watch_p *lwt_xs_watch(const char *path)
{
  size_t len = strlen(path);
  struct lwt_xs_watch *w;
  lwt_xs_watch_p *p;
  int error = lwt__store_init();

  if (error || !len || len >= XENSTORE_ABS_PATH_MAX)
    return lwt_xs_watch_p_fail(error ? error : LWT_EINVAL, "xs_watch");
  w = lwt__alloc(sizeof *w + len + 1);
  if (!w)
    return lwt_xs_watch_p_fail(LWT_ENOMEM, "xs_watch");
  memset(w, 0, sizeof *w);
  memcpy(w->path, path, len + 1);
  w->watch.fired = fired;
  w->watch.env = w;
  w->watch.path = w->path;
  p = (lwt_xs_watch_p *)lwt_task_op(&w->opened, stop, w);
  if (!w->opened.lwt_private) {
    lwt__free(w);
    return p;
  }
  error = lwt__store_watch_add(&w->watch, opened, w);
  if (error) {
    struct lwt_resolver r = w->opened;

    free_watch(w);
    lwt_reject(&r, error, "xs_watch");
  }
  return p;
}

static void stop_next(void *env)
{
  struct waiter *waiter = env;

  if (waiter->w)
    take_waiter(waiter->w);
  lwt_abandon(&waiter->r);
  lwt__free(waiter);
}

lwt_xs_value_p *lwt_xs_watch_next(struct lwt_xs_watch *w)
{
  struct lwt_xs_value *value;
  struct waiter *waiter;
  lwt_xs_value_p *p;
  int failed;

  if (w->waiter && !lwt_unwanted(&w->waiter->r))
    return lwt_xs_value_p_fail(LWT_EBUSY, "xs_watch_next");
  take_waiter(w);
  value = take(w, &failed);
  if (failed)
    return lwt_xs_value_p_fail(LWT_ENOMEM, "xs_watch_next");
  if (value)
    return (lwt_xs_value_p *)lwt_return_owned(value, lwt_xs_free);
  waiter = lwt__alloc(sizeof *waiter);
  if (!waiter)
    return lwt_xs_value_p_fail(LWT_ENOMEM, "xs_watch_next");
  p = (lwt_xs_value_p *)lwt_task_op(&waiter->r, stop_next, waiter);
  if (!waiter->r.lwt_private) {
    lwt__free(waiter);
    return p;
  }
  waiter->w = w;
  w->waiter = waiter;
  lwt__events_want(1);
  return p;
}
