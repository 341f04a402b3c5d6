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
 * `extra=` line, and its end ends the domain.
 */
#ifndef LWT_XEN_H
#define LWT_XEN_H

#include <lwt/flow.h>
#include <lwt/platform.h>

#ifdef __cplusplus
extern "C" {
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

#ifdef __cplusplus
}
#endif

#endif
