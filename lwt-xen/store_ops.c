/* store_ops.c - xenstore's operations as promises, and transactions.
 * SPDX-License-Identifier: ISC
 */
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { NOTHING, VALUE, TRANSACTION };

struct op {
  struct lwt_resolver r;
  uint32_t id;
  enum kind kind;
  const char *what;
};

void lwt_xs_free(void *value)
{
  lwt__free(value);
}

/* The promise was cancelled. */
static void stop(void *env)
{
  struct op *o = env;

  if (o->id)
    lwt__store_forget(o->id);
  lwt_abandon(&o->r);
  lwt__free(o);
}

static uint32_t transaction_of(const struct lwt_xs_value *value)
{
  char *end;
  unsigned long id = strtoul(value->bytes, &end, 10);

  return end != value->bytes && !*end && id <= UINT32_MAX ? (uint32_t)id : 0;
}

static void abort_transaction(uint32_t tx)
{
  const struct store_part no = { "F", 2 };
  int error;

  lwt__store_request(XS_TRANSACTION_END, tx, &no, 1, NULL, NULL, &error);
}

static void settle(struct op *o, int error, struct lwt_xs_value *value)
{
  uint32_t tx = !error && o->kind == TRANSACTION ? transaction_of(value) : 0;

  if (!error && o->kind == TRANSACTION && !tx)
    error = LWT_EPROTO;
  if (!error && o->kind == VALUE) {
    lwt_fulfill_owned(&o->r, value, lwt_xs_free);
    return;
  }
  lwt__free(value);
  if (error)
    lwt_reject(&o->r, error, o->what);
  else
    lwt_fulfill(&o->r, (void *)(uintptr_t)tx);
}

static void done(void *env, int error, struct lwt_xs_value *value)
{
  struct op *o = env;

  o->id = 0;
  if (!lwt_unwanted(&o->r)) {
    settle(o, error, value);
    lwt__free(o);
    return;
  }
  /* Cancelled; stop() is on its way. */
  if (!error && o->kind == TRANSACTION)
    abort_transaction(transaction_of(value));
  lwt__free(value);
}

static lwt_t *ask(uint32_t op, uint32_t tx, const struct store_part *parts, size_t n,
                  enum kind kind, const char *what)
{
  struct op *o;
  lwt_t *p;
  int error = lwt__store_init();

  if (error)
    return lwt_fail(error, what);
  o = lwt__alloc(sizeof *o);
  if (!o)
    return lwt_fail(LWT_ENOMEM, what);
  o->kind = kind;
  o->what = what;
  p = lwt_task_op(&o->r, stop, o);
  if (o->r.lwt_private) {
    o->id = lwt__store_request(op, tx, parts, n, done, o, &error);
    if (o->id)
      return p;
    lwt_reject(&o->r, error, what);
  }
  lwt__free(o);
  return p;
}

static int is_path(const char *path)
{
  size_t len = strlen(path);

  return len && len < (*path == '/' ? XENSTORE_ABS_PATH_MAX : XENSTORE_REL_PATH_MAX);
}

/* An operation on a path, with more bytes behind it. */
static lwt_t *ask_path(uint32_t op, uint32_t tx, const char *path, const void *bytes,
                       size_t len, enum kind kind, const char *what)
{
  const struct store_part parts[] = { { path, strlen(path) + 1 }, { bytes, len } };

  return is_path(path) ? ask(op, tx, parts, 2, kind, what) : lwt_fail(LWT_EINVAL, what);
}

lwt_xs_value_p *lwt_xs_read(uint32_t tx, const char *path)
{
  return (lwt_xs_value_p *)ask_path(XS_READ, tx, path, NULL, 0, VALUE, "xs_read");
}

lwt_xs_value_p *lwt_xs_permissions(uint32_t tx, const char *path)
{
  return (lwt_xs_value_p *)ask_path(XS_GET_PERMS, tx, path, NULL, 0, VALUE,
                                    "xs_permissions");
}

lwt_t *lwt_xs_write(uint32_t tx, const char *path, const void *bytes, size_t len)
{
  return ask_path(XS_WRITE, tx, path, bytes, len, NOTHING, "xs_write");
}

lwt_t *lwt_xs_write_text(uint32_t tx, const char *path, const char *text)
{
  return lwt_xs_write(tx, path, text, strlen(text));
}

lwt_t *lwt_xs_mkdir(uint32_t tx, const char *path)
{
  return ask_path(XS_MKDIR, tx, path, NULL, 0, NOTHING, "xs_mkdir");
}

lwt_t *lwt_xs_rm(uint32_t tx, const char *path)
{
  return ask_path(XS_RM, tx, path, NULL, 0, NOTHING, "xs_rm");
}

lwt_t *lwt_xs_set_permissions(uint32_t tx, const char *path, const char *permissions,
                              size_t len)
{
  return ask_path(XS_SET_PERMS, tx, path, permissions, len, NOTHING,
                  "xs_set_permissions");
}

lwt_xs_value_p *lwt_xs_domain_path(uint16_t domain)
{
  char text[8];
  const struct store_part part = { text, (size_t)snprintf(text, sizeof text, "%u",
                                                          domain) + 1 };

  return (lwt_xs_value_p *)ask(XS_GET_DOMAIN_PATH, 0, &part, 1, VALUE,
                               "xs_domain_path");
}

/* ---- Directories --------------------------------------------------------- */

/* A directory of more than a message comes in parts: a generation, which changes
 * when the directory does, names, and an empty name at the end. */
struct listing {
  struct lwt_frame frame;
  uint32_t tx;
  char path[XENSTORE_ABS_PATH_MAX];
  char generation[24];
  struct lwt_xs_value *part, *all;
};

static void free_listing(void *env)
{
  struct listing *l = env;

  lwt__free(l->part);
  lwt__free(l->all);
}

/* Returns 1 at the end, 0 if there is more, or an error. */
static int add_part(struct listing *l)
{
  size_t head = strlen(l->part->bytes) + 1, len = l->all ? l->all->len : 0, more;
  const char *names = l->part->bytes + head;
  struct lwt_xs_value *all;
  int end;

  if (head > sizeof l->generation || head > l->part->len)
    return LWT_EPROTO;
  if (l->all && strcmp(l->generation, l->part->bytes) != 0) {
    lwt__free(l->all);
    l->all = NULL;
    l->generation[0] = '\0';
    return 0;
  }
  strcpy(l->generation, l->part->bytes);
  more = l->part->len - head;
  end = more && !names[more - 1] && (more == 1 || !names[more - 2]);
  if (!more || (len + more) >> 20)
    return LWT_EPROTO;
  more -= (size_t)end;
  all = lwt__alloc(sizeof *all + len + more + 2);
  if (!all)
    return LWT_ENOMEM;
  if (l->all)
    memcpy(all->bytes, l->all->bytes, len);
  memcpy(all->bytes + len, names, more);
  all->len = len + more;
  memset(all->bytes + all->len, 0, 2);
  lwt__free(l->all);
  l->all = all;
  return end;
}

static lwt_xs_value_p *ask_part(struct listing *l)
{
  char offset[24];
  int n = snprintf(offset, sizeof offset, "%zu", l->all ? l->all->len : 0);

  return (lwt_xs_value_p *)ask_path(XS_DIRECTORY_PART, l->tx, l->path, offset,
                                    (size_t)n + 1, VALUE, "xs_directory");
}

static struct lwt_xs_value *take_all(struct listing *l)
{
  struct lwt_xs_value *all = l->all;

  l->all = NULL;
  return all;
}

LWT_STEP listing_step(struct lwt_frame *frame)
{
  struct listing *l = (struct listing *)frame;
  struct lwt_error error;
  int end;

  lwt_begin(l);
  lwt_defer(l, free_listing, l);
  lwt_await_error(l, &error, &l->all,
                  (lwt_xs_value_p *)ask_path(XS_DIRECTORY, l->tx, l->path, NULL, 0,
                                             VALUE, "xs_directory"));
  if (error.code && error.code != LWT_EMSGSIZE)
    lwt_throw(l, error.code, "xs_directory");
  if (error.code)
    for (end = 0; end == 0;) {
      lwt_await(l, &l->part, ask_part(l));
      end = add_part(l);
      lwt__free(l->part);
      l->part = NULL;
      if (end < 0)
        lwt_throw(l, end, "xs_directory");
    }
  lwt_finish_owned(l, take_all(l), lwt_xs_free);
  lwt_end(l);
}

lwt_xs_value_p *lwt_xs_directory(uint32_t tx, const char *path)
{
  struct listing init = { .tx = tx };

  if (!is_path(path))
    return lwt_xs_value_p_fail(LWT_EINVAL, "xs_directory");
  strcpy(init.path, path);
  return (lwt_xs_value_p *)lwt__go(sizeof init, listing_step, &init, NULL, LWT_WHERE);
}

/* ---- Transactions ---------------------------------------------------------- */

lwt_xs_tx_p *lwt_xs_start(void)
{
  const struct store_part empty = { "", 1 };

  return (lwt_xs_tx_p *)ask(XS_TRANSACTION_START, 0, &empty, 1, TRANSACTION, "xs_start");
}

lwt_t *lwt_xs_end(uint32_t tx, int commit)
{
  const struct store_part how = { commit ? "T" : "F", 2 };

  return ask(XS_TRANSACTION_END, tx, &how, 1, NOTHING, "xs_end");
}

#define TRIES 1000

struct attempt {
  struct lwt_frame frame;
  lwt_xs_body_fn *body;
  void *env;
  uint32_t tx;
  unsigned generation;
  int tries;
};

/* A resume has ended it; it begins again. */
static int is_gone(const struct attempt *a)
{
  return a->generation != lwt__generation;
}

static void abandon(void *env)
{
  struct attempt *a = env;

  if (a->tx && !is_gone(a))
    abort_transaction(a->tx);
}

/* From here on the transaction is xenstored's. */
static lwt_t *end_attempt(struct attempt *a)
{
  uint32_t tx = a->tx;

  a->tx = 0;
  return lwt_xs_end(tx, 1);
}

LWT_STEP attempt_step(struct lwt_frame *frame)
{
  struct attempt *a = (struct attempt *)frame;
  struct lwt_error error;

  lwt_begin(a);
  lwt_defer(a, abandon, a);
  for (a->tries = 0; a->tries < TRIES; a->tries++) {
    lwt_await(a, &a->tx, lwt_xs_start());
    a->generation = lwt__generation;
    lwt_await_error(a, &error, a->body(a->env, a->tx));
    if (error.code && error.code != LWT_EAGAIN && !is_gone(a))
      lwt_throw(a, error.code, error.what);
    if (error.code) {
      abandon(a);
      a->tx = 0;
      continue;
    }
    lwt_await_error(a, &error, end_attempt(a));
    if (!error.code)
      lwt_finish(a, NULL);
    if (error.code != LWT_EAGAIN && !is_gone(a))
      lwt_throw(a, error.code, error.what);
  }
  lwt_throw(a, LWT_EAGAIN, "xs_transaction");
  lwt_end(a);
}

lwt_t *lwt_xs_transaction(lwt_xs_body_fn *body, void *env)
{
  return LWT_GO(struct attempt, attempt_step, .body = body, .env = env);
}
