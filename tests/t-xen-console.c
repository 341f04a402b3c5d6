/* t-xen-console.c - the console: slow, stuck and hostile readers; index wrap.
 * SPDX-License-Identifier: ISC
 */
#include "fakexen.h"
#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <string.h>

static char heard[1 << 20];
static size_t n_heard, appetite; /* bytes that the daemon takes a turn */

/* The daemon reads a little, and says so. */
static void listen_a_little(void)
{
  uint32_t have = fake_console->out_prod - fake_console->out_cons;
  size_t n = have < appetite ? have : appetite;

  if (!n)
    return;
  while (n--)
    heard[n_heard++] = fake_console->out[fake_console->out_cons++ % 2048];
  fake_event(FAKE_CONSOLE_PORT);
}

static void say(const char *text)
{
  while (*text)
    fake_console->in[fake_console->in_prod++ % 1024] = *text++;
  fake_event(FAKE_CONSOLE_PORT);
}

static char big[100000];

static void test_write(void)
{
  struct lwt_flow *f = lwt_xen_console();
  lwt_t *p;
  size_t i;

  for (i = 0; i < sizeof big; i++)
    big[i] = (char)('a' + i % 23);
  appetite = 700;
  fake.step = listen_a_little;
  p = lwt_flow_write(f, big, sizeof big);
  ok(lwt_state(p) == LWT_PENDING, "a long write waits for the reader");
  is_int(lwt_run(lwt_flow_write(f, "x", 1)), LWT_EBUSY, "one write at a time");
  is_int(lwt_run(p), 0, "it goes through");
  is_int(lwt_run(lwt_flow_close(f)), 0, "close waits until all is read");
  is_int(n_heard, sizeof big, "all bytes");
  ok(!memcmp(heard, big, sizeof big), "in order, through the indices' wrap");
  n_heard = 0;
  p = lwt_flow_write_buf(f, lwt_buf_copy_in(0, big, 9000));
  is_int(lwt_run(p), 0, "a chain");
  is_int(lwt_run(lwt_flow_close(f)), 0, "is read");
  ok(n_heard == 9000 && !memcmp(heard, big, 9000), "whole");
  p = lwt_flow_write(f, big, sizeof big);
  lwt_drop(p);
  is_int(lwt_run(lwt_flow_write(f, "y", 1)), 0, "a write after a cancelled one");
  lwt_run(lwt_flow_close(f));
}

static void test_read(void)
{
  struct lwt_flow *f = lwt_xen_console();
  char bytes[8] = "";
  struct lwt_buf *buf;
  lwt_size_p *p;
  void *value;

  p = lwt_flow_read(f, bytes, sizeof bytes);
  ok(lwt_state(LWT_UNTYPED(p)) == LWT_PENDING, "a read waits");
  lwt_drop(LWT_UNTYPED(p));
  p = lwt_flow_read(f, bytes, 3);
  say("hello");
  is_int(lwt_run_value(LWT_UNTYPED(p), &value).code, 0, "until somebody types");
  ok((uintptr_t)value == 3 && !memcmp(bytes, "hel", 3), "as much as is wanted");
  p = (lwt_size_p *)lwt_flow_read_buf(f, 100);
  is_int(lwt_run_value(LWT_UNTYPED(p), &value).code, 0, "a slice");
  buf = value;
  ok(buf && buf->len == 2 && !memcmp(buf->data, "lo", 2), "of the rest");
  lwt_buf_free(buf);
  say("one\r");
  ok(lwt__console_get(bytes, 8) == 4 && !memcmp(bytes, "one\n", 4), "a line of stdin");
}

static void test_printf(void)
{
  struct lwt_xen_console_stats stats;
  uint64_t start = fake.now;

  n_heard = 0;
  lwt__console_put("a\nb", 3);
  lwt_run(lwt_flow_close(lwt_xen_console()));
  ok(n_heard == 4 && !memcmp(heard, "a\r\nb", 4), "NL becomes CR NL");
  n_heard = 0;
  lwt__console_put(big, sizeof big);
  lwt_run(lwt_flow_close(lwt_xen_console()));
  ok(n_heard == sizeof big && !memcmp(heard, big, sizeof big),
     "printf() waits for a slow reader");
  lwt_xen_console_stats(&stats);
  is_int(stats.dropped, 0, "and loses nothing");
  fake.step = NULL;
  start = fake.now;
  lwt__console_put(big, sizeof big);
  is_int(fake.now - start, LWT_S(1), "for one that is stuck, not for long");
  lwt__console_put(big, sizeof big);
  is_int(fake.now - start, LWT_S(1), "and not again");
  lwt_xen_console_stats(&stats);
  ok(stats.dropped >= 2 * sizeof big - 20000, "what is lost is counted");
  fake.step = listen_a_little;
  n_heard = 0;
  lwt_run(lwt_flow_close(lwt_xen_console()));
  heard[n_heard] = '\0';
  ok(strstr(heard, "bytes of output lost]"), "and told");
}

/* What is printed while a flow is being closed needs no event, the flow does. */
static void test_close(void)
{
  lwt_t *p;

  fake.step = NULL;
  n_heard = 0;
  lwt__console_put("one", 3);
  p = lwt_flow_close(lwt_xen_console());
  lwt__console_put("two", 3);
  ok(lwt_state(p) == LWT_PENDING, "close waits, and others print");
  lwt__xen_engine.wait(&lwt__xen_engine, fake.now + LWT_MS(1));
  is_int(fake.listed, 1, "the sleep ends when the reader has read");
  fake.step = listen_a_little;
  is_int(lwt_run(p), 0, "and so does close");
  is_int(n_heard, 6, "with all that was said");
  lwt__console_put("three", 5);
  lwt__xen_engine.wait(&lwt__xen_engine, fake.now + LWT_MS(1));
  is_int(fake.listed, 0, "then nobody needs an event");
}

static void body(void *env)
{
  struct lwt_flow *f = lwt_xen_console();
  char bytes[8];
  lwt_t *r = (lwt_t *)lwt_flow_read_buf(f, 8);
  lwt_t *w = lwt_flow_write_buf(f, lwt_buf_copy_in(0, big, 5000));

  (void)env;
  say("x");
  (void)lwt_run_value(r, NULL);
  (void)lwt_run_value(w, NULL);
  (void)lwt_run_value(lwt_flow_close(f), NULL);
  while (fake_console->in_prod != fake_console->in_cons)
    lwt__console_get(bytes, 8);
  n_heard = 0;
}

static void test_hostile(void)
{
  struct lwt_flow *f = lwt_xen_console();
  char bytes[8];

  lwt_drop((lwt_t *)lwt_flow_read(f, bytes, 8));
  fake_console->in_prod = fake_console->in_cons + 5000;
  fake_event(FAKE_CONSOLE_PORT);
  is_int(lwt_run((lwt_t *)lwt_flow_read(f, bytes, 8)), LWT_EPROTO, "an impossible index");
  fake_console->out_cons = fake_console->out_prod + 1;
  lwt__console_put("lost", 4);
  is_int(lwt_run(lwt_flow_write(f, "x", 1)), LWT_EPROTO, "and the other");
  is_int(lwt_run(lwt_flow_close(f)), 0, "close does not wait for it");
}

int main(void)
{
  struct lwt_test_result r;

  lwt_test_memory();
  is_int(fake_start(0xfffffe00u), 0, "indices just before 2^32");
  fake.now = LWT_S(1);
  is_int(lwt__console_init(), 0, "the console");
  test_write();
  test_read();
  test_printf();
  test_close();
  lwt_set_engine(&lwt__xen_engine);
  r = lwt_test_each_allocation(body, NULL, NULL);
  ok(r.runs && !r.alive && !r.lost, "each of %d allocations may fail", (int)r.runs);
  test_hostile();
  is_int(lwt_live(), 0, "no promise is left");
  return lwt_test_done();
}
