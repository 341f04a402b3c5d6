/* signals.c - signals as promises.
 * SPDX-License-Identifier: ISC
 *
 * Each promise has handles of its own.  They hold no reference on the loop, but
 * lwt_run() waits as long as there are some (lwt-unix.h).
 */
#include "unix.h"

#include <signal.h>
#include <string.h>

struct watch {
  struct object object;
  struct lwt_resolver r;
  uint8_t ended;
  uint8_t handles;
  uv_signal_t signals[2];
};

static void release(struct watch *w)
{
  lwt__unix_remove(&w->object);
  lwt__free(w);
}

static void on_closed(uv_handle_t *handle)
{
  struct watch *w = handle->data;

  if (--w->handles == 0)
    release(w);
}

static void end(struct watch *w)
{
  int i, n = w->handles;

  if (w->ended)
    return;
  w->ended = 1;
  lwt__unix.watches--;
  for (i = 0; i < n; i++)
    uv_close((uv_handle_t *)&w->signals[i], on_closed);
}

/* Settle first: who asks for the next signal in the callback finds the handler
 * still installed, and no signal kills in between. */
static void on_signal(uv_signal_t *handle, int signo)
{
  struct watch *w = handle->data;

  (void)signo;
  lwt_fulfill(&w->r, NULL);
  end(w);
}

static void stop(void *env)
{
  struct watch *w = env;

  lwt_abandon(&w->r);
  end(w);
}

static void watch_cut(struct object *object, int now)
{
  struct watch *w = CONTAINER(object, struct watch, object);

  (void)now;
  end(w);
  lwt_reject(&w->r, LWT_ECANCELED, "signal");
}

static lwt_t *watch(int n, const int *signos)
{
  struct lwt_unix *u = lwt__unix_here();
  struct watch *w = u ? lwt__alloc(sizeof *w) : NULL;
  lwt_t *p;
  int error = 0;

  if (!w)
    return lwt_fail(LWT_ENOMEM, "signal");
  memset(w, 0, sizeof *w);
  p = lwt_task_op(&w->r, stop, w);
  if (!w->r.lwt_private) {
    lwt__free(w);
    return p;
  }
  lwt__unix.watches++;
  lwt__unix_add(&w->object, NULL, watch_cut);
  while (w->handles < n && !error) {
    uv_signal_t *handle = &w->signals[w->handles];

    error = uv_signal_init(u->loop, handle);
    if (error)
      break;
    handle->data = w;
    error = uv_signal_start(handle, on_signal, signos[w->handles++]);
    uv_unref((uv_handle_t *)handle);
  }
  if (error) {
    lwt_reject(&w->r, lwt__unix_error(error), "signal");
    end(w);
    if (!w->handles)
      release(w);
  }
  return p;
}

lwt_t *lwt_unix_signal(int signo)
{
  if (signo == SIGUSR1)
    lwt_unix_dump_signal(0);
  return watch(1, &signo);
}

lwt_t *lwt_platform_shutdown(void)
{
  return watch(2, (const int[]){ SIGINT, SIGTERM });
}
