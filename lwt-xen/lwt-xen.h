/* lwt-xen.h - promises on Xen: event channels, grants, console, xenstore.
 * SPDX-License-Identifier: ISC
 *
 * A program needs this header only for what exists on Xen alone; the clock,
 * devices and the shutdown request are reached through lwt/platform.h.
 *
 * The engine takes no interrupt.  All event channels are masked for good; their
 * pending bits are read and cleared between two turns of the run loop, and a
 * loop with nothing to do sleeps in SCHEDOP_poll until an event or the next
 * deadline.  lwt_run() returns LWT_EDEADLK if its promise is pending, no timer is
 * set and nobody waits for an event, a watch or the console.
 *
 * The C library is musl.  printf() goes to the console, the time comes from Xen,
 * there are no files, processes or threads; main() gets the words of the domain's
 * `extra=` line, and its end ends the domain.  Words NAME=VALUE in front of the
 * others, with a name of capitals, are its environment.
 */
#ifndef LWT_XEN_H
#define LWT_XEN_H

#include <lwt/flow.h>
#include <lwt/platform.h>

#ifdef __cplusplus
extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic" /* flexible array members */
#endif

/* ---- Event channels ---------------------------------------------------- */

/* A port is a number from 1 to 4095.  Domains are numbered by Xen. */
LWT_PROMISE(lwt_xen_count_p, uint64_t);

/* A new port that domain `remote` may connect to.  Returns 0, LWT_ENOSPC: all
 * ports are in use, LWT_ENOMEM, or Xen's error. */
LWT_API int lwt_xen_port_alloc(uint16_t remote, uint32_t *port);
/* A new port connected to port `theirs` of domain `remote`.  Also: LWT_EINVAL:
 * there is no such port, or it is not for us. */
LWT_API int lwt_xen_port_connect(uint16_t remote, uint32_t theirs,
                                 uint32_t *port);
/* Close it.  Who waits is rejected with LWT_ECONNABORTED. */
LWT_API void lwt_xen_port_close(uint32_t port);
/* An event for the other end.  Events that it has not seen yet are one. */
LWT_API void lwt_xen_port_notify(uint32_t port);
/* Fulfilled with the number of events that the port has had, as soon as it is
 * more than `seen` (0 at first): so none is missed that comes between two calls.
 * LWT_EBADF: no such port; LWT_ESHUTDOWN: it is gone after a resume. */
#define lwt_xen_port_after(port, seen) \
  lwt_xen_port_after_at((port), (seen), LWT_WHERE)
LWT_API lwt_xen_count_p *lwt_xen_port_after_at(uint32_t port, uint64_t seen,
                                               const char *where) LWT_MUST_USE;

/* ---- Console ----------------------------------------------------------- */

/* The domain's console as a flow, bytes as they are: a terminal sends CR at the
 * end of a line.  (What goes through the C library is translated: NL to CR NL
 * on the way out, CR to NL on the way in.)  There is one; closing it waits until
 * the other side has read everything, and it can then be used again.
 * The other side may be slow or gone: writes then wait. */
LWT_API struct lwt_flow *lwt_xen_console(void);

struct lwt_xen_console_stats {
  uint64_t in, out; /* bytes */
  uint64_t dropped; /* of printf(): a full queue, and a reader without progress */
};
LWT_API void lwt_xen_console_stats(struct lwt_xen_console_stats *stats);

/* ---- Counters ---------------------------------------------------------- */

/* What the domain has done since its start. */
struct lwt_xen_counts {
  /* Hypercalls: to sleep (SCHEDOP_poll), to tell another domain (EVTCHNOP_send),
   * other operations on event channels, on the grant table, on memory, and all
   * others. */
  uint64_t polls, sends, event_ops, grant_ops, memory_ops, others;
  uint64_t events; /* that came: pending bits that were seen */
  uint64_t grants; /* pages that another domain was allowed to use */
  uint64_t copied; /* bytes, from or to such pages */
  /* Network packets, and their bytes; a segment that is not cut is one. */
  uint64_t packets_in, packets_out, bytes_in, bytes_out;
};
LWT_API void lwt_xen_counts(struct lwt_xen_counts *counts);
/* As text of some lines, with what comes to a packet and to a million bytes of
 * packets.  Returns its length, less than size; 600 bytes are enough.
 * A program that is started with the word LWT_XEN_COUNTS=1 in front of its arguments
 * prints it at its end. */
LWT_API size_t lwt_xen_counts_text(const struct lwt_xen_counts *counts, char *text,
                                   size_t size);

/* ---- Network devices --------------------------------------------------- */

/* What a device that lwt_platform_netif("vif:N") has opened has done. */
struct lwt_xen_netif_stats {
  struct lwt_netif_stats netif;
  uint64_t connects; /* to a backend: 1, and one more for each resume */
  uint64_t events;   /* from the backend, and turns with something to send */
  uint64_t idle;     /* of these, with nothing behind them */
  uint64_t notifies; /* of the backend */
  uint64_t tx_csum, tx_gso; /* packets without their checksum; uncut segments */
  uint64_t rx_csum, rx_gso;
};
/* Returns 0, or LWT_ENODEV: no such device is open. */
LWT_API int lwt_xen_netif_stats(unsigned index, struct lwt_xen_netif_stats *stats);

/* ---- Xenstore ---------------------------------------------------------- */

/* Paths are absolute ("/local/domain/1/name", at most 3071 bytes) or relative to
 * the domain's own (at most 2047).  tx is a transaction or 0.
 *
 * Errors of all: LWT_ENOENT, LWT_EACCES, LWT_EINVAL, LWT_EEXIST, LWT_ENOSPC (a
 * quota) and others, as xenstored says; LWT_ENOBUFS: 256 requests wait; LWT_EMSGSIZE:
 * longer than 4096 bytes; LWT_ENOMEM; LWT_EPROTO: what came is not xenstore's
 * protocol, and the connection is given up; LWT_ENODEV: there is none.
 * Cancelling leaves unsaid whether the change was made. */

/* Bytes, and two NULs behind them.  Freed by lwt_xs_free(). */
struct lwt_xs_value {
  size_t len;
  char bytes[];
};
LWT_PROMISE(lwt_xs_value_p, struct lwt_xs_value *);
LWT_API void lwt_xs_free(void *value);

/* The value of a node; the names below it, each ended by a NUL; who may do what
 * ("n0", "r3"), each ended by a NUL. */
LWT_API lwt_xs_value_p *lwt_xs_read(uint32_t tx, const char *path) LWT_MUST_USE;
LWT_API lwt_xs_value_p *lwt_xs_directory(uint32_t tx,
                                         const char *path) LWT_MUST_USE;
LWT_API lwt_xs_value_p *lwt_xs_permissions(uint32_t tx,
                                           const char *path) LWT_MUST_USE;
/* A value, made with all nodes above it; a text; an empty node; no node (with all
 * below it); permissions as above, len bytes. */
LWT_API lwt_t *lwt_xs_write(uint32_t tx, const char *path, const void *bytes,
                            size_t len) LWT_MUST_USE;
LWT_API lwt_t *lwt_xs_write_text(uint32_t tx, const char *path,
                                 const char *text) LWT_MUST_USE;
LWT_API lwt_t *lwt_xs_mkdir(uint32_t tx, const char *path) LWT_MUST_USE;
LWT_API lwt_t *lwt_xs_rm(uint32_t tx, const char *path) LWT_MUST_USE;
LWT_API lwt_t *lwt_xs_set_permissions(uint32_t tx, const char *path,
                                      const char *permissions,
                                      size_t len) LWT_MUST_USE;
/* The path of a domain. */
LWT_API lwt_xs_value_p *lwt_xs_domain_path(uint16_t domain) LWT_MUST_USE;

/* Begin a transaction; end it.  What was done in it happens at its end, all or
 * nothing; LWT_EAGAIN: nothing, because somebody else changed what it looked at, or the
 * domain was suspended before it was sent. */
LWT_PROMISE(lwt_xs_tx_p, uint32_t);
LWT_API lwt_xs_tx_p *lwt_xs_start(void) LWT_MUST_USE;
LWT_API lwt_t *lwt_xs_end(uint32_t tx, int commit) LWT_MUST_USE;

/* body(env, tx) in a transaction, again and again until it goes through; its value
 * is dropped.  If its promise is rejected, so is the result, and nothing happens.
 * LWT_EAGAIN: not within 1000 times. */
typedef lwt_t *lwt_xs_body_fn(void *env, uint32_t tx);
LWT_API lwt_t *lwt_xs_transaction(lwt_xs_body_fn *body, void *env) LWT_MUST_USE;

/* Watch a node and all below it.  The first event comes at once.
 * "@introduceDomain" and "@releaseDomain" are special nodes. */
struct lwt_xs_watch;
LWT_PROMISE(lwt_xs_watch_p, struct lwt_xs_watch *);
LWT_API lwt_xs_watch_p *lwt_xs_watch(const char *path) LWT_MUST_USE;
/* The path of the next node that has changed.  Up to 32 wait; if there are more,
 * the watched path itself stands for them: look at everything.  One at a time
 * (LWT_EBUSY). */
LWT_API lwt_xs_value_p *lwt_xs_watch_next(struct lwt_xs_watch *w) LWT_MUST_USE;
/* No more; frees w.  A pending next is rejected with LWT_ECONNABORTED. */
LWT_API void lwt_xs_unwatch(void *w);

#ifdef __cplusplus
#pragma GCC diagnostic pop
}
#endif

#endif
