/* switch.c - a set of clean-ups.
 * SPDX-License-Identifier: ISC
 *
 * Each clean-up is a node that can be hooked into the promise that it returns,
 * and the promise of turning off is made with the first of them: turning off
 * needs no memory.
 */
#include "internal.h"

#include <lwt/switch.h>

struct cleanup {
  struct promise p; /* K_HOOK; env: the switch */
  struct cleanup *next;
  lwt_finalize_fn *fn;
  void *arg;
};

int lwt_switch_is_on(const struct lwt_switch *s)
{
  return !s->off;
}

int lwt_switch_check(const struct lwt_switch *s)
{
  return s && s->off ? LWT_ESHUTDOWN : 0;
}

int lwt_switch_add(struct lwt_switch *s, lwt_finalize_fn *fn, void *arg)
{
  struct cleanup *c;
  lwt_t *done;

  if (!s)
    return 0;
  if (s->off)
    return LWT_ESHUTDOWN;
  if (!s->done) {
    done = lwt_wait_at(&s->resolver, "lwt_switch_turn_off");
    if (done == lwt__oom())
      return LWT_ENOMEM;
    s->done = done;
  }
  if (!(c = lwt__node(sizeof *c, K_HOOK, NULL)))
    return LWT_ENOMEM;
  c->p.refs = 0;
  c->p.state = LWT_FULFILLED; /* waits for nothing yet */
  c->fn = fn;
  c->arg = arg;
  c->next = s->hooks;
  s->hooks = c;
  return 0;
}

lwt_t *lwt_switch_add_or_call(struct lwt_switch *s, lwt_finalize_fn *fn, void *arg)
{
  int error = lwt_switch_add(s, fn, arg);
  lwt_t *p;

  if (error != LWT_ESHUTDOWN)
    return error ? lwt__oom() : lwt_return(NULL);
  p = fn(arg);
  return p ? p : lwt_return(NULL);
}

/* ---- Turning off ----------------------------------------------------------- */

static void settled(struct lwt_switch *s)
{
  if (--s->left)
    return;
  if (s->error.code)
    lwt_reject_at(&s->resolver, s->error.code, s->error.what, s->where);
  else
    lwt_fulfill(&s->resolver, NULL);
}

static void take(struct lwt_switch *s, struct promise *source)
{
  struct outcome o;

  if (source->state == LWT_FULFILLED) {
    lwt__unref(source);
    return;
  }
  lwt__take_over(source, &o);
  if (!s->error.code) {
    s->error = (struct lwt_error){ (int)o.code, o.what };
    s->where = o.origin;
  }
}

static void cleanup_done(struct promise *node, struct promise *source)
{
  struct lwt_switch *s = node->env;

  lwt__node_free(node);
  take(s, source);
  settled(s);
}

static void run(struct lwt_switch *s, struct cleanup *c)
{
  lwt_t *p = c->fn(c->arg);

  if (p && lwt__state(p) == LWT_PENDING) {
    s->left++;
    c->p.state = LWT_PENDING;
    c->p.fn = (void *)cleanup_done;
    c->p.env = s;
    lwt__hook(P(p), &c->p.w);
    return;
  }
  lwt__node_free(&c->p);
  if (p && !lwt__is_inline(p))
    take(s, P(p));
}

lwt_t *lwt_switch_turn_off(struct lwt_switch *s)
{
  struct cleanup *c;
  lwt_t *done = s->done;

  if (s->off)
    return lwt_return(NULL);
  s->off = 1;
  if (!done)
    return lwt_return(NULL);
  s->left = 1;
  s->done = NULL;
  while ((c = s->hooks)) {
    s->hooks = c->next;
    run(s, c);
  }
  settled(s);
  return done;
}

struct with_switch {
  struct lwt_frame frame;
  lwt_switch_fn *body;
  void *env;
  struct lwt_switch s;
};

static lwt_t *turn_off(void *s)
{
  return lwt_switch_turn_off(s);
}

LWT_STEP with_switch_step(struct lwt_frame *frame)
{
  struct with_switch *w = (struct with_switch *)frame;

  lwt_begin(w);
  lwt_defer(w, turn_off, &w->s);
  lwt_become(w, w->body(&w->s, w->env));
  lwt_end(w);
}

lwt_t *lwt_with_switch_at(lwt_switch_fn *body, void *env, const char *where)
{
  return lwt__go(sizeof(struct with_switch), with_switch_step,
                 &(struct with_switch){ .body = body, .env = env }, NULL, where);
}
