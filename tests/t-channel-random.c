/* t-channel-random.c - random uses of channels, and a simple model of them.
 * SPDX-License-Identifier: ISC
 *
 * Each seed is a program of some hundred steps over three channels: sends,
 * receives, selects over several of them, cancels, drops, ends.  The model keeps
 * who waits in one list, in the order of coming, and looks for the first that
 * fits.  After each step every promise and every channel must be as the model
 * says, and at the end each element was received once or dropped once, or is
 * still its sender's.
 * Run by hand: t-channel-random SEED [COUNT].
 */
#define LWT_TEST_SHORT
#include <lwt/channel.h>
#include <lwt/engine.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 3, OPS = 400, ELEMENTS = 2000, CASES = 4 };
enum { PENDING, DONE, CANCELED, GONE };

struct model_case {
  int send;
  int channel;
  intptr_t element;
};

/* A send, a receive or a select (more than one case, or `select`). */
struct op {
  lwt_t *p;
  int select, n, state;
  struct model_case c[CASES];
  int which;         /* once it is DONE, */
  intptr_t element;  /* received */
  int error;
};

struct model_channel {
  struct lwt_channel *ch;
  size_t capacity, n;
  intptr_t held[8];
  int end;
};

static struct world {
  uint64_t random;
  struct model_channel ch[CHANNELS];
  struct op op[OPS];
  int ops;
  int fate[ELEMENTS]; /* how often received or dropped */
  int wanted[ELEMENTS];
  int elements;
  const char *wrong;
} w;

static uint64_t below(uint64_t n)
{
  w.random ^= w.random << 13;
  w.random ^= w.random >> 7;
  w.random ^= w.random << 17;
  return w.random % n;
}

static void drop_element(void *value)
{
  w.fate[(intptr_t)value]++;
}

static void expect(int is, const char *what)
{
  if (!is && !w.wrong)
    w.wrong = what;
}

/* ---- The model ----------------------------------------------------------------- */

static void model_end(struct op *op, int which, int error)
{
  op->state = DONE;
  op->which = which;
  op->error = error;
}

/* The first that waits to send (receive) on channel c. */
static struct op *first_waiting(int c, int send, int *which, const struct op *but)
{
  int i, k;

  for (i = 0; i < w.ops; i++)
    for (k = 0; w.op[i].state == PENDING && &w.op[i] != but && k < w.op[i].n; k++)
      if (w.op[i].c[k].channel == c && w.op[i].c[k].send == send) {
        *which = k;
        return &w.op[i];
      }
  return NULL;
}

static int can(const struct op *op, const struct model_case *c)
{
  struct model_channel *m = &w.ch[c->channel];
  int which;

  if (c->send)
    return m->end || m->n < m->capacity || first_waiting(c->channel, 0, &which, op);
  return m->end || m->n || first_waiting(c->channel, 1, &which, op);
}

static void model_send(struct op *op, int which)
{
  struct model_case *c = &op->c[which];
  struct model_channel *m = &w.ch[c->channel];
  struct op *to;
  int k;

  model_end(op, which, m->end == LWT_EOF ? LWT_EPIPE : m->end);
  if (m->end) {
    w.wanted[c->element] += !op->select;
    return;
  }
  if ((to = first_waiting(c->channel, 0, &k, op))) {
    model_end(to, k, 0);
    to->element = c->element;
  } else {
    m->held[m->n++] = c->element;
  }
  w.wanted[c->element]++;
}

static void model_recv(struct op *op, int which)
{
  struct model_channel *m = &w.ch[op->c[which].channel];
  struct op *from;
  int k = 0;

  model_end(op, which, 0);
  from = first_waiting(op->c[which].channel, 1, &k, op);
  if (m->n) {
    op->element = m->held[0];
    memmove(m->held, m->held + 1, --m->n * sizeof m->held[0]);
    if (from)
      m->held[m->n++] = from->c[k].element;
  } else if (from) {
    op->element = from->c[k].element;
  } else {
    op->error = m->end;
    return;
  }
  if (from) {
    model_end(from, k, 0);
    w.wanted[from->c[k].element]++;
  }
}

static void model_do(struct op *op, int which)
{
  if (op->c[which].send)
    model_send(op, which);
  else
    model_recv(op, which);
}

static void model_cancel(struct op *op)
{
  if (op->state != PENDING)
    return;
  op->state = CANCELED;
  if (!op->select && op->c[0].send)
    w.wanted[op->c[0].element]++;
}

static void model_close(int c, int code, int abort)
{
  struct model_channel *m = &w.ch[c];
  struct op *op;
  int k, error = code;

  if (m->end && !abort)
    return;
  m->end = code;
  while ((abort || !m->n) && !(!abort && first_waiting(c, 1, &k, NULL)) &&
         (op = first_waiting(c, 0, &k, NULL)))
    model_end(op, k, error);
  while (abort && (op = first_waiting(c, 1, &k, NULL))) {
    model_end(op, k, error);
    w.wanted[op->c[k].element] += !op->select;
  }
  if (abort)
    m->n = 0;
}

/* ---- Steps --------------------------------------------------------------------- */

static struct model_case random_case(void)
{
  struct model_case c = { (int)below(2), (int)below(CHANNELS), 0 };

  if (c.send)
    c.element = ++w.elements;
  return c;
}

static lwt_t *start(struct op *op)
{
  struct lwt_case cases[CASES];
  int i;

  for (i = 0; i < op->n; i++)
    cases[i] = op->c[i].send
                 ? lwt_case_send(w.ch[op->c[i].channel].ch, (void *)op->c[i].element)
                 : lwt_case_recv(w.ch[op->c[i].channel].ch);
  if (op->select)
    return lwt_select((size_t)op->n, cases);
  if (op->c[0].send)
    return lwt_channel_send(w.ch[op->c[0].channel].ch, (void *)op->c[0].element);
  return lwt_channel_recv(w.ch[op->c[0].channel].ch);
}

/* The choice of a select is not the model's: it must be one that was possible. */
static void begin(void)
{
  struct op *op = &w.op[w.ops++];
  int i, possible = 0;

  memset(op, 0, sizeof *op);
  op->select = below(2) == 0;
  op->n = op->select ? 1 + (int)below(CASES) : 1;
  for (i = 0; i < op->n; i++)
    op->c[i] = random_case();
  for (i = 0; i < op->n; i++)
    possible |= can(op, &op->c[i]) << i;
  op->p = start(op);
  expect((lwt_state(op->p) == LWT_PENDING) == !possible, "it waits if it must");
  if (!possible)
    return;
  i = 0;
  if (op->select && lwt_state(op->p) == LWT_FULFILLED)
    i = (int)((struct lwt_selected *)lwt_value(op->p))->which;
  expect(possible >> i & 1, "the case was possible");
  if (possible >> i & 1)
    model_do(op, i);
}

static void give_up(struct op *op)
{
  model_cancel(op);
  if (below(2)) {
    lwt_cancel(op->p);
    return;
  }
  lwt_drop(op->p);
  op->p = NULL;
  op->state = GONE;
}

static void step(void)
{
  uint64_t kind = below(100);
  int c = (int)below(CHANNELS);
  struct op *op = w.ops ? &w.op[below((uint64_t)w.ops)] : NULL;

  if (kind < 75) {
    begin();
  } else if (kind < 98) {
    if (op && op->p)
      give_up(op);
  } else if (below(4)) {
    model_close(c, LWT_EOF, 0);
    lwt_channel_close(w.ch[c].ch);
  } else {
    model_close(c, LWT_EIO, 1);
    lwt_channel_abort(w.ch[c].ch, LWT_EIO, "abort");
  }
}

/* ---- Comparing ------------------------------------------------------------------ */

static void same_select(const struct op *op)
{
  struct lwt_selected *s = lwt_value(op->p);

  expect(lwt_state(op->p) == LWT_FULFILLED && s, "the select has a result");
  if (!s)
    return;
  expect((int)s->which == op->which, "the case that happened");
  expect(s->error.code == op->error, "its error");
  expect((intptr_t)s->value == op->element, "its element");
}

static void same_op(const struct op *op)
{
  int state = op->state;

  if (!op->p)
    return;
  if (state == PENDING)
    expect(lwt_state(op->p) == LWT_PENDING, "it waits");
  else if (state == CANCELED)
    expect(lwt_error(op->p).code == LWT_ECANCELED, "it is cancelled");
  else if (op->select)
    same_select(op);
  else if (op->error)
    expect(lwt_error(op->p).code == op->error, "its error");
  else
    expect(lwt_state(op->p) == LWT_FULFILLED &&
             (op->c[0].send || (intptr_t)lwt_value(op->p) == op->element),
           "its element");
}

static void same(void)
{
  size_t senders[CHANNELS] = { 0 }, receivers[CHANNELS] = { 0 };
  int i, k;

  for (i = 0; i < w.ops; i++) {
    same_op(&w.op[i]);
    for (k = 0; w.op[i].state == PENDING && k < w.op[i].n; k++)
      (w.op[i].c[k].send ? senders : receivers)[w.op[i].c[k].channel]++;
  }
  for (i = 0; i < CHANNELS; i++) {
    expect(lwt_channel_length(w.ch[i].ch) == w.ch[i].n, "what the channel holds");
    expect(lwt_channel_senders(w.ch[i].ch) == senders[i], "who waits to send");
    expect(lwt_channel_receivers(w.ch[i].ch) == receivers[i], "who waits to receive");
  }
}

static const char *program(uint64_t seed)
{
  static struct lwt_virtual engine;
  int i, steps;

  memset(&w, 0, sizeof w);
  w.random = seed * 0x9e3779b97f4a7c15u + 1;
  lwt_virtual_init(&engine);
  lwt_set_engine(&engine.engine);
  lwt_seed(seed);
  for (i = 0; i < CHANNELS; i++) {
    w.ch[i].capacity = below(2) ? below(4) : 0;
    w.ch[i].ch = lwt_channel_new(w.ch[i].capacity, drop_element);
  }
  for (steps = (int)below(OPS); steps > 0 && !w.wrong; steps--) {
    step();
    same();
  }
  for (i = 0; i < w.ops; i++) {
    model_cancel(&w.op[i]);
    lwt_drop(w.op[i].p);
  }
  for (i = 0; i < CHANNELS; i++)
    lwt_channel_free(w.ch[i].ch);
  for (i = 1; i <= w.elements; i++)
    expect(w.fate[i] == w.wanted[i], "each element ends once");
  expect(lwt_live() == 0 && lwt_timers() == 0, "nothing is left");
  return w.wrong;
}

int main(int argc, char **argv)
{
  uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
  uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 0) : argc > 1 ? 1 : 2000, i;
  const char *wrong = NULL;

  for (i = 0; i < count && !wrong; i++)
    wrong = program(seed + i);
  ok(!wrong, "%" PRIu64 " random programs from seed %" PRIu64, count, seed);
  if (wrong)
    printf("# seed %" PRIu64 ": not so: %s\n", seed + i - 1, wrong);
  lwt_cleanup();
  return lwt_test_done();
}
