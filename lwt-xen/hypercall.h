/* hypercall.h - the seam between lwt-xen and the machine; not installed.
 * SPDX-License-Identifier: ISC
 *
 * In an image these functions are in lwt-xen/x86/ and trap to Xen.  The unit
 * tests on Unix link a fake hypervisor in their place, so what is above the
 * seam is the same code in both.
 *
 * Results are Xen's: 0 or a positive count, or a negative errno of Xen, which
 * has the same numbers as LWT_E....
 */
#ifndef LWT_XEN_HYPERCALL_H
#define LWT_XEN_HYPERCALL_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

/* Debugging output of the hypervisor's own console; most hosts discard it. */
long hypercall_console_io(int cmd, int count, char *bytes);
long hypercall_event_channel_op(int cmd, void *arg);
long hypercall_grant_table_op(unsigned cmd, void *arg, unsigned count);
long hypercall_hvm_op(int cmd, void *arg);
long hypercall_memory_op(unsigned cmd, void *arg);
long hypercall_sched_op(int cmd, void *arg);

/* The time stamp counter, not before what came earlier in the program. */
uint64_t hypercall_tsc(void);

/* Unpredictable bytes.  Returns 0, or LWT_EIO: there is no generator, or it
 * fails. */
int hypercall_random(void *bytes, size_t len);

/* ---- Pages ------------------------------------------------------------- */

#define XEN_PAGE 4096u

/* n zeroed pages in a row; NULL: no memory.  Of the guest's own RAM. */
void *hypercall_pages(size_t n);
void hypercall_pages_free(void *pages, size_t n);

/* The frame number under which Xen knows the page. */
uint64_t hypercall_frame(const void *page);

/* Where the frame is mapped that Xen or the toolstack has put into the guest's
 * address space (console, xenstore); NULL if it cannot be. */
void *hypercall_map(uint64_t frame);

/* n frames in a row without RAM behind them, and mapped, for
 * XENMEM_add_to_physmap; NULL: none left.  Never given back. */
void *hypercall_window(size_t n);

#endif
