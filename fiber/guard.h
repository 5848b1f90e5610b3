/* A place to which whatever is called from it can return at once, leaving all calls between as they
 * are: for a handler that panics. What those calls hold is not released. Works on a fiber and on the
 * loop's stack, but not from one to the other; guards nest, each is independent. */
#ifndef OURO_FIBER_GUARD_H
#define OURO_FIBER_GUARD_H

#include "fiber/fiber.h"

#include <stdbool.h>

struct ouro_guard {
	void *place; /* in the frame of the call; nobody else's business */
};

/* Calls fn(arg). True if it returned; false if it, or what it called, escaped. */
bool ouro_guard_call(struct ouro_guard *guard, ouro_fiber_fn fn, void *arg);

/* Makes the ouro_guard_call() of this guard return false. That call must still be running, on the
 * stack that is the current one now. On x86-64 and AArch64 the rounding mode and the floating-point
 * traps are again what they were at the call. */
_Noreturn void ouro_guard_escape(struct ouro_guard *guard);

#endif
