/* Leasing stacks to functions: see fiber/fiber.h. */
#include "fiber/fiber.h"

#include "fiber/sanitize.h"
#include "fiber/switch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	STACK_BYTES_MAX = 1 << 24, /* a slab of them fits any address space */
	/* What one trim does at most: some hundred microseconds of system calls. */
	TRIM_COUNT_MAX = 1024,
	DROP_COUNT_MAX = 256,
	/* So many of the warmest stacks are used all the time, even by a loop that has little to
	 * do; their deeper pages would only be wanted again at once. */
	HOT_COUNT = 32,
};

struct ouro_fiber {
	struct ouro_switch context; /* first */
	struct ouro_fibers *fibers;
	bool suspended;
	struct ouro_stack stack;
	/* Only what is sanitized has use for these. */
	ouro_fiber_fn fn;
	void *arg;
	struct ouro_sanitize sanitize;
};

int ouro_fibers_init(struct ouro_fibers *fibers, const struct ouro_fibers_options *options)
{
	struct ouro_fiber **free_list;

	if (options->stack_bytes == 0 || options->stack_bytes > STACK_BYTES_MAX ||
	    options->count_max == 0)
		return -EINVAL;
	/* There are never more, so that a fiber's end cannot fail for want of memory. */
	free_list = malloc(sizeof(struct ouro_fiber *) * (size_t)options->count_max);
	if (!free_list)
		return -ENOMEM;
	*fibers = (struct ouro_fibers){ .free = free_list, .count_max = options->count_max };
	ouro_stacks_init(&fibers->stacks, (size_t)options->stack_bytes * OURO_FIBER_STACK_FACTOR,
			 sizeof(struct ouro_fiber));
	return 0;
}

void ouro_fibers_fini(struct ouro_fibers *fibers)
{
	assert(!fibers->current);
	assert(fibers->used_count == 0);
	for (uint32_t i = 0; i < fibers->free_count; i++)
		ouro_sanitize_fini(&fibers->free[i]->sanitize);
	ouro_stacks_fini(&fibers->stacks);
	free(fibers->free);
}

/* A fiber on a stack that had none. */
static int make_fiber(struct ouro_fibers *fibers, struct ouro_fiber **made)
{
	struct ouro_stack stack;
	struct ouro_fiber *fiber;
	int err;

	if (fibers->used_count == fibers->count_max)
		return -EAGAIN;
	err = ouro_stacks_get(&fibers->stacks, &stack);
	if (err)
		return err;
	fiber = (struct ouro_fiber *)(void *)stack.high;
	ouro_switch_init(&fiber->context);
	fiber->fibers = fibers;
	fiber->suspended = false;
	fiber->stack = stack;
	ouro_sanitize_init(&fiber->sanitize, stack.low, stack.high);
	fibers->free_min = 0;
	*made = fiber;
	return 0;
}

/* What is on the fiber's stack goes; the fiber lies there itself. */
static void unmake_fiber(struct ouro_fibers *fibers, struct ouro_fiber *fiber)
{
	ouro_sanitize_fini(&fiber->sanitize);
	ouro_stacks_put(&fibers->stacks, &fiber->stack);
}

static inline int lease_fiber(struct ouro_fibers *fibers, struct ouro_fiber **leased)
{
	if (fibers->free_count > 0) {
		*leased = fibers->free[--fibers->free_count];
		if (fibers->free_count < fibers->free_min)
			fibers->free_min = fibers->free_count;
	} else {
		int err = make_fiber(fibers, leased);

		if (err)
			return err;
	}
	if (++fibers->used_count > fibers->used_max)
		fibers->used_max = fibers->used_count;
	ouro_sanitize_lease(&(*leased)->sanitize);
	return 0;
}

static inline void release_fiber(struct ouro_fibers *fibers, struct ouro_fiber *fiber)
{
	ouro_sanitize_release(&fiber->sanitize);
	fibers->free[fibers->free_count++] = fiber;
	fibers->used_count--;
}

/* What a fiber runs where sanitizers must hear of it. */
static void run_sanitized(void *arg)
{
	struct ouro_fiber *fiber = arg;

	ouro_sanitize_enter_fiber(&fiber->sanitize);
	fiber->fn(fiber->arg);
	ouro_sanitize_leave_fiber(&fiber->sanitize, true);
}

int ouro_fiber_start(struct ouro_fibers *fibers, ouro_fiber_fn fn, void *arg,
		     struct ouro_fiber **started)
{
	struct ouro_fiber *fiber;
	bool suspended;
	int err;

	assert(!fibers->current);
	err = lease_fiber(fibers, &fiber);
	if (err)
		return err;
	if (OURO_FIBER_SANITIZED) {
		fiber->fn = fn;
		fiber->arg = arg;
		fn = run_sanitized;
		arg = fiber;
	}
	fibers->current = fiber;
	ouro_sanitize_leave_loop(&fiber->sanitize);
	suspended = ouro_switch_start(&fiber->context, fn, arg, fiber->stack.low);
	ouro_sanitize_enter_loop(&fiber->sanitize);
	fibers->current = NULL;
	if (!suspended)
		release_fiber(fibers, fiber);
	*started = suspended ? fiber : NULL;
	return 0;
}

bool ouro_fiber_resume(struct ouro_fiber *fiber)
{
	struct ouro_fibers *fibers = fiber->fibers;
	bool suspended;

	assert(!fibers->current);
	assert(fiber->suspended);
	fibers->current = fiber;
	ouro_sanitize_leave_loop(&fiber->sanitize);
	suspended = ouro_switch_resume(&fiber->context);
	ouro_sanitize_enter_loop(&fiber->sanitize);
	fibers->current = NULL;
	if (!suspended)
		release_fiber(fibers, fiber);
	return suspended;
}

void ouro_fiber_suspend(struct ouro_fibers *fibers)
{
	struct ouro_fiber *fiber = fibers->current;

	assert(fiber);
	fiber->suspended = true;
	ouro_sanitize_leave_fiber(&fiber->sanitize, false);
	ouro_switch_suspend(&fiber->context);
	ouro_sanitize_enter_fiber(&fiber->sanitize);
	fiber->suspended = false;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Stacks below @free_min lost their depth when they were last between it and the end. */
static void drop_deep(struct ouro_fibers *fibers)
{
	uint32_t begin = fibers->free_min, end = fibers->free_count;

	end = end > HOT_COUNT ? end - HOT_COUNT : 0;
	if (end > begin + DROP_COUNT_MAX)
		end = begin + DROP_COUNT_MAX;
	for (uint32_t i = begin; i < end; i++)
		ouro_stacks_drop_deep(&fibers->stacks, &fibers->free[i]->stack);
}

void ouro_fibers_trim(struct ouro_fibers *fibers)
{
	uint32_t count = least(fibers->free_min / 2 + fibers->free_min % 2, TRIM_COUNT_MAX);

	drop_deep(fibers);
	for (uint32_t i = 0; i < count; i++)
		unmake_fiber(fibers, fibers->free[i]);
	fibers->free_count -= count;
	memmove(fibers->free, fibers->free + count,
		sizeof(struct ouro_fiber *) * (size_t)fibers->free_count);
	fibers->free_min = fibers->free_count;
	ouro_stacks_flush(&fibers->stacks);
}
