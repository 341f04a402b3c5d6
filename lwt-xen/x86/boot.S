/* boot.S - from the PVH entry to long mode; traps; system calls.
 * SPDX-License-Identifier: ISC
 *
 * Xen enters at lwt__xen_entry in 32-bit protected mode, paging off, interrupts
 * off, ebx = the start info (docs/misc/pvh).  Here 4 GiB are mapped one to one
 * with large pages; paging.c makes the tables that stay.
 */

#define XEN_ELFNOTE_PHYS32_ENTRY 18

  .section .note.Xen, "a", @note
  .align 4
  .long 4, 4, XEN_ELFNOTE_PHYS32_ENTRY
  .asciz "Xen"
  .long lwt__xen_entry

  .section .text.boot, "ax", @progbits
  .code32
  .globl lwt__xen_entry
  .type lwt__xen_entry, @function
lwt__xen_entry:
  cld
  movl %ebx, %ebp
  lgdt gdt_pointer

  /* boot_tables: PML4, PDPT, four page directories. */
  movl $boot_tables, %edi
  movl $boot_tables + 0x1003, (%edi)
  movl $4, %ecx
  leal 0x1000(%edi), %edx
  movl $boot_tables + 0x2003, %eax
1:
  movl %eax, (%edx)
  addl $0x1000, %eax
  addl $8, %edx
  loop 1b
  movl $2048, %ecx
  leal 0x2000(%edi), %edx
  movl $0x83, %eax
2:
  movl %eax, (%edx)
  addl $0x200000, %eax
  addl $8, %edx
  loop 2b

  movl %cr4, %eax
  orl $0x620, %eax /* PAE, OSFXSR, OSXMMEXCPT */
  movl %eax, %cr4
  movl %edi, %cr3
  movl $0xc0000080, %ecx /* EFER: SCE, LME, NXE */
  rdmsr
  orl $0x901, %eax
  wrmsr
  movl $0x80010033, %eax /* PG, WP, NE, ET, MP, PE */
  movl %eax, %cr0
  ljmp $8, $3f

  .code64
3:
  movl $16, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  xorl %eax, %eax
  movl %eax, %fs
  movl %eax, %gs
  fninit
  movl $stack_end, %esp
  movl %ebp, %edi
  xorl %ebp, %ebp
  call lwt__xen_start
  ud2


/* ---- Traps ---------------------------------------------------------------- */

  .text
  .globl lwt__trap_stubs
  .align 16
lwt__trap_stubs:
  .set i, 0
  .rept 32
  .align 16
  .if !(i == 8 || (i >= 10 && i <= 14) || i == 17 || i == 21 || i == 29 || i == 30)
  pushq $0 /* those have no error code */
  .endif
  pushq $i
  jmp trap_common
  .set i, i + 1
  .endr

trap_common:
  pushq %r15
  pushq %r14
  pushq %r13
  pushq %r12
  pushq %r11
  pushq %r10
  pushq %r9
  pushq %r8
  pushq %rbp
  pushq %rdi
  pushq %rsi
  pushq %rdx
  pushq %rcx
  pushq %rbx
  pushq %rax
  movq %rsp, %rdi
  cld
  andq $-16, %rsp
  call lwt__trap
  ud2

/* ---- System calls ----------------------------------------------------------
 *
 * musl's `syscall` instruction comes here on the caller's stack: rcx = where to
 * return, r11 = flags.  The caller may have a red zone, and keeps values in the
 * SSE registers. */

  .globl lwt__syscall_entry
  .align 16
lwt__syscall_entry:
  leaq -128(%rsp), %rsp
  pushq %r11
  pushq %rcx
  pushq %rbp
  movq %rsp, %rbp
  pushq %rdi
  pushq %rsi
  pushq %rdx
  pushq %r10
  pushq %r8
  pushq %r9
  movq %rsp, %rsi
  subq $512, %rsp
  andq $-16, %rsp
  fxsave64 (%rsp)
  movq %rax, %rdi
  cld
  call lwt__syscall
  fxrstor64 (%rsp)
  leaq -48(%rbp), %rsp
  popq %r9
  popq %r8
  popq %r10
  popq %rdx
  popq %rsi
  popq %rdi
  popq %rbp
  popq %rcx
  popfq
  leaq 128(%rsp), %rsp
  jmp *%rcx

/* ---- Tables ---------------------------------------------------------------- */

  .data
  .align 16
  .globl lwt__gdt
lwt__gdt:
  .quad 0
  .quad 0x00af9a000000ffff /* 0x08: code, 64 bits */
  .quad 0x00cf92000000ffff /* 0x10: data */
  .quad 0, 0               /* 0x18: the TSS, by traps.c */
gdt_end:
gdt_pointer:
  .word gdt_end - lwt__gdt - 1
  .quad lwt__gdt

  .bss
  .align 4096
boot_tables:
  .skip 6 * 4096

  .section .stack, "aw", @nobits
  .align 4096
  .skip 256 * 1024
stack_end:

  .section .note.GNU-stack, "", @progbits
