/* store.h - the xenstore client inside: requests and watches with callbacks.
 * SPDX-License-Identifier: ISC
 *
 * Promises (store_ops.c) and the shutdown request (lifecycle.c) are both made of
 * these.
 */
#ifndef LWT_XEN_STORE_H
#define LWT_XEN_STORE_H

#include "xen.h"

#include <xen/io/xs_wire.h>

/* The answer to a request: error 0 and a value, which the callee owns (from
 * lwt__alloc()), or an error and NULL.  Called from the run loop, held. */
typedef void store_done(void *env, int error, struct lwt_xs_value *value);

struct store_part {
  const void *bytes;
  size_t len;
};

/* Send a request.  Its id, for store_forget(), or 0: *error says why it is not
 * sent (LWT_ENOMEM, LWT_ENOBUFS: too many, LWT_EMSGSIZE, LWT_ENODEV, LWT_EPROTO:
 * the ring is broken); done is not called then. */
uint32_t lwt__store_request(uint32_t op, uint32_t tx, const struct store_part *parts,
                            size_t n, store_done *done, void *env, int *error);
/* Nobody waits for the answer any more; it is dropped when it comes, and what it
 * opened (a transaction) is closed. */
void lwt__store_forget(uint32_t id);

/* A watch: called for each event with the path that changed, NULL: any. */
struct store_watch {
  struct store_watch *next;
  void (*fired)(void *env, const char *path);
  void *env;
  const char *path;
  struct request *request; /* says all that there is to say: so it always can be */
  char token[20];
};
/* Listen for events of w->path; token is set here.  done (or NULL) is told what
 * xenstored answers.  Returns 0, or what lwt__store_request() says: it is not
 * listened for then, and done is not called. */
int lwt__store_watch_add(struct store_watch *w, store_done *done, void *env);
/* No more of them, and done is not called any more.  xenstored is told, which takes
 * no memory, and none of the MAX_REQUESTS is in the way.  No effect on what could not
 * be added. */
void lwt__store_watch_remove(struct store_watch *w);

/* For what cannot wait by a promise, as lwt_platform_netif(): ask, and block until
 * the answer is there; callbacks are held back.  text NULL: a path alone.  The value,
 * if it is wanted (value not NULL), is the caller's.  Also: LWT_ETIMEDOUT: xenstored
 * is silent. */
int lwt__store_ask(uint32_t op, const char *path, const char *text,
                   struct lwt_xs_value **value);
/* How long that may take: until then for all that is asked from now on; 0, as at first:
 * thirty seconds each, which is much, but a host that starts many domains is slow. */
void lwt__store_until(uint64_t deadline);
/* Block until something comes from xenstored, or the deadline. */
void lwt__store_turn(uint64_t deadline);

/* Connect to the ring.  Returns 0, or LWT_ENODEV. */
int lwt__store_init(void);
/* At the end of the program: write without memory, whatever else is under way; path
 * and value are 64 bytes at most.  One at a time. */
void lwt__store_last_words(const struct store_part *parts, size_t n);
/* At the end of the program: wait until xenstored has read all requests, at most
 * for `patience`; nobody is called. */
void lwt__store_flush(uint64_t patience);
/* For a suspend: requests made from now on are kept back, but for lwt__store_ask(),
 * until lwt__store_go_on(): however much a program asks, it becomes quiet. */
void lwt__store_stop(void);
/* Whether all requests that were made before are answered. */
int lwt__store_is_quiet(void);
void lwt__store_go_on(void);
/* After a resume, quiet: connect again, and register all watches; each fires.  What was
 * kept back is still to be sent, but what belongs to a transaction has failed with
 * LWT_EAGAIN.  Takes no memory.  Returns 0 or an error: there is no ring. */
int lwt__store_resume(void);

#endif
