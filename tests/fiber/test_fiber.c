/* Tests of fiber/fiber.h: starting, suspending, resuming, limits. */
#include "fiber/fiber.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct ouro_fibers fibers;
static char trace[64];

static void set_up(uint32_t count_max)
{
	struct ouro_fibers_options options = { .stack_bytes = 65536, .count_max = count_max };

	cr_assert_eq(ouro_fibers_init(&fibers, &options), 0);
}

static void note(const char *what)
{
	strncat(trace, what, sizeof(trace) - strlen(trace) - 1);
}

static void note_it(void *what)
{
	note(what);
}

static void note_and_suspend(void *what)
{
	note(what);
	ouro_fiber_suspend(&fibers);
	note(what);
	ouro_fiber_suspend(&fibers);
	note(what);
}

static struct ouro_fiber *start(ouro_fiber_fn fn, void *arg)
{
	struct ouro_fiber *fiber;

	cr_assert_eq(ouro_fiber_start(&fibers, fn, arg, &fiber), 0);
	return fiber;
}

Test(fiber, options_out_of_range_are_refused)
{
	struct ouro_fibers_options large = { .stack_bytes = (16 << 20) + 1, .count_max = 1 };

	cr_assert_eq(ouro_fibers_init(&fibers, &large), -EINVAL);
	cr_assert_eq(ouro_fibers_init(&fibers, &(struct ouro_fibers_options){ 0, 1 }), -EINVAL);
	cr_assert_eq(ouro_fibers_init(&fibers, &(struct ouro_fibers_options){ 1, 0 }), -EINVAL);
}

Test(fiber, function_that_returns_leaves_no_fiber)
{
	set_up(1);
	cr_assert_null(start(note_it, "a"));
	cr_assert_str_eq(trace, "a");
	cr_assert_eq(fibers.used_count, 0);
	cr_assert_eq(fibers.free_count, 1);
	ouro_fibers_fini(&fibers);
}

Test(fiber, stack_is_used_again_at_once)
{
	set_up(10);
	for (int i = 0; i < 1000; i++)
		cr_assert_null(start(note_it, ""));
	cr_assert_eq(fibers.free_count, 1);
	cr_assert_eq(fibers.used_max, 1);
	ouro_fibers_fini(&fibers);
}

Test(fiber, two_take_turns)
{
	struct ouro_fiber *a, *b;

	set_up(2);
	a = start(note_and_suspend, "a");
	b = start(note_and_suspend, "b");
	note("-");
	cr_assert(ouro_fiber_resume(b));
	cr_assert(ouro_fiber_resume(a));
	note("-");
	cr_assert_not(ouro_fiber_resume(a));
	cr_assert_not(ouro_fiber_resume(b));
	cr_assert_str_eq(trace, "ab-ba-ab");
	cr_assert_eq(fibers.used_count, 0);
	ouro_fibers_fini(&fibers);
}

static void check_current(void *arg)
{
	struct ouro_fiber **before = arg;

	before[0] = ouro_fiber_current(&fibers);
	ouro_fiber_suspend(&fibers);
	before[1] = ouro_fiber_current(&fibers);
}

Test(fiber, current_is_the_one_that_runs)
{
	struct ouro_fiber *seen[2], *fiber;

	set_up(1);
	fiber = start(check_current, seen);
	cr_assert_not_null(fiber);
	cr_assert_null(ouro_fiber_current(&fibers));
	cr_assert_not(ouro_fiber_resume(fiber));
	cr_assert_eq(seen[0], fiber);
	cr_assert_eq(seen[1], fiber);
	cr_assert_null(ouro_fiber_current(&fibers));
	ouro_fibers_fini(&fibers);
}

/* Calls to itself, so that frames lie between the one that suspends and the fiber's first. */
static int suspend_at_depth(int depth)
{
	if (depth == 0)
		ouro_fiber_suspend(&fibers);
	else
		depth += suspend_at_depth(depth - 1);
	return depth;
}

static void suspend_deep(void *sum)
{
	*(int *)sum = suspend_at_depth(10);
}

static bool resume_at_depth(struct ouro_fiber *fiber, volatile int depth)
{
	bool suspended = depth == 0 ? ouro_fiber_resume(fiber) : resume_at_depth(fiber, depth - 1);

	depth = 0;
	return suspended;
}

Test(fiber, returns_to_who_resumed_it_not_who_started_it)
{
	int sum = 0;
	struct ouro_fiber *fiber;

	set_up(1);
	fiber = start(suspend_deep, &sum);
	cr_assert_not(resume_at_depth(fiber, 20));
	cr_assert_eq(sum, 55);
	ouro_fibers_fini(&fibers);
}

Test(fiber, more_than_count_max_are_refused)
{
	struct ouro_fiber *a, *b, *none = NULL;

	set_up(2);
	a = start(note_and_suspend, "");
	b = start(note_and_suspend, "");
	cr_assert_eq(ouro_fiber_start(&fibers, note_it, "no", &none), -EAGAIN);
	cr_assert_str_eq(trace, "");
	cr_assert_eq(fibers.used_count, 2);
	while (ouro_fiber_resume(a))
		;
	cr_assert_null(start(note_it, "yes"));
	cr_assert_str_eq(trace, "yes");
	while (ouro_fiber_resume(b))
		;
	ouro_fibers_fini(&fibers);
}

Test(fiber, counts_are_kept)
{
	struct ouro_fiber *started[40];

	set_up(100);
	for (int i = 0; i < 40; i++)
		started[i] = start(note_and_suspend, "");
	cr_assert_eq(fibers.used_count, 40);
	cr_assert_eq(fibers.free_count, 0);
	cr_assert_geq(fibers.stacks.mapped_bytes, 40 * 65536);
	for (int i = 0; i < 30; i++)
		while (ouro_fiber_resume(started[i]))
			;
	cr_assert_eq(fibers.used_count, 10);
	cr_assert_eq(fibers.free_count, 30);
	cr_assert_eq(fibers.used_max, 40);
	for (int i = 30; i < 40; i++)
		while (ouro_fiber_resume(started[i]))
			;
	ouro_fibers_fini(&fibers);
}
