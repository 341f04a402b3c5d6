/* t-pipe.c - the flow contract on pipes, and splice.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt/engine.h>
#include <lwt/flow.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

static struct lwt_virtual virtual;
static uint8_t pattern[200000];

static void check_end(void)
{
  while (lwt_run_ready() != LWT_NEVER)
    ;
  if (!is_int(lwt_live(), 0, "no promise lives"))
    lwt_dump(stdout);
  is_int(lwt_buf_live(), 0, "no packet lives");
}

/* p is settled with this code; a value of a read is compared. */
static void settled(void *promise, int code, intptr_t value, const char *what)
{
  lwt_t *p = promise;

  ok(lwt_state(p) != LWT_PENDING && lwt_error(p).code == code &&
       (code || (intptr_t)lwt_value(p) == value),
     "%s", what);
  lwt_drop(p);
}

static void test_read_write(void)
{
  struct lwt_flow *e[2];
  char a[10] = "", b[10];
  lwt_size_p *r;
  lwt_t *w;

  lwt_pipe(e, 4);
  settled(lwt_flow_write(e[0], "ab", 2), 0, 0, "a write that fits");
  w = lwt_flow_write(e[0], "cdefg", 5);
  is_int(lwt_state(w), LWT_PENDING, "one that does not waits");
  settled(lwt_flow_write(e[0], "x", 1), LWT_EBUSY, 0, "a second is refused");
  settled(lwt_flow_shutdown(e[0]), LWT_EBUSY, 0, "and so is a shutdown");
  settled(lwt_flow_read(e[1], a, 3), 0, 3, "a short read");
  ok(!memcmp(a, "abc", 3), "in order");
  settled(lwt_flow_read(e[1], a, 10), 0, 4, "the rest");
  ok(!memcmp(a, "defg", 4), "in order");
  settled(w, 0, 0, "the write is through");
  r = lwt_flow_read(e[1], a, 10);
  is_int(lwt_state(LWT_UNTYPED(r)), LWT_PENDING, "a read waits");
  settled(lwt_flow_read(e[1], b, 10), LWT_EBUSY, 0, "a second is refused");
  settled(lwt_flow_write(e[0], "hello", 5), 0, 0, "a write wakes it");
  settled(r, 0, 4, "with what fits");
  settled(lwt_flow_read(e[1], b, 10), 0, 1, "and the rest");
  settled(lwt_flow_write(e[0], "", 0), 0, 0, "nothing to write");
  settled(lwt_flow_read(e[1], b, 0), LWT_EINVAL, 0, "nothing to read");
  settled(lwt_flow_write(e[1], "back", 4), 0, 0, "the other way");
  settled(lwt_flow_read(e[0], b, 10), 0, 4, "is another half");
  ok(lwt_flow_peer(e[0]).family == 0 && lwt_flow_local(e[0]).family == 0, "no address");
  lwt_flow_abort(e[0]);
  lwt_flow_abort(e[1]);
  check_end();
}

static void test_cancel(void)
{
  struct lwt_flow *e[2];
  char a[10] = "", b[10] = "";
  lwt_t *w;

  lwt_pipe(e, 4);
  lwt_drop(LWT_UNTYPED(lwt_flow_read(e[1], a, 10)));
  settled(lwt_flow_write(e[0], "ab", 2), 0, 0, "after a cancelled read");
  settled(lwt_flow_read(e[1], b, 10), 0, 2, "no byte is lost");
  ok(!a[0] && !memcmp(b, "ab", 2), "nor written where nobody looks");
  w = lwt_flow_write(e[0], "abcdefgh", 8);
  lwt_drop(w);
  settled(lwt_flow_read(e[1], b, 10), 0, 4, "what a cancelled write had sent");
  settled(lwt_flow_write(e[0], "xy", 2), 0, 0, "another write");
  settled(lwt_flow_read(e[1], b, 10), 0, 2, "sends nothing of the old one");
  lwt_flow_abort(e[0]);
  lwt_flow_abort(e[1]);
  check_end();
}

static void test_end(void)
{
  struct lwt_flow *e[2];
  lwt_size_p *r;
  lwt_buf_p *rb;
  char a[10];
  lwt_t *c;

  lwt_pipe(e, 100);
  lwt_drop(lwt_flow_write(e[0], "bye", 3));
  settled(lwt_flow_shutdown(e[0]), 0, 0, "shutdown");
  settled(lwt_flow_write(e[0], "x", 1), LWT_EPIPE, 0, "no more writes");
  settled(lwt_flow_read(e[1], a, 10), 0, 3, "what was sent is read");
  settled(lwt_flow_read(e[1], a, 10), 0, 0, "then the end");
  settled(lwt_flow_read_buf(e[1], 10), 0, 0, "however often");
  settled(lwt_flow_write(e[1], "still", 5), 0, 0, "the other half is open");
  settled(lwt_flow_read(e[0], a, 10), 0, 5, "and works");
  c = lwt_flow_close(e[0]);
  settled(c, 0, 0, "close: the peer has everything");
  settled(lwt_flow_write(e[1], "x", 1), LWT_EPIPE, 0, "nobody reads any more");
  settled(lwt_flow_close(e[1]), 0, 0, "closed");

  lwt_pipe(e, 100);
  lwt_drop(lwt_flow_write(e[0], "bye", 3));
  c = lwt_flow_close(e[0]);
  is_int(lwt_state(c), LWT_PENDING, "close waits for the peer");
  settled(lwt_flow_read(e[1], a, 2), 0, 2, "to read");
  is_int(lwt_state(c), LWT_PENDING, "everything");
  settled(lwt_flow_read(e[1], a, 10), 0, 1, "to the last byte");
  settled(c, 0, 0, "then it is closed");
  settled(lwt_flow_read(e[1], a, 10), 0, 0, "and the peer sees the end");
  settled(lwt_flow_close(e[1]), 0, 0, "closed");

  lwt_pipe(e, 100);
  lwt_drop(lwt_flow_write(e[0], "bye", 3));
  c = lwt_flow_close(e[0]);
  lwt_flow_abort(e[1]);
  settled(c, LWT_ECONNRESET, 0, "close: the peer did not want it");

  lwt_pipe(e, 100);
  lwt_drop(lwt_flow_write(e[0], "bye", 3));
  lwt_drop(lwt_flow_close(e[0]));
  settled(lwt_flow_read(e[1], a, 10), 0, 3, "a close that nobody awaits goes on");
  settled(lwt_flow_close(e[1]), 0, 0, "closed");

  lwt_pipe(e, 2);
  r = lwt_flow_read(e[0], a, 10);
  c = lwt_flow_write(e[0], "abc", 3);
  rb = lwt_flow_read_buf(e[1], 1);
  lwt_drop(LWT_UNTYPED(rb));
  lwt_flow_abort(e[0]);
  settled(r, LWT_ECONNABORTED, 0, "abort ends the read");
  settled(c, 0, 0, "of a write that went through");
  settled(lwt_flow_read(e[1], a, 10), LWT_ECONNRESET, 0, "the peer is reset");
  settled(lwt_flow_write(e[1], "x", 1), LWT_ECONNRESET, 0, "for writes too");
  settled(lwt_flow_shutdown(e[1]), LWT_ECONNRESET, 0, "and the shutdown");
  settled(lwt_flow_close(e[1]), LWT_ECONNRESET, 0, "closed");

  lwt_pipe(e, 2);
  c = lwt_flow_write(e[0], "abc", 3);
  lwt_flow_abort(e[1]);
  settled(c, LWT_ECONNRESET, 0, "a write that waits hears of the abort");
  c = lwt_flow_close(e[0]);
  settled(c, LWT_ECONNRESET, 0, "and the close");

  lwt_pipe(e, 2);
  c = lwt_flow_write(e[0], "abc", 3);
  r = lwt_flow_read(e[1], a, 1);
  lwt_drop(lwt_flow_close(e[0]));
  settled(c, 0, 0, "written before");
  settled(r, 0, 1, "read before");
  lwt_flow_abort(e[1]);
  check_end();
}

/* Chains of all sizes through small pipes, in the two ways to read. */
static void test_chains(void)
{
  static const size_t capacities[] = { 1, 7, 4096, 65536 };
  struct lwt_flow *e[2];
  struct lwt_buf *c;
  lwt_buf_p *rb;
  uint8_t *got = malloc(sizeof pattern);
  size_t i, n, in, out;
  lwt_t *w;
  int good = 1, pages = 1;

  for (i = 0; i < sizeof capacities / sizeof *capacities; i++) {
    lwt_pipe(e, capacities[i]);
    w = lwt_return(NULL);
    for (in = out = 0; out < 20000;) {
      if (lwt_state(w) == LWT_FULFILLED && in < 20000) {
        n = 1 + (in * 7919) % 9000;
        if (n > 20000 - in)
          n = 20000 - in;
        lwt_drop(w);
        w = n & 1 ? lwt_flow_write(e[0], pattern + in, n)
                  : lwt_flow_write_buf(e[0], lwt_buf_copy_in(100, pattern + in,
                                                             (uint32_t)n));
        in += n;
      }
      pages &= lwt_buf_pages() <= 8 + capacities[i] / 1024;
      rb = lwt_flow_read_buf(e[1], 1 + out % 5000);
      c = lwt_value(LWT_UNTYPED(rb));
      good &= c && c->total >= 1 && c->total <= 1 + out % 5000;
      if (!good)
        break;
      lwt_buf_copy_out(c, 0, got + out, c->total);
      out += c->total;
      lwt_drop(LWT_UNTYPED(rb));
    }
    good &= out == 20000 && !memcmp(got, pattern, 20000);
    lwt_drop(w);
    lwt_flow_abort(e[0]);
    lwt_flow_abort(e[1]);
  }
  ok(good, "chains arrive whole and in order");
  ok(pages, "in bounded memory");
  lwt_pipe(e, 65536);
  for (i = 0; i < 10000; i++)
    lwt_drop(lwt_flow_write(e[0], pattern + i, 1));
  is_int(lwt_buf_pages(), 3, "small writes share pages");
  for (n = 0; n < 10000; n += (size_t)out) {
    lwt_size_p *r = lwt_flow_read(e[1], got + n, 10000);

    out = (size_t)lwt_value(LWT_UNTYPED(r));
    lwt_drop(LWT_UNTYPED(r));
  }
  ok(n == 10000 && !memcmp(got, pattern, n), "and arrive");
  lwt_flow_abort(e[0]);
  lwt_flow_abort(e[1]);
  free(got);
  check_end();
}

/* ---- Splice ------------------------------------------------------------ */

struct sink {
  struct lwt_frame frame;
  struct lwt_flow *flow;
  size_t n, got;
  int good;
  uint8_t bytes[200];
};

LWT_STEP sink_step(struct lwt_frame *frame)
{
  struct sink *s = (struct sink *)frame;

  lwt_begin(s);
  s->good = 1;
  for (;;) {
    lwt_await(s, &s->n, lwt_flow_read(s->flow, s->bytes, sizeof s->bytes));
    if (!s->n)
      break;
    s->good &= !memcmp(s->bytes, pattern + s->got, s->n);
    s->got += s->n;
  }
  lwt_finish(s, s->good ? s->got : 0);
  lwt_end(s);
}

struct source {
  struct lwt_frame frame;
  struct lwt_flow *flow;
};

LWT_STEP source_step(struct lwt_frame *frame)
{
  struct source *s = (struct source *)frame;

  lwt_begin(s);
  lwt_await(s, lwt_flow_write(s->flow, pattern, sizeof pattern));
  lwt_await(s, lwt_flow_shutdown(s->flow));
  lwt_end(s);
}

static void test_splice(void)
{
  struct lwt_flow *a[2], *b[2];
  lwt_t *sink, *splice, *source;

  lwt_pipe(a, 5000);
  lwt_pipe(b, 3000);
  sink = LWT_GO(struct sink, sink_step, .flow = b[1]);
  splice = LWT_UNTYPED(lwt_flow_splice(a[1], b[0]));
  source = LWT_GO(struct source, source_step, .flow = a[0]);
  while (lwt_run_ready() != LWT_NEVER)
    ;
  settled(source, 0, 0, "all was sent");
  settled(splice, 0, sizeof pattern, "and spliced");
  settled(sink, 0, sizeof pattern, "and received, and the end with it");
  splice = LWT_UNTYPED(lwt_flow_splice(a[0], b[1]));
  lwt_drop(lwt_flow_write(a[1], "abc", 3));
  lwt_flow_abort(a[1]);
  settled(splice, LWT_ECONNRESET, 0, "a reset ends it");
  lwt_flow_abort(a[0]);
  lwt_flow_abort(b[0]);
  lwt_flow_abort(b[1]);
  check_end();
}

/* ---- Failed allocations ------------------------------------------------ */

static void all(void *env)
{
  struct lwt_flow *a[2], *b[2];
  lwt_t *sink, *splice, *source;
  (void)env;

  if (lwt_pipe(a, 5000))
    return;
  if (!lwt_pipe(b, 3000)) {
    sink = LWT_GO(struct sink, sink_step, .flow = b[1]);
    splice = LWT_UNTYPED(lwt_flow_splice(a[1], b[0]));
    source = LWT_GO(struct source, source_step, .flow = a[0]);
    while (lwt_run_ready() != LWT_NEVER)
      ;
    lwt_error(sink);
    lwt_error(splice);
    lwt_error(source);
    lwt_drop(sink);
    lwt_drop(splice);
    lwt_drop(source);
    lwt_drop(lwt_flow_close(b[0]));
    lwt_flow_abort(b[1]);
  }
  lwt_drop(lwt_flow_close(a[1]));
  lwt_flow_abort(a[0]);
}

static void lost(struct lwt_error error, const char *where)
{
  (void)error;
  (void)where;
}

static void test_failures(void)
{
  struct lwt_test_result r;

  lwt_on_lost(lost);
  r = lwt_test_each_allocation(all, NULL, NULL);
  ok(r.runs > 4, "%d runs with a failing allocation", (int)r.runs);
  is_int(r.alive, 0, "nothing alive");
  is_int(r.lost, 0, "nothing leaked");
}

int main(void)
{
  uint32_t i, x = 1;

  lwt_test_memory();
  lwt_virtual_init(&virtual);
  lwt_set_engine(&virtual.engine);
  for (i = 0; i < sizeof pattern; i++) {
    x = x * 1103515245 + 12345;
    pattern[i] = (uint8_t)(x >> 16);
  }
  test_read_write();
  test_cancel();
  test_end();
  test_chains();
  test_splice();
  test_failures();
  return lwt_test_done();
}
