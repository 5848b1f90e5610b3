/* fiber/switch.h and fiber/guard.h for AArch64, its procedure call standard.
 *
 * Who waits is a stack pointer; above it are x29, x30 (where to go on), x19 to x28, d8 to d15, and
 * for a suspended fiber and a guard FPCR.
 *
 * There is no note that claims support for branch target identification. */
#ifdef __aarch64__
#ifndef OURO_FIBER_UCONTEXT

#define BACK_SP 0
#define SP 8
#define CONTROL 16
#define SAVED_BYTES 176
#define SAVED_CONTROL 160

	.text

	.macro function name
	.globl \name
	.hidden \name
	.type \name, %function
	.p2align 5
\name:
	.cfi_startproc
	.endm

	.macro end name
	.cfi_endproc
	.size \name, . - \name
	.endm

	.macro registers_are_saved
	.cfi_def_cfa_offset SAVED_BYTES
	.cfi_offset x29, 0 - SAVED_BYTES
	.cfi_offset x30, 8 - SAVED_BYTES
	.cfi_offset x19, 16 - SAVED_BYTES
	.cfi_offset x20, 24 - SAVED_BYTES
	.cfi_offset x21, 32 - SAVED_BYTES
	.cfi_offset x22, 40 - SAVED_BYTES
	.cfi_offset x23, 48 - SAVED_BYTES
	.cfi_offset x24, 56 - SAVED_BYTES
	.cfi_offset x25, 64 - SAVED_BYTES
	.cfi_offset x26, 72 - SAVED_BYTES
	.cfi_offset x27, 80 - SAVED_BYTES
	.cfi_offset x28, 88 - SAVED_BYTES
	.cfi_offset d8, 96 - SAVED_BYTES
	.cfi_offset d9, 104 - SAVED_BYTES
	.cfi_offset d10, 112 - SAVED_BYTES
	.cfi_offset d11, 120 - SAVED_BYTES
	.cfi_offset d12, 128 - SAVED_BYTES
	.cfi_offset d13, 136 - SAVED_BYTES
	.cfi_offset d14, 144 - SAVED_BYTES
	.cfi_offset d15, 152 - SAVED_BYTES
	.endm

	.macro save_registers
	stp x29, x30, [sp, #-SAVED_BYTES]!
	stp x19, x20, [sp, #16]
	stp x21, x22, [sp, #32]
	stp x23, x24, [sp, #48]
	stp x25, x26, [sp, #64]
	stp x27, x28, [sp, #80]
	stp d8, d9, [sp, #96]
	stp d10, d11, [sp, #112]
	stp d12, d13, [sp, #128]
	stp d14, d15, [sp, #144]
	registers_are_saved
	.endm

	.macro restore_registers
	ldp x19, x20, [sp, #16]
	ldp x21, x22, [sp, #32]
	ldp x23, x24, [sp, #48]
	ldp x25, x26, [sp, #64]
	ldp x27, x28, [sp, #80]
	ldp d8, d9, [sp, #96]
	ldp d10, d11, [sp, #112]
	ldp d12, d13, [sp, #128]
	ldp d14, d15, [sp, #144]
	ldp x29, x30, [sp], #SAVED_BYTES
	.cfi_def_cfa_offset 0
	.irp register, x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, x29, x30
	.cfi_restore \register
	.endr
	.irp register, d8, d9, d10, d11, d12, d13, d14, d15
	.cfi_restore \register
	.endr
	.endm

	/* Instead of a return: the processor predicts that this goes where it went last, and knows
	 * that a return would go to who called here, on the other stack. */
	.macro go_on
	br x30
	.endm

/* void ouro_switch_init(self) */
function ouro_switch_init
	mrs x9, fpcr
	str x9, [x0, #CONTROL]
	ret
end ouro_switch_init

/* bool ouro_switch_start(self, fn, arg, low)
 *
 * The function returns with the unit controlled as it found it, which is as the loop has it. */
function ouro_switch_start
	save_registers
	mov x9, sp
	str x9, [x0, #BACK_SP]
	mov sp, x0
	mov x0, x2
	/* Who unwinds the fiber's stack is at its end here, by frame pointers or by this. */
	mov x29, #0
	.cfi_remember_state
	.cfi_undefined x30
	blr x1
	/* The stack pointer is @self again. Who is behind it may be another than at first. */
	ldr x9, [sp, #BACK_SP]
	mov sp, x9
	.cfi_restore_state
	restore_registers
	mov w0, #0
	ret
end ouro_switch_start

/* bool ouro_switch_resume(self) */
function ouro_switch_resume
	save_registers
	mov x9, sp
	str x9, [x0, #BACK_SP]
	ldr x9, [x0, #SP]
	mov sp, x9
	ldr x9, [sp, #SAVED_CONTROL]
	ldr x10, [x0, #CONTROL]
	cmp x9, x10
	b.eq 1f
	msr fpcr, x9
1:	restore_registers
	go_on
end ouro_switch_resume

/* void ouro_switch_suspend(self): what is returned is for who started or resumed. */
function ouro_switch_suspend
	save_registers
	mrs x9, fpcr
	str x9, [sp, #SAVED_CONTROL]
	mov x10, sp
	str x10, [x0, #SP]
	ldr x10, [x0, #CONTROL]
	cmp x9, x10
	b.eq 1f
	msr fpcr, x10
1:	ldr x9, [x0, #BACK_SP]
	mov sp, x9
	restore_registers
	mov w0, #1
	go_on
end ouro_switch_suspend

/* bool ouro_guard_enter(guard, fn, arg): the function itself keeps the other registers if it
 * returns. */
function ouro_guard_enter
	save_registers
	mrs x9, fpcr
	str x9, [sp, #SAVED_CONTROL]
	mov x9, sp
	str x9, [x0]
	mov x0, x2
	blr x1
	mov w0, #1
	ldp x29, x30, [sp], #SAVED_BYTES
	.cfi_def_cfa_offset 0
	.cfi_restore x29
	.cfi_restore x30
	ret
end ouro_guard_enter

/* _Noreturn void ouro_guard_jump(place) */
function ouro_guard_jump
	mov sp, x0
	registers_are_saved
	ldr x9, [sp, #SAVED_CONTROL]
	msr fpcr, x9
	restore_registers
	mov w0, #0
	ret
end ouro_guard_jump

#endif
#endif

	.section .note.GNU-stack, "", %progbits
