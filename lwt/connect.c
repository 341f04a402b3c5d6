/* connect.c - to a host by its name: several addresses, the first that answers
 * (RFC 8305, "happy eyeballs").
 * SPDX-License-Identifier: ISC
 *
 * Attempts begin one after the other, each when the one before has failed or has not
 * succeeded for a while; none is given up until one has succeeded.  The race outlives
 * its result until the last attempt has noticed that it lost.
 */
#include "memory.h"

#include <lwt/stack.h>
#include <lwt/timeout.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPT_DELAY LWT_MS(250)

struct race {
  struct lwt_stack *stack;
  struct lwt_resolver r;
  struct lwt_timer delay;
  struct lwt_error error; /* of the first attempt that says more than "no route" */
  unsigned refs;          /* attempts, and the result */
  unsigned running;
  uint8_t over;
  size_t n, next;
  lwt_t **attempts;
  struct lwt_addr *addrs; /* in the order of the attempts */
};

struct attempt {
  struct lwt_frame frame;
  struct race *race;
  size_t i;
  struct lwt_error error;
  struct lwt_flow *flow;
};

static void unref(struct race *race)
{
  if (--race->refs)
    return;
  lwt__free(race->addrs);
  lwt__free(race->attempts);
  lwt__free(race);
}

/* No further attempt; those that run are given up. */
static void end(struct race *race)
{
  size_t i;

  race->over = 1;
  lwt_timer_stop(&race->delay);
  for (i = 0; i < race->next; i++) {
    lwt_t *p = race->attempts[i];

    race->attempts[i] = NULL;
    lwt_drop(p);
  }
}

static void begin_next(struct race *race);

static int worth_telling(int code)
{
  return code != LWT_ENETUNREACH && code != LWT_ENOTSUP && code != LWT_EADDRNOTAVAIL;
}

static void failed(struct race *race, struct lwt_error error)
{
  if (!race->error.code ||
      (!worth_telling(race->error.code) && worth_telling(error.code)))
    race->error = error;
  if (race->next < race->n) {
    begin_next(race);
  } else if (!race->running) {
    end(race);
    lwt_reject(&race->r, race->error.code, race->error.what);
    unref(race);
  }
}

static void report(struct race *race, size_t i, struct lwt_error error,
                   struct lwt_flow *flow)
{
  int held = lwt__hold();
  lwt_t *own = race->attempts[i];

  race->attempts[i] = NULL;
  if (own)
    lwt_async(own);
  race->running--;
  if (race->over) {
    if (flow)
      lwt_flow_abort(flow);
  } else if (error.code) {
    failed(race, error);
  } else {
    end(race);
    lwt_fulfill_owned(&race->r, flow, lwt_flow_abort);
    unref(race);
  }
  unref(race);
  lwt__release(held);
}

LWT_STEP attempt_step(struct lwt_frame *frame)
{
  struct attempt *a = (struct attempt *)frame;

  lwt_begin(a);
  lwt_await_error(a, &a->error, &a->flow,
                  lwt_stack_connect(a->race->stack, &a->race->addrs[a->i]));
  report(a->race, a->i, a->error, a->flow);
  lwt_end(a);
}

/* No memory for the frame. */
static void attempt_lost(void *frame)
{
  struct attempt *a = frame;

  report(a->race, a->i, (struct lwt_error){ LWT_ENOMEM, "connect_name" }, NULL);
}

static void begin_next(struct race *race)
{
  size_t i = race->next++;
  lwt_t *p;

  race->refs += 2; /* one while we are here */
  race->running++;
  lwt_timer_stop(&race->delay);
  if (race->next < race->n)
    lwt_timer_start(&race->delay);
  p = LWT_GO_OR(struct attempt, attempt_step, attempt_lost, .race = race, .i = i);
  lwt_error(p); /* seen: it was reported */
  if (lwt_state(p) == LWT_PENDING)
    race->attempts[i] = p;
  else
    lwt_drop(p);
  unref(race);
}

static void time_for_next(void *env)
{
  begin_next(env);
}

static void stop(void *env)
{
  struct race *race = env;

  end(race);
  lwt_abandon(&race->r);
  unref(race);
}

/* Both families in turn, beginning with that of the first address (section 4). */
static void interleave(struct lwt_addr *to, const struct lwt_addr *from, size_t n)
{
  size_t same = 0, other = 0, i;

  for (i = 0; i < n; i++) {
    size_t *k = i % 2 ? &other : &same, *rest = i % 2 ? &same : &other;
    int of_first = !(i % 2);

    while (*k < n && (from[*k].family == from[0].family) != of_first)
      ++*k;
    if (*k == n) {
      k = rest;
      of_first = !of_first;
      while ((from[*k].family == from[0].family) != of_first)
        ++*k;
    }
    to[i] = from[(*k)++];
  }
}

static struct race *race_new(struct lwt_stack *stack, const struct lwt_addrs *addrs)
{
  struct race *race = lwt__alloc(sizeof *race);

  if (!race)
    return NULL;
  memset(race, 0, sizeof *race);
  race->stack = stack;
  race->refs = 1;
  race->n = addrs->n;
  race->attempts = lwt__alloc(addrs->n * sizeof *race->attempts);
  race->addrs = lwt__alloc(addrs->n * sizeof *race->addrs);
  if (!race->attempts || !race->addrs ||
      lwt_timer_init(&race->delay, ATTEMPT_DELAY, time_for_next, race)) {
    unref(race);
    return NULL;
  }
  memset(race->attempts, 0, addrs->n * sizeof *race->attempts);
  interleave(race->addrs, addrs->addr, addrs->n);
  return race;
}

static lwt_flow_p *run(struct lwt_stack *stack, const struct lwt_addrs *addrs)
{
  struct race *race;
  lwt_t *p;
  int held;

  if (!addrs->n)
    return lwt_flow_p_fail(LWT_ENOENT, "connect_name");
  race = race_new(stack, addrs);
  if (!race)
    return lwt_flow_p_fail(LWT_ENOMEM, "connect_name");
  p = lwt_task_op(&race->r, stop, race);
  if (!race->r.lwt_private) {
    unref(race);
    return (lwt_flow_p *)p;
  }
  held = lwt__hold();
  begin_next(race);
  lwt__release(held);
  return (lwt_flow_p *)p;
}

struct connect {
  struct lwt_frame frame;
  struct lwt_stack *stack;
  lwt_addrs_p *resolving;
  struct lwt_addrs *addrs;
};

LWT_STEP connect_step(struct lwt_frame *frame)
{
  struct connect *c = (struct connect *)frame;

  lwt_begin(c);
  lwt_await(c, &c->addrs, c->resolving);
  lwt_defer(c, free, c->addrs);
  lwt_become(c, run(c->stack, c->addrs));
  lwt_end(c);
}

static void connect_lost(void *frame)
{
  lwt_t *p = LWT_UNTYPED(((struct connect *)frame)->resolving);

  lwt_error(p);
  lwt_drop(p);
}

lwt_flow_p *lwt_stack_connect_name(struct lwt_stack *stack, const char *name,
                                   uint16_t port)
{
  return (lwt_flow_p *)LWT_GO_OR(struct connect, connect_step, connect_lost,
                                 .stack = stack,
                                 .resolving = lwt_stack_resolve_all(stack, name, port));
}

/* ---- Addresses of a stack that knows one only ------------------------------------ */

static lwt_t *alone(void *env, void *value)
{
  struct lwt_addr *addr = value;
  struct lwt_addrs *addrs = malloc(sizeof *addrs + sizeof *addr); /* for free() */

  (void)env;
  if (addrs) {
    addrs->n = 1;
    addrs->addr[0] = *addr;
  }
  free(addr);
  return addrs ? lwt_return_owned(addrs, free) : lwt_fail(LWT_ENOMEM, "resolve");
}

lwt_addrs_p *lwt_stack_resolve_all(struct lwt_stack *stack, const char *name,
                                   uint16_t port)
{
  if (stack->ops->resolve_all)
    return stack->ops->resolve_all(stack, name, port);
  return (lwt_addrs_p *)lwt_bind(LWT_UNTYPED(lwt_stack_resolve(stack, name, port)),
                                 alone, NULL);
}
