/* lwt/storage.h - values that follow a thread.
 * SPDX-License-Identifier: ISC
 *
 * A request's number for the log, say, that every function on the way would
 * else have to pass on.
 *
 *   static const struct lwt_key request;
 *
 *   lwt_t *p = lwt_with_value(&request, r, free_request, serve, connection);
 *
 * While serve(connection) runs, and in every callback, frame and thread that is
 * begun in it, lwt_get(&request) is r: callbacks remember the storage in which
 * they were attached, frames that in which they were begun.  Nobody else sees
 * it.  A callback on a promise that is settled already runs at once, in the
 * storage of its caller.  Stop functions (lwt_task_op()), the functions of
 * timers and drop functions do not belong to a thread: what they see is not
 * defined.
 *
 * Where no value is set, this costs nothing: no memory, no time.
 */
#ifndef LWT_STORAGE_H
#define LWT_STORAGE_H

#include <lwt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Its address is the key. */
struct lwt_key {
  char lwt_private;
};

/* The value, which is lent until the callback returns; NULL if there is none. */
LWT_API void *lwt_get(const struct lwt_key *key);

/* Call body(env) with the value, and return its promise.  Takes the value: drop
 * (may be NULL) frees it when nothing that could see it is left.  NULL hides
 * the value that is there.  If memory is out, the value is dropped and the body
 * not called: LWT_ENOMEM. */
#define lwt_with_value(key, value, drop, body, env) \
  lwt_with_value_at((key), (value), (drop), (body), (env), LWT_WHERE)
LWT_API lwt_t *lwt_with_value_at(const struct lwt_key *key, void *value,
                                 lwt_drop_fn *drop, lwt_finalize_fn *body,
                                 void *env, const char *where) LWT_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
