/* interpret.c - execute a random program in a world; write down what happens.
 * SPDX-License-Identifier: ISC
 *
 * A statement whose variables hold nothing, or a value of the wrong type, is
 * passed over.  Ages keep promises from waiting for themselves: a promise waits
 * only for those of a lower age.
 */
#include "program.h"

#include <stdio.h>
#include <string.h>

enum { ERROR_IO = -5, ERROR_CANCELED = -125, AGE_FRAME = 200, LATER = 1000 };
enum { ROUNDS = 2 * STATEMENTS + 2 };

struct variable {
  handle h;
  enum type type;
  int age, live, state, token;
};

static struct {
  const struct program *p;
  const struct world *w;
  struct history *h;
  struct variable var[STATEMENTS];
  uint8_t done[STATEMENTS];       /* the statement was executed */
  enum type type[STATEMENTS];     /* of its input */
  int age[STATEMENTS];            /* of what its callback returns: below this */
  uint8_t pc[STATEMENTS];         /* of a frame */
  size_t happened;
} now;

/* ---- What happens -------------------------------------------------------- */

void happened(enum event_kind what, int id, int a, int b)
{
  struct history *h = now.h;

  now.happened++;
  if (h->n < EVENTS)
    h->e[h->n++] = (struct event){ (int16_t)what, (int16_t)id, (int16_t)a, (int16_t)b };
}

void token_dropped(int token)
{
  now.h->drops[token]++;
}

void allocation_failed(void)
{
  if (now.h && now.h->first_fault == SIZE_MAX)
    now.h->first_fault = now.h->n;
}

enum type type_of_input(int id)
{
  return now.type[id];
}

static void see(int id, const struct seen *v)
{
  int i;

  happened(EV_VALUE, id, v->n, v->pending);
  for (i = 0; i < v->n; i++) {
    if (v->type == TOKEN)
      now.h->taken[v->token[i]]++;
    happened(EV_ELEMENT, id, v->token[i], v->owned[i]);
  }
}

/* The states of all variables that have changed. */
static void look_around(void)
{
  struct variable *v;
  int state, token;

  for (v = now.var; v < now.var + now.p->n; v++) {
    if (!v->live)
      continue;
    token = 0;
    state = now.w->state(v->h, v->type, &token);
    if (state == v->state && token == v->token)
      continue;
    v->state = state;
    v->token = token;
    happened(EV_STATE, (int)(v - now.var), state, token);
  }
}

void event_print(const struct event *e)
{
  static const char *const text[] = {
    "nothing", "statement", "returned", "p%d is", "value of", "with", "error of",
    "callback", "finished", "stop", "lost", "end"
  };

  printf("# ");
  printf(e->what == EV_STATE ? text[EV_STATE] : "%2$s %1$d", e->id, text[e->what]);
  if (e->what == EV_STATE)
    printf(" %s", e->a == 0 ? "pending" : e->a == 1 ? "fulfilled" : "rejected");
  printf(": %d %d\n", e->a, e->b);
}

/* ---- Variables ----------------------------------------------------------- */

static void make(size_t id, handle h, enum type type, int age)
{
  now.var[id] = (struct variable){ h, type, age, 1, -1, 0 };
}

static handle take(int id)
{
  now.var[id].live = 0;
  return now.var[id].h;
}

static int has(int id, int age, int tokens_only)
{
  const struct variable *v = &now.var[id];

  return v->live && v->age < age && (!tokens_only || v->type == TOKEN);
}

static int token_of(size_t id)
{
  if (now.p->s[id].arg & 1)
    now.h->made[id + 1] = 1;
  return (int)id + 1;
}

static int code_of(const struct statement *s)
{
  return s->arg & 3 ? ERROR_IO : ERROR_CANCELED;
}

/* ---- Statements ---------------------------------------------------------- */

static size_t execute(size_t id);

static void body(int id)
{
  size_t i = (size_t)id + 1;

  while (i < now.p->s[id].end)
    i = execute(i);
}

static void chain(size_t id, const struct statement *s)
{
  const struct variable *v = &now.var[s->in[0]];
  int age;

  if (s->op == OP_WITH) {
    now.age[id] = AGE_FRAME;
    make(id, now.w->chain(OP_WITH, NULL, (int)id), TOKEN, AGE_FRAME);
    return;
  }
  if (s->op == OP_CATCH && v->type != TOKEN)
    return;
  age = v->age + 1 + s->arg / 8 % 8;
  now.type[id] = v->type;
  now.age[id] = age;
  now.h->due[id] = s->op == OP_FINALIZE;
  make(id, now.w->chain(s->op, take(s->in[0]), (int)id),
       s->op == OP_FINALIZE ? now.type[id] : TOKEN, age);
}

static void shield(size_t id, const struct statement *s)
{
  struct variable v = now.var[s->in[0]];

  make(id, now.w->shield(s->op, take(s->in[0]), s->arg % 8u), v.type, v.age + 1);
}

static void group(size_t id, const struct statement *s)
{
  handle ps[INPUTS];
  enum type type = TOKEN;
  int n = 0, i, age = 0;

  for (i = 0; i < s->n; i++)
    if (has(s->in[i], INT16_MAX, 1)) {
      age = now.var[s->in[i]].age > age ? now.var[s->in[i]].age : age;
      ps[n++] = take(s->in[i]);
    }
  if (s->op == OP_BOTH && n == 1)
    ps[n++] = now.w->ref(ps[0]);
  if (n == 0 && s->op != OP_JOIN && s->op != OP_ALL)
    return;
  if (s->op == OP_SPLIT)
    type = SPLIT;
  else if (s->op == OP_ALL || s->op == OP_BOTH || s->op == OP_NCHOOSE ||
           s->op == OP_NPICK)
    type = VEC;
  make(id, now.w->group(s->op, n, ps), type, age + 1);
}

static void leaf(size_t id, const struct statement *s)
{
  if (s->op == OP_RETURN)
    make(id, now.w->give(token_of(id), s->arg & 1), TOKEN, 0);
  else if (s->op == OP_FAIL)
    make(id, now.w->fail(code_of(s)), TOKEN, 0);
  else
    make(id, now.w->leaf(s->op, (int)id, s->arg % 8u), TOKEN, 0);
}

static void settle(size_t id, const struct statement *s)
{
  int code = 0;

  if (!now.done[s->in[0]] || !op_resolver(now.p->s[s->in[0]].op))
    return;
  if (s->op == OP_UNWANTED) {
    code = now.w->unwanted(s->in[0]);
  } else if (s->op == OP_FULFILL) {
    code = now.w->fulfill(s->in[0], token_of(id), s->arg & 1);
    if (code)
      now.h->made[id + 1] = 0;
  } else {
    code = now.w->reject(s->in[0], s->op == OP_ABANDON ? 0 : code_of(s));
  }
  happened(EV_CODE, (int)id, code, 0);
}

static void on_promise(size_t id, const struct statement *s)
{
  struct variable *v = &now.var[s->in[0]];

  switch (s->op) {
  case OP_REF:
    if (v->type == TOKEN)
      make(id, now.w->ref(v->h), TOKEN, v->age);
    break;
  case OP_ON_CANCEL:
    now.w->listen(OP_ON_CANCEL, v->h, (int)id);
    break;
  case OP_CANCEL:
    now.w->cancel(v->h);
    break;
  case OP_LOOK:
    happened(EV_ERROR, (int)id, now.w->error(v->h), 0);
    break;
  case OP_DROP:
    now.w->drop(take(s->in[0]));
    break;
  case OP_ASYNC:
    now.w->async(take(s->in[0]));
    break;
  default:
    now.type[id] = v->type;
    now.w->listen(s->op, take(s->in[0]), (int)id);
  }
}

/* Returns the next statement. */
static size_t execute(size_t id)
{
  const struct statement *s = &now.p->s[id];

  if (s->skip || s->op == OP_NOTHING || now.done[id])
    return s->end;
  if (s->n && !op_groups(s->op) && !(s->op >= OP_FULFILL && s->op <= OP_UNWANTED) &&
      !now.var[s->in[0]].live)
    return s->end;
  now.done[id] = 1;
  happened(EV_STATEMENT, (int)id, 0, 0);
  if (s->op <= OP_TIMEOUT)
    leaf(id, s);
  else if (op_chains(s->op))
    chain(id, s);
  else if (s->op <= OP_WITH_TIMEOUT)
    shield(id, s);
  else if (s->op == OP_GO) {
    now.pc[id] = (uint8_t)(id + 1);
    make(id, now.w->go((int)id), TOKEN, AGE_FRAME);
  } else if (op_groups(s->op))
    group(id, s);
  else if (s->op >= OP_FULFILL && s->op <= OP_UNWANTED)
    settle(id, s);
  else if (s->op == OP_RUN)
    now.w->run(s->arg % 8u);
  else
    on_promise(id, s);
  look_around();
  return s->end;
}

/* ---- Callbacks ----------------------------------------------------------- */

static void called(int id)
{
  now.h->calls[id]++;
  happened(EV_CALL, id, 0, 0);
  body(id);
}

/* What the callback returns. */
static handle give(int id)
{
  const struct statement *s = &now.p->s[id];

  if (s->give >= 0 && has(s->give, now.age[id], 1))
    return take(s->give);
  if (s->give == GIVE_ERROR || s->give == GIVE_CANCELED)
    return now.w->fail(s->give == GIVE_ERROR ? ERROR_IO : ERROR_CANCELED);
  if (s->give == GIVE_NULL && (s->op == OP_FINALIZE || s->op == OP_DEFER_WAIT))
    return NULL;
  return now.w->give(token_of((size_t)id), s->arg & 1);
}

handle called_value(int id, const struct seen *v)
{
  see(id, v);
  called(id);
  return op_gives(now.p->s[id].op) ? give(id) : NULL;
}

int called_map(int id, const struct seen *v)
{
  see(id, v);
  called(id);
  return id + 1;
}

handle called_error(int id, int code)
{
  happened(EV_ERROR, id, code, 0);
  called(id);
  return op_gives(now.p->s[id].op) ? give(id) : NULL;
}

handle called_plain(int id, enum event_kind what)
{
  if (what != EV_CALL)
    happened(what, id, 0, 0);
  if (what == EV_STEP)
    return NULL;
  called(id);
  return op_gives(now.p->s[id].op) ? give(id) : NULL;
}

/* ---- Frames -------------------------------------------------------------- */

static int instruction(size_t id, int age, struct instruction *in)
{
  const struct statement *s = &now.p->s[id];

  if (s->skip)
    return 0;
  if (s->op == OP_AWAIT || s->op == OP_AWAIT_ERROR || s->op == OP_BECOME) {
    if (!has(s->in[0], age, s->op == OP_BECOME))
      return 0;
    now.type[id] = now.var[s->in[0]].type;
    in->p = take(s->in[0]);
  } else if (s->op == OP_FINISH) {
    in->token = token_of(id);
    in->owned = s->arg & 1;
  } else if (s->op == OP_THROW) {
    in->token = code_of(s);
  } else {
    now.h->due[id] = 1;
    now.age[id] = age;
  }
  in->op = (enum op)s->op;
  in->id = (int)id;
  happened(EV_STATEMENT, (int)id, 0, 0);
  return 1;
}

struct instruction called_frame(int id)
{
  struct instruction in = { .op = OP_NOTHING };
  const struct statement *frame = &now.p->s[id];
  size_t i;

  while ((i = now.pc[id]) < frame->end) {
    now.pc[id] = now.p->s[i].end;
    if (now.p->s[i].op < OP_AWAIT)
      execute(i);
    else if (instruction(i, AGE_FRAME, &in))
      break;
  }
  return in;
}

void frame_received(int id, const struct seen *v, int code)
{
  if (code)
    happened(EV_ERROR, id, code, 0);
  else
    see(id, v);
}

/* ---- A program ----------------------------------------------------------- */

/* Settle and drop all there is, and what its callbacks make. */
static void finish(void)
{
  size_t i, before;
  int round, quiet = 0;

  for (round = 0; round < ROUNDS && quiet < 2; round++) {
    before = now.happened;
    quiet++;
    for (i = 0; i < now.p->n; i++) {
      if (now.var[i].live) {
        now.w->drop(take((int)i));
        quiet = 0;
      }
      if (now.done[i] && op_resolver(now.p->s[i].op))
        now.w->reject((int)i, 0);
    }
    now.w->run(LATER);
    if (now.happened != before)
      quiet = 0;
  }
}

void interpret(const struct program *p, const struct world *w, struct history *h)
{
  size_t i;

  memset(&now, 0, sizeof now);
  memset(h, 0, sizeof h->n);
  memset(h->drops, 0, sizeof *h - offsetof(struct history, drops));
  h->n = 0;
  h->first_fault = SIZE_MAX;
  now.p = p;
  now.w = w;
  now.h = h;
  w->begin(p->seed);
  for (i = 0; i < p->n;)
    i = execute(i);
  happened(EV_END, 0, 0, 0);
  finish();
  h->left = w->end();
}
