/* stream-kit.h - helpers of the tests of streams.
 * SPDX-License-Identifier: ISC
 */
#ifndef STREAM_KIT_H
#define STREAM_KIT_H

#include <lwt/stream.h>

#include "sem.h"

#define NONE ((intptr_t)LWT_NONE)

__attribute__((unused)) static void drop_n(size_t n, lwt_t *const ps[])
{
  size_t i;

  for (i = 0; i < n; i++)
    lwt_drop(ps[i]);
}
#define DROP(...) drop_n(LWT_PS(__VA_ARGS__))

/* The values of a vec as text: "1 2 3"; "?" for what is no vec. */
__attribute__((unused)) static const char *text(lwt_t *p)
{
  static char s[200];
  const struct lwt_vec *vec = lwt_value(p);
  size_t i, n = 0;

  strcpy(s, lwt_state(p) == LWT_FULFILLED ? "" : pending(p) ? "?" : "error");
  for (i = 0; vec && i < vec->n && n < sizeof s - 20; i++)
    n += (size_t)sprintf(s + n, "%s%d", i ? " " : "", (int)(intptr_t)vec->v[i].value);
  return s;
}

/* is_text(), for a promise that is dropped. */
#define is_vec(p, want, ...)                                                  \
  do {                                                                        \
    lwt_t *vec_p = (p);                                                       \
    is_str(text(vec_p), (want), __VA_ARGS__);                                 \
    lwt_drop(vec_p);                                                          \
  } while (0)
#define gives(p, want, ...)                                                   \
  do {                                                                        \
    lwt_t *give_p = (p);                                                      \
    ok(is(give_p, (want)), __VA_ARGS__);                                      \
    lwt_drop(give_p);                                                         \
  } while (0)
#define fails(p, code, ...)                                                   \
  do {                                                                        \
    lwt_t *fail_p = (p);                                                      \
    ok(failed(fail_p, (code)), __VA_ARGS__);                                  \
    lwt_drop(fail_p);                                                         \
  } while (0)

__attribute__((unused)) static void push(struct lwt_sink *sink, intptr_t value)
{
  lwt_drop(lwt_sink_push(sink, V(value)));
}

__attribute__((unused)) static struct lwt_stream *numbers(size_t n)
{
  void *v[] = { V(1), V(2), V(3), V(4), V(5), V(6), V(7), V(8) };

  return lwt_stream_of_array(NULL, n, v);
}

/* Sources that count: 1, 2 ... up to `last`; `bad` fails. */
struct count {
  intptr_t n, last, bad;
  int released;
  struct lwt_resolver *r; /* the promise is pending if it is given */
};

__attribute__((unused)) static lwt_t *count_pull(void *env)
{
  struct count *c = env;

  if (c->r)
    return lwt_task(c->r);
  if (c->n == c->last)
    return lwt_return(LWT_NONE);
  if (++c->n == c->bad)
    return lwt_fail(LWT_EIO, "count");
  return lwt_return(V(c->n));
}

__attribute__((unused)) static int count_direct(void *env, void **value)
{
  struct count *c = env;

  if (c->n == c->last)
    return 0;
  if (++c->n == c->bad)
    return LWT_EIO;
  *value = V(c->n);
  return 1;
}

__attribute__((unused)) static void count_release(void *env)
{
  ((struct count *)env)->released++;
}

__attribute__((unused)) static int below(void *env, void *value)
{
  return (intptr_t)value < (intptr_t)env;
}

__attribute__((unused)) static void *answer(void *env, void *value)
{
  (void)value;
  return env;
}

__attribute__((unused)) static lwt_t *below_later(void *env, void *value)
{
  return lwt_map(lwt_pause(), answer, V(below(env, value)));
}

/* p when it has settled. */
__attribute__((unused)) static lwt_t *ran(lwt_t *p)
{
  lwt_run_value(lwt_ref(p), NULL);
  return p;
}

#endif
