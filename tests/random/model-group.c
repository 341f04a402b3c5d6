/* model-group.c - the model's join, all, both, choose, pick and the others.
 * SPDX-License-Identifier: ISC
 */
#include "model.h"

/* The generator of lwt/combine.c. */
static int random_below(int n)
{
  uint64_t x = model.random;

  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  model.random = x;
  return (int)(((x * 0x2545f4914f6cdd1du) >> 32) % (uint64_t)n);
}

static int picks(int kind) { return kind == M_PICK || kind == M_NPICK; }
static int takes_one(int kind) { return kind == M_CHOOSE || kind == M_PICK; }
static int joins(int kind) { return kind == M_JOIN || kind == M_ALL; }

static void put(struct m_out *vec, int i, struct m_out o)
{
  vec->tokens[i] = o.token;
  vec->owns[i] = o.owned;
}

static int group(int kind, int n, const int ps[])
{
  int g = m_new((enum m_kind)kind, 0), i;
  struct m_promise *p = M(g);

  p->n = n;
  p->room = 100;
  p->out = (struct m_out){ .state = FULFILLED, .owned = 1, .type = VEC };
  if (kind == M_JOIN || takes_one(kind))
    p->out = m_value(0, 0);
  if (kind == M_SPLIT)
    p->out.type = SPLIT;
  for (i = 0; i < n; i++)
    if (m_pending(ps[i])) {
      m_hook(ps[i], g, i);
      p->e[i].on = 1;
      p->left++;
    }
  return g;
}

void m_group_end(int g)
{
  M(g)->resolver = M(g)->left > 0; /* its memory stays */
  m_settle(g, M(g)->result);
}

void m_group_gone(int g)
{
  m_drop_value(&M(g)->out);
  m_free(g);
}

/* ---- join, all ----------------------------------------------------------- */

static void join_end(int g)
{
  if (M(g)->result.state == REJECTED)
    m_drop_value(&M(g)->out);
  else
    M(g)->result = M(g)->out;
  m_group_end(g);
}

static void join_input(int g, int i, int source)
{
  struct m_out o;

  if (M(source)->state == REJECTED) {
    o = m_take_over(source);
    if (M(g)->result.state == PENDING)
      M(g)->result = o;
  } else if (M(g)->kind == M_ALL) {
    put(&M(g)->out, i, m_take_over(source));
  } else {
    m_detach(source);
  }
}

static int join(int kind, int n, const int ps[])
{
  int g = group(kind, n, ps), i;

  M(g)->out.n = kind == M_ALL ? n : 0;
  for (i = 0; i < n; i++)
    if (!M(g)->e[i].on)
      join_input(g, i, ps[i]);
  if (M(g)->left == 0)
    join_end(g);
  m_leave();
  return g;
}

/* ---- choose, pick -------------------------------------------------------- */

static void release_inputs(int g)
{
  struct m_entry *e;

  for (e = M(g)->e; e < M(g)->e + M(g)->n; e++)
    if (e->on && m_pending(e->source)) {
      m_unhook(g, (int)(e - M(g)->e));
      e->on = 0;
      M(g)->left--;
      m_detach(e->source);
    }
}

static void decide(int g)
{
  int i;

  if (!picks(M(g)->kind)) {
    release_inputs(g);
    m_group_end(g);
    return;
  }
  M(g)->decided = 1;
  for (i = 0; i < M(g)->n; i++)
    if (M(g)->e[i].on)
      m_cancel(M(g)->e[i].source);
  release_inputs(g);
  m_ready(RUN_GROUP, g, -1);
}

static void take_one(int g, int source)
{
  struct m_entry *e;

  for (e = M(g)->e; e < M(g)->e + M(g)->n; e++)
    if (e->on && e->source == source) {
      e->source = UNIT;
      m_unref(source);
    }
  M(g)->result = m_take(source);
}

static void take_many(int g, int i, int first)
{
  struct m_out *o = &M(g)->out;
  struct m_entry *e = M(g)->e;
  int k;

  for (k = 0; k < M(g)->n; k++) {
    if (k == i) {
      put(o, o->n++, m_take_over(first));
    } else if (e[k].on && M(e[k].source)->state == FULFILLED) {
      put(o, o->n++, m_take_over(e[k].source));
      e[k].source = UNIT;
    } else if (e[k].on && m_pending(e[k].source) && M(g)->kind == M_SPLIT) {
      m_unhook(g, k);
      e[k].on = 0;
      M(g)->left--;
      o->promise[o->pending++] = e[k].source;
    }
  }
  M(g)->result = *o;
}

void m_run_entry(int g, int i)
{
  struct m_promise *p = M(g);
  int source = p->e[i].source;

  p->e[i].on = 0;
  p->left--;
  if (p->state == PENDING && !p->kill && !p->decided) {
    if (joins(p->kind)) {
      join_input(g, i, source);
      if (p->left == 0)
        join_end(g);
      return;
    }
    if (takes_one(p->kind) || M(source)->state == REJECTED)
      take_one(g, source);
    else
      take_many(g, i, source);
    decide(g);
    return;
  }
  m_detach(source);
  if (p->left)
    return;
  if (p->state != PENDING) {
    p->resolver = 0;
    if (p->refs == 0)
      m_unowned(g);
  } else if (p->kill) {
    m_group_gone(g);
  }
}

static int settled_input(int n, const int ps[], int at_random)
{
  int count[3] = { 0, 0, 0 }, wanted, i, k;

  for (i = 0; i < n; i++)
    count[M(ps[i])->state]++;
  wanted = count[REJECTED] ? REJECTED : FULFILLED;
  if (count[wanted] == 0)
    return n;
  k = at_random && count[wanted] > 1 ? random_below(count[wanted]) : 0;
  for (i = 0;; i++)
    if (M(ps[i])->state == wanted && k-- == 0)
      return i;
}

static int at_once(int kind, int n, const int ps[], int first)
{
  struct m_out o = { .state = FULFILLED, .owned = 1,
                     .type = kind == M_SPLIT ? SPLIT : VEC };
  int i, one = takes_one(kind) || M(ps[first])->state == REJECTED, p = ps[first];

  for (i = 0; picks(kind) && i < n; i++)
    m_cancel(ps[i]);
  for (i = 0; i < n; i++) {
    if (one && i == first)
      continue;
    if (!one && M(ps[i])->state == FULFILLED)
      put(&o, o.n++, m_take_over(ps[i]));
    else if (kind == M_SPLIT && !one)
      o.promise[o.pending++] = ps[i];
    else
      m_detach(ps[i]);
  }
  m_leave();
  if (one)
    return p;
  p = m_new(M_VALUE, 0);
  M(p)->state = FULFILLED;
  M(p)->out = o;
  return p;
}

int m_group_new(enum op op, int n, handle handles[])
{
  static const enum m_kind kinds[] = { M_JOIN, M_ALL, M_ALL, M_CHOOSE, M_PICK, M_NCHOOSE,
                                       M_NPICK, M_SPLIT };
  int kind = kinds[op - OP_JOIN], ps[INPUTS], i, first;

  for (i = 0; i < n; i++)
    ps[i] = (int)(intptr_t)handles[i];
  if (joins(kind))
    return join(kind, n, ps);
  first = settled_input(n, ps, takes_one(kind));
  return first < n ? at_once(kind, n, ps, first) : group(kind, n, ps);
}
