/* t-stream-random.c - random programs over a stream and a simple model of it.
 * SPDX-License-Identifier: ISC
 *
 * A program pushes, reads in all ways, cancels, drops, clones, resizes and
 * closes at random.  The model is an array of all that was ever pushed, and for
 * each handle a position and a list of waiting reads.  Every read must give what
 * the model says, at the moment that it says; every element must be freed once
 * for each copy.  Arguments: a seed, a number of programs.
 */
#include <stdlib.h>

#include "stream-kit.h"

enum { STEPS = 60, HANDLES = 4, READS = 8, ELEMENTS = 256, PUSHES = 64 };

enum read_kind { R_GET, R_NEXT, R_PEEK, R_NGET };

struct read {
  lwt_t *p;
  enum read_kind kind;
  size_t want, have; /* of R_NGET */
  int waits;
  intptr_t gives; /* once it does not wait: an element, NONE, or an error */
};

struct handle {
  struct lwt_stream *s;
  size_t pos;
  struct read read[READS];
  size_t reads; /* in the order in which they began */
};

static struct model {
  struct lwt_sink *sink;
  size_t limit, n; /* elements 1 ... n have gone in */
  int closed;
  struct { lwt_t *p; int in, gone; } push[PUSHES];
  size_t pushes;
  struct handle handle[HANDLES];
  intptr_t element[ELEMENTS];
} m;

static uint64_t state;
static long held; /* copies of elements that exist */

static unsigned below_n(unsigned n)
{
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (unsigned)(state >> 33) % n;
}

static void held_drop(void *value)
{
  (void)value;
  held--;
}

static int held_copy(void *value, void **copy)
{
  held++;
  *copy = value;
  return 0;
}

static const struct lwt_elements held_type = { held_drop, held_copy };

/* ---- The model ----------------------------------------------------------- */

static size_t slowest(void)
{
  size_t i, pos = m.n;

  for (i = 0; i < HANDLES; i++)
    if (m.handle[i].s && m.handle[i].pos < pos)
      pos = m.handle[i].pos;
  return pos;
}

static int alive(void)
{
  size_t i, n = 0;

  for (i = 0; i < HANDLES; i++)
    n += m.handle[i].s != NULL;
  return (int)n;
}

/* Waiting reads take what is there, in order. */
static int model_serve(struct handle *h)
{
  size_t i;
  int any = 0;

  for (i = 0; i < h->reads; i++) {
    struct read *r = &h->read[i];

    if (!r->waits)
      continue;
    if (h->pos == m.n && !m.closed)
      break;
    any = 1;
    if (r->kind == R_NGET && h->pos < m.n && r->have < r->want) {
      h->pos++;
      r->waits = ++r->have < r->want;
      i -= r->waits;
      continue;
    }
    r->waits = 0;
    r->gives = h->pos < m.n ? m.element[h->pos] : NONE;
    if (r->kind != R_PEEK && r->kind != R_NGET && h->pos < m.n)
      h->pos++;
  }
  return any;
}

static void model_run(void)
{
  size_t i;
  int again;

  do {
    again = 0;
    for (i = 0; i < HANDLES; i++)
      if (m.handle[i].s)
        again |= model_serve(&m.handle[i]);
    for (i = 0; i < m.pushes; i++)
      if (!m.push[i].in && !m.push[i].gone && m.n - slowest() < m.limit) {
        m.push[i].in = again = 1;
        m.element[m.n++] = (intptr_t)i + 1;
      }
  } while (again);
}

/* ---- What both do -------------------------------------------------------- */

static struct handle *some_handle(void)
{
  struct handle *h = &m.handle[below_n(HANDLES)];

  return h->s ? h : NULL;
}

static void do_push(void)
{
  size_t i = m.pushes;

  if (i == PUSHES)
    return;
  m.pushes++;
  held++;
  m.push[i].in = m.push[i].gone = 0;
  if (m.closed || !alive())
    m.push[i].gone = 1;
  m.push[i].p = lwt_sink_push(m.sink, V(i + 1));
}

static void do_cancel_push(void)
{
  size_t i = m.pushes ? below_n((unsigned)m.pushes) : 0;

  if (!m.pushes || !m.push[i].p)
    return;
  if (!m.push[i].in)
    m.push[i].gone = 1;
  lwt_cancel(m.push[i].p);
}

static void do_read(void)
{
  struct handle *h = some_handle();
  struct read *r;
  size_t i;

  if (!h || h->reads == READS)
    return;
  /* A read of several takes one after the other: only alone is it certain. */
  for (i = 0; i < h->reads; i++)
    if (h->read[i].kind == R_NGET && h->read[i].waits)
      return;
  r = &h->read[h->reads];
  *r = (struct read){ .kind = (enum read_kind)below_n(4), .waits = 1 };
  r->want = below_n(4);
  if (r->kind == R_NGET)
    for (i = 0; i < h->reads; i++)
      if (h->read[i].waits)
        return;
  h->reads++;
  if (r->kind == R_NGET && !r->want)
    r->waits = 0;
  switch (r->kind) {
  case R_GET: r->p = lwt_stream_get(h->s); break;
  case R_NEXT: r->p = lwt_stream_next(h->s); break;
  case R_PEEK: r->p = lwt_stream_peek(h->s); break;
  case R_NGET: r->p = lwt_stream_nget(h->s, r->want); break;
  }
}

static void forget_read(struct handle *h, size_t i)
{
  lwt_drop(h->read[i].p);
  memmove(&h->read[i], &h->read[i + 1], (--h->reads - i) * sizeof h->read[0]);
}

static void do_cancel_read(void)
{
  struct handle *h = some_handle();
  size_t i;

  if (!h || !h->reads)
    return;
  i = below_n((unsigned)h->reads);
  if (h->read[i].waits) {
    h->pos -= h->read[i].have; /* what it had goes back */
    if (below_n(2))
      lwt_cancel(h->read[i].p);
  }
  forget_read(h, i);
}

static void do_clone(void)
{
  struct handle *h = some_handle();
  size_t i = below_n(HANDLES);

  if (!h || m.handle[i].s)
    return;
  m.handle[i] = (struct handle){ .s = lwt_stream_clone(h->s), .pos = h->pos };
}

static void do_drop(void)
{
  struct handle *h = some_handle();
  size_t i;

  if (!h || (alive() == 1 && below_n(4)))
    return;
  lwt_stream_drop(h->s);
  for (i = 0; i < h->reads; i++)
    if (h->read[i].waits)
      ok(canceled(h->read[i].p), "a read whose handle goes");
  while (h->reads)
    forget_read(h, 0);
  h->s = NULL;
  if (!alive())
    for (i = 0; i < m.pushes; i++)
      m.push[i].gone |= !m.push[i].in;
}

static void do_end(void)
{
  size_t i;

  if (below_n(6))
    return;
  lwt_sink_close(m.sink);
  m.closed = 1;
  for (i = 0; i < m.pushes; i++)
    m.push[i].gone |= !m.push[i].in;
}

static void do_resize(void)
{
  m.limit = 1 + below_n(6);
  lwt_sink_resize(m.sink, m.limit);
}

/* ---- Comparing ----------------------------------------------------------- */

static int same_read(const struct read *r)
{
  if (r->waits)
    return pending(r->p);
  if (r->kind == R_NGET) {
    const struct lwt_vec *vec = lwt_value(r->p);

    return vec && vec->n == r->have;
  }
  if (r->gives == NONE && r->kind == R_NEXT)
    return failed(r->p, LWT_ENODATA);
  return is(r->p, r->gives);
}

static int same_all(void)
{
  size_t i, k;

  for (i = 0; i < m.pushes; i++)
    if (lwt_state(m.push[i].p) != (m.push[i].in ? LWT_FULFILLED
                                  : m.push[i].gone ? LWT_REJECTED : LWT_PENDING)) {
      printf("# push %zu\n", i);
      return 0;
    }
  for (i = 0; i < HANDLES; i++)
    for (k = 0; k < m.handle[i].reads; k++)
      if (!same_read(&m.handle[i].read[k])) {
        printf("# handle %zu, read %zu\n", i, k);
        return 0;
      }
  if (!alive())
    return 1;
  return lwt_sink_stats(m.sink).held == m.n - slowest();
}

static void finish(void)
{
  size_t i;

  for (i = 0; i < HANDLES; i++) {
    struct handle *h = &m.handle[i];

    while (h->reads)
      forget_read(h, 0);
    lwt_stream_drop(h->s);
  }
  for (i = 0; i < m.pushes; i++) {
    lwt_error(m.push[i].p);
    lwt_drop(m.push[i].p);
  }
  lwt_sink_drop(m.sink);
}

static int program(uint64_t seed)
{
  static void (*const act[])(void) = {
    do_push, do_push, do_push, do_read, do_read, do_read, do_cancel_push, do_cancel_read,
    do_clone, do_drop, do_end, do_resize,
  };
  int i, good = 1;

  memset(&m, 0, sizeof m);
  state = seed * 0x9e3779b97f4a7c15u + 1;
  held = 0;
  m.limit = 1 + below_n(6);
  m.handle[0].s = lwt_stream_create(&held_type, m.limit, &m.sink);
  for (i = 0; i < STEPS && good; i++) {
    act[below_n(sizeof act / sizeof *act)]();
    model_run();
    good = same_all();
  }
  finish();
  if (!good || held || lwt_live())
    printf("# seed %llu, step %d: %ld elements and %zu promises are left\n",
           (unsigned long long)seed, i, held, lwt_live());
  return good && !held && !lwt_live();
}

int main(int argc, char **argv)
{
  uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
  uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 0) : argc > 1 ? 1 : 20000, i;

  sem_begin();
  lwt_test_mute(1);
  for (i = 0; i < n && program(seed + i); i++)
    ;
  lwt_test_mute(0);
  is_int(i, n, "random programs over a stream and its model");
  is_int(lwt_cleanup(), 0, "the memory is given back");
  return lwt_test_done();
}
