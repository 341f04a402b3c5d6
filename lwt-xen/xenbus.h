/* xenbus.h - the handshake between a device's two ends, for drivers.
 * SPDX-License-Identifier: ISC
 *
 * Each end has a directory in xenstore with a `state`, and watches the other's.
 * What the backend writes is not believed: numbers are parsed with their limits.
 */
#ifndef LWT_XEN_XENBUS_H
#define LWT_XEN_XENBUS_H

#include "xen.h"

#include <xen/io/xenbus.h>

/* A set of states. */
#define XENBUS_IN(state) (1u << (state))

/* Where the backend of a device is. */
struct xenbus_backend {
  uint16_t domain;
  char path[256];
};
LWT_PROMISE(xenbus_backend_p, struct xenbus_backend *);
LWT_PROMISE(xenbus_state_p, unsigned);

/* The backend of frontend directory `path` ("device/vif/0"), as soon as both
 * `backend` and `backend-id` are written; freed by lwt__xenbus_free().  LWT_EINVAL:
 * they are nonsense. */
xenbus_backend_p *lwt__xenbus_backend(const char *path) LWT_MUST_USE;
void lwt__xenbus_free(void *backend);

/* The state of the end at `path`, as soon as it is one of `set`; a directory that is
 * gone counts as XenbusStateClosed, one that never was as Unknown. */
xenbus_state_p *lwt__xenbus_wait(const char *path, unsigned set) LWT_MUST_USE;

/* Write our state. */
lwt_t *lwt__xenbus_switch(uint32_t tx, const char *path, unsigned state) LWT_MUST_USE;

/* The number at path/key, at most max.  LWT_ENOENT: there is none; LWT_EINVAL: it is
 * not a number (decimal, nothing else); LWT_ERANGE. */
LWT_PROMISE(xenbus_number_p, uint64_t);
xenbus_number_p *lwt__xenbus_number(uint32_t tx, const char *path, const char *key,
                                    uint64_t max) LWT_MUST_USE;
/* The same, from text of len bytes.  Returns 0 or the error. */
int lwt__xenbus_parse(const char *text, size_t len, uint64_t max, uint64_t *number);

/* ---- Without promises --------------------------------------------------- */

/* The same at once, blocking for xenstored's answers (store.h); errors as above.
 * What is waited for here is xenstored, never the backend, where no deadline is. */
int lwt__xenbus_ask(const char *path, const char *key, struct lwt_xs_value **value);
int lwt__xenbus_ask_number(const char *path, const char *key, uint64_t max,
                           uint64_t *number);
int lwt__xenbus_tell(const char *path, const char *key, uint32_t number);
int lwt__xenbus_tell_text(const char *path, const char *key, const char *text);
/* No longer tell; 0 also if it was not there. */
int lwt__xenbus_forget(const char *path, const char *key);
/* The backend, as soon as it is written; LWT_ENOENT, at once: there is no such device.
 * Blocks until `deadline` (LWT_ETIMEDOUT): only for the start of a program. */
int lwt__xenbus_find(const char *path, uint64_t deadline,
                     struct xenbus_backend **backend);
/* The backend's state as soon as it is one of `set`; likewise. */
int lwt__xenbus_await(const char *path, unsigned set, uint64_t deadline,
                      unsigned *state);

#endif
