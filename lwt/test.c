/* test.c - the kit for unit tests of promise code; see lwt/test.h.
 * SPDX-License-Identifier: ISC
 */
#include "memory.h"

#include <lwt/test.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TURNS 1000000

static struct {
  int count;
  int failures;
  int muted;
  uint64_t seed;
  uint64_t random;
  struct lwt_virtual time;
  struct lwt_engine *before;
  struct lwt_error error;
  const char *where;
  size_t lost;
} t;

/* ---- Assertions --------------------------------------------------------------- */

int lwt_test_mute(int muted)
{
  int before = t.muted;

  t.muted = muted;
  return before;
}

int lwt_test_muted(void)
{
  return t.muted;
}

static int line(int pass, const char *expr, const char *where, const char *name,
                va_list ap)
{
  printf("%sok %d - ", pass ? "" : "not ", ++t.count);
  vprintf(name, ap);
  printf("\n");
  if (!pass) {
    t.failures++;
    printf("# %s: %s\n", where, expr);
    if (t.seed > 1)
      printf("# seed %" PRIu64 "\n", t.seed);
  }
  fflush(stdout);
  return pass;
}

/* `pass` of the caller's assertion, named by its last argument. */
#define LINE(pass)                                                            \
  do {                                                                        \
    va_list ap;                                                               \
    if (t.muted)                                                              \
      return (pass);                                                          \
    va_start(ap, name);                                                       \
    line((pass), expr, where, name, ap);                                      \
    va_end(ap);                                                               \
  } while (0)

int lwt_test_ok(int pass, const char *expr, const char *where, const char *name, ...)
{
  LINE(pass);
  return pass;
}

int lwt_test_int(intmax_t got, intmax_t want, const char *expr, const char *where,
                 const char *name, ...)
{
  int pass = got == want;

  LINE(pass);
  if (!pass)
    printf("# got %" PRIdMAX ", want %" PRIdMAX "\n", got, want);
  return pass;
}

int lwt_test_str(const char *got, const char *want, const char *expr, const char *where,
                 const char *name, ...)
{
  int pass = got && want && strcmp(got, want) == 0;

  LINE(pass);
  if (!pass)
    printf("# got \"%s\", want \"%s\"\n", got ? got : "(null)", want ? want : "(null)");
  return pass;
}

int lwt_test_mem(const void *got, const void *want, size_t len, const char *expr,
                 const char *where, const char *name, ...)
{
  const unsigned char *g = got, *w = want;
  size_t i = 0;

  while (i < len && g[i] == w[i])
    i++;
  LINE(i == len);
  if (i < len)
    printf("# byte %zu of %zu: got 0x%02x, want 0x%02x\n", i, len, g[i], w[i]);
  return i == len;
}

static void show_state(const char *verb, enum lwt_state state, intptr_t word)
{
  printf("%s ", verb);
  if (state == LWT_PENDING)
    printf("pending");
  else if (state == LWT_FULFILLED)
    printf("fulfilled with %" PRIdPTR, word);
  else
    printf("rejected with %" PRIdPTR " (%s)", word, lwt_strerror((int)word));
}

int lwt_test_state(lwt_t *p, enum lwt_state state, intptr_t word, const char *expr,
                   const char *where, const char *name, ...)
{
  enum lwt_state is = lwt_state(p);
  intptr_t got = is == LWT_FULFILLED  ? (intptr_t)lwt_value(p)
                 : is == LWT_REJECTED ? lwt_error(p).code
                                      : 0;
  int pass = is == state && got == word;

  LINE(pass);
  if (!pass) {
    show_state("# is", is, got);
    show_state(", want", state, word);
    printf("\n");
  }
  return pass;
}

void lwt_test_skip(const char *why, const char *name, ...)
{
  va_list ap;

  if (t.muted)
    return;
  printf("ok %d - ", ++t.count);
  va_start(ap, name);
  vprintf(name, ap);
  va_end(ap);
  printf(" # SKIP %s\n", why);
  fflush(stdout);
}

int lwt_test_done(void)
{
  printf("1..%d\n", t.count);
  fflush(stdout);
  return t.failures != 0;
}

/* ---- Time and chance ------------------------------------------------------------ */

static void run_until(uint64_t end)
{
  uint64_t next;
  size_t turns = 0;

  while ((next = lwt_run_ready()) <= end && next != LWT_NEVER)
    if (next > t.time.time) {
      t.time.time = next;
      turns = 0;
    } else if (++turns == MAX_TURNS) {
      lwt_test_ok(0, "the program never waits", "lwt_test_advance",
                  "%d turns at one time are enough", MAX_TURNS);
      return;
    }
}

void lwt_test_idle(void)
{
  run_until(t.time.time);
}

void lwt_test_advance(uint64_t duration)
{
  uint64_t end = t.time.time + duration;

  if (duration == LWT_NEVER || end < duration) {
    run_until(LWT_NEVER);
    return;
  }
  run_until(end);
  t.time.time = end;
}

uint64_t lwt_test_seed(void)
{
  const char *s;

  if (!t.seed) {
    s = getenv("LWT_TEST_SEED");
    t.seed = s ? strtoull(s, NULL, 0) : 1;
    t.seed += !t.seed;
  }
  return t.seed;
}

/* SplitMix64. */
uint64_t lwt_test_random(uint64_t n)
{
  uint64_t z = t.random += 0x9e3779b97f4a7c15u;

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return n ? z % n : z;
}

static void on_lost(struct lwt_error error, const char *where)
{
  t.error = error;
  t.where = where;
  t.lost++;
}

size_t lwt_test_lost(struct lwt_error *error)
{
  size_t n = t.lost;

  if (error)
    *error = t.error;
  t.lost = 0;
  return n;
}

/* ---- Memory ----------------------------------------------------------------------- */

/* Of the process, as lwt_set_allocator() is: any thread allocates. */
static struct {
  atomic_size_t calls, failed, held;
  size_t first;
  int all;
  int on;
} memory;

static void *test_alloc(size_t size)
{
  size_t n = ++memory.calls;
  void *p;

  if (memory.first && (n == memory.first || (memory.all && n > memory.first))) {
    memory.failed++;
    return NULL;
  }
  if ((p = malloc(size)))
    memory.held++;
  return p;
}

static void test_free(void *p)
{
  if (p)
    memory.held--;
  free(p);
}

void lwt_test_memory(void)
{
  memory.on = 1;
  lwt_set_allocator(test_alloc, test_free);
}

void lwt_test_fail(size_t first, int all)
{
  memory.calls = memory.failed = 0;
  memory.first = first;
  memory.all = all;
}

void lwt_test_fail_no_more(void)
{
  memory.first = 0;
}

struct lwt_test_counts lwt_test_counted(void)
{
  return (struct lwt_test_counts){ memory.calls, memory.failed, memory.held };
}

static void check_run(struct lwt_test_result *r, size_t n, size_t held)
{
  lwt_test_fail(0, 0);
  if ((lwt_live() || lwt_cleanup()) && !r->alive)
    r->alive = n;
  if (memory.held > held && !r->lost)
    r->lost = n;
}

struct lwt_test_result lwt_test_each_allocation(void (*body)(void *env),
                                                void (*check)(void *env, size_t failed),
                                                void *env)
{
  struct lwt_test_result r = { 0, 0, 0 };
  size_t n, i, held;
  int all;

  lwt_cleanup();
  held = memory.held;
  lwt_test_fail(0, 0);
  body(env);
  n = memory.calls;
  if (check)
    check(env, 0);
  check_run(&r, 1, held);
  for (i = 1; i <= n && !r.alive && !r.lost; i++)
    for (all = 0; all <= 1; all++) {
      lwt_test_fail(i, all);
      body(env);
      if (check)
        check(env, memory.failed);
      r.runs++;
      check_run(&r, i, held);
    }
  return r;
}

/* ---- A program of tests ----------------------------------------------------------- */

void lwt_test_begin(void)
{
  lwt_virtual_init(&t.time);
  t.before = lwt_set_engine(&t.time.engine);
  lwt_on_lost(on_lost);
  t.lost = 0;
  t.random = lwt_test_seed();
  lwt_seed(t.random);
}

int lwt_test_end(const char *name)
{
  size_t alive = lwt_live(), timers = lwt_timers();
  size_t lost = lwt_test_lost(NULL), held = 0;
  int pass;

  if (!lwt_cleanup() && memory.on)
    held = memory.held;
  pass = lwt_test_ok(!alive && !timers && !lost && !held, "something is left", name,
                     "%s: nothing is left", name);
  if (!pass && !t.muted) {
    printf("# %zu promises, %zu timers, %zu pieces of memory; %zu rejections lost\n",
           alive, timers, held, lost);
    if (lost)
      printf("# the last, at %s: %s: %s\n", t.where, t.error.what,
             lwt_strerror(t.error.code));
    lwt_dump(stdout);
  }
  lwt_on_lost(NULL);
  lwt_set_engine(t.before);
  return pass;
}

static void run_once(void *test)
{
  lwt_test_begin();
  ((const struct lwt_test *)test)->run();
}

static void run_without_memory(const struct lwt_test *test)
{
  struct lwt_test_result r;
  int muted = lwt_test_mute(1);

  r = lwt_test_each_allocation(run_once, NULL, (void *)(uintptr_t)test);
  lwt_test_mute(muted);
  lwt_test_lost(NULL);
  lwt_test_ok(!r.alive && !r.lost, "something is left", test->name,
              "%s: %zu times with a failing allocation", test->name, r.runs);
  if (r.alive || r.lost)
    printf("# allocation %zu fails: %s left\n", r.alive ? r.alive : r.lost,
           r.alive ? "promises are" : "memory is");
}

static void run_test(const struct lwt_test *test)
{
  struct lwt_engine *engine;

  lwt_test_begin();
  engine = t.before;
  test->run();
  if (lwt_test_end(test->name) && test->memory) {
    run_without_memory(test);
    lwt_on_lost(NULL);
    lwt_set_engine(engine);
  }
}

static int usage(const char *program)
{
  fprintf(stderr, "usage: %s [--seed=N] [--only=NAME] [--list]\n", program);
  return 2;
}

int lwt_test_main(int argc, char **argv, const struct lwt_test *tests, size_t n)
{
  const char *only = NULL;
  size_t i, found = 0;
  char *end;
  int a, list = 0;

  for (a = 1; a < argc; a++)
    if (!strncmp(argv[a], "--seed=", 7) && argv[a][7]) {
      t.seed = strtoull(argv[a] + 7, &end, 0);
      if (*end || !t.seed)
        return usage(argv[0]);
    } else if (!strncmp(argv[a], "--only=", 7))
      only = argv[a] + 7;
    else if (!strcmp(argv[a], "--list"))
      list = 1;
    else
      return usage(argv[0]);
  if (!list)
    lwt_test_memory();
  for (i = 0; i < n; i++) {
    if (only && strcmp(only, tests[i].name))
      continue;
    found++;
    if (list)
      puts(tests[i].name);
    else
      run_test(&tests[i]);
  }
  if (list)
    return 0;
  if (only && !found)
    lwt_test_ok(0, "--only", only, "there is a test of that name");
  return lwt_test_done();
}
