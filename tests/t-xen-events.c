/* t-xen-events.c - event channels, the engine's sleep, grants, clocks.
 * SPDX-License-Identifier: ISC
 */
#include "fakexen.h"
#define LWT_TEST_SHORT
#include <lwt/test.h>
#include <string.h>

static uint32_t a[200], b[200];

/* ---- Waiting ----------------------------------------------------------------- */

static uint32_t later;
static void send_later(void)
{
  if (later)
    fake_event(later);
  later = 0;
}

static void test_counts(void)
{
  lwt_xen_count_p *p;
  uint32_t port, other;
  int n;

  n = lwt_xen_port_alloc(0, &port);
  is_int(n, 0, "a port");
  is_int(lwt_xen_port_connect(0, 4000, &other), LWT_EINVAL, "nothing to connect to");
  is_int(lwt_xen_port_connect(0, port, &other), 0, "the other end");
  p = lwt_xen_port_after(other, 0);
  is_int(lwt_run(LWT_UNTYPED(p)), 0, "an event at once, as Xen gives it");
  p = lwt_xen_port_after(port, 0);
  ok(lwt_state(LWT_UNTYPED(p)) == LWT_PENDING, "none at the first end yet");
  lwt_xen_port_notify(other);
  is_int(lwt_run(LWT_UNTYPED(p)), 0, "an event comes");
  lwt_xen_port_notify(other);
  lwt__events_scan();
  lwt_xen_port_notify(other);
  lwt__events_scan();
  p = lwt_xen_port_after(port, 1);
  ok(lwt_state(LWT_UNTYPED(p)) == LWT_FULFILLED &&
       (uintptr_t)lwt_value(LWT_UNTYPED(p)) == 3,
     "what came between two waits is not lost");
  lwt_drop(LWT_UNTYPED(p));
  p = lwt_xen_port_after(port, 3);
  lwt_drop(LWT_UNTYPED(p));
  p = lwt_xen_port_after(port, 3);
  lwt_xen_port_close(port);
  is_int(lwt_error(LWT_UNTYPED(p)).code, LWT_ECONNABORTED, "closing rejects who waits");
  lwt_drop(LWT_UNTYPED(p));
  lwt_xen_port_close(port);
  p = lwt_xen_port_after(port, 0);
  is_int(lwt_error(LWT_UNTYPED(p)).code, LWT_EBADF, "a port that is not there");
  lwt_drop(LWT_UNTYPED(p));
  lwt_xen_port_close(other);
}

static void test_sleep(void)
{
  lwt_xen_count_p *p;
  uint32_t port;
  uint64_t start = fake.now;

  is_int(lwt_run(lwt_sleep(LWT_MS(30))), 0, "a sleep");
  is_int(fake.now - start, LWT_MS(30), "which ends at its deadline");
  is_int(fake.deadline, start + LWT_MS(30), "the hypercall has it");
  if (lwt_xen_port_alloc(0, &port))
    return;
  p = lwt_xen_port_after(port, 0);
  later = port;
  fake.step = send_later;
  is_int(lwt_run(LWT_UNTYPED(p)), 0, "an event while asleep");
  is_int(fake.deadline, 0, "without a deadline where none is set");
  fake.step = NULL;
  lwt_xen_port_close(port);
  is_int(lwt_run(lwt_sleep_until(LWT_NEVER)), LWT_EDEADLK, "nothing can wake the loop");
  is_int(fake.masked_off, 0, "all ports stay masked");
}

/* ---- More than SCHEDOP_poll takes ---------------------------------------------- */

static void test_many(void)
{
  lwt_t *ps[200];
  uint64_t start;
  int i, made = 0;

  for (i = 0; i < 200; i++)
    made += !lwt_xen_port_alloc(0, &a[i]) && !lwt_xen_port_connect(0, a[i], &b[i]);
  is_int(made, 200, "400 ports");
  lwt__events_scan(); /* the first events of the connected ends */
  for (i = 0; i < 200; i++)
    ps[i] = (lwt_t *)lwt_xen_port_after(a[i], 0);
  start = fake.now;
  is_int(lwt_run(lwt_sleep(LWT_MS(35))), 0, "a sleep beside them");
  is_int(fake.now - start, LWT_MS(35), "ends in time");
  ok(fake.polls && !fake.too_many, "no poll lists more than 128");
  for (i = 0; i < 200; i++)
    lwt_xen_port_notify(b[i]);
  is_int(lwt_run(lwt_join(200, ps)), 0, "an event for each arrives");
  /* An event between the look and the call, on whichever port. */
  fake.race = send_later;
  start = fake.now;
  for (i = 0; i < 200; i++) {
    later = a[i];
    made -= lwt_run((lwt_t *)lwt_xen_port_after(a[i], 1)) == 0;
  }
  fake.race = NULL;
  is_int(made, 0, "an event just before the guest is asleep is not slept over");
  is_int(fake.forever, 0, "no sleep is without end");
  ok(fake.now - start <= 200 * LWT_MS(10), "or longer than the cap");
  fake.step = NULL;
  for (i = 0; i < 200; i++) {
    lwt_xen_port_close(a[i]);
    lwt_xen_port_close(b[i]);
  }
  fake.polls = 0;
  start = fake.now;
  is_int(lwt_run(lwt_sleep(LWT_S(60))), 0, "a minute with few ports");
  ok(fake.polls <= 2, "is one sleep");
  is_int(lwt__events_ports(), 0, "no port is left");
}

static unsigned listed_for(uint64_t time)
{
  is_int(lwt_run(lwt_sleep(time)), 0, "a sleep");
  return fake.listed;
}

static void test_quiet(void)
{
  static struct lwt__port ps[130];
  struct lwt__port *p = &ps[0];
  lwt_t *waiting;
  unsigned i, made = 0;

  for (i = 0; i < 2; i++)
    made += !lwt__port_alloc(&ps[i], 0);
  is_int(made, 2, "two ports");
  is_int(listed_for(LWT_MS(1)), 2, "both are looked at");
  lwt__port_quiet(p, 1);
  lwt__port_quiet(p, 1);
  is_int(listed_for(LWT_MS(1)), 1, "but not one that is quiet");
  fake_event(p->number);
  is_int(listed_for(LWT_MS(1)), 1, "nor after an event");
  is_int((intmax_t)p->count, 1, "which is taken nevertheless");
  fake.polls = 0;
  later = p->number;
  fake.race = send_later;
  is_int(listed_for(LWT_MS(1)), 1, "and just before the guest is asleep");
  fake.race = NULL;
  is_int(fake.polls, 1, "it ends no sleep");
  waiting = (lwt_t *)lwt__port_after(p, p->count + 1, "here");
  is_int(listed_for(LWT_MS(1)), 2, "when somebody waits for one, it is not quiet");
  lwt_drop(waiting);
  for (made = 0, i = 2; i < 130; i++)
    made += !lwt__port_alloc(&ps[i], 0);
  is_int(made, 128, "130 ports");
  fake.polls = 0;
  is_int(listed_for(LWT_MS(100)), 128, "of which as many as can be");
  ok(fake.polls >= 10, "so that sleeps are short");
  for (i = 0; i < 2; i++)
    lwt__port_quiet(&ps[2 * i], 1);
  fake.polls = 0;
  is_int(listed_for(LWT_MS(100)), 128, "two quiet ones make room for two");
  is_int(fake.polls, 1, "and for long sleeps");
  lwt__port_quiet(p, 0);
  lwt__port_quiet(p, 1);
  for (i = 0; i < 130; i++)
    lwt__port_free(&ps[i]);
  is_int(lwt__events_ports(), 0, "no port is left");
  is_int(listed_for(LWT_MS(1)), 0, "nor listed");
}

static void allocate(void *env)
{
  lwt_xen_count_p *p;
  uint32_t port;

  (void)env;
  if (lwt_xen_port_alloc(0, &port))
    return;
  p = lwt_xen_port_after(port, 0);
  lwt_xen_port_close(port);
  lwt_drop((lwt_t *)p);
}

static void test_memory(void)
{
  struct lwt_test_result r = lwt_test_each_allocation(allocate, NULL, NULL);
  int i, in_use = 0;

  ok(r.runs && !r.alive && !r.lost, "each of %d allocations may fail", (int)r.runs);
  for (i = 3; i < 4096; i++)
    in_use += fake.port[i] != 0;
  is_int(in_use, 0, "no port is left open in the hypervisor");
}

/* ---- Clocks ---------------------------------------------------------------------- */

static void test_clock(void)
{
  struct vcpu_time_info *t = &fake_shared->vcpu_info[0].time;
  uint64_t before = lwt_now();

  t->tsc_timestamp = fake.now + 1000;
  t->system_time = before;
  is_int(lwt_now(), before, "a counter before its time stamp is the time stamp");
  t->tsc_timestamp = fake.now - LWT_S(5);
  t->system_time = 0;
  ok(lwt_now() >= before, "time does not go back");
  t->tsc_timestamp = (uint64_t)0 - LWT_S(9); /* before the counter's zero */
  t->system_time = before;
  is_int(lwt_now(), before + fake.now + LWT_S(9), "a time stamp before zero");
  t->tsc_timestamp = 0;
  t->system_time = 0;
  fake.now = lwt_now();
  fake_shared->wc_sec = 1000;
  fake_shared->wc_nsec = 5;
  is_int(lwt_platform_wallclock(), (int64_t)(1000000000005u + lwt_now()), "Unix time");
  fake_shared->wc_sec_hi = 1;
  ok(lwt_platform_wallclock() > (int64_t)1 << 60, "after 2106");
}

/* ---- Grants ------------------------------------------------------------------------ */

static void test_grants(void)
{
  void *page, *first;
  uint32_t ref, refs[3000];
  int n, error;

  lwt_test_fail(1, 0);
  is_int(lwt__grant_page(3, 0, &page, &ref), LWT_ENOMEM, "no memory for the table");
  lwt_test_fail_no_more();
  fake.page_fail = 1;
  is_int(lwt__grant_page(3, 0, &page, &ref), LWT_ENOMEM, "no page");
  is_int(lwt__grant_page(3, 1, &page, &ref), 0, "a page");
  ok(ref >= 8, "the toolstack's references are not used");
  ok(fake.grants[ref].domid == 3 && fake.grants[ref].frame == hypercall_frame(page) &&
       fake.grants[ref].flags == (GTF_permit_access | GTF_readonly),
     "as granted");
  fake.grants[ref].flags |= GTF_reading;
  first = page;
  is_int(lwt__grant_end(ref), LWT_EBUSY, "still mapped: parked");
  ok(fake.pages == 1 && lwt__grant_stats().parked == 1, "the page is not freed");
  fake.grants[ref].flags &= (uint16_t)~GTF_reading;
  is_int(lwt__grant_stats().parked, 0, "freed when it is let go");
  is_int(fake.pages, 0, "with its page");
  ok(fake.grants[ref].flags == 0, "and the entry");
  (void)first;
  for (n = 0; n < 3000 && !(error = lwt__grant_page(1, 0, &page, &refs[n])); n++)
    memset(page, 0xaa, XEN_PAGE);
  is_int(error, LWT_ENOSPC, "the host's limit");
  is_int(n, 4 * 512 - 8, "which is reached");
  while (n--)
    lwt__grant_end(refs[n]);
  is_int(fake.pages, 0, "no page is left");
  is_int(lwt__grant_page(1, 0, &page, &ref), 0, "again");
  for (n = 0; n < (int)XEN_PAGE && !((char *)page)[n]; n++)
    ;
  is_int(n, XEN_PAGE, "a page is zeroed before it is granted");
  lwt__grant_end(ref);
  fake.random_fails = 1;
  is_int(lwt_platform_random(page = &ref, sizeof ref), LWT_EIO, "no entropy says so");
}

/* Grant a page, end it while it is mapped, and let it go. */
static uint32_t park(void)
{
  void *page;
  uint32_t ref = 0;

  if (!is_int(lwt__grant_page(3, 0, &page, &ref), 0, "a page"))
    return 0;
  fake.grants[ref].flags |= GTF_reading;
  is_int(lwt__grant_end(ref), LWT_EBUSY, "is parked");
  return ref;
}

static void let_go(uint32_t ref)
{
  fake.grants[ref].flags &= (uint16_t)~GTF_reading;
}

/* What is parked is memory, too. */
static void test_parked(void)
{
  void *page;
  uint32_t ref = park(), other, two[2];

  let_go(ref);
  fake.page_fail = 1;
  if (is_int(lwt__grant_page(3, 0, &page, &other), 0, "a page where there was none"))
    lwt__grant_end(other);
  is_int((intmax_t)fake.pages, 0, "in place of the parked one");
  ref = park();
  is_int(lwt__grant_pages(3, 2, &page, two), 0, "two pages");
  is_int((intmax_t)fake.pages, 3, "beside one that is mapped still");
  lwt__grant_end(two[0]);
  lwt__grant_end(two[1]);
  let_go(ref);
  is_int(lwt__grant_pages(3, 2, &page, two), 0, "two others");
  is_int((intmax_t)fake.pages, 2, "the third is free");
  lwt__grant_end(two[0]);
  lwt__grant_end(two[1]);
  ref = park();
  fake.grants[ref].flags = 0; /* another host's table */
  is_int(lwt__grants_resume(), 0, "a resume");
  is_int((intmax_t)fake.pages, 0, "lets go of all");
}

int main(void)
{
  lwt_test_memory();
  is_int(fake_start(0), 0, "the shared page");
  fake.now = LWT_S(1);
  ok(fake_shared->evtchn_mask[0] == ~0ul && fake_shared->evtchn_mask[63] == ~0ul,
     "every port is masked");
  test_counts();
  test_sleep();
  test_many();
  test_quiet();
  test_memory();
  test_clock();
  test_grants();
  test_parked();
  is_int(lwt_live(), 0, "no promise is left");
  return lwt_test_done();
}
