/* fiber_x86_64.S - from one stack to another, System V ABI.
 * SPDX-License-Identifier: ISC
 *
 * The registers that a function must preserve are pushed, and popped again when
 * somebody switches back.  The control words of the FPU are the thread's.  There
 * is no GNU property note on purpose: returning to another stack is what a shadow
 * stack forbids, and without the note the linker marks no program for them.
 */
  .text

/* void lwt__fiber_switch(void **from, void *to) */
  .globl lwt__fiber_switch
  .hidden lwt__fiber_switch
  .type lwt__fiber_switch, @function
  .balign 16
lwt__fiber_switch:
  .cfi_startproc
  pushq %rbp
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %rbp, 0
  pushq %rbx
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %rbx, 0
  pushq %r12
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %r12, 0
  pushq %r13
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %r13, 0
  pushq %r14
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %r14, 0
  pushq %r15
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %r15, 0
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  /* The other stack has the same layout: what was said of this one holds. */
  popq %r15
  .cfi_adjust_cfa_offset -8
  .cfi_restore %r15
  popq %r14
  .cfi_adjust_cfa_offset -8
  .cfi_restore %r14
  popq %r13
  .cfi_adjust_cfa_offset -8
  .cfi_restore %r13
  popq %r12
  .cfi_adjust_cfa_offset -8
  .cfi_restore %r12
  popq %rbx
  .cfi_adjust_cfa_offset -8
  .cfi_restore %rbx
  popq %rbp
  .cfi_adjust_cfa_offset -8
  .cfi_restore %rbp
  ret
  .cfi_endproc
  .size lwt__fiber_switch, . - lwt__fiber_switch

/* void lwt__fiber_enter(void **from, void *top, void (*main)(void *), void *arg):
 * main(arg) on a new stack; it never returns. */
  .globl lwt__fiber_enter
  .hidden lwt__fiber_enter
  .type lwt__fiber_enter, @function
  .balign 16
lwt__fiber_enter:
  .cfi_startproc
  pushq %rbp
  .cfi_adjust_cfa_offset 8
  pushq %rbx
  .cfi_adjust_cfa_offset 8
  pushq %r12
  .cfi_adjust_cfa_offset 8
  pushq %r13
  .cfi_adjust_cfa_offset 8
  pushq %r14
  .cfi_adjust_cfa_offset 8
  pushq %r15
  .cfi_adjust_cfa_offset 8
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  /* The end of the stack for unwinders, by CFI and by frame pointers. */
  .cfi_def_cfa %rsp, 8
  .cfi_undefined %rip
  xorl %ebp, %ebp
  movq %rcx, %rdi
  call *%rdx
  ud2
  .cfi_endproc
  .size lwt__fiber_enter, . - lwt__fiber_enter

  .section .note.GNU-stack, "", @progbits
