/* model-cancel.c - the model's cancel and drop.
 * SPDX-License-Identifier: ISC
 */
#include "model.h"

static void cancel_leaf(int p)
{
  struct m_promise *q = M(p);
  int i;

  if (q->kind == M_PAUSE) {
    for (i = 0; model.paused[i] != p; i++)
      ;
    for (model.n_paused--; i < model.n_paused; i++)
      model.paused[i] = model.paused[i + 1];
  } else if (q->kind == M_TIMER) {
    q->timing = 0;
  } else if (!q->cancelable) {
    return;
  }
  if (q->stop)
    m_ready(RUN_STOP, p, -1);
  m_settle(p, m_error(E_CANCELED));
}

/* What e waits for is settled: it will run with that. */
static int decided(int p, int e)
{
  return !m_pending(*m_source(p, e));
}

/* ---- lwt_cancel: backwards to every leaf --------------------------------- */

struct work {
  int g[PROMISES], n, all[PROMISES], n_all;
};

static void walk(int p, struct work *w)
{
  struct m_promise *q = M(p);
  int source = q->source;

  if (q->state != PENDING || q->running || q->cleanup)
    return;
  if (m_group(p)) {
    if (!q->listed)
      w->g[w->n++] = w->all[w->n_all++] = p;
    q->listed = 1;
    return;
  }
  if (!m_single(p)) {
    cancel_leaf(p);
    return;
  }
  if (q->kind == M_NO_CANCEL || decided(p, -1))
    return;
  if (q->kind == M_PROTECTED || q->kind == M_WRAP) {
    m_unhook(p, -1);
    m_detach(source);
    m_settle(p, m_error(E_CANCELED));
    if (q->kind == M_PROTECTED)
      return;
  }
  walk(source, w);
}

void m_cancel(int p)
{
  static struct work w;
  int draining = model.draining, g, i;

  w.n = w.n_all = 0;
  model.draining = 1;
  walk(p, &w);
  while (w.n) {
    g = w.g[--w.n];
    for (i = 0; m_pending(g) && i < M(g)->n; i++)
      if (M(g)->e[i].on && !decided(g, i))
        walk(M(g)->e[i].source, &w);
  }
  while (w.n_all)
    model.p[w.all[--w.n_all]].listed = 0;
  model.draining = draining;
}

/* ---- The last handle ----------------------------------------------------- */

/* p (e) gets LWT_ECANCELED now; s goes. */
static void deliver(int p, int e, int s)
{
  m_unhook(p, e);
  if (M(s)->refs == 1 && !m_single(s) && !m_group(s)) {
    M(s)->refs = 0;
    m_abandon(s);
  } else {
    m_unref(s);
  }
  *m_source(p, e) = CANCELED;
  m_ready(RUN_WAITER, p, e);
}

static void sever(int p, int e, struct work *w)
{
  int s = *m_source(p, e);
  struct m_promise *q = M(s);

  if (q->state != PENDING)
    return;
  if (q->refs > 1 || q->told || !(m_single(s) || m_group(s)) || q->kind == M_PROTECTED ||
      q->kind == M_WRAP) {
    deliver(p, e, s);
  } else if (m_group(s)) {
    w->g[w->n++] = s;
  } else if (q->cleanup || q->kind == M_NO_CANCEL) {
    return;
  } else if (q->running || decided(s, -1)) {
    q->kill = 1;
  } else {
    /* A plain link passes on nothing but LWT_ECANCELED. */
    if (!m_sees_failure(s))
      q->kill = 1;
    sever(s, -1, w);
  }
}

void m_sever(int p, int e)
{
  static struct work w;
  int draining = model.draining, g, i;

  w.n = 0;
  model.draining = 1;
  sever(p, e, &w);
  while (w.n) {
    g = w.g[--w.n];
    for (i = 0; i < M(g)->n; i++)
      if (M(g)->e[i].on && !decided(g, i))
        sever(g, i, &w);
  }
  model.draining = draining;
}

static void abandon_group(int g)
{
  struct m_promise *p = M(g);
  int i;

  p->dropped = 1;
  if (p->decided)
    return;
  p->kill = 1;
  for (i = 0; i < p->n; i++)
    if (p->e[i].on && !decided(g, i)) {
      m_unhook(g, i);
      p->e[i].on = 0;
      p->left--;
      m_unref(p->e[i].source);
    }
  if (p->left == 0)
    m_group_gone(g);
}

void m_abandon(int p)
{
  struct m_promise *q = M(p);
  int source = q->source;

  if (q->running) {
    q->dropped = q->kill = 1;
  } else if (m_group(p)) {
    abandon_group(p);
  } else if (!m_single(p)) {
    q->dropped = 1;
    cancel_leaf(p);
  } else if (q->kind == M_NO_CANCEL || q->cleanup) {
    q->dropped = 1;
  } else if (decided(p, -1)) {
    q->dropped = q->kill = 1;
  } else if (m_sees_failure(p)) {
    q->dropped = 1;
    m_sever(p, -1);
  } else {
    m_unhook(p, -1);
    m_free(p);
    (q->kind == M_PROTECTED ? m_detach : m_unref)(source);
  }
}

int m_shield(enum m_kind kind, int p)
{
  int node;

  if (!m_pending(p))
    return p;
  node = m_new(kind, 0);
  m_hook(p, node, -1);
  return node;
}
