/* t-random.c - random programs: all functions of the core in any combination.
 * SPDX-License-Identifier: ISC
 *
 * Each seed is a program: some hundred steps that make promises, chain them,
 * settle, cancel and drop them, also from inside callbacks, with failing
 * allocations in every other program.  At its end everything is settled and
 * dropped, and then:
 *
 *   no promise, no timer, no memory is left;
 *   a callback has run at most once, a finalizer exactly once;
 *   a value was dropped once, or moved to one callback.
 *
 * A promise only comes to wait for older ones, so that none waits for itself.
 * Built with a copy of lwt that allocates each promise singly.
 * Run by hand: t-random SEED [COUNT].
 */
#include <stdlib.h>

#include "sem.h"

enum { HANDLES = 24, RESOLVERS = 24, ENVS = 4096, TOKENS = 8192, NESTED = 3 };

/* What a promise gives: a token, nothing, or several (never shared). */
enum type { TOKEN, NOTHING, VEC, SPLIT };

struct token {
  int drops, takes;
};

struct handle {
  lwt_t *p;
  enum type type;
  size_t age;
};

/* Of one callback. */
struct env {
  int calls;
  int finalizer;
  enum type in, out;
  size_t age; /* it returns older promises only */
};

static struct world {
  uint64_t random;
  struct lwt_virtual engine;
  struct handle handle[HANDLES];
  size_t handles, age;
  struct lwt_resolver *resolver[RESOLVERS]; /* they may not move while stop is set */
  enum type resolver_type[RESOLVERS];
  struct env env[ENVS];
  size_t envs;
  struct token token[TOKENS];
  size_t tokens;
  int nested;
  int faults; /* one allocation in so many fails; 0: none */
  size_t balance;
  const char *wrong;
} w;

static unsigned below(unsigned n)
{
  w.random ^= w.random << 13;
  w.random ^= w.random >> 7;
  w.random ^= w.random << 17;
  return (unsigned)(w.random >> 33) % n;
}

static void *alloc(size_t size)
{
  void *p = w.faults && below((unsigned)w.faults) == 0 ? NULL : malloc(size);

  w.balance += p != NULL;
  return p;
}

static void release(void *p)
{
  w.balance -= p != NULL;
  free(p);
}

static void wrong(const char *what)
{
  if (!w.wrong)
    w.wrong = what;
}

/* ---- Values -------------------------------------------------------------------- */

static void drop_token(void *value)
{
  if (++((struct token *)value)->drops > 1)
    wrong("a value was dropped twice");
}

static struct token *new_token(void)
{
  return &w.token[w.tokens++];
}

/* A callback has received it: moved or lent, it cannot tell. */
static void receive(enum type type, void *value)
{
  if (type == TOKEN && value)
    ((struct token *)value)->takes++;
  else if (type == VEC)
    lwt_vec_free(value);
  else if (type == SPLIT)
    lwt_split_free(value);
}

/* ---- Handles ---------------------------------------------------------------------- */

static void add(lwt_t *p, enum type type, size_t age)
{
  if (w.handles == HANDLES) {
    lwt_drop(p);
    return;
  }
  w.handle[w.handles++] = (struct handle){ p, type, age };
}

/* A random one, which leaves the world; p is NULL if there is none. */
static struct handle take_handle(void)
{
  struct handle h = { NULL, NOTHING, 0 };
  size_t i;

  if (w.handles) {
    i = below((unsigned)w.handles);
    h = w.handle[i];
    w.handle[i] = w.handle[--w.handles];
  }
  return h;
}

/* ---- Leaves -------------------------------------------------------------------- */

static void stop(void *env)
{
  struct lwt_resolver *r = env;

  if (below(2))
    lwt_abandon(r);
}

static int free_resolver(void)
{
  unsigned i = below(RESOLVERS);

  if (!w.resolver[i])
    w.resolver[i] = calloc(1, sizeof *w.resolver[i]);
  return w.resolver[i]->lwt_private ? -1 : (int)i;
}

/* A promise of a token or of nothing. */
static lwt_t *leaf(enum type type)
{
  int i = free_resolver();
  unsigned how = below(i < 0 ? 4 : 8);

  if (type == NOTHING && below(3) == 0)
    return below(3) == 0   ? lwt_pause()
           : below(2) == 0 ? lwt_sleep(below(100))
                           : lwt_timeout(below(100));
  if (how < 3)
    return type == TOKEN ? lwt_return_owned(new_token(), drop_token) : lwt_return(NULL);
  if (how == 3)
    return lwt_fail(below(4) ? LWT_EIO : LWT_ECANCELED, "leaf");
  w.resolver_type[i] = type;
  return how < 5   ? lwt_wait(w.resolver[i])
         : how < 7 ? lwt_task(w.resolver[i])
                   : lwt_task_op(w.resolver[i], stop, w.resolver[i]);
}

static void settle(int i)
{
  struct token *t;

  if (!w.resolver[i] || !w.resolver[i]->lwt_private)
    return;
  if (below(4) == 0) {
    lwt_reject(w.resolver[i], below(4) ? LWT_EIO : LWT_ECANCELED, "settled");
  } else if (w.resolver_type[i] == TOKEN) {
    t = new_token();
    if (lwt_fulfill_owned(w.resolver[i], t, drop_token))
      wrong("a full resolver was said to be empty");
  } else {
    lwt_fulfill(w.resolver[i], NULL);
  }
}

/* ---- Callbacks ----------------------------------------------------------------- */

static void step(void);

static struct env *called(void *env)
{
  struct env *e = env;

  if (++e->calls > 1)
    wrong("a callback ran twice");
  if (w.nested < NESTED) {
    w.nested++;
    for (unsigned n = below(4); n > 0; n--)
      step();
    w.nested--;
  }
  return e;
}

/* What a callback returns: an older promise of the right type, or a new one. */
static lwt_t *result(const struct env *e)
{
  size_t i;
  lwt_t *p;

  if (below(3) == 0)
    for (i = 0; i < w.handles; i++)
      if (w.handle[i].type == e->out && w.handle[i].age < e->age) {
        p = w.handle[i].p;
        if (below(2))
          return lwt_ref(p);
        w.handle[i] = w.handle[--w.handles];
        return p;
      }
  return leaf(e->out);
}

static lwt_t *on_bind(void *env, void *value)
{
  receive(((struct env *)env)->in, value);
  return result(called(env));
}

static void *on_map(void *env, void *value)
{
  receive(((struct env *)env)->in, value);
  called(env);
  return NULL;
}

static lwt_t *on_error(void *env, struct lwt_error error)
{
  return below(2) ? result(called(env)) : (called(env), lwt_fail_error(error));
}

static lwt_t *on_end(void *env)
{
  struct env *e = called(env);

  return below(3) == 0 ? NULL : result(e);
}

static void on_value(void *env, void *value)
{
  receive(((struct env *)env)->in, value);
  called(env);
}

static void on_fail(void *env, struct lwt_error error)
{
  if (error.code >= 0)
    wrong("an error without a code");
  called(env);
}

static void on_call(void *env)
{
  called(env);
}

static lwt_t *take(lwt_t **p)
{
  lwt_t *taken = *p;

  *p = NULL;
  return taken;
}

static lwt_t *with_body(void *env, void *arg)
{
  (void)env;
  return take(arg);
}

/* ---- A frame that awaits ------------------------------------------------------- */

struct awaits {
  struct lwt_frame frame;
  lwt_t *p;
  struct env *body, *defer;
  void *value;
  struct lwt_error error;
};

static lwt_t *end_awaits(void *frame)
{
  struct awaits *a = frame;

  lwt_drop(take(&a->p));
  return on_end(a->defer);
}

static void lost_awaits(void *literal)
{
  struct awaits *a = literal;

  lwt_drop(a->p);
  on_call(a->defer);
}

LWT_STEP awaits_step(struct lwt_frame *frame)
{
  struct awaits *a = (struct awaits *)frame;

  lwt_begin(a);
  lwt_defer(a, end_awaits, a);
  lwt_await_error(a, &a->error, &a->value, take(&a->p));
  if (a->error.code && below(2))
    lwt_throw(a, a->error.code, a->error.what);
  if (!a->error.code)
    receive(a->body->in, a->value);
  called(a->body);
  lwt_await(a, leaf(NOTHING));
  if (below(2))
    lwt_become(a, leaf(TOKEN));
  lwt_finish_owned(a, new_token(), drop_token);
  lwt_end(a);
}

/* ---- Steps --------------------------------------------------------------------- */

static struct env *new_env(enum type in, enum type out)
{
  struct env *e = &w.env[w.envs++];

  *e = (struct env){ .in = in, .out = out, .age = w.age };
  return e;
}

static void link_one(void)
{
  struct handle h = take_handle();
  struct env *e, *f;
  int code;

  if (!h.p || w.envs + 4 > ENVS)
    return;
  e = new_env(h.type, below(2) ? TOKEN : NOTHING);
  w.age++;
  switch (below(h.type >= VEC ? 3 : 13)) {
  case 0:
    add(lwt_bind(h.p, on_bind, e), e->out, w.age);
    return;
  case 1:
    e->finalizer = 1;
    e->out = NOTHING;
    add(lwt_finalize(h.p, on_end, e), h.type, w.age);
    return;
  case 2:
    add(lwt_map(h.p, on_map, e), NOTHING, w.age);
    return;
  case 3:
    e->out = h.type;
    add(lwt_catch(h.p, on_error, e), h.type, w.age);
    return;
  case 4:
    add(lwt_try_bind(h.p, on_bind, on_error, e), e->out, w.age);
    return;
  case 5:
    add(lwt_protected(h.p), h.type, w.age);
    return;
  case 6:
    add(lwt_no_cancel(h.p), h.type, w.age);
    return;
  case 7:
    add(lwt_wrap_in_cancelable(h.p), h.type, w.age);
    return;
  case 8:
    add(lwt_with_timeout(below(100), h.p), h.type, w.age);
    return;
  case 9:
    add(lwt_ref(h.p), h.type, h.age);
    add(h.p, h.type, h.age);
    return;
  case 10:
    f = new_env(NOTHING, NOTHING);
    f->finalizer = 1;
    add(LWT_GO_OR(struct awaits, awaits_step, lost_awaits, .p = h.p, .body = e,
                  .defer = f),
        TOKEN, w.age);
    return;
  case 11:
    add(h.p, h.type, h.age);
    code = lwt_on_cancel(h.p, on_call, e);
    if (code && code != LWT_ENOMEM)
      wrong("lwt_on_cancel");
    return;
  default:
    add(lwt_with(below(200), with_body, &h.p, NULL), h.type, w.age);
    lwt_drop(h.p); /* no memory: the body has not run */
  }
}

static void let_go(void)
{
  struct handle h = take_handle();
  struct env *e;

  if (!h.p || w.envs + 1 > ENVS)
    return;
  e = new_env(h.type, NOTHING);
  switch (below(7)) {
  case 0:
    lwt_on_success(h.p, on_value, e);
    return;
  case 1:
    lwt_on_failure(h.p, on_fail, e);
    return;
  case 2:
    lwt_on_termination(h.p, on_call, e);
    return;
  case 3:
    lwt_on_any(h.p, on_value, on_fail, e);
    return;
  case 4:
    lwt_async(h.p);
    return;
  default:
    lwt_drop(h.p);
  }
}

static void group(void)
{
  lwt_t *ps[4], *p;
  size_t n, i, max = below(4) + 1;
  enum type type = NOTHING, out;
  struct handle h;

  for (n = 0; n < max; n++) {
    h = take_handle();
    if (!h.p)
      break;
    if (h.type >= VEC || (n && h.type != type)) {
      add(h.p, h.type, h.age);
      break;
    }
    type = h.type;
    ps[n] = h.p;
  }
  if (n == 1 && below(2)) {
    ps[1] = lwt_ref(ps[0]);
    n = 2;
  }
  if (n == 0)
    return;
  i = below(7);
  out = i == 0 ? NOTHING : i == 1 || i >= 5 ? VEC : i == 4 ? SPLIT : type;
  p = i == 0   ? lwt_join(n, ps)
      : i == 1 ? lwt_all(n, ps)
      : i == 2 ? lwt_choose(n, ps)
      : i == 3 ? lwt_pick(n, ps)
      : i == 4 ? lwt_nchoose_split(n, ps)
      : i == 5 ? lwt_nchoose(n, ps)
               : lwt_npick(n, ps);
  add(p, out, ++w.age);
}

static void step(void)
{
  unsigned i;

  if (w.tokens + 64 > TOKENS || w.envs + 64 > ENVS)
    return;
  switch (below(10)) {
  case 0:
  case 1:
    i = below(2);
    add(leaf(i ? TOKEN : NOTHING), i ? TOKEN : NOTHING, 0);
    return;
  case 2:
  case 3:
  case 4:
    link_one();
    return;
  case 5:
    group();
    return;
  case 6:
    settle((int)below(RESOLVERS));
    return;
  case 7:
    let_go();
    return;
  case 8:
    if (w.handles)
      lwt_cancel(w.handle[below((unsigned)w.handles)].p);
    return;
  default:
    w.engine.time += below(20);
    if (!w.nested)
      lwt_run_ready();
  }
}

/* ---- A program ----------------------------------------------------------------- */

static void end_program(void)
{
  struct handle h;
  int i, rounds;

  w.faults = 0;
  for (rounds = 0; rounds < 100; rounds++) {
    while ((h = take_handle()).p)
      lwt_drop(h.p);
    for (i = 0; i < RESOLVERS; i++)
      settle(i);
    w.engine.time += 1000;
    lwt_run_ready();
  }
  for (i = 0; i < RESOLVERS; i++) {
    if (w.resolver[i])
      lwt_abandon(w.resolver[i]);
    free(w.resolver[i]);
  }
}

static const char *run_program(uint64_t seed)
{
  unsigned steps;
  size_t i;

  memset(&w, 0, sizeof w);
  w.random = seed * 0x9e3779b97f4a7c15u + 1;
  below(2);
  sem_begin();
  lwt_virtual_init(&w.engine);
  lwt_set_engine(&w.engine.engine);
  w.faults = seed % 2 ? 0 : 20 + (int)below(50);
  for (steps = 50 + below(300); steps > 0; steps--)
    step();
  w.nested = NESTED; /* callbacks make nothing new */
  end_program();
  if (lwt_live())
    wrong("a promise is left");
  if (lwt_timers())
    wrong("a timer is left");
  for (i = 0; i < w.tokens; i++)
    if (w.token[i].drops + w.token[i].takes == 0)
      wrong("a value was neither dropped nor taken");
  for (i = 0; i < w.envs; i++)
    if (w.env[i].finalizer && w.env[i].calls != 1)
      wrong("a finalizer did not run once");
  if (!lwt_live() && (lwt_cleanup() || w.balance))
    wrong("memory is left");
  return w.wrong;
}

static void programs(uint64_t first, uint64_t count)
{
  const char *what;
  uint64_t seed;

  for (seed = first; seed < first + count; seed++)
    if ((what = run_program(seed))) {
      ok(0, "program %" PRIu64 ": %s", seed, what);
      return;
    }
  ok(1, "%" PRIu64 " random programs", count);
}

int main(int argc, char **argv)
{
  uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
  uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 0) : argc > 1 ? 1 : 20000;

  lwt_set_allocator(alloc, release);
  programs(first, count);
  return lwt_test_done();
}
