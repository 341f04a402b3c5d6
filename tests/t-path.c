/* t-path.c - what a rejection has passed, and callbacks that take too long; BTB.
 * SPDX-License-Identifier: ISC
 */
#include "sem.h"

/* The end of a path is line `line` of this file. */
static int at(const char *where, int line)
{
  char want[200];

  snprintf(want, sizeof want, "%s:%d", __FILE__, line);
  return where && !strncmp(where, want, strlen(want)) &&
         (where[strlen(want)] < '0' || where[strlen(want)] > '9');
}

static void plain_path(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 };
  struct lwt_path path = { 0 };
  lwt_t *p;
  int line, before = lwt_debug(1);

  p = lwt_wait(&r); line = __LINE__;
  p = lwt_bind(p, cb_bind, &f);
  p = lwt_map(p, cb_map, &f);
  p = lwt_finalize(p, cb_finalize, &f);
  ok(!lwt_path(p, &path), "a pending promise has no path");
  lwt_reject(&r, LWT_EIO, "read");
  ok(failed(p, LWT_EIO) && lwt_path(p, &path), "a rejected one has");
  ok(at(path.origin, line + 5), "where it was made");
  is_int(path.hops, 3, "BTB-01 BTB-04 it passed a bind, a map and a finalize");
  ok(at(path.where[0], line + 1) && at(path.where[1], line + 2) &&
     at(path.where[2], line + 3), "... at these lines");
  p = lwt_bind(p, cb_bind, &f); line = __LINE__;
  ok(failed(p, LWT_EIO) && lwt_path(p, &path) && path.hops == 4 &&
     at(path.where[3], line), "BTB-01 a bind of what is rejected already");
  p = lwt_finalize(p, cb_finalize, &f); line = __LINE__;
  ok(failed(p, LWT_EIO) && lwt_path(p, &path) && path.hops == 5 &&
     at(path.where[4], line), "BTB-04 a finalize of what is rejected already");
  lwt_drop(p);
  lwt_debug(before);
}

static struct lwt_path seen;

static lwt_t *look(void *env, struct lwt_error error)
{
  (void)error;
  *(int *)env = lwt_path(NULL, &seen);
  return lwt_return(NULL);
}

static void handlers(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 };
  int there = 0, line, before = lwt_debug(1);
  lwt_t *p = lwt_wait(&r);

  p = lwt_bind(p, cb_bind, &f); line = __LINE__;
  p = lwt_catch(p, look, &there);
  lwt_reject(&r, LWT_EIO, "read");
  ok(there && seen.error.code == LWT_EIO && seen.hops == 1 && at(seen.where[0], line),
     "BTB-02 the handler of a catch can ask for the path");
  ok(same(seen.error.what, "read"), "... of this rejection");
  lwt_drop(p);
  there = 0;
  p = lwt_wait(&r);
  p = lwt_bind(p, cb_bind, &f); line = __LINE__;
  p = lwt_try_bind(p, cb_bind, look, &there);
  lwt_reject(&r, LWT_EIO, "read");
  ok(there && seen.error.code == LWT_EIO && seen.hops == 1 && at(seen.where[0], line),
     "BTB-03 that of a try_bind, too");
  lwt_drop(p);
  there = 0;
  p = lwt_catch(lwt_fail(LWT_EPIPE, "write"), look, &there); line = __LINE__;
  ok(there && seen.error.code == LWT_EPIPE && at(seen.origin, line) && seen.hops == 0,
     "BTB-02 a new rejection has no hops");
  lwt_drop(p);
  lwt_debug(before);
}

struct passing {
  struct lwt_frame frame;
  lwt_t *p;
};

static int await_line;

LWT_STEP passing_step(struct lwt_frame *frame)
{
  struct passing *f = (struct passing *)frame;

  lwt_begin(f);
  await_line = __LINE__ + 1;
  lwt_await(f, f->p);
  lwt_end(f);
}

static void awaits(void)
{
  struct lwt_resolver r;
  struct lwt_path path = { 0 };
  int line, before = lwt_debug(1);
  lwt_t *p = lwt_wait(&r), *q;

  p = LWT_GO(struct passing, passing_step, .p = p);
  p = LWT_GO(struct passing, passing_step, .p = p);
  lwt_reject(&r, LWT_EIO, "read");
  ok(failed(p, LWT_EIO) && lwt_path(p, &path) && path.hops == 2 &&
     at(path.where[0], await_line) && at(path.where[1], await_line),
     "two awaits, by their lines");
  q = LWT_GO(struct passing, passing_step, .p = p);
  ok(failed(q, LWT_EIO) && lwt_path(q, &path) && path.hops == 3 &&
     at(path.where[2], await_line), "an await of what is rejected already");
  lwt_drop(q);
  p = lwt_wait(&r);
  p = lwt_join(LWT_PS(lwt_return(NULL), p, lwt_return(NULL))); line = __LINE__;
  lwt_reject(&r, LWT_EIO, "read");
  ok(failed(p, LWT_EIO) && lwt_path(p, &path) && path.hops == 1 &&
     at(path.where[0], line), "a join is a hop");
  lwt_drop(p);
  lwt_debug(before);
}

/* The first and the last of a thousand. */
static void bounded(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 };
  struct lwt_path path = { 0 };
  int i, first, last, before = lwt_debug(1);
  lwt_t *p = lwt_wait(&r);

  p = lwt_bind(p, cb_bind, &f); first = __LINE__;
  for (i = 0; i < 998; i++)
    p = lwt_bind(p, cb_bind, &f);
  p = lwt_bind(p, cb_bind, &f); last = __LINE__;
  lwt_reject(&r, LWT_EIO, "read");
  ok(failed(p, LWT_EIO) && lwt_path(p, &path) && path.hops == 1000,
     "a path of a thousand");
  ok(at(path.where[0], first) && at(path.where[1], first + 2) &&
     at(path.where[14], first + 2) && at(path.where[15], last),
     "... the first eight and the last eight");
  lwt_drop(p);
  lwt_debug(before);
}

static int reported;

static void on_lost(struct lwt_error error, const char *where)
{
  (void)error;
  (void)where;
  reported += lwt_path(NULL, &seen);
}

static void reports(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 };
  int line, before = lwt_debug(1);
  lwt_t *p;

  reported = 0;
  lwt_on_lost(on_lost);
  memset(&seen, 0, sizeof seen);
  p = lwt_bind(lwt_wait(&r), cb_bind, &f); line = __LINE__;
  (void)lwt_name(p, "errand");
  lwt_async(p);
  lwt_reject(&r, LWT_EIO, "read");
  is_int(reported, 1, "a lost rejection is reported once");
  is_str(seen.name, "errand", "... with the name of the promise");
  ok(seen.error.code == LWT_EIO && seen.hops == 1 && at(seen.where[0], line),
     "... and its path");
  lwt_on_lost(NULL);
  lwt_debug(before);
}

/* The outcomes are the same with and without. */
static void off(void)
{
  struct lwt_resolver r;
  struct cb f = { 0 };
  struct lwt_path path = { 0 };
  lwt_t *p = lwt_bind(lwt_wait(&r), cb_bind, &f);
  int before = lwt_debug(0), line = __LINE__ + 2;

  lwt_reject(&r, LWT_EIO, "read");
  ok(failed(p, LWT_EIO) && lwt_path(p, &path) && path.hops == 0 &&
     at(path.origin, line),
     "BTB-01 without lwt_debug() there is the origin and no path");
  lwt_drop(p);
  lwt_debug(before);
}

/* ---- Stalls ------------------------------------------------------------------ */

static struct lwt_stall stall;
static int stalls;
static char stall_name[20];

static void on_stall(const struct lwt_stall *s)
{
  stall = *s;
  snprintf(stall_name, sizeof stall_name, "%s", s->name ? s->name : "");
  stalls++;
}

static lwt_t *hold(void *env, void *value)
{
  struct lwt_virtual *v = (struct lwt_virtual *)(void *)lwt_get_engine();

  (void)value;
  v->time += *(uint64_t *)env;
  return lwt_return(NULL);
}

static void too_long(void)
{
  uint64_t brief = LWT_MS(10), lengthy = brief + 1;
  int line;
  lwt_t *p, *q;

  stalls = 0;
  lwt_stall_limit(LWT_MS(10), on_stall);
  p = lwt_bind(lwt_pause(), hold, &brief);
  lwt_run_ready();
  is_int(stalls, 0, "a callback that takes as long as it may");
  lwt_drop(p);
  p = lwt_bind(lwt_pause(), hold, &lengthy); line = __LINE__;
  (void)lwt_name(p, "hog");
  lwt_run_ready();
  is_int(stalls, 1, "one that takes longer is reported");
  ok(stall.duration == lengthy && at(stall.where, line), "... how long, and which");
  ok(same(stall.kind, "bind"), "... what it is");
  is_str(stall_name, "hog", "... and its name");
  lwt_drop(p);
  stalls = 0;
  lwt_stall_limit(0, NULL);
  q = lwt_bind(lwt_pause(), hold, &lengthy);
  lwt_run_ready();
  is_int(stalls, 0, "no reports without a limit");
  lwt_drop(q);
}

SEM_TESTS(path, T(plain_path), T(handlers), ONCE(awaits), T(bounded), T(reports), T(off),
          T(too_long))
