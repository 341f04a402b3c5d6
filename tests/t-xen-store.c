/* t-xen-store.c - the xenstore client: honest, slow and hostile servers.
 * SPDX-License-Identifier: ISC
 */
#include "../lwt-xen/store.h"
#include "fakestore.h"
#define LWT_TEST_SHORT
#include <lwt/test.h>

#include "child.h"

#include <string.h>

/* The value of a promise of text; NULL: rejected. */
static struct lwt_xs_value *get(lwt_xs_value_p *p)
{
  void *value = NULL;

  return lwt_run_value(LWT_UNTYPED(p), &value).code ? NULL : value;
}

static int code(lwt_t *p)
{
  return lwt_run_value(p, NULL).code;
}

static void test_operations(void)
{
  struct lwt_xs_value *v;
  char path[4000];

  is_int(code(lwt_xs_write_text(0, "data/a", "hello")), 0, "write");
  v = get(lwt_xs_read(0, "data/a"));
  ok(v && v->len == 5 && !strcmp(v->bytes, "hello"), "read");
  lwt_xs_free(v);
  is_int(code((lwt_t *)lwt_xs_read(0, "data/b")), LWT_ENOENT, "an error has its code");
  v = get(lwt_xs_directory(0, "data"));
  ok(v && v->len == 4800 && !strcmp(v->bytes + 4784, "a-long-name-299"),
     "a directory in parts");
  lwt_xs_free(v);
  is_int(code(lwt_xs_rm(0, "data/a")), 0, "rm");
  memset(path, 'x', sizeof path);
  path[2048] = '\0';
  is_int(code((lwt_t *)lwt_xs_read(0, path)), LWT_EINVAL, "a relative path too long");
  is_int(code((lwt_t *)lwt_xs_read(0, "")), LWT_EINVAL, "an empty path");
  is_int(code(lwt_xs_write(0, "data/a", path, 4096)), LWT_EMSGSIZE, "a value too long");
}

/* Text, or NULs inside. */
static int is_value(lwt_xs_value_p *p, const char *want, size_t len,
                    const char *what)
{
  struct lwt_xs_value *v = get(p);
  int right = v && v->len == len && !memcmp(v->bytes, want, len) && !v->bytes[len] &&
              !v->bytes[len + 1];

  ok(right, "%s", what);
  lwt_xs_free(v);
  return right;
}

static void test_rights(void)
{
  is_int(code(lwt_xs_mkdir(0, "data/dir")), 0, "mkdir");
  is_value(lwt_xs_read(0, "data/dir"), "", 0, "an empty node");
  is_value(lwt_xs_permissions(0, "data/dir"), "n0", 3, "with permissions");
  is_int(code(lwt_xs_set_permissions(0, "data/dir", "n5\0r3", 6)), 0, "others are set");
  is_value(lwt_xs_permissions(0, "data/dir"), "n5\0r3", 6, "which are then there");
  is_int(code(lwt_xs_set_permissions(0, "data/dir", "n5", 2)), LWT_EINVAL,
         "without their NUL xenstored does not want them");
  is_value(lwt_xs_permissions(0, "data/dir"), "n5\0r3", 6, "and nothing has changed");
  is_int(code(lwt_xs_set_permissions(0, "data/none", "n5", 3)), LWT_ENOENT,
         "nor of what is not there");
  is_int(code((lwt_t *)lwt_xs_permissions(0, "data/none")), LWT_ENOENT, "that has none");
  is_int(code(lwt_xs_mkdir(0, "")), LWT_EINVAL, "mkdir without a path");
  is_int(code(lwt_xs_rm(0, "data/dir")), 0, "rm");
  is_value(lwt_xs_domain_path(0), "/local/domain/0", 16, "the path of domain 0");
  is_value(lwt_xs_domain_path(65535), "/local/domain/65535", 20, "and of the last");
}

static void test_queue(void)
{
  lwt_t *ps[257];
  int i, n;

  for (i = 0; i < 257; i++)
    ps[i] = lwt_xs_write_text(0, "data/q", "a value that takes room in the ring");
  is_int(lwt_error(ps[256]).code, LWT_ENOBUFS, "256 wait at most");
  lwt_drop(ps[256]);
  for (i = n = 0; i < 256; i++)
    n += code(ps[i]) == 0;
  is_int(n, 256, "and all are answered");
}

static lwt_t *body(void *env, uint32_t tx)
{
  ++*(int *)env;
  return lwt_xs_write_text(tx, "data/t", "in a transaction");
}

static lwt_t *bad_body(void *env, uint32_t tx)
{
  (void)env;
  (void)tx;
  return lwt_fail(LWT_EIO, "bad_body");
}

static void test_transactions(void)
{
  lwt_t *p;
  int calls = 0;

  store.refuse = 5;
  is_int(code(lwt_xs_transaction(body, &calls)), 0, "a transaction");
  is_int(calls, 6, "again until it goes through");
  is_int(code(lwt_xs_transaction(bad_body, NULL)), LWT_EIO, "a failing body");
  code(lwt_xs_write_text(0, "data/x", "x"));
  ok(store.aborted >= 1, "gives it up");
  p = (lwt_t *)lwt_xs_start();
  lwt__events_scan();
  lwt_drop(p); /* on its way */
  code(lwt_xs_write_text(0, "data/x", "x"));
  code(lwt_xs_write_text(0, "data/x", "x"));
  is_int(store.started, store.ended, "one that nobody takes is ended");
  p = lwt_xs_transaction(body, &calls);
  lwt_run_ready();
  lwt_drop(p);
  code(lwt_xs_write_text(0, "data/x", "x"));
  code(lwt_xs_write_text(0, "data/x", "x"));
  is_int(store.started, store.ended, "one that is cancelled, too");
}

/* By hand: begun, ended either way. */
static void test_end(void)
{
  static const char *const wrong[] = { "abc", "0", "4294967296", "4294967297",
                                       "7x",  " " };
  unsigned ended = store.ended, aborted = store.aborted;
  void *tx = NULL;
  size_t i;

  is_int(lwt_run_value((lwt_t *)lwt_xs_start(), &tx).code, 0, "a transaction begins");
  is_int((intmax_t)(uintptr_t)tx, 99, "its number");
  is_int(code(lwt_xs_end((uint32_t)(uintptr_t)tx, 1)), 0, "it is committed");
  ok(store.ended == ended + 1 && store.aborted == aborted && store.tx == 99, "that one");
  strcpy(store.id, "4294967295");
  is_int(lwt_run_value((lwt_t *)lwt_xs_start(), &tx).code, 0, "the largest number");
  is_int(code(lwt_xs_end((uint32_t)(uintptr_t)tx, 0)), 0, "it is given up");
  ok(store.ended == ended + 2 && store.aborted == aborted + 1 && store.tx == UINT32_MAX,
     "that one");
  store.refuse = 1;
  is_int(code(lwt_xs_end(99, 1)), LWT_EAGAIN, "one that does not go through");
  for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    strcpy(store.id, wrong[i]);
    is_int(code((lwt_t *)lwt_xs_start()), LWT_EPROTO, "'%s' is no transaction", wrong[i]);
  }
  store.id[0] = '\0';
  store.started = store.ended; /* what none is is not ended */
  is_int(code(lwt_xs_write_text(0, "data/x", "x")), 0, "all else goes on");
}

static void test_watches(void)
{
  struct lwt_xs_watch *w;
  struct lwt_xs_value *v;
  lwt_xs_value_p *next;
  void *value = NULL;
  int i;

  is_int(lwt_run_value((lwt_t *)lwt_xs_watch("data/w"), &value).code, 0, "a watch");
  w = value;
  v = get(lwt_xs_watch_next(w));
  ok(v && !strcmp(v->bytes, "data/w"), "fires at once");
  lwt_xs_free(v);
  next = lwt_xs_watch_next(w);
  is_int(code((lwt_t *)lwt_xs_watch_next(w)), LWT_EBUSY, "one waits");
  lwt_drop((lwt_t *)next);
  next = lwt_xs_watch_next(w);
  code(lwt_xs_write_text(0, "data/w", "1"));
  v = get(next);
  ok(v != NULL, "fires again");
  lwt_xs_free(v);
  next = lwt_xs_watch_next(w);
  store_send(XS_WATCH_EVENT, 0, 0, "data/w", 6);
  store_send(XS_WATCH_EVENT, 0, 0, "", 0);
  store_event_to("", "data/w");
  store_event_to("nobody", "data/w");
  code(lwt_xs_write_text(0, "data/x", "x"));
  ok(lwt_state((lwt_t *)next) == LWT_PENDING,
     "events without a NUL, of no token and of another's are ignored");
  lwt_drop((lwt_t *)next);
  for (i = 0; i < 50; i++)
    code(lwt_xs_write_text(0, "data/w", "1"));
  for (i = 0; lwt_state((lwt_t *)(next = lwt_xs_watch_next(w))) == LWT_FULFILLED; i++)
    lwt_drop((lwt_t *)next);
  is_int(i, 33, "32 events wait, and one for the rest");
  lwt_xs_unwatch(w);
  is_int(code((lwt_t *)next), LWT_ECONNABORTED, "unwatch rejects who waits");
  code(lwt_xs_write_text(0, "data/x", "x"));
  is_int(store.unwatched, 1, "and says so");
  is_int(lwt_run_value((lwt_t *)lwt_xs_watch("data/w"), &value).code, 0, "another");
  lwt_test_fail(1, 1);
  lwt_xs_unwatch(value);
  lwt_test_fail_no_more();
  code(lwt_xs_write_text(0, "data/x", "x"));
  is_int(store.unwatched, 2, "also without memory");
  lwt_drop((lwt_t *)lwt_xs_watch("data/w"));
  code(lwt_xs_write_text(0, "data/x", "x"));
}

static void everything(void *env)
{
  struct lwt_xs_watch *w = NULL;
  void *value = NULL;
  int calls = 0;

  (void)env;
  (void)code(lwt_xs_write_text(0, "data/a", "hello"));
  lwt_xs_free(get(lwt_xs_read(0, "data/a")));
  lwt_xs_free(get(lwt_xs_directory(0, "data")));
  (void)code(lwt_xs_transaction(body, &calls));
  if (!lwt_run_value((lwt_t *)lwt_xs_watch("data/w"), &value).code)
    w = value;
  if (w) {
    lwt_xs_free(get(lwt_xs_watch_next(w)));
    lwt_xs_unwatch(w);
  }
  lwt_test_fail_no_more();
  (void)code(lwt_xs_write_text(0, "data/a", "hello")); /* all answers are in */
}

/* Watches, the clock and transactions go on; ports of devices are gone. */
static void test_suspend(int cancel)
{
  struct lwt_xs_watch *w;
  struct lwt_xs_value *v;
  lwt_xs_value_p *next;
  lwt_xen_count_p *count;
  void *value = NULL;
  uint64_t before;
  uint32_t port;
  lwt_t *tx;
  int calls = 0;

  if (lwt_run_value((lwt_t *)lwt_xs_watch("data/w"), &value).code)
    return;
  w = value;
  lwt_xs_free(get(lwt_xs_watch_next(w)));
  next = lwt_xs_watch_next(w);
  is_int(lwt_xen_port_alloc(0, &port), 0, "a port");
  count = lwt_xen_port_after(port, 0);
  tx = lwt_xs_transaction(body, &calls);
  fake.now = LWT_S(500);
  before = lwt_now();
  fake.cancel_suspend = cancel;
  lwt__events_scan(); /* the transaction's first request is on its way */
  lwt__suspend_ask();
  is_int(code(tx), 0, "a transaction across it");
  is_int(code(lwt_sleep(LWT_MS(20))), 0, "a sleep");
  is_int(fake.suspends, 1, "suspended once");
  is_int(fake.hasty, 0, "with nothing on its way");
  ok(cancel || fake.now < LWT_S(2), "timers go on by the new host's clock");
  fake.suspends = 0;
  ok(lwt_now() >= before + LWT_MS(20) && lwt_now() < before + LWT_S(1), "time goes on");
  if (cancel) {
    ok(lwt_state((lwt_t *)count) == LWT_PENDING, "cancelled: the port is still there");
    lwt_drop((lwt_t *)count);
    lwt_xen_port_close(port);
    code(lwt_xs_write_text(0, "data/w", "1"));
  } else {
    is_int(code((lwt_t *)count), LWT_ESHUTDOWN, "a port of before is gone");
    count = lwt_xen_port_after(port, 0);
    is_int(code((lwt_t *)count), LWT_EBADF, "for good");
  }
  v = get(next);
  ok(v && !strcmp(v->bytes, "data/w"), "the watch fires");
  lwt_xs_free(v);
  lwt_xs_unwatch(w);
}

/* A domain without memory goes on: the watches are there, and an unwatch is said. */
static void test_suspend_poor(void)
{
  struct lwt_xs_watch *w[2];
  void *value = NULL;
  unsigned unwatched, i;

  for (i = 0; i < 2; i++)
    w[i] = lwt_run_value((lwt_t *)lwt_xs_watch("data/w"), &value).code ? NULL : value;
  if (!ok(w[0] && w[1], "two watches"))
    return;
  for (i = 0; i < 2; i++)
    lwt_xs_free(get(lwt_xs_watch_next(w[i])));
  memset(store.watch, 0, sizeof store.watch); /* another host's */
  unwatched = store.unwatched;
  fake.cancel_suspend = 0;
  fake.ended = 0;
  lwt_test_fail(1, 1);
  lwt__suspend_ask();
  lwt__suspend_look();
  is_int(fake.suspends, 1, "suspended without memory");
  fake.suspends = 0;
  is_int(fake.ended, 0, "and goes on");
  lwt_xs_unwatch(w[1]); /* before anything is sent */
  lwt_test_fail_no_more();
  code(lwt_xs_write_text(0, "data/x", "x"));
  is_int(store.unwatched - unwatched, 0, "what was not said need not be taken back");
  lwt_xs_free(get(lwt_xs_watch_next(w[0])));
  code(lwt_xs_write_text(0, "data/w", "1"));
  lwt_xs_free(get(lwt_xs_watch_next(w[0])));
  lwt_xs_unwatch(w[0]);
  code(lwt_xs_write_text(0, "data/x", "x"));
  is_int(store.unwatched - unwatched, 1, "the other one fired, twice, and is over");
}

/* ---- A program that never stops asking ----------------------------------------- */

static unsigned rounds;
static int go_on;

struct chain {
  struct lwt_frame frame;
  int in_transactions;
  int calls;
};

LWT_STEP chain_step(struct lwt_frame *frame)
{
  struct chain *s = (struct chain *)frame;

  lwt_begin(s);
  for (; go_on; rounds++)
    lwt_await(s, s->in_transactions ? lwt_xs_transaction(body, &s->calls)
                                    : lwt_xs_write_text(0, "data/c", "x"));
  lwt_end(s);
}

static unsigned watched(const char *path)
{
  unsigned i, n = 0;

  for (i = 0; i < 16; i++)
    n += !strcmp(store.watch[i].path, path);
  return n;
}

static void test_suspend_busy(int cancel)
{
  struct lwt_xs_watch *w;
  void *value = NULL;
  lwt_t *chains[2], *tx, *watch;
  unsigned i, before;

  fake.cancel_suspend = cancel;
  fake.suspends = 0;
  go_on = 1;
  for (i = 0; i < 2; i++)
    chains[i] = LWT_GO(struct chain, chain_step, .in_transactions = (int)i);
  for (i = 0; i < 5; i++)
    code(lwt_xs_write_text(0, "data/x", "x"));
  is_int(lwt_run_value((lwt_t *)lwt_xs_start(), &value).code, 0, "a transaction");
  memset(store.watch, 0, sizeof store.watch);
  lwt__suspend_ask();
  is_int(lwt__store_ask(XS_WRITE, "data/now", "x", NULL), 0, "who blocks is answered");
  tx = lwt_xs_write_text((uint32_t)(uintptr_t)value, "data/t", "x");
  watch = (lwt_t *)lwt_xs_watch("data/v");
  lwt__suspend_ask(); /* impatient */
  for (i = 0; i < 100 && !fake.suspends; i++)
    code(lwt_xs_write_text(0, "data/x", "x"));
  is_int(fake.suspends, 1, "a program that never stops asking is suspended: %u", i);
  is_int(fake.hasty, 0, "with nothing on its way");
  before = rounds;
  is_int(code(tx), cancel ? 0 : LWT_EAGAIN, "the transaction is%s gone",
         cancel ? " not" : "");
  is_int(lwt_run_value(watch, &value).code, 0, "a watch of meanwhile is there");
  w = value;
  is_int((intmax_t)watched("data/v"), 1, "once");
  lwt_xs_free(get(lwt_xs_watch_next(w)));
  lwt_xs_unwatch(w);
  for (i = 0; i < 10; i++)
    is_int(code(lwt_xs_write_text(0, "data/x", "x")), 0, "it goes on");
  ok(rounds >= before + 10, "all of it does");
  is_int(fake.suspends, 1, "once is enough");
  go_on = 0;
  is_int(code(chains[0]), 0, "the writes");
  is_int(code(chains[1]), 0, "the transactions");
  fake.suspends = 0;
}

/* Removed while xenstored is being told of it. */
static void test_unwatch_early(void)
{
  unsigned unwatched = store.unwatched;
  lwt_t *p = (lwt_t *)lwt_xs_watch("data/w");

  store.deaf = 1;
  lwt__events_scan();
  lwt_drop(p);
  store.deaf = 0;
  code(lwt_xs_write_text(0, "data/x", "x"));
  code(lwt_xs_write_text(0, "data/x", "x"));
  is_int(store.unwatched - unwatched, 1, "a watch is taken back when it is answered");
}

/* The toolstack asks; nobody listens, then somebody does. */
static void test_shutdown(void)
{
  lwt_t *p;

  fake.ended = 0;
  lwt__lifecycle_start();
  code(lwt_xs_write_text(0, "data/x", "x"));
  code(lwt_xs_write_text(0, "control/shutdown", "reboot"));
  code(lwt_xs_write_text(0, "data/x", "x"));
  code(lwt_xs_write_text(0, "data/x", "x"));
  is_int(fake.ended, SHUTDOWN_reboot + 1, "a program that does not listen is ended");
  p = lwt_platform_shutdown();
  lwt_drop(p);
  p = lwt_platform_shutdown();
  code(lwt_xs_write_text(0, "control/shutdown", "poweroff"));
  is_int(code(p), 0, "one that listens is told");
  is_int(lwt__lifecycle_reason(), SHUTDOWN_poweroff, "and why");
}

/* The end of the program: what it says last, and a xenstored that does not hear. */
static void test_exit(void)
{
  void (*step)(void) = fake.step;
  uint64_t before;

  lwt__lifecycle_exit(0);
  lwt__store_flush(LWT_S(1));
  is_int(store_find("data/exit-status", 0), -1, "status 0 is not written");
  lwt__lifecycle_exit(42);
  lwt__store_flush(LWT_S(1));
  is_str(store.node[store_find("data/exit-status", 1)].value, "42", "42 is");
  code(lwt_xs_write_text(0, "data/x", "x"));
  lwt__lifecycle_exit(200);
  fake.step = NULL;
  before = fake.now;
  lwt__store_flush(LWT_MS(100));
  is_int((int64_t)(fake.now - before), LWT_MS(100), "no longer than its patience");
  fake.step = step;
  code(lwt_xs_write_text(0, "data/x", "x"));
  is_str(store.node[store_find("data/exit-status", 1)].value, "200", "it was sent");
}

static int test_hostile(const char *how)
{
  struct xsd_sockmsg h = { XS_READ, 12345, 0, 4 };
  lwt_t *p = (lwt_t *)lwt_xs_read(0, "data/x");

  store.deaf = 1;
  if (!strcmp(how, "request index"))
    fake_store->req_cons = fake_store->req_prod + 1;
  else if (!strcmp(how, "far request index"))
    fake_store->req_cons = fake_store->req_prod - 1025;
  lwt__events_scan();
  if (!strcmp(how, "index")) {
    fake_store->rsp_prod = fake_store->rsp_cons + 1025;
  } else if (!strcmp(how, "index that goes back")) {
    fake_store->rsp_prod = fake_store->rsp_cons - 1;
  } else if (!strcmp(how, "type")) {
    store.deaf = 0;
    store.wrong = XS_WRITE - XS_READ;
    fake_store_step();
  } else if (strstr(how, "request")) {
    ok(lwt_state(p) == LWT_REJECTED, "nothing is sent");
  } else {
    if (!strcmp(how, "length"))
      h.len = 5000;
    store_send(h.type, h.req_id, 0, "none", 4);
    if (!strcmp(how, "length"))
      memcpy(store.out + store.n_out - 4 - sizeof h, &h, sizeof h);
    fake_store_step();
  }
  fake_event(FAKE_STORE_PORT);
  lwt__events_scan();
  if (!strcmp(how, "unasked")) {
    ok(lwt_state(p) == LWT_PENDING, "an answer to nothing is ignored");
    lwt_drop(p);
    store.n_in = 0;
    store.deaf = 0;
    return 1;
  }
  return is_int(code(p), LWT_EPROTO, "%s: an error", how) &
         is_int(code(lwt_xs_rm(0, "data/a")), LWT_EPROTO, "%s: for good", how);
}

/* The connection is given up for good, so each gets a process. */
static int hostile(void *how)
{
  return !test_hostile(how) || lwt_live() != 0;
}

int main(void)
{
  struct lwt_test_result r;

  lwt_test_memory();
  is_int(fake_start(0xffffff00u), 0, "indices just before 2^32");
  fake.now = LWT_S(1);
  fake.step = fake_store_step;
  test_operations();
  test_rights();
  test_queue();
  test_transactions();
  test_end();
  test_watches();
  store.pace = 1;
  test_operations();
  test_rights();
  test_transactions();
  test_end();
  store.pace = 4096;
  r = lwt_test_each_allocation(everything, NULL, NULL);
  ok(r.runs && !r.alive && !r.lost, "each of %d allocations may fail", (int)r.runs);
  test_suspend(0);
  test_suspend(1);
  test_suspend_poor();
  test_suspend_busy(0);
  test_suspend_busy(1);
  test_unwatch_early();
  test_shutdown();
  test_exit();
  test_hostile("unasked");
  is_int(in_child(hostile, "index"), 0, "an impossible index");
  is_int(in_child(hostile, "index that goes back"), 0, "an index that goes back");
  is_int(in_child(hostile, "request index"), 0, "requests taken that were not made");
  is_int(in_child(hostile, "far request index"), 0,
         "more requests than the ring has room");
  is_int(in_child(hostile, "type"), 0, "an answer to another operation");
  test_hostile("length");
  is_int(lwt_live(), 0, "no promise is left");
  return lwt_test_done();
}
