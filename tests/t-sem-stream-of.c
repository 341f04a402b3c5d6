/* t-sem-stream-of.c - streams made of streams, and reading them to the end.
 * SPDX-License-Identifier: ISC
 */
#include "stream-kit.h"

/* ---- Transformations ----------------------------------------------------- */

static void *even_tenfold(void *env, void *value)
{
  (void)env;
  return (intptr_t)value % 2 ? LWT_NONE : V((intptr_t)value * 10);
}

static lwt_t *even_tenfold_later(void *env, void *value)
{
  return lwt_map(lwt_pause(), answer, even_tenfold(env, value));
}

static void *square(void *env, void *value)
{
  (void)env;
  return V((intptr_t)value * (intptr_t)value);
}

static lwt_t *square_later(void *env, void *value)
{
  if ((intptr_t)value == 2)
    return lwt_fail(LWT_ERANGE, "square");
  return lwt_map(lwt_pause(), answer, square(env, value));
}

static lwt_t *pair(void *env, void *value)
{
  (void)env;
  return lwt_all(LWT_PS(lwt_return(value), lwt_return(V((intptr_t)value * 100))));
}

static void *no_vec(void *env, void *value)
{
  (void)env;
  (void)value;
  return NULL;
}

static void transformed(void)
{
  struct lwt_stream *s = lwt_stream_filter_map(numbers(4), NULL, even_tenfold, NULL);

  is_vec(lwt_stream_to_array(s, 9), "20 40", "STR-21 filter_map");
  lwt_stream_drop(s);
  s = lwt_stream_filter_map_s(numbers(4), NULL, even_tenfold_later, NULL);
  is_vec(ran(lwt_stream_to_array(s, 9)), "20 40", "STR-21 filter_map_s");
  lwt_stream_drop(s);
  s = lwt_stream_map(numbers(3), NULL, square, NULL);
  is_vec(lwt_stream_to_array(s, 9), "1 4 9", "map");
  lwt_stream_drop(s);
  s = lwt_stream_map_s(numbers(3), NULL, square_later, NULL);
  gives(ran(lwt_stream_get(s)), 1, "map_s");
  fails(ran(lwt_stream_get(s)), LWT_ERANGE, "an element that fails");
  gives(ran(lwt_stream_get(s)), 9, "and the next");
  lwt_stream_drop(s);
  s = lwt_stream_filter_s(numbers(4), below_later, V(3));
  is_vec(ran(lwt_stream_to_array(s, 9)), "1 2", "filter_s");
  lwt_stream_drop(s);
  s = lwt_stream_map_list_s(numbers(2), NULL, pair, NULL);
  is_vec(lwt_stream_to_array(s, 9), "1 100 2 200", "STR-45 map_list");
  lwt_stream_drop(s);
  s = lwt_stream_map_list(numbers(2), NULL, no_vec, NULL);
  is_vec(lwt_stream_to_array(s, 9), "", "map_list of nothing");
  lwt_stream_drop(s);
  s = lwt_stream_flatten(lwt_stream_map_s(numbers(2), &lwt_vec_elements, pair, NULL),
                         NULL);
  is_vec(lwt_stream_nget(s, 3), "1 100 2", "STR-45 flatten");
  lwt_stream_drop(s);
}

static void merged(void)
{
  struct lwt_stream *s = lwt_stream_append(numbers(2), numbers(3)), *t[3];
  struct lwt_sink *a, *b;
  void *v[3];
  lwt_t *p;

  is_vec(lwt_stream_to_array(s, 9), "1 2 1 2 3", "STR-45 append");
  lwt_stream_drop(s);
  v[0] = numbers(1);
  v[1] = numbers(2);
  v[2] = numbers(0);
  s = lwt_stream_concat(lwt_stream_of_array(&lwt_stream_elements, 3, v), NULL);
  is_vec(lwt_stream_to_array(s, 9), "1 1 2", "STR-45 concat");
  lwt_stream_drop(s);
  s = lwt_stream_combine(numbers(3), numbers(2));
  is_vec(p = lwt_ref(lwt_stream_get(s)), "1 1", "STR-45 combine");
  lwt_drop(p);
  is_vec(lwt_stream_get(s), "2 2", "STR-45 combine");
  gives(lwt_stream_get(s), NONE, "STR-45 until one ends");
  lwt_stream_drop(s);

  t[0] = numbers(2);
  t[1] = lwt_stream_create(NULL, 9, &a);
  t[2] = lwt_stream_create(NULL, 9, &b);
  s = lwt_stream_choose(3, t);
  push(b, 30);
  is_vec(lwt_stream_nget(s, 3), "1 30 2", "choose: who has elements takes turns");
  p = lwt_stream_get(s);
  ok(pending(p), "then it waits for any");
  push(a, 20);
  gives(p, 20, "and takes what comes");
  push(b, 31);
  lwt_sink_close(a);
  lwt_sink_close(b);
  is_vec(lwt_stream_to_array(s, 9), "31", "STR-34 ends when all have ended");
  lwt_stream_drop(s);
  lwt_sink_drop(a);
  lwt_sink_drop(b);
  t[0] = numbers(0);
  s = lwt_stream_choose(1, t);
  is_vec(lwt_stream_to_array(s, 9), "", "STR-34 of an exhausted stream");
  lwt_stream_drop(s);
}

/* ---- To the end ---------------------------------------------------------- */

static void *add(void *env, void *acc, void *value)
{
  (void)env;
  return V((intptr_t)acc + (intptr_t)value);
}

static lwt_t *add_later(void *env, void *acc, void *value)
{
  return lwt_map(lwt_pause(), answer, add(env, acc, value));
}

struct busy {
  int now, most, sum;
  intptr_t bad;
};

static lwt_t *busy_done(void *env, void *value)
{
  struct busy *b = env;

  (void)value;
  b->now--;
  return lwt_return(NULL);
}

static lwt_t *busy_canceled(void *env, struct lwt_error error)
{
  ((struct busy *)env)->now--;
  return lwt_fail_error(error);
}

static lwt_t *busy(void *env, void *value)
{
  struct busy *b = env;
  lwt_t *p;

  if ((intptr_t)value == b->bad)
    return lwt_fail(LWT_ERANGE, "busy");
  b->sum += (int)(intptr_t)value;
  if (++b->now > b->most)
    b->most = b->now;
  p = lwt_try_bind(lwt_sleep(LWT_MS(value)), busy_done, busy_canceled, b);
  if (lwt_state(p) == LWT_REJECTED)
    b->now = 0;
  return p;
}

static void consumed(void)
{
  struct lwt_stream *s = numbers(4), *c = lwt_stream_clone(s);
  struct cb each = { .name = "f" };
  lwt_t *p;

  gives(lwt_stream_fold(s, add, V(100), NULL), 110, "STR-45 fold");
  gives(ran(lwt_stream_fold_s(c, add_later, V(200), NULL)), 210, "STR-45 fold_s");
  lwt_stream_drop(s);
  lwt_stream_drop(c);
  s = numbers(3);
  gives(lwt_stream_iter(s, cb_value, &each), 0, "STR-45 iter");
  ok(noted("f f f") && each.value == 3, "STR-45 each element in turn");
  lwt_stream_drop(s);
  s = numbers(5);
  gives(lwt_stream_find(s, below, V(3)), 1, "STR-45 find");
  gives(ran(lwt_stream_find_s(s, below_later, V(3))), 2, "STR-45 find_s");
  gives(lwt_stream_find_map(s, even_tenfold, NULL), 40, "STR-45 find_map");
  gives(ran(lwt_stream_find_map_s(s, even_tenfold_later, NULL)), NONE,
        "nothing is found");
  lwt_stream_drop(s);
  s = lwt_stream_map_s(numbers(3), NULL, square_later, NULL);
  p = lwt_stream_iter_s(s, cb_bind, &each);
  ok(noted(""), "iter_s waits");
  fails(ran(p), LWT_ERANGE, "and ends with the first error");
  ok(noted("f"), "after what came before it");
  lwt_stream_drop(s);
}

static void concurrent(void)
{
  struct busy b = { 0, 0, 0, 0 };
  struct lwt_stream *s = numbers(8);
  lwt_t *p = lwt_stream_iter_n(s, 3, busy, &b);

  ok(pending(p) && b.now == 3, "STR-45 iter_n: three run");
  gives(ran(p), 0, "STR-45 and all in the end");
  ok(b.sum == 36 && b.most == 3 && b.now == 0, "STR-45 never more than three");
  lwt_stream_drop(s);

  s = numbers(8);
  b = (struct busy){ 0, 0, 0, 0 };
  p = lwt_stream_iter_p(s, busy, &b);
  is_int(b.now, 8, "STR-45 iter_p: all run");
  lwt_cancel(p);
  ok(canceled(p) && b.now == 0, "cancel ends all");
  lwt_drop(p);
  lwt_stream_drop(s);

  s = numbers(8);
  b = (struct busy){ .bad = 4 };
  p = lwt_stream_iter_n(s, 2, busy, &b);
  fails(ran(p), LWT_ERANGE, "the first failure wins");
  ok(b.sum == 6 && b.now == 0, "nothing is begun after it, what ran is through");
  is_vec(lwt_stream_to_array(s, 9), "5 6 7 8", "and the rest can be read");
  lwt_stream_drop(s);

  s = numbers(8);
  b = (struct busy){ 0, 0, 0, 0 };
  p = lwt_stream_iter_n(s, 2, busy, &b);
  lwt_drop(p);
  is_int(b.now, 0, "given up: all that ran is cancelled");
  is_vec(lwt_stream_to_array(s, 9), "3 4 5 6 7 8", "nothing else was taken");
  lwt_stream_drop(s);
}

/* A failure wakes an iter that waits for an element. */
static void concurrent_failure(void)
{
  struct lwt_resolver r[2];
  struct lwt_sink *sink;
  struct lwt_stream *s = lwt_stream_create(NULL, 9, &sink);
  struct cb f = { .then = lwt_task(&r[0]) };
  lwt_t *p = lwt_stream_iter_p(s, cb_bind, &f);

  push(sink, 1);
  f.then = f.then ? f.then : lwt_task(&r[1]);
  ok(pending(p) && f.calls == 1, "one runs, and the next is awaited");
  lwt_reject(&r[0], LWT_EIO, "x");
  fails(p, LWT_EIO, "its failure ends both");
  lwt_drop(f.then);
  push(sink, 2);
  gives(lwt_stream_get(s), 2, "what comes later is not lost");
  lwt_abandon(&r[0]);
  if (f.calls)
    lwt_abandon(&r[1]);
  lwt_sink_drop(sink);
  lwt_stream_drop(s);
}

static void without_memory(void)
{
  fails(lwt_stream_get(NULL), LWT_ENOMEM, "a stream that could not be made");
  fails(lwt_stream_nget(NULL, 1), LWT_ENOMEM, "cannot be read");
  ok(!lwt_stream_map(NULL, NULL, square, NULL) && !lwt_stream_append(numbers(1), NULL),
     "and makes no other");
  fails(lwt_sink_push(NULL, V(1)), LWT_ENOMEM, "nor pushed into");
}

/* A million, in constant stack and memory. */
static void many(void)
{
  struct count c = { .last = 1000000 }, deep = { .last = 3 };
  struct lwt_stream *s = lwt_stream_from(NULL, count_pull, &c, NULL);
  struct lwt_sink *sink;
  lwt_t *p;
  int i;

  s = lwt_stream_filter(lwt_stream_map(s, NULL, square, NULL), below, V(5));
  is_vec(lwt_stream_to_array(s, 9), "1 4", "a filter over a million elements");
  lwt_stream_drop(s);
  s = lwt_stream_from(NULL, count_pull, &deep, NULL);
  for (i = 0; i < 20000; i++)
    s = lwt_stream_map(s, NULL, answer, V(i));
  p = lwt_stream_get(s);
  ok(is(ran(p), 19999), "a stream of a stream of ..., 20000 deep");
  lwt_drop(p);
  lwt_stream_drop(s);
  s = lwt_stream_create(NULL, LWT_UNLIMITED, &sink);
  p = lwt_stream_fold(s, add, NULL, NULL);
  for (i = 0; i < 1000000; i++)
    push(sink, 1);
  lwt_sink_drop(sink);
  lwt_stream_drop(s);
  ok(pending(p) || lwt_error(p).code, "given up in the middle");
  lwt_drop(p);
}

SEM_TESTS(stream_of, T(transformed), T(merged), T(consumed), T(concurrent),
          T(concurrent_failure), T(without_memory), ONCE(many))
