/* fiber_stack.h - stacks of fibers, the switch between them, and who must know.
 * SPDX-License-Identifier: ISC
 *
 * Not installed.  Sanitizers and valgrind follow the stack pointer: they are told
 * of each stack and of each switch.  All of that is empty in an ordinary build.
 */
#ifndef FIBER_STACK_H
#define FIBER_STACK_H

#include <stddef.h>

/* The record lies at the top of the stack's own memory. */
struct lwt__stack {
  struct lwt__stack *next;
  char *low;          /* the first byte of the stack */
  size_t size;        /* of the memory from low on */
  unsigned valgrind;
};

/* A stack of at least size bytes, from the cache or from the platform.  NULL: no
 * memory. */
struct lwt__stack *lwt__stack_new(size_t size);
/* Keep it, or give it back. */
void lwt__stack_free(struct lwt__stack *stack);
/* Abort if somebody has written over the end of it. */
void lwt__stack_check(const struct lwt__stack *stack);

/* In fiber_CPU.S.  Save this stack's pointer in *from and go on at the other
 * one's; or call start(arg) at the top of a new one, from which it must not
 * return. */
void lwt__fiber_switch(void **from, void *to);
void lwt__fiber_enter(void **from, void *top, void (*start)(void *), void *arg);

/* ---- Tools ------------------------------------------------------------- */

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define FIBER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#elif __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#endif

/* What they need to know of a fiber. */
struct lwt__fiber_tools {
#ifdef FIBER_ASAN
  void *fake;          /* the fiber's fake stack while it is suspended */
  const void *outer;   /* the stack of who runs it */
  size_t outer_size;
#endif
#ifdef FIBER_TSAN
  void *self, *outer;
#endif
  char none;
};

#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>

/* Who runs a fiber, around the switch; saved is a local variable of it. */
#define TOOLS_RESUME(tools, stack, saved) \
  __sanitizer_start_switch_fiber(&(saved), (stack)->low, (stack)->size)
#define TOOLS_RESUMED(tools, saved) __sanitizer_finish_switch_fiber((saved), NULL, NULL)
/* The fiber: at its start, before it leaves, and when it is back. */
#define TOOLS_START(tools) \
  __sanitizer_finish_switch_fiber(NULL, &(tools)->outer, &(tools)->outer_size)
#define TOOLS_LEAVE(tools, for_good)                                        \
  __sanitizer_start_switch_fiber((for_good) ? NULL : &(tools)->fake,        \
                                 (tools)->outer, (tools)->outer_size)
#define TOOLS_BACK(tools)                                                   \
  __sanitizer_finish_switch_fiber((tools)->fake, &(tools)->outer,           \
                                  &(tools)->outer_size)
#define TOOLS_INIT(tools) ((void)0)
#define TOOLS_END(tools) ((void)0)

#elif defined(FIBER_TSAN)
#include <sanitizer/tsan_interface.h>

#define TOOLS_INIT(tools) ((tools)->self = __tsan_create_fiber(0))
#define TOOLS_RESUME(tools, stack, saved)                                   \
  ((void)(saved), (tools)->outer = __tsan_get_current_fiber(),              \
   __tsan_switch_to_fiber((tools)->self, 0))
#define TOOLS_RESUMED(tools, saved) ((void)0)
#define TOOLS_START(tools) ((void)0)
#define TOOLS_LEAVE(tools, for_good) __tsan_switch_to_fiber((tools)->outer, 0)
#define TOOLS_BACK(tools) ((void)0)
#define TOOLS_END(tools) __tsan_destroy_fiber((tools)->self)

#else
#define TOOLS_INIT(tools) ((void)0)
#define TOOLS_RESUME(tools, stack, saved) ((void)(saved))
#define TOOLS_RESUMED(tools, saved) ((void)0)
#define TOOLS_START(tools) ((void)0)
#define TOOLS_LEAVE(tools, for_good) ((void)0)
#define TOOLS_BACK(tools) ((void)0)
#define TOOLS_END(tools) ((void)0)
#endif

#endif
