/* Going from one stack to another: the part that C cannot say. In assembly where we have it, by
 * <ucontext.h> elsewhere, which makes a system call per switch.
 *
 * What is kept over a switch is what the ABI has a function keep: the callee-saved registers and
 * the control bits of the floating-point units (on x86-64 those of MXCSR and the x87 control word,
 * on AArch64 FPCR). Reading those costs more than all the rest, writing them still more. So it is
 * taken for granted that the loop never changes them: only who suspends reads them, and they are
 * written only where they are not the loop's. The signal mask is not kept. */
#ifndef OURO_FIBER_SWITCH_H
#define OURO_FIBER_SWITCH_H

#include "fiber/fiber.h"

#include <stdbool.h>
#include <stdint.h>

#if (defined(__x86_64__) && defined(__LP64__)) || defined(__aarch64__)
#ifndef OURO_FIBER_UCONTEXT
#define OURO_FIBER_ASSEMBLY
#endif
#endif

#ifdef OURO_FIBER_ASSEMBLY

/* Lies at the top of a fiber's stack, aligned to 16 bytes: its address is the stack pointer to start
 * with. The assembly knows where its members are. */
struct ouro_switch {
	void *back_sp;    /* of who started or resumed, below which its registers are saved */
	void *sp;         /* of the suspended fiber, likewise */
	uint64_t control; /* what the loop's control bits are */
};

#else

#include <ucontext.h>

struct ouro_switch {
	ucontext_t back;
	ucontext_t own;
	ouro_fiber_fn fn;
	void *arg;
	bool returned;
};

#endif

/* Once for each, on the loop's stack. */
void ouro_switch_init(struct ouro_switch *self);

/* Runs fn(arg) on the stack that begins at @low and ends with @self. True if it suspended, false if
 * it returned. */
bool ouro_switch_start(struct ouro_switch *self, ouro_fiber_fn fn, void *arg, char *low);

/* Goes on where @self suspended; returns as ouro_switch_start() does. */
bool ouro_switch_resume(struct ouro_switch *self);

/* Called on @self's stack: back to who started or resumed it. */
void ouro_switch_suspend(struct ouro_switch *self);

#endif
