/* t-depth.c - lines of a million promises in a stack of 64 KiB.
 * SPDX-License-Identifier: ISC
 *
 * Built with its own copy of lwt, without optimization, so that no tail call
 * helps.  Lines, trees and rings are built pending, then fulfilled, rejected,
 * cancelled, dropped or dumped; loops run in constant memory.
 */
#include <limits.h>
#include <lwt/scope.h>
#include <pthread.h>
#include <stdlib.h>

#include "sem.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
enum { STACK = 1 << 20 };
static size_t million = 50000;
#else
enum { STACK = 1 << 16 };
static size_t million = 1000000;
#endif

/* Valgrind takes fifty times as long. */
static void shorten(void)
{
  const char *preload = getenv("LD_PRELOAD");

  if (preload && strstr(preload, "vgpreload"))
    million = 20000;
}

/* ---- Callbacks that count -------------------------------------------------- */

static size_t calls, errors;

static lwt_t *add_bind(void *env, void *value)
{
  (void)env;
  calls++;
  return lwt_return(V((intptr_t)value + 1));
}

static void *add_map(void *env, void *value)
{
  (void)env;
  calls++;
  return V((intptr_t)value + 1);
}

static lwt_t *pass_catch(void *env, struct lwt_error error)
{
  (void)env;
  errors += error.code < 0;
  return lwt_fail_error(error);
}

static lwt_t *count_finalize(void *env)
{
  (void)env;
  errors++;
  return NULL;
}

static void count_call(void *env)
{
  (void)env;
  errors++;
}

static lwt_t *with_body(void *env, void *arg)
{
  lwt_t **p = arg, *q = *p;

  (void)env;
  *p = NULL;
  return q;
}

struct waits {
  struct lwt_frame frame;
  lwt_t *p;
};

static lwt_t *take(lwt_t **p)
{
  lwt_t *taken = *p;

  *p = NULL;
  return taken;
}

LWT_STEP waits_step(struct lwt_frame *frame)
{
  struct waits *w = (struct waits *)frame;

  lwt_begin(w);
  lwt_defer(w, count_call, NULL);
  lwt_await(w, take(&w->p));
  calls++;
  lwt_end(w);
}

/* ---- Lines ----------------------------------------------------------------- */

enum kind {
  BIND, MAP, CATCH, TRY, FINALIZE, WITH, FRAME, PROTECTED, WRAP, NO_CANCEL, JOIN, ALL,
  CHOOSE, PICK, NCHOOSE, SPLIT, TIMEOUT, ON_CANCEL, SCOPE, SPAWN, FORWARD, KINDS,
  MIXED = KINDS
};
static const char *const names[] = { "bind", "map", "catch", "try_bind", "finalize",
  "with", "frame", "protected", "wrap_in_cancelable", "no_cancel", "join", "all",
  "choose", "pick", "nchoose", "nchoose_split", "with_timeout", "bind with on_cancel",
  "scope", "scope with a thread",
  "a promise that became the one before", "a mixture" };

static lwt_t *give(void *env, void *value)
{
  lwt_t **p = env;

  (void)value;
  return take(p);
}

static lwt_t *scope_body(struct lwt_scope *scope, void *env)
{
  (void)scope;
  return take(env);
}

static lwt_t *spawn_body(struct lwt_scope *scope, void *env)
{
  lwt_spawn(scope, take(env));
  return lwt_return(NULL);
}

static lwt_t *link(enum kind kind, lwt_t *p)
{
  struct lwt_resolver r;
  lwt_t *before, *second;

  switch (kind) {
  case BIND:
    return lwt_bind(p, add_bind, NULL);
  case MAP:
    return lwt_map(p, add_map, NULL);
  case CATCH:
    return lwt_catch(p, pass_catch, NULL);
  case TRY:
    return lwt_try_bind(p, add_bind, pass_catch, NULL);
  case FINALIZE:
    return lwt_finalize(p, count_finalize, NULL);
  case WITH:
    return lwt_with(8, with_body, &p, count_call);
  case FRAME:
    return LWT_GO(struct waits, waits_step, .p = p);
  case PROTECTED:
    return lwt_protected(p);
  case WRAP:
    return lwt_wrap_in_cancelable(p);
  case NO_CANCEL:
    return lwt_no_cancel(p);
  case JOIN:
    return lwt_join(LWT_PS(p, lwt_return(NULL)));
  case ALL:
    return lwt_all(LWT_PS(p));
  case CHOOSE:
    return lwt_choose(LWT_PS(p));
  case PICK:
    return lwt_pick(LWT_PS(p));
  case NCHOOSE:
    return lwt_nchoose(LWT_PS(p));
  case SPLIT:
    return lwt_nchoose_split(LWT_PS(p));
  case TIMEOUT:
    return lwt_with_timeout(LWT_S(1), p);
  case ON_CANCEL:
    p = lwt_bind(p, add_bind, NULL);
    lwt_on_cancel(p, count_call, NULL);
    return p;
  case SCOPE:
    return lwt_scope(scope_body, &p);
  case SPAWN:
    return lwt_scope(spawn_body, &p);
  default:
    before = p;
    p = lwt_bind(lwt_wait(&r), give, &before);
    second = lwt_ref(p);
    lwt_fulfill(&r, NULL);
    lwt_drop(second);
    return p;
  }
}

static lwt_t *line(enum kind kind, size_t n, lwt_t *p)
{
  enum kind k = kind;
  size_t i;

  for (i = 0; i < n; i++) {
    if (kind == MIXED)
      k = i % KINDS;
    if (kind == MIXED && (k == ALL || k == NCHOOSE || k == SPLIT))
      k = BIND; /* the next would have to free their values */
    p = link(k, p);
  }
  return p;
}

enum end { FULFILL, REJECT, CANCEL, DROP, CANCEL_DROP, ENDS };
static const char *const end_names[] = { "fulfilled", "rejected", "cancelled", "dropped",
  "cancelled and dropped" };

static void line_one(enum kind kind, enum end end, size_t n)
{
  struct lwt_resolver r;
  lwt_t *p = line(kind, n, lwt_task(&r));
  int good = pending(p);

  calls = errors = 0;
  if (end == FULFILL)
    lwt_fulfill(&r, V(1));
  else if (end == REJECT)
    lwt_reject(&r, LWT_EIO, "deep");
  else if (end == DROP)
    lwt_drop(take(&p));
  else
    lwt_cancel(p);
  if (end == CANCEL_DROP)
    lwt_drop(take(&p));
  if (end == FULFILL)
    good = good && lwt_state(p) == LWT_FULFILLED;
  else if (end == REJECT)
    good = good && failed(p, LWT_EIO);
  else if (end == CANCEL && kind != NO_CANCEL && kind != MIXED)
    good = good && canceled(p);
  lwt_abandon(&r);
  lwt_drop(p);
  ok(good && lwt_live() == 0 && lwt_timers() == 0, "%zu times %s: %s", n, names[kind],
     end_names[end]);
}

static void lines(void)
{
  int kind, end;

  for (kind = 0; kind <= KINDS; kind++)
    for (end = 0; end < ENDS; end++)
      line_one(kind, end, million);
}

/* What has run, where it can be told. */
static void counts(void)
{
  struct lwt_resolver r;
  lwt_t *p = line(BIND, million, lwt_wait(&r));

  calls = errors = 0;
  lwt_fulfill(&r, V(0));
  ok(is(p, million) && calls == million,
     "WAK-10 TAIL-06 (better) each of the binds ran once");
  lwt_drop(p);
  p = line(MAP, million, lwt_wait(&r));
  calls = 0;
  lwt_fulfill(&r, V(0));
  ok(is(p, million) && calls == million, "TAIL-04 (better) each of the maps ran once");
  lwt_drop(p);
  p = line(CATCH, million, lwt_task(&r));
  lwt_cancel(p);
  ok(canceled(p) && errors == million,
     "CAN-12 (better) each of the handlers saw the cancel");
  lwt_abandon(&r);
  lwt_drop(p);
  errors = 0;
  lwt_drop(line(FINALIZE, million, lwt_task(&r)));
  ok(errors == million, "each of the finalizers ran when the line was dropped");
  lwt_abandon(&r);
  errors = 0;
  lwt_drop(line(FRAME, million, lwt_task(&r)));
  ok(errors == million, "... and each of the frames' deferred calls");
  lwt_abandon(&r);
}

/* ---- Trees and forwards ---------------------------------------------------- */

/* join (join (join a b) c) d ..., or choose, pick: each waits for one more. */
static void comb(enum kind kind, enum end end)
{
  struct lwt_resolver *r = malloc(million * sizeof *r);
  lwt_t *p = lwt_task(&r[0]), *ps[2];
  size_t i;

  for (i = 1; i < million; i++) {
    ps[0] = p;
    ps[1] = lwt_task(&r[i]);
    p = kind == JOIN ? lwt_join(2, ps) : kind == CHOOSE ? lwt_choose(2, ps)
                                                        : lwt_pick(2, ps);
  }
  if (end == FULFILL)
    for (i = 0; i < million; i++)
      lwt_fulfill(&r[i], V(1));
  else if (end == REJECT) /* from the top */
    for (i = million; i-- > 0;)
      lwt_reject(&r[i], LWT_EIO, "comb");
  else if (end == CANCEL)
    lwt_cancel(p);
  ok(end == DROP || (end == CANCEL ? canceled(p) : !pending(p)),
     "a comb of %zu %ss is %s", million, names[kind], end_names[end]);
  lwt_drop(p);
  for (i = 0; i < million; i++)
    lwt_abandon(&r[i]);
  free(r);
  is_int(lwt_live(), 0, "... and nothing is left");
}

/* A balanced tree: the first row has 2^bits tasks. */
static void tree(enum end end, int bits)
{
  size_t n = (size_t)1 << bits, i, row;
  struct lwt_resolver *r = malloc(n * sizeof *r);
  lwt_t **p = malloc(n * sizeof *p);

  for (i = 0; i < n; i++)
    p[i] = lwt_task(&r[i]);
  for (row = n / 2; row; row /= 2)
    for (i = 0; i < row; i++)
      p[i] = i % 2 ? lwt_all(2, &p[2 * i]) : lwt_join(2, &p[2 * i]);
  if (end == FULFILL)
    for (i = 0; i < n; i++)
      lwt_fulfill(&r[i], V(1));
  else if (end == CANCEL)
    lwt_cancel(p[0]);
  ok(end == DROP || (end == CANCEL ? canceled(p[0]) : !pending(p[0])),
     "a tree of %zu joins is %s", n - 1, end_names[end]);
  lwt_drop(p[0]);
  for (i = 0; i < n; i++)
    lwt_abandon(&r[i]);
  free(r);
  free(p);
  is_int(lwt_live(), 0, "... and nothing is left");
}

static void trees(void)
{
  enum kind kinds[] = { JOIN, CHOOSE, PICK };
  int k, end;

  for (end = 0; end <= DROP; end++) {
    for (k = 0; k < 3; k++)
      comb(kinds[k], end);
    if (end != REJECT)
      tree(end, 16);
  }
}

/* Each of n binds returns the one before; all are seen by somebody else. */
static void forwards(enum end end, int backwards)
{
  struct lwt_resolver *r = malloc(million * sizeof *r), root;
  lwt_t **p = malloc(million * sizeof *p), **before = malloc(million * sizeof *p);
  size_t i, k, good = 0;

  before[0] = lwt_task(&root);
  for (i = 0; i < million; i++) {
    p[i] = lwt_bind(lwt_wait(&r[i]), give, &before[i]);
    if (i + 1 < million)
      before[i + 1] = lwt_ref(p[i]);
  }
  for (i = 0; i < million; i++) {
    k = backwards ? million - 1 - i : i;
    lwt_fulfill(&r[k], NULL);
  }
  if (end == FULFILL)
    lwt_fulfill(&root, V(1));
  else if (end == CANCEL)
    lwt_cancel(p[million - 1]);
  for (i = 0; i < million; i++) {
    good += end == DROP || (end == FULFILL ? is(p[i], 1) : canceled(p[i]));
    lwt_drop(p[i]);
  }
  lwt_abandon(&root);
  ok(good == million && lwt_live() == 0,
     "TAIL-07 (better) %zu promises, each became the one %s: %s",
     million, backwards ? "before, the last first" : "before", end_names[end]);
  free(r);
  free(p);
  free(before);
}

static void forwards_all(void)
{
  enum end ends[] = { FULFILL, CANCEL, DROP };
  int e;

  for (e = 0; e < 3; e++) {
    forwards(ends[e], 0);
    forwards(ends[e], 1);
  }
}

/* ---- Rings, and all that is there ------------------------------------------- */

/* n binds that each became the one before, the first of them the last. */
static lwt_t **ring(size_t n)
{
  struct lwt_resolver *r = malloc(n * sizeof *r);
  lwt_t **p = malloc(n * sizeof *p), **before = malloc(n * sizeof *p);
  size_t i;

  for (i = 0; i < n; i++)
    p[i] = lwt_bind(lwt_wait(&r[i]), give, &before[i]);
  p[0] = lwt_wrap_in_cancelable(p[0]);
  for (i = 0; i < n; i++)
    before[(i + 1) % n] = lwt_ref(p[i]);
  for (i = 0; i < n; i++)
    lwt_fulfill(&r[i], NULL);
  free(r);
  free(before);
  return p;
}

/* The number of lines. */
static size_t dumped(lwt_t *one)
{
  FILE *out = tmpfile();
  size_t n = 0;
  int c;

  if (one)
    lwt_dump_one(out, one);
  else
    lwt_dump(out);
  rewind(out);
  while ((c = getc(out)) != EOF)
    n += c == '\n';
  fclose(out);
  return n;
}

static void rings(void)
{
  size_t i, good = 0, from;

  for (from = 0; from <= 1; from++) {
    lwt_t **p = ring(million);

    ok(pending(p[0]) && dumped(NULL) <= 1280 && dumped(p[million / 2]) <= 20,
       "a ring of %zu is dumped", million);
    lwt_cancel(p[from ? million / 2 : 0]);
    for (i = good = 0; i < million; i++) {
      good += canceled(p[i]);
      lwt_drop(p[i]);
    }
    ok(good == million && lwt_live() == 0, "... cancelled, start %zu", from);
    free(p);
  }
}

static void dump_of(lwt_t *p, size_t least, size_t most_, const char *what)
{
  size_t all = dumped(NULL), one = dumped(p);

  ok(one >= least && one <= most_ && all > one && all <= 2000, "%s: %zu lines", what,
     one);
  lwt_drop(p);
  ok(lwt_live() == 0, "... leaves no mark");
}

static void dumps(void)
{
  struct lwt_resolver r;
  lwt_t *p;
  int kind, i;

  for (kind = 0; kind <= KINDS; kind++) {
    p = line(kind, million / 10, lwt_task(&r));
    ok(dumped(NULL) <= 1280 && dumped(p) <= 400, "%s: dumped", names[kind]);
    lwt_drop(p);
    lwt_abandon(&r);
  }
  dump_of(line(BIND, million, lwt_sleep(1)), 18, 18, "a line");
  p = lwt_sleep(1);
  for (i = 0; i < (int)million; i++)
    p = lwt_join(LWT_PS(p, lwt_sleep(2)));
  dump_of(p, 32, 64, "a comb");
  p = lwt_sleep(1);
  for (i = 0; i < 20; i++)
    p = lwt_join(LWT_PS(lwt_ref(p), p));
  dump_of(p, 16, 1000, "joins of one thing with itself");
}

/* ---- Recursion and loops --------------------------------------------------- */

struct down {
  struct lwt_frame frame;
  size_t left;
  lwt_t *bottom;
};
static size_t most;

static void watch(void)
{
  if (lwt_live() > most)
    most = lwt_live();
}

LWT_STEP down_step(struct lwt_frame *frame)
{
  struct down *d = (struct down *)frame;

  lwt_begin(d);
  if (d->left == 0)
    lwt_become(d, d->bottom);
  lwt_await(d, LWT_GO(struct down, down_step, .left = d->left - 1, .bottom = d->bottom));
  calls++;
  lwt_end(d);
}

static void recursion(void)
{
  struct lwt_resolver r;
  lwt_t *p;

  calls = 0;
  p = LWT_GO(struct down, down_step, .left = million, .bottom = lwt_wait(&r));
  ok(pending(p) && lwt_live() >= million, "frames that call frames, %zu deep", million);
  lwt_fulfill(&r, V(1));
  ok(is(p, 0) && calls == million, "... return");
  lwt_drop(p);
  p = LWT_GO(struct down, down_step, .left = million, .bottom = lwt_return(V(1)));
  ok(is(p, 0) && calls == 2 * million, "TAIL-05 (better) ... also without waiting");
  lwt_drop(p);
  p = LWT_GO(struct down, down_step, .left = million, .bottom = lwt_task(&r));
  lwt_cancel(p);
  ok(canceled(p), "... are cancelled");
  lwt_abandon(&r);
  lwt_drop(p);
  lwt_drop(LWT_GO(struct down, down_step, .left = million, .bottom = lwt_task(&r)));
  lwt_abandon(&r);
  ok(lwt_live() == 0, "... are dropped");
}

static lwt_t *loop_settled(void *env, void *value)
{
  size_t *n = env;

  watch();
  return --*n ? lwt_bind(lwt_return(value), loop_settled, n) : lwt_return(V(7));
}

static lwt_t *loop_paused(void *env, void *value)
{
  size_t *n = env;

  (void)value;
  watch();
  return --*n ? lwt_bind(lwt_pause(), loop_paused, n) : lwt_return(V(7));
}

static lwt_t *fail_bind(void *env, void *value)
{
  (void)env;
  (void)value;
  return lwt_fail(LWT_EIO, "loop");
}

static lwt_t *loop_catch(void *env, struct lwt_error error)
{
  size_t *n = env;

  (void)error;
  watch();
  if (--*n == 0)
    return lwt_return(V(7));
  return lwt_catch(lwt_bind(lwt_pause(), fail_bind, NULL), loop_catch, n);
}

static lwt_t *loop_try(void *env, void *value)
{
  size_t *n = env;

  (void)value;
  watch();
  return --*n ? lwt_try_bind(lwt_pause(), loop_try, pass_catch, n) : lwt_return(V(7));
}

static void loop_end(lwt_t *p, const char *text)
{
  while (pending(p) && lwt_run_ready() != LWT_NEVER)
    ;
  ok(is(p, 7) && most < 200, "%s, in constant memory (%zu promises)", text, most);
  lwt_drop(p);
  most = 0;
}

static void loops(void)
{
  struct lwt_resolver never, r;
  lwt_t *p, *q;
  size_t n;

  most = 0;
  n = 10 * million;
  loop_end(lwt_bind(lwt_return(NULL), loop_settled, &n),
           "TAIL-01 a loop of settled binds");
  n = million;
  loop_end(lwt_bind(lwt_pause(), loop_paused, &n), "TAIL-02 a loop of pauses");
  n = million;
  loop_end(lwt_try_bind(lwt_pause(), loop_try, pass_catch, &n),
           "TAIL-02 ... with try_bind");
  n = million;
  loop_end(lwt_catch(lwt_fail(LWT_EIO, "loop"), loop_catch, &n),
           "TAIL-02 ... with catch");
  p = lwt_wait(&never);
  for (n = 0; n < million; n++) {
    q = lwt_choose(LWT_PS(lwt_ref(p), lwt_task(&r)));
    watch();
    lwt_fulfill(&r, V(1));
    lwt_drop(q);
  }
  ok(most <= 3, "LEAK-03 choose [never; fresh] (%zu promises)", most);
  most = 0;
  for (n = 0; n < million; n++) {
    q = lwt_pick(LWT_PS(lwt_protected(lwt_ref(p)), lwt_task(&r)));
    watch();
    lwt_fulfill(&r, V(1));
    lwt_drop(q);
  }
  ok(most <= 4, "PRO-08 pick [protected never; fresh] (%zu promises)", most);
  lwt_abandon(&never);
  lwt_drop(p);
}

/* ---- Threads --------------------------------------------------------------- */

static const struct sem_test depth_tests[] = {
  ONCE(lines), ONCE(counts), ONCE(trees), ONCE(forwards_all), ONCE(rings), ONCE(dumps),
  ONCE(recursion), ONCE(loops)
};

static void *run_tests(void *arg)
{
  static const struct sem_topic topic = { "depth", sem_begin, depth_tests,
                                          sizeof depth_tests / sizeof *depth_tests };

  *(int *)arg = sem_main(&topic);
  return NULL;
}

/* A thread has its own promises, its own loop, its own timers. */
static void *run_alone(void *arg)
{
  struct lwt_virtual engine;
  size_t i;
  lwt_t *p = lwt_return(NULL);

  lwt_virtual_init(&engine);
  lwt_set_engine(&engine.engine);
  for (i = 0; i < 10000; i++)
    p = lwt_join(LWT_PS(p, lwt_sleep(LWT_S(1) + i % 100), lwt_pause()));
  *(int *)arg = lwt_run_value(p, NULL).code == 0 && engine.time == LWT_S(1) + 99 &&
                lwt_live() == 0 && lwt_timers() == 0 && lwt_cleanup() == 0;
  return NULL;
}

static int start(pthread_t *thread, void *(*run)(void *), int *result)
{
  pthread_attr_t attr;
  int error = pthread_attr_init(&attr);

  if (!error)
    error = pthread_attr_setstacksize(&attr, STACK);
  if (!error)
    error = pthread_create(thread, &attr, run, result);
  return error;
}

int main(void)
{
  pthread_t thread[2];
  int result[2] = { 0, 0 }, errors_[2], i;

  shorten();
  for (i = 0; i < 2; i++)
    errors_[i] = start(&thread[i], run_alone, &result[i]);
  for (i = 0; i < 2; i++)
    if (!errors_[i])
      pthread_join(thread[i], NULL);
  ok(result[0] && result[1], "two threads, each with its own loop");
  if (start(&thread[0], run_tests, &result[0])) {
    ok(0, "a thread with a stack of %d bytes", STACK);
    return lwt_test_done();
  }
  pthread_join(thread[0], NULL);
  return result[0];
}
