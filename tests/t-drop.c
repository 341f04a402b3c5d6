/* t-drop.c - owners of promises: what drops values, and when.
 * SPDX-License-Identifier: ISC
 *
 * The rules are "Ownership", "Values" and "Dropping" of lwt.h.
 */
#include "sem.h"

/* A value is the address of the count of its drops. */
static int drops[8];

static void drop_value(void *value)
{
  ++*(int *)value;
}

static lwt_t *owned(int i)
{
  drops[i] = 0;
  return lwt_return_owned(&drops[i], drop_value);
}

static void fulfill(struct lwt_resolver *r, int i)
{
  drops[i] = 0;
  if (lwt_fulfill_owned(r, &drops[i], drop_value) == LWT_EALREADY)
    drops[i] = 1; /* no memory for the promise */
}

/* ---- Every function, every input, every end -------------------------------- */

/* Callbacks that receive the value own it, unless it is lent. */
static int lent, taken;

static lwt_t *take_bind(void *env, void *value)
{
  (void)env;
  taken++;
  if (!lent)
    drop_value(value);
  return lwt_return(NULL);
}

static void *take_map(void *env, void *value)
{
  lwt_drop(take_bind(env, value));
  return NULL;
}

static void take_value(void *env, void *value)
{
  lwt_drop(take_bind(env, value));
}

static void take_error(void *env, struct lwt_error error)
{
  (void)env;
  (void)error;
}

static lwt_t *take_catch(void *env, struct lwt_error error)
{
  (void)env;
  return lwt_fail_error(error);
}

static lwt_t *nothing(void *env)
{
  (void)env;
  return NULL;
}

static void call(void *env)
{
  (void)env;
}

static const char *const names[] = { "bind", "map", "catch", "try_bind", "finalize",
  "on_success", "on_failure", "on_termination", "on_any", "join", "all", "both", "choose",
  "pick", "nchoose", "npick", "nchoose_split", "protected", "no_cancel",
  "wrap_in_cancelable", "with_timeout", "async" };
enum { FUNCTIONS = sizeof names / sizeof *names };

static lwt_t *chain(int how, lwt_t *p)
{
  switch (how) {
  case 0:
    return lwt_bind(p, take_bind, NULL);
  case 1:
    return lwt_map(p, take_map, NULL);
  case 2:
    return lwt_catch(p, take_catch, NULL);
  case 3:
    return lwt_try_bind(p, take_bind, take_catch, NULL);
  case 4:
    return lwt_finalize(p, nothing, NULL);
  case 5:
    lwt_on_success(p, take_value, NULL);
    return NULL;
  case 6:
    lwt_on_failure(p, take_error, NULL);
    return NULL;
  case 7:
    lwt_on_termination(p, call, NULL);
    return NULL;
  case 8:
    lwt_on_any(p, take_value, take_error, NULL);
    return NULL;
  default:
    return NULL;
  }
}

static lwt_t *apply(int how, lwt_t *p)
{
  switch (how) {
  case 9:
    return lwt_join(LWT_PS(p));
  case 10:
    return lwt_all(LWT_PS(p, lwt_return(NULL)));
  case 11:
    return lwt_both(lwt_return(NULL), p);
  case 12:
    return lwt_choose(LWT_PS(p));
  case 13:
    return lwt_pick(LWT_PS(p));
  case 14:
    return lwt_nchoose(LWT_PS(p));
  case 15:
    return lwt_npick(LWT_PS(p));
  case 16:
    return lwt_nchoose_split(LWT_PS(p));
  case 17:
    return lwt_protected(p);
  case 18:
    return lwt_no_cancel(p);
  case 19:
    return lwt_wrap_in_cancelable(p);
  case 20:
    return lwt_with_timeout(LWT_S(1), p);
  case 21:
    lwt_async(p);
    return NULL;
  default:
    return chain(how, p);
  }
}

/* The input is settled before (F, R), or pending and then fulfilled (f),
 * rejected (r), cancelled (c), given up (a); the result is dropped at the end,
 * or before the input settles (upper case of the second letter). */
static const char *const ends[] = { "F ", "R ", "f ", "r ", "c ", "a ", "fD", "rD",
                                    "aD" };

static void matrix_one(int how, const char *end, int share)
{
  struct lwt_resolver r = { NULL };
  lwt_t *in, *p, *second = NULL;
  int has_value = end[0] == 'F' || end[0] == 'f';

  drops[0] = taken = 0;
  lent = share;
  if (end[0] == 'F')
    in = owned(0);
  else
    in = end[0] == 'R' ? lwt_fail(LWT_EIO, "disk") : lwt_task(&r);
  if (share)
    second = lwt_ref(in);
  p = apply(how, in);
  if (end[1] == 'D') {
    lwt_drop(p);
    p = NULL;
  }
  if (end[0] == 'f')
    fulfill(&r, 0);
  else if (end[0] == 'r')
    lwt_reject(&r, LWT_EIO, "disk");
  else if (end[0] == 'c')
    lwt_cancel(p);
  if (has_value && share)
    ok(drops[0] == 0 || failed(in, LWT_ENOMEM),
       "%s, %s, shared: the value is there while somebody holds it", names[how], end);
  lwt_drop(p);
  lwt_drop(second);
  lwt_abandon(&r);
  is_int(drops[0], has_value, "%s, %s%s: the value is dropped once", names[how], end,
         share ? ", shared" : "");
  is_int(lwt_live(), 0, "%s, %s%s: no promise is left", names[how], end,
         share ? ", shared" : "");
}

static void matrix(void)
{
  int how, share;
  size_t i;

  for (how = 0; how < FUNCTIONS; how++)
    for (i = 0; i < sizeof ends / sizeof *ends; i++)
      for (share = 0; share <= 1; share++)
        matrix_one(how, ends[i], share);
  lost();
}

/* ---- Given up, or cancelled, when the input has settled -------------------- */

struct queued {
  struct lwt_resolver *r;
  lwt_t *p;
  int drop, reject;
};

/* The callback of the first promise settles the second, whose callbacks are then
 * in the queue. */
static void settle_and_drop(void *env, void *value)
{
  struct queued *q = env;

  (void)value;
  if (q->reject)
    lwt_reject(q->r, LWT_EIO, "disk");
  else
    fulfill(q->r, 0);
  if (q->drop) {
    lwt_drop(q->p);
    q->p = NULL;
  } else {
    lwt_cancel(q->p);
  }
}

static void queued_one(int how, int drop, int reject)
{
  struct lwt_resolver first, r;
  struct queued q = { &r, NULL, drop, reject };

  drops[0] = reject;
  taken = lent = 0;
  q.p = apply(how, lwt_task(&r));
  lwt_on_success(lwt_wait(&first), settle_and_drop, &q);
  lwt_fulfill(&first, NULL);
  if (drop)
    ok(taken == (how == 3 && !reject),
       "%s in the queue, dropped: its callback does not run",
       names[how]);
  else
    ok(reject ? failed(q.p, LWT_EIO) : lwt_state(q.p) == LWT_FULFILLED,
       "%s in the queue, cancelled: too late", names[how]);
  lwt_abandon(&r);
  lwt_drop(q.p);
  ok(drops[0] == 1 && lwt_live() == 0, "... and nothing is left");
}

static void queued(void)
{
  int how;

  for (how = 0; how < FUNCTIONS - 1; how++) {
    if (how >= 5 && how <= 8)
      continue;
    queued_one(how, 0, 0);
    queued_one(how, 1, 0);
    queued_one(how, 0, 1);
    queued_one(how, 1, 1);
  }
  lost();
}

/* ---- Which callbacks run --------------------------------------------------- */

static void drop_chain(void)
{
  struct lwt_resolver r;
  struct cb f = { .name = "f" }, h = { .name = "h", .ret = 1 }, c = { .name = "c" };

  lwt_drop(lwt_map(lwt_bind(lwt_wait(&r), cb_bind, &f), cb_map, &f));
  ok(lwt_unwanted(&r), "drop: the producer is not wanted any more");
  fulfill(&r, 0);
  ok(noted("") && drops[0] == 1, "drop: bind and map do not run, the value is dropped");

  lwt_drop(lwt_bind(lwt_catch(lwt_bind(lwt_wait(&r), cb_bind, &f), cb_catch, &h), cb_bind,
                    &f));
  ok(noted("h") && h.code == LWT_ECANCELED, "drop: catch gets LWT_ECANCELED; the bind on "
     "what it recovers does not run");
  lwt_abandon(&r);
  h.fail = LWT_EIO;
  lost();
  lwt_drop(lwt_catch(lwt_finalize(lwt_catch(lwt_wait(&r), cb_catch, &h), cb_finalize, &c),
                     cb_catch, &h));
  ok(noted("h c h") && h.code == LWT_EIO, "drop: from the inside out, each sees what the "
     "one before made of it");
  ok(lost() == 0, "drop: what becomes of a dropped promise is not reported");
  lwt_abandon(&r);
  lwt_drop(lwt_try_bind(lwt_wait(&r), cb_bind, cb_catch, &h));
  ok(noted("h"), "drop: try_bind sees the failure");
  lwt_abandon(&r);
}

/* Dropped by an earlier callback of the same promise: its own is queued. */
static void act_drop(struct cb *cb)
{
  lwt_drop(cb->arg);
  cb->arg = NULL;
}

/* What has not happened because memory was out. */
static void drop_rest(struct cb *drop, struct cb *cb)
{
  act_drop(drop);
  lwt_drop(cb->then);
  cb->then = NULL;
}

static void drop_queued(void)
{
  struct lwt_resolver r, later;
  struct cb drop = { .act = act_drop }, f = { .name = "f" }, h = { .name = "h" };
  lwt_t *p = lwt_wait(&r), *waited;

  lwt_on_termination(lwt_ref(p), cb_call, &drop);
  f.then = lwt_task(&later);
  waited = lwt_ref(f.then);
  drop.arg = lwt_try_bind(p, cb_bind, cb_catch, &f);
  lwt_fulfill(&r, V(7));
  ok(noted("f") && f.value == 7, "drop of a queued try_bind: it gets the value");
  ok(lwt_unwanted(&later) == 0, "... what it waits for then runs on if it is shared");
  lwt_drop(waited);
  ok(lwt_unwanted(&later), "... and is cancelled otherwise");
  lwt_abandon(&later);
  drop_rest(&drop, &f);

  p = lwt_wait(&r);
  lwt_on_termination(lwt_ref(p), cb_call, &drop);
  drop.arg = lwt_catch(p, cb_catch, &h);
  h.then = lwt_task(&later);
  lwt_reject(&r, LWT_EIO, "disk");
  ok(noted("h") && h.code == LWT_EIO, "drop of a queued catch: it gets the error");
  ok(lwt_unwanted(&later), "... what it waits for then is cancelled");
  lwt_abandon(&later);
  drop_rest(&drop, &h);

  p = lwt_wait(&r);
  lwt_on_termination(lwt_ref(p), cb_call, &drop);
  drop.arg = lwt_map(lwt_bind(p, cb_bind, &f), cb_map, &f);
  lwt_fulfill(&r, V(7));
  ok(noted(""), "drop of a queued bind: it does not run");
  drop_rest(&drop, &f);
}

static void drop_cleanup(void)
{
  struct lwt_resolver r, s;
  struct cb c = { .name = "c" }, h = { .name = "h" };

  c.then = lwt_task(&s);
  lwt_drop(lwt_catch(lwt_finalize(lwt_task(&r), cb_finalize, &c), cb_catch, &h));
  ok(noted("c") && !lwt_unwanted(&s), "drop: a finalizer's promise is not cancelled");
  lwt_fulfill(&s, V(1));
  ok(noted("h") && h.code == LWT_ECANCELED, "drop: what comes after the finalizer waits");
  lwt_abandon(&r);
  lwt_drop(c.then);
}

static lwt_t *stopped_handle;

static void act_stop(struct cb *cb)
{
  lwt_abandon(cb->arg);
}

static void act_look(struct cb *cb)
{
  (void)cb;
  lwt_cancel(stopped_handle);
  note(canceled(stopped_handle) ? "canceled" : "not canceled");
}

static void drop_stop(void)
{
  struct lwt_resolver r;
  struct cb stop = { .name = "stop", .act = act_stop, .arg = &r };
  struct cb c = { .name = "on_cancel" }, h = { .name = "h" }, f = { .name = "f" };
  lwt_t *p;

  lwt_drop(lwt_catch(lwt_task_op(&r, cb_call, &stop), cb_catch, &h));
  ok(noted("stop h") && h.code == LWT_ECANCELED, "drop: the producer stops, then catch");
  p = lwt_task_op(&r, cb_call, &stop);
  lwt_on_cancel(p, cb_call, &c);
  stopped_handle = lwt_map(p, cb_map, &f);
  lwt_cancel(stopped_handle);
  ok(noted("stop on_cancel") && canceled(stopped_handle), "cancel: stop first of all");
  lwt_drop(stopped_handle);
  stopped_handle = lwt_task_op(&r, cb_call, &stop);
  lwt_on_termination(lwt_pause(), cb_call, &(struct cb){ .act = act_look });
  lwt_run_ready();
  ok(noted("canceled stop"), "cancel inside a callback: the state first, then stop");
  lwt_abandon(&r);
  lwt_drop(stopped_handle);
  lwt_drop(lwt_task_op(&r, cb_call, &stop));
  ok(noted("stop"), "drop: stop of a lone task");
  p = lwt_task_op(&r, cb_call, &stop);
  lwt_fulfill(&r, V(1));
  lwt_cancel(p);
  lwt_drop(p);
  ok(noted(""), "stop is not called after the promise was settled");
  lwt_abandon(&r);
}

static void drop_many(void)
{
  struct lwt_resolver r[3];
  struct cb stop[3] = { { .act = act_stop, .arg = &r[0] },
                        { .act = act_stop, .arg = &r[1] },
                        { .act = act_stop, .arg = &r[2] } };
  lwt_t *ps[3], *kept;
  int i, k;

  for (k = 0; k < 7; k++) {
    for (i = 0; i < 3; i++)
      ps[i] = lwt_task_op(&r[i], cb_call, &stop[i]), stop[i].calls = 0;
    lwt_drop(k == 0   ? lwt_join(3, ps)
             : k == 1 ? lwt_all(3, ps)
             : k == 2 ? lwt_choose(3, ps)
             : k == 3 ? lwt_pick(3, ps)
             : k == 4 ? lwt_nchoose(3, ps)
             : k == 5 ? lwt_npick(3, ps)
                      : lwt_nchoose_split(3, ps));
    ok(stop[0].calls == 1 && stop[1].calls == 1 && stop[2].calls == 1,
       "drop: all inputs of a group (%d) are cancelled", k);
    for (i = 0; i < 3; i++)
      lwt_abandon(&r[i]);
  }
  stop[0].calls = stop[1].calls = 0;
  kept = lwt_task_op(&r[0], cb_call, &stop[0]);
  lwt_drop(lwt_join(LWT_PS(lwt_ref(kept), lwt_task_op(&r[1], cb_call, &stop[1]))));
  ok(stop[1].calls == 1 && !stop[0].calls && pending(kept),
     "drop: an input that somebody else holds goes on");
  lwt_drop(kept);
  ok(stop[0].calls == 1, "drop: ... until its last handle");
  lwt_abandon(&r[0]);
  lwt_abandon(&r[1]);
}

static void drop_shared(void)
{
  struct lwt_resolver r;
  struct cb f = { .name = "f" };
  lwt_t *p = lwt_map(lwt_task(&r), cb_map, &f), *q = lwt_ref(p);

  lwt_drop(p);
  ok(pending(q) && !lwt_unwanted(&r), "drop of one of two handles: nothing");
  lwt_fulfill(&r, V(1));
  ok(noted("f"), "drop of one of two handles: it runs on");
  lwt_drop(q);
  lwt_drop(NULL);
}

/* ---- Dropped inside its own callback --------------------------------------- */

struct self {
  lwt_t *p;
  lwt_t *then;
  int calls;
};

static lwt_t *drop_self(void *env, void *value)
{
  struct self *s = env;
  lwt_t *then = s->then;

  (void)value;
  s->calls++;
  lwt_drop(s->p);
  s->p = s->then = NULL;
  return then;
}

static lwt_t *drop_self_catch(void *env, struct lwt_error error)
{
  (void)error;
  return drop_self(env, NULL);
}

static lwt_t *drop_self_finalize(void *env)
{
  return drop_self(env, NULL);
}

static void *drop_self_map(void *env, void *value)
{
  return drop_self(env, value);
}

static void drop_inside_map(void)
{
  struct lwt_resolver r;
  struct self self = { .p = NULL };

  self.p = lwt_map(lwt_wait(&r), drop_self_map, &self);
  lwt_fulfill(&r, V(1));
  ok(self.calls == 1 && lwt_live() == 0, "dropped inside its own callback (map)");
  lwt_drop(self.p);
}

static void drop_inside(void)
{
  struct lwt_resolver r, s = { NULL };
  struct self self;
  struct cb stop = { .name = "stop", .act = act_stop, .arg = &s }, c = { .name = "c" };
  int how, k;

  for (how = 0; how < 4; how++)
    for (k = 0; k < 4; k++) {
      drops[0] = k == 0 ? 0 : 1;
      self.then = k == 0   ? owned(0)
                  : k == 1 ? lwt_fail(LWT_EIO, "disk")
                  : k == 2 ? lwt_task_op(&s, cb_call, &stop)
                           : lwt_finalize(lwt_task_op(&s, cb_call, &stop), cb_finalize,
                                          &c);
      self.calls = 0;
      self.p = NULL;
      self.p = how == 0   ? lwt_bind(lwt_wait(&r), drop_self, &self)
               : how == 1 ? lwt_catch(lwt_wait(&r), drop_self_catch, &self)
               : how == 2 ? lwt_try_bind(lwt_wait(&r), drop_self, drop_self_catch, &self)
                          : lwt_finalize(lwt_wait(&r), drop_self_finalize, &self);
      if (how == 1)
        lwt_reject(&r, LWT_EIO, "disk");
      else
        lwt_fulfill(&r, V(1));
      lwt_drop(self.p);
      lwt_drop(self.then);
      ok(self.calls == 1 && drops[0] == 1, "dropped inside its own callback (%d, %d)",
         how,
         k);
      if (how == 3 && k > 1) {
        ok(noted(""), "... a finalizer's promise goes on");
        lwt_fulfill(&s, V(1));
        ok(noted(k == 3 ? "c" : ""), "... to its end");
      } else {
        ok(noted(k < 2 ? "" : k == 2 ? "stop" : "stop c"),
           "... the promise that it returned is cancelled");
      }
      lwt_abandon(&s);
      ok(lwt_live() == 0, "... and nothing is left");
    }
  lost();
}

/* ---- lwt_with -------------------------------------------------------------- */

struct box {
  void *pointer;
  int number;
  double d;
};
static const struct box zero;
static struct box *box;

/* What the body returns. */
struct make {
  char how;
  struct lwt_resolver *r;
  struct cb *finalizer;
};

static lwt_t *body(void *env, void *arg)
{
  struct make *m = arg;

  box = env;
  note((uintptr_t)box % _Alignof(max_align_t)      ? "not aligned"
       : memcmp(box, &zero, sizeof zero) ? "not zero"
                                         : "body");
  switch (m->how) {
  case 'F':
    return owned(0);
  case 'R':
    return lwt_fail(LWT_EIO, "disk");
  case 'f':
    return lwt_task(m->r);
  default:
    return lwt_finalize(lwt_task(m->r), cb_finalize, m->finalizer);
  }
}

static void fini(void *env)
{
  note(env == box ? "fini" : "wrong env");
  box->number = 1;
}

static lwt_t *with_box(char how, struct lwt_resolver *r, struct cb *finalizer)
{
  struct make m = { how, r, finalizer };

  r->lwt_private = NULL;
  return lwt_with(sizeof(struct box), body, &m, fini);
}

static void with(void)
{
  struct lwt_resolver r, s;
  struct cb c = { .name = "c" };
  lwt_t *p;

  drops[0] = 1;
  p = with_box('F', &r, NULL);
  ok(noted("body fini") && drops[0] == 0, "with: settled at once");
  lwt_drop(p);
  ok(drops[0] == 1, "with: ... and its value is dropped with it");
  p = with_box('R', &r, NULL);
  ok(noted("body fini") && failed(p, LWT_EIO), "with: rejected at once");
  lwt_drop(p);
  p = with_box('f', &r, NULL);
  ok(noted("body") && pending(p), "with: pending");
  fulfill(&r, 0);
  ok(noted("fini") && lwt_value(p) == &drops[0], "with: then fulfilled");
  lwt_drop(p);
  ok(drops[0] == 1, "with: ... and its value is dropped with it");
  p = with_box('f', &r, NULL);
  lwt_cancel(p);
  ok(noted("body fini") && canceled(p), "with: cancelled");
  lwt_abandon(&r);
  lwt_drop(p);
  lwt_drop(with_box('f', &r, NULL));
  ok(noted("body fini"), "with: dropped");
  lwt_abandon(&r);
  ok(noted(""), "with: ... fini runs once");
  c.then = lwt_wait(&s);
  lwt_drop(with_box('c', &r, &c));
  ok(noted("body c"), "with: dropped, its finalizer still uses env");
  lwt_fulfill(&s, V(1));
  ok(noted("fini"), "with: ... then fini");
  lwt_abandon(&r);
  lwt_drop(c.then);
}

static lwt_t *empty_body(void *env, void *arg)
{
  (void)env;
  return lwt_return(arg);
}

static void with_nothing(void)
{
  lwt_t *p = lwt_with(0, empty_body, V(1), NULL);

  ok(is(p, 1), "with: nothing to allocate, nothing to do");
  lwt_drop(p);
  p = lwt_with(SIZE_MAX, empty_body, V(1), NULL);
  ok(failed(p, LWT_ENOMEM), "with: more than there can be");
  lwt_drop(p);
}

SEM_TESTS(drop, T(matrix), T(drop_chain), T(drop_queued), T(drop_cleanup), T(drop_stop),
          T(drop_many), T(drop_shared), T(drop_inside), T(drop_inside_map), T(queued),
          T(with), T(with_nothing))
