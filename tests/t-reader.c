/* t-reader.c - buffered reading: operations, limits, ends, cancelling, sections.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt/io.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

static struct lwt_flow *e[2];
static struct lwt_reader in;

/* What is written to e[0] is read through `in`.  Returns 0: no memory. */
static int begin(size_t limit)
{
  if (lwt_pipe(e, 1000000))
    return 0;
  lwt_reader_init(&in, e[1], limit);
  return 1;
}

static void end(void)
{
  lwt_reader_fini(&in);
  lwt_flow_abort(e[0]);
  lwt_flow_abort(e[1]);
}

static void send_bytes(const void *bytes, size_t len)
{
  lwt_t *p = lwt_flow_write(e[0], bytes, len);

  lwt_error(p);
  lwt_drop(p);
}

static void put(const char *text)
{
  send_bytes(text, strlen(text));
}

static void put_end(void)
{
  lwt_drop(lwt_flow_shutdown(e[0]));
}

/* All take p. */
static void gives(lwt_chunk_p *chunk, const char *want, const char *name)
{
  lwt_t *p = LWT_UNTYPED(chunk);
  struct lwt_chunk *c = lwt_value(p);

  lwt_error(p);
  if (want)
    ok(c && c->len == strlen(want) && !strcmp(c->bytes, want), "%s", name);
  else
    is_fulfilled(p, 0, "%s", name);
  if (c && want && strcmp(c->bytes, want) && !lwt_test_muted())
    printf("# got \"%s\"\n", c->bytes);
  lwt_drop(p);
}

static void fails(void *promise, int code, const char *name)
{
  lwt_t *p = promise;

  is_rejected(p, code, "%s", name);
  lwt_drop(p);
}

static void is_number(void *promise, intptr_t n, const char *name)
{
  lwt_t *p = promise;

  is_fulfilled(p, n, "%s", name);
  lwt_error(p);
  lwt_drop(p);
}

static void lines(void)
{
  if (!begin(100))
    return;
  put("one\ntwo\r\n\n\r\na\rb\nlast");
  put_end();
  gives(lwt_read_line(&in, 9), "one", "IO-16 LF");
  gives(lwt_read_line(&in, 9), "two", "IO-16 CRLF");
  gives(lwt_read_line(&in, 9), "", "IO-16 an empty line");
  gives(lwt_read_line(&in, 9), "", "IO-16 the same with CRLF");
  gives(lwt_read_line(&in, 9), "a\rb", "a CR in the middle is part of the line");
  gives(lwt_read_line(&in, 9), "last", "IO-16 the last without its end");
  gives(lwt_read_line(&in, 9), NULL, "IO-16 the end");
  gives(lwt_read_line(&in, 9), NULL, "IO-16 again");
  end();
}

static void pieces(void)
{
  lwt_chunk_p *p;

  if (!begin(100))
    return;
  put("ab");
  p = lwt_read_line(&in, 4);
  is_pending(LWT_UNTYPED(p), "half a line");
  put("cd\r");
  lwt_test_idle();
  is_pending(LWT_UNTYPED(p), "the CR may be its end");
  put("\nx");
  lwt_test_idle();
  gives(p, "abcd", "the limit does not count the end");
  put("abc\r");
  p = lwt_read_line(&in, 4);
  is_pending(LWT_UNTYPED(p), "as long as allowed");
  put("d\n");
  lwt_test_idle();
  fails(p, LWT_EMSGSIZE, "the CR was not its end: too long");
  gives(lwt_read_line(&in, 6), "xabc\rd", "nothing was taken");
  put("\rlast\r");
  put_end();
  gives(lwt_read_line(&in, 6), "\rlast\r", "no end of a line at the end");
  end();
}

static void untils(void)
{
  if (!begin(20))
    return;
  put("a--b---c--");
  put("0123456789");
  put_end();
  gives(lwt_read_until(&in, "--", 2, 9), "a", "before a mark");
  gives(lwt_read_until(&in, "---", 3, 9), "b", "another mark");
  gives(lwt_read_until(&in, "--", 2, 1), "c", "as many as allowed");
  fails(lwt_read_until(&in, "9", 1, 8), LWT_EMSGSIZE, "more");
  fails(lwt_read_until(&in, "-", 1, 99), LWT_ENODATA, "no mark before the end");
  gives(lwt_read_until(&in, "9", 1, 9), "012345678", "nothing was taken");
  gives(lwt_read_until(&in, "9", 1, 9), NULL, "the end");
  fails(lwt_read_until(&in, "", 0, 9), LWT_EINVAL, "no mark");
  fails(lwt_read_until(&in, "12345678901234567", 17, 9), LWT_EINVAL, "a long one");
  end();
}

static void exact(void)
{
  char bytes[8] = "";
  const char *ahead;
  size_t n;
  lwt_t *p;

  if (!begin(8))
    return;
  put("abcdefgh");
  gives(lwt_read_exactly(&in, 0), "", "no bytes");
  gives(lwt_read_exactly(&in, 3), "abc", "three");
  is_number(lwt_read_some(&in, bytes, 2), 2, "some");
  ok(bytes[0] == 'd' || lwt_test_muted(), "in order");
  fails(lwt_read_some(&in, bytes, 0), LWT_EINVAL, "none");
  is_number(lwt_peek(&in, 2), 3, "a look ahead");
  ahead = lwt_reader_buffered(&in, &n);
  ok((n == 3 && !memcmp(ahead, "fgh", 3)) || lwt_test_muted(), "at what comes");
  fails(lwt_peek(&in, 9), LWT_EMSGSIZE, "too far");
  fails(lwt_read_exactly(&in, 9), LWT_EMSGSIZE, "too many");
  ok(lwt_reader_position(&in) == 5 || lwt_test_muted(), "IO-12 the position");
  p = lwt_read_skip(&in, 10);
  put("ijklmnopq");
  lwt_test_idle();
  is_number(p, 0, "skipped");
  put_end();
  fails(lwt_read_exactly(&in, 3), LWT_ENODATA, "the end in the middle");
  is_number(lwt_peek(&in, 3), 2, "nothing was taken");
  fails(lwt_read_all(&in, 1), LWT_EMSGSIZE, "a limit");
  gives(lwt_read_all(&in, 2), "pq", "all");
  gives(lwt_read_all(&in, 2), "", "nothing is all");
  fails(lwt_read_exactly(&in, 3), LWT_EOF, "the end");
  fails(lwt_read_skip(&in, 1), LWT_EOF, "nothing to skip");
  is_number(lwt_read_some(&in, bytes, 8), 0, "some of nothing");
  end();
}

static void numbers(void)
{
  static const unsigned char bytes[] = {
    1, 0xff, 0xfe, 1, 2, 3, 4, 0, 0, 0x80, 0x3f, 0xc0, 9, 0x21, 0xfb, 0, 0, 0, 0, 7, 0,
  };
  uint8_t a = 0;
  int16_t b = 0;
  uint32_t c = 0;
  float f = 0;
  double d = 0;
  int64_t g = 0;
  char odd[3];

  if (!begin(0))
    return;
  send_bytes(bytes, sizeof bytes);
  is_number(lwt_read_number(&in, LWT_BIG, &a), 0, "IO-13 a byte");
  is_number(lwt_read_number(&in, LWT_BIG, &b), 0, "IO-13 a negative one");
  is_number(lwt_read_number(&in, LWT_LITTLE, &c), 0, "IO-13 little endian");
  is_number(lwt_read_number(&in, LWT_LITTLE, &f), 0, "IO-13 a float");
  is_number(lwt_read_number(&in, LWT_BIG, &d), 0, "IO-13 a double");
  ok((a == 1 && b == -2 && c == 0x04030201 && f == 1.0f && d < -3.14 && d > -3.15) ||
       lwt_test_muted(),
     "IO-13 as written");
  put_end();
  fails(lwt_read_number(&in, LWT_BIG, &g), LWT_ENODATA, "the end in a number");
  fails(lwt_read_number(&in, LWT_BIG, &odd), LWT_EINVAL, "no such number");
  end();
}

/* The first wants the end of a line, those behind it wait for it. */
static void in_line(void)
{
  lwt_chunk_p *a, *b, *c;

  if (!begin(100))
    return;
  a = lwt_read_line(&in, 50);
  b = lwt_read_exactly(&in, 2);
  c = lwt_read_line(&in, 50);
  put("12345");
  lwt_test_idle();
  is_pending(LWT_UNTYPED(b), "IO-19 there is enough, but it is not its turn");
  put("6\nxxyy\n");
  lwt_test_idle();
  gives(a, "123456", "IO-19 the first");
  gives(b, "xx", "IO-19 the second");
  gives(c, "yy", "IO-19 the third");
  end();
}

static void cancelled(void)
{
  lwt_chunk_p *a, *b;
  lwt_t *p;

  if (!begin(100))
    return;
  a = lwt_read_exactly(&in, 5);
  put("abc");
  lwt_test_idle();
  lwt_cancel(LWT_UNTYPED(a));
  fails(a, LWT_ECANCELED, "cancelled in the middle");
  a = lwt_read_line(&in, 9);
  b = lwt_read_line(&in, 9);
  lwt_drop(LWT_UNTYPED(a));
  put("d\n");
  lwt_test_idle();
  gives(b, "abcd", "the next one gets the bytes");
  a = lwt_read_line(&in, 9);
  lwt_drop(LWT_UNTYPED(a));
  is_number(lwt_flow_write(e[0], "x", 1), 0, "the flow is not read any more");
  gives(lwt_read_exactly(&in, 1), "x", "until somebody reads");
  p = lwt_read_skip(&in, 5);
  put("123");
  lwt_test_idle();
  lwt_cancel(p);
  fails(p, LWT_ECANCELED, "a skip in the middle");
  ok(lwt_reader_position(&in) == 9 || lwt_test_muted(), "the position says how far");
  end();
}

/* In a callback: the bytes arrive, and their reader is given up before it hears of
 * it. */
static void *arrive_and_drop(void *read, void *value)
{
  put("abc\n");
  lwt_cancel(read);
  lwt_drop(read);
  return value;
}

static void late(void)
{
  lwt_t *p, *q;

  if (!begin(100))
    return;
  p = LWT_UNTYPED(lwt_read_line(&in, 9));
  q = lwt_pause();
  if (lwt_state(q) == LWT_PENDING) {
    lwt_async(lwt_map(q, arrive_and_drop, p));
    lwt_test_idle();
    gives(lwt_read_line(&in, 9), "abc", "bytes for one that is given up are not lost");
  } else {
    lwt_error(q);
    lwt_drop(q);
    lwt_drop(p);
  }
  end();
}

static void finished(void)
{
  lwt_chunk_p *a, *b;

  if (!begin(100))
    return;
  a = lwt_read_line(&in, 9);
  b = lwt_read_line(&in, 9);
  lwt_cancel(LWT_UNTYPED(b));
  put("ab");
  lwt_reader_fini(&in);
  memset(&in, 0xee, sizeof in);
  fails(a, LWT_ECONNABORTED, "the reader is finished");
  fails(b, LWT_ECANCELED, "that one was cancelled before");
  lwt_test_idle();
  lwt_flow_abort(e[0]);
  lwt_flow_abort(e[1]);
}

static void broken(void)
{
  lwt_chunk_p *a, *b;

  if (!begin(100))
    return;
  put("abc");
  a = lwt_read_line(&in, 9);
  b = lwt_read_exactly(&in, 3);
  lwt_test_idle();
  lwt_flow_abort(e[0]);
  lwt_test_idle();
  fails(a, LWT_ECONNRESET, "an error of the flow");
  gives(b, "abc", "what came before it can be read");
  lwt_reader_fini(&in);
  lwt_flow_abort(e[1]);
}

/* ---- Sections -------------------------------------------------------------- */

static lwt_t *second(void *inner, void *line)
{
  lwt_chunk_free(line);
  return LWT_UNTYPED(lwt_read_line(inner, 9));
}

static lwt_t *in_two(void *env, struct lwt_reader *inner)
{
  (void)env;
  return lwt_bind(LWT_UNTYPED(lwt_read_line(inner, 9)), second, inner);
}

static lwt_t *nested(void *env, struct lwt_reader *inner)
{
  return lwt_reader_atomic(inner, in_two, env);
}

/* Leaves a read behind, which still belongs to the section. */
static lwt_t *leaves_one(void *env, struct lwt_reader *inner)
{
  *(lwt_chunk_p **)env = lwt_read_line(inner, 9);
  return lwt_return(NULL);
}

static void sections(void)
{
  lwt_chunk_p *a, *b, *c = NULL;
  lwt_t *p;

  if (!begin(100))
    return;
  a = (lwt_chunk_p *)lwt_reader_atomic(&in, in_two, NULL);
  b = lwt_read_line(&in, 9);
  put("1\n2\n3\n");
  lwt_test_idle();
  gives(a, "2", "IO-18 both lines of the section");
  gives(b, "3", "IO-18 then the other");
  a = (lwt_chunk_p *)lwt_reader_atomic(&in, nested, NULL);
  b = lwt_read_line(&in, 9);
  put("4\n");
  lwt_test_idle();
  lwt_cancel(LWT_UNTYPED(a));
  fails(a, LWT_ECANCELED, "a section is cancelled");
  put("5\n");
  lwt_test_idle();
  gives(b, "5", "and the others go on");
  p = lwt_reader_atomic(&in, leaves_one, &c);
  b = lwt_read_line(&in, 9);
  put("6\n7\n");
  lwt_test_idle();
  is_number(p, 0, "a section ends with its operations");
  if (c)
    gives(c, "6", "it had one");
  gives(b, "7", "before the next");
  end();
}

static void long_stream(void)
{
  static char bytes[300000];
  struct lwt_chunk *c;
  lwt_t *p;
  size_t i;

  if (!begin(300000))
    return;
  for (i = 0; i < sizeof bytes; i++)
    bytes[i] = (char)(i * 7 + i / 256);
  send_bytes(bytes, sizeof bytes);
  put_end();
  p = LWT_UNTYPED(lwt_read_exactly(&in, 100001));
  lwt_test_idle();
  c = lwt_value(p);
  ok(c && !memcmp(c->bytes, bytes, 100001), "many bytes");
  lwt_error(p);
  lwt_drop(p);
  p = LWT_UNTYPED(lwt_read_all(&in, 300000));
  lwt_test_idle();
  c = lwt_value(p);
  ok(c && c->len == 199999 && !memcmp(c->bytes, bytes + 100001, 199999), "the rest");
  lwt_error(p);
  lwt_drop(p);
  end();
}

static const struct lwt_test tests[] = {
  LWT_TEST_MEMORY(lines),     LWT_TEST_MEMORY(pieces),   LWT_TEST_MEMORY(untils),
  LWT_TEST_MEMORY(exact),     LWT_TEST_MEMORY(numbers),  LWT_TEST_MEMORY(in_line),
  LWT_TEST_MEMORY(cancelled), LWT_TEST(late),            LWT_TEST_MEMORY(finished),
  LWT_TEST_MEMORY(broken),    LWT_TEST_MEMORY(sections), LWT_TEST(long_stream),
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
