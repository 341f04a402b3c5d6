/* race.c - connect to the first of several addresses that answers.
 * SPDX-License-Identifier: ISC
 *
 * As RFC 8305 ("happy eyeballs") has it: an attempt that has not succeeded after
 * a moment gets company, one that fails is followed at once, and the first to
 * connect stops all others.  The attempts are threads of a scope, so when
 * connect_first() has ended, none of them is left.
 */
#include <lwt.h>
#include <lwt/platform.h>
#include <lwt/scope.h>
#include <lwt/sync.h>

struct race {
  struct lwt_frame frame;
  struct lwt_stack *stack;
  const struct lwt_addr *addr;
  int n;
  struct lwt_condition failed; /* signalled when an attempt has failed */
  struct lwt_flow *flow;       /* of the winner */
  struct lwt_error error;      /* of the last that failed */
};

/* ---- One attempt --------------------------------------------------------- */

struct attempt {
  struct lwt_frame frame;
  struct race *race;
  struct lwt_scope *scope;
  int i;
  struct lwt_flow *flow;
};

LWT_STEP attempt_step(struct lwt_frame *frame)
{
  struct attempt *a = (struct attempt *)frame;
  struct race *race = a->race;
  struct lwt_error error;

  lwt_begin(a);
  lwt_await_error(a, &error, &a->flow,
                  lwt_stack_connect(race->stack, &race->addr[a->i]));
  if (error.code) {
    /* No failure of the scope's: another attempt may do better. */
    race->error = error;
    lwt_condition_signal(&race->failed, NULL);
  } else if (race->flow) {
    lwt_flow_abort(a->flow); /* two at the same time */
  } else {
    race->flow = a->flow;
    lwt_scope_stop(a->scope);
  }
  lwt_end(a);
}

/* ---- All of them ----------------------------------------------------------- */

struct starter {
  struct lwt_frame frame;
  struct race *race;
  struct lwt_scope *scope;
  int i;
};

LWT_STEP starter_step(struct lwt_frame *frame)
{
  struct starter *s = (struct starter *)frame;
  struct lwt_error error;

  lwt_begin(s);
  for (s->i = 0; s->i < s->race->n && !lwt_scope_stopping(s->scope); s->i++) {
    lwt_spawn(s->scope, LWT_GO(struct attempt, attempt_step, .race = s->race,
                               .scope = s->scope, .i = s->i));
    lwt_await_error(s, &error,
                    lwt_pick(LWT_PS(lwt_condition_wait(&s->race->failed, NULL),
                                    lwt_sleep(LWT_MS(250)))));
    if (error.code)
      break; /* stopped */
  }
  lwt_end(s);
}

static lwt_t *start(struct lwt_scope *scope, void *race)
{
  return LWT_GO(struct starter, starter_step, .race = race, .scope = scope);
}

LWT_STEP race_step(struct lwt_frame *frame)
{
  struct race *r = (struct race *)frame;
  struct lwt_error error;

  lwt_begin(r);
  lwt_await_error(r, &error, lwt_scope_until(lwt_now() + LWT_S(30), start, r));
  if (r->flow)
    lwt_finish_owned(r, r->flow, lwt_flow_abort);
  if (error.code == 0)
    error = r->error;
  lwt_throw(r, error.code, error.what);
  lwt_end(r);
}

/* The flow of whoever of addr[0..n-1] answers first.  Borrows stack and addr. */
static lwt_flow_p *connect_first(struct lwt_stack *stack, const struct lwt_addr *addr,
                                 int n)
{
  return (lwt_flow_p *)LWT_GO(struct race, race_step, .stack = stack, .addr = addr,
                              .n = n, .error = { LWT_EINVAL, "no address" });
}

/* ---- A server, and an address where there is none --------------------------- */

struct demo {
  struct lwt_frame frame;
  struct lwt_stack *stack;
  struct lwt_addr addr[2];
  struct lwt_listener *listener;
  struct lwt_flow *flow;
  char text[LWT_ADDR_TEXT];
};

LWT_STEP demo_step(struct lwt_frame *frame)
{
  struct demo *d = (struct demo *)frame;

  lwt_begin(d);
  lwt_defer(d, lwt_stack_close, d->stack);
  if (lwt_stack_listen(d->stack, &d->addr[0], 16, &d->listener))
    lwt_throw(d, LWT_EADDRINUSE, "listen");
  d->addr[0] = d->listener->ops->local(d->listener);
  lwt_listener_close(d->listener); /* from now on, nobody answers there */
  if (lwt_stack_listen(d->stack, &d->addr[1], 16, &d->listener))
    lwt_throw(d, LWT_EADDRINUSE, "listen");
  lwt_defer(d, lwt_listener_close, d->listener);
  d->addr[1] = d->listener->ops->local(d->listener);
  lwt_await(d, &d->flow, connect_first(d->stack, d->addr, 2));
  lwt_defer(d, lwt_flow_abort, d->flow);
  d->addr[0] = lwt_flow_peer(d->flow);
  printf("%s\n", lwt_addr_equal(&d->addr[0], &d->addr[1]) ? "the second one answered"
                                                          : "somebody else answered");
  lwt_end(d);
}

int main(void)
{
  struct lwt_stack *stack;
  struct lwt_addr any;

  lwt_addr_parse(&any, "127.0.0.1"); /* port 0: any free port */
  if (lwt_platform_sockets(&stack))
    return 1;
  return lwt_run(LWT_GO(struct demo, demo_step, .stack = stack,
                        .addr = { any, any })) != 0;
}
