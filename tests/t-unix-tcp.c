/* t-unix-tcp.c - the kernel's TCP as flows: rules of lwt/flow.h, one by one.
 * SPDX-License-Identifier: ISC
 */
#include "unix-flows.h"

/* ---- The ordinary life ------------------------------------------------- */

static void talk(const char *text)
{
  struct lwt_flow *f[2];
  struct lwt_buf *chain;
  struct lwt_addr a, b;
  char bytes[16];
  void *value = NULL;
  lwt_t *close;

  connected(text, f);
  a = lwt_flow_local(f[0]);
  b = lwt_flow_peer(f[1]);
  ok(a.port && lwt_addr_equal(&a, &b), "both ends agree on the client's address");
  a = lwt_flow_peer(f[0]);
  b = lwt_flow_local(f[1]);
  ok(a.port && lwt_addr_equal(&a, &b), "and on the server's");

  is_int(put(f[0], "hello"), 0, "write");
  is_int(get(f[1], bytes, 3), 3, "read a part");
  ok(!memcmp(bytes, "hel", 3), "which is the first");
  is_int(get(f[1], bytes, 16), 2, "read the rest");
  is_str(bytes, "lo", "which is the rest");

  is_int(outcome(lwt_flow_write_buf(f[1], lwt_buf_copy_in(9, "page", 4)), NULL), 0,
         "write a chain");
  is_int(outcome(lwt_flow_read_buf(f[0], 100), &value), 0, "read a chain");
  chain = value;
  ok(chain && chain->total == 4 && !memcmp(chain->data, "page", 4), "with its bytes");
  lwt_buf_free(chain);

  is_int(outcome(lwt_flow_shutdown(f[0]), NULL), 0, "shutdown");
  is_int(outcome(lwt_flow_shutdown(f[0]), NULL), 0, "a second has no effect");
  is_int(get(f[1], bytes, 16), 0, "the peer reads to the end");
  is_int(get(f[1], bytes, 16), 0, "and finds it again");
  is_int(outcome(lwt_flow_read_buf(f[1], 16), &value), 0, "also by chains");
  ok(value == NULL, "which are NULL");
  is_int(put(f[0], "x"), LWT_EPIPE, "no write after shutdown");
  is_int(put(f[1], "back"), 0, "the other direction is open");
  is_int(get(f[0], bytes, 16), 4, "and read");

  close = lwt_flow_close(f[0]);
  is_int(closed(f[1]), 0, "close");
  is_int(outcome(close, NULL), 0, "both ends");
}

static void limits(void)
{
  struct lwt_flow *f[2];
  char bytes[16], big[1];
  void *value = NULL;
  lwt_size_p *read;
  lwt_t *close;

  connected("127.0.0.1", f);
  is_int(outcome(lwt_flow_read(f[0], bytes, 0), NULL), LWT_EINVAL, "read nothing");
  is_int(outcome(lwt_flow_read_buf(f[0], 0), NULL), LWT_EINVAL, "a chain of nothing");
  is_int(outcome(lwt_flow_write(f[0], big, 0), NULL), 0, "write nothing");
  is_int(outcome(lwt_flow_write_buf(f[0], NULL), NULL), 0, "an empty chain");
  read = lwt_flow_read(f[0], bytes, 16);
  is_int(outcome(lwt_flow_read(f[0], bytes, 16), NULL), LWT_EBUSY, "one read at a time");
  is_int(outcome(lwt_flow_read_buf(f[0], 16), NULL), LWT_EBUSY, "of either kind");
  is_int(put(f[1], "abc"), 0, "write");
  is_int(outcome(read, &value), 0, "the first read");
  is_int((intptr_t)value, 3, "gets it");
  read = lwt_flow_read(f[0], bytes, 16);
  close = lwt_flow_close(f[0]);
  is_int(outcome(read, NULL), LWT_ECONNABORTED, "close rejects a pending read");
  is_int(get(f[1], bytes, 16), 0, "the peer sees the end");
  is_int(closed(f[1]), 0, "close");
  is_int(outcome(close, NULL), 0, "both");
}

/* ---- Cancel ------------------------------------------------------------ */

static void cancel_reads(void)
{
  struct lwt_flow *f[2];
  char bytes[16], other[16];
  lwt_size_p *read;
  void *value = NULL;
  lwt_t *close;

  connected("127.0.0.1", f);
  read = lwt_flow_read(f[0], bytes, 16);
  lwt_cancel(LWT_UNTYPED(read));
  is_int(outcome(read, NULL), LWT_ECANCELED, "a cancelled read");
  is_int(put(f[1], "abc"), 0, "then bytes come");
  is_int(get(f[0], bytes, 16), 3, "for the next read");

  read = lwt_flow_read(f[0], bytes, 16);
  is_int(put(f[1], "defg"), 0, "bytes are in the kernel");
  lwt_drop(LWT_UNTYPED(read));
  is_int(get(f[0], other, 16), 4, "when the read is dropped: they are there");
  is_str(other, "defg", "all");

  lwt_drop(LWT_UNTYPED(lwt_flow_read(f[0], bytes, 16)));
  is_int(put(f[1], "hij"), 0, "bytes that nobody waits for");
  look();
  read = lwt_flow_read(f[0], bytes, 2);
  is_int(lwt_state(LWT_UNTYPED(read)), LWT_FULFILLED, "are read without waiting");
  is_int(outcome(read, &value), 0, "in parts");
  is_int(get(f[0], bytes, 16), 1, "to the last");

  read = lwt_flow_read(f[0], bytes, 16);
  lwt_drop(LWT_UNTYPED(read));
  read = lwt_flow_read(f[0], other, 16);
  is_int(put(f[1], "k"), 0, "cancelled and asked again");
  is_int(outcome(read, NULL), 0, "in one turn");
  ok(other[0] == 'k', "the second gets it");
  close = lwt_flow_close(f[0]);
  is_int(closed(f[1]), 0, "close");
  is_int(outcome(close, NULL), 0, "both");
}

/* A listener that accepts nothing: at some time connects hang. */
static void cancel_connect(void)
{
  uint16_t port = 0;
  int fd = plain_bind(SOCK_STREAM, 0, &port), i, n = 0;
  struct lwt_addr addr = address("127.0.0.1", port);
  lwt_t *pending[8], *p;

  for (i = 0; i < 8; i++)
    pending[n++] = LWT_UNTYPED(lwt_stack_connect(stack, &addr));
  look();
  for (i = n = 0; i < 8; i++)
    n += lwt_state(pending[i]) == LWT_PENDING;
  ok(n >= 4, "connects hang (%d)", n);
  for (i = 0; i < 8; i++) {
    p = lwt_ref(pending[i]);
    lwt_cancel(p);
    lwt_drop(p);
  }
  for (i = n = 0; i < 8; i++) {
    n += lwt_error(pending[i]).code == LWT_ECANCELED;
    lwt_drop(pending[i]);
  }
  ok(n >= 4, "and are cancelled");
  close(fd);
  p = LWT_UNTYPED(lwt_stack_connect(stack, &addr));
  is_int(outcome(p, NULL), LWT_ECONNREFUSED, "nobody listens any more");
}

static void cancel_accept(void)
{
  struct lwt_listener *l = listening("127.0.0.1", 10);
  lwt_flow_p *a = lwt_accept(l), *b = lwt_accept(l), *c = lwt_accept(l);
  struct lwt_addr addr = l->ops->local(l);
  void *client = NULL, *server = NULL;

  lwt_drop(LWT_UNTYPED(a));
  is_int(outcome(lwt_stack_connect(stack, &addr), &client), 0, "connect");
  is_int(outcome(b, &server), 0, "the second accept gets what the first gave up");
  lwt_listener_close(l);
  is_int(outcome(c, NULL), LWT_ECONNABORTED, "the listener's close rejects the third");
  lwt_flow_abort(client);
  lwt_flow_abort(server);
}

/* In a callback, a cancelled promise's producer has not stopped yet. */
struct ending {
  struct lwt_listener *l;
  struct lwt_flow **f;
  lwt_t *accept, *read, *write;
};

static lwt_t *end_all(void *env, void *value)
{
  struct ending *e = env;

  (void)value;
  lwt_drop(e->accept);
  lwt_drop(e->read);
  lwt_drop(e->write);
  lwt_listener_close(e->l);
  lwt_flow_abort(e->f[0]);
  return lwt_flow_close(e->f[1]);
}

static char ocean[8 << 20];

static void cancel_in_callback(void)
{
  struct lwt_flow *f[2];
  struct ending e = { listening("127.0.0.1", 10), f, NULL, NULL, NULL };
  char bytes[4];

  connected("127.0.0.1", f);
  e.accept = LWT_UNTYPED(lwt_accept(e.l));
  e.read = LWT_UNTYPED(lwt_flow_read(f[0], bytes, 4));
  e.write = lwt_flow_write(f[1], ocean, sizeof ocean);
  ok(outcome(lwt_bind(lwt_pause(), end_all, &e), NULL) < 0, "all at once, in a callback");
}

/* Connections that nobody receives do not stay open. */
static void unreceived(void)
{
  struct lwt_listener *l = listening("127.0.0.1", 10);
  struct lwt_addr addr = l->ops->local(l);
  char bytes[4];
  int fd;

  fd = plain_connect(addr.port);
  look();
  lwt_drop(LWT_UNTYPED(lwt_accept(l)));
  ok(recv(fd, bytes, 4, 0) <= 0, "accepted and dropped: the peer sees it closed");
  close(fd);
  fd = plain_connect(addr.port);
  lwt_listener_close(l);
  look();
  ok(recv(fd, bytes, 4, 0) <= 0, "never accepted: closed with the listener");
  close(fd);
}

static void cancel_write(void)
{
  struct lwt_flow *f[2];
  lwt_t *write;
  lwt_size_p *read;
  char bytes[4];

  connected("127.0.0.1", f);
  read = lwt_flow_read(f[0], bytes, 4);
  write = lwt_flow_write(f[0], ocean, sizeof ocean);
  is_int(lwt_state(write), LWT_PENDING, "a write that waits for the peer");
  is_int(put(f[0], "x"), LWT_EBUSY, "one at a time");
  lwt_cancel(write);
  is_int(outcome(write, NULL), LWT_ECANCELED, "is cancelled");
  is_int(outcome(read, NULL), LWT_ECONNABORTED, "that ends the flow");
  is_int(put(f[0], "x"), LWT_ECONNABORTED, "for later operations, too");
  is_int(closed(f[0]), LWT_ECONNABORTED, "and for close");
  lwt_flow_abort(f[1]);

  connected("127.0.0.1", f);
  write = lwt_flow_write_buf(f[0], lwt_buf_copy_in(0, ocean, sizeof ocean));
  is_int(lwt_state(write), LWT_PENDING, "a chain that waits");
  lwt_drop(write);
  look();
  is_int(lwt_buf_live(), 0, "is freed when it is dropped");
  is_int(closed(f[0]), LWT_ECONNABORTED, "closed long after");
  lwt_flow_abort(f[1]);
}

/* ---- Ends of all kinds ------------------------------------------------- */

static void resets(void)
{
  struct lwt_flow *f[2];
  char bytes[4];
  lwt_size_p *read;
  lwt_t *write;
  int i, error;

  connected("127.0.0.1", f);
  read = lwt_flow_read(f[0], bytes, 4);
  lwt_flow_abort(f[0]);
  is_int(outcome(read, NULL), LWT_ECONNABORTED, "abort rejects a pending read");
  is_int(get(f[1], bytes, 4), LWT_ECONNRESET, "the peer's read is reset");
  is_int(get(f[1], bytes, 4), LWT_ECONNRESET, "and the next");
  for (error = i = 0; i < 3 && !error; i++)
    error = put(f[1], "x");
  ok(error == LWT_ECONNRESET || error == LWT_EPIPE, "its write is an error, no signal");
  ok(closed(f[1]) < 0, "its close says that not all arrived");

  connected("127.0.0.1", f);
  write = lwt_flow_write(f[0], ocean, sizeof ocean);
  lwt_flow_abort(f[1]);
  error = outcome(write, NULL);
  ok(error == LWT_ECONNRESET || error == LWT_EPIPE, "a pending write is reset");
  lwt_flow_abort(f[0]);

  connected("127.0.0.1", f);
  write = lwt_flow_write(f[0], ocean, sizeof ocean);
  lwt_flow_abort(f[0]);
  is_int(outcome(write, NULL), LWT_ECONNABORTED, "abort rejects a pending write");
  lwt_flow_abort(f[1]);
}

static void reset_by_peer(void)
{
  struct lwt_listener *l = listening("127.0.0.1", 10);
  int fd = plain_connect(port_of(l));
  void *flow = NULL;
  char bytes[4];
  lwt_size_p *read;

  is_int(outcome(lwt_accept(l), &flow), 0, "accept");
  read = lwt_flow_read(flow, bytes, 4);
  plain_reset(fd);
  is_int(outcome(read, NULL), LWT_ECONNRESET, "a reset by the peer");
  is_int(closed(flow), LWT_ECONNRESET, "close says the same");

  fd = plain_connect(port_of(l));
  is_int(outcome(lwt_accept(l), &flow), 0, "accept");
  plain_reset(fd);
  ok(closed(flow) <= 0, "a reset that nobody saw before the close");
  lwt_listener_close(l);
}

/* Nobody accepts: the kernel keeps at most the backlog. */
static void backlog(void)
{
  struct lwt_listener *l = listening("127.0.0.1", 5);
  struct lwt_addr addr = l->ops->local(l);
  lwt_t *client[20], *accepted;
  void *value;
  int i, n = 0;

  for (i = 0; i < 20; i++)
    client[i] = LWT_UNTYPED(lwt_stack_connect(stack, &addr));
  look();
  for (i = 0; i < 20; i++) {
    accepted = LWT_UNTYPED(lwt_accept(l));
    if (lwt_state(accepted) == LWT_PENDING) {
      look();
      if (lwt_state(accepted) == LWT_PENDING) {
        lwt_drop(accepted);
        break;
      }
    }
    n++;
    if (outcome(accepted, &value) == 0)
      lwt_flow_abort(value);
  }
  ok(n >= 1 && n <= 5, "a backlog of 5 holds at most 5 (%d)", n);
  for (i = 0; i < 20; i++)
    lwt_drop(client[i]);
  lwt_listener_close(l);
}

/* ---- Errors and the stack's end ---------------------------------------- */

static void errors(void)
{
  struct lwt_listener *l = listening("127.0.0.1", 1), *m = NULL;
  struct lwt_addr addr = l->ops->local(l), none = { .family = 0 };

  is_int(lwt_stack_listen(stack, &addr, 1, &m), LWT_EADDRINUSE, "a port in use");
  addr = address("203.0.113.1", 0);
  is_int(lwt_stack_listen(stack, &addr, 1, &m), LWT_EADDRNOTAVAIL, "an address not ours");
  is_int(lwt_stack_listen(stack, &none, 1, &m), LWT_ENOTSUP, "no family");
  is_int(outcome(lwt_stack_connect(stack, &none), NULL), LWT_ENOTSUP, "nor to connect");
  addr = address("255.255.255.255", 80);
  ok(outcome(lwt_stack_connect(stack, &addr), NULL) < 0, "a broadcast is no peer");
  lwt_listener_close(l);
}

/* The stack is closed under everything; owners close afterwards. */
static void stack_end(void)
{
  struct lwt_listener *l = listening("127.0.0.1", 1);
  struct lwt_addr addr = l->ops->local(l);
  struct lwt_flow *f[2];
  lwt_flow_p *accept = lwt_accept(l);
  lwt_size_p *read;
  lwt_t *closing, *close;
  char bytes[4];

  connected("127.0.0.1", f);
  read = lwt_flow_read(f[0], bytes, 4);
  closing = lwt_stack_close(stack);
  is_int(lwt_error(LWT_UNTYPED(read)).code, LWT_ECONNABORTED, "reads are rejected");
  lwt_drop(LWT_UNTYPED(read));
  is_int(outcome(accept, NULL), LWT_ECONNABORTED, "and accepts");
  close = lwt_flow_close(f[0]);
  is_int(outcome(closing, NULL), 0, "the stack closes");
  ok(outcome(close, NULL) < 0, "a flow closed meanwhile");
  is_int(put(f[1], "x"), LWT_ECONNABORTED, "one that was left");
  is_int(lwt_flow_peer(f[1]).family, 0, "has no name");
  ok(closed(f[1]) < 0, "and is closed now");
  is_int(outcome(lwt_accept(l), NULL), LWT_ECONNABORTED, "a listener that was left");
  is_int(l->ops->local(l).family, 0, "has no name");
  lwt_listener_close(l);

  is_int(lwt_platform_sockets(&stack), 0, "a new stack");
  is_int(outcome(lwt_stack_connect(stack, &addr), NULL), LWT_ECONNREFUSED, "all closed");
  is_int(outcome(lwt_stack_close(stack), NULL), 0, "an idle stack closes");
}

int main(void)
{
  is_int(lwt_platform_sockets(&stack), 0, "a stack");
  talk("127.0.0.1");
  talk("::1");
  limits();
  cancel_reads();
  cancel_connect();
  cancel_accept();
  cancel_in_callback();
  unreceived();
  cancel_write();
  resets();
  reset_by_peer();
  backlog();
  errors();
  stack_end();
  lwt_platform_cleanup();
  is_int(lwt_timers(), 0, "no timer left");
  is_int(lwt_live(), 0, "no promise left");
  is_int(lwt_buf_live(), 0, "no packet left");
  return lwt_test_done();
}
