/* Fibers: functions that run on a stack of their own, so that they can wait in the middle and the
 * loop goes on meanwhile. A stack is leased for one call and is given to the next, still warm in the
 * cache, when that has returned; a function that does not wait costs a few nanoseconds more than a
 * plain call. All fibers of a loop are its thread's alone.
 *
 * On a fiber the stack is small: what needs much memory has it elsewhere. Running over the end of
 * the stack faults, unless by one frame of more than 64 KiB that is not touched in its upper part. */
#ifndef OURO_FIBER_FIBER_H
#define OURO_FIBER_FIBER_H

#include "fiber/stack.h"

#include <stdbool.h>
#include <stdint.h>

typedef void (*ouro_fiber_fn)(void *arg);

/* One fiber; it lives at the top of its own stack. */
struct ouro_fiber;

struct ouro_fibers_options {
	uint32_t stack_bytes; /* usable in each stack, at least; rounded up to pages */
	uint32_t count_max;   /* how many may be in use at a time */
};

/* The fibers of one loop. All counts may be read at any time by the loop's thread. */
struct ouro_fibers {
	struct ouro_fiber *current;
	struct ouro_fiber **free; /* the one used last, and so the warmest, at the end */
	uint32_t free_count;
	uint32_t free_min; /* the lowest @free_count since the last trim: what nobody needed */
	uint32_t used_count;
	uint32_t used_max; /* the highest @used_count ever */
	uint32_t count_max;
	struct ouro_stacks stacks; /* @stacks.mapped_bytes: address space taken, guards and all */
};

/* Nothing is mapped before the first fiber starts. -EINVAL if an option is 0 or a stack would be
 * larger than 16 MiB, -ENOMEM. */
int ouro_fibers_init(struct ouro_fibers *fibers, const struct ouro_fibers_options *options);

/* Unmaps all stacks; no fiber may be in use. */
void ouro_fibers_fini(struct ouro_fibers *fibers);

/* Called now and then: gives half of the stacks that were unused since the last call back to the
 * system, the coldest first, and of those that stay, beyond the few that are used all the time,
 * what lies deep in the stack. What one call does is limited, so that the loop never stalls. */
void ouro_fibers_trim(struct ouro_fibers *fibers);

/* Runs fn(arg) on a fiber until it suspends for the first time or returns. 0 with *fiber the
 * suspended fiber, or NULL if @fn has returned already; -EAGAIN if count_max fibers are in use,
 * -ENOMEM. Not called on a fiber. */
int ouro_fiber_start(struct ouro_fibers *fibers, ouro_fiber_fn fn, void *arg,
		     struct ouro_fiber **fiber);

/* Goes on with a suspended fiber until it suspends again (true) or its function returns (false: the
 * fiber is gone). Not called on a fiber. */
bool ouro_fiber_resume(struct ouro_fiber *fiber);

/* On a fiber: goes back to who started or resumed it last, and returns when it is resumed.
 * The rounding mode and the floating-point traps that are set on a fiber stay its own: they hold
 * again when this returns, and the loop, which must not change its own, never sees them. Before its
 * function returns, a fiber sets back what it has set. */
void ouro_fiber_suspend(struct ouro_fibers *fibers);

/* The fiber that runs now; NULL on the loop's own stack. */
static inline struct ouro_fiber *ouro_fiber_current(const struct ouro_fibers *fibers)
{
	return fibers->current;
}

#endif
