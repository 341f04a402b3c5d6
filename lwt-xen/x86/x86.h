/* x86.h - what the files of lwt-xen/x86/ share: the machine under an image.
 * SPDX-License-Identifier: ISC
 *
 * Order of the start: boot.S, start.c, then memory.c, paging.c, traps.c and
 * syscall.c, and then musl and main().  There is one processor, and interrupts
 * are off for good: nothing here is ever entered twice.
 */
#ifndef LWT_XEN_X86_H
#define LWT_XEN_X86_H

#include "../xen.h"

#include <xen/sched.h>

#define LARGE_PAGE (2u << 20)

/* image.lds */
extern char __image_start[], __text_end[], __rodata_end[], __stack_guard[],
  __image_end[];

/* ---- start.c ----------------------------------------------------------- */

struct hvm_start_info;
void lwt__xen_start(const struct hvm_start_info *info);
/* Say why, wait until it is read, and end the domain as crashed. */
__attribute__((noreturn)) void lwt__xen_panic(const char *why);
/* The same without a word. */
__attribute__((noreturn)) void lwt__xen_end(unsigned reason);

/* ---- hypercall.c -------------------------------------------------------- */

/* Whether we run on Xen; sets up hypercalls. */
int lwt__hypercall_init(void);

static inline void cpuid(uint32_t leaf, uint32_t r[4])
{
  __asm__ volatile("cpuid"
                   : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
                   : "0"(leaf), "2"(0));
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
  __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value),
                   "d"((uint32_t)(value >> 32))
                   : "memory");
}

/* ---- memory.c ----------------------------------------------------------- */

#define MAX_REGIONS 64
struct region {
  uint64_t start, end; /* bytes, page-aligned */
};
/* RAM, ascending. */
extern struct region lwt__ram[MAX_REGIONS];
extern unsigned lwt__ram_n;

/* Take over what of lwt__ram is not below `used`. */
void lwt__memory_init(uint64_t used);
/* n pages in a row, not zeroed, aligned to a power of two of pages; 0: none. */
uint64_t lwt__frames_alloc(size_t n, size_t align);
void lwt__frames_free(uint64_t address, size_t n);
/* Whether [address, address + len) are pages that were allocated. */
int lwt__frames_are_used(uint64_t address, size_t n);
size_t lwt__frames_total(void), lwt__frames_unused(void);

/* ---- paging.c ------------------------------------------------------------ */

enum { PAGE_READ = 1, PAGE_WRITE = 2, PAGE_EXEC = 4 };
/* The tables that stay: RAM and the image, W^X. */
void lwt__paging_init(void);
/* Map n pages one to one; rights 0: no access.  Returns 0 or LWT_ENOMEM. */
int lwt__paging_set(uint64_t address, size_t n, int rights);
/* PAGE_... of the page at address; 0: none. */
int lwt__paging_rights(uint64_t address);

/* ---- traps.c ------------------------------------------------------------- */

void lwt__traps_init(void);
/* Who called whom, from a frame pointer and an address on. */
void lwt__backtrace(uint64_t rip, uint64_t rbp);
/* printf for reports: needs no memory; %s %d %x only. */
__attribute__((format(printf, 1, 2))) void lwt__say(const char *format, ...);

/* ---- syscall.c ----------------------------------------------------------- */

void lwt__syscall_init(void);
/* What the program returned with; kept for the report at the end. */
__attribute__((noreturn)) void lwt__xen_exit(int status);

#endif
