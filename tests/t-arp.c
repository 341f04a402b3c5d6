/* t-arp.c - neighbours: asked for, answered, aged, refused.
 * SPDX-License-Identifier: ISC
 */
#include "netlab.h"

static struct lwt_udp *udp;
static const char *const who9 = "* arp who-has 10.0.0.9 tell 10.0.0.2";

static void start(const struct lwt_net_config *config)
{
  struct lwt_addr any = lab_addr("0.0.0.0", 7);

  lab_start(config);
  is_int(lwt_stack_udp(lab_stack, &any, &udp), 0, "an endpoint");
}

static void end(void)
{
  lwt_udp_close(udp);
  lab_end();
}

/* Send "x" from port 7. */
static lwt_t *send_to(const char *ip)
{
  struct lwt_addr to = lab_addr(ip, 1000);

  return lwt_udp_send(udp, &to, "x", 1);
}

static void settled(lwt_t *p, int code, const char *what)
{
  settle();
  ok(lwt_state(p) != LWT_PENDING && lwt_error(p).code == code, "%s", what);
  lwt_drop(p);
}

static void test_answer(void)
{
  start(NULL);
  lab_arp("*", 1, "10.0.0.9", "10.0.0.2");
  inject();
  got("02 arp 10.0.0.2 is-at 01 to 10.0.0.9");
  settled(send_to("10.0.0.9"), 0, "who asks is known");
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1 'x'");
  lab_arp("*", 1, "0.0.0.0", "10.0.0.2");
  inject();
  got("02 arp 10.0.0.2 is-at 01 to 0.0.0.0");
  lab_arp("*", 1, "10.0.0.9", "10.0.0.3");
  inject();
  lab_arp("01", 2, "10.0.0.8", "10.0.0.2");
  inject();
  lab_arp("*", 1, "192.168.1.9", "10.0.0.2");
  inject();
  lab_arp("*", 1, "10.0.0.255", "10.0.0.2");
  inject();
  got("02 arp 10.0.0.2 is-at 01 to 10.0.0.255");
  quiet();
  is_int(STAT(arp_ignored), 3, "questions for others and unasked answers do nothing");
  lwt_drop(send_to("10.0.0.8"));
  got("* arp who-has 10.0.0.8 tell 10.0.0.2");
  end();
}

static void test_resolve(void)
{
  lwt_t *p, *q;

  start(NULL);
  p = send_to("10.0.0.9");
  q = send_to("10.0.0.9");
  got(who9);
  advance(LWT_MS(999));
  quiet();
  advance(LWT_MS(2));
  got(who9);
  is_int(lwt_state(p), LWT_PENDING, "sending waits");
  lab_arp("01", 2, "10.0.0.9", "10.0.0.2");
  inject();
  settled(p, 0, "sent");
  settled(q, 0, "both");
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1 'x'");
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1 'x'");
  advance(LWT_S(10));
  quiet();
  end();
}

static void test_unreachable(void)
{
  lwt_t *p;

  start(NULL);
  p = send_to("10.0.0.9");
  advance(LWT_S(3) - 1);
  is_int(lwt_state(p), LWT_PENDING, "asked three times");
  got(who9);
  got(who9);
  got(who9);
  advance(1);
  settled(p, LWT_EHOSTUNREACH, "nobody answers");
  settled(send_to("10.0.0.9"), LWT_EHOSTUNREACH, "not asked again at once");
  quiet();
  advance(LWT_S(1));
  p = send_to("10.0.0.9");
  got(who9);
  lwt_drop(p);
  p = send_to("10.0.0.8");
  got("* arp who-has 10.0.0.8 tell 10.0.0.2");
  lab_arp("01", 2, "10.0.0.9", "10.0.0.2");
  inject();
  quiet();
  advance(LWT_S(4));
  settled(p, LWT_EHOSTUNREACH, "every neighbour for itself");
  end();
}

/* 10.0.0.9 answers a question of ours. */
static void reachable(void)
{
  lwt_t *p = send_to("10.0.0.9");

  got(who9);
  lab_arp("01", 2, "10.0.0.9", "10.0.0.2");
  inject();
  settled(p, 0, "reachable");
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1 'x'");
}

static void test_ageing(void)
{
  start(NULL);
  reachable();
  advance(LWT_MS(14900));
  settled(send_to("10.0.0.9"), 0, "used");
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1 'x'");
  advance(LWT_S(60));
  quiet();
  settled(send_to("10.0.0.9"), 0, "stale, and still used");
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1 'x'");
  advance(LWT_MS(4999));
  quiet();
  advance(LWT_MS(1));
  got("02 arp who-has 10.0.0.9 tell 10.0.0.2");
  settled(send_to("10.0.0.9"), 0, "meanwhile the old address serves");
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1 'x'");
  lab_arp("01", 2, "10.0.0.9", "10.0.0.2");
  inject();
  advance(LWT_MS(14900));
  settled(send_to("10.0.0.9"), 0, "confirmed");
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1 'x'");
  advance(LWT_S(40));
  quiet();
  settled(send_to("10.0.0.9"), 0, "used once more");
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1 'x'");
  advance(LWT_S(5));
  got("02 arp who-has 10.0.0.9 tell 10.0.0.2");
  advance(LWT_S(3));
  got("02 arp who-has 10.0.0.9 tell 10.0.0.2");
  got(who9);
  quiet();
  lwt_drop(send_to("10.0.0.9"));
  got(who9);
  advance(LWT_S(10));
  lab_discard();
  lab_arp("*", 1, "10.0.0.9", "10.0.0.2");
  inject();
  got("02 arp 10.0.0.2 is-at 01 to 10.0.0.9");
  advance(LWT_S(599));
  is_int(lwt_timers(), 1, "one that is not used is kept for ten minutes");
  advance(LWT_S(2));
  is_int(lwt_timers(), 0, "and forgotten");
  quiet();
  end();
}

/* Somebody announces another address for a neighbour: asked, not believed. */
static void test_announcement(void)
{
  start(NULL);
  reachable();
  lab_mac[5] = 3;
  lab_arp("*", 1, "10.0.0.9", "10.0.0.9");
  inject();
  quiet();
  advance(LWT_S(2));
  inject();
  got(who9);
  settled(send_to("10.0.0.9"), 0, "still the old one");
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1 'x'");
  inject();
  quiet();
  lab_arp("01", 2, "10.0.0.9", "10.0.0.2");
  inject();
  settled(send_to("10.0.0.9"), 0, "it moved");
  got("03 10.0.0.2>10.0.0.9 udp 7>1000 len 1 'x'");
  lab_mac[5] = 2;
  lab_arp("01", 2, "10.0.0.9", "10.0.0.2");
  inject();
  settled(send_to("10.0.0.9"), 0, "an answer to no question");
  got("03 10.0.0.2>10.0.0.9 udp 7>1000 len 1 'x'");
  end();
}

static void test_conflict(void)
{
  start(NULL);
  lab_arp("*", 1, "10.0.0.2", "10.0.0.2");
  inject();
  got("* arp who-has 10.0.0.2 tell 10.0.0.2");
  inject();
  lab_arp("01", 2, "10.0.0.2", "10.0.0.2");
  inject();
  quiet();
  is_int(STAT(arp_conflict), 3, "conflicts are counted, and defended against rarely");
  advance(LWT_S(11));
  lab_arp("*", 1, "10.0.0.2", "10.0.0.2");
  inject();
  got("* arp who-has 10.0.0.2 tell 10.0.0.2");
  end();
}

static void test_hostile(void)
{
  static const struct {
    int at;
    uint8_t value;
  } spoil[] = { { 14, 1 }, { 15, 6 }, { 16, 9 }, { 18, 5 }, { 19, 16 }, { 20, 1 },
                { 21, 3 }, { 21, 0 }, { 22, 3 } };
  unsigned i;

  start(NULL);
  for (i = 0; i < sizeof spoil / sizeof *spoil; i++) {
    lab_arp("*", 1, "10.0.0.9", "10.0.0.2");
    lab_frame[spoil[i].at] = spoil[i].value;
    inject();
  }
  for (i = 14; i < 42; i++) {
    lab_arp("*", 1, "10.0.0.9", "10.0.0.2");
    lab_len = i;
    inject();
  }
  quiet();
  is_int(STAT(arp_malformed), 28 + sizeof spoil / sizeof *spoil,
         "a malformed or short frame is not answered");
  lab_arp("*", 1, "10.0.0.9", "10.0.0.2");
  memset(lab_frame + 22, 0, 6);
  inject();
  quiet();
  lab_arp("*", 1, "10.0.0.9", "10.0.0.2");
  lab_len = 60;
  inject();
  got("02 arp 10.0.0.2 is-at 01 to 10.0.0.9");
  end();
}

static void test_limits(void)
{
  struct lwt_net_config config = { .max_neighbours = 4, .max_waiting = 2 };
  char ip[20];
  lwt_t *p[6];
  int i;

  start(&config);
  for (i = 0; i < 3; i++)
    p[i] = send_to("10.0.0.9");
  settled(p[2], 0, "dropped for want of room");
  is_int(STAT(arp_queue_full), 1, "and counted");
  lwt_drop(p[0]);
  lwt_drop(p[1]);
  for (i = 10; i < 14; i++) {
    snprintf(ip, sizeof ip, "10.0.0.%d", i);
    lwt_drop(send_to(ip));
  }
  is_int(STAT(arp_table_full), 1, "a full table of open questions");
  advance(LWT_S(5));
  lab_discard();
  for (i = 20; i < 26; i++) {
    snprintf(ip, sizeof ip, "10.0.0.%d", i);
    lab_arp("*", 1, ip, "10.0.0.2");
    inject();
  }
  is_int(STAT(arp_table_full), 3, "who asks pushes nobody out");
  lwt_drop(send_to("10.0.0.9"));
  is_int(STAT(arp_evicted), 1, "but who is asked for does");
  lab_discard();
  settled(send_to("10.0.0.21"), 0, "known");
  got("02 10.0.0.2>10.0.0.21 udp 7>1000 len 1 'x'");
  end();
}

/* What waits when the stack or the endpoint goes is told. */
static void test_close(void)
{
  lwt_t *p, *q;

  start(NULL);
  p = send_to("10.0.0.9");
  lwt_udp_close(udp);
  settled(p, LWT_ECONNABORTED, "the endpoint closes");
  lab_end();
  start(NULL);
  p = send_to("10.0.0.9");
  q = lwt_stack_close(lab_stack);
  lab_stack = NULL;
  lab_device = NULL;
  settled(q, 0, "the stack closes");
  settled(p, LWT_ECONNABORTED, "with an endpoint");
  settled(send_to("10.0.0.9"), LWT_ECONNABORTED, "which can still be called");
  end();
}

/* The device is connected anew, as after a resume on Xen. */
static void test_up(void)
{
  start(NULL);
  lab_device->up(lab_device->up_env);
  settle();
  got("* arp who-has 10.0.0.2 tell 10.0.0.2");
  quiet();
  end();
}

int main(void)
{
  test_answer();
  test_resolve();
  test_unreachable();
  test_ageing();
  test_announcement();
  test_up();
  test_conflict();
  test_hostile();
  test_limits();
  test_close();
  return lwt_test_done();
}
