/* failalloc.h - every allocation fails in turn.
 * SPDX-License-Identifier: ISC
 *
 * failalloc_each(body, env) calls body(env) once and counts its allocations;
 * then again for each of them, with that one failing, and again with that one
 * and all later ones failing.  After each call everything must have been given
 * back: promises, and what lwt_cleanup() gives back to the allocator.
 *
 * A build with LWT_NO_POOLS allocates every promise singly; otherwise one
 * allocation makes many of them, and only it can fail.
 */
#ifndef FAILALLOC_H
#define FAILALLOC_H

#include <lwt.h>
#include <stdatomic.h>
#include <stdlib.h>

struct failalloc {
  atomic_size_t calls;   /* allocations since failalloc_arm(), of any thread */
  size_t fail;           /* the first that fails, from 1; 0: none */
  int all;               /* later ones fail too */
  atomic_size_t failed;  /* that have failed */
  atomic_size_t balance; /* allocated and not freed */
};
static struct failalloc failalloc;

static void *failalloc_alloc(size_t size)
{
  struct failalloc *f = &failalloc;
  size_t n = ++f->calls;
  void *p;

  if (f->fail && (n == f->fail || (f->all && n > f->fail))) {
    f->failed++;
    return NULL;
  }
  if ((p = malloc(size)))
    f->balance++;
  return p;
}

static void failalloc_free(void *p)
{
  if (p)
    failalloc.balance--;
  free(p);
}

/* Before anything else. */
static inline void failalloc_init(void)
{
  lwt_set_allocator(failalloc_alloc, failalloc_free);
}

static inline void failalloc_arm(size_t fail, int all)
{
  failalloc.calls = failalloc.failed = 0;
  failalloc.fail = fail;
  failalloc.all = all;
}

struct failalloc_result {
  size_t runs;  /* with a failing allocation */
  size_t alive; /* the first run after which a promise was alive; 0: none */
  size_t leaked; /* the first run after which memory was missing; 0: none */
};

static inline void failalloc_check(struct failalloc_result *r, size_t n)
{
  failalloc_arm(0, 0);
  if ((lwt_live() || lwt_cleanup()) && !r->alive)
    r->alive = n;
  if (failalloc.balance && !r->leaked)
    r->leaked = n;
}

/* check(env, failed), if given, follows each call of body: failed tells how
 * many allocations have failed in it. */
static inline struct failalloc_result
failalloc_each(void (*body)(void *), void (*check)(void *, size_t), void *env)
{
  struct failalloc_result r = { 0, 0, 0 };
  size_t n, i, all;

  lwt_cleanup();
  failalloc_arm(0, 0);
  body(env);
  n = failalloc.calls;
  if (check)
    check(env, 0);
  failalloc_check(&r, 1);
  for (i = 1; i <= n && !r.alive && !r.leaked; i++)
    for (all = 0; all <= 1; all++) {
      failalloc_arm(i, (int)all);
      body(env);
      if (check)
        check(env, failalloc.failed);
      r.runs++;
      failalloc_check(&r, i);
    }
  return r;
}

#endif
