/* model.c - states, handles, the queue, time; the model as a world.
 * SPDX-License-Identifier: ISC
 */
#include "model.h"

#include <string.h>

struct model model;

int m_new(enum m_kind kind, int id)
{
  struct m_promise *p = &model.p[model.n];

  assert(model.n < PROMISES);
  memset(p, 0, sizeof *p);
  p->kind = kind;
  p->id = id;
  p->refs = 1;
  p->room = kind == M_TRY || kind == M_ON_ANY ? 5 : 4;
  return model.n++;
}

void m_free(int p)
{
  M(p)->freed = 1;
}

/* ---- Values -------------------------------------------------------------- */

struct m_out m_value(int token, int owned)
{
  return (struct m_out){ .state = FULFILLED, .token = token, .owned = owned };
}

struct m_out m_error(int code)
{
  return (struct m_out){ .state = REJECTED, .code = code };
}

void m_drop_value(struct m_out *o)
{
  int i;

  if (o->state != FULFILLED || !o->owned)
    return;
  o->owned = 0;
  if (o->type == TOKEN)
    token_dropped(o->token);
  for (i = 0; i < o->pending; i++) {
    m_unref(o->promise[i]);
    m_leave();
  }
  for (i = 0; o->type != TOKEN && i < o->n; i++)
    if (o->owns[i])
      token_dropped(o->tokens[i]);
}

/* ---- Waiting ------------------------------------------------------------- */

int *m_source(int p, int e)
{
  return e < 0 ? &M(p)->source : &M(p)->e[e].source;
}

void m_hook_at(int at, int source, int p, int e)
{
  assert(model.hooks < HOOKS);
  memmove(model.hook + at + 1, model.hook + at,
          (size_t)(model.hooks - at) * sizeof model.hook[0]);
  model.hooks++;
  model.hook[at] = (struct m_hook){ source, p, e };
  *m_source(p, e) = source;
}

int m_waiter(int p)
{
  int i;

  for (i = 0; i < model.hooks; i++)
    if (model.hook[i].source == p)
      return i;
  return -1;
}

/* The callbacks of lwt_on_cancel() come first, the last one first. */
void m_hook(int source, int p, int e)
{
  int first = m_waiter(source);

  m_hook_at(M(p)->kind == M_ON_CANCEL && first >= 0 ? first : model.hooks, source, p, e);
}

int m_unhook(int p, int e)
{
  int i;

  for (i = 0; model.hook[i].p != p || model.hook[i].e != e; i++)
    assert(i < model.hooks);
  model.hooks--;
  memmove(model.hook + i, model.hook + i + 1,
          (size_t)(model.hooks - i) * sizeof model.hook[0]);
  return i;
}

int m_waiters(int p)
{
  int i, n = 0;

  for (i = 0; i < model.hooks; i++)
    n += model.hook[i].source == p;
  return n;
}

void m_ready(int what, int p, int e)
{
  assert(model.last < QUEUE);
  model.ready[model.last++] = (struct m_ready){ what, p, e };
}

static void drain(void)
{
  struct m_ready *r;

  model.draining = 1;
  while (model.first < model.last) {
    r = &model.ready[model.first++];
    if (r->what == RUN_STOP) {
      M(r->p)->stop = 0;
      M(r->p)->refs++;
      called_plain(M(r->p)->id, EV_STOP);
      m_unref(r->p);
    } else if (r->what == RUN_GROUP) {
      m_group_end(r->p);
    } else if (r->e >= 0) {
      m_run_entry(r->p, r->e);
    } else if (M(r->p)->kind == M_FRAME) {
      m_run_frame(r->p, M(r->p)->source);
    } else {
      m_run_waiter(r->p, M(r->p)->source);
    }
  }
  model.draining = 0;
}

void m_leave(void)
{
  if (!model.draining)
    drain();
}

/* ---- Settling ------------------------------------------------------------ */

/* Chains are freed one after the other, the last given up first. */
static void bury(int p)
{
  int draining = model.draining;
  struct m_out o;

  model.dead[model.n_dead++] = p;
  if (model.reaping)
    return;
  model.reaping = model.draining = 1; /* no callback runs meanwhile */
  while (model.n_dead) {
    p = model.dead[--model.n_dead];
    if (m_pending(p)) {
      m_abandon(p);
      continue;
    }
    o = M(p)->out;
    m_free(p);
    if (o.lender)
      m_unref(o.lender);
    else
      m_drop_value(&o);
  }
  model.draining = draining;
  model.reaping = 0;
}

void m_unowned(int p)
{
  struct m_promise *q = M(p);

  if (q->resolver || q->stop)
    return;
  if (q->state == REJECTED && !q->seen && !q->dropped && q->out.code != E_CANCELED)
    happened(EV_LOST, 0, q->out.code, 0);
  bury(p);
}

void m_settle(int p, struct m_out o)
{
  int i, first = 1;

  assert(m_pending(p));
  M(p)->state = o.state;
  M(p)->out = o;
  while ((i = m_waiter(p)) >= 0) {
    struct m_hook h = model.hook[i];

    if (M(h.p)->kind == M_ON_CANCEL)
      M(p)->refs++;
    m_unhook(h.p, h.e);
    m_ready(RUN_WAITER, h.p, h.e);
    first = 0;
  }
  if (first && M(p)->refs == 0)
    m_unowned(p);
}

void m_unref(int p)
{
  int i;

  if (p < IMMORTALS || --M(p)->refs)
    return;
  if (!m_pending(p)) {
    m_unowned(p);
    return;
  }
  if (M(p)->async || M(p)->dropped)
    return;
  while ((i = m_waiter(p)) >= 0) { /* of lwt_on_cancel(): told */
    struct m_hook h = model.hook[i];

    m_unhook(h.p, h.e);
    *m_source(h.p, h.e) = CANCELED;
    m_ready(RUN_WAITER, h.p, h.e);
  }
  bury(p);
}

void m_detach(int p)
{
  if (p < IMMORTALS)
    return;
  if (m_pending(p)) {
    if (--M(p)->refs == 0)
      M(p)->dropped = 1;
    return;
  }
  M(p)->seen = 1;
  m_unref(p);
}

static struct m_out moved(int p)
{
  struct m_out o = M(p)->out;

  M(p)->refs = 0;
  M(p)->out.owned = 0;
  if (!M(p)->resolver && !M(p)->stop)
    m_free(p);
  return o;
}

struct m_out m_take(int p)
{
  struct m_promise *q = M(p);
  struct m_out o = q->out;

  q->seen |= q->state == REJECTED;
  if (p >= IMMORTALS && q->refs == 1 && !q->shared && !o.lender && !q->stop)
    return moved(p);
  if (o.state == FULFILLED && (o.owned || o.lender)) {
    o.owned = 0;
    o.lender = p;
    return o;
  }
  o.lender = 0;
  m_unref(p);
  return o;
}

struct m_out m_take_over(int p)
{
  struct m_promise *q = M(p);
  struct m_out o = q->out;

  q->seen |= q->state == REJECTED;
  if (p >= IMMORTALS && q->refs == 1 && !o.lender && !q->stop)
    return moved(p);
  o.owned = o.lender = 0;
  m_unref(p);
  return o;
}

void m_settle_like(int p, int source)
{
  m_settle(p, m_take(source));
}
