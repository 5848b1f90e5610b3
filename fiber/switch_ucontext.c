/* fiber/switch.h by <ucontext.h>, for processors that we have no assembly for. */
#include "fiber/switch.h"

#ifndef OURO_FIBER_ASSEMBLY

#include <stdint.h>

void ouro_switch_init(struct ouro_switch *self)
{
	*self = (struct ouro_switch){ .returned = true };
}

/* makecontext() passes on nothing wider than int. */
static void enter(unsigned high, unsigned low)
{
	struct ouro_switch *self = (struct ouro_switch *)((uintptr_t)high << 16 << 16 | low);

	self->fn(self->arg);
	self->returned = true;
	/* Who is behind it now may be another than the one who started it. */
	setcontext(&self->back);
}

bool ouro_switch_resume(struct ouro_switch *self)
{
	swapcontext(&self->back, &self->own);
	return !self->returned;
}

bool ouro_switch_start(struct ouro_switch *self, ouro_fiber_fn fn, void *arg, char *low)
{
	uintptr_t address = (uintptr_t)self;

	self->fn = fn;
	self->arg = arg;
	self->returned = false;
	getcontext(&self->own);
	self->own.uc_stack.ss_sp = low;
	self->own.uc_stack.ss_size = (size_t)((char *)self - low);
	self->own.uc_link = NULL;
	makecontext(&self->own, (void (*)(void))enter, 2, (unsigned)(address >> 16 >> 16),
		    (unsigned)address);
	return ouro_switch_resume(self);
}

void ouro_switch_suspend(struct ouro_switch *self)
{
	swapcontext(&self->own, &self->back);
}

#endif
