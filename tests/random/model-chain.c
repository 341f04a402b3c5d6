/* model-chain.c - the model's callbacks and frames.
 * SPDX-License-Identifier: ISC
 */
#include "model.h"

static int enter(void)
{
  if (model.depth >= DEPTH)
    return 0;
  model.depth++;
  return 1;
}

static void leave(void)
{
  if (--model.depth == 0)
    m_leave();
}

void m_end_lent(struct m_out *o)
{
  if (o->lender)
    m_unref(o->lender);
  else
    m_drop_value(o);
}

/* A callback sees o.  Tokens that move to it are its own; the others it frees. */
static struct seen see(struct m_out o)
{
  struct seen v = { .type = (enum type)o.type, .n = 1, .token = { o.token } };
  int i;

  if (o.type == TOKEN)
    return v;
  v.n = o.n;
  v.pending = o.pending;
  for (i = 0; i < o.n; i++) {
    v.token[i] = o.tokens[i];
    v.owned[i] = o.owns[i];
  }
  assert(o.owned && !o.lender);
  m_drop_value(&o);
  return v;
}

static int call_value(int id, int source)
{
  struct m_out o = m_take(source);
  struct seen v = see(o);
  int q = (int)(intptr_t)called_value(id, &v);

  if (o.lender)
    m_unref(o.lender);
  return q;
}

static int call_map(int id, int source)
{
  struct m_out o = m_take(source);
  struct seen v = see(o);
  int token = called_map(id, &v);

  if (o.lender)
    m_unref(o.lender);
  return token;
}

static int call_error(int id, int source)
{
  return (int)(intptr_t)called_error(id, m_take(source).code);
}

static int call_plain(int id)
{
  return (int)(intptr_t)called_plain(id, EV_CALL);
}

static int settled(struct m_out o)
{
  int p = m_new(M_VALUE, 0);

  M(p)->state = o.state;
  M(p)->out = o;
  return p;
}

/* ---- Making -------------------------------------------------------------- */

static int later(enum m_kind kind, int p, int id)
{
  int node = m_new(kind, id);

  if (m_pending(p)) {
    m_hook(p, node, -1);
  } else {
    M(node)->source = p;
    m_ready(RUN_WAITER, node, -1);
  }
  return node;
}

/* The outcome waits in p for the finalizer's promise q. */
static void wait_cleanup(int p, int q, struct m_out o)
{
  M(p)->cleanup = 1;
  M(p)->out = o;
  m_hook(q, p, -1);
}

static int finalize(int p, int id)
{
  int q, node;

  if (m_pending(p) || !enter())
    return later(M_FINALIZE, p, id);
  q = call_plain(id);
  leave();
  if (!q || M(q)->state == FULFILLED) {
    if (q)
      m_unref(q), m_leave();
    return p;
  }
  if (M(q)->state == REJECTED) {
    M(p)->seen = 1;
    m_unref(p);
    m_leave();
    return q;
  }
  node = m_new(M_FINALIZE, id);
  wait_cleanup(node, q, m_take(p));
  return node;
}

static int with(int id)
{
  int q = call_plain(id), node;

  if (!m_pending(q)) {
    called_plain(id, EV_STEP);
    return q;
  }
  node = m_new(M_WITH, id);
  m_hook(q, node, -1);
  return node;
}

int m_chain(enum op op, int p, int id)
{
  static const enum m_kind kinds[] = { M_BIND, M_MAP, M_CATCH, M_TRY };
  int state, q;

  if (op == OP_WITH)
    return with(id);
  if (op == OP_FINALIZE)
    return finalize(p, id);
  state = M(p)->state;
  if (((op == OP_BIND || op == OP_MAP) && state == REJECTED) ||
      (op == OP_CATCH && state == FULFILLED))
    return p;
  if (state == PENDING || !enter())
    return later(kinds[op - OP_BIND], p, id);
  if (state == REJECTED)
    q = call_error(id, p);
  else if (op == OP_MAP)
    q = settled(m_value(call_map(id, p), 0));
  else
    q = call_value(id, p);
  leave();
  return q;
}

/* ---- Callbacks without a result ------------------------------------------ */

static void run_on(enum m_kind kind, int id, int source)
{
  struct m_out o = m_take(source);
  struct seen v;

  if (kind == M_ON_TERMINATION) {
    call_plain(id);
  } else if (o.state == REJECTED) {
    called_error(id, o.code);
  } else if (kind != M_ON_FAILURE) {
    v = see(o);
    called_value(id, &v);
    o.owned = 0;
  }
  m_end_lent(&o);
}

int m_listen(enum op op, int p, int id)
{
  enum m_kind kind = (enum m_kind)(M_ON_SUCCESS + (int)(op - OP_ON_SUCCESS));
  int node;

  if (kind == M_ON_CANCEL && !m_pending(p)) {
    if (M(p)->state == REJECTED && M(p)->out.code == E_CANCELED)
      call_plain(id);
    return 0;
  }
  if (!m_pending(p) && kind == M_ON_SUCCESS && M(p)->state == REJECTED) {
    m_unref(p);
    m_leave();
  } else if (m_pending(p) || !enter()) {
    node = later(kind, p, id);
    M(node)->refs = 0;
    M(p)->told |= kind == M_ON_CANCEL;
  } else {
    if (kind != M_ON_FAILURE || M(p)->state == REJECTED)
      run_on(kind, id, p);
    else {
      struct m_out o = m_take(p);

      m_end_lent(&o);
    }
    leave();
  }
  return 0;
}

/* ---- Becoming another promise -------------------------------------------- */

/* Only one promise waits for s, and nobody else can tell s from its source. */
static int detour(int s)
{
  struct m_promise *q = M(s);

  return q->kind == M_FORWARD && q->refs == 1 && !m_waiters(s) && !q->kill &&
         !q->shared && m_pending(q->source);
}

/* s, which has just been returned by p's callback, takes p's place: it waits as
 * p, in the place of the line where it stood. */
static int takes_place(int p, int s)
{
  struct m_promise *q = M(s);

  return q->refs == 1 && !m_waiters(s) && q->room == M(p)->room &&
         (q->kind == M_BIND || q->kind == M_MAP || q->kind == M_FORWARD ||
          q->kind == M_CATCH || q->kind == M_TRY || q->kind == M_FINALIZE) &&
         !q->running && !q->kill && !q->cleanup && !q->shared && m_pending(q->source);
}

static void killed(int p, int s)
{
  M(p)->kill = 0;
  if (m_sees_failure(p)) {
    M(p)->kind = M_FORWARD;
    m_hook(s, p, -1);
    m_sever(p, -1);
  } else {
    m_unref(s);
    m_settle(p, m_error(E_CANCELED));
  }
}

void m_become(int p, int q)
{
  struct m_hook h;
  int i;

  if (!m_pending(q)) {
    m_settle_like(p, q);
    return;
  }
  if (M(p)->kill) {
    killed(p, q);
    return;
  }
  while (detour(q)) {
    i = q;
    q = M(q)->source;
    m_unhook(i, -1);
    m_free(i);
  }
  if (M(p)->refs == 1 && m_waiters(p) == 1 && !M(p)->told) {
    /* Its only waiter waits for q itself. */
    h = model.hook[m_waiter(p)];
    m_unhook(h.p, h.e);
    m_hook(q, h.p, h.e);
    m_free(p);
  } else if (takes_place(p, q)) {
    i = m_unhook(q, -1);
    m_hook_at(i, M(q)->source, p, -1);
    M(p)->kind = M(q)->kind;
    M(p)->id = M(q)->id;
    m_free(q);
  } else {
    M(p)->kind = M_FORWARD;
    m_hook(q, p, -1);
  }
}

/* ---- From the queue ------------------------------------------------------ */

static void run_finalize(int p, int source)
{
  struct m_out o = m_take(source);
  int q;

  M(p)->running = 1;
  q = call_plain(M(p)->id);
  M(p)->running = M(p)->kill = 0;
  if (!q || M(q)->state == FULFILLED) {
    if (q)
      m_unref(q);
    m_settle(p, o);
  } else if (m_pending(q)) {
    wait_cleanup(p, q, o);
  } else {
    m_end_lent(&o);
    m_settle_like(p, q);
  }
}

static void end_cleanup(int p, int source)
{
  struct m_out o = M(p)->out;

  M(p)->cleanup = 0;
  if (M(source)->state == FULFILLED) {
    m_unref(source);
    m_settle(p, o);
  } else {
    m_end_lent(&o);
    m_settle_like(p, source);
  }
}

static void run_listener(int p, int source)
{
  enum m_kind kind = (enum m_kind)M(p)->kind;
  int id = M(p)->id;

  m_free(p);
  if (kind == M_ON_CANCEL) {
    if (M(source)->state == REJECTED && M(source)->out.code == E_CANCELED)
      call_plain(id);
    m_unref(source);
  } else if (kind == M_ON_SUCCESS && M(source)->state == REJECTED) {
    m_unref(source);
  } else if (kind == M_ON_FAILURE && M(source)->state == FULFILLED) {
    struct m_out o = m_take(source);

    m_end_lent(&o);
  } else {
    run_on(kind, id, source);
  }
}

void m_run_waiter(int p, int source)
{
  struct m_promise *q = M(p);
  int fulfilled = M(source)->state == FULFILLED, r;

  if (q->kind >= M_ON_SUCCESS) {
    run_listener(p, source);
  } else if (q->kill && !m_sees_failure(p)) {
    q->kill = 0;
    m_detach(source);
    m_settle(p, m_error(E_CANCELED));
  } else if (q->kind == M_FINALIZE) {
    (q->cleanup ? end_cleanup : run_finalize)(p, source);
  } else if (q->kind == M_MAP && fulfilled) {
    q->running = 1;
    r = call_map(q->id, source);
    q->running = q->kill = 0;
    m_settle(p, m_value(r, 0));
  } else if ((fulfilled && (q->kind == M_BIND || q->kind == M_TRY)) ||
             (!fulfilled && (q->kind == M_CATCH || q->kind == M_TRY))) {
    q->running = 1;
    r = fulfilled ? call_value(q->id, source) : call_error(q->id, source);
    q->running = 0;
    m_become(p, r);
  } else {
    if (q->kind == M_WITH)
      called_plain(q->id, EV_STEP);
    m_settle_like(p, source);
  }
}

/* ---- Frames -------------------------------------------------------------- */

static void defer(int p, int op, int id)
{
  struct m_promise *f = M(p);

  assert(f->n_deferred < DEFERRED);
  f->deferred[f->n_deferred++] = (struct m_deferred){ op, id };
}

static void replace_outcome(int p, int source)
{
  m_drop_value(&M(p)->result);
  M(p)->result = m_take_over(source);
}

static void unwind(int p)
{
  struct m_deferred d;
  int q;

  M(p)->cleanup = 1;
  while (M(p)->n_deferred) {
    d = M(p)->deferred[--M(p)->n_deferred];
    if (d.op == OP_NOTHING) {
      m_unref(d.id);
    } else if (!(q = call_plain(d.id)) || d.op == OP_DEFER) {
      continue;
    } else if (m_pending(q)) {
      m_hook(q, p, -1);
      return;
    } else if (M(q)->state == REJECTED) {
      replace_outcome(p, q);
    } else {
      m_unref(q);
      m_leave();
    }
  }
  M(p)->cleanup = 0;
  m_settle(p, M(p)->result);
}

static void receive(int p, int source)
{
  struct m_out o = m_take(source);

  if (o.lender)
    defer(p, OP_NOTHING, o.lender);
  o.lender = 0;
  M(p)->result = o;
}

/* Returns whether it has to wait. */
static int await(int p, int q)
{
  if (!m_pending(q)) {
    receive(p, q);
    return 0;
  }
  m_hook(q, p, -1);
  if (M(p)->kill) {
    M(p)->kill = 0;
    m_sever(p, -1);
  }
  return 1;
}

/* What was awaited is there.  Returns whether the frame goes on. */
static int awaited(int p)
{
  struct m_promise *f = M(p);
  struct seen v;

  if (f->becoming || (f->result.state == REJECTED && !f->catches))
    return 0;
  if (f->result.state == REJECTED) {
    frame_received(f->await, NULL, f->result.code);
  } else {
    v = see(f->result);
    frame_received(f->await, &v, 0);
  }
  M(p)->result = (struct m_out){ .state = PENDING };
  return 1;
}

static void step(int p, int go_on)
{
  struct instruction in;
  int q;

  M(p)->running = 1;
  while (go_on) {
    in = called_frame(M(p)->id);
    q = (int)(intptr_t)in.p;
    if (in.op == OP_AWAIT || in.op == OP_AWAIT_ERROR) {
      M(p)->await = in.id;
      M(p)->catches = in.op == OP_AWAIT_ERROR;
      if (await(p, q)) {
        M(p)->running = 0;
        return;
      }
      go_on = awaited(p);
    } else if (in.op == OP_DEFER || in.op == OP_DEFER_WAIT) {
      defer(p, in.op, in.id);
    } else if (in.op == OP_BECOME) {
      M(p)->becoming = M(p)->n_deferred > 0;
      if (!M(p)->becoming || await(p, q)) {
        M(p)->running = 0;
        if (!M(p)->becoming)
          m_become(p, q);
        return;
      }
      go_on = 0;
    } else {
      M(p)->result = in.op == OP_THROW ? m_error(in.token)
                     : in.op == OP_FINISH ? m_value(in.token, in.owned) : m_value(0, 0);
      go_on = 0;
    }
  }
  M(p)->running = 0;
  unwind(p);
}

int m_go(int id)
{
  int p = m_new(M_FRAME, id);

  M(p)->room = 100;
  M(p)->refs++;
  model.depth++;
  step(p, 1);
  leave();
  M(p)->refs--;
  return p;
}

void m_run_frame(int p, int source)
{
  if (!M(p)->cleanup) {
    receive(p, source);
    step(p, awaited(p));
    return;
  }
  if (M(source)->state == REJECTED)
    replace_outcome(p, source);
  else
    m_unref(source);
  unwind(p);
}
