/* sockets.c - struct lwt_stack over the kernel's sockets.
 * SPDX-License-Identifier: ISC
 *
 * Flows, listeners and endpoints are in tcp.c, listener.c, udp.c.  The kernel's
 * buffers are the only queues: a socket is read when a promise waits for it, so
 * there is nothing here that could overflow, and a cancelled read has taken
 * nothing.
 */
#include "unix.h"

#include <signal.h>
#include <string.h>

/* A write to a closed socket is an error, not a signal: libuv has no way to say
 * so per socket. */
void lwt__ignore_sigpipe(void)
{
  struct sigaction now;

  if (sigaction(SIGPIPE, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
      now.sa_handler == SIG_DFL)
    signal(SIGPIPE, SIG_IGN);
}

/* ---- Close ------------------------------------------------------------- */

static void finish(struct sockets *s)
{
  struct lwt_resolver closed = s->closed;

  lwt__free(s);
  lwt_fulfill(&closed, NULL);
  lwt__unix_kick();
}

void lwt__sockets_left(struct sockets *s)
{
  if (s && --s->members == 0 && s->closing)
    finish(s);
}

/* What the program has not closed is cut off, and stays its to close. */
static lwt_t *stack_close(struct lwt_stack *stack)
{
  struct sockets *s = lwt__sockets(stack);
  struct object *object;
  lwt_t *p;

  if (s->closing)
    return lwt_fail(LWT_EALREADY, "stack_close");
  p = lwt_wait(&s->closed);
  s->closing = 1;
  s->members++;
  for (object = lwt__unix.objects; object; object = object->next)
    if (object->stack == s)
      object->cut(object, 0);
  lwt__sockets_left(s);
  return p;
}

/* ---- The stack --------------------------------------------------------- */

static const struct lwt_stack_ops sockets_ops = {
  .listen = lwt__tcp_listen,
  .connect = lwt__tcp_connect,
  .udp = lwt__udp_open,
  .resolve = lwt__resolve,
  .resolve_all = lwt__resolve_all,
  .close = stack_close,
};

int lwt_platform_sockets(struct lwt_stack **stack)
{
  struct sockets *s;

  if (!lwt__unix_here())
    return LWT_ENOMEM;
  if (!(s = lwt__alloc(sizeof *s)))
    return LWT_ENOMEM;
  memset(s, 0, offsetof(struct sockets, overflow));
  s->stack.ops = &sockets_ops;
  lwt__ignore_sigpipe();
  *stack = &s->stack;
  return 0;
}

const char *lwt_platform_network(void)
{
  return "sockets";
}

void lwt_unix_stats(struct lwt_stack *stack, struct lwt_unix_stats *stats)
{
  const struct sockets *s = lwt__sockets(stack);
  const struct object *object;

  *stats = s->stats;
  for (object = lwt__unix.objects; object; object = object->next)
    if (object->stack == s)
      stats->udp_dropped += lwt__udp_dropped(object);
}
