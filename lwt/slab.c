/* slab.c - memory: per-thread free lists of promises and small records.
 * SPDX-License-Identifier: ISC
 *
 * Promises come from slabs of 64 KiB, then ever larger ones up to 1 MiB, with
 * a free list for every 16 bytes of size; large ones are allocated singly.
 * Slabs with promises can be walked, which is how lwt_dump() finds them without
 * a list per promise.  With LWT_NO_POOLS every promise is allocated singly, for
 * the sanitizers and valgrind.
 */
#include "internal.h"

#include <lwt/buffer.h>
#include <lwt/trace.h>

#include <stdlib.h>
#include <string.h>

#define SLAB_MIN ((size_t)65536)
#define SLAB_MAX ((size_t)1 << 20)
#define SLAB_DATA 64u

/* In front of the promises of a slab, or of one that was allocated singly
 * (prev, next: such ones are freed singly too). */
struct slab {
  struct slab *next;
  struct slab *prev;
  size_t size;  /* of a promise; 0: raw memory */
  size_t bytes; /* of the slab; 0: one promise, allocated singly */
};

__thread struct thread lwt__t;

static void *(*alloc_fn)(size_t) = malloc;
static void (*free_fn)(void *) = free;

void lwt_set_allocator(void *(*alloc)(size_t), void (*release)(void *))
{
  alloc_fn = alloc ? alloc : malloc;
  free_fn = release ? release : free;
}

void *lwt__alloc(size_t size)
{
  return alloc_fn(size ? size : 1);
}

void lwt__free(void *ptr)
{
  if (ptr)
    free_fn(ptr);
}

static struct slab *slab_new(size_t bytes, size_t size)
{
  struct slab *s;

  if (unlikely(!lwt__t.begun))
    lwt__environment();
  s = lwt__alloc(bytes);
  if (!s)
    return NULL;
  s->size = size;
  s->bytes = 0;
  s->prev = NULL;
  s->next = lwt__t.slabs;
  if (s->next)
    s->next->prev = s;
  lwt__t.slabs = s;
  return s;
}

static void slab_free(struct slab *s)
{
  if (s->next)
    s->next->prev = s->prev;
  if (s->prev)
    s->prev->next = s->next;
  else
    lwt__t.slabs = s->next;
  lwt__free(s);
}

/* Aligned to a line of the cache: most promises fill just one. */
static char *slab_data(struct slab *s)
{
  if (!s->bytes)
    return (char *)s + SLAB_DATA;
  return (char *)(((uintptr_t)s + SLAB_DATA + 63) & ~(uintptr_t)63);
}

/* A promise allocated singly: too large for the classes. */
static void *node_single(size_t size)
{
  struct slab *s;

  if (size > SIZE_MAX - SLAB_DATA)
    return NULL;
  s = slab_new(SLAB_DATA + size, size);
  return s ? slab_data(s) : NULL;
}

#ifndef LWT_NO_POOLS
/* Cut the next object from the class's slab, or from a new one. */
static void *class_bump(struct size_class *class, size_t size, size_t walk_size)
{
  size_t bytes = class->bytes ? class->bytes : SLAB_MIN;
  char *p;
  struct slab *s;

  if ((size_t)(class->end - class->bump) < size) {
    s = slab_new(bytes, walk_size);
    if (!s)
      return NULL;
    s->bytes = bytes;
    class->bytes = bytes < SLAB_MAX ? 2 * bytes : bytes;
    class->bump = slab_data(s);
    class->end = (char *)s + bytes;
  }
  p = class->bump;
  class->bump += size;
  return p;
}
#endif

void *lwt__node_refill(size_t size)
{
#ifndef LWT_NO_POOLS
  size_t rounded = (size + 15) / 16 * 16;

  if (likely(size <= 512))
    return class_bump(&lwt__t.nodes[rounded / 16], rounded, rounded);
#endif
  return node_single(size);
}

void lwt__node_free_slow(struct promise *p)
{
  if (lwt__t.notes && !p->class) {
    lwt__note_gone(p);
#ifndef LWT_NO_POOLS
    if (p->class) {
      p->kind = K_FREE;
      p->waiters = (struct waiter *)lwt__t.nodes[p->class].free;
      lwt__t.nodes[p->class].free = p;
      return;
    }
#endif
  }
  slab_free((struct slab *)(void *)((char *)p - SLAB_DATA));
}

void *lwt__raw_alloc(size_t size)
{
#ifndef LWT_NO_POOLS
  size_t rounded = (size + 15) / 16 * 16;
  struct size_class *class;
  void *ptr;

  if (likely(size <= 512)) {
    class = &lwt__t.raw[rounded / 16];
    if ((ptr = class->free)) {
      class->free = *(void **)ptr;
      return ptr;
    }
    return class_bump(class, rounded, 0);
  }
#endif
  return lwt__alloc(size);
}

void lwt__raw_free(void *ptr, size_t size)
{
#ifndef LWT_NO_POOLS
  struct size_class *class;

  if (likely(size <= 512)) {
    class = &lwt__t.raw[(size + 15) / 16];
    *(void **)ptr = class->free;
    class->free = ptr;
    return;
  }
#endif
  (void)size;
  lwt__free(ptr);
}

/* The end of what was cut from slab s. */
static char *slab_end(struct slab *s)
{
  struct size_class *class;

  if (!s->bytes)
    return slab_data(s) + s->size;
  class = &lwt__t.nodes[s->size / 16];
  if (class->end == (char *)s + s->bytes)
    return class->bump;
  return slab_data(s) +
         (size_t)((char *)s + s->bytes - slab_data(s)) / s->size * s->size;
}

void lwt__each(void (*f)(void *env, struct promise *p), void *env)
{
  struct slab *s;
  char *p, *end;

  for (s = lwt__t.slabs; s; s = s->next) {
    if (!s->size)
      continue;
    end = slab_end(s);
    for (p = slab_data(s); p < end; p += s->size)
      if (((struct promise *)(void *)p)->kind != K_FREE)
        f(env, (struct promise *)(void *)p);
  }
}

size_t lwt_live(void)
{
  return lwt__t.live;
}

size_t lwt_cleanup(void)
{
  struct thread *t = &lwt__t;

  if (t->live || t->timers || lwt_buf_live())
    return t->live + lwt_buf_live() + (t->live ? 0 : t->timers);
  lwt__buf_cleanup();
  if (t->release_stacks)
    t->release_stacks();
  if (t->tracer && !t->trace->stop())
    t->begun = 0;
  lwt__timers_fini();
  lwt__notes_fini();
  while (t->slabs)
    slab_free(t->slabs);
  memset(t->nodes, 0, sizeof t->nodes);
  memset(t->raw, 0, sizeof t->raw);
  return 0;
}
