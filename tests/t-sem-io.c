/* t-sem-io.c - what Lwt_io's channels do, and the rest of buffered writing.
 * SPDX-License-Identifier: ISC
 *
 * Lines, order and sections of readers are in t-reader.c.
 */
#define LWT_TEST_SHORT
#include <lwt/io.h>
#include <lwt/test.h>
#include <string.h>

static struct lwt_flow *e[2];
static struct lwt_writer out;
static char got[64];

/* What is written to `out` arrives at e[1].  Returns 0: no memory. */
static int begin(size_t capacity, size_t limit)
{
  if (lwt_pipe(e, capacity))
    return 0;
  lwt_writer_init(&out, e[0], limit);
  return 1;
}

static void end(void)
{
  lwt_writer_fini(&out);
  lwt_flow_abort(e[0]);
  lwt_flow_abort(e[1]);
}

/* What has arrived, at once; "" if nothing has. */
static const char *arrived(void)
{
  lwt_t *p = LWT_UNTYPED(lwt_flow_read(e[1], got, sizeof got - 1));

  got[(size_t)lwt_value(p)] = 0;
  lwt_error(p);
  lwt_drop(p);
  return got;
}

static void is_done(void *promise, intptr_t value, const char *name)
{
  lwt_t *p = promise;

  is_fulfilled(p, value, "%s", name);
  lwt_error(p);
  lwt_drop(p);
}

static void fails(void *promise, int code, const char *name)
{
  lwt_t *p = promise;

  is_rejected(p, code, "%s", name);
  lwt_error(p);
  lwt_drop(p);
}

static void auto_flush(void)
{
  if (!begin(100, 0))
    return;
  is_done(lwt_write_all(&out, "foo", 3), 0, "IO-01 a write");
  is_done(lwt_print(&out, "%s", "bar"), 0, "IO-01 another");
  is_str(arrived(), "", "IO-01 both are buffered");
  is_int(lwt_writer_buffered(&out), 6, "IO-01 six bytes");
  lwt_test_idle();
  is_str(arrived(), "foobar", "IO-01 one flush of both");
  is_int(lwt_writer_position(&out), 6, "IO-12 the position after writing");
  end();
}

static lwt_t *writes_again(void *inner, void *value)
{
  (void)value;
  return lwt_write_all(inner, "bar", 3);
}

static lwt_t *pauses(void *env, struct lwt_writer *inner)
{
  (void)env;
  lwt_async(lwt_write_all(inner, "foo", 3));
  return lwt_bind(lwt_sleep(LWT_S(1)), writes_again, inner);
}

static void sections(void)
{
  lwt_t *p, *q;

  if (!begin(100, 0))
    return;
  p = lwt_writer_atomic(&out, pauses, NULL);
  q = lwt_write_all(&out, "!", 1);
  is_str(arrived(), "", "IO-02 buffered in a section");
  lwt_test_idle();
  is_str(arrived(), "foo", "IO-02 flushed while it is open");
  is_pending(q, "IO-19 another write waits");
  lwt_test_advance(LWT_S(1));
  is_str(arrived(), "bar!", "IO-18 sections do not interleave");
  is_done(p, 0, "IO-18 the section");
  is_done(q, 0, "IO-19 the other");
  p = lwt_writer_atomic(&out, pauses, NULL);
  lwt_cancel(p);
  fails(p, LWT_ECANCELED, "a section is cancelled");
  is_done(lwt_write_all(&out, "?", 1), 0, "and others go on");
  lwt_test_advance(LWT_S(2));
  is_str(arrived(), "foo?", "with what it had written");
  end();
}

static void closed(void)
{
  lwt_t *p;

  if (!begin(100, 0))
    return;
  is_done(lwt_write_all(&out, "bye", 3), 0, "written");
  is_done(lwt_writer_close(&out), 0, "close");
  is_str(arrived(), "bye", "close flushes");
  is_done(lwt_flow_read(e[1], got, 1), 0, "and the peer sees the end");
  fails(lwt_write_all(&out, "x", 1), LWT_EPIPE, "IO-17 a write after close");
  fails(lwt_print(&out, "x"), LWT_EPIPE, "IO-17 another");
  is_done(lwt_writer_close(&out), 0, "IO-07 a second close does nothing");
  p = lwt_flush(&out);
  is_done(p, 0, "nor does a flush");
  end();
}

/* The peer is gone, having read everything. */
static void closed_after_the_peer(void)
{
  if (!begin(100, 0))
    return;
  is_done(lwt_write_all(&out, "bye", 3), 0, "written");
  lwt_test_idle();
  is_str(arrived(), "bye", "and read");
  lwt_async(lwt_flow_close(e[1]));
  is_done(lwt_writer_close(&out), 0, "IO-03 IO-04 closing after the peer");
  lwt_writer_fini(&out);
  lwt_flow_abort(e[0]);
}

static void full(void)
{
  lwt_t *a, *b, *c;

  if (!begin(4, 4))
    return;
  a = lwt_write_all(&out, "0123456789ab", 12);
  b = lwt_flush(&out);
  c = LWT_UNTYPED(lwt_write(&out, "xy", 2));
  is_pending(a, "a write waits for room");
  is_int(lwt_writer_buffered(&out), 4, "no more than the limit");
  is_str(arrived(), "0123", "what the flow takes");
  lwt_test_idle();
  is_str(arrived(), "4567", "and takes");
  lwt_test_idle();
  is_done(a, 0, "everything is buffered");
  is_str(arrived(), "89ab", "the rest");
  lwt_test_idle();
  is_done(b, 0, "flushed");
  is_done(c, 2, "the one behind");
  fails(lwt_print(&out, "%s", "12345"), LWT_EMSGSIZE, "a text beyond the limit");
  lwt_test_idle();
  is_str(arrived(), "xy", "in order");
  a = LWT_UNTYPED(lwt_write(&out, "ABCDEFGH", 8));
  is_done(a, 4, "as many as there is room for");
  end();
}

static void broken(void)
{
  if (!begin(100, 0))
    return;
  is_done(lwt_write_all(&out, "abc", 3), 0, "buffered");
  lwt_flow_abort(e[1]);
  lwt_test_idle();
  fails(lwt_write_all(&out, "d", 1), LWT_ECONNRESET, "the error of the flow");
  fails(lwt_flush(&out), LWT_ECONNRESET, "again");
  fails(lwt_writer_close(&out), LWT_ECONNRESET, "close tells it");
  lwt_writer_fini(&out);
  lwt_flow_abort(e[0]);
}

static void finished(void)
{
  lwt_t *a, *b;

  if (!begin(4, 4))
    return;
  a = lwt_write_all(&out, "0123456789", 10);
  b = lwt_write_all(&out, "0123456789", 10);
  lwt_cancel(b);
  lwt_writer_fini(&out);
  memset(&out, 0xee, sizeof out);
  fails(a, LWT_ECONNABORTED, "the writer is finished");
  fails(b, LWT_ECANCELED, "that one was cancelled before");
  lwt_test_idle();
  lwt_flow_abort(e[0]);
  lwt_flow_abort(e[1]);
}

/* Each number in both orders, written and read again. */
static void numbers(void)
{
  static const int16_t a = -2;
  static const int32_t b = 0x01020304;
  static const int64_t c = INT64_MIN + 7;
  static const float f = -1.5f;
  static const double d = 3.141592653589793;
  static const uint8_t h = 200;
  static const char odd[3];
  struct lwt_reader in;
  int order;

  if (!begin(1000, 0))
    return;
  lwt_reader_init(&in, e[1], 0);
  for (order = LWT_LITTLE; order <= LWT_BIG; order++) {
    enum lwt_order o = (enum lwt_order)order;
    int16_t a2 = 0;
    int32_t b2 = 0;
    int64_t c2 = 0;
    float f2 = 0;
    double d2 = 0;
    uint8_t h2 = 0;

    is_done(lwt_write_number(&out, o, &a), 0, "IO-13 int16");
    is_done(lwt_write_number(&out, o, &b), 0, "IO-13 int32");
    is_done(lwt_write_number(&out, o, &c), 0, "IO-13 int64");
    is_done(lwt_write_number(&out, o, &f), 0, "IO-13 float32");
    is_done(lwt_write_number(&out, o, &d), 0, "IO-13 float64");
    is_done(lwt_write_number(&out, o, &h), 0, "IO-13 a byte");
    lwt_test_idle();
    is_done(lwt_read_number(&in, o, &a2), 0, "IO-13 int16 read");
    is_done(lwt_read_number(&in, o, &b2), 0, "IO-13 int32 read");
    is_done(lwt_read_number(&in, o, &c2), 0, "IO-13 int64 read");
    is_done(lwt_read_number(&in, o, &f2), 0, "IO-13 float32 read");
    is_done(lwt_read_number(&in, o, &d2), 0, "IO-13 float64 read");
    is_done(lwt_read_number(&in, o, &h2), 0, "IO-13 a byte read");
    ok(a == a2 && b == b2 && c == c2 && f == f2 && d == d2 && h == h2, "IO-13 the same");
  }
  fails(lwt_write_number(&out, LWT_BIG, &odd), LWT_EINVAL, "no such number");
  is_done(lwt_write_number(&out, LWT_BIG, &b), 0, "IO-13 big");
  is_done(lwt_write_number(&out, LWT_LITTLE, &a), 0, "IO-13 little");
  lwt_test_idle();
  lwt_reader_fini(&in);
  ok(!memcmp(arrived(), "\1\2\3\4\376\377", 6), "IO-13 the bytes themselves");
  end();
}

static void positions(void)
{
  struct lwt_reader in;

  if (!begin(100, 0))
    return;
  lwt_reader_init(&in, e[1], 0);
  is_int(lwt_reader_position(&in), 0, "IO-12 at first, reading");
  is_int(lwt_writer_position(&out), 0, "IO-12 at first, writing");
  is_done(lwt_write_all(&out, "abc", 3), 0, "IO-14 from the caller's memory");
  is_int(lwt_writer_position(&out), 3, "IO-12 after a write");
  lwt_test_idle();
  is_done(lwt_read_some(&in, got, 2), 2, "IO-14 into the caller's memory");
  is_int(lwt_reader_position(&in), 2, "IO-12 after a read");
  lwt_reader_fini(&in);
  end();
}

static const struct lwt_test tests[] = {
  LWT_TEST_MEMORY(auto_flush), LWT_TEST_MEMORY(sections), LWT_TEST_MEMORY(closed),
  LWT_TEST_MEMORY(full),       LWT_TEST_MEMORY(broken),   LWT_TEST_MEMORY(finished),
  LWT_TEST_MEMORY(numbers),    LWT_TEST_MEMORY(positions),
  LWT_TEST_MEMORY(closed_after_the_peer),
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
