/* t-fiber-random.c - random programs of binds, frames and fibers.
 * SPDX-License-Identifier: ISC
 *
 * Each seed is a tree of threads.  An inner node waits for its children, one after
 * the other, as a bind, a frame or a fiber, at random; a leaf sleeps, pauses, is
 * settled, or fails.  Some nodes are dropped or cancelled on the way.  At the end
 * every node has been left as often as it was entered, and nothing is alive.
 * Without cancel, drop and failure the sum of the leaves must come out.
 * Run by hand: t-fiber-random SEED [COUNT].
 */
#define LWT_TEST_SHORT
#include <lwt/fiber.h>
#include <lwt/scope.h>
#include <lwt/test.h>
#include <stdlib.h>
#include <string.h>

#include "sem.h"

static struct world {
  uint64_t random;
  int quiet; /* nothing is cancelled, dropped or fails */
  long entered, left;
  long sum; /* of the leaves that were made */
  lwt_t *held[16];
} w;

static unsigned below(unsigned n)
{
  w.random ^= w.random << 13;
  w.random ^= w.random >> 7;
  w.random ^= w.random << 17;
  return (unsigned)((w.random >> 33) % n);
}

/* Now and then something is cancelled, or a second handle is dropped. */
static void mischief(void)
{
  unsigned i = below(16);
  lwt_t *p = w.held[i];

  if (w.quiet || !p || below(8))
    return;
  if (below(2)) {
    lwt_cancel(p);
  } else {
    w.held[i] = NULL;
    lwt_drop(p);
  }
}

static long total;

static lwt_t *node(int depth);

static lwt_t *hold(lwt_t *p)
{
  unsigned i = below(16);

  if (!w.quiet && !w.held[i] && below(4) == 0)
    w.held[i] = lwt_ref(p);
  return p;
}

static void *value_of(void *env, void *value)
{
  (void)value;
  return env;
}

static lwt_t *leaf(void)
{
  long v = (long)below(100);

  switch (below(w.quiet ? 4 : 6)) {
  case 0:
    w.sum += v;
    return lwt_map(lwt_sleep(LWT_MS(below(20))), value_of, V(v));
  case 1:
    w.sum += v;
    return lwt_map(lwt_pause(), value_of, V(v));
  case 2:
    w.sum += v;
    return lwt_return(V(v));
  case 3:
    w.sum += v;
    return lwt_map(lwt_no_cancel(lwt_sleep(LWT_MS(below(20)))), value_of, V(v));
  case 4:
    return lwt_fail(LWT_EIO, "leaf");
  default:
    return lwt_timeout(LWT_MS(below(20)));
  }
}

/* ---- Three ways to wait for n children in turn --------------------------- */

struct inner {
  struct lwt_frame frame;
  int depth, n;
  long sum;
  void *v;
};

static void leave(void *arg)
{
  (void)arg;
  w.left++;
}

LWT_STEP inner_step(struct lwt_frame *frame)
{
  struct inner *f = (struct inner *)frame;

  lwt_begin(f);
  w.entered++;
  lwt_defer(f, leave, NULL);
  for (; f->n > 0; f->n--) {
    mischief();
    lwt_await(f, &f->v, node(f->depth));
    f->sum += (long)(intptr_t)f->v;
  }
  lwt_finish(f, f->sum);
  lwt_end(f);
}

static int help(int depth, int n, long *sum)
{
  struct lwt_error e;
  void *v;

  if (n == 0)
    return 0;
  mischief();
  if ((e = lwt_fiber_await(node(depth), &v)).code)
    return e.code;
  *sum += (long)(intptr_t)v;
  return help(depth, n - 1, sum);
}

static lwt_t *fiber(void *arg)
{
  struct inner *in = arg;
  int code;

  w.entered++;
  lwt_fiber_defer(leave, NULL);
  code = help(in->depth, in->n, &in->sum);
  if (code == LWT_ECANCELED && below(2))
    (void)lwt_fiber_await(lwt_no_cancel(lwt_sleep(LWT_MS(3))));
  return code ? lwt_fail(code, "fiber") : lwt_return(V(in->sum));
}

static lwt_t *next_child(void *env, void *value)
{
  struct inner *in = env;

  in->sum += (long)(intptr_t)value;
  mischief();
  if (in->n-- == 0)
    return lwt_return(V(in->sum));
  return lwt_bind(node(in->depth), next_child, in);
}

static lwt_t *chain(void *env, void *arg)
{
  w.entered++;
  memcpy(env, arg, sizeof(struct inner));
  return next_child(env, NULL);
}

/* ---- A group ------------------------------------------------------------- */

static lwt_t *add_up(void *env, void *vec)
{
  struct lwt_vec *v = vec;
  long sum = 0;
  size_t i;

  (void)env;
  for (i = 0; i < v->n; i++)
    sum += (long)(intptr_t)v->v[i].value;
  lwt_vec_free(v);
  return lwt_return(V(sum));
}

static lwt_t *in_scope(struct lwt_scope *scope, void *env)
{
  int depth = (int)(intptr_t)env;

  lwt_spawn(scope, lwt_map(lwt_sleep(LWT_MS(below(20))), value_of, NULL));
  lwt_spawn(scope, lwt_pause());
  return node(depth);
}

static lwt_t *node(int depth)
{
  static const struct lwt_fiber_options options = { .stack = 65536, .fini = free };
  struct inner in = { .depth = depth - 1, .n = (int)below(5) }, *copy;

  if (depth == 0 || below(9) == 0)
    return hold(leaf());
  switch (below(6)) {
  case 0:
  case 1:
    copy = malloc(sizeof *copy);
    *copy = in;
    return hold(lwt_fiber(fiber, copy, &options));
  case 2:
    return hold(LWT_GO(struct inner, inner_step, .depth = in.depth, .n = in.n));
  case 3:
    return hold(lwt_with(sizeof in, chain, &in, leave));
  case 4:
    return hold(lwt_scope(in_scope, V(depth - 1)));
  default:
    return hold(
      lwt_bind(lwt_all(LWT_PS(node(depth - 1), node(depth - 1))), add_up, NULL));
  }
}

static int run_program(uint64_t seed, int faults)
{
  struct lwt_error e;
  void *v = NULL;
  uint64_t next;
  int i, good;

  sem_begin();
  memset(&w, 0, sizeof w);
  w.random = seed * 2654435761u + 88172645463325252u;
  w.quiet = seed % 3 == 0 && !faults;
  lwt_seed(seed);
  lwt_test_fail(faults ? 1 + below(300) : 0, 0);
  e = lwt_run_value(node(7), &v);
  for (i = 0; i < 16; i++)
    lwt_drop(w.held[i]);
  while ((next = lwt_run_ready()) != LWT_NEVER)
    lwt_get_engine()->wait(lwt_get_engine(), next);
  good = !w.quiet || (e.code == 0 && v == V(w.sum));
  lwt_test_fail_no_more();
  if (!good || w.entered != w.left || lwt_live() || lwt_timers()) {
    printf("# seed %llu%s: error %d, sum %ld of %ld, entered %ld, left %ld, alive %zu\n",
           (unsigned long long)seed, faults ? " with a fault" : "", e.code,
           (long)(intptr_t)v, w.sum, w.entered, w.left, lwt_live());
    good = 0;
  }
  total += w.entered;
  return good && w.entered == w.left && !lwt_live();
}

int main(int argc, char **argv)
{
  uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
  uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : argc > 1 ? 1 : 3000, i;
  uint64_t good = 0, survived = 0;

  lwt_test_memory();
  for (i = 0; i < count; i++) {
    good += (uint64_t)run_program(seed + i, 0);
    survived += (uint64_t)run_program(seed + i, 1);
  }
  printf("# %ld threads\n", total);
  is_int(good, count, "random programs of binds, frames and fibers");
  is_int(survived, count, "... with a failing allocation");
  is_int(lwt_cleanup(), 0, "nothing is left");
  is_int(lwt_test_counted().held, 0, "no memory is lost");
  return lwt_test_done();
}
