/* net/inside_udp.c - datagrams between the host and the stack inside.
 * SPDX-License-Identifier: ISC
 *
 * The program's endpoint is one of the server stack and one of the host's.  For
 * each address outside that it has to do with, the client stack has an endpoint
 * (a peer), so that datagrams cross our own network both ways:
 *
 *   outside X -> host's endpoint -> X's peer -> server's endpoint -> program
 *   program -> server's endpoint -> X's peer -> host's endpoint -> X
 *
 * The program sees X as the sender and sends to X.  A peer goes when it was
 * idle for IDLE; there are at most MAX_PEERS, then the one that was idle
 * longest goes.
 */
#include "inside.h"

#include <string.h>

#define MAX_PEERS 256
#define IDLE LWT_S(60)

struct inside_udp {
  struct lwt_udp udp;
  struct net_inside *in; /* counted */
  struct inside_udp *next, **link;
  struct lwt_udp *server, *host; /* NULL: detached */
  struct lwt_addr server_addr, host_addr;
  struct peer *peers;
  unsigned n_peers;
  lwt_t *pump;
  struct lwt_resolver end;
  unsigned refs; /* the program and the threads */
};

/* One address outside. */
struct peer {
  struct peer *next, **link;
  struct lwt_addr outside, inside; /* inside: its address in the client stack */
  struct lwt_udp *udp;             /* NULL: closed, its thread will end */
  uint64_t used;
};

static void udp_unref(struct inside_udp *u)
{
  if (--u->refs)
    return;
  net_inside_unref(u->in);
  lwt__free(u);
}

/* A datagram's payload in one piece; in *copy if it had to be copied. */
static const void *flat(const struct lwt_datagram *d, void **copy)
{
  *copy = NULL;
  if (!d->packet)
    return "";
  if (!d->packet->next)
    return d->packet->data;
  *copy = lwt__alloc(d->packet->total);
  if (*copy)
    lwt_buf_copy_out(d->packet, 0, *copy, d->packet->total);
  return *copy;
}

static size_t length(const struct lwt_datagram *d)
{
  return d->packet ? d->packet->total : 0;
}

/* ---- Peers ------------------------------------------------------------- */

/* Its thread frees it. */
static void peer_close(struct inside_udp *u, struct peer *p)
{
  *p->link = p->next;
  if (p->next)
    p->next->link = p->link;
  u->n_peers--;
  lwt_udp_close(p->udp);
  p->udp = NULL;
}

/* A thread that carries one datagram after the other: from a peer's endpoint to
 * the outside, or (peer NULL) from the host's endpoint to the peers'. */
struct pump {
  struct lwt_frame frame;
  struct inside_udp *u;
  struct peer *peer;
  struct lwt_datagram *d;
  void *copy;
  struct lwt_error error;
};

static void pump_done(struct pump *p)
{
  lwt__free(p->copy);
  lwt_datagram_free(p->d);
}

LWT_STEP peer_step(struct lwt_frame *frame)
{
  struct pump *p = (struct pump *)frame;
  const void *bytes;

  lwt_begin(p);
  p->u->refs++;
  while (p->peer->udp) {
    lwt_await_error(p, &p->error, &p->d,
                    (lwt_datagram_p *)lwt_with_timeout(
                      IDLE, LWT_UNTYPED(lwt_udp_receive(p->peer->udp))));
    if (!p->peer->udp) {
      if (!p->error.code)
        lwt_datagram_free(p->d);
      break;
    }
    if (p->error.code == LWT_ETIMEDOUT && lwt_now() - p->peer->used < IDLE)
      continue;
    if (p->error.code) {
      peer_close(p->u, p->peer);
      break;
    }
    p->peer->used = lwt_now();
    bytes = flat(p->d, &p->copy);
    if (bytes)
      lwt_await_error(p, &p->error,
                      lwt_udp_send(p->u->host, &p->peer->outside, bytes, length(p->d)));
    pump_done(p);
  }
  lwt__free(p->peer);
  udp_unref(p->u);
  lwt_end(p);
}

static struct peer *idlest(struct inside_udp *u)
{
  struct peer *p, *found = u->peers;

  for (p = u->peers; p; p = p->next)
    if (p->used < found->used)
      found = p;
  return found;
}

static struct peer *peer_new(struct inside_udp *u, const struct lwt_addr *outside)
{
  struct lwt_addr any = u->in->client_addr;
  struct peer *p;

  if (u->n_peers >= MAX_PEERS)
    peer_close(u, idlest(u));
  p = lwt__alloc(sizeof *p);
  if (!p)
    return NULL;
  memset(p, 0, sizeof *p);
  if (lwt_stack_udp(u->in->client, &any, &p->udp)) {
    lwt__free(p);
    return NULL;
  }
  p->outside = *outside;
  p->inside = p->udp->ops->local(p->udp);
  p->used = lwt_now();
  p->link = &u->peers;
  p->next = u->peers;
  if (p->next)
    p->next->link = &p->next;
  u->peers = p;
  u->n_peers++;
  return p;
}

static void peer_lost(void *frame)
{
  struct pump *p = frame;

  peer_close(p->u, p->peer);
  lwt__free(p->peer);
}

/* The peer for an address outside; NULL when memory is out. */
static struct peer *peer_of(struct inside_udp *u, const struct lwt_addr *outside)
{
  struct peer *p;
  lwt_t *thread;

  for (p = u->peers; p; p = p->next)
    if (lwt_addr_equal(&p->outside, outside)) {
      p->used = lwt_now();
      return p;
    }
  p = peer_new(u, outside);
  if (!p)
    return NULL;
  thread = LWT_GO_OR(struct pump, peer_step, peer_lost, .u = u, .peer = p);
  if (lwt_state(thread) != LWT_PENDING) { /* no memory: the peer is gone again */
    lwt_error(thread);
    lwt_drop(thread);
    return NULL;
  }
  lwt_async(thread);
  return p;
}

/* ---- From the host ----------------------------------------------------- */

/* Ends when the endpoint is detached, and not before: it is what keeps the
 * struct until the callbacks that were queued by then have run. */
LWT_STEP host_step(struct lwt_frame *frame)
{
  struct pump *p = (struct pump *)frame;
  struct peer *peer;
  const void *bytes;

  lwt_begin(p);
  p->u->refs++;
  while (p->u->host) {
    lwt_await_error(p, &p->error, &p->d, lwt_udp_receive(p->u->host));
    if (p->error.code == LWT_ECONNABORTED || p->error.code == LWT_ENOMEM) {
      if (p->u->host)
        lwt_await_error(p, &p->error, lwt_task(&p->u->end));
      break;
    }
    if (p->error.code) { /* what ICMP said about an earlier datagram */
      lwt_await_error(p, &p->error, lwt_sleep(LWT_MS(1)));
      continue;
    }
    peer = p->u->host ? peer_of(p->u, &p->d->from) : NULL;
    bytes = peer ? flat(p->d, &p->copy) : NULL;
    if (bytes)
      lwt_await_error(p, &p->error,
                      lwt_udp_send(peer->udp, &p->u->server_addr, bytes, length(p->d)));
    pump_done(p);
    p->copy = NULL;
  }
  udp_unref(p->u);
  lwt_end(p);
}

/* ---- The program's endpoint -------------------------------------------- */

/* A peer's address becomes the one outside. */
static lwt_t *translate(void *env, void *value)
{
  struct inside_udp *u = env;
  struct lwt_datagram *d = value;
  struct peer *p;

  for (p = u->peers; p; p = p->next)
    if (lwt_addr_equal(&p->inside, &d->from))
      d->from = p->outside;
  d->to = u->host_addr;
  return lwt_return_owned(d, lwt_datagram_free);
}

static lwt_datagram_p *udp_receive(struct lwt_udp *udp)
{
  struct inside_udp *u = (struct inside_udp *)udp;

  if (!u->server)
    return lwt_datagram_p_fail(LWT_ECONNABORTED, "udp_receive");
  return (lwt_datagram_p *)lwt_bind(LWT_UNTYPED(lwt_udp_receive(u->server)),
                                    translate, u);
}

static lwt_t *udp_send(struct lwt_udp *udp, const struct lwt_addr *to,
                       const void *bytes, size_t len)
{
  struct inside_udp *u = (struct inside_udp *)udp;
  struct peer *p;

  if (!u->server)
    return lwt_fail(LWT_ECONNABORTED, "udp_send");
  if (net_inside_has(u->in, to))
    return lwt_udp_send(u->server, to, bytes, len);
  p = peer_of(u, to);
  return p ? lwt_udp_send(u->server, &p->inside, bytes, len)
           : lwt_fail(LWT_ENOMEM, "udp_send");
}

static void detach(struct inside_udp *u)
{
  *u->link = u->next;
  if (u->next)
    u->next->link = u->link;
  lwt_udp_close(u->server);
  lwt_udp_close(u->host);
  u->server = u->host = NULL;
  while (u->peers)
    peer_close(u, u->peers);
  lwt_fulfill(&u->end, NULL);
  lwt_drop(u->pump);
}

static void udp_close(struct lwt_udp *udp)
{
  struct inside_udp *u = (struct inside_udp *)udp;
  int held = lwt__hold();

  if (u->server)
    detach(u);
  udp_unref(u);
  lwt__release(held);
}

static struct lwt_addr udp_local(struct lwt_udp *udp)
{
  return ((struct inside_udp *)udp)->host_addr;
}

static const struct lwt_udp_ops udp_ops = {
  .receive = udp_receive, .send = udp_send, .close = udp_close, .local = udp_local
};

void net_inside_udp_detach_all(struct net_inside *in)
{
  while (in->udps)
    detach(in->udps);
}

static int open_both(struct net_inside *in, uint16_t port, struct inside_udp *u)
{
  struct lwt_addr at = { .family = in->addr.family, .port = port };
  struct lwt_addr host = net_inside_host(in, port);
  int error = lwt_stack_udp(in->server, &at, &u->server);

  if (error)
    return error;
  u->server_addr = in->addr;
  u->server_addr.port = u->server->ops->local(u->server).port;
  error = lwt_stack_udp(in->outer, &host, &u->host);
  if (error)
    lwt_udp_close(u->server);
  else
    u->host_addr = u->host->ops->local(u->host);
  return error;
}

int net_inside_udp(struct lwt_stack *stack, const struct lwt_addr *addr,
                   struct lwt_udp **udp)
{
  struct net_inside *in = (struct net_inside *)stack;
  struct inside_udp *u;
  int error;

  if (in->closing)
    return LWT_ENETDOWN;
  u = lwt__alloc(sizeof *u);
  if (!u)
    return LWT_ENOMEM;
  memset(u, 0, sizeof *u);
  u->udp.ops = &udp_ops;
  u->in = in;
  u->refs = 1;
  error = open_both(in, addr->port, u);
  if (!error) {
    u->pump = LWT_GO(struct pump, host_step, .u = u);
    error = lwt_error(u->pump).code;
    if (error) {
      lwt_drop(u->pump);
      lwt_udp_close(u->server);
      lwt_udp_close(u->host);
    }
  }
  if (error) {
    lwt__free(u);
    return error;
  }
  in->refs++;
  u->link = &in->udps;
  u->next = in->udps;
  if (u->next)
    u->next->link = &u->next;
  in->udps = u;
  *udp = &u->udp;
  return 0;
}
