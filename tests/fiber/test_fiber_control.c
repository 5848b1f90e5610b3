/* What the floating-point units are set to stays on its side of a switch: fiber/fiber.h. */
#include "fiber/fiber.h"
#include "fiber/guard.h"

#include <criterion/criterion.h>
#include <fenv.h>

static struct ouro_fibers fibers;

static struct ouro_fiber *start(ouro_fiber_fn fn, void *arg)
{
	struct ouro_fibers_options options = { .stack_bytes = 65536, .count_max = 1 };
	struct ouro_fiber *fiber;

	cr_assert_eq(ouro_fibers_init(&fibers, &options), 0);
	cr_assert_eq(ouro_fiber_start(&fibers, fn, arg, &fiber), 0);
	return fiber;
}

static void round_upward(void *seen)
{
	fesetround(FE_UPWARD);
	ouro_fiber_suspend(&fibers);
	*(int *)seen = fegetround();
	fesetround(FE_TONEAREST);
}

Test(fiber_control, rounding_mode_of_a_fiber_is_its_own)
{
	int seen = -1;
	struct ouro_fiber *fiber = start(round_upward, &seen);

	cr_assert_eq(fegetround(), FE_TONEAREST);
	cr_assert_not(ouro_fiber_resume(fiber));
	cr_assert_eq(seen, FE_UPWARD);
	cr_assert_eq(fegetround(), FE_TONEAREST);
	ouro_fibers_fini(&fibers);
}

static void look_at_rounding(void *seen)
{
	((int *)seen)[0] = fegetround();
	ouro_fiber_suspend(&fibers);
	((int *)seen)[1] = fegetround();
}

Test(fiber_control, fiber_begins_with_the_loops_rounding_mode)
{
	int seen[2] = { -1, -1 };
	struct ouro_fiber *fiber;

	fesetround(FE_DOWNWARD);
	fiber = start(look_at_rounding, seen);
	cr_assert_not(ouro_fiber_resume(fiber));
	cr_assert_eq(seen[0], FE_DOWNWARD);
	cr_assert_eq(seen[1], FE_DOWNWARD);
	cr_assert_eq(fegetround(), FE_DOWNWARD);
	fesetround(FE_TONEAREST);
	ouro_fibers_fini(&fibers);
}

static void round_upward_and_escape(void *guard)
{
	fesetround(FE_UPWARD);
	ouro_guard_escape(guard);
}

Test(fiber_control, escape_takes_the_rounding_mode_back)
{
	struct ouro_guard guard;

#ifdef OURO_FIBER_UCONTEXT
	cr_skip_test("longjmp() does not");
#endif
	cr_assert_not(ouro_guard_call(&guard, round_upward_and_escape, &guard));
	cr_assert_eq(fegetround(), FE_TONEAREST);
}

#ifdef __x86_64__
static uint16_t x87_control(void)
{
	uint16_t word;

	__asm__ volatile("fnstcw %0" : "=m"(word));
	return word;
}

static void set_x87_control(uint16_t word)
{
	__asm__ volatile("fldcw %0" : : "m"(word));
}

/* Only the x87 unit, so that a comparison of the other's word alone does not do. */
static void lower_precision(void *seen)
{
	uint16_t before = x87_control();

	set_x87_control((uint16_t)(before & ~0x300));
	ouro_fiber_suspend(&fibers);
	*(int *)seen = x87_control();
	set_x87_control(before);
}

Test(fiber_control, x87_precision_of_a_fiber_is_its_own)
{
	int seen = -1;
	uint16_t before = x87_control();
	struct ouro_fiber *fiber = start(lower_precision, &seen);

	cr_assert_eq(x87_control(), before);
	cr_assert_not(ouro_fiber_resume(fiber));
	cr_assert_eq(seen, before & ~0x300);
	cr_assert_eq(x87_control(), before);
	ouro_fibers_fini(&fibers);
}
#endif
