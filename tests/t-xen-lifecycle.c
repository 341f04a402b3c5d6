/* t-xen-lifecycle.c - what the toolstack asks for is heard, memory or not.
 * SPDX-License-Identifier: ISC
 *
 * Listening begins once in a program, so each case is a process.
 */
#include "../lwt-xen/store.h"
#include "fakestore.h"
#define LWT_TEST_SHORT
#include <lwt/test.h>

#include "child.h"

#include <string.h>

#define WORD "control/shutdown"
#define NO_FAILURE 2

/* Turns of the run loop that need no memory: of a millisecond each. */
static void turns(unsigned n)
{
  while (n--)
    lwt__xen_engine.wait(&lwt__xen_engine, lwt__xen_now() + LWT_MS(1));
}

static const char *node(const char *path)
{
  int i = store_find(path, 0);

  return i < 0 ? "(none)" : store.node[i].value;
}

static int is_told(void)
{
  return !strcmp(node("control/feature-poweroff"), "1") &&
         !strcmp(node("control/feature-reboot"), "1") &&
         !strcmp(node("control/feature-suspend"), "1");
}

struct fault {
  size_t first;
  int all;
};

/* From `first` on there is no memory, or once (not all), while a program that does
 * not listen is asked to reboot. */
static int poor(void *env)
{
  const struct fault *fault = env;

  lwt_test_fail(fault->first, fault->all);
  lwt_platform_engine();
  turns(3);
  store_write(WORD, "reboot", 6);
  turns(3);
  lwt_test_fail_no_more();
  turns(250);
  if (!ok(is_told(), "the features are told") ||
      !is_str(node(WORD), "", "the word is taken away") ||
      !is_int(fake.ended, SHUTDOWN_reboot + 1, "and obeyed"))
    return 1;
  return lwt_test_counted().failed ? 0 : NO_FAILURE;
}

static void test_memory(void)
{
  struct fault f = { .first = 1 };
  int status = 0;

  for (; status == 0; f.first++)
    for (f.all = 0; f.all <= 1 && (status = in_child(poor, &f)) == 0; f.all++)
      ;
  is_int(status, NO_FAILURE, "heard, whichever of %d allocations fails",
         (int)f.first - 2);
  ok(f.first > 10, "and those that follow");
}

/* Two events before the first answer: the word is obeyed once, and a program that
 * has been told has its time. */
static int twice(void *env)
{
  lwt_t *p;

  (void)env;
  lwt_platform_engine();
  p = lwt_platform_shutdown();
  turns(3);
  store_write(WORD, "poweroff", 8);
  store_changed(WORD);
  turns(3);
  if (!ok(lwt_state(p) == LWT_FULFILLED, "told") || !is_int(fake.ended, 0, "not ended"))
    return 1;
  lwt_drop(p);
  p = lwt_platform_shutdown();
  turns(3);
  if (!ok(lwt_state(p) == LWT_PENDING, "once"))
    return 1;
  store_write(WORD, "reboot", 6);
  turns(3);
  if (!ok(lwt_state(p) == LWT_FULFILLED, "the next word is another"))
    return 1;
  lwt_drop(p);
  return lwt_live() != 0;
}

/* Another word while the first one is being read is not missed. */
static int change(void *env)
{
  (void)env;
  lwt_platform_engine();
  turns(3);
  store.deaf = 1; /* the answer is on its way for long */
  store_write(WORD, "", 0);
  turns(3);
  store_write(WORD, "reboot", 6);
  store.deaf = 0;
  turns(10);
  return !is_int(fake.ended, SHUTDOWN_reboot + 1, "heard");
}

/* The program's own requests fill the queue. */
static int crowded(void *env)
{
  lwt_t *p[257];
  int n;

  (void)env;
  lwt_platform_engine();
  turns(3);
  store_write(WORD, "reboot", 6);
  fake_store_step(); /* the event is there, and behind it no room */
  for (n = 0; n <= 256; n++) {
    p[n] = lwt_xs_write_text(0, "data/q", "x");
    if (lwt_state(p[n]) == LWT_REJECTED)
      break;
  }
  is_int(lwt_error(p[n]).code, LWT_ENOBUFS, "the queue is full");
  turns(2);
  is_int(fake.ended, 0, "not yet");
  turns(250);
  do
    lwt_drop(p[n]);
  while (n--);
  return !is_int(fake.ended, SHUTDOWN_reboot + 1, "later") || lwt_live() != 0;
}

/* The exit status is told without memory, behind all else. */
static int leave(void *env)
{
  lwt_t *p[200];
  int i;

  lwt_platform_engine();
  for (i = 0; i < 200; i++)
    p[i] = lwt_xs_write_text(0, "data/q", "x");
  (void)env;
  lwt_test_fail(1, 1);
  lwt__lifecycle_exit(42);
  lwt__store_flush(LWT_S(1));
  lwt_test_fail_no_more();
  for (i = 0; i < 200; i++)
    lwt_drop(p[i]);
  return !is_str(node("data/exit-status"), "42", "told");
}

int main(void)
{
  lwt_test_memory();
  is_int(fake_start(0), 0, "a hypervisor");
  fake.now = LWT_S(1);
  fake.step = fake_store_step;
  test_memory();
  is_int(in_child(twice, NULL), 0, "two events, one word");
  is_int(in_child(change, NULL), 0, "a word behind another");
  is_int(in_child(crowded, NULL), 0, "when there is room in the queue again");
  is_int(in_child(leave, NULL), 0, "the exit status, without memory");
  is_int(lwt_live(), 0, "no promise is left");
  return lwt_test_done();
}
