/* t-sem-stream.c - streams: each property of Lwt_stream.
 * SPDX-License-Identifier: ISC
 *
 * Elements are small integers, or counted objects whose drop function tells
 * that each was freed once.
 */
#include "stream-kit.h"

/* ---- Sources ------------------------------------------------------------- */

static void from(void)
{
  struct lwt_resolver r = { NULL };
  struct count c = { .r = &r };
  struct lwt_stream *s = lwt_stream_from(NULL, count_pull, &c, count_release);
  lwt_t *a = lwt_stream_next(s), *b = lwt_stream_next(s), *d = lwt_stream_next(s);

  ok(pending(a) && pending(b) && pending(d), "three readers wait for one pull");
  lwt_fulfill(&r, V(1));
  ok(is(a, 1) && pending(b) && pending(d),
     "STR-01 (differs) the element goes to the first, and the source is pulled again");
  lwt_fulfill(&r, V(2));
  ok(is(b, 2) && pending(d), "STR-01 (differs) the second gets the next");
  lwt_fulfill(&r, LWT_NONE);
  ok(failed(d, LWT_ENODATA), "the end is no element for next()");
  is_int(c.released, 1, "the source is released at its end");
  gives(lwt_stream_get(s), NONE, "and for get() it is LWT_NONE");
  DROP(a, b, d);
  lwt_abandon(&r);
  lwt_stream_drop(s);
  is_int(c.released, 1, "once");
}

static void of_promise(void)
{
  struct lwt_resolver r;
  struct lwt_stream *s = lwt_stream_of_promise(NULL, lwt_return(V(7)));
  lwt_t *p;

  ok(lwt_stream_is_closed(s), "STR-02 STR-03 of a value: closed at once");
  gives(lwt_stream_next(s), 7, "STR-02 STR-03 and the value comes");
  fails(lwt_stream_next(s), LWT_ENODATA, "once");
  lwt_stream_drop(s);

  s = lwt_stream_of_promise(NULL, lwt_task(&r));
  p = lwt_stream_next(s);
  ok(!lwt_stream_is_closed(s) && pending(p), "STR-04 pending: open");
  lwt_fulfill(&r, V(8));
  ok(lwt_stream_is_closed(s) && is(p, 8),
     "STR-04 the element when it is there, then closed");
  lwt_drop(p);
  lwt_stream_drop(s);

  s = lwt_stream_of_promise(NULL, lwt_fail(LWT_EIO, "x"));
  ok(lwt_stream_is_closed(s), "STR-05 (differs) of a rejection: closed");
  fails(lwt_stream_next(s), LWT_EIO,
        "STR-05 (differs) and the error is read in its place");
  fails(lwt_stream_next(s), LWT_ENODATA, "STR-05 then it is empty");
  lwt_stream_drop(s);
}

static void of_sequence(void)
{
  struct count c = { .last = 2 }, d = { .last = 1 };
  struct lwt_stream *s = lwt_stream_from_direct(NULL, count_direct, &c, NULL);

  is_int(c.n, 0, "STR-06 the source is not touched before somebody reads");
  gives(lwt_stream_get(s), 1, "STR-06 the first");
  is_int(c.n, 1, "STR-06 one element for one read");
  gives(lwt_stream_get(s), 2, "the second");
  ok(!lwt_stream_is_closed(s), "STR-06 STR-30 open until the end is read");
  gives(lwt_stream_get(s), NONE, "the end");
  ok(lwt_stream_is_closed(s), "STR-06 STR-30 closed");
  lwt_stream_drop(s);

  s = lwt_stream_from(NULL, count_pull, &d, NULL);
  ok(d.n == 0 && !lwt_stream_is_closed(s), "STR-07 the same with promises: lazy");
  gives(lwt_stream_get(s), 1, "STR-07 an element");
  gives(lwt_stream_get(s), NONE, "STR-07 the end");
  ok(lwt_stream_is_closed(s), "STR-07 closed");
  lwt_stream_drop(s);
}

static void of_list(void)
{
  struct lwt_stream *s = numbers(3), *e = lwt_stream_of_array(NULL, 0, NULL);
  struct lwt_stream *b = lwt_stream_of_bytes("hi", 2), *n = lwt_stream_of_bytes("", 0);

  ok(lwt_stream_is_closed(s) && lwt_stream_is_closed(e) && lwt_stream_is_closed(b) &&
       lwt_stream_is_closed(n),
     "STR-30 of an array, of bytes, empty or not: closed at once");
  gives(lwt_stream_next(s), 1, "STR-08 in order");
  gives(lwt_stream_next(s), 2, "STR-08 in order");
  gives(lwt_stream_next(s), 3, "STR-08 in order");
  fails(lwt_stream_next(s), LWT_ENODATA, "and then nothing");
  fails(lwt_stream_next(e), LWT_ENODATA, "nothing in an empty one");
  is_vec(lwt_stream_to_array(b, 9), "104 105", "of bytes");
  is_vec(lwt_stream_to_array(n, 9), "", "of no bytes");
  lwt_stream_drop(s);
  lwt_stream_drop(e);
  lwt_stream_drop(b);
  lwt_stream_drop(n);
}

/* ---- Clones -------------------------------------------------------------- */

static void clones(void)
{
  struct lwt_stream *s = numbers(3), *c = lwt_stream_clone(s);
  struct lwt_sink *sink;
  lwt_t *a, *b;

  is_vec(lwt_stream_to_array(s, 9), "1 2 3", "STR-09 the stream sees all");
  is_vec(lwt_stream_to_array(c, 9), "1 2 3", "STR-09 its clone, too");
  lwt_stream_drop(s);
  lwt_stream_drop(c);

  s = lwt_stream_create(NULL, LWT_UNLIMITED, &sink);
  push(sink, 1);
  c = lwt_stream_clone(s);
  gives(lwt_stream_next(s), 1, "STR-10 what was pushed before the clone: one");
  gives(lwt_stream_next(c), 1, "STR-10 and the other");
  a = lwt_stream_next(s);
  b = lwt_stream_next(c);
  ok(pending(a) && pending(b), "STR-10 then both wait");
  push(sink, 2);
  ok(is(a, 2) && is(b, 2), "and both get the next");
  DROP(a, b);
  push(sink, 3);
  lwt_stream_drop(c);
  gives(lwt_stream_next(s), 3, "a clone that goes takes nothing with it");
  lwt_stream_drop(s);
  lwt_sink_drop(sink);
}

/* Objects that count who holds them. */
struct object {
  int refs;
};
static int objects;

static void object_drop(void *value)
{
  struct object *o = value;

  if (--o->refs == 0)
    objects--;
}

static int object_copy(void *value, void **copy)
{
  ((struct object *)value)->refs++;
  *copy = value;
  return 0;
}

static const struct lwt_elements object_type = { object_drop, object_copy };
static const struct lwt_elements object_alone = { object_drop, NULL };

static void *object(struct object *o)
{
  o->refs = 1;
  objects++;
  return o;
}

static void owned(void)
{
  struct object o[6];
  struct lwt_sink *sink;
  struct lwt_stream *s = lwt_stream_create(&object_type, 4, &sink), *c;
  lwt_t *p, *q;
  int i;

  objects = 0;
  for (i = 0; s && i < 5; i++) {
    p = lwt_sink_push(sink, object(&o[i]));
    if (i == 4)
      ok(pending(p), "the fifth push waits");
    lwt_drop(p);
  }
  is_int(objects, s ? 4 : 0, "STR-44 a push that is given up drops its value");
  c = lwt_stream_clone(s);
  p = lwt_stream_get(s);
  q = lwt_stream_get(c);
  ok(lwt_value(p) == &o[0] && lwt_value(q) == &o[0] && o[0].refs == 2,
     "a clone gets a copy");
  DROP(p, q);
  is_int(objects, s ? 3 : 0, "which is dropped for itself");
  lwt_drop(lwt_stream_junk(s));
  lwt_stream_drop(c);
  lwt_stream_drop(s);
  is_int(objects, 0, "STR-28 elements that nobody read are dropped with the stream");
  if (sink) {
    fails(lwt_sink_push(sink, object(&o[5])), LWT_EPIPE,
          "a push for nobody: LWT_EPIPE");
    is_int(objects, 0, "STR-28 and its value is dropped");
  }
  lwt_sink_drop(sink);

  s = lwt_stream_create(&object_alone, 4, &sink);
  ok(!lwt_stream_clone(s), "what cannot be copied cannot be cloned");
  p = lwt_stream_get(s);
  if (sink)
    lwt_drop(lwt_sink_push(sink, object(&o[0])));
  lwt_drop(p);
  is_int(objects, 0, "an element in a promise is dropped with it");
  lwt_sink_drop(sink);
  lwt_stream_drop(s);
}

/* ---- Sinks --------------------------------------------------------------- */

static void created(void)
{
  struct lwt_sink *sink;
  struct lwt_stream *s = lwt_stream_create(NULL, LWT_UNLIMITED, &sink);
  lwt_t *p;

  push(sink, 1);
  push(sink, 2);
  push(sink, 3);
  lwt_sink_close(sink);
  is_vec(lwt_stream_to_array(s, 9), "1 2 3", "STR-11 three pushes and the end");
  fails(lwt_sink_push(sink, V(4)), LWT_EPIPE, "STR-41 a push after close");
  is_int(lwt_sink_try_push(sink, V(4)), LWT_EPIPE, "STR-41 the same without waiting");
  lwt_stream_drop(s);
  lwt_sink_drop(sink);

  s = lwt_stream_create(NULL, LWT_UNLIMITED, &sink);
  lwt_sink_close(sink);
  fails(lwt_stream_next(s), LWT_ENODATA, "STR-12 closed without an element");
  lwt_stream_drop(s);
  lwt_sink_drop(sink);

  s = lwt_stream_create(NULL, LWT_UNLIMITED, &sink);
  p = lwt_stream_get(s);
  push(sink, 1);
  ok(is(p, 1), "a push to a reader that waits");
  lwt_drop(p);
  push(sink, 2);
  lwt_sink_drop(sink);
  gives(lwt_stream_get(s), 2, "given up: what was pushed can be read");
  fails(lwt_stream_get(s), LWT_EPIPE, "then each read fails");
  fails(lwt_stream_get(s), LWT_EPIPE, "each");
  lwt_stream_drop(s);
}

static void bounded(void)
{
  struct lwt_sink *sink;
  struct lwt_stream *s = lwt_stream_create(NULL, 3, &sink);
  lwt_t *p[6], *q;
  int i;

  for (i = 0; i < 6; i++)
    p[i] = lwt_sink_push(sink, V(i + 1));
  ok(lwt_state(p[0]) == LWT_FULFILLED && lwt_state(p[1]) == LWT_FULFILLED &&
       lwt_state(p[2]) == LWT_FULFILLED,
     "STR-13 three pushes go in");
  ok(pending(p[3]), "STR-13 the fourth waits");
  ok(pending(p[4]) && pending(p[5]),
     "STR-13 (differs) STR-43 (differs) the others, too, in line");
  is_int(lwt_sink_try_push(sink, V(9)), LWT_EAGAIN, "STR-43 full, for who cannot wait");
  is_int(lwt_sink_stats(sink).held, 3, "three are held");
  is_int(lwt_sink_stats(sink).blocked, 3, "three wait");
  gives(lwt_stream_get(s), 1, "STR-13 a read");
  ok(lwt_state(p[3]) == LWT_FULFILLED && pending(p[4]), "STR-13 lets the fourth in");
  lwt_cancel(p[4]);
  ok(canceled(p[4]) && pending(p[5]), "STR-44 a push that waits can be cancelled");
  lwt_sink_resize(sink, 4);
  ok(lwt_state(p[5]) == LWT_FULFILLED, "a larger limit lets the next one in");
  q = lwt_sink_push(sink, V(7));
  lwt_sink_close(sink);
  ok(failed(q, LWT_EPIPE), "a push that waits fails when the sink closes");
  fails(lwt_sink_push(sink, V(8)), LWT_EPIPE, "STR-13 a push after close");
  is_vec(lwt_stream_to_array(s, 9), "2 3 4 6",
         "STR-13 STR-44 what is in can be read, without what was withdrawn");
  drop_n(6, p);
  lwt_drop(q);
  lwt_stream_drop(s);
  lwt_sink_drop(sink);

  s = lwt_stream_create(NULL, 3, &sink);
  push(sink, 1);
  gives(lwt_stream_get(s), 1, "an element");
  q = lwt_stream_get(s);
  ok(pending(q), "STR-14 a reader that waits");
  lwt_sink_close(sink);
  ok(is(q, NONE), "STR-14 is woken by close");
  lwt_drop(q);
  lwt_stream_drop(s);
  lwt_sink_drop(sink);
}

/* ---- Reading ------------------------------------------------------------- */

static void several(void)
{
  struct lwt_stream *s = numbers(8);

  is_vec(lwt_stream_get_while(s, 9, below, V(3)), "1 2", "STR-15 the longest prefix");
  gives(lwt_stream_peek(s), 3, "STR-15 STR-16 the element that fails is not consumed");
  gives(lwt_stream_peek(s), 3, "STR-16 nor by peek");
  is_vec(lwt_stream_npeek(s, 3), "3 4 5", "STR-17 npeek");
  is_vec(lwt_stream_npeek(s, 3), "3 4 5", "STR-17 does not consume");
  is_vec(lwt_stream_nget(s, 2), "3 4", "nget does");
  lwt_drop(lwt_stream_njunk(s, 1));
  fails(lwt_stream_to_array(s, 2), LWT_EMSGSIZE, "more than wanted");
  is_vec(lwt_stream_nget(s, 9), "6 7 8", "loses nothing; and fewer at the end");
  is_vec(lwt_stream_npeek(s, 2), "", "nothing at the end");
  gives(lwt_stream_is_empty(s), 1, "it is empty");
  lwt_stream_drop(s);
  s = numbers(4);
  gives(lwt_stream_is_empty(s), 0, "this is not");
  lwt_drop(lwt_stream_junk_while(s, below, V(3)));
  gives(lwt_stream_get(s), 3, "junk_while leaves the one that fails");
  lwt_stream_drop(s);
  s = numbers(6);
  is_vec(ran(lwt_stream_get_while_s(s, 9, below_later, V(3))), "1 2", "get_while_s");
  lwt_drop(ran(lwt_stream_junk_while_s(s, below_later, V(5))));
  is_vec(lwt_stream_nget(s, 9), "5 6", "junk_while_s");
  lwt_stream_drop(s);
}

static void available(void)
{
  struct lwt_sink *sink;
  struct lwt_stream *s = lwt_stream_create(NULL, LWT_UNLIMITED, &sink), *f;
  void *value = V(99);
  lwt_t *p;
  int i;

  is_vec(lwt_stream_get_available(s), "", "STR-18 nothing is there");
  is_int(lwt_stream_try_get(s, &value), s ? 0 : LWT_ENOMEM, "nor for try_get");
  for (i = 1; i <= 5; i++)
    push(sink, i);
  is_vec(lwt_stream_get_available_up_to(s, 2), "1 2", "STR-19 so many");
  is_vec(lwt_stream_get_available(s), "3 4 5", "STR-18 all that are there");
  push(sink, 6);
  push(sink, 7);
  gives(lwt_stream_last_new(s), 7, "STR-22 the last one");
  p = lwt_stream_last_new(s);
  ok(pending(p), "STR-22 none is there: it waits");
  push(sink, 8);
  ok(is(p, 8), "STR-22 for one");
  lwt_drop(p);
  push(sink, 9);
  lwt_stream_junk_available(s);
  is_vec(lwt_stream_get_available(s), "", "STR-23 all that are there are dropped");
  push(sink, 1);
  lwt_drop(lwt_stream_njunk(s, 1));
  is_vec(lwt_stream_get_available(s), "", "STR-24 (differs) njunk() is the promise");
  f = lwt_stream_filter(s, below, V(3));
  for (i = 1; i <= 4; i++)
    push(sink, i);
  is_vec(lwt_stream_nget(f, 2), "1 2", "STR-20 a filtered stream");
  p = lwt_stream_get(f);
  is_vec(lwt_stream_get_available(f), "", "STR-20 has what its reader pulled");
  lwt_drop(p);
  lwt_stream_drop(f);
  lwt_sink_drop(sink);
}

static void cancelled(void)
{
  struct lwt_sink *sink;
  struct lwt_stream *s = lwt_stream_create(NULL, LWT_UNLIMITED, &sink);
  lwt_t *a = lwt_stream_next(s), *b;

  lwt_cancel(a);
  ok(canceled(a), "STR-25 a read that waits can be cancelled");
  lwt_drop(a);
  push(sink, 1);
  gives(lwt_stream_next(s), 1, "STR-26 and nothing is lost");
  a = lwt_stream_next(s);
  b = lwt_stream_next(s);
  lwt_cancel(a);
  push(sink, 2);
  ok(canceled(a) && is(b, 2), "STR-27 the next in line gets the element");
  DROP(a, b);
  a = lwt_stream_next(s);
  b = lwt_stream_next(s);
  push(sink, 3);
  ok(is(a, 3) && pending(b), "STR-42 (differs) of two readers, one gets the element");
  push(sink, 4);
  ok(is(b, 4), "STR-42 (differs) and the other the next");
  DROP(a, b);
  a = lwt_stream_nget(s, 3);
  push(sink, 5);
  push(sink, 6);
  ok(pending(a), "nget waits for the third");
  lwt_cancel(a);
  is_vec(lwt_stream_get_available(s), "5 6", "and puts back what it had when cancelled");
  lwt_drop(a);
  a = lwt_stream_nget(s, 3);
  push(sink, 7);
  lwt_drop(a);
  is_vec(lwt_stream_get_available(s), "7", "or given up");
  a = lwt_stream_nget(s, 3);
  lwt_stream_drop(s);
  ok(canceled(a), "a read of a stream that is dropped is cancelled");
  lwt_drop(a);
  lwt_sink_drop(sink);
}

/* The pull goes on when its reader is cancelled. */
static void cancelled_pull(void)
{
  struct lwt_resolver r = { NULL };
  struct count c = { .r = &r };
  struct lwt_stream *s = lwt_stream_from(NULL, count_pull, &c, count_release);
  lwt_t *p = lwt_stream_get(s);

  lwt_cancel(p);
  ok(canceled(p) && (!s || !lwt_unwanted(&r)),
     "the reader is cancelled, the pull is not");
  lwt_drop(p);
  lwt_fulfill(&r, V(5));
  gives(lwt_stream_get(s), 5, "STR-26 and its element is for the next reader");
  p = lwt_stream_get(s);
  ok(pending(p), "one more pull");
  lwt_stream_drop(s);
  ok(canceled(p) && c.released == 1 && lwt_unwanted(&r),
     "with the stream, the pull is cancelled and the source released");
  lwt_drop(p);
  lwt_abandon(&r);
}

/* ---- The end, and errors ------------------------------------------------- */

static void closing(void)
{
  struct lwt_sink *sink;
  struct lwt_stream *s = lwt_stream_create(NULL, LWT_UNLIMITED, &sink);
  struct cb bound = { .name = "bound" }, ended = { .name = "ended" };
  lwt_t *p = lwt_bind(lwt_stream_closed(s), cb_bind, &bound);

  lwt_on_termination(lwt_stream_closed(s), cb_call, &ended);
  push(sink, 1);
  ok(pending(p) && !lwt_stream_is_closed(s), "open");
  lwt_sink_close(sink);
  ok(noted("bound ended"), "STR-31 STR-32 closed: whoever waits for it is told");
  ok(lwt_stream_is_closed(s), "though an element can still be read");
  lwt_drop(p);
  gives(lwt_stream_closed(s), 0, "STR-33 closed already: fulfilled");
  lwt_stream_drop(s);
  lwt_sink_drop(sink);
}

static void errors(void)
{
  struct count c = { .last = 3, .bad = 2 }, d = c, e = c, f = c;
  struct lwt_stream *s = lwt_stream_from(NULL, count_pull, &c, NULL), *copy;
  struct lwt_sink *sink;
  struct cb twice = { .ret = 20 };

  gives(lwt_stream_get(s), 1, "the first");
  fails(lwt_stream_get(s), LWT_EIO, "STR-35 an error of the source");
  ok(!lwt_stream_is_closed(s), "STR-39 does not close the stream");
  gives(lwt_stream_get(s), 3, "STR-39 STR-29 (differs) the next read pulls again");
  gives(lwt_stream_get(s), NONE, "up to the end");
  lwt_stream_drop(s);

  s = lwt_stream_from_direct(NULL, count_direct, &d, NULL);
  copy = lwt_stream_clone(s);
  gives(lwt_stream_get(s), 1, "the first");
  fails(lwt_stream_get(s), LWT_EIO, "STR-36 an error of a direct source");
  gives(lwt_stream_get(s), 3, "STR-40 the source is called again");
  gives(lwt_stream_get(copy), 1, "STR-29 (differs) a clone sees all in the same order");
  fails(lwt_stream_get(copy), LWT_EIO, "STR-29 (differs) the error in its place");
  gives(lwt_stream_get(copy), 3, "STR-29 (differs) and what came after it");
  lwt_stream_drop(s);
  lwt_stream_drop(copy);

  s = lwt_stream_from(NULL, count_pull, &e, NULL);
  fails(lwt_stream_to_array(s, 9), LWT_EIO, "STR-37 an error ends to_array");
  is_vec(lwt_stream_to_array(s, 9), "1 3", "and nothing but the error is gone");
  lwt_stream_drop(s);

  s = lwt_stream_map(lwt_stream_from(NULL, count_pull, &f, NULL), NULL, cb_map, &twice);
  gives(lwt_stream_get(s), 20, "through map");
  fails(lwt_stream_get(s), LWT_EIO, "STR-38 an error passes");
  gives(lwt_stream_get(s), 20, "STR-38 and the stream goes on");
  is_int(twice.calls, s ? 2 : 0, "f has not seen it");
  lwt_stream_drop(s);

  s = lwt_stream_create(NULL, 9, &sink);
  push(sink, 1);
  lwt_sink_fail(sink, LWT_EPROTO, "x");
  gives(lwt_stream_get(s), 1, "a sink that fails: what was pushed can be read");
  fails(lwt_stream_get(s), LWT_EPROTO, "then its error");
  fails(lwt_stream_next(s), LWT_EPROTO, "each time");
  lwt_sink_drop(sink);
  lwt_stream_drop(s);
}

SEM_TESTS(stream, T(from), T(of_promise), T(of_sequence), T(of_list), T(clones), T(owned),
          T(created), T(bounded), T(several), T(available), T(cancelled),
          T(cancelled_pull), T(closing), T(errors))
