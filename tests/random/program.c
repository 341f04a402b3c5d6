/* program.c - random programs: from bytes, as text, made shorter.
 * SPDX-License-Identifier: ISC
 */
#include "program.h"

#include <stdio.h>
#include <string.h>

/* ---- From bytes ---------------------------------------------------------- */

enum { NESTED = 4 };

struct maker {
  struct program *p;
  const uint8_t *data, *end;
  uint8_t free[STATEMENTS]; /* variables that no earlier line takes */
  size_t frees;
  uint8_t resolvers[STATEMENTS];
  size_t n_resolvers;
};

static unsigned take(struct maker *m, unsigned n)
{
  return m->data < m->end ? *m->data++ % n : 0;
}

/* Pending promises have the most to show: few are made settled. */
static const struct {
  uint8_t op, weight;
} common[] = {
  { OP_RETURN, 2 }, { OP_FAIL, 1 }, { OP_WAIT, 4 }, { OP_TASK, 8 }, { OP_TASK_OP, 4 },
  { OP_PAUSE, 2 }, { OP_SLEEP, 2 }, { OP_TIMEOUT, 1 }, { OP_BIND, 12 }, { OP_MAP, 3 },
  { OP_CATCH, 7 }, { OP_TRY, 6 }, { OP_FINALIZE, 7 }, { OP_WITH, 2 },
  { OP_PROTECTED, 2 }, { OP_NO_CANCEL, 2 }, { OP_WRAP, 2 }, { OP_WITH_TIMEOUT, 2 },
  { OP_REF, 14 }, { OP_GO, 7 }, { OP_JOIN, 3 }, { OP_ALL, 3 }, { OP_BOTH, 2 },
  { OP_CHOOSE, 3 }, { OP_PICK, 5 }, { OP_NCHOOSE, 2 }, { OP_NPICK, 3 }, { OP_SPLIT, 2 },
  { OP_ON_SUCCESS, 1 }, { OP_ON_FAILURE, 1 }, { OP_ON_TERMINATION, 1 }, { OP_ON_ANY, 1 },
  { OP_ON_CANCEL, 6 }, { OP_FULFILL, 16 }, { OP_REJECT, 7 }, { OP_ABANDON, 2 },
  { OP_UNWANTED, 1 }, { OP_CANCEL, 16 }, { OP_DROP, 13 }, { OP_ASYNC, 2 }, { OP_LOOK, 1 },
  { OP_RUN, 6 }
};

static uint8_t any_op(unsigned chance)
{
  unsigned sum = 0, i;

  for (i = 0; i < sizeof common / sizeof common[0]; i++)
    sum += common[i].weight;
  chance %= sum;
  for (i = 0; chance >= common[i].weight; i++)
    chance -= common[i].weight;
  return common[i].op;
}

static const uint8_t of_frame[] = {
  OP_AWAIT, OP_AWAIT, OP_AWAIT, OP_AWAIT_ERROR, OP_AWAIT_ERROR, OP_DEFER, OP_DEFER_WAIT,
  OP_FINISH, OP_THROW, OP_BECOME
};

/* A free variable, which stays free if keep is set; -1: there is none. */
static int variable(struct maker *m, int keep)
{
  size_t i;
  int v;

  if (m->frees == 0)
    return -1;
  i = m->frees - 1 - take(m, 8) % m->frees;
  v = m->free[i];
  if (!keep) {
    memmove(m->free + i, m->free + i + 1, m->frees - i - 1);
    m->frees--;
  }
  return v;
}

static void block(struct maker *m, unsigned count, int nested, int frame);

static int inputs(struct maker *m, struct statement *s)
{
  int keep = s->op == OP_REF || s->op == OP_CANCEL || s->op == OP_LOOK ||
             s->op == OP_ON_CANCEL;
  unsigned n = 1, i;
  int v;

  if (s->op >= OP_FULFILL && s->op <= OP_UNWANTED) {
    if (!m->n_resolvers)
      return 0;
    s->in[0] = m->resolvers[m->n_resolvers - 1 - take(m, 8) % m->n_resolvers];
    s->n = 1;
    return 1;
  }
  if (s->op == OP_BOTH)
    n = 2;
  else if (op_groups(s->op))
    n = 1 + take(m, INPUTS);
  else if ((s->op >= OP_RETURN && s->op <= OP_TIMEOUT) || s->op == OP_GO ||
           s->op == OP_WITH || s->op == OP_RUN ||
           (s->op >= OP_DEFER && s->op <= OP_THROW))
    n = 0;
  for (i = 0; i < n && (v = variable(m, keep)) >= 0; i++)
    s->in[s->n++] = (uint8_t)v;
  return s->op == OP_BOTH ? s->n == 2 : s->n > 0 || n == 0;
}

static void statement(struct maker *m, int nested, int frame)
{
  size_t id = m->p->n;
  struct statement *s = &m->p->s[id];
  int v;

  memset(s, 0, sizeof *s);
  if (frame && take(m, 2))
    s->op = of_frame[take(m, sizeof of_frame)];
  else
    s->op = any_op(take(m, 256));
  if (!inputs(m, s) || (s->op == OP_RUN && nested))
    s->op = OP_TASK, s->n = 0;
  s->arg = (uint8_t)take(m, 256);
  m->p->n++;
  if (op_has_body(s->op) && nested < NESTED)
    block(m, take(m, s->op == OP_GO ? 6 : 4), nested + 1, s->op == OP_GO);
  s->end = (uint8_t)m->p->n;
  if (op_gives(s->op)) {
    s->give = (int16_t)(-1 - (int)take(m, 8));
    if (s->op == OP_WITH || s->give < GIVE_NULL)
      s->give = (v = variable(m, 0)) >= 0 ? (int16_t)v : GIVE_VALUE;
  }
  if (op_resolver(s->op))
    m->resolvers[m->n_resolvers++] = (uint8_t)id;
  if (op_makes(s->op))
    m->free[m->frees++] = (uint8_t)id;
}

static void block(struct maker *m, unsigned count, int nested, int frame)
{
  while (count-- > 0 && m->data < m->end && m->p->n < STATEMENTS)
    statement(m, nested, frame);
}

void program_make(struct program *p, const uint8_t *data, size_t len)
{
  struct maker m = { .p = p, .data = data, .end = data + len };

  p->n = 0;
  p->seed = take(&m, 256);
  block(&m, STATEMENTS, 0, 0);
}

/* ---- As text ------------------------------------------------------------- */

static const char *const names[OPS] = {
  "", "lwt_return", "lwt_fail", "lwt_wait", "lwt_task", "lwt_task_op", "lwt_pause",
  "lwt_sleep", "lwt_timeout", "lwt_bind", "lwt_map", "lwt_catch", "lwt_try_bind",
  "lwt_finalize", "lwt_with", "lwt_protected", "lwt_no_cancel",
  "lwt_wrap_in_cancelable", "lwt_with_timeout", "lwt_ref", "LWT_GO", "lwt_join",
  "lwt_all", "lwt_both", "lwt_choose", "lwt_pick", "lwt_nchoose", "lwt_npick",
  "lwt_nchoose_split", "lwt_on_success", "lwt_on_failure", "lwt_on_termination",
  "lwt_on_any", "lwt_on_cancel", "lwt_fulfill", "lwt_reject", "lwt_abandon",
  "lwt_unwanted", "lwt_cancel", "lwt_drop", "lwt_async", "lwt_error", "run",
  "lwt_await", "lwt_await_error", "lwt_defer", "lwt_defer", "lwt_finish", "lwt_throw",
  "lwt_become"
};

static void print_arguments(const struct statement *s, size_t id)
{
  const char *comma = "";
  unsigned i;

  for (i = 0; i < s->n; i++, comma = ", ")
    printf("%s%c%u", comma, s->op >= OP_FULFILL && s->op <= OP_UNWANTED ? 'r' : 'p',
           s->in[i]);
  if (op_resolver(s->op))
    printf("&r%zu", id);
  else if (s->op == OP_RETURN || s->op == OP_FULFILL || s->op == OP_FINISH)
    printf("%s%s%zu", comma, s->arg & 1 ? "owned " : "", id + 1);
  else if (s->op == OP_FAIL || s->op == OP_REJECT || s->op == OP_THROW)
    printf("%s%s", comma, s->arg & 3 ? "LWT_EIO" : "LWT_ECANCELED");
  else if (s->op == OP_SLEEP || s->op == OP_TIMEOUT || s->op == OP_WITH_TIMEOUT)
    printf("%s%u", comma, s->arg % 8u);
  else if (s->op == OP_RUN)
    printf("until %u later", s->arg % 8u);
}

static void print_give(const struct statement *s, size_t id)
{
  if (s->give >= 0)
    printf("return p%d;", s->give);
  else if (s->give == GIVE_VALUE)
    printf("return %s%zu;", s->arg & 1 ? "owned " : "", id + 1);
  else
    printf("return %s;", s->give == GIVE_NULL ? "NULL"
                         : s->give == GIVE_ERROR ? "lwt_fail(LWT_EIO)"
                                                 : "lwt_fail(LWT_ECANCELED)");
}

static size_t print_one(const struct program *p, size_t id, int indent)
{
  const struct statement *s = &p->s[id];
  size_t i;

  if (s->skip)
    return s->end;
  printf("#%*s", 2 * indent + 1, "");
  if (op_makes(s->op))
    printf("p%zu = ", id);
  printf("%s(", names[s->op]);
  print_arguments(s, id);
  if (op_has_body(s->op)) {
    printf("%s{ /* callback %zu */\n", s->n || op_resolver(s->op) ? ", " : "", id);
    for (i = id + 1; i < s->end;)
      i = print_one(p, i, indent + 1);
    if (op_gives(s->op)) {
      printf("#%*s", 2 * indent + 3, "");
      print_give(s, id);
      printf("\n");
    }
    printf("#%*s});\n", 2 * indent + 1, "");
  } else {
    printf(");%s\n", s->op >= OP_AWAIT ? " /* of the frame */" : "");
  }
  return s->end;
}

void program_print(const struct program *p)
{
  size_t i;

  printf("# lwt_seed(%u);\n", (unsigned)p->seed);
  for (i = 0; i < p->n;)
    i = print_one(p, i, 0);
}

/* ---- Shorter ------------------------------------------------------------- */

void program_shrink(struct program *p, int (*fails)(void *, const struct program *),
                    void *env)
{
  size_t i;
  int again = 1, give;

  while (again) {
    again = 0;
    for (i = p->n; i-- > 0;) {
      struct statement *s = &p->s[i];

      if (!s->skip) {
        s->skip = 1;
        if (fails(env, p)) {
          again = 1;
          continue;
        }
        s->skip = 0;
      }
      give = s->give;
      if (!s->skip && op_gives(s->op) && s->op != OP_WITH && give != GIVE_VALUE) {
        s->give = GIVE_VALUE;
        if (fails(env, p))
          again = 1;
        else
          s->give = (int16_t)give;
      }
    }
  }
}
