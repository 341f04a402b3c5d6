/* dump.c - who waits for whom, as trees.
 * SPDX-License-Identifier: ISC
 *
 * Nothing runs meanwhile, so the highest bits of refs can be marks, which take
 * no memory: SHOWN, and PASSED for what was walked over.  They are cleared at the
 * end.  A tree is printed with a stack of at most DEPTH levels; a line that is
 * longer is followed to its end by a loop, and what it passes is counted.
 */
#include "internal.h"

#include <string.h>

#define SHOWN 0x80000000u
#define PASSED 0x40000000u
#define MARKS (SHOWN | PASSED)

enum { TREES = 64, DEPTH = 16, WIDTH = 16, LINES = 1000 };

struct dump {
  FILE *out;
  uint64_t now;
  size_t lines;
  size_t trees, trees_left; /* printed, not printed */
};

/* One level of a tree: a group, and the next of its entries. */
struct level {
  struct group *g;
  size_t i, shown;
};

static const char *const names[K_COUNT] = {
  [K_VALUE] = "value",
  [K_WAIT] = "wait",
  [K_QUEUED] = "queued",
  [K_SELECT] = "select",
  [K_SLEEP] = "sleep",
  [K_TIMEOUT] = "timeout",
  [K_TIMER] = "timer",
  [K_BIND] = "bind",
  [K_MAP] = "map",
  [K_FORWARD] = "forward",
  [K_PROTECTED] = "protected",
  [K_WRAP] = "wrap_in_cancelable",
  [K_NO_CANCEL] = "no_cancel",
  [K_CATCH] = "catch",
  [K_TRY] = "try_bind",
  [K_FINALIZE] = "finalize",
  [K_WITH] = "with",
  [K_FRAME] = "frame",
  [K_ON_SUCCESS] = "on_success",
  [K_ON_FAILURE] = "on_failure",
  [K_ON_TERMINATION] = "on_termination",
  [K_ON_ANY] = "on_any",
  [K_HOOK] = "hook",
  [K_ON_CANCEL] = "on_cancel",
  [K_JOIN] = "join",
  [K_ALL] = "all",
  [K_CHOOSE] = "choose",
  [K_PICK] = "pick",
  [K_NCHOOSE] = "nchoose",
  [K_NPICK] = "npick",
  [K_NCHOOSE_SPLIT] = "nchoose_split",
};

static const char *const queues[Q_COUNT] = {
  [Q_MUTEX] = "a mutex",
  [Q_SEMAPHORE] = "a semaphore",
  [Q_CONDITION] = "a condition",
  [Q_RWLOCK] = "a read-write lock",
  [Q_BARRIER] = "a barrier",
  [Q_MVAR_TAKE] = "a full mvar",
  [Q_MVAR_PUT] = "an empty mvar",
  [Q_SPAWN] = "room in a scope",
  [Q_SEND] = "room in a channel",
  [Q_RECEIVE] = "something in a channel",
};

const char *lwt__kind_name(unsigned kind)
{
  return kind < K_COUNT && names[kind] ? names[kind] : "promise";
}

/* ---- One line ------------------------------------------------------------- */

static int pending(const struct promise *p)
{
  return p->state == LWT_PENDING;
}

/* The one source of p, if it is hooked into it or has become ready by it. */
static struct promise *source_of(const struct promise *p)
{
  if (p->flags & F_RUNNING || !p->w.source)
    return NULL;
  return lwt__is_single(p) ? lwt__source(&p->w) : NULL;
}

static void put_seconds(FILE *out, uint64_t ns)
{
  fprintf(out, "%llu.%06llu s", (unsigned long long)(ns / 1000000000),
          (unsigned long long)(ns % 1000000000 / 1000));
}

static void put_deadline(const struct dump *d, uint64_t deadline)
{
  if (deadline == LWT_NEVER) {
    fputs(", without end", d->out);
    return;
  }
  fputs(", until ", d->out);
  put_seconds(d->out, deadline);
  if (deadline <= d->now) {
    fputs(" (due)", d->out);
    return;
  }
  fputs(" (in ", d->out);
  put_seconds(d->out, deadline - d->now);
  fputs(")", d->out);
}

static void put_queue(const struct dump *d, const struct promise *p)
{
  const struct promise *queue = lwt__source(&p->w);

  if (queue == &lwt__t.paused)
    fputs(", paused", d->out);
  else if (queue->kind > Q_OTHER && queue->kind < Q_COUNT)
    fprintf(d->out, ", waits for %s", queues[queue->kind]);
  else
    fputs(", waits in a queue", d->out);
}

static void put_state(const struct dump *d, const struct promise *p)
{
  const struct promise *source = source_of(p);
  const struct lwt__point *point;

  if (p->flags & F_RUNNING)
    fputs(", running", d->out);
  else if (p->flags & F_CLEANUP)
    fputs(", cleaning up", d->out);
  else if (p->kind == K_FRAME && (point = p->env) && point->label)
    fprintf(d->out, ", waits at %s", point->where);
  if (p->kind == K_SLEEP || p->kind == K_TIMEOUT)
    put_deadline(d, p->w.source);
  else if (p->kind == K_QUEUED)
    put_queue(d, p);
  else if (lwt__is_group(p))
    fprintf(d->out, ", waits for %zu of %zu", ((const struct group *)p)->left,
            ((const struct group *)p)->n);
  else if (p->kind == K_WAIT && !(p->flags & F_RESOLVER))
    fputs(", nobody can settle it", d->out);
  if (source && !pending(source))
    fputs(", ready", d->out);
}

static int shared(const struct promise *p)
{
  return p->waiters && p->waiters->next;
}

static void put_line(struct dump *d, size_t depth, const struct promise *p)
{
  const struct note *note = lwt__note(p);

  d->lines++;
  fprintf(d->out, "%*s%s", (int)(2 * depth), "", names[p->kind]);
  if (note && note->name)
    fprintf(d->out, " \"%s\"", note->name);
  if (p->where && !(p->kind == K_FINALIZE && p->flags & F_REJECTED))
    fprintf(d->out, " at %s", p->where);
  put_state(d, p);
  if (shared(p))
    fprintf(d->out, " [%p]", (const void *)p);
  if (p->refs & SHOWN)
    fputs(shared(p) ? ", see there" : ", a ring", d->out);
  fputs("\n", d->out);
}

/* ---- A tree --------------------------------------------------------------- */

/* Down a line from p, whose line is not printed: its last promise is. */
static struct promise *skip(struct dump *d, size_t depth, struct promise *p)
{
  struct promise *source;
  size_t n = 0;

  while (!(p->refs & SHOWN) && (source = source_of(p)) && pending(source)) {
    p->refs |= MARKS;
    p = source;
    n++;
  }
  if (n) {
    fprintf(d->out, "%*s... %zu more, down to\n", (int)(2 * depth), "", n);
    d->lines++;
  }
  return p;
}

/* Print p and go on to what it waits for alone; the group at the end of the
 * line, or NULL. */
static struct group *print_line(struct dump *d, size_t *depth, struct promise *p)
{
  int again;

  for (;;) {
    if (*depth >= DEPTH)
      p = skip(d, *depth, p);
    put_line(d, *depth, p);
    again = (p->refs & SHOWN) != 0;
    p->refs |= MARKS;
    if (again)
      return NULL;
    if (lwt__is_group(p))
      return (struct group *)p;
    if (!(p = source_of(p)) || !pending(p))
      return NULL;
    ++*depth;
  }
}

static void left_out(struct dump *d, size_t depth, size_t n)
{
  if (!n)
    return;
  fprintf(d->out, "%*s... %zu more\n", (int)(2 * depth), "", n);
  d->lines++;
}

/* The next pending input of a level, or NULL. */
static struct promise *next_input(struct level *l)
{
  struct entry *e;

  while (l->i < l->g->n) {
    e = &l->g->e[l->i++];
    if (e->owner && pending(lwt__source(&e->w)))
      return lwt__source(&e->w);
  }
  return NULL;
}

static size_t rest(struct level *l)
{
  size_t n = 0;

  while (next_input(l))
    n++;
  return n;
}

static void print_tree(struct dump *d, struct promise *p)
{
  struct level stack[DEPTH + 1];
  size_t depths[DEPTH + 1], depth = 0, top = 0;
  struct group *g = print_line(d, &depth, p);

  for (;;) {
    if (g && top <= DEPTH && depth < DEPTH) {
      stack[top] = (struct level){ g, 0, 0 };
      depths[top++] = depth + 1;
    }
    if (!top)
      return;
    depth = depths[top - 1];
    g = NULL;
    if (stack[top - 1].shown++ < WIDTH && d->lines < LINES &&
        (p = next_input(&stack[top - 1]))) {
      g = print_line(d, &depth, p);
    } else {
      left_out(d, depth, rest(&stack[top - 1]));
      top--;
    }
  }
}

/* ---- All of them ---------------------------------------------------------- */

static void tree(struct dump *d, struct promise *p)
{
  if (d->trees == TREES || d->lines >= LINES) {
    d->trees_left++;
    return;
  }
  d->trees++;
  print_tree(d, p);
}

/* How another file waits, and who asked to hear of a cancel: no lines. */
static int hidden(const struct promise *p)
{
  return p->kind == K_HOOK || p->kind == K_ON_CANCEL;
}

static int is_root(const struct promise *p)
{
  struct waiter *w;

  for (w = p->waiters; w && hidden(lwt__owner(w)); w = w->next)
    ;
  return !w;
}

static void each_root(void *env, struct promise *p)
{
  if (pending(p) && !hidden(p) && !(p->refs & SHOWN) && is_root(p))
    tree(env, p);
}

/* Where a line from p closes to a ring of promises that no tree has reached. */
static struct promise *ring(struct promise *p)
{
  struct promise *first = p, *source;

  while (p && pending(p) && !(p->refs & PASSED)) {
    p->refs |= PASSED;
    p = source_of(p);
  }
  if (p && pending(p) && (p->refs & MARKS) == PASSED)
    return p;
  for (p = first; p && pending(p) && (p->refs & MARKS) == PASSED; p = source) {
    source = source_of(p);
    p->refs |= SHOWN;
  }
  return NULL;
}

static void each_ring(void *env, struct promise *p)
{
  struct dump *d = env;
  struct promise *in;

  if (!pending(p) || hidden(p) || p->refs & MARKS || lwt__is_group(p))
    return;
  if ((in = ring(p)))
    tree(d, in);
}

static void clear(struct promise *p)
{
  p->refs &= ~MARKS;
}

/* Also of promises that are not on the heap: those are sources of one that is. */
static void each_clear(void *env, struct promise *p)
{
  struct group *g = (struct group *)p;
  struct promise *source;
  size_t i;

  (void)env;
  if (!pending(p))
    return;
  clear(p);
  if ((source = source_of(p)) && pending(source))
    clear(source);
  if (lwt__is_group(p))
    for (i = 0; i < g->n; i++)
      if (g->e[i].owner && pending(lwt__source(&g->e[i].w)))
        clear(lwt__source(&g->e[i].w));
}

static void begin(struct dump *d, FILE *out)
{
  memset(d, 0, sizeof *d);
  d->out = out;
  d->now = lwt_now();
}

void lwt_dump(FILE *out)
{
  struct dump d;

  begin(&d, out);
  fprintf(out, "lwt: %zu promises in memory, %zu timers\n", lwt__t.live, lwt__t.timers);
  lwt__each(each_root, &d);
  lwt__each(each_ring, &d);
  if (d.trees_left)
    fprintf(out, "... and %zu more trees\n", d.trees_left);
  lwt__each(each_clear, NULL);
}

void lwt_dump_one(FILE *out, lwt_t *p)
{
  struct dump d;

  if (lwt_state(p) != LWT_PENDING)
    return;
  begin(&d, out);
  print_tree(&d, P(p));
  lwt__each(each_clear, NULL);
}
