/* fiber_stack.c - stacks of fibers, and a cache of them.
 * SPDX-License-Identifier: ISC
 *
 * From the platform, which has guard pages; without one, from the allocator.  The
 * words at the end show an overflow when there is no guard, or when one step has
 * gone beyond it.
 */
#include "internal.h"
#include "fiber_stack.h"

#include <lwt/platform.h>

#include <stdlib.h>

#ifdef LWT_VALGRIND
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(low, high) 0
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

#define CACHE_MAX 64u
#define STACK_MIN ((size_t)16 * 1024)
#define STACK_UNIT ((size_t)4096)
#define WORDS 2
#define MARK UINT64_C(0x6c77742d66696265)

void *lwt_platform_stack(size_t *size) __attribute__((weak));
void lwt_platform_stack_free(void *stack, size_t size) __attribute__((weak));

static __thread struct {
  struct lwt__stack *first;
  unsigned n;
} cache;

static void release(struct lwt__stack *s)
{
  void *low = s->low;
  size_t size = s->size;

  VALGRIND_STACK_DEREGISTER(s->valgrind);
#ifdef FIBER_ASAN
  /* Frames that were left for good. */
  __asan_unpoison_memory_region(low, size);
#endif
  if (lwt_platform_stack)
    lwt_platform_stack_free(low, size);
  else
    lwt__free(low);
}

static void release_cached(void)
{
  struct lwt__stack *s;

  while ((s = cache.first)) {
    cache.first = s->next;
    release(s);
  }
  cache.n = 0;
}

/* The first of that size; else make room for one. */
static struct lwt__stack *cached(size_t size)
{
  struct lwt__stack *s, **link;

  for (link = &cache.first; (s = *link); link = &s->next)
    if (s->size == size) {
      *link = s->next;
      cache.n--;
      return s;
    }
  if (cache.n == CACHE_MAX) {
    s = cache.first;
    cache.first = s->next;
    cache.n--;
    release(s);
  }
  return NULL;
}

static void mark(struct lwt__stack *s)
{
  uint64_t *words = (uint64_t *)(void *)s->low;
  int i;

  for (i = 0; i < WORDS; i++)
    words[i] = MARK;
}

struct lwt__stack *lwt__stack_new(size_t size)
{
  struct lwt__stack *s;
  char *low;

  if (size > SIZE_MAX / 2)
    return NULL;
  if (size < STACK_MIN)
    size = STACK_MIN;
  size = (size + STACK_UNIT - 1) / STACK_UNIT * STACK_UNIT;
  if ((s = cached(size)))
    return s;
  low = lwt_platform_stack ? lwt_platform_stack(&size) : lwt__alloc(size);
  if (!low)
    return NULL;
  s = (struct lwt__stack *)(void *)(low + (size - sizeof *s) / 64 * 64);
  s->low = low;
  s->size = size;
  s->valgrind = VALGRIND_STACK_REGISTER(low, low + size - 1);
  mark(s);
  return s;
}

void lwt__stack_free(struct lwt__stack *s)
{
  if (cache.n == CACHE_MAX) {
    release(s);
    return;
  }
#ifdef FIBER_ASAN
  __asan_unpoison_memory_region(s->low, s->size);
#endif
  s->next = cache.first;
  cache.first = s;
  cache.n++;
  lwt__t.release_stacks = release_cached;
}

void lwt__stack_check(const struct lwt__stack *s)
{
  const uint64_t *words = (const uint64_t *)(const void *)s->low;

  if (likely(words[0] == MARK && words[WORDS - 1] == MARK))
    return;
  fputs("lwt: a fiber has overflowed its stack\n", stderr);
  abort();
}
