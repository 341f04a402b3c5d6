/* t-io-random.c - random writers, readers and cancels: every byte arrives once.
 * SPDX-License-Identifier: ISC
 *
 * Byte number i of the stream is letter(i), a line now and then.  The model is two
 * numbers: how many bytes were written, and how many were read.  What a promise of
 * a read gives must be the bytes from there on; a cancelled one moves nothing.
 */
#define LWT_TEST_SHORT
#include <lwt/io.h>
#include <lwt/test.h>
#include <string.h>

enum { ROUNDS = 300, STEPS = 200, LIMIT = 40 };

static struct lwt_flow *e[2];
static struct lwt_reader in;
static struct lwt_writer out;
static char bytes[LIMIT * 2];
static size_t wrong;

/* Never two ends of a line in a row, so that what a line was can be told. */
static char letter(uint64_t i)
{
  uint64_t x = i * 0x9e3779b97f4a7c15u;

  return (x >> 60) == 0 ? '\n' : (char)('a' + (x >> 40) % 26);
}

static uint64_t taken; /* by reads that were fulfilled */

static void check(const char *text, size_t n)
{
  size_t i;

  for (i = 0; i < n; i++)
    wrong += text[i] != letter(taken++);
}

static lwt_t *writing;
static lwt_t *reading;
static int kind;

static void begin_write(void)
{
  uint64_t from = lwt_writer_position(&out);
  size_t n = lwt_test_random(sizeof bytes) + 1, i;

  for (i = 0; i < n; i++)
    bytes[i] = letter(from + i);
  writing = lwt_test_random(2) ? lwt_write_all(&out, bytes, n)
                               : LWT_UNTYPED(lwt_write(&out, bytes, n));
}

static char some[LIMIT];

static void begin_read(void)
{
  size_t n = lwt_test_random(LIMIT) + 1;

  kind = (int)lwt_test_random(6);
  switch (kind) {
  case 0:
    reading = LWT_UNTYPED(lwt_read_line(&in, n));
    break;
  case 1:
    reading = LWT_UNTYPED(lwt_read_until(&in, "\n", 1, n));
    break;
  case 2:
    reading = LWT_UNTYPED(lwt_read_exactly(&in, n));
    break;
  case 3:
    reading = LWT_UNTYPED(lwt_read_some(&in, some, n));
    break;
  case 4:
    reading = LWT_UNTYPED(lwt_peek(&in, n));
    break;
  default:
    reading = lwt_read_number(&in, LWT_BIG, &some[0]);
  }
}

static void end_read(void)
{
  struct lwt_chunk *c;
  lwt_t *p = reading;
  size_t n;

  reading = NULL;
  if (lwt_state(p) == LWT_FULFILLED) {
    if (kind <= 2 && (c = lwt_value(p))) {
      check(c->bytes, c->len);
      if (kind < 2)
        check("\n", 1);
    } else if (kind == 3) {
      check(some, (size_t)lwt_value(p));
    } else if (kind == 4) {
      const char *ahead = lwt_reader_buffered(&in, &n);
      uint64_t before = taken;

      check(ahead, n);
      taken = before;
    } else if (kind == 5) {
      check(some, 1);
    }
  }
  wrong += taken != lwt_reader_position(&in);
  lwt_error(p);
  lwt_drop(p);
}

static void step(void)
{
  switch (lwt_test_random(8)) {
  case 0:
  case 1:
    if (!writing)
      begin_write();
    break;
  case 2:
  case 3:
    if (!reading)
      begin_read();
    break;
  case 4:
    if (reading && lwt_test_random(2))
      lwt_cancel(reading);
    break;
  case 5:
    if (writing && !lwt_test_random(4))
      lwt_cancel(writing);
    break;
  case 6:
    lwt_async(lwt_flush(&out));
    break;
  default:
    if (lwt_test_random(2))
      lwt_test_idle();
    else
      lwt_run_ready();
  }
  if (writing && lwt_state(writing) != LWT_PENDING) {
    lwt_error(writing);
    lwt_drop(writing);
    writing = NULL;
  }
  if (reading && lwt_state(reading) != LWT_PENDING)
    end_read();
}

static void round_of(size_t limit, size_t capacity)
{
  lwt_t *p;
  struct lwt_chunk *c;
  int i;

  taken = 0;
  if (lwt_pipe(e, capacity))
    return;
  lwt_reader_init(&in, e[1], 10000);
  lwt_writer_init(&out, e[0], limit);
  for (i = 0; i < STEPS; i++)
    step();
  lwt_drop(reading);
  lwt_drop(writing);
  reading = writing = NULL;
  p = lwt_writer_close(&out);
  lwt_async(p);
  p = LWT_UNTYPED(lwt_read_all(&in, 10000));
  lwt_test_idle();
  c = lwt_value(p);
  if (c)
    check(c->bytes, c->len);
  wrong += !c || taken != lwt_writer_position(&out);
  lwt_drop(p);
  lwt_reader_fini(&in);
  lwt_writer_fini(&out);
  lwt_flow_abort(e[0]);
  lwt_flow_abort(e[1]);
}

static void rounds(void)
{
  uint64_t total = 0;
  int i;

  for (i = 0; i < ROUNDS; i++) {
    round_of(lwt_test_random(LIMIT) + 1, lwt_test_random(LIMIT) + 1);
    total += taken;
  }
  is_int(wrong, 0, "every byte arrives once, in order");
  ok(total > ROUNDS * 100, "there were many: %d", (int)total);
}

static const struct lwt_test tests[] = { LWT_TEST(rounds) };

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, 1);
}
