/* xen.h - what the files of lwt-xen/ share.
 * SPDX-License-Identifier: ISC
 *
 * Read lwt-xen.h first, then hypercall.h (the seam below), events.c and engine.c.
 *
 * What a backend, xenstored or the console daemon has written is not believed:
 * each value is read once, into a local, and checked before it is used.
 *
 * A settled promise runs its callbacks at once, and they may close the object
 * that is settling it: settle last, and look at nothing afterwards; or hold
 * callbacks back (lwt__hold()) while at work.
 */
#ifndef LWT_XEN_INTERNAL_H
#define LWT_XEN_INTERNAL_H

#include <lwt/memory.h>

#include "hypercall.h"

#include <lwt-xen.h>
#include <lwt/engine.h>
#include <lwt/sync.h>

#define CONTAINER(ptr, type, member) \
  ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#define xen_mb() __sync_synchronize()
#define xen_rmb() __asm__ volatile("" ::: "memory")
#define xen_wmb() __asm__ volatile("" ::: "memory")

/* One access, which the compiler neither repeats nor tears. */
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))

/* ---- clock.c ----------------------------------------------------------- */

/* Xen's system time in nanoseconds; never goes backwards. */
uint64_t lwt__xen_now(void);
/* What it was when last read. */
uint64_t lwt__xen_latest(void);
/* The same moment as Xen counts, for SCHEDOP_poll. */
uint64_t lwt__xen_system_time(uint64_t now);
/* After a resume: time goes on where it was. */
void lwt__clock_resume(void);
/* Unix time in nanoseconds. */
int64_t lwt__xen_wallclock(void);

/* ---- events.c ---------------------------------------------------------- */

/* HVM_PARAM_...; LWT_ENODEV if it is not set. */
int lwt__xen_param(uint32_t index, uint64_t *value);

/* Map the shared page and mask every port.  Returns 0 or an error. */
int lwt__events_init(void);
/* After a resume: the page is mapped anew and all ports are gone, as if they had
 * been closed; who waits for one is rejected with LWT_ESHUTDOWN. */
int lwt__events_resume(void);
extern struct shared_info *lwt__shared_info;

/* A port, in its owner's memory. */
struct lwt__port {
  /* Called from the run loop when the port has had events; may free it.  Or
   * NULL. */
  void (*call)(void *env);
  void *env;
  uint32_t number; /* 0: not open */
  uint32_t listed; /* private, as is what follows */
  uint64_t count;
  struct lwt_condition waiters;
  uint8_t fixed, ours, quiet;
};

/* Look at a port that the toolstack has made (console, xenstore).  Returns 0,
 * LWT_EINVAL or LWT_EBUSY.  call and env are set by the caller, here and below. */
int lwt__port_bind(struct lwt__port *port, uint32_t number);
/* A new port that domain `remote` may connect to. */
int lwt__port_alloc(struct lwt__port *port, uint16_t remote);
/* No more events; the port is closed unless it is the toolstack's.  Who waits is
 * rejected with LWT_ECONNABORTED.  No effect on one that is not open. */
void lwt__port_free(struct lwt__port *port);
/* Tell the other end. */
void lwt__port_notify(const struct lwt__port *port);
/* Act as if an event had come: in the next turn call is called again. */
void lwt__port_again(const struct lwt__port *port);
/* Whether its events matter to nobody now: then one ends no sleep that is about to
 * begin, and Xen does not look at the port, which takes it as long as a short hypercall.
 * A port that is opened is not quiet, nor one that lwt__port_after() waits for. */
void lwt__port_quiet(struct lwt__port *port, int quiet);
/* Fulfilled with the count of events when it is more than seen. */
lwt_xen_count_p *lwt__port_after(struct lwt__port *port, uint64_t seen,
                                 const char *where) LWT_MUST_USE;

/* Take the events that are there, and call.  Returns how many ports. */
size_t lwt__events_scan(void);
/* Sleep until an event comes or the deadline (LWT_NEVER: none). */
int lwt__events_wait(uint64_t deadline);
/* The next sleep ends by then, whatever its deadline. */
void lwt__events_by(uint64_t latest);
/* For code that runs outside of the loop: sleep until this port has an event or
 * the deadline (NULL: the deadline only), and forget the event. */
void lwt__port_sleep(const struct lwt__port *port, uint64_t deadline);
/* Somebody waits for an event that may come (+1), or no longer (-1). */
void lwt__events_want(int change);
/* Ports in use. */
size_t lwt__events_ports(void);

/* ---- engine.c ---------------------------------------------------------- */

extern struct lwt_engine lwt__xen_engine;

/* ---- console.c --------------------------------------------------------- */

/* Returns 0 or an error; output before it goes to the hypervisor's console. */
int lwt__console_init(void);
int lwt__console_resume(void);
/* For the C library: put all bytes into the queue.  Waits only for a full queue,
 * and not for a reader that makes no progress. */
void lwt__console_put(const char *bytes, size_t len);
/* For the C library: wait for at least one byte. */
size_t lwt__console_get(char *bytes, size_t len);
/* Wait until all is read, or for `patience` without progress. */
void lwt__console_flush(uint64_t patience);

/* ---- counts.c ---------------------------------------------------------- */

extern struct lwt_xen_counts lwt__counts;

/* ---- grant.c ----------------------------------------------------------- */

/* A zeroed page that `domain` may use.  Returns 0, LWT_ENOMEM, LWT_ENOSPC: the
 * host allows no more, LWT_ERANGE, LWT_ENOSYS. */
int lwt__grant_page(uint16_t domain, int readonly, void **page, uint32_t *ref);
/* n of them in a row, which end one by one. */
int lwt__grant_pages(uint16_t domain, size_t n, void **pages, uint32_t refs[]);
/* The end of it, page included.  Returns 0, or LWT_EBUSY: the other domain still
 * has the page mapped; it is parked then, and its caller may not touch it again. */
int lwt__grant_end(uint32_t ref);
/* After a resume: the table is mapped anew. */
int lwt__grants_resume(void);

struct lwt__grant_stats {
  size_t granted; /* now, parked ones included */
  size_t parked;  /* now */
  uint64_t busy;  /* ends that came too early for the other domain */
};
/* Looks at the parked ones first. */
struct lwt__grant_stats lwt__grant_stats(void);

/* ---- suspend.c --------------------------------------------------------- */

/* The toolstack has asked for it: do it when the loop is next idle and xenstored
 * has answered everything. */
void lwt__suspend_ask(void);
/* From the engine, between two turns. */
void lwt__suspend_look(void);
/* For drivers: called after each resume, callbacks held back. */
struct lwt__resume {
  void (*call)(void);
  struct lwt__resume *next; /* private, as is what follows */
  int added;
};
/* No effect if it is added already. */
void lwt__resume_add(struct lwt__resume *hook);
/* Counts resumes: what was made in another generation is gone. */
extern unsigned lwt__generation;

/* ---- lifecycle.c ------------------------------------------------------- */

/* Listen for what the toolstack asks for (xl shutdown, xl reboot). */
void lwt__lifecycle_start(void);
/* From the engine, between two turns: what there was no memory for, again. */
void lwt__lifecycle_look(void);
/* The end of the program: SHUTDOWN_poweroff, or what was asked for. */
unsigned lwt__lifecycle_reason(void);
/* Tell the toolstack what main() returned, 0 to 255: data/exit-status, not there if
 * it is 0. */
void lwt__lifecycle_exit(int status);
/* End the domain at once: nobody listens.  In an image; the tests' own there. */
void lwt__lifecycle_end(unsigned reason);

#endif
