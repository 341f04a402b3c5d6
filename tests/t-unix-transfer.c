/* t-unix-transfer.c - the kernel's TCP as flows: a lot, and many at once.
 * SPDX-License-Identifier: ISC
 */
#include "unix-flows.h"

#include <uv.h>

/* ---- Against blocking sockets in another thread ------------------------ */

struct peer {
  uv_thread_t thread;
  uint16_t port;
  uint64_t send, receive; /* bytes */
  int linger;             /* do not read before all is sent, then to the end */
  uint64_t received, bad;
  int error;
};

static void peer_main(void *env)
{
  struct peer *p = env;
  uint8_t bytes[65536];
  uint64_t sent = 0;
  size_t part;
  ssize_t n = 1;
  int fd = plain_connect(p->port);

  while (sent < p->send && !p->error) {
    part = p->send - sent < sizeof bytes ? (size_t)(p->send - sent) : sizeof bytes;
    plain_fill(1, sent, bytes, part);
    p->error = plain_write(fd, bytes, part);
    sent += part;
  }
  if (!p->linger)
    shutdown(fd, SHUT_WR);
  while (n > 0 && (p->linger || p->received < p->receive)) {
    n = recv(fd, bytes, sizeof bytes, 0);
    if (n < 0)
      p->error = errno;
    if (n > 0) {
      p->bad += plain_check(2, p->received, bytes, (size_t)n);
      p->received += (uint64_t)n;
    }
  }
  close(fd);
}

static struct lwt_flow *peer_start(struct peer *p)
{
  struct lwt_listener *l = listening("127.0.0.1", 10);
  void *flow = NULL;

  p->port = port_of(l);
  uv_thread_create(&p->thread, peer_main, p);
  is_int(outcome(lwt_accept(l), &flow), 0, "accept");
  lwt_listener_close(l);
  return flow;
}

struct transfer {
  struct lwt_frame frame;
  struct lwt_flow *flow;
  int chains;
  uint64_t left, at, bad;
  uint8_t *bytes;
  struct lwt_buf *chain;
  size_t n;
};
#define PIECE 300000u

LWT_STEP send_step(struct lwt_frame *frame)
{
  struct transfer *t = (struct transfer *)frame;
  struct lwt_buf *slice;

  lwt_begin(t);
  for (; t->left; t->left -= t->n) {
    t->n = t->left < PIECE ? (size_t)t->left : PIECE;
    if (t->chains) {
      t->chain = lwt_buf_chain(100, (uint32_t)t->n);
      for (slice = t->chain; slice; slice = slice->next) {
        plain_fill(2, t->at, slice->data, slice->len);
        t->at += slice->len;
      }
      lwt_await(t, lwt_flow_write_buf(t->flow, t->chain));
    } else {
      plain_fill(2, t->at, t->bytes, t->n);
      t->at += t->n;
      lwt_await(t, lwt_flow_write(t->flow, t->bytes, t->n));
    }
  }
  lwt_await(t, lwt_flow_shutdown(t->flow));
  lwt_end(t);
}

LWT_STEP receive_step(struct lwt_frame *frame)
{
  struct transfer *t = (struct transfer *)frame;
  struct lwt_buf *slice;

  lwt_begin(t);
  for (;;) {
    if (t->chains) {
      lwt_await(t, &t->chain, lwt_flow_read_buf(t->flow, 200000));
      t->n = t->chain ? t->chain->total : 0;
      for (slice = t->chain; slice; slice = slice->next) {
        t->bad += plain_check(1, t->at, slice->data, slice->len);
        t->at += slice->len;
      }
      lwt_buf_free(t->chain);
    } else {
      lwt_await(t, &t->n, lwt_flow_read(t->flow, t->bytes, PIECE));
      t->bad += plain_check(1, t->at, t->bytes, t->n);
      t->at += t->n;
    }
    if (!t->n)
      break;
  }
  lwt_finish(t, t->bad ? (uintptr_t)-1 : (uintptr_t)t->at);
  lwt_end(t);
}

static uint8_t send_bytes[PIECE], receive_bytes[PIECE];

/* total bytes both ways at once. */
static void both_ways(uint64_t total, int chains)
{
  struct peer p = { .send = total, .receive = total };
  struct lwt_flow *flow = peer_start(&p);
  lwt_t *send, *receive;
  void *received = NULL;

  send = LWT_GO(struct transfer, send_step, .flow = flow, .chains = chains, .left = total,
                .bytes = send_bytes);
  receive = LWT_GO(struct transfer, receive_step, .flow = flow, .chains = chains,
                   .bytes = receive_bytes);
  is_int(outcome(receive, &received), 0, "receive");
  ok((uint64_t)(uintptr_t)received == total, "all bytes, none wrong");
  is_int(outcome(send, NULL), 0, "send");
  is_int(closed(flow), 0, "close");
  uv_thread_join(&p.thread);
  ok(p.error == 0 && p.received == total && p.bad == 0, "the peer has all, none wrong");
  is_int(lwt_buf_live(), 0, "no packet left");
}

/* The peer sends what nobody reads and is answered: it must get the answer, and
 * not a reset for what was not read. */
static void close_unread(void)
{
  struct peer p = { .send = 20 << 20, .linger = 1 };
  struct lwt_flow *flow = peer_start(&p);
  uint64_t total = 2 << 20;
  lwt_t *send;

  send = LWT_GO(struct transfer, send_step, .flow = flow, .chains = 1, .left = total);
  lwt_drop(lwt_protected(send));
  is_int(closed(flow), 0, "close while writing, with unread bytes");
  uv_thread_join(&p.thread);
  is_int(p.error, 0, "the peer sees no reset");
  ok(p.received && !p.bad, "and reads what was being written (%d)", (int)p.received);
}

/* ---- Fairness ---------------------------------------------------------- */

struct selfish {
  struct lwt_frame frame;
  struct lwt_flow **f;
  char byte;
  size_t n;
};

/* Always has something to do. */
LWT_STEP selfish_step(struct lwt_frame *frame)
{
  struct selfish *s = (struct selfish *)frame;

  lwt_begin(s);
  for (;;) {
    lwt_await(s, lwt_flow_write(s->f[0], "x", 1));
    lwt_await(s, &s->n, lwt_flow_read(s->f[1], &s->byte, 1));
  }
  lwt_end(s);
}

static void fairness(void)
{
  struct lwt_flow *f[2];
  lwt_t *p;

  connected("127.0.0.1", f);
  p = LWT_GO(struct selfish, selfish_step, .f = f);
  is_int(lwt_run(lwt_sleep(LWT_MS(5))), 0, "a busy connection does not stop the clock");
  is_int(lwt_state(p), LWT_PENDING, "and goes on");
  lwt_drop(p);
  lwt_flow_abort(f[0]);
  lwt_flow_abort(f[1]);
}

/* ---- Many -------------------------------------------------------------- */

#define MANY 300

static void many(void)
{
  struct lwt_listener *l = listening("127.0.0.1", MANY + 2);
  struct lwt_addr addr = l->ops->local(l);
  lwt_t *client[MANY], *server[MANY];
  struct lwt_flow *flow;
  void *value;
  char bytes[4];
  int i, bad = 0;

  for (i = 0; i < MANY; i++)
    client[i] = LWT_UNTYPED(lwt_stack_connect(stack, &addr));
  for (i = 0; i < MANY; i++)
    server[i] = LWT_UNTYPED(lwt_accept(l));
  for (i = 0; i < MANY; i++) {
    bad += outcome(client[i], &value) != 0;
    flow = value;
    bad += put(flow, "abc") != 0;
    lwt_async(lwt_flow_close(flow));
  }
  is_int(bad, 0, "%d connections", MANY);
  for (i = 0; i < MANY; i++) {
    bad += outcome(server[i], &value) != 0;
    flow = value;
    bad += get(flow, bytes, 4) != 3;
    bad += closed(flow) != 0;
  }
  is_int(bad, 0, "served");
  lwt_listener_close(l);
}

int main(void)
{
  is_int(lwt_platform_sockets(&stack), 0, "a stack");
  both_ways(64 << 20, 0);
  both_ways(64 << 20, 1);
  close_unread();
  fairness();
  many();
  is_int(outcome(lwt_stack_close(stack), NULL), 0, "the stack closes");
  lwt_platform_cleanup();
  is_int(lwt_timers(), 0, "no timer left");
  is_int(lwt_live(), 0, "no promise left");
  is_int(lwt_buf_live(), 0, "no packet left");
  return lwt_test_done();
}
