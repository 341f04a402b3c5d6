/* scope.c - task groups.
 * SPDX-License-Identifier: ISC
 *
 * Read scope.h and the rules of internal.h first.  A scope is a frame with two
 * waits, both for its gate, a promise that is part of it:
 *
 *   running    until all is over or something stops the scope; cancel reaches
 *              the gate;
 *   stopping   in the deferred end(), which cancel does not reach, until the
 *              last thread has settled.
 *
 * Each thread has a node that is hooked into its promise.  While the scope runs,
 * one more is in reserve, so that a thread that was given to it can always be
 * waited for, even if there is no memory for another one.
 */
#include "queue.h"

#include <lwt/scope.h>

struct thread_node {
  struct promise p; /* K_HOOK; env: the scope */
  struct thread_node *next, *prev;
};

struct lwt_scope {
  struct lwt_frame frame;
  lwt_scope_fn *fn;
  void *env;
  uint64_t deadline;
  size_t max, threads;
  struct thread_node *list, *reserve;
  struct lwt_queue waiting; /* lwt_spawn_call(): fn, env */
  struct promise gate;      /* F_RESOLVER: its memory is the scope's */
  struct promise body, alarm;
  struct outcome result; /* of the body, or the first failure */
  uint8_t bodies; /* 1 until the body has settled */
  uint8_t failed, stopping;
  uint8_t ending; /* in end() */
  uint8_t over;
};

static int active(const struct lwt_scope *s)
{
  return s->threads || s->bodies || (s->ending && s->alarm.w.source);
}

/* ---- The gate ------------------------------------------------------------ */

static lwt_t *gate(struct lwt_scope *s, unsigned flags)
{
  lwt__node_init(&s->gate, K_WAIT, ((struct promise *)(void *)s)->where, 1);
  s->gate.flags = (uint16_t)(F_RESOLVER | flags);
  s->gate.fn = s->gate.env = NULL;
  return H(&s->gate);
}

static void open_gate(struct lwt_scope *s)
{
  if (s->gate.state == LWT_PENDING)
    lwt__fulfill(&s->gate, NULL, NULL);
}

/* All have settled: the frame's outcome is the scope's. */
static void conclude(struct lwt_scope *s)
{
  struct frame *f = (struct frame *)(void *)s;

  s->over = 1;
  if (s->result.state != LWT_PENDING)
    f->result = s->result;
  if (s->reserve)
    lwt__node_free(&s->reserve->p);
  s->reserve = NULL;
}

static void settled(struct lwt_scope *s)
{
  if (active(s))
    return;
  if (s->ending)
    conclude(s);
  open_gate(s);
}

/* ---- Stopping ------------------------------------------------------------ */

static void stop_node(struct promise *node)
{
  struct promise *p = lwt__source(&node->w);

  if (p->state == LWT_PENDING)
    lwt__stop(p);
}

/* Drop functions may add threads at the front of the list, nothing can leave
 * it: what settles is queued. */
static void stop(struct lwt_scope *s)
{
  struct thread_node *t;
  struct promise *p;
  uint8_t draining = lwt__t.draining;

  lwt__t.draining = 1;
  s->stopping = 1;
  while ((p = lwt__queue_pop(Q(&s->waiting))))
    lwt__reject(p, LWT_ECANCELED, "lwt_spawn_call", NULL);
  for (t = s->list; t; t = t->next)
    stop_node(&t->p);
  if (s->body.w.source)
    stop_node(&s->body);
  if (!s->ending) /* else it opens when the last thread has settled */
    open_gate(s);
  lwt__t.draining = draining;
}

static void fail(struct lwt_scope *s, const struct outcome *o)
{
  if (s->failed) {
    lwt__report((struct lwt_error){ (int)o->code, o->what }, o->origin);
    return;
  }
  s->failed = 1;
  if (s->result.state == LWT_FULFILLED)
    lwt__drop_value(s->result.value, s->result.drop);
  s->result = *o;
  stop(s);
}

static void fail_with(struct lwt_scope *s, int code, const char *what)
{
  struct outcome o = { .state = LWT_REJECTED };

  o.code = code;
  o.what = what;
  o.origin = ((struct promise *)(void *)s)->where;
  fail(s, &o);
}

void lwt_scope_stop(struct lwt_scope *s)
{
  stop(s);
  lwt__leave();
}

/* ---- Body and deadline ---------------------------------------------------- */

static void body_settled(struct lwt_scope *s, struct promise *source)
{
  struct outcome o;

  s->bodies = 0;
  lwt__take_over(source, &o);
  if (o.state == LWT_REJECTED) {
    fail(s, &o);
  } else if (!s->failed) {
    s->result = o;
  } else {
    lwt__drop_value(o.value, o.drop);
  }
  settled(s);
}

static void body_done(struct promise *node, struct promise *source)
{
  node->w.source = 0;
  body_settled(node->env, source);
}

static void alarm_done(struct promise *node, struct promise *source)
{
  struct lwt_scope *s = node->env;
  int rang = source->state == LWT_FULFILLED;

  node->w.source = 0;
  lwt__unref(source);
  if (rang && active(s) && !s->failed)
    fail_with(s, LWT_ETIMEDOUT, "lwt_scope");
  if (s->ending)
    settled(s);
}

static void hook(struct lwt_scope *s, struct promise *node, lwt__hook_fn *fn,
                 struct promise *source)
{
  node->fn = (void *)fn;
  node->env = s;
  lwt__hook(source, &node->w);
}

/* ---- Threads --------------------------------------------------------------- */

static struct thread_node *thread_node(struct lwt_scope *s)
{
  struct thread_node *t = s->reserve;

  s->reserve = NULL;
  if (!t && (t = lwt__node(sizeof *t, K_HOOK, NULL)))
    t->p.refs = 0;
  if (t)
    t->p.state = LWT_FULFILLED; /* waits for nothing: not for lwt_dump() */
  return t;
}

static int refill(struct lwt_scope *s)
{
  if (!s->stopping && !s->reserve)
    s->reserve = thread_node(s);
  return s->stopping || s->reserve;
}

static void call(struct lwt_scope *s, lwt_finalize_fn *fn, void *env, const char *where);

/* There may be room for those that wait in lwt_spawn_call(). */
static void admit(struct lwt_scope *s)
{
  struct promise *p;
  lwt_finalize_fn *fn;
  const char *where;
  void *env;

  while (!s->stopping && s->threads < s->max && (p = lwt__queue_pop(Q(&s->waiting)))) {
    fn = (lwt_finalize_fn *)p->fn;
    env = p->env;
    where = p->where;
    lwt__fulfill(p, NULL, NULL);
    call(s, fn, env, where);
  }
}

static void thread_ended(struct lwt_scope *s, struct promise *source)
{
  struct outcome o;

  s->threads--;
  if (source->state != LWT_REJECTED) {
    lwt__unref(source);
    return;
  }
  lwt__take_over(source, &o);
  if (o.code != LWT_ECANCELED)
    fail(s, &o);
}

static void thread_done(struct promise *node, struct promise *source)
{
  struct thread_node *t = (struct thread_node *)(void *)node;
  struct lwt_scope *s = node->env;

  if (t->next)
    t->next->prev = t->prev;
  if (t->prev)
    t->prev->next = t->next;
  else
    s->list = t->next;
  lwt__node_free(node);
  thread_ended(s, source);
  admit(s);
  settled(s);
}

/* p, a thread that is counted already, is the scope's. */
static int own(struct lwt_scope *s, lwt_t *p, const char *where)
{
  struct thread_node *t;

  if (lwt__state(p) != LWT_PENDING) {
    thread_ended(s, lwt__is_inline(p) ? &lwt__unit : P(p));
    return s->stopping ? LWT_ECANCELED : 0;
  }
  if (!(t = thread_node(s))) {
    /* Stopping, and out of memory. */
    s->threads--;
    lwt__unref(P(p));
    return LWT_ENOMEM;
  }
  t->p.state = LWT_PENDING;
  t->p.where = where;
  t->next = s->list;
  t->prev = NULL;
  if (t->next)
    t->next->prev = t;
  s->list = t;
  hook(s, &t->p, thread_done, P(p));
  if (s->stopping) {
    lwt__stop(P(p));
    return LWT_ECANCELED;
  }
  if (refill(s))
    return 0;
  fail_with(s, LWT_ENOMEM, "lwt_spawn");
  return LWT_ENOMEM;
}

static void call(struct lwt_scope *s, lwt_finalize_fn *fn, void *env, const char *where)
{
  lwt_t *p;

  s->threads++;
  p = fn(env);
  own(s, p ? p : lwt_fail_at(LWT_EINVAL, "callback returned NULL", where), where);
}

int lwt_spawn_at(struct lwt_scope *s, lwt_t *p, const char *where)
{
  int full = s->max && s->threads >= s->max, error;

  if (s->over) {
    lwt_drop(p);
    return LWT_ECANCELED;
  }
  s->threads++;
  error = own(s, p ? p : lwt_fail_at(LWT_EINVAL, "lwt_spawn", where), where);
  if (!error && full && !lwt__is_inline(p) && s->list &&
      lwt__source(&s->list->p.w) == P(p)) {
    lwt__stop(P(p));
    error = LWT_EAGAIN;
  }
  lwt__leave();
  return error;
}

lwt_t *lwt_spawn_call_at(struct lwt_scope *s, lwt_finalize_fn *fn, void *env,
                         const char *where)
{
  if (s->stopping || s->over)
    return lwt_fail_at(LWT_ECANCELED, "lwt_spawn_call", where);
  if (s->max && (s->threads >= s->max || Q(&s->waiting)->waiters))
    return lwt__wait_in(lwt__queue_of(&s->waiting, Q_SPAWN), (void *)fn, env, where);
  call(s, fn, env, where);
  lwt__leave();
  return lwt_return(NULL);
}

size_t lwt_scope_threads(const struct lwt_scope *s)
{
  return s->threads;
}

int lwt_scope_stopping(const struct lwt_scope *s)
{
  return s->stopping;
}

uint64_t lwt_scope_deadline(const struct lwt_scope *s)
{
  return s->deadline;
}

/* ---- The scope -------------------------------------------------------------- */

/* The alarm goes, and whoever is left is stopped and waited for. */
static lwt_t *end(void *scope)
{
  struct lwt_scope *s = scope;
  struct promise *p;

  if (s->alarm.w.source && (p = lwt__source(&s->alarm.w))->state == LWT_PENDING) {
    lwt__unhook(&s->alarm.w);
    s->alarm.w.source = 0;
    lwt__unref(p);
  }
  s->ending = 1;
  if (active(s))
    return gate(s, 0);
  conclude(s);
  return NULL;
}

/* What it takes.  Returns 0, or why there is no scope. */
static int prepare(struct lwt_scope *s)
{
  lwt_t *p;
  int error;

  if (!refill(s))
    return LWT_ENOMEM;
  if (s->deadline == LWT_NEVER)
    return 0;
  p = lwt_sleep_until(s->deadline);
  if ((error = lwt_error(p).code))
    lwt_drop(p);
  else
    hook(s, &s->alarm, alarm_done, P(p));
  return error;
}

static void start(struct lwt_scope *s)
{
  lwt_t *p;

  s->bodies = 1;
  p = s->fn(s, s->env);
  if (!p)
    p = lwt_fail_at(LWT_EINVAL, "callback returned NULL", s->gate.where);
  if (lwt__is_inline(p)) {
    s->bodies = 0;
    if (!s->failed) {
      s->result.state = LWT_FULFILLED;
      s->result.grant = 0;
      s->result.value = lwt__inline_value(p);
      s->result.drop = NULL;
    }
  } else if (P(p)->state != LWT_PENDING) {
    body_settled(s, P(p));
  } else {
    hook(s, &s->body, body_done, P(p));
    if (s->stopping)
      lwt__stop(P(p));
  }
}

_Static_assert(sizeof(struct lwt_scope) <= 512, "from a pool");

LWT_STEP scope_step(struct lwt_frame *frame)
{
  struct lwt_scope *s = (struct lwt_scope *)frame;
  struct lwt_error error;
  int code;

  lwt_begin(s);
  lwt__node_init(&s->body, K_HOOK, NULL, 0);
  lwt__node_init(&s->alarm, K_HOOK, NULL, 0);
  s->gate.state = LWT_FULFILLED;
  s->gate.where = ((struct promise *)(void *)frame)->where;
  s->result.state = LWT_PENDING;
  lwt_defer(s, end, s);
  if ((code = prepare(s)))
    lwt_throw(s, code, "lwt_scope");
  start(s);
  while (active(s) && !s->stopping) {
    lwt_await_error(s, &error, gate(s, F_CANCELABLE));
    if (error.code)
      fail_with(s, error.code, error.what);
  }
  lwt_end(s);
}

lwt_t *lwt_scope_at(const struct lwt_scope_options *options, lwt_scope_fn *body,
                    void *env, const char *where)
{
  struct lwt_scope_options o = { 0, 0, NULL };
  uint64_t deadline;

  if (options)
    o = *options;
  deadline = o.deadline ? o.deadline : LWT_NEVER;
  if (o.within && o.within->deadline < deadline)
    deadline = o.within->deadline;
  return lwt__go(sizeof(struct lwt_scope), scope_step,
                 &(struct lwt_scope){ .fn = body,
                                      .env = env,
                                      .deadline = deadline,
                                      .max = o.max_threads },
                 NULL, where);
}

lwt_t *lwt_scope_until_at(uint64_t deadline, lwt_scope_fn *body, void *env,
                          const char *where)
{
  return lwt_scope_at(&(struct lwt_scope_options){ .deadline = deadline ? deadline : 1 },
                      body, env, where);
}
