/* call.c - lwt_call(): a promise here for a promise of another loop.
 * SPDX-License-Identifier: ISC
 *
 * A call makes one round trip as mail: `go` to the loop that serves it, `back` to
 * the one that asked.  A cancel is mail, too.  Each mail on the way owns a
 * reference.  Members are used by one side at a time, and handed over with the
 * mail; `unwanted` and `refs` are for both.
 */
#include "thread_internal.h"

#include <string.h>

struct call {
  atomic_uint refs;
  atomic_int unwanted;
  struct lwt_loop *from, *to;
  struct mail go, back, cancel;
  lwt_drop_fn *drop_env, *drop_value;
  void *env;
  /* Who asks. */
  struct object object;
  struct lwt_resolver r;
  uint8_t left; /* nobody waits for it */
  /* Who serves. */
  struct call *next, **link;
  lwt_finalize_fn *fn;
  lwt_t *over; /* what settles with the outcome */
  uint8_t began, answered;
  /* The outcome. */
  struct lwt_error error;
  void *value;
};

static void release(struct call *c)
{
  if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
    return;
  lwt__inbox_release(c->from);
  lwt__inbox_release(c->to);
  lwt__free(c);
}

static void drop(lwt_drop_fn *fn, void *value)
{
  if (fn)
    fn(value);
}

/* ---- Who serves -------------------------------------------------------- */

/* c may be gone afterwards. */
static void answer(struct call *c, struct lwt_error error, void *value)
{
  lwt_t *over = c->over;

  if (c->answered)
    return;
  c->answered = 1;
  if (c->link) {
    *c->link = c->next;
    if (c->next)
      c->next->link = c->link;
    c->link = NULL;
  }
  c->over = NULL;
  if (c->to->closing && error.code == LWT_ECANCELED)
    error.code = LWT_ESHUTDOWN;
  c->error = error;
  c->value = value;
  if (c->began)
    drop(c->drop_env, c->env);
  if (lwt__inbox_push(c->from, &c->back)) {
    if (!error.code)
      drop(c->drop_value, value);
    if (!c->began)
      drop(c->drop_env, c->env);
    release(c);
  }
  lwt_drop(over);
}

static lwt_t *on_value(void *env, void *value)
{
  answer(env, (struct lwt_error){ 0, NULL }, value);
  return lwt_return(NULL);
}

static lwt_t *on_error(void *env, struct lwt_error error)
{
  answer(env, error, NULL);
  return lwt_return(NULL);
}

/* The guard: the answer may be given at once. */
static void begin(struct call *c)
{
  lwt_t *over;

  atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
  c->began = 1;
  c->link = &c->to->serving;
  if ((c->next = *c->link))
    c->next->link = &c->next;
  *c->link = c;
  over = lwt_try_bind(c->fn(c->env), on_value, on_error, c);
  if (!c->answered && lwt_state(over) == LWT_REJECTED)
    answer(c, lwt_error(over), NULL); /* no memory for the bind */
  if (c->answered)
    lwt_drop(over);
  else
    c->over = over;
  release(c);
}

static void go_deliver(struct mail *mail, int ended)
{
  struct call *c = CONTAINER(mail, struct call, go);

  if (ended)
    answer(c, (struct lwt_error){ LWT_ESHUTDOWN, "call" }, NULL);
  else if (atomic_load_explicit(&c->unwanted, memory_order_relaxed))
    answer(c, (struct lwt_error){ LWT_ECANCELED, "call" }, NULL);
  else
    begin(c);
}

/* c stays while it is cancelled. */
static void stop_serving(struct call *c)
{
  lwt_t *over = c->over;

  c->over = NULL;
  lwt_cancel(over);
  if (c->answered)
    lwt_drop(over);
  else
    c->over = over;
}

static void cancel_deliver(struct mail *mail, int ended)
{
  struct call *c = CONTAINER(mail, struct call, cancel);

  if (!ended && c->over)
    stop_serving(c);
  release(c);
}

void lwt__calls_end(struct lwt_loop *loop)
{
  struct call *c;

  while ((c = loop->serving)) {
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    if (c->over)
      stop_serving(c);
    answer(c, (struct lwt_error){ LWT_ESHUTDOWN, "call" }, NULL);
    release(c);
  }
}

/* ---- Who asks ---------------------------------------------------------- */

static void leave(struct call *c)
{
  c->left = 1;
  lwt__unix_remove(&c->object);
  c->from->asked--;
  lwt__inbox_busy(c->from);
}

static void back_deliver(struct mail *mail, int ended)
{
  struct call *c = CONTAINER(mail, struct call, back);
  struct lwt_resolver r = c->r;
  struct lwt_error error = c->error;
  lwt_drop_fn *drop_value = c->drop_value;
  void *value = c->value;

  (void)ended;
  if (!c->left)
    leave(c);
  if (!c->began)
    drop(c->drop_env, c->env);
  release(c);
  if (error.code)
    lwt_reject(&r, error.code, error.what);
  else if (lwt_fulfill_owned(&r, value, drop_value))
    drop(drop_value, value);
}

/* The promise is settled or about to be. */
static void give_up(struct call *c)
{
  leave(c);
  atomic_store_explicit(&c->unwanted, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
  if (lwt__inbox_push(c->to, &c->cancel))
    release(c);
}

static void call_stop(void *env)
{
  struct call *c = env;

  lwt_abandon(&c->r);
  give_up(c);
}

static void call_cut(struct object *object, int now)
{
  struct call *c = CONTAINER(object, struct call, object);
  struct lwt_resolver r = c->r;

  (void)now;
  c->r.lwt_private = NULL;
  give_up(c);
  lwt_reject(&r, LWT_ECANCELED, "call");
}

static void set_up(struct call *c, struct lwt_loop *from, struct lwt_loop *to)
{
  atomic_init(&c->refs, 1);
  lwt__inbox_hold(c->from = from);
  lwt__inbox_hold(c->to = to);
  c->go.deliver = go_deliver;
  c->back.deliver = back_deliver;
  c->cancel.deliver = cancel_deliver;
  lwt__unix_add(&c->object, NULL, call_cut);
  from->asked++;
  lwt__inbox_busy(from);
}

lwt_t *lwt_call_at(struct lwt_loop *loop, lwt_finalize_fn *fn, void *env,
                   lwt_drop_fn *drop_env, lwt_drop_fn *drop_value, const char *where)
{
  struct lwt_loop *here = lwt__inbox();
  struct call *c = here ? lwt__alloc(sizeof *c) : NULL;
  struct lwt_resolver r;
  lwt_t *p;

  if (!c) {
    drop(drop_env, env);
    return lwt_fail_at(LWT_ENOMEM, "call", where);
  }
  memset(c, 0, sizeof *c);
  p = lwt_task_op_at(&c->r, call_stop, c, where);
  if (!c->r.lwt_private) {
    lwt__free(c);
    drop(drop_env, env);
    return p;
  }
  c->fn = fn;
  c->env = env;
  c->drop_env = drop_env;
  c->drop_value = drop_value;
  set_up(c, here, loop);
  if (lwt__inbox_push(loop, &c->go) == 0)
    return p;
  r = c->r;
  leave(c);
  release(c);
  drop(drop_env, env);
  lwt_reject_at(&r, LWT_ESHUTDOWN, "call", where);
  return p;
}

/* Nobody in the child serves it. */
void lwt__calls_forked(void)
{
  struct object *object, *next;

  for (object = lwt__unix.objects; object; object = next) {
    struct call *c = CONTAINER(object, struct call, object);

    next = object->next;
    if (object->cut != call_cut || c->to == c->from)
      continue;
    c->error = (struct lwt_error){ LWT_ECANCELED, "fork" };
    c->began = 1; /* env is left alone: somebody may have been using it */
    lwt__inbox_push(c->from, &c->back);
  }
}
