/* lwt/platform.h - contract: what the platform offers by name.
 * SPDX-License-Identifier: ISC
 *
 * Declared here, implemented once by the backend that a program links
 * (lwt-unix or lwt-xen), so that the program's source is the same on both.
 */
#ifndef LWT_PLATFORM_H
#define LWT_PLATFORM_H

#include <lwt/block.h>
#include <lwt/content.h>
#include <lwt/engine.h>
#include <lwt/netif.h>
#include <lwt/stack.h>

#ifdef __cplusplus
extern "C" {
#endif

/* This thread's engine, made at its first call; lwt_run() uses it.  NULL when
 * memory is out. */
LWT_API struct lwt_engine *lwt_platform_engine(void);

/* Free this thread's engine and what it holds.  Call it last. */
LWT_API void lwt_platform_cleanup(void);

/* An Ethernet device: "tap:NAME" on Unix, "vif:NUMBER" on Xen (which blocks until
 * it is connected, thirty seconds at most).  Returns 0, LWT_ENODEV for a name that the
 * platform does not know, or why it cannot be opened. */
LWT_API int lwt_platform_netif(const char *name, struct lwt_netif **netif);

/* A disk: "file:PATH" on Unix; on Xen "xvda", as the toolstack names it, or "vbd:51712"
 * by its number; everywhere "memory:SIZE", zeros of so many bytes, or with K, M, G
 * behind the number.  Returns as lwt_platform_netif(). */
LWT_API int lwt_platform_block(const char *name, struct lwt_block **block);

/* The platform's own stack (the kernel's sockets); LWT_ENOSYS if none. */
LWT_API int lwt_platform_sockets(struct lwt_stack **stack);

/* What a program's --net= (lwt_net_open()) is if nobody says: "sockets" on Unix, on Xen
 * the domain's first network device, "vif:0" if there is none.  The text is static. */
LWT_API const char *lwt_platform_network(void);

/* A tree of files: a directory's path on Unix; everywhere "ustar:NAME", the archive
 * (lwt/ustar.h) on the disk NAME, which is not written to. */
LWT_API int lwt_platform_content(const char *name,
                                 struct lwt_content **content);

/* Fulfilled when somebody asks the program to end (SIGINT or SIGTERM on Unix);
 * cancel it to get the default behaviour back. */
LWT_API lwt_t *lwt_platform_shutdown(void) LWT_MUST_USE;

/* Unpredictable bytes for keys.  Returns 0 or LWT_EIO; never weak ones. */
LWT_API int lwt_platform_random(void *bytes, size_t len);

/* Unix time in nanoseconds; it may jump. */
LWT_API int64_t lwt_platform_wallclock(void);

/* Memory for a fiber's stack of at least *size bytes, which is set to what there
 * is; below it lies a guard: touching it is a fault (SIGSEGV on Unix).  NULL: no
 * memory.  A platform that has no guard leaves both out, and stacks come from
 * the allocator. */
LWT_API void *lwt_platform_stack(size_t *size);
LWT_API void lwt_platform_stack_free(void *stack, size_t size);

#ifdef __cplusplus
}
#endif

#endif
