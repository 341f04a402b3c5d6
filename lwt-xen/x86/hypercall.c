/* hypercall.c - hypercalls by VMCALL or VMMCALL, and the rest of the seam.
 * SPDX-License-Identifier: ISC
 *
 * The instruction depends on the maker of the processor.  No hypercall page:
 * text stays read-only, and nothing must be redone after a resume.
 */
#include "x86.h"

#include <string.h>
#include <xen/event_channel.h>

static uint8_t is_amd;

static long call5(long number, long a, long b, long c, long d, long e)
{
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;

  if (is_amd)
    __asm__ volatile("vmmcall"
                     : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)
                     : "0"(number)
                     : "memory");
  else
    __asm__ volatile("vmcall"
                     : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)
                     : "0"(number)
                     : "memory");
  return result;
}

/* Xen answers one of the hypervisor's leaves; Viridian may have the first. */
static int is_xen(void)
{
  uint32_t leaf, r[4];

  for (leaf = 0x40000000; leaf < 0x40010000; leaf += 0x100) {
    cpuid(leaf, r);
    if (r[1] == 0x566e6558 && r[2] == 0x65584d4d && r[3] == 0x4d4d566e &&
        r[0] >= leaf + 2) /* "XenVMMXenVMM" */
      return 1;
  }
  return 0;
}

int lwt__hypercall_init(void)
{
  uint32_t r[4];

  cpuid(0, r);
  is_amd = (r[1] == 0x68747541 && r[2] == 0x444d4163) || /* AuthenticAMD */
           (r[1] == 0x6f677948 && r[2] == 0x656e6975);   /* HygonGenuine */
  return is_xen();
}

/* Port 0xe9 is Xen's own debugging aid: a line in `xl dmesg` when the host logs all
 * of its guests, where console_io is for debug builds of Xen only. */
long hypercall_console_io(int cmd, int count, char *bytes)
{
  int i;

  for (i = 0; cmd == CONSOLEIO_write && i < count; i++)
    __asm__ volatile("outb %0, %1" ::"a"(bytes[i]), "Nd"((uint16_t)0xe9));
  lwt__counts.others++;
  return call5(__HYPERVISOR_console_io, cmd, count, (long)bytes, 0, 0);
}

long hypercall_event_channel_op(int cmd, void *arg)
{
  if (cmd == EVTCHNOP_send)
    lwt__counts.sends++;
  else
    lwt__counts.event_ops++;
  return call5(__HYPERVISOR_event_channel_op, cmd, (long)arg, 0, 0, 0);
}

long hypercall_grant_table_op(unsigned cmd, void *arg, unsigned count)
{
  lwt__counts.grant_ops++;
  return call5(__HYPERVISOR_grant_table_op, cmd, (long)arg, count, 0, 0);
}

long hypercall_hvm_op(int cmd, void *arg)
{
  lwt__counts.others++;
  return call5(__HYPERVISOR_hvm_op, cmd, (long)arg, 0, 0, 0);
}

long hypercall_memory_op(unsigned cmd, void *arg)
{
  lwt__counts.memory_ops++;
  return call5(__HYPERVISOR_memory_op, cmd, (long)arg, 0, 0, 0);
}

long hypercall_sched_op(int cmd, void *arg)
{
  if (cmd == SCHEDOP_poll)
    lwt__counts.polls++;
  else
    lwt__counts.others++;
  return call5(__HYPERVISOR_sched_op, cmd, (long)arg, 0, 0, 0);
}

/* Not RDTSCP: an emulated SVM reports its exit so that Xen cannot decode it. */
uint64_t hypercall_tsc(void)
{
  uint32_t low, high;

  __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
  return (uint64_t)high << 32 | low;
}

/* ---- Pages ------------------------------------------------------------- */

void *hypercall_pages(size_t n)
{
  uint64_t address = lwt__frames_alloc(n, 1);

  return address ? memset((void *)address, 0, n * XEN_PAGE) : NULL;
}

void hypercall_pages_free(void *pages, size_t n)
{
  if (pages)
    lwt__frames_free((uint64_t)pages, n);
}

uint64_t hypercall_frame(const void *page)
{
  return (uint64_t)page / XEN_PAGE;
}

void *hypercall_map(uint64_t frame)
{
  uint64_t address = frame * XEN_PAGE;

  if (!frame || frame >= 1ull << 34)
    return NULL;
  if (!lwt__paging_rights(address) &&
      lwt__paging_set(address, 1, PAGE_READ | PAGE_WRITE))
    return NULL;
  return (void *)address;
}

/* Above all RAM and above 4 GiB, where devices are. */
void *hypercall_window(size_t n)
{
  static uint64_t next;
  uint64_t address;

  if (!next) {
    next = lwt__ram_n ? lwt__ram[lwt__ram_n - 1].end : 0;
    if (next < 1ull << 32)
      next = 1ull << 32;
    next = (next + LARGE_PAGE - 1) & ~(uint64_t)(LARGE_PAGE - 1);
  }
  address = next;
  if (lwt__paging_set(address, n, PAGE_READ | PAGE_WRITE))
    return NULL;
  next += n * XEN_PAGE;
  return (void *)address;
}
