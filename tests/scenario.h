/* tests/scenario.h - the parts of a scenario, and the two sides of a transfer.
 * SPDX-License-Identifier: ISC
 */
#ifndef TESTS_SCENARIO_H
#define TESTS_SCENARIO_H

#include <lwt-net.h>
#include <lwt/engine.h>
#include <stdio.h>
#include <string.h>

#include "seeded.h"

enum { HUBS = 3, HOSTS = 6, FLOWS = 6, CHUNK = 8000, HEADER = 4, TRIES = 40 };

#define USER_TIMEOUT LWT_S(60)
#define IDLE LWT_S(30)
#define INTERVAL LWT_S(5)
#define PROBES 6
/* From the last byte, or the last mischief, until both sides have heard of the end:
 * keep-alives find out, and what waits to be sent has its own limit.  One
 * retransmission timeout more, as that is when the limits are looked at. */
#define HEARD (IDLE + PROBES * INTERVAL + USER_TIMEOUT + LWT_S(60) + LWT_S(30))

struct scenario;

struct host {
  struct scenario *s;
  int hub;
  struct lwt_addr addr;
  struct lwt_netif *port; /* the stack's */
  struct lwt_stack *stack;
  struct lwt_listener *listener;
  unsigned lives; /* times that it came up */
};

struct transfer {
  struct scenario *s;
  unsigned number;
  struct host *host[2]; /* 0: who connects */
  unsigned lives[2];    /* of the hosts when it began there */
  size_t size[2];       /* that side sends */
  size_t received[2];   /* by that side */
  int complete[2], ended[2], accepted;
  struct lwt_error error[2];
  uint64_t begun, progress, over[2];
};

struct scenario {
  uint64_t seed;
  struct lwt_virtual clock;
  int n_hubs, n_hosts, n_transfers;
  struct lwt_net_hub *hub[HUBS];
  struct lwt_net_link link[HUBS];
  struct lwt_stack *router[HUBS - 1];
  struct host host[HOSTS];
  struct transfer transfer[FLOWS];
  uint64_t mischief; /* when there was some last */
  int vanishing;     /* hosts do */
  int corrupting;    /* the hub that may */
  int quiet;         /* all transfers are over: no more mischief */
  unsigned wrong;    /* bytes */
  char failure[160];
};

static void failed(struct scenario *s, const struct transfer *t, const char *what,
                   int code)
{
  if (s->failure[0])
    return;
  if (t)
    snprintf(s->failure, sizeof s->failure, "transfer %u: %s: %s (%d)", t->number, what,
             lwt_strerror(code), code);
  else
    snprintf(s->failure, sizeof s->failure, "%s: %s (%d)", what, lwt_strerror(code),
             code);
}

static struct lwt_addr address(int hub, unsigned host, uint16_t port)
{
  return (struct lwt_addr){
    .family = 4, .ip = { 10, (uint8_t)hub, 0, (uint8_t)host }, .port = port
  };
}

/* ---- One side of a transfer -------------------------------------------------- */

static uint64_t stream(const struct transfer *t, int side)
{
  return mix(t->s->seed) + t->number * 2 + (unsigned)side;
}

struct sender {
  struct lwt_frame frame;
  struct transfer *t;
  struct lwt_flow *flow;
  int side;
  size_t offset, n;
  uint8_t bytes[CHUNK];
};

LWT_STEP send_step(struct lwt_frame *frame)
{
  struct sender *f = (struct sender *)frame;
  struct transfer *t = f->t;

  lwt_begin(f);
  if (!f->side) { /* who we are */
    memset(f->bytes, 0, HEADER);
    f->bytes[0] = (uint8_t)t->number;
    lwt_await(f, lwt_flow_write(f->flow, f->bytes, HEADER));
  }
  while (f->offset < t->size[f->side]) {
    f->n = 1 + rng_size(CHUNK - 1);
    if (f->n > t->size[f->side] - f->offset)
      f->n = t->size[f->side] - f->offset;
    make(f->bytes, stream(t, f->side), f->offset, f->n);
    lwt_await(f, lwt_flow_write(f->flow, f->bytes, f->n));
    f->offset += f->n;
    if (one_in(20))
      lwt_await(f, lwt_sleep(rng_below(LWT_S(3))));
  }
  lwt_await(f, lwt_flow_shutdown(f->flow));
  lwt_end(f);
}

struct receiver {
  struct lwt_frame frame;
  struct transfer *t;
  struct lwt_flow *flow;
  int side;
  size_t n;
  uint8_t bytes[CHUNK];
};

LWT_STEP receive_step(struct lwt_frame *frame)
{
  struct receiver *f = (struct receiver *)frame;
  struct transfer *t = f->t;
  size_t i;

  lwt_begin(f);
  for (;;) {
    lwt_await(f, &f->n, lwt_flow_read(f->flow, f->bytes, 1 + rng_size(CHUNK - 1)));
    if (!f->n)
      break;
    for (i = 0; i < f->n; i++)
      t->s->wrong +=
        f->bytes[i] != byte_at(stream(t, !f->side), t->received[f->side] + i);
    t->received[f->side] += f->n;
    t->progress = lwt_now();
    if (one_in(20))
      lwt_await(f, lwt_sleep(rng_below(LWT_S(3))));
  }
  lwt_end(f);
}

struct side {
  struct lwt_frame frame;
  struct transfer *t;
  struct lwt_flow *flow;
  int side;
  struct lwt_error error;
};

LWT_STEP side_step(struct lwt_frame *frame)
{
  struct side *f = (struct side *)frame;
  struct transfer *t = f->t;
  struct lwt_error error;

  lwt_begin(f);
  lwt_net_tcp_keepalive(f->flow, IDLE, INTERVAL, PROBES);
  lwt_await_error(
    f, &f->error,
    lwt_join(LWT_PS(LWT_GO(struct sender, send_step, .t = t, .flow = f->flow,
                           .side = f->side),
                    LWT_GO(struct receiver, receive_step, .t = t, .flow = f->flow,
                           .side = f->side))));
  t->error[f->side] = f->error;
  if (f->error.code)
    lwt_flow_abort(f->flow);
  else
    lwt_await_error(f, &f->error, lwt_flow_close(f->flow));
  error = f->error;
  if (!t->error[f->side].code)
    t->error[f->side] = error;
  t->complete[f->side] = t->received[f->side] == t->size[!f->side];
  t->ended[f->side] = 1;
  t->over[f->side] = lwt_now();
  lwt_end(f);
}

#endif
