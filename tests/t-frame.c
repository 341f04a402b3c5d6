/* t-frame.c - threads in direct style: everything in lwt/frame.h but cancel.
 * SPDX-License-Identifier: ISC
 *
 * t-frame-cancel.c has cancel and drop.
 */
#include <stdlib.h>

#include "sem.h"

/* ---- Where an await may stand ---------------------------------------------- */

struct walk {
  struct lwt_frame frame;
  struct lwt_resolver *r; /* the promise that is awaited now; NULL: a settled one */
  int how;
  intptr_t i, sum, x, y;
};

LWT_PROMISE(word, intptr_t);

static word *next(struct walk *w, intptr_t value)
{
  return w->r ? (word *)lwt_wait(w->r) : word_return(value);
}

LWT_STEP loop_step(struct lwt_frame *frame)
{
  struct walk *w = (struct walk *)frame;

  lwt_begin(w);
  for (w->i = 0; w->i < 3; w->i++) {
    lwt_await(w, &w->x, next(w, 1));
    w->sum += w->x;
    if (w->i == 1)
      continue;
    lwt_await(w, next(w, 1));
    w->sum += 10;
  }
  while (w->i-- > 0)
    if (w->i % 2) {
      lwt_await(w, &w->x, next(w, 1));
      w->sum += 100 * w->x;
    } else
      lwt_await(w, next(w, 1));
  do
    lwt_await(w, next(w, 1));
  while (++w->i < 2);
  lwt_finish(w, w->sum);
  lwt_end(w);
}

LWT_STEP switch_step(struct lwt_frame *frame)
{
  struct walk *w = (struct walk *)frame;

  lwt_begin(w);
  switch (w->how) {
  case 0:
    lwt_await(w, &w->x, next(w, 1));
    w->sum += w->x;
    /* fallthrough */
  case 1:
    lwt_await(w, &w->x, next(w, 1));
    w->sum += 10 * w->x;
    break;
  default:
    lwt_await(w, &w->x, next(w, 1));
    lwt_finish(w, -1);
  }
  lwt_await(w, &w->x, next(w, 1)); lwt_await(w, &w->y, next(w, 1));
  w->sum += 100 * (w->x + w->y);
  lwt_finish(w, w->sum);
  lwt_end(w);
}

/* Settle what the frame awaits, time after time; how often? */
static int walk(lwt_t *p, struct lwt_resolver *r)
{
  int n = 0;

  while (pending(p) && lwt_fulfill(r, V(1)) == 0)
    n++;
  return n;
}

static void where(void)
{
  struct lwt_resolver r = { NULL };
  lwt_t *p = LWT_GO(struct walk, loop_step, .r = &r);

  is_int(walk(p, &r), 11, "await in for, while, do, if: each waits");
  ok(is(p, 123), "... and goes on where it was");
  lwt_drop(p);
  p = LWT_GO(struct walk, loop_step, .r = NULL);
  ok(is(p, 123), "... the same if nothing is pending");
  lwt_drop(p);
  p = LWT_GO(struct walk, switch_step, .r = &r);
  is_int(walk(p, &r), 4, "await inside a switch, two on one line");
  ok(is(p, 211), "... falls through as the switch does");
  lwt_drop(p);
  p = LWT_GO(struct walk, switch_step, .r = &r, .how = 1);
  is_int(walk(p, &r), 3, "... from another case");
  ok(is(p, 210), "... too");
  lwt_drop(p);
  p = LWT_GO(struct walk, switch_step, .r = &r, .how = 7);
  walk(p, &r);
  ok(is(p, -1), "... lwt_finish inside it");
  lwt_drop(p);
  lwt_abandon(&r);
}

/* ---- Values and types ------------------------------------------------------ */

LWT_PROMISE(text, const char *);
LWT_PROMISE(number, int);

struct types {
  struct lwt_frame frame;
  lwt_t *wait;
  const char *s;
  int n, m;
  void *p;
  struct lwt_error error;
};

static text *hello(void)
{
  return text_return("hello");
}

LWT_STEP types_step(struct lwt_frame *frame)
{
  struct types *t = (struct types *)frame;

  lwt_begin(t);
  lwt_await(t, &t->s, hello());
  note(t->s);
  lwt_await(t, &t->n, number_return(-7));
  lwt_await(t, &t->p, lwt_return(&t->m));
  note(t->n == -7 && t->p == &t->m ? "typed" : "wrong");
  lwt_await(t, &t->m, (number *)t->wait);
  t->wait = NULL;
  note(t->m == 3 ? "later" : "wrong");
  t->m = 42;
  lwt_await_error(t, &t->error, &t->m, number_fail(LWT_EIO, "number"));
  note(t->error.code == LWT_EIO && t->m == 42 ? "failed" : "wrong");
  lwt_await_error(t, &t->error, &t->m, number_return(1));
  note(t->error.code == 0 && t->m == 1 ? "worked" : "wrong");
  lwt_await_error(t, &t->error, text_fail(LWT_EBADF, "text"));
  note(t->error.code == LWT_EBADF ? t->error.what : "wrong");
  lwt_await_error(t, &t->error, hello());
  note(t->error.code == 0 && !t->error.what ? "worked" : "wrong");
  lwt_await(t, text_fail(LWT_EPROTO, "last"));
  note("never");
  lwt_end(t);
}

static void types(void)
{
  struct lwt_resolver r;
  lwt_t *wait = lwt_wait(&r), *p = LWT_GO(struct types, types_step,
                                          .wait = lwt_ref(wait));

  if (failed(p, LWT_ENOMEM))
    lwt_drop(wait);
  lwt_fulfill(&r, V(3));
  ok(noted("hello typed later failed worked text worked") && failed(p, LWT_EPROTO),
     "typed promises, errors as values");
  lwt_drop(p);
  lwt_drop(wait);
}

static int drops[3];

static void drop_value(void *value)
{
  ++*(int *)value;
}

static lwt_t *owned(int i)
{
  drops[i] = 0;
  return lwt_return_owned(&drops[i], drop_value);
}

struct takes {
  struct lwt_frame frame;
  lwt_t *shared;
  int *value;
};

static void drop_shared(void *t)
{
  lwt_drop(((struct takes *)t)->shared);
  ((struct takes *)t)->shared = NULL;
}

LWT_STEP takes_step(struct lwt_frame *frame)
{
  struct takes *t = (struct takes *)frame;

  lwt_begin(t);
  lwt_defer(t, drop_shared, t);
  lwt_await(t, owned(0));
  note(drops[0] == 1 ? "dropped" : "kept");
  lwt_await(t, &t->value, owned(1));
  note(drops[1] == 1 ? "dropped" : "kept");
  drop_value(t->value);
  lwt_await(t, &t->value, lwt_ref(t->shared));
  drop_shared(t);
  lwt_await(t, lwt_pause());
  note(*t->value == 0 ? "lent" : "gone");
  lwt_finish_owned(t, malloc(1), free);
  lwt_end(t);
}

static void takes_lost(void *literal)
{
  lwt_drop(((struct takes *)literal)->shared);
}

static void takes(void)
{
  lwt_t *p = LWT_GO_OR(struct takes, takes_step, takes_lost, .shared = owned(2));

  while (pending(p) && lwt_run_ready() != LWT_NEVER)
    ;
  ok(noted("dropped kept lent"), "without destination the value is dropped; with one it "
     "is the frame's; what is shared is lent");
  ok(drops[2] == 1, "... until the frame ends");
  ok(lwt_state(p) == LWT_FULFILLED && lwt_value(p), "lwt_finish_owned");
  lwt_drop(p);
}

/* ---- How frames end -------------------------------------------------------- */

static void say(void *text)
{
  note(text);
}

struct ends {
  struct lwt_frame frame;
  char how;
  lwt_t *p;
};

LWT_STEP ends_step(struct lwt_frame *frame)
{
  struct ends *e = (struct ends *)frame;
  lwt_t *p = e->p;

  lwt_begin(e);
  e->p = NULL;
  if (e->how == 'b' || e->how == 'B') {
    if (e->how == 'B')
      lwt_defer(e, say, (char *)"deferred");
    lwt_become(e, p);
  }
  if (e->how == 'f')
    lwt_finish(e, 5);
  if (e->how == 'o')
    lwt_finish_owned(e, &drops[0], drop_value);
  if (e->how == 't')
    lwt_throw(e, LWT_EIO, "thrown");
  if (e->how == 'T')
    lwt_throw(e, 77, "not negative");
  if (e->how == 'n')
    lwt_await(e, (lwt_t *)NULL);
  lwt_end(e);
}

static lwt_t *ending(char how, lwt_t *then)
{
  lwt_t *p = LWT_GO(struct ends, ends_step, .how = how, .p = then);

  if (failed(p, LWT_ENOMEM))
    lwt_drop(then);
  return p;
}

static void ends(void)
{
  struct lwt_resolver r;
  lwt_t *p = ending('e', NULL);

  ok(is(p, 0), "lwt_end: fulfilled without a value");
  lwt_drop(p);
  p = ending('f', NULL);
  ok(is(p, 5), "lwt_finish");
  lwt_drop(p);
  drops[0] = 0;
  p = ending('o', NULL);
  ok(lwt_value(p) == &drops[0] && drops[0] == 0, "lwt_finish_owned");
  lwt_drop(p);
  ok(drops[0] == 1, "... dropped if nobody takes it");
  p = ending('t', NULL);
  ok(failed(p, LWT_EIO) && !strcmp(lwt_error(p).what, "thrown"), "lwt_throw");
  lwt_drop(p);
  lost();
  lwt_drop(LWT_GO(struct ends, ends_step, .how = 't'));
  ok(lost() == 1 && sem_lost.where && strstr(sem_lost.where, "t-frame.c:"),
     "... is reported with its line if nobody looks");
  p = ending('T', NULL);
  ok(failed(p, LWT_EINVAL), "lwt_throw of a code that is not negative");
  lwt_drop(p);
  p = ending('n', NULL);
  ok(failed(p, LWT_EINVAL), "await of NULL");
  lwt_drop(p);
  p = ending('b', lwt_return(V(6)));
  ok(is(p, 6), "lwt_become a settled promise");
  lwt_drop(p);
  p = ending('b', lwt_wait(&r));
  ok(pending(p), "lwt_become a pending promise");
  lwt_fulfill(&r, V(7));
  ok(is(p, 7), "... follows it");
  lwt_drop(p);
  p = ending('B', lwt_wait(&r));
  ok(pending(p) && noted(""), "lwt_become with deferred calls");
  lwt_reject(&r, LWT_EIO, "disk");
  ok(noted("deferred") && failed(p, LWT_EIO), "... which run when it ends");
  lwt_drop(p);
  p = ending('B', lwt_return(V(8)));
  ok(noted("deferred") && is(p, 8), "... or at once");
  lwt_drop(p);
}

/* ---- Deferred calls -------------------------------------------------------- */

struct defers {
  struct lwt_frame frame;
  struct lwt_resolver *r;
  struct cb *waits;
  char how;
};

LWT_STEP defers_step(struct lwt_frame *frame)
{
  struct defers *d = (struct defers *)frame;

  lwt_begin(d);
  lwt_defer(d, say, (char *)"first");
  lwt_defer(d, say, (char *)"second");
  if (d->waits)
    lwt_defer(d, cb_finalize, d->waits);
  lwt_defer(d, say, (char *)"last");
  if (d->how == 'w')
    lwt_await(d, lwt_task(d->r));
  note("body");
  if (d->how == 't')
    lwt_throw(d, LWT_EIO, "thrown");
  if (d->how == 'r')
    lwt_await(d, lwt_fail(LWT_EBADF, "awaited"));
  lwt_finish_owned(d, &drops[0], drop_value);
  lwt_end(d);
}

static void defers(void)
{
  struct lwt_resolver r = { NULL };
  lwt_t *p = LWT_GO(struct defers, defers_step, .how = 'f');

  ok(noted("body last second first"), "deferred calls run at the end, the last first");
  drops[0] = 0;
  lwt_drop(p);
  ok(drops[0] == 1, "... the value passes them");
  p = LWT_GO(struct defers, defers_step, .how = 't');
  ok(noted("body last second first") && failed(p, LWT_EIO), "... after lwt_throw");
  lwt_drop(p);
  p = LWT_GO(struct defers, defers_step, .how = 'r');
  ok(noted("body last second first") && failed(p, LWT_EBADF), "... after a rejection");
  lwt_drop(p);
  p = LWT_GO(struct defers, defers_step, .how = 'w', .r = &r);
  ok(noted("") && pending(p), "... not before");
  lwt_abandon(&r);
  ok(noted("last second first") && failed(p, LWT_EPIPE), "... after a later rejection");
  lwt_drop(p);
}

static void defers_wait(void)
{
  struct lwt_resolver r;
  struct cb c = { .name = "c" };
  lwt_t *p;

  drops[0] = 0;
  c.then = lwt_task(&r);
  p = LWT_GO(struct defers, defers_step, .how = 'f', .waits = &c);
  ok(noted("body last c") && pending(p), "a deferred call may return a promise");
  lwt_cancel(p);
  ok(pending(p) && !lwt_unwanted(&r), "... which cancel does not reach");
  lwt_fulfill(&r, V(1));
  ok(noted("second first") && lwt_value(p) == &drops[0], "... the others run after it");
  lwt_drop(p);
  lwt_drop(c.then);
  ok(drops[0] == 1, "... the value is not lost");

  drops[0] = 0;
  c.then = lwt_task(&r);
  p = LWT_GO(struct defers, defers_step, .how = 'f', .waits = &c);
  lwt_reject(&r, LWT_EIO, "cleanup");
  ok(noted("body last c second first") && failed(p, LWT_EIO), "... its error wins");
  ok(drops[0] == 1, "... and drops the value");
  lwt_drop(p);
  lwt_drop(c.then);
  c.then = NULL;
  c.fail = LWT_EBADF;
  drops[0] = 0;
  p = LWT_GO(struct defers, defers_step, .how = 't', .waits = &c);
  ok(noted("body last c second first") && failed(p, LWT_EBADF), "... at once, too");
  lwt_drop(p);
}

/* ---- Interplay ------------------------------------------------------------- */

static lwt_t *go_on(void *env, void *value)
{
  return LWT_GO(struct walk, loop_step, .r = env, .sum = (intptr_t)value);
}

static void mixed(void)
{
  struct lwt_resolver r = { NULL }, s;
  lwt_t *p = lwt_bind(lwt_wait(&s), go_on, &r);
  struct lwt_error e;
  void *value = NULL;

  lwt_fulfill(&s, V(1000));
  walk(p, &r);
  ok(is(p, 1123), "a frame in a bind");
  lwt_drop(p);
  lwt_abandon(&r);
  e = lwt_run_value(LWT_GO_OR(struct takes, takes_step, takes_lost, .shared = owned(2)),
                    &value);
  ok(e.code == 0 && value && noted("dropped kept lent"), "lwt_run_value of a frame");
  free(value);
  forget();
}

/* ---- Many ------------------------------------------------------------------ */

struct hop {
  struct lwt_frame frame;
  size_t left;
};
static size_t most;

static void watch(void)
{
  if (lwt_live() > most)
    most = lwt_live();
}

LWT_STEP hop_step(struct lwt_frame *frame)
{
  struct hop *h = (struct hop *)frame;

  lwt_begin(h);
  watch();
  lwt_await(h, lwt_pause());
  if (h->left == 0)
    lwt_finish(h, 9);
  lwt_become(h, LWT_GO(struct hop, hop_step, .left = h->left - 1));
  lwt_end(h);
}

LWT_STEP hop_settled_step(struct lwt_frame *frame)
{
  struct hop *h = (struct hop *)frame;

  lwt_begin(h);
  watch();
  if (h->left == 0)
    lwt_finish(h, 9);
  lwt_become(h, LWT_GO(struct hop, hop_settled_step, .left = h->left - 1));
  lwt_end(h);
}

LWT_STEP many_awaits_step(struct lwt_frame *frame)
{
  struct hop *h = (struct hop *)frame;

  lwt_begin(h);
  for (; h->left > 0; h->left--) {
    lwt_await(h, h->left % 2 ? lwt_return(NULL) : lwt_pause());
    watch();
  }
  lwt_finish(h, 9);
  lwt_end(h);
}

static void many_one(lwt_t *p, size_t limit, const char *text)
{
  while (pending(p) && lwt_run_ready() != LWT_NEVER)
    ;
  ok(is(p, 9) && most <= limit, "%s (at most %zu promises)", text, most);
  lwt_drop(p);
}

static void many(void)
{
  most = 0;
  many_one(LWT_GO(struct hop, hop_step, .left = 1000000), 6,
           "a million frames become one another");
  most = 0;
  many_one(LWT_GO(struct hop, hop_settled_step, .left = 1000000), 140,
           "... without waiting");
  most = 0;
  many_one(LWT_GO(struct hop, many_awaits_step, .left = 1000000), 6,
           "a million awaits in one frame");
}

SEM_TESTS(frame, T(where), T(types), T(takes), T(ends), T(defers), T(defers_wait),
          T(mixed),
          ONCE(many))
