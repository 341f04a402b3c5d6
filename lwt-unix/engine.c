/* engine.c - the run loop's engine on libuv, and promises on a foreign loop.
 * SPDX-License-Identifier: ISC
 *
 * Two ways to run:
 *
 *   lwt_run()   calls wait(), which is one turn of uv_run().
 *   uv_run()    is the program's; the prepare and check handles run what is
 *               ready around each poll and set the alarm to the next deadline.
 *               While something is ready the idle handle is active, so that the
 *               poll does not sleep and the loop does not end.
 *
 * libuv 1.44 runs timers, idle and prepare callbacks, then sleeps: a promise
 * settled there would be seen only after the sleep.  Hence lwt__unix_kick(),
 * and the look at libuv's own timers in wait().
 *
 * The engine's handles do not count as alive, except the alarm while set.
 */
#include "thread_internal.h"

#include <string.h>

__thread struct lwt__unix_thread lwt__unix;

static uint64_t unix_now(struct lwt_engine *engine)
{
  (void)engine;
  return uv_hrtime();
}

/* One turn with kick() is enough. */
static void on_idle(uv_idle_t *handle)
{
  uv_idle_stop(handle);
}

static void kick(struct lwt_unix *u)
{
  uv_idle_start(&u->idle, on_idle);
}

void lwt__unix_kick(void)
{
  if (lwt__unix.here)
    kick(lwt__unix.here);
}

void lwt_unix_wake(struct lwt_unix *u)
{
  kick(u);
}

static int unix_wait(struct lwt_engine *engine, uint64_t deadline)
{
  struct lwt_unix *u = (struct lwt_unix *)engine;
  uv_run_mode mode = UV_RUN_ONCE;

  uv_idle_stop(&u->idle);
  /* Setting the alarm costs more than seeing that the time has come already. */
  if (deadline < u->armed && deadline <= uv_hrtime())
    deadline = 0;
  if (deadline)
    lwt__alarm_set(u, deadline);
  else
    mode = UV_RUN_NOWAIT;
  /* A loop that is not alive does not poll. */
  if (!deadline || lwt__unix.watches || lwt__inbox_expected())
    uv_ref(&u->alarm.handle);
  if (!uv_loop_alive(u->loop))
    return LWT_EDEADLK;
  if (u->shared) {
    uv_update_time(u->loop);
    u->ms = uv_now(u->loop);
    if (uv_backend_timeout(u->loop) == 0)
      mode = UV_RUN_NOWAIT;
  }
  u->waiting = 1;
  uv_run(u->loop, mode);
  u->waiting = 0;
  return 0;
}

/* The program is in uv_run(). */
static void host_turn(struct lwt_unix *u)
{
  uint64_t deadline = lwt_run_ready();

  if (deadline == LWT_NEVER || deadline > uv_hrtime())
    lwt__alarm_set(u, deadline);
  else
    kick(u);
}

static void on_prepare(uv_prepare_t *handle)
{
  struct lwt_unix *u = handle->data;

  lwt__unix.turn++;
  if (!u->waiting)
    host_turn(u);
  else if (u->shared && uv_now(u->loop) != u->ms)
    kick(u); /* a timer of the program may have run */
}

static void on_check(uv_check_t *handle)
{
  struct lwt_unix *u = handle->data;

  if (!u->waiting)
    host_turn(u);
}

/* ---- Life -------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
  struct lwt_unix *u = handle->data;

  if (--u->handles)
    return;
  lwt__alarm_closed(u);
  if (!u->own)
    lwt__free(u);
}

static void close_handles(struct lwt_unix *u)
{
  uv_close(&u->alarm.handle, on_closed);
  uv_close((uv_handle_t *)&u->prepare, on_closed);
  uv_close((uv_handle_t *)&u->check, on_closed);
  uv_close((uv_handle_t *)&u->idle, on_closed);
  lwt__sigdump_stop(u);
  if (u->handles == 5)
    uv_close((uv_handle_t *)&u->dump, on_closed);
}

/* The alarm first: all else cannot fail. */
static int open_handles(struct lwt_unix *u)
{
  int error = lwt__alarm_open(u);

  if (error)
    return error;
  uv_prepare_init(u->loop, &u->prepare);
  uv_check_init(u->loop, &u->check);
  uv_idle_init(u->loop, &u->idle);
  u->alarm.handle.data = u->prepare.data = u->check.data = u->idle.data = u;
  uv_prepare_start(&u->prepare, on_prepare);
  uv_check_start(&u->check, on_check);
  uv_unref((uv_handle_t *)&u->prepare);
  uv_unref((uv_handle_t *)&u->check);
  u->handles = (uint8_t)(4 + lwt__sigdump_open(u));
  return 0;
}

static struct lwt_unix *engine_new(void)
{
  struct lwt_unix *u = lwt__alloc(sizeof *u);

  if (!u)
    return NULL;
  memset(u, 0, sizeof *u);
  u->engine.now = unix_now;
  u->engine.wait = unix_wait;
  return u;
}

struct lwt_unix *lwt__unix_here(void)
{
  struct lwt_unix *u = lwt__unix.here;

  if (u)
    return u;
  if (!(u = engine_new()))
    return NULL;
  if (uv_loop_init(&u->own_loop))
    goto free;
  u->own = 1;
  u->loop = &u->own_loop;
  if (open_handles(u))
    goto close;
  lwt__unix.here = u;
  return u;
close:
  uv_loop_close(&u->own_loop);
free:
  lwt__free(u);
  return NULL;
}

int lwt_unix_attach(struct uv_loop_s *loop, struct lwt_unix **out)
{
  struct lwt_unix *u;
  int error;

  if (lwt__unix.here)
    return LWT_EBUSY;
  if (!(u = engine_new()))
    return LWT_ENOMEM;
  u->loop = loop;
  u->shared = 1;
  if ((error = open_handles(u))) {
    lwt__free(u);
    return error;
  }
  lwt__unix.here = u;
  lwt_set_engine(&u->engine);
  kick(u); /* promises made before uv_run() */
  *out = u;
  return 0;
}

/* u is no longer this thread's engine. */
static void leave(struct lwt_unix *u)
{
  lwt__inbox_leave();
  if (lwt_get_engine() == &u->engine)
    lwt_set_engine(NULL);
  lwt__unix.here = NULL;
}

void lwt_unix_detach(struct lwt_unix *u)
{
  if (lwt__unix.here == u)
    leave(u);
  close_handles(u);
}

struct uv_loop_s *lwt_unix_loop(void)
{
  struct lwt_unix *u = lwt__unix_here();

  if (!u)
    return NULL;
  u->shared = 1;
  return u->loop;
}

/* lwt/ refers to both weakly: who takes the one from an archive takes the other. */
__attribute__((used)) static void *(*const stacks)(size_t *) = lwt_platform_stack;

struct lwt_engine *lwt_platform_engine(void)
{
  struct lwt_unix *u = lwt__unix_here();

  return u ? &u->engine : NULL;
}

void lwt_platform_cleanup(void)
{
  struct lwt_unix *u = lwt__unix.here;
  struct object *object;

  if (!u)
    return;
  if (!u->own) {
    lwt_unix_detach(u);
    lwt_cleanup();
    return;
  }
  lwt__inbox_close();
  while (lwt__unix.objects) {
    for (lwt__unix.cursor = lwt__unix.objects; (object = lwt__unix.cursor);) {
      lwt__unix.cursor = object->next;
      object->cut(object, 1);
    }
    if (lwt__unix.objects)
      uv_run(u->loop, UV_RUN_ONCE);
  }
  leave(u);
  close_handles(u);
  while (u->handles)
    uv_run(u->loop, UV_RUN_NOWAIT);
  /* EBUSY: the program has handles of its own on the loop. */
  if (uv_loop_close(u->loop) == 0)
    lwt__free(u);
  lwt_cleanup();
}

int lwt_unix_after_fork(void)
{
  struct lwt_unix *u = lwt__unix.here;
  int error;

  lwt__workers_forked(lwt__unix.inbox && lwt__unix.inbox->works);
  if (!u)
    return 0;
  error = lwt__alarm_forked(u);
  if (!error)
    error = lwt__inbox_forked();
  if (!error)
    error = lwt__unix_error(uv_loop_fork(u->loop));
  if (error)
    return error;
  lwt__works_forked();
  lwt__calls_forked();
  return 0;
}

/* ---- Objects ----------------------------------------------------------- */

void lwt__unix_add(struct object *object, struct sockets *stack,
                   void (*cut)(struct object *, int))
{
  object->cut = cut;
  object->stack = stack;
  object->prev = NULL;
  object->next = lwt__unix.objects;
  if (object->next)
    object->next->prev = object;
  lwt__unix.objects = object;
  if (stack)
    stack->members++;
}

struct sockets *lwt__unix_remove(struct object *object)
{
  if (lwt__unix.cursor == object)
    lwt__unix.cursor = object->next;
  if (object->next)
    object->next->prev = object->prev;
  if (object->prev)
    object->prev->next = object->next;
  else
    lwt__unix.objects = object->next;
  return object->stack;
}
