/* traps.c - a fault is reported on the console, and ends the domain.
 * SPDX-License-Identifier: ISC
 *
 * Every vector runs on a stack of its own, so that a program that has run out
 * of stack is reported too.  Interrupts are never enabled: no other comes here.
 */
#include "x86.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct trap_frame {
  uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
  uint64_t vector, code, rip, cs, rflags, rsp, ss;
};

struct gate {
  uint16_t low, selector;
  uint8_t ist, type;
  uint16_t middle;
  uint32_t high, zero;
};

struct __attribute__((packed)) tss {
  uint32_t zero;
  uint64_t rsp[3], zero2, ist[7], zero3;
  uint16_t zero4, io_map;
};

extern char lwt__trap_stubs[];
extern uint64_t lwt__gdt[5];
void lwt__trap(const struct trap_frame *f);

static struct gate idt[32];
static struct tss tss;
static char stack[16384] __attribute__((aligned(16)));

struct __attribute__((packed)) pointer {
  uint16_t limit;
  uint64_t base;
};

void lwt__traps_init(void)
{
  struct pointer idt_pointer = { sizeof idt - 1, (uint64_t)idt };
  uint64_t base = (uint64_t)&tss, at;
  unsigned i;

  for (i = 0; i < 32; i++) {
    at = (uint64_t)lwt__trap_stubs + 16 * i;
    idt[i] = (struct gate){ (uint16_t)at, 8, 1, 0x8e, (uint16_t)(at >> 16),
                            (uint32_t)(at >> 32), 0 };
  }
  tss.ist[0] = (uint64_t)(stack + sizeof stack);
  tss.io_map = sizeof tss;
  lwt__gdt[3] = (sizeof tss - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 |
                (base >> 24 & 0xff) << 56;
  lwt__gdt[4] = base >> 32;
  __asm__ volatile("lidt %0; ltr %w1" ::"m"(idt_pointer), "r"(0x18) : "memory");
}

void lwt__say(const char *format, ...)
{
  char line[200];
  va_list ap;
  int n;

  va_start(ap, format);
  n = vsnprintf(line, sizeof line, format, ap);
  va_end(ap);
  if (n > 0)
    lwt__console_put(line, n < (int)sizeof line ? (size_t)n : sizeof line - 1);
}

static int is_text(uint64_t address)
{
  return address >= (uint64_t)__image_start && address < (uint64_t)__text_end;
}

/* Functions of the C library have no frame pointers: show what looks like a return
 * address, to the end of the frame that is not to be found. */
static void scan(uint64_t at)
{
  const uint8_t *before;
  uint64_t value, end = at + 1024;
  unsigned found = 0;

  lwt__say(" maybe");
  for (; at < end && found < 8 && lwt__paging_rights(at); at += 8) {
    value = *(const uint64_t *)at;
    before = (const uint8_t *)value;
    if (is_text(value - 8) && (before[-5] == 0xe8 || before[-2] == 0xff)) {
      lwt__say(" %#llx", (unsigned long long)value);
      found++;
    }
  }
}

/* Frames go up the stack; the pages are looked up before they are read. */
void lwt__backtrace(uint64_t rip, uint64_t rbp)
{
  uint64_t next;
  unsigned i;

  lwt__say("backtrace:");
  if (is_text(rip))
    lwt__say(" %#llx", (unsigned long long)rip);
  for (i = 0; i < 40 && rbp && rbp % 8 == 0 && lwt__paging_rights(rbp) &&
              lwt__paging_rights(rbp + 8);
       i++) {
    next = ((const uint64_t *)rbp)[0];
    rip = ((const uint64_t *)rbp)[1];
    if (is_text(rip))
      lwt__say(" %#llx", (unsigned long long)rip);
    if (!is_text(rip) || (next && (next <= rbp || next % 8 || next - rbp > 65536))) {
      scan(rbp + 16);
      break;
    }
    rbp = next;
  }
  lwt__say("\n  (addr2line -fipe PROGRAM.xen ADDRESS... names them)\n");
}

static const char *const names[32] = {
  "divide error", "debug", "NMI", "breakpoint", "overflow", "bound",
  "invalid instruction", "no FPU", "double fault", "", "invalid TSS",
  "no segment", "stack segment", "general protection", "page fault", "",
  "x87 error", "alignment", "machine check", "SIMD error", "virtualization",
  "control protection"
};

static void report(const struct trap_frame *f, uint64_t cr2)
{
  const unsigned long long *r = (const unsigned long long *)f;
  static const char *const regs[15] = { "rax", "rbx", "rcx", "rdx", "rsi",
                                        "rdi", "rbp", "r8 ", "r9 ", "r10",
                                        "r11", "r12", "r13", "r14", "r15" };
  unsigned i;

  lwt__say("\nlwt-xen: trap %llu (%s), code %#llx, at %#llx\n", r[15],
              f->vector < 32 && names[f->vector] ? names[f->vector] : "", r[16], r[17]);
  if (f->vector == 14)
    lwt__say("address %#llx: %s%s%s\n", (unsigned long long)cr2,
                f->code & 16  ? "executed"
                : f->code & 2 ? "written"
                              : "read",
                f->code & 1 ? ", but protected" : ", but not there",
                cr2 >= (uint64_t)__stack_guard && cr2 < (uint64_t)__stack_guard + 4096
                  ? " (out of stack)"
                  : "");
  for (i = 0; i < 15; i++)
    lwt__say("%s %016llx%s", regs[i], r[i], i % 4 == 3 ? "\n" : "  ");
  lwt__say("rsp %016llx\n", r[20]);
  lwt__backtrace(f->rip, f->rbp);
}

void lwt__trap(const struct trap_frame *f)
{
  static int nested;
  uint64_t cr2;

  __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
  if (!nested++)
    report(f, cr2);
  lwt__console_flush(LWT_S(1));
  lwt__xen_end(SHUTDOWN_crash);
}
