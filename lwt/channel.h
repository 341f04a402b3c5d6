/* lwt/channel.h - bounded channels with competing receivers, and select.
 * SPDX-License-Identifier: ISC
 *
 * A channel hands elements from those who send to those who receive, each
 * element to one receiver, in the order in which they were sent.  It holds up
 * to `capacity` of them; with capacity 0 a send waits for its receiver.  Those
 * who wait are served first come, first served, on both sides.
 *
 * An element is one word, as any value here.  With the channel's drop function
 * every element is owned, by the channel from the moment that it is given:
 * one that nobody receives is dropped, once.
 *
 * A waiting send or receive that is cancelled or dropped leaves the queue at
 * once, as if it had not begun; a send's element is dropped with it.  A
 * receive that has been given its element cannot be cancelled any more, and
 * the element is that promise's value: if nobody takes it, it is dropped.
 * Therefore wait for the first of several things with lwt_select(), which
 * does one of them, and not with lwt_pick(), which drops what came too late.
 *
 * The end comes in order: what was given before it is received first.  After
 * it, every receive is rejected with LWT_EOF or the error of the channel, and
 * every send with LWT_EPIPE or that error.
 */
#ifndef LWT_CHANNEL_H
#define LWT_CHANNEL_H

#include <lwt.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lwt_channel;

/* drop frees an element that nobody received; NULL: nothing to free.  It must
 * not use the channel.  NULL if memory is out.  All memory is taken here; a
 * wait takes that of its promise. */
LWT_API struct lwt_channel *lwt_channel_new(size_t capacity, lwt_drop_fn *drop);

/* lwt_channel_abort() with LWT_EPIPE, and free it.  NULL is allowed. */
LWT_API void lwt_channel_free(struct lwt_channel *ch);

/* Takes the value.  Fulfilled when it is in the channel or handed to its
 * receiver. */
#define lwt_channel_send(ch, value) \
  lwt_channel_send_at((ch), (value), LWT_WHERE)
LWT_API lwt_t *lwt_channel_send_at(struct lwt_channel *ch, void *value,
                                   const char *where) LWT_MUST_USE;

/* Fulfilled with the next element, which is then the receiver's. */
#define lwt_channel_recv(ch) lwt_channel_recv_at((ch), LWT_WHERE)
LWT_API lwt_t *lwt_channel_recv_at(struct lwt_channel *ch,
                                   const char *where) LWT_MUST_USE;

/* Without waiting: 0 if done, LWT_EAGAIN if it would have to wait, or the
 * error of a channel that has ended.  The value is taken only with 0. */
LWT_API int lwt_channel_try_send(struct lwt_channel *ch, void *value);
LWT_API int lwt_channel_try_recv(struct lwt_channel *ch, void **value);

/* The end: nothing is sent any more.  What the channel holds, and the elements
 * of sends that wait, are still received.  No effect on one that has ended. */
LWT_API void lwt_channel_close(struct lwt_channel *ch);

/* The same with an error in place of LWT_EOF.  A code that is not negative
 * becomes LWT_EINVAL. */
LWT_API void lwt_channel_fail(struct lwt_channel *ch, int code,
                              const char *what);

/* Nobody receives any more: the same, at once.  Elements are dropped, sends
 * that wait are rejected.  Also after lwt_channel_close(). */
LWT_API void lwt_channel_abort(struct lwt_channel *ch, int code,
                               const char *what);

/* Elements that it holds; promises and selects that wait (a walk). */
LWT_API size_t lwt_channel_length(const struct lwt_channel *ch);
LWT_API size_t lwt_channel_senders(const struct lwt_channel *ch);
LWT_API size_t lwt_channel_receivers(const struct lwt_channel *ch);

/* ---- Select -------------------------------------------------------------- */

/* One of the things that lwt_select() may do; made by the functions below. */
struct lwt_case {
  int lwt_kind;
  struct lwt_channel *lwt_channel;
  void *lwt_value;
  uint64_t lwt_time;
};

enum lwt__case_kind {
  LWT__CASE_RECV,
  LWT__CASE_SEND,
  LWT__CASE_AT,
  LWT__CASE_WAIT,
  LWT__CASE_TAKE,
  LWT__CASE_DEFAULT
};

static inline struct lwt_case lwt__case(int kind, struct lwt_channel *ch,
                                        void *value, uint64_t time)
{
  struct lwt_case c;

  c.lwt_kind = kind;
  c.lwt_channel = ch;
  c.lwt_value = value;
  c.lwt_time = time;
  return c;
}

/* Receive an element; from NULL: never. */
static inline struct lwt_case lwt_case_recv(struct lwt_channel *ch)
{
  return lwt__case(LWT__CASE_RECV, ch, NULL, 0);
}
/* Send value; to NULL: never.  Unless this case happens, and without an error,
 * the value stays the caller's. */
static inline struct lwt_case lwt_case_send(struct lwt_channel *ch, void *value)
{
  return lwt__case(LWT__CASE_SEND, ch, value, 0);
}
/* A duration from now has passed; a time has come. */
static inline struct lwt_case lwt_case_at(uint64_t deadline)
{
  return lwt__case(LWT__CASE_AT, NULL, NULL, deadline);
}
static inline struct lwt_case lwt_case_after(uint64_t duration)
{
  uint64_t now = lwt_now();

  return lwt_case_at(duration > LWT_NEVER - now ? LWT_NEVER : now + duration);
}
/* Borrows p: it has settled, either way, and nothing is done with it.  Nobody
 * else may wait for p until the select is over. */
static inline struct lwt_case lwt_case_wait(lwt_t *p)
{
  return lwt__case(LWT__CASE_WAIT, NULL, p, 0);
}
/* Takes p, and gives its value or error.  If another case happens, the handle
 * is dropped, which cancels p unless somebody else holds it. */
static inline struct lwt_case lwt_case_take(lwt_t *p)
{
  return lwt__case(LWT__CASE_TAKE, NULL, p, 0);
}
/* None of the others can happen without waiting. */
static inline struct lwt_case lwt_case_default(void)
{
  return lwt__case(LWT__CASE_DEFAULT, NULL, NULL, 0);
}

/* What has happened.  error: of a channel that has ended (a value to be sent
 * was then not taken) or of a promise, code 0: none.  value: an element or the
 * value of a promise, drop frees it. */
struct lwt_selected {
  size_t which;
  struct lwt_error error;
  void *value;
  lwt_drop_fn *drop;
};

/* Wait until one of n cases can happen, and do that one alone; the others are
 * as if they had not begun.  Of several that can happen at once one is chosen
 * at random (lwt_seed()), else the first to come.  The cases are copied.
 *
 * Fulfilled with a struct lwt_selected, to be freed by one of the functions
 * below.  Cancel ends the wait, without a case having happened.  Errors:
 * LWT_EINVAL for no case, LWT_ENOMEM; no case has happened then either. */
#define lwt_select(...) LWT__AT(lwt_select_at, __VA_ARGS__)
LWT_API lwt_t *lwt_select_at(size_t n, const struct lwt_case cases[],
                             const char *where) LWT_MUST_USE;
#define LWT_CASES(...)                                                      \
  sizeof((struct lwt_case[]){ __VA_ARGS__ }) / sizeof(struct lwt_case),     \
    (const struct lwt_case[]){ __VA_ARGS__ }

/* Free it, and the value with it. */
LWT_API void lwt_selected_free(void *selected);

/* Free it, and return which.  The value and the error go to the caller; where
 * NULL is given, the value is dropped and the error forgotten. */
LWT_API size_t lwt_selected_take(struct lwt_selected *selected, void **value,
                                 struct lwt_error *error);

#ifdef __cplusplus
}
#endif

#endif
