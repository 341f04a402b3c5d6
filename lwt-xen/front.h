/* front.h - the life of a device's frontend, for drivers.
 * SPDX-License-Identifier: ISC
 *
 *   down    not connected: being opened, or again after a resume;
 *   up      connected;
 *   lost    for good: the backend left or broke the rules, or the owner closed it.
 *
 * The device's thread ("minder") connects it again after a resume, and loses it when
 * the backend goes away.
 */
#ifndef LWT_XEN_FRONT_H
#define LWT_XEN_FRONT_H

#include "xenbus.h"

enum front_state { FRONT_DOWN, FRONT_UP, FRONT_LOST };

struct front;

struct front_ops {
  const char *what; /* of errors */
  /* Callbacks are held back during all of these.  The backend waits for us: read what
   * it offers, make rings, write keys, and last our state.  Returns 0 or an error. */
  int (*offer)(struct front *f);
  /* The backend has connected: read the rest.  Returns 0 or an error. */
  int (*accept)(struct front *f);
  /* No rings, grants, ports; any time, also twice. */
  void (*disconnect)(struct front *f);
  void (*up)(struct front *f);   /* it was connected, perhaps again */
  void (*down)(struct front *f); /* a resume: all that was under way is gone */
  void (*lost)(struct front *f); /* reject who waits; takes no memory */
  void (*free)(struct front *f);
};

struct front {
  const struct front_ops *ops;
  struct front *next; /* of all */
  struct xenbus_backend *backend;
  struct lwt_condition resumed;
  lwt_t *minder, *leaving;
  uint8_t state;       /* enum front_state */
  uint8_t untold;      /* the backend does not know that its rings are gone */
  unsigned generation; /* in which it was connected */
  char path[40]; /* "device/vbd/51712" */
};

/* Connect a device whose ops and path are set, all else zero; at once: blocks for 30
 * seconds at most (LWT_ETIMEDOUT), also for a directory that is still being written.
 * Returns 0, LWT_ENODEV, at once: there is no such device, LWT_ECONNREFUSED: the
 * backend does not want, or what offer or accept said; the device is freed then. */
int lwt__front_open(struct front *f);
/* The same, waiting patiently until there is such a device: a promise of `value`, which
 * `close` closes if nobody takes it. */
lwt_t *lwt__front_open_later(struct front *f, void *value,
                             void (*close)(void *value)) LWT_MUST_USE;
/* The device of that path which is not lost, or NULL. */
struct front *lwt__front_find(const char *path);
/* It is lost; no effect if it is already.  Takes no memory. */
void lwt__front_lose(struct front *f);
/* Lose it, tell the backend, patiently unless cancelled, and free it. */
lwt_t *lwt__front_close(struct front *f) LWT_MUST_USE;

#endif
