/* tls_listen.c - a listener whose connections have done their TLS handshake.
 * SPDX-License-Identifier: ISC
 *
 * A thread accepts from the listener below and leaves each connection to a thread
 * of its own, which puts what comes of it into a channel; the program accepts from
 * that.  So a slow client keeps nobody else waiting, and the channel's capacity and
 * a semaphore bound both.
 */
#include "tls.h"

#include <lwt/channel.h>
#include <lwt/sync.h>
#include <string.h>

enum { DEFAULT_MAX = 64 };
#define ACCEPT_PAUSE LWT_MS(100) /* when descriptors or memory are out */

struct tls_listener {
  struct lwt_listener listener; /* first */
  struct lwt_listener *below;
  struct lwt_tls_config config;
  struct lwt_tls_listen_stats *stats, own_stats;
  struct lwt_channel *ready;
  struct lwt_semaphore places; /* for handshakes */
  lwt_t *accepting;
  lwt_t *open; /* pending until the listener closes */
  struct lwt_resolver close;
  unsigned refs; /* the program's and the handshakes' */
};

static struct tls_listener *listener_of(struct lwt_listener *listener)
{
  return (struct tls_listener *)listener;
}

static void unref(struct tls_listener *l)
{
  if (--l->refs)
    return;
  lwt_channel_free(l->ready);
  lwt_drop(l->open);
  lwt__free(l);
}

/* ---- One connection -------------------------------------------------------- */

struct greeting {
  struct lwt_frame frame;
  struct tls_listener *l;
  struct lwt_flow *flow; /* NULL: somebody else's */
  struct lwt_error error;
  int done;
};

static void greeted(void *greeting)
{
  struct greeting *g = greeting;
  struct tls_listener *l = g->l;

  if (g->flow)
    lwt_flow_abort(g->flow);
  l->stats->failed += !g->done;
  l->stats->under_way--;
  lwt_semaphore_give(&l->places);
  unref(l);
}

static struct lwt_flow *given(struct greeting *g)
{
  struct lwt_flow *flow = g->flow;

  g->flow = NULL;
  return flow;
}

LWT_STEP greet_step(struct lwt_frame *frame)
{
  struct greeting *g = (struct greeting *)frame;
  struct tls_listener *l = g->l;

  lwt_begin(g);
  lwt_defer(g, greeted, g);
  lwt_await_error(g, &g->error, &g->flow,
                  lwt_pick(LWT_PS(LWT_UNTYPED(lwt_tls_accept(given(g), &l->config)),
                                  lwt_ref(l->open))));
  if (g->error.code)
    lwt_finish(g, NULL);
  g->done = 1;
  l->stats->handshakes++;
  /* An error: the listener was closed, and the channel has dropped the flow. */
  lwt_await_error(g, &g->error, lwt_channel_send(l->ready, given(g)));
  lwt_end(g);
}

/* ---- Accepting ------------------------------------------------------------- */

struct accepting {
  struct lwt_frame frame;
  struct tls_listener *l;
  struct lwt_flow *flow;
  struct lwt_error error;
};

static int passes(int code)
{
  return code == LWT_EMFILE || code == LWT_ENOMEM || code == LWT_ENOBUFS;
}

/* However the thread ends, nobody waits for what does not come. */
static void accept_over(void *listener)
{
  struct tls_listener *l = listener;

  lwt_channel_fail(l->ready, LWT_ENOMEM, "tls_accept");
  unref(l);
}

static void accept_lost(void *accepting)
{
  accept_over(((struct accepting *)accepting)->l);
}

LWT_STEP accept_step(struct lwt_frame *frame)
{
  struct accepting *a = (struct accepting *)frame;
  struct tls_listener *l = a->l;
  lwt_t *p;

  lwt_begin(a);
  lwt_defer(a, accept_over, l);
  for (;;) {
    lwt_await(a, lwt_semaphore_take(&l->places));
    lwt_await_error(a, &a->error, &a->flow, lwt_accept(l->below));
    if (!a->error.code) {
      l->stats->accepted++;
      l->stats->under_way++;
      l->refs++;
      p = LWT_GO_OR(struct greeting, greet_step, greeted, .l = l, .flow = a->flow);
      if (lwt_state(p) == LWT_REJECTED)
        lwt_error(p); /* no memory: it was counted */
      lwt_async(p);
      continue;
    }
    lwt_semaphore_give(&l->places);
    if (!passes(a->error.code)) {
      lwt_channel_fail(l->ready, a->error.code, a->error.what);
      lwt_finish(a, NULL);
    }
    lwt_await(a, lwt_sleep(ACCEPT_PAUSE));
  }
  lwt_end(a);
}

/* ---- As a listener --------------------------------------------------------- */

static lwt_flow_p *tls_accept(struct lwt_listener *listener)
{
  return (lwt_flow_p *)lwt_channel_recv(listener_of(listener)->ready);
}

static void tls_close(struct lwt_listener *listener)
{
  struct tls_listener *l = listener_of(listener);
  int held = lwt__hold();

  lwt_error(l->accepting);
  lwt_drop(l->accepting);
  lwt_listener_close(l->below);
  lwt_channel_abort(l->ready, LWT_ECONNABORTED, "tls_accept");
  lwt_reject(&l->close, LWT_ECONNABORTED, "tls_accept");
  lwt_error(l->open);
  unref(l);
  lwt__release(held);
}

static struct lwt_addr tls_local(struct lwt_listener *listener)
{
  struct lwt_listener *below = listener_of(listener)->below;

  return below->ops->local(below);
}

static const struct lwt_listener_ops tls_listener_ops = {
  .accept = tls_accept,
  .close = tls_close,
  .local = tls_local,
};

int lwt_tls_listen(struct lwt_listener *below, const struct lwt_tls_config *config,
                   size_t max, struct lwt_tls_listen_stats *stats,
                   struct lwt_listener **listener)
{
  struct tls_listener *l;
  int held, failed = 1;

  if (!config->random || !config->identity)
    return LWT_EINVAL;
  l = lwt__alloc(sizeof *l);
  if (!l)
    return LWT_ENOMEM;
  memset(l, 0, sizeof *l);
  l->listener.ops = &tls_listener_ops;
  l->below = below;
  l->config = *config;
  l->stats = stats ? stats : &l->own_stats;
  l->places.free = max ? max : DEFAULT_MAX;
  l->refs = 1;
  held = lwt__hold();
  l->ready = lwt_channel_new(l->places.free, lwt_flow_abort);
  l->open = lwt_wait(&l->close);
  if (l->ready && l->close.lwt_private) {
    l->refs++;
    l->accepting = LWT_GO_OR(struct accepting, accept_step, accept_lost, .l = l);
    failed = lwt_state(l->accepting) == LWT_REJECTED;
  }
  if (failed) {
    lwt_reject(&l->close, LWT_ENOMEM, "tls_listen");
    lwt_error(l->open);
    if (l->accepting)
      lwt_error(l->accepting);
    lwt_drop(l->accepting);
    unref(l);
  } else {
    *listener = &l->listener;
  }
  lwt__release(held);
  return failed ? LWT_ENOMEM : 0;
}
