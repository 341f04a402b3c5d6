/* each.c - f for each of many elements, at most so many at a time.
 * SPDX-License-Identifier: ISC
 *
 * One frame reads the elements and starts them.  A promise of f that is pending
 * gets a record, whose hook is run when it settles.  The frame waits in `room`
 * when too many run, and in `room` again at the end until none is left.
 */
#include "queue.h"
#include "each.h"

#include <lwt/stream.h>
#include <string.h>

struct running {
  struct promise hook; /* K_HOOK */
  struct each *each;
  struct running *next, *prev;
  size_t i;
};

struct each {
  struct lwt_frame frame;
  const struct each_ops *ops;
  void *env;
  size_t max;
  size_t n;       /* begun */
  size_t running;
  struct running *first;
  struct lwt_queue room;
  struct promise gate; /* what the frame waits for in room: needs no memory */
  struct lwt_error error; /* the first */
  int enough;
  void *element;
  struct lwt_error now;
};

static void fail(struct each *e, int code, const char *what)
{
  e->enough = 1;
  if (!e->error.code)
    e->error = (struct lwt_error){ code, what };
}

/* What became of element i. */
static void finish(struct each *e, size_t i, struct outcome *o)
{
  int done = 0;

  if (o->state == LWT_REJECTED) {
    fail(e, (int)o->code, o->what);
    return;
  }
  if (e->ops->done)
    done = e->ops->done(e->env, i,
                        (struct lwt_value){ o->value, o->grant ? NULL : o->drop });
  else if (!o->grant)
    lwt__drop_value(o->value, o->drop);
  if (done < 0)
    fail(e, done, "lwt_each");
  else if (done)
    e->enough = 1;
}

static void wake(struct each *e)
{
  struct promise *p = lwt__queue_pop(Q(&e->room));

  if (p)
    lwt__fulfill(p, NULL, NULL);
}

static void settled(struct promise *p, struct promise *source)
{
  struct running *r = (struct running *)(void *)p;
  struct each *e = r->each;
  struct outcome o;
  size_t i = r->i;
  int was = e->enough;

  lwt__take_over(source, &o);
  if (r->next)
    r->next->prev = r->prev;
  if (r->prev)
    r->prev->next = r->next;
  else
    e->first = r->next;
  lwt__raw_free(r, sizeof *r);
  e->running--;
  finish(e, i, &o);
  wake(e);
  if (e->enough && !was) /* it may wait for an element */
    lwt__cancel(&((struct frame *)(void *)e)->p, 0);
}

static void begin(struct each *e, void *element)
{
  size_t i = e->n++;
  lwt_t *p = e->ops->start(e->env, element);
  struct outcome o = { .state = LWT_FULFILLED };
  struct running *r;

  if (!p) {
    fail(e, LWT_EINVAL, "callback returned NULL");
    return;
  }
  if (lwt__is_inline(p) || P(p)->state != LWT_PENDING) {
    if (lwt__is_inline(p))
      o.value = lwt__inline_value(p);
    else
      lwt__take_over(P(p), &o);
    finish(e, i, &o);
    return;
  }
  if (!(r = lwt__raw_alloc(sizeof *r))) {
    lwt_drop(p);
    fail(e, LWT_ENOMEM, "out of memory");
    return;
  }
  memset(r, 0, sizeof *r);
  lwt__node_init(&r->hook, K_HOOK, NULL, 1);
  r->hook.fn = (void *)settled;
  r->each = e;
  r->i = i;
  r->next = e->first;
  if (r->next)
    r->next->prev = r;
  e->first = r;
  e->running++;
  lwt__hook(P(p), &r->hook.w);
}

/* As if their owner had given them up; their hooks run when they are through. */
static void stop_all(struct each *e)
{
  struct running *r;

  for (r = e->first; r; r = r->next)
    lwt__stop(lwt__source(&r->hook.w));
}

static lwt_t *wait_room(struct each *e)
{
  struct promise *p = &e->gate;

  if (p->refs && p->state == LWT_PENDING) /* it was given up there */
    lwt__unhook(&p->w);
  *p = (struct promise){ .kind = K_QUEUED, .refs = 2, .where = LWT_WHERE };
  lwt__hook(Q(&e->room), &p->w);
  return H(p);
}

LWT_STEP each_step(struct lwt_frame *frame)
{
  struct each *e = (struct each *)frame;
  struct lwt_value v;

  lwt_begin(e);
  while (!e->enough) {
    if (e->running >= e->max) {
      lwt_await_error(e, &e->now, wait_room(e));
    } else {
      lwt_await_error(e, &e->now, &e->element, e->ops->next(e->env));
      if (!e->now.code && e->element == LWT_NONE)
        break;
      if (!e->now.code && !e->enough)
        begin(e, e->element);
      else if (!e->now.code && e->ops->unget)
        e->ops->unget(e->env, e->element);
    }
    if (e->now.code && !e->enough) {
      fail(e, e->now.code, e->now.what);
      if (e->now.code == LWT_ECANCELED)
        stop_all(e);
    }
  }
  while (e->running) {
    lwt_await_error(e, &e->now, wait_room(e));
    if (e->now.code) {
      fail(e, e->now.code, e->now.what);
      stop_all(e);
    }
  }
  v = (struct lwt_value){ NULL, NULL };
  if (!e->error.code && e->ops->value)
    v = e->ops->value(e->env);
  e->ops->end(e->env);
  lwt__free(e->env);
  if (e->error.code)
    lwt_throw(e, e->error.code, e->error.what);
  lwt_finish_owned(e, v.value, v.drop);
  lwt_end(e);
}

static void lost(void *init)
{
  struct each *e = init;

  e->ops->end(e->env);
  lwt__free(e->env);
}

lwt_t *lwt__each_run(const struct each_ops *ops, size_t max, const void *init,
                     size_t size, const char *where)
{
  void *env = lwt__alloc(size);

  if (!env) {
    ops->end((void *)(uintptr_t)init);
    return lwt__oom();
  }
  memcpy(env, init, size);
  return lwt__go(sizeof(struct each), each_step,
                 &(struct each){ .ops = ops, .env = env, .max = max ? max : 1 }, lost,
                 where);
}
