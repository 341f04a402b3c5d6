/* t-dump.c - who waits for whom, names, and what a stuck loop says.
 * SPDX-License-Identifier: ISC
 */
#include <lwt/scope.h>
#include <lwt/sync.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef SEM_ALL
#define TEST_LARGE 1
#endif
#include "sem.h"

/* What print(file, arg) writes; numbers of lines become L. */
static char text[200000];

static void dump_all(FILE *out, void *arg)
{
  (void)arg;
  lwt_dump(out);
}

static void dump_one(FILE *out, void *arg)
{
  lwt_dump_one(out, arg);
}

static void simplify(void)
{
  char *from, *to = text;

  for (from = text; *from; from++) {
    *to++ = *from;
    if (from[0] == ':' && from[1] >= '0' && from[1] <= '9') {
      while (from[1] >= '0' && from[1] <= '9')
        from++;
      *to++ = 'L';
    }
  }
  *to = 0;
}

static void capture(void (*print)(FILE *, void *), void *arg)
{
  FILE *file = tmpfile();
  size_t n;

  print(file, arg);
  rewind(file);
  n = fread(text, 1, sizeof text - 1, file);
  text[n] = 0;
  fclose(file);
  simplify();
}

/* Does the dump consist of these lines, after its head and without __FILE__? */
static int shows(const char *want)
{
  const char *s = strchr(text, '\n');
  char got[4000], *to = got;

  for (s = s ? s + 1 : text; *s && to < got + sizeof got - 1;) {
    if (!strncmp(s, __FILE__, strlen(__FILE__))) {
      s += strlen(__FILE__) - strlen("t.c");
      memcpy(to, "t.c", 3);
      to += 3;
      s += 3;
    } else {
      *to++ = *s++;
    }
  }
  *to = 0;
  if (strcmp(got, want) && !lwt_test_muted())
    printf("# got:\n%s# want:\n%s", got, want);
  return !strcmp(got, want);
}

static int count(const char *part)
{
  const char *s = text;
  int n = 0;

  for (; (s = strstr(s, part)); s++)
    n++;
  return n;
}

struct worker {
  struct lwt_frame frame;
  struct lwt_mutex *m;
};

LWT_STEP worker_step(struct lwt_frame *frame)
{
  struct worker *w = (struct worker *)frame;

  lwt_begin(w);
  lwt_await(w, lwt_mutex_lock(w->m));
  lwt_defer(w, free, NULL);
  lwt_await(w, lwt_sleep(LWT_MS(1500)));
  lwt_end(w);
}

static void tree(void)
{
  struct lwt_mutex m = { .locked = 0 };
  struct cb f = { 0 };
  lwt_t *a, *b, *all;

  a = LWT_GO(struct worker, worker_step, .m = &m);
  b = lwt_bind(LWT_GO(struct worker, worker_step, .m = &m), cb_bind, &f);
  lwt_name(b, "second");
  all = lwt_join(LWT_PS(a, b, lwt_pause()));
  capture(dump_all, NULL);
  ok(shows("join at t.c:L, waits for 3 of 3\n"
           "  frame at t.c:L (worker_step), waits at t.c:L\n"
           "    sleep at t.c:L, until 1.500000 s (in 1.500000 s)\n"
           "  bind \"second\" at t.c:L\n"
           "    frame at t.c:L (worker_step), waits at t.c:L\n"
           "      queued at t.c:L, waits for a mutex\n"
           "  queued at t.c:L, paused\n"),
     "a tree: frames with their lines, a name, a deadline, a mutex, a pause");
  lwt_drop(all);
}

static void shared_nodes(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 };
  lwt_t *p = lwt_wait(&r), *a, *b;

  lwt_name(p, "answer");
  a = lwt_bind(lwt_ref(p), cb_bind, &f);
  b = lwt_bind(lwt_ref(p), cb_bind, &f);
  capture(dump_all, NULL);
  is_int(count("wait \"answer\" at"), 2, "what two wait for is named below both");
  is_int(count(", see there"), 1, "... and the second time it says so");
  capture(dump_all, NULL);
  is_int(count(", see there"), 1, "the marks of a dump are gone after it");
  capture(dump_one, a);
  is_int(count("bind at"), 1, "lwt_dump_one: one of them");
  lwt_drop(a);
  lwt_drop(b);
  lwt_drop(p);
  lwt_abandon(&r);
}

static lwt_t *take_then(void *env, void *value)
{
  lwt_t *p = *(lwt_t **)env;

  (void)value;
  *(lwt_t **)env = NULL;
  return p;
}

/* Two that wait for each other, one of them through a shield, which cancel opens. */
static void ring(void)
{
  struct lwt_resolver r[2];
  lwt_t *gate[2] = { lwt_wait(&r[0]), lwt_wait(&r[1]) }, *p[2], *held[2];

  p[0] = lwt_wrap_in_cancelable(lwt_bind(gate[0], take_then, &held[1]));
  p[1] = lwt_bind(gate[1], take_then, &held[0]);
  held[0] = lwt_ref(p[0]);
  held[1] = lwt_ref(p[1]);
  lwt_fulfill(&r[0], NULL);
  lwt_fulfill(&r[1], NULL);
  capture(dump_all, NULL);
  if (pending(p[0]) && pending(p[1])) {
    is_int(count("\n"), 4, "a ring of two: each once, and the first again");
    is_int(count(", a ring"), 1, "... which says that it is one");
  }
  lwt_cancel(p[0]);
  lwt_drop(p[0]);
  lwt_drop(p[1]);
  lwt_drop(held[0]);
  lwt_drop(held[1]);
}

static lwt_t *scope_body(struct lwt_scope *scope, void *env)
{
  (void)scope;
  return lwt_task(env);
}

static void scopes(void)
{
  struct lwt_resolver r = { NULL };
  lwt_t *p = lwt_scope(scope_body, &r);

  if (pending(p)) {
    capture(dump_all, NULL);
    ok(count("task") + count("wait at") >= 1, "what a scope waits for is shown");
  }
  lwt_drop(p);
  lwt_abandon(&r);
}

static void names(void)
{
  char longest[100];
  struct lwt_resolver r;
  lwt_t *p = lwt_wait(&r), *q = lwt_return(V(1));
  int error;

  memset(longest, 'x', sizeof longest);
  longest[99] = 0;
  ok(!lwt_name_of(p), "no name at first");
  if ((error = lwt_name(p, "one")) == 0 && pending(p))
    is_str(lwt_name_of(p), "one", "a name");
  ok(error == 0 || error == LWT_ENOMEM, "lwt_name: 0 or LWT_ENOMEM");
  if (lwt_name(p, longest) == 0 && pending(p))
    is_int(strlen(lwt_name_of(p)), LWT_NAME_MAX, "another, cut at the limit");
  ok(lwt_name(q, "value") == 0 && !lwt_name_of(q), "a value takes no name");
  lwt_drop(p);
  lwt_abandon(&r);
  p = lwt_wait(&r);
  ok(!lwt_name_of(p), "a new promise has not the name of one that is gone");
  lwt_drop(p);
  lwt_abandon(&r);
}

/* Everything that a line can say of a promise. */
static lwt_t *dump_here(void *env, void *value)
{
  capture(dump_all, NULL);
  (void)value;
  return env ? lwt_ref(env) : lwt_return(NULL);
}

static void states(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 };
  lwt_t *never = lwt_sleep_until(LWT_NEVER), *due = lwt_sleep(0), *p, *q;

  capture(dump_all, NULL);
  if (pending(never) && pending(due)) {
    is_int(count("sleep at " __FILE__ ":L, without end\n"), 1, "a sleep without end");
    is_int(count("until 0.000000 s (due)\n"), 1, "a sleep that is due");
  }
  capture(dump_one, due);
  is_int(count("\n"), pending(due), "lwt_dump_one: one that waits for nothing else");
  lwt_drop(never);
  lwt_run_ready();
  text[0] = 0;
  capture(dump_one, due);
  is_str(text, "", "lwt_dump_one: nothing to say of what has settled");
  lwt_drop(due);

  text[0] = 0;
  p = lwt_wait(&r);
  q = lwt_bind(lwt_ref(p), dump_here, NULL);
  p = lwt_bind(p, cb_bind, &f);
  lwt_fulfill(&r, NULL);
  if (text[0] && f.calls) {
    is_int(count(", running\n"), 1, "whose callback runs");
    is_int(count(", ready\n"), 1, "... and whose callback is the next");
  }
  lwt_drop(p);
  lwt_drop(q);
}

static void many_names(void)
{
  enum { N = 300 };
  lwt_t *p[N];
  char name[16];
  int i, wrong = 0, named[N];

  for (i = 0; i < N; i++) {
    snprintf(name, sizeof name, "number %d", i);
    p[i] = lwt_sleep(1 + (uint64_t)i);
    named[i] = !pending(p[i]) || lwt_name(p[i], name) != 0;
  }
  for (i = 0; i < N; i += 3)
    lwt_drop(p[i]);
  for (i = 0; i < N; i++) {
    snprintf(name, sizeof name, "number %d", i);
    if (i % 3 && !named[i])
      wrong += !same(lwt_name_of(p[i]), name);
  }
  is_int(wrong, 0, "three hundred names, each found, also when others are gone");
  for (i = 0; i < N; i++)
    if (i % 3)
      lwt_drop(p[i]);
}

static lwt_t *again(void *env, void *value)
{
  (void)value;
  if (--*(int *)env == 0)
    return lwt_return(NULL);
  return lwt_bind(lwt_pause(), again, env);
}

/* A named thread that goes on and on keeps its name, and takes no more room. */
static void named_loop(void)
{
  int n = 1000;
  size_t most = 0;
  lwt_t *p = lwt_map(lwt_bind(lwt_pause(), again, &n), cb_map, &(struct cb){ 0 });
  lwt_t *inner = lwt_bind(lwt_pause(), again, &(int){ 3 });
  int named = !lwt_name(inner, "inner");

  inner = lwt_map(inner, cb_map, &(struct cb){ 0 });
  lwt_run_ready();
  if (named && pending(inner)) {
    capture(dump_all, NULL);
    is_int(count("\"inner\""), 1, "a bind that became another keeps its name");
  }
  lwt_name(p, "loop");
  while (pending(p)) {
    lwt_run_ready();
    most = lwt_live() > most ? lwt_live() : most;
  }
  ok(most <= 8, "a named loop is constant (%zu promises)", most);
  lwt_drop(p);
  lwt_drop(inner);
}

static void dump_in_defer(void *arg)
{
  capture(dump_all, NULL);
  (void)arg;
}

LWT_STEP cleaner_step(struct lwt_frame *frame)
{
  lwt_begin(frame);
  lwt_defer(frame, dump_in_defer, NULL);
  lwt_await(frame, lwt_pause());
  lwt_end(frame);
}

/* What it waited for is gone while its deferred calls run. */
static void from_cleanup(void)
{
  lwt_t *p = LWT_GO(struct worker, cleaner_step, .m = NULL);

  text[0] = 0;
  lwt_run_ready();
  if (lwt_state(p) == LWT_FULFILLED)
    is_int(count("cleaning up\n"), 1, "a frame that dumps while it cleans up");
  lwt_drop(p);
}

#ifdef TEST_LARGE
enum { MANY = 1000000 };

static void large(void)
{
  lwt_t **ps = malloc(MANY * sizeof *ps), *p;
  struct lwt_resolver r;
  struct cb f = { 0 };
  int i;

  p = lwt_wait(&r);
  for (i = 0; i < MANY; i++)
    p = lwt_bind(p, cb_bind, &f);
  capture(dump_all, NULL);
  is_int(count("bind at"), 16, "a line of a million: the first 16");
  is_int(count("... 999984 more, down to"), 1, "... the number of the others");
  is_int(count("wait at"), 1, "... and its end");
  lwt_drop(p);
  lwt_abandon(&r);

  for (i = 0; i < MANY; i++)
    ps[i] = lwt_sleep(LWT_S(1));
  p = lwt_join(MANY, ps);
  capture(dump_all, NULL);
  is_int(count("sleep at"), 16, "a join of a million: 16 inputs");
  is_int(count("... 999984 more\n"), 1, "... and the number of the others");
  lwt_drop(p);

  for (i = 0; i < 1000; i++)
    ps[i] = lwt_sleep(LWT_S(1));
  capture(dump_all, NULL);
  is_int(count("sleep at"), 64, "a thousand trees: 64");
  is_int(count("... and 936 more trees\n"), 1, "... and the number of the others");
  for (i = 0; i < 1000; i++)
    lwt_drop(ps[i]);
  free(ps);
}

static void run_stuck(FILE *out, void *arg)
{
  int before = dup(2);

  dup2(fileno(out), 2);
  lwt_run(arg);
  dup2(before, 2);
  close(before);
}

static void stuck(void)
{
  struct lwt_mutex m = { .locked = 1 };
  lwt_t *p = LWT_GO(struct worker, worker_step, .m = &m);

  lwt_name(p, "dinner");
  capture(run_stuck, p);
  ok(!strncmp(text, "lwt_run: nothing can wake this loop", 35), "a stuck loop says so");
  ok(count("frame \"dinner\" at") == 1 && count("waits for a mutex") == 1,
     "... and who is stuck, and at what");
}
#endif

SEM_TESTS(dump, T(tree), T(shared_nodes), T(ring), T(scopes), T(names), T(named_loop),
          T(from_cleanup), T(states), ONCE(many_names),
#ifdef TEST_LARGE
          T(large), T(stuck),
#endif
)
