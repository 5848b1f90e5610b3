/* fiber/switch.h and fiber/guard.h for x86-64, System V ABI.
 *
 * A context that waits is its stack pointer; above that are, in this order:
 *
 *	 0  MXCSR
 *	 4  x87 control word
 *	 8  r15, r14, r13, r12, rbx, rbp
 *	56  where to go on
 *
 * There is no note that claims support for shadow stacks or indirect branch tracking: a program
 * that has this linked in does without. */
#if defined(__x86_64__) && defined(__LP64__) && !defined(OURO_FIBER_UCONTEXT)

#define BACK_SP 0
#define SP 8
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

	.macro save_context
	save rbp
	save rbx
	save r12
	save r13
	save r14
	save r15
	subq $8, %rsp
	.cfi_adjust_cfa_offset 8
	stmxcsr (%rsp)
	fnstcw 4(%rsp)
	.endm

	/* Leaves the place to go on at on the stack. */
	.macro restore_context
	stmxcsr -8(%rsp)
	fnstcw -4(%rsp)
	movl -8(%rsp), %ecx
	xorl (%rsp), %ecx
	testl $MXCSR_CONTROL, %ecx
	jnz 1f
	movzwl -4(%rsp), %ecx
	cmpw 4(%rsp), %cx
	jne 1f
2:	.cfi_remember_state
	addq $8, %rsp
	.cfi_adjust_cfa_offset -8
	restore r15
	restore r14
	restore r13
	restore r12
	restore rbx
	restore rbp
	.endm

	/* Out of the way, since it is hardly ever taken: follows the end of the function. */
	.macro restore_control
	.cfi_restore_state
1:	ldmxcsr (%rsp)
	fldcw 4(%rsp)
	jmp 2b
	.endm

/* bool ouro_switch_start(self, fn, arg, low)
 *
 * The function is called, not jumped to, so that when it returns without having suspended the
 * processor has predicted where to. */
function ouro_switch_start
	save_context
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
	restore_context
	ret
	restore_control
end ouro_switch_start

/* bool ouro_switch_resume(self) */
function ouro_switch_resume
	save_context
	movq %rsp, BACK_SP(%rdi)
	movq SP(%rdi), %rsp
	restore_context
	ret
	restore_control
end ouro_switch_resume

/* void ouro_switch_suspend(self): what is returned is for who started or resumed. */
function ouro_switch_suspend
	save_context
	movq %rsp, SP(%rdi)
	movq BACK_SP(%rdi), %rsp
	movl $1, %eax
	restore_context
	ret
	restore_control
end ouro_switch_suspend

/* bool ouro_guard_call(guard, fn, arg): the function itself keeps the registers if it returns. */
function ouro_guard_call
	save_context
	movq %rsp, (%rdi)
	movq %rdx, %rdi
	call *%rsi
	movl $1, %eax
	addq $56, %rsp
	.cfi_adjust_cfa_offset -56
	ret
end ouro_guard_call

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
	restore_context
	ret
	restore_control
end ouro_guard_jump

#endif

	.section .note.GNU-stack, "", @progbits
