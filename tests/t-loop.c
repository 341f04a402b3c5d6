/* t-loop.c - the run loop, its engine, and seeing what happens.
 * SPDX-License-Identifier: ISC
 */
#include <stdlib.h>
#include <unistd.h>

#include "sem.h"

/* An engine that notes what it is asked. */
struct watched {
  struct lwt_engine engine;
  uint64_t time, deadline;
  int waits, polls, error;
  struct lwt_resolver *event; /* settled by the next wait */
};

static uint64_t watched_now(struct lwt_engine *engine)
{
  return ((struct watched *)engine)->time;
}

static int watched_wait(struct lwt_engine *engine, uint64_t deadline)
{
  struct watched *w = (struct watched *)engine;

  note("wait");
  w->waits++;
  w->polls += deadline == 0;
  w->deadline = deadline;
  if (w->error)
    return w->error;
  if (w->event) {
    lwt_fulfill(w->event, V(1));
    w->event = NULL;
  } else if (deadline == LWT_NEVER) {
    return LWT_EDEADLK;
  } else if (deadline > w->time) {
    w->time = deadline;
  }
  return 0;
}

static struct watched watched;

static void watch(void)
{
  watched = (struct watched){ .engine = { watched_now, watched_wait } };
  lwt_set_engine(&watched.engine);
}

/* ---- lwt_run ------------------------------------------------------------------ */

static void run(void)
{
  struct lwt_resolver r;
  struct lwt_error e;
  void *value = NULL;
  lwt_t *p;

  watch();
  e = lwt_run_value(lwt_return(V(3)), &value);
  ok(e.code == 0 && value == V(3), "run: fulfilled: its value");
  e = lwt_run_value(lwt_fail(LWT_EIO, "disk"), &value);
  ok(e.code == LWT_EIO && !strcmp(e.what, "disk"), "run: rejected: its error");
  ok(watched.waits == 0, "... without asking the engine");
  p = lwt_wait(&r);
  watched.event = &r;
  e = lwt_run_value(p, &value);
  ok(e.code == 0 && value == V(1) && watched.waits == 1 && watched.deadline == LWT_NEVER,
     "run: waits for an event, without a deadline");
  watched.waits = 0;
  e = lwt_run_value(lwt_sleep(LWT_S(3)), &value);
  ok(e.code == 0 && watched.waits == 1 && watched.deadline == LWT_S(3),
     "run: waits until the next deadline");
  p = lwt_wait(&r);
  watched.waits = 0;
  lwt_fulfill(&r, V(2));
  e = lwt_run_value(lwt_ref(p), &value);
  ok(e.code == 0 && value == V(2) && watched.waits == 0, "run: settled meanwhile");
  lwt_drop(p);
  forget();
}

static void run_errors(void)
{
  struct lwt_resolver r;
  struct cb c = { .name = "cleanup" };
  struct lwt_error e;

  watch();
  e = lwt_run_value(lwt_finalize(lwt_wait(&r), cb_finalize, &c), NULL);
  ok(e.code == LWT_EDEADLK && !strcmp(e.what, "lwt_run"),
     "run: nothing can wake the loop: LWT_EDEADLK");
  ok(noted("wait cleanup") && lwt_unwanted(&r), "... and the promise is dropped");
  lwt_abandon(&r);
  watched.error = LWT_EIO;
  e = lwt_run_value(lwt_sleep(LWT_S(1)), NULL);
  ok(e.code == LWT_EIO, "run: the engine's own error");
  ok(lwt_timers() == 0, "... and the promise is dropped");
  forget();

  lwt_set_engine(NULL);
  e = lwt_run_value(lwt_wait(&r), NULL);
  ok(e.code == LWT_ENOSYS && lwt_now() == 0, "run: no engine: LWT_ENOSYS");
  lwt_abandon(&r);
  e = lwt_run_value(lwt_return(V(1)), NULL);
  ok(e.code == 0, "... unless there is nothing to wait for");
}

static lwt_t *run_inside(void *env, void *value)
{
  struct lwt_resolver r;
  struct lwt_error *e = env;

  (void)value;
  e[0] = lwt_run_value(lwt_pause(), NULL);
  e[1] = lwt_run_value(lwt_task(&r), NULL);
  e[2].code = lwt_unwanted(&r);
  lwt_abandon(&r);
  return lwt_return(V(5));
}

static void run_nested(void)
{
  struct lwt_error e[3] = { { 0 } }, outer;
  void *value = NULL;

  watch();
  outer = lwt_run_value(lwt_bind(lwt_pause(), run_inside, e), &value);
  ok(e[0].code == LWT_EBUSY && e[1].code == LWT_EBUSY, "run inside run: LWT_EBUSY");
  ok(e[2].code == 1, "... and the promise is dropped");
  ok(outer.code == 0 && value == V(5), "... the outer one goes on");
  forget();
}

static void run_again(void)
{
  struct lwt_resolver r;
  struct cb f = { .name = "f" };
  lwt_t *p;

  watch();
  p = lwt_map(lwt_wait(&r), cb_map, &f);
  (void)lwt_run_value(lwt_sleep(LWT_MS(1)), NULL);
  ok(noted("wait") && pending(p), "run: others stay pending between runs");
  watched.event = &r;
  (void)lwt_run_value(p, NULL);
  ok(noted("wait f"), "... and go on in the next");
  lwt_abandon(&r);
}

/* ---- A turn --------------------------------------------------------------------- */

static void turn(void)
{
  struct cb p = { .name = "paused" }, t = { .name = "timer" }, q = { .name = "queued" };
  struct lwt_resolver r;

  watch();
  lwt_on_success(lwt_sleep(0), cb_value, &t);
  lwt_on_success(lwt_pause(), cb_value, &p);
  lwt_on_success(lwt_wait(&r), cb_value, &q);
  watched.event = &r;
  (void)lwt_run_value(lwt_sleep(LWT_S(1)), NULL);
  ok(noted("paused timer wait queued wait"),
     "ORD-08 (differs) a turn: what is paused, timers, then the engine");
  lwt_run_ready();
  lwt_abandon(&r);
}

static lwt_t *pauses(void *env, void *value)
{
  (void)value;
  return --*(int *)env ? lwt_bind(lwt_pause(), pauses, env) : lwt_return(V(1));
}

static lwt_t *naps(void *env, void *value)
{
  (void)value;
  return --*(int *)env ? lwt_bind(lwt_sleep(0), naps, env) : lwt_return(V(1));
}

static lwt_t *late_naps(void *env, void *value)
{
  (void)value;
  return --*(int *)env ? lwt_bind(lwt_sleep_until(1), late_naps, env) : lwt_return(V(1));
}

static void fair(void)
{
  int n = 1000;

  watch();
  (void)lwt_run_value(lwt_bind(lwt_pause(), pauses, &n), NULL);
  ok(n == 0 && watched.waits >= 10 && watched.waits == watched.polls,
     "a loop of pauses does not keep events away (%d looks, %d waits)", watched.polls,
     watched.waits - watched.polls);
  n = 1000;
  watched.waits = 0;
  (void)lwt_run_value(lwt_bind(lwt_sleep(0), naps, &n), NULL);
  ok(n == 0 && watched.waits >= 900, "... nor does a loop of sleeps of 0 (%d)",
     watched.waits);
  n = 1000;
  watched.waits = 0;
  watched.time = LWT_S(1);
  lwt_drop(lwt_sleep(LWT_S(1)));
  (void)lwt_run_value(lwt_bind(lwt_sleep_until(1), late_naps, &n), NULL);
  ok(n == 0 && watched.waits >= 900, "... or of deadlines that have passed (%d)",
     watched.waits);
  forget();
}

static void ready(void)
{
  struct lwt_resolver r;
  struct cb f = { .name = "f" };
  lwt_t *p, *q;

  watch();
  watched.time = 100;
  ok(lwt_run_ready() == LWT_NEVER, "lwt_run_ready: nothing: LWT_NEVER");
  p = lwt_sleep(50);
  ok(lwt_run_ready() == 150 && pending(p), "... a timer: its deadline");
  q = lwt_bind(lwt_pause(), pauses, &(int){ 3 });
  ok(lwt_run_ready() == 100 && pending(q), "... still paused: now");
  lwt_drop(q);
  watched.time = 149;
  ok(lwt_run_ready() == 150 && pending(p), "... not yet");
  watched.time = 150;
  ok(lwt_run_ready() == LWT_NEVER && !pending(p), "... due: fired");
  lwt_drop(p);
  p = lwt_map(lwt_wait(&r), cb_map, &f);
  lwt_fulfill(&r, V(1));
  ok(noted("f"), "callbacks do not wait for the loop");
  lwt_drop(p);
  ok(watched.waits == 0, "... nor does lwt_run_ready ask the engine");
}

/* ---- Seeing what happens ----------------------------------------------------------- */

/* Runs act with stderr in a file; returns what came. */
static const char *on_stderr(void (*act)(void))
{
  static char text[1000];
  FILE *file = tmpfile();
  int saved = dup(2);
  size_t n;

  fflush(stderr);
  dup2(fileno(file), 2);
  act();
  fflush(stderr);
  dup2(saved, 2);
  close(saved);
  rewind(file);
  n = fread(text, 1, sizeof text - 1, file);
  text[n] = 0;
  fclose(file);
  return text;
}

static const char *made;

static void lose(void)
{
  lwt_t *p = lwt_fail(LWT_EIO, "disk"); made = LWT_WHERE;

  lwt_async(p);
}

static void run_failing(void)
{
  int code = lwt_run(lwt_fail(LWT_ENOENT, "open"));

  made = code == LWT_ENOENT ? "the code" : "another code";
}

static int lines(const char *s)
{
  int n = 0;

  for (; *s; s++)
    n += *s == '\n';
  return n;
}

static void prints(void)
{
  const char *text;

  lwt_on_lost(NULL);
  text = on_stderr(lose);
  ok(lines(text) == 1 && strstr(text, "disk") && strstr(text, made) &&
     strstr(text, lwt_strerror(LWT_EIO)),
     "ASY-06 (differs) a lost rejection is one line on stderr, and the program goes on");
  lwt_on_lost(sem_on_lost);
  text = on_stderr(run_failing);
  ok(lines(text) == 1 && strstr(text, "open") && strstr(text, lwt_strerror(LWT_ENOENT)),
     "lwt_run: prints the error");
  is_str(made, "the code", "... and returns its code");
}

static void errors(void)
{
  static const int codes[] = {
    LWT_EPERM, LWT_ENOENT, LWT_EINTR, LWT_EIO, LWT_EBADF, LWT_EAGAIN, LWT_ENOMEM,
    LWT_EACCES, LWT_EBUSY, LWT_EEXIST, LWT_ENODEV, LWT_ENOTDIR, LWT_EISDIR, LWT_EINVAL,
    LWT_EMFILE, LWT_EFBIG, LWT_ENOSPC, LWT_EROFS, LWT_EPIPE, LWT_ERANGE, LWT_EDEADLK,
    LWT_ENAMETOOLONG, LWT_ENOSYS, LWT_ENODATA, LWT_EPROTO, LWT_EBADMSG, LWT_EMSGSIZE,
    LWT_ENOTSUP, LWT_EADDRINUSE, LWT_EADDRNOTAVAIL, LWT_ENETDOWN, LWT_ENETUNREACH,
    LWT_ECONNABORTED, LWT_ECONNRESET, LWT_ENOBUFS, LWT_EISCONN, LWT_ENOTCONN,
    LWT_ESHUTDOWN, LWT_ETIMEDOUT, LWT_ECONNREFUSED, LWT_EHOSTUNREACH, LWT_EALREADY,
    LWT_ECANCELED, LWT_EOF
  };
  enum { N = sizeof codes / sizeof *codes };
  int i, k, same = 0;

  for (i = 0; i < N; i++) {
    ok(codes[i] < 0 && lwt_strerror(codes[i])[0] &&
         strcmp(lwt_strerror(codes[i]), "error"),
       "lwt_strerror: %d: %s", codes[i], lwt_strerror(codes[i]));
    for (k = 0; k < i; k++)
      same += codes[i] == codes[k] ||
              !strcmp(lwt_strerror(codes[i]), lwt_strerror(codes[k]));
  }
  is_int(same, 0, "... each code has a number and a text of its own");
  ok(strcmp(lwt_strerror(LWT_EIO), lwt_strerror(LWT_ENOMEM)), "lwt_strerror");
  ok(lwt_strerror(LWT_ECANCELED)[0] && lwt_strerror(LWT_EDEADLK)[0], "... of our own");
  is_str(lwt_strerror(-9999), "error", "... of a code that it does not know");
  is_str(lwt_strerror(7), "error", "... of what is no code");
}

struct idle {
  struct lwt_frame frame;
  struct lwt_resolver *r;
};

LWT_STEP idle_step(struct lwt_frame *frame)
{
  struct idle *i = (struct idle *)frame;

  lwt_begin(i);
  lwt_await(i, lwt_task(i->r));
  lwt_end(i);
}

static lwt_t *with_body(void *env, void *arg)
{
  (void)env;
  return lwt_wait(arg);
}

static char *dump_text(void)
{
  FILE *file = tmpfile();
  char *text;
  long n;

  lwt_dump(file);
  n = ftell(file);
  text = calloc(1, (size_t)n + 1);
  rewind(file);
  if (fread(text, 1, (size_t)n, file) != (size_t)n)
    text[0] = 0;
  fclose(file);
  return text;
}

/* The text has "name at where". */
static int has(const char *text, const char *name, const char *where)
{
  char want[200];

  snprintf(want, sizeof want, "\n%s at %s", name, where);
  return strstr(text, want) != NULL;
}

/* One promise of each kind and the line where it was made. */
static void dump(void)
{
  static const char *const names[] = { "bind", "map", "catch", "try_bind", "finalize",
    "join", "all", "choose", "pick", "nchoose", "npick", "nchoose_split", "protected",
    "no_cancel", "wrap_in_cancelable", "queued", "sleep", "timeout", "with", "frame" };
  enum { N = sizeof names / sizeof *names };
  struct lwt_resolver r, s = { NULL }, t = { NULL };
  struct cb f = { 0 };
  const char *w[N + 1];
  lwt_t *a = lwt_wait(&r), *p[N];
  char *text;
  int i = 0, k;

  p[i] = lwt_bind(lwt_ref(a), cb_bind, &f); w[i++] = LWT_WHERE;
  p[i] = lwt_map(lwt_ref(a), cb_map, &f); w[i++] = LWT_WHERE;
  p[i] = lwt_catch(lwt_ref(a), cb_catch, &f); w[i++] = LWT_WHERE;
  p[i] = lwt_try_bind(lwt_ref(a), cb_bind, cb_catch, &f); w[i++] = LWT_WHERE;
  p[i] = lwt_finalize(lwt_ref(a), cb_finalize, &f); w[i++] = LWT_WHERE;
  p[i] = lwt_join(LWT_PS(lwt_ref(a))); w[i++] = LWT_WHERE;
  p[i] = lwt_all(LWT_PS(lwt_ref(a))); w[i++] = LWT_WHERE;
  p[i] = lwt_choose(LWT_PS(lwt_ref(a))); w[i++] = LWT_WHERE;
  p[i] = lwt_pick(LWT_PS(lwt_ref(a))); w[i++] = LWT_WHERE;
  p[i] = lwt_nchoose(LWT_PS(lwt_ref(a))); w[i++] = LWT_WHERE;
  p[i] = lwt_npick(LWT_PS(lwt_ref(a))); w[i++] = LWT_WHERE;
  p[i] = lwt_nchoose_split(LWT_PS(lwt_ref(a))); w[i++] = LWT_WHERE;
  p[i] = lwt_protected(lwt_ref(a)); w[i++] = LWT_WHERE;
  p[i] = lwt_no_cancel(lwt_ref(a)); w[i++] = LWT_WHERE;
  p[i] = lwt_wrap_in_cancelable(lwt_ref(a)); w[i++] = LWT_WHERE;
  p[i] = lwt_pause(); w[i++] = LWT_WHERE;
  p[i] = lwt_sleep(LWT_S(1)); w[i++] = LWT_WHERE;
  p[i] = lwt_timeout(LWT_S(1)); w[i++] = LWT_WHERE;
  p[i] = lwt_with(1, with_body, &s, NULL); w[i++] = LWT_WHERE;
  p[i] = LWT_GO(struct idle, idle_step, .r = &t); w[i++] = LWT_WHERE;
  text = dump_text();
  for (k = 0; k < N; k++)
    ok(has(text, names[k], w[k]), "lwt_dump: %s, made at this line", names[k]);
  if (strstr(text, "until 1.000000 s"))
    ok(1, "lwt_dump: when a timer fires");
  ok(lines(text) >= (int)lwt_live(), "lwt_dump: a line for each promise");
  free(text);
  for (k = 0; k < N; k++)
    lwt_drop(p[k]);
  lwt_drop(a);
  lwt_abandon(&r);
  lwt_abandon(&s);
  lwt_abandon(&t);
  text = dump_text();
  ok(lines(text) == 1 && lwt_live() == 0, "lwt_dump: nothing is pending");
  free(text);
}

static void live(void)
{
  struct lwt_resolver r;
  lwt_t *p = lwt_wait(&r), *q = lwt_return(V(1)), *s = lwt_return_owned(V(1), NULL);

  ok(lwt_live() >= 1 && lwt_cleanup() == lwt_live(),
     "lwt_cleanup: gives nothing back while promises live");
  lwt_fulfill(&r, V(1));
  ok(is(p, 1) && lwt_live() >= 1, "lwt_live: counts what is settled and held");
  lwt_drop(p);
  lwt_drop(q);
  lwt_drop(s);
  ok(lwt_live() == 0 && lwt_cleanup() == 0 && lwt_cleanup() == 0,
     "lwt_cleanup: then it does");
}

SEM_TESTS(loop, T(run), T(run_errors), T(run_nested), T(run_again), T(turn), ONCE(fair),
          T(ready), ONCE(prints), T(errors), ONCE(dump), ONCE(live))
