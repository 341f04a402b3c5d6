/* front.c - connecting a frontend, again after a resume, and letting go.
 * SPDX-License-Identifier: ISC
 *
 * Read front.h first.
 */
#include "front.h"
#include "store.h"

#include <string.h>

/* Of a program's start: the toolstack may still be about to set up what is behind the
 * device.  For each step of a backend that is to let go. */
#define PATIENCE_OPEN LWT_S(30)
#define PATIENCE LWT_S(5)
#define AGAIN LWT_MS(100)
/* Of a backend that leaves, or has left. */
#define ENDING                                                     \
  (XENBUS_IN(XenbusStateUnknown) | XENBUS_IN(XenbusStateClosing) | \
   XENBUS_IN(XenbusStateClosed))

static struct front *all;

/* Ports and grants are gone: all devices connect again. */
static void resumed(void)
{
  struct front *f;

  for (f = all; f; f = f->next)
    lwt_condition_fail(&f->resumed, LWT_ESHUTDOWN, f->ops->what);
}

static struct lwt__resume hook = { .call = resumed };

/* ---- Connecting -------------------------------------------------------- */

/* Without a state of ours the backend would go on to look at the rings. */
static void give_up(struct front *f)
{
  if (f->backend)
    f->untold = lwt__xenbus_tell(f->path, "state", XenbusStateClosed) != 0;
  f->ops->disconnect(f);
}

static int accept_now(struct front *f, unsigned state)
{
  int error = state == XenbusStateConnected ? f->ops->accept(f) : LWT_ECONNREFUSED;

  if (!error)
    f->state = FRONT_UP;
  f->generation = lwt__generation;
  return error;
}

static int connect_now(struct front *f)
{
  uint64_t deadline = lwt__xen_now() + PATIENCE_OPEN;
  unsigned state;
  int error;

  lwt__store_until(deadline);
  error = lwt__xenbus_find(f->path, deadline, &f->backend);
  if (!error)
    error = lwt__xenbus_tell(f->path, "state", XenbusStateInitialising);
  if (!error)
    error = lwt__xenbus_await(f->backend->path, XENBUS_IN(XenbusStateInitWait), deadline,
                              &state);
  if (!error)
    error = f->ops->offer(f);
  if (!error)
    error = lwt__xenbus_await(f->backend->path, ENDING | XENBUS_IN(XenbusStateConnected),
                              deadline, &state);
  if (!error)
    error = accept_now(f, state);
  lwt__store_until(0);
  return error == LWT_ENOENT ? LWT_ENODEV : error;
}

/* The backend's state as soon as it is one of `set`; LWT_ESHUTDOWN after a resume. */
static xenbus_state_p *wait_state(struct front *f, unsigned set)
{
  lwt_t *ps[] = {
    LWT_UNTYPED(lwt__xenbus_wait(f->backend->path, set)),
    lwt_condition_wait(&f->resumed, NULL),
  };

  return (xenbus_state_p *)lwt_pick(2, ps);
}

static lwt_t *leave(struct front *f);

struct connecting {
  struct lwt_frame frame;
  struct front *f;
  struct xenbus_backend *backend;
  struct lwt_error error;
  unsigned state;
};

static void connecting_end(void *env)
{
  struct connecting *s = env;

  if (s->f->state != FRONT_UP)
    give_up(s->f);
}

LWT_STEP connecting_step(struct lwt_frame *frame)
{
  struct connecting *s = (struct connecting *)frame;
  int error;

  lwt_begin(s);
  lwt_defer(s, connecting_end, s);
  /* A connected backend does not begin anew. */
  if (s->f->untold)
    lwt_await(s, leave(s->f));
  s->f->untold = 0;
  do {
    s->f->ops->disconnect(s->f);
    lwt_await(s, &s->backend, lwt__xenbus_backend(s->f->path));
    lwt__xenbus_free(s->f->backend);
    s->f->backend = s->backend;
    lwt_await(s, lwt__xenbus_switch(0, s->f->path, XenbusStateInitialising));
    /* After a resume the backend is another one, elsewhere. */
    lwt_await_error(s, &s->error, &s->state,
                    wait_state(s->f, XENBUS_IN(XenbusStateInitWait)));
    if (s->error.code == LWT_ESHUTDOWN)
      continue;
    error = s->error.code ? s->error.code : s->f->ops->offer(s->f);
    if (error)
      lwt_throw(s, error, s->f->ops->what);
    lwt_await_error(s, &s->error, &s->state,
                    wait_state(s->f, ENDING | XENBUS_IN(XenbusStateConnected)));
  } while (s->error.code == LWT_ESHUTDOWN);
  error = s->error.code ? s->error.code : accept_now(s->f, s->state);
  if (error)
    lwt_throw(s, error, s->f->ops->what);
  lwt_end(s);
}

/* ---- The minder -------------------------------------------------------- */

struct minder {
  struct lwt_frame frame;
  struct front *f;
  struct lwt_error error;
};

/* Want of memory, or of room for requests, is waited out, if there is any for that. */
static int passes(int code)
{
  return code == LWT_ENOMEM || code == LWT_ENOBUFS;
}

LWT_STEP minder_step(struct lwt_frame *frame)
{
  struct minder *s = (struct minder *)frame;

  lwt_begin(s);
  while (s->f->state != FRONT_LOST) {
    if (s->f->state == FRONT_UP && s->f->generation == lwt__generation) {
      lwt_await_error(s, &s->error, wait_state(s->f, ENDING));
      if (!passes(s->error.code) && s->f->generation == lwt__generation)
        break;
    } else {
      if (s->f->state == FRONT_UP) {
        s->f->state = FRONT_DOWN;
        s->f->ops->down(s->f);
      }
      lwt_await_error(s, &s->error,
                      LWT_GO(struct connecting, connecting_step, .f = s->f));
      if (!s->error.code)
        s->f->ops->up(s->f);
      else if (!passes(s->error.code))
        break;
    }
    if (passes(s->error.code)) {
      lwt_await_error(s, &s->error, lwt_sleep(AGAIN));
      if (s->error.code)
        break;
    }
  }
  if (s->error.code != LWT_ECANCELED)
    lwt__front_lose(s->f);
  lwt_end(s);
}

/* ---- Leaving ----------------------------------------------------------- */

struct leaving {
  struct lwt_frame frame;
  struct front *f;
  struct lwt_error error;
  unsigned i;
  int untold; /* an error */
};

static const struct {
  unsigned ours, theirs;
} steps[] = {
  { XenbusStateClosing, ENDING | XENBUS_IN(XenbusStateInitWait) },
  { XenbusStateClosed, XENBUS_IN(XenbusStateUnknown) | XENBUS_IN(XenbusStateClosed) |
                         XENBUS_IN(XenbusStateInitWait) },
};

/* Rejected when cancelled, or if there was no telling the backend. */
LWT_STEP leaving_step(struct lwt_frame *frame)
{
  struct leaving *s = (struct leaving *)frame;

  lwt_begin(s);
  for (s->i = 0; s->i < 2; s->i++) {
    lwt_await_error(s, &s->error, lwt__xenbus_switch(0, s->f->path, steps[s->i].ours));
    if (!s->error.code)
      lwt_await_error(s, &s->error,
                      lwt_with_timeout(PATIENCE, LWT_UNTYPED(lwt__xenbus_wait(
                                                   s->f->backend->path,
                                                   steps[s->i].theirs))));
    else
      s->untold = s->error.code;
    if (s->error.code == LWT_ECANCELED)
      lwt_throw(s, LWT_ECANCELED, s->f->ops->what);
  }
  s->f->ops->disconnect(s->f);
  if (s->untold)
    lwt_throw(s, s->untold, s->f->ops->what);
  lwt_end(s);
}

static lwt_t *leave(struct front *f)
{
  return LWT_GO(struct leaving, leaving_step, .f = f);
}

void lwt__front_lose(struct front *f)
{
  int held;

  if (f->state == FRONT_LOST)
    return;
  held = lwt__hold();
  f->state = FRONT_LOST;
  f->leaving = leave(f);
  f->ops->lost(f);
  lwt__release(held);
}

/* ---- Closing ----------------------------------------------------------- */

static void drop(lwt_t **p)
{
  lwt_t *given = *p;

  *p = NULL;
  if (given)
    lwt_drop(given);
}

struct closing {
  struct lwt_frame frame;
  struct front *f;
  struct lwt_error error;
};

static void destroy(struct front *f)
{
  struct front **link = &all;

  while (*link != f)
    link = &(*link)->next;
  *link = f->next;
  drop(&f->minder);
  drop(&f->leaving);
  f->ops->disconnect(f);
  lwt__xenbus_free(f->backend);
  f->ops->free(f);
}

static void closing_end(void *env)
{
  destroy(((struct closing *)env)->f);
}

static lwt_t *take(lwt_t **p)
{
  lwt_t *taken = *p;

  *p = NULL;
  return taken ? taken : lwt_return(NULL);
}

/* Cancelled, it does the same without patience. */
LWT_STEP closing_step(struct lwt_frame *frame)
{
  struct closing *s = (struct closing *)frame;

  lwt_begin(s);
  lwt_defer(s, closing_end, s);
  if (s->f->minder) {
    lwt_cancel(s->f->minder);
    lwt_await_error(s, &s->error, take(&s->f->minder));
  }
  lwt_await_error(s, &s->error, take(&s->f->leaving));
  /* Else it would have our pages for ever. */
  if (passes(s->error.code))
    lwt_await_error(s, &s->error, leave(s->f));
  lwt_end(s);
}

lwt_t *lwt__front_close(struct front *f)
{
  lwt__front_lose(f);
  return LWT_GO_OR(struct closing, closing_step, closing_end, .f = f);
}

/* ---- Opening ----------------------------------------------------------- */

static void list(struct front *f)
{
  lwt__resume_add(&hook);
  f->next = all;
  all = f;
}

/* A connected device begins.  Returns 0 or LWT_ENOMEM. */
static int mind(struct front *f)
{
  int error;

  f->minder = LWT_GO(struct minder, minder_step, .f = f);
  error = lwt_error(f->minder).code;
  if (error)
    give_up(f);
  else
    f->ops->up(f);
  return error;
}

int lwt__front_open(struct front *f)
{
  int held = lwt__hold();
  int error = connect_now(f);

  list(f);
  if (error)
    give_up(f);
  else
    error = mind(f);
  if (error)
    destroy(f);
  lwt__release(held);
  return error;
}

struct opening {
  struct lwt_frame frame;
  struct front *f;
  void *value;
  void (*close)(void *value);
};

static void opening_end(void *env)
{
  struct opening *s = env;

  if (s->f)
    destroy(s->f);
}

LWT_STEP opening_step(struct lwt_frame *frame)
{
  struct opening *s = (struct opening *)frame;
  struct front *f = s->f;
  int error;

  lwt_begin(s);
  lwt_defer(s, opening_end, s);
  lwt_await(s, LWT_GO(struct connecting, connecting_step, .f = f));
  error = mind(f);
  if (error)
    lwt_throw(s, error, f->ops->what);
  s->f = NULL;
  lwt_finish_owned(s, s->value, s->close);
  lwt_end(s);
}

lwt_t *lwt__front_open_later(struct front *f, void *value, void (*close)(void *value))
{
  list(f);
  return LWT_GO_OR(struct opening, opening_step, opening_end, .f = f, .value = value,
                   .close = close);
}

struct front *lwt__front_find(const char *path)
{
  struct front *f = all;

  while (f && (f->state == FRONT_LOST || strcmp(f->path, path)))
    f = f->next;
  return f;
}
