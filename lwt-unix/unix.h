/* unix.h - what the files of lwt-unix/ share.
 * SPDX-License-Identifier: ISC
 *
 * Read lwt-unix.h first, then engine.c.  Everything that has a libuv handle or
 * request is an object.  libuv owns an object's memory until its close callback
 * or the request's callback has run; the program owns it until it has closed it
 * (flows, listeners, endpoints, netifs).  It is freed when both are through, so
 * an object that was cut off under the program's feet can still be closed.
 *
 * A settled promise runs its callbacks at once, and they may close the object
 * that is settling it: settle last, and look at nothing afterwards.
 */
#ifndef LWT_UNIX_INTERNAL_H
#define LWT_UNIX_INTERNAL_H

#include <lwt/memory.h>

#include <lwt-unix.h>
#include <lwt/stack.h>

#include <sys/socket.h>
#include <uv.h>

#define CONTAINER(ptr, type, member) \
  ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

struct sockets;

struct lwt_unix {
  struct lwt_engine engine;
  uv_loop_t *loop;
  uint8_t own;     /* loop is own_loop */
  uint8_t shared;  /* the program may have handles on the loop */
  uint8_t waiting; /* in wait(): lwt_run() drives the promises */
  uint8_t handles; /* not closed yet */
  uint64_t ms;     /* uv_now() when wait() began */
  /* alarm.c: the time it is set to, and whether it has gone off. */
  uint64_t armed;
  uint8_t rung;
  int timer_fd;
  union {
    uv_poll_t poll;
    uv_timer_t timer;
    uv_handle_t handle;
  } alarm;
  uv_prepare_t prepare;
  uv_check_t check;
  uv_idle_t idle;
  uv_signal_t dump;
  uint8_t dumps; /* it is started */
  uv_loop_t own_loop;
};

struct object {
  struct object *next, *prev;
  struct sockets *stack; /* or NULL */
  /* Close its handles and reject what is pending; now: also what the program
   * has closed and what is on its way out.  Again: no effect. */
  void (*cut)(struct object *object, int now);
};

/* Per thread. */
struct lwt__unix_thread {
  struct lwt_unix *here;
  struct object *objects;
  struct object *cursor; /* the next to be cut */
  unsigned turn;    /* counts polls */
  unsigned watches; /* promises of signals that are pending */
  struct lwt_loop *inbox; /* or NULL */
};
extern __thread struct lwt__unix_thread lwt__unix
  __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* ---- engine.c ---------------------------------------------------------- */

/* This thread's engine, made if there is none; NULL: no memory. */
struct lwt_unix *lwt__unix_here(void);

/* Do not sleep in this turn, have another one: promises were settled where
 * nobody looks afterwards (before the poll, or in a close callback). */
void lwt__unix_kick(void);

void lwt__unix_add(struct object *object, struct sockets *stack,
                   void (*cut)(struct object *, int));
/* Returns its stack, for lwt__sockets_left(). */
struct sockets *lwt__unix_remove(struct object *object);

/* inbox.c: another thread may post to this one. */
int lwt__inbox_expected(void);

/* Something that succeeds without waiting may do so this often a turn; then it
 * must wait for the next poll, or it would starve everybody else. */
struct budget {
  unsigned turn, used;
};
static inline int lwt__unix_budget(struct budget *b, unsigned limit)
{
  if (b->turn != lwt__unix.turn) {
    b->turn = lwt__unix.turn;
    b->used = 0;
  }
  return b->used++ < limit;
}

/* ---- waiters.c --------------------------------------------------------- */

/* Promises of the same kind that are served in order. */
struct waiters {
  struct waiter *first, **last;
  void (*empty)(struct waiters *q); /* the last one was cancelled; or NULL */
};
void lwt__waiters_init(struct waiters *q, void (*empty)(struct waiters *));
/* A new promise at the end. */
lwt_t *lwt__waiters_add(struct waiters *q);
/* Whether somebody waits. */
int lwt__waiters_any(struct waiters *q);
/* The first one's resolver, out of the queue; empty if nobody waits. */
struct lwt_resolver lwt__waiters_next(struct waiters *q);

/* ---- alarm.c ----------------------------------------------------------- */

/* The handle is active, and referenced if a time is set. */
int lwt__alarm_open(struct lwt_unix *u);
/* LWT_NEVER: no time. */
void lwt__alarm_set(struct lwt_unix *u, uint64_t deadline);
/* After the close callback. */
void lwt__alarm_closed(struct lwt_unix *u);
/* In the child of a fork(). */
int lwt__alarm_forked(struct lwt_unix *u);

/* ---- sigdump.c --------------------------------------------------------- */

int lwt__sigdump_open(struct lwt_unix *u);
void lwt__sigdump_stop(struct lwt_unix *u);

/* ---- error.c ----------------------------------------------------------- */

/* A negative libuv code as LWT_E...; else 0. */
int lwt__unix_error(int uv);
/* The same for errno. */
int lwt__unix_errno(void);

/* Returns 0, or LWT_ENOTSUP if the family is neither 4 nor 6. */
int lwt__unix_sockaddr(const struct lwt_addr *addr, struct sockaddr_storage *to);
struct lwt_addr lwt__unix_addr(const struct sockaddr *from);

/* ---- sockets.c --------------------------------------------------------- */

struct sockets {
  struct lwt_stack stack;
  size_t members; /* objects with handles or requests */
  uint8_t closing;
  struct lwt_resolver closed;
  struct lwt_unix_stats stats;
  uint8_t overflow[65536]; /* of datagrams longer than a page */
};

/* A write to a closed socket or pipe is an error and not the program's end. */
void lwt__ignore_sigpipe(void);

/* A member of s is gone. */
void lwt__sockets_left(struct sockets *s);

static inline struct sockets *lwt__sockets(struct lwt_stack *stack)
{
  return (struct sockets *)stack;
}

/* udp.c: the kernel's count of drops of the endpoint, if object is one. */
uint64_t lwt__udp_dropped(const struct object *object);

/* ---- tcp.c ------------------------------------------------------------- */

lwt_flow_p *lwt__tcp_connect(struct lwt_stack *stack, const struct lwt_addr *to);
/* Accept what the listening handle has; NULL: no memory. */
struct lwt_flow *lwt__tcp_accept(struct sockets *s, uv_stream_t *listener);

int lwt__tcp_listen(struct lwt_stack *stack, const struct lwt_addr *addr,
                    unsigned backlog, struct lwt_listener **listener);
int lwt__udp_open(struct lwt_stack *stack, const struct lwt_addr *addr,
                  struct lwt_udp **udp);
lwt_addr_p *lwt__resolve(struct lwt_stack *stack, const char *name, uint16_t port);
lwt_addrs_p *lwt__resolve_all(struct lwt_stack *stack, const char *name, uint16_t port);

/* ---- content.c, open.c ------------------------------------------------- */

struct lwt__file {
  int fd;
  uint64_t size, etag;
  int64_t mtime;
  dev_t dev; /* which file it is */
  ino_t ino;
  mode_t mode;
  nlink_t nlink;
  struct timespec changed;
};
/* Open the regular file at path below the directory dir.  cached: only if that
 * needs no disk (else LWT_EAGAIN).  Returns 0, or the error.  Any thread. */
int lwt__open_beneath(int dir, const char *path, int cached, struct lwt__file *file);
/* Whether path still leads to that file, which is open, and nothing of it has changed;
 * path NULL: the latter. */
int lwt__same_file(int dir, const char *path, const struct lwt__file *file);
/* The kernel has no openat2(), or a test wants to do without. */
extern int lwt__no_openat2 __attribute__((visibility("hidden")));
/* Of a content, set by tests: seconds after a change that a file is kept in memory, and
 * milliseconds after which its path is looked at again. */
extern struct lwt__content_times {
  int64_t settled;
  uint64_t path;
} lwt__content_times __attribute__((visibility("hidden")));

#endif
