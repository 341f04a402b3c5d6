/* fiber_aarch64.S - from one stack to another, AAPCS64.
 * SPDX-License-Identifier: ISC
 *
 * x19 to x30 and d8 to d15 are saved on the stack, and loaded again when somebody
 * switches back.  The control register of the FPU is the thread's.  Both functions
 * are entered by a direct branch and leave by ret, which BTI allows; signed
 * return addresses lie in the callers' frames, under their own stack pointers.
 */
  .text

  .macro save
  sub sp, sp, #160
  .cfi_adjust_cfa_offset 160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  .cfi_rel_offset x19, 0
  .cfi_rel_offset x20, 8
  .cfi_rel_offset x21, 16
  .cfi_rel_offset x22, 24
  .cfi_rel_offset x23, 32
  .cfi_rel_offset x24, 40
  .cfi_rel_offset x25, 48
  .cfi_rel_offset x26, 56
  .cfi_rel_offset x27, 64
  .cfi_rel_offset x28, 72
  .cfi_rel_offset x29, 80
  .cfi_rel_offset x30, 88
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  .endm

/* void lwt__fiber_switch(void **from, void *to) */
  .globl lwt__fiber_switch
  .hidden lwt__fiber_switch
  .type lwt__fiber_switch, %function
  .balign 16
lwt__fiber_switch:
  .cfi_startproc
  hint #34 /* bti c */
  save
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  /* The other stack has the same layout: what was said of this one holds. */
  ldp d14, d15, [sp, #144]
  ldp d12, d13, [sp, #128]
  ldp d10, d11, [sp, #112]
  ldp d8, d9, [sp, #96]
  ldp x29, x30, [sp, #80]
  ldp x27, x28, [sp, #64]
  ldp x25, x26, [sp, #48]
  ldp x23, x24, [sp, #32]
  ldp x21, x22, [sp, #16]
  ldp x19, x20, [sp, #0]
  .cfi_restore x19
  .cfi_restore x20
  .cfi_restore x21
  .cfi_restore x22
  .cfi_restore x23
  .cfi_restore x24
  .cfi_restore x25
  .cfi_restore x26
  .cfi_restore x27
  .cfi_restore x28
  .cfi_restore x29
  .cfi_restore x30
  add sp, sp, #160
  .cfi_adjust_cfa_offset -160
  ret
  .cfi_endproc
  .size lwt__fiber_switch, . - lwt__fiber_switch

/* void lwt__fiber_enter(void **from, void *top, void (*main)(void *), void *arg):
 * main(arg) on a new stack; it never returns. */
  .globl lwt__fiber_enter
  .hidden lwt__fiber_enter
  .type lwt__fiber_enter, %function
  .balign 16
lwt__fiber_enter:
  .cfi_startproc
  hint #34
  save
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  /* The end of the stack for unwinders, by CFI and by frame pointers. */
  .cfi_def_cfa sp, 0
  .cfi_undefined x30
  mov x29, xzr
  mov x30, xzr
  mov x0, x3
  blr x2
  brk #1
  .cfi_endproc
  .size lwt__fiber_enter, . - lwt__fiber_enter

  .section .note.GNU-stack, "", %progbits
