/* model.h - promises again, slowly: what the files of the model share.
 * SPDX-License-Identifier: ISC
 *
 * A promise is a number, its state a row of an array; nothing is ever used
 * again, and a row that the library would have freed says so.  Who waits for
 * whom is one list in the order of hooking, searched from its beginning.  The
 * rules are those of lwt.h; where that leaves the order of callbacks open (a
 * callback's promise that is still pending), m_become() says what the library
 * does.
 */
#ifndef RANDOM_MODEL_H
#define RANDOM_MODEL_H

#include "program.h"

#include <assert.h>

enum { PROMISES = 1500, HOOKS = 1500, QUEUE = 4000, DEFERRED = 64, DEPTH = 64 };
enum { PENDING, FULFILLED, REJECTED };
enum { E_PIPE = -32, E_TIMEDOUT = -110, E_CANCELED = -125, E_ALREADY = -114 };

enum m_kind {
  M_VALUE, M_LEAF, M_PAUSE, M_TIMER, M_BIND, M_MAP, M_FORWARD, M_PROTECTED, M_WRAP,
  M_NO_CANCEL, M_CATCH, M_TRY, M_FINALIZE, M_WITH, M_FRAME, M_ON_SUCCESS, M_ON_FAILURE,
  M_ON_TERMINATION, M_ON_ANY, M_ON_CANCEL, M_JOIN, M_ALL, M_CHOOSE, M_PICK, M_NCHOOSE,
  M_NPICK, M_SPLIT
};

/* An outcome.  owned: it must be freed; lender: the promise that does. */
struct m_out {
  int state, code, type, token, owned, lender;
  int n, pending;               /* of a VEC or SPLIT */
  int tokens[INPUTS], owns[INPUTS], promise[INPUTS];
};

struct m_entry {
  int source, on; /* on: hooked or in the queue */
};

struct m_deferred {
  int op, id; /* OP_NOTHING: a lender to be given up */
};

struct m_promise {
  int kind, state, refs, id, freed;
  struct m_out out;  /* its outcome; of a finalizer that waits: its input's */
  int source;        /* what it waits for */
  int room;          /* size class: two promises of one size can change places */
  int running, kill, dropped, async, seen, shared, told;
  int resolver, cancelable, stop, cleanup, decided;
  uint64_t deadline;
  int timing;
  /* groups */
  int n, left, held, listed;
  struct m_entry e[INPUTS];
  struct m_out result; /* and of frames */
  /* frames */
  struct m_deferred deferred[DEFERRED];
  int n_deferred, await, catches, becoming;
};

/* p's entry e (-1: p itself) waits for source. */
struct m_hook {
  int source, p, e;
};

enum { RUN_WAITER, RUN_STOP, RUN_GROUP };
struct m_ready {
  int what, p, e;
};

struct model {
  struct m_promise p[PROMISES];
  int n;
  struct m_hook hook[HOOKS];
  int hooks;
  struct m_ready ready[QUEUE];
  int first, last;
  int paused[PROMISES], n_paused;
  int dead[PROMISES], n_dead;
  int leaf[STATEMENTS]; /* whose resolver this statement made; 0: empty */
  int draining, reaping, depth;
  uint64_t time, random;
};
extern struct model model;

/* Handles that need no memory and are never freed. */
enum { NOBODY, CANCELED, UNIT, IMMORTALS };

static inline struct m_promise *M(int p)
{
  assert(p > 0 && p < model.n && !model.p[p].freed);
  return &model.p[p];
}
static inline int m_pending(int p) { return M(p)->state == PENDING; }
static inline int m_single(int p)
{
  return M(p)->kind >= M_BIND && M(p)->kind <= M_ON_CANCEL;
}
static inline int m_group(int p) { return M(p)->kind >= M_JOIN; }
static inline int m_sees_failure(int p)
{
  return M(p)->kind >= M_CATCH && M(p)->kind <= M_FRAME;
}

/* model.c */
int m_new(enum m_kind kind, int id);
void m_free(int p);
struct m_out m_value(int token, int owned);
struct m_out m_error(int code);
void m_drop_value(struct m_out *o);
void m_hook(int source, int p, int e);
void m_hook_at(int place, int source, int p, int e);
int m_unhook(int p, int e);      /* its place */
int m_waiters(int p);
int m_waiter(int p);             /* the place of its first waiter, or -1 */
int *m_source(int p, int e);
void m_ready(int what, int p, int e);
void m_settle(int p, struct m_out o);
void m_unowned(int p);
void m_unref(int p);
void m_detach(int p);
/* Take the outcome through a handle.  m_take: for a callback; a value that is
 * shared is lent, and the handle kept in o.lender.  m_take_over: for a vec. */
struct m_out m_take(int p);
struct m_out m_take_over(int p);
void m_settle_like(int p, int source);
void m_leave(void);

/* model-chain.c */
void m_become(int p, int q);
void m_run_waiter(int p, int source);
void m_end_lent(struct m_out *o);
int m_chain(enum op op, int p, int id);
int m_listen(enum op op, int p, int id);
int m_go(int id);
void m_run_frame(int p, int source);

/* model-group.c */
int m_group_new(enum op op, int n, handle ps[]);
void m_run_entry(int p, int e);
void m_group_end(int p);
void m_group_gone(int p);

/* model-cancel.c */
void m_cancel(int p);
void m_sever(int p, int e);
void m_abandon(int p);
int m_shield(enum m_kind kind, int p);

#endif
