/* program.h - random programs of promises, and the worlds that run them.
 * SPDX-License-Identifier: ISC
 *
 * A program is a list of statements, most of which make, chain, settle, cancel
 * or drop promises.  Statement i puts its promise into variable i.  A statement
 * with a callback has a body: the statements after it up to `end`.  Every
 * statement is executed at most once, because callbacks run at most once.
 *
 * program.c makes programs from bytes, prints and shrinks them; interpret.c
 * executes them in a world, which is the library (world-lwt.c) or the model
 * (model*.c), and writes down what happens.
 */
#ifndef RANDOM_PROGRAM_H
#define RANDOM_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { STATEMENTS = 120, INPUTS = 4, EVENTS = 16384 };

enum op {
  OP_NOTHING,
  /* leaves */
  OP_RETURN, OP_FAIL, OP_WAIT, OP_TASK, OP_TASK_OP, OP_PAUSE, OP_SLEEP, OP_TIMEOUT,
  /* one input, a body */
  OP_BIND, OP_MAP, OP_CATCH, OP_TRY, OP_FINALIZE, OP_WITH,
  /* one input */
  OP_PROTECTED, OP_NO_CANCEL, OP_WRAP, OP_WITH_TIMEOUT, OP_REF,
  /* a frame */
  OP_GO,
  /* several inputs */
  OP_JOIN, OP_ALL, OP_BOTH, OP_CHOOSE, OP_PICK, OP_NCHOOSE, OP_NPICK, OP_SPLIT,
  /* no result: one input, a body */
  OP_ON_SUCCESS, OP_ON_FAILURE, OP_ON_TERMINATION, OP_ON_ANY, OP_ON_CANCEL,
  /* of a resolver */
  OP_FULFILL, OP_REJECT, OP_ABANDON, OP_UNWANTED,
  /* of a promise */
  OP_CANCEL, OP_DROP, OP_ASYNC, OP_LOOK,
  /* of the world */
  OP_RUN,
  /* in the body of a frame only */
  OP_AWAIT, OP_AWAIT_ERROR, OP_DEFER, OP_DEFER_WAIT, OP_FINISH, OP_THROW, OP_BECOME,
  OPS
};

/* What a callback gives back: one of these, or the number of a variable. */
enum { GIVE_VALUE = -1, GIVE_ERROR = -2, GIVE_CANCELED = -3, GIVE_NULL = -4 };

struct statement {
  uint8_t op;
  uint8_t n;           /* inputs */
  uint8_t in[INPUTS];  /* variables, or the statement that made the resolver */
  uint8_t arg;
  uint8_t end;         /* after the body */
  int16_t give;
  uint8_t skip;        /* taken out by shrinking */
};

struct program {
  size_t n;
  uint64_t seed;       /* of the choice among settled promises */
  struct statement s[STATEMENTS];
};

void program_make(struct program *p, const uint8_t *data, size_t len);
void program_print(const struct program *p);
/* Take statements out while fails(env, p) says yes. */
void program_shrink(struct program *p, int (*fails)(void *env, const struct program *p),
                    void *env);

static inline int op_chains(int op) { return op >= OP_BIND && op <= OP_WITH; }
static inline int op_groups(int op) { return op >= OP_JOIN && op <= OP_SPLIT; }
static inline int op_listens(int op) { return op >= OP_ON_SUCCESS && op <= OP_ON_CANCEL; }
static inline int op_gives(int op)
{
  return op_chains(op) || op == OP_DEFER_WAIT;
}
static inline int op_has_body(int op)
{
  return op_chains(op) || op_listens(op) || op == OP_GO || op == OP_TASK_OP ||
         op == OP_DEFER || op == OP_DEFER_WAIT;
}
static inline int op_makes(int op) { return op >= OP_RETURN && op <= OP_SPLIT; }
static inline int op_resolver(int op) { return op >= OP_WAIT && op <= OP_TASK_OP; }

/* ---- Values -------------------------------------------------------------- */

/* What a promise gives: a token (0: nothing), or the values of several. */
enum type { TOKEN, VEC, SPLIT };

/* A value as a callback sees it. */
struct seen {
  enum type type;
  int n;               /* tokens */
  int token[INPUTS];
  int owned[INPUTS];   /* it has a drop function */
  int pending;         /* promises of a SPLIT */
};

/* ---- A world ------------------------------------------------------------- */

typedef void *handle;

/* What a frame does next. */
struct instruction {
  enum op op;          /* OP_AWAIT ... OP_BECOME, or OP_NOTHING: it ends */
  int id;              /* the statement */
  handle p;
  int token, owned;
};

struct world {
  const char *name;
  void (*begin)(uint64_t seed);
  /* What is left: promises and timers. */
  size_t (*end)(void);
  handle (*give)(int token, int owned);
  handle (*fail)(int code);
  handle (*leaf)(enum op op, int id, unsigned duration);
  handle (*chain)(enum op op, handle p, int id);
  handle (*shield)(enum op op, handle p, unsigned duration);
  handle (*ref)(handle p);
  handle (*go)(int id);
  handle (*group)(enum op op, int n, handle ps[]);
  void (*listen)(enum op op, handle p, int id);
  int (*fulfill)(int id, int token, int owned);
  int (*reject)(int id, int code); /* 0: abandon */
  int (*unwanted)(int id);
  void (*cancel)(handle p);
  void (*drop)(handle p);
  void (*async)(handle p);
  int (*state)(handle p, enum type type, int *token);
  int (*error)(handle p);
  void (*run)(unsigned time);
};
extern const struct world world_lwt, world_model;

/* The library's allocations fail at random, one in so many; 0: never. */
void world_lwt_faults(unsigned one_in, uint64_t seed);
size_t world_lwt_failed(void);

/* ---- Running ------------------------------------------------------------- */

struct event {
  int16_t what, id, a, b;
};

struct history {
  size_t n;
  size_t first_fault; /* events before the first allocation that failed */
  struct event e[EVENTS];
  uint8_t drops[STATEMENTS + 1]; /* calls of a token's drop function */
  uint8_t taken[STATEMENTS + 1]; /* callbacks that received it, lent ones too */
  uint8_t made[STATEMENTS + 1];  /* it was given a drop function */
  uint8_t calls[STATEMENTS];     /* of a statement's callback */
  uint8_t due[STATEMENTS];       /* a finalizer, which has to run */
  size_t left;
};

void interpret(const struct program *p, const struct world *w, struct history *h);
void event_print(const struct event *e);

/* Called by worlds. */
enum event_kind {
  EV_NONE, EV_STATEMENT, EV_CODE, EV_STATE, EV_VALUE, EV_ELEMENT, EV_ERROR, EV_CALL,
  EV_STEP, EV_STOP, EV_LOST, EV_END
};
void happened(enum event_kind what, int id, int a, int b);
void token_dropped(int token);
void allocation_failed(void);
enum type type_of_input(int id);
handle called_value(int id, const struct seen *v); /* bind, try_bind; on_... */
int called_map(int id, const struct seen *v);
handle called_error(int id, int code);
handle called_plain(int id, enum event_kind what);
struct instruction called_frame(int id);
void frame_received(int id, const struct seen *v, int code);

#endif
