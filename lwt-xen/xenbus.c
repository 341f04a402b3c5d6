/* xenbus.c - states, and what the other end of a device has written.
 * SPDX-License-Identifier: ISC
 */
#include "xenbus.h"

#include "store.h"

#include <stdio.h>
#include <string.h>

#define MAX_PATH 300
#define MAX_DOMAIN (DOMID_FIRST_RESERVED - 1)

int lwt__xenbus_parse(const char *text, size_t len, uint64_t max, uint64_t *number)
{
  uint64_t n = 0;
  unsigned digit;
  size_t i;

  for (i = 0; i < len; i++) {
    digit = (unsigned)(text[i] - '0');
    if (digit > 9)
      return LWT_EINVAL;
    if (n > (UINT64_MAX - digit) / 10)
      return LWT_ERANGE;
    n = n * 10 + digit;
  }
  if (!len)
    return LWT_EINVAL;
  if (n > max)
    return LWT_ERANGE;
  *number = n;
  return 0;
}

/* path/key; returns 0 if it is too long. */
static int join(char to[MAX_PATH], const char *path, const char *key)
{
  int n = snprintf(to, MAX_PATH, "%s/%s", path, key);

  return n > 0 && n < MAX_PATH;
}

/* ---- Numbers ------------------------------------------------------------- */

struct number {
  struct lwt_frame frame;
  struct lwt_xs_value *value;
  char path[MAX_PATH];
  uint32_t tx;
  uint64_t max, n;
};

LWT_STEP number_step(struct lwt_frame *frame)
{
  struct number *s = (struct number *)frame;
  int error;

  lwt_begin(s);
  lwt_await(s, &s->value, lwt_xs_read(s->tx, s->path));
  error = lwt__xenbus_parse(s->value->bytes, s->value->len, s->max, &s->n);
  lwt_xs_free(s->value);
  if (error)
    lwt_throw(s, error, "xenbus_number");
  lwt_finish(s, s->n);
  lwt_end(s);
}

xenbus_number_p *lwt__xenbus_number(uint32_t tx, const char *path, const char *key,
                                    uint64_t max)
{
  struct number init = { .tx = tx, .max = max };

  if (!join(init.path, path, key))
    return xenbus_number_p_fail(LWT_EINVAL, "xenbus_number");
  return (xenbus_number_p *)lwt__go(sizeof init, number_step, &init, NULL, LWT_WHERE);
}

/* ---- States -------------------------------------------------------------- */

lwt_t *lwt__xenbus_switch(uint32_t tx, const char *path, unsigned state)
{
  char full[MAX_PATH], text[12];

  if (!join(full, path, "state"))
    return lwt_fail(LWT_EINVAL, "xenbus_switch");
  snprintf(text, sizeof text, "%u", state);
  return lwt_xs_write_text(tx, full, text);
}

struct waiting {
  struct lwt_frame frame;
  struct lwt_xs_watch *watch;
  struct lwt_xs_value *value;
  char path[MAX_PATH];
  unsigned set, state, seen;
};

static unsigned state_of(const struct lwt_xs_value *value)
{
  uint64_t n;

  return lwt__xenbus_parse(value->bytes, value->len, XenbusStateReconfigured, &n)
           ? XenbusStateUnknown
           : (unsigned)n;
}

LWT_STEP waiting_step(struct lwt_frame *frame)
{
  struct waiting *s = (struct waiting *)frame;
  struct lwt_error error;

  lwt_begin(s);
  lwt_await(s, &s->watch, lwt_xs_watch(s->path));
  lwt_defer(s, lwt_xs_unwatch, s->watch);
  for (;;) {
    lwt_await(s, &s->value, lwt_xs_watch_next(s->watch));
    lwt_xs_free(s->value);
    lwt_await_error(s, &error, &s->value, lwt_xs_read(0, s->path));
    if (error.code && error.code != LWT_ENOENT)
      lwt_throw(s, error.code, error.what);
    if (error.code) {
      s->state = s->seen ? XenbusStateClosed : XenbusStateUnknown;
    } else {
      s->state = state_of(s->value);
      s->seen = 1;
      lwt_xs_free(s->value);
    }
    if (s->set & XENBUS_IN(s->state))
      lwt_finish(s, s->state);
  }
  lwt_end(s);
}

xenbus_state_p *lwt__xenbus_wait(const char *path, unsigned set)
{
  struct waiting init = { .set = set };

  if (!join(init.path, path, "state"))
    return xenbus_state_p_fail(LWT_EINVAL, "xenbus_wait");
  return (xenbus_state_p *)lwt__go(sizeof init, waiting_step, &init, NULL, LWT_WHERE);
}

/* ---- The backend ----------------------------------------------------------- */

struct finding {
  struct lwt_frame frame;
  struct lwt_xs_watch *watch;
  struct lwt_xs_value *value, *event;
  struct xenbus_backend *backend;
  char path[MAX_PATH / 2], key[MAX_PATH];
  uint64_t domain;
};

void lwt__xenbus_free(void *backend)
{
  lwt__free(backend);
}

static void free_finding(void *env)
{
  struct finding *s = env;

  lwt_xs_free(s->value);
}

static int make_backend(const struct lwt_xs_value *path, uint64_t domain,
                        struct xenbus_backend **backend)
{
  struct xenbus_backend *b;

  if (!path->len || path->len >= sizeof b->path || strlen(path->bytes) != path->len)
    return LWT_EINVAL;
  b = lwt__alloc(sizeof *b);
  if (!b)
    return LWT_ENOMEM;
  b->domain = (uint16_t)domain;
  memcpy(b->path, path->bytes, path->len + 1);
  *backend = b;
  return 0;
}

/* The toolstack writes the two one after the other: the id may come later. */
LWT_STEP finding_step(struct lwt_frame *frame)
{
  struct finding *s = (struct finding *)frame;
  struct lwt_error error;

  lwt_begin(s);
  lwt_await(s, &s->watch, lwt_xs_watch(s->path));
  lwt_defer(s, lwt_xs_unwatch, s->watch);
  lwt_defer(s, free_finding, s);
  for (;;) {
    lwt_await(s, &s->event, lwt_xs_watch_next(s->watch));
    lwt_xs_free(s->event);
    join(s->key, s->path, "backend");
    lwt_await_error(s, &error, &s->value, lwt_xs_read(0, s->key));
    if (!error.code)
      lwt_await_error(s, &error, &s->domain,
                      lwt__xenbus_number(0, s->path, "backend-id", MAX_DOMAIN));
    if (!error.code)
      break;
    /* EACCES: the directory is there, and not ours yet. */
    if (error.code != LWT_ENOENT && error.code != LWT_EACCES)
      lwt_throw(s, error.code, error.what);
    lwt_xs_free(s->value);
    s->value = NULL;
  }
  error.code = make_backend(s->value, s->domain, &s->backend);
  if (error.code)
    lwt_throw(s, error.code, "xenbus_backend");
  lwt_finish_owned(s, s->backend, lwt__xenbus_free);
  lwt_end(s);
}

xenbus_backend_p *lwt__xenbus_backend(const char *path)
{
  struct finding init = { .watch = NULL };

  if (strlen(path) >= sizeof init.path)
    return xenbus_backend_p_fail(LWT_EINVAL, "xenbus_backend");
  strcpy(init.path, path);
  return (xenbus_backend_p *)lwt__go(sizeof init, finding_step, &init, NULL, LWT_WHERE);
}

/* ---- Without promises ------------------------------------------------------- */

int lwt__xenbus_ask(const char *path, const char *key, struct lwt_xs_value **value)
{
  char full[MAX_PATH];

  return join(full, path, key) ? lwt__store_ask(XS_READ, full, NULL, value) : LWT_EINVAL;
}

int lwt__xenbus_ask_number(const char *path, const char *key, uint64_t max,
                           uint64_t *number)
{
  struct lwt_xs_value *value;
  int error = lwt__xenbus_ask(path, key, &value);

  if (error)
    return error;
  error = lwt__xenbus_parse(value->bytes, value->len, max, number);
  lwt_xs_free(value);
  return error;
}

int lwt__xenbus_tell_text(const char *path, const char *key, const char *text)
{
  char full[MAX_PATH];

  return join(full, path, key) ? lwt__store_ask(XS_WRITE, full, text, NULL) : LWT_EINVAL;
}

int lwt__xenbus_tell(const char *path, const char *key, uint32_t number)
{
  char text[12];

  snprintf(text, sizeof text, "%u", (unsigned)number);
  return lwt__xenbus_tell_text(path, key, text);
}

int lwt__xenbus_forget(const char *path, const char *key)
{
  char full[MAX_PATH];
  int error = LWT_EINVAL;

  if (join(full, path, key))
    error = lwt__store_ask(XS_RM, full, NULL, NULL);
  return error == LWT_ENOENT ? 0 : error;
}

static int find_now(const char *path, struct xenbus_backend **backend)
{
  struct lwt_xs_value *value;
  uint64_t domain;
  int error = lwt__xenbus_ask_number(path, "backend-id", MAX_DOMAIN, &domain);

  if (!error)
    error = lwt__xenbus_ask(path, "backend", &value);
  if (error)
    return error;
  error = make_backend(value, domain, backend);
  lwt_xs_free(value);
  return error;
}

/* Until it is time to ask again, which an event of any watch makes it earlier.
 * Returns 0 if the deadline is over. */
static int doze(uint64_t deadline, uint64_t *nap)
{
  uint64_t now = lwt__xen_now();

  if (now >= deadline)
    return 0;
  lwt__store_turn(now + *nap < deadline ? now + *nap : deadline);
  *nap += *nap < LWT_MS(20) ? *nap / 2 : 0;
  return 1;
}

int lwt__xenbus_find(const char *path, uint64_t deadline,
                     struct xenbus_backend **backend)
{
  uint64_t nap = LWT_MS(1);
  int error;

  do {
    error = find_now(path, backend);
    if (error != LWT_ENOENT && error != LWT_EACCES)
      return error;
    /* A directory that is there, but perhaps not ours yet, is being written. */
    error = lwt__store_ask(XS_READ, path, NULL, NULL);
    if (error && error != LWT_EACCES)
      return error;
  } while (doze(deadline, &nap));
  return LWT_ETIMEDOUT;
}

int lwt__xenbus_await(const char *path, unsigned set, uint64_t deadline, unsigned *state)
{
  uint64_t nap = LWT_MS(1), found;
  int error;

  do {
    error = lwt__xenbus_ask_number(path, "state", XenbusStateReconfigured, &found);
    if (error && error != LWT_ENOENT && error != LWT_EINVAL && error != LWT_ERANGE)
      return error;
    *state = error ? (unsigned)XenbusStateUnknown : (unsigned)found;
    if (set & XENBUS_IN(*state))
      return 0;
  } while (doze(deadline, &nap));
  return LWT_ETIMEDOUT;
}
