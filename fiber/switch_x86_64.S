/* fiber/switch.h and fiber/guard.h for x86-64, System V ABI.
 *
 * Who waits is a stack pointer; above it are r15, r14, r13, r12, rbx, rbp and where to go on. Below
 * them a suspended fiber, and a guard, have MXCSR (4 bytes) and the x87 control word.
 *
 * There is no note that claims support for shadow stacks or indirect branch tracking: a program
 * that has this linked in does without. */
#if defined(__x86_64__) && defined(__LP64__) && !defined(OURO_FIBER_UCONTEXT)

#define BACK_SP 0
#define SP 8
#define CONTROL 16
#define MXCSR_CONTROL 0xffc0 /* the other bits say what has happened; they are nobody's to keep */

	.text

	.macro function name
	.globl \name
	.hidden \name
	.type \name, @function
	.p2align 5
\name:
	.cfi_startproc
	.endm

	.macro end name
	.cfi_endproc
	.size \name, . - \name
	.endm

	.macro save register
	pushq %\register
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \register, 0
	.endm

	.macro restore register
	popq %\register
	.cfi_adjust_cfa_offset -8
	.cfi_restore \register
	.endm

	.macro save_registers
	save rbp
	save rbx
	save r12
	save r13
	save r14
	save r15
	.endm

	.macro restore_registers
	restore r15
	restore r14
	restore r13
	restore r12
	restore rbx
	restore rbp
	.endm

	.macro save_control
	subq $8, %rsp
	.cfi_adjust_cfa_offset 8
	stmxcsr (%rsp)
	fnstcw 4(%rsp)
	.endm

	.macro drop_control
	addq $8, %rsp
	.cfi_adjust_cfa_offset -8
	.endm

	/* Goes to @label if what is saved here controls the units otherwise than the loop's. */
	.macro if_control_differs label
	movl (%rsp), %ecx
	xorl CONTROL(%rdi), %ecx
	testl $MXCSR_CONTROL, %ecx
	jnz \label
	movzwl 4(%rsp), %ecx
	cmpw CONTROL + 4(%rdi), %cx
	jne \label
	.endm

	/* Instead of a return: the processor predicts that this goes where it went last, and knows
	 * that a return would go to who called here, on the other stack. */
	.macro go_on
	popq %rcx
	.cfi_adjust_cfa_offset -8
	.cfi_register rip, rcx
	jmp *%rcx
	.endm

/* void ouro_switch_init(self) */
function ouro_switch_init
	stmxcsr CONTROL(%rdi)
	fnstcw CONTROL + 4(%rdi)
	ret
end ouro_switch_init

/* bool ouro_switch_start(self, fn, arg, low)
 *
 * The function is called, not jumped to, so that when it returns without having suspended the
 * processor has predicted where to. It returns with the units controlled as it found them, which
 * is as the loop has them. */
function ouro_switch_start
	save_registers
	movq %rsp, BACK_SP(%rdi)
	movq %rdi, %rsp
	movq %rdx, %rdi
	xorl %ebp, %ebp
	/* Who unwinds the fiber's stack is at its end here, by frame pointers or by this. */
	.cfi_remember_state
	.cfi_undefined rip
	call *%rsi
	/* The stack pointer is @self again. Who is behind it may be another than at first. */
	movq BACK_SP(%rsp), %rsp
	.cfi_restore_state
	xorl %eax, %eax
	restore_registers
	ret
end ouro_switch_start

/* bool ouro_switch_resume(self) */
function ouro_switch_resume
	save_registers
	movq %rsp, BACK_SP(%rdi)
	movq SP(%rdi), %rsp
	.cfi_adjust_cfa_offset 8
	if_control_differs 2f
1:	.cfi_remember_state
	drop_control
	restore_registers
	go_on
2:	.cfi_restore_state
	ldmxcsr (%rsp)
	fldcw 4(%rsp)
	jmp 1b
end ouro_switch_resume

/* void ouro_switch_suspend(self): what is returned is for who started or resumed. */
function ouro_switch_suspend
	save_registers
	save_control
	movq %rsp, SP(%rdi)
	if_control_differs 2f
1:	.cfi_remember_state
	movq BACK_SP(%rdi), %rsp
	.cfi_adjust_cfa_offset -8
	movl $1, %eax
	restore_registers
	go_on
2:	.cfi_restore_state
	ldmxcsr CONTROL(%rdi)
	fldcw CONTROL + 4(%rdi)
	jmp 1b
end ouro_switch_suspend

/* bool ouro_guard_enter(guard, fn, arg): the function itself keeps the registers if it returns. */
function ouro_guard_enter
	save_registers
	save_control
	movq %rsp, (%rdi)
	movq %rdx, %rdi
	call *%rsi
	movl $1, %eax
	addq $56, %rsp
	.cfi_adjust_cfa_offset -56
	ret
end ouro_guard_enter

/* _Noreturn void ouro_guard_jump(place) */
function ouro_guard_jump
	movq %rdi, %rsp
	.cfi_def_cfa_offset 64
	.cfi_offset rbp, -16
	.cfi_offset rbx, -24
	.cfi_offset r12, -32
	.cfi_offset r13, -40
	.cfi_offset r14, -48
	.cfi_offset r15, -56
	xorl %eax, %eax
	ldmxcsr (%rsp)
	fldcw 4(%rsp)
	drop_control
	restore_registers
	ret
end ouro_guard_jump

#endif

	.section .note.GNU-stack, "", @progbits
