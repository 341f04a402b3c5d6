/* thread_internal.h - loops seen from other threads, and worker threads.
 * SPDX-License-Identifier: ISC
 *
 * Read thread.h first.  A loop's inbox (struct lwt_loop) is the only thing that
 * several threads touch: a stack of mail without locks, which its owner takes as
 * a whole and turns around, and an eventfd that is written when the stack was
 * empty.  Who pushes mail holds a reference, so the descriptor is open as long
 * as somebody may write to it.
 */
#ifndef LWT_UNIX_THREAD_INTERNAL_H
#define LWT_UNIX_THREAD_INTERNAL_H

#include "unix.h"

#include <lwt-unix/thread.h>
#include <stdatomic.h>

/* ---- inbox.c ----------------------------------------------------------- */

struct mail {
  struct mail *next;
  /* In the owner's thread; ended: the loop has ended. */
  void (*deliver)(struct mail *mail, int ended);
};

struct call;

struct lwt_loop {
  _Atomic(struct mail *) head; /* the last pushed; or MAIL_CLOSED */
  atomic_uint refs;            /* of the memory and the descriptors */
  atomic_uint handles;         /* of the program */
  atomic_size_t waiting;       /* posts */
  atomic_size_t limit;
  atomic_uint_least64_t refused;
  int wake_fd, read_fd; /* an eventfd; else a pipe */
  /* The owner's. */
  uint8_t closing; /* no more posts */
  uint8_t left;    /* ends with the last job */
  uint8_t ended;
  uint8_t works;  /* holds the worker threads */
  size_t jobs;    /* that will come back from worker threads */
  size_t asked;   /* calls that will come back from other loops */
  struct call *serving; /* calls of others that are under way here */
  uv_poll_t poll;
};

/* This thread's inbox, made if there is none; NULL: no memory. */
struct lwt_loop *lwt__inbox(void);
/* Push mail, from any thread.  Returns 0, or LWT_ESHUTDOWN: not taken. */
int lwt__inbox_push(struct lwt_loop *loop, struct mail *mail);
void lwt__inbox_hold(struct lwt_loop *loop);
void lwt__inbox_release(struct lwt_loop *loop);
/* Keep the loop alive while jobs or asked is not 0: call after a change. */
void lwt__inbox_busy(struct lwt_loop *loop);
/* The engine ends; the inbox does when the last job has come back. */
void lwt__inbox_leave(void);

/* The engine is about to end: no more posts. */
void lwt__inbox_close(void);
/* In the child of a fork(): other descriptors under the same numbers. */
int lwt__inbox_forked(void);

/* call.c: the loop ends, what it serves is answered. */
void lwt__calls_end(struct lwt_loop *loop);
/* In the child of a fork(): reject what this thread has asked of others. */
void lwt__calls_forked(void);

/* ---- workers.c --------------------------------------------------------- */

enum task_state { TASK_IDLE, TASK_QUEUED, TASK_TAKEN };

struct task {
  struct task *next, **link; /* under the lock, as is state */
  enum task_state state;
  void (*run)(struct task *task);
  struct lwt_loop *inbox;
  struct mail mail; /* brings it back */
};

/* Threads that run tasks in order: for lwt_detach(), and for files and names, so
 * that computations do not hold up the disk. */
enum pool { POOL_DETACH, POOL_SYSTEM, POOLS };

/* 0, LWT_EAGAIN or LWT_ENOMEM; the task is then not taken. */
int lwt__workers_submit(enum pool pool, struct task *task);
/* Take it back; 0: it runs or has run, and will come. */
int lwt__workers_remove(enum pool pool, struct task *task);
/* A loop begins or ceases to use the threads; the last one waits for them. */
void lwt__workers_hold(void);
void lwt__workers_release(void);
/* In the child of a fork(). */
void lwt__workers_forked(int held);

/* ---- work.c ------------------------------------------------------------ */

/* A call in a worker thread behind a promise.  Embedded first, zeroed. */
struct work {
  struct object object;
  struct task task;
  enum pool pool;
  struct lwt_resolver r;
  /* In the worker. */
  void (*run)(struct work *w);
  /* In the loop, one of them, which frees w: give the outcome to *r; or nobody
   * wants it (ran: run() was called). */
  void (*settle)(struct work *w, struct lwt_resolver *r);
  void (*drop)(struct work *w, int ran);
};

/* Takes w, also when it fails.  what: of rejections. */
lwt_t *lwt__work(struct work *w, enum pool pool, const char *what, const char *where);
/* In the child of a fork(): reject those of this thread, from its inbox. */
void lwt__works_forked(void);

#endif
