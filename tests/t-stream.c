/* t-stream.c - streams: errors in between, copies that fail, callbacks without a promise.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt/stream.h>
#include <lwt/test.h>

#define V(n) ((void *)(intptr_t)(n))

static int dropped;

static void count_drop(void *value)
{
  (void)value;
  dropped++;
}

static int copy_error;

static int copy(void *value, void **out)
{
  *out = value;
  return copy_error;
}

static const struct lwt_elements counted = { count_drop, copy };
static const struct lwt_elements words = { NULL, copy };

static void is_next(struct lwt_stream *s, intptr_t value, const char *what)
{
  lwt_t *p = lwt_stream_get(s);

  is_fulfilled(p, value, "%s", what);
  lwt_drop(p);
}

static void is_end(struct lwt_stream *s, const char *what)
{
  lwt_t *p = lwt_stream_get(s);

  ok(lwt_state(p) == LWT_FULFILLED && lwt_value(p) == LWT_NONE, "%s", what);
  lwt_drop(p);
}

static void fails(lwt_t *p, int code, const char *what)
{
  is_rejected(p, code, "%s", what);
  lwt_drop(p);
}

/* ---- Several streams ------------------------------------------------------- */

static void chooses(void)
{
  struct lwt_sink *sink[2];
  struct lwt_stream *in[2], *s;
  lwt_t *p;
  int i, n;

  for (i = 0; i < 2; i++)
    in[i] = lwt_stream_create(NULL, 4, &sink[i]);
  s = lwt_stream_choose(2, in);
  for (n = 1; n <= 4; n++) {
    p = lwt_stream_get(s);
    is_pending(p, "choose waits for both");
    is_int(lwt_sink_try_push(sink[n / 3], V(n)), 0, "... one gets an element");
    is_fulfilled(p, n, "... which comes out");
    lwt_drop(p);
  }
  lwt_sink_fail(sink[1], LWT_EIO, "broken");
  fails(lwt_stream_get(s), LWT_EIO, "the failure of one is passed on");
  p = lwt_stream_get(s);
  lwt_sink_try_push(sink[0], V(9));
  is_fulfilled(p, 9, "... and the other goes on");
  lwt_drop(p);
  lwt_sink_close(sink[0]);
  is_end(s, "... to its end");
  lwt_stream_drop(s);
  lwt_sink_drop(sink[0]);
  lwt_sink_drop(sink[1]);
}

static lwt_t *second_fails(void *env)
{
  int n = ++*(int *)env;

  return n == 2 ? lwt_fail(LWT_EPROTO, "pull") : lwt_return(V(n));
}

static void combines(void)
{
  int n = 0;
  struct lwt_stream *a, *b, *s;
  struct lwt_vec *pair;
  lwt_t *p;

  a = lwt_stream_of_array(NULL, 2, (void *[]){ V(10), V(20) });
  b = lwt_stream_from(NULL, second_fails, &n, NULL);
  s = lwt_stream_combine(a, b);
  p = lwt_stream_get(s);
  pair = lwt_value(p);
  ok(pair && pair->v[0].value == V(10) && pair->v[1].value == V(1), "a pair");
  lwt_drop(p);
  fails(lwt_stream_get(s), LWT_EPROTO, "the error of the second");
  p = lwt_stream_get(s);
  pair = lwt_value(p);
  ok(pair && pair->v[0].value == V(20) && pair->v[1].value == V(3),
     "... costs no element of the first");
  lwt_drop(p);
  is_end(s, "... whose end is the end");
  lwt_stream_drop(s);
}

/* ---- Copies ---------------------------------------------------------------- */

static void copies(const struct lwt_elements *type)
{
  struct lwt_sink *sink;
  struct lwt_stream *a = lwt_stream_create(type, 8, &sink), *b = lwt_stream_clone(a);
  void *value = NULL;
  lwt_t *p;

  dropped = 0;
  copy_error = 1;
  p = lwt_stream_get(a);
  lwt_drop(lwt_sink_push(sink, V(1)));
  fails(p, LWT_EINVAL, "a copy that fails without a code: the read that waited");
  copy_error = LWT_EMFILE;
  fails(lwt_stream_get(a), LWT_EMFILE, "... and with one");
  is_int(lwt_stream_try_get(a, &value), LWT_EMFILE, "... without waiting");
  copy_error = 0;
  is_next(a, 1, "the element is still there");
  is_next(b, 1, "... for the other one, too");
  is_int(dropped, type->drop ? 2 : 0, "each was dropped once");
  lwt_stream_drop(a);
  lwt_stream_drop(b);
  lwt_sink_drop(sink);
}

static void copies_fail(void)
{
  copies(&counted);
  copies(&words);
}

/* ---- Pushing ---------------------------------------------------------------- */

static void try_get_lets_in(void)
{
  struct lwt_sink *sink;
  struct lwt_stream *s = lwt_stream_create(&counted, 1, &sink);
  void *value = NULL;
  lwt_t *p;

  dropped = 0;
  is_int(lwt_sink_try_push(sink, V(1)), 0, "try_push where there is room");
  is_int(lwt_sink_try_push(sink, V(2)), LWT_EAGAIN, "... and where there is none");
  p = lwt_sink_push(sink, V(3));
  is_pending(p, "push waits");
  ok(lwt_stream_try_get(s, &value) == 1 && value == V(1), "try_get takes the first");
  is_fulfilled(p, 0, "... and lets the waiting one in");
  lwt_drop(p);
  is_next(s, 3, "... which comes next");
  lwt_stream_drop(s);
  is_int(lwt_sink_try_push(sink, V(4)), LWT_EPIPE, "nobody can read any more");
  lwt_sink_drop(sink);
  is_int(dropped, 1, "what was read by get was dropped with its promise");
}

static void shrinks(void)
{
  enum { N = 1000 };
  struct lwt_sink *sink;
  struct lwt_stream *s = lwt_stream_create(NULL, LWT_UNLIMITED, &sink);
  int i, wrong = 0, round;
  void *value;

  for (round = 0; round < 3; round++) {
    for (i = 0; i < N; i++)
      wrong += lwt_sink_try_push(sink, V(i));
    for (i = 0; i < N; i++)
      wrong += lwt_stream_try_get(s, &value) != 1 || value != V(i);
  }
  is_int(wrong, 0, "a thousand elements in and out, three times, in order");
  lwt_stream_drop(s);
  lwt_sink_drop(sink);
}

/* ---- Dropping ---------------------------------------------------------------- */

static lwt_t *pull_wait(void *env)
{
  return lwt_wait(env);
}

static struct lwt_stream *own;

static lwt_t *pull_drops(void *env)
{
  lwt_stream_drop(own);
  return lwt_task(env);
}

static void drops(void)
{
  struct lwt_resolver r = { NULL };
  struct lwt_sink *sink;
  struct lwt_stream *s = lwt_stream_create(NULL, 1, &sink);
  lwt_t *p = lwt_stream_closed(s);

  is_pending(p, "closed: not yet");
  lwt_stream_drop(s);
  fails(p, LWT_ECANCELED, "... dropped: it never will");
  lwt_sink_drop(sink);

  dropped = 0;
  s = lwt_stream_from(&counted, pull_wait, &r, NULL);
  p = lwt_stream_get(s);
  lwt_stream_drop(s);
  fails(p, LWT_ECANCELED, "a read whose handle is dropped");
  ok(lwt_unwanted(&r), "... gives its pull up");
  lwt_fulfill_owned(&r, V(1), count_drop);
  is_int(dropped, 1, "... and what that gives later is dropped");

  own = lwt_stream_from(&counted, pull_drops, &r, NULL);
  p = lwt_stream_get(own);
  fails(p, LWT_ECANCELED, "a pull that drops the stream");
  ok(lwt_unwanted(&r), "... is cancelled");
  lwt_abandon(&r);
}

/* ---- Callbacks without a promise -------------------------------------------- */

static lwt_t *no_promise(void *env, void *value)
{
  (void)env, (void)value;
  return NULL;
}

static lwt_t *no_pull(void *env)
{
  return ++*(int *)env == 1 ? NULL : lwt_return(LWT_NONE);
}

static void without_promise(void)
{
  struct lwt_stream *s = lwt_stream_of_array(NULL, 2, (void *[]){ V(1), V(2) });
  int n = 0;

  s = lwt_stream_map_s(s, NULL, no_promise, NULL);
  fails(lwt_stream_get(s), LWT_EINVAL, "map_s: f gives no promise");
  lwt_stream_drop(s);
  s = lwt_stream_from(NULL, no_pull, &n, NULL);
  fails(lwt_stream_get(s), LWT_EINVAL, "a pull that gives none");
  is_end(s, "... is asked again");
  lwt_stream_drop(s);
  s = lwt_stream_of_array(NULL, 2, (void *[]){ V(1), V(2) });
  fails(lwt_stream_iter_n(s, 2, no_promise, NULL), LWT_EINVAL, "iter_n: f gives none");
  is_next(s, 2, "... no element is read after that");
  lwt_stream_drop(s);
}

/* ---- Reading to the end ------------------------------------------------------- */

static int is_nine(void *env, void *value)
{
  (void)env;
  return value == V(9);
}

static void finds(void)
{
  struct lwt_stream *s;
  lwt_t *p;

  dropped = 0;
  s = lwt_stream_of_array(&counted, 3, (void *[]){ V(1), V(9), V(2) });
  p = lwt_stream_find(s, is_nine, NULL);
  is_fulfilled(p, 9, "find");
  is_int(dropped, 1, "... drops what comes before");
  lwt_drop(p);
  p = lwt_stream_find(s, is_nine, NULL);
  ok(lwt_value(p) == LWT_NONE && dropped == 3, "... and all, if there is none");
  lwt_drop(p);
  lwt_stream_drop(s);
}

static lwt_t *fail_later(void *env, void *value)
{
  (void)env, (void)value;
  return lwt_fail(LWT_EIO, "later");
}

static lwt_t *after_gate(void *gate, void *value)
{
  (void)value;
  return lwt_bind(lwt_ref(gate), fail_later, NULL);
}

static void push_two(void *sink, void *value)
{
  (void)value;
  lwt_sink_try_push(sink, V(2));
}

/* An element comes in the same turn in which a call fails. */
static void unread_after_failure(void)
{
  struct lwt_resolver r;
  struct lwt_sink *sink;
  struct lwt_stream *s = lwt_stream_create(NULL, 4, &sink);
  lwt_t *gate = lwt_wait(&r), *p;

  lwt_sink_try_push(sink, V(1));
  p = lwt_stream_iter_n(s, 2, after_gate, gate);
  lwt_on_success(lwt_ref(gate), push_two, sink);
  is_pending(p, "iter_n waits for f and for the next element");
  lwt_fulfill(&r, NULL);
  fails(p, LWT_EIO, "f fails");
  is_next(s, 2, "... the element that came then is not lost");
  lwt_drop(gate);
  lwt_stream_drop(s);
  lwt_sink_drop(sink);
}

static const struct lwt_test tests[] = {
  LWT_TEST(chooses), LWT_TEST(combines), LWT_TEST(copies_fail), LWT_TEST(try_get_lets_in),
  LWT_TEST(shrinks), LWT_TEST(drops), LWT_TEST(without_promise), LWT_TEST(finds),
  LWT_TEST(unread_after_failure),
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
