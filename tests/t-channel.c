/* t-channel.c - channels and select, and both with every allocation failing.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt/channel.h>
#include <lwt/sync.h>
#include <lwt/test.h>

#define V(n) ((void *)(intptr_t)(n))

static int dropped;
static intptr_t last_dropped;

static void count_drop(void *value)
{
  dropped++;
  last_dropped = (intptr_t)value;
}

static void drop_n(int n, lwt_t *ps[])
{
  while (n-- > 0)
    lwt_drop(ps[n]);
}

/* ---- Channels -------------------------------------------------------------- */

static void buffered(void)
{
  struct lwt_channel *ch = lwt_channel_new(2, NULL);
  lwt_t *a, *b, *c, *d;
  void *v = NULL;

  if (!ch)
    return;
  a = lwt_channel_send(ch, V(1));
  b = lwt_channel_send(ch, V(2));
  c = lwt_channel_send(ch, V(3));
  d = lwt_channel_send(ch, V(4));
  is_fulfilled(a, 0, "room for one");
  is_fulfilled(b, 0, "and another");
  is_pending(c, "full: a send waits");
  is_int(lwt_channel_length(ch), 2, "it holds two");
  is_int(lwt_channel_senders(ch), 2, "two wait to send");
  is_int(lwt_channel_try_send(ch, V(9)), LWT_EAGAIN, "try_send does not wait");
  is_int(lwt_channel_try_recv(ch, &v), 0, "try_recv");
  is_int((intptr_t)v, 1, "gives the first");
  is_fulfilled(c, 0, "the first sender has room now");
  is_pending(d, "the second has not");
  lwt_cancel(d);
  is_rejected(d, LWT_ECANCELED, "a send that waits can be cancelled");
  is_int(lwt_channel_senders(ch), 0, "and leaves the queue");
  drop_n(4, (lwt_t *[]){ a, b, c, d });
  a = lwt_channel_recv(ch);
  is_fulfilled(a, 2, "in the order of the sends");
  b = lwt_channel_recv(ch);
  is_fulfilled(b, 3, "to the end");
  is_int(lwt_channel_try_recv(ch, &v), LWT_EAGAIN, "the cancelled one is not there");
  drop_n(2, (lwt_t *[]){ a, b });
  lwt_channel_free(ch);
}

static void rendezvous(void)
{
  struct lwt_channel *ch = lwt_channel_new(0, NULL);
  lwt_t *s1, *s2, *r1, *r2, *r3;

  if (!ch)
    return;
  s1 = lwt_channel_send(ch, V(1));
  s2 = lwt_channel_send(ch, V(2));
  is_pending(s1, "a send waits for its receiver");
  r1 = lwt_channel_recv(ch);
  is_fulfilled(r1, 1, "which gets the element");
  is_fulfilled(s1, 0, "both go on");
  is_pending(s2, "first come, first served");
  r2 = lwt_channel_recv(ch);
  is_fulfilled(r2, 2, "then the second");
  drop_n(4, (lwt_t *[]){ s1, s2, r1, r2 });
  r1 = lwt_channel_recv(ch);
  r2 = lwt_channel_recv(ch);
  r3 = lwt_channel_recv(ch);
  is_int(lwt_channel_receivers(ch), 3, "receivers compete");
  lwt_cancel(r1);
  s1 = lwt_channel_send(ch, V(3));
  is_fulfilled(s1, 0, "a receiver waits: no wait");
  is_fulfilled(r2, 3, "the first that has not been cancelled");
  is_pending(r3, "and no other");
  lwt_cancel(r2);
  is_fulfilled(r2, 3, "a receive that has its element cannot be cancelled");
  lwt_drop(r3);
  is_int(lwt_channel_try_send(ch, V(4)), LWT_EAGAIN, "a dropped receive takes nothing");
  drop_n(3, (lwt_t *[]){ r1, r2, s1 });
  lwt_channel_free(ch);
}

static void owned(void)
{
  struct lwt_channel *ch = lwt_channel_new(1, count_drop);
  lwt_t *a, *b;

  dropped = 0;
  if (!ch)
    return;
  lwt_drop(lwt_channel_send(ch, V(1)));
  a = lwt_channel_send(ch, V(2));
  lwt_cancel(a);
  is_int(dropped, 1, "a cancelled send drops its element");
  lwt_drop(a);
  a = lwt_channel_recv(ch);
  is_int(dropped, 1, "a received one is the receiver's");
  lwt_drop(a);
  is_int(dropped, 2, "and dropped if it is not taken");
  a = lwt_channel_recv(ch);
  lwt_drop(lwt_channel_send(ch, V(3)));
  is_int(dropped, 2, "handed over");
  lwt_drop(a);
  is_int(dropped, 3, "to a receive that is given up");
  lwt_drop(lwt_channel_send(ch, V(4)));
  a = lwt_channel_send(ch, V(5));
  lwt_channel_free(ch);
  is_int(dropped, 5, "what is left is dropped");
  is_rejected(a, LWT_EPIPE, "who waits is told");
  lwt_drop(a);
  if ((ch = lwt_channel_new(0, count_drop))) {
    lwt_channel_close(ch);
    b = lwt_channel_send(ch, V(6));
    is_rejected(b, LWT_EPIPE, "a send to a closed channel");
    is_int(last_dropped, 6, "drops its element");
    lwt_drop(b);
    lwt_channel_free(ch);
  }
  lwt_channel_free(NULL);
}

static void ends(void)
{
  struct lwt_channel *ch = lwt_channel_new(1, NULL);
  lwt_t *a, *b, *c, *d;
  void *v = NULL;

  if (!ch)
    return;
  a = lwt_channel_send(ch, V(1));
  b = lwt_channel_send(ch, V(2));
  lwt_channel_close(ch);
  is_pending(b, "a send that waits is not cut off by close");
  is_int(lwt_channel_try_send(ch, V(3)), LWT_EPIPE, "a later one is");
  c = lwt_channel_recv(ch);
  d = lwt_channel_recv(ch);
  is_fulfilled(c, 1, "what it holds is received");
  is_fulfilled(d, 2, "what waited, too");
  is_fulfilled(b, 0, "whose sender is told");
  drop_n(4, (lwt_t *[]){ a, b, c, d });
  a = lwt_channel_recv(ch);
  is_rejected(a, LWT_EOF, "then the end");
  is_int(lwt_channel_try_recv(ch, &v), LWT_EOF, "for good");
  lwt_channel_fail(ch, LWT_EIO, "too late");
  b = lwt_channel_recv(ch);
  is_rejected(b, LWT_EOF, "the first end counts");
  drop_n(2, (lwt_t *[]){ a, b });
  lwt_channel_free(ch);
}

static void fails(void)
{
  struct lwt_channel *ch = lwt_channel_new(1, NULL), *full = lwt_channel_new(1, NULL);
  lwt_t *a, *b, *c, *d;

  if (ch && full) {
    a = lwt_channel_recv(ch);
    b = lwt_channel_recv(ch);
    lwt_channel_fail(ch, LWT_EIO, "disk");
    is_rejected(a, LWT_EIO, "an error reaches who waits");
    is_rejected(b, LWT_EIO, "all of them");
    c = lwt_channel_send(ch, V(1));
    is_rejected(c, LWT_EIO, "and who sends");
    drop_n(3, (lwt_t *[]){ a, b, c });
    a = lwt_channel_send(full, V(1));
    b = lwt_channel_send(full, V(2));
    lwt_channel_fail(full, 1, "positive");
    c = lwt_channel_recv(full);
    is_fulfilled(c, 1, "an error comes after what was sent before it");
    lwt_channel_abort(full, LWT_ECONNRESET, "gone");
    d = lwt_channel_recv(full);
    is_fulfilled(b, 0, "who waited had room by then");
    is_rejected(d, LWT_ECONNRESET, "abort does not wait for readers");
    drop_n(4, (lwt_t *[]){ a, b, c, d });
  }
  lwt_channel_free(ch);
  lwt_channel_free(full);
}

/* ---- Threads ----------------------------------------------------------------- */

struct worker {
  struct lwt_frame frame;
  struct lwt_channel *ch;
  struct lwt_error error;
  void *element;
  int *sum;
  int from, to;
};

LWT_STEP producer_step(struct lwt_frame *frame)
{
  struct worker *w = (struct worker *)frame;

  lwt_begin(w);
  for (; w->from < w->to; w->from++)
    lwt_await(w, lwt_channel_send(w->ch, V(w->from)));
  lwt_end(w);
}

LWT_STEP consumer_step(struct lwt_frame *frame)
{
  struct worker *w = (struct worker *)frame;

  lwt_begin(w);
  for (;;) {
    lwt_await_error(w, &w->error, &w->element, lwt_channel_recv(w->ch));
    if (w->error.code == LWT_EOF)
      break;
    if (w->error.code)
      lwt_throw(w, w->error.code, w->error.what);
    *w->sum += (int)(intptr_t)w->element;
    if ((intptr_t)w->element % 7 == 0)
      lwt_await(w, lwt_pause());
  }
  lwt_end(w);
}

static void many(size_t capacity)
{
  struct lwt_channel *ch = lwt_channel_new(capacity, NULL);
  int sum[3] = { 0, 0, 0 }, i;
  lwt_t *p[3], *c[3], *all;

  for (i = 0; i < 3; i++) {
    p[i] = LWT_GO(struct worker, producer_step, .ch = ch, .from = i * 100,
                  .to = i * 100 + 100);
    c[i] = LWT_GO(struct worker, consumer_step, .ch = ch, .sum = &sum[i]);
  }
  all = lwt_join(3, p);
  is_int(lwt_run(all), 0, "capacity %zu: three producers", capacity);
  lwt_channel_close(ch);
  is_int(lwt_run(lwt_join(3, c)), 0, "three consumers reach the end");
  is_int(sum[0] + sum[1] + sum[2], 299 * 300 / 2, "every element once");
  ok(sum[0] && sum[1] && sum[2], "all had some");
  lwt_channel_free(ch);
}

static void threads(void)
{
  many(0);
  many(1);
  many(16);
}

/* ---- Select -------------------------------------------------------------------- */

/* Who stands in the queues of both. */
static size_t waiting(struct lwt_channel *a, struct lwt_channel *b)
{
  return lwt_channel_receivers(a) + lwt_channel_senders(a) + lwt_channel_receivers(b) +
         lwt_channel_senders(b);
}

/* Take what a select gave: -1 if it is pending, and is given up; -2 if it was
 * rejected. */
static int chosen(lwt_t *p, void **value, struct lwt_error *error)
{
  struct lwt_selected *s = NULL;

  *value = NULL;
  if (lwt_state(p) == LWT_PENDING) {
    lwt_drop(p);
    return -1;
  }
  if (lwt_run_value(p, (void **)&s).code)
    return -2;
  return (int)lwt_selected_take(s, value, error);
}

static void at_once(void)
{
  struct lwt_channel *a = lwt_channel_new(1, NULL), *b = lwt_channel_new(1, NULL);
  struct lwt_error error;
  void *v;
  int seen[2] = { 0, 0 }, i, which;

  if (a && b) {
    which = chosen(lwt_select(LWT_CASES(lwt_case_recv(a), lwt_case_recv(b),
                                        lwt_case_default())), &v, &error);
    ok(which == 2 || which == -2, "nothing to receive: the default");
    which = chosen(lwt_select(LWT_CASES(lwt_case_recv(a), lwt_case_send(b, V(5)),
                                        lwt_case_default())), &v, &error);
    ok(which == 1 || which == -2, "room to send");
    which = chosen(lwt_select(LWT_CASES(lwt_case_recv(a), lwt_case_recv(b))), &v,
                   &error);
    ok((which == 1 && v == V(5)) || which < 0, "something to receive");
    for (i = 0; i < 100; i++) {
      lwt_channel_try_send(a, V(1));
      lwt_channel_try_send(b, V(2));
      which = chosen(lwt_select(LWT_CASES(lwt_case_recv(a), lwt_case_recv(b))), &v,
                     &error);
      if (which >= 0)
        seen[which]++;
      ok(which < 0 || lwt_channel_length(a) + lwt_channel_length(b) == 1, "one of them");
    }
    ok(seen[0] > 25 && seen[1] > 25, "fair: %d and %d times", seen[0], seen[1]);
    lwt_channel_close(a);
    lwt_channel_try_recv(a, &v);
    which = chosen(lwt_select(LWT_CASES(lwt_case_recv(a))), &v, &error);
    ok(which == -2 || (which == 0 && error.code == LWT_EOF), "the end happens");
    which = chosen(lwt_select(LWT_CASES(lwt_case_send(a, V(1)))), &v, &error);
    ok(which == -2 || (which == 0 && error.code == LWT_EPIPE), "also to a send");
  }
  lwt_channel_free(a);
  lwt_channel_free(b);
}

static void later(void)
{
  struct lwt_channel *a = lwt_channel_new(0, count_drop), *b = lwt_channel_new(0, NULL);
  struct lwt_error error;
  lwt_t *p, *q;
  void *v;
  int which;

  dropped = 0;
  if (a && b) {
    p = lwt_select(LWT_CASES(lwt_case_recv(a), lwt_case_recv(b), lwt_case_send(a, V(7))));
    is_pending(p, "no case can happen");
    is_int(waiting(a, b), 3, "it stands in all queues");
    is_int(lwt_channel_try_send(b, V(3)), 0, "one of them is served");
    is_int(waiting(a, b), 0, "and it stands in none");
    is_int(lwt_channel_try_send(a, V(4)), LWT_EAGAIN, "nobody receives twice");
    which = chosen(p, &v, &error);
    ok(which == 1 && v == V(3), "the case that happened");
    p = lwt_select(LWT_CASES(lwt_case_send(a, V(7)), lwt_case_recv(b)));
    is_int(lwt_channel_try_recv(a, &v), 0, "a waiting send case is taken from");
    ok(v == V(7) && chosen(p, &v, &error) == 0, "and happens");
    p = lwt_select(LWT_CASES(lwt_case_send(a, V(8)), lwt_case_recv(b)));
    lwt_cancel(p);
    is_rejected(p, LWT_ECANCELED, "a select can be cancelled");
    is_int(waiting(a, b), 0, "it leaves all queues");
    is_int(dropped, 0, "what it would have sent is still the caller's");
    lwt_drop(p);
    lwt_drop(lwt_select(LWT_CASES(lwt_case_recv(a), lwt_case_recv(b))));
    is_int(waiting(a, b), 0, "so does a dropped one");
    p = lwt_select(LWT_CASES(lwt_case_recv(a)));
    lwt_channel_try_send(a, V(9));
    lwt_drop(p);
    is_int(dropped, 1, "an element that nobody took is dropped");
    p = lwt_select(LWT_CASES(lwt_case_recv(a), lwt_case_send(b, V(1))));
    q = lwt_select(LWT_CASES(lwt_case_recv(b), lwt_case_send(a, V(2))));
    ok(lwt_state(p) == LWT_FULFILLED && lwt_state(q) == LWT_FULFILLED,
       "two selects meet");
    which = chosen(p, &v, &error);
    ok(which == (v == V(2) ? 0 : 1) && chosen(q, &v, &error) == !which, "in one way");
    p = lwt_select(LWT_CASES(lwt_case_recv(a), lwt_case_recv(b)));
    lwt_channel_fail(b, LWT_EIO, "b");
    ok(chosen(p, &v, &error) == 1 && error.code == LWT_EIO, "an error happens");
    p = lwt_select(LWT_CASES(lwt_case_recv(NULL), lwt_case_send(NULL, NULL)));
    is_pending(p, "no channel: never");
    lwt_drop(p);
  }
  lwt_channel_free(a);
  lwt_channel_free(b);
}

static void times(void)
{
  struct lwt_channel *a = lwt_channel_new(0, NULL);
  struct lwt_error error;
  lwt_t *p;
  void *v;

  if (!a)
    return;
  p = lwt_select(LWT_CASES(lwt_case_recv(a), lwt_case_after(LWT_S(2)),
                           lwt_case_after(LWT_S(1))));
  lwt_test_advance(LWT_MS(999));
  is_pending(p, "before the time");
  lwt_test_advance(LWT_MS(1));
  ok(chosen(p, &v, &error) == 2, "the earlier time has come");
  is_int(lwt_timers(), 0, "the other timer is gone");
  is_int(lwt_channel_receivers(a), 0, "and nobody waits");
  p = lwt_select(LWT_CASES(lwt_case_recv(a), lwt_case_after(LWT_S(2))));
  lwt_channel_try_send(a, V(1));
  is_int(lwt_timers(), 0, "an element first: no timer is left");
  ok(chosen(p, &v, &error) == 0 && v == V(1), "the element");
  p = lwt_select(LWT_CASES(lwt_case_recv(a), lwt_case_after(0)));
  ok(chosen(p, &v, &error) == 1, "a time that has come already");
  lwt_channel_free(a);
}

/* An element and a timeout at the same moment: pick would drop the element. */
static void *send_one(void *env, void *value)
{
  (void)value;
  return V(lwt_channel_try_send(env, V(1)));
}

static void same_time(void)
{
  struct lwt_channel *a = lwt_channel_new(4, count_drop);
  struct lwt_error error;
  lwt_t *s, *p;
  void *v;
  int which;

  dropped = 0;
  p = lwt_select(LWT_CASES(lwt_case_recv(a), lwt_case_after(LWT_S(1))));
  s = lwt_map(lwt_sleep(LWT_S(1)), send_one, a);
  lwt_test_advance(LWT_S(1));
  which = chosen(p, &v, &error);
  ok(which == 1 && lwt_channel_length(a) == 1, "the timer was first: the element stays");
  lwt_drop(s);
  lwt_channel_try_recv(a, &v);
  s = lwt_map(lwt_sleep(LWT_S(1)), send_one, a);
  p = lwt_select(LWT_CASES(lwt_case_recv(a), lwt_case_after(LWT_S(1))));
  lwt_test_advance(LWT_S(1));
  which = chosen(p, &v, &error);
  ok(which == 0 && v == V(1), "the element was first");
  is_int(dropped, 0, "none is lost");
  lwt_drop(s);
  lwt_channel_free(a);
}

static void promises(void)
{
  struct lwt_channel *a = lwt_channel_new(0, NULL);
  struct lwt_resolver r, t;
  struct lwt_error error;
  lwt_t *w, *x, *p;
  void *v;

  if (!a)
    return;
  w = lwt_task(&r);
  p = lwt_select(LWT_CASES(lwt_case_wait(w), lwt_case_recv(a)));
  lwt_channel_try_send(a, V(1));
  ok(chosen(p, &v, &error) == 1, "a channel first");
  is_pending(w, "a promise that is waited for is not cancelled");
  p = lwt_select(LWT_CASES(lwt_case_wait(w), lwt_case_recv(a)));
  lwt_cancel(p);
  is_pending(w, "nor by a cancel of the select");
  lwt_drop(p);
  p = lwt_select(LWT_CASES(lwt_case_wait(w), lwt_case_recv(a)));
  lwt_fulfill_owned(&r, V(3), count_drop);
  ok(chosen(p, &v, &error) == 0, "it settles");
  is_fulfilled(w, 3, "its value is still in it");
  p = lwt_select(LWT_CASES(lwt_case_wait(w), lwt_case_recv(a)));
  ok(chosen(p, &v, &error) == 0, "it is settled");
  dropped = 0;
  p = lwt_map(w, send_one, a);
  is_int(dropped, 0, "the value moves to who takes it");
  lwt_drop(p);
  w = lwt_task(&r);
  x = lwt_task(&t);
  p = lwt_select(LWT_CASES(lwt_case_take(w), lwt_case_take(x)));
  lwt_fulfill_owned(&t, V(4), count_drop);
  ok(lwt_unwanted(&r), "a promise that was given is cancelled if it loses");
  ok(chosen(p, &v, &error) == 1 && v == V(4) && !dropped, "the value of the other");
  lwt_abandon(&r);
  w = lwt_task(&r);
  p = lwt_select(LWT_CASES(lwt_case_take(w)));
  lwt_reject(&r, LWT_EIO, "w");
  ok(chosen(p, &v, &error) == 0 && error.code == LWT_EIO, "or the error");
  ok(chosen(lwt_select(LWT_CASES(lwt_case_take(lwt_return(V(5))))), &v, &error) <= 0,
     "one that is settled");
  lwt_channel_free(a);
}

/* The promise has settled and its entry is on the way when the channel is used. */
static void *use_channel(void *env, void *value)
{
  lwt_channel_try_send(env, V(2));
  return value;
}

static void both_at_once(void)
{
  struct lwt_channel *a = lwt_channel_new(1, NULL);
  struct lwt_resolver r;
  struct lwt_error error;
  lwt_t *w, *p, *first;
  void *v;
  int which;

  if (!a)
    return;
  w = lwt_wait(&r);
  first = lwt_map(lwt_ref(w), use_channel, a);
  p = lwt_select(LWT_CASES(lwt_case_wait(w), lwt_case_recv(a)));
  lwt_fulfill(&r, V(1));
  which = chosen(p, &v, &error);
  ok(which == 1 && v == V(2) && lwt_channel_length(a) == 0, "one case happens");
  drop_n(2, (lwt_t *[]){ w, first });
  w = lwt_wait(&r);
  first = lwt_map(lwt_ref(w), use_channel, a);
  lwt_async(lwt_select(LWT_CASES(lwt_case_take(w), lwt_case_recv(a))));
  lwt_fulfill(&r, V(1));
  is_int(lwt_channel_length(a), 0, "a select that nobody holds runs on");
  lwt_drop(first);
  lwt_channel_free(a);
}

static void nothing(void)
{
  lwt_t *p = lwt_select(0, NULL);

  is_rejected(p, LWT_EINVAL, "no case");
  lwt_drop(p);
}

/* ---- Failing allocations -------------------------------------------------------- */

/* Elements are counted: each is received or dropped, or still the caller's. */
static void memory(void)
{
  struct lwt_channel *a = lwt_channel_new(1, count_drop);
  struct lwt_channel *b = lwt_channel_new(0, count_drop);
  struct lwt_resolver r = { NULL };
  struct lwt_error error;
  lwt_t *p, *q, *w;
  void *v;
  int sent = 0, received = 0, i;

  dropped = 0;
  if (a && b) {
    for (i = 0; i < 3; i++) {
      p = lwt_channel_send(a, V(1));
      sent++;
      q = lwt_channel_recv(a);
      lwt_drop(p);
      received += lwt_run_value(q, &v).code == 0;
    }
    w = lwt_task(&r);
    p = lwt_select(LWT_CASES(lwt_case_take(w), lwt_case_recv(b), lwt_case_after(LWT_S(1)),
                             lwt_case_send(NULL, NULL)));
    if (lwt_channel_try_send(b, V(2)) == 0)
      sent++;
    if (chosen(p, &v, &error) == 1)
      received++;
    lwt_abandon(&r);
    p = lwt_select(LWT_CASES(lwt_case_send(b, V(3)), lwt_case_take(lwt_sleep(1))));
    q = lwt_select(LWT_CASES(lwt_case_recv(b), lwt_case_default()));
    if (chosen(p, &v, &error) == 0)
      sent++;
    if (chosen(q, &v, &error) == 0 && v)
      received++;
  }
  lwt_channel_free(a);
  lwt_channel_free(b);
  ok(sent == received + dropped, "%d sent, %d received, %d dropped", sent, received,
     dropped);
  if (sent != received + dropped)
    lwt_test_mute(0), ok(0, "an element is lost or doubled"), lwt_test_mute(1);
}

static const struct lwt_test tests[] = {
  LWT_TEST_MEMORY(buffered), LWT_TEST(rendezvous), LWT_TEST(owned), LWT_TEST(ends),
  LWT_TEST(fails), LWT_TEST(threads), LWT_TEST(at_once), LWT_TEST(later),
  LWT_TEST(times), LWT_TEST(same_time), LWT_TEST(promises), LWT_TEST(both_at_once),
  LWT_TEST(nothing), LWT_TEST_MEMORY(memory),
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
