/* lwt/memory.h - where the memory of the library comes from; not installed.
 * SPDX-License-Identifier: ISC
 *
 * What lwt/, net/ and the backends share; include it before any other header.
 */
#ifndef LWT_MEMORY_H
#define LWT_MEMORY_H

#ifndef LWT_BUILDING
#define LWT_BUILDING
#endif
#include <lwt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* From the allocator given to lwt_set_allocator(); NULL may be freed. */
LWT_API void *lwt__alloc(size_t size);
LWT_API void lwt__free(void *ptr);

/* memcpy(), for what may be long, as a call in any case: with -Os, as images are
 * compiled, the compiler puts a loop over single bytes in its place. */
void *lwt__copy(void *to, const void *from, size_t len) __asm__("memcpy");

/* memset(), as a call as well: in its place there would be instructions that take
 * their time to begin. */
void *lwt__fill(void *to, int byte, size_t len) __asm__("memset");

/* Memory for a struct lwt_datagram, and what its maker puts behind it: at most
 * LWT__DATAGRAM bytes in all; lwt_datagram_free() gives it back. */
#define LWT__DATAGRAM 96
LWT_API void *lwt__datagram_new(size_t size);

/* Give back the free lists of buffer.c; for lwt_cleanup().  Returns the number
 * of slices still alive, and gives nothing back if that is not 0. */
size_t lwt__buf_cleanup(void);

/* Between hold and release (which gets what hold returned), callbacks of what
 * is settled wait, as in a callback: for code that settles promises in the
 * middle of its work. */
LWT_API int lwt__hold(void);
LWT_API void lwt__release(int held);
/* Whether they wait now. */
LWT_API int lwt__is_held(void);

/* The disk of that name, if it needs no platform ("memory:SIZE").  Returns 0,
 * LWT_ENODEV, or why it cannot be made. */
struct lwt_block;
LWT_API int lwt__block_named(const char *name, struct lwt_block **block);

/* A call on the loop's next turn, after what was paused before, in the order in
 * which they were set: what a promise of lwt_pause() would do, without memory
 * that may be out.  All zero but fn: not set.  It runs held, and unset. */
struct lwt__task {
  struct lwt__task *next, **link; /* link NULL: not set */
  void (*fn)(struct lwt__task *task);
};
/* No effect if it is set. */
LWT_API void lwt__task_set(struct lwt__task *task);
/* No effect if it is not set. */
LWT_API void lwt__task_stop(struct lwt__task *task);

/* Whether some are set, or promises are paused: the next turn does not wait. */
LWT_API int lwt__is_paused(void);

/* lwt_now(), but read once for tasks of a turn and the next that run one after the
 * other with nothing of the program between them: a packet on its way through a hub
 * and two stacks takes no longer than asking for the time. */
LWT_API uint64_t lwt__task_now(void);

#ifdef __cplusplus
}
#endif

#endif
