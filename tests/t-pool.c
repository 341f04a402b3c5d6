/* t-pool.c - pools of resources; the group POO.
 * SPDX-License-Identifier: ISC
 */
#define LWT_TEST_SHORT
#include <lwt/pool.h>
#include <lwt/test.h>
#include <string.h>

#define V(n) ((void *)(intptr_t)(n))

/* What the pool's functions do next, and what they have done. */
static struct {
  int created, disposed, validated, checked;
  int create_error, validate_error, valid, good;
  int making, most; /* at a time */
  int slow;
} w;

/* It was cancelled: then there is no resource. */
static lwt_t *not_made(void *env, struct lwt_error error)
{
  (void)env;
  w.making--;
  return lwt_fail_error(error);
}

static lwt_t *create(void *env)
{
  (void)env;
  if (w.create_error)
    return lwt_fail(w.create_error, "create");
  w.created++;
  w.making++;
  if (w.making > w.most)
    w.most = w.making;
  if (w.slow)
    return lwt_catch(lwt_sleep(LWT_S(1)), not_made, NULL);
  return lwt_return(V(w.created));
}

static lwt_t *validate(void *env, void *resource)
{
  (void)env, (void)resource;
  w.validated++;
  if (w.validate_error)
    return lwt_fail(w.validate_error, "validate");
  return lwt_return(V(w.valid));
}

static int check(void *env, void *resource, struct lwt_error error)
{
  (void)env, (void)resource, (void)error;
  w.checked++;
  return w.good;
}

static lwt_t *dispose(void *env, void *resource)
{
  (void)env, (void)resource;
  w.disposed++;
  w.making--;
  return w.slow ? lwt_sleep(LWT_S(1)) : NULL;
}

static struct lwt_pool *pool_of(size_t max)
{
  memset(&w, 0, sizeof w);
  w.valid = w.good = 1;
  return lwt_pool_new(&(struct lwt_pool_ops){ .max = max,
                                              .create = create,
                                              .validate = validate,
                                              .check = check,
                                              .dispose = dispose });
}

static lwt_t *use_value(void *env, void *resource)
{
  return env ? lwt_fail((int)(intptr_t)env, "use") : lwt_return(resource);
}

static lwt_t *use_task(void *env, void *resource)
{
  (void)resource;
  return lwt_task(env);
}

static void uses(void)
{
  struct lwt_pool *pool = pool_of(1);
  lwt_t *p;

  if (!pool)
    return;
  p = lwt_pool_use(pool, use_value, NULL);
  is_fulfilled(p, 1, "POO-01 the first use creates one");
  lwt_drop(p);
  p = lwt_pool_use(pool, use_value, NULL);
  is_fulfilled(p, 1, "POO-03 the next uses it again");
  lwt_drop(p);
  is_int(w.created, 1, "POO-03 nothing is created");
  p = lwt_pool_use(pool, use_value, V(LWT_EIO));
  is_rejected(p, LWT_EIO, "a use that fails");
  lwt_drop(p);
  ok(w.checked == 1 && w.disposed == 0, "POO-08 check says that it is good: kept");
  w.good = 0;
  lwt_drop(lwt_pool_use(pool, use_value, V(LWT_ECANCELED)));
  ok(w.checked == 2 && w.disposed == 1, "POO-09 not good: disposed of");
  p = lwt_pool_use(pool, use_value, NULL);
  is_fulfilled(p, 2, "POO-09 the next use creates");
  lwt_drop(p);
  is_int(lwt_run(lwt_pool_free(pool)), 0, "freed");
  is_int(w.disposed, 2, "and what was idle is gone");
  pool = lwt_pool_new(&(struct lwt_pool_ops){ .max = 1, .create = create });
  if (!pool)
    return;
  lwt_drop(lwt_pool_use(pool, use_value, V(LWT_ECANCELED)));
  is_int(lwt_pool_idle(pool), 1, "POO-14 without check it is kept");
  lwt_async(lwt_pool_free(pool));
  ok(!lwt_pool_new(&(struct lwt_pool_ops){ .create = create }), "max 0: no pool");
}

static void errors(void)
{
  struct lwt_pool *pool = pool_of(1);
  lwt_t *p;

  if (!pool)
    return;
  w.create_error = LWT_ENOENT;
  p = lwt_pool_use(pool, use_value, NULL);
  is_rejected(p, LWT_ENOENT, "POO-02 create fails: so does the use");
  is_int(lwt_pool_count(pool), 0, "POO-15 and it does not count");
  lwt_drop(p);
  w.create_error = 0;
  lwt_drop(lwt_pool_use(pool, use_value, NULL));
  w.valid = 0;
  p = lwt_pool_use(pool, use_value, NULL);
  is_fulfilled(p, 2, "POO-04 not valid: a new one");
  is_int(w.disposed, 1, "POO-04 and the old one is gone");
  lwt_drop(p);
  w.valid = 1;
  w.validate_error = LWT_EIO;
  p = lwt_pool_use(pool, use_value, NULL);
  is_rejected(p, LWT_EIO, "POO-05 validate fails: so does the use");
  is_int(w.disposed, 2, "POO-05 the resource is gone");
  lwt_drop(p);
  w.validate_error = 0;
  w.good = w.valid = 0;
  lwt_drop(lwt_pool_use(pool, use_value, V(LWT_ECANCELED)));
  p = lwt_pool_use(pool, use_value, NULL);
  lwt_drop(p);
  is_int(w.created, 4, "POO-13 check disposes of it, so there is nothing to validate");
  p = lwt_pool_use(pool, use_value, NULL);
  is_fulfilled(p, 5, "POO-13 validate of the next");
  lwt_drop(p);
  lwt_async(lwt_pool_free(pool));
}

static void waits(void)
{
  struct lwt_pool *pool = pool_of(2);
  struct lwt_resolver r[3] = { { NULL } };
  lwt_t *a, *b, *c, *d, *e;

  if (!pool)
    return;
  a = lwt_pool_use(pool, use_task, &r[0]);
  b = lwt_pool_use(pool, use_task, &r[1]);
  is_int(w.created, 2, "POO-06 two uses of a pool of two create two");
  c = lwt_pool_use(pool, use_value, NULL);
  d = lwt_pool_use(pool, use_value, NULL);
  e = lwt_pool_use(pool, use_value, NULL);
  is_pending(c, "POO-07 none is left: the use waits");
  is_int(lwt_pool_waiting(pool), 3, "POO-16 three wait");
  lwt_cancel(d);
  is_rejected(d, LWT_ECANCELED, "a waiting use can be cancelled");
  is_int(lwt_pool_waiting(pool), 2, "POO-16 and waits no more");
  w.validate_error = LWT_EIO;
  lwt_fulfill(&r[0], NULL);
  is_rejected(c, LWT_EIO, "POO-11 the first of them finds a bad one");
  is_fulfilled(e, 3, "POO-11 the next a new one");
  is_fulfilled(a, 0, "POO-05 the use before is not affected");
  lwt_cancel(b);
  is_rejected(b, LWT_ECANCELED, "a use is cancelled");
  is_int(lwt_pool_idle(pool), 2, "and its resource comes back");
  lwt_drop(a), lwt_drop(b), lwt_drop(c), lwt_drop(d), lwt_drop(e);
  lwt_abandon(&r[1]);
  w.validate_error = 0;
  lwt_async(lwt_pool_free(pool));
}

static void replaced(void)
{
  struct lwt_pool *pool = pool_of(1);
  struct lwt_resolver r = { NULL };
  lwt_t *a, *b, *c;

  if (!pool)
    return;
  a = lwt_pool_use(pool, use_task, &r);
  b = lwt_pool_use(pool, use_value, NULL);
  c = lwt_pool_use(pool, use_value, NULL);
  w.good = 0;
  w.create_error = LWT_ENOMEM;
  lwt_reject(&r, LWT_EIO, "use");
  is_rejected(a, LWT_EIO, "a bad resource");
  is_rejected(b, LWT_ENOMEM, "POO-12 cannot be replaced: who waits is told");
  is_rejected(c, LWT_ENOMEM, "each that waits tries for itself");
  is_int(lwt_pool_count(pool), 0, "POO-15 nothing is counted");
  lwt_drop(a), lwt_drop(b), lwt_drop(c);
  lwt_async(lwt_pool_free(pool));
}

static void clears(void)
{
  struct lwt_pool *pool = pool_of(3);
  struct lwt_resolver r = { NULL };
  lwt_t *a, *b, *p;

  if (!pool)
    return;
  a = lwt_pool_use(pool, use_task, &r);
  lwt_drop(lwt_pool_use(pool, use_value, NULL));
  is_int(lwt_pool_idle(pool), 1, "one in use, one idle");
  p = lwt_pool_clear(pool);
  is_fulfilled(p, 0, "clear");
  lwt_drop(p);
  is_int(w.disposed, 1, "POO-10 the idle one is gone");
  lwt_fulfill(&r, NULL);
  is_fulfilled(a, 0, "the use goes on");
  is_int(w.disposed, 2, "POO-10 the other is gone when it comes back");
  is_int(lwt_pool_count(pool), 0, "none is left");
  lwt_drop(a);
  w.slow = 1;
  a = lwt_pool_use(pool, use_value, NULL);
  lwt_test_advance(LWT_S(1));
  lwt_drop(a);
  lwt_drop(lwt_pool_use(pool, use_value, NULL));
  lwt_drop(lwt_pool_clear(pool));
  is_int(lwt_pool_count(pool), 1, "one that is being disposed of counts");
  b = lwt_pool_free(pool);
  a = lwt_pool_use(pool, use_value, NULL);
  is_rejected(a, LWT_EPIPE, "a pool that is freed is not used");
  lwt_drop(a);
  is_pending(b, "free waits for it");
  lwt_cancel(b);
  lwt_test_advance(LWT_S(2));
  is_fulfilled(b, 0, "and cannot be cancelled");
  lwt_drop(b);
}

/* Ten uses at a time, each of which waits: never more than max. */
static lwt_t *use_sleep(void *env, void *resource)
{
  (void)env, (void)resource;
  return lwt_sleep(lwt_test_random(LWT_S(1)));
}

static void bound(void)
{
  struct lwt_pool *pool = pool_of(4);
  lwt_t *p[50];
  int i;

  if (!pool)
    return;
  w.slow = 1;
  for (i = 0; i < 50; i++)
    p[i] = lwt_pool_use(pool, use_sleep, NULL);
  lwt_test_advance(LWT_MS(1500));
  w.valid = 0;
  for (i = 0; i < 50; i += 7)
    lwt_cancel(p[i]);
  lwt_drop(lwt_pool_clear(pool));
  lwt_test_advance(LWT_S(100));
  for (i = 0; i < 50; i++)
    lwt_drop(p[i]);
  ok(w.most <= 4 && w.created > 4, "POO-15 never more than max: %d of %d", w.most,
     w.created);
  lwt_async(lwt_pool_free(pool));
  lwt_test_advance(LWT_S(10));
  is_int(w.making, 0, "all are gone");
}

static void ends_with_errors(void)
{
  struct lwt_pool *pool = pool_of(2);
  struct lwt_resolver r = { NULL };
  lwt_t *a, *b;

  lwt_drop(lwt_pool_use(pool, use_value, NULL));
  a = lwt_pool_free(pool);
  is_fulfilled(a, 0, "POO-14 a pool is freed");
  lwt_drop(a);
  pool = pool_of(1);
  a = lwt_pool_use(pool, use_task, &r);
  b = lwt_pool_free(pool);
  is_pending(b, "... when nobody uses it any more");
  lwt_drop(b);
  b = lwt_pool_free(pool);
  is_rejected(b, LWT_EALREADY, "... once");
  lwt_drop(b);
  lwt_drop(a);
  lwt_abandon(&r);
  lwt_test_idle();
  is_int(w.making, 0, "... and nothing is left of it");
}

static void memory(void)
{
  struct lwt_pool *pool = pool_of(2);
  struct lwt_resolver r = { NULL };
  lwt_t *a, *b, *p;
  int tries;

  if (!pool)
    return;
  a = lwt_pool_use(pool, use_task, &r);
  b = lwt_pool_use(pool, use_value, V(LWT_ECANCELED));
  lwt_drop(lwt_pool_use(pool, use_value, NULL));
  lwt_drop(lwt_pool_clear(pool));
  lwt_fulfill(&r, NULL);
  lwt_drop(a);
  lwt_drop(b);
  for (tries = 0; tries < 100; tries++) {
    p = lwt_pool_free(pool);
    if (lwt_state(p) == LWT_FULFILLED) {
      lwt_drop(p);
      break;
    }
    lwt_drop(p);
    lwt_test_fail(0, 0);
  }
  if (w.making)
    lwt_test_mute(0), ok(0, "%d resources are left", w.making), lwt_test_mute(1);
  lwt_test_lost(NULL);
}

static const struct lwt_test tests[] = {
  LWT_TEST(uses), LWT_TEST(errors), LWT_TEST(waits), LWT_TEST(replaced),
  LWT_TEST(clears), LWT_TEST(bound), LWT_TEST(ends_with_errors), LWT_TEST_MEMORY(memory),
};

int main(int argc, char **argv)
{
  return lwt_test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
