/* world-lwt.c - the library as a world of random programs.
 * SPDX-License-Identifier: ISC
 */
#include "program.h"

#include <lwt.h>
#include <lwt/engine.h>
#include <stdlib.h>
#include <string.h>

/* Timers of one of the wheel's lowest slots may settle together: so far apart,
 * each slot is one deadline. */
#define UNIT ((uint64_t)1 << 24)

static struct {
  struct lwt_virtual engine;
  struct lwt_resolver resolver[STATEMENTS];
  unsigned faults;
  uint64_t random;
  size_t failed, balance;
} it;

/* ---- Memory -------------------------------------------------------------- */

static unsigned below(unsigned n)
{
  it.random ^= it.random << 13;
  it.random ^= it.random >> 7;
  it.random ^= it.random << 17;
  return (unsigned)(it.random >> 33) % n;
}

static void *alloc(size_t size)
{
  void *p;

  if (it.faults && below(it.faults) == 0) {
    it.failed++;
    allocation_failed();
    return NULL;
  }
  p = malloc(size);
  it.balance += p != NULL;
  return p;
}

static void release(void *p)
{
  it.balance -= p != NULL;
  free(p);
}

void world_lwt_faults(unsigned one_in, uint64_t seed)
{
  it.faults = one_in;
  it.random = seed * 0x9e3779b97f4a7c15u + 1;
}

size_t world_lwt_failed(void)
{
  return it.failed;
}

/* ---- Values -------------------------------------------------------------- */

static void *word(int n)
{
  return (void *)(intptr_t)n;
}

static int number(void *p)
{
  return (int)(intptr_t)p;
}

static void drop_token(void *token)
{
  token_dropped(number(token));
}

/* What a callback sees; what it would free is freed. */
static struct seen receive(int id, void *value)
{
  struct seen v = { .type = type_of_input(id) };
  struct lwt_split *split = v.type == SPLIT ? value : NULL;
  struct lwt_vec *vec = split ? split->done : value;
  size_t i;

  if (v.type == TOKEN) {
    v.n = 1;
    v.token[0] = number(value);
    return v;
  }
  v.n = (int)vec->n;
  for (i = 0; i < vec->n; i++) {
    v.token[i] = number(vec->v[i].value);
    v.owned[i] = vec->v[i].drop != NULL;
  }
  v.pending = split ? (int)split->n : 0;
  if (split)
    lwt_split_free(split);
  else
    lwt_vec_free(vec);
  return v;
}

/* ---- Callbacks ----------------------------------------------------------- */

static lwt_t *on_bind(void *env, void *value)
{
  struct seen v = receive(number(env), value);

  return called_value(number(env), &v);
}

static void *on_map(void *env, void *value)
{
  struct seen v = receive(number(env), value);

  return word(called_map(number(env), &v));
}

static lwt_t *on_catch(void *env, struct lwt_error error)
{
  return called_error(number(env), error.code);
}

static lwt_t *on_finalize(void *env)
{
  return called_plain(number(env), EV_CALL);
}

static lwt_t *on_with(void *env, void *arg)
{
  *(int *)env = number(arg);
  return called_plain(number(arg), EV_CALL);
}

static void on_fini(void *env)
{
  called_plain(*(int *)env, EV_STEP);
}

static void on_value(void *env, void *value)
{
  struct seen v = receive(number(env), value);

  called_value(number(env), &v);
}

static void on_error(void *env, struct lwt_error error)
{
  called_error(number(env), error.code);
}

static void on_call(void *env)
{
  called_plain(number(env), EV_CALL);
}

static void on_stop(void *env)
{
  called_plain(number(env), EV_STOP);
}

static void on_lost(struct lwt_error error, const char *where)
{
  (void)where;
  happened(EV_LOST, 0, error.code, 0);
}

/* ---- Frames -------------------------------------------------------------- */

struct thread_of {
  struct lwt_frame frame;
  int id;
  struct instruction in;
  void *value;
  struct lwt_error error;
};

static lwt_t *deferred(void *env)
{
  return called_plain(number(env), EV_CALL);
}

LWT_STEP thread_step(struct lwt_frame *frame)
{
  struct thread_of *t = (struct thread_of *)frame;
  struct seen v;

  lwt_begin(t);
  for (;;) {
    t->in = called_frame(t->id);
    if (t->in.op == OP_AWAIT) {
      lwt_await(t, &t->value, (lwt_t *)t->in.p);
      v = receive(t->in.id, t->value);
      frame_received(t->in.id, &v, 0);
    } else if (t->in.op == OP_AWAIT_ERROR) {
      lwt_await_error(t, &t->error, &t->value, (lwt_t *)t->in.p);
      if (t->error.code == 0)
        v = receive(t->in.id, t->value);
      frame_received(t->in.id, &v, t->error.code);
    } else if (t->in.op == OP_DEFER) {
      lwt_defer(t, on_call, word(t->in.id));
    } else if (t->in.op == OP_DEFER_WAIT) {
      lwt_defer(t, deferred, word(t->in.id));
    } else if (t->in.op == OP_FINISH) {
      lwt_finish_owned(t, word(t->in.token), t->in.owned ? drop_token : NULL);
    } else if (t->in.op == OP_THROW) {
      lwt_throw(t, t->in.token, "thrown");
    } else if (t->in.op == OP_BECOME) {
      lwt_become(t, (lwt_t *)t->in.p);
    } else {
      break;
    }
  }
  lwt_end(t);
}

static handle go(int id)
{
  return LWT_GO(struct thread_of, thread_step, .id = id);
}

/* ---- The world ----------------------------------------------------------- */

static void begin(uint64_t seed)
{
  size_t balance = it.balance;
  unsigned faults = it.faults;
  uint64_t random = it.random;

  memset(&it, 0, sizeof it);
  it.balance = balance;
  it.faults = faults;
  it.random = random;
  lwt_set_allocator(alloc, release);
  lwt_virtual_init(&it.engine);
  lwt_set_engine(&it.engine.engine);
  lwt_on_lost(on_lost);
  lwt_seed(seed);
}

static size_t end(void)
{
  size_t left = lwt_live() + lwt_timers();

  if (left == 0 && (lwt_cleanup() || it.balance))
    return 1000 + it.balance;
  return left;
}

static handle give(int token, int owned)
{
  return owned ? lwt_return_owned(word(token), drop_token) : lwt_return(word(token));
}

static handle fail(int code)
{
  return lwt_fail(code, "made");
}

static handle leaf(enum op op, int id, unsigned duration)
{
  struct lwt_resolver *r = &it.resolver[id];

  return op == OP_WAIT      ? lwt_wait(r)
         : op == OP_TASK    ? lwt_task(r)
         : op == OP_TASK_OP ? lwt_task_op(r, on_stop, word(id))
         : op == OP_PAUSE   ? lwt_pause()
         : op == OP_SLEEP   ? lwt_sleep(duration * UNIT)
                            : lwt_timeout(duration * UNIT);
}

static handle chain(enum op op, handle p, int id)
{
  void *env = word(id);

  return op == OP_BIND       ? lwt_bind(p, on_bind, env)
         : op == OP_MAP      ? lwt_map(p, on_map, env)
         : op == OP_CATCH    ? lwt_catch(p, on_catch, env)
         : op == OP_TRY      ? lwt_try_bind(p, on_bind, on_catch, env)
         : op == OP_FINALIZE ? lwt_finalize(p, on_finalize, env)
                             : lwt_with(sizeof(int), on_with, env, on_fini);
}

static handle shield(enum op op, handle p, unsigned duration)
{
  return op == OP_PROTECTED   ? lwt_protected(p)
         : op == OP_NO_CANCEL ? lwt_no_cancel(p)
         : op == OP_WRAP      ? lwt_wrap_in_cancelable(p)
                              : lwt_with_timeout(duration * UNIT, p);
}

static handle ref(handle p)
{
  return lwt_ref(p);
}

static handle group(enum op op, int n, handle handles[])
{
  lwt_t *ps[INPUTS];
  size_t i;

  for (i = 0; i < (size_t)n; i++)
    ps[i] = handles[i];
  return op == OP_JOIN      ? lwt_join((size_t)n, ps)
         : op == OP_ALL     ? lwt_all((size_t)n, ps)
         : op == OP_BOTH    ? lwt_both(ps[0], ps[1])
         : op == OP_CHOOSE  ? lwt_choose((size_t)n, ps)
         : op == OP_PICK    ? lwt_pick((size_t)n, ps)
         : op == OP_NCHOOSE ? lwt_nchoose((size_t)n, ps)
         : op == OP_NPICK   ? lwt_npick((size_t)n, ps)
                            : lwt_nchoose_split((size_t)n, ps);
}

static void listen(enum op op, handle p, int id)
{
  void *env = word(id);

  if (op == OP_ON_SUCCESS)
    lwt_on_success(p, on_value, env);
  else if (op == OP_ON_FAILURE)
    lwt_on_failure(p, on_error, env);
  else if (op == OP_ON_TERMINATION)
    lwt_on_termination(p, on_call, env);
  else if (op == OP_ON_ANY)
    lwt_on_any(p, on_value, on_error, env);
  else
    lwt_on_cancel(p, on_call, env);
}

static int fulfill(int id, int token, int owned)
{
  return owned ? lwt_fulfill_owned(&it.resolver[id], word(token), drop_token)
               : lwt_fulfill(&it.resolver[id], word(token));
}

static int reject(int id, int code)
{
  if (code)
    return lwt_reject(&it.resolver[id], code, "rejected");
  lwt_abandon(&it.resolver[id]);
  return 0;
}

static int unwanted(int id)
{
  return lwt_unwanted(&it.resolver[id]);
}

static void cancel(handle p)
{
  lwt_cancel(p);
}

static void drop(handle p)
{
  lwt_drop(p);
}

static void async(handle p)
{
  lwt_async(p);
}

static int state(handle p, enum type type, int *token)
{
  if (type == TOKEN)
    *token = number(lwt_value(p));
  return (int)lwt_state(p);
}

static int error(handle p)
{
  return lwt_error(p).code;
}

static void run(unsigned time)
{
  if (time >= 1000)
    it.faults = 0; /* the end */
  it.engine.time += time * UNIT;
  lwt_run_ready();
}

const struct world world_lwt = {
  "lwt", begin, end, give, fail, leaf, chain, shield, ref, go, group, listen, fulfill,
  reject, unwanted, cancel, drop, async, state, error, run
};
