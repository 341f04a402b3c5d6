/* t-direct.c - direct style: the group DIR, with fibers and with frames.
 * SPDX-License-Identifier: ISC
 */
#include <lwt/channel.h>
#include <lwt/fiber.h>
#include <lwt/flow.h>
#include <lwt/storage.h>

#include "sem.h"

static struct lwt_error run(lwt_t *p)
{
  return lwt_run_value(p, NULL);
}

static lwt_t *forward(struct lwt_error e)
{
  return lwt_fail_error(e);
}

/* ---- Await --------------------------------------------------------------- */

/* Promises to await; who is given them up drops the rest. */
struct list {
  lwt_t *p[101];
  int n, at;
};

static lwt_t *next(struct list *l)
{
  return l->p[l->at++];
}

static void rest(struct list *l)
{
  while (l->at < l->n)
    lwt_drop(next(l));
  lost();
}

/* Fulfilled with the sum. */
static lwt_t *add(void *arg)
{
  struct list *l = arg;
  struct lwt_error e;
  intptr_t sum = 0;
  void *v;

  while (l->at < l->n) {
    if ((e = lwt_fiber_await(next(l), &v)).code)
      return forward(e);
    sum += (intptr_t)v;
  }
  return lwt_return(V(sum));
}

struct adds {
  struct lwt_frame frame;
  struct list *l;
  intptr_t sum;
  void *v;
};

LWT_STEP adds_step(struct lwt_frame *frame)
{
  struct adds *a = (struct adds *)frame;

  lwt_begin(a);
  while (a->l->at < a->l->n) {
    lwt_await(a, &a->v, next(a->l));
    a->sum += (intptr_t)a->v;
  }
  lwt_finish(a, a->sum);
  lwt_end(a);
}

static lwt_t *fiber_or_frame(int frames, struct list *l)
{
  return frames ? LWT_GO(struct adds, adds_step, .l = l) : lwt_fiber(add, l, NULL);
}

static void awaits(int frames, const char *how)
{
  struct lwt_resolver r, s;
  struct list l = { .n = 1 };
  lwt_t *p;

  l.p[0] = lwt_task(&r);
  p = fiber_or_frame(frames, &l);
  ok(pending(p), "DIR-01 a %s awaits", how);
  lwt_fulfill(&r, V(42));
  ok(is(p, 42), "DIR-01 ... and is fulfilled");
  lwt_drop(p);
  rest(&l);
  l = (struct list){ .p = { lwt_task(&r), lwt_return(V(30)), lwt_task(&s) }, .n = 3 };
  p = fiber_or_frame(frames, &l);
  lwt_fulfill(&s, V(2));
  ok(pending(p), "DIR-02 a %s awaits several in turn", how);
  lwt_fulfill(&r, V(10));
  ok(is(p, 42), "DIR-02 ... each");
  lwt_drop(p);
  rest(&l);
}

static void settled(int frames, const char *how)
{
  struct list l = { .n = 101 };
  lwt_t *p;
  int i;

  for (i = 0; i < 101; i++)
    l.p[i] = lwt_return(V(i));
  p = fiber_or_frame(frames, &l);
  ok(is(p, 5050), "DIR-03 DIR-14 a %s: 101 settled promises do not suspend", how);
  lwt_drop(p);
  rest(&l);
}

static void fibers(void)
{
  awaits(0, "fiber");
  settled(0, "fiber");
}

static void frames(void)
{
  awaits(1, "frame");
  settled(1, "frame");
}

static lwt_t *nothing(void *arg)
{
  return lwt_return(arg);
}

static void outside(void)
{
  struct lwt_resolver r;
  struct lwt_error e = lwt_fiber_await(lwt_task(&r));

  is_int(e.code, LWT_EPERM, "DIR-15 await outside of a fiber");
  ok(lwt_unwanted(&r), "... the promise is dropped");
  lwt_abandon(&r);
  is_int(lwt_fiber_yield().code, LWT_EPERM, "DIR-15 yield outside of a fiber");
  lwt_drop(lwt_fiber(nothing, NULL, NULL));
  is_int(lwt_fiber_yield().code, LWT_EPERM, "... also after one has run");
  is_int(lwt_fiber_stack_left(), 0, "... where there is no stack");
}

/* ---- Yield --------------------------------------------------------------- */

static int yields;

static lwt_t *yielder(void *arg)
{
  struct lwt_error e;
  intptr_t i;

  for (i = 0; i < (intptr_t)arg; i++, yields++)
    if ((e = lwt_fiber_yield()).code)
      return forward(e);
  return lwt_return(arg);
}

static void many(void)
{
  lwt_t *ps[101], *p;
  int i;
  void *v = NULL;
  struct lwt_error e;

  yields = 0;
  for (i = 0; i < 101; i++)
    ps[i] = lwt_fiber(yielder, V(i % 5), NULL);
  p = lwt_all(101, ps);
  e = lwt_run_value(p, &v);
  ok(e.code == 0 && ((struct lwt_vec *)v)->v[99].value == V(4),
     "DIR-04 101 fibers with 0 to 4 yields");
  is_int(yields, 200, "... each");
  lwt_vec_free(v);
}

static lwt_t *sum_with_yields(void *arg)
{
  struct lwt_error e;
  intptr_t sum = 0, i;
  void *v;

  for (i = 0; i < 10; i++) {
    if ((e = lwt_fiber_await(lwt_sleep(LWT_MS(1)))).code || (e = lwt_fiber_yield()).code)
      return forward(e);
    if ((e = lwt_fiber_await(lwt_return(V(i)), &v)).code)
      return forward(e);
    sum += (intptr_t)v;
  }
  return lwt_return(V(sum + *(int *)arg));
}

static void loop(void)
{
  int more = 100;
  void *v = NULL;
  struct lwt_error e = lwt_run_value(lwt_fiber(sum_with_yields, &more, NULL), &v);

  ok(e.code == 0 && v == V(145), "DIR-06 a loop of await and yield");
}

/* ---- Errors -------------------------------------------------------------- */

static lwt_t *recover(void *arg)
{
  struct lwt_error e = lwt_fiber_await((lwt_t *)arg);

  return lwt_return(V(e.code == LWT_EIO ? 1 : 2));
}

static lwt_t *fails(void *arg)
{
  struct lwt_error e = lwt_fiber_yield();

  (void)arg;
  return e.code ? forward(e) : lwt_fail(LWT_EPERM, "fiber");
}

static lwt_t *none(void *arg)
{
  (void)arg;
  return NULL;
}

static void errors(void)
{
  struct lwt_resolver r;
  lwt_t *task = lwt_task(&r), *p = lwt_fiber(recover, task, NULL);
  struct list l = { .n = 1 };

  if (failed(p, LWT_ENOMEM))
    lwt_drop(task);
  lwt_reject(&r, LWT_EIO, "later");
  ok(is(p, 1), "DIR-07 a rejection is returned by await");
  lwt_drop(p);
  l.p[0] = lwt_fiber(fails, NULL, NULL);
  is_int(run(lwt_fiber(add, &l, NULL)).code, LWT_EPERM,
         "DIR-08 a fiber that fails is rejected, and who awaits it sees that");
  rest(&l);
  lwt_async(lwt_fiber(fails, NULL, NULL));
  lwt_run_ready();
  ok(lost() == 1 && sem_lost.code == LWT_EPERM, "DIR-19 in the background: reported");
  p = lwt_fiber(none, NULL, NULL);
  ok(failed(p, LWT_EINVAL), "a fiber that returns NULL");
  lwt_drop(p);
  lost();
}

/* ---- Fibers that start fibers -------------------------------------------- */

static lwt_t *fib(void *arg)
{
  intptr_t n = (intptr_t)arg;
  void *a = NULL, *b = NULL;
  struct lwt_error e, e2;
  lwt_t *p, *q;

  if (n < 2)
    return lwt_return(V(n));
  if ((e = lwt_fiber_yield()).code)
    return forward(e);
  p = lwt_fiber(fib, V(n - 1), NULL);
  q = lwt_fiber(fib, V(n - 2), NULL);
  e = lwt_fiber_await(p, &a);
  e2 = lwt_fiber_await(q, &b);
  if (e.code || e2.code)
    return forward(e.code ? e : e2);
  return lwt_return(V((intptr_t)a + (intptr_t)b));
}

static void concurrent(void)
{
  void *v = NULL;
  struct lwt_error e = lwt_run_value(lwt_fiber(fib, V(12), NULL), &v);

  ok(e.code == 0 && v == V(144), "DIR-09 concurrent fib 12");
}

/* ---- Producer and consumer ----------------------------------------------- */

struct stream {
  struct lwt_channel *ch;
  int sent, in_order, got;
};

static lwt_t *producer(void *arg)
{
  struct stream *s = arg;
  struct lwt_error e = { 0, NULL };
  intptr_t i;

  for (i = 1; i <= 10 && !e.code; i++)
    if ((e = lwt_fiber_await(lwt_channel_send(s->ch, V(i)))).code == 0)
      s->sent++;
  lwt_channel_close(s->ch);
  return e.code ? forward(e) : lwt_return(NULL);
}

static lwt_t *consumer(void *arg)
{
  struct stream *s = arg;
  struct lwt_error e;
  void *v;

  while ((e = lwt_fiber_await(lwt_channel_recv(s->ch), &v)).code == 0) {
    s->in_order += v == V(++s->got);
    if ((e = lwt_fiber_yield()).code)
      return forward(e);
  }
  return e.code == LWT_EOF ? lwt_return(NULL) : forward(e);
}

static void bounded(void)
{
  struct stream s = { .ch = lwt_channel_new(2, NULL) };
  struct lwt_error e;
  lwt_t *p;

  if (!s.ch)
    return;
  p = lwt_fiber(consumer, &s, NULL);
  lwt_async(lwt_fiber(producer, &s, NULL));
  ok(pending(p) && s.sent == 3, "DIR-05 a producer waits when two are in the stream");
  e = run(p);
  ok(e.code == 0 && s.in_order == 10 && s.sent == 10, "DIR-05 ten elements in order");
  /* A producer that is left without a consumer ends, too. */
  lwt_channel_abort(s.ch, LWT_EPIPE, "the end");
  while (lwt_run_ready() != LWT_NEVER)
    ;
  lwt_channel_free(s.ch);
  lost();
}

/* ---- Lines --------------------------------------------------------------- */

struct lines {
  struct lwt_flow *ends[2];
  int writes, reads; /* the fiber has begun, and closes its end */
  int sum, lines;
  struct lwt_error read;
};

static lwt_t *write_lines(void *arg)
{
  struct lines *l = arg;
  struct lwt_error e = { 0, NULL };
  char line[20];
  int i;

  l->writes = 1;
  for (i = 1; i <= 100 && !e.code; i++)
    e = lwt_fiber_await(lwt_flow_write(l->ends[0], line,
                                       (size_t)snprintf(line, sizeof line, "%d\n", i)));
  (void)lwt_fiber_await(lwt_flow_close(l->ends[0]));
  return e.code ? forward(e) : lwt_return(NULL);
}

/* One line, without the newline; LWT_EPIPE at the end. */
static struct lwt_error read_line(struct lwt_flow *flow, char *line, size_t size)
{
  struct lwt_error e;
  size_t n, len = 0;

  while (len + 1 < size) {
    if ((e = lwt_fiber_await(lwt_flow_read(flow, line + len, 1), &n)).code)
      return e;
    if (n == 0)
      return (struct lwt_error){ LWT_EPIPE, "end of file" };
    if (line[len] == '\n')
      break;
    len++;
  }
  line[len] = 0;
  return (struct lwt_error){ 0, NULL };
}

static lwt_t *read_lines(void *arg)
{
  struct lines *l = arg;
  char line[20];
  int i, n;

  l->reads = 1;
  while ((l->read = read_line(l->ends[1], line, sizeof line)).code == 0) {
    for (i = n = 0; line[i]; i++)
      n = n * 10 + line[i] - '0';
    l->sum += n;
    l->lines++;
  }
  lwt_flow_abort(l->ends[1]);
  return lwt_return(NULL);
}

static void lines(void)
{
  struct lines l = { .sum = 0 };
  struct lwt_error e;
  lwt_t *p, *q;

  if (lwt_pipe(l.ends, 16))
    return;
  /* Flows that no fiber got to close, for want of memory, are closed here. */
  p = lwt_fiber(write_lines, &l, &(struct lwt_fiber_options){ .stack = 65536 });
  if (!l.writes)
    lwt_flow_abort(l.ends[0]);
  q = lwt_fiber(read_lines, &l, NULL);
  if (!l.reads)
    lwt_flow_abort(l.ends[1]);
  e = run(lwt_join(LWT_PS(p, q)));
  ok(e.code == 0 && l.lines == 100 && l.read.code == LWT_EPIPE,
     "DIR-12 lines, in a loop that ends at the end of the file");
  is_int(l.sum, 5050, "DIR-13 100 lines through a pipe");
}

/* ---- Order --------------------------------------------------------------- */

struct ordered {
  struct lwt_resolver *r, *s;
};

static lwt_t *first(void *arg)
{
  struct ordered *o = arg;

  note("starts");
  (void)lwt_fiber_await(lwt_task(o->r));
  note("resumed");
  lwt_fulfill(o->s, NULL);
  note("goes on");
  return lwt_return(NULL);
}

static lwt_t *second(void *arg)
{
  struct ordered *o = arg;

  (void)lwt_fiber_await(lwt_task(o->s));
  note("second");
  return lwt_return(NULL);
}

static void order(void)
{
  struct lwt_resolver r = { NULL }, s = { NULL };
  struct ordered o = { &r, &s };
  lwt_t *q = lwt_fiber(second, &o, NULL), *p = lwt_fiber(first, &o, NULL);

  ok(noted("starts"), "DIR-16 a fiber starts at once (differs)");
  lwt_fulfill(&r, NULL);
  ok(noted("resumed goes on second"),
     "DIR-17 what a fiber settles is resumed when it has suspended (differs)");
  lwt_drop(p);
  lwt_drop(q);
  p = lwt_fiber(first, &o, NULL);
  lwt_cancel(p);
  ok(noted("starts resumed goes on") && is(p, 0), "DIR-16 it can be cancelled (differs)");
  lwt_abandon(&r);
  lwt_drop(p);
  lwt_drop(lwt_fiber(first, &o, NULL));
  ok(noted("starts resumed goes on"),
     "DIR-20 one that is dropped ends by itself (differs)");
  lwt_abandon(&r);
  lwt_abandon(&s);
  forget();
}

/* ---- Storage -------------------------------------------------------------------- */

static const struct lwt_key task;
static int strayed;

static lwt_t *yields_thrice(void *env)
{
  int i;

  for (i = 0; i < 3; i++) {
    if (lwt_fiber_yield().code)
      break;
    strayed += lwt_get(&task) != env;
  }
  return lwt_return(NULL);
}

/* Awaits inside lwt_with_value(), on the fiber's stack. */
static lwt_t *keeps(void *env)
{
  lwt_drop(lwt_with_value(&task, env, NULL, yields_thrice, env));
  strayed += lwt_get(&task) != V(9);
  return yields_thrice(V(9));
}

static lwt_t *keepers(void *env)
{
  (void)env;
  return lwt_join(LWT_PS(lwt_fiber(keeps, V(1), NULL), lwt_fiber(keeps, V(2), NULL),
                         lwt_fiber(keeps, V(3), NULL)));
}

static void storage(void)
{
  lwt_t *p = lwt_with_value(&task, V(9), NULL, keepers, NULL);
  int turn;

  strayed = 0;
  ok(!lwt_get(&task), "DIR-11 nothing is left behind by tasks that wait");
  run(p);
  for (turn = 0; turn < 20; turn++)
    lwt_run_ready(); /* tasks that were given up, and go on */
  is_int(strayed, 0, "DIR-11 three tasks, each keeps its own across yields");
  ok(!lwt_get(&task), "DIR-11 and nobody else sees it");
  lost();
}

SEM_TESTS(direct, T(storage), T(fibers), T(frames), T(outside), T(many), T(loop),
          T(errors),
          T(concurrent), T(bounded), T(lines), T(order))
