/* t-udp-batch.c - many datagrams in one call: taken and sent.
 * SPDX-License-Identifier: ISC
 */
#include <lwt-ip.h>

#include "netlab.h"

enum { MANY = 10 };

static struct lwt_udp *udp;
static struct lwt_ip_udp_message messages[MANY];
static char texts[MANY][8];

static int try_begin(void)
{
  struct lwt_addr seven = lab_addr("0.0.0.0", 7);

  udp = NULL;
  return !lab_try_start(NULL, NULL) && !lwt_stack_udp(lab_stack, &seven, &udp);
}

static void end(void)
{
  if (udp)
    lwt_udp_close(udp);
  lab_end();
}

/* The neighbour 10.0.0.9 is known if it asked us. */
static void hear_neighbour(void)
{
  lab_arp("01", 1, "10.0.0.9", "10.0.0.2");
  inject();
}

static void begin(void)
{
  ok(try_begin(), "an endpoint");
  hear_neighbour();
  lab_discard();
}

/* Messages "m0" and so on, to ports 1000 and up of 10.0.0.9. */
static void write_messages(void)
{
  int i;

  for (i = 0; i < MANY; i++) {
    snprintf(texts[i], sizeof texts[i], "m%d", i);
    messages[i] = (struct lwt_ip_udp_message){
      .to = lab_addr("10.0.0.9", (uint16_t)(1000 + i)), .bytes = texts[i], .len = 2
    };
  }
}

static void receive(int n)
{
  char text[8];
  int i;

  for (i = 0; i < n; i++) {
    snprintf(text, sizeof text, "r%d", i);
    lab_udp("10.0.0.9", (uint16_t)(1000 + i), "10.0.0.2", 7, text, 2);
    inject();
  }
}

/* Take up to max: these are those from `first` on, `count` of them. */
static void takes(size_t max, int first, int count, const char *what)
{
  struct lwt_datagram *list[MANY + 1] = { NULL };
  int i, good = 1, n = (int)lwt_ip_udp_take(udp, list, max);
  char text[8];

  is_int(n, count, "%s", what);
  for (i = 0; i < n; i++) {
    snprintf(text, sizeof text, "r%d", first + i);
    good &= list[i]->from.port == 1000 + first + i && list[i]->to.port == 7 &&
            list[i]->packet->total == 2 && !memcmp(list[i]->packet->data, text, 2);
    lwt_datagram_free(list[i]);
  }
  ok(good && !list[n], "in order, and no more is written");
}

/* ---- Taking ------------------------------------------------------------ */

static void test_take(void)
{
  lwt_datagram_p *p;

  begin();
  takes(MANY, 0, 0, "nothing is queued");
  receive(MANY);
  takes(0, 0, 0, "none is asked for");
  takes(MANY, 0, MANY, "ten in one call");
  takes(MANY, 0, 0, "and all of them");
  receive(MANY);
  takes(4, 0, 4, "as many as are asked for");
  p = lwt_udp_receive(udp);
  is_int(((struct lwt_datagram *)lwt_value(LWT_UNTYPED(p)))->from.port, 1004,
         "a receive gives the next one");
  lwt_drop(LWT_UNTYPED(p));
  takes(MANY, 5, 5, "the rest");
  p = lwt_udp_receive(udp);
  takes(MANY, 0, 0, "who waits comes first");
  receive(2);
  is_int(((struct lwt_datagram *)lwt_value(LWT_UNTYPED(p)))->from.port, 1000,
         "the first is for the receive");
  lwt_drop(LWT_UNTYPED(p));
  takes(MANY, 1, 1, "the others are taken");
  is_int(STAT(udp_rx), 2 * MANY + 2, "counted");
  is_int(STAT(udp_queue_full), 0, "none dropped");
  end();
}

/* What was taken makes room. */
static void test_room(void)
{
  struct lwt_net_config config = { .udp_queue = 4 * 4096 };
  struct lwt_addr seven = lab_addr("0.0.0.0", 7);

  lab_start(&config);
  is_int(lwt_stack_udp(lab_stack, &seven, &udp), 0, "an endpoint");
  hear_neighbour();
  receive(6);
  is_int(STAT(udp_queue_full), 2, "four have room");
  takes(3, 0, 3, "three are taken");
  receive(4);
  is_int(STAT(udp_queue_full), 3, "three more have");
  end(); /* with datagrams unread */
}

/* The peer's error is for receive, and what is taken outlives the endpoint. */
static void test_take_late(void)
{
  struct lwt_datagram *d = NULL;

  begin();
  receive(1);
  is_int(lwt_ip_udp_take(udp, &d, 1), 1, "one is taken");
  receive(1);
  lwt_drop(lwt_stack_close(lab_stack));
  lab_stack = NULL;
  lab_device = NULL;
  settle();
  takes(MANY, 0, 0, "nothing when the stack is gone");
  is_int(d->packet->total, 2, "what was taken is there");
  lwt_datagram_free(d);
  end();
}

/* ---- Sending ----------------------------------------------------------- */

static void sends(const struct lwt_ip_udp_message *list, size_t n, size_t count, int code,
                  const char *what)
{
  int error = 1;

  is_int(lwt_ip_udp_send_many(udp, list, n, &error), count, "%s", what);
  is_str(lwt_strerror(error), lwt_strerror(code), "why");
}

static void test_send(void)
{
  char line[80];
  int i;

  begin();
  write_messages();
  sends(messages, MANY, MANY, 0, "ten in one call");
  memset(texts, 'x', sizeof texts);
  for (i = 0; i < MANY; i++) {
    snprintf(line, sizeof line, "02 10.0.0.2>10.0.0.9 udp 7>%d len 2 'm%d'", 1000 + i, i);
    got(line);
  }
  quiet();
  is_int(STAT(udp_tx), MANY, "counted");
  sends(messages, 0, 0, 0, "none");
  quiet();
  end();
}

/* Stops at one that fails; those before it are sent, those after it are not. */
static void test_send_error(void)
{
  lwt_t *p;

  begin();
  write_messages();
  messages[3].to.port = 0;
  sends(messages, MANY, 3, LWT_EINVAL, "no port in the middle");
  messages[3].to.port = 1003;
  messages[1].len = 65508;
  sends(messages, MANY, 1, LWT_EMSGSIZE, "too long");
  messages[1].len = 2;
  messages[2].to.family = 6;
  sends(messages, MANY, 2, LWT_ENOTSUP, "another family");
  lab_discard();
  messages[2].to = lab_addr("10.0.0.8", 1002);
  sends(messages, MANY, 2, LWT_EAGAIN, "a neighbour that is not known");
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 2 'm0'");
  got("02 10.0.0.2>10.0.0.9 udp 7>1001 len 2 'm1'");
  quiet();
  p = lwt_udp_send(udp, &messages[2].to, "m2", 2);
  got("* arp who-has 10.0.0.8 tell 10.0.0.2");
  lab_arp("01", 2, "10.0.0.8", "10.0.0.2");
  inject();
  is_int(lwt_state(p), LWT_FULFILLED, "which is asked for by a send");
  lwt_drop(p);
  lab_discard();
  sends(messages + 3, MANY - 3, MANY - 3, 0, "the rest");
  lab_discard();
  sends(messages, MANY, MANY, 0, "and all of them");
  is_int(STAT(udp_tx), 3 + 1 + 2 + 2 + 1 + 7 + 10, "what was sent is counted");
  end();
}

/* No room in the device: what was refused can be sent again. */
static void test_full_device(void)
{
  struct lwt_net_link link = { .bandwidth = 8000000, .queue = 3000 };
  static const char bytes[1400];
  int i;

  begin();
  write_messages();
  for (i = 0; i < MANY; i++) {
    messages[i].bytes = bytes;
    messages[i].len = sizeof bytes;
  }
  lwt_net_hub_set_link(lab_hub, lab_device, &link);
  sends(messages, MANY, 2, LWT_ENOBUFS, "two have room");
  is_int(STAT(tx_failed), 1, "the third was tried, no other");
  advance(LWT_S(1));
  got("02 10.0.0.2>10.0.0.9 udp 7>1000 len 1400");
  got("02 10.0.0.2>10.0.0.9 udp 7>1001 len 1400");
  quiet();
  sends(messages + 2, MANY - 2, 2, LWT_ENOBUFS, "two more");
  advance(LWT_S(1));
  got("02 10.0.0.2>10.0.0.9 udp 7>1002 len 1400");
  got("02 10.0.0.2>10.0.0.9 udp 7>1003 len 1400");
  quiet();
  end();
}

/* ---- What is not there ------------------------------------------------- */

static void test_others(void)
{
  static const struct lwt_udp_ops ops;
  struct lwt_udp other = { .ops = &ops }, *ours;
  lwt_t *closing;

  begin();
  write_messages();
  ours = udp;
  udp = &other;
  takes(MANY, 0, 0, "nothing of another stack's");
  sends(messages, MANY, 0, LWT_ENOTSUP, "nor to it");
  udp = ours;
  closing = lwt_stack_close(lab_stack);
  lab_stack = NULL;
  lab_device = NULL;
  settle();
  sends(messages, MANY, 0, LWT_ECONNABORTED, "the stack is gone");
  lwt_drop(closing);
  end();
}

/* ---- Failed allocations ------------------------------------------------ */

static int good, honest = 1; /* it all worked; what was not sent has a reason */
static int well, clean = 1, mattered;

static void everything(void *env)
{
  struct lwt_datagram *list[MANY];
  size_t sent = 0, n = 0, i;
  int error = 0;

  (void)env;
  good = try_begin();
  if (good) {
    hear_neighbour();
    write_messages();
    receive(MANY);
    sent = lwt_ip_udp_send_many(udp, messages, MANY, &error);
    n = lwt_ip_udp_take(udp, list, MANY);
    honest &= sent == MANY ? !error : error == LWT_ENOMEM || error == LWT_EAGAIN;
    for (i = 0; i < n; i++)
      lwt_datagram_free(list[i]);
    good = sent == MANY && n == MANY;
    settle();
  }
  if (udp)
    lwt_udp_close(udp);
  lab_stop();
}

static void judge(void *env, size_t failed)
{
  (void)env;
  clean &= !lwt_timers() && !lwt_buf_live();
  if (failed)
    mattered += !good;
  else
    well = good;
}

static void test_failures(void)
{
  struct lwt_test_result r = lwt_test_each_allocation(everything, judge, NULL);

  ok(well && mattered > 10, "%d of %d failures mattered", mattered, (int)r.runs);
  ok(honest, "what was not sent has a reason");
  ok(clean && !r.alive && !r.lost, "nothing leaked");
}

int main(void)
{
  lwt_test_memory();
  test_take();
  test_room();
  test_take_late();
  test_send();
  test_send_error();
  test_full_device();
  test_others();
  test_failures();
  return lwt_test_done();
}
