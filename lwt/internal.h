/* internal.h - what the files of lwt/ share.
 * SPDX-License-Identifier: ISC
 *
 * Read lwt.h first.  The model function is lwt__run_chain() in chain.c: what
 * happens to a bind when the promise that it waits for has settled.
 *
 * A handle (lwt_t *) is one of two things:
 *
 *   odd   a fulfilled promise whose value is in the handle itself, shifted
 *         left by one: no memory behind it (lwt__is_inline);
 *   even  a pointer to a struct promise.
 *
 * A promise that waits for others hooks a waiter into each source's list; the
 * waiter owns one handle (one count of `refs`) of the source.  When a source
 * settles, its whole list moves to the thread's ready queue in one step, and
 * lwt__drain() runs the waiters one by one.  So:
 *
 *   a waiter is hooked into a pending source's list, or in the ready queue
 *   (then its source is settled), or its promise is running or settled.
 *
 * A promise's memory is given back when nobody has a handle (refs == 0) and
 * nothing is going on behind it.  A pending promise with refs == 0 is kept
 * only by what goes on: a resolver (F_RESOLVER), a finalizer, lwt_async().
 */
#ifndef LWT_INTERNAL_H
#define LWT_INTERNAL_H

#ifndef LWT_BUILDING
#define LWT_BUILDING
#endif
#include <assert.h>
#include <lwt.h>
#include <lwt/engine.h>
#include <lwt/memory.h>
#include <lwt/sync.h>

#include "tracer.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

struct promise;
struct storage;

/* Hooked into source->waiters: a list whose head's prev is its tail.  In the
 * ready queue only next counts.  `source` carries WAITER_ENTRY in its lowest
 * bit if the waiter is an entry of a group and not promise.w. */
struct waiter {
  struct waiter *next;
  struct waiter *prev;
  uintptr_t source;
};
#define WAITER_ENTRY ((uintptr_t)1)

/* Immediate callbacks that may be nested before they are queued.  A processor
 * foresees where 32 nested calls return to; each callback is two of them. */
#define MAX_DEPTH 16

enum kind {
  K_FREE, /* on a free list */
  K_VALUE, /* made settled */
  K_WAIT, /* lwt_wait, lwt_task: settled through a resolver */
  K_QUEUED, /* stands in a wait queue by its own w: pause, locks, channels */
  K_SELECT, /* a leaf with several waiters of its own */
  K_SLEEP,
  K_TIMEOUT,
  K_TIMER, /* inside a struct lwt_timer; no handles */
  /* one source, no user code that sees failures */
  K_BIND,
  K_MAP,
  K_FORWARD,
  K_PROTECTED,
  K_WRAP,
  K_NO_CANCEL,
  /* one source, user code that sees failures */
  K_CATCH,
  K_TRY,
  K_FINALIZE,
  K_WITH,
  K_FRAME,
  /* one source, no result */
  K_ON_SUCCESS,
  K_ON_FAILURE,
  K_ON_TERMINATION,
  K_ON_ANY,
  K_HOOK, /* of another file: fn, a lwt__hook_fn, and env; not on the heap always */
  K_ON_CANCEL, /* owns no handle of its source */
  /* many sources */
  K_JOIN,
  K_ALL,
  K_CHOOSE,
  K_PICK,
  K_NCHOOSE,
  K_NPICK,
  K_NCHOOSE_SPLIT,
  K_COUNT
};

enum flag {
  F_SHARED = 1,       /* was given to lwt_ref(): its value is lent */
  F_SEEN = 2,         /* somebody has looked at the rejection */
  F_DROPPED = 4,      /* pending without handles: the outcome is discarded */
  F_ASYNC = 8,        /* pending without handles: a rejection is reported */
  F_RUNNING = 16,     /* pending; its callback is on the stack */
  F_GRANT = 16,       /* settled; drop takes back what nobody received */
  F_KILL = 32,        /* cancel it at its next wait */
  F_RESOLVER = 64,    /* a resolver points to it */
  F_CANCELABLE = 128, /* lwt_task */
  F_STOP = 256,       /* fn, env: the producer's stop function */
  F_OWNS = 256,       /* K_QUEUED: fn, env: a value and its drop function */
  F_CLEANUP = 512,    /* waits for a finalizer; the outcome is in the union */
  F_REJECTED = 1024,  /* with F_CLEANUP: the outcome is a rejection */
  F_LENT = 2048,      /* settled; its value belongs to w.source */
  F_IMMORTAL = 4096,  /* static */
  F_ON_CANCEL = 8192, /* on_cancel waiters are at the head of the list */
  F_WORK = 16384,     /* a group that is on a walk's list */
  F_SAVED_GRANT = 16384, /* with F_CLEANUP: the outcome is a grant */
  F_DECIDED = 32768,  /* a pick that has its winner */
  F_STORED = 32768    /* a chain node that runs in a storage; it has not run */
};

struct promise {
  uint8_t state : 2; /* enum lwt_state */
  uint8_t class : 6; /* its size class; 0: allocated singly */
  uint8_t kind;
  uint16_t flags;
  uint32_t refs;
  struct waiter *waiters;
  union {
    struct { /* pending */
      void *fn;
      void *env;
    };
    struct { /* fulfilled */
      void *value;
      lwt_drop_fn *drop;
    };
    struct { /* rejected; w.source is the line that made the rejection */
      const char *what;
      intptr_t code;
    };
  };
  struct waiter w; /* pauses and timers: their queue; source: deadline */
  const char *where;
};

/* Chain nodes with two functions (try_bind, on_any), and those that remember a
 * storage. */
struct promise2 {
  struct promise p;
  void *fn2;
  struct storage *storage; /* with F_STORED */
};

/* An entry of a group; owner tells the group that the waiter belongs to. */
struct entry {
  struct waiter w;
  struct group *owner;
};

/* What a promise has become. */
struct outcome {
  uint8_t state;
  uint8_t grant; /* fulfilled: drop is only for a value nobody received */
  union {
    struct {
      void *value;
      lwt_drop_fn *drop;
    };
    struct {
      const char *what;
      intptr_t code;
    };
  };
  const char *origin;
};

/* join, all, choose, pick ...  p.fn: the vec or split being filled.  left:
 * entries that are hooked or queued; once the group has settled, F_RESOLVER
 * keeps its memory until left is 0.  result: the first rejection of a join,
 * the outcome of a pick whose losers are being cancelled. */
struct group {
  struct promise p;
  struct group *work;
  uint64_t canceled; /* one more than the epoch in which its inputs were, last */
  size_t n;
  size_t left;
  struct outcome result;
  struct promise *lender;
  struct entry e[];
};


struct deferred {
  struct deferred *next;
  lwt_t *(*wait)(void *);
  void (*call)(void *);
  void *arg;
};

/* The public struct lwt_frame.  p.fn: the step function, p.env: the label to
 * resume at.  While it unwinds, the outcome is in `result`. */
struct frame {
  struct promise p;
  struct deferred *deferred;
  struct outcome result;
  struct storage *storage;
};
_Static_assert(sizeof(struct frame) <= sizeof(struct lwt_frame), "lwt_frame");

struct sized_vec;
struct wheel;
struct notes;
struct tracer;

/* What a rejection has passed: lwt_path(). */
struct trail {
  size_t hops;
  const char *first[LWT_PATH_FIRST];
  const char *last[LWT_PATH_LAST]; /* a ring */
};

/* The rejection that was looked at last, with lwt_debug(). */
struct handled {
  int rejected;
  struct lwt_error error;
  const char *origin;
  char name[LWT_NAME_MAX + 1];
  struct trail trail;
};

enum watch { WATCH_STALL = 1, WATCH_TRACE = 2 };

#define SIZE_CLASSES 33 /* of 16 bytes, up to 512 */

struct size_class {
  void *free;
  char *bump, *end;
  size_t bytes; /* of the next slab; 0: the first */
};

struct thread {
  struct waiter *ready, *ready_tail; /* tail is valid while ready is not NULL */
  uint8_t draining;
  uint8_t looping;
  uint16_t depth; /* immediate callbacks on the stack */
  uint64_t epoch; /* changes when a group may reach what it could not before */
  struct storage *storage; /* of the running thread (storage.c) */
  size_t live;
  struct size_class nodes[SIZE_CLASSES];
  struct size_class raw[SIZE_CLASSES];
  void *slabs;
  struct promise paused; /* its waiters: the pauses, hooked by their own w */
  struct lwt__task *tasks, **tasks_end;
  uint64_t now;     /* see lwt__task_now() */
  uint8_t in_tasks; /* tasks run */
  uint8_t now_turns; /* while tasks run: if not 0, now is the time */
  struct promise *dead; /* released, linked by `waiters` */
  uint8_t reaping;
  uint8_t freeing;
  struct sized_vec *dead_vecs; /* the same for the values of all, nchoose ... */
  struct wheel *wheel;
  size_t timers;
  uint8_t watch; /* enum watch */
  uint8_t debug;
  uint8_t begun; /* the environment was read */
  struct notes *notes;
  struct tracer *tracer;
  const struct trace_ops *trace; /* NULL: never traced */
  uint64_t stall_limit;
  lwt_stall_fn *stall;
  struct lwt_engine *engine;
  lwt_lost_fn *lost;
  uint64_t random; /* XOR RANDOM of combine.c, so that a thread begins as zeros */
  struct handled handled;
  void (*release_stacks)(void); /* of fibers, if it keeps any */
};

extern __thread struct thread lwt__t
  __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Settled promises that cost no memory. */
extern struct promise lwt__no_memory, lwt__canceled, lwt__unit
  __attribute__((visibility("hidden")));

/* ---- Handles ----------------------------------------------------------- */

static inline int lwt__is_inline(const lwt_t *p)
{
  return (uintptr_t)p & 1;
}
static inline void *lwt__inline_value(const lwt_t *p)
{
  return (void *)((intptr_t)p >> 1);
}
static inline struct promise *P(lwt_t *p)
{
  return (struct promise *)(void *)p;
}
static inline lwt_t *H(struct promise *p)
{
  return (lwt_t *)(void *)p;
}
static inline struct promise *lwt__source(const struct waiter *w)
{
  return (struct promise *)(w->source & ~WAITER_ENTRY);
}
static inline struct promise *lwt__owner(struct waiter *w)
{
  if (unlikely(w->source & WAITER_ENTRY))
    return &((struct entry *)w)->owner->p;
  return (struct promise *)(void *)((char *)w - offsetof(struct promise, w));
}
static inline int lwt__is_group(const struct promise *p)
{
  return p->kind >= K_JOIN;
}
/* Waits for exactly one source through p->w. */
static inline int lwt__is_single(const struct promise *p)
{
  return p->kind >= K_BIND && p->kind <= K_ON_CANCEL;
}
static inline int lwt__sees_failure(const struct promise *p)
{
  return p->kind >= K_CATCH && p->kind <= K_FRAME;
}

/* What a wait queue is of, for lwt_dump(): the `kind` of its promise. */
enum queue_kind {
  Q_OTHER,
  Q_PAUSED,
  Q_MUTEX,
  Q_SEMAPHORE,
  Q_CONDITION,
  Q_RWLOCK,
  Q_BARRIER,
  Q_MVAR_TAKE,
  Q_MVAR_PUT,
  Q_SPAWN,
  Q_SEND,
  Q_RECEIVE,
  Q_COUNT
};

/* A wait queue is a promise as far as its list of waiters goes. */
static inline struct promise *Q(struct lwt_queue *queue)
{
  return (struct promise *)(void *)queue;
}
_Static_assert(offsetof(struct promise, waiters) + sizeof(void *) <=
                 sizeof(struct lwt_queue),
               "lwt_queue");
static inline struct promise *lwt__queue_of(struct lwt_queue *queue, enum queue_kind kind)
{
  Q(queue)->kind = (uint8_t)kind;
  return Q(queue);
}

static inline enum lwt_state lwt__state(lwt_t *p)
{
  return lwt__is_inline(p) ? LWT_FULFILLED : (enum lwt_state)P(p)->state;
}

/* The handle that is given up is the only one on a settled p, and all there is
 * to do with p is to move its outcome out and free it. */
static inline int lwt__movable(const struct promise *p)
{
  return p->refs == 1 &&
         !(p->flags & (F_SHARED | F_LENT | F_IMMORTAL | F_STOP | F_RESOLVER | F_GRANT));
}

/* ---- Waiter lists and the ready queue ---------------------------------- */

static inline void lwt__hook(struct promise *source, struct waiter *w)
{
  struct waiter *head = source->waiters;

  w->source = (uintptr_t)source | (w->source & WAITER_ENTRY);
  w->next = NULL;
  if (likely(!head)) {
    source->waiters = w->prev = w;
  } else {
    w->prev = head->prev;
    head->prev->next = w;
    head->prev = w;
  }
}

static inline void lwt__unhook(struct waiter *w)
{
  struct promise *source = lwt__source(w);
  struct waiter *head = source->waiters;

  if (w->next)
    w->next->prev = w->prev;
  else
    head->prev = w->prev;
  if (w == head)
    source->waiters = w->next;
  else
    w->prev->next = w->next;
}

/* w's source is settled. */
static inline void lwt__queue(struct waiter *w)
{
  struct thread *t = &lwt__t;

  w->next = NULL;
  if (t->ready)
    t->ready_tail->next = w;
  else
    t->ready = w;
  t->ready_tail = w;
}

void lwt__drain(void);

/* The end of every public call that may have settled something. */
static inline void lwt__leave(void)
{
  if (lwt__t.ready && !lwt__t.draining)
    lwt__drain();
}

/* ---- slab.c ------------------------------------------------------------ */

/* A promise of `size` bytes with one handle, pending, nothing hooked; the
 * union and what follows struct promise are not set.  NULL: no memory. */
void *lwt__node_refill(size_t size);
void lwt__node_free_slow(struct promise *p);
void *lwt__raw_alloc(size_t size);
void lwt__raw_free(void *ptr, size_t size);

/* Call f on every promise of this thread. */
void lwt__each(void (*f)(void *env, struct promise *p), void *env);

/* lwt__node(size) and lwt__node_free(p) will not call anything: functions that
 * check it first, and leave the other case to a function apart, save no
 * registers. */
static inline int lwt__node_ready(size_t size)
{
#ifdef LWT_NO_POOLS
  (void)size;
  return 0;
#else
  return lwt__t.nodes[(size + 15) / 16].free != NULL;
#endif
}
static inline int lwt__node_pooled(const struct promise *p)
{
#ifdef LWT_NO_POOLS
  (void)p;
  return 0;
#else
  return p->class != 0;
#endif
}

/* A pending promise that nobody waits for; its size class is not touched. */
static inline void lwt__node_init(struct promise *p, enum kind kind, const char *where,
                                  unsigned refs)
{
  p->state = LWT_PENDING;
  p->kind = kind;
  p->flags = 0;
  p->refs = refs;
  p->waiters = NULL;
  p->w.source = 0;
  p->where = where;
}
static inline void *lwt__node(size_t size, enum kind kind, const char *where)
{
  struct promise *p;
#ifdef LWT_NO_POOLS
  p = lwt__node_refill(size);
#else
  struct size_class *class = &lwt__t.nodes[size <= 512 ? (size + 15) / 16 : 0];

  if (likely(size <= 512 && (p = class->free)))
    class->free = p->waiters;
  else
    p = lwt__node_refill(size);
#endif
  if (unlikely(!p))
    return NULL;
  lwt__t.live++;
  p->class = size <= 512 ? (size + 15) / 16 : 0;
  lwt__node_init(p, kind, where, 1);
  return p;
}

static inline void lwt__node_free(struct promise *p)
{
  lwt__t.live--;
#ifndef LWT_NO_POOLS
  if (likely(p->class)) {
    struct size_class *class = &lwt__t.nodes[p->class];

    p->kind = K_FREE;
    p->waiters = class->free;
    class->free = p;
    return;
  }
#endif
  lwt__node_free_slow(p);
}

/* ---- note.c ------------------------------------------------------------- */

struct note {
  struct note *next;
  struct promise *p;
  char *name;          /* or NULL */
  struct trail *trail; /* or NULL */
  uint8_t class;       /* of p, whose own is 0 */
  uint8_t kind;        /* of p when its span began */
  uint64_t span;       /* in the trace; 0: none is open */
};

/* The note of p; NULL: it has none. */
struct note *lwt__note(const struct promise *p);
/* The same; NULL: no memory for one, or p is immortal. */
struct note *lwt__note_make(struct promise *p);
/* p, of class 0, is freed: its class comes back. */
void lwt__note_gone(struct promise *p);
void lwt__notes_fini(void);
void lwt__notes_end_spans(void);
const char *lwt__kind_name(unsigned kind);

/* ---- path.c: only with lwt_debug() ------------------------------------------ */

/* The rejection of source becomes p's; that of p passes where; the rejection
 * handled last becomes p's and passes where.  Without memory p has no path. */
void lwt__pass(struct promise *p, const struct promise *source);
void lwt__hop(struct promise *p, const char *where);
void lwt__pass_handled(struct promise *p, const char *where);
/* Somebody looks at the rejection of p, or at a new one. */
void lwt__handle(const struct promise *p);
void lwt__handle_new(int code, const char *what, const char *where);

/* ---- drain.c ------------------------------------------------------------------ */

/* The switches that the environment sets, once per thread. */
void lwt__environment(void);

static inline int lwt__traced(void)
{
  return unlikely(lwt__t.watch & WATCH_TRACE);
}

/* ---- promise.c --------------------------------------------------------- */

/* Settle a pending p; its waiters become ready, nothing runs yet.  p may be
 * gone afterwards if nobody holds it. */
void lwt__fulfill(struct promise *p, void *value, lwt_drop_fn *drop);
void lwt__reject(struct promise *p, int code, const char *what, const char *origin);
void lwt__settle(struct promise *p, const struct outcome *o);
/* The same when lender, unless NULL, owns the value; takes the handle. */
void lwt__settle_lent(struct promise *p, const struct outcome *o, struct promise *lender);
/* Reject a leaf whose stop function is queued: the union stays as it is. */
void lwt__reject_stopped(struct promise *p);
/* p is settled and nobody has a handle on it. */
void lwt__unowned(struct promise *p);

/* Take the outcome of a settled source through a handle that is given up.
 * lwt__take, for callbacks: if the value is only lent, the handle is kept in
 * *lender (else NULL): give it to lwt__unref() when the value is no longer
 * used.  lwt__take_over, for containers: the last handle takes the value with
 * its drop function, earlier ones a copy without. */
void lwt__take(struct promise *source, struct outcome *o, struct promise **lender);
void lwt__take_over(struct promise *source, struct outcome *o);

/* Somebody knows of the rejection. */
static inline void lwt__seen(struct promise *p)
{
  if (!(p->flags & F_IMMORTAL))
    p->flags |= F_SEEN;
}

static inline void lwt__drop_value(void *value, lwt_drop_fn *drop)
{
  if (drop)
    drop(value);
}

/* A source for a waiter: p itself, or a promise made for an inline value.
 * NULL: no memory. */
struct promise *lwt__box(lwt_t *p);

/* Settle p like the settled source; takes a handle of the source. */
void lwt__settle_like(struct promise *p, struct promise *source);

/* p ran its callback, which returned q: p becomes q.  Takes q. */
void lwt__become(struct promise *p, lwt_t *q);

/* Give up one handle.  detach: what is pending runs on, unseen; else it is
 * cancelled with the last handle. */
void lwt__unref(struct promise *p);
void lwt__detach(struct promise *p);

/* Put a promise without handles on the list of the dead, which is worked off
 * by the outermost caller: long chains are freed in constant stack. */
void lwt__bury(struct promise *p);

void lwt__report(struct lwt_error error, const char *where);

static inline lwt_t *lwt__oom(void)
{
  return H(&lwt__no_memory);
}
/* A fulfilled promise with a grant. */
lwt_t *lwt__granted(void *value, lwt_drop_fn *undo);
/* Fulfil p with a grant: if nobody receives it, undo(value) is called. */
void lwt__grant(struct promise *p, void *value, lwt_drop_fn *undo);

/* ---- chain.c, combine.c, select.c, frame.c, cancel.c, timer.c, loop.c --- */

void lwt__run_chain(struct promise *p, struct promise *source);
void lwt__run_entry(struct entry *e, struct promise *source);
void lwt__run_group(struct group *g);
void lwt__run_select(struct entry *e, struct promise *source);
/* It has happened to none of its cases. */
void lwt__select_cancel(struct promise *p);
void lwt__run_frame(struct frame *f, struct promise *source);
void lwt__group_gone(struct group *g);

/* The callback of a K_HOOK: p's source is settled.  Takes a handle of it; p is
 * the callback's to free. */
typedef void lwt__hook_fn(struct promise *p, struct promise *source);

/* A vec without values, with room for some; NULL: no memory. */
struct lwt_vec *lwt__vec_new(size_t room);
/* Append; *vec may be NULL at first, and moves.  Returns 0 or LWT_ENOMEM; takes
 * the value only if it returns 0. */
int lwt__vec_push(struct lwt_vec **vec, void *value, lwt_drop_fn *drop);

/* Stop a thread that its owner waits for.  As if its last handle were given up,
 * but it settles only when its finalizers are through, also if others hold it. */
void lwt__stop(struct promise *p);
/* Cancel what w alone waits for, so that w is run with LWT_ECANCELED when
 * the finalizers in between are through. */
void lwt__sever(struct waiter *w);
/* lwt_cancel() without running callbacks.  once: not through groups whose
 * inputs were cancelled in this epoch, so that the picks of a line, each
 * cancelling the next, take the time of one walk.  An epoch ends with the drain
 * or when a promise comes to wait for what a callback made. */
void lwt__cancel(struct promise *p, int once);
/* A pending p has lost its last handle. */
void lwt__abandon(struct promise *p);

/* The next random number of this thread, below n. */
size_t lwt__random_below(size_t n);

/* ---- storage.c ------------------------------------------------------------ */

/* A chain node that remembers the present storage. */
struct promise *lwt__node_stored(enum kind kind, const char *where);
/* Take the storage out of such a node, with its reference. */
struct storage *lwt__storage_take(struct promise *p);
/* NULL is allowed. */
struct storage *lwt__storage_ref(struct storage *s);
void lwt__storage_unref(struct storage *s);

/* ---- timer.c, timeout.c ----------------------------------------------------- */

/* Make the wheel; 0: no memory. */
int lwt__timers_ready(void);
/* Put a timer into the wheel, which is there.  now counts if it is the first. */
void lwt__timer_add(struct promise *p, uint64_t now, uint64_t deadline);
/* The wheel has come to the place of a K_TIMER; its turn in the ready queue. */
void lwt__timer_fired(struct promise *p);
void lwt__run_timer(struct promise *p);
/* Take a timer out of the wheel. */
void lwt__timer_remove(struct promise *p);

/* Settle the earliest timers that are due by now, those of one slot, so that
 * their callbacks find them in the cache.  Returns 0 when none is left. */
int lwt__timers_run(uint64_t now);
uint64_t lwt__timers_next(void);
void lwt__timers_fini(void);
/* Settle the promises paused before the call; returns how many. */
size_t lwt__run_paused(void);

#endif
