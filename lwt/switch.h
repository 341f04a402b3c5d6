/* lwt/switch.h - a switch: clean-ups that run when it is turned off.
 * SPDX-License-Identifier: ISC
 *
 * For what lives as long as something that is neither a frame (which has
 * lwt_defer()) nor a thread (which has a scope, lwt/scope.h): a function takes a
 * switch and adds how to free what it made; whoever turns it off frees all.
 *
 * A switch lives in the caller's memory and is on when zeroed.  It must be
 * turned off once, and its memory stays until that promise has settled.
 * Functions that say so take NULL for "no switch".
 */
#ifndef LWT_SWITCH_H
#define LWT_SWITCH_H

#include <lwt.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lwt_switch {
  void *hooks;
  lwt_t *done;
  struct lwt_resolver resolver;
  struct lwt_error error;
  const char *where; /* the error was made */
  size_t left;
  int off;
};

/* 1: on. */
LWT_API int lwt_switch_is_on(const struct lwt_switch *s);

/* 0 if it is on or NULL; LWT_ESHUTDOWN if it is off. */
LWT_API int lwt_switch_check(const struct lwt_switch *s);

/* Call fn(arg) when s is turned off; it may return NULL if there is nothing to
 * wait for.  NULL: never.  Returns 0; LWT_ESHUTDOWN: s is off, or LWT_ENOMEM: fn
 * will not be called. */
LWT_API int lwt_switch_add(struct lwt_switch *s, lwt_finalize_fn *fn,
                           void *arg);

/* The same, but if s is off, fn(arg) is called now and the result is its
 * promise.  Rejected with LWT_ENOMEM: fn will not be called. */
LWT_API lwt_t *lwt_switch_add_or_call(struct lwt_switch *s, lwt_finalize_fn *fn,
                                      void *arg) LWT_MUST_USE;

/* Call all, the last added first, without waiting in between.  Fulfilled when
 * all their promises have settled, or rejected with the first error in time.
 * Neither cancel nor drop of the result stops them.  Allocates nothing.  No
 * effect if s is off. */
LWT_API lwt_t *lwt_switch_turn_off(struct lwt_switch *s) LWT_MUST_USE;

/* Make a switch, call body(s, env), and when its promise settles, turn s off and
 * wait for that, shielded from cancel; then settle like it.  An error of turning
 * off wins. */
typedef lwt_t *lwt_switch_fn(struct lwt_switch *s, void *env);
#define lwt_with_switch(body, env) lwt_with_switch_at((body), (env), LWT_WHERE)
LWT_API lwt_t *lwt_with_switch_at(lwt_switch_fn *body, void *env,
                                  const char *where) LWT_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
