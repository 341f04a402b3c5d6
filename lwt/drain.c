/* drain.c - the ready queue, and a watch over what runs from it.
 * SPDX-License-Identifier: ISC
 *
 * Who asks for a trace or for a report of callbacks that take too long gets the
 * second of two loops, which reads the clock around each callback.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* The producer of a cancelled task is told to stop. */
static void run_stop(struct promise *p)
{
  lwt_call_fn *stop = (lwt_call_fn *)p->fn;
  void *env = p->env;

  p->flags &= (uint16_t)~F_STOP;
  p->what = lwt__canceled.what;
  p->code = LWT_ECANCELED;
  p->w.source = 0;
  p->refs++;
  stop(env);
  lwt__unref(p);
}

static inline void run(struct waiter *w)
{
  struct promise *p;

  if (unlikely(w->source & WAITER_ENTRY)) {
    lwt__run_entry((struct entry *)w, lwt__source(w));
    return;
  }
  p = lwt__owner(w);
  if (likely(lwt__is_single(p) && p->kind != K_FRAME))
    lwt__run_chain(p, lwt__source(w));
  else if (p->kind == K_FRAME)
    lwt__run_frame((struct frame *)p, lwt__source(w));
  else if (lwt__is_group(p))
    lwt__run_group((struct group *)p);
  else if (p->kind == K_TIMER)
    lwt__run_timer(p);
  else
    run_stop(p);
}

/* ---- Watched ---------------------------------------------------------------- */

static void print_stall(const struct lwt_stall *stall)
{
  fprintf(stderr, "lwt: %s%s%s%s held the loop for %llu.%06llu s%s%s%s%s\n", stall->kind,
          stall->name ? " \"" : "", stall->name ? stall->name : "",
          stall->name ? "\"" : "", (unsigned long long)(stall->duration / 1000000000),
          (unsigned long long)(stall->duration % 1000000000 / 1000),
          stall->where ? ", made at " : "", stall->where ? stall->where : "",
          stall->resumed ? ", resumed at " : "", stall->resumed ? stall->resumed : "");
}

void lwt_stall_limit(uint64_t limit, lwt_stall_fn *report)
{
  lwt__t.stall_limit = limit;
  lwt__t.stall = report;
  lwt__t.watch &= (uint8_t)~WATCH_STALL;
  if (limit)
    lwt__t.watch |= WATCH_STALL;
}

/* The promise may be gone when its callback has run: all is looked up before. */
static void run_watched(struct waiter *w)
{
  struct promise *p = lwt__owner(w);
  struct note *note = lwt__note(p);
  const struct lwt__point *point = p->kind == K_FRAME ? p->env : NULL;
  struct lwt_stall stall = { .kind = lwt__kind_name(p->kind), .where = p->where };
  struct traced traced;
  char name[LWT_NAME_MAX + 1];
  uint64_t begin;

  if (note && note->name)
    stall.name = memcpy(name, note->name, strlen(note->name) + 1);
  if (point && point->label)
    stall.resumed = point->where;
  if (lwt__t.watch & WATCH_TRACE)
    lwt__t.trace->call(&traced, w, &stall);
  else
    traced.p = NULL;
  begin = lwt_now();
  run(w);
  stall.duration = lwt_now() - begin;
  if (traced.p)
    lwt__t.trace->called(&traced);
  if (lwt__t.watch & WATCH_STALL && stall.duration > lwt__t.stall_limit)
    (lwt__t.stall ? lwt__t.stall : print_stall)(&stall);
}

static __attribute__((noinline)) void drain_watched(struct thread *t)
{
  struct waiter *w;

  while ((w = t->ready)) {
    t->ready = w->next;
    run_watched(w);
  }
}

void lwt__drain(void)
{
  struct thread *t = &lwt__t;
  struct storage *storage = t->storage;
  struct waiter *w;

  t->draining = 1;
  t->storage = NULL;
  t->now_turns = 0; /* the program takes its time */
  if (unlikely(t->watch))
    drain_watched(t);
  while ((w = t->ready)) {
    t->ready = w->next;
    run(w);
  }
  t->epoch++;
  t->draining = 0;
  t->storage = storage;
}

/* ---- What the environment says ------------------------------------------------ */

/* Not for programs with more rights than who called them. */
char *secure_getenv(const char *name) __attribute__((weak));

static const char *environment(const char *name)
{
  return secure_getenv ? secure_getenv(name) : getenv(name);
}

/* "10ms", "2s", "500us"; nanoseconds without a unit. */
static uint64_t duration(const char *s)
{
  char *end;
  unsigned long long n = strtoull(s, &end, 10);
  uint64_t unit = !strcmp(end, "s")    ? 1000000000
                  : !strcmp(end, "ms") ? 1000000
                  : !strcmp(end, "us") ? 1000
                                       : 1;

  return n > UINT64_MAX / unit ? UINT64_MAX : n * unit;
}

void lwt__environment(void)
{
  const char *s;

  if (lwt__t.begun)
    return;
  lwt__t.begun = 1;
  if ((s = environment("LWT_DEBUG")) && *s && strcmp(s, "0"))
    lwt_debug(1);
  if ((s = environment("LWT_STALL")) && *s && !lwt__t.stall_limit)
    lwt_stall_limit(duration(s), NULL);
  if ((s = environment("LWT_TRACE")) && *s)
    lwt__trace_environment(s);
}
