/* world-model.c - the model as a world of random programs.
 * SPDX-License-Identifier: ISC
 */
#include "model.h"

#include <string.h>

static int number(handle p)
{
  return (int)(intptr_t)p;
}

static handle promise(int p)
{
  return (handle)(intptr_t)p;
}

static void begin(uint64_t seed)
{
  memset((char *)&model + offsetof(struct model, leaf), 0,
         sizeof model - offsetof(struct model, leaf));
  model.hooks = model.first = model.last = model.n_paused = model.n_dead = 0;
  model.random = seed * 2 + 1;
  model.n = CANCELED;
  m_new(M_VALUE, 0);
  M(CANCELED)->state = REJECTED;
  M(CANCELED)->out = m_error(E_CANCELED);
  m_new(M_VALUE, 0);
  M(UNIT)->state = FULFILLED;
  M(UNIT)->out = m_value(0, 0);
}

static size_t end(void)
{
  size_t left = 0;
  int i;

  for (i = IMMORTALS; i < model.n; i++)
    left += !model.p[i].freed;
  return left;
}

static handle settled(struct m_out o)
{
  int p = m_new(M_VALUE, 0);

  M(p)->state = o.state;
  M(p)->out = o;
  return promise(p);
}

static handle give(int token, int owned)
{
  return settled(m_value(token, owned));
}

static handle fail(int code)
{
  return settled(m_error(code));
}

static int timer(unsigned duration, int code)
{
  int p = m_new(M_TIMER, code);

  M(p)->deadline = model.time + duration;
  M(p)->timing = 1;
  return p;
}

static handle leaf(enum op op, int id, unsigned duration)
{
  int p;

  if (op == OP_SLEEP || op == OP_TIMEOUT)
    return promise(timer(duration, op == OP_TIMEOUT ? E_TIMEDOUT : 0));
  if (op == OP_PAUSE) {
    p = model.paused[model.n_paused++] = m_new(M_PAUSE, 0);
    return promise(p);
  }
  p = model.leaf[id] = m_new(M_LEAF, id);
  M(p)->resolver = 1;
  M(p)->cancelable = op != OP_WAIT;
  M(p)->stop = op == OP_TASK_OP;
  return promise(p);
}

static handle chain(enum op op, handle p, int id)
{
  return promise(m_chain(op, number(p), id));
}

static handle shield(enum op op, handle p, unsigned duration)
{
  static const enum m_kind kinds[] = { M_PROTECTED, M_NO_CANCEL, M_WRAP };

  if (op != OP_WITH_TIMEOUT)
    return promise(m_shield(kinds[op - OP_PROTECTED], number(p)));
  if (!m_pending(number(p)))
    return p;
  return promise(m_group_new(OP_PICK, 2,
                             (handle[]){ promise(timer(duration, E_TIMEDOUT)), p }));
}

static handle ref(handle p)
{
  M(number(p))->refs++;
  M(number(p))->shared = 1;
  return p;
}

static handle go(int id)
{
  return promise(m_go(id));
}

static handle group(enum op op, int n, handle ps[])
{
  return promise(m_group_new(op, n, ps));
}

static void listen(enum op op, handle p, int id)
{
  m_listen(op, number(p), id);
}

/* The promise of a resolver, which is empty afterwards.  0, and *code is what
 * the caller returns, if it is empty or the promise was cancelled. */
static int resolve(int id, int *code)
{
  int p = model.leaf[id];

  *code = p ? 0 : E_ALREADY;
  if (!p)
    return 0;
  model.leaf[id] = 0;
  M(p)->resolver = 0;
  if (m_pending(p)) {
    M(p)->stop = 0;
    return p;
  }
  if (M(p)->refs == 0)
    m_unowned(p);
  return 0;
}

static int fulfill(int id, int token, int owned)
{
  struct m_out o = m_value(token, owned);
  int code, p = resolve(id, &code);

  if (p) {
    m_settle(p, o);
    m_leave();
  } else if (code == 0) {
    m_drop_value(&o);
  }
  return code;
}

static int reject(int id, int error)
{
  int code, p = resolve(id, &code);

  if (p) {
    m_settle(p, m_error(error ? error : E_PIPE));
    m_leave();
  }
  return error ? code : 0;
}

static int unwanted(int id)
{
  int p = model.leaf[id];

  return !p || !m_pending(p) || M(p)->dropped;
}

static void cancel(handle p)
{
  if (!m_pending(number(p)))
    return;
  m_cancel(number(p));
  m_leave();
}

static void drop(handle p)
{
  m_unref(number(p));
  m_leave();
}

static void async(handle p)
{
  struct m_promise *q = M(number(p));

  if (q->state == PENDING) {
    q->async = 1;
    q->refs--;
    return;
  }
  drop(p);
}

static int state(handle p, enum type type, int *token)
{
  const struct m_promise *q = M(number(p));

  if (type == TOKEN && q->state == FULFILLED)
    *token = q->out.token;
  return q->state;
}

static int error(handle p)
{
  struct m_promise *q = M(number(p));

  if (q->state != REJECTED)
    return 0;
  q->seen = 1;
  return q->out.code;
}

/* ---- Time ---------------------------------------------------------------- */

static void run_paused(void)
{
  int paused[PROMISES], n = model.n_paused, i;

  memcpy(paused, model.paused, sizeof paused);
  model.n_paused = 0;
  for (i = 0; i < n; i++)
    m_settle(paused[i], m_value(0, 0));
}

/* The timers of the earliest deadline that has passed. */
static int run_timers(void)
{
  uint64_t first = UINT64_MAX;
  int i, n = model.n;

  for (i = IMMORTALS; i < n; i++)
    if (model.p[i].timing && model.p[i].deadline < first)
      first = model.p[i].deadline;
  if (first > model.time)
    return 0;
  for (i = IMMORTALS; i < n; i++)
    if (model.p[i].timing && model.p[i].deadline == first) {
      M(i)->timing = 0;
      m_settle(i, M(i)->id ? m_error(M(i)->id) : m_value(0, 0));
    }
  m_leave();
  return first < model.time;
}

static void run(unsigned time)
{
  model.time += time;
  m_leave();
  run_paused();
  m_leave();
  while (run_timers())
    ;
}

const struct world world_model = {
  "model", begin, end, give, fail, leaf, chain, shield, ref, go, group, listen, fulfill,
  reject, unwanted, cancel, drop, async, state, error, run
};
