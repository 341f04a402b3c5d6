/* t-frame-cancel.c - frames that are cancelled, dropped, or have no memory.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt/test.h>
#include "sem.h"

static void say(void *text)
{
  note(text);
}

/* ---- At each await --------------------------------------------------------- */

struct three {
  struct lwt_frame frame;
  struct lwt_resolver *r;
  int i;
};

LWT_STEP three_step(struct lwt_frame *frame)
{
  struct three *t = (struct three *)frame;

  lwt_begin(t);
  lwt_defer(t, say, (char *)"d1");
  lwt_await(t, lwt_task(t->r));
  note("1");
  lwt_defer(t, say, (char *)"d2");
  for (t->i = 0; t->i < 2; t->i++)
    lwt_await(t, lwt_task(t->r));
  note("2");
  lwt_defer(t, say, (char *)"d3");
  lwt_await(t, lwt_task(t->r));
  note("3");
  lwt_finish(t, 3);
  lwt_end(t);
}

static void each(void)
{
  static const char *const want[] = { "d1", "1 d2 d1", "1 d2 d1", "1 2 d3 d2 d1",
                                      "1 2 3 d3 d2 d1" };
  struct lwt_resolver r;
  lwt_t *p;
  int i, k, drop;

  for (drop = 0; drop <= 1; drop++)
    for (k = 0; k <= 4; k++) {
      r.lwt_private = NULL;
      p = LWT_GO(struct three, three_step, .r = &r);
      for (i = 0; i < k; i++)
        lwt_fulfill(&r, V(1));
      if (drop) {
        lwt_drop(p);
        p = NULL;
      } else {
        lwt_cancel(p);
      }
      ok(noted(want[k]), "%s at await %d: the deferred calls run",
         drop ? "dropped" : "cancelled", k);
      ok(!p || (k < 4 ? canceled(p) : is(p, 3)), "... as %s",
         k < 4 ? "cancelled" : "fulfilled");
      ok(lwt_unwanted(&r), "... and its producer is not wanted any more");
      lwt_abandon(&r);
      lwt_drop(p);
      ok(noted(""), "... once");
      forget();
    }
}

/* ---- Who sees LWT_ECANCELED goes on ---------------------------------------- */

struct stubborn {
  struct lwt_frame frame;
  struct lwt_resolver *r, *s;
  struct lwt_error error;
};

LWT_STEP stubborn_step(struct lwt_frame *frame)
{
  struct stubborn *s = (struct stubborn *)frame;

  lwt_begin(s);
  lwt_await_error(s, &s->error, lwt_task(s->r));
  note(s->error.code == LWT_ECANCELED ? "canceled" : "not canceled");
  lwt_await_error(s, &s->error, lwt_task(s->s));
  note(s->error.code == LWT_ECANCELED ? "canceled" : "not canceled");
  lwt_finish(s, 4);
  lwt_end(s);
}

static void stubborn(void)
{
  struct lwt_resolver r = { NULL }, s = { NULL };
  lwt_t *p = LWT_GO(struct stubborn, stubborn_step, .r = &r, .s = &s);

  lwt_cancel(p);
  ok(noted("canceled") && pending(p), "a frame may take the error and go on");
  lwt_fulfill(&s, V(1));
  ok(noted("not canceled") && is(p, 4), "... one cancel reaches one await");
  lwt_abandon(&r);
  lwt_drop(p);
  p = LWT_GO(struct stubborn, stubborn_step, .r = &r, .s = &s);
  lwt_cancel(p);
  lwt_cancel(p);
  ok(noted("canceled canceled") && is(p, 4), "... each its own");
  lwt_abandon(&r);
  lwt_abandon(&s);
  lwt_drop(p);
  lwt_drop(LWT_GO(struct stubborn, stubborn_step, .r = &r, .s = &s));
  ok(noted("canceled"), "dropped: it sees LWT_ECANCELED");
  lwt_fulfill(&s, V(1));
  lwt_abandon(&s);
  lwt_abandon(&r);
  ok(noted("not canceled") && lwt_live() == 0, "... and may go on to its end");
  forget();
}

/* ---- Itself ---------------------------------------------------------------- */

struct self {
  struct lwt_frame frame;
  lwt_t **me;
  struct lwt_resolver *r, *s;
  char how;
  int defers;
};

LWT_STEP self_step(struct lwt_frame *frame)
{
  struct self *s = (struct self *)frame;

  lwt_begin(s);
  if (s->defers)
    lwt_defer(s, say, (char *)"deferred");
  lwt_await(s, lwt_wait(s->r));
  note("runs");
  if (s->how == 'c') {
    lwt_cancel(*s->me);
  } else {
    lwt_drop(*s->me);
    *s->me = NULL;
  }
  note("still");
  if (s->how == 'D')
    lwt_finish(s, 1);
  if (s->how == 'b')
    lwt_become(s, lwt_task(s->s));
  lwt_await(s, lwt_task(s->s));
  note("done");
  lwt_finish(s, 2);
  lwt_end(s);
}

static void self(void)
{
  struct lwt_resolver r = { NULL }, s = { NULL };
  lwt_t *p = LWT_GO(struct self, self_step, .me = &p, .r = &r, .s = &s, .how = 'c');
  int defers;

  lwt_fulfill(&r, V(1));
  ok(noted("runs still") && pending(p), "a frame that cancels itself: no effect");
  lwt_fulfill(&s, V(1));
  ok(noted("done") && is(p, 2), "... as it waits for nothing then");
  lwt_drop(p);
  lwt_abandon(&s);

  for (defers = 0; defers <= 1; defers++) {
    p = LWT_GO(struct self, self_step, .me = &p, .r = &r, .s = &s, .how = 'd',
               .defers = defers);
    lwt_fulfill(&r, V(1));
    ok(noted(defers ? "runs still deferred" : "runs still") && lwt_unwanted(&s),
       "a frame that drops itself: cancelled at its next await");
    lwt_abandon(&s);
    lwt_drop(p);
    p = LWT_GO(struct self, self_step, .me = &p, .r = &r, .s = &s, .how = 'D',
               .defers = defers);
    lwt_fulfill(&r, V(1));
    ok(noted(defers ? "runs still deferred" : "runs still"), "... or it ends");
    lwt_drop(p);
    p = LWT_GO(struct self, self_step, .me = &p, .r = &r, .s = &s, .how = 'b',
               .defers = defers);
    lwt_fulfill(&r, V(1));
    ok(noted(defers ? "runs still deferred" : "runs still") && lwt_unwanted(&s),
       "... or what it becomes is cancelled");
    lwt_abandon(&s);
    lwt_drop(p);
    ok(lwt_live() == 0, "... and nothing is left");
    forget();
  }
}

/* ---- Deferred calls that wait ---------------------------------------------- */

struct closes {
  struct lwt_frame frame;
  struct lwt_resolver *r, *s;
};

static lwt_t *close_later(void *arg)
{
  note("close");
  return lwt_task(arg);
}

LWT_STEP closes_step(struct lwt_frame *frame)
{
  struct closes *c = (struct closes *)frame;

  lwt_begin(c);
  lwt_defer(c, say, (char *)"closed");
  lwt_defer(c, close_later, c->s);
  lwt_await(c, lwt_task(c->r));
  lwt_end(c);
}

static void closes(void)
{
  struct lwt_resolver r = { NULL }, s = { NULL };
  lwt_t *p = LWT_GO(struct closes, closes_step, .r = &r, .s = &s);

  lwt_cancel(p);
  ok(noted("close") && pending(p), "cancelled: a deferred call may wait");
  lwt_cancel(p);
  ok(pending(p) && !lwt_unwanted(&s), "... and is shielded from a second cancel");
  lwt_fulfill(&s, V(1));
  ok(noted("closed") && canceled(p), "... before the frame is rejected");
  lwt_abandon(&r);
  lwt_drop(p);

  lwt_drop(LWT_GO(struct closes, closes_step, .r = &r, .s = &s));
  ok(noted("close") && !lwt_unwanted(&s), "dropped: the same");
  lwt_fulfill(&s, V(1));
  lwt_abandon(&r);
  ok(noted("closed") && lwt_live() == 0, "... and then it is gone");

  p = LWT_GO(struct closes, closes_step, .r = &r, .s = &s);
  lwt_cancel(p);
  lwt_drop(p);
  ok(noted("close") && !lwt_unwanted(&s),
     "dropped while a deferred call waits: it goes on");
  lwt_fulfill(&s, V(1));
  lwt_abandon(&r);
  ok(noted("closed") && lwt_live() == 0, "... to its end");
  lwt_abandon(&s);
  forget();
}

/* ---- Frames and others ----------------------------------------------------- */

struct waits {
  struct lwt_frame frame;
  lwt_t *p;
};

static void waits_end(void *w)
{
  note("end");
  lwt_drop(((struct waits *)w)->p);
}

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
  lwt_defer(w, waits_end, w);
  lwt_await(w, take(&w->p));
  note("got it");
  lwt_end(w);
}

static void lost_waits(void *literal)
{
  lwt_drop(((struct waits *)literal)->p);
}

static lwt_t *waits(lwt_t *p)
{
  return LWT_GO_OR(struct waits, waits_step, lost_waits, .p = p);
}

static void others(void)
{
  struct lwt_resolver r;
  lwt_t *task = lwt_task(&r), *p = waits(lwt_ref(task)), *q = waits(lwt_ref(task));

  lwt_drop(p);
  ok(noted("end") && pending(task) && pending(q),
     "dropped: what others wait for goes on");
  lwt_cancel(q);
  ok(noted("end") && canceled(task) && canceled(q), "cancelled: it does not");
  lwt_abandon(&r);
  lwt_drop(task);
  lwt_drop(q);

  task = lwt_task(&r);
  p = waits(waits(waits(lwt_ref(task))));
  lwt_cancel(p);
  ok(noted("end end end") && canceled(task), "cancel goes through frames");
  lwt_abandon(&r);
  lwt_drop(task);
  lwt_drop(p);
  lwt_drop(waits(waits(waits(lwt_task(&r)))));
  ok(noted("end end end") && lwt_unwanted(&r), "so does drop, from the inside out");
  lwt_abandon(&r);

  task = lwt_task(&r);
  p = waits(lwt_no_cancel(lwt_ref(task)));
  lwt_cancel(p);
  ok(noted("") && pending(p) && pending(task), "cancel ends at no_cancel");
  lwt_fulfill(&r, V(1));
  ok(noted("got it end") && is(p, 0), "... and the frame gets its value");
  lwt_drop(p);
  lwt_drop(task);

  task = lwt_task(&r);
  p = waits(lwt_protected(lwt_ref(task)));
  lwt_cancel(p);
  ok(noted("end") && canceled(p) && pending(task), "cancel of a frame that awaits a "
     "protected promise");
  lwt_abandon(&r);
  lwt_drop(task);
  lwt_drop(p);
  forget();
}

/* ---- No memory ------------------------------------------------------------- */

struct owner {
  struct lwt_frame frame;
  int *count;
  char large[100000]; /* not from a pool */
};

LWT_STEP owner_step(struct lwt_frame *frame)
{
  struct owner *o = (struct owner *)frame;

  lwt_begin(o);
  ++*o->count;
  lwt_end(o);
}

static void owner_lost(void *literal)
{
  *((struct owner *)literal)->count += 100;
}

static void no_memory(void)
{
  int count = 0;
  lwt_t *p;

  lwt_cleanup();
  lwt_test_memory();
  lwt_test_fail(1, 1);
  p = LWT_GO_OR(struct owner, owner_step, owner_lost, .count = &count);
  lwt_test_fail(0, 0);
  ok(failed(p, LWT_ENOMEM) && count == 100,
     "LWT_GO_OR: no memory: lost() gets the literal");
  lwt_drop(p);
  count = 0;
  p = LWT_GO_OR(struct owner, owner_step, owner_lost, .count = &count);
  ok(is(p, 0) && count == 1, "LWT_GO_OR: else it runs");
  lwt_drop(p);
  lwt_test_fail(1, 1);
  p = LWT_GO(struct owner, owner_step, .count = &count);
  lwt_test_fail(0, 0);
  ok(failed(p, LWT_ENOMEM) && count == 1, "LWT_GO: no memory");
  lwt_drop(p);
  lwt_cleanup();
  ok(lwt_test_counted().held == 0, "... and none is lost");
  lwt_set_allocator(NULL, NULL);
}

SEM_TESTS(frame_cancel, T(each), T(stubborn), T(self), T(closes), T(others),
          ONCE(no_memory))
