/* lwt/throttle.h - a limit on how often, for each key.
 * SPDX-License-Identifier: ISC
 *
 *   struct lwt_throttle *logins = lwt_throttle_new(&(struct lwt_throttle_limits){
 *     .rate = 5, .period = LWT_S(60), .waiting = 100, .keys = 10000 });
 *
 *   lwt_await(f, lwt_throttle_wait(logins, name, strlen(name)));
 */
#ifndef LWT_THROTTLE_H
#define LWT_THROTTLE_H

#include <lwt.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lwt_throttle;

struct lwt_throttle_limits {
  size_t rate;     /* so many for a key ... */
  uint64_t period; /* ... in any time of this length; 0: a second */
  size_t waiting;  /* wait at most, of all keys together */
  size_t keys;     /* are known at most */
};

/* Memory for a key, 8 bytes for each unit of the rate and some 200 more, is
 * taken when the key is first used, and used for others when it has been idle
 * for a period.  NULL: memory is out, or rate or keys is 0 or too large. */
LWT_API struct lwt_throttle *
lwt_throttle_new(const struct lwt_throttle_limits *limits);

/* Those that wait are rejected with LWT_EPIPE.  NULL is allowed. */
LWT_API void lwt_throttle_free(struct lwt_throttle *t);

/* Fulfilled when it is the caller's turn; those with the same key in the order
 * of the calls.  The key is len bytes, and is copied.  A wait that is cancelled
 * leaves its turn to others.  LWT_EAGAIN at once if too many wait, or if there
 * is no room for another key: then every known key was used within a period. */
#define lwt_throttle_wait(t, key, len) \
  lwt_throttle_wait_at((t), (key), (len), LWT_WHERE)
LWT_API lwt_t *lwt_throttle_wait_at(struct lwt_throttle *t, const void *key,
                                    size_t len, const char *where) LWT_MUST_USE;

struct lwt_throttle_stats {
  size_t keys;      /* known now */
  size_t waiting;   /* wait now */
  uint64_t passed;  /* fulfilled */
  uint64_t refused; /* rejected with LWT_EAGAIN */
};
LWT_API struct lwt_throttle_stats
lwt_throttle_stats(const struct lwt_throttle *t);

#ifdef __cplusplus
}
#endif

#endif
